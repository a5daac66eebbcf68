"""The cleaning macros' DuckDB branch against the rules in plain Python, over generated values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import reference_cleaning as cleaning
from tests.support import windows_time_zones
from tests.support.render import Renderer
from tests.support.values import (
    AMOUNTS,
    CLOCKS,
    FRACTIONS,
    INTEGERS,
    KEYS,
    TEXTS,
    TIMES,
    datetime_texts,
    descriptive_texts,
    integer_texts,
    moments,
    number_texts,
)

DUCKDB = Renderer("duckdb")
ZONES = ["UTC", "America/Chicago", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata"]

# An example is one query over many values; a failure names the wrong ones, so none is shrunk.
batches = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=300, max_size=300)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    expression: str,
    rows: Sequence[tuple[Any, ...]],
    columns: Mapping[str, str],
) -> list[Any]:
    """Return an expression's value for each row; `columns` maps their names to types."""
    given_columns = ", ".join(
        f"cast(cells[{i}] as {kind}) as {name}" for i, (name, kind) in enumerate(columns.items(), 1)
    )
    cells = [[None if cell is None else str(cell) for cell in row] for row in rows]
    query = f"""
        with given as (select unnest(cast(? as varchar[][])) as cells),
        typed as materialized (select {given_columns} from given)
        select {expression} from typed
    """
    return [value for (value,) in connection.execute(query, [cells]).fetchall()]


def cleaned(
    connection: duckdb.DuckDBPyConnection,
    data_type: str,
    texts: Sequence[str | None],
    renderer: Renderer = DUCKDB,
) -> list[Any]:
    """Return texts as they came as values of a contract type."""
    expression = renderer.macro("clean_raw", "raw", data_type)
    return evaluate(connection, expression, [(text,) for text in texts], {"raw": "varchar"})


def assert_by_hand(
    connection: duckdb.DuckDBPyConnection,
    data_type: str,
    table: Mapping[Any, Any],
    renderer: Renderer = DUCKDB,
) -> None:
    """Assert that each text of a table means what stands beside it."""
    actual = cleaned(connection, data_type, list(table), renderer)
    assert dict(zip(table, actual, strict=True)) == dict(table)


def test_integers_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    assert_by_hand(connection, "bigint", INTEGERS)


def test_amounts_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    amounts = {text: None if value is None else Decimal(value) for text, value in AMOUNTS.items()}
    assert_by_hand(connection, "decimal(18,2)", amounts)


def test_texts_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    assert_by_hand(connection, "varchar(10)", TEXTS)


def test_keys_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    text_keys = Renderer("duckdb", declared={"customers": {"entity": "customers", "keys": "text"}})
    assert_by_hand(connection, "key(customers)", KEYS, text_keys)
    assert_by_hand(connection, "key(customers)", INTEGERS)


@pytest.mark.parametrize("declared", ["UTC", "Etc/UTC", "Zulu"])
def test_times_by_hand(connection: duckdb.DuckDBPyConnection, declared: str) -> None:
    renderer = Renderer("duckdb", variables={"business_timezone": declared})
    assert_by_hand(connection, "timestamp", TIMES, renderer)
    days = {text: time.date() if time else None for text, time in TIMES.items()}
    assert_by_hand(connection, "date", days, renderer)


