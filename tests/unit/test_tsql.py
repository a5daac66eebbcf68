"""The SQL for Azure: it parses as T-SQL, keeps to what T-SQL has, and computes what DuckDB does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import reference_cleaning as cleaning
from tests.support.render import PROJECT, Renderer
from tests.support.tsql import Expression, Number, TsqlError
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

MAXDOP = Path(sys.executable).with_name("maxdop")
ENGINES = ("synapse", "sqlserver", "fabric")
SYNAPSE = Renderer("synapse")
STORED = {  # in a Warehouse, which has no national texts
    path.stem for layer in ("gold", "marts") for path in (PROJECT / "models" / layer).glob("*.sql")
}
EXTRA_FORMATS = ["DD.MM.YYYY HH:MI", "YYYYMMDD", "[YYYY] 100%_MM'DD HHMISS"]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Everything that the project asks of T-SQL; a name that is new here has to exist on both engines.
FUNCTIONS = words(
    "abs cast charindex coalesce concat count dateadd datediff datepart day floor lead left len"
    " lower max min month nchar ntile nullif openjson patindex percent_rank rank replace reverse"
    " right row_number sign string_agg string_escape substring sum trim try_cast upper year"
)
# What stands before a bracket without being a function: words of the language, types, aliases.
NO_FUNCTIONS = words(
    "and apply as by case decimal else from group in join not nvarchar datetime2 on or over select"
    " then top union values when where with d0 d1 d2 d3 d4 d5 d6"
)
# What both engines have, and so may stand in a model itself.
IN_MODELS = words(
    "cast coalesce concat count day floor max min month ntile percent_rank rank right row_number"
    " sum upper year"
)
# Words that DuckDB has, or that mean something else in T-SQL (its timestamp is a row version).
NO_TSQL = (
    r"::|\|\||\b(?:true|false|boolean|timestamp|interval|nulls\s+(?:last|first)|ilike|qualify|limit"
    r"|using|except|exclude|varchar|text|double|hugeint)\b|\bgroup\s+by\s+\d"
    r"|\border\s+by\s+\d|\bstring_agg\b(?!.{1,80}within\s+group)"
)


def models() -> list[Path]:
    return sorted((PROJECT / "models").rglob("*.sql"))


def written_sql() -> list[Path]:
    """Everything that is SQL outside macros."""
    folders = ("models", "analyses", "tests/dbt")
    return [path for folder in folders for path in sorted((PROJECT / folder).rglob("*.sql"))]


def statements(renderer: Renderer) -> Iterator[tuple[str, str]]:
    """Yield every statement by its name, as the engine would get it."""
    for path in models():
        name = f'"{path.parent.name}"."{path.stem}"'
        if "silver" in path.parts:
            create = f"create external table {name} with (location = 'x/', data_source = lake, "
            yield path.stem, f"{create}file_format = parquet) as {renderer.file(path)}"
        else:
            yield path.stem, f"create or alter view {name} as {renderer.file(path)}"
    for folder in ("analyses", "tests/dbt"):
        for path in sorted((PROJECT / folder).glob("*.sql")):
            yield path.stem, renderer.file(path)
    yield "primary_key", renderer.macro("test_primary_key", "gold.fct", ["a", "b"])
    yield "known_value", renderer.macro("test_known_value", "silver.t", "status", "seeds.statuses")
    ranges = {"rate": [0, 100], "first": ["first", "last"]}
    yield "holds", renderer.macro("test_holds_for_every_row", "marts.t", ["a", "rate"], ranges)
    keyed = renderer.macro("test_holds_for_every_row", "marts.t", ["a", "rate"], ranges, ["a"])
    yield "holds_keyed", keyed
    for data_type in ("bigint", "decimal(18,2)", "timestamp", "date", "varchar(100)"):
        clean = renderer.macro("clean_raw", "given.amount", data_type)
        yield f"clean_{data_type}", f"select {clean} as value from given"
    for macro, *more in (("clean_key", "varchar(64)"), ("moment_fraction",), ("unreadable_text",)):
        yield macro, f"select {renderer.macro(macro, 'given.amount', *more)} as value from given"


def expressions(*, extra_formats: Sequence[str] = ()) -> dict[str, Expression]:
    """Return the cleaning of a raw text by contract type."""
    renderer = Renderer("synapse", variables={"extra_datetime_formats": list(extra_formats)})
    types = (
        "bigint",
        "decimal(18,2)",
        "decimal(18,4)",
        "timestamp",
        "date",
        "varchar(20)",
        "varchar(10)",
    )
    return {kind: Expression(renderer.macro("clean_raw", "raw", kind)) for kind in types}


def on_clock(zone: str) -> Expression:
    """Return the cleaning of a raw time where the business's clock is a zone's."""
    renderer = Renderer("synapse", variables={"business_timezone": zone})
    return Expression(renderer.macro("clean_raw", "raw", "timestamp"))


CLEAN = expressions()
CLEAN_EXTRA = expressions(extra_formats=EXTRA_FORMATS)
CLEAN_ON_CLOCK = {zone: on_clock(zone) for zone in ("UTC", *{zone for zone, _ in CLOCKS})}
CLEAN_TEXT_KEY = Expression(
    Renderer("synapse", declared={"customers": {"entity": "customers", "keys": "text"}}).macro(
        "clean_raw", "raw", "key(customers)"
    )
)
FRACTION = Expression(SYNAPSE.macro("moment_fraction", "raw"))


# --- It parses, and asks for nothing that T-SQL lacks -------------------------------------------


def parse_errors(folder: Path, sql: dict[str, str]) -> list[str]:
    """Return what Microsoft's own grammar has to say against statements."""
    (folder / ".maxdop.json").write_text('{"initialQuotedIdentifiers": true}', encoding="utf-8")
    for name, statement in sql.items():
        (folder / f"{name}.sql").write_text(statement, encoding="utf-8")
    done = subprocess.run([MAXDOP, "--write", folder], capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if not line.endswith(" formatted")]
    assert bool(errors) == (done.returncode == 1), done
    return errors


