"""What the numbers of the marts mean and what they are made of, as the project's YAML states it.

The words are those of the glossary and of the models' descriptions, the measures and metrics those
of models/marts/_metrics.yml. Which facts a row of a mart is about, and what a column is made of
that is no metric, stands under `explained` in models/marts/_marts__models.yml.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from warehouse.home import project_dir

MARTS = Path("models/marts/_marts__models.yml")
METRICS = Path("models/marts/_metrics.yml")
_NUMERIC = re.compile(r"(bigint|integer|double|decimal)\b")

Docs = Mapping[str, str]


@dataclass(frozen=True)
class Measure:
    """What is counted or summed over the rows of a semantic model."""

    name: str
    model: str
    relation: str  # the mart or dimension that it is of
    time: str | None
    agg: str
    expr: str


@dataclass(frozen=True)
class Metric:
    """A number of the business, over all data or a part of it.

    It is a `measure` (of the rows that meet `where`), the ratio of two metrics, or the sum or
    difference that `expr` writes of others.
    """

    name: str
    label: str
    words: str
    measure: Measure | None = None
    where: str = ""
    ratio: tuple[str, str] | None = None
    percent: bool = False
    expr: str = ""
    others: bool = False  # of another time than is asked for


@dataclass(frozen=True)
class Column:
    """A column of a mart. `made_of` says what of, and is None for what is no number to explain."""

    name: str
    type: str
    words: str
    made_of: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Mart:
    """A mart: its columns, which of them name a row, and which facts a row is about.

    `main` is the column that is meant when none is named, `several` what to do where the key does
    not tell rows apart.
    """

    name: str
    words: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    facts: str = ""
    main: str | None = None
    several: str = ""

    @property
    def numbers(self) -> list[str]:
        """The columns that can be asked for."""
        return [name for name, column in self.columns.items() if column.made_of is not None]


@dataclass(frozen=True)
class Definitions:
    """All marts and metrics by name."""

    marts: Mapping[str, Mart]
    metrics: Mapping[str, Metric]


@cache
def load_definitions(project: Path | None = None) -> Definitions:
    """Read what the project says of its numbers."""
    folder = project or project_dir()
    docs = _doc_blocks(folder / "models")
    said = yaml.safe_load((folder / METRICS).read_text(encoding="utf-8"))
    measures = {}
    for model in said["semantic_models"]:
        relation = re.findall(r"\w+", model["model"])[-1]
        time = (model.get("defaults") or {}).get("agg_time_dimension")
        for measure in model.get("measures", []):
            measures[measure["name"]] = Measure(
                measure["name"], model["name"], relation, time, measure["agg"], str(measure["expr"])
            )
    metrics = {}
    columns: dict[str, str] = {}
    for each in said["metrics"]:
        metric = _metric(each, measures, docs)
        metrics[metric.name] = metric
        for column in (each["config"].get("meta") or {}).get("columns", []):
            columns[column] = metric.name
    listed = yaml.safe_load((folder / MARTS).read_text(encoding="utf-8"))["models"]
    marts = {each["name"]: _mart(each, columns, docs) for each in listed}
    return Definitions(marts, metrics)


def _metric(said: Mapping[str, Any], measures: Mapping[str, Measure], docs: Docs) -> Metric:
    params = said["type_params"]
    inputs = params.get("metrics") or []
    return Metric(
        name=said["name"],
        label=said["label"],
        words=_words(said["description"], docs),
        measure=measures[params["measure"]] if said["type"] == "simple" else None,
        where=re.sub(r"{{ Dimension\('\w+?__(\w+)'\) }}", r"\1", str(said.get("filter") or "")),
        ratio=(params["numerator"], params["denominator"]) if said["type"] == "ratio" else None,
        percent=bool((said["config"].get("meta") or {}).get("percent")),
        expr=params.get("expr") or "",
        others=any(isinstance(each, dict) and "offset_window" in each for each in inputs),
    )


def _mart(said: Mapping[str, Any], metrics: Mapping[str, str], docs: Docs) -> Mart:
    explained = said.get("config", {}).get("meta", {}).get("explained", {})
    key = _key(said)
    columns = {}
    for each in said["columns"]:
        made_of = each.get("config", {}).get("meta", {}).get("explained")
        if made_of is None and each["name"] in metrics:
            made_of = {"metric": metrics[each["name"]]}
        is_number = _NUMERIC.match(each["data_type"]) and each["name"] not in key
        columns[each["name"]] = Column(
            each["name"],
            each["data_type"],
            _words(each["description"], docs),
            (made_of or {}) if is_number else None,
        )
    return Mart(
        name=said["name"],
        words=_words(said["description"], docs),
        columns=columns,
        key=key,
        facts=" ".join(explained.get("facts", "").split()),
        main=explained.get("main"),
        several=explained.get("several", ""),
    )


def _key(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that name a row, as the tests of the mart see to."""
    for test in said.get("data_tests", []):
        for name, given in test.items() if isinstance(test, dict) else ():
            arguments = given.get("arguments", {})
            if name == "primary_key":
                return tuple(arguments["columns"])
            if "key" in arguments:
                return tuple(arguments["key"])
    return ()


def _doc_blocks(folder: Path) -> Docs:
    """Return the texts of all docs blocks by name."""
    return {
        name: " ".join(text.split())
        for file in sorted(folder.rglob("*.md"))
        for name, text in re.findall(
            r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", file.read_text(encoding="utf-8"), re.DOTALL
        )
    }


def _words(description: str, docs: Docs) -> str:
    """Return a description with the texts that it refers to in their places."""
    return " ".join(
        re.sub(r"{{ doc\('(\w+)'\) }}", lambda match: docs[match[1]], description).split()
    )
