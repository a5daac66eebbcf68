"""Compare a relation with the rows that the reference expects, in any order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import duckdb

Values = tuple[Hashable, ...]

_PLACES = Decimal("1e-9")  # finer than any column; evens out floating-point shares
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)


def normalise(value: Any) -> Any:
    """Make a value comparable: numbers by value to nine places, times naive in UTC."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and value.is_finite():
        return value.quantize(_PLACES, context=_WIDE).normalize(_WIDE)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def load(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Load columns of a relation (a name or a query in parentheses) as normalised rows."""
    names = ", ".join(f'"{column}"' for column in columns)
    values = connection.execute(f"select {names} from {relation}").fetchall()
    return [dict(zip(columns, map(normalise, row), strict=True)) for row in values]


def difference(
    actual: Iterable[Mapping[str, Any]],
    expected: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    key: Sequence[str],
    limit: int = 10,
) -> str | None:
    """Say what differs, at most `limit` rows of a kind; None when nothing does."""
    found = Counter(_values(row, columns) for row in actual)
    wanted = Counter(_values(row, columns) for row in expected)
    positions = [columns.index(name) for name in key]
    extra_by_key: dict[Values, list[Values]] = defaultdict(list)
    for row in (found - wanted).elements():
        extra_by_key[tuple(row[position] for position in positions)].append(row)

    missing: list[str] = []
    differing: list[str] = []
    for row in (wanted - found).elements():
        row_key = tuple(row[position] for position in positions)
        if not extra_by_key[row_key]:
            missing.append(_shown(columns, row))
            continue
        other = extra_by_key[row_key].pop(0)
        changes = [
            f"{column}: expected {_text(want)}, found {_text(have)}"
            for column, want, have in zip(columns, row, other, strict=True)
            if want != have
        ]
        differing.append(f"{_shown(key, row_key)}: {'; '.join(changes)}")
    extra = [_shown(columns, row) for rows in extra_by_key.values() for row in rows]

    kinds = {"missing": missing, "extra": extra, "differing": differing}
    if not any(kinds.values()):
        return None
    lines = [f"expected {wanted.total()} rows, found {found.total()}"]
    for kind, shown in kinds.items():
        if shown:
            lines.append(f"{len(shown)} {kind}:")
            lines.extend(f"  {row}" for row in sorted(shown)[:limit])
            if len(shown) > limit:
                lines.append(f"  and {len(shown) - limit} more")
    return "\n".join(lines)


def assert_same(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    expected_rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    key: Sequence[str],
) -> None:
    """Assert that the relation holds exactly the expected rows in these columns."""
    message = difference(load(connection, relation, columns), expected_rows, columns, key)
    assert message is None, f"{relation} differs from the reference: {message}"


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> Values:
    return tuple(normalise(row[column]) for column in columns)


def _shown(columns: Sequence[str], values: Values) -> str:
    pairs = zip(columns, values, strict=True)
    return ", ".join(f"{column}={_text(value)}" for column, value in pairs)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, datetime) else repr(value)
