"""Who is meant by an id or by words: persons, their customers, and ids of earlier times."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.forget import members
from lake.errors import InputError
from tests.support.marts import make_marts
from tests.support.tsql_server.functions import install
from tests.support.tsql_server.translate import to_duckdb
from warehouse.customer_search import persons_in_tsql
from warehouse.engines import AzureSql, DuckDB
from warehouse.person_data import (
    Person,
    accounts_of,
    find_persons,
    held_on_customer,
    not_accounts_of,
    person_of,
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A shop whose customers 10000 and 30000 are one person, who once was P30000."""
    make_marts(tmp_path / "w.duckdb")
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute(
            """
            create schema gold;
            create table gold.customer_persons as select customer_id, person_id from people;
            create table gold.dim_persons as
            select person_id, customer_name, email from people where 'P' || customer_id = person_id;
            create table gold.dim_customers as select customer_id, customer_name from people;
            create table gold.dim_loyalty_accounts as from (values
                (501, 10000, 10000), (502, 20000, 20000), (503, -1, 99), (-1, -1, null)
            ) as t (loyalty_id, customer_id, source_customer_id);
            create table silver.unknown_keys as from (values
                ('customers', '0'), ('loyalty_accounts', '7'), ('stores', '30000'))
            as t (entity, key_value);
            create table marts.person_aliases as from (values
                ('P30000', 'P10000', null),
                ('P40000', 'P10000', timestamp '2026-01-01 00:00:00')
            ) as t (alias_id, person_id, ended_at);
            """
        )
        yield connection


def found(warehouse: duckdb.DuckDBPyConnection, wanted: str, limit: int = 20) -> list[str]:
    return [person.person_id for person in find_persons(DuckDB(warehouse), wanted, limit)[1]]


@pytest.mark.parametrize(
    ("wanted", "persons"),
    [
        ("cy", ["P10000"]),  # the name of another record than the one that counts
        ("two@example.org", ["P20000", "P10000"]),
        ("100", ["P10000"]),
        ("P20000", ["P20000"]),
        ("P30000", ["P10000"]),  # once a person of its own
        ("P40000", []),  # and no more since
        ("502", ["P20000"]),  # a loyalty account
        ("nobody", []),
        ("  ", []),
    ],
)
def test_persons_are_found(
    warehouse: duckdb.DuckDBPyConnection, wanted: str, persons: list[str]
) -> None:
    assert sorted(found(warehouse, wanted)) == sorted(persons)


def test_azure_sql_finds_whom_duckdb_finds(warehouse: duckdb.DuckDBPyConnection) -> None:
    names = "Zoë Müller, Zoe Muller, Sinéad O'Neill, lukasz Kowal, Łukasz, STRAẞE, Æsir, İpek, "
    names += "100% _, 100x, Nguyễn, Ωδή, ガガ, カ"
    for number, name in enumerate(names.split(", "), 1):
        warehouse.execute(
            "insert into people values ($1, $2, $3, 7, 1, $4)",
            [number, name, f"{number}@example.net", f"P{number}"],
        )
    install(warehouse)
    words = "zoe, ZOË  müller, o'n, Łukasz, strasse, aesir, i, 100%, _, 10, 1000, [b], nguyen, ωδη"
    words += ", ann@example.org, two@example.org cy, ガ,  bo , 3, 3@EXAMPLE.net"
    for wanted in words.split(", "):
        there = warehouse.execute(to_duckdb(persons_in_tsql(wanted, 500))).fetchall()
        here = DuckDB(warehouse.cursor()).persons_by_words(wanted, 500)
        assert [person for (person,) in there] == here, wanted
        assert here, wanted


def test_whoever_sees_masks_is_told_so() -> None:
    class Database:
        def query(self, sql: str) -> list[tuple[int | None, ...]]:
            return [(1, 0, None)]

        rows = query

    with pytest.raises(InputError, match="alter role c360_steward add member"):
        AzureSql(Database())  # type: ignore[arg-type]


