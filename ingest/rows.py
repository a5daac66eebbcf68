"""The rows of a file as every engine reads them: Parquet with the contract's columns as text."""

from datetime import datetime
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.headers import MARKS

_GROUP_ROWS = 122_880  # what DuckDB gives to a thread at a time
_GROUP_BYTES = 32 << 20  # of text; so rows of any length take bounded memory

_TIME = pa.timestamp("us")
_ASCII_BLANKS = " \t\r\n\u00a0"  # which cleaning trims
_ALL_BLANKS = (
    _ASCII_BLANKS
    + "\u1680\u2028\u2029\u202f\u205f\u3000"
    + "".join(map(chr, range(0x2000, 0x200B)))
)


def visible(table: pa.Table) -> pa.Table:
    """Return texts in Unicode's composed form, without zero-width and direction marks at the ends.

    Blanks around such marks, and wide ones, go with them; others are left for cleaning to trim.
    """
    return pa.table(
        {
            name: column if _is_ascii(column) else _visible(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _visible(column: pa.ChunkedArray) -> pa.ChunkedArray:
    composed = pc.utf8_normalize(column, form="NFC")
    trimmed = pc.utf8_trim(composed, characters=_ALL_BLANKS + MARKS)
    as_cleaned = pc.utf8_trim(composed, characters=_ASCII_BLANKS)
    return pc.if_else(pc.equal(trimmed, as_cleaned), composed, trimmed)


def _is_ascii(column: pa.ChunkedArray) -> bool:
    data = (chunk.buffers()[2] for chunk in column.chunks)
    return all(buffer is None or buffer.to_pybytes().isascii() for buffer in data)


class RowsWriter:
    """Writes rows in groups; `rows` and `longest_value` (bytes) tell what it has written."""

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
        assert self._writer
        self._writer.close()

    def _flush(self) -> None:
        group = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression="snappy",  # the one that all engines know
                use_dictionary=_repetitive(group),
                store_schema=False,  # so that readers take a column in a dictionary for text
                write_statistics=["_row_number", "_as_of"],
            )
        if group.num_rows:
            self._writer.write_table(group, row_group_size=_GROUP_ROWS)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0


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
