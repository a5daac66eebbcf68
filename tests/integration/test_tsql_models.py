"""The models' T-SQL gives the rows of a local build: translated and run on what real runs landed.

One is the second batch of the sample data. The other is the shop that declares what it can, moved
to Chicago and to another currency: there both sides are rendered, T-SQL and DuckDB's SQL.

It shows that the T-SQL means what DuckDB's SQL means, by the rules of tests/support/tsql_server; a
server's own reading of it is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot.optimizer.qualify import qualify

from lake import paths
from pages.report import content
from tests.integration.conftest import Arrival, DeclaredShop
from tests.support.compare import difference, load
from tests.support.render import PROJECT, Relation, Renderer
from tests.support.tsql_server.catalog import Column, ColumnType
from tests.support.tsql_server.engine import Server
from tests.support.tsql_server.reader import Name
from warehouse.answers import ask

ANALYSES = sorted((PROJECT / "analyses").glob("*.sql"))
LAYERS = {"silver": ("synapse", "sqlserver"), "gold": ("sqlserver",), "marts": ("sqlserver",)}
HERE = dict.fromkeys(LAYERS, ("duckdb",))
# Everything in the warehouse that silver is made from, who is who, and what runs tell.
GIVEN = (
    "select schema_name, view_name from duckdb_views()"
    " where database_name = '{0}' and schema_name in ('bronze', 'runs') union all"
    " select schema_name, table_name from duckdb_tables()"
    " where database_name = '{0}' and schema_name in ('bronze', 'reference', 'identity', 'runs')"
)
SCHEMAS = ("bronze", "reference", "identity", "runs", "staging", "silver", "gold", "marts")


class Models:
    """The models' SQL, in an order in which they can be built; `options` are the renderer's."""

    def __init__(
        self, layers: Mapping[str, tuple[str, ...]] = LAYERS, **options: Mapping[str, Any]
    ) -> None:
        self.sql: dict[str, str] = {}
        self.schemas: dict[str, str] = {}
        graph: dict[str, set[str]] = {}
        for layer, prefixes in layers.items():
            renderer = Renderer(*prefixes, **options)
            find = renderer.context["ref"]
            for path in sorted((PROJECT / "models" / layer).rglob("*.sql")):
                references: set[str] = set()
                graph[path.stem] = references
                renderer.context["ref"] = partial(_noted, references, find)
                self.sql[path.stem] = renderer.file(path)
                self.schemas[path.stem] = path.parent.name
                if layer == "silver" and f"stg_{path.stem}" in references:
                    # What silver's materialization writes beside the model's rows.
                    beside = {
                        f"{path.stem}_superseded": renderer.macro("all_superseded_rows", path.stem),
                        f"{path.stem}_counted": self.sql[path.stem],
                    }
                    self.sql |= beside
                    self.schemas |= dict.fromkeys(beside, "staging")
                    graph |= {relation: set(references) for relation in beside}
                    references |= beside.keys()
        self.order = [name for name in TopologicalSorter(graph).static_order() if name in self.sql]


def _noted(names: set[str], find: Callable[[str], Relation], name: str) -> Relation:
    names.add(name)
    return find(name)


class Build:
    """A server with the bronze relations and seeds of a local run, and all models."""

    def __init__(self, folder: Path, local: Path, models: Models) -> None:
        folder.mkdir(exist_ok=True)
        self.local = local
        self.server = Server.attach(folder, "customer360")
        self.session = self.server.login("customer360", autocommit=True)
        self.connection = self.session.connection
        self.connection.execute(f"attach '{local}' as local (read_only)")
        for schema in SCHEMAS:
            self.execute(f'create schema "{schema}"')
        for schema, relation in self.connection.execute(GIVEN.format("local")).fetchall():
            self._copy(Name(schema, relation))
        for name in models.order:
            relation = f'"{models.schemas[name]}"."{name}"'
            view = f'"{models.schemas[name]}"."{name}__view"'
            self.execute(f"create view {view} as {models.sql[name]}")
            self.execute(f"select * into {relation} from {view}")

    def execute(self, sql: str) -> list[Any]:
        """Run a batch of T-SQL."""
        return self.server.execute(self.session, sql)

    def _copy(self, name: Name) -> None:
        """Copy a relation of the local run: texts as nvarchar(4000)."""
        described = self.connection.execute(f"describe local.{name.quoted}").fetchall()
        columns = [Column(column, ColumnType.of_duckdb(type_)) for column, type_, *_ in described]
        self.server.make_table(self.session, name, columns)
        self.connection.execute(f"insert into {name.quoted} select * from local.{name.quoted}")


def build_here(path: Path, given: Path, models: Models, rates: str) -> None:
    """Build all models from a warehouse's bronze relations and seeds, and rates of currencies."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"attach '{given}' as given (read_only)")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        for schema, name in connection.execute(GIVEN.format("given")).fetchall():
            connection.execute(f"create table {schema}.{name} as from given.{schema}.{name}")
        connection.execute(f"insert into reference.exchange_rates values {rates}")
        for name in models.order:
            connection.execute(f"create table {models.schemas[name]}.{name} as {models.sql[name]}")


