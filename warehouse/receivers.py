"""The databases that rows of the lake are copied into, each in its own way.

Azure SQL Database is sent rows by bulk copies, which this machine reads from the lake, a batch in
memory at a time. A Fabric Warehouse reads the lake itself.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from identity import store as identity_store
from lake.store import Lake
from warehouse import azure_sql
from warehouse.connection import literal
from warehouse.dbt_run import DbtRun
from warehouse.silver_files import check_columns, files, opened

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

READ_ROWS = 65_536

PART = "_part"  # the column that tells which part a key is of
VERSION = "_version"  # the column of a part that tells which version last changed a key

# As users are told them, by the target of dbt.
NAMES = {"azure_sql": "Azure SQL", "fabric": "the Fabric Warehouse"}


class Receiver(Protocol):
    """A database that rows are copied into."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask, and return all rows."""

    def run(self, sql: str) -> None:
        """Run what gives no rows back."""

    def noted(self, schema: str) -> str | None:
        """Return the version that is noted on a schema; None where there is no note."""

    def copy(
        self,
        name: str,
        place: str,
        target: str,
        columns: list[str],
        on_rows: Callable[[int], None] | None = None,
        number: int | None = None,
        since: str | None = None,
    ) -> None:
        """Copy columns of a file or folder of the lake into a table.

        With a `number`, that of its part, it goes into the table as well. With `since` only rows
        are copied that a version after that one changed. `name` is what users are told it is.
        """


@contextmanager
def receiver(lake: Lake, dbt: DbtRun) -> Iterator[Receiver]:
    """Connect to the database that dbt is on."""
    if dbt.target == "fabric":
        yield FabricWarehouse(lake, dbt)
        return
    credentials = dbt.adapter.config.credentials
    with ExitStack() as stack:
        connection = azure_sql.connect(credentials)
        stack.callback(connection.close)
        cursor = stack.enter_context(connection.cursor())
        copying = stack.enter_context(azure_sql.bulk_cursor(connection, credentials))
        yield AzureSql(lake, cursor, copying)


def noted(dbt: DbtRun, schema: str) -> str | None:
    """Return the silver version that is noted on a schema of the database; None where none is."""
    if dbt.target != "fabric":
        rows = dbt.query(_NOTED.format(schema=schema))
    elif dbt.query("select object_id('runs.notes', 'U') as id")[0][0] is None:
        return None
    else:
        rows = dbt.query(_NOTED_IN_WAREHOUSE.format(schema=schema))
    return str(rows[0][0]) if rows else None


_NOTED = (
    "select cast(value as nvarchar(255)) from sys.extended_properties "
    "where class = 3 and major_id = schema_id('{schema}') and name = 'c360_version'"
)
_NOTED_IN_WAREHOUSE = (
    "select top (1) value from runs.notes "
    "where noted_on = '{schema}' and name = 'c360_version' order by noted_at desc"
)


