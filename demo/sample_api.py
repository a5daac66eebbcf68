"""The sample API: serves a generated retailer's newest orders and service contacts, page by page.

It behaves as the API of a shop system does: a bearer token, pages with an opaque cursor, records
changed since a moment, and now and then "too many requests" or "unavailable". For tests it
misbehaves on request.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import compare_digest
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Query, Response

ENDPOINTS = {
    "/online-transactions": ("online_transactions.jsonl", "OrderID"),
    "/customer-service-interactions": ("customer_service_interactions.jsonl", "InteractionID"),
}


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, all by request number, so that a test can count on it.

    Requests with the right token are numbered from 1 over all endpoints. The two `every` counts
    hold always (7: the 7th, 14th, … request; 0: never), the switches from number `from_request`
    on.
    """

    rate_limit_every: int = 0
    """These requests get 429 with `Retry-After`."""
    retry_after: int = 1
    """The seconds that `Retry-After` asks for."""
    unavailable_every: int = 0
    """These requests get 503."""
    from_request: int = 1
    """The first request for which the switches below hold."""
    always_unavailable: bool = False
    """503 every time."""
    token_expired: bool = False
    """401 although the token is right."""
    page_loop: bool = False
    """The cursor of the next page leads back to the same page."""
    broken_json: bool = False
    """The body ends in the middle."""
    wrong_content_type: bool = False
    """An HTML page with status 200, as a proxy or a login page would answer."""
    delay_seconds: float = 0.0
    """How long each answer takes."""


OCCASIONAL_TROUBLE = Trouble(rate_limit_every=7, unavailable_every=11)
"""What a healthy but busy API does."""


class _Records:
    """The records of one endpoint, oldest change first, each as the JSON text it was given in."""

    def __init__(self, path: Path, key: str) -> None:
        lines = path.read_bytes().splitlines() if path.exists() else []
        records = []
        for line in lines:
            record = json.loads(line)
            # A record may lack a sound key: that is for the reader to find out.
            records.append((_moment(record["UpdatedAt"]), str(record.get(key)), line))
        records.sort(key=lambda record: record[:2])  # of one moment, in the order of the file
        self.changed_at = [record[0] for record in records]
        self.texts = [record[2] for record in records]

    def page(self, first: int, limit: int) -> tuple[bytes, int | None]:
        """Return the page's records as JSON and where the next page begins, None at the end."""
        after = first + limit
        texts = b",\n".join(self.texts[first:after])
        return b"[" + texts + b"]", after if after < len(self.texts) else None


def create_app(
    data_dir: Path,
    token: str,
    *,
    page_size: int = 500,
    trouble: Trouble = OCCASIONAL_TROUBLE,
) -> FastAPI:
    """Make the API over the JSON lines in `data_dir` (a generated folder's `api`).

    `app.state.requests` counts the requests that came with the right token.
    """
    app = FastAPI(title="Sample shop API", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.requests = 0

    def serve_endpoint(path: str, records: _Records) -> None:
        @app.get(path)
        async def page(
            authorization: Annotated[str, Header()] = "",
            cursor: str | None = None,
            limit: Annotated[int, Query(ge=1)] = page_size,
            updated_since: str | None = None,
        ) -> Response:
            if not compare_digest(authorization.encode(), f"Bearer {token}".encode()):
                raise _unauthorized("The bearer token is missing or wrong.")
            app.state.requests += 1
            number = app.state.requests
            misbehaves = number >= trouble.from_request
            _interrupt(trouble, number)
            if misbehaves and trouble.delay_seconds:
                await asyncio.sleep(trouble.delay_seconds)
            if misbehaves and trouble.wrong_content_type:
                return Response("<html><body>Please log in.</body></html>", media_type="text/html")

            if cursor is not None:
                first = _position(cursor)
            elif updated_since is not None:
                first = bisect_left(records.changed_at, _since(updated_since))
            else:
                first = 0
            data, following = records.page(first, min(limit, page_size))
            if misbehaves and trouble.page_loop:
                following = first
            next_cursor = b"null" if following is None else b'"' + _cursor(following) + b'"'
            body = b'{"data":' + data + b',"next_cursor":' + next_cursor + b"}"
            if misbehaves and trouble.broken_json:
                body = body[: len(body) // 2]
            return Response(body, media_type="application/json")

    for path, (file, key) in ENDPOINTS.items():
        serve_endpoint(path, _Records(data_dir / file, key))
    return app


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Run the app on a free port of the loopback interface; yield its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="sample-api", daemon=True
        )
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("The sample API did not start.")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _interrupt(trouble: Trouble, number: int) -> None:
    if trouble.rate_limit_every and number % trouble.rate_limit_every == 0:
        headers = {"Retry-After": str(trouble.retry_after)}
        raise HTTPException(429, "Too many requests.", headers)
    if trouble.unavailable_every and number % trouble.unavailable_every == 0:
        raise HTTPException(503, "Unavailable, try again.")
    if number >= trouble.from_request:
        if trouble.always_unavailable:
            raise HTTPException(503, "Unavailable.")
        if trouble.token_expired:
            raise _unauthorized("The bearer token has expired.")


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _since(text: str) -> datetime:
    try:
        return _moment(text)
    except ValueError:
        raise HTTPException(422, "updated_since is not an ISO 8601 time.") from None


def _cursor(position: int) -> bytes:
    return base64.urlsafe_b64encode(f"record:{position}".encode())


def _position(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).removeprefix(b"record:"))
    except ValueError:
        raise HTTPException(400, "The cursor is not one of this API's.") from None
