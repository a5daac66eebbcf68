"""Looks for texts in everything that we hold: each byte of files, each column of a database.

Files are looked at as they are and unpacked: gzip, ZIP and workbooks, Parquet as values. A text is
found in any case, in UTF-8 and UTF-16, and as JSON, HTML and URLs escape it.
"""

import html
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.forgetting import plain_pieces
from lake.errors import LakeError
from lake.store import Lake
from warehouse.connection import Query, literal

_BLOCK = 8 << 20
# Not inside of a word; what an escaped line break or blank ends with is no letter of one.
_BEGIN = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2}))"
_PACKED = (".gz", ".zip", ".xlsx", ".parquet", ".html")
_FRACTION = re.compile(r"\.0+\Z")


@dataclass
class Searched:
    """What was looked through, and where something was found."""

    files: int = 0
    bytes: int = 0
    columns: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, other: "Searched") -> None:
        """Add what was looked through besides."""
        self.files += other.files
        self.bytes += other.bytes
        self.columns += other.columns
        self.places += other.places


class Wanted:
    """Finds any of some byte strings, in any case, that do not stand inside of a word."""

    def __init__(self, spelled: Collection[bytes]) -> None:
        """Look for these."""
        longest_first = sorted(spelled, key=len, reverse=True)
        any_of = b"|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rb"%b(?:%b)(?![A-Za-z0-9])" % (_BEGIN, any_of), re.IGNORECASE)
        self._lowered = {each.lower() for each in spelled}

    def is_in(self, data: bytes) -> bool:
        """Tell whether one of them is there."""
        lowered = data.lower()
        # Most hold none, which this tells in a tenth of the time that the pattern takes.
        return any(each in lowered for each in self._lowered) and bool(self._pattern.search(data))


def wanted(texts: Iterable[str]) -> Wanted | None:
    """Return what finds any of the texts in bytes, however they are written; None without any.

    >>> wanted(["Zoë Q"]).is_in(json.dumps("zoë q").encode())
    True
    >>> [wanted(["1 Main St"]).is_in(each) for each in (b"11 Main St", rb"at\\n1 Main St")]
    [False, True]
    """
    spelled: set[bytes] = set()
    for text in texts:
        for cased in {text, text.lower(), text.upper(), text.title()}:
            written = {
                cased,
                json.dumps(cased)[1:-1],
                json.dumps(cased, ensure_ascii=False)[1:-1],
                html.escape(cased),
                quote(cased),
                cased.replace('"', '""'),
            }
            spelled |= {each.encode() for each in written}
            spelled |= {cased.encode(encoding) for encoding in ("utf-16-le", "utf-16-be")}
    return Wanted(spelled) if spelled else None


def search_folder(folder: Path, texts: Wanted, leave_out: Collection[Path] = ()) -> Searched:
    """Look for texts in all files of a folder; `leave_out` are files and folders."""
    found = Searched()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(path == each or each in path.parents for each in leave_out):
            continue
        found.files += 1
        found.bytes += path.stat().st_size
        has = _is_in(_blocks(path), texts)
        if not has and path.name.lower().endswith(_PACKED):
            has = _is_in(plain_pieces(path.name, path.read_bytes()), texts)
        if has:
            found.places.append(str(path.relative_to(folder)))
    return found


def search_lake(
    lake: Lake,
    texts: Wanted | None,
    ids: Mapping[str, Collection[str]],
    leave_out: Collection[str] = (),
) -> Searched:
    """Look for texts in all files of a lake, and for ids in the columns of Parquet files."""
    found = Searched()
    for path in lake.list(""):
        if path in leave_out:
            continue
        try:
            data = lake.read_bytes(path)
        except LakeError:  # another program removed it meanwhile
            continue
        found.files += 1
        found.bytes += len(data)
        name = path.rpartition("/")[2]
        has_text = texts is not None and _is_in(plain_pieces(name, data), texts)
        if has_text or (name.endswith(".parquet") and _has_ids(data, ids)):
            found.places.append(path)
    return found


def _has_ids(data: bytes, ids: Mapping[str, Collection[str]]) -> bool:
    """Tell whether a Parquet file has any of the ids in a column that is of such ids."""
    parquet = pq.ParquetFile(io.BytesIO(data))
    for column in parquet.schema_arrow.names:
        kind = next((kind for kind in ids if _spelled(column).endswith(_spelled(kind))), None)
        if kind is None or not ids[kind]:
            continue
        values = pc.unique(parquet.read(columns=[column])[column])
        said = {_FRACTION.sub("", str(value).strip()) for value in values.to_pylist()}
        if said & set(ids[kind]):
            return True
    return False


def _spelled(column: str) -> str:
    return column.replace("_", "").casefold()


def search_database(
    query: Query,
    texts: Collection[str],
    ids: Mapping[str, Collection[str]],
    contains: Callable[[str, str], str],
) -> Searched:
    """Look for texts in every column of text, and for ids in every column of them.

    `ids` are customer, loyalty and person ids by the end of a column's name; `contains` writes the
    condition that a column holds a text, in the database's SQL. Views are left out: what they show
    is in tables and files.
    """
    found = Searched()
    columns = query(
        "select c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE "
        "from INFORMATION_SCHEMA.COLUMNS as c inner join INFORMATION_SCHEMA.TABLES as t "
        "on c.TABLE_SCHEMA = t.TABLE_SCHEMA and c.TABLE_NAME = t.TABLE_NAME "
        "where t.TABLE_TYPE = 'BASE TABLE'"
    )
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, table, column, kind in columns:
        conditions = tables.setdefault((schema, table), [])
        quoted = f'"{column}"'
        wanted = next((ids[name] for name in ids if column.endswith(name)), ())
        if wanted:
            listed = ", ".join(map(literal, wanted))
            conditions.append(f"cast({quoted} as nvarchar(128)) in ({listed})")
        if "char" in kind.lower() or "text" in kind.lower() or "[]" in kind:
            conditions += [contains(quoted, text) for text in texts]
        found.columns += 1
    for (schema, table), conditions in sorted(tables.items()):
        if not conditions:
            continue
        where = " or ".join(conditions)
        ((rows,),) = query(f'select count(*) from "{schema}"."{table}" where {where}')
        if rows:
            found.places.append(f"table {schema}.{table} ({rows:,} rows)")
    return found


def duckdb_contains(column: str, text: str) -> str:
    """Return the condition that a column holds a text, in DuckDB."""
    return f"contains(lower(cast({column} as varchar)), lower({literal(text)}))"


def tsql_contains(column: str, text: str) -> str:
    """Return the condition that a column holds a text, in T-SQL."""
    return f"charindex(lower({literal(text)}), lower({column})) > 0"


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _is_in(pieces: Iterable[bytes], texts: Wanted) -> bool:
    rest = b""
    for piece in pieces:
        if texts.is_in(rest + piece):
            return True
        rest = piece[-1024:]
    return False
