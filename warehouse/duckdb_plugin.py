"""What dbt needs and DuckDB's SQL lacks; profiles.yml names it as a dbt-duckdb plugin."""

from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection


def make_directory(path: str) -> str:
    """Create a folder with its parents and return its path; COPY creates neither."""
    Path(path).mkdir(parents=True, exist_ok=True)
    return path


def absolute_path(path: str) -> str:
    """Return the path from the root of the disk, for views that are read from any folder."""
    return str(Path(path).resolve())


class Plugin(BasePlugin):
    """Adds the SQL functions `make_directory(path)` and `absolute_path(path)`."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the functions once, on the connection that dbt's threads share."""
        conn.create_function("make_directory", make_directory, side_effects=True)
        conn.create_function("absolute_path", absolute_path, side_effects=True)
