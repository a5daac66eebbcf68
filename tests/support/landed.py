"""Batches in a lake as reading leaves them, made by hand: rows as Parquet files, and manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.batch import read_versioned_state
from lake import paths
from lake.manifest import FileRecord, Manifest
from lake.store import Lake

NOON = datetime(2024, 1, 5, 12)
Rows = Mapping[str, Sequence[str | None]]  # the values of each column


def landed_file(
    lake: Lake, batch_id: str, entity: str, name: str, columns: Rows, as_of: datetime = NOON
) -> FileRecord:
    """Write the rows of a file, and the file itself as CSV; return its record."""
    count = len(next(iter(columns.values())))
    values = [value for column in columns.values() for value in column]
    table = pa.table(
        {
            **{column: pa.array(texts, pa.string()) for column, texts in columns.items()},
            "_row_number": pa.array(range(1, count + 1), pa.int64()),
            "_as_of": pa.array([as_of] * count, pa.timestamp("us")),
            "_source_file": pa.array([name] * count, pa.string()),
            "_batch_id": pa.array([batch_id] * count, pa.string()),
        }
    )
    with lake.open_write(paths.rows(entity, batch_id, name)) as sink:
        pq.write_table(table, sink, use_deprecated_int96_timestamps=True)
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(value or "" for value in row) for row in rows)]
    path = paths.landed(entity, batch_id, name)
    lake.write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
    return FileRecord(
        entity=entity, source=name, path=path, format="csv", sha256="", bytes=0, rows=count,
        longest_value=max((len((value or "").encode()) for value in values), default=0),
        header=list(columns),
    )  # fmt: skip


def batch(lake: Lake, batch_id: str, *files: FileRecord) -> Manifest:
    """Commit a batch of these files."""
    manifest = Manifest(batch_id, "2024-01-05T12:00:00Z", list(files))
    manifest.write(lake)
    return manifest


def retract(lake: Lake, manifest: Manifest) -> None:
    """Take a batch back, as `c360 retract` does with its manifest."""
    replace(manifest, retracted_at="2024-01-06T12:00:00Z").write(lake)
    lake.delete(paths.manifest(manifest.batch_id))


def read_state(lake: Lake, source: str) -> dict[str, Any] | None:
    """Return the cursor of an API source, None before its first pull."""
    return read_versioned_state(lake, source)[0]
