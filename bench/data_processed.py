"""Estimates the data that a serverless SQL pool processes, and so bills, for builds of silver.

`python -m bench.data_processed HOME [FACTOR]` looks at what local runs left in a home: the columns
of the Parquet files of bronze, and of those of staging and silver, which CETAS compresses the same
way (Snappy). It adds up what each statement of `dbt build --target synapse` reads, writes and
passes between nodes, times FACTOR, each statement counting 10 MB at least as the pool's price list
has it: once for a build of everything, and once for the build that added the newest parts, where
the home's last run did. A scan counts for all columns that it names, since nobody can say of which
files' parts the pool sees that they have no row that is asked for.
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
        """Return what reading some columns, or all, takes from storage; of no rows that is none."""
        return sum(self.stored.get(name, 0) for name in (names or self.stored))


class _Totals(dict[str, float]):
    """Bytes processed by kind of statement."""

    def __init__(self, factor: float) -> None:
        super().__init__(dict.fromkeys(("staging", "silver", "accounts of rows", "tests"), 0.0))
        self._factor = factor

    def count(self, kind: str, *sizes: int) -> None:
        """Count a statement that reads, passes and writes so much."""
        self[kind] += max(sum(sizes) * self._factor, LEAST)


class _Lake:
    """The columns of all relations in a lake, and of their newest parts."""

    def __init__(self, lake: Path) -> None:
        declared = yaml.safe_load(MODELS.read_text(encoding="utf-8"))["models"]
        self.tests = {m["name"]: m.get("data_tests", []) for m in declared}
        self.accounts = [
            name
            for name in self.tests
            if not name.startswith("stg_") and f"stg_{name}" not in self.tests
        ]
        self.entities = [name[4:] for name in self.tests if name.startswith("stg_")]
        self._silver = lake / "silver"
        self._rows = lake / "bronze" / "rows"
        self.newest = max(
            part.name for entity in self.entities for part in (self._silver / entity).iterdir()
        )

    def of(self, *place: str, newest: bool = False) -> Columns:
        """Return a relation of silver, or what the newest version has of it."""
        folder = self._silver.joinpath(*place)
        return Columns.of(folder.rglob(f"{self.newest if newest else '*'}/*.parquet"))

    def bronze(self, entity: str, newest: bool = False) -> Columns:
        """Return the rows of an entity's files, or those of its newest batch."""
        batches = sorted((self._rows / entity).iterdir())[-1 if newest else 0 :]
        return Columns.of(file for batch in batches for file in batch.rglob("*.parquet"))


def estimate(lake: Path, factor: float) -> dict[str, float]:
    """Return the bytes that a build of everything processes, by kind of statement."""
    there, totals = _Lake(lake), _Totals(factor)
    account = dict.fromkeys(there.accounts, 0)
    for name in there.entities:
        staged, silver, superseded = _entity(there, name)
        totals.count("staging", there.bronze(name).read(), staged.read())
        good = _good(staged)
        passed = sum(staged.plain[column] for column in good)  # to the node of its key
        for written in (silver, superseded):
            totals.count("silver", staged.read(good), passed, written.read())
        _count_staged(account, staged)
        _count_shown(account, silver, superseded)
    _count_accounts(totals, there, account)
    _count_tests(totals, there)
    return totals


def estimate_day(lake: Path, factor: float) -> dict[str, float]:
    """Return the same for the build that added the newest parts."""
    there, totals = _Lake(lake), _Totals(factor)
    account = dict.fromkeys(there.accounts, 0)
    for name in there.entities:
        _, silver, superseded = _entity(there, name)
        _count_shown(account, silver, superseded)
        # Rows are counted without those that a later part replaced.
        account["row_reconciliation"] += silver.read(_keys(there, name))
        arrived, counted, told = _entity(there, name, newest=True)
        if not arrived.stored:
            continue
        totals.count("staging", there.bronze(name, newest=True).read(), arrived.read())
        good = _good(arrived)
        # What arrived is named three times: for its rows, and twice for the keys that it touches.
        judged = counted.read() + told.read()
        totals.count(
            "silver", arrived.read(good), 2 * arrived.read(_keys(there, name)),
            silver.read() + superseded.read(), judged,
        )  # fmt: skip
        for written in (counted, told):
            totals.count("silver", judged, written.read())
        totals.count("silver", judged)
        _count_staged(account, arrived)
    _count_accounts(totals, there, account)
    _count_tests(totals, there)
    return totals


def _entity(lake: _Lake, name: str, newest: bool = False) -> tuple[Columns, Columns, Columns]:
    return (
        lake.of("staging", name, newest=newest),
        lake.of(name, newest=newest),
        lake.of("superseded", name, newest=newest),
    )


def _good(staged: Columns) -> list[str]:
    return [column for column in staged.stored if column != "raw_row"]


def _keys(lake: _Lake, name: str) -> list[str]:
    (key,) = (
        test["primary_key"]["arguments"]["columns"]
        for test in lake.tests[name]
        if "primary_key" in test
    )
    return [column for column in key if column != "line_number"]


def _count_staged(account: dict[str, int], staged: Columns) -> None:
    """Add what the accounts of rejected rows and unreadable values read of staged rows."""
    account["rejected_rows"] += staged.read(
        ("reject_reason", "raw_row", "_source_file", "_batch_id")
    )
    if unreadable := [column for column in staged.stored if column.startswith("unreadable_")]:
        account["unreadable_values"] += staged.read((*unreadable, "reject_reason", "_batch_id"))


def _count_shown(account: dict[str, int], silver: Columns, superseded: Columns) -> None:
    """Add what is read of an entity's rows to count them, and of customers beyond the contract."""
    account["superseded_rows"] += superseded.read(("fate", "row_count"))
    account["row_reconciliation"] += min(silver.stored.values())
    if "_extra" in silver.stored:
        account["customer_attributes"] += silver.read(
            ("customer_id", "_extra", "_as_of", "_source_file", "_batch_id")
        )


def _count_accounts(totals: _Totals, lake: _Lake, account: dict[str, int]) -> None:
    relations = {name: lake.of(name) for name in account}
    account["row_reconciliation"] += (
        relations["rejected_rows"].read(["entity"]) + relations["superseded_rows"].read()
    )
    for name, size in account.items():
        totals.count("accounts of rows", size, relations[name].read())


def _count_tests(totals: _Totals, lake: _Lake) -> None:
    for name, declared in lake.tests.items():
        for test in declared:
            arguments = {} if isinstance(test, str) else next(iter(test.values()))["arguments"]
            one = arguments.get("column") or arguments.get("column_name")
            others = [arguments[key] for key in ("of", "amount") if key in arguments]
            tested = [one, *others] if one else arguments.get("columns")
            totals.count("tests", lake.of(name).read(tested))


def main(home: str, factor: str = "1") -> None:
    """Print the estimates for a home, for so many times its data."""
    lake = Path(home) / "lake"
    everything, day = estimate(lake, float(factor)), estimate_day(lake, float(factor))
    for kind, size in (*everything.items(), ("all", sum(everything.values()))):
        of_day = day[kind] if kind in day else sum(day.values())
        print(f"{kind:32}{size / MEGABYTE:10,.0f} MB{of_day / MEGABYTE:10,.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
