"""The marts: the answers, computed one customer, product or group at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from .reference_cleaning import ratio
from .reference_contract import ENTITIES, Row, Tables
from .reference_gold import EVENT_TIMES, FACTS, RESOLVED, Gold, event_times
from .reference_persons import as_persons, of_persons, possible_duplicates

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIERS = ("Platinum", "Gold", "Silver", "Bronze")  # the best first
NOTHING = Decimal("0.00")

Id = int | str
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Channel:
    """A way of selling: where its lines are and what an order is called there."""

    name: str
    relation: str
    key: str
    time: str
    product: str  # or store: what a line is about
    dimension: str
    place: str  # the group of that
    title: str  # its name in the timeline


CHANNELS = (
    Channel(
        "online",
        "fct_online_transactions",
        "order_id",
        "ordered_at",
        "product_id",
        "dim_products",
        "category",
        "product_name",
    ),
    Channel(
        "in_store",
        "fct_in_store_transactions",
        "transaction_id",
        "purchased_at",
        "store_id",
        "dim_stores",
        "location",
        "location",
    ),
)


@dataclass(frozen=True)
class Line:
    """A line of an online order that counts as revenue, or of an in-store purchase."""

    channel: str
    order: Id
    number: int
    has_one_line: bool
    customer_id: Id
    member_id: Id  # the product or the store
    place: str  # the product's category or the store's location
    at: datetime
    time_is_plausible: bool
    amount: Decimal
    payment_method: str

    @property
    def is_refund(self) -> bool:
        """Whether it takes money back instead of making its order one."""
        return self.amount < 0


def marts(gold: Gold) -> Tables:
    """Compute every mart."""
    lines = _lines(gold)
    segments = _customer_segments(gold, lines)
    timeline = _customer_timeline(gold)
    by_product = _aov_by_product(gold, lines)
    by_category = _aov_by_place(lines, "online", "category")
    by_location = _aov_by_place(lines, "in_store", "location")
    return {
        "purchases": _purchases(gold, lines),
        "aov_by_product": by_product,
        "aov_by_category": by_category,
        "aov_by_location": by_location,
        "average_order_value": _average_order_value(by_product, by_category, by_location, lines),
        "customer_segments": segments,
        "peak_transaction_times": _peak_transaction_times(gold),
        "agent_performance": _agent_performance(gold),
        "service_by_issue_type": _service_by_issue_type(gold),
        "customer_360": _with_persons(gold, _customer_360(gold, lines, segments, timeline)),
        "customer_timeline": timeline,
        "data_notes": _data_notes(gold),
        **_of_persons(gold),
        "possible_duplicates": possible_duplicates(
            gold.identity,
            _by_key(_with_persons(gold, _customers(gold)), "customer_id"),
            {row["customer_id"]: row["total_spend"] for row in segments},
        ),
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


def _by_key(rows: Iterable[Row], key: str) -> dict[Id, Row]:
    return {row[key]: row for row in rows}


def _sum(rows: Iterable[Row]) -> Decimal:
    return sum((row["amount"] for row in rows), NOTHING)


def _lines(gold: Gold) -> list[Line]:
    lines: list[Line] = []
    for channel in CHANNELS:
        about = _by_key(gold[channel.dimension], channel.product)
        counts = Counter(row[channel.key] for row in gold[channel.relation])
        lines += [
            Line(
                channel.name,
                row[channel.key],
                row["line_number"],
                counts[row[channel.key]] == 1,
                row["customer_id"],
                row[channel.product],
                about[row[channel.product]][channel.place],
                row[channel.time],
                row["time_is_plausible"],
                row["amount"],
                row["payment_method"],
            )
            for row in gold[channel.relation]
            if row.get("counts_as_revenue", True)
        ]
    return lines


def _reference_id(gold: Gold, value: Id, *entities: str) -> Id:
    """Return a key beside those of other entities: all are text when any is."""
    return str(value) if gold.options.has_text_keys(*entities) else value


def _purchases(gold: Gold, lines: Sequence[Line]) -> list[Row]:
    entities = [FACTS[channel.relation] for channel in CHANNELS]
    rows: list[Row] = []
    for line in lines:
        is_online = line.channel == "online"
        rows.append(
            {
                "channel": line.channel,
                "reference_id": _reference_id(gold, line.order, *entities),
                "line_number": line.number,
                "has_one_line": line.has_one_line,
                "customer_id": line.customer_id,
                "purchased_at": line.at,
                "time_is_plausible": line.time_is_plausible,
                "amount": line.amount,
                "payment_method": line.payment_method,
                "product_id": line.member_id if is_online else None,
                "category": line.place if is_online else None,
                "store_id": None if is_online else line.member_id,
                "location": None if is_online else line.place,
            }
        )
    return rows


# --- Average order value -----------------------------------------------------------------------


def _orders(lines: Iterable[Line]) -> int:
    """Count orders: each once, and only if a line of it is no refund."""
    return len({(line.channel, line.order) for line in lines if not line.is_refund})


def _total(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines), NOTHING)


def _average(lines: Sequence[Line]) -> Decimal | None:
    orders = _orders(lines)
    return ratio(_total(lines), orders, 2) if orders else None


def _figures(lines: Sequence[Line]) -> Row:
    return {
        "total_orders": _orders(lines),
        "total_amount": _total(lines),
        "average_order_value": _average(lines),
    }


def _aov_by_product(gold: Gold, lines: Sequence[Line]) -> list[Row]:
    products = _by_key(gold["dim_products"], "product_id")
    online = [line for line in lines if line.channel == "online"]
    return [
        {
            "product_id": product_id,
            "product_name": products[product_id]["product_name"],
            "category": products[product_id]["category"],
            **_figures(of_product),
        }
        for product_id, of_product in grouped(online, lambda line: line.member_id).items()
    ]


def _aov_by_place(lines: Sequence[Line], channel: str, name: str) -> list[Row]:
    of_channel = [line for line in lines if line.channel == channel]
    return [
        {name: place, **_figures(of_place)}
        for place, of_place in grouped(of_channel, lambda line: line.place).items()
    ]


def _average_order_value(
    by_product: Sequence[Row],
    by_category: Sequence[Row],
    by_location: Sequence[Row],
    lines: Sequence[Line],
) -> list[Row]:
    def row(dimension: str, member: str, channel: str, figures: Row) -> Row:
        names = ("total_orders", "total_amount", "average_order_value")
        return {
            "dimension": dimension,
            "member": member,
            "channel": channel,
            **{name: figures[name] for name in names},
        }

    channels = grouped(lines, lambda line: line.channel)
    return [
        *(row("product", figures["product_name"], "online", figures) for figures in by_product),
        *(row("category", figures["category"], "online", figures) for figures in by_category),
        *(row("location", figures["location"], "in_store", figures) for figures in by_location),
        *(row("channel", name, name, _figures(of)) for name, of in channels.items()),
        *([row("all", "all", "all", _figures(lines))] if lines else []),
    ]


# --- Customers ---------------------------------------------------------------------------------


def _customers(gold: Gold) -> list[Row]:
    nobody = gold.unknown("customers")
    return [row for row in gold["dim_customers"] if row["customer_id"] != nobody]


def _best_tier(accounts: Iterable[Row]) -> str | None:
    """Return the best tier; one that isn't in the list comes after all that are."""
    tiers = {account["tier_level"] for account in accounts} - {None}
    listed = [tier for tier in TIERS if tier in tiers]
    return listed[0] if listed else min(tiers, default=None)


