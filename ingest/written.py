"""How the values of a column are written, and which declaration would make them readable.

The forms that need no declaration are those that cleaning reads (`macros/cleaning`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest import forms
from ingest.declarations import Declaration, Keys, with_keys
from ingest.expressions import quoted

BLANK = "blank"
EITHER = "day or month first"
MONTH_FIRST = "month first"
TEXT = "letters or signs"
_READ = {BLANK, "ISO", "ISO with an offset", MONTH_FIRST, EITHER, "plain", "integer", "text"}

_SIXTIETH = r":[0-5]\d"
_HOUR = r"([01]?\d|2[0-3])"
_OFFSET = r"(Z|z|UTC|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_YEAR_FIRST = r"\d{4}(-\d{1,2}-|/\d{1,2}/)\d{1,2}"
_YEAR_FIRST_CLOCK = rf"([Tt]| +){_HOUR}{_SIXTIETH}({_SIXTIETH}([.]\d+)?)?"
_CLOCK = rf"{_HOUR}{_SIXTIETH}({_SIXTIETH})?"
_CLOCK_12 = rf"(0?[1-9]|1[0-2]){_SIXTIETH}({_SIXTIETH})? *[AaPp][Mm]"
_SLASHES = rf"\d{{1,2}}/\d{{1,2}}/\d{{4}}( +({_CLOCK}|{_CLOCK_12}))?"
_DATE = "regexp_extract(value, '^[^ Tt]+')"
_TIME_FORMS = f"""
    case
        when value = '' then '{BLANK}'
        when regexp_full_match(value, '{_YEAR_FIRST}({_YEAR_FIRST_CLOCK})?')
            and value >= '0001' and try_cast({_DATE} as date) is not null then 'ISO'
        when regexp_full_match(value, '{_YEAR_FIRST}{_YEAR_FIRST_CLOCK} *{_OFFSET}')
            and value >= '0001' and try_cast({_DATE} as date) is not null then 'ISO with an offset'
        when regexp_full_match(value, '{_SLASHES}')
            and try_strptime({_DATE}, '%m/%d/%Y') is not null
            then case
                when try_strptime({_DATE}, '%d/%m/%Y') is null then '{MONTH_FIRST}'
                else '{EITHER}'
            end
        when regexp_full_match(value, '{_SLASHES}')
            and try_strptime({_DATE}, '%d/%m/%Y') is not null then 'day first'
        when regexp_full_match(value, '[1-9]\\d{{9}}([.]\\d+)?') then 'seconds since 1970'
        when regexp_full_match(value, '[1-9]\\d{{12}}') then 'milliseconds since 1970'
        else 'other'
    end"""
_BLANKS = r"[\s\x{a0}\x{2007}\x{202f}]"
_GROUP = rf"([,.''’_]|{_BLANKS})"
_SIGN = r"[+\-\x{2212}]?"
_NUMBER_FORMS = rf"""
    case
        when value = '' then '{BLANK}'
        when regexp_full_match(value, '''?[+-]?(\d+[.]?\d*|[.]\d+)') then 'plain'
        when value like '%\%' escape '\' then 'percent'
        when regexp_full_match(value, '.*[(].*\d.*[)].*') then 'parentheses'
        when regexp_full_match(value, '.*\d{_BLANKS}*[-\x{{2212}}]') then 'minus at the end'
        when regexp_matches(value, '\d')
            and regexp_matches(
                value, '\p{{Sc}}|^\W*\p{{L}}{{1,4}}[^\p{{L}}]*$|^[^\p{{L}}]*\p{{L}}{{1,4}}$'
            )
            and not regexp_matches(value, '\d[eE][+-]?\d')
            then 'currency sign'
        when regexp_full_match(
            value, '{_SIGN}\d{{1,3}}({_GROUP}\d{{2,3}})*{_GROUP}\d{{3}}([.,]\d+)?'
        ) then 'thousands'
        when regexp_full_match(value, '{_SIGN}\d*,\d+') then 'decimal comma'
        else 'other'
    end"""
_KEY_FORMS = rf"""
    case
        when value = '' then '{BLANK}'
        when regexp_full_match(value, '''?[+-]?\d+([.]0+)?') then 'integer'
        when regexp_full_match(value, '[+-]?\d+[.]\d*') then 'number with a point'
        else '{TEXT}'
    end"""

_NEGATIVES = {"parentheses": r"\(.*\d.*\)", "trailing": r"\d\s*[-\x{2212}]\W*$"}
_MOST_VALUES = 20_000  # that are looked at to find what to declare
_MOST_FORMATS = 3  # in one column
_SEPARATORS = (None, ",", ".", " ", "'", "’", "_")
_DAYS = (
    *(
        "%Y%m%d",
        "%d-%b-%Y",
        "%d %b %Y",
        "%d.%b.%Y",
        "%d/%b/%Y",
        "%d-%b-%y",
        "%d %B %Y",
        "%d. %B %Y",
    ),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%a, %d %b %Y", "%a %b %d %Y", "%A, %B %d, %Y"),
    *("%Y-%b-%d", "%Y/%b/%d"),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H%M%S", "%H%M%S", "T%H%M%S%z"),
    *(" %H:%M:%S %z", ", %H:%M", ", %I:%M %p", " at %I:%M %p", " %H.%M", " %H:%M:%S UTC"),
)
_FORMATS = (*(day + clock for day in _DAYS for clock in _CLOCKS), "%a %b %d %H:%M:%S %Y")


@dataclass(frozen=True)
class Forms:
    """How the values of a column are written: how many have which form.

    `unread` of them cannot be read as they are, such as `example`.
    """

    counts: dict[str, int]
    unread: int
    example: str | None


class Written:
    """The rows of a file, as they stand in a Parquet file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: Path) -> None:
        self._connection, self._rows = connection, rows

    def times(self, column: str) -> Forms:
        """Tell how the times of a column are written."""
        self._take(column)
        return self._forms(_TIME_FORMS)

    def numbers(self, column: str) -> Forms:
        """Tell how the numbers of a column are written."""
        self._take(column)
        return self._forms(_NUMBER_FORMS)

    def keys(self, column: str, declaration: Declaration) -> Forms:
        """Tell what the keys in a column are; text is well where it is declared."""
        self._take(column)
        is_text = declaration.keys == "text"
        return self._forms(
            f"case when value = '' then '{BLANK}' else 'text' end" if is_text else _KEY_FORMS
        )

    def time_keys(self, column: str, declaration: Declaration) -> list[Keys]:
        """Return what can be declared to read the times of a column; several fit where unclear."""
        self._take(column)
        before = self._unread(_TIME_FORMS, "value")
        shapes = self._forms(_TIME_FORMS).counts
        # Excel leaves 11-08-2016 beside 11/16/2016: what shows the order shows it for both.
        first = ("ymd", "mdy") if MONTH_FIRST in shapes else ("ymd", "dmy", "mdy")
        orders = [] if declaration.dates else [{"dates": order} for order in first]
        epochs = [
            {"epoch": unit}
            for unit in ("seconds", "milliseconds")
            if f"{unit} since 1970" in shapes and not declaration.epoch
        ]
        fitting = self._fitting(
            [*orders, *epochs],
            before,
            _TIME_FORMS,
            lambda keys: forms.standard_time(with_keys(declaration, keys), "value"),
        )
        if fitting:
            return fitting
        found = self._formats()
        declared: Keys = {"datetime_formats": [*declaration.datetime_formats, *found]}
        return self._fitting(
            [declared] if found else [],
            before,
            _TIME_FORMS,
            lambda keys: forms.standard_time(with_keys(declaration, keys), "value"),
        )

    def number_keys(self, column: str, declaration: Declaration) -> list[Keys]:
        """Return what can be declared to read the numbers of a column; several where unclear."""
        self._take(column)
        always: Keys = {}
        if signs := list(dict.fromkeys([*declaration.currency_signs, *self._signs()])):
            always["currency_signs"] = signs
        negatives = [
            name
            for name, pattern in _NEGATIVES.items()
            if name in declaration.negatives or self._has(pattern)
        ]
        if negatives:
            always["negatives"] = negatives
        candidates = []
        for decimal in (declaration.decimal,) if declaration.decimal else (None, ","):
            for thousands in (declaration.thousands,) if declaration.thousands else _SEPARATORS:
                if thousands == (decimal or "."):
                    continue
                said = {"decimal": decimal, "thousands": thousands}
                candidates.append({k: v for k, v in said.items() if v} | always)
        return self._fitting(
            [keys for keys in candidates if keys],
            self._unread(_NUMBER_FORMS, "value"),
            _NUMBER_FORMS,
            lambda keys: forms.standard_number(with_keys(declaration, keys), "value"),
        )

    def _has(self, pattern: str) -> bool:
        found = self._connection.execute(
            "select 1 from seen where regexp_matches(value, $1) limit 1", [pattern]
        )
        return found.fetchone() is not None

    def _take(self, column: str) -> None:
        self._connection.execute(
            "create or replace temp table seen as "
            f"select trim(coalesce({quoted(column)}, ''), ' \t\r\n\u00a0') as value, "
            "count(*) as count from read_parquet($1) group by value",
            [str(self._rows)],
        )

    def _forms(self, form: str) -> Forms:
        found = self._connection.execute(
            f"select {form} as form, sum(count)::bigint, min(value) from seen group by form "
            "order by 2 desc, form"
        ).fetchall()
        unread = [(count, example) for name, count, example in found if name not in _READ]
        return Forms(
            {name: count for name, count, _ in found},
            sum(count for count, _ in unread),
            unread[0][1] if unread else None,
        )

    def _unread(self, form: str, expression: str) -> int:
        read = ", ".join(f"'{name}'" for name in _READ)
        row = self._connection.execute(
            f"select coalesce(sum(count) filter (where {form} not in ({read})), 0)::bigint "
            f"from (select coalesce({expression}, '') as value, count from "
            f"(from seen order by count desc, value limit {_MOST_VALUES}))"
        ).fetchone()
        assert row
        return int(row[0])

    def _fitting(
        self, candidates: Iterable[Keys], before: int, form: str, expression: Callable[[Keys], str]
    ) -> list[Keys]:
        """Return the shortest of the candidates that leave least unread; none when none helps."""
        unread = [(self._unread(form, expression(keys)), keys) for keys in candidates]
        best = min((count for count, _ in unread), default=before)
        if best >= before:
            return []
        fitting = [keys for count, keys in unread if count == best]
        shortest = min(map(len, fitting))
        return [keys for keys in fitting if len(keys) == shortest]

    def _formats(self) -> list[str]:
        """Return formats that read what is unread, the one that reads most first."""
        read = ", ".join(f"'{name}'" for name in _READ)
        self._connection.execute(
            f"create or replace temp table unread as select value, count from seen "
            f"where {_TIME_FORMS} not in ({read}) order by count desc, value limit 1000"
        )
        found: list[str] = []
        each = ", ".join(
            f"coalesce(sum(count) filter (where year(try_strptime(value, '{form}')) "
            "between 1900 and 2099), 0)"
            for form in _FORMATS
        )
        while len(found) < _MOST_FORMATS:
            counts = self._connection.execute(f"select {each} from unread").fetchone() or ()
            most = max(counts)
            if not most:
                break
            found.append(_FORMATS[counts.index(most)])
            self._connection.execute(
                "delete from unread where year(try_strptime(value, $1)) between 1900 and 2099",
                [found[-1]],
            )
        # `%Y` takes the 24 of 01-May-24 for a year as well: the years of two digits come first.
        return sorted(found, key=lambda form: "%y" not in form)

    def _signs(self) -> Iterator[str]:
        """Yield what stands before or after numbers and is no part of them."""
        values = self._connection.execute(
            f"select value from seen where {_NUMBER_FORMS} not in ('plain', '{BLANK}', 'percent') "
            "order by count desc, value limit 1000"
        ).fetchall()
        found: dict[str, int] = {}
        for (value,) in values:
            for pattern in _AROUND:
                if match := pattern.search(value):
                    found[match[1]] = found.get(match[1], 0) + 1
        yield from sorted(found, key=lambda sign: (-found[sign], sign))[:5]


_NO_SIGN = r"\d\s.,'’_()+\-−%"
_AROUND = (
    re.compile(rf"^[\s(+\-−]*([^\W\d_]{{1,4}}\.(?=\s)|[^{_NO_SIGN}]{{1,4}})[\s(+\-−]*[\d.,]"),
    re.compile(rf"\d[\s)\-−]*([^{_NO_SIGN}]{{1,4}})[\s)\-−]*$"),
)
