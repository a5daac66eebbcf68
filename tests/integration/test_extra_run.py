"""Columns of customers beyond the contract: declared late, changed by a file, not declared."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.support.steps import Driver, Outcome

HEADER = "CustomerID,Name,Email,Address,Phone,BirthDate\n"
FIRST = f"{HEADER}1,Ann,,,030 1,1980-02-29\n2,Bob,,,030 2,\n3,Cem,,,NULL,x\nno key,Eve,,,030 4,\n"
SECOND = f"{HEADER}1,Ann,,,030 9,1980-02-29\n2,Bob,,,,\n"
QUERY = "select customer_id, attribute, value from silver.customer_attributes order by all"
SUPERSEDED = "select reason, row_count from silver.superseded_rows"
Found = list[tuple[object, ...]]


class Home:
    """A home that customers arrive in, as the sources file declares them then."""

    def __init__(self, work: Path, driver: Driver) -> None:
        self.work, self.driver = work, driver
        (work / "in").mkdir()

    def run(self, sources: str, **files: str) -> Outcome:
        (self.work / "sources.yml").write_text(sources)
        for name, text in files.items():
            (self.work / "in" / f"Customers_{name}.csv").write_text(text)
        outcome = self.driver.run(
            *("--input", self.work / "in", "--home", self.work / "home"),
            *("--without", "write_report"),
            environment={"C360_SOURCES": str(self.work / "sources.yml")},
        )
        assert outcome.returncode == 0, outcome.errors
        return outcome

    def query(self, sql: str) -> Found:
        path = self.work / "home" / "warehouse.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def found(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What the attributes are after each run, and what else is told then."""
    home = Home(tmp_path_factory.mktemp("extra"), driver)
    found: dict[str, Found] = {}
    home.run("{}", **{"2026-11-01": FIRST})
    found["undeclared"] = home.query(QUERY)
    home.run("files: {customers: {extra: [Phone, BirthDate]}}")
    found["declared"] = home.query(QUERY)
    home.run("files: {customers: {extra: [Phone, BirthDate]}}", **{"2026-11-02": SECOND})
    found["second day"] = home.query(QUERY)
    found["superseded"] = home.query(SUPERSEDED)
    found["lineage"] = home.query(
        "select distinct customer_id, attributes._as_of = customers._as_of,"
        " attributes._source_file, attributes._batch_id = customers._batch_id"
        " from silver.customer_attributes as attributes join silver.customers using (customer_id)"
        " order by all"
    )
    found["rejected"] = home.query("select raw_row from silver.rejected_rows")
    home.run("files: {customers: {extra: {mobile: phone}}}")
    found["otherwise"] = home.query(QUERY)
    home.run("{}")
    found["no more"] = home.query(QUERY)
    return found


def test_nothing_is_there_where_nothing_is_declared(found: dict[str, Found]) -> None:
    assert found["undeclared"] == []


def test_what_landed_before_is_read_again_when_columns_are_declared(
    found: dict[str, Found],
) -> None:
    assert found["declared"] == [
        (1, "birth_date", "1980-02-29"), (1, "phone", "030 1"), (2, "phone", "030 2"),
        (3, "birth_date", "x"),
    ]  # fmt: skip


def test_the_newest_row_of_a_customer_tells_them(found: dict[str, Found]) -> None:
    assert found["second day"] == [
        (1, "birth_date", "1980-02-29"), (1, "phone", "030 9"), (3, "birth_date", "x"),
    ]  # fmt: skip
    assert found["lineage"] == [
        (1, True, "Customers_2026-11-02.csv", True),
        (3, True, "Customers_2026-11-01.csv", True),
    ]


def test_rows_that_differ_in_them_only_do_not_say_the_same(found: dict[str, Found]) -> None:
    assert found["superseded"] == [("newer", 2)]


def test_a_rejected_row_is_kept_with_the_contract_s_columns(found: dict[str, Found]) -> None:
    assert found["rejected"] == [('{"CustomerID":"no key","Name":"Eve","Email":"","Address":""}',)]


def test_they_follow_what_is_declared(found: dict[str, Found]) -> None:
    assert found["otherwise"] == [(1, "mobile", "030 9")]
    assert found["no more"] == []
