"""Silver: typed, clean rows, the newest of each key; what was set aside, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from . import reference_cleaning as cleaning
from .reference_contract import ENTITIES, WITH_LINES, Column, Entity, Options, Row
from .reference_files import DEFAULTS, Batch, LandedFile, QuarantinedFile, RawRow, land

REASONS = ("invalid_key", "invalid_datetime", "invalid_amount")  # in the order that decides
LONGEST_UNREADABLE = 255
LONGEST_ATTRIBUTE = 255
WITH_HISTORY = ("customers", "loyalty_accounts")

Key = tuple[Any, ...]
Place = tuple[Any, ...]


@dataclass
class Silver:
    """The silver layer's relations as rows."""

    options: Options
    tables: dict[str, list[Row]]  # by entity: the contract's columns and the lineage
    rejected: list[Row] = field(default_factory=list)  # rejected_rows; raw_row is a dict here
    superseded: list[Row] = field(default_factory=list)  # superseded_rows
    unreadable: list[Row] = field(default_factory=list)  # unreadable_values
    unknown_keys: list[Row] = field(default_factory=list)
    reconciliation: list[Row] = field(default_factory=list)  # row_reconciliation
    attributes: list[Row] = field(default_factory=list)  # customer_attributes
    histories: dict[str, list[Row]] = field(default_factory=dict)  # by relation, the periods
    arrived: set[str] = field(default_factory=set)  # entities of which any row landed
    quarantined: list[QuarantinedFile] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """A row that wasn't rejected, with what decides whether it is kept."""

    row: Row  # the contract's columns
    key: Key
    says: Key  # its columns, the text of the unreadable ones, and what is declared beyond them
    newness: Place  # the greatest is the newest
    delivery: Place
    place: Place  # in the order of arrival
    origin: Row  # the lineage
    extra: dict[str, str]  # what is declared beyond the columns


@dataclass(frozen=True)
class Cleaned:
    """A row after cleaning."""

    row: Row
    reason: str | None  # why it is rejected
    key: Key | None  # None when it can't be read
    unreadable: dict[str, str]  # by column, the text


def silver(batches: Sequence[Batch], options: Options = DEFAULTS) -> Silver:
    """Compute silver from input files."""
    landed, quarantined = land(batches, options)
    result = Silver(options, {}, quarantined=quarantined)
    result.arrived = {file.entity.name for file in landed if file.rows or file.malformed}
    result.unknown_keys = [
        {"entity": entity, "key_value": cleaning.trimmed(str(key))}
        for entity, keys in options.unknown_keys.items()
        for key in keys
    ]
    for entity in ENTITIES.values():
        _add(result, entity, [file for file in landed if file.entity is entity])
    return result


def _add(result: Silver, entity: Entity, files: Sequence[LandedFile]) -> None:
    """Add the relations' rows of one entity."""
    candidates: list[Candidate] = []
    keys_of: dict[Place, set[Key]] = defaultdict(set)  # of a delivery, also those of rejected rows
    unreadable: Counter[Key] = Counter()
    rejected: list[Row] = []

    for file in files:
        delivery = (file.batch_id, file.number)
        lineage = {"_source_file": file.source_file, "_batch_id": file.batch_id}
        rejected += [_rejected(entity, "malformed_line", line, lineage) for line in file.malformed]
        rows = zip(file.rows, file.rows_as_of, file.rows_extra, strict=True)
        for number, (raw, as_of, extra) in enumerate(rows, 1):
            cleaned = clean(entity, raw, result.options)
            if cleaned.key is not None:
                keys_of[delivery].add(cleaned.key)
            if cleaned.reason is not None or cleaned.key is None:
                rejected.append(_rejected(entity, str(cleaned.reason), dict(raw), lineage))
                continue
            unreadable.update(
                (name, _cut(value), file.batch_id) for name, value in cleaned.unreadable.items()
            )
            candidates.append(
                Candidate(
                    row=cleaned.row,
                    key=cleaned.key,
                    says=(
                        *cleaned.row.values(),
                        *sorted(cleaned.unreadable.items()),
                        *sorted(extra.items()),
                    ),
                    newness=(as_of, file.batch_id, file.number, number),
                    delivery=delivery,
                    place=(file.batch_id, file.number, number),
                    origin={"_as_of": as_of, **lineage},
                    extra=extra,
                )
            )

    wanted = (
        _keys_of_newest_delivery(files, keys_of) if entity.name in result.options.full else None
    )
    if entity.name in WITH_HISTORY:
        complete = [file for file in files if file.rows] if wanted is not None else []
        listed = [
            (file.as_of, file.batch_id, file.number, keys_of[file.batch_id, file.number])
            for file in complete
        ]
        result.histories[f"{entity.name}_history"] = history(candidates, listed)
    kept, superseded = deduplicate(candidates, _has_lines(entity, result.options), wanted)
    result.rejected += rejected
    result.tables[entity.name] = _numbered(entity, kept)
    result.superseded += [
        {"entity": entity.name, "reason": reason, "row_count": count}
        for reason, count in superseded.items()
    ]
    result.unreadable += [
        {
            "entity": entity.name,
            "column_name": name,
            "value": value,
            "row_count": count,
            "_batch_id": batch_id,
        }
        for (name, value, batch_id), count in unreadable.items()
    ]
    result.attributes += [
        {"customer_id": candidate.key[0], "attribute": name, "value": value, **candidate.origin}
        for candidate in kept
        for name, said in candidate.extra.items()
        if (value := _attribute(said, result.options)) is not None
    ]
    result.reconciliation.append(
        {
            "entity": entity.name,
            "bronze_rows": sum(len(file.rows) + len(file.malformed) for file in files),
            "rejected_rows": len(rejected),
            "superseded_rows": superseded.total(),
            "silver_rows": len(kept),
        }
    )


