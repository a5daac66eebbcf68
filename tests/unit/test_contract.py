"""The column contract and the files that belong to it."""

from pathlib import Path

import pytest

from ingest.contract import Entity, entity_for_file, load_contract
from ingest.declarations import Declaration
from ingest.headers import match_header
from lake.errors import InputError

PROJECT = Path(__file__).parents[2]
CONTRACT = load_contract(PROJECT)


def test_the_contract_is_that_of_the_dbt_sources():
    assert set(CONTRACT) == {
        "customers",
        "products",
        "stores",
        "agents",
        "online_transactions",
        "in_store_transactions",
        "customer_service_interactions",
        "loyalty_accounts",
        "loyalty_transactions",
    }
    assert CONTRACT["stores"] == Entity(
        "stores", "Stores", ("StoreID", "Location", "Manager", "OpenHours"), key=("StoreID",)
    )


def test_the_contract_says_what_tells_records_apart_and_what_can_have_other_forms():
    orders, changes = CONTRACT["online_transactions"], CONTRACT["loyalty_transactions"]
    assert (orders.key, changes.key) == (("OrderID",), ("LoyaltyID", "DateTime"))
    assert (orders.numbers, orders.times) == (("Amount",), ("DateTime",))
    assert CONTRACT["products"].numbers == ("Price",)
    bought = [CONTRACT[name] for name in ("online_transactions", "in_store_transactions")]
    assert [each.columns[-1:] for each in bought] == [each.optional for each in bought]
    assert [each.optional for each in bought] == [("Currency",), ("Currency",)]
    assert [each.name for each in CONTRACT.values() if each.has_lines or each.optional] == [
        each.name for each in bought
    ]
    assert CONTRACT["loyalty_accounts"].times == ("JoinDate",)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Customers.csv", "customers"),
        ("customers.CSV", "customers"),
        ("Customers_2026-11-23.csv", "customers"),
        ("CUSTOMERS-new.csv.gz", "customers"),
        ("Customers (1).csv", "customers"),
        ("Customers2.tsv", "customers"),
        ("Customers.txt", "customers"),
        ("Customers.csv.zip", "customers"),
        ("Customers.zip", "customers"),
        ("Customers.jsonl", "customers"),
        ("Customers.parquet", "customers"),
        ("Customers.XLSX", "customers"),
        ("CustomerServiceInteractions.csv", "customer_service_interactions"),
        ("customer_service_interactions.csv", "customer_service_interactions"),
        ("LoyaltyTransactions.csv", "loyalty_transactions"),
        ("InStoreTransactions.csv", "in_store_transactions"),
        ("online_transactions.CSV", "online_transactions"),
        ("Customers_golden.csv", "customers"),
        ("Customers.pdf", None),
        ("Customers.xls", None),
        ("Customers", None),
        ("Orders.csv", None),
        ("my_Customers.csv", None),
        ("CustomerSegments.csv", None),
        ("CustomersSegments.csv", None),
        ("ProductsReviews.csv", None),
        ("Customersé.csv", None),
        ("Customers_deleted.csv", None),
        ("Customers old.csv", None),
        ("Customers-BACKUP-2.csv", None),
        ("Stores (sample).xlsx", None),
        ("test Customers.csv", None),
    ],
)
def test_a_file_belongs_to_an_entity_by_its_name(name, entity):
    found = entity_for_file(CONTRACT, name)
    assert (found.name if found else None) == entity


def test_the_longest_prefix_wins():
    contract = {"a": Entity("a", "Sales", ()), "b": Entity("b", "Sales_New", ())}
    assert entity_for_file(contract, "sales_new_1.csv") == contract["b"]
    assert entity_for_file(contract, "sales_1.csv") == contract["a"]


ENTITY = Entity("things", "Things", ("ThingID", "Name"))


@pytest.mark.parametrize(
    ("names", "places", "extra"),
    [
        (["ThingID", "Name"], [0, 1], []),
        (["NAME", "thing_id"], [1, 0], []),
        (["Thing ID", "Colour", "\ufeffna-me "], [0, 2], ["Colour"]),
        (["ThingID", "x", "x", "Name"], [0, 3], ["x", "x"]),
    ],
)
def test_headers_match_by_name(names, places, extra):
    match = match_header(ENTITY, Declaration(), names)
    assert [match.places[column] for column in ENTITY.columns] == [(place,) for place in places]
    assert (match.missing, match.extra, match.problem) == ([], extra, None)


@pytest.mark.parametrize(
    ("names", "missing", "problem"),
    [
        (["ThingID"], ["Name"], "column Name is missing (things needs ThingID, Name; found"),
        (["x"], ["ThingID", "Name"], "columns ThingID, Name are missing"),
        (["ThingID", "Name", "na_me"], [], "column Name is there more than once"),
    ],
)
def test_a_header_that_breaks_the_contract_is_told(names, missing, problem):
    match = match_header(ENTITY, Declaration(), names)
    assert match.missing == missing
    assert match.problem.startswith(problem)


def test_headers_match_as_they_are_declared():
    declared = Declaration(columns={"ThingID": ("No.",), "Name": ("First", "Last")})
    match = match_header(ENTITY, declared, ["last", "no.", "Name", "FIRST"])
    assert (match.places, match.extra) == ({"ThingID": (1,), "Name": (3, 0)}, ["Name"])
    wrong = match_header(ENTITY, declared, ["ThingID", "First", "Last"])
    assert "No. (for ThingID)" in wrong.problem
    computed = Declaration(expressions={"Name": "upper(First)"})
    assert match_header(ENTITY, computed, ["ThingID", "First"]).problem is None


def test_a_contract_that_is_missing_or_wrong_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="Cannot read the column contract"):
        load_contract(tmp_path)
    path = tmp_path / "models/silver/_bronze__sources.yml"
    path.parent.mkdir(parents=True)
    for text in ("", "sources: []", "sources: [{name: bronze, tables: [{name: x}]}]", "a: ["):
        path.write_text(text)
        with pytest.raises(InputError, match="does not list"):
            load_contract(tmp_path)
