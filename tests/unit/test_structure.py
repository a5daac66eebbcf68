"""The structural check against an oracle that reads character by character, and DuckDB."""

import csv
import io
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest import structure
from ingest.structure import Malformed, NotCsvError, check_csv


@dataclass
class Sink:
    content: bytes
    names: list[str] = field(default_factory=list)
    copy: io.BytesIO | None = None
    lines: list[Malformed] = field(default_factory=list)

    def header(self, names):
        self.names = names

    def rewrite(self, length):
        assert self.copy is None
        self.copy = io.BytesIO()
        self.copy.write(self.content[:length])
        return self.copy

    def malformed(self, line):
        self.lines.append(line)

    @property
    def landed(self):
        return self.copy.getvalue() if self.copy else self.content


def check(content, block=structure.BLOCK):
    sink = Sink(content)
    blocks = (content[i : i + block] for i in range(0, len(content), block))
    return check_csv(blocks, sink), sink


@contextmanager
def limits(max_record, window, small_window, max_text):
    names = ("MAX_RECORD", "_WINDOW", "_SMALL_WINDOW", "_MAX_TEXT")
    before = [getattr(structure, name) for name in names]
    try:
        for name, value in zip(names, (max_record, window, small_window, max_text), strict=True):
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


def oracle(data, max_record=structure.MAX_RECORD, max_text=structure._MAX_TEXT):
    position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
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


def record_sizes(data):
    """Return the bytes of each record of a well-formed file, its line end included."""
    position, sizes = 3 if data.startswith(b"\xef\xbb\xbf") else 0, []
    while position < len(data):
        end = data.find(b"\n", position) + 1 or len(data)
        if data[position:end] not in (b"\n", b"\r\n"):
            _, end = oracle_record(data, position, structure.MAX_RECORD)
            sizes.append(end - position)
        position = end
    return sizes


def read_with_csv(content):
    text = content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    return rows[1:]


def read_with_duckdb(content, width, parallel_safe, path):
    path.write_bytes(content)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    relation = duckdb.sql(
        f"select * from read_csv('{path}', auto_detect=false, delim=',', quote='\"', escape='\"', "
        f"header=true, strict_mode=true, parallel={parallel_safe}, columns={{{columns}}})"
    )
    return [["" if value is None else value for value in row] for row in relation.fetchall()]


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

    text = draw(st.sampled_from(["", "", "\ufeff", "\n"]))
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
@given(file=files(), block=st.integers(1, 200), window=st.integers(1, 80), data=st.data())
@example(file=(b"a,b\n1,2", 2), block=1, window=1, data=None)
def test_any_file_lands_as_the_oracle_reads_it(file, block, window, data):
    content, _ = file
    max_record = data.draw(st.sampled_from([80, 200, 1000])) if data else 80
    expected = oracle(content, max_record, max_record // 2)
    with limits(max_record, window, max(window // 4, 1), max_record // 2):
        if expected is None:
            with pytest.raises(NotCsvError):
                check(content, block)
            return
        result, sink = check(content, block)
    header, rows, malformed = expected
    assert [name.strip() for name in header] == sink.names == result.header
    assert [(line.number, line.text) for line in sink.lines] == malformed
    assert result.rows == len(rows)
    assert result.malformed_rows == len(malformed)
    assert read_with_csv(sink.landed) == rows
    longest = max(record_sizes(sink.landed))
    assert longest <= result.longest_record <= longest + 2  # a line end may count as the longer one
    if not result.rewritten:
        assert sink.landed == content


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(file=files())
def test_duckdb_reads_what_landed(file, tmp_path_factory):
    content, width = file
    expected = oracle(content)
    if expected is None:
        return
    result, sink = check(content)
    path = tmp_path_factory.getbasetemp() / "property.csv"
    assert read_with_duckdb(sink.landed, width, result.parallel_safe, path) == expected[1]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [["1", "2"]]),
        (b"a,b\r\n1,2\r\n", [["1", "2"]]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [["1", "2"]]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', [["1", "2"]]),
        (b"a,b\n1,2", [["1", "2"]]),
        (b"a,b\n", []),
        (b"a,b", []),
        (b'a,b\n"x,y","he said ""hi"""\n', [["x,y", 'he said "hi"']]),
        (b'a,b\r\n"x\ny","x\r\ny"\r\n', [["x\ny", "x\r\ny"]]),
        (b'a,b\n"x\ry",2\n', [["x\ry", "2"]]),
        ("a,b\nŁódź,😀\n".encode(), [["Łódź", "😀"]]),
        (b"a,b\n" + b"x" * 900_000 + b",2\n", [["x" * 900_000, "2"]]),
    ],
)
def test_a_clean_file_lands_byte_for_byte(content, rows, tmp_path):
    result, sink = check(content)
    assert (result.rewritten, result.malformed_rows) == (False, 0)
    assert read_with_duckdb(sink.landed, 2, result.parallel_safe, tmp_path / "f.csv") == rows


@pytest.mark.parametrize(
    ("content", "landed"),
    [
        (b"a,b\n\n1,2\n", b"a,b\n1,2\n"),
        (b"\n\na,b\n1,2\n", b"a,b\n1,2\n"),
        (b"a,b\n1,2\r\n3,4\n", b"a,b\n1,2\n3,4\n"),
        (b"a,b\r\n1,2\n3,4\r\n", b"a,b\r\n1,2\r\n3,4\r\n"),
        (b'a,b\r\n"x\ny",2\n', b'a,b\r\n"x\ny",2\r\n'),
        (b'a,b\n1,5" pipe\n', b'a,b\n1,"5"" pipe"\n'),
        (b'a,b\n "x",2\n', b'a,b\n" ""x""",2\n'),
        (b'a,b\n"x"  ,2\n', b'a,b\n"x  ",2\n'),
        (b"a,b\n1,2\n\r", b"a,b\n1,2\n"),
    ],
)
def test_what_readers_disagree_about_is_written_plainly(content, landed):
    result, sink = check(content)
    assert result.rewritten
    assert result.malformed_rows == 0
    assert sink.landed == landed


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
        (b"1," + b"x" * (1 << 20) + b"\n3,4\n", 2, "1," + "x" * 65534, None, 1),
    ],
)
def test_a_malformed_line_is_set_aside_with_its_number(lines, number, text, error, good):
    result, sink = check(b"a,b\n" + lines)
    assert result.rows == good
    [line] = sink.lines
    assert (line.number, line.text) == (number, text)
    assert line.error == error if error else line.error.startswith("longer than 1 MiB")


