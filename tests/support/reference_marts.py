"""The marts: the answers, computed one customer, product or group at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from .reference_cleaning import ratio
from .reference_contract import Row, Tables
from .reference_gold import UNKNOWN, Gold, event_times

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIERS = ("Platinum", "Gold", "Silver", "Bronze")  # the best first

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Purchase:
    """An online order that counts as revenue, or an in-store purchase."""

    channel: str
    customer_id: int
    member_id: int  # the product or the store
    place: str  # the product's category or the store's location
    at: datetime
    amount: Decimal
    payment_method: str


def marts(
    gold: Gold, *, high_value_share: Decimal = Decimal("0.10"), as_of: date | None = None
) -> Tables:
    """Compute every mart; `as_of` fixes the date from which recency counts."""
    purchases = _purchases(gold)
    segments = _customer_segments(gold, purchases, high_value_share)
    timeline = _customer_timeline(gold)
    by_product = _aov_by_product(gold, purchases)
    by_category = _aov_by_place(purchases, "online", "category")
    by_location = _aov_by_place(purchases, "in_store", "location")
    return {
        "aov_by_product": by_product,
        "aov_by_category": by_category,
        "aov_by_location": by_location,
        "average_order_value": _average_order_value(
            by_product, by_category, by_location, purchases
        ),
        "customer_segments": segments,
        "peak_transaction_times": _peak_transaction_times(gold),
        "agent_performance": _agent_performance(gold),
        "service_by_issue_type": _service_by_issue_type(gold),
        "customer_360": _customer_360(gold, purchases, segments, timeline, as_of),
        "customer_timeline": timeline,
    }


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Group items by a key, in the order of the keys' first appearance."""
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def ntile(ordered: Sequence[K], buckets: int = 5) -> dict[K, int]:
    """Deal ordered items into buckets 1, 2, ... as NTILE does: the first ones hold one more."""
    size, larger = divmod(len(ordered), buckets)
    sizes = [size + 1 if bucket < larger else size for bucket in range(buckets)]
    numbers = [bucket + 1 for bucket, size in enumerate(sizes) for _ in range(size)]
    return dict(zip(ordered, numbers, strict=True))


def _by_key(rows: Iterable[Row], key: str) -> dict[int, Row]:
    return {row[key]: row for row in rows}


def _total(purchases: Iterable[Purchase]) -> Decimal:
    return sum((purchase.amount for purchase in purchases), Decimal("0.00"))


def _purchases(gold: Gold) -> list[Purchase]:
    products = _by_key(gold["dim_products"], "product_id")
    stores = _by_key(gold["dim_stores"], "store_id")
    online = [
        Purchase(
            "online",
            order["customer_id"],
            order["product_id"],
            products[order["product_id"]]["category"],
            order["ordered_at"],
            order["amount"],
            order["payment_method"],
        )
        for order in gold["fct_online_transactions"]
        if order["counts_as_revenue"]
    ]
    in_store = [
        Purchase(
            "in_store",
            visit["customer_id"],
            visit["store_id"],
            stores[visit["store_id"]]["location"],
            visit["purchased_at"],
            visit["amount"],
            visit["payment_method"],
        )
        for visit in gold["fct_in_store_transactions"]
    ]
    return online + in_store


# --- Average order value -----------------------------------------------------------------------


def _orders(purchases: Sequence[Purchase]) -> Row:
    total = _total(purchases)
    return {
        "total_orders": len(purchases),
        "total_amount": total,
        "average_order_value": ratio(total, len(purchases), 2),
    }


def _aov_by_product(gold: Gold, purchases: Sequence[Purchase]) -> list[Row]:
    products = _by_key(gold["dim_products"], "product_id")
    online = [purchase for purchase in purchases if purchase.channel == "online"]
    return [
        {
            "product_id": product_id,
            "product_name": products[product_id]["product_name"],
            "category": products[product_id]["category"],
            **_orders(orders),
        }
        for product_id, orders in grouped(online, lambda purchase: purchase.member_id).items()
    ]


