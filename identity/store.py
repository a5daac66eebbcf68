"""What is kept of who is who in the lake: versions of it, and the one that counts.

A version is a folder of tables and of what the model has learned. It is not derived from bronze: a
person's id is in no file that arrived. So it outlives a build of everything.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lake import paths
from lake.store import Lake
from lake.versions import PublishedEntity

LOADED = ("matched_customers", "person_aliases", "possible_duplicates")
"""The tables of a version that gold and the marts are made from."""

_KNOWLEDGE = "knowledge"  # the table of one row with what else a version knows, as JSON
_VERSION = "_version"


def current_version(lake: Lake) -> str | None:
    """Return the version that counts; none before the first."""
    content, _ = lake.read_versioned(paths.IDENTITY_PUBLISHED)
    return json.loads(content)["version"] if content else None


def publish(lake: Lake, version: str) -> None:
    """Make a version the one that counts."""
    lake.write_bytes(paths.IDENTITY_PUBLISHED, json.dumps({"version": version}).encode() + b"\n")


def remove_others(lake: Lake, kept: Iterable[str | None]) -> None:
    """Remove all versions but these."""
    folder = paths.identity_version("")
    versions = {path.removeprefix(folder).partition("/")[0] for path in lake.list(folder)}
    for version in versions - set(kept):
        lake.delete_tree(paths.identity_version(version))


def read_table(lake: Lake, version: str, name: str, columns: list[str] | None = None) -> pa.Table:
    """Return a table of a version."""
    with lake.open_read(paths.identity_table(version, name)) as file:
        return pq.read_table(file, columns=columns)


def has_knowledge(lake: Lake, version: str) -> bool:
    """Tell whether a version is there."""
    return has_table(lake, version, _KNOWLEDGE)


def has_table(lake: Lake, version: str, name: str) -> bool:
    """Tell whether a version has a table."""
    return lake.exists(paths.identity_table(version, name))


def write_table(lake: Lake, version: str, name: str, table: pa.Table) -> None:
    """Write a table of a version."""
    with lake.open_write(paths.identity_table(version, name)) as file:
        pq.write_table(table, file, compression="zstd")


def read_knowledge(lake: Lake, version: str) -> dict[str, Any]:
    """Return what else a version knows: the model, limits, settings, what was told."""
    table = read_table(lake, version, _KNOWLEDGE)
    known: dict[str, Any] = json.loads(table.column("content")[0].as_py())
    return known


def write_knowledge(lake: Lake, version: str, known: Mapping[str, Any]) -> None:
    """Write it."""
    write_table(lake, version, _KNOWLEDGE, pa.table({"content": [json.dumps(known)]}))


def load_entity(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    entity: PublishedEntity,
    into: str,
    columns: list[str],
    key: str | None = None,
) -> None:
    """Make a table of columns of the rows of a relation of silver that count."""
    if key is None:
        parts = [_part(lake, folder, columns) for folder in entity.parts]
        connection.register("silver_part", pa.concat_tables(parts))
        connection.execute(f"create or replace temp table {into} as select * from silver_part")
        connection.unregister("silver_part")
        return
    parts = [_part(lake, folder, [*columns, _VERSION]) for folder in entity.parts]
    changes = [_part(lake, folder, [key, "fate", _VERSION]) for folder in entity.superseded[1:]]
    listed = ", ".join(columns)
    connection.register("silver_part", pa.concat_tables(parts, promote_options="permissive"))
    if not changes:
        connection.execute(
            f"create or replace temp table {into} as select {listed} from silver_part"
        )
    else:
        connection.register(
            "silver_changes", pa.concat_tables(changes, promote_options="permissive")
        )
        connection.execute(
            f"create or replace temp table {into} as select {listed} from silver_part as there "
            f"anti join (select {key}, max({_VERSION}) as changed_in from silver_changes "
            f"where fate is null group by {key}) as changed "
            f"on there.{key} = changed.{key} and changed.changed_in > there.{_VERSION}"
        )
        connection.unregister("silver_changes")
    connection.unregister("silver_part")


def _part(lake: Lake, folder: str, columns: list[str]) -> pa.Table:
    tables = []
    for path in lake.list(folder, recursive=True):
        if path.endswith(".parquet"):
            with lake.open_read(path) as file:
                tables.append(pq.read_table(file, columns=columns))
    return pa.concat_tables(tables, promote_options="permissive")
