"""The T-SQL stand-in: batches, the catalogue, transactions, faults, recordings, drivers."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.tsql_server.batch import If, Node, Try, parse
from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.errors import SqlServerError, UnknownSqlError
from tests.support.tsql_server.recorder import FAULTS, parse_all, recorded

DRIVERS = Path(__file__).parents[1] / "support" / "tsql_server" / "drivers"


class Client:
    """A session of a server, as a test uses it."""

    def __init__(self, folder: Path, autocommit: bool = True) -> None:
        self.server = Server.attach(folder, "customer360")
        self.session = self.server.login("customer360", autocommit)

    def __call__(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a batch; return the rows of its last result that has any."""
        results = self.server.execute(self.session, sql, parameters)
        return next((result.rows for result in reversed(results) if result.columns), [])

    def close(self) -> None:
        self.server.logout(self.session)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.close()


# -- Batches


def shape(nodes: Sequence[Node]) -> list[Any]:
    """A batch as nested lists of its statements' first words."""
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, If):
            found.append(["if", shape(node.then), shape(node.otherwise)])
        elif isinstance(node, Try):
            found.append(["try", shape(node.body), shape(node.handler)])
        else:
            found.append(node.words[0].lower())
    return found


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("use [a];\nselect 1 as x", ["use", "select"]),
        ("select 1 as x select 2 as y", ["select", "select"]),
        ("select 1 as x union all select 2", ["select"]),
        ("with a as (select 1 as x) select x from a select 2 as y", ["with", "select"]),
        ("insert into t (a) select 1 update t set a = 2", ["insert", "update"]),
        ("insert into t values (1) select 2 as x", ["insert", "select"]),
        (
            "exec('select ''a;b''') select case when 1 = 1 then 2 end as x drop table t",
            ["exec", "select", "drop"],
        ),
        (
            "if exists (select 1 from t) drop index a.b create clustered columnstore index b on a",
            [["if", ["drop"], []], "create"],
        ),
        (
            "if 1 = 1 begin select 1 as x; select 2 as y end; else select 3 as z",
            [["if", ["select", "select"], ["select"]]],
        ),
        (
            "begin try drop table t end try begin catch throw; end catch print 'x'",
            [["try", ["drop"], ["throw"]], "print"],
        ),
        ("begin transaction; commit tran", ["begin", "commit"]),
        (
            "alter table t drop constraint c alter table t alter column d drop masked",
            ["alter", "alter"],
        ),
        ("drop table if exists t if 1 = 1 select 1 as x", ["drop", ["if", ["select"], []]]),
        ("grant select, insert on schema::a to [b] grant execute to c", ["grant", "grant"]),
        (
            "create external table t with (location = 'x/') as with a as (select 1 as x) select x"
            " from a select 2 as y",
            ["create", "select"],
        ),
        ("create view v as select 1 as x; select 2 as y", ["create"]),
        (
            "alter table t add constraint f foreign key (a) references u (a) on delete cascade"
            " select 1 as x",
            ["alter", "select"],
        ),
        ("-- nothing", []),
    ],
)
def test_a_batch_is_taken_apart(sql: str, expected: list[Any]) -> None:
    assert shape(parse(sql)) == expected


@pytest.mark.parametrize(
    "definition", ["create or alter view v as select 1 as x", "create schema s"]
)
def test_what_is_defined_begins_its_batch(definition: str) -> None:
    assert shape(parse(f"/* a comment */ {definition}")) == ["create"]
    for before in ("select 1 as x;", "if 1 = 1"):
        with pytest.raises(SqlServerError, match="must be the first statement") as error:
            parse(f"{before} {definition}")
        assert error.value.number == 111


def test_variables_conditions_and_dynamic_sql(client: Client) -> None:
    client("create table dbo.t (a int)")
    client("insert into dbo.t values (?), (?)", 1, None)
    rows = client(
        "declare @n int = 1, @sql nvarchar(max); select @n = count(*) from dbo.t;"
        " if @n = 2 begin set @sql = concat('insert into dbo.t values (', @n + 40, ')');"
        " exec sp_executesql @sql; end else throw 50001, 'not two', 1;"
        " exec('select a from dbo.t where a = 42')"
    )
    assert rows == [(42,)]
    with pytest.raises(SqlServerError, match='scalar variable "@n"'):
        client("select @n as n")


