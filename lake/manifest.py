"""The manifest of a batch: what arrived, where it is, how it was read, and what became of it.

It is the batch's commit record. Readers look at files that a manifest lists and at nothing else,
so a batch counts from the moment that its manifest stands under its name. The manifest of a batch
that was taken back stands in a folder of its own, where no reader looks.

So that a lake of thousands of batches is read as fast as a young one, manifests are folded into an
index from time to time: one file with a line for each batch. A manifest that stands under its own
name is newer than its line, so writing, reading again and taking back are the same for all batches.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from weakref import WeakKeyDictionary

import simplejson

from lake import paths
from lake.errors import LakeError
from lake.store import Lake

_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = 16
_READERS = 8
_FEW = 50  # manifests that stand under names of their own
_LINE_HEAD = re.compile(rb'\{"batch_id":"([^"]+)","retracted_at":(null|"[^"]*")[,}]')

API = "api:"
"""Stands before the name of an API where it is the source of records."""

Outcome = Literal["landed", "quarantined", "released", "dropped"]


@dataclass
class FileRecord:
    """One file (or file of API records) of a batch.

    `source` is the name it arrived under, with the folders below the input folder, or `API` and the
    name of one; `path` where its bytes are, `modified` when it was last changed where it came from.
    `sha256` and `bytes` are those of the bytes there. `read_as` says how it was read: `reader` and
    `declaration` (when one of them is another now, it is read again), the format's own settings,
    and which of its headers each column came from. No value in its rows has more bytes than
    `longest_value`. Of a file from which rows were taken out since, `rewritten` tells when, why and
    how many, and `received_sha256` is the checksum of what arrived. A quarantined file is
    `released` when it was read after all, `dropped` when nobody wants it.
    """

    entity: str
    source: str
    path: str | None
    format: str
    sha256: str
    bytes: int
    modified: str | None = None
    rows: int = 0
    malformed_rows: int = 0
    longest_value: int = 0
    header: list[str] = field(default_factory=list)
    missing_columns: list[str] = field(default_factory=list)
    extra_columns: list[str] = field(default_factory=list)
    outcome: Outcome = "landed"
    reason: str | None = None
    read_as: dict[str, Any] = field(default_factory=dict)
    received_sha256: str | None = None
    rewritten: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return its name in the lake; the rows' `_source_file`."""
        return self.path.rpartition("/")[2] if self.path else paths.safe_name(self.source)

    @property
    def api(self) -> str | None:
        """Return the name of the API that it came from, None for a file."""
        return _api(self.source)

    @property
    def reader(self) -> int | None:
        """Return which reader read it, None when it is to be read again."""
        return self.read_as.get("reader")

    @property
    def declaration(self) -> str | None:
        """Return the hash of the declaration that it was read by."""
        return self.read_as.get("declaration")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a batch that counts, in short: what is asked of all files that ever arrived.

    `sha256` is of what arrived.
    `declared_in` is the run that read it again since it was declared otherwise, if any.
    """

    batch_id: str
    created_at: str
    entity: str
    source: str
    name: str
    sha256: str
    outcome: Outcome
    rows: int
    malformed_rows: int
    reader: int | None
    declaration: str | None
    declared_in: str

    @property
    def api(self) -> str | None:
        """Return the name of the API that it came from, None for a file."""
        return _api(self.source)

    @property
    def created(self) -> datetime:
        """Return when its batch was committed: UTC, without zone."""
        return _instant(self.created_at)


def _api(source: str) -> str | None:
    return source.removeprefix(API) if source.startswith(API) else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


_RECORD_FIELDS = {each.name for each in fields(FileRecord)}


@dataclass
class Manifest:
    """All that one batch brought; `api_states` holds the cursors that hold from then on.

    `retracted_at` is when the batch was taken back, None for one that counts.
    """

    batch_id: str
    created_at: str
    files: list[FileRecord]
    api_states: dict[str, dict[str, Any]] = field(default_factory=dict)
    retracted_at: str | None = None

    @property
    def created(self) -> datetime:
        """Return when the batch was committed: UTC, without zone."""
        return _instant(self.created_at)

    @property
    def landed(self) -> list[FileRecord]:
        """Return the records of the files whose rows count."""
        return [record for record in self.files if record.outcome == "landed"]

    def write(self, lake: Lake) -> None:
        """Commit the batch."""
        place = paths.retracted_manifest if self.retracted_at else paths.manifest
        with _changing(lake, self.batch_id):
            lake.write_bytes(place(self.batch_id), to_json(asdict(self)))


def to_json(value: Any) -> bytes:
    """Return a control file's content: JSON that a person can read."""
    return (simplejson.dumps(value, indent=2, ensure_ascii=False, use_decimal=True) + "\n").encode()


def from_json(data: bytes) -> Any:
    """Return what a control file says, decimals kept as they are."""
    return simplejson.loads(data.decode(), use_decimal=True)


