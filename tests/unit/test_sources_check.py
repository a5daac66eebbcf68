"""`c360 sources`: what it tells of files is what landing does, and what it suggests helps."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from flows import cli
from ingest import readers
from ingest.check import FileCheck, agreed, check_folder
from ingest.declarations import Declarations, load_declarations
from ingest.likeness import likely_columns
from ingest.sources_file import SCHEMA
from ingest.starting import sources_text, starting_text
from ingest.suggestions import Suggestion
from ingest.written import Written
from tests.support import reference_cleaning
from tests.support.reading import CONTRACT

ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"
CUSTOMERS = "CustomerID,Name,Email,Address\n1,Ann,ann@example.com,1 Main St\n"
PRODUCTS = "ProductID,Name,Category,Price\n"
DOCS = Path(__file__).parents[2] / "docs" / "sources.md"


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    """Do not wait for the disk: nobody pulls the plug here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.delenv("C360_SOURCES", raising=False)
        yield


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def declared(folder: Path, text: str) -> Declarations:
    path = folder.with_name(f"{folder.name}-sources.yml")
    path.write_text(text, encoding="utf-8")
    return load_declarations(path, CONTRACT)


def checked(folder: Path, sources: str = "{}") -> list[FileCheck]:
    return list(check_folder(folder, CONTRACT, declared(folder, sources)))


def order(
    number: object, when: str = "2024-05-01", amount: str = "10.00", product: object = 10
) -> str:
    return f'{number},1,{product},"{when}",Cash,"{amount}",Completed\n'


def orders(whens: list[str] | None = None, amounts: list[str] | None = None) -> str:
    count = len(whens or amounts or [])
    rows = zip(whens or ["2024-05-01"] * count, amounts or ["1"] * count, strict=True)
    return ORDERS + "".join(order(n, *row) for n, row in enumerate(rows, 1))


# What is suggested helps: with it declared, nothing is refused, unread or unclear any more

