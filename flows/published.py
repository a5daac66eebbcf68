"""What asks the gold and marts that are published, wherever they are."""

from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.connection import Query, open_warehouse
from warehouse.home import Home


@contextmanager
def published(home: Home, target: str) -> Iterator[Query]:
    """Ask the warehouse of a home, or the database that a run on Azure publishes in."""
    if target == "azure":
        from flows.azure_run import database

        yield database(home).query
        return
    with open_warehouse(home) as connection:
        yield lambda sql: connection.execute(sql).fetchall()
