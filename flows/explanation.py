"""Where a published number comes from: behind `c360 explain`."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.headlines import shown
from flows.terminal import plain
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake.errors import InputError
from warehouse.definitions import load_definitions
from warehouse.explained_home import explainer_of
from warehouse.explaining import Explainer, Explanation, LeftOut, Traced, View, is_explained
from warehouse.home import Home, project_dir
from warehouse.origins import LakeSilver, Origins, Place, Row

WRITTEN_AT_ONCE = 2000

_HEADINGS = (
    *("level", "row", "entity", "what", "value", "row_values", "batch", "file", "line", "text"),
    *("why", "replaced_by_batch", "replaced_by_file", "replaced_by_line"),
)


def print_explanation(
    console: Console,
    home: Home,
    target: str,
    sources: Path | None,
    name: str,
    column: str | None,
    conditions: Sequence[str],
    *,
    limit: int,
    to: Path | None,
    personal_data: bool,
) -> bool:
    """Print what a number is made of, and write all of it as CSV; tell whether it adds up."""
    where = dict(map(_condition, conditions))
    with _opened(home, target, sources, personal_data) as explainer:
        explained = explainer.explain(name, column, where)
        view = explainer.look(explained, 0, limit)
        rejected = explainer.rejected(explained)
        _print_number(console, explained)
        _print_rows(console, explained, view.rows)
        _print_left_out(console, explained, view, rejected, limit)
        for reason in explainer.origins.unread:
            console.print(plain(f"! {reason}"), soft_wrap=True)
        if to:
            count = _write(explainer, explained, to)
            console.print(plain(f"Wrote {count:,} lines to {to}"), soft_wrap=True)
    return explained.adds_up is not False


def print_numbers(console: Console) -> None:
    """List the marts with the numbers that can be asked for, and how a row of each is named."""
    console.print("c360 explain MART COLUMN --where COLUMN=VALUE …\n", markup=False)
    definitions = load_definitions()
    for mart in definitions.marts.values():
        if mart.numbers:
            key = mart.key or [each for each in mart.columns if each not in mart.numbers]
            named = f"{mart.name}, a row by {', '.join(key)}:"
            console.print(plain(named, "bold"), plain(", ".join(mart.numbers)), soft_wrap=True)
    metrics = ", ".join(name for name in definitions.metrics if is_explained(definitions, name))
    console.print()
    console.print(
        plain(
            "Of marts of customers and persons, `count` is the number of rows that meet the "
            f"conditions. Over all data, or --where month=2026-09, there are also: {metrics}."
        ),
        soft_wrap=True,
    )


@contextmanager
def _opened(
    home: Home, target: str, sources: Path | None, personal_data: bool
) -> Iterator[Explainer]:
    if target == "azure":
        with home.file_modes():
            yield _on_azure(home, sources, personal_data)
        return
    with closing(explainer_of(home, sources, personal_data=personal_data)) as explainer:
        yield explainer


def _on_azure(home: Home, sources: Path | None, personal_data: bool) -> Explainer:
    """Return what explains the numbers in Azure SQL by what is in the lake."""
    from flows.azure_run import opened_to_read

    lake, published, database = opened_to_read(home)
    contract = load_contract(project_dir())
    origins = Origins(
        lake,
        LakeSilver(lake, published, contract, database.query),
        contract,
        load_declarations(sources, contract),
        personal_data=personal_data,
    )
    return Explainer(database.query, load_definitions(), origins, tsql=True)


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--where {text} is no condition; write it as COLUMN=VALUE.")
    return name.strip(), value


def _print_number(console: Console, explained: Explanation) -> None:
    console.print()
    key = ", ".join(f"{name} {value}" for name, value in explained.key.items())
    what = explained.column if explained.column != explained.mart else ""
    title = " of ".join(filter(None, (what, explained.mart))) + (f", {key}" if key else "")
    console.print(plain(f"{title}: {_text(explained.value)}", "bold"), soft_wrap=True)
    console.print(plain(explained.words, "dim"), soft_wrap=True)
    if explained.position:
        console.print()
        console.print(plain(explained.position.words), soft_wrap=True)
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("Place", *explained.position.columns):
            table.add_column(heading.replace("_", " "), justify="right")
        for place, values, is_it in explained.position.rows:
            cells = [f"{place:,}", *map(_cell, values)]
            table.add_row(*(plain(cell, "bold" if is_it else "") for cell in cells))
        console.print(table)
    if explained.terms:
        console.print("\n[bold]Made of[/]")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column()
        table.add_column(justify="right")
        table.add_column(justify="right")
        for term in explained.terms:
            rows = f"{term.rows:,} row{'' if term.rows == 1 else 's'}" if term.rows else ""
            table.add_row(plain(term.label), plain(_text(term.value)), plain(rows, "dim"))
        console.print(table)
    for note in explained.notes:
        console.print(plain(note), soft_wrap=True)
    console.print(plain(_adds_up(explained)), soft_wrap=True)


def _adds_up(explained: Explanation) -> str:
    if explained.adds_up is None:
        return "There is nothing to add up."
    formula = f"{explained.formula} = " if len(explained.terms) > 1 and explained.formula else ""
    computed = f"Computed anew: {formula}{_text(explained.computed)}."
    if explained.adds_up:
        return f"{computed} It adds up to the number: yes."
    return (
        f"{computed} It adds up to the number: NO, that is {_text(explained.value)}. Run `c360 "
        "verify` to see what differs from a build of everything."
    )


def _print_rows(console: Console, explained: Explanation, rows: Sequence[Traced]) -> None:
    if not rows:
        console.print("\nNo row is counted in it.")
        return
    first = f"the first {len(rows):,} of " if len(rows) < explained.rows else ""
    console.print()
    console.print(plain(f"The rows ({first}{explained.rows:,})", "bold"))
    for number, row in enumerate(rows, 1):
        counts = ", ".join(f"{name} {_text(value)}" for name, value in row.counts_as.items())
        console.print(plain(f"{number:>4}  {counts}"), soft_wrap=True)
        if row.gold:
            console.print(plain(f"      gold    {_values(row.gold)}", "dim"), soft_wrap=True)
        if row.silver:
            console.print(plain(f"      silver  {_values(row.silver)}", "dim"), soft_wrap=True)
        _print_place(console, row.place, "      ")


def _print_left_out(
    console: Console, explained: Explanation, view: View, rejected: int, limit: int
) -> None:
    console.print()
    if not (view.given_way or view.others):
        console.print("Nothing is left out that would be about the same.")
        return
    counts = [
        f"{len(view.given_way):,} superseded by the rows above" if view.given_way else "",
        f"{explained.not_counted:,} not counted" if explained.not_counted else "",
        f"{rejected:,} rejected" if rejected else "",
    ]
    console.print(plain(f"Left out ({', '.join(filter(None, counts))})", "bold"))
    for each in [*view.given_way, *view.others[:limit]]:
        console.print(plain(f"   -  {each.why}"), soft_wrap=True)
        console.print(plain(f"      {_values(each.row)}", "dim"), soft_wrap=True)
        _print_place(console, each.place, "      ")
        if each.replaced_by:
            _print_place(console, each.replaced_by, "      in its place: ", text=False)


def _print_place(console: Console, place: Place | None, indent: str, text: bool = True) -> None:
    if place is None:
        return
    line = f"line {place.line:,}" if place.line is not None else f"row {place.row_number}"
    console.print(plain(f"{indent}{line} of {place.file}, batch {place.batch_id}"), soft_wrap=True)
    if text and place.text is not None:
        console.print(plain(f"{' ' * 14}{place.text.rstrip()}", "green"), soft_wrap=True)


def _values(row: Row) -> str:
    """Write a row as it is: ids are to be found again in the lines."""
    return ", ".join(f"{name} {_cell(value)}" for name, value in row.items() if value is not None)


def _cell(value: Any) -> str:
    return str(value) if type(value) is int else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, float):
        return f"{value:.6g}"
    return shown(value)


def _write(explainer: Explainer, explained: Explanation, to: Path) -> int:
    """Write the whole chain as CSV, a line for each level of each row."""
    lines = 0
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for line in _lines(explainer, explained):
            writer.writerow([line.get(heading) for heading in _HEADINGS])
            lines += 1
    return lines


def _lines(explainer: Explainer, explained: Explanation) -> Iterator[dict[str, Any]]:
    name = f"{explained.mart}.{explained.column}"
    key = _json(explained.key)
    yield {"level": "number", "what": name, "value": explained.value, "row_values": key}
    for term in explained.terms:
        yield {"level": "made of", "what": term.label, "value": term.value}
    others = explained.not_counted + explainer.rejected(explained)
    for offset in range(0, max(explained.rows, others), WRITTEN_AT_ONCE):
        view = explainer.look(explained, offset, WRITTEN_AT_ONCE)
        for number, row in enumerate(view.rows, offset + 1):
            yield from _levels(number, row)
        yield from _left_out([*view.given_way, *view.others])


def _levels(number: int, row: Traced) -> Iterator[dict[str, Any]]:
    said = {"row": number, "entity": row.entity}
    if row.gold:
        for what, value in row.counts_as.items():
            yield said | {
                "level": "gold", "what": what, "value": value, "row_values": _json(row.gold)
            }  # fmt: skip
    if row.silver:
        yield said | {"level": "silver", "row_values": _json(row.silver)}
    if row.place:
        yield said | {"level": "raw line"} | _where(row.place)


def _left_out(rows: Iterable[LeftOut]) -> Iterator[dict[str, Any]]:
    for row in rows:
        line = {"level": "left out", "entity": row.entity, "why": row.why}
        line["row_values"] = _json(row.row)
        if row.place:
            line |= _where(row.place)
        if row.replaced_by:
            replaced = _where(row.replaced_by)
            line |= {f"replaced_by_{name}": replaced[name] for name in ("batch", "file", "line")}
        yield line


def _where(place: Place) -> dict[str, Any]:
    return {
        "batch": place.batch_id, "file": place.file, "line": place.line, "text": place.text
    }  # fmt: skip


def _json(row: Mapping[str, Any]) -> str:
    known = {name: value for name, value in row.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, default=str)
