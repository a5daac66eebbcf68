"""Stands in for mssql-python when its folder is on PYTHONPATH: connects to Azure SQL Database."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[5]))

import pyarrow as pa

from tests.support.tsql_server import dbapi
from tests.support.tsql_server.database import SqlDatabase
from tests.support.tsql_server.dbapi import Row
from tests.support.tsql_server.errors import SqlServerError

from .exceptions import (
    ConnectionStringParseError,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__all__ = [
    "Connection", "ConnectionStringParseError", "Cursor", "DataError", "DatabaseError", "Error",
    "IntegrityError", "InterfaceError", "InternalError", "NotSupportedError", "OperationalError",
    "ProgrammingError", "Row", "Warning", "connect", "pooling",
]  # fmt: skip

__version__ = "1.16.0"
apilevel, paramstyle, threadsafety = "2.0", "pyformat", 1
native_uuid = True
SQL_ATTR_LOGIN_TIMEOUT = 103

_BY_STATE: dict[str, type[Error]] = {
    "08": OperationalError,
    "22": DataError,
    "23": IntegrityError,
    "24": ProgrammingError,
    "25": ProgrammingError,
    "28": OperationalError,
    "40": OperationalError,
    "42": ProgrammingError,
    "HY": OperationalError,
}


def _error(error: SqlServerError) -> Exception:
    text = f"[Microsoft][SQL Server]{error.message}"
    return _BY_STATE.get(error.state[:2], DatabaseError)(error.message.split(".")[0], text)


class Cursor(dbapi.Cursor):
    """mssql-python's cursor, with its bulk copy."""

    def bulkcopy_arrow(
        self,
        table_name: str,
        source: Any,
        batch_size: int = 0,
        timeout: int = 30,
        column_mappings: list[str] | list[tuple[int, str]] | None = None,
        keep_identity: bool = False,
        check_constraints: bool = False,
        table_lock: bool = False,
        keep_nulls: bool = False,
        fire_triggers: bool = False,
        use_internal_transaction: bool = False,
    ) -> dict[str, Any]:
        """Copy what an Arrow source has, on a connection of its own as the real one does."""
        if source is None or isinstance(source, str | bytes):
            raise TypeError(f"source must be a pyarrow Table, … got {type(source).__name__}")
        if not table_name:
            raise ValueError("table_name is empty")
        started = time.perf_counter()
        connection = self.connection
        session = connection.server.login(connection.session.database, autocommit=True)
        try:
            rows = connection.server.bulk_copy(
                session, table_name, _reader(source), column_mappings,
                timeout=timeout, batch_size=batch_size, check_constraints=check_constraints,
                table_lock=table_lock, keep_nulls=keep_nulls,
                use_internal_transaction=use_internal_transaction,
            )  # fmt: skip
        except SqlServerError as error:
            raise RuntimeError(error.message) from error
        finally:
            connection.server.logout(session)
        seconds = time.perf_counter() - started
        return {
            "rows_copied": rows,
            "batch_count": max(1, -(-rows // batch_size)) if batch_size else 1,
            "elapsed_time": seconds,
            "rows_per_second": rows / seconds if seconds else 0.0,
        }


def _reader(source: Any) -> pa.RecordBatchReader:
    if isinstance(source, pa.RecordBatchReader):
        return source
    if isinstance(source, pa.Table):
        return source.to_reader()
    if isinstance(source, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(source.schema, [source])
    if hasattr(source, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(source)
    batches = iter(source)
    first = next(batches)
    return pa.RecordBatchReader.from_batches(first.schema, (b for b in [first, *batches]))


class Connection(dbapi.Connection):
    """mssql-python's connection."""

    server_class = SqlDatabase
    cursor_class = Cursor
    error = staticmethod(_error)


def connect(
    connection_str: str = "",
    autocommit: bool = False,
    attrs_before: dict[int, Any] | None = None,
    timeout: int = 0,
    native_uuid: bool | None = None,
    token_provider: Any = None,
    **kwargs: Any,
) -> Connection:
    """Connect; credentials are not looked at."""
    return Connection(connection_str, autocommit)


def pooling(max_size: int = 100, idle_timeout: int = 600, enabled: bool = True) -> None:
    """Connections are not pooled here."""
