"""The ledger: what a generated data set holds, and every defect in it with its expected outcome."""

from __future__ import annotations

import json
from collections import Counter
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
    """The reason of a rejection."""
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
    superseded: int = 0
    kept: int = 0
    supersedes_earlier: int = 0
    """Rows among the kept ones that take the place of the batch before's."""


@dataclass
class Ledger:
    """Everything known about a generated data set."""

    seed: int
    batch: int
    transactions: int
    dirt: float
    newest_share: float
    files: list[WrittenFile] = field(default_factory=list)
    entities: dict[str, Counts] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

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
                counts.rejected[defect.reason] = counts.rejected.get(defect.reason, 0) + 1
        counts.superseded += outcomes["superseded"]
        lost = outcomes["malformed_line"] + outcomes["rejected"] + outcomes["superseded"]
        counts.kept += file.rows - lost
        counts.supersedes_earlier += supersedes_earlier

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
        return Ledger(**content)
