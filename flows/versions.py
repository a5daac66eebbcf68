"""Versions that were published: behind `c360 versions`, `c360 rollback` and `c360 tidy`."""

import shutil
from pathlib import Path

from rich.console import Console

from flows.batches import lake_to_read
from flows.headlines import Headline
from flows.rewrite import write_report
from flows.summary import print_table
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.retention import is_due, limits
from lake import versions
from lake.clock import now
from lake.errors import InputError
from lake.local import LocalLake
from lake.manifest import committed_batches
from lake.store import Lake
from lake.versions import Published
from pages.report import page
from warehouse import kept_versions
from warehouse import publish as publishing
from warehouse.connection import read_only
from warehouse.home import Home, project_dir


def print_versions(console: Console, home: Home, target: str) -> None:
    """Print the published version and those that are kept, the newest first."""
    lake = lake_to_read(home, target)
    current = versions.published(lake)
    if not current:
        console.print("Nothing is published yet.")
        return
    entry = versions.rolled_back(lake)
    back = f"; rolled back to by {entry.by} at {entry.at}" if entry else ""
    told = {current.version: (current, f"published{back}")}
    for kept in versions.kept_versions(lake):
        told[kept.version] = (kept.published, f"kept since {kept.kept_at}")
    rows = [
        (version, record.published_at, f"{len(record.batches):,}", what)
        for version, (record, what) in sorted(told.items(), reverse=True)
    ]
    columns = ("Version", "Published at", "Batches", "Now")
    print_table(console, Headline("Versions", columns, rows))
    if len(rows) > 1:
        console.print(
            "\n`c360 rollback VERSION` publishes one that is kept again.",
            highlight=False,
            soft_wrap=True,
        )


def roll_back(console: Console, home: Home, version: str | None, pii: bool) -> None:
    """Publish a kept version again, on this machine; the one before for want of a version.

    Without `pii` a report that was published with personal data is written anew.
    """
    home.prepare()
    lake = LocalLake(home.lake)

    def prepare() -> None:
        if not (pii or page.is_of(home.staged_report, kept.version, personal_data=False)):
            shutil.rmtree(home.staged_report, ignore_errors=True)
            with read_only(home.staged_warehouse) as connection:
                write_report(
                    home, lambda sql: connection.execute(sql).fetchall(), kept.version, pii
                )

    with home.lock():
        if done := publishing.recover(home, lake):
            console.print(done, highlight=False, soft_wrap=True)
        current = versions.published(lake)
        kept = versions.find_kept(lake, version)
        publishing.rollback(home, lake, kept, prepare)
    assert current  # or none would have been found
    _tell(console, lake, current.version, kept.published)


def roll_back_on_azure(console: Console, home: str, version: str | None, pii: bool) -> None:
    """Do the same on Azure, where gold and the marts are built from the version's silver."""
    from flows.azure_rollback import roll_back

    done = roll_back(home, version, pii)
    assert done.published
    _tell(console, done.lake, done.from_version, done.published)


def _tell(console: Console, lake: Lake, from_version: str, now: Published) -> None:
    """Say what a rollback did, and what the next run will do."""
    lacking = sorted(set(committed_batches(lake)) - set(now.batches))
    lines = [
        f"Rolled back: {now.version} of {now.published_at} is published again, in the place of "
        f"{from_version}, which is kept."
    ]
    if lacking:
        lines += [
            "The next run goes on from it with all that is in the lake, and so takes in again what "
            f"it lacks: {', '.join(lacking)}.",
            "To keep a batch out, take it back: `c360 retract BATCH` (`c360 batches` says what is "
            "in it).",
        ]
    else:
        lines.append("The next run goes on from it with all that is in the lake.")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def tidy(console: Console, home: Home, sources: Path | None) -> bool:
    """Remove the versions that are no longer to be kept, as the end of a run does.

    Returns whether there may be rows that are no longer to be kept, which a run takes out.
    """
    contract = load_contract(project_dir())
    declarations = load_declarations(sources, contract)
    retention = declarations.versions
    home.prepare()
    lake = LocalLake(home.lake)
    with home.lock():
        publishing.recover(home, lake)
        current = versions.published(lake)
        if not current:
            raise InputError("Nothing is published yet, so there is nothing to tidy.")
        gone = kept_versions.remove_overdue(home, lake, retention)
        publishing.tidy(home, lake, max([current.version, *gone]), retention)
    for version in gone:
        console.print(f"Removed version {version}", highlight=False)
    if not gone:
        console.print(
            f"Nothing to remove: up to {retention.keep} versions are kept beside the published "
            f"one, for {retention.days:g} days.",
            highlight=False,
            soft_wrap=True,
        )
    return is_due(lake, limits(contract, declarations, now().date()))
