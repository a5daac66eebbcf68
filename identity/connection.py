"""The database in memory that matching works in."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb


@contextmanager
def workspace(**config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open it; `config` is DuckDB's."""
    with duckdb.connect(config=config) as connection:
        connection.execute("set enable_progress_bar = false")
        yield connection
    # What Splink leaves refers to itself, and to the database, whose threads Python must not find
    # at its end.
    gc.collect()


def fetch_one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Return the one value that a question has; None for null."""
    ((value,),) = connection.execute(sql).fetchall()
    return value
