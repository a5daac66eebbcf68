"""Gold: dimensions with the unknown member, facts whose foreign keys always have a member."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from .reference_cleaning import integer, on_the_clock, trimmed
from .reference_contract import ENTITIES, Options, Row, Tables
from .reference_files import arrival
from .reference_persons import Identity, customer_persons, golden_records
from .reference_silver import Silver

NOT_REVENUE = ("Cancelled", "Failed", "Refunded", "Returned")
RESOLVED = "Resolved"
NO_DAY = -1

Members = dict[str, set[int | str]]  # keys, by dimension

DIMENSIONS = {  # in an order in which a dimension comes after those that it points to
    "dim_customers": "customers",
    "dim_products": "products",
    "dim_stores": "stores",
    "dim_agents": "agents",
    "dim_loyalty_accounts": "loyalty_accounts",
}
FACTS = {
    "fct_online_transactions": "online_transactions",
    "fct_in_store_transactions": "in_store_transactions",
    "fct_service_interactions": "customer_service_interactions",
    "fct_loyalty_transactions": "loyalty_transactions",
}
EVENT_TIMES = {
    "fct_online_transactions": "ordered_at",
    "fct_in_store_transactions": "purchased_at",
    "fct_service_interactions": "interacted_at",
    "fct_loyalty_transactions": "transacted_at",
}
FOREIGN_KEYS = {
    "dim_loyalty_accounts": {"customer_id": "dim_customers"},
    "fct_online_transactions": {"customer_id": "dim_customers", "product_id": "dim_products"},
    "fct_in_store_transactions": {"customer_id": "dim_customers", "store_id": "dim_stores"},
    "fct_service_interactions": {"customer_id": "dim_customers", "agent_id": "dim_agents"},
    "fct_loyalty_transactions": {"loyalty_id": "dim_loyalty_accounts"},
}


class Gold(Tables):
    """Gold's relations as rows, with the silver that they come from."""

    silver: Silver
    identity: Identity

    @property
    def options(self) -> Options:
        """What was declared and set."""
        return self.silver.options

    def unknown(self, *entities: str) -> int | str:
        """Return the key of the unknown member."""
        return self.options.unknown(*entities)


def gold(silver: Silver, identity: Identity | None = None) -> Gold:
    """Compute gold's relations from silver, and from what was found out about who is who."""
    tables = Gold()
    tables.silver = silver
    tables.identity = identity or Identity()
    members: Members = {}
    for relation, entity in DIMENSIONS.items():
        rows = _pointed(tables, relation, entity, members)
        tables[relation] = [unknown_member(relation, silver.options), *rows]
        members[relation] = {row[ENTITIES[entity].key[0]] for row in tables[relation]}
    for relation, entity in FACTS.items():
        tables[relation] = [
            {
                **row,
                "date_key": _date_key(row[EVENT_TIMES[relation]].date()),
                "time_is_plausible": is_plausible(
                    row[EVENT_TIMES[relation]], row["_batch_id"], silver.options
                ),
            }
            for row in _pointed(tables, relation, entity, members)
        ]
    for row in tables["fct_online_transactions"]:
        row["counts_as_revenue"] = row["status"] not in NOT_REVENUE
    for row in tables["fct_service_interactions"]:
        row["is_resolved"] = row["resolution_status"] == RESOLVED
    customers = silver.tables["customers"]
    tables["customer_persons"] = customer_persons(customers, tables.identity)
    tables["dim_persons"] = golden_records(
        customers, tables["customer_persons"], tables.options.survivorship
    )
    tables["dim_dates"] = _dates(event_times(tables, plausible=True), event_times(tables))
    return tables


def _pointed(tables: Gold, relation: str, entity: str, members: Members) -> list[Row]:
    """Point each foreign key to a member; keep the value that it came with."""
    foreign_keys = FOREIGN_KEYS.get(relation, {})
    targets = {name: DIMENSIONS[dimension] for name, dimension in foreign_keys.items()}
    nobody = {
        name: _declared_unknown(tables.options, entity, target) for name, target in targets.items()
    }

    def member(name: str, value: int | str | None) -> int | str:
        is_known = value in members[foreign_keys[name]] and value not in nobody[name]
        return value if value is not None and is_known else tables.unknown(targets[name])

    return [
        {
            **row,
            **{name: member(name, row[name]) for name in foreign_keys},
            **{f"source_{name}": row[name] for name in foreign_keys},
        }
        for row in tables.silver.tables[entity]
    ]


def _declared_unknown(options: Options, entity: str, target: str) -> set[int | str | None]:
    """Return the keys that stand for nobody in references from an entity to a dimension's one."""
    written = [
        trimmed(str(key))
        for name in dict.fromkeys((entity, target))
        for key in options.unknown_keys.get(name, ())
    ]
    return set(written) if options.has_text_keys(target) else set(map(integer, written))


def unknown_member(relation: str, options: Options) -> Row:
    """Make the member -1: its descriptive attributes are 'Unknown', the others null."""
    entity = ENTITIES[DIMENSIONS[relation]]
    member: dict[str, Any] = {column.name: column.blank for column in entity.columns}
    member.update({"_as_of": None, "_source_file": None, "_batch_id": None})
    member[entity.key[0]] = options.unknown(entity.name)
    for name, dimension in FOREIGN_KEYS.get(relation, {}).items():
        member.update({name: options.unknown(DIMENSIONS[dimension]), f"source_{name}": None})
    return member


# --- Times -------------------------------------------------------------------------------------


def is_plausible(event: datetime, batch_id: str, options: Options) -> bool:
    """Whether an event is neither too early nor over a day after its batch."""
    if event < datetime.combine(options.earliest_plausible_date, time.min):
        return False
    arrived = arrival(batch_id)
    if arrived == datetime.max:  # a batch without a time of its own, in examples
        return True
    return event <= on_the_clock(arrived, options.zone) + timedelta(days=1)


def event_times(tables: Gold, plausible: bool = False) -> list[datetime]:
    """Return the times of all facts, or of those whose time is plausible."""
    return [
        row[name]
        for relation, name in EVENT_TIMES.items()
        for row in tables[relation]
        if row["time_is_plausible"] or not plausible
    ]


def _date_key(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _dates(plausible: Iterable[datetime], events: Iterable[datetime]) -> list[Row]:
    """Make whole years from the first plausible event's to the last one's, other days, and -1."""
    days = {event.date() for event in events}
    if years := {event.year for event in plausible}:
        first, last = date(min(years), 1, 1), date(max(years), 12, 31)
        days |= {date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)}
    return [_unknown_day(), *map(_described, sorted(days))]


def _unknown_day() -> Row:
    """Make the member -1: its names are 'Unknown', and it is no weekend."""
    names = {"date_key": NO_DAY, "month_name": "Unknown", "day_of_week": "Unknown"}
    return {**dict.fromkeys(_described(date.min)), **names, "is_weekend": False}


def _described(day: date) -> Row:
    return {
        "date_key": _date_key(day),
        "date_day": day,
        "year_number": day.year,
        "quarter_number": (day.month + 2) // 3,
        "month_number": day.month,
        "month_name": calendar.month_name[day.month],
        "day_of_month": day.day,
        "day_of_week_number": day.isoweekday(),
        "day_of_week": calendar.day_name[day.weekday()],
        "is_weekend": day.isoweekday() > 5,
    }
