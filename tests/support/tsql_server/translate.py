"""T-SQL queries in DuckDB's SQL, for the T-SQL that this project and dbt's adapters write.

sqlglot reads the T-SQL; the tree is then rewritten so that each operator and function means what it
means in T-SQL (functions.py has them), and what has no rule here is an UnknownSqlError.

A text compares by code point, as in the binary collation that every stored text of the project
has; spaces at its end do not count. A comparison in another collation has no rule. Lengths count
characters, where the server counts UTF-16 units unless a collation's name has _SC in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError
from tzlocal.windows_tz import win_tz

from tests.support.tsql_server import checks, kinds, rows
from tests.support.tsql_server.batch import words
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.prepare import prepare
from tests.support.tsql_server.rows import Generator

INFORMATION_SCHEMA = "tsql_information_schema"  # DuckDB has one of its own by the right name

_TYPES = {
    "BIGINT": "bigint",
    "INT": "integer",
    "SMALLINT": "smallint",
    "TINYINT": "utinyint",
    "UTINYINT": "utinyint",
    "BIT": "boolean",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DATETIME2": "timestamp",
    "DATETIME": "timestamp",
    "FLOAT": "double",
    "DOUBLE": "double",
    "VARBINARY": "blob",
    "UUID": "uuid",
}
_TEXTS = frozenset({"VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "NAME", "TEXT"})  # NAME: sysname
_DEFAULT_LENGTH = 30  # of varchar and nvarchar in a cast

# Functions that mean the same in both, once their arguments are translated.
_SAME = (
    exp.Abs, exp.Ceil, exp.CumeDist, exp.DenseRank, exp.FirstValue, exp.Floor, exp.Lag,
    exp.LastValue, exp.Lead, exp.Lower, exp.Max, exp.Min, exp.Ntile, exp.PercentRank, exp.Rank,
    exp.Replace, exp.Reverse, exp.Round, exp.RowNumber, exp.Trim, exp.Upper,
)  # fmt: skip
# Catalogue functions, which are macros in DuckDB (catalog.py).
CATALOG_FUNCTIONS = words(
    "col_name columnproperty db_id db_name has_perms_by_name indexproperty object_id"
    " object_name database_principal_id object_definition object_schema_name objectproperty"
    " parsename quotename schema_id schema_name serverproperty type_name"
)
_DATE_PARTS = {"year", "month", "day", "hour", "minute", "second", "quarter", "dayofyear"}


def to_duckdb(tsql: str, relations: Mapping[str, str] | None = None) -> str:
    """Return a T-SQL query, INSERT, UPDATE or DELETE as DuckDB has it.

    `relations` maps names to SQL of DuckDB that stands for them (what OPENROWSET reads, say).
    """
    return Translation(tsql, relations).sql


def _kind(data_type: exp.DataType) -> str:
    """Return a type's name; sqlglot takes sysname for a user's own after the first time."""
    if str(data_type.args.get("kind", "")).lower() == "sysname":
        return "NAME"
    return data_type.this.value


def duckdb_type(data_type: exp.DataType) -> str:
    """Return DuckDB's name of a T-SQL type."""
    name = _kind(data_type)
    if name in _TEXTS:
        return "varchar"
    if name == "DECIMAL":
        sizes = [size.name for size in data_type.expressions]
        return f"decimal({', '.join((sizes or ['18']) + (['0'] if len(sizes) < 2 else []))})"
    if name not in _TYPES:
        raise UnknownSqlError(f"no rule for the type {data_type.sql('tsql')}")
    return _TYPES[name]


def like_pattern(pattern: str) -> str:
    """Return a LIKE pattern as a regular expression for the whole text."""
    result, place = "", 0
    while place < len(pattern):
        character = pattern[place]
        if character == "[" and (end := pattern.find("]", place + 2)) > 0:
            inside = pattern[place + 1 : end]
            negated = inside.startswith("^")
            inside = re.sub(r"([\\\[\]^])", r"\\\1", inside.removeprefix("^"))
            result += f"[{'^' if negated else ''}{inside}]"
            place = end
        else:
            result += {"%": ".*", "_": "."}.get(character) or re.escape(character)
        place += 1
    return result


