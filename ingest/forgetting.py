"""Takes a person out of bronze: out of raw files, rows, lines set aside and files in quarantine.

Records of the person (customers, loyalty accounts and movements) go. Purchases and service contacts
stay without the customer, and with nothing but what the contract needs of them, so that no total
moves; or they go too, as asked.

It can be repeated: a file that was done has nothing left to take out, and one that was begun says
so in its batch's manifest before its first byte changes. New files are looked through before their
batch counts, so that nobody who is forgotten comes back with a later delivery.
"""

import base64
import gzip
import io
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq

from ingest import containers, dialect, forgotten, reading
from ingest.contract import Entity
from ingest.declarations import Declaration, Declarations
from ingest.expressions import references
from ingest.forgotten import EMAIL, WITH_TRANSACTIONS, Forgotten
from ingest.headers import normalised
from ingest.rewriting import Changes, rewrite
from lake import paths
from lake.clock import utc_now
from lake.manifest import FileRecord, Manifest, from_json, read_manifests, read_retracted
from lake.store import Lake

log = logging.getLogger(__name__)

FORGOTTEN_TEXT = "[forgotten]"
"""What stands in logs and notes in the place of a person's values."""

_BEGUN = "begun"
_OVERLAP = 512  # bytes of a block that are looked at with the next one
_SHORTEST = 4  # letters of a text by which a line is known to name somebody
_TEXTS = (".json", ".jsonl")
_PACKED_IN_PAGE = re.compile(rb"H4sI[A-Za-z0-9+/]+={0,2}")  # gzip, in Base64


@dataclass(frozen=True)
class Person:
    """Somebody who is being forgotten, with the values that are looked for.

    `ids` are the customer and loyalty ids and the e-mail addresses that nobody else has, by what
    they are; `texts` names, postal and e-mail addresses and the like, as they came.
    """

    ids: Mapping[str, tuple[str, ...]]
    texts: tuple[str, ...]
    with_transactions: bool = False

    @property
    def emails(self) -> tuple[str, ...]:
        """The e-mail addresses that nobody else has."""
        return self.ids.get(EMAIL, ())

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds one of the person's."""
        folded = text.casefold()
        return any(each.casefold() in folded for each in self.texts if len(each) >= _SHORTEST)


NOBODY = Person({}, ())


@dataclass
class Taken:
    """What was taken out, or would be: files, and of them rows and lines; files that went whole."""

    files: int = 0
    dropped: int = 0
    redacted: int = 0
    lines: int = 0
    removed: list[str] = field(default_factory=list)
    by_entity: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Taken", entity: str = "") -> None:
        """Add what was taken out of one more file."""
        self.files += other.files
        self.dropped += other.dropped
        self.redacted += other.redacted
        self.lines += other.lines
        self.removed += other.removed
        rows = other.dropped + other.redacted
        if entity and rows:
            self.by_entity[entity] = self.by_entity.get(entity, 0) + rows