def _aov_by_place(purchases: Sequence[Purchase], channel: str, name: str) -> list[Row]:
    of_channel = [purchase for purchase in purchases if purchase.channel == channel]
    return [
        {name: place, **_orders(orders)}
        for place, orders in grouped(of_channel, lambda purchase: purchase.place).items()
    ]


def _average_order_value(
    by_product: Sequence[Row],
    by_category: Sequence[Row],
    by_location: Sequence[Row],
    purchases: Sequence[Purchase],
) -> list[Row]:
    def row(dimension: str, member: str, channel: str, figures: Row) -> Row:
        names = ("total_orders", "total_amount", "average_order_value")
        return {
            "dimension": dimension,
            "member": member,
            "channel": channel,
            **{name: figures[name] for name in names},
        }

    channels = grouped(purchases, lambda purchase: purchase.channel)
    return [
        *(row("product", figures["product_name"], "online", figures) for figures in by_product),
        *(row("category", figures["category"], "online", figures) for figures in by_category),
        *(row("location", figures["location"], "in_store", figures) for figures in by_location),
        *(row("channel", name, name, _orders(orders)) for name, orders in channels.items()),
        *([row("all", "all", "all", _orders(purchases))] if purchases else []),
    ]


# --- Customers ---------------------------------------------------------------------------------


def _customers(gold: Gold) -> list[Row]:
    return [row for row in gold["dim_customers"] if row["customer_id"] != UNKNOWN]


def _best_tier(accounts: Iterable[Row]) -> str | None:
    """Return the best tier; one that isn't in the list comes after all that are."""
    tiers = {account["tier_level"] for account in accounts} - {None}
    listed = [tier for tier in TIERS if tier in tiers]
    return listed[0] if listed else min(tiers, default=None)


def _customer_segments(
    gold: Gold, purchases: Sequence[Purchase], high_value_share: Decimal
) -> list[Row]:
    purchases_of = grouped(purchases, lambda purchase: purchase.customer_id)
    accounts_of = grouped(gold["dim_loyalty_accounts"], lambda row: row["customer_id"])
    customer_ids = [row["customer_id"] for row in _customers(gold)]
    spend = {
        customer_id: _total(purchases_of[customer_id])
        for customer_id in customer_ids
        if customer_id in purchases_of
    }
    percent_ranks = _percent_ranks_highest_first(spend)
    rows: list[Row] = []
    for customer_id in customer_ids:
        frequency = len(purchases_of.get(customer_id, []))
        tier = _best_tier(accounts_of.get(customer_id, []))
        rank = percent_ranks.get(customer_id)
        if rank is None:
            segment = "No Purchases"
        elif rank <= Fraction(high_value_share):
            segment = "High-Value Customer"
        elif frequency == 1:
            segment = "One-Time Buyer"
        elif tier is not None:
            segment = "Loyalty Champion"
        else:
            segment = "Regular Customer"
        rows.append(
            {
                "customer_id": customer_id,
                "total_spend": spend.get(customer_id, Decimal("0.00")),
                "purchase_frequency": frequency,
                "tier_level": tier,
                "spend_percent_rank": None if rank is None else float(rank),
                "segment": segment,
            }
        )
    return rows


def _percent_ranks_highest_first(spend: dict[int, Decimal]) -> dict[int, Fraction]:
    """PERCENT_RANK: the share of the other customers who spent more."""
    places: dict[Decimal, int] = {}  # how many spent more
    for place, amount in enumerate(sorted(spend.values(), reverse=True)):
        places.setdefault(amount, place)
    others = max(len(spend) - 1, 1)
    return {customer: Fraction(places[amount], others) for customer, amount in spend.items()}


def _preferred(purchases: Sequence[Purchase], name: Callable[[Purchase], str]) -> str | None:
    """Return the name with most purchases, then the highest amount, then the first by name."""
    groups = grouped(purchases, name)
    ranked = sorted(groups, key=lambda key: (-len(groups[key]), -_total(groups[key]), key))
    return ranked[0] if ranked else None