# --- One row -----------------------------------------------------------------------------------


def clean(entity: Entity, raw: RawRow, options: Options = DEFAULTS) -> Cleaned:
    """Clean a row; with the reason if it has to be rejected, the first one in order."""
    row = {column.name: _value(column, raw[column.source], options) for column in entity.columns}
    unreadable = {
        column.name: said
        for column in entity.columns
        if column.is_reported and row[column.name] is None
        if (said := cleaning.said(raw[column.source], options.null_words)) is not None
    }
    key: list[Any] = [row[name] for name in entity.key]
    if entity.name == "loyalty_transactions":
        key[1] = cleaning.moment(raw["DateTime"], options.zone)
    if "source_currency" in row:
        _convert(entity, row, options)
    reasons = {c.rejected_as for c in entity.columns if c.rejected_as and row[c.name] is None}
    if entity.is_dimension and key[0] == options.unknown(entity.name):
        reasons.add("invalid_key")
    return Cleaned(
        row,
        next((reason for reason in REASONS if reason in reasons), None),
        None if None in key else tuple(key),
        unreadable,
    )


def _value(column: Column, raw: str | None, options: Options) -> Any:
    said = cleaning.said(raw, options.null_words)
    match column.kind:
        case "text":
            words = options.seeds.words(column.name) if column.enumerated else None
            value = cleaning.text(said, column.length, words, options.null_words)
            return column.blank if value is None else value
        case "key":
            if options.has_text_keys(column.refers_to):
                return cleaning.text_key(said, options.null_words)
            return cleaning.integer(said)
        case "integer":
            return cleaning.integer(said)
        case "amount":
            return cleaning.amount(said)
        case "currency":
            currency = cleaning.text(said, column.length, None, options.null_words)
            return currency.upper() if currency else None
        case "datetime":
            return cleaning.time(said, options.zone)
        case _:
            return cleaning.day(said, options.zone)


def _convert(entity: Entity, row: Row, options: Options) -> None:
    """Keep the amount as it came beside the one in the reporting currency."""
    row["source_amount"] = row["amount"]
    occurred_at = next(row[c.name] for c in entity.columns if c.kind == "datetime")
    if row["amount"] is not None and occurred_at is not None:
        rate = _rate(row["source_currency"], occurred_at.date(), options)
        row["amount"] = None if rate is None else cleaning.converted(row["amount"], rate)


def _rate(currency: str | None, day: date, options: Options) -> Decimal | None:
    """Return what a unit of the currency is worth on a day, None when nobody knows."""
    rates = [rate for rate in options.seeds.exchange_rates if rate.currency == currency]
    if currency is None or currency == options.reporting_currency:
        return Decimal(1)
    if options.reporting_currency is None and not rates:
        return Decimal(1)  # the reporting currency is the one that needs no rate
    valid = [rate for rate in rates if rate.valid_from is None or rate.valid_from <= day]
    return max(valid, key=lambda r: r.valid_from or date.min).rate if valid else None


