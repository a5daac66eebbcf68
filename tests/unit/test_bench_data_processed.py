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
    """A lake with a file of 1,000 bytes and tables of 100 rows of each entity."""
    for name in SILVER:
        columns = ", ".join(f"range as {column}" for column in SILVER[name])
        write(tmp_path / "silver" / name / "v1" / "x.parquet", columns)
        if name in ENTITIES:
            staged = f"{columns}, range as reject_reason, range as raw_row"
            write(tmp_path / "staging" / f"stg_{name}" / "v1" / "x.parquet", staged)
            write(tmp_path / "staging" / f"stg_{name}" / "v0" / "old.parquet", staged)
            (tmp_path / "bronze" / name / "b1").mkdir(parents=True)
            (tmp_path / "bronze" / name / "b1" / "x.csv").write_bytes(b"x" * 1000)
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
    tests = 9 + 5 + 1  # keys, columns with listed values, the reasons of rejected rows
    assert totals == {
        "staging": 90e6,
        "silver": 90e6,
        "rejected rows, reconciliation": 20e6,
        "tests": tests * 10e6,
    }


def test_staging_reads_the_files_and_writes_its_columns(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    sizes = [
        1000 + stored(lake / "staging" / f"stg_{name}" / "v1" / "x.parquet") for name in ENTITIES
    ]
    factor = 1e6
    assert data_processed.estimate(lake, factor)["staging"] == sum(sizes) * factor
