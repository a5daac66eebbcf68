"""What of all that arrived is about a person, found by ids in any form, e-mail address and name."""

import gzip
import os
from pathlib import Path

import pytest

from ingest.batches import retract
from ingest.declarations import Declarations, load_declarations
from ingest.rows_of_person import Arrived, Names, Wanted, arrived
from lake.local import LocalLake
from tests.support.reading import CONTRACT, deliver
from tests.support.xlsx import workbook

NOTHING = Declarations(Path("sources.yml"))
CUSTOMERS = "CustomerID,Name,Email,Address\n"
ACCOUNTS = "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate\n"
MOVEMENTS = "LoyaltyID,DateTime,PointsChange,Reason\n"
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def found(lake: LocalLake, wanted: Wanted, declarations: Declarations = NOTHING) -> Arrived:
    return arrived(lake, CONTRACT, declarations, wanted)


def texts(of: Arrived) -> list[str | None]:
    return [row.text for row in of.rows]


def test_rows_are_found_in_every_form_of_a_whole_number(lake: LocalLake, tmp_path: Path) -> None:
    lines = ["17,A,,", "  17 ,B,,", "17.0,C,,", "'17,D,,", "+17,E,,", "0017,F,,", '"17",G,,']
    others = ["170,H,,", "1,I,,", "17.5,J,,", "x17,K,,", "-17,L,,", ",M,,"]
    mixed = [line for pair in zip(lines, [*others, "7,N,,"], strict=True) for line in pair]
    deliver(lake, tmp_path / "in", {"Customers.csv": CUSTOMERS + "\n".join(mixed) + "\n"})
    rows = found(lake, Wanted(frozenset({"17"}))).rows
    assert [row.text for row in rows] == lines
    assert [row.line for row in rows] == [2, 4, 6, 8, 10, 12, 14]
    assert [row.row_number for row in rows] == [1, 3, 5, 7, 9, 11, 13]
    assert rows[2].values["Name"] == "C"


def test_keys_of_text_are_taken_as_they_are(lake: LocalLake, tmp_path: Path) -> None:
    content = CUSTOMERS + "007,A,,\n7,B,, \n 007 ,C,,\nCG-1,D,,\ncg-1,E,,\n"
    deliver(lake, tmp_path / "in", {"Customers.csv": content}, "defaults: {keys: text}\n")
    assert texts(found(lake, Wanted(frozenset({"007"}), customer_keys_are_text=True))) == [
        "007,A,,",
        " 007 ,C,,",
    ]
    assert texts(found(lake, Wanted(frozenset({"CG-1"}), customer_keys_are_text=True))) == [
        "CG-1,D,,"
    ]


def test_accounts_lead_to_their_movements_and_not_to_those_of_others(
    lake: LocalLake, tmp_path: Path
) -> None:
    files = {
        # Account 6 is held by customer 18 by now, and -1 stands for no account.
        "LoyaltyAccounts.csv": ACCOUNTS + "5,17,0,Gold,\n6,17,0,Gold,\n-1,17,0,,\n8,18,0,,\n",
        "LoyaltyTransactions.csv": MOVEMENTS
        + "".join(f"{n},2026-01-0{n if n > 0 else 9},1,\n" for n in (5, 6, 8, -1, 4)),
    }
    deliver(lake, tmp_path / "in", files)
    wanted = Wanted(frozenset({"17"}), frozenset({"4"}), {"6", "-1"}.intersection)
    assert texts(found(lake, wanted)) == [
        "5,17,0,Gold,",
        "6,17,0,Gold,",
        "-1,17,0,,",
        "5,2026-01-05,1,",
        "4,2026-01-04,1,",
    ]


def test_what_was_replaced_rejected_or_taken_back_is_there(lake: LocalLake, tmp_path: Path) -> None:
    first = deliver(
        lake, tmp_path / "1", {"Orders/OnlineTransactions.csv": ORDERS + "1,17,5,x,Card,9,\n"}
    )
    deliver(lake, tmp_path / "2", {"Customers.csv": CUSTOMERS + "17,Ann Lee,a@b.example,\n"})
    deliver(lake, tmp_path / "3", {"Customers.csv": CUSTOMERS + "17,Ann Poe,a@b.example,\n"})
    assert first.manifest
    retract(lake, first.manifest.batch_id)
    rows = found(lake, Wanted(frozenset({"17"}))).rows
    assert [(row.source, row.text) for row in rows] == [
        ("Orders/OnlineTransactions.csv", "1,17,5,x,Card,9,"),
        ("Customers.csv", "17,Ann Lee,a@b.example,"),
        ("Customers.csv", "17,Ann Poe,a@b.example,"),
    ]
    assert [bool(row.taken_back_at) for row in rows] == [True, False, False]


