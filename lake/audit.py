"""Who did what that others may ask about: exported, forgot, linked, rolled back, took back.

The log stands in the lake, one entry a line, and entries are only ever added, each before what it
tells of is done: so nothing is done without one. It names a person by a keyed hash, so that it
tells nobody who was forgotten, and yet answers whether somebody was.
"""

import getpass
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from lake import paths
from lake.clock import utc_now
from lake.errors import ConflictError, InputError
from lake.store import Lake

HASH_KEY_VARIABLE = "C360_HASH_KEY"
_ATTEMPTS = 20
_LEAST_KEY = 16  # characters


@dataclass(frozen=True)
class Entry:
    """What was done (`action`), when, by whom, from where, about which person (a hash) if any."""

    at: str
    by: str
    action: str
    source: str
    person: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def concerns(self, hashes: Collection[str]) -> bool:
        """Tell whether it is about a person or customer that has one of these hashes."""
        return not {self.person, *self.detail.get("customers", ())}.isdisjoint(hashes)


def record(
    lake: Lake,
    action: str,
    *,
    source: str = "command line",
    person: str | None = None,
    by: str | None = None,
    **detail: Any,
) -> Entry:
    """Add an entry; `person` is a hash (`hashed`), and nothing in `detail` may be personal data.

    Where it is about several customers, `customers` in `detail` are their hashes.
    """
    entry = Entry(utc_now(), by or getpass.getuser(), action, source, person, detail)
    line = json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"
    for attempt in range(_ATTEMPTS):
        content, version = lake.read_versioned(paths.AUDIT_LOG)
        try:
            lake.write_bytes(paths.AUDIT_LOG, (content or b"") + line, expected=version)
            break
        except ConflictError:
            if attempt + 1 == _ATTEMPTS:
                raise
    return entry


def read(lake: Lake) -> list[Entry]:
    """Return all entries, the oldest first."""
    content, _ = lake.read_versioned(paths.AUDIT_LOG)
    entries = []
    for number, line in enumerate((content or b"").splitlines(), start=1):
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{lake.uri(paths.AUDIT_LOG)} line {number} is no entry of the audit log "
                f"({error}). Restore the file from a backup."
            ) from error
    return entries


def hash_key(lake: Lake) -> bytes:
    """Return the key of the hashes: C360_HASH_KEY, else one that is made once and kept in the lake.

    Without the key nobody can tell by trying who a hash is of; who reads the lake has it, unless
    the variable names one that is kept elsewhere.
    """
    named = os.environ.get(HASH_KEY_VARIABLE)
    if named:
        if len(named) < _LEAST_KEY:
            raise InputError(
                f"{HASH_KEY_VARIABLE} has {len(named)} characters; give it at least {_LEAST_KEY}."
            )
        return named.encode()
    content, _ = lake.read_versioned(paths.HASH_KEY)
    if content is None:
        with suppress(ConflictError):  # another command made one meanwhile
            lake.write_bytes(paths.HASH_KEY, secrets.token_hex(32).encode() + b"\n", expected=None)
        content = lake.read_bytes(paths.HASH_KEY)
    return content.strip()


def hashed(key: bytes, kind: str, value: str) -> str:
    """Return the hash of a value that stands for a person: a customer's id, an e-mail address.

    >>> hashed(b"key", "email", " Ann@Example.com") == hashed(b"key", "email", "ann@example.com")
    True
    >>> hashed(b"key", "email", "17") == hashed(b"key", "customer_id", "17")
    False
    """
    said = value.strip()
    if kind == "email":
        said = said.casefold()
    return hmac.new(key, f"{kind}\0{said}".encode(), hashlib.sha256).hexdigest()[:32]


def hashed_customers(lake: Lake, customer_ids: Iterable[object]) -> list[str]:
    """Return the hashes of customers' ids."""
    key = hash_key(lake)
    return [hashed(key, "customer_id", str(each)) for each in customer_ids]


def hashes_of(lake: Lake, value: str) -> set[str]:
    """Return the hashes under which an entry may name somebody who is asked for in words."""
    key = hash_key(lake)
    return {hashed(key, kind, value) for kind in ("person_id", "customer_id", "email")}