SURE: dict[str, tuple[str | bytes, dict[str, object]]] = {
    "day first": (orders(["28/05/2024 10:00", "05/06/2024 11:00", "30/05/2024"]), {"dates": "dmy"}),
    "day first, points": (orders(["28.05.2024", "05.06.2024", "31.05.2024"]), {"dates": "dmy"}),
    "two digits of the year": (orders(["05/31/24", "06/05/24"]), {"dates": "mdy"}),
    "year first": (orders(["2024.05.31", "2024.06.05"]), {"dates": "ymd"}),
    "seconds": (orders(["1717149600", "1717149601"]), {"epoch": "seconds"}),
    "milliseconds": (orders(["1717149600000"]), {"epoch": "milliseconds"}),
    "names of months": (
        orders(["28-May-2024", "5-Jun-2024"]),
        {"datetime_formats": ["%d-%b-%Y"]},
    ),
    "two formats": (
        orders(["28-May-2024", "May 5, 2024 10:15 AM", "29-May-2024"]),
        {"datetime_formats": ["%d-%b-%Y", "%b %d, %Y %I:%M %p"]},
    ),
    "years of two and of four digits": (
        orders(["28-May-2024", "29-May-2024", "5-Jun-24"]),
        {"datetime_formats": ["%d-%b-%y", "%d-%b-%Y"]},
    ),
    "decimal comma": (orders(amounts=["10,50", "1,5", "7"]), {"decimal": ","}),
    "thousands": (orders(amounts=["1,234.50", "12.50"]), {"thousands": ","}),
    "decimal comma and thousands": (
        orders(amounts=["1.234,50", "12,50", "1.000"]),
        {"decimal": ",", "thousands": "."},
    ),
    "currency signs": (orders(amounts=["$12.50", "$7", "3"]), {"currency_signs": ["$"]}),
    "a code after the amount": (
        orders(amounts=["12,50 EUR", "7,00 EUR"]),
        {"decimal": ",", "currency_signs": ["EUR"]},
    ),
    "parentheses": (orders(amounts=["(12.50)", "12.50"]), {"negatives": ["parentheses"]}),
    "minus at the end": (orders(amounts=["12.50-", "12.50"]), {"negatives": ["trailing"]}),
    "semicolons with decimal commas": (
        orders(amounts=["12;50", "7;00"]).replace(",", "|").replace(";", ",").replace("|", ";"),
        {"decimal": ","},
    ),
    "title lines": ("Orders of May\nby,shop\n" + orders(["2024-05-01"]), {"skip_lines": 2}),
    "cp1252": (
        (ORDERS + order("1").replace("Cash", "Überweisung")).encode("cp1252"),
        {"encoding": "cp1252"},
    ),
    "utf-16 without its mark": (
        orders(["2024-05-01"]).encode("utf-16-le"),
        {"encoding": "utf-16-le"},
    ),
    "a sign of its own between columns": (
        orders(["2024-05-28"]).replace(",", "~"),
        {"delimiter": "~"},
    ),
    "a code with a point": (
        orders(amounts=["Rs. 12.50", "7.00"]),
        {"currency_signs": ["Rs."]},
    ),
    "dates of which only some show that the month is first": (
        orders(["05/16/2024", "05-06-2024", "07-08-2024"]),
        {"dates": "mdy"},
    ),
    "other headers": (
        orders(["2024-05-01"]).replace("OrderID", "Order No").replace("Amount", "Total"),
        {"columns": {"OrderID": "Order No", "Amount": "Total"}},
    ),
    "date and time apart": (
        "OrderID,CustomerID,ProductID,Date,Time,PaymentMethod,Amount,Status\n"
        "1,1,10,2024-05-28,10:15,Cash,10.00,Completed\n",
        {"columns": {"DateTime": ["Date", "Time"]}},
    ),
    "text keys": (ORDERS + "".join(order(f"A-{n}") for n in range(9)), {"keys": "text"}),
    "other headers below title lines": (
        "Orders of May\n" + orders(["28.05.2024"]).replace("OrderID", "Order No"),
        {"skip_lines": 1, "columns": {"OrderID": "Order No"}, "dates": "dmy"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SURE)
def test_what_is_sure_settles_it(kind: str, tmp_path: Path) -> None:
    content, keys = SURE[kind]
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    (check,) = before = checked(folder)
    assert check.read
    assert check.is_refused or check.read.unsettled
    found = agreed(before, declared(folder, "{}"))
    text = sources_text(found)
    assert yaml.safe_load(text) == {"files": {"online_transactions": keys}}
    (after,) = checked(folder, text)
    assert not after.is_refused
    assert after.read
    assert after.read.unsettled == 0
    assert after.suggestions == []
    assert check.settled
    assert not any(str(row["DateTime"]).startswith("0") for row in after.read.rows)
    assert after.read.rows == check.settled.rows


REPEATS = ORDERS + "".join(order(n, product=p) for p in (10, 11) for n in range(20))
CURRENCIES = ORDERS.replace("\n", ",Currency\n") + (
    order(1).replace("\n", ",EUR\n") + order(2).replace("\n", ",USD\n")
)
DOUBTFUL: dict[str, tuple[str | bytes, list[dict[str, object]], str]] = {
    "years of two digits": (
        orders(["24/05/28", "24/05/29"]),
        [{"dates": "dmy"}, {"dates": "ymd"}],
        "only you know",
    ),
    "repeats": (REPEATS, [{"rows": "one"}, {"rows": "lines"}], "only you know"),
    "currencies": (CURRENCIES, [{"currency": {"column": "Currency"}}], "seed exchange_rates"),
    "dates of either order": (
        orders(["05/06/2024"]),
        [{"dates": "mdy"}, {"dates": "dmy"}],
        "only you know",
    ),
    "dates of either order, points": (
        orders(["05.06.2024"]),
        [{"dates": "dmy"}, {"dates": "mdy"}],
        "only you know",
    ),
    "thousands or decimals": (
        orders(amounts=["1,234"]),
        [{"thousands": ","}, {"decimal": ","}],
        "only you know",
    ),
    "points that may be between thousands": (
        orders(amounts=["1.234", "900"]).replace(",", ";"),
        [{"decimal": ",", "thousands": "."}, {"decimal": "."}],
        "only you know",
    ),
    "another alphabet": (
        (ORDERS + order(1).replace("Cash", "Наличные")).encode("cp1251"),
        [{"encoding": each} for each in ("cp1251", "gb18030", "cp1252")],
        "letters are right",
    ),
    "headers that look alike": (
        orders(["2024-05-01"]).replace("Status", "States"),
        [{"columns": {"Status": "States"}}],
        "only you know",
    ),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_is_doubtful_is_a_comment_and_settles_it_once_chosen(
    kind: str, tmp_path: Path
) -> None:
    content, options, doubt = DOUBTFUL[kind]
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    found = agreed(checked(folder), declared(folder, "{}"))
    assert [each.keys for each in found] == options
    assert doubt in found[0].doubt
    text = sources_text(found)
    assert yaml.safe_load(text) == {"files": {"online_transactions": None}}
    assert " ".join(doubt.split()) in " ".join(text.replace("#", " ").split())
    for keys in options:
        (after,) = checked(folder, yaml.safe_dump({"files": {"online_transactions": keys}}))
        assert not after.is_refused
        assert after.read
        assert after.read.unsettled == 0
        assert after.suggestions == []


def test_what_leaves_many_values_unread_is_doubtful(tmp_path: Path) -> None:
    content = orders(amounts=["$1", "$2", "one", "two"])
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    (check,) = checked(folder)
    (found,) = check.suggestions
    assert found.keys == {"currency_signs": ["$"]}
    assert "2 of 4" in found.doubt


def test_removing_one_comment_sign_declares_what_stands_behind_it(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": REPEATS})
    text = sources_text(agreed(checked(folder), declared(folder, "{}")))
    chosen = text.replace("# rows: lines", "rows: lines")
    assert yaml.safe_load(chosen) == {"files": {"online_transactions": {"rows": "lines"}}}


def test_what_excludes_each_other_is_told_apart(tmp_path: Path) -> None:
    content, _, _ = DOUBTFUL["points that may be between thousands"]
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    text = sources_text(agreed(checked(folder), declared(folder, "{}")))
    assert "    # decimal: ','\n    # thousands: .\n    # or\n    # decimal: .\n" in text


def test_sql_of_several_lines_is_written_as_by_hand() -> None:
    keys = {"expressions": {"Manager": "case\n    when a <> '' then a\n    else b\nend"}}
    text = sources_text([Suggestion("stores", keys, "it is so")])
    assert "      Manager: |-\n        case\n            when a <> '' then a\n" in text
    assert yaml.safe_load(text) == {"files": {"stores": keys}}


def test_what_is_in_order_needs_nothing(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "in",
        {
            "Customers.csv": CUSTOMERS,
            "sub/Products.csv.gz": gzip.compress((PRODUCTS + "1,Mug,Home,3.50\n").encode()),
            "OnlineTransactions.csv": orders(
                ["2024-05-28", "2024-05-28T10:00:00Z", "05/28/2024 1:00 PM"], ["1", "-2.50", ".5"]
            ),
        },
    )
    checks = checked(folder)
    assert [each.source for each in checks] == [
        "Customers.csv",
        "OnlineTransactions.csv",
        "sub/Products.csv.gz",
    ]
    assert agreed(checks, declared(folder, "{}")) == []
    read = checks[1].read
    assert read
    assert read.times["DateTime"].counts == {"ISO": 1, "ISO with an offset": 1, "month first": 1}
    assert read.numbers["Amount"].counts == {"plain": 3}
    assert [row["Amount"] for row in read.rows] == ["1", "-2.50", ".5"]


def test_refused_files_that_nothing_settles_have_no_suggestion(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "in",
        {"Customers.csv": "<!doctype html><html>", "Stores.xlsx": "no workbook", "Agents.csv": ""},
    )
    for check in checked(folder):
        assert check.is_refused
        assert check.suggestions == []


def test_a_file_that_no_reader_expects_is_told_of_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"StoreID": [1], "Location": ["a"]}), content)
    # The name of a column is no text any more.
    folder = put(
        tmp_path / "in",
        {"Stores.parquet": content.getvalue().replace(b"StoreID", b"Store\xff\xfe")},
    )
    (found,) = checked(folder)
    assert found.read
    assert "it isn't a readable Parquet file" in found.read.refusal
    monkeypatch.setattr(readers, "read_parquet", lambda *_: 1 / 0)
    (found,) = checked(folder)
    assert found.read
    assert "division by zero" in found.read.refusal


def test_an_expression_over_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "in", {"Products.csv": PRODUCTS + "1,Mug,Home,1\n", "Customers.csv": CUSTOMERS}
    )
    said = "files: {products: {expressions: {Price: Cost * 2}}}"
    customers, products = checked(folder, said)
    assert not customers.is_refused
    assert products.read
    assert "Cost" in products.read.refusal


