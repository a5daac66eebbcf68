"""Gold: dimensions with the unknown member, facts whose foreign keys always have a member."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from .reference_contract import ENTITIES, Row, Tables
from .reference_silver import Silver

Gold = Tables

UNKNOWN = -1
NOT_REVENUE = ("Cancelled", "Failed", "Refunded", "Returned")

DIMENSIONS = {  # in an order in which a dimension comes after those that it points to
    "dim_customers": "customers",
    "dim_products": "products",
    "dim_stores": "stores",
    "dim_agents": "agents",
    "dim_loyalty_accounts": "loyalty_accounts",
}
FACTS = {
    "fct_online_transactions": "online_transactions",
    "fct_in_store_transactions": "in_store_transactions",
    "fct_service_interactions": "customer_service_interactions",
    "fct_loyalty_transactions": "loyalty_transactions",
}
EVENT_TIMES = {
    "fct_online_transactions": "ordered_at",
    "fct_in_store_transactions": "purchased_at",
    "fct_service_interactions": "interacted_at",
    "fct_loyalty_transactions": "transacted_at",
}
FOREIGN_KEYS = {
    "dim_loyalty_accounts": {"customer_id": "dim_customers"},
    "fct_online_transactions": {"customer_id": "dim_customers", "product_id": "dim_products"},
    "fct_in_store_transactions": {"customer_id": "dim_customers", "store_id": "dim_stores"},
    "fct_service_interactions": {"customer_id": "dim_customers", "agent_id": "dim_agents"},
    "fct_loyalty_transactions": {"loyalty_id": "dim_loyalty_accounts"},
}


def gold(silver: Silver) -> Gold:
    """Compute gold's relations from silver."""
    tables: Gold = {}
    members: dict[str, set[int]] = {}

    def pointed(relation: str, row: Row) -> Row:
        """Point each foreign key to a member; keep the value that it came with."""
        foreign_keys = FOREIGN_KEYS.get(relation, {})
        sources = {f"source_{name}": row[name] for name in foreign_keys}
        keys = {
            name: row[name] if row[name] in members[dimension] else UNKNOWN
            for name, dimension in foreign_keys.items()
        }
        return {**row, **keys, **sources}

    for relation, entity in DIMENSIONS.items():
        rows = [pointed(relation, row) for row in silver.tables[entity]]
        tables[relation] = [unknown_member(relation), *rows]
        key = ENTITIES[entity].key[0]
        members[relation] = {row[key] for row in tables[relation]}
    for relation, entity in FACTS.items():
        tables[relation] = [pointed(relation, row) for row in silver.tables[entity]]
    for row in tables["fct_online_transactions"]:
        row["counts_as_revenue"] = row["status"] not in NOT_REVENUE
    tables["dim_dates"] = _dates(event_times(tables))
    return tables


def unknown_member(relation: str) -> Row:
    """Make the member -1: its descriptive attributes are 'Unknown', the others null."""
    entity = ENTITIES[DIMENSIONS[relation]]
    member: dict[str, Any] = {column.name: column.blank for column in entity.columns}
    member.update({"_source_file": None, "_batch_id": None, entity.key[0]: UNKNOWN})
    for name in FOREIGN_KEYS.get(relation, {}):
        member.update({name: UNKNOWN, f"source_{name}": None})
    return member


def event_times(tables: Gold) -> list[datetime]:
    """Return the times of all facts."""
    return [row[name] for relation, name in EVENT_TIMES.items() for row in tables[relation]]


def _dates(events: Iterable[datetime]) -> list[Row]:
    """Make whole years from the first event's to the last one's, and the member -1."""
    rows: list[Row] = [{"date_id": UNKNOWN, "calendar_date": None}]
    years = {event.year for event in events}
    if years:
        first, last = date(min(years), 1, 1), date(max(years), 12, 31)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            number = day.year * 10000 + day.month * 100 + day.day
            rows.append({"date_id": number, "calendar_date": day})
    return rows
