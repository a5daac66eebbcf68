"""The drivers' common part: connections and cursors as DB-API has them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.errors import SqlServerError
from tests.support.tsql_server.recorder import take_fault
from tests.support.tsql_server.session import ResultSet


class Row(tuple[Any, ...]):
    """A row: by position, and by the names of its columns."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Any], names: tuple[str, ...]) -> Row:
        """Make a row."""
        row = cls(values)
        row.names = names
        return row

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            return self[self.names.index(name)]
        raise AttributeError(name)


class Connection:
    """A connection; its driver says which server it is to and how errors look."""

    server_class: ClassVar[type[Server]]
    cursor_class: ClassVar[type[Cursor]]
    error: ClassVar[Callable[[SqlServerError], Exception]]

    def __init__(self, connection_string: str, autocommit: bool) -> None:
        parts = dict(re.findall(r"(?:^|;)\s*([^=;]+?)\s*=\s*(\{[^}]*\}|[^;]*)", connection_string))
        names = {name.lower(): value.strip("{}") for name, value in parts.items()}
        database = names.get("database") or names.get("initial catalog") or "master"
        folder = Path(os.environ["C360_STANDIN"])
        folder.mkdir(parents=True, exist_ok=True)
        self.timeout = 0
        self.closed = False
        try:
            if fault := take_fault(folder, self.server_class.name, f"LOGIN {names.get('uid', '')}"):
                raise fault.as_error()
            with Server._opening:  # or another thread's logout closes it in between
                self.server = self.server_class.attach(folder, database)
                self.session = self.server.login(database, autocommit, names.get("uid", ""))
        except SqlServerError as error:
            raise type(self).error(error) from error
        self.session.program = names.get("app", "")

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        return self.session.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self.commit()
        self.session.autocommit = value

    def setautocommit(self, value: bool = False) -> None:
        """Set `autocommit`."""
        self.autocommit = value

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return self.cursor_class(self)

    def execute(self, sql: str, *parameters: Any) -> Cursor:
        """Run a batch on a new cursor."""
        return self.cursor().execute(sql, *parameters)

    def commit(self) -> None:
        """Commit what the driver's transaction has; nothing without one."""
        try:
            with self.server.lock:
                while self.session.transactions:
                    self.server.commit(self.session)
        except SqlServerError as error:
            raise type(self).error(error) from error

    def rollback(self) -> None:
        """Roll back what the driver's transaction has; nothing without one."""
        with self.server.lock:
            if self.session.transactions:
                self.server.rollback(self.session)

    def close(self) -> None:
        """Close it; an open transaction is rolled back."""
        if not self.closed:
            self.closed = True
            self.server.logout(self.session)

    def add_output_converter(self, sqltype: Any, function: Any) -> None:
        """Values come as Python has them already."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "closed", True) and hasattr(self, "session"):
            self.close()


class Cursor:
    """A cursor. All of a batch runs in `execute`, so an error in it is raised there."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.limit = connection.timeout  # of its statements, in seconds
        self.messages: list[Any] = []
        self.fast_executemany = False
        self._results: list[ResultSet] = []
        self._place = 0
        self.closed = False

    def execute(self, sql: str, *parameters: Any) -> Cursor:
        """Run a batch."""
        if len(parameters) == 1 and isinstance(parameters[0], list | tuple):
            parameters = tuple(parameters[0])
        server, session = self.connection.server, self.connection.session
        self._run(lambda: server.execute(session, sql, parameters, self.limit))
        return self

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a batch for each row of parameters."""
        for row in rows:
            self.execute(sql, *row)

    def _run(self, work: Callable[[], list[ResultSet]]) -> None:
        self._results, self._place = [], 0
        try:
            self._results = work()
        except SqlServerError as error:
            raise type(self.connection).error(error) from error

    @property
    def _result(self) -> ResultSet | None:
        return self._results[self._place] if self._place < len(self._results) else None

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """The columns of the result at hand."""
        return self._result.description if self._result else None

    @property
    def rowcount(self) -> int:
        """The rows that the statement at hand changed or gave."""
        return self._result.count if self._result else -1

    def nextset(self) -> bool:
        """Step to the next result."""
        self._place += 1
        return self._place < len(self._results)

    def fetchone(self) -> Row | None:
        """Return the next row."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next rows."""
        result = self._result
        if result is None or result.columns is None:
            error = SqlServerError(0, "No results.  Previous SQL was not a query.", "24000")
            raise type(self.connection).error(error)
        names = tuple(column.name for column in result.columns)
        taken = result.rows[: size or self.arraysize]
        del result.rows[: len(taken)]
        return [Row.of(row, names) for row in taken]

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        return self.fetchmany(len(self._result.rows) or 1 if self._result else 1)

    def fetchval(self) -> Any:
        """Return the first value of the next row."""
        row = self.fetchone()
        return None if row is None else row[0]

    def __iter__(self) -> Iterator[Row]:
        while row := self.fetchone():
            yield row

    def cancel(self) -> None:
        """Nothing runs when nobody waits for it."""

    def commit(self) -> None:
        """Commit the connection's transaction."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll back the connection's transaction."""
        self.connection.rollback()

    def close(self) -> None:
        """Close it."""
        self._results = []
        self.closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
