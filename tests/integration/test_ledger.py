"""Every planted defect becomes what the generator's ledger says, and every clean row is kept."""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pytest

from demo.defects import FIELDS
from demo.generator import API_FOLDER, SOURCES, generate
from demo.ledger import Defect, Ledger
from demo.sample_api import create_app, serve
from tests.integration.conftest import TOKEN, Arrival, made_once
from tests.support.command import run_c360

KEYS = {
    entity: [column.silver for column in columns[: 2 if entity == "loyalty_transactions" else 1]]
    for entity, columns in FIELDS.items()
}
CHANNELS = {"online_transactions": "online", "in_store_transactions": "in_store"}


def arrive_declared(work: Path) -> Arrival:
    """Run the command over files that are declared, as those of `c360 demo` are."""
    folder, home = work / "input", work / "home"
    ledger = generate(folder, transactions=6000, seed=7, dirt=0.15, declared=True)
    with serve(create_app(folder / API_FOLDER, TOKEN)) as url:
        run = run_c360(
            *("run", "--input", folder, "--api", url, "--sources", SOURCES, "--home", home),
            C360_API_TOKEN=TOKEN,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    (manifest,) = (home / "lake" / "bronze" / "manifests").glob("*.json")
    warehouse = work / "warehouse.duckdb"  # the name is part of the views in it
    shutil.copyfile(home / "warehouse.duckdb", warehouse)
    return Arrival(folder, ledger, home, warehouse, home / "report", manifest.stem, run.stdout)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Arrival:
    """What is published of declared files; to be read only."""
    return made_once(tmp_path_factory, "demo", arrive_declared)


@pytest.fixture
def demo_warehouse(demo: Arrival) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(demo.warehouse, read_only=True) as connection:
        yield connection


@pytest.fixture(params=["first", "demo"])
def arrival(request: pytest.FixtureRequest) -> Arrival:
    """What is published of files of which nothing, or all that can be, is declared."""
    found: Arrival = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def warehouse(arrival: Arrival) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(arrival.warehouse, read_only=True) as connection:
        yield connection


def test_counts_are_those_of_the_ledger(
    arrival: Arrival, warehouse: duckdb.DuckDBPyConnection
) -> None:
    rejected = _counts(
        warehouse, "select entity, reason, count(*) from silver.rejected_rows group by all"
    )
    superseded = _counts(warehouse, "select entity, reason, row_count from silver.superseded_rows")
    found = {
        entity: rows
        for entity, *rows in warehouse.execute(
            "select entity, bronze_rows, superseded_rows, silver_rows "
            "from silver.row_reconciliation"
        ).fetchall()
    }
    for entity, counts in arrival.ledger.entities.items():
        assert found[entity] == [counts.rows, counts.superseded, counts.kept], entity
        malformed = Counter(malformed_line=counts.malformed_lines)
        assert rejected[entity] == +(Counter(counts.rejected) + malformed), entity
        assert superseded[entity] == +Counter(counts.superseded_why), entity


def test_every_defect_becomes_what_the_ledger_says(
    arrival: Arrival, warehouse: duckdb.DuckDBPyConnection
) -> None:
    silver = {entity: _rows_by_key(warehouse, entity) for entity in KEYS}
    rejected = Counter(
        (entity, reason, _file(source), _text(json.loads(raw)))
        for entity, reason, source, raw in warehouse.execute(
            "select entity, reason, _source_file, raw_row from silver.rejected_rows"
        ).fetchall()
    )
    kinds = Counter(defect.outcome for defect in arrival.ledger.defects)
    assert set(kinds) == {"rejected", "malformed_line", "superseded", "kept"}
    for defect in arrival.ledger.defects:
        if defect.outcome == "malformed_line":
            wanted = (defect.entity, "malformed_line", _file(defect.file), f"{defect.line}")
            assert rejected[wanted], defect
        elif defect.outcome == "rejected":
            assert defect.values is not None
            assert defect.reason is not None
            wanted = (defect.entity, defect.reason, _file(defect.file), _text(defect.values))
            assert rejected[wanted], defect
        else:
            _assert_cleaned(silver[defect.entity], defect)


def test_what_could_not_be_read_is_counted(
    arrival: Arrival, warehouse: duckdb.DuckDBPyConnection
) -> None:
    found: Counter[tuple[str, str, str]] = Counter()
    for *value, rows in warehouse.execute(
        "select entity, column_name, value, row_count from silver.unreadable_values"
    ).fetchall():
        found[tuple(value)] += rows
    assert found == _unreadable(arrival.ledger)


def test_what_was_sold_is_what_the_ledger_says(
    demo: Arrival, demo_warehouse: duckdb.DuckDBPyConnection
) -> None:
    found = {
        channel: amounts
        for channel, *amounts in demo_warehouse.execute(
            """
            select member, total_orders, total_amount, refunds, refunded
            from marts.average_order_value
            inner join (
                select
                    channel,
                    count(*) filter (amount < 0) as refunds,
                    -sum(amount) filter (amount < 0) as refunded
                from marts.purchases
                group by channel
            ) as refunds on member = refunds.channel
            where dimension = 'channel'
            """
        ).fetchall()
    }
    for entity, channel in CHANNELS.items():
        sales = demo.ledger.sales[entity]
        assert sales.refunds
        expected = [sales.orders, _money(sales.revenue), sales.refunds, _money(sales.refunded)]
        assert found[channel] == expected, channel


def test_the_reader_of_the_answers_is_told_what_the_ledger_says(
    demo: Arrival, demo_warehouse: duckdb.DuckDBPyConnection
) -> None:
    by_detail = ("rejected rows", "superseded rows", "unreadable values")
    found = {
        (note, entity, detail if note in by_detail else None): (rows, amount)
        for note, entity, detail, rows, amount in demo_warehouse.execute(
            "select note, entity, detail, rows, amount from marts.data_notes"
        ).fetchall()
    }
    ledger = demo.ledger
    expected: dict[tuple[str, str, str | None], tuple[int, Decimal | None]] = {
        (note.note, note.entity, None): (
            note.rows,
            None if note.revenue is None else _money(note.revenue),
        )
        for note in ledger.notes
    }
    for entity, counts in ledger.entities.items():
        set_aside = {
            "rejected rows": {**counts.rejected, "malformed_line": counts.malformed_lines},
            "superseded rows": counts.superseded_why,
        }
        for note, reasons in set_aside.items():
            for reason, rows in (+Counter(reasons)).items():
                expected[note, entity, reason] = (rows, None)
    unreadable: Counter[tuple[str, str]] = Counter()
    for (entity, column, _), rows in _unreadable(ledger).items():
        unreadable[entity, column] += rows
    for (entity, column), rows in unreadable.items():
        expected["unreadable values", entity, column] = (rows, None)
    assert found == expected


def test_the_ledger_knows_whose_records_all_customers_are(
    arrival: Arrival, warehouse: duckdb.DuckDBPyConnection
) -> None:
    found = {
        id for (id,) in warehouse.execute("select customer_id from silver.customers").fetchall()
    }
    several = {customer for person in arrival.ledger.persons for customer in person}
    lost = [
        defect.key and defect.key["customer_id"]
        for defect in arrival.ledger.defects
        if defect.entity == "customers" and defect.outcome in ("rejected", "malformed_line")
    ]
    assert len(several & found) > 0.15 * len(found)
    # Of some rows that were lost, the key was what was spoiled.
    assert len(several - found - set(lost)) <= lost.count(None)
    assert arrival.ledger.person_of(found).keys() == found


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for entity, reason, rows in connection.execute(query).fetchall():
        found[entity][reason] = rows
    return found


def _unreadable(ledger: Ledger) -> Counter[tuple[str, str, str]]:
    """Return how often each value could not be read, by entity and column."""
    return Counter(
        (defect.entity, column, defect.unreadable[:255])
        for defect in ledger.defects
        if defect.unreadable is not None
        for column in defect.cleaned
    )


def _assert_cleaned(rows: dict[tuple, list[dict[str, str | None]]], defect: Defect) -> None:
    """Look for a row with what the defect is cleaned to and, where it is kept, its other values."""
    assert defect.key is not None
    wanted = {name: None if value is None else str(value) for name, value in defect.cleaned.items()}
    if defect.outcome == "kept" and defect.values is not None:
        for column in FIELDS[defect.entity]:
            value = defect.values.get(column.bronze)
            if column.silver not in wanted and column.silver not in defect.key:
                wanted[column.silver] = value or column.blank
    found = rows[tuple(str(defect.key[column]) for column in KEYS[defect.entity])]
    assert any(all(row[name] == value for name, value in wanted.items()) for row in found), (
        defect,
        found,
    )


def _rows_by_key(
    connection: duckdb.DuckDBPyConnection, entity: str
) -> dict[tuple, list[dict[str, str | None]]]:
    result = connection.execute(f"select * from silver.{entity}")
    names = [column[0] for column in result.description or []]
    rows: dict[tuple, list[dict[str, str | None]]] = defaultdict(list)
    for values in result.fetchall():
        row = dict(zip(names, map(_written, values), strict=True))
        rows[tuple(row[column] for column in KEYS[entity])].append(row)
    return rows


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100


def _written(value: object) -> str | None:
    """Write a value as the ledger does."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return None if value is None else str(value)


def _text(raw: dict[str, Any]) -> str:
    """Tell a raw row by its values, or a malformed line by its number."""
    if "number" in raw and "text" in raw:
        return str(raw["number"])
    # The API's field for what changed is no column of bronze; its number 12.00 is read as 12.
    columns = {
        name: str(value).removesuffix(".00")
        for name, value in sorted(raw.items())
        if value and name != "UpdatedAt"
    }
    return json.dumps(columns)


def _file(path: str) -> str:
    """Name the file; the API's records arrive in pages, which all count as one."""
    return "api" if path.endswith(".jsonl") else PurePosixPath(path).name


def test_persons_are_those_of_the_ledger(
    demo: Arrival, demo_warehouse: duckdb.DuckDBPyConnection
) -> None:
    """Of pairs of customers taken for one person at least 99 % are; F1 is at least 0.97."""
    found = dict(
        demo_warehouse.execute(
            "select customer_id, person_id from gold.customer_persons"
        ).fetchall()
    )
    truth = demo.ledger.person_of(found)

    def pairs(groups: Counter[Any]) -> int:
        return sum(size * (size - 1) // 2 for size in groups.values())

    taken = pairs(Counter(found.values()))
    true = pairs(Counter(truth.values()))
    right = pairs(Counter((found[each], truth[each]) for each in found))
    assert true > 20
    assert right / taken >= 0.99
    assert 2 * right / (taken + true) >= 0.97
