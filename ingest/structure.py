"""The structural check of a CSV file: one pass, in blocks, whatever the size of the file.

CSV here is RFC 4180 in UTF-8 with commas and double quotes. A file is checked in three gears:

1. `_Checker._proven`: numpy over a whole block. Where every quote stands beside a separator (or
   beside its twin), the parity of quotes tells which commas and line ends separate; when they
   come in the header's rhythm, the block is clean.
2. `_Checker._sort_out`: the quotes are in order, but some record has a wrong number of fields, a
   blank line or another line end. Still numpy, record by record only for what is set aside.
3. `_Checker._read_slowly`: a regular expression, one record at a time, where a quote is out of
   place.

A clean file needs nothing else. From the first deviation on, a second copy is written that every
engine reads the same way: malformed lines are left out, and so are blank lines; line ends are
made those of the header; and a field with quotes that readers disagree about (`5" pipe`,
`"x" ,`) is quoted properly, its value unchanged.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_RECORD = 1 << 20
"""Longest record in bytes, its line end included; engines have a limit too."""

_WINDOW = 1 << 18  # No larger than MAX_RECORD: so no record that fits in it can be too long.
BLOCK = _WINDOW - (1 << 14)
"""Best size of the blocks to check: with the rest of the block before, a window is full."""

_SMALL_WINDOW = 1 << 15
_MAX_TEXT = 1 << 16
_COMMA, _QUOTE, _LF, _CR = b',"\n\r'
_BOM = b"\xef\xbb\xbf"

_QUOTED = rb'"(?:[^"]++|"")*+"'
_FIELD = rb'(?:%b *+|[^",\r\n][^,\r\n]*+|)' % _QUOTED
_STRICT_FIELD = rb'(?:%b|[^",\r\n]*+)' % _QUOTED
_HEADER = re.compile(rb"(?:%b,)*+%b" % (_FIELD, _FIELD))
_SPLIT = re.compile(rb"(%b)," % _FIELD)
_MISLEADING = re.compile(rb'[,\r\n]|""')
_QUOTED_VALUE = re.compile(_QUOTED + rb" *+")
_PLAIN_VALUE = re.compile(rb"[^,\r\n]*+")
_LINE_END = re.compile(rb"\r?\n")


class Malformed(NamedTuple):
    """A physical line that is no part of a record: where it is, what it says, what is wrong."""

    number: int
    text: str
    error: str


class NotCsvError(Exception):
    """The file as a whole can't be read; `str()` says why, for its user."""


class Sink(Protocol):
    """What the check tells about a file while it reads it."""

    def header(self, names: list[str]) -> None:
        """Take the column names; an exception from here ends the check."""

    def rewrite(self, length: int) -> BinaryIO:
        """Start the second copy: write the content's first `length` bytes and hand it over."""

    def malformed(self, line: Malformed) -> None:
        """Take a line that was set aside."""


@dataclass
class Structure:
    """What the check found."""

    header: list[str] = field(default_factory=list)
    rows: int = 0
    malformed_rows: int = 0
    longest_record: int = 0
    rewritten: bool = False
    parallel_safe: bool = True


def check_csv(blocks: Iterable[bytes], sink: Sink) -> Structure:
    """Check a CSV file that arrives in blocks of bytes.

    Raises NotCsvError when the file is no CSV file at all, whatever its lines.
    """
    checker, text, rest = _Checker(sink), _TextCheck(), b""
    for block in blocks:
        text.feed(block)
        rest += block
        rest = rest[checker.feed(rest, final=False) :]
    text.finish()
    checker.feed(rest, final=True)
    return checker.result


class _TextCheck:
    """Refuses what isn't UTF-8 text, and says where."""

    def __init__(self) -> None:
        self._offset = 0
        self._line = 1
        self._rest = b""

    def feed(self, block: bytes) -> None:
        if self._offset == 0 and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise NotCsvError("it is UTF-16 text; save it as UTF-8")
        if 0 in block:
            raise self._refusal("it holds a NUL byte, so it isn't text", block.index(0), block)
        if self._rest or not block.isascii():
            data = self._rest + block
            try:
                data.decode()
                self._rest = b""
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":
                    at = max(error.start - len(self._rest), 0)
                    raise self._refusal("it isn't UTF-8 text", at, block) from None
                self._rest = data[error.start :]
        self._offset += len(block)
        self._line += block.count(b"\n")

    def finish(self) -> None:
        if self._offset == 0:
            raise NotCsvError("it is empty (zero bytes), not even a header line")
        if self._rest:
            raise self._refusal("it isn't UTF-8 text: it ends inside a character", 0, b"")

    def _refusal(self, what: str, at: int, block: bytes) -> NotCsvError:
        line = self._line + block.count(b"\n", 0, at)
        return NotCsvError(f"{what} (line {line}, byte {self._offset + at}); save it as UTF-8")


