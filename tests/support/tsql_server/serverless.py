"""The rules of a Synapse serverless SQL pool: what it runs, reads and writes, as documented.

From Microsoft's documentation of Azure Synapse Analytics ("Transact-SQL features supported in Azure
Synapse SQL", "How to use OPENROWSET", "CETAS with Synapse SQL", "Troubleshoot serverless SQL
pool"): views, external tables and schemas are all that a database holds; a CETAS needs a new folder
and DROP EXTERNAL TABLE leaves its files; nothing is made in master; there are no labels and query
hints; system views cannot be asked together with files; wildcards find no file whose name begins
with an underline or a point. A time without a zone in a Parquet file is read from INT96
only: of its newer form the documentation says bigint, the older of its two annotations datetime2.
Numbers of errors that it does not give are made up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from tests.support.tsql_server import checks, rowset
from tests.support.tsql_server.batch import Statement, keyword, parse, tokenize
from tests.support.tsql_server.catalog import Column
from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.reader import Name, Reader, column_of
from tests.support.tsql_server.session import ResultSet, Session
from tests.support.tsql_server.storage import Storage

_NAME_LENGTH = 100  # of an external table
_LARGE = "Msg 15842: A value of column"
_LONGEST_VALUE = 1_000_000  # bytes that CETAS writes
_CSV_FORMAT = {
    "FIELD_TERMINATOR": ",", "STRING_DELIMITER": '"', "FIRST_ROW": "2", "PARSER_VERSION": "2.0"
}  # fmt: skip


class ServerlessPool(Server):
    """A serverless SQL pool. A new one has the database master and nothing else."""

    name: ClassVar[str] = "serverless"
    file: ClassVar[str] = "serverless.duckdb"

    HANDLERS: ClassVar[dict[str, str]] = {
        "SELECT": "query", "WITH": "query", "USE": "use", "SET": "set", "DECLARE": "declare",
        "EXEC": "exec_", "EXECUTE": "exec_", "PRINT": "ignore", "THROW": "throw",
        "CREATE SCHEMA": "create_schema", "DROP SCHEMA": "drop_schema",
        "CREATE VIEW": "create_view", "ALTER VIEW": "create_view", "DROP VIEW": "drop_view",
        "CREATE DATABASE": "create_database",
        "CREATE MASTER KEY": "create_master_key",
        "CREATE DATABASE SCOPED CREDENTIAL": "create_credential",
        "CREATE EXTERNAL DATA SOURCE": "create_data_source",
        "CREATE EXTERNAL FILE FORMAT": "create_file_format",
        "CREATE EXTERNAL TABLE": "create_external_table",
        "DROP EXTERNAL TABLE": "drop_external_table",
    }  # fmt: skip
    PROCEDURES: ClassVar[dict[str, str]] = {
        "sp_executesql": "sp_executesql",
        "sp_describe_first_result_set": "sp_describe_first_result_set",
    }
    REFUSAL: ClassVar[str] = "{} is not supported: a serverless SQL pool has no tables."
    REFUSED: ClassVar[tuple[str, ...]] = (
        "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE TABLE", "DROP TABLE",
        "ALTER TABLE", "CREATE INDEX", "CREATE CLUSTERED", "CREATE UNIQUE", "CREATE MATERIALIZED",
        "RENAME",
    )  # fmt: skip

    def __init__(self, path: Path, database: str) -> None:
        super().__init__(path, "master")

    def enter(self, session: Session, database: str) -> None:
        """Make a database the session's, in which wildcards find the files that there are now."""
        super().enter(session, database)
        views = self.over_files(session)
        if not views:
            return
        storage = self.storage(session, "c360_lake")
        # A file of bronze that was written anew has another manifest since.
        manifests = [
            f"{path} {hashlib.sha256(storage.read(path)).hexdigest()}"
            for path in storage.found("bronze/manifests/*")
        ]
        landed = "\n".join(manifests + [view.name for view, _ in views])
        noted = self.folder / "landed.txt"
        if noted.exists() and noted.read_text(encoding="utf-8") == landed:
            return
        self.reread(session, views)
        noted.write_text(landed, encoding="utf-8")

    # -- Statements

    def create_schema(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE SCHEMA."""
        _not_in_master(session, "SCHEMA")
        return super().create_schema(session, statement)

    def create_view(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE [OR ALTER] VIEW."""
        _not_in_master(session, "VIEW")
        return super().create_view(session, statement)

    def create_database(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE DATABASE name COLLATE collation."""
        reader = Reader(statement)
        reader.expect("CREATE", "DATABASE")
        name = reader.text()
        reader.expect("COLLATE")
        catalog = session.catalog
        if catalog.value("select count(*) from sys.databases where name <> 'master'"):
            raise SqlServerError(1801, f"Database '{name}' already exists, or another one does.")
        catalog.add("databases", name=name, database_id=5, state_desc="ONLINE",
                    collation_name=reader.text())  # fmt: skip
        return ResultSet()

    def create_master_key(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE MASTER KEY ENCRYPTION BY PASSWORD = '…'."""
        _not_in_master(session, "MASTER KEY")
        reader = Reader(statement)
        reader.expect("CREATE", "MASTER", "KEY", "ENCRYPTION", "BY", "PASSWORD", "=")
        password = reader.text()
        kinds = [r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]"]
        if len(password) < 8 or sum(bool(re.search(kind, password)) for kind in kinds) < 3:
            raise SqlServerError(15118, "Password validation failed.")
        if session.catalog.value("select count(*) from sys.symmetric_keys"):
            raise SqlServerError(15578, "There is already a master key in the database.")
        session.catalog.add("symmetric_keys", name="##MS_DatabaseMasterKey##", symmetric_key_id=101)
        return ResultSet()

    def create_credential(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE DATABASE SCOPED CREDENTIAL name WITH IDENTITY = 'Managed Identity'."""
        _not_in_master(session, "DATABASE SCOPED CREDENTIAL")
        reader = Reader(statement)
        reader.expect("CREATE", "DATABASE", "SCOPED", "CREDENTIAL")
        name = reader.text()
        reader.expect("WITH", "IDENTITY", "=")
        identity = reader.text()
        if identity != "Managed Identity" or reader.more:
            raise UnknownSqlError(f"no rule for a credential of {identity}")
        if not session.catalog.value("select count(*) from sys.symmetric_keys"):
            raise SqlServerError(
                15581,
                "Please create a master key in the database or open the master key in the session"
                " before performing this operation.",
            )
        _add_new(
            session,
            "database_scoped_credentials",
            "credential_id",
            name,
            credential_identity=identity,
        )
        return ResultSet()

    def create_data_source(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL DATA SOURCE name WITH (LOCATION = …, CREDENTIAL = …)."""
        _not_in_master(session, "EXTERNAL DATA SOURCE")
        name, options, _ = _with_options(statement, 4)
        credential = session.catalog.value(
            "select credential_id from sys.database_scoped_credentials where name = ?",
            options.get("CREDENTIAL"),
        )
        if credential is None:
            raise SqlServerError(
                16505,
                f"Cannot find the CREDENTIAL '{options.get('CREDENTIAL')}', because it does not"
                " exist or you do not have permission.",
            )
        _add_new(session, "external_data_sources", "data_source_id", name,
                 location=options["LOCATION"], credential_id=credential)  # fmt: skip
        return ResultSet()

    def create_file_format(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL FILE FORMAT name WITH (FORMAT_TYPE = PARQUET or DELIMITEDTEXT, …)."""
        _not_in_master(session, "EXTERNAL FILE FORMAT")
        name, options, _ = _with_options(statement, 4)
        kind = options.get("FORMAT_TYPE", "").upper()
        if kind not in ("PARQUET", "DELIMITEDTEXT") or (
            kind == "DELIMITEDTEXT" and _CSV_FORMAT.items() - options.items()
        ):
            raise UnknownSqlError(f"no rule for the file format {options}")
        _add_new(session, "external_file_formats", "file_format_id", name, format_type=kind,
                 data_compression=options.get("DATA_COMPRESSION"))  # fmt: skip
        return ResultSet()

    # -- External tables

    def create_external_table(self, session: Session, statement: Statement) -> ResultSet:
        """CREATE EXTERNAL TABLE, over CSV files or, with AS SELECT, over the query's rows."""
        _not_in_master(session, "EXTERNAL TABLE")
        reader = Reader(statement)
        reader.expect("CREATE", "EXTERNAL", "TABLE")
        name = reader.name()
        if reader.word == "(":
            return self._table_over_csv(session, name, reader)
        cetas = _Cetas.of(self, session, statement)
        self.must_be_new(session, cetas.name)
        if len(cetas.name.name) > _NAME_LENGTH:
            raise SqlServerError(
                103,
                f"The identifier that starts with '{cetas.name.name}' is too long. Maximum length"
                f" is {_NAME_LENGTH}.",
            )
        if not cetas.storage.url.startswith("https://") or ".dfs." not in cetas.storage.url:
            raise SqlServerError(
                16539,
                f"Operation failed since the external data source '{cetas.source}' has an"
                " underlying storage account that CETAS cannot write to.",
            )
        if not cetas.storage.is_empty(cetas.folder):
            raise SqlServerError(
                15842,
                "Cannot create external table. External table location already exists. Location"
                f" provided: '{cetas.storage.url}/{cetas.folder}'",
            )
        translation = self.translate(session, cetas.query)
        columns = self.described(session, translation.sql, cetas.query)
        file = self._write(session, cetas, translation.sql)
        catalog = session.catalog
        session.connection.execute(
            f"create view {cetas.name.quoted} as"
            f" select {_naive(columns)} from read_parquet({_text(file)})"
        )
        object_id = catalog.add_object(cetas.name.schema, cetas.name.name, "U", columns=columns)
        catalog.add("external_table_locations", object_id=object_id, location=cetas.folder,
                    data_source_id=1, file_format_id=cetas.file_format_id)  # fmt: skip
        return ResultSet()

    def _table_over_csv(self, session: Session, name: Name, reader: Reader) -> ResultSet:
        """A table over the CSV files that its location names whenever it is read."""
        self.must_be_new(session, name)
        columns = [column_of(item)[0] for item in reader.parenthesised()]
        options, _ = _options(reader)
        storage = self.storage(session, options["DATA_SOURCE"])
        file_format_id, kind = _file_format(session, options["FILE_FORMAT"])
        location = options["LOCATION"].strip("/")
        if kind != "DELIMITEDTEXT":
            raise UnknownSqlError(f"no rule for an external table over files of {kind}")
        for column in columns:
            self.check_read(column)
        for path in storage.found(location):
            storage.local(path)
        types = ", ".join(f"{_text(column.name)}: 'varchar'" for column in columns)
        session.connection.execute(
            f"create view {name.quoted} as from read_csv({_text(storage.root / location)},"
            " auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"',"
            f" parallel = false, columns = {{{types}}})"
        )
        object_id = session.catalog.add_object(name.schema, name.name, "U", columns=columns)
        session.catalog.add("external_table_locations", object_id=object_id, location=location,
                            data_source_id=1, file_format_id=file_format_id)  # fmt: skip
        return ResultSet()

    def _write(self, session: Session, cetas: _Cetas, query: str) -> Path:
        """Write a query's rows; times as moments in UTC, which a pool reads as datetime2."""
        connection = session.connection
        described = connection.execute(f"describe {query}").fetchall()
        values = []
        for name, type_, *_ in described:
            quoted = '"' + name.replace('"', '""') + '"'
            if type_ == "VARCHAR":
                too_large = f"error('{_LARGE} {name} is too large: more than 1 MB.')"
                values.append(
                    f"case when strlen({quoted}) > {_LONGEST_VALUE} then {too_large}"
                    f" else {quoted} end as {quoted}"
                )
            elif type_ == "TIMESTAMP":
                values.append(f"{quoted} at time zone 'UTC' as {quoted}")
            else:
                values.append(quoted)
        written = self.folder / f"{uuid4().hex}.parquet"
        connection.execute(
            f"copy (select {', '.join(values)} from ({query})) to {_text(written)} (format parquet)"
        )
        return cetas.storage.write(f"{cetas.folder}/{uuid4().hex.upper()}_1.parquet", written)

    def drop_external_table(self, session: Session, statement: Statement) -> ResultSet:
        """DROP EXTERNAL TABLE: what is known of it, not its files."""
        reader = Reader(statement)
        reader.expect("DROP", "EXTERNAL", "TABLE")
        name = reader.name()
        found = session.catalog.find(name.schema, name.name)
        if found is None or found[1] != "U":
            raise SqlServerError(
                3701,
                f"Cannot drop the external table '{name}', because it does not exist or you do not"
                " have permission.",
                "42S02",
            )
        self.drop_object(session, name, found[0], "view")
        return ResultSet()

    def half_done(self, session: Session, sql: str) -> None:
        """Of a CETAS that fails, leave a part of its files."""
        statement = parse(sql)[0]
        if not isinstance(statement, Statement) or statement.words[1:3] != ["EXTERNAL", "TABLE"]:
            return
        cetas = _Cetas.of(self, session, statement)
        query = self.translate(session, cetas.query).sql
        self._write(session, cetas, f"select * from ({query}) using sample 50 percent")

    # -- Queries

    def prepared(self, session: Session, sql: str) -> tuple[str, Mapping[str, str]]:
        """Return a query with a name in the place of each OPENROWSET, and what it reads."""
        sql, relations = super().prepared(session, sql)
        _check(session, sql, [keyword(token) for token in tokenize(sql)])
        made = dict(relations)
        return rowset.replaced(self, session, sql, made)[0], made

    def place(self, session: Session, options: Mapping[str, str], path: str) -> tuple[Storage, str]:
        """Return the storage of the data source, to which a path is relative."""
        if "DATA_SOURCE" not in options:
            raise UnknownSqlError(f"no rule for OPENROWSET with {options}")
        return self.storage(session, options["DATA_SOURCE"]), path.lstrip("/")

    def check_read(self, column: Column) -> None:
        """Raise when a varchar would take the UTF-8 of a file for text of a code page."""
        if column.type.name == "varchar" and not (column.collation or "").endswith("_UTF8"):
            raise SqlServerError(
                15813,
                f"Potential conversion error while reading VARCHAR column '{column.name}' from"
                " UTF8 encoded text. Change this column's collation to a UTF8 collation.",
            )

    def storage(self, session: Session, data_source: str) -> Storage:
        """Return the storage of a data source."""
        url = session.catalog.value(
            "select location from sys.external_data_sources where name = ?", data_source
        )
        if url is None:
            raise SqlServerError(
                12703, f'Referenced external data source "{data_source}" not found.'
            )
        return Storage(self.folder, url.rstrip("/"))


@dataclass(frozen=True)
class _Cetas:
    """What a CREATE EXTERNAL TABLE … AS says."""

    name: Name
    source: str
    storage: Storage
    folder: str
    file_format_id: int
    query: str

    @classmethod
    def of(cls, pool: ServerlessPool, session: Session, statement: Statement) -> _Cetas:
        reader = Reader(statement)
        reader.expect("CREATE", "EXTERNAL", "TABLE")
        name = reader.name()
        options, rest = _options(reader)
        rest.expect("AS")
        query = statement.sql[rest.tokens[rest.place].start - statement.tokens[0].start :]
        source = options["DATA_SOURCE"]
        file_format_id, kind = _file_format(session, options["FILE_FORMAT"])
        if kind != "PARQUET":
            raise UnknownSqlError(f"no rule for a CETAS of {kind}")
        return cls(
            name, source, pool.storage(session, source), options["LOCATION"].strip("/"),
            file_format_id, query,
        )  # fmt: skip


def _file_format(session: Session, name: str) -> tuple[int, str]:
    """Return the id and the kind of a file format."""
    found = session.connection.execute(
        "select file_format_id, format_type from sys.external_file_formats where name = ?", [name]
    ).fetchone()
    if found is None:
        raise SqlServerError(16517, f'Referenced external file format "{name}" not found.')
    return found[0], found[1]


def _check(session: Session, sql: str, words: Sequence[str]) -> None:
    """Raise what a pool refuses in a query."""
    if any(words[i : i + 2] == ["OPTION", "("] for i in range(len(words))):
        raise SqlServerError(
            102, "Incorrect syntax near 'OPTION': there are no labels and query hints."
        )
    checks.check_distributed(sql, words, _is_binary(session))


def _is_binary(session: Session) -> bool:
    collation = session.catalog.value(
        "select collation_name from sys.databases where name = ?", session.database
    )
    return "_BIN2" in (collation or "") or "_CS_" in (collation or "")


def _not_in_master(session: Session, what: str) -> None:
    if session.database.lower() == "master":
        raise SqlServerError(15868, f"CREATE {what} is not supported in master database.")


def _add_new(session: Session, table: str, key: str, name: str, **values: object) -> None:
    if session.catalog.value(f"select count(*) from sys.{table} where name = ?", name):
        raise SqlServerError(46502, f"'{name}' already exists.")
    next_id = session.catalog.value(f"select coalesce(max({key}), 0) + 1 from sys.{table}")
    session.catalog.add(table, **{key: next_id, "name": name}, **values)


def _with_options(statement: Statement, words: int) -> tuple[str, dict[str, str], Reader]:
    reader = Reader(statement)
    reader.place = words
    name = reader.text()
    options, rest = _options(reader)
    return name, options, rest


def _options(reader: Reader) -> tuple[dict[str, str], Reader]:
    """Read WITH (name = value, …), options in further parentheses too."""
    reader.expect("WITH")
    options = {}
    for item in reader.parenthesised():
        inner = [item] if keyword(item[1]) == "=" else Reader(item[1:]).parenthesised()
        options.update({keyword(name): value.text for name, _, value in inner})
    return options, reader


def _naive(columns: Sequence[Column]) -> str:
    """Select columns of a file; moments in UTC as times without a zone."""
    quoted = {column: '"' + column.name.replace('"', '""') + '"' for column in columns}
    return ", ".join(
        f"{name} at time zone 'UTC' as {name}" if column.type.name == "datetime2" else name
        for column, name in quoted.items()
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
