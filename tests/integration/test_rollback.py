"""Two days, back to the first and forward again; the run after a rollback says so."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from demo.generator import generate
from tests.support.command import run_c360
from tests.support.state import batches, differences, leftovers, published, state
from tests.support.steps import Driver

SHOWN = (
    "warehouse.duckdb",
    "docs/index.html",
    "report/index.html",
    "lake/silver/published.json",
    "lake/identity/published.json",
)


@dataclass
class Days:
    """A home after two days, and what people opened after each of them."""

    home: Path
    shown: list[dict[str, str]]
    versions: list[str]


def shown(home: Path) -> dict[str, str]:
    return {name: hashlib.sha256((home / name).read_bytes()).hexdigest() for name in SHOWN}


def version(home: Path) -> str:
    record = published(home)
    assert record
    return record["version"]


@pytest.fixture(scope="module")
def days(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Days:
    work = tmp_path_factory.mktemp("rollback")
    days = Days(work / "home", [], [])
    for number in (1, 2):
        folder = work / str(number)
        generate(folder, transactions=400, dirt=0.05, batch=number)
        run = driver.run("--input", folder, "--home", days.home)
        assert run.returncode == 0, run.errors
        days.shown.append(shown(days.home))
        days.versions.append(version(days.home))
    return days


def c360(*arguments: object) -> str:
    run = run_c360(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return " ".join(run.stdout.split())


def test_back_forward_and_on(days: Days) -> None:
    home, (first, second) = days.home, days.versions
    after_two_days = state(home)
    _, newest = batches(home)

    said = c360("rollback", "--home", home)
    assert f"{first} of 20" in said
    assert f"in the place of {second}, which is kept" in said
    assert f"takes in again what it lacks: {newest}." in said
    assert "`c360 retract BATCH`" in said
    assert shown(home) == days.shown[0]
    assert leftovers(home) == []
    assert 'data-personal-data="yes"' in (home / "report/index.html").read_text()

    listed = c360("versions", "--home", home)
    assert re.search(rf"{second} \S+ 2 kept since", listed)
    assert re.search(rf"{first} \S+ 1 published; rolled back to by", listed)

    status = json.loads(c360("status", "--json", "--home", home))
    assert (status["version"], status["rolled_back"]["from"]) == (first, second)
    assert status["batches_to_build"] == [newest]
    assert [each["version"] for each in status["kept"]] == [second]
    customers = next(each for each in status["rows"] if each["entity"] == "customers")
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        counted = connection.execute("select count(*) from silver.customers").fetchone()
    assert (customers["published"],) == counted
    assert status["bytes"]["warehouse"] == (home / "warehouse.duckdb").stat().st_size
    assert status["bytes"]["kept_versions"] > status["bytes"]["warehouse"] / 2
    silver = [path for path in (home / "lake/silver").rglob("*") if path.is_file()]
    assert status["bytes"]["silver"] == sum(path.stat().st_size for path in silver)
    assert f"Rolled back by {status['rolled_back']['by']}" in c360("status", "--home", home)

    c360("rollback", second, "--home", home)
    assert shown(home) == days.shown[1]
    c360("rollback", "--home", home)
    assert shown(home) == days.shown[0]

    # The next run has nothing new to land, and yet what the version lacks is in bronze.
    said = c360("run", "--home", home)
    assert re.search(
        rf"! {first} was published again by \S+ at \S+, in the place of {second}", said
    )
    assert f"takes in again what that lacks: {newest}." in said
    wrong = differences(state(home), after_two_days)
    assert not wrong, wrong
    assert leftovers(home) == []
    assert "rolled back" not in c360("versions", "--home", home)
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        runs = connection.execute(
            "select run_id, outcome, batch_id, any_value(rows_arrived), count(*) > 5,"
            " bool_and(seconds >= 0), max(ended_at) >= min(started_at)"
            " from marts.run_history group by all order by run_id"
        ).fetchall()
        came = dict(
            connection.execute(
                "select batch_id, sum(row_count) from (select _batch_id as batch_id, count(*) as"
                " row_count from bronze.online_transactions group by all) group by all"
            ).fetchall()
        )
    assert [run[:3] for run in runs] == [
        (first, "published", first),
        (second, "published", second),
        (version(home), "published", None),
    ]
    assert {run[4:] for run in runs} == {(True, True, True)}
    assert all(run[3] > came[run[2]] for run in runs[:2])
    third, last = version(home), shown(home)

    # A report that says less than the one that was published then is written anew.
    c360("rollback", "--no-pii", "--home", home)
    now = shown(home)
    assert {name for name in now if now[name] != days.shown[0][name]} == {"report/index.html"}
    assert 'data-personal-data="no"' in (home / "report/index.html").read_text()
    c360("rollback", third, "--home", home)
    assert shown(home) == last

    # Back once more; with the batch taken back there is nothing to build, and nothing changes.
    c360("rollback", "--home", home)
    said = c360("retract", newest, "--home", home)
    assert f"Nothing new arrived: {first} stays published" in said
    assert shown(home) == days.shown[0]
