"""One file, read as often as asked, each time as declared otherwise.

It is read as landing reads it, into a lake in a temporary folder.
"""

import json
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.containers import format_of, unpacked
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.dialect import SEPARATORS
from ingest.input_files import check_input
from ingest.readers import read
from ingest.reading import read_landed
from ingest.structure import Malformed
from ingest.written import EITHER, MONTH_FIRST, Forms, Written
from lake import paths
from lake.clock import now
from lake.errors import InputError, UnreadableError
from lake.local import LocalLake
from lake.manifest import FileRecord

_log = logging.getLogger(__name__)

DECLARED = re.compile(r"`\w+: [^`]+`(?: and `\w+: [^`]+`)*")
"""How messages say what settles them: keys that belong together have an `and` between them."""

_FIRST_ROWS = 3
_LOOKED_AT = 1 << 20  # bytes of a text, to tell whether its letters are right


@dataclass(frozen=True)
class Read:
    """What came of reading a file once: its rows, or why it was refused."""

    declaration: Declaration
    record: FileRecord | None = None
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    times: Mapping[str, Forms] = field(default_factory=dict)
    numbers: Mapping[str, Forms] = field(default_factory=dict)
    keys: Mapping[str, Forms] = field(default_factory=dict)
    rows: tuple[Mapping[str, str | None], ...] = ()

    @property
    def unread(self) -> int:
        """How many values cannot be read."""
        return sum(f.unread for of in (self.times, self.numbers, self.keys) for f in of.values())

    @property
    def is_either(self) -> bool:
        """Whether its dates fit day first and month first, and nothing tells which it is."""
        counts = {
            name: count for each in self.times.values() for name, count in each.counts.items()
        }
        return bool(counts.get(EITHER)) and not counts.get(MONTH_FIRST)

    @property
    def unsettled(self) -> int:
        """How much of it could be declared; less of it is better."""
        told = sum(bool(DECLARED.search(warning)) for warning in self.warnings)
        return self.unread + told + self.is_either


class FileReader:
    """Reads one file, as often as asked, into a folder that goes away."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self.name = paths.safe_name(source)
        self._count = 0
        self._headers: dict[str, list[str]] = {}  # by what is declared

    def __enter__(self) -> "FileReader":
        self._folder = tempfile.TemporaryDirectory(prefix="c360-check-")
        self._lake = LocalLake(Path(self._folder.name))
        self._connection = duckdb.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def read(self, entity: Entity, declaration: Declaration) -> tuple[Read, Written | None]:
        """Read the file as declared; return what came of it, and its rows to look at."""
        self._count += 1
        batch = f"read-{self._count}"
        path = paths.landed(entity.name, batch, self.name)
        record = FileRecord(entity.name, self.source, path, "", "", 0)
        try:
            record, warnings = read_landed(
                self._lake,
                entity,
                declaration,
                record,
                batch,
                now(),
                self._open,
            )
        except (UnreadableError, InputError) as error:
            return Read(declaration, refusal=str(error).rstrip(".")), None
        rows = self._lake.root / paths.rows(entity.name, batch, self.name)
        written = Written(self._connection, rows)
        with pq.ParquetFile(rows) as file:
            first = next(file.iter_batches(_FIRST_ROWS, columns=list(entity.columns)), None)
        return Read(
            declaration,
            record,
            warnings=tuple(each.removeprefix(f"{self.source}: ") for each in warnings),
            times={column: written.times(column) for column in entity.times},
            numbers={column: written.numbers(column) for column in entity.numbers},
            keys={
                column: written.keys(column, declaration)
                for column in entity.key
                if column not in entity.times
            },
            rows=tuple(first.to_pylist() if first else ()),
        ), written

    def header(self, declaration: Declaration) -> list[str]:
        """Return the names in the file's header, whatever they are; none where there is none."""
        if (known := self._headers.get(declaration.fingerprint)) is not None:
            return known
        found: list[str] = []
        nothing = Entity("", "", ())
        is_text = format_of(self.name) == "csv"
        separators = SEPARATORS if is_text and not declaration.delimiter else (None,)
        for separator in separators:
            header = _Header()
            separated = replace(declaration, delimiter=separator or declaration.delimiter)
            try:
                with self._open() as raw:
                    read(self.name, raw, nothing, separated, header)
            except _FoundError:
                found = max(found, header.names, key=len)
            except Exception:  # whatever is wrong with the file, reading it tells of it
                _log.debug("%s has no header that can be read", self.name, exc_info=True)
        self._headers[declaration.fingerprint] = found
        return found

    def text(self, encoding: str) -> str:
        """Return the beginning of a text in an encoding."""
        with self._open() as raw, unpacked(self.name, raw) as (_, stream):
            return stream.read(_LOOKED_AT).decode(encoding, "replace")

    def _open(self) -> BinaryIO:
        try:
            check_input(self.path)
            return cast(BinaryIO, self.path.open("rb"))
        except OSError as error:
            raise InputError(f"Cannot read {self.path}: {error.strerror}.") from error


class _FoundError(Exception):
    """The header is known: nothing more is to be read."""


class _Header:
    """Takes the header of a file and nothing else."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def header(self, names: Sequence[str], separator: str | None = None) -> None:
        self.names = [name for name in names if name]
        raise _FoundError

    def needs(self, name: str) -> bool:
        return True

    def rows(self, table: pa.Table, ascii_only: bool = False) -> None:
        self.header([name for column in table.column_names for name in _fields(table, column)])

    def malformed(self, line: Malformed) -> None:
        pass


def _fields(table: pa.Table, name: str) -> list[str]:
    """Return the name of a field of records, or those of the fields in it when it is an object."""
    inner: dict[str, None] = {}
    for text in table[name].to_pylist():
        if text and text.startswith("{"):
            with suppress(ValueError):
                inner.update(dict.fromkeys(json.loads(text)))
    return [f"{name}.{field}" for field in inner] or [name]
