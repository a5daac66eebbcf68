"""A person is taken out of bronze wherever they are, and does not come back; all else stays."""

import gzip
import io
import json
import os
import uuid
import zipfile
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from ingest import batches, forgotten
from ingest.declarations import load_declarations
from ingest.forgetting import Forgetting, Person
from lake.local import LocalLake
from lake.manifest import read_manifest, read_manifests
from tests.support.reading import CONTRACT, deliver, read_rows
from tests.support.xlsx import workbook_of

EMAIL, NAME, ADDRESS = "zoe.quux@mail.example", "Zoë Quuxington", "7 Quux Lane, Nowhere"
VALUES = [EMAIL, NAME, ADDRESS, "Q-PHONE-555"]
PERSON = Person({"customer_id": ("17", "2044"), "email": (EMAIL,)}, (EMAIL, NAME, ADDRESS))

CUSTOMERS = f"""CustomerID,Name,Email,Address,Phone
16,Ann Able,ann@mail.example,1 Main St,111
17,{NAME},{EMAIL},"{ADDRESS}",Q-PHONE-555
18,Bob Best,bob@mail.example,2 Main St,asked {EMAIL}
2044,Z. Quux,{EMAIL.upper()},,
19,"unclosed {NAME},,,
20,Dee,,,
"""
ORDERS = f"""OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Ship to
1,17.0,3,2024-01-05 10:00:00,Card,10.50,Completed,"{NAME}, {ADDRESS}"
2,18,3,2024-01-05 11:00:00,Card,20.25,Completed,Bob
3,2044,3,2024-01-05 12:00:00,Card,bad,Completed,{NAME}
4, 17 ,4,2024-01-06 10:00:00,Cash,30.00,Cancelled,
5,170,4,2024-01-06 11:00:00,Cash,40.00,Completed,
"""
LOYALTY = """LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate
900,17,10,Gold,2023-01-01
901,18,20,Gold,2023-01-02
"""
MOVEMENTS = """LoyaltyID,DateTime,PointsChange,Reason
900,2024-01-05 10:00:00,5,Purchase
901,2024-01-05 10:00:00,7,Purchase
"""
CONTACTS = [
    {"InteractionID": 1, "CustomerID": 17, "DateTime": "2024-01-07T10:00:00Z", "AgentID": 2,
     "IssueType": "Delivery", "ResolutionStatus": "Resolved", "note": f"called by {NAME}"},
    {"InteractionID": 2, "CustomerID": 18, "DateTime": "2024-01-07T11:00:00Z", "AgentID": 2,
     "IssueType": "Delivery", "ResolutionStatus": "Resolved", "note": "no"},
]  # fmt: skip
STORE_SALES = [
    ["TransactionID", "CustomerID", "StoreID", "DateTime", "Amount", "PaymentMethod"],
    [1, 17, 3, "2024-01-08 10:00:00", 5.25, "Card"],
    [2, 18, 3, "2024-01-08 11:00:00", 6.25, "Card"],
]
FILES = {
    "Customers.csv": CUSTOMERS,
    "OnlineTransactions.csv.gz": gzip.compress(ORDERS.encode()),
    "InStoreTransactions.xlsx": workbook_of({"Sales": STORE_SALES}),
    "CustomerServiceInteractions.jsonl": "\n".join(map(json.dumps, CONTACTS)) + "\n",
    "LoyaltyAccounts.csv": LOYALTY,
    "LoyaltyTransactions.csv": MOVEMENTS,
    "Stores.csv": "StoreID,Location,Manager,OpenHours\n3,Oslo,Ann,9-17\n",
}
QUARANTINED = f"CustomerID;Full name\n17;{NAME}\n21;Somebody Else\n"


@pytest.fixture(scope="module", autouse=True)
def hasty():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def land(lake, files, sources=None):
    return deliver(lake, lake.root.with_name(f"input {uuid.uuid4()}"), files, sources)


def land_everything(lake):
    """Land the files, one that is refused, and a batch that is taken back; return the first."""
    delivery = land(lake, FILES)
    land(lake, {"Customers (2).csv": QUARANTINED})
    taken_back = land(lake, {"Customers (3).csv": CUSTOMERS + f"2044,{NAME},,,\n"})
    batches.retract(lake, taken_back.manifest.batch_id)
    return delivery.manifest.batch_id


def declared():
    return load_declarations(None, CONTRACT)


def forget(lake, person=PERSON, **how):
    known = forgotten.Forgotten(b"")
    if not how.get("dry_run"):
        ids = {**person.ids, "loyalty_id": ("900",)}
        known = forgotten.add(lake, declared(), ids, person.with_transactions)
    else:
        known = forgotten.Forgotten(b"k" * 32)
        fate = forgotten.WITHOUT_TRANSACTIONS
        hashes = {
            kind: {known.hashed(kind, value): fate for value in values}
            for kind, values in {**person.ids, "loyalty_id": ("900",)}.items()
        }
        known = forgotten.Forgotten(known.key, hashes)
    return Forgetting(lake, CONTRACT, declared(), known, person, **how).go()


