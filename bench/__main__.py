"""Measures what runs take, on generated files, and prints Markdown tables.

python -m bench [MILLIONS…]           full runs beside the script by hand: 1, 10, 30 million
                                      transactions
python -m bench day [MILLIONS…]       a day's batch beside the full run before it: 10, 30
python -m bench batches [BATCHES…]    a day on a home of very many batches: 2000
python -m bench hundred [MILLIONS…]   a full run over very much, and its memory: 100
python -m bench identity [THOUSANDS…] who is who: how good, and how long for so many customers: 1000
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import batches, comparison, day, hundred, identity
from bench.runs import say

BYTES_AT_LEAST = 2_000_000_000


@dataclass(frozen=True)
class Mode:
    """Something to measure: how, at which figures, and the disk that each needs by its figure."""

    run: Callable[[Sequence[float], Path], str]
    figures: list[float]
    bytes_each: int
    """Of files, lakes, warehouses and what DuckDB spills."""


MODES = {
    "full": Mode(comparison.run, [1, 10, 30], 600_000_000),
    "day": Mode(day.run, [10, 30], 700_000_000),
    "batches": Mode(batches.run, [2000], 500_000),
    "identity": Mode(identity.run, [1000], 1_000_000),
    "hundred": Mode(hundred.run, [100], 450_000_000),
}


def main() -> None:
    """Measure what the command line says."""
    words = sys.argv[1:]
    name = words.pop(0) if words and words[0] in MODES else "full"
    mode = MODES[name]
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("figures", nargs="*", type=_figure, default=mode.figures)
    parser.add_argument(
        "--work", type=Path, help="folder for the files, which are removed at the end"
    )
    arguments = parser.parse_args(words)
    figures = sorted(set(arguments.figures))
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="c360-bench-", dir=arguments.work) as folder:
        work = Path(folder)
        check_room(work, BYTES_AT_LEAST + round(mode.bytes_each * figures[-1]))
        if os.getloadavg()[0] > 0.5:
            say("Other work is running on this machine; the times will vary with it.")
        try:
            tables = mode.run(figures, work)
        except (RuntimeError, ValueError) as error:
            sys.exit(str(error))
    print(tables)


def check_room(work: Path, needed: int) -> None:
    """Stop when the disk has less room than is needed."""
    free = shutil.disk_usage(work).free
    if free < needed:
        sys.exit(
            f"This needs {needed / 1e9:.0f} GB on the disk of {work.parent}, where "
            f"{free / 1e9:.0f} GB are free. Choose another folder with --work, or smaller sizes."
        )


def _figure(text: str) -> float:
    try:
        if (value := float(text)) > 0:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text} is no number above 0; a mode ({', '.join(MODES)}) stands before all else"
    )


if __name__ == "__main__":
    main()
