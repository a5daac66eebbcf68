"""Composes the page: one HTML file that opens from disk and asks nobody for anything."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from pages.composing import hash_of

_PARTS = files("pages.person") / "page"

# What of a customer is shown in which words, in this order.
TITLES = {
    "record": "The record",
    "profile": "Profile: what is computed of it",
    "attributes": "Further details",
    "matched": "Why it is taken for this person",
    "online_orders": "Online orders",
    "store_purchases": "Store purchases",
    "service_contacts": "Service contacts",
    "loyalty_accounts": "Loyalty accounts",
    "loyalty_movements": "Loyalty points",
    "customers_history": "Earlier states of the record",
    "loyalty_accounts_history": "Earlier states of loyalty accounts",
    "possible_duplicates": "Customers that may be the same person",
}
_ONE_ROW = ("record", "profile", "matched")  # shown as facts, one a line


def render(export: Mapping[str, Any]) -> str:
    """Return the page of an export."""
    style = (_PARTS / "style.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"words": _words, "value": _value, "columns": _columns}
    return environment.from_string((_PARTS / "page.html").read_text(encoding="utf-8")).render(
        export,
        style=style,
        policy=f"default-src 'none'; style-src {hash_of(style)}; img-src data:; base-uri 'none'",
        titles=TITLES,
        one_row=_ONE_ROW,
    )


def _words(name: object) -> str:
    """Write the name of a column for people: customer_id as Customer id."""
    text = " ".join(str(name).strip("_").split("_"))
    return text[:1].upper() + text[1:]


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "–"
    return str(value)


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns in which any of the rows has a value."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if any(row.get(name) is not None for row in rows)]
