"""Columns of a file beyond the contract, which are declared to be read too (`extra`)."""

import json

import pyarrow as pa
import pyarrow.compute as pc

from ingest.declarations import Declaration
from ingest.headers import find_header
from ingest.rows import visible

_LONGEST = 1000  # characters of a value: more than silver keeps, few enough for any engine
_as_json = json.JSONEncoder(ensure_ascii=False).encode


def packed(declaration: Declaration, table: pa.Table) -> pa.Array:
    """Return of each row of a file its values by their standard names, as a JSON object.

    They are as they came, trimmed. A blank is no value, a row without any is null. The names are
    in their order, so that the same values are the same text.
    """
    members = []
    for name, header in sorted(declaration.extra.items()):
        place = find_header(table.column_names, header)
        if place is not None:
            values = _values(declaration, table.select([place])).to_pylist()
            label = f"{_as_json(name)}:"
            members.append([None if value is None else label + _as_json(value) for value in values])
    if not members:
        return pa.nulls(table.num_rows, pa.string())
    return pa.array(
        [
            "{" + ",".join(filter(None, of_row)) + "}" if any(of_row) else None
            for of_row in zip(*members, strict=True)
        ],
        pa.string(),
    )


def _values(declaration: Declaration, table: pa.Table) -> pa.ChunkedArray:
    (values,) = visible(table).columns
    # No engine has a use for a NUL, and some take it for the end of a text.
    trimmed = pc.utf8_trim_whitespace(pc.replace_substring(values, "\0", ""))
    no_value = pc.is_in(trimmed, pa.array(["", *declaration.null_words], pa.string()))
    return pc.utf8_slice_codeunits(pc.if_else(no_value, None, trimmed), 0, _LONGEST)
