"""Copies a published version from the lake into Azure SQL Database: silver, and who is who.

Of a table whose rows the database has, up to the version that it notes, only newer ones are
copied, and the keys of the rows that they replace: those of newer parts, and of a newer part that
older ones were written into, the rows that it says are newer. Of any other table all is copied.
Each goes to a table beside the one that is in use (`silver_load`), and is counted there; when all
are there, one transaction puts rows or whole tables in their places and notes the version. So a
load that fails or is killed leaves the tables as they were, and the next one starts over. dbt's
operations prepare_silver_load and publish_silver_load make and exchange the tables, because the
columns come from the models' YAML; this module moves the rows, a batch in memory at a time.

Who is who (`load_identity`) is copied as a whole, since its tables are small; of the history of
runs (`load_runs`) what is new is added.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

logger = logging.getLogger(__name__)

READ_ROWS = 65_536

Progress = Callable[[str, int, int], None]  # table, rows copied, rows in all

Copied = TypeVar("Copied")  # what a copy returns

PART = "_part"  # the column that tells which part a key is of
VERSION = "_version"  # the column of a part that tells which version last changed a key


def load(
    lake: Lake,
    published: Published,
    dbt: DbtRun,
    on_progress: Progress | None = None,
    again: bool = False,
) -> int | None:
    """Bring the published version to Azure SQL; return the rows copied, None if it is there.

    `dbt` runs on target azure_sql. A version whose files are not as it was published is an error.
    With `again`, all of a version is loaded anew, into tables as the YAML now has them.
    """
    tables = dict(sorted(published.entities.items(), key=_place_of()))
    credentials = dbt.adapter.config.credentials
    with closing(azure_sql.connect(credentials)) as connection:
        loaded = None if again else _loaded_version(connection, "silver", tables)
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
            rows, complete = _tried(copy, f"silver {name}", credentials)
            if complete:
                added.append(name)
            else:
                logger.warning("silver.%s is not what was loaded; all of it is copied", name)
        if not complete:
            copy = partial(_copy, lake, dbt, name, table, table.versions, None, on_progress)
            rows, _ = _tried(copy, f"silver {name}", credentials)
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
    """Bring who is who, as a version found it out, to Azure SQL; return the rows copied.

    None if it is there already. Without a version, as when customers are not to be matched, the
    tables are empty. Silver is to be loaded before: it says whether keys are text.
    """
    credentials = dbt.adapter.config.credentials
    with closing(azure_sql.connect(credentials)) as connection:
        loaded = _loaded_version(connection, "identity")
    if (loaded or None) == version:
        logger.info("who is who of version %s is loaded already", version)
        return None
    dbt.run_operation("prepare_identity_load")
    with closing(azure_sql.connect(credentials)) as connection:
        tables = _tables(connection, "identity_load")
    copied = 0
    if version:
        for name in tables:
            file = paths.identity_table(version, name)
            copy = partial(_copy_table, lake, dbt, name, file, on_progress)
            copied += _tried(copy, f"identity {name}", credentials)
    dbt.run_operation("publish_identity_load", version=version or "")
    return copied


def load_runs(lake: Lake, dbt: DbtRun) -> int:
    """Bring what runs told of themselves to Azure SQL; return the rows copied.

    Runs that are there are not copied again, unless they told their end since.
    """
    import pyarrow as pa

    dbt.run_operation("create_run_relations")
    time = pa.timestamp("us")
    types = {
        **dict.fromkeys(("run_id", "outcome", "batch_id", "step", "message"), pa.string()),
        **{"started_at": time, "ended_at": time, "seconds": pa.float64()},
        **{"files": pa.int64(), "rows_arrived": pa.int64(), "step_number": pa.int32()},
    }
    told = run_log.read(lake)
    credentials = dbt.adapter.config.credentials
    with (
        closing(azure_sql.connect(credentials)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select distinct run_id, outcome from runs.steps")
        there = {(run_id, outcome) for run_id, outcome in cursor.fetchall()}
        now = {(each.run_id, each.outcome) for each in told}
        for run_id, outcome in there - now:
            cursor.execute(
                f"delete from runs.steps where run_id = '{run_id}' and outcome = '{outcome}'"
            )
        new = [each for each in told if (each.run_id, each.outcome) not in there]
        columns = [(each.name, types[each.name]) for each in fields(RunStep)]
        rows = pa.Table.from_pylist([_with_times(each) for each in new], pa.schema(columns))
        if new:
            with azure_sql.bulk_cursor(connection, credentials) as copying:
                _tried(
                    lambda: azure_sql.bulk_copy(copying, "runs.steps", rows.to_reader()),
                    "the history of runs",
                    credentials,
                )
    return len(new)


def load_delivery_notes(dbt: DbtRun, notes: Sequence[DeliveryNote]) -> None:
    """Bring what is to be said of deliveries to Azure SQL, in the place of what was said before."""
    values = ", ".join(
        f"({literal(note.note)}, {literal(note.entity)}, {note.rows}, {literal(note.detail)})"
        for note in notes
    )
    with (
        closing(azure_sql.connect(dbt.adapter.config.credentials)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("delete from runs.delivery_notes")
        if values:
            cursor.execute(f"insert into runs.delivery_notes values {values}")


def _with_times(step: RunStep) -> dict[str, Any]:
    times = {
        name: datetime.fromisoformat(said).replace(tzinfo=None) if said else None
        for name, said in (("started_at", step.started_at), ("ended_at", step.ended_at))
    }
    return {**asdict(step), **times}


def count_rows(lake: Lake, folders: list[str]) -> int:
    """Return the rows of a version's folders, as its files say; 0 when there are none."""
    rows = 0
    for folder in folders:
        for file in _files(lake, folder):
            with _opened(lake, file) as parquet:
                rows += parquet.metadata.num_rows
    return rows


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


