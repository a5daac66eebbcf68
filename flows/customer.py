"""What is known about one customer: the page behind `c360 customer`."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.headlines import shown
from flows.terminal import plain
from lake.errors import InputError
from warehouse.connection import open_warehouse
from warehouse.customer_search import CustomerSearch
from warehouse.customers import EVENT_COLUMNS, PERSON_COLUMNS
from warehouse.history import check_tells_of_the_past, is_a_customer, times_known
from warehouse.home import Home

TIMELINE_LENGTH = 15
NAMED = 10  # of several customers


def print_customer(
    console: Console,
    home: Home,
    wanted: str,
    as_of: date | None = None,
    *,
    personal_data: bool = True,
) -> None:
    """Print the profile and the latest events of the customer with this id or e-mail address.

    With `as_of` they are as of the end of that day. Without `personal_data` nothing is told of who
    it is, and nobody is found but by id.
    """
    asked_for = "id or e-mail address" if personal_data else "id"
    with open_warehouse(home) as connection:
        if as_of:
            check_tells_of_the_past(connection)
        search = CustomerSearch(connection, personal_data=personal_data, as_of=as_of)
        count, found = search.find(wanted, search.columns, NAMED, whole=True)
        if not found and as_of:
            times = times_known(connection, wanted, by_email=personal_data)
            known = "; ".join(times) or "Nor has any at another time"
            raise InputError(f"No customer had the {asked_for} {wanted} on {as_of}. {known}.")
        if not found:
            raise InputError(f"No customer has the {asked_for} {wanted}.")
        facts = dict(zip(search.columns, found[0], strict=True))
        customer_id = facts.pop("customer_id")
        if count > 1 and str(customer_id) != wanted.strip():
            ids = ", ".join(str(row[0]) for row in found)
            each = [dict(zip(search.columns, row, strict=True)) for row in found]
            persons = {customer.get("person_id") for customer in each}
            is_one = count == len(found) and len(persons) == 1 and None not in persons
            one = f" They are one person, {persons.pop()}." if is_one else ""
            raise InputError(
                f"{count} customers have that {asked_for}; ask for one by id: {ids}.{one}"
            )
        events = [
            dict(zip(EVENT_COLUMNS, event, strict=True))
            for event in search.events(customer_id, TIMELINE_LENGTH)
        ]
        is_told = personal_data and not as_of
        person = search.person(facts["person_id"]) if is_told else None
        records = search.records(facts["person_id"]) if person else []
        is_gone = as_of is not None and not is_a_customer(connection, customer_id)
    name = f"{facts.pop('customer_name')}  " if personal_data else ""
    console.print()
    console.print(Text.assemble(plain(name, "bold"), f"customer {customer_id}"), highlight=False)
    if as_of:
        told = (
            f"As of the end of {as_of}: profile and loyalty accounts are what rows that held then "
            "say; orders, contacts and loyalty changes until then are as they are known now. Who "
            "is one person with whom is known of today only."
        )
        console.print(plain(told, "dim"), highlight=False, soft_wrap=True)
    if is_gone:
        told = "The customer is gone since, and its events are not told one by one any more."
        console.print(plain(told, "yellow"), highlight=False, soft_wrap=True)
    if person:
        siblings = sorted(record[0] for record in records if record[0] != customer_id)
        console.print(plain(_person_in_words(person, siblings)), highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column, value in facts.items():
        table.add_row(plain(column.replace("_", " "), "dim"), plain(shown(value)))
    console.print(table)
    if not events and is_gone:
        return
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
    for event in events:
        cells = [event[column] for column in ("touchpoint", "event", "detail", "amount")]
        table.add_row(
            f"{event['occurred_at']:%Y-%m-%d %H:%M}",
            *(plain(shown(value) if value is not None else "") for value in cells),
            plain(event["reference_id"]),
        )
    console.print(table)


def _person_in_words(person: tuple[Any, ...], siblings: Sequence[int | str]) -> str:
    """Tell whom a customer is one person with, and what they are together."""
    facts = dict(zip(PERSON_COLUMNS, person, strict=True))
    others = f"customer{'' if len(siblings) == 1 else 's'} {', '.join(map(str, siblings))}"
    orders = f"{facts['total_orders']:,} order{'' if facts['total_orders'] == 1 else 's'}"
    return (
        f"One person with {others} (person {facts['person_id']}): "
        f"{facts['customer_records']:,} records, {orders}, {facts['total_spend']:,} in total"
    )
