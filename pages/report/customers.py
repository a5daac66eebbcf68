"""The customers of whatever is published at the moment, ready for JSON: for the served report."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from pages.report.content import EVENTS_KEPT, plain, table
from warehouse.connection import open_warehouse
from warehouse.customer_search import CustomerSearch
from warehouse.customers import customer_columns
from warehouse.home import Home
from warehouse.publish import WarehouseState

_MATCH_COLUMNS = ["customer_id", "customer_name", "email", "segment", "tier_level"]
_MATCH_COLUMNS += ["total_spend", "total_orders"]


class Customers:
    """The customers of a home; when another version is published, the next question reads it."""

    def __init__(self, home: Home, personal_data: bool) -> None:
        """Look at the home's warehouse, only ever to read."""
        self._home = home
        self._columns = customer_columns(personal_data)
        self._personal_data = personal_data
        self._lock = threading.Lock()
        self._state: WarehouseState | None = None
        self._opened: tuple[duckdb.DuckDBPyConnection, CustomerSearch] | None = None

    @contextmanager
    def warehouse(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, CustomerSearch]]:
        """Give the published warehouse to one reader; raises C360Error when it can't be read."""
        with self._lock:
            state = WarehouseState.of(self._home.warehouse)
            if self._opened is None or state != self._state:
                self.close()
                connection = open_warehouse(self._home)
                search = CustomerSearch(connection, personal_data=self._personal_data, keep=True)
                self._opened = connection, search
                self._state = state
            yield self._opened

    def close(self) -> None:
        """Let go of the warehouse."""
        if self._opened:
            self._opened[0].close()
            self._opened = None

    def find(self, wanted: str, limit: int) -> dict[str, Any]:
        """Return how many customers the words in `wanted` find, and the first of them."""
        columns = [name for name in _MATCH_COLUMNS if name in self._columns]
        with self.warehouse() as (_, search):
            total, rows = search.find(wanted, columns, limit)
        return {"total": total, **table(columns, rows)}

    def get(self, customer_id: str) -> dict[str, Any] | None:
        """Return a customer's profile and newest events, or None when there is no such customer."""
        with self.warehouse() as (_, search):
            profile = search.get(customer_id, self._columns)
            if profile is None:
                return None
            events = search.events(profile[0], EVENTS_KEPT)
            count = search.count_events(profile[0])
        return {
            **table(self._columns, [profile]),
            "events": {"count": count, "rows": _for_json(events)},
        }

    def events(self, customer_id: str, offset: int) -> list[list[Any]]:
        """Return a customer's events from the one at `offset` on, newest first."""
        with self.warehouse() as (_, search):
            known = search.get(customer_id, ["customer_id"])
            return _for_json(search.events(known[0], EVENTS_KEPT, offset)) if known else []


def _for_json(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [[plain(value) for value in row] for row in rows]
