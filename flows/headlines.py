"""The headline answers as small tables of text, for a terminal and for Markdown."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from warehouse.answers import Answers

MEMBERS = 5  # of a dimension, highest revenue first
AGENTS = 5

# Headings of what names a person.
PERSONAL = frozenset({"Name"})

NO_DATA = "no data for this yet"

# Told of elsewhere in the summary, so not among the notes.
_REJECTED, _SUPERSEDED = "rejected rows", "superseded rows"
_NO_NOTES = (_REJECTED, _SUPERSEDED, "absent entity")


@dataclass(frozen=True)
class Headline:
    """One headline: a small table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def is_numeric(self, number: int) -> bool:
        """Tell whether a column is one of numbers; the first has names or identifiers."""
        return number > 0 and any(_is_number(row[number]) for row in self.rows)

    def without(self, headings: Collection[str]) -> "Headline":
        """Return it without the columns that have these headings."""
        kept = [place for place, column in enumerate(self.columns) if column not in headings]
        return Headline(
            self.title,
            tuple(self.columns[place] for place in kept),
            [tuple(row[place] for place in kept) for row in self.rows],
        )

    @property
    def cells(self) -> list[list[str]]:
        """The rows as people read them."""
        return [_cells(row) for row in self.rows]


def headlines(answers: Answers, *, personal_data: bool = True) -> list[Headline]:
    """Return the headline answers, those without rows too."""
    found = _headlines(answers)
    return found if personal_data else [each.without(PERSONAL) for each in found]


def _headlines(answers: Answers) -> list[Headline]:
    segments = sorted(answers.spend_by("segment"), key=lambda row: (-row[1], row[0]))
    return [
        Headline(
            "Average order value",
            ("Channel", "Purchases", "Revenue", "Average"),
            [row[1:5] for row in answers.averages_of("channel", "all")],
        ),
        Headline(
            "Categories with the highest revenue (online)",
            ("Category", "Orders", "Revenue", "Average"),
            [row[1:5] for row in answers.averages_of("category")[:MEMBERS]],
        ),
        Headline(
            "Store locations with the highest revenue",
            ("Location", "Purchases", "Revenue", "Average"),
            [row[1:5] for row in answers.averages_of("location")[:MEMBERS]],
        ),
        Headline(
            "Best customers",
            ("Customer", "Spend", "Purchases", "Tier", "Segment"),
            answers.best_customers,
        ),
        Headline(
            "Customers per segment",
            ("Segment", "Customers", "Spend"),
            segments,
        ),
        Headline("Persons", ("Who", "Number", "Customers", "Spend"), _persons(answers)),
        Headline(
            "Busiest hour",
            ("Channel", "Day", "From", "Transactions", "Share"),
            _busiest_hours(answers),
        ),
        Headline(
            "Service agents with the best resolution rate",
            ("Agent", "Name", "Department", "Contacts", "Resolved"),
            _best_agents(answers),
        ),
    ]


def notes(answers: Answers) -> Headline:
    """Return what to know about the numbers, what concerns most money first."""
    rows = sorted(
        (row for row in answers.notes if row.note not in _NO_NOTES),
        key=lambda row: (
            -abs(row.amount or Decimal(0)),
            -row.rows,
            row.note,
            row.entity,
            row.detail,
        ),
    )
    columns = ("What", "Entity", "Rows", "Amount", "Detail")
    return Headline("What to know about these numbers", columns, rows)


def rejected(answers: Answers) -> Headline:
    """Return how many rows were rejected, and why."""
    rows = [(row.entity, row.detail, row.rows) for row in answers.notes if row.note == _REJECTED]
    rows.sort(key=lambda row: (row[0], -row[2], row[1]))
    return Headline("Rejected rows", ("Entity", "Reason", "Rows"), rows)


def superseded(answers: Answers) -> Headline:
    """Return how many rows do not count, by what counts instead.

    A newer row, the same row once more, or nothing any more.
    """
    reasons = ("newer", "identical", "gone")
    found = {(row.entity, row.detail): row.rows for row in answers.notes if row.note == _SUPERSEDED}
    rows = [
        (entity, *(found.get((entity, reason), 0) for reason in reasons))
        for entity in sorted({entity for entity, _ in found})
    ]
    return Headline("Superseded rows", ("Entity", "Newer", "Identical", "Gone"), rows)


def shown(value: Any) -> str:
    """Write a value for people: thousands apart, nothing for null."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def _persons(answers: Answers) -> list[tuple[Any, ...]]:
    """Return all persons, those with several records, and the pairs that wait, where there are any.

    Everybody is a person, so all customers are in the first row.
    """
    customers = sum(row.customers for row in answers.segments)
    spend = sum((row.spend for row in answers.segments), Decimal(0))
    return [
        line
        for found in answers.persons
        if found.persons
        for line in (
            ("all persons", found.persons, customers, spend),
            ("with several records", *found[1:4]),
            ("pairs that may be one, to review", *found[4:]),
        )
    ]


def _busiest_hours(answers: Answers) -> list[tuple[Any, ...]]:
    """Return the first hour of each channel, in which they stand by rank and then by time."""
    first = {row.channel: row for row in reversed(answers.hours)}
    return [
        (
            channel,
            row.day_of_week,
            f"{row.hour_of_day:02d}:00",
            row.total_transactions,
            f"{row.transaction_share * 100:.2f} %",
        )
        for channel, row in sorted(first.items())
    ]


def _best_agents(answers: Answers) -> list[tuple[Any, ...]]:
    best = sorted(
        (row for row in answers.agents if str(row.agent_id) != "-1" and row.total_interactions > 0),
        key=lambda row: (-row.resolution_rate, -row.total_interactions, row.agent_id),
    )
    return [
        (
            row.agent_id,
            row.agent_name,
            row.department,
            row.total_interactions,
            f"{row.resolution_rate:.2f} %",
        )
        for row in best[:AGENTS]
    ]


def _cells(row: tuple[Any, ...]) -> list[str]:
    # Identifiers come first and are no quantities: no thousands separators in them.
    first = str(row[0]) if row[0] is not None else shown(None)
    return [first, *map(shown, row[1:])]


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).removesuffix(" %").isdigit()
    return isinstance(value, int | float | Decimal)
