"""The generated data is believable, the same for a seed, and as its ledger says."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from demo.defects import FIELDS, KINDS
from demo.generator import API_FOLDER, SOURCES, generate
from demo.ledger import Defect, Ledger, Note, Sales, WrittenFile
from demo.retailer import ENTITIES, Retailer
from ingest.contract import load_contract
from ingest.declarations import load_declarations

PROJECT = Path(__file__).resolve().parents[2]
FILES = {
    "customers": "Customers.csv",
    "products": "Products.csv",
    "stores": "Stores.csv",
    "agents": "Agents.csv",
    "online_transactions": "OnlineTransactions.csv",
    "in_store_transactions": "InStoreTransactions.csv",
    "customer_service_interactions": "CustomerServiceInteractions.csv",
    "loyalty_accounts": "LoyaltyAccounts.csv",
    "loyalty_transactions": "LoyaltyTransactions.csv",
}
NOT_REVENUE = {"Cancelled", "Failed", "Refunded", "Returned"}

Row = dict[str, str | None]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_file(folder: Path, file: WrittenFile, malformed: set[int]) -> dict[int, Row]:
    """Read a file's rows by the line they begin at, with the malformed lines left out."""
    text = (folder / file.file).read_bytes().decode("utf-8-sig")
    lines = text.split("\n")
    assert lines.pop() == ""
    if file.file.endswith(".jsonl"):
        return {
            number: json.loads(line, parse_int=str, parse_float=str)
            for number, line in enumerate(lines, 1)
        }
    numbers = [number for number in range(1, len(lines) + 1) if number not in malformed]
    reader = csv.reader(lines[number - 1] + "\n" for number in numbers)
    rows: dict[int, Row] = {}
    header: list[str] = []
    names = {f.bronze.lower(): f.bronze for f in FIELDS[file.entity]}
    read = 0
    for values in reader:
        if read:
            assert len(values) == len(header)
            rows[numbers[read]] = dict(zip(header, values, strict=True))
        else:
            header = [names[name.lower()] for name in values]
        read = reader.line_num
    return rows


def key(entity: str, row: Row) -> tuple[str | None, ...]:
    columns = FIELDS[entity][: 2 if entity == "loyalty_transactions" else 1]
    return tuple(row[column.bronze] for column in columns)


def read_all(folder: Path, ledger: Ledger) -> dict[str, dict[int, Row]]:
    return {
        file.file: read_file(
            folder,
            file,
            {
                d.line
                for d in ledger.defects
                if d.file == file.file and d.outcome == "malformed_line"
            },
        )
        for file in ledger.files
    }


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    folder = tmp_path_factory.mktemp("clean")
    return folder, generate(folder, dirt=0)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    folder = tmp_path_factory.mktemp("dirty")
    return folder, generate(folder)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    folder = tmp_path_factory.mktemp("declared")
    return folder, generate(folder, dirt=0, declared=True, end=date(2026, 10, 31))


@pytest.fixture(scope="module")
def orders(declared: tuple[Path, Ledger]) -> dict[str, dict[str, list[Row]]]:
    """The lines of each order, by file."""
    folder, ledger = declared
    found: dict[str, dict[str, list[Row]]] = {}
    for file, rows in read_all(folder, ledger).items():
        if "nline" in file:
            found[file] = defaultdict(list)
            for row in rows.values():
                found[file][str(row["OrderID"])].append(row)
    return found


