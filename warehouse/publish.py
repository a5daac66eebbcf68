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

Before 1 what is published is kept (`kept_versions`). To roll back is to publish a kept version: it
is put into the place of a finished build, and the rest is the same.
"""

import getpass
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from identity import store as identity_store
from lake import audit, paths
from lake.clock import utc_now
from lake.durable import files_under, make_durable, sync_folder, write_durably
from lake.errors import C360Error
from lake.store import Lake
from lake.versions import (
    DEFAULT_RETENTION,
    LAYERS,
    ROLLBACK,
    Kept,
    Published,
    PublishedEntity,
    Retention,
    check_files,
    published,
    remove_versions,
)
from warehouse import kept_versions
from warehouse.home import Home, follow_folder, keep_modes
from warehouse.staged import WarehouseState, check_free, folders_shown, write_ahead_log


@dataclass(frozen=True)
class Rollback:
    """Who rolls back from which version, since when; `identity` is who is who, as it was then."""

    from_version: str
    began_at: str
    by: str
    identity: str | None


@dataclass(frozen=True)
class Intent:
    """What `publish.json` says: the `silver/published.json` to be, and whether it is a rollback."""

    content: bytes
    rollback: Rollback | None = None

    @property
    def published(self) -> Published:
        """What is to be published."""
        return Published.from_json(self.content)

    def to_json(self) -> bytes:
        """Return the file's content; without a rollback it is that of the other file."""
        if not self.rollback:
            return self.content
        said = {"published": self.content.decode(), "rollback": asdict(self.rollback)}
        return json.dumps(said, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "Intent":
        """Read the file's content."""
        try:
            said = json.loads(content)
            if "rollback" in said:
                return cls(said["published"].encode(), Rollback(**said["rollback"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # what is published says what to do about it
        return cls(content)


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
    if current and home.warehouse.exists():
        kept_versions.keep_if_possible(home, lake, current)
    intent = Intent(new.to_json())
    write_durably(home.intent, intent.to_json())
    _roll_forward(home, lake, intent)


def rollback(
    home: Home, lake: Lake, kept: Kept, prepare: Callable[[], None] = lambda: None
) -> None:
    """Make a kept version the published one; what is published is kept in its place.

    `prepare` may change the pages that stand in the staging folder before they are published; these
    are links, so a file has to be replaced, not written.
    """
    current = published(lake)
    assert current
    check_free(home)
    kept_versions.check(home, lake, kept)
    try:
        kept_versions.keep(home, lake, current)
        shutil.rmtree(home.staging, ignore_errors=True)
        home.staging.mkdir()
        kept_versions.link(home.kept(kept.version), Home(home.staging))
    except OSError as error:
        raise C360Error(
            f"{current.version} could not be kept ({error.strerror or error}), so nothing was "
            "changed. See that there is room on the disk and that the home may be written."
        ) from error
    prepare()
    began = Rollback(current.version, utc_now(), getpass.getuser(), kept.identity)
    intent = Intent(kept.content, began)
    write_durably(home.intent, intent.to_json())
    _roll_forward(home, lake, intent)


def recover(home: Home, lake: Lake) -> str | None:
    """Complete a publish that was cut short, remove what else a killed run left.

    Returns what was done, for the log; None when there was nothing to do.
    """
    done = None
    if home.intent.exists():
        intent = Intent.from_json(home.intent.read_bytes())
        what = "rollback to" if intent.rollback else "publish of"
        done = f"Completed the {what} {intent.published.version} that an earlier run had begun"
        _roll_forward(home, lake, intent)
    elif home.staging.exists():
        done = "Removed what an earlier run left under construction"
    shutil.rmtree(home.staging, ignore_errors=True)
    for layer in LAYERS:
        lake.remove_temporaries(layer)
    current = published(lake)
    kept_versions.remove(home, lake, [current.version] if current else [])
    return done


def tidy(
    home: Home, lake: Lake, before: str, retention: Retention = DEFAULT_RETENTION
) -> list[str]:
    """Remove the versions up to `before` that nobody needs, the warehouse's readers included.

    Nobody needs those that are kept longer than `retention` says.
    """
    kept_versions.remove_overdue(home, lake, retention)
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


def _roll_forward(home: Home, lake: Lake, intent: Intent) -> None:
    new = intent.published
    if home.staged_warehouse.exists():
        keep_modes(home.warehouse, home.staged_warehouse)
        os.replace(home.staged_warehouse, home.warehouse)
    exchange_pages(home)
    sync_folder(home.root)
    if intent.rollback:
        identity_store.restore(lake, intent.rollback.identity)
    elif new.identity:
        identity_store.publish(lake, new.identity)
    if new.identity:
        follow_folder(Path(lake.uri(paths.IDENTITY)))
    lake.write_bytes(paths.PUBLISHED, intent.content)
    follow_folder(Path(lake.uri(paths.PUBLISHED)))
    if intent.rollback:
        kept_versions.remove(home, lake, [new.version])
        _record(lake, new.version, intent.rollback)
    home.intent.unlink()
    sync_folder(home.root)
    shutil.rmtree(home.staging, ignore_errors=True)


def _record(lake: Lake, version: str, rollback: Rollback) -> None:
    """Write a rollback to the audit log, once, however often it was begun."""
    detail = {
        "version": version,
        "from_version": rollback.from_version,
        "began_at": rollback.began_at,
    }
    if not any(each.action == ROLLBACK and each.detail == detail for each in audit.read(lake)):
        audit.record(lake, ROLLBACK, by=rollback.by, **detail)