def _customer_segments(gold: Gold, lines: Sequence[Line]) -> list[Row]:
    lines_of = grouped(lines, lambda line: line.customer_id)
    accounts_of = grouped(gold["dim_loyalty_accounts"], lambda row: row["customer_id"])
    customer_ids = [row["customer_id"] for row in _customers(gold)]
    orders = {customer_id: _orders(lines_of.get(customer_id, [])) for customer_id in customer_ids}
    spend = {customer_id: _total(lines_of.get(customer_id, [])) for customer_id in customer_ids}
    buyers = {
        customer_id: spend[customer_id] for customer_id in customer_ids if orders[customer_id]
    }
    percent_ranks = _percent_ranks_highest_first(buyers)
    share = Fraction(gold.options.high_value_share)
    rows: list[Row] = []
    for customer_id in customer_ids:
        tier = _best_tier(accounts_of.get(customer_id, []))
        rank = percent_ranks.get(customer_id)
        if rank is None:
            segment = "No Purchases"
        elif rank <= share and _stands_out(spend[customer_id], buyers, share):
            segment = "High-Value Customer"
        elif orders[customer_id] == 1:
            segment = "One-Time Buyer"
        elif tier is not None:
            segment = "Loyalty Champion"
        else:
            segment = "Regular Customer"
        rows.append(
            {
                "customer_id": customer_id,
                "total_spend": spend[customer_id],
                "purchase_frequency": orders[customer_id],
                "tier_level": tier,
                "spend_percent_rank": None if rank is None else float(rank),
                "segment": segment,
            }
        )
    return rows


