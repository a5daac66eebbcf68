"""What the reference makes of small batches, compared with outcomes worked out by hand."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import reference_cleaning as cleaning
from tests.support.reference import Batch, InputFile, Options, Silver, gold, marts, silver
from tests.support.reference_contract import ExchangeRate
from tests.support.reference_examples import (
    LISTS,
    OPTIONS,
    batch,
    column,
    days,
    given,
    only,
    silver_of,
)
from tests.support.reference_marts import ntile

LARGEST = 9223372036854775807
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Currency\n"


def reasons(result: Silver) -> list[str]:
    return column(result.rejected, "reason")


def superseded(result: Silver, entity: str) -> dict[str, int]:
    return {r["reason"]: r["row_count"] for r in result.superseded if r["entity"] == entity}


def accounted(result: Silver) -> bool:
    return all(
        row["bronze_rows"] == row["rejected_rows"] + row["superseded_rows"] + row["silver_rows"]
        for row in result.reconciliation
    )


# --- Cleaning ----------------------------------------------------------------------------------


def test_the_first_reason_wins(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        online_transactions="x,1,1,never,Cash,much,Completed\n"
        "1,1,1,never,Cash,much,Completed\n"
        "2,1,1,2024-01-01,Cash,much,Completed\n"
        "3,one,,2024-01-01,,-5,\n"
        "-1,1,1,2024-01-01,cash,5,Lost\n",
        loyalty_transactions="1,never,x,Spent\n1,2024-01-01,1.5,Spent\n-1,2024-01-01,5.0,\n",
    )
    assert reasons(result) == [
        "invalid_key",
        "invalid_datetime",
        "invalid_amount",
        "invalid_key",
        "invalid_amount",
    ]
    unlisted, refund = result.tables["online_transactions"]
    assert (unlisted["order_id"], unlisted["status"]) == (-1, "Lost")
    assert (refund["customer_id"], refund["product_id"]) == (None, None)
    assert (refund["amount"], refund["status"]) == (Decimal("-5.00"), "Unknown")
    assert column(result.tables["loyalty_transactions"], "points_change", "reason") == [
        (5, "Unknown")
    ]
    assert accounted(result)


def test_the_unknown_members_key_is_refused_and_a_product_may_have_no_price(
    tmp_path: Path,
) -> None:
    result = silver_of(
        tmp_path,
        stores="-1,Leeds,Ann,9-5\n-01.0,Leeds,Ann,9-5\n0,,,n/a\n",
        products="1,Saw,Tools,\n2,Saw,Tools,1.005\n3,Saw,Tools,free\n4,Saw,Tools,NULL\n",
    )
    assert reasons(result) == ["invalid_key", "invalid_key"]
    assert column(result.tables["stores"], "location", "open_hours") == [("Unknown", "Unknown")]
    prices = [None, Decimal("1.01"), None, None]
    assert column(result.tables["products"], "price") == prices
    assert column(result.unreadable, "column_name", "value") == [("price", "free")]


def test_what_cannot_be_read_is_null_and_counted(tmp_path: Path) -> None:
    long = "x" * 254 + " " + "y"
    result = silver_of(
        tmp_path,
        loyalty_accounts=f"1,x,1.5, ,31/12/2024\n2, x ,{LARGEST + 1},GOLD,2024-01-01T23:00-02:00\n"
        f"2,{long},NULL,none,\nx,y,z,Gold,never\n",
    )
    first, second = result.tables["loyalty_accounts"]
    names = ("customer_id", "points_earned", "tier_level", "join_date")
    assert [first[name] for name in names] == [None, None, None, None]
    assert [second[name] for name in names] == [None, None, None, None]
    # The superseded row counts, the rejected one does not; blanks and words for null never do.
    assert sorted(column(result.unreadable, "column_name", "value", "row_count")) == [
        ("customer_id", "x", 2),
        ("customer_id", "x" * 254, 1),
        ("join_date", "31/12/2024", 1),
        ("points_earned", "1.5", 1),
        ("points_earned", str(LARGEST + 1), 1),
    ]
    assert set(column(result.unreadable, "entity", "_batch_id")) == {("loyalty_accounts", "b1")}


def test_join_dates_are_days_of_the_business(tmp_path: Path) -> None:
    accounts = "1,1,0,,2024-01-01T23:00-02:00\n2,1,0,,2024-01-01\n"
    result = silver_of(tmp_path, given(business_timezone="Asia/Tokyo"), loyalty_accounts=accounts)
    days_joined = column(result.tables["loyalty_accounts"], "join_date")
    assert days_joined == [date(2024, 1, 2), date(2024, 1, 1)]


def test_other_words_stand_for_canonical_ones(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        online_transactions="1,,,2024-01-01,,1,VOIDED\n2,,,2024-01-01,,1,returned\n"
        "3,,,2024-01-01,,1,Canceled\n",
        customer_service_interactions="1,,2024-01-01,,,closed\n",
    )
    statuses = column(result.tables["online_transactions"], "status")
    assert statuses == ["Cancelled", "Returned", "Canceled"]
    assert column(gold(result)["fct_service_interactions"], "is_resolved") == [True]


def test_keys_of_text(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        given(text_keys=frozenset({"customers"})),
        customers="a1 ,Ann,,\nA1,Bob,,\n-1,Cy,,\n" + "x" * 65 + ",Di,,\nn/a,Ed,,\n",
        in_store_transactions=f"1,A1,1,2024-01-01,1,\n2,{'x' * 65},1,2024-01-01,1,\n"
        "3,9,1.0,2024-01-01,1,\n",
    )
    assert column(result.tables["customers"], "customer_id", "customer_name") == [
        ("A1", "Bob"),
        ("a1", "Ann"),
    ]
    assert reasons(result) == ["invalid_key"] * 3
    assert column(result.unreadable, "column_name", "value") == [("customer_id", "x" * 65)]
    tables = gold(result)
    assert column(tables["fct_in_store_transactions"], "customer_id", "source_customer_id") == [
        ("A1", "A1"),
        ("-1", None),
        ("-1", "9"),
    ]
    assert (
        column(tables["fct_in_store_transactions"], "store_id", "source_store_id") == [(-1, 1)] * 3
    )
    assert column(tables["dim_customers"], "customer_id") == ["-1", "A1", "a1"]


@pytest.mark.parametrize("declared", ["loyalty_accounts", "loyalty_transactions"])
def test_loyalty_ids_are_text_when_either_entity_declares_it(tmp_path: Path, declared: str) -> None:
    result = silver_of(
        tmp_path,
        given(text_keys=frozenset({declared})),
        customers="1,Ann,,\n",
        loyalty_accounts="L-1,1,5,Gold,\n",
        loyalty_transactions="L-1,2024-01-01,5,\n",
        in_store_transactions="7,1,1,2024-01-01,1,\n",
    )
    tables = gold(result)
    assert column(tables["dim_loyalty_accounts"], "loyalty_id") == ["-1", "L-1"]
    assert column(tables["fct_loyalty_transactions"], "loyalty_id") == ["L-1"]
    answers = marts(tables)
    # Ids of all kinds stand in one column of the timeline, and those of purchases in another.
    assert column(answers["customer_timeline"], "reference_id") == ["7", "L-1"]
    assert column(answers["purchases"], "reference_id") == [7]


# --- Currencies --------------------------------------------------------------------------------


RATES = (
    ExchangeRate("USD", None, Decimal("0.5")),
    ExchangeRate("USD", date(2024, 2, 1), Decimal("0.905")),
    ExchangeRate("JPY", date(2024, 1, 1), Decimal("0.006")),
)
IN_CURRENCIES = ORDERS + (
    "1,,,2024-01-31 23:59:59,,-1.01,,usd\n"  # the rate of always: -0.505
    "2,,,2024-02-01,,1.01,,USD\n"  # the new rate, from its first day on: 0.91405
    "3,,,2024-01-31T23:30-02:00,,1,, USD \n"  # already February in UTC
    "4,,,2023-12-31,,100,,JPY\n"  # no rate yet
    "5,,,2024-01-01,,100.005,,JPY\n"  # to cents first: 100.01 * 0.006
    "6,,,2024-01-01,,7,,EUR\n"
    "7,,,2024-01-01,,7,,n/a\n"
    "8,,,2024-01-01,,9999999999999999.99,,EUR\n"
)


@pytest.mark.parametrize("reporting", [None, "EUR"])
def test_amounts_are_in_the_reporting_currency(tmp_path: Path, reporting: str | None) -> None:
    options = given(lists=replace(LISTS, exchange_rates=RATES), reporting_currency=reporting)
    result = silver_of(tmp_path, options, online_transactions=IN_CURRENCIES.encode())
    rows = result.tables["online_transactions"]
    assert [(r["order_id"], str(r["amount"]), str(r["source_amount"])) for r in rows] == [
        (1, "-0.51", "-1.01"),
        (2, "0.91", "1.01"),
        (3, "0.91", "1.00"),
        (5, "0.60", "100.01"),
        (6, "7.00", "7.00"),
        (7, "7.00", "7.00"),
        (8, "9999999999999999.99", "9999999999999999.99"),
    ]
    currencies = ["USD", "USD", "USD", "JPY", "EUR", None, "EUR"]
    assert column(rows, "source_currency") == currencies
    assert reasons(result) == ["invalid_amount"]


def test_a_currency_that_nobody_has_a_rate_for_is_no_amount_when_another_is_reported(
    tmp_path: Path,
) -> None:
    options = given(lists=replace(LISTS, exchange_rates=RATES), reporting_currency="USD")
    result = silver_of(tmp_path, options, online_transactions=IN_CURRENCIES.encode())
    rows = result.tables["online_transactions"]
    assert [(r["order_id"], str(r["amount"])) for r in rows] == [
        (1, "-1.01"),  # the reporting currency is taken as it is, whatever its rates
        (2, "1.01"),
        (3, "1.00"),
        (5, "0.60"),
        (7, "7.00"),
    ]
    assert reasons(result) == ["invalid_amount"] * 3  # 4, 6 and 8


def test_the_rate_is_that_of_the_business_day(tmp_path: Path) -> None:
    options = given(lists=replace(LISTS, exchange_rates=RATES), business_timezone="America/Chicago")
    orders = ORDERS + "1,,,2024-02-01T03:00Z,,1,,USD\n2,,,2024-02-01T06:00Z,,1,,USD\n"
    result = silver_of(tmp_path, options, online_transactions=orders.encode())
    amounts = column(result.tables["online_transactions"], "amount")
    assert amounts == [Decimal("0.50"), Decimal("0.91")]


def test_an_amount_that_grows_too_large_is_none(tmp_path: Path) -> None:
    rate = (ExchangeRate("BTC", None, Decimal(60_000)),)
    options = given(lists=replace(LISTS, exchange_rates=rate))
    orders = ORDERS + "1,,,2024-02-01,,999999999999.99,,BTC\n"
    result = silver_of(tmp_path, options, online_transactions=orders.encode())
    assert reasons(result) == ["invalid_amount"]


# --- The newest wins ---------------------------------------------------------------------------


def test_one_row_a_key_the_newest(tmp_path: Path) -> None:
    early = batch(tmp_path, "b1", customers="1,Zoe,z@x,\n2,Zoe,z@x,\n2,ann,a@x,\n3,Cy,,\n")
    late = batch(tmp_path, "b2", customers="1,Ann,a@x,\nx,Ann,a@x,\n")
    [older] = batch(tmp_path, "b3", customers="1,Ann,a@x,\n3,Old,,\n").files
    renamed = Batch("b3", [InputFile(older.path, source_file="Customers_1.csv")])
    for number, file in enumerate([older, *early.files, *late.files]):
        os.utime(file.path, (number, number))
    result = silver([late, renamed, early], OPTIONS)
    names = {row["customer_id"]: row["customer_name"] for row in result.tables["customers"]}
    assert names == {1: "Ann", 2: "ann", 3: "Cy"}
    assert superseded(result, "customers") == {"newer": 3, "identical": 1}
    assert result.reconciliation[0] == {
        "entity": "customers",
        "bronze_rows": 8,
        "rejected_rows": 1,
        "superseded_rows": 4,
        "silver_rows": 3,
    }


def test_of_rows_as_new_the_batch_decides_then_the_file_then_the_row(tmp_path: Path) -> None:
    def arrived(batch_id: str, **texts: str) -> Batch:
        files = []
        for name, text in texts.items():
            path = tmp_path / batch_id / f"Customers_{name}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"CustomerID,Name,Email,Address\n{text}")
            os.utime(path, (0, 0))
            files.append(InputFile(path))
        return Batch(batch_id, files[::-1])  # not in the order of their names

    first = arrived("b1", a="1,a1,,\n2,a1,,\n2,a2,,\n", b="2,b1,,\n3,b1,,\n3,b2,,\n")
    second = arrived("b2", a="1,a3,,\n")
    result = silver([second, first], OPTIONS)
    assert column(result.tables["customers"], "customer_id", "customer_name") == [
        (1, "a3"),
        (2, "b1"),
        (3, "b2"),
    ]


def test_an_older_row_is_identical_only_when_it_says_the_same_unreadably_too(
    tmp_path: Path,
) -> None:
    products = "1,Saw,Tools,free\n1,Saw,Tools,\n1,Saw,Tools,n/a\n1,Saw,Tools, free \n"
    result = silver_of(tmp_path, products=products)
    assert superseded(result, "products") == {"newer": 2, "identical": 1}


def test_an_order_is_that_of_the_delivery_with_its_newest_row(tmp_path: Path) -> None:
    options = given(
        lines=frozenset({"online_transactions"}), order_by={"online_transactions": "Changed"}
    )
    header = "Changed," + ORDERS

    def arrived(batch_id: str, text: str) -> Batch:
        return batch(tmp_path, batch_id, online_transactions=(header + text).encode())

    old = arrived(
        "b1",
        "2024-01-01,1,,10,2024-01-01,,5,,\n"
        "2024-03-01,1,,11,2024-01-01,,6,,\n"  # the newest row of order 1
        "2024-01-01,2,,10,2024-01-01,,5,,\n",
    )
    new = arrived(
        "b2",
        "2024-02-01,1,,12,2024-01-01,,7,,\n"
        "2024-02-01,1,,10,2024-01-01,,5,,\n"  # as a line that is kept
        "2024-02-01,2,,10,2024-01-01,,5,,\n",
    )
    result = silver([new, old], options)
    names = ("order_id", "line_number", "product_id", "amount", "_batch_id")
    assert column(result.tables["online_transactions"], *names) == [
        (1, 1, 10, Decimal("5.00"), "b1"),
        (1, 2, 11, Decimal("6.00"), "b1"),
        (2, 1, 10, Decimal("5.00"), "b2"),
    ]
    assert superseded(result, "online_transactions") == {"newer": 1, "identical": 2}
    assert accounted(result)


def test_identical_lines_of_an_order_are_one(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        given(lines=frozenset({"online_transactions"})),
        online_transactions="1,1,10,2024-01-01,Cash,5,Completed\n"
        "1,1,11,2024-01-01,Cash,5,Completed\n"
        "1.0, 1,10,1/1/2024,cash,5.00,completed\n"  # the first again
        "1,x,10,2024-01-01,Cash,5,Completed\n"  # whose customers nobody can read, in two ways
        "1,y,10,2024-01-01,Cash,5,Completed\n",
    )
    lines = result.tables["online_transactions"]
    assert column(lines, "line_number", "customer_id", "product_id") == [
        (1, 1, 10),
        (2, 1, 11),
        (3, None, 10),
        (4, None, 10),
    ]
    assert superseded(result, "online_transactions") == {"identical": 1}


def test_one_row_an_order_unless_lines_are_declared(tmp_path: Path) -> None:
    visits = "1,1,1,2024-01-01,5,\n1,1,1,2024-01-01,6,\n"
    result = silver_of(tmp_path, in_store_transactions=visits)
    kept = [(1, 1, Decimal("6.00"))]
    names = ("transaction_id", "line_number", "amount")
    assert column(result.tables["in_store_transactions"], *names) == kept
    result = silver_of(
        tmp_path, given(lines=frozenset({"in_store_transactions"})), in_store_transactions=visits
    )
    assert column(result.tables["in_store_transactions"], "line_number") == [1, 2]


def test_movements_of_one_moment_are_all_kept(tmp_path: Path) -> None:
    first = batch(
        tmp_path,
        "b1",
        loyalty_transactions="1,2024-05-01,100,Purchase\n1,2024-05-01,50,Bonus\n"
        "1,2024-05-01,-120,Redemption\n1,2024-05-01,50,bonus\n1,2024-05-01,50,Bonus\n"
        "1,2024-05-02,10,Purchase\n",
    )
    movements = silver([first], OPTIONS)
    rows = movements.tables["loyalty_transactions"]
    assert column(rows, "line_number", "points_change") == [
        (1, 100),
        (2, 50),
        (3, -120),
        (4, 50),
        (1, 10),
    ]
    assert superseded(movements, "loyalty_transactions") == {"identical": 1}

    # A later file that has the moment again replaces its movements as a whole.
    second = batch(tmp_path, "b2", loyalty_transactions="1,2024-05-01,100,Purchase\n")
    os.utime(second.files[0].path, (4_000_000_000, 4_000_000_000))
    replaced = silver([first, second], OPTIONS)
    assert column(replaced.tables["loyalty_transactions"], "points_change") == [100, 10]
    assert superseded(replaced, "loyalty_transactions") == {"newer": 4, "identical": 1}


def test_fractions_of_a_second_make_other_moments_of_the_same_time(tmp_path: Path) -> None:
    first = batch(
        tmp_path,
        "20240501T000000Z-a",
        loyalty_transactions="1,2024-05-01T10:00:00.5,1,A\n1,2024-05-01T10:00:00.25,2,B\n",
    )
    second = batch(
        tmp_path,
        "20240502T000000Z-a",
        loyalty_transactions="1,2024-05-01T12:00:00.500+02:00,3,C\n1,2024-05-01T10:00:00,4,D\n",
    )
    result = silver([second, first], OPTIONS)
    names = ("transacted_at", "line_number", "points_change")
    ten = datetime(2024, 5, 1, 10)
    assert column(result.tables["loyalty_transactions"], *names) == [
        (ten, 1, 4),
        (ten, 2, 2),
        (ten, 3, 3),
    ]
    assert superseded(result, "loyalty_transactions") == {"newer": 1}


def test_the_hour_that_comes_twice_is_one_hour(tmp_path: Path) -> None:
    movements = "1,2024-10-27T00:30Z,1,A\n1,2024-10-27T01:30Z,2,B\n"
    options = given(business_timezone="Europe/Berlin")
    result = silver_of(tmp_path, options, loyalty_transactions=movements)
    half_past_two = datetime(2024, 10, 27, 2, 30)
    assert column(result.tables["loyalty_transactions"], "transacted_at", "line_number") == [
        (half_past_two, 1),
        (half_past_two, 2),
    ]


FULL = given(full=frozenset({"customers"}))


def test_keys_that_the_newest_full_file_lacks_are_gone(tmp_path: Path) -> None:
    files = {"2024-05-01": "1,Ann,,\n2,Bob,,\n3,Cy,,\n3,Cyd,,\n", "2024-05-02": "2,Bob,,\n1,An,,\n"}
    arrived = days(tmp_path, "customers", files)
    sold = batch(tmp_path, "b1", in_store_transactions="1,3,,2024-05-01,5,\n")
    result = silver([Batch("b1", [*arrived.files, *sold.files])], FULL)
    assert column(result.tables["customers"], "customer_id") == [1, 2]
    assert superseded(result, "customers") == {"newer": 2, "identical": 1, "gone": 1}
    assert accounted(result)
    [purchase] = gold(result)["fct_in_store_transactions"]
    assert (purchase["customer_id"], purchase["source_customer_id"]) == (-1, 3)
    assert column(silver([arrived], OPTIONS).tables["customers"], "customer_id") == [1, 2, 3]


def test_a_rejected_row_of_the_newest_full_file_has_its_key(tmp_path: Path) -> None:
    files = {
        "2024-05-01": "1,,,2024-01-01,,5,\n2,,,2024-01-01,,6,\n3,,,2024-01-01,,7,\n",
        "2024-05-02": "1.0,,,2024-01-01,,much,\n3,too few\n4,,,2024-01-01,,8,\n",
    }
    arrived = days(tmp_path, "online_transactions", files)
    result = silver([arrived], given(full=frozenset({"online_transactions"})))
    assert column(result.tables["online_transactions"], "order_id") == [1, 4]
    assert superseded(result, "online_transactions") == {"gone": 2}


def test_the_newest_full_file_is_so_by_its_day_not_by_its_rows(tmp_path: Path) -> None:
    options = given(
        full=frozenset({"online_transactions"}),
        lines=frozenset({"online_transactions"}),
        order_by={"online_transactions": "Currency"},
    )
    for day, rows in {
        "2024-05-01": "1,,5,2024-01-01,,5,,2024-09-01\n1,,6,2024-01-01,,5,,2024-09-01\n",
        "2024-05-02": "2,,5,2024-01-01,,5,,2024-01-01\n",
        "2024-05-03": "",  # without rows: it tells of nothing
    }.items():
        (tmp_path / f"OnlineTransactions {day}.csv").write_text(ORDERS + rows)
    result = silver([Batch.of_folder("b1", tmp_path)], options)
    assert column(result.tables["online_transactions"], "order_id") == [2]
    assert superseded(result, "online_transactions") == {"gone": 2}


# --- Gold --------------------------------------------------------------------------------------


@pytest.fixture
def layers(tmp_path: Path) -> Silver:
    return silver_of(
        tmp_path,
        customers="1,Ann,a@x,Leeds\n2,Bob,,\n3,Cy,c@x,\n",
        products="1,Saw,Tools,10\n2,Doll,Toys,5\n",
        stores="1,Leeds,Meg,9-5\n",
        agents="1,Al,Help,Day\n2,Bea,Help,Night\n",
        online_transactions="1,1,1,2024-01-01 10:00,Cash,10.01,Completed\n"  # a Monday
        "2,1,2,2024-01-08 10:30,Cash,10.00,completed\n"
        "3,1,9,2024-01-02 11:00,Credit Card,7.00,Unheard\n"
        "4,2,1,2024-01-03 12:00,Cash,99.00,Cancelled\n",
        in_store_transactions="1,2,1,2024-01-05 09:00,4.00,Cash\n2,77,1,2024-01-06,3,Cash\n",
        customer_service_interactions="1,1,2024-01-04,1,Refund,resolved\n"
        "2,1,2024-01-09,9,Refund,Pending\n3,,2024-01-09,1,Damage,Resolved\n",
        loyalty_accounts="1,1,50,silver,2023-01-01\n2,1,,gold,\n3,55,9,Platinum,\n",
        loyalty_transactions="1,2024-01-09,25,Bonus\n1,2024-01-02,-10,Spent\n9,2025-01-01,5,\n",
    )


def test_gold_points_to_the_unknown_member_and_keeps_what_came(layers: Silver) -> None:
    tables = gold(layers)
    unknown = only(tables["dim_products"], product_id=-1)
    assert (unknown["product_name"], unknown["category"], unknown["price"]) == (
        "Unknown",
        "Unknown",
        None,
    )
    order = only(tables["fct_online_transactions"], order_id=3)
    assert (order["product_id"], order["source_product_id"]) == (-1, 9)
    assert (order["customer_id"], order["source_customer_id"]) == (1, 1)
    assert (order["date_key"], order["time_is_plausible"]) == (20240102, True)
    counts = column(tables["fct_online_transactions"], "counts_as_revenue")
    assert counts == [True, True, True, False]
    account = only(tables["dim_loyalty_accounts"], loyalty_id=3)
    assert (account["customer_id"], account["source_customer_id"]) == (-1, 55)
    unknown_account = only(tables["dim_loyalty_accounts"], loyalty_id=-1)
    assert (unknown_account["customer_id"], unknown_account["tier_level"]) == (-1, None)
    change = only(tables["fct_loyalty_transactions"], source_loyalty_id=9)
    assert change["loyalty_id"] == -1


@pytest.mark.parametrize(
    ("declared", "members"),
    [
        ({"customers": ["0"]}, {"visit": (-1, 1, 0), "contact": (-1, 0)}),
        ({"in_store_transactions": [" 00.0", 1]}, {"visit": (-1, -1, 0), "contact": (0, 0)}),
        ({"customer_service_interactions": ["guest"]}, {"visit": (0, 1, 0), "contact": (0, 0)}),
    ],
)
def test_keys_that_stand_for_nobody(
    tmp_path: Path, declared: dict[str, Any], members: dict[str, tuple[int, ...]]
) -> None:
    result = silver_of(
        tmp_path,
        given(unknown_keys=declared),
        customers="0,Guest,,\n",
        stores="1,Leeds,,\n",
        in_store_transactions="1,0.0,1,2024-01-01,5,\n",
        customer_service_interactions="1,0,2024-01-01,,,\n",
    )
    [visit] = result.tables["in_store_transactions"]
    assert visit["customer_id"] == 0
    tables = gold(result)
    [visit] = tables["fct_in_store_transactions"]
    [contact] = tables["fct_service_interactions"]
    found = tuple(visit[name] for name in ("customer_id", "store_id", "source_customer_id"))
    assert found == members["visit"]
    assert (contact["customer_id"], contact["source_customer_id"]) == members["contact"]
    assert column(tables["dim_customers"], "customer_id") == [-1, 0]  # it stays, without facts


def test_times_are_plausible_until_a_day_after_their_batch(tmp_path: Path) -> None:
    arrived = batch(
        tmp_path,
        "20240501T120000Z-a",
        customer_service_interactions="1,,2024-05-02 07:00,,,\n2,,2024-05-02 07:00:01,,,\n"
        "3,,2024-05-02T12:00Z,,,\n4,,1990-01-01,,,\n5,,1989-12-31 23:59:59,,,\n",
    )
    options = given(business_timezone="America/Chicago")  # where it arrived at 07:00
    tables = gold(silver([arrived], options))
    found = column(tables["fct_service_interactions"], "interaction_id", "time_is_plausible")
    assert found == [(1, True), (2, False), (3, True), (4, True), (5, False)]
    dates = tables["dim_dates"]
    assert len(dates) == 1 + (date(2025, 1, 1) - date(1989, 12, 31)).days
    assert column(dates[:3], "date_day") == [None, date(1989, 12, 31), date(1990, 1, 1)]
    later = gold(silver([arrived], replace(options, earliest_plausible_date=date(2024, 1, 1))))
    assert [row["date_key"] for row in later["dim_dates"][:4]] == [-1, 19891231, 19900101, 20240101]


def test_dates_are_whole_years_of_the_facts(layers: Silver) -> None:
    dates = gold(layers)["dim_dates"]
    assert len(dates) == 1 + 366 + 365
    assert [row["date_key"] for row in (dates[0], dates[1], dates[-1])] == [-1, 20240101, 20251231]
    assert dates[1] == {
        "date_key": 20240101,
        "date_day": date(2024, 1, 1),
        "year_number": 2024,
        "quarter_number": 1,
        "month_number": 1,
        "month_name": "January",
        "day_of_month": 1,
        "day_of_week_number": 1,
        "day_of_week": "Monday",
        "is_weekend": False,
    }


def test_without_a_plausible_event_the_calendar_has_the_days_that_occur(tmp_path: Path) -> None:
    result = silver_of(tmp_path, loyalty_transactions="1,1970-01-01,5,\n")
    assert column(gold(result)["dim_dates"], "date_key") == [-1, 19700101]


# --- Average order value -----------------------------------------------------------------------


def test_average_order_values(layers: Silver) -> None:
    answers = marts(gold(layers))
    assert only(answers["aov_by_product"], product_id=1) == {
        "product_id": 1,
        "product_name": "Saw",
        "category": "Tools",
        "total_orders": 1,
        "total_amount": Decimal("10.01"),
        "average_order_value": Decimal("10.01"),
    }
    assert {row["category"] for row in answers["aov_by_category"]} == {"Tools", "Toys", "Unknown"}
    location = only(answers["aov_by_location"], location="Leeds")
    assert location["average_order_value"] == Decimal("3.50")
    long_form = answers["average_order_value"]
    assert len(long_form) == 3 + 3 + 1 + 2 + 1
    online = only(long_form, dimension="channel", member="online")
    assert (online["total_orders"], online["total_amount"]) == (3, Decimal("27.01"))
    assert online["average_order_value"] == Decimal("9.00")  # 9.0033...
    everything = only(long_form, dimension="all", member="all", channel="all")
    assert (everything["total_orders"], everything["average_order_value"]) == (5, Decimal("6.80"))


@pytest.mark.parametrize(
    ("total", "count", "average"), [("0.01", 2, "0.01"), ("-0.01", 2, "-0.01"), ("10", 3, "3.33")]
)
def test_ratios_round_half_away_from_zero(total: str, count: int, average: str) -> None:
    assert cleaning.ratio(Decimal(total), count, 2) == Decimal(average)


@pytest.fixture
def with_lines(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """Orders of several lines, refunds in lines and in rows of their own."""
    result = silver_of(
        tmp_path,
        given(lines=frozenset({"online_transactions", "in_store_transactions"})),
        customers="1,Ann,,\n2,Bob,,\n3,Cy,,\n",
        products="10,Ball,Toys,\n11,Doll,Toys,\n12,Saw,Tools,\n",
        stores="5,Leeds,,\n",
        online_transactions="1001,1,10,2024-01-01 10:00,Cash,50,Completed\n"
        "1001,1,11,2024-01-01 10:00,Cash,40,Completed\n"
        "1001,1,12,2024-01-01 11:00,Cash,-20,Completed\n"  # a refund in its order
        "1002,2,10,2024-01-02 10:00,Cash,25,Completed\n"
        "1003,2,10,2024-01-03 10:00,Cash,-25,Completed\n"  # a refund of its own
        "1004,3,11,2024-01-04 10:00,Cash,-5,Completed\n"
        "1005,1,12,2024-01-05 10:00,Credit Card,0,Completed\n"
        "1006,3,12,2024-01-06 10:00,Cash,60,Cancelled\n"
        "1006,3,10,2024-01-06 10:00,Cash,7,Voided\n"
        "1007,1,11,2024-01-07 10:00,Cash,9,Completed\n"
        "1007,1,11,2024-01-07 10:00,Cash,9,Cancelled\n",
        in_store_transactions="1,1,5,2024-01-08 09:00,3,Cash\n1,,5,2024-01-08 09:00,4,Cash\n"
        "1001,1,5,2024-01-09 09:00,-3,Cash\n",
    )
    return marts(gold(result))


def test_an_order_counts_once_and_a_refund_is_none(with_lines: dict[str, Any]) -> None:
    names = ("total_orders", "total_amount", "average_order_value")
    products = {row["product_id"]: row for row in with_lines["aov_by_product"]}
    assert {key: tuple(str(row[name]) for name in names) for key, row in products.items()} == {
        10: ("2", "50.00", "25.00"),  # 50 and 25 and a refund of 25
        11: ("2", "44.00", "22.00"),  # 40, 9 and a refund of 5
        12: ("1", "-20.00", "-20.00"),  # an order of 0 and a refund
    }
    toys = only(with_lines["aov_by_category"], category="Toys")
    assert (toys["total_orders"], toys["total_amount"]) == (3, Decimal("94.00"))  # 1001 once
    leeds = only(with_lines["aov_by_location"], location="Leeds")
    assert (leeds["total_orders"], leeds["total_amount"]) == (1, Decimal("4.00"))
    online = only(with_lines["average_order_value"], dimension="channel", member="online")
    assert [online[name] for name in names] == [4, Decimal("74.00"), Decimal("18.50")]
    everything = only(with_lines["average_order_value"], dimension="all")
    assert [everything[name] for name in names] == [5, Decimal("78.00"), Decimal("15.60")]


def test_what_was_only_refunded_has_no_average(tmp_path: Path) -> None:
    result = silver_of(tmp_path, online_transactions="1,,,2024-01-01,Cash,-5,Completed\n")
    [product] = marts(gold(result))["aov_by_product"]
    assert (product["total_orders"], product["average_order_value"]) == (0, None)
    assert product["total_amount"] == Decimal("-5.00")


def test_purchases_are_the_lines_that_count(with_lines: dict[str, Any]) -> None:
    purchases = with_lines["purchases"]
    assert len(purchases) == 8 + 3
    names = ("line_number", "has_one_line", "amount", "product_id", "category", "store_id")
    order = [row for row in purchases if (row["channel"], row["reference_id"]) == ("online", 1007)]
    # The other line of the order does not count, and is there.
    assert column(order, *names) == [(1, False, Decimal("9.00"), 11, "Toys", None)]
    visit = only(purchases, channel="in_store", reference_id=1001)
    assert [visit[name] for name in (*names[:3], "product_id", "location")] == [
        1,
        True,
        Decimal("-3.00"),
        None,
        "Leeds",
    ]


def test_refunds_of_customers(with_lines: dict[str, Any]) -> None:
    names = ("total_orders", "total_spend", "average_order_value", "refunds", "refunded_amount")
    found = column(with_lines["customer_360"], *names)
    assert [tuple(map(str, row)) for row in found] == [
        # 1001 (70), 1005 (0), 1007 (9), visit 1 (3) and a refund of 3
        ("4", "79.00", "19.75", "2", "23.00"),
        ("1", "0.00", "0.00", "1", "25.00"),
        ("0", "-5.00", "None", "1", "5.00"),
    ]
    ann, bob, cy = with_lines["customer_360"]
    # Three lines of toys are two orders, and so are two of tools: of 1001 and 1005.
    assert (ann["preferred_category"], ann["preferred_payment_method"]) == ("Toys", "Cash")
    assert ann["last_purchase_at"] == datetime(2024, 1, 8, 9)  # not the refund a day later
    assert bob["last_purchase_at"] == datetime(2024, 1, 2, 10)
    assert (cy["first_purchase_at"], cy["preferred_channel"], cy["segment"]) == (
        None,
        None,
        "No Purchases",
    )
    assert (cy["monetary_score"], cy["recency_score"]) == (None, None)


def test_an_order_of_several_lines_is_one_event(with_lines: dict[str, Any]) -> None:
    timeline = with_lines["customer_timeline"]
    assert len(timeline) == 7 + 2
    names = ("customer_id", "occurred_at", "event", "amount", "detail")
    order = only(timeline, touchpoint="online order", reference_id=1001)
    assert [order[name] for name in names] == [
        1,
        datetime(2024, 1, 1, 10),
        "Completed",
        Decimal("70.00"),
        "Ball and 2 more",
    ]
    assert only(timeline, reference_id=1006)["amount"] == Decimal("67.00")
    # Its second line belongs to nobody, and its first line tells whose it is.
    assert only(timeline, reference_id=1)["amount"] == Decimal("7.00")


def test_a_transaction_is_at_its_first_lines_time_once(with_lines: dict[str, Any]) -> None:
    peaks = with_lines["peak_transaction_times"]
    monday = only(peaks, channel="online", day_of_week="Monday")
    assert (monday["hour_of_day"], monday["total_transactions"]) == (10, 1)
    assert (monday["total_amount"], monday["transaction_share"]) == (
        Decimal("70.00"),
        Decimal("0.142857"),
    )
    assert sum(row["total_transactions"] for row in peaks if row["channel"] == "online") == 7


# --- Customers ---------------------------------------------------------------------------------


def test_segments(layers: Silver) -> None:
    segments = marts(gold(layers))["customer_segments"]
    names = ("customer_id", "purchase_frequency", "spend_percent_rank", "segment")
    assert column(segments, *names) == [
        (1, 3, 0.0, "High-Value Customer"),
        (2, 1, 1.0, "One-Time Buyer"),
        (3, 0, None, "No Purchases"),
    ]
    assert only(segments, customer_id=1)["tier_level"] == "Gold"


@pytest.mark.parametrize(
    ("tiers", "best"),
    [
        (["bronze", "Silver"], "Silver"),
        (["Zinc", "Bronze"], "Bronze"),
        (["Zinc", "Amber"], "Amber"),
    ],
)
def test_the_best_tier_comes_first_and_an_unlisted_one_last(
    tmp_path: Path, tiers: list[str], best: str
) -> None:
    accounts = "".join(f"{number},1,,{tier},\n" for number, tier in enumerate(tiers))
    result = silver_of(tmp_path, customers="1,Ann,,\n", loyalty_accounts=accounts)
    assert column(marts(gold(result))["customer_segments"], "tier_level") == [best]


def segments_by_spend(
    tmp_path: Path, spend: dict[int, float], options: Options = OPTIONS, visits: int = 2
) -> dict[int, str]:
    """Return the segments of customers who spend this in so many visits."""
    bought = [
        f"{customer * 10 + visit},{customer},1,2024-01-01,{amount / visits},Cash"
        for customer, amount in spend.items()
        for visit in range(visits)
    ]
    result = silver_of(
        tmp_path,
        options,
        customers="\n".join(f"{customer},C,," for customer in spend),
        in_store_transactions="\n".join(bought),
        loyalty_accounts="1,4,0,Bronze,\n2,5,0,,",
    )
    return {r["customer_id"]: r["segment"] for r in marts(gold(result))["customer_segments"]}


def test_the_top_tenth_includes_exactly_a_tenth(tmp_path: Path) -> None:
    # Eleven buyers: ranks are tenths, and two of them may have as much.
    spend = {1: 500, 2: 400, **{customer: 100 - customer for customer in range(3, 12)}}
    segments = segments_by_spend(tmp_path, spend)
    assert [segments[customer] for customer in (1, 2)] == ["High-Value Customer"] * 2
    found = [segments[customer] for customer in (3, 4, 5)]
    assert found == ["Regular Customer", "Loyalty Champion", "Regular Customer"]


@pytest.mark.parametrize(
    ("buyers", "at_the_top", "are_high_value"),
    [
        (10, 2, True),  # two of ten: twice the share
        (10, 3, False),
        (14, 3, False),  # 2.8 may have as much
        (15, 3, True),
        (1, 1, True),  # the only one
        (2, 2, False),
    ],
)
def test_many_who_spend_the_same_do_not_stand_out(
    tmp_path: Path, buyers: int, at_the_top: int, are_high_value: bool
) -> None:
    spend = {n: 100.0 if n <= at_the_top else 50.0 + n for n in range(1, buyers + 1)}
    segments = segments_by_spend(tmp_path, spend, visits=1)
    expected = "High-Value Customer" if are_high_value else "One-Time Buyer"
    assert [segments[n] for n in range(1, at_the_top + 1)] == [expected] * at_the_top


def test_a_tie_below_the_first_counts_those_above_it(tmp_path: Path) -> None:
    # Of 21, ranks are twentieths: customers 2 to 4 have 0.05, and 4 of them 2 * 0.1 * 21 = 4.2.
    spend = {1: 500.0, 2: 400.0, 3: 400.0, 4: 400.0, **{n: float(n) for n in range(5, 22)}}
    high = [n for n, s in segments_by_spend(tmp_path, spend).items() if s == "High-Value Customer"]
    assert high == [1, 2, 3, 4]
    high = [
        n
        for n, s in segments_by_spend(tmp_path, spend | {5: 400.0}).items()
        if s == "High-Value Customer"
    ]
    assert high == [1]


def test_ties_rank_alike_and_leave_a_gap(tmp_path: Path) -> None:
    visits = "".join(
        f"{n},{n},1,2024-01-01,{amount},\n" for n, amount in enumerate((9, 7, 7, 5, 1))
    )
    customers = "".join(f"{n},C,,\n" for n in range(6))
    result = silver_of(tmp_path, customers=customers, in_store_transactions=visits)
    ranks = column(marts(gold(result))["customer_segments"], "spend_percent_rank")
    assert ranks == [0.0, 0.25, 0.25, 0.75, 1.0, None]


def test_customer_360(layers: Silver) -> None:
    answers = marts(gold(layers))
    ann, bob, cy = answers["customer_360"]
    assert ann == {
        "customer_id": 1,
        "customer_name": "Ann",
        "email": "a@x",
        "address": "Leeds",
        "online_orders": 3,
        "online_spend": Decimal("27.01"),
        "online_average_order_value": Decimal("9.00"),
        "in_store_orders": 0,
        "in_store_spend": Decimal("0.00"),
        "in_store_average_order_value": None,
        "total_orders": 3,
        "total_spend": Decimal("27.01"),
        "average_order_value": Decimal("9.00"),
        "refunds": 0,
        "refunded_amount": Decimal("0.00"),
        "first_purchase_at": datetime(2024, 1, 1, 10),
        "last_purchase_at": datetime(2024, 1, 8, 10, 30),
        "preferred_channel": "online",
        "preferred_category": "Tools",  # one order each; the highest amount
        "preferred_store": None,
        "preferred_payment_method": "Cash",
        "tier_level": "Gold",
        "points_balance": 50,
        "loyalty_accounts": 2,
        "interactions": 2,
        "unresolved_interactions": 1,
        "resolution_rate": Decimal("50.00"),
        "last_contact_at": datetime(2024, 1, 9),
        "segment": "High-Value Customer",
        "recency_days": 359,  # to 2025-01-01, the newest event, in a leap year
        "recency_score": 2,
        "frequency_score": 2,
        "monetary_score": 2,
        "last_touch_at": datetime(2024, 1, 9),
        "last_touchpoint": "loyalty change",  # at the same time as a service contact
        "person_id": "P1",
        "person_customer_ids": "1",
    }
    # A cancelled order is a touch, not a purchase.
    assert (bob["total_orders"], bob["total_spend"]) == (1, Decimal("4.00"))
    assert (bob["preferred_channel"], bob["preferred_store"]) == ("in_store", "Leeds")
    assert (bob["recency_score"], bob["frequency_score"], bob["monetary_score"]) == (1, 1, 1)
    assert (cy["total_spend"], cy["points_balance"], cy["recency_score"]) == (0, None, None)
    assert (cy["resolution_rate"], cy["last_touchpoint"]) == (None, None)
    layers.options = replace(layers.options, recency_date=date(2024, 1, 10))
    fixed = marts(gold(layers))["customer_360"]
    assert column(fixed, "recency_days") == [2, 5, None]


def test_implausible_times_are_left_out_of_recency_and_peaks(tmp_path: Path) -> None:
    arrived = batch(
        tmp_path,
        "20240601T000000Z-a",
        customers="1,Ann,,\n2,Bob,,\n",
        in_store_transactions="1,1,1,2024-05-01 10:00,5,\n2,1,1,2050-05-01 10:00,6,\n"
        "3,2,1,1970-01-01,7,\n",
        customer_service_interactions="1,2,2024-05-11,,,\n2,1,2099-01-01,,,\n",
    )
    tables = gold(silver([arrived], OPTIONS))
    assert len(tables["dim_dates"]) == 1 + 366 + 3
    answers = marts(tables)
    names = ("total_orders", "total_spend", "last_purchase_at", "recency_days", "recency_score")
    assert column(answers["customer_360"], *names, "frequency_score", "last_touch_at") == [
        (2, Decimal("11.00"), datetime(2024, 5, 1, 10), 10, 1, 2, datetime(2099, 1, 1)),
        (1, Decimal("7.00"), None, None, None, 1, datetime(2024, 5, 11)),
    ]
    [peak] = answers["peak_transaction_times"]
    assert (peak["hour_of_day"], peak["total_amount"], peak["transaction_share"]) == (
        10,
        Decimal("5.00"),
        1,
    )


def test_timeline(layers: Silver) -> None:
    timeline = marts(gold(layers))["customer_timeline"]
    assert len(timeline) == 4 + 1 + 2 + 2  # without a known customer: a visit, a contact, a change
    assert only(timeline, touchpoint="online order", reference_id=4) == {
        "customer_id": 2,
        "occurred_at": datetime(2024, 1, 3, 12),
        "touchpoint": "online order",
        "event": "Cancelled",
        "reference_id": 4,
        "amount": Decimal("99.00"),
        "detail": "Saw",
    }
    changes = [r["detail"] for r in timeline if r["touchpoint"] == "loyalty change"]
    assert sorted(changes) == ["+25", "-10"]


def test_ntile_gives_the_first_buckets_one_more() -> None:
    assert list(ntile(list("abcdefg")).values()) == [1, 1, 2, 2, 3, 4, 5]
    assert ntile(["a", "b"]) == {"a": 1, "b": 2}


# --- The other answers -------------------------------------------------------------------------


def test_peak_times(layers: Silver) -> None:
    peaks = marts(gold(layers))["peak_transaction_times"]
    monday = only(peaks, channel="online", day_of_week="Monday")
    assert (monday["day_of_week_number"], monday["hour_of_day"]) == (1, 10)
    assert (monday["total_transactions"], monday["total_amount"]) == (2, Decimal("20.01"))
    assert (monday["transaction_share"], monday["peak_rank"]) == (Decimal("0.500000"), 1)
    cancelled = only(peaks, channel="online", day_of_week="Wednesday")
    assert (cancelled["peak_rank"], cancelled["transaction_share"]) == (2, Decimal("0.250000"))
    assert [row["peak_rank"] for row in peaks if row["channel"] == "in_store"] == [1, 1]


def test_the_evening_peak_is_the_shops(tmp_path: Path) -> None:
    visits = "1,1,1,2024-05-04T01:00:00+00:00,5,\n"
    options = given(business_timezone="America/Chicago")
    [peak] = marts(gold(silver_of(tmp_path, options, in_store_transactions=visits)))[
        "peak_transaction_times"
    ]
    assert (peak["day_of_week"], peak["hour_of_day"]) == ("Friday", 20)


def test_service(layers: Silver) -> None:
    answers = marts(gold(layers))
    found = [
        (r["agent_id"], r["total_interactions"], r["resolved_interactions"], r["resolution_rate"])
        for r in answers["agent_performance"]
    ]
    assert sorted(found) == [
        (-1, 1, 0, Decimal("0.00")),
        (1, 2, 2, Decimal("100.00")),
        (2, 0, 0, Decimal("0.00")),
    ]
    refund = only(answers["service_by_issue_type"], issue_type="Refund")
    assert refund["resolution_rate"] == Decimal("50.00")


def test_notes_say_what_a_reader_should_know(layers: Silver) -> None:
    notes = marts(gold(layers))["data_notes"]
    names = ("note", "entity", "rows", "amount")
    assert sorted(column(notes, *names), key=str) == [
        ("unknown accounts", "loyalty_transactions", 1, None),
        ("unknown agents", "customer_service_interactions", 1, None),
        ("unknown customers", "customer_service_interactions", 1, None),
        ("unknown customers", "in_store_transactions", 1, Decimal("3.00")),
        ("unknown customers", "loyalty_accounts", 1, None),
        ("unknown products", "online_transactions", 1, Decimal("7.00")),
        ("unlisted status", "online_transactions", 1, Decimal("7.00")),
    ]


def test_notes_of_what_was_set_aside_and_not_understood(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        online_transactions="1,,,2024-01-01,Barter,5,Cancelled\n1,,,2024-01-01,Barter,6,Cancelled\n"
        "2,x,,1970-01-01,,7,\n3,,,never,,7,\n4,too few\n",
        loyalty_accounts="1,,,Zinc,\n2,,y,Lead,\n3,,,,\n",
    )
    notes = marts(gold(result))["data_notes"]
    names = ("note", "entity", "rows", "amount", "detail")
    assert set(column(notes, *names)) == {
        *(
            ("absent entity", entity, 0, None, None)
            for entity in result.tables
            if entity not in ("online_transactions", "loyalty_accounts")
        ),
        ("unknown customers", "online_transactions", 2, Decimal("7.00"), None),
        ("unknown products", "online_transactions", 2, Decimal("7.00"), None),
        ("unknown customers", "loyalty_accounts", 3, None, None),
        ("unlisted payment method", "online_transactions", 1, Decimal("0.00"), None),
        ("unlisted tier", "loyalty_accounts", 2, None, None),
        ("rejected rows", "online_transactions", 1, None, "invalid_datetime"),
        ("rejected rows", "online_transactions", 1, None, "malformed_line"),
        ("superseded rows", "online_transactions", 1, None, "newer"),
        ("implausible times", "online_transactions", 1, Decimal("7.00"), None),
        ("unreadable values", "online_transactions", 1, None, "customer_id"),
        ("unreadable values", "loyalty_accounts", 1, None, "points_earned"),
    }


def test_no_data_has_answers_too() -> None:
    answers = marts(gold(silver([], OPTIONS)))
    notes = answers.pop("data_notes")
    assert set(column(notes, "note")) == {"absent entity"}
    assert all(rows == [] for rows in answers.values())
