"""Who is forgotten: keyed hashes of their ids and e-mail addresses, and who a row is of.

Nothing else is kept of a person who was forgotten. It is enough to know them when they come again
in a later delivery or pull (`forgetting`), and for nobody to tell who they were.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Entity
from ingest.declarations import Declaration, Declarations
from ingest.declared import text_keys
from ingest.headers import normalised
from lake import audit, paths
from lake.errors import InputError
from lake.manifest import to_json
from lake.store import Lake

EMAIL = "email"
_IDS_OF = {"customers": "customer_id", "loyalty_accounts": "loyalty_id"}
WITH_TRANSACTIONS = "with transactions"
WITHOUT_TRANSACTIONS = "without transactions"

_BLANKS = " \t\r\n\u00a0"
_WHOLE_NUMBER = re.compile(r"'?([+-]?)0*(\d+)(?:\.0+)?")
_LETTER = rb"[^\s<>\"',;:|()\[\]{}=@]"  # of an e-mail address
_BEFORE_AT = re.compile(_LETTER + rb"+\Z")
_AFTER_AT = re.compile(_LETTER + rb"{1,255}")
_LONGEST_NAME = 64  # bytes before the @
SEPARATORS = re.compile("[,;\t|]")


@dataclass(frozen=True)
class Forgotten:
    """The hashes of who is forgotten, by what they are of; each tells whether purchases go too.

    `text` are the kinds of ids that are texts, of which 017 is another than 17.
    """

    key: bytes
    hashes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether anybody is."""
        return any(self.hashes.values())

    def fate(self, kind: str, value: str | None) -> str | None:
        """Return whether a value is of somebody who is forgotten: with or without purchases."""
        if value is None or kind not in self.hashes:
            return None
        return self.hashes[kind].get(self.hashed(kind, value)) if value.strip(_BLANKS) else None

    def fates(self, kind: str, values: pa.ChunkedArray) -> dict[int, str]:
        """Return the same of each value of a column that is of somebody, by its place from 0."""
        if not self.hashes.get(kind):
            return {}
        unique = pc.unique(values)
        known = {value: fate for value in unique.to_pylist() if (fate := self.fate(kind, value))}
        if not known:
            return {}
        places = pc.indices_nonzero(pc.is_in(values, pa.array(list(known), pa.string())))
        found = values.take(places).to_pylist()
        return {place: known[value] for place, value in zip(places.to_pylist(), found, strict=True)}

    def names(self, entity: Entity, declaration: Declaration, header: list[str], text: str) -> bool:
        """Tell whether a line that is no row names somebody: by an e-mail address, or by an id.

        An id counts only in the place where such rows have it, since any number may be one.
        """
        if any(self.fate(EMAIL, found) for found in addresses(text.encode(errors="replace"))):
            return True
        fields = [each.strip(_BLANKS + '"') for each in SEPARATORS.split(text)]
        spelled = list(map(normalised, header))
        for column, kind in entity.identifies.items():
            for wanted in declaration.columns.get(column, (column,)) if kind != EMAIL else ():
                member = re.escape(wanted.rpartition(".")[2])
                found = re.findall(rf'"{member}"\s*:\s*"?([^",}}\]]+)', text, re.IGNORECASE)
                place = spelled.index(normalised(wanted)) if normalised(wanted) in spelled else -1
                found += fields[place : place + 1] if place >= 0 else []
                if any(self.fate(kind, value) for value in found):
                    return True
        return False

    def canonical(self, kind: str, value: str) -> str:
        """Return a value as all its spellings are hashed.

        >>> Forgotten(b"").canonical("customer_id", " 0017.0")
        '17'
        >>> Forgotten(b"", text=frozenset(["customer_id"])).canonical("customer_id", " 0017")
        '0017'
        >>> Forgotten(b"").canonical("email", "Ann@Example.com ")
        'ann@example.com'
        """
        said = value.strip(_BLANKS)
        if kind == EMAIL:
            return said.casefold()
        number = None if kind in self.text else _WHOLE_NUMBER.fullmatch(said)
        if not number:
            return said
        return ("-" if number[1] == "-" and number[2] != "0" else "") + number[2]

    def hashed(self, kind: str, value: str) -> str:
        """Return the hash of a value."""
        return audit.hashed(self.key, kind, self.canonical(kind, value))


def kinds_of_text(entities: Collection[str]) -> frozenset[str]:
    """Return the kinds of ids that are texts, from the entities whose keys are."""
    return frozenset(kind for entity, kind in _IDS_OF.items() if entity in entities)


def addresses(text: bytes) -> set[str]:
    """Return what may be e-mail addresses in a text in UTF-8.

    >>> addresses(b"Zed <zed@mail.example>, @home")
    {'zed@mail.example'}
    """
    found = set()
    for at in re.finditer(b"@", text):
        before = _BEFORE_AT.search(text, max(at.start() - _LONGEST_NAME, 0), at.start())
        after = _AFTER_AT.match(text, at.end())
        if before and after:
            found.add((before[0] + b"@" + after[0].rstrip(b".")).decode(errors="replace"))
    return found


def read(lake: Lake, declarations: Declarations) -> Forgotten:
    """Return who is forgotten."""
    text = kinds_of_text(text_keys(declarations))
    content, _ = lake.read_versioned(paths.FORGOTTEN)
    if content is None:
        return Forgotten(b"", text=text)
    try:
        hashes = {kind: dict(of) for kind, of in json.loads(content).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{lake.uri(paths.FORGOTTEN)}, which keeps who is forgotten, is damaged ({error}). "
            "Restore it from a backup: nothing is read until then, since somebody who is forgotten "
            "could come back."
        ) from error
    return Forgotten(audit.hash_key(lake), hashes, text)


def add(
    lake: Lake,
    declarations: Declarations,
    ids: Mapping[str, Iterable[str]],
    with_transactions: bool,
) -> Forgotten:
    """Keep the hashes of a person's ids and e-mail addresses, by what they are; return all."""
    before = read(lake, declarations)
    new = only(audit.hash_key(lake), declarations, ids, with_transactions)
    kinds = {*before.hashes, *new.hashes}
    hashes = {
        kind: {**before.hashes.get(kind, {}), **new.hashes.get(kind, {})} for kind in sorted(kinds)
    }
    lake.write_bytes(paths.FORGOTTEN, to_json(hashes))
    return replace(new, hashes=hashes)


def only(
    key: bytes,
    declarations: Declarations,
    ids: Mapping[str, Iterable[str]],
    with_transactions: bool,
) -> Forgotten:
    """Return the hashes of one person."""
    known = Forgotten(key, text=kinds_of_text(text_keys(declarations)))
    fate = WITH_TRANSACTIONS if with_transactions else WITHOUT_TRANSACTIONS
    hashes = {
        kind: {known.hashed(kind, value): fate for value in values} for kind, values in ids.items()
    }
    return replace(known, hashes=hashes)
