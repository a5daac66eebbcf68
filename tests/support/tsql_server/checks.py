"""What the server refuses in a query though DuckDB would take it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from tests.support.tsql_server.errors import SqlServerError

_NO_ORDER = (
    "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and "
    "common table expressions, unless TOP, OFFSET or FOR XML is also specified."
)


def check(tree: exp.Expr) -> None:
    """Raise the server's error for a statement that breaks a rule of T-SQL."""
    for select in tree.find_all(exp.Select):
        source = source_of(select)
        if source is not None:
            _check_source(select, source)
        if group := select.args.get("group"):
            _check_group(group)
    for aggregate in tree.find_all(exp.AggFunc):
        if aggregate.find(exp.Subquery, exp.Exists):
            raise SqlServerError(
                130,
                "Cannot perform an aggregate function on an expression containing an aggregate or"
                " a subquery.",
            )


def check_module(tree: exp.Expr) -> None:
    """Raise the server's error for a query that no view can have."""
    check_flat(tree)
    if isinstance(tree, exp.Query):
        _check_order(tree)


def check_flat(tree: exp.Expr) -> None:
    """Raise the server's error for a CTE within something else."""
    for with_ in tree.find_all(exp.With):
        if with_.parent is not tree:
            raise SqlServerError(156, "Incorrect syntax near the keyword 'WITH'.")


def check_in_fabric(tree: exp.Expr) -> None:
    """Raise the error of a Fabric Warehouse for what it has not, and other servers have."""
    if not isinstance(tree, exp.Query):
        check_flat(tree)
    for cte in tree.find_all(exp.CTE):
        if any(table.name == cte.alias and not table.db for table in cte.this.find_all(exp.Table)):
            raise SqlServerError(15871, "Recursive common table expressions are not supported.")
    for select in tree.find_all(exp.Select):
        clause = select.args.get("for_")
        if clause and clause.args["kind"] != "JSON":
            raise SqlServerError(15871, f"FOR {clause.args['kind']} is not supported.")
    if hint := tree.find(exp.WithTableHint):
        raise SqlServerError(15871, f"The table hint {hint.sql('tsql')} is not supported.")


def check_distributed(sql: str, words: Sequence[str], binary: bool) -> None:
    """Raise what an engine refuses that distributes its queries over the lake's files.

    `words` are the text's, in capitals; with a binary collation the catalogue's names have a case.
    """
    if "INFORMATION_SCHEMA" in words and binary:
        small = re.findall(r"\b(?:information_schema|(?:table|column|schema)_\w+|data_type)\b", sql)
        if small:
            raise SqlServerError(207, f"Invalid column name '{small[0]}'.")
    if "SYS" not in words or "FROM" not in words:
        return
    tables = sqlglot.parse_one(sql, read="tsql").find_all(exp.Table)
    schemas = {table.text("db").lower() for table in tables}
    if "sys" in schemas and (schemas - {"sys", "information_schema", ""} or "OPENROWSET" in words):
        raise SqlServerError(
            15816,
            "The query references an object that is not supported in distributed processing mode.",
        )


def source_of(select: exp.Select) -> exp.Expr | None:
    """Return the derived table or CTE whose columns a select names."""
    query: exp.Expr = select
    while isinstance(query.parent, exp.SetOperation) and query.parent.this is query:
        query = query.parent
    parent = query.parent
    derived = isinstance(parent, exp.Subquery) and isinstance(
        parent.parent, exp.From | exp.Join | exp.Lateral
    )
    return parent if derived or isinstance(parent, exp.CTE) else None


def unnamed(select: exp.Select) -> list[int]:
    """Return the places, from 1, of the columns that have no name."""
    named = (exp.Alias, exp.Column, exp.Star, exp.Dot)
    return [
        place
        for place, column in enumerate(select.expressions, 1)
        if not isinstance(column, named) and not column.alias
    ]


def _check_source(select: exp.Select, source: exp.Expr) -> None:
    alias = source.args.get("alias")
    if (places := unnamed(select)) and not (alias and alias.args.get("columns")):
        name = source.alias_or_name
        raise SqlServerError(
            8155, f"No column name was specified for column {places[0]} of '{name}'."
        )
    if isinstance(source.this, exp.Query):
        _check_order(source.this)


def _check_order(query: exp.Expr) -> None:
    limits = ("limit", "offset", "for_")
    if query.args.get("order") and not any(query.args.get(limit) for limit in limits):
        raise SqlServerError(1033, _NO_ORDER)


def _check_group(group: exp.Group) -> None:
    for key in group.expressions:
        if isinstance(key, exp.Literal):
            raise SqlServerError(
                164, "Each GROUP BY expression must contain at least one column that is not an"
                " outer reference.",
            )  # fmt: skip
        if key.find(exp.Subquery):
            raise SqlServerError(
                144, "Cannot use an aggregate or a subquery in an expression used for the group by"
                " list of a GROUP BY clause.",
            )  # fmt: skip
