"""Examples computed by hand: the reference has to get them right before it judges anyone.

Here: the contract, single values, files, and the comparison itself. `test_reference_layers` has
what is made of them.
"""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml

from tests.support import reference_cleaning as cleaning
from tests.support.compare import assert_same, difference
from tests.support.reference import Batch, InputFile, Silver, silver
from tests.support.reference_contract import ENTITIES, entity_for_file, read_lists
from tests.support.reference_examples import OPTIONS, batch, given, silver_of
from tests.support.reference_files import file_as_of, land

PROJECT = Path(__file__).resolve().parents[2]
LARGEST = 9223372036854775807


def reasons(result: Silver) -> list[str]:
    return [row["reason"] for row in result.rejected]


# --- The contract ------------------------------------------------------------------------------


def test_bronze_columns_and_prefixes_are_those_of_the_dbt_sources() -> None:
    text = (PROJECT / "models" / "silver" / "_bronze__sources.yml").read_text(encoding="utf-8")
    tables = yaml.safe_load(text)["sources"][0]["tables"]
    declared = {
        table["name"]: (
            table["meta"]["file_prefix"],
            [c["name"] for c in table["columns"] if c["name"] != "_extra"],
        )
        for table in tables
    }
    stated = {
        name: (entity.file_prefix, [column.source for column in entity.columns])
        for name, entity in ENTITIES.items()
    }
    assert stated == declared


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Customers.csv", "customers"),
        ("customers_2026-11-23.CSV.gz", "customers"),
        ("Customers (1).txt", "customers"),
        ("customers2.zip", "customers"),
        ("CustomerServiceInteractions.csv", "customer_service_interactions"),
        ("LoyaltyTransactions-1.xlsx", "loyalty_transactions"),
        ("loyalty_transactions.jsonl", "loyalty_transactions"),
        ("online_transactions.parquet", "online_transactions"),
        ("Customers_golden.csv", "customers"),
        ("Customers_old.csv", None),
        ("Customers TEST 2.csv", None),
        ("CustomersBackup.csv", None),
        ("CustomerSegments.csv", None),
        ("ProductsReviews.csv", None),
        ("Customers.pdf", None),
        ("Suppliers.csv", None),
    ],
)
def test_a_file_belongs_to_an_entity_by_its_name(name: str, entity: str | None) -> None:
    found = entity_for_file(name)
    assert (found.name if found else None) == entity


def test_lists_are_read_from_the_seeds_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "order_statuses.csv").write_text("status,counts_as_revenue\nCancelled,false\n")
    (tmp_path / "other_words.csv").write_text(
        "column_name,other_word,canonical\nstatus,Voided,Cancelled\nstatus,CANCELLED,Returned\n"
    )
    (tmp_path / "exchange_rates.csv").write_text(
        "currency,valid_from,rate\nusd,,0.9\nUSD,2024-02-01,0.95\n"
    )
    lists = read_lists(tmp_path)
    assert lists.words("status") == {"voided": "Cancelled", "cancelled": "Cancelled"}
    assert lists.words("tier_level") == {}
    assert [(rate.currency, str(rate.rate)) for rate in lists.exchange_rates] == [
        ("USD", "0.9"),
        ("USD", "0.95"),
    ]


