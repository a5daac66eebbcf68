"""Where everything stands in the lake: the only place that spells its paths.

All paths are relative to the lake's root, with `/` on every system.
"""

import re
from collections.abc import Iterator

BRONZE = "bronze"
MANIFESTS = f"{BRONZE}/_manifests"
QUARANTINE = f"{BRONZE}/_quarantine"
ORIGINALS = f"{BRONZE}/_originals"
MALFORMED = f"{BRONZE}/_malformed"
STATE = f"{BRONZE}/_state"
SILVER = "silver"
PUBLISHED = f"{SILVER}/_published.json"


def manifest(batch_id: str) -> str:
    """Return the path of a batch's manifest."""
    return f"{MANIFESTS}/{batch_id}.json"


def landed(entity: str, batch_id: str, name: str) -> str:
    """Return the path of a landed file."""
    return f"{BRONZE}/{entity}/{batch_id}/{name}"


def original(entity: str, batch_id: str, name: str) -> str:
    """Return the path of the untouched original of a file that could not land as it was."""
    return f"{ORIGINALS}/{entity}/{batch_id}/{name}"


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
    """Return the folder of one version of a silver entity."""
    return f"{SILVER}/{entity}/{version}"


_BATCH_FOLDER = re.compile(
    rf"({BRONZE}/(?:_quarantine|(?:(?:_originals|_malformed)/)?[^_/][^/]*)/([^_/][^/]*))/"
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

    >>> safe_name("Customers [new] (1).CSV.GZ")
    'Customers__new___1_.csv.gz'
    """
    stem, suffix = re.fullmatch(r"(.*?)((?:\.csv|\.jsonl)?(?:\.gz)?)", name, re.I | re.S).groups()  # type: ignore[union-attr]
    return re.sub(r"[^\w.-]", "_", stem) + suffix.lower()
