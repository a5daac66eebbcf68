"""Silver: typed, clean rows, one a key; what was rejected, and why; what was superseded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import reference_cleaning as cleaning
from .reference_contract import ENTITIES, Column, Entity, Enumerations, Row, read_enumerations
from .reference_files import Batch, QuarantinedFile, RawRow, land

REASONS = ("invalid_key", "invalid_datetime", "invalid_amount")  # in the order that decides


@dataclass
class Silver:
    """The silver layer's relations as rows."""

    tables: dict[str, list[Row]]  # by entity: the contract's columns and the lineage
    rejected: list[Row] = field(default_factory=list)  # rejected_rows; raw_row is a dict here
    superseded: dict[str, int] = field(default_factory=dict)  # by entity
    reconciliation: list[Row] = field(default_factory=list)  # row_reconciliation
    quarantined: list[QuarantinedFile] = field(default_factory=list)


def silver(batches: Sequence[Batch], enumerations: Enumerations | None = None) -> Silver:
    """Compute silver from input files; canonical spellings are the seeds' unless given."""
    spellings = read_enumerations() if enumerations is None else enumerations
    landed, quarantined = land(batches)
    bronze_rows = dict.fromkeys(ENTITIES, 0)
    result = Silver({name: [] for name in ENTITIES}, quarantined=quarantined)

    for file in landed:
        entity = file.entity
        origin = {"_source_file": file.source_file, "_batch_id": file.batch_id}
        bronze_rows[entity.name] += len(file.rows) + len(file.malformed)
        for line in file.malformed:
            result.rejected.append(_rejected(entity, "malformed_line", line, origin))
        for number, (raw, as_of) in enumerate(zip(file.rows, file.as_of, strict=True), 1):
            row, reason = clean(entity, raw, spellings)
            if reason is None:
                place = {"_as_of": as_of, "_row_number": number}
                result.tables[entity.name].append({**row, **place, **origin})
            else:
                result.rejected.append(_rejected(entity, reason, dict(raw), origin))

    for name, entity in ENTITIES.items():
        accepted = result.tables[name]
        kept = deduplicate(entity, accepted)
        result.tables[name] = kept
        result.superseded[name] = len(accepted) - len(kept)
        result.reconciliation.append(
            {
                "entity": name,
                "bronze_rows": bronze_rows[name],
                "rejected_rows": sum(row["entity"] == name for row in result.rejected),
                "superseded_rows": result.superseded[name],
                "silver_rows": len(kept),
            }
        )
    return result


def clean(entity: Entity, raw: RawRow, enumerations: Enumerations) -> tuple[Row, str | None]:
    """Clean a row; with the reason if it has to be rejected, the first one in order."""
    row = {c.name: _value(c, raw[c.source], enumerations) for c in entity.columns}
    reasons = {c.rejected_as for c in entity.columns if c.rejected_as and row[c.name] is None}
    if entity.is_dimension and row[entity.key[0]] == -1:
        reasons.add("invalid_key")
    return row, next((reason for reason in REASONS if reason in reasons), None)


def _value(column: Column, raw: str | None, enumerations: Enumerations) -> Any:
    match column.kind:
        case "text":
            canonical = enumerations.get(column.name, ()) if column.enumerated else ()
            value = cleaning.text(raw, column.length, canonical)
            return column.blank if value is None else value
        case "integer":
            return cleaning.integer(raw)
        case "amount":
            return cleaning.amount(raw)
        case "datetime":
            return cleaning.time(raw)
        case _:
            return cleaning.day(raw)


def deduplicate(entity: Entity, rows: Sequence[Row]) -> list[Row]:
    """Keep one row a key: the newest, of those as new the one that arrived last."""
    best: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=_newness):
        best[tuple(row[name] for name in entity.key)] = row
    kept = [best[key] for key in sorted(best)]
    return [{name: row[name] for name in row if name != "_row_number"} for row in kept]


def _newness(row: Row) -> tuple[Any, ...]:
    return row["_as_of"], row["_batch_id"], row["_source_file"], row["_row_number"]


def _rejected(entity: Entity, reason: str, raw: Row, origin: Row) -> Row:
    return {"entity": entity.name, "reason": reason, "raw_row": raw, **origin}
