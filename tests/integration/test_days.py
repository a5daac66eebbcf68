"""Dirty files over several days, declared in all kinds of ways: every relation is the reference's.

And it does not matter how the files arrived, when their names carry their days: on one day after
another, late, or (of one shop) all in one folder. Every day is built and published, so that all but
the first one only take in what arrived.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.compare import difference, load
from tests.support.generated import DAYS, FIRST_DAY, SHOPS, Shop, write_days
from tests.support.layers import OF_PERSONS, RELATIONS, Layers, differences
from tests.support.project_copy import copy_project
from tests.support.reference import Batch, Identity
from tests.support.reference_as_of import as_of
from tests.support.reference_contract import ENTITIES
from tests.support.reference_options import options_of
from tests.support.steps import Driver
from warehouse.home import Home

# Days replace so much of these few rows that each would be written as one part with those before;
# the parts of these shops stay.
UNFOLDED = ("lines", "full")
FOLDED_WHEN = " or replaced * 10 > rows"
AT_ONCE = SHOPS[0]  # its files arrive all in one folder, too
PUBLISHING = ("--without", "write_report")  # which has no relations
BUILT_WHOLE = ("project", "superseded_rows", "row_reconciliation", "customer_attributes")


@dataclass(frozen=True)
class Kept:
    """What two homes have of one shop's files, and what the reference makes of the first one's."""

    batches: list[str]
    daily: duckdb.DuckDBPyConnection
    at_once: duckdb.DuckDBPyConnection | None
    layers: Layers


@pytest.fixture(scope="module", params=SHOPS, ids=lambda shop: shop.name)
def kept(
    request: pytest.FixtureRequest, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    """Homes that were given the shop's files day by day, the third day last, and all at once."""
    shop: Shop = request.param
    work = tmp_path_factory.mktemp(shop.name)
    project = copy_project(
        work / "project", shop, (FOLDED_WHEN, "") if shop.name in UNFOLDED else None
    )
    sources = work / "sources.yml"
    sources.write_text(shop.sources)
    first, second, late, last = write_days(shop, work / "days")
    environment = {"C360_SOURCES": str(sources), "C360_PROJECT_DIR": str(project)}

    def arrive(home: Path, folders: Sequence[Path]) -> Home:
        for folder in folders:
            arguments = ("--input", folder, "--home", home, "--accept-rejected")
            outcome = driver.run(*arguments, *PUBLISHING, environment=environment)
            assert outcome.returncode == 0, outcome.errors
        return Home.at(home)

    daily = arrive(work / "daily", [first, second, last, late])
    at_once = None
    if shop is AT_ONCE:
        everything = work / "everything"
        for folder in (first, second, late, last):
            shutil.copytree(folder, everything, dirs_exist_ok=True)
        at_once = arrive(work / "at_once", [everything])

    batches = sorted(path.stem for path in (daily.lake / "bronze/manifests").glob("*.json"))
    arrived = [
        Batch.of_folder(batch, folder)
        for batch, folder in zip(batches, [first, second, last, late], strict=True)
    ]
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(duckdb.connect(home.warehouse, read_only=True)) if home else None
            for home in (daily, at_once)
        )
        assert one
        layers = Layers.of(arrived, options_of(sources, project), Identity.of(one))
        yield Kept(batches, one, other, layers)


def test_days_are_taken_in_and_not_built_anew(kept: Kept) -> None:
    states = {
        name: json.loads(state)
        for name, state in kept.daily.execute("from staging.built").fetchall()
        if name not in BUILT_WHOLE
    }
    assert {*ENTITIES, "customer_totals", "rejected_rows"} <= states.keys()
    assert {state["epoch"] for state in states.values()} == {kept.batches[0]}
    assert {state["version"] for state in states.values()} > {kept.batches[-1]}


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_is_the_references(kept: Kept, relation: str) -> None:
    assert differences(kept.daily, relation, kept.layers) is None


@pytest.mark.parametrize("days", range(DAYS + 1))
def test_customers_as_of_a_day_are_the_references(kept: Kept, days: int) -> None:
    day = (FIRST_DAY + timedelta(days=days - 1)).date()
    expected = as_of(kept.layers.silver, day)
    assert bool(expected) == bool(days)
    relation = f"(from marts.customer_360_as_of(date '{day}'))"
    columns = [name for name, *_ in kept.daily.execute(f"describe {relation}").fetchall()]
    profile = [name for name, *_ in kept.daily.execute("describe marts.customer_360").fetchall()]
    assert columns == [name for name in profile if "person" not in name]
    found = load(kept.daily, relation, columns)
    assert difference(found, expected, columns, ["customer_id"]) is None


@pytest.mark.parametrize("kept", [AT_ONCE], ids=[AT_ONCE.name], indirect=True)
@pytest.mark.parametrize("relation", [name for name in RELATIONS if name not in OF_PERSONS])
def test_it_is_the_same_when_everything_arrives_at_once(kept: Kept, relation: str) -> None:
    described = kept.daily.execute(f"describe {relation}").fetchall()
    # Who is who follows from what was known when, too.
    but = {"_batch_id", "person_id", "person_customer_ids"}
    columns = [name for name, *_ in described if name not in but]
    key = [name for name in RELATIONS[relation] if name in columns]
    if relation == "silver.unreadable_values":  # which are counted by batch
        columns = [*key, "row_count"]
        relation = (
            f"(select {', '.join(key)}, sum(row_count) as row_count from {relation} group by all)"
        )
    daily, at_once = (
        load(connection, relation, columns)
        for connection in (kept.daily, kept.at_once)
        if connection
    )
    assert difference(at_once, daily, columns, key) is None
