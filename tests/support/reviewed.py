"""Pairs that wait for a decision, and a stand-in for who keeps the decisions."""

from typing import Literal

from identity.decisions import Decision
from identity.review import Pair, Reason
from lake.errors import InputError
from pages.review.session import Session

ANN = Pair(
    "17",
    "2044",
    0.97265625,  # odds of 35.57 to 1, which are 2 to the power of 5.15
    (
        Reason("customer_name", "same name in another order", 7.25),
        Reason("email", "e-mail alike", 4.5),
        Reason("address", "other address", -2.5),
    ),
    {
        "customer_name": "Ann Smith",
        "email": "ann@gmial.com",
        "address": "12 Main Street",
        "BirthDate": "1985-03-02",
    },
    {
        "customer_name": "SMITH Ann",
        "email": "ann@gmail.com",
        "address": "7 Oak Avenue",
        "BirthDate": None,
    },
)
BO = Pair(
    "18",
    "19",
    1.0,
    (Reason("customer_name", "same name", 4.0),),
    {"customer_name": "<b>Bo</b>", "email": None},
    {"customer_name": "<b>Bo</b>", "email": None},
)
CY = Pair("20", "CG 1/2", 0.5, (), {"customer_name": "Cy"}, {"customer_name": "Sy"})
PAIRS = [ANN, BO, CY]

CHAIN = "18 and 30 are one person (decided by Di), and so are 30 and 19."


class Kept:
    """Keeps decisions in memory; that 18 and 19 are different contradicts others."""

    def __init__(self) -> None:
        self.decisions: list[tuple[str, str, str, str | None]] = []
        self.undone: list[str] = []

    def decide(
        self, verdict: Literal["same", "different"], pair: Pair, why: str | None
    ) -> Decision:
        if (pair, verdict) == (BO, "different"):
            raise InputError(f"That contradicts what was decided: {CHAIN}")
        self.decisions.append((verdict, pair.customer_id, pair.other_customer_id, why))
        return Decision(
            str(len(self.decisions)),
            verdict,
            pair.customer_id,
            pair.other_customer_id,
            "di",
            "2026-11-27T00:00:00Z",
            why,
            "review page",
        )

    def undo(self, decision: Decision) -> None:
        self.undone.append(decision.id)

    def session(self, pairs: list[Pair] = PAIRS) -> Session:
        return Session(lambda: list(pairs), self.decide, self.undo)
