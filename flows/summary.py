"""What a run tells at its end, on a terminal: what became of what arrived, the headline answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.headlines import NO_DATA, Headline, headlines, notes, rejected, superseded
from flows.progress import Step
from flows.terminal import plain
from warehouse.answers import Answers, EntityCounts
from warehouse.dbt_run import NodeResult
from warehouse.home import Home


@dataclass
class Summary:
    """One run, told at its end; without `answers` nothing new arrived, and all stays as it was."""

    home: Home
    version: str
    answers: Answers | None
    absent: list[str]
    warnings: list[str]
    steps: list[Step]
    nodes: list[NodeResult] = field(default_factory=list)
    places: dict[str, object] = field(default_factory=dict)
    counts: list[EntityCounts] = field(default_factory=list)
    personal_data: bool = True

    def __post_init__(self) -> None:
        """Take the rows of each entity from the answers, where there are any."""
        if self.answers:
            self.counts = self.answers.counts


def print_summary(console: Console, summary: Summary) -> None:
    """Print the whole summary."""
    print_counts(console, summary.counts, summary.absent)
    if summary.answers:
        for lost in (rejected(summary.answers), superseded(summary.answers)):
            if lost.rows:
                print_table(console, lost)
    for warning in summary.warnings:
        line = Text.assemble(("! ", "yellow"), plain(warning))
        console.print(line, highlight=False, soft_wrap=True)
    if summary.answers:
        _print_answers(console, summary.answers, summary.personal_data)
        times = [(step.done or step.doing, f"{step.seconds:.1f}") for step in summary.steps]
        times.append(("Together", f"{sum(step.seconds for step in summary.steps):.1f}"))
        print_table(console, Headline("Time", ("Step", "Seconds"), times))
    print_places(console, summary.places)


def _print_answers(console: Console, answers: Answers, personal_data: bool) -> None:
    for headline in headlines(answers, personal_data=personal_data):
        if headline.rows:
            print_table(console, headline)
        else:
            console.print(f"\n[bold]{headline.title}[/]: {NO_DATA}", highlight=False)
    if (known := notes(answers)).rows:
        print_table(console, known)


def print_counts(console: Console, entities: Sequence[EntityCounts], absent: list[str]) -> None:
    """Print what arrived and what became of it; `absent` are the entities that never arrived."""
    rows = [
        (each.entity, "never arrived", "", "", "") if each.entity in absent else each
        for each in entities
    ]
    columns = ("Entity", "In", "Rejected", "Superseded", "Published")
    print_table(console, Headline("Rows", columns, rows))


def places_of(home: Home) -> dict[str, object]:
    """Return what there is in the home of an installation on one machine, and where."""
    return {
        "warehouse": home.warehouse,
        **pages_of(home),
        "lake": home.lake,
        "logs": home.logs,
    }


def pages_of(home: Home) -> dict[str, Path]:
    """Return the pages that every run writes, and where they are."""
    return {"report": home.report / "index.html", "documentation": home.docs / "index.html"}


def print_places(console: Console, places: dict[str, object]) -> None:
    """Print where everything is."""
    console.print("\n[bold]Where everything is[/]")
    for what, place in places.items():
        console.print(plain(f"  {what:<14} {place}"), highlight=False, soft_wrap=True)


def print_table(console: Console, shown: Headline) -> None:
    """Print a table under its title."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for number, column in enumerate(shown.columns):
        table.add_column(
            column,
            justify="right" if shown.is_numeric(number) else "left",
            overflow="fold",
            no_wrap=column == "Entity",  # the name of one is one word
        )
    for cells in shown.cells:
        table.add_row(*map(plain, cells))
    console.print(f"\n[bold]{shown.title}[/]", highlight=False)
    console.print(table)
