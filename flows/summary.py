"""What a run tells at its end: what became of what arrived, the headline answers, where it is."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.progress import Step
from flows.terminal import plain
from lake.errors import visible
from warehouse.connection import Query, read_only
from warehouse.dbt_run import NodeResult
from warehouse.home import Home


class Headline(NamedTuple):
    """One headline: its title, its column headings, and the question to the marts.

    It is SQL that both DuckDB and T-SQL take; {marts} is the schema that the marts are in.
    """

    title: str
    columns: tuple[str, ...]
    sql: str


HEADLINES = (
    Headline(
        "Average order value",
        ("Channel", "Purchases", "Revenue", "Average"),
        """
        select member, total_orders, total_amount, average_order_value
        from {marts}.average_order_value
        where dimension in ('channel', 'all')
        order by dimension desc, member
        """,
    ),
    Headline(
        "Categories with the highest revenue (online)",
        ("Category", "Orders", "Revenue", "Average"),
        """
        select member, total_orders, total_amount, average_order_value
        from {marts}.average_order_value
        where dimension = 'category'
        order by total_amount desc, member
        offset 0 rows fetch next 5 rows only
        """,
    ),
    Headline(
        "Store locations with the highest revenue",
        ("Location", "Purchases", "Revenue", "Average"),
        """
        select member, total_orders, total_amount, average_order_value
        from {marts}.average_order_value
        where dimension = 'location'
        order by total_amount desc, member
        offset 0 rows fetch next 5 rows only
        """,
    ),
    Headline(
        "Best customers",
        ("Customer", "Spend", "Purchases", "Tier", "Segment"),
        """
        select customer_id, total_spend, purchase_frequency, tier_level, segment
        from {marts}.customer_segments
        where purchase_frequency > 0
        order by total_spend desc, customer_id
        offset 0 rows fetch next 5 rows only
        """,
    ),
    Headline(
        "Customers per segment",
        ("Segment", "Customers", "Spend"),
        """
        select segment, count(*) as customers, sum(total_spend) as spend
        from {marts}.customer_segments
        group by segment
        order by customers desc, segment
        """,
    ),
    Headline(
        "Busiest hour",
        ("Channel", "Day", "From", "Transactions", "Share"),
        """
        select
            channel,
            day_of_week,
            hour_of_day,
            total_transactions,
            transaction_share * 100 as percent_of_channel
        from (
            select
                channel,
                day_of_week,
                hour_of_day,
                total_transactions,
                transaction_share,
                row_number() over (
                    partition by channel order by day_of_week_number, hour_of_day
                ) as place
            from {marts}.peak_transaction_times
            where peak_rank = 1
        ) as busiest
        where place = 1
        order by channel
        """,
    ),
    Headline(
        "Service agents with the best resolution rate",
        ("Agent", "Name", "Department", "Contacts", "Resolved"),
        """
        select
            agent_id,
            agent_name,
            department,
            total_interactions,
            resolution_rate
        from {marts}.agent_performance
        where cast(agent_id as varchar(64)) <> '-1' and total_interactions > 0
        order by resolution_rate desc, total_interactions desc, agent_id
        offset 0 rows fetch next 5 rows only
        """,
    ),
)

# Told of elsewhere in the summary, so not among the notes.
_NO_NOTES = ("rejected rows", "superseded rows", "absent entity")
NOTES = Headline(
    "What to know about these numbers",
    ("What", "Entity", "Rows", "Amount", "Detail"),
    f"""
    select note, entity, "rows", amount, detail
    from {{marts}}.data_notes
    where note not in ({", ".join(map(repr, _NO_NOTES))})
    order by abs(coalesce(amount, 0)) desc, "rows" desc, note, entity, detail
    """,
)

# How the values under some of the headings are written.
_WRITTEN: dict[str, str] = {"From": "{:02d}:00", "Share": "{:.2f} %", "Resolved": "{:.2f} %"}

NO_DATA = "no data for this yet"

# Headings of what names a person; no such thing goes to Prefect's database.
PERSONAL = frozenset({"Name"})

# What can be markup in a cell of a table in Markdown, or begin it; an underscore in a word is none.
_MARKUP = re.compile(r"[\\`*\[\]<>&|~]|(?<![^\W_])_|_(?![^\W_])")
# Where an address begins that is made a link without any markup: www.…, https:…, …@…
_ADDRESS = re.compile(r"(?<=[^\W\d])(?=[.:]\S)|(?=@\S)")
_WORD_JOINER = "\u2060"  # is not seen


@dataclass(frozen=True)
class Answer:
    """One headline: a small table."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class EntityCounts:
    """What arrived of one entity in all batches, and what became of it."""

    entity: str
    bronze: int
    rejected: int
    superseded: int
    published: int


