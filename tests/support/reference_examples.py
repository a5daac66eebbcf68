"""Small batches written by hand, for the reference to compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .reference import Batch, InputFile, Options, Silver, silver
from .reference_contract import ENTITIES, Lists

LISTS = Lists(
    canonical={
        "status": ["Completed", "Cancelled", "Returned"],
        "payment_method": ["Credit Card", "Cash"],
        "tier_level": ["Bronze", "Silver", "Gold", "Platinum"],
        "resolution_status": ["Resolved", "Pending"],
    },
    other_words={
        "status": {"Voided": "Cancelled", "returned": "Completed"},  # a canonical word wins
        "resolution_status": {"Closed": "Resolved"},
    },
)
OPTIONS = Options(lists=LISTS)

HEADERS = {
    name: ",".join(column.source for column in entity.columns if not column.is_optional)
    for name, entity in ENTITIES.items()
}


def batch(folder: Path, batch_id: str, **contents: str | bytes) -> Batch:
    """Write one file an entity (a text gets the entity's header) and make a batch of them."""
    files = []
    for name, content in contents.items():
        path = folder / batch_id / f"{ENTITIES[name].file_prefix}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, bytes) else f"{HEADERS[name]}\n{content}".encode()
        path.write_bytes(text)
        files.append(InputFile(path))
    return Batch(batch_id, files)


def days(folder: Path, entity: str, contents: dict[str, str], batch_id: str = "b1") -> Batch:
    """Write files of an entity that carry their days in their names, and make a batch of them."""
    paths = {day: folder / batch_id / f"{entity}_{day}.csv" for day in contents}
    for day, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{HEADERS[entity]}\n{contents[day]}", encoding="utf-8")
    return Batch(batch_id, [InputFile(path) for path in paths.values()])


def silver_of(folder: Path, options: Options | None = None, **contents: str | bytes) -> Silver:
    """Compute silver of one batch."""
    return silver([batch(folder, "b1", **contents)], options or OPTIONS)


def given(**declared: Any) -> Options:
    """Make options with the examples' lists."""
    return replace(OPTIONS, **declared)


def only(rows: Sequence[dict[str, Any]], **values: Any) -> dict[str, Any]:
    """Return the one row that has these values."""
    found = [row for row in rows if all(row[name] == value for name, value in values.items())]
    assert len(found) == 1
    return found[0]


def column(rows: Sequence[dict[str, Any]], *names: str) -> list[Any]:
    """Return a column of the rows, or several as tuples."""
    if len(names) == 1:
        return [row[names[0]] for row in rows]
    return [tuple(row[name] for name in names) for row in rows]
