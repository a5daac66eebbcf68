"""Turns what is written differently in DuckDB into a tree that DuckDB has, before translation."""

from __future__ import annotations

from sqlglot import exp

from tests.support.tsql_server import checks
from tests.support.tsql_server.errors import UnknownSqlError

UNNAMED = "(No column name)"


def prepare(tree: exp.Expr) -> exp.Tuple:
    """Return a statement, prepared, in a tuple, so that every node of it has a parent."""
    whole = exp.Tuple(expressions=[tree])
    if isinstance(tree, exp.Update):
        _join_to_update(tree)
    if isinstance(tree, exp.Delete) and tree.args.get("tables"):
        _delete_by_alias(tree)
    for query in tree.find_all(exp.Query):
        query.set("options", None)
    for select in list(tree.find_all(exp.Select)):
        _order_of_nothing(select)
        _for_clause(select)
        _applied_tops(select)
        _applied_aggregates(select)
        _name_columns(select)
    return whole


def _order_of_nothing(select: exp.Select) -> None:
    """ORDER BY (SELECT NULL), which OFFSET needs and DuckDB refuses."""
    order = select.args.get("order")
    if order and order.expressions[0].this.sql("tsql").upper() == "(SELECT NULL)":
        select.set("order", None)


def _name_columns(select: exp.Select) -> None:
    """Give the columns of a result a name that says that they have none."""
    if not isinstance(select.parent, exp.Tuple):
        return
    for place in checks.unnamed(select):
        column = select.expressions[place - 1]
        column.replace(exp.alias_(column.copy(), UNNAMED, quoted=True))


def _for_clause(select: exp.Select) -> None:
    """FOR XML: one text of all rows."""
    clause = select.args.get("for_")
    if clause is None:
        return
    select.set("for_", None)
    options = {option.sql(dialect="tsql").upper() for option in clause.expressions}
    if clause.args["kind"] == "XML" and options == {"PATH = ''"} and len(select.expressions) == 1:
        empty = exp.Literal.string("")
        select.set("expressions", [exp.GroupConcat(this=select.expressions[0], separator=empty)])
    else:
        raise UnknownSqlError(f"no rule for FOR {clause.args['kind']} {', '.join(sorted(options))}")


def _applied_tops(select: exp.Select) -> None:
    """CROSS APPLY of the TOP rows that a column outside says; DuckDB takes no such LIMIT."""
    for join in select.args.get("joins") or []:
        query = join.this.this.this if isinstance(join.this, exp.Lateral) else None
        limit = query.args.get("limit") if isinstance(query, exp.Select) else None
        if limit is None or not limit.expression.find(exp.Column):
            continue
        if not join.this.args.get("cross_apply"):
            raise UnknownSqlError(f"no rule for {join.sql('tsql')[:200]}")
        place = "tsql_place"
        query.set("limit", None)
        query.append("expressions", exp.alias_(exp.Window(this=exp.RowNumber()), place))
        column = exp.column(place, table=join.this.alias)
        select.where(exp.LTE(this=column, expression=limit.expression.copy()), copy=False)


def _applied_aggregates(select: exp.Select) -> None:
    """APPLY of one aggregate without groups is one value a row; DuckDB fails on several of them."""
    for join in list(select.args.get("joins") or []):
        query = join.this.this.this if isinstance(join.this, exp.Lateral) else None
        if (
            not isinstance(query, exp.Select)
            or query.args.get("group")
            or len(query.expressions) != 1
            or not isinstance(query.expressions[0].unalias(), exp.AggFunc)
        ):
            continue
        alias, name = join.this.alias.lower(), query.expressions[0].alias_or_name.lower()
        for column in list(select.find_all(exp.Column)):
            if (column.table.lower(), column.name.lower()) == (alias, name):
                value: exp.Expr = exp.Subquery(this=query.copy())
                if column.parent is select and column.arg_key == "expressions":
                    value = exp.alias_(value, column.name)
                column.replace(value)
        select.args["joins"].remove(join)


def _join_to_update(update: exp.Update) -> None:
    """UPDATE a … FROM t AS a INNER JOIN u ON …: DuckDB names the table first and joins by WHERE."""
    from_ = update.args.get("from_")
    if from_ is None:
        return
    table = from_.this
    joins = table.args.get("joins") or []
    if table.alias_or_name.lower() != update.this.name.lower() or len(joins) != 1:
        raise UnknownSqlError(f"no rule for {update.sql('tsql')[:200]}")
    condition = joins[0].args["on"]
    if where := update.args.get("where"):
        condition = exp.and_(condition, where.this)
    update.set("where", exp.Where(this=condition))
    update.set("from_", exp.From(this=joins[0].this))
    table.set("joins", None)
    update.set("this", table)


def _delete_by_alias(delete: exp.Delete) -> None:
    """DELETE t, or DELETE a FROM t AS a INNER JOIN u ON …: where there is such a row of u."""
    (named,) = delete.args["tables"]
    delete.set("tables", None)
    if not delete.this:
        delete.set("this", named)
        return
    table = delete.this
    joins = table.args.get("joins") or []
    if table.alias_or_name.lower() != named.name.lower() or len(joins) > 1:
        raise UnknownSqlError(f"no rule for {delete.sql('tsql')[:200]}")
    table.set("joins", None)
    for join in joins:
        joined = exp.select("1").from_(join.this).where(join.args["on"])
        if where := delete.args.get("where"):
            joined = joined.where(where.this)
        delete.set("where", exp.Where(this=exp.Exists(this=joined)))