def _customer_360(
    gold: Gold,
    purchases: Sequence[Purchase],
    segments: Sequence[Row],
    timeline: Sequence[Row],
    as_of: date | None,
) -> list[Row]:
    purchases_of = grouped(purchases, lambda purchase: purchase.customer_id)
    accounts_of = grouped(gold["dim_loyalty_accounts"], lambda row: row["customer_id"])
    contacts_of = grouped(gold["fct_service_interactions"], lambda row: row["customer_id"])
    touches_of = grouped(timeline, lambda row: row["customer_id"])
    segment_of = _by_key(segments, "customer_id")
    newest = as_of or max((event.date() for event in event_times(gold)), default=None)

    rows: list[Row] = []
    for customer in _customers(gold):
        customer_id = customer["customer_id"]
        bought = purchases_of.get(customer_id, [])
        online = [purchase for purchase in bought if purchase.channel == "online"]
        in_store = [purchase for purchase in bought if purchase.channel == "in_store"]
        accounts = accounts_of.get(customer_id, [])
        contacts = contacts_of.get(customer_id, [])
        resolved = _resolved(contacts)
        last_purchase_at = max((purchase.at for purchase in bought), default=None)
        recency_days = (
            (newest - last_purchase_at.date()).days if newest and last_purchase_at else None
        )
        touches = touches_of.get(customer_id, [])
        last_touch_at = max((touch["occurred_at"] for touch in touches), default=None)
        last_touchpoints = {
            touch["touchpoint"] for touch in touches if touch["occurred_at"] == last_touch_at
        }
        rows.append(
            {
                "customer_id": customer_id,
                "customer_name": customer["customer_name"],
                "email": customer["email"],
                "address": customer["address"],
                **_spending("online_", online),
                **_spending("in_store_", in_store),
                "total_orders": len(bought),
                "total_spend": _total(bought),
                "average_order_value": _average(bought),
                "first_purchase_at": min((purchase.at for purchase in bought), default=None),
                "last_purchase_at": last_purchase_at,
                "preferred_channel": _preferred(bought, lambda purchase: purchase.channel),
                "preferred_category": _preferred(online, lambda purchase: purchase.place),
                "preferred_store": _preferred(in_store, lambda purchase: purchase.place),
                "preferred_payment_method": _preferred(
                    bought, lambda purchase: purchase.payment_method
                ),
                "tier_level": segment_of[customer_id]["tier_level"],
                "points_balance": _points(accounts),
                "loyalty_accounts": len(accounts),
                "interactions": len(contacts),
                "unresolved_interactions": len(contacts) - resolved,
                "resolution_rate": ratio(100 * resolved, len(contacts), 2) if contacts else None,
                "last_contact_at": max((row["interacted_at"] for row in contacts), default=None),
                "segment": segment_of[customer_id]["segment"],
                "recency_days": recency_days,
                "last_touch_at": last_touch_at,
                "last_touchpoint": min(last_touchpoints, default=None),
            }
        )
    _score(rows)
    return rows


def _spending(prefix: str, purchases: Sequence[Purchase]) -> Row:
    return {
        f"{prefix}orders": len(purchases),
        f"{prefix}spend": _total(purchases),
        f"{prefix}average_order_value": _average(purchases),
    }


def _average(purchases: Sequence[Purchase]) -> Decimal | None:
    return ratio(_total(purchases), len(purchases), 2) if purchases else None


def _points(accounts: Sequence[Row]) -> int | None:
    return sum(account["points_earned"] or 0 for account in accounts) if accounts else None


def _score(rows: Sequence[Row]) -> None:
    """Add the quintiles of the customers with a purchase: 5 is best, ties by customer_id."""
    buyers = [row for row in rows if row["total_orders"]]

    def quintiles(worst_first: Callable[[Row], Any]) -> dict[int, int]:
        ordered = sorted(buyers, key=lambda row: (worst_first(row), row["customer_id"]))
        return ntile([row["customer_id"] for row in ordered])

    scores = {
        "recency_score": quintiles(lambda row: -row["recency_days"]),
        "frequency_score": quintiles(lambda row: row["total_orders"]),
        "monetary_score": quintiles(lambda row: row["total_spend"]),
    }
    for row in rows:
        row.update({name: score.get(row["customer_id"]) for name, score in scores.items()})


