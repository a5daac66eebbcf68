"""Bronze on this machine: what dbt sees of a lake, and when it refuses to look at an empty one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lake import manifest, paths
from lake.local import LocalLake
from lake.manifest import FileRecord, fold, read_manifest
from tests.support.landed import NOON, batch, landed_file, retract
from tests.support.render import PROJECT
from tests.support.steps import Driver, Outcome

FIRST, SECOND = "20240105T120000Z-aaaaaa", "20240106T120000Z-bbbbbb"
AGENTS = {"AgentID": ["1", "2"], "Name": ["Ann", ""], "Department": [None, "Sales"]}


class Home:
    """A home with a lake, and dbt on it."""

    def __init__(self, folder: Path, target: Path, driver: Driver) -> None:
        self.folder, self.target, self.driver = folder, target, driver
        (folder / "lake").mkdir(parents=True)
        self.lake = LocalLake(folder / "lake")
        self.batches = [
            batch(
                self.lake,
                FIRST,
                # Read before the contract got the column Shift.
                landed_file(self.lake, FIRST, "agents", "Agents.csv", AGENTS),
                landed_file(
                    self.lake, FIRST, "stores", "Stores.csv",
                    {"StoreID": [], "Location": [], "Manager": [], "OpenHours": []},
                ),
                self.malformed(),
                FileRecord("products", "Products.csv", None, "csv", "", 0, outcome="quarantined"),
            ),
            batch(
                self.lake,
                SECOND,
                landed_file(
                    self.lake, SECOND, "agents", "Agents_2.csv",
                    {"Shift": ["day"], "AgentID": ["1"], "Name": ["Ann B"], "Department": ["IT"]},
                ),
            ),
        ]  # fmt: skip
        # No manifest names it: what a killed run left.
        landed_file(self.lake, "20240107T120000Z-cccccc", "agents", "Agents.csv", AGENTS)

    def malformed(self) -> FileRecord:
        columns = {"CustomerID": ["7"], "Name": ["Zoë"], "Email": [""], "Address": [""]}
        record = landed_file(self.lake, FIRST, "customers", "Customers.csv", columns)
        line = {"number": 3, "text": '8,"', "error": "unclosed quote"}
        place = paths.malformed("customers", FIRST, record.name)
        self.lake.write_bytes(place, (json.dumps(line) + "\n").encode())
        record.malformed_rows = 1
        return record

    def dbt(self, *arguments: str, **environment: str) -> Outcome:
        return self.driver.dbt(
            *("--no-use-colors", *arguments, "--profiles-dir", self.folder.parent),
            *("--target-path", self.target, "--log-path", self.folder / "logs"),
            environment={"C360_HOME": str(self.folder), **environment},
        )

    def make_bronze(self, **environment: str) -> Outcome:
        """Run what every invocation of dbt begins with."""
        return self.dbt("run-operation", "create_bronze_relations", **environment)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("set TimeZone = 'Asia/Tokyo'")  # as on a machine that is there
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def driver(parses: Path) -> Iterator[Driver]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("C360_")]:
            patch.delenv(name)
        with Driver(parses) as driver:
            yield driver


@pytest.fixture(scope="module")
def made(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose bronze was made once; to be read only."""
    folder = tmp_path_factory.mktemp("bronze")
    shutil.copyfile(PROJECT / "profiles.example.yml", folder / "profiles.yml")
    home = Home(folder / "home", folder / "target", driver)
    done = home.make_bronze()
    assert done.returncode == 0, done.output
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copyfile(made.folder.parent / "profiles.yml", tmp_path / "profiles.yml")
    home = Home(tmp_path / "home", made.target, made.driver)
    shutil.copyfile(made.folder / "warehouse.duckdb", home.folder / "warehouse.duckdb")
    return home


