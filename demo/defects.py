"""What goes wrong in the files of real retailers, and what has to become of it.

Every defect is made from a good row, and its expected outcome is known from how it is made:
nothing here cleans data. Kinds are named for the role of the column they spoil and what they do to
it, such as `amount_currency`.

A quote that is never closed must cost its own line only. So no quoted field of the generated files
begins with a comma, a line break or a quote: wherever such a line's open field runs into the next
quote, text follows that quote, which no CSV reader takes for the end of a field.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from demo.columns import quoted
from demo.ledger import Value

Raw = dict[str, str | None]


@dataclass(frozen=True)
class Field:
    """A column: its names in bronze and silver, its role, and what an unreadable value does."""

    bronze: str
    silver: str
    role: str
    """key | foreign_key | integer | amount | datetime | date | text | enumeration"""
    length: int = 0
    rejected_as: str | None = None
    """The reason that rejects a row without a value that can be read; None: it becomes null."""
    blank: str | None = None
    """What a blank becomes."""

    def clean(self, raw: str) -> Value:
        """Return the clean value of a good row's value."""
        return int(raw) if self.role in ("key", "foreign_key", "integer") else raw or self.blank


def _key(bronze: str, silver: str) -> Field:
    return Field(bronze, silver, "key", rejected_as="invalid_key")


def _foreign(bronze: str, silver: str) -> Field:
    return Field(bronze, silver, "foreign_key")


def _text(bronze: str, silver: str, length: int) -> Field:
    return Field(bronze, silver, "text", length, blank="Unknown")


def _listed(bronze: str, silver: str, blank: str | None = "Unknown") -> Field:
    return Field(bronze, silver, "enumeration", blank=blank)


def _amount(bronze: str, silver: str) -> Field:
    return Field(bronze, silver, "amount", rejected_as="invalid_amount")


def _time(silver: str) -> Field:
    return Field("DateTime", silver, "datetime", rejected_as="invalid_datetime")


FIELDS: dict[str, tuple[Field, ...]] = {
    "customers": (
        _key("CustomerID", "customer_id"),
        _text("Name", "customer_name", 100),
        _text("Email", "email", 100),
        _text("Address", "address", 255),
    ),
    "products": (
        _key("ProductID", "product_id"),
        _text("Name", "product_name", 100),
        _text("Category", "category", 50),
        Field("Price", "price", "amount"),
    ),
    "stores": (
        _key("StoreID", "store_id"),
        _text("Location", "location", 100),
        _text("Manager", "manager", 100),
        _text("OpenHours", "open_hours", 50),
    ),
    "agents": (
        _key("AgentID", "agent_id"),
        _text("Name", "agent_name", 100),
        _text("Department", "department", 50),
        _text("Shift", "shift", 50),
    ),
    "online_transactions": (
        _key("OrderID", "order_id"),
        _foreign("CustomerID", "customer_id"),
        _foreign("ProductID", "product_id"),
        _time("ordered_at"),
        _listed("PaymentMethod", "payment_method"),
        _amount("Amount", "amount"),
        _listed("Status", "status"),
    ),
    "in_store_transactions": (
        _key("TransactionID", "transaction_id"),
        _foreign("CustomerID", "customer_id"),
        _foreign("StoreID", "store_id"),
        _time("purchased_at"),
        _amount("Amount", "amount"),
        _listed("PaymentMethod", "payment_method"),
    ),
    "customer_service_interactions": (
        _key("InteractionID", "interaction_id"),
        _foreign("CustomerID", "customer_id"),
        _time("interacted_at"),
        _foreign("AgentID", "agent_id"),
        _text("IssueType", "issue_type", 50),
        _listed("ResolutionStatus", "resolution_status"),
    ),
    "loyalty_accounts": (
        _key("LoyaltyID", "loyalty_id"),
        _foreign("CustomerID", "customer_id"),
        Field("PointsEarned", "points_earned", "integer"),
        _listed("TierLevel", "tier_level", blank=None),
        Field("JoinDate", "join_date", "date"),
    ),
    "loyalty_transactions": (
        _key("LoyaltyID", "loyalty_id"),
        Field("DateTime", "transacted_at", "datetime", rejected_as="invalid_key"),
        Field("PointsChange", "points_change", "integer", rejected_as="invalid_amount"),
        _text("Reason", "reason", 100),
    ),
}

