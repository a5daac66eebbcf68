"""Landing: input files become one committed batch of bronze.

A batch is filled by steps (`land_files`, `api.land_api`) and exists from `commit` on. Whatever
happens before that leaves only files that no manifest lists, which `remove_uncommitted` deletes.
"""

import gzip
import hashlib
import json
import logging
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from ingest.contract import Entity, check_header, entity_for_file
from ingest.structure import BLOCK, Malformed, NotCsvError, check_csv
from lake import paths
from lake.clock import utc_now
from lake.errors import ConflictError, InputError, LakeError, QuarantinedError
from lake.manifest import (
    FileRecord,
    Manifest,
    committed_batches,
    from_json,
    new_batch_id,
    read_manifest,
    read_manifests,
    to_json,
)
from lake.store import Lake

log = logging.getLogger(__name__)

Progress = Callable[[int], None]
"""Is told how many bytes of the input have been dealt with so far."""

_THREADS = 2


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


class Batch:
    """A batch that is being filled.

    A step that is run again replaces what it brought before, so a step can be retried.
    """

    def __init__(
        self, lake: Lake, contract: Mapping[str, Entity], batch_id: str | None = None
    ) -> None:
        self.lake = lake
        self.contract = contract
        self.batch_id = batch_id or new_batch_id(committed_batches(lake))
        self.steps: dict[str, Step] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._refused: dict[tuple[str, str], FileRecord] = {}
        self._sizes: set[tuple[str, int]] = set()
        for manifest in read_manifests(lake):
            for record in manifest.files:
                if record.outcome == "landed":
                    self._known[record.entity, record.sha256] = manifest.batch_id
                    self._sizes.add((record.entity, record.bytes))
                else:
                    self._refused[record.entity, record.sha256] = record

    def undo(self, step: str) -> None:
        """Take out of the batch what a step brought when it ran before."""
        for record in self.steps.pop(step, Step()).records:
            if record.path:
                name = record.path.rpartition("/")[2]
                self.lake.delete(record.path)
                self.lake.delete(paths.original(record.entity, self.batch_id, name))
                self.lake.delete(paths.malformed(record.entity, self.batch_id, name))

    def landed_before(self, entity: str, sha256: str) -> str | None:
        """Return the batch that landed these bytes for the entity, if one did."""
        return self._known.get((entity, sha256))

    def may_have_landed(self, entity: str, size: int) -> bool:
        """Tell whether a file of that size has landed: only then is it worth a look."""
        return (entity, size) in self._sizes

    def refused_before(self, entity: str, sha256: str) -> FileRecord | None:
        """Return the record of these bytes in quarantine, if they are there."""
        return self._refused.get((entity, sha256))


def land(
    lake: Lake, contract: Mapping[str, Entity], input_dir: Path, on_progress: Progress | None = None
) -> LandingResult:
    """Land a folder as one batch; raises QuarantinedError after the good files are committed."""
    remove_uncommitted(lake)
    batch = Batch(lake, contract)
    land_files(batch, input_dir, on_progress)
    result = commit(batch)
    result.raise_for_quarantine()
    return result


def land_files(batch: Batch, input_dir: Path, on_progress: Progress | None = None) -> Step:
    """Land the files at the top level of a folder in a batch."""
    batch.undo("files")
    step = Step()
    counter = _Counter(on_progress)
    names: set[str] = set()
    jobs = []
    for path in _list_input(Path(input_dir)):
        entity = entity_for_file(batch.contract, path.name)
        if entity and (path.is_file() or path.is_symlink()):
            jobs.append(_File(batch, entity, path, _unique(paths.safe_name(path.name), names)))
        else:
            step.unrecognised.append(path.name)
    with ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(job.receive, counter) for job in jobs]
        try:
            received = [future.result() for future in futures]
        except BaseException:
            counter.stop = True
            pool.shutdown(cancel_futures=True)
            for job in jobs:
                with suppress(LakeError):  # the first error is the one to tell
                    job.discard()
            raise
    # In the order of names, so that of two equal files the same one counts each time.
    this_batch: set[tuple[str, str]] = set()
    for job, record in zip(jobs, received, strict=True):
        job.settle(record, step, this_batch)
    for name in step.unrecognised:
        step.warnings.append(f"{name} belongs to no entity by its name; it was left alone.")
    batch.steps["files"] = step
    return step


def commit(batch: Batch) -> LandingResult:
    """Make a batch count: its manifest first, then the API cursors that follow from it."""
    steps = list(batch.steps.values())
    records = [record for step in steps for record in step.records]
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
    result = LandingResult(
        batch_id=batch.batch_id if records else None,
        records=records,
        duplicates=[duplicate for step in steps for duplicate in step.duplicates],
        still_quarantined=[record for step in steps for record in step.still_quarantined],
        unrecognised=[name for step in steps for name in step.unrecognised],
        warnings=[warning for step in steps for warning in step.warnings],
    )
    for warning in result.warnings:
        log.warning("%s", warning)
    return result


