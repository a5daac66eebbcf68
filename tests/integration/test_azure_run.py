"""`c360 run --target azure`, on stand-ins: Azurite for the lake, DuckDB for both servers.

What is compared is compared with the runs on this machine over the same batches, which
test_against_reference.py holds against an independent computation.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.generator import API_FOLDER
from demo.sample_api import create_app, serve
from lake import paths
from lake.adls import AdlsLake
from tests.integration.conftest import TOKEN, Arrival
from tests.integration.test_against_reference import GOLD, KEYS, MARTS
from tests.support.azurite import ACCOUNT, Azurite
from tests.support.command import run_c360
from tests.support.compare import assert_same, load
from tests.support.render import PROJECT
from tests.support.steps import Driver, Outcome
from tests.support.told import assert_discreet, assert_one_line
from tests.support.tsql_server.recorder import parse_all, recorded

DRIVERS = PROJECT / "tests/support/tsql_server/drivers"
MODULES = os.pathsep.join(filter(None, [str(DRIVERS), os.environ.get("PYTHONPATH")]))
PASSWORD = "a-password-that-must-not-be-seen"
# Gold and the marts in a Fabric Warehouse, over the same lake.
FABRIC = {
    "C360_SQL_SERVER": "",
    "C360_FABRIC_SERVER": "contoso.datawarehouse.fabric.microsoft.com",
    "C360_FABRIC_AUTHENTICATION": "ActiveDirectoryMsi",
}
# Of the batches' names and the time of the run, which differ between two homes.
LINEAGE = {"_source_file", "_batch_id", "matched_at"}


@dataclass(frozen=True)
class Platform:
    """An account, a pool and a database of our own, as the environment of a run names them."""

    home: Path
    servers: Path
    environment: Mapping[str, str]

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command on it."""
        return run_c360(*arguments, **{**self.environment, **environment})

    def steps(self, driver: Driver, **environment: str) -> Outcome:
        """Run the steps on it, without the command around them, over what the lake has."""
        return driver.run(
            *("--target", "azure", "--home", self.home),
            environment={**self.environment, **environment},
        )

    @property
    def published(self) -> dict:
        """What `silver/published.json` says."""
        return json.loads(self.lake().read_bytes(paths.PUBLISHED))

    def lake(self) -> AdlsLake:
        """Open the lake, with the platform's key."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("C360_LAKE_ENDPOINT", "AZURE_STORAGE_KEY"):
                patch.setenv(name, self.environment[name])
            return AdlsLake(self.environment["C360_LAKE"])

    def fail(self, server: str, pattern: str) -> None:
        """Have a server fail once, at the next statement that the pattern finds."""
        fault = {"server": server, "pattern": pattern, "times": 1, "error": "The disk is on fire"}
        (self.servers / "faults.json").write_text(json.dumps([fault]))


@pytest.fixture(scope="module")
def driver(parses: Path) -> Iterator[Driver]:
    """A process that has imported what a run needs, with the stand-ins for the drivers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", MODULES)
        with Driver(parses, "dbt.adapters.synapse", "dbt.adapters.sqlserver") as driver:
            yield driver


