"""Stands in for pyodbc when this folder is on PYTHONPATH.

Connects to the serverless SQL pool, or to the Fabric Warehouse where the server is one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, ClassVar

sys.path.append(str(Path(__file__).resolve().parents[4]))

from tests.support.tsql_server import dbapi
from tests.support.tsql_server.dbapi import Row
from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.errors import SqlServerError
from tests.support.tsql_server.serverless import ServerlessPool
from tests.support.tsql_server.warehouse import FabricWarehouse

__all__ = ["Connection", "Cursor", "Row", "connect"]

apilevel, threadsafety, paramstyle, version = "2.0", 1, "qmark", "5.3.0"
pooling = True
native_uuid = False
SQL_WVARCHAR, SQL_WCHAR, SQL_CHAR = -9, -8, 1


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


_BY_STATE = {
    "08": OperationalError,
    "22": DataError,
    "23": IntegrityError,
    "24": ProgrammingError,
    "25": ProgrammingError,
    "28": InterfaceError,
    "42": ProgrammingError,
    "HY": OperationalError,
}


def _error(error: SqlServerError) -> Exception:
    text = (
        f"[{error.state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{error.message} "
        f"({error.number}) (SQLExecDirectW)"
    )
    return _BY_STATE.get(error.state[:2], Error)(error.state, text)


class Cursor(dbapi.Cursor):
    """pyodbc's cursor."""


class Connection(dbapi.Connection):
    """pyodbc's connection."""

    server_class: ClassVar[type[Server]] = ServerlessPool
    cursor_class = Cursor
    error = staticmethod(_error)


class WarehouseConnection(Connection):
    """pyodbc's connection to a Warehouse."""

    server_class = FabricWarehouse


def connect(
    connstring: str, /, *, autocommit: bool = False, timeout: int = 0, **kwargs: Any
) -> Connection:
    """Connect; credentials are not looked at."""
    to_warehouse = re.search(
        r"(?i)(?:^|;)\s*server\s*=[^;]*\.datawarehouse\.fabric\.microsoft\.com", connstring
    )
    return (WarehouseConnection if to_warehouse else Connection)(connstring, autocommit)