@dataclass(frozen=True)
class Results:
    """What the published warehouse says."""

    entities: list[EntityCounts]
    rejected: list[tuple[Any, ...]]
    answers: list[Answer]
    superseded: list[tuple[Any, ...]] = field(default_factory=list)
    notes: Answer | None = None


@dataclass
class Summary:
    """One run, told at its end."""

    home: Home
    version: str
    results: Results
    absent: list[str]
    warnings: list[str]
    steps: list[Step]
    nodes: list[NodeResult] = field(default_factory=list)
    places: dict[str, object] = field(default_factory=dict)


def read_results(warehouse: Path) -> Results:
    """Ask a DuckDB warehouse, read-only."""
    with read_only(warehouse) as connection:
        return ask(lambda sql: connection.execute(sql).fetchall(), marts="marts")


def ask(query: Query, marts: str) -> Results:
    """Return what became of the rows, and the headline answers of the marts in that schema."""
    return Results(
        entities=read_counts(query),
        rejected=query(
            """
            select entity, reason, count(*) as row_count
            from silver.rejected_rows
            group by entity, reason
            order by entity, row_count desc, reason
            """
        ),
        superseded=query(
            """
            select
                entity,
                sum(case when reason = 'newer' then row_count else 0 end) as newer,
                sum(case when reason = 'identical' then row_count else 0 end) as identical,
                sum(case when reason = 'gone' then row_count else 0 end) as gone
            from silver.superseded_rows
            group by entity
            order by entity
            """
        ),
        notes=_answer(query, marts, NOTES),
        answers=[_answer(query, marts, headline) for headline in HEADLINES],
    )


def _answer(query: Query, marts: str, asked: Headline) -> Answer:
    rows = query(asked.sql.format(marts=marts))
    return Answer(asked.title, asked.columns, [_written(asked.columns, row) for row in rows])


def _written(columns: tuple[str, ...], row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        _WRITTEN[column].format(value) if column in _WRITTEN else value
        for column, value in zip(columns, row, strict=True)
    )


def read_counts(query: Query) -> list[EntityCounts]:
    """Return each entity's rows: arrived, rejected, superseded, in silver."""
    return [
        EntityCounts(*row)
        for row in query(
            """
            select entity, bronze_rows, rejected_rows, superseded_rows, silver_rows
            from silver.row_reconciliation
            order by entity
            """
        )
    ]


def print_summary(console: Console, summary: Summary) -> None:
    """Print the whole summary."""
    print_counts(console, summary.results.entities, summary.absent)
    if summary.results.rejected:
        _print_table(
            console, "Rejected rows", ("Entity", "Reason", "Rows"), summary.results.rejected
        )
    if summary.results.superseded:
        # By what counts instead: a newer row, the same row once more, or nothing any more.
        _print_table(
            console,
            "Superseded rows",
            ("Entity", "Newer", "Identical", "Gone"),
            summary.results.superseded,
        )
    for warning in summary.warnings:
        line = Text.assemble(("! ", "yellow"), plain(warning))
        console.print(line, highlight=False, soft_wrap=True)
    for answer in summary.results.answers:
        if answer.rows:
            _print_table(console, answer.title, answer.columns, answer.rows)
        else:
            console.print(f"\n[bold]{answer.title}[/]: {NO_DATA}", highlight=False)
    if (notes := summary.results.notes) and notes.rows:
        _print_table(console, notes.title, notes.columns, notes.rows)
    _print_table(
        console,
        "Time",
        ("Step", "Seconds"),
        [(step.done or step.doing, f"{step.seconds:.1f}") for step in summary.steps]
        + [("Together", f"{sum(step.seconds for step in summary.steps):.1f}")],
    )
    print_places(console, summary.places or places_of(summary.home))