def said(path, data):
    """Return what a file says, unpacked, in small letters."""
    if path.endswith(".gz"):
        data = gzip.decompress(data)
    elif path.endswith(".xlsx"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = b"".join(map(archive.read, archive.namelist()))
    elif path.endswith(".parquet"):
        data = str(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    text = data.decode(errors="replace")
    return (text + text.encode().decode("unicode_escape", errors="replace")).casefold()


def places_of(lake, *values):
    return [
        path
        for path in lake.list("")
        for text in [said(path, lake.read_bytes(path))]
        if any(value.casefold() in text for value in values)
    ]


def tree(lake):
    return {path: lake.read_bytes(path) for path in lake.list("")}


def rows_of(lake, batch_id, entity):
    manifest = read_manifest(lake, batch_id)
    return [
        row
        for record in manifest.landed
        if record.entity == entity
        for row in read_rows(lake, batch_id, record)
    ]


def test_no_byte_of_the_lake_names_them_any_more(lake):
    land_everything(lake)
    assert len(places_of(lake, *VALUES)) >= 8
    forget(lake)
    assert places_of(lake, *VALUES) == []


def test_records_of_the_person_go_and_purchases_stay_without_a_customer(lake):
    batch = land_everything(lake)
    forget(lake)

    def ids(entity, key):
        return [(row[key], row["CustomerID"] or None) for row in rows_of(lake, batch, entity)]

    assert ids("customers", "Name") == [
        ("Ann Able", "16"), ("Bob Best", "18"), ("Dee", "20")
    ]  # fmt: skip
    assert ids("online_transactions", "OrderID") == [
        ("1", None), ("2", "18"), ("3", None), ("4", None), ("5", "170")
    ]  # fmt: skip
    assert ids("in_store_transactions", "TransactionID") == [("1", None), ("2", "18")]
    assert ids("customer_service_interactions", "InteractionID") == [("1", None), ("2", "18")]
    assert ids("loyalty_accounts", "LoyaltyID") == [("901", "18")]
    movements = rows_of(lake, batch, "loyalty_transactions")
    assert [row["LoyaltyID"] for row in movements] == ["901"]
    amounts = [row["Amount"] for row in rows_of(lake, batch, "online_transactions")]
    assert amounts == ["10.50", "20.25", "bad", "30.00", "40.00"]
    assert sum(Decimal(amount) for amount in amounts if amount != "bad") == Decimal("100.75")


def test_with_their_transactions_these_go_too(lake):
    batch = land_everything(lake)
    forget(lake, Person(PERSON.ids, PERSON.texts, with_transactions=True))
    assert [row["OrderID"] for row in rows_of(lake, batch, "online_transactions")] == ["2", "5"]
    assert [row["TransactionID"] for row in rows_of(lake, batch, "in_store_transactions")] == ["2"]


def test_the_rest_of_a_file_stays_as_it_was(lake):
    land_everything(lake)
    forget(lake)
    (path,) = (path for path in lake.list("bronze/customers") if path.endswith("/Customers.csv"))
    assert lake.read_bytes(path).decode() == (
        "CustomerID,Name,Email,Address,Phone\n"
        "16,Ann Able,ann@mail.example,1 Main St,111\n"
        "18,Bob Best,bob@mail.example,2 Main St,asked \n"
        "20,Dee,,,\n"
    )
    (held,) = (path for path in lake.list("bronze/quarantine") if path.endswith(".csv"))
    assert lake.read_bytes(held).decode() == "CustomerID;Full name\n21;Somebody Else\n"


def test_the_manifest_says_what_was_taken_out_and_knows_the_file_that_came(lake):
    batch = land_everything(lake)
    forget(lake)
    (record,) = (
        each for each in read_manifest(lake, batch).files if each.entity == "loyalty_accounts"
    )
    (note,) = record.rewritten
    assert (note["why"], note["rows"], note["redacted_rows"]) == ("forgotten", 1, 0)
    assert record.bytes == len(lake.read_bytes(record.path))
    again = land(lake, {"LoyaltyAccounts.csv": LOYALTY})
    assert again.manifest is None  # the very file is known, as it came


def test_to_count_changes_nothing(lake):
    land_everything(lake)
    before = tree(lake)
    taken = forget(lake, dry_run=True)
    assert tree(lake) == before
    assert (taken.dropped, taken.redacted) == (2 + 3 + 1 + 1, 3 + 1 + 1)
    assert taken.by_entity == {
        "customers": 5, "online_transactions": 3, "in_store_transactions": 1,
        "customer_service_interactions": 1, "loyalty_accounts": 1, "loyalty_transactions": 1,
    }  # fmt: skip
    done = forget(lake)
    assert (done.dropped, done.redacted) == (taken.dropped, taken.redacted)


def test_to_forget_twice_finds_nothing_more(lake):
    land_everything(lake)
    forget(lake)
    before = tree(lake)
    taken = forget(lake)
    assert (taken.files, taken.dropped, taken.redacted, taken.lines) == (0, 0, 0, 0)
    assert tree(lake) == before


class Killed(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("at", range(0, 30, 3))
def test_killed_anywhere_it_is_finished_by_doing_it_again(lake, tmp_path, monkeypatch, at):
    other = LocalLake(tmp_path / "other" / "lake")
    for each in (lake, other):
        batch = land_everything(each)
    forget(other)
    writes = 0

    def dying(method):
        def do(self, *arguments, **named):
            nonlocal writes
            if self is lake:
                writes += 1
                if writes > at:
                    raise Killed
            return method(self, *arguments, **named)

        return do

    with monkeypatch.context() as patch:
        for name in ("open_write", "move", "delete"):
            patch.setattr(LocalLake, name, dying(getattr(LocalLake, name)))
        try:
            forget(lake)
        except Killed:
            pass
        else:
            raise AssertionError("it was through before: kill it earlier")
    forget(lake)
    assert places_of(lake, *VALUES) == []
    for manifest in read_manifests(lake):
        for record in manifest.landed:
            assert record.bytes == len(lake.read_bytes(record.path))
            assert record.rows == len(read_rows(lake, manifest.batch_id, record))
            assert not any(note.get("state") for note in record.rewritten)
    first = min(manifest.batch_id for manifest in read_manifests(other))
    batch = min(manifest.batch_id for manifest in read_manifests(lake))
    for entity in CONTRACT:
        expected = rows_of(other, first, entity)
        found = rows_of(lake, batch, entity)
        for row in [*expected, *found]:
            del row["_batch_id"], row["_as_of"]
        assert found == expected


def test_who_comes_again_is_dropped_at_reading(lake):
    land_everything(lake)
    forget(lake)
    files = {
        "Customers 2024-02-01.csv": CUSTOMERS.replace("Ann Able", "Ann Newname"),
        "OnlineTransactions 2024-02-01.csv": ORDERS.replace("1,17.0", "6,17"),
        "Customers (9).csv": QUARANTINED + "x\n",
    }
    delivery = land(lake, files)
    batch = delivery.manifest.batch_id
    assert [row["CustomerID"] for row in rows_of(lake, batch, "customers")] == ["16", "18", "20"]
    orders = rows_of(lake, batch, "online_transactions")
    assert (orders[0]["OrderID"], orders[0]["CustomerID"]) == ("6", "")
    assert places_of(lake, EMAIL, "Q-PHONE-555", ADDRESS) == []
    # A name alone is not enough to know somebody by, and none is kept.
    assert all("quarantine" in path or "malformed" in path or path.endswith("01.csv")
               for path in places_of(lake, NAME))  # fmt: skip


def test_a_run_says_that_somebody_came_again(lake):
    land_everything(lake)
    forget(lake)
    delivery = land(lake, {"LoyaltyAccounts (2).csv": LOYALTY + "902,18,1,Gold,2024-01-01\n"})
    assert "LoyaltyAccounts (2).csv: what it has of people who were forgotten was taken out" in (
        delivery.warnings
    )


def test_nobody_else_is_taken_for_them(lake):
    sources = "files:\n  customers: {keys: text}\n"
    land(lake, {"Customers.csv": "CustomerID,Name,Email,Address\n017,Zed,,\n17,Ann,,\n"}, sources)
    path = lake.root.with_name("sources.yml")
    path.write_text(sources)
    declarations = load_declarations(path, CONTRACT)
    known = forgotten.add(lake, declarations, {"customer_id": ["017"]}, False)
    person = Person({"customer_id": ("017",)}, ("Zed",))
    Forgetting(lake, CONTRACT, declarations, known, person).go()
    (manifest,) = read_manifests(lake)
    assert [row["CustomerID"] for row in read_rows(lake, manifest.batch_id, manifest.files[0])] == [
        "17"
    ]


def test_without_the_list_of_the_forgotten_nothing_is_read(lake):
    land_everything(lake)
    forget(lake)
    lake.write_bytes("audit/forgotten.json", b"{")
    with pytest.raises(Exception, match="Restore it from a backup"):
        land(lake, {"Stores (2).csv": "StoreID,Location,Manager,OpenHours\n4,Oslo,Ann,9-17\n"})
