"""What the warehouse holds on persons: whom words find, and everything about one of them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from lake.errors import InputError
from warehouse.connection import Key, Query, literal
from warehouse.engines import Engine, Row

# In which what is declared to stand for nobody can stand for a customer, or for an account.
_NAME_CUSTOMERS = (
    *("customers", "online_transactions", "in_store_transactions"),
    "customer_service_interactions",
)
_NAME_ACCOUNTS = ("loyalty_accounts", "loyalty_transactions")

UNKNOWN = "-1"  # the member of a dimension that what is of nobody points to
_SEARCHED = 500  # records that words find, of whose persons some are told

# What is held of a customer, by what it is called in an export: SQL, {key} is the customer's id.
# An event keeps the id that it came with, also when it is of nobody who is known.
_OF_CUSTOMER = {
    "record": "select * from gold.dim_customers where customer_id = {key}",
    "profile": "select * from marts.customer_360 where customer_id = {key}",
    "matched": "select * from gold.customer_persons where customer_id = {key}",
    "attributes": """
        select * from silver.customer_attributes where customer_id = {key} order by attribute
    """,
    "online_orders": """
        select orders.*, products.product_name
        from gold.fct_online_transactions as orders
        left join gold.dim_products as products on orders.product_id = products.product_id
        where orders.source_customer_id = {key}
        order by orders.ordered_at, orders.order_id, orders.line_number
    """,
    "store_purchases": """
        select purchases.*, stores.location
        from gold.fct_in_store_transactions as purchases
        left join gold.dim_stores as stores on purchases.store_id = stores.store_id
        where purchases.source_customer_id = {key}
        order by purchases.purchased_at, purchases.transaction_id, purchases.line_number
    """,
    "service_contacts": """
        select * from gold.fct_service_interactions
        where source_customer_id = {key}
        order by interacted_at, interaction_id
    """,
    "loyalty_accounts": """
        select * from gold.dim_loyalty_accounts where source_customer_id = {key} order by loyalty_id
    """,
    "loyalty_movements": """
        select movements.*
        from gold.fct_loyalty_transactions as movements
        inner join gold.dim_loyalty_accounts as accounts
            on movements.source_loyalty_id = accounts.loyalty_id
        where accounts.source_customer_id = {key}
        order by movements.transacted_at, movements.source_loyalty_id, movements.line_number
    """,
    "possible_duplicates": """
        select
            case when customer_id = {key} then other_customer_id else customer_id end
                as other_customer_id,
            probability,
            reasons
        from marts.possible_duplicates
        where customer_id = {key} or other_customer_id = {key}
        order by pair_rank
    """,
}
# An earlier version of the product kept snapshots, which stand aside as `…_before`.
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


def find_persons(engine: Engine, wanted: str, limit: int) -> tuple[int, list[FoundPerson]]:
    """Return how many persons words find, and the first of them, the surest first.

    A person is found by words of a name or an e-mail address or the beginning of an id of any of
    the records, or just by the id of a person, of an earlier one, or of a loyalty account.
    """
    exact = wanted.strip()
    said = literal(exact)
    account = _key(engine, "dim_loyalty_accounts", "loyalty_id", exact)
    found: dict[str, str] = {}
    for by, sql in (
        ("person id", f"select person_id from gold.customer_persons where person_id = {said}"),
        (
            "former person id",
            "select person_id from marts.person_aliases "
            f"where alias_id = {said} and ended_at is null and person_id <> alias_id",
        ),
        (
            "loyalty account",
            "select persons.person_id from gold.dim_loyalty_accounts as accounts "
            "inner join gold.customer_persons as persons "
            "on accounts.customer_id = persons.customer_id "
            f"where accounts.loyalty_id = {literal(account)}"
            if account is not None
            else "",
        ),
    ):
        for (person_id,) in engine.query(sql) if sql else ():
            found.setdefault(person_id, by)
    for person_id in engine.persons_by_words(wanted, _SEARCHED) if exact else ():
        found.setdefault(person_id, "words or customer id")
    told = [_found(engine, person_id, by) for person_id, by in list(found.items())[:limit]]
    return len(found), told


def _found(engine: Engine, person_id: str, by: str) -> FoundPerson:
    together = held_on_person(engine, person_id)["golden_record"]
    person = together[0] if together else {}
    records = engine.rows(
        "select customer_id, customer_name, email, online_orders, in_store_orders, interactions, "
        "loyalty_accounts from marts.customer_360 "
        f"where person_id = {literal(person_id)} order by customer_id"
    )
    return FoundPerson(person_id, by, person.get("customer_name"), person.get("email"), records)


def person_of(engine: Engine, wanted: str) -> Person:
    """Return the person with an id, its own or an earlier one or that of any of its customers.

    Raises InputError when the id is of a person and of another one's customer, or stands for
    customers who are not known.
    """
    exact = wanted.strip()
    said = literal(exact)
    customer = _key(engine, "customer_persons", "customer_id", exact)
    by_person = _ids(
        engine, f"select distinct person_id from gold.customer_persons where person_id = {said}"
    )
    by_customer = (
        _ids(
            engine,
            "select distinct person_id from gold.customer_persons "
            f"where customer_id = {literal(customer)}",
        )
        if customer is not None
        else []
    )
    if len({*by_person, *by_customer}) > 1:
        others = ", ".join(sorted(by_customer))
        raise InputError(
            f"{exact} is the id of a person, and of a customer who is person {others}. Ask for the "
            f"one by the id of any of its customers, for the other by {others}."
        )
    named = {*by_person, *by_customer} or {
        *_ids(
            engine,
            "select person_id from marts.person_aliases "
            f"where alias_id = {said} and ended_at is null",
        )
    }
    if not named:
        check_is_somebody(engine.query, [exact if customer is None else customer])
        if customer is None:
            raise InputError(f"Nobody has the id {exact}: ids of customers are whole numbers here.")
        return Person(None, (customer,))
    (person_id,) = named
    same = f"person_id = {literal(person_id)}"
    ids = _ids(
        engine, f"select customer_id from gold.customer_persons where {same} order by customer_id"
    )
    check_is_somebody(engine.query, ids)
    former = _ids(
        engine,
        "select alias_id from marts.person_aliases "
        f"where {same} and alias_id <> person_id and ended_at is null order by alias_id",
    )
    return Person(person_id, tuple(ids), tuple(former))


def check_is_somebody(query: Query, keys: Collection[Key]) -> None:
    """Raise for ids of customers that stand for nobody: what many strangers did is under them."""
    nobody = {UNKNOWN, *_unknown_keys(query, _NAME_CUSTOMERS)} & set(map(str, keys))
    if nobody:
        raise InputError(
            f"{', '.join(sorted(nobody))} stands for customers who are not known: what is under it "
            "is of many people."
        )


def _unknown_keys(query: Query, entities: Collection[str]) -> list[str]:
    """Return the keys that are declared to stand for nobody in any of these entities."""
    rows = query("select entity, key_value from silver.unknown_keys")
    return [key for entity, key in rows if entity in entities]


def _ids(engine: Engine, sql: str) -> list[Any]:
    return [each for (each,) in engine.query(sql)]


def _key(engine: Engine, table: str, column: str, text: str) -> Key | None:
    """Return an id as gold has it; None for what cannot be one, where ids are whole numbers."""
    if keys_are_text(engine, table, column):
        return text
    is_whole = re.fullmatch(r"-?[0-9]{1,18}", text)
    return int(text) if is_whole else None


def keys_are_text(engine: Engine, table: str, column: str) -> bool:
    """Tell whether keys are text in a table of gold, as it may be declared."""
    ((kind,),) = engine.query(
        "select DATA_TYPE from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = 'gold' "
        f"and TABLE_NAME = '{table}' and COLUMN_NAME = '{column}'"
    )
    return "char" in str(kind).lower()


def held_on_person(engine: Engine, person_id: str) -> dict[str, list[Row]]:
    """Return what is held on all records of a person together."""
    same = f"person_id = {literal(person_id)}"
    return {
        "golden_record": engine.rows(f"select * from gold.dim_persons where {same}"),
        "profile": engine.rows(f"select * from marts.person_360 where {same}"),
    }


def held_on_customer(engine: Engine, key: Key) -> dict[str, list[Row]]:
    """Return all that is held under a customer's id, by what it is; of nothing no rows."""
    said = literal(key)
    held = {name: engine.rows(sql.format(key=said)) for name, sql in _OF_CUSTOMER.items()}
    for name in _HISTORIES:
        tables = engine.query(
            "select TABLE_SCHEMA, TABLE_NAME from INFORMATION_SCHEMA.TABLES "
            f"where TABLE_NAME in ('{name}', '{name}_before') "
            "and TABLE_SCHEMA in ('silver', 'snapshots') order by TABLE_SCHEMA, TABLE_NAME"
        )
        held[name] = [
            row
            for schema, table in tables
            for row in sorted(
                engine.rows(f"select * from {schema}.{table} where customer_id = {said}"),
                key=lambda row: (str(row.get("valid_from")), str(row.get("loyalty_id"))),
            )
        ]
    return held


def accounts_of(engine: Engine, keys: Collection[Key]) -> list[Key]:
    """Return the ids of the loyalty accounts of customers."""
    theirs = ", ".join(map(literal, keys))
    return _ids(
        engine,
        "select loyalty_id from gold.dim_loyalty_accounts "
        f"where source_customer_id in ({theirs}) order by loyalty_id",
    )


def not_accounts_of(engine: Engine, keys: Collection[Key], accounts: Collection[str]) -> set[str]:
    """Return which of these accounts are others' than the customers', or stand for no account."""
    nobodys = {UNKNOWN, *_unknown_keys(engine.query, _NAME_ACCOUNTS)} & {*accounts}
    theirs = ", ".join(map(literal, keys))
    listed = ", ".join(map(literal, accounts)) or "null"
    others = _ids(
        engine,
        f"select loyalty_id from gold.dim_loyalty_accounts where loyalty_id in ({listed}) "
        f"and (source_customer_id is null or source_customer_id not in ({theirs}))",
    )
    return nobodys | {*map(str, others)}
