"""Reads the part of TMDL that the Power BI model is written in; what it does not know is an error.

`python -m tests.support.tmdl MANIFEST` writes the descriptions in dbt's manifest into the model.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.render import PROJECT

DEFINITION = PROJECT / "powerbi/Customer360.SemanticModel/definition"

# What may stand in what: the objects, and the properties of each. A property with `=` is an
# expression; one that is a bare word is true.
OBJECTS = {
    "": "database model table relationship expression annotation ref",
    "model": "dataAccessOptions",
    "table": "column measure hierarchy partition",
    "column": "annotation",
    "hierarchy": "level",
    "expression": "annotation",
}
PROPERTIES = {
    "database": "compatibilityLevel",
    "model": "culture defaultPowerBIDataSourceVersion discourageImplicitMeasures"
    " sourceQueryCulture",
    "dataAccessOptions": "legacyRedirects returnErrorValuesAsNull",
    "table": "lineageTag dataCategory",
    "column": "dataType isHidden isKey formatString lineageTag summarizeBy isNameInferred"
    " sourceColumn sortByColumn",
    "measure": "formatString displayFolder lineageTag",
    "hierarchy": "lineageTag",
    "level": "lineageTag column",
    "partition": "mode source",
    "relationship": "crossFilteringBehavior fromCardinality fromColumn toColumn",
    "expression": "lineageTag",
}
NAME = r"(?:'(?:[^']|'')+'|[\w-]+)"
DECLARATION = re.compile(rf"(\w+)(?: ({NAME}|table {NAME}))?(?: =(.*))?")
PROPERTY = re.compile(r"(\w+)(?:: (.+)| =(.*))?")


@dataclass
class Thing:
    """An object of the model: a table, a column, a measure …"""

    kind: str
    name: str
    file: Path
    line: int
    value: str = ""
    description: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    parts: list["Thing"] = field(default_factory=list)

    def all(self, kind: str) -> dict[str, "Thing"]:
        """Return its parts of a kind, by name."""
        return {part.name: part for part in self.parts if part.kind == kind}

    def __str__(self) -> str:
        return f"{self.file.name}, line {self.line + 1}: {self.kind} {self.name}"


def read_model(folder: Path = DEFINITION) -> Thing:
    """Return all files of a definition as one object, whose parts are the tables and the rest."""
    whole = Thing("", "", folder, 0)
    for path in sorted(folder.rglob("*.tmdl")):
        _read(path, whole)
    return whole


def reference(text: str) -> tuple[str, str]:
    """Return the table and the column of a reference such as `'Online orders'.Hour`."""
    match = re.fullmatch(rf"({NAME})\.({NAME})", text)
    assert match, f"not a reference to a column: {text}"
    return unquoted(match[1]), unquoted(match[2])


def unquoted(name: str) -> str:
    """Return a name without its quotes."""
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


def _read(path: Path, whole: Thing) -> None:
    open_things = [whole]  # the object at each depth that is being read
    description: list[str] = []
    lines = path.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        text = line.lstrip("\t")
        depth = len(line) - len(text)
        here = f"{path.name}, line {number + 1}: {text}"
        number += 1
        if not text:
            continue
        assert text == text.strip(), f"spaces around it, in {here}"
        assert depth < len(open_things), f"indented too far, in {here}"
        if text.startswith("///"):
            description.append(text[3:].strip())
            continue
        del open_things[depth + 1 :]
        owner = open_things[-1]
        declared = DECLARATION.fullmatch(text)
        if declared and declared[1] in OBJECTS.get(owner.kind, "").split():
            name = unquoted(declared[2] or "")
            assert name not in owner.all(declared[1]), f"there twice, in {here}"
            thing = Thing(declared[1], name, path, number - 1, description=description)
            description = []
            if declared[3] is not None:
                thing.value, number = _expression(declared[3], lines, number, depth)
            owner.parts.append(thing)
            open_things.append(thing)
            continue
        assert not description, f"a description of nothing, in {here}"
        given = PROPERTY.fullmatch(text)
        assert given, f"neither an object nor a property, in {here}"
        known = PROPERTIES.get(owner.kind, "").split()
        assert given[1] in known, f"unknown in {owner.kind or 'a file'}, in {here}"
        assert given[1] not in owner.properties, f"there twice, in {here}"
        value = given[2] or "true"
        if given[3] is not None:
            value, number = _expression(given[3], lines, number, depth)
        owner.properties[given[1]] = value


def _expression(rest: str, lines: list[str], number: int, depth: int) -> tuple[str, int]:
    """Return an expression, on the same line or on those below, and the line after it."""
    if rest.strip():
        return rest.strip(), number
    margin = "\t" * (depth + 2)
    end = number
    while end < len(lines) and (not lines[end] or lines[end].startswith(margin)):
        end += 1
    text = "\n".join(line.removeprefix(margin) for line in lines[number:end]).rstrip("\n")
    assert text.strip(), f"an expression is missing above line {number + 1}"
    return text, end


def source_of(table: Thing) -> tuple[str, str] | None:
    """Return schema and relation that a table is read from; None for one that DAX makes."""
    (partition,) = table.all("partition").values()
    query = partition.properties["source"]
    found = re.findall(r'Source\{\[Schema = "(\w+)", Item = "(\w+)"\]\}\[Data\]', query)
    assert len(found) == (1 if partition.value == "m" else 0), f"{partition}: {query}"
    return found[0] if found else None


def described(text: str) -> list[str]:
    """Return a description in dbt's YAML as the model has it: a line a paragraph or list item."""
    return [
        " ".join(item.split())
        for paragraph in re.split(r"\n\s*\n", text.strip())
        for item in re.split(r"\n(?=\s*(?:\d+\.|-) )", paragraph)
    ]


def descriptions(model: Thing, manifest: dict[str, Any]) -> Iterator[tuple[Thing, list[str]]]:
    """Yield each table, column and measure that dbt has too, with the description that it has.

    A measure is the metric that has its name for a label.
    """
    relations = {
        (node["schema"], node["name"]): node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
    for table in model.all("table").values():
        if source := source_of(table):
            yield table, described(relations[source]["description"])
            for column in table.all("column").values():
                if name := column.properties.get("sourceColumn"):
                    yield column, described(relations[source]["columns"][name]["description"])
    metrics = {metric["label"]: metric for metric in manifest["metrics"].values()}
    for measure in model.all("table")["Measures"].all("measure").values():
        if metric := metrics.get(measure.name):
            yield measure, described(metric["description"])


def _write_descriptions(manifest: dict[str, Any]) -> None:
    for thing, lines in sorted(
        descriptions(read_model(), manifest), key=lambda each: -each[0].line
    ):
        text = thing.file.read_text(encoding="utf-8").split("\n")
        tabs = "\t" * (thing.kind != "table")
        first = thing.line - len(thing.description)
        text[first : thing.line] = [f"{tabs}/// {line}" for line in lines]
        thing.file.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    _write_descriptions(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
