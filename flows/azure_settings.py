"""What target azure needs in its environment, looked at before anything is begun."""

import os
from importlib.util import find_spec

from lake.errors import C360Error, without_token

LAKE_VARIABLE = "C360_LAKE"

# Gold and the marts are where the one of the two says that is set.
SQL_VARIABLE = "C360_SQL_SERVER"
FABRIC_VARIABLE = "C360_FABRIC_SERVER"

_PACKAGES = ("azure.storage.filedatalake", "mssql_python", "pyarrow", "pyodbc")


def check_settings() -> None:
    """Raise when something that a run on Azure needs is not here."""
    location = os.environ.get(LAKE_VARIABLE, "")
    if not location.startswith("abfss://"):
        raise C360Error(
            f"Target azure needs the lake in {LAKE_VARIABLE}, as "
            "abfss://<filesystem>@<account>.dfs.core.windows.net; it is "
            f"{without_token(location) or 'not set'}. docs/azure.md lists all settings."
        )
    database_target()
    missing = [name for name in _PACKAGES if not _installed(name)]
    if missing:
        raise C360Error(
            f"Target azure needs packages that are not installed ({', '.join(missing)}). Run "
            "`make setup` in the project's folder."
        )
    try:
        import pyodbc  # noqa: F401
    except ImportError as error:
        raise C360Error(
            f"Synapse is reached through unixODBC, which is not installed ({error}). On Debian and "
            "Ubuntu: apt-get install unixodbc."
        ) from error


def database_target() -> str:
    """Return the target of dbt for gold and the marts: `azure_sql`, or `fabric` where it is set.

    Raises C360Error where both servers are set, so that nothing is published in the wrong one.
    """
    if not os.environ.get(FABRIC_VARIABLE):
        return "azure_sql"
    if os.environ.get(SQL_VARIABLE):
        raise C360Error(
            f"{SQL_VARIABLE} and {FABRIC_VARIABLE} are both set, but gold and the marts have one "
            "place: Azure SQL Database, or a Fabric Warehouse. Unset one of the two."
        )
    return "fabric"


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
