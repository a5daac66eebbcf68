"""Silver on Synapse: `dbt build --target synapse`, unchanged, on a stand-in for the pool.

It runs over a lake with two dirty batches, some files that are hard to read and those of a shop
that declares what it can. Its silver must be what a local build makes of the same lake, row for
row. See tests/support/tsql_server for what the stand-in shows and what it cannot.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.generator import generate
from ingest import declared
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.landing import land
from lake import manifest, paths
from lake.local import LocalLake
from lake.manifest import fold, read_manifest
from tests.support import declared_shop
from tests.support.command import C360
from tests.support.compare import difference, load
from tests.support.landed import batch, landed_file, retract
from tests.support.render import PROJECT
from tests.support.steps import Driver, Outcome
from tests.support.tsql_server.batch import If, Node, Statement, Try, parse
from tests.support.tsql_server.recorder import FAULTS, Recorded, parse_all, recorded
from tests.support.tsql_server.serverless import ServerlessPool
from tests.unit.test_dbt_project import SILVER

DRIVERS = PROJECT / "tests" / "support" / "tsql_server" / "drivers"
LAKE = "abfss://lake@account.dfs.core.windows.net/c360"
PASSWORD = "a-password-that-must-not-be-seen"
FAILED = "silver.customers"

# What a serverless pool runs: queries, what holds them together, views, external tables, set-up.
ALLOWED = {
    "SELECT", "WITH", "DECLARE", "EXEC", "THROW", "USE", "CREATE SCHEMA", "CREATE VIEW",
    "DROP VIEW", "CREATE EXTERNAL", "DROP EXTERNAL", "CREATE DATABASE", "CREATE MASTER",
}  # fmt: skip


@dataclass
class Pool:
    """The stand-in with a lake, and dbt on it as an analytics engineer would run it."""

    folder: Path
    lake: Path
    profiles: Path
    target: Path
    driver: Driver
    printed: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def dbt(self, *arguments: str, **environment: str) -> Outcome:
        """Run dbt on target synapse."""
        return self.driver.dbt(
            *("--no-use-colors", *arguments, "--target", "synapse"),
            *("--profiles-dir", self.profiles, "--target-path", self.target),
            *("--log-path", self.folder / "logs"),
            environment={
                "C360_STANDIN": str(self.state),
                "C360_STANDIN_LAKE": str(self.lake),
                "C360_HOME": str(self.folder),
                "C360_LAKE": LAKE,
                "C360_SYNAPSE_SERVER": "workspace-ondemand.sql.azuresynapse.net",
                "C360_SYNAPSE_AUTHENTICATION": "sql",
                "C360_SYNAPSE_USER": "loader",
                "C360_SYNAPSE_PASSWORD": PASSWORD,
                **environment,
            },
        )

    def set_up(self) -> str:
        """Make the database and what is in it; return what the operation said."""
        run = self.dbt(
            "run-operation", "setup_synapse", "--args", "{database: customer360}",
            C360_SYNAPSE_DATABASE="master",
        )  # fmt: skip
        assert run.returncode == 0, run.output
        return run.output

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open what the stand-in keeps, for queries in DuckDB's SQL."""
        connection = duckdb.connect(str(self.state / "serverless.duckdb"), read_only=True)
        connection.execute("set timezone = 'UTC'")
        connection.execute("set variable tsql_database = 'customer360'")
        return connection

    def version_shown(self, relation: str) -> str:
        """The version whose external table a view reads."""
        schema, name = relation.split(".")
        ((definition,),) = self.query(
            "select definition from sys.sql_modules where object_id ="
            f" (select object_id from sys.views join sys.schemas using (schema_id)"
            f" where views.name = '{name}' and schemas.name = '{schema}')"
        )
        (version,) = re.findall(rf'"{name}__([^"]+)"', definition)
        return str(version)

    def versions(self, relation: str) -> set[str]:
        """The versions of a relation that have an external table."""
        schema, name = relation.split(".")
        found = self.query(
            "select t.name from sys.external_tables as t join sys.schemas using (schema_id)"
            f" where schemas.name = '{schema}' and starts_with(t.name, '{name}__')"
        )
        return {table.removeprefix(f"{name}__") for (table,) in found}

    def files(self, relation: str, version: str) -> list[Path]:
        return sorted((self.lake / relation.replace(".", "/") / version).glob("*"))


