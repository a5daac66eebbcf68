"""Silver loaded, gold and marts built and published on Azure SQL Database, on its stand-in.

Each scenario is one process, as a run is, that works through its steps and copies the database
after each; the tests look at the copies. What the stand-in shows and what not, its package says.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import Arrival, DeclaredShop
from tests.support import declared_shop
from tests.support.compare import normalise
from tests.support.tsql_server.recorder import parse_all, recorded
from warehouse.home import project_dir

DRIVERS = project_dir() / "tests" / "support" / "tsql_server" / "drivers"

DIMENSIONS = ("agents", "customers", "dates", "loyalty_accounts", "persons", "products", "stores")
FACTS = {
    "fct_online_transactions": ("customer_id", "product_id", "date_key"),
    "fct_in_store_transactions": ("customer_id", "store_id", "date_key"),
    "fct_service_interactions": ("customer_id", "agent_id", "date_key"),
    "fct_loyalty_transactions": ("loyalty_id", "date_key"),
}
PRIMARY_KEYS = {
    f"pk_{table}" for table in (*(f"dim_{name}" for name in DIMENSIONS), "customer_persons", *FACTS)
}
FOREIGN_KEYS = {f"fk_{fact}_{column}" for fact, columns in FACTS.items() for column in columns} | {
    "fk_dim_loyalty_accounts_customer_id",
    "fk_customer_persons_customer_id",
    "fk_customer_persons_person_id",
}
PERSONAL = {
    "customer_name": 'partial(1, "xxxx", 0)',
    "email": "email()",
    "address": "default()",
}

NOTED = (
    "select value from sys.extended_properties"
    " where name = 'c360_version' and class = 3 and major_id = schema_id('{}')"
)

# What each scenario begins with. `keep` copies the database, which nobody has open between steps.
PRELUDE = """
import gc, json, logging, os, shutil, signal, sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake import paths, versions
from lake.errors import C360Error
from lake.local import LocalLake
from pages import docs_site
from warehouse import azure_sql
from warehouse.dbt_run import DbtRun
from warehouse.home import Home, project_dir
from warehouse.load import count_rows, load, load_identity

gc.disable()  # looking for garbage among all that dbt keeps is a sixth of the time
azure_sql.WAITS_SECONDS = (0.0,) * 3
state = Path(os.environ["C360_STANDIN"])
home = Home.at(os.environ["C360_HOME"])
home.prepare()
lake = LocalLake(Path(os.environ["C360_LAKE"]))
published = versions.published(lake)
place = os.environ["C360_LAKE"]

def run(version=published.version, **environment):
    return DbtRun(home, None, version, target="azure_sql", **{"C360_LAKE": place} | environment)

def build(run, *selection):
    if selection:  # what it names, without its tests
        selection = ("--select", *selection, "--exclude", "resource_type:test")
    run.build(*selection, on_node=lambda *_: None)

def keep(name):
    shutil.copyfile(state / "azure_sql.duckdb", state / f"{name}.duckdb")

def fail(pattern, error="the test says so", **more):
    fault = {"server": "azure_sql", "pattern": pattern, "times": 1, "error": error, **more}
    (state / "faults.json").write_text(json.dumps([fault]))

def told(action, *arguments):
    try:
        action(*arguments)
    except C360Error as error:
        print("TOLD", json.dumps(str(error)))
    else:
        raise SystemExit("no error")