# --- Values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (" 7\u00a0", 7),
        ("+007", 7),
        ("-1", -1),
        ("-0", 0),
        (str(LARGEST), LARGEST),
        (str(LARGEST + 1), None),
        (str(-LARGEST - 1), -LARGEST - 1),
        ("0" * 5000 + "1", 1),
        ("9" * 5000, None),
        ("17850.0", 17850),
        ("-3.000", -3),
        ("'0042", 42),
        ("12.5", None),
        ("12.", None),
        (".0", None),
        ("1e3", None),
        ("6.00123E+11", None),
        ("1 2", None),
        ("'", None),
        ("''7", None),
        ("NaN", None),
        ("--1", None),
        ("+", None),
        ("٣", None),  # a digit, but not one of ours
        ("", None),
        (None, None),
    ],
)
def test_integers(raw: str | None, value: int | None) -> None:
    assert cleaning.integer(raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("12.345", "12.35"),
        ("-12.345", "-12.35"),
        ("12.3449999999999999999999999999999999", "12.34"),
        (".5", "0.50"),
        ("5.", "5.00"),
        ("+1", "1.00"),
        ("-0.004", "0.00"),
        ("'12.50", "12.50"),
        ("9999999999999999.994", "9999999999999999.99"),
        ("9999999999999999.995", None),
        ("-9999999999999999.995", None),
        ("9" * 200, None),
        (".", None),
        ("1e3", None),
        ("1,234.50", None),
        ("$5", None),
        ("NaN", None),
        (" ", None),
    ],
)
def test_amounts(raw: str, value: str | None) -> None:
    found = cleaning.amount(raw)
    assert (None if found is None else str(found)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("2024-01-02T03:04", "2024-01-02 03:04:00"),
        ("2024-01-02 03:04:05.999999999", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04Z", "2024-01-02 03:04:00"),
        ("2024-01-02T03:04:05+05:30", "2024-01-01 21:34:05"),
        ("2024-12-31 23:30:00.5-0100", "2025-01-01 00:30:00"),
        ("2024-01-02T00:00:00+23:59", "2024-01-01 00:01:00"),
        ("2024-01-02t03:04z", "2024-01-02 03:04:00"),
        ("2024-01-02T03:04 Z", "2024-01-02 03:04:00"),
        ("2024-01-02 03:04:05  UTC", "2024-01-02 03:04:05"),
        ("2024-01-02 03:04UTC", "2024-01-02 03:04:00"),
        ("2024-01-02T03:04+05", "2024-01-01 22:04:00"),
        ("2024-01-02 03:04:05 -0330", "2024-01-02 06:34:05"),
        ("2024-1-2", "2024-01-02 00:00:00"),
        ("2024/1/2  3:04", "2024-01-02 03:04:00"),
        ("2024-01-02T3:04:05." + "9" * 5000, "2024-01-02 03:04:05"),
        ("1/2/2024", "2024-01-02 00:00:00"),
        ("1/2/2024  3:04", "2024-01-02 03:04:00"),
        ("01/02/2024 3:04", "2024-01-02 03:04:00"),
        ("1/2/2024 12:00 AM", "2024-01-02 00:00:00"),
        ("1/2/2024 12:00:01pm", "2024-01-02 12:00:01"),
        ("1/2/2024 11:59 pM", "2024-01-02 23:59:00"),
        ("0001-01-01", "0001-01-01 00:00:00"),
        ("9999-12-31T23:59:59", "9999-12-31 23:59:59"),
        ("\t2024-01-02\r\n", "2024-01-02 00:00:00"),
        ("0000-01-01", None),
        ("0001-01-01T00:00+00:01", None),  # before year 1 in UTC
        ("9999-12-31T23:59-00:01", None),  # after year 9999 in UTC
        ("2023-02-29", None),
        ("2024-01/02", None),
        ("24-01-02", None),
        ("2024-01-02 10:00 AM", None),
        ("2024-01-02 3", None),
        ("2024-01-02T10:00[Europe/Berlin]", None),
        ("2024-01-02T24:00", None),
        ("2024-01-02T23:59:60", None),
        ("2024-01-02T03:04:05.", None),
        ("2024-01-02T03:04.5", None),
        ("2024-01-02T03:04+24:00", None),
        ("2024-01-02T03:04+05:60", None),
        ("2024-01-02Z", None),
        ("20240102", None),
        ("13/01/2024", None),
        ("1/2/24", None),
        ("1/2/2024 13:00 PM", None),
        ("1/2/2024 0:30 AM", None),
        ("1/2/2024 3 PM", None),
        ("1/2/2024 3:04Z", None),
        ("1/2/2024 3:04:05.5", None),
        ("", None),
    ],
)
def test_times(raw: str, value: str | None) -> None:
    assert cleaning.time(raw) == (datetime.fromisoformat(value) if value else None)


