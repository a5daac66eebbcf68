"""The answers: each question is asked once, and what summary and report make of the rows."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from flows.headlines import headlines, shown
from pages.report import content
from tests.support.marts import NO_ANSWERS, make_marts
from warehouse.answers import QUESTIONS, Agent, Answers, Hour, Segment, ask, read_answers


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    make_marts(tmp_path / "warehouse.duckdb")
    return read_answers(tmp_path / "warehouse.duckdb")


def rows_of(answers: Answers, title: str) -> list[tuple[object, ...]]:
    (found,) = (each for each in headlines(answers) if each.title.startswith(title))
    return [tuple(row) for row in found.rows]


def test_each_question_is_asked_once_of_the_schema_that_is_meant() -> None:
    asked: list[str] = []

    def query(sql: str) -> list[tuple[object, ...]]:
        asked.append(sql)
        return []

    assert ask(query, marts="marts_next") == NO_ANSWERS
    assert max(Counter(asked).values()) == 1
    assert len(asked) == len(QUESTIONS)
    assert all("marts." not in sql for sql in asked)
    assert sum("marts_next." in sql for sql in asked) == len(QUESTIONS) - 1  # the rows are silver's


def test_an_order_of_lines_and_a_refund_count_in_their_months(answers: Answers) -> None:
    assert answers.months == [
        (2026, 1, "in_store", 1, Decimal("1000.00")),
        (2026, 2, "online", 2, Decimal("5000.00")),
    ]


def test_the_members_of_a_dimension_are_cut_and_counted(tmp_path: Path) -> None:
    make_marts(tmp_path / "warehouse.duckdb")
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            "insert into marts.average_order_value select 'product', 'P' || n, 'online', 1, n, n "
            "from range(12) as t (n)"
        )
    products = read_answers(tmp_path / "warehouse.duckdb").averages_of("product")
    assert [row.member for row in products] == [f"P{n}" for n in range(11, 1, -1)]
    assert {row.members for row in products} == {12}


def test_customers_are_summed_by_segment_and_by_tier(answers: Answers) -> None:
    best = ("High-Value Customer", 1, Decimal("5000.00"))
    assert answers.spend_by("segment") == [best, ("No Purchases", 2, Decimal("0.00"))]
    assert answers.spend_by("tier_level") == [
        ("Gold", 2, Decimal("5000.00")),
        (None, 1, Decimal("0.00")),
    ]
    # The summary has the largest first, the report those who spend most.
    assert [row[0] for row in rows_of(answers, "Customers per")] == ["No Purchases", best[0]]


def test_members_of_the_same_spend_go_by_name_and_none_comes_last() -> None:
    rows = [Segment(s, t, 1, Decimal(0)) for s, t in (("b", None), ("a", "Z"), ("a", "A"))]
    answers = ask(lambda sql: [tuple(row) for row in rows] if "segment, tier" in sql else [], "m")
    assert [row[0] for row in answers.spend_by("tier_level")] == ["A", "Z", None]
    assert [row[0] for row in answers.spend_by("segment")] == ["a", "b"]


def test_persons_and_pairs_are_counted_and_no_customer_twice(answers: Answers) -> None:
    # 10000 and 30000 are one person, and 10000 is in both of the pairs that wait.
    assert answers.persons == [(2, 1, 2, Decimal("5000.00"), 2, 3, Decimal("5000.00"))]
    assert [row[:4] for row in answers.duplicates] == [
        (10000, 20000, Decimal("0.875"), "same e-mail"),
        (10000, 30000, Decimal("0.500"), "same address"),
    ]
    assert rows_of(answers, "Persons") == [
        ("all persons", 2, 3, Decimal("5000.00")),
        ("with several records", 1, 2, Decimal("5000.00")),
        ("pairs that may be one, to review", 2, 3, Decimal("5000.00")),
    ]


def test_without_a_customer_there_is_nobody_to_tell_of(tmp_path: Path) -> None:
    make_marts(tmp_path / "warehouse.duckdb")
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        for table in ("people", "marts.customer_segments", "marts.possible_duplicates"):
            connection.execute(f"delete from {table}")
    answers = read_answers(tmp_path / "warehouse.duckdb")
    assert answers.persons == [(0, 0, 0, 0, 0, 0, 0)]
    assert rows_of(answers, "Persons") == []


def test_the_report_names_the_pairs_that_are_most_probable(tmp_path: Path) -> None:
    make_marts(tmp_path / "warehouse.duckdb")
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            "insert into marts.possible_duplicates select n, n, n + 1, 0.4, 'same name', 'A', 'A', "
            "'', '', '', '', 0 from range(40, 2, -1) as t (n)"
        )
    answers = read_answers(tmp_path / "warehouse.duckdb")
    tables = content.compose(answers, version="v", personal_data=True).tables
    assert [row[0] for row in tables["duplicates"]["rows"]] == [
        *("10000", "10000"),
        *(str(n) for n in range(3, 21)),
    ]
    assert tables["persons"]["rows"][0][4] == "40"
    without = content.compose(answers, version="v", personal_data=False).tables
    assert without["duplicates"]["rows"] == without["persons"]["rows"] == []


def test_the_first_of_the_busiest_hours_of_each_channel_is_told(answers: Answers) -> None:
    extra = Hour("in_store", "Sunday", 7, 9, 12, Decimal(1), Decimal("0.026050"), 1)
    answers.hours.append(extra)
    assert rows_of(answers, "Busiest hour") == [
        ("in_store", "Sunday", "09:00", 12, "2.60 %"),
        ("online", "Monday", "08:00", 7, "25.00 %"),
    ]


def test_the_best_agents_are_told_without_who_is_nobody() -> None:
    def agent(number: int, contacts: int, rate: str) -> Agent:
        return Agent(number, f"A{number}", "Returns", "Day", contacts, 1, Decimal(rate))

    agents = [agent(-1, 9, "99"), agent(2, 5, "50"), agent(1, 5, "50"), agent(3, 9, "50")]
    agents += [agent(4, 0, "0"), *(agent(n, 1, "10") for n in range(5, 9))]
    answers = ask(lambda sql: [tuple(row) for row in agents] if "agent_per" in sql else [], "m")
    told = rows_of(answers, "Service agents")
    assert [row[0] for row in told] == [3, 1, 2, 5, 6]
    assert told[0] == (3, "A3", "Returns", 9, "50.00 %")


def test_a_report_shows_the_newest_months_and_the_busiest_agents() -> None:
    months = [(2020 + n // 12, n % 12 + 1, "online", 1, Decimal(n)) for n in range(40)]
    agents = [(n, "Ann", "Returns", "Day", 1, 1, Decimal(100)) for n in range(201)]

    def query(sql: str) -> list[tuple[object, ...]]:
        return months if "m.purchases" in sql else agents if "m.agent_per" in sql else []

    answers = ask(query, "m")
    tables = content.compose(answers, version="v", personal_data=False).tables
    assert tables["months"]["rows"][0] == ["2020", "5", "online", "1", "4"]
    assert len(tables["months"]["rows"]) == 36
    assert tables["months"]["cut"]
    assert not content.compose(NO_ANSWERS, version="v", personal_data=True).tables["months"]["cut"]
    assert tables["agents"]["rows"][0] == [
        *("0", None, "Returns", "Day"),
        *("1", "1", "100", "201"),
    ]
    assert len(tables["agents"]["rows"]) == 200
    assert tables["service"]["rows"] == [[None, None]]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (1234567, "1,234,567"), (Decimal("1234.50"), "1,234.50"), ("a", "a")],
)
def test_values_are_written_for_people(value: object, text: str) -> None:
    assert shown(value) == text
