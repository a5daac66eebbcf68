"""Runs to which nothing new arrived: what is published stays, unless it is not whole any more."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pages.report import page
from tests.support import state
from tests.support.command import run_c360
from tests.support.steps import Driver

FILES = {
    "Stores": "StoreID,Location,Manager,OpenHours\n1,Oslo,Ann,9-17\n",
    "InStoreTransactions": (
        "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod\n"
        "1,1,1,2026-01-02 10:00,10.00,Cash\n"
    ),
}
# The command, which then tells what it has loaded of packages that take long to.
COMMAND = """
import atexit, sys
from flows import cli
slow = {"azure", "dbt", "pandas", "plotly", "prefect"}
@atexit.register
def tell():
    print("loaded", *sorted(slow & {name.partition(".")[0] for name in sys.modules}))
cli.main()
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published batch, its files beside it; to be copied, not changed."""
    work = tmp_path_factory.mktemp("begun")
    sent = work / "in"
    sent.mkdir()
    for name, text in FILES.items():
        (sent / f"{name}.csv").write_text(text)
    run = run_c360("run", "--input", sent, "--home", work / "home")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    return work


@pytest.fixture
def home(begun: Path) -> Iterator[Path]:
    """The home, put back afterwards: the views in it name its files by their full paths."""
    saved = begun / "saved"
    shutil.copytree(begun / "home", saved)
    yield begun / "home"
    shutil.rmtree(begun / "home", ignore_errors=True)
    saved.rename(begun / "home")


def files(home: Path) -> dict[str, tuple[int, int]]:
    """Return all files of a home but logs of runs, each with what tells that it was written."""
    return {
        name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in home.rglob("*")
        if path.is_file()
        for name in [path.relative_to(home).as_posix()]
        if not name.startswith(("logs/", "lake/runs/")) and name != "run.lock"
    }


def version(home: Path) -> str:
    record = state.published(home)
    assert record
    return record["version"]


def log_of_last_run(home: Path) -> str:
    *_, last = sorted((home / "logs").glob("2*.log"))
    return last.read_text()


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_changes_and_it_takes_no_time(home: Path, begun: Path) -> None:
    before, of = files(home), version(home)
    began = time.monotonic()
    run = command("run", "--input", begun / "in", "--home", home)
    took = time.monotonic() - began
    assert (run.returncode, run.stderr) == (0, "")
    assert f"✓ Nothing new arrived: {of} stays published" in run.stdout
    assert "in_store_transactions  " in run.stdout
    assert str(home / "report/index.html") in run.stdout
    assert "Average order value" not in run.stdout
    assert run.stdout.splitlines()[-1] == "loaded"
    assert files(home) == before
    assert took < 10, "two seconds where nothing else runs"


def test_what_a_command_does_not_need_is_not_loaded(home: Path) -> None:
    run = command("run", "--full", "--home", home)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "loaded dbt plotly"
    assert "leaked" not in run.stderr
    assert command("status", "--home", home).stdout.splitlines()[-1] == "loaded"
    assert command("batches", "--home", home).stdout.splitlines()[-1] == "loaded"


def test_the_report_alone_is_written_without_personal_data(driver: Driver, home: Path) -> None:
    before, of = files(home), version(home)
    run = run_c360("run", "--no-pii", "--home", home)
    assert run.returncode == 0, run.stderr
    assert "✓ Wrote the report" in run.stdout
    assert "Nothing new arrived" in run.stdout
    after = files(home)
    assert {name for name in after if after[name] != before.get(name)} == {"report/index.html"}
    assert page.is_of(home / "report", of, personal_data=False)
    assert not (home / "staging").exists()
    shutil.rmtree(home / "report")
    assert driver.run("--home", home).returncode == 0
    assert version(home) == of
    assert page.is_of(home / "report", of, personal_data=True)


def lose_the_documentation(home: Path) -> None:
    shutil.rmtree(home / "docs")


def lose_rows(home: Path) -> None:
    shutil.rmtree(home / "lake/silver/stores")


def lose_the_warehouse(home: Path) -> None:
    (home / "warehouse.duckdb").unlink()


def make_a_table(home: Path) -> None:
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.execute("create table mine as select 42 as answer")


@pytest.mark.parametrize(
    "change", [lose_the_documentation, lose_rows, lose_the_warehouse, make_a_table]
)
def test_what_is_not_whole_or_was_changed_is_built_again(
    driver: Driver, home: Path, change: Any
) -> None:
    before, of = state.relations(home), version(home)
    change(home)
    run = driver.run("--home", home)
    assert run.returncode == 0, run.errors
    assert "not as the run before left it" in log_of_last_run(home)
    assert version(home) > of
    assert (home / "docs/index.html").exists()
    assert not state.differences(state.relations(home), before)
    again = version(home)
    assert driver.run("--home", home).returncode == 0
    assert version(home) == again
    if change is make_a_table:
        with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
            assert connection.execute("from mine").fetchall() == [(42,)]


def test_a_copy_of_a_home_is_built_where_it_stands(
    driver: Driver, home: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(home, tmp_path / "copy")
    run = driver.run("--home", copy)
    assert run.returncode == 0, run.errors
    assert version(copy) > version(home)
    with duckdb.connect(copy / "warehouse.duckdb", read_only=True) as connection:
        views = connection.execute("select sql from duckdb_views() where not internal").fetchall()
    assert any(str(copy) in sql for (sql,) in views)
    assert not any(str(home) in sql for (sql,) in views)


def test_everything_is_built_anew_on_request(driver: Driver, home: Path) -> None:
    before, of = state.relations(home), version(home)
    run = driver.run("--full", "--home", home)
    assert run.returncode == 0, run.errors
    assert version(home) > of
    assert not state.differences(state.relations(home), before)
