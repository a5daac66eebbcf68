"""Where everything stands in the lake: the only place that spells its paths.

All paths are relative to the lake's root, with `/` on every system.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator

BRONZE = "bronze"
MANIFESTS = f"{BRONZE}/manifests"
RETRACTED = f"{MANIFESTS}/retracted"
BEGUN = f"{MANIFESTS}/begun"
INDEX = f"{MANIFESTS}/index.jsonl"
ROWS = f"{BRONZE}/rows"
QUARANTINE = f"{BRONZE}/quarantine"
MALFORMED = f"{BRONZE}/malformed"
STATE = f"{BRONZE}/state"
DECLARED = f"{BRONZE}/declared.json"
SILVER = "silver"
PUBLISHED = f"{SILVER}/published.json"
KEPT = f"{SILVER}/versions"
IDENTITY = "identity"
IDENTITY_PUBLISHED = f"{IDENTITY}/published.json"
DECISIONS = f"{IDENTITY}/decisions.jsonl"
AUDIT = "audit"
AUDIT_LOG = f"{AUDIT}/log.jsonl"
HASH_KEY = f"{AUDIT}/hash.key"
FORGOTTEN = f"{AUDIT}/forgotten.json"
FORGETTING = f"{AUDIT}/forgetting.json"
CERTIFICATES = f"{AUDIT}/certificates"
RETENTION = f"{AUDIT}/retention.json"
RUNS = "runs"
RUN_LOG = f"{RUNS}/log.jsonl"
LOCK = "run.lock"

LONGEST_NAME = 180
"""Bytes of a file's name in the lake; most file systems allow 255, and endings are added to it."""


def manifest(batch_id: str) -> str:
    """Return the path of a batch's manifest."""
    return f"{MANIFESTS}/{batch_id}.json"


def retracted_manifest(batch_id: str) -> str:
    """Return the path of the manifest of a batch that was taken back."""
    return f"{RETRACTED}/{batch_id}.json"


def begun(batch_id: str) -> str:
    """Return the path of the note that a batch has begun: it names the folders of its files."""
    return f"{BEGUN}/{batch_id}.json"


def landed(entity: str, batch_id: str, name: str) -> str:
    """Return the path of a landed file, as it was received."""
    return f"{BRONZE}/{entity}/{batch_id}/{name}"


def rows(entity: str, batch_id: str, name: str) -> str:
    """Return the path of a landed file's rows, as they were read."""
    return f"{ROWS}/{entity}/{batch_id}/{name}.parquet"


def malformed(entity: str, batch_id: str, name: str) -> str:
    """Return the path of the malformed lines of a landed file."""
    return f"{MALFORMED}/{entity}/{batch_id}/{name}.jsonl"


def quarantined(batch_id: str, name: str) -> str:
    """Return the path of a quarantined file."""
    return f"{QUARANTINE}/{batch_id}/{name}"


def quarantine_reason(batch_id: str, name: str) -> str:
    """Return the path of the note that says why a file is in quarantine."""
    return f"{QUARANTINE}/{batch_id}/{name}.reason.json"


def state(source: str) -> str:
    """Return the path of an API source's cursor."""
    return f"{STATE}/{source}.json"


def silver_version(entity: str, version: str) -> str:
    """Return the folder of what one version added to a relation of silver."""
    return f"{SILVER}/{entity}/{version}"


def kept_version(version: str) -> str:
    """Return the path of what says that a version is kept, which was published before."""
    return f"{KEPT}/{version}.json"


def staged(entity: str, version: str) -> str:
    """Return the folder of the rows of an entity that one version staged."""
    return f"{SILVER}/staging/{entity}/{version}"


def superseded(entity: str, version: str) -> str:
    """Return the folder of what one version says about rows of silver that do not count."""
    return f"{SILVER}/superseded/{entity}/{version}"


def identity_version(version: str) -> str:
    """Return the folder of what one version found out about who is who."""
    return f"{IDENTITY}/versions/{version}"


def identity_table(version: str, name: str) -> str:
    """Return the path of one table of what a version found out about who is who."""
    return f"{identity_version(version)}/{name}.parquet"


def folders(batch_id: str, entities: Iterable[str]) -> list[str]:
    """Return the folders that the files of a batch can stand in, if they are of these entities."""
    return [f"{QUARANTINE}/{batch_id}"] + [
        f"{parent}/{entity}/{batch_id}"
        for entity in entities
        for parent in (BRONZE, ROWS, MALFORMED)
    ]


_BATCH_FOLDER = re.compile(
    rf"({BRONZE}/(?:quarantine|(?:rows|malformed)/[^/]+|(?!manifests/|state/)[^/]+)/([^/]+))/"
)


def batch_folders(files: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each (batch folder, batch_id) that the listed bronze files stand in."""
    seen = set()
    for path in files:
        match = _BATCH_FOLDER.match(path)
        if match and match[1] not in seen:
            seen.add(match[1])
            yield match[1], match[2]


def safe_name(name: str) -> str:
    """Return a file name that no engine takes for a pattern and no URL has to escape.

    A name below a folder has the folder's name in it; one that is too long for a file system is
    cut, and a hash of all of it keeps it apart from others.

    >>> safe_name("2024/05/Customers [new] (1).CSV.GZ")
    '2024_05_Customers__new___1_.csv.gz'
    """
    match = re.fullmatch(r"(.*?)((?:\.[a-z]{2,8})?(?:\.(?:gz|zip))?)", name, re.I | re.S)
    assert match  # it matches everything
    stem, suffix = re.sub(r"[^\w.-]", "_", match[1]).lstrip("._") or "file", match[2].lower()
    if len((stem + suffix).encode()) > LONGEST_NAME:
        mark = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
        room = LONGEST_NAME - len(suffix) - len(mark) - 1
        stem = f"{stem.encode()[:room].decode(errors='ignore')}-{mark}"
    return stem + suffix
