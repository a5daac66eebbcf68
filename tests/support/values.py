"""Texts as sources send them: with what they mean, and strategies for property-based tests."""

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
        _joined(
            st.sampled_from(["'", "", "''"]), _SIGN, _digits(1, 19), st.sampled_from(".,"), _ZEROS
        ),
        _joined("'", _SIGN, _digits(0, 20)),
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
            st.sampled_from(
                [
                    "9999999999999999.99",
                    "10000000000000000",
                    "9999999999999999.995",
                    "9999999999999999.9949",
                ]
            ),
            _digits(0, 3),
        ),
        _joined("'", _SIGN, _digits(0, 5), ".", _digits(0, 5)),
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
_ISO_DAY = st.one_of(
    _joined(_YEAR, "-", _two(0, 13), "-", _two(0, 32)),
    st.sampled_from(["0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "1900-02-29"]),
    st.sampled_from("-/").flatmap(
        lambda mark: _joined(_YEAR, mark, _one_or_two(0, 13), mark, _one_or_two(0, 32))
    ),
)
# Days on which clocks change somewhere.
_DAY_OF_CHANGE = st.sampled_from(
    ["2024-03-10", "2024-11-03", "2024-3-31", "2024/10/27", "2024/4/06", "2024-10-05"]
)
_FRACTION = st.sampled_from(["", "", ".", ".0", ".999999999", "." + "9" * 40, ".9999995", ",5"])
_ZONE = st.one_of(
    st.sampled_from(
        [
            "",
            "",
            "Z",
            "z",
            " Z",
            "  z",
            "UTC",
            " UTC",
            "utc",
            "+02",
            " -05",
            " +0200",
            "+00:00",
            "-00:00",
            "+14:00",
            "-12:00",
            "+23:59",
            "-2359",
        ]
    ),
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
            st.sampled_from(["T", " ", "T", " ", "t", "  ", "", "T ", " T", "\t"]),
            _two(0, 25) | _one_or_two(0, 9),
            ":",
            _two(0, 61),
            st.just("") | _joined(":", _two(0, 61), _FRACTION),
            _ZONE,
        ),
        # Nothing wrong but, maybe, the day.
        _joined(
            _ISO_DAY | _DAY_OF_CHANGE,
            st.sampled_from("T "),
            _one_or_two(0, 23),
            ":",
            _two(0, 59),
            st.just("") | _joined(":", _two(0, 59), st.sampled_from(["", ".5", "." + "9" * 12])),
            st.sampled_from(
                ["", "Z", "+02:00", "-0530", "+23:59", "-23:59", " +0200", " UTC", "+01"]
            ),
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
    _joined(BLANKS, st.sampled_from(["NULL", "Null", r"\N", "N/A", "#N/A", "nan", "None"]), BLANKS),
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


# What texts mean, by hand. Times without a zone, or with one where the business's clock is UTC's.
TIMES: dict[str, datetime | None] = {
    # Ways to write a time: those that leave no doubt are read.
    "01-May-24": None,
    "01-May-2024": None,
    "5/1/24": None,
    "5/1/2024 10:00": datetime(2024, 5, 1, 10),
    "45413": None,
    "45413.4166667": None,
    "1714557600": None,
    "1714557600000": None,
    "2024-05-01 10:00:00 UTC": datetime(2024, 5, 1, 10),
    "2024-05-01 10:00:00+00": datetime(2024, 5, 1, 10),
    "2024-05-01 10:00:00 +0000": datetime(2024, 5, 1, 10),
    "2024-05-01T10:00:00.000+0000": datetime(2024, 5, 1, 10),
    "2024-05-01 10:00:00 -05:00": datetime(2024, 5, 1, 15),
    "May 1, 2024 10:00 AM": None,
    "Wed, 01 May 2024 10:00:00 GMT": None,
    "20240501": None,
    "2024/05/01 10:00": datetime(2024, 5, 1, 10),
    "01.05.2024 10:00": None,
    "2024-05-01 10:00 AM": None,
    "2024-5-1": datetime(2024, 5, 1),
    "2024-05-01 9:05": datetime(2024, 5, 1, 9, 5),
    "2024-05-01T10:00:00[Europe/Berlin]": None,
    "2024-05-01 24:00:00": None,
    "2024-05-01t10:00:00z": datetime(2024, 5, 1, 10),
    "5/1/2024  10:00": datetime(2024, 5, 1, 10),
    "05-01-2024": None,
    "2024-05-01 10:00:00.0000000": datetime(2024, 5, 1, 10),
    "5/1/2024 0:00:00": datetime(2024, 5, 1),
    # Days and years that there are, and are not.
    "2024-02-29": datetime(2024, 2, 29),
    "2023-02-29": None,
    "1900-02-29": None,
    "2/29/2000": datetime(2000, 2, 29),
    "0000-12-31": None,
    "0000-12-31T23:59:59-00:01": None,
    "9999-12-31T23:59:59-00:01": None,
    "0001-01-01T00:00:00+00:01": None,
    "9999-12-31T23:59:59+23:59": datetime(9999, 12, 31, 0, 0, 59),
    "0001-01-01 00:00-2359": datetime(1, 1, 1, 23, 59),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1),
    # Year first.
    "2024/2/3 4:05:06.7 Z": datetime(2024, 2, 3, 4, 5, 6),
    "2024-2/3": None,
    "2024-05-01   10:00   UTC": datetime(2024, 5, 1, 10),
    "2024-05-01 10:00utc": None,
    "2024-05-01 10:00:00UTC": datetime(2024, 5, 1, 10),
    "2024-05-01\t10:00": None,
    "2024-05-01T 10:00": None,
    "2024-05-01 T10:00": None,
    "2024-05-01T": None,
    "2024-05-01T10": None,
    "2024-05-01Z": None,
    "2024-05-01 +02:00": None,
    "2024-05-01-05:00": None,
    "2024-05-01 10:60": None,
    "2024-05-01 10:00:60": None,
    "2024-05-01 10:00.5": None,
    "2024-05-01 10:00:00.": None,
    "2024-05-01 10:00:00,5": None,
    "2024-05-01 10:00:00.5.5": None,
    "2024-05-01 1:5": None,
    "1969-12-31 23:59:59.9": datetime(1969, 12, 31, 23, 59, 59),
    "2024-05-01T10:00:00." + "9" * 3000 + "Z": datetime(2024, 5, 1, 10),
    # Offsets, to the last that there is.
    "2024-05-01 10:00+23:59": datetime(2024, 4, 30, 10, 1),
    "2024-05-01 10:00-2359": datetime(2024, 5, 2, 9, 59),
    "2024-05-01 10:00:00-23": datetime(2024, 5, 2, 9),
    "2024-05-01 10:00+24:00": None,
    "2024-05-01 10:00-24": None,
    "2024-05-01 10:00+01:60": None,
    "2024-05-01 10:00+1": None,
    "2024-05-01 10:00+1:00": None,
    "2024-05-01 10:00+010": None,
    "2024-05-01 10:00+ 01:00": None,
    "2024-05-01 10:00−01:00": None,
    "2024-05-01 10:00ZZ": None,
    "2024-05-01 10:00GMT": None,
    "2024-12-31 23:30:00-01:00": datetime(2025, 1, 1, 0, 30),
    # Month first.
    "1/5/2024 12:00 am": datetime(2024, 1, 5),
    "1/5/2024 12:00PM": datetime(2024, 1, 5, 12),
    "01/05/2024 11:59:59  pM": datetime(2024, 1, 5, 23, 59, 59),
    "1/5/2024 0:30 PM": None,
    "1/5/2024 13:30 PM": None,
    "1/5/2024 24:00": None,
    "1/5/2024 10:00:00.5": None,
    "1/5/2024 10:00Z": None,
    "1/5/2024T10:00": None,
    "1/5/2024AM": None,
    "1/5/2024 AM": None,
    "13/5/2024": None,
    "//": None,
    "/": None,
    "Z": None,
    "": None,
    "NULL": None,
    " \t2024-05-01 10:00\u00a0": datetime(2024, 5, 1, 10),
}

# The time on the business's clock, by its zone and what came.
CLOCKS: dict[tuple[str, str], datetime | None] = {
    # In March 1:59:59 is followed by 3:00; in November 1:30 comes twice.
    ("America/Chicago", "2024-03-10T07:59:59Z"): datetime(2024, 3, 10, 1, 59, 59),
    ("America/Chicago", "2024-03-10T08:00:00Z"): datetime(2024, 3, 10, 3),
    ("America/Chicago", "2024-11-03 05:59:59+00"): datetime(2024, 11, 3, 0, 59, 59),
    ("America/Chicago", "2024-11-03T06:30:00Z"): datetime(2024, 11, 3, 1, 30),
    ("America/Chicago", "2024-11-03T07:30:00Z"): datetime(2024, 11, 3, 1, 30),
    ("America/Chicago", "2024-11-3 8:00 UTC"): datetime(2024, 11, 3, 2),
    ("America/Chicago", "2024-05-03T20:00:00-05:00"): datetime(2024, 5, 3, 20),
    ("America/Chicago", "2024-01-01T03:00:00.9Z"): datetime(2023, 12, 31, 21),
    # Without an offset it is that clock's time, even one that the clock never showed.
    ("America/Chicago", "2024-03-10 02:30:00"): datetime(2024, 3, 10, 2, 30),
    ("America/Chicago", "3/10/2024 2:30 AM"): datetime(2024, 3, 10, 2, 30),
    ("America/Chicago", "2024-05-03"): datetime(2024, 5, 3),
    ("America/Chicago", "9999-12-31T23:59:59Z"): datetime(9999, 12, 31, 17, 59, 59),
    ("America/Chicago", "9999-12-31T23:59:59-00:01"): None,
    ("America/Chicago", "0001-01-01T00:00:00Z"): None,
    ("America/Chicago", "0001-01-01T00:00:00"): datetime(1, 1, 1),
    ("Europe/Berlin", "2024-03-31T00:59:59Z"): datetime(2024, 3, 31, 1, 59, 59),
    ("Europe/Berlin", "2024-03-31T01:00:00Z"): datetime(2024, 3, 31, 3),
    ("Europe/Berlin", "2024-10-27 00:30:00 +0000"): datetime(2024, 10, 27, 2, 30),
    ("Europe/Berlin", "2024-10-27 02:30:00 +0100"): datetime(2024, 10, 27, 2, 30),
    ("Europe/Berlin", "2024-12-31T23:30:00Z"): datetime(2025, 1, 1, 0, 30),
    ("Europe/Berlin", "9999-12-31T22:59:59Z"): datetime(9999, 12, 31, 23, 59, 59),
    ("Europe/Berlin", "9999-12-31T23:00:00Z"): None,
    ("Australia/Sydney", "2024-04-06T15:30:00Z"): datetime(2024, 4, 7, 2, 30),
    ("Australia/Sydney", "2024-04-06T16:30:00Z"): datetime(2024, 4, 7, 2, 30),
    ("Australia/Sydney", "2024-10-05T15:59:59Z"): datetime(2024, 10, 6, 1, 59, 59),
    ("Australia/Sydney", "2024-10-05T16:00:00Z"): datetime(2024, 10, 6, 3),
    ("Asia/Kolkata", "2024-01-31T18:29:59Z"): datetime(2024, 1, 31, 23, 59, 59),
    ("Asia/Kolkata", "2023-12-31T18:30:00Z"): datetime(2024, 1, 1),
    # Half an hour of summer time.
    ("Australia/Lord_Howe", "2024-10-05T15:29:59Z"): datetime(2024, 10, 6, 1, 59, 59),
    ("Australia/Lord_Howe", "2024-10-05T15:30:00Z"): datetime(2024, 10, 6, 2, 30),
    ("Etc/Zulu", "2024-10-05T15:30:00+02:00"): datetime(2024, 10, 5, 13, 30),
}

INTEGERS: dict[str, int | None] = {
    "17850": 17850,
    "17850.0": 17850,
    "17850.00": 17850,
    "17850.5": None,
    "17850.": None,
    "1.": None,
    ".0": None,
    "+7": 7,
    "-7.0": -7,
    " 7.0\u00a0": 7,
    "'17850": 17850,
    "'-7": -7,
    "'7.0": 7,
    "''7": None,
    "'": None,
    "7'": None,
    "-'7": None,
    "' 7": None,
    "- 7": None,
    "1e3": None,
    "6.00123E+11": None,
    "1,000": None,
    "9223372036854775807": 9223372036854775807,
    "9223372036854775807.0": 9223372036854775807,
    "9223372036854775808": None,
    "-9223372036854775808": -9223372036854775808,
    "-9223372036854775809": None,
    "0" * 60 + "7." + "0" * 60: 7,
    "1.0.0": None,
    "２": None,
    "NaN": None,
    "": None,
}

AMOUNTS: dict[str, str | None] = {
    # Ways to write an amount: what is no plain number has to be declared.
    "$12.50": None,
    "1,234.50": None,
    "12,50": None,
    "(12.50)": None,
    "12.50-": None,
    "12.50 USD": None,
    "€12.50": None,
    "1 234,50": None,
    "−5.00": None,
    "1.2E+03": None,
    "12.345": "12.35",
    "NaN": None,
    "": None,
    "-": None,
    "0.005": "0.01",
    "1234.5": "1234.50",
    "+12.50": "12.50",
    "12.": "12.00",
    ".5": "0.50",
    "'12.50": "12.50",
    "'-.5": "-0.50",
    "''12.50": None,
    "$1,234.50": None,
    "12.50 ": "12.50",
    "-$12.50": None,
    "R$ 12,50": None,
    "12.5000000000": "12.50",
    # Rounded once, half away from zero.
    "0.004" + "9" * 60: "0.00",
    "2.345": "2.35",
    "-2.345": "-2.35",
    "0" * 50 + "2.344" + "9" * 50: "2.34",
    "-.005": "-0.01",
    "-.004": "0.00",
    "9999999999999999.994": "9999999999999999.99",
    "9999999999999999.995": None,
    "-" + "0" * 3000 + "9999999999999999.994": "-9999999999999999.99",
    "10000000000000000": None,
    "+": None,
    ".": None,
    "²": None,
    "１": None,
}

# A text of up to ten characters.
TEXTS: dict[str | None, str | None] = {
    None: None,
    "": None,
    " \t\r\n\u00a0": None,
    " Toys\u00a0": "Toys",
    "exactly 10": "exactly 10",
    "and longer than that": "and longer",
    "cut here: and blanks go": "cut here:",
    "too \u00a0\t    long": "too",
    "NULL": None,
    "null": None,
    "\\N": None,
    "N/A": None,
    " n/a ": None,
    "#N/A": None,
    "NaN": None,
    "nan": None,
    "None\n": None,
    "none": None,
    "Null": "Null",
    "NONE": "NONE",
    "-": "-",
    "<null>": "<null>",
    "N / A": "N / A",
    "'17": "'17",
    "😀" * 11: "😀" * 10,
}

# A key of text: never cut.
KEYS: dict[str | None, str | None] = {
    None: None,
    " ": None,
    " AB-1\t": "AB-1",
    "ab-1": "ab-1",
    "'17": "'17",
    "17.0": "17.0",
    "-1": "-1",
    "N/A": None,
    " none": None,
    "x" * 64: "x" * 64,
    "x" * 65: None,
    "é" * 64: "é" * 64,
    "😀" * 64: "😀" * 64,
    " " + "😀" * 64 + " ": "😀" * 64,
    "😀" * 65: None,
    "x" * 5000: None,
}

# The digits of a fraction of a second.
FRACTIONS: dict[str, str] = {
    "2024-05-01": "",
    "2024-05-01 10:00": "",
    "2024-05-01 10:00:00": "",
    "2024-05-01 10:00:00.000": "",
    "2024-05-01 10:00:00.5": "5",
    "2024-05-01T10:00:00.500Z": "5",
    "2024/5/1 1:00:00.050 +0200": "05",
    " 2024-05-01t10:00:00.1234567890123 UTC": "1234567890123",
    "5/1/2024 10:00:00 PM": "",
}
