"""What a run tells: its steps while it goes on, its summary at the end, one customer on request."""

import io
import logging
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from flows.customer import print_customer
from flows.progress import Progress, Step, current, followed, logged_to
from flows.status import print_status
from flows.summary import (
    Answer,
    Results,
    Summary,
    answers_markdown,
    counts_table,
    node_table,
    page_links,
    print_summary,
    read_results,
    shown,
)
from lake.errors import InputError
from warehouse.dbt_run import NodeResult
from warehouse.home import Home

MARTS = """
create schema silver;
create schema marts;
create table silver.row_reconciliation as from (values
    ('customers', 1005, 2, 3, 1000), ('stores', 0, 0, 0, 0)
) as t (entity, bronze_rows, rejected_rows, superseded_rows, silver_rows);
create table silver.rejected_rows as from (values
    ('customers', 'invalid_key'), ('customers', 'invalid_key')
) as t (entity, reason);
create table silver.superseded_rows as from (values
    ('customers', 'newer', 2), ('customers', 'gone', 1)
) as t (entity, reason, row_count);
create table marts.data_notes as from (values
    ('unlisted status', 'online_transactions', 3, 100.00, '1 value: Wait & see'),
    ('unknown customers', 'online_transactions', 2, 5000.00, 'Counted.'),
    ('unknown agents', 'customer_service_interactions', 9, null, 'Counted.'),
    ('rejected rows', 'customers', 2, null, 'invalid_key'),
    ('superseded rows', 'customers', 1, null, 'gone'),
    ('absent entity', 'stores', 0, null, 'No row of it has arrived.')
) as t (note, entity, "rows", amount, detail);
create table marts.average_order_value as from (values
    ('all', 'all', 'all', 3, 6000.00, 2000.00),
    ('channel', 'online', 'online', 2, 5000.00, 2500.00),
    ('channel', 'in_store', 'in_store', 1, 1000.00, 1000.00),
    ('category', 'Toys [new]', 'online', 2, 5000.00, 2500.00)
) as t (dimension, member, channel, total_orders, total_amount, average_order_value);
create table marts.customer_segments as from (values
    (10000, 5000.00, 2, 'Gold', 'High-Value Customer'), (20000, 0.00, 0, null, 'No Purchases')
) as t (customer_id, total_spend, purchase_frequency, tier_level, segment);
create table marts.peak_transaction_times as from (values
    ('online', 'Friday', 5, 9, 7, 0.25, 1), ('online', 'Monday', 1, 8, 7, 0.25, 1),
    ('online', 'Sunday', 7, 1, 1, 0.01, 2)
) as t (
    channel, day_of_week, day_of_week_number, hour_of_day, total_transactions, transaction_share,
    peak_rank
);
create table marts.agent_performance (
    agent_id bigint, agent_name text, department text, total_interactions int,
    resolution_rate decimal(5, 2)
);
create table marts.customer_360 as from (values
    (10000, 'Ann', 'Ann@example.org', 5000.00), (20000, 'Bo [b]', 'two@example.org', 0.00),
    (30000, 'Cy', 'two@example.org', 0.00)
) as t (customer_id, customer_name, email, total_spend);
create table marts.customer_timeline as from (values
    (10000, timestamp '2026-01-02 03:04:05', 'online order', 'Returned', 77, 12.50, 'Pen'),
    (10000, timestamp '2026-01-03 03:04:05', 'service contact', 'Resolved', 78, null, 'Delivery')
) as t (customer_id, occurred_at, touchpoint, event, reference_id, amount, detail);
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.prepare()
    with duckdb.connect(home.warehouse) as connection:
        connection.execute(MARTS)
    return home


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(console: Console) -> list[list[str]]:
    return [line.split() for line in printed(console).splitlines()]


def test_the_summary_tells_rows_answers_warnings_times_and_places(
    home: Home, console: Console
) -> None:
    summary = Summary(
        home=home,
        version="v",
        results=read_results(home.warehouse),
        absent=["stores"],
        warnings=["Odd [thing] in a.csv"],
        steps=[Step("Land", 1.25, "Landed 2 files"), Step("Build", 2.0, "Built")],
    )
    print_summary(console, summary)
    told = lines(console)
    assert ["customers", "1,005", "2", "3", "1,000"] in told
    assert ["stores", "never", "arrived"] in told
    assert ["customers", "invalid_key", "2"] in told
    assert "! Odd [thing] in a.csv" in printed(console)
    assert told[told.index(["Superseded", "rows"]) + 1 :][:2] == [
        ["Entity", "Newer", "Identical", "Gone"],
        ["customers", "2", "0", "1"],
    ]
    notes = told.index(["What", "to", "know", "about", "these", "numbers"])
    assert [line[:2] for line in told[notes + 2 : notes + 5]] == [
        ["unknown", "customers"],
        ["unlisted", "status"],
        ["unknown", "agents"],
    ]
    assert told[notes + 2][-3:] == ["2", "5,000.00", "Counted."]
    assert not any(line[:1] == ["absent"] for line in told)
    assert ["all", "3", "6,000.00", "2,000.00"] in told
    assert ["Toys", "[new]", "2", "5,000.00", "2,500.00"] in told
    assert ["10000", "5,000.00", "2", "Gold", "High-Value", "Customer"] in told
    assert not any(line[:1] == ["20000"] for line in told)
    assert ["online", "Monday", "08:00", "7", "25.00", "%"] in told
    assert not any(line[:2] == ["online", "Friday"] for line in told)
    assert "best resolution rate: no data for this yet" in printed(console)
    assert ["Landed", "2", "files", "1.2"] in told
    assert ["Together", "3.2"] in told
    assert str(home.warehouse) in printed(console)


def test_tables_for_the_record(home: Home) -> None:
    node = NodeResult("model.p.a", "silver.a", "model", "success", 0.123, "OK", rows=4)
    assert node_table([node]) == [
        {"node": "silver.a", "kind": "model", "status": "success", "rows": 4, "seconds": 0.12}
    ]
    assert counts_table(read_results(home.warehouse))[0]["published"] == 1000


def test_the_answers_for_the_record(home: Home) -> None:
    with duckdb.connect(home.warehouse) as connection:
        connection.execute(
            "insert into marts.agent_performance values (117, 'Shirley Ramos', 'Returns', 4, 75)"
        )
    markdown = answers_markdown(read_results(home.warehouse)).splitlines()
    first = markdown.index("### Average order value")
    assert markdown[first + 1 : first + 6] == [
        "",
        "| Channel | Purchases | Revenue | Average |",
        "| :-- | --: | --: | --: |",
        "| in_store | 1 | 1,000.00 | 1,000.00 |",
        "| online | 2 | 5,000.00 | 2,500.00 |",
    ]
    assert "| 117 | Returns | 4 | 75.00 % |" in markdown
    assert "| Toys \\[new\\] | 2 | 5,000.00 | 2,500.00 |" in markdown
    where = markdown.index("### Store locations with the highest revenue")
    assert markdown[where + 2] == "No data for this yet."
    notes = markdown.index("### What to know about these numbers")
    told = "| unlisted status | online_transactions | 3 | 100.00 | 1 value: Wait \\& see |"
    assert told in markdown[notes:]


def test_nothing_is_told_of_notes_where_there_are_none(home: Home, console: Console) -> None:
    with duckdb.connect(home.warehouse) as connection:
        connection.execute("delete from marts.data_notes; delete from silver.superseded_rows")
    results = read_results(home.warehouse)
    print_summary(console, Summary(home, "v", results, [], [], []))
    for told in (printed(console), answers_markdown(results)):
        assert "What to know" not in told
        assert "Superseded rows" not in told


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Sports & Outdoors", r"Sports \& Outdoors"),
        ("High-Value Customer, St. Louis", "High-Value Customer, St. Louis"),
        ("a | b\n\n# c", r"a \| b # c"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("[click](javascript:alert(1))", r"\[click\](javascript‸:alert(1))"),
        ("![](http://10.0.0.1/x)", r"!\[\](http‸://10.0.0.1/x)"),
        ("*a* _b_ ~c~ `d`", r"\*a\* \_b\_ \~c\~ \`d\`"),
        (r"a\| b", r"a\\\| b"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("www.example.org a1@example.org", "www‸.example‸.org a1‸@example‸.org"),
    ],
)
def test_a_text_from_the_data_is_no_markup_in_the_answers(value: str, written: str) -> None:
    answer = Answer("T", ("A", "Name", "B"), [(value, "Ann", value)])
    row = answers_markdown(Results([], [], [answer])).splitlines()[-1]
    written = written.replace("‸", "\u2060")
    assert row == f"| {written} | {written} |"


def test_links_lead_to_the_pages_that_are_there(home: Home) -> None:
    assert page_links(home, None) == {}
    for folder in (home.docs, home.report):
        folder.mkdir()
    (home.docs / "index.html").touch()
    assert page_links(home, None) == {"docs": f"file://{home.docs}/index.html"}
    (home.report / "index.html").touch()
    assert page_links(home, "https://c360.example.org/shop/") == {
        "docs": "https://c360.example.org/shop/docs/index.html",
        "report": "https://c360.example.org/shop/report/index.html",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (1234567, "1,234,567"), (Decimal("1234.50"), "1,234.50"), ("a", "a")],
)
def test_values_are_written_for_people(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("who", ["10000", "ann@EXAMPLE.org"])
def test_a_customer_is_found_by_id_and_by_email(home: Home, console: Console, who: str) -> None:
    print_customer(console, home, who)
    told = printed(console)
    assert "Ann  customer 10000" in told
    assert told.index("2026-01-03 03:04") < told.index("2026-01-02 03:04")


def test_a_customer_without_events(home: Home, console: Console) -> None:
    print_customer(console, home, "20000")
    assert "Bo [b]" in printed(console)
    assert "No order, visit, service contact or loyalty change" in printed(console)


def test_customers_that_cannot_be_told(home: Home, console: Console) -> None:
    with pytest.raises(InputError, match="No customer"):
        print_customer(console, home, "99999999999999999999")
    with pytest.raises(InputError, match=r"2 customers have that e-mail address.*20000, 30000"):
        print_customer(console, home, "two@example.org")
    with pytest.raises(InputError, match="Nothing is published"):
        print_customer(console, Home.at(home.root / "elsewhere"), "1")


def test_status_tells_rows(home: Home, console: Console) -> None:
    print_status(console, home)
    assert ["customers", "never", "arrived"] in lines(console)
    assert str(home.lake) in printed(console)


def test_steps_are_told_as_they_end(console: Console) -> None:
    progress = Progress(console)
    with followed(progress):
        with current().step("Land files") as step:
            step.detail("half of it")
            step.done = "Landed 2 files"
        with pytest.raises(ValueError, match="x"), current().step("Build"):
            raise ValueError("x")
    assert "✓ Landed 2 files … 0.0s" in printed(console)
    assert "✗ Build failed … 0.0s" in printed(console)
    assert [step.doing for step in progress.steps] == ["Land files", "Build"]
    assert current() is not progress


def test_a_run_has_its_own_log(tmp_path: Path) -> None:
    with logged_to(tmp_path / "a.log"):
        with Progress().step("Build silver"):
            logging.getLogger("ingest.landing").info("one file")
        logging.getLogger("elsewhere").error("not ours")
    logging.getLogger("flows").error("too late")
    text = (tmp_path / "a.log").read_text()
    assert "Build silver" in text
    assert "one file" in text
    assert "not ours" not in text
    assert "too late" not in text
