"""What a reader tells, and whom."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from ingest.structure import Malformed


class Consumer(Protocol):
    """What a reader tells."""

    def header(self, names: Sequence[str], separator: str | None = None) -> None:
        """Take all column names, before the first rows; raises UnreadableError to end it.

        `separator` is that of a CSV file.
        """

    def needs(self, name: str) -> bool:
        """Tell whether anybody looks at the values of a column."""

    def rows(self, table: pa.Table, ascii_only: bool = False) -> None:
        """Take rows, with at least the columns that are needed; tell when they are all ASCII."""

    def malformed(self, line: Malformed) -> None:
        """Take a line that no reader can place."""
