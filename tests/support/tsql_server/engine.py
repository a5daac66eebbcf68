"""A server: runs batches of T-SQL for its sessions, on one DuckDB file.

A statement is handled by the method that HANDLERS names for its first words, a procedure by the one
that PROCEDURES names; the servers (serverless.py, database.py, warehouse.py) add to both, or
refuse.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from tests.support.tsql_server import batch, functions
from tests.support.tsql_server.batch import If, Node, Statement, Try, keyword, tokenize
from tests.support.tsql_server.catalog import DEFAULT_COLLATION, Catalog, Column, ColumnType
from tests.support.tsql_server.columns import Origins, refined
from tests.support.tsql_server.definitions import Definitions
from tests.support.tsql_server.duckdb_errors import translated
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.prepare import UNNAMED
from tests.support.tsql_server.reader import STRINGS, Name, Reader, split
from tests.support.tsql_server.recorder import Recorded, record, take_fault
from tests.support.tsql_server.session import ResultSet, Session, bound, substituted, variable
from tests.support.tsql_server.translate import Translation


@lru_cache(maxsize=4096)  # dbt sends the same texts again and again
def _translation(text: str, relations: tuple[tuple[str, str], ...], in_fabric: bool) -> Translation:
    return Translation(text, dict(relations), in_fabric)


class Server(Definitions):
    """One server with its DuckDB file. `name` is how recordings and faults call it."""

    name: ClassVar[str] = "server"
    file: ClassVar[str] = "server.duckdb"
    collation: ClassVar[str] = DEFAULT_COLLATION  # of a new one
    in_fabric: ClassVar[bool] = False  # texts are UTF-8, and CTEs can be nested

    HANDLERS: ClassVar[dict[str, str]] = {
        "SELECT": "query", "WITH": "query", "INSERT": "modify", "UPDATE": "modify",
        "DELETE": "modify",
        "USE": "use", "SET": "set", "DECLARE": "declare", "EXEC": "exec_", "EXECUTE": "exec_",
        "PRINT": "ignore", "THROW": "throw", "RAISERROR": "throw",
        "BEGIN TRAN": "begin", "BEGIN TRANSACTION": "begin", "COMMIT": "commit",
        "ROLLBACK": "rollback",
        "CREATE SCHEMA": "create_schema", "DROP SCHEMA": "drop_schema",
        "CREATE VIEW": "create_view", "ALTER VIEW": "create_view", "DROP VIEW": "drop_view",
        "CREATE TABLE": "create_table", "DROP TABLE": "drop_table", "TRUNCATE TABLE": "truncate",
    }  # fmt: skip
    PROCEDURES: ClassVar[dict[str, str]] = {
        "sp_executesql": "sp_executesql",
        "sp_rename": "sp_rename",
        "sp_getapplock": "sp_nothing",
        "sp_releaseapplock": "sp_nothing",
        "sp_describe_first_result_set": "sp_describe_first_result_set",
        "sp_refreshview": "sp_refreshview",
    }
    REFUSED: ClassVar[tuple[str, ...]] = ()  # words that statements begin with
    REFUSAL: ClassVar[str] = "{} is not supported."

    _open: ClassVar[dict[Path, Server]] = {}
    _opening: ClassVar[threading.RLock] = threading.RLock()

    @classmethod
    def attach(cls, folder: Path, database: str) -> Server:
        """Return the server of a state folder, which sessions of this process share."""
        path = (folder / cls.file).resolve()
        with Server._opening:
            if path not in Server._open:
                Server._open[path] = cls(path, database)
            return Server._open[path]

    def __init__(self, path: Path, database: str) -> None:
        self.folder = path.parent
        self.lock = threading.RLock()
        self._path = path
        self.live: list[Session] = []
        self._root = _connect(path)
        self.database = database
        if not self._root.execute(
            "select 1 from duckdb_schemas() where schema_name = 'sys'"
        ).fetchall():
            Catalog.install(self._root, database, self.collation)

    # -- Sessions

    def login(self, database: str, autocommit: bool, login: str = "") -> Session:
        """Open a session in a database."""
        with self.lock:
            session = Session(database, self._root.cursor(), autocommit, login)
            self.live.append(session)
            try:
                self.enter(session, database)
            except SqlServerError:
                self.logout(session)
                raise
            return session

    def enter(self, session: Session, database: str) -> None:
        """Make a database the session's."""
        known = session.catalog.value(
            "select name from sys.databases where lower(name) = lower(?)", database
        )
        if known is None:
            raise SqlServerError(
                4060, f'Cannot open database "{database}" requested by the login. The login failed.'
            )
        session.database = known
        session.connection.execute("set variable tsql_database = $name", {"name": known})

    def logout(self, session: Session) -> None:
        """Close a session; the file is closed with the last one, so that others can open it."""
        with Server._opening, self.lock:
            if session.transactions:
                session.connection.rollback()
            session.connection.close()
            self.live.remove(session)
            if not self.live:
                Server._open.pop(self._path, None)
                self._root.close()

    # -- Batches

    def execute(
        self, session: Session, sql: str, parameters: Sequence[Any] = (), limit: int = 0
    ) -> list[ResultSet]:
        """Run a batch and record it, with the seconds that it may take."""
        with self.lock:
            error: str | None = None
            try:
                fault = take_fault(self.folder, self.name, sql)
                if fault and fault.after:
                    self.half_done(session, sql)
                if fault:
                    raise fault.as_error()
                return self._run_batch(session, sql, parameters)
            except Exception as caught:
                error = str(caught)
                raise
            finally:
                record(
                    self.folder,
                    Recorded(self.name, session.database, sql, list(parameters), error, limit),
                )

    def half_done(self, session: Session, sql: str) -> None:
        """Leave behind what a batch that fails half-way would."""

    def _run_batch(self, session: Session, sql: str, parameters: Sequence[Any]) -> list[ResultSet]:
        session.variables = {}
        if not session.autocommit and not session.transactions:
            session.connection.begin()
            session.transactions = 1
        results: list[ResultSet] = []
        try:
            self.run(session, batch.parse(bound(sql, parameters)), results)
        except Exception:
            self.abort(session)
            raise
        finally:
            if session.failed:
                self.abort(session)
        return results

    def abort(self, session: Session) -> None:
        """End the transaction, as SET XACT_ABORT ON has it (dbt-sqlserver sets it)."""
        if session.transactions and not session.failed:
            session.connection.rollback()
        session.failed = False
        session.transactions = 0

    def run(self, session: Session, nodes: Sequence[Node], results: list[ResultSet]) -> None:
        """Run what a batch consists of."""
        for node in nodes:
            if isinstance(node, If):
                holds = self.condition(session, node.condition)
                self.run(session, node.then if holds else node.otherwise, results)
            elif isinstance(node, Try):
                self._run_try(session, node, results)
            else:
                self._run_statement(session, node, results)

    def _run_try(self, session: Session, node: Try, results: list[ResultSet]) -> None:
        try:
            self.run(session, node.body, results)
        except SqlServerError as error:
            if session.transactions and not session.failed:
                session.connection.rollback()
                session.failed = True
            session.errors.append(error)
            try:
                self.run(session, node.handler, results)
            finally:
                session.errors.pop()

    def _run_statement(
        self, session: Session, statement: Statement, results: list[ResultSet]
    ) -> None:
        handler = self.handler(statement)
        alone = not session.transactions and handler not in ("begin", "commit", "rollback", "exec_")
        try:
            if alone:
                session.connection.begin()
            result = getattr(self, handler)(session, statement)
            if alone:
                self.end(session)
        except BaseException as error:
            if alone:
                session.connection.rollback()
            if isinstance(error, duckdb.Error):
                raise self.translated(error) from error
            raise
        results.extend(result if isinstance(result, list) else [result] if result else [])

    def handler(self, statement: Statement) -> str:
        """Return the name of the method for a statement: of the most words in HANDLERS."""
        said = " ".join(statement.words)
        for refused in self.REFUSED:
            if f"{said} ".startswith(f"{refused} "):
                raise SqlServerError(15871, self.REFUSAL.format(refused))
        for size in range(min(len(statement.words), 4), 0, -1):
            words = " ".join(statement.words[:size])
            if words in self.HANDLERS:
                return self.HANDLERS[words]
        raise UnknownSqlError(f"{self.name}: no rule for the statement {statement.sql[:300]}")

    def translated(self, error: duckdb.Error) -> Exception:
        """Return the server's error for one of DuckDB's."""
        return translated(error)

    # -- Values

    def prepared(self, session: Session, sql: str) -> tuple[str, Mapping[str, str]]:
        """Return a query ready for translation, and what stands for names in it.

        Variables are replaced by their values; servers replace what only they know, OPENROWSET say.
        """
        return substituted(session, sql), {}

    def translate(self, session: Session, sql: str) -> Translation:
        """Translate a query of a session; others may get the same translation."""
        text, relations = self.prepared(session, sql)
        return _translation(text, tuple(relations.items()), self.in_fabric)

    def select(self, session: Session, sql: str) -> ResultSet:
        """Run a query."""
        return self.fetch(session, self.translate(session, sql).sql)

    def fetch(self, session: Session, duckdb_sql: str) -> ResultSet:
        """Run DuckDB's SQL."""
        cursor = session.connection.execute(duckdb_sql)
        columns = [
            Column("" if name == UNNAMED else name, ColumnType.of_duckdb(str(type_)))
            for name, type_, *_ in cursor.description or ()
        ]
        rows = cursor.fetchall()
        return ResultSet(columns, rows, len(rows) or -1)

    def value(self, session: Session, expression: str) -> Any:
        """Compute one value."""
        return self.select(session, f"select {expression} as value").rows[0][0]

    def condition(self, session: Session, condition: str) -> bool:
        """Whether a condition holds."""
        try:
            return self.value(session, f"case when {condition} then 1 else 0 end") == 1
        except duckdb.Error as error:
            raise self.translated(error) from error

    # -- Queries and changes

    def query(self, session: Session, statement: Statement) -> ResultSet:
        """SELECT, with INTO or into variables as well."""
        first = [token.text.upper() for token in statement.tokens[:4]]
        if first[:2] == ["SELECT", "@"] and first[3:] == ["="]:
            return self._assign(session, statement)
        translation = self.translate(session, statement.sql)
        tree = translation.tree.expressions[0]
        if isinstance(tree, exp.Insert):  # after WITH
            return self.modify(session, statement)
        if isinstance(tree, exp.Select) and tree.args.get("into") is not None:
            into = tree.args["into"].this
            name = Name(into.text("db") or "dbo", into.name)
            return self.select_into(session, name, translation.without_into(), statement.sql)
        return self.fetch(session, translation.sql)

    def select_into(self, session: Session, name: Name, duckdb_sql: str, tsql: str) -> ResultSet:
        """Make a table of a query's rows."""
        self.must_be_new(session, name)
        columns = self.described(session, duckdb_sql, tsql)
        self.make_table(session, name, columns)
        count = session.connection.execute(f"insert into {name.quoted} {duckdb_sql}").fetchall()
        return ResultSet(count=count[0][0])

    def described(self, session: Session, duckdb_sql: str, tsql: str = "") -> list[Column]:
        """Return a query's columns; each needs a name of its own.

        The query's T-SQL tells the lengths, scales and collations of what comes from tables.
        """
        columns = [
            Column(name, ColumnType.of_duckdb(type_))
            for name, type_, *_ in session.connection.execute(f"describe {duckdb_sql}").fetchall()
        ]
        names = [column.name.lower() for column in columns]
        for name in names:
            if names.count(name) > 1:
                raise SqlServerError(2705, f"Column names must be unique. '{name}' is there twice.")
        if not tsql:
            return columns
        tree = sqlglot.parse_one(self.prepared(session, tsql)[0], read="tsql")
        return refined(columns, self.origins(session).of(tree))

    def origins(self, session: Session) -> Origins:
        """Return what finds out where a query's columns come from."""
        return Origins(session.catalog.columns_by_name)

    def _assign(self, session: Session, statement: Statement) -> ResultSet:
        """SELECT @a = x, @b = y FROM …: the values of the last row."""
        text = re.sub(r"(?i)^\s*select", "select", statement.sql)
        names: list[str] = []
        pieces, place = [], 0
        depth = 0
        tokens = tokenize(text)
        for index, token in enumerate(tokens):
            word = keyword(token)
            depth += (word == "(") - (word == ")")
            assigned = (
                not depth and word == "@" and keyword(tokens[index - 1]) in ("SELECT", ",")
                and index + 2 < len(tokens) and tokens[index + 2].text == "="
            )  # fmt: skip
            if assigned:
                names.append(tokens[index + 1].text.lower())
                pieces.append(text[place : token.start])
                place = tokens[index + 2].end + 1
        result = self.select(session, "".join(pieces) + text[place:])
        for row in result.rows[-1:]:
            for name, value in zip(names, row, strict=True):
                session.variables[name] = value
        return ResultSet(count=len(result.rows))

    def modify(self, session: Session, statement: Statement) -> ResultSet:
        """INSERT, UPDATE, DELETE."""
        sql = re.sub(r"(?i)\bwith\s*\(\s*tablock\s*\)", "", statement.sql)
        return self.changed(session, self.translate(session, sql).sql)

    def changed(self, session: Session, duckdb_sql: str) -> ResultSet:
        """Run a change."""
        return ResultSet(count=session.connection.execute(duckdb_sql).fetchall()[0][0])

    # -- Sessions' statements

    def ignore(self, session: Session, statement: Statement) -> ResultSet:
        """PRINT."""
        return ResultSet()

    def use(self, session: Session, statement: Statement) -> ResultSet:
        """USE."""
        name = statement.tokens[1].text
        try:
            self.enter(session, name)
        except SqlServerError as error:
            if error.number != 4060:
                raise
            message = (
                f"Database '{name}' does not exist. Make sure that the name is entered correctly."
            )
            raise SqlServerError(911, message) from error
        return ResultSet()

    def set(self, session: Session, statement: Statement) -> ResultSet:
        """SET @variable = …; options change nothing here."""
        reader = Reader(statement)
        reader.expect("SET")
        if reader.take("@"):
            name = reader.text().lower()
            reader.expect("=")
            start = reader.tokens[reader.place].start - statement.tokens[0].start
            session.variables[name] = self.value(session, statement.sql[start:])
        return ResultSet()

    def declare(self, session: Session, statement: Statement) -> ResultSet:
        """DECLARE @a type [= value], …"""
        reader = Reader(statement)
        reader.expect("DECLARE")
        while reader.more:
            reader.expect("@")
            name = reader.text().lower()
            reader.take("AS")
            first, depth = reader.place, 0
            while reader.more and (depth or reader.word not in ("=", ",")):
                depth += (reader.word == "(") - (reader.word == ")")
                reader.place += 1
            type_ = "".join(token.text for token in reader.tokens[first : reader.place])
            session.variables[name] = None
            if reader.take("="):
                first = reader.place
                while reader.more and (depth or reader.word != ","):
                    depth += (reader.word == "(") - (reader.word == ")")
                    reader.place += 1
                offset = statement.tokens[0].start
                text = statement.sql[
                    reader.tokens[first].start - offset : reader.tokens[reader.place - 1].end
                    + 1
                    - offset
                ]
                given = reader.tokens[first : reader.place]
                size = re.fullmatch(r"(?i)sysname|n?varchar\((\d+|max)\)", type_)
                if len(given) == 1 and given[0].token_type in STRINGS and size:
                    # As the cast would give it; descriptions come by the hundred.
                    longest = int(size[1]) if size[1] and size[1].isdigit() else None
                    session.variables[name] = given[0].text[:longest]
                else:
                    session.variables[name] = self.value(session, f"cast({text} as {type_})")
            reader.take(",")
        return ResultSet()

    def throw(self, session: Session, statement: Statement) -> ResultSet:
        """THROW, with the error at hand or one of its own; RAISERROR."""
        if len(statement.tokens) == 1:
            raise session.errors[-1]
        arguments = substituted(session, statement.sql.split(None, 1)[1]).strip().strip("()")
        texts = [token for token in tokenize(arguments) if token.token_type in STRINGS]
        number = re.match(r"\d+", arguments)
        raise SqlServerError(
            int(number[0]) if number else 50000, texts[0].text if texts else arguments
        )

    def begin(self, session: Session, statement: Statement) -> ResultSet:
        """BEGIN TRANSACTION."""
        if not session.transactions:
            session.connection.begin()
        session.transactions += 1
        return ResultSet()

    def commit(self, session: Session, statement: Statement | None = None) -> ResultSet:
        """COMMIT."""
        if not session.transactions:
            raise SqlServerError(
                3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        if session.failed:
            raise SqlServerError(
                3930, "The current transaction cannot be committed. Roll back the transaction."
            )
        session.transactions -= 1
        if not session.transactions:
            try:
                self.end(session)
            except duckdb.Error as error:
                raise self.translated(error) from error
        return ResultSet()

    def end(self, session: Session) -> None:
        """Commit what a transaction changed."""
        session.connection.commit()

    def rollback(self, session: Session, statement: Statement | None = None) -> ResultSet:
        """ROLLBACK."""
        if not session.transactions:
            raise SqlServerError(
                3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        self.abort(session)
        return ResultSet()

    # -- EXEC

    def exec_(self, session: Session, statement: Statement) -> list[ResultSet]:
        """EXEC('…'), and procedures."""
        reader = Reader(statement)
        reader.text()
        target = None
        if reader.take("@"):
            target = reader.text().lower()
            reader.expect("=")
        results: list[ResultSet] = []
        if reader.word == "(":
            text = "".join(
                self._argument(session, part)
                for item in reader.parenthesised()
                for part in split(item, "+")
            )
            self._dynamic(session, text, {}, results)
            return results
        name = reader.name().name.lower()
        arguments: list[tuple[str, Any]] = []
        for item in split(reader.tokens[reader.place :], ","):
            named = len(item) > 2 and item[0].text == "@" and item[2].text == "="
            value = item[3:] if named else item
            arguments.append(
                (item[1].text.lower() if named else "", self._argument(session, value))
            )
        if name not in self.PROCEDURES:
            raise UnknownSqlError(f"{self.name}: no rule for the procedure {name}")
        result = getattr(self, self.PROCEDURES[name])(session, arguments)
        if target is not None:
            session.variables[target] = 0
        return result if isinstance(result, list) else [result] if result else []

    def _argument(self, session: Session, tokens: Sequence[Token]) -> Any:
        words = [token.text for token in tokens]
        if words[:1] == ["@"]:
            return variable(session, words[1])
        if len(tokens) == 1 and tokens[0].token_type in STRINGS:
            return tokens[0].text
        if len(tokens) == 1 and tokens[0].token_type == TokenType.NUMBER:
            return int(tokens[0].text)
        if [word.upper() for word in words] == ["NULL"]:
            return None
        if len(tokens) == 1:
            return tokens[0].text
        raise UnknownSqlError(f"no rule for the argument {' '.join(words)}")

    def _dynamic(
        self, session: Session, sql: str | None, variables: dict[str, Any], results: list[ResultSet]
    ) -> None:
        """Run a batch within a batch, with variables of its own."""
        outer, session.variables = session.variables, variables
        try:
            self.run(session, batch.parse(sql or ""), results)
        finally:
            session.variables = outer

    def sp_executesql(self, session: Session, arguments: list[tuple[str, Any]]) -> list[ResultSet]:
        """Run a text as a batch; named arguments are its variables."""
        results: list[ResultSet] = []
        given = {name: value for name, value in arguments[2:] if name}
        self._dynamic(session, arguments[0][1], given, results)
        return results

    def sp_nothing(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """A procedure without effect here."""
        return ResultSet()

    # -- Bulk copy

    def bulk_copy(
        self, session: Session, table: str, reader: Any, mappings: Any, **options: Any
    ) -> int:
        """Insert the batches of an Arrow reader; the servers that can say how."""
        raise UnknownSqlError(f"{self.name}: no rule for a bulk copy")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file; another process of the same test may be about to let go of it."""
    deadline = time.monotonic() + 20
    while True:
        try:
            connection = duckdb.connect(str(path))
            connection.execute("set timezone = 'UTC'")
            functions.register(connection)
            return connection
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
