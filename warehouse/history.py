"""What a DuckDB warehouse knows of the past of customers."""

from itertools import groupby
from operator import itemgetter

import duckdb

from lake.errors import InputError

NAMED = 10  # customers of whom it is told when they were known


def check_tells_of_the_past(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise when the warehouse was built by a version of the product that told of today only."""
    ((functions,),) = connection.execute(
        "select count(*) from duckdb_functions() where function_name = 'customer_360_as_of'"
    ).fetchall()
    if not functions:
        raise InputError(
            "What is published tells of today only, since an earlier version of the product built "
            "it. Run `c360 run`, which builds it anew."
        )


def is_a_customer(connection: duckdb.DuckDBPyConnection, customer_id: int | str) -> bool:
    """Tell whether somebody is a customer to this day."""
    sql = "select count(*) from marts.customer_360 where customer_id = ?"
    return connection.execute(sql, [customer_id]).fetchall() != [(0,)]


def times_known(
    connection: duckdb.DuckDBPyConnection, wanted: str, *, by_email: bool = True
) -> list[str]:
    """Return, in words, from when to when customers had this id or, `by_email`, this address."""
    or_email = "or lower(email) = lower($wanted)" if by_email else ""
    rows = connection.execute(
        f"""
        select customer_id, valid_from, valid_to, marts.day_of(valid_from), marts.day_of(valid_to)
        from silver.customers_history
        where cast(customer_id as varchar) = $wanted {or_email}
        order by customer_id, valid_from
        """,
        {"wanted": wanted.strip()},
    ).fetchall()
    told = []
    for customer_id, periods in groupby(rows, itemgetter(0)):
        times: list[list[object]] = []  # of each: the first day, the last moment, the day of it
        for _, valid_from, valid_to, first, last in periods:
            if times and times[-1][1] == valid_from:
                times[-1][1:] = [valid_to, last]
            else:
                times.append([first, valid_to, last])
        words = [
            f"from {first} on" if last is None else f"from {first} until {last}"
            for first, _, last in times
        ]
        told.append(f"Customer {customer_id} is known by it {' and '.join(words)}")
    if len(told) > NAMED:
        told[NAMED:] = [f"{len(told) - NAMED:,} more are at other times"]
    return told