def test_bronze_has_the_rows_of_the_files_that_manifests_name(made: Home) -> None:
    assert made.query("from bronze.agents order by _batch_id, _row_number") == [
        ("1", "Ann", None, None, 1, NOON, "Agents.csv", FIRST),
        ("2", "", "Sales", None, 2, NOON, "Agents.csv", FIRST),
        ("1", "Ann B", "IT", "day", 1, NOON, "Agents_2.csv", SECOND),
    ]
    assert made.query("from bronze.stores") == made.query("from bronze.products") == []


def test_rows_that_were_read_before_there_were_columns_beyond_the_contract_have_none(
    made: Home,
) -> None:
    assert made.query("select CustomerID, _extra from bronze.customers") == [("7", None)]


def test_landed_files_and_malformed_lines_say_what_was_read(made: Home) -> None:
    columns = "entity, format, row_count, malformed_row_count, longest_value, _source_file"
    assert made.query(f"select {columns} from bronze.landed_files order by all") == [
        ("agents", "csv", 1, 0, 5, "Agents_2.csv"),
        ("agents", "csv", 2, 0, 5, "Agents.csv"),
        ("customers", "csv", 1, 1, 4, "Customers.csv"),
        ("stores", "csv", 0, 0, 0, "Stores.csv"),
    ]
    ((entity, raw_row, name, batch_id),) = made.query("from bronze.malformed_lines")
    assert (entity, name, batch_id) == ("customers", "Customers.csv", FIRST)
    assert json.loads(raw_row)["text"] == '8,"'


def test_a_batch_that_was_taken_back_is_not_seen(home: Home) -> None:
    retract(home.lake, home.batches[0])
    assert home.make_bronze().returncode == 0
    assert home.query("select Name from bronze.agents") == [("Ann B",)]
    # Nor when no other is left, which is how bronze may become empty.
    home.lake.write_bytes(paths.PUBLISHED, json.dumps({"batches": [FIRST, SECOND]}).encode())
    retract(home.lake, home.batches[1])
    done = home.make_bronze()
    assert done.returncode == 0, done.output
    assert home.query("from bronze.agents") == []


LANDED = "from bronze.landed_files order by _batch_id, file_number"


