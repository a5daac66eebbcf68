"""The benchmark: the script does the whole job, and the tables say what was measured."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bench import by_hand
from bench.__main__ import check_room
from bench.batches import land_batches
from bench.comparison import different_relations
from bench.files import add_days, drop_malformed_lines, make_days, make_files, split
from bench.measure import measure
from bench.report import (
    Batches,
    Comparison,
    Days,
    Full,
    Side,
    batches_tables,
    comparison_tables,
    day_tables,
    hundred_table,
    product_steps,
)
from demo.generator import generate
from lake.local import LocalLake
from lake.manifest import read_manifests
from tests.support import reference_cleaning as cleaning
from tests.support.layers import OF_PERSONS, RELATIONS, Layers, differences
from tests.support.reference import Batch, Options
from tests.support.reference_contract import read_lists
from warehouse.home import Home

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


# The script finds no persons and keeps no history, and nothing is declared for it to read beyond
# the contract.
NOT_OF_THE_SCRIPT = {
    *("silver.customer_attributes", "silver.customers_history", "silver.loyalty_accounts_history"),
}


@pytest.mark.parametrize("relation", sorted(RELATIONS.keys() - OF_PERSONS - NOT_OF_THE_SCRIPT))
def test_what_the_script_makes_is_the_references(
    by_hand_and_reference: tuple[duckdb.DuckDBPyConnection, Layers], relation: str
) -> None:
    connection, expected = by_hand_and_reference
    # Who is who is not the script's business.
    message = differences(connection, relation, expected, ("person_id", "person_customer_ids"))
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


# --- What arrives ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    make_files(folder / "input", 40_000)
    make_days(folder / "input", 40_000, [folder / "day-1", folder / "day-2"])
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", [name for name in by_hand.ENTITIES if name != "stores"])
def test_a_day_brings_one_percent_of_which_one_in_twenty_corrects(days: Path, name: str) -> None:
    entity = by_hand.ENTITIES[name]
    before = rows_of(days / "input" / entity.file)
    key = [column.source for column in entity.columns if column.name in entity.key]
    if name == "loyalty_accounts":
        key = ["LOYALTYID"]  # as its header is written
    earlier = {tuple(row[part] for part in key): row for row in before}
    seen = set()
    for day in ("day-1", "day-2"):
        if name == "agents" and day == "day-2":  # so few come that there is one for one day
            assert not (days / day / entity.file).exists()
            continue
        arrived = rows_of(days / day / entity.file)
        assert len(arrived) == max(1, round(len(before) * 0.01))
        keys = [tuple(row[part] for part in key) for row in arrived]
        again = [
            (earlier[each], row) for each, row in zip(keys, arrived, strict=True) if each in earlier
        ]
        is_movement = name == "loyalty_transactions"
        assert len(again) == (0 if is_movement else round(len(arrived) * 0.05))
        assert all(old != new for old, new in again)
        assert seen.isdisjoint(keys)
        seen |= set(keys)


def test_days_can_be_added_to_what_was_before(days: Path, tmp_path: Path) -> None:
    shutil.copytree(days / "input", tmp_path / "input")
    add_days(tmp_path / "input", [days / "day-1", days / "day-2"])
    for name in ("OnlineTransactions.csv", "Products.csv", "Stores.csv"):
        parts = [days / part / name for part in ("input", "day-1", "day-2")]
        together = [row for part in parts if part.exists() for row in rows_of(part)]
        assert rows_of(tmp_path / "input" / name) == together
    assert b"\n" not in (tmp_path / "input" / "Products.csv").read_bytes().replace(b"\r\n", b"")


def test_files_are_split_without_loss(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("h\n1\n2\n3\n4\n5\n")
    (tmp_path / "B.csv").write_text("h\nx\n")
    assert list(split(tmp_path, 3)) == [
        {"A.csv": b"h\n1\n"},
        {"A.csv": b"h\n2\n3\n"},
        {"A.csv": b"h\n4\n5\n", "B.csv": b"h\nx\n"},
    ]


def test_batches_are_landed_one_a_day(tmp_path: Path) -> None:
    make_files(tmp_path / "input", 200, dirt=0)
    home = tmp_path / "home"
    land_batches(tmp_path / "input", home, 3)
    manifests = list(read_manifests(LocalLake(Home.at(home).lake)))
    assert len({manifest.batch_id[:8] for manifest in manifests}) == 3
    landed = [record for manifest in manifests for record in manifest.landed]
    rows = sum(len(rows_of(path)) for path in (tmp_path / "input").glob("*.csv"))
    assert sum(record.rows for record in landed) == rows
    assert all((home / "lake" / (record.path or "")).is_file() for record in landed)
    assert [path.name for path in tmp_path.iterdir() if "lake" in path.name] == []


def test_too_little_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"needs 1000000 GB on the disk of .* Choose another"):
        check_room(tmp_path, 10**15)
    check_room(tmp_path, 1)


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
        "✓ Found the home in order … 0.5s\n"
        "✓ Landed 9 files (74.3 MB) … 1.2s\n"
        "✓ Read the dbt project … 3.5s\n"
        "✓ Built silver (20 relations, 15 tests) … 6.0s\n"
        "✓ Found 90 persons behind 99 customers … 2.0s\n"
        "✓ Built gold and marts (25 relations, 50 tests) … 7.0s\n"
        "✓ Read the answers … 0.3s\n"
        "✓ Wrote the report … 0.8s\n"
        "✓ Published 20260101T000000Z-aaaaaa … 0.1s\n"
        "\nLanded 9 files (74.3 MB)   1.2\n"
    )
    assert product_steps(output) == {
        "look after the home": 0.5,
        "land": 1.2,
        "parse": 3.5,
        "silver": 6.0,
        "who is who": 2.0,
        "gold and marts": 7.0,
        "docs": 0.0,
        "report": 0.8,
        "publish": 0.4,
    }


def test_a_comparison_tells_times_memory_and_growth() -> None:
    steps = {"silver": 4.0, "gold": 3.0}
    tiny = Comparison(0.01, Side(8.0, None, {}), Side(1.0, None, {}))
    comparisons = [
        Comparison(
            1,
            Side(13.0, GIBIBYTE, {"land": 2.0, "silver": 10.0}),
            Side(4.0, GIBIBYTE // 2, steps),
        ),
        Comparison(1, Side(14.0, None, {"land": 2.0, "silver": 12.0}), Side(4.0, None, steps)),
        Comparison(
            10,
            Side(48.0, 5 * GIBIBYTE, {"land": 9.0, "silver": 30.5}),
            Side(25.0, GIBIBYTE, steps),
        ),
    ]
    assert comparison_tables(tiny, comparisons) == (
        "| Million transactions | `c360 run`, s | By hand, s | Ratio | Ratio beyond tiny runs | "
        "Aim, s | Met | Peak memory, GiB | By hand, GiB | s per million | s per further million |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 13.0 | 4.0 | 3.25 | 1.67 | 13.0 | yes | 1.00 | 0.50 | 13.00 | – |\n"
        "| 1 | 14.0 | 4.0 | 3.50 | 2.00 | 13.0 | no | – | – | 14.00 | – |\n"
        "| 10 | 48.0 | 25.0 | 1.92 | 1.67 | 55.0 | no | 5.00 | 1.00 | 4.80 | 3.83 |\n"
        "\nAim: at most 2 times by hand and 5 s, under 4 GiB. "
        "Tiny runs are of 0.01 million: `c360 run` 8.0 s, by hand 1.0 s.\n"
        "\nSeconds by step:\n\n"
        "| Million transactions | land | silver | rest | by hand: silver | by hand: gold |\n"
        "| --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 2.0 | 10.0 | 1.0 | 4.0 | 3.0 |\n"
        "| 1 | 2.0 | 12.0 | 0.0 | 4.0 | 3.0 |\n"
        "| 10 | 9.0 | 30.5 | 8.5 | 4.0 | 3.0 |\n"
    )


def test_a_day_is_told_beside_its_full_run_without_what_a_tiny_one_costs() -> None:
    by_hand = Side(9.0, GIBIBYTE, {})
    tiny = Days(0.001, Side(5.0, None, {}), [Side(4.0, None, {}), Side(2.0, None, {})], by_hand)
    measured = [
        Days(
            10,
            Side(25.0, 3 * GIBIBYTE, {"land": 8.0}),
            [Side(4.0, None, {"land": 1.0}), Side(3.0, GIBIBYTE, {"land": 0.5})],
            by_hand,
        ),
        Days(30, Side(65.0, None, {}), [Side(9.0, None, {}), Side(8.0, None, {})], by_hand),
        Days(0.0005, Side(5.0, None, {}), [Side(2.0, None, {}), Side(2.0, None, {})], by_hand),
    ]
    assert day_tables(tiny, measured) == (
        "| Million transactions | Full run, s | Day, s | Day, % of full | "
        "Of what is beyond tiny runs, % | Aim, % | Met | Full, GiB | Day, GiB | "
        "By hand, all again, s |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 10 | 25.0 | 3.0 | 12.0 | 5.0 | 5 | yes | 3.00 | 1.00 | 9.0 |\n"
        "| 30 | 65.0 | 8.0 | 12.3 | 10.0 | 5 | no | – | – | 9.0 |\n"
        "| 0.0005 | 5.0 | 2.0 | 40.0 | – | 5 | – | – | – | 9.0 |\n"
        "\nA day brings 1 % of the rows; the last of 2 days counts. "
        "Tiny runs are of 0.001 million: full 5.0 s, day 2.0 s.\n"
        "\nSeconds by step:\n\n"
        "| Million transactions, run | land | rest |\n"
        "| --: | --: | --: |\n"
        "| 0.001, full | 0.0 | 5.0 |\n"
        "| 0.001, day 1 | 0.0 | 4.0 |\n"
        "| 0.001, day 2 | 0.0 | 2.0 |\n"
        "| 10, full | 8.0 | 17.0 |\n"
        "| 10, day 1 | 1.0 | 3.0 |\n"
        "| 10, day 2 | 0.5 | 2.5 |\n"
        "| 30, full | 0.0 | 65.0 |\n"
        "| 30, day 1 | 0.0 | 9.0 |\n"
        "| 30, day 2 | 0.0 | 8.0 |\n"
        "| 0.0005, full | 0.0 | 5.0 |\n"
        "| 0.0005, day 1 | 0.0 | 2.0 |\n"
        "| 0.0005, day 2 | 0.0 | 2.0 |\n"
    )


def test_many_batches_are_told_beside_few() -> None:
    measured = [
        Batches(
            10,
            100_000,
            Side(8.0, None, {"land": 0.0}),
            Side(4.0, GIBIBYTE, {"land": 1.0}),
            Side(2.0, None, {"land": 0.5}),
        ),
        Batches(2000, 100_000, Side(9.0, None, {}), Side(5.0, None, {}), Side(2.1, None, {})),
    ]
    assert batches_tables(measured) == (
        "| Batches | Transactions | Built, s | Day, s | Day, GiB | Nothing arrived, s | Aim, s | "
        "Met |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 10 | 100,000 | 8.0 | 4.0 | 1.00 | 2.0 | 2 | yes |\n"
        "| 2,000 | 100,000 | 9.0 | 5.0 | – | 2.1 | 2 | no |\n"
        "\nAim: a run in which nothing arrived; "
        "a day takes as long with many batches as with few.\n"
        "\nSeconds by step:\n\n"
        "| Batches, run | land | rest |\n"
        "| --: | --: | --: |\n"
        "| 10, built | 0.0 | 8.0 |\n"
        "| 10, day | 1.0 | 3.0 |\n"
        "| 10, nothing | 0.5 | 1.5 |\n"
        "| 2,000, built | 0.0 | 9.0 |\n"
        "| 2,000, day | 0.0 | 5.0 |\n"
        "| 2,000, nothing | 0.0 | 2.1 |\n"
    )


def test_a_hundred_million_are_told_beside_a_tenth() -> None:
    measured = [
        Full(10, Side(30.0, 3 * GIBIBYTE, {"land": 10.0})),
        Full(100, Side(300.0, 8 * GIBIBYTE, {"land": 90.0})),
    ]
    assert hundred_table(measured) == (
        "| Million transactions | `c360 run`, s | s per million | s per further million | "
        "Peak memory, GiB | Aim, GiB | Met |\n"
        "| --: | --: | --: | --: | --: | --: | --: |\n"
        "| 10 | 30.0 | 3.00 | – | 3.00 | 8 | yes |\n"
        "| 100 | 300.0 | 3.00 | 3.00 | 8.00 | 8 | no |\n"
        "\nSeconds by step:\n\n"
        "| Million transactions | land | rest |\n"
        "| --: | --: | --: |\n"
        "| 10 | 10.0 | 20.0 |\n"
        "| 100 | 90.0 | 210.0 |\n"
    )
