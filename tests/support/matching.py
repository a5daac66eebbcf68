"""A lake that has nothing but customers in silver, to find out who is who in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from identity import matching, store
from identity.matching import Matched
from identity.settings import Settings
from lake import paths
from lake.local import LocalLake
from lake.versions import Published, PublishedEntity

Row = tuple[Any, str, str, str]
"""customer_id, customer_name, email, address."""

_SCHEMA = pa.schema(
    [
        ("customer_id", pa.int64()),
        ("customer_name", pa.string()),
        ("email", pa.string()),
        ("address", pa.string()),
        ("_batch_id", pa.string()),
        ("_version", pa.string()),
    ]
)


@dataclass
class Customers:
    """Deliveries of customers into a lake, and who is who after each."""

    folder: Path
    settings: Settings = field(default_factory=Settings)
    key_type: pa.DataType = field(default_factory=pa.int64)
    days: int = 0
    parts: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)

    @property
    def lake(self) -> LocalLake:
        self.folder.mkdir(parents=True, exist_ok=True)
        return LocalLake(self.folder)

    def deliver(
        self,
        rows: Iterable[Row],
        gone: Sequence[Any] = (),
        attributes: Iterable[tuple[Any, str, str]] = (),
    ) -> Matched:
        """Have rows arrive, and customers go; find out who is who, and have that count."""
        self.days += 1
        version = f"202611{self.days:02}T000000Z-aaaaaa"
        rows = list(rows)
        schema = _SCHEMA.set(0, pa.field("customer_id", self.key_type))
        columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
        table = pa.table([*columns, [version] * len(rows), [version] * len(rows)], schema=schema)
        self.parts.append(self._write(paths.silver_version("customers", version), table))
        changed = [*(row[0] for row in rows), *gone]
        self.superseded.append(
            self._write(
                paths.superseded("customers", version),
                pa.table(
                    {
                        "customer_id": pa.array(changed, self.key_type),
                        "fate": pa.array([None] * len(changed), pa.string()),
                        "_version": pa.array([version] * len(changed), pa.string()),
                    }
                ),
            )
        )
        entities = {"customers": PublishedEntity(self.parts, 0, self.superseded)}
        attributes = list(attributes)
        if attributes:
            entities["customer_attributes"] = PublishedEntity(
                [
                    self._write(
                        paths.silver_version("customer_attributes", version),
                        pa.table(
                            {
                                "customer_id": pa.array([a[0] for a in attributes], self.key_type),
                                "attribute": [a[1] for a in attributes],
                                "value": [a[2] for a in attributes],
                            }
                        ),
                    )
                ],
                0,
            )
        return self._match(entities, version)

    def match_again(self, settings: Settings | None = None) -> Matched:
        """Find out who is who again though nothing arrived."""
        self.days += 1
        self.settings = settings or self.settings
        entities = {"customers": PublishedEntity(self.parts, 0, self.superseded)}
        return self._match(entities, f"202611{self.days:02}T000000Z-aaaaaa")

    def _match(self, entities: dict[str, PublishedEntity], version: str) -> Matched:
        found = matching.match(self.lake, entities, self.settings, version, self.folder / "spill")
        published = Published(version, "", [], entities, identity=found.version)
        self.lake.write_bytes(paths.PUBLISHED, published.to_json())
        if found.version:
            store.publish(self.lake, found.version)
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table of the version that counts."""
        version = store.current_version(self.lake)
        assert version
        return store.read_table(self.lake, version, table).to_pylist()

    @property
    def persons(self) -> dict[Any, str]:
        """The person of each customer."""
        return {row["customer_id"]: row["person_id"] for row in self.rows("matched_customers")}

    def together(self, *customers: Any) -> bool:
        """Tell whether all these customers are one person."""
        return len({self.persons[each] for each in customers}) == 1

    def _write(self, folder: str, table: pa.Table) -> str:
        path = self.folder / folder / "rows.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
        return folder


FIRST = [
    "Agnes",
    "Bertram",
    "Cecily",
    "Dorian",
    "Edwina",
    "Fergus",
    "Greta",
    "Horace",
    "Isolde",
    "Jasper",
    "Katrin",
    "Lambert",
    "Maude",
    "Norbert",
    "Odette",
    "Percival",
    "Quentin",
    "Rosalind",
    "Sigmund",
    "Thelma",
    "Ursula",
    "Viggo",
    "Wanda",
    "Xenia",
    "Yorick",
    "Zelda",
]
LAST = [
    "Abernathy",
    "Blackwood",
    "Castellan",
    "Drummond",
    "Eastlake",
    "Fairweather",
    "Goldsmith",
    "Hathersage",
    "Ironside",
    "Jellicoe",
    "Kirkbride",
    "Loxley",
    "Merriweather",
    "Northcote",
    "Oakeshott",
    "Pemberton",
    "Quarrington",
    "Ravenscroft",
    "Stapleton",
    "Thistlewood",
    "Underhill",
    "Vandermeer",
    "Whitcombe",
    "Yardley",
]
STREETS = [
    "Linden",
    "Harbour",
    "Mill",
    "Castle",
    "Orchard",
    "Meadow",
    "Chapel",
    "Granite",
    "Willow",
    "Foundry",
    "Quarry",
]


def strangers(count: int, start: int = 1000) -> list[Row]:
    """Return customers who have nothing telling in common."""
    rows = []
    for number in range(count):
        first, last = FIRST[number % 26], LAST[(number // 26 + number) % 24]
        if number >= 200:
            last += LAST[(number // 600 + 7 * number) % 24].lower()
        street = STREETS[number % 11]
        rows.append(
            (
                start + number,
                f"{first} {last}",
                f"{first.lower()}.{last.lower()}{number}@post.example",
                f"{number % 97 + 1} {street} Street, {10000 + 7 * number} Town{number % 13}",
            )
        )
    return rows
