"""Where the figures of the served report come from, ready for JSON and a page at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from lake.errors import InputError
from pages.report.content import plain
from pages.report.customers import Customers
from warehouse.explained_home import HomeExplainer
from warehouse.explaining import Explanation, LeftOut, Traced
from warehouse.home import Home
from warehouse.origins import Place

ROWS_AT_ONCE = 10


class Explanations:
    """Explains the figures of whatever is published at the moment."""

    def __init__(
        self, home: Home, customers: Customers, personal_data: bool, sources: Path | None
    ) -> None:
        """Ask the warehouse that `customers` keeps open."""
        self._home, self._customers = home, customers
        self._personal_data, self._sources = personal_data, sources
        self._opened: tuple[duckdb.DuckDBPyConnection, HomeExplainer] | None = None

    def explain(
        self, mart: str, column: str | None, conditions: Sequence[str], offset: int
    ) -> dict[str, Any]:
        """Return what a number is made of, with its rows from the one at `offset` on.

        A condition is COLUMN=VALUE. Raises InputError for what there is not.
        """
        where = dict(map(_condition, conditions))
        with self._customers.warehouse() as (connection, _):
            if self._opened is None or self._opened[0] is not connection:
                explainer = HomeExplainer(
                    self._home, connection, self._sources, self._personal_data
                )
                self._opened = connection, explainer
            explainer = self._opened[1]
            explained = explainer.explain(mart, column, where)
            view = explainer.look(explained, offset, ROWS_AT_ONCE)
            others = explained.not_counted + explainer.rejected(explained)
            unread = list(explainer.origins.unread)
        return {
            **_number(explained),
            "notes": [*explained.notes, *unread],
            "count": explained.rows,
            "others": others,
            "rows": [_row(row) for row in view.rows],
            "left_out": [_left_out(row) for row in (*view.given_way, *view.others)],
        }


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text} is no condition; write it as COLUMN=VALUE.")
    return name, value


def _number(explained: Explanation) -> dict[str, Any]:
    position = explained.position
    return {
        "mart": explained.mart,
        "column": explained.column,
        "key": _values(explained.key),
        "value": plain(explained.value),
        "words": explained.words,
        "terms": [
            {"label": term.label, "value": plain(term.value), "rows": term.rows}
            for term in explained.terms
        ],
        "formula": explained.formula if len(explained.terms) > 1 else "",
        "computed": plain(explained.computed),
        "adds_up": explained.adds_up,
        "position": position
        and {
            "words": position.words,
            "columns": position.columns,
            "rows": [
                [place, [plain(value) for value in values], is_it]
                for place, values, is_it in position.rows
            ],
        },
    }


def _row(row: Traced) -> dict[str, Any]:
    return {
        "entity": row.entity,
        "counts_as": _values(row.counts_as),
        "gold": _values(row.gold),
        "silver": _values(row.silver or {}),
        "place": _place(row.place),
    }


def _left_out(row: LeftOut) -> dict[str, Any]:
    return {
        "entity": row.entity,
        "why": row.why,
        "row": _values(row.row),
        "place": _place(row.place),
        "replaced_by": _place(row.replaced_by),
    }


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items() if value is not None}


def _place(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "batch": place.batch_id,
        "file": place.file,
        "line": place.line,
        "row": place.row_number,
        "text": place.text,
    }
