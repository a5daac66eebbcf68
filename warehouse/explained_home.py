"""Explains the numbers of a home: those of the version that is published in it."""

from pathlib import Path
from typing import Any

import duckdb

from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake.local import LocalLake
from warehouse.connection import open_warehouse
from warehouse.definitions import load_definitions
from warehouse.explaining import Explainer
from warehouse.home import Home, project_dir
from warehouse.origins import Origins, PublishedSilver


class HomeExplainer(Explainer):
    """Explains by a connection to the published warehouse, which it closes at the end."""

    def __init__(
        self,
        home: Home,
        connection: duckdb.DuckDBPyConnection,
        sources: Path | None,
        personal_data: bool,
    ) -> None:
        """Explain the numbers of a connection's warehouse."""
        contract = load_contract(project_dir())
        origins = Origins(
            LocalLake(home.lake),
            PublishedSilver(connection),
            contract,
            load_declarations(sources, contract),
            personal_data=personal_data,
        )
        self._connection = connection
        super().__init__(self.ask, load_definitions(), origins)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        """Let go of the warehouse."""
        self._connection.close()


def explainer_of(home: Home, sources: Path | None, *, personal_data: bool) -> HomeExplainer:
    """Open the published warehouse of a home to explain its numbers."""
    return HomeExplainer(home, open_warehouse(home), sources, personal_data)
