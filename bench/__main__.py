"""Times `c360 run` beside the script written by hand, on the same generated files.

    python -m bench            # 1, 10 and 30 million transactions
    python -m bench 1 10

Prints Markdown tables. Both read files that were just written, both have run once before on a small
set, and the smallest size runs twice, to show how much the figures vary. What both publish has to
be the same: their reconciliation and answers at every size, all rows at the smallest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb

from bench.measure import measure
from bench.report import Comparison, Side, product_steps, tables
from demo.generator import generate
from demo.ledger import Ledger
from warehouse.answers import Answers, read_answers

PROJECT = Path(__file__).resolve().parent.parent
SEED = 360
DIRT = 0.001
WARM_UP = 10_000  # transactions
MILLION = 1_000_000
BYTES_PER_MILLION = 600_000_000  # files, lake, both warehouses and what DuckDB spills
BYTES_AT_LEAST = 2_000_000_000


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "millions", nargs="*", type=float, default=[1, 10, 30], help="million transactions"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for the files, which are removed at the end"
    )
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.millions))
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="c360-bench-", dir=arguments.work) as folder:
        work = Path(folder)
        needed = BYTES_AT_LEAST + BYTES_PER_MILLION * sizes[-1]
        free = shutil.disk_usage(work).free
        if free < needed:
            sys.exit(
                f"{sizes[-1]:g} million transactions need {needed / 1e9:.0f} GB on the disk of "
                f"{work.parent}, where {free / 1e9:.0f} GB are free. Choose another folder with "
                "--work, or smaller sizes."
            )
        if os.getloadavg()[0] > 0.5:
            _say("Other work is running on this machine; the times will vary with it.")
        try:
            comparisons = run(sizes, work)
        except (RuntimeError, ValueError) as error:
            sys.exit(str(error))
    print(tables(comparisons))


def run(sizes: list[float], work: Path) -> list[Comparison]:
    """Compare at each size; raise when what the two publish differs."""
    warm_up = work / "warm-up"
    make_files(warm_up / "input", WARM_UP)
    compare(WARM_UP / MILLION, warm_up)
    check_same(warm_up, all_rows=True)

    comparisons: list[Comparison] = []
    for millions in sizes:
        folder = work / f"{millions:g}"
        _say(f"{millions:g} million transactions: making the files")
        make_files(folder / "input", round(millions * MILLION))
        for _ in range(2 if millions == sizes[0] else 1):
            comparison = compare(millions, folder)
            comparisons.append(comparison)
            _say(
                f"{millions:g} million transactions: c360 run {comparison.product.seconds:.1f} s, "
                f"by hand {comparison.by_hand.seconds:.1f} s"
            )
        check_same(folder, all_rows=millions == sizes[0])
        shutil.rmtree(folder)
    return comparisons


def make_files(folder: Path, transactions: int) -> None:
    """Generate the nine files, without the lines that no CSV reader can place."""
    ledger = generate(folder, transactions=transactions, seed=SEED, dirt=DIRT, newest_share=0)
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


def compare(millions: float, folder: Path) -> Comparison:
    """Run the product, then the script, over the files in `folder`/input, each from nothing."""
    home, by_hand = folder / "home", folder / "by_hand"
    for made in (home, by_hand):
        shutil.rmtree(made, ignore_errors=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("C360_") and name != "PREFECT_API_URL"
    }
    environment.update(PREFECT_HOME=str(folder.parent / "prefect"), PYTHONUTF8="1")
    files = str(folder / "input")

    c360 = str(Path(sys.executable).with_name("c360"))
    os.sync()  # nobody pays for what was written before
    product = measure(
        [c360, "run", "--input", files, "--home", str(home)],
        PROJECT,
        environment,
        folder / "c360.log",
    )
    os.sync()
    script = measure(
        [sys.executable, "-m", "bench.by_hand", files, str(by_hand)],
        PROJECT,
        environment,
        folder / "by_hand.log",
    )
    return Comparison(
        millions,
        Side(product.seconds, product.peak_bytes, product_steps(product.output)),
        Side(
            script.seconds, script.peak_bytes, json.loads(script.output.splitlines()[-1])["seconds"]
        ),
    )


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
    """Return the answers without the details of the notes, which the two word differently."""
    answers = read_answers(warehouse)
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
