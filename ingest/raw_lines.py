"""Raw files line by line: which line of a file each row came from, in every format.

A row's `_row_number` is its place among the rows that reading made of the file. The same rules are
followed here, from the bytes in bronze, so that a row can be shown as it arrived, and so that lines
can be taken out of a file (`rewriting`).
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ingest import containers, dialect
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import match_header, normalised, unique_names
from ingest.readers.json_lines import lines_of, parsed
from ingest.readers.values import value_text
from ingest.readers.workbook import fitting_sheets
from ingest.structure import Located, field_value, locate, record_ends, split_fields
from lake.errors import C360Error
from lake.manifest import FileRecord
from lake.store import Lake

_PARQUET_ROWS = 16_384


class RawLine(NamedTuple):
    """A row as it arrived: its `_row_number` (None for a line that was set aside), and its place.

    `line` is the number of its first line in the file, or in its sheet; of a Parquet file, its row.
    `text` is what stands there; of a workbook and of Parquet, its values by column as JSON.
    """

    row_number: int | None
    line: int
    text: str


def raw_lines(
    lake: Lake,
    entity: Entity,
    declaration: Declaration,
    record: FileRecord,
    wanted: Collection[int] | None = None,
) -> Iterator[RawLine]:
    """Yield the rows of a landed file as they arrived, and the lines set aside, in their order.

    With `wanted`, only rows with these numbers. Raises C360Error when the file has not the rows
    that were read of it, as when it is declared otherwise by now.
    """
    assert record.path
    rows = 0
    with (
        lake.open_read(record.path) as raw,
        containers.unpacked(record.name, raw) as (name, stream),
    ):
        for each in _lines(name, stream, entity, declaration, wanted):
            if wanted is None or each.row_number in wanted:
                yield each
                rows += each.row_number is not None
            if wanted is not None and rows == len(wanted):
                return
    if rows != (record.rows if wanted is None else len(wanted)):
        raise C360Error(
            f"{lake.uri(record.path)} is not read today as it was when it landed, so its lines "
            "cannot be shown. Run `c360 run` first, which reads it again."
        )


def _lines(
    name: str,
    stream: BinaryIO,
    entity: Entity,
    declaration: Declaration,
    wanted: Collection[int] | None,
) -> Iterator[RawLine]:
    kind = containers.format_of(name)
    if kind == "csv":
        yield from CsvFile(stream, entity, declaration).lines(wanted)
    elif kind == "jsonl":
        for row, line, data in json_lines(stream, declaration):
            if data.strip():
                yield RawLine(row, line, data.decode(errors="replace").rstrip("\r"))
    elif kind == "parquet":
        yield from _parquet_lines(stream, entity, declaration)
    else:
        for place in workbook_rows(stream, entity, declaration):
            values = dict(zip(place.names, map(value_text, place.values), strict=False))
            yield RawLine(place.row_number, place.line, _json(values))


class Repeats:
    """Tells which rows of a file with a header are that header once more."""

    def __init__(self, entity: Entity, declaration: Declaration, names: Sequence[str]) -> None:
        """Look at a header."""
        unique = unique_names(names)
        places = match_header(entity, declaration, names).places.values()
        self.places = [places_of_one[0] for places_of_one in places]
        self.names = [unique[place] for place in self.places]
        self._spelled = [normalised(name) for name in self.names]

    def has(self, values: Sequence[str | None]) -> bool:
        """Tell whether these are the values of such a row."""
        if not self.places or max(self.places) >= len(values):
            return False
        return all(
            normalised(values[place] or "").strip('"') == spelled
            for place, spelled in zip(self.places, self._spelled, strict=True)
        )


@dataclass(frozen=True)
class Piece:
    """A piece of a CSV file: one row, a line that was set aside, or `count` rows that nobody wants.

    `line` is the number of its first line. `row_number` is that of the first row, None for a line
    that was set aside and for a header that stands there once more.
    """

    row_number: int | None
    line: int
    data: bytes
    count: int = 1
    is_row: bool = True


class CsvFile:
    """A CSV file taken apart, in UTF-8 and with line feeds at the ends of its lines."""

    def __init__(self, stream: BinaryIO, entity: Entity, declaration: Declaration) -> None:
        """Look at its beginning; raises UnreadableError as reading does."""
        self._entity, self._declaration = entity, declaration
        self.encoding, begin, blocks = dialect.decoded(stream, declaration)
        self.written, position = dialect.csv_dialect(entity, declaration, self.encoding, begin)
        self.preamble = begin[:position]
        self._blocks = dialect.with_line_feeds(_without(blocks, position), self.written.line_end)
        self.separator = self.written.separator.encode()
        self.header = b""
        self.names: list[str] = []
        self._repeats: Repeats | None = None

    @property
    def line_end(self) -> bytes:
        """How its lines end, as they stand in pieces."""
        return b"\r\n" if self.header.endswith(b"\r\n") else b"\n"

    def fields(self, record: bytes) -> list[bytes]:
        """Return the fields of a record as they are written."""
        return split_fields(record, self.separator)

    def as_received(self, data: bytes) -> bytes:
        """Return bytes of a piece with the line ends that the file has."""
        return dialect.swapped(data) if self.written.line_end == "CR" else data

    def lines(self, wanted: Collection[int] | None) -> Iterator[RawLine]:
        """Yield its rows and the lines that were set aside."""
        for piece in self.pieces(wanted):
            if piece.is_row and piece.row_number is None:
                continue  # the header once more
            if wanted is not None and piece.row_number not in wanted:
                continue
            text = self.as_received(piece.data).decode(errors="replace")
            yield RawLine(piece.row_number, piece.line, text)

    def pieces(self, wanted: Collection[int] | None) -> Iterator[Piece]:
        """Yield its pieces after the header; all rows one by one where all are wanted."""
        row = 0
        first_line = self.written.skipped + 1
        for located in locate(self._blocks, self.separator, first_line, self._parsed):
            if located.kind == "header":
                self._take_header(located.data)
            elif located.kind == "malformed":
                yield Piece(None, located.line, located.data, is_row=False)
            elif self._is_whole(located, row, wanted):
                yield Piece(row + 1, located.line, located.data, located.rows)
                row += located.rows
            else:
                for line, record in _records(located):
                    is_repeated = self._is_repeated(record)
                    row += not is_repeated
                    yield Piece(None if is_repeated else row, line, record)

    def _parsed(self, data: memoryview, width: int) -> int:
        """Return how many rows of so many fields lines without quotes are, -1 where not all are."""
        names = [str(number) for number in range(width)]
        try:
            table = pacsv.read_csv(
                pa.BufferReader(data),
                pacsv.ReadOptions(column_names=names, block_size=1 << 20, use_threads=False),
                pacsv.ParseOptions(delimiter=self.written.separator, quote_char=False),
                pacsv.ConvertOptions(
                    check_utf8=False,
                    include_columns=names[:1],
                    column_types={names[0]: pa.string()},
                ),
            )
        except pa.ArrowInvalid:
            return -1
        return int(table.num_rows)

    def _take_header(self, data: bytes) -> None:
        self.header = data
        first = data.lstrip(b"\r\n").rstrip(b"\r\n")
        self.names = [field_value(raw).decode().strip() for raw in self.fields(first)]
        self._repeats = Repeats(self._entity, self._declaration, self.names)

    def _is_whole(self, located: Located, row: int, wanted: Collection[int] | None) -> bool:
        """Tell whether nobody needs to look into several records."""
        if located.rows < 2 or wanted is None:
            return False
        assert self._repeats
        names = self._repeats.names
        if names and names[0].encode() in located.data:
            return False
        return not any(row < number <= row + located.rows for number in wanted)

    def _is_repeated(self, record: bytes) -> bool:
        assert self._repeats
        names = self._repeats.names
        if not names or names[0].encode() not in record:
            return False
        return self._repeats.has(
            [field_value(raw).decode(errors="replace") for raw in self.fields(record)]
        )


def _records(located: Located) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a piece with the number of the first line of each."""
    if located.rows == 1:
        yield located.line, located.data.removesuffix(b"\n").removesuffix(b"\r")
        return
    begin, line = 0, located.line
    for end in [*map(int, record_ends(located.data)), len(located.data)]:
        record = located.data[begin:end]
        if end > begin:
            yield line, record.removesuffix(b"\r")
        line += record.count(b"\n") + 1
        begin = end + 1


