"""What is told of the tests that only warn: what it does to the answers, and what can be done."""

from typing import Any

import duckdb
import pytest

from warehouse.data_warnings import DataTest, warning


def told(test: str, model: str, rows: str, **arguments: Any) -> str | None:
    with duckdb.connect() as connection:
        return warning(
            DataTest(test, model, arguments), rows, lambda sql: connection.execute(sql).fetchall()
        )


def test_a_status_that_nobody_knows_counts_as_revenue() -> None:
    rows = """
        select * from (values ('Annulé', 1, 100.00), ('Besteld', 1200, 24000.50))
        as t (status, occurrences, amount)
    """
    arguments = {"column": "status", "seed": "ref('order_statuses')", "amount": "amount"}
    assert told("known_value", "online_transactions", rows, **arguments) == (
        "online_transactions.status has values that are not in its list and count as revenue: "
        "Besteld (1,200 orders, 24,000.50), Annulé (1 order, 100.00). Add them to the seed "
        "other_words or order_statuses."
    )


def test_of_many_values_the_first_five_and_the_sum_are_told() -> None:
    rows = "select 'S' || n as status, n as occurrences, n * 10.00 as amount from range(1, 8) r(n)"
    arguments = {"column": "status", "seed": "ref('order_statuses')", "amount": "amount"}
    said = told("known_value", "online_transactions", rows, **arguments)
    assert said
    assert ": S7 (7 orders, 70.00), S6 " in said
    assert "S3 (3 orders, 30.00), … (28 orders, 280.00 in all). Add" in said
    assert "S2" not in said


@pytest.mark.parametrize(
    ("model", "column", "seed", "does"),
    [
        (
            "customer_service_interactions",
            "resolution_status",
            "resolution_statuses",
            "count as not resolved: Erledigt (2 contacts).",
        ),
        ("loyalty_accounts", "tier_level", "loyalty_tiers", "are kept as they came: Erledigt (2 "),
    ],
)
def test_what_other_unlisted_values_do_is_told(
    model: str, column: str, seed: str, does: str
) -> None:
    rows = f"select 'Erledigt' as {column}, 2 as occurrences"
    said = told("known_value", model, rows, column=column, seed=f"{{{{ ref('{seed}') }}}}")
    assert said
    assert said.startswith(f"{model}.{column} has values that are not in its list and {does}")
    assert said.endswith(f"Add them to the seed other_words or {seed}.")


def test_values_that_cannot_be_read_are_counted_by_column_and_not_shown() -> None:
    rows = """
        select * from (values ('products', 'price', 1, '$5'),
        ('online_transactions', 'customer_id', 1200, 'ann@example.com'))
        as t (entity, column_name, occurrences, example)
    """
    said = told("values_are_readable", "unreadable_values", rows)
    assert said
    assert "online_transactions.customer_id (1,200 rows), products.price (1 row)." in said
    assert "`keys: text`" in said
    assert "ann@" not in said


def test_times_that_cannot_be_are_told_with_their_span() -> None:
    rows = """
        select * from (values (timestamp '2999-01-01 10:00:00', 2),
        (timestamp '1970-01-01 00:00:00', 1)) as t (ordered_at, occurrences)
    """
    said = told("times_are_plausible", "fct_online_transactions", rows, column="ordered_at")
    assert said
    assert "ordered_at has times long ago or after their arrival: 3 rows, 1970-01-01" in said
    assert "not in first and last purchases, recency and busiest hours" in said


def test_another_test_is_told_by_its_name() -> None:
    assert told("not_null", "stores", "select 1") is None
