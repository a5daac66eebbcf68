"""In which ways customer records are alike: those of one person, and those of people who are not.

A further record of a person is written from what is known of the person and from attributes that
could be another's: the address after a move, a second e-mail, the name of a spouse.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from demo import people_words as words


@dataclass(frozen=True)
class Person:
    """A person's attributes as text, to write another record of."""

    title: str
    first: str
    middle: str
    last: str
    house: str
    street: str
    unit: str
    town: str
    abroad: bool
    email: str

    def name(self) -> str:
        """Write the name."""
        return " ".join(filter(None, (self.title, self.first, self.middle, self.last)))

    def address(self) -> str:
        """Write the postal address."""
        street = (self.street, self.house) if self.abroad else (self.house, self.street)
        return f"{' '.join(street)}{self.unit}, {self.town}"


Record = tuple[str, str, str]
"""A customer's name, e-mail and postal address."""


# --- The ways in which records of one person differ -----------------------------------------------


def _name_mistyped(one: Person, other: Person, random: Random) -> Record:
    if random.random() < 0.4:
        one = replace(one, first=mistyped(one.first, random))
    else:
        one = replace(one, last=mistyped(one.last, random))
    return one.name(), _mail(one, other, random), _address(one, random)


def _email_mistyped(one: Person, other: Person, random: Random) -> Record:
    local, domain = one.email.split("@")
    if random.random() < 0.4:
        email = f"{local}@{random.choice(words.MISTYPED_DOMAINS[domain])}"
    else:
        email = f"{mistyped(local, random)}@{domain}"
    return one.name(), email, _address(one, random)


def _address_mistyped(one: Person, other: Person, random: Random) -> Record:
    email = _mail(one, other, random, same=0.6)
    if email == one.email != "" and random.random() < 0.3 and len(one.house) > 1:
        one = replace(one, house=_swapped(one.house, random))
    elif random.random() < 0.6:
        one = replace(one, street=mistyped(one.street, random))
    else:
        one = replace(one, town=mistyped(one.town, random))
    return one.name(), email, one.address()


def _shop_and_online(one: Person, other: Person, random: Random) -> Record:
    return one.name(), other.email, _address(one, random)


def _without_email(one: Person, other: Person, random: Random) -> Record:
    email = random.choice(list(words.PLACEHOLDERS)) if random.random() < 0.25 else ""
    return one.name(), email, _address(one, random)


def _nickname(one: Person, other: Person, random: Random) -> Record:
    one = replace(one, first=random.choice(words.NICKNAMES[one.first]), middle="")
    return one.name(), _mail(one, other, random), _address(one, random)


def _initial(one: Person, other: Person, random: Random) -> Record:
    initial = random.choice(["{}.", "{}"]).format(one.first[0])
    one = replace(one, title="", first=initial, middle="")
    email = one.email if random.random() < 0.6 else ""
    return one.name(), email, _address(one, random)


def _turned(one: Person, other: Person, random: Random) -> Record:
    first = " ".join(filter(None, (one.first, one.middle)))
    name = f"{one.last}, {first}" if random.random() < 0.8 else f"{one.last} {first}"
    return name, _mail(one, other, random), _address(one, random)


def _accents_dropped(one: Person, other: Person, random: Random) -> Record:
    plain = _spelled_out if random.random() < 0.25 else without_accents
    name, address = plain(one.name()), _address(one, random)
    email = _mail(one, other, random)
    return name, email, plain(address) if random.random() < 0.7 else address


def _moved(one: Person, other: Person, random: Random) -> Record:
    return one.name(), one.email, other.address()


def _married(one: Person, other: Person, random: Random) -> Record:
    if random.random() < 0.75:
        moved = random.random() < 0.5
        wed = replace(one, last=other.last)
        return wed.name(), one.email, (other if moved else one).address()
    wed = replace(one, last=f"{one.last}-{other.last}")
    return wed.name(), other.email, one.address()


def _tagged(one: Person, other: Person, random: Random) -> Record:
    local, domain = one.email.split("@")
    if random.random() < 0.5:
        local += random.choice(["+shop", "+news", "+orders", "+2", "+store"])
    elif "." in local:
        local = local.replace(".", "")
    else:
        at = random.randrange(1, len(local))
        local = f"{local[:at]}.{local[at:]}"
    address = other.address() if random.random() < 0.4 else _address(one, random)
    return one.name(), f"{local}@{domain}", address


def _later_account(one: Person, other: Person, random: Random) -> Record:
    """Sign up again years later, with what forms ask for by then."""
    if one.middle:
        one = replace(one, title="", middle="")
    else:
        middle = random.choice("ABCDEFGHJKLMNPRSTW")
        one = replace(one, middle=random.choice([f"{middle}.", middle]))
    return one.name(), _mail(one, other, random), rewritten(one, random)


def _again(one: Person, other: Person, random: Random) -> Record:
    """Copy the record, as systems do that know one case only, or none of the fields' rules."""
    forms: list[Callable[[str], str]] = [str.upper, str.lower, str.title, str]
    form = random.choice(forms)
    email = one.email.upper() if random.random() < 0.2 else one.email
    return form(one.name()), email, form(one.address())


