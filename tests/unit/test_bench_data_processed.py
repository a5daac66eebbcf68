"""The estimate of what a serverless pool bills counts the bytes that are there."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as parquet
import pytest

from bench import data_processed
from ingest.contract import load_contract
from tests.support.render import PROJECT
from tests.unit.test_dbt_project import SILVER

ENTITIES = list(load_contract(PROJECT))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with two batches and tables of 100 rows of each entity, and two of agents."""
    silver = tmp_path / "silver"
    for name in SILVER:
        columns = ", ".join(f"range as {column}" for column in SILVER[name])
        write(silver / name / "v1" / "x.parquet", columns)
        if name not in ENTITIES:
            continue
        for version in ("v1", "v2") if name == "agents" else ("v1",):
            staged = f"{columns}, range as unreadable_x, range as reject_reason, range as raw_row"
            write(silver / "staging" / name / version / "x.parquet", staged)
            told = f"{columns}, range as fate, range as row_count"
            write(silver / "superseded" / name / version / "x.parquet", told)
        for batch in ("b1", "b2"):
            rows = tmp_path / "bronze" / "rows" / name / batch / "x.csv.parquet"
            write(rows, "range as raw, range as _row_number")
    agents = ", ".join(f"range as {column}" for column in SILVER["agents"])
    write(silver / "agents" / "v2" / "x.parquet", agents)
    return tmp_path


def write(path: Path, columns: str) -> None:
    path.parent.mkdir(parents=True)
    duckdb.sql(f"copy (select {columns} from range(100)) to '{path}' (format parquet)")


def stored(path: Path) -> int:
    metadata = parquet.read_metadata(path)
    return sum(
        metadata.row_group(0).column(place).total_compressed_size
        for place in range(metadata.num_columns)
    )


def test_each_statement_counts_for_ten_megabytes_at_least(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    totals = data_processed.estimate(lake, 1)
    # Keys, columns with listed values, reasons, unreadable values; keys and periods of histories.
    tests = 10 + 5 + 2 + 1 + 2 * 2
    assert totals == {
        "staging": 90e6,
        "silver": 180e6,  # what counts, and what does not
        # Rejected, superseded, unreadable, unknown keys, attributes, reconciliation, 2 histories.
        "accounts of rows": 80e6,
        "tests": tests * 10e6,
    }
    assert data_processed.estimate_day(lake, 1) == {
        "staging": 10e6,  # of agents alone
        "silver": 40e6,  # judged, counted and not counted, and how many there are
        "accounts of rows": 80e6,
        "tests": tests * 10e6,
    }


def test_staging_reads_the_files_and_writes_its_columns(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    sizes = [
        stored(lake / "bronze" / "rows" / name / "b1" / "x.csv.parquet")
        + stored(lake / "bronze" / "rows" / name / "b2" / "x.csv.parquet")
        + sum(map(stored, (lake / "silver" / "staging" / name).rglob("*.parquet")))
        for name in ENTITIES
    ]
    factor = 1e6
    assert data_processed.estimate(lake, factor)["staging"] == sum(sizes) * factor
    arrived = stored(lake / "bronze" / "rows" / "agents" / "b2" / "x.csv.parquet")
    arrived += stored(lake / "silver" / "staging" / "agents" / "v2" / "x.parquet")
    assert data_processed.estimate_day(lake, factor)["staging"] == arrived * factor
