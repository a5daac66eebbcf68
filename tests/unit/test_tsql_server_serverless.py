"""The stand-in's serverless SQL pool keeps to what the documentation of the real one says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.serverless import ServerlessPool

URL = "https://account.dfs.core.windows.net/lake/c360"
SETUP = [
    "create database customer360 collate Latin1_General_100_BIN2_UTF8",
    "use customer360",
    "create master key encryption by password = 'Pass-word1'",
    "create database scoped credential c360_identity with identity = 'Managed Identity'",
    f"create external data source c360_lake with (location = '{URL}', credential = c360_identity)",
    "create external file format c360_parquet with (format_type = parquet)",
    "create external file format c360_csv with (format_type = delimitedtext, format_options"
    " (field_terminator = ',', string_delimiter = '\"', first_row = 2, parser_version = '2.0'))",
    "create schema silver",
]


class Pool:
    """A session in a new pool, and the lake that it sees."""

    def __init__(self, state: Path, lake: Path, database: str = "master") -> None:
        self.lake = lake
        self.server = ServerlessPool.attach(state, database)
        self.session = self.server.login(database, True)

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        results = self.server.execute(self.session, sql)
        return next((result.rows for result in reversed(results) if result.columns), [])

    def close(self) -> None:
        self.server.logout(self.session)

    def put(self, path: str, content: bytes | str) -> None:
        place = self.lake / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def put_rows(self, path: str, **columns: pa.Array) -> None:
        self.put(path, b"")
        pq.write_table(pa.table(columns), self.lake / path)

    def files(self, folder: str) -> list[Path]:
        return sorted(path for path in (self.lake / folder).rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The state folders of a new pool and of one that is set up; making them takes its time."""
    new, set_up = tmp_path_factory.mktemp("new"), tmp_path_factory.mktemp("set_up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("C360_STANDIN_LAKE", str(new))
        pool = Pool(new, new)
        pool.close()
        shutil.copytree(new, set_up, dirs_exist_ok=True)
        pool = Pool(set_up, set_up)
        for statement in SETUP:
            pool(statement)
        pool.close()
        yield {"new": new, "set up": set_up}


def opened(state: Path, database: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> Iterator[Pool]:
    lake = tmp_path / "lake"
    lake.mkdir()
    patch.setenv("C360_STANDIN_LAKE", str(lake))
    pool = Pool(shutil.copytree(state, tmp_path / "state"), lake, database)
    yield pool
    pool.close()


@pytest.fixture
def new_pool(
    states: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pool]:
    yield from opened(states["new"], "master", tmp_path, monkeypatch)


@pytest.fixture
def pool(
    states: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pool]:
    yield from opened(states["set up"], "customer360", tmp_path, monkeypatch)


def cetas(query: str = "select 1 as a", name: str = "silver.t", folder: str = "silver/t/1/") -> str:
    return (
        f"create external table {name} with (location = '{folder}', data_source = c360_lake,"
        f" file_format = c360_parquet) as {query}"
    )


def rowset(path: str, options: str, columns: str) -> str:
    return (
        f"openrowset(bulk '{path}', data_source = 'c360_lake', format = 'CSV'{options})"
        f" with ({columns}) as r"
    )


def parquet(columns: str, *paths: str) -> str:
    bulk = ", ".join(f"'{path}'" for path in paths)
    return (
        f"openrowset(bulk ({bulk}), data_source = 'c360_lake', format = 'PARQUET')"
        f" with ({columns}) as r"
    )


UTF8 = "collate Latin1_General_100_BIN2_UTF8"
LINES = ", parser_version = '1.0', fieldterminator = '0x0b', fieldquote = '0x0b'"


# --- What a database holds ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "create table silver.x (a int)",
        "create table silver.x with (distribution = round_robin) as select 1 as a",
        "insert into silver.x values (1)",
        "update silver.x set a = 1",
        "delete from silver.x",
        "truncate table silver.x",
        "drop table silver.x",
        "create clustered columnstore index i on silver.x",
    ],
)
def test_it_has_no_tables(pool: Pool, statement: str) -> None:
    with pytest.raises(SqlServerError, match="not supported"):
        pool(statement)


@pytest.mark.parametrize(
    "statement", ["exec sp_rename 'silver.x', 'y'", "rename object silver.x to y"]
)
def test_it_renames_nothing(pool: Pool, statement: str) -> None:
    with pytest.raises((SqlServerError, UnknownSqlError)):
        pool(statement)


@pytest.mark.parametrize("statement", [*SETUP[2:], cetas(), "create view v as select 1 as a"])
def test_it_makes_nothing_in_master(new_pool: Pool, statement: str) -> None:
    with pytest.raises(SqlServerError, match="not supported in master"):
        new_pool(statement)


