"""Reads each format as tables of text, in bounded memory: what stands in the file and no more.

A reader tells its consumer the header where the format has one, then hands over tables whose
columns are named as the file names them (`headers.unique_names`), all of type text.
"""

import datetime
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import simplejson

from ingest import dialect
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import find_header, match_header, normalised, unique_names
from ingest.structure import MAX_TEXT, Malformed, check_csv
from lake.errors import UnreadableError

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can say and no encoding can write."""

_PARSED_BYTES = 4 << 20  # of CSV at a time
_JSON_BYTES = 8 << 20  # of records at a time
_LONGEST_LINE = 64 << 20  # of JSON
_PARQUET_BYTES = 32 << 20  # of columns at a time
_BATCH_ROWS = 16_384


class Consumer(Protocol):
    """What a reader tells."""

    def header(self, names: Sequence[str], separator: str | None = None) -> None:
        """Take all column names, before the first rows; raises UnreadableError to end it.

        `separator` is that of a CSV file.
        """

    def needs(self, name: str) -> bool:
        """Tell whether anybody looks at the values of a column."""

    def rows(self, table: pa.Table, ascii_only: bool = False) -> None:
        """Take rows, with at least the columns that are needed; tell when they are all ASCII."""

    def malformed(self, line: Malformed) -> None:
        """Take a line that no reader can place."""


def read(
    name: str, raw: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
    """Read a file of any format, by its name; return how it was read, with `warnings` in it.

    Raises UnreadableError when the file as a whole can't be read.
    """
    with dialect.unpacked(name, raw) as (inner, stream):
        kind = dialect.format_of(inner)
        if kind == "jsonl":
            how = _read_jsonl(stream, declaration, consumer)
        elif kind == "parquet":
            how = _read_parquet(stream, consumer)
        elif kind == "xlsx":
            how = _read_xlsx(stream, entity, declaration, consumer)
        else:
            how = _read_csv(stream, entity, declaration, consumer)
    return {"format": kind, **how}


# CSV


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


def _read_csv(
    stream: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
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


# JSON lines


class _Number(str):
    """A number as it was written."""


def _fraction(text: str) -> str:
    """Return a number with a fraction of zeros only as the whole number that it is."""
    return _Number(re.sub(r"\.0+\Z", "", text))


_parse_json = json.JSONDecoder(parse_float=_fraction, parse_int=_Number, parse_constant=str).decode


def _read_jsonl(stream: BinaryIO, declaration: Declaration, consumer: Consumer) -> dict[str, Any]:
    encoding, begin, blocks = dialect.decoded(stream, declaration)
    asked = [header for headers in declaration.columns.values() for header in headers]
    asked += [declaration.order_by] if declaration.order_by else []
    paths = {header: header.split(".") for header in asked if "." in header}
    records: list[dict[str, Any]] = []
    size, any_record = 0, False
    for number, line in enumerate(_lines(blocks), 1):
        if not line.strip():
            continue
        try:
            record = _parse_json(line.decode())
            problem = "" if isinstance(record, dict) else "it isn't a JSON object"
        except (ValueError, RecursionError) as error:
            problem = f"it isn't valid JSON ({error})"
        if problem:
            if not any_record and line.lstrip()[:1] != b"{":
                raise UnreadableError(
                    "it isn't JSON lines, which have one record between braces in each line"
                )
            text = line[:MAX_TEXT].decode(errors="ignore").rstrip("\r\n")
            consumer.malformed(Malformed(number, text, problem))
            continue
        any_record = True
        records.append(_flat(record, paths))
        size += len(line)
        if size >= _JSON_BYTES:
            consumer.rows(_json_table(records, consumer))
            records, size = [], 0
    if records:
        consumer.rows(_json_table(records, consumer))
    return {"encoding": encoding, "warnings": dialect.doubts(encoding, begin)}


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; raise UnreadableError for one that is too long to hold."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        *whole, rest = block.split(b"\n")
        for line in whole:
            yield b"".join([*parts, line])
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _LONGEST_LINE:
            raise UnreadableError(f"it has a line of more than {_LONGEST_LINE >> 20} MiB")
    if size:
        yield b"".join(parts)


def _flat(record: dict[str, Any], paths: dict[str, list[str]]) -> dict[str, Any]:
    for header, steps in paths.items():
        value: Any = record
        for step in steps:
            value = _inner(value, step) if isinstance(value, dict) else None
        record.setdefault(header, value)
    return record


def _inner(record: dict[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    names = list(record)
    place = find_header(names, name)
    return None if place is None else record[names[place]]


def _json_table(records: list[dict[str, Any]], consumer: Consumer) -> pa.Table:
    """Return records as a table; fields that differ in their spelling only are one column."""
    names = dict.fromkeys(name for record in records for name in record)
    spellings: dict[str, list[str]] = {}
    for name in names:
        if consumer.needs(name):
            spellings.setdefault(normalised(name), []).append(name)
    columns = {}
    for name, *others in spellings.values():
        values = [record.get(name) for record in records]
        for other in others:
            values = [
                record.get(other) if value is None else value
                for value, record in zip(values, records, strict=True)
            ]
        columns[name] = pa.array(map(_json_text, values), pa.string())
    return pa.table(columns or {"": pa.nulls(len(records), pa.string())})


def _json_text(value: Any) -> str | None:
    if value is None or type(value) is _Number:
        return value
    if isinstance(value, str):
        return value if value.isascii() else LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return LONE_SURROGATE.sub("\ufffd", simplejson.dumps(_as_sent(value), ensure_ascii=False))


def _as_sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_sent(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    return simplejson.RawJSON(value) if type(value) is _Number else value


# Parquet


def _read_parquet(stream: BinaryIO, consumer: Consumer) -> dict[str, Any]:
    with dialect.seekable(stream) as file:
        head = file.read(1024)
        file.seek(0)
        if not head.startswith(b"PAR1"):
            dialect.check_content(head)
        try:
            # Else the columns of a row group are held as a whole, and it can be all of the file.
            parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
            names = parquet.schema_arrow.names
            consumer.header(names)
            unique = unique_names(names)
            # Where a name is there twice, columns are told apart by their places only.
            needed = [name for name in names if consumer.needs(name)] if names == unique else None
            rows = _rows_at_once(parquet.metadata, needed or names)
            for batch in parquet.iter_batches(rows, columns=needed or None):
                got = unique_names(batch.schema.names)
                columns = {
                    name: _as_text(column)
                    for name, column in zip(got, batch.columns, strict=True)
                    if consumer.needs(name)
                }
                consumer.rows(pa.table(columns or {"": pa.nulls(batch.num_rows, pa.string())}))
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise UnreadableError(f"it isn't a readable Parquet file ({error})") from error
    return {}


def _rows_at_once(metadata: pq.FileMetaData, names: Sequence[str]) -> int:
    """Return how many rows can be held, by what they take up in the row group with the longest."""
    longest = 1.0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunks = map(group.column, range(group.num_columns))
        size = sum(
            chunk.total_uncompressed_size
            for chunk in chunks
            if chunk.path_in_schema.partition(".")[0] in names or chunk.path_in_schema in names
        )
        longest = max(longest, size / max(group.num_rows, 1))
    return max(min(_BATCH_ROWS, int(_PARQUET_BYTES / longest)), 1)


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_float16(kind):
        return _as_text(column.cast(pa.float32()))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_exponents(column.cast(pa.string()))
    if pa.types.is_nested(kind):
        return pa.array([_value_text(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind) and kind.tz:
        moments = column.cast(pa.timestamp(kind.unit)).cast(pa.string())
        return pc.binary_join_element_wise(moments, "Z", "")
    return column.cast(pa.string())


def _without_exponents(numbers: pa.Array) -> pa.Array:
    """Return numbers in text with all their digits; null for what is no number."""
    odd = pc.fill_null(pc.match_substring_regex(numbers, "[eEn]"), False)  # `nan` too
    if not pc.any(odd).as_py():
        return numbers
    texts = [
        None if text == "nan" else format(Decimal(text), "f")
        for text in numbers.filter(odd).to_pylist()
    ]
    return pc.replace_with_mask(numbers, odd, pa.array(texts, pa.string()))


def _value_text(value: Any) -> str | None:
    """Return a value of a typed format as text: numbers without exponent, times as ISO 8601."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


