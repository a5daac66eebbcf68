"""What `c360 customer` shows of a customer, whatever ids look like."""

import io
from datetime import date
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows.customer import print_customer
from lake.errors import InputError
from tests.support.marts import make_customers, make_marts
from warehouse.home import Home

PEOPLE = [
    ("CG-12520", "Ann", "ann@example.org", 2, "30.00"),
    ("007", "Bo", "bo@example.org", 0, "0.00"),
    ("7", "Cy", "cy@example.org", 0, "0.00"),
    ("ann@example.org", "Di", "di@example.org", 0, "0.00"),  # an id may look like an address
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table people (customer_id varchar(64), customer_name text, "
            "email text, refunds bigint, refunded_amount decimal(18, 2))"
        )
        connection.executemany("insert into people values (?, ?, ?, ?, ?)", PEOPLE)
        make_customers(connection, "people")
        connection.execute(
            "create table marts.customer_timeline as select 'CG-12520' as customer_id, "
            "timestamp '2026-01-02 03:04:05' as occurred_at, 'online order' as touchpoint, "
            "'Completed' as event, 'Pen and 1 more' as detail, 70.00 as amount, "
            "'CA-2016-152156' as reference_id"
        )
    return home


@pytest.fixture
def shop(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "shop")
    home.prepare()
    make_marts(home.warehouse)
    return home


def told(home: Home, wanted: str) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_customer(console, home, wanted)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("CG-12520", "Ann  customer CG-12520"),
        (" CG-12520 ", "Ann  customer CG-12520"),
        ("007", "Bo  customer 007"),
        ("7", "Cy  customer 7"),
        ("BO@example.org", "Bo  customer 007"),
        ("ann@example.org", "Di  customer ann@example.org"),
        ("cg-12520", "Ann  customer CG-12520"),
    ],
)
def test_an_id_may_be_a_text(home: Home, wanted: str, found: str) -> None:
    assert found in told(home, wanted)


def test_refunds_and_orders_of_several_lines_are_shown(home: Home) -> None:
    lines = [" ".join(line.split()) for line in told(home, "CG-12520").splitlines()]
    assert "refunds 2" in lines
    assert "refunded amount 30.00" in lines
    assert "2026-01-02 03:04 online order Completed Pen and 1 more 70.00 CA-2016-152156" in lines


def test_of_ids_that_differ_in_case_the_one_that_is_written_the_same_is_meant(home: Home) -> None:
    with duckdb.connect(home.warehouse) as connection:
        connection.execute(
            "insert into people values ('A-1', 'Ed', null, 0, 0), ('a-1', 'Fi', '', 0, 0)"
        )
    assert "Ed  customer A-1" in told(home, "A-1")
    assert "Fi  customer a-1" in told(home, "a-1")


def test_the_latest_events_come_first_and_not_everybody_has_any(shop: Home) -> None:
    events = told(shop, "10000")
    assert events.index("2026-01-03 03:04") < events.index("2026-01-02 03:04")
    assert "Ann  customer 10000" in told(shop, "ann@EXAMPLE.org")
    assert "Bo [b]" in told(shop, "20000")
    assert "No order, visit, service contact or loyalty change" in told(shop, "20000")


def test_the_other_records_of_the_person_are_told(shop: Home) -> None:
    line = "One person with customer 30000 (person P10000): 2 records, 2 orders, 5,000.00 in total"
    assert line in told(shop, "10000")
    assert line.replace("30000", "10000", 1) in told(shop, "30000")
    assert "One person" not in told(shop, "20000")
    with duckdb.connect(shop.warehouse) as connection:
        connection.execute("update people set person_id = 'P10000', total_orders = 1998")
    assert (
        "One person with customers 10000, 30000 (person P10000): 3 records, 5,994 orders, "
        "5,000.00 in total"
    ) in told(shop, "20000")


def test_customers_that_cannot_be_told(shop: Home) -> None:
    with pytest.raises(InputError, match="No customer"):
        told(shop, "99999999999999999999")
    for part in ("1000", "ann", "example.org", ""):
        with pytest.raises(InputError, match=f"No customer has the id or e-mail address {part}"):
            told(shop, part)
    with pytest.raises(InputError, match=r"2 customers have that id or e-mail.*20000, 30000"):
        told(shop, "two@example.org")
    with duckdb.connect(shop.warehouse) as connection:
        connection.execute("update people set person_id = 'P20000' where customer_id = 30000")
    with pytest.raises(InputError, match=r"20000, 30000\. They are one person, P20000\.$"):
        told(shop, "two@example.org")
    with pytest.raises(InputError, match="Nothing is published"):
        told(Home.at(shop.root / "elsewhere"), "1")


def test_of_the_past_nothing_is_told_that_an_earlier_version_built(shop: Home) -> None:
    with pytest.raises(InputError, match=r"tells of today only.*Run `c360 run`, which builds it"):
        print_customer(Console(), shop, "10000", date(2026, 6, 30))


def test_when_somebody_was_a_customer_is_told_in_words(shop: Home) -> None:
    with duckdb.connect(shop.warehouse) as connection:
        connection.execute(
            """
            create macro marts.day_of(moment) as cast(moment as date);
            create macro marts.customer_360_as_of(day) as table from marts.customer_360 limit 0;
            create table silver.customers_history as from (values
                (10000, 'a@example.org', timestamp '2026-01-01', timestamp '2026-02-01'),
                (10000, 'b@example.org', timestamp '2026-02-01', timestamp '2026-03-01'),
                (10000, 'a@example.org', timestamp '2026-05-01', null),
                (20000, 'A@example.org', timestamp '2026-06-01', null)
            ) as t (customer_id, email, valid_from, valid_to)
            """
        )

    def refused(wanted: str) -> str:
        with pytest.raises(InputError) as refusal:
            print_customer(Console(), shop, wanted, date(2026, 4, 1))
        return str(refusal.value)

    assert refused("10000 ").endswith(
        "Customer 10000 is known by it from 2026-01-01 until 2026-03-01 and from 2026-05-01 on."
    )
    assert refused("a@example.org").endswith(
        "on 2026-04-01. Customer 10000 is known by it from 2026-01-01 until 2026-02-01 and from "
        "2026-05-01 on; Customer 20000 is known by it from 2026-06-01 on."
    )
    assert refused("77").endswith("77 on 2026-04-01. Nor has any at another time.")


def test_as_of_a_day_there_are_the_events_until_its_end_and_those_who_are_gone_since(
    shop: Home,
) -> None:
    with duckdb.connect(shop.warehouse) as connection:
        connection.execute(
            "create macro marts.customer_360_as_of(day) as table "
            "select * replace (if(customer_id = 20000, 21000, customer_id) as customer_id) "
            "from marts.customer_360"
        )

    def then(wanted: str) -> str:
        console = Console(file=io.StringIO(), width=120)
        print_customer(console, shop, wanted, date(2026, 1, 2))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    ann = then("10000")
    assert "As of the end of 2026-01-02: profile and loyalty accounts are" in ann
    assert "2026-01-02 03:04" in ann
    assert "2026-01-03 03:04" not in ann
    assert "One person with" not in ann
    assert "gone since" not in ann
    gone = then("21000")
    assert "The customer is gone since, and its events are not told one by one any more." in gone
    assert "No order, visit" not in gone
