"""Explains a published number: what it means, what it is made of, and what was left out.

The chain goes down from the mart: its definition, the rows of gold that are counted or summed, of
each the row of silver, and of that the line of the file that arrived. What is counted is computed
anew from gold, by the measures of models/marts/_metrics.yml and not by the mart's own SQL, and
compared with the number. All SQL here is such that both DuckDB and T-SQL take it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import yaml

from lake.errors import InputError
from warehouse import facts as gold_facts
from warehouse.connection import Query
from warehouse.customers import IDENTITY
from warehouse.definitions import Column, Definitions, Mart, Metric
from warehouse.facts import Facts
from warehouse.home import project_dir
from warehouse.origins import PERSONAL, Origins, Place, Row

NEIGHBOURS = 3  # shown on each side of a place in a ranking
COUNT = "count"
"""Asked for like a column: how many rows of a mart meet the conditions."""

_PERSONAL = (*PERSONAL, *IDENTITY)
_NUMBER = re.compile(r"bigint|integer|double|decimal")
_TEXT = r"N?'(?:[^']|'')*'"  # in a condition
_NOTHING = "cast(null as varchar(100))"  # a column that only other facts have
_NEWEST = (
    ("fct_online_transactions", "ordered_at", gold_facts.ORDERS),
    ("fct_in_store_transactions", "purchased_at", gold_facts.VISITS),
    ("fct_service_interactions", "interacted_at", gold_facts.CONTACTS),
    ("fct_loyalty_transactions", "transacted_at", gold_facts.POINTS),
)


@dataclass(frozen=True)
class Term:
    """A number that another one is made of: what is counted or summed, and over how many rows."""

    label: str
    words: str
    value: Any
    rows: int


@dataclass(frozen=True)
class Traced:
    """A row of gold that is counted, the row of silver behind it, and where that arrived.

    `counts_as` says what it adds to each term. What silver has set aside has no row of gold.
    """

    entity: str
    gold: Row
    counts_as: Row
    silver: Row | None
    place: Place | None


@dataclass(frozen=True)
class LeftOut:
    """A row that is not counted, why, and which row counts in its place, if one does."""

    entity: str
    why: str
    row: Row
    place: Place | None
    replaced_by: Place | None = None


@dataclass(frozen=True)
class View:
    """Some rows of a number, those that gave way to them, and some others that do not count.

    The others are rows of gold about the same, and rejected rows that would be about it.
    """

    rows: list[Traced]
    given_way: list[LeftOut]
    others: list[LeftOut]


@dataclass(frozen=True)
class Position:
    """A place among others: the order, the rows around it, and where its group begins and ends."""

    words: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[int, tuple[Any, ...], bool]]  # place, values, whether it is the one


@dataclass(frozen=True)
class _Listing:
    """Rows of one kind of facts that a number is made of.

    `shares` is the expression of what a row adds to each term, `adding` the condition that it adds
    something to any. The rows that add nothing are told of where there is a reason to (`why_not`).
    """

    facts: Facts
    condition: str
    template: str  # the condition before values came into it
    shares: Mapping[str, str]
    adding: str = "1 = 1"
    why_not: str = ""
    rows: int = 0
    not_counted: int = 0

    @property
    def counted(self) -> str:
        """The condition that a row is counted."""
        return f"{self.facts.counted} and ({self.adding})"

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """The conditions that a row is about the same and left out, each with why, as SQL."""
        found = []
        if self.facts.why_not:
            found.append((f"not ({self.facts.counted})", self.facts.why_not))
        if self.why_not:
            found.append((f"{self.facts.counted} and not ({self.adding})", f"'{self.why_not}'"))
        return found


@dataclass(frozen=True)
class _SetAside:
    """Rows that silver has set aside, which a data note is about."""

    entity: str
    kind: str  # rejected, superseded, unreadable, malformed
    detail: str
    rows: int


@dataclass
class Explanation:
    """A number and what it is made of. `computed` is what was computed anew."""

    mart: str
    column: str
    key: Row
    value: Any
    words: str
    formula: str = ""
    terms: list[Term] = field(default_factory=list)
    computed: Any = None
    adds_up: bool | None = None  # None where there is nothing to compute
    position: Position | None = None
    notes: list[str] = field(default_factory=list)
    listings: list[_Listing | _SetAside] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows it is made of."""
        return sum(each.rows for each in self.listings)

    @property
    def not_counted(self) -> int:
        """How many rows of gold are about the same and do not count."""
        return sum(each.not_counted for each in self.listings if isinstance(each, _Listing))


@dataclass(frozen=True)
class _Value:
    """A term under way: its number, rows, and the listings that it was computed over."""

    value: Any
    rows: int
    listings: tuple[_Listing, ...] = ()
    terms: tuple[Term, ...] = ()
    formula: str = ""


