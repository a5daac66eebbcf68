"""Reading: a raw file of the lake becomes rows of text, as its source is declared.

It is a function of the file's bytes, the declaration and the code here: read again, a file gives
the same rows. Nothing is judged: what a value means is for cleaning to say.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest import forms
from ingest.contract import CURRENCY, EXTRA, Entity
from ingest.declarations import Declaration
from ingest.expressions import quoted, references
from ingest.extra import packed
from ingest.guards import Guards
from ingest.headers import (
    HeaderMatch,
    find_header,
    listed,
    match_header,
    normalised,
    unique_names,
)
from ingest.readers import read
from ingest.repeats import RepeatedKeys
from ingest.rows import RowsWriter, visible
from ingest.structure import Malformed
from lake import paths
from lake.errors import C360Error, InputError, UnreadableError
from lake.manifest import FileRecord
from lake.store import TEMPORARY, Lake

log = logging.getLogger(__name__)

READER = 3
"""Changes when the same bytes would be read as other rows: then files are read again."""


def read_landed(
    lake: Lake,
    entity: Entity,
    declaration: Declaration,
    record: FileRecord,
    batch_id: str,
    as_of: datetime,
    open_raw: Callable[[], BinaryIO] | None = None,
) -> tuple[FileRecord, list[str]]:
    """Read a raw file of a batch, write its rows (and malformed lines) into the lake.

    `as_of` is since when its rows hold, where they don't say it themselves; `open_raw` opens the
    bytes elsewhere than in the lake. Returns the completed record, and warnings. Raises
    UnreadableError when the file as a whole is refused; then nothing of it is written.
    """
    assert record.path
    name = record.name
    rows_path = paths.rows(entity.name, batch_id, name)
    malformed_path = paths.malformed(entity.name, batch_id, name)
    # What an earlier reading wrote stays until all is known to be well.
    new_rows, new_malformed = map(_temporary, (rows_path, malformed_path))
    is_api = record.api is not None
    columns = (*entity.columns, EXTRA) if entity.takes_extra else entity.columns
    try:
        with _blamed(name), ExitStack() as opened:
            consumer = _Rows(entity, declaration, lambda: lake.open_write(new_malformed))
            opened.enter_context(closing(consumer))
            consumer.is_api = is_api
            # A file of API records may lack fields that others of the same pull have.
            consumer.names.update(dict.fromkeys(record.header))
            # The records of an API are changes: a key that comes again is no surprise.
            if len(entity.key) == 1 and not declaration.rows and not is_api:
                consumer.repeats = opened.enter_context(closing(RepeatedKeys(entity, declaration)))
            with (
                open_raw() if open_raw else lake.open_read(record.path) as raw,
                lake.open_write(new_rows) as sink,
                RowsWriter(sink, columns, name, batch_id) as consumer.writer,
            ):
                consumer.as_of = as_of
                how = read(name, raw, entity, declaration, consumer)
                warnings = consumer.finish()
            if consumer.repeats:
                with lake.open_read(new_rows) as file:
                    repeated = consumer.repeats.conclude(lambda: pq.ParquetFile(file))
                warnings += [repeated] if repeated else []
    except BaseException:
        lake.delete(new_rows)
        lake.delete(new_malformed)
        raise
    if consumer.malformed_rows:
        lake.move(new_malformed, malformed_path)
        count = consumer.malformed_rows
        lines = "1 malformed line" if count == 1 else f"{count:,} malformed lines"
        warnings.append(f"{lines} set aside.")
    else:
        lake.delete(malformed_path)
    lake.move(new_rows, rows_path)
    warnings += how.pop("warnings", [])
    extra = consumer.not_asked_for()
    if extra and not is_api:
        warnings.append(f"nobody asked for its columns {listed(extra)}.")
    completed = replace(
        record,
        format=how.pop("format"),
        rows=consumer.writer.rows,
        malformed_rows=consumer.malformed_rows,
        longest_value=consumer.writer.longest_value,
        header=list(consumer.names),
        missing_columns=consumer.match.missing,
        extra_columns=extra,
        outcome="landed",
        reason=None,
        read_as={
            **how,
            "columns": consumer.origins(),
            "as_of": as_of.isoformat(),
            "declaration": declaration.fingerprint,
            "reader": READER,
        },
    )
    return completed, [f"{record.source}: {warning}" for warning in warnings]


def _temporary(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{TEMPORARY}{name}"


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Make a refusal of the file of whatever goes wrong in reading it."""
    try:
        yield
    except C360Error:
        raise
    except BaseException as error:
        # A reader in Rust that gives up raises what is no Exception. An error of the system, which
        # has a number, is not the file's: the next run may read it.
        is_panic = type(error).__name__ == "PanicException"
        if getattr(error, "errno", None):
            error.add_note(f"It came up while {name} was read")
            raise
        if not (is_panic or isinstance(error, Exception)):
            raise
        # Ours to mend, and yet no reason to fail: the file is kept, to be read later.
        log.exception("%s could not be read", name)
        raise UnreadableError(
            f"it could not be read ({type(error).__name__}: {error}). Please report this; the log "
            "has the details"
        ) from error


