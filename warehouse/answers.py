"""What the marts say of the business as a whole: every question to them, each asked once.

The summary of a run, Prefect's artifacts and the report all tell of these answers. A question is
SQL that both DuckDB and T-SQL take; {marts} is the schema that the marts are in. What can be made
of the rows of an answer, such as the sums by segment, is no question of its own: most of them pass
over all facts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from warehouse.connection import Query, read_only

MEMBERS_KEPT = 10  # of each dimension, highest revenue first
BEST_CUSTOMERS_KEPT = 5
DUPLICATES_KEPT = 20  # the most probable ones


class EntityCounts(NamedTuple):
    """What arrived of one entity in all batches, and what became of it."""

    entity: str
    bronze: int
    rejected: int
    superseded: int
    published: int


class Average(NamedTuple):
    """What an order is worth in one member of a dimension; `members` are all that it has."""

    dimension: str
    member: str
    total_orders: int
    total_amount: Decimal
    average_order_value: Decimal | None
    members: int


class Month(NamedTuple):
    """The revenue of a channel in a month."""

    year: int
    month: int
    channel: str
    purchases: int
    revenue: Decimal


class Segment(NamedTuple):
    """The customers who are in a segment and of a tier."""

    segment: str
    tier_level: str | None
    customers: int
    spend: Decimal


class BestCustomer(NamedTuple):
    """One of the customers who spent most."""

    customer_id: int | str
    total_spend: Decimal
    purchase_frequency: int
    tier_level: str | None
    segment: str


class Persons(NamedTuple):
    """Who the customers are: persons of several records, and pairs that may be one person.

    Of the first, how many customers they are and what they spent; of the pairs, how many customers
    are in any, each counted once, and what these spent.
    """

    persons: int
    several: int
    several_customers: int
    several_spend: Decimal
    pairs: int
    pairs_customers: int
    pairs_spend: Decimal


class Duplicate(NamedTuple):
    """Two customers who may be one person, which somebody is to decide."""

    customer_id: int | str
    other_customer_id: int | str
    probability: float
    reasons: str
    customer_name: str
    other_customer_name: str
    email: str
    other_email: str
    address: str
    other_address: str
    total_spend: Decimal


class Hour(NamedTuple):
    """How busy a channel is in an hour of a weekday."""

    channel: str
    day_of_week: str
    day_of_week_number: int
    hour_of_day: int
    total_transactions: int
    total_amount: Decimal
    transaction_share: Decimal
    peak_rank: int


class Agent(NamedTuple):
    """What a service agent did."""

    agent_id: int | str
    agent_name: str
    department: str
    shift: str
    total_interactions: int
    resolved_interactions: int
    resolution_rate: Decimal


class Issue(NamedTuple):
    """What became of the service contacts of one type."""

    issue_type: str
    total_interactions: int
    resolved_interactions: int
    resolution_rate: Decimal | None


class Note(NamedTuple):
    """What a reader of the answers should know."""

    note: str
    entity: str
    rows: int
    amount: Decimal | None
    detail: str | None


@dataclass(frozen=True)
class Answers:
    """All answers of one version, each in the order of its question."""

    counts: list[EntityCounts]
    averages: list[Average]
    months: list[Month]
    segments: list[Segment]
    best_customers: list[BestCustomer]
    persons: list[Persons]  # one row
    duplicates: list[Duplicate]
    hours: list[Hour]
    agents: list[Agent]
    issues: list[Issue]
    notes: list[Note]

    def averages_of(self, *dimensions: str) -> list[Average]:
        """Return the rows of those dimensions, in the order in which they are named."""
        return [
            average
            for dimension in dimensions
            for average in self.averages
            if average.dimension == dimension
        ]

    def spend_by(
        self, attribute: Literal["segment", "tier_level"]
    ) -> list[tuple[str | None, int, Decimal]]:
        """Return customers and spend of each segment or tier, highest spend first."""
        customers: Counter[str | None] = Counter()
        spend: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        for row in self.segments:
            member = getattr(row, attribute)
            customers[member] += row.customers
            spend[member] += row.spend
        return sorted(
            ((member, count, spend[member]) for member, count in customers.items()),
            key=lambda row: (-row[2], row[0] is None, row[0] or ""),
        )


# Of each answer, what a row of it is and the question.
QUESTIONS: dict[str, tuple[type[tuple[Any, ...]], str]] = {
    "counts": (
        EntityCounts,
        """
        select entity, bronze_rows, rejected_rows, superseded_rows, silver_rows
        from silver.row_reconciliation
        order by entity
        """,
    ),
    # The channels are few, and go by name.
    "averages": (
        Average,
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
        ) as ranked
        where place <= {MEMBERS_KEPT}
        order by dimension, case when dimension = 'channel' then member end, place
        """,
    ),
    "months": (
        Month,
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
        Segment,
        """
        select segment, tier_level, count(*) as customers, sum(total_spend) as spend
        from {marts}.customer_segments
        group by segment, tier_level
        order by segment, coalesce(tier_level, '')
        """,
    ),
    "best_customers": (
        BestCustomer,
        f"""
        select customer_id, total_spend, purchase_frequency, tier_level, segment
        from {{marts}}.customer_segments
        where purchase_frequency > 0
        order by total_spend desc, customer_id
        offset 0 rows fetch next {BEST_CUSTOMERS_KEPT} rows only
        """,
    ),
    "persons": (
        Persons,
        """
        select persons, several, several_customers, several_spend, pairs, customers, spend
        from (
            select
                count(*) as persons,
                count(case when customer_records > 1 then 1 end) as several,
                coalesce(sum(case when customer_records > 1 then customer_records end), 0)
                as several_customers,
                coalesce(sum(case when customer_records > 1 then total_spend end), 0)
                as several_spend
            from {marts}.person_360
        ) as found
        cross join (select count(*) as pairs from {marts}.possible_duplicates) as waiting
        cross join (
            select count(*) as customers, coalesce(sum(total_spend), 0) as spend
            from {marts}.customer_segments
            where
                customer_id in (select customer_id from {marts}.possible_duplicates)
                or customer_id in (select other_customer_id from {marts}.possible_duplicates)
        ) as concerned
        """,
    ),
    "duplicates": (
        Duplicate,
        f"""
        select
            customer_id,
            other_customer_id,
            probability,
            reasons,
            customer_name,
            other_customer_name,
            email,
            other_email,
            address,
            other_address,
            total_spend
        from {{marts}}.possible_duplicates
        where pair_rank <= {DUPLICATES_KEPT}
        order by pair_rank
        """,
    ),
    "hours": (
        Hour,
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
    "agents": (
        Agent,
        """
        select
            agent_id,
            agent_name,
            department,
            shift,
            total_interactions,
            resolved_interactions,
            resolution_rate
        from {marts}.agent_performance
        order by total_interactions desc, agent_id
        """,
    ),
    "issues": (
        Issue,
        """
        select issue_type, total_interactions, resolved_interactions, resolution_rate
        from {marts}.service_by_issue_type
        order by total_interactions desc, issue_type
        """,
    ),
    "notes": (
        Note,
        """
        select note, entity, "rows", amount, detail
        from {marts}.data_notes
        order by note, "rows" desc, entity, detail
        """,
    ),
}


def ask(query: Query, marts: str, without: Collection[str] = ()) -> Answers:
    """Ask everything of the marts in that schema; what is left out has no rows."""
    return Answers(
        **{name: [] if name in without else _answer(query, name, marts) for name in QUESTIONS}
    )


def read_answers(warehouse: Path, without: Collection[str] = ()) -> Answers:
    """Ask everything of a DuckDB warehouse, read-only; what is left out has no rows."""
    with read_only(warehouse) as connection:
        return ask(lambda sql: connection.execute(sql).fetchall(), marts="marts", without=without)


def read_counts(query: Query) -> list[EntityCounts]:
    """Return each entity's rows: arrived, rejected, superseded, in silver."""
    return _answer(query, "counts", marts="")


def _answer(query: Query, name: str, marts: str) -> list[Any]:
    row, sql = QUESTIONS[name]
    return [row(*values) for values in query(sql.format(marts=marts))]
