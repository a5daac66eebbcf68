"""Persons of several records, as somebody found them out: gold and the marts tell of them.

Who is who is written by hand here, over the sample data: on this machine the relations are those of
the reference, and the models' T-SQL gives the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import Arrival
from tests.integration.test_against_reference import SOURCES
from tests.integration.test_tsql_models import Build, Models
from tests.support.command import C360
from tests.support.compare import difference, load
from tests.support.layers import OF_PERSONS, RELATIONS, Layers, differences
from tests.support.reference import Batch, Identity
from tests.support.reference_options import options_of
from warehouse.home import project_dir

# Every tenth customer has three records, the next two have two; one in seven was not looked at yet.
WHO_IS_WHO = """
create temp table numbered as
select customer_id, row_number() over (order by customer_id) as number from silver.customers;
delete from identity.matched_customers;
insert into identity.matched_customers
select
    customer_id,
    concat('P', min(customer_id) over (partition by person)) as person_id,
    if(person < 0, 'only record', if(number % 2 = 0, 'model', 'same e-mail and compatible name')),
    if(person < 0, null, if(number % 2 = 0, 0.875, 1)),
    timestamp '2026-11-01 10:00:00'
from (
    select *, case
        when number % 10 in (0, 3, 6) then number // 10
        when number % 10 in (1, 9) then 10000 + number // 10
        when number % 10 in (2, 5) then 20000 + number // 10
        else -number
    end as person
    from numbered
)
where number % 7 <> 0;
delete from identity.person_aliases;
insert into identity.person_aliases values ('P2', 'P1', '2026-11-01 10:00:00', null);
delete from identity.possible_duplicates;
insert into identity.possible_duplicates
select
    least(one.customer_id, other.customer_id),
    greatest(one.customer_id, other.customer_id),
    0.5 + one.number % 3 / 10,
    'same e-mail; other address'
from numbered as one
inner join numbered as other on one.number = other.number + 4
where one.number % 9 < 3;
insert into identity.possible_duplicates
select min(customer_id), 987654321, 0.99, 'the other one is gone' from numbered;
"""
OF_SEVERAL = "select count(*) from gold.dim_persons where customer_records > 1"
SUMMED = (
    *("online_orders", "online_spend", "in_store_orders", "in_store_spend", "total_orders"),
    *("total_spend", "refunds", "refunded_amount", "loyalty_accounts", "points_balance"),
    *("interactions", "unresolved_interactions"),
)


@dataclass(frozen=True)
class Known:
    """A warehouse with persons of several records, and what the reference makes of them."""

    warehouse: Path
    layers: Layers


@pytest.fixture(scope="module")
def known(first: Arrival, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The first batch's home, with who is who put there by hand and gold built by hand."""
    work = tmp_path_factory.mktemp("persons")
    home = work / "home"
    shutil.copytree(first.home, home)
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.execute(WHO_IS_WHO)
    build = subprocess.run(
        [
            C360.with_name("dbt"),
            *("build", "--select", "path:models/gold", "path:models/marts"),
            *("--exclude", "resource_type:unit_test", "--target-path", work / "target"),
        ],
        cwd=project_dir(),
        env=os.environ | {"C360_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        identity = Identity.of(connection)
        assert connection.execute(OF_SEVERAL).fetchone() > (50,)
    batch = Batch(first.batch_id, tuple(first.as_reference.files))
    return Known(home / "warehouse.duckdb", Layers.of([batch], options_of(SOURCES), identity))


@pytest.fixture(scope="module")
def on_azure(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """All models of the same bronze and the same persons, on the stand-in of Azure's servers."""
    build = Build(tmp_path_factory.mktemp("persons_on_azure"), known.warehouse, Models())
    yield build
    build.server.logout(build.session)


@pytest.mark.parametrize("relation", sorted({*OF_PERSONS, "marts.customer_360"}))
def test_a_relation_of_persons_is_the_references(known: Known, relation: str) -> None:
    with duckdb.connect(known.warehouse, read_only=True) as connection:
        assert differences(connection, relation, known.layers) is None


@pytest.mark.parametrize("relation", sorted({*OF_PERSONS, "marts.customer_360"}))
def test_it_is_the_same_on_azure(on_azure: Build, relation: str) -> None:
    described = on_azure.connection.execute(f"describe local.{relation}").fetchall()
    columns = [name for name, *_ in described]
    ours, theirs = (
        load(on_azure.connection, name, columns) for name in (relation, f"local.{relation}")
    )
    assert difference(ours, theirs, columns, RELATIONS[relation]) is None


def test_what_persons_have_adds_up_to_what_customers_have(known: Known) -> None:
    sums = ", ".join(f"sum({name})" for name in SUMMED)
    with duckdb.connect(known.warehouse, read_only=True) as connection:
        customers, persons = (
            connection.execute(f"select {sums} from marts.{name}").fetchone()
            for name in ("customer_360", "person_360")
        )
    assert persons == customers
    assert all(customers or ())


def test_who_is_gone_is_in_no_pair_and_the_most_probable_come_first(known: Known) -> None:
    with duckdb.connect(known.warehouse, read_only=True) as connection:
        pairs = connection.execute(
            "select pair_rank, probability from marts.possible_duplicates order by pair_rank"
        ).fetchall()
    assert [rank for rank, _ in pairs] == [*range(1, len(pairs) + 1)]
    probabilities = [probability for _, probability in pairs]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] == 0.7
