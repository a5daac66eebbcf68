"""Who the made-up retailer's customers are: persons, of whom some have several customer records.

A customer is told by a number, the persons by their first customer's number. Everything about a
customer is drawn from a seed and that number alone: whose record it is, what that person is called,
and what is otherwise in this record. So customers are the same however many there are, and in
whatever pieces they are made.

About a tenth are further records of a person, unlike the first in one of the ways of `DOUBLES`.
Others look alike without being one person, in one of the ways of `TRAPS`. Whether two records are
of one person can always be told from them: a further record shares the name, or what it was, and
the e-mail or the postal address with the first one, or what these were before they were mistyped.
Two further records may have little in common but that first one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from random import Random

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from demo import people_words as words
from demo.columns import Column, as_column, either, joined, packed, replaced, table, texts
from demo.likeness import DOUBLES, TRAPS, Kind, Person, Record, without_accents

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shares = NDArray[np.float64]

_CHUNK = 1 << 17


@dataclass(frozen=True)
class Customers:
    """Some customers' columns."""

    name: Column
    email: Column
    address: Column


_NO_CUSTOMERS = pa.schema(
    [(name, pa.string()) for name in ("customer_id", "customer_name", "email", "address")]
).empty_table()


def make_customers(count: int, seed: int) -> tuple[pa.Table, Ints]:
    """Make so many labelled customers: a table of customer_id, customer_name, email and address,
    all text, and the person of each row, as the number of that person's first row."""
    population = Population(seed)
    tables, persons = [_NO_CUSTOMERS], [np.empty(0, np.int64)]
    for start in range(0, count, _CHUNK):
        numbers = np.arange(start, min(start + _CHUNK, count))
        made = population.customers(numbers)
        ids = as_column(numbers.astype(f"S{len(str(count))}"))
        columns = map(_as_arrow, (ids, made.name, made.email, made.address))
        tables.append(pa.table(list(columns), schema=_NO_CUSTOMERS.schema))
        persons.append(population.persons(numbers))
    return pa.concat_tables(tables), np.concatenate(persons)


def _as_arrow(column: Column) -> pa.StringArray:
    ends = np.cumsum((column != 0).sum(axis=1), dtype=np.int32)
    offsets = np.append(np.int32(0), ends)
    buffers = (pa.py_buffer(offsets), pa.py_buffer(packed(column)))
    return pa.StringArray.from_buffers(len(column), *buffers)


# --- What is known of a person --------------------------------------------------------------------

_OWN, _NO_MAIL, _PLACEHOLDER, _HUB = range(4)


@dataclass(frozen=True)
class _People:
    """Persons' attributes, most of them as places in the lists of words."""

    title: Ints
    first: Ints
    short: Ints
    """1 where the nickname stands behind the first name, in quotes."""
    middle: Ints
    last: Ints
    junior: Ints
    house: Ints
    street: Ints
    unit: Ints
    town: Ints
    mail_kind: Ints
    mail_first: Ints
    mail_last: Ints
    mail_style: Ints
    mail_number: Ints
    mail_domain: Ints

    def take(self, which: Ints) -> _People:
        return _People(**{each.name: getattr(self, each.name)[which] for each in fields(self)})

    def set(self, at: Ints, **values: Ints | int) -> None:
        for name, value in values.items():
            getattr(self, name)[at] = value

    def copy(self, at: Ints, others: _People, *names: str) -> None:
        for name in names:
            getattr(self, name)[at] = getattr(others, name)


_ADDRESS = ("house", "street", "unit", "town")
_MAIL = ("mail_kind", "mail_first", "mail_last", "mail_style", "mail_number", "mail_domain")


