"""Writes an Excel workbook, as small as Excel still opens it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

Cell = str | int | float | Decimal | bool | date | datetime | None

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}styles+xml"/>%s</Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    "%s</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="styles" Type="{_OFFICE}/styles" Target="styles.xml"/>%s</Relationships>',
    # Styles of cells: 0 is general, 1 a date, 2 a date with its time.
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
}
_BEGIN = datetime(1899, 12, 30)  # Excel counts days from here


def workbook(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return a workbook with one sheet of these rows; None is an empty cell."""
    return workbook_of({"Sheet1": rows})


def workbook_of(
    sheets: Mapping[str, Sequence[Sequence[Cell]]], hidden: Collection[str] = ()
) -> bytes:
    """Return a workbook with these sheets, some of which are hidden."""
    numbers = range(1, len(sheets) + 1)
    each = {
        "[Content_Types].xml": "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_KIND}worksheet+xml"/>'
            for n in numbers
        ),
        "xl/workbook.xml": "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}" '
            + ('state="hidden"/>' if name in hidden else "/>")
            for n, name in enumerate(sheets, 1)
        ),
        "xl/_rels/workbook.xml.rels": "".join(
            f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" '
            f'Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        ),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in _PARTS.items():
            file.writestr(name, _XML + (part % each[name] if name in each else part))
        for number, rows in enumerate(sheets.values(), 1):
            data = f"<sheetData>{_rows(rows)}</sheetData>"
            file.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'{_XML}<worksheet xmlns="{_MAIN}">{data}</worksheet>',
            )
    return content.getvalue()


def _rows(rows: Sequence[Sequence[Cell]]) -> str:
    text = ""
    for number, row in enumerate(rows, 1):
        cells = [_cell(f"{_letters(place)}{number}", value) for place, value in enumerate(row)]
        text += f'<row r="{number}">{"".join(cells)}</row>'
    return text


def _cell(place: str, value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        case str():
            text = f'<t xml:space="preserve">{escape(value)}</t>'
            return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'
        case datetime():
            days = (value - _BEGIN).total_seconds() / 86400
            return f'<c r="{place}" s="2"><v>{days!r}</v></c>'
        case date():
            return f'<c r="{place}" s="1"><v>{(value - _BEGIN.date()).days}</v></c>'
        case _:
            return f'<c r="{place}"><v>{value}</v></c>'


def _letters(place: int) -> str:
    letters = ""
    while place >= 0:
        place, letter = divmod(place, 26)
        letters = chr(65 + letter) + letters
        place -= 1
    return letters