def _attribute(raw: str, options: Options) -> str | None:
    said = cleaning.said(raw, options.null_words)
    return cleaning.text(said, LONGEST_ATTRIBUTE, None, options.null_words)


def _rejected(entity: Entity, reason: str, raw: Row, lineage: Row) -> Row:
    return {"entity": entity.name, "reason": reason, "raw_row": raw, **lineage}


def _cut(value: str) -> str:
    return value[:LONGEST_UNREADABLE].strip(cleaning.TRIMMED)


# --- The rows of a key -------------------------------------------------------------------------


def _has_lines(entity: Entity, options: Options) -> bool:
    return entity.name in options.lines or entity.name == "loyalty_transactions"


def _keys_of_newest_delivery(
    files: Sequence[LandedFile], keys_of: dict[Place, set[Key]]
) -> set[Key] | None:
    """Return the keys that the newest file with rows has; None when there is no such file."""
    newest = max(
        (file for file in files if file.rows),
        key=lambda file: (file.as_of, file.batch_id, file.number),
        default=None,
    )
    return keys_of[newest.batch_id, newest.number] if newest else None


def deduplicate(
    candidates: Sequence[Candidate], has_lines: bool, wanted: set[Key] | None = None
) -> tuple[list[Candidate], Counter[str]]:
    """Keep the newest row of each key, or the lines of its newest delivery; count the others.

    `wanted` are the keys that aren't gone, None when none can be.
    """
    rows_of: dict[Key, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        rows_of[candidate.key].append(candidate)
    kept: list[Candidate] = []
    superseded: Counter[str] = Counter()
    for key, rows in rows_of.items():
        newest = max(rows, key=lambda row: row.newness)
        winners = [newest]
        if has_lines:
            lines = [row for row in rows if row.delivery == newest.delivery]
            once: dict[Key, Candidate] = {}
            for line in sorted(lines, key=lambda row: row.place):
                once.setdefault(line.says, line)
            winners = list(once.values())
        known = {row.says for row in winners}
        same = sum(row.says in known for row in rows) - len(winners)
        superseded["identical"] += same
        superseded["newer"] += len(rows) - len(winners) - same
        if wanted is not None and key not in wanted:
            superseded["gone"] += len(winners)
        else:
            kept += winners
    return kept, +superseded


# --- What was so when --------------------------------------------------------------------------


def history(
    candidates: Sequence[Candidate], complete: Sequence[tuple[datetime, str, int, set[Key]]] = ()
) -> list[Row]:
    """Return the periods in which each key was there and said the same.

    `complete` are the deliveries of all keys that there were: since when, which, and the keys. Each
    moment at which something can have changed is looked at by itself.
    """
    rows_of: dict[Key, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        rows_of[candidate.key].append(candidate)
    periods = []
    for key, rows in rows_of.items():
        moments = {row.newness[0] for row in rows} | {delivery[0] for delivery in complete}
        before: Candidate | None = None
        for moment in sorted(moments):
            now = max(
                (row for row in rows if row.newness[0] <= moment),
                key=lambda row: row.newness,
                default=None,
            )
            lists = [delivery for delivery in complete if delivery[0] <= moment]
            if lists and key not in max(lists, key=lambda delivery: delivery[:3])[3]:
                now = None
            if now and before and now.row == before.row:
                continue
            if before:
                periods[-1] |= {"valid_to": moment, "is_current": False}
            if now:
                origin = {name: now.origin[name] for name in ("_source_file", "_batch_id")}
                period = {"valid_from": moment, "valid_to": None, "is_current": True}
                periods.append({**now.row, **period, **origin})
            before = now
    return periods


def _numbered(entity: Entity, kept: Sequence[Candidate]) -> list[Row]:
    """Make silver's rows: in the order of their keys, lines of one key from 1 on."""
    rows: list[Row] = []
    lines: Counter[Key] = Counter()
    # Moments of one second come in their order, and each from one delivery.
    for candidate in sorted(kept, key=lambda each: (each.key, each.place[1:])):
        of = tuple(candidate.row[name] for name in entity.key)
        lines[of] += 1
        number = {"line_number": lines[of]} if entity.name in WITH_LINES else {}
        rows.append({**candidate.row, **number, **candidate.origin})
    return sorted(rows, key=lambda row: (*(row[n] for n in entity.key), row.get("line_number", 1)))
