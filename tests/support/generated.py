"""Dirty files of a retailer, day by day: every rule of the contract meets its edges in them.

Values come from small pools, so that keys meet again within a file, over days and between entities.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from .reference_contract import ENTITIES, Entity

FIRST_DAY = datetime(2025, 10, 24)  # summer time ends in Europe two days later, and soon in America
DAYS = 4

WORDS = (
    *("Ann", "Łódź", "O'Brien", 'The "Shop"', "a, b", "two\nlines", "New York", "Zoë", "-", "Ball"),
    *("", "", " ", "\u00a0", "NULL", "n/a", "none", "NONE", r"\N", "Unknown", " padded\t"),
    *("x" * 49 + " y", "y" * 300, "12"),
)
LISTED = {
    "status": (
        *("Completed", "completed ", "SHIPPED", "Delivered", "Pending", "Cancelled", "Refunded"),
        *("Canceled", "voided", "Return", "On Hold", "returned", "Mystery", "mystery", "", "null"),
    ),
    "payment_method": ("Credit Card", "cash", "CASH", "PayPal", "Barter", "", "None", "visa"),
    "resolution_status": ("Resolved", "closed", "Solved", "Pending", "Escalated", "Ignored", ""),
    "tier_level": ("Gold", "silver", "BRONZE", "Platinum", "Zinc", "", "n/a"),
}
WORDS_OF = {
    "category": ("Toys", "toys", "Tools", "Garden", "", "n/a"),
    "location": ("Leeds", "York", "leeds", " York ", ""),
    "issue_type": ("Refund", "Damage", "", "Late  delivery"),
    "reason": ("Purchase", "Bonus", "Redemption", ""),
}
AMOUNTS = (
    *("5", "12.50", "12.5", "0", "0.00", "-0.004", "3.335", "-3.335", ".5", "7.", "+20", "'7.25"),
    *("-12.50", "100", "19.99", "19.990", "250.005", " 8.40 ", "-1", "33.3333333333333333333333"),
)
NO_AMOUNTS = ("", "free", "$5", "1e3", "10000000000000000", "--1", "NaN", "'")
NO_KEYS = ("", "NULL", "x", "12.5", "1e3", "-1", "6.00123E+11", "99999999999999999999", "-01.0")
NO_TIMES = ("", "never", "2025-02-29", "2025-10-25 24:00", "20251025", "2025-10-25 10:00 AM", "nan")
FAR_TIMES = ("1970-01-01", "1989-12-31 23:59:59", "2099-06-01 12:00", "0001-01-01", "9999-12-31")
OFFSETS = ("", "", "", "Z", "z", " UTC", "UTC", "+02:00", "-0500", "+01", " -05:00", " +0545")
CURRENCIES = ("EUR", "eur ", "USD", "usd", "JPY", "", "n/a")

RATES = (
    "currency,valid_from,rate\n"
    "USD,,0.9\nUSD,2025-10-25,0.915\nUSD,2025-10-27,0.8849\nJPY,2025-10-25,0.0061\n"
)


@dataclass(frozen=True)
class Shop:
    """What is declared about a retailer's files, and the project's vars that differ."""

    name: str
    seed: int
    sources: str
    variables: dict[str, object]
    text_keys: frozenset[str] = frozenset()
    has_lines: frozenset[str] = frozenset({"loyalty_transactions"})
    has_currency: frozenset[str] = frozenset()
    extra: str = ""  # a column of online orders that tells which row is newer
    of_customers: tuple[str, ...] = ()  # columns beyond the contract that are read too


SHOPS = (
    Shop("undeclared", 13, "defaults: {rows: one}\n", {}),
    Shop(
        "lines",
        2,
        """
defaults: {rows: one, unknown_keys: [0, GUEST]}
files:
  customers: {keys: text, load: full}
  products: {keys: text}
  online_transactions:
    {keys: text, rows: lines, order_by: Changed at, currency: {column: Currency}}
  in_store_transactions: {rows: lines, load: full, currency: USD}
""",
        {"business_timezone": "Europe/Berlin", "high_value_share": 0.25},
        text_keys=frozenset({"customers", "products", "online_transactions"}),
        has_lines=frozenset({"online_transactions", "in_store_transactions"}),
        has_currency=frozenset({"online_transactions"}),
        extra="Changed at",
    ),
    Shop(
        "full",
        3,
        """
defaults: {rows: one}
files:
  customers: {extra: {phone: Phone, birth_date: Born on, nobody_has_it: Fax}}
  stores: {keys: text, unknown_keys: [k-3]}
  agents: {keys: text}
  loyalty_accounts: {load: full}
  online_transactions: {rows: lines, load: full, unknown_keys: ["4.0", 0]}
  in_store_transactions: {keys: text, currency: {column: Currency}}
  loyalty_transactions: {keys: text, load: full}
  products: {load: full}
