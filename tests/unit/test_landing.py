"""Landing: what arrives is in bronze, in quarantine or left alone, and is told about."""

import errno
import gzip
import hashlib
import io
import json
import os
import re
import signal
import sys
import zipfile
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from ingest import api, incoming, landing, reading
from ingest import batch as batches
from ingest.batch import Batch, commit, remove_uncommitted
from ingest.contract import Entity
from ingest.declarations import ApiSource, Declaration, Declarations, Incremental
from ingest.guards import Guards
from ingest.input_files import list_input
from ingest.landing import land, land_files
from lake import paths
from lake.errors import InputError, LakeError, QuarantinedError
from lake.local import LocalLake
from lake.manifest import new_batch_id, read_manifest, read_manifests
from tests.support.forked import is_killed
from tests.support.reading import CONTRACT, LINEAGE, read_rows

STORES = b"StoreID,Location,Manager,OpenHours\n"
STORE = b"1,Oslo,Ann,9-17\n"


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def land_folder(lake, inbox, contract=CONTRACT, on_progress=None):
    """Land and commit; quarantine is in the result."""
    batch = Batch(lake, contract)
    land_files(batch, inbox, on_progress)
    return commit(batch)


def tree(lake):
    """Return what stands in the lake, but for the notes of batches that have begun."""
    found = (path for path in lake.list("") if not path.startswith(paths.BEGUN))
    return {path: lake.read_bytes(path) for path in found}


def test_what_arrives_after_the_clock_went_back_is_the_newest_all_the_same(
    lake, inbox, monkeypatch
):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    land_folder(lake, inbox)
    past = datetime(2001, 1, 1)
    monkeypatch.setattr(batches, "now", lambda: past)
    monkeypatch.setattr(batches, "new_batch_id", partial(new_batch_id, now=past))
    (inbox / "Stores.csv").write_bytes(STORES + STORE.replace(b"Ann", b"Bea"))
    land_folder(lake, inbox)
    (first,), (second,) = (
        read_rows(lake, manifest.batch_id, record)
        for manifest in read_manifests(lake)
        for record in manifest.landed
    )
    assert (first["Manager"], second["Manager"]) == ("Ann", "Bea")
    assert (first["_as_of"], first["_batch_id"]) < (second["_as_of"], second["_batch_id"])


def test_a_file_lands_byte_for_byte_with_its_rows_and_its_manifest(lake, inbox):
    content = b"\xef\xbb\xbfStoreID,Location,Manager,OpenHours\r\n1,Oslo,Ann,9-17\r\n"
    (inbox / "Stores_1.csv").write_bytes(content)
    os.utime(inbox / "Stores_1.csv", (1_700_000_000, 1_700_000_000))
    result = land(lake, CONTRACT, inbox)
    path = f"bronze/stores/{result.batch_id}/Stores_1.csv"
    rows = f"bronze/rows/stores/{result.batch_id}/Stores_1.csv.parquet"
    assert tree(lake).keys() == {path, rows, paths.manifest(result.batch_id)}
    assert lake.read_bytes(path) == content
    assert read_rows(lake, result.batch_id, result.records[0]) == [
        {
            "StoreID": "1",
            "Location": "Oslo",
            "Manager": "Ann",
            "OpenHours": "9-17",
            "_row_number": 1,
            "_as_of": datetime(2023, 11, 14, 22, 13, 20),
            "_source_file": "Stores_1.csv",
            "_batch_id": result.batch_id,
        }
    ]
    written = json.loads(lake.read_bytes(paths.manifest(result.batch_id)))
    assert written["batch_id"] == result.batch_id
    assert written["created_at"].endswith("Z")
    [record] = written["files"]
    read_as = record.pop("read_as")
    assert datetime.fromisoformat(record.pop("modified")).timestamp() == 1_700_000_000
    assert record == {
        "entity": "stores",
        "source": "Stores_1.csv",
        "path": path,
        "format": "csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": 1,
        "malformed_rows": 0,
        "longest_value": 4,
        "header": ["StoreID", "Location", "Manager", "OpenHours"],
        "missing_columns": [],
        "extra_columns": [],
        "outcome": "landed",
        "reason": None,
        "received_sha256": None,
        "rewritten": [],
    }
    assert read_as["reader"] == reading.READER
    assert read_as["declaration"] == Declaration().fingerprint
    assert (read_as["encoding"], read_as["delimiter"]) == ("utf-8", ",")
    assert read_as["columns"]["StoreID"] == ["StoreID"]
    assert read_manifest(lake, result.batch_id).files == result.records


