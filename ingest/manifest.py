"""The manifest of a batch: what arrived, where it is, and what became of it.

It is the batch's commit record. Readers look at files that a manifest lists and at nothing else,
so a batch counts from the moment that its manifest stands under its name.
"""

import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import simplejson

from ingest import paths
from ingest.errors import LakeError
from ingest.lake import Lake

_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = 16
_READERS = 8


@dataclass
class FileRecord:
    """One file (or file of API records) of a batch.

    `sha256` and `bytes` are those of what arrived. No record that landed, and so no value, has more
    bytes than `longest_record` (0 when a manifest is older than that): an engine plans its memory
    by it. `parallel_safe` is false for a CSV file with commas, line breaks or quotes inside of
    quotes: an engine that starts to read in the middle of it can take quoted text for rows.
    """

    entity: str
    source: str
    path: str | None
    format: Literal["csv", "jsonl"]
    sha256: str
    bytes: int
    rows: int = 0
    malformed_rows: int = 0
    longest_record: int = 0
    header: list[str] = field(default_factory=list)
    missing_columns: list[str] = field(default_factory=list)
    extra_columns: list[str] = field(default_factory=list)
    parallel_safe: bool = True
    outcome: Literal["landed", "quarantined"] = "landed"
    reason: str | None = None


@dataclass
class Manifest:
    """All that one batch brought; `api_states` holds the cursors that hold from then on."""

    batch_id: str
    created_at: str
    files: list[FileRecord]
    api_states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, lake: Lake) -> None:
        """Commit the batch."""
        lake.write_bytes(paths.manifest(self.batch_id), to_json(asdict(self)))


def to_json(value: Any) -> bytes:
    """Return a control file's content: JSON that a person can read."""
    return (simplejson.dumps(value, indent=2, ensure_ascii=False, use_decimal=True) + "\n").encode()


def from_json(data: bytes) -> Any:
    """Return what a control file says, decimals kept as they are."""
    return simplejson.loads(data.decode(), use_decimal=True)


def read_manifest(lake: Lake, batch_id: str) -> Manifest:
    """Return the manifest of one committed batch."""
    path = paths.manifest(batch_id)
    try:
        data = from_json(lake.read_bytes(path))
        data["files"] = [FileRecord(**record) for record in data["files"]]
        return Manifest(**data)
    except (ValueError, TypeError, KeyError) as error:
        raise LakeError(f"The manifest {lake.uri(path)} is damaged: {error}.") from error


def committed_batches(lake: Lake) -> list[str]:
    """Return the ids of all committed batches, oldest first."""
    return [
        path.rsplit("/", 1)[1].removesuffix(".json")
        for path in lake.list(paths.MANIFESTS, recursive=False)
        if path.endswith(".json")
    ]


def read_manifests(lake: Lake) -> Iterator[Manifest]:
    """Yield the manifests of all committed batches, oldest first."""
    # Several at a time: a store in the cloud takes its time to answer for each.
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(partial(read_manifest, lake), committed_batches(lake))


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


def utc_now() -> str:
    """Return the present time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