# --- The lake -----------------------------------------------------------------------------------

HARD_FILES = {
    # Compressed, with line breaks in quotes, Windows's line ends, a character of four bytes.
    "Stores_new.csv.gz": gzip.compress(
        'StoreID,Location,Manager,OpenHours\r\n9001,"Łódź\nCentrum","Ann ""A""",9-17 😀\r\n'
        '9002,"","  ",\r\n,"no key, a/b\\c\tand so on",x,y\r\n'.encode()
    ),
    # Other order and case, a column that is in no contract, in between.
    "Customers_other_order.csv": (
        " email ,NAME,Loyalty level,customerid,ADDRESS\n"
        "zoe@example.org,Zoë O'Brien,gold,900001,12 Harbour Rd\n"
        "late@example.org,Later Row,,900001,13 Harbour Rd\n"
        "x@example.org,No Key,,12.5,Nowhere\n"
    ).encode(),
    "Agents_plain.csv": (
        b"AgentID,Name,Department,Shift\r\n8001,Plain Jane,Returns,day\r\n8002,,,\r\n"
    ),
    # A value that is longer than a varchar may be said to be.
    "Products_long.csv": b"ProductID,Name,Category,Price\n7001," + b"n" * 9000 + b",Toys,1.50\n",
    # Numbers, truth values and null where the contract has text.
    "CustomerServiceInteractions_new.jsonl": (
        '{"InteractionID":600001,"CustomerID":1001,"DateTime":"2024-02-29T10:00:00+01:00",'
        '"AgentID":8001,"IssueType":"a/b","ResolutionStatus":true}\n'
        '{"InteractionID":600002.5,"CustomerID":null,"DateTime":"2024-02-29","AgentID":-7,'
        '"IssueType":"Łódź \\"q\\" \\u0001","ResolutionStatus":12.5}\n'
    ).encode(),
}  # fmt: skip


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dirty batches, the declared shop's, files that are hard to read, what a killed run left."""
    folder = tmp_path_factory.mktemp("synapse_lake") / "lake"
    folder.mkdir()
    store = LocalLake(folder)
    contract = load_contract(PROJECT)
    inbox = tmp_path_factory.mktemp("synapse_inbox")
    (inbox / "sources.yml").write_text(declared_shop.SOURCES)
    declarations = load_declarations(inbox / "sources.yml", contract)
    declared.write(store, declarations)
    for number in (1, 2):
        generate(inbox / str(number), transactions=6000, seed=7, dirt=0.15, batch=number)
    (inbox / "3").mkdir()
    for name, content in HARD_FILES.items():
        (inbox / "3" / name).write_bytes(content)
    for number, files in ((4, declared_shop.FIRST), (5, declared_shop.SECOND)):
        (inbox / str(number)).mkdir()
        declared_shop.write(files, inbox / str(number))
    for number in range(1, 6):
        land(store, contract, inbox / str(number), declarations)

    # No manifest names these.
    stray = {"AgentID": ["1"], "Name": ["Stray"], "Department": ["X"], "Shift": ["Y"]}
    landed_file(store, "20990101T000000Z-ffffff", "agents", "Agents.csv", stray)
    (folder / "bronze/manifests/.tmp-0123").write_bytes(b"{")
    return folder


