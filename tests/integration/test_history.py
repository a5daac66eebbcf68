"""What customers and loyalty accounts were when: days out of order, built anew, taken back.

Days 1 and 3 arrive in time and day 2 after them. Before that an earlier version of the product had
kept what it saw as dbt snapshots.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lake.local import LocalLake
from lake.manifest import committed_batches
from tests.support import state
from tests.support.command import run_c360
from tests.support.steps import Driver

PEOPLE = "CustomerID,Name,Email,Address\n"
ACCOUNTS = "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate\n"
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"

FIRST = {
    "Customers_2026-03-01.csv": PEOPLE + "1,Ann,ann@example.com,Oslo\n2,Bo,bo@example.com,Bergen\n",
    "LoyaltyAccounts_2026-03-01.csv": ACCOUNTS + "11,1,10,Bronze,2026-01-01\n",
    "OnlineTransactions.csv": ORDERS
    + "1,1,1,2026-02-01 10:00,Visa,10.00,Completed\n"
    + "2,1,1,2026-03-02 23:59,Visa,20.00,Completed\n"
    + "3,1,1,2026-03-03 00:00,Visa,40.00,Completed\n",
}
THIRD = {
    # Ann is where the first day says that she is, and Cy is new.
    "Customers_2026-03-03.csv": PEOPLE + "1,Ann,ann@example.com,Oslo\n3,Cy,cy@example.com,Oslo\n",
    "LoyaltyAccounts_2026-03-03.csv": ACCOUNTS + "11,1,300,Gold,2026-01-01\n",
}
SECOND = {
    "Customers_2026-03-02.csv": PEOPLE + "1,Ann,ann@example.com,Narvik\n,Nobody,,\n",
    "LoyaltyAccounts_2026-03-02.csv": ACCOUNTS + "11,1,50,Bronze,2026-01-01\n",
}

Periods = list[tuple[Any, ...]]


def end_of(day: int) -> datetime:
    return datetime(2026, 3, day, 23, 59, 59, 999999)


WITHOUT_THE_SECOND = [
    (1, "Oslo", end_of(1), None),
    (2, "Bergen", end_of(1), None),
    (3, "Oslo", end_of(3), None),
]
WITH_ALL = [
    (1, "Oslo", end_of(1), end_of(2)),
    (1, "Narvik", end_of(2), end_of(3)),
    (1, "Oslo", end_of(3), None),
    *WITHOUT_THE_SECOND[1:],
]


def customers(home: Path) -> Periods:
    """Return the periods of customers; those without an end are current."""
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        rows = connection.execute(
            "select customer_id, address, valid_from, valid_to, is_current "
            "from silver.customers_history order by customer_id, valid_from"
        ).fetchall()
    assert all(is_current == (valid_to is None) for *_, valid_to, is_current in rows)
    return [row[:-1] for row in rows]


def accounts(home: Path) -> Periods:
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(
            "select tier_level, points_earned, valid_from, valid_to "
            "from silver.loyalty_accounts_history order by valid_from"
        ).fetchall()


def customer(home: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit status of `c360 customer`, and what it prints, with single blanks."""
    run = run_c360("customer", *arguments, "--home", home)
    return run.returncode, " ".join((run.stdout + run.stderr).split())


@dataclass(frozen=True)
class Published:
    """What a run published, and what it told."""

    customers: Periods
    accounts: Periods
    relations: state.State
    snapshots: dict[str, Periods]
    log: str

    @classmethod
    def of(cls, home: Path) -> "Published":
        """Look at what is published."""
        with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
            tables = connection.execute(
                "select table_name from information_schema.tables where table_schema = 'snapshots'"
            ).fetchall()
            snapshots = {
                name: connection.execute(f"from snapshots.{name}").fetchall() for (name,) in tables
            }
        log = sorted((home / "logs").glob("*.log"))[-1].read_text()
        return cls(customers(home), accounts(home), state.relations(home), snapshots, log)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history") / "home"