def remove_uncommitted(lake: Lake) -> list[str]:
    """Clean up after a run that was killed; return the batches whose files were deleted.

    Not to be called while another run lands files in the same lake: a home's lock keeps that from
    happening on one machine, `Lake.exclusive` between machines.
    """
    lake.remove_temporaries(paths.BRONZE)
    committed = committed_batches(lake)
    removed = set()
    for folder, batch_id in list(paths.batch_folders(lake.list(paths.BRONZE))):
        if batch_id not in committed:
            lake.delete_tree(folder)
            removed.add(batch_id)
    if committed:
        # The run may have been killed between its manifest and its cursors.
        last = read_manifest(lake, committed[-1])
        for name, state in last.api_states.items():
            current, version = read_versioned_state(lake, name)
            if (current or {}).get("batch_id", "") < last.batch_id:
                lake.write_bytes(paths.state(name), to_json(state), expected=version)
    return sorted(removed)


def read_state(lake: Lake, source: str) -> dict[str, Any] | None:
    """Return the cursor of an API source, None before its first pull."""
    return read_versioned_state(lake, source)[0]


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


def _list_input(folder: Path) -> list[Path]:
    if not folder.exists():
        raise InputError(f"The input folder {folder} isn't there.")
    if not folder.is_dir():
        raise InputError(f"The input {folder} is a file; give the folder that holds the files.")
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"Cannot read the input folder {folder}: {error.strerror}.") from error
    return [path for path in found if not path.is_dir() and not path.name.startswith(".")]


def _unique(name: str, taken: set[str]) -> str:
    """Return the name, with a number when another file was made safe to the same one."""
    stem, dot, suffix = name.partition(".")
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{dot}{suffix}"
    taken.add(name)
    return name


