"""What is known about one customer: the page behind `c360 customer`."""

from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.summary import shown
from flows.terminal import plain
from lake.errors import InputError
from warehouse.connection import open_warehouse
from warehouse.home import Home

TIMELINE_LENGTH = 15


def print_customer(console: Console, home: Home, wanted: str) -> None:
    """Print the profile and the latest events of the customer with this id or e-mail address."""
    with open_warehouse(home) as connection:
        # An id may be a number or a text, and a text may look like anything.
        profile, columns = _fetch(
            connection,
            """
            select * from marts.customer_360
            where cast(customer_id as varchar) = $wanted or lower(email) = lower($wanted)
            order by cast(customer_id as varchar) = $wanted desc, customer_id
            """,
            {"wanted": wanted.strip()},
        )
        if not profile:
            raise InputError(f"No customer has the id or e-mail address {wanted}.")
        if len(profile) > 1 and str(profile[0][columns.index("customer_id")]) != wanted.strip():
            ids = ", ".join(str(row[columns.index("customer_id")]) for row in profile[:10])
            raise InputError(
                f"{len(profile)} customers have that e-mail address; ask for one by id: {ids}."
            )
        facts = dict(zip(columns, profile[0], strict=True))
        events, _ = _fetch(
            connection,
            f"""
            select occurred_at, touchpoint, event, detail, amount, reference_id
            from marts.customer_timeline
            where customer_id = $customer_id
            order by occurred_at desc, touchpoint, reference_id
            limit {TIMELINE_LENGTH}
            """,
            {"customer_id": facts["customer_id"]},
        )
    name, customer_id = plain(facts.pop("customer_name"), "bold"), facts.pop("customer_id")
    console.print()
    console.print(Text.assemble(name, f"  customer {customer_id}"), highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column, value in facts.items():
        table.add_row(plain(column.replace("_", " "), "dim"), plain(shown(value)))
    console.print(table)
    if not events:
        console.print("\nNo order, visit, service contact or loyalty change is known.")
        return
    console.print("\n[bold]Latest events[/]")
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("When", no_wrap=True)
    for heading in ("What", "Outcome", "Detail"):
        table.add_column(heading)
    table.add_column("Amount", justify="right")
    table.add_column("Reference", justify="right")
    for occurred_at, *texts, reference in events:
        cells = [shown(value) if value is not None else "" for value in texts]
        table.add_row(f"{occurred_at:%Y-%m-%d %H:%M}", *map(plain, cells), plain(reference))
    console.print(table)


def _fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]
) -> tuple[list[tuple[Any, ...]], list[str]]:
    result = connection.execute(sql, parameters)
    columns = [column[0] for column in result.description or []]
    return result.fetchall(), columns
