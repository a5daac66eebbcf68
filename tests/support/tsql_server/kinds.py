"""What kind of value an expression is, as far as its text tells: text, number or time.

Where it tells, a translation needs no overload by type (functions.py), which DuckDB would choose by
binding each argument twice, and so a nest of depth n in 2^n steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from tests.support.tsql_server.errors import UnknownSqlError
from tests.support.tsql_server.rows import Chain, Part, Row

TEXT, NUMBER, TIME = "text", "number", "time"

_TEXTS = (exp.Concat, exp.Left, exp.Lower, exp.National, exp.Replace, exp.Reverse, exp.Right,
          exp.Substring, exp.Trim, exp.Upper)  # fmt: skip
_NUMBERS = (exp.Count, exp.Day, exp.DateDiff, exp.DenseRank, exp.Extract, exp.Length, exp.Mod,
            exp.Month, exp.Mul, exp.Neg, exp.Ntile, exp.Rank, exp.RowNumber, exp.StrPosition,
            exp.Sum, exp.Year)  # fmt: skip
_SAME = (exp.Abs, exp.Collate, exp.Max, exp.Min, exp.Paren, exp.Sign, exp.Window)
_CASTS = {
    "BIGINT": NUMBER, "DATE": TIME, "DATETIME2": TIME, "DECIMAL": NUMBER, "INT": NUMBER,
    "NVARCHAR": TEXT, "SMALLINT": NUMBER, "VARCHAR": TEXT,
}  # fmt: skip

Rows = Mapping[tuple[str, str], Mapping[str, str | None]]  # by chain and source


def mark(node: exp.Expr, rows: Rows | None = None) -> None:
    """Note the kind of every expression below a node in its `meta`, where it is certain."""
    rows = rows or {}
    if isinstance(node, Chain):
        name = node.args["name"]
        for source in node.args["sources"]:
            mark(source.this, rows)
            rows = {**rows, (name, source.args["name"]): _columns(source.this)}
        mark(node.this, rows)
    else:
        for child in node.iter_expressions():
            mark(child, rows)
    if kind := _kind(node, rows):
        node.meta["kind"] = kind


def kind(node: exp.Expr | None) -> str | None:
    """Return the kind that was noted."""
    return None if node is None else node.meta.get("kind")


def keep(old: exp.Expr, new: exp.Expr) -> None:
    """Note for a node's translation what is known of the node."""
    if found := kind(old):
        new.meta["kind"] = found


def _columns(row: exp.Expr) -> dict[str, str | None]:
    while isinstance(row, Chain | exp.Paren):
        row = row.this
    if not isinstance(row, Row):
        return {}
    return {column.alias_or_name.lower(): kind(column.unalias()) for column in row.expressions}


def _kind(node: exp.Expr, rows: Rows) -> str | None:
    if isinstance(node, _TEXTS) or (isinstance(node, exp.Literal) and node.is_string):
        return TEXT
    if isinstance(node, (exp.Literal, exp.Sub, *_NUMBERS)):
        return NUMBER
    if isinstance(node, exp.Anonymous):
        return {"patindex": NUMBER, "nchar": TEXT, "string_escape": TEXT}.get(node.name.lower())
    if isinstance(node, exp.Cast):  # TRY_CAST is one
        return _CASTS.get(node.to.this.value) or (
            kind(node.this) if node.to.this.value == "TEXT" else None  # put in by sqlglot
        )
    if isinstance(node, exp.DateAdd):
        return TIME
    if isinstance(node, Part):
        return rows.get((node.args["chain"], node.args["source"]), {}).get(node.this)
    if isinstance(node, (*_SAME, Chain)):
        return kind(node.this)
    if isinstance(node, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE):
        if {kind(node.left), kind(node.right)} == {TEXT, NUMBER}:
            raise UnknownSqlError(f"no rule for comparing a text with a number: {node.sql('tsql')}")
        return None
    if isinstance(node, exp.Add):
        return kind(node.left) if kind(node.left) == kind(node.right) else None
    parts: list[exp.Expr | None] = []
    if isinstance(node, exp.Case):
        parts = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
    elif isinstance(node, exp.Coalesce):
        parts = [node.this, *node.expressions]
    known = {kind(part) for part in parts if part is not None and not isinstance(part, exp.Null)}
    if known >= {TEXT, NUMBER}:
        # The server would make a number of the text, or fail; DuckDB makes a text of the number.
        raise UnknownSqlError(f"no rule for texts and numbers in one: {node.sql('tsql')[:200]}")
    return known.pop() if len(known) == 1 else None
