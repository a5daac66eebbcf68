"""Since when the rows of a file hold, by its name and by when it was last changed."""

import calendar
import re
from datetime import UTC, datetime

from lake.manifest import FileRecord

_DAY = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?:[-_.T]?\d{6})?(?!\d)"
)
_MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.](0[1-9]|1[0-2])(?![-_.]?\d)")


def holds_since(
    record: FileRecord, arrived_at: datetime, landed_before: datetime | None
) -> datetime:
    """Return the time (UTC, without zone) since when what a file says holds.

    That is the end of the day (or month) that its name carries, the last one of several, but not
    later than its arrival; else when it was last modified, but never before `landed_before`: the
    last time that a file of this name landed. So a file that is sent again counts.

    >>> of = lambda name: FileRecord("customers", name, None, "csv", "", 0)
    >>> holds_since(of("Customers_2026-11-23.csv"), datetime(2026, 12, 1), None)
    datetime.datetime(2026, 11, 23, 23, 59, 59, 999999)
    >>> holds_since(of("sales-2026-05-01-2026-05-31.csv"), datetime(2026, 12, 1), None)
    datetime.datetime(2026, 5, 31, 23, 59, 59, 999999)
    >>> holds_since(of("customers-2026-02.csv"), datetime(2026, 2, 3, 10), None)
    datetime.datetime(2026, 2, 3, 10, 0)
    """
    if named := _named_day(record.source.rpartition("/")[2]):
        return min(named, arrived_at)
    if not record.modified:
        return arrived_at
    modified = datetime.fromisoformat(record.modified).astimezone(UTC).replace(tzinfo=None)
    return min(max(modified, landed_before or modified), arrived_at)


def _named_day(name: str) -> datetime | None:
    days = [(int(year), int(month), int(day)) for year, _, month, day in _DAY.findall(name)]
    if not days:
        months = [(int(year), int(month)) for year, month in _MONTH.findall(name)]
        days = [(*month, calendar.monthrange(*month)[1]) for month in months]
    real = [each for each in days if each[2] <= calendar.monthrange(*each[:2])[1]]
    return datetime(*max(real), 23, 59, 59, 999_999) if real else None
