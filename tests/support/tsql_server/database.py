"""The rules of Azure SQL Database: keys, indexes, masks, schemas, external tables, bulk copy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from tests.support.tsql_server import batch
from tests.support.tsql_server.batch import Statement, keyword, tokenize
from tests.support.tsql_server.catalog import Column, type_text
from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError, invalid_object
from tests.support.tsql_server.reader import Name, Reader, column_of
from tests.support.tsql_server.recorder import Recorded, record, take_fault
from tests.support.tsql_server.session import ResultSet, Session

_DESCRIBE = re.compile(
    r"sys\.dm_exec_describe_first_result_set\(\s*N?'((?:[^']|'')*)'\s*,\s*null\s*,\s*0\s*\)", re.I
)
_DOCUMENT = re.compile(
    r"openrowset\(\s*bulk '([^']+)', data_source = '(\w+)', format = 'csv',"
    r" fieldterminator = '0x0b', fieldquote = '0x0b', rowterminator = '0x0b'\s*\)"
    r"\s*with \((\w+) nvarchar\(max\)\)",
    re.I,
)


class SqlDatabase(Server):
    """An Azure SQL Database."""

    name: ClassVar[str] = "azure_sql"
    file: ClassVar[str] = "azure_sql.duckdb"
    program: ClassVar[str] = "MSSQL-Python"  # as its driver calls itself

    HANDLERS: ClassVar[dict[str, str]] = {
        **Server.HANDLERS,
        "ALTER TABLE": "alter_table",
        "ALTER SCHEMA": "transfer",
        "CREATE CLUSTERED": "create_index",
        "CREATE CLUSTERED INDEX": "create_index",
        "CREATE NONCLUSTERED INDEX": "create_index",
        "CREATE UNIQUE": "create_index",
        "CREATE INDEX": "create_index",
        "DROP INDEX": "drop_index",
        "CREATE ROLE": "create_role",
        "GRANT": "grant",
        "CREATE DATABASE SCOPED CREDENTIAL": "create_credential",
        "CREATE EXTERNAL DATA SOURCE": "create_data_source",
        "CREATE EXTERNAL FILE FORMAT": "create_file_format",
        "CREATE EXTERNAL TABLE": "create_external_table",
        "DROP EXTERNAL TABLE": "drop_external_table",
    }
    PROCEDURES: ClassVar[dict[str, str]] = {
        **Server.PROCEDURES,
        "sp_addextendedproperty": "sp_addextendedproperty",
        "sp_updateextendedproperty": "sp_updateextendedproperty",
        "sp_dropextendedproperty": "sp_dropextendedproperty",
    }

    def half_done(self, session: Session, sql: str) -> None:
        """Run the first half of a batch; what is not committed by then is rolled back."""
        nodes = batch.parse(sql)
        session.variables = {}
        self.run(session, nodes[: len(nodes) // 2], [])
        self.abort(session)

    # -- Queries

    def prepared(self, session: Session, sql: str) -> tuple[str, Mapping[str, str]]:
        """Let relations stand for what describes a query, and for a whole file read as one text."""
        text, given = super().prepared(session, sql)
        relations = dict(given)
        if "sys.dm_exec_sessions" in text:
            relations["standin_sessions"] = self._sessions_sql()
            text = text.replace("sys.dm_exec_sessions", "standin_sessions")

        def stand_for(relation: str) -> str:
            name = f"standin_{len(relations)}"
            relations[name] = relation
            return name

        text = _DESCRIBE.sub(
            lambda found: stand_for(self._description(session, found[1].replace("''", "'"))), text
        )
        text = _DOCUMENT.sub(
            lambda found: stand_for(
                f"select content as {found[3]} from "
                f"read_text('{self._lake(session, found[2], found[1])}')"
            ),
            text,
        )
        return text, relations

    def _sessions_sql(self) -> str:
        """Return sys.dm_exec_sessions as DuckDB's SQL: of the processes of one machine."""
        rows = [
            f"({each.id}, '{each.login}', 'here', '{each.program or self.program}',"
            f" {each.process}, db_id(), timestamp '{each.since}')"
            for each in self.live
        ]
        names = "session_id, login_name, host_name, program_name, host_process_id, database_id"
        return f"select * from (values {', '.join(rows)}) as sessions ({names}, login_time)"

    def _description(self, session: Session, sql: str) -> str:
        """Return what sys.dm_exec_describe_first_result_set gives, as DuckDB's SQL."""
        names = "is_hidden, column_ordinal, name, system_type_id, user_type_id, system_type_name, "
        names += "max_length, precision, scale, collation_name, error_number, error_message"
        # On a connection of its own: an error would end the session's transaction.
        apart = replace(session, connection=session.connection.cursor())
        try:
            columns = self.described(apart, self.translate(session, sql).sql)
        except (SqlServerError, duckdb.Error) as error:
            message = str(error).replace("'", "''")
            rows = [
                f"(false, 0, null, null, null, null, null, null, null, null, 11501, '{message}')"
            ]
        else:
            rows = [
                f"(false, {place}, '{c.name}', {c.type.type_id}, {c.type.type_id}, "
                f"'{type_text(c.type)}', {c.type.max_length}, {c.type.precision}, {c.type.scale}, "
                + (f"'{c.stored_collation}'" if c.stored_collation else "null")
                + ", cast(null as integer), cast(null as varchar))"
                for place, c in enumerate(columns, 1)
            ]
        return f"select * from (values {', '.join(rows)}) as described ({names})"

    def modify(self, session: Session, statement: Statement) -> ResultSet:
        """INSERT, UPDATE, DELETE, held to the keys; external tables are read-only."""
        reader = Reader(statement)
        reader.text()
        if reader.take("INTO") or reader.take("FROM") or statement.words[0] == "UPDATE":
            target = reader.name()
            found = session.catalog.find(target.schema, target.name)
            if found and self._is_external(session, found[0]):
                raise SqlServerError(
                    46519, "DML Operations are not supported with external tables."
                )
        result = super().modify(session, statement)
        tree = self.translate(
            session, re.sub(r"(?i)\bwith\s*\(\s*tablock\s*\)", "", statement.sql)
        ).tree
        table = tree.expressions[0].find(exp.Table)
        found = session.catalog.find(table.text("db") or "dbo", table.name) if table else None
        if found:
            self._check_keys(session, found[0], statement.words[0])
        return result

    def truncate(self, session: Session, statement: Statement) -> ResultSet:
        """TRUNCATE TABLE, unless a foreign key points to it."""
        name = Reader(statement.tokens[2:]).name()
        if self._referencing(session, self.must_be(session, name, "U")):
            raise SqlServerError(
                4712,
                f"Cannot truncate table '{name}' because it is being referenced by a FOREIGN KEY "
                "constraint.",
            )
        return super().truncate(session, statement)

    # -- Locks

    def begin(self, session: Session, statement: Statement) -> ResultSet:
        """BEGIN TRANSACTION."""
        if not session.transactions:
            session.locked.clear()
        return super().begin(session, statement)

    def lock_object(self, session: Session, object_id: int) -> None:
        """Lock what is defined anew until the transaction ends, as if somebody always read it.

        Who reads a view or a table comes to it, and then to what it reads or points to: when that
        is locked already, each waits for the other.
        """
        if not session.transactions or object_id in session.locked:
            return
        catalog = session.catalog
        read = {
            id_
            for ids in catalog.query(
                "select referenced_id, object_id(concat(referenced_schema_name, '.',"
                " referenced_entity_name)) from sys.sql_expression_dependencies"
                " where referencing_id = ? union all select referenced_object_id, null"
                " from sys.foreign_keys where parent_object_id = ?",
                object_id,
                object_id,
            )
            for id_ in ids
        }
        if read & session.locked:
            raise SqlServerError(
                1205,
                f"Transaction (Process ID {session.id}) was deadlocked on lock resources with"
                " another process and has been chosen as the deadlock victim. Rerun the"
                f" transaction: {_name_of(session, object_id)} was locked after what it reads.",
                "40001",
            )
        session.locked.add(object_id)

    def create_view(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE [OR ALTER] VIEW, ALTER VIEW."""
        reader = Reader(statement)
        while not reader.take("VIEW"):
            reader.place += 1
        name = reader.name()
        if found := session.catalog.find(name.schema, name.name):
            self.lock_object(session, found[0])
        return super().create_view(session, statement)

    def sp_rename(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """Rename a table or a view."""
        name = Reader(tokenize(arguments[0][1])).name()
        if found := session.catalog.find(name.schema, name.name):
            self.lock_object(session, found[0])
        return super().sp_rename(session, arguments)

    # -- Keys

    def alter_table(self, session: Session, statement: Statement) -> ResultSet:
        """ALTER TABLE: adds, checks and drops constraints; masks and types of columns."""
        reader = Reader(statement)
        reader.expect("ALTER", "TABLE")
        name = reader.name()
        object_id = session.catalog.find(name.schema, name.name)
        if object_id is None or object_id[1] != "U":
            raise SqlServerError(
                4902,
                f'Cannot find the object "{name}" because it does not exist or you do not have '
                "permissions.",
                "42S02",
            )
        self.lock_object(session, object_id[0])
        reader.take("WITH", "CHECK")
        if reader.take("ADD"):
            self.add_constraint(session, name, reader.tokens[reader.place :], None)
        elif reader.take("CHECK", "CONSTRAINT"):
            self._check_again(session, name, reader.text())
        elif reader.take("SET"):
            if [[token.text.upper() for token in item] for item in reader.parenthesised()] != [
                ["LOCK_ESCALATION", "=", "TABLE"]
            ]:
                raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        elif reader.take("DROP", "CONSTRAINT"):
            optional = reader.take("IF", "EXISTS")
            self.drop_constraint(session, name, reader.text(), optional)
        elif reader.take("ALTER", "COLUMN"):
            if keyword(reader.tokens[reader.place + 1]) in ("ADD", "DROP"):
                self.mask(session, name, object_id[0], reader)
            else:
                self._change_type(session, name, object_id[0], reader)
        else:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        return ResultSet()

    def add_constraint(
        self, session: Session, table: Name, tokens: Sequence[Token], column: str | None
    ) -> None:
        """Add a primary or foreign key that has a name."""
        reader = Reader(tokens)
        if not reader.take("CONSTRAINT"):
            super().add_constraint(session, table, tokens, column)
        key = reader.text()
        catalog = session.catalog
        if catalog.find(table.schema, key):
            raise SqlServerError(2714, f"There is already an object named '{key}' in the database.")
        object_id = self.must_be(session, table, "U")
        if self._is_external(session, object_id):
            raise SqlServerError(46519, "Constraints are not supported with external tables.")
        if reader.take("PRIMARY KEY"):
            clustered = not reader.take("NONCLUSTERED")
            reader.take("CLUSTERED")
            self.add_key(session, table, object_id, key, "PK", clustered, names_in(reader))
        else:
            reader.expect("FOREIGN KEY")
            columns = names_in(reader)
            reader.expect("REFERENCES")
            self.add_foreign_key(
                session, table, object_id, key, columns, reader.name(), names_in(reader)
            )

    def add_key(
        self,
        session: Session,
        table: Name,
        object_id: int,
        key: str,
        type_: str,
        clustered: bool,
        columns: list[str],
    ) -> None:
        """Add a primary key (PK) or a unique constraint (UQ)."""
        catalog = session.catalog
        if type_ == "PK" and self._keys(session, object_id, "PK"):
            raise SqlServerError(1779, f"Table '{table}' already has a primary key defined on it.")
        there = {column.name.lower(): column for column in catalog.columns_of(object_id)}
        for column in columns:
            if column.lower() not in there:
                raise SqlServerError(
                    1911, f"Column name '{column}' does not exist in the target table or view."
                )
            if type_ == "PK" and there[column.lower()].nullable:
                raise SqlServerError(
                    8111,
                    f"Cannot define PRIMARY KEY constraint on nullable column in table '{table}'.",
                )
        index = self._add_index(
            session,
            table,
            object_id,
            key,
            1 if clustered else 2,
            columns,
            unique=True,
            primary=type_ == "PK",
        )
        constraint = catalog.add_object(table.schema, key, type_, parent=object_id)
        catalog.add(
            "key_constraints",
            name=key,
            object_id=constraint,
            schema_id=catalog.schema_id(table.schema),
            parent_object_id=object_id,
            type=type_,
            type_desc={"PK": "PRIMARY_KEY_CONSTRAINT", "UQ": "UNIQUE_CONSTRAINT"}[type_],
            unique_index_id=index,
        )
        self.check_unique(session, table, columns, 1505)

    def add_foreign_key(
        self,
        session: Session,
        table: Name,
        object_id: int,
        key: str,
        columns: list[str],
        to: Name,
        to_columns: list[str],
    ) -> None:
        """Add a foreign key."""
        catalog = session.catalog
        found = catalog.find(to.schema, to.name)
        if found is None or found[1] != "U":
            raise SqlServerError(1767, f"Foreign key '{key}' references invalid table '{to}'.")
        if [column.lower() for column in to_columns] not in self._keys(session, found[0]):
            raise SqlServerError(
                1776,
                f"There are no primary or candidate keys in the referenced table '{to}' that "
                f"match the referencing column list in the foreign key '{key}'.",
            )
        constraint = catalog.add_object(table.schema, key, "F", parent=object_id)
        catalog.add(
            "foreign_keys",
            name=key,
            object_id=constraint,
            schema_id=catalog.schema_id(table.schema),
            parent_object_id=object_id,
            referenced_object_id=found[0],
            type="F",
            type_desc="FOREIGN_KEY_CONSTRAINT",
            is_disabled=False,
            is_not_trusted=False,
        )
        for place, (column, to_column) in enumerate(zip(columns, to_columns, strict=True), 1):
            catalog.add(
                "foreign_key_columns",
                constraint_object_id=constraint,
                constraint_column_id=place,
                parent_object_id=object_id,
                parent_column_id=column_id(session, object_id, column),
                referenced_object_id=found[0],
                referenced_column_id=column_id(session, found[0], to_column),
            )
        self.check_foreign_key(session, constraint, "ALTER TABLE")

    def _check_again(self, session: Session, table: Name, key: str) -> None:
        object_id = self.must_be(session, table, "U")
        constraint = session.catalog.value(
            "select object_id from sys.foreign_keys where name = ? and parent_object_id = ?",
            key,
            object_id,
        )
        if constraint is None:
            raise SqlServerError(4917, f"Constraint '{key}' does not exist.")
        self.check_foreign_key(session, constraint, "ALTER TABLE")
        session.catalog.query(
            "update sys.foreign_keys set is_disabled = false, is_not_trusted = false where "
            "object_id = ?",
            constraint,
        )

    def drop_constraint(self, session: Session, table: Name, key: str, optional: bool) -> None:
        """Drop a constraint, unless a foreign key needs it."""
        catalog = session.catalog
        object_id = self.must_be(session, table, "U")
        found = catalog.query(
            "select object_id, type from sys.objects where name = ? and parent_object_id = ?",
            key,
            object_id,
        )
        if not found:
            if not optional:
                raise SqlServerError(3728, f"'{key}' is not a constraint.")
            return
        if found[0][1] in ("PK", "UQ"):
            if self._referencing(session, object_id):
                raise SqlServerError(
                    3725,
                    f"The constraint '{key}' is being referenced by table '{table}', a foreign "
                    "key constraint.",
                )
            catalog.query(
                "delete from sys.indexes where object_id = ? and name = ?", object_id, key
            )
        catalog.remove_object(found[0][0])

    def _check_keys(self, session: Session, object_id: int, verb: str) -> None:
        """Check the rows of a changed table against its keys and those that point to it."""
        for columns in self._keys(session, object_id):
            self.check_unique(session, _name_of(session, object_id), columns, 2627)
        for (constraint,) in session.catalog.query(
            "select object_id from sys.foreign_keys where not is_disabled and ? in "
            "(parent_object_id, referenced_object_id)",
            object_id,
        ):
            self.check_foreign_key(session, constraint, verb)

    def check_unique(self, session: Session, table: Name, columns: list[str], number: int) -> None:
        """Raise the server's error for rows that are the same in a key."""
        listed = ", ".join(f'"{column}"' for column in columns)
        twice = session.connection.execute(
            f"select {listed} from {table.quoted} group by {listed} having count(*) > 1 limit 1"
        ).fetchone()
        if twice:
            raise SqlServerError(
                number,
                f"Violation of PRIMARY KEY constraint. Cannot insert duplicate key in object "
                f"'{table}'. The duplicate key value is {twice}.",
                "23000",
            )

    def check_foreign_key(self, session: Session, constraint: int, verb: str) -> None:
        """Raise the server's error for a row whose foreign key points to none."""
        catalog = session.catalog
        ((key, child, parent),) = catalog.query(
            "select name, parent_object_id, referenced_object_id from sys.foreign_keys where "
            "object_id = ?",
            constraint,
        )
        pairs = catalog.query(
            "select child.name, parent.name from sys.foreign_key_columns as c"
            " join sys.columns as child on child.object_id = c.parent_object_id and "
            "child.column_id = c.parent_column_id"
            " join sys.columns as parent on parent.object_id = c.referenced_object_id and "
            "parent.column_id = c.referenced_column_id"
            " where constraint_object_id = ? order by constraint_column_id",
            constraint,
        )
        matches = " and ".join(f'child."{ours}" = parent."{theirs}"' for ours, theirs in pairs)
        complete = " and ".join(f'child."{ours}" is not null' for ours, _ in pairs)
        to = _name_of(session, parent)
        orphan = session.connection.execute(
            f"select 1 from {_name_of(session, child).quoted} as child where {complete}"
            f" and not exists (from {to.quoted} as parent where {matches}) limit 1"
        ).fetchone()
        if orphan:
            raise SqlServerError(
                547,
                f'The {verb} statement conflicted with the FOREIGN KEY constraint "{key}". The '
                f'conflict occurred in database "{session.database}", table "{to}".',
                "23000",
            )

    def _keys(self, session: Session, object_id: int, type_: str = "") -> list[list[str]]:
        """Return the columns of each key of a table, or of those of a type."""
        return [
            found
            for (found,) in session.catalog.query(
                "select list(lower(columns.name) order by key_ordinal)"
                " from sys.key_constraints as keys join sys.index_columns as parts"
                " on parts.object_id = keys.parent_object_id and parts.index_id = "
                "keys.unique_index_id"
                " join sys.columns on columns.object_id = parts.object_id and columns.column_id "
                "= parts.column_id"
                " where keys.parent_object_id = ? and ? in ('', keys.type) group by keys.name",
                object_id,
                type_,
            )
        ]

    def _referencing(self, session: Session, object_id: int) -> bool:
        return bool(
            session.catalog.query(
                "select 1 from sys.foreign_keys where referenced_object_id = ?"
                " and parent_object_id <> referenced_object_id",
                object_id,
            )
        )

    # -- Indexes

    def create_index(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE [UNIQUE] [CLUSTERED | NONCLUSTERED] [COLUMNSTORE] INDEX."""
        words = re.match(
            r"create\s+(unique\s+)?(clustered\s+|nonclustered\s+)?(columnstore\s+)?index\s",
            statement.sql,
            re.I,
        )
        if words is None:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        unique, columnstore = bool(words[1]), bool(words[3])
        clustered = (words[2] or "").strip().lower() == "clustered"
        reader = Reader(
            [
                token
                for token in statement.tokens
                if token.start >= words.end() + statement.tokens[0].start
            ]
        )
        index = reader.text()
        reader.expect("ON")
        table = reader.name()
        object_id = self.must_be(session, table, "U")
        columns = names_in(reader) if reader.word == "(" else []
        if reader.more:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        kind = 5 if columnstore else 1 if clustered else 2
        self._add_index(session, table, object_id, index, kind, columns, unique)
        if unique:
            self.check_unique(session, table, columns, 1505)
        return ResultSet()

    def _add_index(
        self,
        session: Session,
        table: Name,
        object_id: int,
        name: str,
        kind: int,
        columns: list[str],
        unique: bool = False,
        primary: bool = False,
    ) -> int:
        catalog = session.catalog
        if catalog.value(
            "select 1 from sys.indexes where object_id = ? and name = ?", object_id, name
        ):
            raise SqlServerError(
                1913,
                f"The operation failed because an index or statistics with name '{name}' already "
                f"exists on table '{table}'.",
            )
        if kind in (1, 5):
            if catalog.value(
                "select 1 from sys.indexes where object_id = ? and type in (1, 5)", object_id
            ):
                raise SqlServerError(
                    1902, f"Cannot create more than one clustered index on table '{table}'."
                )
            catalog.query("delete from sys.indexes where object_id = ? and index_id = 0", object_id)
            index_id = 1
        else:
            index_id = catalog.value(
                "select greatest(max(index_id), 1) + 1 from sys.indexes where object_id = ?",
                object_id,
            )
        description = {1: "CLUSTERED", 2: "NONCLUSTERED", 5: "CLUSTERED COLUMNSTORE"}[kind]
        catalog.add(
            "indexes",
            object_id=object_id,
            name=name,
            index_id=index_id,
            type=kind,
            type_desc=description,
            is_unique=unique,
            is_primary_key=primary,
            is_unique_constraint=False,
            is_disabled=False,
            has_filter=False,
        )
        for place, column in enumerate(columns, 1):
            catalog.add(
                "index_columns",
                object_id=object_id,
                index_id=index_id,
                index_column_id=place,
                column_id=column_id(session, object_id, column),
                key_ordinal=place,
                is_descending_key=False,
                is_included_column=False,
            )
        return index_id

    def drop_index(self, session: Session, statement: Statement) -> ResultSet:
        """DROP INDEX name ON table."""
        reader = Reader(statement)
        reader.expect("DROP", "INDEX")
        index = reader.text()
        reader.expect("ON")
        object_id = self.must_be(session, reader.name(), "U")
        index_id = session.catalog.value(
            "delete from sys.indexes where object_id = ? and name = ? returning index_id",
            object_id,
            index,
        )
        if index_id is None:
            raise SqlServerError(
                3701, f"Cannot drop the index '{index}', because it does not exist."
            )
        session.catalog.query(
            "delete from sys.index_columns where object_id = ? and index_id = ?",
            object_id,
            index_id,
        )
        return ResultSet()

    # -- Masks

    def mask(self, session: Session, table: Name, object_id: int, reader: Reader) -> None:
        """ADD MASKED or DROP MASKED, after ALTER COLUMN."""
        catalog = session.catalog
        column = column_id(session, object_id, reader.text())
        function = None
        if not reader.take("DROP", "MASKED"):
            reader.expect("ADD", "MASKED", "WITH")
            function = reader.parenthesised()[0][-1].text
            if catalog.value(
                "select 1 from sys.index_columns where object_id = ? and column_id = ?",
                object_id,
                column,
            ):
                raise SqlServerError(5074, f"An index of '{table}' is dependent on the column.")
        catalog.query(
            "update sys.columns set is_masked = ?, masking_function = ? where object_id = ? and "
            "column_id = ?",
            function is not None,
            function,
            object_id,
            column,
        )

    def _change_type(self, session: Session, table: Name, object_id: int, reader: Reader) -> None:
        """ALTER COLUMN name type: what is there is converted; a text has the collation it names."""
        column, rest = column_of(reader.tokens[reader.place :])
        if column.mask:
            # A mask is changed by DROP MASKED, then ADD MASKED WITH (…).
            raise SqlServerError(102, "Incorrect syntax near 'masked'.")
        if rest:
            raise UnknownSqlError(f"no rule for ALTER COLUMN with {rest[0].text}")
        place = column_id(session, object_id, column.name)
        if session.catalog.value(
            "select 1 from sys.index_columns where object_id = ? and column_id = ?",
            object_id,
            place,
        ):
            raise SqlServerError(5074, f"An index of '{table}' is dependent on the column.")
        columns = [
            column if each.name.lower() == column.name.lower() else each
            for each in session.catalog.columns_of(object_id)
        ]
        self.make_anew(session, table, columns, "*")
        session.catalog.query(
            "update sys.columns set system_type_id = ?, user_type_id = ?, max_length = ?,"
            " precision = ?, scale = ?, collation_name = ?, is_nullable = ?"
            " where object_id = ? and column_id = ?",
            column.type.type_id,
            column.type.type_id,
            column.type.max_length,
            column.type.precision,
            column.type.scale,
            column.stored_collation,
            column.nullable,
            object_id,
            place,
        )

    def make_anew(
        self, session: Session, table: Name, columns: Sequence[Column], values: str
    ) -> None:
        """Make a table in DuckDB again, which changes no column that a check depends on."""
        definitions = ", ".join(map(self.column_sql, columns))
        apart = Name(table.schema, f"{table.name}__altered")
        session.connection.execute(f"create table {apart.quoted} ({definitions})")
        session.connection.execute(
            f"insert into {apart.quoted} select {values} from {table.quoted}"
        )
        session.connection.execute(f"drop table {table.quoted}")
        session.connection.execute(f'alter table {apart.quoted} rename to "{table.name}"')

    # -- Schemas, roles, descriptions

    def transfer(self, session: Session, statement: Statement) -> ResultSet:
        """ALTER SCHEMA … TRANSFER: the object keeps its id, and so its keys and descriptions.

        What was granted on it is gone.
        """
        reader = Reader(statement)
        reader.expect("ALTER", "SCHEMA")
        schema = reader.text()
        reader.expect("TRANSFER")
        old = reader.name()
        new = Name(schema, old.name)
        catalog = session.catalog
        found = catalog.find(old.schema, old.name)
        if found is None or catalog.schema_id(schema) is None:
            raise SqlServerError(
                15151,
                f"Cannot find the object '{old}', because it does not exist or you do not have "
                "permission.",
            )
        object_id, type_ = found
        self.lock_object(session, object_id)
        catalog.remove_permissions(object_id)
        parts = catalog.query(
            "select object_id, name from sys.objects where ? in (object_id, parent_object_id)",
            object_id,
        )
        for _, name in parts:
            if catalog.find(schema, name):
                raise SqlServerError(15530, f'The object with name "{name}" already exists.')
        if type_ == "V" or self._is_external(session, object_id):
            body = catalog.value(
                "select sql from duckdb_views() where schema_name = ? and view_name = ?",
                old.schema,
                old.name,
            )
            session.connection.execute(f"drop view {old.quoted}")
            if any(
                catalog.find(schema_, name) is None
                for schema_, name in catalog.query(
                    "select referenced_schema_name, referenced_entity_name"
                    " from sys.sql_expression_dependencies where referencing_id = ?",
                    object_id,
                )
            ):  # what it reads has moved already; its text still has the old names
                unbound = "error('Could not use view or function because of binding errors.')"
                body = "AS select " + ", ".join(
                    f'{unbound} as "{column.name}"' for column in catalog.columns_of(object_id)
                )
            session.connection.execute(f"create view {new.quoted} as {body.split('AS ', 1)[1]}")
        else:
            definitions = ", ".join(map(self.column_sql, catalog.columns_of(object_id)))
            session.connection.execute(f"create table {new.quoted} ({definitions})")
            session.connection.execute(f"insert into {new.quoted} from {old.quoted}")
            session.connection.execute(f"drop table {old.quoted}")
        for part, _ in parts:
            for table in ("objects", "key_constraints", "foreign_keys"):
                catalog.query(
                    f"update sys.{table} set schema_id = ? where object_id = ?",
                    catalog.schema_id(schema),
                    part,
                )
        catalog.query(
            "delete from sys.database_permissions where class = 1 and major_id = ?", object_id
        )
        return ResultSet()

    def create_role(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE ROLE."""
        name = statement.tokens[2].text
        catalog = session.catalog
        if catalog.value(
            "select 1 from sys.database_principals where lower(name) = lower(?)", name
        ):
            raise SqlServerError(
                15023, f"User, group, or role '{name}' already exists in the current database."
            )
        catalog.add(
            "database_principals",
            name=name,
            type="R",
            type_desc="DATABASE_ROLE",
            is_fixed_role=False,
            principal_id=catalog.value("select max(principal_id) + 1 from sys.database_principals"),
        )
        return ResultSet()

    def grant(self, session: Session, statement: Statement) -> ResultSet:
        """GRANT SELECT, UNMASK ON SCHEMA::name TO role, or ON OBJECT::schema.name."""
        found = re.fullmatch(
            r"grant\s+(select|unmask|select\s*,\s*unmask)\s+on\s+"
            r'(?:schema\s*::\s*["[]?(\w+)["\]]?|object\s*::\s*([\w."[\]]+))\s+to\s+["[]?(\w+)["\]]?',
            statement.sql.strip(),
            re.I,
        )
        if not found:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        catalog = session.catalog
        permissions, schema, relation, role_name = found.groups()
        if schema:
            kind, place = 3, catalog.schema_id(schema)
        else:
            kind, there = 1, catalog.find(*re.sub(r'["[\]]', "", relation).split("."))
            place = there[0] if there else None
        role = catalog.value(
            "select principal_id from sys.database_principals where name = ?", role_name
        )
        if place is None or role is None:
            raise SqlServerError(
                15151, f"Cannot find '{schema or relation}' or the role '{role_name}'."
            )
        for permission in re.findall(r"\w+", permissions.upper()):
            granted = (
                "class = ? and major_id = ? and grantee_principal_id = ? and permission_name = ?"
            )
            catalog.query(
                f"delete from sys.database_permissions where {granted}",
                kind, place, role, permission,
            )  # fmt: skip
            catalog.add(
                "database_permissions",
                **{"class": kind},
                class_desc="SCHEMA" if schema else "OBJECT_OR_COLUMN",
                major_id=place,
                minor_id=0,
                grantee_principal_id=role,
                grantor_principal_id=1,
                type={"SELECT": "SL", "UNMASK": "UMSK"}[permission],
                permission_name=permission,
                state="G",
                state_desc="GRANT",
            )
        return ResultSet()

    def sp_addextendedproperty(
        self, session: Session, arguments: list[tuple[str, Any]]
    ) -> ResultSet:
        """Add a description or note to a schema, table, view or column."""
        place, given = self._property(session, arguments)
        if len(str(given["value"]).encode("utf-16-le")) > 7500:
            raise SqlServerError(
                15097,
                "The size associated with an extended property cannot be more than 7,500 bytes.",
            )
        if self._property_at(session, place):
            raise SqlServerError(
                15233,
                f"Property cannot be added. Property '{given['name']}' already exists for "
                f"'{given.get('level1name')}'.",
            )
        names = {0: "DATABASE", 1: "OBJECT_OR_COLUMN", 3: "SCHEMA"}
        session.catalog.add(
            "extended_properties",
            **{"class": place[0]},
            class_desc=names[place[0]],
            major_id=place[1],
            minor_id=place[2],
            name=place[3],
            value=given["value"],
        )
        return ResultSet()

    def sp_updateextendedproperty(
        self, session: Session, arguments: list[tuple[str, Any]]
    ) -> ResultSet:
        """Change a description or note."""
        self.sp_dropextendedproperty(session, arguments)
        return self.sp_addextendedproperty(session, arguments)

    def sp_dropextendedproperty(
        self, session: Session, arguments: list[tuple[str, Any]]
    ) -> ResultSet:
        """Remove a description or note."""
        place, given = self._property(session, arguments)
        if not self._property_at(session, place):
            raise SqlServerError(
                15217,
                f"Cannot update or delete the property. Property '{given['name']}' does not "
                f"exist for '{given.get('level1name')}'.",
            )
        session.catalog.query(
            "delete from sys.extended_properties where class = ? and major_id = ? and minor_id = "
            "? and name = ?",
            *place,
        )
        return ResultSet()

    def _property(
        self, session: Session, arguments: list[tuple[str, Any]]
    ) -> tuple[tuple[int, int, int, str], dict[str, Any]]:
        """Return where a property belongs (class, major, minor, name) and the arguments by name."""
        given = dict(arguments)
        catalog = session.catalog
        invalid = SqlServerError(
            15135,
            f"Object is invalid. Extended properties are not permitted on "
            f"'{given.get('level1name')}', or the object does not exist.",
        )
        schema = catalog.schema_id(given["level0name"])
        if schema is None:
            raise invalid
        if given.get("level1name") is None:
            return (3, schema, 0, given["name"]), given
        found = catalog.find(given["level0name"], given["level1name"])
        if found is None or {"TABLE": "U", "VIEW": "V"}.get(given["level1type"]) != found[1]:
            raise invalid
        minor = 0
        if given.get("level2name") is not None:
            minor = column_id(session, found[0], given["level2name"])
        return (1, found[0], minor, given["name"]), given

    def _property_at(self, session: Session, place: tuple[int, int, int, str]) -> bool:
        return bool(
            session.catalog.query(
                "select 1 from sys.extended_properties"
                " where class = ? and major_id = ? and minor_id = ? and name = ?",
                *place,
            )
        )

    # -- Data virtualization

    def create_credential(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE DATABASE SCOPED CREDENTIAL of the managed identity, which needs no master key."""
        reader = Reader(statement)
        reader.expect("CREATE", "DATABASE", "SCOPED", "CREDENTIAL")
        name = reader.text()
        reader.expect("WITH", "IDENTITY", "=")
        if reader.text() != "Managed Identity" or reader.more:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        session.catalog.add(
            "database_scoped_credentials",
            credential_id=65536,
            name=name,
            credential_identity="Managed Identity",
        )
        return ResultSet()

    def create_data_source(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL DATA SOURCE, with a prefix that data virtualization takes."""
        reader = Reader(statement)
        reader.expect("CREATE", "EXTERNAL", "DATA", "SOURCE")
        name = reader.text()
        reader.expect("WITH")
        options = _options(reader)
        if not re.match(r"(adls|abs)://[^@/]+@[^/]+", options["LOCATION"]):
            raise SqlServerError(
                46530, f"External data source location {options['LOCATION']} is not supported."
            )
        if not session.catalog.query(
            "select 1 from sys.database_scoped_credentials where name = ?", options["CREDENTIAL"]
        ):
            raise SqlServerError(15151, f"Cannot find the credential '{options['CREDENTIAL']}'.")
        session.catalog.add(
            "external_data_sources",
            data_source_id=65536,
            name=name,
            location=options["LOCATION"],
            type_desc="NONE",
            credential_id=65536,
        )
        return ResultSet()

    def create_file_format(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL FILE FORMAT for Parquet."""
        reader = Reader(statement)
        reader.expect("CREATE", "EXTERNAL", "FILE", "FORMAT")
        name = reader.text()
        reader.expect("WITH")
        if _options(reader) != {"FORMAT_TYPE": "parquet"}:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        session.catalog.add(
            "external_file_formats", file_format_id=65536, name=name, format_type="PARQUET"
        )
        return ResultSet()

    def create_external_table(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL TABLE over the files of a folder; columns' names are case-sensitive."""
        reader = Reader(statement)
        reader.expect("CREATE", "EXTERNAL", "TABLE")
        name = reader.name()
        self.must_be_new(session, name)
        columns: list[Column] = []
        for item in reader.parenthesised():
            column, rest = column_of(item)
            if rest or column.mask or not column.nullable:
                raise SqlServerError(
                    46518,
                    f"Column '{column.name}' of an external table has something that it cannot "
                    "have.",
                )
            columns.append(column)
        reader.expect("WITH")
        options = _options(reader)
        folder = Path(self._lake(session, options["DATA_SOURCE"], options["LOCATION"]))
        files = sorted(map(str, folder.glob("*.parquet")))
        if not files:
            raise SqlServerError(
                16561,
                f"External table '{name}' is not accessible because content of directory cannot "
                "be listed.",
            )
        known = set(pq.read_schema(files[0]).names)
        selected = [
            f'cast("{c.name}" as {c.type.duckdb}) as "{c.name}"'
            if c.name in known
            else f'cast(null as {c.type.duckdb}) as "{c.name}"'
            for c in columns
        ]
        session.connection.execute(
            f"create view {name.quoted} as select {', '.join(selected)} from read_parquet({files})"
        )
        object_id = session.catalog.add_object(name.schema, name.name, "U", columns=columns)
        session.catalog.add(
            "external_table_locations",
            object_id=object_id,
            location=options["LOCATION"],
            data_source_id=65536,
            file_format_id=65536,
        )
        return ResultSet()

    def drop_external_table(self, session: Session, statement: Statement) -> ResultSet:
        """DROP EXTERNAL TABLE: the files stay."""
        name = Reader(statement.tokens[3:]).name()
        found = session.catalog.find(name.schema, name.name)
        if found is None or not self._is_external(session, found[0]):
            raise invalid_object(str(name))
        self.lock_object(session, found[0])
        session.connection.execute(f"drop view {name.quoted}")
        session.catalog.remove_object(found[0])
        return ResultSet()

    def _is_external(self, session: Session, object_id: int) -> bool:
        return bool(
            session.catalog.query(
                "select 1 from sys.external_table_locations where object_id = ?", object_id
            )
        )

    def _lake(self, session: Session, data_source: str, path: str) -> str:
        """Return where a path of a data source is on this machine."""
        if not session.catalog.query(
            "select 1 from sys.external_data_sources where name = ?", data_source
        ):
            raise SqlServerError(46525, f"External data source '{data_source}' does not exist.")
        return str(Path(os.environ["C360_STANDIN_LAKE"], path.strip("/")))

    def drop_object(self, session: Session, name: Name, object_id: int, kind: str) -> None:
        """Remove a table or view; a table that a foreign key points to cannot be dropped."""
        self.lock_object(session, object_id)
        if self._referencing(session, object_id):
            raise SqlServerError(
                3726,
                f"Could not drop object '{name}' because it is referenced by a FOREIGN KEY "
                "constraint.",
            )
        if self._is_external(session, object_id):
            raise SqlServerError(
                3705,
                f"Cannot use DROP TABLE with '{name}' because '{name}' is an external table. Use "
                "DROP EXTERNAL TABLE.",
            )
        super().drop_object(session, name, object_id, kind)

    # -- Bulk copy

    def bulk_copy(
        self, session: Session, table: str, reader: Any, mappings: Any, **options: Any
    ) -> int:
        """Insert an Arrow reader's batches, each `batch_size` rows a transaction of their own."""
        name = Reader(tokenize(table)).name()
        with self.lock:
            object_id = self.must_be(session, name, "U")
            columns = {column.name: column for column in session.catalog.columns_of(object_id)}
        names = [
            mapping if isinstance(mapping, str) else mapping[1]
            for mapping in mappings or list(columns)[: len(reader.schema)]
        ]
        if unknown := [each for each in names if each not in columns]:
            raise SqlServerError(207, f"Invalid column name '{unknown[0]}'.")
        listed = ", ".join(f'"{each}" {type_text(columns[each].type)}' for each in names)
        sql = f"insert bulk {table} ({listed}) with (tablock)"
        fault = take_fault(self.folder, self.name, sql)
        copied = 0
        error: str | None = None
        try:
            if fault and not fault.after:
                raise fault.as_error()
            for rows in reader:
                copied += self._copy_batch(session, name, names, rows)
                if fault:
                    raise fault.as_error()
        except SqlServerError as caught:
            error = caught.message
            raise
        finally:
            limit = options["timeout"]
            record(self.folder, Recorded(self.name, session.database, sql, [], error, limit))
        return copied

    def _copy_batch(self, session: Session, table: Name, names: list[str], rows: Any) -> int:
        listed = ", ".join(f'"{each}"' for each in names)
        given = pa.Table.from_batches([rows]).rename_columns(names)
        with self.lock:
            try:
                session.connection.register("bulk_rows", given)
                session.connection.execute(
                    f"insert into {table.quoted} ({listed}) select {listed} from bulk_rows"
                )
                session.connection.unregister("bulk_rows")
            except duckdb.Error as error:
                raise SqlServerError(
                    4815, f"Received an invalid column length or value from the bcp client. {error}"
                ) from error
        return len(rows)


def names_in(reader: Reader) -> list[str]:
    """Read a list of columns."""
    return [item[0].text for item in reader.parenthesised()]


def _options(reader: Reader) -> dict[str, str]:
    """Read (name = value, …)."""
    return {
        keyword(item[0]): item[2].text
        for item in reader.parenthesised()
        if item[1].token_type == TokenType.EQ
    }


def column_id(session: Session, object_id: int, column: str) -> int:
    """Return a column's place in its table, which it keeps."""
    found = session.catalog.value(
        "select column_id from sys.columns where object_id = ? and lower(name) = lower(?)",
        object_id,
        column,
    )
    if found is None:
        raise SqlServerError(4924, f"Column '{column}' does not exist in the table.")
    return int(found)


def _name_of(session: Session, object_id: int) -> Name:
    ((schema, name),) = session.catalog.query(
        "select schemas.name, objects.name from sys.objects join sys.schemas using (schema_id) "
        "where object_id = ?",
        object_id,
    )
    return Name(schema, name)
