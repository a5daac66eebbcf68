"""The ledger: what a generated data set holds, and every defect in it with its expected outcome."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

Value = str | int | None
"""A raw value, or a clean one: times and dates as ISO text, amounts as text with two decimals."""


@dataclass
class Defect:
    """One planted defect: where it stands and what has to become of it."""

    entity: str
    file: str
    """The file's path below the generated folder."""
    line: int
    """The physical line that the row begins at; the first line of the file is 1."""
    kind: str
    column: str | None
    """The bronze column that was spoiled; None where the whole line is the defect."""
    outcome: str
    """`rejected`, `malformed_line`, `superseded` (by the row at `winner_line`), or `kept`."""
    reason: str | None
    """Why it was rejected or superseded."""
    unreadable: str | None
    """The value that could not be read, where the row is kept without it."""
    key: dict[str, Value] | None
    """The row's clean key, by silver column; None where it has none that can be told."""
    cleaned: dict[str, Value]
    """What the spoiled columns are in silver, by silver column: this row's if it is kept, the
    winner's if it is superseded."""
    text: str
    """The row as it stands in the file, without its line end."""
    values: dict[str, str | None] | None
    """The row's raw values by bronze column; None where the line can't be told into fields."""
    winner_line: int | None = None


@dataclass
class WrittenFile:
    """One written file, and how it is unlike the others."""

    entity: str
    file: str
    rows: int
    """All its rows, malformed lines included, without the header."""
    header: list[str]
    byte_order_mark: bool = False
    line_end: str = "\n"


@dataclass
class Counts:
    """What has to become of an entity's rows, were this batch landed alone."""

    rows: int = 0
    malformed_lines: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """By reason."""
    superseded_why: dict[str, int] = field(default_factory=dict)
    """By reason: `newer`, `identical`."""
    kept: int = 0
    supersedes_earlier: int = 0
    """Rows among the kept ones that take the place of the batch before's."""

    @property
    def superseded(self) -> int:
        """All rows that are superseded."""
        return sum(self.superseded_why.values())


@dataclass
class Sales:
    """What a channel sold, were this batch landed alone; amounts in cents."""

    orders: int = 0
    revenue: int = 0
    refunds: int = 0
    refunded: int = 0


@dataclass
class Note:
    """Rows of an entity that a reader of the answers is told of, such as those of no customer."""

    note: str
    entity: str
    rows: int = 0
    revenue: int | None = None
    """In cents; None where the entity has no amounts."""


@dataclass
class Ledger:
    """Everything known about a generated data set."""

    seed: int
    batch: int
    transactions: int
    dirt: float
    newest_share: float
    declared: bool
    files: list[WrittenFile] = field(default_factory=list)
    entities: dict[str, Counts] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    sales: dict[str, Sales] = field(default_factory=dict)
    """By entity; of a first batch with declared sources, as are the notes."""
    notes: list[Note] = field(default_factory=list)
    persons: list[list[int]] = field(default_factory=list)
    """The persons with several customer records up to this batch: their customers' ids, lowest
    first. Every other customer is a person of its own."""

    def person_of(self, customers: Iterable[int]) -> dict[int, int]:
        """Return whose records these customers are: the lowest customer id of each one's person."""
        first = {customer: person[0] for person in self.persons for customer in person}
        return {customer: first.get(customer, customer) for customer in customers}

    def record(self, file: WrittenFile, defects: list[Defect], supersedes_earlier: int) -> None:
        """Add a written file and its defects."""
        self.files.append(file)
        self.defects += defects
        counts = self.entities.setdefault(file.entity, Counts())
        outcomes = Counter(defect.outcome for defect in defects)
        counts.rows += file.rows
        counts.malformed_lines += outcomes["malformed_line"]
        for defect in defects:
            if defect.reason is not None:
                by_reason = (
                    counts.rejected if defect.outcome == "rejected" else counts.superseded_why
                )
                by_reason[defect.reason] = by_reason.get(defect.reason, 0) + 1
        lost = outcomes["malformed_line"] + outcomes["rejected"] + outcomes["superseded"]
        counts.kept += file.rows - lost
        counts.supersedes_earlier += supersedes_earlier

    def supersede(self, entity: str, newer: int, identical: int) -> None:
        """Take rows that were kept out again, since a later file of the batch replaces them."""
        counts = self.entities[entity]
        for why, rows in (("newer", newer), ("identical", identical)):
            counts.superseded_why[why] = counts.superseded_why.get(why, 0) + rows
        counts.kept -= newer + identical

    def save(self, path: Path) -> None:
        """Write the ledger as JSON."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            json.dump(asdict(self), file, ensure_ascii=False, indent=1)

    @staticmethod
    def load(path: Path) -> Ledger:
        """Read a ledger that `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["files"] = [WrittenFile(**file) for file in content["files"]]
        content["entities"] = {e: Counts(**counts) for e, counts in content["entities"].items()}
        content["defects"] = [Defect(**defect) for defect in content["defects"]]
        content["sales"] = {e: Sales(**sales) for e, sales in content["sales"].items()}
        content["notes"] = [Note(**note) for note in content["notes"]]
        return Ledger(**content)
