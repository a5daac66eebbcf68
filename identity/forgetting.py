"""Takes customers out of what is kept of who is who, and out of what people decided."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from identity import decisions, store
from lake import paths
from lake.store import Lake

_CUSTOMERS = ("customer_id", "other_customer_id")
_PERSONS = ("person_id", "alias_id")


def forget(lake: Lake, customer_ids: Collection[str]) -> int:
    """Take customers out of all versions, with the persons that are nobody else; count the rows.

    The next matching finds everybody out anew, since what the model has learned is of them too. It
    can be repeated.
    """
    persons = _persons_of(lake, customer_ids)
    gone = {column: set(customer_ids) for column in _CUSTOMERS}
    gone |= dict.fromkeys(_PERSONS, persons)
    taken = 0
    for path in lake.list(paths.identity_version("")):
        if path.endswith(".parquet"):
            taken += _take_out(lake, path, gone)
    current = store.current_version(lake)
    if current:
        known = store.read_knowledge(lake, current)
        if not known.get("forgotten"):
            store.write_knowledge(lake, current, {**known, "forgotten": True})
    return taken + _take_out_of_decisions(lake, customer_ids)


def _persons_of(lake: Lake, customer_ids: Collection[str]) -> set[str]:
    """Return the ids of persons that have no other customer, and those named after one of them."""
    persons = {f"P{customer}" for customer in customer_ids}
    current = store.current_version(lake)
    if not current:
        return persons
    ledger = store.read_table(lake, current, "ledger", ["customer_id", "person_id"])
    others: set[str] = set()
    for row in ledger.to_pylist():
        if row["customer_id"] in customer_ids:
            persons.add(row["person_id"])
        else:
            others.add(row["person_id"])
    return persons - others


def _take_out(lake: Lake, path: str, gone: dict[str, set[str]]) -> int:
    with lake.open_read(path) as file:
        table = pq.ParquetFile(file).read()
    kept = pa.array([True] * table.num_rows, pa.bool_())
    for column, values in gone.items():
        if column in table.column_names:
            texts = table[column].cast(pa.string()).combine_chunks()
            is_gone = pc.is_in(texts, pa.array(sorted(values), pa.string()))
            kept = pc.and_(kept, pc.invert(is_gone))
    rest = table.filter(kept)
    if rest.num_rows < table.num_rows:
        store.write_parquet(lake, path, rest)
    return table.num_rows - rest.num_rows


def _take_out_of_decisions(lake: Lake, customer_ids: Collection[str]) -> int:
    content, version = lake.read_versioned(paths.DECISIONS)
    if content is None:
        return 0
    lines = content.splitlines(keepends=True)
    made = decisions.read(lake)
    kept = [
        line
        for line, each in zip(lines, made, strict=True)
        if not {each.customer_id, each.other_customer_id} & set(customer_ids)
    ]
    if len(kept) < len(lines):
        lake.write_bytes(paths.DECISIONS, b"".join(kept), expected=version)
    return len(lines) - len(kept)
