"""Makes a finished build visible all at once, and puts right what a killed run left.

A run builds beside what is published: silver in folders of a new version, gold and marts in a copy
of the warehouse. Publishing writes down what it is about to do, and only then does it:

1. `publish.json`, the intent; from here on the new version is the one that counts
2. the warehouse under construction is renamed over `warehouse.duckdb`, which is one step for the
   system: whoever opens it sees the old state or the new one, whoever has it open keeps the old one
3. the documentation and the report are exchanged
4. `silver/published.json` is written
5. the intent is removed

A run killed before 1 has published nothing, and the next run removes what it built. A run killed
later is completed by the next run, which repeats the steps; one that is done already does nothing.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from lake import paths
from lake.errors import C360Error
from lake.store import Lake
from lake.versions import (
    LAYERS,
    Published,
    PublishedEntity,
    check_files,
    published,
    remove_versions,
)
from warehouse.home import Home, follow_folder, keep_modes

logger = logging.getLogger(__name__)

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


def entities_of(states: dict[str, dict[str, Any]]) -> dict[str, PublishedEntity]:
    """Return the relations of silver by their states (`built_states`), with their parts."""
    return {
        name: PublishedEntity(
            [paths.silver_version(name, version) for version in state["parts"]],
            state["rows"],
            [
                paths.superseded(name, version)
                for version in state.get("changes", state["parts"])
                if "replaced" in state
            ],
            state.get("replaced", 0),
        )
        for name, state in states.items()
        if "parts" in state and not name.startswith("stg_")
    }


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


def check_free(home: Home) -> None:
    """Raise when the published warehouse is open for writing, so that a run could not copy it."""
    if home.warehouse.exists():
        _settle(home.warehouse)


def is_untouched(home: Home, lake: Lake) -> bool:
    """Tell whether the warehouse is there, and nobody has written to it since it was published."""
    return (
        home.warehouse.exists()
        and not _write_ahead_log(home.warehouse).exists()
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


def publish(home: Home, lake: Lake, new: Published, copied: WarehouseState) -> None:
    """Make the staged build the published one."""
    check_files(lake, new)
    if _write_ahead_log(home.staged_warehouse).exists():
        raise C360Error(
            f"{home.staged_warehouse} is still open, so nothing was published. Run again.",
            passing=True,
        )
    current = published(lake)
    added = sorted(set(new.folders).difference(current.folders if current else ()))
    for folder in added:
        follow_folder(Path(lake.uri(folder)))
    _make_durable(
        [
            home.staged_warehouse,
            *_files_under(home.staged_docs),
            *_files_under(home.staged_report),
        ]
        + [Path(lake.uri(file)) for folder in added for file in lake.list(folder, recursive=True)]
    )
    # Asked last of all: what is written to the disk before can take minutes.
    check_free(home)
    if WarehouseState.of(home.warehouse) != copied:
        raise C360Error(
            f"another program wrote to {home.warehouse} during the run, so nothing was published "
            "and its changes are kept. Run again.",
            passing=True,
        )
    _write_durably(home.intent, new.to_json())
    _roll_forward(home, lake, new)


def recover(home: Home, lake: Lake) -> str | None:
    """Complete a publish that was cut short, remove what else a killed run left.

    Returns what was done, for the log; None when there was nothing to do.
    """
    done = None
    if home.intent.exists():
        new = Published.from_json(home.intent.read_bytes())
        _roll_forward(home, lake, new)
        done = f"Completed the publish of {new.version} that an earlier run had begun"
    elif home.staging.exists():
        done = "Removed what an earlier run left under construction"
    shutil.rmtree(home.staging, ignore_errors=True)
    for layer in LAYERS:
        lake.remove_temporaries(layer)
    return done


def tidy(home: Home, lake: Lake, before: str) -> list[str]:
    """Remove the versions up to `before` that nobody needs, the warehouse's readers included."""
    return remove_versions(lake, _folders_shown(home.warehouse), before)


def exchange_pages(home: Home) -> None:
    """Put documentation and report under construction, if any, in the place of the published."""
    for staged, shown in ((home.staged_docs, home.docs), (home.staged_report, home.report)):
        if staged.exists():
            if shown.exists():
                shutil.rmtree(home.replaced(shown), ignore_errors=True)
                keep_modes(shown, staged)
                os.replace(shown, home.replaced(shown))
            os.replace(staged, shown)


def _roll_forward(home: Home, lake: Lake, new: Published) -> None:
    if home.staged_warehouse.exists():
        keep_modes(home.warehouse, home.staged_warehouse)
        os.replace(home.staged_warehouse, home.warehouse)
    exchange_pages(home)
    _sync_folder(home.root)
    lake.write_bytes(paths.PUBLISHED, new.to_json())
    follow_folder(Path(lake.uri(paths.PUBLISHED)))
    home.intent.unlink()
    _sync_folder(home.root)
    shutil.rmtree(home.staging, ignore_errors=True)


def _settle(warehouse: Path) -> None:
    """Make sure that nobody is writing to the warehouse and that all of it is in its one file."""
    for attempt in range(OPEN_ATTEMPTS):
        try:
            # Opened to write only after a process that wrote was killed: DuckDB then adds its log.
            duckdb.connect(warehouse, read_only=not _write_ahead_log(warehouse).exists()).close()
            return
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise C360Error(
                    f"{warehouse} cannot be opened: {_first_line(error)} Move it away to have it "
                    "built anew (its snapshots and your own tables are in it)."
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


def _folders_shown(warehouse: Path) -> set[str]:
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


def _write_ahead_log(database: Path) -> Path:
    return database.with_name(database.name + ".wal")


def _files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _make_durable(files: Iterable[Path]) -> None:
    """Have the system write the files, and the folders they are in, to the disk."""
    files = list(files)
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for folder in sorted({path.parent for path in files}):
        _sync_folder(folder)


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
