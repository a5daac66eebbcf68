"""Points unixODBC at the ODBC driver that the package mssql-python-odbc carries.

Synapse is reached through pyodbc and unixODBC, which looks drivers up in odbcinst.ini. With the
driver of the package no vendor's repository has to be added to the system. `c360` does this by
itself; for dbt by hand, `python -m warehouse.odbc DIR` writes the file and prints what to set.
"""

import os
import platform
import sys
from pathlib import Path

import typer

from lake.errors import C360Error

DRIVER = "ODBC Driver 18 for SQL Server"
FOLDER_VARIABLE = "ODBCSYSINI"
SYSTEM_FILE = Path("/etc/odbcinst.ini")


def use_packaged_driver(folder: Path) -> None:
    """Let this process use the packaged driver, unless the system has one that it is to use.

    Has to be called before the first ODBC call: unixODBC reads its settings once.
    """
    if os.environ.get(FOLDER_VARIABLE) or _names_driver(SYSTEM_FILE):
        return
    write_driver_file(folder)
    os.environ[FOLDER_VARIABLE] = str(folder)


def write_driver_file(folder: Path) -> Path:
    """Write an odbcinst.ini that names the packaged driver, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "odbcinst.ini"
    file.write_text(f"[{DRIVER}]\nDriver={packaged_driver()}\n", encoding="utf-8")
    return file


def packaged_driver() -> Path:
    """Return the driver's library for this system."""
    from mssql_python_odbc import get_libs_dir  # type: ignore[import-untyped]

    libraries = Path(get_libs_dir())
    if sys.platform == "darwin":
        pattern = f"macos/{platform.machine()}/lib/libmsodbcsql*"
    else:
        pattern = f"linux/{_distribution()}/{platform.machine()}/lib/libmsodbcsql*"
    found = sorted(libraries.glob(pattern))
    if not found:
        raise C360Error(
            f"The package mssql-python-odbc has no driver for this system ({libraries / pattern}). "
            f"Install Microsoft's {DRIVER} on the system instead."
        )
    return found[0]


def _distribution() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family & {"alpine"}:
        return "alpine"
    if family & {"rhel", "fedora", "centos"}:
        return "rhel"
    return "suse" if family & {"suse", "opensuse"} else "debian_ubuntu"


def _names_driver(file: Path) -> bool:
    return file.is_file() and f"[{DRIVER}]" in file.read_text(encoding="utf-8", errors="replace")


def _main(folder: Path) -> None:
    """Write DIR/odbcinst.ini and print what to set in the environment."""
    typer.echo(f"export {FOLDER_VARIABLE}={write_driver_file(folder.resolve()).parent}")


if __name__ == "__main__":
    typer.run(_main)
