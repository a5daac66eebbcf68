"""Takes rows out of a raw file, or all of them but what is needed, and leaves the rest as it is.

A file that is rewritten is read as before, but for these rows: in the same format, encoding,
dialect and packing. What no reader looks at goes where it may name somebody: other files in a ZIP
file, all of a workbook but the values that are read; and blank lines, and what is beyond the first
64 KiB of a line longer than 1 MiB.
"""

import codecs
import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import simplejson

from ingest import containers
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import find_header, normalised
from ingest.raw_lines import CsvFile, Piece, Repeats, batch_rows, json_lines, workbook_rows
from ingest.readers.values import value_text
from lake.manifest import FileRecord
from lake.store import Lake

_PARQUET_ROWS = 65_536


@dataclass(frozen=True)
class Changes:
    """What is taken out of a file.

    `drop` are the numbers (`_row_number`) of rows that go as a whole, `redact` those of rows of
    which only the columns with headers in `kept` stay. `is_dropped` tells of a line that is no row
    whether it goes. The texts of `blanked` are taken out of whatever else stays.
    """

    drop: frozenset[int]
    redact: frozenset[int]
    kept: frozenset[str]
    is_dropped: Callable[[str], bool]
    blanked: tuple[str, ...] = ()

    def without(self, data: bytes) -> bytes:
        """Return bytes in UTF-8 without the texts that are taken out everywhere."""
        for text in self.blanked:
            data = data.replace(text.encode(), b"")
        return data

    def value_without(self, value: Any) -> Any:
        """Return a value without these texts."""
        if isinstance(value, str):
            for text in self.blanked:
                value = value.replace(text, "")
        return value

    @property
    def rows(self) -> frozenset[int]:
        """The rows that something happens to."""
        return self.drop | self.redact

    def keeps(self, header: str) -> bool:
        """Tell whether a column stays in a row that is redacted."""
        return normalised(header) in self.kept


def rewrite(
    lake: Lake, entity: Entity, declaration: Declaration, record: FileRecord, changes: Changes
) -> tuple[str, int]:
    """Rewrite a landed file in the lake; return the checksum (SHA-256) and the size it has now.

    It stays as it was until all of it is written. Raises UnreadableError as reading does.
    """
    assert record.path
    with lake.open_read(record.path) as raw, lake.open_write(record.path) as target:
        sink = _Digesting(target)
        _rewrite(record.name, raw, cast(BinaryIO, sink), entity, declaration, changes)
    return sink.digest.hexdigest(), sink.size