def test_a_likely_header_is_told_though_another_column_is_missing(tmp_path: Path) -> None:
    content = orders(["2024-05-01"]).replace("OrderID", "Order No").replace("Amount", "Betrag")
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    (check,) = checked(folder)
    (found,) = check.suggestions
    assert found.keys == {"columns": {"OrderID": "Order No"}}
    assert "Amount" in found.doubt
    assert check.header
    assert check.header.extra == ["Order No", "Betrag"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Customers_old.csv", "old"),
        ("Customers.docx", ".csv"),
        ("CustomerSegments.csv", "begin"),
    ],
)
def test_why_a_file_is_left_alone(name: str, why: str, tmp_path: Path) -> None:
    (check,) = checked(put(tmp_path / "in", {name: "CustomerID,Segment\n1,A\n"}))
    assert check.entity is None
    assert why in check.left_alone
    assert check.suggestions == []


def test_a_file_of_another_name_is_known_by_its_columns(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"shop_2024-05.csv": orders(["28.05.2024"])})
    (found,) = agreed(checked(folder), declared(folder, "{}"))
    assert found.entity == "online_transactions"
    assert found.keys == {"files": ["shop_*.csv"], "dates": "dmy"}
    assert found.doubt
    (after,) = checked(folder, yaml.safe_dump({"files": {found.entity: found.keys}}))
    assert after.entity == CONTRACT["online_transactions"]
    assert after.suggestions == []


