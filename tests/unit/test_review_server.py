"""The review without a browser: pairs in turn, answers kept, and no other site may answer."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from identity.review import Pair
from lake.errors import ConflictError, InputError
from pages.review.server import PAGE, app
from tests.support.reviewed import ANN, BO, CHAIN, CY, Kept

ORIGIN = "http://127.0.0.1:8362"


class Reviewer:
    """Somebody with the page before them."""

    def __init__(self, kept: Kept, **more: Any) -> None:
        self.app = app(kept.session(**more))
        self.page = self.get(PAGE)
        found = re.search(r'data-token="([^"]+)"', self.page.text)
        assert found
        self.token = found[1]

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        sent = {"Origin": ORIGIN, "X-Review-Token": self.token, **headers}
        return self.ask("POST", f"{PAGE}/{path}", json=body, headers=sent)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def answer(
        self, pair: Any, verdict: str, why: str | None = None, **headers: str
    ) -> httpx.Response:
        ids = {"customer_id": pair.customer_id, "other_customer_id": pair.other_customer_id}
        return self.post("answer", {**ids, "verdict": verdict, "why": why}, **headers)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.get(f"{PAGE}/state").json()
        state["pair"] = state["pair"] and state["pair"]["ids"]
        return state


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def reviewer(kept: Kept) -> Reviewer:
    return Reviewer(kept)


def test_pairs_come_in_their_order_and_are_counted(reviewer: Reviewer, kept: Kept) -> None:
    begin = {"decided": 0, "skipped": 0, "total": 3, "can_undo": False}
    assert reviewer.state == {**begin, "pair": ["17", "2044"]}
    assert reviewer.answer(ANN, "same", "  She called.  ").status_code == 200
    assert reviewer.answer(BO, "skip").status_code == 200
    answer = reviewer.answer(CY, "different", "  ").json()
    assert answer == {**begin, "decided": 2, "skipped": 1, "can_undo": True, "pair": None}
    assert kept.decisions == [
        ("same", "17", "2044", "She called."),
        ("different", "20", "CG 1/2", None),
    ]


def test_a_pair_is_shown_with_its_differences_and_reasons(reviewer: Reviewer) -> None:
    pair = reviewer.get(f"{PAGE}/state").json()["pair"]
    assert pair["probability"] == ANN.probability
    assert [reason["words"] for reason in pair["reasons"]] == [
        *("same name in another order", "e-mail alike", "other address")
    ]
    # What the reasons leave: 5.15 - (7.25 + 4.5 - 2.5).
    assert pair["start"] == pytest.approx(-4.10, abs=0.005)
    assert pair["fields"][0] == {
        "name": "customer_name",
        "agreement": "the same words",
        "left": [["Ann Smith", False]],
        "right": [["SMITH Ann", False]],
    }
    assert pair["fields"][3]["agreement"] == "only one has it"
    assert reviewer.answer(ANN, "skip").json()["pair"]["start"] is None  # what is certain has none


def test_what_is_unknown_of_both_is_nothing_that_they_share(kept: Kept) -> None:
    pair = Pair("1", "2", 0.5, (), {"email": "Unknown"}, {"email": "Unknown"})
    shown = Reviewer(kept, pairs=[pair]).get(f"{PAGE}/state").json()["pair"]
    assert shown["fields"] == [
        {"name": "email", "agreement": "neither has it", "left": [], "right": []}
    ]


def test_what_contradicts_other_decisions_is_told_and_the_pair_stays(
    reviewer: Reviewer, kept: Kept
) -> None:
    reviewer.answer(ANN, "skip")
    refused = reviewer.answer(BO, "different")
    assert refused.status_code == 409
    assert CHAIN in refused.json()["detail"]
    assert reviewer.state["pair"] == ["18", "19"]
    assert kept.decisions == []
    assert reviewer.answer(BO, "same").status_code == 200


def test_answers_are_taken_back_one_after_the_other(reviewer: Reviewer, kept: Kept) -> None:
    for pair, verdict in ((ANN, "same"), (BO, "skip"), (CY, "same")):
        reviewer.answer(pair, verdict)
    states = [reviewer.post("undo", {}) and reviewer.state for _ in range(3)]
    assert [state["pair"] for state in states] == [["20", "CG 1/2"], ["18", "19"], ["17", "2044"]]
    assert [(state["decided"], state["skipped"]) for state in states] == [(1, 1), (1, 0), (0, 0)]
    assert kept.undone == ["2", "1"]
    refused = reviewer.post("undo", {})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "There is no answer on this page to take back.",
    )


def test_what_cannot_be_taken_back_stays_answered(
    reviewer: Reviewer, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undo(_decision: object) -> None:
        raise InputError("Decision 1 was undone already.")

    monkeypatch.setattr(kept, "undo", undo)
    reviewer = Reviewer(kept)
    reviewer.answer(ANN, "same")
    assert reviewer.post("undo", {}).json()["detail"] == "Decision 1 was undone already."
    assert reviewer.state["decided"] == 1


def test_skipped_pairs_come_again_when_they_are_asked_for(reviewer: Reviewer) -> None:
    for pair in (ANN, BO, CY):
        reviewer.answer(pair, "skip")
    assert reviewer.state["pair"] is None
    reviewer.post("skipped", {})
    assert (reviewer.state["pair"], reviewer.state["skipped"]) == (["17", "2044"], 0)
    reviewer.answer(ANN, "same")
    for _ in range(2):  # the decision, and that CY was skipped before
        reviewer.post("undo", {})
    state = reviewer.state
    assert (state["pair"], state["decided"], state["skipped"]) == (["20", "CG 1/2"], 0, 0)
    for pair in (CY, ANN, BO):
        assert reviewer.answer(pair, "same").status_code == 200
    assert reviewer.state["decided"] == 3


def test_a_pair_is_answered_once(reviewer: Reviewer, kept: Kept) -> None:
    reviewer.answer(ANN, "same")
    for pair in (ANN, Pair("1", "2", 0.5, (), {}, {})):
        refused = reviewer.answer(pair, "different")
        assert refused.status_code == 409
        assert "do not wait for an answer here any more" in refused.json()["detail"]
    assert len(kept.decisions) == 1


def test_a_lake_that_cannot_be_written_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(*_: object) -> None:
        raise ConflictError("Somebody else decided meanwhile.")

    monkeypatch.setattr(kept, "decide", decide)
    reviewer = Reviewer(kept)
    answer = reviewer.answer(ANN, "same")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "Somebody else decided meanwhile.",
    )
    assert reviewer.state["pair"] == ["17", "2044"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8362"},
        {"X-Review-Token": "guessed"},
        {"X-Review-Token": ""},
        {"X-Review-Token": "ü".encode()},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["answer", "undo", "skipped"])
def test_no_other_site_may_answer(
    reviewer: Reviewer, kept: Kept, path: str, headers: dict[str, Any]
) -> None:
    body = {"customer_id": "17", "other_customer_id": "2044", "verdict": "same"}
    refused = reviewer.post(path, body, **headers)
    assert refused.status_code == 403
    assert kept.decisions == []
    assert reviewer.state["pair"] == ["17", "2044"]


def test_each_server_has_a_token_of_its_own(reviewer: Reviewer) -> None:
    other = Reviewer(Kept())
    assert other.token != reviewer.token
    assert other.answer(ANN, "same", **{"X-Review-Token": reviewer.token}).status_code == 403


def test_the_page_holds_all_it_needs_and_no_other_site_shows_it(reviewer: Reviewer) -> None:
    policy = dict(
        rule.strip().split(" ", 1)
        for rule in reviewer.page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert reviewer.page.headers["Cache-Control"] == "no-store"
    assert re.findall(r'(?:src|href)="(?!#|data:)', reviewer.page.text) == []
    assert reviewer.get("/").headers["Location"] == PAGE


def test_values_that_are_too_long_or_unknown_are_refused(reviewer: Reviewer, kept: Kept) -> None:
    assert reviewer.answer(ANN, "same", "x" * 501).status_code == 422
    assert reviewer.answer(ANN, "maybe").status_code == 422
    assert kept.decisions == []


def test_without_pairs_there_is_nothing_to_do(kept: Kept) -> None:
    state = Reviewer(kept, pairs=[]).state
    assert state == {"pair": None, "decided": 0, "skipped": 0, "total": 0, "can_undo": False}