def test_text_is_trimmed_spelled_canonically_and_cut_in_characters() -> None:
    words = {"credit card": "Credit Card", "paid by card": "Credit Card"}
    assert cleaning.text(" \t\u00a0Łódź\r\n", 3) == "Łód"
    assert cleaning.text("New York", 4) == "New"  # trimmed again
    assert cleaning.text("\u00a0 ", 3) is None
    assert cleaning.text(" cRedit caRD", 50, words) == "Credit Card"
    assert cleaning.text("PAID by card", 11, words) == "Credit Card"
    assert cleaning.text("Barter", 4, words) == "Bart"


@pytest.mark.parametrize("word", [" NULL", "null", r"\N", "N/A", "n/a", "#N/A", "NaN", "none"])
def test_words_for_null_are_blank(word: str) -> None:
    assert cleaning.text(word, 50) is None
    assert cleaning.text_key(word) is None


@pytest.mark.parametrize("word", ["-", "<null>", "Null", "NONE", "N/a", "nan."])
def test_other_words_are_text(word: str) -> None:
    assert cleaning.text(word, 50) == word


def test_keys_of_text_are_trimmed_and_have_64_characters_at_most() -> None:
    assert cleaning.text_key(" CG-12520\t") == "CG-12520"
    assert cleaning.text_key("0017.0") == "0017.0"
    assert cleaning.text_key("ż" * 64) == "ż" * 64
    assert cleaning.text_key("x" * 65) is None
    assert cleaning.text_key(" ") is None


@pytest.mark.parametrize(
    ("zone", "raw", "value"),
    [
        ("America/Chicago", "2024-05-04T01:00Z", "2024-05-03 20:00:00"),  # Friday evening
        ("America/Chicago", "2024-05-04 01:00", "2024-05-04 01:00:00"),  # the shop's clock
        ("Europe/Berlin", "2024-10-27T00:30Z", "2024-10-27 02:30:00"),  # the hour that comes
        ("Europe/Berlin", "2024-10-27T01:30Z", "2024-10-27 02:30:00"),  # twice
        ("Europe/Berlin", "2024-03-31T00:59:59Z", "2024-03-31 01:59:59"),
        ("Europe/Berlin", "2024-03-31T01:00Z", "2024-03-31 03:00:00"),  # two o'clock is missing
        ("Europe/Berlin", "2024-03-31 02:30", "2024-03-31 02:30:00"),  # and stays as it is written
        ("Asia/Kathmandu", "2024-01-01 00:00+05:45", "2024-01-01 00:00:00"),
        ("Pacific/Auckland", "12/31/2024 11:00 PM", "2024-12-31 23:00:00"),
        ("Pacific/Auckland", "9999-12-31T23:00Z", None),
    ],
)
def test_times_are_those_of_the_business(zone: str, raw: str, value: str | None) -> None:
    expected = datetime.fromisoformat(value) if value else None
    assert cleaning.time(raw, ZoneInfo(zone)) == expected


def test_a_moment_has_its_whole_fraction() -> None:
    half = cleaning.moment("2024-01-02 03:04:05.5")
    assert half == cleaning.moment("2024-01-02T03:04:05.500000000000")
    assert half != cleaning.moment("2024-01-02 03:04:05.5000000000001")
    assert half != cleaning.moment("2024-01-02 03:04:05")


# --- The structure of files --------------------------------------------------------------------