@dataclass(frozen=True)
class Kind:
    """A way in which a record resembles another."""

    weight: float
    """How many of a thousand customers are drawn so; fewer become so, for want of another one."""
    needs: tuple[str, ...] = ()
    """What the other one must have."""
    write: Callable[[Person, Person, Random], Record] | None = None
    """Writes a further record, of a person and of attributes that could be another's."""
    keeps_name: bool = False
    """It can be told from a record of somebody else in the same household, and all that it needs
    is what relatives have too."""
    distance: int = 0
    """The other one is the customer so many numbers before; 0: any customer before."""


DOUBLES: dict[str, Kind] = {
    "name mistyped": Kind(14, (), _name_mistyped),
    "e-mail mistyped": Kind(9, ("mail",), _email_mistyped, keeps_name=True),
    "address mistyped": Kind(9, (), _address_mistyped, keeps_name=True),
    "shop and online": Kind(13, (), _shop_and_online, keeps_name=True),
    "without e-mail": Kind(9, (), _without_email, keeps_name=True),
    "nickname": Kind(10, ("nickname",), _nickname),
    "initial": Kind(5, (), _initial),
    "turned name": Kind(6, (), _turned, keeps_name=True),
    "accents dropped": Kind(5, ("accent",), _accents_dropped),
    "moved": Kind(9, ("mail",), _moved, keeps_name=True),
    "married": Kind(6, ("mail",), _married),
    "tagged e-mail": Kind(6, ("mail", "gmail"), _tagged),
    "later account": Kind(7, (), _later_account, keeps_name=True),
    "same again": Kind(4, (), _again, keeps_name=True),
}
"""How a further record of a person comes about."""

TRAPS: dict[str, Kind] = {
    "family e-mail": Kind(50, ("mail",), distance=3),
    "household": Kind(120, distance=4),
    "sibling": Kind(70, ("twin",), distance=1),
    "junior": Kind(14, ("inherited",), distance=2),
    "namesake": Kind(12),
    "placeholder e-mail": Kind(10),
    "office e-mail": Kind(4),
}
"""How the record of somebody else resembles one."""


# --- Otherwise written ----------------------------------------------------------------------------


def mistyped(text: str, random: Random) -> str:
    """Make one slip of the fingers, not in the first letter."""
    places = [n for n, letter in enumerate(text) if n and letter.isalnum()]
    at = random.choice(places)
    slip = random.random()
    if slip < 0.3 and at + 1 < len(text) and text[at] != text[at + 1] and text[at + 1].isalnum():
        return f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"
    if slip < 0.55 and len(places) > 3:
        return text[:at] + text[at + 1 :]
    if slip < 0.75:
        return text[:at] + text[at] + text[at:]
    near = _KEYS_BESIDE.get(without_accents(text[at].lower()), "")
    key = random.choice(near or "aeiou")
    return text[:at] + key + text[at + 1 :]


def _swapped(digits: str, random: Random) -> str:
    at = random.randrange(len(digits) - 1)
    swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    return swapped if swapped[0] != "0" and swapped != digits else digits + random.choice("123")


def rewritten(one: Person, random: Random) -> str:
    """Write an address otherwise: with other words for the same place, or with less of them."""
    street, unit, town = one.street, one.unit, one.town
    way = random.random()
    if one.abroad:
        if way < 0.5:
            town = town.rsplit(",", 1)[0]
        else:
            street = street.replace("straße", "str.").replace("strasse", "str.")
        return replace(one, street=street, town=town).address()
    name, kind = street.rsplit(" ", 1)
    if way < 0.7:
        whole = words.STREET_KINDS[kind]
        kind = whole if whole == kind or random.random() < 0.7 else f"{kind}."
    if way > 0.4:
        unit = random.choice([unit.replace("Apt ", "#"), unit.replace(", ", " "), unit.upper()])
    if random.random() < 0.15:
        town = town.replace(", ", " ")
    elif random.random() < 0.1:
        town = town.rsplit(" ", 1)[0]  # without the postcode
    return replace(one, street=f"{name} {kind}", unit=unit, town=town).address()


def _address(one: Person, random: Random) -> str:
    """Write the address: as before, or one time in three otherwise."""
    return rewritten(one, random) if random.random() < 0.33 else one.address()


def _mail(one: Person, other: Person, random: Random, same: float = 0.5) -> str:
    """Return the e-mail that is known, another one, or none."""
    drawn = random.random()
    return one.email if drawn < same else other.email if drawn < same + 0.3 else ""


def without_accents(text: str) -> str:
    """Write with the letters of English only."""
    plain = text.translate(_PLAIN_LETTERS)
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _spelled_out(text: str) -> str:
    """Write without accents as Germans and Scandinavians do: two letters for one."""
    return without_accents(text.translate(_SPELLED_LETTERS))


_PLAIN_LETTERS = str.maketrans(
    {
        **dict(zip("łŁøØđĐı", "lLoOdDi", strict=True)),
        **{"þ": "th", "Þ": "Th", "ß": "ss", "æ": "ae", "Æ": "Ae"},
    }
)
_SPELLED_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe",
     "å": "aa", "Å": "Aa"}
)  # fmt: skip
_KEYS_BESIDE = {
    key: "".join(row[n] for n in (row.index(key) - 1, row.index(key) + 1) if 0 <= n < len(row))
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
    for key in row
}
