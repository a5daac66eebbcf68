"""The ids of persons, which stay: who keeps which, who gets a new one, and which is an alias now.

- A person keeps the id while any of its records stays.
- Where two persons become one, the id of the older wins, and the other is an alias of it from then.
- Where a person is split, the record that founded it keeps the id with those that it stays with;
  the others get the id of the record that founds them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Membership:
    """What is known of a record from before: its person, and whether the record was there."""

    person_id: str
    was_there: bool = True


@dataclass(frozen=True)
class Assigned:
    """The ids of groups, and which ids became others' (`aliases`, to whom)."""

    person_ids: list[str]
    aliases: dict[str, str]


def new_id(founder: str, used: Set[str]) -> str:
    """Return the id of a person whose first record is that customer's.

    >>> new_id("17", {"P17"})
    'P17~2'
    """
    number, candidate = 1, f"P{founder}"
    while candidate in used:
        number += 1
        candidate = f"P{founder}~{number}"
    return candidate


def founder_of(person_id: str) -> str:
    """Return the customer id of the record that founded a person.

    >>> founder_of("P17~2")
    '17'
    """
    return re.sub(r"~\d+$", "", person_id[1:])


def assigned(
    groups: Sequence[Sequence[str]],
    before: Mapping[str, Membership],
    age: Mapping[str, tuple[str, int, int, str]],
    used: Iterable[str] = (),
) -> Assigned:
    """Give each group of customer ids its person's id.

    `before` has what is known of each customer id; `age` of each customer id sorts the oldest
    first, and `used` are further ids that others have.
    """
    holders: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, group in enumerate(groups):
        for customer in group:
            if customer in before:
                holders[before[customer].person_id][number].append(customer)

    def oldest(person: str) -> tuple[object, ...]:
        """Return what persons are sorted by; those whose founder is gone come by their id."""
        return (*age.get(founder_of(person), ("", 0, 0, "")), person)

    ids: dict[int, str] = {}
    aliases: dict[str, str] = {}
    for person in sorted(holders, key=oldest):
        founder = founder_of(person)

        def claim(number: int, person: str = person, founder: str = founder) -> tuple[object, ...]:
            customers = holders[person][number]
            there = [each for each in customers if before[each].was_there]
            return (not there, founder not in customers, -len(there), number)

        claims = sorted(holders[person], key=claim)
        free = next((number for number in claims if number not in ids), None)
        held = [n for n in claims if any(before[c].was_there for c in holders[person][n])]
        if free is not None and (free in held or not held):
            ids[free] = person
        else:
            aliases[person] = ids[claims[0]]
    taken = {*used, *ids.values()}
    for number, group in enumerate(groups):
        if number not in ids:
            ids[number] = new_id(min(group, key=lambda customer: age[customer]), taken)
            taken.add(ids[number])
            aliases.pop(ids[number], None)
    return Assigned([ids[number] for number in range(len(groups))], aliases)
