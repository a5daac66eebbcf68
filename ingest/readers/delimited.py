"""CSV: delimited text, parsed after its structure was checked."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest import dialect
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import unique_names
from ingest.readers.consumer import Consumer
from ingest.structure import Malformed, check_csv

_PARSED_BYTES = 4 << 20  # at a time


class _CsvSink:
    """Parses what the structural check lets through."""

    def __init__(self, consumer: Consumer, written: dialect.Dialect) -> None:
        self._consumer, self._written = consumer, written
        self._names: list[str] = []
        self._needed: list[str] = []
        self._pending: list[bytes | memoryview] = []  # records to be parsed
        self._size = 0
        self._tables: list[pa.Table] = []  # parsed, and on their way to the consumer
        self._parsed_size = 0
        self._ascii_only = True
        self._width = 0

    def header(self, names: list[str], width: int) -> None:
        self._consumer.header(names, self._written.separator)
        self._names = unique_names(names)
        self._needed = [name for name in self._names if self._consumer.needs(name)]
        self._width = width

    def records(self, data: bytes | memoryview) -> None:
        self._pending.append(data)
        self._size += len(data)
        if self._size >= _PARSED_BYTES:
            self._parse_pending()

    def plain(self, data: memoryview) -> bool:
        try:
            table = self._parsed(data, quoted=False)
        except pa.ArrowInvalid:
            return False
        self._parse_pending()
        self._collect(table, data)
        return True

    def malformed(self, line: Malformed) -> None:
        self._consumer.malformed(line)

    def flush(self) -> None:
        """Hand over what is left."""
        self._parse_pending()
        if self._tables:
            self._consumer.rows(pa.concat_tables(self._tables), self._ascii_only)
        self._tables, self._parsed_size, self._ascii_only = [], 0, True

    def _collect(self, table: pa.Table, data: bytes | memoryview) -> None:
        self._tables.append(table)
        self._parsed_size += len(data)
        self._ascii_only = self._ascii_only and bytes(data).isascii()
        if self._parsed_size >= _PARSED_BYTES:
            self.flush()

    def _parse_pending(self) -> None:
        data = b"".join(self._pending)
        self._pending, self._size = [], 0
        if not data:
            return
        quoted = b'"' in data
        table = self._parsed(data, quoted)
        if quoted and self._written.line_end == "CR":
            table = _map_columns(table, _line_ends_back)
        if b'="' in data or b'=""' in data:  # how Excel keeps a number from being taken for one
            table = _map_columns(
                table, lambda column: pc.replace_substring_regex(column, r'(?s)^="(.*)"$', r"\1")
            )
        self._collect(table, data)

    def _parsed(self, data: bytes | memoryview, quoted: bool) -> pa.Table:
        surplus = [f"\0{number}" for number in range(self._width - len(self._names))]
        return pacsv.read_csv(
            pa.BufferReader(data),
            pacsv.ReadOptions(
                column_names=self._names + surplus,
                block_size=len(data) + 1 if quoted else 1 << 20,
                use_threads=False,
            ),
            pacsv.ParseOptions(
                delimiter=self._written.separator,
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
            ),
            pacsv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(self._needed, pa.string()),
                include_columns=self._needed,
                strings_can_be_null=False,
            ),
        )


def read_csv(
    stream: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
    """Read CSV in any dialect; return how it is written, and `warnings`."""
    encoding, begin, blocks = dialect.decoded(stream, declaration)
    written, position = dialect.csv_dialect(entity, declaration, encoding, begin)
    sink = _CsvSink(consumer, written)
    cut_off = check_csv(
        dialect.with_line_feeds(_without_beginning(blocks, position), written.line_end),
        sink,
        written.separator.encode(),
        first_line=written.skipped + 1,
    )
    sink.flush()
    warnings = dialect.doubts(encoding, begin)
    if cut_off:
        warnings.append(
            "its last line has no line end as the others have; the file may be cut off."
        )
    return {
        "encoding": written.encoding,
        "delimiter": written.separator,
        "line_end": written.line_end,
        "skipped_lines": written.skipped,
        "warnings": warnings,
    }


def _without_beginning(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    yield next(blocks)[size:]
    yield from blocks


def _line_ends_back(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Exchange CR and LF again, which were exchanged to read a file whose lines end with CR."""
    if not pc.any(pc.match_substring_regex(column, r"[\r\n]")).as_py():
        return column
    swapped = str.maketrans("\r\n", "\n\r")
    values = [value and value.translate(swapped) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _map_columns(table: pa.Table, change: Any) -> pa.Table:
    columns = [change(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)
