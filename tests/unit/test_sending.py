"""How a failure of the bulk copy of a file is told."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.local import LocalLake
from warehouse.receivers import AzureSql


def _sent(folder: Path, copy: Callable[..., None], on_rows: Callable[[int], None]) -> BaseException:
    """Return the error that a copy of one file ends with."""
    pq.write_table(pa.table({"a": [1, 2]}), folder / "x.parquet")
    cursor: Any = SimpleNamespace(connection=SimpleNamespace(timeout=9), bulkcopy_arrow=copy)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        AzureSql(LocalLake(folder), cursor, cursor).copy(
            "silver stores", "x.parquet", "t", ["a"], on_rows
        )
    return caught.value


def test_an_error_of_the_server_is_told_as_it_is(tmp_path: Path) -> None:
    def refused(table: str, rows: Any, **options: Any) -> None:
        raise RuntimeError("refused")

    error = _sent(tmp_path, refused, print)
    assert str(error) == "refused"
    assert error.__cause__ is None  # a loop over causes ends


def test_an_error_in_reading_is_told_and_not_the_one_that_the_copy_makes_of_it(
    tmp_path: Path,
) -> None:
    def copied(table: str, rows: Any, **options: Any) -> None:
        try:
            list(rows)
        except Exception as error:
            raise RuntimeError("the source failed") from error

    def unread(rows: int) -> None:
        raise OSError(5, "the lake went away")

    error = _sent(tmp_path, copied, unread)
    assert isinstance(error, OSError)
    assert str(error.__cause__) == "the source failed"
