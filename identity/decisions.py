"""What people decided: that two customers are one person, or that they are not.

Decisions stand in the lake, one a line, and none of them is ever changed or removed; one that was
wrong is undone by another. They outlive rebuilds, batches that are taken back and models that are
trained anew.
"""

import json
import re
import secrets
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from lake import audit, paths
from lake.clock import utc_now
from lake.errors import ConflictError, InputError
from lake.store import Lake

Verdict = Literal["same", "different", "undo"]
_ACTIONS = {"same": "link", "different": "separate", "undo": "undo"}  # in the audit log
ATTEMPTS = 5


@dataclass(frozen=True)
class Decision:
    """One decision: who (`by`) decided what of two customers, when, why, and where (`source`)."""

    id: str
    verdict: Verdict
    customer_id: str
    other_customer_id: str
    by: str
    at: str
    why: str | None
    source: str
    undoes: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The two customers, in one order whoever came first."""
        return ordered(self.customer_id, self.other_customer_id)


def ordered(customer_id: str, other_customer_id: str) -> tuple[str, str]:
    """Return two customer ids, the lower first; integers by their value.

    >>> ordered("10", "9")
    ('9', '10')
    """
    first, second = sorted((customer_id, other_customer_id), key=place_of)
    return first, second


def place_of(customer_id: str) -> tuple[int, int, str]:
    """Return what customer ids are sorted by: integers by their value, before others."""
    if re.fullmatch(r"-?\d{1,19}", customer_id):
        return (0, int(customer_id), customer_id)
    return (1, 0, customer_id)


def read(lake: Lake) -> list[Decision]:
    """Return all decisions, the oldest first."""
    content, _ = lake.read_versioned(paths.DECISIONS)
    return _parsed(lake, content)


def in_force(decisions: Iterable[Decision]) -> dict[tuple[str, str], Decision]:
    """Return the decisions that hold, by pair: not undone, and of a pair the last."""
    found = list(decisions)
    undone = {each.undoes for each in found}
    return {each.pair: each for each in found if each.verdict != "undo" and each.id not in undone}


def decide(
    lake: Lake,
    verdict: Literal["same", "different"],
    customer_id: str,
    other_customer_id: str,
    *,
    by: str,
    source: str,
    why: str | None = None,
) -> Decision:
    """Add a decision, after an entry in the audit log; it is taken at the next run.

    Raises InputError when it contradicts others that hold, with the chain of these, and when it
    says what was said already.
    """
    if customer_id == other_customer_id:
        raise InputError(f"Customer {customer_id} is one; give the ids of two customers.")

    def made(known: list[Decision]) -> Decision:
        holding = in_force(known)
        pair = ordered(customer_id, other_customer_id)
        before = holding.pop(pair, None)
        if before and before.verdict == verdict:
            raise InputError(
                f"That {_words(before)} was decided by {before.by} at {before.at} already "
                f"(decision {before.id})."
            )
        if before:
            raise InputError(
                f"By decision {before.id} of {before.by} at {before.at}, {_words(before)}. Undo "
                f"that first: c360 identity undo {before.id}."
            )
        _check(verdict, pair, holding)
        return Decision(_new_id(), verdict, *pair, by=by, at=utc_now(), why=why, source=source)

    return _add(lake, made)


def undo(lake: Lake, decision_id: str, *, by: str, source: str, why: str | None = None) -> Decision:
    """Take a decision back; raise InputError when none that holds has that id."""

    def made(known: list[Decision]) -> Decision:
        holding = {each.id: each for each in in_force(known).values()}
        if decision_id not in holding:
            there = any(each.id == decision_id for each in known)
            raise InputError(
                f"Decision {decision_id} does not hold any more."
                if there
                else f"There is no decision {decision_id}; `c360 identity decisions` lists them."
            )
        of = holding[decision_id]
        return Decision(
            _new_id(), "undo", *of.pair, by=by, at=utc_now(), why=why, source=source,
            undoes=decision_id,
        )  # fmt: skip

    return _add(lake, made)


def _check(verdict: str, pair: tuple[str, str], holding: dict[tuple[str, str], Decision]) -> None:
    """Raise when decisions that hold make two customers one, or not, by way of others."""
    links = defaultdict(list)
    for (one, other), decision in holding.items():
        if decision.verdict == "same":
            links[one].append((other, decision))
            links[other].append((one, decision))
    if verdict == "different":
        chain = _chain(links, *pair)
        if chain:
            raise InputError(
                f"Customers {pair[0]} and {pair[1]} are one person by what was decided: "
                f"{_told(chain)}. Undo one of these first."
            )
        return
    for (one, other), decision in holding.items():
        if decision.verdict != "different":
            continue
        for left, right in ((one, other), (other, one)):
            before, after = _chain(links, left, pair[0]), _chain(links, pair[1], right)
            if before is not None and after is not None:
                raise InputError(
                    f"Customers {pair[0]} and {pair[1]} cannot be one person by what was decided: "
                    f"{_told([*before, *after, decision])}. Undo one of these first."
                )


def _chain(
    links: dict[str, list[tuple[str, Decision]]], start: str, end: str
) -> list[Decision] | None:
    """Return the shortest chain of decisions from one customer to another; none without."""
    ways: dict[str, list[Decision]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == end:
            return ways[here]
        for other, decision in links[here]:
            if other not in ways:
                ways[other] = [*ways[here], decision]
                waiting.append(other)
    return None


def _told(chain: list[Decision]) -> str:
    return ", ".join(f"{_words(each)} (decision {each.id} of {each.by})" for each in chain)


def _words(decision: Decision) -> str:
    verb = "are one person" if decision.verdict == "same" else "are different persons"
    return f"{decision.customer_id} and {decision.other_customer_id} {verb}"


def _new_id() -> str:
    return f"D{secrets.token_hex(4)}"


def _add(lake: Lake, made: object) -> Decision:
    assert callable(made)
    for attempt in range(ATTEMPTS):
        content, version = lake.read_versioned(paths.DECISIONS)
        decision: Decision = made(_parsed(lake, content))
        line = json.dumps(asdict(decision), ensure_ascii=False).encode() + b"\n"
        audit.record(
            lake,
            _ACTIONS[decision.verdict],
            source=decision.source,
            by=decision.by,
            decision=decision.id,
            customers=audit.hashed_customers(lake, decision.pair),
        )
        try:
            lake.write_bytes(paths.DECISIONS, (content or b"") + line, expected=version)
        except ConflictError:
            if attempt + 1 == ATTEMPTS:
                raise
        else:
            return decision
    raise AssertionError("unreachable")


def _parsed(lake: Lake, content: bytes | None) -> list[Decision]:
    decisions = []
    for number, line in enumerate((content or b"").splitlines(), start=1):
        try:
            decisions.append(Decision(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{lake.uri(paths.DECISIONS)} line {number} is no decision ({error}). Restore the "
                "file from a backup, or remove the line."
            ) from error
    return decisions