class AzureSql:
    """Azure SQL Database."""

    def __init__(self, lake: Lake, cursor: Any, copying: Any) -> None:
        """Ask by a cursor, and copy by a `bulk_cursor`."""
        self._lake = lake
        self._cursor = cursor
        self._copying = copying

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask, and return all rows."""
        self._cursor.execute(sql)
        return [tuple(row) for row in self._cursor.fetchall()]

    def run(self, sql: str) -> None:
        """Run what gives no rows back."""
        self._cursor.execute(sql)

    def noted(self, schema: str) -> str | None:
        """Return the version that is noted on a schema; None where there is no note."""
        rows = self.query(_NOTED.format(schema=schema))
        return str(rows[0][0]) if rows else None

    def copy(
        self,
        name: str,
        place: str,
        target: str,
        columns: list[str],
        on_rows: Callable[[int], None] | None = None,
        number: int | None = None,
        since: str | None = None,
    ) -> None:
        """Copy columns of a file or folder of the lake, as `Receiver` has it."""
        for file in files(self._lake, place):
            with opened(self._lake, file) as parquet:
                self._send(name, file, parquet, target, columns, on_rows, number, since)

    def _send(
        self,
        name: str,
        file: str,
        parquet: "pq.ParquetFile",
        target: str,
        columns: list[str],
        on_rows: Callable[[int], None] | None,
        number: int | None,
        since: str | None,
    ) -> None:
        import pyarrow as pa

        failures: list[Exception] = []

        def batches(schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
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

        check_columns(name, file, parquet, columns)
        schema = _schema(parquet, columns)
        if number is not None:
            schema = schema.append(pa.field(PART, pa.int32()))
        reader = pa.RecordBatchReader.from_batches(schema, batches(schema))
        try:
            azure_sql.bulk_copy(self._copying, target, reader)
        except Exception as error:
            if failures:
                raise failures[0] from error
            raise


def _newer(batches: Iterator["pa.RecordBatch"], since: str | None) -> Iterator["pa.RecordBatch"]:
    """Return rows that a version after that one changed; all where none is given."""
    import pyarrow.compute as pc

    for batch in batches:
        yield batch.filter(pc.greater(batch.column(VERSION), since)) if since else batch


def _schema(parquet: "pq.ParquetFile", columns: list[str]) -> "pa.Schema":
    """Return the types that columns of a file are sent as: a time is UTC, whoever wrote it."""
    import pyarrow as pa

    found = parquet.schema_arrow
    return pa.schema(
        pa.field(name, pa.timestamp("us") if pa.types.is_timestamp(type_) else type_)
        for name, type_ in ((column, found.field(column).type) for column in columns)
    )


def _has_old_times(parquet: "pq.ParquetFile") -> bool:
    """Tell whether a file has times in a form that T-SQL's OPENROWSET takes for whole numbers."""
    import pyarrow as pa

    schema = parquet.schema
    return any(
        pa.types.is_timestamp(field.type)
        and field.type.tz is None
        and schema.column(place).physical_type == "INT64"
        for place, field in enumerate(parquet.schema_arrow)
    )


_TYPES = """
select
    columns.name,
    case types.name
        when 'varchar' then concat(
            'varchar(',
            case when columns.max_length = -1 then 'max'
                else cast(columns.max_length as varchar(10)) end, ')'
        )
        when 'decimal' then concat('decimal(', columns.precision, ',', columns.scale, ')')
        when 'datetime2' then concat('datetime2(', columns.scale, ')')
        else types.name
    end as data_type
from sys.columns as columns
inner join sys.types as types on columns.user_type_id = types.user_type_id
where columns.object_id = object_id('{table}', 'U')
"""


class FabricWarehouse:
    """A Fabric Warehouse."""

    def __init__(self, lake: Lake, dbt: DbtRun) -> None:
        """Ask by dbt, which is on the Warehouse's target."""
        self._lake = lake
        self._dbt = dbt
        self.query = dbt.query
        self.run = dbt.execute

    def noted(self, schema: str) -> str | None:
        """Return the version that is noted on a schema; None where there is no note."""
        return noted(self._dbt, schema)

    def copy(
        self,
        name: str,
        place: str,
        target: str,
        columns: list[str],
        on_rows: Callable[[int], None] | None = None,
        number: int | None = None,
        since: str | None = None,
    ) -> None:
        """Copy columns of a file or folder of the lake, as `Receiver` has it."""
        rows = 0
        for file in (found := files(self._lake, place)):
            with opened(self._lake, file) as parquet:
                check_columns(name, file, parquet, columns)
                rows += parquet.metadata.num_rows
                old = parquet.read() if _has_old_times(parquet) else None
            if old is not None:  # who is who, as earlier versions of the product wrote it
                identity_store.write_parquet(self._lake, file, old)
        if not found:
            return
        types = {**dict(self.query(_TYPES.format(table=target))), VERSION: "varchar(255)"}
        read = [*columns, VERSION] if since else columns
        given = [f'"{column}"' for column in columns] + ([] if number is None else [str(number)])
        into = [f'"{column}"' for column in [*columns, *([] if number is None else [PART])]]
        self.run(
            f"insert into {target} ({', '.join(into)}) select {', '.join(given)} from openrowset("
            f"bulk {literal(self._url(place))}, format = 'PARQUET') with ("
            + ", ".join(f'"{column}" {types[column]}' for column in read)
            + f") as part{f' where {VERSION} > {literal(since)}' if since else ''}"
        )
        if on_rows:
            on_rows(rows)

    def _url(self, place: str) -> str:
        """Return the address that the Warehouse reads a file, or all files of a folder, from."""
        container, _, path = self._lake.uri(place).removeprefix("abfss://").partition("/")
        filesystem, _, account = container.partition("@")
        every = "" if place.endswith(".parquet") else "/*.parquet"
        return f"https://{account}/{filesystem}/{path}{every}"
