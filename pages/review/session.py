"""The pairs that wait, and what became of each on this page: decided, skipped, taken back."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from identity.decisions import Decision
from identity.review import Pair
from lake.errors import InputError

Verdict = Literal["same", "different"]
# Keeps a decision on a pair, with its why; raises InputError when it contradicts others.
Decide = Callable[[Verdict, Pair, str | None], Decision]


@dataclass(frozen=True)
class State:
    """How far the review is; without a pair it is at its end."""

    pair: Pair | None
    decided: int
    skipped: int
    total: int
    can_undo: bool


class Session:
    """One review of the pairs that wait, in their order.

    It remembers the answers for undo, and for a page that is opened again; what counts is what
    `decide` and `undo` keep.
    """

    def __init__(
        self,
        waiting: Callable[[], list[Pair]],
        decide: Decide,
        undo: Callable[[Decision], object],
    ) -> None:
        """Ask for the pairs that wait."""
        self._decide, self._undo = decide, undo
        self._lock = threading.Lock()
        self._queue = waiting()
        self._skipped: list[Pair] = []
        self._answers: list[tuple[Pair, Decision | None]] = []  # without a decision it was skipped
        self._total = len(self._queue)

    @property
    def state(self) -> State:
        """Return the pair that is next, and how many are done."""
        with self._lock:
            decided = sum(decision is not None for _, decision in self._answers)
            pair = self._queue[0] if self._queue else None
            return State(pair, decided, len(self._skipped), self._total, bool(self._answers))

    def decide(self, ids: tuple[str, str], verdict: Verdict, why: str | None) -> None:
        """Keep a decision on a pair; when it is refused the pair stays where it is."""
        with self._lock:
            pair = self._waiting(ids)
            self._answers.append((pair, self._decide(verdict, pair, why)))
            self._queue.remove(pair)

    def skip(self, ids: tuple[str, str]) -> None:
        """Put a pair aside until the others are through."""
        with self._lock:
            pair = self._waiting(ids)
            self._answers.append((pair, None))
            self._queue.remove(pair)
            self._skipped.append(pair)

    def undo(self) -> None:
        """Take the last answer back; its pair is the next."""
        with self._lock:
            if not self._answers:
                raise InputError("There is no answer on this page to take back.")
            pair, decision = self._answers[-1]
            if decision:
                self._undo(decision)
            self._answers.pop()
            for pairs in (self._queue, self._skipped):
                if pair in pairs:
                    pairs.remove(pair)
            self._queue.insert(0, pair)

    def take_skipped(self) -> None:
        """Let the pairs that were skipped wait again, after those that still do."""
        with self._lock:
            self._queue += self._skipped
            self._skipped = []

    def _waiting(self, ids: tuple[str, str]) -> Pair:
        for pair in self._queue:
            if (pair.customer_id, pair.other_customer_id) == ids:
                return pair
        raise InputError(
            f"Customers {' and '.join(ids)} do not wait for an answer here any more. "
            "Load the page again."
        )
