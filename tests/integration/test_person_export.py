"""`c360 person`: who is found, and that an export has all that is held, as it arrived."""

import csv
import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.rows_of_person import Wanted, arrived
from lake.local import LocalLake
from tests.integration.conftest import Arrival, DeclaredShop
from tests.support.command import run_c360
from warehouse.home import project_dir

Export = Callable[..., dict[str, Any]]


@pytest.fixture
def home(declared: DeclaredShop, tmp_path: Path) -> Path:
    """A copy of the shop that declares what it can; its customers C-1 and c-1 are one person."""
    home = shutil.copytree(declared.home, tmp_path / "home")
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.execute(
            "update gold.customer_persons set person_id = 'PC-1' where customer_id = 'c-1'"
        )
    return home


@pytest.fixture
def export(declared: DeclaredShop, home: Path) -> Export:
    def run(who: str, *options: str) -> dict[str, Any]:
        to = home.with_name("export")
        sources = declared.home.with_name("sources.yml")
        done = run_c360(
            *("person", "export", who, "--to", to, "--home", home, "--sources", sources), *options
        )
        assert done.returncode == 0, done.stdout + done.stderr
        exported: dict[str, Any] = json.loads(to.with_name("export.json").read_text())
        return exported | {"printed": done.stdout}

    return run


def lines(exported: dict[str, Any]) -> dict[str, list[int]]:
    """Return the lines of each file that are in an export."""
    found = defaultdict(list)
    for row in exported["arrived"]["rows"]:
        found[row["source"]].append(row["line"])
    return dict(found)


# The lines of tests/support/declared_shop.py that are about C-1, counted there by hand.
OF_C_1 = {
    "Customers_2026-11-20.csv": [2, 14, 15, 16],
    "Customers_2026-11-21.csv": [2],
    "CustomerServiceInteractions_2026-11-20.csv": [2, 3],
    "InStoreTransactions_2026-11-19.csv": [2, 3],
    "InStoreTransactions_2026-11-20.csv": [2, 3, 4],
    "LoyaltyAccounts_2026-11-20.csv": [2],
    "LoyaltyTransactions_2026-11-20.csv": [2, 3, 4, 5],
    "LoyaltyTransactions_2026-11-21.csv": [2, 3],
    "OnlineTransactions_2026-11-20.csv": [2, 3, 4, 5],
    "OnlineTransactions_2026-11-21.csv": [2, 3],
}

OF_ENTITIES = (
    *("customers", "customer_service_interactions", "in_store_transactions"),
    *("loyalty_accounts", "loyalty_transactions", "online_transactions"),
)


def test_an_export_has_every_row_that_arrived_and_all_that_was_made_of_it(
    export: Export, home: Path
) -> None:
    exported = export("C-1", "--only", "C-1")
    assert lines(exported) == OF_C_1
    texts = {(row["source"], row["line"]): row["text"] for row in exported["arrived"]["rows"]}
    assert texts["Customers_2026-11-20.csv", 2] == (
        "C-1,Ann,ann@example.org,1 Road,1980-02-29,030 1,L-1"
    )
    assert texts["OnlineTransactions_2026-11-21.csv", 2] == (
        "#1001,C-1,SKU-1,2026-10-25T00:30:00Z,Credit Card,11,Delivered,EUR"
    )
    assert exported["subject"] == {
        "asked_for": "C-1",
        "person_id": "PC-1",
        "former_person_ids": [],
        "customer_ids": ["C-1"],
        "left_out": ["c-1"],
    }
    (customer,) = exported["customers"]
    held = customer["held"]
    # The newest of each: the order has two lines since the second day, 11 and 20.
    assert [row["customer_name"] for row in held["record"]] == ["Ann C."]
    assert [(row["order_id"], row["amount"]) for row in held["online_orders"]] == [
        ("#1001", 11),
        ("#1001", 20),
    ]
    assert sorted(row["amount"] for row in held["store_purchases"]) == [-9.99, -0.01, 0]
    assert [row["interaction_id"] for row in held["service_contacts"]] == [1, 2]
    assert [row["loyalty_id"] for row in held["loyalty_accounts"]] == ["L-1"]
    assert {(row["attribute"], row["value"]) for row in held["attributes"]} == {("phone", "030 7")}
    assert held["profile"][0]["online_spend"] == 31
    assert held["customers_history"]
    assert {row["what"] for row in exported["kept"]} == {*OF_ENTITIES}
    assert {row["kept_for"] for row in exported["kept"]} == {"no limit is declared"}
    assert exported["person"] is None  # what is computed with a record that was left out
    for stranger in ("c-1", "the other", "+49 30"):
        told = json.dumps({**exported, "subject": None, "printed": None})
        assert stranger not in told.replace('"person_customer_ids": "C-1, c-1"', "")


