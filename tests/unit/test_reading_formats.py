"""What is read equals what was written, in any dialect, container and format, at any size."""

import csv
import gzip
import io
import json
import os
import random
import unicodedata
import zipfile
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lake.local import LocalLake
from tests.support.reading import CONTRACT, deliver
from tests.support.reference_files import cleaned, csv_value
from tests.support.xlsx import workbook, workbook_of

HEADER = list(CONTRACT["customers"].columns)


@pytest.fixture(scope="module", autouse=True)
def hasty():
    """Do not wait for the disk: nobody pulls the plug here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


# Dialects

AWKWARD = [
    ["1", "Ann Able", "ann@example.com", "1 Main St, Springfield"],
    ["002", 'Bob "the" Best', "", "2 Main St\nFlat 2"],
    ["3", " Cy ", "a;b|c\td,e", '"'],
    ["+4", "Łódź José", "'", "\n"],
    ["", "NULL", ",", ""],
    ["6.00", "a\\b", '""', "x\ty"],
    ["", "", "", ""],
    ["7", "Zoë – €5", ";", "last"],
]
SPELLINGS = {
    "as the contract": HEADER,
    "other": ["customer_id", "NAME", "E-Mail", " address "],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]
CONTAINERS = ["plain", ".gz", ".gz of two", ".gz with a comment", ".zip"]
QUOTING = {
    "minimal": csv.QUOTE_MINIMAL,
    "all": csv.QUOTE_ALL,
    "nonnumeric": csv.QUOTE_NONNUMERIC,
}
ALL_MIXES = list(product(",;\t|", ENCODINGS, ["\n", "\r\n", "\r"], QUOTING, SPELLINGS, CONTAINERS))
MIXES = random.Random(1).sample(ALL_MIXES, 100)


def written(rows, line_end="\n", **dialect):
    """Return a table as Python's csv module writes it."""
    text = io.StringIO(newline="")
    # Values are quoted for characters of the line end: so for both that some reader takes for one.
    csv.writer(text, lineterminator="\r\n\0", **dialect).writerows(rows)
    return text.getvalue().replace("\r\n\0", line_end)


def read_by_csv(text, **dialect):
    """Return the rows below the header as Python's csv module reads them."""
    return list(csv.reader(io.StringIO(text, newline=""), **dialect))[1:]


def with_header_flags(packed):
    """Give a gzip file a name, a comment and a checksum of its header, and zeros at its end."""
    header = packed[:3] + bytes([packed[3] | 0x1A]) + packed[4:10] + b"c.csv\0a comment\0"
    checksum = zlib.crc32(header) & 0xFFFF
    return header + checksum.to_bytes(2, "little") + packed[10:] + bytes(100)


def in_container(container, content):
    """Return the ending of the file's name and its bytes."""
    match container:
        case ".gz":
            return ".csv.gz", gzip.compress(content)
        case ".gz of two":
            half = len(content) // 2
            return ".csv.gz", gzip.compress(content[:half]) + gzip.compress(content[half:])
        case ".gz with a comment":
            return ".csv.gz", with_header_flags(gzip.compress(content))
        case ".zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("export/table.csv", content)
            return ".zip", packed.getvalue()
    return ".csv", content


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: " ".join(map(repr, mix)))
def test_a_mix_is_read_as_the_csv_module_reads_it(lake, tmp_path, mix):
    delimiter, encoding, line_end, quoting, spelling, container = mix
    rows = AWKWARD
    if encoding == "cp1252":
        rows = [[value.replace("Łódź", "Lodz") for value in row] for row in rows]
    dialect = {"delimiter": delimiter, "quoting": QUOTING[quoting], "line_end": line_end}
    text = written([SPELLINGS[spelling], *rows], **dialect)
    ending, content = in_container(container, text.encode(encoding))
    sources = f"files: {{customers: {{encoding: {encoding}}}}}" if encoding == "cp1252" else None
    delivery = deliver(lake, tmp_path / "in", {f"Customers{ending}": content}, sources)
    assert not delivery.refused
    assert delivery.values("customers") == rows == read_by_csv(text, delimiter=delimiter)
    [record] = delivery.manifest.landed
    assert (record.rows, record.malformed_rows) == (len(rows), 0)
    assert [row["_row_number"] for row in delivery.rows("customers")] == [*range(1, len(rows) + 1)]
    assert not delivery.warnings


