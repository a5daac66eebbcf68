"""The report in a real browser: what it shows against the warehouse, and what it must not do."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from pages.report import content, page
from tests.integration.conftest import Arrival
from tests.support.command import C360
from warehouse.answers import ask as ask_everything
from warehouse.customers import IDENTITY, PERSON_COLUMNS, PERSONAL_DATA
from warehouse.home import project_dir

PAGES = ("overview", "customers", "duplicates", "peak-times", "service", "trust", "customer")
DESK, PHONE = (1200, 900), (375, 667)
NASTY = '</script><img src=x onerror=alert(1)><a href="javascript:alert(2)">Ann</a> <b>&amp; Co</b>'

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# A text as a reader sees it.
TEXT = r"each.textContent.replace(/\s+/g, ' ').trim()"


def written(column: str, value: Any) -> str:
    """Write a value of customer_360 as a reader expects it, apart from the page's own code."""
    if value is None:
        return "–"
    if column == "preferred_channel":
        return {"online": "Online", "in_store": "In store"}[value]
    if column == "resolution_rate":
        return f"{value:,.2f} %"
    if column.endswith("_score"):
        return f"{value} of 5"
    if column == "recency_days":
        return f"{value:,} day" + ("" if value == 1 else "s")
    if isinstance(value, datetime):
        return f"{value.day} {MONTHS[value.month - 1]} {value.year:04}, {value:%H:%M}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, int) and column != "customer_id":
        return f"{value:,}"
    return " ".join(str(value).split())


Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def ask(first: Arrival) -> Iterator[Callable[..., Rows]]:
    """Asks the warehouse of the first run."""
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        yield asked(connection)


def asked(connection: duckdb.DuckDBPyConnection) -> Callable[..., Rows]:
    """Return a function that asks; a row is a dict."""

    def query(sql: str, *parameters: Any) -> Rows:
        result = connection.execute(sql, list(parameters))
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return query


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page that must neither complain, nor show a dialog, nor ask anybody else."""
    contexts, wrong = [], []

    def open_page(address: str, size: tuple[int, int] = DESK) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        tab = context.new_page()
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        origin = re.match(r"file://|http://[^/]+/", address)[0]
        tab.on(
            "request", lambda request: request.url.startswith(origin) or wrong.append(request.url)
        )
        tab.goto(address)
        expect(tab.locator("main > section:visible")).to_have_count(1)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def write(folder: Path, answers: content.Content) -> str:
    """Write a page; return its address."""
    page.write(folder, answers)
    return (folder / "index.html").as_uri()


def read(warehouse: Path, personal_data: bool = True, **kept: int) -> content.Content:
    """Read the answers of a warehouse as a run does."""
    with duckdb.connect(warehouse, read_only=True) as connection:

        def query(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return content.compose(
            ask_everything(query, "marts"),
            version="20261124T000000Z-abcdef",
            personal_data=personal_data,
            customers=content.read_customers(query, "marts", personal_data=personal_data, **kept),
        )


def rows_of(table: Locator) -> list[list[str]]:
    """Return the texts of a table's body."""
    return table.evaluate(
        f"table => [...table.tBodies[0].rows].map(row => [...row.cells].map(each => {TEXT}))"
    )


def without_notes(answers: content.Content) -> content.Content:
    """Let the answers be those of data with which all is well, but for a newer row."""
    superseded = ("superseded rows", "customers", "3", None, "newer")
    answers.tables["notes"]["rows"] = [superseded]
    return answers


def panel(tab: Page, title: str) -> Locator:
    return tab.locator(".panel:visible", has=tab.get_by_role("heading", name=title, exact=True))


def show_card(tab: Page, customer_id: object) -> Locator:
    tab.evaluate("id => { location.hash = `#customer/${id}`; }", str(customer_id))
    card = tab.locator("#card")
    expect(card.locator('[data-field="customer_id"]')).to_have_text(str(customer_id))
    return card


def check_card(card: Locator, profile: dict[str, Any], events: Rows) -> None:
    """Compare every value on a card, and every event, with the warehouse."""
    fields = card.locator("[data-field]").evaluate_all(
        f"all => all.map(each => [each.dataset.field, {TEXT}])"
    )
    expected = {(name, written(name, value)) for name, value in profile.items()}
    assert {(name, text) for name, text in fields} == expected
    more = card.get_by_role("button", name="Show more")
    while events and more.is_visible():
        shown = card.locator("#timeline tbody tr").count()
        more.click()
        expect(card.locator("#timeline tbody tr")).not_to_have_count(shown)
    shown = rows_of(card.locator("#timeline table")) if events else []
    assert shown == [
        [
            written("", event["occurred_at"]),
            event["touchpoint"],
            written("", event["event"]),
            written("", event["detail"]),
            "" if event["amount"] is None else written("", event["amount"]),
            str(event["reference_id"]),
        ]
        for event in events
    ]


