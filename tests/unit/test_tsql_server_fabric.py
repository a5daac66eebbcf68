"""The stand-in for a Fabric Warehouse keeps to what the documentation of the real one says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.tsql_server.drivers import pyodbc
from tests.support.tsql_server.errors import SqlServerError
from tests.support.tsql_server.warehouse import FabricWarehouse

LAKE = "https://shop.dfs.core.windows.net/lake/c360"


class Client:
    """A session of the warehouse, as a test uses it."""

    def __init__(self, folder: Path) -> None:
        self.server = FabricWarehouse.attach(folder, "customer360")
        self.session = self.server.login("customer360", True)

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a batch; return the rows of its last result that has any."""
        results = self.server.execute(self.session, sql)
        return next((result.rows for result in reversed(results) if result.columns), [])

    def refuses(self, sql: str) -> tuple[int, str]:
        """Return the number and the message of the error that a batch ends with."""
        with pytest.raises(SqlServerError) as caught:
            self(sql)
        return caught.value.number, caught.value.message

    def types(self, relation: str) -> list[str]:
        """Return the columns of a relation with their types and sizes."""
        rows = self(
            "select c.name, t.name, c.max_length, c.scale from sys.columns as c"
            " inner join sys.types as t on c.user_type_id = t.user_type_id"
            f" where c.object_id = object_id('{relation}') order by c.column_id"
        )
        return [" ".join(map(str, row)) for row in rows]

    def close(self) -> None:
        self.server.logout(self.session)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a new warehouse; making one takes its time."""
    folder = tmp_path_factory.mktemp("new")
    Client(folder).close()
    return folder


@pytest.fixture(scope="module")
def refusing(new: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A warehouse with a table, for tests of what it refuses and is not changed by."""
    client = Client(shutil.copytree(new, tmp_path_factory.mktemp("refusing") / "state"))
    client("create table dbo.t (a int not null, b varchar(4))")
    client("alter table dbo.t add constraint pk primary key nonclustered (a) not enforced")
    yield client
    client.close()