def print_counts(console: Console, entities: list[EntityCounts], absent: list[str]) -> None:
    """Print what arrived and what became of it; `absent` are the entities that never arrived."""
    rows: list[tuple[Any, ...]] = [
        (each.entity, "never arrived", "", "", "")
        if each.entity in absent
        else (each.entity, each.bronze, each.rejected, each.superseded, each.published)
        for each in entities
    ]
    _print_table(console, "Rows", ("Entity", "In", "Rejected", "Superseded", "Published"), rows)


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


def node_table(nodes: list[NodeResult]) -> list[dict[str, Any]]:
    """Return the table of what dbt built and tested, for a Prefect artifact."""
    return [
        {
            "node": node.name,
            "kind": node.kind,
            "status": node.status,
            "rows": node.rows,
            "seconds": round(node.seconds, 2),
        }
        for node in nodes
    ]


def counts_table(results: Results) -> list[dict[str, Any]]:
    """Return the table of rows per entity, for a Prefect artifact."""
    return [
        {
            "entity": each.entity,
            "in": each.bronze,
            "rejected": each.rejected,
            "superseded": each.superseded,
            "published": each.published,
        }
        for each in results.entities
    ]


def answers_markdown(results: Results) -> str:
    """Return the headline answers, and what to know about them, without the names of people.

    Texts that come from the data, such as a category, can be neither markup nor links in it.
    """
    told = results.answers + ([results.notes] if results.notes and results.notes.rows else [])
    return "\n".join(line for answer in told for line in _markdown(answer))


def _markdown(answer: Answer) -> Iterator[str]:
    kept = [number for number, column in enumerate(answer.columns) if column not in PERSONAL]
    yield f"### {answer.title}\n"
    if answer.rows:
        numeric = [_is_numeric(answer.rows, number) for number in kept]
        yield _markdown_row(answer.columns[number] for number in kept)
        yield _markdown_row("--:" if right else ":--" for right in numeric)
        for row in answer.rows:
            cells = _cells(row)
            yield _markdown_row(_plain(cells[number]) for number in kept)
        yield ""
    else:
        yield f"{NO_DATA.capitalize()}.\n"


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Write a text so that it reads the same as Markdown, with nothing in it to click or load.

    With backslashes: one of Prefect's two user interfaces shows `&#60;` as just that.
    """
    line = _MARKUP.sub(r"\\\g<0>", visible(" ".join(text.split())))
    return _ADDRESS.sub(_WORD_JOINER, line)


def page_links(home: Home, site: str | None) -> dict[str, str]:
    """Return the link to each page that is there, by its folder: below `site`, or to the file."""
    return {
        page.parent.name: f"{site.rstrip('/')}/{page.relative_to(home.root).as_posix()}"
        if site
        else page.as_uri()
        for page in pages_of(home).values()
        if page.exists()
    }


def shown(value: Any) -> str:
    """Write a value for people: thousands apart, nothing for null."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def _print_table(
    console: Console, title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for number, column in enumerate(columns):
        numeric = _is_numeric(rows, number)
        table.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=column == "Entity",  # the name of one is one word
        )
    for row in rows:
        table.add_row(*map(plain, _cells(row)))
    console.print(f"\n[bold]{title}[/]", highlight=False)
    console.print(table)


def _cells(row: tuple[Any, ...]) -> list[str]:
    # Identifiers come first and are no quantities: no thousands separators in them.
    first = str(row[0]) if row[0] is not None else shown(None)
    return [first, *map(shown, row[1:])]


def _is_numeric(rows: list[tuple[Any, ...]], number: int) -> bool:
    return number > 0 and any(_is_number(row[number]) for row in rows)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).removesuffix(" %").isdigit()
    return isinstance(value, int | float | Decimal)