class Forgetting:
    """Looks through bronze, and takes out who is forgotten; with `dry_run` it only counts."""

    def __init__(
        self,
        lake: Lake,
        contract: Mapping[str, Entity],
        declarations: Declarations,
        known: Forgotten,
        person: Person = NOBODY,
        why: str = "forgotten",
        dry_run: bool = False,
    ) -> None:
        """Have what is needed; nothing is read yet."""
        self.lake, self.contract, self.declarations = lake, contract, declarations
        self.known, self.person = known, person
        self.why, self.dry_run = why, dry_run

    def go(self, on_file: Callable[[str], None] = lambda _: None) -> Taken:
        """Go through all batches, those that were taken back too."""
        taken = Taken()
        for manifest in [*read_manifests(self.lake), *read_retracted(self.lake)]:
            for place, record in enumerate(manifest.files):
                if record.entity not in self.contract:
                    continue
                on_file(record.source)
                if record.outcome == "landed":
                    taken.add(self._take_out(manifest, place), record.entity)
                elif record.outcome == "quarantined":
                    taken.add(self._take_out_of_quarantine(manifest, place), record.entity)
        if not self.dry_run:
            taken.lines += self.forget_notes(_notes(self.lake))
        return taken

    def look_through(self, record: FileRecord, batch_id: str) -> FileRecord:
        """Do it with a file that has just landed, or come into quarantine; return its record."""
        if record.outcome == "quarantined":
            found = self.held_without(record, batch_id)
            return self._held_rewritten(record, batch_id, *found) if found else record
        if record.outcome != "landed":
            return record
        changes, _ = self.changes(record, batch_id)
        if not changes:
            return record
        return self._rewritten(self._noted(record, changes), batch_id, changes)

    # Landed files

    def _take_out(self, manifest: Manifest, place: int) -> Taken:
        record = manifest.files[place]
        batch_id = manifest.batch_id
        is_begun = bool(record.rewritten) and record.rewritten[-1].get("state") == _BEGUN
        if (is_begun and not self.dry_run) or (
            manifest.retracted_at and not self._is_of_now(record)
        ):
            # Its rows have to be those of its lines, and nobody else reads again what was taken
            # back.
            manifest.files[place] = record = self._read_again(record, batch_id)
        changes, lines = self.changes(record, batch_id)
        taken = _counted(changes, lines)
        if self.dry_run or not (changes or is_begun):
            return taken
        if not is_begun:
            record = self._noted(record, changes)
            record.rewritten[-1]["state"] = _BEGUN
            manifest.files[place] = record
            manifest.write(self.lake)
        changes = changes or Changes(frozenset(), frozenset(), frozenset(), lambda _: False)
        record = self._rewritten(record, batch_id, changes)
        record.rewritten[-1].pop("state")
        manifest.files[place] = record
        manifest.write(self.lake)
        return taken

    def _noted(self, record: FileRecord, changes: Changes | None) -> FileRecord:
        """Return a file's record with a note of what is taken out of it."""
        note = {
            "at": utc_now(),
            "why": self.why,
            "rows": len(changes.drop) if changes else 0,
            "redacted_rows": len(changes.redact) if changes else 0,
        }
        received = record.received_sha256 or record.sha256
        return replace(record, received_sha256=received, rewritten=[*record.rewritten, note])

    def changes(self, record: FileRecord, batch_id: str) -> tuple[Changes | None, int]:
        """Return what is to be taken out of a file, None when nothing is.

        With it, of how many lines that were set aside.
        """
        entity, declaration = self.declared(record)
        drop: set[int] = set()
        redact: set[int] = set()
        is_dropped = self._is_named(entity, declaration, record.header)
        lines = 0
        if entity.identifies:
            for row, fate in self._rows_of(entity, record, batch_id).items():
                goes = entity.is_of_person or fate == WITH_TRANSACTIONS
                (drop if goes else redact).add(row)
            lines = sum(map(is_dropped, self._lines_set_aside(record, batch_id)))
        blanked = self._addresses_in(record, entity, declaration)
        if not (drop or redact or lines or blanked):
            return None, 0
        kept = kept_headers(entity, declaration)
        return Changes(frozenset(drop), frozenset(redact), kept, is_dropped, blanked), lines

    def _rows_of(self, entity: Entity, record: FileRecord, batch_id: str) -> dict[int, str]:
        """Return the numbers of rows that are of somebody, each with what is to become of it."""
        place = paths.rows(entity.name, batch_id, record.name)
        columns = [*entity.identifies, "_row_number"]
        with self.lake.open_read(place) as file:
            table = pq.ParquetFile(file).read(columns=columns)
        found: dict[int, str] = {}
        numbers = table["_row_number"]
        for column, kind in entity.identifies.items():
            values = table[column].combine_chunks()
            for at, fate in self.known.fates(kind, values).items():
                row = numbers[at].as_py()
                if found.get(row) != WITH_TRANSACTIONS:
                    found[row] = fate
        return found

    def _lines_set_aside(self, record: FileRecord, batch_id: str) -> Iterator[str]:
        if not record.malformed_rows:
            return
        place = paths.malformed(record.entity, batch_id, record.name)
        with self.lake.open_read(place) as file:
            for line in file:
                yield json.loads(line)["text"]

    def _is_named(
        self, entity: Entity, declaration: Declaration, header: Sequence[str]
    ) -> Callable[[str], bool]:
        names = list(header)
        return lambda text: (
            self.known.names(entity, declaration, names, text) or self.person.is_in(text)
        )

    def _addresses_in(
        self, record: FileRecord, entity: Entity, declaration: Declaration
    ) -> tuple[str, ...]:
        """Return who is forgotten by e-mail addresses that stand anywhere in a file, as they do.

        They can be where no reader looks, in a note on somebody else.
        """
        if not record.path or not self.known.hashes.get(EMAIL):
            return ()
        needles = [each.casefold().encode() for each in self.person.emails]
        found: set[str] = set()
        with self.lake.open_read(record.path) as raw:
            for text in _texts(record.name, raw, declaration):
                if not needles or any(needle in text.lower() for needle in needles):
                    found |= forgotten.addresses(text)
        return tuple(sorted(each for each in found if self.known.fate(EMAIL, each)))

    def _rewritten(self, record: FileRecord, batch_id: str, changes: Changes) -> FileRecord:
        """Rewrite a file and read it again; return its record."""
        entity, declaration = self.declared(record)
        sha256, size = rewrite(self.lake, entity, declaration, record, changes)
        record = replace(record, sha256=sha256, bytes=size)
        return self._read_again(record, batch_id)

    def _read_again(self, record: FileRecord, batch_id: str) -> FileRecord:
        entity, declaration = self.declared(record)
        as_of = datetime.fromisoformat(record.read_as["as_of"])
        again, _ = reading.read_landed(self.lake, entity, declaration, record, batch_id, as_of)
        if "declared_in" in record.read_as:
            again.read_as["declared_in"] = record.read_as["declared_in"]
        return again

    def _is_of_now(self, record: FileRecord) -> bool:
        _, declaration = self.declared(record)
        return (record.reader, record.declaration) == (reading.READER, declaration.fingerprint)

    def declared(self, record: FileRecord) -> tuple[Entity, Declaration]:
        """Return what a file is of, and how it is declared to be read."""
        entity = self.contract[record.entity]
        if record.api is None:
            return entity, self.declarations.for_entity(record.entity)
        apis = (each for each in self.declarations.apis if each.name == record.api)
        api = next(apis, None)
        return entity, api.declaration if api else Declaration(api=record.api)

    # Files in quarantine, which nobody could read

    def _take_out_of_quarantine(self, manifest: Manifest, place: int) -> Taken:
        record = manifest.files[place]
        found = self.held_without(record, manifest.batch_id)
        if not found:
            return Taken()
        lines = found[1]
        taken = Taken(files=1, lines=lines)
        if lines < 0:
            taken = Taken(files=1, removed=[record.source])
        if not self.dry_run:
            manifest.files[place] = self._held_rewritten(record, manifest.batch_id, *found)
            manifest.write(self.lake)
        return taken

    def held_without(self, record: FileRecord, batch_id: str) -> tuple[bytes, int] | None:
        """Return a file in quarantine without the lines that name somebody, and how many these are.

        None when there are none; a negative number when it names somebody and is no text, so that
        all of it has to go.
        """
        name = self.held_name(record, batch_id)
        if name is None:
            return None
        path = paths.quarantined(batch_id, name)
        data = self.lake.read_bytes(path)
        entity, declaration = self.declared(record)
        if containers.format_of(name) in ("parquet", "xlsx") or name.lower().endswith(
            (".gz", ".zip")
        ):
            plain = b"\n".join(plain_pieces(name, data))
            is_named = self._is_named(entity, declaration, [])
            return (b"", -1) if is_named(plain.decode(errors="ignore")) else None
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
        encoding = "utf-8" if _is_utf8(data) else encoding
        lines = data.decode(encoding, errors="replace").splitlines(keepends=True)
        header = lines[0].strip() if lines else ""
        names = [part.strip(' "\ufeff') for part in forgotten.SEPARATORS.split(header)]
        is_dropped = self._is_named(entity, declaration, names)
        kept = [line for line in lines if not is_dropped(line)]
        if len(kept) == len(lines):
            return None
        return "".join(kept).encode(encoding, errors="replace"), len(lines) - len(kept)

    def _held_rewritten(
        self, record: FileRecord, batch_id: str, data: bytes, lines: int
    ) -> FileRecord:
        note = {"at": utc_now(), "why": self.why, "lines": max(lines, 0)}
        name = self.held_name(record, batch_id)
        assert name
        path = paths.quarantined(batch_id, name)
        if lines < 0:
            self.lake.delete(path)
            self.lake.delete(paths.quarantine_reason(batch_id, name))
            return replace(record, outcome="dropped", rewritten=[*record.rewritten, note])
        self.lake.write_bytes(path, data)
        return replace(record, rewritten=[*record.rewritten, note])

    def held_name(self, record: FileRecord, batch_id: str) -> str | None:
        """Return the name of a file in quarantine there; None when it is not there any more."""
        ending = paths.quarantine_reason("", "").rpartition("/")[2]
        for path in self.lake.list(paths.quarantined(batch_id, "").rstrip("/")):
            name = path.rpartition("/")[2]
            if not name.endswith(ending):
                continue
            held = name.removesuffix(ending)
            try:
                note = from_json(self.lake.read_bytes(path))
                is_its = note["source"] == record.source and note["sha256"] == record.sha256
            except (ValueError, KeyError, TypeError):
                is_its = held == record.name
            if is_its and self.lake.exists(paths.quarantined(batch_id, held)):
                return held
        return None

    # Notes that tell of files

    def forget_notes(self, files: Iterable[str]) -> int:
        """Take the person's values out of notes of the lake; return how many had any."""
        changed = 0
        for path in files:
            content = self.lake.read_bytes(path)
            without = without_texts(content, self.person.texts)
            if without != content:
                self.lake.write_bytes(path, without)
                changed += 1
        return changed