class _Checker:
    """Reads the blocks; its position is always the start of a record."""

    def __init__(self, sink: Sink) -> None:
        self.result = Structure()
        self._sink = sink
        self._second_copy: BinaryIO | None = None
        self._offset = 0  # of the buffer's first byte in the content
        self._line = 1  # physical line number of the position
        self._width = 0  # fields of a record, known from the header on
        self._crlf = False  # the header's line end
        self._skipping: tuple[bytes, str] | None = None  # a line too long to be held, its problem
        self._window = _WINDOW
        self._slow_bytes = 0  # how far to go slowly before trying a whole window again

    def feed(self, buffer: bytes, *, final: bool) -> int:
        """Check what can be decided of the buffer; return how many of its bytes that is."""
        position = 0
        if not self._width:
            position = self._read_header(buffer, final)
        while self._width and position < len(buffer):
            following = self._step(buffer, position, final)
            if following is None:
                break
            position = following
        if final and self._skipping:
            self._set_aside(self._line, *self._skipping)
        self._offset += position
        return position

    def _step(self, buffer: bytes, position: int, final: bool) -> int | None:
        """Go on by some records; None when that takes more of the file."""
        if self._skipping:
            return self._skip_line(buffer, position)
        end = min(position + self._window, len(buffer))
        used, defect = self._proven(buffer, position, end)
        position += used
        if used and not defect:
            self._window = min(self._window * 4, _WINDOW)
            self._slow_bytes = 0
            return position
        if not defect and self._window < _WINDOW and end < len(buffer):
            self._window = min(self._window * 4, _WINDOW)
            return position
        if not final and len(buffer) - position <= MAX_RECORD:
            return position if used else None
        # Where defects are dense, a window proves next to nothing: read slowly for longer.
        self._slow_bytes = min(max(self._slow_bytes * 2, 1024), _WINDOW) if used < 4096 else 0
        self._window = _SMALL_WINDOW
        stop = min(position + self._slow_bytes, len(buffer) if final else len(buffer) - MAX_RECORD)
        position = self._read_slowly(buffer, position, final)
        while position < stop and not self._skipping:
            position = self._read_slowly(buffer, position, final)
        return position

    # The header

    def _read_header(self, buffer: bytes, final: bool) -> int:
        position = len(_BOM) if self._offset == 0 and buffer.startswith(_BOM) else 0
        while blank := _LINE_END.match(buffer, position):
            self._deviate(position)
            position = blank.end()
            self._line += 1
        if not final and len(buffer) - position <= MAX_RECORD:
            return position
        match = _HEADER.match(buffer, position, position + MAX_RECORD)
        assert match  # it matches an empty header too
        if not match[0]:
            raise NotCsvError("it has no header line")
        line_end = _LINE_END.match(buffer, match.end())
        if not line_end and match.end() < len(buffer):
            raise NotCsvError(
                f"its header can't be read: {self._diagnose(buffer, position, final)}"
            )
        self._crlf = bool(line_end and line_end[0] == b"\r\n")
        fields = _split(match[0])
        self._width = len(fields)
        self.result.header = [
            _value(raw).decode().strip() or f"unnamed_{number}"
            for number, raw in enumerate(fields, 1)
        ]
        self._sink.header(self.result.header)
        repeat = b"{%d}" % (self._width - 1)
        strict = rb"(?:%b,)%b%b" % (_STRICT_FIELD, repeat, _STRICT_FIELD)
        record = rb"(?:%b,)%b%b" % (_FIELD, repeat, _FIELD)
        self._strict = re.compile(strict + (rb"(?:\r\n)?" if self._crlf else rb"\n?"))
        self._record = re.compile(record + rb"\r?\n")
        self._last_record = re.compile(record + rb"\Z")
        end = line_end.end() if line_end else len(buffer)
        self._keep_or_repair(buffer, position, end)
        self._line += buffer.count(b"\n", position, end)
        return end

    # First gear: whole blocks

    def _proven(self, buffer: bytes, start: int, end: int) -> tuple[int, bool]:
        """Check a window from a record's start on.

        Returns how many bytes of it are dealt with, always whole records, and whether the record
        after them needs the slow reader.
        """
        window = np.frombuffer(buffer, np.uint8, end - start, start)
        is_special = window == _LF
        is_special |= window == _COMMA
        quoted = buffer.find(b'"', start, end) >= 0
        if quoted:
            is_special |= window == _QUOTE
        at = np.flatnonzero(is_special)
        kind = window[at]
        separators, kinds = at, kind
        limit, quotes = len(window), at[:0]
        if quoted:
            is_quote = kind == _QUOTE
            places = np.flatnonzero(is_quote)
            quotes = at[places]
            limit = self._first_defect(window, quotes)
            if len(places) % 2:  # the window ends inside of quotes: what they hold comes later
                at, kind = at[: places[-1]], kind[: places[-1]]
                is_quote, places, quotes = is_quote[: places[-1]], places[:-1], quotes[:-1]
            outside = ~is_quote
            if (places[1::2] - places[0::2] > 1).any():  # separators inside of quotes
                outside &= np.cumsum(is_quote, dtype=np.uint8) & 1 == 0
            outside = np.flatnonzero(outside)
            separators, kinds = at[outside], kind[outside]
        is_end = kinds == _LF
        ends = np.flatnonzero(is_end)
        if limit < len(window):
            ends = ends[: np.searchsorted(separators[ends], limit)]
        defect = limit < len(window)
        if not len(ends):
            return 0, defect
        last = int(ends[-1])
        used = int(separators[last]) + 1
        if quoted and self.result.parallel_safe:
            # A separator inside of quotes, or an escaped quote.
            inner = int(np.searchsorted(at, used)) - (last + 1)
            before_use = quotes[: np.searchsorted(quotes, used)]
            self.result.parallel_safe = inner == len(before_use) and not _has_twins(before_use)
        in_rhythm = (
            self._width > 1
            and len(ends) * self._width == last + 1
            and bool(is_end[self._width - 1 : last + 1 : self._width].all())
        )
        if in_rhythm and self._line_ends_agree(buffer, start, window, separators[ends], used):
            self.result.rows += len(ends)
            self._measure(int(np.diff(separators[ends], prepend=-1).max()))
            self._keep(memoryview(buffer)[start : start + used])
            if quoted:
                self._line += int(np.count_nonzero(kind[: np.searchsorted(at, used)] == _LF))
            else:
                self._line += len(ends)
            return used, defect
        commas = np.diff(ends, prepend=-1) - 1
        lines = at[kind == _LF] if quoted else separators[ends]
        return self._sort_out(buffer, start, separators[ends], commas, quotes, lines, defect)

    @staticmethod
    def _first_defect(window: NDArray[np.uint8], quotes: NDArray[np.intp]) -> int:
        """Return where the first quote stands that is neither beside a separator nor a twin."""
        limit = len(window)
        opening, closing = quotes[0::2], quotes[1::2]
        before = window[opening - 1]
        if opening[0] == 0:
            before[0] = _LF
        bad = (before != _COMMA) & (before != _LF) & (before != _QUOTE)
        if bad.any():
            limit = int(opening[bad.argmax()])
        # What follows the window's last bytes is in the next one, and so is their record's end.
        closing = closing[: np.searchsorted(closing, len(window) - 2)]
        after = window[closing + 1]
        bad = (after != _COMMA) & (after != _LF) & (after != _QUOTE)
        if bad.any():
            suspects = closing[bad]
            bad = (window[suspects + 1] != _CR) | (window[suspects + 2] != _LF)
            if bad.any():
                limit = min(limit, int(suspects[bad.argmax()]))
        return limit

    def _line_ends_agree(
        self,
        buffer: bytes,
        start: int,
        window: NDArray[np.uint8],
        ends: NDArray[np.intp],
        used: int,
    ) -> bool:
        """Tell whether every line end is the header's and no other CR is about."""
        if not self._crlf:
            return buffer.find(b"\r", start, start + used) < 0
        returns = int(np.count_nonzero(window[:used] == _CR))
        return returns == len(ends) and bool((window[ends - 1] == _CR).all())

    # Second gear: records of a block whose quotes are in order

    def _sort_out(
        self,
        buffer: bytes,
        start: int,
        ends: NDArray[np.intp],
        commas: NDArray[np.intp],
        quotes: NDArray[np.intp],
        lines: NDArray[np.intp],
        defect: bool,
    ) -> tuple[int, bool]:
        used = int(ends[-1]) + 1
        window = np.frombuffer(buffer, np.uint8, used, start)
        starts = np.concatenate(([0], ends[:-1] + 1))
        after_cr = (ends > starts) & (window[ends - 1] == _CR)
        blank = ends - starts == after_cr
        returns = np.flatnonzero(window == _CR)
        returns = returns[window[returns + 1] != _LF]
        in_quotes = (np.searchsorted(quotes, returns) & 1).astype(bool)
        if in_quotes.any():
            self.result.parallel_safe = False
        bare_cr = np.zeros(len(ends), bool)
        bare_cr[np.searchsorted(ends, returns[~in_quotes])] = True
        bad = ~blank & (bare_cr | (commas != self._width - 1))
        first_lines = np.searchsorted(lines, starts)
        # Of a malformed record only the first line is set aside: a longer one is read slowly.
        spread = np.flatnonzero(bad & (np.searchsorted(lines, ends) > first_lines))
        if len(spread):
            count = int(spread[0])
            if not count:
                return 0, True
            defect, used = True, int(starts[count])
            starts, ends, blank, bad = starts[:count], ends[:count], blank[:count], bad[:count]
            after_cr = after_cr[:count]
        dropped = blank | bad
        as_header = after_cr if self._crlf else ~after_cr
        self.result.rows += int(np.count_nonzero(~dropped))
        self._measure(int((ends - starts)[~dropped].max(initial=0)) + 2)  # with the longer line end
        if (as_header & ~dropped).all():
            self._keep(memoryview(buffer)[start : start + used])
        else:
            self._deviate(start)
            self._keep(self._repaired(window[:used], starts, ends, dropped, after_cr).data)
        for index in np.flatnonzero(bad):
            first, last = start + int(starts[index]), start + int(ends[index])
            number = self._line + int(first_lines[index])
            self._set_aside(number, buffer[first:last], self._diagnose(buffer, first, False))
        self._line += int(np.searchsorted(lines, used))
        return used, defect

    def _repaired(
        self,
        window: NDArray[np.uint8],
        starts: NDArray[np.intp],
        ends: NDArray[np.intp],
        dropped: NDArray[np.bool_],
        after_cr: NDArray[np.bool_],
    ) -> NDArray[np.uint8]:
        """Return the window without its dropped records, each line end as the header's."""
        kept = np.ones(len(window), bool)
        for index in np.flatnonzero(dropped):
            kept[starts[index] : ends[index] + 1] = False
        if not self._crlf:
            kept[ends[after_cr] - 1] = False
            return window[kept]
        lone = ends[~after_cr & ~dropped]
        return np.insert(window, lone, _CR)[np.insert(kept, lone, True)]

    # Third gear: one record

    def _read_slowly(self, buffer: bytes, position: int, final: bool) -> int:
        """Deal with the record at a position (or set its first line aside); return its end.

        The buffer holds more than MAX_RECORD from there on, or all that is left of the file.
        """
        blank = _LINE_END.match(buffer, position)
        if blank or (buffer[position] == _CR and position + 1 == len(buffer)):
            self._deviate(position)
            self._line += 1
            return blank.end() if blank else len(buffer)
        limit = position + MAX_RECORD
        match = self._record.match(buffer, position, limit)
        if not match and final and len(buffer) <= limit:
            match = self._last_record.match(buffer, position)
        if match:
            self._keep_or_repair(buffer, position, match.end())
            self.result.rows += 1
            self._line += match[0].count(b"\n")
            return match.end()
        self._deviate(position)
        problem = self._diagnose(buffer, position, final)
        end = buffer.find(b"\n", position)
        if end < 0 and not final:
            self._skipping = (buffer[position : position + _MAX_TEXT + 1], problem)
            return position
        if end < 0:
            end = len(buffer)
        self._set_aside(self._line, buffer[position:end], problem)
        self._line += 1
        return min(end + 1, len(buffer))

    def _skip_line(self, buffer: bytes, position: int) -> int:
        """Go to the end of a line that is too long to be held."""
        assert self._skipping
        end = buffer.find(b"\n", position)
        if end < 0:
            return len(buffer)
        self._set_aside(self._line, *self._skipping)
        self._skipping = None
        self._line += 1
        return end + 1

    def _diagnose(self, buffer: bytes, position: int, final: bool) -> str:
        """Say what is wrong with the record at a position."""
        limit = position + MAX_RECORD
        count = 0
        while True:
            count += 1
            if buffer[position : position + 1] == b'"':
                value = _QUOTED_VALUE.match(buffer, position, limit)
                if not value and (not final or len(buffer) > limit):
                    return f"the quote that opens field {count} isn't closed within 1 MiB"
                if not value:
                    return f"the quote that opens field {count} is never closed"
                if buffer[value.end() : value.end() + 1] not in (b",", b"\r", b"\n", b""):
                    return f"text after the closing quote of field {count}"
            else:
                value = _PLAIN_VALUE.match(buffer, position, limit)
                assert value
            position = value.end()
            if position >= limit:
                return "longer than 1 MiB"
            stop = buffer[position : position + 2]
            if stop[:1] == b"\r" and stop != b"\r\n":
                return "a carriage return without a line feed, outside of quotes"
            if stop[:1] != b",":
                break
            position += 1
        if count != self._width:
            fields = "1 field" if count == 1 else f"{count} fields"
            return f"{fields} where the header has {self._width}"
        return "longer than 1 MiB"

    # What goes out

    def _keep_or_repair(self, buffer: bytes, start: int, end: int) -> None:
        """Keep a record as it is, or write its fields in a way that no reader can misread."""
        record = buffer[start:end]
        content = record.removesuffix(b"\n").removesuffix(b"\r")
        if not self._strict.fullmatch(record):
            self._deviate(start)
            content = b",".join(
                _properly_quoted(raw) if b'"' in raw else raw for raw in _split(content)
            )
            line_end = b"\r\n" if self._crlf else b"\n"
            record = content + (line_end if record.endswith(b"\n") else b"")
        self._keep(record)
        self._measure(len(record))
        if self.result.parallel_safe and b'"' in content:
            self.result.parallel_safe = not any(
                _MISLEADING.search(raw, 1, len(raw) - 1)
                for raw in _split(content)
                if raw.startswith(b'"')
            )

    def _measure(self, size: int) -> None:
        self.result.longest_record = max(self.result.longest_record, size)

    def _keep(self, data: bytes | memoryview) -> None:
        if self._second_copy:
            self._second_copy.write(data)

    def _deviate(self, position: int) -> None:
        """From here on, what is kept isn't what arrived."""
        if not self._second_copy:
            self.result.rewritten = True
            self._second_copy = self._sink.rewrite(self._offset + position)

    def _set_aside(self, number: int, line: bytes, problem: str) -> None:
        self.result.malformed_rows += 1
        if len(line) > _MAX_TEXT:
            line, problem = line[:_MAX_TEXT], f"{problem} (only the line's first 64 KiB are shown)"
        text = line.removesuffix(b"\r").decode(errors="ignore")
        self._sink.malformed(Malformed(number, text, problem))


def _has_twins(quotes: NDArray[np.intp]) -> bool:
    """Tell whether a closing quote is at once followed by an opening one: an escaped quote."""
    return bool((quotes[1:-1:2] + 1 == quotes[2::2]).any())


def _split(record: bytes) -> list[bytes]:
    """Return the fields of a well-formed record as they are written."""
    return _SPLIT.findall(record + b",")


def _value(raw: bytes) -> bytes:
    """Return what a field says; as Python's csv module, blanks after its quotes included."""
    if not raw.startswith(b'"'):
        return raw
    quoted = raw.rstrip(b" ")
    return quoted[1:-1].replace(b'""', b'"') + raw[len(quoted) :]


def _properly_quoted(raw: bytes) -> bytes:
    """Return a field that says the same, with quotes only where RFC 4180 has them."""
    if raw.startswith(b'"') and raw.endswith(b'"'):
        return raw
    return b'"%b"' % _value(raw).replace(b'"', b'""')
