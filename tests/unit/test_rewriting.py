"""A raw file from which rows were taken reads as before but for these, in every format."""

import csv
import gzip
import io
import json
import os
import uuid
import zipfile
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.declarations import load_declarations
from ingest.headers import normalised
from ingest.reading import read_landed
from ingest.rewriting import Changes, rewrite
from lake.local import LocalLake
from tests.support.reading import CONTRACT, deliver, read_rows
from tests.support.xlsx import workbook_of

HEADER = ["TransactionID", "CustomerID", "StoreID", "DateTime", "Amount", "PaymentMethod", "Note"]
ROWS = [
    ["1", "17", "3", "2024-01-05 10:00:00", "9.90", "Card", "for Zoë"],
    ["2", "18", "3", "2024-01-05 11:00:00", "19.90", "Cash", 'said "no"'],
    ["3", "17", "3", "2024-01-05 12:00:00", "29.90", "Card", "two\nlines"],
    ["4", "19", "3", "2024-01-05 13:00:00", "39.90", "Card", ""],
    ["5", "20", "3", "2024-01-05 14:00:00", "49.90", "Card", "x"],
]
NEEDED = frozenset(map(normalised, HEADER)) - {"customerid", "note"}
COLUMNS = CONTRACT["in_store_transactions"].needed


@pytest.fixture(scope="module", autouse=True)
def hasty():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def as_csv(rows, delimiter=",", line_end="\n", encoding="utf-8", before=""):
    file = io.StringIO(newline="")
    how = {"delimiter": delimiter, "lineterminator": line_end, "quoting": csv.QUOTE_ALL}
    csv.writer(file, **how).writerows([HEADER, *rows])
    return (before + file.getvalue()).encode(encoding)


def as_parquet(rows):
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([dict(zip(HEADER, row, strict=True)) for row in rows]), file
    )
    return file.getvalue()


def as_json_lines(rows):
    lines = [json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in rows]
    return "\n".join([*lines, ""]).encode()


