"""What can be done with batches after they landed: listed, taken back, settled, read again.

- `list_batches` tells what arrived and what became of it.
- `retract` takes a batch back: its manifest moves to where no reader looks. Its files stay.
- `quarantined`, `release` and `drop` see to the files that could not be read.
- `reread` brings rows up to date with what is declared now, from the bytes in bronze.

All of them need the lake for themselves. Whatever a killed one left half done, `settle` finishes.
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from ingest import declared, reading
from ingest.arrival import holds_since
from ingest.batch import Batch, Step, commit, note_folders
from ingest.contract import Entity
from ingest.declarations import Declaration, Declarations
from lake import audit, paths
from lake.clock import utc_now
from lake.errors import InputError, UnreadableError
from lake.manifest import (
    API,
    FileEntry,
    FileRecord,
    Manifest,
    committed_batches,
    file_entries,
    from_json,
    half_retracted_batches,
    read_manifest,
    read_manifests,
    read_retracted,
    remove_manifest,
    retracted_batches,
    to_json,
)
from lake.store import Lake

_NOTE = paths.quarantine_reason("", "").rpartition("/")[2]
_REREAD = "reread"  # what stands for a batch in the note of what is read again
_TOLD = 3  # files, or batches, of those that are refused
_NEAREST = 3  # ids that are offered for one that isn't there


@dataclass(frozen=True)
class BatchEntry:
    """One batch, as a list of batches tells of it."""

    batch_id: str
    created_at: str
    sources: list[str]
    entities: list[str]
    rows: int
    malformed_rows: int
    outcome: str


def list_batches(lake: Lake) -> list[BatchEntry]:
    """Return every batch, oldest first; those that were taken back too."""
    manifests = {each.batch_id: each for each in read_manifests(lake)}
    manifests |= {each.batch_id: each for each in read_retracted(lake)}
    return [_entry(manifests[batch_id]) for batch_id in sorted(manifests)]


def _entry(manifest: Manifest) -> BatchEntry:
    return BatchEntry(
        manifest.batch_id,
        manifest.created_at,
        sources=list(dict.fromkeys(record.source for record in manifest.files)),
        entities=list(dict.fromkeys(record.entity for record in manifest.files)),
        rows=sum(record.rows for record in manifest.landed),
        malformed_rows=sum(record.malformed_rows for record in manifest.landed),
        outcome=_outcome(manifest),
    )


def _outcome(manifest: Manifest) -> str:
    if manifest.retracted_at:
        return f"retracted at {manifest.retracted_at}"
    counts = {
        word: sum(record.outcome == outcome for record in manifest.files)
        for outcome, word in (
            ("quarantined", "in quarantine"),
            ("released", "released"),
            ("dropped", "dropped"),
        )
    }
    parts = ["landed"] if manifest.landed else []
    return ", ".join(parts + [f"{count} {word}" for word, count in counts.items() if count])


def retract(lake: Lake, batch: str) -> Manifest:
    """Take a batch back, by its id or by the beginning of it; return its manifest.

    Its files and rows stay in the lake, where nobody looks at them any more. The cursor of each API
    it pulled goes back to where it was before, so that the records can be pulled again. Raises
    InputError when there is no such batch.
    """
    manifest = read_manifest(lake, _find(lake, batch))
    audit.record(lake, "retract", batch=manifest.batch_id)
    # One that was folded stands for itself again: it is half taken back as long as it does.
    manifest.write(lake)
    manifest.retracted_at = utc_now()
    manifest.write(lake)
    _complete_retraction(lake, manifest)
    return manifest


def _find(lake: Lake, batch: str) -> str:
    known = committed_batches(lake)
    found = [batch_id for batch_id in known if batch and batch_id.startswith(batch)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{batch} may be any of the batches {', '.join(found)}. Give more of it.")
    if batch in retracted_batches(lake):
        raise InputError(f"Batch {batch} is retracted already.")
    nearest = get_close_matches(batch, known, _NEAREST, cutoff=0)
    hint = f" The nearest are {', '.join(nearest)}." if nearest else ""
    raise InputError(f"There is no batch {batch}.{hint} `c360 batches` lists all of them.")


def _complete_retraction(lake: Lake, manifest: Manifest) -> None:
    """Do what follows from a manifest among the retracted ones; it can be repeated."""
    if manifest.api_states:
        others = [each for each in read_manifests(lake) if each.batch_id != manifest.batch_id]
        # What this batch brought is before the cursors of later ones, which so hold no more.
        for other in others:
            held = {
                source: state
                for source, state in other.api_states.items()
                if source not in manifest.api_states or other.batch_id < manifest.batch_id
            }
            if held != other.api_states:
                other.api_states = held
                other.write(lake)
        for source in manifest.api_states:
            states = [each.api_states[source] for each in others if source in each.api_states]
            if states:
                lake.write_bytes(paths.state(source), to_json(states[-1]))
            else:
                lake.delete(paths.state(source))
    remove_manifest(lake, manifest.batch_id)


@dataclass(frozen=True)
class Quarantined:
    """A file in quarantine: its record in the manifest of its batch, and its name in the lake."""

    manifest: Manifest
    record: FileRecord
    name: str

    @property
    def id(self) -> str:
        """Return what commands call it."""
        return f"{self.manifest.batch_id}/{self.name}"

    @property
    def path(self) -> str:
        """Return where its bytes are."""
        return paths.quarantined(self.manifest.batch_id, self.name)


def quarantined(lake: Lake) -> list[Quarantined]:
    """Return the files in quarantine, oldest first."""
    return [each for each in _set_aside(lake) if each.record.outcome == "quarantined"]


def _set_aside(lake: Lake) -> list[Quarantined]:
    """Return what stands in quarantine of batches that count, settled or not."""
    notes = defaultdict(list)
    for path in lake.list(paths.QUARANTINE):
        if path.endswith(_NOTE):
            batch_id, name = path.removesuffix(_NOTE).split("/")[-2:]
            notes[batch_id].append((name, _note(lake, path)))
    return [
        Quarantined(manifest, record, name)
        for manifest in (read_manifests(lake) if notes else ())
        for name, note in notes[manifest.batch_id]
        for record in manifest.files
        if record.outcome != "landed"
        and note in (None, (record.entity, record.source, record.sha256))
        and (note or record.name == name)
    ]


def _note(lake: Lake, path: str) -> tuple[str, str, str] | None:
    """Return whose note it is, None when it is damaged, which is no reason for a run to fail."""
    try:
        note = from_json(lake.read_bytes(path))
        return note["entity"], note["source"], note["sha256"]
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Released:
    """What left quarantine, and why the rest could not."""

    records: list[FileRecord]
    warnings: list[str]
    refused: dict[str, str]


def release(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    ids: Sequence[str] | None,
    batch: Batch,
) -> Released:
    """Read files in quarantine again, all for want of ids, and land them in `batch`.

    The batch is committed when any file could be read; the others stay where they are. Raises
    InputError when an id is not of a file in quarantine.
    """
    step = Step()
    refused: dict[str, str] = {}
    names: set[str] = set()
    chosen = _chosen(lake, ids)
    _record("quarantine release", lake, chosen)
    batch.begin("released")
    for held in chosen:
        record = held.record
        name = held.id.replace("/", "-") if held.name in names else held.name
        names.add(name)
        path = paths.landed(record.entity, batch.batch_id, name)
        declaration = _declaration(declarations, record)
        if record.entity not in contract or declaration is None:
            refused[record.source] = "what it is of is no longer declared"
            continue
        with lake.open_read(held.path) as source, lake.open_write(path) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        again = replace(record, path=path, outcome="landed", reason=None)
        try:
            read, warnings = reading.read_landed(
                lake,
                contract[record.entity],
                declaration,
                again,
                batch.batch_id,
                _since(record, held.manifest, file_entries(lake)),
            )
        except UnreadableError as error:
            lake.delete(path)
            refused[record.source] = str(error).rstrip(".")
        else:
            step.records.append(read)
            step.warnings += warnings
    batch.steps["released"] = step
    if step.records:
        commit(batch)
        settle(lake)
    batch.end()
    return Released(step.records, step.warnings, refused)


def drop(lake: Lake, ids: Sequence[str] | None) -> list[Quarantined]:
    """Remove files from quarantine, all for want of ids; return them.

    That they were there, and why, stays in the manifest of their batch. Raises InputError when an
    id is not of a file in quarantine.
    """
    dropped = _chosen(lake, ids)
    _record("quarantine drop", lake, dropped)
    for held in dropped:
        held.record.outcome = "dropped"
        held.manifest.write(lake)
        _remove(lake, held)
    return dropped


def _chosen(lake: Lake, ids: Sequence[str] | None) -> list[Quarantined]:
    held = quarantined(lake)
    if ids is None:
        return held
    unknown = sorted(set(ids) - {each.id for each in held})
    if unknown:
        raise InputError(
            f"{', '.join(unknown)} is not in quarantine. `c360 quarantine list` shows what is."
        )
    return [each for each in held if each.id in ids]


def _record(action: str, lake: Lake, chosen: Sequence[Quarantined]) -> None:
    if chosen:
        audit.record(lake, action, files=[held.id for held in chosen])


def _remove(lake: Lake, held: Quarantined) -> None:
    lake.delete(held.path)
    # The note last, by which the next run finds what a killed one has left.
    lake.delete(paths.quarantine_reason(held.manifest.batch_id, held.name))


@dataclass
class Reread:
    """What was read again, and why; `declared` are the entities that are declared otherwise."""

    files: int = 0
    declared: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def reread(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    run_id: str = "",
    on_file: Callable[[str], None] = lambda _: None,
) -> Reread:
    """Read every file again that was read by another reader, or as declared otherwise.

    What is no longer declared at all stays as it was read. A record whose declaration changed
    remembers in `declared_in` which run read it again. Files that are refused now raise InputError
    once all others were read; their rows stay what they were.
    """
    done = Reread()
    refused: list[tuple[str, FileRecord, UnreadableError]] = []
    outdated = _outdated(lake, contract, declarations)
    folders = [
        folder for each in outdated for folder in paths.folders(each.batch_id, [each.entity])
    ]
    note_folders(lake, _REREAD, list(dict.fromkeys(folders)))
    for batch_id in dict.fromkeys(entry.batch_id for entry in outdated):
        manifest = read_manifest(lake, batch_id)
        records = manifest.files
        by = [_outdated_by(record, contract, declarations) for record in records]
        # A run that is cut short may leave the rows of one reading beside the malformed lines of
        # another: whatever is declared by then, the next one reads them again.
        manifest.files = [
            replace(record, read_as={**record.read_as, "reader": None}) if declaration else record
            for record, declaration in zip(records, by, strict=True)
        ]
        manifest.write(lake)
        try:
            for place, (record, declaration) in enumerate(zip(records, by, strict=True)):
                if declaration is None:
                    continue
                on_file(record.source)
                try:
                    read, warnings = reading.read_landed(
                        lake,
                        contract[record.entity],
                        declaration,
                        record,
                        manifest.batch_id,
                        _since(record, manifest, ()),
                    )
                except UnreadableError as error:
                    manifest.files[place] = record
                    refused.append((manifest.batch_id, record, error))
                    continue
                manifest.files[place] = read
                done.files += 1
                done.warnings += warnings
                before = record.read_as.get("declaration", declaration.fingerprint)
                if before != declaration.fingerprint:
                    read.read_as["declared_in"] = run_id
                    done.declared.add(record.entity)
        finally:
            manifest.write(lake)
    lake.delete(paths.begun(_REREAD))
    if refused:
        raise InputError(_refused_now(refused, declarations))
    return done


def _refused_now(
    refused: Sequence[tuple[str, FileRecord, UnreadableError]], declarations: Declarations
) -> str:
    told = [
        f"{record.source} of batch {batch_id} cannot be read as it is declared now: "
        f"{str(error).rstrip('.')}."
        for batch_id, record, error in refused[:_TOLD]
    ]
    if len(refused) > _TOLD:
        told.append(f"Nor can {len(refused) - _TOLD:,} more.")
    batch_ids = list(dict.fromkeys(batch_id for batch_id, _, _ in refused))
    others = ", ".join(batch_ids[1:_TOLD])
    if len(batch_ids) > _TOLD:
        others += f" and {len(batch_ids) - _TOLD:,} more"
    entities = ", ".join(dict.fromkeys(record.entity for _, record, _ in refused))
    return (
        f"{' '.join(told)} What is declared is in {declarations.path}: if another file was used "
        f"before, give it with --sources; else mend the declaration of {entities}, or take back "
        f"what should not have come: c360 retract {batch_ids[0]}"
        f"{f' (the same for {others})' if others else ''}."
    )


def has_outdated(lake: Lake, contract: Mapping[str, Entity], declarations: Declarations) -> bool:
    """Tell whether there is anything for `reread` to do."""
    return bool(_outdated(lake, contract, declarations))


def _outdated(
    lake: Lake, contract: Mapping[str, Entity], declarations: Declarations
) -> list[FileEntry]:
    """Return the files that are to be read again, oldest first."""
    return [each for each in file_entries(lake) if _outdated_by(each, contract, declarations)]


def _outdated_by(
    record: FileRecord | FileEntry, contract: Mapping[str, Entity], declarations: Declarations
) -> Declaration | None:
    """Return the declaration that a landed file is to be read again by, None when it is not."""
    if record.outcome != "landed" or record.entity not in contract:
        return None
    declaration = _declaration(declarations, record)
    if declaration is None:  # it stays as it was read, if it ever was: an earlier version read none
        return None if record.reader else Declaration(api=record.api)
    read_as = record.reader, record.declaration
    return None if read_as == (reading.READER, declaration.fingerprint) else declaration


def reading_code(declarations: Declarations) -> str:
    """Return a hash of all that decides which rows bronze's files are read as and what they are."""
    said: list[Any] = declared.entities(declarations)
    said += [(name, each.fingerprint) for name, each in sorted(declarations.files.items())]
    said += [(f"{API}{each.name}", each.declaration.fingerprint) for each in declarations.apis]
    return hashlib.sha256(repr((reading.READER, said)).encode()).hexdigest()


