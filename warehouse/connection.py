"""Opens a DuckDB warehouse to read, with the memory that a run may take."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from lake.errors import C360Error, InputError
from warehouse.home import Home

Query = Callable[[str], list[tuple[Any, ...]]]
"""Asks a warehouse a question, whatever engine it is on; returns all rows."""

Key = int | str
"""The id of a customer or an account, as it is in the warehouse."""

MEMORY_VARIABLE = "C360_MEMORY_LIMIT"
LEAST_GIGABYTES = 2  # what profiles.example.yml gives dbt
BYTES_A_ROW = 45  # that a build of everything needs to sort and group in, spilling the rest
STORED_BYTES_A_ROW = 45  # in a warehouse, about


def literal(value: Key) -> str:
    """Return an id, or another text, as it is written in SQL; every engine takes it so.

    >>> literal(17), literal("O'Neill")
    ('17', "N'O''Neill'")
    """
    return str(value) if isinstance(value, int) else "N'" + value.replace("'", "''") + "'"


def memory_limit(rows: int = 0) -> str:
    """Return what DuckDB may take: C360_MEMORY_LIMIT, or 2 GB, and more where many rows arrived.

    It is no more than half of what the machine has.
    """
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    needed = math.ceil(min(rows * BYTES_A_ROW, half) / 1e9)
    return os.environ.get(MEMORY_VARIABLE, f"{max(LEAST_GIGABYTES, needed)}GB")


def read_only(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """Open a warehouse to read; what does not fit into the memory is spilled beside it."""
    rows = warehouse.stat().st_size // STORED_BYTES_A_ROW if warehouse.exists() else 0
    return duckdb.connect(warehouse, read_only=True, config={"memory_limit": memory_limit(rows)})


def open_warehouse(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse to read; raise when there is none or it cannot be opened."""
    if home.ran_on_azure:
        raise InputError(
            f"{home.root} has no warehouse, since its runs are on Azure: `c360 status --target "
            "azure` shows what is published there. Each run writes the report "
            f"({home.report / 'index.html'}) and the documentation ({home.docs / 'index.html'}); "
            "`c360 docs --serve` shows both. Customers are found in the report, by `c360 person "
            "find … --target azure`, and in Azure SQL in marts.customer_360."
        )
    if not home.warehouse.exists():
        raise InputError(
            f"Nothing is published in {home.root} yet; run `c360 run --input DIR` or `c360 demo` "
            "first, or name another --home."
        )
    try:
        return read_only(home.warehouse)
    except duckdb.IOException as error:
        raise C360Error(
            f"{home.warehouse} cannot be opened: {str(error).splitlines()[0]} "
            "If another program has it open for writing, close it there."
        ) from error


def built_states(warehouse: Path) -> dict[str, dict[str, Any]]:
    """Return what each relation was built from, as the macro `built` tells; none before a build."""
    with read_only(warehouse) as connection:
        try:
            rows = connection.execute("select relation, state from staging.built").fetchall()
        except duckdb.CatalogException:  # built by an earlier version of the product
            return {}
    return {relation: json.loads(state) for relation, state in rows}


def made_with(warehouse: Path) -> str | None:
    """Return the code of the project that made the warehouse's seeds and views, if it is one."""
    if not warehouse.exists():
        return None
    project = built_states(warehouse).get("project", {})
    return None if project.get("lacking") else project.get("code")
