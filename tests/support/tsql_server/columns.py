"""Where a query's columns come from: the lengths, scales and collations that DuckDB lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from sqlglot import exp

from tests.support.tsql_server.catalog import UNKNOWN_LENGTH, Column, ColumnType
from tests.support.tsql_server.errors import UnknownSqlError

Lookup = Callable[[str, str], list[Column]]  # the columns of a table or view by schema and name
Source = Mapping[str, Column]  # columns by their names in lower case
_LIKE_THEIR_FIRST = (
    exp.DateAdd, exp.FirstValue, exp.Lag, exp.LastValue, exp.Lead, exp.Max, exp.Min, exp.Nullif,
    exp.Paren, exp.Window,
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What a query can name: CTEs, and the columns of what it and the queries around it read."""

    ctes: Mapping[str, Source] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)


class Origins:
    """Finds the T-SQL types of a query's columns; `lookup` knows those of tables and views."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def of(self, query: exp.Expr) -> Source:
        """Return the columns whose origin can be told, by their names in lower case."""
        return self._query(query, Scope())

    def _query(self, query: exp.Expr, scope: Scope) -> Source:
        if with_ := query.args.get("with_"):
            for cte in with_.expressions:
                made = _named(self._query(cte.this, scope), cte.args.get("alias"))
                scope = replace(scope, ctes={**scope.ctes, cte.alias.lower(): made})
        if isinstance(query, exp.Subquery):
            return self._query(query.this, scope)
        if isinstance(query, exp.SetOperation):
            left, right = self._query(query.this, scope), self._query(query.expression, scope)
            return {
                name: found
                for (name, column), other in zip(left.items(), right.values(), strict=False)
                if (found := _wider(column, other))
            }
        return self._select(query, scope) if isinstance(query, exp.Select) else {}

    def _select(self, select: exp.Select, scope: Scope) -> Source:
        sources: dict[str, Source] = {}
        parts = [select.args["from_"].this] if select.args.get("from_") else []
        parts += [join.this for join in select.args.get("joins") or []]
        inside = scope
        for part in parts:
            made = _named(self._source(part, inside), part.args.get("alias"))
            sources[part.alias_or_name.lower()] = made
            outside = {name: made for name, made in scope.sources.items() if name not in sources}
            inside = replace(scope, sources={**sources, **outside})
        found: dict[str, Column] = {}
        for column in select.expressions:
            if column.is_star:
                table = column.table.lower() if isinstance(column, exp.Column) else ""
                for alias, columns in sources.items():
                    if not table or alias == table:
                        found.update(columns)
            else:
                origin = self._value(column.unalias(), inside)
                found[column.alias_or_name.lower()] = origin or UNKNOWN
        return found

    def _source(self, part: exp.Expr, scope: Scope) -> Source:
        if isinstance(part, exp.Lateral):  # APPLY
            return self._source(part.this, scope)
        if isinstance(part, exp.Subquery):
            return self._query(part.this, scope)
        if isinstance(part, exp.OpenJSON):
            if not part.expressions:
                return {"key": replace(UNKNOWN), "value": replace(UNKNOWN, type=_LONGEST)}
            return {
                column.name.lower(): Column("", ColumnType.parse(column.args["kind"].sql("tsql")))
                for column in part.expressions
            }
        if isinstance(part, exp.Values):
            rows = [[self._value(value, scope) for value in row] for row in part.expressions]
            columns = [reduce(_wider, column) or UNKNOWN for column in zip(*rows, strict=True)]
            return {str(place): column for place, column in enumerate(columns)}
        if not isinstance(part, exp.Table):
            return {}
        if not part.text("db") and part.name.lower() in scope.ctes:
            return scope.ctes[part.name.lower()]
        columns = self._lookup(part.text("db") or "dbo", part.name)
        return {column.name.lower(): column for column in columns}

    def _value(self, node: exp.Expr, scope: Scope) -> Column | None:
        if isinstance(node, _LIKE_THEIR_FIRST):
            return self._value(node.this, scope)
        if isinstance(node, exp.Subquery):
            return next(iter(self._query(node.this, scope).values()), None)
        if isinstance(node, exp.Column):
            tables = [node.table.lower()] if node.table else list(scope.sources)
            for table in tables:
                if origin := scope.sources.get(table, {}).get(node.name.lower()):
                    return origin
            return None
        if isinstance(node, exp.Collate):
            inner = self._value(node.this, scope) or UNKNOWN
            name = node.expression.name
            by_default = name.lower() == "database_default"
            return replace(inner, collation=None if by_default else name)
        if isinstance(node, exp.Cast | exp.Convert):
            to = node.to if isinstance(node, exp.Cast) else node.this
            by_default = "" if to.expressions or to.this.value not in _BY_DEFAULT else "(30)"
            try:
                made = Column("", ColumnType.parse(to.sql("tsql") + by_default))
            except UnknownSqlError:
                return None
            inner = self._value(node.this, scope) if made.type.is_text else None
            return replace(made, collation=inner.collation) if inner else made
        if isinstance(node, exp.CurrentTimestamp):  # GETDATE() as well
            return Column("", ColumnType.parse("datetime"))
        if isinstance(node, exp.National) or (isinstance(node, exp.Literal) and node.is_string):
            return Column("", ColumnType.parse(self.literal(node)))
        if isinstance(node, exp.Concat):
            texts = [self._value(part, scope) for part in node.expressions]
            collations = [text.collation for text in texts if text and text.collation]
            return replace(UNKNOWN, collation=collations[0] if collations else None)
        parts = branches(node)
        found: Column | None = None
        for part in parts:
            if isinstance(part, exp.Null):
                continue
            other = self._value(part, scope)
            found = other if found is None else _wider(found, other)
            if found is None:
                return None
        return found

    def literal(self, node: exp.Expr) -> str:
        """Return the type of a text that is written out."""
        kind = "nvarchar" if isinstance(node, exp.National) else "varchar"
        return f"{kind}({len(node.name) or 1})"


_BY_DEFAULT = ("CHAR", "NCHAR", "VARCHAR", "NVARCHAR")  # have 30 characters in a cast


def _named(columns: Source, alias: exp.Expr | None) -> Source:
    """Return columns by the names that an alias gives them."""
    names = alias.args.get("columns") if alias else None
    if not names:
        return columns
    return {name.name.lower(): made for name, made in zip(names, columns.values(), strict=False)}


def branches(node: exp.Expr) -> list[exp.Expr]:
    """Return the values of which an expression is one."""
    if isinstance(node, exp.Coalesce):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Case):
        last = node.args.get("default")
        return [branch.args["true"] for branch in node.args["ifs"]] + ([last] if last else [])
    if isinstance(node, exp.If):  # IIF
        return [node.args["true"], node.args["false"]]
    return []


def _wider(left: Column | None, right: Column | None) -> Column | None:
    """Return the type of two values in one column: both texts, both times or of one type."""
    if left is None or right is None or left is UNKNOWN or right is UNKNOWN:
        return None
    if left.type == right.type:
        return left if left.collation else replace(left, collation=right.collation)
    names = {left.type.name, right.type.name}
    if left.type.is_text and right.type.is_text:
        national = "n" if names & {"nchar", "nvarchar", "sysname"} else ""
        sizes = [left.type.characters, right.type.characters]
        longest = max(size or 0 for size in sizes) if all(sizes) else "max"
        text = ColumnType.parse(f"{national}varchar({longest})")
        return Column(left.name, text, collation=left.collation or right.collation)
    if names == {"datetime2"}:
        return left if left.type.scale > right.type.scale else right
    return None


_LONGEST = ColumnType.parse("nvarchar(max)")
UNKNOWN = Column("", ColumnType.parse(f"nvarchar({UNKNOWN_LENGTH})"))


def refined(columns: list[Column], origins: Mapping[str, Column]) -> list[Column]:
    """Return the columns that DuckDB describes with the types that they come from."""
    result = []
    for column in columns:
        origin = origins.get(column.name.lower())
        if (
            origin is not None
            and origin is not UNKNOWN
            and origin.type.duckdb == column.type.duckdb
        ):
            column = replace(column, type=origin.type, collation=origin.collation)
        result.append(column)
    return result
