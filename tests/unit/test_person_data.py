"""Who is meant by an id or by words: persons, their customers, and ids of earlier times."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lake.errors import InputError
from tests.support.marts import make_marts
from warehouse.person_data import Person, accounts_of, find_persons, held_on_customer, person_of


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
            create table silver.unknown_keys as from (values ('customers', '0'))
            as t (entity, key_value);
            create table marts.person_aliases as from (values
                ('P30000', 'P10000', null),
                ('P40000', 'P10000', timestamp '2026-01-01 00:00:00')
            ) as t (alias_id, person_id, ended_at);
            """
        )
        yield connection


def found(warehouse: duckdb.DuckDBPyConnection, wanted: str, limit: int = 20) -> list[str]:
    return [person.person_id for person in find_persons(warehouse, wanted, limit)[1]]


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


def test_a_person_has_all_records_and_what_is_held_under_each(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    count, (first,) = find_persons(warehouse, "example.org", 1)
    assert count == 2
    assert (first.customer_name, first.email) == ("Ann", "Ann@example.org")
    assert [record["customer_id"] for record in first.records] == [10000, 30000]


@pytest.mark.parametrize("wanted", ["P10000", "10000", " 30000 ", "P30000"])
def test_a_person_is_meant_by_any_of_its_ids(
    warehouse: duckdb.DuckDBPyConnection, wanted: str
) -> None:
    assert person_of(warehouse, wanted) == Person("P10000", (10000, 30000), ("P30000",))


def test_who_is_not_published_may_have_rows_all_the_same(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert person_of(warehouse, "99") == Person(None, (99,))
    with pytest.raises(InputError, match="ids of customers are whole numbers here"):
        person_of(warehouse, "P40000")


@pytest.mark.parametrize("nobody", ["0", "-1"])
def test_ids_that_stand_for_strangers_are_nobodys(
    warehouse: duckdb.DuckDBPyConnection, nobody: str
) -> None:
    with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
        person_of(warehouse, nobody)
    # Also when a file had a customer with it, who then is a person.
    warehouse.execute(f"insert into gold.customer_persons values ({nobody}, 'P{nobody}')")
    for wanted in (nobody, f"P{nobody}"):
        with pytest.raises(InputError, match=f"^{nobody} stands for customers who are not known"):
            person_of(warehouse, wanted)


def test_an_id_of_a_person_and_of_anothers_customer_is_refused(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("alter table gold.customer_persons alter customer_id type varchar")
    warehouse.execute("insert into gold.customer_persons values ('P20000', 'PP20000')")
    with pytest.raises(InputError, match="a customer who is person PP20000"):
        person_of(warehouse, "P20000")
    assert person_of(warehouse, "20000").person_id == "P20000"
    assert person_of(warehouse, "PP20000").customer_ids == ("P20000",)


def test_accounts_are_theirs_others_or_nobodys(warehouse: duckdb.DuckDBPyConnection) -> None:
    theirs, others = accounts_of(warehouse, [10000, 30000])
    assert theirs == [501]
    assert {str(key) for key in others} == {"502", "503", "-1", "0"}


def test_a_pair_that_may_be_one_tells_nothing_of_the_other(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute(
        """
        create table silver.customer_attributes (customer_id bigint);
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
        create schema old;
        create table old.customers_history as select 10000 as customer_id, 'Anna' as customer_name;
        """
    )
    held = held_on_customer(warehouse, 10000)
    pairs = [(row["other_customer_id"], row["reasons"]) for row in held["possible_duplicates"]]
    assert pairs == [(20000, "same e-mail"), (30000, "same address")]
    assert not {"Bo [b]", "Cy", "two@example.org", "B", "C"} & {
        value for row in held["possible_duplicates"] for value in row.values()
    }
    # History is read from whatever schema it stands in.
    assert held["customers_history"] == [{"customer_id": 10000, "customer_name": "Anna"}]
    assert held["loyalty_accounts_history"] == []
    assert [row["loyalty_id"] for row in held["loyalty_accounts"]] == [501]
