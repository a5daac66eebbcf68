"""The T-SQL stand-in's queries mean what T-SQL's documentation says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.render import Renderer
from tests.support.tsql import Expression
from tests.support.tsql_server import functions
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.translate import to_duckdb
from tests.support.values import datetime_texts, descriptive_texts, integer_texts, number_texts

SQLSERVER = Renderer("sqlserver")
# An example is one query over many values, so none is shrunk.
batches = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        functions.install(connection)
        functions.register(connection)
        connection.execute("create schema dbo")
        yield connection


def rows(duck: duckdb.DuckDBPyConnection, tsql: str) -> list[tuple[Any, ...]]:
    """Return what a T-SQL query gives, translated."""
    return duck.execute(to_duckdb(tsql)).fetchall()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("'a' + 'b'", "ab"),
        ("1 + 2", 3),
        ("cast('' as int)", 0),
        ("try_cast('-' as bigint)", 0),
        ("try_cast('1.0' as int)", None),
        ("try_cast('9223372036854775808' as bigint)", None),
        ("cast(cast('-7.9' as decimal(5, 2)) as int)", -7),
        ("cast('1.005' as decimal(10, 2))", Decimal("1.01")),
        ("try_cast('1e3' as decimal(10, 2))", None),
        ("try_cast('99999999.995' as decimal(10, 2))", None),
        (f"try_cast('{'0' * 37}1.1' as decimal(10, 2))", None),
        ("try_cast('2024-02-29T10:00:00' as datetime2(0))", datetime(2024, 2, 29, 10)),
        ("try_cast('2023-02-29T10:00:00' as datetime2(0))", None),
        ("try_cast('2024-01-01T24:00:00' as datetime2(0))", None),
        ("try_cast('0000-01-01T00:00:00' as datetime2(0))", None),
        ("len(N'ab  ')", 2),
        ("left(N'Łódź', 2)", "Łó"),
        ("right('abc', 2)", "bc"),
        ("substring('abcd', 0, 3)", "ab"),
        ("substring('abcd', 3, 4000)", "cd"),
        ("charindex('.', '12.5')", 3),
        ("charindex('', 'a')", 0),
        ("patindex('%[^0]%', '0012')", 3),
        ("patindex('%x%', 'abc')", 0),
        ("concat('a', null, 1)", "a1"),
        ("concat(cast(1 as bit), '')", "1"),
        ("trim(concat(N' ', nchar(160)) from N' \u00a0x ')", "x"),
        ("nullif('a ', 'a')", None),
        ("isnull(null, 'x')", "x"),
        ("iif('a' = 'a  ', 1, 0)", 1),
        ("iif('a' = 'A' collate Latin1_General_100_BIN2, 1, 0)", 0),
        ("iif('a' in ('b', 'a '), 1, 0)", 1),
        ("case 'b' when 'b ' then 1 else 0 end", 1),
        ("iif('5x' like '[0-9]%', 1, 0)", 1),
        ("iif('a]' like '%[^0-9]', 1, 0)", 1),
        ("iif('a\nb' like 'a_b', 1, 0)", 1),
        ("iif('A' not like '[a-z]', 1, 0)", 1),
        ("sign(cast(-3 as bigint))", -1),
        ("year(cast('2024-03-05' as date)) * 100 + day(cast('2024-03-05' as date))", 202405),
        ("datepart(hour, cast('2024-03-05T07:08:09' as datetime2(0)))", 7),
        ("dateadd(day, 1, cast('2024-02-28' as date))", date(2024, 2, 29)),
        ("dateadd(month, 1, cast('2024-01-31' as date))", date(2024, 2, 29)),
        (
            "dateadd(microsecond, -1, cast('2024-01-01T00:00:00' as datetime2(6)))",
            datetime(2023, 12, 31, 23, 59, 59, 999999),
        ),
        (
            "dateadd(minute, -90, cast('2024-01-01T01:00:00' as datetime2(0)))",
            datetime(2023, 12, 31, 23, 30),
        ),
        (
            "cast(cast('2024-07-01T12:00:00' as datetime2(0)) at time zone 'UTC'"
            " at time zone 'Central Standard Time' as datetime2(0))",
            datetime(2024, 7, 1, 7),
        ),
        ("reverse('abc')", "cba"),
        ("datediff(day, cast('2024-01-01' as date), cast('2024-03-01' as date))", 60),
        ("datediff(year, cast('2023-12-31' as date), cast('2024-01-01' as date))", 1),
        ("string_escape('a/\"b', 'json')", 'a\\/\\"b'),
        ("convert(varchar(32), hashbytes('MD5', 'a'), 2)", "0CC175B9C0F1B6A831C399E269772661"),
        ('json_value(\'{"a b": {"c": 1}}\', \'$."a b".c\')', "1"),
        ("json_value('{\"a\": [1]}', '$.a')", None),
        ("json_query('{\"a\": [\"b\"]}', '$.a')", '["b"]'),
        ("json_query('{\"a\": 1}', '$.a')", None),
        ("(select x.b from (select 2 as a) as y cross apply (select y.a + 1 as b) as x)", 3),
        (
            "(select x.b from (select 2 as a where 1 = 0) as y cross apply (select 5 as b) as x)",
            None,
        ),
    ],
)
def test_an_expression_means_what_it_means_in_tsql(
    duck: duckdb.DuckDBPyConnection, expression: str, expected: Any
) -> None:
    ((result,),) = rows(duck, f"select {expression} as result")
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "query",
    [
        "select 1 / 0 as x",
        "select left('abc', n) as x from (values (-1)) as v (n)",
        "select substring('abc', 1, n) as x from (values (-1)) as v (n)",
        "select cast('x' as int) as x",
        "select cast('1e3' as decimal(10, 2)) as x",
        "select cast('2023-02-29' as date) as x",
        "select 2147483647 + 1 as x",
        "select dateadd(day, 1, cast('9999-12-31' as date)) as x",
        "select cast(cast('9999-12-31T23:00:00' as datetime2(0)) at time zone 'UTC'"
        " at time zone 'W. Europe Standard Time' as datetime2(0)) as x",
        "select sum(n) as x from (values (2147483647), (1)) as v (n)",
        "select sum(cast(n as bit)) as x from (values (1), (1)) as v (n)",
    ],
)
def test_what_the_server_refuses_is_an_error(duck: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises(duckdb.Error):
        rows(duck, query)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("select a from (select 1 as a, 1 + 1) as t", 8155),
        ("with t as (select 1 union all select 2 as b) select * from t", 8155),
        ("select a from (select a from t order by a) as u", 1033),
        ("select a from (select top 1 a from t order by a) as u", None),
        ("select a from (with b as (select 1 as a) select a from b) as c", 156),
        ("select sum((select 1)) as s from t", 130),
        ("select count(*) as n from t group by 1", 164),
        ("select count(*) as n from t group by (select a)", 144),
        ("select cast(a at time zone 'America/Chicago' as date) as b from t", 9820),
    ],
)
def test_what_duckdb_takes_and_the_server_refuses(query: str, number: int | None) -> None:
    if number is None:
        to_duckdb(query)
        return
    with pytest.raises(SqlServerError) as caught:
        to_duckdb(query)
    assert caught.value.number == number


@pytest.mark.parametrize(
    "expression",
    [
        "format(1, 'x')",
        "list_sum(x)",
        "avg(x) over ()",
        "cast(x as xml)",
        "datepart(weekday, x)",
        "iif('a' = 'A' collate Latin1_General_CI_AS, 1, 0)",
        "iif('a' like x, 1, 0)",
        "iif('50%' like '50!%' escape '!', 1, 0)",
        "chr(65)",
        "tsql_int(x)",
        "coalesce(len(x), 'none')",
        "iif(len(x) = 'a', 1, 0)",
        "convert(varchar(10), x, 121)",
        "x at time zone 'UTC'",
        "cast(x at time zone 'UTC' as datetime2(0))",
    ],
)
def test_what_has_no_rule_is_no_guess(expression: str) -> None:
    with pytest.raises(UnknownSqlError):
        to_duckdb(f"select {expression} as result from t")


def test_nulls_come_first_and_counts_are_ints(duck: duckdb.DuckDBPyConnection) -> None:
    values = "(values (2), (null), (1)) as v (a)"
    assert rows(duck, f"select a from {values} order by a") == [(None,), (1,), (2,)]
    assert rows(duck, f"select top 1 a from {values} order by a desc") == [(2,)]
    assert rows(duck, f"select sum(a) over () as s from {values}") == [(3,), (3,), (3,)]
    described = duck.execute(
        "describe "
        + to_duckdb(f"select count(*) as n, sum(a) as s, count_big(*) as b from {values}")
    )
    assert [row[1] for row in described.fetchall()] == ["INTEGER", "INTEGER", "BIGINT"]


def test_openjson_has_a_row_for_each_object(duck: duckdb.DuckDBPyConnection) -> None:
    document = '{"batch": "b", "files": [{"n": 1.50, "ok": true}, {"n": "x", "l": [1, 2]}]}'
    query = (
        f"select b.batch, f.n, f.ok, f.l from (select '{document}' as line) as d"
        " cross apply openjson(d.line) with (batch nvarchar(9) '$.batch', files nvarchar(max)"
        " '$.files' as json) as b cross apply openjson(b.files) with"
        " (n nvarchar(9), ok bit '$.ok', l nvarchar(max) '$.l' as json) as f order by f.n"
    )
    # Numbers as they are written; a list only for a column AS JSON.
    assert rows(duck, query) == [("b", "1.50", True, None), ("b", "x", None, "[1,2]")]


def test_openjson_without_columns_has_the_places_of_a_list_and_the_names_of_an_object_s_members(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    query = (
        "select p.[key] as place, p.value as v from (select '{}' as x) as d"
        " cross apply openjson(d.x) as p"
    )
    assert sorted(rows(duck, query.format('[{"n": 1}, "a"]'))) == [("0", '{"n":1}'), ("1", "a")]
    assert rows(duck, query.format("[]")) == []
    members = '{"n": 1.50, "a b": "x\\"\\u00e9", "t": true, "no": null, "l": [1]}'
    assert sorted(rows(duck, query.format(members))) == [
        ("a b", 'x"é'), ("l", "[1]"), ("n", "1.50"), ("no", None), ("t", "true"),
    ]  # fmt: skip
    assert rows(duck, query.replace("'{}'", "cast(null as nvarchar(9))")) == []


def test_an_aggregate_keeps_its_type_where_it_is_converted(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    query = (
        "select concat(min(v.a), ' of ', cast(count(distinct v.a) as nvarchar(9))) as t,"
        " cast(count(*) as bigint) as n from (values (N'b'), (N'a'), (N'a')) as v (a)"
    )
    assert rows(duck, query) == [("a of 2", 3)]
    ranked = (
        "select cast(rank() over (order by v.a) as bigint) as r from (values (2), (1)) as v (a)"
    )
    assert sorted(rows(duck, ranked)) == [(1,), (2,)]


# -- The scalar macros, against the evaluator of tests/support/tsql.py


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=150, max_size=150)


def assert_agree(duck: duckdb.DuckDBPyConnection, sql: str, texts: list[str | None]) -> None:
    """Assert that both ways to compute an expression of the column `x` give the same."""
    duck.execute("create or replace table dbo.given as select unnest(?::varchar[]) as x", [texts])
    found = [row[0] for row in rows(duck, f"select {sql} as result from given")]
    evaluate = Expression(sql)
    wrong = {
        text: (result, expected)
        for text, result in zip(texts, found, strict=True)
        if result != (expected := evaluate(x=text))
    }
    assert not wrong


@batches
@given(many(integer_texts))
def test_integers_agree(duck: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_agree(duck, SQLSERVER.macro("clean_integer", "x"), texts)


@batches
@given(many(number_texts))
def test_numbers_agree(duck: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_agree(duck, SQLSERVER.macro("clean_number", "x", "decimal(18,2)"), texts)


@batches
@given(many(datetime_texts))
def test_times_agree(duck: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_agree(duck, SQLSERVER.macro("clean_datetime", "x"), texts)
    assert_agree(duck, SQLSERVER.macro("moment_fraction", "x"), texts)


@pytest.mark.parametrize("zone", ["America/Chicago", "Australia/Lord_Howe"])
@batches
@given(many(datetime_texts))
def test_times_in_a_time_zone_agree(
    duck: duckdb.DuckDBPyConnection, zone: str, texts: list[str | None]
) -> None:
    renderer = Renderer("sqlserver", variables={"business_timezone": zone})
    assert_agree(duck, renderer.macro("clean_raw", "x", "timestamp"), texts)


@batches
@given(many(descriptive_texts))
def test_texts_agree(duck: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    assert_agree(duck, SQLSERVER.macro("trim_text", "x"), texts)
    assert_agree(duck, SQLSERVER.macro("clean_text", "x", "20"), texts)
    assert_agree(duck, SQLSERVER.macro("clean_raw", "x", "varchar(20)"), texts)
    assert_agree(duck, SQLSERVER.macro("clean_key", "x", "varchar(64)"), texts)
