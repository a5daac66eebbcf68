"""What is to be said of deliveries, as a DuckDB warehouse holds it."""

from typing import Any

import duckdb

from ingest.deliveries import DeliveryNote
from warehouse.delivery_tables import load_delivery_notes


def test_what_is_said_takes_the_place_of_what_was_said_before() -> None:
    with duckdb.connect() as connection:

        def query(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        notes = [
            DeliveryNote("late delivery", "stores", 0, "nobody's news"),
            DeliveryNote("unusual volume", "agents", 7, "fewer rows"),
        ]
        load_delivery_notes(query, notes)
        said = "select note, entity, note_rows, detail from runs.delivery_notes order by all"
        assert query(said) == [
            ("late delivery", "stores", 0, "nobody's news"),
            ("unusual volume", "agents", 7, "fewer rows"),
        ]
        load_delivery_notes(query, notes[1:])
        assert query(said) == [("unusual volume", "agents", 7, "fewer rows")]
        load_delivery_notes(query, [])
        assert query(said) == []
