"""The Power BI report: files of the documented form, fields that the model has, and pages that
people can read and use, with a keyboard and a screen reader as well.

With C360_FABRIC_SCHEMAS, a checkout of microsoft/json-schemas, every file is validated against the
JSON schema that it names. Without, against what those schemas require, written out below. The
names of the tests tell which of the two was done.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from tests.support.render import PROJECT
from tests.support.tmdl import read_model

POWERBI = PROJECT / "powerbi"
REPORT = POWERBI / "Customer360.Report"
PAGES = REPORT / "definition/pages"
SCHEMAS = "https://developer.microsoft.com/json-schemas/"
CHECKOUT = os.environ.get("C360_FABRIC_SCHEMAS")
CHECK = "published JSON schema" if CHECKOUT else "required properties"

# For each kind of file: the schema that it names, the properties that this requires, and the
# others that it allows (None: any).
SCHEMA_OF = {
    "Customer360.pbip": (
        "fabric/pbip/pbipProperties/1.0.0",
        "version artifacts",
        "settings",
    ),
    "definition.pbir": (
        "fabric/item/report/definitionProperties/2.0.0",
        "version datasetReference",
        "",
    ),
    "definition.pbism": (
        "fabric/item/semanticModel/definitionProperties/1.0.0",
        "version",
        "settings",
    ),
    ".platform": ("fabric/gitIntegration/platformProperties/2.1.0", "metadata config", None),
    "version.json": (
        "fabric/item/report/definition/versionMetadata/1.0.0",
        "version",
        "",
    ),
    "report.json": (
        "fabric/item/report/definition/report/3.3.0",
        "themeCollection",
        "annotations dataSourceVariables filterConfig objects organizationCustomVisuals"
        " publicCustomVisuals reportSource resourcePackages settings slowDataSourceSettings",
    ),
    "pages.json": (
        "fabric/item/report/definition/pagesMetadata/1.1.0",
        "",
        "pageOrder activePageName landingPageName",
    ),
    "page.json": (
        "fabric/item/report/definition/page/2.1.0",
        "displayName displayOption name",
        "annotations autoPageGenerationConfig filterConfig height howCreated objects pageBinding"
        " type visibility visualInteractions width",
    ),
    "visual.json": (
        "fabric/item/report/definition/visualContainer/2.9.0",
        "name position visual",
        "annotations filterConfig howCreated isHidden parentGroupName",
    ),
}
# What the parts of a file require that the schemas describe further down.
REQUIRED_WITHIN = {
    "position": {"height", "width", "x", "y"},
    "visual": {"visualType"},
    "metadata": {"type", "displayName"},
    "config": {"version", "logicalId"},
    "customTheme": {"name", "reportVersionAtImport", "type"},
    "reportVersionAtImport": {"visual", "page", "report"},
    "pageBinding": {"name", "type"},
    "queryState": set(),
}
# The roles that each type of visual has for its fields: those it needs, those it may have.
ROLES = {
    "actionButton": ("", ""),
    "cardVisual": ("Data", ""),
    "clusteredBarChart": ("Category Y", "Series Tooltips"),
    "columnChart": ("Category Y", "Series Tooltips"),
    "lineClusteredColumnComboChart": ("Category Y Y2", "Series Tooltips"),
    "pivotTable": ("Rows Values", "Columns"),
    "slicer": ("Values", ""),
    "tableEx": ("Values", ""),
    "textbox": ("", ""),
}
FILES = sorted(
    path
    for path in POWERBI.rglob("*")
    if path.is_file() and path.name in SCHEMA_OF and "RegisteredResources" not in path.parts
)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


REPORT_JSON = read(REPORT / "definition/report.json")
ORDER = read(PAGES / "pages.json")["pageOrder"]
VISUALS = {
    name: [read(path) for path in sorted((PAGES / name / "visuals").glob("*/visual.json"))]
    for name in ORDER
}
MODEL = read_model()


def within(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every property of a JSON document with its value, at whatever depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from within(value)
    elif isinstance(node, list):
        for value in node:
            yield from within(value)


def fields(node: Any) -> set[tuple[str, str, str]]:
    """Return kind, table and name of every field that a document uses."""
    aliases = {
        each["Name"]: each["Entity"]
        for key, value in within(node)
        if key == "From"
        for each in value
    }
    found = set()
    for kind, value in within(node):
        if kind in ("Column", "Measure"):
            source = value["Expression"]["SourceRef"]
            table = source.get("Entity") or aliases[source["Source"]]
            found.add((kind, table, value["Property"]))
    return found


def text_of(visual: dict[str, Any], object_name: str, name: str) -> str:
    """Return a text among the properties of a visual's container; empty when it has none."""
    for entry in visual["visual"].get("visualContainerObjects", {}).get(object_name, []):
        if name in entry["properties"]:
            return entry["properties"][name]["expr"]["Literal"]["Value"].strip("'")
    return ""


