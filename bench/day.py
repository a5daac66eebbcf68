"""A day's batch on a home that has everything, beside the full run that brought it there.

A tiny set of its own goes the same way, for what a run costs whatever it takes in. What the
smallest home publishes after its days has to be what a build of everything gives, and the answers
of every home those of the script by hand over everything.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.comparison import check_same
from bench.files import MILLION, add_days, make_days, make_files
from bench.report import Days, day_tables
from bench.runs import run_by_hand, run_product, say, verify

TINY = 1_000  # transactions
DAYS = 2  # the last one is the figure


def run(sizes: Sequence[float], work: Path) -> str:
    """Measure days at each size; return the tables, or raise when what is published is wrong."""
    tiny_millions = TINY / MILLION
    measure_days(tiny_millions, work / "warm-up")
    tiny = measure_days(tiny_millions, work / "tiny")
    measured = []
    for millions in sizes:
        folder = work / f"{millions:g}"
        say(f"{millions:g} million transactions: making the files")
        days = measure_days(millions, folder)
        measured.append(days)
        say(
            f"{millions:g} million transactions: full run {days.full.seconds:.1f} s, "
            f"day {days.day.seconds:.1f} s"
        )
        if millions == sizes[0]:
            verify(folder / "home")
        shutil.rmtree(folder)
    return day_tables(tiny, measured)


def measure_days(millions: float, folder: Path) -> Days:
    """Take in everything, then the days after it; let the script go over all of it at the end."""
    files, transactions = folder / "input", round(millions * MILLION)
    days = [folder / f"day-{number}" for number in range(1, DAYS + 1)]
    make_files(files, transactions)
    make_days(files, transactions, days)
    product = [run_product(folder / "home", arrived) for arrived in (files, *days)]
    add_days(files, days)
    by_hand = run_by_hand(files, folder / "by_hand")
    check_same(folder, all_rows=False)
    return Days(millions, product[0], product[1:], by_hand)
