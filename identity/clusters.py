"""Which records are one person, by pairs that are likely to be.

Pairs are taken the surest first, and two groups become one only if that is borne out: no decision
keeps any two of them apart, no two of them contradict each other (as twins do), at least half of
the pairs across the two groups are likely as well, and the group stays of a size that a person can
have. So no chain of weak links, and no value that many share, pulls strangers together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Pair = tuple[int, int]


@dataclass(frozen=True)
class Edge:
    """A pair of records that are one person as long as nothing speaks against it."""

    a: int
    b: int
    probability: float
    matched_by: str
    decided: bool = False


@dataclass
class Groups:
    """Records by the group that they are in, and the edge that brought each into its group."""

    members: dict[int, list[int]] = field(default_factory=dict)
    group_of: dict[int, int] = field(default_factory=dict)
    joined_by: dict[int, Edge] = field(default_factory=dict)
    refused: list[Edge] = field(default_factory=list)

    def of(self, record: int) -> int:
        """Return the number of a record's group; one that is in none is a group of its own."""
        return self.group_of.get(record, record)

    def members_of(self, group: int) -> Sequence[int]:
        """Return the records of a group."""
        return self.members.get(group) or (group,)


def grouped(
    edges: Iterable[Edge],
    supported: set[Pair],
    contradicting: set[Pair],
    kept_apart: set[Pair],
    most_records: int,
) -> Groups:
    """Return the groups; the edges that were refused are kept with them.

    `supported` are pairs that are likely, `contradicting` those that are not one person whatever
    else they have in common, `kept_apart` those that somebody decided so. All pairs (a, b) have
    a < b.
    """
    groups = Groups()
    for edge in sorted(edges, key=lambda e: (not e.decided, -e.probability, e.a, e.b)):
        one, other = groups.of(edge.a), groups.of(edge.b)
        if one == other:
            continue
        across = [
            (min(x, y), max(x, y)) for x in groups.members_of(one) for y in groups.members_of(other)
        ]
        size = len(groups.members_of(one)) + len(groups.members_of(other))
        if not edge.decided:
            likely = sum(pair in supported for pair in across)
            if (
                size > most_records
                or 2 * likely < len(across)
                or any(pair in contradicting for pair in across)
            ):
                groups.refused.append(edge)
                continue
        if any(pair in kept_apart for pair in across):
            groups.refused.append(edge)
            continue
        if len(groups.members_of(one)) < len(groups.members_of(other)):
            one, other = other, one
        moved = groups.members.pop(other, [other])
        groups.members.setdefault(one, [one]).extend(moved)
        groups.group_of[one] = one
        for record in moved:
            groups.group_of[record] = one
        for record in (edge.a, edge.b):
            groups.joined_by.setdefault(record, edge)
    return groups
