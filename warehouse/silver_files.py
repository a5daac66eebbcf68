"""Parquet files of silver, and of who is who, in the lake."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lake.errors import C360Error
from lake.store import Lake

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def count_rows(lake: Lake, places: list[str]) -> int:
    """Return the rows of files and folders, as the files say; 0 when there are none."""
    rows = 0
    for place in places:
        for file in files(lake, place):
            with opened(lake, file) as parquet:
                rows += parquet.metadata.num_rows
    return rows


def files(lake: Lake, place: str) -> list[str]:
    """Return the file itself, or the files of a folder."""
    if place.endswith(".parquet"):
        return [place]
    return [file for file in lake.list(place, recursive=True) if file.endswith(".parquet")]


@contextmanager
def opened(lake: Lake, path: str) -> Iterator["pq.ParquetFile"]:
    """Open a Parquet file of the lake; only what is read of it is fetched."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with lake.open_read(path) as file:
        try:
            yield pq.ParquetFile(file, coerce_int96_timestamp_unit="us")
        except pa.ArrowInvalid as error:
            raise C360Error(
                f"{lake.uri(path)} is damaged, so nothing was loaded ({error}). Build a new "
                "version: c360 run --target azure."
            ) from error


def check_columns(name: str, file: str, parquet: "pq.ParquetFile", columns: list[str]) -> None:
    """Raise when a file lacks columns that are to be read of it."""
    found = parquet.schema_arrow.names
    if lacking := [column for column in columns if column not in found]:
        raise C360Error(
            f"{file} has the columns {', '.join(found)}, but {name} now has "
            f"{', '.join(lacking)} too, so nothing was loaded. Build a new version: "
            "c360 run --target azure."
        )
