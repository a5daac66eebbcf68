"""A full run over very much, beside one over a tenth of it: do time and memory stay in line?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.files import MILLION, make_files
from bench.report import Full, hundred_table
from bench.runs import run_product, say


def run(sizes: Sequence[float], work: Path) -> str:
    """Measure a full run at each size and at a tenth of the smallest; return the table."""
    measured = []
    for millions in (sizes[0] / 10, *sizes):
        folder = work / f"{millions:g}"
        say(f"{millions:g} million transactions: making the files")
        make_files(folder / "input", round(millions * MILLION))
        measured.append(Full(millions, run_product(folder / "home", folder / "input")))
        say(f"{millions:g} million transactions: {measured[-1].side.seconds:.1f} s")
        shutil.rmtree(folder)
    return hundred_table(measured)
