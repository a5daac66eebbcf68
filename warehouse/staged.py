"""The warehouse that a run builds in: a copy of the published one, unless somebody writes to it."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from lake import paths
from lake.errors import C360Error
from lake.store import Lake
from lake.versions import LAYERS
from warehouse.home import Home

# Somebody who just has a quick look at the warehouse should not fail a run.
OPEN_ATTEMPTS = 5
OPEN_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class WarehouseState:
    """Tells whether another program has written to the published warehouse since."""

    identity: tuple[int, int, int] | None
    path: Path = field(compare=False)

    @classmethod
    def of(cls, path: Path) -> "WarehouseState":
        """Return the state the file is in now."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return cls(None, path)
        return cls((stat.st_ino, stat.st_size, stat.st_mtime_ns), path)


def stage_warehouse(home: Home) -> WarehouseState:
    """Copy the published warehouse, with its history and the tables users made, to build on.

    Returns the state it was in before it was copied, for `publish` to see that it is still the
    same: the copy then has all that was written to it.
    """
    try:
        home.staging.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise C360Error(
            f"{home.staging} is a file, but has to be a folder. Remove it and run again."
        ) from error
    check_free(home)
    copied = WarehouseState.of(home.warehouse)
    if home.warehouse.exists():
        shutil.copyfile(home.warehouse, home.staged_warehouse)
    if WarehouseState.of(home.warehouse) != copied:
        raise C360Error(
            f"another program wrote to {home.warehouse} while it was copied, so nothing was "
            "changed. Run again.",
            passing=True,
        )
    return copied


def rewrite_warehouse(home: Home, customer_ids: Sequence[str]) -> None:
    """Write the warehouse under construction into a new file, without what was deleted from it.

    DuckDB leaves in a file what was deleted, until something else takes its place. Rows of these
    customers are deleted first in tables that no build makes, such as the history that an earlier
    version kept.
    """
    new = home.staged_warehouse.with_suffix(".new")
    new.unlink(missing_ok=True)
    listed = ", ".join("'" + each.replace("'", "''") + "'" for each in customer_ids) or "null"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{_quoted(home.staged_warehouse)}' as old")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_columns() "
            "where database_name = 'old' and column_name = 'customer_id' "
            "intersect select schema_name, table_name from duckdb_tables() "
            "where database_name = 'old'"
        ).fetchall()
        for schema, table in tables:
            connection.execute(
                f'delete from old."{schema}"."{table}" '
                f"where cast(customer_id as varchar) in ({listed})"
            )
        connection.execute(f"attach '{_quoted(new)}' as new")
        connection.execute("copy from database old to new")
        connection.execute("detach new")
        connection.execute("detach old")
    os.replace(new, home.staged_warehouse)
    write_ahead_log(home.staged_warehouse).unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def check_free(home: Home) -> None:
    """Raise when the published warehouse is open for writing, so that a run could not copy it."""
    if home.warehouse.exists():
        _settle(home.warehouse)


def is_untouched(home: Home, lake: Lake) -> bool:
    """Tell whether the warehouse is there, and nobody has written to it since it was published."""
    return (
        home.warehouse.exists()
        and not write_ahead_log(home.warehouse).exists()
        and home.warehouse.stat().st_mtime_ns <= Path(lake.uri(paths.PUBLISHED)).stat().st_mtime_ns
    )


def is_whole(warehouse: Path, lake: Lake) -> bool:
    """Tell whether all that a warehouse reads of the lake is there, and in this lake."""
    with duckdb.connect(warehouse, read_only=True) as connection:
        views = connection.execute(
            "select sql from duckdb_views() where schema_name in ('silver', 'staging')"
        ).fetchall()
    files = {
        file.replace("''", "'")
        for (sql,) in views
        for file in re.findall(r"'((?:[^']|'')*\.parquet)'", sql)
    }
    return all(file.startswith(f"{lake.uri('')}/") and Path(file).exists() for file in files)


def write_ahead_log(database: Path) -> Path:
    """Return the file in which DuckDB has what it has not added to the database yet."""
    return database.with_name(database.name + ".wal")


def folders_shown(warehouse: Path) -> set[str]:
    """Return the folders of versions that the views of a warehouse read."""
    if not warehouse.exists():
        return set()
    with duckdb.connect(warehouse, read_only=True) as connection:
        views = connection.execute("select sql from duckdb_views() where not internal").fetchall()
    layers = "|".join(LAYERS)
    return {
        folder
        for (sql,) in views
        for folder in re.findall(rf"/((?:{layers})(?:/[^/']+){{2,3}})/[^/']+'", sql)
    }


def _settle(warehouse: Path) -> None:
    """Make sure that nobody is writing to the warehouse and that all of it is in its one file."""
    for attempt in range(OPEN_ATTEMPTS):
        try:
            # Opened to write only after a process that wrote was killed: DuckDB then adds its log.
            duckdb.connect(warehouse, read_only=not write_ahead_log(warehouse).exists()).close()
            return
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise C360Error(
                    f"{warehouse} cannot be opened: {_first_line(error)} Move it away to have it "
                    "built anew (your own tables are in it)."
                ) from error
            locked = _first_line(error)
            if attempt + 1 < OPEN_ATTEMPTS:
                time.sleep(OPEN_WAIT_SECONDS)
    process = re.search(r"PID (\d+)", locked)
    raise C360Error(
        f"{warehouse} is open for writing in another program"
        f"{f' (process {process[1]})' if process else ''}, so nothing was changed. Close it there "
        "and run again.",
        passing=True,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
