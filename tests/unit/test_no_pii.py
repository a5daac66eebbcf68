"""Without personal data: C360_NO_PII and --no-pii count wherever a value comes out."""

import asyncio
import io
import json
from pathlib import Path

import duckdb
import httpx
import pytest
from rich.console import Console

from flows import who_is_who
from flows.asked import checked
from flows.customer import print_customer
from flows.rejections import problem
from flows.sources import print_check
from flows.summary import Summary, print_summary
from flows.verify import compare
from identity import decisions
from ingest.contract import load_contract
from ingest.declarations import Declaration, Declarations
from lake.errors import C360Error, InputError
from lake.local import LocalLake
from lake.manifest import FileRecord, Manifest
from pages import docs_server
from tests.support.marts import make_marts
from warehouse.answers import read_answers
from warehouse.home import Home, personal_data_shown, project_dir

BATCH = "20260101T000000Z-aaaaaa"


@pytest.fixture
def no_pii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_NO_PII", "1")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def shop(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "shop")
    home.prepare()
    make_marts(home.warehouse)
    return home


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("asked", "variable", "shown"),
    [
        (None, "", True),
        (True, "", True),
        (False, "", False),
        (None, "1", False),
        (True, "1", False),  # what a deployment asks for does not overrule its worker
        (False, "0", False),
    ],
)
def test_either_can_leave_personal_data_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: bool | None, variable: str, shown: bool
) -> None:
    monkeypatch.setenv("C360_NO_PII", variable)
    assert personal_data_shown(asked) is shown
    _, _, run = checked(pii=asked, home=str(tmp_path / "home"))
    assert run.pii is shown


def test_a_customer_is_found_by_id_only_and_nothing_says_who_it_is(
    shop: Home, console: Console
) -> None:
    print_customer(console, shop, "10000", personal_data=False)
    told = printed(console)
    assert "customer 10000" in told
    assert "5,000.00" in told
    for personal in ("Ann", "example.org", "P10000", "30000", "One person"):
        assert personal not in told
    for personal in ("ann@example.org", "Ann"):
        with pytest.raises(InputError, match="No customer has the id "):
            print_customer(console, shop, personal, personal_data=False)


def test_the_end_of_a_run_names_no_agent(shop: Home) -> None:
    with duckdb.connect(shop.warehouse) as connection:
        connection.execute(
            "insert into marts.agent_performance "
            "values (117, 'Shirley Ramos', 'Returns', 'Day', 4, 3, 75)"
        )
    answers = read_answers(shop.warehouse)
    told = {}
    for shown in (True, False):
        console = Console(file=io.StringIO(), width=120)
        print_summary(console, Summary(shop, "v", answers, [], [], [], personal_data=shown))
        told[shown] = printed(console)
    assert "Shirley Ramos" in told[True]
    assert "Shirley" not in told[False]
    line = next(line for line in told[False].splitlines() if line.startswith("117"))
    assert line.split() == ["117", "Returns", "4", "75.00", "%"]


def test_rejected_rows_show_how_values_are_written_and_not_what_they_say(tmp_path: Path) -> None:
    lake, connection = LocalLake(tmp_path), duckdb.connect()
    connection.execute(
        """
        create schema silver;
        create table silver.row_reconciliation as select 'customers' as entity, 0 as bronze_rows,
            0 as rejected_rows, 0 as superseded_rows, 0 as silver_rows;
        create table silver.rejected_rows (
            entity text, reason text, raw_row text, _source_file text, _batch_id text
        );
        """
    )
    row = {"CustomerID": "Zoë Hall 7", "Name": "z@hall.example", "Email": "Oak St"}
    connection.execute(
        "insert into silver.rejected_rows values ('customers', 'invalid_key', ?, 'C.csv', ?)",
        [json.dumps(row), BATCH],
    )
    path = f"bronze/customers/{BATCH}/C.csv"
    record = FileRecord("customers", "C.csv", path, "csv", "sha", 1, rows=1)
    Manifest(BATCH, "2026-01-01T00:00:00Z", [record]).write(lake)
    told = {
        shown: problem(
            lambda sql: connection.execute(sql).fetchall(),
            lake,
            load_contract(project_dir()),
            Declarations(Path("sources.yml"), files={"customers": Declaration()}),
            None,
            0.5,
            personal_data=shown,
        )
        for shown in (True, False)
    }
    assert "such as CustomerID 'Zoë Hall 7'." in str(told[True])
    assert "such as CustomerID 'Xxx Xxxx 9'." in str(told[False])
    assert "Hall" not in str(told[False])


@pytest.mark.usefixtures("no_pii")
def test_what_differs_from_a_build_anew_is_told_without_texts(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("published.duckdb", "anew.duckdb")]
    for place, name in zip(places, ("Ann Lee", "Ann Poe"), strict=True):
        with duckdb.connect(place) as connection:
            connection.execute("create schema gold")
            connection.execute(
                f"create table gold.dim_customers as select 17 as customer_id, '{name}' as "
                "customer_name, 3.50 as amount"
            )
    _, _, told = compare(*places, {"dim_customers": ["customer_id"]})
    assert told[1:] == [
        "  only published: customer_id 17, customer_name Xxx Xxx",
        "  only built anew: customer_id 17, customer_name Xxx Xxx",
    ]


@pytest.mark.usefixtures("no_pii")
def test_files_are_checked_without_showing_their_values(tmp_path: Path, console: Console) -> None:
    (tmp_path / "Customers.csv").write_text(
        "CustomerID,Name,Email,Address\n"
        "17,Ann Lee,ann@lee.example,7 Oak\n"
        "Bo,Bo Poe,bo@poe.example,8\n"
    )
    print_check(console, tmp_path, None)
    told = printed(console)
    assert "xxx@xxx.xxxxxxx" in told
    for personal in ("Ann", "Lee", "Poe", "Oak", "lee.example"):
        assert personal not in told


@pytest.mark.usefixtures("no_pii")
def test_what_cannot_do_without_names_is_refused(tmp_path: Path, console: Console) -> None:
    home = Home.at(tmp_path)
    for refused in (
        lambda: who_is_who.review_pairs(home, "local", 0, False, 0),
        lambda: who_is_who.print_explanation(console, home, "local", None, "1", "2"),
    ):
        with pytest.raises(C360Error, match="C360_NO_PII is set, and "):
            refused()


def test_why_somebody_decided_may_name_a_person(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.at(tmp_path)
    home.prepare()
    decisions.decide(
        LocalLake(home.lake), "same", "1", "2", by="di", source="page", why="Ann Lee called"
    )
    who_is_who.print_decisions(console, home, "local")
    assert printed(console).count("Ann Lee called") == 1
    monkeypatch.setenv("C360_NO_PII", "1")
    who_is_who.print_decisions(console, home, "local")
    assert printed(console).count("Ann Lee called") == 1
    assert printed(console).count("customers 1 and 2 are one person") == 2


@pytest.mark.parametrize(("written_with", "status"), [("yes", 404), ("no", 200)])
def test_the_documentation_is_served_without_a_report_that_has_personal_data(
    tmp_path: Path, written_with: str, status: int
) -> None:
    home = Home.at(tmp_path)
    for folder in (home.docs, home.report):
        folder.mkdir()
        (folder / "index.html").write_text(
            f'<html data-version="v" data-personal-data="{written_with}">'
        )

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(docs_server.app(home, personal_data=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            pages = ("/docs/index.html", "/report/index.html")
            return [(await client.get(page)).status_code for page in pages]

    assert asyncio.run(ask()) == [200, status]