def test_an_error_is_caught_and_told(client: Client) -> None:
    batch = (
        "begin try select 1 / 0 as x end try begin catch"
        " select error_number() as number, error_message() as message; {} end catch"
    )
    assert client(batch.format("")) == [(8134, "Divide by zero error encountered.")]
    with pytest.raises(SqlServerError, match="Divide by zero"):
        client(batch.format("throw;"))


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("select * from dbo.nothing", 208),
        ("select nothing from sys.schemas", 207),
        ("select from where", 102),
        ("commit", 3902),
        ("drop table dbo.nothing", 3701),
        ("create table nothing.t (a int)", 2760),
        ("create table dbo.v (a int)", 2714),
        ("create view dbo.w as select 1", 4511),
        ("create view dbo.w as select name from sys.schemas order by name", 1033),
        ("drop table dbo.v", 3705),
        ("insert into dbo.t values (null, 'x')", 515),
        ("insert into dbo.t values (1, 'more than five')", 2628),
        ("select cast('x' as int) as x", 245),
        ("select 2147483647 + 1 as x", 8115),
        ("use nothing", 911),
        ("drop schema s", 3729),
    ],
)
def test_errors_have_the_servers_numbers(client: Client, sql: str, number: int) -> None:
    client("create view dbo.v as select 1 as a")
    client("create table dbo.t (a int not null, b nvarchar(5))")
    client("create schema s")
    client("create table s.t (a int)")
    with pytest.raises(SqlServerError) as caught:
        client(sql)
    assert caught.value.number == number


def test_what_has_no_rule_is_no_guess(client: Client) -> None:
    with pytest.raises(UnknownSqlError, match="backup"):
        client("backup database a")
    with pytest.raises(UnknownSqlError, match="ISO"):
        client("select try_cast('5 Jan 2024' as datetime2(0)) as moment")


# -- Definitions and the catalogue


def test_the_catalogue_has_tsqls_types(client: Client) -> None:
    client("create schema gold")
    client(
        "create table gold.t (id bigint not null, name nvarchar(40) collate Latin1_General_100_BIN2"
        " null, amount decimal(10, 2), at datetime2(0), flag bit, note nvarchar(max))"
    )
    assert client(
        "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,"
        " is_nullable, collation_name from INFORMATION_SCHEMA.COLUMNS"
        " where table_schema = 'gold' and table_name = 't' order by ordinal_position"
    ) == [
        ("id", "bigint", None, 19, 0, "NO", None),
        ("name", "nvarchar", 40, None, None, "YES", "Latin1_General_100_BIN2"),
        ("amount", "decimal", None, 10, 2, "YES", None),
        ("at", "datetime2", None, None, None, "YES", None),
        ("flag", "bit", None, None, None, "YES", None),
        ("note", "nvarchar", -1, None, None, "YES", "SQL_Latin1_General_CP1_CI_AS"),
    ]


def test_views_are_kept_with_their_text_and_what_they_read(client: Client) -> None:
    client("create table dbo.t (a int)")
    view = "create or alter view dbo.v as select t.a from [customer360].[dbo].[t] as t"
    client(view)
    assert client(
        "select o.name, o.type, m.definition from sys.objects as o"
        " left join sys.sql_modules as m on m.object_id = o.object_id"
        " where schema_name(o.schema_id) = 'dbo' order by o.name"
    ) == [("t", "U", None), ("v", "V", view)]
    assert client(
        "select referenced_database_name, referenced_entity_name"
        " from sys.sql_expression_dependencies where referencing_id = object_id('[dbo].\"v\"')"
    ) == [("customer360", "t")]


def test_catalogue_functions_take_columns_for_arguments(client: Client) -> None:
    client("create schema gold; create table gold.t (a int)")
    assert client(
        "select name, schema_name(schema_id) as s, object_name(object_id) as o,"
        " object_schema_name(object_id) as p, object_id(schema_name(schema_id) + '.' + name) -"
        " object_id as none from sys.objects"
    ) == [("t", "gold", "t", "gold", 0)]
    assert client("select schema_id(name) - schema_id as none from sys.schemas where name = 'gold'")
    assert client(
        "select type_name(user_type_id) as t, col_name(object_id, column_id) as c,"
        " columnproperty(object_id, name, 'AllowsNull') as n,"
        " objectproperty(object_id, 'TableHasPrimaryKey') as k from sys.columns where name = 'a'"
    ) == [("int", "a", 1, 0)]