@pytest.mark.parametrize(
    "broken",
    [
        "select a from t order by a nulls last",
        "select a = 1 as is_one from t",
        "select a from t limit 5",
        "select count(*) filter (where a > 1) from t",
        "with t as (select 1 as a) select a from t group by",
    ],
)
def test_a_broken_statement_is_found(tmp_path: Path, broken: str) -> None:
    (error,) = parse_errors(tmp_path, {"broken": broken, "good": "select a as [b] from t"})
    assert re.search(r"broken\.sql: could not be parsed.* \d+:\d+: ", error)


@pytest.mark.parametrize("engine", ENGINES)
def test_times_in_a_time_zone_parse(tmp_path: Path, engine: str) -> None:
    renderer = Renderer(engine, variables={"business_timezone": "America/Chicago"})
    sql = f"select {renderer.macro('clean_raw', 'a', 'timestamp')} as b from t"
    assert "at time zone 'Central Standard Time'" in sql
    assert parse_errors(tmp_path, {"zone": sql}) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_statement_parses(tmp_path: Path, engine: str) -> None:
    sql = dict(statements(Renderer(engine)))
    assert len(sql) > 50
    assert parse_errors(tmp_path, sql) == []


def test_extra_time_formats_parse(tmp_path: Path) -> None:
    renderer = Renderer("synapse", variables={"extra_datetime_formats": EXTRA_FORMATS})
    sql = f"select {renderer.macro('clean_datetime', 'a')} as b from t"
    assert parse_errors(tmp_path, {"formats": sql}) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_statement_keeps_to_what_t_sql_has(engine: str) -> None:
    for name, sql in statements(Renderer(engine)):
        code = re.sub(r"--[^\n]*", "", re.sub(r"N?'(?:[^']|'')*'|\"[^\"]*\"", "''", sql)).lower()
        # Only a Warehouse's varchar has all of Unicode.
        known = {"varchar"} if engine == "fabric" else set()
        assert {*re.findall(NO_TSQL, code)} - known == set(), name
        code = code.partition("file_format = parquet)")[2] or code
        called = set(re.findall(r"\b([a-z_][a-z0-9_]*)\s*\(", code))
        assert called - NO_FUNCTIONS - FUNCTIONS - known == set(), name
        for lengths in re.findall(r"nvarchar\((\w+)\)", code):
            assert lengths == "max" or int(lengths) <= 4000, name
        if engine == "fabric" and name in STORED:
            assert "nvarchar" not in code, name


