"""Copies a published silver version from the lake into Azure SQL Database.

Each table is filled beside the one that is in use (`silver_load`), its rows are counted, and when
all are there they take the old ones' places in one transaction, which also notes the version. So a
load that fails or is killed leaves the tables as they were, and the next one starts over. dbt's
operations prepare_silver_load and publish_silver_load make and exchange the tables, because the
columns come from the models' YAML; this module moves the rows, a batch in memory at a time.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.contract import load_contract
from lake.errors import C360Error
from lake.store import Lake
from lake.versions import Published, PublishedEntity
from warehouse import azure_sql
from warehouse.dbt_run import DbtRun
from warehouse.home import project_dir

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

logger = logging.getLogger(__name__)

READ_ROWS = 65_536
COMMIT_ROWS = 524_288  # what is lost when a connection breaks, and what the log has to hold

Progress = Callable[[str, int, int], None]  # table, rows copied, rows in all


def load(
    lake: Lake,
    published: Published,
    dbt: DbtRun,
    on_progress: Progress | None = None,
    again: bool = False,
) -> int:
    """Bring the published version to Azure SQL; return the rows copied, 0 if it is there already.

    `dbt` runs on target azure_sql. A version whose files are not as it was published is an error.
    With `again`, a version that is there is loaded anew, into tables as the YAML now has them.
    """
    tables = dict(sorted(published.entities.items(), key=_place_of()))
    with closing(azure_sql.connect(dbt.adapter.config.credentials)) as connection:
        if not again and _loaded_version(connection, tables) == published.version:
            logger.info("version %s is loaded already", published.version)
            return 0
    for name, table in tables.items():
        _check_rows(lake, published.version, name, table)
    dbt.run_operation("prepare_silver_load", text_keys=published.text_keys)
    for name, table in tables.items():
        copy = partial(_copy, lake, dbt, name, table, on_progress)
        try:
            azure_sql.retried(copy, f"loading silver.{name}")
        except C360Error:
            raise
        except Exception as error:
            raise C360Error(
                f"silver {name} could not be copied to Azure SQL, so what is loaded there stays as "
                f"it was: {' '.join(str(error).split())[:300]}",
                azure_sql.passes(error),
            ) from error
    dbt.run_operation(
        "publish_silver_load", version=published.version, text_keys=published.text_keys
    )
    return sum(table.rows for table in tables.values())


def count_rows(lake: Lake, folders: list[str]) -> int:
    """Return the rows of a version's folders, as its files say; 0 when there are none."""
    rows = 0
    for file in _files(lake, folders):
        with _opened(lake, file) as parquet:
            rows += parquet.metadata.num_rows
    return rows


def _place_of() -> Callable[[tuple[str, PublishedEntity]], tuple[bool, int]]:
    """Return the sort key that has what keys point to first, as the contract lists it."""
    order = list(load_contract(project_dir()))
    return lambda item: (item[0] not in order, order.index(item[0]) if item[0] in order else 0)


def _check_rows(lake: Lake, version: str, name: str, table: PublishedEntity) -> None:
    found = count_rows(lake, table.parts)
    if found != table.rows:
        raise C360Error(
            f"silver {name} of version {version} has {found:,} rows in {lake.uri(table.parts[0])}, but "
            f"was published with {table.rows:,}: its files were deleted or changed, and nothing "
            "was loaded. Build a new version: c360 run --target azure."
        )


def _copy(
    lake: Lake, dbt: DbtRun, name: str, table: PublishedEntity, on_progress: Progress | None
) -> None:
    """Fill one table from the files of its version, from the start."""
    import pyarrow as pa

    target = f"silver_load.{name}"
    done = 0
    failures: list[Exception] = []

    def batches(parquet: "pq.ParquetFile", schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
        nonlocal done
        try:
            for batch in parquet.iter_batches(READ_ROWS):
                yield batch.cast(schema)
                done += batch.num_rows  # when the next one is asked for, this one is on its way
                if on_progress:
                    on_progress(name, done, table.rows)
        except Exception as error:
            failures.append(error)  # the bulk copy would tell it as one of its own
            raise

    with (
        closing(azure_sql.connect(dbt.adapter.config.credentials)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"truncate table {target}")
        cursor.execute(f"select top (0) * from {target}")
        columns = [column[0] for column in cursor.description]
        for file in _files(lake, table.parts):
            with _opened(lake, file) as parquet:
                schema = _schema(name, file, parquet, columns)
                reader = pa.RecordBatchReader.from_batches(schema, batches(parquet, schema))
                try:
                    cursor.bulkcopy_arrow(
                        target,
                        reader,
                        batch_size=COMMIT_ROWS,
                        timeout=0,
                        column_mappings=schema.names,
                        table_lock=True,
                        keep_nulls=True,
                    )
                except Exception as error:
                    raise (failures[0] if failures else error) from error
        cursor.execute(f"select count_big(*) from {target}")
        (arrived,) = cursor.fetchone()
    if arrived != table.rows:
        raise C360Error(
            f"{arrived:,} of {table.rows:,} rows of silver {name} arrived in Azure SQL, so what is "
            "loaded there stays as it was. Run again."
        )


def _schema(name: str, file: str, parquet: "pq.ParquetFile", columns: list[str]) -> "pa.Schema":
    """Return the types that the file's columns are sent as: a time is UTC, whoever wrote it."""
    import pyarrow as pa

    found = parquet.schema_arrow
    if sorted(found.names) != sorted(columns):
        raise C360Error(
            f"{file} has the columns {', '.join(found.names)}, but silver {name} now has "
            f"{', '.join(columns)}, so nothing was loaded. Build a new version: "
            "c360 run --target azure."
        )
    return pa.schema(
        pa.field(
            field.name, pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type
        )
        for field in found
    )


def _files(lake: Lake, folders: list[str]) -> list[str]:
    return [
        file
        for folder in folders
        for file in lake.list(folder, recursive=True)
        if file.endswith(".parquet")
    ]


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


def _loaded_version(connection: Any, tables: dict[str, PublishedEntity]) -> str | None:
    """Return the version noted in the database, if the tables are all there."""
    names = ", ".join(f"'{name}'" for name in tables)
    with connection.cursor() as cursor:
        cursor.execute(
            "select cast(value as nvarchar(255)) from sys.extended_properties "
            "where class = 3 and major_id = schema_id('silver') and name = 'c360_version'"
        )
        version = cursor.fetchone()
        cursor.execute(
            "select count(*) from sys.tables where schema_id = schema_id('silver') "
            f"and is_external = 0 and name in ({names})"
        )
        (there,) = cursor.fetchone()
    return version[0] if version and there == len(tables) else None
