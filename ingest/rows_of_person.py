"""What of all that arrived is about a person: rows, lines set aside, files in quarantine.

Every batch is looked through, those that were taken back too: their files are still there. Rows are
found by the ids of customers and of loyalty accounts, whatever became of them afterwards; what has
no key to find it by, by e-mail address and name.
"""

import gzip
import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest import containers
from ingest.contract import Entity
from ingest.declarations import Declaration, Declarations
from ingest.raw_lines import RawLine, raw_lines
from ingest.rows import ASCII_BLANKS
from lake import paths
from lake.errors import C360Error
from lake.manifest import FileRecord, Manifest, read_manifests, read_retracted
from lake.store import Lake

CUSTOMER, ACCOUNT = "CustomerID", "LoyaltyID"
_NOTE = paths.quarantine_reason("", "").rpartition("/")[2]
_BLOCK = 1 << 20
_LONGEST = 1 << 12  # bytes of what is looked for; blocks overlap by it
_AT_ONCE = 8  # files that are read at the same time: of a lake on Azure each is some requests


@dataclass(frozen=True)
class Wanted:
    """By what a person's rows are found; `keys_are_text` tells of customers and of accounts.

    `not_theirs` tells which of some accounts are somebody else's by now, or stand for none.
    """

    customer_ids: frozenset[str]
    account_ids: frozenset[str] = frozenset()
    not_theirs: Callable[[Collection[str]], Collection[str]] = lambda accounts: ()
    customer_keys_are_text: bool = False
    account_keys_are_text: bool = False


@dataclass(frozen=True)
class RawRow:
    """A row as it was read and as it arrived.

    `line` is its place in the file and `text` what stands there, None where that cannot be told.
    """

    entity: str
    batch_id: str
    arrived_at: str
    taken_back_at: str | None
    source: str
    path: str
    row_number: int
    values: dict[str, str | None]
    line: int | None = None
    text: str | None = None


class SetAside(NamedTuple):
    """A line that no reader could place, and that names the person."""

    entity: str
    batch_id: str
    arrived_at: str
    source: str
    number: int
    text: str
    error: str


@dataclass
class Arrived:
    """All that arrived about a person; `untold` says what could not be looked at, and why."""

    rows: list[RawRow] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


class Names:
    """E-mail addresses and full names, to be looked for in text of any form.

    A name of one word of Latin letters is none: it is in too much that is about somebody else.
    """

    def __init__(self, emails: Iterable[str | None], names: Iterable[str | None]) -> None:
        """Take those that can be looked for."""
        self.emails = {_plain(each) for each in emails if each and "@" in each}
        whole = {_plain(each) for each in names if each}
        told = {each for each in whole if " " in each or not each.isascii()}
        self._wanted = sorted(self.emails | told)

    def are_in(self, text: str) -> bool:
        """Tell whether any of them is."""
        plain = _plain(text)
        return any(each in plain for each in self._wanted)


