"""What lands from a file: rows of text and lines set aside; or the file is quarantined."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .reference_contract import ENTITIES, Entity, Row, entity_for_file

RawRow = dict[str, str | None]

LONGEST_RECORD = 1024 * 1024  # bytes, its line end not counted
TRIMMED = " \t\r\n\u00a0"


@dataclass(frozen=True)
class InputFile:
    """A file to land: CSV (also .gz) by its name, or JSON lines of API records of an entity."""

    path: Path
    entity: str | None = None  # None: by the file's name
    source_file: str | None = None  # its name in bronze; None: the same


@dataclass(frozen=True)
class Batch:
    """The files that land together."""

    batch_id: str
    files: Sequence[InputFile]

    @staticmethod
    def of_folder(batch_id: str, folder: Path) -> Batch:
        """Make a batch of the files in a folder whose name belongs to an entity."""
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return Batch(batch_id, [InputFile(path) for path in files if entity_for_file(path.name)])


@dataclass
class LandedFile:
    """A file in bronze: its good rows by the contract's names and the lines set aside."""

    entity: Entity
    source_file: str
    batch_id: str
    rows: list[RawRow]
    malformed: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that did not land, and why."""

    batch_id: str
    source: str
    reason: str


class Unusable(Exception):
    """The file as a whole breaks the contract."""


def land(batches: Sequence[Batch]) -> tuple[list[LandedFile], list[QuarantinedFile]]:
    """Land the batches in the order of their ids; a CSV file's bytes land once for an entity."""
    landed: list[LandedFile] = []
    quarantined: list[QuarantinedFile] = []
    known: set[tuple[str, str]] = set()
    for batch in sorted(batches, key=lambda batch: batch.batch_id):
        for file in batch.files:
            entity = ENTITIES[file.entity] if file.entity else entity_for_file(file.path.name)
            if entity is None:
                continue
            name = file.source_file or file.path.name
            content = file.path.read_bytes()
            is_json = file.path.name.lower().endswith(".jsonl")
            identity = (entity.name, hashlib.sha256(content).hexdigest())
            if not is_json and identity in known:
                continue
            malformed: list[Row] = []
            try:
                if is_json:
                    rows = _json_rows(entity, content)
                else:
                    rows, malformed = _csv_rows(entity, _decompressed(file.path, content))
            except Unusable as error:
                quarantined.append(QuarantinedFile(batch.batch_id, file.path.name, str(error)))
                continue
            known.add(identity)
            landed.append(LandedFile(entity, name, batch.batch_id, rows, malformed))
    return landed, quarantined


def _decompressed(path: Path, content: bytes) -> bytes:
    if not path.name.lower().endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Unusable("unreadable gzip") from error


# --- CSV ---------------------------------------------------------------------------------------

_QUOTED = re.compile(rb'"([^"]*+(?:""[^"]*+)*+)"')
_PLAIN = re.compile(rb"[^,\r\n]*+")


def _record(content: bytes, start: int) -> tuple[list[str], int] | None:
    """Read the record at `start`: its fields and where the next begins; None if unplaceable."""
    end = min(len(content), start + LONGEST_RECORD + 1)  # one more byte tells that it is too long
    fields: list[str] = []
    at = start
    while True:
        if quoted := _QUOTED.match(content, at, end):
            fields.append(quoted[1].replace(b'""', b'"').decode())
            at = quoted.end()
        elif content.startswith(b'"', at):
            return None  # never closed
        else:
            plain = _PLAIN.match(content, at, end)
            assert plain is not None
            if plain.end() - start > LONGEST_RECORD:
                return None
            fields.append(plain[0].decode())
            at = plain.end()
        if at - start > LONGEST_RECORD:
            return None
        if at == len(content):
            return fields, at
        if content.startswith(b"\n", at):
            return fields, at + 1
        if content.startswith(b"\r\n", at):
            return fields, at + 2
        if not content.startswith(b",", at):
            return None  # text after a closing quote, or a bare CR
        at += 1


def _csv_rows(entity: Entity, content: bytes) -> tuple[list[RawRow], list[Row]]:
    if not content:
        raise Unusable("zero bytes")
    if b"\0" in content:
        raise Unusable("NUL byte")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unusable("not UTF-8") from error
    content = content.removeprefix(b"\xef\xbb\xbf")

    header: list[str] | None = None
    positions: list[tuple[str, int]] = []
    rows: list[RawRow] = []
    malformed: list[Row] = []
    at, number = 0, 1  # number: of the physical line at `at`
    while at < len(content):
        line_feed = content.find(b"\n", at)
        next_line = len(content) if line_feed < 0 else line_feed + 1
        if content[at:next_line] in (b"\n", b"\r\n", b"\r"):  # a blank line is no row
            at, number = next_line, number + 1
            continue
        record = _record(content, at)
        if header is None:
            if record is None:
                raise Unusable("unreadable header")
            header = record[0]
            positions = _positions(entity, header)
        elif record is None or len(record[0]) != len(header):
            text = content[at:next_line].decode().removesuffix("\n").removesuffix("\r")
            malformed.append({"number": number, "text": text})
            at, number = next_line, number + 1
            continue
        else:
            rows.append({source: record[0][position] for source, position in positions})
        number += content.count(b"\n", at, record[1])
        at = record[1]
    if header is None:
        raise Unusable("no header")
    return rows, malformed


def _positions(entity: Entity, header: list[str]) -> list[tuple[str, int]]:
    """Find the contract's columns in a header: by name, in any case, in any order."""
    names = [name.strip(TRIMMED).lower() for name in header]
    if duplicates := [name for name, count in Counter(names).items() if count > 1]:
        raise Unusable(f"duplicate column: {', '.join(duplicates)}")
    sources = [column.source for column in entity.columns]
    if missing := [source for source in sources if source.lower() not in names]:
        raise Unusable(f"missing column: {', '.join(missing)}")
    return [(source, names.index(source.lower())) for source in sources]


# --- JSON lines --------------------------------------------------------------------------------


def _json_rows(entity: Entity, content: bytes) -> list[RawRow]:
    rows: list[RawRow] = []
    for line in content.decode("utf-8").split("\n"):
        if line.strip():
            # Numbers stay as they are written: 12.50 is the text "12.50".
            record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
            values = {name.lower(): _json_text(value) for name, value in record.items()}
            rows.append({c.source: values.get(c.source.lower()) for c in entity.columns})
    return rows


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