def test_many_files_of_one_entity_are_named_together(tmp_path: Path) -> None:
    names = [f"2024-{month:02d}/sales_{month:02d}a.csv" for month in range(1, 6)]
    folder = put(tmp_path / "in", dict.fromkeys(names, orders(["2024-05-01"])))
    (found,) = agreed(checked(folder), declared(folder, "{}"))
    assert found.keys == {"files": ["sales_*a.csv"]}
    assert "2024-01/sales_01a.csv and 4 more" in found.reason
    after = checked(folder, yaml.safe_dump({"files": {found.entity: found.keys}}))
    assert [each.entity for each in after] == [CONTRACT["online_transactions"]] * 5


def test_names_that_differ_in_their_numbers_only_are_told_apart(tmp_path: Path) -> None:
    files = {"export_1.csv": CUSTOMERS, "export_[2].csv": orders(["2024-05-01"])}
    folder = put(tmp_path / "in", files)
    found = agreed(checked(folder), declared(folder, "{}"))
    assert {each.entity: each.keys["files"] for each in found} == {
        "customers": ["export_1.csv"],
        "online_transactions": ["export_[*].csv"],
    }
    said = yaml.safe_dump({"files": {each.entity: each.keys for each in found}})
    assert {c.source: c.entity.name for c in checked(folder, said) if c.entity} == {
        "export_1.csv": "customers",
        "export_[2].csv": "online_transactions",
    }


def test_fields_of_records_in_records_are_found(tmp_path: Path) -> None:
    record = '{"store": {"id": 3, "city": "Oslo"}, "Location": "a", "Manager": "b", "Hours": "9"}'
    folder = put(tmp_path / "in", {"Stores.jsonl": record})
    (found,) = agreed(checked(folder), declared(folder, "{}"))
    assert found.keys == {"columns": {"StoreID": "store.id", "OpenHours": "Hours"}}
    (after,) = checked(folder, yaml.safe_dump({"files": {found.entity: found.keys}}))
    assert after.read
    assert [row["StoreID"] for row in after.read.rows] == ["3"]


def test_likely_headers_are_found_below_title_lines_even_when_one_is_missing(
    tmp_path: Path,
) -> None:
    content = "All clients;;;\n;;;\nCustomer No;Full Name;Email;Street\n1;Ann;a@x;Main St\n"
    folder = put(tmp_path / "in", {"Customers.csv": content})
    (found,) = agreed(checked(folder), declared(folder, "{}"))
    assert found.keys["skip_lines"] == 2
    assert found.keys["columns"]["CustomerID"] == "Customer No"
    assert "Address" in found.doubt


