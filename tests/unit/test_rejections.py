"""When most of what arrived cannot be used: a run says why, shows it, and what to declare."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.rejections import most_rejected_share, problem
from ingest.contract import load_contract
from ingest.declarations import Declaration, Declarations
from lake.errors import C360Error
from lake.local import LocalLake
from lake.manifest import FileRecord, Manifest
from lake.versions import Published

PROJECT = Path(__file__).parents[2]
CONTRACT = load_contract(PROJECT)
B1, B2 = (f"2026010{day}T000000Z-aaaaaa" for day in (1, 2))
FILE = "OnlineTransactions.csv"

Told = Callable[..., str | None]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Land files of so many rows and reject some of them; return what is told of it."""

    def tell(
        arrived: dict[str, int],
        rejected: dict[str, list[tuple[str, dict[str, Any]]]],
        *,
        silver: int = 0,
        published: list[str] | None = None,
        source: str = FILE,
        entity: str = "online_transactions",
        read_as: dict[str, Any] | None = None,
        declared: Declaration | None = None,
    ) -> str | None:
        lake = LocalLake(tmp_path / str(len(list(tmp_path.iterdir()))))
        with duckdb.connect() as connection:
            connection.execute(
                f"""
                create schema silver;
                create table silver.rejected_rows (
                    entity text, reason text, raw_row text, _source_file text, _batch_id text
                );
                create table silver.row_reconciliation as
                select '{entity}' as entity, 0 as bronze_rows, 0 as rejected_rows,
                    0 as superseded_rows, {silver} as silver_rows
                """
            )
            for batch, rows in arrived.items():
                bad = rejected.get(batch, [])
                lines = sum(reason == "malformed_line" for reason, _ in bad)
                path = f"bronze/{entity}/{batch}/{FILE}"
                record = FileRecord(entity, source, path, "csv", batch, 1, read_as=read_as or {})
                record.rows, record.malformed_rows = rows - lines, lines
                Manifest(batch, "2026-01-01T00:00:00Z", [record]).write(lake)
                for reason, raw in bad:
                    connection.execute(
                        "insert into silver.rejected_rows values (?, ?, ?, ?, ?)",
                        [entity, reason, json.dumps(raw), FILE, batch],
                    )
            return problem(
                lambda sql: connection.execute(sql).fetchall(),
                lake,
                CONTRACT,
                Declarations(Path("sources.yml"), files={entity: declared or Declaration()}),
                Published(B1, "", published, {}) if published is not None else None,
                0.5,
            )

    return tell


def times(count: int, value: str = "23.11.2026 10:00") -> list[tuple[str, dict[str, Any]]]:
    return [("invalid_datetime", {"OrderID": str(n), "DateTime": value}) for n in range(count)]


@pytest.mark.parametrize(
    ("rows", "bad", "silver", "stops"),
    [
        (100, 51, 1000, True),
        (100, 50, 1000, False),  # not over half
        (20, 11, 1000, True),
        (19, 18, 1000, False),  # too few to tell
        (3, 3, 0, True),  # none can be used, and none are there from before
        (3, 3, 1, False),
        (0, 0, 0, False),
    ],
)
def test_a_run_stops_when_most_cannot_be_used(
    told: Told, rows: int, bad: int, silver: int, stops: bool
) -> None:
    assert bool(told({B1: rows}, {B1: times(bad)}, silver=silver)) == stops


def test_only_what_is_not_published_yet_is_looked_at(told: Told) -> None:
    rejected = {B1: times(100), B2: times(10)}
    assert not told({B1: 100, B2: 100}, rejected, silver=90, published=[B1])
    assert told({B1: 100, B2: 100}, rejected, silver=90, published=[])
    assert told({B1: 100, B2: 100}, rejected, silver=90)
    assert not told({B1: 100}, rejected, published=[B1])


def test_what_was_read_again_as_declared_now_is_looked_at_again(told: Told) -> None:
    arrived, rejected = {B1: 100}, {B1: times(100)}
    assert told(arrived, rejected, silver=9, published=[B1], read_as={"declared_in": B2})
    assert not told(arrived, rejected, silver=9, published=[B1], read_as={"declared_in": B1})


def test_the_message_tells_what_and_why_and_what_to_declare(told: Told) -> None:
    rejected = [*times(40), *times(19, "13/13/2026"), ("invalid_key", {"OrderID": None})]
    assert told({B1: 1000, B2: 100}, {B2: rejected}, silver=1000, published=[B1]) == (
        "online_transactions: 60 of the 100 new rows cannot be used (invalid_datetime 59, "
        "invalid_key 1), such as DateTime '23.11.2026 10:00'; DateTime '13/13/2026'; OrderID "
        "blank. If they are written so on purpose, declare dates, datetime_formats or epoch; or "
        "keys: text under files.online_transactions in sources.yml."
    )