def test_lines_that_cannot_be_placed_are_set_aside_one_at_a_time(tmp_path: Path) -> None:
    result = silver_of(
        tmp_path,
        customers="\n".join(
            [
                '1,"Ann, ""the"" A",a@x,"1 High St',  # with line 3
                'Leeds"',
                "2,Bob,b@x",  # too few
                "",
                "3,Cy,c@x,5 Low St,extra",  # too many
                '4,"Di,d@x,6 Low St',  # unclosed: closes before Ed, where text follows
                '5,"Ed",e@x,5" pipe lane',
                '6,Flo,f@x,"6 Low St" rear',  # text after a closing quote
                "7,Gus,g@x,7 Low\rSt",  # a bare CR
                "8,Hal,h@x,8 Low St\r",  # CRLF
                '9,"Ida,i@x,9 Low St',  # never closed
                "10,Jo,j@x,10 Low St",
            ]
        ),
    )
    rows = result.tables["customers"]
    assert [row["customer_id"] for row in rows] == [1, 5, 8, 10]
    assert rows[0]["customer_name"] == 'Ann, "the" A'
    assert rows[0]["address"] == "1 High St\nLeeds"
    assert rows[1]["address"] == '5" pipe lane'
    assert set(reasons(result)) == {"malformed_line"}
    assert [row["raw_row"]["number"] for row in result.rejected] == [4, 6, 7, 9, 10, 12]
    assert result.rejected[0]["raw_row"]["text"] == "2,Bob,b@x"
    assert result.reconciliation[0] == {
        "entity": "customers",
        "bronze_rows": 10,
        "rejected_rows": 6,
        "superseded_rows": 0,
        "silver_rows": 4,
    }


def test_a_record_longer_than_a_mebibyte_is_set_aside(tmp_path: Path) -> None:
    longest = "x" * (1024 * 1024 - len("1,,,"))
    result = silver_of(tmp_path, customers=f"1,{longest},,\n2,{longest}x,,\n3,C,,\n")
    assert [row["customer_id"] for row in result.tables["customers"]] == [1, 3]
    assert reasons(result) == ["malformed_line"]


def read_customers(tmp_path: Path, content: str | bytes, name: str = "Customers.csv") -> list[Any]:
    """Return the rows of a file of customers: id, name, email, address."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    landed, _ = land([Batch("b1", [InputFile(path)])])
    return [list(row.values()) for file in landed for row in file.rows]


ANN = [["1", "Ann", "a@x", "Leeds"]]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffaddress,EMAIL,Loyal,name,customerid\r\nLeeds,a@x,yes,Ann,1\r\n",
        "Customer ID;Full;E-mail;NAME;_Address\n1;x;a@x;Ann;Leeds",
        "sep=|\nCustomerID|Name|Email|Address\n1|Ann|a@x|Leeds\n",
        "\n\nCustomerID\tName\tEmail\tAddress\r\r1\tAnn\ta@x\tLeeds\r",
        "CustomerID,Name,Email,Address\nCustomerID,Name,Email,Address\n1,Ann,a@x,Leeds,\n",
        "CustomerID,x,x,Name,Email,Address\n1,,,Ann,a@x,Leeds\n",
        'CustomerID,Name,Email,Address\n="1","=""Ann""",\u200e a@x\ufeff,\u200bLeeds\n',
        "CustomerID,Name,Email,Address\n1,Ann,a@x,Leeds\n".encode("utf-16"),
    ],
)
def test_a_file_is_read_whatever_its_dialect(tmp_path: Path, content: str | bytes) -> None:
    assert read_customers(tmp_path, content) == ANN


def test_a_file_is_read_out_of_gzip_and_zip(tmp_path: Path) -> None:
    content = b"CustomerID,Name,Email,Address\n1,Ann,a@x,Leeds\n"
    twice = gzip.compress(content[:40]) + gzip.compress(content[40:]) + bytes(8)
    assert read_customers(tmp_path, twice, "Customers.csv.gz") == ANN
    with zipfile.ZipFile(tmp_path / "Customers.zip", "w") as packed:
        packed.writestr("export/c.csv", content)
    assert (
        read_customers(tmp_path, (tmp_path / "Customers.zip").read_bytes(), "Customers.zip") == ANN
    )


def test_text_is_composed_and_blanks_stay(tmp_path: Path) -> None:
    content = "CustomerID,Name,Email,Address\n 1 ,Jose\u0301,a\u200bx,\n"
    assert read_customers(tmp_path, content) == [[" 1 ", "José", "a\u200bx", ""]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        "CustomerID,Name,Email,Address\n1,A,,\n".encode("utf-16-le"),
        b"CustomerID,Name,Email\n1,A,\n",
        b"CustomerID,Name,Email,Address,NAME\n1,A,,,B\n",
        b"CustomerID,Name,Email,Address\n1,\xff,,\n",
        b"Customers\n\nCustomerID,Name,Email,Address\n1,A,,\n",
        b"\xef\xbb\xbf\n",
    ],
)
def test_a_file_that_breaks_its_contract_does_not_land(tmp_path: Path, content: bytes) -> None:
    result = silver_of(tmp_path, customers=content)
    assert len(result.quarantined) == 1
    assert result.reconciliation[0]["bronze_rows"] == 0


