"""The rows of a file as every engine reads them: Parquet with the contract's columns as text."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.headers import MARKS

_GROUP_ROWS = 122_880  # what DuckDB gives to a thread at a time
_GROUP_BYTES = 32 << 20  # of text; so rows of any length take bounded memory

_TIME = pa.timestamp("us")
ASCII_BLANKS = " \t\r\n\u00a0"  # which cleaning trims
_ALL_BLANKS = (
    ASCII_BLANKS + "\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
)


def visible(table: pa.Table) -> pa.Table:
    """Return texts in Unicode's composed form, without zero-width and direction marks at the ends.

    Blanks around such marks, and wide ones, go with them; others are left for cleaning to trim.
    """
    return pa.table(list(map(_visible, table.columns)), names=table.column_names)


def _visible(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Change the values that need it: few have anything but ASCII, and these cost much more."""
    if _is_ascii(column):
        return column
    whole = column.combine_chunks()
    others = pc.fill_null(pc.invert(pc.string_is_ascii(whole)), False)
    composed = pc.utf8_normalize(whole.filter(others), form="NFC")
    trimmed = pc.utf8_trim(composed, characters=_ALL_BLANKS + MARKS)
    as_cleaned = pc.utf8_trim(composed, characters=ASCII_BLANKS)
    seen = pc.if_else(pc.equal(trimmed, as_cleaned), composed, trimmed)
    return pa.chunked_array([pc.replace_with_mask(whole, others, seen)])


def _is_ascii(column: pa.ChunkedArray) -> bool:
    data = (chunk.buffers()[2] for chunk in column.chunks)
    return all(buffer is None or buffer.to_pybytes().isascii() for buffer in data)


class RowsWriter:
    """Writes rows in groups; `rows` and `longest_value` (bytes) tell what it has been given.

    To be used in a `with` block; the file is whole only after `close`.
    """

    def __init__(
        self, sink: BinaryIO, columns: tuple[str, ...], source_file: str, batch_id: str
    ) -> None:
        self._columns, self._source_file, self._batch_id = columns, source_file, batch_id
        self._schema = pa.schema(
            [(name, pa.string()) for name in columns]
            + [
                ("_row_number", pa.int64()),
                ("_as_of", _TIME),
                ("_source_file", pa.dictionary(pa.int32(), pa.string())),
                ("_batch_id", pa.dictionary(pa.int32(), pa.string())),
            ]
        )
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None
        # The next rows are read while these are written.
        self._writing = ThreadPoolExecutor(1)
        self._written: Future[None] | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = self._pending_bytes = 0
        self.rows = self.longest_value = 0

    def write(self, table: pa.Table, as_of: datetime | pa.ChunkedArray) -> None:
        """Add rows: text columns by the contract's names, and since when each row holds."""
        count = table.num_rows
        if not count:
            return
        for column in table.columns:
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            self.longest_value = max(self.longest_value, longest)
        numbers = pa.array(np.arange(self.rows + 1, self.rows + count + 1))
        times = pa.repeat(pa.scalar(as_of, _TIME), count) if isinstance(as_of, datetime) else as_of
        self._pending.append(
            pa.table(
                [
                    *(table[name] for name in self._columns),
                    numbers,
                    times,
                    _constant(self._source_file, count),
                    _constant(self._batch_id, count),
                ],
                schema=self._schema,
            )
        )
        self.rows += count
        self._pending_rows += count
        self._pending_bytes += table.nbytes
        if self._pending_rows >= _GROUP_ROWS or self._pending_bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left; the file is whole then, with or without rows."""
        self._flush()
        self._wait()
        assert self._writer
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # The sink is closed next: nothing may be on its way to it any more.
        self._writing.shutdown(cancel_futures=True)

    def _flush(self) -> None:
        self._wait()
        group = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._written = self._writing.submit(self._write_group, group)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def _wait(self) -> None:
        if self._written:
            self._written.result()
            self._written = None

    def _write_group(self, group: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression="snappy",  # the one that all engines know
                use_dictionary=_repetitive(group),
                store_schema=False,  # so that readers take a column in a dictionary for text
                # The one form that every engine takes for a time without a zone: of the newer one a
                # pool's documentation says both bigint and datetime2.
                use_deprecated_int96_timestamps=True,
                write_statistics=["_row_number", "_as_of"],
            )
        if group.num_rows:
            self._writer.write_table(group, row_group_size=_GROUP_ROWS)


def _constant(value: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([value]))


def _repetitive(group: pa.Table) -> list[str]:
    """Return the columns whose values are worth a dictionary."""
    sample = group.slice(0, 10_000)
    return [
        name
        for name, column in zip(sample.column_names, sample.columns, strict=True)
        if name not in ("_row_number",)
        and (
            pa.types.is_dictionary(column.type)
            or pc.count_distinct(column).as_py() * 2 <= sample.num_rows
        )
    ]
