"""What lands from a file: rows of text and lines set aside; or the file is quarantined.

CSV and JSON lines, plain, in gzip or in ZIP. Workbooks and Parquet files have cells of their own
and need no second reading: a test that writes one knows what is in it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from .reference_cleaning import TRIMMED, moment
from .reference_contract import ENTITIES, Entity, Options, Row, entity_for_file, spelled

RawRow = dict[str, str | None]
Found = tuple[int, str, list[str] | None]  # number, first line and fields of a record, if it is one

LONGEST_RECORD = 1024 * 1024  # bytes, its line end not counted
UNSEEN = TRIMMED + "".join(  # and wide blanks, zero-width and direction marks
    map(chr, [0x61C, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, *range(0x202A, 0x2030)])
)
UNSEEN += "\u205f\u2060\u2066\u2067\u2068\u2069\u3000\ufeff"
DELIMITERS = ",;\t|"
DEFAULTS = Options()
API_ORDER = "UpdatedAt"  # the field that tells which of an API's records is newer


@dataclass(frozen=True)
class InputFile:
    """A file to land, of an entity by its name; or JSON lines of an API's records of an entity."""

    path: Path
    entity: str | None = None  # None: by the file's name
    source_file: str | None = None  # its name in bronze; None: the same


@dataclass(frozen=True)
class Batch:
    """The files that land together."""

    batch_id: str
    files: Sequence[InputFile]

    @staticmethod
    def of_folder(batch_id: str, folder: Path) -> Batch:
        """Make a batch of the files in a folder, and in its folders, that belong to an entity."""
        files = [
            InputFile(path, source_file=path.relative_to(folder).as_posix().replace("/", "_"))
            for path in sorted(folder.rglob("*"))
            if path.is_file() and entity_for_file(path.name)
        ]
        return Batch(batch_id, files)

    @property
    def in_order(self) -> list[InputFile]:
        """Files in the order of their names in bronze, then API pulls as they came."""
        files = [file for file in self.files if file.entity is None]
        pulls = [file for file in self.files if file.entity is not None]
        return sorted(files, key=lambda file: file.source_file or file.path.name) + pulls


