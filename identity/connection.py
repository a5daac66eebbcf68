"""The database in memory that matching works in."""

import gc
from collections.abc import Iterable, Iterator, Mapping
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


def make_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    rows: Iterable[Any],
) -> None:
    """Make a table of rows, by the columns' types.

    Not by way of PyArrow, which loads pandas, where it is there, to look at a list.
    """
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    selected = ", ".join(
        f"unnest(${number}::{type_}[]) as {column}"
        for number, (column, type_) in enumerate(columns.items(), start=1)
    )
    connection.execute(
        f"create or replace table {name} as select {selected}", [list(each) for each in values]
    )


def fetch_one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Return the one value that a question has; None for null."""
    ((value,),) = connection.execute(sql).fetchall()
    return value
