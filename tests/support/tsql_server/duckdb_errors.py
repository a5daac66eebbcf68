"""The server's errors for what DuckDB refuses."""

from __future__ import annotations

import re

import duckdb

from tests.support.tsql_server import functions
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError, invalid_object


def translated(error: duckdb.Error) -> Exception:
    """Return the server's error for one of DuckDB's."""
    text = str(error)
    if functions.NO_RULE in text:
        return UnknownSqlError(text)
    if found := re.search(rf"{functions.MESSAGE} (\d+): (.*)", text):
        return SqlServerError(int(found[1]), found[2], "22000")
    if isinstance(error, duckdb.CatalogException) and (
        found := re.search(r"Table with name (\S+?)!? does not exist", text)
    ):
        name = found[1].replace('"', "")
        written = re.search(rf'"([^"]+)"\."{re.escape(name)}"', text)
        return invalid_object(f"{written[1]}.{name}" if written else name)
    if isinstance(error, duckdb.BinderException):
        return SqlServerError(
            207, f"Invalid column name, or a type that does not fit: {text}", "42S22"
        )
    if isinstance(error, duckdb.ConstraintException):
        if "CHECK" in text:
            return SqlServerError(
                2628, f"String or binary data would be truncated: {text}", "22001"
            )
        if "NOT NULL" in text:
            return SqlServerError(
                515, f"Cannot insert the value NULL into a column: {text}", "23000"
            )
        return SqlServerError(2627, f"Violation of a constraint: {text}", "23000")
    if isinstance(error, duckdb.TransactionException):
        return SqlServerError(
            1205,
            "Transaction was deadlocked on lock resources with another process and has been chosen"
            f" as the deadlock victim. Rerun the transaction. {text}",
            "40001",
        )
    if isinstance(
        error,
        duckdb.OutOfRangeException | duckdb.ConversionException | duckdb.InvalidInputException,
    ):
        return SqlServerError(8115, f"Arithmetic overflow or conversion error: {text}", "22003")
    return UnknownSqlError(text)
