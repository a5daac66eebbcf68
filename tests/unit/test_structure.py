"""The structural check against an oracle that reads character by character."""

import csv
import io
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ingest import structure
from ingest.structure import check_csv, checked_utf8
from lake.errors import UnreadableError


class Sink:
    """Keeps what it is told; takes lines without quotes at once, as a parser would, or never."""

    def __init__(self, takes_plain):
        self.takes_plain = takes_plain
        self.names, self.width = [], 0
        self.kept = b""
        self.lines = []

    def header(self, names, width):
        self.names, self.width = names, width

    def records(self, data):
        self.kept += bytes(data)

    def plain(self, data):
        lines = [line for line in bytes(data).splitlines() if line]
        if not self.takes_plain or any(line.count(b",") != self.width - 1 for line in lines):
            return False
        self.kept += b"\n".join([*lines, b""])
        return True

    def malformed(self, line):
        self.lines.append(line)

    @property
    def rows(self):
        return list(csv.reader(io.StringIO(self.kept.decode(), newline=""), strict=True))


def check(content, block=structure.BLOCK, takes_plain=False):
    sink = Sink(takes_plain)
    blocks = (content[i : i + block] for i in range(0, len(content), block))
    return check_csv(checked_utf8(blocks), sink), sink


@contextmanager
def limits(max_record, window, small_window, max_text):
    names = ("MAX_RECORD", "_WINDOW", "_SMALL_WINDOW", "MAX_TEXT", "_PLAIN")
    before = [getattr(structure, name) for name in names]
    values = (max_record, window, small_window, max_text, window)
    try:
        for name, value in zip(names, values, strict=True):
            setattr(structure, name, value)
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(structure, name, value)


# The oracle: the rules of the check, one byte after the other.


def oracle_record(data, position, max_record):
    """Return (fields, end) of the record at a position, None where there is none."""
    limit = position + max_record
    fields = []
    while True:
        value = bytearray()
        if data[position : position + 1] == b'"':
            position += 1
            while True:
                char = data[position : position + 1]
                if not char:
                    return None
                position += 1
                if char != b'"':
                    value += char
                elif data[position : position + 1] == b'"':
                    value += b'"'
                    position += 1
                else:
                    break
            while data[position : position + 1] == b" ":
                value += b" "
                position += 1
            if data[position : position + 1] not in (b",", b"\n", b"\r", b""):
                return None
        else:
            while data[position : position + 1] not in (b",", b"\n", b"\r", b""):
                value += data[position : position + 1]
                position += 1
        fields.append(value.decode())
        char = data[position : position + 1]
        if char == b",":
            position += 1
            continue
        if char == b"\r" and data[position + 1 : position + 2] != b"\n":
            return None
        position += {b"": 0, b"\n": 1, b"\r": 2}[char]
        return (fields, position) if position <= limit else None


def oracle(data, max_record=structure.MAX_RECORD, max_text=structure.MAX_TEXT):
    position = 0
    number, header, rows, malformed = 1, None, [], []
    while position < len(data):
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end + 1
        if data[position:end] in (b"\n", b"\r\n", b"\r"):
            number, position = number + 1, end
            continue
        record = oracle_record(data, position, max_record)
        if record and (header is None or len(record[0]) == len(header)):
            fields, end = record
            if header is None:
                header = fields
            else:
                rows.append(fields)
        elif header is None:
            return None
        else:
            text = data[position:end].removesuffix(b"\n").removesuffix(b"\r")
            malformed.append((number, text[:max_text].decode(errors="ignore")))
        number += data.count(b"\n", position, end)
        position = end
    return (header, rows, malformed) if header else None


plain = st.sampled_from(["", "1", "abc", "a b", " x", "é", "Łódź 😀", "-1.50", "NULL", "\u2028"])
quoted = st.sampled_from(
    ['""', '"a"', '"a,b"', '"x\ny"', '"x\r\ny"', '"""q"""', '","', '"\n"', '""""', '"é,"', '"\r"']
)
odd = st.sampled_from(['5" pipe', ' "a"', '"a" ', '"a"  ', 'a"b"', 'x"', '"\n" '])
bad = st.sampled_from(['"a"b', '"open', "a\rb", '"a" b', '"', "x,y", "x,y,z", '"""', "q" * 90])
fields = st.one_of(plain, plain, quoted, odd)
any_field = st.one_of(plain, quoted, odd, bad)
ends = st.sampled_from(["\n", "\n", "\r\n"])


