"""The layout of the lake, as the design has it."""

import pytest

from lake import paths


def test_the_layout():
    assert paths.landed("customers", "B", "c.csv") == "bronze/customers/B/c.csv"
    assert paths.manifest("B") == "bronze/manifests/B.json"
    assert paths.quarantined("B", "c.csv") == "bronze/quarantine/B/c.csv"
    assert paths.quarantine_reason("B", "c.csv") == "bronze/quarantine/B/c.csv.reason.json"
    assert paths.original("customers", "B", "c.csv") == "bronze/originals/customers/B/c.csv"
    assert paths.malformed("customers", "B", "c.csv") == "bronze/malformed/customers/B/c.csv.jsonl"
    assert paths.state("orders") == "bronze/state/orders.json"
    assert paths.silver_version("customers", "V") == "silver/customers/V"
    assert paths.PUBLISHED == "silver/published.json"


def test_batch_folders_are_found_wherever_a_batch_has_files():
    listed = [
        paths.landed("customers", "B1", "a.csv"),
        paths.landed("customers", "B1", "b.csv"),
        paths.original("customers", "B2", "a.csv"),
        paths.malformed("stores", "B3", "a.csv"),
        paths.quarantined("B4", "a.csv"),
        paths.manifest("B1"),
        paths.state("orders"),
    ]
    assert list(paths.batch_folders(iter(listed))) == [
        ("bronze/customers/B1", "B1"),
        ("bronze/originals/customers/B2", "B2"),
        ("bronze/malformed/stores/B3", "B3"),
        ("bronze/quarantine/B4", "B4"),
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Customers.csv", "Customers.csv"),
        ("Customers_2026-11-23.csv.gz", "Customers_2026-11-23.csv.gz"),
        ("Customers*?[1] 'x'.CSV.GZ", "Customers___1___x_.csv.gz"),
        ("Customers Łódź.csv", "Customers_Łódź.csv"),
    ],
)
def test_safe_names_hold_nothing_that_an_engine_takes_for_a_pattern(name, safe):
    assert paths.safe_name(name) == safe
