"""What a run tells: its steps while it goes on, its summary at the end, what is published."""

import io
import logging
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows.progress import Progress, Step, current, followed, logged_to
from flows.status import print_status
from flows.summary import Summary, places_of, print_summary
from tests.support.marts import make_marts
from warehouse.answers import read_answers
from warehouse.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.prepare()
    make_marts(home.warehouse)
    return home


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(console: Console) -> list[list[str]]:
    return [line.split() for line in printed(console).splitlines()]


def test_the_summary_tells_rows_answers_warnings_times_and_places(
    home: Home, console: Console
) -> None:
    summary = Summary(
        home=home,
        version="v",
        answers=read_answers(home.warehouse),
        absent=["stores"],
        warnings=["Odd [thing] in a.csv"],
        steps=[Step("Land", 1.25, "Landed 2 files"), Step("Build", 2.0, "Built")],
        places=places_of(home),
    )
    print_summary(console, summary)
    told = lines(console)
    assert ["customers", "1,005", "2", "3", "1,000"] in told
    assert ["stores", "never", "arrived"] in told
    assert ["customers", "invalid_key", "2"] in told
    assert "! Odd [thing] in a.csv" in printed(console)
    assert told[told.index(["Superseded", "rows"]) + 1 :][:2] == [
        ["Entity", "Newer", "Identical", "Gone"],
        ["customers", "2", "0", "1"],
    ]
    notes = told.index(["What", "to", "know", "about", "these", "numbers"])
    assert [line[:2] for line in told[notes + 2 : notes + 5]] == [
        ["unknown", "customers"],
        ["unlisted", "status"],
        ["unknown", "agents"],
    ]
    assert told[notes + 2][-3:] == ["2", "5,000.00", "Counted."]
    assert not any(line[:1] == ["absent"] for line in told)
    assert ["all", "3", "6,000.00", "2,000.00"] in told
    assert ["Toys", "[new]", "2", "5,000.00", "2,500.00"] in told
    assert ["10000", "5,000.00", "2", "Gold", "High-Value", "Customer"] in told
    assert not any(line[:1] == ["20000"] for line in told)
    assert ["with", "several", "records", "1", "2", "5,000.00"] in told
    assert ["online", "Monday", "08:00", "7", "25.00", "%"] in told
    assert not any(line[:2] == ["online", "Friday"] for line in told)
    assert "best resolution rate: no data for this yet" in printed(console)
    assert ["Landed", "2", "files", "1.2"] in told
    assert ["Together", "3.2"] in told
    assert str(home.warehouse) in printed(console)


def test_without_answers_rows_warnings_and_places_are_told(home: Home, console: Console) -> None:
    counts = read_answers(home.warehouse).counts
    print_summary(console, Summary(home, "v", None, [], ["Odd"], [], [], {"lake": "there"}, counts))
    assert ["customers", "1,005", "2", "3", "1,000"] in lines(console)
    assert printed(console).endswith("! Odd\n\nWhere everything is\n  lake           there\n")
    assert "Time" not in printed(console)


def test_nothing_is_told_of_notes_where_there_are_none(home: Home, console: Console) -> None:
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("delete from marts.data_notes")
    print_summary(console, Summary(home, "v", read_answers(home.warehouse), [], [], []))
    for title in ("What to know", "Rejected rows", "Superseded rows"):
        assert title not in printed(console)


def test_status_tells_rows(home: Home, console: Console) -> None:
    print_status(console, home)
    assert ["customers", "never", "arrived"] in lines(console)
    assert str(home.lake) in printed(console)


def test_steps_are_told_as_they_end(console: Console) -> None:
    progress = Progress(console)
    with followed(progress):
        with current().step("Land files") as step:
            step.detail("half of it")
            step.done = "Landed 2 files"
        with pytest.raises(ValueError, match="x"), current().step("Build"):
            raise ValueError("x")
    assert "✓ Landed 2 files … 0.0s" in printed(console)
    assert "✗ Build failed … 0.0s" in printed(console)
    assert [step.doing for step in progress.steps] == ["Land files", "Build"]
    assert current() is not progress


def test_a_run_has_its_own_log(tmp_path: Path) -> None:
    with logged_to(tmp_path / "a.log"):
        with Progress().step("Build silver"):
            logging.getLogger("ingest.landing").info("one file")
        logging.getLogger("elsewhere").error("not ours")
    logging.getLogger("flows").error("too late")
    text = (tmp_path / "a.log").read_text()
    assert "Build silver" in text
    assert "one file" in text
    assert "not ours" not in text
    assert "too late" not in text