@st.composite
def files(draw):
    width = draw(st.integers(2, 4))
    usual = draw(st.sampled_from(["\n", "\r\n"]))
    mixed = draw(st.booleans())
    kinds = draw(st.sampled_from([plain, quoted, fields, any_field]))

    def line(count, kind):
        end = draw(ends) if mixed else usual
        return ",".join(draw(kind) for _ in range(count)) + end

    text = draw(st.sampled_from(["", "", "\n"]))
    text += ",".join(f"c{i}" for i in range(width)) + usual
    for _ in range(draw(st.integers(0, 12))):
        what = draw(st.integers(0, 12))
        if what == 0:
            text += usual
        elif what == 1:
            text += line(draw(st.integers(1, 6)), any_field)
        else:
            text += line(width, kinds)
    if draw(st.booleans()):
        text = text.removesuffix("\n").removesuffix("\r")
    return text.encode(), width


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    file=files(),
    block=st.integers(1, 200),
    window=st.integers(1, 80),
    takes_plain=st.booleans(),
    data=st.data(),
)
@example(file=(b"a,b\n1,2", 2), block=1, window=1, takes_plain=True, data=None)
def test_any_file_passes_as_the_oracle_reads_it(file, block, window, takes_plain, data):
    content, _ = file
    max_record = data.draw(st.sampled_from([80, 200, 1000])) if data else 80
    expected = oracle(content, max_record, max_record // 2)
    with limits(max_record, window, max(window // 4, 1), max_record // 2):
        if expected is None:
            with pytest.raises(UnreadableError):
                check(content, block)
            return
        _, sink = check(content, block, takes_plain)
    header, rows, malformed = expected
    assume(sink.width == len(header))  # else every row has surplus fields; other tests see to that
    assert [name.strip() for name in header] == sink.names
    assert [(line.number, line.text) for line in sink.lines] == malformed
    assert sink.rows == rows


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [["1", "2"]]),
        (b"a,b\r\n1,2\r\n", [["1", "2"]]),
        (b"a,b\n", []),
        (b"a,b", []),
        (b'a,b\n"x,y","he said ""hi"""\n', [["x,y", 'he said "hi"']]),
        (b'a,b\r\n"x\ny","x\r\ny"\r\n', [["x\ny", "x\r\ny"]]),
        (b'a,b\n"x\ry",2\n', [["x\ry", "2"]]),
        ("a,b\nŁódź,😀\n".encode(), [["Łódź", "😀"]]),
        (b"a,b\n" + b"x" * 130_000 + b",2\n", [["x" * 130_000, "2"]]),
    ],
)
def test_a_clean_file_passes_as_it_is(content, rows):
    _, sink = check(content)
    assert sink.kept == content.partition(b"\n")[2]
    assert (sink.rows, sink.lines) == (rows, [])


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"a,b\n\n1,2\n", b"1,2\n"),
        (b"\n\na,b\n1,2\n", b"1,2\n"),
        (b"a,b\n1,2\n  \n3,4\n", b"1,2\n3,4\n"),
        (b"a,b\n1,2\r\n3,4\n", b"1,2\r\n3,4\n"),
        (b'a,b\n1,5" pipe\n', b'1,"5"" pipe"\n'),
        (b'a,b\n "x",2\n', b'" ""x""",2\n'),
        (b'a,b\n"x"  ,2\n', b'"x  ",2\n'),
        (b"a,b\n1,2\n\r", b"1,2\n"),
    ],
)
def test_what_parsers_disagree_about_is_written_plainly(content, kept):
    _, sink = check(content)
    assert sink.lines == []
    assert sink.kept == kept


@pytest.mark.parametrize(
    ("content", "rows", "malformed"),
    [
        (b"a,b\n1,2,\n3,4,\n", [["1", "2", ""], ["3", "4", ""]], []),
        (b"a,b\r\n1,2,,\r\n3,4,,\r\n", [["1", "2", "", ""], ["3", "4", "", ""]], []),
        (b"a,b,\n1,2\n3,4\n", [["1", "2"], ["3", "4"]], []),
        (b"a,b,\n1,2,\n", [["1", "2", ""]], []),
        # Not every row: what has a field too many may have it anywhere.
        (b"a,b\n1,2\n3,4,\n", [["1", "2"]], ["3,4,"]),
        (b"a,b\n" + b"1,2,\n" * 60 + b"3,4,x\n", [["1", "2", ""]] * 60, ["3,4,x"]),
        (b"a,b\n" + b"1,2,\n" * 60 + b"3,4\n", [["1", "2", ""]] * 60 + [["3", "4", ""]], []),
        (b"a,b\n" + b"1,2,\n" * 60 + b'3,4,""\n', [["1", "2", ""]] * 60 + [["3", "4", ""]], []),
    ],
)
@pytest.mark.parametrize("takes_plain", [False, True])
def test_a_surplus_empty_field_in_every_row_is_nothing(content, rows, malformed, takes_plain):
    _, sink = check(content, takes_plain=takes_plain)
    assert sink.rows == rows
    assert [line.text for line in sink.lines] == malformed