""",
        {
            "business_timezone": "America/Chicago",
            "reporting_currency": "EUR",
            "recency_date": "2025-11-30",
            "earliest_plausible_date": "2025-10-20",
            "null_words": ["n/a", "-", "none"],
        },
        text_keys=frozenset({"stores", "agents", "in_store_transactions", "loyalty_accounts"}),
        has_lines=frozenset({"online_transactions", "loyalty_transactions"}),
        has_currency=frozenset({"in_store_transactions"}),
        of_customers=("PHONE", "born_on"),
    ),
)


def write_days(shop: Shop, folder: Path) -> list[Path]:
    """Write a folder of files a day, whose names carry the day; return the folders in order."""
    random = Random(shop.seed)
    folders = []
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        of_day = folder / f"{day:%Y-%m-%d}"
        of_day.mkdir(parents=True)
        folders.append(of_day)
        for entity in ENTITIES.values():
            # The last entity to be missing on a day is missed by no full load of its own.
            if number and random.random() < 0.2:
                continue
            parts = 2 if random.random() < 0.25 else 1
            for part in range(parts):
                name = f"{entity.file_prefix}_{day:%Y-%m-%d}{'ab'[part] if parts > 1 else ''}.csv"
                (of_day / name).write_text(make_file(shop, random, entity, day), encoding="utf-8")
    return folders


def make_file(shop: Shop, random: Random, entity: Entity, day: datetime) -> str:
    """Make the text of one file."""
    columns = [column for column in entity.columns if not column.is_optional]
    header = [column.source for column in columns]
    extra: list[Callable[[], str]] = []
    if entity.name in shop.has_currency:
        header.append("Currency")
        extra.append(lambda: _value(shop, random, entity, "", "currency", day))
    if shop.extra and entity.name == "online_transactions":
        header.append(shop.extra)
        extra.append(lambda: _changed(random))
    for name in shop.of_customers if entity.name == "customers" else ():
        if random.random() < 0.8:
            header.append(name)
            extra.append(lambda: random.choice(WORDS))
    random.shuffle(columns)
    header = [column.source for column in columns] + header[len(columns) :]

    rows: list[list[str]] = []
    for _ in range(random.randint(25, 45)):
        row = [_value(shop, random, entity, column.name, column.kind, day) for column in columns]
        rows.append(row + [make() for make in extra])
        if entity.name in shop.has_lines and random.random() < 0.5:
            rows += _more_lines(shop, random, entity, header, rows[-1], day)
        if random.random() < 0.06:
            rows.append(list(random.choice(rows)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(row)
        if random.random() < 0.02:
            text.write("too,few\n")
    return text.getvalue()


def _more_lines(
    shop: Shop, random: Random, entity: Entity, header: list[str], first: list[str], day: datetime
) -> list[list[str]]:
    """Make further lines of an order, or movements of one second, which differ in a little."""
    lines = []
    for _ in range(random.randint(1, 3)):
        line = list(first)
        for column in entity.columns:
            if column.source in header and random.random() < 0.3:
                if column.name in entity.key[:1]:
                    continue
                at = header.index(column.source)
                if column.name == "transacted_at":
                    line[at] = f"2025-10-26 02:30:00{random.choice(('', '.5', '.50', '.25'))}"
                else:
                    line[at] = _value(shop, random, entity, column.name, column.kind, day)
        lines.append(line)
    return lines


def _value(shop: Shop, random: Random, entity: Entity, name: str, kind: str, day: datetime) -> str:
    is_own = name == entity.key[0]
    if kind == "key":
        return _key(shop, random, name, entity, is_own)
    if kind in ("datetime", "date"):
        return _time(random, day)
    if kind == "currency":
        return random.choice(CURRENCIES)
    if kind == "amount":
        return random.choice(NO_AMOUNTS) if random.random() < 0.08 else random.choice(AMOUNTS)
    if kind == "integer":
        bad = random.choice(NO_AMOUNTS)
        return bad if random.random() < 0.08 else random.choice(("5", "-3", "0", "10.0", "'70"))
    return random.choice(LISTED.get(name) or WORDS_OF.get(name) or WORDS)


def _key(shop: Shop, random: Random, name: str, entity: Entity, is_own: bool) -> str:
    if random.random() < (0.05 if is_own else 0.12):
        return random.choice(NO_KEYS)
    referred = next(column.refers_to for column in entity.columns if column.name == name)
    number = random.randint(0, 14 if entity.is_dimension or not is_own else 40)
    if referred in shop.text_keys:
        forms = (f"K-{number}", f"K-{number}", f"K-{number} ", f"k-{number}", str(number))
        odd = ("GUEST", "K" * 65, "ż" * 64, "0.0", "0")
        return random.choice(odd) if random.random() < 0.08 else random.choice(forms)
    forms = (str(number), str(number), f"{number}.0", f"0{number}", f"+{number}", f"'{number}")
    return random.choice((*forms, f"\u00a0{number} "))


def _time(random: Random, day: datetime) -> str:
    dice = random.random()
    if dice < 0.05:
        return random.choice(NO_TIMES)
    if dice < 0.09:
        return random.choice(FAR_TIMES)
    # Few moments, many of them in the hours in which clocks change.
    at = random.choice((day, FIRST_DAY + timedelta(days=2), datetime(2025, 11, 2)))
    at += timedelta(
        hours=random.choice((0, 1, 1, 2, 6, 10, 20, 23)), minutes=random.choice((0, 30))
    )
    if dice < 0.2:
        return random.choice((f"{at:%m/%d/%Y}", f"{at:%m/%d/%Y %H:%M}", f"{at:%m/%d/%Y  %I:%M %p}"))
    if dice < 0.3:
        return random.choice((f"{at:%Y-%m-%d}", f"{at.year}/{at.month}/{at.day} {at.hour}:{at:%M}"))
    seconds = random.choice(("", ":00", ":00.5", ":00.50", ":07.000000000001"))
    between = random.choice((" ", "T", "t", "  "))
    return f"{at:%Y-%m-%d}{between}{at:%H:%M}{seconds}{random.choice(OFFSETS)}"


def _changed(random: Random) -> str:
    at = datetime(2025, 10, 20) + timedelta(hours=random.randint(0, 12) * 12)
    return random.choice(
        (f"{at:%Y-%m-%d %H:%M}", f"{at:%Y-%m-%dT%H:%M:%S.25+02:00}", f"{at:%m/%d/%Y}", "")
    )
