"""The rules for single values: text, keys, numbers, times. None is a value that isn't there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal

from .reference_contract import LONGEST_KEY, NULL_WORDS

TRIMMED = " \t\r\n\u00a0"
SMALLEST_BIGINT, LARGEST_BIGINT = -(2**63), 2**63 - 1
LARGEST_AMOUNT = Decimal("9999999999999999.99")  # of a decimal(18,2)

_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)  # half up in `decimal` is away from zero
_INTEGER = re.compile(r"'?([+-]?)([0-9]+)(?:\.0+)?")
_NUMBER = re.compile(r"'?([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))")
_CLOCK = r"([0-9]{1,2}):([0-9]{2})"
_YEAR_FIRST = re.compile(
    r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})"
    rf"(?:(?: +|[Tt]){_CLOCK}(?::([0-9]{{2}})(?:\.([0-9]+))?)?"
    r"(?: *(Z|z|UTC|([+-])([0-9]{2})(?::?([0-9]{2}))?))?)?"
)
_AMERICAN = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})"
    rf"(?: +{_CLOCK}(?::([0-9]{{2}}))?(?: *([AaPp])[Mm])?)?"
)


def trimmed(raw: str | None) -> str | None:
    """Trim a text; blank is None."""
    return (raw or "").strip(TRIMMED) or None


def said(raw: str | None, null_words: Sequence[str] = NULL_WORDS) -> str | None:
    """Return what a value says, trimmed: None when it is blank or a word that stands for that."""
    value = trimmed(raw)
    return None if value in null_words else value


def text(
    raw: str | None,
    length: int,
    words: Mapping[str, str] | None = None,
    null_words: Sequence[str] = NULL_WORDS,
) -> str | None:
    """Return the text, or what it stands for in `words` (lower case), cut to `length` characters.

    What is cut off may have stood behind a blank: it is trimmed again.
    """
    value = said(raw, null_words)
    if value is None:
        return None
    return trimmed((words or {}).get(value.lower(), value)[:length])


def text_key(raw: str | None, null_words: Sequence[str] = NULL_WORDS) -> str | None:
    """Read a key of text: compared trimmed, case as it came, up to 64 characters."""
    value = said(raw, null_words)
    return value if value is not None and len(value) <= LONGEST_KEY else None


def integer(raw: str | None) -> int | None:
    """Read an integer within bigint: an optional sign, digits, and a fraction of zeros."""
    match = _INTEGER.fullmatch(trimmed(raw) or "")
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    if len(digits) > 19:
        return None
    value = -int(digits) if match[1] == "-" else int(digits)
    return value if SMALLEST_BIGINT <= value <= LARGEST_BIGINT else None


def amount(raw: str | None) -> Decimal | None:
    """Read a number and round it to cents, half away from zero, within decimal(18,2)."""
    match = _NUMBER.fullmatch(trimmed(raw) or "")
    return None if match is None else cents(Decimal(match[1]))


def cents(exact: Decimal) -> Decimal | None:
    """Round to cents, within decimal(18,2)."""
    if abs(exact) > LARGEST_AMOUNT + 1:  # far out: rounding would only need more digits
        return None
    value = rounded(exact, 2)
    return value if abs(value) <= LARGEST_AMOUNT else None


def converted(value: Decimal, rate: Decimal) -> Decimal | None:
    """Convert an amount at a rate, to cents."""
    return cents(_EXACT.multiply(value, rate))


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half away from zero; there is no negative zero."""
    result = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return result if result else abs(result)


def ratio(numerator: Decimal | int, denominator: Decimal | int, places: int) -> Decimal:
    """Divide and round half away from zero."""
    return rounded(_EXACT.divide(Decimal(numerator), Decimal(denominator)), places)


def moment(raw: str | None, zone: tzinfo = UTC) -> tuple[datetime, Decimal] | None:
    """Read a time in any accepted form: its whole seconds on the zone's clock, and the rest."""
    value = trimmed(raw) or ""
    try:
        if match := _YEAR_FIRST.fullmatch(value):
            year, _, month, day_, hour, minute, second, fraction, *offset = match.groups()
            naive = datetime(
                int(year), int(month), int(day_), int(hour or 0), int(minute or 0), int(second or 0)
            )
            return _on_the_clock(naive, zone, *offset), Decimal(f"0.{fraction or 0}")
        if match := _AMERICAN.fullmatch(value):
            return _american_time(*match.groups()), Decimal(0)
    except (ValueError, OverflowError):  # impossible, or outside the years 0001 to 9999
        pass
    return None


def time(raw: str | None, zone: tzinfo = UTC) -> datetime | None:
    """Read a time in any accepted form, on the zone's clock, without its fraction of a second."""
    read = moment(raw, zone)
    return read[0] if read else None


def day(raw: str | None, zone: tzinfo = UTC) -> date | None:
    """Read a date: the day of any accepted time."""
    read = time(raw, zone)
    return read.date() if read else None


def on_the_clock(utc: datetime, zone: tzinfo) -> datetime:
    """Return what the zone's clock says at a time of UTC; both without a zone."""
    return utc.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def _on_the_clock(
    naive: datetime,
    zone: tzinfo,
    offset: str | None,
    sign: str | None,
    hours: str | None,
    minutes: str | None,
) -> datetime:
    if offset is None:
        return naive  # on the zone's clock already
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise ValueError("no such offset")
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return on_the_clock(naive + ahead if sign == "-" else naive - ahead, zone)


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
