"""The documentation site of a real run, as a business user meets it: in Chromium, from disk."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.conftest import Arrival
from tests.support.command import C360

Node = dict[str, Any]

# Numbers that place or identify something, and measure nothing.
NO_MEASURES = re.compile(r".*_id|day_of_week_number|hour_of_day|pair_rank")

# Fills of the lineage graph's boxes: a source, silver, gold, an exposure.
COLOURS = [(95, 184, 37), (135, 150, 165), (192, 138, 0), (255, 105, 75)]

# Where the site links to the report, from where it is itself.
REPORT = "../report/index.html"


@pytest.fixture(scope="module")
def file(first: Arrival) -> Path:
    return first.home / "docs/index.html"


@pytest.fixture(scope="module")
def site(file: Path) -> dict[str, Node]:
    """The two accounts of the project that are in the page: manifest and catalog."""
    text, decoder = file.read_text(encoding="utf-8"), json.JSONDecoder()
    found = {}
    for name in ("manifest", "catalog"):
        start = text.index(f'{name}:{{"') + len(name) + 1
        found[name], _ = decoder.raw_decode(text[start:])
    return found


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The site opened from disk; at the end it asked for nothing else and nothing went wrong."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(file.as_uri())
    yield page
    page.close()
    assert {url.split("#")[0] for url in asked if not url.startswith("data:")} == {file.as_uri()}
    assert wrong == []


def shown(site: dict[str, Node]) -> dict[str, Node]:
    manifest = site["manifest"]
    return {
        unique_id: node
        for kind in (
            *("nodes", "sources", "exposures", "metrics", "semantic_models"),
            *("unit_tests", "macros"),
        )
        for unique_id, node in manifest[kind].items()
        if node["resource_type"] != "operation"
    }


# --- What the page has in it --------------------------------------------------------------------


def test_the_lineage_begins_with_who_is_who_too(site: dict[str, Node]) -> None:
    source = "source.c360.identity.matched_customers"
    assert source in site["catalog"]["sources"]
    found, new = set[str](), {source}
    while new:
        found |= new
        new = {each for one in new for each in site["manifest"]["child_map"].get(one, ())} - found
    assert found >= {
        *(f"model.c360.{name}" for name in ("customer_persons", "dim_persons", "customer_360")),
        *("model.c360.person_360", "exposure.c360.local_report", "exposure.c360.power_bi_report"),
    }


def test_nothing_lacks_a_description(site: dict[str, Node]) -> None:
    everything = shown(site)
    built = site["catalog"]["nodes"] | site["catalog"]["sources"]
    assert len(everything) > 120
    assert len(built) > 50
    lacking = []
    for unique_id, node in everything.items():
        columns = {name.lower(): column for name, column in node.get("columns", {}).items()}
        if not node["description"] or node.get("source_description") == "":
            lacking.append(unique_id)
        in_database = {name.lower() for name in built.get(unique_id, {}).get("columns", ())}
        for name in columns.keys() | in_database:
            if not columns.get(name, {}).get("description"):
                lacking.append(f"{unique_id}.{name}")
    groups = site["manifest"]["groups"]
    lacking += [name for name, group in groups.items() if not group["description"]]
    assert lacking == []


def test_every_measure_is_defined_in_the_glossary(site: dict[str, Node]) -> None:
    measures, undefined = 0, []
    for unique_id, node in site["manifest"]["nodes"].items():
        # What runs did is no measure of what the shop does.
        if node.get("access") == "public" and node["name"] != "run_history":
            for name, built in site["catalog"]["nodes"][unique_id]["columns"].items():
                number = re.match("DECIMAL|DOUBLE|.*INT", built["type"])
                if number and not NO_MEASURES.fullmatch(name):
                    measures += 1
                    if not node["columns"][name]["doc_blocks"]:
                        undefined.append(f"{node['name']}.{name}")
    assert measures > 40
    assert undefined == []


def test_marts_are_public_and_the_rest_is_protected(site: dict[str, Node]) -> None:
    groups = site["manifest"]["groups"]
    for node in shown(site).values():
        assert f"group.c360.{node['group']}" in groups, node["unique_id"]
        if node["resource_type"] == "model":
            public = node["schema"] == "marts"
            assert node["access"] == ("public" if public else "protected"), node["name"]
            assert node["group"] == ("customer_insights" if public else "data_engineering")
    owners = [each["owner"] for each in [*groups.values(), *site["manifest"]["exposures"].values()]]
    assert len(owners) == 4
    assert all(owner["name"] and owner["email"] for owner in owners)


def test_every_link_of_overview_and_glossary_leads_somewhere(
    site: dict[str, Node], first: Arrival
) -> None:
    manifest = site["manifest"]
    pages = [
        manifest["docs"][f"doc.c360.__{name}__"] for name in ("overview", "glossary", "data_notes")
    ]
    links = {link for page in pages for link in re.findall(r"\]\((.*?)\)", page["block_contents"])}
    assert len(links) > 20
    assert "{%" not in pages[1]["block_contents"]
    places = {f"#!/{node['resource_type']}/{name}" for name, node in shown(site).items()}
    places |= {f"#!/source_list/{node['source_name']}" for node in manifest["sources"].values()}
    assert links - places == {
        *("#!/overview/glossary", "#!/overview/glossary#segments", "#!/overview/data_notes"),
        REPORT,
    }
    assert (first.home / "docs" / REPORT).is_file()


# --- In the browser -----------------------------------------------------------------------------


def test_the_overview_explains_and_leads_on(page: Page) -> None:
    expect(page).to_have_title("Customer 360")
    expect(page.get_by_role("heading", name="Customer 360")).to_be_visible()
    expect(page.get_by_text("Who are our best customers?")).to_be_visible()
    page.get_by_role("link", name="glossary", exact=True).click()
    expect(page.get_by_role("heading", name="Glossary")).to_be_visible()
    term = page.get_by_role("heading", name="Average order value")
    term.scroll_into_view_if_needed()
    expect(page.get_by_text("What a purchase is worth on average")).to_be_in_viewport()
    page.get_by_role("link", name="aov_by_category").first.click()
    expect(page.get_by_role("heading", name="aov_by_category view")).to_be_visible()


def test_the_overview_leads_to_the_rules_of_the_segments(page: Page) -> None:
    page.get_by_role("link", name="rules").click()
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_in_viewport()
    expect(page.get_by_role("heading", name="High-Value Customer")).to_be_in_viewport()


def test_the_overview_leads_to_what_to_do_about_data_notes(page: Page) -> None:
    page.get_by_role("link", name="what to do about it").click()
    expect(page.get_by_role("heading", name="Data notes")).to_be_visible()
    expect(page.get_by_role("heading", name="Implausible times")).to_be_attached()


def test_a_measure_has_a_page(page: Page, file: Path) -> None:
    page.goto(f"{file.as_uri()}#!/overview/glossary")
    page.get_by_role("link", name="Refunded amount", exact=True).click()
    expect(page.get_by_role("heading", name="Refunded amount metric")).to_be_visible()
    expect(page.get_by_text("Sum of the refunds, as a positive number")).to_be_visible()


def test_a_key_is_shown_with_the_type_that_it_has(page: Page, file: Path) -> None:
    page.goto(f"{file.as_uri()}#!/model/model.c360.fct_online_transactions")
    row = page.locator("tr.column-row", has_text="order_id")
    expect(row).to_contain_text("BIGINT")
    expect(page.locator("tr.column-row", has_text="key(")).to_have_count(0)


def test_the_search_finds_the_average_order_value(page: Page) -> None:
    page.locator("#search").fill("average order value")
    expect(page.get_by_text("search results")).to_be_visible()
    found = page.locator(".result-body h4 span")
    expect(found.filter(has_text=re.compile("^average_order_value$"))).to_be_visible()
    for name in ("aov_by_product", "aov_by_category", "aov_by_location", "customer_360"):
        expect(found.filter(has_text=name)).to_be_visible()


def test_the_lineage_of_a_customer_goes_from_files_to_reports(page: Page, file: Path) -> None:
    page.goto(f"{file.as_uri()}#!/model/model.c360.customer_360")
    expect(page.get_by_role("heading", name="customer_360 view")).to_be_visible()
    page.locator("[title='View Lineage Graph'], [data-original-title='View Lineage Graph']").click()
    page.wait_for_function("graph.nodes().length > 8")
    page.locator("[ng-click='showExpanded()']").click()
    page.wait_for_function("graph.nodes().length > 30")
    drawn = page.evaluate("graph.nodes().map(node => node.data('label'))")
    files = {"customers", "products", "stores", "agents", "online_transactions"}
    files |= {"in_store_transactions", "customer_service_interactions"}
    files |= {"loyalty_accounts", "loyalty_transactions"}
    assert {f"bronze.{name}" for name in files} <= set(drawn)
    assert {"stg_customers", "dim_customers", "Local report", "Power BI report"} <= set(drawn)
    # Every kind of box is there to be seen, not only in the graph's data.
    page.wait_for_function(
        """colours => {
            const seen = new Set();
            for (const canvas of document.querySelectorAll("#cy canvas")) {
                const { width, height } = canvas;
                const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
                for (let i = 0; i < data.length; i += 4)
                    seen.add([data[i], data[i + 1], data[i + 2]].join());
            }
            return colours.every(colour => seen.has(colour.join()));
        }""",
        arg=COLOURS,
    )


def test_a_page_tells_owner_group_and_access(page: Page, file: Path) -> None:
    page.goto(f"{file.as_uri()}#!/model/model.c360.customer_360")
    details = page.locator(".details").first
    for text in ("customer_insights", "public", "Customer insights team"):
        expect(details.get_by_text(text).first).to_be_visible()
    page.goto(f"{file.as_uri()}#!/exposure/exposure.c360.local_report")
    expect(page.get_by_role("heading", name="Local report exposure")).to_be_visible()
    expect(page.get_by_role("link", name="View this exposure")).to_have_attribute("href", REPORT)
    expect(page.get_by_text("Customer insights team").first).to_be_visible()


def test_docs_serve_shows_the_site_and_the_report_it_links_to(
    browser: Browser, first: Arrival
) -> None:
    command = [C360, "docs", "--serve", "--port", "0", "--no-browser", "--home", first.home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            (address, site) = re.findall(
                r"((http://127\.0\.0\.1:\d+)/docs/\S+)", server.stdout.readline()
            )[0]
            page = browser.new_page()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            refused = page.goto(f"{site}/docs/index.html")
            assert refused
            assert refused.status == 403  # for want of the token
            page.goto(address)
            assert page.url.split("#")[0] == f"{site}/docs/index.html"
            expect(page.get_by_role("heading", name="Customer 360")).to_be_visible()
            page.get_by_role("link", name="local report").click()
            page.wait_for_url("**/report/index.html")
            assert page.request.get(f"{site}/warehouse.duckdb").status == 404
            for folder in ("docs", "report"):
                answer = page.request.get(f"{site}/{folder}/index.html")
                assert answer.headers["cache-control"] == "no-store"
            page.close()
        finally:
            server.send_signal(signal.SIGINT)
    assert server.returncode == 0
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


def test_docs_serve_says_what_to_do_when_nothing_is_published(tmp_path: Path) -> None:
    command = [C360, "docs", "--serve", "--no-browser", "--home", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Nothing is published" in run.stderr
    assert "c360 demo" in run.stderr