def test_a_row_without_a_key_is_found_by_the_address(lake: LocalLake, tmp_path: Path) -> None:
    content = (
        "17,Ann Lee,Ann@Lee.example,\n"
        ",Ann L., ann@lee.example ,\n"
        "n/k,Ann,ann@lee.example,\n"
        "18,Bo Lee,ann@lee.example,\n"  # somebody else, with an address in common
        ",Cy,cy@lee.example,\n"
    )
    deliver(lake, tmp_path / "in", {"Customers.csv": CUSTOMERS + content})
    assert [row.row_number for row in found(lake, Wanted(frozenset({"17"}))).rows] == [1, 2, 3]


def test_lines_set_aside_and_files_in_quarantine_are_looked_through(
    lake: LocalLake, tmp_path: Path
) -> None:
    held = "Nr;Who\n1;Ann  LEE\n"
    bad = {
        "Stores_utf16.csv": held.encode("utf-16"),
        "Stores_packed.csv.gz": gzip.compress(b"x;y\n1;mail to ANN@lee.example\n"),
        "Stores_book.xlsx": workbook([["No", "Who"], [1, "ann@lee.example"]]),
        "Stores_latin.csv": "Nr;Who\n1;Zo\u00eb Lee\n".encode("cp1252"),
        "Stores_escaped.jsonl": b'{"Who": "Zo\\u00eb Lee"}\n',
        "Stores_others.csv": b"Nr;Who\n1;Ann\n2;Bo Lee\n",
    }
    files = {
        "Customers.csv": CUSTOMERS
        + "17,Ann Lee,ann@lee.example,\n17,Zoë Lee,,\n17,Ann,,\n"
        + "18,Bo,bo@lee.example,1 Road,surplus\n19,Ann Lee,,1 Road,surplus\n",
        "Stores.csv": "StoreID,Location,Manager,OpenHours\n1,Ann@Lee.example,,,too many\n",
    }
    refused = deliver(lake, tmp_path / "in", files | bad).refused
    assert sorted(refused) == sorted(bad)
    of = found(lake, Wanted(frozenset({"17"})))
    assert [(line.entity, line.number, line.text) for line in of.set_aside] == [
        ("customers", 6, "19,Ann Lee,,1 Road,surplus"),
        ("stores", 2, "1,Ann@Lee.example,,,too many"),
    ]
    assert sorted(path.rpartition("/")[2] for path in of.quarantined) == sorted(
        {*bad} - {"Stores_others.csv"}
    )
    assert of.untold == []


def test_a_file_in_quarantine_that_cannot_be_opened_is_told_of(
    lake: LocalLake, tmp_path: Path
) -> None:
    files = {
        "Customers.csv": CUSTOMERS + "17,Ann Lee,ann@lee.example,\n",
        "Stores.csv.gz": b"this is no gzip file",
    }
    assert deliver(lake, tmp_path / "in", files).refused
    of = found(lake, Wanted(frozenset({"17"})))
    assert of.quarantined == []
    (told,) = of.untold
    assert "Stores.csv.gz could not be looked through" in told


def test_a_name_is_found_at_the_seam_of_two_blocks(lake: LocalLake, tmp_path: Path) -> None:
    content = b"x" * ((1 << 20) - 5) + b"Ann Lee" + b"x" * 10
    (tmp_path / "in").mkdir()
    deliver(lake, tmp_path / "in", {"Customers.csv": CUSTOMERS + "17,Ann Lee,,\n"})
    lake.write_bytes("bronze/quarantine/20260101T000000Z-aaaaaa/Long.csv", content)
    assert len(found(lake, Wanted(frozenset({"17"}))).quarantined) == 1


def test_rows_are_shown_without_lines_where_they_cannot_be_read_as_they_were(
    lake: LocalLake, tmp_path: Path
) -> None:
    sources = "files: {customers: {columns: {CustomerID: Nr}}}\n"
    content = "Nr,Name,Email,Address\n17,Ann Lee,,\n"
    deliver(lake, tmp_path / "in", {"Customers.csv": content}, sources)
    of = found(lake, Wanted(frozenset({"17"})))  # without the declaration
    assert (texts(of), of.rows[0].values["Name"]) == ([None], "Ann Lee")
    (told,) = of.untold
    assert "Customers.csv are shown as they were read, without their lines" in told
    declared = load_declarations(tmp_path / "in-sources.yml", CONTRACT)
    assert texts(found(lake, Wanted(frozenset({"17"})), declared)) == ["17,Ann Lee,,"]


def test_of_nobody_nothing_is_found(lake: LocalLake, tmp_path: Path) -> None:
    assert found(lake, Wanted(frozenset({"17"}))) == Arrived()  # an empty lake
    deliver(lake, tmp_path / "in", {"Customers.csv": CUSTOMERS + "18,Bo,,x,surplus\n18,Bo,,\n"})
    assert found(lake, Wanted(frozenset({"17"}))) == Arrived()


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("to: ANN@LEE.EXAMPLE", True),
        ("Dear Ann\n Lee,", True),
        ("王小明 called", True),
        ("Ann called", False),
        ("Unknown", False),
    ],
)
def test_only_what_is_of_few_people_is_looked_for(text: str, is_in: bool) -> None:
    names = Names(["ann@lee.example", "Unknown", None], ["Ann Lee", "Ann", "王小明", "Unknown"])
    assert names.are_in(text) is is_in