# Excel


class _Sheet:
    """A sheet of a workbook: its header, how that fits, and the rows below it."""

    def __init__(
        self, name: str, hidden: bool, sheet: Any, entity: Entity, declaration: Declaration
    ) -> None:
        self.name, self.hidden = name, hidden
        self.rows = _sheet_rows(sheet, declaration.skip_lines or 0)
        self.names = _names(next(self.rows, (0, []))[1])
        self.match = match_header(entity, declaration, self.names)


def _read_xlsx(
    stream: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
    """Read all sheets that have the needed columns; hidden ones only where no other has them."""
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        SheetTypeEnum,
        SheetVisibleEnum,
        ZipError,
    )

    content = stream.read()
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [
            _Sheet(
                about.name,
                about.visible != SheetVisibleEnum.Visible,
                workbook.get_sheet_by_name(about.name),
                entity,
                declaration,
            )
            for about in workbook.sheets_metadata
            if about.typ == SheetTypeEnum.WorkSheet
        ]
    except (CalamineError, ZipError, ValueError) as error:
        if content.startswith(dialect.OLE):
            raise UnreadableError(
                "it is an Excel workbook with a password or of the old kind. Save it as .xlsx "
                "without a password, or as CSV"
            ) from error
        if not content.startswith(b"PK"):
            dialect.check_content(content[:1024])
        raise UnreadableError(f"it isn't a readable Excel workbook ({error})") from error
    fitting = [sheet for sheet in sheets if not sheet.match.problem]
    chosen = [sheet for sheet in fitting if not sheet.hidden] or fitting
    if not chosen:
        raise UnreadableError(_why_no_sheet_fits(sheets, entity, declaration))
    names: list[str] = []
    for sheet in chosen:
        known = set(map(normalised, names))
        names += [name for name in sheet.names if normalised(name) not in known]
    consumer.header(names)
    needed = [name for name in unique_names(names) if consumer.needs(name)]
    for sheet in chosen:
        own = unique_names(sheet.names)
        places = {
            name: own.index(name) if name in own else find_header(own, name) for name in needed
        }
        while some := [row for _, row in itertools.islice(sheet.rows, _BATCH_ROWS)]:
            consumer.rows(_sheet_table(some, places))
    return {
        "sheet": ", ".join(sheet.name for sheet in chosen),
        "skipped_lines": declaration.skip_lines or 0,
        "warnings": [
            f"its sheet {sheet.name} was left alone: "
            + ("it is hidden." if sheet.hidden else "its first row lacks needed columns.")
            for sheet in sheets
            if sheet not in chosen and (sheet in fitting or (sheet.names and not sheet.hidden))
        ],
    }


