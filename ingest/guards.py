"""What a file's values give away: reasons to refuse it, or to warn, where nothing is declared.

A guard looks at the rows while they pass, and says at the end what it found. It speaks only where
being read as it stands would give wrong numbers without a sign of it.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import CURRENCY, Entity
from ingest.declarations import Declaration
from ingest.headers import find_header
from lake.errors import UnreadableError

_TWO_PARTS_AND_YEAR = (
    r"^[\s\x{a0}']*(?P<first>\d{1,2})[/.-](?P<second>\d{1,2})[/.-]\d{2}(?:\d\d)?(?:[T,\s\x{a0}]|$)"
)
_OPPOSITE = {"dmy": ("mdy", "month"), "mdy": ("dmy", "day")}  # and what stands first in it
_DECIMAL_COMMA = {  # by the file's separator; where none is told of, a comma may be of thousands
    ";": r"^\s*[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+\s*$",
    **dict.fromkeys("\t|", r"^\s*[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d\d?\s*$"),
}
_POINT = r"^\s*[+-]?\d*\.\d+\s*$"
_MAYBE_THOUSANDS = r"^\s*[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?\s*$"


class Guards:
    """All guards of one file."""

    def __init__(self, entity: Entity, declaration: Declaration) -> None:
        self._entity, self._declaration = entity, declaration
        self._place = declaration.place(entity.name)
        # What is declared can be wrong for a file too, as far as it alone says how dates are read.
        self._declared_order = None if declaration.datetime_formats else declaration.dates
        guarded = not declaration.dates or self._declared_order in _OPPOSITE
        self._dates = {column: _Dates(self._declared_order) for column in entity.times if guarded}
        self._commas: dict[str, str] = {}
        self._thousands: dict[str, str] = {}
        says_all = declaration.thousands or declaration.decimal == "."
        as_came = [] if says_all else entity.numbers
        self._numbers = [column for column in as_came if column not in declaration.expressions]
        self._says_comma = declaration.decimal == ","
        said = {*declaration.columns, *declaration.expressions}
        self._looks_at_currency = CURRENCY in entity.columns and CURRENCY not in said
        self._currencies: set[str] = set()
        says_dates = declaration.dates or declaration.datetime_formats
        self._order = None if says_dates else _Dates()
        self._unordered, self._no_time = 0, ""
        self.separator: str | None = None  # of a CSV file

    def look(self, contract: pa.Table, as_came: pa.Table) -> None:
        """Look at rows of the contract's columns, and at the same as they stand in the file."""
        for column, dates in self._dates.items():
            values = self._as_came(column, as_came) if self._declared_order else contract[column]
            if values is not None:
                dates.look(values)
        if self._looks_at_currency:
            self._look_at_currency(contract[CURRENCY])
        if not self.separator or (self.separator == "," and not self._says_comma):
            return
        for column in list(self._numbers):
            values = self._as_came(column, as_came)
            if values is not None:
                self._look_at_numbers(column, values)

    def _as_came(self, column: str, table: pa.Table) -> pa.ChunkedArray | None:
        """Return a contract's column as it stands in the file, None where it is made of others."""
        header, *others = self._declaration.columns.get(column, (column,))
        place = find_header(table.column_names, header)
        is_made = others or place is None or column in self._declaration.expressions
        return None if is_made else table.column(place)

    def _look_at_currency(self, column: pa.ChunkedArray) -> None:
        values = pc.utf8_upper(pc.utf8_trim_whitespace(pc.drop_null(pc.unique(column))))
        self._currencies.update(filter(None, values.to_pylist()))

    def look_at_order(self, column: pa.ChunkedArray, moments: pa.ChunkedArray) -> None:
        """Look at the values that order the rows, and the moments that they were read as."""
        if self._order:
            self._order.look(column)
        blank = pc.equal(pc.utf8_trim_whitespace(column), "")
        unread = column.filter(pc.and_not(pc.is_null(moments), pc.fill_null(blank, True)))
        if len(unread):
            self._unordered += len(unread)
            self._no_time = self._no_time or " ".join(unread[0].as_py().split())

    def conclude(self) -> list[str]:
        """Return warnings; raise UnreadableError for a file that would be misread."""
        dates_of = dict(self._dates)
        if self._order and self._declaration.order_by:
            dates_of[self._declaration.order_by] = self._order
        for column, dates in dates_of.items():
            if not dates.are_otherwise():
                continue
            if self._declared_order:
                order, first = _OPPOSITE[self._declared_order]
                raise UnreadableError(
                    f"{column} has dates with the {first} first, such as {min(dates.proofs)}, but "
                    f"other ones are declared. Declare `dates: {order}` {self._place} if it is so "
                    "in all of its files, or export this one like the others"
                )
            raise UnreadableError(
                f"{column} has dates with the day first, such as {min(dates.proofs)}, "
                "which would be read as month first or not at all. Declare `dates: dmy` "
                f"{self._place}"
            )
        if len(self._currencies) > 1:
            named = ", ".join(sorted(self._currencies)[:5])
            raise UnreadableError(
                f"its column Currency has more than one currency ({named}), and amounts of "
                f"different ones can't be added up. Declare `currency: {{column: Currency}}` "
                f"{self._place}, with rates in the seed exchange_rates"
            )
        warnings = []
        if self._unordered:
            warnings.append(
                f"{self._declaration.order_by} has values that are no times, such as "
                f"{self._no_time} ({self._unordered:,} in all); their rows hold as the file does."
            )
        for column in self._numbers:
            comma, thousands = self._commas.get(column), self._thousands.get(column)
            if thousands and self._declaration.decimal:
                raise UnreadableError(
                    f"{column} has decimal commas as declared, and numbers such as {thousands}: "
                    f'points between thousands. Declare `thousands: "."` too {self._place}'
                )
            if thousands and not comma:
                raise UnreadableError(
                    f"{column} has numbers such as {thousands}, which may be thousands. If so, "
                    'declare `decimal: ","` and `thousands: "."`, else `decimal: "."` '
                    f"{self._place}"
                )
            if not comma:
                continue
            said = f"{column} has decimal commas, such as {comma}"
            keys = '`decimal: ","`' + (' and `thousands: "."`' if thousands else "")
            if column in _JUDGED or thousands:
                raise UnreadableError(f"{said}. Declare {keys} {self._place}")
            warnings.append(
                f"{said}, which stay unread (null) unless the declaration says so: "
                f"{keys} {self._place}."
            )
        return warnings

    def _look_at_numbers(self, column: str, values: pa.ChunkedArray) -> None:
        maybe_thousands = pc.match_substring_regex(values, _MAYBE_THOUSANDS)
        has_point = pc.match_substring_regex(values, _POINT)
        if pc.any(pc.and_not(has_point, maybe_thousands)).as_py():
            self._numbers.remove(column)  # it has decimal points: the others are no decimals
            self._commas.pop(column, None)
            self._thousands.pop(column, None)
            return
        if self.separator in _DECIMAL_COMMA and not self._says_comma:
            has_comma = pc.match_substring_regex(values, _DECIMAL_COMMA[self.separator])
            _note(self._commas, column, values, has_comma)
        # Excel separates by semicolons where a comma is the decimal sign.
        if self.separator == ";" or self._says_comma:
            _note(self._thousands, column, values, maybe_thousands)


