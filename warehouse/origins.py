"""Where rows of silver come from: the file, the line and its text, and the rows that gave way.

Silver keeps of each row the batch, the file and its place there. On this machine the warehouse has
views over what is published and over what does not count (`PublishedSilver`); of a lake on Azure
the same is read from its parts, only the rows that are asked for (`LakeSilver`).
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.contract import Entity
from ingest.declarations import Declarations
from ingest.raw_lines import raw_lines
from lake import paths
from lake.errors import C360Error
from lake.manifest import FileRecord, read_manifest
from lake.store import Lake
from lake.versions import Published, version_of
from warehouse.connection import Query

Row = dict[str, Any]

_PLACE = ("_batch_id", "_source_file", "_row_number")
_HIDDEN = ("_version", "_as_of", "_extra", "raw_row", "row_count", "fate")
PERSONAL = ("customer_name", "email", "address", "agent_name", "manager")
"""Columns of silver that are shown only where personal data is."""


@dataclass(frozen=True)
class Place:
    """Where a row arrived: `line` and `text` are None until they were looked up in the file."""

    entity: str
    batch_id: str
    file: str
    row_number: int | None
    line: int | None = None
    text: str | None = None


class Silver(Protocol):
    """What silver knows of rows: those that count, those that do not, those that were rejected.

    Its relations are in the schema `staging`, as the macros of models/silver make them.
    """

    connection: duckdb.DuckDBPyConnection

    def provide(self, entity: str, keys: Mapping[str, Collection[Any]] | None) -> None:
        """See that the rows with these keys (None: all) are in the relations of an entity."""

    def provide_staged(self, entity: str) -> None:
        """See that what was rejected or could not be read is in the relation stg_<entity>."""


class PublishedSilver:
    """Silver as the published DuckDB warehouse has it: all is there already."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read with an open connection."""
        self.connection = connection

    def provide(self, entity: str, keys: Mapping[str, Collection[Any]] | None) -> None:
        """Do nothing: all is there."""

    def provide_staged(self, entity: str) -> None:
        """Do nothing: all is there."""


class LakeSilver:
    """Silver as the published version in a lake has it; of its rows only what is asked for."""

    def __init__(
        self, lake: Lake, published: Published, contract: Mapping[str, Entity], gold: Query
    ) -> None:
        """Read a lake's published version; `gold` asks the database that gold is in."""
        self.connection = duckdb.connect()
        self._lake, self._published = lake, published
        self._keys = {name: len(entity.key) for name, entity in contract.items()}
        self._staged: set[str] = set()
        self.connection.execute("create schema staging")
        self.connection.execute("create schema gold")
        for name, columns in (
            ("dim_products", ("product_id", "product_name", "category")),
            ("dim_stores", ("store_id", "location")),
        ):
            rows = gold(f"select {', '.join(columns)} from gold.{name}")
            table = pa.table({column: [row[n] for row in rows] for n, column in enumerate(columns)})
            self._keep(f"gold.{name}", table)

    def provide(self, entity: str, keys: Mapping[str, Collection[Any]] | None) -> None:
        """Read the rows with these keys from all parts; a later part takes a key from earlier."""
        published = self._published.entities[entity]
        wanted = None
        for name, values in (keys or {}).items():
            if name != "line_number":
                each = pc.field(name).isin(pa.array(sorted(set(values))))
                wanted = each if wanted is None else wanted & each
        counted, changes = (
            self._read(folders, wanted) for folders in (published.parts, published.superseded)
        )
        if changes is None:  # nothing has ever given way
            nothing = counted.slice(0, 0)
            changes = nothing.append_column("fate", pa.array([], pa.string())).append_column(
                "row_count", pa.array([], pa.int64())
            )
        self._keep("staging.all_counted", counted)
        self._keep("staging.all_superseded", changes)
        # What does not count begins with the columns of the key.
        key = changes.column_names[: self._keys[entity]]
        same = " and ".join(f"changed.{name} = there.{name}" for name in key)
        for kind in ("counted", "superseded"):
            self.connection.execute(
                f"""
                create or replace table staging.{entity}_{kind} as
                select * from staging.all_{kind} as there
                where not exists (
                    select 1 from staging.all_superseded as changed
                    where changed.fate is null and {same} and changed._version > there._version
                )
                """
            )

    def provide_staged(self, entity: str) -> None:
        """Read what was rejected, or could not be read, from all that was staged."""
        if entity in self._staged:
            return
        folder = f"{paths.SILVER}/staging/{entity}"
        tables = {}
        for file in self._lake.list(folder):
            with self._lake.open_read(file) as stream:
                names = pq.ParquetFile(stream).schema_arrow.names
                doubtful = pc.field("reject_reason").is_valid()
                for name in names:
                    if name.startswith("unreadable_"):
                        doubtful = doubtful | pc.field(name).is_valid()
                stream.seek(0)
                table = pq.read_table(stream, filters=doubtful)
                version = version_of(file.rpartition("/")[0])
                tables[file] = table.append_column(
                    "_version", pa.array([version] * table.num_rows, pa.string())
                )
        # A version that built everything anew staged the same rows again.
        self._keep("staging.all_staged", _together(tables.values()))
        self.connection.execute(
            f"""
            create or replace table staging.stg_{entity} as
            select * exclude (_version) from staging.all_staged
            qualify row_number() over (
                partition by {", ".join(_PLACE)} order by _version desc
            ) = 1
            """
        )
        self._staged.add(entity)

    def _read(self, folders: Sequence[str], wanted: pc.Expression | None) -> Any:
        """Return the rows of all files of folders; None where there is no file."""
        tables = []
        for file in (file for folder in folders for file in self._lake.list(folder)):
            with self._lake.open_read(file) as stream:
                tables.append(pq.read_table(stream, filters=wanted))
        return _together(tables) if tables else None

    def _keep(self, name: str, table: pa.Table) -> None:
        self.connection.register("arrived_table", table)
        self.connection.execute(f"create or replace table {name} as select * from arrived_table")
        self.connection.unregister("arrived_table")


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(list(tables), promote_options="permissive")


