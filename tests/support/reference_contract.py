"""The nine entities as the contract states them: columns in bronze and in silver, and rules.

And what a retailer may declare or set beside the files: `Options`, with the contract's defaults.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Tables = dict[str, list[Row]]

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
SEED_COLUMNS = {
    "status": ("order_statuses.csv", "status"),
    "payment_method": ("payment_methods.csv", "payment_method"),
    "tier_level": ("loyalty_tiers.csv", "tier_level"),
    "resolution_status": ("resolution_statuses.csv", "resolution_status"),
}
NULL_WORDS = ("NULL", "null", r"\N", "N/A", "n/a", "#N/A", "NaN", "nan", "None", "none")
SURVIVORSHIP = {"customer_name": "most_complete", "email": "newest", "address": "newest"}
LONGEST_KEY = 64  # of a text key, in characters

HEADER_BLANKS = " \t\r\n\u00a0\u200b\ufeff_-"
_READ = re.compile(r"\.((csv|tsv|txt)(\.gz|\.zip)?|zip|jsonl|parquet|xlsx)$")
_LEFT_ALONE = re.compile(
    r"(?<![a-z])"
    r"(deleted|removed|erased|unsubscribed|archive|backup|old|test|sample|template)(?![a-z])"
)


# --- The entities ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of an entity: its name in bronze and in silver, and how a value becomes clean."""

    source: str
    name: str
    kind: str  # text | key | integer | amount | datetime | date | currency
    length: int = 0  # of a text, in characters
    blank: str | None = None  # what a blank text becomes
    enumerated: bool = False  # it has canonical spellings and other words, by the silver name
    rejected_as: str | None = None  # the reason that a value which can't be read rejects the row
    refers_to: str = ""  # of a key: the entity whose key it is
    is_optional: bool = False  # a file may do without

    @property
    def is_reported(self) -> bool:
        """Whether a value that can't be read is null and counted, instead of a rejected row's."""
        return self.kind not in ("text", "currency") and self.rejected_as is None


@dataclass(frozen=True)
class Entity:
    """An entity: what its files are called, its columns in contract order, its key."""

    name: str
    file_prefix: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_dimension: bool = False  # its key -1 is the unknown member's


def _key(source: str, name: str, entity: str) -> Column:
    return Column(source, name, "key", rejected_as="invalid_key", refers_to=entity)


def _reference(source: str, name: str, entity: str) -> Column:
    return Column(source, name, "key", refers_to=entity)


def _text(source: str, name: str, length: int, enumerated: bool = False) -> Column:
    return Column(source, name, "text", length, "Unknown", enumerated)


def _time(name: str) -> Column:
    return Column("DateTime", name, "datetime", rejected_as="invalid_datetime")


_AMOUNT = Column("Amount", "amount", "amount", rejected_as="invalid_amount")
_CURRENCY = Column("Currency", "source_currency", "currency", 10, is_optional=True)

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            "customers",
            "Customers",
            ("customer_id",),
            (
                _key("CustomerID", "customer_id", "customers"),
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
                _key("ProductID", "product_id", "products"),
                _text("Name", "product_name", 100),
                _text("Category", "category", 50),
                Column("Price", "price", "amount"),
            ),
            is_dimension=True,
        ),
        Entity(
            "stores",
            "Stores",
            ("store_id",),
            (
                _key("StoreID", "store_id", "stores"),
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
                _key("AgentID", "agent_id", "agents"),
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
                _key("OrderID", "order_id", "online_transactions"),
                _reference("CustomerID", "customer_id", "customers"),
                _reference("ProductID", "product_id", "products"),
                _time("ordered_at"),
                _text("PaymentMethod", "payment_method", 50, enumerated=True),
                _AMOUNT,
                _text("Status", "status", 20, enumerated=True),
                _CURRENCY,
            ),
        ),
        Entity(
            "in_store_transactions",
            "InStoreTransactions",
            ("transaction_id",),
            (
                _key("TransactionID", "transaction_id", "in_store_transactions"),
                _reference("CustomerID", "customer_id", "customers"),
                _reference("StoreID", "store_id", "stores"),
                _time("purchased_at"),
                _AMOUNT,
                _text("PaymentMethod", "payment_method", 50, enumerated=True),
                _CURRENCY,
            ),
        ),
        Entity(
            "customer_service_interactions",
            "CustomerServiceInteractions",
            ("interaction_id",),
            (
                _key("InteractionID", "interaction_id", "customer_service_interactions"),
                _reference("CustomerID", "customer_id", "customers"),
                _time("interacted_at"),
                _reference("AgentID", "agent_id", "agents"),
                _text("IssueType", "issue_type", 50),
                _text("ResolutionStatus", "resolution_status", 50, enumerated=True),
            ),
        ),
        Entity(
            "loyalty_accounts",
            "LoyaltyAccounts",
            ("loyalty_id",),
            (
                _key("LoyaltyID", "loyalty_id", "loyalty_accounts"),
                _reference("CustomerID", "customer_id", "customers"),
                Column("PointsEarned", "points_earned", "integer"),
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
                _key("LoyaltyID", "loyalty_id", "loyalty_accounts"),
                Column("DateTime", "transacted_at", "datetime", rejected_as="invalid_key"),
                Column("PointsChange", "points_change", "integer", rejected_as="invalid_amount"),
                _text("Reason", "reason", 100),
            ),
        ),
    )
}
WITH_LINES = ("online_transactions", "in_store_transactions", "loyalty_transactions")


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


