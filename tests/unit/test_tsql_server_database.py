"""The stand-in for Azure SQL Database: locks, masks, sessions, limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.tsql_server.database import SqlDatabase
from tests.support.tsql_server.errors import SqlServerError
from tests.support.tsql_server.recorder import recorded


class Client:
    """A session of the database, as a test uses it."""

    def __init__(self, folder: Path, login: str = "") -> None:
        self.server = SqlDatabase.attach(folder, "customer360")
        self.session = self.server.login("customer360", True, login)

    def __call__(self, sql: str, limit: int = 0) -> list[tuple[Any, ...]]:
        """Run a batch; return the rows of its last result that has any."""
        results = self.server.execute(self.session, sql, (), limit)
        return next((result.rows for result in reversed(results) if result.columns), [])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.server.logout(client.session)


SHOP = (
    "create table dbo.dim (a int not null constraint pk_dim primary key (a))",
    "create table dbo.fct (a int)",
    "alter table dbo.fct add constraint fk_fct foreign key (a) references dbo.dim (a)",
    "create view dbo.shown as select a from dbo.fct",
)
LOCKED = "alter table dbo.{} set (lock_escalation = table);"
ALTERED = "exec(N'alter view dbo.shown as select 0 as a');"


@pytest.mark.parametrize(
    "statements",
    [
        LOCKED.format("fct") + ALTERED,
        LOCKED.format("dim") + LOCKED.format("fct"),
        "exec sp_rename 'dbo.fct', 'old'; drop view dbo.shown;",
    ],
)
def test_whoever_reads_what_is_locked_before_it_ends_in_a_deadlock(
    client: Client, statements: str
) -> None:
    for sql in SHOP:
        client(sql)
    with pytest.raises(SqlServerError, match="deadlock") as caught:
        client(f"begin transaction; {statements} commit")
    assert caught.value.number == 1205
    assert client("select name from sys.views") == [("shown",)]
    client(statements)  # each for itself


def test_locks_in_the_order_of_readers_change_nothing(client: Client) -> None:
    for sql in SHOP:
        client(sql)
    client("create view dbo.above as select a from dbo.shown")
    before = client("select object_id, name from sys.objects order by object_id")
    client(
        "begin transaction; exec(N'alter view dbo.above as select 0 as a');"
        + ALTERED + LOCKED.format("fct") + LOCKED.format("dim")
        + "insert into dbo.dim values (1); insert into dbo.fct values (1);"
        " exec(N'create or alter view dbo.shown as select a from dbo.fct'); commit"
    )  # fmt: skip
    assert client("select object_id, name from sys.objects order by object_id") == before
    assert client("select a from dbo.shown") == [(1,)]


def test_a_mask_is_dropped_before_another_is_added(client: Client) -> None:
    client("create table dbo.t (a nvarchar(9) masked with (function = 'email()'))")
    with pytest.raises(SqlServerError, match="Incorrect syntax near 'masked'"):
        client("alter table dbo.t alter column a nvarchar(9) masked with (function = 'default()')")
    client("alter table dbo.t alter column a drop masked")
    client("alter table dbo.t alter column a add masked with (function = 'default()')")
    assert client("select masking_function from sys.columns where is_masked = 1") == [
        ("default()",)
    ]


def test_sessions_are_told_apart_by_their_processes(client: Client, tmp_path: Path) -> None:
    other = Client(tmp_path, "ann")
    other.session.process = os.getpid() + 1
    found = client(
        "select theirs.login_name from sys.dm_exec_sessions as theirs"
        " inner join sys.dm_exec_sessions as ours on ours.session_id = @@spid"
        " where theirs.host_process_id <> ours.host_process_id and theirs.database_id = db_id()"
    )
    assert found == [("ann",)]
    other.server.logout(other.session)


def test_top_takes_what_a_column_outside_says(client: Client) -> None:
    client("create table dbo.spans (days int)")
    client("insert into dbo.spans values (2), (0), (null)")
    rows = client(
        "select spans.days, numbers.n from dbo.spans as spans cross apply ("
        "select top (coalesce(spans.days, -1) + 1) row_number() over (order by (select null)) as n"
        " from (values (0), (1), (2), (3)) as digits (d)) as numbers order by 1, 2"
    )
    assert rows == [(0, 1), (2, 1), (2, 2), (2, 3)]


def test_a_batch_is_recorded_with_the_seconds_it_had(client: Client, tmp_path: Path) -> None:
    client("select 1 as a", 60)
    client("select 2 as a")
    assert [batch.limit for batch in recorded(tmp_path)] == [60, 0]