def test_the_files_are_private_and_the_export_is_recorded(export: Export, home: Path) -> None:
    umask = os.umask(0)
    try:
        (home.with_name("export.html")).write_text("of before, open to all")
        first = export("PC-1")
    finally:
        os.umask(umask)
    for path in (*home.parent.glob("export*"), *(home / "lake" / "audit").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert sorted(path.name for path in home.parent.glob("*export*")) == [
        "export.html",
        "export.json",
    ]
    assert first["recorded"] == []
    assert first["subject"]["customer_ids"] == ["C-1", "c-1"]
    assert "leave it out: --only ID" in first["printed"]
    (golden,) = first["person"]["golden_record"]
    assert golden["person_id"] == "PC-1"
    assert [each["action"] for each in export("c-1")["recorded"]] == ["export"]
    log = (home / "lake" / "audit" / "log.jsonl").read_text()
    for personal in ("C-1", "c-1", "Ann"):
        assert personal not in log
    for who, entries in {"C-1": 2, "PC-1": 2, "c-1": 2, "C 2": 0}.items():
        told = run_c360("audit", "--person", who, "--json", "--home", home)
        assert len(json.loads(told.stdout)) == entries


def test_who_is_not_published_is_exported_from_what_arrived(export: Export) -> None:
    exported = export("nobody")  # an order names this customer, whom no file has
    assert lines(exported) == {"OnlineTransactions_2026-11-20.csv": [9, 10]}
    assert exported["subject"]["person_id"] is None
    (customer,) = exported["customers"]
    # Of the two lines, both of which came, the orders keep the id that they came with.
    assert {row["source_customer_id"] for row in customer["held"]["online_orders"]} == {"nobody"}


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(home: Path) -> None:
    to = home.with_name("refused")
    for who, options, message in (
        ("guest", [], "guest stands for customers who are not known"),
        ("-1", [], "-1 stands for customers who are not known"),
        ("C-77", [], "Nothing is held on C-77"),
        ("C-1", ["--only", "C 2"], "C 2 is no record of that person; the records are C-1, c-1"),
    ):
        run = run_c360("person", "export", "--to", to, "--home", home, *options, "--", who)
        assert (run.returncode, message in run.stderr) == (1, True), run.stderr
    run = run_c360("person", "export", "C-1", "--to", to / "no" / "folder", "--home", home)
    assert "There is no folder" in run.stderr
    run = run_c360("person", "export", "C-1", "--to", to, "--home", home, C360_NO_PII="1")
    assert "C360_NO_PII is set" in run.stderr
    assert not [*home.parent.glob("refused*")]
    assert not (home / "lake" / "audit" / "log.jsonl").exists()


def test_the_page_is_readable_and_asks_for_nothing(
    export: Export, home: Path, browser: Browser
) -> None:
    export("PC-1")
    page = browser.new_page(viewport={"width": 375, "height": 667})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: wrong.append(said.text))
    address = home.with_name("export.html").as_uri()
    page.goto(address)
    expect(page.get_by_role("heading", name="What is held on PC-1", level=1)).to_be_visible()
    page.get_by_role("link", name="Customer c-1", exact=True).click()
    expect(page.get_by_role("heading", name="Customer c-1", exact=True)).to_be_in_viewport()
    expect(
        page.get_by_role("group", name="Online orders of customer C-1", exact=True)
    ).to_contain_text("#1001")
    expect(page.get_by_role("group", name="Customers, as it arrived")).to_contain_text(
        "C-1,Ann,ann@example.org,1 Road,1980-02-29,030 1,L-1"
    )
    for media, width in (("screen", 375), ("print", 1123)):  # a telephone, A4 across
        page.emulate_media(media=media)
        page.set_viewport_size({"width": width, "height": 794})
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert wrong == []
    page.close()


def test_persons_are_found_by_words_and_ids(home: Path) -> None:
    for words, found in {
        "ann c": ["PC-1"],
        "ANN@example.org": ["PC-1"],
        "c-1": ["PC-1"],
        "PC-1": ["PC-1"],
        "L-3": ["PC 2"],  # a loyalty account
        "digits": ["P17850.0"],
    }.items():
        run = run_c360("person", "find", *words.split(), "--home", home, COLUMNS="200")
        assert run.returncode == 0, run.stderr
        assert re.findall(r", person (.+)$", run.stdout, re.MULTILINE) == found, words
    run = run_c360("person", "find", "C-1", "--home", home, COLUMNS="200")
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("C-1 "))
    assert "online orders 1, store purchases 1, contacts 2, loyalty accounts 1" in line
    run = run_c360("person", "find", "nobody at all", "--home", home)
    assert (run.returncode, "c360 person export ID" in run.stderr) == (1, True)


def test_of_many_customers_just_their_lines_are_found(first: Arrival) -> None:
    """Against the files themselves, read line by line with Python's csv module."""
    expected: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path in sorted(first.folder.glob("*.csv")):
        header, *others = path.read_text(encoding="utf-8-sig").splitlines()
        columns = re.sub(r"[ _-]", "", header).lower().split(",")
        for number, line in enumerate(others, start=2):
            try:
                (row,) = csv.reader([line], strict=True)
            except csv.Error:
                continue
            if "customerid" not in columns or len(row) != len(columns):
                continue
            text = row[columns.index("customerid")].strip()
            if re.fullmatch(r"'?\+?\d+(\.0+)?", text):
                expected[str(int(text.lstrip("'").split(".")[0]))].append((path.name, number))
    contract = load_contract(project_dir())
    busiest = sorted(expected, key=lambda key: -len(expected[key]))[:5]
    assert busiest
    for key in busiest:
        of = arrived(
            LocalLake(first.home / "lake"),
            contract,
            load_declarations(None, contract),
            Wanted(frozenset({key})),
        )
        found = [
            (row.source, row.line)
            for row in of.rows
            if row.entity != "loyalty_transactions"
            and not row.source.startswith("api:")
            and "\n" not in str(row.text)  # a value of several lines
        ]
        assert sorted(found) == sorted(expected[key])
        assert len(found) > 5
        assert of.untold == []
