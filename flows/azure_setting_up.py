"""What a run on Azure needs to be there: makes it, and looks whether all of it is."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from flows.azure_run import check_database, check_pool, deleted_files, target_dbt
from flows.azure_run import database as published_database
from flows.azure_settings import LAKE_VARIABLE, check_settings
from flows.terminal import plain
from lake.errors import C360Error
from lake.opening import open_lake
from lake.store import Lake
from warehouse.dbt_run import DbtRun
from warehouse.home import Home
from warehouse.odbc import use_packaged_driver
from warehouse.receivers import NAMES

# What a run does in the database beyond reading and writing.
_RIGHTS = ("CREATE SCHEMA", "CREATE TABLE", "CREATE VIEW", "CREATE ROLE", "ALTER ANY MASK")


def set_up(console: Console, home: Home) -> None:
    """Make what a build expects in the pool and in the database; what is there already stays.

    Raises C360Error when a setting is missing, or when this login may not make something.
    """
    check_settings()
    home.prepare()
    use_packaged_driver(home.odbc)
    database = target_dbt(home, "synapse").adapter.config.credentials.database
    # One that is not there yet is made from master.
    pool = target_dbt(home, "synapse", C360_SYNAPSE_DATABASE="master")
    console.print(plain("Serverless pool", "bold"))
    _print(console, pool.run_operation("setup_synapse", database=database))
    gold = published_database(home)
    console.print(plain(NAMES[gold.target].removeprefix("the "), "bold"))
    _print(console, gold.run_operation("setup_azure_sql"))
    console.print(plain("Run `c360 azure check` as whoever will run it every day."))


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(plain(f"  {line}"), soft_wrap=True)


@dataclass
class _Checks:
    """Goes through checks, of which some need others to have passed."""

    console: Console
    failed: set[str] = field(default_factory=set)

    def look(self, what: str, needs: str, check: Callable[[], str | None]) -> None:
        """Print a line: what a check found out, or what is missing and how to mend it."""
        if needs in self.failed:
            self.failed.add(what)
            self.console.print(plain(f"–  {what}: not looked at, because of {needs}", "dim"))
            return
        try:
            found = check()
        except C360Error as error:
            self.failed.add(what)
            self.console.print(plain(f"✗  {what}: {error}", "red"), soft_wrap=True)
        else:
            self.console.print(plain(f"✓  {what}{f': {found}' if found else ''}"), soft_wrap=True)


def check(console: Console, home: Home) -> bool:
    """Look, thing by thing, whether a run on Azure has what it needs; tell whether it has all.

    Nothing stays of what it writes: a file in two folders of the lake, and a row that the pool
    writes there.
    """
    checks, lakes = _Checks(console), list[Lake]()
    home.prepare()
    checks.look("settings and packages", "", check_settings)
    checks.look("ODBC driver", "settings and packages", lambda: use_packaged_driver(home.odbc))
    checks.look("lake", "settings and packages", lambda: _open(lakes))
    checks.look("writing to bronze", "lake", lambda: _write(lakes[0], "bronze"))
    checks.look("writing to silver", "lake", lambda: _write(lakes[0], "silver"))
    checks.look("deleted files", "lake", lambda: deleted_files(lakes[0]))
    if "settings and packages" in checks.failed:
        return False  # nothing can be asked without them
    pool, database = target_dbt(home, "synapse"), published_database(home)
    checks.look("pool", "lake", lambda: check_pool(pool))
    checks.look("the pool's database", "pool", lambda: _told(pool, "check_synapse"))
    checks.look("the pool in the lake", "the pool's database", lambda: _copy(pool, lakes[0]))
    checks.look("database", "settings and packages", lambda: _connect(database))
    checks.look("schemas and roles", "database", lambda: _told(database, "check_azure_sql"))
    checks.look("rights in the database", "database", lambda: _may_build(database))
    return not checks.failed


def _open(lakes: list[Lake]) -> str:
    lake = open_lake(os.environ[LAKE_VARIABLE])
    lake.exists("silver/published.json")  # signs in
    lakes.append(lake)
    return lake.uri("")


def _write(lake: Lake, folder: str) -> None:
    path = f"{folder}/check-{secrets.token_hex(4)}/file"
    try:
        lake.write_bytes(path, b"")
        lake.delete(path)
    except C360Error as error:
        raise C360Error(
            f"{error} Whoever runs this needs the role Storage Blob Data Contributor on the "
            "account (infra/modules/lake.bicep gives it to the job and the administrator)."
        ) from error


def _copy(pool: DbtRun, lake: Lake) -> None:
    """Have the pool write and read a row, as the managed identity of its workspace does."""
    name = f"check_{secrets.token_hex(4)}"
    try:
        pool.run_operation("check_synapse_writes", name=name)
    except C360Error as error:
        raise C360Error(
            f"{error} The managed identity of the workspace needs the role Storage Blob Data "
            "Contributor on the account (infra/modules/synapse.bicep gives it)."
        ) from error
    finally:
        lake.delete_tree(f"silver/{name}")


def _told(dbt: DbtRun, operation: str) -> str:
    return "; ".join(dbt.run_operation(operation))


def _connect(database: DbtRun) -> str:
    check_database(database)
    credentials = database.adapter.config.credentials
    return f"{credentials.database} on {credentials.host}"


def _may_build(database: DbtRun) -> None:
    asked = ", ".join(
        f"has_perms_by_name(db_name(), 'DATABASE', '{right}') as may_{number}"
        for number, right in enumerate(_RIGHTS)
    )
    (answers,) = database.query(f"select {asked}")
    lacking = [right for right, may in zip(_RIGHTS, answers, strict=True) if may != 1]
    if lacking:
        raise C360Error(
            f"this login lacks {', '.join(lacking)}. As an administrator: alter role db_owner add "
            "member [<the login>]."
        )
