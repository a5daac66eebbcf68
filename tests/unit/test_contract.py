"""The column contract and the files that belong to it."""

from pathlib import Path

import pytest

from ingest.contract import Entity, check_header, entity_for_file, load_contract
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


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Customers.csv", "customers"),
        ("customers.CSV", "customers"),
        ("Customers_2026-11-23.csv", "customers"),
        ("CUSTOMERS-new.csv.gz", "customers"),
        ("CustomerServiceInteractions.csv", "customer_service_interactions"),
        ("LoyaltyTransactions.csv", "loyalty_transactions"),
        ("InStoreTransactions.csv", "in_store_transactions"),
        ("Customers.txt", None),
        ("Customers.csv.zip", None),
        ("Orders.csv", None),
        ("my_Customers.csv", None),
    ],
)
def test_a_file_belongs_to_an_entity_by_its_name(name, entity):
    found = entity_for_file(CONTRACT, name)
    assert (found.name if found else None) == entity


def test_the_longest_prefix_wins():
    contract = {"a": Entity("a", "Sales", ()), "b": Entity("b", "SalesOld", ())}
    assert entity_for_file(contract, "salesold_1.csv") == contract["b"]
    assert entity_for_file(contract, "sales_old.csv") == contract["a"]


ENTITY = Entity("things", "Things", ("ThingID", "Name"))


@pytest.mark.parametrize(
    ("names", "missing", "extra", "problem"),
    [
        (["ThingID", "Name"], [], [], None),
        (["NAME", "thingid"], [], [], None),
        (["ThingID", "Colour", "Name"], [], ["Colour"], None),
        (["ThingID"], ["Name"], [], "column Name is missing (things needs ThingID, Name; found"),
        (["x"], ["ThingID", "Name"], ["x"], "columns ThingID, Name are missing"),
        (["ThingID", "Name", "name"], [], [], "columns Name, name are there more than once"),
        (["ThingID", "Name", "x", "x"], [], ["x", "x"], "column x is there more than once"),
    ],
)
def test_headers_match_by_name(names, missing, extra, problem):
    check = check_header(ENTITY, names)
    assert (check.missing, check.extra) == (missing, extra)
    assert check.problem is None if problem is None else check.problem.startswith(problem)


def test_a_contract_that_is_missing_or_wrong_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="Cannot read the column contract"):
        load_contract(tmp_path)
    path = tmp_path / "models/silver/_bronze__sources.yml"
    path.parent.mkdir(parents=True)
    for text in ("", "sources: []", "sources: [{name: bronze, tables: [{name: x}]}]", "a: ["):
        path.write_text(text)
        with pytest.raises(InputError, match="does not list"):
            load_contract(tmp_path)
