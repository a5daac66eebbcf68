"""What is kept of who is who in the lake: versions of it, and the one that counts.

A version is a folder of tables and of what the model has learned. It is not derived from bronze: a
person's id is in no file that arrived. So it outlives a build of everything.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lake import paths
from lake.store import Lake
from lake.versions import PublishedEntity, kept_versions, version_of

LOADED = ("matched_customers", "person_aliases", "possible_duplicates")
"""The tables of a version that gold and the marts are made from."""

_VERSION = "_version"


def current_version(lake: Lake) -> str | None:
    """Return the version that counts; none before the first."""
    content, _ = lake.read_versioned(paths.IDENTITY_PUBLISHED)
    return json.loads(content)["version"] if content else None


def publish(lake: Lake, version: str) -> None:
    """Make a version the one that counts."""
    lake.write_bytes(paths.IDENTITY_PUBLISHED, json.dumps({"version": version}).encode() + b"\n")


def restore(lake: Lake, version: str | None) -> None:
    """Make a version that counted before the one that counts again; None: none did."""
    if version:
        publish(lake, version)
    else:
        lake.delete(paths.IDENTITY_PUBLISHED)


def is_whole(lake: Lake, version: str) -> bool:
    """Tell whether a version is there, and those whose records it goes on with."""
    return has_knowledge(lake, version) and all(
        has_table(lake, part, "records") for part in record_parts(lake, version)
    )


def tidy(lake: Lake) -> None:
    """Remove all versions but those that count, and those whose records they go on with.

    That is the current one, and those that counted when silver's kept versions were published.
    """
    current = current_version(lake)
    kept = {current, *(record_parts(lake, current) if current else [])}
    for before in {each.identity for each in kept_versions(lake)}:
        if before and has_knowledge(lake, before):
            kept |= {before, *record_parts(lake, before)}
    folder = paths.identity_version("")
    versions = {path.removeprefix(folder).partition("/")[0] for path in lake.list(folder)}
    for version in versions - kept:
        lake.delete_tree(paths.identity_version(version))


def record_parts(lake: Lake, version: str) -> list[str]:
    """Return the versions that have the records of one, the oldest first; later ones' count."""
    parts: list[str] = read_knowledge(lake, version).get("record_parts", [version])
    return parts


def load_records(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    version: str,
    into: str,
    columns: list[str] | None = None,
) -> None:
    """Make a table of the records that a version goes on with, also of who is gone since.

    A later part's row of a customer takes the place of earlier ones'.
    """
    newer: list[str] = []
    selects = []
    for number, part in enumerate(reversed(record_parts(lake, version))):
        name = f"records_part_{number}"
        connection.register(name, read_table(lake, part, "records", columns))
        conditions = "".join(f" anti join {other} using (n)" for other in newer)
        selects.append(f"select there.* from {name} as there{conditions}")
        newer.append(name)
    connection.execute(f"create or replace table {into} as {' union all by name '.join(selects)}")
    for name in newer:
        connection.unregister(name)


def read_table(lake: Lake, version: str, name: str, columns: list[str] | None = None) -> pa.Table:
    """Return a table of a version."""
    with lake.open_read(paths.identity_table(version, name)) as file:
        return pq.ParquetFile(file).read(columns=columns)


def has_knowledge(lake: Lake, version: str) -> bool:
    """Tell whether a version is there."""
    return lake.exists(_knowledge(version))


def has_table(lake: Lake, version: str, name: str) -> bool:
    """Tell whether a version has a table."""
    return lake.exists(paths.identity_table(version, name))


def write_table(lake: Lake, version: str, name: str, table: pa.Table) -> None:
    """Write a table of a version."""
    write_parquet(lake, paths.identity_table(version, name), table)


def write_parquet(lake: Lake, path: str, table: pa.Table) -> None:
    """Write a table to a file, its times in the one form that every engine reads as times.

    T-SQL's OPENROWSET takes those of newer forms that are in no time zone for whole numbers.
    """
    with lake.open_write(path) as file:
        pq.write_table(table, file, compression="zstd", use_deprecated_int96_timestamps=True)


def read_knowledge(lake: Lake, version: str) -> dict[str, Any]:
    """Return what else a version knows: the model, limits, settings, what was told."""
    known: dict[str, Any] = json.loads(lake.read_bytes(_knowledge(version)))
    return known


def write_knowledge(lake: Lake, version: str, known: Mapping[str, Any]) -> None:
    """Write it."""
    lake.write_bytes(_knowledge(version), json.dumps(known).encode() + b"\n")


def _knowledge(version: str) -> str:
    return f"{paths.identity_version(version)}/knowledge.json"


def newer_than(entity: PublishedEntity, version: str) -> PublishedEntity:
    """Return what later versions added to a relation of silver."""
    return PublishedEntity(
        [folder for folder in entity.parts if version_of(folder) > version],
        0,
        [folder for folder in entity.superseded if version_of(folder) > version],
    )


def key_type(lake: Lake, entity: PublishedEntity, key: str) -> str:
    """Return the type of a relation's key, as DuckDB names it."""
    for folder in entity.parts:
        for path in lake.list(folder, recursive=True):
            with lake.open_read(path) as file:
                field = pq.ParquetFile(file).schema_arrow.field(key)
                return "BIGINT" if pa.types.is_integer(field.type) else "VARCHAR"
    return "BIGINT"


def load_entity(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    entity: PublishedEntity,
    into: str,
    columns: list[str],
    key: str | None = None,
) -> None:
    """Make a table of columns of the rows of a relation of silver that count.

    Of a relation with a `key`, later parts' rows of a key take the place of earlier ones'.
    """
    listed = ", ".join(columns)
    read = [*columns, _VERSION] if key else columns
    parts = [table for folder in entity.parts if (table := _part(lake, folder, read)) is not None]
    where = ""
    if key:
        load_changed_keys(connection, lake, entity, "silver_changes", key)
        where = (
            f"anti join silver_changes as changed on there.{key} = changed.{key} "
            f"and changed.changed_in > there.{_VERSION}"
        )
    with _shown(connection, "silver_part", parts, read):
        connection.execute(
            f"create or replace table {into} as select {listed} from silver_part as there {where}"
        )


def load_changed_keys(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    entity: PublishedEntity,
    into: str,
    key: str,
) -> None:
    """Make a table of the keys that versions changed, each with the last that did."""
    columns = [key, "fate", _VERSION]
    changes = [
        table for folder in entity.superseded if (table := _part(lake, folder, columns)) is not None
    ]
    with _shown(connection, "changes_part", changes, columns):
        connection.execute(
            f"create or replace table {into} as select {key}, max({_VERSION}) as changed_in "
            f"from changes_part where fate is null group by {key}"
        )


@contextmanager
def _shown(
    connection: duckdb.DuckDBPyConnection, name: str, tables: list[pa.Table], columns: list[str]
) -> Iterator[None]:
    """Have the tables be seen as one by a name; without any there is one of no rows."""
    if tables:
        connection.register(name, pa.concat_tables(tables, promote_options="permissive"))
        yield
        connection.unregister(name)
    else:
        nothing = ", ".join(f"null as {column}" for column in columns)
        connection.execute(f"create temp view {name} as select {nothing} limit 0")
        yield
        connection.execute(f"drop view {name}")


def _part(lake: Lake, folder: str, columns: list[str]) -> pa.Table | None:
    tables = []
    for path in lake.list(folder, recursive=True):
        if path.endswith(".parquet"):
            with lake.open_read(path) as file:
                tables.append(pq.ParquetFile(file).read(columns=columns))
    return pa.concat_tables(tables, promote_options="permissive") if tables else None
