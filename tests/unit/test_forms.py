"""Declared forms: what a value becomes, and which are left alone."""

import calendar
import re
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contract import load_contract
from ingest.declarations import Declaration
from ingest.forms import FillDown, moment, select_list
from lake.errors import InputError

CONTRACT = load_contract(Path(__file__).parents[2])
ORDERS = CONTRACT["online_transactions"]
POINTS = CONTRACT["loyalty_transactions"]
CONNECTION = duckdb.connect()
# Another zone of the machine must make no difference.
CONNECTION.execute("set timezone = 'Pacific/Auckland'")


def read(
    declaration: Declaration, rows: list[dict[str, str | None]], entity: Any = ORDERS
) -> list[dict[str, Any]]:
    """Return rows of a file as the declaration has them read."""
    header = list(rows[0])
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in header})
    selected = select_list(entity, declaration, header)
    assert selected is not None
    CONNECTION.register("file", table)
    found = CONNECTION.sql(f"select {', '.join(selected)} from file").to_arrow_table().to_pylist()
    CONNECTION.unregister("file")
    return found


def formed(values: list[str | None], column: str = "Amount", **declared: Any) -> list[str | None]:
    rows = [{column: value} for value in values]
    return [row[column] for row in read(Declaration(**declared), rows)]


# Columns ---------------------------------------------------------------------------------------


def test_nothing_but_renaming_needs_no_expressions():
    assert select_list(ORDERS, Declaration(), ["OrderID"]) is None
    assert select_list(ORDERS, Declaration(columns={"OrderID": ("No",)}), ["No"]) is None
    assert select_list(ORDERS, Declaration(decimal="."), ["OrderID"]) is None


def test_every_column_of_the_contract_comes_in_its_order():
    (row,) = read(
        Declaration(columns={"OrderID": ("Order No",)}, null_words=("-",)),
        [{"status": "Shipped", "ORDER_NO": "7", "Payment Method": "-"}],
    )
    assert row == {
        "OrderID": "7",
        "CustomerID": None,
        "ProductID": None,
        "DateTime": None,
        "PaymentMethod": None,
        "Amount": None,
        "Status": "Shipped",
        "Currency": None,
    }
    assert tuple(row) == ORDERS.columns


def test_several_columns_are_joined_by_a_blank_and_null_when_all_are():
    rows = [
        {"Date": d, "Time": t}
        for d, t in [("2024-05-01", "10:00"), ("2024-05-01", ""), ("", None), (None, None)]
    ]
    read_rows = read(Declaration(columns={"DateTime": ("Date", "Time")}), rows)
    assert [row["DateTime"] for row in read_rows] == ["2024-05-01 10:00", "2024-05-01", "", None]


def test_null_words_are_null_only_when_they_are_the_whole_value():
    words = {"null_words": ("-", "<null>")}
    assert formed([" - ", "<null>", "-5", "a-b", ""], "Status", **words) == [
        None, None, "-5", "a-b", ""
    ]  # fmt: skip


# Groups ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(8))
def test_what_a_group_says_first_holds_for_its_rows_wherever_a_table_ends(cut):
    table = pa.table(
        {
            "no": ["1", "1", "1", "2", "2", "3", "3", "1"],
            "Status": ["paid", " ", "refunded", None, "", "paid", None, ""],
            "Sku": ["a", "", None, "b", "c", "", "d", ""],
        }
    )
    fill_down = FillDown(Declaration(fill_down={"No": ("status", "Way")}))
    parts = [fill_down.fill(table[:cut]), fill_down.fill(table[cut:])]
    filled = pa.concat_tables(parts)
    assert filled["Status"].to_pylist() == [
        "paid", "paid", "refunded", "", "", "paid", "paid", ""
    ]  # fmt: skip
    assert filled.drop(["Status"]).equals(table.drop(["Status"]))