@pytest.fixture(scope="session")
def local(
    lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Silver of the same lake, as target local builds it."""
    home = tmp_path_factory.mktemp("synapse_local")
    shutil.copytree(lake / "bronze", home / "lake" / "bronze")
    run = subprocess.run(
        [C360.with_name("dbt"), "build", "--select", "+path:models/silver",
         "--exclude-resource-type", "unit_test", "test", "--target-path", home / "target",
         "--log-path", home / "logs"],
        cwd=PROJECT,
        env=os.environ | {"C360_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


# --- A life of the pool: set up, built, a build that fails, built again -------------------------


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's target folder, shared so that the project is parsed once."""
    return tmp_path_factory.mktemp("synapse_target")


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synapse_profiles")
    shutil.copyfile(PROJECT / "profiles.example.yml", folder / "profiles.yml")
    return folder


@pytest.fixture(scope="session")
def driver(parses: Path) -> Iterator[Driver]:
    """A process that has imported dbt, with the stand-ins for the drivers."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("C360_")]:
                patch.delenv(name)
            patch.setenv("PYTHONPATH", str(DRIVERS))
            driver = stack.enter_context(Driver(parses, "dbt.adapters.synapse"))
        yield driver


@pytest.fixture(scope="session")
def pool(
    lake: Path,
    profiles: Path,
    target: Path,
    driver: Driver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Pool:
    """A pool that is set up, with nothing built."""
    pool = Pool(tmp_path_factory.mktemp("synapse"), lake, profiles, target, driver)
    pool.printed.append(pool.set_up())
    shutil.copytree(pool.state, pool.folder / "state_set_up")
    return pool


Rows = dict[str, list[dict[str, Any]]]


def silver(connection: duckdb.DuckDBPyConnection) -> Rows:
    """Every relation of silver."""
    return {name: load(connection, f"silver.{name}", list(SILVER[name])) for name in SILVER}


@dataclass
class Built:
    """A build: what it said, and what readers see after it."""

    run: Outcome
    rows: Rows
    version: str
    sent: list[Recorded]


def built(pool: Pool, *selection: str) -> Built:
    before = len(recorded(pool.state))
    run = pool.dbt("build", *selection)
    assert "Done. PASS=" in run.output, run.output  # it came to building
    with pool.connect() as connection:
        rows = silver(connection)
    sent = recorded(pool.state)[before:]
    return Built(run, rows, pool.version_shown(FAILED), sent)


@pytest.fixture(scope="session")
def first_build(pool: Pool) -> Built:
    return built(pool)


@pytest.fixture(scope="session")
def failed_build(pool: Pool, first_build: Built) -> Built:
    """A build in which the CETAS of one entity fails after it has written some files."""
    pattern = 'create external table "silver"."customers__'
    fault = {"server": "serverless", "pattern": pattern, "times": 1, "error": "The pool broke.",
             "after": True}  # fmt: skip
    (pool.state / FAULTS).write_text(json.dumps([fault]), encoding="utf-8")
    return built(
        pool, "--select", "+customers", "+stores", "--exclude-resource-type", "test", "unit_test"
    )


@pytest.fixture(scope="session")
def last_build(pool: Pool, failed_build: Built) -> Built:
    return built(pool)


IN_THE_WAY = "20990101T000000Z-abcdef"


@pytest.fixture(scope="session")
def refused(pool: Pool, last_build: Built) -> dict[str, Outcome]:
    """What dbt says of a second set-up, and of runs that cannot be."""
    folder = pool.lake / "silver" / "agents" / IN_THE_WAY
    folder.mkdir()
    (folder / "half.parquet").write_bytes(b"PAR1")
    shown = pool.version_shown("silver.stores")
    other = LAKE.replace("account", "other")
    return {
        "set_up_again": pool.dbt("run-operation", "setup_synapse"),
        "version_twice": pool.dbt("run", "--select", "stores", C360_VERSION=shown),
        "in_the_way": pool.dbt("run", "--select", "agents", C360_VERSION=IN_THE_WAY),
        "other_lake": pool.dbt("run", "--select", "agents", C360_LAKE=other),
    }


@pytest.fixture(scope="session")
def documented(pool: Pool, last_build: Built) -> dict[str, Any]:
    run = pool.dbt("docs", "generate")
    assert run.returncode == 0, run.output
    return json.loads((pool.target / "catalog.json").read_text(encoding="utf-8"))


def same(found: Rows, wanted: Rows, relation: str) -> str | None:
    columns = list(SILVER[relation])
    return difference(found[relation], wanted[relation], columns, columns[:1])


# --- Set-up -------------------------------------------------------------------------------------

PARTS = [
    "database customer360", "master key", "credential c360_identity",
    "data source c360_lake at https://account.dfs.core.windows.net/lake/c360",
    "file format c360_parquet", "file format c360_csv", "schema bronze", "schema bronze_raw",
    "schema staging", "schema silver", "schema reference",
]  # fmt: skip


def test_set_up_says_what_it_made(pool: Pool) -> None:
    said = re.findall(r"(Made|Found) (?!\d)(.*)", pool.printed[0])
    assert said == [("Made", part) for part in PARTS]


def test_set_up_again_finds_everything(refused: dict[str, Outcome]) -> None:
    said = re.findall(r"(Made|Found) (?!\d)(.*)", refused["set_up_again"].output)
    assert said == [("Found", part) for part in PARTS[1:]]


def test_master_gets_the_database_and_nothing_else(last_build: Built, pool: Pool) -> None:
    in_master = [batch.sql for batch in recorded(pool.state) if batch.database == "master"]
    assert [words for sql in in_master for words in kinds(parse(sql))] == [
        "SELECT",
        "CREATE DATABASE",
    ]


# --- Silver -------------------------------------------------------------------------------------


def test_a_build_passes(first_build: Built) -> None:
    assert first_build.run.returncode == 0, first_build.run.output
    assert re.search(r"Done\. PASS=\d+ WARN=\d+ ERROR=0 SKIP=0", first_build.run.output)


@pytest.mark.parametrize("relation", SILVER)
def test_silver_equals_local_s_row_for_row(
    first_build: Built, last_build: Built, local: duckdb.DuckDBPyConnection, relation: str
) -> None:
    wanted = silver(local)
    assert len(wanted[relation]) > 1
    assert same(first_build.rows, wanted, relation) is None
    assert same(last_build.rows, wanted, relation) is None


def test_the_hard_files_are_read_for_what_they_say(first_build: Built) -> None:
    stores = {row["store_id"]: row for row in first_build.rows["stores"]}
    assert stores[9001]["location"] == "Łódź\nCentrum"
    assert (stores[9001]["manager"], stores[9001]["open_hours"]) == ('Ann "A"', "9-17 😀")
    assert stores[9002]["manager"] == "Unknown"
    customers = {row["customer_id"]: row for row in first_build.rows["customers"]}
    assert customers["900001"]["customer_name"] == "Later Row"  # the last of two in a file
    products = {row["product_id"]: row for row in first_build.rows["products"]}
    assert products["7001"]["product_name"] == "n" * 100
    contacts = {
        row["interaction_id"]: row for row in first_build.rows["customer_service_interactions"]
    }
    assert contacts[600001]["issue_type"] == "a/b"
    assert contacts[600001]["resolution_status"] == "true"
    rejected = [json.loads(row["raw_row"]) for row in first_build.rows["rejected_rows"]]
    assert {
        "InteractionID": "600002.5",
        "CustomerID": None,
        "DateTime": "2024-02-29",
        "AgentID": "-7",
        "IssueType": 'Łódź "q" \u0001',
        "ResolutionStatus": "12.5",
    } in rejected
    assert not any(row["agent_name"] == "Stray" for row in first_build.rows["agents"])


def test_columns_are_declared_as_long_as_the_longest_value(first_build: Built) -> None:
    views = " ".join(batch.sql for batch in first_build.sent if "view bronze." in batch.sql)
    reads = re.findall(
        r"bulk 'bronze/rows/(\w+)/\*/\*\.parquet',\s+data_source.*?'PARQUET'.*?varchar\((\w+)\)",
        views, re.S,
    )  # fmt: skip
    length = dict(reads)
    assert length.keys() == set(load_contract(PROJECT))
    assert length["agents"] == "64"
    assert length["products"] == "max"
    assert "0x0b" in views  # manifests and malformed lines are texts, and nothing else is
    assert set(re.findall(r"bulk \(?'bronze/(\w+)/", views)) == {"rows", "manifests", "malformed"}


def test_views_are_made_again_only_when_they_would_be_others(
    first_build: Built, last_build: Built
) -> None:
    def made(build: Built) -> int:
        return sum("view bronze." in batch.sql for batch in build.sent)

    assert (made(first_build), made(last_build)) == (11, 0)


def test_each_entity_s_bronze_is_read_once(first_build: Built) -> None:
    reads = Counter(
        name
        for batch in first_build.sent
        if "view bronze." not in batch.sql
        for name in re.findall(r'"bronze"\."(\w+)"', batch.sql)
    )
    del reads["landed_files"]  # it is small: what landing wrote down of each file
    assert reads == dict.fromkeys([*load_contract(PROJECT), "malformed_lines"], 1)


# --- When a CETAS fails -------------------------------------------------------------------------


def test_a_failed_cetas_fails_the_build_and_says_so(failed_build: Built) -> None:
    assert failed_build.run.returncode == 1
    assert "The pool broke." in failed_build.run.output
    assert re.search(r"ERROR=1 ", failed_build.run.output)


def test_readers_stay_on_the_version_before(
    pool: Pool, first_build: Built, failed_build: Built
) -> None:
    assert failed_build.version == first_build.version
    assert same(failed_build.rows, first_build.rows, "customers") is None
    # While it was failing too: the view was not touched.
    assert not any('view "silver"."customers"' in batch.sql for batch in failed_build.sent)
    assert any('view "silver"."stores"' in batch.sql for batch in failed_build.sent)


def test_the_next_build_repairs_it_beside_what_the_failed_one_left(
    pool: Pool, first_build: Built, failed_build: Built, last_build: Built
) -> None:
    assert last_build.run.returncode == 0, last_build.run.output
    assert last_build.version > first_build.version
    written = {folder.name for folder in (pool.lake / "silver" / "customers").iterdir()}
    (left,) = written - {first_build.version, last_build.version}
    assert pool.files(FAILED, left) != []
    assert len(pool.files(FAILED, last_build.version)) == 1


def test_external_tables_of_versions_that_nobody_may_be_reading_are_dropped(
    pool: Pool, first_build: Built, last_build: Built
) -> None:
    assert pool.versions(FAILED) == {first_build.version, last_build.version}
    shown = pool.version_shown("silver.stores")
    versions = sorted(path.name for path in (pool.lake / "silver" / "stores").iterdir())
    assert versions[-1] == shown
    assert len(versions) == 3  # files stay: the flow removes them
    assert pool.versions("silver.stores") == set(versions[1:])


def test_a_version_is_written_once(refused: dict[str, Outcome]) -> None:
    assert refused["version_twice"].returncode == 1
    message = r"silver/stores/\S+/ has been written already.*C360_VERSION"
    assert re.search(message, refused["version_twice"].output, re.S)


def test_a_folder_that_is_in_the_way_is_named_and_nothing_changes(
    pool: Pool, last_build: Built, refused: dict[str, Outcome]
) -> None:
    assert refused["in_the_way"].returncode == 1
    assert f"silver/agents/{IN_THE_WAY}" in refused["in_the_way"].output
    assert pool.version_shown("silver.agents") < IN_THE_WAY


def test_a_database_of_another_lake_is_refused(refused: dict[str, Outcome]) -> None:
    assert refused["other_lake"].returncode == 2  # before any model
    message = r"set up for the lake https://account\..*C360_LAKE is https://other\."
    assert re.search(message, refused["other_lake"].output, re.S)


# --- Everything that was sent -------------------------------------------------------------------


def kinds(nodes: Iterable[Node]) -> Iterator[str]:
    """Yield what each statement of a batch is, those in EXEC('…') as well."""
    for node in nodes:
        if isinstance(node, If):
            yield from kinds([*node.then, *node.otherwise])
        elif isinstance(node, Try):
            yield from kinds([*node.body, *node.handler])
        else:
            assert isinstance(node, Statement)
            wanted = 1 if node.words[0] in ALLOWED else 2
            yield " ".join(node.words[:wanted])
            if node.words[0] == "EXEC" and (
                text := re.search(r"exec\(N?'(.*)'\)", node.sql, re.S | re.I)
            ):
                yield from kinds(parse(text[1].replace("''", "'")))


def test_every_statement_parses_and_is_of_a_kind_that_a_pool_runs(
    pool: Pool, documented: dict[str, Any]
) -> None:
    batches = recorded(pool.state)
    assert len(batches) > 300
    assert parse_all(batches) == []
    found = {kind for batch in batches for kind in kinds(parse(batch.sql))}
    assert found <= ALLOWED
    assert found >= {"SELECT", "WITH", "CREATE VIEW", "CREATE EXTERNAL", "DROP EXTERNAL"}


def test_no_secret_is_sent_or_logged(pool: Pool, last_build: Built) -> None:
    seen = "".join(batch.sql for batch in recorded(pool.state))
    seen += "".join(path.read_text(encoding="utf-8") for path in (pool.folder / "logs").glob("*"))
    assert PASSWORD not in seen
    assert not re.search(r"password = N?'{1,2}Aa1-\w{8}-", seen)  # the master key's


def test_docs_describe_silver_with_the_columns_of_the_yaml(documented: dict[str, Any]) -> None:
    assert not documented["errors"]
    for name, columns in SILVER.items():
        node = documented["nodes"][f"model.c360.{name}"]
        assert node["metadata"]["type"] == "view"
        assert list(node["columns"]) == list(columns)
    assert "source.c360.bronze.customers" in documented["sources"]
    assert "seed.c360.order_statuses" in documented["nodes"]


# --- A small lake -------------------------------------------------------------------------------

BATCH = "20240105T120000Z-aaaaaa"
RAW = 'create external table bronze_raw."agents"'


@pytest.fixture
def small(pool: Pool, last_build: Built, tmp_path: Path) -> Pool:
    """A pool that is set up, over a lake with one file."""
    store = LocalLake(tmp_path / "lake")
    agents = {"AgentID": ["7"], "Name": ["Ann"], "Department": ["Sales"], "Shift": ["day"]}
    batch(store, BATCH, landed_file(store, BATCH, "agents", "Agents.csv", agents))
    small = Pool(tmp_path, tmp_path / "lake", pool.profiles, pool.target, pool.driver)
    shutil.copytree(pool.folder / "state_set_up", small.state)
    return small


def make_bronze(pool: Pool) -> tuple[Outcome, str]:
    """Run what every invocation of dbt begins with; return what it sent, too."""
    before = len(recorded(pool.state))
    run = pool.dbt("run-operation", "create_bronze_relations")
    return run, "\n".join(batch.sql for batch in recorded(pool.state)[before:])


def test_people_see_the_csv_files_as_they_were_received(
    small: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sent = make_bronze(small)
    assert run.returncode == 0, run.output
    assert sent.count("create external table") == 1
    wanted = [("7", "Ann", "Sales", "day")]
    assert small.query("from bronze_raw.agents") == wanted
    assert RAW not in make_bronze(small)[1]  # it is there

    monkeypatch.setenv("C360_STANDIN_LAKE", str(small.lake))
    server = ServerlessPool.attach(small.state, "customer360")
    session = server.login("customer360", True)
    (table,) = re.findall(rf"({RAW}.*?c360_csv\s+\))", sent, re.S)
    server.execute(session, 'drop external table bronze_raw."agents"')
    server.execute(session, table.replace('"Shift"', '"Hours"'))  # an earlier contract's
    server.logout(session)
    assert RAW in make_bronze(small)[1]
    assert [row[0] for row in small.query("describe bronze_raw.agents")][-1] == "Shift"
    assert small.query("from bronze_raw.agents") == wanted


def test_folded_manifests_make_the_same_bronze(
    small: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_FEW", 1)
    monkeypatch.setenv("C360_STANDIN_LAKE", str(small.lake))

    def made(*views: str) -> list[list[tuple[Any, ...]]]:
        """Make bronze, and with it just these views; return landed files and names of agents."""
        run, sent = make_bronze(small)
        assert run.returncode == 0, run.output
        assert re.findall(r"create or alter view bronze\.(\w+)", sent) == list(views)
        server = ServerlessPool.attach(small.state, "customer360")
        session = server.login("customer360", True)
        columns = "_batch_id, _source_file, file_number, delivery_number, fingerprint"
        queries = (
            f"select {columns} from bronze.landed_files order by _batch_id",
            "select Name from bronze.agents order by Name",
        )
        found = [server.execute(session, query)[0].rows for query in queries]
        server.logout(session)
        return found

    make_bronze(small)
    store = LocalLake(small.lake)
    for day, name in ((6, "Bo"), (7, "b" * 100), (8, "c" * 200)):
        agents = {"AgentID": ["7"], "Name": [name], "Department": ["Sales"], "Shift": ["day"]}
        batch_id = f"202401{day:02}T120000Z-aaaaaa"
        last = batch(store, batch_id, landed_file(store, batch_id, "agents", "Agents.csv", agents))
    retract(store, last)
    # The files of a batch that was taken back are read too, so columns are as long as theirs.
    landed, names = made("landed_files", "agents")
    assert len(landed) == 3
    assert [name for (name,) in names] == ["Ann", "Bo", "b" * 100]
    for _ in range(2):
        fold(store)
        assert made("landed_files") == [landed, names]
    assert list(store.list(paths.MANIFESTS)) == [paths.INDEX]
    # What is written after that is newer.
    again = read_manifest(store, BATCH)
    again.files[0] = replace(again.files[0], sha256="ab", read_as={"reader": 3, "declaration": "d"})
    again.write(store)
    retract(store, read_manifest(store, "20240106T120000Z-aaaaaa"))
    landed, names = made("landed_files")
    assert [row[-1] for row in landed] == ["3-d-ab", "--"]
    assert [name for (name,) in names] == ["Ann", "b" * 100]


def test_a_database_in_which_texts_compare_otherwise_is_refused(small: Pool) -> None:
    with duckdb.connect(str(small.state / "serverless.duckdb")) as connection:
        connection.execute(
            "update sys.databases set collation_name = 'Latin1_General_100_CI_AS_SC_UTF8'"
        )
    run, sent = make_bronze(small)
    assert run.returncode == 1
    assert "texts do not compare by code point" in run.output
    assert not re.search(r"^\s*create\b", sent, re.MULTILINE)


def test_a_build_that_finds_bronze_empty_though_it_was_not_stops(small: Pool) -> None:
    assert make_bronze(small)[0].returncode == 0
    place = small.lake / paths.manifest(BATCH)
    content = place.read_bytes()
    place.unlink()
    run, _ = make_bronze(small)
    assert run.returncode == 1
    assert re.search(
        r"No landed file is to be seen in https://account\.\S+/c360/bronze", run.output
    )
    assert "the pool may not list it" in run.output  # as when its identity has lost its role

    retracted = small.lake / paths.retracted_manifest(BATCH)
    retracted.parent.mkdir()
    retracted.write_text(json.dumps(json.loads(content) | {"retracted_at": "2024-01-06T12:00:00Z"}))
    published = small.lake / paths.PUBLISHED
    published.parent.mkdir()
    published.write_text(json.dumps({"batches": [BATCH]}))
    assert make_bronze(small)[0].returncode == 0
    published.write_text(json.dumps({"batches": [BATCH, "20240106T120000Z-bbbbbb"]}))
    run, _ = make_bronze(small)
    assert run.returncode == 1
    assert "was made of 1 batch(es)" in run.output


# --- Day by day ---------------------------------------------------------------------------------

SAME_CODE = {"C360_CODE": "the same files"}  # as a run tells dbt

# All agents but two are gone; an order is replaced as a whole, another arrives; a line that no
# reader can place.
LATER = {
    "Agents_now.csv": """AgentID,Name,Department,Shift
1,Kim,Billing,day
3,Is back,Returns,night
""",
    "OnlineTransactions_2026-11-22.csv": """\
OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Currency
#1020,C-9,P-5,2026-11-20T22:00:00-05:00,Cash,4,Delivered,EUR
#1021,C-9,P-5,2026-11-20T22:00:00-05:00,Cash,5,Delivered,EUR
#1022,C-9,P-5,never,Cash,5,Delivered,EUR
#1023,C-9
""",
}
TAKEN_IN = {"agents", "online_transactions", "stg_agents", "stg_online_transactions"}


@dataclass
class Days:
    """A pool that took in one batch after another: what each build sent, and silver after it."""

    pool: Pool
    runs: list[Outcome] = field(default_factory=list)
    sent: list[list[str]] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)

    def build(self, *options: str, pool: Pool | None = None) -> None:
        pool = pool or self.pool
        before = len(recorded(pool.state))
        self.runs.append(
            pool.dbt("build", "--exclude-resource-type", "test", "unit_test", *options, **SAME_CODE)
        )
        self.sent.append([batch.sql for batch in recorded(pool.state)[before:]])
        with pool.connect() as connection:
            self.rows.append(silver(connection))

    def written(self, build: int) -> set[str]:
        """The relations that a build wrote parts of."""
        text = "\n".join(self.sent[build])
        return set(re.findall(r'create external table "\w+"\."(\w+?)__', text))


@pytest.fixture(scope="module")
def days(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Three days, of which the third fails once; nothing new; all of it whole; the third undone."""
    folder = tmp_path_factory.mktemp("synapse_days")
    store = LocalLake(folder / "lake")
    contract = load_contract(PROJECT)
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "sources.yml").write_text(declared_shop.SOURCES)
    declarations = load_declarations(inbox / "sources.yml", contract)
    declared.write(store, declarations)
    days = Days(Pool(folder, folder / "lake", pool.profiles, pool.target, pool.driver))
    shutil.copytree(pool.folder / "state_set_up", days.pool.state)
    for number, files in enumerate([declared_shop.FIRST, declared_shop.SECOND, LATER], 1):
        (inbox / str(number)).mkdir()
        if number < 3:
            generate(inbox / str(number), transactions=600, seed=7, dirt=0.15, batch=number)
        declared_shop.write(files, inbox / str(number))
        landed = land(store, contract, inbox / str(number), declarations)
        if number == 3:
            fault = {"server": "serverless", "pattern": 'alter view "silver"."online_transactions"',
                     "times": 1, "error": "The pool broke."}  # fmt: skip
            (days.pool.state / FAULTS).write_text(json.dumps([fault]), encoding="utf-8")
            days.build()
        days.build()
    days.build()
    whole = replace(days.pool, folder=folder / "whole")
    shutil.copytree(days.pool.state, whole.state)
    days.build("--full-refresh", pool=whole)
    retract(store, read_manifest(store, landed.batch_id))
    days.build()
    return days


