"""The customers of whatever is published at the moment, ready for JSON: for the served report."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from pages.report.content import EVENTS_KEPT, plain, table
from warehouse.connection import open_warehouse
from warehouse.customer_search import CustomerSearch
from warehouse.customers import PERSON_COLUMNS, RECORD_COLUMNS, customer_columns
from warehouse.home import Home
from warehouse.publish import WarehouseState

_MATCH_COLUMNS = ["customer_id", "customer_name", "email", "segment", "tier_level"]
_MATCH_COLUMNS += ["total_spend", "total_orders", "person_customer_ids"]


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
        """Return a customer's profile, newest events and person; None when there is no such one.

        The person is left out where it is no more than the customer.
        """
        with self.warehouse() as (_, search):
            profile = search.get(customer_id, self._columns)
            if profile is None:
                return None
            events = search.events(profile[0], EVENTS_KEPT)
            count = search.count_events(profile[0])
            person = self._person(search, customer_id) if self._personal_data else None
        return {
            **table(self._columns, [profile]),
            "events": {"count": count, "rows": _for_json(events)},
            "person": person,
        }

    def _person(self, search: CustomerSearch, customer_id: str) -> dict[str, Any] | None:
        """Return what the records of a customer's person are together, and each of them."""
        (person_id,) = search.get(customer_id, ["person_id"]) or (None,)
        if person_id is None or not (person := search.person(person_id)):
            return None
        return {
            **table(PERSON_COLUMNS, [person]),
            "records": table(RECORD_COLUMNS, search.records(person_id)),
        }

    def events(self, customer_id: str, offset: int) -> list[list[Any]]:
        """Return a customer's events from the one at `offset` on, newest first."""
        with self.warehouse() as (_, search):
            known = search.get(customer_id, ["customer_id"])
            return _for_json(search.events(known[0], EVENTS_KEPT, offset)) if known else []


def _for_json(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [[plain(value) for value in row] for row in rows]