def test_a_new_pool_has_no_database_to_log_in_to(new_pool: Pool) -> None:
    with pytest.raises(SqlServerError, match=r"Cannot open database .customer360"):
        new_pool.server.login("customer360", True)


def test_a_credential_needs_a_master_key_and_a_data_source_a_credential(new_pool: Pool) -> None:
    new_pool(SETUP[0])
    new_pool(SETUP[1])
    with pytest.raises(SqlServerError, match="create a master key"):
        new_pool(SETUP[3])
    with pytest.raises(SqlServerError, match="Cannot find the CREDENTIAL"):
        new_pool(SETUP[4])


def test_it_takes_no_labels_or_hints(pool: Pool) -> None:
    with pytest.raises(SqlServerError, match="hints"):
        pool("select name from sys.schemas option (label = 'dbt')")


def test_names_in_information_schema_are_capitals_in_a_binary_collation(pool: Pool) -> None:
    assert pool("select TABLE_NAME from INFORMATION_SCHEMA.TABLES") == []
    with pytest.raises(SqlServerError, match="table_name"):
        pool("select table_name from INFORMATION_SCHEMA.TABLES")


def test_system_views_are_not_asked_together_with_files(pool: Pool) -> None:
    pool(cetas())
    with pytest.raises(SqlServerError, match="distributed processing"):
        pool("select s.name from sys.schemas as s inner join silver.t as t on t.a = s.schema_id")


# --- CETAS --------------------------------------------------------------------------------------


def test_cetas_writes_parquet_that_the_table_and_others_read(pool: Pool) -> None:
    moment = "cast('2024-01-05T10:00:00' as datetime2(0))"
    pool(cetas(f"select {moment} as at, cast(N'Łódź' as nvarchar(10)) as place"))
    (file,) = pool.files("silver/t/1")
    assert pool("select place, year(at) as y from silver.t") == [("Łódź", 2024)]
    described = duckdb.sql(f"describe from read_parquet('{file}')").fetchall()
    assert [(name, type_) for name, type_, *_ in described] == [
        ("at", "TIMESTAMP WITH TIME ZONE"),  # a pool would read other times as bigint
        ("place", "VARCHAR"),
    ]
    assert pool(
        "select c.name, t.name, c.max_length from sys.columns as c"
        " inner join sys.types as t on c.user_type_id = t.user_type_id"
        " where c.object_id = object_id('silver.t') order by c.column_id"
    ) == [("at", "datetime2", 6), ("place", "nvarchar", 20)]


def test_cetas_into_a_folder_with_files_fails(pool: Pool) -> None:
    pool.put("silver/t/1/left.parquet", b"")
    with pytest.raises(SqlServerError, match=r"location already exists.*silver/t/1"):
        pool(cetas())
    assert pool("select name from sys.external_tables") == []


def test_drop_external_table_leaves_its_files_in_the_way_of_the_next(pool: Pool) -> None:
    pool(cetas())
    pool("drop external table silver.t")
    assert len(pool.files("silver/t/1")) == 1
    with pytest.raises(SqlServerError, match="already exists"):
        pool(cetas())
    with pytest.raises(SqlServerError, match="Cannot drop"):
        pool("drop external table silver.t")


def test_cetas_writes_to_the_dfs_endpoint_only(pool: Pool) -> None:
    pool(SETUP[4].replace("c360_lake", "blob").replace("dfs", "blob"))
    with pytest.raises(SqlServerError, match="cannot write"):
        pool(cetas().replace("c360_lake", "blob"))


def test_cetas_writes_no_value_of_more_than_a_megabyte(pool: Pool) -> None:
    pool.put("bronze/big.jsonl", "x" * 1_000_001 + "\n")
    big = rowset("bronze/big.jsonl", LINES + ", rowterminator = '0x0a'", "line nvarchar(max)")
    with pytest.raises(Exception, match="too large"):
        pool(cetas(f"select r.line from {big}"))


def test_an_external_table_s_name_has_at_most_100_characters(pool: Pool) -> None:
    with pytest.raises(SqlServerError, match="too long"):
        pool(cetas(name=f"silver.{'t' * 101}"))


def test_a_failed_cetas_can_leave_files_and_leaves_no_table(pool: Pool) -> None:
    pool.server.half_done(pool.session, cetas())
    assert pool.files("silver/t/1") != []
    assert pool("select name from sys.external_tables") == []


# --- OPENROWSET ---------------------------------------------------------------------------------


