"""The benchmark: the script does the whole job, and the tables say what was measured."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bench import by_hand
from bench.__main__ import different_relations, drop_malformed_lines
from bench.measure import measure
from bench.report import Comparison, Side, product_steps, tables
from demo.generator import generate
from tests.support import reference_cleaning as cleaning
from tests.support.layers import RELATIONS, Layers, differences
from tests.support.reference import Batch, Options
from tests.support.reference_contract import read_lists

GIBIBYTE = 2**30
BATCH = "20261030T000000Z-aaaaaa"  # what happened on the data's last day is still to come


# --- The script against the reference ----------------------------------------------------------


@pytest.fixture(scope="module")
def by_hand_and_reference(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Layers]]:
    work = tmp_path_factory.mktemp("bench")
    ledger = generate(work / "input", transactions=4000, seed=5, dirt=0.2, newest_share=0)
    drop_malformed_lines(work / "input", ledger)
    script = by_hand.Script(work / "input", work / "output", BATCH)
    script.run()
    with duckdb.connect(script.warehouse, read_only=True) as connection:
        yield connection, Layers.of([Batch.of_folder(BATCH, work / "input")], Options())


@pytest.mark.parametrize("relation", RELATIONS)
def test_what_the_script_makes_is_the_references(
    by_hand_and_reference: tuple[duckdb.DuckDBPyConnection, Layers], relation: str
) -> None:
    connection, expected = by_hand_and_reference
    message = differences(connection, relation, expected)
    assert message is None, f"{relation} differs from the reference: {message}"


def test_the_files_have_what_the_rules_are_for(
    by_hand_and_reference: tuple[duckdb.DuckDBPyConnection, Layers],
) -> None:
    _, expected = by_hand_and_reference
    # The lines that only landing can judge were taken out.
    assert {row["reason"] for row in expected.silver.rejected} == {
        "invalid_key",
        "invalid_datetime",
        "invalid_amount",
    }
    assert {row["reason"] for row in expected.silver.superseded} == {"identical", "newer"}
    assert {row["note"] for row in expected.marts["data_notes"]} >= {
        "unknown customers",
        "unlisted status",
        "implausible times",
        "unreadable values",
    }
    assert any(row["refunds"] for row in expected.marts["customer_360"])
    assert any(row["line_number"] > 1 for row in expected.gold["fct_loyalty_transactions"])


TIMES = [
    "2024-02-29 23:59:59", "2024-02-29T23:59", "2023-02-29 10:00:00", "2024-02-29",
    "2024-01-01 24:00:00", "2024-01-01T10:00:00.999999Z", "2024-01-01T00:30:00+05:30",
    "2024-01-01 00:30-0330", "2024-01-01+02:00", "2024-01-01 10", "2024-1-1 10:00:00",
    "0000-12-31T23:00:00-05:00", "0001-01-01 00:00:00", "0001-01-01T00:00:00+01:00",
    "9999-12-31 23:59:59", "9999-12-31T23:59:59-00:01", "10000-01-01 00:00:00",
    "2024-01-01T10:00:00+24:00", "2024-01-01T10:00:60", "2024-01-01T10:00:00z",
    "2024/1/5", "2024/01-05", "2024-01-05  9:05", "2024-01-05t09:05:07.1234567890",
    "2024-01-05 10:00:00 +02", "2024-01-05 10:00:00  UTC", "2024-01-05 10:00 utc",
    "2024-01-05 10.5", "2024-01-05 10:00.5", "2024-01-05T 10:00", "2024-1-5 9:5",
    "1/2/2024", "01/02/2024 9:05", "1/2/2024 12:00 AM", "1/2/2024 12:30:15 pm", "1/2/2024 13:00 PM",
    "1/2/2024 0:00 AM", "1/2/2024 1:05PM", "1/2/2024  1:05", "1/2/2024 1:05  PM",
    "1/2/2024 1:05:07.5", "1/2/2024 24:00", "13/1/2024", "2/30/2024", "1/2/0000", "1/2/24",
    "\u00a0 2024-02-29 23:59:59\t", "infinity", "epoch", "", "  ", None,
]  # fmt: skip
NUMBERS = [
    "1", "-1", "+1", "007", " 7\n", "7.", ".5", "-.5", ".", "+", "", "12.5", "1e3", "1,234.50",
    "$5", "17850.0", "-7.000", "'17", "'-7.0", "''7", "+'7",
    "2.345", "-2.345", "1.005", "9999999999999999.99", "9999999999999999.994",
    "9999999999999999.995", "10000000000000000", "9223372036854775807.0",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-0", "-0.001", "0x1F",
    "1_000", "NaN", "infinity", "true", None,
]  # fmt: skip
TEXTS = [
    "Ann", "Jo Ann", " Ann", "Ann\u00a0", "\tAnn\n", "", " ", None, "NULL", " null ", "Null", r"\N",
    "N/A", "n/a", "N/a", "#N/A", "NaN", "nan", "None", "none", "NONE", "a" * 20, "a" * 21,
    "a" * 19 + " b", "\u00e9" * 21, "Zo\u00eb", "~a~a~", "-",
]  # fmt: skip
STATUSES = [
    "Shipped", "shipped", " SHIPPED ", "Canceled", "wc-cancelled", "CANCELLED BY CUSTOMER", "Paid",
    "Backordered", "Awaiting Pickup at the Store", "n/a", "", None,
]  # fmt: skip


@pytest.mark.parametrize(
    ("macro", "values", "rule"),
    [
        ("slow_time", TIMES, cleaning.time),
        ("slow_date", TIMES, cleaning.day),
        ("slow_integer", NUMBERS, cleaning.integer),
        ("slow_amount", NUMBERS, cleaning.amount),
    ],
)
def test_unusual_values_are_read_as_the_contract_says(
    macro: str, values: list[str | None], rule: Any
) -> None:
    with duckdb.connect() as connection:
        connection.execute((by_hand.HERE / "silver.sql").read_text(encoding="utf-8"))
        found = connection.execute(
            f"select value, {macro}(value) from (select unnest($1::varchar[]) as value)", [values]
        ).fetchall()
    assert found == [(value, rule(value)) for value in values]


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        (
            by_hand.Column("Raw", "name", "text", 20),
            TEXTS,
            lambda value: cleaning.text(value, 20) or "Unknown",
        ),
        (
            by_hand.Column("Raw", "status", "text", 20, by_hand.STATUSES),
            STATUSES,
            lambda value: cleaning.text(value, 20, read_lists().words("status")) or "Unknown",
        ),
    ],
)
def test_texts_are_read_as_the_contract_says(
    column: by_hand.Column, values: list[str | None], rule: Any
) -> None:
    with duckdb.connect() as connection:
        connection.execute((by_hand.HERE / "silver.sql").read_text(encoding="utf-8"))
        found = connection.execute(
            f"select Raw, {by_hand.cleaned_value(column)} from (select unnest($1) as Raw)",
            [values],
        ).fetchall()
    assert found == [(value, rule(value)) for value in values]


def test_warehouses_that_differ_are_told(tmp_path: Path) -> None:
    paths = [tmp_path / name / "warehouse.duckdb" for name in ("home", "by_hand")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        with duckdb.connect(path) as connection:
            connection.execute("create schema marts")
            connection.execute("create view marts.same as select 1 as n, null as nothing")
            connection.execute(f"create table marts.other as select {number} as n")
    assert different_relations(*paths) == ["marts.other"]


# --- Measuring ---------------------------------------------------------------------------------


def test_memory_of_child_processes_counts(tmp_path: Path) -> None:
    child = "import time; block = b'x' * 200_000_000; time.sleep(1)"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    measured = measure([sys.executable, "-c", parent], tmp_path, dict(os.environ), tmp_path / "log")
    assert measured.seconds >= 1
    assert (measured.peak_bytes is None) != Path("/proc/self/stat").exists()
    assert measured.peak_bytes is None or measured.peak_bytes > 200_000_000


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such folder')"]
    with pytest.raises(RuntimeError, match="no such folder"):
        measure(command, tmp_path, dict(os.environ), tmp_path / "log")


# --- Tables ------------------------------------------------------------------------------------


def test_steps_are_read_from_what_a_run_prints() -> None:
    output = (
        "✓ Started Prefect … 5.0s\n"
        "✓ Found the home in order … 0.5s\n"
        "✓ Landed 9 files (74.3 MB) … 1.2s\n"
        "✓ Read the dbt project … 3.5s\n"
        "✓ Built silver (20 relations, 15 tests) … 6.0s\n"
        "✓ Built gold and marts (25 relations, 50 tests) … 7.0s\n"
        "✓ Wrote the report … 0.8s\n"
        "✓ Published 20260101T000000Z-aaaaaa … 0.1s\n"
        "\nLanded 9 files (74.3 MB)   1.2\n"
    )
    assert product_steps(output) == {
        "start": 5.5,
        "land": 1.2,
        "parse": 3.5,
        "silver": 6.0,
        "gold and marts": 7.0,
        "docs": 0.0,
        "report": 0.8,
        "publish": 0.1,
    }


def test_tables_tell_times_memory_and_growth() -> None:
    steps = {"silver": 4.0, "gold": 3.0}
    comparisons = [
        Comparison(
            1,
            Side(20.0, GIBIBYTE, {"land": 2.0, "silver": 10.0}),
            Side(4.0, GIBIBYTE // 2, steps),
        ),
        Comparison(1, Side(22.0, None, {"land": 2.0, "silver": 12.0}), Side(4.0, None, steps)),
        Comparison(
            10,
            Side(48.0, 5 * GIBIBYTE, {"land": 9.0, "silver": 30.5}),
            Side(25.0, GIBIBYTE, steps),
        ),
    ]
    assert tables(comparisons) == (
        "| Million transactions | `c360 run`, s | By hand, s | Ratio | Aim, s | Met | "
        "Peak memory, GiB | By hand, GiB | s per million | s per further million |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 20.0 | 4.0 | 5.00 | 21.0 | yes | 1.00 | 0.50 | 20.00 | – |\n"
        "| 1 | 22.0 | 4.0 | 5.50 | 21.0 | no | – | – | 22.00 | – |\n"
        "| 10 | 48.0 | 25.0 | 1.92 | 52.5 | no | 5.00 | 1.00 | 4.80 | 3.00 |\n"
        "\nAim: at most 1.5 times by hand and 15 s, under 4 GiB.\n"
        "\nSeconds by step:\n\n"
        "| Million transactions | land | silver | rest | by hand: silver | by hand: gold |\n"
        "| --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 2.0 | 10.0 | 8.0 | 4.0 | 3.0 |\n"
        "| 1 | 2.0 | 12.0 | 8.0 | 4.0 | 3.0 |\n"
        "| 10 | 9.0 | 30.5 | 8.5 | 4.0 | 3.0 |\n"
    )
