"""What the report says: the answers and the customers that a page carries, ready for JSON.

Whole numbers and amounts become text, since JavaScript's numbers would not hold all of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter, methodcaller
from typing import Any

from warehouse.answers import (
    Agent,
    Answers,
    Average,
    Duplicate,
    Hour,
    Issue,
    Month,
    Note,
    Persons,
)
from warehouse.connection import Query
from warehouse.customers import (
    PERSON_COLUMNS,
    customer_columns,
    most_valuable,
    newest_events,
    persons_of,
)

CUSTOMERS_KEPT = 5000  # in a page, the most valuable ones; with more it would be slow to open
EVENTS_KEPT = 50  # of each of those customers, newest first
MONTHS_KEPT = 36  # newest first
AGENTS_KEPT = 200  # most contacts first


@dataclass(frozen=True)
class Content:
    """What one page says: tables by name, and the customers that its finder knows by itself."""

    version: str
    personal_data: bool
    tables: dict[str, Any]
    customers: dict[str, Any] | None = None


def compose(
    answers: Answers,
    *,
    version: str,
    personal_data: bool,
    customers: dict[str, Any] | None = None,
) -> Content:
    """Return what a page says; one that carries no customers has to ask a server for them."""
    return Content(version, personal_data, _tables(answers, personal_data), customers)


def read_customers(
    query: Query,
    marts: str,
    *,
    personal_data: bool,
    kept: int = CUSTOMERS_KEPT,
    events: int = EVENTS_KEPT,
) -> dict[str, Any]:
    """Ask for the `kept` most valuable customers, each with its newest `events`.

    Whoever is one person with one of them comes along, and what such persons are together. Without
    `personal_data` no name, e-mail or postal address is even read, nor who is who.
    """
    columns = customer_columns(personal_data)
    timelines = {
        str(customer_id): {"count": count, "rows": [_event(*row[2:]) for row in rows]}
        for (customer_id, count), rows in groupby(
            newest_events(query, marts, kept, events, siblings=personal_data), key=itemgetter(0, 1)
        )
    }
    profiles = most_valuable(query, marts, columns, kept, siblings=personal_data)
    persons = persons_of(query, marts, kept) if personal_data else []
    return {
        **table(columns, profiles),
        "most_valuable": kept,
        "events": timelines,
        "persons": table(PERSON_COLUMNS, persons),
    }


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Return rows with the names of their columns, ready for JSON."""
    return {"columns": list(columns), "rows": [[plain(value) for value in row] for row in rows]}


def plain(value: Any) -> Any:
    """Return a value as JSON takes it without losing any of it."""
    write = _WRITTEN.get(type(value))
    return write(value) if write else value


_WRITTEN: dict[type, Callable[[Any], str]] = {
    datetime: methodcaller("isoformat", " ", "seconds"),
    date: str,
    int: str,
    Decimal: str,
}


def _event(occurred_at: datetime, *texts: str | None) -> tuple[str | None, ...]:
    return occurred_at.isoformat(" ", "seconds"), *texts


def _tables(answers: Answers, personal_data: bool) -> dict[str, Any]:
    """Return the tables of a page, by the names that its script knows them by."""
    newest = list(dict.fromkeys((row.year, row.month) for row in answers.months))[-MONTHS_KEPT:]
    months = [row for row in answers.months if (row.year, row.month) in newest]
    agents = [
        (row.agent_id, row.agent_name if personal_data else None, *row[2:], len(answers.agents))
        for row in answers.agents[:AGENTS_KEPT]
    ]
    issues = answers.issues
    contacts = sum(row.total_interactions for row in issues) if issues else None
    resolved = sum(row.resolved_interactions for row in issues) if issues else None
    return {
        "channels": table(
            ("member", "total_orders", "total_amount", "average_order_value"),
            [row[1:5] for row in answers.averages_of("channel", "all")],
        ),
        "members": table(Average._fields, answers.averages_of("category", "location", "product")),
        "months": {**table(Month._fields, months), "cut": len(months) < len(answers.months)},
        "segments": table(("segment", "customers", "spend"), answers.spend_by("segment")),
        "tiers": table(("tier_level", "customers", "spend"), answers.spend_by("tier_level")),
        "persons": table(Persons._fields, answers.persons if personal_data else []),
        "duplicates": table(Duplicate._fields, answers.duplicates if personal_data else []),
        "hours": table(Hour._fields, answers.hours),
        "service": table(("contacts", "resolved"), [(contacts, resolved)]),
        "agents": table((*Agent._fields, "agents"), agents),
        "issues": table(Issue._fields, issues),
        "rows": table(
            ("entity", "bronze_rows", "rejected_rows", "superseded_rows", "silver_rows"),
            answers.counts,
        ),
        "notes": table(Note._fields, answers.notes),
    }
