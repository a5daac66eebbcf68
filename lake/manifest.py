"""The manifest of a batch: what arrived, where it is, how it was read, and what became of it.

It is the batch's commit record. Readers look at files that a manifest lists and at nothing else,
so a batch counts from the moment that its manifest stands under its name. The manifest of a batch
that was taken back stands in a folder of its own, where no reader looks.
"""

import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import simplejson

from lake import paths
from lake.errors import LakeError
from lake.store import Lake

_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = 16
_READERS = 8

API = "api:"
"""Stands before the name of an API where it is the source of records."""

Outcome = Literal["landed", "quarantined", "released", "dropped"]


@dataclass
class FileRecord:
    """One file (or file of API records) of a batch.

    `source` is the name it arrived under, with the folders below the input folder, or `API` and the
    name of one; `path` where its bytes are, `modified` when it was last changed where it came from.
    `sha256` and `bytes` are those of what arrived. `read_as` says how it was read: `reader` and
    `declaration` (when one of them is another now, it is read again), the format's own settings,
    and which of its headers each column came from. No value in its rows has more bytes than
    `longest_value`. A quarantined file is `released` when it was read after all, `dropped` when
    nobody wants it.
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

    @property
    def name(self) -> str:
        """Return its name in the lake; the rows' `_source_file`."""
        return self.path.rpartition("/")[2] if self.path else paths.safe_name(self.source)

    @property
    def api(self) -> str | None:
        """Return the name of the API that it came from, None for a file."""
        return self.source.removeprefix(API) if self.source.startswith(API) else None


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
        return datetime.fromisoformat(self.created_at).astimezone(UTC).replace(tzinfo=None)

    @property
    def landed(self) -> list[FileRecord]:
        """Return the records of the files whose rows count."""
        return [record for record in self.files if record.outcome == "landed"]

    def write(self, lake: Lake) -> None:
        """Commit the batch."""
        place = paths.retracted_manifest if self.retracted_at else paths.manifest
        lake.write_bytes(place(self.batch_id), to_json(asdict(self)))


def to_json(value: Any) -> bytes:
    """Return a control file's content: JSON that a person can read."""
    return (simplejson.dumps(value, indent=2, ensure_ascii=False, use_decimal=True) + "\n").encode()


def from_json(data: bytes) -> Any:
    """Return what a control file says, decimals kept as they are."""
    return simplejson.loads(data.decode(), use_decimal=True)


def read_manifest(lake: Lake, batch_id: str) -> Manifest:
    """Return the manifest of one committed batch."""
    return _read(lake, paths.manifest(batch_id))


def committed_batches(lake: Lake) -> list[str]:
    """Return the ids of all batches that count, oldest first."""
    return _batches(lake, paths.MANIFESTS)


def retracted_batches(lake: Lake) -> list[str]:
    """Return the ids of the batches that were taken back, oldest first."""
    return _batches(lake, paths.RETRACTED)


def read_manifests(lake: Lake) -> Iterator[Manifest]:
    """Yield the manifests of all batches that count, oldest first."""
    yield from _read_all(lake, map(paths.manifest, committed_batches(lake)))


def read_retracted(lake: Lake) -> Iterator[Manifest]:
    """Yield the manifests of the batches that were taken back, oldest first."""
    yield from _read_all(lake, map(paths.retracted_manifest, retracted_batches(lake)))


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


def _batches(lake: Lake, folder: str) -> list[str]:
    return [
        path.rsplit("/", 1)[1].removesuffix(".json")
        for path in lake.list(folder, recursive=False)
        if path.endswith(".json")
    ]


def _read_all(lake: Lake, places: Iterable[str]) -> Iterator[Manifest]:
    # Several at a time: a store in the cloud takes its time to answer for each.
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(partial(_read, lake), places)


def _read(lake: Lake, path: str) -> Manifest:
    try:
        data = from_json(lake.read_bytes(path))
        # What an earlier version of the product wrote beside these fields is not needed any more.
        data["files"] = [
            FileRecord(**{name: value for name, value in record.items() if name in _RECORD_FIELDS})
            for record in data["files"]
        ]
        return Manifest(**data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LakeError(f"The manifest {lake.uri(path)} is damaged: {error}.") from error
