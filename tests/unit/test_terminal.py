"""What comes from data or file names is text on a terminal, and never an instruction to it."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows.customer import print_customer
from flows.progress import Progress, logged_to
from flows.status import print_status
from flows.summary import Summary, print_summary
from lake.errors import C360Error, QuarantinedError, told, visible
from tests.support.marts import NO_ANSWERS, make_customers
from warehouse.answers import Average, EntityCounts, Note
from warehouse.home import Home

# Clears the screen, names the window, turns text red, rings, goes back, turns the text around.
EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\x08\r\u202eb [red]c[/] :heart: \\"
SHOWN = r"a\x1b[2J\x1b]0;owned\x07\x9b31m\x08\r\u202eb [red]c[/] :heart: " + "\\"


@pytest.fixture
def console() -> Console:
    """A terminal that understands everything, as wide as it takes."""
    return Console(file=io.StringIO(), width=400, force_terminal=True, color_system=None)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    assert visible(text) == text.replace("\n", r"\n")
    return text


def test_in_the_summary(console: Console, tmp_path: Path) -> None:
    answers = replace(
        NO_ANSWERS,
        counts=[EntityCounts(EVIL, 1, 1, 0, 0)],
        averages=[Average("category", EVIL, 1, Decimal(1), Decimal(1), 1)],
        notes=[Note("rejected rows", "customers", 1, None, EVIL), Note("n", EVIL, 1, None, EVIL)],
    )
    places = {"lake": f"/home/{EVIL}"}
    print_summary(console, Summary(Home(tmp_path), "v", answers, [], [EVIL], [], [], places))
    assert printed(console).count(SHOWN) == 7


def test_in_the_steps(console: Console) -> None:
    progress = Progress(Console(file=console.file, width=400))
    with progress.step(f"Pull {EVIL}"):
        pass
    assert SHOWN in printed(console)


def test_in_the_log_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = logging.StreamHandler()  # as Prefect has one
    logging.getLogger().addHandler(terminal)
    with logged_to(tmp_path / "log"):
        logging.getLogger("ingest.batch").warning("%s was left alone\nbeside \udcff", EVIL)
        try:
            raise QuarantinedError({EVIL: "its header is none"})
        except QuarantinedError:
            logging.getLogger("flows.run").exception("the run failed")
    first, second, *_, last = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(f"WARNING ingest.batch: {SHOWN} was left alone")
    assert second == r"beside \udcff"
    assert SHOWN in last
    logging.getLogger().removeHandler(terminal)
    printed = capsys.readouterr().err
    assert printed.count(SHOWN) == 2
    assert "\x1b" not in printed


def test_in_what_is_known_about_a_customer(console: Console, tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table people as select 1 as customer_id, $x as customer_name, $x as email",
            {"x": EVIL},
        )
        make_customers(connection, "people")
        connection.execute(
            "create table marts.customer_timeline as select 1 as customer_id, "
            "timestamp '2026-01-02 03:04:05' as occurred_at, $x as touchpoint, $x as event, "
            "$x as detail, 1.5 as amount, 7 as reference_id",
            {"x": EVIL},
        )
    print_customer(console, home, "1")
    assert printed(console).count(SHOWN) == 5


def test_in_the_status(console: Console, tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create schema silver")
        connection.execute(
            "create table silver.row_reconciliation as select $x as entity, 1 as bronze_rows, "
            "0 as rejected_rows, 0 as superseded_rows, 1 as silver_rows",
            {"x": EVIL},
        )
    print_status(console, home)
    assert SHOWN in printed(console)


def test_in_an_error() -> None:
    error = QuarantinedError({f"{EVIL}.csv": f"its first line is {EVIL}"})
    error.add_note(f"The log is {EVIL}")
    line = told(error)
    assert not any(ord(letter) < 32 for letter in line)
    assert line.count(r"\x1b[2J\x1b]0;owned\x07\x9b31m\x08") == 3
    assert told(C360Error(line)) == line  # what is told once more stays as it is


def test_letters_of_all_languages_stay() -> None:
    text = "Łódź, naïve, 北京, \u200fעברית, 👩\u200d🔬, 10\xa0%"
    assert visible(text) == text
