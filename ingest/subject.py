"""Who somebody is, by all that ever arrived of them: their ids, addresses and other values.

Only what nobody else has is told: by what two people have in common neither of them is found, nor
may anything be taken out.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.contract import EXTRA, Entity
from ingest.declarations import Declarations
from ingest.declared import text_keys
from ingest.forgetting import Person
from ingest.forgotten import EMAIL, Forgotten, kinds_of_text
from lake import paths
from lake.manifest import read_manifests, read_retracted
from lake.store import Lake

CUSTOMER, LOYALTY = "customer_id", "loyalty_id"
_LEAST_LETTERS = 4


def gather(
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    customer_ids: Collection[str],
    with_transactions: bool = False,
) -> Person:
    """Return who has these customer ids; from the rows of all batches, taken back or not."""
    spelling = Forgotten(b"", text=kinds_of_text(text_keys(declarations)))
    wanted = {spelling.canonical(CUSTOMER, each) for each in customer_ids}
    own: dict[str, None] = {}
    emails: dict[str, None] = {}
    others: dict[str, list[pa.ChunkedArray]] = {}
    for table in _tables(lake, contract, "customers"):
        is_own = _is_in(table["CustomerID"], wanted, spelling)
        for row in table.filter(is_own).to_pylist():
            values = _values(row)
            own.update(dict.fromkeys(values))
            if row["Email"]:
                emails[row["Email"].strip()] = None
        rest = table.filter(pc.invert(is_own))
        for name in rest.column_names:
            others.setdefault(name, []).append(rest[name])
    texts = [text for text in own if is_telling(text)]
    shared = {
        text
        for text in texts
        for name in (["Email"] if text in emails else ["Name", "Email", "Address", EXTRA])
        if any(_contains(column, text) for column in others.get(name, ()))
    }
    return Person(
        ids={
            CUSTOMER: tuple(sorted(wanted)),
            LOYALTY: tuple(sorted(_accounts(lake, contract, wanted, spelling))),
            EMAIL: tuple(each for each in emails if each not in shared and is_telling(each)),
        },
        texts=tuple(text for text in texts if text not in shared),
        with_transactions=with_transactions,
    )


def is_telling(text: str) -> bool:
    """Tell whether hardly anybody else can have a value: then it can be looked for everywhere.

    >>> [is_telling(each) for each in ("ann@mail.example", "Ann Able", "1 Main St", "0170 555 01")]
    [True, True, True, True]
    >>> [is_telling(each) for each in ("Ann", "1985-03-02", "Springfield", "VIP", "Unknown")]
    [False, False, False, False, False]
    """
    if len(text) < _LEAST_LETTERS:
        return False
    if re.fullmatch(r"\S+@\S+", text):
        return True
    if re.fullmatch(r"\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{2,4}", text):
        return False
    digits = len(re.findall(r"\d", text))
    return (bool(re.search(r"\w\W+\w", text)) and (digits > 0 or " " in text)) or digits >= 7


def _accounts(
    lake: Lake, contract: Mapping[str, Entity], wanted: set[str], spelling: Forgotten
) -> set[str]:
    """Return the loyalty accounts that were nobody else's."""
    own: set[str] = set()
    others: set[str] = set()
    for table in _tables(lake, contract, "loyalty_accounts"):
        is_own = _is_in(table["CustomerID"], wanted, spelling)
        for rows, into in ((is_own, own), (pc.invert(is_own), others)):
            for row in table.filter(rows).to_pylist():
                if row["LoyaltyID"] and (row["CustomerID"] or "").strip():
                    into.add(spelling.canonical(LOYALTY, row["LoyaltyID"]))
    return own - others


def _tables(lake: Lake, contract: Mapping[str, Entity], name: str) -> Iterator[pa.Table]:
    """Yield what is known of an entity's rows, file by file."""
    if name not in contract:
        return
    columns = [*contract[name].columns]
    columns += [EXTRA] if contract[name].takes_extra else []
    for manifest in [*read_manifests(lake), *read_retracted(lake)]:
        for record in manifest.files:
            if record.entity != name or record.outcome != "landed":
                continue
            place = paths.rows(name, manifest.batch_id, record.name)
            with lake.open_read(place) as file:
                parquet = pq.ParquetFile(file)
                there = [each for each in columns if each in parquet.schema_arrow.names]
                yield parquet.read(columns=there)


def _is_in(column: pa.ChunkedArray, wanted: set[str], spelling: Forgotten) -> pa.ChunkedArray:
    known = [
        value
        for value in pc.unique(column).to_pylist()
        if value is not None and spelling.canonical(CUSTOMER, value) in wanted
    ]
    return pc.is_in(column, pa.array(known, pa.string()))


def _contains(column: pa.ChunkedArray, text: str) -> bool:
    return bool(pc.any(pc.match_substring(column, text, ignore_case=True)).as_py())


def _values(row: dict[str, str | None]) -> list[str]:
    values = [row[name] for name in ("Name", "Email", "Address")]
    values += json.loads(row.get(EXTRA) or "{}").values()
    return [value.strip() for value in values if value and value.strip()]