@pytest.mark.parametrize("name", sorted({zone for zone, _ in CLOCKS}))
def test_times_on_the_business_s_clock(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    table = {text: time for (zone, text), time in CLOCKS.items() if zone == name}
    renderer = Renderer("duckdb", variables={"business_timezone": name})
    assert_by_hand(connection, "timestamp", table, renderer)


def test_fractions_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    expression = DUCKDB.macro("moment_fraction", "raw")
    rows = [(text,) for text in FRACTIONS]
    assert evaluate(connection, expression, rows, {"raw": "varchar"}) == list(FRACTIONS.values())


def test_unreadable_values_are_shown_trimmed_and_cut(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    expression = DUCKDB.macro("unreadable_text", "raw")
    rows = [(" 12,5 ",), (" ",), ("N/A",), ("x" * 300,), (None,)]
    shown = evaluate(connection, expression, rows, {"raw": "varchar"})
    assert shown == ["12,5", None, None, "x" * 255, None]


def test_null_words_are_the_var_s_in_every_type(connection: duckdb.DuckDBPyConnection) -> None:
    words = ["0", "1900-01-01", "it's", " - ", 99, "1970-01-01 00:00:00"]
    renderer = Renderer("duckdb", variables={"null_words": words})
    assert_by_hand(connection, "bigint", {"0": None, " 0 ": None, "00": 0, "99": None}, renderer)
    assert_by_hand(connection, "decimal(18,2)", {"0": None, "0.00": Decimal("0.00")}, renderer)
    time = datetime(1900, 1, 1)
    times = {"1900-01-01": None, "1900/01/01": time, "1970-01-01 00:00:00": None}
    assert_by_hand(connection, "timestamp", times, renderer)
    assert_by_hand(connection, "date", {" 1900-01-01": None}, renderer)
    texts = {"it's": None, "-": None, "99 ": None, "NULL": "NULL"}
    assert_by_hand(connection, "varchar(10)", texts, renderer)
    none = Renderer("duckdb", variables={"null_words": []})
    assert_by_hand(connection, "varchar(10)", {"NULL": "NULL", "": None}, none)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Chicago", "America/Chicago"),
        ("new york", "America/New_York"),
        ("Central Standard Time", "America/Chicago"),
        ("", "such as America/Chicago"),
        ("+02:00", "such as America/Chicago"),
        (None, "such as America/Chicago"),
    ],
)
def test_a_zone_that_is_none_is_named_with_what_may_be_meant(name: str | None, near: str) -> None:
    renderer = Renderer("duckdb", variables={"business_timezone": name})
    with pytest.raises(ValueError, match=f"business_timezone is '{re.escape(str(name))}'.*{near}"):
        renderer.macro("clean_datetime", "t")


def test_the_table_of_time_zones_is_the_library_s(connection: duckdb.DuckDBPyConnection) -> None:
    assert windows_time_zones.MACRO.read_text(encoding="utf-8") == windows_time_zones.macro(), (
        f"write it anew: {windows_time_zones.COMMAND}"
    )
    names = DUCKDB.macros["windows_time_zones"]()
    for name in names:  # DuckDB knows each
        connection.execute("select timezone(?, timestamptz '2024-07-01 00:00:00+00')", [name])


def assert_as_reference(
    texts: Sequence[str | None], actual: Sequence[Any], reference: Callable[[str | None], Any]
) -> None:
    wrong = {
        text: (got, expected)
        for text, got in zip(texts, actual, strict=True)
        if got != (expected := reference(text))
    }
    assert not wrong, f"text: (macro, reference) = {wrong}"


