"""Everything that a run publishes equals what the reference computes from the same raw files.

Here over the sample data, whose API is pulled too; `test_days` has files that are dirtier still.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import Arrival
from tests.support import reference
from tests.support.layers import GOLD, KEYS, MARTS, RELATIONS, Layers, differences
from tests.support.reference_options import options_of

__all__ = ["GOLD", "KEYS", "LINEAGE", "MARTS"]

SOURCES = Path(__file__).resolve().parents[2] / "ingest" / "sources.yml"

# What differs by how the API's records came: a file a page here, one file for the reference.
LINEAGE = {"_as_of", "_source_file", "_batch_id"}


@cache
def computed(sources: Path, warehouse: Path, *batches: reference.Batch) -> Layers:
    """The reference's layers, given who is who; computed once for the tests of one state."""
    with duckdb.connect(warehouse, read_only=True) as connection:
        identity = reference.Identity.of(connection)
    return Layers.of(batches, options_of(sources), identity)


@pytest.fixture(scope="module", params=["first", "second"])
def state(
    request: pytest.FixtureRequest, first: Arrival
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Layers]]:
    """The warehouse after one batch and after both, with what the reference computes for it."""
    if request.param == "first":
        warehouse, arrivals = first.warehouse, [first]
    else:
        second: Arrival = request.getfixturevalue("second")
        warehouse, arrivals = second.warehouse, [first, second]
    batches = [reference.Batch(each.batch_id, tuple(each.as_reference.files)) for each in arrivals]
    with duckdb.connect(warehouse, read_only=True) as connection:
        yield connection, computed(SOURCES, warehouse, *batches)


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_is_the_references(
    state: tuple[duckdb.DuckDBPyConnection, Layers], relation: str
) -> None:
    connection, layers = state
    but = ("_as_of", "_source_file") if relation.startswith("silver.") else ()
    assert differences(connection, relation, layers, but) is None


def test_the_sample_data_has_what_is_rejected(
    state: tuple[duckdb.DuckDBPyConnection, Layers],
) -> None:
    _, layers = state
    reasons = {row["reason"] for row in layers.silver.rejected}
    assert {"malformed_line", "invalid_key", "invalid_datetime", "invalid_amount"} <= reasons
