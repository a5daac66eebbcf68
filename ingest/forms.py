"""Declared forms of values become the standard forms that silver reads, as DuckDB SQL.

A number gets a point and a leading minus (`1.234,50-` becomes `-1234.50`). A time becomes ISO, with
its offset where a zone is declared (`2024-05-01 10:00:00+02:00`); a date without a time stays one.
A value that does not have the declared form is left as it came: silver judges it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.expressions import Reference, number, quoted, rewrite
from ingest.headers import find_header, listed
from lake.errors import InputError

_B = r"[\s\x{a0}\x{2007}\x{202f}]"  # any kind of blank
_MINUS = r"[-(\x{2212}]"  # what makes a number negative, the parenthesis included
_CLOCK = r"(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?"
_DIGITS = {"d": r"(\d{1,2})", "m": r"(\d{1,2})", "y": r"(\d{4}|\d{2})"}
_OFFSET = r"([Zz]|UTC|GMT|[-+]\d{2}(?::?\d{2})?)"
# The local times that silver reads without any declaration.
_STANDARD_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?"
_STANDARD_TIMES = (
    ("ymdHMSf", rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}})(?:[Tt]|{_B}+){_STANDARD_CLOCK}"),
    (
        "mdyHMSfp",
        rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}})(?:{_B}+{_STANDARD_CLOCK}(?:{_B}*([AaPp])[Mm])?)?",
    ),
)
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # years 1 to 9999 in seconds from 1970


def select_list(
    entity: Entity, declaration: Declaration, header: Sequence[str]
) -> list[str] | None:
    """Return `<expression> as "Column"` for each column of the contract, in its order.

    They stand over a relation with the columns of the file, all varchar. A column that the file
    lacks is null. None when nothing but other headers is declared.
    """
    if not _changes_values(declaration):
        return None
    return [
        f"{_column(entity, declaration, header, name)} as {quoted(name)}" for name in entity.columns
    ]


class FillDown:
    """Repeats on the rows of a group what only its first row says, as `fill_down` declares it.

    Tables are given to `fill` in the order of the file: a group may go on in the next one.
    """

    def __init__(self, declaration: Declaration) -> None:
        self._groups = declaration.fill_down
        self._last: dict[str, str | None] = {}

    def fill(self, table: pa.Table) -> pa.Table:
        """Return a table, whose columns are those of the file, with its blanks filled."""
        for group, names in self._groups.items():
            own = find_header(table.column_names, group)
            if own is None or not table.num_rows:
                continue
            keys = table.column(own).combine_chunks()
            before = pa.concat_arrays([self._scalar(group), keys[:-1]])
            goes_on = pc.fill_null(pc.equal(keys, before), False)
            self._last[group] = keys[-1].as_py()
            for name in names:
                place = find_header(table.column_names, name)
                if place is not None:
                    filled = self._filled(name, table.column(place).combine_chunks(), goes_on)
                    table = table.set_column(place, table.column_names[place], filled)
        return table

    def _filled(self, name: str, values: pa.Array, goes_on: pa.Array) -> pa.Array:
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True)
        # What is blank in a first row is so in all: nothing goes over from the group before.
        said = pc.if_else(blank, pc.if_else(goes_on, pa.scalar(None, pa.string()), ""), values)
        filled = pc.fill_null_forward(pa.concat_arrays([self._scalar(name), said]))[1:]
        self._last[name] = filled[-1].as_py()
        return filled

    def _scalar(self, name: str) -> pa.Array:
        return pa.array([self._last.get(name)], pa.string())


def standard_time(declaration: Declaration, text: str) -> str:
    """Return SQL that brings the time in `text`, itself SQL, into the standard form."""
    forms = [_from_format(declaration, form, text) for form in declaration.datetime_formats]
    if declaration.epoch:
        forms.append(_from_epoch(declaration.epoch, text))
    if declaration.dates:
        forms.append(_from_parts(declaration, *_declared_date(declaration.dates), text))
    if declaration.timezone:
        forms += [_from_parts(declaration, names, form, text) for names, form in _STANDARD_TIMES]
    return f"coalesce({', '.join([*forms, text])})" if forms else text


def moment(declaration: Declaration, text: str) -> str:
    """Return SQL of the time in `text`, itself SQL, as a timestamp in UTC; null where it is none.

    A local time is in the declared zone, else in UTC.
    """
    in_zone = replace(declaration, timezone=declaration.timezone or "UTC")
    standard = standard_time(in_zone, text)
    iso = f"coalesce({_from_parts(in_zone, *_declared_date('ymd'), standard)}, {standard})"
    timed = "t__ || case when length(t__) = 10 then ' 00:00:00+00:00' else '' end"
    return _let("t__", iso, f"timezone('UTC', try_cast({timed} as timestamptz))")


def standard_number(declaration: Declaration, text: str) -> str:
    """Return SQL that brings the number in `text`, itself SQL, into the standard form."""
    if not _declares_numbers(declaration):
        return text
    decimal = declaration.decimal or "."
    point = re.escape(decimal)
    whole = r"\d+"
    if declaration.thousands:
        between = _B if declaration.thousands == " " else f"[{re.escape(declaration.thousands)}]"
        # In India only the last group has three digits.
        whole = rf"\d{{1,3}}(?:{between}\d{{2,3}})*{between}\d{{3}}|\d+"
    signs = "|".join(re.escape(one) for one in declaration.currency_signs)
    currency = f"(?:(?:{signs}){_B}*)?" if signs else ""
    after = f"(?:{_B}*(?:{signs}))?" if signs else ""
    trailing = r"([-\x{2212}])?" if "trailing" in declaration.negatives else "(x)?"
    opened, closed = (
        (r"(\()?", r"(\))?") if "parentheses" in declaration.negatives else ("(x)?", "(x)?")
    )
    form = (
        rf"^{_B}*'?{currency}{opened}{_B}*([-+\x{{2212}}])?{_B}*{currency}([-+\x{{2212}}])?{_B}*"
        rf"({whole})?(?:{point}(\d*))?{after}{_B}*{trailing}{after}{_B}*{closed}{_B}*$"
    )
    names = ["opened", "sign", "inner", "whole", "cents", "trailing", "closed"]
    signs = "g__.opened || g__.sign || g__.inner || g__.trailing"
    minus = f"case when regexp_matches({signs}, {_literal(_MINUS)}) then '-' else '' end"
    digits = r"case when g__.whole = '' then '0' else regexp_replace(g__.whole, '\D', '', 'g') end"
    cents = "case when g__.cents = '' then '' else '.' || g__.cents end"
    formed = _let(
        "g__",
        f"regexp_extract({text}, {_literal(form)}, {names!r})",
        f"case when g__.whole || g__.cents <> '' and (g__.opened = '') = (g__.closed = '') "
        f"and length({signs}) <= 1 then {minus} || {digits} || {cents} end",
    )
    # Most numbers have no more than digits and marks, and are read ten times as fast so.
    plain = _literal(rf"-?(?:{whole})(?:{point}\d+)?")
    marks = _literal(rf"[^\d{point}-]")
    pointed = f"replace(regexp_replace({text}, {marks}, '', 'g'), {_literal(decimal)}, '.')"
    return (
        f"case when regexp_full_match({text}, {plain}) then {pointed} "
        f"else coalesce({formed}, {text}) end"
    )


def _changes_values(declaration: Declaration) -> bool:
    return bool(
        declaration.expressions
        or any(len(headers) > 1 for headers in declaration.columns.values())
        or _declares_numbers(declaration)
        or declaration.dates
        or declaration.datetime_formats
        or declaration.epoch
        or declaration.timezone
        or declaration.null_words
    )


def _declares_numbers(declaration: Declaration) -> bool:
    return bool(
        declaration.decimal not in (None, ".")
        or declaration.thousands
        or declaration.currency_signs
        or declaration.negatives
    )


def _column(entity: Entity, declaration: Declaration, header: Sequence[str], name: str) -> str:
    if name in declaration.expressions:
        return _computed(entity, declaration, header, name)
    declared = declaration.columns.get(name, (name,))
    found = [header[place] for one in declared if (place := find_header(header, one)) is not None]
    parts = [_value(declaration, own) for own in found]
    if not parts:
        return "cast(null as varchar)"
    if len(parts) == 1:
        return _formed(entity, declaration, name, parts[0])
    # concat_ws passes over nulls, and makes an empty text of nothing else.
    filled = ", ".join(f"nullif({part}, '')" for part in parts)
    joined = f"concat_ws(' ', {filled})"
    text = f"case when coalesce({', '.join(parts)}) is not null then {joined} end"
    return _formed(entity, declaration, name, text)


def _computed(entity: Entity, declaration: Declaration, header: Sequence[str], name: str) -> str:
    def column(found: Reference) -> str:
        place = find_header(header, found.column)
        if place is None:
            raise InputError(
                f"The expression for {name} of {entity.name} names the column {found.column}, "
                f"which is not there (found: {listed(header)})."
            )
        text = _value(declaration, header[place])
        return number(standard_number(declaration, text)) if found.is_number else text

    # No row may fail the file that it is in: what can't be computed is null.
    value = f"try({rewrite(declaration.expressions[name], column)}\n)"
    text = f"cast({value} as varchar)"
    if name in entity.times:
        return _formed(entity, declaration, name, text)
    # A number that was computed has the standard form already, and a fraction in digits.
    return (
        f"case typeof({value}) when 'VARCHAR' then {_formed(entity, declaration, name, text)} "
        f"when 'DOUBLE' then cast(try_cast({value} as decimal(38, 10)) as varchar) else {text} end"
    )


def _value(declaration: Declaration, header: str) -> str:
    text = quoted(header)
    if not declaration.null_words:
        return text
    words = ", ".join(_literal(word) for word in declaration.null_words)
    trimmed = f"regexp_replace({text}, '^{_B}+|{_B}+$', '', 'g')"
    return f"case when {trimmed} not in ({words}) then {text} end"


def _formed(entity: Entity, declaration: Declaration, name: str, text: str) -> str:
    if name in entity.numbers:
        return standard_number(declaration, text)
    if name in entity.times:
        return standard_time(declaration, text)
    return text


def _declared_date(order: str) -> tuple[str, str]:
    """Return the parts and the pattern of dates in digits, with or without a time."""
    day = rf"[-./]{_B}*".join(_DIGITS[part] for part in order)
    time = rf"(?:[Tt]|[,\s]+){_CLOCK}(?:{_B}*([AaPp])\.?[Mm]\.?)?(?:{_B}*{_OFFSET})?"
    return f"{order}HMSfpo", rf"{day}(?:{time})?"


def _from_parts(declaration: Declaration, names: str, form: str, text: str) -> str:
    """Return SQL of the time whose parts a pattern finds, null where it finds none."""
    century = "case when length(g__.y) = 4 then '' when g__.y >= '70' then '19' else '20' end"
    day = f"{century} || g__.y || '-' || lpad(g__.m, 2, '0') || '-' || lpad(g__.d, 2, '0')"
    hour = "cast(g__.H as integer)"
    is_hour = f"{hour} < 24"
    if "p" in names:
        is_hour = f"case when g__.p = '' then {hour} < 24 else {hour} between 1 and 12 end"
        twelve = f"{hour} % 12 + case when lower(g__.p) = 'p' then 12 else 0 end"
        hour = f"case when g__.p = '' then {hour} else {twelve} end"
    seconds = "case when g__.S = '' then '00' else g__.S end"
    time = f"try_cast(d__ || ' ' || ({hour}) || ':' || g__.M2 || ':' || {seconds} as timestamp)"
    fraction = "case when g__.f = '' then '' else '.' || g__.f end"
    local = _local(declaration, time, fraction)
    if "o" in names:
        offset = (
            "case when regexp_matches(g__.o, '^[A-Za-z]') then '+00:00' "
            "when length(g__.o) = 3 then g__.o || ':00' "
            "when length(g__.o) = 5 then g__.o[:3] || ':' || g__.o[4:] else g__.o end"
        )
        local = (
            f"case when g__.o = '' then {local} else {_written(time)} || {fraction} || {offset} end"
        )
    # Field names are told apart regardless of case.
    fields = [{"M": "M2", "m": "m"}.get(one, one) for one in names]
    dated = _let(
        "d__",
        day,
        f"case when try_cast(d__ as date) is null then null when g__.H = '' then d__ "
        f"when {is_hour} then {local} end",
    )
    return _let(
        "g__",
        f"regexp_extract({text}, {_literal(f'^{_B}*{form}{_B}*$')}, {fields!r})",
        f"case when g__.y <> '' then {dated} end",
    )


def _from_format(declaration: Declaration, form: str, text: str) -> str:
    parsed = f"try_strptime({text}, {_literal(form)})"
    # DuckDB takes two digits for %Y too, as a year of antiquity.
    parsed = f"case when year({parsed}) >= 1000 then {parsed} end"
    codes = form.replace("%%", "")
    if re.search(r"%[zZ]", codes):
        utc = f"timezone('UTC', {parsed})"
        return f"{_written(utc)} || '+00:00'"
    if re.search(r"%-?[HIMScXTfgn]", codes):
        return _local(declaration, parsed, "''")
    return f"cast(cast({parsed} as date) as varchar)"


def _from_epoch(unit: str, text: str) -> str:
    digits = f"try_cast(regexp_replace({text}, '{_B}', '', 'g') as decimal(30, 9))"
    seconds = digits if unit == "seconds" else f"{digits} * cast(0.001 as decimal(4, 3))"
    fraction = (
        "case when n__ = floor(n__) then '' "
        "else rtrim(substr(cast(n__ - floor(n__) as varchar), 2), '0') end"
    )
    time = "make_timestamp(cast(floor(n__) as bigint) * 1000000)"
    value = _let(
        "n__",
        seconds,
        f"case when n__ between {_EARLIEST} and {_LATEST} "
        f"then {_written(time)} || {fraction} || '+00:00' end",
    )
    form = _literal(rf"{_B}*-?\d+(\.\d{{0,9}})?{_B}*")
    return f"case when regexp_full_match({text}, {form}) then {value} end"


def _local(declaration: Declaration, time: str, fraction: str) -> str:
    """Return SQL of a local time as text, with its offset where the zone is declared.

    Of an hour that comes twice it is the first; in one that is left out it is an hour later.
    """
    if not declaration.timezone:
        return f"{_written(time)} || {fraction}"
    zone = _literal(declaration.timezone)
    day_before = "(l__ - interval 1 day)"
    # Both rules say: by the offset from before the change.
    before = f"l__ - (timezone({zone}, timezone('UTC', {day_before})) - {day_before})"
    after = f"timezone('UTC', timezone({zone}, l__))"

    def at(utc: str) -> str:
        return f"timezone({zone}, timezone('UTC', {utc}))"

    chosen = f"case when {at('b__')} <> l__ and {at(after)} = l__ then {after} else b__ end"
    seconds = f"date_diff('second', u__, {at('u__')})"
    offset = (
        f"printf('%s%02d:%02d', case when {seconds} < 0 then '-' else '+' end, "
        f"abs({seconds}) // 3600, abs({seconds}) // 60 % 60)"
    )
    # Before time zones a place's offset had seconds, which no ISO offset can say.
    text = (
        f"case when {seconds} % 60 = 0 then {_written(at('u__'))} || {fraction} || {offset} "
        f"else {_written('u__')} || {fraction} || '+00:00' end"
    )
    return _let("l__", time, _let("b__", before, _let("u__", chosen, text)))


def _written(timestamp: str) -> str:
    return f"cast({timestamp} as varchar)"


def _let(name: str, value: str, body: str) -> str:
    """Return SQL that computes a value once and uses it by its name.

    DuckDB takes a column of that name first, so it is one that no file has.
    """
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