def test_parquet_columns_are_bound_by_their_names_and_one_that_is_not_there_is_null(
    pool: Pool,
) -> None:
    pool.put_rows("rows/b1/x.csv.parquet", name=pa.array(["Łódź", ""]), id=pa.array([1, 2]))
    pool.put_rows("rows/b2/y.csv.parquet", id=pa.array([3]), Name=pa.array(["other case"]))
    source = parquet(
        f"id bigint, name varchar(64) {UTF8}", "rows/b1/x.csv.parquet", "rows/b2/y.csv.parquet"
    )
    assert sorted(
        pool(f"select r.id, r.name, r.filename() as f, r.filepath() as p from {source}")
    ) == [
        (1, "Łódź", "x.csv.parquet", f"{URL}/rows/b1/x.csv.parquet"),
        (2, "", "x.csv.parquet", f"{URL}/rows/b1/x.csv.parquet"),
        (3, None, "y.csv.parquet", f"{URL}/rows/b2/y.csv.parquet"),
    ]


def test_a_parquet_file_without_rows_has_none(pool: Pool) -> None:
    pool.put_rows("rows/x.parquet", a=pa.array([], pa.string()))
    source = parquet(f"a varchar(8) {UTF8}", "rows/x.parquet")
    assert pool(f"select r.a from {source}") == []


def test_a_time_without_a_zone_is_to_be_relied_on_as_int96_only(pool: Pool) -> None:
    moment = datetime(2024, 1, 5, 10, 0, 0, 1)
    local = pa.table({"local": pa.array([moment], pa.timestamp("us"))})
    old, new = pool.lake / "rows/old.parquet", pool.lake / "rows/new.parquet"
    old.parent.mkdir(parents=True)
    pq.write_table(local, old, use_deprecated_int96_timestamps=True)
    pq.write_table(local, new)
    source = parquet("local datetime2", "rows/old.parquet")
    assert pool(f"select r.local from {source}") == [(moment,)]
    for wanted in ("bigint", "datetime2"):
        with pytest.raises(SqlServerError, match="not compatible"):
            pool(f"select r.local from {parquet(f'local {wanted}', 'rows/new.parquet')}")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("a varchar(9)", "UTF8"),
        (f"a varchar(6) {UTF8}", "truncated, column a"),
        ("a bigint", "not compatible"),
        ("at datetime2(6)", "not compatible"),
    ],
)
def test_a_parquet_column_of_another_type_or_a_longer_value_is_an_error(
    pool: Pool, column: str, message: str
) -> None:
    at = pa.array([datetime(2024, 1, 5)], pa.timestamp("us"))
    pool.put_rows("rows/x.parquet", a=pa.array(["Łódź"]), at=at)  # seven bytes
    name = column.split()[0]
    with pytest.raises(Exception, match=message):
        pool(f"select r.{name} from {parquet(column, 'rows/x.parquet')}")


def test_a_file_that_is_not_there_is_an_error(pool: Pool) -> None:
    with pytest.raises(SqlServerError, match="does not exist"):
        pool(f"select r.a from {parquet('a bigint', 'rows/gone.parquet')}")


def test_a_wildcard_finds_no_hidden_file_and_looks_into_no_folder_below(pool: Pool) -> None:
    for name in ("a.json", "_b.json", ".c.json", "below/d.json"):
        pool.put(f"m/{name}", name)
    source = rowset("m/*.json", LINES + ", rowterminator = '0x0b'", "line nvarchar(max)")
    assert pool(f"select r.line from {source}") == [("a.json",)]


def test_a_folder_without_files_cannot_be_listed(pool: Pool) -> None:
    source = rowset("m/*.json", LINES + ", rowterminator = '0x0b'", "line nvarchar(max)")
    with pytest.raises(SqlServerError, match="cannot be listed") as error:
        pool(f"select r.line from {source}")
    assert error.value.number == 13807


# --- External tables over CSV files -------------------------------------------------------------


def raw_table(columns: str) -> str:
    return (
        f"create external table silver.raw ({columns}) with (location = 'bronze/c/*/*.csv',"
        " data_source = c360_lake, file_format = c360_csv)"
    )


def test_an_external_table_shows_the_csv_files_of_its_pattern_as_they_are_now(pool: Pool) -> None:
    pool.put("bronze/c/b1/x.csv", 'id,name\n1,"Łódź, ""C"""\n')
    pool.put("bronze/c/b1/x.jsonl", "{}")
    pool(raw_table(f"id varchar(8) {UTF8}, name varchar(8000) {UTF8}"))
    pool.put("bronze/c/b2/y.csv", "id,name\r\n2,\r\n")
    assert sorted(pool("select id from silver.raw")) == [("1",), ("2",)]
    assert pool("select name from silver.raw where id = '1'") == [('Łódź, "C"',)]
    assert pool(
        "select t.name, c.name, c.max_length from sys.external_tables as t"
        " inner join sys.columns as c on t.object_id = c.object_id order by c.column_id"
    ) == [("raw", "id", 8), ("raw", "name", 8000)]
    pool("drop external table silver.raw")
    assert len(pool.files("bronze")) == 3


def test_an_external_table_s_varchar_is_of_a_utf8_collation(pool: Pool) -> None:
    with pytest.raises(SqlServerError, match="UTF8"):
        pool(raw_table("id varchar(8)"))
