"""Serves a web application on this machine only, to whoever knows its token, until interrupted."""

import html
import secrets
import socket
import webbrowser
from contextlib import suppress

import typer
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lake.errors import C360Error

HOST = "127.0.0.1"
TOKEN = "token"

_REFUSED = (
    "This page is served to whoever knows its token. The command that serves it prints the address "
    "with the token in it: copy it from that terminal, all of it. Each start has another token."
)


class KeptPrivate:
    """Middleware: no browser keeps what is served, since the pages hold personal data."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with the headers that say so."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, send_with_headers)


class TokenRequired:
    """Middleware: only a browser that was given the token is answered.

    Other users of this machine reach loopback as well as its own. The address gives the token, a
    cookie keeps it. A command line can be seen by others while it runs, so what opens a browser
    gives it a ticket instead, which counts once.
    """

    def __init__(self, app: ASGIApp, token: str, *, ticket: str = "", cookie: str = "c360") -> None:
        """Wrap an application; `cookie` tells it apart from others that this machine serves."""
        self._app = app
        self._token, self._ticket, self._cookie = token, ticket, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say where to find the address that would be served."""
        if scope["type"] == "http":
            refused = self._answer(Request(scope))
            await (refused or self._app)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """Return what to answer instead of the application, None for those who may see it."""
        given = request.query_params.get(TOKEN)
        if given is not None and self._counts(given):
            # The token leaves the address, which is shown, kept and handed on.
            answer: Response = RedirectResponse(request.url.remove_query_params(TOKEN), 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        elif _same(request.cookies.get(self._cookie, ""), self._token):
            return None
        elif "text/html" in request.headers.get("accept", ""):
            answer = HTMLResponse(_page(_REFUSED), 403)
        else:
            answer = JSONResponse({"detail": _REFUSED}, 403)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _counts(self, given: str) -> bool:
        if self._ticket and _same(given, self._ticket):
            self._ticket = ""
            return True
        return _same(given, self._token)


def serve(app: ASGIApp, *, what: str, port: int, browser: bool, path: str = "/") -> None:
    """Serve `app` on loopback until Ctrl-C; print where `what` is, and open it in a browser.

    Port 0 takes a free one. Raises C360Error when the port is taken. Requests that name another
    host are refused, so that no web page can make a browser read what is served here, and so are
    those without the token, so that no other user of this machine can.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise C360Error(
            f"Port {port} cannot be used ({error.strerror}). Name another one with --port, or 0 "
            "for any that is free."
        ) from error
    with listening:
        port = listening.getsockname()[1]
        token, ticket = secrets.token_urlsafe(), secrets.token_urlsafe() if browser else ""
        guarded = TrustedHostMiddleware(
            # Of a host all ports share their cookies.
            TokenRequired(app, token, ticket=ticket, cookie=f"c360-{port}"),
            allowed_hosts=[HOST, "localhost"],
        )
        url = f"http://{HOST}:{port}{path}?{TOKEN}="
        typer.echo(f"Serving {what} at {url}{token} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(url + ticket)
        server = uvicorn.Server(uvicorn.Config(guarded, log_level="warning", lifespan="off"))
        with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has shut down
            server.run(sockets=[listening])


def _same(given: str, known: str) -> bool:
    return secrets.compare_digest(given.encode(), known.encode())


def _page(text: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Token needed</title>'
        '<main style="max-width:40rem;margin:4rem auto;font:1.1rem/1.5 system-ui">'
        f"<h1>Token needed</h1><p>{html.escape(text)}</p></main></html>"
    )
