"""dbt by hand works on the warehouse that a run published."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tests.integration.conftest import Arrival
from tests.support.command import C360
from warehouse.home import project_dir

COUNTS = "select count(*), sum(total_orders), sum(total_spend) from marts.customer_360"


def dbt(home: Path, work: Path, *arguments: str) -> None:
    """Run dbt by hand, from the project's folder, on a home that is named relative to it."""
    run = subprocess.run(
        [C360.with_name("dbt"), *arguments, "--target-path", str(work / "target")],
        cwd=project_dir(),
        env=os.environ | {"C360_HOME": os.path.relpath(home, project_dir())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_a_build_in_a_relative_home_gives_the_same_and_publishes_nothing(
    first: Arrival, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(first.home / "lake", home / "lake")
    shutil.copyfile(first.home / "warehouse.duckdb", home / "warehouse.duckdb")
    published = (home / "lake" / "silver" / "published.json").read_bytes()
    dbt(home, tmp_path, "build")
    with (
        duckdb.connect(first.home / "warehouse.duckdb", read_only=True) as before,
        duckdb.connect(home / "warehouse.duckdb", read_only=True) as after,
    ):
        assert after.execute(COUNTS).fetchone() == before.execute(COUNTS).fetchone()
        views = "select sql from duckdb_views() where not internal and contains(sql, '.parquet')"
        reading = [sql for (sql,) in after.execute(views).fetchall()]
        assert len(reading) > 30
        assert all(f"'{home}/lake/" in sql for sql in reading)
        assert not any(f"'{first.home}/" in sql for sql in reading)
    assert (home / "lake" / "silver" / "published.json").read_bytes() == published

    dbt(home, tmp_path, "source", "freshness")
    results = json.loads((tmp_path / "target" / "sources.json").read_bytes())["results"]
    arrived = datetime.strptime(first.batch_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert {
        result["unique_id"].rpartition(".")[2]: (
            datetime.fromisoformat(result["max_loaded_at"]),
            result["status"],
            result["criteria"]["warn_after"],
        )
        for result in results
    } == dict.fromkeys(
        (
            *("online_transactions", "in_store_transactions"),
            *("customer_service_interactions", "loyalty_transactions"),
        ),
        (arrived, "pass", {"count": 36, "period": "hour"}),
    )
