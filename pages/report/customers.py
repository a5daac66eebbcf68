"""Finds any customer of a published warehouse, for the served report."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from pages.report.content import (
    CUSTOMER_COLUMNS,
    EVENT_COLUMNS,
    EVENTS_KEPT,
    MOST_VALUABLE_FIRST,
    NEWEST_EVENT_FIRST,
    customer_columns,
    plain,
    table,
)
from warehouse.connection import open_warehouse
from warehouse.home import Home
from warehouse.publish import WarehouseState

_MATCH_COLUMNS = ["customer_id", "customer_name", "email", "segment", "tier_level"]
_MATCH_COLUMNS += ["total_spend", "total_orders"]

# Letters that stay when accents are taken off; the page's script has the same in `fold`.
_PLAIN = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe"}
_PLAIN["ı"] = "i"


class Customers:
    """The customers of the warehouse as it is published at the moment.

    Everybody's row of customer_360 is computed once and kept in memory, with the letters that a
    name is looked up by. When another version is published, the next question reads it.
    """

    def __init__(self, home: Home, personal_data: bool) -> None:
        """Look at the home's warehouse, only ever to read."""
        self._home = home
        self._columns = customer_columns(personal_data)
        self._personal_data = personal_data
        self._lock = threading.Lock()
        self._state: WarehouseState | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def warehouse(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the published warehouse to one reader; raises C360Error when it can't be read."""
        with self._lock:
            state = WarehouseState.of(self._home.warehouse)
            if self._connection is None or state != self._state:
                self.close()
                self._connection = self._opened()
                self._state = state
            yield self._connection

    def close(self) -> None:
        """Let go of the warehouse."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def find(self, wanted: str, limit: int) -> dict[str, Any]:
        """Return the customers that have every word of `wanted` in name, e-mail or id's beginning.

        Whoever has just that id or e-mail address comes first, then the most valuable.
        """
        columns = [name for name in _MATCH_COLUMNS if name in self._columns]
        with self.warehouse() as connection:
            words = [
                word
                for (word,) in connection.execute(
                    f"select unnest(string_split_regex(trim({_folded('?')}), '\\s+'))", [wanted]
                ).fetchall()
                if word
            ]
            # An id may have blanks in it, so it is compared with all that was typed as well.
            typed = " ".join(words)
            condition = " and ".join(
                ["(contains(looked_up_by, ?) or starts_with(id_looked_up_by, ?))"] * len(words)
            )
            condition = f"starts_with(id_looked_up_by, ?) or {condition or 'true'}"
            exact = "id_looked_up_by = ? or ends_with(looked_up_by, ' ' || ?)"
            order = f"({exact}) desc, {MOST_VALUABLE_FIRST.format(purchases='total_orders')}"
            parameters = [typed, *(word for word in words for _ in range(2)), typed, typed]
            rows = connection.execute(
                f"""
                select count(*) over (), {", ".join(columns)}
                from customers
                where {condition}
                order by {order}
                limit ?
                """,
                [*parameters, limit],
            ).fetchall()
        return {"total": rows[0][0] if rows else 0, **table(columns, [row[1:] for row in rows])}

    def get(self, customer_id: str) -> dict[str, Any] | None:
        """Return a customer's profile and newest events, or None when there is no such customer."""
        with self.warehouse() as connection:
            rows = connection.execute(
                f"select {', '.join(self._columns)} from customers "
                "where cast(customer_id as varchar) = ?",
                [customer_id],
            ).fetchall()
            if not rows:
                return None
            (count,) = connection.execute(
                "select count(*) from marts.customer_timeline where customer_id = ?", [rows[0][0]]
            ).fetchone() or (0,)
        events = {"count": count, "rows": self.events(customer_id, offset=0)}
        return {**table(self._columns, rows), "events": events}

    def events(self, customer_id: str, offset: int) -> list[list[Any]]:
        """Return a customer's events from the one at `offset` on, newest first."""
        with self.warehouse() as connection:
            # The key as it is, a number or a text: cast to text, each row of the facts would be.
            key = connection.execute(
                "select customer_id from customers where cast(customer_id as varchar) = ?",
                [customer_id],
            ).fetchone()
            if not key:
                return []
            rows = connection.execute(
                f"""
                select {", ".join(EVENT_COLUMNS)}
                from marts.customer_timeline
                where customer_id = ?
                order by {NEWEST_EVENT_FIRST}
                limit {EVENTS_KEPT} offset ?
                """,
                [*key, offset],
            ).fetchall()
        return [[plain(value) for value in row] for row in rows]

    def _opened(self) -> duckdb.DuckDBPyConnection:
        connection = open_warehouse(self._home)
        name = "customer_name || ' ' || email" if self._personal_data else "''"
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
        return connection


def _folded(text: str) -> str:
    """Return SQL for the letters that a text is looked up by: no case, no accents."""
    sql = f"strip_accents(lower({text}))"
    for letter, letters in _PLAIN.items():
        sql = f"replace({sql}, '{letter}', '{letters}')"
    return sql
