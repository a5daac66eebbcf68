"""Statements and procedures that define, rename and drop: mixed into a server (engine.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.tokens import Token

from tests.support.tsql_server.batch import Statement, keyword, parse, tokenize
from tests.support.tsql_server.catalog import Column, ColumnType, column_sql, type_text
from tests.support.tsql_server.checks import check_module
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError, invalid_object
from tests.support.tsql_server.prepare import UNNAMED
from tests.support.tsql_server.reader import Name, Reader, column_of
from tests.support.tsql_server.session import ResultSet, Session


class Definitions:
    """Handlers for schemas, views and tables."""

    def must_be_new(self, session: Session, name: Name) -> None:
        """Raise the server's error for a name that is taken, or in a schema that is not there."""
        if session.catalog.schema_id(name.schema) is None:
            raise SqlServerError(
                2760,
                f'The specified schema name "{name.schema}" either does not exist or you do not'
                " have permission to use it.",
            )
        if session.catalog.find(name.schema, name.name):
            raise SqlServerError(
                2714, f"There is already an object named '{name.name}' in the database."
            )

    def must_be(self, session: Session, name: Name, type_: str) -> int:
        """Return the id of an object of a type; the server's error if there is none."""
        found = session.catalog.find(name.schema, name.name)
        if found is None or found[1] != type_:
            raise invalid_object(str(name))
        return found[0]

    def create_schema(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE SCHEMA."""
        reader = Reader(statement)
        reader.expect("CREATE", "SCHEMA")
        name = reader.text()
        catalog = session.catalog
        if catalog.schema_id(name) is not None:
            raise SqlServerError(
                2714, f"There is already an object named '{name}' in the database."
            )
        session.connection.execute(f'create schema "{name}"')
        next_id = catalog.value("select max(schema_id) + 1 from sys.schemas")
        catalog.add("schemas", name=name, schema_id=next_id, principal_id=1)
        return ResultSet()

    def drop_schema(self, session: Session, statement: Statement) -> ResultSet:
        """DROP SCHEMA."""
        reader = Reader(statement)
        reader.expect("DROP", "SCHEMA")
        optional = reader.take("IF", "EXISTS")
        name = reader.text()
        catalog = session.catalog
        id_ = catalog.schema_id(name)
        if id_ is None:
            if optional:
                return ResultSet()
            raise SqlServerError(
                15151,
                f"Cannot drop the schema '{name}', because it does not exist or you do not have"
                " permission.",
            )
        if inside := catalog.value("select name from sys.objects where schema_id = ?", id_):
            raise SqlServerError(
                3729,
                f"Cannot drop schema '{name}' because it is being referenced by object '{inside}'.",
            )
        session.connection.execute(f'drop schema "{name}"')
        catalog.query("delete from sys.schemas where schema_id = ?", id_)
        catalog.query("delete from sys.extended_properties where class = 3 and major_id = ?", id_)
        return ResultSet()

    def create_view(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE [OR ALTER] VIEW, ALTER VIEW."""
        reader = Reader(statement)
        replaces = reader.text().upper() == "ALTER" or reader.take("OR", "ALTER")
        reader.expect("VIEW")
        name = reader.name()
        reader.expect("AS")
        start = reader.tokens[reader.place].start - statement.tokens[0].start
        body = statement.sql[start:].rstrip().rstrip(";")
        existing = session.catalog.find(name.schema, name.name)
        if not replaces or existing is None:
            self.must_be_new(session, name)
        elif existing[1] != "V":
            raise SqlServerError(
                2010, f"Cannot perform alter on '{name}' because it is an incompatible object type."
            )
        translation = self.translate(session, body)
        check_module(sqlglot.parse_one(self.prepared(session, body)[0], read="tsql"))
        columns = self.stored(self.described(session, translation.sql, body))
        if any(column.name == UNNAMED for column in columns):
            raise SqlServerError(
                4511,
                "Create View or Function failed because no column name was specified for a column"
                f" of '{name}'.",
            )
        # In a view DuckDB cannot bind an overloaded macro on what is outside of a subquery; there,
        # and only there, spaces at the end of a text count.
        sql = re.sub(
            r'TSQL_KEY\(("(?:changed|gone)"\."\w+")\) ([=>]) TSQL_KEY\(("\w+"\."\w+")\)',
            r"\1 \2 \3",
            translation.sql,
        )
        session.connection.execute(f"create or replace view {name.quoted} as {sql}")
        catalog = session.catalog
        if existing is None:
            object_id = catalog.add_object(name.schema, name.name, "V", columns=columns)
        else:
            object_id = existing[0]
            catalog.query(
                "update sys.objects set modify_date = now()::timestamp where object_id = ?",
                object_id,
            )
            for table, key in (("columns", "object_id"), ("sql_modules", "object_id"),
                               ("sql_expression_dependencies", "referencing_id")):  # fmt: skip
                catalog.query(f"delete from sys.{table} where {key} = ?", object_id)
            catalog.add_columns(object_id, columns)
        catalog.add("sql_modules", object_id=object_id, definition=statement.sql)
        self._depend(session, object_id, body)
        return ResultSet()

    def _depend(self, session: Session, object_id: int, body: str) -> None:
        """Note what a module refers to."""
        seen = set()
        tree = sqlglot.parse_one(self.prepared(session, body)[0], read="tsql")
        for table in tree.find_all(exp.Table):
            schema = table.text("db")
            key = (table.text("catalog") or None, schema, table.name)
            if not schema or key in seen:
                continue
            seen.add(key)
            found = session.catalog.find(schema, table.name)
            session.catalog.add(
                "sql_expression_dependencies", referencing_id=object_id, referencing_class=1,
                referenced_id=found[0] if found else None, referenced_database_name=key[0],
                referenced_schema_name=schema, referenced_entity_name=table.name,
            )  # fmt: skip

    def drop_view(self, session: Session, statement: Statement) -> ResultSet:
        """DROP VIEW."""
        return self.drop(session, statement, "VIEW", "V")

    def drop_table(self, session: Session, statement: Statement) -> ResultSet:
        """DROP TABLE."""
        return self.drop(session, statement, "TABLE", "U")

    def drop(self, session: Session, statement: Statement, kind: str, type_: str) -> ResultSet:
        """DROP TABLE or VIEW, of one name or more."""
        reader = Reader(statement)
        reader.expect("DROP", kind)
        optional = reader.take("IF", "EXISTS")
        while True:
            name = reader.name()
            found = session.catalog.find(name.schema, name.name)
            if found is not None and found[1] == type_:
                self.drop_object(session, name, found[0], kind)
            elif found is not None:
                raise SqlServerError(
                    3705,
                    f"Cannot use DROP {kind} with '{name}' because '{name}' is of another kind.",
                )
            elif not optional:
                raise SqlServerError(
                    3701,
                    f"Cannot drop the {kind.lower()} '{name}', because it does not exist or you do"
                    " not have permission.",
                    "42S02",
                )
            if not reader.take(","):
                return ResultSet()

    def drop_object(self, session: Session, name: Name, object_id: int, kind: str) -> None:
        """Remove a table or view that is there."""
        session.connection.execute(f"drop {kind} {name.quoted}")
        session.catalog.remove_object(object_id)

    def create_table(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE TABLE with columns; what else stands in the list goes to `add_constraint`."""
        reader = Reader(statement)
        reader.expect("CREATE", "TABLE")
        name = reader.name()
        self.must_be_new(session, name)
        columns: list[Column] = []
        constraints: list[tuple[list[Token], str | None]] = []
        for item in reader.parenthesised():
            if keyword(item[0]) in ("CONSTRAINT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK"):
                constraints.append((item, None))
                continue
            column, rest = column_of(item)
            if rest and ("PRIMARY" in map(keyword, rest) or "UNIQUE" in map(keyword, rest)):
                column = column.nullable_as(False) if "PRIMARY" in map(keyword, rest) else column
            columns.append(column)
            if rest:
                constraints.append((rest, column.name))
        self.make_table(session, name, columns)
        for tokens, on_column in constraints:
            self.add_constraint(session, name, tokens, on_column)
        return ResultSet()

    def add_constraint(
        self, session: Session, table: Name, tokens: Sequence[Token], column: str | None
    ) -> None:
        """Add a constraint as it is written in CREATE or ALTER TABLE, after a column or alone."""
        raise UnknownSqlError(
            f"{self.name}: no rule for the constraint {' '.join(t.text for t in tokens)}"
        )

    def make_table(self, session: Session, name: Name, columns: Sequence[Column]) -> int:
        """Make a table in DuckDB and in the catalogue."""
        if not columns:
            raise SqlServerError(102, "Incorrect syntax: a table needs columns.")
        columns = self.stored(columns)
        definitions = ", ".join(map(self.column_sql, columns))
        session.connection.execute(f"create table {name.quoted} ({definitions})")
        return session.catalog.add_object(name.schema, name.name, "U", columns=columns)

    def stored(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the columns that a table or view gets; the server's error for what none has."""
        return columns

    def column_sql(self, column: Column) -> str:
        """Return a column's definition in DuckDB."""
        return column_sql(column)

    def truncate(self, session: Session, statement: Statement) -> ResultSet:
        """TRUNCATE TABLE."""
        reader = Reader(statement)
        reader.expect("TRUNCATE", "TABLE")
        name = reader.name()
        self.must_be(session, name, "U")
        session.connection.execute(f"delete from {name.quoted}")
        return ResultSet()

    def sp_refreshview(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """Read a view's columns again."""
        object_id = self.must_be(session, Reader(tokenize(arguments[0][1])).name(), "V")
        catalog = session.catalog
        definition = catalog.value(
            "select definition from sys.sql_modules where object_id = ?", object_id
        )
        text = re.sub(r"(?i)\bcreate\s+(or\s+alter\s+)?view\b", "alter view", definition, count=1)
        (statement,) = parse(text)
        self.create_view(session, statement)
        catalog.query(
            "update sys.sql_modules set definition = ? where object_id = ?", definition, object_id
        )
        return ResultSet()

    def over_files(self, session: Session) -> list[tuple[Name, str]]:
        """Return the views that read files by wildcards, with their definitions."""
        return [
            (Name(schema, name), definition)
            for schema, name, definition in session.catalog.query(
                "select schemas.name, views.name, definition from sys.sql_modules"
                " join sys.views using (object_id) join sys.schemas using (schema_id)"
                " where definition like '%/*.%'"
            )
        ]

    def reread(self, session: Session, views: Sequence[tuple[Name, str]]) -> None:
        """Make views in DuckDB again: it has each read the files that were there at the time."""
        for name, definition in views:
            body = re.split(r"(?i)\bas\s", definition, maxsplit=1)[1]
            try:
                sql = self.translate(session, body).sql
            except SqlServerError:  # there are none now
                continue
            session.connection.execute(f"create or replace view {name.quoted} as {sql}")

    def sp_describe_first_result_set(
        self, session: Session, arguments: list[tuple[str, Any]]
    ) -> ResultSet:
        """Return the columns that a query would give."""
        translation = self.translate(session, arguments[0][1])
        columns = self.described(session, translation.sql, arguments[0][1])
        names = ["is_hidden", "column_ordinal", "name", "is_nullable", "system_type_id",
                 "system_type_name", "max_length", "precision", "scale"]  # fmt: skip
        types = [
            "bit",
            "int",
            "sysname",
            "bit",
            "int",
            "nvarchar(256)",
            "smallint",
            "tinyint",
            "tinyint",
        ]
        return ResultSet(
            [Column(n, ColumnType.parse(t)) for n, t in zip(names, types, strict=True)],
            [
                (False, place, c.name, c.nullable, c.type.type_id, type_text(c.type),
                 c.type.max_length, c.type.precision, c.type.scale)
                for place, c in enumerate(columns, 1)
            ],
        )  # fmt: skip

    def sp_rename(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """Rename a table or a view."""
        old = Reader(tokenize(arguments[0][1])).name()
        new = Name(old.schema, arguments[1][1])
        if len(arguments) > 2 and str(arguments[2][1]).upper() != "OBJECT":
            raise UnknownSqlError(f"no rule for sp_rename of {arguments[2][1]}")
        catalog = session.catalog
        found = catalog.find(old.schema, old.name)
        if found is None:
            raise SqlServerError(
                15225, f"No item by the name of '{old}' could be found in the current database."
            )
        if catalog.find(new.schema, new.name):
            raise SqlServerError(
                15335, f"Error: The new name '{new.name}' is already in use as a OBJECT name."
            )
        kind = "table" if found[1] == "U" else "view"
        if found[1] in ("U", "V"):
            quoted = '"' + new.name.replace('"', '""') + '"'
            session.connection.execute(f"alter {kind} {old.quoted} rename to {quoted}")
        catalog.query(
            "update sys.objects set name = ?, modify_date = now()::timestamp where object_id = ?",
            new.name, found[0],
        )  # fmt: skip
        return ResultSet()