@pytest.fixture
def client(new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    (tmp_path / "lake").mkdir()
    monkeypatch.setenv("C360_STANDIN_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("C360_LAKE", "abfss://lake@shop.dfs.core.windows.net/c360")
    client = Client(shutil.copytree(new, tmp_path / "state"))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("definition", "type_"),
    [
        ("create table dbo.x (a nvarchar(3))", "nvarchar(3)"),
        ("create table dbo.x (a datetime2)", "datetime2(7)"),
        ("create table dbo.x (a tinyint)", "tinyint"),
        ("create table dbo.x (a money)", "money"),
        ("create table dbo.x as select concat('a', N'b') as a", "nvarchar(4000)"),
        ("select sysutcdatetime() as a into dbo.x", "datetime2(7)"),
        ("create view dbo.x as select getdate() as a", "datetime"),
        ("create view dbo.x as select json_value('{}', '$.a') as a", "nvarchar(4000)"),
        ("alter table dbo.t add c nvarchar(3)", "nvarchar(3)"),
    ],
)
def test_what_is_stored_has_a_type_of_the_warehouse(
    refusing: Client, definition: str, type_: str
) -> None:
    assert refusing.refuses(definition) == (
        24574,
        f"The data type '{type_}' is not supported in this edition of SQL Server.",
    )


def test_a_table_of_a_query_has_the_types_that_its_columns_come_from(client: Client) -> None:
    client("create table dbo.t (a varchar(20), b datetime2(3), c varchar(max), d decimal(9, 2))")
    client(
        "create table dbo.x as select a, upper(a) as upper_a, left(c, 9) as of_c, d,"
        " dateadd(day, 1, b) as later, cast(N'x' as varchar(5)) as cut, 'Łódź' as written,"
        " case when a = N'x' then 'y' else a end as one_of,"
        " (select step.b from (select concat(t.a, 'x') as a) as given"
        " cross apply (select lower(given.a) as b) as step) as chained"
        " from dbo.t as t"
    )
    assert client.types("dbo.x") == [
        "a varchar 20 0", "upper_a varchar 8000 0", "of_c varchar -1 0", "d decimal 5 2",
        "later datetime2 7 3", "cut varchar 5 0", "written varchar 7 0", "one_of varchar 20 0",
        "chained varchar 8000 0",
    ]  # fmt: skip


def test_texts_are_as_long_as_their_bytes(client: Client) -> None:
    client("create table dbo.t (a varchar(4))")
    client("insert into dbo.t values ('abcd'), ('Łó'), (cast(N'Łódź' as varchar(4)))")
    assert client("select a from dbo.t") == [("abcd",), ("Łó",), ("Łó",)]
    assert client.refuses("insert into dbo.t values ('Łód')")[0] == 2628


def test_there_is_one_collation(client: Client) -> None:
    client("create table dbo.t (a varchar(4) collate Latin1_General_100_BIN2_UTF8)")
    assert client.refuses("create table dbo.x (a varchar(4) collate Latin1_General_CI_AS)")[0]
    assert client("select collation_name from sys.databases where name = 'customer360'") == [
        ("Latin1_General_100_BIN2_UTF8",)
    ]


def test_keys_are_added_afterwards_and_never_enforced(client: Client) -> None:
    client("create table dbo.dim (a int not null, b int)")
    client("create table dbo.fct (a int)")
    client("alter table dbo.dim add constraint pk primary key nonclustered (a) not enforced")
    client("alter table dbo.dim add constraint uq unique nonclustered (b) not enforced")
    client(
        "alter table dbo.fct add constraint fk foreign key (a) references dbo.dim (a) not enforced"
    )
    client("insert into dbo.dim (a) values (1), (1)")
    client("insert into dbo.fct (a) values (2)")
    assert client("select name, type from sys.key_constraints") == [("pk", "PK"), ("uq", "UQ")]
    assert client("select name, is_not_trusted from sys.foreign_keys") == [("fk", True)]
    assert client.refuses("drop table dbo.dim")[0] == 3726


@pytest.mark.parametrize(
    "statement",
    [
        "create table dbo.x (a int not null primary key nonclustered not enforced)",
        "create table dbo.x (a int, constraint u unique nonclustered (a) not enforced)",
        "create table dbo.x (a varchar(8001))",
        "create table dbo.x (a int identity)",
        "create table dbo.x (a int default 1)",
        "create table dbo.x (a int check (a > 0))",
        "create table dbo.x (a int, b as a + 1)",
        "alter table dbo.t add constraint k primary key nonclustered (a)",
        "alter table dbo.t add constraint k primary key (a) not enforced",
        "alter table dbo.t add constraint k foreign key (b) references dbo.t (a)",
        "alter table dbo.t add c int not null",
        "alter table dbo.t alter column b varchar(9)",
        "alter table dbo.t set (lock_escalation = table)",
        "alter table dbo.t drop column a",  # which the primary key needs
        "create nonclustered index i on dbo.t (a)",
        "create clustered columnstore index i on dbo.t",
        "create external data source s with (location = 'https://a')",
        "create database scoped credential c with identity = 'Managed Identity'",
        "create synonym s for dbo.t",
        "exec sp_addextendedproperty 'MS_Description', 'x', 'SCHEMA', 'dbo'",
        "exec sp_getapplock @Resource = 'x', @LockMode = 'Exclusive'",
        "select a from dbo.t with (nolock)",
        "insert into dbo.t with (tablock) (a) values (1)",
        "select a from dbo.t for xml path('')",
        "select a from dbo.t where exists (select 1 from sys.tables)",
        "with r as (select 1 as n union all select n + 1 from r where n < 3) select n from r",
        "create view dbo.x as with a as (with b as (select 1 as n) select n from b)"
        " select n from a",
        "save transaction s",
        "begin transaction t",
    ],
)
def test_what_a_warehouse_has_not_is_an_error(refusing: Client, statement: str) -> None:
    refusing.refuses(statement)
    assert refusing.types("dbo.t") == ["a int 4 0", "b varchar 4 0"]
    assert refusing("select name from sys.objects order by name") == [("pk",), ("t",)]


def test_tables_change_in_the_ways_there_are(client: Client) -> None:
    client("create schema gold")
    client("create table dbo.t (a int not null, b varchar(9) masked with (function = 'default()'))")
    client("insert into dbo.t (a, b) values (1, 'x')")
    client("alter table dbo.t add c varchar(9) null, d int")
    client("alter table dbo.t drop column d")
    client("alter table dbo.t alter column b drop masked")
    client("alter table dbo.t alter column c add masked with (function = 'email()')")
    client("exec sp_rename 'dbo.t.c', 'mail', 'COLUMN'; exec sp_rename 'dbo.t', 'people'")
    client("create role analysts; grant select on object::dbo.people to analysts")
    client("alter schema gold transfer dbo.people")
    assert client("select * from gold.people") == [(1, "x", None)]
    assert client("select name, masking_function from sys.masked_columns") == [("mail", "email()")]
    assert client("select count(*) as n from sys.database_permissions") == [(0,)]


def test_the_second_of_two_that_change_a_table_is_undone(client: Client) -> None:
    other = Client(client.server.folder)
    client("create table dbo.t (a int, b int); insert into dbo.t values (1, 0), (2, 0)")
    client("begin transaction; update dbo.t set b = 1 where a = 1; create table dbo.x (a int)")
    other("delete from dbo.t where a = 2")
    assert client.refuses("commit")[0] == 24556
    assert client("select a, b from dbo.t") == [(1, 0)]
    assert client("select name from sys.tables") == [("t",)]
    client("begin transaction; insert into dbo.t values (3, 0)")  # nothing but new rows
    other("truncate table dbo.t")
    client("commit")
    assert client("select a from dbo.t") == [(3,)]
    other.close()


def test_two_that_change_the_same_row_are_told_apart(client: Client) -> None:
    other = Client(client.server.folder)
    client("create table dbo.t (a int); insert into dbo.t values (1)")
    client("begin transaction; update dbo.t set a = 2")
    assert other.refuses("update dbo.t set a = 3")[0] == 24556
    client("commit")
    assert other("select a from dbo.t") == [(2,)]
    other.close()


def test_the_driver_connects_to_it_where_the_server_is_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C360_STANDIN", str(client.server.folder))
    server = "Driver={ODBC Driver 18 for SQL Server};Server=x.datawarehouse.fabric.microsoft.com"
    server += ";Database=customer360;APP=dbt-fabric/1.9.10"
    with pyodbc.connect(server, autocommit=True) as connection:
        connection.execute("create table dbo.t (a varchar(4))")
        connection.execute("insert into dbo.t values (?)", "Łó")
        with pytest.raises(pyodbc.DataError, match="truncated"):
            connection.execute("insert into dbo.t values (?)", "Łód")
        programs = client("select program_name from sys.dm_exec_sessions order by session_id")
        assert programs == [("python",), ("dbt-fabric/1.9.10",)]
    assert client("select a from dbo.t") == [("Łó",)]


def test_rows_are_deleted_by_an_alias_and_by_a_join(client: Client) -> None:
    client("create table dbo.t (a int); insert into dbo.t values (1), (2), (3)")
    client("delete t from dbo.t as t where t.a = 1 option (label = 'x')")
    client("delete t from dbo.t as t inner join (values (2)) as u (b) on u.b = t.a where t.a > 0")
    assert client("select a from dbo.t") == [(3,)]


def put(client: Client, path: str, **columns: pa.Array) -> None:
    place = client.server.folder.parent / "lake" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), place)