def execute(sql):
    credentials = dbt.adapter.config.credentials
    with closing(azure_sql.connect(credentials)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
"""


@dataclass(frozen=True)
class AzureSql:
    """A database of the stand-in, with the lake that it loads from."""

    folder: Path
    lake: Path
    told: list[str] = field(default_factory=list)  # by the scenario that made it

    def start(self, script: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a scenario in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(script)],
            cwd=project_dir(),
            env=os.environ
            | {
                "PYTHONPATH": f"{DRIVERS}{os.pathsep}{project_dir()}",
                "C360_STANDIN": str(self.folder / "state"),
                "C360_STANDIN_LAKE": str(self.lake),
                "C360_LAKE": str(self.lake),
                "C360_HOME": str(self.folder / "home"),
                "C360_SQL_SERVER": "standin",
                "C360_SQL_AUTHENTICATION": "sql",
                "C360_SQL_USER": "c360",
                "C360_SQL_PASSWORD": "secret",
            }
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def query(self, sql: str, after: str = "azure_sql") -> list[tuple[Any, ...]]:
        """Ask the copy that a step left, or the database as it is now."""
        path = self.folder / "state" / f"{after}.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set variable tsql_database = 'customer360'")
            return connection.execute(sql).fetchall()

    def rows(self, relation: str, columns: str, after: str = "azure_sql") -> Counter[Any]:
        """Return the rows of a relation, without an order."""
        found = self.query(f"select {columns} from {relation}", after)
        return Counter(tuple(map(normalise, row)) for row in found)

    def keys(self, after: str) -> set[str]:
        """Return the primary keys of gold, and the foreign ones that are enforced and trusted."""
        return {
            name
            for (name,) in self.query(
                "select name from (select name, schema_id from sys.key_constraints union all"
                " select name, schema_id from sys.foreign_keys"
                " where not is_disabled and not is_not_trusted) as keys"
                " where schema_id = schema_id('gold')",
                after,
            )
        }


def finished(process: "subprocess.Popen[str]", returncode: int = 0) -> list[str]:
    """Wait for a scenario to end; return the messages that it was told."""
    output, _ = process.communicate()
    assert process.returncode == returncode, output[-5000:]
    return [
        json.loads(line.removeprefix("TOLD "))
        for line in output.splitlines()
        if line.startswith("TOLD ")
    ]


def rows_of(home: Path, schema: str) -> Iterator[tuple[str, str, Counter[Any]]]:
    """Yield each relation of a schema of a home's warehouse: its name, columns and rows.

    Not what runs did: two homes were made by other runs.
    """
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for (name,) in connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = ? and table_name <> 'run_history'",
            [schema],
        ).fetchall():
            described = connection.execute(f"describe {schema}.{name}").fetchall()
            columns = ", ".join(f'"{column}"' for column, *_ in described)
            rows = connection.execute(f"select {columns} from {schema}.{name}").fetchall()
            yield name, columns, Counter(tuple(map(normalise, row)) for row in rows)


def assert_same_as_local(
    azure: AzureSql, arrival: Arrival | DeclaredShop, *schemas: str, after: str
) -> None:
    for schema in schemas:
        relations = list(rows_of(arrival.home, schema))
        assert relations
        for name, columns, expected in relations:
            found = azure.rows(f"{schema}.{name}", columns, after)
            assert found == expected, f"{schema}.{name} after {after}"


@pytest.fixture(scope="module")
def loading(
    second: Arrival, tmp_path_factory: pytest.TempPathFactory
) -> "tuple[AzureSql, subprocess.Popen[str]]":
    """A database whose loads fail in every way, while the other one is built."""
    folder = tmp_path_factory.mktemp("loads")
    azure = AzureSql(folder, folder / "lake")
    shutil.copytree(second.home / "lake", azure.lake)
    process = azure.start(
        """
        dbt = run()
        tables = published.entities
        assert count_rows(lake, tables["stores"].parts) == tables["stores"].rows
        told(build, dbt, "silver.stores")  # nothing is loaded

        # A connection that breaks after some rows is no failure, only another attempt.
        fail("insert bulk silver_load.products", "Communication link failure", after=True)
        seen = []
        load(lake, published, dbt, lambda *progress: seen.append(progress))
        complete = [name for name, done, total in seen if done == total]
        assert complete[:2] == ["customers", "products"]
        assert seen.count(("products", tables["products"].rows, tables["products"].rows)) == 1
        build(run(), "silver.stores")
        keep("first")

        # Who is who: copied as a whole, when it is another version than that which is there.
        def found(version, **more):
            customers, at = pa.array([2, 1], pa.int64()), pa.array([0, None], pa.timestamp("us"))
            columns = {
                "matched_customers": {
                    "customer_id": customers,
                    "person_id": ["P1", "P1"],
                    "matched_by": ["model", "only record"],
                    "probability": [0.97, None],
                    "matched_at": at,
                },
                "person_aliases": {
                    "alias_id": ["P2"], "person_id": ["P1"], "merged_at": at[:1], "ended_at": at[1:]
                },
                "possible_duplicates": {
                    "customer_id": customers[1:],
                    "other_customer_id": customers[:1],
                    "probability": [0.5],
                    "reasons": ["same e-mail; Straße"],
                },
            }
            for name, values in columns.items():
                with lake.open_write(paths.identity_table(version, name)) as sink:
                    pq.write_table(pa.table(values | more.get(name, {})), sink)

        assert load_identity(lake, None, dbt) is None
        found("20260101T000000Z-aaaaaa")
        broken = "Communication link failure"
        fail("insert bulk identity_load.matched_customers", broken, after=True)
        seen = []
        loaded = lambda version: load_identity(lake, version, dbt, lambda *each: seen.append(each))
        assert loaded("20260101T000000Z-aaaaaa") == 4
        assert seen[-2:] == [("person_aliases", 1, 1), ("possible_duplicates", 1, 1)]
        assert loaded("20260101T000000Z-aaaaaa") is None
        keep("who_is_who")
        told(loaded, "20260102T000000Z-bbbbbb")  # there are no files
        found("20260103T000000Z-cccccc", possible_duplicates={"reasons": [None]})
        fail("begin transaction.*alter schema", after=True)
        told(loaded, "20260103T000000Z-cccccc")
        keep("who_is_who_still")
        assert loaded("20260103T000000Z-cccccc") == 4
        keep("who_is_who_now")
        assert loaded(None) == 0  # customers are not matched any more
        assert loaded(None) is None

        # Stores in two parts: the database has the first, and of the second one row is another's.
        earlier, later = "20000101T000000Z-aaaaaa", "20980101T000000Z-bbbbbb"
        (file,) = lake.list(tables["stores"].parts[0])
        with lake.open_read(file) as source:
            stores = pq.read_table(source)
        parts = [f"silver/stores/{version}" for version in (earlier, later)]
        superseded = f"silver/superseded/stores/{later}"
        for folder, rows in zip([*parts, superseded], (None, 1, 1)):
            with lake.open_write(f"{folder}/x.parquet") as sink:
                pq.write_table(stores.slice(0, rows), sink)
        in_parts = versions.PublishedEntity(parts, stores.num_rows, [superseded], 1)
        newer = replace(published, version=later, entities=tables | {"stores": in_parts})
        assert load(lake, newer, dbt) == 1
        keep("added")
        execute("delete from silver.stores")  # all of it is copied then, with what comes
        assert load(lake, replace(newer, version="20980102T000000Z-cccccc"), dbt) == 0
        execute("exec sys.sp_updateextendedproperty @name = N'c360_version',"
                f" @value = N'{published.version}',"
                " @level0type = N'SCHEMA', @level0name = N'silver'")
        assert load(lake, newer, dbt) == stores.num_rows + 1
        keep("mended")
        load(lake, published, dbt, again=True)

        execute("delete from silver.stores")  # tells these tables from those of another load
        newer = replace(published, version="20990101T000000Z-abcdef")
        fail("insert bulk silver_load.stores", "The bulk copy was refused")
        told(load, lake, newer, dbt, None, True)

        stores = replace(tables["stores"], rows=99)
        told(load, lake, replace(newer, entities=tables | {"stores": stores}), dbt)

        (file,) = lake.list(tables["agents"].parts[0])
        content = lake.read_bytes(file)
        lake.delete(file)
        told(load, lake, newer, dbt)
        lake.write_bytes(file, content[:100])
        told(load, lake, newer, dbt)
        lake.write_bytes(file, content)
        keep("unchanged")

        def killed(name, done, total):
            if name == "in_store_transactions":
                os.kill(os.getpid(), signal.SIGKILL)

        load(lake, newer, dbt, killed, True)
        """,
    )
    return azure, process


EARLIER = "20200101T000000Z-aaaaaa"


@pytest.fixture(scope="module")
def azure(declared: DeclaredShop, tmp_path_factory: pytest.TempPathFactory) -> AzureSql:
    """A database that was loaded, built, built again, published from beside, and attached."""
    folder = tmp_path_factory.mktemp("azure")
    azure = AzureSql(folder, folder / "lake")
    shutil.copytree(declared.home / "lake", azure.lake)
    customers = azure.lake / "silver" / "customers"
    shutil.copytree(customers / declared.batch_id, customers / EARLIER)
    process = azure.start(
        """
        dbt = run()
        tables = published.entities.values()
        assert load(lake, published, dbt) == sum(table.rows + table.replaced for table in tables)
        load_identity(lake, published.identity, dbt)
        keep("loaded")
        assert load(lake, published, dbt) is None
        build(dbt)
        docs_site.write(dbt.document(), project_dir(), state / "docs")
        keep("built")

        # The old table has its backup's name by now, and the new one not yet its own.
        fail(r"sp_rename 'gold.fct_in_store_transactions__dbt_tmp'")
        told(build, run(), "dim_customers", "fct_in_store_transactions")
        keep("broken")
        # What an earlier version of the product kept of customers.
        execute("create schema snapshots")
        execute("create table snapshots.customers_history (customer_id bigint, email nvarchar(200)"
                " collate Latin1_General_100_BIN2 masked with (function = 'email()'))")
        execute("create index by_customer on snapshots.customers_history (customer_id)")
        execute("insert into snapshots.customers_history values (1, N'ann@example.com'), (2, N'')")
        run().run_operation("put_snapshots_aside", tables=["customers_history"])
        run().run_operation("forget_in_snapshots", customer_ids=["2", "it's"])
        build(run(), "path:models/gold")
        keep("again")

        # A key of somebody else's, by hand and in a run; and somebody else's build.
        execute("create table dbo.visits (date_key int)")
        execute("alter table dbo.visits add constraint fk_visits foreign key (date_key)"
                " references gold.dim_dates (date_key)")
        told(build, run(), "dim_dates", "dim_stores")
        told(build, run(C360_SCHEMA_SUFFIX="_next"), "dim_dates")
        keep("others_key")
        execute("drop table dbo.visits")
        taken = "There is already an object named 'dim_stores__dbt_tmp' in the database."
        credentials = dbt.adapter.config.credentials
        for others in ([azure_sql.connect(credentials)], []):
            for other in others:
                other.session.login, other.session.process = "ann@shop.example", 1
            fail("dim_stores__dbt_tmp", taken, number=2714)
            heard = []
            run()._invoke(["run", "--select", "dim_stores"], lambda event: heard.append(event.info))
            (said,) = [info.msg for info in heard if info.name == "JinjaLogInfo"]
            print("TOLD", json.dumps(said))
            for other in others:
                other.close()

        execute("create table gold.notes_of_an_analyst (note nvarchar(100))")
        beside = run(C360_SCHEMA_SUFFIX="_next")
        build(beside, "resource_type:seed", "path:models/gold", "path:models/marts")
        keep("beside")
        dbt = run()
        fail("begin transaction.*alter schema", after=True)
        told(dbt.run_operation, "publish_gold")
        keep("swap_failed")
        dbt.run_operation("publish_gold")
        keep("published")
        told(dbt.run_operation, "publish_gold")

        place = "abfss://lake@shop.dfs.core.windows.net"
        now = run("", C360_SILVER_ACCESS="attached")
        now.run_operation("setup_azure_sql")
        now.run_operation("setup_azure_sql")
        build(now, "path:models/silver")
        keep("attached")
        build(now, "silver.customers")
        said = replace(
            published.entities["customers"], parts=[f"silver/customers/{os.environ['EARLIER']}"]
        )
        entities = published.entities | {"customers": said}
        lake.write_bytes("silver/published.json", replace(published, entities=entities).to_json())
        build(now, "silver.customers")
        """,
        EARLIER=EARLIER,
    )
    azure.told.extend(finished(process))
    return azure


def test_loaded_silver_equals_the_lake_and_notes_its_version(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    assert_same_as_local(azure, declared, "silver", after="loaded")
    noted = azure.query(
        "select name, value from sys.extended_properties"
        " where class = 3 and major_id = schema_id('silver')",
        "loaded",
    )
    assert sorted(noted) == [
        ("c360_text_keys", json.dumps(declared_shop.TEXT_KEYS)),
        ("c360_version", declared.batch_id),
    ]
    assert not azure.query("select 1 from sys.schemas where name = 'silver_load'", "loaded")


def test_gold_and_marts_built_from_nothing_equal_those_on_one_machine(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    assert_same_as_local(azure, declared, "reference", "gold", "marts", after="built")
    page = (azure.folder / "state" / "docs" / "index.html").read_text(encoding="utf-8")
    assert "customer_timeline" in page


@pytest.mark.parametrize("step", ["built", "again", "published"])
def test_every_key_is_in_force(azure: AzureSql, step: str) -> None:
    assert azure.keys(step) == PRIMARY_KEYS | FOREIGN_KEYS


def test_when_one_dimension_is_built_anew_the_keys_that_point_to_it_come_back(
    azure: AzureSql,
) -> None:
    # The fact that the same build did not finish is the exception: its old table is set aside.
    lost = {"fk_fct_in_store_transactions_customer_id"}
    assert azure.keys("broken") == (PRIMARY_KEYS | FOREIGN_KEYS) - lost
    table = "select object_id from sys.tables where name = 'dim_customers'"
    assert azure.query(table, "broken") != azure.query(table, "built")


def test_facts_are_columnstores_and_customers_are_looked_up_by_index(azure: AzureSql) -> None:
    found = azure.query(
        "select tables.name, indexes.type_desc, is_primary_key from sys.indexes join sys.tables"
        " using (object_id) where indexes.type > 0 and schema_id = schema_id('gold')",
        "built",
    )
    for fact in FACTS:
        kinds = sorted((kind, key) for table, kind, key in found if table == fact)
        expected = [("CLUSTERED COLUMNSTORE", False), ("NONCLUSTERED", False)]
        assert kinds == [*expected, ("NONCLUSTERED", True)]
    assert ("dim_customers", "CLUSTERED", True) in found


@pytest.mark.parametrize("step", ["built", "again"])
def test_all_text_that_is_stored_or_shown_compares_by_code_point(
    azure: AzureSql, step: str
) -> None:
    others = azure.query(
        "select schemas.name, objects.name, columns.name from sys.columns"
        " join sys.objects using (object_id) join sys.schemas using (schema_id)"
        " where collation_name <> 'Latin1_General_100_BIN2'"
        " and schemas.name in ('silver', 'reference', 'gold', 'marts')",
        step,
    )
    assert others == []


def test_personal_data_is_masked_wherever_it_is_stored(azure: AzureSql) -> None:
    masked = azure.query(
        "select schemas.name, tables.name, columns.name, masking_function"
        " from sys.columns join sys.tables using (object_id) join sys.schemas using (schema_id)"
        " where is_masked",
        "again",
    )
    tables = ("silver customers", "silver customers_history")
    tables = (*tables, "gold dim_customers", "gold dim_persons")
    assert sorted(masked) == sorted(
        [(*table.split(), *mask) for table in tables for mask in PERSONAL.items()]
        + [
            ("silver", "rejected_rows", "raw_row", "default()"),
            ("silver", "unreadable_values", "value", "default()"),
            ("silver", "customer_attributes", "value", "default()"),
            ("snapshots", "customers_history_before", "email", "email()"),
        ]
        + [
            ("marts", "possible_duplicates", f"{which}{column}", function)
            for which in ("", "other_")
            for column, function in PERSONAL.items()
        ]
    )


# After a load there is silver alone; after a publish tables have taken the place of others.
@pytest.mark.parametrize(
    ("step", "schemas"),
    [("loaded", ["silver"]), ("published", ["gold", "marts", "silver", "snapshots"])],
)
def test_each_role_may_do_what_it_is_for_and_nothing_else(
    azure: AzureSql, step: str, schemas: list[str]
) -> None:
    granted = azure.query(
        "select principals.name, permission_name, class_desc,"
        " case when class = 3 then schema_name(major_id)"
        " else object_schema_name(major_id) || '.' || object_name(major_id) end"
        " from sys.database_permissions as permissions join sys.database_principals as principals"
        " on principals.principal_id = permissions.grantee_principal_id",
        step,
    )
    held = [
        ("c360_auditor", "SELECT", "OBJECT_OR_COLUMN", relation)
        for relation in ("marts.data_notes", "silver.row_reconciliation", "silver.superseded_rows")
        if relation.partition(".")[0] in schemas
    ]
    held += [("c360_reader", "SELECT", "SCHEMA", "marts")] if "marts" in schemas else []
    held += [
        ("c360_steward", permission, "SCHEMA", schema)
        for permission in ("SELECT", "UNMASK")
        for schema in schemas
    ]
    assert sorted(granted) == sorted(held)


def test_tables_views_and_columns_have_their_descriptions(azure: AzureSql) -> None:
    for step in ("built", "published"):
        described = azure.query(
            "select object_schema_name(major_id) || '.' || object_name(major_id), value"
            " from sys.extended_properties where class = 1 and name = 'MS_Description'"
            " and object_schema_name(major_id) in ('gold', 'marts')",
            step,
        )
        assert len({relation for relation, _ in described}) == 12 + 22
        assert ("gold.dim_customers", "E-mail address. Personal data.") in described
        assert ("marts.customer_360", "E-mail address. Personal data.") in described


def test_what_an_earlier_version_noted_of_customers_gets_another_name(azure: AzureSql) -> None:
    tables = "select name from sys.tables where schema_id = schema_id('snapshots')"
    assert azure.query(tables, "again") == [("customers_history_before",)]
    kept = "select customer_id, email from snapshots.customers_history_before"
    assert azure.query(kept, "again") == [(1, "ann@example.com")]


def test_a_build_that_failed_in_the_middle_is_repaired_by_the_next(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    there = "select 1 from sys.tables where name = 'fct_in_store_transactions'"
    assert azure.query(there, "broken") == []
    assert_same_as_local(azure, declared, "gold", "marts", after="again")
    left = azure.query("select name from sys.objects where name like '%dbt~_%' escape '~'", "again")
    assert left == []


def test_a_key_of_somebody_else_stops_a_build_before_it_changes_anything(azure: AzureSql) -> None:
    for message in azure.told[1:3]:
        assert "gold.dim_dates cannot be replaced: the foreign key fk_visits of dbo." in message
        assert "Drop that key, run again, and add it to the new table" in message
    objects = "select object_id, name from sys.objects where name not like '%visits' order by 1"
    assert azure.query(objects, "others_key") == azure.query(objects, "again")


def test_a_build_that_finds_names_taken_says_who_else_builds(azure: AzureSql) -> None:
    somebody, nobody = azure.told[3:5]
    assert "Another build was at dim_stores at the same time" in somebody
    assert re.search(r"ann@shop.example on here, since \d{4}-\d\d-\d\d", somebody)
    assert "No other dbt is to be seen any more" in nobody


def test_building_beside_changes_nothing_that_readers_see(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    assert_same_as_local(azure, declared, "gold", "marts", after="beside")
    ids = "select object_id, name from sys.objects where schema_id = schema_id('gold') order by 1"
    now = [row for row in azure.query(ids, "beside") if row[1] != "notes_of_an_analyst"]
    assert now == azure.query(ids, "again")


def test_a_swap_that_fails_half_way_changes_nothing(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    objects = "select schema_id, object_id, name from sys.objects order by object_id"
    assert azure.query(objects, "swap_failed") == azure.query(objects, "beside")
    assert_same_as_local(azure, declared, "gold", "marts", after="swap_failed")


def test_publishing_exchanges_gold_and_marts_and_keeps_what_others_made(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    assert_same_as_local(azure, declared, "reference", "gold", "marts", after="published")
    moved = "select name, object_id from sys.tables where schema_id = schema_id('{}')"
    new = dict(azure.query(moved.format("gold_next"), "beside"))
    now = dict(azure.query(moved.format("gold"), "published"))
    assert now.pop("notes_of_an_analyst")
    assert now == new
    assert azure.query("select name from sys.schemas where name like '%next'", "published") == []
    texts = azure.query(
        "select definition from sys.sql_modules join sys.views using (object_id)"
        " where schema_id = schema_id('marts')",
        "published",
    )
    assert len(texts) == 14
    assert not any("_next" in definition for (definition,) in texts)
    noted = azure.query(
        "select schema_name(major_id), value from sys.extended_properties"
        " where class = 3 and name = 'c360_version'",
        "published",
    )
    schemas = ("gold", "identity", "silver")
    assert sorted(noted) == [(schema, declared.batch_id) for schema in schemas]


def test_every_statement_parses_as_t_sql(azure: AzureSql) -> None:
    batches = recorded(azure.folder / "state")
    assert len(batches) > 500
    assert parse_all(batches) == []


def test_no_statement_and_no_copy_may_take_for_ever(azure: AzureSql) -> None:
    assert {batch.limit for batch in recorded(azure.folder / "state")} == {14_400}


def test_a_load_locks_what_it_changes_in_the_order_in_which_readers_come_to_it(
    azure: AzureSql,
) -> None:
    """Gold's order is a rule of the stand-in, which knows its keys and views; silver has none."""
    sent = [batch.sql for batch in recorded(azure.folder / "state")]
    load = next(sql for sql in sent if 'transfer "silver_load"."customers"' in sql)
    locks = [load.index(f'"silver"."{name}" set') for name in ("online_transactions", "customers")]
    assert locks == sorted(locks)
    assert locks[-1] < load.index("drop table")


@pytest.fixture(scope="module")
def loads(loading: "tuple[AzureSql, subprocess.Popen[str]]") -> tuple[AzureSql, list[str]]:
    """The database whose loads failed, at last by being killed; what each said."""
    azure, process = loading
    return azure, finished(process, returncode=-signal.SIGKILL)


def test_a_load_that_fails_leaves_the_tables_as_they_were(
    loads: tuple[AzureSql, list[str]], second: Arrival
) -> None:
    azure, messages = loads
    assert_same_as_local(azure, second, "silver", after="first")
    not_loaded, _, _, refused, wrong_count, deleted, damaged = messages
    assert "was not loaded. Run `c360 load`" in not_loaded
    assert "The bulk copy was refused" in refused
    assert "was published with 99" in wrong_count
    assert "has 0 rows" in deleted
    assert "Build a new version: c360 run --target azure" in deleted
    assert "is damaged" in damaged
    for step in ("unchanged", "azure_sql"):
        assert azure.query("select count(*) from silver.stores", step) == [(0,)]
        noted = azure.query(NOTED.format("silver"), step)
        assert noted == [(second.batch_id,)]


def test_who_is_who_is_loaded_as_a_whole_or_stays(loads: tuple[AzureSql, list[str]]) -> None:
    azure, messages = loads
    rows = {
        "matched_customers": [
            (1, "P1", "only record", None, None),
            (2, "P1", "model", 0.97, datetime(1970, 1, 1)),
        ],
        "person_aliases": [("P2", "P1", datetime(1970, 1, 1), None)],
        "possible_duplicates": [(1, 2, 0.5, "same e-mail; Straße")],
    }
    noted = NOTED.format("identity")
    for step in ("who_is_who", "who_is_who_still"):
        for name, expected in rows.items():
            assert azure.query(f"select * from identity.{name} order by 1", step) == expected, name
        assert azure.query(noted, step) == [("20260101T000000Z-aaaaaa",)]
    gone, refused = messages[1:3]
    assert "matched_customers.parquet is gone" in gone
    assert "publish_identity_load failed" in refused
    now = azure.query("select reasons from identity.possible_duplicates", "who_is_who_now")
    assert now == [(None,)]
    assert azure.query(noted, "who_is_who_now") == [("20260103T000000Z-cccccc",)]
    assert azure.query("select count(*) from identity.matched_customers") == [(0,)]
    assert not azure.query(
        "select 1 from sys.schemas where name = 'identity_load'", "who_is_who_now"
    )


def test_only_the_parts_that_are_not_there_are_copied(
    loads: tuple[AzureSql, list[str]], second: Arrival
) -> None:
    azure, _ = loads
    assert_same_as_local(azure, second, "silver", after="added")
    assert_same_as_local(azure, second, "silver", after="mended")
    sent = [batch.sql for batch in recorded(azure.folder / "state")]
    (change,) = [sql for sql in sent if 'delete from "silver"."stores"' in sql]
    assert 'insert into "silver"."stores"' in change
    assert "alter schema" not in change


def test_a_load_after_one_that_was_killed_completes(
    loads: tuple[AzureSql, list[str]], second: Arrival
) -> None:
    azure, _ = loads
    assert azure.query("select 1 from sys.schemas where name = 'silver_load'") == [(1,)]
    finished(
        azure.start(
            """
            load(lake, replace(published, version="20990101T000000Z-abcdef"), run(), again=True)
            """
        )
    )
    assert_same_as_local(azure, second, "silver", after="azure_sql")
    noted = azure.query(NOTED.format("silver"))
    assert noted == [("20990101T000000Z-abcdef",)]


def test_silver_attached_to_the_lake_follows_what_is_published(
    azure: AzureSql, declared: DeclaredShop
) -> None:
    assert_same_as_local(azure, declared, "silver", after="attached")
    where = "select location from sys.external_tables where name = 'customers'"
    assert azure.query(where, "attached") == [(f"/silver/customers/{declared.batch_id}/",)]
    assert azure.query(where) == [(f"/silver/customers/{EARLIER}/",)]
    sources = azure.query("select name, location from sys.external_data_sources")
    assert sources == [("c360_lake", "adls://lake@shop.dfs.core.windows.net")]
