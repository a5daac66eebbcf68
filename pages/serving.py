"""Serves a web application on this machine only, until it is interrupted."""

import socket
import webbrowser
from contextlib import suppress

import typer
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lake.errors import C360Error

HOST = "127.0.0.1"


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


def serve(app: ASGIApp, *, what: str, port: int, browser: bool, path: str = "/") -> None:
    """Serve `app` on loopback until Ctrl-C; print where `what` is, and open it in a browser.

    Port 0 takes a free one. Raises C360Error when the port is taken. Requests that name another
    host are refused, so that no web page can make a browser read what is served here.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise C360Error(
            f"Port {port} cannot be used ({error.strerror}). Name another one with --port, or 0 "
            "for any that is free."
        ) from error
    guarded = TrustedHostMiddleware(app, allowed_hosts=[HOST, "localhost"])
    with listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}{path}"
        typer.echo(f"Serving {what} at {url} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(url)
        server = uvicorn.Server(uvicorn.Config(guarded, log_level="warning", lifespan="off"))
        with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has shut down
            server.run(sockets=[listening])
