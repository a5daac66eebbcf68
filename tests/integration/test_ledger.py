"""Every planted defect becomes what the generator's ledger says, and every clean row is kept."""

import json
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import duckdb

from demo.ledger import Defect
from tests.integration.conftest import Arrival
from tests.integration.test_against_reference import KEYS


def test_counts_are_those_of_the_ledger(first: Arrival) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        reasons: dict[str, Counter[str]] = defaultdict(Counter)
        for entity, reason, rows in connection.execute(
            "select entity, reason, count(*) from silver.rejected_rows group by entity, reason"
        ).fetchall():
            reasons[entity][reason] = rows
        found = {
            entity: (bronze, superseded, silver)
            for entity, bronze, superseded, silver in connection.execute(
                "select entity, bronze_rows, superseded_rows, silver_rows "
                "from silver.row_reconciliation"
            ).fetchall()
        }
    for entity, counts in first.ledger.entities.items():
        assert found[entity] == (counts.rows, counts.superseded, counts.kept), entity
        malformed = Counter(malformed_line=counts.malformed_lines)
        assert reasons[entity] == +(Counter(counts.rejected) + malformed), entity


def test_every_defect_becomes_what_the_ledger_says(first: Arrival) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        silver = {entity: _rows_by_key(connection, entity) for entity in KEYS}
        rejected = Counter(
            (entity, reason, _file(source), _text(json.loads(raw)))
            for entity, reason, source, raw in connection.execute(
                "select entity, reason, _source_file, raw_row from silver.rejected_rows"
            ).fetchall()
        )
    kinds = Counter(defect.outcome for defect in first.ledger.defects)
    assert set(kinds) == {"rejected", "malformed_line", "superseded", "kept"}
    for defect in first.ledger.defects:
        if defect.outcome == "malformed_line":
            wanted = (defect.entity, "malformed_line", _file(defect.file), f"{defect.line}")
            assert rejected[wanted], defect
        elif defect.outcome == "rejected":
            assert defect.values is not None
            wanted = (defect.entity, defect.reason, _file(defect.file), _text(defect.values))
            assert rejected[wanted], defect
        else:
            _assert_cleaned(silver[defect.entity], defect)


def _assert_cleaned(rows: dict[tuple, dict[str, Any]], defect: Defect) -> None:
    assert defect.key is not None
    row = rows[tuple(str(defect.key[column]) for column in KEYS[defect.entity])]
    for column, value in defect.cleaned.items():
        assert row[column] == (None if value is None else str(value)), (column, defect)


def _rows_by_key(
    connection: duckdb.DuckDBPyConnection, entity: str
) -> dict[tuple, dict[str, str | None]]:
    result = connection.execute(f"select * from silver.{entity}")
    names = [column[0] for column in result.description or []]
    rows = [dict(zip(names, map(_written, row), strict=True)) for row in result.fetchall()]
    return {tuple(row[column] for column in KEYS[entity]): row for row in rows}


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
    # The API's field for what changed is no column of bronze.
    columns = {name: value for name, value in raw.items() if name != "UpdatedAt"}
    return json.dumps({name: str(value) for name, value in sorted(columns.items()) if value})


def _file(path: str) -> str:
    """Name the file; the API's records arrive in pages, which all count as one."""
    return "api" if path.endswith(".jsonl") else PurePosixPath(path).name
