"""What Prefect keeps beside a run: tables, answers that are no markup, links to the pages."""

from pathlib import Path

import duckdb
import pytest

from flows.artifacts import answers_markdown, counts_table, markdown, node_table, page_links
from flows.headlines import Headline
from tests.support.marts import make_marts
from warehouse.answers import read_answers
from warehouse.dbt_run import NodeResult
from warehouse.home import Home


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    make_marts(tmp_path / "warehouse.duckdb")
    return tmp_path / "warehouse.duckdb"


def test_the_tables(warehouse: Path) -> None:
    node = NodeResult("model.p.a", "silver.a", "model", "success", 0.123, "OK", rows=4)
    assert node_table([node]) == [
        {"node": "silver.a", "kind": "model", "status": "success", "rows": 4, "seconds": 0.12}
    ]
    assert counts_table(read_answers(warehouse))[0] == {
        **{"entity": "customers", "in": 1005, "rejected": 2, "superseded": 3},
        "published": 1000,
    }


def test_the_answers(warehouse: Path) -> None:
    with duckdb.connect(warehouse) as connection:
        connection.execute(
            "insert into marts.agent_performance "
            "values (117, 'Shirley Ramos', 'Returns', 'Day', 4, 3, 75)"
        )
    lines = answers_markdown(read_answers(warehouse)).splitlines()
    first = lines.index("### Average order value")
    assert lines[first + 1 : first + 7] == [
        "",
        "| Channel | Purchases | Revenue | Average |",
        "| :-- | --: | --: | --: |",
        "| in_store | 1 | 1,000.00 | 1,000.00 |",
        "| online | 2 | 5,000.00 | 2,500.00 |",
        "| all | 3 | 6,000.00 | 2,000.00 |",
    ]
    assert "| 117 | Returns | 4 | 75.00 % |" in lines
    assert "| Toys \\[new\\] | 2 | 5,000.00 | 2,500.00 |" in lines
    persons = lines.index("### Persons")
    assert lines[persons + 2 : persons + 7] == [
        "| Who | Number | Customers | Spend |",
        "| :-- | --: | --: | --: |",
        "| all persons | 2 | 3 | 5,000.00 |",
        "| with several records | 1 | 2 | 5,000.00 |",
        "| pairs that may be one, to review | 2 | 3 | 5,000.00 |",
    ]
    assert not any("example.org" in line or "Ann" in line for line in lines)
    where = lines.index("### Store locations with the highest revenue")
    assert lines[where + 2] == "No data for this yet."
    notes = lines.index("### What to know about these numbers")
    told = "| unlisted status | online_transactions | 3 | 100.00 | 1 value: Wait \\& see |"
    assert told in lines[notes:]


def test_nothing_is_told_of_notes_where_there_are_none(warehouse: Path) -> None:
    with duckdb.connect(warehouse) as connection:
        connection.execute("delete from marts.data_notes")
    assert "What to know" not in answers_markdown(read_answers(warehouse))


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
        ("a\x1b[2J", r"a\\x1b\[2J"),
    ],
)
def test_a_text_from_the_data_is_no_markup_in_the_answers(value: str, written: str) -> None:
    headline = Headline("T", ("A", "Name", "B"), [(value, "Ann", value)])
    *_, row, _ = markdown(headline)
    written = written.replace("‸", "\u2060")
    assert row == f"| {written} | {written} |"


def test_links_lead_to_the_pages_that_are_there(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
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