def test_folded_manifests_make_the_same_bronze(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of some hundred batches, and one that was written after folding."""
    pulled = [
        FileRecord("stores", f"api:{name}", f"bronze/stores/B/{name}-{page}.jsonl", "jsonl", "", 0)
        for name in ("a", "b")
        for page in (1, 2)
    ]
    for number in range(300):
        batch(home.lake, f"20250101T{number:06}Z-dddddd", *pulled)
    retract(home.lake, home.batches[1])
    assert home.make_bronze().returncode == 0
    expected = home.query(LANDED)
    assert len(expected) == 300 * 4 + 3
    monkeypatch.setattr(manifest, "_FEW", 1)
    for _ in range(2):
        fold(home.lake)
        assert home.make_bronze().returncode == 0
        assert home.query(LANDED) == expected
    assert list(home.lake.list(paths.MANIFESTS)) == [paths.INDEX]
    assert home.query("from bronze.agents") == [
        ("1", "Ann", None, None, 1, NOON, "Agents.csv", FIRST),
        ("2", "", "Sales", None, 2, NOON, "Agents.csv", FIRST),
    ]
    again = read_manifest(home.lake, FIRST)
    read_as = {"reader": 3, "declaration": "d", "as_of": "2024-01-05T12:00:00"}
    again.files[0] = replace(again.files[0], sha256="ab", read_as=read_as)
    again.write(home.lake)
    retract(home.lake, read_manifest(home.lake, "20250101T000000Z-dddddd"))
    assert home.make_bronze().returncode == 0
    assert len(home.query(LANDED)) == len(expected) - 4
    found = home.query(f"select as_of, fingerprint {LANDED} limit 2")
    assert found == [(NOON, "3-d-ab"), (None, "--")]


def test_views_are_made_again_only_when_they_would_be_others(home: Home) -> None:
    assert home.make_bronze().returncode == 0
    ((mark,),) = home.query("select comment from duckdb_views() where view_name = 'agents'")
    with duckdb.connect(str(home.folder / "warehouse.duckdb")) as connection:
        connection.execute("create or replace view bronze.agents as select 'kept' as found")
        connection.execute(f"comment on view bronze.agents is '{mark}'")
    new = "20240108T120000Z-cccccc"
    columns = {"ProductID": ["1"], "Name": ["a"], "Category": ["b"], "Price": ["1"]}
    batch(home.lake, new, landed_file(home.lake, new, "products", "Products.csv", columns))
    assert home.make_bronze().returncode == 0
    assert home.query("from bronze.agents") == [("kept",)]
    assert len(home.query("from bronze.products")) == 1
    with duckdb.connect(str(home.folder / "warehouse.duckdb")) as connection:
        connection.execute("comment on view bronze.agents is null")
    assert home.make_bronze().returncode == 0
    assert len(home.query("from bronze.agents")) == 3


def test_the_bronze_that_an_earlier_version_made_is_replaced(home: Home) -> None:
    manifests = home.folder / "lake" / paths.MANIFESTS / "*.json"
    with duckdb.connect(str(home.folder / "warehouse.duckdb")) as connection:
        connection.execute("drop table bronze.landed_files")
        connection.execute(
            f"create view bronze.landed_files as select batch_id from read_json('{manifests}')"
        )
    home.lake.delete(paths.manifest(FIRST))
    home.lake.move(paths.manifest(SECOND), "kept.json")
    done = home.make_bronze()
    assert done.returncode != 0
    assert "what was built before was made of some" in done.output
    home.lake.move("kept.json", paths.manifest(SECOND))
    assert home.make_bronze().returncode == 0
    assert home.query("select _source_file from bronze.landed_files") == [("Agents_2.csv",)]


def test_a_build_that_finds_bronze_empty_though_it_was_not_stops(home: Home) -> None:
    home.lake.delete_tree(paths.MANIFESTS)
    done = home.dbt("build", "--select", "agents")  # as by hand, in a lake that lost them
    assert done.returncode == 2
    assert f"No landed file is to be seen in {home.folder}/lake/bronze/manifests" in done.output
    assert len(home.query("from bronze.agents")) == 3


def test_a_lake_whose_published_version_had_batches_stops_a_new_warehouse_too(home: Home) -> None:
    home.lake.write_bytes(paths.PUBLISHED, json.dumps({"batches": [FIRST, SECOND]}).encode())
    retract(home.lake, home.batches[0])
    home.lake.delete(paths.manifest(SECOND))
    (home.folder / "warehouse.duckdb").unlink()
    done = home.make_bronze()
    assert done.returncode != 0
    assert "the published version was made of 1 batch(es)" in done.output


def test_a_lake_in_the_cloud_is_refused_by_the_local_target(home: Home) -> None:
    done = home.make_bronze(C360_LAKE="abfss://lake@account.dfs.core.windows.net")
    assert done.returncode != 0
    assert "Unset C360_LAKE" in done.output
    assert "--target synapse" in done.output
    assert len(home.query("from bronze.agents")) == 3


def test_a_token_in_the_lake_s_address_is_in_no_message(home: Home) -> None:
    done = home.make_bronze(C360_LAKE="https://account.blob.core.windows.net/lake?sig=s3cret")
    assert "C360_LAKE is https://account.blob.core.windows.net/lake. Unset" in done.output
    assert "s3cret" not in done.output


def test_a_home_may_be_in_a_folder_of_any_name(made: Home, tmp_path: Path) -> None:
    folder = tmp_path / "shop's [new] *"
    folder.mkdir()
    shutil.copyfile(made.folder.parent / "profiles.yml", folder / "profiles.yml")
    home = Home(folder / "home", made.target, made.driver)
    done = home.make_bronze(C360_LAKE="")  # as .env files leave it
    assert done.returncode == 0, done.output
    assert len(home.query("from bronze.agents")) == 3
    for each in home.batches:
        retract(home.lake, each)
    assert home.make_bronze().returncode == 0
    assert home.query("from bronze.agents") == []
