"""A batch of bronze: filled by steps, and in existence from its commit on.

Whatever happens before that leaves only files that no manifest lists, which `remove_uncommitted`
deletes. Where they can stand says a note that is written before the first of them, and deleted when
the batch counts: so nobody has to look through all that ever arrived.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ingest.contract import Entity
from ingest.declarations import Declarations
from ingest.retention import look_through
from lake import paths
from lake.clock import now, utc_now
from lake.errors import ConflictError, InputError, QuarantinedError
from lake.manifest import (
    FileEntry,
    FileRecord,
    Manifest,
    begun_at,
    committed_batches,
    file_entries,
    from_json,
    new_batch_id,
    read_manifest,
    retracted_batches,
    to_json,
)
from lake.store import Lake

log = logging.getLogger(__name__)


class Duplicate(NamedTuple):
    """An input that is in the lake already, byte for byte."""

    source: str
    entity: str
    batch_id: str


@dataclass
class Step:
    """What one step of a batch brought."""

    records: list[FileRecord] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    still_quarantined: list[FileRecord] = field(default_factory=list)
    unrecognised: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    api_states: dict[str, dict[str, Any]] = field(default_factory=dict)
    api_versions: dict[str, str | None] = field(default_factory=dict)
    """The version of each cursor file that the pull began with."""


@dataclass
class LandingResult:
    """What became of a batch; `batch_id` is None when it brought nothing new."""

    batch_id: str | None
    records: list[FileRecord]
    duplicates: list[Duplicate]
    still_quarantined: list[FileRecord]
    unrecognised: list[str]
    warnings: list[str]

    @property
    def quarantined(self) -> dict[str, str]:
        """Inputs that are in quarantine, from this batch or an earlier one, and why."""
        refused = [r for r in self.records if r.outcome == "quarantined"]
        return {r.source: r.reason or "" for r in refused + self.still_quarantined}

    def raise_for_quarantine(self) -> None:
        """Raise QuarantinedError when an input is in quarantine."""
        if self.quarantined:
            raise QuarantinedError(self.quarantined)


class Known:
    """Which bytes are in the lake already, so that the same again is no news.

    A file is known when the newest landing under its name, or the entity's newest landing, has the
    same bytes. One that goes back to earlier bytes is new.
    """

    def __init__(self, entries: Iterable[FileEntry]) -> None:
        self._newest: dict[tuple[str, str], tuple[str, str]] = {}
        for entry in entries:
            if entry.outcome == "landed":
                self.add(entry, entry.batch_id)

    def add(self, record: FileRecord | FileEntry, batch_id: str) -> None:
        """Take a landing for the newest one."""
        for key in self._keys(record):
            self._newest[key] = record.sha256, batch_id

    def has_name(self, entity: str, source: str) -> bool:
        """Tell whether a file of that name landed."""
        return (entity, f"/{source}") in self._newest

    def batch_of(self, record: FileRecord) -> str | None:
        """Return the batch in which the same bytes landed, None for new ones."""
        for key in self._keys(record):
            sha256, batch_id = self._newest.get(key, ("", ""))
            if sha256 == record.sha256:
                return batch_id
        return None

    @staticmethod
    def _keys(record: FileRecord | FileEntry) -> tuple[tuple[str, str], tuple[str, str]]:
        # The files of one API pull have one source, and names of their own.
        name = record.name if record.api else record.source
        return (record.entity, f"/{name}"), (record.entity, "")


class Batch:
    """A batch that is being filled.

    A step that is run again replaces what it brought before, so a step can be retried.
    """

    def __init__(
        self,
        lake: Lake,
        contract: Mapping[str, Entity],
        declarations: Declarations | None = None,
        batch_id: str | None = None,
    ) -> None:
        self.lake = lake
        self.contract = contract
        self.declarations = declarations or Declarations(Path())
        self.batch_id = batch_id or new_batch_id(
            [*committed_batches(lake), *retracted_batches(lake)]
        )
        # Where the clock went back, what arrives now still arrives after what is there.
        self.arrived_at = max(now(), begun_at(self.batch_id))
        self.steps: dict[str, Step] = {}
        self._is_noted = False
        self._entries = file_entries(lake)
        self._landed: dict[tuple[str, str], FileEntry] = {}
        self._refused: set[tuple[str, str]] = set()
        for entry in self._entries:
            if entry.outcome == "landed":
                self._landed[entry.entity, entry.source] = entry
            elif entry.outcome == "quarantined":
                self._refused.add((entry.entity, entry.sha256))

    def begin(self, step: str) -> None:
        """Begin a step, which then may write files; take out what it brought when it ran before."""
        if not self._is_noted:
            note_folders(self.lake, self.batch_id, paths.folders(self.batch_id, self.contract))
            self._is_noted = True
        for record in self.steps.pop(step, Step()).records:
            if record.path:
                self.remove(record.entity, record.name)

    def end(self) -> None:
        """Say that no file is written any more."""
        self.lake.delete(paths.begun(self.batch_id))

    def remove(self, entity: str, name: str) -> None:
        """Take out of the batch whatever was written for one of its files."""
        for place in (paths.landed, paths.rows, paths.malformed):
            self.lake.delete(place(entity, self.batch_id, name))

    def known(self) -> Known:
        """Return what is known from the batches that count."""
        return Known(self._entries)

    def landed_as_a_whole(self, records: list[FileRecord]) -> str | None:
        """Return the batch whose files of one source are these, if it is the source's newest."""
        source = records[0].source
        landed = [e for e in self._entries if e.outcome == "landed" and e.source == source]
        newest = [e.sha256 for e in landed if e.batch_id == landed[-1].batch_id]
        is_same = newest == [record.sha256 for record in records]
        return landed[-1].batch_id if landed and is_same else None

    def landed_at(self, record: FileRecord) -> datetime | None:
        """Return when a file of the same name landed last, before this batch."""
        last = self._landed.get((record.entity, record.source))
        return last.created if last else None

    def is_refused(self, entity: str, sha256: str) -> bool:
        """Tell whether these bytes are in quarantine."""
        return (entity, sha256) in self._refused