def _declaration(declarations: Declarations, record: FileRecord | FileEntry) -> Declaration | None:
    """Return how a record's source is declared now; None for an API that no longer is."""
    if record.api is None:
        return declarations.for_entity(record.entity)
    return next((api.declaration for api in declarations.apis if api.name == record.api), None)


def _since(record: FileRecord, manifest: Manifest, before: Iterable[FileEntry]) -> datetime:
    """Return since when the rows of a file hold, as it was, or would have been, when it arrived."""
    if "as_of" in record.read_as:
        return datetime.fromisoformat(record.read_as["as_of"])
    landed = [
        each
        for each in before
        if each.outcome == "landed"
        and each.batch_id < manifest.batch_id
        and (each.entity, each.source) == (record.entity, record.source)
    ]
    return holds_since(record, manifest.created, landed[-1].created if landed else None)


def settle(lake: Lake) -> None:
    """Finish what was begun: batches half taken back, files that left quarantine."""
    for batch_id in half_retracted_batches(lake):
        _complete_retraction(lake, read_manifest(lake, batch_id))
    # Those that were released, or sent again after what they are read by was mended.
    held = _set_aside(lake)
    landed = {
        (each.entity, each.sha256): each.batch_id
        for each in (file_entries(lake) if held else ())
        if each.outcome == "landed"
    }
    for each in held:
        record, batch_id = each.record, each.manifest.batch_id
        if record.outcome == "quarantined":
            if landed.get((record.entity, record.sha256), "") <= batch_id:
                continue
            record.outcome = "released"
            each.manifest.write(lake)
        _remove(lake, each)
