"""The measures that dbt declares, computed as they are declared: they are those of the marts."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import Arrival

# How each measure of a semantic model is aggregated, in SQL.
AGGREGATES = {"sum": "sum({})", "count_distinct": "count(distinct {})"}

# Simple measures and what they are, out of the marts.
ONE_CHANNEL = (
    "select {} from marts.average_order_value where dimension = 'channel' and member = '{}'"
)
ALL = "select {} from marts.average_order_value where dimension = 'all'"
EXPECTED = {
    "total_revenue": ALL.format("total_amount"),
    "online_revenue": ONE_CHANNEL.format("total_amount", "online"),
    "in_store_revenue": ONE_CHANNEL.format("total_amount", "in_store"),
    "orders": ALL.format("total_orders"),
    "orders_online": ONE_CHANNEL.format("total_orders", "online"),
    "orders_in_store": ONE_CHANNEL.format("total_orders", "in_store"),
    "average_order_value": ALL.format("average_order_value"),
    "refunds": "select count(*) from marts.purchases where amount < 0",
    "refunded_amount": "select -sum(amount) from marts.purchases where amount < 0",
    "customers": "select count(*) from marts.customer_360",
    "high_value_customers": "select count(*) from marts.customer_360 "
    "where segment = 'High-Value Customer'",
    "buying_customers": "select count(*) from marts.customer_360 where total_orders > 0",
    "persons": "select count(*) from gold.dim_persons",
    "persons_with_several_records": "select count(*) from (select person_id "
    "from gold.customer_persons group by person_id having count(*) > 1)",
    "spend_of_persons": "select sum(total_spend) from marts.customer_360",
    "transactions": "select sum(total_transactions) from marts.peak_transaction_times",
    "online_transactions": "select sum(total_transactions) from marts.peak_transaction_times "
    "where channel = 'online'",
    "in_store_transactions": "select sum(total_transactions) from marts.peak_transaction_times "
    "where channel = 'in_store'",
    "contacts": "select sum(total_interactions) from marts.agent_performance",
    "resolved_contacts": "select sum(resolved_interactions) from marts.agent_performance",
    "unresolved_contacts": "select sum(total_interactions - resolved_interactions) "
    "from marts.service_by_issue_type",
    "loyalty_members": "select count(*) from marts.customer_360 where loyalty_accounts > 0",
}

Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(first: Arrival) -> Node:
    """What dbt knows of the project, as the documentation of the run has it."""
    text = (first.home / "docs/index.html").read_text(encoding="utf-8")
    start = text.index('manifest:{"') + len("manifest:")
    found, _ = json.JSONDecoder().raw_decode(text[start:])
    return dict(found)


@pytest.fixture(scope="module")
def compute(first: Arrival, manifest: Node) -> Callable[[str], Any]:
    """Compute a metric over the warehouse as its declaration says, ratios and differences too."""
    metrics = {metric["name"]: metric for metric in manifest["metrics"].values()}
    measures = {
        measure["name"]: (measure, model)
        for model in manifest["semantic_models"].values()
        for measure in model["measures"]
    }

    def value(name: str) -> Any:
        about = metrics[name]["type_params"]
        if metrics[name]["type"] == "ratio":
            return Decimal(value(about["numerator"]["name"])) / value(about["denominator"]["name"])
        if metrics[name]["type"] == "derived":
            parts = {each["name"]: value(each["name"]) for each in about["metrics"]}
            return eval(about["expr"], {}, parts)
        measure, model = measures[about["measure"]["name"]]
        filters = (metrics[name]["filter"] or {}).get("where_filters", [])
        wheres = [
            re.sub(r"\{\{ Dimension\('\w+__(\w+)'\) \}\}", r"\1", each["where_sql_template"])
            for each in filters
        ]
        relation = f"{model['node_relation']['schema_name']}.{model['node_relation']['alias']}"
        sql = AGGREGATES[measure["agg"]].format(measure["expr"])
        with duckdb.connect(first.warehouse, read_only=True) as connection:
            (found,) = connection.execute(
                f"select {sql} from {relation} where {' and '.join(wheres) or 'true'}"
            ).fetchone() or (None,)
        return found

    return value


@pytest.mark.parametrize("name", EXPECTED)
def test_a_measure_is_what_the_marts_say(
    first: Arrival, compute: Callable[[str], Any], name: str
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        (expected,) = connection.execute(EXPECTED[name]).fetchone() or (None,)
    found = compute(name)
    assert expected or name == "persons_with_several_records"  # a shop need not have any
    assert round(found or 0, 2) == expected


def test_rates_are_fractions_of_what_the_marts_count(
    first: Arrival, compute: Callable[[str], Any]
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        (points,) = connection.execute(
            "select sum(points_change) from gold.fct_loyalty_transactions"
        ).fetchone() or (None,)
    assert compute("resolution_rate") == Decimal(compute("resolved_contacts")) / compute("contacts")
    assert compute("points_changed") == points


def test_each_metric_is_tried_here(manifest: Node) -> None:
    tried = {*EXPECTED, "resolution_rate", "points_changed"}
    assert {metric["name"] for metric in manifest["metrics"].values()} - tried == {
        *(
            "spend_per_person",
            "online_share",
            "revenue_a_year_earlier",
            "revenue_growth",
            "points_held",
        ),
    }
