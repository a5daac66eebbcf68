"""Excel workbooks."""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from ingest import containers, dialect
from ingest.contract import Entity
from ingest.declarations import Declaration
from ingest.headers import find_header, match_header, normalised, unique_names
from ingest.readers.consumer import Consumer
from ingest.readers.values import value_text
from lake.errors import UnreadableError

_BATCH_ROWS = 16_384


class Sheet:
    """A sheet of a workbook: its header, how that fits, and the rows below it."""

    def __init__(
        self, name: str, hidden: bool, sheet: Any, entity: Entity, declaration: Declaration
    ) -> None:
        self.name, self.hidden = name, hidden
        self.rows = _sheet_rows(sheet, declaration.skip_lines or 0)
        above, header = next(self.rows, (0, []))
        self.header_line = above + 1
        self.names = _names(header)
        self.match = match_header(entity, declaration, self.names)


def read_xlsx(
    stream: BinaryIO, entity: Entity, declaration: Declaration, consumer: Consumer
) -> dict[str, Any]:
    """Read all sheets that have the needed columns; hidden ones only where no other has them."""
    chosen, warnings = fitting_sheets(stream.read(), entity, declaration)
    names: list[str] = []
    for sheet in chosen:
        known = set(map(normalised, names))
        names += [name for name in sheet.names if normalised(name) not in known]
    consumer.header(names)
    needed = [name for name in unique_names(names) if consumer.needs(name)]
    for sheet in chosen:
        own = unique_names(sheet.names)
        places = {
            name: own.index(name) if name in own else find_header(own, name) for name in needed
        }
        while some := [row for _, row in itertools.islice(sheet.rows, _BATCH_ROWS)]:
            consumer.rows(_sheet_table(some, places))
    return {
        "sheet": ", ".join(sheet.name for sheet in chosen),
        "skipped_lines": declaration.skip_lines or 0,
        "warnings": warnings,
    }


def fitting_sheets(
    content: bytes, entity: Entity, declaration: Declaration
) -> tuple[list[Sheet], list[str]]:
    """Return the sheets of a workbook to read, and of the others what is worth a warning.

    Raises UnreadableError when it is no workbook, and when no sheet has the needed columns.
    """
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        SheetTypeEnum,
        SheetVisibleEnum,
        ZipError,
    )

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [
            Sheet(
                about.name,
                about.visible != SheetVisibleEnum.Visible,
                workbook.get_sheet_by_name(about.name),
                entity,
                declaration,
            )
            for about in workbook.sheets_metadata
            if about.typ == SheetTypeEnum.WorkSheet
        ]
    except (CalamineError, ZipError, ValueError) as error:
        if content.startswith(containers.OLE):
            raise UnreadableError(
                "it is an Excel workbook with a password or of the old kind. Save it as .xlsx "
                "without a password, or as CSV"
            ) from error
        if not content.startswith(b"PK"):
            containers.check_content(content[:1024])
        raise UnreadableError(f"it isn't a readable Excel workbook ({error})") from error
    fitting = [sheet for sheet in sheets if not sheet.match.problem]
    chosen = [sheet for sheet in fitting if not sheet.hidden] or fitting
    if not chosen:
        raise UnreadableError(_why_no_sheet_fits(sheets, entity, declaration))
    left_alone = [
        f"its sheet {sheet.name} was left alone: "
        + ("it is hidden." if sheet.hidden else "its first row lacks needed columns.")
        for sheet in sheets
        if sheet not in chosen and (sheet in fitting or (sheet.names and not sheet.hidden))
    ]
    return chosen, left_alone


def _why_no_sheet_fits(sheets: Sequence[Sheet], entity: Entity, declaration: Declaration) -> str:
    with_cells = sorted((sheet for sheet in sheets if sheet.names), key=lambda each: each.hidden)
    if not with_cells:
        return "the workbook has no sheet with cells"
    for sheet in with_cells:
        for number, row in itertools.islice(sheet.rows, dialect.TITLE_LINES):
            if match_header(entity, declaration, _names(row)).problem is None:
                return (
                    f"its header is in row {number + 1} of the sheet {sheet.name}, below other "
                    "rows. Remove what is above it, or declare "
                    f"`skip_lines: {number}` {declaration.place(entity.name)}"
                )
    best = max(with_cells, key=lambda sheet: len(sheet.match.places))
    return f"in its sheet {best.name}, {best.match.problem}"


def _names(row: list[Any]) -> list[str]:
    """Return the names in a header, without the empty cells at its end."""
    names = [(value_text(value) or "").strip() for value in row]
    while names and not names[-1]:
        names.pop()
    return [name or f"unnamed_{place}" for place, name in enumerate(names, 1)]


def _sheet_rows(sheet: Any, skipped: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a sheet that have something in them, and how many are above each."""
    for number, row in enumerate(sheet.iter_rows()):
        if number >= skipped and any(not isinstance(v, str) or v.strip() for v in row):
            yield number, row


def _sheet_table(rows: list[list[Any]], places: Mapping[str, int | None]) -> pa.Table:
    def column(place: int | None) -> pa.Array:
        if place is None:
            return pa.nulls(len(rows), pa.string())
        values = [value_text(row[place]) if place < len(row) else None for row in rows]
        return pa.array(values, pa.string())

    return pa.table({name: column(place) for name, place in places.items()})
