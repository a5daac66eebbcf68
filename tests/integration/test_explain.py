"""`c360 explain`: numbers followed to the lines of the files that arrived, checked by hand."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake import versions
from lake.local import LocalLake
from tests.integration.conftest import Arrival
from tests.support.command import run_c360
from tests.support.tsql_server import functions
from tests.support.tsql_server.recorder import parse_all
from tests.support.tsql_server.translate import to_duckdb
from warehouse.connection import Query
from warehouse.definitions import load_definitions
from warehouse.explained_home import HomeExplainer, explainer_of
from warehouse.explaining import Explainer
from warehouse.home import Home, project_dir
from warehouse.origins import LakeSilver, Origins, PublishedSilver

Lines = list[dict[str, str]]


@pytest.fixture(params=["two batches", "declared"])
def explainer(request: pytest.FixtureRequest) -> Iterator[HomeExplainer]:
    """Explains the numbers of two batches, the second with updates of the first, or of the shop
    that declares what it can, text keys among it.
    """
    if request.param == "declared":
        home = request.getfixturevalue("declared").home
        explainer = explainer_of(Home.at(home), home.parent / "sources.yml", personal_data=True)
    else:
        home = request.getfixturevalue("second").home
        explainer = explainer_of(Home.at(home), None, personal_data=True)
    yield explainer
    explainer.close()


@pytest.fixture(scope="module")
def arrived(first: Arrival, second: Arrival) -> dict[tuple[str, str], list[str]]:
    """The lines of every file that was given to the runs, by batch and name, as they were."""
    found = {}
    for arrival in (first, second):
        bronze = second.home / "lake" / "bronze"
        for path in bronze.glob(f"*/{arrival.batch_id}/*"):
            given = arrival.folder / path.name
            if given.exists():  # not the pages of the API
                assert given.read_bytes() == path.read_bytes()
            lines = path.read_bytes().decode("utf-8-sig").split("\n")
            found[arrival.batch_id, path.name] = [line.rstrip("\r") for line in lines]
    return found


def asked(arrival: Arrival, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(arrival.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def chain(tmp_path: Path, arrival: Arrival, *arguments: object) -> tuple[str, Lines]:
    """Explain a number with the command; return what it prints, and the CSV."""
    to = tmp_path / "chain.csv"
    run = run_c360("explain", *arguments, "--home", arrival.home, "--csv", to)
    assert run.returncode == 0, run.stdout + run.stderr
    with to.open(encoding="utf-8", newline="") as file:
        return run.stdout, list(csv.DictReader(file))


def raw(lines: Lines, arrived: dict[tuple[str, str], list[str]]) -> list[list[str]]:
    """Return the fields of the raw lines of a chain, after looking each up in its file."""
    found = []
    for line in lines:
        if line["level"] != "raw line":
            continue
        text = arrived[line["batch"], line["file"]][int(line["line"]) - 1]
        assert line["text"].rstrip("\r\n") == text
        if line["file"].endswith(".jsonl"):
            record = json.loads(text)
            found.append([str(value) for name, value in record.items() if name != "UpdatedAt"])
        else:
            found.append(next(csv.reader(io.StringIO(text))))
    return found


def test_what_a_customer_spent_is_the_sum_of_amounts_in_the_files(
    second: Arrival, arrived: dict[tuple[str, str], list[str]], tmp_path: Path
) -> None:
    # Somebody who bought in both channels, whose orders have lines, and were sent again.
    ((customer, spend),) = asked(
        second,
        """
        select customer_id, total_spend from marts.customer_360
        where in_store_orders > 2 and online_orders > 2 and refunds = 0
        and customer_id in (
            select orders.customer_id
            from gold.fct_online_transactions as orders
            inner join staging.online_transactions_superseded as older using (order_id)
            where older.fate = 'newer' and orders.counts_as_revenue
            intersect
            select customer_id from gold.fct_online_transactions where counts_as_revenue = 0
        )
        order by total_orders limit 1
        """,
    )
    printed, lines = chain(
        tmp_path, second, "customer_360", "total_spend", "--where", f"customer_id={customer}"
    )
    assert f"total_spend of customer_360, customer_id {customer}: {spend:,}" in printed
    assert f"Computed anew: {spend:,}. It adds up to the number: yes." in printed
    rows = raw(lines, arrived)
    # Online lines have seven fields, the sixth the amount; those of stores six, the fifth it is.
    amounts = [re.sub(r"[^\d.-]", "", row[5] if len(row) == 7 else row[4]) for row in rows]
    assert sum(map(Decimal, amounts)).quantize(Decimal("0.01")) == spend
    assert len(rows) > 5
    left_out = [line for line in lines if line["level"] == "left out"]
    reasons = {line["why"] for line in left_out}
    assert any(reason.startswith("no revenue: its status is ") for reason in reasons)
    newer = next(
        line for line in left_out if line["why"] == "superseded: a newer row of the same key counts"
    )
    # The row that counts in its place is of the same order, in the file and line that it names.
    key = json.loads(newer["row_values"])["order_id"]
    there = arrived[newer["replaced_by_batch"], newer["replaced_by_file"]]
    assert str(key) in there[int(newer["replaced_by_line"]) - 1]
    assert str(key) in arrived[newer["batch"], newer["file"]][int(newer["line"]) - 1]


def test_an_agents_rate_is_counted_from_the_contacts_in_the_files(
    second: Arrival, arrived: dict[tuple[str, str], list[str]], tmp_path: Path
) -> None:
    ((agent, rate, contacts),) = asked(
        second,
        "select agent_id, resolution_rate, total_interactions from marts.agent_performance "
        "where agent_id > 0 and resolution_rate between 1 and 99 "
        "order by total_interactions, agent_id limit 1",
    )
    _, lines = chain(
        tmp_path, second, "agent_performance", "resolution_rate", "-w", f"agent_id={agent}"
    )
    rows = raw(lines, arrived)
    assert len(rows) == contacts
    resolved = {"resolved", "solved", "closed", "complete", "completed", "done", "fixed"}
    ended = [row[-1].strip().casefold() for row in rows]
    counted = sum(each in resolved for each in ended)
    assert round(Decimal(100 * counted) / contacts, 2) == rate


def test_an_average_is_the_revenue_over_the_orders_in_the_files(
    second: Arrival, arrived: dict[tuple[str, str], list[str]], tmp_path: Path
) -> None:
    ((product, average),) = asked(
        second,
        "select product_id, average_order_value from marts.aov_by_product "
        "where product_id > 0 and total_orders between 3 and 8 "
        "order by total_amount desc, product_id limit 1",
    )
    printed, lines = chain(tmp_path, second, "aov_by_product", "-w", f"product_id={product}")
    assert f"average_order_value of aov_by_product, product_id {product}: {average}" in printed
    rows = raw(lines, arrived)
    amounts = [Decimal(re.sub(r"[^\d.-]", "", row[5])) for row in rows]
    orders = {row[0].strip() for row, amount in zip(rows, amounts, strict=True) if amount >= 0}
    assert round(sum(amounts) / len(orders), 2) == average


def every_number(ask: Query) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield every number of every mart: of a row in the middle, and of each data note."""
    for mart in load_definitions().marts.values():
        names = mart.key or tuple(name for name in mart.columns if name not in mart.numbers)
        listed = ", ".join(f'"{name}"' for name in names)
        rows = ask(f"select {listed} from marts.{mart.name} order by {listed} desc")
        for row in rows if mart.name == "data_notes" else rows[len(rows) // 2 :][:1]:
            where = {n: str(v) for n, v in zip(names, row, strict=True) if v is not None}
            for column in mart.numbers:
                yield mart.name, column, where


def test_every_number_of_every_mart_adds_up(explainer: HomeExplainer) -> None:
    for mart, column, where in every_number(explainer.ask):
        explained = explainer.explain(mart, column, where)
        told = (mart, column, where, explained.value, explained.computed)
        is_stated = "stated" in (load_definitions().marts[mart].columns[column].made_of or {})
        assert explained.adds_up is (None if is_stated else True), told
        for traced in explainer.look(explained, 0, 2).rows:
            assert traced.place is not None, told
            assert traced.place.line is not None, told
            assert traced.place.text, told


def test_silver_in_a_lake_says_what_the_warehouse_says(first: Arrival) -> None:
    """What is read of a lake on Azure, of the lake on this machine."""
    home = Home.at(first.home)
    contract = load_contract(project_dir())
    with closing(explainer_of(home, None, personal_data=True)) as here:
        lake = LocalLake(home.lake)
        published = versions.published(lake)
        assert published
        silver = LakeSilver(lake, published, contract, here.ask)
        origins = Origins(lake, silver, contract, load_declarations(None, contract))
        there = Explainer(here.ask, load_definitions(), origins)
        for mart, column, where in every_number(here.ask):
            both = []
            for each in (here, there):
                explained = each.explain(mart, column, where)
                view = each.look(explained, 0, 3)
                both.append((explained.computed, view, each.rejected(explained)))
            assert both[1] == both[0], (mart, column, where)


def test_every_question_to_the_database_is_t_sql(first: Arrival, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    warehouse.write_bytes(first.warehouse.read_bytes())
    contract = load_contract(project_dir())
    with duckdb.connect(warehouse) as connection:
        functions.register(connection)
        functions.install(connection)
        asked_for: dict[str, None] = {}

        def ask(sql: str) -> list[tuple[Any, ...]]:
            asked_for[sql] = None
            return connection.execute(to_duckdb(sql)).fetchall()

        origins = Origins(
            LocalLake(first.home / "lake"),
            PublishedSilver(connection),
            contract,
            load_declarations(None, contract),
        )
        explainer = Explainer(ask, load_definitions(), origins, tsql=True)
        numbers = [
            *every_number(lambda sql: connection.execute(sql).fetchall()),
            ("customer_segments", "count", {"segment": "High-Value Customer"}),
            ("person_360", "count", {"tier_level": ""}),
            ("total_revenue", None, {"month": "2026-09"}),
            ("customers", None, {}),
        ]
        for mart, column, where in numbers:
            explained = explainer.explain(mart, column, where)
            assert explained.adds_up is not False, (mart, column, where)
            explainer.look(explained, 0, 2)
    assert len(asked_for) > 200
    assert parse_all(asked_for) == []


def test_a_number_that_does_not_add_up_is_said_so(second: Arrival, tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.lake.symlink_to(second.home / "lake")
    home.warehouse.write_bytes(second.warehouse.read_bytes())
    with duckdb.connect(home.warehouse) as connection:
        ((customer, spend),) = connection.execute(
            "update marts.customer_totals set total_spend = total_spend + 0.01 "
            "where customer_id = (select max(customer_id) from marts.customer_totals) "
            "returning customer_id, total_spend"
        ).fetchall()
    run = run_c360(
        *("explain", "customer_totals", "total_spend", "-w", f"customer_id={customer}"),
        *("--home", home.root),
    )
    assert run.returncode == 1
    assert f"Computed anew: {spend - Decimal('0.01'):,}" in run.stdout
    assert f"It adds up to the number: NO, that is {spend:,}." in run.stdout


def test_without_personal_data_no_line_is_shown(second: Arrival) -> None:
    ((customer, name),) = asked(
        second,
        "select customer_id, customer_name from marts.customer_360 "
        "where segment = 'High-Value Customer' order by total_spend desc limit 1",
    )
    arguments = ("explain", "customer_segments", "-w", f"customer_id={customer}")
    whole = run_c360(*arguments, "--home", second.home)
    assert name in whole.stdout
    discreet = run_c360(*arguments, "--home", second.home, "--no-pii")
    assert discreet.returncode == 0, discreet.stderr
    assert name not in discreet.stdout
    assert re.search(r"line [\d,]+ of Customers\S*, batch", discreet.stdout)
    persons = run_c360(
        "explain",
        "person_360",
        "total_spend",
        "--home",
        second.home,
        "--no-pii",
        "-w",
        "person_id=P1",
    )
    assert persons.returncode == 1
    assert persons.stderr == "c360: person_360 tells who is who, which is personal data.\n"
    # Nor does a condition tell whether somebody is a customer.
    asked_for = run_c360(
        *("explain", "customer_360", "count", "-w", f"customer_name={name}", "--no-pii"),
        *("--home", second.home),
    )
    assert asked_for.returncode == 1
    assert asked_for.stderr == "c360: customer_name is personal data.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "There is no mart nothing."),
        (["aov_by_category", "color"], "aov_by_category has no number color to explain."),
        (["aov_by_category"], "There are several rows of aov_by_category, such as category "),
        (["aov_by_category", "-w", "shade=red"], "aov_by_category has no column shade."),
        (["aov_by_category", "-w", "category"], "--where category is no condition;"),
        (["aov_by_product", "-w", "product_id=x"], "product_id is a number, and x is none."),
        (["customer_totals", "refunds", "-w", "customer_id=1"], None),
        (["revenue_growth"], "Revenue growth cannot be explained;"),
        (["total_revenue", "-w", "shade=red"], "total_revenue cannot be asked for by shade;"),
        (["total_revenue", "-w", "month=2026-13"], "2026-13 is no month;"),
    ],
)
def test_what_cannot_be_explained_is_one_clear_line(
    second: Arrival, arguments: list[str], message: str | None
) -> None:
    run = run_c360("explain", *arguments, "--home", second.home)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith(f"c360: {message or 'There is no row of customer_totals'}")
