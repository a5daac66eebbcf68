"""What the answers must be: sums over the rows that are kept, told while they are written.

Rows are added as silver has them, and taken out again when a later file replaces them. An order's
lines have to come together, since it counts once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from demo.columns import Numbers
from demo.defects import FIELDS, UNLISTED
from demo.ledger import Note, Sales

Texts = NDArray[np.bytes_]

_DIMENSIONS = ("customers", "products", "stores", "agents", "loyalty_accounts")
_REFERENCES = {
    "online_transactions": {"customer_id": "customers", "product_id": "products"},
    "in_store_transactions": {"customer_id": "customers", "store_id": "stores"},
    "customer_service_interactions": {"customer_id": "customers", "agent_id": "agents"},
    "loyalty_accounts": {"customer_id": "customers"},
    "loyalty_transactions": {"loyalty_id": "loyalty_accounts"},
}
_IN_NOTES = {
    "loyalty_accounts": "accounts",
    "status": "status",
    "payment_method": "payment method",
    "tier_level": "tier",
    "resolution_status": "resolution status",
}
_NO_REVENUE = [b"Cancelled", b"Failed", b"Refunded", b"Returned"]
_NOBODY = b"-1"


class Answers:
    """The sums so far."""

    def __init__(self) -> None:
        self._members = {entity: np.empty(0, np.int64) for entity in _DIMENSIONS}
        self.sales: dict[str, Sales] = {}
        self._notes: dict[tuple[str, str], Note] = {}

    @property
    def notes(self) -> list[Note]:
        """What there is to tell."""
        return [note for note in self._notes.values() if note.rows]

    def add(self, entity: str, rows: Mapping[str, Texts], sign: int = 1) -> None:
        """Add rows of an entity, columns by silver name; with `sign` -1, take them out again."""
        key = next(iter(rows.values()))
        if entity in self._members and sign > 0:
            members = [self._members[entity], key.astype(np.int64)]
            self._members[entity] = np.concatenate(members)
        counts = np.ones(len(key), bool)
        if "status" in rows:
            counts = ~np.isin(rows["status"], _NO_REVENUE)
        cents = None
        if "amount" in rows:
            cents = np.rint(rows["amount"].astype(np.float64) * 100).astype(np.int64)
            cents[~counts] = 0
            self._sell(entity, key, cents, counts, sign)
        for what, told in self._told(entity, rows):
            note = self._notes.setdefault((what, entity), Note(what, entity))
            note.rows += sign * int(told.sum())
            if cents is not None:
                note.revenue = (note.revenue or 0) + sign * int(cents[told].sum())

    def _sell(
        self, entity: str, key: Texts, cents: Numbers, counts: NDArray[np.bool_], sign: int
    ) -> None:
        sales = self.sales.setdefault(entity, Sales())
        refunds = cents < 0
        sales.revenue += sign * int(cents.sum())
        sales.refunds += sign * int(refunds.sum())
        sales.refunded -= sign * int(cents[refunds].sum())
        if len(key):
            first_lines = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
            sales.orders += sign * int(np.logical_or.reduceat(counts & ~refunds, first_lines).sum())

    def _told(self, entity: str, rows: Mapping[str, Texts]) -> list[tuple[str, NDArray[np.bool_]]]:
        """Return what a reader is told of, and which of the rows it holds for."""
        told = []
        for column, dimension in _REFERENCES.get(entity, {}).items():
            referred = np.where(rows[column] == b"", _NOBODY, rows[column]).astype(np.int64)
            unknown = np.isin(referred, self._members[dimension], invert=True)
            told.append((f"unknown {_IN_NOTES.get(dimension, dimension)}", unknown))
        for column, values in rows.items():
            if column in UNLISTED:
                unlisted = np.isin(values, [value.encode() for value in UNLISTED[column]])
                told.append((f"unlisted {_IN_NOTES[column]}", unlisted))
        for field in FIELDS[entity]:
            if field.role == "datetime":
                times = rows[field.silver]
                told.append(("implausible times", (times < b"1990") | (times > b"2100")))
        return told
