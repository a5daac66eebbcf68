"""What the dbt project promises is written down and kept: descriptions, contracts, keys, columns.

The tables of columns below are the contract's, by hand. A build in an empty home shows that what
the YAML says is what the SQL makes, and that nothing has to be there before the first file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.render import PROJECT, Renderer

DBT = Path(sys.executable).with_name("dbt")
Node = dict[str, Any]

FILE_AND_BATCH = {"_source_file": "varchar(255)", "_batch_id": "varchar(255)"}
LINEAGE = {"_as_of": "timestamp(6)", **FILE_AND_BATCH}
IN_CURRENCY = {"source_amount": "decimal(18,2)", "source_currency": "varchar(10)"}
PERIOD = {"valid_from": "timestamp(6)", "valid_to": "timestamp(6)", "is_current": "boolean"}
SILVER = {
    "customers": {
        "customer_id": "bigint",
        "customer_name": "varchar(100)",
        "email": "varchar(100)",
        "address": "varchar(255)",
        **LINEAGE,
    },
    "products": {
        "product_id": "bigint",
        "product_name": "varchar(100)",
        "category": "varchar(50)",
        "price": "decimal(18,2)",
        **LINEAGE,
    },
    "stores": {
        "store_id": "bigint",
        "location": "varchar(100)",
        "manager": "varchar(100)",
        "open_hours": "varchar(50)",
        **LINEAGE,
    },
    "agents": {
        "agent_id": "bigint",
        "agent_name": "varchar(100)",
        "department": "varchar(50)",
        "shift": "varchar(50)",
        **LINEAGE,
    },
    "online_transactions": {
        "order_id": "bigint",
        "line_number": "integer",
        "customer_id": "bigint",
        "product_id": "bigint",
        "ordered_at": "timestamp",
        "payment_method": "varchar(50)",
        "amount": "decimal(18,2)",
        "status": "varchar(20)",
        **IN_CURRENCY,
        **LINEAGE,
    },
    "in_store_transactions": {
        "transaction_id": "bigint",
        "line_number": "integer",
        "customer_id": "bigint",
        "store_id": "bigint",
        "purchased_at": "timestamp",
        "amount": "decimal(18,2)",
        "payment_method": "varchar(50)",
        **IN_CURRENCY,
        **LINEAGE,
    },
    "customer_service_interactions": {
        "interaction_id": "bigint",
        "customer_id": "bigint",
        "interacted_at": "timestamp",
        "agent_id": "bigint",
        "issue_type": "varchar(50)",
        "resolution_status": "varchar(50)",
        **LINEAGE,
    },
    "loyalty_accounts": {
        "loyalty_id": "bigint",
        "customer_id": "bigint",
        "points_earned": "bigint",
        "tier_level": "varchar(20)",
        "join_date": "date",
        **LINEAGE,
    },
    "loyalty_transactions": {
        "loyalty_id": "bigint",
        "transacted_at": "timestamp",
        "line_number": "integer",
        "points_change": "bigint",
        "reason": "varchar(100)",
        **LINEAGE,
    },
    "rejected_rows": {
        "entity": "varchar(50)",
        "reason": "varchar(20)",
        "raw_row": "varchar(8000)",
        **FILE_AND_BATCH,
    },
    "superseded_rows": {
        "entity": "varchar(50)",
        "reason": "varchar(20)",
        "row_count": "bigint",
    },
    "unreadable_values": {
        "entity": "varchar(50)",
        "column_name": "varchar(50)",
        "value": "varchar(255)",
        "row_count": "bigint",
        "_batch_id": "varchar(255)",
    },
    "unknown_keys": {"entity": "varchar(50)", "key_value": "varchar(64)"},
    "customer_attributes": {
        "customer_id": "bigint",
        "attribute": "varchar(50)",
        "value": "varchar(255)",
        **LINEAGE,
    },
    "customers_history": {
        "customer_id": "bigint",
        **PERIOD,
        "customer_name": "varchar(100)",
        "email": "varchar(100)",
        "address": "varchar(255)",
        **FILE_AND_BATCH,
    },
    "loyalty_accounts_history": {
        "loyalty_id": "bigint",
        **PERIOD,
        "customer_id": "bigint",
        "points_earned": "bigint",
        "tier_level": "varchar(20)",
        "join_date": "date",
        **FILE_AND_BATCH,
    },
    "row_reconciliation": {
        "entity": "varchar(50)",
        "bronze_rows": "bigint",
        "rejected_rows": "bigint",
        "superseded_rows": "bigint",
        "silver_rows": "bigint",
    },
}

# A column of bronze beyond the contract's: what is declared to be read too.
EXTRA = {"customers": ["_extra"]}
BRONZE = {
    "customers": "CustomerID Name Email Address",
    "products": "ProductID Name Category Price",
    "stores": "StoreID Location Manager OpenHours",
    "agents": "AgentID Name Department Shift",
    "online_transactions": (
        "OrderID CustomerID ProductID DateTime PaymentMethod Amount Status Currency"
    ),
    "in_store_transactions": (
        "TransactionID CustomerID StoreID DateTime Amount PaymentMethod Currency"
    ),
    "customer_service_interactions": (
        "InteractionID CustomerID DateTime AgentID IssueType ResolutionStatus"
    ),
    "loyalty_accounts": "LoyaltyID CustomerID PointsEarned TierLevel JoinDate",
    "loyalty_transactions": "LoyaltyID DateTime PointsChange Reason",
}

# The primary key, and the dimension that each foreign key points to.
GOLD: dict[str, tuple[list[str], dict[str, str]]] = {
    "dim_customers": (["customer_id"], {}),
    "dim_products": (["product_id"], {}),
    "dim_stores": (["store_id"], {}),
    "dim_agents": (["agent_id"], {}),
    "dim_dates": (["date_key"], {}),
    "customer_persons": (
        ["customer_id"],
        {"customer_id": "dim_customers", "person_id": "dim_persons"},
    ),
    "dim_persons": (["person_id"], {}),
    "dim_loyalty_accounts": (["loyalty_id"], {"customer_id": "dim_customers"}),
    "fct_online_transactions": (
        ["order_id", "line_number"],
        {"customer_id": "dim_customers", "product_id": "dim_products", "date_key": "dim_dates"},
    ),
    "fct_in_store_transactions": (
        ["transaction_id", "line_number"],
        {"customer_id": "dim_customers", "store_id": "dim_stores", "date_key": "dim_dates"},
    ),
    "fct_service_interactions": (
        ["interaction_id"],
        {"customer_id": "dim_customers", "agent_id": "dim_agents", "date_key": "dim_dates"},
    ),
    "fct_loyalty_transactions": (
        ["source_loyalty_id", "transacted_at", "line_number"],
        {"loyalty_id": "dim_loyalty_accounts", "date_key": "dim_dates"},
    ),
}
# Who is who, which is made from what was found out: all of it anew with each build.
OF_PERSONS = {
    "customer_persons": {
        "customer_id": "bigint",
        "person_id": "varchar(80)",
        "matched_by": "varchar(100)",
        "probability": "double",
        "matched_at": "timestamp",
    },
    "dim_persons": {
        "person_id": "varchar(80)",
        "customer_name": "varchar(100)",
        "email": "varchar(100)",
        "address": "varchar(255)",
        "customer_name_from": "bigint",
        "email_from": "bigint",
        "address_from": "bigint",
        "customer_records": "bigint",
        "customer_ids": "varchar(8000)",
    },
}
IDENTITY = {
    "matched_customers": OF_PERSONS["customer_persons"],
    "person_aliases": {
        "alias_id": "varchar(80)",
        "person_id": "varchar(80)",
        "merged_at": "timestamp",
        "ended_at": "timestamp",
    },
    "possible_duplicates": {
        "customer_id": "bigint",
        "other_customer_id": "bigint",
        "probability": "double",
        "reasons": "varchar(1000)",
    },
}
# The silver relation that a gold relation has the columns of.
GOLD_OF_SILVER = {
    "dim_customers": "customers",
    "dim_products": "products",
    "dim_stores": "stores",
    "dim_agents": "agents",
    "dim_loyalty_accounts": "loyalty_accounts",
    "fct_online_transactions": "online_transactions",
    "fct_in_store_transactions": "in_store_transactions",
    "fct_service_interactions": "customer_service_interactions",
    "fct_loyalty_transactions": "loyalty_transactions",
}

MARTS = {
    "aov_by_product": (
        "product_id product_name category total_orders total_amount average_order_value"
    ),
    "aov_by_category": "category total_orders total_amount average_order_value",
    "aov_by_location": "location total_orders total_amount average_order_value",
    "average_order_value": (
        "dimension member channel total_orders total_amount average_order_value"
    ),
    "customer_segments": (
        "customer_id total_spend purchase_frequency tier_level spend_percent_rank segment"
    ),
    "peak_transaction_times": (
        "channel day_of_week day_of_week_number hour_of_day total_transactions total_amount"
        " transaction_share peak_rank"
    ),
    "agent_performance": (
        "agent_id agent_name department shift total_interactions resolved_interactions"
        " resolution_rate"
    ),
    "service_by_issue_type": (
        "issue_type total_interactions resolved_interactions resolution_rate"
    ),
    "customer_timeline": "customer_id occurred_at touchpoint event reference_id amount detail",
    # What customer_360 and customer_segments are made from.
    "customer_rfm": "customer_id recency_days recency_score frequency_score monetary_score",
    "customer_totals": (
        "customer_id online_orders online_spend in_store_orders in_store_spend total_orders"
        " total_spend refunds refunded_amount first_purchase_at last_purchase_at preferred_channel"
        " preferred_category preferred_store preferred_payment_method interactions"
        " resolved_interactions last_contact_at last_touch_at last_touchpoint"
    ),
    "data_notes": "note entity rows amount detail",
    "run_history": (
        "run_id started_at ended_at outcome batch_id files rows_arrived step_number step seconds"
        " message"
    ),
    "person_segments": (
        "person_id total_spend purchase_frequency tier_level spend_percent_rank segment"
    ),
    "person_aliases": "alias_id person_id merged_at ended_at",
    "possible_duplicates": (
        "pair_rank customer_id other_customer_id person_id other_person_id probability reasons"
        " customer_name other_customer_name email other_email address other_address total_spend"
    ),
}
# What is told of persons has the columns of what is told of customers.
AS_OF_CUSTOMERS = {
    "person_segments": "customer_segments",
    "person_rfm": "customer_rfm",
    "person_totals": "customer_totals",
    "merged_person_totals": "customer_totals",
}
# The contract's list for customer_360 is in words: what each of them is called.
CUSTOMER_360 = {
    "profile": "customer_id customer_name email address",
    "orders, spend, average a channel": (
        "online_orders online_spend online_average_order_value"
        " in_store_orders in_store_spend in_store_average_order_value"
    ),
    "and in total": "total_orders total_spend average_order_value",
    "refunds": "refunds refunded_amount",
    "first and last purchase": "first_purchase_at last_purchase_at",
    "preferred": ("preferred_channel preferred_category preferred_store preferred_payment_method"),
    "loyalty": "tier_level points_balance",
    "service": "interactions unresolved_interactions resolution_rate last_contact_at",
    "segment": "segment",
    "quintiles": "recency_score frequency_score monetary_score",
    "last touch": "last_touch_at last_touchpoint",
    "person": "person_id person_customer_ids",
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without anything, with the profile that set-up makes."""
    home = tmp_path_factory.mktemp("dbt_project")
    profiles = (PROJECT / "profiles.example.yml").read_text(encoding="utf-8")
    (home / "profiles.yml").write_text(profiles, encoding="utf-8")
    return home


