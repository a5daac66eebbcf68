"""What the warehouse holds on persons: whom words find, and everything about one of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from lake.errors import InputError
from warehouse.customer_search import CustomerSearch

Row = dict[str, Any]
Key = int | str

UNKNOWN = "-1"  # the member of a dimension that what is of nobody points to
_SEARCHED = 500  # records that words find, of whose persons some are told

# What is held of a customer, by what it is called in an export: SQL with the customer's id as $1.
# An event keeps the id that it came with, also when it is of nobody who is known.
_OF_CUSTOMER = {
    "record": "select * from gold.dim_customers where customer_id = $1",
    "profile": "select * from marts.customer_360 where customer_id = $1",
    "matched": "select * from gold.customer_persons where customer_id = $1",
    "attributes": "select * from silver.customer_attributes where customer_id = $1 order by all",
    "online_orders": """
        select orders.*, products.product_name
        from gold.fct_online_transactions as orders
        left join gold.dim_products as products using (product_id)
        where orders.source_customer_id = $1
        order by ordered_at, order_id, line_number
    """,
    "store_purchases": """
        select purchases.*, stores.location
        from gold.fct_in_store_transactions as purchases
        left join gold.dim_stores as stores using (store_id)
        where purchases.source_customer_id = $1
        order by purchased_at, transaction_id, line_number
    """,
    "service_contacts": """
        select * from gold.fct_service_interactions
        where source_customer_id = $1
        order by interacted_at, interaction_id
    """,
    "loyalty_accounts": """
        select * from gold.dim_loyalty_accounts where source_customer_id = $1 order by loyalty_id
    """,
    "loyalty_movements": """
        select movements.*
        from gold.fct_loyalty_transactions as movements
        inner join gold.dim_loyalty_accounts as accounts
            on movements.source_loyalty_id = accounts.loyalty_id
        where accounts.source_customer_id = $1
        order by movements.transacted_at, movements.source_loyalty_id, movements.line_number
    """,
    "possible_duplicates": """
        select
            case when customer_id = $1 then other_customer_id else customer_id end
                as other_customer_id,
            probability,
            reasons
        from marts.possible_duplicates
        where customer_id = $1 or other_customer_id = $1
        order by pair_rank
    """,
}
_HISTORIES = ("customers_history", "loyalty_accounts_history")


@dataclass(frozen=True)
class Person:
    """Somebody who is asked for: the customers who are one person, with its ids of earlier times.

    Without a `person_id` nobody has it in what is published; rows that arrived may all the same.
    """

    person_id: str | None
    customer_ids: tuple[Key, ...]
    former_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundPerson:
    """A person that was found, and `by` what; a record has what is held under its id."""

    person_id: str
    by: str
    customer_name: str | None
    email: str | None
    records: list[Row] = field(default_factory=list)


def find_persons(
    connection: duckdb.DuckDBPyConnection, wanted: str, limit: int
) -> tuple[int, list[FoundPerson]]:
    """Return how many persons words find, and the first of them, the surest first.

    A person is found by words of a name or an e-mail address or the beginning of an id of any of
    the records, or just by the id of a person, of an earlier one, or of a loyalty account.
    """
    exact = wanted.strip()
    found: dict[str, str] = {}
    for by, sql in (
        ("person id", "select person_id from gold.customer_persons where person_id = $1"),
        (
            "former person id",
            "select person_id from marts.person_aliases "
            "where alias_id = $1 and ended_at is null and person_id <> alias_id",
        ),
        (
            "loyalty account",
            "select person_id from gold.dim_loyalty_accounts "
            "inner join gold.customer_persons using (customer_id) "
            "where cast(loyalty_id as varchar) = $1",
        ),
    ):
        for (person_id,) in connection.execute(sql, [exact]).fetchall():
            found.setdefault(person_id, by)
    search = CustomerSearch(connection)
    if exact:
        _, matches = search.find(wanted, ["person_id"], _SEARCHED)
        for (person_id,) in matches:
            found.setdefault(person_id, "words or customer id")
    told = [_found(connection, person_id, by) for person_id, by in list(found.items())[:limit]]
    return len(found), told


def _found(connection: duckdb.DuckDBPyConnection, person_id: str, by: str) -> FoundPerson:
    together = held_on_person(connection, person_id)["golden_record"]
    person = together[0] if together else {}
    records = _rows(
        connection,
        "select customer_id, customer_name, email, online_orders, in_store_orders, interactions, "
        "loyalty_accounts from marts.customer_360 where person_id = $1 order by customer_id",
        [person_id],
    )
    return FoundPerson(person_id, by, person.get("customer_name"), person.get("email"), records)


def person_of(connection: duckdb.DuckDBPyConnection, wanted: str) -> Person:
    """Return the person with an id, its own or an earlier one or that of any of its customers.

    Raises InputError when the id is of a person and of another one's customer, or stands for
    customers who are not known.
    """
    exact = wanted.strip()
    by_person, by_customer = (
        {
            person_id
            for (person_id,) in connection.execute(
                f"select distinct person_id from gold.customer_persons where {column} = $1", [exact]
            ).fetchall()
        }
        for column in ("person_id", "cast(customer_id as varchar)")
    )
    if len(by_person | by_customer) > 1:
        others = ", ".join(sorted(by_customer))
        raise InputError(
            f"{exact} is the id of a person, and of a customer who is person {others}. Ask for the "
            f"one by the id of any of its customers, for the other by {others}."
        )
    named = by_person | by_customer or {
        person_id
        for (person_id,) in connection.execute(
            "select person_id from marts.person_aliases where alias_id = $1 and ended_at is null",
            [exact],
        ).fetchall()
    }
    if not named:
        _check_is_somebody(connection, [exact])
        return Person(None, (key_of(connection, exact),))
    (person_id,) = named
    ids = connection.execute(
        "select customer_id from gold.customer_persons where person_id = $1 order by customer_id",
        [person_id],
    ).fetchall()
    _check_is_somebody(connection, [key for (key,) in ids])
    former = connection.execute(
        "select alias_id from marts.person_aliases "
        "where person_id = $1 and alias_id <> $1 and ended_at is null order by alias_id",
        [person_id],
    ).fetchall()
    return Person(person_id, tuple(key for (key,) in ids), tuple(alias for (alias,) in former))


def _check_is_somebody(connection: duckdb.DuckDBPyConnection, keys: Collection[Key]) -> None:
    """Raise for ids that stand for nobody: what many strangers did is under them."""
    nobody = {UNKNOWN, *_unknown_keys(connection)} & set(map(str, keys))
    if nobody:
        raise InputError(
            f"{', '.join(sorted(nobody))} stands for customers who are not known: what is under it "
            "is of many people."
        )


def _unknown_keys(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the keys that are declared to stand for nobody."""
    rows = connection.execute("select key_value from silver.unknown_keys").fetchall()
    return [key for (key,) in rows]