# --- What is declared and set ------------------------------------------------------------------


@dataclass(frozen=True)
class ExchangeRate:
    """What one unit of a currency is worth in the reporting one, from a day on."""

    currency: str
    valid_from: date | None  # None: always
    rate: Decimal


@dataclass(frozen=True)
class Lists:
    """The seeds: canonical spellings and other words of the enumerated columns, and rates."""

    canonical: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by silver column
    other_words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # to canonical ones
    exchange_rates: Sequence[ExchangeRate] = ()

    def words(self, column: str) -> dict[str, str]:
        """Return what each known word of a column stands for, in lower case; canonical ones win."""
        words = {word.lower(): meant for word, meant in self.other_words.get(column, {}).items()}
        return words | {word.lower(): word for word in self.canonical.get(column, ())}


@dataclass(frozen=True)
class Options:
    """What is declared about sources, and the project's vars and seeds."""

    lines: frozenset[str] = frozenset()  # entities of `rows: lines`
    full: frozenset[str] = frozenset()  # of `load: full`
    text_keys: frozenset[str] = frozenset()  # of `keys: text`
    unknown_keys: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by entity
    order_by: Mapping[str, str] = field(default_factory=dict)  # column, by entity
    currencies: Mapping[str, str] = field(default_factory=dict)  # code, by entity
    currency_columns: Mapping[str, str] = field(default_factory=dict)  # column, by entity
    extra: Mapping[str, str] = field(default_factory=dict)  # header of customers, by standard name
    business_timezone: str = "UTC"
    reporting_currency: str | None = None
    null_words: Sequence[str] = NULL_WORDS
    earliest_plausible_date: date = date(1990, 1, 1)
    high_value_share: Decimal = Decimal("0.10")
    recency_date: date | None = None  # None: the newest plausible event's
    survivorship: Mapping[str, str] = field(default_factory=lambda: SURVIVORSHIP)
    lists: Lists | None = None  # None: the project's seeds

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.business_timezone)

    @property
    def seeds(self) -> Lists:
        """The lists that hold."""
        return read_lists() if self.lists is None else self.lists

    def has_text_keys(self, *entities: str) -> bool:
        """Whether the keys of any of the entities are text."""
        alike = {"loyalty_accounts", "loyalty_transactions"}  # one key, loyalty_id
        asked = set(entities) | (alike if alike & set(entities) else set())
        return bool(asked & self.text_keys)

    def unknown(self, *entities: str) -> int | str:
        """Return the key of the unknown member."""
        return "-1" if self.has_text_keys(*entities) else -1


@cache
def read_lists(seeds: Path = SEEDS) -> Lists:
    """Read the project's seeds; one that isn't there is empty."""
    canonical = {
        name: [row[column] for row in _seed(seeds / file)]
        for name, (file, column) in SEED_COLUMNS.items()
    }
    other_words: dict[str, dict[str, str]] = {}
    for row in _seed(seeds / "other_words.csv"):
        other_words.setdefault(row["column_name"], {})[row["other_word"]] = row["canonical"]
    rates = [
        ExchangeRate(
            row["currency"].strip().upper(),
            date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
            Decimal(row["rate"]),
        )
        for row in _seed(seeds / "exchange_rates.csv")
    ]
    return Lists(canonical, other_words, tuple(rates))


def _seed(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