def test_header_only_and_other_order_and_case_land(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES)
    (inbox / "agents.CSV").write_bytes(b" shift ,NAME,Department,agentid\nday,A,B,1\n")
    result = land(lake, CONTRACT, inbox)
    assert [(r.entity, r.rows, r.header) for r in result.records] == [
        ("stores", 0, ["StoreID", "Location", "Manager", "OpenHours"]),
        ("agents", 1, ["shift", "NAME", "Department", "agentid"]),
    ]


def test_many_extra_columns_fill_no_message(lake, inbox):
    extra = [f"Extra {number}" for number in range(400)]
    (inbox / "Stores.csv").write_bytes(
        STORES.replace(b"\n", f",{','.join(extra)}\n".encode())
        + b"1,Oslo,Ann,9-17"
        + b"," * 400
        + b"\n"
    )
    result = land_folder(lake, inbox)
    assert result.records[0].extra_columns == extra
    assert "Extra 0, Extra 1, " in result.warnings[0]
    assert "and 370 more" in result.warnings[0]
    assert "Extra 399" not in result.warnings[0]


def test_columns_whose_names_are_signs_only_harm_nothing(lake, inbox):
    header = STORES.replace(b"\n", b",-,_\n")
    (inbox / "Stores.csv").write_bytes(header + STORE.replace(b"\n", b",x,y\n"))
    (record,) = land_folder(lake, inbox).records
    assert (record.outcome, record.extra_columns) == ("landed", ["-", "_"])


def test_an_extra_column_lands_and_is_reported(lake, inbox):
    (inbox / "Stores.csv").write_bytes(b"StoreID,Location,Manager,OpenHours,Phone\n1,a,b,c,d\n")
    result = land(lake, CONTRACT, inbox)
    assert result.records[0].extra_columns == ["Phone"]
    [warning] = result.warnings
    assert "Stores.csv" in warning
    assert "Phone" in warning


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_of_another_encoding_than_declared_is_told_of(lake, inbox, kind):
    row = {"StoreID": "1", "Location": "Zürich – Süd", "Manager": "a", "OpenHours": "b"}
    text = json.dumps(row, ensure_ascii=False) + "\n"
    if kind == "csv":
        text = STORES.decode() + ",".join(row.values()) + "\n"
    declarations = Declarations(inbox, files={"stores": Declaration(encoding="cp1252")})
    told = []
    for encoding in ("utf-8", "cp1252", "utf-8-sig"):
        (inbox / f"Stores.{kind}").write_bytes(text.encode(encoding))
        told.append(land(lake, CONTRACT, inbox, declarations).warnings)
    assert "read as cp1252, as declared, and seems to be UTF-8" in told[0][0]
    assert told[1:] == [[], []]


