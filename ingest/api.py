"""API pulls: pages of records become JSON lines of a batch, and are read as files are.

Endpoints are declared in the sources file. Records land as they were sent, numbers digit by digit.
The cursor of an incremental source moves when the batch is committed and not before, so a pull
that fails anywhere is simply pulled again.

`api_pages` brings the pages, `cursor` knows which records are new.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import simplejson

from ingest import reading
from ingest.api_pages import Page, read_pages
from ingest.batch import Batch, Duplicate, Step, quarantine, read_versioned_state
from ingest.cursor import Cursor
from ingest.declarations import ApiSource
from ingest.headers import normalised
from ingest.readers.json_lines import LONE_SURROGATE
from lake import paths
from lake.clock import now
from lake.errors import InputError, UnreadableError
from lake.manifest import API, FileRecord

log = logging.getLogger(__name__)

_FILE_BYTES = 8 << 20  # Small pages share a file of about this size.
_MOST_FIELDS = 10_000  # Names of fields that a pull takes note of.


def land_api(
    batch: Batch,
    source: ApiSource,
    base_url: str,
    token: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Step:
    """Pull a source into a batch; `on_progress` is told how many records have come so far.

    The token is taken from the environment variable that the source names when none is given.
    Raises ApiError when the pull fails, InputError for a URL that `check_url` refuses; the batch
    is then as it was before.
    """
    if source.entity not in batch.contract:
        raise InputError(f"API source {source.name}: there is no entity {source.entity}.")
    step_name = f"{API}{source.name}"
    batch.begin(step_name)
    step = Step()
    state: dict[str, Any] = {}
    if source.incremental:
        found, step.api_versions[source.name] = read_versioned_state(batch.lake, source.name)
        state = found or {}
    cursor = Cursor(source, state)
    pull = _Pull(batch, source, cursor)
    try:
        for page in read_pages(source, base_url, token, cursor.params):
            pull.take(page)
            if on_progress:
                on_progress(pull.received)
        pull.flush()
        pull.settle(step)
    except BaseException:
        pull.discard()
        raise
    batch.steps[step_name] = step
    log.info("API %s: %d records received, %d of them new.", source.name, pull.received, pull.kept)
    return step


class _Pull:
    """The records of one pull on their way into the batch."""

    def __init__(self, batch: Batch, source: ApiSource, cursor: Cursor) -> None:
        self._batch, self._source, self._cursor = batch, source, cursor
        self._began = now()
        self._records: list[FileRecord] = []
        self._lines: list[bytes] = []
        self._size = 0
        # Where records are lines of orders, the known ones wait here: once anything is new they
        # land with it, since all lines of an order must come from one pull.
        self._by_lines = source.declaration.rows == "lines"
        self._held: list[bytes] = []
        self._fields: set[str] = set()  # as they are spelled
        self._header: dict[str, str] = {}  # the first spelling of each, in order
        self._taken = {record.name for other in batch.steps.values() for record in other.records}
        self._replaced = 0
        self.received = 0
        self.kept = 0

    def take(self, page: Page) -> None:
        for record in page:
            self.received += 1
            for name in record:
                if name not in self._fields and len(self._fields) < _MOST_FIELDS:
                    self._note(name, record)
            line = self._encode(record)
            if self._cursor.is_new(record, line):
                self.kept += 1
                for held in self._held:
                    self._keep(held)
                self._held = []
                self._keep(line)
            elif self._by_lines and self.kept:
                self._keep(line)
            elif self._by_lines:
                self._held.append(line)

    def flush(self) -> None:
        """Write the lines gathered so far as a file of the batch."""
        if not self._lines:
            return
        data = b"".join(self._lines)
        path = paths.landed(self._source.entity, self._batch.batch_id, self._free_name())
        record = FileRecord(
            entity=self._source.entity,
            source=f"{API}{self._source.name}",
            path=path,
            format="jsonl",
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
        )
        self._records.append(record)
        self._batch.lake.write_bytes(path, data)
        self._lines, self._size = [], 0

    def settle(self, step: Step) -> None:
        """Hand the files to the step: landed, known already, or refused, and then all of them."""
        batch, name = self._batch, self._source.name
        known, new = batch.known(), []
        landed = [known.batch_of(record) for record in self._records]
        # What a full pull lacks is gone, and all lines of an order must come from one pull.
        if landed and (self._by_lines or self._source.declaration.load == "full"):
            landed = [batch.landed_as_a_whole(self._records)] * len(landed)
        for record, landed_in in zip(self._records, landed, strict=True):
            if landed_in:
                batch.remove(record.entity, record.name)
                step.duplicates.append(Duplicate(record.source, record.entity, landed_in))
            else:
                # A record may lack fields that others of the pull have.
                record.header = list(self._header.values())
                new.append(record)
        try:
            for record in new:
                read, warnings = reading.read_landed(
                    batch.lake,
                    batch.contract[record.entity],
                    self._source.declaration,
                    record,
                    batch.batch_id,
                    self._began,
                )
                step.records.append(read)
                step.warnings += [text for text in warnings if text not in step.warnings]
        except UnreadableError as error:
            step.records.clear()
            for record in new:
                self._refuse(record, str(error), step)
        else:
            new_state = self._cursor.state(batch.batch_id)
            if new_state:
                step.api_states[name] = new_state
        if self._replaced:
            step.warnings.append(
                f"API {name}: records with text that isn't Unicode (lone surrogates), "
                f"which landed as �: {self._replaced}."
            )
        step.warnings += self._cursor.warnings()

    def discard(self) -> None:
        """Take what was written so far out of the batch."""
        for record in self._records:
            self._batch.remove(record.entity, record.name)

    def _note(self, name: str, record: dict[str, Any]) -> None:
        """Take note of a field; another spelling of one is another one beside it only."""
        self._fields.add(name)
        first = self._header.setdefault(normalised(name), name)
        if first != name and first in record:
            self._header[name] = name

    def _keep(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _FILE_BYTES:
            self.flush()

    def _free_name(self) -> str:
        """Return the next name that no file of the batch has; they sort as the pages came."""
        number = len(self._records)
        while True:
            number += 1
            name = f"{self._source.name}-{number:05}.jsonl"
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _refuse(self, record: FileRecord, reason: str, step: Step) -> None:
        batch, name = self._batch, record.name
        assert record.path
        refused = replace(record, outcome="quarantined", reason=reason)
        if batch.is_refused(record.entity, record.sha256):
            step.still_quarantined.append(replace(refused, path=None))
        else:
            step.records.append(quarantine(batch, record.path, refused, name))
        batch.remove(record.entity, name)  # with the rows of those that were read before

    def _encode(self, record: dict[str, Any]) -> bytes:
        text = simplejson.dumps(record, use_decimal=True, ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:
            self._replaced += 1
            return LONE_SURROGATE.sub("\ufffd", text).encode() + b"\n"
