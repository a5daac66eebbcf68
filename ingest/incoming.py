"""One input file on its way into a batch: its bytes are copied, then read (`reading`) into rows."""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from ingest.arrival import holds_since
from ingest.batch import Batch, Known
from ingest.contract import Entity
from ingest.input_files import check_input
from ingest.reading import read_landed
from ingest.structure import BLOCK
from lake import paths
from lake.errors import InputError, UnreadableError
from lake.manifest import FileRecord

Progress = Callable[[int], None]
"""Is told how many bytes of the input have been dealt with so far."""


class Counter:
    """Adds up what all threads have read."""

    def __init__(self, on_progress: Progress | None) -> None:
        """Begin at nothing; `on_progress` is told each sum."""
        self._on_progress = on_progress
        self._done = 0
        self._lock = threading.Lock()
        self.stop = False

    def add(self, size: int) -> None:
        """Add bytes; raise when another thread gave up."""
        if self.stop:
            raise InputError("Another file could not be read.")
        with self._lock:
            self._done += size
            if self._on_progress:
                self._on_progress(self._done)


@dataclass
class InputFile:
    """One input file on its way into the batch."""

    batch: Batch
    entity: Entity
    path: Path
    source: str
    name: str
    before: os.stat_result | None = None  # its size and time when it was received

    @property
    def landed(self) -> str:
        """The place in the lake of its bytes."""
        return paths.landed(self.entity.name, self.batch.batch_id, self.name)

    def size(self) -> int:
        """Return how many bytes there seem to be; receiving tells what is wrong with it."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def receive(self, known: Known, counter: Counter) -> tuple[FileRecord, str | None]:
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


class _ChangedError(Exception):
    """An input file is still being written."""


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
