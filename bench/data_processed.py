"""Estimates the data that a serverless SQL pool processes, and so bills, for one build of silver.

`python -m bench.data_processed HOME [FACTOR]` looks at what a local run left in a home: the columns
of the Parquet files of bronze, and of those of staging and silver, which CETAS compresses the same
way (Snappy). It adds up what each statement of `dbt build --target synapse` reads, writes and
passes between nodes, times FACTOR, each statement counting 10 MB at least as the pool's price list
has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
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
    def of(cls, files: Iterable[Path]) -> Columns:
        """Add up the columns of files."""
        stored: dict[str, int] = {}
        plain: dict[str, int] = {}
        for file in files:
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
    tests = {m["name"]: m.get("data_tests", []) for m in declared}
    staged = {
        name.removeprefix("stg_"): Columns.of(_newest(lake / "staging" / name))
        for name in tests
        if name.startswith("stg_")
    }
    silver = {
        name: Columns.of(_newest(lake / "silver" / name))
        for name in tests
        if not name.startswith("stg_")
    }
    totals = dict.fromkeys(("staging", "silver", "accounts of rows", "tests"), 0.0)

    def add(kind: str, size: float) -> None:
        totals[kind] += max(size * factor, LEAST)

    # What is read for each of the accounts; row_reconciliation reads two others, and counts silver.
    account = {
        "rejected_rows": 0,
        "superseded_rows": 0,
        "unreadable_values": 0,
        "unknown_keys": 0,
        "row_reconciliation": silver["rejected_rows"].read(["entity"])
        + silver["superseded_rows"].read(),
    }
    for name, columns in staged.items():
        bronze = Columns.of((lake / "bronze" / "rows" / name).rglob("*.parquet"))
        good = [column for column in columns.stored if column != "raw_row"]
        passed = sum(columns.plain[column] for column in good)  # to the node of its key
        add("staging", bronze.read() + columns.read())
        add("silver", columns.read(good) + passed + silver[name].read())
        account["rejected_rows"] += columns.read(
            ("reject_reason", "raw_row", "_source_file", "_batch_id")
        )
        account["superseded_rows"] += columns.read(good) + passed
        if unreadable := [column for column in good if column.startswith("unreadable_")]:
            account["unreadable_values"] += columns.read(
                (*unreadable, "reject_reason", "_batch_id")
            )
        account["row_reconciliation"] += min(silver[name].stored.values())
    for name, size in account.items():
        add("accounts of rows", size + silver[name].read())
    for name, declared_tests in tests.items():
        for test in declared_tests:
            arguments = {} if isinstance(test, str) else next(iter(test.values()))["arguments"]
            one = arguments.get("column") or arguments.get("column_name")
            others = [arguments[key] for key in ("of", "amount") if key in arguments]
            tested = [one, *others] if one else arguments.get("columns")
            add("tests", silver[name].read(tested))
    return totals


def _newest(folder: Path) -> Iterator[Path]:
    """Return the files of the newest version in a folder."""
    return max(folder.iterdir()).glob("*.parquet")


def main(home: str, factor: str = "1") -> None:
    """Print the estimate for a home, for so many times its data."""
    totals = estimate(Path(home) / "lake", float(factor))
    for kind, size in (*totals.items(), ("all", sum(totals.values()))):
        print(f"{kind:32}{size / MEGABYTE:10,.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
