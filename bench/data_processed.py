"""Estimates the data that a serverless SQL pool processes, and so bills, for one build of silver.

`python -m bench.data_processed HOME [FACTOR]` looks at what a local run left in a home: the CSV
files in bronze, and the columns of staging's and silver's Parquet files, which CETAS compresses the
same way (Snappy). It adds up what each statement of `dbt build --target synapse` reads, writes and
passes between nodes, times FACTOR, each statement counting 10 MB at least as the pool's price list
has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as parquet
import yaml

MEGABYTE = 1e6
LEAST = 10 * MEGABYTE  # that a query counts for
MODELS = Path("models/silver/_silver__models.yml")


@dataclass(frozen=True)
class Columns:
    """Bytes of each column of a relation's Parquet files, as they are stored and in memory."""

    stored: dict[str, int]
    plain: dict[str, int]

    @classmethod
    def of(cls, folder: Path) -> Columns:
        """Add up the columns of the newest version in a folder."""
        stored: dict[str, int] = {}
        plain: dict[str, int] = {}
        for file in sorted(max(folder.iterdir()).glob("*.parquet")):
            metadata = parquet.read_metadata(file)
            for group in range(metadata.num_row_groups):
                for place in range(metadata.num_columns):
                    chunk = metadata.row_group(group).column(place)
                    name = chunk.path_in_schema
                    stored[name] = stored.get(name, 0) + chunk.total_compressed_size
                    plain[name] = plain.get(name, 0) + chunk.total_uncompressed_size
        return cls(stored, plain)

    def read(self, names: Iterable[str] | None = None) -> int:
        """Return what reading some columns, or all, takes from storage."""
        return sum(self.stored[name] for name in (names or self.stored))


def estimate(lake: Path, factor: float) -> dict[str, float]:
    """Return the bytes processed by kind of statement."""
    declared = yaml.safe_load(MODELS.read_text(encoding="utf-8"))["models"]
    keys = {m["name"]: m["config"]["meta"]["key"] for m in declared if "config" in m}
    tests = {m["name"]: m.get("data_tests", []) for m in declared}
    staged = {name: Columns.of(lake / "staging" / f"stg_{name}") for name in keys}
    silver = {m["name"]: Columns.of(lake / "silver" / m["name"]) for m in declared}
    totals = dict.fromkeys(("staging", "silver", "rejected rows, reconciliation", "tests"), 0.0)

    def add(kind: str, size: float) -> None:
        totals[kind] += max(size * factor, LEAST)

    rejected, counted = 0, 0
    for name, key in keys.items():
        files = (lake / "bronze" / name).rglob("*")
        raw = sum(file.stat().st_size for file in files if file.is_file())
        good = [column for column in staged[name].stored if column != "raw_row"]
        passed = sum(staged[name].plain[column] for column in good)  # to the node of its key
        add("staging", raw + staged[name].read())
        add("silver", staged[name].read(good) + passed + silver[name].read())
        rejected += staged[name].read(("reject_reason", "raw_row", "_source_file", "_batch_id"))
        counted += staged[name].read((*key, "reject_reason")) + min(silver[name].stored.values())
    add("rejected rows, reconciliation", rejected + silver["rejected_rows"].read())
    add("rejected rows, reconciliation", counted + silver["row_reconciliation"].read())
    for name, declared_tests in tests.items():
        for test in declared_tests:
            ((_, given),) = test.items()
            arguments = given["arguments"]
            columns = arguments.get("columns") or [
                arguments.get("column") or arguments["column_name"]
            ]
            add("tests", silver[name].read(columns))
    return totals


def main(home: str, factor: str = "1") -> None:
    """Print the estimate for a home, for so many times its data."""
    totals = estimate(Path(home) / "lake", float(factor))
    for kind, size in (*totals.items(), ("all", sum(totals.values()))):
        print(f"{kind:32}{size / MEGABYTE:10,.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