@pytest.fixture(scope="module")
def days(driver: Driver, home: Path) -> dict[str, Published]:
    """What was published after each step; the home is as the last one left it."""
    published = {}

    def run(name: str, files: Mapping[str, str] | None = None, *arguments: str) -> None:
        sent = home.parent / name
        sent.mkdir()
        for file, text in (files or {}).items():
            (sent / file).write_text(text)
        outcome = driver.run("--input", sent, "--home", home, *arguments)
        assert outcome.returncode == 0, outcome.errors
        published[name] = Published.of(home)

    run("first", FIRST)
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.execute(
            """
            create schema snapshots;
            create table snapshots.customers_history as select
                1 as customer_id, 'Ann' as customer_name, timestamp '2026-03-01' as dbt_valid_from;
            create index by_customer on snapshots.customers_history (customer_id);
            """
        )
    run("third", THIRD)
    run("late", SECOND)
    run("full", None, "--full")
    return published


def test_a_row_that_comes_late_takes_its_place_in_the_past(days: dict[str, Published]) -> None:
    assert days["third"].customers == WITHOUT_THE_SECOND
    assert days["late"].customers == WITH_ALL
    assert days["late"].accounts == [
        ("Bronze", 10, end_of(1), end_of(2)),
        ("Bronze", 50, end_of(2), end_of(3)),
        ("Gold", 300, end_of(3), None),
    ]


def test_a_build_of_everything_gives_the_same(days: dict[str, Published]) -> None:
    assert days["full"].customers == WITH_ALL
    assert not state.differences(days["full"].relations, days["late"].relations)


def test_what_an_earlier_version_had_noted_is_kept_and_told_of_once(
    days: dict[str, Published],
) -> None:
    noted = {"customers_history_before": [(1, "Ann", datetime(2026, 3, 1))]}
    assert [each.snapshots for each in days.values()] == [{}, noted, noted, noted]
    words = "is kept as it was (snapshots.customers_history_before), and nothing is added to it."
    assert [name for name, each in days.items() if words in each.log] == ["third"]


@pytest.mark.usefixtures("days")
def test_a_customer_is_shown_as_of_a_day(home: Path) -> None:
    status, told = customer(home, "1", "--as-of", "2026-03-02")
    assert status == 0
    assert "Ann customer 1 As of the end of 2026-03-02: profile and loyalty accounts are" in told
    for line in (
        *("address Narvik", "total orders 2", "total spend 30.00", "tier level Bronze"),
        *("points balance 50", "last purchase at 2026-03-02 23:59:00", "recency days 0"),
    ):
        assert f" {line} " in told, line
    assert "2026-03-02 23:59 online order Completed" in told
    assert "2026-03-03" not in told.partition("Latest events")[2]
    assert "person" not in told.partition("today only.")[2]
    for by in ("1", "ANN@example.com"):
        _, told = customer(home, by, "--as-of", "2026-03-03")
        assert " address Oslo " in told
        assert " total spend 70.00 " in told
        assert " tier level Gold " in told


@pytest.mark.usefixtures("days")
def test_who_was_no_customer_then_is_not_shown(home: Path) -> None:
    status, told = customer(home, "3", "--as-of", "2026-03-02")
    assert status == 1
    assert told == (
        "c360: No customer had the id or e-mail address 3 on 2026-03-02. Customer 3 is known by it "
        "from 2026-03-03 on."
    )
    status, told = customer(home, "99", "--as-of", "2026-03-02")
    assert status == 1
    assert re.search(r"address 99 on 2026-03-02\. Nor has any at another time\.$", told)


@pytest.mark.usefixtures("days")
def test_a_batch_that_is_taken_back_leaves_nothing_in_the_past(home: Path) -> None:
    *_, last = committed_batches(LocalLake(home / "lake"))
    run = run_c360("retract", last, "--home", home)
    assert run.returncode == 0, run.stderr
    assert customers(home) == WITHOUT_THE_SECOND
    assert [tier for tier, *_ in accounts(home)] == ["Bronze", "Gold"]
