"""What is known about single pairs: those that wait for a decision, and any that is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from identity import decisions, model, store
from identity.comparisons import comparisons
from identity.connection import make_table, workspace
from identity.decisions import Decision, ordered, place_of
from identity.judging import Judge
from identity.matching import REFUSED
from identity.settings import Settings
from identity.words import provide
from lake import versions
from lake.errors import InputError
from lake.store import Lake

VALUES = ("customer_name", "email", "address")


@dataclass(frozen=True)
class Reason:
    """What a comparison says in words, and how much for one person, in bits; below 0 against."""

    field: str
    words: str
    weight: float


@dataclass(frozen=True)
class Pair:
    """Two customers who may be one person; `left` and `right` are what is known of each."""

    customer_id: str
    other_customer_id: str
    probability: float
    reasons: tuple[Reason, ...]
    left: dict[str, str | None]
    right: dict[str, str | None]


@dataclass(frozen=True)
class Explanation:
    """Why two customers are one person, or are not; `prior` is the weight before any evidence."""

    pair: Pair
    prior: float
    person_id: str
    other_person_id: str
    matched_by: str
    rule: str | None
    contradictions: tuple[str, ...]
    decision: Decision | None

    @property
    def is_one(self) -> bool:
        """Tell whether they are one person now."""
        return self.person_id == self.other_person_id


def waiting(lake: Lake) -> list[Pair]:
    """Return the pairs that wait for a decision, the likeliest first, but those decided since."""
    version = store.current_version(lake)
    if version is None:
        return []
    decided = decisions.in_force(decisions.read(lake))
    found = [
        (str(row["customer_id"]), str(row["other_customer_id"]), row["probability"])
        for row in store.read_table(lake, version, "possible_duplicates").to_pylist()
        if ordered(str(row["customer_id"]), str(row["other_customer_id"])) not in decided
    ]
    found.sort(key=lambda pair: (-pair[2], place_of(pair[0]), place_of(pair[1])))
    return _pairs(lake, version, found)


def sampled(lake: Lake, count: int) -> list[Pair]:
    """Return so many pairs that are one person now, drawn at random, but those decided already.

    What people say of these tells how sure the matching is (`quality`).
    """
    version = store.current_version(lake)
    if version is None:
        return []
    decided = decisions.in_force(decisions.read(lake))
    with duckdb.connect() as connection:
        connection.register("kept", store.read_table(lake, version, "pairs"))
        connection.register("members", store.read_table(lake, version, "matched_customers"))
        store.load_records(connection, lake, version, "records", ["n", "customer_id"])
        make_table(connection, "decided", {"one": "varchar", "other": "varchar"}, decided)
        rows = connection.execute(
            """
            select x.customer_id, y.customer_id, kept.probability
            from kept
            inner join records as x on kept.a = x.n
            inner join records as y on kept.b = y.n
            inner join members as one on x.customer_id = one.customer_id::varchar
            inner join members as other on y.customer_id = other.customer_id::varchar
            where
                one.person_id = other.person_id
                and (x.customer_id, y.customer_id) not in (select (one, other) from decided)
                and (y.customer_id, x.customer_id) not in (select (one, other) from decided)
            order by random()
            limit $1
            """,
            [count],
        ).fetchall()
    return _pairs(lake, version, [(*ordered(one, other), likely) for one, other, likely in rows])


def _pairs(lake: Lake, version: str, found: Sequence[tuple[str, str, float]]) -> list[Pair]:
    """Return pairs with what is known of them, those whose customers are there."""
    reasons = _reasons(lake, version, [(one, other) for one, other, _ in found])
    values = _values(lake, {each for one, other, _ in found for each in (one, other)})
    return [
        Pair(one, other, probability, reasons[one, other], values[one], values[other])
        for one, other, probability in found
        if one in values and other in values
    ]


def explain(
    lake: Lake, settings: Settings, customer_id: str, other_customer_id: str
) -> Explanation:
    """Compare two customers, whether they were compared before or not.

    Raises InputError when nothing is known of who is who yet, or when one of them is no customer.
    """
    version = store.current_version(lake)
    if version is None:
        raise InputError("Customers were not compared yet; the next `c360 run` does it.")
    one, other = ordered(customer_id.strip(), other_customer_id.strip())
    if one == other:
        raise InputError(f"Customer {one} is one; give the ids of two customers.")
    known = store.read_knowledge(lake, version)
    learned = model.Model.of(known["model"])
    members = {
        str(row["customer_id"]): row
        for row in store.read_table(lake, version, "matched_customers").to_pylist()
        if str(row["customer_id"]) in (one, other)
    }
    for each in (one, other):
        check_customer(lake, each)
    with workspace() as connection:
        provide(connection)
        store.load_records(connection, lake, version, "records")
        connection.execute(
            "create table asked as select min(n) as a, max(n) as b from records "
            "where customer_id in ($1, $2)",
            [one, other],
        )
        model.score(connection, learned, "records", "asked", None)
        judge = Judge(connection, learned.attributes, settings, learned.records)
        judge.judge("scored")
        (scored,) = _rows(connection, "select * from scored")
        (judged,) = _rows(connection, "select * from judged")
    told = {
        "names_differ": "the first names are two people's",
        "other_generation": "the generations (Jr., Sr.) differ",
        "other_birth_date": "the birth dates differ",
    }
    contradictions = [
        words
        for name, words in told.items()
        if judged[name] and (known["households"] or name != "names_differ")
    ]
    values = _values(lake, {one, other})
    probability = 1 / (1 + 2 ** -scored["weight"])
    matched_by = {members[each]["matched_by"] for each in (one, other)}
    return Explanation(
        Pair(
            one,
            other,
            probability,
            _said(scored, learned.attributes),
            values.get(one, {}),
            values.get(other, {}),
        ),
        learned.prior_weight,
        members[one]["person_id"],
        members[other]["person_id"],
        " and ".join(sorted(matched_by)),
        None if judged["rule"] is None else settings.rules[judged["rule"]].name,
        tuple(contradictions),
        decisions.in_force(decisions.read(lake)).get((one, other)),
    )


def check_customer(lake: Lake, customer_id: str) -> None:
    """Raise InputError when somebody is no customer among those that were compared."""
    version = store.current_version(lake)
    if version is None:
        raise InputError("Customers were not compared yet; the next `c360 run` does it.")
    with duckdb.connect() as connection:
        connection.register(
            "known", store.read_table(lake, version, "matched_customers", ["customer_id"])
        )
        found = connection.execute(
            "select 1 from known where customer_id::varchar = $1", [customer_id]
        ).fetchall()
    if not found:
        raise InputError(f"There is no customer {customer_id} among those that were compared.")


def _reasons(
    lake: Lake, version: str, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[Reason, ...]]:
    """Return what each of these pairs has been compared by."""
    attributes = store.read_knowledge(lake, version)["model"]["attributes"]
    with duckdb.connect() as connection:
        connection.register("kept", store.read_table(lake, version, "pairs"))
        store.load_records(connection, lake, version, "records", ["n", "customer_id"])
        make_table(connection, "asked", {"one": "varchar", "other": "varchar"}, pairs)
        rows = _rows(
            connection,
            """
            select asked.one, asked.other, kept.*
            from asked
            inner join records as x on asked.one = x.customer_id
            inner join records as y on asked.other = y.customer_id
            inner join kept on kept.a = least(x.n, y.n) and kept.b = greatest(x.n, y.n)
            """,
        )
    return dict.fromkeys(pairs, ()) | {
        (row["one"], row["other"]): (*_said(row, attributes), *_doubt(row)) for row in rows
    }


def _doubt(row: dict[str, Any]) -> tuple[Reason, ...]:
    """Return what keeps a likely pair from being taken for one person."""
    doubt = row["doubt"] or (REFUSED if row["refused"] else None)
    return (Reason("doubt", doubt, 0.0),) if doubt else ()


def _said(scored: dict[str, Any], attributes: Iterable[str]) -> tuple[Reason, ...]:
    """Return the reasons of a scored pair, the weightiest first."""
    reasons = []
    for number, each in enumerate(comparisons(attributes)):
        case = scored[f"case_{number}"]
        if case >= 0:
            reasons.append(Reason(each.name, each.cases[case].words, scored[f"bits_{number}"]))
    return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))


def _values(lake: Lake, customers: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Return what is published of customers, by their id."""
    published = versions.published(lake)
    wanted = sorted(customers)
    if published is None or not wanted:
        return {}
    with duckdb.connect() as connection:
        make_table(connection, "asked", {"customer_id": "varchar"}, [(each,) for each in wanted])
        store.load_entity(
            connection,
            lake,
            published.entities["customers"],
            "customers",
            ["customer_id", *VALUES],
            "customer_id",
        )
        found: dict[str, dict[str, str | None]] = {
            row.pop("id"): row
            for row in _rows(
                connection,
                f"select customer_id::varchar as id, {', '.join(VALUES)} from customers "
                "where customer_id::varchar in (select customer_id from asked)",
            )
        }
        if "customer_attributes" in published.entities:
            store.load_entity(
                connection,
                lake,
                published.entities["customer_attributes"],
                "attributes",
                ["customer_id", "attribute", "value"],
            )
            for customer, attribute, value in connection.execute(
                "select customer_id::varchar, attribute, value from attributes "
                "where customer_id::varchar in (select customer_id from asked) order by attribute"
            ).fetchall():
                found[customer][attribute] = value
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    return {each: {name: values.get(name) for name in names} for each, values in found.items()}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows
