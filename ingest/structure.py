"""The structural check of a CSV file: one pass, in blocks, whatever the size of the file.

CSV here is RFC 4180 in UTF-8, with any one byte between the fields and double quotes around them. A
file is checked in gears:

0. `_Checker._plain`: lines without any quote are parsed at once; the parser tells whether each has
   as many fields as the header.
1. `_Checker._proven`: numpy over a whole block. Where every quote stands beside a separator (or
   beside its twin), the parity of quotes tells which separators and line ends count; when they
   come in the header's rhythm, the block is clean.
2. `_Checker._sort_out`: the quotes are in order, but some record has a wrong number of fields, a
   blank line or another line end. Still numpy, record by record only for what is set aside.
3. `_Checker._read_slowly`: a regular expression, one record at a time, where a quote is out of
   place, or a NUL byte.

What goes on to be parsed reads the same for every parser: malformed lines are left out, and so are
blank lines; and a field with quotes that parsers disagree about (`5" pipe`, `"x" ,`) is quoted
properly, its value unchanged.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lake.errors import UnreadableError

MAX_RECORD = 1 << 20
"""Longest record in bytes, its line end included."""

MAX_TEXT = 1 << 16
"""Bytes that are kept of a line that is set aside."""

_WINDOW = 1 << 18  # No larger than MAX_RECORD: so no record that fits in it can be too long.
BLOCK = 2 << 20
"""Best size of the blocks to check."""

_SMALL_WINDOW = 1 << 15
_PLAIN = 1 << 16  # bytes without a quote that are worth being parsed by themselves
_QUOTE, _LF, _CR = b'"\n\r'
_END_OF_FILE = b"\x1a"  # which programs of DOS times put after the last line
_PEEK = 50  # records that tell whether every row ends with surplus separators

_QUOTED = rb'"(?:[^"\0]++|"")*+"'
_LINE_END = re.compile(rb"\r?\n")
_QUOTED_VALUE = re.compile(_QUOTED + rb" *+")


class _Grammar:
    """The regular expressions of one separator."""

    def __init__(self, separator: bytes) -> None:
        s = re.escape(separator)
        self.field = rb'(?:%b *+|[^"%b\r\n\0][^%b\r\n\0]*+|)' % (_QUOTED, s, s)
        self.strict_field = rb'(?:%b|[^"%b\r\n\0]*+)' % (_QUOTED, s)
        self.record = re.compile(rb"(?:%b%b)*+%b" % (self.field, s, self.field))
        self._split = re.compile(rb"(%b)%b" % (self.field, s))
        self.plain_value = re.compile(rb"[^%b\r\n]*+" % s)
        self.separator, self._escaped = separator, s

    def records(self, width: int) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """Return what a record of so many fields looks like: as files have them, and strictly."""
        repeat = b"{%d}" % (width - 1)
        any_record = rb"(?:%b%b)%b%b" % (self.field, self._escaped, repeat, self.field)
        strict = rb"(?:%b%b)%b%b" % (self.strict_field, self._escaped, repeat, self.strict_field)
        return re.compile(any_record), re.compile(strict + rb"(?:\r?\n)?")

    def split(self, record: bytes) -> list[bytes]:
        """Return the fields of a well-formed record as they are written."""
        return self._split.findall(record + self.separator)


class Malformed(NamedTuple):
    """A physical line that is no part of a record: where it is, what it says, what is wrong."""

    number: int
    text: str
    error: str


class Sink(Protocol):
    """What the check tells about a file while it reads it."""

    def header(self, names: list[str], width: int) -> None:
        """Take the column names, and how many fields a record has: surplus ones are at its end.

        An exception from here ends the check.
        """

    def records(self, data: bytes | memoryview) -> None:
        """Take whole well-formed records, each with its line end (the last one perhaps without)."""

    def plain(self, data: memoryview) -> bool:
        """Take whole lines without quotes, all or none: return whether they are all records."""

    def malformed(self, line: Malformed) -> None:
        """Take a line that was set aside."""


def check_csv(
    blocks: Iterable[bytes], sink: Sink, separator: bytes = b",", first_line: int = 1
) -> bool:
    """Check a CSV file in UTF-8 that arrives in blocks of bytes.

    `first_line` is the number of the first line in them. Returns whether its last line lacks the
    line end that the others have: it may be cut off. Raises UnreadableError when the file is no CSV
    file at all, whatever its lines.
    """
    checker, rest = _Checker(sink, separator, first_line), b""
    for block in blocks:
        rest += block
        rest = rest[checker.feed(rest, final=False) :]
    checker.feed(rest.removesuffix(_END_OF_FILE), final=True)
    return checker.cut_off


class Located(NamedTuple):
    """A piece of a CSV file: the number of its first line, its bytes, and how many records it has.

    Its bytes are as they stand in the file, but for the line end of a single record.
    """

    line: int
    data: bytes
    kind: Literal["header", "records", "malformed"]
    rows: int = 0


def locate(
    blocks: Iterable[bytes],
    separator: bytes = b",",
    first_line: int = 1,
    parsed: Callable[[memoryview, int], int] = lambda _data, _width: -1,
) -> Iterator[Located]:
    """Yield the pieces of a CSV file, in its order, as `check_csv` takes it apart.

    Records come one by one, or many whole ones in a piece where their fields are in order.
    `parsed` tells of lines without quotes how many rows of so many fields they are, -1 where not
    all are such; it may always say that.
    """
    found: list[Located] = []
    locator, rest = _Locator(found, separator, first_line, parsed), b""
    for block in blocks:
        rest += block
        rest = rest[locator.feed(rest, final=False) :]
        yield from found
        found.clear()
    locator.feed(rest.removesuffix(_END_OF_FILE), final=True)
    yield from found


def checked_utf8(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks of UTF-8 text as they are; raise UnreadableError where they are none."""
    offset, line, rest = 0, 1, b""

    def refusal(what: str, at: int, block: bytes) -> UnreadableError:
        number = line + block.count(b"\n", 0, at)
        return UnreadableError(f"{what} (line {number}, byte {offset + at})")

    for block in blocks:
        if rest or not block.isascii():
            data = rest + block
            try:
                data.decode()
                rest = b""
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":
                    at = max(error.start - len(rest), 0)
                    raise refusal("it isn't UTF-8 text", at, block) from None
                rest = data[error.start :]
        offset += len(block)
        line += _count(_LF, block)
        yield block
    if rest:
        raise refusal("it isn't UTF-8 text: it ends inside a character", 0, b"")