def arrival(batch_id: str) -> datetime:
    """Return when a batch arrived, in UTC, by its id; at the end of time when it doesn't say."""
    try:
        return datetime.strptime(batch_id[:16], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return datetime.max


@dataclass
class LandedFile:
    """A delivery in bronze: its good rows by the contract's names and the lines set aside."""

    entity: Entity
    source_file: str
    batch_id: str
    number: int  # its place in its batch, from 1
    as_of: datetime
    rows: list[RawRow]
    rows_as_of: list[datetime]
    rows_extra: list[dict[str, str]]
    malformed: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that did not land, and why."""

    batch_id: str
    source: str
    reason: str


class Unusable(Exception):
    """The file as a whole breaks the contract."""


def land(
    batches: Sequence[Batch], options: Options = DEFAULTS
) -> tuple[list[LandedFile], list[QuarantinedFile]]:
    """Land the batches in the order of their ids; what the lake knows already does not land."""
    landed: list[LandedFile] = []
    quarantined: list[QuarantinedFile] = []
    newest: dict[tuple[str, str], str] = {}  # hash by entity and name; by entity and ""
    newest_as_of: dict[tuple[str, str], datetime] = {}
    for batch in sorted(batches, key=lambda batch: batch.batch_id):
        for number, file in enumerate(batch.in_order, 1):
            entity = ENTITIES[file.entity] if file.entity else entity_for_file(file.path.name)
            if entity is None:
                continue
            source_file = file.source_file or file.path.name
            content = file.path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            places = [(entity.name, source_file), (entity.name, "")]
            if file.entity is None and digest in [newest.get(place) for place in places]:
                continue
            try:
                records, malformed = read(entity, file.path.name, content)
            except Unusable as error:
                quarantined.append(QuarantinedFile(batch.batch_id, source_file, str(error)))
                continue
            as_of = file_as_of(file.path, arrival(batch.batch_id), newest_as_of.get(places[0]))
            if file.entity is None:
                newest.update(dict.fromkeys(places, digest))
                newest_as_of[places[0]] = as_of
            order_by = options.order_by.get(entity.name, API_ORDER if file.entity else None)
            landed.append(
                LandedFile(
                    entity,
                    source_file,
                    batch.batch_id,
                    number,
                    as_of,
                    [_raw_row(entity, record, options) for record in records],
                    [_row_as_of(record, order_by, as_of) for record in records],
                    [_extra(entity, record, options) for record in records],
                    malformed,
                )
            )
    return landed, quarantined


def _raw_row(entity: Entity, record: RawRow, options: Options) -> RawRow:
    row = {column.source: record.get(spelled(column.source)) for column in entity.columns}
    if entity.name in options.currency_columns:
        row["Currency"] = record.get(spelled(options.currency_columns[entity.name]))
    elif entity.name in options.currencies:
        row["Currency"] = options.currencies[entity.name]
    return row


def _extra(entity: Entity, record: RawRow, options: Options) -> dict[str, str]:
    """Return what the row has in the columns beyond the contract that are declared."""
    declared = options.extra if entity.name == "customers" else {}
    said = {name: record.get(spelled(header)) or "" for name, header in declared.items()}
    return {name: value.strip(UNSEEN) for name, value in said.items() if value.strip(UNSEEN)}


def read(entity: Entity, name: str, content: bytes) -> tuple[list[RawRow], list[Row]]:
    """Read a file as its name has it: its rows by spelled headers, and the lines set aside."""
    content, lowered = _unpacked(name.lower(), content)
    if lowered.endswith(".jsonl"):
        return _json_rows(content), []
    rows, malformed = _csv_rows(entity, _text(content))
    return rows, malformed


# --- When a row holds --------------------------------------------------------------------------

_DAY = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")
_MONTH = re.compile(r"(?<!\d)(\d{4})-(\d{2})(?![-\d])")


def file_as_of(path: Path, arrived: datetime, before: datetime | None) -> datetime:
    """Return when a file's rows hold: `before` is that of the landing before it under its name."""
    if day := _named_day(path.name):
        return min(datetime.combine(day, time.max), arrived)
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    return max(modified, before or modified)


def _named_day(name: str) -> datetime | None:
    for match in _DAY.finditer(name):
        try:
            return datetime(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:  # eight digits that are no day
            pass
    for match in _MONTH.finditer(name):
        try:
            within = datetime(int(match[1]), int(match[2]), 28)
        except ValueError:
            continue
        return (within + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return None


def _row_as_of(record: RawRow, order_by: str | None, as_of: datetime) -> datetime:
    """Return what the row says itself, in microseconds of UTC, where it says so readably."""
    changed = moment(record.get(spelled(order_by))) if order_by else None
    if changed is None:
        return as_of
    return changed[0] + timedelta(microseconds=int(changed[1] * 1_000_000))


# --- Bytes -------------------------------------------------------------------------------------


def _unpacked(name: str, content: bytes) -> tuple[bytes, str]:
    """Take a file out of its gzip or ZIP file."""
    try:
        if name.endswith(".gz"):
            return gzip.decompress(content), name.removesuffix(".gz")
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                inside = [each for each in packed.namelist() if not each.endswith("/")]
                if len(inside) != 1:
                    raise Unusable(f"{len(inside)} files in one ZIP file")
                return packed.read(inside[0]), inside[0].lower()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise Unusable("unreadable gzip or ZIP file") from error
    return content, name


def _text(content: bytes) -> str:
    if not content:
        raise Unusable("zero bytes")
    has_mark = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if has_mark else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable("unknown encoding") from error


def cleaned(value: str) -> str:
    """Return a value as the rows hold it: in NFC, without anything unseen at its ends.

    Blanks that silver trims are left to it, unless something else unseen is among them.
    """
    value = unicodedata.normalize("NFC", value)
    bare = value.strip(UNSEEN)
    return value if bare == value.strip(TRIMMED) else bare


def csv_value(field: str) -> str:
    """Return a field of a CSV file as the rows hold it: Excel writes 0017 as `="0017"`."""
    formula = re.fullmatch(r'="(.*)"', field, re.DOTALL)
    return cleaned(formula[1] if formula else field)


# --- CSV ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialect:
    """How a text is divided into lines and fields."""

    delimiter: str
    line_end: str  # a regular expression

    def record(self, text: str, start: int) -> tuple[list[str], int] | None:
        """Read the record at `start`: its fields and where the next begins; None if unplaceable."""
        quoted_field = re.compile(r'"([^"\0]*+(?:""[^"\0]*+)*+)"( *+)')
        plain_field = re.compile(rf"[^{re.escape(self.delimiter)}\r\n\0]*+")
        line_end = re.compile(self.line_end)
        limit = min(len(text), start + LONGEST_RECORD + 1)  # one more tells that it is too long
        fields: list[str] = []
        at = start
        while True:
            if quoted := quoted_field.match(text, at, limit):
                fields.append(quoted[1].replace('""', '"') + quoted[2])
                at = quoted.end()
            elif text.startswith('"', at):
                return None  # never closed
            else:
                plain = plain_field.match(text, at, limit)
                assert plain is not None
                fields.append(plain[0])
                at = plain.end()
            if 4 * (at - start) > LONGEST_RECORD < len(text[start:at].encode()):
                return None
            if at == len(text):
                return fields, at
            if end := line_end.match(text, at):
                return fields, end.end()
            if not text.startswith(self.delimiter, at):
                return None  # text after a closing quote, a NUL, or a bare CR
            at += 1

    def next_line(self, text: str, start: int) -> tuple[str, int]:
        """Return the physical line at `start`, and where the next begins."""
        if end := re.compile(self.line_end).search(text, start):
            return text[start : end.start()], end.end()
        return text[start:].removesuffix("\r"), len(text)


def _csv_rows(entity: Entity, text: str) -> tuple[list[RawRow], list[Row]]:
    delimiters, at = DELIMITERS, 0
    any_end = re.compile(r"\r?\n|\r")
    if named := re.match(r"sep=(.)(?:\r?\n|\r|\Z)", text):
        delimiters, at = named[1], named.end()
    while blank := any_end.match(text, at):
        at = blank.end()
    first_end = any_end.search(text, at)
    line_end = r"\r\n?|\n" if first_end and first_end[0] == "\r" else r"\r?\n"
    dialect, header, begin = _header(entity, text, at, delimiters, line_end)

    found: list[Found] = []
    at, number = begin, 1 + len(re.findall(line_end, text[:begin]))
    while at < len(text):
        line, end = dialect.next_line(text, at)
        record = dialect.record(text, at) if line else None
        if record is None or len(record[0]) < len(header) or any(record[0][len(header) :]):
            if line:  # a blank line is no row
                found.append((number, line, None))
        else:
            if record[0] != header:  # a header line that stands there again is no row either
                found.append((number, line, record[0]))
            end = record[1]
        number += len(re.findall(line_end, text[at:end]))
        at = end
    return _sorted_out(header, found)


def _sorted_out(header: list[str], found: list[Found]) -> tuple[list[RawRow], list[Row]]:
    """Divide what was found into rows and malformed lines.

    A surplus empty field is nothing when every row has it; in some rows it is a field too many.
    """
    widths = {len(fields) for _, _, fields in found if fields}
    width = widths.pop() if len(widths) == 1 else len(header)
    rows: list[RawRow] = []
    malformed: list[Row] = []
    for number, line, fields in found:
        if fields is None or len(fields) != width:
            malformed.append({"number": number, "text": line})
            continue
        rows.append(dict(zip(map(spelled, header), map(csv_value, fields), strict=False)))
    return rows, malformed


def _header(
    entity: Entity, text: str, at: int, delimiters: str, line_end: str
) -> tuple[Dialect, list[str], int]:
    """Find the delimiter with which the first line names all columns."""
    needed = {spelled(column.source) for column in entity.columns if not column.is_optional}
    for delimiter in delimiters:
        dialect = Dialect(delimiter, line_end)
        record = dialect.record(text, at) if at < len(text) else None
        if record is None:
            continue
        names = [spelled(name) for name in record[0]]
        if needed <= set(names):
            if any(names.count(name) > 1 for name in needed):
                raise Unusable("a column is there twice")
            return dialect, record[0], record[1]
    raise Unusable("no header with all columns")


# --- JSON lines --------------------------------------------------------------------------------


def _json_rows(content: bytes) -> list[RawRow]:
    rows: list[RawRow] = []
    for line in content.decode("utf-8-sig").split("\n"):
        if line.strip():
            # Numbers stay as they are written: 12.50 is the text "12.50".
            record = json.loads(line, parse_int=str, parse_float=_number, parse_constant=str)
            rows.append({spelled(name): _json_text(value) for name, value in record.items()})
    return rows


def _number(written: str) -> str:
    return re.sub(r"\.0+$", "", written)  # 1001.0 is 1001


def _json_text(value: Any) -> str | None:
    if value is None:
        return None
    return cleaned(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
