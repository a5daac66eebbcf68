"""Finding customers in a warehouse: by which letters, in which order, in which version."""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from lake.errors import C360Error, InputError
from pages.report.customers import Customers
from tests.support.marts import make_customers
from warehouse.home import Home

Person = tuple[int | str, str, str, int]

PEOPLE: list[Person] = [
    (1, "Łukasz Wójcik", "lukasz@example.org", 10),
    (2, "Søren Straße", "soren@example.org", 40),
    (3, "Ann O'Brien", "ann@example.org", 30),
    (30, "50% Off_", "Ann.B@example.org", 20),
    (31, "İpek Đorđević", "ipek@example.org", 0),
    (9223372036854775807, "Þóra Æsir", "thora@example.org", 5),
]

# Ids that are texts: with a blank, a slash, small letters and what looks like a number.
TEXT_PEOPLE: list[Person] = [
    ("CG 12520", "Ann Ash", "ann@example.org", 10),
    ("CG 12521/B", "Bo Birch", "bo@example.org", 20),
    ("cg-7", "Cy Cedar", "cy@example.org", 30),
    ("007", "Di Dogwood", "di@example.org", 40),
    ("7", "Ed Elm", "ed@example.org", 50),
]


def warehouse(path: Path, people: Sequence[Person], key: str = "bigint", buyer: str = "2") -> None:
    """Make a warehouse that has just what the finder reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(path) as connection:
        connection.execute("create schema marts")
        connection.execute(
            f"create table people (customer_id {key}, customer_name text, email text, "
            "total_spend decimal(18, 2), total_orders bigint default 1)"
        )
        connection.executemany(
            "insert into people (customer_id, customer_name, email, total_spend) "
            "values (?, ?, ?, ?)",
            people,
        )
        make_customers(connection, "people")
        connection.execute(
            "create table marts.customer_timeline as select customer_id, timestamp '2026-01-01' "
            "+ to_days(cast(n as int)) as occurred_at, 'online order' as touchpoint, "
            "'Completed' as event, n as reference_id, 1.00 as amount, 'Toy' as detail "
            f"from people, range(60) as numbers (n) where customer_id = '{buyer}'"
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    warehouse(home.warehouse, PEOPLE)
    return home


def found(customers: Customers, wanted: str, limit: int = 20) -> list[str]:
    return [row[0] for row in customers.find(wanted, limit)["rows"]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("wojcik lukasz", ["1"]),
        ("WÓJCIK", ["1"]),
        ("strasse", ["2"]),
        ("straße", ["2"]),
        ("ipek dordevic", ["31"]),
        ("thora aesir", ["9223372036854775807"]),
        ("o'brien", ["3"]),
        ("%", ["30"]),
        ("_", ["30"]),
        ("3", ["3", "30", "31"]),  # just that id first, then the most valuable
        ("ann", ["3", "30"]),
        ("ann.b@EXAMPLE.org", ["30"]),
        ("922337203685477580", ["9223372036854775807"]),
        ("99999999999999999999999", []),
        ("  ", ["2", "3", "30", "1", "9223372036854775807", "31"]),
        ("'; drop table people; --", []),
    ],
)
def test_who_is_found(home: Home, wanted: str, expected: list[str]) -> None:
    assert found(Customers(home, personal_data=True), wanted) == expected


def test_all_are_counted_and_some_are_shown(home: Home) -> None:
    result = Customers(home, personal_data=True).find("example.org", 2)
    assert result["total"] == 6
    assert [row[0] for row in result["rows"]] == ["2", "3"]


def test_without_personal_data_only_ids_are_known(home: Home) -> None:
    customers = Customers(home, personal_data=False)
    assert found(customers, "ann") == []
    result = customers.find("3", 20)
    assert not {"customer_name", "email", "address"} & set(result["columns"])
    profile = customers.get("3")
    assert profile
    assert not {"customer_name", "email", "address"} & set(profile["columns"])


def test_the_records_of_a_person_come_with_each_of_them(home: Home) -> None:
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("alter table people add column person_id text")
        connection.execute("update people set person_id = 'P' || customer_id")
        connection.execute("update people set person_id = 'P3' where customer_id in (3, 30)")
        connection.execute("drop view marts.person_360")
        connection.execute("drop view marts.customer_360")
        make_customers(connection, "people")
    customers = Customers(home, personal_data=True)
    matches = customers.find("ann", 20)
    assert [row[-1] for row in matches["rows"]] == ["3, 30", "3, 30"]
    for customer_id in ("3", "30"):
        found = customers.get(customer_id)
        assert found
        person = dict(zip(found["person"]["columns"], found["person"]["rows"][0], strict=True))
        assert [person[name] for name in ("person_id", "customer_records", "total_spend")] == [
            *("P3", "2", "50.00")
        ]
        records = found["person"]["records"]
        assert [row[:3] for row in records["rows"]] == [
            ["3", "Ann O'Brien", "ann@example.org"],
            ["30", "50% Off_", "Ann.B@example.org"],
        ]
    alone = customers.get("2")
    assert alone
    assert alone["person"] is None
    unknown = Customers(home, personal_data=False).get("3")
    assert unknown
    assert unknown["person"] is None
    assert not {"person_id", "person_customer_ids"} & set(unknown["columns"])


def test_events_come_newest_first_a_page_at_a_time(home: Home) -> None:
    customers = Customers(home, personal_data=True)
    profile = customers.get("2")
    assert profile
    assert profile["events"]["count"] == 60
    references = [row[3] for row in profile["events"]["rows"]]
    references += [row[3] for row in customers.events("2", offset=len(references))]
    assert references == [str(number) for number in reversed(range(60))]
    assert customers.get("4") is None
    assert customers.get("no id") is None
    assert customers.events("no id", offset=0) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("CG 12520", ["CG 12520"]),
        ("cg 1252", ["CG 12521/B", "CG 12520"]),
        ("12521/b", []),  # an id is known by its beginning
        ("CG", ["cg-7", "CG 12521/B", "CG 12520"]),
        ("7", ["7"]),
        ("007", ["007"]),
        ("birch", ["CG 12521/B"]),
        ("cy@example.org", ["cg-7"]),
    ],
)
def test_who_is_found_by_an_id_that_is_a_text(
    tmp_path: Path, wanted: str, expected: list[str]
) -> None:
    home = Home.at(tmp_path)
    warehouse(home.warehouse, TEXT_PEOPLE, "varchar", buyer="CG 12521/B")
    customers = Customers(home, personal_data=True)
    assert found(customers, wanted) == expected
    profile = customers.get("CG 12521/B")
    assert profile
    assert profile["rows"][0][:2] == ["CG 12521/B", "Bo Birch"]
    assert profile["events"]["count"] == 60
    assert customers.events("CG 12521/B", offset=50)[0][3] == "9"
    assert customers.get("cg 12521/b") is None  # as it came


def test_another_version_is_read_as_soon_as_it_is_published(home: Home, tmp_path: Path) -> None:
    customers = Customers(home, personal_data=True)
    assert found(customers, "ann") == ["3", "30"]
    warehouse(tmp_path / "next" / "warehouse.duckdb", [(7, "Anna Nowak", "a@example.org", 1)])
    os.replace(tmp_path / "next" / "warehouse.duckdb", home.warehouse)
    assert found(customers, "ann") == ["7"]


def test_what_cannot_be_read_is_told_and_tried_again(home: Home, tmp_path: Path) -> None:
    customers = Customers(home, personal_data=True)
    os.replace(home.warehouse, tmp_path / "away")
    with pytest.raises(InputError, match="Nothing is published"):
        customers.find("ann", 20)
    home.warehouse.write_text("this is no database")
    with pytest.raises(C360Error, match="cannot be opened"):
        customers.find("ann", 20)
    os.replace(tmp_path / "away", home.warehouse)
    assert found(customers, "ann") == ["3", "30"]
