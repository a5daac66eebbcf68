"""What dbt's tests warn of: what it does to the answers, and what can be done about it."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from warehouse.connection import Query

_NAMED = 5  # values of a column

# Of a column whose values are listed in a seed: what the others do, and what each of them is of.
_UNLISTED = {
    "status": ("count as revenue", "order"),
    "resolution_status": ("count as not resolved", "contact"),
}


@dataclass(frozen=True)
class DataTest:
    """A generic test of dbt's: its name, the model that it looks at, and its arguments."""

    test: str
    model: str
    arguments: dict[str, Any]


def warning(tested: DataTest, sql: str, query: Query) -> str | None:
    """Tell what a test's rows (`sql`) say, None where its name and its count have to do.

    Values are named where they belong to a list, and so to no person.
    """
    tell = _TOLD.get(tested.test)
    return tell(tested, sql, query) if tell else None


def _unlisted(tested: DataTest, sql: str, query: Query) -> str:
    column = tested.arguments["column"]
    does, of = _UNLISTED.get(column, ("are kept as they came", "row"))
    summed = ["occurrences", *(["amount"] if "amount" in tested.arguments else [])]
    totals = ", ".join(f"sum({each}) over ()" for each in summed)
    found = query(
        f"select {column}, {', '.join(summed)}, {totals}, count(*) over () from ({sql}) as warned "
        f"order by occurrences desc, {column} offset 0 rows fetch next {_NAMED} rows only"
    )
    width = len(summed)
    named = [row[: 1 + width] for row in found]
    *sums, different = found[0][1 + width :]
    values = [f"{value} ({_worth(of, *worth)})" for value, *worth in named]
    if different > len(named):
        values.append(f"… ({_worth(of, *sums)} in all)")
    seed = re.sub(r".*ref\(\W*(\w+)\W*\).*", r"\1", str(tested.arguments["seed"]))
    return (
        f"{tested.model}.{column} has values that are not in its list and {does}: "
        f"{', '.join(values)}. Add them to the seed other_words or {seed}."
    )


def _unreadable(_: DataTest, sql: str, query: Query) -> str:
    found = query(f"select entity, column_name, occurrences from ({sql}) as warned")
    named = ", ".join(
        f"{entity}.{column} ({_worth('row', rows)})" for entity, column, rows in sorted(found)
    )
    return (
        f"Values that could not be read are empty now: {named}. A row whose key of something else "
        "is empty counts for nobody. silver.unreadable_values has the values; declare how they are "
        "written, or `keys: text` where keys have letters."
    )


def _implausible(tested: DataTest, sql: str, query: Query) -> str:
    ((rows, earliest, latest),) = query(
        f"select sum(occurrences), min({tested.arguments['column']}), "
        f"max({tested.arguments['column']}) from ({sql}) as warned"
    )
    return (
        f"{tested.model}.{tested.arguments['column']} has times long ago or after their arrival: "
        f"{_worth('row', rows)}, {earliest} to {latest}. They count in totals, and not in first "
        "and last purchases, recency and busiest hours. Correct them where they come from, or "
        "declare how dates are written."
    )


def _worth(of: str, count: int, amount: Decimal | None = None) -> str:
    worth = "" if amount is None else f", {amount:,.2f}"
    return f"{count:,} {of}{'' if count == 1 else 's'}{worth}"


_TOLD = {
    "known_value": _unlisted,
    "values_are_readable": _unreadable,
    "times_are_plausible": _implausible,
}
