"""T-SQL's functions and operators as DuckDB macros, where DuckDB's own differ.

Overloads by type stand for what T-SQL decides by type: `tsql_add` joins texts and adds numbers. A
macro without types takes the rest. What the server would refuse is an error here as well, told by
`error()`; texts that begin with NO_RULE become an UnknownSqlError (duckdb_errors.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb

NO_RULE = "no rule: "
MESSAGE = "Msg"


def _error(number: int, message: str) -> str:
    """Return the call that raises the server's error of that number."""
    quoted = message.replace("'", "''")
    return f"error('{MESSAGE} {number}: {quoted}')"


_OVERFLOW = _error(517, "Adding a value to a 'datetime2' column caused an overflow.")
_LENGTH = _error(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.")


def _no_rule(what: str) -> str:
    return f"error('{NO_RULE}{what}')"


def _by_type(name: str, bodies: dict[str, str]) -> str:
    """Return a macro's overloads; of a parameter list without types there may be one, the last."""
    overloads = ",\n".join(f"({parameters}) as {body}" for parameters, body in bodies.items())
    return f"create or replace macro main.{name} {overloads}"


_DIGITS = "regexp_full_match(x, ' *[+-]?[0-9]* *')"
_NUMBER = "regexp_full_match(x, ' *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+) *')"
_FEW_DIGITS = "length(regexp_replace(x, '[^0-9]', '', 'g')) <= 38"
_ISO = (
    "regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "([T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,7})?)?')"
)
_IN_RANGE = "x >= '0001' and (length(x) = 10 or substring(x, 12, 2) < '24')"


_QUOTIENT = (
    f"case when y = 0 then {_error(8134, 'Divide by zero error encountered.')} else x // y end"
)


def _whole(type_: str, strict: bool) -> dict[str, str]:
    """A text without digits is 0; anything but a sign, digits and spaces is an error."""
    bad = _error(245, "Conversion failed when converting the nvarchar value to data type int.")
    digits = "coalesce(nullif(regexp_extract(x, '[+-]?[0-9]+'), ''), '0')"
    good = f"{'' if strict else 'try_'}cast({digits} as {type_})"
    return {
        "x varchar": f"case when {_DIGITS} then {good}"
        f" when x is not null then {bad if strict else 'null'} end",
        "x boolean": f"cast(x as {type_})",
        "x": f"{'' if strict else 'try_'}cast(trunc(x) as {type_})",
    }


def _time(type_: str, strict: bool) -> dict[str, str]:
    bad = _error(241, "Conversion failed when converting date and/or time from character string.")
    cast = f"try_cast(x as {type_})"
    if strict:
        cast = f"coalesce({cast}, {bad})"
    refused = bad if strict else "null"
    other = _no_rule("a time in a form that is not ISO 8601")
    return {
        "x varchar": f"case when x is null then null when not {_ISO} then {other}"
        f" when {_IN_RANGE} then {cast} else {refused} end",
        "x": f"cast(x as {type_})",
    }


# These have a form for what is known to be a text, so that DuckDB need not find out (kinds.py).
_CONVERSIONS = ("tsql_int", "tsql_bigint", "tsql_smallint", "tsql_tinyint", "tsql_number",
                "tsql_date", "tsql_bit", "tsql_try")  # fmt: skip

