"""What the report says: the questions to the marts, and their answers ready for JSON.

Every question is SQL that both DuckDB and T-SQL take; {marts} is the schema that the marts are in.
Whole numbers and amounts become text, since JavaScript's numbers would not hold all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter, methodcaller
from typing import Any

from warehouse.dbt_run import Query

CUSTOMERS_KEPT = 5000  # in a page, the most valuable ones; with more it would be slow to open
EVENTS_KEPT = 50  # of each of those customers, newest first
MEMBERS_KEPT = 10  # of each dimension, highest revenue first
MONTHS_KEPT = 36  # newest first
AGENTS_KEPT = 200  # most contacts first

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

# Each table of the report: its columns, and the question that gives its rows.
QUESTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "channels": (
        ("member", "total_orders", "total_amount", "average_order_value"),
        """
        select member, total_orders, total_amount, average_order_value
        from {marts}.average_order_value
        where dimension in ('channel', 'all')
        order by dimension desc, member
        """,
    ),
    "members": (
        ("dimension", "member", "total_orders", "total_amount", "average_order_value", "members"),
        f"""
        select dimension, member, total_orders, total_amount, average_order_value, members
        from (
            select
                dimension,
                member,
                total_orders,
                total_amount,
                average_order_value,
                count(*) over (partition by dimension) as members,
                row_number() over (
                    partition by dimension order by total_amount desc, member, total_orders
                ) as place
            from {{marts}}.average_order_value
            where dimension in ('product', 'category', 'location')
        ) as ranked
        where place <= {MEMBERS_KEPT}
        order by dimension, place
        """,
    ),
    "months": (
        ("year", "month", "channel", "purchases", "revenue"),
        """
        select
            year(purchased_at) as year_number,
            month(purchased_at) as month_number,
            channel,
            count(case when amount >= 0 and has_one_line = 1 then 1 end)
            + count(distinct case when amount >= 0 and has_one_line = 0 then reference_id end)
            as purchases,
            sum(amount) as revenue
        from {marts}.purchases
        where time_is_plausible = 1
        group by year(purchased_at), month(purchased_at), channel
        order by year_number, month_number, channel
        """,
    ),
    "segments": (
        ("segment", "customers", "spend"),
        """
        select segment, count(*) as customers, sum(total_spend) as spend
        from {marts}.customer_segments
        group by segment
        order by spend desc, segment
        """,
    ),
    "tiers": (
        ("tier_level", "customers", "spend"),
        """
        select tier_level, count(*) as customers, sum(total_spend) as spend
        from {marts}.customer_segments
        group by tier_level
        order by spend desc, tier_level
        """,
    ),
    "hours": (
        (
            "channel",
            "day_of_week",
            "day_of_week_number",
            "hour_of_day",
            "total_transactions",
            "total_amount",
            "transaction_share",
            "peak_rank",
        ),
        """
        select
            channel,
            day_of_week,
            day_of_week_number,
            hour_of_day,
            total_transactions,
            total_amount,
            transaction_share,
            peak_rank
        from {marts}.peak_transaction_times
        order by channel, peak_rank, day_of_week_number, hour_of_day
        """,
    ),
    "service": (
        ("contacts", "resolved"),
        """
        select sum(total_interactions) as contacts, sum(resolved_interactions) as resolved
        from {marts}.service_by_issue_type
        """,
    ),
    "agents": (
        (
            "agent_id",
            "agent_name",
            "department",
            "shift",
            "total_interactions",
            "resolved_interactions",
            "resolution_rate",
            "agents",
        ),
        f"""
        select
            agent_id,
            agent_name,
            department,
            shift,
            total_interactions,
            resolved_interactions,
            resolution_rate,
            count(*) over () as agents
        from {{marts}}.agent_performance
        order by total_interactions desc, agent_id
        offset 0 rows fetch next {AGENTS_KEPT} rows only
        """,
    ),
    "issues": (
        ("issue_type", "total_interactions", "resolved_interactions", "resolution_rate"),
        """
        select issue_type, total_interactions, resolved_interactions, resolution_rate
        from {marts}.service_by_issue_type
        order by total_interactions desc, issue_type
        """,
    ),
    "rows": (
        ("entity", "bronze_rows", "rejected_rows", "superseded_rows", "silver_rows"),
        """
        select entity, bronze_rows, rejected_rows, superseded_rows, silver_rows
        from silver.row_reconciliation
        order by entity
        """,
    ),
    "notes": (
        ("note", "entity", "rows", "amount", "detail"),
        """
        select note, entity, "rows", amount, detail
        from {marts}.data_notes
        order by note, "rows" desc, entity, detail
        """,
    ),
}

_CUSTOMERS = (
    "select {columns} from {marts}.customer_360 order by "
    + MOST_VALUABLE_FIRST.format(purchases="total_orders")
    + " offset 0 rows fetch next {kept} rows only"
)

_EVENTS = f"""
    select customer_id, events, {", ".join(EVENT_COLUMNS)}
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


