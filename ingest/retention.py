"""Takes rows out of bronze that are older than they are to be kept (`keep` in the sources file).

What is kept counts to the beginning of the month: with `keep: 7 years`, in November 2026 rows from
November 2019 on are there. So the first run of a month takes out a month, and everything is built
anew then; the runs of its other days find nothing to do.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest import forgotten
from ingest.contract import Entity
from ingest.declarations import Declarations
from ingest.forgetting import Forgetting, Taken, kept_headers
from ingest.forgotten import Forgotten
from ingest.rewriting import Changes
from lake import paths
from lake.manifest import FileRecord, to_json
from lake.store import Lake

_BEGUN = {"state": "begun"}
_ISO = r"^\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
_MONTH_FIRST = r"^\s*(\d{1,2})/(\d{1,2})/(\d{4})"


@dataclass(frozen=True)
class Limit:
    """From which day on rows of an entity are kept, by what: `event` or `arrival`."""

    since: date
    by: str


def limits(
    contract: Mapping[str, Entity], declarations: Declarations, today: date
) -> dict[str, Limit]:
    """Return what is declared to be kept, by entity."""
    found = {}
    for name, entity in contract.items():
        keep = declarations.for_entity(name).keep
        if keep:
            by = keep.by if event_column(entity) else "arrival"
            found[name] = Limit(_before(today, keep.period), by)
    return found


def event_column(entity: Entity) -> str | None:
    """Return the column that says when what a row tells of happened.

    None where rows tell of somebody or something, not of what happened.
    """
    return "DateTime" if "DateTime" in entity.columns else None


def _before(today: date, period: str) -> date:
    """Return the first day of the month that is a period before this one.

    >>> _before(date(2026, 11, 27), "7 years"), _before(date(2026, 3, 31), "18 months")
    (datetime.date(2019, 11, 1), datetime.date(2024, 9, 1))
    """
    count, unit = period.split()
    months = int(count) * (12 if unit.startswith("year") else 1)
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(max(year, 1), month + 1, 1)


def is_due(lake: Lake, wanted: Mapping[str, Limit]) -> bool:
    """Tell whether rows may be there that are older than they are to be kept."""
    return bool(wanted) and _said(wanted) != _state(lake)


def settled(lake: Lake, wanted: Mapping[str, Limit]) -> None:
    """Note that nothing older is there, nor published, any more."""
    lake.write_bytes(paths.RETENTION, to_json(_said(wanted)))


def _said(wanted: Mapping[str, Limit]) -> dict[str, str]:
    return {name: f"{limit.since} by {limit.by}" for name, limit in sorted(wanted.items())}


def _state(lake: Lake) -> dict[str, str] | None:
    content, _ = lake.read_versioned(paths.RETENTION)
    try:
        known: dict[str, str] | None = json.loads(content) if content else None
    except ValueError:  # it is found out again
        return None
    return known


def expire(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    wanted: Mapping[str, Limit],
    on_file: Callable[[str], None] = lambda _: None,
) -> Taken | None:
    """Take rows out of bronze that are older than they are to be kept; it can be repeated.

    Returns None when there are none, and none were taken out that may still be published.
    """
    found = _Expiring(lake, contract, declarations, wanted, dry_run=True).go(on_file)
    if not found.files and _state(lake) != _BEGUN:
        return None
    lake.write_bytes(paths.RETENTION, to_json(_BEGUN))
    _Expiring(lake, contract, declarations, wanted).go(on_file)
    return found


def look_through(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    records: Sequence[FileRecord],
    batch_id: str,
) -> tuple[list[FileRecord], list[str]]:
    """Take out of the files of a batch, before it counts, who is forgotten and what is too old.

    Returns their records, and what is to be said of it.
    """
    done, told = list(records), []
    known = forgotten.read(lake, declarations)
    wanted = limits(contract, declarations, _arrived(batch_id))
    ways: list[tuple[Forgetting, str]] = []
    if known:
        forgetting = Forgetting(lake, contract, declarations, known, why="came again")
        ways.append((forgetting, "what it has of people who were forgotten was taken out"))
    if wanted:
        expiring = _Expiring(lake, contract, declarations, wanted)
        ways.append((expiring, "what it has that is older than it is to be kept was taken out"))
    for way, sentence in ways:
        for place, record in enumerate(done):
            looked = way.look_through(record, batch_id)
            if looked is not record:
                told.append(f"{record.source}: {sentence}.")
            done[place] = looked
    return done, told


class _Expiring(Forgetting):
    """Takes out of each file the rows before its entity's limit, and of old files everything."""

    def __init__(
        self,
        lake: Lake,
        contract: Mapping[str, Entity],
        declarations: Declarations,
        wanted: Mapping[str, Limit],
        dry_run: bool = False,
    ) -> None:
        why = "kept long enough"
        super().__init__(lake, contract, declarations, Forgotten(b""), why=why, dry_run=dry_run)
        self._wanted = wanted

    def changes(self, record: FileRecord, batch_id: str) -> tuple[Changes | None, int]:
        """Return which rows of a file are older than they are to be kept."""
        limit = self._wanted.get(record.entity)
        if limit is None:
            return None, 0
        entity, declaration = self.declared(record)
        is_old = _arrived(batch_id) < limit.since
        place = paths.rows(record.entity, batch_id, record.name)
        if limit.by == "arrival":
            if not is_old or not (record.rows or record.malformed_rows):
                return None, 0
            drop, lines = frozenset(range(1, record.rows + 1)), record.malformed_rows
        else:
            column = event_column(entity)
            assert column
            with self.lake.open_read(place) as file:
                table = pq.ParquetFile(file).read(columns=[column, "_row_number"])
            # A time that cannot be read tells nothing: such a row goes when its file is too old.
            gone = _before_day(table[column], limit.since, unreadable=is_old)
            drop = frozenset(table.filter(gone)["_row_number"].to_pylist())
            lines = record.malformed_rows if is_old else 0
        if not (drop or lines):
            return None, 0
        kept = kept_headers(entity, declaration)
        return Changes(drop, frozenset(), kept, lambda _: bool(lines)), lines

    def held_without(self, record: FileRecord, batch_id: str) -> tuple[bytes, int] | None:
        """Return nothing of a file in quarantine that is too old, so that all of it goes."""
        limit = self._wanted.get(record.entity)
        is_old = limit is not None and _arrived(batch_id) < limit.since
        return (b"", -1) if is_old and self.held_name(record, batch_id) else None


def _arrived(batch_id: str) -> date:
    """Return the day of a batch, which its id begins with."""
    return date.fromisoformat(batch_id[:8])


def _before_day(column: pa.ChunkedArray, since: date, unreadable: bool) -> pa.ChunkedArray:
    """Tell of each time whether it is before a day; each spelling of one is looked at once."""
    unique = pc.unique(column)
    early = [
        value
        for value in unique.to_pylist()
        if (unreadable if (day := _day(value)) is None else day < since)
    ]
    return pc.is_in(column, pa.array(early, pa.string()))


def _day(text: str | None) -> date | None:
    """Return the day of a time as rows have it: ISO 8601 or month first."""
    for form, order in ((_ISO, (1, 2, 3)), (_MONTH_FIRST, (3, 1, 2))):
        if found := re.match(form, text or ""):
            year, month, day = (int(found[place]) for place in order)
            try:
                return date(year, month, day)
            except ValueError:
                return None
    return None