def test_columns_that_only_the_declaration_knows_are_told_of(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    declaration = Declaration(order_by="Updated", fill_down={"Location": ("Manger", "Manager")})
    batch = Batch(lake, CONTRACT, Declarations(inbox, files={"stores": declaration}))
    land_files(batch, inbox)
    assert commit(batch).warnings == [
        "Stores.csv: it has no column Updated, which `order_by` names.",
        "Stores.csv: it has no column Manger, which `fill_down` names.",
    ]


def test_a_key_that_comes_again_where_a_value_was_missing_is_told_of(lake, inbox):
    record = {"StoreID": 1, "Location": "Oslo", "Manager": None, "OpenHours": "9-17"}
    lines = [json.dumps(each) for each in (record, record | {"Manager": "Ann"})]
    (inbox / "Stores.jsonl").write_text("\n".join(lines))
    [warning] = land(lake, CONTRACT, inbox).warnings
    assert "such as 1 in 2 rows with several Manager. The last row" in warning


def test_malformed_lines_are_kept_beside_the_good_ones(lake, inbox):
    content = STORES + STORE + b"2,Bergen\n3,\xc5\x81\xc3\xb3d\xc5\xba,Bo,8-16\n"
    (inbox / "Stores.csv").write_bytes(content)
    result = land(lake, CONTRACT, inbox)
    [record] = result.records
    assert (record.rows, record.malformed_rows) == (2, 1)
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert [row["StoreID"] for row in read_rows(lake, result.batch_id, record)] == ["1", "3"]
    stored = tree(lake)
    assert stored[f"bronze/stores/{result.batch_id}/Stores.csv"] == content
    assert stored[f"bronze/malformed/stores/{result.batch_id}/Stores.csv.jsonl"] == (
        b'{"number": 3, "text": "2,Bergen", "error": "2 fields where the header has 4"}\n'
    )
    assert len(stored) == 4
    assert result.warnings == ["Stores.csv: 1 malformed line set aside."]


def test_gzip_lands_byte_for_byte_clean_or_not(lake, inbox):
    clean = gzip.compress(STORES) + gzip.compress(STORE)
    (inbox / "Stores_1.csv.gz").write_bytes(clean)
    broken = gzip.compress(STORES + STORE + b"2\n")
    (inbox / "Stores_2.csv.GZ").write_bytes(broken)
    result = land(lake, CONTRACT, inbox)
    folder = f"bronze/stores/{result.batch_id}"
    assert lake.read_bytes(f"{folder}/Stores_1.csv.gz") == clean
    assert lake.read_bytes(f"{folder}/Stores_2.csv.gz") == broken
    assert [(r.rows, r.malformed_rows, r.bytes) for r in result.records] == [
        (1, 0, len(clean)),
        (1, 1, len(broken)),
    ]


def test_rows_are_text_for_every_engine(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    (inbox / "Stores_2.csv").write_bytes(STORES)
    result = land(lake, CONTRACT, inbox)
    for record in result.records:
        path = lake.uri(paths.rows("stores", result.batch_id, record.name))
        types = dict(
            duckdb.sql(f"select column_name, column_type from (describe from '{path}')").fetchall()
        )
        assert list(types) == [*CONTRACT["stores"].columns, *LINEAGE]
        assert (types.pop("_row_number"), types.pop("_as_of")) == (
            "BIGINT",
            "TIMESTAMP",
        )
        physical = duckdb.sql(f"select type from parquet_schema('{path}') where name = '_as_of'")
        assert physical.fetchall() == [("INT96",)]  # which a pool is sure to read as a time
        assert set(types.values()) == {"VARCHAR"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"StoreID,Location,Manager\n1,a,b\n", "column OpenHours is missing"),
        (b"StoreID,Location,Manager,OpenHours,storeid\n", "StoreID"),
        (bytes(range(256)) * 50, "encoding"),
        (STORES + b"1,\xff\xfe,x,y\n", "UTF-8"),
    ],
)
def test_a_file_that_breaks_its_contract_goes_to_quarantine(lake, inbox, content, reason):
    (inbox / "Stores.csv").write_bytes(content)
    (inbox / "Agents.csv").write_bytes(b"AgentID,Name,Department,Shift\n1,a,b,c\n")
    with pytest.raises(QuarantinedError, match=r"Stores\.csv") as error:
        land(lake, CONTRACT, inbox)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    [manifest] = [json.loads(tree(lake)[p]) for p in tree(lake) if p.startswith(paths.MANIFESTS)]
    agents, stores = manifest["files"]
    assert (agents["entity"], agents["outcome"], agents["rows"]) == ("agents", "landed", 1)
    assert (stores["path"], stores["outcome"], stores["rows"]) == (None, "quarantined", 0)
    assert reason in stores["reason"]
    held = paths.quarantined(manifest["batch_id"], "Stores.csv")
    assert lake.read_bytes(held) == content
    note = json.loads(lake.read_bytes(f"{held}.reason.json"))
    assert reason in note["reason"]
    assert not [p for p in tree(lake) if "/stores/" in p]


