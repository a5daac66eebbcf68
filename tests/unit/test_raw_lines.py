"""A row can be shown as it arrived: each `_row_number` leads to its own line, in every format."""

import csv
import gzip
import io
import json
import os
import uuid
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import structure
from ingest.declarations import Declaration
from ingest.raw_lines import RawLine, raw_lines
from lake.errors import C360Error
from lake.local import LocalLake
from tests.support.reading import CONTRACT, deliver
from tests.support.xlsx import workbook

HEADER = list(CONTRACT["customers"].columns)
ROWS = [
    ["1", "Ann Able", "ann@example.com", "1 Main St, Springfield"],
    ["2", 'Bob "the" Best', "", "2 Main St\nFlat 2"],
    ["3", "Łódź José", "j@example.com", "–"],
    ["4", "Dee", "dee@example.com", "4 Main St"],
]


@pytest.fixture(scope="module", autouse=True)
def hasty():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def landed(lake, name, content):
    """Land a file of customers in a folder of its own; return its record and its rows."""
    folder = lake.root.with_name(f"input {uuid.uuid4()}")
    delivery = deliver(lake, folder, {name: content})
    (record,) = delivery.manifest.files
    return record, delivery.rows("customers")


def lines_of(lake, name, content, wanted=None):
    """Return the lines of a customers file, and its rows as reading made them."""
    record, rows = landed(lake, name, content)
    return list(raw_lines(lake, CONTRACT["customers"], Declaration(), record, wanted)), rows


def written(rows, header=HEADER, **how):
    file = io.StringIO(newline="")
    csv.writer(file, **how).writerows([header, *rows])
    return file.getvalue()


def test_a_row_is_shown_as_it_stands_in_its_file(lake):
    content = (
        "CustomerID,Name,Email,Address\n"
        "17,Ann,a@x.example,1 Main St\n"
        "\n"
        "broken,line\n"
        '18,"Bo ""B""",,"2 Main St\nFlat 2"\n'
        "CustomerID,Name,Email,Address\n"
        '19, Cy ,"",\n'
    )
    found, _ = lines_of(lake, "Customers.csv", content.encode())
    assert found == [
        RawLine(1, 2, "17,Ann,a@x.example,1 Main St"),
        RawLine(None, 4, "broken,line"),
        RawLine(2, 5, '18,"Bo ""B""",,"2 Main St\nFlat 2"'),
        RawLine(3, 8, '19, Cy ,"",'),
    ]


def test_blank_and_broken_lines_move_no_row_of_a_long_file(lake, monkeypatch):
    monkeypatch.setattr(structure, "_PLAIN", 64)
    monkeypatch.setattr(structure, "BLOCK", 4096)
    lines = [f"{n},Name {n},," for n in range(1, 2001)]
    for place, line in ((100, ""), (700, "a,b"), (701, "a,b,c,d,e"), (1200, ""), (1500, " ")):
        lines.insert(place, line)
    content = "\n".join(["CustomerID,Name,Email,Address", *lines]) + "\n"
    wanted = set(range(1, 2001, 37))
    found, rows = lines_of(lake, "Customers.csv", content, wanted)
    assert [each.text.split(",")[0] for each in found] == [str(row) for row in sorted(wanted)]
    assert [lines[each.line - 2] for each in found] == [each.text for each in found]
    assert [row["_row_number"] for row in rows] == [int(row["CustomerID"]) for row in rows]


def test_only_the_rows_that_are_wanted_are_shown(lake):
    content = written([[str(n), f"Name {n}", "", ""] for n in range(1, 50_001)])
    found, _ = lines_of(lake, "Customers.csv", content.encode(), {2, 40_000})
    assert found == [
        RawLine(2, 3, "2,Name 2,,"),
        RawLine(40_000, 40_001, "40000,Name 40000,,"),
    ]


PACKED = {
    "Customers.csv": lambda data: data,
    "Customers.csv.gz": gzip.compress,
    "Customers.zip": lambda data: _zipped("Customers.csv", data),
}


def _zipped(name, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_how_a_text_file_is_written_and_packed_makes_no_difference(lake, name, line_end, encoding):
    content = written(ROWS, delimiter=";", lineterminator=line_end, quoting=csv.QUOTE_ALL).encode(
        encoding
    )
    found, rows = lines_of(lake, name, PACKED[name](content))
    assert [(each.row_number, each.line) for each in found] == [
        (1, 2), (2, 3), (3, 5 if line_end != "\r" else 4), (4, 6 if line_end != "\r" else 5)
    ]  # fmt: skip
    texts = [next(csv.reader([each.text], delimiter=";")) for each in found if each.row_number != 2]
    assert texts == [ROWS[0], ROWS[2], ROWS[3]]
    assert [row["CustomerID"] for row in rows] == ["1", "2", "3", "4"]


def test_json_lines_workbooks_and_parquet_are_shown_too(lake):
    records = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    lines = [json.dumps(record) for record in records]
    found, _ = lines_of(
        lake, "Customers.jsonl", "\n".join([lines[0], "", "{", *lines[1:]]).encode()
    )
    assert [(each.row_number, each.line) for each in found] == [
        (1, 1), (None, 3), (2, 4), (3, 5), (4, 6)
    ]  # fmt: skip
    assert [each.text for each in found] == [lines[0], "{", *lines[1:]]

    found, _ = lines_of(lake, "Customers (2).xlsx", workbook([HEADER, ROWS[0], [], ROWS[3]]))
    assert [(each.row_number, each.line) for each in found] == [(1, 2), (2, 4)]
    assert json.loads(found[1].text) == records[3]

    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([records[3], records[2]]), file)
    found, _ = lines_of(lake, "Customers (3).parquet", file.getvalue(), {2})
    assert [(each.row_number, each.line) for each in found] == [(2, 2)]
    assert json.loads(found[0].text) == records[2]


def test_a_file_that_is_read_otherwise_by_now_is_not_shown(lake):
    record, _ = landed(lake, "Customers.csv", written(ROWS))
    record.rows += 1
    with pytest.raises(C360Error, match="not read today as it was when it landed"):
        list(raw_lines(lake, CONTRACT["customers"], Declaration(), record))


FIELDS = st.text(st.sampled_from('a1 ,"\n\r;'), max_size=4)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.lists(FIELDS, min_size=4, max_size=4)
        | st.sampled_from(["", "a", HEADER, '1,"x"y,,', 'q,"open', ",,,,,"]),
        max_size=8,
    ),
    window=st.sampled_from([8, 64, 1 << 18]),
)
def test_rows_and_lines_agree_whatever_a_file_holds(tmp_path, monkeypatch, lines, window):
    monkeypatch.setattr(structure, "_WINDOW", window)
    lake = LocalLake(tmp_path / str(uuid.uuid4()))
    text = "CustomerID,Name,Email,Address\n"
    for number, line in enumerate(lines):
        if isinstance(line, str):
            text += line + "\n"
        else:
            row = line if line == HEADER else [f"{number}", *line[1:]]
            text += written([], header=row, lineterminator="\n")
    found, rows = lines_of(lake, "Customers.csv", text)
    numbered = [each for each in found if each.row_number]
    assert [each.row_number for each in numbered] == [row["_row_number"] for row in rows]
    for each, row in zip(numbered, rows, strict=True):
        first, *_ = next(csv.reader(io.StringIO(each.text, newline="")))
        assert first == row["CustomerID"]