def kept_headers(entity: Entity, declaration: Declaration) -> frozenset[str]:
    """Return the headers, as they are compared, of what stays of a purchase without its customer.

    They are those that the contract's other columns come from, and what orders and groups rows.
    """
    wanted: list[str] = []
    personal: list[str] = []
    for column in entity.columns:
        if column in declaration.expressions:
            headers = [each.column for each in references(declaration.expressions[column])]
        else:
            headers = list(declaration.columns.get(column, (column,)))
        (personal if column in entity.identifies else wanted).extend(headers)
    wanted += [declaration.order_by] if declaration.order_by else []
    for group, filled in declaration.fill_down.items():
        wanted += [group, *(name for name in filled if name in wanted)]
    return frozenset(map(normalised, wanted)) - frozenset(map(normalised, personal))


def without_texts(content: bytes, texts: Iterable[str]) -> bytes:
    """Return a text file's content with other words in the place of these, in JSON as well."""
    for text in texts:
        if len(text) < _SHORTEST:
            continue
        for spelled in spellings(text):
            content = content.replace(spelled, FORGOTTEN_TEXT.encode())
    return content


def spellings(text: str) -> list[bytes]:
    """Return how a text can stand in a file that is UTF-8: as it is, and as JSON escapes it."""
    escaped = [json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)]
    return list(dict.fromkeys(each.encode() for each in (text, *escaped)))