def test_a_preset_is_named_where_it_fits(tmp_path: Path) -> None:
    header = "order_id,status,date,customer_id,payment_method,item_sku,item_total,item_refunded\n"
    row = "1,completed,2024-05-01 10:00:00,7,bacs,MUG,10.00,0\n"
    folder = put(tmp_path / "in", {"orders-export-2024.csv": header + row})
    (found,) = agreed(checked(folder), declared(folder, "{}"))
    assert "ingest/presets/woocommerce.yml" in found.reason
    (after,) = checked(folder, yaml.safe_dump({"files": {found.entity: found.keys}}))
    assert after.suggestions == []


def test_what_would_harm_another_file_of_the_entity_is_doubtful(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "in",
        {
            "OnlineTransactions_1.csv": orders(["28/05/2024", "29/05/2024"]),
            "OnlineTransactions_2.csv": orders(["05/28/2024", "05/29/2024"]),
            "Products_1.csv": (PRODUCTS + "1,Café,Food,1\n").encode("cp1252"),
            "Products_2.csv": PRODUCTS + "2,Café,Food,1\n",
            "Products_3.csv": PRODUCTS + "3,Tea,Food,1\n",
        },
    )
    found = agreed(checked(folder), declared(folder, "{}"))
    assert [each.keys for each in found] == [{"dates": "dmy"}, {"encoding": "cp1252"}]
    assert "OnlineTransactions_2.csv" in found[0].doubt
    assert "Products_2.csv" in found[1].doubt


def test_many_files_of_one_form_are_told_of_together_and_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"OnlineTransactions_{number}.csv" for number in range(4)]
    files = {name: orders(amounts=[f"{place},50"]) for place, name in enumerate(names)}
    checks = checked(put(tmp_path / "in", {**files, "Products.csv": PRODUCTS}))
    monkeypatch.setattr("ingest.check.FileReader", None)
    (found,) = agreed(checks, declared(tmp_path / "in", "{}"))
    assert (found.keys, found.doubt) == ({"decimal": ","}, "")


def test_signs_of_two_files_are_declared_together(tmp_path: Path) -> None:
    files = {
        "OnlineTransactions_1.csv": orders(amounts=["$1.50"]),
        "OnlineTransactions_2.csv": orders(amounts=["€ 1.50"]),
    }
    folder = put(tmp_path / "in", files)
    found = agreed(checked(folder), declared(folder, "{}"))
    said = yaml.safe_load(sources_text(found))
    assert said == {"files": {"online_transactions": {"currency_signs": ["$", "€"]}}}
    for after in checked(folder, yaml.safe_dump(said)):
        assert after.suggestions == []


def test_that_currencies_would_be_added_up_stands_beside_their_signs(tmp_path: Path) -> None:
    told = "added up, nothing is converted"
    for amounts, is_told in ((["$1", "2 EUR"], True), (["$1", "$2"], False)):
        folder = put(tmp_path / str(is_told), {"OnlineTransactions.csv": orders(amounts=amounts)})
        assert (told in sources_text(agreed(checked(folder), declared(folder, "{}")))) == is_told


def test_what_is_declared_stays_in_what_is_suggested(tmp_path: Path) -> None:
    content = orders(["2024-05-01"], ["€ 1,50"]).replace("OrderID", "Order No")
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content.replace("Status", "Lage")})
    said = "files: {online_transactions: {columns: {Status: Lage}, currency_signs: [USD]}}"
    found = agreed(checked(folder, said), declared(folder, said))
    assert yaml.safe_load(sources_text(found))["files"]["online_transactions"] == {
        "columns": {"Status": "Lage", "OrderID": "Order No"},
        "decimal": ",",
        "currency_signs": ["USD", "€"],
    }


def test_headers_are_guessed_once_each() -> None:
    entity = CONTRACT["customers"]
    names = ["Client No", "Full name", "E-mail address", "Phone", "Postal address"]
    found, is_sure = likely_columns(entity, Declarations(Path()).for_entity("customers"), names)
    assert is_sure
    assert found == {
        "CustomerID": "Client No",
        "Name": "Full name",
        "Email": "E-mail address",
        "Address": "Postal address",
    }