# Expressions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"Unit price" * Quantity', "25.5"),
        ('"UNIT PRICE" * quantity', "25.5"),
        ('"Unit price" * Quantity - coalesce(Discount, 0)', "25.5"),
        ('case when Quantity > 2 then "Unit price" else Quantity end', "8.5"),
        ("case when Quantity < 20 then -Quantity * 1 end", "-3"),
        ('round("Unit price" / 3, 2)', "2.83"),
        ("Größe || '!'", "L!"),
        ("Größe || '!' -- a remark", "L!"),
        ("upper(trim(Größe)) || Quantity", "L3"),
        ("case Quantity when 3 then 'three' when 4 then 'four' end", "three"),
        ("Größe * 2", None),
        ("cast(Größe as integer)", None),
        ("Quantity = '3'", "true"),
    ],
)
def test_an_expression_computes_with_text_and_numbers(expression, expected):
    rows = [{"Unit Price": "8.50", "Quantity": "3", "Discount": "", "Größe": "L"}]
    (row,) = read(Declaration(expressions={"Status": expression}), rows)
    found = row["Status"]
    if expected and re.fullmatch(r"-?[\d.]+", expected):
        assert Decimal(found) == Decimal(expected)
    else:
        assert found == expected


def test_numbers_in_an_expression_have_the_declared_form():
    declaration = Declaration(
        expressions={"Amount": "Price * Quantity"},
        decimal=",",
        thousands=".",
        currency_signs=("€",),
    )
    rows = [
        {"Price": price, "Quantity": "2"} for price in ["1.234,50 €", "0,617", "12.50", "x", None]
    ]
    found = [row["Amount"] for row in read(declaration, rows)]
    # A result is in the standard form: its point is no mark of thousands.
    assert [Decimal(one) for one in found[:3]] == [Decimal(2469), Decimal("1.234"), Decimal(25)]
    assert found[3:] == [None, None]


def test_text_that_an_expression_makes_has_the_declared_form():
    declaration = Declaration(
        expressions={
            "DateTime": "Day || '.' || Month || '.2024 ' || Clock",
            "Amount": "replace(Total, 'ca. ', '')",
        },
        dates="dmy",
        decimal=",",
    )
    (row,) = read(declaration, [{"Day": "5", "Month": "6", "Clock": "10:00", "Total": "ca. 12,50"}])
    assert (row["DateTime"], row["Amount"]) == ("2024-06-05 10:00:00", "12.50")


def test_an_expression_over_a_column_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match=r"for Amount .* names the column Total.*found: Sum"):
        select_list(ORDERS, Declaration(expressions={"Amount": "Total * 1"}), ["Sum"])


def test_a_column_may_be_called_as_the_sql_calls_its_own():
    for name in ("g", "d", "l", "b", "u", "n", "y"):
        declaration = Declaration(
            columns={"Amount": (name,), "DateTime": (name,)},
            decimal=",", dates="dmy", timezone="Europe/Berlin", epoch="seconds",
        )  # fmt: skip
        (row,) = read(declaration, [{name: "neither"}])
        assert (row["Amount"], row["DateTime"]) == ("neither", "neither")


# Numbers: case 15 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ({"currency_signs": ("$",)}, {
            "$12.50": "12.50", "-$12.50": "-12.50", "$-12.50": "-12.50", "$ 12.50": "12.50",
            "12.50 $": "12.50", "$1,234.50": "$1,234.50", "€12.50": "€12.50", "12.50": "12.50",
            "$": "$", "--$5": "--$5", "+12.50": "12.50", "−5.00": "-5.00", "": "",
        }),
        ({"currency_signs": ("$", "USD", "R$")}, {
            "12.50 USD": "12.50", "R$ 12.50": "12.50", "$12.50 USD": "12.50", "USD12.50": "12.50",
        }),
        ({"thousands": ","}, {
            "1,234.50": "1234.50", "1,234,567": "1234567", "12,50": "12,50", "1,23": "1,23",
            "1234.5": "1234.5", "12,34,567.00": "1234567.00", ",5": ",5", "1,234,50": "1,234,50",
            "1.2E+03": "1.2E+03", "12.": "12", ".5": "0.5", "12.5000000000": "12.5000000000",
        }),
        ({"thousands": ",", "currency_signs": ("$",)}, {"$1,234.50": "1234.50"}),
        ({"decimal": ","}, {
            "12,50": "12.50", "-12,50": "-12.50", ",5": "0.5", "12,": "12", "'12,50": "12.50",
            "12.50": "12.50", "1.234,50": "1.234,50", "NaN": "NaN", "-": "-", " 12,50 ": "12.50",
            "12,50 €": "12,50 €", "1,2,3": "1,2,3", "17": "17",
        }),
        ({"decimal": ",", "thousands": "."}, {
            "1.234,50": "1234.50", "1.234": "1234", "12.50": "12.50", "0,005": "0.005",
        }),
        ({"decimal": ",", "thousands": " "}, {
            "1 234,50": "1234.50", "1\u00a0234,50": "1234.50", "1\u202f234": "1234",
        }),
        ({"decimal": ",", "currency_signs": ("R$",)}, {"R$ 12,50": "12.50"}),
        ({"thousands": "'"}, {"1'234.50": "1234.50"}),
        ({"negatives": ("parentheses",)}, {
            "(12.50)": "-12.50", "( 12.50 )": "-12.50", "(-12.50)": "(-12.50)", "(12.50": "(12.50",
            "12.50-": "12.50-",
        }),
        ({"negatives": ("trailing",)}, {"12.50-": "-12.50", "-12.50-": "-12.50-", "(5)": "(5)"}),
        ({"negatives": ("parentheses", "trailing"), "currency_signs": ("$",)}, {
            "($12.50)": "-12.50", "$(12.50)": "-12.50", "12.50-$": "-12.50", "12.50$-": "-12.50",
        }),
    ],
)  # fmt: skip
def test_a_number_of_the_declared_form_gets_a_point(declared, values):
    assert formed([*values, None], **declared) == [*values.values(), None]


