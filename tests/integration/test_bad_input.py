"""Every kind of bad input that a run has to survive: what it publishes, and what it says.

What is wrong inside of a file costs the rows that it spoils and nothing else: one folder holds a
file for each such defect, landed and published by one run. What is wrong with a file as a whole, or
with what the command is given, ends the run with one clear line; nothing is published, and what
landed stays.
"""

import gzip
import json
import re
import shutil
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import TOKEN
from tests.integration.test_against_reference import GOLD, KEYS, LINEAGE, MARTS
from tests.support import reference, state
from tests.support.command import run_c360
from tests.support.compare import difference, load
from tests.support.layers import comparable
from tests.support.steps import Driver, Outcome
from tests.support.told import assert_discreet, assert_one_line

HEADER = "CustomerID,Name,Email,Address"
LONG = "Łódź-" * 60  # 300 characters, more than any name may have

# Whatever is printed or logged must hold none of it.
SECRETS = (TOKEN, "Wilhelmina", "wilhelmina@example.com", "12 Secret Lane")
PERSON = "Wilhelmina Doe,wilhelmina@example.com,12 Secret Lane"


@dataclass(frozen=True)
class Case:
    """A file of customers: which of them have to be there, and why which lines have not."""

    text: str | bytes
    names: dict[int, str]  # by key
    rejected: dict[str, int] = field(default_factory=dict)  # rows by reason
    file: str = ""