@pytest.mark.parametrize(
    ("sql", "wrapped"),
    [
        ("select 1 as n", "with x as ( select 1 as n )"),
        (
            "with a as (select 1 as n) select n from a",
            "with a as (select 1 as n) , x as ( select n from a )",
        ),
        (
            "-- it's (\nwith a as (select ') select' as n), b as (select n from a)\nselect 1 as n",
            "-- it's ( with a as (select ') select' as n), b as (select n from a)"
            " , x as ( select 1 as n )",
        ),
        (
            'with [a)] as (select "b(" from t) select (select c from [a)]) as n union all select 2',
            'with [a)] as (select "b(" from t)'
            " , x as ( select (select c from [a)]) as n union all select 2 )",
        ),
    ],
)
def test_a_query_becomes_the_last_of_its_common_table_expressions(
    tmp_path: Path, sql: str, wrapped: str
) -> None:
    result = SYNAPSE.macro("sqlserver_as_cte", sql, "x")
    assert " ".join(result.split()) == wrapped
    assert parse_errors(tmp_path, {"wrapped": f"{result} select * from x"}) == []


@pytest.mark.parametrize(
    ("sql", "ending"),
    [
        (
            "select a from t order by a desc",
            "order by a desc offset 0 rows fetch first 5 rows only",
        ),
        ("select a from t order by max(a), b", "b offset 0 rows fetch first 5 rows only"),
        ("select a from t", "select top (5) * from dbt_show"),
        ("select row_number() over (order by a) as r from t", "select top (5) * from dbt_show"),
        (
            "with a as (select top 3 b from t order by b) select b from a",
            "select top (5) * from dbt_show",
        ),
    ],
)
def test_a_shown_query_is_cut_and_keeps_its_order(tmp_path: Path, sql: str, ending: str) -> None:
    result = SYNAPSE.macro("synapse__get_limit_subquery_sql", sql, 5)
    assert " ".join(result.split()).endswith(ending)
    assert parse_errors(tmp_path, {"shown": result}) == []


# --- One SQL for every engine: what differs is in macros ----------------------------------------


@pytest.mark.parametrize("path", written_sql(), ids=lambda path: path.stem)
def test_sql_outside_macros_is_every_engine_s(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\btarget\s*[.\[]|\badapter\s*\.", source)
    code = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "''", source, flags=re.DOTALL)
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "''", code).lower()
    assert re.findall(NO_TSQL, code) == []
    called = set(re.findall(r"\b([a-z_][a-z0-9_]*)\s*\(", code))
    assert called - NO_FUNCTIONS - IN_MODELS == set()


def test_every_dispatched_macro_has_a_branch_for_every_engine() -> None:
    branches: dict[str, set[str]] = {}
    for folder in ("cleaning", "measures", "portability"):
        for path in (PROJECT / "macros" / folder).glob("*.sql"):
            for engine, name in re.findall(
                r"\{% macro (duckdb|sqlserver|fabric|synapse|default)__(\w+)\(",
                path.read_text(encoding="utf-8"),
            ):
                branches.setdefault(name, set()).add(engine)
    assert branches
    complete = {"duckdb", "sqlserver", "fabric"}  # dbt-synapse takes what is dbt-fabric's
    assert [
        name
        for name, found in branches.items()
        if "default" not in found and found - {"synapse"} != complete
    ] == []


@pytest.mark.parametrize("folder", ["cleaning", "measures", "portability"])
def test_a_file_holds_one_public_macro_named_as_the_file(folder: str) -> None:
    sources = {
        path: path.read_text(encoding="utf-8")
        for root in ("macros", "models", "analyses", "tests/dbt")
        for path in (PROJECT / root).rglob("*.sql")
    }
    for path, source in sources.items():
        if path.parent != PROJECT / "macros" / folder:
            continue
        defined = re.findall(r"\{% macro (\w+)\(", source)
        assert path.stem in defined
        elsewhere = "\n".join(text for other, text in sources.items() if other != path)
        public = [name for name in defined if re.search(rf"(?<![\w]){name}\(", elsewhere)]
        assert set(public) <= {path.stem}, path.name


# --- It computes what the rules say -------------------------------------------------------------

batches = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=250, max_size=250)


@batches
@given(texts=many(integer_texts))
def test_integer(texts: list[str | None]) -> None:
    for text in texts:
        assert (text, CLEAN["bigint"](raw=text)) == (text, cleaning.integer(text))


@batches
@given(texts=many(number_texts))
def test_amount(texts: list[str | None]) -> None:
    for text in texts:
        expected = None if text and len(text) > 4000 else cleaning.amount(text)
        assert (text, CLEAN["decimal(18,2)"](raw=text)) == (text, expected)


