"""SQL expressions of a declaration: checked, and told where they compute with text.

Every column of a file is text. A column is taken as a number where its use says so: beside `+ - * /
// % ^`, inside a rounding function, or compared with a number. Everywhere else it is text. What is
no number there is null.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

_ARITHMETIC = frozenset(("+", "-", "*", "/", "//", "%", "^", "**"))
_NUMERIC = frozenset(
    ("abs", "ceil", "ceiling", "floor", "round", "trunc", "sign", "sqrt", "power", "pow")
)
# Their result is whatever goes in: a number where one is wanted or one is among the arguments.
_CHOOSING = frozenset(("ifnull", "nullif", "greatest", "least"))
_REFUSED = frozenset(("SUBQUERY", "WINDOW", "STAR", "PARAMETER", "LAMBDA"))
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"


@dataclass(frozen=True)
class Reference:
    """A column that an expression names: where (in bytes), and whether it is a number there."""

    column: str
    start: int
    end: int
    is_number: bool

    @property
    def sql(self) -> str:
        """The column, whatever the case of its name in the file."""
        return quoted(self.column)


def expression_problem(expression: str) -> str | None:
    """Return what is wrong with an expression, None when it can be used."""
    try:
        columns = {found.column.lower() for found in references(expression)}
        # An aggregate can't stand beside a column of a row, so that there is one to stand beside.
        row = ", ".join(["'' as \"'\"", *(f"'' as {quoted(column)}" for column in columns)])
        computed = rewrite(
            expression, lambda found: number(found.sql) if found.is_number else found.sql
        )
        with duckdb.connect() as connection:
            connection.execute(f'explain select "\'", ({computed}\n) from (select {row})')
    except ValueError as error:
        return str(error)
    except duckdb.Error as error:
        return f"this is no SQL expression over columns: {str(error).splitlines()[0]}"
    return None


def number(text: str) -> str:
    """Return SQL of a text as a number, null where it holds none."""
    # Three factors fit into DuckDB's 38 digits, and money has no more than 12 before the point.
    return (
        f"case when regexp_full_match(trim({text}), '{_NUMBER}') "
        f"then try_cast({text} as decimal(18, 6)) end"
    )


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def rewrite(expression: str, replacement: Callable[[Reference], str]) -> str:
    """Return an expression with each column replaced; raises ValueError when it is none."""
    text = expression.encode()
    for found in reversed(references(expression)):
        text = text[: found.start] + f"({replacement(found)})".encode() + text[found.end :]
    return text.decode()


@cache
def references(expression: str) -> tuple[Reference, ...]:
    """Return the columns that an expression names; raises ValueError when it is no expression."""
    prefix = "select "
    with duckdb.connect() as connection:
        row = connection.execute(
            "select json_serialize_sql($1)", [f"{prefix}{expression}\n"]
        ).fetchone()
    assert row
    parsed = json.loads(row[0])
    if parsed["error"]:
        raise ValueError(f"this is no SQL expression: {parsed['error_message']}")
    nodes = [statement["node"] for statement in parsed["statements"]]
    if len(nodes) != 1 or not _is_one_expression(nodes[0]):
        raise ValueError("this is no single SQL expression over the columns of a row")
    found: dict[int, Reference] = {}
    for one in _references(nodes[0]["select_list"][0], False, len(prefix)):
        # `case x when 1 … when 2 …` has its x once for each.
        if one.start not in found or one.is_number:
            found[one.start] = one
    return tuple(found[start] for start in sorted(found))


def _is_one_expression(node: dict[str, Any]) -> bool:
    clauses = ("modifiers", "where_clause", "group_expressions", "having", "sample", "qualify")
    return (
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and not node["select_list"][0]["alias"]
        and node["from_table"]["type"] == "EMPTY"
        and not any(node[clause] for clause in clauses)
    )


def _references(node: dict[str, Any], is_number: bool, offset: int) -> Iterator[Reference]:
    if node["class"] in _REFUSED:
        raise ValueError("an expression computes with the columns of its row, and nothing else")
    if node["class"] == "COLUMN_REF":
        if len(node["column_names"]) > 1:
            name = ".".join(node["column_names"])
            raise ValueError(f'write "{name}" for a column whose name has a point in it')
        start = node["query_location"] - offset
        end = start + node["query_location_length"]
        yield Reference(node["column_names"][0], start, end, is_number)
        return
    for child, takes_number in _operands(node, is_number):
        yield from _references(child, takes_number, offset)


def _operands(node: dict[str, Any], is_number: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the parts of an expression, and whether each is wanted as a number."""
    if node["class"] == "CASE":
        results = [check["then_expr"] for check in node["case_checks"]] + [node["else_expr"]]
        wanted = is_number or any(map(_is_number, results))
        yield from ((check["when_expr"], False) for check in node["case_checks"])
        yield from ((result, wanted) for result in results)
        return
    parts = list(_parts(node))
    name = node.get("function_name")
    if node["class"] == "FUNCTION" and (name in _ARITHMETIC or name in _NUMERIC):
        wanted = True
    elif node["class"] in ("COMPARISON", "BETWEEN") or node["type"] == "COMPARE_IN":
        wanted = any(map(_is_number, parts))
    elif node["type"] == "OPERATOR_COALESCE" or name in _CHOOSING:
        wanted = is_number or any(map(_is_number, parts))
    else:
        wanted = False
    yield from ((part, wanted) for part in parts)


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the expressions directly inside a node."""
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict) and "class" in value:
            yield value
        elif isinstance(value, dict | list):
            yield from _parts(value)


def _is_number(node: dict[str, Any]) -> bool:
    """Tell whether an expression is a number whatever its columns hold."""
    if node["class"] == "CONSTANT":
        return node["literal"]["kind"] in ("INTEGER", "NUMERIC")
    name = node.get("function_name")
    if node["class"] == "FUNCTION":
        return name in _ARITHMETIC or name in _NUMERIC
    return False
