"""Batches over time: taken back, released, read again, refused; and homes of the first version."""

import gzip
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import batches as commands
from ingest import batches as in_lake
from ingest.reading import READER
from lake.local import LocalLake
from tests.support import state
from tests.support.command import run_c360
from tests.support.steps import Driver, Outcome
from warehouse.home import Home

STORES = "StoreID,Location,Manager,OpenHours\n"
SALES = "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod\n"


@pytest.fixture(scope="module")
def begun(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published batch, which is to be copied, not changed."""
    work = tmp_path_factory.mktemp("begun")
    sent = send(work / "in", Stores=STORES + "1,Oslo,Ann,9-17\n", InStoreTransactions=sales(1, 3))
    succeed(driver.run("--input", sent, "--home", work / "home"))
    return work / "home"


@pytest.fixture
def home(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "home")


def sales(first: int, count: int, amount: str = "10.00", time: str = "2026-01-02 10:00") -> str:
    return SALES + "".join(f"{n},1,1,{time},{amount},Cash\n" for n in range(first, first + count))


def send(folder: Path, **files: str) -> Path:
    """Write files by the names of their entities; return the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def succeed(run: Outcome) -> str:
    assert run.returncode == 0, run.errors
    return run.output


def fail(run: Outcome) -> str:
    """Return the one line that a failed run tells."""
    assert run.returncode == 1, run.errors
    line = run.errors.splitlines()[-1]
    assert line.startswith("c360: ")
    return line


def answers(home: Path) -> state.State:
    """Return all that is published."""
    return state.relations(home)


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def log_of_last_run(home: Path) -> str:
    *_, last = sorted((home / "logs").glob("2*.log"))
    return last.read_text()


def outcomes(home: Path) -> list[str]:
    listed = in_lake.list_batches(LocalLake(home / "lake"))
    return [each.outcome.partition(" at ")[0] for each in listed]


# Taken back


def test_a_batch_taken_back_is_as_if_it_had_never_arrived(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    before = answers(home)
    changed = {"Stores": STORES + "1,Rome,Bo,9-17\n", "InStoreTransactions": sales(3, 9, "7.50")}
    sent = send(tmp_path / "in", **changed)
    succeed(driver.run("--input", sent, "--home", home))
    assert state.differences(answers(home), before)
    last = state.batches(home)[-1]
    assert commands.retract(Home.at(home), "local", last).batch_id == last
    succeed(driver.run("--home", home))
    assert not state.differences(answers(home), before)
    assert outcomes(home) == ["landed", "retracted"]
    # Nothing of it is lost.
    assert (home / "lake/bronze/stores" / last / "Stores.csv").read_text() == changed["Stores"]


def test_when_the_command_took_all_back_the_answers_are_empty_at_once(home: Path) -> None:
    (batch,) = state.batches(home)
    told = run_c360("retract", batch[:15], "--home", home)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"Retracted {batch}\n")
    assert ask(
        home, "select sum(bronze_rows), sum(silver_rows) from silver.row_reconciliation"
    ) == [(0, 0)]
    assert ask(home, "select count(*) from marts.customer_360") == [(0,)]
    published = state.published(home)
    assert published
    assert published["batches"] == []
    listed = run_c360("batches", "--home", home)
    assert listed.stdout.startswith(f"{batch}\n  retracted at ")


@pytest.mark.parametrize("lost", ["bronze", "bronze/manifests"])
def test_a_lake_that_lost_its_batches_is_no_reason_to_publish_nothing(
    driver: Driver, home: Path, tmp_path: Path, lost: str
) -> None:
    (batch,) = state.batches(home)
    shutil.rmtree(home / "lake" / lost)
    before = _content(home)
    told = fail(driver.run("--home", home))
    assert f"The lake {home}/lake has lost what is published: no manifest of {batch} is" in told
    # New files are no replacement for what is gone.
    sent = send(tmp_path / "in", Stores=STORES + "2,Rome,Bo,9-17\n")
    assert "has lost what is published" in fail(driver.run("--input", sent, "--home", home))
    assert _content(home) == before


def _content(home: Path) -> dict[Path, bytes]:
    """Return the warehouse and all that is in the lake but what runs tell of themselves."""
    files = [home / "warehouse.duckdb", *(home / "lake").rglob("*")]
    runs = home / "lake" / "runs"
    return {path: path.read_bytes() for path in files if path.is_file() and runs != path.parent}


# Quarantine


def test_a_file_leaves_quarantine_once_its_declaration_was_mended(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    sent = send(tmp_path / "in", Agents="AgentID~Name~Department~Shift\n7~Cy~Sales~Day\n")
    told = fail(driver.run("--input", sent, "--home", home))
    assert "1 input is in quarantine; correct and send again. Agents.csv: " in told
    assert outcomes(home) == ["landed", "1 in quarantine"]
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {agents: {delimiter: '~'}}")
    done = commands.release(Home.at(home), "local", None, sources)
    assert (len(done.records), done.refused) == (1, {})
    succeed(driver.run("--home", home, environment={"C360_SOURCES": str(sources)}))
    assert ask(home, "select agent_id, agent_name from silver.agents") == [(7, "Cy")]
    assert outcomes(home) == ["landed", "1 released", "landed"]


# Read again


def test_files_are_read_again_when_their_declaration_changes(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    sent = send(tmp_path / "in", InStoreTransactions=sales(10, 5, time="05/04/2026 10:00"))
    succeed(driver.run("--input", sent, "--home", home))
    days = "select distinct cast(purchased_at as date)::text from silver.in_store_transactions "
    where = "where transaction_id >= 10"
    assert ask(home, days + where) == [("2026-05-04",)]
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {in_store_transactions: {dates: dmy}}")
    declared = {"C360_SOURCES": str(sources)}
    succeed(driver.run("--home", home, environment=declared))
    assert ask(home, days + where) == [("2026-04-05",)]
    again = "Read again 2 files: the declaration of in_store_transactions changed"
    assert again in log_of_last_run(home)


def test_what_is_declared_of_the_rows_holds_for_those_that_are_there(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {in_store_transactions: {keys: text, unknown_keys: [1]}}")
    succeed(driver.run("--home", home, environment={"C360_SOURCES": str(sources)}))
    purchases = "select transaction_id, customer_id from gold.fct_in_store_transactions order by 1"
    assert ask(home, purchases) == [("1", -1), ("2", -1), ("3", -1)]
    assert "Read again" not in log_of_last_run(home)
    published = state.published(home)
    assert published
    assert published["text_keys"] == ["in_store_transactions"]
    # By hand it is as the last run had it declared.
    built = driver.dbt(
        *("build", "--select", "fct_in_store_transactions"),
        environment={"C360_HOME": str(home), "DBT_TARGET_PATH": str(tmp_path / "target")},
    )
    assert built.returncode == 0, built.output
    assert ask(home, purchases)[0] == ("1", -1)
    succeed(driver.run("--home", home))
    assert ask(home, purchases) == [(1, -1), (2, -1), (3, -1)]  # who never came
    assert ask(home, "select sum(unknown) from (select 1 as unknown from silver.unknown_keys)") == [
        (None,)
    ]


def test_history_goes_on_when_keys_become_text(driver: Driver, home: Path, tmp_path: Path) -> None:
    people = "CustomerID,Name,Email,Address\n1,Ann,ann@example.com,x\n2,Bo,bo@example.com,x\n"
    succeed(driver.run("--input", send(tmp_path / "in", Customers=people), "--home", home))
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {customers: {keys: text}}")
    people = people.replace("Ann,", "Anne,") + "A-3,Cy,cy@example.com,x\n"
    as_text = {"C360_SOURCES": str(sources)}
    sent = send(tmp_path / "in", Customers=people)
    succeed(driver.run("--input", sent, "--home", home, environment=as_text))
    history = (
        "select customer_id, customer_name, is_current from silver.customers_history order by all"
    )
    now = [("1", "Ann", False), ("1", "Anne", True), ("2", "Bo", True), ("A-3", "Cy", True)]
    assert ask(home, history) == now
    # Back again: A-3 is no whole number, and whoever was one is.
    succeed(driver.run("--home", home))
    assert ask(home, history) == [(1, "Ann", False), (1, "Anne", True), (2, "Bo", True)]


# Most of what arrived cannot be used


def test_a_run_stops_when_most_rows_cannot_be_used_until_it_is_told_to_go_on(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    before = answers(home)
    wrong = sales(100, 30, time="noon") + sales(200, 10).removeprefix(SALES)
    sent = send(tmp_path / "in", InStoreTransactions=wrong)
    said = (
        "Nothing was published. in_store_transactions: 30 of the 40 new rows cannot be used "
        "(invalid_datetime 30), such as DateTime 'noon'."
    )
    assert said in fail(driver.run("--input", sent, "--home", home))
    assert not state.differences(answers(home), before)
    # It has landed, and the next run has not forgotten.
    told = fail(driver.run("--home", home))
    assert said in told
    assert "declare dates, datetime_formats or epoch under files.in_store_transactions" in told
    succeed(driver.run("--home", home, "--accept-rejected"))
    assert ask(home, "select count(*) from silver.in_store_transactions") == [(13,)]


# A home of an earlier version


def test_a_home_of_the_version_before_is_built_anew_and_told_so(driver: Driver, home: Path) -> None:
    before = answers(home)
    place = home / "lake/silver/published.json"
    published = json.loads(place.read_bytes())
    del published["code"], published["text_keys"]  # which it did not know
    for name in ("superseded_rows", "unreadable_values", "unknown_keys"):
        del published["entities"][name]
    place.write_text(json.dumps(published))
    (manifest,) = (home / "lake/bronze/manifests").glob("*.json")
    read_by = manifest.read_text()
    assert f'"reader": {READER}' in read_by
    manifest.write_text(read_by.replace(f'"reader": {READER}', '"reader": 2'))
    (home / "lake/bronze/declared.json").unlink()
    succeed(driver.run("--home", home))
    log = log_of_last_run(home)
    assert "Read again 2 files: they were read by an earlier version" in log
    assert "The project is not the one that built what is published" in log
    assert not state.differences(answers(home), before)
    succeed(driver.run("--home", home))
    assert "earlier version" not in log_of_last_run(home)
    assert "not the one that built" not in log_of_last_run(home)
    assert "Nothing new arrived" in log_of_last_run(home)
    assert state.leftovers(home) == []


def test_a_home_that_the_first_version_left_dead_works_again(
    driver: Driver, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first, second = (f"2026010{day}T000000Z-aaaaaa" for day in (1, 2))
    stores = STORES.replace("OpenHours", "OpenHours,filename") + "1,Oslo,Ann,9-17,x\n"
    whole = STORES + "2,Rome,Bo,9-17\n3,Bergen\n"
    commented = _gzip_with_comment(b"AgentID,Name,Department,Shift\n7,Cy,Sales,Day\n")
    _write(home, f"bronze/stores/{first}/Stores.csv", stores.encode())
    _write(home, f"bronze/stores/{second}/Stores_2.csv", whole.replace("3,Bergen\n", "").encode())
    _write(home, f"bronze/_originals/stores/{second}/Stores_2.csv", whole.encode())
    _write(home, f"bronze/_malformed/stores/{second}/Stores_2.csv.jsonl", b"{}\n")
    _write(home, f"bronze/agents/{second}/Agents.csv.gz", commented)
    for batch, files in (
        (first, {"Stores.csv": "stores"}),
        (second, {"Stores_2.csv": "stores", "Agents.csv.gz": "agents"}),
    ):
        records = [
            {
                "entity": entity,
                "source": name,
                "path": f"bronze/{entity}/{batch}/{name}",
                "format": "csv",
                "sha256": name,
                "bytes": 1,
                "rows": 1,
                "longest_record": 40,
                "parallel_safe": True,
            }
            for name, entity in files.items()
        ]
        told = {"batch_id": batch, "created_at": "2026-01-01T00:00:00Z", "files": records}
        _write(home, f"bronze/_manifests/{batch}.json", json.dumps(told).encode())
    succeed(driver.run("--home", home))
    assert ask(home, "select store_id, location from silver.stores order by all") == [
        (1, "Oslo"),
        (2, "Rome"),
    ]
    assert ask(home, "select entity, reason from silver.rejected_rows") == [
        ("stores", "malformed_line")
    ]
    assert ask(home, "select agent_id from silver.agents") == [(7,)]
    assert "Read again 3 files" in log_of_last_run(home)
    assert state.leftovers(home) == []
    assert [path.name for path in (home / "lake").rglob("_*")] == []


def _write(home: Path, path: str, content: bytes) -> None:
    place = home / "lake" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _gzip_with_comment(content: bytes) -> bytes:
    """Return a gzip file with a comment in its header, as some tools write it."""
    packed = gzip.compress(content, mtime=0)
    assert zlib.decompress(packed, 31) == content
    return packed[:3] + b"\x10" + packed[4:10] + b"a comment\0" + packed[10:]
