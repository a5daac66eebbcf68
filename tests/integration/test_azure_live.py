"""The whole path on real services, where the environment names them (`pytest -m live`).

C360_LIVE_LAKE (`abfss://…`), C360_LIVE_SYNAPSE_SERVER and C360_LIVE_SQL_SERVER name an account, a
workspace and a server; how to sign in is set as docs/azure.md says. The test works in the folder
`customer360-test` of the lake and in two databases of the name `customer360_test`, which it
replaces the contents of; the one in Azure SQL has to be there.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import pytest

from demo.generator import API_FOLDER
from demo.sample_api import create_app, serve
from lake.opening import open_lake
from tests.integration.conftest import TOKEN, Arrival
from tests.integration.test_against_reference import GOLD, MARTS
from tests.support.command import C360, run_c360
from tests.support.compare import difference, load, normalise
from tests.support.render import PROJECT
from warehouse.dbt_run import DbtRun
from warehouse.home import Home

PLACES = {
    "C360_LAKE": "C360_LIVE_LAKE",
    "C360_SYNAPSE_SERVER": "C360_LIVE_SYNAPSE_SERVER",
    "C360_SQL_SERVER": "C360_LIVE_SQL_SERVER",
}
DATABASE = "customer360_test"


def set_up(home: Path, operation: str, target: str, *arguments: str, **environment: str) -> None:
    subprocess.run(
        [C360.with_name("dbt"), "run-operation", operation, "--target", target, *arguments],
        cwd=PROJECT,
        env={**os.environ, "DBT_TARGET_PATH": str(home / target), **environment},
        check=True,
    )


def assert_equal(home: Path, warehouse: Path) -> None:
    database = DbtRun(Home.at(home), None, target="azure_sql", C360_LAKE=os.environ["C360_LAKE"])
    keys = {
        **{f"gold.{name}": key for name, key in GOLD.items()},
        **{f"marts.{name}": key for name, key in MARTS.items()},
    }
    with duckdb.connect(warehouse, read_only=True) as local:
        for relation, key in keys.items():
            described = local.execute(f"select * from {relation} limit 0").description or []
            columns = [column[0] for column in described]
            names = ", ".join(f'"{name}"' for name in columns)
            found = [
                dict(zip(columns, map(normalise, row), strict=True))
                for row in database.query(f"select {names} from {relation}")
            ]
            differs = difference(found, load(local, relation, columns), columns, key)
            assert differs is None, f"{relation}: {differs}"


if all(os.environ.get(name) for name in PLACES.values()):

    @pytest.mark.live
    @pytest.mark.timeout(3600)
    def test_two_batches_give_on_azure_what_they_give_here(
        first: Arrival, second: Arrival, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, place in PLACES.items():
            monkeypatch.setenv(name, os.environ[place])
        monkeypatch.setenv("C360_LAKE", f"{os.environ['C360_LAKE']}/customer360-test")
        monkeypatch.setenv("C360_SQL_DATABASE", DATABASE)
        monkeypatch.setenv("C360_SYNAPSE_DATABASE", DATABASE)
        open_lake(os.environ["C360_LAKE"]).delete_tree("")
        make = ("--args", f"{{database: {DATABASE}}}")
        set_up(tmp_path, "setup_synapse", "synapse", *make, C360_SYNAPSE_DATABASE="master")
        set_up(tmp_path, "setup_azure_sql", "azure_sql")
        home = tmp_path / "home"
        for arrival in (first, second):
            with serve(create_app(arrival.folder / API_FOLDER, TOKEN)) as url:
                ran = run_c360(
                    *("run", "--target", "azure", "--input", arrival.folder, "--api", url),
                    *("--home", home),
                    C360_API_TOKEN=TOKEN,
                )
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert_equal(home, arrival.warehouse)