# The forms that are told as read are those that cleaning reads


@pytest.mark.parametrize(
    "text",
    [
        *("2024-05-01", "2024-05-01T10:00", "2024-05-01 10:00:00.25Z", "2024-05-01 10:00+0200"),
        *("2024-05-01 10:00:00+02:00", "2024-13-01", "2024-05-01 25:00", "2024-5-1", "2024/05/01"),
        *("5/1/2024", "05/31/2024 1:05 pm", "31/05/2024", "5/1/24", "5/1/2024 13:05 PM", "May 1"),
        *("2024-05-01T10:00:00 Z", "1717149600", "2024-02-30", "05.06.2024", "02/30/2024"),
        *("2024-05-01t10:00:00z", "2024-05-01 10:00:00 UTC", "2024-05-01  9:05", "2024/5/1 1:00"),
        *("2024-05-01 10:00:00+00", "2024-05-01 10:00 +0200", "2024-05/01", "2024-05-01 10:00 AM"),
        *("2024-05-01 24:00", "2024-05-01 10:00+24:00", "2024-05-01 10:00.5", "0000-05-01"),
        *(
            "5/1/2024  10:00",
            "5/1/2024 1:05   PM",
            "5/1/2024T10:00",
            "5/1/2024 10:00Z",
            "2024-05-01Z",
        ),
    ],
)
def test_times_are_told_as_cleaning_reads_them(
    text: str, written_as: Callable[[str, str], bool]
) -> None:
    unread = written_as("times", text)
    assert unread == (reference_cleaning.time(text) is None)


@pytest.mark.parametrize(
    "text",
    [
        *("1", "-1.50", "+.5", "5.", "1,5", "1,234.50", "1 234", "$1", "(1)", "1-", "5 %", "1e3"),
        *("12.50 EUR", "abc", "1.2.3", "-", ".", "'12.50", "'-.5", "''1", "'"),
    ],
)
def test_numbers_are_told_as_cleaning_reads_them(
    text: str, written_as: Callable[[str, str], bool]
) -> None:
    unread = written_as("numbers", text)
    assert unread == (reference_cleaning.amount(text) is None)


@pytest.mark.parametrize(
    "text",
    ["17", "-17", "17.0", "17.00", "17.5", "17.", "'17", "'-17.0", "''17", "1e3", "A-17", "1,000"],
)
def test_keys_are_told_as_cleaning_reads_them(
    text: str, written_as: Callable[[str, str], bool]
) -> None:
    unread = written_as("keys", text)
    assert unread == (reference_cleaning.integer(text) is None)


@pytest.fixture
def written_as(tmp_path: Path) -> Callable[[str, str], bool]:
    def unread(kind: str, text: str) -> bool:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"a": [text]}), path)
        with duckdb.connect() as connection:
            written, declaration = (
                Written(connection, path),
                Declarations(Path()).for_entity("stores"),
            )
            told = written.keys("a", declaration) if kind == "keys" else getattr(written, kind)("a")
            return bool(told.unread)

    return unread


# The command


