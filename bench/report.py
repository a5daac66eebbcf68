"""The benchmark's figures, and the tables that tell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

GIBIBYTE = 2**30
TIMES, PLUS_SECONDS, MEMORY = 2, 5.0, 4 * GIBIBYTE  # a full run, beside the script by hand
DAY_SHARE = 0.05  # of what a full run costs beyond a tiny one
NOTHING_SECONDS = 2.0  # a run in which nothing arrived
MOST_MEMORY = 8 * GIBIBYTE  # of a full run over a hundred million

# How the lines begin in which `c360 run` tells of a finished step, and the step's column here.
STEPS = (
    ("Found the home in order", "look after the home"),
    ("Removed files", "look after the home"),
    ("Read again", "look after the home"),
    ("Found ", "who is who"),
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
    """A run of the product or of the script: its seconds, its peak memory, the seconds by step."""

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

    def ratio_beyond(self, tiny: Comparison) -> float | None:
        """How many times as long it takes of what both take beyond a tiny run of theirs."""
        return _share(
            self.product.seconds - tiny.product.seconds, self.by_hand.seconds - tiny.by_hand.seconds
        )

    @property
    def aim(self) -> float:
        """The most seconds that the product should take."""
        return TIMES * self.by_hand.seconds + PLUS_SECONDS

    @property
    def is_met(self) -> bool:
        """Tell whether the product is within its time and memory."""
        return self.product.seconds <= self.aim and (self.product.peak_bytes or 0) < MEMORY


@dataclass(frozen=True)
class Days:
    """A full run, the days' runs after it, and the script over everything."""

    millions: float
    full: Side
    days: list[Side]
    by_hand: Side

    @property
    def day(self) -> Side:
        """The day that counts: the last one, when nothing is done for the first time any more."""
        return self.days[-1]

    def share_beyond(self, tiny: Days) -> float | None:
        """Return the part of a full run that a day costs, of both what a tiny one costs less."""
        return _share(self.day.seconds - tiny.day.seconds, self.full.seconds - tiny.full.seconds)


@dataclass(frozen=True)
class Batches:
    """A home of so many batches: the build of all, a day's run, and one where nothing arrived."""

    batches: int
    transactions: int
    full: Side
    day: Side
    nothing: Side


@dataclass(frozen=True)
class Full:
    """A full run by itself."""

    millions: float
    side: Side


def product_steps(output: str) -> dict[str, float]:
    """Read the seconds of each step from what `c360 run` printed."""
    seconds: dict[str, float] = dict.fromkeys((column for _, column in STEPS), 0.0)
    for text, figure in _FINISHED.findall(output):
        column = next((column for start, column in STEPS if text.startswith(start)), None)
        if column:
            seconds[column] += float(figure)
    return seconds


def comparison_tables(tiny: Comparison, comparisons: Sequence[Comparison]) -> str:
    """Return the Markdown tables of the full comparison: totals, then where the time goes."""
    heading = [
        "Million transactions",
        "`c360 run`, s",
        "By hand, s",
        "Ratio",
        "Ratio beyond tiny runs",
        "Aim, s",
        "Met",
        "Peak memory, GiB",
        "By hand, GiB",
        "s per million",
        "s per further million",
    ]
    rows = [
        [
            f"{each.millions:g}",
            _seconds(each.product),
            _seconds(each.by_hand),
            f"{each.ratio:.2f}",
            _figure(each.ratio_beyond(tiny)),
            f"{each.aim:.1f}",
            _yes(each.is_met),
            _memory(each.product),
            _memory(each.by_hand),
            f"{each.product.seconds / each.millions:.2f}",
            _further([_full(other) for other in comparisons[:number]], _full(each)),
        ]
        for number, each in enumerate(comparisons)
    ]
    return (
        f"{_table(heading, rows)}\n"
        f"Aim: at most {TIMES:g} times by hand and {PLUS_SECONDS:g} s, "
        f"under {MEMORY / GIBIBYTE:g} GiB. Tiny runs are of {tiny.millions:g} million: "
        f"`c360 run` {_seconds(tiny.product)} s, by hand {_seconds(tiny.by_hand)} s.\n\n"
        f"Seconds by step:\n\n"
        + _step_table(
            "Million transactions",
            [(f"{each.millions:g}", each.product, each.by_hand) for each in comparisons],
        )
    )


