"""OPENROWSET(BULK …): what the servers that have it read from the lake."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sqlglot.tokens import Token

from tests.support.tsql_server.batch import keyword, tokenize
from tests.support.tsql_server.catalog import Column
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.reader import Reader, column_of
from tests.support.tsql_server.session import Session
from tests.support.tsql_server.storage import Storage

_TEXT_OPTIONS = frozenset({"PARSER_VERSION", "FIELDTERMINATOR", "FIELDQUOTE", "ROWTERMINATOR"})
# What a column of a Parquet file can be read as, by DuckDB's name of its type.
_FITTING = {
    "BIGINT": ("bigint",), "BOOLEAN": ("bit",), "DATE": ("date",),
    "DECIMAL": ("decimal", "numeric"), "DOUBLE": ("float",), "INT96": ("datetime2",),
    "INTEGER": ("int",), "SMALLINT": ("smallint",), "TIMESTAMP WITH TIME ZONE": ("datetime2",),
    "VARCHAR": ("varchar",),
}  # fmt: skip


class Reads(Protocol):
    """A server that reads files."""

    def place(self, session: Session, options: Mapping[str, str], path: str) -> tuple[Storage, str]:
        """Return where a path that a statement names with some options is in the lake."""

    def check_read(self, column: Column) -> None:
        """Raise the server's error for a column of WITH that it cannot read."""


def replaced(
    server: Reads, session: Session, sql: str, relations: dict[str, str]
) -> tuple[str, dict[str, list[Column]]]:
    """Put a name in the place of each OPENROWSET and what it reads into `relations`.

    Return the text with the columns of each name.
    """
    tokens = tokenize(sql)
    pieces, place = [], 0
    columns: dict[str, list[Column]] = {}
    tells = bool(re.search(r"(?i)\.\s*file(?:name|path)\s*\(", sql))
    for index, token in enumerate(tokens):
        if keyword(token) == "OPENROWSET":
            rowset = Rowset(tokens, index)
            name = f"openrowset_{len(relations) + 1}"
            relations[name] = rowset.duckdb(server, session, tells)
            columns[name] = rowset.columns
            pieces += [sql[place : token.start], name]
            place = tokens[rowset.end - 1].end + 1
    return "".join(pieces) + sql[place:], columns


class Rowset:
    """One OPENROWSET(BULK …) WITH (…): Parquet files, or whole texts and their lines."""

    def __init__(self, tokens: Sequence[Token], index: int) -> None:
        reader = Reader(tokens)
        reader.place = index + 1
        bulk, *options = reader.parenthesised()
        reader.expect("WITH")
        columns = reader.parenthesised()
        self.end = reader.place
        if keyword(bulk[0]) != "BULK":
            raise SqlServerError(102, "Incorrect syntax near 'OPENROWSET'.")
        self.paths = [token.text for token in bulk[1:] if keyword(token) not in ("(", ")", ",")]
        self.options = {keyword(option[0]): option[2].text for option in options}
        self.columns = [column_of(column)[0] for column in columns]
        self.parquet = self.options.get("FORMAT", "").upper() == "PARQUET"
        allowed = {"DATA_SOURCE", "FORMAT"} | (set() if self.parquet else _TEXT_OPTIONS)
        if unknown := set(self.options) - allowed:
            raise SqlServerError(102, f"Incorrect syntax near '{unknown.pop()}'.")

    def duckdb(self, server: Reads, session: Session, tells: bool) -> str:
        """Return what it reads as DuckDB's SQL; if it is to tell, with each row's file."""
        for column in self.columns:
            server.check_read(column)
        selects = []
        for storage, path in files(server, session, self.options, self.paths):
            local = storage.local(path)
            values, source = self._rows(session, local) if self.parquet else self._text(local)
            if tells:
                values += f', {_text(path.rpartition("/")[2])} as "filename()"'
                values += f', {_text(f"{storage.url}/{path}")} as "filepath()"'
            selects.append(f"select {values} from ({source})")
        return "(" + " union all ".join(selects) + ")"

    def _rows(self, session: Session, local: Path) -> tuple[str, str]:
        """Columns of a Parquet file by their names; one that it lacks is null."""
        source = f"from read_parquet({_text(local)})"
        # Of the types, DuckDB does not tell one form of a time without a zone from the other.
        described = session.connection.execute(
            "select name, if(schema.type = 'INT96', 'INT96', column_type)"
            f" from (describe {source}) join parquet_schema({_text(local)}) as schema"
            " on column_name = name"
        ).fetchall()
        found = dict(described)
        values = [parquet_value(column, found.get(column.name)) for column in self.columns]
        return ", ".join(values), source

    def _text(self, local: Path) -> tuple[str, str]:
        """One column: lines, or the whole file, between terminators that no text has."""
        options, terminator = self.options, self.options.get("ROWTERMINATOR")
        ends = {options.get("FIELDTERMINATOR"), options.get("FIELDQUOTE")}
        if ends != {"0x0b"} or len(self.columns) != 1 or options.get("FORMAT", "").upper() != "CSV":
            raise UnknownSqlError(f"no rule for OPENROWSET with {options}")
        value = f"c1 as {_quoted(self.columns[0].name)}"
        if terminator == "0x0b":
            return value, f"select content as c1 from read_text({_text(local)})"
        if terminator != "0x0a":
            raise UnknownSqlError(f"no rule for the row terminator {terminator}")
        lines = "string_split(rtrim(content, chr(10)), chr(10))"
        source = f"select unnest({lines}) as c1 from read_text({_text(local)}) where content <> ''"
        return value, source


def files(
    server: Reads, session: Session, options: Mapping[str, str], paths: Sequence[str]
) -> Iterator[tuple[Storage, str]]:
    """Return the files that paths name; the server's error for a path that has none."""
    for path in paths:
        storage, place = server.place(session, options, path)
        found = storage.found(place)
        if "*" in place:
            found = [file for file in found if file.rpartition("/")[2][0] not in "_."]
        if not found and "*" in place:
            raise SqlServerError(
                13807, f"Content of directory on path '{storage.url}/{place}' cannot be listed."
            )
        if not found:
            raise SqlServerError(
                13822,
                f"File '{storage.url}/{place}' cannot be opened because it does not exist or it"
                " is used by another process.",
            )
        yield from ((storage, file) for file in found)


def parquet_value(column: Column, found: str | None) -> str:
    """Return a column of a Parquet file as DuckDB's SQL, of the type that WITH gives it."""
    quoted, wanted = _quoted(column.name), column.type
    if found is None:
        return f"cast(null as {wanted.duckdb}) as {quoted}"
    if wanted.name not in _FITTING.get(found.partition("(")[0], ()):
        raise SqlServerError(
            13812, f"Column '{column.name}' of type {wanted.name} is not compatible with {found}."
        )
    if found == "TIMESTAMP WITH TIME ZONE":
        return f"{quoted} at time zone 'UTC' as {quoted}"
    if wanted.max_length > 0 and wanted.is_text:
        error = f"error('String or binary data would be truncated, column {column.name}.')"
        return (
            f"case when strlen({quoted}) > {wanted.max_length} then {error} else {quoted} end"
            f" as {quoted}"
        )
    if found.startswith("DECIMAL"):
        return f"cast({quoted} as {wanted.duckdb}) as {quoted}"
    return quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
