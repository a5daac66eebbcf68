"""Selects without tables, one row each, as expressions.

T-SQL names an intermediate value by a select without FROM, as a derived table or by CROSS APPLY:

    (
        select step.b
        from (select upper(t.x) as a) as given
        cross apply (select left(given.a, 1) as b) as step
    )

DuckDB would join for each of them. Here such a chain becomes a list of one struct that one lambda
after the other widens, so that every value is computed once for each row of the outer table.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB


class Chain(exp.Expression):
    """`this`, computed from the rows that `sources` make in turn; `name` has them all."""

    arg_types: ClassVar = {"this": True, "name": True, "sources": True}


class Source(exp.Expression):
    """One of them, by its alias: the row, in which the rows before it can be used."""

    arg_types: ClassVar = {"this": True, "name": True}


class Row(exp.Expression):
    """One row of named columns; null unless `condition` holds."""

    arg_types: ClassVar = {"expressions": True, "condition": False}


class Part(exp.Expression):
    """A column of a row in a chain, by the names of the chain and of the row's source."""

    arg_types: ClassVar = {"this": True, "chain": True, "source": True}


def _chain(generator: DuckDB.Generator, node: Chain) -> str:
    name = node.args["name"]
    done: list[str] = []
    rows = ""
    for source in node.args["sources"]:
        alias = source.args["name"]
        kept = [f"'{one}': struct_extract({name}, '{one}')" for one in done]
        row = "{" + ", ".join([*kept, f"'{alias}': {generator.sql(source.this)}"]) + "}"
        rows = f"list_transform({rows}, lambda {name}: {row})" if rows else f"[{row}]"
        done.append(alias)
    there = " and ".join(f"struct_extract({name}, '{one}') is not null" for one in done)
    body = f"case when {there} then {generator.sql(node.this)} end"
    return f"list_transform({rows}, lambda {name}: {body})[1]"


def _row(generator: DuckDB.Generator, node: Row) -> str:
    pairs = ", ".join(
        f"'{column.alias_or_name.lower()}': {generator.sql(column.unalias())}"
        for column in node.expressions
    )
    if condition := node.args.get("condition"):
        return f"case when {generator.sql(condition)} then {{{pairs}}} end"
    return f"{{{pairs}}}"


def _part(generator: DuckDB.Generator, node: Part) -> str:
    row = f"struct_extract({node.args['chain']}, '{node.args['source']}')"
    return f"struct_extract({row}, '{node.this}')"


class Generator(DuckDB.Generator):
    """DuckDB's SQL, with the nodes of this module."""

    TRANSFORMS: ClassVar = {
        **DuckDB.Generator.TRANSFORMS,
        Chain: _chain,
        Row: _row,
        Part: _part,
    }


def inline(tree: exp.Expr) -> None:
    """Replace every scalar subquery that is such a chain."""
    names = count(1)
    for subquery in list(tree.find_all(exp.Subquery)):
        if isinstance(subquery.parent, exp.From | exp.Join | exp.Lateral | exp.Table | exp.In):
            continue
        select = subquery.this
        if isinstance(select, exp.Select) and _is_row(select) and len(select.expressions) == 1:
            value = select.expressions[0]
            body = value.this if isinstance(value, exp.Alias) else value
            if where := select.args.get("where"):
                body = exp.Case(ifs=[exp.If(this=where.this, true=body)])
            subquery.replace(exp.Paren(this=_chained(select, body, names)))


def _sources(select: exp.Select) -> list[tuple[str, exp.Expr]]:
    """The derived tables that a select reads, by their aliases."""
    from_ = select.args.get("from_")
    found = [from_.this] if from_ else []
    for join in select.args.get("joins") or []:
        found.append(join.this.this if isinstance(join.this, exp.Lateral) else join.this)
    aliases = [from_.this.alias] if from_ else []
    aliases += [join.this.alias for join in select.args.get("joins") or []]
    return list(zip(aliases, found, strict=True))


def _is_row(select: exp.Expr) -> bool:
    """Whether it is one row, or none, made without tables."""
    if not isinstance(select, exp.Select):
        return False
    used = {name for name, value in select.args.items() if value}
    if used - {"expressions", "from_", "joins", "where", "kind"}:
        return False
    if any(isinstance(one, exp.Star) for one in select.expressions):
        return False
    if any(isinstance(one.unalias(), exp.AggFunc | exp.Window) for one in select.expressions):
        return False
    for join in select.args.get("joins") or []:
        if not isinstance(join.this, exp.Lateral) or not join.this.args.get("cross_apply"):
            return False
    return all(
        alias and isinstance(source, exp.Subquery) and _is_row(source.this)
        for alias, source in _sources(select)
    )


def _chained(select: exp.Select, body: exp.Expr, names: Iterator[int]) -> exp.Expr:
    """Return `body` with the rows that its select reads."""
    sources = _sources(select)
    if not sources:
        return body
    name = f"rows_{next(names)}"
    rows: list[exp.Expr] = []
    for _, source in sources:
        where = source.this.args.get("where")
        row: exp.Expr = Row(
            expressions=source.this.expressions, condition=where.this if where else None
        )
        rows.append(_chained(source.this, row, names))
    chain = Chain(
        this=body,
        name=name,
        sources=[
            Source(this=row, name=alias.lower())
            for (alias, _), row in zip(sources, rows, strict=True)
        ],
    )
    for place, (alias, source) in enumerate(sources):
        columns = {column.alias_or_name.lower() for column in source.this.expressions}
        for user in [chain.this, *chain.args["sources"][place + 1 :]]:
            _use(user, alias.lower(), columns, name)
    return chain


def _use(body: exp.Expr, alias: str, columns: set[str], name: str) -> None:
    """Let columns of the row `alias` be parts of the chain `name`."""
    for column in list(body.find_all(exp.Column)):
        table = column.table.lower()
        if column.name.lower() not in columns or table not in (alias, ""):
            continue
        if not _hidden(column, body, alias):
            column.replace(Part(this=column.name.lower(), chain=name, source=alias))


def _hidden(column: exp.Column, body: exp.Expr, alias: str) -> bool:
    """Whether a select between a column and the body has a row of that alias itself."""
    select = column.find_ancestor(exp.Select)
    while select is not None and select is not body and _within(select, body):
        if alias in {name.lower() for name, _ in _sources(select)}:
            return True
        select = select.find_ancestor(exp.Select)
    return False


def _within(node: exp.Expr, body: exp.Expr) -> bool:
    parent: exp.Expr | None = node
    while parent is not None and parent is not body:
        parent = parent.parent
    return parent is body
