"""The layout of the lake, as the design has it."""

import pytest

from lake import paths


def test_the_layout():
    assert paths.landed("customers", "B", "c.csv") == "bronze/customers/B/c.csv"
    assert paths.manifest("B") == "bronze/manifests/B.json"
    assert paths.retracted_manifest("B") == "bronze/manifests/retracted/B.json"
    assert paths.quarantined("B", "c.csv") == "bronze/quarantine/B/c.csv"
    assert paths.quarantine_reason("B", "c.csv") == "bronze/quarantine/B/c.csv.reason.json"
    assert paths.rows("customers", "B", "c.csv") == "bronze/rows/customers/B/c.csv.parquet"
    assert paths.malformed("customers", "B", "c.csv") == "bronze/malformed/customers/B/c.csv.jsonl"
    assert paths.state("orders") == "bronze/state/orders.json"
    assert paths.silver_version("customers", "V") == "silver/customers/V"
    assert paths.PUBLISHED == "silver/published.json"
    assert paths.INDEX == "bronze/manifests/index.jsonl"
    assert paths.begun("B") == "bronze/manifests/begun/B.json"


def test_batch_folders_are_found_wherever_a_batch_has_files():
    listed = [
        paths.landed("customers", "B1", "a.csv"),
        paths.landed("customers", "B1", "b.csv"),
        paths.rows("customers", "B2", "a.csv"),
        paths.malformed("stores", "B3", "a.csv"),
        paths.quarantined("B4", "a.csv"),
        paths.manifest("B1"),
        paths.retracted_manifest("B5"),
        paths.state("orders"),
    ]
    assert list(paths.batch_folders(iter(listed))) == [
        ("bronze/customers/B1", "B1"),
        ("bronze/rows/customers/B2", "B2"),
        ("bronze/malformed/stores/B3", "B3"),
        ("bronze/quarantine/B4", "B4"),
    ]


def test_the_folders_of_a_batch_are_all_that_its_files_can_stand_in():
    files = [
        *(f("a", "B", "x") for f in (paths.landed, paths.rows, paths.malformed)),
        *(paths.quarantined("B", "x"), paths.quarantine_reason("B", "x")),
    ]
    found = {folder for folder, _ in paths.batch_folders(iter(files))}
    assert found == set(paths.folders("B", ["a"]))


def test_no_name_begins_as_those_that_engines_do_not_look_at():
    """A serverless pool returns no file whose name begins with `_` or `.`."""
    for path in (
        *(paths.landed("a", "B", paths.safe_name("_a.csv")), paths.rows("a", "B", "a.csv")),
        *(paths.manifest("B"), paths.retracted_manifest("B"), paths.malformed("a", "B", "a.csv")),
        *(paths.quarantine_reason("B", paths.safe_name(".a")), paths.state("a")),
        *(paths.silver_version("a", "V"), paths.PUBLISHED, paths.LOCK),
        *(paths.INDEX, paths.begun("B")),
    ):
        assert not [part for part in path.split("/") if part.startswith(("_", "."))]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Customers.csv", "Customers.csv"),
        ("Customers_2026-11-23.csv.gz", "Customers_2026-11-23.csv.gz"),
        ("Customers*?[1] 'x'.CSV.GZ", "Customers___1___x_.csv.gz"),
        ("Customers Łódź.csv", "Customers_Łódź.csv"),
        ("2024/05/Customers.XLSX", "2024_05_Customers.xlsx"),
        ("_.csv", "file.csv"),
    ],
)
def test_safe_names_hold_nothing_that_an_engine_takes_for_a_pattern(name, safe):
    assert paths.safe_name(name) == safe


def test_a_long_name_is_cut_and_stays_apart_from_others():
    names = [f"Customers_{'ł' * 110}{end}.csv.gz" for end in "ab"]
    safe = [paths.safe_name(name) for name in names]
    assert safe[0] != safe[1]
    for name in safe:
        assert len(name.encode()) <= paths.LONGEST_NAME
        assert name.startswith("Customers_ł")
        assert name.endswith(".csv.gz")
        ending = len(".reason.json")
        assert len(name.encode()) + ending <= 255