def arrived(
    lake: Lake, contract: Mapping[str, Entity], declarations: Declarations, wanted: Wanted
) -> Arrived:
    """Return all that arrived about a person, the oldest first.

    `declarations` say how the files are read, which tells the line that a row stands in.
    """
    found = Arrived()
    files = list(_landed(lake))
    keys = _Keys(wanted)
    with duckdb.connect() as connection:
        rows = []
        accounts = set(wanted.account_ids)
        for name, entity in contract.items():
            if CUSTOMER not in entity.columns:
                continue
            of_entity = keys.of_customers(wanted.customer_ids)
            held = list(_rows(connection, lake, files, entity, of_entity))
            rows += held
            if ACCOUNT in entity.columns:
                accounts |= keys.accounts(connection, [row[4][ACCOUNT] for row in held])
            if name == "customers":
                names = Names(*(_values(held, column) for column in ("Email", "Name")))
                rows += _rows(connection, lake, files, entity, keys.without_key(names.emails))
        accounts -= {*wanted.not_theirs(accounts)}
        for entity in contract.values():
            if ACCOUNT in entity.columns and CUSTOMER not in entity.columns and accounts:
                rows += _rows(connection, lake, files, entity, keys.of_accounts(accounts))
    by_file = defaultdict(list)
    for manifest, record, number, file, values in rows:
        by_file[file].append((manifest, record, number, values))
    for of_file in by_file.values():
        manifest, record, *_ = of_file[0]
        lines = _lines(lake, contract, declarations, record, {row[2] for row in of_file}, found)
        found.rows += [
            RawRow(
                record.entity,
                manifest.batch_id,
                manifest.created_at,
                manifest.retracted_at,
                record.source,
                record.path or "",
                number,
                values,
                *(lines[number][1:] if number in lines else (None, None)),
            )
            for _, _, number, values in of_file
        ]
    found.rows.sort(key=lambda row: (row.batch_id, row.entity, row.path, row.row_number))
    found.set_aside = list(_set_aside(lake, files, names))
    for path in lake.list(paths.QUARANTINE):
        if not path.endswith(_NOTE):
            try:
                if _is_in(lake, path, names):
                    found.quarantined.append(path)
            except (C360Error, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
                found.untold.append(f"{path} could not be looked through ({error})")
    return found


_File = tuple[Manifest, FileRecord]
_Row = tuple[Manifest, FileRecord, int, str, dict[str, Any]]


def _landed(lake: Lake) -> Iterator[_File]:
    for manifest in [*read_manifests(lake), *read_retracted(lake)]:
        for record in manifest.files:
            if record.outcome == "landed":
                yield manifest, record


class _Condition(NamedTuple):
    """A condition in SQL on some text columns of rows, with `values` as $1.

    Of column `holds` a row that meets it has one of the values within, however it is written.
    """

    sql: str
    columns: tuple[str, ...]
    values: list[str]
    holds: str | None = None


class _Keys:
    """Conditions on rows, by the forms in which keys arrive."""

    def __init__(self, wanted: Wanted) -> None:
        self._customer = _key(CUSTOMER, wanted.customer_keys_are_text)
        self._account = _key(ACCOUNT, wanted.account_keys_are_text)

    def of_customers(self, ids: Collection[str]) -> _Condition:
        return self._of(CUSTOMER, self._customer, ids)

    def of_accounts(self, ids: Collection[str]) -> _Condition:
        return self._of(ACCOUNT, self._account, ids)

    def _of(self, column: str, key: str, ids: Collection[str]) -> _Condition:
        return _Condition(f"{key} in (select unnest($1))", (column,), sorted(ids), column)

    def without_key(self, emails: Collection[str]) -> _Condition:
        """Those of customers that have no usable key, and one of these e-mail addresses."""
        address = f"lower({_trimmed('Email')})"
        has_none = f"nullif({self._customer}, '') is null"
        return _Condition(
            f"{has_none} and {address} in (select unnest($1))", (CUSTOMER, "Email"), sorted(emails)
        )

    def accounts(self, connection: duckdb.DuckDBPyConnection, texts: list[str | None]) -> set[str]:
        """Return the ids that texts stand for."""
        rows = connection.execute(
            f"select distinct {self._account} from (select unnest($1::varchar[]) as {ACCOUNT})",
            [texts],
        ).fetchall()
        return {key for (key,) in rows if key}


def _trimmed(column: str) -> str:
    return f"trim({column}, '{ASCII_BLANKS}')"


def _key(column: str, is_text: bool) -> str:
    """Return SQL for a key as silver has it (macro clean_key), as a text."""
    trimmed = _trimmed(column)
    if is_text:
        return trimmed
    number = f"ltrim({trimmed}, '''')"
    return (
        f"case when regexp_full_match({trimmed}, '''?[+-]?[0-9]+([.]0+)?') "
        f"then try_cast(split_part({number}, '.', 1) as bigint)::varchar end"
    )


def _rows(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    files: Iterable[_File],
    entity: Entity,
    condition: _Condition,
) -> Iterator[_Row]:
    """Yield the rows of an entity that a condition on its columns finds."""
    if not condition.values:
        return
    there = set(lake.list(f"{paths.ROWS}/{entity.name}"))
    looked_at = [
        (manifest, record, path)
        for manifest, record in files
        if record.entity == entity.name
        and (path := paths.rows(entity.name, manifest.batch_id, record.name)) in there
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(
            lambda each: _rows_of_file(connection, lake, each[2], condition), looked_at
        )
        for (manifest, record, path), rows in zip(looked_at, found, strict=True):
            for row in rows:
                kept = {name: row.get(name) for name in entity.columns}
                if "_extra" in row:
                    kept["_extra"] = row["_extra"]
                yield manifest, record, row["_row_number"], path, kept


def _rows_of_file(
    connection: duckdb.DuckDBPyConnection, lake: Lake, path: str, condition: _Condition
) -> list[dict[str, Any]]:
    """Return the rows of a file that a condition finds, a group of rows in memory at a time.

    Of a group without any only the columns of the condition are read.
    """
    found: list[dict[str, Any]] = []
    with lake.open_read(path) as file, connection.cursor() as cursor:
        parquet = pq.ParquetFile(file)
        for group in range(parquet.num_row_groups):
            keys = parquet.read_row_group(group, columns=[*condition.columns, "_row_number"])
            if condition.holds:  # most rows have nothing of it, which is soon found out
                column = keys[condition.holds]
                has = (pc.match_substring(column, value) for value in condition.values)
                keys = keys.filter(reduce(pc.or_, has))
            cursor.register("arrived_keys", keys)
            numbers = cursor.execute(
                f"select _row_number from arrived_keys where {condition.sql}", [condition.values]
            ).fetchall()
            if numbers:
                rows = parquet.read_row_group(group)
                wanted = pa.array([number for (number,) in numbers], pa.int64())
                found += rows.filter(pc.is_in(rows["_row_number"], wanted)).to_pylist()
    return found


def _values(rows: Iterable[_Row], column: str) -> list[str | None]:
    return [row[4].get(column) for row in rows]


def _lines(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    record: FileRecord,
    numbers: set[int],
    found: Arrived,
) -> dict[int | None, RawLine]:
    declaration = _declaration(declarations, record)
    try:
        if declaration is None:
            raise C360Error(f"the API {record.api} is not declared any more")
        lines = raw_lines(lake, contract[record.entity], declaration, record, numbers)
        return {line.row_number: line for line in lines}
    except C360Error as error:
        found.untold.append(
            f"The rows of {record.path} are shown as they were read, without their lines ({error})"
        )
        return {}


def _declaration(declarations: Declarations, record: FileRecord) -> Declaration | None:
    if record.api is None:
        return declarations.for_entity(record.entity)
    return next((api.declaration for api in declarations.apis if api.name == record.api), None)


def _set_aside(lake: Lake, files: Iterable[_File], names: Names) -> Iterator[SetAside]:
    for manifest, record in files:
        path = paths.malformed(record.entity, manifest.batch_id, record.name)
        if not record.malformed_rows or not lake.exists(path):
            continue
        for each in lake.read_bytes(path).splitlines():
            line = json.loads(each)
            if names.are_in(line["text"]):
                yield SetAside(
                    record.entity,
                    manifest.batch_id,
                    manifest.created_at,
                    record.source,
                    line["number"],
                    line["text"],
                    line["error"],
                )


def _is_in(lake: Lake, path: str, names: Names) -> bool:
    """Tell whether a file of whatever form holds any of the names."""
    with lake.open_read(path) as raw:
        if path.lower().endswith((".xlsx", ".zip")):
            with zipfile.ZipFile(raw) as archive:
                return any(
                    _stream_has(member, names)
                    for info in archive.infolist()
                    for member in [archive.open(info)]
                )
        if path.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as inner:
                return _stream_has(inner, names)
        if containers.format_of(path) == "parquet":
            return any(
                names.are_in(" ".join(str(value) for value in row.values() if value is not None))
                for batch in pq.ParquetFile(raw).iter_batches()
                for row in batch.to_pylist()
            )
        return _stream_has(raw, names)


def _stream_has(stream: Any, names: Names) -> bool:
    """Look at a file's bytes as UTF-8, JSON, UTF-16 and Windows-1252, block by block."""
    before = b""
    while block := stream.read(_BLOCK):
        data = before + block
        texts = (
            _unescaped(data.decode("utf-8", "ignore")),
            data.decode("utf-16-le", "ignore"),
            data.decode("utf-16-be", "ignore"),
            data.decode("cp1252", "ignore"),
        )
        if any(names.are_in(text) for text in texts):
            return True
        before = data[-_LONGEST:]
    return False


def _unescaped(text: str) -> str:
    """Return a text with the letters that JSON writes as numbers."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().casefold()
