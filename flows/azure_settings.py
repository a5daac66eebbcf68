"""What target azure needs in its environment, looked at before anything is begun."""

import os
from importlib.util import find_spec

from lake.errors import C360Error, without_token

LAKE_VARIABLE = "C360_LAKE"

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


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
