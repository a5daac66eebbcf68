"""customer_360 as of a day, from what held at its end and the events until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

from .reference_cleaning import on_the_clock
from .reference_contract import ENTITIES, Row
from .reference_gold import EVENT_TIMES, FACTS, gold
from .reference_marts import marts
from .reference_silver import WITH_HISTORY, Silver


def as_of(silver: Silver, day: date) -> list[Row]:
    """Return customer_360 as it was at the end of a day, but for who is one person."""
    tables = dict(silver.tables)
    for entity in WITH_HISTORY:
        tables[entity] = [
            {**row, "_as_of": row["valid_from"]}
            for row in silver.histories[f"{entity}_history"]
            if _day(silver, row["valid_from"]) <= day
            and (row["valid_to"] is None or _day(silver, row["valid_to"]) > day)
        ]
    for fact, entity in FACTS.items():
        key, moment = ENTITIES[entity].key, EVENT_TIMES[fact]
        # An order is of the time of its first line; changes of points of one key are of one time.
        first = {
            tuple(row[name] for name in key): row[moment].date()
            for row in tables[entity]
            if row.get("line_number", 1) == 1
        }
        tables[entity] = [
            row for row in tables[entity] if first[tuple(row[name] for name in key)] <= day
        ]
    return marts(gold(replace(silver, tables=tables)))["customer_360"]


def _day(silver: Silver, moment: datetime) -> date:
    """Return the day that a moment is of: one that a file's name carries is that day anywhere."""
    is_a_name_s = moment.time() == time.max
    return moment.date() if is_a_name_s else on_the_clock(moment, silver.options.zone).date()
