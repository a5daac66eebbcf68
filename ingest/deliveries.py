"""Which deliveries are late or of an unusual size, by what was usual in the last weeks.

Both rules are for entities that came on at least `LEAST_DAYS` days of the last weeks, and ask two
things each: that a delivery is far from the middle (the median, so that single days do not shift
what is usual), and that it is beyond what nine in ten were, so that weekends and busy Saturdays
are no news.

- Late: the days since the last delivery are over one and a half times the usual pause, and more
  than nine in ten pauses were.
- Unusual: the rows of the newest delivery are further from the usual number than five times the
  usual difference (the median absolute deviation, as a standard deviation), and a tenth beyond nine
  in ten deliveries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles

from lake.manifest import FileEntry

WEEKS = 8
LEAST_DAYS = 6
LATE, UNUSUAL = "late delivery", "unusual volume"

_AS_DEVIATION = 1.4826  # makes of the median absolute deviation what a normal deviation would be
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class DeliveryNote:
    """What a reader of the answers should know about the deliveries of an entity; `rows` if any."""

    note: str
    entity: str
    rows: int
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.entity}: {self.note}: {self.detail}"


def delivery_notes(entries: Iterable[FileEntry], version: str) -> list[DeliveryNote]:
    """Return what there is to say of deliveries, at the time that a version's name gives."""
    at = arrived(version)
    rows: dict[str, dict[datetime, int]] = {}
    for entry in entries:
        if entry.outcome == "landed" and arrived(entry.batch_id) <= at:
            of_entity = rows.setdefault(entry.entity, {})
            when = arrived(entry.batch_id)
            of_entity[when] = of_entity.get(when, 0) + entry.rows + entry.malformed_rows
    found = []
    for entity, deliveries in sorted(rows.items()):
        for note in (_late(entity, list(deliveries), at), _unusual(entity, deliveries)):
            if note:
                found.append(note)
    return found


def arrived(batch_id: str) -> datetime:
    """Return when a batch arrived, which its id begins with."""
    return datetime.strptime(batch_id.partition("-")[0], _STAMP).replace(tzinfo=UTC)


def _late(entity: str, deliveries: list[datetime], at: datetime) -> DeliveryNote | None:
    last = max(deliveries).date()
    days = _days(deliveries, last)
    if len(days) < LEAST_DAYS:
        return None
    pauses = [(later - earlier).days for earlier, later in pairwise(days)]
    usual, longest = median(pauses), _nine_in_ten(pauses)
    pause = (at.date() - last).days
    if pause <= max(1.5 * usual, 1.1 * longest):
        return None
    return DeliveryNote(
        LATE,
        entity,
        0,
        f"nothing for {_counted(pause, 'day')}, since {last}; in the {WEEKS} weeks before it came "
        f"every {'day' if usual == 1 else _counted(usual, 'day')}, seldom more than "
        f"{_counted(longest, 'day')} apart",
    )


def _unusual(entity: str, deliveries: dict[datetime, int]) -> DeliveryNote | None:
    newest = max(deliveries)
    days = _days(deliveries, newest.date())
    since = newest - timedelta(weeks=WEEKS)
    before = [count for when, count in deliveries.items() if since <= when < newest]
    if len(days) <= LEAST_DAYS or len(before) < LEAST_DAYS:
        return None
    rows, usual = deliveries[newest], median(before)
    differences = [abs(count - usual) for count in before]
    if abs(rows - usual) <= 5 * _AS_DEVIATION * median(differences):
        return None
    fewest, most = -_nine_in_ten([-count for count in before]), _nine_in_ten(before)
    if 0.9 * fewest <= rows <= 1.1 * most:
        return None
    return DeliveryNote(
        UNUSUAL,
        entity,
        rows,
        f"{'more' if rows > usual else 'fewer'} rows than usual on {newest.date()}: in the {WEEKS} "
        f"weeks before it was about {usual:,.0f}, mostly {fewest:,.0f} to {most:,.0f}",
    )


def _days(deliveries: Iterable[datetime], last: date) -> list[date]:
    """Return the days of the last weeks on which something came, the first one first."""
    since = last - timedelta(weeks=WEEKS)
    return sorted({when.date() for when in deliveries if when.date() >= since})


def _nine_in_ten(values: list[int]) -> float:
    """Return what nine in ten are no greater than."""
    return quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]


def _counted(number: float, what: str) -> str:
    return f"{number:,g} {what}{'' if number == 1 else 's'}"