_KEYS = {"loyalty_transactions": 2}
_DIMENSIONS = {"customers", "products", "stores", "agents", "loyalty_accounts"}
# Losing one of a dozen stores would change the whole picture: what is lost there is an extra row.
_SMALL = {"stores", "agents"}

_LISTED = {
    "status": ["Pending", "Processing", "Shipped", "Delivered", "Completed", "Cancelled"],
    "payment_method": ["Credit Card", "Debit Card", "PayPal", "Cash", "Gift Card", "Apple Pay"],
    "tier_level": ["Bronze", "Silver", "Gold", "Platinum"],
    "resolution_status": ["Resolved", "Unresolved", "Pending", "Escalated", "Open"],
}
_OTHER_WORDS = {
    "status": {
        "Canceled": "Cancelled",
        "voided": "Cancelled",
        "Payment Failed": "Failed",
        "complete": "Completed",
        "In Transit": "Shipped",
        "Unpaid": "Pending",
    },
    "payment_method": {"CreditCard": "Credit Card", "EC Card": "Debit Card", "Pay Pal": "PayPal"},
    "tier_level": {"Gold Member": "Gold", "Silver tier": "Silver", "Platin": "Platinum"},
    "resolution_status": {
        "Closed": "Resolved",
        "solved": "Resolved",
        "Reopened": "Open",
        "Waiting for customer": "Pending",
    },
}
UNLISTED = {
    "status": ["Backordered", "Awaiting Pickup"],
    "payment_method": ["Crypto", "Store Account"],
    "tier_level": ["Diamond", "VIP"],
    "resolution_status": ["Duplicate", "Won't fix"],
}
_NULL_WORDS = ["NULL", "N/A", "n/a", "#N/A", "NaN", "None"]
_NO_VALUE = ("blank", "null_word")  # kinds of what is no value, and so none that can't be read

# By role and kind, values that can't be read; {} is the good value.
_UNREADABLE: dict[str, dict[str, list[str]]] = {
    "key": {
        "blank": ["", "  ", "\u00a0"],
        "null_word": _NULL_WORDS,
        "text": ["ABC-17", "#REF!", "0x1F", "{}A"],
        "decimal": ["{}.5", "12.5"],
        "exponent": ["1e3", "1.2E+05"],
        "too_large": [
            "9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
        ],
    },
    "foreign_key": {
        "blank": ["", " ", "\t"],
        "null_word": _NULL_WORDS,
        "text": ["GUEST", "unknown", "{}?"],
        "decimal": ["{}.7"],
        "too_large": ["99999999999999999999"],
    },
    "integer": {
        "blank": ["", "  "],
        "null_word": _NULL_WORDS,
        "text": ["lots", "-", "{} pts"],
        "decimal": ["12.5"],
        "exponent": ["1e3"],
        "too_large": ["9223372036854775808", "99999999999999999999999"],
        "thousands": ["1,250"],
    },
    "amount": {
        "blank": ["", "   "],
        "null_word": _NULL_WORDS,
        "thousands": ["1,234.50", "12,000", "1.234,50"],
        "currency": ["$5", "${}", "{} USD", "€{}"],
        "exponent": ["1e3", "2.5E2"],
        "text": ["free", "-", "."],
        "too_large": [
            "10000000000000000",
            "12345678901234567.00",
            "9999999999999999.995",
            "-10000000000000000.00",
            "9" * 60,
        ],
    },
    "datetime": {
        "blank": ["", " "],
        "impossible": [
            "2024-02-30 10:00:00",
            "2023-02-29 09:30:00",
            "2025-13-01 00:00:00",
            "2025-06-31",
            "2025-06-15 25:61",
            "2025-06-15 10:60:00",
            "02/30/2024 10:15",
            "13/45/2025",
            "2025-06-15 10:00:00 +25:00",
        ],
        "null_word": _NULL_WORDS,
        "words": ["yesterday", "last Tuesday", "TBD", "45658.5", "10:30", "June 15, 2025"],
    },
    "date": {
        "blank": ["", " "],
        "null_word": _NULL_WORDS,
        "impossible": ["2024-02-30", "2023-02-29", "2025-13-01", "02/30/2024"],
        "words": ["unknown", "long ago", "since 2019"],
    },
}

_Readable = Callable[[Field, str, Random], tuple[str, Value]]