@pytest.fixture(scope="module")
def tables(clean: tuple[Path, Ledger]) -> dict[str, list[Row]]:
    folder, ledger = clean
    rows: dict[str, list[Row]] = defaultdict(list)
    for file, by_line in read_all(folder, ledger).items():
        entity = next(f.entity for f in ledger.files if f.file == file)
        rows[entity] += by_line.values()
    return rows


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(tmp_path / name, transactions=2000, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a").keys() == digests(tmp_path / "c").keys()
    assert not set(digests(tmp_path / "a").values()) & set(digests(tmp_path / "c").values())


def test_files_have_the_contracts_names_and_headers(clean: tuple[Path, Ledger]) -> None:
    folder, _ = clean
    contract = load_contract(PROJECT)
    assert sorted(path.name for path in folder.glob("*.csv")) == sorted(FILES.values())
    for entity, file in FILES.items():
        first_line = (folder / file).read_text("utf-8").split("\n", 1)[0]
        assert tuple(first_line.split(",")) == contract[entity].needed


def test_entities_scale_with_the_transactions(tmp_path: Path, clean: tuple[Path, Ledger]) -> None:
    def counts(ledger: Ledger) -> dict[str, int]:
        return {entity: counts.rows for entity, counts in ledger.entities.items()}

    assert counts(clean[1]) == {
        "customers": 1000,
        "products": 200,
        "stores": 12,
        "agents": 20,
        "online_transactions": 12_000,
        "in_store_transactions": 8000,
        "customer_service_interactions": 1333,
        "loyalty_accounts": 400,
        "loyalty_transactions": 4000,
    }
    larger = counts(generate(tmp_path, transactions=300_000, dirt=0, newest_share=0))
    assert larger["online_transactions"] + larger["in_store_transactions"] == 300_000
    assert larger["customers"] == 15_000
    assert larger["products"] == 3000


def test_without_dirt_every_value_is_good(
    clean: tuple[Path, Ledger], tables: dict[str, list[Row]]
) -> None:
    folder, ledger = clean
    assert ledger.defects == []
    seeds = {
        "status": "order_statuses.csv",
        "payment_method": "payment_methods.csv",
        "tier_level": "loyalty_tiers.csv",
        "resolution_status": "resolution_statuses.csv",
    }
    listed = {}
    for name, seed in seeds.items():
        with (PROJECT / "seeds" / seed).open(encoding="utf-8", newline="") as file:
            listed[name] = {row[0] for row in csv.reader(file)}
    keys = {
        FIELDS[entity][0].bronze: {row[FIELDS[entity][0].bronze] for row in tables[entity]}
        for entity in ENTITIES
        if entity != "loyalty_transactions"
    }

    for entity in ENTITIES:
        content = (folder / FILES[entity]).read_bytes()
        assert b"\r" not in content
        assert not content.startswith(b"\xef\xbb\xbf")
        found = [key(entity, row) for row in tables[entity]]
        assert len(set(found)) == len(found)
        for column in FIELDS[entity]:
            for row in tables[entity]:
                value = row[column.bronze]
                assert value is not None
                assert value == value.strip()
                assert value or column.bronze == "Email"  # who has none, is still a good customer
                if column.role in ("key", "foreign_key", "integer"):
                    assert str(int(value)) == value
                elif column.bronze == "Amount":
                    assert 0 < abs(Decimal(value)) < 100_000
                elif column.bronze == "Price":
                    assert 0 < Decimal(value) < 100_000
                elif column.role in ("datetime", "date"):
                    datetime.fromisoformat(value)
                elif column.role == "enumeration":
                    assert value in listed[column.silver]
                else:
                    assert len(value) <= column.length
                if column.role == "foreign_key" or column.bronze == "LoyaltyID":
                    assert value in keys[column.bronze]


def test_the_retailer_is_believable(tables: dict[str, list[Row]]) -> None:
    for channel in ("online_transactions", "in_store_transactions"):
        bought = {(row["CustomerID"], row["Amount"]) for row in tables[channel]}
        refunds = [row for row in tables[channel] if str(row["Amount"]).startswith("-")]
        assert 0.005 < len(refunds) / len(tables[channel]) < 0.02
        assert all((r["CustomerID"], str(r["Amount"])[1:]) in bought for r in refunds)
        assert {r.get("Status", "Completed") for r in refunds} == {"Completed"}
    spend: Counter[str] = Counter()
    purchases: Counter[str] = Counter()
    for row in tables["online_transactions"] + tables["in_store_transactions"]:
        if row.get("Status") not in NOT_REVENUE:
            spend[str(row["CustomerID"])] += int(Decimal(str(row["Amount"])) * 100)
            purchases[str(row["CustomerID"])] += 1
    ranked = [customer for customer, _ in spend.most_common()]
    top = set(ranked[: len(ranked) // 10])
    holders = {row["CustomerID"] for row in tables["loyalty_accounts"]}
    others = [customer for customer in ranked if customer not in top]
    assert len(purchases) < len(tables["customers"])  # some never buy
    assert sum(spend[c] for c in top) > 0.3 * spend.total()
    assert any(purchases[customer] == 1 for customer in others)
    assert any(purchases[customer] > 1 and customer in holders for customer in others)
    assert any(purchases[customer] > 1 and customer not in holders for customer in others)

    by_tier: dict[str, list[int]] = defaultdict(list)
    for row in tables["loyalty_accounts"]:
        by_tier[str(row["TierLevel"])].append(spend[str(row["CustomerID"])])
    means = [sum(by_tier[t]) / len(by_tier[t]) for t in ("Bronze", "Silver", "Gold", "Platinum")]
    assert means == sorted(means)

    online = Counter(str(row["DateTime"])[11:13] for row in tables["online_transactions"])
    assert {hour for hour, _ in online.most_common(3)} <= {"19", "20", "21", "22"}
    days = Counter(
        datetime.fromisoformat(str(row["DateTime"])).weekday()
        for row in tables["in_store_transactions"]
    )
    assert days.most_common(1)[0][0] == 5  # Saturday

    contacts = Counter(row["AgentID"] for row in tables["customer_service_interactions"])
    assert len(contacts) == len(tables["agents"]) - 1  # one agent is new
    names = " ".join(str(row["Name"]) + str(row["Address"]) for row in tables["customers"])
    assert all(found in names for found in ("ö", "O'", '"', ", "))


def test_every_kind_of_defect_occurs(dirty: tuple[Path, Ledger]) -> None:
    assert {defect.kind for defect in dirty[1].defects} == set(KINDS)


def test_the_dirt_is_adjustable(dirty: tuple[Path, Ledger], tmp_path: Path) -> None:
    def share(ledger: Ledger) -> float:
        return len(ledger.defects) / sum(file.rows for file in ledger.files)

    assert share(dirty[1]) == pytest.approx(0.02, rel=0.05)
    assert share(generate(tmp_path, transactions=4000, dirt=0.2)) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(("batch", "declared"), [(1, False), (2, False), (1, True), (2, True)])
def test_the_ledger_is_complete(tmp_path: Path, batch: int, declared: bool) -> None:
    arguments = {"transactions": 6000, "seed": 7, "declared": declared}
    clean = generate(tmp_path / "clean", dirt=0, **arguments)
    clean_rows = read_all(tmp_path / "clean", clean)
    for dirt in (0.02, 0.3):
        folder = tmp_path / str(dirt)
        ledger = generate(folder, dirt=dirt, batch=batch, **arguments)
        rows = read_all(folder, ledger)
        assert Ledger.load(folder / "ledger.json") == ledger
        for file in ledger.files:
            found = rows[file.file]
            defects = [defect for defect in ledger.defects if defect.file == file.file]
            malformed = [defect for defect in defects if defect.outcome == "malformed_line"]
            assert file.rows == len(found) + len(malformed)
            lines = (folder / file.file).read_bytes().decode("utf-8-sig").split("\n")
            for defect in defects:
                _assert_is_there(defect, lines, found, file.line_end)

            if (
                batch == 1 and not declared
            ):  # whatever the ledger doesn't name is a good row, in its place
                named = {d.line for d in defects} | {d.winner_line for d in defects}
                unnamed = [row for line, row in found.items() if line not in named]
                expected = iter(clean_rows[file.file].values())
                assert all(row in expected for row in unnamed)


def _assert_is_there(
    defect: Defect, lines: list[str], found: dict[int, Row], line_end: str
) -> None:
    height = defect.text.count("\n") + 1
    there = "\n".join(lines[defect.line - 1 : defect.line - 1 + height]) + "\n"
    assert there == defect.text + line_end
    if defect.outcome == "malformed_line":
        assert defect.values is None
    else:
        assert found[defect.line] == defect.values
    assert (defect.outcome in ("rejected", "superseded")) == (defect.reason is not None)
    if defect.outcome == "kept":
        assert defect.cleaned
    if defect.unreadable is not None:
        assert defect.outcome == "kept"
        assert set(defect.cleaned.values()) == {None}
    if defect.outcome == "superseded":
        winner = found[defect.winner_line or 0]
        assert defect.winner_line != defect.line
        assert defect.key is not None
        for column in FIELDS[defect.entity]:
            if column.silver in defect.key:
                assert winner[column.bronze] == str(defect.key[column.silver])
            elif column.silver in defect.cleaned:
                clean = defect.cleaned[column.silver]
                assert winner[column.bronze] == ("" if clean is None else str(clean))
    if defect.reason != "invalid_key":
        assert defect.key is not None


def test_the_ledgers_counts_add_up(dirty: tuple[Path, Ledger]) -> None:
    ledger = dirty[1]
    for entity, counts in ledger.entities.items():
        outcomes = Counter(d.outcome for d in ledger.defects if d.entity == entity)
        assert outcomes["malformed_line"] == counts.malformed_lines
        assert outcomes["rejected"] == sum(counts.rejected.values())
        assert outcomes["superseded"] == counts.superseded
        assert counts.rows == sum(file.rows for file in ledger.files if file.entity == entity)
        lost = counts.malformed_lines + sum(counts.rejected.values()) + counts.superseded
        assert counts.kept == counts.rows - lost


def test_dirty_files_differ_in_form(dirty: tuple[Path, Ledger]) -> None:
    folder, ledger = dirty
    files = {file.file: file for file in ledger.files}
    assert files["Stores.csv"].byte_order_mark
    assert (folder / "Stores.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert files["Products.csv"].line_end == "\r\n"
    assert b"\r\n" in (folder / "Products.csv").read_bytes()
    header = (folder / "LoyaltyAccounts.csv").read_text("utf-8").split("\n", 1)[0].split(",")
    assert header == files["LoyaltyAccounts.csv"].header
    assert header[0].lower() == "customerid"
    assert header != [column.bronze for column in FIELDS["loyalty_accounts"]]


def test_the_api_has_the_newest(clean: tuple[Path, Ledger]) -> None:
    folder, ledger = clean
    rows = read_all(folder, ledger)
    for entity in ("online_transactions", "customer_service_interactions"):
        newest = list(rows[f"{API_FOLDER}/{entity}.jsonl"].values())
        older = rows[FILES[entity]].values()
        assert len(newest) == round(0.05 * (len(newest) + len(older)))
        assert min(str(r["DateTime"]) for r in newest) >= max(str(r["DateTime"]) for r in older)
        for row in newest:
            updated = datetime.fromisoformat(str(row["UpdatedAt"]))
            assert updated.replace(tzinfo=None) >= datetime.fromisoformat(str(row["DateTime"]))


@pytest.mark.parametrize("seed", range(3))
def test_a_single_record_has_all_fields(tmp_path: Path, seed: int) -> None:
    """Or its API would be one that lacks a column, and the demo would stop."""
    generate(tmp_path, transactions=200, seed=seed, end=date(2026, 10, 31))
    records = (tmp_path / API_FOLDER / "customer_service_interactions.jsonl").read_text()
    (record,) = map(json.loads, records.splitlines())
    assert len(record) == 7


def test_without_newest_share_everything_is_in_the_files(tmp_path: Path) -> None:
    generate(tmp_path, transactions=1000)
    generate(tmp_path, transactions=1000, newest_share=0)
    assert not (tmp_path / API_FOLDER).exists()


def test_the_second_batch_goes_on_from_the_first(tmp_path: Path) -> None:
    arguments = {"transactions": 4000, "dirt": 0.0}
    first = generate(tmp_path / "1", **arguments)
    second = generate(tmp_path / "2", batch=2, **arguments)
    before, after = read_all(tmp_path / "1", first), read_all(tmp_path / "2", second)
    assert "Stores.csv" not in after
    changed_columns: dict[str, set[str]] = defaultdict(set)
    repeated: Counter[str] = Counter()
    for file in second.files:
        old = {key(file.entity, row): row for row in before[file.file].values()}
        unchanged = new = 0
        for row in after[file.file].values():
            earlier = old.get(key(file.entity, row))
            if earlier is None:
                new += 1
                continue
            repeated[file.entity] += 1
            different = {n for n in row if n != "UpdatedAt" and row[n] != earlier[n]}
            unchanged += not different
            changed_columns[file.entity] |= different
        assert new
        assert unchanged or file.file == "Agents.csv"
    for entity, counts in second.entities.items():
        assert counts.supersedes_earlier == repeated[entity] > 0
    assert changed_columns["customers"] == {"Address"}
    assert changed_columns["products"] == {"Price"}
    assert changed_columns["online_transactions"] == {"Status"}
    assert changed_columns["customer_service_interactions"] == {"ResolutionStatus"}

    for name in ("online_transactions", "customer_service_interactions"):
        path = f"{API_FOLDER}/{name}.jsonl"
        latest = max(str(row["UpdatedAt"]) for row in before[path].values())
        assert all(str(row["UpdatedAt"]) > latest for row in after[path].values())


@pytest.mark.parametrize("declared", [False, True])
def test_the_ledger_knows_which_customers_are_one_person(tmp_path: Path, declared: bool) -> None:
    arguments = {"transactions": 20_000, "seed": 5, "declared": declared}
    clean = generate(tmp_path / "clean", dirt=0, **arguments)
    customers = {
        int(str(row["CustomerID"])): row
        for file, rows in read_all(tmp_path / "clean", clean).items()
        if file.startswith("Customers")
        for row in rows.values()
    }
    several = [customer for person in clean.persons for customer in person]
    assert len(several) == len(set(several))
    assert set(several) <= customers.keys()
    assert all(len(person) > 1 and person == sorted(person) for person in clean.persons)
    persons = clean.person_of(customers)
    assert persons.keys() == customers.keys()  # the guests, who are customer 0, among them
    assert 1 - len(set(persons.values())) / len(customers) == pytest.approx(0.11, abs=0.03)
    assert any(
        len({customers[customer]["Email"] for customer in person}) > 1 for person in clean.persons
    )
    # What is spoiled on the way makes nobody another person.
    assert generate(tmp_path / "dirty", dirt=0.3, **arguments).persons == clean.persons


def test_later_rows_keep_the_person_and_new_ones_may_be_of_an_earlier_one(tmp_path: Path) -> None:
    arguments = {"transactions": 40_000, "dirt": 0.0, "newest_share": 0}
    first = generate(tmp_path / "1", **arguments)
    second = generate(tmp_path / "2", batch=2, **arguments)
    before, after = (
        {
            int(str(row["CustomerID"])): row
            for row in read_all(tmp_path / batch, ledger)["Customers.csv"].values()
        }
        for batch, ledger in (("1", first), ("2", second))
    )
    assert second.person_of(before) == first.person_of(before)
    new = after.keys() - before.keys()
    grown = {customer for person in second.persons for customer in person if customer in new}
    assert len(new) * 0.03 < len(grown) < len(new) * 0.25
    assert {second.person_of([customer])[customer] for customer in grown} & before.keys()
    # Who moves has no other record, which would be left with nothing in common.
    moved = {n for n in after.keys() & before.keys() if after[n]["Address"] != before[n]["Address"]}
    assert moved
    assert not moved & {customer for person in second.persons for customer in person}


def test_defects_leave_it_clear_whose_record_a_customers_is(tmp_path: Path) -> None:
    ledger = generate(tmp_path, transactions=20_000, dirt=0.3)
    several = {customer for person in ledger.persons for customer in person}
    spoiled = [
        defect
        for defect in ledger.defects
        if defect.entity == "customers" and defect.key and defect.key["customer_id"] in several
    ]
    assert {defect.kind for defect in spoiled} >= {"text_padded", "duplicate_row", "too_few_fields"}
    assert not {defect.kind for defect in spoiled} & {"text_blank", "text_code", "text_quoted"}


def test_rows_are_the_same_however_they_are_cut() -> None:
    retailer = Retailer(20_000, 360, datetime(2026, 10, 31).date())
    source = retailer.source("online_transactions")
    [whole] = source.between(0, len(source))
    [part] = source.between(100, 110)
    for name, column in part.columns.items():
        assert (column == whole.columns[name][100:110]).all()


@pytest.mark.parametrize(
    "arguments", [{"batch": 3}, {"transactions": 10}, {"dirt": -0.1}, {"newest_share": 1.1}]
)
def test_impossible_wishes_are_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        generate(tmp_path, **arguments)  # type: ignore[arg-type]


def test_a_ledger_is_plain_json(dirty: tuple[Path, Ledger]) -> None:
    folder, ledger = dirty
    assert json.loads((folder / "ledger.json").read_text("utf-8")) == asdict(ledger)


def test_declared_files_are_of_two_days(declared: tuple[Path, Ledger]) -> None:
    assert sorted(path.name for path in declared[0].glob("*.csv")) == [
        "Agents.csv",
        "CustomerServiceInteractions.csv",
        "Customers_2026-10-30.csv",
        "Customers_2026-10-31.csv",
        "InStoreTransactions.csv",
        "LoyaltyAccounts.csv",
        "LoyaltyTransactions.csv",
        "OnlineTransactions_2026-09-26.csv",
        "OnlineTransactions_2026-09-27.csv",
        "Products_2026-10-30.csv",
        "Products_2026-10-31.csv",
        "Stores.csv",
    ]


def test_orders_have_lines(orders: dict[str, dict[str, list[Row]]]) -> None:
    whole, day, api = orders.values()
    for file in orders.values():
        for lines in file.values():
            for column in ("CustomerID", "DateTime", "PaymentMethod", "Status"):
                assert len({line[column] for line in lines}) == 1
            assert len({(line["ProductID"], line["Amount"]) for line in lines}) == len(lines)
    assert {len(lines) for lines in whole.values()} == {1, 2, 3, 4}
    assert sum(len(lines) > 1 for lines in whole.values()) > 0.2 * len(whole)
    assert len(whole.keys() - day.keys() - api.keys()) > 11_000
    assert not api.keys() & (whole.keys() | day.keys())  # an order is here or there, whole
    assert all(len({line["UpdatedAt"] for line in lines}) == 1 for lines in api.values())


def test_a_returned_product_is_a_negative_line(orders: dict[str, dict[str, list[Row]]]) -> None:
    returned = [
        lines
        for lines in next(iter(orders.values())).values()
        if len(lines) > 1 and any(str(line["Amount"]).startswith("-") for line in lines)
    ]
    assert len(returned) > 50
    for *_, bought, sent_back in returned:
        assert sent_back["ProductID"] == bought["ProductID"]
        assert sent_back["Amount"] == f"-{bought['Amount']}"


def test_the_later_day_corrects_the_earlier_one(
    declared: tuple[Path, Ledger], orders: dict[str, dict[str, list[Row]]]
) -> None:
    whole, day, _ = orders.values()
    again = whole.keys() & day.keys()
    fewer = [order for order in again if len(day[order]) < len(whole[order])]
    other_status = [
        order for order in again if day[order][0]["Status"] != whole[order][0]["Status"]
    ]
    unchanged = [order for order in again if day[order] == whole[order]]
    assert min(len(fewer), len(other_status), len(unchanged)) > 0
    for order in again:
        gone = len(whole[order]) - len(day[order])
        assert gone in (0, 1)
        for line, earlier in zip(day[order], whole[order], strict=False):
            assert {n for n in line if line[n] != earlier[n]} <= {"Status"}
    assert {str(lines[0]["DateTime"])[:10] for n, lines in day.items() if n not in again} == {
        "2026-09-27"
    }

    rows = read_all(*declared)
    for entity, changes in (("Customers", "Address"), ("Products", "Price")):
        before, after = (
            {next(iter(row.values())): row for row in rows[f"{entity}_2026-10-{day}.csv"].values()}
            for day in (30, 31)
        )
        corrected = [key for key in after.keys() & before.keys() if after[key] != before[key]]
        assert corrected
        for key in corrected:
            assert {n for n in after[key] if after[key][n] != before[key][n]} == {changes}


def test_guests_buy_as_customer_0(declared: tuple[Path, Ledger]) -> None:
    rows = read_all(*declared)
    guests = [row for row in rows["Customers_2026-10-30.csv"].values() if row["CustomerID"] == "0"]
    assert guests == [{"CustomerID": "0", "Name": "Guest", "Email": "", "Address": ""}]
    for file, share in (
        ("OnlineTransactions_2026-09-26.csv", 0.02),
        ("InStoreTransactions.csv", 0.04),
    ):
        bought = [row["CustomerID"] == "0" for row in rows[file].values()]
        assert sum(bought) / len(bought) == pytest.approx(share, rel=0.3)


def test_the_ledger_knows_what_the_files_add_up_to(
    declared: tuple[Path, Ledger], orders: dict[str, dict[str, list[Row]]]
) -> None:
    newest = {}
    for file in orders.values():
        newest.update(file)
    lines = [line for order in newest.values() for line in order]
    store = list(read_all(*declared)["InStoreTransactions.csv"].values())
    ledger = declared[1]
    for entity, rows in (("online_transactions", lines), ("in_store_transactions", store)):
        key = FIELDS[entity][0].bronze
        counting = [
            (row[key], int(Decimal(str(row["Amount"])) * 100), row["CustomerID"])
            for row in rows
            if row.get("Status") not in NOT_REVENUE
        ]
        refunds = [cents for _, cents, _ in counting if cents < 0]
        assert ledger.entities[entity].kept == len(rows)
        assert ledger.sales[entity] == Sales(
            orders=len({order for order, cents, _ in counting if cents >= 0}),
            revenue=sum(cents for _, cents, _ in counting),
            refunds=len(refunds),
            refunded=-sum(refunds),
        )
        (guests,) = [note for note in ledger.notes if note.entity == entity]
        assert guests == Note(
            "unknown customers",
            entity,
            rows=sum(row["CustomerID"] == "0" for row in rows),
            revenue=sum(cents for _, cents, customer in counting if customer == "0"),
        )
    replaced = len(lines) - sum(len(order) for file in orders.values() for order in file.values())
    assert ledger.entities["online_transactions"].superseded == -replaced


def test_the_sources_say_what_cannot_be_guessed() -> None:
    contract = load_contract(PROJECT)
    said, standard = load_declarations(SOURCES, contract), load_declarations(None, contract)
    (api,) = [each for each in said.apis if each.entity == "online_transactions"]
    assert said.for_entity("online_transactions").rows == api.declaration.rows == "lines"
    assert said.for_entity("customers").unknown_keys == ("0",)
    # Beside that, the sample API is declared as it is for every other run.
    assert [(each.name, each.path, each.pages, each.incremental) for each in said.apis] == [
        (each.name, each.path, each.pages, each.incremental) for each in standard.apis
    ]
