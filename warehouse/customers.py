"""What the marts say of single customers: profiles, and events with the newest first.

The questions are SQL that both DuckDB and T-SQL take; `marts` is the schema that the marts are in.
"""

from collections.abc import Sequence
from typing import Any

from warehouse.connection import Query

PERSONAL_DATA = ("customer_name", "email", "address")

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
)

EVENT_COLUMNS = ("occurred_at", "touchpoint", "event", "reference_id", "amount", "detail")
NEWEST_EVENT_FIRST = "occurred_at desc, touchpoint, reference_id, event, detail"
MOST_VALUABLE_FIRST = "total_spend desc, {purchases} desc, customer_id"

_MOST_VALUABLE = (
    "select {columns} from {marts}.customer_360 order by "
    + MOST_VALUABLE_FIRST.format(purchases="total_orders")
    + " offset 0 rows fetch next {kept} rows only"
)

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
        where customer_id in (
            select customer_id
            from {{marts}}.customer_segments
            order by {MOST_VALUABLE_FIRST.format(purchases="purchase_frequency")}
            offset 0 rows fetch next {{kept}} rows only
        )
    ) as numbered
    where place <= {{events}}
    order by customer_id, place
"""


def customer_columns(personal_data: bool) -> list[str]:
    """Return the columns of customer_360 that may be shown."""
    return [name for name in CUSTOMER_COLUMNS if personal_data or name not in PERSONAL_DATA]


def most_valuable(
    query: Query, marts: str, columns: Sequence[str], kept: int
) -> list[tuple[Any, ...]]:
    """Return those columns of the `kept` customers who spent most."""
    return query(_MOST_VALUABLE.format(columns=", ".join(columns), marts=marts, kept=kept))


def newest_events(query: Query, marts: str, kept: int, events: int) -> list[tuple[Any, ...]]:
    """Return the newest `events` of each of these customers, one customer after the other.

    A row has the customer's id, the number of all events, and EVENT_COLUMNS with reference and
    amount as texts.
    """
    return query(_NEWEST_EVENTS.format(marts=marts, kept=kept, events=events))