_MACROS = {
    # A text's first bytes in UTF-8, whole characters only. The lambda lets DuckDB see x once.
    "tsql_cut": {
        "x, n": "list_transform([x], lambda cut: case when strlen(cut) <= n then cut else coalesce("
        + ", ".join(f"try(decode(array_slice(encode(cut), 1, n - {part})))" for part in range(4))
        + ") end)[1]"
    },
    # A text as comparisons see it: spaces at its end do not count.
    "tsql_key": {"x varchar": "rtrim(x, ' ')", "x": "x"},
    "tsql_add": {"x varchar, y varchar": "x || y", "x, y": "x + y"},
    "tsql_div": {
        "x integer, y integer": _QUOTIENT,
        "x bigint, y bigint": _QUOTIENT,
        "x, y": _no_rule("the scale of a quotient of decimals"),
    },
    "tsql_sum": {
        "x integer": "cast(sum(x) as integer)",
        "x bigint": "cast(sum(x) as bigint)",
        "x varchar": _error(8117, "Operand data type nvarchar is invalid for sum operator."),
        "x boolean": _error(8117, "Operand data type bit is invalid for sum operator."),
        "x": "sum(x)",
    },
    # The sum over a window, which a macro cannot hold, with the type that its argument gives it.
    "tsql_sum_of": {
        "x integer, total": "cast(total as integer)",
        "x bigint, total": "cast(total as bigint)",
        "x, total": "total",
    },
    "tsql_sign": {
        "x integer": "cast(sign(x) as integer)",
        "x bigint": "cast(sign(x) as bigint)",
        "x": "sign(x)",
    },
    "tsql_int": _whole("integer", strict=True),
    "tsql_bigint": _whole("bigint", strict=True),
    "tsql_smallint": _whole("smallint", strict=True),
    "tsql_tinyint": _whole("utinyint", strict=True),
    "tsql_try_int": _whole("integer", strict=False),
    "tsql_try_bigint": _whole("bigint", strict=False),
    "tsql_number": {
        "x varchar": f"case when {_NUMBER} and {_FEW_DIGITS} then trim(x, ' ') when x is not null"
        f" then {_error(8114, 'Error converting data type nvarchar to numeric.')} end",
        "x": "x",
    },
    "tsql_try_number": {
        "x varchar": f"case when {_NUMBER} and {_FEW_DIGITS} then trim(x, ' ') end",
        "x": "x",
    },
    "tsql_date": _time("date", strict=True),
    "tsql_try_date": _time("date", strict=False),
    "tsql_datetime": _time("timestamp", strict=True),
    "tsql_try_datetime": _time("timestamp", strict=False),
    "tsql_bit": {
        "x varchar": "case lower(x) when 'true' then true when 'false' then false"
        " else tsql_int_of_text(x) <> 0 end",
        "x": "cast(x as boolean)",
    },
    "tsql_text": {
        "x varchar": "x",
        "x boolean": "case when x then '1' when not x then '0' end",
        "x": "cast(x as varchar)",
    },
    "tsql_concat_part": {
        "x boolean": "case when x then '1' when not x then '0' end",
        "x": "x",
    },
    "tsql_len": {"x": "cast(length(rtrim(cast(x as varchar), ' ')) as integer)"},
    "tsql_left": {"x, n": f"case when n < 0 then {_LENGTH} else left(cast(x as varchar), n) end"},
    "tsql_right": {"x, n": f"case when n < 0 then {_LENGTH} else right(cast(x as varchar), n) end"},
    "tsql_substring": {
        "x, start, size": f"case when size < 0 then {_LENGTH}"
        " else substring(cast(x as varchar), greatest(start, 1),"
        " greatest(least(start, 1) - 1 + size, 0)) end"
    },
    "tsql_charindex": {
        "part, x": "case when part = '' then 0 else cast(instr(x, part) as integer) end",
    },
    "tsql_patindex": {
        "pattern, x": "case when x is null then null"
        " when regexp_matches(x, concat('(?s)', pattern))"
        " then cast(length(regexp_extract(x, concat('(?s)^(.*?)', pattern), 1)) + 1 as integer)"
        " else 0 end",
    },
    "tsql_string_escape": {
        "x": r"replace(regexp_extract(cast(to_json(x) as varchar), '(?s)^.(.*).$', 1), '/', '\/')",
    },
    "tsql_year": {"x": "cast(year(tsql_datetime(x)) as integer)"},
    "tsql_month": {"x": "cast(month(tsql_datetime(x)) as integer)"},
    "tsql_day": {"x": "cast(day(tsql_datetime(x)) as integer)"},
    "tsql_checked": {
        "x date": "case when x between date '0001-01-01' and date '9999-12-31' then x"
        f" when x is not null then {_OVERFLOW} end",
        "x": "case when x >= timestamp '0001-01-01'"
        " and x < timestamp '9999-12-31 23:59:59' + interval 1 second"
        f" then x when x is not null then {_OVERFLOW} end",
    },
    # A date plus days, months or years is one; hours are for times only.
    "tsql_plus_days": {"x date, step": "cast(x + step as date)", "x, step": "x + step"},
    "tsql_plus": {
        "x date, step": _error(
            9810, "The datepart is not supported by date function dateadd for data type date."
        ),
        "x, step": "x + step",
    },
    "quotename": {
        "x": "concat('[', replace(x, ']', ']]'), ']')",
        "x, mark": "case when mark = '''' then concat('''', replace(x, '''', ''''''), '''')"
        " when mark = '\"' then concat('\"', replace(x, '\"', '\"\"'), '\"')"
        " else concat('[', replace(x, ']', ']]'), ']') end",
    },
    "parsename": {
        "x, place": "string_split(regexp_replace(x, '[\\[\\]\"]', '', 'g'), '.')[-place]",
    },
}