def _percent_ranks_highest_first(spend: dict[Id, Decimal]) -> dict[Id, Fraction]:
    """PERCENT_RANK: the share of the other customers who spent more."""
    places: dict[Decimal, int] = {}  # how many spent more
    for place, amount in enumerate(sorted(spend.values(), reverse=True)):
        places.setdefault(amount, place)
    others = max(len(spend) - 1, 1)
    return {customer: Fraction(places[amount], others) for customer, amount in spend.items()}


def _stands_out(amount: Decimal, buyers: dict[Id, Decimal], share: Fraction) -> bool:
    """Whether a spend is nobody else's, or not too many have as much or more."""
    if sum(each == amount for each in buyers.values()) == 1:
        return True
    return sum(each >= amount for each in buyers.values()) <= 2 * share * len(buyers)


def _preferred(lines: Sequence[Line], name: Callable[[Line], str]) -> str | None:
    """Return the name with most orders, then the highest amount, then the first by name."""
    groups = {key: of for key, of in grouped(lines, name).items() if _orders(of)}
    ranked = sorted(groups, key=lambda key: (-_orders(groups[key]), -_total(groups[key]), key))
    return ranked[0] if ranked else None


def _customer_360(
    gold: Gold, lines: Sequence[Line], segments: Sequence[Row], timeline: Sequence[Row]
) -> list[Row]:
    lines_of = grouped(lines, lambda line: line.customer_id)
    accounts_of = grouped(gold["dim_loyalty_accounts"], lambda row: row["customer_id"])
    contacts_of = grouped(gold["fct_service_interactions"], lambda row: row["customer_id"])
    touches_of = grouped(timeline, lambda row: row["customer_id"])
    segment_of = _by_key(segments, "customer_id")
    events = event_times(gold, plausible=True)
    newest = gold.options.recency_date or max((event.date() for event in events), default=None)

    rows: list[Row] = []
    for customer in _customers(gold):
        customer_id = customer["customer_id"]
        bought = lines_of.get(customer_id, [])
        online = [line for line in bought if line.channel == "online"]
        in_store = [line for line in bought if line.channel == "in_store"]
        refunds = [line for line in bought if line.is_refund]
        times = [line.at for line in bought if line.time_is_plausible and not line.is_refund]
        accounts = accounts_of.get(customer_id, [])
        contacts = contacts_of.get(customer_id, [])
        resolved = _resolved(contacts)
        last_purchase_at = max(times, default=None)
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
                "total_orders": _orders(bought),
                "total_spend": _total(bought),
                "average_order_value": _average(bought),
                "refunds": len(refunds),
                "refunded_amount": abs(_total(refunds)),
                "first_purchase_at": min(times, default=None),
                "last_purchase_at": last_purchase_at,
                "preferred_channel": _preferred(bought, lambda line: line.channel),
                "preferred_category": _preferred(online, lambda line: line.place),
                "preferred_store": _preferred(in_store, lambda line: line.place),
                "preferred_payment_method": _preferred(bought, lambda line: line.payment_method),
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


def _spending(prefix: str, lines: Sequence[Line]) -> Row:
    return {
        f"{prefix}orders": _orders(lines),
        f"{prefix}spend": _total(lines),
        f"{prefix}average_order_value": _average(lines),
    }


def _points(accounts: Sequence[Row]) -> int | None:
    return sum(account["points_earned"] or 0 for account in accounts) if accounts else None


