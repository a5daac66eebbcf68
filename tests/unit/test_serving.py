"""Who may see what is served on this machine: only a browser that was given the token."""

import asyncio
import re
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pages import serving
from pages.serving import TokenRequired, serve

SITE = "http://127.0.0.1:8360"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def _told(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"secret of {request.url.path}?{request.url.query}")


SECRETS = Starlette(routes=[Route("/{path:path}", _told, methods=["GET", "POST"])])


class Visitor:
    """A browser: it keeps cookies, and follows nothing by itself."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookies = httpx.Cookies()

    def ask(self, address: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app), base_url=SITE, cookies=self.cookies
            ) as client:
                answer = await client.request(method, address, headers=BROWSER | headers)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(TokenRequired(SECRETS, "the-token", ticket="the-ticket", cookie="c360-8360"))


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/report/index.html"),
        ("GET", "/report/index.html?token="),
        ("GET", "/report/index.html?token=the-toke"),
        ("GET", "/report/index.html?token=the-token-"),
        ("GET", "/report/index.html?token=%ff%fe"),
        ("POST", "/review/answer"),
        ("HEAD", "/docs/"),
        ("GET", "/nothing"),
    ],
)
def test_without_the_token_nothing_is_told(visitor: Visitor, method: str, address: str) -> None:
    answer = visitor.ask(address, method)
    assert answer.status_code == 403
    assert "secret" not in answer.text
    assert "set-cookie" not in answer.headers
    if method == "GET":
        assert "copy it from that terminal" in answer.text


def test_a_cookie_that_is_not_the_token_does_not_count(visitor: Visitor) -> None:
    for cookie in ("c360-8360=other", "c360-8360=", "c360-8361=the-token"):
        assert visitor.ask("/", Cookie=cookie).status_code == 403


def test_a_script_is_refused_in_json(visitor: Visitor) -> None:
    answer = visitor.ask("/report/api/customers?q=ann", Accept="*/*")
    assert (answer.status_code, "its token" in answer.json()["detail"]) == (403, True)


def test_the_token_moves_from_the_address_into_a_cookie(visitor: Visitor) -> None:
    answer = visitor.ask("/report/index.html?q=1&token=the-token")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"{SITE}/report/index.html?q=1",
    )
    kept = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"c360-8360=the-token", "httponly", "samesite=strict", "path=/"} <= kept
    assert answer.headers["cache-control"] == "no-store"
    assert visitor.ask("/report/index.html?q=1").text == "secret of /report/index.html?q=1"
    assert visitor.ask("/review/answer", "POST").status_code == 200
    assert visitor.ask("/?token=of-an-earlier-start").text.startswith("secret")


def test_what_opens_the_browser_counts_once(visitor: Visitor) -> None:
    assert visitor.ask("/?token=the-ticket").status_code == 303
    assert visitor.ask("/").status_code == 200
    assert Visitor(visitor.app).ask("/?token=the-ticket").status_code == 403
    assert Visitor(visitor.app).ask("/?token=the-token").status_code == 303


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is served and opened, where no server runs and no browser opens."""
    seen: dict[str, Any] = {"opened": []}
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: seen.update(app=self.config.app)
    )
    monkeypatch.setattr(serving.webbrowser, "open", seen["opened"].append)
    return seen


def test_the_address_with_the_token_is_printed(
    started: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    serve(SECRETS, what="the report", port=0, browser=True, path="/report/index.html")
    printed = capsys.readouterr().out
    found = re.fullmatch(
        r"Serving the report at (http://127\.0\.0\.1:\d+/report/index\.html\?token=\S{40,}) "
        r"\(Ctrl-C ends it\)\n",
        printed,
    )
    assert found
    (opened,) = started["opened"]
    assert opened != found[1]  # a command line is seen by others
    for address in (found[1], opened):
        assert Visitor(started["app"]).ask(address).status_code == 303
    assert Visitor(started["app"]).ask(opened).status_code == 403
    assert Visitor(started["app"]).ask("/report/index.html").status_code == 403


def test_no_two_starts_have_the_same_token(
    started: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        serve(SECRETS, what="the report", port=0, browser=False)
    tokens = re.findall(r"token=(\S+)", capsys.readouterr().out)
    assert len(set(tokens)) == 2
    assert started["opened"] == []
    assert Visitor(started["app"]).ask("/?token=").status_code == 403
