"""What goes wrong on the server, and what this stand-in has no rule for."""

from __future__ import annotations


class UnknownSqlError(Exception):
    """SQL that the stand-in has no rule for; a test that meets it fails, so add the rule."""


class SqlServerError(Exception):
    """An error as the server sends it: a number, a message and an ODBC state."""

    def __init__(self, number: int, message: str, state: str = "42000") -> None:
        super().__init__(message)
        self.number = number
        self.message = message
        self.state = state


def invalid_object(name: str) -> SqlServerError:
    """Return the error of a name that nothing has."""
    return SqlServerError(208, f"Invalid object name '{name}'.", "42S02")