@settings(max_examples=25, deadline=None)
@given(
    amounts=st.lists(
        st.decimals(-10**9, 10**9, places=2, allow_nan=False, allow_infinity=False),
        min_size=1, max_size=30,
    ),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", ",", ".", " ", "'"]),
    sign=st.sampled_from(["", "$", "€", "EUR", "kr."]),
    negative=st.sampled_from(["-", "−", "parentheses", "trailing"]),
    sign_after=st.booleans(),
)  # fmt: skip
def test_a_number_is_read_as_it_was_written(
    amounts, decimal, thousands, sign, negative, sign_after
):
    if thousands == decimal:
        thousands = ""
    written = []
    for amount in amounts:
        text = f"{abs(amount):,.2f}".translate({ord(","): thousands or None, ord("."): decimal})
        text = (f"{text} {sign}" if sign_after else f"{sign}{text}") if sign else text
        if amount < 0:
            text = {"parentheses": f"({text})", "trailing": f"{text}-"}.get(
                negative, f"{negative}{text}"
            )
        written.append(text)
    declared = {
        "decimal": decimal,
        "thousands": thousands or None,
        "currency_signs": (sign,) if sign else (),
        "negatives": ("parentheses", "trailing"),
    }
    assert [Decimal(found) for found in formed(written, **declared)] == amounts


# Times: cases 13 and 14 ------------------------------------------------------------------------