def _score(rows: Sequence[Row]) -> None:
    """Add the quintiles of the customers with a purchase: 5 is best, ties by customer_id."""
    buyers = [row for row in rows if row["total_orders"]]
    dated = [row for row in rows if row["recency_days"] is not None]

    def quintiles(ranked: Sequence[Row], worst_first: Callable[[Row], Any]) -> dict[Id, int]:
        ordered = sorted(ranked, key=lambda row: (worst_first(row), row["customer_id"]))
        return ntile([row["customer_id"] for row in ordered])

    scores = {
        "recency_score": quintiles(dated, lambda row: -row["recency_days"]),
        "frequency_score": quintiles(buyers, lambda row: row["total_orders"]),
        "monetary_score": quintiles(buyers, lambda row: row["total_spend"]),
    }
    for row in rows:
        row.update({name: score.get(row["customer_id"]) for name, score in scores.items()})


def _orders_of(gold: Gold, channel: Channel) -> list[list[Row]]:
    """Return the lines of each order, in their order."""
    lines = sorted(gold[channel.relation], key=lambda row: row["line_number"])
    return list(grouped(lines, lambda row: row[channel.key]).values())


def _customer_timeline(gold: Gold) -> list[Row]:
    accounts = _by_key(gold["dim_loyalty_accounts"], "loyalty_id")
    nobody = gold.unknown("customers")
    rows: list[Row] = []

    def add(customer_id: Id, occurred_at: datetime, touchpoint: str, **event: Any) -> None:
        if customer_id != nobody:
            event["reference_id"] = _reference_id(gold, event["reference_id"], *FACTS.values())
            about = {"occurred_at": occurred_at, "touchpoint": touchpoint}
            rows.append({"customer_id": customer_id, **about, **event})

    for channel in CHANNELS:
        about = _by_key(gold[channel.dimension], channel.product)
        for lines in _orders_of(gold, channel):
            first, others = lines[0], len(lines) - 1
            name = about[first[channel.product]][channel.title]
            add(
                first["customer_id"],
                first[channel.time],
                "online order" if channel.name == "online" else "store purchase",
                event=first.get("status", "Purchase"),
                reference_id=first[channel.key],
                amount=_sum(lines),
                detail=f"{name} and {others} more" if others else name,
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


# --- Persons -----------------------------------------------------------------------------------


def _with_persons(gold: Gold, rows: Sequence[Row]) -> list[Row]:
    """Return rows of customers with the person of each, and all records of that person."""
    person_of = {row["customer_id"]: row["person_id"] for row in gold["customer_persons"]}
    ids_of = {row["person_id"]: row["customer_ids"] for row in gold["dim_persons"]}
    return [
        {
            **row,
            "person_id": person_of[row["customer_id"]],
            "person_customer_ids": ids_of[person_of[row["customer_id"]]],
        }
        for row in rows
    ]


def _of_persons(gold: Gold) -> Tables:
    """Compute what there is of customers over all records of each person."""
    persons = as_persons(gold)
    lines = _lines(persons)
    segments = _customer_segments(persons, lines)
    profiles = _customer_360(persons, lines, segments, _customer_timeline(persons))
    records_of = _by_key(gold["dim_persons"], "person_id")
    return {
        "person_segments": of_persons(segments),
        "person_360": [
            {**row, **{name: records_of[row["person_id"]][name] for name in _RECORDS}}
            for row in of_persons(profiles)
        ],
        "person_aliases": list(gold.identity.aliases),
    }


_RECORDS = ("customer_ids", "customer_records")


# --- Times and service -------------------------------------------------------------------------


def _peak_transaction_times(gold: Gold) -> list[Row]:
    rows: list[Row] = []
    for channel in CHANNELS:
        orders = [of for of in _orders_of(gold, channel) if of[0]["time_is_plausible"]]
        hours: dict[tuple[int, int], list[list[Row]]] = defaultdict(list)
        for lines in orders:
            at = lines[0][channel.time]
            hours[at.weekday(), at.hour].append(lines)
        for (weekday, hour), at_hour in hours.items():
            busier = sum(len(others) > len(at_hour) for others in hours.values())
            rows.append(
                {
                    "channel": channel.name,
                    "day_of_week": DAY_NAMES[weekday],
                    "day_of_week_number": weekday + 1,
                    "hour_of_day": hour,
                    "total_transactions": len(at_hour),
                    "total_amount": sum(map(_sum, at_hour), NOTHING),
                    "transaction_share": ratio(len(at_hour), len(orders), 6),
                    "peak_rank": busier + 1,
                }
            )
    return rows


def _resolved(contacts: Iterable[Row]) -> int:
    return sum(contact["resolution_status"] == RESOLVED for contact in contacts)


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
    nobody = gold.unknown("agents")
    return [
        {
            **{name: agent[name] for name in described},
            **_service(contacts_of.get(agent["agent_id"], [])),
        }
        for agent in gold["dim_agents"]
        if agent["agent_id"] != nobody or nobody in contacts_of
    ]


def _service_by_issue_type(gold: Gold) -> list[Row]:
    by_issue = grouped(gold["fct_service_interactions"], lambda row: row["issue_type"])
    return [{"issue_type": issue, **_service(contacts)} for issue, contacts in by_issue.items()]


# --- What a reader should know -----------------------------------------------------------------

_UNKNOWN_MEMBERS = {  # note, the dimension's entity, its key, and the relations that point to it
    "unknown customers": (
        "customers",
        "customer_id",
        (
            "fct_online_transactions",
            "fct_in_store_transactions",
            "fct_service_interactions",
            "dim_loyalty_accounts",
        ),
    ),
    "unknown products": ("products", "product_id", ("fct_online_transactions",)),
    "unknown stores": ("stores", "store_id", ("fct_in_store_transactions",)),
    "unknown agents": ("agents", "agent_id", ("fct_service_interactions",)),
    "unknown accounts": ("loyalty_accounts", "loyalty_id", ("fct_loyalty_transactions",)),
}
_LISTED = {
    ("unlisted status", "fct_online_transactions", "status"),
    ("unlisted payment method", "fct_online_transactions", "payment_method"),
    ("unlisted payment method", "fct_in_store_transactions", "payment_method"),
    ("unlisted resolution status", "fct_service_interactions", "resolution_status"),
    ("unlisted tier", "dim_loyalty_accounts", "tier_level"),
}


def _data_notes(gold: Gold) -> list[Row]:
    silver = gold.silver
    notes: list[Row] = []

    def note(name: str, entity: str, rows: int, **more: Any) -> None:
        if rows or name == "absent entity":
            about = {"note": name, "entity": entity, "rows": rows}
            notes.append({**about, "amount": None, "detail": None, **more})

    for name, (entity, key, relations) in _UNKNOWN_MEMBERS.items():
        for relation in relations:
            nobodys = [
                row for row in _rows_that_came(gold, relation) if row[key] == gold.unknown(entity)
            ]
            note(name, _entity(relation), len(nobodys), amount=_revenue(nobodys))
    for name, relation, column in _LISTED:
        listed = {*gold.options.seeds.canonical.get(column, ()), "Unknown", None}
        unlisted = [row for row in _rows_that_came(gold, relation) if row[column] not in listed]
        note(name, _entity(relation), len(unlisted), amount=_revenue(unlisted))
    for (entity, reason), count in Counter(
        (row["entity"], row["reason"]) for row in silver.rejected
    ).items():
        note("rejected rows", entity, count, detail=reason)
    for row in silver.superseded:
        note("superseded rows", row["entity"], row["row_count"], detail=row["reason"])
    for relation in EVENT_TIMES:
        rows = [row for row in gold[relation] if not row["time_is_plausible"]]
        note("implausible times", _entity(relation), len(rows), amount=_revenue(rows))
    for (entity, column), of in grouped(
        silver.unreadable, lambda row: (row["entity"], row["column_name"])
    ).items():
        note("unreadable values", entity, sum(row["row_count"] for row in of), detail=column)
    for entity in ENTITIES:
        if entity not in silver.arrived:
            note("absent entity", entity, 0)
    return notes


def _rows_that_came(gold: Gold, relation: str) -> list[Row]:
    """Return a relation's rows without the unknown member, which came from nowhere."""
    return [row for row in gold[relation] if row["_batch_id"] is not None]


def _revenue(rows: Sequence[Row]) -> Decimal | None:
    """Return what of the rows' amounts counts, None where rows have no amounts."""
    if any("amount" not in row for row in rows):
        return None
    return _sum(row for row in rows if row.get("counts_as_revenue", True))


def _entity(relation: str) -> str:
    return FACTS.get(relation, "loyalty_accounts")
