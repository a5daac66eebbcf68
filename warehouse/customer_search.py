"""Finds customers in a DuckDB warehouse: by their id, or by letters of id, name and e-mail."""

from collections.abc import Sequence
from typing import Any

import duckdb

from warehouse.customers import (
    CUSTOMER_COLUMNS,
    EVENT_COLUMNS,
    MOST_VALUABLE_FIRST,
    NEWEST_EVENT_FIRST,
)

# Letters that stay when accents are taken off; the report's script has the same in `fold`.
_PLAIN = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe"}
_PLAIN["ı"] = "i"


class CustomerSearch:
    """The customers of one open warehouse.

    Everybody's row of customer_360 is computed once and kept in memory, with the letters that a
    customer is looked up by: of the id, and with `personal_data` of name and e-mail address.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, personal_data: bool = True) -> None:
        """Compute the rows; the warehouse itself is only read."""
        self._connection = connection
        name = "customer_name || ' ' || email" if personal_data else "''"
        connection.execute(
            f"""
            create temp table customers as
            select
                {", ".join(CUSTOMER_COLUMNS)},
                {_folded(name)} as looked_up_by,
                {_folded("cast(customer_id as varchar)")} as id_looked_up_by
            from marts.customer_360
            """
        )

    def find(
        self, wanted: str, columns: Sequence[str], limit: int, whole: bool = False
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """Return how many have every word of `wanted` in name, e-mail or id's beginning, and some.

        With `whole`, only who has just that id or e-mail address. They come first anyway, before
        all others the one whose id is written the same, then the most valuable.
        """
        words = self._words(wanted)
        # An id may have blanks in it, so it is compared with all that was typed as well.
        typed = " ".join(words)
        exact = "(id_looked_up_by = $typed or ends_with(looked_up_by, ' ' || $typed))"
        each = [
            f"(contains(looked_up_by, $word{n}) or starts_with(id_looked_up_by, $word{n}))"
            for n in range(len(words))
        ]
        some = f"(starts_with(id_looked_up_by, $typed) or {' and '.join(each) or 'true'})"
        rows = self._connection.execute(
            f"""
            select count(*) over (), {", ".join(columns)}
            from customers
            where {exact if whole else some}
            order by
                cast(customer_id as varchar) = $wanted desc,
                {exact} desc,
                {MOST_VALUABLE_FIRST.format(purchases="total_orders")}
            limit $limit
            """,
            {"wanted": wanted.strip(), "typed": typed, "limit": limit}
            | ({} if whole else {f"word{n}": word for n, word in enumerate(words)}),
        ).fetchall()
        return (rows[0][0] if rows else 0), [row[1:] for row in rows]

    def get(self, customer_id: str, columns: Sequence[str]) -> tuple[Any, ...] | None:
        """Return those columns of the customer with that id, None when there is none."""
        return self._connection.execute(
            f"select {', '.join(columns)} from customers where cast(customer_id as varchar) = ?",
            [customer_id],
        ).fetchone()

    def count_events(self, customer_id: str) -> int:
        """Return how many events a customer has."""
        (count,) = self._events("count(*)", customer_id)[0]
        return count

    def events(self, customer_id: str, limit: int, offset: int = 0) -> list[tuple[Any, ...]]:
        """Return EVENT_COLUMNS of a customer's events from the one at `offset` on, newest first."""
        return self._events(
            ", ".join(EVENT_COLUMNS),
            customer_id,
            f"order by {NEWEST_EVENT_FIRST} limit {limit} offset {offset}",
        )

    def _events(self, what: str, customer_id: str, rest: str = "") -> list[tuple[Any, ...]]:
        # The key as it is, a number or a text: cast to text, each row of the facts would be.
        key = self.get(customer_id, ["customer_id"])
        return self._connection.execute(
            f"select {what} from marts.customer_timeline where customer_id = ? {rest}",
            [key[0] if key else None],
        ).fetchall()

    def _words(self, wanted: str) -> list[str]:
        words = self._connection.execute(
            f"select unnest(string_split_regex(trim({_folded('?')}), '\\s+'))", [wanted]
        ).fetchall()
        return [word for (word,) in words if word]


def _folded(text: str) -> str:
    """Return SQL for the letters that a text is looked up by: no case, no accents."""
    sql = f"strip_accents(lower({text}))"
    for letter, letters in _PLAIN.items():
        sql = f"replace({sql}, '{letter}', '{letters}')"
    return sql
