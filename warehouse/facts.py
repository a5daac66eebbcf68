"""The rows of gold that numbers are counted and summed over, each with where it is in silver.

They are SQL that both DuckDB and T-SQL take; {gold} is the schema that gold is in. Every kind of
facts is a select of its own, with the columns that measures (models/marts/_metrics.yml) and the
conditions of the marts (`explained` in models/marts/_marts__models.yml) name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """One kind of facts: a relation of gold, the entity of silver that it is made from.

    `key` has for each column of silver's key the expression that has it in gold; `columns` what can
    be shown and asked for. `counted` is which of the rows the measures are of; the others are left
    out for the reason that `why_not` says (a SQL expression). A rejected row is known to be about
    the same by the columns that staging has as well (`staged`), and others (`staged_columns`).
    """

    entity: str
    relation: str
    key: Mapping[str, str]
    columns: Mapping[str, str]
    joins: str = ""
    counted: str = "1 = 1"
    why_not: str = ""
    staged: tuple[str, ...] = ()
    staged_columns: Mapping[str, str] = field(default_factory=dict)
    staged_joins: str = ""

    def select(self) -> str:
        """Return the select of all rows."""
        columns = {f"silver_{name}": sql for name, sql in self.key.items()} | dict(self.columns)
        listed = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
        return f"select {listed} from {{gold}}.{self.relation} as f{self.joins}"


_ORDER_LINES = {
    "channel": "'online'",
    "reference_id": "cast(f.order_id as varchar(64))",
    "line_number": "f.line_number",
    "customer_id": "f.customer_id",
    "occurred_at": "f.ordered_at",
    "time_is_plausible": "f.time_is_plausible",
    "amount": "f.amount",
    "payment_method": "f.payment_method",
    "status": "f.status",
    "counts_as_revenue": "f.counts_as_revenue",
    "product_id": "f.product_id",
    "product_name": "d.product_name",
    "category": "d.category",
}
_STORE_LINES = {
    "channel": "'in_store'",
    "reference_id": "cast(f.transaction_id as varchar(64))",
    "line_number": "f.line_number",
    "customer_id": "f.customer_id",
    "occurred_at": "f.purchased_at",
    "time_is_plausible": "f.time_is_plausible",
    "amount": "f.amount",
    "payment_method": "f.payment_method",
    "store_id": "f.store_id",
    "location": "d.location",
}
_PRODUCTS = " {join} join {{gold}}.dim_products as d on f.product_id = d.product_id"
_STORES = " {join} join {{gold}}.dim_stores as d on f.store_id = d.store_id"


def _first_line(time: str) -> dict[str, str]:
    """Return what tells when a transaction took place, which its first line says."""
    return {
        "first_is_plausible": "first_line.time_is_plausible",
        "first_date_key": "first_line.date_key",
        "first_hour": f"cast(substring(cast(first_line.{time} as varchar(30)), 12, 2) as integer)",
    }


ORDER_LINES = Facts(
    entity="online_transactions",
    relation="fct_online_transactions",
    key={"order_id": "f.order_id", "line_number": "f.line_number"},
    columns=_ORDER_LINES,
    joins=_PRODUCTS.format(join="inner"),
    counted="counts_as_revenue = 1",
    why_not="concat('no revenue: its status is ', status)",
    staged=("customer_id", "product_id"),
    staged_columns={n: _ORDER_LINES[n] for n in ("channel", "product_name", "category")},
    staged_joins=_PRODUCTS.format(join="left"),
)
STORE_LINES = Facts(
    entity="in_store_transactions",
    relation="fct_in_store_transactions",
    key={"transaction_id": "f.transaction_id", "line_number": "f.line_number"},
    columns=_STORE_LINES,
    joins=_STORES.format(join="inner"),
    staged=("customer_id", "store_id"),
    staged_columns={name: _STORE_LINES[name] for name in ("channel", "location")},
    staged_joins=_STORES.format(join="left"),
)
# Whatever became of them, at the time of their first line.
ORDERS = Facts(
    entity=ORDER_LINES.entity,
    relation=ORDER_LINES.relation,
    key=ORDER_LINES.key,
    columns=_ORDER_LINES | _first_line("ordered_at"),
    joins=ORDER_LINES.joins
    + " inner join {gold}.fct_online_transactions as first_line"
    + " on f.order_id = first_line.order_id and first_line.line_number = 1",
)
VISITS = Facts(
    entity=STORE_LINES.entity,
    relation=STORE_LINES.relation,
    key=STORE_LINES.key,
    columns=_STORE_LINES | _first_line("purchased_at"),
    joins=STORE_LINES.joins
    + " inner join {gold}.fct_in_store_transactions as first_line"
    + " on f.transaction_id = first_line.transaction_id and first_line.line_number = 1",
)
CONTACTS = Facts(
    entity="customer_service_interactions",
    relation="fct_service_interactions",
    key={"interaction_id": "f.interaction_id"},
    columns={
        "reference_id": "cast(f.interaction_id as varchar(64))",
        "customer_id": "f.customer_id",
        "agent_id": "f.agent_id",
        "occurred_at": "f.interacted_at",
        "time_is_plausible": "f.time_is_plausible",
        "issue_type": "f.issue_type",
        "resolution_status": "f.resolution_status",
        "is_resolved": "f.is_resolved",
    },
    staged=("customer_id", "agent_id", "issue_type"),
)
ACCOUNTS = Facts(
    entity="loyalty_accounts",
    relation="dim_loyalty_accounts",
    key={"loyalty_id": "f.loyalty_id"},
    columns={
        "reference_id": "cast(f.loyalty_id as varchar(64))",
        "customer_id": "f.customer_id",
        "points_earned": "f.points_earned",
        "tier_level": "f.tier_level",
        "join_date": "f.join_date",
    },
    counted="reference_id <> '-1'",
    why_not="'it stands for accounts that nobody knows'",
    staged=("customer_id",),
)
POINTS = Facts(
    entity="loyalty_transactions",
    relation="fct_loyalty_transactions",
    key={
        "loyalty_id": "f.source_loyalty_id",
        "transacted_at": "f.transacted_at",
        "line_number": "f.line_number",
    },
    columns={
        "reference_id": "cast(f.loyalty_id as varchar(64))",
        "loyalty_id": "f.loyalty_id",
        "customer_id": "d.customer_id",
        "occurred_at": "f.transacted_at",
        "time_is_plausible": "f.time_is_plausible",
        "points_change": "f.points_change",
        "reason": "f.reason",
    },
    joins=" inner join {gold}.dim_loyalty_accounts as d on f.loyalty_id = d.loyalty_id",
)
CUSTOMERS = Facts(
    entity="customers",
    relation="dim_customers",
    key={"customer_id": "f.customer_id"},
    columns={
        "customer_id": "f.customer_id",
        "person_id": "p.person_id",
        "segment": "s.segment",
        "tier_level": "s.tier_level",
        "total_spend": "s.total_spend",
        "purchase_frequency": "s.purchase_frequency",
    },
    joins=" inner join {marts}.customer_segments as s on f.customer_id = s.customer_id"
    + " left join {gold}.customer_persons as p on f.customer_id = p.customer_id",
    staged=("customer_id",),
)

# The facts of each semantic model of models/marts/_metrics.yml.
OF_MODEL: dict[str, tuple[Facts, ...]] = {
    "purchases": (ORDER_LINES, STORE_LINES),
    "online_orders": (ORDERS,),
    "store_purchases": (VISITS,),
    "service_contacts": (CONTACTS,),
    "loyalty_accounts": (ACCOUNTS,),
    "points_changes": (POINTS,),
    "customers": (CUSTOMERS,),
}