@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(STORES + STORE)[:-9], gzip.compress(STORES) + b"tail", b""],
    ids=["not gzip", "cut", "with a tail", "empty"],  # their bytes hold the time
)
def test_an_unreadable_gzip_file_goes_to_quarantine(lake, inbox, content):
    (inbox / "Stores.csv.gz").write_bytes(content)
    with pytest.raises(QuarantinedError, match=r"gzip|empty"):
        land(lake, CONTRACT, inbox)
    [held] = [p for p in tree(lake) if p.endswith("Stores.csv.gz")]
    assert held.startswith(paths.QUARANTINE)
    assert lake.read_bytes(held) == content


def test_a_file_that_fails_late_leaves_nothing_half_landed(lake, inbox):
    content = STORES + b"1\n" + STORE * 200_000 + b"\xff"
    (inbox / "Stores.csv").write_bytes(content)
    with pytest.raises(QuarantinedError, match="line 200003"):
        land(lake, CONTRACT, inbox)
    assert [p.split("/")[1] for p in tree(lake)] == ["manifests", "quarantine", "quarantine"]


class PanicException(BaseException):
    """What a reader in Rust raises: no Exception, and of a class that cannot be imported."""


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError, MemoryError, RecursionError, OSError, PanicException],
    ids=lambda error: error.__name__,
)
def test_a_file_that_only_our_reader_is_to_blame_for_goes_to_quarantine(
    lake, inbox, monkeypatch, error
):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    (inbox / "Stores_2.csv").write_bytes(STORES + STORE * 2)
    read = reading.read

    def fail(name, *rest):
        found = read(name, *rest)
        if name == "Stores.csv":
            raise error("how could that be")
        return found

    monkeypatch.setattr(reading, "read", fail)
    result = land_folder(lake, inbox)
    assert list(result.quarantined) == ["Stores.csv"]
    assert "how could that be" in result.quarantined["Stores.csv"]
    assert [r.source for r in result.records if r.outcome == "landed"] == ["Stores_2.csv"]
    assert [p for p in tree(lake) if p.endswith("/Stores.csv")] == [
        paths.quarantined(result.batch_id, "Stores.csv")
    ]


def test_what_goes_wrong_after_the_last_row_is_no_reason_to_fail_either(lake, inbox, monkeypatch):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    monkeypatch.setattr(Guards, "conclude", lambda _: 1 / 0)
    assert "division by zero" in land_folder(lake, inbox).quarantined["Stores.csv"]


def test_a_zip_file_without_its_beginning_costs_itself_only(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("Stores.csv", STORES)
    # What is in it is said to be in a place before its beginning, which the system calls an error.
    (inbox / "Stores_2.zip").write_bytes(content.getvalue()[10:])
    result = land_folder(lake, inbox)
    assert list(result.quarantined) == ["Stores_2.zip"]
    assert "it isn't a readable ZIP file" in result.quarantined["Stores_2.zip"]
    assert "Stores.csv" in [r.source for r in result.records if r.outcome == "landed"]


def test_a_disk_that_fails_is_not_the_files_fault(lake, inbox, monkeypatch):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(reading, "read", fail)
    with pytest.raises(InputError, match=r"Cannot read .*Stores.csv: Input/output error"):
        land(lake, CONTRACT, inbox)
    assert tree(lake) == {}


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("Stores_2024-05-01-2024-05-31.csv", datetime(2024, 5, 31, 23, 59, 59, 999_999)),
        ("Stores_20240501_20240531.csv", datetime(2024, 5, 31, 23, 59, 59, 999_999)),
        ("Stores_2024-01_2024-02.csv", datetime(2024, 2, 29, 23, 59, 59, 999_999)),
        ("Stores_2024-02-30.csv", datetime(2023, 11, 14, 22, 13, 20)),
    ],
)
def test_a_file_of_several_days_holds_since_the_last_of_them(lake, inbox, name, since):
    (inbox / name).write_bytes(STORES + STORE)
    os.utime(inbox / name, (1_700_000_000, 1_700_000_000))
    result = land(lake, CONTRACT, inbox)
    assert read_rows(lake, result.batch_id, result.records[0])[0]["_as_of"] == since