def _why_no_sheet_fits(sheets: Sequence[_Sheet], entity: Entity, declaration: Declaration) -> str:
    with_cells = sorted((sheet for sheet in sheets if sheet.names), key=lambda each: each.hidden)
    if not with_cells:
        return "the workbook has no sheet with cells"
    for sheet in with_cells:
        for number, row in itertools.islice(sheet.rows, dialect.TITLE_LINES):
            if match_header(entity, declaration, _names(row)).problem is None:
                return (
                    f"its header is in row {number + 1} of the sheet {sheet.name}, below other "
                    "rows. Remove what is above it, or declare "
                    f"`skip_lines: {number}` {declaration.place(entity.name)}"
                )
    best = max(with_cells, key=lambda sheet: len(sheet.match.places))
    return f"in its sheet {best.name}, {best.match.problem}"


def _names(row: list[Any]) -> list[str]:
    """Return the names in a header, without the empty cells at its end."""
    names = [(_value_text(value) or "").strip() for value in row]
    while names and not names[-1]:
        names.pop()
    return [name or f"unnamed_{place}" for place, name in enumerate(names, 1)]


def _sheet_rows(sheet: Any, skipped: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a sheet that have something in them, and how many are above each."""
    for number, row in enumerate(sheet.iter_rows()):
        if number >= skipped and any(not isinstance(v, str) or v.strip() for v in row):
            yield number, row


def _sheet_table(rows: list[list[Any]], places: Mapping[str, int | None]) -> pa.Table:
    def column(place: int | None) -> pa.Array:
        if place is None:
            return pa.nulls(len(rows), pa.string())
        values = [_value_text(row[place]) if place < len(row) else None for row in rows]
        return pa.array(values, pa.string())

    return pa.table({name: column(place) for name, place in places.items()})


def _map_columns(table: pa.Table, change: Any) -> pa.Table:
    columns = [change(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)
