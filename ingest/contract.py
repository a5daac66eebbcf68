"""The column contract of bronze, read from dbt's sources so that it stands in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lake.errors import InputError

SOURCES = Path("models/silver/_bronze__sources.yml")

CURRENCY = "Currency"
"""The column that names the currency of an amount."""

EXTRA = "_extra"
"""The column of bronze's rows with what is declared to be read of a file beyond the contract."""

READABLE = re.compile(
    r"\.(?:(?:csv|tsv|txt|jsonl)(?:\.(?:gz|zip))?|zip|parquet|xlsx)\Z", re.IGNORECASE
)
"""How the names of files end that can be read."""
_ENDINGS = ".csv, .tsv, .txt, .jsonl, .parquet, .xlsx, or .gz and .zip of them"

LEFT_ALONE = {
    *("deleted", "removed", "erased", "unsubscribed", "archive", "backup", "old"),
    *("test", "sample", "template"),
}
"""Words in a file's name that say that its rows are not to be taken for what they begin like."""


@dataclass(frozen=True)
class Entity:
    """One kind of record: how its files are called and the columns that they have.

    `key` names the columns that tell its records apart, `numbers` and `times` those whose values
    are written in the forms that a source can declare, `optional` those that a file may lack.
    `takes_extra` tells whether columns beyond these can be declared (`EXTRA`). `identifies` has the
    columns by which a person is found, and what each is: customer_id, loyalty_id or email.
    """

    name: str
    file_prefix: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes_extra: bool = False
    identifies: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_person(self) -> bool:
        """Whether its records are of a person: whoever is forgotten is forgotten with them."""
        return any(column in self.identifies for column in self.key)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that every file must have."""
        return tuple(column for column in self.columns if column not in self.optional)

    @property
    def has_lines(self) -> bool:
        """Whether it is of what is bought, and so may be bought in several lines."""
        return "Amount" in self.columns


def load_contract(project_dir: Path) -> dict[str, Entity]:
    """Return the entities of bronze by name."""
    path = Path(project_dir) / SOURCES
    try:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        tables = next(s["tables"] for s in declared["sources"] if s["name"] == "bronze")
        entities = [_entity(table) for table in tables]
    except OSError as error:
        raise InputError(f"Cannot read the column contract {path}: {error.strerror}.") from error
    except (yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            f"The column contract {path} does not list bronze's tables with meta.file_prefix "
            "and columns."
        ) from error
    return {entity.name: entity for entity in entities}


def _entity(table: Mapping[str, Any]) -> Entity:
    columns = {column["name"]: column.get("meta") or {} for column in table["columns"]}
    takes_extra = columns.pop(EXTRA, None) is not None
    return Entity(
        table["name"],
        table["meta"]["file_prefix"],
        tuple(columns),
        key=tuple(name for name, meta in columns.items() if meta.get("key")),
        numbers=tuple(name for name, meta in columns.items() if meta.get("form") == "number"),
        times=tuple(name for name, meta in columns.items() if meta.get("form") == "time"),
        optional=tuple(name for name, meta in columns.items() if meta.get("optional")),
        takes_extra=takes_extra,
        identifies={
            name: meta["identifies"] for name, meta in columns.items() if "identifies" in meta
        },
    )


def entity_for_file(contract: Mapping[str, Entity], name: str) -> Entity | None:
    """Return the entity that a file belongs to by its name, None for a file to leave alone.

    >>> contract = {"customers": Entity("customers", "Customers", ())}
    >>> entity_for_file(contract, "customers (1).CSV.gz").name
    'customers'
    >>> entity_for_file(contract, "CustomerSegments.csv")
    >>> entity_for_file(contract, "Customers_deleted.csv")
    """
    ending = READABLE.search(name)
    if not ending:
        return None
    stem = name[: ending.start()].casefold()
    if LEFT_ALONE.intersection(_words(stem)):
        return None
    spelled = re.sub(r"[ -]", "_", stem)
    matching = [
        (len(prefix), entity)
        for entity in contract.values()
        for beginning, prefix in (
            (stem, entity.file_prefix.casefold()),
            (spelled, entity.name.casefold()),
        )
        if beginning.startswith(prefix) and not beginning[len(prefix) : len(prefix) + 1].isalpha()
    ]
    return max(matching, key=lambda match: match[0])[1] if matching else None


def why_left_alone(source: str) -> str:
    """Return why a file belongs to no entity by its name, which may have folders before it."""
    name = source.rpartition("/")[2]
    ending = READABLE.search(name)
    if not ending:
        return f"its name does not end in {_ENDINGS}"
    words = LEFT_ALONE.intersection(_words(name[: ending.start()].casefold()))
    if words:
        return f"its name has the word {min(words)}"
    return "its name does not begin with the name of an entity or of its file"


def _words(stem: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", stem)