def test_the_same_under_its_name_is_not_even_copied(lake, inbox, monkeypatch):
    told = []
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    first = land_folder(lake, inbox)
    open_write = lake.open_write
    written = []
    monkeypatch.setattr(lake, "open_write", lambda path: written.append(path) or open_write(path))
    again = land_folder(lake, inbox, on_progress=told.append)
    assert [(d.source, d.batch_id) for d in again.duplicates] == [("Stores.csv", first.batch_id)]
    assert not [path for path in written if path.endswith("Stores.csv")]
    assert told == [0, len(STORES + STORE)]
    (inbox / "Stores.csv").write_bytes(STORES + STORE + b"2,Rome,Bo,9-17\n")
    assert [record.rows for record in land_folder(lake, inbox).records] == [2]
    assert [path for path in written if path.endswith("Stores.csv")]


def test_the_same_again_lands_once(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE + b"2\n")
    (inbox / "Stores_copy.csv").write_bytes(STORES + STORE + b"2\n")
    first = land(lake, CONTRACT, inbox)
    assert [r.source for r in first.records] == ["Stores.csv"]
    assert [d.source for d in first.duplicates] == ["Stores_copy.csv"]
    before = tree(lake)
    again = land(lake, CONTRACT, inbox)
    assert again.batch_id is None
    assert [(d.source, d.batch_id) for d in again.duplicates] == [
        ("Stores.csv", first.batch_id),
        ("Stores_copy.csv", first.batch_id),
    ]
    assert tree(lake) == before
    assert {p.name for p in (lake.root / "bronze/stores").iterdir()} == {first.batch_id}


def test_earlier_bytes_are_news_once_others_came_after_them(lake, inbox):
    for number, text in enumerate((STORE, STORE * 2, STORE)):
        (inbox / f"Stores_{number}.csv").write_bytes(STORES + text)
    assert len(land(lake, CONTRACT, inbox).records) == 3
    assert land(lake, CONTRACT, inbox).batch_id is None
    (inbox / "Stores_0.csv").write_bytes(STORES + STORE * 2)
    assert [r.source for r in land(lake, CONTRACT, inbox).records] == ["Stores_0.csv"]


def test_two_files_of_one_name_in_two_folders_are_two(lake, inbox):
    for folder, store in (("north", STORE), ("south", STORE * 2)):
        (inbox / folder / ".hidden").mkdir(parents=True)
        (inbox / folder / "Stores.csv").write_bytes(STORES + store)
        (inbox / folder / ".hidden" / "Stores.csv").write_bytes(STORES)
    result = land(lake, CONTRACT, inbox)
    assert [(r.source, r.name) for r in result.records] == [
        ("north/Stores.csv", "north_Stores.csv"),
        ("south/Stores.csv", "south_Stores.csv"),
    ]
    assert land(lake, CONTRACT, inbox).batch_id is None


def test_a_folder_that_is_a_link_is_read_and_nothing_twice(lake, inbox, tmp_path):
    (inbox / "today").mkdir()
    (inbox / "today" / "Stores.csv").write_bytes(STORES + STORE)
    (inbox / "latest").symlink_to(inbox / "today")
    (inbox / "today" / "up").symlink_to(inbox)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "Agents.csv").write_bytes(b"AgentID,Name,Department,Shift\n1,a,b,c\n")
    (elsewhere / "round").symlink_to(elsewhere)
    (inbox / "mounted").symlink_to(elsewhere)
    result = land(lake, CONTRACT, inbox)
    assert [r.source for r in result.records] == ["mounted/Agents.csv", "today/Stores.csv"]
    assert result.duplicates == []


