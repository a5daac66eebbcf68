"""What dbt needs and DuckDB's SQL lacks; profiles.yml names it as a dbt-duckdb plugin."""

from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from warehouse.home import project_dir
from warehouse.project_code import project_code


def make_directory(path: str) -> str:
    """Create a folder with its parents and return its path; COPY creates neither."""
    Path(path).mkdir(parents=True, exist_ok=True)
    return path


def absolute_path(path: str) -> str:
    """Return the path from the root of the disk, for views that are read from any folder."""
    return str(Path(path).resolve())


def code(layer: str) -> str:
    """Return a hash of what decides what the project makes of a layer."""
    return project_code(project_dir(), layer)


class Plugin(BasePlugin):
    """Adds the SQL functions `make_directory`, `absolute_path` and `project_code`."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the functions once, on the connection that dbt's threads share."""
        conn.create_function("make_directory", make_directory, side_effects=True)
        conn.create_function("absolute_path", absolute_path, side_effects=True)
        conn.create_function("project_code", code, side_effects=True)
