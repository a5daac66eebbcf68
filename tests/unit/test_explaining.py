"""What a number is made of, over a small warehouse made by hand."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from lake.errors import InputError
from warehouse.definitions import load_definitions
from warehouse.explaining import Explainer, Explanation, _fifth, is_explained
from warehouse.facts import OF_MODEL
from warehouse.origins import Origins, Place, Row

GOLD = """
create schema gold;
create schema marts;
create schema reference;
create table gold.dim_products (product_id bigint, product_name text, category text);
insert into gold.dim_products values
    (1, 'Ball', 'Toys'), (2, 'O''Neil kite', 'Toys'), (3, 'Pen', 'Office');
create table gold.dim_stores (store_id bigint, location text);
insert into gold.dim_stores values (8, 'Oslo');
create table gold.dim_dates (date_key integer, day_of_week_number integer);
insert into gold.dim_dates values (20260105, 1), (20260106, 2);
create table gold.customer_persons (customer_id bigint, person_id text);
insert into gold.customer_persons values (17, 'P17'), (18, 'P17'), (19, 'P19');
create table gold.fct_online_transactions (
    order_id bigint, line_number integer, customer_id bigint, product_id bigint, date_key integer,
    ordered_at timestamp, time_is_plausible boolean, payment_method text, amount decimal(18, 2),
    status text, counts_as_revenue boolean
);
insert into gold.fct_online_transactions values
    (1, 1, 17, 1, 20260105, '2026-01-05 09:30:00', true, 'Cash', 10.10, 'Completed', true),
    (1, 2, 17, 3, 20260105, '2026-01-05 09:30:00', true, 'Cash', 0.20, 'Completed', true),
    (2, 1, 17, 2, 20260106, '2026-01-06 20:00:00', true, 'Card', 99.99, 'Cancelled', false),
    (3, 1, 17, 1, 20260106, '2026-01-06 20:59:59', true, 'Card', -4.00, 'Completed', true),
    (4, 1, 18, 2, 20260106, '2026-01-06 20:10:00', true, 'Card', 5.00, 'Completed', true),
    (5, 1, -1, 1, 20260105, '1970-01-01 00:00:00', false, 'Card', 1.00, 'Completed', true);
create table gold.fct_in_store_transactions (
    transaction_id bigint, line_number integer, customer_id bigint, store_id bigint,
    date_key integer, purchased_at timestamp, time_is_plausible boolean,
    amount decimal(18, 2), payment_method text
);
insert into gold.fct_in_store_transactions values
    (1, 1, 17, 8, 20260106, '2026-01-06 12:00:00', true, 7.30, 'Cash');
create table gold.fct_service_interactions (
    interaction_id bigint, customer_id bigint, agent_id bigint, interacted_at timestamp,
    time_is_plausible boolean, issue_type text, resolution_status text, is_resolved boolean
);
insert into gold.fct_service_interactions values
    (1, 17, 3, '2026-01-07 08:00:00', true, 'Late', 'Resolved', true),
    (2, 17, 3, '2026-01-08 08:00:00', true, 'Late', 'Pending', false),
    (3, 18, 3, '2026-01-10 08:00:00', true, 'Late', 'Resolved', true);
