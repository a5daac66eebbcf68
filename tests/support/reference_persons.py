"""Persons: golden records, and the answers of customers over all records of each person.

Who is who is taken as given. The answers are computed as if nobody had registered twice: in all
that gold has, a person's id stands for the ids of the person's records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from .reference_contract import Row

if TYPE_CHECKING:
    from .reference_gold import Gold

Id = int | str

UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Identity:
    """What was found out about who is who, table by table."""

    matched: Mapping[Id, Row] = field(default_factory=dict)  # by customer_id
    aliases: Sequence[Row] = ()
    pairs: Sequence[Row] = ()

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> Identity:
        """Read it from a warehouse."""

        def rows(table: str) -> list[Row]:
            found = connection.execute(f"from identity.{table}")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        return cls.of_tables(
            rows("matched_customers"), rows("person_aliases"), rows("possible_duplicates")
        )

    @classmethod
    def of_tables(
        cls, matched: Sequence[Row], aliases: Sequence[Row], pairs: Sequence[Row]
    ) -> Identity:
        """Take it from the rows of its tables."""
        return cls({row["customer_id"]: row for row in matched}, aliases, pairs)


# --- Gold --------------------------------------------------------------------------------------


def customer_persons(customers: Sequence[Row], identity: Identity) -> list[Row]:
    """Return the person of each record; one that nobody matched is a person of its own."""
    names = ("person_id", "matched_by", "probability", "matched_at")
    rows: list[Row] = []
    for customer in customers:
        customer_id = customer["customer_id"]
        alone = (f"P{customer_id}", "not matched yet", None, None)
        found = identity.matched.get(customer_id) or dict(zip(names, alone, strict=True))
        rows.append({"customer_id": customer_id, **{name: found[name] for name in names}})
    return rows


def golden_records(
    customers: Sequence[Row], persons: Sequence[Row], rules: Mapping[str, str]
) -> list[Row]:
    """Return a row a person, with the value of each attribute that its rule chooses."""
    person_of = {row["customer_id"]: row["person_id"] for row in persons}
    records_of: dict[str, list[Row]] = defaultdict(list)
    for customer in customers:
        records_of[person_of[customer["customer_id"]]].append(customer)
    golden: list[Row] = []
    for person_id, records in records_of.items():
        person: Row = {"person_id": person_id}
        for attribute, rule in rules.items():
            record = _survivor(records, attribute, rule)
            person[attribute] = record[attribute]
            person[f"{attribute}_from"] = record["customer_id"]
        ids = sorted(record["customer_id"] for record in records)
        person["customer_records"] = len(ids)
        person["customer_ids"] = ", ".join(map(str, ids))
        golden.append(person)
    return golden


def _survivor(records: Sequence[Row], attribute: str, rule: str) -> Row:
    """Return the record whose value is kept: candidates are narrowed down until one is left."""
    left = [record for record in records if record[attribute] != UNKNOWN] or list(records)
    counts = Counter(record[attribute] for record in left)
    narrowing: dict[str, list[Any]] = {
        "newest": [],
        "most_frequent": [lambda record: counts[record[attribute]]],
        "most_complete": [
            lambda record: len(record[attribute]),
            lambda record: counts[record[attribute]],
        ],
    }
    for measure in (
        *narrowing[rule],
        lambda record: record["_as_of"],
        lambda record: record["_batch_id"],
        lambda record: record["customer_id"],
    ):
        best = max(map(measure, left))
        left = [record for record in left if measure(record) == best]
    (survivor,) = left
    return survivor


# --- Marts -------------------------------------------------------------------------------------


def as_persons(gold: Gold) -> Gold:
    """Return gold in which persons are the customers, by the ids of persons."""
    person_of = {row["customer_id"]: row["person_id"] for row in gold["customer_persons"]}

    def of_person(row: Row) -> Row:
        if "customer_id" not in row:
            return row
        return {**row, "customer_id": person_of.get(row["customer_id"], row["customer_id"])}

    changed = type(gold)({name: [of_person(row) for row in rows] for name, rows in gold.items()})
    changed.silver = gold.silver
    changed["dim_customers"] = [
        {"customer_id": person["person_id"], **person} for person in gold["dim_persons"]
    ]
    return changed


def of_persons(rows: Sequence[Row]) -> list[Row]:
    """Return rows of customers who are persons as rows of persons."""
    return [
        {"person_id" if name == "customer_id" else name: value for name, value in row.items()}
        for row in rows
    ]


def possible_duplicates(
    identity: Identity, customers: Mapping[Id, Row], spend: Mapping[Id, Any]
) -> list[Row]:
    """Return the pairs whose customers are there, the most probable first."""
    there = [
        pair
        for pair in identity.pairs
        if pair["customer_id"] in customers and pair["other_customer_id"] in customers
    ]
    there.sort(key=lambda row: (-row["probability"], row["customer_id"], row["other_customer_id"]))
    rows: list[Row] = []
    for rank, pair in enumerate(there, 1):
        one, other = customers[pair["customer_id"]], customers[pair["other_customer_id"]]
        row: Row = {"pair_rank": rank, **pair}
        for name in ("person_id", "customer_name", "email", "address"):
            row[name], row[f"other_{name}"] = one[name], other[name]
        row["total_spend"] = spend[pair["customer_id"]] + spend[pair["other_customer_id"]]
        rows.append(row)
    return rows
