"""How a text file is written, by its bytes: its encoding, its separator, where its header is.

Nothing here is guessed from values: a mark, a `sep=` line, and the names that the contract needs
decide. What stays unclear is refused with the key of the declaration that settles it.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from ingest.containers import check_content
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import HeaderMatch, match_header
from ingest.structure import BLOCK, checked_utf8
from lake.errors import UnreadableError

SEPARATORS = (",", ";", "\t", "|")
TITLE_LINES = 50
"""How far down a header is looked for to tell where it is."""

_HEAD = 1 << 20  # bytes in which the header, with whatever is above it, has to be
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEP_LINE = re.compile(rb'"?sep=([^"\r\n]|\\t)"?[^\S\r\n]*(?=[\r\n]|\Z)', re.I)
_ANY_LINE_END = re.compile(rb"\r\n?|\n")
_BLANK_LINES = re.compile(rb"(?:[ \t]*+(?:\r\n?|\n))*+")
_TEXT_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+\Z")


@dataclass(frozen=True)
class Dialect:
    """How a text file is written. `skipped` lines stand above the header."""

    encoding: str
    separator: str
    line_end: str
    skipped: int


# Encoding


def decoded(stream: BinaryIO, declaration: Declaration) -> tuple[str, bytes, Iterator[bytes]]:
    """Return a text file's encoding, its first MiB in UTF-8, and all of it in blocks of UTF-8.

    A mark at the file's beginning decides on the encoding, else the declaration, else it is UTF-8.
    """
    head = stream.read(BLOCK)
    check_content(head)
    mark, encoding = next(
        ((mark, encoding) for mark, encoding in _MARKS if head.startswith(mark)),
        (b"", declaration.encoding or "utf-8"),
    )
    order = None if mark or declaration.encoding else _utf_16_order(head[:2048])
    if order:
        raise UnreadableError(
            "it looks like UTF-16 text without the mark that says so. Save it as UTF-8, or "
            f"declare `encoding: {order}`"
        )
    blocks = _chained(head[len(mark) :], stream)
    if codecs.lookup(encoding).name in ("utf-8", "ascii"):
        text = _utf8(blocks, declared=bool(declaration.encoding))
    else:
        text = _transcoded(blocks, encoding)
    begin = b""
    for block in text:
        begin += block
        if len(begin) >= _HEAD:
            break
    while begin.startswith(codecs.BOM_UTF8):  # a program put its mark before another's
        begin = begin.removeprefix(codecs.BOM_UTF8)
    return encoding, begin, _after(begin, text)


def _utf_16_order(sample: bytes) -> str | None:
    """Return which UTF-16 it is where every second byte is zero, as in Latin letters; else None."""
    zeros = {"utf-16-be": sample[0::2].count(0), "utf-16-le": sample[1::2].count(0)}
    rare, common = sorted(zeros, key=lambda order: zeros[order])
    many = zeros[common] > len(sample) // 4
    return common if many and zeros[rare] * 4 < zeros[common] else None


def doubts(encoding: str, begin: bytes) -> list[str]:
    """Return a warning where a text that was read in an encoding is UTF-8 by all appearances.

    `begin` is its beginning, in UTF-8 by now.
    """
    if begin.isascii() or codecs.lookup(encoding).name.startswith("utf"):
        return []
    try:
        received = begin.decode().encode(encoding)
        codecs.getincrementaldecoder("utf-8")().decode(received)
    except UnicodeError:
        return []
    if received.isascii():  # as ISO 2022 writes everything
        return []
    return [
        f"it was read as {encoding}, as declared, and seems to be UTF-8: look whether its letters "
        "are right. All files of an entity have one encoding."
    ]


def _chained(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    if head:
        yield head
    while block := stream.read(BLOCK):
        yield block


def _after(begin: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield begin
    yield from rest


def _utf8(blocks: Iterable[bytes], declared: bool) -> Iterator[bytes]:
    try:
        yield from checked_utf8(blocks)
    except UnreadableError as error:
        hint = (
            ""
            if declared
            else (
                ". Save it as UTF-8 (in Excel: CSV UTF-8), or declare its `encoding`, such as "
                "windows-1252"
            )
        )
        raise UnreadableError(f"{error}{hint}") from None


def _transcoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for block in blocks:
            text = decoder.decode(block)
            line += text.count("\n")
            yield text.encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise UnreadableError(
            f"it isn't {encoding} text (after line {line}: {error.args[-1]}). Declare the right "
            "`encoding`"
        ) from error


# CSV


def csv_dialect(
    entity: Entity, declaration: Declaration, encoding: str, begin: bytes
) -> tuple[Dialect, int]:
    """Return how a CSV file is written, and the place of its header in its first MiB of UTF-8.

    Raises UnreadableError when no header with the columns that are needed is at the beginning.
    """
    if not begin.strip(b"\0 \t\r\n"):
        raise UnreadableError(
            "it is empty, not even a header line" if begin else "it is empty (zero bytes)"
        )
    position, skipped = _skip_blank(begin, *_skip_lines(begin, declaration.skip_lines or 0))
    declared = declaration.delimiter
    if sep_line := _SEP_LINE.match(begin, position):
        declared = declared or sep_line[1].decode().replace("\\t", "\t")
        end = _ANY_LINE_END.match(begin, sep_line.end())
        position, skipped = _skip_blank(begin, end.end() if end else len(begin), skipped + 1)
    separators = (declared,) if declared else SEPARATORS
    separator, match = _best(entity, declaration, begin, position, separators)
    if match.problem:
        _look_below(entity, declaration, begin, position, skipped, separators)
        _look_above(entity, declaration, begin, position, separators)
        if re.match(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])", begin[position:]):
            raise UnreadableError("it is JSON. Save it with one record a line, named .jsonl")
        raise UnreadableError(match.problem)
    return Dialect(encoding, separator, _line_end(begin, position), skipped), position


def _skip_lines(begin: bytes, count: int) -> tuple[int, int]:
    position = 0
    for _ in range(count):
        end = _ANY_LINE_END.search(begin, position)
        if not end:
            raise UnreadableError(f"it has no more than the {count} lines that `skip_lines` skips")
        position = end.end()
    return position, count


def _skip_blank(begin: bytes, position: int, skipped: int) -> tuple[int, int]:
    """Go on behind lines with nothing but blanks."""
    blank = cast(re.Match[bytes], _BLANK_LINES.match(begin, position))
    return blank.end(), skipped + len(_ANY_LINE_END.findall(blank[0]))


def _best(
    entity: Entity,
    declaration: Declaration,
    begin: bytes,
    position: int,
    separators: Iterable[str],
) -> tuple[str, HeaderMatch]:
    """Return the separator with which the header has most of the needed columns."""
    found = [
        (separator, match_header(entity, declaration, _first_record(begin, position, separator)))
        for separator in separators
    ]
    return max(found, key=lambda each: (each[1].problem is None, len(each[1].places)))


def _first_record(begin: bytes, position: int, separator: str) -> list[str]:
    # Line by line: hardly more of it than a line is wanted.
    found = (match[0] for match in _TEXT_LINE.finditer(begin, position))
    lines = (line.decode(errors="ignore").replace("\0", "") for line in found)
    try:
        return next((row for row in csv.reader(lines, delimiter=separator) if row), [])
    except csv.Error:
        return []


def _look_below(
    entity: Entity,
    declaration: Declaration,
    begin: bytes,
    position: int,
    skipped: int,
    separators: Iterable[str],
) -> None:
    """Raise UnreadableError when the header stands further below, with title lines above it."""
    for line in range(1, TITLE_LINES):
        end = _ANY_LINE_END.search(begin, position)
        if not end:
            return
        position = end.end()
        if _ANY_LINE_END.match(begin, position):
            continue
        _, match = _best(entity, declaration, begin, position, separators)
        if match.problem is None:
            above = skipped + line
            raise UnreadableError(
                f"its header is in line {above + 1}, below {above} "
                f"{'line' if above == 1 else 'lines'} of title. Remove what is above it, or "
                f"declare `skip_lines: {above}` {declaration.place(entity.name)}"
            )


def _look_above(
    entity: Entity,
    declaration: Declaration,
    begin: bytes,
    position: int,
    separators: Iterable[str],
) -> None:
    """Raise UnreadableError when the header is in a line that is skipped."""
    lines = [0, *(end.end() for end in _ANY_LINE_END.finditer(begin[:position]))]
    for line, start in enumerate(lines[: declaration.skip_lines or 0], 1):
        if _best(entity, declaration, begin, start, separators)[1].problem is None:
            raise UnreadableError(
                f"its header is in line {line}, which `skip_lines: {declaration.skip_lines}` "
                f"{declaration.place(entity.name)} skips. That key holds for all files of "
                f"{entity.name}: bring them into the same form"
            )


def _line_end(begin: bytes, position: int) -> str:
    """Return the line end of the header: LF, CRLF, CR, or CRCRLF as some programs write it.

    These may write it in the rows only, where the header came from another hand.
    """
    quoted = False
    found: list[str] = []
    while blank := _ANY_LINE_END.match(begin, position):
        position = blank.end()
    for match in re.finditer(rb'"|\r\r\n|\r\n|\r|\n', begin[position:]):
        if match[0] == b'"':
            quoted = not quoted
        elif not quoted:
            found.append({b"\n": "LF", b"\r\n": "CRLF", b"\r": "CR"}.get(match[0], "CRCRLF"))
            if len(found) == 2:  # the header's, and that of the first row
                break
    return "CRCRLF" if "CRCRLF" in found else next(iter(found), "LF")


_SWAPPED = bytes.maketrans(b"\r\n", b"\n\r")


def with_line_feeds(blocks: Iterable[bytes], line_end: str) -> Iterator[bytes]:
    """Yield blocks whose records end with LF or CRLF.

    In a CR file both characters change their places, in quoted values too: the reader puts
    these right.
    """
    if line_end == "CR":
        yield from map(swapped, blocks)
    elif line_end == "CRCRLF":
        rest = b""
        for block in blocks:
            data = (rest + block).replace(b"\r\r\n", b"\r\n")
            kept = len(data.rstrip(b"\r"))
            rest = data[kept:]
            yield data[:kept]
        yield rest
    else:
        yield from blocks


def swapped(data: bytes) -> bytes:
    """Return text with carriage returns and line feeds in each other's places."""
    return data.translate(_SWAPPED)