@batches
@given(texts=many(integer_texts))
def test_integer(connection: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_as_reference(texts, cleaned(connection, "bigint", texts), cleaning.integer)


@batches
@given(texts=many(number_texts))
def test_amount(connection: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    actual = cleaned(connection, "decimal(18,2)", texts)
    assert_as_reference(texts, actual, cleaning.amount)
    assert not any(str(value).startswith("-0.00") for value in actual)


@batches
@given(texts=many(number_texts), scale=st.integers(0, 9))
def test_number_of_any_scale(
    connection: duckdb.DuckDBPyConnection, texts: list[str | None], scale: int
) -> None:
    def reference(text: str | None) -> Decimal | None:
        trimmed = (cleaning.trimmed(text) or "").removeprefix("'")
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", trimmed):
            return None
        # Far more digits than any type has; whole numbers this long don't fit anyway.
        whole = trimmed.lstrip("+-").partition(".")[0].lstrip("0")
        if len(whole) > 18:
            return None
        value = cleaning.rounded(_shortened(trimmed), scale)
        return value if abs(value) < 10 ** (18 - scale) else None

    assert_as_reference(texts, cleaned(connection, f"decimal(18,{scale})", texts), reference)


def _shortened(text: str) -> Decimal:
    """The number with at most 40 decimals, none of which changes the rounding at 9 or fewer."""
    whole, point, decimals = text.partition(".")
    return Decimal((whole + point + decimals[:40]) or "0")


@batches
@given(texts=many(datetime_texts), name=st.sampled_from(ZONES))
def test_time(connection: duckdb.DuckDBPyConnection, texts: list[str | None], name: str) -> None:
    renderer = Renderer("duckdb", variables={"business_timezone": name})
    actual = cleaned(connection, "timestamp", texts, renderer)
    assert_as_reference(texts, actual, lambda text: cleaning.time(text, ZoneInfo(name)))


@batches
@given(texts=many(datetime_texts))
def test_day(connection: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_as_reference(texts, cleaned(connection, "date", texts), cleaning.day)


FORMATS = ["DD.MM.YYYY HH:MI", "YYYYMMDD", "[YYYY] 100%_MM'DD HHMISS"]
# What the formats say, as the parts of a pattern: day first, no separators, odd characters.
PATTERNS = [
    r"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4}) (?P<hour>\d\d):(?P<minute>\d\d)",
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
    r"\[(?P<year>\d{4})\] 100%_(?P<month>\d\d)'(?P<day>\d\d)"
    r" (?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)",
]


def time_in_extra_format(text: str | None) -> datetime | None:
    for pattern in PATTERNS:
        if match := re.fullmatch(pattern, cleaning.trimmed(text) or "", re.ASCII):
            try:
                return datetime(**{name: int(part) for name, part in match.groupdict().items()})
            except ValueError:
                return None
    return cleaning.time(text)


@st.composite
def texts_in_extra_format(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(FORMATS))
    for token, least, most in (
        ("YYYY", 0, 9999),
        ("MM", 0, 13),
        ("DD", 0, 32),
        ("HH", 0, 24),
        ("MI", 0, 60),
        ("SS", 0, 60),
    ):
        text = text.replace(token, f"{draw(st.integers(least, most)):0{len(token)}d}")
    if draw(st.integers(0, 9)) == 0:
        text = text.replace(draw(st.sampled_from(text)), draw(st.sampled_from("x１ 0")))
    return text


@batches
@given(texts=many(texts_in_extra_format() | datetime_texts))
def test_time_in_extra_formats(
    connection: duckdb.DuckDBPyConnection, texts: list[str | None]
) -> None:
    renderer = Renderer("duckdb", variables={"extra_datetime_formats": FORMATS})
    actual = cleaned(connection, "timestamp", texts, renderer)
    assert_as_reference(texts, actual, time_in_extra_format)


@batches
@given(texts=many(descriptive_texts), length=st.sampled_from([1, 20, 50, 100, 255]))
def test_text_is_trimmed_and_cut(
    connection: duckdb.DuckDBPyConnection, texts: list[str | None], length: int
) -> None:
    actual = cleaned(connection, f"varchar({length})", texts)
    assert_as_reference(texts, actual, lambda text: cleaning.text(text, length))


@batches
@given(rows=many(st.tuples(st.text(), st.none() | descriptive_texts)))
def test_raw_row_is_the_row_as_json(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[str, str | None]]
) -> None:
    expression = DUCKDB.macro("json_row", {"Name": "name", 'Order "ID"': "id", "It's": "null"})
    actual = evaluate(connection, expression, rows, {"name": "varchar", "id": "varchar"})
    expected = [{"Name": name, 'Order "ID"': id_, "It's": None} for name, id_ in rows]
    assert [json.loads(row) for row in actual] == expected


def half_away_from_zero(value: Fraction, places: int) -> Decimal:
    units = abs(value) * 10**places
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return Decimal(-whole if value < 0 else whole).scaleb(-places)


cents = st.one_of(
    st.integers(-(10**18) + 1, 10**18 - 1),  # all that a decimal(18,2) holds
    st.integers(-1000, 1000),
).map(lambda number: Decimal(number).scaleb(-2))
counts = st.integers(0, 10) | st.integers(0, 2**31 - 1)


@batches
@given(rows=many(st.tuples(cents | st.none(), counts | st.none())))
@pytest.mark.parametrize("kind", ["decimal(18,2)", "decimal(38,2)"])
def test_average_amount(
    connection: duckdb.DuckDBPyConnection,
    rows: list[tuple[Decimal | None, int | None]],
    kind: str,
) -> None:
    expression = DUCKDB.macro("average_amount", "amount", "purchases")
    actual = evaluate(connection, expression, rows, {"amount": kind, "purchases": "bigint"})
    assert actual == [
        half_away_from_zero(Fraction(amount) / purchases, 2)
        if amount is not None and purchases
        else None
        for amount, purchases in rows
    ]


@batches
@given(pairs=many(st.tuples(counts, counts)))
@pytest.mark.parametrize("kind", ["bigint", "hugeint"])
def test_shares_and_rates(
    connection: duckdb.DuckDBPyConnection, pairs: list[tuple[int, int]], kind: str
) -> None:
    rows = [(min(pair), max(pair)) for pair in pairs]
    columns = {"part": kind, "total": kind}
    rates = evaluate(connection, DUCKDB.macro("resolution_rate", "part", "total"), rows, columns)
    shares = evaluate(connection, DUCKDB.macro("divide", "part", "total", 6), rows, columns)
    fractions = [Fraction(part, total) if total else None for part, total in rows]
    assert rates == [None if f is None else half_away_from_zero(100 * f, 2) for f in fractions]
    assert shares == [None if f is None else half_away_from_zero(f, 6) for f in fractions]


@pytest.mark.parametrize(
    ("amount", "purchases", "average"),
    [
        ("10.01", 2, "5.01"),  # 5.005
        ("-10.01", 2, "-5.01"),
        ("0.01", 2, "0.01"),  # 0.005
        ("-0.01", 2, "-0.01"),
        ("0.01", 3, "0.00"),
        ("10.00", 3, "3.33"),
        ("20.00", 3, "6.67"),
        ("9999999999999999.99", 1, "9999999999999999.99"),
    ],
)
def test_average_amount_by_hand(
    connection: duckdb.DuckDBPyConnection, amount: str, purchases: int, average: str
) -> None:
    expression = DUCKDB.macro("average_amount", "amount", "purchases")
    columns = {"amount": "decimal(18,2)", "purchases": "bigint"}
    assert evaluate(connection, expression, [(amount, purchases)], columns) == [Decimal(average)]


def test_a_division_refuses_a_numerator_that_it_would_cut() -> None:
    with pytest.raises(ValueError, match="more decimals than the result"):
        DUCKDB.macro("divide", "n", "d", 1, 2)


@batches
@given(times=many(moments))
def test_calendar(connection: duckdb.DuckDBPyConnection, times: list[datetime]) -> None:
    def values(macro: str, *arguments: str) -> list[Any]:
        rows = [(moment,) for moment in times]
        return evaluate(connection, DUCKDB.macro(macro, *arguments), rows, {"t": "timestamp"})

    assert values("day_of_week_number", "t") == [moment.isoweekday() for moment in times]
    assert values("hour_of_day", "t") == [moment.hour for moment in times]
    assert values("date_key", "t") == [
        moment.year * 10000 + moment.month * 100 + moment.day for moment in times
    ]
    first = date(1, 1, 1)
    days = [(moment.date() - first).days for moment in times]
    since_first = DUCKDB.macro("days_between", f"date '{first}'", "cast(t as date)")
    assert values("days_between", f"date '{first}'", "cast(t as date)") == days
    assert values("add_days", since_first, f"date '{first}'") == [moment.date() for moment in times]


def test_names_of_days_and_months(connection: duckdb.DuckDBPyConnection) -> None:
    month_name = DUCKDB.macro("month_name", "n")
    months = evaluate(connection, month_name, [(n,) for n in range(1, 13)], {"n": "integer"})
    assert months == [date(2024, n, 1).strftime("%B") for n in range(1, 13)]
    day_name = DUCKDB.macro("day_name", "n")
    days = evaluate(connection, day_name, [(n,) for n in range(1, 8)], {"n": "integer"})
    monday = date(2024, 1, 1)
    assert days == [(monday + timedelta(days=n)).strftime("%A") for n in range(7)]


def test_whole_numbers_are_as_many_as_a_row_says(connection: duckdb.DuckDBPyConnection) -> None:
    days = (date.max - date.min).days
    numbers = DUCKDB.macro("with_whole_numbers", "spans.last", days)
    found = connection.execute(
        "select spans.last, min(n), max(n), count(distinct n)"
        f" from (values (0), ({days}), (null)) as spans (last) {numbers} group by 1 order by 1"
    ).fetchall()
    assert found == [(0, 0, 0, 1), (days, 0, days, days + 1)]
