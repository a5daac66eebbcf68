"""Renders the project's SQL for any engine without its adapter: dbt's Jinja over all macros."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import yaml
from dbt_common.clients.jinja import get_environment
from dbt_common.exceptions.macros import MacroReturn
from jinja2 import nodes

PROJECT = Path(__file__).resolve().parents[2]
PREFIX = "dbt_macro__"  # dbt's Jinja puts it before a macro's name where the macro is defined


class Relation:
    """A relation as macros see it: its name in SQL, and its parts."""

    def __init__(self, schema: str, identifier: str) -> None:
        self.schema = schema
        self.identifier = identifier
        self.name = identifier

    def __str__(self) -> str:
        return f'"{self.schema}"."{self.identifier}"'


class Macro:
    """A macro that sees every other macro of the project and may `return` any value."""

    def __init__(self, renderer: Renderer, source: str, name: str) -> None:
        self._renderer = renderer
        self._source = source
        self._name = name

    @cached_property
    def _function(self) -> Any:
        module = self._renderer.template(self._source).make_module(self._renderer.context)
        return getattr(module, PREFIX + self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it as a template would."""
        try:
            return self._function(*arguments, **named)
        except MacroReturn as returned:
            return returned.value


# What all renderers of a process share, since nothing of it depends on an engine.


@cache
def _yaml(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))


@cache
def _macro_sources() -> list[tuple[str, str]]:
    """Return each macro's name with the text of the file that it stands in."""
    environment = get_environment()
    sources = [
        path.read_text(encoding="utf-8") for path in sorted((PROJECT / "macros").rglob("*.sql"))
    ]
    return [
        (definition.name.removeprefix(PREFIX), source)
        for source in sources
        for definition in environment.parse(source).find_all(nodes.Macro)
    ]


@cache
def _code(source: str) -> Any:
    return get_environment().compile(source)


class Renderer:
    """The project's macros, with dispatch to the first of an engine's prefixes that has one.

    A local build is `Renderer("duckdb")`; `variables` override the vars of dbt_project.yml, and
    `declared` is what bronze/declared.json says, by entity.
    """

    def __init__(
        self,
        *prefixes: str,
        variables: Mapping[str, Any] | None = None,
        declared: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        # dbt-synapse is made of dbt-fabric.
        others = ("fabric",) if prefixes[-1] == "synapse" else ()
        self._prefixes = (*prefixes, *others, "default")
        self._environment = get_environment()
        self._templates: dict[str, Any] = {}
        self.project = _yaml("dbt_project.yml")
        self._variables = {**self.project["vars"], **(variables or {})}
        self.context: dict[str, Any] = {
            "adapter": SimpleNamespace(dispatch=self._dispatch),
            "api": SimpleNamespace(
                Relation=SimpleNamespace(
                    create=lambda database, schema, identifier: Relation(schema, identifier)
                )
            ),
            "config": lambda **_: "",
            "env_var": lambda name, default="": default,
            "exceptions": SimpleNamespace(raise_compiler_error=_raise, warn=lambda text: ""),
            "execute": True,
            "flags": SimpleNamespace(PROJECT_DIR=str(PROJECT)),
            "fromjson": json.loads,
            "graph": {
                "nodes": self._nodes(),
                "c360_built": {},
                # As the macros note it there once they have read it.
                "c360_declared": declared or {},
                "c360_text_keys": [
                    entity
                    for entity, said in (declared or {}).items()
                    if said.get("keys") == "text"
                ],
            },
            "invocation_id": "00000000-0000-0000-0000-000000000000",
            "log": lambda text, info=False: "",
            "modules": SimpleNamespace(re=re),
            "project_name": self.project["name"],
            "ref": lambda name: Relation(self._schemas[name], name),
            "return": _return,
            "run_started_at": datetime(2024, 1, 5, tzinfo=UTC),
            "source": lambda source, table: Relation(
                source if source in ("identity", "runs") else "bronze", table
            ),
            "target": SimpleNamespace(
                name=prefixes[0], type=prefixes[0], schema="main", database=None
            ),
            "tojson": json.dumps,
            "var": self._variables.__getitem__,
        }
        self.macros: dict[str, Macro] = {}
        for name, source in _macro_sources():
            self.macros[name] = Macro(self, source, name)
        self.context.update(self.macros)
        self.context["is_incremental"] = lambda: False  # everything is built anew

    def macro(self, name: str, *arguments: Any, **named: Any) -> str:
        """Return what a macro makes of its arguments, without space around it."""
        return str(self.macros[name](*arguments, **named)).strip()

    def file(self, path: Path) -> str:
        """Return the SQL of a model, an analysis or a singular test."""
        return str(self.template(path.read_text(encoding="utf-8")).render(self.context)).strip()

    def template(self, source: str) -> Any:
        """Compile a template once."""
        if source not in self._templates:
            environment = self._environment
            self._templates[source] = environment.template_class.from_code(
                environment, _code(source), environment.make_globals(None)
            )
        return self._templates[source]

    def _dispatch(self, name: str, macro_namespace: str | None = None) -> Macro:
        for prefix in self._prefixes:
            if (macro := self.macros.get(f"{prefix}__{name}")) is not None:
                return macro
        raise LookupError(f"no macro {name} for any of {', '.join(self._prefixes)}")

    @cached_property
    def _schemas(self) -> dict[str, str]:
        schemas = {path.stem: "reference" for path in (PROJECT / "seeds").glob("*.csv")}
        for path in (PROJECT / "models").rglob("*.sql"):
            schemas[path.stem] = path.parent.name
        return schemas

    def _nodes(self) -> dict[str, Any]:
        """Return silver's models as the manifest has them, as far as the macros look."""
        result: dict[str, Any] = {}
        for model in deepcopy(_yaml("models/silver/_silver__models.yml"))["models"]:
            for part in (model, *model["columns"]):
                part.setdefault("config", {}).setdefault("meta", {})
            model["columns"] = {column["name"]: column for column in model["columns"]}
            result[f"model.{self.project['name']}.{model['name']}"] = model
        return result


def _return(value: Any = None) -> NoReturn:
    raise MacroReturn(value)


def _raise(message: str) -> NoReturn:
    raise ValueError(message)