def call(*arguments: object) -> tuple[int, str]:
    runner = CliRunner(env={"COLUMNS": "100"})
    result = runner.invoke(cli.app, ["sources", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_check_shows_all_and_writes_nothing(tmp_path: Path) -> None:
    content = orders(["28.05.2024 10:00"], ["12,50 €"]).replace("OrderID", "Order No")
    folder = put(
        tmp_path / "in",
        {
            "OnlineTransactions.csv": "Mine\n" + content,
            "Customers_old.csv": "",
            "a[b].txt": "\x1b[1m",
        },
    )
    before = sorted(tmp_path.rglob("*"))
    status, output = call("check", folder)
    assert status == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert all(len(line) <= 100 for line in output.splitlines() if line.startswith(("│", "╭")))
    for said in (
        "Would be refused", "OrderID <- Order No", "skip_lines: 1", "dates: dmy", "decimal: ','",
        "lines skipped", "comma", "utf-8", "1 ISO", "1 plain", "2024-05-28 10:00", "12.50",
        "its name has the word old", "a[b].txt",
    ):  # fmt: skip
        assert said in output
    assert "\x1b" not in output


def test_check_is_content_with_files_in_order(tmp_path: Path) -> None:
    status, output = call("check", put(tmp_path / "in", {"Customers.csv": CUSTOMERS}))
    assert status == 0
    assert "To declare" not in output
    assert "ann@example.com" in output


def test_check_shows_the_first_rows_side_by_side_and_whole(tmp_path: Path) -> None:
    content = orders(["2024-05-28 10:15:00"] * 2).replace("Cash", "C" * 90)
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": content})
    lines = [line.strip("│ ").split() for line in call("check", folder)[1].splitlines()]
    assert ["OrderID", "1", "2"] in lines
    assert ["Status", "Completed", "Completed"] in lines
    assert sum(len(word) for line in lines for word in line if set(word) == {"C"}) == 2 * 90


def test_check_follows_the_sources_file(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"OnlineTransactions.csv": orders(["28.05.2024", "30.05.2024"])})
    assert call("check", folder)[0] == 1
    sources = tmp_path / "mine.yml"
    sources.write_text("files: {online_transactions: {dates: dmy}}")
    assert call("check", folder, "--sources", sources)[0] == 0


def test_init_writes_what_can_be_used_at_once(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "in",
        {
            "OnlineTransactions.csv": orders(["28.05.2024", "30.05.2024"]),
            "InStoreTransactions.csv": "no header\n",
            "Products.csv": PRODUCTS + "A-1,Mug,Home,1\n",
            "clients.csv": CUSTOMERS,
            "notes.pdf": "%PDF",
        },
    )
    target = tmp_path / "mine.yml"
    status, _ = call("init", folder, "--to", target)
    assert status == 0
    text = target.read_text()
    assert text.startswith("# yaml-language-server: $schema=sources.schema.json\n")
    assert (tmp_path / "sources.schema.json").is_file()
    assert load_declarations(target, CONTRACT).for_entity("online_transactions").dates == "dmy"
    assert "#   clients.csv: left alone" in text
    assert load_declarations(target, CONTRACT).for_entity("products").keys == "text"
    assert "# apis:" in text
    assert str(tmp_path) not in text
    status, output = call("check", folder, "--sources", target)
    assert "Would be refused: InStoreTransactions.csv." in output


def test_init_writes_what_can_be_read_whatever_files_are_called(tmp_path: Path) -> None:
    names = ["Stores_\x1b[31m.csv", "Stores\nfiles: x.csv", "other # \x07'.csv"]
    content = "StoreID,Location\x1b,Manager,Hours\n1,Oslo,Ann,9-17\n"
    folder = put(tmp_path / "in", dict.fromkeys([*names, os.fsdecode(b"St\xe9.csv")], content))
    assert call("init", folder, "--to", tmp_path / "mine.yml")[0] == 0
    load_declarations(tmp_path / "mine.yml", CONTRACT)


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"Customers.csv": CUSTOMERS})
    (tmp_path / "mine.yml").write_text("files: {}")
    with pytest.raises(Exception, match="there already"):
        call("init", folder, "--to", tmp_path / "mine.yml")
    assert (tmp_path / "mine.yml").read_text() == "files: {}"
    assert not (tmp_path / "sources.schema.json").exists()


def test_the_starting_file_has_the_shipped_endpoints_as_an_example(tmp_path: Path) -> None:
    text = starting_text([], [])
    below = text[text.index("# apis:") :]
    path = tmp_path / "sources.yml"
    path.write_text("\n".join(line.removeprefix("# ") for line in below.splitlines()))
    names = [api.name for api in load_declarations(path, CONTRACT).apis]
    assert names == ["online_transactions", "customer_service_interactions"]


# The documentation


def test_every_example_of_the_documentation_can_be_declared(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.S | re.M)
    assert len(blocks) > 10
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yml"
        path.write_text(block, encoding="utf-8")
        load_declarations(path, CONTRACT)


def test_every_key_has_an_example_in_the_documentation() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    keys = {*schema["reading"]["properties"], *schema["pulling"]["properties"], "files"}
    keys |= set(schema["pages"]["properties"])
    blocks = "".join(
        re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.S | re.M)
    )
    assert {key for key in keys if not re.search(rf"\b{key}:", blocks)} == set()
