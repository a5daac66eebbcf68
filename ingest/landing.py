"""Landing: input files become part of a batch of bronze, untouched and read.

Each file's bytes are copied as they are, then read into rows beside them (`incoming`), several
files at a time. A file that reading refuses goes to quarantine with the reason. The batch exists
from its commit on (`batch`).
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ingest.batch import (
    Batch,
    Duplicate,
    LandingResult,
    Step,
    commit,
    quarantine,
    remove_uncommitted,
)
from ingest.contract import Entity, why_left_alone
from ingest.declarations import Declarations
from ingest.incoming import Counter, InputFile, Progress
from ingest.input_files import entity_of, list_input
from lake import paths
from lake.errors import LakeError
from lake.manifest import FileRecord
from lake.store import Lake

log = logging.getLogger(__name__)

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
    counter = Counter(on_progress)
    files = []
    names: set[str] = set()
    for path, source in list_input(input_dir):
        entity = entity_of(source, batch.contract, batch.declarations)
        if entity:
            name = _unique(paths.safe_name(source), names)
            files.append(InputFile(batch, entity, path, source, name))
        else:
            step.unrecognised.append(source)
            step.warnings.append(
                f"{source} was left alone: {why_left_alone(source)}. If it should be read, declare "
                "its name with `files` in the sources file."
            )
    _land_all(files, batch, step, counter)
    batch.steps["files"] = step
    return step


@dataclass
class _Received:
    """A file whose bytes are in the batch, or were in the lake before."""

    file: InputFile
    record: FileRecord
    landed_in: str | None
    reading: Future[tuple[FileRecord, list[str]]] | None = None


def _land_all(files: Sequence[InputFile], batch: Batch, step: Step, counter: Counter) -> None:
    """Receive all files, leave out what is known, read the rest, several at a time."""
    # Of one entity in the order of names, since the file before one can be what makes it known.
    entities: dict[str, list[InputFile]] = {}
    for file in files:
        entities.setdefault(file.entity.name, []).append(file)
    # What takes longest begins first.
    groups = sorted(entities.values(), key=lambda group: -sum(map(InputFile.size, group)))
    known = batch.known()
    with ThreadPoolExecutor(_THREADS) as receivers, ThreadPoolExecutor(_THREADS) as readers:

        def receive(group: Sequence[InputFile]) -> list[_Received]:
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
