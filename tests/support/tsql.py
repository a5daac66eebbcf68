"""Computes scalar T-SQL expressions as SQL Server's documentation says, where no server runs.

Where the documentation leaves a choice it takes the worst one: both sides of AND are computed, so
is what WHERE drops, and outside a binary collation [0-9] finds digits of every script. Whatever
would be an error on the server is one here: a negative length, an overflow, an impossible date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp
from tzlocal.windows_tz import win_tz

_INTEGERS = {"int": 2**31, "bigint": 2**63}


class TsqlError(Exception):
    """An error that the server would raise."""


class UnknownSqlError(Exception):
    """SQL that this module has no rule for; a test that meets it fails, so add the rule here."""


class Text(str):
    """A text with its collation; `national` when it is an nvarchar."""

    collation: str
    national: bool

    def __new__(cls, value: str, collation: str = "", national: bool = True) -> Text:
        text = super().__new__(cls, value)
        text.collation = collation
        text.national = national
        return text

    @property
    def binary(self) -> bool:
        """Whether it compares by code point."""
        return "BIN2" in self.collation

    def derived(self, value: str) -> Text:
        """Return another text of the same collation."""
        return Text(value, self.collation, self.national)

    def units(self) -> list[str]:
        """Return what lengths and places count: characters, or UTF-16 units as pairs of bytes."""
        if "_SC" in self.collation:
            return list(self)
        encoded = self.encode("utf-16-le", "surrogatepass")
        return [encoded[i : i + 2].decode("latin-1") for i in range(0, len(encoded), 2)]

    def of_units(self, units: list[str]) -> Text:
        """Return the text of some of its units."""
        if "_SC" in self.collation:
            return self.derived("".join(units))
        encoded = "".join(units).encode("latin-1")
        return self.derived(encoded.decode("utf-16-le", "surrogatepass"))


@dataclass(frozen=True)
class Number:
    """A number with its type: int, bigint or decimal."""

    value: Fraction
    kind: str = "int"

    def __post_init__(self) -> None:
        limit = _INTEGERS.get(self.kind)
        if limit and not -limit <= self.value < limit:
            raise TsqlError(f"Arithmetic overflow: {self.value} as {self.kind}")


class Expression:
    """A T-SQL expression; call it with the values of its columns."""

    def __init__(self, sql: str) -> None:
        self._select = sqlglot.parse_one(f"select {sql}", read="tsql")

    def __call__(self, **columns: str | int | Decimal | date | Number | None) -> Any:
        """Return the value: a text, a whole or decimal number, a date, a time, or None."""
        given = {name: _given(value) for name, value in columns.items()}
        value = _value(self._select.expressions[0], {"": given})
        if isinstance(value, Text):
            return str(value)
        if isinstance(value, Number):
            whole = value.value.denominator == 1 and value.kind != "decimal"
            return int(value.value) if whole else _decimal(value.value)
        return value


def _given(value: Any) -> Any:
    if isinstance(value, str):
        return Text(value, national=False)
    if isinstance(value, int | Decimal):
        return Number(Fraction(value), "decimal" if isinstance(value, Decimal) else "bigint")
    return value


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


Environment = Mapping[str, Mapping[str, Any]]  # columns by the alias of their row; "": the outer


def _row(select: exp.Expr, environment: Environment) -> dict[str, Any] | None:
    """Return the one row of a select as its columns, or None when WHERE drops it."""
    rows = dict(environment)
    sources = [from_.this] if (from_ := select.args.get("from_")) else []
    sources += [join.this for join in select.args.get("joins") or []]
    sources += select.args.get("laterals") or []
    kept = True
    for source in sources:
        inner = source.this.this if isinstance(source, exp.Lateral) else source.this
        row = _row(inner, rows)
        kept = kept and row is not None
        rows[source.alias] = row or {}
    columns = {
        column.alias_or_name or str(place): _value(column, rows) if kept else None
        for place, column in enumerate(select.expressions)
    }
    if where := select.args.get("where"):
        kept = kept and _value(where.this, rows) is True
    return columns if kept else None


def _value(node: exp.Expr, rows: Environment) -> Any:
    """Compute a node of the syntax tree."""

    def of(part: exp.Expr | None) -> Any:
        return None if part is None else _value(part, rows)

    match node:
        case exp.Alias() | exp.Paren() | exp.TimeStrToTime():  # the last is put in by sqlglot
            return of(node.this)
        case exp.Column():
            for row in [rows[node.table]] if node.table else reversed(rows.values()):
                if node.name in row:
                    return row[node.name]
            raise TsqlError(f"Invalid column name {node}")
        case exp.National():
            return Text(node.name)
        case exp.Literal() if node.is_string:
            return Text(node.name, national=False)
        case exp.Literal():
            value = Fraction(node.name)
            whole = value.denominator == 1 and value < 2**31 and "." not in node.name
            return Number(value, "int" if whole else "decimal")
        case exp.Null():
            return None
        case exp.Subquery():
            row = _row(node.this, rows)
            return next(iter(row.values())) if row else None
        case exp.Case():
            for branch in node.args["ifs"]:
                condition = (
                    branch.this
                    if node.this is None
                    else exp.EQ(this=node.this.copy(), expression=branch.this.copy())
                )
                if of(condition) is True:
                    return of(branch.args["true"])
            return of(node.args.get("default"))
        case exp.Collate():
            text = of(node.this)
            return None if text is None else Text(text, node.expression.name, text.national)
        case exp.Cast():  # TRY_CAST is one
            return _cast(of(node.this), node.to, isinstance(node, exp.TryCast))
        case exp.And() | exp.Or():
            return _connected(isinstance(node, exp.And), of(node.left), of(node.right))
        case exp.Not():
            value = of(node.this)
            return None if value is None else not value
        case exp.Is():
            return of(node.this) is None
        case exp.In():
            found = [_compare("=", of(node.this), of(choice)) for choice in node.expressions]
            return True if True in found else None if None in found else False
        case exp.Between():
            low = _compare(">=", of(node.this), of(node.args["low"]))
            return _connected(True, low, _compare("<=", of(node.this), of(node.args["high"])))
        case exp.Like():
            found = _like(of(node.this), of(node.expression))
            return found if found is None else found is not bool(node.args.get("negate"))
        case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            sign = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
            return _compare(sign[type(node).__name__], of(node.left), of(node.right))
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod():
            return _arithmetic(type(node).__name__, of(node.left), of(node.right))
        case exp.Concat():
            return _concat([of(part) for part in node.expressions])
        case exp.Coalesce():
            return next((v for part in [node.this, *node.expressions] if (v := of(part))), None)
    return _function(node, of)


def _function(node: exp.Expr, of: Any) -> Any:
    """Compute a function that is null as soon as one of its arguments is."""
    if isinstance(node, exp.Nullif):
        value = of(node.this)
        return None if _compare("=", value, of(node.expression)) else value
    parts = ("this", "expression", "expressions", "start", "length", "substr", "position",
             "replacement")  # fmt: skip
    arguments = {}
    for part in parts:
        given = node.args.get(part)
        if isinstance(given, list):
            arguments[part] = [of(one) for one in given]
        elif isinstance(given, exp.Expr):
            arguments[part] = of(given)
    if None in arguments.values() or None in arguments.get("expressions", []):
        return None
    this = arguments.get("this")
    match node:
        case exp.Neg():
            return Number(-this.value, this.kind)
        case exp.Sign():
            return Number(Fraction((this.value > 0) - (this.value < 0)), this.kind)
        case exp.Abs():
            return Number(abs(this.value), this.kind)
        case exp.Length():
            return Number(Fraction(len(Text.units(this.derived(this.rstrip(" "))))))
        case exp.Left():
            return _cut(this, 1, _integer(arguments["expression"]))
        case exp.Right():
            length = _integer(arguments["expression"])
            return _cut(this, max(len(this.units()) - length, 0) + 1, length)
        case exp.Substring():
            return _cut(this, _integer(arguments["start"]), _integer(arguments["length"]))
        case exp.StrPosition():
            start = _integer(arguments["position"]) - 1 if "position" in arguments else 0
            return _place(this, this.find(arguments["substr"], start))
        case exp.Replace():
            return this.derived(this.replace(arguments["expression"], arguments["replacement"]))
        case exp.Trim():
            return this.derived(this.strip(arguments["expression"]))
        case exp.Reverse():
            return this.derived(this[::-1])
        case exp.AtTimeZone():
            return _at_time_zone(this, node.args["zone"].name)
        case exp.DateAdd():
            unit = {"MINUTE": "minutes", "DAY": "days"}[node.args["unit"].name.upper()]
            try:
                return this + timedelta(**{unit: _integer(arguments["expression"])})
            except OverflowError as error:
                raise TsqlError("Adding a value to a column caused an overflow") from error
        case exp.DateDiff() if node.args["unit"].name.upper() == "DAY":
            first = arguments["expression"]
            return Number(Fraction((_day(this) - _day(first)).days))
        case exp.Anonymous(this=name) if name.lower() == "patindex":
            pattern, text = arguments["expressions"]
            return _patindex(pattern, text)
        case exp.Anonymous(this=name) if name.lower() == "nchar":
            return Text(chr(_integer(arguments["expressions"][0])))
    raise UnknownSqlError(f"no rule for {node!r}")


def _at_time_zone(moment: datetime, name: str) -> datetime:
    """Give a time the offset of a zone, or take one that has an offset to another zone."""
    if name not in win_tz:
        raise TsqlError(f"The time zone parameter '{name}' is invalid")
    zone = ZoneInfo(win_tz[name])
    try:
        return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    except OverflowError as error:
        raise TsqlError("Adding a value to a 'datetimeoffset' column caused an overflow") from error


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _integer(number: Number) -> int:
    return int(number.value)


def _cut(text: Text, start: int, length: int) -> Text:
    if length < 0:
        raise TsqlError("Invalid length parameter passed to the LEFT or SUBSTRING function")
    units = text.units()
    return text.of_units(units[max(start - 1, 0) : max(start - 1 + length, 0)])


def _concat(parts: list[Any]) -> Text:
    texts = [
        part if isinstance(part, Text) else Text("" if part is None else str(int(part.value)))
        for part in parts
    ]
    collation = next((text.collation for text in texts if text.collation), "")
    return Text("".join(texts), collation, any(text.national for text in texts))


def _connected(both: bool, left: bool | None, right: bool | None) -> bool | None:
    if both:
        return False if False in (left, right) else None if None in (left, right) else True
    return True if True in (left, right) else None if None in (left, right) else False


def _compare(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, Text):
        binary = left.binary or right.binary
        left, right = (
            text.rstrip(" ") if binary else unicodedata.normalize("NFKC", text.rstrip(" ")).lower()
            for text in (left, right)
        )
    elif isinstance(left, Number):
        left, right = left.value, right.value
    results: dict[str, bool] = {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return results[sign]


def _pattern(pattern: str, binary: bool) -> str:
    """Return a LIKE pattern as a regular expression."""
    result, place = "", 0
    while place < len(pattern):
        character = pattern[place]
        if character == "[":
            end = pattern.index("]", place + 2)
            inside = pattern[place + 1 : end]
            if not binary:  # as a linguistic order has it: ² lies between 2 and 3
                inside = inside.replace("0-9", r"\d¹²³½¼¾①②③")
            result += "[" + inside.replace("[", r"\[") + "]"
            place = end
        else:
            result += {"%": ".*", "_": "."}.get(character) or re.escape(character)
        place += 1
    return result


def _like(text: Text | None, pattern: Text | None) -> bool | None:
    if text is None or pattern is None:
        return None
    subject = str(text) if text.national or pattern.national else text.rstrip(" ")
    flags = re.DOTALL if text.binary else re.DOTALL | re.IGNORECASE
    return re.fullmatch(_pattern(pattern, text.binary), subject, flags) is not None


def _patindex(pattern: Text, text: Text) -> Number:
    inside = _pattern(str(pattern).strip("%"), text.binary)
    found = re.search(inside, text, re.DOTALL)
    return _place(text, found.start() if found else -1)


def _place(text: Text, index: int) -> Number:
    """Return the place of a character by its index; 0 for none."""
    before = text.derived(text[:index]) if index >= 0 else None
    return Number(Fraction(0 if before is None else len(before.units()) + 1))


def _arithmetic(operation: str, left: Number | None, right: Number | None) -> Number | None:
    if left is None or right is None:
        return None
    kinds = ["int", "bigint", "decimal"]
    kind = kinds[max(kinds.index(left.kind), kinds.index(right.kind))]
    first, second = left.value, right.value
    if operation in ("Div", "Mod"):
        if kind == "decimal":
            raise UnknownSqlError("no rule for the scale of a quotient of decimals")
        quotient = Fraction(int(first / second))  # cut towards zero
        return Number(quotient if operation == "Div" else first - quotient * second, kind)
    results = {"Add": first + second, "Sub": first - second, "Mul": first * second}
    return Number(results[operation], kind)


def _cast(value: Any, to: exp.DataType, or_null: bool) -> Any:
    if value is None:
        return None
    try:
        return _converted(value, to)
    except (TsqlError, ValueError):
        if or_null:
            return None
        raise


def _converted(value: Any, to: exp.DataType) -> Any:
    kind = to.this.value.lower()
    sizes = [int(size.name) for size in to.expressions if size.name.isdigit()]
    if kind == "text":  # put in by sqlglot, not written
        return value
    if kind == "nvarchar":
        text = Text(value, value.collation) if isinstance(value, Text) else _concat([value])
        units = Text(text).units()
        return text.derived(Text(text).of_units(units[: sizes[0]]))
    if kind in _INTEGERS:
        if isinstance(value, Text):
            if not re.fullmatch(r" *[+-]?[0-9]* *", value):
                raise TsqlError("Error converting data type nvarchar")
            value = Number(Fraction(int(value if re.search("[0-9]", value) else 0)), "bigint")
        return Number(Fraction(int(value.value)), kind)
    if kind == "decimal":
        precision, scale = sizes
        if isinstance(value, Text):
            if not re.fullmatch(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)", value):
                raise TsqlError("Error converting data type nvarchar to numeric")
            if sum(character.isdigit() for character in value) > 38:
                raise TsqlError("Arithmetic overflow")
            value = Number(Fraction(value.rstrip(".")), "decimal")
        units = abs(value.value) * 10**scale
        whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
        if whole >= 10**precision:
            raise TsqlError("Arithmetic overflow")
        return Number(Fraction(-whole if value.value < 0 else whole, 10**scale), "decimal")
    if kind == "date":
        return date.fromisoformat(value) if isinstance(value, Text) else _day(value)
    if kind == "datetime2" and isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if kind == "datetime2":
        # The one form that this project writes. Python refuses what T-SQL does: 24:00, year 0.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", value):
            raise UnknownSqlError(f"no rule for a time written as {value!r}")
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S")
    raise UnknownSqlError(f"no rule for a cast to {kind}")
