"""Files that land in a lake, and the rows that are read from them: what every engine gets."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.landing import land
from lake import paths
from lake.errors import QuarantinedError
from lake.manifest import FileRecord, Manifest, committed_batches, read_manifest
from lake.store import Lake

CONTRACT = load_contract(Path(__file__).parents[2])
LINEAGE = ["_row_number", "_as_of", "_source_file", "_batch_id"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """What became of one folder of files."""

    lake: Lake
    manifest: Manifest | None
    refused: dict[str, str]  # why, by file
    warnings: str
    """One a line; empty when a file was refused, since then only that is told."""

    def rows(self, entity: str) -> list[Row]:
        """Return the entity's rows, those of all its files in the order of names."""
        if self.manifest is None:
            return []
        return [
            row
            for record in self.manifest.landed
            if record.entity == entity
            for row in read_rows(self.lake, self.manifest.batch_id, record)
        ]

    def values(self, entity: str) -> list[list[str | None]]:
        """Return the values of the entity's rows in the order of the needed columns."""
        columns = CONTRACT[entity].needed
        return [[row[name] for name in columns] for row in self.rows(entity)]

    def column(self, entity: str, name: str) -> list[str | None]:
        """Return one column of the entity's rows."""
        return [row[name] for row in self.rows(entity)]


def deliver(
    lake: Lake, folder: Path, files: Mapping[str, str | bytes], sources: str | None = None
) -> Delivery:
    """Write files to a folder and land it, as the sources file's text declares."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    declarations = None
    if sources is not None:
        path = folder.with_name(f"{folder.name}-sources.yml")
        path.write_text(sources, encoding="utf-8")
        declarations = load_declarations(path, CONTRACT)
    before, refused, warnings = committed_batches(lake), {}, ""
    try:
        warnings = "\n".join(land(lake, CONTRACT, folder, declarations).warnings)
    except QuarantinedError as error:
        refused = error.reasons
    new = [batch for batch in committed_batches(lake) if batch not in before]
    return Delivery(lake, read_manifest(lake, new[0]) if new else None, refused, warnings)


def read_rows(lake: Lake, batch_id: str, record: FileRecord) -> list[Row]:
    """Return the rows of a landed file as they stand in the lake."""
    content = lake.read_bytes(paths.rows(record.entity, batch_id, record.name))
    return pq.read_table(io.BytesIO(content), coerce_int96_timestamp_unit="us").to_pylist()
