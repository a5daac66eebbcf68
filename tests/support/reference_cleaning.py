"""The rules for single values: text, integers, amounts, times. None is a value that isn't there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from .reference_files import TRIMMED

SMALLEST_BIGINT, LARGEST_BIGINT = -(2**63), 2**63 - 1
LARGEST_AMOUNT = Decimal("99999999.99")  # of a decimal(10,2)

_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)  # half up in `decimal` is away from zero
_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
_AMERICAN = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})"
    r"(?: ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?: ?([AaPp])[Mm])?)?"
)


def trimmed(raw: str | None) -> str | None:
    """Trim a text; blank is None."""
    return (raw or "").strip(TRIMMED) or None


def text(raw: str | None, length: int, canonical: Sequence[str] = ()) -> str | None:
    """Return the trimmed text in its canonical spelling, cut to `length` characters."""
    value = trimmed(raw)
    if value is None:
        return None
    for spelling in canonical:
        if spelling.lower() == value.lower():
            return spelling
    return value[:length]


def integer(raw: str | None) -> int | None:
    """Read an integer: an optional sign and digits, within bigint."""
    match = _INTEGER.fullmatch(trimmed(raw) or "")
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    if len(digits) > 19:
        return None
    value = -int(digits) if match[1] == "-" else int(digits)
    return value if SMALLEST_BIGINT <= value <= LARGEST_BIGINT else None


def amount(raw: str | None) -> Decimal | None:
    """Read a number and round it to cents, half away from zero, within decimal(10,2)."""
    value = trimmed(raw) or ""
    if _NUMBER.fullmatch(value) is None:
        return None
    exact = Decimal(value)
    if abs(exact) > LARGEST_AMOUNT + 1:  # far out: rounding would only need more digits
        return None
    cents = rounded(exact, 2)
    return cents if abs(cents) <= LARGEST_AMOUNT else None


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half away from zero; there is no negative zero."""
    result = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return result if result else abs(result)


def ratio(numerator: Decimal | int, denominator: Decimal | int, places: int) -> Decimal:
    """Divide and round half away from zero."""
    return rounded(_EXACT.divide(Decimal(numerator), Decimal(denominator)), places)


def time(raw: str | None) -> datetime | None:
    """Read a time in any accepted form, as UTC without its fraction of a second."""
    value = trimmed(raw) or ""
    try:
        if match := _ISO.fullmatch(value):
            return _iso_time(*match.groups())
        if match := _AMERICAN.fullmatch(value):
            return _american_time(*match.groups())
    except (ValueError, OverflowError):  # impossible, or outside the years 0001 to 9999
        pass
    return None


def day(raw: str | None) -> date | None:
    """Read a date: the day of any accepted time."""
    moment = time(raw)
    return moment.date() if moment else None


def _iso_time(
    year: str,
    month: str,
    day_: str,
    hour: str | None,
    minute: str | None,
    second: str | None,
    sign: str | None,
    offset_hours: str | None,
    offset_minutes: str | None,
) -> datetime:
    moment = datetime(
        int(year), int(month), int(day_), int(hour or 0), int(minute or 0), int(second or 0)
    )
    if sign is None:
        return moment
    hours, minutes = int(offset_hours or 0), int(offset_minutes or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return moment - offset if sign == "+" else moment + offset


def _american_time(
    month: str,
    day_: str,
    year: str,
    hour: str | None,
    minute: str | None,
    second: str | None,
    half: str | None,
) -> datetime:
    hours = int(hour or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            raise ValueError("no such hour on a 12-hour clock")
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return datetime(int(year), int(month), int(day_), hours, int(minute or 0), int(second or 0))