def test_files_of_the_lake_are_read(client: Client) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)
    whole = {
        "n": pa.array([1]), "name": pa.array(["Łó"]), "at": pa.array([moment]),
        "price": pa.array([Decimal("1.50")]), "good": pa.array([True]),
    }  # fmt: skip
    put(client, "silver/t/1/a.parquet", **whole)
    put(client, "silver/t/2/b.parquet", n=pa.array([2]))
    columns = "n bigint, name varchar(4), at datetime2(6), price decimal(9, 2), good bit"
    client(
        "create view dbo.v as select r.* from openrowset("
        f"bulk '{LAKE}/silver/t/*/*.parquet', format = 'PARQUET') with ({columns}) as r"
    )
    first = (1, "Łó", moment.replace(tzinfo=None), Decimal("1.50"), True)
    second = (2, None, None, None, None)
    assert client("select * from dbo.v order by n") == [first, second]
    assert client.types("dbo.v") == [
        "n bigint 8 0", "name varchar 4 0", "at datetime2 8 6", "price decimal 5 2",
        "good bit 1 0",
    ]  # fmt: skip
    put(client, "silver/t/2/c.parquet", n=pa.array([3]))
    later = Client(client.server.folder)
    assert later("select count(*) as n from dbo.v") == [(3,)]
    later.close()
    client(f"create table dbo.t ({columns})")
    client(f"copy into dbo.t from '{LAKE}/silver/t/1/' with (file_type = 'PARQUET')")
    client(f"copy into dbo.t (n) from '{LAKE}/silver/t/2/b.parquet' with (file_type = 'PARQUET')")
    assert client("select * from dbo.t order by n") == [first, second]


@pytest.mark.parametrize(
    "path",
    [f"{LAKE}/silver/gone/*.parquet", f"{LAKE}/a.parquet", "https://shop.dfs.core.windows.net/b/c"],
)
def test_a_place_without_files_is_an_error(client: Client, path: str) -> None:
    read = f"openrowset(bulk '{path}', format = 'PARQUET') with (n bigint) as r"
    assert client.refuses(f"select n from {read}")[0] in (13807, 13822)


def test_its_collation_can_be_another_in_the_file(new: Path, tmp_path: Path) -> None:
    state = shutil.copytree(new, tmp_path / "state")
    with duckdb.connect(str(state / "fabric.duckdb")) as connection:
        connection.execute("update sys.databases set collation_name = 'Latin1_General_100_CI_AS'")
    client = Client(state)
    assert client("select distinct collation_name as c from sys.databases") == [
        ("Latin1_General_100_CI_AS",)
    ]
    client.close()