FIRST, SECOND, BROKEN, THIRD, NOTHING, WHOLE, UNDONE = range(7)


def test_only_the_build_that_broke_fails(days: Days) -> None:
    assert [run.returncode for run in days.runs] == [int(n == BROKEN) for n in range(7)]


@pytest.mark.parametrize("relation", SILVER)
def test_day_by_day_equals_a_build_of_everything(days: Days, relation: str) -> None:
    assert same(days.rows[NOTHING], days.rows[WHOLE], relation) is None
    assert same(days.rows[UNDONE], days.rows[SECOND], relation) is None


def test_a_day_writes_parts_of_what_it_touches(days: Days) -> None:
    kinds = {f"{name}_{kind}" for name in ("agents", "online_transactions")
             for kind in ("judged", "superseded")}  # fmt: skip
    accounts = {"rejected_rows", "unreadable_values", "superseded_rows", "row_reconciliation"}
    written = days.written(BROKEN) | days.written(THIRD)
    assert written == TAKEN_IN | kinds | accounts
    assert days.written(NOTHING) == set()
    assert {name for name in days.written(WHOLE) if "judged" in name} == set()


def test_a_day_reads_the_files_that_arrived_and_no_others(days: Days) -> None:
    writes = [
        sql
        for build in (SECOND, BROKEN, THIRD)
        for sql in days.sent[build]
        if "create external table" in sql
    ]
    assert not [sql for sql in writes if '"bronze"."' in sql.replace('"landed_files"', "")]
    read = {path for sql in writes for path in re.findall(r"'bronze/rows/[^']+'", sql)}
    assert read
    assert not [path for path in read if "*" in path]


