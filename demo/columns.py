"""Text made by the million: a column is a matrix of bytes, one row a value, padded with NUL.

Columns are looked up, joined side by side and written without a Python object per value; the
padding is taken out on the way to the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.uint8]
Numbers = NDArray[np.int64] | NDArray[np.int32] | NDArray[np.uint8]

_GROUP = 10_000  # numbers are written four digits at a time


def table(values: Sequence[str]) -> Column:
    """Make a column of a few texts, to look many up in."""
    encoded = np.array([value.encode() for value in values])
    return as_column(encoded)


def as_column(texts: NDArray[np.bytes_]) -> Column:
    """See numpy's fixed-width texts as a column."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), -1)


def quoted(value: str) -> str:
    """Write a CSV field: in quotes when it needs them."""
    if any(character in value for character in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def quoted_column(column: Column) -> Column:
    """Write CSV fields: those that need it in quotes."""
    needs = np.flatnonzero(np.isin(column, list(b',"\r\n')).any(axis=1))
    fields = [quoted(text.decode()) for text in texts(column[needs]).tolist()]
    return replaced(column, needs, table(fields)) if fields else column


_FOUR_DIGITS = table([f"{number:04}" for number in range(_GROUP)])
_SIGNS = table(["", "-"])
_DOLLARS = as_column(np.arange(100_000).astype("S5"))
_CENTS = table([f".{cents:02}" for cents in range(100)])
_TIMES = table([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400)])


def digits(numbers: Numbers, width: int) -> Column:
    """Write numbers with `width` digits, zeros in front."""
    groups = -(-width // 4)
    text = np.empty((len(numbers), groups * 4), np.uint8)
    rest = numbers
    for group in reversed(range(groups)):
        rest, last = np.divmod(rest, _GROUP)
        text[:, group * 4 : group * 4 + 4] = _FOUR_DIGITS[last]
    return text[:, groups * 4 - width :]


def money(cents: Numbers) -> Column:
    """Write amounts between -100,000.00 and 100,000.00, given in cents."""
    whole, rest = np.divmod(np.abs(cents), 100)
    return joined([_SIGNS[(cents < 0).view(np.uint8)], _DOLLARS[whole], _CENTS[rest]])


def times(seconds: Numbers) -> Column:
    """Write seconds of a day as HH:MM:SS."""
    return _TIMES[seconds]


def joined(parts: Sequence[Column | bytes]) -> Column:
    """Set columns and constant bytes side by side."""
    rows = next(len(part) for part in parts if isinstance(part, np.ndarray))
    widths = [len(part) if isinstance(part, bytes) else part.shape[1] for part in parts]
    result = np.empty((rows, sum(widths)), np.uint8)
    start = 0
    for part, width in zip(parts, widths, strict=True):
        result[:, start : start + width] = (
            np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
        )
        start += width
    return result


def either(first: NDArray[np.bool_], yes: Column, no: Column) -> Column:
    """Take each row's text from `yes` where `first` holds, otherwise from `no`."""
    width = max(yes.shape[1], no.shape[1])
    result = np.zeros((len(first), width), np.uint8)
    result[first, : yes.shape[1]] = yes[first]
    result[~first, : no.shape[1]] = no[~first]
    return result


def replaced(column: Column, at: NDArray[np.int64], others: Column) -> Column:
    """Set other texts in some rows."""
    result = np.zeros((len(column), max(column.shape[1], others.shape[1])), np.uint8)
    result[:, : column.shape[1]] = column
    result[at] = 0
    result[at, : others.shape[1]] = others
    return result


def texts(column: Column) -> NDArray[np.bytes_]:
    """Return a column as numpy's fixed-width texts."""
    text_first = np.argsort(column == 0, axis=1, kind="stable")
    packed_left = np.ascontiguousarray(np.take_along_axis(column, text_first, axis=1))
    return packed_left.view(f"S{column.shape[1]}").reshape(len(column))


def packed(column: Column) -> bytes:
    """Return the text of all rows, one after the other, without the padding."""
    return column.tobytes().translate(None, b"\0")