def _customer_timeline(gold: Gold) -> list[Row]:
    products = _by_key(gold["dim_products"], "product_id")
    stores = _by_key(gold["dim_stores"], "store_id")
    accounts = _by_key(gold["dim_loyalty_accounts"], "loyalty_id")
    rows: list[Row] = []

    def add(customer_id: int, occurred_at: datetime, touchpoint: str, **event: Any) -> None:
        if customer_id != UNKNOWN:
            about = {"occurred_at": occurred_at, "touchpoint": touchpoint}
            rows.append({"customer_id": customer_id, **about, **event})

    for order in gold["fct_online_transactions"]:
        add(
            order["customer_id"],
            order["ordered_at"],
            "online order",
            event=order["status"],
            reference_id=order["order_id"],
            amount=order["amount"],
            detail=products[order["product_id"]]["product_name"],
        )
    for visit in gold["fct_in_store_transactions"]:
        add(
            visit["customer_id"],
            visit["purchased_at"],
            "store purchase",
            event="Purchase",
            reference_id=visit["transaction_id"],
            amount=visit["amount"],
            detail=stores[visit["store_id"]]["location"],
        )
    for contact in gold["fct_service_interactions"]:
        add(
            contact["customer_id"],
            contact["interacted_at"],
            "service contact",
            event=contact["resolution_status"],
            reference_id=contact["interaction_id"],
            amount=None,
            detail=contact["issue_type"],
        )
    for change in gold["fct_loyalty_transactions"]:
        points = change["points_change"]
        add(
            accounts[change["loyalty_id"]]["customer_id"],
            change["transacted_at"],
            "loyalty change",
            event=change["reason"],
            reference_id=change["loyalty_id"],
            amount=None,
            detail=f"{points:+d}" if points else "0",
        )
    return rows


# --- Times and service -------------------------------------------------------------------------


def _peak_transaction_times(gold: Gold) -> list[Row]:
    channels = {
        "online": ("fct_online_transactions", "ordered_at"),
        "in_store": ("fct_in_store_transactions", "purchased_at"),
    }
    rows: list[Row] = []
    for channel, (relation, time) in channels.items():
        transactions = gold[relation]
        hours: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in transactions:
            hours[row[time].weekday(), row[time].hour].append(row)
        for (weekday, hour), at_hour in hours.items():
            busier = sum(len(others) > len(at_hour) for others in hours.values())
            rows.append(
                {
                    "channel": channel,
                    "day_of_week": DAY_NAMES[weekday],
                    "day_of_week_number": weekday + 1,
                    "hour_of_day": hour,
                    "total_transactions": len(at_hour),
                    "total_amount": sum((row["amount"] for row in at_hour), Decimal("0.00")),
                    "transaction_share": ratio(len(at_hour), len(transactions), 6),
                    "peak_rank": busier + 1,
                }
            )
    return rows


def _resolved(contacts: Iterable[Row]) -> int:
    return sum(contact["resolution_status"] == "Resolved" for contact in contacts)


def _service(contacts: Sequence[Row]) -> Row:
    resolved = _resolved(contacts)
    return {
        "total_interactions": len(contacts),
        "resolved_interactions": resolved,
        "resolution_rate": ratio(100 * resolved, max(len(contacts), 1), 2),
    }


def _agent_performance(gold: Gold) -> list[Row]:
    contacts_of = grouped(gold["fct_service_interactions"], lambda row: row["agent_id"])
    described = ("agent_id", "agent_name", "department", "shift")
    return [
        {
            **{name: agent[name] for name in described},
            **_service(contacts_of.get(agent["agent_id"], [])),
        }
        for agent in gold["dim_agents"]
        if agent["agent_id"] != UNKNOWN or UNKNOWN in contacts_of
    ]


def _service_by_issue_type(gold: Gold) -> list[Row]:
    by_issue = grouped(gold["fct_service_interactions"], lambda row: row["issue_type"])
    return [{"issue_type": issue, **_service(contacts)} for issue, contacts in by_issue.items()]