values = st.one_of(
    st.sampled_from(
        ["", "1", "-1.50", "007", "a b", " x ", "NULL", "Łódź 😀", "\u2028", "\x85", "\x1c"]
    ),
    st.text('ab"",;|\t\n\r \'\\=é', max_size=8),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)


@st.composite
def tables(draw):
    """Draw a table, the dialect that it is written in, and the file."""
    names = draw(st.permutations([*HEADER, *draw(st.sampled_from([[], ["Card"], ["x", "x"]]))]))
    rows = draw(st.lists(st.lists(values, min_size=len(names), max_size=len(names)), max_size=6))
    delimiter = draw(st.sampled_from(",;\t|"))
    text = written(
        [names, *rows],
        delimiter=delimiter,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    if draw(st.booleans()):
        text = f"sep={delimiter}\r\n{text}" if "\r" not in text else text
    return names, rows, text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example(
    table=(
        HEADER,
        [["1", "\r", "a\r\nb", "x"]],
        'CustomerID,Name,Email,Address\r1,"\r","a\r\nb",x\r',
    ),
    encoding="utf-8",
)
def test_any_table_is_read_back_as_it_was_written(table, encoding, tmp_path_factory):
    names, rows, text = table
    folder = tmp_path_factory.mktemp("any")
    content = {"Customers.csv": text.encode(encoding)}
    delivery = deliver(LocalLake(folder / "lake"), folder / "in", content)
    assert not delivery.refused
    places = [names.index(name) for name in HEADER]
    expected = [[csv_value(row[place]) for place in places] for row in rows if row != names]
    assert delivery.values("customers") == expected
    assert delivery.manifest.landed[0].malformed_rows == 0


# Other formats

ORDER = list(CONTRACT["online_transactions"].columns)


def test_json_lines_are_read_digit_by_digit(lake, tmp_path):
    lines = [
        '{"OrderID": 1001.0, "customer_id": 9223372036854775807, "Amount": 0.1234567890123456789}',
        '{"OrderID": "0017", "CustomerID": null, "Amount": -12.50, "Status": true, '
        '"Payment Method": 2.0}',
        "",
        '{"ORDERID": 3, "ProductID": {"id": 5}, "DateTime": "2024-05-01T10:00:00Z", "Status": ""}',
        '{"OrderID": 4, "Status": "Jose\\u0301 \\ud83d\\ude00\\u200b", "Other": [1, 2]}',
    ]
    content = "\r\n".join(lines).encode()
    delivery = deliver(lake, tmp_path / "in", {"online_transactions.jsonl": content})
    rows = delivery.rows("online_transactions")
    assert [row["OrderID"] for row in rows] == ["1001", "0017", "3", "4"]
    assert rows[0]["CustomerID"] == "9223372036854775807"
    assert [row["Amount"] for row in rows[:2]] == ["0.1234567890123456789", "-12.50"]
    assert rows[1]["CustomerID"] is None
    assert [row["PaymentMethod"] for row in rows] == [None, "2", None, None]
    assert json.loads(rows[2]["ProductID"]) == {"id": 5}
    assert [row["Status"] for row in rows] == [None, "true", "", "José 😀"]
    assert rows[2]["DateTime"] == "2024-05-01T10:00:00Z"


@pytest.mark.parametrize("line", ["{", "[1]", "17", '{"CustomerID": 1} x'])
def test_a_line_that_is_no_record_is_set_aside(lake, tmp_path, line):
    record = '{{"CustomerID": {}, "Name": "", "Email": "", "Address": ""}}'
    content = "\n".join([record.format(1), line, record.format(2)])
    delivery = deliver(lake, tmp_path / "in", {"Customers.jsonl": content})
    assert delivery.column("customers", "CustomerID") == ["1", "2"]
    assert "1 malformed line" in delivery.warnings


json_values = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.lists(json_values, min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_json_record_is_read_back_as_it_was_written(rows, tmp_path_factory):
    def text(value):
        return str(value) if isinstance(value, int | Decimal) else json.dumps(value)

    lines = [
        "{" + ", ".join(f'"{n}": {text(v)}' for n, v in zip(HEADER, row, strict=True)) + "}"
        for row in rows
    ]
    folder = tmp_path_factory.mktemp("any")
    content = {"customers.jsonl": "\n".join(lines)}
    delivery = deliver(LocalLake(folder / "lake"), folder / "in", content)
    for found, row in zip(delivery.values("customers"), rows, strict=True):
        for value, meant in zip(found, row, strict=True):
            if isinstance(meant, Decimal):
                assert value == f"{meant:f}" or (Decimal(value) == meant == int(meant))
            else:
                assert value == (None if meant is None else cleaned(str(meant)))


@pytest.mark.parametrize("record", ["{}", '{"data": [{"ProductID": 1}]}', '{"id": 1}'])
def test_json_records_without_any_needed_field_are_refused(lake, tmp_path, record):
    delivery = deliver(lake, tmp_path / "in", {"Products.jsonl": f"{record}\n"})
    assert "all that products needs" in delivery.refused["Products.jsonl"]


def test_parquet_is_read_as_text(lake, tmp_path):
    day, moment = date(2024, 5, 1), datetime(2024, 5, 1, 10, 30)
    table = pa.table(
        {
            "order_id": pa.array([1, 2, None], pa.int64()),
            "CustomerID": pa.array([1.0, 17850.0, None], pa.float64()),
            "ProductID": pa.array(["007", "8", None]).dictionary_encode(),
            "DateTime": pa.array([moment, moment, None], pa.timestamp("ns", "UTC")),
            "PaymentMethod": pa.array(["Jose\u0301", " \u200b", None], pa.large_string()),
            "Amount": pa.array([Decimal("12.50"), Decimal("-0.05"), None], pa.decimal128(18, 2)),
            "Status": pa.array([day, day, None], pa.date32()),
            "unneeded": pa.array([[1], [], None], pa.list_(pa.int8())),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    delivery = deliver(lake, tmp_path / "in", {"OnlineTransactions.parquet": file.getvalue()})
    first, second, third = delivery.rows("online_transactions")
    assert [first[name] for name in ("OrderID", "CustomerID", "ProductID")] == ["1", "1", "007"]
    assert [row["Amount"] for row in (first, second)] == ["12.50", "-0.05"]
    assert second["CustomerID"] == "17850"
    assert datetime.fromisoformat(first["DateTime"]) == moment.replace(tzinfo=UTC)
    assert (first["PaymentMethod"], second["PaymentMethod"]) == ("José", "")
    assert first["Status"] == "2024-05-01"
    assert [third[name] for name in ORDER] == [None] * len(ORDER)


def test_parquet_floats_and_local_times_are_read_as_they_are(lake, tmp_path):
    table = pa.table(
        {
            "ProductID": pa.array([1, 2, 3, 4], pa.uint8()),
            "Name": pa.array([datetime(2024, 5, 1, 10)] * 4, pa.timestamp("ms")),
            "Category": pa.array([True, False, None, True]),
            "Price": pa.array([0.1, 1e16, -12.5, float("nan")]),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    delivery = deliver(lake, tmp_path / "in", {"products.parquet": file.getvalue()})
    assert delivery.column("products", "ProductID") == ["1", "2", "3", "4"]
    times = [datetime.fromisoformat(value) for value in delivery.column("products", "Name")]
    assert times == [datetime(2024, 5, 1, 10)] * 4
    prices = delivery.column("products", "Price")
    assert [Decimal(price) for price in prices[:3]] == [Decimal("0.1"), 10**16, Decimal("-12.5")]
    assert "e" not in prices[1].lower()
    assert prices[3] in (None, "nan", "NaN")


def test_parquet_numbers_are_read_with_the_digits_that_they_were_written_with(lake, tmp_path):
    """A decimal of many places and a float of 32 bits say no more and no less than their digits."""
    table = pa.table(
        {
            "ProductID": pa.array([Decimal("1"), Decimal("2")], pa.decimal128(38, 12)),
            "Name": pa.array([0.5, 16_777_216.0], pa.float32()),
            "Category": pa.array([Decimal("0.5"), None], pa.decimal256(50, 30)),
            "Price": pa.array([Decimal("0"), Decimal("12.5")], pa.decimal128(38, 18)),
        }
    )
    wide, narrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, wide)
    price = pa.array([0.1, 1.005], pa.float32())
    pq.write_table(table.set_column(3, "Price", price), narrow)
    files = {"products.parquet": wide.getvalue(), "products_2.parquet": narrow.getvalue()}
    delivery = deliver(lake, tmp_path / "in", files)
    assert delivery.values("products") == [
        ["1.000000000000", "0.5", f"0.5{'0' * 29}", f"0.{'0' * 18}"],
        ["2.000000000000", "16777216", None, f"12.5{'0' * 17}"],
        ["1.000000000000", "0.5", f"0.5{'0' * 29}", "0.1"],
        ["2.000000000000", "16777216", None, "1.005"],
    ]


def test_a_workbook_is_read_as_text(lake, tmp_path):
    content = workbook(
        [
            ["Order ID", *ORDER[1:], "Notes"],
            [1001, 1, "007", datetime(2024, 5, 1, 10, 30, 15), "Cash", 12.5, "Completed", "x"],
            [1002, None, "1e3", date(2024, 5, 2), "", Decimal("-0.05"), "two\nlines"],
            [],
            [1003, 2, 3, "2024-05-03", " a\u200b", 1000000, True],
        ]
    )
    delivery = deliver(lake, tmp_path / "in", {"OnlineTransactions.xlsx": content})
    first, second, third = delivery.values("online_transactions")
    assert first[:3] == ["1001", "1", "007"]
    assert datetime.fromisoformat(first[3]) == datetime(2024, 5, 1, 10, 30, 15)
    assert first[4:] == ["Cash", "12.5", "Completed"]
    assert [second[0], second[1], second[2], second[5]] == ["1002", None, "1e3", "-0.05"]
    assert datetime.fromisoformat(second[3]) == datetime(2024, 5, 2)
    assert second[6] == "two\nlines"
    assert third[:4] == ["1003", "2", "3", "2024-05-03"]
    assert third[5] == "1000000"


def test_parquet_columns_that_nobody_needs_may_have_one_name(lake, tmp_path):
    arrays = [pa.array(["a"]), pa.array(["b"]), *(pa.array([value]) for value in "1nc9")]
    table = pa.Table.from_arrays(arrays, ["Note", "Note", "ProductID", "Name", "Category", "Price"])
    file = io.BytesIO()
    pq.write_table(table, file)
    delivery = deliver(lake, tmp_path / "in", {"Products.parquet": file.getvalue()})
    assert delivery.values("products") == [["1", "n", "c", "9"]]


def test_parquet_rows_count_even_where_none_of_their_columns_is_needed(lake, tmp_path):
    file = io.BytesIO()
    pq.write_table(pa.table({"Note": ["a", "b"]}), file)
    values = ", ".join(f"{name}: '1'" for name in PRODUCTS)
    delivery = deliver(
        lake,
        tmp_path / "in",
        {"Products.parquet": file.getvalue()},
        f"files: {{products: {{expressions: {{{values}}}}}}}",
    )
    assert delivery.values("products") == [["1"] * 4] * 2


PRODUCTS = ["ProductID", "Name", "Category", "Price"]


def test_all_sheets_of_a_workbook_that_have_the_columns_are_read(lake, tmp_path):
    sheets = {
        "About": [["Products of 2024"], ["by month"]],
        "January": [PRODUCTS, [1, "Mug", "Kitchen", 10], [" ", None, ""], PRODUCTS],
        "February": [
            ["price", "Note", "product id", "NAME", "category"],
            [5, "new", 2, "Pen", "x"],
        ],
        "Nothing": [],
    }
    delivery = deliver(lake, tmp_path / "in", {"Products.xlsx": workbook_of(sheets)})
    assert delivery.values("products") == [
        ["1", "Mug", "Kitchen", "10"],
        ["2", "Pen", "x", "5"],
    ]
    assert "its sheet About was left alone" in delivery.warnings
    assert "Nothing" not in delivery.warnings


def test_a_hidden_sheet_is_read_only_where_no_other_has_the_columns(lake, tmp_path):
    old, now = [PRODUCTS, [1, "Mug", "Kitchen", 9]], [PRODUCTS, [1, "Mug", "Kitchen", 10]]
    both = workbook_of({"Old": old, "Now": now}, hidden=["Old"])
    alone = workbook_of({"Cover": [["Hello"]], "Old": old}, hidden=["Old"])
    delivery = deliver(lake, tmp_path / "in", {"Products.xlsx": both, "Products_2.xlsx": alone})
    assert delivery.column("products", "Price") == ["10", "9"]
    assert "its sheet Old was left alone: it is hidden" in delivery.warnings


def test_a_header_below_a_title_is_found_on_any_sheet_of_a_workbook(lake, tmp_path):
    sheets = {"Cover": [["Hello"]], "Data": [["Products"], [], PRODUCTS, [1, "a", "b", 1]]}
    delivery = deliver(lake, tmp_path / "in", {"Products.xlsx": workbook_of(sheets)})
    reason = delivery.refused["Products.xlsx"]
    assert "row 3 of the sheet Data" in reason
    assert "skip_lines: 2" in reason


def test_a_workbook_without_the_columns_is_told_by_the_sheet_that_has_most(lake, tmp_path):
    sheets = {"Cover": [["Hello"]], "Data": [PRODUCTS[:3], [1, "a", "b"]]}
    content = {
        "Products.xlsx": workbook_of(sheets),
        "Stores.xlsx": b"\xd0\xcf\x11\xe0" + bytes(600),
        "Agents.xlsx": workbook_of({"Sheet1": []}),
    }
    refused = deliver(lake, tmp_path / "in", content).refused
    assert "in its sheet Data, column Price is missing" in refused["Products.xlsx"]
    assert "password" in refused["Stores.xlsx"]
    assert "no sheet with cells" in refused["Agents.xlsx"]


# Sizes


def test_a_field_of_150_kilobytes_is_read(lake, tmp_path):
    long = ("Łódź, " * 30_000)[:150_000]
    text = written([HEADER, ["1", long, "a", "b"], ["2", "x", long + '"\n', ""]])
    delivery = deliver(lake, tmp_path / "in", {"Customers.csv": text})
    rows = delivery.values("customers")
    assert rows == [
        ["1", unicodedata.normalize("NFC", long), "a", "b"],
        ["2", "x", long + '"\n', ""],
    ]


@pytest.mark.parametrize("value", ["x", "é", '"', "\n", '","'])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_records_of_every_length_around_a_block_are_read(lake, tmp_path, value, line_end):
    """Blocks end inside of values, of quotes, of characters and of line ends."""
    rows = [
        [f"{size}", value * (size // len(value)), "", ""]
        for size in (*range(1, 40), *range(16_370, 16_400, 3), *range(262_100, 262_200, 9))
    ]
    text = written([HEADER, *rows], line_end=line_end)
    delivery = deliver(lake, tmp_path / "in", {"Customers.csv": text})
    assert delivery.values("customers") == rows


def test_a_file_of_many_blocks_keeps_its_rows_and_their_order(lake, tmp_path):
    rows = [[f"{n}", f"Ann {n}", "a,b" if n % 7 else 'x"y', ""] for n in range(60_000)]
    rows[31_000][3] = "\u200bé\u200b"
    delivery = deliver(lake, tmp_path / "in", {"Customers.csv": written([HEADER, *rows])})
    rows[31_000][3] = "é"
    assert delivery.values("customers") == rows
    assert [row["_row_number"] for row in delivery.rows("customers")] == [*range(1, 60_001)]
