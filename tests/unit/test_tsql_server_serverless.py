"""The stand-in's serverless SQL pool keeps to what the documentation of the real one says."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
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
    bulk = path if path.startswith("(") else f"'{path}'"
    return (
        f"openrowset(bulk {bulk}, data_source = 'c360_lake', format = 'CSV'{options})"
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


def test_columns_are_bound_by_their_place(pool: Pool) -> None:
    pool.put("bronze/c/b1/x.csv", "name,extra,id\nŁódź,,7\n")
    pool.put("bronze/c/b2/y.csv", "name,extra,id\nB,2,8\n")
    source = rowset(
        "('bronze/c/b1/x.csv', 'bronze/c/b2/y.csv')",
        ", parser_version = '2.0', firstrow = 2",
        f"id varchar(64) {UTF8} 3, name varchar(64) {UTF8} 1",
    )
    assert sorted(
        pool(f"select r.id, r.name, r.filename() as f, r.filepath() as p from {source}")
    ) == [
        ("7", "Łódź", "x.csv", f"{URL}/bronze/c/b1/x.csv"),
        ("8", "B", "y.csv", f"{URL}/bronze/c/b2/y.csv"),
    ]


@pytest.mark.parametrize(("version", "value"), [("1.0", None), ("2.0", "")])
def test_quotes_without_a_text_are_one_for_parser_2_only(
    pool: Pool, version: str, value: str | None
) -> None:
    pool.put("a.csv", 'a,b\n"",1\n')
    source = rowset(
        "a.csv", f", parser_version = '{version}', firstrow = 2", f"a varchar(8) {UTF8}"
    )
    assert pool(f"select r.a from {source}") == [(value,)]


def test_wildcards_find_files_that_begin_with_an_underline_or_a_point(pool: Pool) -> None:
    for name in ("a.json", "_b.json", ".c.json"):
        pool.put(f"m/{name}", name)
    source = rowset("m/*.json", LINES + ", rowterminator = '0x0b'", "line nvarchar(max)")
    assert sorted(pool(f"select r.line from {source}")) == [(".c.json",), ("_b.json",), ("a.json",)]


def test_a_folder_without_files_cannot_be_listed(pool: Pool) -> None:
    source = rowset("m/*.json", LINES + ", rowterminator = '0x0b'", "line nvarchar(max)")
    with pytest.raises(SqlServerError, match="cannot be listed") as error:
        pool(f"select r.line from {source}")
    assert error.value.number == 13807


CSV_1, CSV_2 = (f", parser_version = '{version}', firstrow = 2" for version in ("1.0", "2.0"))


@pytest.mark.parametrize(
    ("file", "options", "column", "message"),
    [
        (
            "a.csv.gz",
            CSV_2 + ", data_compression = 'GZIP'",
            f"a varchar(9) {UTF8}",
            "DATA_COMPRESSION",
        ),
        (
            "a.csv.gz",
            ", parser_version = '1.0', firstrow = 2",
            f"a varchar(9) {UTF8}",
            "compression",
        ),
        (
            "a.csv",
            ", parser_version = '1.0', header_row = true",
            f"a varchar(9) {UTF8}",
            "HEADER_ROW",
        ),
        ("a.csv", CSV_2, f"a varchar(max) {UTF8}", "8000"),
        ("a.csv", CSV_2, "a varchar(9)", "UTF8"),
        ("a.csv", CSV_2, f"a varchar(3) {UTF8}", "truncation"),
        ("quoted.csv", CSV_2, f"a varchar(9) {UTF8}", "quotes"),
        ("gone.csv", CSV_2, f"a varchar(9) {UTF8}", "does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_so_is_an_error(
    pool: Pool, file: str, options: str, column: str, message: str
) -> None:
    pool.put("a.csv", "a,b\nŁódź,1\n")
    pool.put("quoted.csv", 'a,b\n"x\ny",1\n')
    pool.put("a.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(Exception, match=message):
        pool(f"select r.a from {rowset(file, options, column)}")


def test_gzip_is_read_by_parser_1(pool: Pool) -> None:
    pool.put("a.csv.gz", gzip.compress(b'a,b\n"x\ny",2\n'))
    options = ", parser_version = '1.0', firstrow = 2, data_compression = 'GZIP'"
    assert pool(f"select r.a from {rowset('a.csv.gz', options, f'a varchar(9) {UTF8}')}") == [
        ("x\ny",)
    ]
