"""The engines that gold and the marts are in, asked about persons in SQL that both of them take."""

from typing import Any, Protocol

import duckdb

from lake.errors import InputError
from warehouse.customer_search import CustomerSearch, persons_in_tsql
from warehouse.dbt_run import DbtRun

Row = dict[str, Any]

_MAY_SEE = "select " + ", ".join(
    f"has_perms_by_name(N'{schema}', N'SCHEMA', N'UNMASK') as {schema}_is_unmasked"
    for schema in ("silver", "gold", "marts")
)


class Engine(Protocol):
    """What is published, to be read."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask, and return all rows."""

    def rows(self, sql: str) -> list[Row]:
        """Ask, and return all rows by the names of their columns."""

    def persons_by_words(self, wanted: str, limit: int) -> list[str]:
        """Return the ids of the persons whose records words find, the surest first."""


class DuckDB:
    """The warehouse of a home."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Ask by an open connection."""
        self._connection = connection

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask, and return all rows."""
        return self._connection.execute(sql).fetchall()

    def rows(self, sql: str) -> list[Row]:
        """Ask, and return all rows by the names of their columns."""
        result = self._connection.execute(sql)
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def persons_by_words(self, wanted: str, limit: int) -> list[str]:
        """Return the ids of the persons whose records words find, the surest first."""
        _, found = CustomerSearch(self._connection).find(wanted, ["person_id"], limit)
        return [person_id for (person_id,) in found]


class AzureSql:
    """The database that runs on Azure publish in."""

    def __init__(self, database: DbtRun) -> None:
        """Ask by dbt; raise for whom the database shows masks in the place of personal data."""
        self._database = database
        self.query = database.query
        self.rows = database.rows
        if 0 in self.query(_MAY_SEE)[0]:
            raise InputError(
                "The database shows you masks in the place of names and addresses. Have an "
                "administrator make you a member of c360_steward: alter role c360_steward add "
                "member [name]."
            )

    def persons_by_words(self, wanted: str, limit: int) -> list[str]:
        """Return the ids of the persons whose records words find, the surest first."""
        return [person_id for (person_id,) in self.query(persons_in_tsql(wanted, limit))]