def test_a_nul_byte_and_a_surplus_field_in_some_rows_cost_their_lines(tmp_path: Path) -> None:
    result = silver_of(tmp_path, customers="1,A\0,,\n2,B,,,\n3,C,,\n")
    assert [row["customer_id"] for row in result.tables["customers"]] == [3]
    assert reasons(result) == ["malformed_line"] * 2


def test_what_the_newest_landing_has_does_not_land_again(tmp_path: Path) -> None:
    texts = ["1,A,,\n", "1,A,,\n", "1,B,,\n", "1,A,,\n"]
    batches = [batch(tmp_path, f"b{n}", customers=text) for n, text in enumerate(texts)]
    landed, _ = land(batches)
    assert [file.batch_id for file in landed] == ["b0", "b2", "b3"]
    [copy] = batches[3].files
    renamed = Batch("b4", [InputFile(copy.path, source_file="Customers_copy.csv")])
    assert len(land([*batches, renamed])[0]) == 3
    assert len(land([*batches[:3], renamed])[0]) == 3  # older bytes under another name


NOON = datetime(2026, 11, 23, 12)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Customers_2026-11-20.csv", "2026-11-20"),
        ("Customers20261120.csv", "2026-11-20"),
        ("Customers_2024-02.csv", "2024-02-29"),
        ("Customers_2025-12.csv", "2025-12-31"),
    ],
)
def test_a_files_rows_hold_from_the_end_of_the_day_in_its_name(
    tmp_path: Path, name: str, day: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    found = file_as_of(tmp_path / name, NOON, None)
    assert str(found) == f"{day} 23:59:59.999999"


def test_a_files_rows_hold_from_its_arrival_or_its_last_change(tmp_path: Path) -> None:
    today, plain = tmp_path / "Customers_2026-11.csv", tmp_path / "Customers_20261301.csv"
    for path in (today, plain):
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    assert file_as_of(today, NOON, None) == NOON
    assert file_as_of(plain, NOON, None) == datetime(1970, 1, 1)
    assert file_as_of(plain, NOON, datetime(2000, 1, 1)) == datetime(2000, 1, 1)


def test_api_records_keep_their_numbers_as_written(tmp_path: Path) -> None:
    path = tmp_path / "online-transactions-00001.jsonl"
    record = '{"OrderID": 5.0, "customer_id": null, "DateTime": "2024-01-02T03:04:05Z", '
    path.write_text(
        record + '"Amount": 1.005, "Status": "completed", "UpdatedAt": "2024-01-03T00:00+01:00"}\n'
        '{"OrderID": {}}\n{"OrderID": 7, "DateTime": "2024-01-02", "Amount": 1e3}\n',
        encoding="utf-8",
    )
    result = silver([Batch("b1", [InputFile(path, "online_transactions")])], OPTIONS)
    assert result.tables["online_transactions"] == [
        {
            "order_id": 5,
            "customer_id": None,
            "product_id": None,
            "ordered_at": datetime(2024, 1, 2, 3, 4, 5),
            "payment_method": "Unknown",
            "amount": Decimal("1.01"),
            "status": "Completed",
            "line_number": 1,
            "source_amount": Decimal("1.01"),
            "source_currency": None,
            "_as_of": datetime(2024, 1, 2, 23),
            "_source_file": path.name,
            "_batch_id": "b1",
        }
    ]
    assert reasons(result) == ["invalid_key", "invalid_amount"]


def test_a_row_holds_from_what_it_says_itself(tmp_path: Path) -> None:
    path = tmp_path / "Customers_2024-01-05.csv"
    path.write_text(
        "CustomerID,Name,Email,Address,updated at\n"
        "1,A,,,2024-01-09 12:00+02:00\n2,B,,,1/7/2024\n3,C,,,yesterday\n4,D,,,\n"
        "5,E,,,2024-01-09 12:00:00.1234567\n"
    )
    arrived = Batch("20240110T000000Z-a", [InputFile(path)])
    landed, _ = land([arrived], given(order_by={"customers": "Updated_At"}))
    assert [str(as_of) for as_of in landed[0].rows_as_of] == [
        "2024-01-09 10:00:00",
        "2024-01-07 00:00:00",
        "2024-01-05 23:59:59.999999",
        "2024-01-05 23:59:59.999999",
        "2024-01-09 12:00:00.123456",
    ]
    assert str(landed[0].as_of) == "2024-01-05 23:59:59.999999"


def test_files_are_in_the_order_of_their_names_before_the_pulls(tmp_path: Path) -> None:
    names = ["customers.jsonl", "Customers_b.csv", "Customers_a.csv"]
    for name in names:
        (tmp_path / name).touch()
    files = [
        InputFile(tmp_path / names[0], "customers"),
        *map(InputFile, map(tmp_path.joinpath, names[1:])),
    ]
    assert [file.path.name for file in Batch("b1", files).in_order] == names[::-1]


@pytest.mark.parametrize(
    ("declared", "currencies"),
    [
        ({}, ["usd", ""]),  # a column of that name
        ({"currencies": {"online_transactions": "EUR"}}, ["EUR", "EUR"]),
        ({"currency_columns": {"online_transactions": "paid in"}}, ["JPY", "CHF"]),
    ],
)
def test_a_currency_is_the_declared_one_or_that_of_its_column(
    tmp_path: Path, declared: dict[str, Any], currencies: list[str]
) -> None:
    path = tmp_path / "OnlineTransactions.csv"
    path.write_text(
        "Currency,OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Paid In\n"
        "usd,1,,,2024-01-01,,1,,JPY\n,2,,,2024-01-01,,1,,CHF\n"
    )
    landed, _ = land([Batch("b1", [InputFile(path)])], given(**declared))
    assert [row["Currency"] for row in landed[0].rows] == currencies


# --- The comparison ----------------------------------------------------------------------------


def test_comparison_ignores_order_and_the_types_of_numbers() -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table t as select * from (values (2, 0.5::double, timestamp '2024-01-01'), "
        "(1, null, null)) as v (id, share, seen)"
    )
    expected: list[dict[str, Any]] = [
        {"id": 1, "share": None, "seen": None},
        {"id": 2, "share": Decimal("0.500"), "seen": datetime(2024, 1, 1)},
    ]
    assert_same(connection, "t", expected, ["id", "share", "seen"], ["id"])
    with pytest.raises(AssertionError, match=r"(?s)t differs .*1 missing:\n  id=3"):
        assert_same(connection, "t", [*expected, {**expected[0], "id": 3}], ["id", "share"], ["id"])


def test_comparison_says_what_differs() -> None:
    expected = [{"id": 1, "x": "a"}, {"id": 2, "x": "b"}, {"id": 2, "x": "b"}]
    actual = [{"id": 1, "x": "z"}, {"id": 2, "x": "b"}, {"id": 4, "x": "d"}]
    assert difference(actual, expected, ["id", "x"], ["id"]) == "\n".join(
        [
            "expected 3 rows, found 3",
            "1 missing:",
            "  id=2, x='b'",
            "1 extra:",
            "  id=4, x='d'",
            "1 differing:",
            "  id=1: x: expected 'a', found 'z'",
        ]
    )
    assert difference(expected, expected, ["id", "x"], ["id"]) is None


def test_a_rejected_row_can_be_written_as_json(tmp_path: Path) -> None:
    result = silver_of(tmp_path, customers="x,Ann,,\n")
    raw = result.rejected[0]["raw_row"]
    assert json.dumps(raw) == '{"CustomerID": "x", "Name": "Ann", "Email": "", "Address": ""}'