def test_day_first_dates_of_case_13():
    days = ["05/06/2024 10:00", "12/06/2024 10:00", "13/06/2024 10:00", "28/06/2024 10:00"]
    assert formed(days, "DateTime", dates="dmy") == [
        f"2024-06-{day} 10:00:00" for day in ("05", "12", "13", "28")
    ]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ({"dates": "dmy"}, {
            "01.05.2024 10:00": "2024-05-01 10:00:00", "1.5.24": "2024-05-01",
            "05-01-2024": "2024-01-05", "1. 5. 2024 9:05": "2024-05-01 09:05:00",
            "31/12/1999, 23:59:59.123": "1999-12-31 23:59:59.123",
            "1/2/70": "1970-02-01", "1/2/69": "2069-02-01", "29/02/2023": "29/02/2023",
            "2024-05-01 10:00": "2024-05-01 10:00", "13/13/2024": "13/13/2024",
            "1/5/2024 24:00": "1/5/2024 24:00", "1/5/2024 10:60": "1/5/2024 10:60",
            "1/5/2024 1:30 pm": "2024-05-01 13:30:00", "1/5/2024 12:00 a.m.": "2024-05-01 00:00:00",
            "1/5/2024 13:30 PM": "1/5/2024 13:30 PM", "1/5/2024 0:30 AM": "1/5/2024 0:30 AM",
            "01.05.2024T10:00:00Z": "2024-05-01 10:00:00+00:00",
            "01.05.2024 10:00:00 +0200": "2024-05-01 10:00:00+02:00",
            "01.05.2024 10:00:00.5 -05": "2024-05-01 10:00:00.5-05:00",
            "01.05.2024 10.30": "2024-05-01 10:30:00", "": "",
        }),
        ({"dates": "mdy"}, {
            "5/1/24": "2024-05-01", "05-01-2024": "2024-05-01",
            "5/1/2024  10:00": "2024-05-01 10:00:00", "13/1/2024": "13/1/2024",
        }),
        ({"dates": "ymd"}, {
            "24/5/1 9:05": "2024-05-01 09:05:00", "2024.05.01": "2024-05-01",
            "2024-05-01 10:00 AM": "2024-05-01 10:00:00", "20240501": "20240501",
        }),
        ({"datetime_formats": ("%d-%b-%y", "%d-%b-%Y", "%B %d, %Y %I:%M %p", "%Y%m%d")}, {
            "01-May-24": "2024-05-01", "01-MAY-2024": "2024-05-01",
            "May 1, 2024 10:00 PM": "2024-05-01 22:00:00", "20240501": "2024-05-01",
            "2024-05-01": "2024-05-01", "32-May-24": "32-May-24",
        }),
        ({"datetime_formats": ("%a, %d %b %Y %H:%M:%S %Z",)}, {
            "Wed, 01 May 2024 10:00:00 GMT": "2024-05-01 10:00:00+00:00",
        }),
        ({"datetime_formats": ("%d.%m.%Y %H:%M:%S %z",)}, {
            "01.05.2024 10:00:00 +0200": "2024-05-01 08:00:00+00:00",
        }),
        ({"datetime_formats": ("%d.%m.%Y %H:%M:%S.%f",)}, {
            "01.05.2024 10:00:00.125": "2024-05-01 10:00:00.125",
        }),
        ({"epoch": "seconds"}, {
            "1714557600": "2024-05-01 10:00:00+00:00", "0": "1970-01-01 00:00:00+00:00",
            "1714557600.25": "2024-05-01 10:00:00.25+00:00",
            "-0.5": "1969-12-31 23:59:59.5+00:00", "1e9": "1e9", "": "",
            "1714557600000": "1714557600000", "2024-05-01": "2024-05-01",
        }),
        ({"epoch": "milliseconds"}, {
            "1714557600000": "2024-05-01 10:00:00+00:00",
            "1714557600123": "2024-05-01 10:00:00.123+00:00",
            "1714557600123.75": "2024-05-01 10:00:00.12375+00:00",
        }),
        ({"timezone": "Europe/Berlin"}, {
            "2024-05-01 10:00": "2024-05-01 10:00:00+02:00",
            "2024-1-1T9:05:00.1234567": "2024-01-01 09:05:00.1234567+01:00",
            "2024/05/01 10:00": "2024-05-01 10:00:00+02:00",
            "05/01/2024 10:00": "2024-05-01 10:00:00+02:00",
            "2024-10-27 02:30:00": "2024-10-27 02:30:00+02:00",
            "2024-10-27 03:00:00": "2024-10-27 03:00:00+01:00",
            "2024-03-31 02:30:00": "2024-03-31 03:30:00+02:00",
            # A day has no offset, and a time that has one is kept.
            "2024-05-01": "2024-05-01", "2024-05-01 10:00:00Z": "2024-05-01 10:00:00Z",
            "2024-05-01 10:00 -0500": "2024-05-01 10:00 -0500",
            "2024-02-30 10:00": "2024-02-30 10:00",
            "1800-01-01 00:53:28": "1800-01-01 00:00:00+00:00",
        }),
        ({"timezone": "America/New_York", "dates": "dmy"}, {
            "01.05.2024 10:00": "2024-05-01 10:00:00-04:00", "01.05.2024": "2024-05-01",
            "01.05.2024 10:00 +02:00": "2024-05-01 10:00:00+02:00",
            "2024-05-01 10:00": "2024-05-01 10:00:00-04:00",
        }),
        ({
            "timezone": "Asia/Kolkata", "epoch": "seconds",
            "datetime_formats": ("%d-%b-%Y %H:%M",),
        }, {
            "01-May-2024 10:00": "2024-05-01 10:00:00+05:30",
            "1714557600": "2024-05-01 10:00:00+00:00",
        }),
    ],
)  # fmt: skip
def test_a_time_of_the_declared_form_becomes_iso(declared, values):
    assert formed([*values, None], "DateTime", **declared) == [*values.values(), None]


def test_two_digits_are_no_year_of_four():
    read_times = formed(
        ["01-May-24", "01-May-2024"], "DateTime", datetime_formats=("%d-%b-%Y", "%d-%b-%y")
    )
    assert read_times == ["2024-05-01", "2024-05-01"]


