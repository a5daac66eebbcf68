"""Days on Azure SQL Database: gold takes in what changed, and is what it is on one machine.

The days' lakes are made by runs on this machine. One process, as several runs after another,
loads, builds and publishes each on the stand-in, and copies the database after it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from ingest import batches
from lake.local import LocalLake
from tests.integration.test_azure_sql import (
    FOREIGN_KEYS,
    PRIMARY_KEYS,
    AzureSql,
    finished,
    rows_of,
)
from tests.support.steps import Driver
from tests.support.tsql_server.recorder import parse_all, recorded

SOURCES = """
defaults: {rows: one}
files:
  customers: {load: full}
  online_transactions: {rows: lines}
"""

# Ranks, and who is who.
MADE_ANEW = {"customer_segments", "customer_rfm", "customer_persons", "dim_persons"} | {
    *("merged_person_totals", "person_segments", "person_rfm"),
    *("possible_duplicates", "person_aliases"),
}

CUSTOMERS = "CustomerID,Name,Email,Address\n"
PRODUCTS = "ProductID,Name,Category,Price\n"
STORES = "StoreID,Location,Manager,OpenHours\n"
AGENTS = "AgentID,Name,Department,Shift\n"
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"
PURCHASES = "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod\n"
CONTACTS = "InteractionID,CustomerID,DateTime,AgentID,IssueType,ResolutionStatus\n"
ACCOUNTS = "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate\n"
POINTS = "LoyaltyID,DateTime,PointsChange,Reason\n"


def _history() -> dict[str, str]:
    """Return a first day with more rows than later days bring."""
    each = range(1, 61)
    return {
        "Customers.csv": CUSTOMERS
        + "".join(f"{n},Name {n},n{n}@example.org,{n} Road\n" for n in range(1, 21)),
        "Products.csv": PRODUCTS
        + "".join(f"{n},Thing {n},{('Toys', 'Tools')[n % 2]},{n}.50\n" for n in range(1, 11)),
        "Stores.csv": STORES + "1,Leeds,Kim,9-17\n2,York,Lee,9-17\n3,Hull,Lee,9-17\n",
        "Agents.csv": AGENTS + "1,Kim,Billing,day\n2,Lee,Returns,night\n",
        # Customers 21 and 22, product 11 and account 21 have not arrived yet.
        "OnlineTransactions.csv": ORDERS
        + "".join(
            f"{n},{n % 22 + 1},{n % 11 + 1},2026-03-{n % 28 + 1:02} 10:00,Cash,{n}.25,Delivered\n"
            for n in each
        ),
        "InStoreTransactions.csv": PURCHASES
        + "".join(
            f"{n},{n % 22 + 1},{n % 3 + 1},2026-04-{n % 28 + 1:02} 11:00,{n}.75,Cash\n"
            for n in each
        ),
        "CustomerServiceInteractions.csv": CONTACTS
        + "".join(
            f"{n},{n % 22 + 1},2026-05-{n % 28 + 1:02} 12:00,{n % 2 + 1},Refund,Pending\n"
            for n in each
        ),
        "LoyaltyAccounts.csv": ACCOUNTS
        + "".join(f"{n},{n},{n * 10},Gold,2025-01-01\n" for n in range(1, 21)),
        "LoyaltyTransactions.csv": POINTS
        + "".join(f"{n % 21 + 1},2026-06-{n % 28 + 1:02} 13:00,{n},Bonus\n" for n in each),
    }


def _customers(*gone: int) -> str:
    return CUSTOMERS + "".join(
        f"{n},Name {n},n{n}@example.org,{n} Road\n" for n in range(1, 23) if n not in gone
    )


DAYS: dict[str, dict[str, str] | None] = {
    "first": _history(),
    # Rows that are new, in a year that is new; customers, a product and an account that facts
    # pointed to before they arrived; an order that is replaced, with more lines; what is sold
    # elsewhere, or in another category; a customer who is in the newest complete file no more.
    # It is not published (see below).
    "changed": {
        "Customers.csv": _customers(4),
        "Products.csv": PRODUCTS + "11,Thing 11,Toys,11.50\n1,Thing one,Garden,1.50\n",
        "Stores.csv": STORES + "2,Ripon,Lee,9-17\n",
        "LoyaltyAccounts.csv": ACCOUNTS + "21,21,5,Silver,2026-07-01\n",
        "OnlineTransactions.csv": ORDERS
        + "61,3,4,2027-01-02 10:00,Cash,61.25,Delivered\n"
        + "61,3,11,2027-01-02 10:00,Cash,1,Delivered\n"
        + "5,7,2,2026-03-06 10:00,Cash,5.25,Delivered\n5,7,3,2026-03-06 10:00,Cash,6,Delivered\n",
        "CustomerServiceInteractions.csv": CONTACTS + "9,10,2026-05-10 12:00,2,Refund,Resolved\n",
        "LoyaltyTransactions.csv": POINTS + "1,2026-07-01 13:00,7,Bonus\n",
    },
    # Published with the day before; the year that was new is none any more.
    "after": {
        "Agents.csv": AGENTS + "3,Ann,Billing,day\n",
        "InStoreTransactions.csv": PURCHASES + "61,5,1,2026-04-09 11:00,9.75,Cash\n",
        "OnlineTransactions.csv": ORDERS + "61,3,4,2026-12-31 10:00,Cash,60.25,Cancelled\n",
    },
    # The same version once more, as when what people open was gone.
    "again": None,
    # The newest batch is taken back.
    "retracted": {},
}


@dataclass(frozen=True)
class Kept:
    """The database after each day, and the rows of the layers on this machine then."""

    azure: AzureSql
    expected: dict[str, dict[str, tuple[str, Counter[Any]]]]

    def assert_equal(self, after: str, as_of: str) -> None:
        """Assert that after a day's run history, gold and marts are a day's on this machine."""
        for relation, (columns, rows) in self.expected[as_of].items():
            if after != as_of and relation.startswith(("silver.", "marts.data_notes")):
                continue  # silver was loaded before, and the notes are a view over it
            assert self.azure.rows(relation, columns, after) == rows, relation

    def ids(self, day: str) -> dict[str, int]:
        """Return the ids of the tables that are published, which those that are replaced change."""
        found = self.azure.query(
            "select name, object_id from sys.tables where schema_id in"
            " (schema_id('gold'), schema_id('marts'))",
            day,
        )
        return dict(found)

    def whole(self, day: str, before: str) -> set[str]:
        """Return the tables that a day replaced, but for those that are always made anew."""
        ids = self.ids(before)
        now = self.ids(day)
        replaced = {name for name, id_ in now.items() if ids[name] != id_}
        return replaced - MADE_ANEW

    def rows(self, day: str) -> dict[str, int]:
        """Return how many rows the increments of a day have that were built beside gold."""
        tables = self.azure.query(
            "select schema_name(schema_id) || '.' || name, name from sys.tables"
            " where name like '%~_~_delta' escape '~'",
            f"{day}_beside",
        )
        return {
            name.removesuffix("__delta"): self.azure.query(
                f"select count(*) from {table}", f"{day}_beside"
            )[0][0]
            for table, name in tables
        }


@pytest.fixture(scope="module")
def kept(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    work = tmp_path_factory.mktemp("days")
    home = work / "home"
    (work / "sources.yml").write_text(SOURCES)
    environment = {"C360_SOURCES": str(work / "sources.yml")}
    expected = {}
    landed: dict[str, str] = {}
    for day, files in DAYS.items():
        if files is None:
            shutil.copytree(home / "lake", work / day)
            expected[day] = expected["after"]
            continue
        arguments: list[object] = ["--home", home, "--without", "write_report"]
        if files:
            folder = work / "input" / day
            folder.mkdir(parents=True)
            for name, text in files.items():
                (folder / name).write_text(text)
            arguments += ["--input", folder]
        else:
            batches.retract(LocalLake(home / "lake"), landed["after"])
        outcome = driver.run(*arguments, environment=environment)
        assert outcome.returncode == 0, outcome.errors
        there = {path.stem for path in (home / "lake/bronze/manifests").glob("*.json")}
        landed[day] = max(there)
        expected[day] = {
            f"{schema}.{name}": (columns, rows)
            for schema in ("silver", "gold", "marts")
            for name, columns, rows in rows_of(home, schema)
            if schema != "silver" or name.endswith("_history")
        }
        shutil.copytree(home / "lake", work / day)
    azure = AzureSql(work, work / "first")
    process = azure.start(
        """
        from warehouse.project_code import project_code

        dbt = run()
        code = project_code(project_dir(), "gold")
        for day in os.environ["DAYS"].split(","):
            lake = LocalLake(Path(os.environ["WORK"], day))
            published = versions.published(lake)
            dbt.version = published.version
            load(lake, published, dbt)
            load_identity(lake, published.identity, dbt)
            beside = run(published.version, C360_SCHEMA_SUFFIX="_next", C360_CODE=code)
            # Tests of what was touched, on one day: they take most of the time.
            tests = () if day == "after" else ("--exclude", "resource_type:test")
            beside.build("--exclude", "path:models/silver/staging", *tests[1:],
                         on_node=lambda *_: None)
            keep(f"{day}_beside")
            if day == "changed":
                fail("begin transaction.*alter schema", after=True)
                told(dbt.run_operation, "publish_gold")
            else:
                dbt.run_operation("publish_gold")
            keep(day)
        """,
        DAYS=",".join(DAYS),
        WORK=str(work),
    )
    finished(process)
    return Kept(azure, expected)


@pytest.mark.parametrize("day", [day for day in DAYS if day != "changed"])
def test_history_gold_and_marts_are_what_they_are_on_one_machine(kept: Kept, day: str) -> None:
    kept.assert_equal(day, day)


@pytest.mark.parametrize("day", DAYS)
def test_every_key_is_in_force(kept: Kept, day: str) -> None:
    assert kept.azure.keys(day) == PRIMARY_KEYS | FOREIGN_KEYS


@pytest.mark.parametrize(
    ("day", "before"),
    [("after", "first"), ("again", "after")],
)
def test_tables_take_in_what_changed_and_stay(kept: Kept, day: str, before: str) -> None:
    assert kept.whole(day, before) == set()


def test_a_day_costs_a_day(kept: Kept) -> None:
    assert kept.rows("first") == {}
    rows = kept.rows("changed")
    # Of 60 orders two with two lines each, four of the customers who had not arrived, five with the
    # product that had not (two of them are both), three of the customer who is gone.
    assert rows["fct_online_transactions"] == 4 + 7 + 3
    assert rows["fct_in_store_transactions"] == 4 + 3
    assert rows["fct_service_interactions"] == 1 + 4 + 3
    # A movement, and the two of the account that had not arrived.
    assert rows["fct_loyalty_transactions"] == 1 + 2
    assert rows["dim_customers"] == 21  # all of the complete file, which is newer
    assert rows["dim_products"] == 2
    assert rows["dim_stores"] == 1
    assert "dim_agents" not in rows


def test_a_day_without_news_changes_nothing(kept: Kept) -> None:
    assert kept.rows("again") == {}


def test_a_publish_that_fails_leaves_gold_as_it_was(kept: Kept) -> None:
    kept.assert_equal("changed", "first")
    assert kept.ids("changed") == kept.ids("first")


def test_what_is_not_known_to_have_changed_is_built_whole(kept: Kept) -> None:
    """A batch was taken back: its entities begin anew, and so does what is made from them."""
    touched = {"dim_agents", "fct_online_transactions", "fct_in_store_transactions"}
    touched |= {"fct_service_interactions", "customer_totals"}
    assert kept.whole("retracted", "again") == touched


def test_nothing_is_left_beside_what_is_published(kept: Kept) -> None:
    assert kept.azure.query("select name from sys.schemas where name like '%next'", "after") == []


def test_every_statement_parses_as_t_sql(kept: Kept) -> None:
    assert parse_all(recorded(kept.azure.folder / "state")) == []