@pytest.mark.parametrize(("text", "amount"), AMOUNTS.items())
def test_amount_by_hand(text: str, amount: str | None) -> None:
    assert CLEAN["decimal(18,2)"](raw=text) == (Decimal(amount) if amount else None)


@pytest.mark.parametrize(("text", "number"), INTEGERS.items())
def test_integer_by_hand(text: str, number: int | None) -> None:
    assert CLEAN["bigint"](raw=text) == number


@pytest.mark.parametrize(("text", "result"), TEXTS.items())
def test_text_by_hand(text: str | None, result: str | None) -> None:
    assert CLEAN["varchar(10)"](raw=text) == result


@pytest.mark.parametrize(("text", "key"), KEYS.items())
def test_text_key_by_hand(text: str | None, key: str | None) -> None:
    assert CLEAN_TEXT_KEY(raw=text) == key


@pytest.mark.parametrize(("text", "digits"), FRACTIONS.items())
def test_fraction_by_hand(text: str, digits: str) -> None:
    assert FRACTION(raw=text) == digits


def test_null_words_are_null_in_every_type() -> None:
    renderer = Renderer("synapse", variables={"null_words": ["0", "1900-01-01", "it's"]})
    for kind, word in (("bigint", "0"), ("decimal(18,2)", "0"), ("timestamp", "1900-01-01")):
        clean = Expression(renderer.macro("clean_raw", "raw", kind))
        assert clean(raw=f" {word} ") is None
        assert clean(raw=word.replace("0", "00", 1).replace("19", "2")) is not None
    assert Expression(renderer.macro("clean_raw", "raw", "varchar(9)"))(raw="it's") is None


@batches
@given(texts=many(number_texts))
def test_number_of_another_scale(texts: list[str | None]) -> None:
    for text in texts:
        amount = cleaning.amount(text)
        if amount is not None and abs(amount) < 10**13:
            expected = cleaning.rounded(Decimal((cleaning.trimmed(text) or "").lstrip("'")), 4)
            assert (text, CLEAN["decimal(18,4)"](raw=text)) == (text, expected)


@batches
@given(texts=many(datetime_texts), zone=st.sampled_from(["UTC", "America/Chicago"]))
def test_time(texts: list[str | None], zone: str) -> None:
    for text in texts:
        expected = cleaning.time(text, ZoneInfo(zone))
        assert (text, CLEAN_ON_CLOCK[zone](raw=text)) == (text, expected)


@pytest.mark.parametrize(("text", "time"), TIMES.items())
def test_time_by_hand(text: str, time: datetime | None) -> None:
    assert CLEAN["timestamp"](raw=text) == time
    assert CLEAN["date"](raw=text) == (time.date() if time else None)


@pytest.mark.parametrize(("came", "time"), CLOCKS.items())
def test_time_on_the_business_s_clock(came: tuple[str, str], time: datetime | None) -> None:
    zone, text = came
    assert CLEAN_ON_CLOCK[zone](raw=text) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("05.01.2024 10:30", datetime(2024, 1, 5, 10, 30)),
        ("05-01-2024 10:30", None),
        ("05.01.2024 24:00", None),
        ("05.01.2024 10:30 ", datetime(2024, 1, 5, 10, 30)),
        ("30.02.2024 10:30", None),
        ("20240229", datetime(2024, 2, 29)),
        ("2024０229", None),
        ("[2024] 100%_01'05 103059", datetime(2024, 1, 5, 10, 30, 59)),
        ("[2024] 1000_01'05 103059", None),
        ("2024-01-05T10:00Z", datetime(2024, 1, 5, 10)),
    ],
)
def test_time_in_extra_formats(text: str, time: datetime | None) -> None:
    assert CLEAN_EXTRA["timestamp"](raw=text) == time


@batches
@given(texts=many(descriptive_texts))
def test_text_is_trimmed_and_cut(texts: list[str | None]) -> None:
    for text in texts:
        assert (text, CLEAN["varchar(20)"](raw=text)) == (text, cleaning.text(text, 20))


def half_away_from_zero(value: Fraction, places: int) -> Decimal:
    return cleaning.rounded(Decimal(value.numerator) / Decimal(value.denominator), places)


