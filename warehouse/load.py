"""Copies a published version from the lake into the database: silver, and who is who.

Of a table whose rows the database has, up to the version that it notes, only newer ones are
copied, and the keys of the rows that they replace: those of newer parts, and of a newer part that
older ones were written into, the rows that it says are newer. Of any other table all is copied.
Each goes to a table beside the one that is in use (`silver_load`), and is counted there; when all
are there, one transaction puts rows or whole tables in their places and notes the version. So a
load that fails or is killed leaves the tables as they were, and the next one starts over. dbt's
operations prepare_silver_load and publish_silver_load make and exchange the tables, because the
columns come from the models' YAML; this module moves the rows, as the database takes them
(receivers.py).

Who is who (`load_identity`) is copied as a whole, since its tables are small; of the history of
runs (`load_runs`) what is new is added.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from ingest.contract import load_contract
from ingest.deliveries import DeliveryNote
from lake import paths, run_log
from lake.errors import C360Error
from lake.run_log import RunStep
from lake.store import Lake
from lake.versions import Published, PublishedEntity, version_of
from warehouse import azure_sql
from warehouse.connection import literal
from warehouse.dbt_run import DbtRun
from warehouse.home import project_dir
from warehouse.receivers import NAMES, PART, Receiver, receiver
from warehouse.silver_files import count_rows

logger = logging.getLogger(__name__)

INSERTED_ROWS = 500  # in one statement, which may have a thousand

Progress = Callable[[str, int, int], None]  # table, rows copied, rows in all

Copied = TypeVar("Copied")  # what a copy returns


def load(
    lake: Lake,
    published: Published,
    dbt: DbtRun,
    on_progress: Progress | None = None,
    again: bool = False,
) -> int | None:
    """Bring the published version to the database; return the rows copied, None if it is there.

    `dbt` runs on the database's target. A version whose files are not as it was published is an
    error. With `again`, all of a version is loaded anew, into tables as the YAML now has them.
    """
    tables = dict(sorted(published.entities.items(), key=_place_of()))
    with receiver(lake, dbt) as database:
        loaded = None if again else _loaded_version(database, "silver", tables)
    if loaded == published.version:
        logger.info("version %s is loaded already", published.version)
        return None
    if loaded and loaded > published.version:
        loaded = None
    for name, table in tables.items():
        _check_rows(lake, published.version, name, table)
    missing = {
        name: newer
        for name, table in tables.items()
        if (newer := [version for version in table.versions if not loaded or version > loaded])
    }
    dbt.run_operation("prepare_silver_load", tables=list(missing), text_keys=published.text_keys)
    copied = 0
    added = []  # the tables of which only newer parts are copied
    for name, newer in missing.items():
        table, complete = tables[name], False
        if loaded and _can_add(table, newer, loaded):
            copy = partial(_copy, lake, dbt, name, table, newer, loaded, on_progress)
            rows, complete = _tried(dbt, copy, f"silver {name}")
            if complete:
                added.append(name)
            else:
                logger.warning("silver.%s is not what was loaded; all of it is copied", name)
        if not complete:
            copy = partial(_copy, lake, dbt, name, table, table.versions, None, on_progress)
            rows, _ = _tried(dbt, copy, f"silver {name}")
        copied += rows
    dbt.run_operation(
        "publish_silver_load",
        version=published.version,
        text_keys=published.text_keys,
        tables=list(missing),
        added=added,
    )
    return copied


def load_identity(
    lake: Lake, version: str | None, dbt: DbtRun, on_progress: Progress | None = None
) -> int | None:
    """Bring who is who, as a version found it out, to the database; return the rows copied.

    None if it is there already. Without a version, as when customers are not to be matched, the
    tables are empty. Silver is to be loaded before: it says whether keys are text.
    """
    with receiver(lake, dbt) as database:
        loaded = _loaded_version(database, "identity")
    if (loaded or None) == version:
        logger.info("who is who of version %s is loaded already", version)
        return None
    dbt.run_operation("prepare_identity_load")
    with receiver(lake, dbt) as database:
        tables = _tables(database, "identity_load")
    copied = 0
    if version:
        for name in tables:
            file = paths.identity_table(version, name)
            copy = partial(_copy_table, lake, dbt, name, file, on_progress)
            copied += _tried(dbt, copy, f"identity {name}")
    dbt.run_operation("publish_identity_load", version=version or "")
    return copied


def load_runs(lake: Lake, dbt: DbtRun) -> int:
    """Bring what runs told of themselves to the database; return the rows copied.

    Runs that are there are not copied again, unless they told their end since.
    """
    dbt.run_operation("create_run_relations")
    told = run_log.read(lake)
    with receiver(lake, dbt) as database:
        there = set(database.query("select distinct run_id, outcome from runs.steps"))
        now = {(each.run_id, each.outcome) for each in told}
        for run_id, outcome in there - now:
            database.run(
                f"delete from runs.steps where run_id = {literal(run_id)} "
                f"and outcome = {literal(outcome)}"
            )
        new = [_values(each) for each in told if (each.run_id, each.outcome) not in there]
        _insert(database, "runs.steps", new)
    return len(new)


def load_delivery_notes(lake: Lake, dbt: DbtRun, notes: Sequence[DeliveryNote]) -> None:
    """Bring what is to be said of deliveries to the database; what was said before goes."""
    with receiver(lake, dbt) as database:
        database.run("delete from runs.delivery_notes")
        _insert(
            database,
            "runs.delivery_notes",
            [
                {
                    "note": each.note,
                    "entity": each.entity,
                    "note_rows": each.rows,
                    "detail": each.detail,
                }
                for each in notes
            ],
        )


def _insert(database: Receiver, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows, whose columns are the same, to a table."""
    for start in range(0, len(rows), INSERTED_ROWS):
        some = rows[start : start + INSERTED_ROWS]
        values = ", ".join(f"({', '.join(map(_sql_value, row.values()))})" for row in some)
        database.run(f"insert into {table} ({', '.join(some[0])}) values {values}")