@pytest.mark.parametrize(
    ("content", "cut_off"),
    [(b"a,b\n1,2\n", False), (b"a,b\n1,2\n3,4", True), (b"a,b\n1,2", True), (b"a,b", False)],
)
def test_a_last_line_without_its_end_is_noticed(content, cut_off):
    assert check(content)[0] is cut_off


@pytest.mark.parametrize(
    ("lines", "number", "text", "error", "good"),
    [
        (b"1,2\n3\n5,6\n", 3, "3", "1 field where the header has 2", 2),
        (b"1,2\n3,4,5\r\n5,6\n", 3, "3,4,5", "3 fields where the header has 2", 2),
        (b'1,"2\n3,4\n5,6\n', 2, '1,"2', "the quote that opens field 2 is never closed", 2),
        (b'"1"x,2\n3,4\n', 2, '"1"x,2', "text after the closing quote of field 1", 1),
        (
            b"1,2\n3\r4,5\n",
            3,
            "3\r4,5",
            "a carriage return without a line feed, outside of quotes",
            1,
        ),
        (b"1,\0\n3,4\n", 2, "1,\0", "it holds a NUL byte", 1),
        (b"1," + b"x" * (1 << 20) + b"\n3,4\n", 2, "1," + "x" * 65534, None, 1),
    ],
)
def test_a_malformed_line_is_set_aside_with_its_number(lines, number, text, error, good):
    _, sink = check(b"a,b\n" + lines)
    assert len(sink.rows) == good
    [line] = sink.lines
    assert (line.number, line.text) == (number, text)
    assert line.error == error if error else line.error.startswith("longer than 1 MiB")


def test_a_line_of_many_megabytes_is_never_held():
    blocks = [b"a,b\n1,2\n", b"3,"] + [b"x" * (1 << 20)] * 8 + [b"\n5,6\n"]
    sink = Sink(takes_plain=True)
    check_csv(iter(blocks), sink)
    assert sink.kept == b"1,2\n5,6\n"
    [line] = sink.lines
    assert line.number == 3


@pytest.mark.parametrize("takes_plain", [False, True])
def test_an_unclosed_quote_costs_its_line_and_not_the_file(takes_plain):
    body = b"".join(b"%d,x\n" % i for i in range(300_000))
    cut = body.index(b"\n", 300_000) + 1
    _, sink = check(b"a,b\n" + body[:cut] + b'7,"open\n' + body[cut:], takes_plain=takes_plain)
    assert len(sink.lines) == 1
    assert sink.kept == body


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b"a,b\n1,2\n3,\xff\n", "line 3, byte 10"),
        (b"a,b\n1,\xc5", "ends inside a character"),
        (b"a,b\r1,2\r", "carriage return"),
        (b'"a"x,b\n1,2\n', "text after the closing quote"),
        (b'a,"b\n1,2\n', "never closed"),
        (b"x" * (2 << 20), "longer than 1 MiB"),
    ],
)
def test_what_is_no_csv_file_is_refused_with_a_reason(content, reason):
    with pytest.raises(UnreadableError, match=reason):
        check(content)


def test_a_character_cut_by_a_block_is_whole():
    content = "a,b\nŁódź,😀\n".encode()
    for block in range(1, 8):
        assert check(content, block)[1].rows == [["Łódź", "😀"]]


def test_unnamed_columns_get_a_name():
    assert check(b"a, ,b,\n1,2,3,4\n")[1].names == ["a", "unnamed_2", "b", "unnamed_4"]


@pytest.mark.parametrize("separator", [b";", b"\t", b"|"])
def test_other_separators_leave_commas_alone(separator):
    sink = Sink(takes_plain=False)
    check_csv(
        [b'a,b\n"1,2",3\n'.replace(b",", separator).replace(b"1" + separator, b"1,")],
        sink,
        separator,
    )
    assert sink.kept == b'"1,2"' + separator + b"3\n"