def key_of(connection: duckdb.DuckDBPyConnection, text: str) -> Key:
    """Return a customer's id as it is in the warehouse."""
    if not keys_are_text(connection, "gold.dim_customers", "customer_id"):
        if not text.removeprefix("-").isdecimal():
            raise InputError(f"Nobody has the id {text}: ids of customers are whole numbers here.")
        return int(text)
    return text


def keys_are_text(connection: duckdb.DuckDBPyConnection, relation: str, column: str) -> bool:
    """Tell whether keys are text, as it may be declared."""
    types = {name: kind for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()}
    return bool(types[column] == "VARCHAR")


def held_on_person(connection: duckdb.DuckDBPyConnection, person_id: str) -> dict[str, list[Row]]:
    """Return what is held on all records of a person together."""
    return {
        "golden_record": _rows(
            connection, "select * from gold.dim_persons where person_id = $1", [person_id]
        ),
        "profile": _rows(
            connection, "select * from marts.person_360 where person_id = $1", [person_id]
        ),
    }


def held_on_customer(connection: duckdb.DuckDBPyConnection, key: Key) -> dict[str, list[Row]]:
    """Return all that is held under a customer's id, by what it is; of nothing no rows."""
    held = {name: _rows(connection, sql, [key]) for name, sql in _OF_CUSTOMER.items()}
    for name in _HISTORIES:
        held[name] = [
            row
            for (schema,) in connection.execute(
                "select distinct table_schema from information_schema.tables "
                "where table_name = $1 order by all",
                [name],
            ).fetchall()
            for row in _rows(
                connection, f"select * from {schema}.{name} where customer_id = $1", [key]
            )
        ]
    return held


def accounts_of(
    connection: duckdb.DuckDBPyConnection, keys: Collection[Key]
) -> tuple[list[Key], list[Key]]:
    """Return the ids of the loyalty accounts of customers, and those that are not theirs.

    These are of others, or stand for no account.
    """
    rows = connection.execute(
        "select loyalty_id, source_customer_id in (select unnest($1)) "
        "from gold.dim_loyalty_accounts",
        [list(keys)],
    ).fetchall()
    others = [key for key, is_theirs in rows if not is_theirs]  # the unknown member is one
    return [key for key, is_theirs in rows if is_theirs], [*others, *_unknown_keys(connection)]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any]) -> list[Row]:
    result = connection.execute(sql, list(values))
    columns = [column[0] for column in result.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
