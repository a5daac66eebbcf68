"""Somebody who is in every corner of a home is forgotten: nothing of them is left, no total moves.

The search here is another than the product's: file by file and column by column, with Python.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.command import run_c360
from tests.support.xlsx import workbook_of

EMAIL, NAME, ADDRESS, PHONE = (
    "zoe.quux@mail.example", "Zoë Quuxington", "7 Quux Lane, Nowhere", "0999 555 017",
)  # fmt: skip
VALUES = (EMAIL, NAME, ADDRESS, PHONE, "QX-BADGE")
SOURCES = (
    "files:\n  customers: {extra: [Phone]}\n  customer_service_interactions: {null_words: ['-']}\n"
)
PEOPLE = "".join(
    f"{n},Person {n} Nr{n}ington,p{n}@mail.example,{n} Main St,0170 {n:06}\n" for n in range(1, 17)
)
CUSTOMERS = (
    "CustomerID,Name,Email,Address,Phone\n"
    f'{PEOPLE}17,{NAME},{EMAIL},"{ADDRESS}",{PHONE}\n'
    f"2044,Zoe Quuxington,{EMAIL.upper()},,\n"
    f'18,Bob Best,bob@mail.example,2 Main St,"for {EMAIL}"\n'
    f'19,"unclosed {NAME},,,\n'
)
ORDERS = (
    "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Ship to\n"
    f'1,17.0,3,2026-01-05 10:00:00,Card,10.50,Completed,"{NAME}, {ADDRESS}"\n'
    "2,18,3,2026-01-05 11:00:00,Card,20.25,Completed,Bob\n"
    f"3,2044,3,2026-01-05 12:00:00,Card,bad,Completed,{NAME}\n"
    "4,17,4,2026-01-06 10:00:00,Card,30.00,Cancelled,\n"
    "5,1,4,2026-01-06 11:00:00,Card,40.00,Completed,\n"
)
CONTACTS = [
    {"InteractionID": n, "CustomerID": n, "DateTime": "2026-01-07T10:00:00Z", "AgentID": 2,
     "IssueType": "Delivery", "ResolutionStatus": "Resolved", "note": note}
    for n, note in ((17, f"called by {NAME}, QX-BADGE"), (18, "no"))
]  # fmt: skip
SALES = [
    ["TransactionID", "CustomerID", "StoreID", "DateTime", "Amount", "PaymentMethod"],
    [1, 17, 3, "2026-01-08 10:00:00", 5.25, "Card"],
    [2, 18, 3, "2026-01-08 11:00:00", 6.25, "Card"],
]
FIRST = {
    "Customers_2026-01-31.csv": CUSTOMERS,
    "OnlineTransactions_2026-01-31.csv.gz": gzip.compress(ORDERS.encode()),
    "InStoreTransactions_2026-01-31.xlsx": workbook_of({"Sales": SALES}),
    "CustomerServiceInteractions.jsonl": "".join(json.dumps(each) + "\n" for each in CONTACTS),
    "LoyaltyAccounts.csv": "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate\n"
    "900,17,10,Gold,2023-01-01\n901,18,20,Gold,2023-01-02\n",
    "LoyaltyTransactions.csv": "LoyaltyID,DateTime,PointsChange,Reason\n"
    "900,2026-01-05 10:00:00,5,Purchase\n901,2026-01-05 10:00:00,7,Purchase\n",
    "Products.csv": "ProductID,Name,Category,Price\n3,Kite,Toys,9\n4,Lamp,Home,8\n",
    "Stores.csv": "StoreID,Location,Manager,OpenHours\n3,Oslo,Ann,9-17\n",
    "Agents.csv": "AgentID,Name,Department,Shift\n2,Ola Ager,Help,Day\n",
}
SECOND = {  # they moved, and a file that cannot be read has them too
    "Customers_2026-02-28.csv": CUSTOMERS.replace("7 Quux Lane", "8 Quux Lane"),
    "Customers_wrong.csv": f"Customer number;Full name\n17;{NAME}\n21;Somebody Else\n",
}
THIRD = {
    "Customers_2026-03-31.csv": CUSTOMERS.replace("Bob Best", "Bob Better"),
    "OnlineTransactions_2026-03-31.csv": ORDERS.replace("\n1,17.0", "\n6,17").replace(
        "10.50", "7.00"
    ),
}
TOTALS = (
    "select dimension, member, channel, total_orders, total_amount from marts.average_order_value",
    "select * from marts.aov_by_product",
    "select * from marts.aov_by_location",
    "select * from marts.peak_transaction_times",
    "select * from marts.agent_performance",
    "select * from marts.service_by_issue_type",
)


class Shop:
    """A home, and the folder that its files come from."""

    def __init__(self, work: Path) -> None:
        self.home, self.inbox = work / "home", work / "inbox"
        self.sources = work / "sources.yml"
        self.sources.write_text(SOURCES)
        self.inbox.mkdir()

    def command(self, *arguments: object, status: int = 0) -> str:
        done = run_c360(*arguments, "--home", self.home, "--sources", self.sources)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def arrive(self, files: dict[str, str | bytes], status: int = 0) -> str:
        for file in self.inbox.iterdir():
            file.unlink()
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (self.inbox / name).write_bytes(data)
        return self.command("run", "--input", self.inbox, status=status)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    @property
    def totals(self) -> list[list[tuple[Any, ...]]]:
        return [sorted(self.query(sql), key=str) for sql in TOTALS]

    def places_of(self, *values: str) -> list[str]:
        """Return where any of the values is: in which files, and in which tables and views."""
        wanted = [value.casefold() for value in values]
        found = [
            path.relative_to(self.home).as_posix()
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
            and any(value in text.casefold() for text in _texts(path) for value in wanted)
        ]
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            for schema, table in connection.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall():
                rows = str(connection.execute(f'select * from "{schema}"."{table}"').fetchall())
                if any(value in rows.casefold() for value in wanted):
                    found.append(f"{schema}.{table}")
        return found


def _texts(path: Path) -> Iterator[str]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".xlsx":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = b"".join(map(archive.read, archive.namelist()))
    elif path.suffix == ".parquet":
        data = str(pq.read_table(path).to_pylist()).encode()
    for packed in re.findall(rb"H4sI[A-Za-z0-9+/=]+", data) if path.suffix == ".html" else ():
        yield gzip.decompress(base64.b64decode(packed)).decode()
    text = data.decode(errors="replace")
    yield text
    yield text.replace("\\u00eb", "ë")
    yield data.decode("utf-16-le", errors="replace")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("forget"))


@pytest.fixture(scope="module")
def told(shop: Shop) -> dict[str, Any]:
    """What was before, what the command said, what is after."""
    told: dict[str, Any] = {}
    shop.arrive(FIRST)
    shop.arrive(SECOND, status=1)
    shop.arrive({name: text for name, text in SECOND.items() if "wrong" not in name})
    with duckdb.connect(str(shop.home / "warehouse.duckdb")) as connection:
        connection.execute(
            "create table main.campaign as select customer_id, email from silver.customers"
        )
    decide = ("identity", "link", "17", "18", "--why", f"{NAME} says so")
    done = run_c360(*decide, "--home", shop.home)
    assert done.returncode == 0, done.stderr
    told["before"] = shop.totals
    told["places before"] = shop.places_of(*VALUES)
    told["dry run"] = shop.command("person", "forget", "2044", "--dry-run")
    told["places after dry run"] = shop.places_of(*VALUES)
    told["forget"] = shop.command("person", "forget", "2044", "--yes")
    told["after"] = shop.totals
    (certificate,) = (shop.home / "lake/audit/certificates").glob("*.json")
    told["certificate"] = json.loads(certificate.read_text())
    told["page"] = certificate.with_suffix(".html")
    return told


def test_they_were_everywhere(told: dict[str, Any]) -> None:
    places = " ".join(told["places before"])
    for place in (
        "bronze/customers", "bronze/online_transactions", "bronze/rows/customers",
        "bronze/malformed/customers", "bronze/quarantine", "bronze/customer_service_interactions",
        "silver/staging/customers", "silver/customers", "identity/decisions.jsonl",
        "identity/versions", "report/index.html", "gold.dim_customers", "main.campaign",
    ):  # fmt: skip
        assert place in places


def test_nothing_of_them_is_left_in_any_file_table_or_view(
    shop: Shop, told: dict[str, Any]
) -> None:
    assert told["places after dry run"] == told["places before"]
    assert told["certificate"]["complete"]
    assert shop.places_of(*VALUES, "8 Quux Lane") == []


def test_no_id_of_theirs_is_left(shop: Shop, told: dict[str, Any]) -> None:
    columns = shop.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where column_name in ('customer_id', 'source_customer_id', 'CustomerID')"
    )
    assert len(columns) > 10
    for schema, table, column in columns:
        rows = shop.query(
            f'select count(*) from "{schema}"."{table}" '
            f"where cast(\"{column}\" as varchar) in ('17', '17.0', '2044')"
        )
        assert rows == [(0,)], (schema, table, column)
    assert shop.query("select count(*) from gold.dim_loyalty_accounts where loyalty_id = 900") == [
        (0,)
    ]
    assert shop.query("select count(*) from gold.dim_persons where person_id = 'P17'") == [(0,)]


def test_no_total_moves(told: dict[str, Any]) -> None:
    assert told["after"] == told["before"]
    all_orders = [row for row in told["after"][0] if row[0] == "all"]
    # By hand: 10.50 + 20.25 + 40.00 online, 5.25 + 6.25 in the store.
    assert [(row[3], str(row[4])) for row in all_orders] == [(5, "82.25")]


def test_their_purchases_are_of_the_unknown_customer(shop: Shop, told: dict[str, Any]) -> None:
    orders = "select order_id, customer_id, source_customer_id from gold.fct_online_transactions"
    assert sorted(shop.query(orders)) == [
        (1, -1, None), (2, 18, 18), (4, -1, None), (5, 1, 1)
    ]  # fmt: skip
    assert shop.query("select count(*) from marts.customer_360") == [(17,)]


def test_the_command_says_what_it_does(told: dict[str, Any]) -> None:
    for output in (told["dry run"], told["forget"]):
        assert "Forgetting customers 17, 2044 would" in output
        assert "4 of customers" in output
        assert "3 of online_transactions" in output
    assert "forgotten; the certificate is" in " ".join(told["forget"].split())
    taken = told["certificate"]["taken_out"]
    assert (taken["dropped"], taken["redacted"]) == (6, 5)
    assert NAME not in json.dumps(told["certificate"], ensure_ascii=False)


def test_the_certificate_is_a_page_to_print(browser: Browser, told: dict[str, Any]) -> None:
    tab = browser.new_page()
    tab.goto(told["page"].as_uri())
    expect(tab.get_by_role("heading", level=1)).to_have_text("Certificate of erasure")
    expect(tab.get_by_role("row", name="Rows removed")).to_contain_text("6")
    assert Axe().run(tab).response["violations"] == []
    tab.close()


def test_who_comes_again_stays_forgotten(shop: Shop, told: dict[str, Any]) -> None:
    output = shop.arrive(THIRD)
    assert "Customers_2026-03-31.csv: what it has of people who were forgotten was taken out" in (
        " ".join(output.split())
    )
    assert shop.places_of(EMAIL, ADDRESS, PHONE, "QX-BADGE") == []
    assert shop.query("select customer_name from gold.dim_customers where customer_id = 18") == [
        ("Bob Better",)
    ]
    order = "select customer_id, amount from gold.fct_online_transactions where order_id = 6"
    assert [(row[0], str(row[1])) for row in shop.query(order)] == [(-1, "7.00")]


def test_nobody_is_asked_twice(shop: Shop, told: dict[str, Any]) -> None:
    assert "Nothing that arrived is of 2044" in shop.command(
        "person", "forget", "2044", "--yes", status=1
    )