def _note(
    examples: dict[str, str], column: str, values: pa.ChunkedArray, found: pa.ChunkedArray
) -> None:
    if column not in examples and (at := pc.index(found, True).as_py()) >= 0:
        examples[column] = values[at].as_py().strip()


class _Dates:
    """What the dates of one column show of the order of day and month.

    Unless the day is declared to be first, the month is taken to be.
    """

    def __init__(self, declared: str | None = None) -> None:
        self._declared = declared
        self._values = self._slashed = self._proven = 0
        self._is_as_supposed = False
        self.proofs: set[str] = set()  # of the other order

    def look(self, values: pa.ChunkedArray) -> None:
        self._values += len(values)
        if self._is_as_supposed:
            return
        candidates = values.filter(_has_early_separator(values))
        if not len(candidates):
            return
        parts = pc.extract_regex(candidates, _TWO_PARTS_AND_YEAR)
        candidates = candidates.filter(pc.is_valid(parts))
        parts = parts.drop_null().combine_chunks()
        self._slashed += len(parts)
        first, second = (pc.cast(parts.field(name), pa.int8()) for name in ("first", "second"))
        # A part above 12 is a day.
        supposed, other = (first, second) if self._declared == "dmy" else (second, first)
        self._is_as_supposed = bool(pc.any(pc.greater(supposed, 12)).as_py())
        proofs = candidates.filter(pc.greater(other, 12))
        self._proven += len(proofs)
        if len(self.proofs) < 2:
            found = pc.unique(proofs)[:2].to_pylist()
            self.proofs.update(" ".join(text.split()) for text in found)

    def are_otherwise(self) -> bool:
        """Tell whether dates are written in the other order, and it is no single slip in a file.

        Such a slip is a row that is rejected; others of its form would be misread. Where the order
        is declared, these are right all the same.
        """
        if self._is_as_supposed or not self.proofs:
            return False
        others = self._slashed > self._proven and not self._declared
        return others or len(self.proofs) > 1 or self._proven * 2 > self._values


_JUDGED = ("Amount", "PointsChange")  # a row whose number can't be read is lost


def _has_early_separator(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which texts have a slash, point or hyphen in the second or third place, or may have.

    All others are no dates of one or two digits for the day and the month, and these are rare in
    files that are in order: it spares them the regular expression. So are texts that do not begin
    with a digit, which may stand after blanks of any kind.
    """
    masks = []
    for chunk in values.chunks:
        _, offsets_buffer, data_buffer = chunk.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[
            chunk.offset : chunk.offset + len(chunk) + 1
        ]
        data = np.frombuffer(data_buffer or b"", np.uint8)
        starts, ends = offsets[:-1], offsets[1:]
        mask = np.zeros(len(chunk), bool)
        if len(data):
            first = data[np.minimum(starts, len(data) - 1)]
            mask |= (starts < ends) & ((first < 0x30) | (first > 0x39))
            for place in (1, 2):
                at = np.minimum(starts + place, len(data) - 1)
                letters = data[at]
                mask |= (starts + place < ends) & (
                    (letters == 0x2F) | (letters == 0x2E) | (letters == 0x2D)
                )
        masks.append(pa.array(mask))
    return pa.chunked_array(masks, pa.bool_())