@pytest.fixture(scope="module")
def models() -> Models:
    """The models, rendered for the engines that build them in Azure."""
    return Models()


@pytest.fixture(scope="module")
def build(
    second: Arrival, models: Models, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Build]:
    """All models, built after the second batch."""
    build = Build(tmp_path_factory.mktemp("tsql"), second.warehouse, models)
    yield build
    build.server.logout(build.session)


@pytest.fixture(scope="module")
def build_elsewhere(
    declared: DeclaredShop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Build]:
    """All models, built for the declared shop in Chicago, which counts in dollars."""
    said = json.loads((declared.home / "lake" / paths.DECLARED).read_text(encoding="utf-8"))
    options: dict[str, Mapping[str, Any]] = {
        "declared": {each["entity"]: each for each in said["entities"]},
        "variables": {"business_timezone": "America/Chicago", "reporting_currency": "USD"},
    }
    folder = tmp_path_factory.mktemp("tsql_elsewhere")
    path = folder / "here.duckdb"
    rates = "('EUR', null, 0.5), ('eur', '2026-11-01', 1.08731235), ('EUR', '2026-11-03', 1.1)"
    build_here(path, declared.home / "warehouse.duckdb", Models(HERE, **options), rates)
    build = Build(folder / "server", path, Models(**options))
    yield build
    build.server.logout(build.session)


def test_the_answers_and_what_the_report_says_of_customers_are_equal(build: Build) -> None:
    def on_server(sql: str) -> list[tuple[Any, ...]]:
        (result,) = build.execute(sql)
        return [tuple(row) for row in result.rows]

    def here(sql: str) -> list[tuple[Any, ...]]:
        return build.connection.execute(sql).fetchall()

    told, expected = (
        {
            **vars(ask(query, marts)),
            **content.read_customers(query, marts, personal_data=True, kept=100, events=20),
        }
        for query, marts in ((on_server, "marts"), (here, "local.marts"))
    )
    for name, answer in told.items():
        assert answer, name
        assert answer == expected[name]


@pytest.mark.parametrize("path", ANALYSES, ids=[path.stem for path in ANALYSES])
def test_the_analyses_results_are_equal(build: Build, path: Path) -> None:
    (result,) = build.execute(Renderer("sqlserver").file(path))
    with duckdb.connect(str(build.local), read_only=True) as local:
        expected = local.execute(Renderer("duckdb").file(path)).fetchall()
    assert sorted(result.rows) == sorted(expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_model_names_only_columns_of_what_it_reads(
    build: Build, models: Models, layer: str
) -> None:
    """DuckDB takes an alias of the same select list as well; T-SQL does so in ORDER BY only."""
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for schema_name, table, column, type_ in build.connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and not internal"
    ).fetchall():
        schema.setdefault(schema_name, {}).setdefault(table, {})[column] = type_
    for path in sorted((PROJECT / "models" / layer).rglob("*.sql")):
        tree = sqlglot.parse_one(models.sql[path.stem], read="tsql")
        qualify(tree, dialect="tsql", schema=schema, expand_alias_refs=False)


NAMES = sorted(path.stem for path in (PROJECT / "models").rglob("*.sql"))


@pytest.mark.parametrize("place", ["build", "build_elsewhere"])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_equal_row_for_row(
    models: Models, place: str, name: str, request: pytest.FixtureRequest
) -> None:
    """Every column of every row; nothing more and nothing less."""
    build: Build = request.getfixturevalue(place)
    relation = f'"{models.schemas[name]}"."{name}"'
    columns = [row[0] for row in build.connection.execute(f"describe local.{relation}").fetchall()]
    selected = ", ".join(f'"{column}"' for column in columns)
    ours, theirs = f"select {selected} from {relation}", f"select {selected} from local.{relation}"
    differing = build.connection.execute(
        f"select count(*) from (({ours} except all {theirs})"
        f" union all ({theirs} except all {ours}))"
    ).fetchone()
    if differing != (0,):
        message = difference(
            load(build.connection, relation, columns),
            load(build.connection, f"local.{relation}", columns),
            columns,
            columns[:1],
        )
        pytest.fail(message or "rows differ in a type only")
