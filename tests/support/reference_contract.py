"""The nine entities as the contract states them: columns in bronze and in silver, and rules."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Enumerations = Mapping[str, Sequence[str]]

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
SEED_COLUMNS = {
    "status": ("order_statuses.csv", "status"),
    "payment_method": ("payment_methods.csv", "payment_method"),
    "tier_level": ("loyalty_tiers.csv", "tier_level"),
    "resolution_status": ("resolution_statuses.csv", "resolution_status"),
}

HEADER_BLANKS = " \t\r\n\u00a0\u200b\ufeff_-"
_READ = re.compile(r"\.((csv|tsv|txt)(\.gz|\.zip)?|zip|jsonl|parquet|xlsx)$")
_LEFT_ALONE = re.compile(
    r"(?<![a-z])"
    r"(deleted|removed|erased|unsubscribed|archive|backup|old|test|sample|template)(?![a-z])"
)


@dataclass(frozen=True)
class Column:
    """A column of an entity: its name in bronze and in silver, and how a value becomes clean."""

    source: str
    name: str
    kind: str  # text | integer | amount | datetime | date
    length: int = 0  # of a text, in characters
    blank: str | None = None  # what a blank text becomes
    enumerated: bool = False  # its canonical spellings are in a seed, by the silver name
    rejected_as: str | None = None  # the reason that a value which can't be read rejects the row


@dataclass(frozen=True)
class Entity:
    """An entity: what its files are called, its columns in contract order, its key."""

    name: str
    file_prefix: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_dimension: bool = False  # its key -1 is the unknown member's


def _key(source: str, name: str, kind: str = "integer") -> Column:
    return Column(source, name, kind, rejected_as="invalid_key")


def _integer(source: str, name: str, rejected_as: str | None = None) -> Column:
    return Column(source, name, "integer", rejected_as=rejected_as)


def _text(source: str, name: str, length: int, enumerated: bool = False) -> Column:
    return Column(source, name, "text", length, "Unknown", enumerated)


def _amount(source: str, name: str) -> Column:
    return Column(source, name, "amount", rejected_as="invalid_amount")


def _time(name: str) -> Column:
    return Column("DateTime", name, "datetime", rejected_as="invalid_datetime")


ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            "customers",
            "Customers",
            ("customer_id",),
            (
                _key("CustomerID", "customer_id"),
                _text("Name", "customer_name", 100),
                _text("Email", "email", 100),
                _text("Address", "address", 255),
            ),
            is_dimension=True,
        ),
        Entity(
            "products",
            "Products",
            ("product_id",),
            (
                _key("ProductID", "product_id"),
                _text("Name", "product_name", 100),
                _text("Category", "category", 50),
                _amount("Price", "price"),
            ),
            is_dimension=True,
        ),
        Entity(
            "stores",
            "Stores",
            ("store_id",),
            (
                _key("StoreID", "store_id"),
                _text("Location", "location", 100),
                _text("Manager", "manager", 100),
                _text("OpenHours", "open_hours", 50),
            ),
            is_dimension=True,
        ),
        Entity(
            "agents",
            "Agents",
            ("agent_id",),
            (
                _key("AgentID", "agent_id"),
                _text("Name", "agent_name", 100),
                _text("Department", "department", 50),
                _text("Shift", "shift", 50),
            ),
            is_dimension=True,
        ),
        Entity(
            "online_transactions",
            "OnlineTransactions",
            ("order_id",),
            (
                _key("OrderID", "order_id"),
                _integer("CustomerID", "customer_id"),
                _integer("ProductID", "product_id"),
                _time("ordered_at"),
                _text("PaymentMethod", "payment_method", 50, enumerated=True),
                _amount("Amount", "amount"),
                _text("Status", "status", 20, enumerated=True),
            ),
        ),
        Entity(
            "in_store_transactions",
            "InStoreTransactions",
            ("transaction_id",),
            (
                _key("TransactionID", "transaction_id"),
                _integer("CustomerID", "customer_id"),
                _integer("StoreID", "store_id"),
                _time("purchased_at"),
                _amount("Amount", "amount"),
                _text("PaymentMethod", "payment_method", 50, enumerated=True),
            ),
        ),
        Entity(
            "customer_service_interactions",
            "CustomerServiceInteractions",
            ("interaction_id",),
            (
                _key("InteractionID", "interaction_id"),
                _integer("CustomerID", "customer_id"),
                _time("interacted_at"),
                _integer("AgentID", "agent_id"),
                _text("IssueType", "issue_type", 50),
                _text("ResolutionStatus", "resolution_status", 50, enumerated=True),
            ),
        ),
        Entity(
            "loyalty_accounts",
            "LoyaltyAccounts",
            ("loyalty_id",),
            (
                _key("LoyaltyID", "loyalty_id"),
                _integer("CustomerID", "customer_id"),
                _integer("PointsEarned", "points_earned"),
                Column("TierLevel", "tier_level", "text", 20, enumerated=True),
                Column("JoinDate", "join_date", "date"),
            ),
            is_dimension=True,
        ),
        Entity(
            "loyalty_transactions",
            "LoyaltyTransactions",
            ("loyalty_id", "transacted_at"),
            (
                _key("LoyaltyID", "loyalty_id"),
                _key("DateTime", "transacted_at", "datetime"),
                _integer("PointsChange", "points_change", "invalid_amount"),
                _text("Reason", "reason", 100),
            ),
        ),
    )
}


def entity_for_file(name: str) -> Entity | None:
    """Return the entity that a file belongs to by its name, without its folder."""
    lowered = name.lower()
    if not _READ.search(lowered) or _LEFT_ALONE.search(lowered):
        return None
    for entity in ENTITIES.values():
        for begin in (entity.file_prefix.lower(), entity.name):
            if lowered.startswith(begin) and not lowered[len(begin)].isalpha():
                return entity
    return None


def spelled(header: str) -> str:
    """Return a header without what its spelling may differ in."""
    return "".join(character for character in header.lower() if character not in HEADER_BLANKS)


def read_enumerations(seeds: Path = SEEDS) -> dict[str, list[str]]:
    """Read the canonical spellings of the enumerated columns from the project's seeds."""
    enumerations: dict[str, list[str]] = {}
    for name, (file, column) in SEED_COLUMNS.items():
        path = seeds / file
        if path.exists():
            with path.open(encoding="utf-8-sig", newline="") as lines:
                enumerations[name] = [row[column] for row in csv.DictReader(lines)]
    return enumerations
