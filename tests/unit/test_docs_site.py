"""The documentation site: what is completed, what is left out, and that no text breaks the page."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pages import docs_server, docs_site
from tests.support.render import PROJECT
from warehouse.home import Home

Node = dict[str, Any]
GLOSSARY = (PROJECT / docs_site.GLOSSARY).read_text(encoding="utf-8")


def node(kind: str, name: str, *columns: Node, **more: Any) -> Node:
    return {
        "unique_id": f"{kind}.shop.{name}",
        "name": name,
        "resource_type": kind,
        "description": f"All {name}.",
        "meta": {},
        "columns": {column["name"]: column for column in columns},
        **more,
    }


def column(name: str, *blocks: str) -> Node:
    doc_blocks = [f"doc.shop.{block}" for block in blocks]
    return {"name": name, "description": f"What {name} is.", "doc_blocks": doc_blocks}


def completed(*nodes: Node, built: dict[str, list[str]] | None = None, glossary: str = "") -> Node:
    """A manifest with these nodes, each a child of the one before it, as the site shows it."""
    ids = [each["unique_id"] for each in nodes]
    manifest: Node = {
        "metadata": {"project_name": "shop"},
        "macros": {"macro.shop.cents": {"description": ""}},
        "unit_tests": {"unit_test.shop.rounding": {"description": ""}},
        "docs": {},
        "parent_map": {own: ids[max(0, place - 1) : place] for place, own in enumerate(ids)},
        "child_map": {own: ids[place + 1 : place + 2] for place, own in enumerate(ids)},
        **{
            kind: {each["unique_id"]: each for each in nodes if each["resource_type"] in types}
            for kind, types in {
                "nodes": ("model", "test"),
                "sources": ("source",),
                "exposures": ("exposure",),
                "metrics": ("metric",),
                "semantic_models": ("semantic_model",),
            }.items()
        },
    }
    catalog: Node = {"nodes": {}, "sources": {}}
    for unique_id, names in (built or {}).items():
        kind = "sources" if unique_id.startswith("source.") else "nodes"
        catalog[kind][unique_id] = {"columns": {name: {"name": name} for name in names}}
    docs_site.complete(manifest, catalog, glossary)
    return manifest


# --- What dbt leaves without a description ------------------------------------------------------


def test_a_column_that_only_passes_through_is_described_as_its_neighbour_describes_it() -> None:
    site = completed(
        node("source", "raw", column("Name")),
        node("model", "clean", column("name"), column("_file")),
        node("model", "counted", column("amount")),
        built={
            "source.shop.raw": ["Name", "_file"],
            "model.shop.counted": ["NAME", "_file", "amount"],
        },
    )
    raw = site["sources"]["source.shop.raw"]["columns"]
    counted = site["nodes"]["model.shop.counted"]["columns"]
    assert raw["_file"]["description"] == "What _file is."
    assert counted["NAME"]["description"] == "What name is."
    assert [*counted] == ["amount", "NAME", "_file"]


def test_a_column_that_nobody_describes_stops_no_run() -> None:
    site = completed(node("model", "own"), built={"model.shop.own": ["made_by_hand"]})
    assert site["nodes"]["model.shop.own"]["columns"] == {}


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("primary_key", {"columns": ["a", "b"]}, "same a and b, and no row is without"),
        ("unique", {"column_name": "a"}, "No two rows have the same a."),
        ("not_null", {"column_name": "a"}, "No row is without a."),
        (
            "relationships",
            {"column_name": "a", "field": "id", "to": "ref('dim_a')"},
            "Every a is the id of a row of dim_a.",
        ),
        ("accepted_values", {"column_name": "a", "values": ["x", 1]}, "Every a is one of: x, 1."),
        (
            "known_value",
            {"column": "a", "seed": "ref('known')"},
            "Warns of every a that is not in the list known.",
        ),
        ("of_your_own", {}, "Checks of your own."),
    ],
)
def test_a_generic_test_says_what_it_sees_to(name: str, arguments: Node, words: str) -> None:
    metadata = {"name": name, "kwargs": arguments}
    site = completed(node("test", "t", description="", test_metadata=metadata))
    assert words in site["nodes"]["test.shop.t"]["description"]


def test_a_test_s_own_description_stays() -> None:
    metadata = {"name": "unique", "kwargs": {"column_name": "a"}}
    site = completed(node("test", "t", test_metadata=metadata))
    assert site["nodes"]["test.shop.t"]["description"] == "All t."


def test_everything_names_its_group_and_models_their_access() -> None:
    site = completed(
        node("source", "raw", meta={"group": "engineers", "file_prefix": "Raw"}),
        node("model", "answer", group="analysts", access="public", meta={"key": ["a"]}),
        node("exposure", "report", meta={"group": "analysts"}),
        node("metric", "revenue", group="analysts", label="Revenue"),
        node("semantic_model", "sales", group="analysts"),
    )
    assert site["sources"]["source.shop.raw"]["group"] == "engineers"
    assert site["nodes"]["model.shop.answer"]["meta"] == {"group": "analysts", "access": "public"}
    assert site["exposures"]["exposure.shop.report"]["group"] == "analysts"
    for kind, name in (
        ("metrics", "metric.shop.revenue"),
        ("semantic_models", "semantic_model.shop.sales"),
    ):
        assert site[kind][name]["meta"] == {"group": "analysts"}


def test_what_serves_only_developers_is_left_out() -> None:
    site = completed()
    assert (site["macros"], site["unit_tests"]) == ({}, {})


# --- The glossary -------------------------------------------------------------------------------


def test_the_glossary_is_a_page_with_the_columns_and_measures_of_each_term() -> None:
    site = completed(
        node("model", "b", column("total", "revenue"), access="public"),
        node("model", "a", column("total", "revenue"), column("net", "revenue"), access="public"),
        node("model", "c", column("total", "revenue"), access="protected"),
        node("model", "d", column("kept", "group", "revenue"), access="protected"),
        node("metric", "all", label="Revenue", description="Sum of sales."),
        node("metric", "here", label="Revenue here", description="Sum of sales. Here only."),
        node("metric", "sums", label="Sums", description="Sum of sums."),
        glossary="# Glossary\n\n## Revenue\n\n{% docs revenue %}\nSum of\nsales.\n{% enddocs %}\n"
        "\n## Group\n\n{% docs group %}\nA group.\n{% enddocs %}\n",
    )
    page = site["docs"]["doc.shop.__glossary__"]
    assert (page["name"], page["package_name"]) == ("__glossary__", "shop")
    assert page["block_contents"] == (
        "# Glossary\n\n## Revenue\n\nSum of\nsales.\n\n"
        "`total` in [a](#!/model/model.shop.a), [b](#!/model/model.shop.b);"
        " `net` in [a](#!/model/model.shop.a)\n\n"
        "Measures: [Revenue](#!/metric/metric.shop.all),"
        " [Revenue here](#!/metric/metric.shop.here)\n"
        "\n## Group\n\nA group.\n\n`kept` in [d](#!/model/model.shop.d)\n"
    )


def test_the_glossary_has_the_segments_in_the_order_of_their_rules() -> None:
    with (PROJECT / "seeds/segment_rules.csv").open(encoding="utf-8") as file:
        rules = sorted(csv.DictReader(file), key=lambda rule: int(rule["evaluation_order"]))
    section = GLOSSARY.split("## Segments\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.+)$", section, re.MULTILINE) == [rule["segment"] for rule in rules]
    marts = yaml.safe_load((PROJECT / "models/marts/_marts__models.yml").read_text("utf-8"))
    for model in marts["models"]:
        for described in model["columns"]:
            if described["name"] == "segment":
                listed = re.findall(r"^\d\. (.+): \{\{", described["description"], re.MULTILINE)
                assert listed == [rule["segment"] for rule in rules]


@pytest.mark.parametrize(
    ("block", "seed", "key", "flag", "value"),
    [
        ("counts_as_revenue", "order_statuses", "status", "counts_as_revenue", "false"),
        ("is_resolved", "resolution_statuses", "resolution_status", "is_resolved", "true"),
    ],
)
def test_a_definition_names_the_statuses_that_its_list_has(
    block: str, seed: str, key: str, flag: str, value: str
) -> None:
    with (PROJECT / f"seeds/{seed}.csv").open(encoding="utf-8") as file:
        statuses = {row[key]: row[flag] == value for row in csv.DictReader(file)}
    definition = GLOSSARY.split(f"{{% docs {block} %}}")[1].split("{% enddocs %}")[0]
    assert {status: status in definition for status in statuses} == statuses


# --- What the reports read ----------------------------------------------------------------------


def depends_on(exposure: str) -> set[str]:
    declared = yaml.safe_load((PROJECT / "models/marts/_exposures.yml").read_text("utf-8"))
    (found,) = (each for each in declared["exposures"] if each["name"] == exposure)
    return {re.findall(r"\w+", reference)[-1] for reference in found["depends_on"]}


def test_the_local_report_depends_on_what_it_reads() -> None:
    files = ("warehouse/answers.py", "warehouse/customers.py")
    code = "".join((PROJECT / file).read_text(encoding="utf-8") for file in files)
    assert set(re.findall(r"(?:\{marts\}+|silver)\.(\w+)", code)) == depends_on("local_report")


def test_the_power_bi_report_depends_on_what_its_model_reads() -> None:
    files = (PROJECT / "powerbi").rglob("*.tmdl")
    model = "".join(path.read_text(encoding="utf-8") for path in files)
    assert set(re.findall(r'Item = "(\w+)"', model)) == depends_on("power_bi_report")


def test_every_measure_of_the_power_bi_report_is_defined() -> None:
    files = (PROJECT / "powerbi").rglob("*.tmdl")
    model = "".join(path.read_text(encoding="utf-8") for path in files)
    measures = re.findall(r"^\tmeasure (?:'([^']+)'|(\w+)) =", model, re.MULTILINE)
    names = {quoted or plain for quoted, plain in measures}
    assert len(names) > 20
    declared = yaml.safe_load((PROJECT / "models/marts/_metrics.yml").read_text("utf-8"))
    only_there = names - {metric["label"] for metric in declared["metrics"]}
    assert only_there == {"Revenue share", "Customer share", "Peak hour"}
    section = GLOSSARY.split("## Only in the Power BI report")[1].split("\n## ")[0].lower()
    assert [name for name in only_there if name.lower() not in section] == []


def test_every_measure_is_described_by_the_glossary() -> None:
    declared = yaml.safe_load((PROJECT / "models/marts/_metrics.yml").read_text("utf-8"))
    measures = declared["metrics"] + [
        measure for model in declared["semantic_models"] for measure in model.get("measures", [])
    ]
    for measure in measures:
        (first, *_) = re.findall(r"doc\('(\w+)'\)", measure["description"])
        assert f"{{% docs {first} %}}" in GLOSSARY, measure["name"]


# --- The page -----------------------------------------------------------------------------------


def test_no_text_ends_the_script_that_it_stands_in(tmp_path: Path) -> None:
    evil = 'No </script><script>alert(1)</script> <!-- "MANIFEST.JSON INLINE DATA" \u2028 ł'
    manifest = {
        **{kind: {} for kind in ("nodes", "sources", "exposures", "docs", "metrics")},
        "semantic_models": {},
        "parent_map": {},
        "child_map": {},
        "metadata": {"project_name": "shop"},
        "evil": evil,
    }
    catalog: Node = {"nodes": {}, "sources": {}, "evil": evil}
    for name, data in (("manifest", manifest), ("catalog", catalog)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    docs_site.write(tmp_path, PROJECT, tmp_path / "site")
    page = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 1
    decoder = json.JSONDecoder()
    start = page.index('{manifest:{"') + len("{manifest:")
    shown, length = decoder.raw_decode(page[start:])
    assert shown["evil"] == evil
    assert page[start + length :].startswith(",catalog:{")
    shown, _ = decoder.raw_decode(page[start + length + len(",catalog:") :])
    assert shown["evil"] == evil


def answers(home: Home, *paths: str) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(docs_server.app(home))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(ask())


def test_only_the_pages_are_served(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    for folder in (home.docs, home.report):
        folder.mkdir()
        (folder / "index.html").write_text(folder.name, encoding="utf-8")
    home.warehouse.write_text("secret", encoding="utf-8")
    pages = answers(home, docs_server.PAGE, "/report/index.html")
    assert [page.text for page in pages] == ["docs", "report"]
    others = answers(home, "/warehouse.duckdb", "/docs/%2e%2e/warehouse.duckdb", "/")
    assert [page.status_code for page in others] == [404, 404, 404]


def test_no_browser_keeps_the_pages(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    for folder in (home.docs, home.report):
        folder.mkdir()
        (folder / "index.html").write_text(folder.name, encoding="utf-8")
    pages = answers(home, docs_server.PAGE, "/report/index.html", "/report/missing.html")
    assert [page.headers["Cache-Control"] for page in pages] == ["no-store"] * 3


def test_a_home_without_a_report_serves_the_site_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.docs.mkdir()
    (home.docs / "index.html").write_text("docs", encoding="utf-8")
    pages = answers(home, docs_server.PAGE, "/report/index.html")
    assert [page.status_code for page in pages] == [200, 404]
