"""What a connection has of its own, and what a batch gives back to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import duckdb
from sqlglot.tokens import TokenType

from tests.support.tsql_server.batch import keyword, tokenize
from tests.support.tsql_server.catalog import Catalog, Column
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError

_PYTHON_TYPES: dict[str, type] = {
    "bit": bool, "bigint": int, "int": int, "smallint": int, "tinyint": int, "float": float,
    "decimal": Decimal, "numeric": Decimal, "date": date, "datetime2": datetime,
    "datetime": datetime,
    "varbinary": bytes, "uniqueidentifier": UUID,
}  # fmt: skip


@dataclass
class ResultSet:
    """What one statement gave: rows with columns, or only a count."""

    columns: list[Column] | None = None
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    count: int = -1

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """The columns as DB-API's cursor.description has them."""
        if self.columns is None:
            return None
        return [
            (column.name, _PYTHON_TYPES.get(column.type.name, str), None, column.type.max_length,
             column.type.precision, column.type.scale, column.nullable)
            for column in self.columns
        ]  # fmt: skip


_ids = count(51)


@dataclass(eq=False)
class Session:
    """What a connection has of its own."""

    database: str
    connection: duckdb.DuckDBPyConnection
    autocommit: bool = True
    login: str = ""
    id: int = field(default_factory=lambda: next(_ids))  # @@SPID
    process: int = field(default_factory=lambda: os.getpid())  # of the client
    program: str = ""  # as its client calls itself; nothing: as its driver does
    since: datetime = field(default_factory=datetime.now)
    locked: set[int] = field(default_factory=set)  # objects that the transaction defines anew
    changed: set[int] = field(default_factory=set)  # tables of which it updated or deleted rows
    overtaken: set[int] = field(default_factory=set)  # those that others changed meanwhile
    read: dict[str, list[Column]] = field(default_factory=dict)  # of files, by OPENROWSET
    transactions: int = 0  # @@TRANCOUNT
    failed: bool = False  # the transaction can only be rolled back
    variables: dict[str, Any] = field(default_factory=dict)
    errors: list[SqlServerError] = field(default_factory=list)  # of the CATCH blocks at hand

    @property
    def catalog(self) -> Catalog:
        """The catalogue, seen in this session's transaction."""
        return Catalog(self.connection)


def literal(value: Any) -> str:
    """Return a value as T-SQL writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        return f"cast('{value.isoformat(sep='T', timespec='microseconds')}' as datetime2(6))"
    if isinstance(value, date):
        return f"cast('{value.isoformat()}' as date)"
    return "N'" + str(value).replace("'", "''") + "'"


def bound(sql: str, parameters: Sequence[Any]) -> str:
    """Put values where the markers (?) of a batch are."""
    if not parameters:
        return sql
    marks = [token for token in tokenize(sql) if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise SqlServerError(
            8178,
            f"The SQL contains {len(marks)} parameter markers, but {len(parameters)} parameters"
            " were supplied",
            "07002",
        )
    pieces, place = [], 0
    for token, value in zip(marks, parameters, strict=True):
        pieces += [sql[place : token.start], literal(value)]
        place = token.end + 1
    return "".join(pieces) + sql[place:]


def variable(session: Session, name: str) -> Any:
    """Return a variable's value."""
    if name.lower() not in session.variables:
        raise SqlServerError(137, f'Must declare the scalar variable "@{name}".')
    return session.variables[name.lower()]


def substituted(session: Session, sql: str) -> str:
    """Put values in the place of variables and of functions that tell of the session."""
    if "@" not in sql and "(" not in sql:
        return sql
    tokens = tokenize(sql)
    pieces, place, index = [], 0, 0
    while index < len(tokens):
        token = tokens[index]
        ahead = [keyword(one) for one in tokens[index : index + 3]]
        size, value = 0, None
        if ahead[:2] == ["@", "@"]:
            known = {"TRANCOUNT": session.transactions, "SPID": session.id}
            if ahead[2] not in known:
                raise UnknownSqlError(f"no rule for @@{ahead[2].lower()}")
            size, value = 3, known[ahead[2]]
        elif ahead[0] == "@":
            size, value = 2, variable(session, tokens[index + 1].text)
        elif ahead[0] in _SESSION_FUNCTIONS and ahead[1:] == ["(", ")"]:
            size, value = 3, _SESSION_FUNCTIONS[ahead[0]](session)
        if size:
            pieces += [sql[place : token.start], literal(value)]
            place = tokens[index + size - 1].end + 1
        index += size or 1
    return "".join(pieces) + sql[place:]


_SESSION_FUNCTIONS: dict[str, Callable[[Session], Any]] = {
    "ERROR_MESSAGE": lambda session: session.errors[-1].message if session.errors else None,
    "ERROR_NUMBER": lambda session: session.errors[-1].number if session.errors else None,
    "ERROR_SEVERITY": lambda session: 16 if session.errors else None,
    "ERROR_STATE": lambda session: 1 if session.errors else None,
    "XACT_STATE": lambda session: -1 if session.failed else int(session.transactions > 0),
}
