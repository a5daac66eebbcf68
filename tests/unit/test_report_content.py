"""The report's parts without a browser: values on their way to JSON, and the composed page."""

import base64
import gzip
import hashlib
import json
import re
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from pages.report import page
from pages.report.content import Content, compose, plain, table
from tests.support.marts import NO_ANSWERS
from warehouse.customers import CUSTOMER_COLUMNS, PERSON_COLUMNS, PERSONAL_DATA

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9223372036854775807, "9223372036854775807"),
        (Decimal("99999999999999999.99"), "99999999999999999.99"),
        (Decimal("-0.10"), "-0.10"),
        (datetime(2026, 10, 31, 13, 5, 9), "2026-10-31 13:05:09"),
        (datetime(1, 1, 1), "0001-01-01 00:00:00"),
        (date(2026, 10, 31), "2026-10-31"),
        ("Łódź", "Łódź"),
        (None, None),
    ],
    ids=str,
)
def test_no_value_loses_anything_on_its_way_to_json(value: object, expected: object) -> None:
    assert json.loads(json.dumps(plain(value))) == expected


def test_the_columns_are_those_of_the_marts() -> None:
    models = yaml.safe_load((PROJECT / "models/marts/_marts__models.yml").read_text())["models"]
    columns = {model["name"]: [column["name"] for column in model["columns"]] for model in models}
    assert list(CUSTOMER_COLUMNS) == columns["customer_360"]
    assert set(PERSON_COLUMNS) <= set(columns["person_360"])


def test_figures_have_the_names_of_the_measures() -> None:
    script = (PROJECT / "pages/report/page/report.js").read_text(encoding="utf-8")
    named = re.findall(r'^ +\["([A-Z][^"]+)", (?:money|number|share)\(', script, re.MULTILINE)
    declared = yaml.safe_load((PROJECT / "models/marts/_metrics.yml").read_text(encoding="utf-8"))
    measures = {metric["label"] for metric in declared["metrics"]}
    assert len(named) > 9
    assert set(named) - measures == {
        *("Rows that arrived", "Used", "Rejected", "Superseded"),
        *("Pairs that wait", "Customers in them", "Spend of these customers"),
    }


def test_the_documentation_says_what_to_do_about_each_note() -> None:
    notes = (PROJECT / "models/data_notes.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (.+)$", notes, re.MULTILINE) == [
        *("Rejected rows", "Superseded rows"),
        *("Unknown customers", "Unknown products", "Unknown stores"),
        *("Unknown agents", "Unknown accounts"),
        *("Unlisted status", "Unlisted payment method", "Unlisted resolution status"),
        *("Unlisted tier", "Unreadable values", "Implausible times"),
        *("Absent entity", "Late delivery", "Unusual volume"),
    ]
    assert notes.count("**What to do:**") == 16


def test_personal_data_is_what_is_masked_elsewhere() -> None:
    models = yaml.safe_load((PROJECT / "models/silver/_silver__models.yml").read_text())["models"]
    (customers,) = (model for model in models if model["name"] == "customers")
    masked = [
        column["name"]
        for column in customers["columns"]
        if "mask" in column.get("config", {}).get("meta", {})
    ]
    assert list(PERSONAL_DATA) == masked


class Tags(HTMLParser):
    """The page's elements with their attributes, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":  # the parser is inside of a script
            self.scripts[-1] += data


NASTY = "</script><script>alert(1)</script>"


def content(customers: object = None) -> Content:
    tables = compose(NO_ANSWERS, version="", personal_data=True).tables
    tables["segments"] = table(["segment", "customers", "spend"], [(NASTY, 1, Decimal("2.00"))])
    return Content("20261124T000000Z-abcdef", True, tables, customers)  # type: ignore[arg-type]


def test_the_page_holds_all_it_needs_and_names_no_other_place() -> None:
    tags = Tags(page.render(content({"columns": [], "rows": [], "events": {}})))
    for tag, attributes in tags.tags:
        assert "src" not in attributes
        if tag != "a":
            assert attributes.get("href", "data:,") == "data:,"
    data, *code = tags.scripts
    assert "plotly.js" in code[0]
    unpacked = json.loads(gzip.decompress(base64.b64decode(data)))
    assert unpacked["tables"]["segments"]["rows"] == [[NASTY, "1", "2.00"]]


@pytest.mark.parametrize("served", [False, True])
def test_only_its_own_scripts_may_run(served: bool) -> None:
    html = page.render(content(None if served else {"columns": [], "rows": [], "events": {}}))
    tags = Tags(html)
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in tags.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    expected = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in tags.scripts[1:]
    }
    assert set(rules["script-src"].split()) == expected
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == ("'self'" if served else "'none'")
    assert NASTY not in html


def test_a_page_of_the_same_answers_has_the_same_bytes() -> None:
    assert page.render(content()) == page.render(content())
