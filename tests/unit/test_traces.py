"""What is looked for is found in every form that we write it in, and nothing else is."""

import base64
import gzip
import html
import io
import json
import zipfile
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.local import LocalLake
from tests.support.reading import CONTRACT, deliver
from warehouse import traces

TEXT = 'Zoë "Q" O\'Brien'
IDS = {"customer_id": ["17"], "loyalty_id": ["900"], "person_id": ["P17"]}


def zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


WRITTEN = {
    "plain.txt": f"about {TEXT}, twice".encode(),
    "small.log": TEXT.lower().encode(),
    "capitals.log": TEXT.upper().encode(),
    "utf-16.csv": TEXT.encode("utf-16"),
    "big-endian.csv": TEXT.encode("utf-16-be"),
    "escaped.json": json.dumps({"text": f"line\n{TEXT}"}).encode(),
    "as-it-is.json": json.dumps({"text": f"line\n{TEXT}"}, ensure_ascii=False).encode(),
    "doubled.csv": f'1,"{TEXT.replace(chr(34), chr(34) * 2)}"\n'.encode(),
    "page.html": html.escape(TEXT).encode(),
    "packed.html": b'data = "' + base64.b64encode(gzip.compress(f"{TEXT} ".encode() * 9)) + b'"',
    "address.log": f"/find?q=a%20{quote(TEXT)}".encode(),
    "packed.csv.gz": gzip.compress(TEXT.encode()),
    "packed.zip": zipped("a.csv", TEXT.encode()),
    "packed.parquet": parquet(name=[TEXT, "other"]),
    "book.xlsx": zipped("xl/sheet.xml", TEXT.encode()),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_text_is_found_however_it_is_written(tmp_path, name):
    (tmp_path / name).write_bytes(WRITTEN[name])
    (tmp_path / "other.txt").write_bytes(b"nothing of it")
    wanted = traces.wanted([TEXT])
    found = traces.search_folder(tmp_path, wanted)
    assert (found.places, found.files) == ([name], 2)
    found = traces.search_lake(LocalLake(tmp_path), wanted, {})
    assert (found.places, found.bytes) == ([name], len(WRITTEN[name]) + 13)


def test_a_text_that_two_blocks_share_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "_BLOCK", 1000)
    (tmp_path / "long.txt").write_bytes(b"x " * 497 + TEXT.encode() + b" x" * 5000)
    assert traces.search_folder(tmp_path, traces.wanted([TEXT])).places == ["long.txt"]


def test_a_part_of_a_word_is_none(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12 Main Street, 2 Main Streets, Joanna Able")
    wanted = traces.wanted(["2 Main Street", "Anna Able"])
    assert traces.search_folder(tmp_path, wanted).places == []


def test_files_that_are_left_out_are_not_looked_into(tmp_path):
    (tmp_path / "lake").mkdir()
    for name in ("lake/a.txt", "run.lock"):
        (tmp_path / name).write_text(TEXT)
    found = traces.search_folder(
        tmp_path, traces.wanted([TEXT]), [tmp_path / "lake", tmp_path / "run.lock"]
    )
    assert (found.places, found.files) == ([], 0)


def test_ids_are_found_in_parquet_by_the_columns_that_have_such(tmp_path):
    files = {
        "whole.parquet": parquet(customer_id=[16, 17]),
        "text.parquet": parquet(CustomerID=["17.0"]),
        "came.parquet": parquet(source_customer_id=["x", "17"]),
        "amount.parquet": parquet(customer_id=[170], amount=[17]),
        "account.parquet": parquet(LoyaltyID=["900"], customer_id=[None]),
        "empty.parquet": parquet(customer_id=pa.array([], pa.int64())),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = traces.search_lake(LocalLake(tmp_path), None, IDS)
    assert found.places == ["account.parquet", "came.parquet", "text.parquet", "whole.parquet"]


def test_tables_of_a_database_are_looked_through_column_by_column():
    with duckdb.connect() as connection:
        connection.execute("create schema mine")
        connection.execute("create table mine.a as select 17 as customer_id, 'x' as note")
        connection.execute("create table mine.b as select 18 as customer_id, 'by ZOË Q' as note")
        connection.execute("create table mine.c as select 170 as customer_id, ['Zoë Q'] as notes")
        connection.execute("create table mine.d as select 18 as customer_id, 'P17' as note")
        connection.execute("create table mine.e as select 'P17' as person_id")
        connection.execute("create view mine.shown as select * from mine.a")
        found = traces.search_database(
            lambda sql: connection.execute(sql).fetchall(),
            ["Zoë Q"],
            IDS,
            traces.duckdb_contains,
        )
    assert found.places == [f"table mine.{name} (1 rows)" for name in "abce"]


def test_a_person_is_known_by_what_nobody_else_has(tmp_path):
    from ingest.declarations import load_declarations
    from ingest.subject import gather

    lake = LocalLake(tmp_path / "lake")
    deliver(lake, tmp_path / "in", {
        "Customers.csv": "CustomerID,Name,Email,Address\n"
        "17,Ann Able,ann@mail.example,1 Main St\n17,Ann Baker,both@mail.example,Springfield\n"
        "18,Bob Able,both@mail.example,1 Main St\n19,Cy,,asked ann@mail.example\n",
        "LoyaltyAccounts.csv": "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate\n"
        "900,17.0,1,Gold,2023-01-01\n901,17,1,Gold,2023-01-01\n901,18,1,Gold,2023-01-01\n",
    })  # fmt: skip
    person = gather(lake, CONTRACT, load_declarations(None, CONTRACT), ["17"])
    assert person.texts == ("Ann Able", "ann@mail.example", "Ann Baker")
    assert person.ids == {
        "customer_id": ("17",), "loyalty_id": ("900",), "email": ("ann@mail.example",)
    }  # fmt: skip
