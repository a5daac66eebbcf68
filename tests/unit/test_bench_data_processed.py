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
    """A lake with two batches and tables of 100 rows of each entity."""
    for name in SILVER:
        columns = ", ".join(f"range as {column}" for column in SILVER[name])
        write(tmp_path / "silver" / name / "v1" / "x.parquet", columns)
        if name in ENTITIES:
            staged = f"{columns}, range as unreadable_x, range as reject_reason, range as raw_row"
            write(tmp_path / "staging" / f"stg_{name}" / "v1" / "x.parquet", staged)
            write(tmp_path / "staging" / f"stg_{name}" / "v0" / "old.parquet", staged)
            for batch in ("b1", "b2"):
                rows = tmp_path / "bronze" / "rows" / name / batch / "x.csv.parquet"
                write(rows, "range as raw, range as _row_number")
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
    tests = 9 + 5 + 2 + 1  # keys, columns with listed values, reasons, unreadable values
    assert totals == {
        "staging": 90e6,
        "silver": 90e6,
        "accounts of rows": 50e6,  # rejected, superseded, unreadable, unknown keys, reconciliation
        "tests": tests * 10e6,
    }


def test_staging_reads_the_files_and_writes_its_columns(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    sizes = [
        stored(lake / "bronze" / "rows" / name / "b1" / "x.csv.parquet")
        + stored(lake / "bronze" / "rows" / name / "b2" / "x.csv.parquet")
        + stored(lake / "staging" / f"stg_{name}" / "v1" / "x.parquet")
        for name in ENTITIES
    ]
    factor = 1e6
    assert data_processed.estimate(lake, factor)["staging"] == sum(sizes) * factor
