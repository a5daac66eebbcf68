"""The benchmark's figures, and the tables that tell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TIMES, PLUS_SECONDS, MEMORY = 1.5, 15.0, 4 * 2**30
GIBIBYTE = 2**30

# How the lines begin in which `c360 run` tells of a finished step, and the step's column here.
STEPS = (
    ("Started Prefect", "start"),
    ("Found the home in order", "start"),
    ("Landed ", "land"),
    ("Read the dbt project", "parse"),
    ("Built silver", "silver"),
    ("Built gold and marts", "gold and marts"),
    ("Wrote the documentation", "docs"),
    ("Wrote the report", "report"),
    ("Read the answers", "publish"),
    ("Published ", "publish"),
)
_FINISHED = re.compile(r"^✓ (.+) … ([0-9.]+)s$", re.MULTILINE)


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: its seconds, its peak memory, the seconds by step."""

    seconds: float
    peak_bytes: int | None
    steps: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """The product and the script on the same files."""

    millions: float
    product: Side
    by_hand: Side

    @property
    def ratio(self) -> float:
        """How many times as long the product takes."""
        return self.product.seconds / self.by_hand.seconds

    @property
    def aim(self) -> float:
        """The most seconds that the product should take."""
        return TIMES * self.by_hand.seconds + PLUS_SECONDS

    @property
    def is_met(self) -> bool:
        """Tell whether the product is within its time and memory."""
        return self.product.seconds <= self.aim and (self.product.peak_bytes or 0) < MEMORY


def product_steps(output: str) -> dict[str, float]:
    """Read the seconds of each step from what `c360 run` printed."""
    seconds: dict[str, float] = dict.fromkeys((column for _, column in STEPS), 0.0)
    for text, figure in _FINISHED.findall(output):
        column = next((column for start, column in STEPS if text.startswith(start)), None)
        if column:
            seconds[column] += float(figure)
    return seconds


def tables(comparisons: Sequence[Comparison]) -> str:
    """Return the Markdown tables: totals, then where the time goes."""
    totals = [
        "Million transactions",
        "`c360 run`, s",
        "By hand, s",
        "Ratio",
        "Aim, s",
        "Met",
        "Peak memory, GiB",
        "By hand, GiB",
        "s per million",
        "s per further million",
    ]
    rows = []
    for number, each in enumerate(comparisons):
        rows.append(
            [
                f"{each.millions:g}",
                f"{each.product.seconds:.1f}",
                f"{each.by_hand.seconds:.1f}",
                f"{each.ratio:.2f}",
                f"{each.aim:.1f}",
                "yes" if each.is_met else "no",
                _memory(each.product),
                _memory(each.by_hand),
                f"{each.product.seconds / each.millions:.2f}",
                _further(comparisons[:number], each),
            ]
        )
    product = list(dict.fromkeys(step for each in comparisons for step in each.product.steps))
    script = list(dict.fromkeys(step for each in comparisons for step in each.by_hand.steps))
    steps = ["Million transactions", *product, "rest", *(f"by hand: {step}" for step in script)]
    step_rows = [
        [
            f"{each.millions:g}",
            *(f"{each.product.steps.get(step, 0):.1f}" for step in product),
            f"{each.product.seconds - sum(each.product.steps.values()):.1f}",
            *(f"{each.by_hand.steps.get(step, 0):.1f}" for step in script),
        ]
        for each in comparisons
    ]
    return (
        f"{_table(totals, rows)}\n"
        f"Aim: at most {TIMES:g} times by hand and {PLUS_SECONDS:g} s, "
        f"under {MEMORY / GIBIBYTE:g} GiB.\n\n"
        f"Seconds by step:\n\n{_table(steps, step_rows)}"
    )


def _memory(side: Side) -> str:
    return "–" if side.peak_bytes is None else f"{side.peak_bytes / GIBIBYTE:.2f}"


def _further(before: Sequence[Comparison], each: Comparison) -> str:
    """Return what a million more costs, counted from the last runs of a smaller size."""
    smaller = max((other.millions for other in before if other.millions < each.millions), default=0)
    if not smaller:
        return "–"
    seconds = [other.product.seconds for other in before if other.millions == smaller]
    more = each.product.seconds - sum(seconds) / len(seconds)
    return f"{more / (each.millions - smaller):.2f}"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["--:"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
