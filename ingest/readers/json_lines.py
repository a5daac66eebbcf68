"""JSON lines: one record in each."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import simplejson

from ingest import dialect
from ingest.declarations import Declaration
from ingest.headers import find_header, normalised
from ingest.readers.consumer import Consumer
from ingest.structure import MAX_TEXT, Malformed
from lake.errors import UnreadableError

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can say and no encoding can write."""

_PARSED_BYTES = 8 << 20  # of records at a time
_LONGEST_LINE = 64 << 20


class _Number(str):
    """A number as it was written."""


def _fraction(text: str) -> str:
    """Return a number with a fraction of zeros only as the whole number that it is."""
    return _Number(re.sub(r"\.0+\Z", "", text))


_parse_json = json.JSONDecoder(parse_float=_fraction, parse_int=_Number, parse_constant=str).decode


def read_jsonl(stream: BinaryIO, declaration: Declaration, consumer: Consumer) -> dict[str, Any]:
    """Read the records of all lines; return how they are written, and `warnings`."""
    encoding, begin, blocks = dialect.decoded(stream, declaration)
    asked = [header for headers in declaration.columns.values() for header in headers]
    asked += [declaration.order_by] if declaration.order_by else []
    asked += declaration.extra.values()
    paths = {header: header.split(".") for header in asked if "." in header}
    records: list[dict[str, Any]] = []
    size, any_record = 0, False
    for number, line in enumerate(lines_of(blocks), 1):
        if not line.strip():
            continue
        record, problem = parsed(line)
        if record is None:
            if not any_record and line.lstrip()[:1] != b"{":
                raise UnreadableError(
                    "it isn't JSON lines, which have one record between braces in each line"
                )
            text = line[:MAX_TEXT].decode(errors="ignore").rstrip("\r\n")
            consumer.malformed(Malformed(number, text, problem))
            continue
        any_record = True
        records.append(_flat(record, paths))
        size += len(line)
        if size >= _PARSED_BYTES:
            consumer.rows(_json_table(records, consumer))
            records, size = [], 0
    if records:
        consumer.rows(_json_table(records, consumer))
    return {"encoding": encoding, "warnings": dialect.doubts(encoding, begin)}


def parsed(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the record of a line, else None and what is wrong with the line."""
    try:
        record = _parse_json(line.decode())
    except (ValueError, RecursionError) as error:
        return None, f"it isn't valid JSON ({error})"
    return (record, "") if isinstance(record, dict) else (None, "it isn't a JSON object")


def lines_of(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; raise UnreadableError for one that is too long to hold."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        *whole, rest = block.split(b"\n")
        for line in whole:
            yield b"".join([*parts, line])
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _LONGEST_LINE:
            raise UnreadableError(f"it has a line of more than {_LONGEST_LINE >> 20} MiB")
    if size:
        yield b"".join(parts)


def _flat(record: dict[str, Any], paths: dict[str, list[str]]) -> dict[str, Any]:
    for header, steps in paths.items():
        value: Any = record
        for step in steps:
            value = _inner(value, step) if isinstance(value, dict) else None
        record.setdefault(header, value)
    return record


def _inner(record: dict[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    names = list(record)
    place = find_header(names, name)
    return None if place is None else record[names[place]]


def _json_table(records: list[dict[str, Any]], consumer: Consumer) -> pa.Table:
    """Return records as a table; fields that differ in their spelling only are one column."""
    names = dict.fromkeys(name for record in records for name in record)
    spellings: dict[str, list[str]] = {}
    for name in names:
        if consumer.needs(name):
            spellings.setdefault(normalised(name), []).append(name)
    columns = {}
    for name, *others in spellings.values():
        values = [record.get(name) for record in records]
        for other in others:
            values = [
                record.get(other) if value is None else value
                for value, record in zip(values, records, strict=True)
            ]
        columns[name] = pa.array(map(_json_text, values), pa.string())
    return pa.table(columns or {"": pa.nulls(len(records), pa.string())})


def _json_text(value: Any) -> str | None:
    if value is None or type(value) is _Number:
        return value
    if isinstance(value, str):
        return value if value.isascii() else LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return LONE_SURROGATE.sub("\ufffd", simplejson.dumps(_as_sent(value), ensure_ascii=False))


def _as_sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_sent(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    return simplejson.RawJSON(value) if type(value) is _Number else value
