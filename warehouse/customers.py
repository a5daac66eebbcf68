"""What the marts say of single customers: profiles, events with the newest first, their persons.

The questions are SQL that both DuckDB and T-SQL take; `marts` is the schema that the marts are in.
"""

from collections.abc import Sequence
from typing import Any

from warehouse.connection import Query

PERSONAL_DATA = ("customer_name", "email", "address")
IDENTITY = ("person_id", "person_customer_ids")

CUSTOMER_COLUMNS = (
    "customer_id",
    *PERSONAL_DATA,
    "online_orders",
    "online_spend",
    "online_average_order_value",
    "in_store_orders",
    "in_store_spend",
    "in_store_average_order_value",
    "total_orders",
    "total_spend",
    "average_order_value",
    "refunds",
    "refunded_amount",
    "first_purchase_at",
    "last_purchase_at",
    "preferred_channel",
    "preferred_category",
    "preferred_store",
    "preferred_payment_method",
    "tier_level",
    "loyalty_accounts",
    "points_balance",
    "interactions",
    "unresolved_interactions",
    "resolution_rate",
    "last_contact_at",
    "segment",
    "recency_days",
    "recency_score",
    "frequency_score",
    "monetary_score",
    "last_touch_at",
    "last_touchpoint",
    *IDENTITY,
)

# What is told of a person beside each of the records, and of a record beside the others.
PERSON_COLUMNS = (
    "person_id",
    *PERSONAL_DATA,
    "customer_records",
    "total_orders",
    "total_spend",
    "average_order_value",
    "refunded_amount",
    "first_purchase_at",
    "last_purchase_at",
    "tier_level",
    "points_balance",
    "interactions",
    "unresolved_interactions",
    "segment",
)
RECORD_COLUMNS = ("customer_id", *PERSONAL_DATA, "total_orders", "total_spend")

EVENT_COLUMNS = ("occurred_at", "touchpoint", "event", "reference_id", "amount", "detail")
NEWEST_EVENT_FIRST = "occurred_at desc, touchpoint, reference_id, event, detail"
MOST_VALUABLE_FIRST = "total_spend desc, {purchases} desc, customer_id"

# Ids of the customers who spent most, and of all who are one person with one of them.
_BEST = f"""
    select customer_id
    from {{marts}}.customer_segments
    order by {MOST_VALUABLE_FIRST.format(purchases="purchase_frequency")}
    offset 0 rows fetch next {{kept}} rows only
"""
_PERSONS_OF_BEST = f"select person_id from {{marts}}.customer_360 where customer_id in ({_BEST})"
_RECORDS_OF_BEST = (
    f"select customer_id from {{marts}}.customer_360 where person_id in ({_PERSONS_OF_BEST})"
)

_MOST_VALUABLE = f"""
    select {{columns}}
    from {{marts}}.customer_360
    where customer_id in ({{ids}})
    order by {MOST_VALUABLE_FIRST.format(purchases="total_orders")}
"""

_PERSONS = f"""
    select {", ".join(PERSON_COLUMNS)}
    from {{marts}}.person_360
    where customer_records > 1 and person_id in ({_PERSONS_OF_BEST})
    order by person_id
"""

# Numbers come as texts, which is what they are needed as: there are hundreds of thousands of rows.
_NEWEST_EVENTS = f"""
    select
        customer_id,
        events,
        occurred_at,
        touchpoint,
        event,
        cast(reference_id as varchar(64)) as reference_text,
        cast(amount as varchar(24)) as amount_text,
        detail
    from (
        select
            customer_id,
            {", ".join(EVENT_COLUMNS)},
            count(*) over (partition by customer_id) as events,
            row_number() over (partition by customer_id order by {NEWEST_EVENT_FIRST}) as place
        from {{marts}}.customer_timeline
        where customer_id in ({{ids}})
    ) as numbered
    where place <= {{events}}
    order by customer_id, place
"""


def customer_columns(personal_data: bool) -> list[str]:
    """Return the columns of customer_360 that may be shown; who is who is personal data too."""
    return [
        name for name in CUSTOMER_COLUMNS if personal_data or name not in PERSONAL_DATA + IDENTITY
    ]


def most_valuable(
    query: Query, marts: str, columns: Sequence[str], kept: int, *, siblings: bool
) -> list[tuple[Any, ...]]:
    """Return those columns of the `kept` customers who spent most.

    With `siblings`, also of the other records of their persons.
    """
    return query(
        _MOST_VALUABLE.format(
            columns=", ".join(columns), marts=marts, ids=_ids(marts, kept, siblings)
        )
    )


def newest_events(
    query: Query, marts: str, kept: int, events: int, *, siblings: bool
) -> list[tuple[Any, ...]]:
    """Return the newest `events` of each of these customers, one customer after the other.

    A row has the customer's id, the number of all events, and EVENT_COLUMNS with reference and
    amount as texts.
    """
    return query(_NEWEST_EVENTS.format(marts=marts, events=events, ids=_ids(marts, kept, siblings)))


def persons_of(query: Query, marts: str, kept: int) -> list[tuple[Any, ...]]:
    """Return PERSON_COLUMNS of those of these customers' persons that have several records."""
    return query(_PERSONS.format(marts=marts, kept=kept))


def _ids(marts: str, kept: int, siblings: bool) -> str:
    return (_RECORDS_OF_BEST if siblings else _BEST).format(marts=marts, kept=kept)