class _NumberText(str):
    """A number of a JSON text as it is written there."""


def json_rows(text: str | None, path: str) -> list[str] | None:
    """Return what OPENJSON makes a row of each: a list's values, or the object itself."""
    found = _found(text, path)
    if isinstance(found, list):
        return [value if isinstance(value, str) else _json_text(value) for value in found]
    return [_json_text(found)] if isinstance(found, dict) else None


def json_members(text: str | None) -> list[dict[str, str | None]] | None:
    """Return what OPENJSON without WITH makes a row of each: a list's values, or members."""
    found = _found(text, "$")
    if isinstance(found, list):
        found = dict(enumerate(found))  # from 0
    if not isinstance(found, dict):
        return None
    return [
        {"key": str(key), "value": value if value is None or type(value) is str else _told(value)}
        for key, value in found.items()
    ]


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _json_text(value)


def json_value(text: str | None, path: str, as_json: bool) -> str | None:
    """Return what OPENJSON … WITH gives for a column: a scalar's text; the rest with AS JSON."""
    found = _found(text, path)
    if isinstance(found, list | dict):
        return _json_text(found) if as_json else None
    if as_json or found is None:
        return None
    return str(found).lower() if isinstance(found, bool) else str(found)


def _found(text: str | None, path: str) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text, parse_int=_NumberText, parse_float=_NumberText)
    except ValueError as error:
        raise ValueError(f"{MESSAGE} 13609: JSON text is not properly formatted.") from error
    for key in re.findall(r'\.(?:"((?:[^"\\]|\\.)*)"|(\w+))', path):
        if not isinstance(value, dict):
            return None
        value = value.get(json.loads(f'"{key[0]}"') if key[0] else key[1])
    return value


def _json_text(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}:{_json_text(one)}" for key, one in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    return str(value) if isinstance(value, _NumberText) else json.dumps(value, ensure_ascii=False)


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions known that are written in Python; a process does so for each file."""
    connection.create_function(
        "tsql_json_rows",
        json_rows,
        ["varchar", "varchar"],
        "varchar[]",
        null_handling="special",  # type: ignore[list-item, arg-type]
    )
    connection.create_function(
        "tsql_json_members",
        json_members,
        ["varchar"],
        "struct(key varchar, value varchar)[]",
        null_handling="special",  # type: ignore[list-item, arg-type]
    )
    connection.create_function(
        "tsql_json_value",
        json_value,
        ["varchar", "varchar", "boolean"],
        "varchar",
        null_handling="special",  # type: ignore[list-item, arg-type]
    )


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros in a database."""
    for name, bodies in _MACROS.items():
        connection.execute(_by_type(name, bodies))
        if name.startswith(_CONVERSIONS):
            connection.execute(_by_type(f"{name}_of_text", {"x": bodies["x varchar"]}))