class Explainer:
    """Explains the numbers of one published version."""

    def __init__(
        self, query: Query, definitions: Definitions, origins: Origins, *, tsql: bool = False
    ) -> None:
        """Ask the database that gold and the marts are in with `query`."""
        self._query, self._definitions, self.origins = query, definitions, origins
        self._tsql = tsql

    def explain(self, name: str, column: str | None, where: Mapping[str, str]) -> Explanation:
        """Explain a column of the one row of a mart that meets `where`, or a metric.

        Several rows of a mart of customers or persons are explained together where what is asked
        for is a sum, or their number (`count`).
        """
        mart = self._definitions.marts.get(name)
        if mart and not self.origins.personal_data and _tells_who_is_who(mart):
            raise InputError(f"{name} tells who is who, which is personal data.")
        if mart is None:
            return self._explain_metric(name, column, where)
        if column is None:
            column = mart.main or COUNT
            if mart.main is None and not self._is_of_records(mart):
                raise InputError(f"Name a column of {name}: {_listed(mart.numbers)}.")
        elif column != COUNT and column not in mart.numbers:
            known = mart.numbers + ([COUNT] if self._is_of_records(mart) else [])
            raise InputError(
                f"{name} has no number {column} to explain. It has: {_listed(known)}."
                if known
                else f"{name} has no number to explain."
            )
        condition = self._where(mart, where)
        if column == COUNT:
            return self._explain_count(mart, where, condition)
        rows = self._rows_of(mart, condition)
        if not rows:
            raise InputError(f"There is no row of {name}{_with(where)}.")
        if len(rows) > 1:
            return self._explain_several(mart, column, where, condition, rows)
        return self._explain_row(mart, mart.columns[column], rows[0])

    def look(self, explained: Explanation, offset: int, limit: int) -> View:
        """Return some of the rows that a number is made of, and what is left out beside them.

        Lines of all of them are looked up together: a file is read once.
        """
        rows = self._page(explained, offset, limit)
        given_way = self._given_way(explained, rows)
        others = [
            each for listing in _gold(explained) for each in self._others(listing, offset, limit)
        ]
        left_out = [*given_way, *others]
        places = self.origins.lines(
            place
            for place in (
                *(row.place for row in rows),
                *(each.place for each in left_out),
                *(each.replaced_by for each in left_out),
            )
            if place
        )

        def found(place: Place | None) -> Place | None:
            return place and places.get(place, place)

        def told(each: LeftOut) -> LeftOut:
            row = self.origins.shown(each.row)
            place, replaced_by = found(each.place), found(each.replaced_by)
            return replace(each, row=row, place=place, replaced_by=replaced_by)

        return View(
            [replace(row, place=found(row.place)) for row in rows],
            list(map(told, given_way)),
            list(map(told, others)),
        )

    def _page(self, explained: Explanation, offset: int, limit: int) -> list[Traced]:
        rows: list[Traced] = []
        for listing in explained.listings:
            if offset < listing.rows and len(rows) < limit:
                rows += self._listed(listing, offset, limit - len(rows))
            offset = max(0, offset - listing.rows)
        return [replace(row, silver=row.silver and self.origins.shown(row.silver)) for row in rows]

    # ---- which row is asked for -------------------------------------------------------------

    def _where(self, mart: Mart, where: Mapping[str, str]) -> str:
        conditions = []
        for name, value in where.items():
            if name not in mart.columns:
                raise InputError(
                    f"{mart.name} has no column {name}. It has: {_listed(list(mart.columns))}."
                )
            if not self.origins.personal_data and name in _PERSONAL:
                raise InputError(f"{name} is personal data.")
            if value == "":
                conditions.append(f'"{name}" is null')
                continue
            self._check_type(mart, mart.columns[name], value)
            conditions.append(f'"{name}" = {self._literal(value)}')
        return " and ".join(conditions) or "1 = 1"

    def _check_type(self, mart: Mart, column: Column, value: str) -> None:
        """Raise where a value cannot be one of the column: databases say it less well."""
        is_key = column.type.startswith("key")
        if not (is_key or _NUMBER.match(column.type)):
            return
        is_whole = is_key or column.type in ("bigint", "integer")
        if re.fullmatch(r"[+-]?\d{1,18}" if is_whole else r"[+-]?\d+(\.\d+)?", value):
            return
        if is_key:  # keys may be texts
            ((key,),) = self._query(f'select max("{column.name}") from marts.{mart.name}')
            if isinstance(key, str):
                return
        raise InputError(f"{column.name} is a number, and {value} is none.")

    def _rows_of(self, mart: Mart, condition: str) -> list[Row]:
        names = list(mart.columns)
        quoted = ", ".join(f'"{name}"' for name in names)
        order = ", ".join(f'"{name}"' for name in mart.key or names[:1])
        rows = self._query(
            f"select {quoted} from marts.{mart.name} where {condition} "
            f"order by {order} offset 0 rows fetch next {NEIGHBOURS + 1} rows only"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _is_of_records(self, mart: Mart) -> bool:
        return mart.key in (("customer_id",), ("person_id",))

    # ---- the kinds of numbers ---------------------------------------------------------------

    def _explain_row(self, mart: Mart, column: Column, row: Row) -> Explanation:
        key = {name: row[name] for name in mart.key or mart.columns if name not in mart.numbers}
        explained = Explanation(mart.name, column.name, key, row[column.name], column.words)
        made_of = column.made_of or {}
        template = mart.facts
        if "metric" in made_of:
            metric = self._definitions.metrics[made_of["metric"]]
            self._take(explained, self._metric(metric, template, row), column.type)
        elif "numerator" in made_of:
            ratio = made_of["numerator"], made_of["denominator"]
            value = self._ratio(ratio, template, row, made_of.get("of"))
            self._take(explained, value, column.type)
        elif "sum" in made_of:
            value = self._sum(made_of["sum"], made_of["of"], template, row)
            self._take(explained, value, column.type)
        elif "rows_of" in made_of:
            models = [made_of["rows_of"]]
            self._take(explained, self._number_of(models, template, row), column.type)
        elif "position" in made_of:
            self._take_position(explained, made_of, row)
        elif "days_since" in made_of:
            self._take_days(explained, made_of, template, row)
        elif "note" in made_of:
            self._take_note(explained, row)
        elif "stated" in made_of:
            explained.notes.append(made_of["stated"].format(**row))
        return explained

    def _explain_several(
        self, mart: Mart, column: str, where: Mapping[str, str], condition: str, rows: list[Row]
    ) -> Explanation:
        made_of = mart.columns[column].made_of or {}
        if "note" in made_of:
            return self._explain_notes(mart, column, where, condition)
        metric = self._definitions.metrics.get(made_of.get("metric", ""))
        measure = metric.measure if metric else None
        if not (self._is_of_records(mart) and measure and measure.agg == "sum"):
            names = mart.key or [name for name in mart.columns if name not in mart.numbers]
            if set(names) <= set(where):
                raise InputError(f"Several rows of {mart.name} have {_said(where)}. {mart.several}")
            few = "; ".join(_said({name: row[name] for name in names}) for row in rows[:3])
            raise InputError(
                f"There are several rows of {mart.name}{_with(where)}, such as {few}. "
                f"Name one with --where, by {_listed(list(names), 'and')}. " + mart.several
            )
        assert metric
        ((value,),) = self._query(
            f'select sum("{column}") from marts.{mart.name} where {condition}'
        )
        explained = Explanation(mart.name, column, dict(where), value, mart.columns[column].words)
        explained.notes.append(f"Summed over the rows of {mart.name} that meet the conditions.")
        template = self._records_where(mart, condition)
        self._take(explained, self._metric(metric, template, {}), mart.columns[column].type)
        return explained

    def _explain_notes(
        self, mart: Mart, column: str, where: Mapping[str, str], condition: str
    ) -> Explanation:
        """Explain what several data notes come to together."""
        names = list(mart.columns)
        quoted = ", ".join(f'"{name}"' for name in names)
        rows = self._query(
            f"select {quoted} from marts.{mart.name} where {condition} "
            "order by note, entity, detail"
        )
        together = Explanation(mart.name, column, dict(where), None, mart.columns[column].words)
        each = [
            self._explain_row(mart, mart.columns[column], dict(zip(names, row, strict=True)))
            for row in rows
        ]
        for one in each:
            if one.value is not None:
                together.value = (together.value or 0) + one.value
                together.computed = (together.computed or 0) + (one.computed or 0)
            label = f"{one.key['note']}, {one.key['entity']}, {one.key['detail']}"
            together.terms.append(Term(label, "", one.value, one.rows))
            together.listings += one.listings
            together.notes += one.notes
        together.adds_up = all(one.adds_up is not False for one in each)
        return together

    def _explain_count(self, mart: Mart, where: Mapping[str, str], condition: str) -> Explanation:
        if not self._is_of_records(mart):
            raise InputError(
                f"{mart.name} is not of customers or persons; name a column: "
                f"{_listed(mart.numbers)}."
            )
        ((value,),) = self._query(f"select count(*) from marts.{mart.name} where {condition}")
        explained = Explanation(
            mart.name, COUNT, dict(where), value, f"Number of rows. {mart.words}"
        )
        if where:
            explained.words += " " + " ".join(
                f"{name}: {mart.columns[name].words}" for name in where if name not in mart.key
            )
        template = self._records_where(mart, condition)
        by_customer = mart.key == ("customer_id",)
        agg, expr = ("sum", "1") if by_customer else ("count_distinct", "person_id")
        counted = self._term("Rows", mart.words, agg, expr, ("customers",), template, {}, "")
        self._take(explained, counted, "bigint")
        return explained

    def _records_where(self, mart: Mart, condition: str) -> str:
        """Return the condition that facts are of the customers or persons of some rows."""
        (key,) = mart.key
        chosen = f'select "{key}" from marts.{mart.name} where {condition}'
        if key == "person_id":
            chosen = f"select customer_id from gold.customer_persons where person_id in ({chosen})"
        return f"customer_id in ({chosen})"

    def _explain_metric(
        self, name: str, column: str | None, where: Mapping[str, str]
    ) -> Explanation:
        metric = self._definitions.metrics.get(name)
        if metric is None:
            known = ", ".join(self._definitions.marts)
            raise InputError(f"There is no mart {name}. There are: {known}.")
        if column not in (None, name):
            raise InputError(f"{name} is a metric, which has no columns.")
        if not is_explained(self._definitions, name):
            raise InputError(f"{metric.label} cannot be explained; `c360 explain` lists what can.")
        conditions = []
        for each, value in where.items():
            if each == "month":
                first = _month(value)
                following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
                conditions.append(
                    f"occurred_at >= {self._literal(first)} "
                    f"and occurred_at < {self._literal(following)} and time_is_plausible = 1"
                )
            else:
                conditions.append(f"{each} = {self._literal(value)}")
        if metric.measure and (relation := self._definitions.marts.get(metric.measure.relation)):
            unknown = [each for each in where if each != "month" and each not in relation.columns]
            if unknown:
                raise InputError(
                    f"{name} cannot be asked for by {_listed(unknown)}; by "
                    f"{_listed([*relation.columns, 'month'])}."
                )
        template = " and ".join(conditions)
        computed = self._metric(metric, template, {}, named=tuple(where))
        explained = Explanation(name, name, dict(where), None, metric.words)
        self._take(explained, computed, "decimal(38,6)" if metric.ratio else "")
        explained.value = self._stated(metric, where)
        if metric.ratio:
            explained.value = _scaled(explained.value, "decimal(38,6)")
        explained.adds_up = _same(explained.value, explained.computed)
        return explained

    def _stated(self, metric: Metric, where: Mapping[str, str]) -> Any:
        """Return a metric as it is over the marts, which the semantic layer takes it from."""
        if metric.ratio:
            one, other = (
                self._stated(self._definitions.metrics[name], where) for name in metric.ratio
            )
            return _divided(one, other, metric.percent)
        if metric.measure is None:
            return _written(
                metric.expr, lambda name: self._stated(self._definitions.metrics[name], where)
            )
        measure = metric.measure
        conditions = [metric.where] if metric.where else []
        for name, value in where.items():
            if name == "month":
                first = _month(value)
                conditions.append(
                    f"year({measure.time}) = {first.year} and month({measure.time}) = {first.month}"
                    " and time_is_plausible = 1"
                )
            else:
                conditions.append(f"{name} = {self._literal(value)}")
        schema = "gold" if measure.relation.startswith(("dim_", "fct_")) else "marts"
        ((value,),) = self._query(
            f"select {_aggregate(measure.agg, measure.expr)} from {schema}.{measure.relation} "
            f"where {' and '.join(conditions) or '1 = 1'}"
        )
        return value if value is not None else 0

    # ---- what is computed anew --------------------------------------------------------------

    def _take(self, explained: Explanation, value: _Value, type_: str) -> None:
        """Put what was computed into an explanation, and see whether it is the number."""
        computed = value.value
        explained.computed = _scaled(computed, type_) if type_ else computed
        explained.terms += value.terms
        explained.formula = value.formula
        explained.listings += map(self._numbered, value.listings)
        explained.adds_up = _same(explained.value, explained.computed)

    def _metric(
        self, metric: Metric, template: str, row: Row, named: tuple[str, ...] = ()
    ) -> _Value:
        if metric.ratio:
            return self._ratio(metric.ratio, template, row, percent=metric.percent, named=named)
        if metric.measure is None:
            return self._derived(metric, template, row, named)
        measure = metric.measure
        return self._term(
            metric.label, metric.words, measure.agg, measure.expr, (measure.model,), template, row,
            metric.where, named,
        )  # fmt: skip

    def _derived(self, metric: Metric, template: str, row: Row, named: tuple[str, ...]) -> _Value:
        parts = {
            name: self._metric(self._definitions.metrics[name], template, row, named)
            for name in re.findall(r"\w+", metric.expr)
        }
        return _Value(
            _written(metric.expr, lambda name: parts[name].value),
            sum(part.rows for part in parts.values()),
            _merged([part.listings for part in parts.values()]),
            tuple(term for part in parts.values() for term in part.terms),
            re.sub(r"\w+", lambda name: self._definitions.metrics[name[0]].label, metric.expr),
        )

    def _ratio(
        self,
        ratio: tuple[str, str],
        template: str,
        row: Row,
        of: str | None = None,
        percent: bool = False,
        named: tuple[str, ...] = (),
    ) -> _Value:
        metrics = [self._definitions.metrics[name] for name in ratio]
        one = self._metric(metrics[0], template, row, named)
        other = self._metric(metrics[1], of or template, row, named)
        label = metrics[1].label
        terms = other.terms
        if of:  # what it is a part of
            label = f"{label}, all of them"
            terms = (Term(label, metrics[1].words, other.value, other.rows),)
        formula = f"{metrics[0].label} / {label}" + (" * 100" if percent else "")
        # Of a share of something, the rows are those of the share.
        is_part = of or metrics[0].where != metrics[1].where
        listings = one.listings if is_part else _merged([one.listings, other.listings])
        return _Value(
            _divided(one.value, other.value, percent), one.rows, listings,
            one.terms + terms, formula,
        )  # fmt: skip

    def _sum(self, column: str, models: Sequence[str], template: str, row: Row) -> _Value:
        words = "Sum of the amounts of all lines, whatever became of them."
        return self._term("Amount", words, "sum", column, tuple(models), template, row, "")

    def _number_of(self, models: Sequence[str], template: str, row: Row) -> _Value:
        return self._term("Rows", "Number of rows.", "sum", "1", tuple(models), template, row, "")

    def _term(
        self,
        label: str,
        words: str,
        agg: str,
        expr: str,
        models: tuple[str, ...],
        template: str,
        row: Row,
        where: str,
        named: tuple[str, ...] = (),
    ) -> _Value:
        """Compute a measure anew over the facts of semantic models."""
        whole = " and ".join(f"({each})" for each in (template, where) if each)
        condition = self._filled(whole, row) or "1 = 1"
        total: Any = None
        rows = 0
        listings = []
        for facts in (each for model in models for each in gold_facts.OF_MODEL[model]):
            if unknown := [name for name in named if not _has(facts, models, name)]:
                raise InputError(
                    f"{label} cannot be asked for by {_listed(unknown)}; by "
                    f"{_listed([*facts.columns, 'month'])}."
                )
            listing = _Listing(
                facts, condition, whole, {label: expr}, _adding(agg, expr), _WHY_NOT.get(expr, "")
            )
            ((value, count),) = self._query(
                f"select {_aggregate(agg, f'case when {facts.counted} then {expr} end')}, "
                f"count(case when {listing.counted} then 1 end) "
                f"from ({self._source(facts, condition)}) as facts where {condition}"
            )
            if value is not None:
                total = value if total is None else total + value
            rows += count
            listings.append(listing)
        term = Term(label, words, total if total is not None else 0, rows)
        return _Value(total, rows, tuple(listings), (term,), label)

    def _numbered(self, listing: _Listing) -> _Listing:
        """Return a listing with the number of its rows and of those left out."""
        left_out = " or ".join(f"({condition})" for condition, _ in listing.left_out) or "1 = 0"
        ((rows, others),) = self._query(
            f"select count(case when {listing.counted} then 1 end), "
            f"count(case when {left_out} then 1 end) "
            f"from ({self._source(listing.facts, listing.condition)}) as facts "
            f"where {listing.condition}"
        )
        return replace(listing, rows=rows, not_counted=others)

    def _source(self, facts: Facts, condition: str) -> str:
        """Return the select of facts; a column that only other facts have is empty here."""
        lacking = _named_in(condition) - facts.columns.keys()
        nothing = "".join(f"{_NOTHING} as {name}, " for name in sorted(lacking))
        select = facts.select().format(gold="gold", marts="marts")
        return select.replace("select ", f"select {nothing}", 1)

    def _filled(self, template: str, row: Row) -> str:
        """Return a condition with the values of a row in it."""

        def value(name: re.Match[str]) -> str:
            if name[1] is None:
                return name[0]
            if name[1] == "gold":
                return "gold"
            if name[1] == "records":
                rows = self._query(
                    "select customer_id from gold.customer_persons "
                    f"where person_id = {self._literal(row['person_id'])} order by customer_id"
                )
                return ", ".join(self._literal(record) for (record,) in rows) or "null"
            return self._literal(row[name[1]])

        return re.sub(rf"{_TEXT}|{{(\w+)}}", value, template)

    def _literal(self, value: Any) -> str:
        """Return a value as both engines take it: as text, which they compare as the column is."""
        if value is None:
            return "null"
        if isinstance(value, datetime):
            value = value.isoformat(" ")
        text = str(value).replace("'", "''")
        return f"N'{text}'" if self._tsql else f"'{text}'"

    # ---- places in a ranking, days, notes ---------------------------------------------------

    def _take_position(self, explained: Explanation, made_of: Mapping[str, Any], row: Row) -> None:
        among = self._definitions.marts[made_of["among"]]
        order = [part.split() for part in made_of["by"].split(", ")]
        where = self._filled(made_of.get("where", "1 = 1"), row)
        columns = tuple(part[0] for part in order)
        shown = tuple(dict.fromkeys([*among.key, *columns]))
        own = " and ".join(f'"{name}" = {self._literal(row[name])}' for name in among.key)
        relation = f"marts.{among.name}"
        listed = ", ".join(f'"{name}"' for name in shown)
        found = self._query(f"select {listed} from {relation} where {where} and {own}")
        ((count,),) = self._query(f"select count(*) from {relation} where {where}")
        if not found:
            explained.adds_up = explained.value is None
            explained.notes.append(f"It has no place among the {count:,} rows of {among.name}.")
            return
        values = dict(zip(shown, found[0], strict=True))
        kind = made_of["position"]
        before = self._before(order if kind in ("place", "fifth") else order[:1], values)
        ((ahead,),) = self._query(f"select count(*) from {relation} where {where} and ({before})")
        place = ahead + 1
        written = ", ".join(
            f"{name.replace('_', ' ')} ({'highest' if rest else 'lowest'} first)"
            for name, *rest in order
        )
        words = f"Place {place:,} of {count:,} rows of {among.name} by {written}."
        bounds: list[int] = []
        if kind == "fifth":
            fifth, begin, end = _fifth(place, count)
            explained.computed, bounds = fifth, [begin, end]
            words += f" Group {fifth} of 5 is places {begin:,} to {end:,}."
        elif kind == "percent_rank":
            explained.computed = ahead / (count - 1) if count > 1 else 0.0
            words += f" {ahead:,} of the {max(count - 1, 0):,} others come before it."
        else:
            explained.computed = place
        explained.adds_up = _same(explained.value, explained.computed)
        ordered = ", ".join(f'"{name}" {" ".join(rest)}' for name, *rest in order)
        if not set(among.key) <= set(columns):
            ordered += ", " + ", ".join(f'"{n}"' for n in among.key if n not in columns)
        explained.position = Position(
            words, shown, self._around(relation, where, listed, ordered, place, bounds, found[0])
        )
        made_of_column = made_of.get("made_of") or columns[0]
        column = among.columns[made_of_column]
        if column.made_of and "stated" not in column.made_of:
            (whole,) = self._rows_of(among, own)
            below = self._explain_row(among, column, whole | row)
            explained.terms += [
                Term(
                    made_of_column.replace("_", " ").capitalize(),
                    below.words, below.value, below.rows,
                ),
                *(term for term in below.terms if len(below.terms) > 1),
            ]  # fmt: skip
            explained.listings += below.listings
            explained.adds_up = explained.adds_up and below.adds_up is not False

    def _before(self, order: Sequence[list[str]], values: Row) -> str:
        """Return the condition that a row comes before one with these values."""
        choices = []
        for number, (name, *rest) in enumerate(order):
            level = [f'"{same}" = {self._literal(values[same])}' for same, *_ in order[:number]]
            sign = ">" if rest else "<"
            choices.append(" and ".join([*level, f'"{name}" {sign} {self._literal(values[name])}']))
        return " or ".join(f"({choice})" for choice in choices)

    def _around(
        self,
        relation: str,
        where: str,
        listed: str,
        ordered: str,
        place: int,
        bounds: Sequence[int],
        own: tuple[Any, ...],
    ) -> list[tuple[int, tuple[Any, ...], bool]]:
        """Return the rows around a place, and those at the bounds of its group."""
        first = max(1, place - NEIGHBOURS)
        wanted = [(first, place + NEIGHBOURS - first + 1), *((bound, 1) for bound in bounds)]
        found: dict[int, tuple[Any, ...]] = {}
        for begin, count in wanted:
            rows = self._query(
                f"select {listed} from {relation} where {where} order by {ordered} "
                f"offset {begin - 1} rows fetch next {count} rows only"
            )
            found |= {begin + number: tuple(row) for number, row in enumerate(rows)}
        return [(number, found[number], found[number] == own) for number in sorted(found)]

    def _take_days(
        self, explained: Explanation, made_of: Mapping[str, Any], template: str, row: Row
    ) -> None:
        """Explain days by the last purchase and the day that they are counted to."""
        last = "case when amount >= 0 and time_is_plausible = 1 then occurred_at end"
        condition = self._filled(template, row)
        newest: Any = None
        for facts in gold_facts.OF_MODEL["purchases"]:
            ((time,),) = self._query(
                f"select max({last}) from ({self._source(facts, condition)}) as facts "
                f"where ({condition}) and {facts.counted}"
            )
            newest = max(filter(None, (newest, time)), default=None)
        if newest is None:
            explained.adds_up = explained.value is None
            explained.notes.append("There is no purchase at a plausible time.")
            return
        words = self._definitions.marts["customer_360"].columns["last_purchase_at"].words
        at = f"occurred_at = {self._literal(newest)} and amount >= 0"
        value = self._term(
            "Last purchase", words, "max", "occurred_at", ("purchases",), template, row, at
        )
        explained.listings += map(self._numbered, value.listings)
        explained.terms.append(Term("Last purchase", words, newest, value.rows))
        fixed = _recency_date()
        if fixed:
            day, words = fixed, "The day that the setting recency_date fixes."
            explained.terms.append(Term("Counted to", words, day, 0))
        else:
            moments = [
                self._query(f"select max({time}) from gold.{name} where time_is_plausible = 1")
                for name, time, _ in _NEWEST
            ]
            to = max(time for ((time,),) in moments if time is not None)
            day, rows = to.date(), 0
            for (_, _, facts), ((time,),) in zip(_NEWEST, moments, strict=True):
                if time == to:
                    listing = self._numbered(_moment(self._literal(to), facts))
                    explained.listings.append(listing)
                    rows += listing.rows
            words = "The newest event of all data, to whose day is counted."
            explained.terms.append(Term("Newest event", words, to, rows))
        explained.formula = "Days from the day of the last purchase to that day"
        explained.computed = (day - newest.date()).days
        explained.adds_up = _same(explained.value, explained.computed)

    def _take_note(self, explained: Explanation, row: Row) -> None:
        """Explain what a data note counts."""
        note, entity, detail = row["note"], row["entity"], row["detail"]
        explained.key = {"note": note, "entity": entity, "detail": detail}
        kind = note.split()[0]
        if kind in ("rejected", "superseded", "unreadable"):
            self._take_set_aside(explained, kind, entity, detail)
            return
        if kind == "absent":
            explained.computed, explained.adds_up = 0, explained.value in (0, None)
            explained.notes.append("No file and no record of it has arrived in any batch.")
            return
        if kind in ("late", "unusual"):
            explained.notes.append(f"It is about deliveries, and not made of rows: {detail}")
            return
        facts = next(each for each in _NOTED if each.entity == entity)
        if kind == "implausible":
            condition = "time_is_plausible = 0"
        elif kind == "unknown":
            column = _UNKNOWN_KEYS[note.split()[1]]
            condition = f"{column} = {self._literal(-1)}"
            if note == "unknown customers" and entity == "loyalty_accounts":
                condition += f" and reference_id <> {self._literal(-1)}"
        else:
            column = note.removeprefix("unlisted ").replace(" ", "_")
            column = {"tier": "tier_level"}.get(column, column)
            condition = (
                f"{column} <> 'Unknown' "
                f"and {column} not in (select {column} from reference.{_LISTS[column]})"
            )
        value = self._noted(facts, condition, explained.column)
        self._take(explained, value, "bigint" if explained.column == "rows" else "decimal(18,2)")

    def _noted(self, facts: Facts, condition: str, column: str) -> _Value:
        shares = {"Rows": "1"}
        if column == "amount" and "amount" in facts.columns:
            counts = "counts_as_revenue = 1" if "status" in facts.columns else "1 = 1"
            shares = {"Revenue": f"case when {counts} then amount else 0 end"}
        elif column == "amount":
            return _Value(None, 0)
        ((label, expr),) = shares.items()
        ((value, count),) = self._query(
            f"select sum({expr}), count(*) from ({self._source(facts, condition)}) as facts "
            f"where {condition}"
        )
        words = "Sum of the revenue of these rows." if label == "Revenue" else "Number of rows."
        listing = _Listing(facts, condition, "", shares)
        return _Value(value, count, (listing,), (Term(label, words, value, count),), label)

    def _take_set_aside(self, explained: Explanation, kind: str, entity: str, detail: str) -> None:
        if kind == "superseded":
            total, different = self.origins.count_with_fate(entity, detail)
            if total != different:
                explained.notes.append(
                    f"{total:,} rows, of which {different:,} say something different; each of "
                    "these is shown once."
                )
            rows = different
        elif detail == "malformed_line":
            kind, total = "malformed", sum(1 for _ in self.origins.malformed(entity))
            rows = total
        else:
            rows = total = self.origins.count_staged(*self._set_aside(kind, entity, detail))
        explained.listings.append(_SetAside(entity, kind, detail, rows))
        if explained.column == "amount":
            explained.adds_up = explained.value is None
            explained.notes.append("These rows have no amount in the answers.")
            return
        explained.computed = total
        explained.terms.append(Term("Rows", "Number of rows.", total, total))
        explained.adds_up = _same(explained.value, total)

    def _set_aside(self, kind: str, entity: str, detail: str) -> tuple[str, str]:
        condition = (
            f"reject_reason = '{detail}'"
            if kind == "rejected"
            else f"unreadable_{detail} is not null and reject_reason is null"
        )
        return self.origins.staged(entity, condition)

    # ---- the rows ---------------------------------------------------------------------------

    def _listed(self, listing: "_Listing | _SetAside", offset: int, limit: int) -> list[Traced]:
        if isinstance(listing, _SetAside):
            return self._listed_aside(listing, offset, limit)
        return [
            Traced(listing.facts.entity, gold, shares, silver, place)
            for gold, shares, silver, place in self._traced(
                listing, listing.counted, listing.shares, offset, limit
            )
        ]

    def _traced(
        self, listing: _Listing, counted: str, shares: Mapping[str, str], offset: int, limit: int
    ) -> Iterator[tuple[Row, Row, Row | None, Place | None]]:
        facts = listing.facts
        keys = [f"silver_{name}" for name in facts.key]
        columns = [*keys, *facts.columns]
        expressions = "".join(f", {expr} as share_{n}" for n, expr in enumerate(shares.values()))
        order = ["occurred_at"] if "occurred_at" in facts.columns else []
        rows = self._query(
            f"select {', '.join(columns)}{expressions} "
            f"from ({self._source(facts, listing.condition)}) as facts "
            f"where ({listing.condition}) and {counted} "
            f"order by {', '.join([*order, *keys])} "
            f"offset {offset} rows fetch next {limit} rows only"
        )
        key_rows = [dict(zip(facts.key, row, strict=False)) for row in rows]
        found = self.origins.counted(facts.entity, key_rows)
        for row, silver in zip(rows, found, strict=True):
            gold = dict(zip(facts.columns, row[len(keys) :], strict=False))
            if not self.origins.personal_data:
                gold.pop("person_id", None)
            given = dict(zip(shares, row[len(columns) :], strict=True))
            place = self.origins.place(facts.entity, silver) if silver else None
            yield gold, given, silver, place

    def _listed_aside(self, aside: _SetAside, offset: int, limit: int) -> list[Traced]:
        if aside.kind == "malformed":
            lines = list(self.origins.malformed(aside.entity))[offset : offset + limit]
            return [
                Traced(aside.entity, {}, {"Rows": 1}, {"error": error}, place)
                for place, error in lines
            ]
        if aside.kind == "superseded":
            rows = self.origins.with_fate(aside.entity, aside.detail, offset, limit)
        else:
            source, where = self._set_aside(aside.kind, aside.entity, aside.detail)
            rows = self.origins.staged_rows(source, where, offset, limit)
        return [
            Traced(
                aside.entity,
                {},
                {"Rows": row.get("row_count", 1)},
                row,
                self.origins.place(aside.entity, row),
            )
            for row in rows
        ]

    def _given_way(self, explained: Explanation, shown: Sequence[Traced]) -> list[LeftOut]:
        """Return the rows of the same keys that gave way to those shown."""
        found = []
        for facts in {each.facts.entity: each.facts for each in _gold(explained)}.values():
            rows = [row for row in shown if row.entity == facts.entity and row.silver]
            keys = [{name: (row.silver or {})[name] for name in facts.key} for row in rows]
            names = [name for name in facts.key if name != "line_number"]
            counted: defaultdict[tuple[Any, ...], list[Traced]] = defaultdict(list)
            for key, traced in zip(keys, rows, strict=True):
                counted[tuple(key[name] for name in names)].append(traced)
            for row in self.origins.superseded(facts.entity, keys):
                why = _FATES[row["fate"]]
                if (row.get("row_count") or 1) > 1:
                    why += f" (and so do {row['row_count'] - 1:,} more rows that say the same)"
                place = self.origins.place(facts.entity, row)
                there = counted[tuple(row[name] for name in names)]
                same = [each for each in there if _says_the_same(each.silver or {}, row)]
                found.append(LeftOut(facts.entity, why, row, place, [*same, *there][0].place))
        return found

    def _others(self, listing: _Listing, offset: int, limit: int) -> list[LeftOut]:
        """Return rows about the same that do not count, and rejected ones."""
        facts = listing.facts
        found = [
            LeftOut(facts.entity, given["why"], gold, place)
            for condition, why in listing.left_out
            if listing.not_counted
            for gold, given, _, place in self._traced(
                listing, condition, {"why": why}, offset, limit
            )
        ]
        if found_in := self._rejected(listing):
            found += [
                LeftOut(
                    facts.entity,
                    f"rejected: {_REASONS[row['reject_reason']]}",
                    row,
                    self.origins.place(facts.entity, row),
                )
                for row in self.origins.staged_rows(*found_in, offset, limit)
            ]
        return found

    def rejected(self, explained: Explanation) -> int:
        """Return how many rows that were rejected would be about the same."""
        return sum(
            self.origins.count_staged(*found)
            for listing in _gold(explained)
            if (found := self._rejected(listing))
        )

    def _rejected(self, listing: _Listing) -> tuple[str, str] | None:
        """Return where the rejected rows are that would be about the same; None if nobody knows."""
        facts = listing.facts
        named = _named_in(listing.template)
        own = {*facts.staged, *facts.staged_columns}
        lacking = named - facts.columns.keys()
        if not named & own or not named <= own | lacking:
            return None
        if self._tsql and "select" in listing.condition:
            return None  # gold is not where silver is read
        columns = dict(facts.staged_columns) | dict.fromkeys(sorted(lacking), _NOTHING)
        condition = re.sub(_TEXT, lambda text: text[0].removeprefix("N"), listing.condition)
        return self.origins.staged(
            facts.entity,
            f"reject_reason is not null and ({condition})",
            {name: sql for name, sql in columns.items() if name in named},
            facts.staged_joins,
        )


_COLUMNS = {
    name for each in gold_facts.OF_MODEL.values() for facts in each for name in facts.columns
}
# Why a row is left out that adds nothing to a measure, by the measure's expression.
_WHY_NOT = {
    "case when amount >= 0 then concat(channel, ' ', reference_id) end":
        "a refund, which is no order",
    "case when is_resolved = 1 then 1 else 0 end": "it did not end resolved",
}  # fmt: skip
_NOTED = (
    gold_facts.ORDERS,
    gold_facts.VISITS,
    gold_facts.CONTACTS,
    gold_facts.POINTS,
    gold_facts.ACCOUNTS,
)
_UNKNOWN_KEYS = {
    "customers": "customer_id",
    "products": "product_id",
    "stores": "store_id",
    "agents": "agent_id",
    "accounts": "loyalty_id",
}
# Customers who buy in both channels would be counted twice: facts are asked one by one.
_NOT_SUMMED = ("buying_customers",)
_LISTS = {
    "status": "order_statuses",
    "payment_method": "payment_methods",
    "resolution_status": "resolution_statuses",
    "tier_level": "loyalty_tiers",
}
_FATES = {
    "newer": "superseded: a newer row of the same key counts",
    "identical": "superseded: it says the same as the row that counts",
    "gone": "superseded: the newest full file does not have its key any more",
}
_REASONS = {
    "invalid_key": "it has no usable key",
    "invalid_datetime": "it has no readable time",
    "invalid_amount": "it has no readable amount",
}


def _gold(explained: Explanation) -> list[_Listing]:
    return [each for each in explained.listings if isinstance(each, _Listing)]


def _named_in(condition: str) -> set[str]:
    """Return the columns of facts that a condition names."""
    return _COLUMNS & set(re.findall(r"\w+", re.sub(rf"{_TEXT}|{{\w+}}", "", condition)))


def _adding(agg: str, expr: str) -> str:
    """Return the condition that a row adds something to a measure."""
    if not expr.startswith("case "):
        return "1 = 1"
    return f"{expr} is not null" if agg == "count_distinct" else f"{expr} <> 0"


def _moment(time: str, facts: Facts) -> _Listing:
    """Return the rows of a moment."""
    condition = f"occurred_at = {time} and time_is_plausible = 1"
    return _Listing(facts, condition, condition, {"Newest event": "occurred_at"})


def _has(facts: Facts, models: Sequence[str], name: str) -> bool:
    """Tell whether facts can be asked for by a column, if only by other facts beside them."""
    if name == "month":
        return "occurred_at" in facts.columns
    return any(name in each.columns for model in models for each in gold_facts.OF_MODEL[model])


def is_explained(definitions: Definitions, name: str) -> bool:
    """Tell whether a metric can be asked for: it is no mart's name, and of facts of one time."""
    metric = definitions.metrics[name]
    parts = metric.ratio or re.findall(r"[a-z]\w+", metric.expr)
    if name in definitions.marts or metric.others:
        return False
    if metric.measure is None:
        return all(is_explained(definitions, part) for part in parts)
    return metric.measure.model in gold_facts.OF_MODEL and metric.measure.name not in _NOT_SUMMED


def _tells_who_is_who(mart: Mart) -> bool:
    return "person_id" in mart.columns and mart.key != ("customer_id",)


def _aggregate(agg: str, expr: str) -> str:
    return f"count(distinct {expr})" if agg == "count_distinct" else f"{agg}({expr})"


def _merged(listings: Sequence[Sequence[_Listing]]) -> tuple[_Listing, ...]:
    """Return listings, those of the same rows once with all terms."""
    merged: dict[tuple[int, str], _Listing] = {}
    for listing in (each for several in listings for each in several):
        place = id(listing.facts), listing.condition
        if there := merged.get(place):
            adding = f"{there.adding} or {listing.adding}"
            listing = replace(
                there, shares={**there.shares, **listing.shares}, adding=adding, why_not=""
            )
        merged[place] = listing
    return tuple(merged.values())


def _divided(one: Any, other: Any, percent: bool) -> Decimal | None:
    if not other:
        return None
    return Decimal(one or 0) * (100 if percent else 1) / Decimal(other)


def _scaled(value: Any, type_: str) -> Any:
    """Return a number with the decimals of a column, rounded half away from zero."""
    scale = re.search(r"decimal\(\d+,\s*(\d+)\)", type_)
    if value is None or not scale:
        return value
    return Decimal(value).quantize(Decimal(1).scaleb(-int(scale[1])), ROUND_HALF_UP)


def _same(value: Any, computed: Any) -> bool:
    """Tell whether two numbers are the same; nothing counted is nothing, or 0."""
    if isinstance(value, float) or isinstance(computed, float):
        return abs(float(value or 0) - float(computed or 0)) < 1e-12
    return bool((value or 0) == (computed or 0))


def _written(expr: str, value_of: Any) -> Any:
    """Return the sum or difference that an expression writes."""
    total = 0
    for sign, name in re.findall(r"([+-]?) ?(\w+)", expr):
        value = value_of(name) or 0
        total = total - value if sign == "-" else total + value
    return total


def _says_the_same(silver: Row, row: Row) -> bool:
    return all(row.get(name) == value for name, value in silver.items() if name != "line_number")


def _fifth(place: int, count: int) -> tuple[int, int, int]:
    """Return which of five groups a place is in, and its first and last place, as NTILE has it.

    >>> [_fifth(place, 7) for place in (1, 2, 3, 7)]
    [(1, 1, 2), (1, 1, 2), (2, 3, 4), (5, 7, 7)]
    """
    size, larger = divmod(count, 5)
    begin = 1
    for fifth in range(1, 6):
        end = begin + size + (fifth <= larger) - 1
        if place <= end:
            return fifth, begin, end
        begin = end + 1
    raise ValueError(f"{place} is no place among {count}")


def _month(value: str) -> date:
    match = re.fullmatch(r"(\d{4})-(\d{1,2})", value)
    if not match or not 1 <= int(match[2]) <= 12:
        raise InputError(f"{value} is no month; write it as 2026-09.")
    return date(int(match[1]), int(match[2]), 1)


def _recency_date() -> date | None:
    """Return the day that the setting recency_date fixes."""
    said = yaml.safe_load((project_dir() / "dbt_project.yml").read_text(encoding="utf-8"))
    fixed = said["vars"]["recency_date"]
    return date.fromisoformat(str(fixed)) if fixed else None


def _with(where: Mapping[str, str]) -> str:
    return f" with {_said(where)}" if where else ""


def _said(where: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in where.items())


def _listed(names: Sequence[str], last: str = "") -> str:
    if last and len(names) > 1:
        return f"{', '.join(names[:-1])} {last} {names[-1]}"
    return ", ".join(names)
