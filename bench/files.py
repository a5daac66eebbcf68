"""The files that the benchmark lets arrive: all nine of a made-up retailer, and what follows them.

A day brings 1 % of the rows that each file has already; one in twenty of them corrects an earlier
row, the others are new. There is nothing new of stores, and movements of points are not corrected.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from bench.by_hand import ENTITIES, Entity, reader
from demo.generator import generate
from demo.ledger import Ledger

MILLION = 1_000_000
SEED = 360
DIRT = 0.001
DAY_SHARE = 0.01  # of the rows that are there
CORRECTED_SHARE = 0.05  # of a day's rows
_ROWS_AT_ONCE = 10_000


def make_files(folder: Path, transactions: int, dirt: float = DIRT, batch: int = 1) -> None:
    """Generate the files, without the lines that no CSV reader can place."""
    ledger = generate(
        folder, transactions=transactions, seed=SEED, dirt=dirt, newest_share=0, batch=batch
    )
    drop_malformed_lines(folder, ledger)


def drop_malformed_lines(folder: Path, ledger: Ledger) -> None:
    """Take out the lines that landing would set aside; the script has no landing."""
    for written in ledger.files:
        malformed = {
            defect.line
            for defect in ledger.defects
            if defect.file == written.file and defect.outcome == "malformed_line"
        }
        if not malformed:
            continue
        path = folder / written.file
        whole = path.with_suffix(".whole")
        path.rename(whole)
        with whole.open("rb") as lines, path.open("wb") as kept:
            kept.writelines(line for number, line in enumerate(lines, 1) if number not in malformed)
        whole.unlink()


def make_days(input_dir: Path, transactions: int, days: Sequence[Path]) -> None:
    """Write what arrives on some days after the files in `input_dir`, each in a folder."""
    later = input_dir.with_name("later")
    make_files(later, transactions, batch=2)
    for day in days:
        day.mkdir()
    for entity in ENTITIES.values():
        if (later / entity.file).exists():
            _make_days_of(entity, input_dir / entity.file, later / entity.file, days)
    shutil.rmtree(later)


def _make_days_of(entity: Entity, before: Path, later: Path, days: Sequence[Path]) -> None:
    """Deal out a file's later rows: those of new keys, and those that change an earlier row."""
    key = ", ".join(column.source for column in entity.columns if column.name in entity.key)
    with duckdb.connect() as db:
        db.execute(
            f"create table later as select *, row_number() over () as line from {reader(later)}"
        )
        db.execute(f"create table earlier as from {reader(before)} semi join later using ({key})")
        columns = ", ".join(name for name, *_ in db.execute("describe earlier").fetchall())
        if entity.file == "InStoreTransactions.csv":  # the generator repeats them as they were
            db.execute(
                f"update later set Amount = '9.99' where {key} in (select {key} from earlier)"
            )
        db.execute(f"create table new as from later anti join earlier using ({key})")
        db.execute(
            f"create table changed as from later semi join earlier using ({key}) "
            f"anti join earlier using ({columns}) where {not entity.moment}"
        )
        ((rows, changes),) = db.execute(
            f"select (select count(*) from {reader(before)}), (select count(*) from changed)"
        ).fetchall()
        a_day = max(1, round(rows * DAY_SHARE))
        corrected = min(round(a_day * CORRECTED_SHARE), changes // len(days))
        for number, day in enumerate(days):
            db.execute(
                f"select {columns} from ({_slice('changed', corrected, number)}) "
                f"union all select {columns} from ({_slice('new', a_day - corrected, number)})"
            )
            some = db.fetchmany(_ROWS_AT_ONCE)
            if not some:
                continue
            with (day / entity.file).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator=_line_end(before))
                writer.writerow(columns.split(", "))
                while some:
                    writer.writerows(some)
                    some = db.fetchmany(_ROWS_AT_ONCE)


def _slice(table: str, size: int, number: int) -> str:
    return f"from {table} order by line limit {size} offset {size * number}"


def add_days(input_dir: Path, days: Sequence[Path]) -> None:
    """Append what arrives on the days to the files before them, so that they are one set."""
    for day in days:
        for path in sorted(day.iterdir()):
            with path.open("rb") as rows, (input_dir / path.name).open("ab") as whole:
                rows.readline()
                shutil.copyfileobj(rows, whole)


def split(input_dir: Path, parts: int) -> Iterator[dict[str, bytes]]:
    """Yield the files in so many parts, one after the other: what is in each file, by its name.

    Each row has to be a line, as it is without dirt. A file with fewer rows than there are parts is
    not in all of them.
    """
    files = {path.name: path.read_bytes().splitlines(True) for path in input_dir.glob("*.csv")}
    for number in range(parts):
        yield {
            name: header + b"".join(rows)
            for name, (header, *lines) in files.items()
            if (rows := lines[len(lines) * number // parts : len(lines) * (number + 1) // parts])
        }


def _line_end(path: Path) -> str:
    """Return how the lines of a file end, of which there must be one way for it to be read."""
    with path.open("rb") as file:
        return "\r\n" if file.readline().endswith(b"\r\n") else "\n"