def _key_other_form(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    form = random.choice(["+{}", "000{}", " {} ", "{}\t", "\u00a0{}", "{}.0", "{}.00", "'{}"])
    return form.format(raw), int(raw)


def _integer_other_form(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    return random.choice([f"{raw}.0", f"{raw}.00", f" {raw} "]), int(raw)


def _foreign_key_unknown(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    nobody = random.choice([999_999_999_999, 0, -1])
    return str(nobody), nobody


def _amount_negative(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    refund = f"-{raw.removeprefix('-')}"
    return refund, refund


def _amount_many_decimals(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    return random.choice(
        [
            ("2.345", "2.35"),
            ("-2.345", "-2.35"),
            ("1.005", "1.01"),
            ("2.3449999999999999999", "2.34"),
            ("0.125", "0.13"),
            ("19.994999", "19.99"),
            ("8.99500000000000000000000000000000000000001", "9.00"),
        ]
    )


def _amount_other_form(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    return random.choice(
        [
            ("+5.25", "5.25"),
            (".5", "0.50"),
            ("7.", "7.00"),
            ("12", "12.00"),
            ("00012.30", "12.30"),
            ("'7.50", "7.50"),
            (f" {raw} ", raw),
            (f"{raw}\u00a0", raw),
        ]
    )


def _datetime_other_form(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    at = datetime.fromisoformat(raw)
    hours, minutes = random.choice([(2, 0), (-5, 0), (5, 30), (-3, -30), (0, 0)])
    local = at + timedelta(hours=hours, minutes=minutes)
    sign = "-" if hours < 0 or minutes < 0 else "+"
    offset = f"{sign}{abs(hours):02}:{abs(minutes):02}"
    short = offset.removesuffix(":00")  # whole hours are enough
    one_digit = f"{at.year}-{at.month}-{at.day} {at.hour}:{at:%M:%S}"
    twelve = f"{at.hour % 12 or 12}:{at:%M:%S} {at:%p}"
    exact = [
        f"{at:%Y-%m-%dT%H:%M:%S}",
        f"{at:%Y-%m-%dT%H:%M:%S}Z",
        f"{at:%Y-%m-%d %H:%M:%S}Z",
        f"{local:%Y-%m-%dT%H:%M:%S}{offset}",
        f"{local:%Y-%m-%d %H:%M:%S}{offset.replace(':', '')}",
        f"{local:%Y-%m-%d %H:%M:%S} {offset.replace(':', '')}",  # as Shopify writes it
        f"{local:%Y-%m-%d %H:%M:%S}{short}",
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        f"{at:%Y-%m-%dt%H:%M:%S}z",
        f"{at:%Y/%m/%d  %H:%M:%S}",
        one_digit,
        f"{at:%Y-%m-%d %H:%M:%S}.987",
        f"{local:%Y-%m-%dT%H:%M:%S}.999999{offset}",
        f"{at:%m/%d/%Y %H:%M:%S}",
        f"{at:%m/%d/%Y} {twelve}",
        f"{at.month}/{at.day}/{at.year} {at.hour}:{at:%M:%S}",
        f"  {at:%Y-%m-%d %H:%M:%S}\t",
    ]
    minute, day = at.replace(second=0), at.replace(hour=0, minute=0, second=0)
    coarse = [
        (f"{at:%Y-%m-%d %H:%M}", minute),
        (f"{local:%Y-%m-%dT%H:%M}{offset}", minute),
        (f"{at.month}/{at.day}/{at.year} {at.hour}:{at:%M}", minute),
        (f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M} {at:%p}", minute),
        (f"{at:%Y-%m-%d}", day),
        (f"{at:%m/%d/%Y}", day),
        (f"{at.month}/{at.day}/{at.year}", day),
    ]
    forms = [(form, at) for form in exact]
    if column.rejected_as != "invalid_key":  # a coarser time in a key could meet another row's
        forms += coarse
    text, moment = random.choice(forms)
    return text, f"{moment:%Y-%m-%d %H:%M:%S}"


def _datetime_implausible(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    at = datetime.fromisoformat(raw)
    # One digit of the year is wrong, or a system wrote its zero for a time that it did not know.
    text = random.choice([f"{at.year + 100}{at:-%m-%d %H:%M:%S}", "1970-01-01 00:00:00"])
    return text, text


def _date_other_form(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    day = datetime.fromisoformat(raw)
    forms = [
        f"{day:%m/%d/%Y}",
        f"{day.month}/{day.day}/{day.year}",
        f"{day.year}-{day.month}-{day.day}",
        f"{raw}T00:00:00Z",
        f"{raw} 15:45:00",
        f" {raw} ",
    ]
    return random.choice(forms), raw


def _text_blank(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    return random.choice(["", " ", "\t ", "\u00a0", " \r\n "]), column.blank


def _text_null_word(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    return random.choice(_NULL_WORDS), column.blank


def _text_padded(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    form = random.choice(["  {} ", "\t{}", "\u00a0{}\u00a0", "{}\n", " {}\r\n ", "{}\t\u00a0"])
    return form.format(raw), raw or column.blank


def _text_long(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    letters = random.choice(["x", "Łódź", "名", "😀"])
    text = raw + "_" + letters * column.length
    return text, text[: column.length]


def _text_code(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    text = random.choice(
        [
            "<script>alert('x')</script>",
            '<b onclick="x">Ann</b> &amp; Co',
            "Robert'); DROP TABLE customers;--",
            "=HYPERLINK(A1)",
            "{{ 1 + 1 }}",
            "C:\\new\\table %s $1",
        ]
    )
    return text, text


def _text_quoted(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    text = random.choice(
        [
            'Ann "Annie" Lee, Jr.',
            "First line\nsecond line",
            "First line\r\nsecond, with a comma",
            'Ends with a quote"',
            "a,b,,c",
            'one\n\n"two", three',
        ]
    )
    return text, text


def _enumeration_case(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    forms = [raw.lower(), raw.upper(), raw.swapcase(), f" {raw.lower()} ", f"{raw.upper()}\u00a0"]
    return random.choice(forms), raw


def _enumeration_other_word(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    text, listed = random.choice(list(_OTHER_WORDS[column.silver].items()))
    return text, listed


def _enumeration_unlisted(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    text = random.choice(UNLISTED[column.silver])
    return random.choice([text, f" {text} "]), text


_READABLE: dict[str, tuple[tuple[str, ...], _Readable]] = {
    "key_other_form": (("key",), _key_other_form),
    "foreign_key_other_form": (("foreign_key",), _key_other_form),
    "integer_other_form": (("integer",), _integer_other_form),
    "foreign_key_unknown": (("foreign_key",), _foreign_key_unknown),
    "amount_negative": (("amount",), _amount_negative),
    "amount_many_decimals": (("amount",), _amount_many_decimals),
    "amount_other_form": (("amount",), _amount_other_form),
    "datetime_other_form": (("datetime",), _datetime_other_form),
    "datetime_implausible": (("datetime",), _datetime_implausible),
    "date_other_form": (("date",), _date_other_form),
    "text_blank": (("text", "enumeration"), _text_blank),
    "text_null_word": (("text", "enumeration"), _text_null_word),
    "text_padded": (("text",), _text_padded),
    "text_long": (("text",), _text_long),
    "text_code": (("text",), _text_code),
    "text_quoted": (("text",), _text_quoted),
    "enumeration_case": (("enumeration",), _enumeration_case),
    "enumeration_other_word": (("enumeration",), _enumeration_other_word),
    "enumeration_unlisted": (("enumeration",), _enumeration_unlisted),
}

_LINES = ("too_few_fields", "too_many_fields", "unclosed_quote", "quote_in_plain_field")
HIDES_WHO = (
    *("text_blank", "text_null_word", "text_long", "text_code", "text_quoted"),
    "quote_in_plain_field",
)
"""Kinds that leave nothing of the value that they spoil, such as a name."""
_PAIRS = ("same_key_other_values", "duplicate_row")

# In this order, so that a small file, which has few defects, has those that few files can have.
KINDS: tuple[str, ...] = (
    "key_minus_one",
    "field_absent",
    *(f"date_{kind}" for kind in _UNREADABLE["date"]),
    "date_other_form",
    *(f"integer_{kind}" for kind in _UNREADABLE["integer"]),
    "integer_other_form",
    *(kind for kind in _READABLE if kind.startswith(("text_", "enumeration_"))),
    *_LINES,
    *_PAIRS,
    *(f"{role}_{k}" for role in ("amount", "datetime", "key") for k in _UNREADABLE[role]),
    *(f"foreign_key_{kind}" for kind in _UNREADABLE["foreign_key"]),
    *(
        kind
        for kind in _READABLE
        if not kind.startswith(("text_", "enumeration_", "date_", "integer_"))
    ),
)


@dataclass
class Spoiled:
    """A spoiled row, as it has to be written, and what becomes of it."""

    kind: str
    values: Raw | None
    text: str
    outcome: str = "kept"
    column: str | None = None
    reason: str | None = None
    unreadable: str | None = None
    cleaned: dict[str, Value] = field(default_factory=dict)
    key: dict[str, Value] | None = None
    is_extra: bool = False
    """It stands beside the good row, not in place of it."""


@dataclass(frozen=True)
class Layout:
    """How rows are written in one file: CSV in an order of columns, or JSON records."""

    entity: str
    header: tuple[str, ...]
    is_json: bool = False
    has_lines: bool = False
    """Rows with the same key are all kept, unless they are the same."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The entity's columns in contract order."""
        return FIELDS[self.entity]

    @property
    def numbers(self) -> set[str]:
        """The columns that JSON records have as numbers."""
        roles = ("key", "foreign_key", "integer", "amount")
        return {column.bronze for column in self.fields if column.role in roles}

    def kinds(self) -> list[str]:
        """Return the kinds of defect that such a file can have."""
        roles = {column.role for column in self.fields}
        possible = {f"{role}_{kind}" for role in roles for kind in _UNREADABLE.get(role, ())}
        possible |= {kind for kind, (wanted, _) in _READABLE.items() if roles & set(wanted)}
        possible |= {*_PAIRS, "field_absent"} if self.is_json else {*_PAIRS, *_LINES}
        if "text" not in roles:
            possible.discard("quote_in_plain_field")
        if self.has_lines:  # the other values are those of a further line
            possible.discard("same_key_other_values")
        if self.entity == "products":
            possible.discard("amount_negative")
        if self.entity in _DIMENSIONS:
            possible.add("key_minus_one")
        return [kind for kind in KINDS if kind in possible]

    def read(self, text: str) -> Raw:
        """Return the values of a good row."""
        if self.is_json:
            return json.loads(text, parse_int=str, parse_float=str)
        return dict(zip(self.header, next(csv.reader([text])), strict=True))

    def write(self, values: Raw, good: Mapping[str, str | None]) -> str:
        """Return a row's text; in JSON, the values it shares with a good row have its types."""
        if not self.is_json:
            return ",".join(quoted(values[name] or "") for name in self.header)
        members = [
            f"{json.dumps(name)}:{value}"
            if name in self.numbers and value == good[name]
            else f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}"
            for name, value in values.items()
        ]
        return "{" + ",".join(members) + "}"

    def key(self, values: Raw) -> dict[str, Value]:
        """Return a good row's key by silver column."""
        return {
            column.silver: column.clean(values[column.bronze] or "")
            for column in self.fields[: _KEYS.get(self.entity, 1)]
        }

    def clean(self, good: Raw) -> dict[str, Value]:
        """Return a good row as silver has it."""
        return {column.silver: column.clean(good[column.bronze] or "") for column in self.fields}


def spoil(layout: Layout, kind: str, good: Raw, random: Random) -> Spoiled:
    """Make a defect of this kind from a good row."""
    if kind in _PAIRS:
        spoiled = _repeat(layout, kind, good, random)
    elif kind in _LINES:
        spoiled = _break_line(layout, kind, good, random)
    else:
        spoiled = _spoil_value(layout, kind, good, random)
    if spoiled.reason != "invalid_key":
        key = layout.key(good)
        spoiled.key = {name: spoiled.cleaned.get(name, value) for name, value in key.items()}
    if layout.entity in _SMALL and spoiled.outcome != "kept":
        spoiled.is_extra = True
    return spoiled


def _spoil_value(layout: Layout, kind: str, good: Raw, random: Random) -> Spoiled:
    values: Raw = dict(good)
    raw: str | None
    if kind == "key_minus_one":
        column, raw, cleaned, is_readable = layout.fields[0], "-1", None, False
    elif kind in _READABLE:
        roles, make = _READABLE[kind]
        column = random.choice([c for c in layout.fields if c.role in roles])
        raw, cleaned = make(column, good[column.bronze] or "", random)
        is_readable = True
    elif kind == "field_absent":
        column = random.choice(layout.fields)
        raw, cleaned, is_readable = None, column.blank, column.blank is not None
    else:
        column, forms = random.choice(
            [
                (c, _UNREADABLE[c.role][kind.removeprefix(f"{c.role}_")])
                for c in layout.fields
                if c.role in _UNREADABLE and kind.removeprefix(f"{c.role}_") in _UNREADABLE[c.role]
            ]
        )
        raw = random.choice(forms).format(good[column.bronze])
        cleaned, is_readable = None, False
        if layout.is_json and not raw.strip() and random.random() < 0.5:
            raw = None
    values[column.bronze] = raw
    if kind == "field_absent":
        del values[column.bronze]
    spoiled = Spoiled(kind, values, layout.write(values, good), column=column.bronze)
    if is_readable or column.rejected_as is None:
        spoiled.cleaned = {column.silver: cleaned}
        kind_of_value = kind.removeprefix(f"{column.role}_")
        if not is_readable and raw is not None and kind_of_value not in _NO_VALUE:
            spoiled.unreadable = raw
    else:
        spoiled.outcome, spoiled.reason = "rejected", column.rejected_as
        spoiled.is_extra = kind == "key_minus_one"
    return spoiled


def _break_line(layout: Layout, kind: str, good: Raw, random: Random) -> Spoiled:
    raw = [good[name] or "" for name in layout.header]
    fields = [quoted(value) for value in raw]
    if kind == "quote_in_plain_field":
        column = random.choice([c for c in layout.fields if c.role == "text"])
        value = random.choice(['Big 5" pipe', '12" vinyl & more', 'The "best of" it'])
        fields[layout.header.index(column.bronze)] = value
        values = {**good, column.bronze: value}
        return Spoiled(
            kind, values, ",".join(fields), column=column.bronze, cleaned={column.silver: value}
        )
    if kind == "too_few_fields":
        fields = fields[: random.randint(1, len(fields) - 1)]
    elif kind == "too_many_fields":
        careless = ",".join(raw)
        if careless.count(",") >= len(raw) and '"' not in careless:  # nobody quoted the address
            fields = raw
        else:
            fields.append(random.choice(["extra", "", "0"]))
    else:
        opened = random.choice([n for n, value in enumerate(raw) if value])
        fields[opened] = '"' + raw[opened].replace('"', '""')
    return Spoiled(kind, None, ",".join(fields), "malformed_line")


def _repeat(layout: Layout, kind: str, good: Raw, random: Random) -> Spoiled:
    values: Raw = dict(good)
    changed: dict[str, Value] = {}
    outcome = "superseded"
    if kind == "same_key_other_values":
        if layout.entity == "loyalty_transactions":  # points can change twice at a moment
            outcome = "kept"
        key_columns = layout.key(good)
        candidates = [
            c
            for c in layout.fields
            if c.silver not in key_columns and c.role not in ("datetime", "date")
        ]
        wanted = random.sample(candidates, min(len(candidates), random.choice([1, 1, 2])))
        for column in layout.fields:
            if column in wanted:
                values[column.bronze], changed[column.silver] = _another(
                    column, good[column.bronze] or "", random
                )
    return Spoiled(
        kind,
        values,
        layout.write(values, good),
        outcome,
        reason=("newer" if changed else "identical") if outcome == "superseded" else None,
        cleaned=changed,
        is_extra=True,
    )


def kept_rows(layout: Layout, good: Raw, spoiled: Spoiled) -> list[dict[str, Value]]:
    """Return what silver has of a good row and of the defect that was made from it."""
    clean = layout.clean(good)
    if spoiled.outcome in ("rejected", "malformed_line"):
        return [clean] if spoiled.is_extra else []
    if spoiled.outcome == "kept" and spoiled.is_extra:
        return [clean, clean | spoiled.cleaned]
    return [clean | spoiled.cleaned]


def _another(column: Field, raw: str, random: Random) -> tuple[str, Value]:
    if column.role == "amount":
        text = f"{Decimal(raw) + random.choice([Decimal('1.10'), Decimal('-0.35')])}"
        return text, text
    if column.role in ("foreign_key", "integer"):
        number = int(raw) + random.choice([1, -1])
        return (
            ("", None)
            if column.role == "foreign_key" and random.random() < 0.3
            else (
                str(number),
                number,
            )
        )
    if column.role == "enumeration":
        text = random.choice([t for t in _LISTED[column.silver] if t != raw])
    else:
        text = (random.choice(["Aa ", "Zz ", "Łł "]) + raw).strip()
    return text, text
