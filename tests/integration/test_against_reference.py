"""Everything that a run publishes equals what the reference computes from the same raw files."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache

import duckdb
import pytest

from tests.integration.conftest import Arrival
from tests.support import reference
from tests.support.compare import assert_same, normalise

KEYS = {
    "customers": ["customer_id"],
    "products": ["product_id"],
    "stores": ["store_id"],
    "agents": ["agent_id"],
    "online_transactions": ["order_id"],
    "in_store_transactions": ["transaction_id"],
    "customer_service_interactions": ["interaction_id"],
    "loyalty_accounts": ["loyalty_id"],
    "loyalty_transactions": ["loyalty_id", "transacted_at"],
}
GOLD = {
    "dim_customers": ["customer_id"],
    "dim_products": ["product_id"],
    "dim_stores": ["store_id"],
    "dim_agents": ["agent_id"],
    "dim_loyalty_accounts": ["loyalty_id"],
    "fct_online_transactions": ["order_id"],
    "fct_in_store_transactions": ["transaction_id"],
    "fct_service_interactions": ["interaction_id"],
    "fct_loyalty_transactions": ["source_loyalty_id", "transacted_at"],
}
MARTS = {
    "aov_by_product": ["product_id"],
    "aov_by_category": ["category"],
    "aov_by_location": ["location"],
    "average_order_value": ["dimension", "member", "channel"],
    "customer_segments": ["customer_id"],
    "peak_transaction_times": ["channel", "day_of_week_number", "hour_of_day"],
    "agent_performance": ["agent_id"],
    "service_by_issue_type": ["issue_type"],
    "customer_360": ["customer_id"],
    "customer_timeline": ["customer_id", "occurred_at", "touchpoint", "reference_id"],
}
LINEAGE = {"_as_of", "_source_file", "_batch_id"}


@cache
def computed(*batches: reference.Batch) -> tuple[reference.Silver, dict, dict]:
    """The reference's layers; computed once for the tests of one state."""
    silver = reference.silver(list(batches))
    gold = reference.gold(silver)
    return silver, gold, reference.marts(gold)


@pytest.fixture(scope="module", params=["first", "second"])
def state(
    request: pytest.FixtureRequest, first: Arrival
) -> Iterator[tuple[duckdb.DuckDBPyConnection, reference.Silver, dict, dict]]:
    """The warehouse after one batch and after both, with what the reference computes for it."""
    if request.param == "first":
        warehouse, arrivals = first.warehouse, [first]
    else:
        second: Arrival = request.getfixturevalue("second")
        warehouse, arrivals = second.warehouse, [first, second]
    batches = [reference.Batch(each.batch_id, tuple(each.as_reference.files)) for each in arrivals]
    with duckdb.connect(warehouse, read_only=True) as connection:
        yield connection, *computed(*batches)


@pytest.mark.parametrize("entity", KEYS)
def test_silver(state: tuple, entity: str) -> None:
    connection, silver, _, _ = state
    columns = [name for name in silver.tables[entity][0] if name not in LINEAGE - {"_batch_id"}]
    assert_same(connection, f"silver.{entity}", silver.tables[entity], columns, KEYS[entity])


def test_rejected_rows(state: tuple) -> None:
    connection, silver, _, _ = state
    found = Counter(
        (entity, reason, batch, *_comparable(json.loads(raw)))
        for entity, reason, raw, batch in connection.execute(
            "select entity, reason, raw_row, _batch_id from silver.rejected_rows"
        ).fetchall()
    )
    expected = Counter(
        (row["entity"], row["reason"], row["_batch_id"], *_comparable(row["raw_row"]))
        for row in silver.rejected
    )
    assert found == expected
    assert {"malformed_line", "invalid_key", "invalid_datetime", "invalid_amount"} <= {
        reason for _, reason, *_ in found
    }


def test_every_row_is_accounted_for(state: tuple) -> None:
    connection, silver, _, _ = state
    assert_same(
        connection,
        "silver.row_reconciliation",
        silver.reconciliation,
        ["entity", "bronze_rows", "rejected_rows", "superseded_rows", "silver_rows"],
        ["entity"],
    )


@pytest.mark.parametrize("relation", GOLD)
def test_gold(state: tuple, relation: str) -> None:
    connection, _, gold, _ = state
    columns = [name for name in gold[relation][0] if name not in LINEAGE]
    assert_same(connection, f"gold.{relation}", gold[relation], columns, GOLD[relation])


@pytest.mark.parametrize("relation", MARTS)
def test_marts(state: tuple, relation: str) -> None:
    connection, _, _, marts = state
    columns = list(marts[relation][0])
    assert_same(connection, f"marts.{relation}", marts[relation], columns, MARTS[relation])


def test_dim_dates_has_every_day_of_the_years_with_events(state: tuple) -> None:
    connection, _, gold, _ = state
    times = [
        row[column]
        for relation, column in {
            "fct_online_transactions": "ordered_at",
            "fct_in_store_transactions": "purchased_at",
            "fct_service_interactions": "interacted_at",
            "fct_loyalty_transactions": "transacted_at",
        }.items()
        for row in gold[relation]
    ]
    first, last = min(times).year, max(times).year
    days = connection.execute(
        "select date_key, date_day from gold.dim_dates where date_key <> -1 order by date_day"
    ).fetchall()
    assert [key for key, _ in days] == [int(f"{day:%Y%m%d}") for _, day in days]
    assert str(days[0][1]) == f"{first:04}-01-01"
    assert str(days[-1][1]) == f"{last:04}-12-31"
    assert len(days) == (days[-1][1] - days[0][1]).days + 1


def _comparable(raw: dict) -> tuple:
    """A raw row without what the two need not agree on: an empty CSV field is null in SQL."""
    if set(raw) >= {"number", "text"}:
        return raw["number"], raw["text"]
    return tuple(sorted((name, normalise(value or None)) for name, value in raw.items()))
