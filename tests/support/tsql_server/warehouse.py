"""The rules of a Fabric Warehouse: what it stores, takes and refuses, as documented.

From Microsoft's documentation of Microsoft Fabric ("T-SQL surface area in Fabric Data Warehouse",
"Data types", "Tables", "Primary, foreign and unique keys", "Transactions", "Dynamic data masking",
"OPENROWSET BULK", "COPY INTO", "Nested common table expression") and of what Transact-SQL "applies
to": texts are varchar in UTF-8 and a varchar(n) holds n bytes; keys are added by ALTER TABLE and
never enforced; there are no indexes, defaults, extended properties and table hints; a query cannot
read the catalogue together with tables or files. Of two transactions that update or delete rows of
one table the second fails, here when it changes a row that the first has changed, else when it
commits; rows are inserted without conflicts.

The documentation does not say whether a table can be dropped that a foreign key points to, so it
cannot, as in SQL Server; and that "views that persist data" store no other types than tables do is
read as of all views. The numbers 24556, 24574 and 24585 are the server's; others are SQL Server's
for the same, or made up (15871).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import duckdb
from sqlglot import exp
from sqlglot.tokens import Token

from tests.support.tsql_server import checks, kinds, rowset
from tests.support.tsql_server.batch import Statement, keyword, tokenize, words
from tests.support.tsql_server.catalog import Column, ColumnType, type_text
from tests.support.tsql_server.columns import UNKNOWN, Lookup, Origins, Scope, branches
from tests.support.tsql_server.database import SqlDatabase, column_id, names_in
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError, invalid_object
from tests.support.tsql_server.reader import Name, Reader, column_of, split
from tests.support.tsql_server.session import ResultSet, Session
from tests.support.tsql_server.storage import Storage

_COLLATION = "Latin1_General_100_BIN2_UTF8"
_STORED = words(
    "bigint bit char date datetime2 decimal float int numeric smallint time uniqueidentifier"
    " varbinary varchar"
)
_CONFLICT = "Snapshot isolation transaction aborted due to update conflict"
# Types of which the stand-in knows no more than that they are refused.
_OTHERS = words(
    "binary datetimeoffset geography geometry hierarchyid image json money ntext rowversion"
    " smalldatetime smallmoney sql_variant text timestamp xml"
)
_LABEL = re.compile(r"\boption\s*\(\s*label\s*=\s*N?'(?:[^']|'')*'\s*\)\s*;?\s*$", re.I)
_HINT = re.compile(
    r"\bwith\s*\(\s*(?:tablockx?|nolock|holdlock|rowlock|updlock|readpast)\s*\)", re.I
)
# Functions whose values are nvarchar whatever they are given.
_NATIONAL = (exp.CurrentSchema, exp.Dot, exp.JSONExtract, exp.JSONExtractScalar, exp.National)
_NATIONAL_NAMES = words(
    "col_name db_name nchar object_name object_schema_name quotename string_escape type_name"
)
# Of these the first argument alone is text that the value is made of.
_OF_FIRST = (exp.GroupConcat, exp.Left, exp.Order, exp.Right, exp.Substring, exp.Trim)


class FabricWarehouse(SqlDatabase):
    """A Warehouse of Microsoft Fabric."""

    name: ClassVar[str] = "fabric"
    file: ClassVar[str] = "fabric.duckdb"
    program: ClassVar[str] = "python"
    collation: ClassVar[str] = _COLLATION
    in_fabric: ClassVar[bool] = True

    HANDLERS: ClassVar[dict[str, str]] = {**SqlDatabase.HANDLERS, "COPY INTO": "copy_into"}
    PROCEDURES: ClassVar[dict[str, str]] = {
        "sp_executesql": "sp_executesql",
        "sp_rename": "sp_rename",
        "sp_describe_first_result_set": "sp_describe_first_result_set",
        "sp_refreshview": "sp_refreshview",
        "sp_getapplock": "sp_refused",
        "sp_releaseapplock": "sp_refused",
        "sp_addextendedproperty": "sp_refused",
        "sp_updateextendedproperty": "sp_refused",
        "sp_dropextendedproperty": "sp_refused",
    }
    REFUSED: ClassVar[tuple[str, ...]] = (
        "ALTER INDEX", "BULK INSERT", "CREATE CLUSTERED", "CREATE COLUMNSTORE", "CREATE DATABASE",
        "CREATE EXTERNAL", "CREATE INDEX", "CREATE MASTER", "CREATE MATERIALIZED",
        "CREATE NONCLUSTERED", "CREATE SEQUENCE", "CREATE SYNONYM", "CREATE TRIGGER",
        "CREATE TYPE", "CREATE UNIQUE", "DROP EXTERNAL", "DROP INDEX", "INSERT BULK", "SAVE",
        "SET ROWCOUNT",
    )  # fmt: skip

    # -- Queries

    def login(self, database: str, autocommit: bool, login: str = "") -> Session:
        """Open a session, for which wildcards in views find the files that there are now."""
        session = super().login(database, autocommit, login)
        with self.lock:
            self.reread(session, self.over_files(session))
        return session

    def prepared(self, session: Session, sql: str) -> tuple[str, Mapping[str, str]]:
        """Return a query without its label, with names in the places of what reads files."""
        sql = _LABEL.sub("", sql)
        if "sys.dm_exec_describe_first_result_set" in sql.lower():
            raise invalid_object("sys.dm_exec_describe_first_result_set")
        text, relations = super().prepared(session, sql)
        said = [keyword(token) for token in tokenize(text)]
        checks.check_distributed(text, said, "_BIN2" in self.collation)
        made = dict(relations)
        text, columns = rowset.replaced(self, session, text, made)
        session.read = columns
        return text, made

    def place(self, session: Session, options: Mapping[str, str], path: str) -> tuple[Storage, str]:
        """Return where a URL is in the lake: below C360_LAKE, or below its container."""
        if "DATA_SOURCE" in options:
            raise SqlServerError(46525, "There are no external data sources.")
        lake = re.fullmatch(r"abfss://([^@/]+)@([^/]+)(/.*?)?/?", os.environ.get("C360_LAKE", ""))
        container = re.match(r"https://[^/]+/[^/]+", path)
        if lake:
            root = f"https://{lake[2]}/{lake[1]}{lake[3] or ''}"
        elif container:
            root = container[0]
        else:
            raise SqlServerError(13840, f"The path '{path}' is not a URL that can be read.")
        if not path.startswith(f"{root}/"):
            raise SqlServerError(13807, f"Content of directory on path '{path}' cannot be listed.")
        return Storage(self.folder, root), path.removeprefix(f"{root}/")

    def check_read(self, column: Column) -> None:
        """Raise the server's error for a column of WITH in another collation."""
        _check_collation(column)

    def origins(self, session: Session) -> Origins:
        """Return what finds out where a query's columns come from, files too."""
        read = session.read

        def lookup(schema: str, name: str) -> list[Column]:
            return read.get(name.lower()) or session.catalog.columns_by_name(schema, name)

        return _Origins(lookup)

    def modify(self, session: Session, statement: Statement) -> ResultSet:
        """INSERT, UPDATE, DELETE."""
        if _HINT.search(statement.sql):
            raise SqlServerError(15871, "Table hints are not supported.")
        result = super().modify(session, statement)
        if statement.words[0] in ("UPDATE", "DELETE"):
            tree = self.translate(session, statement.sql).tree
            table = tree.expressions[0].find(exp.Table)
            self._changed(session, Name(table.text("db") or "dbo", table.name))
        return result

    # -- Types

    def stored(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the columns of a table or view, in the one collation there is."""
        for column in columns:
            type_ = column.type
            if type_.name not in _STORED or (
                type_.name in ("datetime2", "time") and type_.scale > 6
            ):
                raise _not_a_type(type_text(type_))
            if type_.max_length > 8000:
                raise SqlServerError(
                    131,
                    f"The size ({type_.max_length}) given to the column '{column.name}' exceeds the"
                    " maximum allowed for any data type (8000).",
                )
            _check_collation(column)
        return [
            replace(column, collation=_COLLATION) if column.type.is_text else column
            for column in columns
        ]

    def column_sql(self, column: Column) -> str:
        """Return a column's definition in DuckDB; the length of its texts is a check, in bytes."""
        quoted = '"' + column.name.replace('"', '""') + '"'
        most = column.type.max_length
        check = f" check (strlen({quoted}) <= {most})" if column.type.is_text and most > 0 else ""
        return f"{quoted} {column.type.duckdb}{'' if column.nullable else ' not null'}{check}"

    # -- Tables

    def create_table(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE TABLE with columns, or AS SELECT."""
        reader = Reader(statement)
        reader.expect("CREATE", "TABLE")
        name = reader.name()
        if reader.word == "(":
            for item in reader.parenthesised():
                _check_definition(item)
            _cluster(reader)
            return super().create_table(session, statement)
        _cluster(reader)
        reader.expect("AS")
        if reader.word == "CLONE":
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        query = statement.sql[reader.tokens[reader.place].start - statement.tokens[0].start :]
        return self.select_into(session, name, self.translate(session, query).sql, query)

    def alter_table(self, session: Session, statement: Statement) -> ResultSet:
        """ALTER TABLE: adds columns that can be null, drops columns; keys and masks."""
        reader = Reader(statement)
        reader.expect("ALTER", "TABLE")
        name = reader.name()
        found = session.catalog.find(name.schema, name.name)
        if found is None or found[1] != "U":
            raise SqlServerError(
                4902,
                f'Cannot find the object "{name}" because it does not exist or you do not have'
                " permissions.",
                "42S02",
            )
        self.lock_object(session, found[0])
        if reader.take("ADD"):
            if reader.word == "CONSTRAINT":
                self.add_constraint(session, name, reader.tokens[reader.place :], None)
            else:
                self._add_columns(session, name, found[0], reader)
        elif reader.take("DROP", "CONSTRAINT"):
            optional = reader.take("IF", "EXISTS")
            self.drop_constraint(session, name, reader.text(), optional)
        elif reader.take("DROP", "COLUMN"):
            self._drop_columns(session, name, found[0], reader)
        elif reader.take("ALTER", "COLUMN") and keyword(reader.tokens[reader.place + 1]) in (
            "ADD", "DROP",
        ):  # fmt: skip
            self.mask(session, name, found[0], reader)
        else:
            raise _not_altered()
        return ResultSet()

    def _add_columns(self, session: Session, table: Name, object_id: int, reader: Reader) -> None:
        added = []
        for item in split(reader.tokens[reader.place :], ","):
            _check_definition(item)
            column = column_of(item)[0]
            if not column.nullable:
                raise _not_altered()
            added.append(column)
        there = session.catalog.columns_of(object_id)
        new = self.stored(added)
        values = ", ".join(["*", *("null" for _ in new)])
        self.make_anew(session, table, [*there, *new], values)
        session.catalog.add_columns(object_id, new)

    def _drop_columns(self, session: Session, table: Name, object_id: int, reader: Reader) -> None:
        catalog = session.catalog
        optional = reader.take("IF", "EXISTS")
        dropped = [item[0].text.lower() for item in split(reader.tokens[reader.place :], ",")]
        there = catalog.columns_of(object_id)
        for each in dropped:
            if optional and each not in {column.name.lower() for column in there}:
                continue
            place = column_id(session, object_id, each)
            for keys, owner, part in (
                ("index_columns", "object_id", "column_id"),
                ("foreign_key_columns", "parent_object_id", "parent_column_id"),
            ):
                if catalog.value(
                    f"select 1 from sys.{keys} where {owner} = ? and {part} = ?", object_id, place
                ):
                    raise SqlServerError(
                        5074, f"A constraint of '{table}' is dependent on column '{each}'."
                    )
            catalog.query(
                "delete from sys.columns where object_id = ? and column_id = ?", object_id, place
            )
        left = [column for column in there if column.name.lower() not in dropped]
        self.make_anew(session, table, left, ", ".join(f'"{column.name}"' for column in left))

    def sp_rename(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """Rename a table, a view or a table's column."""
        if len(arguments) < 3 or str(arguments[2][1]).upper() != "COLUMN":
            return super().sp_rename(session, arguments)
        *table_parts, column = re.findall(r"[^.\[\]\"]+", arguments[0][1])
        table = Reader(tokenize(".".join(f"[{part}]" for part in table_parts))).name()
        object_id = self.must_be(session, table, "U")
        place = column_id(session, object_id, column)
        session.catalog.query(
            "update sys.columns set name = ? where object_id = ? and column_id = ?",
            arguments[1][1], object_id, place,
        )  # fmt: skip
        self.make_anew(session, table, session.catalog.columns_of(object_id), "*")
        return ResultSet()

    def truncate(self, session: Session, statement: Statement) -> ResultSet:
        """TRUNCATE TABLE."""
        result = super().truncate(session, statement)
        self._changed(session, Reader(statement.tokens[2:]).name())
        return result

    # -- Keys

    def add_constraint(
        self, session: Session, table: Name, tokens: Sequence[Token], column: str | None
    ) -> None:
        """Add a key that is not enforced."""
        said = [keyword(token) for token in tokens]
        primary, unique = "PRIMARY KEY" in said, "UNIQUE" in said
        enforced = said[-2:] != ["NOT", "ENFORCED"]
        if enforced or ((primary or unique) and "NONCLUSTERED" not in said):
            raise _not_a_key()
        reader = Reader(tokens[:-2])
        reader.expect("CONSTRAINT")
        key = reader.text()
        if session.catalog.find(table.schema, key):
            raise SqlServerError(2714, f"There is already an object named '{key}' in the database.")
        object_id = self.must_be(session, table, "U")
        if primary or unique:
            reader.expect("PRIMARY KEY" if primary else "UNIQUE", "NONCLUSTERED")
            type_ = "PK" if primary else "UQ"
            self.add_key(session, table, object_id, key, type_, False, names_in(reader))
            return
        reader.expect("FOREIGN KEY")
        columns = names_in(reader)
        reader.expect("REFERENCES")
        to = reader.name()
        self.add_foreign_key(session, table, object_id, key, columns, to, names_in(reader))
        session.catalog.query(
            "update sys.foreign_keys set is_not_trusted = true"
            " where name = ? and parent_object_id = ?",
            key,
            object_id,
        )

    def check_unique(self, session: Session, table: Name, columns: list[str], number: int) -> None:
        """Keys are not enforced."""

    def check_foreign_key(self, session: Session, constraint: int, verb: str) -> None:
        """Keys are not enforced."""

    # -- Transactions

    def begin(self, session: Session, statement: Statement) -> ResultSet:
        """BEGIN TRANSACTION, without a name."""
        if len(statement.tokens) > 2:
            raise SqlServerError(15871, "Named and marked transactions are not supported.")
        return super().begin(session, statement)

    def _changed(self, session: Session, table: Name) -> None:
        if found := session.catalog.find(table.schema, table.name):
            session.changed.add(found[0])

    def abort(self, session: Session) -> None:
        """End the transaction."""
        super().abort(session)
        session.changed.clear()
        session.overtaken.clear()

    def commit(self, session: Session, statement: Statement | None = None) -> ResultSet:
        """COMMIT, unless another transaction has changed one of the same tables meanwhile."""
        if session.transactions == 1 and (both := session.changed & session.overtaken):
            error = _conflict(session, both.pop())
            self.abort(session)
            raise error
        return super().commit(session, statement)

    def translated(self, error: duckdb.Error) -> Exception:
        """Return the server's error for one of DuckDB's: a conflict of transactions, or another."""
        if isinstance(error, duckdb.TransactionException):
            return SqlServerError(24556, f"{_CONFLICT}. {error}")
        return super().translated(error)

    def end(self, session: Session) -> None:
        """Commit what a transaction changed, which others that have begun have not seen."""
        super().end(session)
        for other in self.live:
            if other is not session and other.transactions:
                other.overtaken |= session.changed
        session.changed.clear()
        session.overtaken.clear()

    # -- Files

    def copy_into(self, session: Session, statement: Statement) -> ResultSet:
        """COPY INTO table [(columns)] FROM 'https://…', … WITH (FILE_TYPE = 'PARQUET')."""
        reader = Reader(statement)
        reader.expect("COPY", "INTO")
        name = reader.name()
        object_id = self.must_be(session, name, "U")
        there = {column.name: column for column in session.catalog.columns_of(object_id)}
        listed = names_in(reader) if reader.word == "(" else list(there)
        reader.expect("FROM")
        paths = [reader.text()]
        while reader.take(","):
            paths.append(reader.text())
        reader.expect("WITH")
        options = {keyword(item[0]): item[2].text for item in reader.parenthesised()}
        if options.pop("FILE_TYPE", "").upper() != "PARQUET" or options:
            raise UnknownSqlError(f"{self.name}: no rule for {statement.sql[:200]}")
        paths = [f"{path}*.parquet" if path.endswith("/") else path for path in paths]
        if unknown := [column for column in listed if column not in there]:
            raise SqlServerError(207, f"Invalid column name '{unknown[0]}'.", "42S22")
        columns = [there[column] for column in listed]
        count = 0
        for storage, file in rowset.files(self, session, {}, paths):
            local = str(storage.local(file)).replace("'", "''")
            described = session.connection.execute(f"describe from read_parquet('{local}')")
            found = {column: type_ for column, type_, *_ in described.fetchall()}
            if list(found) != listed:
                # By their places or by their names: which of the two is not said for Parquet.
                raise UnknownSqlError(f"no rule for COPY INTO {listed} of {list(found)}")
            values = ", ".join(rowset.parquet_value(each, found[each.name]) for each in columns)
            quoted = ", ".join(f'"{column}"' for column in listed)
            query = f"select {values} from read_parquet('{local}')"
            count += self.changed(session, f"insert into {name.quoted} ({quoted}) {query}").count
        return ResultSet(count=count)

    def sp_refused(self, session: Session, arguments: list[tuple[str, Any]]) -> ResultSet:
        """A procedure that a Warehouse has not."""
        raise SqlServerError(15871, "The stored procedure is not supported.")

    def bulk_copy(
        self, session: Session, table: str, reader: Any, mappings: Any, **options: Any
    ) -> int:
        """Refuse a bulk copy."""
        raise SqlServerError(15871, "INSERT BULK is not supported.")


class _Origins(Origins):
    """Origins that tell of every text whether it is varchar or nvarchar."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__(lookup)
        self._known: dict[int, Column | None] = {}

    def _value(self, node: exp.Expr, scope: Scope) -> Column | None:
        if id(node) not in self._known:
            self._known[id(node)] = self._found(node, scope)
        return self._known[id(node)]

    def _found(self, node: exp.Expr, scope: Scope) -> Column | None:
        if isinstance(node, _NATIONAL) or (
            isinstance(node, exp.Anonymous) and node.name.lower() in _NATIONAL_NAMES
        ):
            return _TEXT[True, False]
        if kinds.kind(node) == kinds.NUMBER:
            return None
        if not isinstance(node, exp.Concat) and (found := super()._value(node, scope)):
            return None if found is UNKNOWN else found
        made_of = branches(node) or list(node.iter_expressions())
        if isinstance(node, _OF_FIRST):
            made_of = [node.this]
        parts = [part for each in made_of if (part := self._value(each, scope))]
        texts = [part.type for part in parts if part.type.is_text]
        national = any(type_.name in ("nchar", "nvarchar", "sysname") for type_ in texts)
        return _TEXT[national, any(type_.max_length < 0 for type_ in texts)]

    def of(self, query: exp.Expr) -> Mapping[str, Column]:
        """Return the columns by their names in lower case."""
        kinds.mark(query)
        return super().of(query)

    def literal(self, node: exp.Expr) -> str:
        """Return the type of a text that is written out: its bytes in UTF-8."""
        return f"varchar({len(node.name.encode()) or 1})"


# A text of which no more is known, by whether it is nvarchar and whether it is of any length.
_TEXT = {
    (national, longest): Column(
        "", ColumnType.parse(("n" if national else "") + f"varchar({size})")
    )
    for national in (False, True)
    for longest, size in ((False, "4000" if national else "8000"), (True, "max"))
}


def _check_definition(item: Sequence[Token]) -> None:
    """Raise the server's error for a column's definition, or for what else stands in the list."""
    said = [keyword(token) for token in item]
    if said[0] in ("CONSTRAINT", "PRIMARY KEY", "FOREIGN KEY", "UNIQUE", "CHECK"):
        raise _not_a_key()
    if said[1] == "AS":
        raise SqlServerError(15871, "Computed columns are not supported.")
    if said[1].lower() in _OTHERS:
        raise _not_a_type(said[1].lower())
    rest = [keyword(token) for token in column_of(item)[1]]
    if rest and rest[0] in ("CONSTRAINT", "PRIMARY KEY", "REFERENCES", "UNIQUE", "CHECK"):
        raise _not_a_key()
    if rest:
        raise SqlServerError(15871, f"{rest[0]} is not supported for a column.")


def _cluster(reader: Reader) -> None:
    """Step over WITH (CLUSTER BY (…)), which changes nothing here."""
    if reader.take("WITH"):
        for item in reader.parenthesised():
            Reader(item).expect("CLUSTER BY")


def _check_collation(column: Column) -> None:
    if column.collation not in (None, _COLLATION, "database_default", "DATABASE_DEFAULT"):
        raise SqlServerError(
            15871,
            f"The collation '{column.collation}' of column '{column.name}' is not supported in"
            " this edition of SQL Server.",
        )


def _not_a_type(text: str) -> SqlServerError:
    return SqlServerError(
        24574, f"The data type '{text}' is not supported in this edition of SQL Server."
    )


def _not_a_key() -> SqlServerError:
    return SqlServerError(
        15871,
        "A constraint has to be added by ALTER TABLE, as NOT ENFORCED, and PRIMARY KEY and UNIQUE"
        " as NONCLUSTERED too; no others are supported in this edition of SQL Server.",
    )


def _not_altered() -> SqlServerError:
    return SqlServerError(
        24585, "The specified ALTER TABLE statement is not supported in this edition of SQL Server."
    )


def _conflict(session: Session, object_id: int) -> SqlServerError:
    name = session.catalog.value("select name from sys.objects where object_id = ?", object_id)
    return SqlServerError(
        24556,
        f"{_CONFLICT}. Using snapshot isolation to access table '{name}' directly or indirectly in"
        f" database '{session.database}' can cause update conflicts if rows in that table have been"
        " deleted or updated by another concurrent transaction. Retry the transaction.",
    )