def _sql_value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return literal(value.isoformat())
    return str(value) if isinstance(value, float) else literal(value)


def _values(step: RunStep) -> dict[str, Any]:
    times = {
        name: datetime.fromisoformat(said).replace(tzinfo=None) if said else None
        for name, said in (("started_at", step.started_at), ("ended_at", step.ended_at))
    }
    return {**asdict(step), **times}


def _place_of() -> Callable[[tuple[str, PublishedEntity]], tuple[bool, int]]:
    """Return the sort key that has what keys point to first, as the contract lists it."""
    order = list(load_contract(project_dir()))
    return lambda item: (item[0] not in order, order.index(item[0]) if item[0] in order else 0)


def _check_rows(lake: Lake, version: str, name: str, table: PublishedEntity) -> None:
    found = count_rows(lake, table.parts)
    if found != table.rows + table.replaced:
        raise C360Error(
            f"silver {name} of version {version} has {found:,} rows in {lake.uri(table.parts[0])}"
            f"{' and later parts' if len(table.parts) > 1 else ''}, but was published with "
            f"{table.rows + table.replaced:,}: its files were deleted or changed, and nothing was "
            "loaded. Build a new version: c360 run --target azure."
        )


def _can_add(table: PublishedEntity, newer: list[str], loaded: str) -> bool:
    """Tell whether what is newer can be told from what is loaded already.

    Where the oldest part is newer too, older ones were written into it, or all was built anew.
    """
    return newer != table.versions or bool(table.superseded and (table.epoch or newer[0]) <= loaded)


def _tried(dbt: DbtRun, copy: Callable[[], Copied], name: str) -> Copied:
    """Do a copy, again when it fails for a reason that passes; tell of one that does not."""
    try:
        return azure_sql.retried(copy, f"loading {name}")
    except C360Error:
        raise
    except Exception as error:
        raise C360Error(
            f"{name} could not be copied to {NAMES[dbt.target]}, so what is loaded there stays as "
            f"it was: {' '.join(str(error).split())[:300]}"
            f"{azure_sql.time_limit(error, dbt.adapter.config.credentials)}",
            azure_sql.passes(error),
        ) from error


