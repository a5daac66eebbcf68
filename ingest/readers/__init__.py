"""Reads each format as tables of text, in bounded memory: what stands in the file and no more.

A reader tells its `consumer` the header where the format has one, then hands over tables whose
columns are named as the file names them (`headers.unique_names`), all of type text. `delimited`
reads CSV, `json_lines`, `parquet` and `workbook` what they are called for, and `values` writes the
values of the last two as text.
"""

from typing import Any, BinaryIO

from ingest import containers
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.readers.consumer import Consumer
from ingest.readers.delimited import read_csv
from ingest.readers.json_lines import read_jsonl
from ingest.readers.parquet import read_parquet
from ingest.readers.workbook import read_xlsx


def read(
    name: str, raw: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
    """Read a file of any format, by its name; return how it was read, with `warnings` in it.

    Raises UnreadableError when the file as a whole can't be read.
    """
    with containers.unpacked(name, raw) as (inner, stream):
        kind = containers.format_of(inner)
        if kind == "jsonl":
            how = read_jsonl(stream, declaration, consumer)
        elif kind == "parquet":
            how = read_parquet(stream, consumer)
        elif kind == "xlsx":
            how = read_xlsx(stream, entity, declaration, consumer)
        else:
            how = read_csv(stream, entity, declaration, consumer)
    return {"format": kind, **how}
