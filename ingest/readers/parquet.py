"""Parquet files."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest import containers
from ingest.headers import unique_names
from ingest.readers.consumer import Consumer
from ingest.readers.values import value_text
from lake.errors import UnreadableError

_BATCH_ROWS = 16_384
_BATCH_BYTES = 32 << 20  # of columns at a time


def read_parquet(stream: BinaryIO, consumer: Consumer) -> dict[str, Any]:
    """Read the columns that are needed; there is nothing to tell of how they are written."""
    with containers.seekable(stream) as file:
        head = file.read(1024)
        file.seek(0)
        if not head.startswith(b"PAR1"):
            containers.check_content(head)
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
    return max(min(_BATCH_ROWS, int(_BATCH_BYTES / longest)), 1)


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_float16(kind):
        return _as_text(column.cast(pa.float32()))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_exponents(column.cast(pa.string()))
    if pa.types.is_nested(kind):
        return pa.array([value_text(value) for value in column.to_pylist()], pa.string())
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
