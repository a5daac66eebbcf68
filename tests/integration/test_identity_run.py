"""Who is who over runs: what a steward decides, and what stays whatever happens to a home."""

from __future__ import annotations

import subprocess
from pathlib import Path

import duckdb
import pytest

from lake import paths
from tests.support.command import C360
from tests.support.steps import Driver, Outcome

CUSTOMERS = """CustomerID,Name,Email,Address
1,Anna Miller,anna@miller.example,"12 Elm Street, 30301 Atlanta"
2,Anna Miller,Anna@Miller.example,
3,Peter Novak,peter@novak.example,"5 Oak Road, 60601 Chicago"
4,Maria Kowalski,,"7 Pine Lane, 99501 Anchorage"
5,Mario Kowalski,,"7 Pine Lane, 99501 Anchorage"
"""
ORDERS = """OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status
10,1,,2026-11-01 10:00,Cash,20.00,Completed
11,2,,2026-11-02 10:00,Cash,30.50,Completed
12,3,,2026-11-03 10:00,Cash,5.00,Completed
"""
PERSONS = "select customer_id, person_id, matched_by from gold.customer_persons order by 1"
SPEND = "select person_id, customer_ids, total_orders, total_spend from marts.person_360 order by 1"


class Home:
    def __init__(self, work: Path, driver: Driver) -> None:
        self.work, self.driver = work, driver
        (work / "in").mkdir()
        (work / "in" / "Customers.csv").write_text(CUSTOMERS)
        (work / "in" / "OnlineTransactions.csv").write_text(ORDERS)

    @property
    def place(self) -> Path:
        return self.work / "home"

    def run(self, *options: str, sources: str = "{}") -> Outcome:
        (self.work / "sources.yml").write_text(sources)
        outcome = self.driver.run(
            *("--input", self.work / "in", "--home", self.place, *options),
            *("--without", "write_report"),
            environment={"C360_SOURCES": str(self.work / "sources.yml")},
        )
        assert outcome.returncode == 0, outcome.errors
        return outcome

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.place / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [C360, "identity", *arguments, "--home", str(self.place)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def home(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home after its first run; the tests below follow one another in it."""
    home = Home(tmp_path_factory.mktemp("identity"), driver)
    home.run()
    return home


def test_the_first_run_finds_who_is_who(home: Home) -> None:
    rule = "same e-mail and compatible name"
    assert home.query(PERSONS) == [
        (1, "P1", rule), (2, "P1", rule), (3, "P3", "only record"),
        (4, "P4", "only record"), (5, "P5", "only record"),
    ]  # fmt: skip
    assert [(row[0], row[1], row[2], float(str(row[3]))) for row in home.query(SPEND)[:2]] == [
        ("P1", "1, 2", 2, 50.50),
        ("P3", "3", 1, 5.00),
    ]
    assert home.query(
        "select person_id, person_customer_ids from marts.customer_360 where customer_id = 2"
    ) == [("P1", "1, 2")]


def test_twins_wait_for_somebody_to_decide(home: Home) -> None:
    ((one, other, reasons),) = home.query(
        "select customer_id, other_customer_id, reasons from marts.possible_duplicates"
    )
    assert (one, other) == (4, 5)
    assert "same address" in str(reasons)


def test_a_pair_is_explained(home: Home) -> None:
    told = home.command("explain", "2", "1")
    assert "Customers 1 and 2 are one person, P1" in told
    assert "same e-mail" in told
    assert "The rule same e-mail and compatible name holds of them." in told
    told = home.command("explain", "4", "5")
    assert "the first names are two people's" in told


def test_decisions_are_taken_at_the_next_run_without_anything_new(home: Home) -> None:
    assert "are one person from the next run on" in home.command(
        "link", "4", "5", "--why", "typing error"
    )
    assert "are different persons from the next run on" in home.command("separate", "1", "2")
    told = home.command("link", "2", "1")
    assert "Undo that first" in told
    assert "There is no customer 99" in home.command("link", "1", "99")
    outcome = home.run()
    assert "of another person than before" in outcome.output + outcome.errors
    assert home.query("select customer_id, person_id from gold.customer_persons order by 1") == [
        (1, "P1"), (2, "P2"), (3, "P3"), (4, "P4"), (5, "P4"),
    ]  # fmt: skip
    assert home.query("select alias_id, person_id from marts.person_aliases") == [("P5", "P4")]
    listed = home.command("decisions")
    assert "customers 4 and 5 are one person" in listed
    assert ", command line: typing error" in listed


def test_a_build_of_everything_has_the_same_ids_and_history(home: Home) -> None:
    before = home.query("select * from gold.customer_persons order by 1")
    aliases = home.query("select * from marts.person_aliases")
    home.run("--full")
    assert home.query("select * from gold.customer_persons order by 1") == before
    assert home.query("select * from marts.person_aliases") == aliases


def test_nothing_is_looked_for_where_that_is_declared(home: Home) -> None:
    home.run(sources="identity: {enabled: false}")
    assert {row[2] for row in home.query(PERSONS)} == {"not matched yet"}
    home.run()
    assert home.query("select person_id from gold.customer_persons where customer_id = 5") == [
        ("P4",)
    ], "what was decided is not forgotten"


def test_decisions_stand_in_the_lake_for_who_may_read_it(home: Home) -> None:
    file = home.place / "lake" / paths.DECISIONS
    assert len(file.read_text().splitlines()) == 2
    assert file.stat().st_mode & 0o077 == 0


def test_who_forgot_what_is_asked_of_the_identity_section_is_told_the_line(home: Home) -> None:
    (home.work / "sources.yml").write_text("identity:\n  same_form: 0.8\n")
    told = subprocess.run(
        [C360, "sources", "check", str(home.work / "in"), "--sources", home.work / "sources.yml"],
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    assert "line 2: identity has no key same_form (did you mean same_from?)" in told