def test_readers_keep_the_day_before_when_a_switch_fails(days: Days) -> None:
    for relation in ("online_transactions", "row_reconciliation"):
        assert same(days.rows[BROKEN], days.rows[SECOND], relation) is None
    # The views beside it had changed already; the next build began by putting them back.
    repaired = [sql for sql in days.sent[THIRD] if "online_transactions_superseded" in sql]
    assert "create or alter view" in repaired[0]


def test_every_statement_of_a_day_parses(days: Days) -> None:
    assert parse_all(recorded(days.pool.state)) == []


# --- An empty lake ------------------------------------------------------------------------------


def test_an_empty_lake_builds_empty_silver(pool: Pool, last_build: Built, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    empty = Pool(tmp_path, tmp_path / "lake", pool.profiles, pool.target, pool.driver)
    shutil.copytree(pool.folder / "state_set_up", empty.state)
    run = empty.dbt("build", "--exclude-resource-type", "test", "unit_test")
    assert run.returncode == 0, run.output
    assert "it is empty, or the pool may not list it" in run.output
    with empty.connect() as connection:
        rows = silver(connection)
    counts = rows.pop("row_reconciliation")
    assert not any(rows.values())
    assert len(counts) == 9
    assert not any(row[name] for row in counts for name in row if name != "entity")
