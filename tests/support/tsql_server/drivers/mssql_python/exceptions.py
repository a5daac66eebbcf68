"""mssql-python's exceptions: each has the driver's and the server's message."""

from __future__ import annotations

import builtins


class ConnectionStringParseError(builtins.Exception):
    """A connection string with something wrong in it."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("Connection string parsing failed:\n  " + "\n  ".join(errors))


class Exception(builtins.Exception):
    """The base of all."""

    def __init__(self, driver_error: str, ddbc_error: str) -> None:
        self.driver_error = driver_error
        self.ddbc_error = ddbc_error
        self.message = f"Driver Error: {driver_error}; DDBC Error: {ddbc_error}"
        super().__init__(self.message)


class Warning(Exception):
    """DB-API's."""


class Error(Exception):
    """DB-API's."""


class InterfaceError(Error):
    """DB-API's."""


class DatabaseError(Error):
    """DB-API's."""


class DataError(DatabaseError):
    """DB-API's."""


class OperationalError(DatabaseError):
    """DB-API's."""


class IntegrityError(DatabaseError):
    """DB-API's."""


class InternalError(DatabaseError):
    """DB-API's."""


class ProgrammingError(DatabaseError):
    """DB-API's."""


class NotSupportedError(DatabaseError):
    """DB-API's."""