@pytest.mark.parametrize(
    ("amount", "purchases", "average"),
    [
        ("10.01", 2, "5.01"),
        ("-10.01", 2, "-5.01"),
        ("20.00", 3, "6.67"),
        ("9999999999999999.99", 1, "9999999999999999.99"),
        ("1.00", 0, None),
    ],
)
def test_average_amount(amount: str, purchases: int, average: str | None) -> None:
    divide = Expression(SYNAPSE.macro("average_amount", "amount", "purchases"))
    actual = divide(amount=Decimal(amount), purchases=Number(Fraction(purchases), "int"))
    assert actual == (Decimal(average) if average else None)


@given(pair=st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1)))
@settings(deadline=None, max_examples=50)
def test_shares_of_more_rows_than_a_million(pair: tuple[int, int]) -> None:
    part, total = sorted(pair)  # T-SQL counts rows in int, which a multiple of them overflows
    share = Expression(SYNAPSE.macro("divide", "part", "total", 6))
    counted = {"part": Number(Fraction(part), "int"), "total": Number(Fraction(total), "int")}
    assert share(**counted) == half_away_from_zero(Fraction(part, total), 6)


@given(moment=moments)
@settings(deadline=None, max_examples=50)
def test_calendar(moment: datetime) -> None:
    weekday = Expression(SYNAPSE.macro("day_of_week_number", "moment"))
    assert weekday(moment=moment) == moment.isoweekday()
    first, day = date(1, 1, 1), moment.date()
    days = Expression(SYNAPSE.macro("days_between", "first", "last"))(first=first, last=day)
    assert days == (day - first).days
    assert Expression(SYNAPSE.macro("add_days", "days", "day"))(days=days, day=first) == day


def test_days_after_the_last_one_are_no_error() -> None:
    add_days = Expression(SYNAPSE.macro("add_days", "days", "day"))
    assert add_days(days=364, day=date(9999, 1, 1)) == date(9999, 12, 31)
    assert add_days(days=365, day=date(9999, 1, 1)) is None
    assert add_days(days=9_999_999, day=date(2024, 1, 1)) is None


@pytest.mark.parametrize(
    ("contract_type", "engine_type"),
    [
        ("varchar(100)", "nvarchar(200)"),
        ("varchar(8000)", "nvarchar(max)"),
        ("timestamp", "datetime2(0)"),
        ("timestamp(6)", "datetime2(6)"),
        ("boolean", "bit"),
        ("integer", "int"),
        ("bigint", "bigint"),
        ("decimal(10,2)", "decimal(10,2)"),
        ("date", "date"),
    ],
)
def test_types(contract_type: str, engine_type: str) -> None:
    assert SYNAPSE.macro("engine_type", contract_type) == engine_type
    assert Renderer("duckdb").macro("engine_type", contract_type) == contract_type


# --- The calculator itself is strict ------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("left(a, -1)", "Invalid length parameter"),
        ("substring(a, 1, charindex('x', a) - 1)", "Invalid length parameter"),
        ("1000000 * 1000000", "Arithmetic overflow"),
        ("cast('9223372036854775808' as bigint)", "Arithmetic overflow"),
        ("cast('0000000000000000000000000000000000000001.5' as decimal(10, 2))", "overflow"),
        ("dateadd(day, 1, cast('9999-12-31' as date))", "caused an overflow"),
        ("case when a like 'b%' and left(a, -1) = 'b' then 1 end", "Invalid length parameter"),
    ],
)
def test_the_calculator_raises_what_the_server_would(sql: str, error: str) -> None:
    with pytest.raises(TsqlError, match=error):
        Expression(sql)(a="a")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("try_cast('' as bigint)", 0),
        ("try_cast('12.5' as bigint)", None),
        ("case when '²' like N'[0-9]' then 1 else 0 end", 1),
        ("case when N'²' collate Latin1_General_100_BIN2 like N'[0-9]' then 1 else 0 end", 0),
        ("case when 'a ' like 'a' then 1 else 0 end", 1),
        ("case when N'a ' like N'a' then 1 else 0 end", 0),
        ("case when N'a ' = N'a' then 1 else 0 end", 1),
        ("len(N'a ')", 1),
        ("len(N'😀')", 2),
        ("left(N'😀😀' collate Latin1_General_100_CI_AS_SC, 1)", "😀"),
        ("cast(N'ab' as nvarchar(1))", "a"),
        ("7 / 2", 3),
        ("-7 % 4", -3),
        ("concat(null, 'a', 1)", "a1"),
    ],
)
def test_the_calculator_knows_t_sql(sql: str, value: Any) -> None:
    assert Expression(sql)() == value
