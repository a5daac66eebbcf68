"""The review page in a real browser, by keyboard, from the first pair to the next run's answers."""

import csv
import getpass
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from demo.generator import generate
from demo.sample_api import serve
from identity import decisions
from identity.review import Pair
from lake.local import LocalLake
from pages.review.server import PAGE, app, session_of
from pages.review.session import Session
from tests.support.command import run_c360
from tests.support.reviewed import CHAIN, PAIRS, Kept

DESK, PHONE = (1200, 900), (375, 667)
REFUSED = "Failed to load resource: the server responded with a status of 409 (Conflict)"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def opened(browser: Browser, kept: Kept) -> Iterator[Callable[..., Page]]:
    """Opens a page that must neither complain, nor show a dialog, nor ask anybody else."""
    contexts, servers, wrong = [], [], []

    def open_page(
        size: tuple[int, int] = DESK, pairs: list[Pair] = PAIRS, session: Session | None = None
    ) -> Page:
        server = serve(app(session or kept.session(pairs)))
        url = server.__enter__()
        servers.append(server)
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        tab = context.new_page()
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.on("console", lambda said: said.text == REFUSED or wrong.append(said.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda each: each.url.startswith(url) or wrong.append(each.url))
        tab.goto(url + PAGE)
        expect(tab.locator("#done")).to_contain_text("decided")
        return tab

    yield open_page
    for context in contexts:
        context.close()
    for server in servers:
        server.__exit__(None, None, None)
    assert wrong == []


def title(tab: Page) -> Locator:
    return tab.locator("#pair-title")


def test_all_pairs_are_answered_by_keyboard(opened: Callable[..., Page], kept: Kept) -> None:
    tab = opened()
    expect(title(tab)).to_have_text("Customers 17 and 2044: 97.27 % likely to be one person")
    expect(title(tab)).to_be_focused()
    tab.keyboard.press("u")  # there is nothing yet to take back
    tab.keyboard.press("s")
    expect(title(tab)).to_have_text("Customers 18 and 19: 100 % likely to be one person")
    expect(tab.locator("#said")).to_have_text("One person: customers 17 and 2044.")
    expect(tab.locator("#done")).to_have_text("1 of 3 decided")
    tab.keyboard.press("d")
    expect(tab.get_by_role("alert")).to_contain_text(CHAIN)
    expect(title(tab)).to_contain_text("18 and 19")
    tab.keyboard.press("Space")
    expect(title(tab)).to_contain_text("20 and CG 1/2")
    expect(tab.get_by_role("alert")).to_be_hidden()
    tab.keyboard.press("u")
    expect(title(tab)).to_contain_text("18 and 19")
    expect(tab.locator("#said")).to_have_text("Taken back.")
    tab.keyboard.press("k")
    expect(tab.locator("#done")).to_have_text("1 of 3 decided, 1 skipped")
    tab.get_by_label("Why you decide so").focus()
    tab.keyboard.type("Sy is known to us; so is Cy")  # no letter of it is an answer
    tab.keyboard.press("Enter")
    expect(title(tab)).to_contain_text("20 and CG 1/2")
    tab.keyboard.press("d")
    expect(tab.locator("#end-title")).to_have_text("All pairs are through: 2 decided, 1 skipped")
    expect(tab.locator("#end-note")).to_contain_text("The next run (c360 run) takes over")
    tab.get_by_role("button", name="Look at the skipped ones again").press("Enter")
    expect(title(tab)).to_contain_text("18 and 19")
    tab.keyboard.press("S")
    expect(tab.locator("#end-title")).to_have_text("All pairs are decided")
    expect(tab.locator("#end-title")).to_be_focused()
    assert kept.decisions == [
        ("same", "17", "2044", None),
        ("different", "20", "CG 1/2", "Sy is known to us; so is Cy"),
        ("same", "18", "19", None),
    ]
    tab.keyboard.press("u")
    expect(title(tab)).to_contain_text("18 and 19")
    assert kept.undone == ["3"]


def test_differences_are_marked_and_reasons_are_drawn(opened: Callable[..., Page]) -> None:
    tab = opened()
    rows = tab.locator("#values tbody tr")
    assert rows.evaluate_all("all => all.map(row => row.innerText.split('\\t'))") == [
        ["Name", "Ann Smith", "SMITH Ann", "the same words"],
        ["E-mail", "ann@gmial.com", "ann@gmail.com", "differs"],
        ["Address", "12 Main Street", "7 Oak Avenue", "differs"],
        ["Birth date", "1985-03-02", "–", "only one has it"],
    ]
    assert tab.locator("#values mark").all_inner_texts() == [
        *("a", "a", "12", "Main", "Street", "7", "Oak", "Avenue")
    ]
    reasons = tab.locator("#reasons tbody tr")
    assert reasons.evaluate_all("all => all.map(row => row.innerText.split(/\\s*\\t\\s*/))") == [
        ["Any two customers", "−4.1"],
        ["Same name in another order", "+7.3"],
        ["E-mail alike", "+4.5"],
        ["Other address", "−2.5"],
        ["Together", "+5.2, 97.27 %"],
    ]
    # From -4.1 to 7.65, the bar before the last step: 11.75 points are the whole width.
    bars = reasons.locator("rect").evaluate_all(
        "all => all.map(bar => [bar.getAttribute('class'),"
        " +bar.getAttribute('x'), +bar.getAttribute('width')])"
    )
    expected = [(-4.1, 0), (-4.1, 3.15), (3.15, 7.65), (5.15, 7.65), (0, 5.15)]
    kinds = ["against", "for", "for", "against", "for"]
    assert [bar[0] for bar in bars] == kinds
    for (_, x, width), (begin, end) in zip(bars, expected, strict=True):
        assert x == pytest.approx(100 * (begin + 4.1) / 11.75, abs=0.2)
        assert width == pytest.approx(100 * (end - begin) / 11.75, abs=0.2)


def test_markup_in_data_is_shown_and_never_run(opened: Callable[..., Page]) -> None:
    tab = opened()
    tab.get_by_role("button", name="Skip").click()
    expect(tab.locator("#values td").first).to_have_text("<b>Bo</b>")


def test_the_mouse_does_what_the_keys_do(opened: Callable[..., Page], kept: Kept) -> None:
    tab = opened()
    for name in ("Same person", "Skip", "Different persons"):
        before = tab.locator("#said").inner_text()
        tab.get_by_role("button", name=name).click()
        expect(tab.locator("#said")).not_to_have_text(before)
    expect(tab.locator("#end-title")).to_be_visible()
    tab.get_by_role("button", name="Undo").click()
    expect(title(tab)).to_contain_text("20 and CG 1/2")
    assert [verdict for verdict, *_ in kept.decisions] == ["same", "different"]


def test_keys_that_are_switched_off_or_held_down_do_nothing(
    opened: Callable[..., Page], kept: Kept
) -> None:
    tab = opened()
    tab.keyboard.press("Control+d")
    tab.get_by_role("checkbox", name="Answer by keys").uncheck()
    title(tab).focus()
    tab.keyboard.press("s")
    tab.get_by_role("checkbox", name="Answer by keys").check()
    title(tab).focus()
    tab.keyboard.down("d")
    for _ in range(3):
        tab.keyboard.down("d")  # as a key that is held down does
    tab.keyboard.up("d")
    expect(title(tab)).to_contain_text("18 and 19")
    assert len(kept.decisions) == 1


def test_a_page_that_is_loaded_again_goes_on_where_it_was(opened: Callable[..., Page]) -> None:
    tab = opened()
    tab.keyboard.press("s")
    expect(title(tab)).to_contain_text("18 and 19")
    tab.reload()
    expect(title(tab)).to_contain_text("18 and 19")
    expect(tab.locator("#done")).to_have_text("1 of 3 decided")
    tab.keyboard.press("u")
    expect(title(tab)).to_contain_text("17 and 2044")


def test_where_no_pair_waits_the_page_says_so(opened: Callable[..., Page]) -> None:
    tab = opened(pairs=[])
    expect(tab.locator("#end-title")).to_have_text("No pair waits for a decision")
    expect(tab.get_by_role("button", name="Undo")).to_be_disabled()
    assert Axe().run(tab).response["violations"] == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_everybody_can_use_it(opened: Callable[..., Page], size: tuple[int, int]) -> None:
    tab = opened(size)
    for key in ("s", "d", "k", "k"):
        problems = Axe().run(tab).response["violations"]
        assert [(each["id"], each["help"]) for each in problems] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        before = tab.locator("main").inner_text()
        tab.keyboard.press(key)
        expect(tab.locator("main")).not_to_have_text(before, use_inner_text=True)
    expect(tab.locator("#end")).to_be_visible()
    assert Axe().run(tab).response["violations"] == []


def register_again(customers: Path, count: int) -> None:
    """Let some customers have registered once more, with another e-mail address."""
    with customers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    whole = [row for row in rows[1:] if all(row)]
    with customers.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            (90_000 + n, name, f"second.{n}@mail.example", address)
            for n, (_, name, _, address) in enumerate(whole[:count])
        )