def day_tables(tiny: Days, measured: Sequence[Days]) -> str:
    """Return the Markdown tables of days: each beside its full run, then where the time goes."""
    heading = [
        "Million transactions",
        "Full run, s",
        "Day, s",
        "Day, % of full",
        "Of what is beyond tiny runs, %",
        "Aim, %",
        "Met",
        "Full, GiB",
        "Day, GiB",
        "By hand, all again, s",
    ]
    rows = []
    for each in measured:
        share = each.share_beyond(tiny)
        rows.append(
            [
                f"{each.millions:g}",
                _seconds(each.full),
                _seconds(each.day),
                f"{100 * each.day.seconds / each.full.seconds:.1f}",
                "–" if share is None else f"{100 * share:.1f}",
                f"{100 * DAY_SHARE:g}",
                "–" if share is None else _yes(share <= DAY_SHARE),
                _memory(each.full),
                _memory(each.day),
                _seconds(each.by_hand),
            ]
        )
    steps = [
        (f"{each.millions:g}, {name}", side, None)
        for each in (tiny, *measured)
        for name, side in [
            ("full", each.full),
            *((f"day {number}", side) for number, side in enumerate(each.days, 1)),
        ]
    ]
    return (
        f"{_table(heading, rows)}\n"
        f"A day brings 1 % of the rows; the last of {len(tiny.days)} days counts. Tiny runs are of "
        f"{tiny.millions:g} million: full {_seconds(tiny.full)} s, day {_seconds(tiny.day)} s.\n\n"
        f"Seconds by step:\n\n{_step_table('Million transactions, run', steps)}"
    )


def batches_tables(measured: Sequence[Batches]) -> str:
    """Return the Markdown tables of homes of many and of few batches."""
    heading = [
        "Batches",
        "Transactions",
        "Built, s",
        "Day, s",
        "Day, GiB",
        "Nothing arrived, s",
        "Aim, s",
        "Met",
    ]
    rows = [
        [
            f"{each.batches:,}",
            f"{each.transactions:,}",
            _seconds(each.full),
            _seconds(each.day),
            _memory(each.day),
            _seconds(each.nothing),
            f"{NOTHING_SECONDS:g}",
            _yes(each.nothing.seconds <= NOTHING_SECONDS),
        ]
        for each in measured
    ]
    steps = [
        (f"{each.batches:,}, {name}", side, None)
        for each in measured
        for name, side in (("built", each.full), ("day", each.day), ("nothing", each.nothing))
    ]
    return (
        f"{_table(heading, rows)}\n"
        "Aim: a run in which nothing arrived; a day takes as long with many batches as with few."
        f"\n\nSeconds by step:\n\n{_step_table('Batches, run', steps)}"
    )


def hundred_table(measured: Sequence[Full]) -> str:
    """Return the Markdown tables of full runs by themselves."""
    heading = [
        "Million transactions",
        "`c360 run`, s",
        "s per million",
        "s per further million",
        "Peak memory, GiB",
        "Aim, GiB",
        "Met",
    ]
    rows = [
        [
            f"{each.millions:g}",
            _seconds(each.side),
            f"{each.side.seconds / each.millions:.2f}",
            _further(measured[:number], each),
            _memory(each.side),
            f"{MOST_MEMORY / GIBIBYTE:g}",
            _yes((each.side.peak_bytes or 0) < MOST_MEMORY),
        ]
        for number, each in enumerate(measured)
    ]
    steps = [(f"{each.millions:g}", each.side, None) for each in measured]
    return (
        f"{_table(heading, rows)}\nSeconds by step:\n\n{_step_table('Million transactions', steps)}"
    )


def _share(part: float, whole: float) -> float | None:
    """Return a part of a whole; None where nothing is left to take a part of."""
    return part / whole if whole > 0 else None


def _full(comparison: Comparison) -> Full:
    return Full(comparison.millions, comparison.product)


def _seconds(side: Side) -> str:
    return f"{side.seconds:.1f}"


def _memory(side: Side) -> str:
    return "–" if side.peak_bytes is None else f"{side.peak_bytes / GIBIBYTE:.2f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _further(before: Sequence[Full], each: Full) -> str:
    """Return what a million more costs, counted from the last runs of a smaller size."""
    smaller = max((other.millions for other in before if other.millions < each.millions), default=0)
    if not smaller:
        return "–"
    seconds = [other.side.seconds for other in before if other.millions == smaller]
    more = each.side.seconds - sum(seconds) / len(seconds)
    return f"{more / (each.millions - smaller):.2f}"


def _step_table(title: str, runs: Sequence[tuple[str, Side, Side | None]]) -> str:
    """Return a table of the product's steps in each run, and of the script's where it ran too."""
    product = list(dict.fromkeys(step for _, side, _ in runs for step in side.steps))
    script = list(dict.fromkeys(step for _, _, side in runs if side for step in side.steps))
    rows = [
        [
            name,
            *(f"{side.steps.get(step, 0):.1f}" for step in product),
            f"{side.seconds - sum(side.steps.values()):.1f}",
            *(f"{by_hand.steps.get(step, 0):.1f}" for step in script if by_hand),
        ]
        for name, side, by_hand in runs
    ]
    return _table([title, *product, "rest", *(f"by hand: {step}" for step in script)], rows)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["--:"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
