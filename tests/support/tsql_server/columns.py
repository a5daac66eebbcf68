"""Where a query's columns come from: the lengths, scales and collations that DuckDB lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from tests.support.tsql_server.catalog import UNKNOWN_LENGTH, Column, ColumnType
from tests.support.tsql_server.errors import UnknownSqlError

Lookup = Callable[[str, str], list[Column]]  # the columns of a table or view by schema and name


class Origins:
    """Finds the T-SQL types of a query's columns; `lookup` knows those of tables and views."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def of(self, query: exp.Expr) -> dict[str, Column]:
        """Return the columns whose origin can be told, by their names in lower case."""
        return self._query(query, {})

    def _query(self, query: exp.Expr, ctes: Mapping[str, dict[str, Column]]) -> dict[str, Column]:
        known = dict(ctes)
        if with_ := query.args.get("with_"):
            for cte in with_.expressions:
                known[cte.alias.lower()] = self._query(cte.this, known)
        if isinstance(query, exp.Subquery):
            return self._query(query.this, known)
        if isinstance(query, exp.SetOperation):
            left, right = self._query(query.this, known), self._query(query.expression, known)
            return {
                name: found
                for (name, column), other in zip(left.items(), right.values(), strict=False)
                if (found := _wider(column, other))
            }
        return self._select(query, known) if isinstance(query, exp.Select) else {}

    def _select(
        self, select: exp.Select, ctes: Mapping[str, dict[str, Column]]
    ) -> dict[str, Column]:
        sources: dict[str, dict[str, Column]] = {}
        parts = [select.args["from_"].this] if select.args.get("from_") else []
        parts += [join.this for join in select.args.get("joins") or []]
        for part in parts:
            sources[part.alias_or_name.lower()] = self._source(part, ctes)
        found: dict[str, Column] = {}
        for column in select.expressions:
            inner = column.unalias()
            if column.is_star:
                table = column.table.lower() if isinstance(column, exp.Column) else ""
                for alias, columns in sources.items():
                    if not table or alias == table:
                        found.update(columns)
            elif origin := self._value(inner, sources):
                found[column.alias_or_name.lower()] = origin
            else:
                found[column.alias_or_name.lower()] = _UNKNOWN
        return found

    def _source(self, part: exp.Expr, ctes: Mapping[str, dict[str, Column]]) -> dict[str, Column]:
        if isinstance(part, exp.Subquery):
            return self._query(part.this, ctes)
        if not isinstance(part, exp.Table):
            return {}
        if not part.text("db") and part.name.lower() in ctes:
            return ctes[part.name.lower()]
        columns = self._lookup(part.text("db") or "dbo", part.name)
        return {column.name.lower(): column for column in columns}

    def _value(self, node: exp.Expr, sources: Mapping[str, dict[str, Column]]) -> Column | None:
        if isinstance(node, exp.Paren | exp.Window):
            return self._value(node.this, sources)
        if isinstance(node, exp.Column):
            tables = [node.table.lower()] if node.table else list(sources)
            for table in tables:
                if origin := sources.get(table, {}).get(node.name.lower()):
                    return origin
            return None
        if isinstance(node, exp.Collate):
            inner = self._value(node.this, sources) or _UNKNOWN
            name = node.expression.name
            by_default = name.lower() == "database_default"
            return replace(inner, collation=None if by_default else name)
        if isinstance(node, exp.Cast):
            try:
                made = Column("", ColumnType.parse(node.to.sql("tsql")))
            except UnknownSqlError:
                return None
            inner = self._value(node.this, sources) if made.type.is_text else None
            return replace(made, collation=inner.collation) if inner else made
        if isinstance(node, exp.National) or (isinstance(node, exp.Literal) and node.is_string):
            kind = "nvarchar" if isinstance(node, exp.National) else "varchar"
            return Column("", ColumnType.parse(f"{kind}({len(node.name) or 1})"))
        if isinstance(node, exp.Concat):
            texts = [self._value(part, sources) for part in node.expressions]
            collations = [text.collation for text in texts if text and text.collation]
            return replace(_UNKNOWN, collation=collations[0] if collations else None)
        parts: list[exp.Expr] = []
        if isinstance(node, exp.Coalesce):
            parts = [node.this, *node.expressions]
        elif isinstance(node, exp.Case):
            parts = [branch.args["true"] for branch in node.args["ifs"]]
            parts += [node.args["default"]] if node.args.get("default") else []
        elif isinstance(node, exp.Max | exp.Min):
            parts = [node.this]
        found: Column | None = None
        for part in parts:
            if isinstance(part, exp.Null):
                continue
            other = self._value(part, sources)
            found = other if found is None else _wider(found, other)
            if found is None:
                return None
        return found


def _wider(left: Column, right: Column | None) -> Column | None:
    """Return the type of two values in one column, if both are texts or of one type."""
    if right is None or left is _UNKNOWN or right is _UNKNOWN:
        return None
    if left.type == right.type:
        return left if left.collation else replace(left, collation=right.collation)
    sizes = left.type.characters, right.type.characters
    if left.type.is_text and right.type.is_text and sizes[0] and sizes[1]:
        national = "n" if "n" in (left.type.name[0], right.type.name[0]) else ""
        text = ColumnType.parse(f"{national}varchar({max(sizes[0], sizes[1])})")
        return Column(left.name, text, collation=left.collation or right.collation)
    return None


_UNKNOWN = Column("", ColumnType.parse(f"nvarchar({UNKNOWN_LENGTH})"))


def refined(columns: list[Column], origins: Mapping[str, Column]) -> list[Column]:
    """Return the columns that DuckDB describes with the types that they come from."""
    result = []
    for column in columns:
        origin = origins.get(column.name.lower())
        if (
            origin is not None
            and origin is not _UNKNOWN
            and origin.type.duckdb == column.type.duckdb
        ):
            column = replace(column, type=origin.type, collation=origin.collation)
        result.append(column)
    return result