@dataclass(frozen=True)
class Content:
    """What one page says: tables by name, and the customers that its finder knows by itself."""

    version: str
    personal_data: bool
    tables: dict[str, Any]
    customers: dict[str, Any] | None = None


def read(
    query: Query,
    *,
    version: str,
    marts: str,
    personal_data: bool,
    kept: int = CUSTOMERS_KEPT,
    events: int = EVENTS_KEPT,
) -> Content:
    """Ask the marts for all that a page says.

    Without `personal_data` no name, e-mail or postal address is even read. The page finds the
    `kept` most valuable customers by itself, each with its newest `events`; with none kept, it
    has to ask a server.
    """
    tables = {
        name: table(columns, query(sql.format(marts=marts)))
        for name, (columns, sql) in QUESTIONS.items()
    }
    months = tables["months"]["rows"]
    newest = list(dict.fromkeys((year, month) for year, month, *_ in months))[-MONTHS_KEPT:]
    tables["months"]["rows"] = [row for row in months if (row[0], row[1]) in newest]
    tables["months"]["cut"] = len(tables["months"]["rows"]) < len(months)
    if not personal_data:
        for row in tables["agents"]["rows"]:
            row[1] = None
    return Content(
        version,
        personal_data,
        tables,
        _customers(query, marts, personal_data, kept, events) if kept else None,
    )


def customer_columns(personal_data: bool) -> list[str]:
    """Return the columns of customer_360 that may be shown."""
    return [name for name in CUSTOMER_COLUMNS if personal_data or name not in PERSONAL_DATA]


def table(columns: tuple[str, ...] | list[str], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Return rows with the names of their columns, ready for JSON."""
    return {"columns": list(columns), "rows": [[plain(value) for value in row] for row in rows]}


def plain(value: Any) -> Any:
    """Return a value as JSON takes it without losing any of it; called for millions of them."""
    write = _WRITTEN.get(type(value))
    return write(value) if write else value


_WRITTEN: dict[type, Callable[[Any], str]] = {
    datetime: methodcaller("isoformat", " ", "seconds"),
    date: str,
    int: str,
    Decimal: str,
}


def _event(
    occurred_at: datetime,
    touchpoint: str,
    event: str,
    reference_id: int | str,
    amount: Decimal | None,
    detail: str,
) -> tuple[str | None, ...]:
    """Return an event as `plain` would, value by value; there are hundreds of thousands."""
    when = occurred_at.isoformat(" ", "seconds")
    written = None if amount is None else str(amount)
    return when, touchpoint, event, str(reference_id), written, detail


def _customers(
    query: Query, marts: str, personal_data: bool, kept: int, events: int
) -> dict[str, Any]:
    columns = customer_columns(personal_data)
    sql = _CUSTOMERS.format(columns=", ".join(columns), marts=marts, kept=kept)
    timelines: dict[str, Any] = {}
    rows = query(_EVENTS.format(marts=marts, kept=kept, events=events))
    for (customer_id, count), group in groupby(rows, key=itemgetter(0, 1)):
        timelines[str(customer_id)] = {"count": count, "rows": [_event(*row[2:]) for row in group]}
    return {**table(columns, query(sql)), "events": timelines}
