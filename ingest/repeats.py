"""Keys that come again in one file with other content: corrections, or lines of orders.

Which of the two only a declaration can tell. Many are refused where nothing is declared, since
keeping one row a key would lose most of what the file says; a few are told of with their amount.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple, cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.expressions import quoted
from ingest.rows import ASCII_BLANKS
from lake.errors import UnreadableError

SHARE = 0.05  # of the keys
KEYS = 10  # at least

_AT_ONCE = 1 << 24  # rows whose keys are compared at a time: 128 MiB
_BLOCK = 1 << 22  # rows of which more is made than their keys
_BITS = 16
_MASK = np.uint64((1 << _BITS) - 1)


class _Found(NamedTuple):
    """What repeats: how many keys there are, how many repeat, and the rows (from 0) of each."""

    keys: int
    repeated: int
    example: NDArray[np.intp]
    set_aside: NDArray[np.intp]


class RepeatedKeys:
    """Looks at the keys of a file's rows while they pass; 8 bytes a row are kept on the disk.

    What else the rows say is looked at in the rows that were written, of keys that come again only.
    """

    def __init__(self, entity: Entity, declaration: Declaration) -> None:
        self._entity, self._declaration = entity, declaration
        (self._key,) = entity.key
        self._others = [column for column in entity.columns if column != self._key]
        self._open = ExitStack()
        self._keys = self._open.enter_context(
            cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
        )
        self._connection = self._open.enter_context(duckdb.connect(config={"threads": 1}))
        ((self._blank,),) = self._connection.execute("select hash('')").fetchall()

    def close(self) -> None:
        """Let go of what was kept."""
        self._open.close()

    def look(self, table: pa.Table) -> None:
        """Look at the next rows, of the contract's columns."""
        key = pc.utf8_trim(pc.fill_null(table[self._key], ""), characters=ASCII_BLANKS)
        self._keys.write(self._hashes(pa.table({"key": key}), "key").data)

    def conclude(self, open_rows: Callable[[], pq.ParquetFile]) -> str | None:
        """Return a warning of what is set aside, None when nothing is.

        Raises UnreadableError when so many keys repeat that the rows may be lines of orders.
        `open_rows` opens the file of the rows that were looked at.
        """
        found = self._find(open_rows)
        if not found.repeated:
            return None
        rows = _take(open_rows(), [self._key, *self._others], found.example)
        columns = [
            name for name in self._others if pc.count_distinct(rows[name], mode="all").as_py() > 1
        ]
        said = (
            f"{found.repeated:,} of {found.keys:,} {self._key}{'s' if found.keys > 1 else ''} came "
            f"in several rows with other content, such as {rows[self._key][0].as_py().strip()} in "
            f"{rows.num_rows} rows with several {' and '.join(columns)}"
        )
        place = self._declaration.place(self._entity.name)
        has_lines = self._entity.has_lines
        if found.repeated >= KEYS and found.repeated > found.keys * SHARE:
            lines = "If each row is one line of an order, declare `rows: lines`; if a later row"
            raise UnreadableError(
                f"{said}. {lines if has_lines else 'If a later row'} corrects an earlier one, "
                f"declare `rows: one` {place}"
            )
        worth = ""
        # Which rows are the last ones is plain only while nothing else orders them.
        if has_lines and not self._declaration.order_by:
            amounts = _take(open_rows(), ["Amount"], found.set_aside)
            self._connection.register("passing", amounts)
            ((total,),) = self._connection.execute(
                'select sum(try_cast("Amount" as decimal(18, 2))) from passing'
            ).fetchall()
            worth = f" ({total or 0:,.2f} in all)"
        meant = (
            "If each row is one line of an order, declare `rows: lines`"
            if has_lines
            else "If that is meant, declare `rows: one`"
        )
        counts = "The last row of each"
        if self._declaration.order_by:
            counts = f"Of each the row with the greatest {self._declaration.order_by}"
        return f"{said}. {counts} counts, the others are set aside{worth}. {meant} {place}."

    def _find(self, open_rows: Callable[[], pq.ParquetFile]) -> _Found:
        keys = _whole(self._keys)
        blocks = [slice(at, at + _BLOCK) for at in range(0, len(keys), _BLOCK)]
        parts = np.uint64(-(-len(keys) // _AT_ONCE) or 1)
        count = 0
        places = [np.empty(0, np.intp)]
        for part in range(int(parts)):
            of_part = [keys[block][keys[block] % parts == part] for block in blocks]
            ordered = np.sort(np.concatenate(of_part or [keys]))
            ordered = ordered[ordered != self._blank]
            again = ordered[1:] == ordered[:-1]
            count += len(ordered) - int(np.count_nonzero(again))
            doubled = np.unique(ordered[1:][again])
            # Few keys repeat, and their last bits tell them from nearly all others.
            likely = np.zeros(1 << _BITS, bool)
            likely[doubled & _MASK] = True
            for block in blocks if len(doubled) else []:
                found = np.flatnonzero(likely[keys[block] & _MASK])
                of_block = keys[block][found]
                nearest = np.minimum(np.searchsorted(doubled, of_block), len(doubled) - 1)
                places.append(found[doubled[nearest] == of_block] + block.start)
        rows = np.sort(np.concatenate(places))
        if not len(rows):
            return _Found(count, 0, rows, rows)
        contents = self._contents(open_rows(), rows)
        by_key = np.argsort(keys[rows], kind="stable")
        rows, contents = rows[by_key], contents[by_key]
        starts = np.flatnonzero(np.diff(keys[rows], prepend=~keys[rows[:1]]))
        lengths = np.diff(starts, append=len(rows))
        differs = np.minimum.reduceat(contents, starts) != np.maximum.reduceat(contents, starts)
        last = np.zeros(len(rows), bool)
        last[starts + lengths - 1] = True
        set_aside = rows[np.repeat(differs, lengths) & ~last]
        if not differs.any():
            return _Found(count, 0, rows[:0], set_aside)
        starts, lengths = starts[differs], lengths[differs]
        first = int(np.argmin(rows[starts]))
        example = rows[starts[first] : starts[first] + lengths[first]]
        return _Found(count, len(starts), example, set_aside)

    def _contents(self, file: pq.ParquetFile, places: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return a hash for each of some rows of what it says beside its key."""
        others = ", ".join(map(quoted, self._others))
        return np.concatenate(
            [self._hashes(rows, others) for rows in _taken(file, self._others, places)]
        )

    def _hashes(self, table: pa.Table, of: str) -> NDArray[np.uint64]:
        self._connection.register("passing", table)
        found = self._connection.execute(f"select hash({of}) as it from passing").fetchnumpy()
        return np.asarray(found["it"], np.uint64)


def _whole(file: BinaryIO) -> NDArray[np.uint64]:
    file.flush()
    if not file.tell():
        return np.empty(0, np.uint64)
    return np.memmap(file, np.uint64, "r")


def _take(file: pq.ParquetFile, columns: list[str], places: NDArray[np.intp]) -> pa.Table:
    """Return some rows of a file, by their places in any order, in the order of the file."""
    return pa.concat_tables(_taken(file, columns, np.sort(places)))


def _taken(
    file: pq.ParquetFile, columns: list[str], places: NDArray[np.intp]
) -> Iterator[pa.Table]:
    """Yield some rows of a file, by their places in order; only what they stand in is read."""
    first = 0
    for group in range(file.num_row_groups):
        last = first + file.metadata.row_group(group).num_rows
        here = places[np.searchsorted(places, first) : np.searchsorted(places, last)]
        if len(here):
            yield file.read_row_group(group, columns).take(here - first)
        first = last