def registry() -> Registry[Any]:
    def retrieve(uri: str) -> Resource[Any]:
        path = Path(str(CHECKOUT), uri.removeprefix(SCHEMAS))
        return Resource.from_contents(json.loads(path.read_text(encoding="utf-8")))

    return Registry(retrieve=retrieve)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{CHECK}: {path.relative_to(POWERBI)}")
def test_file_has_the_documented_form(path: Path) -> None:
    document = read(path)
    schema, required, allowed = SCHEMA_OF[path.name]
    assert document.pop("$schema") == f"{SCHEMAS}{schema}/schema.json"
    if CHECKOUT:
        uri = f"{SCHEMAS}{schema}/schema.json"
        validator = jsonschema.Draft7Validator({"$ref": uri}, registry=registry())
        validator.validate(document | {"$schema": uri})
        return
    assert document.keys() >= set(required.split())
    if allowed is not None:
        assert document.keys() <= set(f"{required} {allowed}".split())
    for key, value in within(document):
        if isinstance(value, dict):
            assert value.keys() >= REQUIRED_WITHIN.get(key, set()), key
        if key == "projections":
            for each in value:
                assert each.keys() >= {"field", "queryRef", "nativeQueryRef"}


def test_every_file_is_one_of_those() -> None:
    others = {path.name for path in POWERBI.rglob("*") if path.is_file()} - set(SCHEMA_OF)
    assert {name for name in others if not name.endswith(".tmdl")} == {
        ".gitignore",
        "Customer360.json",  # the theme
        "parameter.yml",
    }
    assert len(FILES) > 40


def test_the_project_holds_together() -> None:
    shortcut = read(POWERBI / "Customer360.pbip")
    assert [each["report"]["path"] for each in shortcut["artifacts"]] == [REPORT.name]
    model = read(REPORT / "definition.pbir")["datasetReference"]["byPath"]["path"]
    assert (REPORT / model / "definition.pbism").is_file()
    platforms = [read(path) for path in POWERBI.glob("*/.platform")]
    ids = {each["config"]["logicalId"] for each in platforms}
    assert len(ids) == len(platforms) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in ids)
    theme = REPORT_JSON["themeCollection"]["customTheme"]["name"]
    assert read(REPORT / "StaticResources/RegisteredResources" / theme)["name"] == theme
    (package,) = REPORT_JSON["resourcePackages"]
    assert [each["path"] for each in package["items"]] == [theme]


def test_there_are_five_pages_and_one_to_drill_through_to() -> None:
    first, *others = ORDER
    assert first == "overview"
    assert others == [
        *("customers-and-segments", "peak-times", "service", "data-notes", "customer"),
    ]
    assert {path.name for path in PAGES.iterdir() if path.is_dir()} == set(ORDER)
    for name in ORDER:
        page = read(PAGES / name / "page.json")
        assert page["name"] == name
        hidden = name == "customer"
        assert (page.get("visibility") == "HiddenInViewMode") == hidden
        assert (page.get("type") == "Drillthrough") == hidden


def test_a_customer_is_what_one_drills_through_to() -> None:
    page = read(PAGES / "customer/page.json")
    assert fields(page) == {("Column", "Customers", "Customer ID")}
    (filtered,) = page["filterConfig"]["filters"]
    binding = page["pageBinding"]
    assert filtered["howCreated"] == "Drillthrough"
    assert [each["boundFilter"] for each in binding["parameters"]] == [filtered["name"]]
    # The page tells of the customer's whole history, whatever was filtered where one came from.
    assert binding["acceptsFilterContext"] == "None"
    kinds = {visual["visual"]["visualType"] for visual in VISUALS["customer"]}
    assert "actionButton" in kinds, "the way back"
    sources = [name for name in ORDER[:-1] if fields(page) & fields(VISUALS[name])]
    assert sources == ["customers-and-segments"], "pages with a customer to start from"


@pytest.mark.parametrize("name", ORDER)
def test_fields_are_in_the_model(name: str) -> None:
    tables = MODEL.all("table")
    for kind, table, field in fields([VISUALS[name], read(PAGES / name / "page.json")]):
        assert table in tables, f"{name} uses the table {table}"
        assert field in tables[table].all(kind.lower()), f"{name} uses {table}[{field}]"
        column = tables[table].all("column").get(field)
        assert not column or "isHidden" not in column.properties, f"{table}[{field}] is hidden"


