"""Which column of a file is which: headers matched to the contract, however they are spelled."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.contract import Entity
from ingest.declarations import Declaration

# Zero-width and direction marks, which nobody sees and editors leave behind.
MARKS = (
    "\u200b\u200c\u200d\u2060\ufeff"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_MOST_LISTED = 30


@dataclass(frozen=True)
class HeaderMatch:
    """How a header compares with the contract and what is declared.

    `places` has where each contract column comes from (several places when it is joined of several
    headers); columns that an expression computes are not in it. `extra` are the columns that are
    neither in the contract nor declared to be read beyond it. `problem` says why the file breaks
    the contract, None when it doesn't.
    """

    places: dict[str, tuple[int, ...]]
    missing: list[str]
    extra: list[str]
    problem: str | None


def normalised(name: str) -> str:
    """Return what two spellings of one header have in common.

    >>> normalised("Customer ID") == normalised("customer_id") == normalised('="CUSTOMER-ID"')
    True
    """
    visible = unicodedata.normalize("NFC", name).translate(dict.fromkeys(map(ord, MARKS)))
    visible = re.sub(r'(?s)^="(.*)"$', r"\1", visible)  # as Excel keeps text from being changed
    return re.sub(r"[\s_-]+", "", visible).casefold()


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with a number after each that stood before, so that SQL can tell them apart.

    Names that differ in case only are the same to SQL.
    """
    taken: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate.lower())
        unique.append(candidate)
    return unique


def listed(names: Sequence[str]) -> str:
    """Return names for a message, which a file with hundreds of columns must not fill.

    >>> listed(["a", "b"])
    'a, b'
    """
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def find_header(names: Sequence[str], wanted: str) -> int | None:
    """Return the place of the header that is meant, None when there is none."""
    spelled = normalised(wanted)
    return next((place for place, name in enumerate(names) if normalised(name) == spelled), None)


def match_header(entity: Entity, declaration: Declaration, names: Sequence[str]) -> HeaderMatch:
    """Match a file's header to the contract, in any order and spelling."""
    places_of: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places_of.setdefault(normalised(name), []).append(place)
    places: dict[str, tuple[int, ...]] = {}
    missing, doubled = [], []
    wanted = {normalised(header) for header in declaration.extra.values()}
    for column in entity.columns:
        if column in declaration.expressions:
            continue
        headers = declaration.columns.get(column, (column,))
        spelled = [normalised(header) for header in headers]
        wanted.update(spelled)
        missing += [
            header if header == column else f"{header} (for {column})"
            for header, key in zip(headers, spelled, strict=True)
            if key not in places_of and column not in entity.optional
        ]
        doubled += [
            h for h, key in zip(headers, spelled, strict=True) if len(places_of.get(key, ())) > 1
        ]
        if all(key in places_of for key in spelled):
            places[column] = tuple(places_of[key][0] for key in spelled)
    extra = [name for name in names if normalised(name) not in wanted]
    return HeaderMatch(
        places, missing, extra, _problem(entity, declaration, names, places, missing, doubled)
    )


def _problem(
    entity: Entity,
    declaration: Declaration,
    names: Sequence[str],
    places: dict[str, tuple[int, ...]],
    missing: list[str],
    doubled: list[str],
) -> str | None:
    place = declaration.place(entity.name)
    if missing and not places:
        # What stands there may be a row of data, which belongs in no message and no log.
        return (
            f"{_columns(missing)} missing, all that {entity.name} needs (a file begins with a line "
            f"of their names; other names are declared with `columns` {place})"
        )
    if missing:
        return (
            f"{_columns(missing)} missing ({entity.name} needs {', '.join(entity.needed)}; "
            f"found: {listed(names)}). A column of another name is declared with `columns` "
            f"{place}"
        )
    if doubled:
        return f"{_columns(doubled)} there more than once"
    return None


def _columns(names: Sequence[str]) -> str:
    return f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
