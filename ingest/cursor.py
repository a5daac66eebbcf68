"""The cursor of an incremental API source: what to ask for, and what has come before.

An API is asked for everything from the greatest value on that came so far, that value included:
another record can get the same stamp after the pull. With a `lag` it is asked for the last while
once more. Records that come again are known by their hash, in whatever order they come.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any

from ingest.declarations import ApiSource
from ingest.headers import find_header
from lake.clock import utc_now
from lake.errors import InputError

MOST_MARKS = 10_000
"""Records that a cursor file can remember; others land again, and silver keeps one of each."""

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:([T ])(\d\d(?::\d\d(?::\d\d)?)?)([.,]\d+)?"
    r"( ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?",
    re.I | re.ASCII,
)
_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?", re.ASCII)
_PER_SECOND: dict[str | None, int] = {"seconds": 1, "milliseconds": 1000}
_PRECISION = {2: "hours", 5: "minutes", 8: "seconds"}

_Rank = tuple[int, Any]
"""What orders the values of an incremental field: numbers, text or times."""


class Cursor:
    """Follows the records of one pull, from the state that the pull before left."""

    def __init__(self, source: ApiSource, state: Mapping[str, Any]) -> None:
        """Begin a pull; raises InputError when a lag is declared that can't be applied."""
        self._source = source
        self._incremental = source.incremental
        self._asks = _fingerprint(source)
        if state.get("asks", self._asks) != self._asks:
            # What came before is no measure of what another question brings.
            state = {}
        self._value = state.get("cursor")
        self._rank = _rank(self._value)
        self._before = (self._value, dict(state.get("seen") or {}))
        self._known: dict[str, Any] = self._before[1]
        self._start = _rank(self._earlier()) if self._rank else None
        self._latest = datetime.now(UTC) + timedelta(days=1)
        # The greatest marks, the smallest of them first, so that it is the one that gives way.
        self._marks: list[tuple[_Rank, str, Any]] = []
        self._marked: set[str] = set()
        self._unmarked: _Rank | None = None
        self._seen_any = self._ranked_any = False
        self._ahead = 0
        for digest, value in self._known.items():
            if (rank := _rank(value)) is not None:
                self._mark(rank, digest, value)

    @property
    def params(self) -> dict[str, Any]:
        """The query parameters that ask for what is new."""
        if not self._incremental or self._value is None:
            return {}
        return {self._incremental.param: self._earlier()}

    def is_new(self, record: Mapping[str, Any], line: bytes) -> bool:
        """Tell whether a record is new, and take note of it; `line` is the record as it lands."""
        if not self._incremental:
            return True
        self._seen_any = True
        value = _field(record, self._incremental.field)
        rank = _rank(value)
        if rank is None:
            return True
        self._ranked_any = True
        if self._start is not None and rank < self._start:
            return True
        digest = hashlib.blake2b(line, digest_size=16).hexdigest()
        if self._is_ahead(rank):
            # One wrong date must not make the cursor run past all that is still to come.
            self._ahead += 1
        elif self._rank is None or rank > self._rank:
            self._value, self._rank = value, rank
        self._mark(rank, digest, value)
        return digest not in self._known

    def _is_ahead(self, rank: _Rank) -> bool:
        kind, value = rank
        if kind == _TIMES:
            return bool(value > self._latest)
        per_second = _PER_SECOND.get(self._source.declaration.epoch)
        if kind == _NUMBERS and per_second:
            return bool(value > self._latest.timestamp() * per_second)
        return False

    def state(self, batch_id: str) -> dict[str, Any] | None:
        """Return the state to save, None when the pull changed nothing."""
        floor = self._floor()
        seen = {digest: value for rank, digest, value in self._marks if not floor or rank >= floor}
        if (self._value, seen) == self._before:
            return None
        return {
            "cursor": self._value,
            "asks": self._asks,
            "batch_id": batch_id,
            "updated_at": utc_now(),
            "seen": dict(sorted(seen.items())),
        }

    def warnings(self) -> Iterator[str]:
        """Yield what a person should know of the pull."""
        if not self._incremental:
            return
        name, field = self._source.name, self._incremental.field
        if self._seen_any and not self._ranked_any:
            yield (
                f"API {name}: no record has a {field} that can be followed, so every pull brings "
                "everything. Check `incremental` in the sources file."
            )
        if self._ahead:
            yield (
                f"API {name}: records with {field} in the future, which the cursor does not "
                f"follow: {self._ahead}."
            )
        floor = self._floor()
        if self._unmarked is not None and (floor is None or self._unmarked >= floor):
            yield (
                f"API {name}: more than {MOST_MARKS:,} records have a {field} that the next pull "
                "asks for again. Those beyond that number land once more, and one of each counts."
            )

    def _mark(self, rank: _Rank, digest: str, value: Any) -> None:
        if digest in self._marked:
            return
        heappush(self._marks, (rank, digest, value))
        self._marked.add(digest)
        if len(self._marks) > MOST_MARKS:
            least, digest, _ = heappop(self._marks)
            self._marked.remove(digest)
            self._unmarked = max(self._unmarked or least, least)

    def _floor(self) -> _Rank | None:
        """Return the least value that the next pull asks for."""
        return _rank(self._earlier()) if self._rank else None

    def _earlier(self) -> Any:
        """Return the cursor less the lag, in the form that it came in."""
        assert self._incremental or self._value is None
        if not self._incremental or not self._incremental.lag:
            return self._value
        lag = self._incremental.lag
        if self._rank and self._rank[0] == _NUMBERS:
            per_second = _PER_SECOND.get(self._source.declaration.epoch, 1)
            earlier = self._rank[1] - math.ceil(lag * per_second)
            return str(earlier) if isinstance(self._value, str) else earlier
        if isinstance(self._value, str) and self._rank and self._rank[0] == _TIMES:
            return _time_before(self._value, math.ceil(lag))
        raise InputError(
            f"API {self._source.name}: a lag is declared, but its {self._incremental.field} is "
            "neither a time such as 2026-01-31T12:00:00Z nor a number. Take the lag out of the "
            "sources file."
        )