def read_manifest(lake: Lake, batch_id: str) -> Manifest:
    """Return the manifest of one batch, of one that is half taken back the later one."""
    return _ledger(lake).manifest(batch_id)


def committed_batches(lake: Lake) -> list[str]:
    """Return the ids of all batches that count, oldest first."""
    return sorted(_ledger(lake).committed)


def retracted_batches(lake: Lake) -> list[str]:
    """Return the ids of the batches that were taken back, oldest first."""
    return sorted(_ledger(lake).retracted)


def half_retracted_batches(lake: Lake) -> list[str]:
    """Return the ids of the batches whose manifest stands in both places, oldest first."""
    ledger = _ledger(lake)
    return sorted(ledger.standing & ledger.set_apart)


def read_manifests(lake: Lake) -> Iterator[Manifest]:
    """Yield the manifests of all batches that count, oldest first."""
    ledger = _ledger(lake)
    ledger.fetch(ledger.standing - ledger.set_apart)
    yield from map(ledger.manifest, sorted(ledger.committed))


def read_retracted(lake: Lake) -> Iterator[Manifest]:
    """Yield the manifests of the batches that were taken back, oldest first."""
    ledger = _ledger(lake)
    ledger.fetch(ledger.set_apart)
    yield from map(ledger.manifest, sorted(ledger.retracted))


def file_entries(lake: Lake) -> list[FileEntry]:
    """Return all files of all batches that count, oldest batch first, in their places there."""
    ledger = _ledger(lake)
    ledger.fetch(ledger.standing - ledger.set_apart)
    return [entry for batch_id in sorted(ledger.committed) for entry in ledger.entries(batch_id)]


def remove_manifest(lake: Lake, batch_id: str) -> None:
    """Remove the manifest of a batch that was taken back from those that count."""
    with _changing(lake, batch_id):
        lake.delete(paths.manifest(batch_id))


def fold(lake: Lake) -> None:
    """Fold the manifests into the index when many stand under names of their own.

    Their files go with the next fold, which finds them in the index as they are: so whoever reads
    all manifests while a run folds finds each of them in one place or the other. The caller has the
    lake for itself. A batch that is half taken back is left alone.
    """
    ledger = _ledger(lake)
    alone = ledger.standing ^ ledger.set_apart
    if len(alone) <= _FEW:
        return
    ledger.fetch(alone)
    lines = {batch_id: ledger.line(batch_id) for batch_id in alone}
    folded = [batch_id for batch_id in alone if ledger.index.get(batch_id) == lines[batch_id]]
    try:
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(lake.delete, map(ledger.place, folded)))
        if len(alone) - len(folded) > _FEW:
            index = {**ledger.index, **lines}
            lines_in_order = [index[batch_id] + b"\n" for batch_id in sorted(index)]
            lake.write_bytes(paths.INDEX, b"".join(lines_in_order))
    finally:
        if lake in _remembered:
            _remembered[lake] = _Ledger(lake)


@contextmanager
def remembered(lake: Lake) -> Iterator[None]:
    """Read the manifests of a lake once while the block runs, which has the lake for itself."""
    _remembered[lake] = _Ledger(lake)
    try:
        yield
    finally:
        del _remembered[lake]


def new_batch_id(committed: Iterable[str], now: datetime | None = None) -> str:
    """Return an id that sorts after every committed one, even when the clock went back.

    >>> new_batch_id(["20261123T101500Z-abcdef"], datetime(2026, 11, 23, 10, tzinfo=UTC))[:17]
    '20261123T101501Z-'
    """
    stamp = (now or datetime.now(UTC)).strftime(_STAMP)
    last = max(committed, default="")[:_STAMP_LENGTH]
    if stamp <= last:
        stamp = (datetime.strptime(last, _STAMP) + timedelta(seconds=1)).strftime(_STAMP)
    return f"{stamp}-{secrets.token_hex(3)}"


def begun_at(batch_id: str) -> datetime:
    """Return when a batch began, by its id (UTC, without zone): after every committed one.

    >>> begun_at("20261123T101500Z-abcdef")
    datetime.datetime(2026, 11, 23, 10, 15)
    """
    return datetime.strptime(batch_id[:_STAMP_LENGTH], _STAMP)


