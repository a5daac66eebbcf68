"""Which headers of a file may be meant for the columns of an entity, by how alike they are."""

import difflib
import re
from collections.abc import Sequence

from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import match_header, normalised

_ALIKE = 0.6  # from which on a header is offered for a column
_SURELY_ALIKE = 0.85
_SAME_WORDS = {
    **dict.fromkeys(("no", "nr", "num", "number", "code", "key"), "id"),
    **dict.fromkeys(("client", "buyer", "shopper"), "customer"),
    **dict.fromkeys(("invoice", "sale"), "order"),
    **dict.fromkeys(("item", "article"), "product"),
    **dict.fromkeys(("total", "value", "sum"), "amount"),
    **dict.fromkeys(("timestamp", "datetime", "created", "time"), "date"),
    **dict.fromkeys(("mail",), "email"),
    **dict.fromkeys(("shop", "branch"), "store"),
}


def likely_columns(
    entity: Entity, declaration: Declaration, names: Sequence[str]
) -> tuple[dict[str, str | list[str]], bool]:
    """Return the likely header of each column that is missing, and whether all of them are sure.

    Each header is taken once, the most alike first.

    >>> orders = Entity("orders", "Orders", ("OrderID", "DateTime", "Amount"))
    >>> likely_columns(orders, Declaration(), ["Order No", "Date", "Time", "Amount"])
    ({'OrderID': 'Order No', 'DateTime': ['Date', 'Time']}, True)
    """
    places = match_header(entity, declaration, names).places
    taken = {place for of in places.values() for place in of}
    extra = {normalised(header) for header in declaration.extra.values()}
    free = [
        name
        for place, name in enumerate(names)
        if place not in taken and normalised(name) not in extra
    ]
    missing = [c for c in entity.needed if c not in places and c not in declaration.expressions]
    pairs = sorted(
        ((likeness(column, name), column, name) for column in missing for name in free),
        key=lambda each: -each[0],
    )
    found: dict[str, tuple[float, str]] = {}
    for score, column, name in pairs:
        if score >= _ALIKE and column not in found and name not in [n for _, n in found.values()]:
            found[column] = score, name
    likely: dict[str, str | list[str]] = {c: found[c][1] for c in missing if c in found}
    both = [next((n for n in free if normalised(n) == word), None) for word in ("date", "time")]
    if "DateTime" in likely and all(both):
        likely["DateTime"] = [name for name in both if name]
    return likely, all(score >= _SURELY_ALIKE for score, _ in found.values())


def likeness(column: str, header: str) -> float:
    """Return how alike a column and a header are, between 0 and 1."""
    wanted, words = _words(column), _words(header)
    spelled = difflib.SequenceMatcher(None, "".join(wanted), "".join(words)).ratio()
    shared = len(set(wanted) & set(words)) / len(set(wanted))
    return max(spelled, 0.9 * shared)


def _words(name: str) -> list[str]:
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+", name)
    words = [_SAME_WORDS.get(part.casefold(), part.casefold()) for part in parts]
    return list(dict.fromkeys(words))