def commit(batch: Batch) -> LandingResult:
    """Make a batch count: its manifest first, then the API cursors that follow from it."""
    steps = list(batch.steps.values())
    records, came_again = look_through(
        batch.lake,
        batch.contract,
        batch.declarations,
        [record for step in steps for record in step.records],
        batch.batch_id,
    )
    states = {name: state for step in steps for name, state in step.api_states.items()}
    versions = {name: version for step in steps for name, version in step.api_versions.items()}
    # Asked before anything counts. A run that moves a cursor between here and its writing is kept
    # from being overwritten all the same; then the records that both pulled are in the lake twice,
    # which silver's one row a key makes good.
    for name, state in states.items():
        data, version = batch.lake.read_versioned(paths.state(name))
        if version != versions[name] and data != to_json(state):
            raise _moved(name, f"batch {batch.batch_id} doesn't count")
    if records:
        Manifest(batch.batch_id, utc_now(), records, states).write(batch.lake)
        log.info("Committed batch %s: %d files.", batch.batch_id, len(records))
    for name, state in states.items():
        try:
            batch.lake.write_bytes(paths.state(name), to_json(state), expected=versions[name])
        except ConflictError as error:
            raise _moved(name, f"batch {batch.batch_id} counts without its cursor") from error
    batch.end()
    result = LandingResult(
        batch_id=batch.batch_id if records else None,
        records=records,
        duplicates=[duplicate for step in steps for duplicate in step.duplicates],
        still_quarantined=[record for step in steps for record in step.still_quarantined],
        unrecognised=[name for step in steps for name in step.unrecognised],
        warnings=[warning for step in steps for warning in step.warnings] + came_again,
    )
    for warning in result.warnings:
        log.warning("%s", warning)
    return result


def remove_uncommitted(lake: Lake) -> list[str]:
    """Clean up after a run that was killed; return the batches whose files were deleted.

    Not to be called while another run lands files in the same lake: a home's lock keeps that from
    happening on one machine, `Lake.exclusive` between machines.
    """
    committed = committed_batches(lake)
    kept = {*committed, *retracted_batches(lake)}
    notes = list(lake.list(paths.BEGUN))
    if lake.exists(paths.INDEX):
        folders = {each for note in notes for each in from_json(lake.read_bytes(note))["folders"]}
        of_kept = [folder for folder in folders if _batch_of(folder) in kept]
        for folder in (paths.MANIFESTS, paths.STATE, *of_kept):
            lake.remove_temporaries(folder)
        lake.remove_temporaries(paths.BRONZE, recursive=False)
    else:
        # No run has folded manifests here yet: an earlier version may have left files, and no note.
        lake.remove_temporaries(paths.BRONZE)
        folders = {folder for folder, _ in paths.batch_folders(lake.list(paths.BRONZE))}
    removed = set()
    for folder in sorted(folders):
        if _batch_of(folder) in kept:
            continue
        if next(iter(lake.list(folder)), None):
            removed.add(_batch_of(folder))
        lake.delete_tree(folder)
    for note in notes:
        lake.delete(note)
    if committed:
        # The run may have been killed between its manifest and its cursors.
        last = read_manifest(lake, committed[-1])
        for name, state in last.api_states.items():
            current, version = read_versioned_state(lake, name)
            if (current or {}).get("batch_id", "") < last.batch_id:
                lake.write_bytes(paths.state(name), to_json(state), expected=version)
    return sorted(removed)


def note_folders(lake: Lake, name: str, folders: Sequence[str]) -> None:
    """Note in which folders of batches files are written from now on, for when that is cut short.

    To be deleted when they are all written: `paths.begun` says where it is.
    """
    lake.write_bytes(paths.begun(name), to_json({"folders": folders}))


def _batch_of(folder: str) -> str:
    return folder.rpartition("/")[2]


def read_versioned_state(lake: Lake, source: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the cursor of an API source and its file's version; None and None without one."""
    path = paths.state(source)
    data, version = lake.read_versioned(path)
    if data is None:
        return None, version
    try:
        state = from_json(data)
        if isinstance(state, dict):
            return state, version
    except ValueError:
        pass
    raise InputError(
        f"The cursor file {lake.uri(path)} is damaged. Delete it and run again: the cursor comes "
        f"from the newest batch, or {source} is pulled from its beginning if that batch has none."
    )


def quarantine(batch: Batch, path: str, record: FileRecord, name: str) -> FileRecord:
    """Move what was written at a path to quarantine, with a note that says why."""
    batch.lake.move(path, paths.quarantined(batch.batch_id, name))
    note = {
        "source": record.source,
        "entity": record.entity,
        "reason": record.reason,
        "sha256": record.sha256,
        "bytes": record.bytes,
        "batch_id": batch.batch_id,
    }
    batch.lake.write_bytes(paths.quarantine_reason(batch.batch_id, name), to_json(note))
    return replace(record, path=None, outcome="quarantined", rows=0, malformed_rows=0)


def _moved(source: str, outcome: str) -> ConflictError:
    return ConflictError(
        f"API {source}: another run moved the cursor while this one pulled, so {outcome}. "
        "Nothing is lost: run again, and it pulls what is missing."
    )
