"""Everything built anew from bronze, compared with what is published: behind `c360 verify`.

What is built anew stands in the home's staging folder: a lake whose bronze is the home's own, and a
warehouse. Nothing that is published is touched, and what a killed one leaves the next run removes.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from flows import progress
from flows.terminal import plain
from identity import store as identity_store
from ingest.deliveries import delivery_notes
from lake import paths, versions
from lake.errors import C360Error, InputError, masked
from lake.local import LocalLake
from lake.manifest import committed_batches, file_entries, new_batch_id, remembered
from warehouse import publish as publishing
from warehouse.connection import built_states, open_warehouse, read_only
from warehouse.dbt_run import DbtRun
from warehouse.delivery_tables import load_delivery_notes
from warehouse.home import Home, personal_data_shown, project_dir
from warehouse.identity_tables import load_tables
from warehouse.project_code import project_code

SCHEMAS = ("reference", "silver", "gold", "marts")
EXAMPLES = 3
LONGEST_VALUE = 60
FIRST = "Run `c360 run` first, then verify again."


@dataclass(frozen=True)
class Relation:
    """What one warehouse has under one name; rows of the same bag have the same fingerprint."""

    columns: dict[str, str]
    rows: int
    fingerprint: int | None

    @property
    def sql_columns(self) -> str:
        """The columns by name, so that their order makes no difference."""
        return ", ".join(map(_quoted, sorted(self.columns)))


def verify(home: Home, steps: progress.Progress) -> None:
    """Compare what is published with a build of everything; print what differs, raise if any."""
    console = steps.console or Console()
    open_warehouse(home).close()
    home.prepare()
    lake = LocalLake(home.lake)
    with home.lock(), remembered(lake):
        publishing.recover(home, lake)
        current = _newest(lake)
        _check_disk(home)
        version = new_batch_id(committed_batches(lake))
        with progress.logged_to(home.new_log_file(version)), _scratch(home) as scratch:
            dbt = DbtRun(home, home.staged_warehouse, version, C360_LAKE=str(scratch))
            dbt.take_memory_for(sum(entry.rows for entry in file_entries(lake)))
            dbt.left_unchanged = "nothing could be compared; what is published stays as it is"
            try:
                # Who is who is not derived from bronze: both are of the same persons.
                load_tables(dbt.query, lake, identity_store.current_version(lake))
                notes = delivery_notes(file_entries(lake), current.version)
                load_delivery_notes(dbt.query, notes)
                _build(dbt, steps)
            finally:
                dbt.close()
            _check_made_alike(home)
            _compare(console, home, _keys(dbt), steps)


def _newest(lake: LocalLake) -> versions.Published:
    """Return what is published; raise when something else would be built."""
    published = versions.published(lake)
    code = project_code(project_dir(), "published")
    if not published or (published.code or "").partition("-")[0] != code:
        raise InputError(f"What is published was built by another version of the project. {FIRST}")
    before, now = set(published.batches), set(committed_batches(lake))
    changes = [
        f"{_counted(len(batches), 'batch', 'batches')} {what}"
        for batches, what in ((now - before, "arrived"), (before - now, "went"))
        if batches
    ]
    if changes:
        told = " and ".join(changes)
        raise InputError(f"Since {published.version} was published, {told}. {FIRST}")
    return published


def _check_disk(home: Home) -> None:
    """Raise when the disk will not do: the layers once more, and as much to sort and compare in."""
    files = [home.warehouse, *(home.lake / "silver").rglob("*.parquet")]
    needed = 2 * sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(home.root).free
    if free < needed:
        raise C360Error(
            f"To build everything anew takes up to {needed / 1e6:,.0f} MB in {home.root}, where "
            f"{free / 1e6:,.0f} MB are free. Make room and verify again."
        )


@contextmanager
def _scratch(home: Home) -> Iterator[Path]:
    """Make a lake that has the home's bronze and runs, no silver; at the end remove all staging."""
    scratch = home.staging / "lake"
    scratch.mkdir(parents=True)
    for folder in (paths.BRONZE, paths.RUNS):
        (scratch / folder).symlink_to(home.lake / folder)
    try:
        yield scratch
    finally:
        shutil.rmtree(home.staging, ignore_errors=True)


def _build(dbt: DbtRun, steps: progress.Progress) -> None:
    with steps.step("Build everything anew") as step:
        nodes = dbt.build(
            on_node=lambda name, number, count: step.detail(f"{number} of {count}, {name}"),
        )
        tests = sum(node.kind == "test" for node in nodes)
        step.done = f"Built everything anew ({len(nodes) - tests} relations, {tests} tests)"


def _check_made_alike(home: Home) -> None:
    """Raise when what is published was made by other code, or of what was read otherwise."""
    published, anew = built_states(home.warehouse), built_states(home.staged_warehouse)
    for name, state in anew.items():
        if "version" not in state:  # that of the project as a whole
            continue
        before = published.get(name, {})
        if before.get("code") != state["code"]:
            raise InputError(
                f"{name} was built by other code, vars or declarations than those of now. {FIRST}"
            )
        if before["inputs"].get("bronze") != state["inputs"].get("bronze"):
            raise InputError(f"Files of {name} were read again since it was built. {FIRST}")


def _keys(dbt: DbtRun) -> dict[str, list[str]]:
    """Return the key of each relation that is tested to have one, by its name."""
    return {
        node.tested.model: node.tested.arguments["columns"]
        for node in dbt.nodes
        if node.tested and node.tested.test == "primary_key"
    }


