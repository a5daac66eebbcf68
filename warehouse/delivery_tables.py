"""Has what is to be said of deliveries in a DuckDB warehouse: a table of schema `runs`."""

from collections.abc import Sequence

from ingest.deliveries import DeliveryNote
from warehouse.connection import Query, literal


def load_delivery_notes(query: Query, notes: Sequence[DeliveryNote]) -> None:
    """Fill the table; `query` asks the warehouse that is built in."""
    query("create schema if not exists runs")
    query(
        "create or replace table runs.delivery_notes "
        "(note varchar, entity varchar, note_rows bigint, detail varchar)"
    )
    for note in notes:
        note_, entity, detail = (literal(text) for text in (note.note, note.entity, note.detail))
        query(f"insert into runs.delivery_notes values ({note_}, {entity}, {note.rows}, {detail})")
