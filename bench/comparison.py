"""`c360 run` beside the script written by hand, on the same files: the full job of both.

Both read files that were just written, both have run once before on a small set, and the smallest
size runs twice, to show how much the figures vary. What both publish has to be the same: their
reconciliation and answers at every size, all rows at the smallest.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from bench.files import MILLION, make_files
from bench.report import Comparison, comparison_tables
from bench.runs import run_by_hand, run_product, say
from warehouse.answers import Answers, read_answers

TINY = 10_000  # transactions


def run(sizes: Sequence[float], work: Path) -> str:
    """Compare at each size; return the tables, or raise when what the two publish differs."""
    tiny_folder = work / "tiny"
    make_files(tiny_folder / "input", TINY)
    compare(TINY / MILLION, tiny_folder)  # what is read and compiled once is not in any figure
    tiny = compare(TINY / MILLION, tiny_folder)
    check_same(tiny_folder, all_rows=True)

    comparisons: list[Comparison] = []
    for millions in sizes:
        folder = work / f"{millions:g}"
        say(f"{millions:g} million transactions: making the files")
        make_files(folder / "input", round(millions * MILLION))
        for _ in range(2 if millions == sizes[0] else 1):
            comparison = compare(millions, folder)
            comparisons.append(comparison)
            say(
                f"{millions:g} million transactions: c360 run {comparison.product.seconds:.1f} s, "
                f"by hand {comparison.by_hand.seconds:.1f} s"
            )
        check_same(folder, all_rows=millions == sizes[0])
        shutil.rmtree(folder)
    return comparison_tables(tiny, comparisons)


def compare(millions: float, folder: Path) -> Comparison:
    """Run the product, then the script, over the files in `folder`/input, each from nothing."""
    home, by_hand = folder / "home", folder / "by_hand"
    for made in (home, by_hand):
        shutil.rmtree(made, ignore_errors=True)
    product = run_product(home, folder / "input")
    return Comparison(millions, product, run_by_hand(folder / "input", by_hand))


def check_same(folder: Path, all_rows: bool) -> None:
    """Raise unless product and script published the same."""
    product, script = (folder / name / "warehouse.duckdb" for name in ("home", "by_hand"))
    different = []
    if _answers(product) != _answers(script):
        different.append("the reconciliation or an answer")
    if all_rows:
        different += different_relations(product, script)
    if different:
        raise RuntimeError(
            f"The product and the script differ, so their times say nothing: {', '.join(different)}"
        )


def _answers(warehouse: Path) -> Answers:
    """Return the answers without the details of the notes, which the two word differently.

    And without who is who, which the script does not find out.
    """
    answers = read_answers(warehouse, without=("persons", "duplicates"))
    return replace(answers, notes=[note._replace(detail=None) for note in answers.notes])


def different_relations(product: Path, script: Path) -> list[str]:
    """Return the relations of silver, gold and marts whose rows differ."""
    different = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{product}' (read_only)")  # its views name it as the file
        connection.execute(f"attach '{script}' as by_hand (read_only)")
        relations = connection.execute(
            """
            select table_schema || '.' || table_name, string_agg(column_name, ', ')
            from information_schema.columns
            where table_catalog = 'by_hand' and table_schema in ('silver', 'gold', 'marts')
                and column_name <> '_batch_id'
                and not (table_name = 'data_notes' and column_name = 'detail') -- words
            group by all order by all
            """
        ).fetchall()
        for relation, columns in relations:
            ours, theirs = (
                f"select {columns} from {catalog}.{relation}"
                for catalog in ("warehouse", "by_hand")
            )
            rows = connection.execute(
                f"(({ours}) except all ({theirs})) union all (({theirs}) except all ({ours}))"
            ).fetchone()
            if rows:
                different.append(relation)
    return different