def as_zip(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("InStoreTransactions.csv", content)
        archive.writestr("__MACOSX/._x", "17")
    return file.getvalue()


FILES = {
    "plain": ("InStoreTransactions.csv", as_csv(ROWS)),
    "semicolons, CRLF, mark": (
        "InStoreTransactions.csv", as_csv(ROWS, ";", "\r\n", "utf-8-sig")
    ),
    "CR": ("InStoreTransactions.txt", as_csv(ROWS, "\t", "\r")),
    "UTF-16": ("InStoreTransactions.csv", as_csv(ROWS, encoding="utf-16")),
    "sep line": ("InStoreTransactions.csv", as_csv(ROWS, "|", before="sep=|\n\n")),
    "header twice": ("InStoreTransactions.csv", as_csv([*ROWS[:2], HEADER, *ROWS[2:]])),
    "gzip": ("InStoreTransactions.csv.gz", gzip.compress(as_csv(ROWS))),
    "ZIP": ("InStoreTransactions.zip", as_zip(as_csv(ROWS))),
    "JSON lines": ("InStoreTransactions.jsonl", as_json_lines(ROWS)),
    "Parquet": ("InStoreTransactions.parquet", as_parquet(ROWS)),
    "workbook": (
        "InStoreTransactions.xlsx",
        workbook_of({"Other": [["Ann"]], "Sales": [[], HEADER, *ROWS[:3], [], *ROWS[3:]]}),
    ),
}  # fmt: skip


def changed(lake, name, content, changes, sources=None):
    """Land a file, rewrite it, read it again; return its bytes, rows and malformed lines."""
    entity = CONTRACT["in_store_transactions"]
    folder = lake.root.with_name(f"input {uuid.uuid4()}")
    delivery = deliver(lake, folder, {name: content}, sources)
    (record,) = delivery.manifest.files
    declaration = (
        load_declarations(folder.with_name(f"{folder.name}-sources.yml"), CONTRACT)
        if sources
        else load_declarations(None, CONTRACT)
    ).for_entity("in_store_transactions")
    record.sha256, record.bytes = rewrite(lake, entity, declaration, record, changes)
    batch = delivery.manifest.batch_id
    again, _ = read_landed(lake, entity, declaration, record, batch, datetime(2024, 1, 6))
    assert again.bytes == len(lake.read_bytes(record.path))
    rows = [[row[column] for column in COLUMNS] for row in read_rows(lake, batch, again)]
    return lake.read_bytes(record.path), rows, again


def changes(drop=(), redact=(), gone=()):
    return Changes(
        frozenset(drop), frozenset(redact), NEEDED, lambda text: any(word in text for word in gone)
    )


@pytest.mark.parametrize("kind", FILES)
def test_rows_go_or_lose_what_is_personal_and_all_others_read_as_before(lake, kind):
    name, content = FILES[kind]
    _, rows, record = changed(lake, name, content, changes(drop=[4], redact=[1, 3]))
    expected = [[row[HEADER.index(column)] for column in COLUMNS] for row in ROWS]
    for place in (0, 2):
        expected[place][COLUMNS.index("CustomerID")] = None
    del expected[3]
    assert [[value or None for value in row] for row in rows] == expected
    assert record.malformed_rows == 0


@pytest.mark.parametrize("kind", FILES)
def test_what_was_taken_out_is_nowhere_in_the_file(lake, kind):
    name, content = FILES[kind]
    data, _, _ = changed(lake, name, content, changes(redact=[1]))
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    if name.endswith((".zip", ".xlsx")):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = b"".join(map(archive.read, archive.namelist()))
    if name.endswith(".parquet"):
        data = str(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    assert "for Zoë".encode() not in data
    assert "for Zoë".encode("utf-16-le") not in data
    said = data.decode("utf-16") if kind == "UTF-16" else data.decode(errors="ignore")
    assert "two" in said
    assert "19.90" in said


def test_lines_that_are_no_rows_go_where_they_are_told_to(lake):
    content = b"\n".join(as_csv(ROWS).split(b"\n")[:3]) + b'\n9,"Zed\n8,only\n7,Zed,"a"b\n'
    data, rows, record = changed(lake, "InStoreTransactions.csv", content, changes(gone=["Zed"]))
    assert b"Zed" not in data
    assert b"8,only" in data
    assert (len(rows), record.malformed_rows) == (2, 1)


def test_titles_above_the_header_stay_as_many_lines(lake):
    sources = "files:\n  in_store_transactions:\n    skip_lines: 2\n"
    content = as_csv(ROWS, before="Export for Zed\nof today\n")
    data, rows, _ = changed(
        lake, "InStoreTransactions.csv", content, changes(drop=[1], gone=["Zed"]), sources
    )
    assert b"Zed" not in data
    assert b"of today" in data
    assert [row[0] for row in rows] == ["2", "3", "4", "5"]


def test_of_nested_records_the_paths_that_are_needed_stay(lake):
    record = dict(zip(HEADER, ROWS[0], strict=True)) | {
        "buyer": {"id": 17, "phone": "555"}, "sold": {"at": {"store": "3"}, "by": "Zed"},
    }  # fmt: skip
    del record["CustomerID"], record["StoreID"]
    sources = (
        "files:\n  in_store_transactions:\n"
        "    columns: {CustomerID: buyer.id, StoreID: sold.at.store}\n"
    )
    kept = NEEDED | {"sold.at.store"}
    taken = Changes(frozenset(), frozenset([1]), kept, lambda _: False)
    data, rows, _ = changed(
        lake, "InStoreTransactions.jsonl", json.dumps(record).encode(), taken, sources
    )
    assert json.loads(data) == {
        "TransactionID": "1", "DateTime": "2024-01-05 10:00:00", "Amount": "9.90",
        "PaymentMethod": "Card", "sold": {"at": {"store": "3"}},
    }  # fmt: skip
    assert rows == [["1", None, "3", "2024-01-05 10:00:00", "9.90", "Card"]]


def test_a_file_that_is_not_whole_yet_leaves_the_old_one(lake, monkeypatch):
    name, content = FILES["plain"]
    before = as_csv(ROWS)

    def broken(_):
        raise RuntimeError("the power went")

    taken = Changes(frozenset([1]), frozenset(), NEEDED, broken)
    with pytest.raises(RuntimeError):
        changed(lake, name, content + b"x\n", taken)
    (path,) = lake.list("bronze/in_store_transactions")
    assert lake.read_bytes(path) == before + b"x\n"