class _Counter:
    """Adds up what all threads have read."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._on_progress = on_progress
        self._done = 0
        self._lock = threading.Lock()
        self.stop = False

    def add(self, size: int) -> None:
        if self.stop:
            raise InputError("Another file could not be read.")
        with self._lock:
            self._done += size
            if self._on_progress:
                self._on_progress(self._done)


class _ChangedError(Exception):
    """An input file is still being written."""


class _Tee:
    """Reads a file once for three: its hash, its copy, and whoever calls `read`."""

    def __init__(
        self, source: BinaryIO, copy: BinaryIO | None, counter: _Counter, expected: int
    ) -> None:
        self._source, self._copy, self._counter = source, copy, counter
        self._expected = expected
        self._sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = BLOCK) -> bytes:
        block = self._source.read(size)
        self._sha256.update(block)
        if self._copy:
            self._copy.write(block)
        self.size += len(block)
        if self.size > self._expected:
            raise _ChangedError
        self._counter.add(len(block))
        return block

    def drain(self) -> str:
        """Read what is left; return the hash of everything."""
        while self.read():
            pass
        return self._sha256.hexdigest()


class _File:
    """One input file on its way into the batch."""

    def __init__(self, batch: Batch, entity: Entity, path: Path, name: str) -> None:
        self._batch, self._entity, self._path, self._name = batch, entity, path, name
        self._gzip = name.endswith(".gz")
        self._landed = paths.landed(entity.name, batch.batch_id, name)
        self._original = paths.original(entity.name, batch.batch_id, name)
        self._malformed = paths.malformed(entity.name, batch.batch_id, name)
        self._rewritten = False

    def receive(self, counter: _Counter) -> FileRecord:
        """Copy the file into the batch while checking it.

        Its bytes stand under `_originals` afterwards; beside them the second copy and the
        malformed lines when it has any. A file that landed before is only read.
        """
        try:
            before = self._path.stat()
            with self._path.open("rb", buffering=0) as source:
                record = self._read(cast(BinaryIO, source), before.st_size, counter)
            after = self._path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise _ChangedError
        except _ChangedError:
            raise InputError(
                f"{self._path} changed while it was read. Run again when it is whole."
            ) from None
        except OSError as error:
            raise InputError(f"Cannot read {self._path}: {error.strerror}.") from error
        return record

    def settle(self, record: FileRecord, step: Step, this_batch: set[tuple[str, str]]) -> None:
        """Give the received file its place in the batch, or take it out again."""
        lake, key = self._batch.lake, (record.entity, record.sha256)
        refused = self._batch.refused_before(*key) if record.reason else None
        landed_in = self._batch.landed_before(*key)
        if key in this_batch:
            landed_in = landed_in or self._batch.batch_id
        elif not record.reason:
            this_batch.add(key)
        if landed_in or refused:
            self.discard()
        if refused:
            step.still_quarantined.append(replace(record, path=None, outcome="quarantined"))
        elif landed_in:
            step.duplicates.append(Duplicate(record.source, record.entity, landed_in))
        elif record.reason:
            step.records.append(quarantine(self._batch, self._original, record, self._name))
        else:
            if not self._rewritten:
                lake.move(self._original, self._landed)
            step.records.append(replace(record, path=self._landed))
            step.warnings.extend(self._warnings(record))

    def discard(self) -> None:
        """Take out of the batch whatever was written for the file."""
        for path in (self._landed, self._original, self._malformed):
            self._batch.lake.delete(path)

    def _read(self, source: BinaryIO, size: int, counter: _Counter) -> FileRecord:
        record = FileRecord(self._entity.name, self._path.name, None, "csv", "", 0)
        if self._batch.may_have_landed(record.entity, size):
            record.sha256 = _Tee(source, None, counter, size).drain()
            if self._batch.landed_before(record.entity, record.sha256):
                return replace(record, bytes=size)
            source.seek(0)
            counter.add(-size)
        with self._batch.lake.open_write(self._original) as copy:
            tee = _Tee(source, copy, counter, size)
            try:
                with ExitStack() as outputs:
                    self._check(tee, record, outputs)
            except NotCsvError as error:
                record.reason = str(error)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                record.reason = f"it isn't a readable gzip file ({error})"
            record.sha256 = tee.drain()
            record.bytes = tee.size
        return record

    def _check(self, tee: _Tee, record: FileRecord, outputs: ExitStack) -> None:
        sink = _Sink(self, record, outputs)
        stream = gzip.GzipFile(fileobj=tee, mode="rb") if self._gzip else tee  # type: ignore[call-overload]
        structure = check_csv(_blocks(stream), sink)
        self._rewritten = structure.rewritten
        record.rows = structure.rows
        record.malformed_rows = structure.malformed_rows
        record.longest_record = structure.longest_record
        record.parallel_safe = structure.parallel_safe

    def check_names(self, record: FileRecord, names: list[str]) -> None:
        """Hold the header against the contract."""
        check = check_header(self._entity, names)
        record.header = names
        record.missing_columns, record.extra_columns = check.missing, check.extra
        if check.problem:
            raise NotCsvError(check.problem)

    def open_second_copy(self, length: int, outputs: ExitStack) -> BinaryIO:
        """Open the landed file of a file that can't land as it is."""
        copy = outputs.enter_context(self._batch.lake.open_write(self._landed))
        if self._gzip:
            packed = gzip.GzipFile("", "wb", 6, cast(Any, copy), mtime=0)
            copy = cast(BinaryIO, outputs.enter_context(packed))
        # Read anew: a store in the cloud can't read what it is still being sent.
        with gzip.open(self._path) if self._gzip else self._path.open("rb") as source:
            while length:
                block = source.read(min(length, BLOCK))
                if not block:
                    raise _ChangedError
                copy.write(block)
                length -= len(block)
        return copy

    def open_malformed(self, outputs: ExitStack) -> BinaryIO:
        """Open the file of lines that were set aside."""
        return outputs.enter_context(self._batch.lake.open_write(self._malformed))

    def _warnings(self, record: FileRecord) -> Iterator[str]:
        if record.extra_columns:
            extra = ", ".join(record.extra_columns)
            yield f"{record.source} has columns that nobody asked for: {extra}."
        if record.malformed_rows:
            lines = (
                "1 malformed line"
                if record.malformed_rows == 1
                else (f"{record.malformed_rows} malformed lines")
            )
            yield f"{record.source}: {lines} set aside."


class _Sink:
    """Takes what the structural check tells about one file."""

    def __init__(self, file: _File, record: FileRecord, outputs: ExitStack) -> None:
        self._file, self._record, self._outputs = file, record, outputs
        self._lines: BinaryIO | None = None

    def header(self, names: list[str]) -> None:
        self._file.check_names(self._record, names)

    def rewrite(self, length: int) -> BinaryIO:
        return self._file.open_second_copy(length, self._outputs)

    def malformed(self, line: Malformed) -> None:
        if not self._lines:
            self._lines = self._file.open_malformed(self._outputs)
        self._lines.write(json.dumps(line._asdict(), ensure_ascii=False).encode() + b"\n")


def _blocks(stream: Any) -> Iterable[bytes]:
    return iter(lambda: stream.read(BLOCK), b"")