def test_references_of_a_visual_are_to_its_fields() -> None:
    for name, visuals in VISUALS.items():
        for visual in visuals:
            projected = {
                each["queryRef"]: each["field"]
                for key, value in within(visual)
                if key == "projections"
                for each in value
            }
            for reference, field in projected.items():
                ((_, table, column),) = fields(field)
                assert reference == f"{table}.{column}", f"{name}, {visual['name']}"
            for key, value in within(visual["visual"].get("objects", {})):
                if key in ("ExpressionName", "metadata"):
                    assert value in projected, f"{name}, {visual['name']}"


@pytest.mark.parametrize("name", ORDER)
def test_visuals_have_the_roles_of_their_type(name: str) -> None:
    for visual in VISUALS[name]:
        needed, allowed = ROLES[visual["visual"]["visualType"]]
        roles = visual["visual"].get("query", {}).get("queryState", {}).keys()
        assert roles >= set(needed.split()), visual["name"]
        assert roles <= set(f"{needed} {allowed}".split()), visual["name"]
        for role in roles & {"Category", "Series", "Rows", "Columns"}:
            state = visual["visual"]["query"]["queryState"][role]
            assert {kind for kind, *_ in fields(state)} == {"Column"}, visual["name"]
        for role in roles & {"Y", "Y2", "Data"}:
            state = visual["visual"]["query"]["queryState"][role]
            assert {kind for kind, *_ in fields(state)} == {"Measure"}, visual["name"]


@pytest.mark.parametrize("name", ORDER)
def test_everything_can_be_read_out_and_reached_in_order(name: str) -> None:
    for visual in VISUALS[name]:
        assert text_of(visual, "general", "altText"), f"{visual['name']} has no alternative text"
        titled = text_of(visual, "title", "text")
        assert (
            titled
            or visual["visual"]["visualType"]
            in (*("actionButton", "cardVisual", "slicer", "textbox"),)
            or visual["name"] == "who"
        ), f"{visual['name']} has no title"
    order = sorted(VISUALS[name], key=lambda each: each["position"]["tabOrder"])
    assert len({each["position"]["tabOrder"] for each in order}) == len(order)
    top = [each["position"]["y"] // 100 for each in order]
    assert top == sorted(top), "from top to bottom"


@pytest.mark.parametrize("name", ORDER)
def test_visuals_are_on_the_page_and_beside_each_other(name: str) -> None:
    page = read(PAGES / name / "page.json")
    boxes = {visual["name"]: visual["position"] for visual in VISUALS[name]}
    assert len(boxes) == len(VISUALS[name])
    assert set(boxes) == {path.name for path in (PAGES / name / "visuals").iterdir()}
    for box in boxes.values():
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= page["width"]
        assert box["y"] + box["height"] <= page["height"]
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = (
            a["x"] + a["width"] <= b["x"]
            or b["x"] + b["width"] <= a["x"]
            or a["y"] + a["height"] <= b["y"]
            or b["y"] + b["height"] <= a["y"]
        )
        assert apart, f"{one} and {other} overlap"


def test_names_are_such_as_power_bi_takes() -> None:
    names = [*ORDER, *(visual["name"] for visuals in VISUALS.values() for visual in visuals)]
    assert all(re.fullmatch(r"[\w-]{1,50}", name) for name in names)
    filters = [
        each["name"]
        for node in [*VISUALS.values(), *(read(PAGES / name / "page.json") for name in ORDER)]
        for key, value in within(node)
        if key == "filters"
        for each in value
    ]
    assert len(set(filters)) == len(filters)


def test_names_and_addresses_are_on_the_page_of_one_customer_only() -> None:
    personal = {("Column", "Customers", name) for name in ("Customer name", "E-mail", "Address")}
    assert {name for name in ORDER if fields(VISUALS[name]) & personal} == {"customer"}
    assert fields(VISUALS["customer"]) >= personal


def test_measures_that_people_asked_for_are_shown() -> None:
    shown = {field for visuals in VISUALS.values() for kind, _, field in fields(visuals)}
    assert shown >= {
        "Total revenue",
        "Orders",
        "Average order value",
        "Customers",
        "Segment",
        "Resolution rate",
        "Peak hour",
        "Online share",
        "Lifetime refunds",
        "Lifetime refunded amount",
        "Note",
    }
