"""Deliveries that are late or of an unusual size, by what was usual in the last weeks."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from ingest.deliveries import DeliveryNote, delivery_notes
from lake.manifest import FileEntry

MONDAY = date(2026, 3, 2)


def stamp(day: date, hour: int = 5) -> str:
    return f"{day:%Y%m%d}T{hour:02}0000Z-aaaaaa"


def came(day: date, rows: int = 1000, hour: int = 5, outcome: str = "landed") -> FileEntry:
    return FileEntry(
        batch_id=stamp(day, hour),
        created_at="",
        entity="online_transactions",
        source="",
        name="",
        sha256="",
        outcome=outcome,  # type: ignore[arg-type]
        rows=rows,
        malformed_rows=0,
        reader=None,
        declaration=None,
        declared_in="",
    )


def days(number: int, weekdays_only: bool = False) -> list[date]:
    """Return days from the first Monday on."""
    found = (MONDAY + timedelta(days=n) for n in range(200))
    wanted = (day for day in found if not (weekdays_only and day.weekday() > 4))
    return [day for day, _ in zip(wanted, range(number), strict=False)]


def notes(entries: Iterable[FileEntry], at: date) -> list[DeliveryNote]:
    return delivery_notes(entries, stamp(at, 12))


def test_a_daily_delivery_is_late_on_the_second_day_without_one() -> None:
    entries = [came(day) for day in days(10)]  # to Wednesday, 11 March
    assert notes(entries, date(2026, 3, 12)) == []
    assert notes(entries, date(2026, 3, 13)) == [
        DeliveryNote(
            "late delivery",
            "online_transactions",
            0,
            "nothing for 2 days, since 2026-03-11; in the 8 weeks before it came every day, seldom "
            "more than 1 day apart",
        )
    ]


def test_weekends_are_no_news_where_nothing_comes_then() -> None:
    entries = [came(day) for day in days(20, weekdays_only=True)]  # to Friday, 27 March
    assert notes(entries, date(2026, 3, 29)) == []
    assert notes(entries, date(2026, 3, 30)) == []
    (late,) = notes(entries, date(2026, 3, 31))
    assert late.detail == (
        "nothing for 4 days, since 2026-03-27; in the 8 weeks before it came every day, seldom "
        "more than 3 days apart"
    )


def test_one_long_pause_does_not_make_another_one_usual() -> None:
    kept = [day for day in days(30) if not date(2026, 3, 10) <= day < date(2026, 3, 20)]
    assert len(kept) == 20
    (late,) = notes([came(day) for day in kept], kept[-1] + timedelta(days=5))
    assert late.detail.startswith("nothing for 5 days")


def test_a_weekly_delivery_is_late_when_one_and_a_half_weeks_have_gone() -> None:
    weekly = [came(MONDAY + timedelta(weeks=n)) for n in range(7)]
    last = MONDAY + timedelta(weeks=6)
    assert notes(weekly, last + timedelta(days=10)) == []
    (late,) = notes(weekly, last + timedelta(days=11))
    assert "it came every 7 days" in late.detail


def test_nothing_is_said_before_it_is_known_what_is_usual() -> None:
    assert notes([came(day) for day in days(5)], MONDAY + timedelta(days=40)) == []
    # Many deliveries of one day, as when history is read, tell nothing of days.
    history = [came(MONDAY, rows=10 ** (n % 4), hour=n) for n in range(12)]
    assert notes(history, MONDAY + timedelta(days=40)) == []
    long_ago = [came(day) for day in days(10)]
    again = came(MONDAY + timedelta(days=150), rows=5)
    assert notes([*long_ago, again], MONDAY + timedelta(days=160)) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (1000, None),
        (1060, None),
        (940, None),
        (1500, "more rows than usual on 2026-03-12"),
        (300, "fewer rows than usual on 2026-03-12"),
    ],
)
def test_a_delivery_of_an_unusual_size_is_told(rows: int, said: str | None) -> None:
    usual = [990, 1000, 1010, 1020, 980, 1000, 1005, 995, 1000, 1000]
    entries = [came(day, count) for day, count in zip(days(10), usual, strict=True)]
    found = notes([*entries, came(date(2026, 3, 12), rows)], date(2026, 3, 12))
    if said is None:
        assert found == []
        return
    (note,) = found
    assert (note.note, note.rows) == ("unusual volume", rows)
    # By hand: the median is 1,000; the ninth of ten of these ten is 1,011, the first 989.
    assert note.detail == f"{said}: in the 8 weeks before it was about 1,000, mostly 989 to 1,011"


def test_busy_saturdays_are_no_news() -> None:
    by_day = {day: 3000 if day.weekday() == 5 else 1000 for day in days(41)}
    saturday = max(by_day)
    assert saturday.weekday() == 5
    assert notes([came(day, rows) for day, rows in by_day.items()], saturday) == []
    by_day[saturday] = 9000
    (note,) = notes([came(day, rows) for day, rows in by_day.items()], saturday)
    assert note.note == "unusual volume"


def test_all_files_of_a_batch_are_one_delivery_and_files_in_quarantine_are_none() -> None:
    entries = [came(day, 500) for day in days(10) for _ in range(2)]
    now = date(2026, 3, 12)
    assert notes([*entries, came(now, 600), came(now, 400)], now) == []
    (note,) = notes([*entries, came(now, 300), came(now, 700, outcome="quarantined")], now)
    assert note.rows == 300


def test_what_arrived_after_a_version_is_not_looked_at() -> None:
    entries = [came(day) for day in days(10)]
    later = came(date(2026, 3, 20), rows=1)
    assert notes([*entries, later], date(2026, 3, 12)) == []