def test_links_to_folders_in_one_another_are_read_once(lake, inbox, tmp_path):
    outer = tmp_path / "outer"
    (outer / "inner").mkdir(parents=True)
    (outer / "inner" / "Stores.csv").write_bytes(STORES + STORE)
    (inbox / "a").symlink_to(outer / "inner")
    (inbox / "b").symlink_to(outer)
    assert [source for _, source in list_input(inbox)] == ["a/Stores.csv"]
    (outer / "inbox").symlink_to(inbox)
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    sources = [source for _, source in list_input(inbox)]
    assert sources == ["Stores.csv", "a/Stores.csv"]


def test_a_changed_file_lands_in_a_later_batch(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    first = land(lake, CONTRACT, inbox)
    (inbox / "Stores.csv").write_bytes(STORES + STORE.replace(b"Oslo", b"Rome"))
    second = land(lake, CONTRACT, inbox)
    assert second.batch_id > first.batch_id
    assert len(second.records) == 1


def test_equal_bytes_are_no_duplicate_for_another_entity(lake, inbox):
    contract = {"a": Entity("a", "A", ("ID",)), "b": Entity("b", "B", ("ID",))}
    (inbox / "A.csv").write_bytes(b"ID\n1\n")
    (inbox / "B.csv").write_bytes(b"ID\n1\n")
    assert len(land(lake, contract, inbox).records) == 2


def test_a_quarantined_file_is_held_once_and_reported_each_time(lake, inbox):
    (inbox / "Stores.csv").write_bytes(b"StoreID\n1\n")
    assert len(land_folder(lake, inbox).records) == 1
    before = tree(lake)
    again = land_folder(lake, inbox)
    assert again.batch_id is None
    assert list(again.quarantined) == ["Stores.csv"]
    with pytest.raises(QuarantinedError, match="OpenHours"):
        again.raise_for_quarantine()
    assert tree(lake) == before


def test_a_quarantined_file_lands_once_the_contract_takes_it(lake, inbox):
    (inbox / "Stores.csv").write_bytes(b"StoreID\n1\n")
    land_folder(lake, inbox)
    result = land(lake, {"stores": Entity("stores", "Stores", ("StoreID",))}, inbox)
    assert [r.outcome for r in result.records] == ["landed"]


def test_files_of_no_entity_are_left_alone_and_reported(lake, inbox):
    for name in ("Orders.csv", "Stores.pdf", "Stores_old.csv", ".hidden.csv"):
        (inbox / name).write_text("x")
    (inbox / "Stores").mkdir()
    result = land(lake, CONTRACT, inbox)
    assert result.batch_id is None
    assert result.unrecognised == ["Orders.csv", "Stores.pdf", "Stores_old.csv"]
    for name, warning in zip(result.unrecognised, result.warnings, strict=True):
        assert name in warning
    assert len(list(inbox.iterdir())) == 5
    assert tree(lake) == {}


def test_an_empty_folder_lands_nothing(lake, inbox):
    assert land(lake, CONTRACT, inbox).batch_id is None
    assert list(lake.list("")) == []


def test_names_that_engines_would_take_for_patterns_are_made_safe(lake, inbox):
    (inbox / "Stores [1].csv").write_bytes(STORES)
    (inbox / "Stores *1*.csv").write_bytes(STORES + STORE)
    result = land(lake, CONTRACT, inbox)
    assert [(r.source, r.path.rpartition("/")[2]) for r in result.records] == [
        ("Stores *1*.csv", "Stores__1_.csv"),
        ("Stores [1].csv", "Stores__1_-2.csv"),
    ]


def test_input_that_cannot_be_read_is_a_clear_error(lake, inbox, tmp_path):
    with pytest.raises(InputError, match="isn't there"):
        land(lake, CONTRACT, tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        land(lake, CONTRACT, tmp_path / "file")
    (inbox / "Agents.csv").write_bytes(b"AgentID,Name,Department,Shift\n1,a,b,c\n")
    (inbox / "Stores.csv").symlink_to(inbox / "gone")
    with pytest.raises(InputError, match=r"Cannot read .*Stores.csv"):
        land(lake, CONTRACT, inbox)
    assert tree(lake) == {}


def test_a_pipe_in_the_input_is_told_of_and_not_waited_for(lake, inbox):
    os.mkfifo(inbox / "Stores.csv")
    with pytest.raises(InputError, match=r"Stores.csv is a pipe"):
        land(lake, CONTRACT, inbox)


def test_a_file_name_that_is_no_utf8_lands(lake, inbox):
    name = os.fsdecode(b"Stores_M\xfcnchen.csv")
    (inbox / name).write_bytes(STORES + STORE)
    land(lake, CONTRACT, inbox)
    [[record]] = [m.files for m in read_manifests(lake)]
    assert record.source == r"Stores_M\xfcnchen.csv"


def test_a_file_that_still_grows_is_refused(lake, inbox):
    path = inbox / "Stores.csv"
    path.write_bytes(STORES + STORE)

    def grow(_):
        with path.open("ab") as file:
            file.write(STORE)  # without an end, were it read to its end

    with pytest.raises(InputError, match="changed while it was read"):
        land(lake, CONTRACT, inbox, on_progress=grow)
    assert tree(lake) == {}


def test_a_file_that_changes_between_being_copied_and_read_is_refused(lake, inbox, monkeypatch):
    path = inbox / "Stores.csv"
    path.write_bytes(STORES + STORE)
    holds_since = incoming.holds_since

    def change(*about):
        path.write_bytes(STORES + STORE * 2)
        return holds_since(*about)

    monkeypatch.setattr(incoming, "holds_since", change)  # of all that is done, the first to read
    with pytest.raises(InputError, match="changed while it was read"):
        land(lake, CONTRACT, inbox)
    assert tree(lake) == {}


def test_a_lake_that_cannot_be_written_is_a_clear_error(inbox, tmp_path):
    (inbox / "Stores.csv").write_bytes(STORES)
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="Cannot write"):
        land(LocalLake(tmp_path / "file"), CONTRACT, inbox)


def test_progress_ends_at_the_size_of_the_input(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE * 100_000)
    (inbox / "Agents.csv").write_bytes(b"AgentID,Name,Department,Shift\n1,a,b,c\n")
    told = []
    land(lake, CONTRACT, inbox, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == sum(path.stat().st_size for path in inbox.iterdir())


def test_a_step_that_is_run_again_replaces_what_it_brought(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + b"1\n")
    batch = Batch(lake, CONTRACT)
    land_files(batch, inbox)
    (inbox / "Stores.csv").unlink()
    (inbox / "Stores_2.csv").write_bytes(STORES + STORE)
    land_files(batch, inbox)
    result = commit(batch)
    assert [p for p in tree(lake) if not p.startswith(paths.MANIFESTS)] == [
        f"bronze/rows/stores/{result.batch_id}/Stores_2.csv.parquet",
        f"bronze/stores/{result.batch_id}/Stores_2.csv",
    ]


# Killed runs

SOURCE = ApiSource(
    "orders",
    "stores",
    "/",
    Declaration(order_by="At"),
    data="data",
    incremental=Incremental("At", "since"),
)
RECORDS = [
    {"StoreID": 8, "Location": "a", "Manager": "b", "OpenHours": "c", "At": "2026-01-01T00:00:00Z"},
    {"StoreID": 9, "Location": "a", "Manager": "b", "OpenHours": "c", "At": "2026-01-02T00:00:00Z"},
]


class Api(BaseHTTPRequestHandler):
    """Has all records since the time that is asked for on one page."""

    def do_GET(self):
        since = parse_qs(urlsplit(self.path).query).get("since", [""])[0]
        body = json.dumps({"data": [each for each in RECORDS if each["At"] >= since]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    """Serve from a process of its own: one with threads that come and go is not to be forked."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        child = os.fork()
        if child == 0:
            try:
                server.serve_forever()
            finally:
                os._exit(0)
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def whole_run(lake, inbox, url):
    remove_uncommitted(lake)
    batch = Batch(lake, CONTRACT)
    land_files(batch, inbox)
    api.land_api(batch, SOURCE, url)
    return commit(batch)


def without_batch(lake):
    """Return what the lake holds, whatever its batches are called and when they were made."""
    batches = {p.rsplit("/", 1)[1][:-5] for p in tree(lake) if p.startswith(paths.MANIFESTS)}
    assert len(batches) == 1
    [batch] = batches
    manifest = read_manifest(lake, batch)
    found = {
        "manifest": str(manifest.files),
        "rows": str([read_rows(lake, batch, record) for record in manifest.landed]),
    }
    for path, data in tree(lake).items():
        if not path.startswith((paths.MANIFESTS, paths.STATE)):
            found[path] = "" if path.startswith(paths.ROWS) else data.decode(errors="replace")
    state = json.loads(lake.read_bytes(paths.state("orders")))
    state.pop("updated_at", None)
    found["state"] = str(state)
    time_of_pull = re.compile(r"'(modified|as_of)': '[^']*'|modified='[^']*'")
    return {
        path.replace(batch, "BATCH"): time_of_pull.sub("", text.replace(batch, "BATCH"))
        for path, text in found.items()
    }


def killed_at(step, root, action):
    """Run an action in a child that dies before its n-th file in a folder; tell if it did.

    That is before it begins one, or gives it its name.
    """
    count = 0

    def hook(event, args):
        nonlocal count
        writes = event == "open" and isinstance(args[2], int) and args[2] & 3
        if (writes or event == "os.rename") and str(args[0]).startswith(str(root)):
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)

    def act():
        sys.addaudithook(hook)
        action()

    return is_killed(act)


def test_a_run_killed_anywhere_is_made_good_by_the_next(tmp_path, inbox, monkeypatch):
    (inbox / "Stores.csv").write_bytes(STORES + STORE + b"2\n" + b"3,x,y,z\n")
    (inbox / "Stores_b.csv.gz").write_bytes(gzip.compress(STORES + b"4,x,y,z\n5\n", mtime=0))
    (inbox / "Agents.csv").write_bytes(b"AgentID,Name,Department,Shift\n1,a,b,c\n")
    (inbox / "Products.csv").write_bytes(b"ProductID\n1\n")
    monkeypatch.setattr(landing, "_THREADS", 1)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nobody pulls the plug here
    with serving() as url:
        calm = LocalLake(tmp_path / "calm")
        whole_run(calm, inbox, url)
        expected = without_batch(calm)
        # Of four files that landed the bytes and rows, of two also malformed lines; what is in
        # quarantine and why; and three of the batch itself.
        assert len(expected) == 4 * 2 + 2 + 2 + 3
        step, killed = 0, True
        while killed:
            step += 1
            lake = LocalLake(tmp_path / f"lake{step}")
            lake.write_bytes(paths.INDEX, b"")  # so that nobody looks through all of bronze
            killed = killed_at(step, lake.root, lambda lake=lake: whole_run(lake, inbox, url))
            whole_run(lake, inbox, url)
            lake.delete(paths.INDEX)
            assert without_batch(lake) == expected
            assert not list(lake.list(paths.BEGUN))
            assert not list(lake.root.rglob(".tmp-*"))
    assert step > 30


def test_nothing_of_a_batch_counts_before_its_commit(lake, inbox):
    (inbox / "Stores.csv").write_bytes(STORES + STORE)
    kept = land(lake, CONTRACT, inbox)
    before = tree(lake)
    (inbox / "Stores.csv").write_bytes(STORES + STORE + b"2\n")
    batch = Batch(lake, CONTRACT)
    land_files(batch, inbox)
    assert remove_uncommitted(lake) == [batch.batch_id]
    assert tree(lake) == before
    assert remove_uncommitted(lake) == []
    assert not list(lake.list(paths.BEGUN))
    assert kept.batch_id in next(iter(before))
