"""Every relation that a run publishes, as the reference computes it, and how the two compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from .compare import difference, load, normalise
from .reference import Batch, Gold, Identity, Options, Silver, gold, marts, silver
from .reference_contract import Row, Tables

KEYS = {
    "customers": ["customer_id"],
    "products": ["product_id"],
    "stores": ["store_id"],
    "agents": ["agent_id"],
    "online_transactions": ["order_id", "line_number"],
    "in_store_transactions": ["transaction_id", "line_number"],
    "customer_service_interactions": ["interaction_id"],
    "loyalty_accounts": ["loyalty_id"],
    "loyalty_transactions": ["loyalty_id", "transacted_at", "line_number"],
}
ACCOUNTS = {
    "row_reconciliation": ["entity"],
    "superseded_rows": ["entity", "reason"],
    "unreadable_values": ["entity", "column_name", "value", "_batch_id"],
    "rejected_rows": ["entity", "reason", "_batch_id"],
    "customer_attributes": ["customer_id", "attribute"],
    "customers_history": ["customer_id", "valid_from"],
    "loyalty_accounts_history": ["loyalty_id", "valid_from"],
}
GOLD = {
    "dim_customers": ["customer_id"],
    "dim_products": ["product_id"],
    "dim_stores": ["store_id"],
    "dim_agents": ["agent_id"],
    "dim_loyalty_accounts": ["loyalty_id"],
    "dim_dates": ["date_key"],
    "customer_persons": ["customer_id"],
    "dim_persons": ["person_id"],
    "fct_online_transactions": ["order_id", "line_number"],
    "fct_in_store_transactions": ["transaction_id", "line_number"],
    "fct_service_interactions": ["interaction_id"],
    "fct_loyalty_transactions": ["source_loyalty_id", "transacted_at", "line_number"],
}
MARTS = {
    "purchases": ["channel", "reference_id", "line_number"],
    "aov_by_product": ["product_id"],
    "aov_by_category": ["category"],
    "aov_by_location": ["location"],
    "average_order_value": ["dimension", "member", "channel"],
    "customer_segments": ["customer_id"],
    "peak_transaction_times": ["channel", "day_of_week_number", "hour_of_day"],
    "agent_performance": ["agent_id"],
    "service_by_issue_type": ["issue_type"],
    "customer_360": ["customer_id"],
    "customer_timeline": ["customer_id", "occurred_at", "touchpoint", "reference_id"],
    "data_notes": ["note", "entity", "detail"],
    "person_segments": ["person_id"],
    "person_360": ["person_id"],
    "person_aliases": ["alias_id"],
    "possible_duplicates": ["customer_id", "other_customer_id"],
}
RELATIONS = {
    **{f"silver.{name}": key for name, key in {**KEYS, **ACCOUNTS}.items()},
    **{f"gold.{name}": key for name, key in GOLD.items()},
    **{f"marts.{name}": key for name, key in MARTS.items()},
}
OF_PERSONS = {
    *("gold.customer_persons", "gold.dim_persons", "marts.person_segments", "marts.person_360"),
    *("marts.person_aliases", "marts.possible_duplicates"),
}
LINEAGE = ("_as_of", "_source_file", "_batch_id")


@dataclass(frozen=True)
class Layers:
    """The layers of one state of a lake."""

    silver: Silver
    gold: Gold
    marts: Tables

    @classmethod
    def of(
        cls, batches: Sequence[Batch], options: Options, identity: Identity | None = None
    ) -> Layers:
        """Compute them, given what was found out about who is who."""
        cleaned = silver(batches, options)
        modelled = gold(cleaned, identity)
        return cls(cleaned, modelled, marts(modelled))

    def rows(self, relation: str) -> list[Row]:
        """Return the rows that a relation is to have."""
        schema, name = relation.split(".")
        if schema == "gold":
            return [
                {column: value for column, value in row.items() if column not in LINEAGE}
                for row in self.gold[name]
            ]
        if schema == "marts":
            return self.marts[name]
        of_name: dict[str, list[Row]] = {
            "row_reconciliation": self.silver.reconciliation,
            "superseded_rows": self.silver.superseded,
            "unreadable_values": self.silver.unreadable,
            "rejected_rows": self.silver.rejected,
            "customer_attributes": self.silver.attributes,
            **self.silver.histories,
        }
        return of_name[name] if name in of_name else self.silver.tables[name]


def differences(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    layers: Layers,
    but: Sequence[str] = (),
) -> str | None:
    """Say how a relation differs from the reference's, in all columns of that `but` these."""
    expected = layers.rows(relation)
    if not expected:
        (found,) = connection.execute(f"select count(*) from {relation}").fetchone() or (0,)
        return f"expected no rows, found {found}" if found else None
    columns = [column for column in expected[0] if column not in but]
    actual = load(connection, relation, columns)
    actual, expected = comparable(relation, actual), comparable(relation, expected)
    return difference(actual, expected, columns, RELATIONS[relation])


def comparable(relation: str, rows: Sequence[Row]) -> list[Row]:
    """Return rows of a relation without what the product may word as it likes."""
    if relation == "silver.rejected_rows":
        return [{**row, "raw_row": _raw_row(row["raw_row"])} for row in rows]
    if relation == "marts.data_notes":
        return [_as_agreed(row) for row in rows]
    return list(rows)


def _as_agreed(note: Mapping[str, Any]) -> Row:
    """Return a note with the amount and detail that have a meaning of their own, not only words."""
    has_amount = note["note"].startswith("unknown") or note["note"] == "unlisted status"
    has_detail = note["note"] in ("rejected rows", "superseded rows", "unreadable values")
    return {
        **note,
        "amount": note["amount"] if has_amount else None,
        "detail": note["detail"] if has_detail else None,
    }


def _raw_row(raw: str | Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a raw row without what two readers may differ in: an empty field is null or blank."""
    said: Mapping[str, Any] = json.loads(raw) if isinstance(raw, str) else raw
    if {*said} >= {"number", "text"}:
        return said["number"], said["text"]
    return tuple(sorted((name, normalise(value)) for name, value in said.items() if value))