def dbt(folder: Path, *arguments: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DBT_"))
    }
    paths = ["--target-path", folder / "target", "--log-path", folder / "logs"]
    done = subprocess.run(
        [DBT, "--no-use-colors", *arguments, "--profiles-dir", folder, *paths],
        cwd=PROJECT,
        env={**environment, "C360_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.fixture(scope="session")
def manifest(folder: Path) -> Node:
    """The project as dbt compiles it where nothing was built yet, as it does for the linter."""
    dbt(folder, "compile")
    return json.loads((folder / "target/manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def built(folder: Path, manifest: Node) -> str:
    """What `dbt build` says in an empty home."""
    return dbt(folder, "build")


@pytest.fixture(scope="session")
def catalog(folder: Path, built: str) -> dict[str, dict[str, str]]:
    """Columns and their types by relation, as they were built."""
    columns: dict[str, dict[str, str]] = {}
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type"
            " from duckdb_columns() where not internal order by 1, column_index"
        ).fetchall()
    for relation, column, data_type in rows:
        columns.setdefault(relation, {})[column] = data_type
    return columns


def nodes(manifest: Node, resource_type: str, folder: str = "") -> dict[str, Node]:
    """Return the project's nodes of a kind, of one folder of models, by name."""
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == resource_type
        and node["package_name"] == manifest["metadata"]["project_name"]
        and (not folder or node["fqn"][1:-1] == [folder])
    }


def relation(node: Node) -> str:
    return f"{node['schema']}.{node.get('alias') or node['identifier']}"


def types(node: Node) -> dict[str, str]:
    """Return the types of a relation's columns, with keys as they are undeclared."""
    return {
        name: re.sub(r"key\(.+\)", "bigint", column["data_type"])
        for name, column in node["columns"].items()
    }


def uses_of(manifest: Node, model: Node, kind: str) -> list[dict[str, Any]]:
    """Return the arguments of a generic test's uses on a model."""
    return [
        test["test_metadata"]["kwargs"]
        for test in nodes(manifest, "test").values()
        if test.get("attached_node") == model["unique_id"] and test["test_metadata"]["name"] == kind
    ]


# --- Everything is described --------------------------------------------------------------------


def test_every_relation_says_what_a_row_is_and_every_column_what_it_holds(manifest: Node) -> None:
    described = [
        *nodes(manifest, "model").values(),
        *nodes(manifest, "seed").values(),
        *manifest["sources"].values(),
    ]
    assert len(described) > 50
    for node in described:
        assert node["description"].startswith("One row per "), node["unique_id"]
        assert node["columns"], node["unique_id"]
        blank = [name for name, column in node["columns"].items() if not column["description"]]
        assert blank == [], node["unique_id"]


def test_analyses_singular_tests_and_sources_are_described(manifest: Node) -> None:
    for kind in ("analysis", "test"):
        for node in nodes(manifest, kind).values():
            assert node.get("test_metadata") or node["description"], node["unique_id"]
    for source in manifest["sources"].values():
        assert source["source_description"], source["unique_id"]


def test_personal_data_is_marked_wherever_it_is(manifest: Node) -> None:
    personal = {"customer_name", "email", "raw_row", "other_customer_name", "other_email"}
    for node in nodes(manifest, "model").values():
        if node["fqn"][1:-1] == ["silver", "staging"]:
            continue
        for name in personal & node["columns"].keys():
            assert "Personal data." in node["columns"][name]["description"], (node["name"], name)


def test_unit_tests_are_named_by_the_rule_they_state(manifest: Node) -> None:
    names = [test["name"] for test in manifest["unit_tests"].values()]
    assert len(names) >= 40
    assert [name for name in names if len(name.split("_")) < 5] == []
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    marts = set(nodes(manifest, "model", "marts"))
    assert marts - tested == set()


# --- The contract -------------------------------------------------------------------------------


def test_bronze_has_the_contract_s_columns(manifest: Node) -> None:
    entities = {
        source["name"]: list(source["columns"])
        for source in manifest["sources"].values()
        if source["source_name"] == "bronze"
    }
    assert entities == {
        name: [*columns.split(), *EXTRA.get(name, [])] for name, columns in BRONZE.items()
    }


def test_who_is_who_has_the_contract_s_columns_and_types(manifest: Node) -> None:
    assert {
        source["name"]: types(source)
        for source in manifest["sources"].values()
        if source["source_name"] == "identity"
    } == IDENTITY


def test_silver_has_the_contract_s_columns_and_types(manifest: Node) -> None:
    assert {
        name: types(node) for name, node in nodes(manifest, "model", "silver").items()
    } == SILVER


def test_silver_s_columns_come_from_bronze(manifest: Node) -> None:
    for name, columns in BRONZE.items():
        staging = nodes(manifest, "model")[f"stg_{name}"]
        origins = [c["config"]["meta"].get("bronze_column") for c in staging["columns"].values()]
        assert [origin for origin in origins if origin] == columns.split()


def test_gold_has_silver_s_columns(manifest: Node) -> None:
    gold = nodes(manifest, "model", "gold")
    assert gold.keys() == GOLD.keys()
    assert {name: types(gold[name]) for name in OF_PERSONS} == OF_PERSONS
    for name, entity in GOLD_OF_SILVER.items():
        silver = {n: t for n, t in SILVER[entity].items() if n not in LINEAGE}
        built = types(gold[name])
        assert silver.items() <= built.items(), name
        of_gold = {"date_key", "time_is_plausible", "counts_as_revenue", "is_resolved"}
        # A fact or dimension is made by key: a row made anew has the batch that it came in again.
        assert list(built.items())[-1] == ("_batch_id", FILE_AND_BATCH["_batch_id"]), name
        added = built.keys() - silver.keys() - of_gold - {"_batch_id"}
        sources = {f"source_{column}" for column in GOLD[name][1] if column in silver}
        assert added == sources, name


@pytest.mark.parametrize("name", GOLD)
def test_gold_has_an_enforced_contract_keys_and_tests_of_them(manifest: Node, name: str) -> None:
    model = nodes(manifest, "model", "gold")[name]
    primary_key, foreign_keys = GOLD[name]
    assert model["config"]["contract"]["enforced"] is True
    # Of the days there are few, and which there are depends on all facts together.
    wanted = "table" if name in {"dim_dates", *OF_PERSONS} else "incremental"
    assert model["config"]["materialized"] == wanted
    assert all(column["data_type"] for column in model["columns"].values())
    keys = [key for key in model["constraints"] if key["type"] == "primary_key"]
    assert [key["columns"] for key in keys] == [primary_key]
    assert [test["columns"] for test in uses_of(manifest, model, "primary_key")] == [primary_key]

    declared = {
        key["columns"][0]: (re.findall(r"\w+", key["to"])[-1], key["to_columns"])
        for key in model["constraints"]
        if key["type"] == "foreign_key"
    }
    wanted_keys = {column: (to, [column]) for column, to in foreign_keys.items()}
    # These are made from what points to them, which is built first, without a key; it is tested.
    later = {"dim_dates", "dim_persons"}
    assert declared == {column: key for column, key in wanted_keys.items() if key[0] not in later}
    tested = {
        test["column_name"]: (re.findall(r"ref\('(\w+)'\)", test["to"])[0], [test["field"]])
        for test in uses_of(manifest, model, "relationships")
    }
    assert tested == wanted_keys


def test_silver_s_keys_are_tested(manifest: Node) -> None:
    for name, model in nodes(manifest, "model", "silver").items():
        if key := model["config"]["meta"].get("key"):
            assert [t["columns"] for t in uses_of(manifest, model, "primary_key")] == [key], name
            assert list(model["columns"])[: len(key)] == key


def test_marts_have_the_contract_s_columns(manifest: Node) -> None:
    marts = nodes(manifest, "model", "marts")
    assert marts.keys() == {*MARTS, *AS_OF_CUSTOMERS, "customer_360", "person_360", "purchases"}
    for name, columns in MARTS.items():
        assert " ".join(marts[name]["columns"]) == columns, name
    wanted = {column for columns in CUSTOMER_360.values() for column in columns.split()}
    assert wanted <= marts["customer_360"]["columns"].keys()
    stored = {n for n, node in marts.items() if node["config"]["materialized"] != "view"}
    assert stored == {
        *("customer_totals", "customer_segments", "customer_rfm"),
        *("merged_person_totals", "person_segments", "person_rfm"),
        *("possible_duplicates", "person_aliases"),
    }
    assert marts["customer_totals"]["config"]["materialized"] == "incremental"
    assert {node["config"]["contract"]["enforced"] for node in marts.values()} == {True}
    assert {node["schema"] for node in marts.values()} == {"marts"}


def test_what_is_told_of_persons_has_the_columns_of_what_is_told_of_customers(
    manifest: Node,
) -> None:
    marts = nodes(manifest, "model", "marts")
    for name, of_customers in AS_OF_CUSTOMERS.items():
        alike = {
            ("person_id" if n == "customer_id" else n): t
            for n, t in types(marts[of_customers]).items()
        }
        assert types(marts[name]) == {**alike, "person_id": "varchar(80)"}, name
    (_, *profile) = marts["customer_360"]["columns"]
    assert list(marts["person_360"]["columns"]) == [
        *("person_id", "customer_ids", "customer_records"),
        *(name for name in profile if name not in ("person_id", "person_customer_ids")),
    ]


def test_a_seed_of_spellings_has_none_twice_in_another_case(manifest: Node) -> None:
    matched = {"payment_methods", "order_statuses", "loyalty_tiers", "resolution_statuses"}
    for name in matched:
        seed = nodes(manifest, "seed")[name]
        (spelling, *_) = seed["columns"]
        tested = [test["column_name"] for test in uses_of(manifest, seed, "unique")]
        assert f"lower({spelling})" in tested, name


def test_a_null_and_a_value_outside_its_range_break_what_holds_for_every_row() -> None:
    test = Renderer("duckdb").macro(
        "test_holds_for_every_row", "t", ["name"], {"score": [1, 5], "part": [0, "whole"]}
    )
    with duckdb.connect() as connection:
        connection.execute(
            "create table t as from (values ('good', 1, 0, 0), ('no score', null, 2, 2),"
            " (null, 3, 0, 0), ('low', 0, 0, 0), ('high', 6, 0, 0), ('more', 5, 3, 2))"
            " as t(name, score, part, whole)"
        )
        found = connection.execute(f"select name from ({test}) order by all").fetchall()
    assert found == [("high",), ("low",), ("more",), (None,)]


def test_a_key_that_is_null_or_there_twice_breaks_it_too() -> None:
    test = Renderer("duckdb").macro(
        "test_holds_for_every_row", "t", ["name"], {"score": [1, 5]}, ["key"]
    )
    with duckdb.connect() as connection:
        connection.execute(
            "create table t as from (values (1, 'good', 1), (2, 'twice', 1), (2, 'twice', 1),"
            " (3, null, 1), (4, 'high', 6), (null, 'no key', 1)) as t(key, name, score)"
        )
        found = connection.execute(f"select key from ({test}) order by all").fetchall()
    assert found == [(2,), (3,), (4,), (None,)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"customer_name": "newest", "email": "newest"}, "a rule for each of customer_name, email"),
        ("newest", "The var survivorship is newest; it has to give a rule for each"),
        (
            {"customer_name": "newest", "email": "best", "address": "newest"},
            "'best' for email, which is no rule. It takes one of newest, most_frequent",
        ),
    ],
)
def test_a_survivorship_that_is_no_rule_stops_the_build(given: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Renderer("duckdb", variables={"survivorship": given}).macro("survivorship")


# --- What the YAML says is what the SQL makes ---------------------------------------------------


def test_dbt_build_passes_in_an_empty_home(built: str) -> None:
    assert re.search(r"Done\. PASS=\d+ WARN=0 ERROR=0 SKIP=0", built)


@pytest.mark.parametrize("kind", ["model", "seed"])
def test_the_yaml_lists_the_columns_that_are_built(
    manifest: Node, catalog: dict[str, dict[str, str]], kind: str
) -> None:
    for node in nodes(manifest, kind).values():
        assert list(catalog[relation(node)]) == list(node["columns"]), node["name"]


def test_sources_have_the_columns_that_bronze_has(
    manifest: Node, catalog: dict[str, dict[str, str]]
) -> None:
    for source in manifest["sources"].values():
        built = catalog[relation(source)]
        assert source["columns"].keys() <= built.keys(), source["name"]
        if source["source_name"] == "bronze":
            texts = dict.fromkeys([*source["columns"], *FILE_AND_BATCH], "VARCHAR")
            assert built == {**texts, "_row_number": "BIGINT", "_as_of": "TIMESTAMP"}
            assert list(built) == [*source["columns"], "_row_number", *LINEAGE]
        if source["source_name"] == "identity":
            assert built == {
                name: re.sub(r"\(\d+\)", "", type_).upper()
                for name, type_ in IDENTITY[source["name"]].items()
            }


def test_what_is_built_has_the_types_of_the_contract(
    manifest: Node, catalog: dict[str, dict[str, str]]
) -> None:
    # DuckDB keeps no length of a text, and a time's fraction always.
    for folder in ("silver", "gold", "marts"):
        for node in nodes(manifest, "model", folder).values():
            wanted = {
                name: re.sub(r"(VARCHAR|TIMESTAMP)\(\d+\)", r"\1", data_type.upper())
                for name, data_type in types(node).items()
            }
            assert catalog[relation(node)] == wanted, node["name"]


def test_an_empty_home_has_unknown_members_and_nothing_else(folder: Path, built: str) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        rows = {
            name: connection.execute(f"select count(*) from gold.{name}").fetchone()
            for name in GOLD
        }
        reconciliation = connection.execute("from silver.row_reconciliation").fetchall()
    unknown = {name for name in GOLD if name.startswith("dim_")} - OF_PERSONS.keys()
    assert rows == {name: (1 if name in unknown else 0,) for name in GOLD}
    assert sorted(reconciliation) == [(name, 0, 0, 0, 0) for name in sorted(BRONZE)]
