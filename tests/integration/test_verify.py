"""`c360 verify` finds what differs from a build of everything, and changes nothing."""

import shutil
from pathlib import Path

import duckdb
import pytest

from ingest.batches import retract
from lake.local import LocalLake
from tests.integration.conftest import Arrival
from tests.support.command import run_installed


@pytest.fixture
def home(first: Arrival, tmp_path: Path) -> Path:
    """A copy of what the first run published."""
    return shutil.copytree(first.home, tmp_path / "home")


def test_what_differs_is_told_row_by_row_and_stays(home: Path) -> None:
    warehouse = home / "warehouse.duckdb"
    saved = shutil.copyfile(warehouse, home.parent / "warehouse.duckdb")
    with duckdb.connect(warehouse) as connection:
        ((order, line, amount),) = connection.execute(
            "update gold.fct_online_transactions set amount = amount + 1 where order_id = "
            "(select min(order_id) from gold.fct_online_transactions) and line_number = 1 "
            "returning order_id, line_number, amount"
        ).fetchall()
        connection.execute("delete from gold.dim_agents where agent_id = -1")
        connection.execute("create table marts.of_somebody as select 1 as one")
        connection.execute("alter table gold.dim_stores add column more integer")
    changed = warehouse.read_bytes()

    run = run_installed("verify", "--home", home)
    assert run.returncode == 1, run.stdout + run.stderr
    told = run.stdout.splitlines()
    where = told.index("gold.fct_online_transactions: 1 row only published, 1 row only built anew")
    assert told[where + 1 : where + 3] == [
        f"  only published: order_id {order}, line_number {line}, amount {amount}",
        f"  only built anew: order_id {order}, line_number {line}, amount {amount - 1}",
    ]
    assert "gold.dim_agents: 0 rows only published, 1 row only built anew" in told
    assert any(line.startswith("marts.of_somebody: only published") for line in told)
    assert "gold.dim_stores: columns differ: more is INTEGER published, not built anew" in told
    assert not [line for line in told if line.startswith(("silver.", "reference."))]
    assert "`c360 run --full`" in run.stderr
    assert warehouse.read_bytes() == changed
    assert not (home / "staging").exists()

    shutil.copyfile(saved, warehouse)
    before = {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*")}
    run = run_installed("verify", "--home", home)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "relations are what a build of everything gives" in run.stdout.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*")} == before


def test_what_is_published_has_to_be_of_what_is_in_the_lake(home: Path, first: Arrival) -> None:
    retract(LocalLake(home / "lake"), first.batch_id)
    run = run_installed("verify", "--home", home)
    assert run.returncode == 1
    assert "1 batch went. Run `c360 run` first" in run.stderr


def test_a_home_without_anything_and_azure_are_told_what_to_do(tmp_path: Path) -> None:
    assert "Nothing is published" in run_installed("verify", "--home", tmp_path).stderr
    assert "`c360 run --target azure --full`" in run_installed("verify", "--target", "azure").stderr