def plain_pieces(name: str, data: bytes) -> Iterator[bytes]:
    """Yield what a file says, as it is and unpacked: a page's data, the values of Parquet."""
    yield data
    lower = name.lower()
    try:
        if lower.endswith((".gz", ".zip")):
            with containers.unpacked(name, io.BytesIO(data)) as (inner, stream):
                yield from plain_pieces(inner, stream.read())
        elif lower.endswith(".html"):
            for packed in _PACKED_IN_PAGE.findall(data):
                yield gzip.decompress(base64.b64decode(packed))
        elif lower.endswith(".xlsx"):
            yield from containers.members(data)
        elif lower.endswith(".parquet"):
            for batch in pq.ParquetFile(io.BytesIO(data)).iter_batches():
                values = json.dumps(batch.to_pylist(), ensure_ascii=False, default=str)
                yield values.encode(errors="replace")
    except Exception as error:  # it is in quarantine for that
        log.info("%s could not be looked into: %s", name, error)


def _texts(name: str, raw: Any, declaration: Declaration) -> Iterator[bytes]:
    """Yield what a landed file says in UTF-8, in pieces that overlap."""
    with containers.unpacked(name, raw) as (inner, stream):
        if containers.format_of(inner) in ("parquet", "xlsx"):
            yield from plain_pieces(inner, stream.read())
            return
        _, _, blocks = dialect.decoded(stream, declaration)
        rest = b""
        for block in blocks:
            yield rest + block
            rest = block[-_OVERLAP:]


def _notes(lake: Lake) -> Iterator[str]:
    """Yield the files of bronze that tell of files: manifests, reasons, cursors, the index."""
    for folder in (paths.MANIFESTS, paths.STATE, paths.QUARANTINE):
        for path in lake.list(folder):
            if path.endswith(_TEXTS) and (
                folder != paths.QUARANTINE or path.endswith(".reason.json")
            ):
                yield path


def _counted(changes: Changes | None, lines: int) -> Taken:
    if not changes:
        return Taken()
    return Taken(files=1, dropped=len(changes.drop), redacted=len(changes.redact), lines=lines)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