def test_a_person_has_all_records_and_what_is_held_under_each(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    count, (first,) = find_persons(DuckDB(warehouse), "example.org", 1)
    assert count == 2
    assert (first.customer_name, first.email) == ("Ann", "Ann@example.org")
    assert [record["customer_id"] for record in first.records] == [10000, 30000]


@pytest.mark.parametrize("wanted", ["P10000", "10000", " 30000 ", "P30000"])
def test_a_person_is_meant_by_any_of_its_ids(
    warehouse: duckdb.DuckDBPyConnection, wanted: str
) -> None:
    assert person_of(DuckDB(warehouse), wanted) == Person("P10000", (10000, 30000), ("P30000",))


def test_who_is_not_published_may_have_rows_all_the_same(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert person_of(DuckDB(warehouse), "99") == Person(None, (99,))
    with pytest.raises(InputError, match="ids of customers are whole numbers here"):
        person_of(DuckDB(warehouse), "P40000")


@pytest.mark.parametrize("nobody", ["0", "-1"])
def test_ids_that_stand_for_strangers_are_nobodys(
    warehouse: duckdb.DuckDBPyConnection, nobody: str
) -> None:
    with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
        person_of(DuckDB(warehouse), nobody)
    with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
        members(lambda sql: warehouse.execute(sql).fetchall(), nobody)
    # Also when a file had a customer with it, who then is a person.
    warehouse.execute(f"insert into gold.customer_persons values ({nobody}, 'P{nobody}')")
    for wanted in (nobody, f"P{nobody}"):
        with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
            person_of(DuckDB(warehouse), wanted)
        with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
            members(lambda sql: warehouse.execute(sql).fetchall(), wanted)


def test_an_id_of_a_person_and_of_anothers_customer_is_refused(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("alter table gold.customer_persons alter customer_id type varchar")
    warehouse.execute("insert into gold.customer_persons values ('P20000', 'PP20000')")
    with pytest.raises(InputError, match="a customer who is person PP20000"):
        person_of(DuckDB(warehouse), "P20000")
    assert person_of(DuckDB(warehouse), "20000").person_id == "P20000"
    assert person_of(DuckDB(warehouse), "PP20000").customer_ids == ("P20000",)


def test_accounts_are_theirs_others_or_nobodys(warehouse: duckdb.DuckDBPyConnection) -> None:
    engine, keys = DuckDB(warehouse), [10000, 30000]
    assert accounts_of(engine, keys) == [501]
    asked = ["501", "502", "503", "-1", "7", "504"]
    assert not_accounts_of(engine, keys, asked) == {"502", "503", "-1", "7"}


def test_a_pair_that_may_be_one_tells_nothing_of_the_other(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute(
        """
        create table silver.customer_attributes (customer_id bigint, attribute text);
        create table gold.dim_products (product_id bigint, product_name text);
        create table gold.dim_stores (store_id bigint, location text);
        create table gold.fct_online_transactions (
            order_id bigint, line_number int, source_customer_id bigint, product_id bigint,
            ordered_at timestamp
        );
        create table gold.fct_in_store_transactions (
            transaction_id bigint, line_number int, source_customer_id bigint, store_id bigint,
            purchased_at timestamp
        );
        create table gold.fct_service_interactions (
            interaction_id bigint, source_customer_id bigint, interacted_at timestamp
        );
        create table gold.fct_loyalty_transactions (
            source_loyalty_id bigint, line_number int, transacted_at timestamp
        );
        create table silver.customers_history as
        select 10000 as customer_id, 'Anna' as customer_name;
        create schema snapshots;
        create table snapshots.customers_history_before as
        select 10000 as customer_id, 'Anne' as customer_name;
        """
    )
    held = held_on_customer(DuckDB(warehouse), 10000)
    pairs = [(row["other_customer_id"], row["reasons"]) for row in held["possible_duplicates"]]
    assert pairs == [(20000, "same e-mail"), (30000, "same address")]
    assert not {"Bo [b]", "Cy", "two@example.org", "B", "C"} & {
        value for row in held["possible_duplicates"] for value in row.values()
    }
    # What the snapshots of an earlier version of the product kept is history too.
    assert [row["customer_name"] for row in held["customers_history"]] == ["Anna", "Anne"]
    assert held["loyalty_accounts_history"] == []
    assert [row["loyalty_id"] for row in held["loyalty_accounts"]] == [501]