def test_columns_of_views_and_copies_keep_their_types(client: Client) -> None:
    client("create table dbo.t (a nvarchar(20) collate Latin1_General_100_BIN2, b datetime2(0))")
    client(
        "create view dbo.v as with x as (select * from dbo.t union all select cast('none' as"
        " nvarchar(40)), cast(null as datetime2(0))) select x.a, coalesce(x.a, '') as c, max(x.b)"
        " over () as b, 'q' as d, case when x.a is null then N'abc' else 'de' end as e from x"
    )
    client("select * into dbo.u from dbo.v")
    columns = (
        "select column_name, data_type, character_maximum_length, collation_name"
        " from INFORMATION_SCHEMA.COLUMNS where table_name = '{}' order by ordinal_position"
    )
    assert client(columns.format("v"))[0] == ("a", "nvarchar", 40, "Latin1_General_100_BIN2")
    assert client(columns.format("v"))[1] == ("c", "nvarchar", 40, "Latin1_General_100_BIN2")
    assert [row[:3] for row in client(columns.format("u"))[2:]] == [
        ("b", "datetime2", None),
        ("d", "varchar", 1),
        ("e", "nvarchar", 3),
    ]
    client("drop table dbo.t; create table dbo.t (a nvarchar(90), b datetime2(0))")
    client("exec sp_refreshview 'dbo.v'")
    assert client(columns.format("v"))[0][2] == 90


def test_a_table_is_renamed_and_dropped(client: Client) -> None:
    client("create table dbo.t (a int); exec sp_rename 'dbo.t', 'u'")
    found = "select object_id('dbo.t') as t, object_name(object_id('dbo.u', 'U')) as u"
    assert client(found) == [(None, "u")]
    client("drop table if exists dbo.u, dbo.nothing")
    assert client(found) == [(None, None)]
    assert client("select count(*) as n from sys.columns where name = 'a'") == [(0,)]


def test_select_into_and_updates_with_a_join(client: Client) -> None:
    client("select cast(1 as bigint) as a, N'x' as b into dbo.t; insert into dbo.t values (2, 'y')")
    assert client("select a, b from dbo.t order by a") == [(1, "x"), (2, "y")]
    client(
        "update d set b = s.b from dbo.t as d inner join dbo.t as s on s.a = 2 where d.a = 1;"
        " delete from dbo.t where a = 2"
    )
    client("with s as (select 3 as a, N'z' as b) insert into dbo.t (a, b) select a, b from s")
    assert client("select a, b from dbo.t order by a") == [(1, "y"), (3, "z")]


# -- Transactions


def test_definitions_are_rolled_back_with_rows(client: Client, tmp_path: Path) -> None:
    other = Client(tmp_path)
    found = "select object_id('dbo.u') as u, (select count(*) from dbo.t) as n"
    client("create table dbo.t (a int)")
    client("begin transaction; insert into dbo.t values (1); create table dbo.u (a int)")
    assert client("select @@trancount as n") == [(1,)]
    assert other(found) == [(None, 0)]
    client("if @@trancount > 0 rollback transaction")
    assert client(found) == [(None, 0)]
    client("begin transaction; drop table dbo.t; commit")
    assert other("select object_id('dbo.t') as t") == [(None,)]
    other.close()


def test_an_error_ends_the_transaction(client: Client) -> None:
    client("create table dbo.t (a int)")
    with pytest.raises(SqlServerError, match="zero"):
        client("begin transaction; insert into dbo.t values (1); select 1 / 0 as x; commit")
    assert client("select @@trancount as n, (select count(*) from dbo.t) as m") == [(0, 0)]
    rows = client(
        "begin try begin tran insert into dbo.t values (1) select 1 / 0 as x commit end try"
        " begin catch declare @state int = xact_state(); rollback; select @state as state end catch"
    )
    assert rows == [(-1,)]
    assert client("select count(*) as n from dbo.t") == [(0,)]


def test_without_autocommit_a_session_commits_by_itself(client: Client, tmp_path: Path) -> None:
    count = "select count(*) as n from dbo.t"
    client("create table dbo.t (a int)")
    manual = Client(tmp_path, autocommit=False)
    manual("insert into dbo.t values (1)")
    assert client(count) == [(0,)]
    manual("commit")
    assert client(count) == [(1,)]
    manual("insert into dbo.t values (2)")
    manual.close()
    assert client(count) == [(1,)]


