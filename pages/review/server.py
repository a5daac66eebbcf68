"""Serves the page on which people decide who is who, to one person on this machine.

Nobody signs in, so an answer counts only when it comes from the page itself: no other web site
knows the token that the page carries, or is where the page came from.
"""

import getpass
import math
import secrets
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment
from pydantic import BaseModel, Field
from starlette.requests import Request

from identity import decisions, review
from lake.errors import C360Error, InputError
from lake.store import Lake
from pages.composing import closed, hash_of
from pages.review.differences import compared
from pages.review.session import Session
from pages.serving import KeptPrivate, serve

PAGE = "/review"
SOURCE = "review page"
UNKNOWN = "Unknown"  # what silver has where nothing came

Id = Annotated[str, Field(max_length=64)]


class Answer(BaseModel):
    """What somebody said of a pair."""

    customer_id: Id
    other_customer_id: Id
    verdict: Literal["same", "different", "skip"]
    why: Annotated[str | None, Field(max_length=500)] = None


def serve_review(lake: Lake, *, port: int, browser: bool, sample: int = 0) -> None:
    """Serve the review of the pairs that wait in a lake, until Ctrl-C.

    With `sample` also of so many that are taken for one person.
    """
    served = app(session_of(lake, sample))
    serve(served, what="the review", port=port, browser=browser, path=PAGE)


def session_of(lake: Lake, sample: int = 0) -> Session:
    """Begin to review the pairs that wait in a lake, as who runs this."""
    by = getpass.getuser()
    return Session(
        lambda: [*review.waiting(lake), *(review.sampled(lake, sample) if sample else ())],
        lambda verdict, pair, why: decisions.decide(
            lake,
            verdict,
            pair.customer_id,
            pair.other_customer_id,
            by=by,
            why=why,
            source=SOURCE,
        ),
        lambda decision: decisions.undo(lake, decision.id, by=by, source=SOURCE),
    )


def app(session: Session) -> FastAPI:
    """Return the web application: the page at `PAGE`, its questions and answers below it."""
    token = secrets.token_urlsafe()
    html, policy = _page(token)
    served = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    served.add_middleware(KeptPrivate)

    def from_page(request: Request, x_review_token: Annotated[str, Header()] = "") -> None:
        came_from = f"{request.url.scheme}://{request.url.netloc}"
        known = secrets.compare_digest(x_review_token.encode(), token.encode())
        if not known or request.headers.get("origin") != came_from:
            raise HTTPException(403, "This page is not the one that is served now. Load it again.")

    @served.exception_handler(C360Error)
    def tell(_request: Request, error: C360Error) -> JSONResponse:
        status = 409 if isinstance(error, InputError) else 503
        return JSONResponse({"detail": str(error)}, status_code=status)

    @served.get("/")
    def to_page() -> RedirectResponse:
        return RedirectResponse(PAGE)

    @served.get(PAGE)
    def page() -> HTMLResponse:
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    @served.get(f"{PAGE}/state")
    def state() -> dict[str, Any]:
        return shown(session)

    answers = APIRouter(prefix=PAGE, dependencies=[Depends(from_page)])

    @answers.post("/answer")
    def answer(given: Answer) -> dict[str, Any]:
        ids = given.customer_id, given.other_customer_id
        if given.verdict == "skip":
            session.skip(ids)
        else:
            session.decide(ids, given.verdict, (given.why or "").strip() or None)
        return shown(session)

    @answers.post("/undo")
    def undo() -> dict[str, Any]:
        session.undo()
        return shown(session)

    @answers.post("/skipped")
    def skipped() -> dict[str, Any]:
        session.take_skipped()
        return shown(session)

    served.include_router(answers)
    return served


def shown(session: Session) -> dict[str, Any]:
    """Return how far a review is and the next pair, ready for JSON."""
    state = session.state
    return {**vars(state), "pair": _pair(state.pair) if state.pair else None}


def _pair(pair: review.Pair) -> dict[str, Any]:
    return {
        "ids": [pair.customer_id, pair.other_customer_id],
        "probability": pair.probability,
        "start": _start(pair),
        "reasons": [vars(reason) for reason in pair.reasons],
        "fields": [
            {"name": name, **compared(_known(value), _known(pair.right.get(name)))._asdict()}
            for name, value in pair.left.items()
        ],
    }


def _known(value: str | None) -> str | None:
    return None if value == UNKNOWN else value


def _start(pair: review.Pair) -> float | None:
    """Return the weight before anything was compared: what the reasons do not account for."""
    if not 0 < pair.probability < 1:
        return None
    weight = math.log2(pair.probability / (1 - pair.probability))
    return weight - sum(reason.weight for reason in pair.reasons)


def _page(token: str) -> tuple[str, str]:
    """Return the page and its security policy: only its own script and style count in it."""
    parts = files("pages.review") / "page"
    script = closed((parts / "review.js").read_text(encoding="utf-8"))
    # The report's style first: it is one product.
    styles = [files("pages.report") / "page" / "style.css", parts / "review.css"]
    style = "\n".join(each.read_text(encoding="utf-8") for each in styles)
    html = (
        Environment(autoescape=True)
        .from_string((parts / "review.html").read_text(encoding="utf-8"))
        .render(style=style, script=script, token=token)
    )
    return html, (
        f"default-src 'none'; script-src {hash_of(script)}; style-src {hash_of(style)}; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
