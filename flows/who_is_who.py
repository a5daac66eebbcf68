"""Who is who, for a data steward: behind `c360 identity`."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from flows.batches import lake_to_read
from flows.terminal import plain
from identity import decisions, quality, review
from identity.decisions import Decision
from identity.review import VALUES, Explanation
from identity.settings import Settings
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake.errors import InputError
from lake.store import Lake
from warehouse.home import (
    Home,
    personal_data_shown,
    project_dir,
    refuse_without_personal_data,
)

SOURCE = "command line"
CHART_WIDTH = 24  # cells of the bar of the weightiest reason
_VERBS = {"same": "are one person", "different": "are different persons"}


def review_pairs(home: Home, target: str, port: int, browser: bool, sample: int) -> None:
    """Serve the page on which people decide about the pairs that wait."""
    from pages.review.server import serve_review

    refuse_without_personal_data("nobody can decide who is who without seeing names")
    with changing(home, target) as lake:
        serve_review(lake, port=port, browser=browser, sample=sample)


def print_explanation(
    console: Console, home: Home, target: str, sources: Path | None, one: str, other: str
) -> None:
    """Print why two customers are one person, or why not: each comparison with its weight."""
    refuse_without_personal_data("two customers cannot be compared without showing both")
    found = review.explain(lake_to_read(home, target), _settings(sources), one, other)
    pair = found.pair
    console.print()
    _print_verdict(console, found)
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column(f"Customer {pair.customer_id}")
    table.add_column(f"Customer {pair.other_customer_id}")
    for name in dict.fromkeys([*VALUES, *pair.left, *pair.right]):
        left, right = pair.left.get(name), pair.right.get(name)
        style = "" if left == right else "bold"
        table.add_row(
            plain(name.replace("_", " "), "dim"),
            plain(left or "–", style),
            plain(right or "–", style),
        )
    console.print(table)
    console.print("\n[bold]What speaks for one person, and what against it[/]  (in bits)")
    console.print(_chart(found))
    for words in found.contradictions:
        console.print(f"Whatever else they have in common, {words}: so they stay apart.")
    if found.rule and not found.contradictions:
        console.print(f"The rule [bold]{found.rule}[/] holds of them.", highlight=False)


def _print_verdict(console: Console, found: Explanation) -> None:
    pair = found.pair
    if found.is_one:
        console.print(
            f"Customers {pair.customer_id} and {pair.other_customer_id} are one person, "
            f"{found.person_id} (by {found.matched_by}).",
            highlight=False,
        )
    else:
        console.print(
            f"Customers {pair.customer_id} and {pair.other_customer_id} are different persons, "
            f"{found.person_id} and {found.other_person_id}.",
            highlight=False,
        )
    console.print(
        f"The model takes them for one with a probability of {pair.probability:.3f}.",
        highlight=False,
    )
    if found.decision:
        console.print(
            f"{found.decision.by} decided at {found.decision.at} that they "
            f"{_VERBS[found.decision.verdict]} ({found.decision.id}); decisions are taken at the "
            "next run.",
            highlight=False,
        )
    console.print()


def _chart(found: Explanation) -> Table:
    """Return the weights as bars: what speaks against one person, and what for it."""
    rows = [("before anything is compared", found.prior)]
    rows += [(reason.words, reason.weight) for reason in found.pair.reasons]
    rows.append(("together", found.prior + sum(reason.weight for reason in found.pair.reasons)))
    most = max(abs(weight) for _, weight in rows) or 1
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("words")
    table.add_column("weight", justify="right")
    table.add_column("against", justify="right")
    table.add_column("for")
    for words, weight in rows:
        bar = "█" * round(abs(weight) / most * CHART_WIDTH / 2)
        table.add_row(
            plain(words),
            f"{weight:+.1f}",
            plain(bar, "red") if weight < 0 else "",
            plain(bar, "green") if weight > 0 else "",
        )
    return table


def decide(
    console: Console,
    home: Home,
    target: str,
    verdict: Literal["same", "different"],
    one: str,
    other: str,
    why: str | None,
) -> None:
    """Decide that two customers are one person, or that they are not."""
    with changing(home, target) as lake:
        for each in (one, other):
            review.check_customer(lake, each.strip())
        made = decisions.decide(
            lake,
            verdict,
            one.strip(),
            other.strip(),
            by=getpass.getuser(),
            why=why,
            source=SOURCE,
        )
    console.print(
        f"{made.id}: customers {made.customer_id} and {made.other_customer_id} {_VERBS[verdict]} "
        "from the next run on.",
        highlight=False,
    )


def undo(console: Console, home: Home, target: str, decision_id: str, why: str | None) -> None:
    """Take a decision back."""
    with changing(home, target) as lake:
        made = decisions.undo(lake, decision_id, by=getpass.getuser(), why=why, source=SOURCE)
    console.print(
        f"{made.id}: decision {decision_id} about customers {made.customer_id} and "
        f"{made.other_customer_id} does not hold any more from the next run on.",
        highlight=False,
    )


def print_decisions(console: Console, home: Home, target: str) -> None:
    """Print all decisions, the newest first: who, when, why, from where, and whether they hold."""
    found = decisions.read(lake_to_read(home, target))
    if not found:
        console.print(
            "Nobody has decided anything yet; `c360 identity review` shows pairs to decide about."
        )
        return
    holding = {each.id for each in decisions.in_force(found).values()}
    for each in reversed(found):
        console.print(
            plain(f"{each.id}  {_said(each, each.id in holding)}", "bold"),
            highlight=False,
            soft_wrap=True,
        )
        # What somebody wrote may name a person.
        why = f": {each.why}" if each.why and personal_data_shown() else ""
        console.print(
            plain(f"  by {each.by} at {each.at}, {each.source}{why}"),
            highlight=False,
            soft_wrap=True,
        )


def _said(decision: Decision, holds: bool) -> str:
    customers = f"customers {decision.customer_id} and {decision.other_customer_id}"
    if decision.verdict == "undo":
        return f"undoes {decision.undoes} about {customers}"
    return f"{customers} {_VERBS[decision.verdict]}{'' if holds else ' (does not hold any more)'}"


def print_quality(console: Console, home: Home, target: str, sources: Path | None) -> None:
    """Print how good the matching is, estimated from decisions."""
    found = quality.estimate(lake_to_read(home, target), _settings(sources))
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Pairs that are")
    for heading in ("Taken for one", "Pairs", "Decided", "One person", "95 % interval"):
        table.add_column(heading, justify="right")
    for band in found.bands:
        share, low, high = band.share
        table.add_row(
            band.name,
            "yes" if band.taken else "no",
            f"{band.pairs:,}",
            f"{band.decided:,}",
            f"{share:.1%}" if band.decided else "–",
            f"{low:.1%} to {high:.1%}" if band.decided else "–",
        )
    console.print(table)
    for name, estimated in (("Precision", found.precision), ("Recall", found.recall)):
        if estimated is None:
            console.print(
                f"{name}: not all of these kinds have been decided about; `c360 identity review "
                "--sample 30` shows 30 that are taken for one person.",
                soft_wrap=True,
            )
        else:
            share, low, high = estimated
            console.print(
                f"[bold]{name}[/] {share:.1%} (95 % interval {low:.1%} to {high:.1%})",
                highlight=False,
            )
    console.print("Recall counts pairs that were compared; what was never compared is not in it.")


@contextmanager
def changing(home: Home, target: str) -> Iterator[Lake]:
    """Let decisions be written, for whom the home is open to; a run may be under way."""
    lake = lake_to_read(home, target)
    if target == "local" and not home.lake.exists():
        raise InputError(
            f"Nothing has arrived in {home.root} yet; run `c360 run --input DIR` first, or name "
            "another --home."
        )
    with home.file_modes():
        yield lake


def _settings(sources: Path | None) -> Settings:
    return Settings.of(load_declarations(sources, load_contract(project_dir())).identity)