def test_a_server_keeps_what_it_has(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client("create table dbo.t (a int); insert into dbo.t values (1)")
    client.close()
    again = Client(tmp_path)
    assert again("select a from dbo.t where object_id('dbo.t') is not null") == [(1,)]
    again.close()


# -- Recordings and faults


def test_batches_are_recorded_in_order(client: Client, tmp_path: Path) -> None:
    client("select ? as a", "it's")
    with pytest.raises(SqlServerError):
        client("select * from dbo.nothing")
    first, second = recorded(tmp_path)
    assert (first.server, first.database, first.sql) == ("server", "customer360", "select ? as a")
    assert (first.parameters, first.error) == (["it's"], None)
    assert second.error == "Invalid object name 'dbo.nothing'."


def test_the_real_grammar_finds_what_is_no_tsql() -> None:
    assert parse_all(['select ? as "a b"', "create schema [x]"]) == []
    (error,) = parse_all(["select 1 as x", "select 1 as x limit 5 offset"])
    assert "limit 5" in error


def test_a_fault_happens_as_often_as_it_says(client: Client, tmp_path: Path) -> None:
    fault = {"server": "server", "pattern": r"dbo\.t", "times": 2, "error": "lost"}
    faults = [fault | {"server": "other"}, fault | {"state": "08S01"}]
    (tmp_path / FAULTS).write_text(json.dumps(faults))
    client("select 1 as x")
    for _ in range(2):
        with pytest.raises(SqlServerError, match="lost") as caught:
            client("create table dbo.t (a int)")
        assert caught.value.state == "08S01"
    client("create table dbo.t (a int)")


# -- Drivers


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The stand-ins' modules, beside the real ones."""
    monkeypatch.setenv("C360_STANDIN", str(tmp_path))
    found = {}
    for name, file in (("pyodbc", "pyodbc.py"), ("mssql_python", "mssql_python/__init__.py")):
        spec = importlib.util.spec_from_file_location(f"standin_{name}", DRIVERS / file)
        assert spec
        assert spec.loader
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, found[name])
        spec.loader.exec_module(found[name])
    return found


def test_a_cursor_gives_rows_and_results(drivers: dict[str, ModuleType]) -> None:
    driver = drivers["mssql_python"]
    connection = driver.connect("SERVER=s;Database=customer360;UID=u;PWD={p;w}", autocommit=True)
    cursor = connection.cursor()
    cursor.execute("create table dbo.t (a int, b bit); insert into dbo.t values (?, ?)", (1, True))
    assert (cursor.description, cursor.rowcount) == (None, -1)
    assert cursor.nextset()
    assert cursor.rowcount == 1
    assert not cursor.nextset()
    cursor.execute("select a, b, cast(1.5 as decimal(4, 2)) as c, N'x' as d, 1 from dbo.t")
    assert [column[:2] for column in cursor.description] == [
        ("a", int),
        ("b", bool),
        ("c", Decimal),
        ("d", str),
        ("", int),
    ]
    row = cursor.fetchone()
    assert tuple(row) == (1, True, Decimal("1.50"), "x", 1)
    assert row.c == row[2]
    assert cursor.fetchone() is None
    with pytest.raises(driver.ProgrammingError, match=r"Invalid object name 'dbo\.nothing'"):
        cursor.execute("select * from dbo.nothing")
    connection.close()


def test_a_driver_commits_and_rolls_back(drivers: dict[str, ModuleType]) -> None:
    connection = drivers["mssql_python"].connect("Server=s;Database=customer360")
    connection.execute("create table dbo.t (a int)")
    connection.commit()
    connection.execute("insert into dbo.t values (1)")
    connection.rollback()
    assert connection.execute("select count(*) as n from dbo.t").fetchval() == 0
    connection.close()


def test_a_refused_login_is_the_drivers_error(
    drivers: dict[str, ModuleType], tmp_path: Path
) -> None:
    fault = {"pattern": "^LOGIN u", "number": 18456, "state": "28000", "error": "Login failed."}
    faults = [{**fault, "server": server} for server in ("serverless", "azure_sql")]
    (tmp_path / FAULTS).write_text(json.dumps(faults))
    with pytest.raises(drivers["pyodbc"].InterfaceError, match=r"\[28000\].*\(18456\)"):
        drivers["pyodbc"].connect("DRIVER={x};SERVER=s;Database=master;UID={u}")
    with pytest.raises(drivers["mssql_python"].OperationalError, match="Login failed"):
        drivers["mssql_python"].connect("Server=s;Database=customer360;UID=u")