class Translation:
    """One statement, translated."""

    def __init__(
        self, tsql: str, relations: Mapping[str, str] | None = None, in_fabric: bool = False
    ) -> None:
        try:
            tree = sqlglot.parse_one(tsql, read="tsql")
        except ParseError as error:
            raise SqlServerError(102, f"Incorrect syntax: {error}") from error
        checks.check(tree)
        if in_fabric:
            checks.check_in_fabric(tree)
        else:
            checks.check_flat(tree)
        self._cut = "tsql_cut" if in_fabric else "left"  # by bytes, or by characters
        self._relations = {name.lower(): sql for name, sql in (relations or {}).items()}
        self._ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        self.tree = prepare(tree)
        rows.inline(self.tree)
        kinds.mark(self.tree)
        for node in reversed(list(self.tree.walk(bfs=False))):
            if node is not self.tree:
                self._rewrite(node)
        self.sql = _sql(self.tree.expressions[0])

    def without_into(self) -> str:
        """Return the query of a SELECT … INTO in DuckDB's SQL."""
        query = self.tree.expressions[0].copy()
        query.set("into", None)
        return _sql(query)

    def _rewrite(self, node: exp.Expr) -> None:
        rule: Callable[[Any], exp.Expr | None] | None = None
        for kind in type(node).__mro__:
            rule = getattr(self, f"_{kind.__name__.lower()}", None)
            if rule or kind is exp.Expression:
                break
        if rule is None:
            if isinstance(node, exp.Func) and not isinstance(
                node, (*_SAME, exp.And, exp.Or, exp.Case, exp.If, exp.Exists, exp.Count)
            ):
                raise UnknownSqlError(f"no rule for the function {node.sql('tsql')[:200]}")
            return
        new = rule(node)
        if new is None or new is node:
            return
        kinds.keep(node, new)
        node.replace(new)

    # -- Literals and names

    def _national(self, node: exp.National) -> exp.Expr:
        return exp.Literal.string(node.name)

    def _table(self, node: exp.Table) -> exp.Expr | None:
        node.set("hints", None)
        node.set("catalog", None)
        name = node.name.lower()
        if not node.args.get("db") and name in self._relations:
            made = exp.Subquery(this=_raw(self._relations[name]), alias=node.args.get("alias"))
            made.set("joins", node.args.get("joins"))
            return made
        if (
            not node.args.get("db")
            and name not in self._ctes
            and isinstance(node.this, exp.Identifier)
        ):
            node.set("db", exp.to_identifier("dbo"))
        if node.text("db").lower() == "information_schema":
            node.set("db", exp.to_identifier(INFORMATION_SCHEMA))
        if isinstance(node.this, exp.Subquery):  # OPENJSON
            return exp.Subquery(this=node.this.this, alias=node.args.get("alias"))
        if isinstance(node.this, exp.Func) and not isinstance(node.this, exp.OpenJSON):
            raise UnknownSqlError(f"no rule for the table function {node.sql('tsql')[:200]}")
        return None

    def _join(self, node: exp.Join) -> None:
        """CROSS APPLY and OUTER APPLY."""
        applied = node.this.args.get("cross_apply") if isinstance(node.this, exp.Lateral) else None
        if applied is not None:
            node.this.set("cross_apply", None)
            node.set("kind", "CROSS" if applied else None)
            node.set("side", None if applied else "LEFT")
            node.set("on", None if applied else exp.true())

    def _dot(self, node: exp.Dot) -> exp.Expr | None:
        """`r.filepath(1)`: a column of what OPENROWSET reads, by the name of the call."""
        call = node.expression
        if isinstance(call, exp.Anonymous) and call.name.lower() in ("filepath", "filename"):
            arguments = ", ".join(argument.sql() for argument in call.expressions)
            return exp.column(
                f"{call.name.lower()}({arguments})", table=node.this.name, quoted=True
            )
        raise UnknownSqlError(f"no rule for {node.sql('tsql')[:200]}")

    def _parameter(self, node: exp.Parameter) -> exp.Expr:
        raise SqlServerError(137, f'Must declare the scalar variable "{node.sql("tsql")}".')

    def _collate(self, node: exp.Collate) -> exp.Expr:
        name = node.expression.name.upper()
        by_code_point = "BIN2" in name or name in ("DATABASE_DEFAULT", "CATALOG_DEFAULT")
        compared = isinstance(node.parent, exp.Binary | exp.In | exp.Between | exp.Ordered)
        if compared and not by_code_point:
            raise UnknownSqlError(f"no rule for a comparison in the collation {name}")
        return node.this

    # -- Comparisons

    def _eq(self, node: exp.EQ) -> exp.Expr | None:
        if isinstance(node.parent, exp.Update) and node.arg_key == "expressions":
            return None  # an assignment
        return self._compared(node)

    def _compared(self, node: exp.Binary) -> None:
        left, right = node.this, node.expression
        if kinds.NUMBER not in (kinds.kind(left), kinds.kind(right)):
            node.set("this", _key(left))
            node.set("expression", _key(right))

    _neq = _lt = _lte = _gt = _gte = _compared

    def _between(self, node: exp.Between) -> None:
        if kinds.kind(node.args["low"]) != kinds.NUMBER:
            for part in ("this", "low", "high"):
                node.set(part, _key(node.args[part]))

    def _in(self, node: exp.In) -> None:
        choices = node.expressions
        if choices and all(kinds.kind(choice) == kinds.NUMBER for choice in choices):
            return
        node.set("this", _key(node.this))
        node.set("expressions", [_key(choice) for choice in choices])
        if (query := node.args.get("query")) is not None:
            select = query.this if isinstance(query, exp.Subquery) else query
            if not isinstance(select, exp.Select) or isinstance(select.expressions[0], exp.Star):
                raise UnknownSqlError(f"no rule for IN with {select.sql('tsql')[:200]}")
            select.set("expressions", [_key(select.expressions[0].unalias())])

    def _case(self, node: exp.Case) -> None:
        if node.this is not None and kinds.kind(node.args["ifs"][0].this) != kinds.NUMBER:
            node.set("this", _key(node.this))
            for branch in node.args["ifs"]:
                branch.set("this", _key(branch.this))

    def _nullif(self, node: exp.Nullif) -> exp.Expr:
        left, right = node.this, node.expression
        same = exp.EQ(this=_key(left.copy()), expression=_key(right))
        return exp.Case(ifs=[exp.If(this=same, true=exp.Null())], default=left)

    def _escape(self, node: exp.Escape) -> exp.Expr:
        raise UnknownSqlError(f"no rule for {node.sql('tsql')[:200]}")

    def _like(self, node: exp.Like) -> exp.Expr:
        if not node.expression.is_string:
            raise UnknownSqlError("no rule for a LIKE pattern that is not a literal")
        pattern = like_pattern(node.expression.name)
        found = _call("regexp_full_match", node.this, exp.Literal.string(f"(?s){pattern}"))
        return exp.Not(this=found) if node.args.get("negate") else found

    # -- Arithmetic

    def _add(self, node: exp.Add) -> exp.Expr | None:
        known = {kinds.kind(node.left), kinds.kind(node.right)}
        if kinds.TEXT in known and not known & {kinds.NUMBER, kinds.TIME}:
            return exp.DPipe(this=node.left, expression=node.right, safe=True)
        if known == {kinds.NUMBER}:
            return None
        return _call("tsql_add", _typed(node.left), _typed(node.right))

    def _div(self, node: exp.Div) -> exp.Expr:
        return _call("tsql_div", _typed(node.left), _typed(node.right))

    def _sign(self, node: exp.Sign) -> exp.Expr:
        return _call("tsql_sign", node.this)

    def _coalesce(self, node: exp.Coalesce) -> None:
        node.set("is_null", None)

    def _if(self, node: exp.If) -> exp.Expr | None:
        if isinstance(node.parent, exp.Case):
            return None
        return exp.Case(
            ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false")
        )

    # -- Aggregates and windows

    def _count(self, node: exp.Count) -> exp.Expr | None:
        return None if isinstance(node.parent, exp.Window) else self._counted(node, node)

    def _counted(self, count: exp.Count, whole: exp.Expr) -> exp.Expr:
        big = count.args.get("big_int")
        count.set("big_int", True)
        if isinstance(count.this, exp.Distinct):
            count.this.set("expressions", [_key(one) for one in count.this.expressions])
        if big:
            return whole
        return exp.Cast(this=whole.copy(), to=exp.DataType.build("int"))

    def _sum(self, node: exp.Sum) -> exp.Expr | None:
        if isinstance(node.parent, exp.Window):
            return None
        return _call("tsql_sum", node.this)

    def _window(self, node: exp.Window) -> exp.Expr | None:
        node.set("partition_by", [_key(one) for one in node.args.get("partition_by") or []])
        if isinstance(node.this, exp.Count):
            return self._counted(node.this, node)
        if isinstance(node.this, exp.Sum):
            value = node.this.this
            if isinstance(value, exp.Cast):  # of COUNT, whose type a macro could not see
                return exp.Cast(this=node.copy(), to=value.to)
            return _call("tsql_sum_of", value, node)
        return None

    def _groupconcat(self, node: exp.GroupConcat) -> exp.Expr:
        order = ""
        value = node.this
        if isinstance(value, exp.Order):
            keys = ", ".join(map(_sql, value.expressions))
            order, value = f" order by {keys}", value.this
        separator = _sql(node.args["separator"])
        return _raw(f"string_agg({_sql(_call('tsql_text', value))}, {separator}{order})")

    # -- Texts

    def _length(self, node: exp.Length) -> exp.Expr:
        return _call("tsql_len", _text(node.this))

    def _left(self, node: exp.Left) -> exp.Expr:
        if _is_number(node.expression):
            return _call("left", _text(node.this), node.expression)
        return _call("tsql_left", _text(node.this), node.expression)

    def _right(self, node: exp.Right) -> exp.Expr:
        if _is_number(node.expression):
            return _call("right", _text(node.this), node.expression)
        return _call("tsql_right", _text(node.this), node.expression)

    def _substring(self, node: exp.Substring) -> exp.Expr:
        start, length = node.args["start"], node.args["length"]
        if isinstance(start, exp.Literal) and start.name != "0" and isinstance(length, exp.Literal):
            return _call("substring", _text(node.this), start, length)
        return _call("tsql_substring", _text(node.this), start, length)

    def _strposition(self, node: exp.StrPosition) -> exp.Expr:
        if node.args.get("position"):
            raise UnknownSqlError("no rule for CHARINDEX with a start")
        return _call("tsql_charindex", node.args["substr"], node.this)

    def _translate(self, node: exp.Translate) -> exp.Expr:
        """TRANSLATE: each letter of a text by the one in its place in another, as in DuckDB."""
        return _call("translate", _text(node.this), node.args["from_"], node.args["to"])

    def _concat(self, node: exp.Concat) -> exp.Expr:
        return _call("concat", *(_concat_part(part) for part in node.expressions))

    # -- Dates

    def _timestrtotime(self, node: exp.TimeStrToTime) -> exp.Expr:
        return node.this  # put in by sqlglot

    def _tsordstodate(self, node: exp.TsOrDsToDate) -> exp.Expr:
        return node.this  # put in by sqlglot

    def _year(self, node: exp.Year) -> exp.Expr:
        return _call("tsql_year", node.this)

    def _month(self, node: exp.Month) -> exp.Expr:
        return _call("tsql_month", node.this)

    def _day(self, node: exp.Day) -> exp.Expr:
        return _call("tsql_day", node.this)

    def _extract(self, node: exp.Extract) -> exp.Expr:
        part = node.this.name.lower()
        if part not in _DATE_PARTS:
            raise UnknownSqlError(f"no rule for DATEPART({part}, …)")
        return _raw(f"cast(date_part('{part}', {_sql(node.expression)}) as integer)")

    def _attimezone(self, node: exp.AtTimeZone) -> exp.Expr:
        """`t AT TIME ZONE 'a' AT TIME ZONE 'b'`, cast: the time in b that was t in a.

        DuckDB has no type for a time with its offset, so what else is done with one has no rule.
        """
        name = node.args["zone"].name
        if name not in win_tz:
            message = (
                f"The time zone parameter '{name}' provided to AT TIME ZONE clause is invalid."
            )
            raise SqlServerError(9820, message)
        there = f"timezone('{win_tz[name]}', {_sql(node.this)})"
        if node.this.meta.get("has_offset") and isinstance(node.parent, exp.Cast):
            return _raw(f"tsql_checked({there})")
        if not isinstance(node.parent, exp.AtTimeZone):
            raise UnknownSqlError(f"no rule for {node.sql('tsql')[:200]}")
        given = _raw(there)
        given.meta["has_offset"] = True
        return given

    def _dateadd(self, node: exp.DateAdd) -> exp.Expr:
        """DATEADD; of some in one another only the last result is checked.

        The macros repeat what they are given, so one in another would grow with each level.
        """
        unit = node.args["unit"].name.lower()
        types = {"hour": "bigint", "minute": "bigint", "second": "double", "microsecond": "bigint"}
        if unit not in ("year", "month", "day", *types):
            raise UnknownSqlError(f"no rule for DATEADD({unit}, …)")
        step = f"to_{unit}s(cast({_sql(node.expression)} as {types.get(unit, 'integer')}))"
        start = _sql(node.this)
        if unit in types and (inner := node.this.meta.get("dateadd")):
            start, step = inner[0], f"{inner[1]} + {step}"
        plus = "tsql_plus" if unit in types else "tsql_plus_days"
        added = _raw(f"tsql_checked({plus}({start}, {step}))")
        added.meta["dateadd"] = start, step
        return added

    def _datediff(self, node: exp.DateDiff) -> exp.Expr:
        unit = node.args["unit"].name.lower()
        if unit not in ("year", "month", "day", "hour", "minute", "second"):
            raise UnknownSqlError(f"no rule for DATEDIFF({unit}, …)")
        first, last = _sql(node.expression), _sql(node.this)
        return _raw(f"cast(date_diff('{unit}', {first}, {last}) as integer)")

    def _currenttimestamp(self, node: exp.CurrentTimestamp) -> exp.Expr:
        return _raw("cast(now() at time zone 'UTC' as timestamp)")

    # -- Conversions

    def _cast(self, node: exp.Cast) -> exp.Expr:
        return self._converted(node.this, node.to, strict=True)

    def _trycast(self, node: exp.TryCast) -> exp.Expr:
        return self._converted(node.this, node.to, strict=False)

    def _convert(self, node: exp.Convert) -> exp.Expr:
        style = node.args.get("style")
        value = node.expression
        if style is not None and style.name == "2" and isinstance(value, exp.Anonymous):
            return _raw(f"upper({_sql(value)})")  # of HASHBYTES, which md5() gives in hex
        if style is not None:
            raise UnknownSqlError(f"no rule for CONVERT in style {style.name}")
        return self._converted(value, node.this, strict=True)

    def _converted(self, value: exp.Expr, to: exp.DataType, strict: bool) -> exp.Expr:
        kind = _kind(to)
        type_ = duckdb_type(to)
        if isinstance(value, exp.Null):
            return _raw(f"cast(null as {type_})")
        tried = "" if strict else "try_"
        prefix = f"tsql_{tried}"
        inner = _sql(value)
        if kind in _TEXTS:
            if kind == "TEXT":
                return value  # put in by sqlglot, not written
            sizes = [size.name.lower() for size in to.expressions]
            length = sizes[0] if sizes else "max" if kind == "NAME" else str(_DEFAULT_LENGTH)
            text = _sql(_text(value))
            return _raw(text if length == "max" else f"{self._cut}({text}, {length})")
        if type_.startswith("decimal"):
            if kinds.kind(value) == kinds.NUMBER:
                return _raw(f"{tried}cast({inner} as {type_})")
            suffix = "_of_text" if kinds.kind(value) == kinds.TEXT else ""
            return _raw(f"{tried}cast({prefix}number{suffix}({inner}) as {type_})")
        if type_ in ("bigint", "integer", "smallint") and kinds.kind(value) == kinds.NUMBER:
            return _raw(f"{tried}cast(trunc({inner}) as {type_})")
        if type_ == "double" and kinds.kind(value) != kinds.TEXT:
            return _raw(f"{tried}cast({inner} as double)")
        names = {"integer": "int", "utinyint": "tinyint", "timestamp": "datetime", "boolean": "bit"}
        suffix = "_of_text" if kinds.kind(value) == kinds.TEXT else ""
        return _raw(f"{prefix}{names.get(type_, type_)}{suffix}({inner})")

    # -- JSON

    def _openjson(self, node: exp.OpenJSON) -> exp.Expr:
        columns = []
        for column in node.expressions:
            path = column.args.get("path")
            steps = path.name if path is not None else f'$."{column.name}"'
            as_json = str(bool(column.args.get("as_json"))).lower()
            value = _raw(f"tsql_json_value(item, {exp.Literal.string(steps).sql()}, {as_json})")
            converted = _sql(self._converted(value, column.args["kind"], strict=True))
            columns.append(
                f"{converted} as {exp.to_identifier(column.name, quoted=True).sql('duckdb')}"
            )
        path = node.args.get("path")
        root = exp.Literal.string(path.name if isinstance(path, exp.Expr) else "$").sql()
        rows_ = f"unnest(tsql_json_rows({_sql(node.this)}, {root})) as items(item)"
        if not columns:  # without WITH: the places of a list, or the names of an object's members
            if isinstance(path, exp.Expr):
                raise UnknownSqlError("no rule for OPENJSON with a path and without WITH")
            columns = ['item.key as "key"', 'item.value as "value"']
            rows_ = f"unnest(tsql_json_members({_sql(node.this)})) as items(item)"
        return exp.Subquery(this=_raw(f"select {', '.join(columns)} from {rows_}"))

    # -- Others

    def _uuid(self, node: exp.Uuid) -> exp.Expr:
        return _call("gen_random_uuid")

    def _md5(self, node: exp.MD5) -> exp.Expr:
        return _call("md5", node.this)

    def _jsonextractscalar(self, node: exp.JSONExtractScalar) -> exp.Expr:
        """JSON_VALUE."""
        return self._of_json(node, as_json=False)

    def _jsonextract(self, node: exp.JSONExtract) -> exp.Expr:
        """JSON_QUERY."""
        return self._of_json(node, as_json=True)

    def _of_json(self, node: exp.Binary | exp.Func, as_json: bool) -> exp.Expr:
        path = exp.Literal.string(node.expression.sql(dialect="tsql").strip("'"))
        return _call("tsql_json_value", node.this, path, exp.Boolean(this=as_json))

    def _objectid(self, node: exp.ObjectId) -> exp.Expr:
        return _call("object_id", *(part for part in (node.this, node.expression) if part))

    def _currentschema(self, node: exp.CurrentSchema) -> exp.Expr:
        return _call("schema_name", *([node.this] if node.this else []))

    def _anonymous(self, node: exp.Anonymous) -> exp.Expr | None:
        name, arguments = node.name.lower(), node.expressions
        if isinstance(node.parent, exp.Dot):
            return None
        if name == "patindex":
            pattern = arguments[0].name
            if not arguments[0].is_string or not (pattern[:1] == "%" == pattern[-1:]):
                raise UnknownSqlError("no rule for a PATINDEX pattern that is not a '%…%' literal")
            inside = exp.Literal.string(like_pattern(pattern[1:-1]))
            return _call("tsql_patindex", inside, arguments[1])
        if name == "string_escape":
            return _call("tsql_string_escape", arguments[0])
        if name == "datalength":
            # Bytes, two for a character of nvarchar: only whether there are any is certain here.
            if not isinstance(node.parent, exp.GT) or node.parent.expression.name != "0":
                raise UnknownSqlError("no rule for DATALENGTH but in DATALENGTH(…) > 0")
            return _call("strlen", arguments[0])
        if name == "nchar":
            return _call("chr", *arguments)
        if name in ("sysutcdatetime", "sysdatetime", "getutcdate", "getdate"):
            return _raw("cast(now() at time zone 'UTC' as timestamp)")
        if name in CATALOG_FUNCTIONS:
            return None
        raise UnknownSqlError(f"no rule for the function {node.sql('tsql')[:200]}")