@pytest.mark.parametrize(
    ("entity", "reason", "raw", "example", "remedy"),
    [
        ("online_transactions", "invalid_key", {"OrderID": "A-7"}, "OrderID 'A-7'", "keys: text"),
        (
            "online_transactions",
            "invalid_amount",
            {"Amount": "1.234,50 €"},
            "Amount '1.234,50 €'",
            "decimal, thousands, currency_signs or negatives",
        ),
        (
            "loyalty_transactions",
            "invalid_key",
            {"LoyaltyID": "7", "DateTime": "today"},
            "LoyaltyID '7', DateTime 'today'",
            "keys: text; or dates, datetime_formats or epoch",
        ),
        (
            "customers",
            "malformed_line",
            {"number": 7, "text": "8;Wilhelmina Doe", "error": "1 field where the header has 4"},
            "line 7: 1 field where the header has 4",
            "delimiter",
        ),
    ],
)
def test_each_reason_has_its_example_and_its_remedy(
    told: Told, entity: str, reason: str, raw: dict[str, Any], example: str, remedy: str
) -> None:
    text = told({B1: 1}, {B1: [(reason, raw)]}, entity=entity)
    assert text
    assert f"such as {example}. " in text
    assert f"declare {remedy} under files.{entity} in" in text
    assert "Wilhelmina" not in text


TOO_LARGE = {
    "key": ("OrderID", "9223372036854775808"),
    "key with a point": ("OrderID", "-99999999999999999999.0"),
    "amount": ("Amount", "9999999999999999.995"),
    "points": ("PointsChange", "9" * 20),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_a_value_too_large_for_its_column_is_named_so(told: Told, kind: str) -> None:
    column, value = TOO_LARGE[kind]
    reason = "invalid_key" if column == "OrderID" else "invalid_amount"
    entity = "loyalty_transactions" if kind == "points" else "online_transactions"
    text = told({B1: 1}, {B1: [(reason, {column: f" {value} "})]}, entity=entity)
    assert text
    assert f"{value} ' (too large). " in text


@pytest.mark.parametrize("value", ["9223372036854775807", "1e3", "5 apples", ""])
def test_others_are_not(told: Told, value: str) -> None:
    text = told({B1: 1}, {B1: [("invalid_key", {"OrderID": value})]})
    assert text
    assert "too large" not in text


def test_of_text_keys_what_is_too_long_is_named_so(told: Told) -> None:
    rejected = [("invalid_key", {"OrderID": value}) for value in ("A" * 65, "A" * 64, "9" * 20)]
    text = told({B1: 3}, {B1: rejected}, declared=Declaration(keys="text"))
    assert text
    assert f"'{'A' * 39}…' (too long); OrderID '{'A' * 39}…'; OrderID '{'9' * 20}'. If" in text
    assert "declare columns or expressions under" in text


def test_an_amount_without_a_rate_is_named_so(told: Told) -> None:
    rejected = [("invalid_amount", {"Amount": "10.00", "Currency": "XYZ"})]
    text = told({B1: 1}, {B1: rejected})
    assert text
    assert "such as Amount '10.00' in 'XYZ' (no rate). " in text
    assert "put the rates that are missing into the seed exchange_rates." in text


def test_values_are_cut_and_cannot_command_a_terminal(told: Told) -> None:
    text = told({B1: 2}, {B1: [*times(1, "\x1b[31m" + "9" * 60), *times(1, "x" * 40)]})
    assert text
    assert f"DateTime '\\x1b[31m{'9' * 34}…'" in text
    assert f"DateTime '{'x' * 40}'" in text


def test_no_more_than_three_examples_are_shown(told: Told) -> None:
    rejected = [row for n in range(9) for row in times(3, f"value {n}")]
    text = told({B1: 27}, {B1: rejected})
    assert text
    assert text.count("DateTime '") == 3


def test_the_place_of_an_api_is_its_entry(told: Told) -> None:
    text = told({B1: 1}, {B1: times(1)}, source="api:customer-orders")
    assert text
    assert "declare dates, datetime_formats or epoch for the API customer-orders in" in text


def test_the_share_is_a_variable_of_dbt(tmp_path: Path) -> None:
    assert most_rejected_share(PROJECT) == 0.5
    (tmp_path / "dbt_project.yml").write_text("vars: {most_rejected_share: half}")
    with pytest.raises(C360Error, match=r"most_rejected_share in .* must be a number"):
        most_rejected_share(tmp_path)