class _Rows:
    """Makes the contract's rows of what a reader hands over."""

    writer: RowsWriter
    as_of: datetime
    repeats: RepeatedKeys | None = None
    is_api = False

    def __init__(
        self,
        entity: Entity,
        declaration: Declaration,
        open_malformed: Callable[[], AbstractContextManager[BinaryIO]],
    ) -> None:
        self._entity, self._declaration = entity, declaration
        self._open_malformed = open_malformed
        self._malformed = ExitStack()
        self._lines: BinaryIO | None = None
        self._guards = Guards(entity, declaration)
        self._fill_down = forms.FillDown(declaration)
        self._unique: list[str] = []  # the file's names, where the format has a header
        self._computed = {
            found.column for sql in declaration.expressions.values() for found in references(sql)
        }
        asked = {h for c in entity.columns for h in declaration.columns.get(c, (c,))}
        asked |= self._computed | set(declaration.fill_down)
        asked |= {declaration.order_by} if declaration.order_by else set()
        asked |= set(declaration.extra.values())
        self._asked = {normalised(name) for name in asked}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.names: dict[str, None] = {}  # an ordered set
        self.match = HeaderMatch({}, [], [], None)
        self.malformed_rows = 0

    # What a reader tells

    def header(self, names: Sequence[str], separator: str | None = None) -> None:
        """Hold the header against the contract."""
        self.names = dict.fromkeys(names)
        self._unique = unique_names(names)
        self._guards.separator = separator
        self.match = match_header(self._entity, self._declaration, names)
        if self.match.problem:
            raise UnreadableError(self.match.problem)
        seen: dict[str, str] = {}
        for name in names:
            spelled = normalised(name)
            if spelled in self._asked and spelled in seen:
                raise UnreadableError(
                    f"its column {seen[spelled]}, which the declaration names, is there more than "
                    "once"
                )
            seen[spelled] = name
        try:
            forms.select_list(self._entity, self._declaration, self._unique)
        except InputError as error:  # an expression names a column that this file lacks
            raise UnreadableError(str(error).rstrip(".")) from error

    def needs(self, name: str) -> bool:
        """Tell whether anybody looks at the values of a column."""
        return normalised(name) in self._asked

    def rows(self, table: pa.Table, ascii_only: bool = False) -> None:
        """Take rows as the file has them; write them as the contract has them."""
        if not self._unique:
            known = set(map(normalised, self.names))
            self.names.update(
                dict.fromkeys(n for n in table.column_names if n and normalised(n) not in known)
            )
        else:
            table = self._without_headers(table)
            self._refuse_other_header(table)
        table = self._fill_down.fill(table)
        contract = self._select(table)
        if not ascii_only or self._declaration.expressions or self._declaration.fill_down:
            contract = visible(contract)
        self._guards.look(contract, table)
        if self.repeats:
            self.repeats.look(contract)
        if self._entity.takes_extra:
            contract = contract.append_column(EXTRA, packed(self._declaration, table))
        self.writer.write(contract, self._since(table))

    def malformed(self, line: Malformed) -> None:
        """Set a line aside."""
        if self._lines is None:
            self._lines = self._malformed.enter_context(self._open_malformed())
        self.malformed_rows += 1
        self._lines.write(json.dumps(line._asdict(), ensure_ascii=False).encode() + b"\n")

    # What comes of it

    def finish(self) -> list[str]:
        """Return warnings once all has been read; raise UnreadableError for what is no good."""
        if not self._unique and (self.names or self.writer.rows):
            self.match = match_header(self._entity, self._declaration, list(self.names))
            if self.match.problem:
                raise UnreadableError(self.match.problem)
        self._malformed.close()
        self.writer.close()
        return self._guards.conclude() + list(self._not_there())

    def _not_there(self) -> Iterator[str]:
        """Warn of columns that the declaration names and the file can be read without."""
        if not self.names or self.is_api:
            return
        filled = [
            n for group, names in self._declaration.fill_down.items() for n in (group, *names)
        ]
        for key, wanted in (
            ("order_by", [self._declaration.order_by]),
            ("fill_down", filled),
            ("currency", self._declaration.columns.get(CURRENCY, ())),
            ("extra", self._declaration.extra.values()),
        ):
            for name in wanted:
                if name and find_header(list(self.names), name) is None:
                    yield f"it has no column {name}, which `{key}` names."

    def close(self) -> None:
        """Let go of everything; lines that were set aside count from `finish` on."""
        if self._connection:
            self._connection.close()
        self._malformed.__exit__(UnreadableError, UnreadableError(""), None)

    def not_asked_for(self) -> list[str]:
        """Return the file's columns that neither the contract nor the declaration names."""
        return [name for name in self.match.extra if normalised(name) not in self._asked]

    def origins(self) -> dict[str, list[str]]:
        """Return which of the file's headers each column came from."""
        names = list(self.names) if not self._unique else self._unique
        return {
            column: [names[place] for place in places]
            for column, places in self.match.places.items()
        }

    def _without_headers(self, table: pa.Table) -> pa.Table:
        """Leave out rows that are the header once more, as in files that were put together."""
        names = [self._unique[places[0]] for places in self.match.places.values()]
        candidates = None
        for name in names:  # hardly any row is left after the first
            values = table[name] if candidates is None else table[name].take(candidates)
            found = pc.indices_nonzero(pc.match_substring(values, name))
            candidates = found if candidates is None else candidates.take(found)
            if not len(candidates):
                return table
        if candidates is None:
            return table
        # Files that were put together can have a mark before each of their headers, and that makes
        # the quotes after it part of the first name.
        spelled = [normalised(name) for name in names]
        repeated = [
            place.as_py()
            for place, *values in zip(
                candidates, *(table[name].take(candidates) for name in names), strict=True
            )
            if [normalised(value.as_py()).strip('"') for value in values] == spelled
        ]
        kept = np.ones(table.num_rows, bool)
        kept[repeated] = False
        return table.filter(kept)

    def _refuse_other_header(self, table: pa.Table) -> None:
        """Raise UnreadableError for a header among the rows whose columns are in other places."""
        names = [self._unique[places[0]] for places in self.match.places.values()]
        own = pa.array(self._unique, pa.string())
        found = pc.indices_nonzero(pc.is_in(table[names[0]], own)) if names else ()
        for place in found:
            values = (table[name][place.as_py()].as_py() for name in names)
            if sum(value in self._unique for value in values) > 1:
                raise UnreadableError(
                    f"after {self.writer.rows + place.as_py():,} rows it has another header, with "
                    "columns in other places: files that differ were put together. Split it there"
                )

    def _select(self, table: pa.Table) -> pa.Table:
        """Return the contract's columns, in their standard forms."""
        names = table.column_names
        lacking = [name for name in self._computed if find_header(names, name) is None]
        if lacking and not self._unique:  # records that lack a field: others have it
            for name in lacking:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
            names = table.column_names
        selects = forms.select_list(self._entity, self._declaration, names)
        if selects is not None:
            return self._query(table, ", ".join(selects))
        match = match_header(self._entity, self._declaration, names)
        nothing = pa.nulls(table.num_rows, pa.string())
        return pa.table(
            {
                column: table.column(match.places[column][0])
                if column in match.places
                else pa.chunked_array([nothing])
                for column in self._entity.columns
            }
        )

    def _since(self, table: pa.Table) -> datetime | pa.ChunkedArray:
        """Return since when each row holds: what it says itself, or what the file says."""
        if not self._declaration.order_by:
            return self.as_of
        place = find_header(table.column_names, self._declaration.order_by)
        if place is None:
            return self.as_of
        values = table.column(place)
        said = forms.moment(self._declaration, quoted(table.column_names[place]))
        since = self._query(table, f"{said} as since")["since"].cast(pa.timestamp("us"))
        if not self.is_api:  # whose records are ordered by what the next pull goes on from
            self._guards.look_at_order(values, since)
        return pc.fill_null(since, pa.scalar(self.as_of, pa.timestamp("us")))

    def _query(self, table: pa.Table, selects: str) -> pa.Table:
        if self._connection is None:
            self._connection = duckdb.connect()
        self._connection.register("file", table)
        return self._connection.sql(f"select {selects} from file").to_arrow_table()