def _without(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    yield next(blocks)[size:]
    yield from blocks


def json_lines(
    stream: BinaryIO, declaration: Declaration
) -> Iterator[tuple[int | None, int, bytes]]:
    """Yield the lines of a JSON lines file: row number (None for no record), number, bytes."""
    _, _, blocks = dialect.decoded(stream, declaration)
    row = 0
    for number, line in enumerate(lines_of(blocks), 1):
        is_record = bool(line.strip()) and parsed(line)[0] is not None
        row += is_record
        yield (row if is_record else None), number, line


def _parquet_lines(stream: BinaryIO, entity: Entity, declaration: Declaration) -> Iterator[RawLine]:
    with containers.seekable(stream) as file:
        parquet = pq.ParquetFile(file)
        repeats = Repeats(entity, declaration, parquet.schema_arrow.names)
        row = place = 0
        for batch in parquet.iter_batches(_PARQUET_ROWS):
            for values in batch_rows(batch):
                place += 1
                if repeats.has([value_text(value) for _, value in values]):
                    continue
                row += 1
                yield RawLine(row, place, _json({name: value_text(v) for name, v in values}))


def batch_rows(batch: pa.RecordBatch) -> Iterator[list[tuple[str, Any]]]:
    """Yield the rows of a batch: names and values, since a name can be there twice."""
    columns = [column.to_pylist() for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield list(zip(batch.schema.names, values, strict=True))


class WorkbookRow(NamedTuple):
    """A row of a workbook: its place there, and its cells under the names of its sheet."""

    row_number: int | None  # None for a header that stands there once more
    sheet: str
    line: int
    header_line: int
    names: list[str]
    values: list[Any]


def workbook_rows(
    stream: BinaryIO, entity: Entity, declaration: Declaration
) -> Iterator[WorkbookRow]:
    """Yield the rows of a workbook's sheets that are read."""
    sheets, _ = fitting_sheets(stream.read(), entity, declaration)
    row = 0
    for sheet in sheets:
        repeats = Repeats(entity, declaration, sheet.names)
        for number, values in sheet.rows:
            is_repeated = repeats.has([value_text(value) for value in values])
            row += not is_repeated
            number_or_none = None if is_repeated else row
            yield WorkbookRow(
                number_or_none, sheet.name, number + 1, sheet.header_line, sheet.names, values
            )


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)