def _count(byte: int, data: bytes, start: int = 0, end: int | None = None) -> int:
    """Count a byte that is there often, which takes numpy a quarter of the time of bytes.count."""
    window = np.frombuffer(data, np.uint8)[start:end]
    return int(np.count_nonzero(window == byte))


class _Checker:
    """Reads the blocks; its position is always the start of a record."""

    def __init__(self, sink: Sink, separator: bytes, first_line: int) -> None:
        self.cut_off = False
        self._sink = sink
        self._grammar = _Grammar(separator)
        self._separator = separator[0]
        self._first_line = first_line
        self._line = first_line  # physical line number of the position
        self._width = 0  # fields of a record, known from the header on
        self._surplus = 0  # how many of them, at its end, are empty in every row
        self._crlf = False  # the header's line end
        self._skipping: tuple[bytes, str] | None = None  # a line too long to be held, its problem
        self._tried = -1  # up to where the buffer is known not to be plain
        self._window = _WINDOW
        self._slow_bytes = 0  # how far to go slowly before trying a whole window again

    def feed(self, buffer: bytes, *, final: bool) -> int:
        """Check what can be decided of the buffer; return how many of its bytes that is."""
        position, self._tried = 0, -1
        if not self._width:
            position = self._read_header(buffer, final)
        while self._width and position < len(buffer):
            following = self._step(buffer, position, final)
            if following is None:
                break
            position = following
        if final and self._skipping:
            self._set_aside(self._line, *self._skipping)
        if final and self._line > self._first_line and position == len(buffer) > 0:
            self.cut_off = buffer[-1] not in (_LF, _CR)
        return position

    def _step(self, buffer: bytes, position: int, final: bool) -> int | None:
        """Go on by some records; None when that takes more of the file."""
        if self._skipping:
            return self._skip_line(buffer, position)
        if position >= self._tried and (end := self._plain(buffer, position)):
            return end
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
        position = 0
        while blank := _LINE_END.match(buffer, position):
            position = blank.end()
            self._line += 1
        if not final and len(buffer) - position <= MAX_RECORD:
            return position
        match = self._grammar.record.match(buffer, position, position + MAX_RECORD)
        assert match  # it matches an empty header too
        if not match[0]:
            raise UnreadableError("it has no header line")
        line_end = _LINE_END.match(buffer, match.end())
        if not line_end and match.end() < len(buffer):
            raise UnreadableError(
                f"its header can't be read: {self._diagnose(buffer, position, final)}"
            )
        self._crlf = bool(line_end and line_end[0] == b"\r\n")
        end = line_end.end() if line_end else len(buffer)
        names = [field_value(raw).decode().strip() for raw in self._grammar.split(match[0])]
        self._line += buffer.count(b"\n", position, end)
        names = self._settle_width(names, buffer, end)
        names = [name or f"unnamed_{number}" for number, name in enumerate(names, 1)]
        self._sink.header(names, self._width)
        return end

    def _settle_width(self, names: list[str], buffer: bytes, position: int) -> list[str]:
        """Decide how many fields a record has: most of the first ones tell whether with surplus.

        Returns the names without those that no record has a field for.
        """
        named = len(names)
        while named and not names[named - 1]:
            named -= 1
        widths: Counter[int] = Counter()
        filled: set[int] = set()  # widths with something in a field beyond the names
        for _ in range(_PEEK):
            match = self._grammar.record.match(buffer, position, position + MAX_RECORD)
            assert match
            line_end = _LINE_END.match(buffer, match.end())
            if not line_end:
                break
            if match[0].strip():
                fields = self._grammar.split(match[0])
                widths[len(fields)] += 1
                if any(raw not in (b"", b'""') for raw in fields[len(names) :]):
                    filled.add(len(fields))
            position = line_end.end()
        self._width = len(names)
        width, count = max(widths.items(), key=lambda each: each[1], default=(self._width, 0))
        if count * 2 > widths.total():
            if named <= width < len(names):
                names = names[:width]
                self._width = width
            elif width > len(names) and width not in filled:
                self._width, self._surplus = width, width - len(names)
        self._record, self._strict = self._grammar.records(self._width)
        self._short_record = self._grammar.records(self._width - self._surplus)[0]
        return names

    # Whole blocks without quotes

    def _plain(self, buffer: bytes, start: int) -> int:
        """Have whole lines parsed as they are; return their end, 0 when they need a closer look."""
        quote = buffer.find(b'"', start)
        end = buffer.rfind(b"\n", start, quote if quote >= 0 else len(buffer)) + 1
        if end - start < _PLAIN or self._surplus or self._width == 1:
            return 0
        self._tried = end
        lines = _count(_LF, buffer, start, end)
        returns = _count(_CR, buffer, start, end)
        position = start
        while position < end:
            line_end = buffer.rfind(b"\n", position, position + MAX_RECORD) + 1
            if not line_end:
                return 0
            position = line_end
        if (
            buffer.find(b"\0", start, end) >= 0
            or returns != (lines if self._crlf else 0)
            or (returns and returns != buffer.count(b"\r\n", start, end))
            or not self._sink.plain(memoryview(buffer)[start:end])
        ):
            return 0
        self._line += lines
        return end

    # First gear: whole windows

    def _proven(self, buffer: bytes, start: int, end: int) -> tuple[int, bool]:
        """Check a window from a record's start on.

        Returns how many bytes of it are dealt with, always whole records, and whether the record
        after them needs the slow reader.
        """
        window = np.frombuffer(buffer, np.uint8, end - start, start)
        is_special = window == _LF
        is_special |= window == self._separator
        quoted = buffer.find(b'"', start, end) >= 0
        if quoted:
            is_special |= window == _QUOTE
        at = np.flatnonzero(is_special)
        kind = window[at]
        separators, kinds = at, kind
        limit, quotes = len(window), at[:0]
        nul = buffer.find(b"\0", start, end)
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
        if nul >= 0:
            limit = min(limit, nul - start)
        is_end = kinds == _LF
        ends = np.flatnonzero(is_end)
        if limit < len(window):
            ends = ends[: np.searchsorted(separators[ends], limit)]
        defect = limit < len(window)
        if not len(ends):
            return 0, defect
        last = int(ends[-1])
        used = int(separators[last]) + 1
        in_rhythm = (
            self._width > 1
            and len(ends) * self._width == last + 1
            and bool(is_end[self._width - 1 : last + 1 : self._width].all())
        )
        if (
            in_rhythm
            and self._line_ends_agree(buffer, start, window, separators[ends], used)
            and (not self._surplus or self._ends_empty(window, separators[ends]).all())
        ):
            self._sink.records(memoryview(buffer)[start : start + used])
            if quoted:
                self._line += int(np.count_nonzero(kind[: np.searchsorted(at, used)] == _LF))
            else:
                self._line += len(ends)
            return used, defect
        commas = np.diff(ends, prepend=-1) - 1
        lines = at[kind == _LF] if quoted else separators[ends]
        return self._sort_out(buffer, start, separators[ends], commas, quotes, lines, defect)

    def _ends_empty(self, window: NDArray[np.uint8], ends: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell of each record whether its last fields, the surplus ones, are empty."""
        last = ends - 1 - (window[ends - 1] == _CR)
        empty = np.ones(len(ends), bool)
        for back in range(self._surplus):
            empty &= window[last - back] == self._separator
        return empty

    def _first_defect(self, window: NDArray[np.uint8], quotes: NDArray[np.intp]) -> int:
        """Return where the first quote stands that is neither beside a separator nor a twin."""
        limit = len(window)
        opening, closing = quotes[0::2], quotes[1::2]
        before = window[opening - 1]
        if opening[0] == 0:
            before[0] = _LF
        bad = (before != self._separator) & (before != _LF) & (before != _QUOTE)
        if bad.any():
            limit = int(opening[bad.argmax()])
        # What follows the window's last bytes is in the next one, and so is their record's end.
        closing = closing[: np.searchsorted(closing, len(window) - 2)]
        after = window[closing + 1]
        bad = (after != self._separator) & (after != _LF) & (after != _QUOTE)
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
        bare_cr = np.zeros(len(ends), bool)
        bare_cr[np.searchsorted(ends, returns[~in_quotes])] = True
        bad = ~blank & (bare_cr | (commas != self._width - 1))
        first_lines = np.searchsorted(lines, starts)
        # Of a malformed record only the first line is set aside: a longer one is read slowly. So is
        # one without the surplus fields that the others have, or with something in them.
        slow = bad & (np.searchsorted(lines, ends) > first_lines)
        if self._surplus:
            full = ~blank & (commas == self._width - 1)
            slow |= ~blank & (commas == self._width - self._surplus - 1)
            slow[full] |= ~self._ends_empty(window, ends[full])
        spread = np.flatnonzero(slow)
        if len(spread):
            count = int(spread[0])
            if not count:
                return 0, True
            defect, used = True, int(starts[count])
            starts, ends, blank, bad = starts[:count], ends[:count], blank[:count], bad[:count]
        dropped = blank | bad
        if dropped.any():
            kept = np.ones(used, bool)
            for index in np.flatnonzero(dropped):
                kept[starts[index] : ends[index] + 1] = False
            self._sink.records(window[:used][kept].data)
        else:
            self._sink.records(memoryview(buffer)[start : start + used])
        for index in np.flatnonzero(bad):
            first, last = start + int(starts[index]), start + int(ends[index])
            if buffer[first:last].strip():  # else a blank line, of spaces
                number = self._line + int(first_lines[index])
                self._set_aside(number, buffer[first:last], self._diagnose(buffer, first, False))
        self._line += int(np.searchsorted(lines, used))
        return used, defect

    # Third gear: one record

    def _read_slowly(self, buffer: bytes, position: int, final: bool) -> int:
        """Deal with the record at a position (or set its first line aside); return its end.

        The buffer holds more than MAX_RECORD from there on, or all that is left of the file.
        """
        blank = _LINE_END.match(buffer, position)
        if blank or (buffer[position] == _CR and position + 1 == len(buffer)):
            self._line += 1
            return blank.end() if blank else len(buffer)
        limit = min(position + MAX_RECORD, len(buffer))
        for pattern in (self._record, self._short_record):
            match = pattern.match(buffer, position, limit)
            if not match:
                continue
            line_end = _LINE_END.match(buffer, match.end(), limit)
            end = line_end.end() if line_end else match.end()
            at_end = final and end == len(buffer)
            if (line_end or at_end) and self._surplus_is_empty(match[0]):
                self._keep_or_repair(match[0])
                self._line += buffer.count(b"\n", position, end)
                return end
        problem = self._diagnose(buffer, position, final)
        end = buffer.find(b"\n", position)
        if end < 0 and not final:
            self._skipping = (buffer[position : position + MAX_TEXT + 1], problem)
            return position
        if end < 0:
            end = len(buffer)
        if buffer[position:end].strip():
            self._set_aside(self._line, buffer[position:end], problem)
        self._line += 1
        return min(end + 1, len(buffer))

    def _surplus_is_empty(self, record: bytes) -> bool:
        wanted = self._width - self._surplus
        return not self._surplus or all(
            raw in (b"", b'""') for raw in self._grammar.split(record)[wanted:]
        )

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
        line_end = buffer.find(b"\n", position, limit)
        if buffer.find(b"\0", position, line_end if line_end >= 0 else limit) >= 0:
            return "it holds a NUL byte"
        count = 0
        while True:
            count += 1
            if buffer[position : position + 1] == b'"':
                value = _QUOTED_VALUE.match(buffer, position, limit)
                if not value and (not final or len(buffer) > limit):
                    return f"the quote that opens field {count} isn't closed within 1 MiB"
                if not value:
                    return f"the quote that opens field {count} is never closed"
                if buffer[value.end() : value.end() + 1] not in (
                    self._grammar.separator,
                    b"\r",
                    b"\n",
                    b"",
                ):
                    return f"text after the closing quote of field {count}"
            else:
                value = self._grammar.plain_value.match(buffer, position, limit)
                assert value
            position = value.end()
            if position >= limit:
                return "longer than 1 MiB"
            stop = buffer[position : position + 2]
            if stop[:1] == b"\r" and stop != b"\r\n":
                return "a carriage return without a line feed, outside of quotes"
            if stop[:1] != self._grammar.separator:
                break
            position += 1
        wanted = self._width - self._surplus
        if count != wanted:
            fields = "1 field" if count == 1 else f"{count} fields"
            return f"{fields} where the header has {wanted}"
        return "longer than 1 MiB"

    # What goes out

    def _keep_or_repair(self, record: bytes) -> None:
        """Pass a record on as it is, or with its fields written so that no parser misreads them."""
        if not self._strict.fullmatch(record):
            fields = self._grammar.split(record)
            fields += [b""] * (self._width - len(fields))
            record = self._grammar.separator.join(
                _properly_quoted(raw) if b'"' in raw else raw for raw in fields
            )
        self._sink.records(record + b"\n")

    def _set_aside(self, number: int, line: bytes, problem: str) -> None:
        if len(line) > MAX_TEXT:
            line, problem = line[:MAX_TEXT], f"{problem} (only the line's first 64 KiB are shown)"
        text = line.removesuffix(b"\r").decode(errors="ignore")
        self._sink.malformed(Malformed(number, text, problem))


class _Locator(_Checker):
    """Takes note of where everything stands, instead of passing it on to be parsed."""

    def __init__(
        self,
        found: list[Located],
        separator: bytes,
        first_line: int,
        parsed: Callable[[memoryview, int], int],
    ) -> None:
        super().__init__(self, separator, first_line)
        self._found, self._parsed = found, parsed

    # As a sink

    def header(self, names: list[str], width: int) -> None:
        """Take nothing: `_read_header` knows where it is."""

    def records(self, data: bytes | memoryview) -> None:
        """Take note of records whose fields are in order."""
        taken = bytes(data)
        self._note(self._line, taken, "records", count_records(taken))

    def plain(self, data: memoryview) -> bool:
        """Take note of lines without quotes, if they are all records."""
        taken = bytes(data)
        lines = _count(_LF, taken)
        if self._parsed(data, self._width) != lines:  # a parser passes over blank lines
            return False
        self._note(self._line, taken, "records", lines)
        return True

    def malformed(self, line: Malformed) -> None:
        """Take nothing: `_set_aside` has all of the line."""

    # As the check goes on

    def _read_header(self, buffer: bytes, final: bool) -> int:
        end = super()._read_header(buffer, final)
        if self._width:
            self._note(self._first_line, buffer[:end], "header")
        return end

    def _sort_out(self, *_: Any) -> tuple[int, bool]:
        return 0, True  # record by record

    def _keep_or_repair(self, record: bytes) -> None:
        self._note(self._line, record, "records", 1)

    def _set_aside(self, number: int, line: bytes, problem: str) -> None:
        self._note(number, line.removesuffix(b"\r"), "malformed")

    def _note(
        self,
        line: int,
        data: bytes,
        kind: Literal["header", "records", "malformed"],
        count: int = 0,
    ) -> None:
        self._found.append(Located(line, data, kind, count))


def count_records(data: bytes) -> int:
    """Return how many records well-formed ones are."""
    return len(record_ends(data)) + (not data.endswith(b"\n"))


def record_ends(data: bytes) -> NDArray[np.intp]:
    """Return where the line ends of well-formed records stand: those outside of quotes."""
    window = np.frombuffer(data, np.uint8)
    is_end = window == _LF
    if b'"' in data:
        is_end &= np.cumsum(window == _QUOTE, dtype=np.uint8) & 1 == 0
    return np.flatnonzero(is_end)


def split_fields(record: bytes, separator: bytes) -> list[bytes]:
    """Return the fields of a well-formed record without its line end, as they are written."""
    return _grammar(separator).split(record)


_grammar = cache(_Grammar)


def field_value(raw: bytes) -> bytes:
    """Return what a field says; as Python's csv module, blanks after its quotes included."""
    if not raw.startswith(b'"'):
        return raw
    quoted = raw.rstrip(b" ")
    return quoted[1:-1].replace(b'""', b'"') + raw[len(quoted) :]


def _properly_quoted(raw: bytes) -> bytes:
    """Return a field that says the same, with quotes only where RFC 4180 has them."""
    if raw.startswith(b'"') and raw.endswith(b'"'):
        return raw
    return b'"%b"' % field_value(raw).replace(b'"', b'""')