def test_only_the_columns_of_a_kind_have_its_forms():
    (row,) = read(
        Declaration(decimal=",", dates="dmy", epoch="seconds"),
        [{"OrderID": "1,5", "Status": "01.05.2024", "CustomerID": "1714557600", "Amount": "1,5"}],
    )
    assert (row["OrderID"], row["Status"], row["CustomerID"]) == ("1,5", "01.05.2024", "1714557600")
    assert row["Amount"] == "1.5"
    (row,) = read(Declaration(decimal=",", thousands="."), [{"PointsChange": "1.000"}], POINTS)
    assert row["PointsChange"] == "1000"


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ({}, "2024-05-01 10:00:00", "2024-05-01 10:00:00"),
        ({}, "2024-05-01T10:00:00.123Z", "2024-05-01 10:00:00.123"),
        ({}, "2024-05-01 10:00 -0500", "2024-05-01 15:00:00"),
        ({}, "2024/5/1 10:00 UTC", "2024-05-01 10:00:00"),
        ({}, "05/01/2024 10:00", "2024-05-01 10:00:00"),
        ({}, "2024-05-01", "2024-05-01 00:00:00"),
        ({}, "17", None),
        ({}, None, None),
        ({"timezone": "Europe/Berlin"}, "2024-05-01 10:00", "2024-05-01 08:00:00"),
        ({"dates": "dmy"}, "01.05.2024 10:00", "2024-05-01 10:00:00"),
        ({"epoch": "seconds"}, "1714557600", "2024-05-01 10:00:00"),
    ],
)
def test_the_moment_that_orders_rows(declared, text, expected):
    sql = moment(Declaration(**declared), "x")
    found = CONNECTION.execute(
        f"select cast({sql} as varchar) from (select $1::varchar as x)", [text]
    ).fetchall()
    assert found == [(expected,)]


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


@settings(max_examples=25, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(datetime(1971, 1, 1), datetime(2036, 12, 31)), min_size=1, max_size=50
    ),
    zone=st.sampled_from(ZONES),
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
)
def test_a_local_time_is_the_moment_that_python_finds(moments, zone, order):
    layout = {
        "dmy": "%d.%m.%Y %H:%M:%S.%f",
        "mdy": "%m/%d/%Y %H:%M:%S.%f",
        "ymd": "%Y/%m/%d %H:%M:%S.%f",
    }
    written = [moment.strftime(layout[order]) for moment in moments]
    found = formed(written, "DateTime", dates=order, timezone=zone)
    assert [datetime.fromisoformat(one).timestamp() for one in found] == [
        moment.replace(tzinfo=ZoneInfo(zone)).timestamp() for moment in moments
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("06/13/2024 1:05 PM", "2024-06-13 13:05:00+02:00"),
        ("6/13/2024 12:05am", "2024-06-13 00:05:00+02:00"),
        ("06/13/2024 13:05", "2024-06-13 13:05:00+02:00"),
        ("06/13/2024 13:05 PM", "06/13/2024 13:05 PM"),
    ],
)
def test_a_time_that_needs_no_declared_form_gets_the_offset_of_its_zone(written, expected):
    assert formed([written], "DateTime", timezone="Europe/Berlin") == [expected]


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_around_every_change_of_the_clock(zone):
    start = datetime(2023, 1, 1)
    times = [start + timedelta(minutes=15 * step) for step in range(4 * 24 * 366)]
    known = ZoneInfo(zone)
    offsets = [time.replace(tzinfo=known).utcoffset() for time in times]
    near = {
        time + timedelta(minutes=15 * step)
        for (time, offset), (_, following) in pairwise(zip(times, offsets, strict=True))
        if offset != following
        for step in range(-12, 13)
    } or {start}
    written = [f"{time:%Y-%m-%d %H:%M:%S}" for time in sorted(near)]
    for text, found in zip(written, formed(written, "DateTime", timezone=zone), strict=True):
        moment = datetime.fromisoformat(text).replace(tzinfo=known)
        assert datetime.fromisoformat(found).timestamp() == moment.timestamp(), text


@settings(max_examples=25, deadline=None)
@given(moments=st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), min_size=1))
def test_an_epoch_is_the_moment_that_python_finds(moments):
    written = [str(calendar.timegm(moment.timetuple())) for moment in moments]
    assert formed(written, "DateTime", epoch="seconds") == [
        moment.replace(microsecond=0).isoformat(sep=" ") + "+00:00" for moment in moments
    ]