def _compare(
    console: Console, home: Home, keys: dict[str, list[str]], steps: progress.Progress
) -> None:
    with steps.step("Compare") as step:
        names, rows, told = compare(home.warehouse, home.staged_warehouse, keys, step.detail)
        step.done = f"Compared {names} relations"
    for line in told:
        console.print(plain(line), highlight=False, soft_wrap=True)
    if told:
        raise C360Error(
            "What is published is not what a build of everything gives. It stays as it is; `c360 "
            "run --full` builds everything anew and publishes that. It should not have come to "
            "this: report it, with what is told above."
        )
    console.print(
        f"All {names} relations are what a build of everything gives ({rows:,} rows).",
        highlight=False,
    )


def compare(
    published: Path,
    anew: Path,
    keys: Mapping[str, list[str]],
    on_relation: Callable[[str], None] = lambda _: None,
) -> tuple[int, int, list[str]]:
    """Compare two warehouses; return how many relations and rows they have, and what differs.

    `keys` are those of relations by their names. What differs is told in lines to be printed.
    """
    before, now = _relations(published, on_relation), _relations(anew, on_relation)
    names = sorted({*before, *now})
    told = []
    for name in names:
        one, other = before.get(name), now.get(name)
        if one == other:
            continue
        if not other:
            told.append(f"{name}: only published, built by nothing; drop it, or move it elsewhere")
        elif not one:
            told.append(f"{name}: only built anew")
        elif one.columns != other.columns:
            told.append(f"{name}: columns differ: {'; '.join(_columns(one, other))}")
        else:
            key = keys.get(name.partition(".")[2], list(one.columns)[:1])
            told += _differing_rows(published, anew, name, one, key)
    return len(names), sum(relation.rows for relation in now.values()), told


def _relations(warehouse: Path, on_relation: Callable[[str], None]) -> dict[str, Relation]:
    """Return all relations of the layers, each with a fingerprint of its rows.

    It is the sum of a hash of each row, which takes one pass and no memory. The hash is taken
    twice: once over, it has values that rows exchanged among them cancel out too easily.
    """
    found = {}
    with read_only(warehouse) as connection:
        listed = connection.execute(
            "select table_schema || '.' || table_name, "
            "list(column_name order by ordinal_position), list(data_type order by ordinal_position)"
            " from information_schema.columns where table_schema in ? group by all order by all",
            [SCHEMAS],
        ).fetchall()
        for name, columns, types in listed:
            on_relation(name)
            hashed = ", ".join(map(_quoted, sorted(columns)))
            ((rows, fingerprint),) = connection.execute(
                f"select count(*), sum(hash(hash({hashed}))) from {name}"
            ).fetchall()
            found[name] = Relation(dict(zip(columns, types, strict=True)), rows, fingerprint)
    return found


def _differing_rows(
    published: Path, anew: Path, name: str, relation: Relation, key: list[str]
) -> list[str]:
    """Tell which rows of a relation differ, in a line and some more of examples."""
    copy = anew.with_name("published.parquet")
    with read_only(published) as connection:
        connection.execute(f"copy (from {name}) to '{_escaped(copy)}' (format parquet)")
    columns = relation.sql_columns
    with read_only(anew) as connection:
        # By count of each row, since rows may occur more than once.
        connection.execute(
            f"create temp table differing as select {columns}, sum(n) as n from ("
            f"select {columns}, 1 as n from read_parquet('{_escaped(copy)}') "
            f"union all select {columns}, -1 as n from {name}) group by all having sum(n) <> 0"
        )
        shown = _telling_columns(connection, relation, key)
        told = []
        counts = []
        for side, sign in (("only published", 1), ("only built anew", -1)):
            rows = f"from differing where sign(n) = {sign}"
            ((count,),) = connection.execute(f"select coalesce(sum(abs(n)), 0) {rows}").fetchall()
            counts.append(f"{_counted(count, 'row', 'rows')} {side}")
            examples = connection.execute(
                f"select {', '.join(map(_quoted, shown))} {rows} order by all limit {EXAMPLES}"
            ).fetchall()
            told += [f"  {side}: {_row(shown, values)}" for values in examples]
    copy.unlink()
    return [f"{name}: {', '.join(counts)}", *told]


def _telling_columns(
    connection: duckdb.DuckDBPyConnection, relation: Relation, key: list[str]
) -> list[str]:
    """Return the key's columns, and behind them those that differ."""
    shown = key
    for column in relation.columns:
        ((differs,),) = connection.execute(
            f"select exists (select 1 from differing group by {_quoted(column)} having sum(n) <> 0)"
        ).fetchall()
        if differs and column not in shown:
            shown = [*shown, column]
    return shown


def _columns(published: Relation, anew: Relation) -> list[str]:
    return [
        f"{column} is {published.columns.get(column, 'not')} published, "
        f"{anew.columns.get(column, 'not')} built anew"
        for column in sorted({*published.columns, *anew.columns})
        if published.columns.get(column) != anew.columns.get(column)
    ]


def _row(columns: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(
        f"{column} {_shortened(value)}" for column, value in zip(columns, values, strict=True)
    )


def _shortened(value: Any) -> str:
    text = "null" if value is None else str(value)
    if isinstance(value, str) and not personal_data_shown():
        text = masked(text)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
