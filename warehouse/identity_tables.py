"""Has what is known of who is who in a DuckDB warehouse: tables of schema `identity`."""

from identity import store
from lake import paths
from lake.store import Lake
from warehouse.connection import Query

SCHEMA = "identity"


def load_tables(query: Query, lake: Lake, version: str | None) -> None:
    """Make the tables of a version, where they are not there already; without one, empty them.

    `query` asks the warehouse that is built in.
    """
    loaded = _loaded(query)
    if loaded == version:
        return
    query(f"create schema if not exists {SCHEMA}")
    for name in store.LOADED:
        if version is None:
            query(f"delete from {SCHEMA}.{name}")
            continue
        path = lake.uri(paths.identity_table(version, name)).replace("'", "''")
        query(f"create or replace table {SCHEMA}.{name} as select * from read_parquet('{path}')")
    said = "null" if version is None else f"'{version}'"
    query(f"comment on table {SCHEMA}.{store.LOADED[-1]} is {said}")


def _loaded(query: Query) -> str | None:
    """Return the version that the tables are of; the last one that is made says so."""
    rows = query(
        "select comment from duckdb_tables() where database_name = current_database() "
        f"and schema_name = '{SCHEMA}' and table_name = '{store.LOADED[-1]}'"
    )
    return rows[0][0] if rows else None