TIMELINE = """
    select * from marts.customer_timeline where customer_id = ?
    order by occurred_at desc, touchpoint, reference_id
"""
MOST_VALUABLE = """
    select * from marts.customer_360 order by total_spend desc, total_orders desc, customer_id
"""
REASONS = "same last name; e-mail alike; other address"


@pytest.fixture(scope="module")
def matched(first: Arrival, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the first run, in which other customers turned out to be one person.

    The best customer, the 31st and the last one are, and so are the sixth and the last but one;
    of 25 pairs it is not known.
    """
    home = tmp_path_factory.mktemp("matched") / "home"
    shutil.copytree(first.home, home)
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        ids = [row["customer_id"] for row in asked(connection)(MOST_VALUABLE)]
        persons = {ids[n]: min(ids[m] for m in group) for group in GROUPS for n in group}
        connection.execute("delete from identity.matched_customers")
        connection.execute("delete from identity.possible_duplicates")
        connection.executemany(
            "insert into identity.matched_customers values (?, ?, 'model', 0.98, '2026-11-24')",
            [(customer_id, f"P{persons.get(customer_id, customer_id)}") for customer_id in ids],
        )
        connection.executemany(
            "insert into identity.possible_duplicates values (?, ?, ?, ?)",
            [(*sorted((ids[n], ids[n + 20])), 0.9 - n / 100, REASONS) for n in range(25)],
        )
    build = subprocess.run(
        [
            *(C360.with_name("dbt"), "--quiet", "run", "--select", "path:models/gold"),
            *("path:models/marts", "--target-path", home.parent / "target"),
        ],
        cwd=project_dir(),
        env=os.environ | {"C360_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout
    return home


GROUPS = ((0, 30, -1), (5, -2))

# A customer of each kind, so that every field is once there and once not.
KINDS = {
    "the best": "total_spend = (select max(total_spend) from marts.customer_360)",
    "with one purchase": "total_orders = 1",
    "without a purchase": "total_orders = 0 and interactions > 0",
    "without an account": "loyalty_accounts = 0",
    "without a contact": "interactions = 0",
    "only online": "in_store_orders = 0 and online_orders > 0",
    "with a refund": "customer_id in (select customer_id from marts.purchases where amount < 0)",
}


@pytest.fixture(scope="module")
def address(first: Arrival) -> str:
    """The page that the run wrote."""
    return (first.report / "index.html").as_uri()


def test_a_card_says_what_the_warehouse_says(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address)
    for kind in KINDS.values():
        (profile,) = ask(
            f"select * from marts.customer_360 where {kind} order by customer_id limit 1"
        )
        card = show_card(tab, profile["customer_id"])
        events = ask(TIMELINE, profile["customer_id"])
        check_card(card, profile, events[: content.EVENTS_KEPT])


def test_customers_are_found_by_name_address_and_id(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address + "#customer")
    box = tab.get_by_role("searchbox", name="Name, e-mail address or customer id")
    links, found = tab.locator("#matches a"), tab.locator("#found")
    (best,) = ask("select * from marts.customer_360 order by total_spend desc limit 1")
    name, email, identity = best["customer_name"], best["email"], str(best["customer_id"])
    for wanted in (email.upper(), identity, " ".join(reversed(name.split())), name.lower()):
        box.fill(wanted)
        expect(links.first).to_contain_text(identity)
    plain = ask(
        "select customer_id, customer_name from marts.customer_360 "
        "where strip_accents(concat_ws(' ', customer_name, email)) ilike '%schroder%' "
        "order by total_spend desc, customer_id"
    )
    assert any("Schröder" in customer["customer_name"] for customer in plain)
    box.fill("SCHRODER")
    expect(links.first).to_contain_text(str(plain[0]["customer_id"]))
    expect(found).to_have_text(re.compile(rf"^{len(plain)} customers?"))
    box.fill("nobody of this name")
    expect(found).to_have_text(
        "No customer has a name, e-mail address or id like “nobody of this name”."
    )
    expect(links).to_have_count(0)


@pytest.mark.parametrize("end", ["#%", "#customer/%", "#overview%E0%A4%A"])
def test_an_address_that_cannot_be_decoded_opens_the_page(
    address: str, opened: Callable[..., Page], end: str
) -> None:
    tab = opened(address + end)
    shown = "customer" if "/" in end else "overview"
    expect(tab.locator(f"section#{shown}")).to_be_visible()
    expect(tab.locator("#notice")).to_be_hidden()
    if "/" in end:
        expect(tab.locator("#found")).to_have_text("No customer has the id %.")
    tab.get_by_role("link", name="Service").click()
    expect(tab.locator("section#service")).to_be_visible()


@pytest.mark.parametrize("identity", ["CG 12520", "100%/2", "../api?id=#1", "<b>7</b>"])
def test_an_id_may_be_any_text(
    first: Arrival, tmp_path: Path, opened: Callable[..., Page], identity: str
) -> None:
    answers = read(first.warehouse, kept=20)
    assert answers.customers
    replaced = answers.customers["rows"][0][0]
    answers.customers["rows"][0][0] = identity
    answers.customers["events"][identity] = answers.customers["events"].pop(replaced)
    tab = opened(write(tmp_path, answers) + "#customers")
    panel(tab, "Best customers").get_by_role("link", name=identity).click()
    expect(tab.locator('#card [data-field="customer_id"]')).to_have_text(identity)
    expect(tab.locator("#timeline tbody tr").first).to_be_visible()
    tab.get_by_role("searchbox").fill(identity.lower())
    tab.keyboard.press("Enter")
    expect(tab.locator('#card [data-field="customer_id"]')).to_have_text(identity)


def test_the_finder_works_without_a_mouse(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address)
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Skip to the content")).to_be_focused()
    link = tab.get_by_role("link", name="Find a customer")
    for _ in PAGES:
        tab.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("searchbox")).to_be_focused()
    (best,) = ask("select * from marts.customer_360 order by total_spend desc limit 1")
    tab.keyboard.type(best["email"])
    tab.keyboard.press("Enter")
    expect(tab.locator("#card-name")).to_be_focused()
    expect(tab.locator("#card-name")).to_have_text(written("", best["customer_name"]))


def test_the_pages_say_what_the_marts_say(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address)
    orders = "count(distinct case when amount >= 0 then (channel, reference_id) end)"
    (total,) = ask(f"select {orders} n, sum(amount) amount from marts.purchases")
    (online,) = ask("select sum(amount) amount from marts.purchases where channel = 'online'")
    average = (total["amount"] / total["n"]).quantize(Decimal("0.01"))
    figures = tab.locator("#overview .figures dd").all_inner_texts()
    assert [figure.split("\n")[0] for figure in figures[:3]] == [
        f"{total['amount']:,.2f}",
        f"{average:,.2f}",
        f"{100 * online['amount'] / total['amount']:.2f} %",
    ]
    months = ask(
        f"select strftime(purchased_at, '%b %Y') as month, channel, {orders} n, sum(amount) amount "
        "from marts.purchases where time_is_plausible group by all "
        "order by min(purchased_at), channel"
    )
    newest = list(dict.fromkeys(row["month"] for row in months))[-36:]
    assert sorted(rows_of(panel(tab, "Revenue by month").locator("table"))) == sorted(
        [
            row["month"],
            written("preferred_channel", row["channel"]),
            f"{row['n']:,}",
            f"{row['amount']:,.2f}",
        ]
        for row in months
        if row["month"] in newest
    )
    tab.get_by_role("link", name="Customers and segments").click()
    segments = ask(
        "select segment, count(*) n, sum(total_spend) spend from marts.customer_360 group by 1 "
        "order by spend desc"
    )
    assert rows_of(panel(tab, "Customers per segment").locator("table")) == [
        [row["segment"], f"{row['n']:,}", f"{row['spend']:,.2f}"] for row in segments
    ]
    best = ask("select * from marts.customer_360 order by total_spend desc, customer_id limit 10")
    assert [row[:3] for row in rows_of(panel(tab, "Best customers").locator("table"))] == [
        [str(row["customer_id"]), written("", row["customer_name"]), f"{row['total_spend']:,.2f}"]
        for row in best
    ]
    tab.get_by_role("link", name="Peak times").click()
    (busiest,) = ask(
        "select * from marts.peak_transaction_times where channel = 'online' and peak_rank = 1 "
        "order by day_of_week_number, hour_of_day limit 1"
    )
    expect(panel(tab, "Online").locator(".note")).to_have_text(
        f"Busiest: {busiest['day_of_week']} from {busiest['hour_of_day']:02}:00 with "
        f"{busiest['total_transactions']:,} orders, "
        f"{100 * busiest['transaction_share']:.2f} % of the channel."
    )
    hours = ask("select * from marts.peak_transaction_times where channel = 'online'")
    assert len(rows_of(panel(tab, "Online").locator("table"))) == len(hours)
    tab.get_by_role("link", name="Service").click()
    agents = ask("select * from marts.agent_performance")
    shown = rows_of(panel(tab, "Resolution rate by agent").locator("table"))
    assert {(row[0], row[4], row[6]) for row in shown} == {
        (str(row["agent_id"]), f"{row['total_interactions']:,}", f"{row['resolution_rate']:.2f} %")
        for row in agents
    }


# Where the page tells of which notes that belong to somebody's data.
TRUST = {
    "What belongs to nobody": (
        *("unknown customers", "unknown products", "unknown stores"),
        *("unknown agents", "unknown accounts"),
    ),
    "What was not understood": (
        *("unlisted status", "unlisted payment method", "unlisted resolution status"),
        *("unlisted tier", "unreadable values", "implausible times"),
    ),
}
SET_ASIDE = ("rejected rows", "superseded rows")


def title_of(name: str) -> str:
    return name.capitalize().replace("_", " ")


def test_whether_the_numbers_can_be_trusted(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address + "#trust")
    expect(tab.locator(".verdict")).to_contain_text("Every row that arrived is accounted for")
    counts = ask("select * from silver.row_reconciliation order by entity")
    columns = ("bronze_rows", "silver_rows", "rejected_rows", "superseded_rows")
    assert rows_of(panel(tab, "What arrived").locator("table")) == [
        [title_of(row["entity"]), *(f"{row[column]:,}" for column in columns)] for row in counts
    ]
    notes = ask('select note, entity, "rows" as n, amount, detail from marts.data_notes')
    assert {note["note"] for note in notes} <= {*SET_ASIDE, *sum(TRUST.values(), ())}
    revenue = ask("select sum(amount) amount from marts.purchases")[0]["amount"]
    for title, kinds in TRUST.items():
        expected = [
            [f"{title_of(note['note'])} {title_of(note['entity'])}"]
            + ([note["detail"]] if title == "What was not understood" else [])
            + [f"{note['n']:,}"]
            + [
                "–"
                if note["amount"] is None
                else f"{note['amount']:,.2f} {100 * note['amount'] / revenue:.2f} % of all"
            ]
            for note in notes
            if note["note"] in kinds
        ]
        assert expected, f"the sample data has nothing of: {title}"
        assert sorted(rows_of(panel(tab, title).locator("table"))) == sorted(expected)


def test_what_was_set_aside_is_told_by_reason(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address + "#trust")
    reasons = ask(
        "select 'Rejected rows' as note, reason, entity, count(*) as n from silver.rejected_rows "
        "group by all union all select 'Superseded rows', reason, entity, sum(row_count) "
        "from silver.superseded_rows group by all"
    )
    shown = rows_of(panel(tab, "What was set aside, and why").locator("table"))
    assert len(shown) > 4
    found = {(note, why): (where, rows) for note, why, where, rows in shown}
    assert len(found) == len(shown)
    expected: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for row in reasons:
        key = (row["note"], WHY[row["reason"]])
        expected.setdefault(key, []).append((row["entity"], int(row["n"])))
    assert found.keys() == expected.keys()
    for key, entities in expected.items():
        where, rows = found[key]
        assert rows == f"{sum(count for _, count in entities):,}"
        assert {*where.split(", ")} == {f"{title_of(name)} {count:,}" for name, count in entities}


# What the page calls a reason.
WHY = {
    "malformed_line": "no row can be made of the line",
    "invalid_key": "no usable key",
    "invalid_datetime": "no readable time",
    "invalid_amount": "no readable amount",
    "newer": "a newer row of the same key counts",
    "identical": "it says the same as another row",
    "gone": "the newest full list does not have its key",
}


def test_the_first_page_says_what_is_good_to_know(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    tab = opened(address)
    (unknown,) = ask(
        'select sum("rows") n, sum(amount) amount from marts.data_notes '
        "where note = 'unknown customers'"
    )
    hint = tab.locator("#overview .hint")
    expect(hint).to_contain_text(
        f"unknown customers ({unknown['n']:,} rows, {unknown['amount']:,.2f})"
    )
    expect(hint).not_to_contain_text("superseded")
    hint.get_by_role("link", name="Can the numbers be trusted?").click()
    expect(tab.get_by_role("heading", name="Can the numbers be trusted?")).to_be_focused()


def test_each_note_leads_to_what_to_do_about_it(
    first: Arrival, opened: Callable[..., Page]
) -> None:
    tab = opened((first.home / "report/index.html").as_uri() + "#trust")
    links = tab.locator("#trust td a, #trust th a").evaluate_all(
        "all => [...new Map(all.map(each => [each.textContent, each.href]))]"
    )
    assert len(links) > 5
    for name, link in links:
        tab.goto("about:blank")
        tab.goto(link)
        heading = tab.get_by_role("heading", name=name, exact=True)
        expect(heading).to_be_in_viewport()


def test_when_all_is_well_the_report_says_so(
    first: Arrival, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    tab = opened(write(tmp_path, without_notes(read(first.warehouse))))
    expect(tab.locator("#overview .figures")).to_be_visible()
    expect(tab.locator("#overview .hint")).to_have_count(0)
    tab.get_by_role("link", name="Can the numbers be trusted?").click()
    expect(tab.locator(".verdict")).to_have_text(
        "Yes. Every row that arrived is accounted for, none was rejected, each belongs to "
        "somebody, and all values were understood."
    )
    expect(panel(tab, "What was not understood")).to_contain_text("Every value was understood.")
    expect(panel(tab, "What was set aside, and why").locator("tbody tr")).to_have_count(1)


def test_an_entity_of_which_nothing_arrived_is_named(
    first: Arrival, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    answers = without_notes(read(first.warehouse))
    answers.tables["notes"]["rows"] = [("absent entity", "stores", "0", None, "No row of it.")]
    tab = opened(write(tmp_path, answers))
    expect(tab.locator("#overview .hint")).to_contain_text("nothing arrived of stores.")
    tab.get_by_role("link", name="Can the numbers be trusted?").last.click()
    expect(tab.locator(".verdict")).to_contain_text("What did not arrive, though")
    arrived = rows_of(panel(tab, "What arrived").locator("table"))
    assert ["Stores", "nothing", "–", "–", "–"] in arrived


def test_a_page_is_printed_without_what_is_only_for_the_screen(
    address: str, opened: Callable[..., Page]
) -> None:
    tab = opened(address + "#trust")
    tab.emulate_media(media="print")
    expect(tab.get_by_role("navigation")).to_be_hidden()
    expect(panel(tab, "What arrived").locator("table")).to_be_visible()
    expect(tab.locator("#overview")).to_be_hidden()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_everybody_can_read_it(
    address: str, opened: Callable[..., Page], ask: Callable[..., Rows], size: tuple[int, int]
) -> None:
    tab = opened(address, size)
    (best,) = ask("select customer_id from marts.customer_360 order by total_spend desc limit 1")
    for name in (*PAGES, f"customer/{best['customer_id']}"):
        tab.evaluate("name => { location.hash = `#${name}`; }", name)
        expect(tab.locator(f"section#{name.split('/')[0]}")).to_be_visible()
        for chart in tab.locator(".chart:visible").all():
            expect(chart.locator("svg.main-svg").first).to_be_visible()
            assert chart.get_attribute("aria-label")
            box = chart.locator("svg.main-svg").first.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
        if "/" in name:
            expect(tab.locator("#card")).to_be_visible()
        if size is DESK:  # on a phone it is the same, laid out otherwise
            problems = Axe().run(tab).response["violations"]
            assert [(each["id"], each["help"]) for each in problems] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]


def nasty(answers: content.Content) -> content.Content:
    """Put markup in the place of every text that comes from data."""
    texts = {
        "customer_name", "email", "address", "segment", "tier_level", "member", "agent_name",
        "department", "shift", "issue_type", "preferred_category", "preferred_store",
        "preferred_payment_method", "last_touchpoint", "note", "entity", "detail", "reasons",
        "other_customer_name", "other_email", "other_address",
    }  # fmt: skip
    for table in [*answers.tables.values(), answers.customers, answers.customers["persons"]]:
        for row in table["rows"]:
            for index, column in enumerate(table["columns"]):
                if column in texts:
                    row[index] = f"{NASTY} {index}"
    for events in answers.customers["events"].values():
        events["rows"] = [
            (when, NASTY, NASTY, reference, amount, NASTY)
            for when, _, _, reference, amount, _ in events["rows"]
        ]
    return answers


def test_markup_in_data_is_shown_and_never_run(
    matched: Path, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    answers = nasty(read(matched / "warehouse.duckdb"))
    tab = opened(write(tmp_path, answers))
    for name in ("trust", *PAGES[:5]):
        tab.evaluate("name => { location.hash = `#${name}`; }", name)
        expect(tab.locator(f"section#{name}")).to_be_visible()
        for chart in tab.locator(".chart:visible").all():
            expect(chart.locator("svg.main-svg").first).to_be_visible()
    expect(tab.locator("#service svg text", has_text="</script><img").first).to_be_visible()
    tab.evaluate("location.hash = '#customer'")
    tab.get_by_role("searchbox").fill("<img src=x onerror=alert(1)>")
    expect(tab.locator("#matches a").first).to_contain_text(NASTY)
    tab.locator("#matches a").first.click()
    expect(tab.locator("#card-name")).to_have_text(f"{NASTY} 1")
    expect(tab.locator("#timeline tbody tr").first).to_contain_text(NASTY)
    made = tab.evaluate(
        "[...document.querySelectorAll('main img, main script, main b, main tspan[style*=bold], "
        "[href^=javascript], [onerror]')].map(each => each.outerHTML)"
    )
    assert made == []


def test_an_empty_warehouse_explains_itself(
    first: Arrival, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copyfile(first.warehouse, warehouse)
    with duckdb.connect(warehouse) as connection:
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'gold'"
        ).fetchall():
            key = connection.execute(f"describe gold.{name}").fetchall()[0][0]
            where = f"cast({key} as varchar) <> '-1'" if name.startswith("dim_") else "true"
            connection.execute(f"delete from gold.{name} where {where}")
        for name in ("customer_segments", "possible_duplicates"):
            connection.execute(f"delete from marts.{name}")
    tab = opened(write(tmp_path / "report", read(warehouse)))
    for name, explained in [
        ("overview", "OnlineTransactions.csv"),
        ("customers", "Customers.csv"),
        ("duplicates", "No pair waits for a decision."),
        ("peak-times", "InStoreTransactions.csv"),
        ("service", "CustomerServiceInteractions.csv"),
        ("trust", "What arrived"),
        ("customer", "Customers.csv"),
    ]:
        tab.evaluate("name => { location.hash = `#${name}`; }", name)
        section = tab.locator(f"section#{name}")
        expect(section).to_be_visible()
        expect(section).to_contain_text(explained)
        expect(section).not_to_contain_text(re.compile("undefined|NaN|null"))
        expect(section.locator("svg")).to_have_count(0)


def test_a_page_that_cannot_hold_all_says_so(
    first: Arrival, tmp_path: Path, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    ranked = ask(MOST_VALUABLE)
    persons = {row["person_id"] for row in ranked[:20]}
    siblings = any(row["person_id"] in persons for row in ranked[20:])
    tab = opened(write(tmp_path, read(first.warehouse, kept=20, events=30)) + "#customer")
    expect(tab.locator("#kept")).to_have_text(
        f"This page knows the 20 most valuable of {len(ranked):,} customers"
        f"{', and who is one person with them' if siblings else ''}; "
        "c360 report --serve finds all of them."
    )
    last = ranked[19]["customer_id"]
    missing = next(row["customer_id"] for row in ranked if row["person_id"] not in persons)
    show_card(tab, last)
    tab.get_by_role("searchbox").fill(str(missing))
    expect(tab.locator("#found")).to_contain_text("No customer in this page has")
    best = ranked[0]["customer_id"]
    (events,) = ask("select count(*) n from marts.customer_timeline where customer_id = ?", best)
    card = show_card(tab, best)
    card.get_by_role("button", name="Show more").click()
    expect(card.locator("#timeline tbody tr")).to_have_count(30)
    expect(card.locator("#timeline .note")).to_have_text(
        f"The newest 30 of {events['n']} events. The page carries no more of them; "
        "c360 report --serve shows all."
    )


def test_without_personal_data_there_is_none_in_the_page(
    matched: Path, tmp_path: Path, opened: Callable[..., Page], ask: Callable[..., Rows]
) -> None:
    answers = read(matched / "warehouse.duckdb", personal_data=False)
    everything = str(answers)
    assert "'P1" not in everything  # nor is any person, all of whose ids begin so
    assert REASONS not in everything
    people = ask("select customer_name, email, address from marts.customer_360")
    people += ask("select agent_name from marts.agent_performance where agent_id <> -1")
    # Without the odd texts that the sample data also puts where no people are.
    others = ask("select distinct detail, event from marts.customer_timeline")
    others += ask("select distinct category, product_name from marts.aov_by_product")
    odd = {text for row in others for text in row.values()} | {"Unknown"}
    values = {text for row in people for text in row.values() if len(text) > 5} - odd
    assert len(values) > 300
    assert [value for value in values if value in everything] == []
    tab = opened(write(tmp_path, answers) + "#customer")
    expect(tab.get_by_role("link", name="Possible duplicates")).to_have_count(0)
    (best,) = ask("select * from marts.customer_360 order by total_spend desc limit 1")
    tab.get_by_role("searchbox", name="Customer id").fill(str(best["customer_id"]))
    tab.locator("#matches a").first.click()
    profile = {
        name: value for name, value in best.items() if name not in (*PERSONAL_DATA, *IDENTITY)
    }
    events = ask(TIMELINE, best["customer_id"])
    check_card(tab.locator("#card"), profile, events[: content.EVENTS_KEPT])


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Serve the report of a home with the real command; yield the page's address."""
    process = subprocess.Popen(
        [str(C360), "report", "--serve", "--no-browser", "--port", "0", "--home", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield re.search(r"http://127\.0\.0\.1:\d+/\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def served(first: Arrival) -> Iterator[str]:
    """The page of the first run, served."""
    with serving(first.home) as address:
        yield address


def test_the_server_finds_everybody(
    first: Arrival, served: str, opened: Callable[..., Page]
) -> None:
    with duckdb.connect(first.home / "warehouse.duckdb", read_only=True) as connection:
        query = asked(connection)
        profiles = query(
            "select * from marts.customer_360 "
            "order by total_spend desc, total_orders desc, customer_id"
        )
        timeline = query(TIMELINE, profiles[0]["customer_id"])
    assert len(timeline) > content.EVENTS_KEPT  # so that the page has to ask for more
    tab = opened(served + "#customer")
    expect(tab.locator("#kept")).to_have_text("")
    box, links = tab.get_by_role("searchbox"), tab.locator("#matches a")
    last = profiles[-1]
    box.fill(str(last["customer_id"]))
    expect(links.first).to_contain_text(str(last["customer_id"]))
    check_card(show_card(tab, profiles[0]["customer_id"]), profiles[0], timeline)


def person_fields(card: Locator) -> dict[str, str]:
    return dict(
        card.locator("[data-person]").evaluate_all(
            f"all => all.map(each => [each.dataset.person, {TEXT}])"
        )
    )


@pytest.mark.parametrize("is_served", [False, True], ids=["in a page", "served"])
def test_a_card_shows_all_records_of_the_person(
    matched: Path, tmp_path: Path, opened: Callable[..., Page], is_served: bool
) -> None:
    with duckdb.connect(matched / "warehouse.duckdb", read_only=True) as connection:
        ask = asked(connection)
        ranked = ask(MOST_VALUABLE)
        best, last = ranked[0], ranked[-1]
        assert last["person_id"] == best["person_id"]
        (person,) = ask("select * from marts.person_360 where person_id = ?", best["person_id"])
    records = [row for row in ranked if row["person_id"] == best["person_id"]]
    assert len(records) == 3
    # The page has but 20 customers, and the others of their persons.
    answers = read(matched / "warehouse.duckdb", kept=20)
    with serving(matched) if is_served else nullcontext(write(tmp_path, answers)) as address:
        tab = opened(address + "#customer")
        expect(tab.locator("#kept")).to_have_text(
            ""
            if is_served
            else f"This page knows the 20 most valuable of {len(ranked)} customers, and who is one "
            "person with them; c360 report --serve finds all of them."
        )
        tab.get_by_role("searchbox").fill(last["email"])
        match = tab.locator("#matches a").first
        expect(match).to_contain_text(str(last["customer_id"]))
        others = sorted(row["customer_id"] for row in records if row != last)
        expect(match).to_contain_text(f"one person with {', '.join(map(str, others))}")
        match.click()
        card = tab.locator("#card")
        expect(card.locator("#person h3")).to_have_text("One person with 3 records")
        fields = person_fields(card)
        assert fields == {name: written(name, person[name]) for name in fields}
        assert {*PERSON_COLUMNS} == fields.keys()
        assert rows_of(card.get_by_role("table", name="The records of this person")) == [
            [
                f"{row['customer_id']} (this one)" if row == last else str(row["customer_id"]),
                *(written("", row[name]) for name in ("customer_name", "email", "address")),
                f"{row['total_orders']:,}",
                f"{row['total_spend']:,.2f}",
            ]
            for row in records
        ]
        beside = rows_of(card.get_by_role("table", name="This customer beside the whole person"))
        assert beside[0] == [
            "Purchases",
            f"{last['total_orders']:,}",
            f"{person['total_orders']:,}",
        ]
        # A record leads to the card of the customer.
        card.get_by_role("link", name=str(best["customer_id"])).click()
        expect(card.locator('[data-field="customer_id"]')).to_have_text(str(best["customer_id"]))
        assert person_fields(card) == fields
        alone = next(row for row in ranked if "," not in row["person_customer_ids"])
        expect(show_card(tab, alone["customer_id"]).locator("#person")).to_have_count(0)


def test_possible_duplicates_are_told_with_what_they_hide(
    matched: Path, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    with duckdb.connect(matched / "warehouse.duckdb", read_only=True) as connection:
        ask = asked(connection)
        pairs = ask("select * from marts.possible_duplicates order by pair_rank")
        (persons,) = ask("select count(*) n from gold.dim_persons")
        ranked = ask(MOST_VALUABLE)
    several = sum(ranked[n]["total_spend"] for group in GROUPS for n in group)
    spend = {row["customer_id"]: row["total_spend"] for row in ranked}
    concerned = {row[side] for row in pairs for side in ("customer_id", "other_customer_id")}
    assert len(concerned) < 2 * len(pairs)  # somebody is in two of them
    tab = opened(write(tmp_path, read(matched / "warehouse.duckdb")))
    tab.get_by_role("link", name="Possible duplicates").click()
    section = tab.locator("#duplicates")
    figures = section.locator(".figures dd").all_inner_texts()
    assert [figure.split("\n")[0] for figure in figures] == [
        f"{len(pairs)}",
        f"{len(concerned)}",
        f"{sum(spend[customer_id] for customer_id in concerned):,.2f}",
    ]
    expect(section).to_contain_text("c360 identity review")
    expect(section).to_contain_text(f"The 20 most likely of {len(pairs)}.")
    assert rows_of(section.locator("table")) == [
        [
            *(
                f"{row[f'{side}customer_id']} "
                + "".join(
                    written("", row[f"{side}{name}"])
                    for name in ("customer_name", "email", "address")
                )
                for side in ("", "other_")
            ),
            f"{100 * row['probability']:.2f} %",
            REASONS,
            f"{row['total_spend']:,.2f}",
        ]
        for row in pairs[:20]
    ]
    tab.get_by_role("link", name="Customers and segments").click()
    figures = tab.locator("#customers .figures dd").all_inner_texts()
    assert figures == [
        f"{len(spend)}",
        f"{persons['n']}\nwho is who is found out by matching",
        f"2\n5 customers, who spent {several:,.2f}",
    ]
    for size in (DESK, PHONE):
        tab.set_viewport_size({"width": size[0], "height": size[1]})
        for name in ("duplicates", f"customer/{pairs[0]['customer_id']}"):
            tab.evaluate("name => { location.hash = `#${name}`; }", name)
            expect(tab.locator(f"section#{name.split('/')[0]}")).to_be_visible()
            problems = Axe().run(tab).response["violations"]
            assert [(each["id"], each["help"]) for each in problems] == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]


# What both finders make of what people type, on the same customers.
WANTED = [
    *(
        "SCHRÖDER",
        "kovac",
        "jorgensen",
        "zak",
        "yilmaz",
        "akesson",
        "ann example",
        "10",
        "%",
        "'",
    ),
]


def test_both_finders_find_the_same(
    first: Arrival, served: str, opened: Callable[..., Page], tmp_path: Path
) -> None:
    def found(tab: Page) -> list[Any]:
        results = []
        for wanted in WANTED:
            tab.evaluate("document.getElementById('found').textContent = 'not yet'")
            tab.get_by_role("searchbox").fill(wanted)
            expect(tab.locator("#found")).not_to_have_text("not yet")
            results.append(
                (
                    wanted,
                    tab.locator("#found").inner_text(),
                    tab.locator("#matches a").all_inner_texts(),
                )
            )
        return results

    local = write(tmp_path, read(first.home / "warehouse.duckdb"))
    in_page, on_server = (found(opened(address + "#customer")) for address in (local, served))
    assert in_page == on_server
    assert sum("customer" in text and "No customer" not in text for _, text, _ in in_page) > 5


def test_the_server_refuses_other_hosts_and_keeps_nothing(served: str) -> None:
    import requests

    page = served.partition("?")[0]
    visitor = requests.Session()
    refused = visitor.get(served, headers={"Host": "evil.example"}, timeout=20)
    assert refused.status_code == 400
    assert visitor.get(page, timeout=20).status_code == 403  # for want of the token
    assert visitor.get(served, timeout=20).url == page
    api = page.replace("index.html", "api/customers")
    for identity in ("7777777", str(2**63), "no id"):
        answer = visitor.get(page.replace("index.html", f"api/customer?id={identity}"), timeout=20)
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"No customer has the id {identity}."}
    docs = visitor.get(page.replace("report/index.html", "docs/index.html"), timeout=20)
    assert docs.status_code == 200
    for answer in (visitor.get(f"{api}?q=a", timeout=20), visitor.get(page, timeout=20), docs):
        assert answer.headers["Cache-Control"] == "no-store"
    assert "Customer 360" in docs.text


def test_a_figure_of_the_served_report_is_followed_to_the_lines_of_the_files(
    first: Arrival, served: str, opened: Callable[..., Page], tmp_path: Path
) -> None:
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        ask = asked(connection)
        (best,) = ask(
            "select * from marts.customer_360 where total_orders between 11 and 20 "
            "order by total_spend desc, customer_id limit 1"
        )
        (rows,) = ask(
            "select count(*) as n, min(purchased_at) as earliest from marts.purchases "
            "where customer_id = ?",
            best["customer_id"],
        )
    tab = opened(f"{served}#customer/{best['customer_id']}")
    spend = f"{best['total_spend']:,.2f}"
    name = f"Where does this come from? Both channels, spend: {spend}"
    button = tab.get_by_role("button", name=name)
    button.focus()
    tab.keyboard.press("Enter")
    dialog = tab.get_by_role("dialog", name="Where does this come from? Both channels, spend")
    expect(dialog.locator(".explained-value")).to_have_text(spend)
    expect(dialog.locator(".adds-up")).to_have_text(
        f"Computed anew: {spend}. It adds up to the number."
    )
    made_of = rows_of(dialog.get_by_role("table", name="What it is made of"))
    assert made_of == [["Total revenue", spend, f"{rows['n']}"]]
    # The first line is that of the first purchase, as it stands in the file that was given.
    note = dialog.locator(".explained-row .note").first.inner_text()
    line, file = re.match(r"line ([\d,]+) of (\S+), batch ", note).groups()
    text = dialog.locator(".raw").first.inner_text()
    given = (first.folder / file).read_text(encoding="utf-8-sig").splitlines()
    assert given[int(line.replace(",", "")) - 1] == text
    assert str(best["customer_id"]) in text
    shown = dialog.locator(".raw")
    expect(dialog.get_by_role("status")).to_contain_text(f"10 of {rows['n']} rows")
    dialog.get_by_role("button", name="Show more").click()
    expect(dialog.get_by_role("status")).to_contain_text(f"{rows['n']} of {rows['n']} rows")
    assert shown.count() >= rows["n"]
    for size in (DESK, PHONE):
        tab.set_viewport_size({"width": size[0], "height": size[1]})
        problems = Axe().run(tab).response["violations"]
        assert [(each["id"], each["help"]) for each in problems] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    tab.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    # A page without a server has nothing to ask.
    local = write(tmp_path, read(first.warehouse))
    alone = opened(f"{local}#customer/{best['customer_id']}")
    expect(alone.locator("#card")).to_contain_text(spend)
    expect(alone.locator("button.source")).to_have_count(0)


def test_what_the_server_cannot_explain_it_says(served: str) -> None:
    import requests

    visitor = requests.Session()
    visitor.get(served, timeout=20)  # whose token is asked for from then on
    address = served.partition("?")[0].replace("index.html", "api/explain")

    def ask(**parameters: object) -> requests.Response:
        return visitor.get(address, params=parameters, timeout=20)

    found = ask(mart="aov_by_category", where="category=Toys' or 1=1 --")
    assert found.status_code == 400
    assert found.json()["detail"].startswith("There is no row of aov_by_category with category")
    assert ask(mart="aov_by_category; drop", where="x").status_code == 400
    assert ask(mart="total_revenue", where="1=1 or channel=x").status_code == 400
