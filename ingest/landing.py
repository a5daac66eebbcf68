"""Landing: input files become part of a batch of bronze, untouched and read.

Each file's bytes are copied as they are, then read (`reading`) into rows beside them. A file that
reading refuses goes to quarantine with the reason. The batch exists from its commit on (`batch`).
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from ingest.arrival import holds_since
from ingest.batch import (
    Batch,
    Duplicate,
    Known,
    LandingResult,
    Step,
    commit,
    quarantine,
    remove_uncommitted,
)
from ingest.contract import Entity, why_left_alone
from ingest.declarations import Declarations
from ingest.input_files import check_input, entity_of, list_input
from ingest.reading import read_landed
from ingest.structure import BLOCK
from lake import paths
from lake.errors import InputError, LakeError, UnreadableError
from lake.manifest import FileRecord
from lake.store import Lake

log = logging.getLogger(__name__)

Progress = Callable[[int], None]
"""Is told how many bytes of the input have been dealt with so far."""

_THREADS = 2


def land(
    lake: Lake,
    contract: Mapping[str, Entity],
    input_dir: Path,
    declarations: Declarations | None = None,
    on_progress: Progress | None = None,
) -> LandingResult:
    """Land a folder as one batch; raises QuarantinedError after the good files are committed."""
    remove_uncommitted(lake)
    batch = Batch(lake, contract, declarations)
    land_files(batch, input_dir, on_progress)
    result = commit(batch)
    result.raise_for_quarantine()
    return result


def land_files(batch: Batch, input_dir: Path, on_progress: Progress | None = None) -> Step:
    """Land the files of a folder, and of the folders in it, in a batch."""
    batch.begin("files")
    step = Step()
    counter = _Counter(on_progress)
    files = []
    names: set[str] = set()
    for path, source in list_input(input_dir):
        entity = entity_of(source, batch.contract, batch.declarations)
        if entity:
            name = _unique(paths.safe_name(source), names)
            files.append(_File(batch, entity, path, source, name))
        else:
            step.unrecognised.append(source)
            step.warnings.append(
                f"{source} was left alone: {why_left_alone(source)}. If it should be read, declare "
                "its name with `files` in the sources file."
            )
    _land_all(files, batch, step, counter)
    batch.steps["files"] = step
    return step


class _ChangedError(Exception):
    """An input file is still being written."""


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


@dataclass
class _File:
    """One input file on its way into the batch."""

    batch: Batch
    entity: Entity
    path: Path
    source: str
    name: str
    before: os.stat_result | None = None  # its size and time when it was received

    @property
    def landed(self) -> str:
        return paths.landed(self.entity.name, self.batch.batch_id, self.name)

    def size(self) -> int:
        """Return how many bytes there seem to be; receiving tells what is wrong with it."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def receive(self, known: Known, counter: _Counter) -> tuple[FileRecord, str | None]:
        """Copy the bytes into the lake; return what they are, and the batch that had them already.

        Those of a name that landed before are most likely the same, and so are looked at first.
        """
        with _readable(self.path):
            check_input(self.path)  # opening a pipe would wait for whoever writes into it
            self.before = self.path.stat()
            if known.has_name(self.entity.name, self.source):
                record = self._read_bytes(lambda _: counter.add(0))
                if landed_in := known.batch_of(record):
                    counter.add(record.bytes)
                    return record, landed_in
            with self.batch.lake.open_write(self.landed) as copy:

                def take(block: bytes) -> None:
                    copy.write(block)
                    counter.add(len(block))

                record = self._read_bytes(take)
        landed_in = known.batch_of(record)
        if landed_in:
            self.discard()
        return record, landed_in

    def _read_bytes(self, take: Callable[[bytes], object]) -> FileRecord:
        """Read the file, `take` each block of it; return what its bytes are."""
        assert self.before
        digest = hashlib.sha256()
        size = 0
        with self.path.open("rb", buffering=0) as source:
            while block := source.read(BLOCK):
                digest.update(block)
                size += len(block)
                if size > self.before.st_size:  # one that grows as fast as it is read has no end
                    raise _ChangedError
                take(block)
        self._check_unchanged()
        return FileRecord(
            self.entity.name,
            self.source,
            self.landed,
            "",
            digest.hexdigest(),
            size,
            modified=datetime.fromtimestamp(self.before.st_mtime, UTC).isoformat(),
        )

    def read(self, record: FileRecord) -> tuple[FileRecord, list[str]]:
        """Read the file into rows; its record says so when it is refused."""
        batch = self.batch
        since = holds_since(record, batch.arrived_at, batch.landed_at(record))
        with _readable(self.path):
            try:
                read = read_landed(
                    batch.lake,
                    self.entity,
                    batch.declarations.for_entity(self.entity.name),
                    record,
                    batch.batch_id,
                    since,
                    # Not from the lake, which can be far away, as long as they are the same bytes.
                    lambda: cast(BinaryIO, self.path.open("rb")),
                )
            except UnreadableError as error:
                read = replace(record, outcome="quarantined", reason=str(error)), []
            self._check_unchanged()
            return read

    def discard(self) -> None:
        """Take out of the batch whatever was written for the file."""
        self.batch.remove(self.entity.name, self.name)

    def _check_unchanged(self) -> None:
        """Raise when the file is not what it was before its bytes were received."""
        before, after = self.before, self.path.stat()
        assert before
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise _ChangedError


