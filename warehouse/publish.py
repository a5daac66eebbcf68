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

import os
import shutil
from pathlib import Path
from typing import Any

from identity import store as identity_store
from lake import paths
from lake.durable import files_under, make_durable, sync_folder, write_durably
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
from warehouse.staged import WarehouseState, check_free, folders_shown, write_ahead_log


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
            state.get("epoch"),
        )
        for name, state in states.items()
        if "parts" in state and not name.startswith("stg_")
    }


def publish(home: Home, lake: Lake, new: Published, copied: WarehouseState) -> None:
    """Make the staged build the published one."""
    check_files(lake, new)
    if write_ahead_log(home.staged_warehouse).exists():
        raise C360Error(
            f"{home.staged_warehouse} is still open, so nothing was published. Run again.",
            passing=True,
        )
    current = published(lake)
    added = sorted(set(new.folders).difference(current.folders if current else ()))
    for folder in added:
        follow_folder(Path(lake.uri(folder)))
    make_durable(
        [
            home.staged_warehouse,
            *files_under(home.staged_docs),
            *files_under(home.staged_report),
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
    write_durably(home.intent, new.to_json())
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
    identity_store.tidy(lake)
    return remove_versions(lake, folders_shown(home.warehouse), before)


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
    sync_folder(home.root)
    if new.identity:
        identity_store.publish(lake, new.identity)
        follow_folder(Path(lake.uri(paths.IDENTITY)))
    lake.write_bytes(paths.PUBLISHED, new.to_json())
    follow_folder(Path(lake.uri(paths.PUBLISHED)))
    home.intent.unlink()
    sync_folder(home.root)
    shutil.rmtree(home.staging, ignore_errors=True)
