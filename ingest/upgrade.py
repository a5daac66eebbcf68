"""Moves a lake of the first version of the product to the layout that `lake.paths` describes.

That version kept its control files under names that begin with `_`, and a file with malformed
lines twice: as it was received under `_originals`, and without those lines in its batch. Every
step can be repeated: a manifest moves when all files of its batch have moved, and as long as
anything stands in one of the old places the next run goes on. The rows are not made here: the old
records don't say how they were read, so `batches.reread` reads all of them.
"""

from collections import defaultdict
from collections.abc import Mapping

from lake import paths
from lake.store import Lake

_MANIFESTS = f"{paths.BRONZE}/_manifests"
_ORIGINALS = f"{paths.BRONZE}/_originals"
_MALFORMED = f"{paths.BRONZE}/_malformed"
_QUARANTINE = f"{paths.BRONZE}/_quarantine"
_STATE = f"{paths.BRONZE}/_state"
_PUBLISHED = f"{paths.SILVER}/_published.json"
_LOCK = "_run.lock"

_OLD_FOLDERS = (_MANIFESTS, _ORIGINALS, _MALFORMED, _QUARANTINE, _STATE)


def is_needed(lake: Lake) -> bool:
    """Tell whether anything in the lake stands where the first version put it."""
    if lake.exists(paths.INDEX):  # which no run makes before everything has moved
        return False
    return lake.exists(_PUBLISHED) or any(
        next(lake.list(folder), None) is not None for folder in _OLD_FOLDERS
    )


def upgrade(lake: Lake) -> str | None:
    """Move what stands in the old places; return what was done, None when nothing did.

    Nobody else may use the lake meanwhile: the caller holds it. Raises LakeError when the lake
    cannot be changed.
    """
    if not is_needed(lake):
        return None
    # A run of the first version that is still at work has a lease on it, so this refuses.
    lake.delete(_LOCK)
    if lake.exists(paths.PUBLISHED):
        lake.delete(_PUBLISHED)
    elif lake.exists(_PUBLISHED):
        lake.move(_PUBLISHED, paths.PUBLISHED)
    for path in list(lake.list(_STATE)):
        lake.move(path, _elsewhere(path, _STATE, paths.STATE))
    originals, quarantined = _by_batch(lake, _ORIGINALS), _by_batch(lake, _QUARANTINE)
    manifests = [path for path in lake.list(_MANIFESTS) if path.endswith(".json")]
    for manifest in manifests:
        batch = manifest.rpartition("/")[2].removesuffix(".json")
        for path in originals[batch]:
            lake.move(path, _elsewhere(path, _ORIGINALS, paths.BRONZE))
        for path in quarantined[batch]:
            lake.move(path, _elsewhere(path, _QUARANTINE, paths.QUARANTINE))
        lake.move(manifest, paths.manifest(batch))
    for folder in _OLD_FOLDERS:  # what is left there is of runs that were killed
        lake.delete_tree(folder)
    count = len(manifests)
    return f"Moved the lake to its new layout ({count:,} batch{'' if count == 1 else 'es'})"


def _by_batch(lake: Lake, folder: str) -> Mapping[str, list[str]]:
    """Return the files of a folder by the batch that they are of."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in lake.list(folder):
        found[path.split("/")[-2]].append(path)
    return found


def _elsewhere(path: str, old: str, new: str) -> str:
    return new + path.removeprefix(old)