_NUMBERS, _TEXTS, _TIMES = range(3)


def _fingerprint(source: ApiSource) -> str:
    """A hash of what decides which records an endpoint is asked for."""
    incremental = source.incremental
    asks = [source.path, sorted(source.params.items()), source.data]
    if incremental:
        asks += [incremental.field, incremental.param]
    return hashlib.blake2b(repr(asks).encode(), digest_size=8).hexdigest()


def _field(record: Mapping[str, Any], name: str) -> Any:
    """Return a record's field, however its name is spelled; `a.b` may stand in the field a."""
    if name in record:
        return record[name]
    names = list(record)
    place = find_header(names, name)
    if place is not None:
        return record[names[place]]
    outer, point, inner = name.partition(".")
    within = record.get(outer) if point else None
    return _field(within, inner) if isinstance(within, dict) else None


def _rank(value: Any) -> _Rank | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | Decimal):
        return _NUMBERS, value
    if not isinstance(value, str) or not value:
        return None
    if _NUMBER.fullmatch(value):
        return _NUMBERS, Decimal(value) if "." in value else int(value)
    time = _time(value)
    return (_TEXTS, value) if time is None else (_TIMES, time)


@lru_cache(maxsize=10_000)  # many records have the time of the one before
def _time(value: str) -> datetime | None:
    if not (match := _TIME.fullmatch(value)):
        return None
    date, _, clock, fraction, offset = match.groups(default="")
    offset = offset.strip().upper().replace("UTC", "Z")
    try:
        time = datetime.fromisoformat(f"{date}T{clock or '00'}{fraction}{offset}")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _time_before(value: str, seconds: int) -> str:
    """Return an earlier time, written as the other one; what it is too coarse for is cut.

    >>> _time_before("2026-01-01 00:00:05.123 +0200", 10)
    '2025-12-31 23:59:55.123 +0200'
    """
    match = _TIME.fullmatch(value)
    assert match
    date, separator, clock, fraction, offset = match.groups(default="")
    try:
        time = datetime.fromisoformat(f"{date}T{clock or '00'}") - timedelta(seconds=seconds)
    except OverflowError:
        return value
    if not clock:
        return time.date().isoformat()
    return time.isoformat(separator, _PRECISION[len(clock)]) + fraction + offset