def lines(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    """Return the text of a CSV file."""
    return "".join(line + end for line in (header, *rows))


CUSTOMERS = {
    "plain": Case(lines(f"1,{PERSON}"), {1: "Wilhelmina Doe"}),
    "byte order mark": Case("\ufeff" + lines("101,Bo,b@example.com,x"), {101: "Bo"}),
    "quoted header after a byte order mark": Case(
        "\ufeff" + lines("111,Bo,b@example.com,x", header='"CustomerID",Name,"Email",Address'),
        {111: "Bo"},
    ),
    "CRLF": Case(
        lines("201,Cy,c@example.com,x", '202,"Cy, Jr",c@example.com,"x\r\ny"', end="\r\n"),
        {201: "Cy", 202: "Cy, Jr"},
    ),
    "CRLF after some lines": Case(
        lines("211,Cy,c@example.com,x\r", "212,Di,d@example.com,x"), {211: "Cy", 212: "Di"}
    ),
    "CR": Case(
        lines("221,Cy,c@example.com,x", '222,"Cy, Jr",c,"x\ry"', end="\r"),
        {221: "Cy", 222: "Cy, Jr"},
    ),
    "semicolons of Excel": Case(
        "sep=;\r\n" + lines('231;"Cy;";c,d;="007"', header=HEADER.replace(",", ";"), end="\r\n"),
        {231: "Cy;"},
    ),
    "tabs in UTF": Case(
        lines("241\tJosé\tj\tx", header=HEADER.replace(",", "\t")).encode("utf-16"), {241: "José"}
    ),
    "other column order and spelling": Case(
        lines("d@example.com,x,301,Di", header="E-MAIL, address ,customer_id,Name"), {301: "Di"}
    ),
    "extra columns": Case(
        lines("401,Ed,gold,,e@example.com,x", header="CustomerID,Name,Card,Card,Email,Address"),
        {401: "Ed"},
    ),
    "an empty field too many": Case(
        lines("411,Ed,e@example.com,x,", "412,Flo,f@example.com,x,"), {411: "Ed", 412: "Flo"}
    ),
    "quoted commas, quotes and line breaks": Case(
        lines(
            '501,"Doe, Flo ""the"" 1st",f@example.com,"1 A St\nFlat 2\n\n"',
            '502,"""",f@example.com,""',
            '503,5" Gus,f@example.com,x',
        ),
        {501: 'Doe, Flo "the" 1st', 502: '"', 503: '5" Gus'},
    ),
    "ragged lines": Case(
        lines("601,Gil,g@example.com,x", "602,Gil", "603,Gil,g@example.com,x,y,z", "604,Hal,h,x"),
        {601: "Gil", 604: "Hal"},
        {"malformed_line": 2},
    ),
    "unclosed quote": Case(
        lines("701,Ida,i@example.com,x", '702,"Ida,i@example.com,x', "703,Jo,j@example.com,x"),
        {701: "Ida", 703: "Jo"},
        {"malformed_line": 1},
    ),
    "unclosed quote at the end": Case(
        lines("711,Ida,i@example.com,x") + '712,Jo,j@example.com,"x',
        {711: "Ida"},
        {"malformed_line": 1},
    ),
    "text after a closing quote": Case(
        lines('721,"Ida" B,i@example.com,x', "722,Jo,j@example.com,x"),
        {722: "Jo"},
        {"malformed_line": 1},
    ),
    "a byte that is no text": Case(
        lines("731,I\0da,i@example.com,x", "732,Jo,j@example.com,x"),
        {732: "Jo"},
        {"malformed_line": 1},
    ),
    "header only": Case(lines(), {}),
    "header without a line end": Case(HEADER.swapcase(), {}),
    "no line end at the end": Case(lines("801,Kay,k@example.com,x").rstrip(), {801: "Kay"}),
    "blank lines": Case(
        lines("", "811,Kay,k@example.com,x", "", "812,Lou,l@example.com,x", ""),
        {811: "Kay", 812: "Lou"},
    ),
    "header once more": Case(lines("821,Kay,k,x", HEADER, "822,Lou,l,x"), {821: "Kay", 822: "Lou"}),
    "gzip": Case(
        gzip.compress(lines("901,Lee,l@example.com,x").encode()) + bytes(64), {901: "Lee"}
    ),
    "gzip with a malformed line": Case(
        gzip.compress(lines("911,Lee,l@example.com,x", "912,Lee").encode()),
        {911: "Lee"},
        {"malformed_line": 1},
    ),
    "blank keys": Case(
        lines(",Max,m,x", "   ,Max,m,x", "\u00a0\t,Max,m,x", "1001,Max,m,x"),
        {1001: "Max"},
        {"invalid_key": 3},
    ),
    "keys that are text": Case(
        lines("abc,Ned,n,x", "11O1,Ned,n,x", "NULL,Ned,n,x", "１１０１,Ned,n,x", "0x1F,Ned,n,x"),
        {},
        {"invalid_key": 5},
    ),
    "keys that are decimals": Case(
        lines("1201.5,Oz,o,x", "1202.0,Oz,o,x", "1203.,Oz,o,x"), {1202: "Oz"}, {"invalid_key": 2}
    ),
    "keys with exponents": Case(lines("13e2,Pip,p,x", "1E3,Pip,p,x"), {}, {"invalid_key": 2}),
    "keys that are too large": Case(
        lines(
            "9223372036854775807,Ray,r,x",
            "9223372036854775808,Ray,r,x",
            f"1{'0' * 400},Ray,r,x",
            "-9223372036854775808,Sal,s,x",
            "-9223372036854775809,Sal,s,x",
        ),
        {2**63 - 1: "Ray", -(2**63): "Sal"},
        {"invalid_key": 3},
    ),
    "keys that are odd but good": Case(
        lines("+1501,Tom,t,x", "0001502,Tom,t,x", " 1503\t,Tom,t,x", "-1504,Tom,t,x", "0,Uwe,u,x"),
        {1501: "Tom", 1502: "Tom", 1503: "Tom", -1504: "Tom", 0: "Uwe"},
    ),
    "the unknown member's key": Case(lines("-1,Val,v,x"), {}, {"invalid_key": 1}),
    "names that are far too long": Case(
        lines(f"1601,{LONG},{LONG},{LONG}", f"1602,{'x' * 100_000},w,x"),
        {1601: LONG[:100], 1602: "x" * 100},
    ),
    "a line that is far too long": Case(
        lines(f"1701,{'y' * (1 << 21)},w,x", "1702,Xu,x,x"), {1702: "Xu"}, {"malformed_line": 1}
    ),
    "characters that nobody sees": Case(
        lines("1901\u200b,\u200eZoe\u200f,z,x", "\ufeff 1902,Jose\u0301,j,x"),
        {1901: "Zoe", 1902: "José"},
    ),
    "odd text": Case(
        lines("1801,  \u00a0 Yul \t,y,x", "1802, ,,x", "1803,O'Neil \\ 😀 %s {{ x }} ; --,y,x"),
        {1801: "Yul", 1802: "Unknown", 1803: "O'Neil \\ 😀 %s {{ x }} ; --"},
    ),
}
FACTS = {
    "Products.csv": lines(
        "1,Pen,Office,1.50", "2,Ink,,2", "3,Cap,Office,free", header="ProductID,Name,Category,Price"
    ),
    "Stores.csv": lines(header="StoreID,Location,Manager,OpenHours"),
    "OnlineTransactions.csv": lines(
        "1,1,1,2026-02-28T10:00:00Z,Visa,10.00,Completed",
        "2,1,1,2026-02-29 10:00:00,Visa,10.00,Completed",  # no such day
        "3,1,1,2026-04-31,Visa,10.00,Completed",
        "4,1,1,13/13/2026,Visa,10.00,Completed",
        "5,1,1,2026-01-01T25:00:00,Visa,10.00,Completed",
        "6,1,1,0000-01-01,Visa,10.00,Completed",
        "7,1,1,yesterday,Visa,10.00,Completed",
        "8,1,1,,Visa,10.00,Completed",
        "9,1,1,2024-02-29 23:59:59.999+02:00,Visa,10.00,Completed",
        '10,1,1,2026-03-01,Visa,"1,234.50",Completed',
        "11,1,1,2026-03-01,Visa,1e3,Completed",
        "12,1,1,2026-03-01,Visa,$5,Completed",
        "13,1,1,2026-03-01,Visa,,Completed",
        "14,1,1,2026-03-01,Visa,10000000000000000,Completed",  # too large
        "15,1,1,2026-03-01,Visa,-20.005,Refunded",
        # Foreign keys to nothing.
        "16,999999,1,2026-03-02,Visa,16.00,Completed",
        "17,1,999999,2026-03-02,Visa,17.00,Completed",
        "18,,,2026-03-02,Visa,18.00,Completed",
        "19,one,1.5,2026-03-02,Visa,19.00,Completed",
        "20,99999999999999999999,3,2026-03-02,Visa,20.00,Completed",
        *(f"{number},1,1,2026-03-03,Visa,1.00,Completed" for number in range(21, 31)),
        header="OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status",
    ),
    "InStoreTransactions.csv": lines(
        "1,1,1,03/02/2026 1:05 pm,5.005,Cash",
        "2,999999,-1,2026-03-02T10:00,6,Cash",
        header="TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod",
    ),
    "LoyaltyTransactions.csv": lines(
        "1,2026-03-01 10:00,10,Purchase",
        "1,2026-03-01T10:00:00.5,20,Purchase",  # the same second
        "1,2026-02-30,10,Purchase",
        ",2026-03-01,10,Purchase",
        "1,2026-03-02,ten,Purchase",
        header="LoyaltyID,DateTime,PointsChange,Reason",
    ),
}
ABSENT = {
    "agents": ["agent_id", "agent_name", "department", "shift"],
    "customer_service_interactions": [
        *("interaction_id", "customer_id", "interacted_at"),
        *("agent_id", "issue_type", "resolution_status"),
    ],
    "loyalty_accounts": ["loyalty_id", "customer_id", "points_earned", "tier_level", "join_date"],
}


def file_of(case: str) -> str:
    """Return the name of a case's file."""
    content = CUSTOMERS[case].text
    packed = ".gz" if isinstance(content, bytes) and content.startswith(b"\x1f\x8b") else ""
    return f"Customers_{re.sub('[^a-zA-Z]+', '_', case)}.csv{packed}"


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write files to a folder, as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)