class _Digesting:
    """A file to write into that adds up what it is given."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._target.write(data)

    def flush(self) -> None:
        self._target.flush()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    closed = False


def _rewrite(
    name: str,
    source: BinaryIO,
    sink: BinaryIO,
    entity: Entity,
    declaration: Declaration,
    changes: Changes,
) -> None:
    lower = name.lower()
    if lower.endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            member = containers.only_member(archive)
            with (
                zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed,
                archive.open(member) as inner,
                packed.open(member.filename, "w", force_zip64=True) as target,
            ):
                _rewrite(
                    member.filename,
                    cast(BinaryIO, inner),
                    cast(BinaryIO, target),
                    entity,
                    declaration,
                    changes,
                )
        return
    if lower.endswith(".gz"):
        with (
            gzip.GzipFile(fileobj=source, mode="rb") as unpacked,
            gzip.GzipFile("", "wb", fileobj=sink, mtime=0) as target,
        ):
            inner_name = name[: -len(".gz")]
            _rewrite(
                inner_name,
                cast(BinaryIO, unpacked),
                cast(BinaryIO, target),
                entity,
                declaration,
                changes,
            )
        return
    kind = containers.format_of(name)
    if kind == "csv":
        _rewrite_csv(CsvFile(source, entity, declaration), sink, changes)
    elif kind == "jsonl":
        _rewrite_json_lines(source, sink, declaration, changes)
    elif kind == "parquet":
        _rewrite_parquet(source, sink, entity, declaration, changes)
    else:
        _rewrite_workbook(source, sink, entity, declaration, changes)


# CSV


def _rewrite_csv(file: CsvFile, sink: BinaryIO, changes: Changes) -> None:
    encode = _encoder(file.encoding)
    is_preamble_written = False
    for piece in file.pieces(changes.rows):
        if not is_preamble_written:  # the header is known from the first piece on
            sink.write(encode(_preamble(file, changes)))
            is_preamble_written = True
        data = _changed(file, piece, changes)
        if data is not None:
            end = b"" if data.endswith(b"\n") and piece.count > 1 else file.line_end
            sink.write(encode(changes.without(file.as_received(data + end))))
    if not is_preamble_written:
        sink.write(encode(_preamble(file, changes)))


def _preamble(file: CsvFile, changes: Changes) -> bytes:
    """Return what stands above the header, and the header."""
    above = b"".join(
        line if not changes.is_dropped(line.decode(errors="replace")) else b"\n"
        for line in file.preamble.splitlines(keepends=True)
    )
    header = file.header if file.header.endswith(b"\n") else file.header + b"\n"
    return above + file.as_received(header)


def _changed(file: CsvFile, piece: Piece, changes: Changes) -> bytes | None:
    """Return a piece as it is to be written, None for one that goes."""
    if not piece.is_row:
        return None if changes.is_dropped(piece.data.decode(errors="replace")) else piece.data
    if piece.row_number in changes.drop and piece.count == 1:
        return None
    if piece.row_number in changes.redact and piece.count == 1:
        fields = file.fields(piece.data)
        names = [*file.names, *[""] * (len(fields) - len(file.names))]
        return file.separator.join(
            raw if changes.keeps(name) else b"" for name, raw in zip(names, fields, strict=False)
        )
    return piece.data


def _encoder(encoding: str) -> Callable[[bytes], bytes]:
    """Return what makes bytes of a file out of UTF-8; with the mark that some encodings need."""
    name = codecs.lookup(encoding).name
    if name in ("utf-8", "ascii"):
        return bytes
    encoder = codecs.getincrementalencoder(encoding)()
    marks = ["\ufeff"] if name.endswith(("-le", "-be")) else []  # others write their own
    return lambda data: encoder.encode((marks.pop() if marks else "") + data.decode())


# JSON lines


def _rewrite_json_lines(
    source: BinaryIO, sink: BinaryIO, declaration: Declaration, changes: Changes
) -> None:
    for row, _, line in json_lines(source, declaration):
        if row in changes.drop or (
            row is None and changes.is_dropped(line.decode(errors="replace"))
        ):
            continue
        if row in changes.redact:
            line = _redacted(line, changes)
        sink.write(changes.without(line) + b"\n")


def _redacted(line: bytes, changes: Changes) -> bytes:
    """Return a record with nothing but the fields that stay; of nested ones, their paths."""
    record = simplejson.loads(line.decode(), use_decimal=True)
    kept = {name: value for name, value in record.items() if changes.keeps(name)}
    for header in changes.kept:
        steps = header.split(".")
        if len(steps) > 1:
            _copy_path(record, kept, steps)
    return simplejson.dumps(kept, use_decimal=True, ensure_ascii=False).encode()


def _copy_path(source: dict[str, Any], target: dict[str, Any], steps: list[str]) -> None:
    names = list(source)
    place = find_header(names, steps[0])
    if place is None:
        return
    name, value = names[place], source[names[place]]
    if len(steps) == 1:
        target[name] = value
    elif isinstance(value, dict):
        inner = target.setdefault(name, {})
        if isinstance(inner, dict) and inner is not value:
            _copy_path(value, inner, steps[1:])


# Parquet


def _rewrite_parquet(
    source: BinaryIO,
    sink: BinaryIO,
    entity: Entity,
    declaration: Declaration,
    changes: Changes,
) -> None:
    with containers.seekable(source) as file:
        parquet = pq.ParquetFile(file)
        schema = parquet.schema_arrow.remove_metadata()
        repeats = Repeats(entity, declaration, schema.names)
        row = 0
        with pq.ParquetWriter(pa.PythonFile(sink, "w"), schema) as writer:
            for batch in parquet.iter_batches(_PARQUET_ROWS):
                kept: list[bool] = []
                redacted: list[bool] = []
                for values in batch_rows(batch):
                    is_header = repeats.has([value_text(value) for _, value in values])
                    row += not is_header
                    kept.append(is_header or row not in changes.drop)
                    redacted.append(not is_header and row in changes.redact)
                columns = [
                    _changed_column(column, name, redacted, changes)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                ]
                table = pa.Table.from_arrays(columns, schema=schema)
                writer.write_table(table.filter(pa.array(kept)))


def _changed_column(
    column: pa.Array, name: str, redacted: list[bool], changes: Changes
) -> pa.Array:
    is_kept = changes.keeps(name) or not any(redacted)
    if is_kept and not changes.blanked:
        return column
    values = [
        None if is_redacted and not is_kept else changes.value_without(value)
        for value, is_redacted in zip(column.to_pylist(), redacted, strict=True)
    ]
    return pa.array(values, column.type)


# Workbooks


def _rewrite_workbook(
    source: BinaryIO,
    sink: BinaryIO,
    entity: Entity,
    declaration: Declaration,
    changes: Changes,
) -> None:
    """Write a workbook of the values that are read: who wrote it, notes and the like go."""
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheets: dict[str, Any] = {}
    below: dict[str, int] = {}  # the last row that was written

    def append(sheet: str, line: int, values: Sequence[Any]) -> None:
        for _ in range(below.get(sheet, 0) + 1, line):
            sheets[sheet].append([])  # so that every row stays where it is
        sheets[sheet].append(values)
        below[sheet] = line

    for place in workbook_rows(io.BytesIO(source.read()), entity, declaration):
        if place.sheet not in sheets:
            sheets[place.sheet] = workbook.create_sheet(place.sheet)
            append(place.sheet, place.header_line, place.names)
        if place.row_number in changes.drop:
            continue
        values = list(map(changes.value_without, place.values))
        if place.row_number in changes.redact:
            names = [*place.names, *[""] * (len(values) - len(place.names))]
            values = [
                value if changes.keeps(name) else None
                for name, value in zip(names, values, strict=False)
            ]
        append(place.sheet, place.line, values)
    written = io.BytesIO()
    workbook.save(written)
    sink.write(written.getvalue())
