"""The versions that are kept in a home beside the published one, each as it was published.

A kept version is its note in the lake, which keeps its folders of silver and of who is who there,
and `versions/<version>/` in the home, with its warehouse, documentation and report. These are hard
links to the very files that were published: to keep a version copies nothing, and takes what those
files take once another version has its own. The note is written last and removed first, so what
has no note is what a killed run left. The published version is never among the kept ones.
"""

import logging
import os
import shutil
from pathlib import Path

import duckdb

from identity import store as identity_store
from lake import versions
from lake.durable import sync_folder
from lake.errors import C360Error
from lake.store import Lake
from lake.versions import Kept, Published, Retention
from warehouse.home import PRIVATE, Home
from warehouse.staged import folders_shown, is_whole

logger = logging.getLogger(__name__)

_UNFINISHED = ".unfinished"


def keep(home: Home, lake: Lake, current: Published) -> None:
    """Keep what is published, which another version is about to replace."""
    remove(home, lake, [current.version])
    unfinished, kept = home.kept(_UNFINISHED), home.kept(current.version)
    home.versions.mkdir(mode=PRIVATE, exist_ok=True)
    unfinished.root.mkdir(mode=PRIVATE)
    link(home, unfinished)
    os.replace(unfinished.root, kept.root)
    sync_folder(home.versions)
    versions.keep(lake, folders_shown(home.warehouse), identity_store.current_version(lake))


def keep_if_possible(home: Home, lake: Lake, current: Published) -> None:
    """Keep what is published; where that fails, say so, for the next version is to come."""
    try:
        keep(home, lake, current)
    except (OSError, C360Error, duckdb.Error) as error:
        logger.warning("%s is not kept, so nobody can roll back to it: %s", current.version, error)


def link(published: Home, to: Home) -> None:
    """Have what people open of one home stand in another folder too."""
    os.link(published.warehouse, to.warehouse)
    for folder, there in ((published.docs, to.docs), (published.report, to.report)):
        if folder.exists():
            shutil.copytree(folder, there, copy_function=os.link)
    for folder in (to.root, *(path for path in to.root.rglob("*") if path.is_dir())):
        sync_folder(folder)


def check(home: Home, lake: Lake, kept: Kept) -> None:
    """Raise when something of a kept version is gone, so that it cannot be published again."""
    place = home.kept(kept.version)
    if not place.warehouse.exists():
        raise C360Error(
            f"{kept.version} cannot be published again: {place.warehouse} is gone. Nothing was "
            "changed; `c360 versions` lists the others."
        )
    versions.check_folders(lake, kept)
    if not is_whole(place.warehouse, lake):
        raise C360Error(
            f"{kept.version} cannot be published again: its files of silver are not where "
            f"{place.warehouse} reads them, as after the home was moved. Nothing was changed."
        )
    if kept.identity and not identity_store.is_whole(lake, kept.identity):
        raise C360Error(
            f"{kept.version} cannot be published again: what it knew of who is who "
            f"({kept.identity}) is gone from the lake. Nothing was changed."
        )


def remove(home: Home, lake: Lake, kept: list[str]) -> None:
    """Remove kept versions; their folders of silver go with the next `publish.tidy`."""
    for version in kept:
        versions.no_longer_keep(lake, version)
    noted = versions.kept_names(lake)
    for folder in _folders(home):
        if folder.name not in noted:
            shutil.rmtree(folder)
    if home.versions.exists() and not _folders(home):
        home.versions.rmdir()


def remove_overdue(home: Home, lake: Lake, retention: Retention) -> list[str]:
    """Remove the kept versions that are no longer to be kept; return them."""
    gone = versions.overdue(lake, retention)
    remove(home, lake, gone)
    return gone


def remove_kept(home: Home, lake: Lake) -> list[str]:
    """Remove every kept version, so that nothing of what was published before is left.

    Returns the versions. Their folders of silver and of who is who go with them, but for those that
    the published version, or what its warehouse shows, is read from.
    """
    kept = versions.kept_names(lake)
    remove(home, lake, kept)
    identity_store.tidy(lake)
    if current := versions.published(lake):
        versions.remove_versions(
            lake,
            folders_shown(home.warehouse),
            before=max([current.version, *kept]),
            keep_previous=False,
        )
    return kept


def _folders(home: Home) -> list[Path]:
    return list(home.versions.iterdir()) if home.versions.exists() else []