class _Ledger:
    """The manifests of a lake as they stand, read when they are asked for, and once.

    `standing` are the batches whose manifest stands under a name of its own among those that count,
    `set_apart` those whose stands among those that were taken back, `index` has the lines of those
    that were folded.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._texts: dict[str, bytes] = {}
        self._entries: dict[str, list[FileEntry]] = {}
        # In the order in which a manifest moves on, so that none is missed.
        self.standing = _listed(lake, paths.MANIFESTS)
        self.set_apart = _listed(lake, paths.RETRACTED)
        self.index: dict[str, bytes] = {}
        self._folded_away: set[str] = set()
        for line in lake.read_bytes(paths.INDEX).split(b"\n") if lake.exists(paths.INDEX) else ():
            if line:
                batch_id, is_away = _line_head(lake, line)
                self.index[batch_id] = line
                if is_away:
                    self._folded_away.add(batch_id)

    def look_again(self, batch_id: str) -> None:
        """Read anew what changes with the manifest of one batch."""
        self.standing = _listed(self._lake, paths.MANIFESTS)
        self.set_apart = _listed(self._lake, paths.RETRACTED)
        self._texts.pop(batch_id, None)
        self._entries.pop(batch_id, None)

    @property
    def committed(self) -> set[str]:
        """The batches that count."""
        return (self.standing | (self.index.keys() - self._folded_away)) - self.set_apart

    @property
    def retracted(self) -> set[str]:
        """The batches that were taken back."""
        return self.set_apart | (self._folded_away - self.standing)

    def place(self, batch_id: str) -> str:
        """Return where the manifest of a batch stands."""
        if batch_id in self.set_apart:
            return paths.retracted_manifest(batch_id)
        if batch_id in self.standing or batch_id not in self.index:
            return paths.manifest(batch_id)
        return paths.INDEX

    def fetch(self, batches: set[str]) -> None:
        """Read the manifests of batches, several at a time: a store in the cloud takes its time."""
        missing = batches - self._texts.keys()
        if missing:
            with ThreadPoolExecutor(_READERS) as pool:
                list(pool.map(self._text, missing))

    def manifest(self, batch_id: str) -> Manifest:
        """Return the manifest of a batch."""
        with self._damage_named(batch_id):
            data = from_json(self._text(batch_id))
            # What an earlier version of the product wrote beside these fields is not needed now.
            data["files"] = [
                FileRecord(
                    **{name: value for name, value in record.items() if name in _RECORD_FIELDS}
                )
                for record in data["files"]
            ]
            return Manifest(**data)

    def entries(self, batch_id: str) -> list[FileEntry]:
        """Return the files of a batch in short."""
        if batch_id not in self._entries:
            manifest = self.manifest(batch_id)
            self._entries[batch_id] = [_entry(manifest, record) for record in manifest.files]
        return self._entries[batch_id]

    def line(self, batch_id: str) -> bytes:
        """Return the manifest of a batch as the index has it."""
        with self._damage_named(batch_id):
            data = from_json(self._text(batch_id))
            # What `_line_head` looks for comes first.
            head = {"batch_id": batch_id, "retracted_at": data.get("retracted_at")}
            return simplejson.dumps(
                head | data, separators=(",", ":"), ensure_ascii=False, use_decimal=True
            ).encode()

    def _text(self, batch_id: str) -> bytes:
        place = self.place(batch_id)
        if place == paths.INDEX:
            return self.index[batch_id]
        if batch_id not in self._texts:
            try:
                self._texts[batch_id] = self._lake.read_bytes(place)
            except LakeError:
                # A run that folds has removed it since it was listed?
                if batch_id not in self.index or self._lake.exists(place):
                    raise
                return self.index[batch_id]
        return self._texts[batch_id]

    @contextmanager
    def _damage_named(self, batch_id: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            place = self._lake.uri(self.place(batch_id))
            raise LakeError(f"The manifest {place} is damaged: {error}.") from error


# Those of the lakes that somebody has for themselves.
_remembered: WeakKeyDictionary[Lake, _Ledger] = WeakKeyDictionary()


def _ledger(lake: Lake) -> _Ledger:
    return _remembered.get(lake) or _Ledger(lake)


@contextmanager
def _changing(lake: Lake, batch_id: str) -> Iterator[None]:
    """See that what is remembered is not what was before a change, however that ends."""
    try:
        yield
    finally:
        if lake in _remembered:
            _remembered[lake].look_again(batch_id)


def _listed(lake: Lake, folder: str) -> set[str]:
    return {
        path.rpartition("/")[2].removesuffix(".json")
        for path in lake.list(folder, recursive=False)
        if path.endswith(".json")
    }


def _line_head(lake: Lake, line: bytes) -> tuple[str, bool]:
    """Return of a line of the index which batch it is of, and whether that was taken back."""
    head = _LINE_HEAD.match(line)
    if not head:
        raise LakeError(
            f"The index of manifests {lake.uri(paths.INDEX)} is damaged. Restore it from a backup."
        )
    return head[1].decode(), head[2] != b"null"


def _entry(manifest: Manifest, record: FileRecord) -> FileEntry:
    return FileEntry(
        manifest.batch_id,
        manifest.created_at,
        record.entity,
        record.source,
        record.name,
        record.received_sha256 or record.sha256,
        record.outcome,
        record.rows,
        record.malformed_rows,
        record.reader,
        record.declaration,
        record.read_as.get("declared_in", ""),
    )