def _copy(
    lake: Lake,
    dbt: DbtRun,
    name: str,
    table: PublishedEntity,
    versions: list[str],
    loaded: str | None,
    on_progress: Progress | None,
) -> tuple[int, bool]:
    """Fill one table from what some versions added, from the start; with a `loaded` one, after it.

    Returns the rows copied, and whether they make, with those of the table in use when older ones
    are there already, all rows that were published.
    """
    target, gone = f"silver_load.{name}", f"silver_load.{name}__gone"
    parts = {version_of(folder): folder for folder in table.parts}
    superseded = {version_of(folder): folder for folder in table.superseded}
    since = loaded if versions == table.versions else None  # newer parts have newer rows only
    done = 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        if on_progress:
            on_progress(name, done, total)

    total = count_rows(lake, [parts[version] for version in versions if version in parts])
    with receiver(lake, dbt) as database:
        columns = _columns(database, target)
        database.run(f"truncate table {target}")
        same_key = ""
        if superseded:
            database.run(f"truncate table {gone}")
            keys = [column for column in _columns(database, gone) if column != PART]
            same_key = " and ".join(f"gone.{key} = {name}.{key}" for key in keys)
        for number, version in enumerate(versions):
            # What the oldest version replaces is in no part any more.
            if version in superseded and (loaded or version != table.versions[0]):
                database.copy(
                    f"silver {name}", superseded[version], gone, keys, number=number, since=since
                )
                database.run(
                    f"delete from {target} where exists (select 1 from {gone} as gone where "
                    f"gone.{PART} = {number} and {same_key})"
                )
            if version in parts:
                database.copy(f"silver {name}", parts[version], target, columns, told, since=since)
        if since:
            # What versions between the two replaced is told no more, but these rows are instead.
            listed = ", ".join(keys)
            database.run(f"insert into {gone} ({listed}) select {listed} from {target}")
        counted = [f"select count_big(*) as row_count from {target}"]
        if loaded:
            kept = f"not exists (select 1 from {gone} as gone where {same_key})"
            counted.append(
                f"select count_big(*) as row_count from silver.{name}"
                f"{f' where {kept}' if superseded else ''}"
            )
        arrived = sum(database.query(sql)[0][0] for sql in counted)
    if not loaded:
        _check_arrived(dbt, f"silver {name}", arrived, table.rows)
    return done, arrived == table.rows


def _copy_table(lake: Lake, dbt: DbtRun, name: str, file: str, on_progress: Progress | None) -> int:
    """Fill one table of who is who from its file, from the start; return the rows copied."""
    if not lake.exists(file):
        raise C360Error(
            f"{lake.uri(file)} is gone, so nothing was loaded. Build a new version: "
            "c360 run --target azure."
        )
    total = count_rows(lake, [file])
    target = f"identity_load.{name}"
    done = 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        if on_progress:
            on_progress(name, done, total)

    with receiver(lake, dbt) as database:
        database.run(f"truncate table {target}")
        database.copy(f"identity {name}", file, target, _columns(database, target), told)
        arrived = database.query(f"select count_big(*) as row_count from {target}")[0][0]
    _check_arrived(dbt, f"identity {name}", arrived, total)
    return done


def _check_arrived(dbt: DbtRun, name: str, arrived: int, rows: int) -> None:
    if arrived != rows:
        raise C360Error(
            f"{arrived:,} of {rows:,} rows of {name} arrived in {NAMES[dbt.target]}, so what is "
            "loaded there stays as it was. Run again."
        )


def _columns(database: Receiver, relation: str) -> list[str]:
    """Return the names of a table's columns, in their order."""
    return [
        name
        for (name,) in database.query(
            f"select name from sys.columns where object_id = object_id('{relation}') "
            "order by column_id"
        )
    ]


def _loaded_version(database: Receiver, schema: str, tables: Iterable[str] = ()) -> str | None:
    """Return the version noted in the database for a schema, if these tables are all there."""
    version = database.noted(schema)
    return version if version and {*tables} <= {*_tables(database, schema)} else None


def _tables(database: Receiver, schema: str) -> list[str]:
    """Return the tables of a schema that are in the database itself, by name."""
    return [
        name
        for (name,) in database.query(
            f"select name from sys.tables where schema_id = schema_id('{schema}') "
            "and is_external = 0 order by name"
        )
    ]