class _readable:
    """Turns what goes wrong with an input file into an InputError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _ChangedError):
            raise InputError(
                f"{self._path} changed while it was read. Run again when it is whole."
            ) from None
        if isinstance(error, OSError):
            raise InputError(f"Cannot read {self._path}: {error.strerror}.") from error


@dataclass
class _Received:
    """A file whose bytes are in the batch, or were in the lake before."""

    file: _File
    record: FileRecord
    landed_in: str | None
    reading: Future[tuple[FileRecord, list[str]]] | None = None


def _land_all(files: Sequence[_File], batch: Batch, step: Step, counter: _Counter) -> None:
    """Receive all files, leave out what is known, read the rest, several at a time."""
    # Of one entity in the order of names, since the file before one can be what makes it known.
    entities: dict[str, list[_File]] = {}
    for file in files:
        entities.setdefault(file.entity.name, []).append(file)
    # What takes longest begins first.
    groups = sorted(entities.values(), key=lambda group: -sum(map(_File.size, group)))
    known = batch.known()
    with ThreadPoolExecutor(_THREADS) as receivers, ThreadPoolExecutor(_THREADS) as readers:

        def receive(group: Sequence[_File]) -> list[_Received]:
            received = []
            for file in group:
                record, landed_in = file.receive(known, counter)
                received.append(_Received(file, record, landed_in))
                if not landed_in:
                    known.add(record, batch.batch_id)
                    received[-1].reading = readers.submit(file.read, record)
            return received

        try:
            done = list(chain.from_iterable(receivers.map(receive, groups)))
            for each in done:
                if each.reading:
                    each.reading.result()
        except BaseException:
            counter.stop = True
            for pool in (receivers, readers):
                pool.shutdown(cancel_futures=True)
            for file in files:
                with suppress(LakeError):  # the first error is the one to tell
                    file.discard()
            raise
    _settle(sorted(done, key=lambda each: each.record.source), batch, step)


def _settle(received: Sequence[_Received], batch: Batch, step: Step) -> None:
    """Give each file its place in the batch, in the order of names."""
    refused = {}
    for each in received:
        if not each.reading:
            continue
        record, warnings = each.reading.result()
        step.warnings += warnings
        if record.outcome == "landed":
            step.records.append(record)
            continue
        refused[record.entity, record.sha256] = record
        if batch.is_refused(record.entity, record.sha256):
            each.file.discard()
            step.still_quarantined.append(replace(record, path=None))
        else:
            step.records.append(quarantine(batch, each.file.landed, record, each.file.name))
    for each in received:
        record = each.record
        if not each.landed_in:
            continue
        # The same bytes as a file beside it that was refused are refused as well.
        same = refused.get((record.entity, record.sha256))
        if same and each.landed_in == batch.batch_id:
            step.still_quarantined.append(replace(same, source=record.source, path=None))
        else:
            step.duplicates.append(Duplicate(record.source, record.entity, each.landed_in))


def _unique(name: str, taken: set[str]) -> str:
    """Return the name, with a number when another file was made safe to the same one."""
    stem, dot, suffix = name.partition(".")
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{dot}{suffix}"
    taken.add(name)
    return name