def literal(value: Any) -> str:
    """Return a value as DuckDB writes it."""
    match value:
        case None:
            return "null"
        case bool() | int() | float() | Decimal():
            return str(value)
        case datetime():
            return f"timestamp '{value.isoformat(' ')}'"
        case date():
            return f"date '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


class Origins:
    """Follows rows of silver to the lines that they arrived in."""

    def __init__(
        self,
        lake: Lake,
        silver: Silver,
        contract: Mapping[str, Entity],
        declarations: Declarations,
        *,
        personal_data: bool = True,
    ) -> None:
        """Follow the rows of a lake; without `personal_data` no text of a line is shown."""
        self._lake, self._silver, self.personal_data = lake, silver, personal_data
        self._contract, self._declarations = contract, declarations
        self._records: dict[tuple[str, str, str], FileRecord | None] = {}
        self.unread: dict[str, None] = {}  # why lines could not be looked up

    def counted(self, entity: str, keys: Sequence[Row]) -> list[Row | None]:
        """Return silver's row of each key, None where there is none."""
        if not keys:
            return []
        names = list(keys[0])
        self._silver.provide(entity, _columns(keys))
        rows = self._rows(f"select t.* from staging.{entity}_counted as t {_join(names, keys)}")
        found = {tuple(row[name] for name in names): row for row in rows}
        return [found.get(tuple(key.values())) for key in keys]

    def superseded(self, entity: str, keys: Sequence[Row]) -> list[Row]:
        """Return the rows of these keys that do not count, each with its `fate`."""
        names = [name for name in (keys[0] if keys else {}) if name != "line_number"]
        if not keys:
            return []
        self._silver.provide(entity, _columns(keys))
        moments = [dict(each) for each in {tuple((n, k[n]) for n in names): 0 for k in keys}]
        return self._rows(
            f"select t.* from staging.{entity}_superseded as t {_join(names, moments)} "
            "where t.fate is not null order by t._batch_id, t._source_file, t._row_number"
        )

    def with_fate(self, entity: str, fate: str, offset: int, limit: int) -> list[Row]:
        """Return rows of an entity that do not count, for one reason."""
        self._silver.provide(entity, None)
        return self._rows(
            f"select * from staging.{entity}_superseded where fate = {literal(fate)} "
            f"order by _batch_id, _source_file, _row_number limit {limit} offset {offset}"
        )

    def count_with_fate(self, entity: str, fate: str) -> tuple[int, int]:
        """Return how many rows do not count for a reason, and how many of them are different."""
        self._silver.provide(entity, None)
        (row,) = self._silver.connection.execute(
            f"select coalesce(sum(row_count), 0), count(*) from staging.{entity}_superseded "
            f"where fate = {literal(fate)}"
        ).fetchall()
        return int(row[0]), int(row[1])

    def staged(
        self, entity: str, where: str, columns: Mapping[str, str] | None = None, joins: str = ""
    ) -> tuple[str, str]:
        """Return what to select from: staged rows with these further columns, and a condition."""
        self._silver.provide_staged(entity)
        further = "".join(f", {sql} as {name}" for name, sql in (columns or {}).items())
        joined = joins.format(gold="gold")
        return f"(select f.*{further} from staging.stg_{entity} as f{joined}) as t", where

    def count_staged(self, source: str, where: str) -> int:
        """Return how many rows a select of `staged` has."""
        (row,) = self._silver.connection.execute(
            f"select count(*) from {source} where {where}"
        ).fetchall()
        return int(row[0])

    def staged_rows(self, source: str, where: str, offset: int, limit: int) -> list[Row]:
        """Return some rows of a select of `staged`."""
        return self._rows(
            f"select t.* from {source} where {where} "
            f"order by _batch_id, _source_file, _row_number limit {limit} offset {offset}"
        )

    def malformed(self, entity: str) -> Iterator[tuple[Place, str]]:
        """Yield the lines of an entity that no row could be made of, with what is wrong."""
        prefix = f"{paths.MALFORMED}/{entity}"
        for path in self._lake.list(prefix):
            _, _, _, batch_id, name = path.split("/", 4)
            file = name.removesuffix(".jsonl")
            if self._record(entity, batch_id, file) is None:
                continue  # of a batch that does not count
            for text in self._lake.read_bytes(path).decode().splitlines():
                said = json.loads(text)
                shown = said["text"] if self.personal_data else None
                yield Place(entity, batch_id, file, None, said["number"], shown), said["error"]

    def place(self, entity: str, row: Row) -> Place:
        """Return where a row of silver arrived."""
        return Place(entity, row["_batch_id"], row["_source_file"], row["_row_number"])

    def lines(self, places: Iterable[Place]) -> dict[Place, Place]:
        """Return places with the lines that they name: each file that has some is read once."""
        wanted: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        asked = [place for place in places if place.row_number is not None]
        for place in asked:
            assert place.row_number is not None
            wanted[place.entity, place.batch_id, place.file].add(place.row_number)
        found: dict[tuple[str, str, str, int | None], tuple[int, str]] = {}
        for (entity, batch_id, file), numbers in wanted.items():
            record = self._record(entity, batch_id, file)
            if record is None:
                continue
            declaration = self._declaration(record)
            try:
                for line in raw_lines(
                    self._lake, self._contract[entity], declaration, record, numbers
                ):
                    found[entity, batch_id, file, line.row_number] = line.line, line.text
            except C360Error as error:  # declared otherwise by now: the rest can be told
                self.unread[str(error)] = None
        looked_up = {}
        for place in asked:
            if at := found.get((place.entity, place.batch_id, place.file, place.row_number)):
                number, text = at
                shown = text if self.personal_data else None
                looked_up[place] = replace(place, line=number, text=shown)
        return looked_up

    def shown(self, row: Row) -> Row:
        """Return what of a row of silver is shown."""
        hidden = {*_PLACE, *_HIDDEN}
        if row.get("source_currency") is None:
            hidden.add("source_amount")  # it is the amount
        return {
            name: value
            for name, value in row.items()
            if name not in hidden
            and (self.personal_data or name not in PERSONAL)
            and not (name.startswith("unreadable_") and (value is None or not self.personal_data))
        }

    def _record(self, entity: str, batch_id: str, file: str) -> FileRecord | None:
        place = entity, batch_id, file
        if place not in self._records:
            for record in read_manifest(self._lake, batch_id).landed:
                self._records[record.entity, batch_id, record.name] = record
            self._records.setdefault(place, None)
        return self._records[place]

    def _declaration(self, record: FileRecord) -> Any:
        for api in self._declarations.apis:
            if record.api == api.name:
                return api.declaration
        return self._declarations.for_entity(record.entity)

    def _rows(self, sql: str) -> list[Row]:
        result = self._silver.connection.execute(sql)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _columns(keys: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [key[name] for key in keys] for name in keys[0]}


def _join(names: Sequence[str], keys: Sequence[Row]) -> str:
    values = ", ".join(f"({', '.join(literal(key[name]) for name in names)})" for key in keys)
    same = " and ".join(f"t.{name} = wanted.{name}" for name in names)
    return f"inner join (values {values}) as wanted({', '.join(names)}) on {same}"
