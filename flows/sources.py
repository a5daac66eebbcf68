"""Files as they would be read, and a sources file to begin with: behind `c360 sources`."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flows.terminal import plain
from ingest.check import FileCheck, agreed, check_folder
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.headers import find_header
from ingest.sources_file import SCHEMA
from ingest.starting import sources_text, starting_text
from ingest.trials import Read
from ingest.written import Forms
from lake.errors import InputError, masked
from warehouse.home import personal_data_shown, project_dir

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LONGEST = 200  # letters of a cell


def print_check(console: Console, folder: Path, sources: Path | None) -> bool:
    """Print what each file below a folder would be read as; return whether none is refused."""
    contract = load_contract(project_dir())
    declarations = load_declarations(sources, contract)
    checks = []
    with console.status("Reading the files"):
        for check in check_folder(folder, contract, declarations):
            title = plain(check.source, "bold")
            console.print(Panel(_shown(check), title=title, title_align="left"))
            checks.append(check)
        suggestions = agreed(checks, declarations)
    if not checks:
        console.print("There are no files in it.")
    if suggestions:
        console.print(
            f"\nTo declare, in {declarations.path} or a file that --sources names. What stands as "
            "a comment is for you to decide.\n",
            highlight=False,
            markup=False,
        )
        console.print(plain_lines(sources_text(suggestions)), soft_wrap=True)
    refused = [check.source for check in checks if check.is_refused]
    if refused:
        console.print()
        console.print(plain(f"Would be refused: {', '.join(refused)}.", "bold"), soft_wrap=True)
    return not refused


def write_sources(console: Console, folder: Path, to: Path) -> None:
    """Write a sources file for the files below a folder, its schema beside it for editors.

    Raises InputError when there is such a file already, or it cannot be written.
    """
    if to.exists():
        raise InputError(f"{to} is there already; give another name with --to.")
    contract = load_contract(project_dir())
    declarations = load_declarations(None, contract)
    with console.status("Reading the files"):
        checks = list(check_folder(folder, contract, declarations))
        text = starting_text(checks, agreed(checks, declarations))
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(text)
        schema = to.with_name(SCHEMA.name)
        if not schema.exists():
            shutil.copyfile(SCHEMA, schema)
    except OSError as error:
        raise InputError(f"Cannot write {error.filename}: {error.strerror}.") from error
    console.print(
        plain(
            f"Wrote {to}. Look through its comments, then see what comes of it: "
            f"c360 sources check {folder} --sources {to}"
        ),
        soft_wrap=True,
    )


def plain_lines(text: str) -> Text:
    """Return lines for rich to print letter by letter."""
    return Text("\n").join(plain(line) for line in text.splitlines())


def _shown(check: FileCheck) -> RenderableType:
    parts: list[RenderableType] = []
    read = check.settled or check.read
    if check.entity is None:
        parts.append(plain(f"Left alone: {check.left_alone}."))
    elif check.is_refused and check.read:
        parts.append(plain(f"Would be refused: {check.read.refusal}.", "bold"))
    if read and (check.is_refused or not check.entity) and read.record:
        parts.append(plain("With what is suggested below it would be read so:"))
    if facts := [(name, value) for name, value in _facts(check, read) if value]:
        parts.append(_table(facts))
    if read and read.rows:
        parts += [plain("First rows", "dim"), _rows(read.rows)]
    for warning in check.read.warnings if check.read else ():
        parts.append(plain(f"! {warning}"))
    if read and read.record and read is not check.read:
        parts += _left(read)
    return Group(*parts)


def _left(read: Read) -> list[RenderableType]:
    if read.unread:
        return [plain(f"! {read.unread:,} values cannot be read with it either.")]
    return []


def _facts(check: FileCheck, read: Read | None) -> Iterable[tuple[str, str]]:
    if check.entity:
        yield "entity", check.entity.name
    record = read.record if read else None
    if record:
        how = record.read_as
        yield "format", record.format
        if "encoding" in how:
            yield "encoding", how["encoding"]
        if "delimiter" in how:
            yield "delimiter", _SEPARATORS.get(how["delimiter"], how["delimiter"])
        if how.get("sheet"):
            yield "sheet", how["sheet"]
        if how.get("skipped_lines"):
            yield "lines skipped", str(how["skipped_lines"])
        yield (
            "rows",
            f"{record.rows:,}"
            + (f" (and {record.malformed_rows:,} malformed)" if record.malformed_rows else ""),
        )
        yield "columns", ", ".join(_origins(read, record.read_as["columns"]))
        yield "read too", ", ".join(_extra(read, record.header))
        yield "not asked for", ", ".join(record.extra_columns)
    elif check.header:
        names = {c: [check.names[p] for p in at] for c, at in check.header.places.items()}
        yield "columns", ", ".join(_origins(read, names))
        yield "missing", ", ".join(check.header.missing)
        yield "not asked for", ", ".join(check.header.extra)
    elif check.names:
        yield "header", ", ".join(check.names)
    if read:
        for said, of in (("dates", read.times), ("numbers", read.numbers), ("keys", read.keys)):
            for column, forms in of.items():
                yield f"{said} in {column}", _forms(forms)


def _origins(read: Read | None, columns: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for column, names in columns.items():
        same = list(names) == [column]
        yield column if same else f"{column} <- {' + '.join(names)}"
    for column, sql in read.declaration.expressions.items() if read else ():
        yield f"{column} = {' '.join(sql.split())}"


def _extra(read: Read | None, header: Sequence[str]) -> Iterable[str]:
    for name, wanted in read.declaration.extra.items() if read else ():
        place = find_header(header, wanted)
        if place is not None:
            yield f"{name} <- {header[place]}"


def _forms(forms: Forms) -> str:
    text = ", ".join(f"{count:,} {name}" for name, count in forms.counts.items())
    if forms.unread:
        text += f"; {forms.unread:,} cannot be read, such as {_seen(str(forms.example))}"
    return text or "none"


def _seen(value: str) -> str:
    return value if personal_data_shown() else masked(value)


def _table(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in facts:
        table.add_row(plain(name, "dim"), plain(value))
    return table


def _rows(rows: Sequence[Mapping[str, str | None]]) -> RenderableType:
    """Return rows side by side, a column of the contract a line: a narrow window holds them."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for _ in rows:
        table.add_column(overflow="fold")
    for column in rows[0]:
        cells = [row[column] for row in rows]
        table.add_row(
            plain(column, "dim"),
            *(
                plain("null", "dim") if each is None else plain(_seen(each[:_LONGEST]))
                for each in cells
            ),
        )
    return Padding(table, (0, 0, 0, 2))
