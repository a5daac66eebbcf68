"""The sample API behaves as documented, and misbehaves on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.sample_api import Trouble, create_app, serve

TOKEN = "a-token"
ORDERS = "/online-transactions"
NO_TROUBLE = Trouble()

RECORDS = [
    {"OrderID": number, "Amount": 1.5, "UpdatedAt": f"2026-01-{1 + number // 4:02}T00:00:00Z"}
    for number in range(20)
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = [json.dumps(record) + "\n" for record in reversed(RECORDS)]
    (tmp_path / "online_transactions.jsonl").write_text("".join(lines), "utf-8")
    return tmp_path


@pytest.fixture
def url(data: Path) -> Iterator[str]:
    with serve(create_app(data, TOKEN, page_size=6, trouble=NO_TROUBLE)) as address:
        yield address


def get(url: str, path: str = ORDERS, token: str = TOKEN, **query: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(url + path, headers=headers, params=query, timeout=10)


def pages(url: str, **query: Any) -> list[list[dict[str, Any]]]:
    found = []
    while True:
        body = get(url, **query).json()
        found.append(body["data"])
        if body["next_cursor"] is None:
            return found
        query = {**query, "cursor": body["next_cursor"]}


def test_pages_hold_every_record_once_in_order_of_change(url: str) -> None:
    found = pages(url)
    assert [len(page) for page in found] == [6, 6, 6, 2]
    flat = [record for page in found for record in page]
    assert flat == sorted(RECORDS, key=lambda r: (r["UpdatedAt"], str(r["OrderID"])))


def test_the_limit_makes_pages_smaller_never_larger(url: str) -> None:
    assert len(get(url, limit=2).json()["data"]) == 2
    assert len(get(url, limit=1000).json()["data"]) == 6
    assert get(url, limit=0).status_code == 422


@pytest.mark.parametrize(
    ("since", "first"),
    [("2026-01-03T00:00:00Z", 8), ("2026-01-02T00:00:01Z", 8), ("2026-01-01", 0)],
)
def test_updated_since_is_inclusive(url: str, since: str, first: int) -> None:
    found = [r["OrderID"] for page in pages(url, updated_since=since) for r in page]
    assert sorted(found) == list(range(first, 20))


def test_updated_since_after_the_last_change_gives_nothing(url: str) -> None:
    body = get(url, updated_since="2030-01-01T00:00:00Z").json()
    assert body == {"data": [], "next_cursor": None}


def test_records_are_passed_on_as_they_are_written(tmp_path: Path) -> None:
    line = '{"OrderID":1,"Amount":12.50,"Status":"Łódź","UpdatedAt":"2026-01-01T00:00:00Z"}'
    (tmp_path / "online_transactions.jsonl").write_text(line + "\n", "utf-8")
    with serve(create_app(tmp_path, TOKEN, trouble=NO_TROUBLE)) as url:
        assert line in get(url).content.decode()


def test_an_endpoint_without_data_is_empty(url: str) -> None:
    assert get(url, "/customer-service-interactions").json() == {"data": [], "next_cursor": None}
    assert get(url, "/elsewhere").status_code == 404
    assert get(url, "/docs").status_code == 404


def test_without_the_token_nothing_is_served(url: str) -> None:
    assert get(url, token="another").status_code == 401
    assert requests.get(url + ORDERS, timeout=10).status_code == 401


def test_wrong_parameters_are_refused(url: str) -> None:
    assert get(url, cursor="???").status_code == 400
    assert get(url, updated_since="yesterday").status_code == 422


def statuses(data: Path, trouble: Trouble, count: int = 6) -> list[int]:
    with serve(create_app(data, TOKEN, trouble=trouble)) as url:
        return [get(url).status_code for _ in range(count)]


def test_busy_answers_come_at_their_turn(data: Path) -> None:
    trouble = Trouble(rate_limit_every=3, retry_after=2, unavailable_every=4)
    assert statuses(data, trouble) == [200, 200, 429, 503, 200, 429]
    with serve(create_app(data, TOKEN, trouble=Trouble(rate_limit_every=1, retry_after=2))) as url:
        assert get(url).headers["Retry-After"] == "2"


def test_by_default_the_api_is_busy_now_and_then(data: Path) -> None:
    with serve(create_app(data, TOKEN)) as url:
        found = [get(url).status_code for _ in range(11)]
    assert found.count(200) == 9
    assert found[6] == 429
    assert found[10] == 503


def test_it_can_be_down_or_forget_the_token(data: Path) -> None:
    assert statuses(data, Trouble(always_unavailable=True), 2) == [503, 503]
    assert statuses(data, Trouble(token_expired=True, from_request=3), 4) == [200, 200, 401, 401]


def test_it_can_loop_over_its_pages(data: Path) -> None:
    app = create_app(data, TOKEN, page_size=6, trouble=Trouble(page_loop=True, from_request=2))
    with serve(app) as url:
        second = get(url, cursor=get(url).json()["next_cursor"]).json()
        again = get(url, cursor=second["next_cursor"]).json()
    assert second == again
    assert app.state.requests == 3


def test_it_can_answer_nonsense(data: Path) -> None:
    with serve(create_app(data, TOKEN, trouble=Trouble(broken_json=True))) as url:
        answer = get(url)
    assert answer.headers["Content-Type"] == "application/json"
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    with serve(create_app(data, TOKEN, trouble=Trouble(wrong_content_type=True))) as url:
        assert get(url).headers["Content-Type"].startswith("text/html")


def test_it_can_be_slow(data: Path) -> None:
    with (
        serve(create_app(data, TOKEN, trouble=Trouble(delay_seconds=0.3))) as url,
        pytest.raises(requests.exceptions.ReadTimeout),
    ):
        requests.get(url + ORDERS, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.1)


def test_serving_ends_with_its_block(data: Path) -> None:
    with serve(create_app(data, TOKEN)) as url:
        assert url.startswith("http://127.0.0.1:")
    assert "sample-api" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(requests.exceptions.ConnectionError):
        get(url)