def test_the_next_run_takes_over_what_was_decided(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    folder, home = tmp_path / "input", tmp_path / "home"
    generate(tmp_path / "made", transactions=2000, seed=7, dirt=0)
    (customers,) = (tmp_path / "made").glob("Customers*.csv")
    folder.mkdir()
    register_again(customers.rename(folder / customers.name), 8)
    sources = tmp_path / "sources.yml"
    sources.write_text("identity: {same_from: 1}")  # so that nobody but people is sure
    arguments = ("run", "--input", folder, "--home", home, "--sources", sources)
    run = run_c360(*arguments)
    assert run.returncode == 0, run.stderr
    lake = LocalLake(home / "lake")

    tab = opened(session=session_of(lake))
    pairs = []
    for key in ("s", "d"):
        expect(title(tab)).to_be_focused()
        pairs.append(tuple(tab.locator("#values thead th").all_inner_texts()[1:3]))
        tab.get_by_label("Why you decide so").fill(f"Because of {key}")
        tab.keyboard.press("Enter")
        tab.keyboard.press(key)
        expect(tab.locator("#said")).to_contain_text(pairs[-1][0].removeprefix("Customer "))
    one, two = ([int(text.removeprefix("Customer ")) for text in pair] for pair in pairs)
    assert [
        (each.verdict, each.customer_id, each.other_customer_id, each.by, each.why, each.source)
        for each in decisions.read(lake)
    ] == [
        ("same", *map(str, one), getpass.getuser(), "Because of s", "review page"),
        ("different", *map(str, two), getpass.getuser(), "Because of d", "review page"),
    ]

    run = run_c360(*arguments)
    assert run.returncode == 0, run.stderr
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        persons = connection.execute(
            "select count(distinct person_id), any_value(matched_by) from gold.customer_persons "
            "where customer_id in (?, ?)",
            one,
        ).fetchone()
        assert persons == (1, "decision")
        apart = connection.execute(
            "select count(distinct person_id) from gold.customer_persons "
            "where customer_id in (?, ?)",
            two,
        ).fetchone()
        assert apart == (2,)
        waiting = connection.execute(
            "select customer_id, other_customer_id from marts.possible_duplicates"
        ).fetchall()
    assert len(waiting) > 2
    assert not {tuple(one), tuple(two)} & set(waiting)
