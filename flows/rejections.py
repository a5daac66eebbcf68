"""Keeps a build from being published when most of what arrived could not be used.

A few bad rows are rejected, and the summary tells of them. When nearly all are bad, it is rather
that the file is written in a way that has to be declared, and answers without them would be wrong.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from ingest.contract import CURRENCY, Entity
from ingest.declarations import Declaration, Declarations
from lake.errors import C360Error, masked, visible
from lake.manifest import file_entries
from lake.store import Lake
from lake.versions import Published
from warehouse.answers import read_counts
from warehouse.connection import Query

FEWEST = 20  # fewer rows than these say little about how a file is written
EXAMPLES = 3
LONGEST_VALUE = 40
_LOOKED_AT = 100  # rejected rows, for examples that differ

MALFORMED = "malformed_line"

# The keys of a declaration that settle what is wrong with columns of a kind.
_KEYS = "keys: text"
_TEXT_KEYS = "columns or expressions"  # that have the key, which is blank or too long
_TIMES = "dates, datetime_formats or epoch"
_NUMBERS = "decimal, thousands, currency_signs or negatives"
_LINES = "delimiter"

# What silver's columns cannot hold: an amount is a decimal(18, 2) of cents, other numbers bigint.
_BEYOND_AMOUNT = Decimal(10) ** 16 - Decimal("0.005")
_BEYOND_INTEGER = Decimal(2) ** 63
_LONGEST_KEY = 64
_NO_RATE = "no rate"


@dataclass
class _Arrived:
    """The rows of one entity that nobody has published yet."""

    rows: int = 0
    files: set[tuple[str, str]] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    rejected: Counter[str] = field(default_factory=Counter)


def most_rejected_share(project: Path) -> float:
    """Return the share of rejected rows above which nothing is published, a variable of dbt's."""
    place = project / "dbt_project.yml"
    try:
        return float(yaml.safe_load(place.read_text())["vars"]["most_rejected_share"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise C360Error(
            f"The variable most_rejected_share in {place} must be a number, such as 0.5."
        ) from error


def problem(
    query: Query,
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    published: Published | None,
    share: float,
    *,
    personal_data: bool = True,
) -> str | None:
    """Return what is wrong with the rows that arrived since the last publish, None when little is.

    `query` asks the warehouse in which silver was just built. A row is looked at in every run until
    it is published. Without `personal_data` the examples show but the shape of values: one that
    cannot be read may be a person's in the wrong column.
    """
    arrived = _arrived(lake, published)
    if not arrived:
        return None
    for entity, reason, batch_id, file, rows in query(
        """
        select entity, reason, _batch_id, _source_file, count(*) as row_count
        from silver.rejected_rows
        group by entity, reason, _batch_id, _source_file
        """
    ):
        if entity in arrived and (batch_id, file) in arrived[entity].files:
            arrived[entity].rejected[reason] += rows
    used = {each.entity: each.published for each in read_counts(query)}
    told = [
        _told(query, contract[name], new, declarations, personal_data)
        for name, new in arrived.items()
        if (new.rows and not used.get(name))
        or (new.rows >= FEWEST and new.rejected.total() > share * new.rows)
    ]
    return " ".join(told) or None


def _arrived(lake: Lake, published: Published | None) -> dict[str, _Arrived]:
    arrived: dict[str, _Arrived] = defaultdict(_Arrived)
    batches = set(published.batches) if published else set()
    for entry in file_entries(lake):
        # Arrived, or read as it is declared now, since the last publish.
        is_new = (
            published is None
            or entry.batch_id not in batches
            or entry.declared_in > published.version
        )
        if is_new and entry.outcome == "landed":
            new = arrived[entry.entity]
            new.rows += entry.rows + entry.malformed_rows
            new.files.add((entry.batch_id, entry.name))
            new.places.add(Declaration(api=entry.api).place(entry.entity))
    return arrived


def _told(
    query: Query, entity: Entity, new: _Arrived, declarations: Declarations, personal_data: bool
) -> str:
    bad = new.rejected.total()
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in new.rejected.most_common())
    what = (
        f"none of the {new.rows:,} new rows can be used"
        if bad == new.rows
        else f"{bad:,} of the {new.rows:,} new rows cannot be used"
    )
    is_text = declarations.for_entity(entity.name).keys == "text"
    examples = "; ".join(_examples(query, entity, new, is_text, personal_data))
    rates = " Or put the rates that are missing into the seed exchange_rates."
    return (
        f"{entity.name}: {what} ({reasons}){', such as ' if examples else ''}{examples}. If they "
        f"are written so on purpose, declare {_remedies(entity, new.rejected, is_text)} "
        f"{' and '.join(sorted(new.places))} in {declarations.path}."
        f"{rates if _NO_RATE in examples else ''}"
    )


def _examples(
    query: Query, entity: Entity, new: _Arrived, is_text: bool, personal_data: bool
) -> Iterator[str]:
    """Yield values that made rows be rejected, for the most frequent reasons first."""
    found = 0
    for reason, _ in new.rejected.most_common():
        rows = query(
            f"""
            select raw_row, _batch_id, _source_file
            from silver.rejected_rows
            where entity = '{entity.name}' and reason = '{reason}' and _batch_id >= '{_first(new)}'
            order by _batch_id, _source_file
            offset 0 rows fetch next {_LOOKED_AT} rows only
            """
        )
        texts = (
            _example(entity, reason, json.loads(raw), is_text, personal_data)
            for raw, batch_id, file in rows
            if (batch_id, file) in new.files
        )
        for text in dict.fromkeys(texts):
            yield text
            found += 1
            if found == EXAMPLES:
                return


def _first(new: _Arrived) -> str:
    return min(batch_id for batch_id, _ in new.files)


def _example(
    entity: Entity, reason: str, row: Mapping[str, Any], is_text: bool, personal_data: bool
) -> str:
    if reason == MALFORMED:  # its text is a whole row, which may name a person
        return f"line {row['number']}: {row['error']}"
    return ", ".join(
        f"{column} {_value(row.get(column), personal_data)}{_flaw(entity, column, row, is_text)}"
        for column in _columns(entity, reason)
    )


def _flaw(entity: Entity, column: str, row: Mapping[str, Any], is_text: bool) -> str:
    """Tell what is wrong with a value that looks right."""
    text = str(row.get(column) or "").strip()
    is_key = column in entity.key and column not in entity.times
    if is_key and is_text:
        return " (too long)" if len(text) > _LONGEST_KEY else ""
    if column in entity.times or not re.fullmatch(r"'?[+-]?(\d+\.?\d*|\.\d+)", text):
        return ""
    beyond = _BEYOND_AMOUNT if column == "Amount" else _BEYOND_INTEGER
    if abs(Decimal(text.lstrip("'"))) >= beyond:
        return " (too large)"
    currency = row.get(CURRENCY)
    return f" in {_value(currency)} ({_NO_RATE})" if column == "Amount" and currency else ""


def _columns(entity: Entity, reason: str) -> Collection[str]:
    """Return the columns for which rows are rejected with a reason."""
    by_reason = {
        "invalid_key": entity.key,
        "invalid_datetime": entity.times,
        "invalid_amount": entity.numbers,
    }
    return by_reason.get(reason) or entity.key


def _value(value: Any, personal_data: bool = True) -> str:
    if value is None or not str(value).strip():
        return "blank"
    text = str(value) if personal_data else masked(str(value))
    cut = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
    return f"'{visible(cut)}'"


def _remedies(entity: Entity, reasons: Collection[str], is_text: bool) -> str:
    """Return the keys of a declaration that may settle what is wrong."""
    keys: dict[str, None] = {}
    for reason in reasons:
        if reason == MALFORMED:
            keys[_LINES] = None
            continue
        for column in _columns(entity, reason):
            of_keys = _TEXT_KEYS if is_text else _KEYS
            kinds = ((entity.times, _TIMES), (entity.numbers, _NUMBERS), (entity.key, of_keys))
            keys[next(remedy for columns, remedy in kinds if column in columns)] = None
    return "; or ".join(keys)