def _sql(node: exp.Expr) -> str:
    return Generator(dialect="duckdb", identify=True).generate(node)


def _raw(sql: str) -> exp.Expr:
    return exp.Var(this=sql)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _key(node: exp.Expr) -> exp.Expr:
    """A value as comparisons see it."""
    if node.is_string:
        return exp.Literal.string(node.name.rstrip(" "))
    if kinds.kind(node) == kinds.TEXT and not isinstance(node, exp.Subquery):
        return _call("rtrim", node, exp.Literal.string(" "))
    if kinds.kind(node) or isinstance(node, exp.Null | exp.Subquery | exp.Any | exp.All):
        return node.copy()
    return _call("tsql_key", node)


def _is_number(node: exp.Expr) -> bool:
    while isinstance(node, exp.Neg | exp.Paren):
        node = node.this
    return isinstance(node, exp.Literal) and not node.is_string


def _typed(node: exp.Expr) -> exp.Expr:
    """A null has a type in T-SQL: int."""
    return exp.cast(node, "int") if isinstance(node, exp.Null) else node


def _text(node: exp.Expr) -> exp.Expr:
    """A value as a text."""
    if kinds.kind(node) == kinds.NUMBER or isinstance(node, exp.Max | exp.Min):
        return exp.cast(node, "varchar")
    return node if kinds.kind(node) == kinds.TEXT else _call("tsql_text", node)


def _concat_part(node: exp.Expr) -> exp.Expr:
    # Of a bit there is no MAX, and DuckDB would choose an overload before it knows the type of one.
    return (
        node
        if kinds.kind(node) or isinstance(node, exp.Max | exp.Min)
        else _call("tsql_concat_part", node)
    )