create table gold.dim_loyalty_accounts (
    loyalty_id bigint, customer_id bigint, points_earned bigint, tier_level text, join_date date
);
create table gold.fct_loyalty_transactions (
    loyalty_id bigint, source_loyalty_id bigint, transacted_at timestamp, line_number integer,
    time_is_plausible boolean, points_change bigint, reason text
);
"""


class Nowhere(Origins):
    """Nothing of silver is there: what gold is made of is not asked for here."""

    def __init__(self, personal_data: bool = True) -> None:
        self.personal_data = personal_data

    def counted(self, entity: str, keys: Sequence[Row]) -> list[Row | None]:
        return [None] * len(keys)

    def superseded(self, entity: str, keys: Sequence[Row]) -> list[Row]:
        return []

    def staged(self, *_: Any) -> tuple[str, str]:
        return "nothing", "nothing"

    def staged_rows(self, *_: Any) -> list[Row]:
        return []

    def lines(self, places: Any) -> dict[Place, Place]:
        return {}


def mart(connection: duckdb.DuckDBPyConnection, name: str, *rows: dict[str, Any]) -> None:
    """Make a mart with the columns that the YAML lists, of which rows say some."""
    columns = load_definitions().marts[name].columns.values()
    types = {
        column.name: re.sub(r"key\(.*\)", "bigint", column.type).replace(
            "timestamp(6)", "timestamp"
        )
        for column in columns
    }
    listed = ", ".join(f'"{column}" {type_}' for column, type_ in types.items())
    connection.execute(f"create table marts.{name} ({listed})")
    for row in rows:
        assert row.keys() <= types.keys()
        connection.execute(
            f"insert into marts.{name} ({', '.join(row)}) values ({', '.join('?' * len(row))})",
            list(row.values()),
        )


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(GOLD)
    return connection


def explain(
    connection: duckdb.DuckDBPyConnection, name: str, column: str | None = None, **where: object
) -> tuple[Explainer, Explanation]:
    explainer = Explainer(
        lambda sql: connection.execute(sql).fetchall(), load_definitions(), Nowhere()
    )
    return explainer, explainer.explain(name, column, {k: str(v) for k, v in where.items()})


def added(explainer: Explainer, explained: Explanation) -> list[tuple[Any, ...]]:
    """Return what each row adds: its number, its line, and to what."""
    return [
        (row.gold["reference_id"], row.gold.get("line_number"), row.counts_as)
        for row in explainer.look(explained, 0, 100).rows
    ]


def test_a_customers_spend_is_the_sum_of_the_lines_that_count(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    mart(connection, "customer_360", {"customer_id": 17, "total_spend": Decimal("13.60")})
    explainer, explained = explain(connection, "customer_360", "total_spend", customer_id=17)
    assert explained.value == Decimal("13.60")
    assert (explained.computed, explained.adds_up) == (Decimal("13.60"), True)
    assert [(term.label, term.value, term.rows) for term in explained.terms] == [
        ("Total revenue", Decimal("13.60"), 4)
    ]
    assert added(explainer, explained) == [
        ("1", 1, {"Total revenue": Decimal("10.10")}),
        ("1", 2, {"Total revenue": Decimal("0.20")}),
        ("3", 1, {"Total revenue": Decimal("-4.00")}),
        ("1", 1, {"Total revenue": Decimal("7.30")}),
    ]
    (left,) = explainer.look(explained, 0, 10).others
    assert (left.why, left.row["reference_id"]) == ("no revenue: its status is Cancelled", "2")
    assert explained.not_counted == 1


def test_a_number_that_is_not_what_its_rows_come_to_does_not_add_up(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    mart(connection, "customer_360", {"customer_id": 17, "total_spend": Decimal("13.61")})
    _, explained = explain(connection, "customer_360", "total_spend", customer_id=17)
    assert explained.computed == Decimal("13.60")
    assert explained.adds_up is False


def test_orders_are_counted_once_and_a_refund_is_none(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    mart(connection, "customer_360", {"customer_id": 17, "total_orders": 2, "refunds": 1})
    explainer, explained = explain(connection, "customer_360", "total_orders", customer_id=17)
    assert (explained.computed, explained.adds_up) == (2, True)
    assert added(explainer, explained) == [
        ("1", 1, {"Orders": "online 1"}),
        ("1", 2, {"Orders": "online 1"}),
        ("1", 1, {"Orders": "in_store 1"}),
    ]
    reasons = [left.why for left in explainer.look(explained, 0, 10).others]
    assert reasons == ["no revenue: its status is Cancelled", "a refund, which is no order"]
    explainer, explained = explain(connection, "customer_360", "refunds", customer_id=17)
    assert explained.adds_up is True
    assert added(explainer, explained) == [("3", 1, {"Refunds": 1})]


def test_an_average_shows_what_is_divided_by_what(connection: duckdb.DuckDBPyConnection) -> None:
    # 10.10 - 4.00 + 5.00 + 1.00 over three orders is 4.0333…
    mart(
        connection, "aov_by_category", {"category": "Toys", "average_order_value": Decimal("4.03")}
    )
    explainer, explained = explain(connection, "aov_by_category", category="Toys")
    assert explained.column == "average_order_value"
    assert explained.formula == "Total revenue / Orders"
    assert [(term.value, term.rows) for term in explained.terms] == [(Decimal("12.10"), 4), (3, 3)]
    assert (explained.computed, explained.adds_up) == (Decimal("4.03"), True)
    assert added(explainer, explained)[0] == (
        "5", 1, {"Total revenue": Decimal("1.00"), "Orders": "online 5"}
    )  # fmt: skip


def test_a_rate_is_percent_of_the_contacts(connection: duckdb.DuckDBPyConnection) -> None:
    mart(connection, "agent_performance", {"agent_id": 3, "resolution_rate": Decimal("66.67")})
    _, explained = explain(connection, "agent_performance", "resolution_rate", agent_id=3)
    assert explained.formula == "Resolved contacts / Contacts * 100"
    assert [term.value for term in explained.terms] == [2, 3]
    assert (explained.computed, explained.adds_up) == (Decimal("66.67"), True)


def test_a_persons_spend_is_that_of_all_records(connection: duckdb.DuckDBPyConnection) -> None:
    mart(connection, "person_360", {"person_id": "P17", "total_spend": Decimal("18.60")})
    _, explained = explain(connection, "person_360", "total_spend", person_id="P17")
    assert explained.adds_up is True


def test_an_hour_has_the_orders_whose_first_line_is_in_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    hour = {"channel": "online", "day_of_week_number": 2, "hour_of_day": 20}
    said = {"total_transactions": 3, "total_amount": Decimal("100.99")}
    said |= {"transaction_share": Decimal("0.75"), "peak_rank": 1}
    other = hour | {"day_of_week_number": 1, "hour_of_day": 9, "total_transactions": 1}
    mart(connection, "peak_transaction_times", hour | said, other)
    for column in said:
        _, explained = explain(connection, "peak_transaction_times", column, **hour)
        assert explained.adds_up is True, column
    # The order of a time that cannot be true is in no hour, nor in what the share is of.
    _, explained = explain(connection, "peak_transaction_times", "transaction_share", **hour)
    assert [term.value for term in explained.terms if term.value][-1] == 4


def test_a_score_shows_the_neighbours_and_the_bounds_of_its_fifth(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    spends = [("17", "13.60"), ("18", "5.00"), *((str(n), f"{n}.00") for n in range(20, 25))]
    mart(
        connection,
        "customer_totals",
        *(
            {"customer_id": int(n), "total_spend": Decimal(spend), "total_orders": 1}
            for n, spend in spends
        ),
        {"customer_id": 30, "total_spend": Decimal("-1.00"), "total_orders": 0},
    )
    said = {"monetary_score": 1, "recency_days": 4}
    mart(connection, "customer_360", {"customer_id": 17, "total_spend": Decimal("13.60")} | said)
    explainer, explained = explain(connection, "customer_360", "monetary_score", customer_id=17)
    # Seven buyers: fifths of 2, 2, 1, 1, 1. By spend 18 is the first, 17 the second.
    assert explained.position
    assert explained.position.words == (
        "Place 2 of 7 rows of customer_totals by total spend (lowest first), customer id (lowest "
        "first). Group 1 of 5 is places 1 to 2."
    )
    assert [(place, is_it) for place, _, is_it in explained.position.rows] == [
        (1, False), (2, True), (3, False), (4, False), (5, False)
    ]  # fmt: skip
    assert (explained.computed, explained.adds_up) == (1, True)
    assert [term.value for term in explained.terms] == [Decimal("13.60")]
    assert len(added(explainer, explained)) == 4


def test_days_are_counted_to_the_newest_event_of_all(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    mart(connection, "customer_rfm", {"customer_id": 17, "recency_days": 4})
    explainer, explained = explain(connection, "customer_rfm", "recency_days", customer_id=17)
    # The refund at 20:59 is no purchase, so the last is that in the store; the newest event is a
    # contact.
    assert [str(term.value) for term in explained.terms] == [
        "2026-01-06 12:00:00", "2026-01-10 08:00:00"
    ]  # fmt: skip
    assert (explained.computed, explained.adds_up) == (4, True)
    assert [row.entity for row in explainer.look(explained, 0, 10).rows] == [
        "in_store_transactions", "customer_service_interactions"
    ]  # fmt: skip


def test_a_metric_is_asked_for_over_all_data_or_a_month(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute(
        "create view marts.purchases as select 'online' as channel, "
        "cast(order_id as text) as reference_id, amount, ordered_at as purchased_at, "
        "time_is_plausible from gold.fct_online_transactions where counts_as_revenue "
        "union all select 'in_store', cast(transaction_id as text), amount, purchased_at, "
        "time_is_plausible from gold.fct_in_store_transactions"
    )
    _, explained = explain(connection, "total_revenue")
    assert (explained.value, explained.adds_up) == (Decimal("19.60"), True)
    _, explained = explain(connection, "online_revenue", month="2026-01")
    assert (explained.value, explained.computed) == (Decimal("11.30"), Decimal("11.30"))
    _, explained = explain(connection, "orders", month="2026-1", channel="in_store")
    assert (explained.value, explained.adds_up) == (1, True)


@pytest.mark.parametrize("value", ["O'Neil kite", "{gold}", "x' or '1'='1", "N'"])
def test_values_are_compared_as_what_they_are(
    connection: duckdb.DuckDBPyConnection, value: str
) -> None:
    average = {"dimension": "product", "channel": "online"}
    mart(
        connection,
        "average_order_value",
        *({"member": name, "total_amount": Decimal("5.00")} | average for name in (value, "Ball")),
    )
    where = average | {"member": value}
    _, explained = explain(connection, "average_order_value", "total_amount", **where)
    assert explained.key["member"] == value
    assert explained.adds_up is (value == "O'Neil kite")


def test_rows_that_nothing_tells_apart_are_not_mixed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    row = {"dimension": "product", "member": "Ball", "channel": "online", "total_orders": 1}
    mart(connection, "average_order_value", row, row)
    del row["total_orders"]
    with pytest.raises(InputError, match="Products that share a name stand in aov_by_product"):
        explain(connection, "average_order_value", "total_orders", **row)


def test_every_number_of_every_mart_says_what_it_is_made_of() -> None:
    definitions = load_definitions()
    known = {"metric", "numerator", "sum", "rows_of", "position", "days_since", "note", "stated"}
    numbers = 0
    for mart in definitions.marts.values():
        for name in mart.numbers:
            made_of = mart.columns[name].made_of
            assert made_of, f"{mart.name}.{name} does not say what it is made of"
            assert known & made_of.keys(), f"{mart.name}.{name}"
            numbers += 1
            if "metric" in made_of:
                metric = definitions.metrics[made_of["metric"]]
                assert metric.name in definitions.marts or is_explained(definitions, metric.name)
        if mart.main:
            assert mart.main in mart.numbers
        for column in re.findall(r"{(\w+)}", mart.facts):
            assert column in (*mart.columns, "gold", "records"), f"{mart.name}: {column}"
    assert numbers > 100
    for measure in filter(None, (metric.measure for metric in definitions.metrics.values())):
        assert measure.model in OF_MODEL or measure.model == "persons"


def test_fifths_are_those_of_ntile() -> None:
    with duckdb.connect() as connection:
        for count in (1, 4, 5, 7, 23):
            rows = connection.execute(
                f"select n + 1, ntile(5) over (order by n) from range({count}) as numbers (n)"
            ).fetchall()
            assert [(place, _fifth(place, count)[0]) for place, _ in rows] == rows
