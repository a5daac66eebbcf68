"""The time, as the lake writes it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time in UTC, without zone, as rows have it."""
    return datetime.now(UTC).replace(tzinfo=None)


def utc_now() -> str:
    """Return the present time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