def test_a_line_of_many_megabytes_is_never_held():
    blocks = [b"a,b\n1,2\n", b"3,"] + [b"x" * (1 << 20)] * 8 + [b"\n5,6\n"]
    sink = Sink(b"".join(blocks))
    result = check_csv(iter(blocks), sink)
    assert sink.landed == b"a,b\n1,2\n5,6\n"
    assert (result.rows, result.malformed_rows) == (2, 1)
    assert sink.lines[0].number == 3


def test_an_unclosed_quote_costs_its_line_and_not_the_file():
    body = b"".join(b"%d,x\n" % i for i in range(300_000))
    cut = body.index(b"\n", 300_000) + 1
    result, sink = check(b"a,b\n" + body[:cut] + b'7,"open\n' + body[cut:])
    assert (result.rows, result.malformed_rows) == (300_000, 1)
    assert sink.landed == b"a,b\n" + body


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "no header"),
        (b"\n\n", "no header"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL"),
        (b"a,b\n1,2\n3,\xff\n", "line 3, byte 10"),
        (b"a,b\n1,\xc5", "ends inside a character"),
        (b"a,b\n1,2\n\x00,3\n", "NUL byte"),
        (b"a,b\r1,2\r", "carriage return"),
        (b'"a"x,b\n1,2\n', "text after the closing quote"),
        (b'a,"b\n1,2\n', "never closed"),
        (b"x" * (2 << 20), "longer than 1 MiB"),
    ],
)
def test_what_is_no_csv_file_is_refused_with_a_reason(content, reason):
    with pytest.raises(NotCsvError, match=reason):
        check(content)


def test_a_character_cut_by_a_block_is_whole():
    content = "a,b\nŁódź,😀\n".encode()
    for block in range(1, 8):
        assert check(content, block)[0].rows == 1


def test_unnamed_columns_get_a_name():
    assert check(b"a, b ,,\n1,2,3,4\n")[0].header == ["a", "b", "unnamed_3", "unnamed_4"]


@pytest.mark.parametrize(
    ("content", "safe"),
    [
        (b'a,b\n"1","x y"\n"",""\n', True),
        (b'a,b\n"1,2",3\n', False),
        (b'a,b\n1,"x""y"\n', False),
        (b'a,b\n1,"x\ny"\n', False),
        (b'a,b\r\n1,"x\ry"\r\n', False),
        (b'a,b\n1,5" pipe\n', False),
    ],
)
def test_only_quotes_without_separators_are_safe_to_read_in_parallel(content, safe):
    assert check(content)[0].parallel_safe is safe