def landed_names(home: Path) -> set[str]:
    """Return the names of the files that landed."""
    return {
        record["source"]
        for path in (home / "lake/bronze/manifests").glob("*.json")
        for record in json.loads(path.read_bytes())["files"]
        if record["outcome"] == "landed"
    }


# What is wrong inside of files


@dataclass(frozen=True)
class Survived:
    """What the run over the folder published, and what the reference makes of the same files."""

    home: Path
    folder: Path
    run: Outcome
    rows: dict[str, list[dict[str, Any]]]
    state: state.State
    silver: reference.Silver
    identity: reference.Identity


@pytest.fixture(scope="module")
def survived(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Survived:
    work = tmp_path_factory.mktemp("bad_input")
    home, folder = work / "home", work / "folder"
    write(folder, FACTS | {file_of(case): CUSTOMERS[case].text for case in CUSTOMERS})
    run = driver.run("--input", folder, "--home", home)
    assert run.returncode == 0, run.errors
    (batch,) = state.batches(home)
    rows = {}
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        relations = connection.execute(
            "select table_schema || '.' || table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_schema in ('silver', 'gold', 'marts') "
            "group by all"
        ).fetchall()
        for relation, columns in relations:
            rows[relation] = load(connection, relation, columns)
        identity = reference.Identity.of(connection)
    silver = reference.silver([reference.Batch.of_folder(batch, folder)])
    return Survived(home, folder, run, rows, state.state(home), silver, identity)


@pytest.mark.parametrize("case", CUSTOMERS)
def test_file_of_customers(survived: Survived, case: str) -> None:
    file = file_of(case)
    customers = [row for row in survived.rows["silver.customers"] if row["_source_file"] == file]
    assert {row["customer_id"]: row["customer_name"] for row in customers} == CUSTOMERS[case].names
    rejected = Counter(
        row["reason"]
        for row in survived.rows["silver.rejected_rows"]
        if row["_source_file"] == file
    )
    assert rejected == CUSTOMERS[case].rejected


def test_impossible_dates_and_amounts(survived: Survived) -> None:
    orders = {row["order_id"]: row for row in survived.rows["silver.online_transactions"]}
    assert sorted(orders) == [1, 9, *range(15, 31)]
    assert str(orders[9]["ordered_at"]) == "2024-02-29 21:59:59"
    assert str(orders[15]["amount"]) == "-20.01"
    reasons = {
        int(json.loads(row["raw_row"])["OrderID"]): row["reason"]
        for row in survived.rows["silver.rejected_rows"]
        if row["entity"] == "online_transactions"
    }
    assert reasons == dict.fromkeys(range(2, 9), "invalid_datetime") | dict.fromkeys(
        range(10, 15), "invalid_amount"
    )


def test_values_that_cannot_be_read_are_told(survived: Survived) -> None:
    found = {
        (row["entity"], row["column_name"], row["value"])
        for row in survived.rows["silver.unreadable_values"]
    }
    assert found == {
        ("products", "price", "free"),
        ("online_transactions", "customer_id", "one"),
        ("online_transactions", "customer_id", "99999999999999999999"),
        ("online_transactions", "product_id", "1.5"),
    }


def test_foreign_keys_to_nothing(survived: Survived) -> None:
    orders = {row["order_id"]: row for row in survived.rows["gold.fct_online_transactions"]}
    found = {
        number: tuple(
            orders[number][name]
            for name in ("customer_id", "source_customer_id", "product_id", "source_product_id")
        )
        for number in range(16, 21)
    }
    assert found == {
        16: (-1, 999999, 1, 1),
        17: (1, 1, -1, 999999),
        18: (-1, None, -1, None),
        19: (-1, None, -1, None),
        20: (-1, None, 3, 3),  # product 3 is there, without the price that can't be read
    }


@pytest.mark.parametrize("entity", ABSENT)
def test_absent_entity(survived: Survived, entity: str) -> None:
    columns = survived.state["relations"][f"silver.{entity}"][0]
    assert columns == [*ABSENT[entity], "_as_of", "_source_file", "_batch_id"]
    assert survived.rows[f"silver.{entity}"] == []
    assert survived.state["published rows"][entity] == 0


def test_header_only_entity(survived: Survived) -> None:
    assert "Stores.csv" in landed_names(survived.home)
    assert survived.rows["silver.stores"] == []
    assert [row["store_id"] for row in survived.rows["gold.dim_stores"]] == [-1]


@pytest.mark.parametrize("entity", KEYS)
def test_silver_is_that_of_the_reference(survived: Survived, entity: str) -> None:
    columns = [*survived.state["relations"][f"silver.{entity}"][0]]
    columns.remove("_as_of")  # only a lake knows since when a file of this minute holds
    found, expected = survived.rows[f"silver.{entity}"], survived.silver.tables[entity]
    assert difference(found, expected, columns, KEYS[entity]) is None


def test_reconciliation_is_that_of_the_reference(survived: Survived) -> None:
    columns = ["entity", "bronze_rows", "rejected_rows", "superseded_rows", "silver_rows"]
    found, expected = survived.rows["silver.row_reconciliation"], survived.silver.reconciliation
    assert difference(found, expected, columns, ["entity"]) is None


def test_gold_and_marts_are_those_of_the_reference(survived: Survived) -> None:
    gold = reference.gold(survived.silver, survived.identity)
    layers = {
        **{f"gold.{name}": (gold[name], key) for name, key in GOLD.items()},
        **{f"marts.{name}": (reference.marts(gold)[name], key) for name, key in MARTS.items()},
    }
    for relation, (expected, key) in layers.items():
        columns = [name for name in (*expected[0],) if name not in LINEAGE] if expected else key
        found, expected = (
            comparable(relation, survived.rows[relation]),
            comparable(relation, expected),
        )
        wrong = difference(found, expected, columns, key)
        assert wrong is None, f"{relation}: {wrong}"


def test_bytes_that_landed_are_those_that_came(survived: Survived) -> None:
    lake = survived.home / "lake/bronze"
    for path in survived.folder.iterdir():
        copies = [copy for copy in lake.rglob(path.name) if copy.read_bytes() == path.read_bytes()]
        assert len(copies) == 1, path.name


def test_nobody_is_named(survived: Survived) -> None:
    assert_discreet(survived.home, SECRETS, survived.run.output, survived.run.errors)


def test_same_files_twice(survived: Survived, driver: Driver) -> None:
    run = driver.run("--input", survived.folder, "--home", survived.home)
    assert run.returncode == 0, run.errors
    wrong = state.differences(state.state(survived.home), survived.state)
    assert not wrong, wrong


# What is wrong with a file as a whole

GOOD_AGENTS = lines("1,Ann,Sales,Day", header="AgentID,Name,Department,Shift")
ORDER = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status"
QUARANTINED: dict[str, tuple[str | bytes, str]] = {
    "Customers_zero.csv": (b"", "empty"),
    "Customers_zero.csv.gz": (gzip.compress(b""), "empty"),
    "Customers_blank.csv": (b"\n\r\n\n", "header"),
    "Customers_utf16.csv": (lines(f"1,{PERSON}").encode("utf-16-le"), "encoding"),
    "Customers_latin.csv": (lines("1,José,j,x").encode("latin-1"), "encoding"),
    "Customers_binary.csv": (bytes(range(256)) * 50, "encoding"),
    "Customers_cut.csv.gz": (gzip.compress(lines(f"1,{PERSON}").encode())[:-9], "gzip"),
    "Customers_not.csv.gz": (lines(f"2,{PERSON}"), "gzip"),
    "Customers_page.csv": (f"<!DOCTYPE html><title>{PERSON}</title>", "web page"),
    "Customers_title.csv": (f"Customers\n{lines(f'1,{PERSON}')}", "skip_lines: 1"),
    "Customers_open.csv": ('CustomerID,"Name,Email,Address\n1,a,b,c\n', "missing"),
    "Customers_double.csv": (lines("1,a,b,c,d", header=HEADER + ",name"), "more than once"),
    "Customers_renamed.csv": (
        lines(f"1,{PERSON}", header="CustomerID,FullName,Email,Address"),
        "column Name is missing",
    ),
    "Customers_no_header.csv": (f"1,{PERSON}\n2,{PERSON}\n", "all that customers needs"),
    "OnlineTransactions_days.csv": (
        lines("31,1,1,13/02/2026,Visa,1.00,Completed", header=ORDER),
        "dates: dmy",
    ),
    "OnlineTransactions_lines.csv": (
        lines(*(f"{n // 2},1,{n},2026-02-13,Visa,1.00," for n in range(80, 110)), header=ORDER),
        "rows: lines",
    ),
    "OnlineTransactions_money.csv": (
        lines(
            "32,1,1,2026-02-13,Visa,1.00,,EUR",
            "33,1,1,2026-02-13,Visa,1.00,,USD",
            header=ORDER + ",Currency",
        ),
        "Currency",
    ),
}


@dataclass(frozen=True)
class Refused:
    """A run over files of which all but one can't be used, and the run after it."""

    home: Path
    folder: Path
    run: Outcome
    before: state.State
    after: state.State


@pytest.fixture(scope="module")
def refused(
    survived: Survived, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Refused:
    folder = tmp_path_factory.mktemp("refused")
    write(folder, {name: content for name, (content, _) in QUARANTINED.items()})
    write(folder, {"Agents.csv": GOOD_AGENTS})
    before = state.state(survived.home)
    run = driver.run("--input", folder, "--home", survived.home)
    return Refused(survived.home, folder, run, before, state.state(survived.home))


@pytest.mark.parametrize("name", QUARANTINED)
def test_file_in_quarantine(refused: Refused, name: str) -> None:
    content, reason = QUARANTINED[name]
    (kept,) = (refused.home / "lake/bronze/quarantine").glob(f"*/{name}")
    assert kept.read_bytes() == (content.encode() if isinstance(content, str) else content)
    note = json.loads(kept.with_name(f"{name}.reason.json").read_bytes())
    assert reason in note["reason"]
    assert f"{name}: {note['reason']}" in refused.run.errors


def test_quarantine_publishes_nothing(refused: Refused) -> None:
    assert refused.run.returncode == 1
    for part in ("relations", "published rows", "published batches"):
        assert refused.after[part] == refused.before[part], part
    assert "Agents.csv" in landed_names(refused.home)
    assert_discreet(refused.home, SECRETS, refused.run.output, refused.run.errors)


def test_quarantine_ends_when_the_files_are_mended(refused: Refused, driver: Driver) -> None:
    again = driver.run("--input", refused.folder, "--home", refused.home)
    assert again.returncode == 1, "the same files passed the second time"
    for name in QUARANTINED:
        assert name in again.errors
        (refused.folder / name).unlink()
    write(refused.folder, {"Customers_zero.csv": lines(f"3001,{PERSON}")})
    run = driver.run("--input", refused.folder, "--home", refused.home)
    assert run.returncode == 0, run.errors
    after = state.state(refused.home)
    assert after["published rows"]["customers"] == refused.before["published rows"]["customers"] + 1
    assert after["published rows"]["agents"] == 1
    state.check_readable(refused.home)


# What is wrong with what the command is given


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place") / "home"


@pytest.fixture
def home(place: Path) -> Path:
    """A home that is new, but for the dbt project if an earlier test has had it read there."""
    for path in place.glob("*"):
        if path.is_file():
            path.unlink()
        elif path.name != "dbt":
            shutil.rmtree(path)
    return place


def test_missing_column(tmp_path: Path, home: Path, driver: Driver) -> None:
    folder = tmp_path / "folder"
    stores = lines("1,Oslo,Ann,9-17", header="StoreID,Location,Manager,OpenHours")
    customers = lines(f"1,{PERSON}", header="CustomerID,FullName,Email,Address")
    write(folder, {"Stores.csv": stores, "Customers.csv": customers})
    run = run_c360("run", "--input", folder, "--home", home, C360_API_TOKEN=TOKEN)
    line = assert_one_line(run)
    assert "Customers.csv" in line
    assert "column Name is missing" in line
    assert "correct and send again" in line
    assert landed_names(home) == {"Stores.csv"}
    assert not (home / "warehouse.duckdb").exists()
    assert state.published(home) is None
    assert_discreet(home, SECRETS, run.stdout, run.stderr)

    write(folder, {"Customers.csv": lines(f"1,{PERSON}")})
    again = driver.run("--input", folder, "--home", home)
    assert again.returncode == 0, again.errors
    rows = state.state(home)["published rows"]
    assert (rows["customers"], rows["stores"]) == (1, 1)


def test_input_folder_that_is_not_there(tmp_path: Path) -> None:
    run = run_c360("run", "--input", tmp_path / "nowhere", "--home", tmp_path / "home")
    assert f"{tmp_path / 'nowhere'} isn't there" in assert_one_line(run)
    assert state.published(tmp_path / "home") is None


def test_input_that_is_a_file(tmp_path: Path, driver: Driver) -> None:
    write(tmp_path, {"Customers.csv": lines(f"1,{PERSON}")})
    run = driver.run("--input", tmp_path / "Customers.csv", "--home", tmp_path / "home")
    assert run.returncode == 1
    assert "Customers.csv is a file" in run.errors


def test_empty_input_folder(tmp_path: Path, driver: Driver) -> None:
    folder = tmp_path / "folder"
    write(folder, {"notes.txt": "x", "Unknown.csv": "x\n"})
    run = driver.run("--input", folder, "--home", tmp_path / "home")
    assert run.returncode == 1
    assert f"{folder} has none of the files" in run.errors
    assert "Customers.csv" in run.errors
    for path in folder.iterdir():
        path.unlink()
    again = driver.run("--input", folder, "--home", tmp_path / "home")
    assert again.returncode == 1
    assert f"{folder} has none of the files" in again.errors
    assert state.published(tmp_path / "home") is None


def test_home_that_cannot_be_written(tmp_path: Path, driver: Driver) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    write(folder, {"Customers.csv": lines(f"1,{PERSON}")})
    file.write_text("not a folder")
    run = run_c360("run", "--input", folder, "--home", "/proc/c360")
    line = assert_one_line(run)
    assert "/proc/c360 cannot be written" in line
    assert "--home" in line
    for home in (file, file / "home"):
        again = driver.run("--input", folder, "--home", home)
        assert again.returncode == 1
        assert f"{home} cannot be written" in again.errors
    assert file.read_text() == "not a folder"


def test_api_that_cannot_be_reached(tmp_path: Path, home: Path, driver: Driver) -> None:
    folder = tmp_path / "folder"
    write(folder, {"Customers.csv": lines(f"1,{PERSON}")})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    run = run_c360(
        *("run", "--input", folder, "--api", f"http://127.0.0.1:{port}", "--home", home),
        C360_API_TOKEN=TOKEN,
    )
    assert time.monotonic() - began < 120
    line = assert_one_line(run)
    assert f"http://127.0.0.1:{port}/online-transactions can't be reached" in line
    assert state.published(home) is None
    assert not (home / "warehouse.duckdb").exists()
    assert_discreet(home, SECRETS, run.stdout, run.stderr)

    # Without the API what came in files is published.
    again = driver.run("--input", folder, "--home", home)
    assert again.returncode == 0, again.errors
    assert landed_names(home) == {"Customers.csv"}
    assert state.state(home)["published rows"]["customers"] == 1
