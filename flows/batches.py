"""Batches and the quarantine, for whoever runs the product: behind `c360 batches` and its like."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from flows.azure_settings import LAKE_VARIABLE, check_settings
from flows.base_run import move_old_layout
from flows.terminal import plain
from ingest import batches, upgrade
from ingest.batch import Batch
from ingest.batches import Quarantined, Released
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake.errors import InputError
from lake.local import LocalLake
from lake.manifest import Manifest
from lake.opening import open_lake
from lake.store import Lake
from warehouse.home import Home, project_dir

NAMED = 3  # of a batch's files


def print_batches(console: Console, home: Home, target: str) -> None:
    """Print what arrived, batch by batch."""
    entries = batches.list_batches(lake_to_read(home, target))
    if not entries:
        console.print("Nothing has arrived yet.")
        return
    for each in entries:
        rows = "1 row" if each.rows == 1 else f"{each.rows:,} rows"
        malformed = f" (and {each.malformed_rows:,} malformed)" if each.malformed_rows else ""
        _print_entry(
            console,
            each.batch_id,
            f"{each.outcome}; arrived {each.created_at}",
            f"{rows}{malformed} of {', '.join(each.entities)}",
            f"from {_listed(each.sources)}",
        )


def print_quarantine(console: Console, home: Home, target: str) -> None:
    """Print the files in quarantine, and why they are there."""
    held = batches.quarantined(lake_to_read(home, target))
    if not held:
        console.print("Nothing is in quarantine.")
        return
    for each in held:
        record = each.record
        _print_entry(
            console,
            each.id,
            f"{record.source}, {record.bytes:,} bytes, of {record.entity}; since "
            f"{each.manifest.created_at}",
            record.reason or "",
        )
    console.print(
        "\n`c360 quarantine release ID` reads a file again, `c360 quarantine drop ID` removes it.",
        highlight=False,
        soft_wrap=True,
    )


def retract(home: Home, target: str, batch: str) -> Manifest:
    """Take a batch back; what is published changes with the next run."""
    with held(home, target) as lake:
        return batches.retract(lake, batch)


def release(home: Home, target: str, ids: Sequence[str] | None, sources: Path | None) -> Released:
    """Read files in quarantine again, all for want of ids; the next run publishes them."""
    contract = load_contract(project_dir())
    declarations = load_declarations(sources, contract)
    with held(home, target) as lake:
        batch = Batch(lake, contract, declarations)
        return batches.release(lake, contract, declarations, ids, batch)


def drop(home: Home, target: str, ids: Sequence[str] | None) -> list[Quarantined]:
    """Remove files from quarantine, all for want of ids."""
    with held(home, target) as lake:
        return batches.drop(lake, ids)


def lake_to_read(home: Home, target: str) -> Lake:
    """Return the lake as it is; raise when an earlier version of the product left it."""
    lake = _lake(home, target)
    if upgrade.is_needed(lake):
        raise InputError(
            f"The lake {lake.uri('')} is as an earlier version left it. Run `c360 run` once, which "
            "brings it up to date."
        )
    return lake


@contextmanager
def held(home: Home, target: str) -> Iterator[Lake]:
    """Take the lake as a run does, and finish what an earlier command may have left half done."""
    home.prepare()
    lake = _lake(home, target)
    with home.lock(), lake.exclusive():
        move_old_layout(lake)
        batches.settle(lake)
        yield lake


def _lake(home: Home, target: str) -> Lake:
    if target == "local":
        return LocalLake(home.lake)
    check_settings()
    return open_lake(os.environ[LAKE_VARIABLE])


def _print_entry(console: Console, title: str, *lines: str) -> None:
    console.print(plain(title, "bold"), highlight=False, soft_wrap=True)
    for line in lines:
        console.print(plain(f"  {line}"), highlight=False, soft_wrap=True)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join([*names[:NAMED], *([f"{more:,} more"] if more > 0 else [])])
