"""dbt by hand works on the warehouse that a run published."""

import os
import shutil
import subprocess
from pathlib import Path

import duckdb

from tests.integration.conftest import C360, Arrival
from warehouse.home import project_dir

COUNTS = "select count(*), sum(total_orders), sum(total_spend) from marts.customer_360"


def test_a_build_in_a_relative_home_gives_the_same_and_publishes_nothing(
    first: Arrival, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(first.home / "lake", home / "lake")
    shutil.copyfile(first.home / "warehouse.duckdb", home / "warehouse.duckdb")
    published = (home / "lake" / "silver" / "published.json").read_bytes()
    build = subprocess.run(
        [C360.with_name("dbt"), "build", "--target-path", str(tmp_path / "target")],
        cwd=project_dir(),
        env=os.environ | {"C360_HOME": os.path.relpath(home, project_dir())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout
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