def _newer(batches: Iterator["pa.RecordBatch"], loaded: str | None) -> Iterator["pa.RecordBatch"]:
    """Return rows that a version after the one that is loaded changed; all where none is."""
    import pyarrow.compute as pc

    for batch in batches:
        yield batch.filter(pc.greater(batch.column(VERSION), loaded)) if loaded else batch


def _tried(copy: Callable[[], Copied], name: str, credentials: Any) -> Copied:
    """Do a copy, again when it fails for a reason that passes; tell of one that does not."""
    try:
        return azure_sql.retried(copy, f"loading {name}")
    except C360Error:
        raise
    except Exception as error:
        raise C360Error(
            f"{name} could not be copied to Azure SQL, so what is loaded there stays as it was: "
            f"{' '.join(str(error).split())[:300]}{azure_sql.time_limit(error, credentials)}",
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
    credentials = dbt.adapter.config.credentials
    with (
        closing(azure_sql.connect(credentials)) as connection,
        connection.cursor() as cursor,
        azure_sql.bulk_cursor(connection, credentials) as copying,
    ):

        def told(rows: int) -> None:
            nonlocal done
            done += rows
            if on_progress:
                on_progress(name, done, total)

        total = count_rows(lake, [parts[version] for version in versions if version in parts])
        columns = _columns(cursor, target)
        cursor.execute(f"truncate table {target}")
        same_key = ""
        if superseded:
            cursor.execute(f"truncate table {gone}")
            keys = [column for column in _columns(cursor, gone) if column != PART]
            same_key = " and ".join(f"gone.{key} = {name}.{key}" for key in keys)
        for number, version in enumerate(versions):
            # What the oldest version replaces is in no part any more.
            if version in superseded and (loaded or version != table.versions[0]):
                for file in _files(lake, superseded[version]):
                    _send(
                        lake, f"silver {name}", file, copying, gone, keys,
                        number=number, since=since,
                    )  # fmt: skip
                cursor.execute(
                    f"delete from {target} where exists (select 1 from {gone} as gone where "
                    f"gone.{PART} = {number} and {same_key})"
                )
            if version in parts:
                for file in _files(lake, parts[version]):
                    _send(lake, f"silver {name}", file, copying, target, columns, told, since=since)
        if since:
            # What versions between the two replaced is told no more, but these rows are instead.
            listed = ", ".join(keys)
            cursor.execute(f"insert into {gone} ({listed}) select {listed} from {target}")
        counted = [f"select count_big(*) from {target}"]
        if loaded:
            kept = f"not exists (select 1 from {gone} as gone where {same_key})"
            counted.append(
                f"select count_big(*) from silver.{name}{f' where {kept}' if superseded else ''}"
            )
        arrived = 0
        for sql in counted:
            cursor.execute(sql)
            arrived += cursor.fetchone()[0]
    if not loaded:
        _check_arrived(f"silver {name}", arrived, table.rows)
    return done, arrived == table.rows


def _copy_table(lake: Lake, dbt: DbtRun, name: str, file: str, on_progress: Progress | None) -> int:
    """Fill one table of who is who from its file, from the start; return the rows copied."""
    if not lake.exists(file):
        raise C360Error(
            f"{lake.uri(file)} is gone, so nothing was loaded. Build a new version: "
            "c360 run --target azure."
        )
    with _opened(lake, file) as parquet:
        total = parquet.metadata.num_rows
    target = f"identity_load.{name}"
    done = 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        if on_progress:
            on_progress(name, done, total)

    credentials = dbt.adapter.config.credentials
    with (
        closing(azure_sql.connect(credentials)) as connection,
        connection.cursor() as cursor,
        azure_sql.bulk_cursor(connection, credentials) as copying,
    ):
        cursor.execute(f"truncate table {target}")
        columns = _columns(cursor, target)
        _send(lake, f"identity {name}", file, copying, target, columns, told)
        cursor.execute(f"select count_big(*) from {target}")
        _check_arrived(f"identity {name}", cursor.fetchone()[0], total)
    return done


def _check_arrived(name: str, arrived: int, rows: int) -> None:
    if arrived != rows:
        raise C360Error(
            f"{arrived:,} of {rows:,} rows of {name} arrived in Azure SQL, so what is loaded there "
            "stays as it was. Run again."
        )


def _columns(cursor: Any, relation: str) -> list[str]:
    cursor.execute(f"select top (0) * from {relation}")
    return [column[0] for column in cursor.description]


def _send(
    lake: Lake,
    name: str,
    file: str,
    cursor: Any,
    target: str,
    columns: list[str],
    on_rows: Callable[[int], None] | None = None,
    number: int | None = None,
    since: str | None = None,
) -> None:
    """Copy columns of a file into a table, with the number of its part where one is given.

    With `since` only rows are copied that a version after that one changed.
    """
    import pyarrow as pa

    failures: list[Exception] = []

    def batches(parquet: "pq.ParquetFile", schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
        try:
            read = [*columns, VERSION] if since else columns
            for batch in _newer(parquet.iter_batches(READ_ROWS, columns=read), since):
                sent = [batch.column(each).cast(schema.field(each).type) for each in columns]
                if number is not None:
                    sent.append(pa.array([number] * batch.num_rows, pa.int32()))
                yield pa.RecordBatch.from_arrays(sent, schema=schema)
                if on_rows:
                    on_rows(batch.num_rows)  # when the next one is asked for, it is on its way
        except Exception as error:
            failures.append(error)  # the bulk copy would tell it as one of its own
            raise

    with _opened(lake, file) as parquet:
        schema = _schema(name, file, parquet, columns)
        if number is not None:
            schema = schema.append(pa.field(PART, pa.int32()))
        reader = pa.RecordBatchReader.from_batches(schema, batches(parquet, schema))
        try:
            azure_sql.bulk_copy(cursor, target, reader)
        except Exception as error:
            if failures:
                raise failures[0] from error
            raise


def _schema(name: str, file: str, parquet: "pq.ParquetFile", columns: list[str]) -> "pa.Schema":
    """Return the types that columns of a file are sent as: a time is UTC, whoever wrote it."""
    import pyarrow as pa

    found = parquet.schema_arrow
    if lacking := [column for column in columns if column not in found.names]:
        raise C360Error(
            f"{file} has the columns {', '.join(found.names)}, but {name} now has "
            f"{', '.join(lacking)} too, so nothing was loaded. Build a new version: "
            "c360 run --target azure."
        )
    return pa.schema(
        pa.field(name, pa.timestamp("us") if pa.types.is_timestamp(type_) else type_)
        for name, type_ in ((column, found.field(column).type) for column in columns)
    )


def _files(lake: Lake, folder: str) -> list[str]:
    return [file for file in lake.list(folder, recursive=True) if file.endswith(".parquet")]


@contextmanager
def _opened(lake: Lake, path: str) -> Iterator["pq.ParquetFile"]:
    """Open a Parquet file of the lake; only what is read of it is fetched."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with lake.open_read(path) as file:
        try:
            yield pq.ParquetFile(file, coerce_int96_timestamp_unit="us")
        except pa.ArrowInvalid as error:
            raise C360Error(
                f"{lake.uri(path)} is damaged, so nothing was loaded ({error}). Build a new "
                "version: c360 run --target azure."
            ) from error


def _loaded_version(connection: Any, schema: str, tables: Iterable[str] = ()) -> str | None:
    """Return the version noted in the database for a schema, if these tables are all there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select cast(value as nvarchar(255)) from sys.extended_properties "
            f"where class = 3 and major_id = schema_id('{schema}') and name = 'c360_version'"
        )
        version = cursor.fetchone()
    return version[0] if version and {*tables} <= {*_tables(connection, schema)} else None


def _tables(connection: Any, schema: str) -> list[str]:
    """Return the tables of a schema that are in the database itself, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select name from sys.tables where schema_id = schema_id('{schema}') "
            "and is_external = 0 order by name"
        )
        return [name for (name,) in cursor.fetchall()]
