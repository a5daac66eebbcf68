"""Texts as sources send them, for property-based tests: near the cleaning rules, and far off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

# Digits, spaces and letters that are not ASCII but that some engine takes for it.
ODD_CHARACTERS = "１２٣²½४ \u2003\u2028\u200b\ufeff\x85\x0b\x0cſKＡTZ–−⁄／：。İß\u0301😀\U0001f1f5"
BLANKS = st.text(" \t\r\n\u00a0", max_size=2)

_ODD_TEXTS = st.text(max_size=12) | st.text(
    ODD_CHARACTERS + "0123456789+-./: TZAPMapm,e$", max_size=24
)


def _joined(*parts: Any) -> st.SearchStrategy[str]:
    """One text of parts: strategies, or fixed texts."""
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map("".join)


@st.composite
def _spoiled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with one character changed, left out or put in."""
    text = draw(texts)
    place = draw(st.integers(0, len(text)))
    put_in = draw(st.sampled_from([*ODD_CHARACTERS, *" 0:9/-+.TZAPMe,", ""]))
    return text[:place] + put_in + text[place + draw(st.integers(0, 1)) :]


def _as_received(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Mostly such texts, with blanks around; some of them spoiled; some of any kind; some null."""
    return st.one_of(
        texts,
        texts,
        _joined(BLANKS, texts, BLANKS),
        _spoiled(texts),
        _ODD_TEXTS,
        st.none(),
    )


def _digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


_SIGN = st.sampled_from(["", "", "+", "-"])
_ZEROS = st.sampled_from(["", "", "0", "0" * 30, "0" * 300])

integer_texts = _as_received(
    st.one_of(
        _joined(_SIGN, _ZEROS, _digits(0, 20)),
        _joined(
            _ZEROS,
            st.builds(
                lambda edge, more: str(edge + more),
                st.sampled_from([0, 2**31, 2**63, 10**18, 10**19, 2**64]),
                st.integers(-2, 2),
            ),
        ),
        st.builds(lambda more: str(-(2**63) + more), st.integers(-2, 2)),
        st.sampled_from(["-", "+", "--1", "+-1", "1 2", "1_000", "1e3", "12.0", "0x1F", "1,0"]),
    )
)

number_texts = _as_received(
    st.one_of(
        _joined(_SIGN, _ZEROS, _digits(0, 12), st.sampled_from([".", "", "."]), _digits(0, 80)),
        # Beside the half cent: just below, on it, just above, in as many digits as one likes.
        _joined(
            _SIGN,
            _ZEROS,
            _digits(0, 9),
            ".",
            _digits(2, 2),
            st.sampled_from(["4", "5", "49", "50", "44", "9"]),
            st.sampled_from(["", "9", "0", "9" * 60, "0" * 60, "0" * 60 + "1", "9" * 300]),
        ),
        _joined(
            _SIGN,
            _ZEROS,
            st.sampled_from(["99999999.99", "100000000", "99999999.995", "99999999.9949"]),
            _digits(0, 3),
        ),
        st.sampled_from(
            [
                "1e3",
                "1E3",
                "$5",
                "1,234.50",
                ".",
                "+.",
                "-.5",
                "5.",
                "+5.",
                "1..2",
                "1.2.3",
                "inf",
                "nan",
                "NaN",
                "Infinity",
                "0x10",
                "1_0",
                "1.5f",
                "- 5",
                "5 -",
                "1/2",
            ]
        ),
    )
)


def _two(first: int, last: int) -> st.SearchStrategy[str]:
    return st.integers(first, last).map("{:02d}".format)


def _one_or_two(first: int, last: int) -> st.SearchStrategy[str]:
    return st.integers(first, last).flatmap(
        lambda number: st.sampled_from([str(number), f"{number:02d}"])
    )


_YEAR = st.sampled_from(["0000", "0001", "0099", "1582", "1900", "2000", "9998", "9999"]) | (
    st.integers(1, 9999).map("{:04d}".format)
)
_ISO_DAY = _joined(_YEAR, "-", _two(0, 13), "-", _two(0, 32)) | _joined(
    st.sampled_from(["0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "1900-02-29"])
)
_FRACTION = st.sampled_from(["", "", ".", ".0", ".999999999", "." + "9" * 40, ".9999995", ",5"])
_ZONE = st.one_of(
    st.sampled_from(["", "", "Z", "z", "+00:00", "-00:00", "+14:00", "-12:00", "+23:59", "-2359"]),
    _joined(st.sampled_from("+-"), _two(0, 25), st.sampled_from([":", ""]), _two(0, 61)),
    st.sampled_from(["+02", "+2:00", "+020", " +02:00", " Z", "UTC", "ZZ", "+02:00Z", "−02:00"]),
)
_HALF = st.sampled_from(
    ["", "", "AM", "PM", " AM", " PM", "am", " pm", "Am", "  PM", "P", " M", "A M"]
)

datetime_texts = _as_received(
    st.one_of(
        _joined(
            _ISO_DAY,
            st.sampled_from(["T", " ", "T", " ", "t", "  ", ""]),
            _two(0, 25),
            ":",
            _two(0, 61),
            st.just("") | _joined(":", _two(0, 61), _FRACTION),
            _ZONE,
        ),
        # Nothing wrong but, maybe, the day.
        _joined(
            _ISO_DAY,
            st.sampled_from("T "),
            _two(0, 23),
            ":",
            _two(0, 59),
            st.just("") | _joined(":", _two(0, 59), st.sampled_from(["", ".5", "." + "9" * 12])),
            st.sampled_from(["", "Z", "+02:00", "-0530", "+23:59", "-23:59"]),
        ),
        _ISO_DAY,
        _joined(
            _ISO_DAY,
            st.sampled_from(["T", "Z", "+02:00", "T10", " 10", "T10:0", "T10:00:", "T1:00"]),
        ),
        _joined(_one_or_two(0, 13), "/", _one_or_two(0, 32), "/", _YEAR),
        _joined(
            _one_or_two(0, 13),
            "/",
            _one_or_two(0, 32),
            "/",
            _YEAR,
            st.sampled_from([" ", " ", "T", "  "]),
            _one_or_two(0, 25),
            ":",
            _two(0, 60),
            st.just("") | _joined(":", _two(0, 60)),
            _HALF,
        ),
        _joined(
            _one_or_two(1, 12),
            "/",
            _one_or_two(1, 28),
            "/",
            _YEAR,
            " ",
            _one_or_two(0, 13),
            ":",
            _two(0, 59),
            st.just("") | _joined(":", _two(0, 59)),
            _HALF,
        ),
        st.sampled_from(
            [
                "now",
                "today",
                "epoch",
                "infinity",
                "-infinity",
                "20240105",
                "2024-1-5",
                "24-01-05",
                "5 Jan 2024",
                "1/5/24",
                "001/5/2024",
                "1/5/2024Z",
                "1/5/2024 10:00Z",
                "2024/01/05",
                "1704448800",
                "10:00",
                "2024-01-05T24:00:00",
                "1/5/2024 24:00",
                "2024-W01-5",
                "2024-005",
                "-2024-01-05",
                "+2024-01-05",
                "12024-01-05",
                "2024-01-05 (BC)",
                "0001-01-01 (BC)",
                "0001-01-01 (BC) 00:00:00",
                "12024-01-05 10:00:00",
                "2024-01-05 10:00:00.5",
                "2024-01-05 10:00:00.000001",
            ]
        ),
    )
)

descriptive_texts = st.one_of(
    _joined(BLANKS, st.text(max_size=60), BLANKS),
    _joined(
        st.text(" \t\r\n\u00a0" + ODD_CHARACTERS, max_size=4),
        st.text("aŁ😀\u0301 ", max_size=8),
        st.integers(0, 4).map(lambda times: "Łódź 😀e\u0301 " * 8 * times),
        st.text(" \t\r\n\u00a0" + ODD_CHARACTERS, max_size=4),
    ),
    st.none(),
)

moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda moment: moment.replace(microsecond=0)
)