@pytest.fixture(scope="module")
def bare(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform on which nothing is set up."""
    work = tmp_path_factory.mktemp("azure")
    servers = work / "servers"
    servers.mkdir()
    return Platform(
        work / "home",
        servers,
        {
            **azurite.filesystem(),
            "PYTHONPATH": MODULES,
            "C360_STANDIN": str(servers),
            "C360_HOME": str(work / "home"),
            "C360_SYNAPSE_SERVER": "contoso-ondemand.sql.azuresynapse.net",
            "C360_SYNAPSE_AUTHENTICATION": "sql",
            "C360_SYNAPSE_USER": "loader",
            "C360_SYNAPSE_PASSWORD": PASSWORD,
            "C360_SQL_SERVER": "contoso.database.windows.net",
            "C360_SQL_AUTHENTICATION": "sql",
            "C360_SQL_USER": "loader",
            "C360_SQL_PASSWORD": PASSWORD,
            "C360_API_TOKEN": TOKEN,
        },
    )


@pytest.fixture(scope="module")
def setting_up(bare: Platform) -> list[subprocess.CompletedProcess[str]]:
    """What is said when it is checked, set up, and checked again."""
    return [bare.run("azure", each) for each in ("check", "setup", "check")]


@pytest.fixture(scope="module")
def platform(bare: Platform, setting_up: list[subprocess.CompletedProcess[str]]) -> Platform:
    """A platform that is set up."""
    for done in setting_up[1:]:
        assert done.returncode == 0, done.stdout + done.stderr
    return bare


def test_what_is_missing_is_told_until_it_is_set_up(
    platform: Platform, setting_up: list[subprocess.CompletedProcess[str]]
) -> None:
    before, _, after = (done.stdout.splitlines() for done in setting_up)
    assert setting_up[0].returncode == 1
    assert [line[0] for line in before] == [*"✓✓✓✓✓✓✗––✓✗✓"]
    assert "c360 azure setup" in before[6]
    assert "lacks schema silver, schema" in before[10]
    assert [line[0] for line in after] == [*"✓" * 12]
    again = platform.run("azure", "setup").stdout
    assert "Made" not in again
    assert "Found database customer360" in again
    assert [path for path in platform.lake().list("") if "check" in path] == []
    assert not [line for line in (*before, *after, again) if PASSWORD in line]


@pytest.fixture(scope="module")
def failed(platform: Platform, first: Arrival) -> subprocess.CompletedProcess[str]:
    """The first run, which fails while it loads silver into the database."""
    platform.fail("azure_sql", "insert bulk silver_load.products")
    with serve(create_app(first.folder / API_FOLDER, TOKEN)) as url:
        return platform.run("run", "--target", "azure", "--input", first.folder, "--api", url)


@pytest.fixture(scope="module")
def ran(
    platform: Platform, failed: subprocess.CompletedProcess[str]
) -> subprocess.CompletedProcess[str]:
    """The run after it, which goes on from there, with nothing that is new."""
    assert failed.returncode == 1
    return platform.run("run", "--target", "azure")


def assert_database_equals(
    platform: Platform, warehouse: Path, *names: str, server: str = "azure_sql"
) -> None:
    """Assert that relations, or all of a schema, hold in the database what the warehouse's do."""
    keys = {
        **{f"silver.{name}": key for name, key in KEYS.items()},
        **{f"gold.{name}": key for name, key in GOLD.items()},
        "gold.dim_dates": ["date_key"],
        **{f"marts.{name}": key for name, key in MARTS.items()},
    }
    with (
        duckdb.connect(warehouse, read_only=True) as local,
        duckdb.connect(platform.servers / f"{server}.duckdb", read_only=True) as database,
    ):
        for relation, key in keys.items():
            if not {relation, relation.split(".")[0]} & {*names}:
                continue
            described = local.execute(f"select * from {relation} limit 0").description or []
            columns = [column[0] for column in described if column[0] not in LINEAGE]
            assert_same(database, relation, load(local, relation, columns), columns, key)


def answers(output: str) -> str:
    """Return the headline answers of what a run printed."""
    return output.split("Average order value\n")[1].split("\nTime\n")[0]


def test_after_a_first_run_that_fails_the_status_says_that_nothing_is_loaded(
    platform: Platform, failed: subprocess.CompletedProcess[str]
) -> None:
    assert "The disk is on fire" in assert_one_line(failed)
    version = platform.published["version"]
    status = platform.run("status", "--target", "azure").stdout
    assert f"Published {version}" in status
    assert "Silver is in no database yet" in status
    assert "Gold and marts are of no version yet" in status


def test_the_command_gives_the_answers_that_it_gives_on_this_machine(
    platform: Platform, ran: subprocess.CompletedProcess[str], first: Arrival
) -> None:
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert answers(ran.stdout) == answers(first.output)
    assert_database_equals(platform, first.warehouse, "silver", "gold", "marts")
    with duckdb.connect(first.warehouse, read_only=True) as local:
        for name, entity in platform.published["entities"].items():
            rows = local.execute(f"select count(*) from silver.{name}").fetchone()
            assert (entity["rows"],) == rows, name
    assert (platform.home / "docs" / "index.html").stat().st_size > 1_000_000
    assert_discreet(platform.home, [PASSWORD, TOKEN], ran.stdout, ran.stderr)


def test_a_fabric_warehouse_holds_gold_and_the_marts_in_the_place_of_the_database(
    platform: Platform, driver: Driver, ran: subprocess.CompletedProcess[str], first: Arrival
) -> None:
    both = platform.steps(driver, **(FABRIC | {"C360_SQL_SERVER": "contoso"}))
    assert "C360_SQL_SERVER and C360_FABRIC_SERVER are both set" in both.errors
    done = platform.steps(driver, **FABRIC)
    assert done.returncode == 0, done.output + done.errors
    assert_database_equals(platform, first.warehouse, "silver", "gold", "marts", server="fabric")
    status = platform.run("status", "--target", "azure", **FABRIC).stdout
    assert f"Gold and marts are of {platform.published['version']}" in status


@pytest.mark.parametrize(
    "number",
    [
        ("customer_360", "total_spend", "-w", "customer_id={customer}"),
        ("data_notes", "-w", "note=rejected rows"),
        ("customer_360", "monetary_score", "-w", "customer_id={customer}"),
    ],
    ids=lambda number: " ".join(number[:2]),
)
def test_a_number_is_explained_as_on_this_machine(
    platform: Platform,
    ran: subprocess.CompletedProcess[str],
    first: Arrival,
    tmp_path: Path,
    number: tuple[str, ...],
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as local:
        ((customer,),) = local.execute(
            "select customer_id from marts.customer_360 where refunds > 0 "
            "and customer_id in (select customer_id from staging.online_transactions_superseded) "
            "order by total_spend desc limit 1"
        ).fetchall()
    asked = [each.format(customer=customer) for each in number]
    there = platform.run("explain", *asked, "--target", "azure", "--csv", tmp_path / "there.csv")
    assert there.returncode == 0, there.stdout + there.stderr
    assert "It adds up to the number: yes." in there.stdout
    here = run_c360("explain", *asked, "--home", first.home, "--csv", tmp_path / "here.csv")
    assert here.returncode == 0, here.stdout + here.stderr
    chains = []
    for name in ("here", "there"):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            # The batches of two homes have other names, and flags are numbers on one of them.
            left_out = {"batch", "replaced_by_batch", "row_values"}
            chains.append(
                [
                    {column: value for column, value in line.items() if column not in left_out}
                    for line in csv.DictReader(file)
                ]
            )
    assert chains[1] == chains[0]
    assert any(line["text"] for line in chains[0] if line["level"] == "raw line")


@pytest.mark.parametrize(
    "whose",
    [
        "select person_id from marts.person_360 inner join gold.customer_persons using (person_id) "
        "inner join gold.fct_service_interactions using (customer_id) "
        "inner join gold.dim_loyalty_accounts using (customer_id) "
        "where customer_records > 1 order by total_spend desc limit 1",
        "select source_customer_id from gold.fct_online_transactions where customer_id = -1 "
        "and source_customer_id > 0 order by source_customer_id limit 1",
    ],
    ids=["of several records", "who is not published"],
)
def test_a_person_gets_what_is_held_as_on_this_machine(
    platform: Platform,
    ran: subprocess.CompletedProcess[str],
    first: Arrival,
    tmp_path: Path,
    whose: str,
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as local:
        ((who,),) = local.execute(whose).fetchall()
    home = shutil.copytree(first.home, tmp_path / "home")  # an export changes the audit log
    exported = []
    for run, where in (
        (run_c360, ("--home", home)),
        (platform.run, ("--target", "azure")),
    ):
        done = run("person", "export", who, "--to", tmp_path / "told", *where)
        assert done.returncode == 0, done.stdout + done.stderr
        exported.append(json.loads((tmp_path / "told.json").read_text()))
    here, there = exported
    assert there["made"]["published_version"] == platform.published["version"]
    assert _of_any_home(there) == _of_any_home(here)
    rows = there["arrived"]["rows"]
    assert rows
    assert all(row["text"] for row in rows)
    told = platform.run("audit", "--person", who, "--target", "azure", "--json")
    assert [entry["action"] for entry in json.loads(told.stdout)] == ["export"]
    for log in platform.home.joinpath("logs").rglob("*.*"):
        for customer in there["customers"]:
            for record in customer["held"]["record"]:
                assert record["email"] not in log.read_text(), log


def _of_any_home(value: Any) -> Any:
    """Return an export without what differs from one arrival of a file to the next."""
    arrival = {"made", "recorded", "batch_id", "arrived_at", "path", "_as_of", *LINEAGE}
    if isinstance(value, dict):
        return {name: _of_any_home(each) for name, each in value.items() if name not in arrival}
    return [_of_any_home(each) for each in value] if isinstance(value, list) else value


def test_persons_are_found_as_on_this_machine(
    platform: Platform, ran: subprocess.CompletedProcess[str], first: Arrival
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as local:
        ((person, name, account),) = local.execute(
            "select person_id, customer_name, loyalty_id "
            "from marts.customer_360 inner join gold.dim_loyalty_accounts using (customer_id) "
            "where email like '%@%' order by total_spend desc limit 1"
        ).fetchall()
    for words in (name, account):
        here = run_c360("person", "find", words, "--home", first.home)
        there = platform.run("person", "find", words, "--target", "azure")
        assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr
        assert f"person {person}" in there.stdout


def test_bronze_is_what_it_is_on_this_machine(
    platform: Platform, ran: subprocess.CompletedProcess[str], first: Arrival
) -> None:
    lake = platform.lake()
    (batch_id,) = platform.published["batches"]
    for path in lake.list("bronze"):
        if path.startswith(("bronze/manifests", "bronze/state")):
            continue
        here = first.home / "lake" / path.replace(batch_id, first.batch_id)
        there = lake.read_bytes(path)
        if path.startswith("bronze/rows"):
            rows, same = (_arrived(file) for file in (io.BytesIO(there), here))
            assert rows.equals(same), path
        else:
            assert there == here.read_bytes(), path


def _arrived(file: io.BytesIO | Path) -> pa.Table:
    """Return rows without what differs from one arrival of a file to the next."""
    return pq.read_table(file).drop_columns(["_batch_id", "_as_of"])


def test_a_run_that_fails_leaves_gold_whole_and_the_next_one_goes_on_from_there(
    platform: Platform,
    driver: Driver,
    ran: subprocess.CompletedProcess[str],
    first: Arrival,
    second: Arrival,
) -> None:
    before = platform.published["version"]
    platform.fail("azure_sql", r'insert into "silver"\."')
    with serve(create_app(second.folder / API_FOLDER, TOKEN)) as url:
        message = assert_one_line(
            platform.run("run", "--target", "azure", "--input", second.folder, "--api", url)
        )
    assert "The disk is on fire" in message
    assert "The step that failed: Load silver" in message
    assert "c360 run --target azure" in message
    version = platform.published["version"]
    assert version != before
    assert_database_equals(platform, first.warehouse, "gold", "marts")
    status = platform.run("status", "--target", "azure").stdout
    assert f"Published {version}" in status
    assert f"Gold and marts are of {before}" in status

    sent = len(recorded(platform.servers))
    resumed = platform.steps(driver)
    assert resumed.returncode == 0, resumed.output + resumed.errors
    assert platform.published["version"] == version
    assert not [
        statement
        for statement in recorded(platform.servers)[sent:]
        if "create external table" in statement.sql.lower()
    ]
    assert_database_equals(platform, second.warehouse, "silver", "gold", "marts")


def test_a_fabric_warehouse_takes_in_what_is_new(
    platform: Platform, driver: Driver, ran: subprocess.CompletedProcess[str], second: Arrival
) -> None:
    sent = len(recorded(platform.servers))
    done = platform.steps(driver, **FABRIC)
    assert done.returncode == 0, done.output + done.errors
    assert_database_equals(platform, second.warehouse, "silver", "gold", "marts", server="fabric")
    statements = " ".join(each.sql.lower() for each in recorded(platform.servers)[sent:])
    assert 'delete from "gold"."fct_' in statements  # rows, not tables, change places
    assert not re.search(r'drop table "?gold"?\."?fct_', statements)


def test_when_nothing_new_arrived_nothing_is_changed(
    platform: Platform, driver: Driver, ran: subprocess.CompletedProcess[str]
) -> None:
    before, sent = platform.published, len(recorded(platform.servers))
    stays = platform.steps(driver)
    assert stays.returncode == 0, stays.output + stays.errors
    assert f"Nothing new arrived: {before['version']} stays published" in stays.errors
    assert platform.published == before
    changing = ("create", "alter", "drop", "insert", "delete", "update", "merge", "exec")
    statements = [each.sql.lower().split() for each in recorded(platform.servers)[sent:]]
    assert not [words for words in statements if set(words) & set(changing)]


def test_a_rollback_builds_gold_from_the_silver_of_the_version_before(
    platform: Platform,
    driver: Driver,
    ran: subprocess.CompletedProcess[str],
    first: Arrival,
    second: Arrival,
) -> None:
    now = platform.published
    before = now["previous"]
    platform.fail("azure_sql", "insert bulk silver_load.products")
    message = assert_one_line(platform.run("rollback", "--target", "azure"))
    assert "The disk is on fire" in message
    assert f"c360 rollback {before} --target azure" in message
    assert platform.published["version"] == before
    assert_database_equals(platform, second.warehouse, "silver", "gold", "marts")

    back = platform.run("rollback", "--target", "azure")
    assert back.returncode == 0, back.stdout + back.stderr
    said = " ".join(back.stdout.split())
    assert "going on from there" in said
    assert f"{before} of {platform.published['published_at']} is published again" in said
    assert f"takes in again what it lacks: {now['batches'][-1]}." in said
    assert_database_equals(platform, first.warehouse, "silver", "gold", "marts")
    listed = platform.run("versions", "--target", "azure").stdout
    assert now["version"] in listed
    assert "rolled back" in listed

    with duckdb.connect(platform.servers / "azure_sql.duckdb", read_only=True) as database:
        told = database.execute("select distinct run_id, outcome from marts.run_history order by 1")
        outcomes = [outcome for _, outcome in told.fetchall()]
    # The two that failed in a load, the two that went on from there, two that filled a Warehouse.
    assert [outcomes.count(each) for each in ("failed", "published")] == [2, 4]


def test_one_run_at_a_time(
    platform: Platform, driver: Driver, ran: subprocess.CompletedProcess[str]
) -> None:
    with platform.lake().exclusive():
        refused = platform.steps(driver)
    assert refused.returncode == 1
    assert "nother run" in refused.errors


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"C360_LAKE": f"abfss://nowhere@{ACCOUNT}.dfs.core.windows.net"}, "container nowhere"),
        ({"AZURE_STORAGE_KEY": "d3Jvbmc="}, "AZURE_STORAGE_KEY"),
        ({"C360_LAKE_ENDPOINT": "http://127.0.0.1:9/c360"}, "127.0.0.1:9 can't be reached"),
        # With another setting for Synapse dbt reads the project anew for it, here and in the next.
        ({"C360_SQL_SERVER": ""}, "C360_SQL_SERVER is not set"),
        ({"C360_SYNAPSE_SERVER": ""}, "C360_SYNAPSE_SERVER is not set"),
        ({"C360_SYNAPSE_DATABASE": "nowhere"}, "c360 azure setup"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    platform: Platform,
    driver: Driver,
    ran: subprocess.CompletedProcess[str],
    environment: dict[str, str],
    message: str,
) -> None:
    refused = platform.steps(driver, **environment)
    assert refused.returncode == 1
    line = refused.errors.splitlines()[-1]  # a process that forks gets a warning of its own
    assert message in line
    assert PASSWORD not in refused.output + refused.errors


def test_a_person_is_forgotten_in_the_lake_and_in_the_database(
    platform: Platform, ran: subprocess.CompletedProcess[str], second: Arrival
) -> None:
    """The run that it takes takes in what a rollback put back, too."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(platform.servers / "azure_sql.duckdb", read_only=True) as database:
            return database.execute(sql).fetchall()

    ((customer, email),) = ask(
        "select customer_id, email from marts.customer_360 where email like '%@%' "
        "and total_orders > 0 and person_customer_ids = cast(customer_id as varchar) "
        "and email in (select email from gold.dim_customers group by email having count(*) = 1) "
        "order by total_spend desc limit 1"
    )
    done = platform.run("person", "forget", customer, "--target", "azure", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the certificate is abfss://" in " ".join(done.stdout.split()), done.stdout
    assert_database_equals(platform, second.warehouse, "marts.average_order_value")
    lake = platform.lake()
    for path in lake.list(""):
        content = lake.read_bytes(path)
        if path.endswith(".parquet"):
            content = str(pq.read_table(io.BytesIO(content)).to_pylist()).encode()
        assert email.casefold().encode() not in content.lower(), path
    for schema, table, column in ask(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('silver', 'gold', 'marts', 'identity')"
    ):
        wanted = f"'{customer}', '{email}'"
        where = f'cast("{column}" as varchar) in ({wanted})'
        if column.endswith(("customer_id", "email")):
            rows = ask(f'select count(*) from "{schema}"."{table}" where {where}')
            assert rows == [(0,)], (schema, table, column)


def test_every_statement_is_t_sql(
    platform: Platform, ran: subprocess.CompletedProcess[str]
) -> None:
    statements = recorded(platform.servers)
    assert Counter(statement.server for statement in statements).keys() == {
        "serverless",
        "azure_sql",
        "fabric",
    }
    assert parse_all(statements) == []