ALONE = "alone"
_KINDS = [*DOUBLES, *TRAPS, ALONE]
_ALL = {**DOUBLES, **TRAPS}
_ALONE = len(_KINDS) - 1
_ENDS = np.cumsum([_ALL[kind].weight for kind in _KINDS[:-1]]) / 1000
_IN_HOUSEHOLD = [_KINDS.index(kind) for kind in ("family e-mail", "household", "sibling")]
_FEWEST = 20  # the first customers resemble nobody
_TRIES = 250
_WITH_DOUBLES = 0.68  # of the customers; the others may have relatives and namesakes instead
_KEEPS_HOUSEHOLD = 0.2  # of the doubles, those of somebody who has relatives
_PEOPLE_OF_OFFICE = 5000  # among so many customers are those of one office


class Population:
    """All customers of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def persons(self, numbers: Ints) -> Ints:
        """Return whose records these are: the number of the person's first customer record."""
        kinds, others = self._related(numbers)
        return np.where(kinds < len(DOUBLES), others, numbers)

    def kinds(self, numbers: Ints) -> list[str]:
        """Tell by which of `DOUBLES` or `TRAPS` each came about, or `ALONE`."""
        return [_KINDS[kind] for kind in self._related(numbers)[0]]

    def customers(self, numbers: Ints) -> Customers:
        """Make the customers' records."""
        kinds, others = self._related(numbers)
        doubles = np.flatnonzero(kinds < len(DOUBLES))
        persons = numbers.copy()
        persons[doubles] = others[doubles]
        people = self._people(persons)
        made = Customers(_names(people), _mails(people), _addresses(people))
        if not len(doubles):
            return made
        one = people.take(doubles)
        other = self._plain(numbers[doubles])
        everyone = np.arange(len(doubles))
        other.copy(everyone, one, "mail_first", "mail_last")
        other.set(everyone, mail_kind=_OWN)
        records = [
            _record(kind, mine, another, seed)
            for kind, mine, another, seed in zip(
                kinds[doubles].tolist(),
                _written(one),
                _written(other),
                self._hash(numbers[doubles], "record").tolist(),
                strict=True,
            )
        ]
        return Customers(
            *(
                replaced(column, doubles, table([record[n] for record in records]))
                for n, column in enumerate((made.name, made.email, made.address))
            )
        )

    def addresses(self, numbers: Ints) -> Column:
        """Write postal addresses, others for other numbers."""
        return _addresses(self._plain(numbers))

    # --- Who resembles whom -------------------------------------------------------------------

    def _drawn(self, numbers: Ints) -> Ints:
        kinds = np.searchsorted(_ENDS, self._share(numbers, "kind"), side="right")
        return np.where(numbers < _FEWEST, _ALONE, kinds)

    def _related(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Return by which kind each came about and whom it resembles."""
        kinds, others = self._drawn(numbers), numbers.copy()
        for nth, name in enumerate(_KINDS[:_ALONE]):
            kind = _ALL[name]
            left = np.flatnonzero(kinds == nth)
            if name in ("placeholder e-mail", "office e-mail"):
                continue
            in_household = np.zeros(len(left), np.bool_)
            if kind.keeps_name:
                in_household = self._share(numbers[left], "household") < _KEEPS_HOUSEHOLD
            for attempt in range(1 if kind.distance else _TRIES):
                asking = numbers[left]
                candidates = asking - kind.distance
                if not kind.distance:
                    # Not so long ago: or the first customers would have the most records.
                    candidates = asking - 1 - self._below(asking, f"other {attempt}", asking // 2)
                found = self._suits(kind, candidates, in_household)
                others[left[found]] = candidates[found]
                left, in_household = left[~found], in_household[~found]
                if not len(left):
                    break
            kinds[left] = _ALONE
        return kinds, others

    def _suits(self, kind: Kind, numbers: Ints, in_household: Bools) -> Bools:
        drawn = self._drawn(numbers)
        with_doubles = self._share(numbers, "with doubles") < _WITH_DOUBLES
        alone = drawn == _ALONE
        if kind.write:
            suits = np.where(
                in_household,
                (alone & ~with_doubles) | np.isin(drawn, _IN_HOUSEHOLD),
                alone & with_doubles,
            )
        else:
            suits = alone & ~with_doubles
        some = np.flatnonzero(suits)
        if kind.needs and len(some):
            suits[some] = np.all([self._has(need, numbers[some]) for need in kind.needs], axis=0)
        return suits

    def _has(self, what: str, numbers: Ints) -> Bools:
        """Tell of customers who resemble nobody what a kind may need."""
        if what == "mail":
            return self._mail_kind(numbers) == _OWN
        if what == "gmail":
            return self._domain(numbers) == _GMAIL
        first = self._first(numbers)
        if what == "accent":
            return _FIRST_ACCENTS[first] | _LAST_ACCENTS[self._last(numbers)]
        return {"nickname": _HAS_NICKNAME, "twin": _HAS_TWIN, "inherited": _INHERITED}[what][first]

    # --- What somebody is like ----------------------------------------------------------------

    def _first(self, numbers: Ints) -> Ints:
        return self._ranked(numbers, "first", _FIRST_ENDS)

    def _last(self, numbers: Ints) -> Ints:
        return self._ranked(numbers, "last", _LAST_ENDS)

    def _domain(self, numbers: Ints) -> Ints:
        return self._ranked(numbers, "domain", _DOMAIN_ENDS)

    def _mail_kind(self, numbers: Ints) -> Ints:
        return np.where(self._share(numbers, "mail") < 0.04, _NO_MAIL, _OWN)

    def _plain(self, numbers: Ints) -> _People:
        """Draw what customers are like who resemble nobody."""
        first, last = self._first(numbers), self._last(numbers)
        town = self._ranked(numbers, "town", _TOWN_ENDS)
        country = _COUNTRY_OF_TOWN[town]
        at_home = country == 0
        streets = self._below(numbers, "street", _STREET_COUNTS[country]) + _STREET_STARTS[country]
        ranked = self._ranked(numbers, "street", _STREET_ENDS)
        house = np.power(10, 0.8 + 2.8 * self._share(numbers, "house"))
        house = np.where(at_home, house, 1 + self._below(numbers, "house", 140))
        has_unit = (self._share(numbers, "has unit") < 0.3) & at_home
        common = last < _COMMON
        return _People(
            title=self._rarely(numbers, "title", 0.02, len(words.TITLES)),
            first=first,
            short=self._rarely(numbers, "short", 0.02, 1),
            middle=self._rarely(numbers, "middle", 0.08, len(_MIDDLES) - 1),
            last=last,
            junior=np.zeros(len(numbers), np.int64),
            house=house.astype(np.int64),
            street=np.where(at_home, ranked, streets),
            unit=np.where(has_unit, 1 + self._below(numbers, "unit", len(words.UNITS)), 0),
            town=town,
            mail_kind=self._mail_kind(numbers),
            mail_first=first.copy(),
            mail_last=last.copy(),
            mail_style=self._below(numbers, "style", len(_STYLES)),
            mail_number=self._below(numbers, "number", np.where(common, 9990, 990)) + 10,
            mail_domain=self._domain(numbers),
        )

    def _people(self, numbers: Ints) -> _People:
        """Draw what customers are like who are no further records."""
        people = self._plain(numbers)
        kinds, others = self._related(numbers)

        def related(kind: str) -> tuple[Ints, _People]:
            at = np.flatnonzero(kinds == _KINDS.index(kind))
            return at, self._plain(others[at])

        at, relative = related("family e-mail")
        people.copy(at, relative, *_MAIL, "last")
        people.set(at, first=self._unlike(numbers[at], relative.first, half=0))
        moved = self._share(numbers[at], "family moved") < 0.15
        people.copy(at[~moved], relative.take(np.flatnonzero(~moved)), *_ADDRESS)

        at, relative = related("household")
        people.copy(at, relative, *_ADDRESS)
        same = np.flatnonzero(self._share(numbers[at], "same last name") < 0.7)
        people.copy(at[same], relative.take(same), "last")
        people.set(at, first=self._unlike(numbers[at], relative.first, half=1))
        people.set(at, mail_first=people.first[at], mail_last=people.last[at])

        at, relative = related("sibling")
        people.copy(at, relative, "last", *_ADDRESS)
        people.set(at, first=_TWINS[relative.first], mail_kind=_OWN, mail_style=0)
        people.set(at, mail_first=people.first[at], mail_last=people.last[at])

        at, relative = related("junior")
        people.copy(at, relative, "first", "last", "mail_first", "mail_last", *_ADDRESS)
        people.set(at, junior=1, mail_kind=_OWN)

        at, relative = related("namesake")
        people.copy(at, relative, "first", "last", "mail_first", "mail_last")
        in_country = _COUNTRY_OF_TOWN[relative.town] == _COUNTRY_OF_TOWN[people.town[at]]
        near = np.flatnonzero(in_country & (self._share(numbers[at], "near") < 0.3))
        people.copy(at[near], relative.take(near), "town")
        people.set(at, mail_kind=_OWN)

        at = np.flatnonzero(kinds == _KINDS.index("placeholder e-mail"))
        text = self._ranked(numbers[at], "placeholder", _PLACEHOLDER_ENDS)
        people.set(at, mail_kind=_PLACEHOLDER, mail_number=text)

        at = np.flatnonzero(kinds == _KINDS.index("office e-mail"))
        office = numbers[at] // _PEOPLE_OF_OFFICE
        people.set(at, mail_kind=_HUB, mail_number=office)
        there = self._share(numbers[at], "at the office") < 0.5
        people.copy(at[there], self._plain(-1 - office[there]), *_ADDRESS)
        return people

    def _unlike(self, numbers: Ints, others: Ints, half: int) -> Ints:
        """Draw first names, of one half of all, that begin otherwise than these others."""
        names = self._first(numbers)
        for attempt in range(_TRIES):
            others_initial = _INITIALS[names] == _INITIALS[others]
            again = np.flatnonzero(others_initial | (names % 2 != half))
            if not len(again):
                break
            names[again] = self._ranked(numbers[again], f"first {attempt}", _FIRST_ENDS)
        return names

    # --- Draws --------------------------------------------------------------------------------

    def _hash(self, numbers: Ints, what: str) -> NDArray[np.uint64]:
        """Draw 64 bits for each number: what SplitMix64 makes of it."""
        start = self.seed * 0xA0761D6478BD642F + zlib.crc32(what.encode()) * 0xD1B54A32D192ED03
        bits = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
        return bits ^ (bits >> np.uint64(31))

    def _share(self, numbers: Ints, what: str) -> Shares:
        return (self._hash(numbers, what) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _below(self, numbers: Ints, what: str, limit: Ints | int) -> Ints:
        return (self._share(numbers, what) * limit).astype(np.int64)

    def _ranked(self, numbers: Ints, what: str, ends: Shares) -> Ints:
        return np.searchsorted(ends, self._share(numbers, what), side="right")

    def _rarely(self, numbers: Ints, what: str, share: float, limit: int) -> Ints:
        """Draw 0, or rarely one of the numbers from 1 to `limit`."""
        drawn = self._share(numbers, what)
        return np.where(drawn < share, 1 + (drawn / share * limit), 0).astype(np.int64)


# --- Written out ----------------------------------------------------------------------------------


def _names(people: _People) -> Column:
    return joined(
        [
            _TITLES[people.title],
            _FIRST_NAMES[people.first],
            either(people.short > 0, _SHORT_NAMES[people.first], _NOTHING[people.short * 0]),
            _MIDDLES[people.middle],
            b" ",
            _LAST_NAMES[people.last],
            _JUNIOR[people.junior],
        ]
    )


def _mails(people: _People) -> Column:
    style = people.mail_style
    parts = []
    for side in (0, 1):
        what = _STYLE_PARTS[style, side]
        whole = either(
            what == _FIRST, _FIRST_SLUGS[people.mail_first], _LAST_SLUGS[people.mail_last]
        )
        parts.append(either(what == _FIRST_LETTER, _FIRST_SLUGS[people.mail_first, :1], whole))
    mails = joined(
        [
            parts[0],
            _STYLE_SIGNS[style],
            parts[1],
            _MAIL_NUMBERS[people.mail_number.clip(0, len(_MAIL_NUMBERS) - 1)],
            b"@",
            _DOMAINS[people.mail_domain],
        ]
    )
    mails[people.mail_kind == _NO_MAIL] = 0
    shared = np.flatnonzero(people.mail_kind > _NO_MAIL)
    kinds, numbers = people.mail_kind[shared].tolist(), people.mail_number[shared].tolist()
    mailboxes = [
        _office(number) if kind == _HUB else list(words.PLACEHOLDERS)[number]
        for kind, number in zip(kinds, numbers, strict=True)
    ]
    return replaced(mails, shared, table(mailboxes)) if mailboxes else mails


def _office(number: int) -> str:
    last = _slug(words.LAST_NAMES[number * 37 % len(words.LAST_NAMES)])
    return f"office@{last}-{words.TRADES[number % len(words.TRADES)]}.example.com"


def _addresses(people: _People) -> Column:
    abroad = _COUNTRY_OF_TOWN[people.town] > 0
    house, street = _HOUSES[people.house], _STREETS[people.street]
    return joined(
        [
            either(abroad, street, house),
            b" ",
            either(abroad, house, street),
            _UNITS[people.unit],
            b", ",
            _TOWNS[people.town],
        ]
    )


def _written(people: _People) -> list[Person]:
    """Write the attributes as text, those of names without nickname."""
    return [
        Person(*attributes)
        for attributes in zip(
            [_TITLE_TEXTS[n] for n in people.title.tolist()],
            [words.FIRST_NAMES[n] for n in people.first.tolist()],
            [_MIDDLE_TEXTS[n] for n in people.middle.tolist()],
            [words.LAST_NAMES[n] for n in people.last.tolist()],
            map(str, people.house.tolist()),
            [_STREET_TEXTS[n] for n in people.street.tolist()],
            [_UNIT_TEXTS[n] for n in people.unit.tolist()],
            [_TOWN_TEXTS[n] for n in people.town.tolist()],
            (_COUNTRY_OF_TOWN[people.town] > 0).tolist(),
            [text.decode() for text in texts(_mails(people)).tolist()],
            strict=True,
        )
    ]


def _record(kind: int, one: Person, other: Person, seed: int) -> Record:
    write = DOUBLES[_KINDS[kind]].write
    assert write
    return write(one, other, Random(seed))


def _slug(name: str) -> str:
    return "".join(c for c in without_accents(name).lower() if c.isascii() and c.isalpha())


# --- The words as tables --------------------------------------------------------------------------


def _ends(weights: Sequence[float] | Shares) -> Shares:
    """Return up to which share of all draws each of them reaches."""
    ends: Shares = np.cumsum(weights)[:-1] / np.sum(weights)
    return ends


def _by_rank(count: int, start: float, steepness: float) -> Shares:
    """Return how often each of so many comes up, as of names: the more often the earlier."""
    weights: Shares = (np.arange(count, dtype=np.float64) + start) ** -steepness
    return weights


def _accented(names: Sequence[str]) -> Bools:
    return np.array([without_accents(name) != name for name in names])


_FIRST_ENDS = _ends(_by_rank(len(words.FIRST_NAMES), 20, 1.25))
_LAST_ENDS = _ends(_by_rank(len(words.LAST_NAMES), 40, 0.9))
_STREET_ENDS = _ends(_by_rank(len(words.STREETS), 20, 0.8))
_DOMAIN_ENDS = _ends(list(words.MAIL_DOMAINS.values()))
_GMAIL = list(words.MAIL_DOMAINS).index(words.GMAIL)
_PLACEHOLDER_ENDS = _ends(list(words.PLACEHOLDERS.values()))
_COMMON = 500  # last names that many have; their e-mails need larger numbers

_ABROAD_SHARE = 0.04
_COUNTRIES = list(words.ABROAD)
_STREET_TEXTS = [*words.STREETS, *(s for streets, _ in words.ABROAD.values() for s in streets)]
_STREET_COUNTS = np.array(
    [len(words.STREETS), *(len(streets) for streets, _ in words.ABROAD.values())]
)
_STREET_STARTS = np.append(0, np.cumsum(_STREET_COUNTS)[:-1])
_TOWN_TEXTS = [
    *(code for codes in words.TOWNS for code in codes),
    *(f"{town}, {country}" for country, (_, towns) in words.ABROAD.items() for town in towns),
]
_COUNTRY_OF_TOWN = np.array(
    [
        *(0 for codes in words.TOWNS for _ in codes),
        *(n for n, (_, towns) in enumerate(words.ABROAD.values(), 1) for _ in towns),
    ]
)
_PEOPLE_OF_TOWN = np.concatenate(
    [
        np.full(len(codes), people / len(codes))
        for codes, people in zip(words.TOWNS, _by_rank(len(words.TOWNS), 4, 0.9), strict=True)
    ]
)
_TOWNS_ABROAD = int((_COUNTRY_OF_TOWN > 0).sum())
_TOWN_ENDS = _ends(
    np.append(
        _PEOPLE_OF_TOWN / _PEOPLE_OF_TOWN.sum() * (1 - _ABROAD_SHARE),
        np.full(_TOWNS_ABROAD, _ABROAD_SHARE / _TOWNS_ABROAD),
    )
)

_FIRST_NAMES, _LAST_NAMES = table(words.FIRST_NAMES), table(words.LAST_NAMES)
_FIRST_SLUGS = table([_slug(name) for name in words.FIRST_NAMES])
_LAST_SLUGS = table([_slug(name) for name in words.LAST_NAMES])
_FIRST_ACCENTS, _LAST_ACCENTS = _accented(words.FIRST_NAMES), _accented(words.LAST_NAMES)
_HAS_NICKNAME = np.array([name in words.NICKNAMES for name in words.FIRST_NAMES])
_SHORT_NAMES = table(
    [f' "{words.NICKNAMES[n][0]}"' if n in words.NICKNAMES else "" for n in words.FIRST_NAMES]
)
_INHERITED = np.array([name in words.INHERITED for name in words.FIRST_NAMES])
_NOTHING = table([""])
_TWINS = np.array(
    [
        words.FIRST_NAMES.index(words.TWINS[name]) if name in words.TWINS else -1
        for name in words.FIRST_NAMES
    ]
)
_HAS_TWIN = _TWINS >= 0
_INITIALS = np.array([ord(_slug(name)[0]) for name in words.FIRST_NAMES])
_TITLE_TEXTS = ["", *words.TITLES]
_TITLES = table(["", *(f"{title} " for title in words.TITLES)])
_MIDDLE_TEXTS = ["", *(f"{letter}." for letter in "ABCDEFGHJKLMNPRSTW")]
_MIDDLES = table(["", *(f" {middle}" for middle in _MIDDLE_TEXTS[1:])])
_JUNIOR = table(["", " Jr."])
_HOUSES = as_column(np.arange(10_000).astype("S4"))
_STREETS, _TOWNS = table(_STREET_TEXTS), table(_TOWN_TEXTS)
_UNIT_TEXTS = ["", *words.UNITS]
_UNITS = table(_UNIT_TEXTS)
_DOMAINS = table(list(words.MAIL_DOMAINS))
_MAIL_NUMBERS = as_column(np.arange(10_000).astype("S4"))

_FIRST, _FIRST_LETTER, _LAST = range(3)
_STYLES = [
    (_FIRST, ".", _LAST),
    (_FIRST, "", _LAST),
    (_FIRST_LETTER, ".", _LAST),
    (_FIRST_LETTER, "", _LAST),
    (_LAST, ".", _FIRST),
    (_FIRST, "_", _LAST),
]
_STYLE_PARTS = np.array([(one, other) for one, _, other in _STYLES])
_STYLE_SIGNS = table([sign for _, sign, _ in _STYLES])
