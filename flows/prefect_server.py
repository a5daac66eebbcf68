"""A Prefect server for the time of one run, for those who have none running.

Prefect starts one itself when no PREFECT_API_URL is set, but only once the flow begins, and after
it has imported the server's code in this process as well. Started here first, beside the imports
that a run needs anyway, it costs about a third of that. It keeps its records where Prefect's own
does, so `prefect server start` shows the runs later.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from importlib import import_module

from flows.progress import Progress
from lake.errors import C360Error

STARTUP_SECONDS = 120.0  # the first start on a machine also makes Prefect's database


class TemporaryServer:
    """The server as a child process. It ends when this process ends, however that ends."""

    def __init__(self) -> None:
        """Start the server without waiting for it."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which then ends the server
        )

    def wait_until_ready(self) -> None:
        """Return when the server answers; raise when it does not come up."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                connection.request("GET", "/api/health")
                if connection.getresponse().status == 200:
                    return
            except (OSError, HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        raise C360Error(
            "Prefect's temporary server did not start. Set PREFECT_HOME to a folder that can be "
            "written, or PREFECT_API_URL to a running Prefect server."
        )

    def stop(self) -> None:
        """Let the server finish what it has and end."""
        if self._process.poll() is not None:
            return
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def prefect_api(progress: Progress) -> Iterator[None]:
    """Give the flows inside an API: the one that the user's settings name, or a temporary server.

    Imports what a run needs while the server starts.
    """
    # The console shows the run's own lines; Prefect's go to the run's log.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    if os.environ.get("PREFECT_API_URL"):
        with progress.step("Start Prefect"):
            import_module("flows.flow")
        yield
        return
    with progress.step("Start Prefect") as step:
        # Before Prefect is imported, for two reasons: only then does one know whether a profile
        # names an API, and so it is stopped after Prefect has sent it the last events at the exit.
        server = TemporaryServer()
        atexit.register(server.stop)
        settings = import_module("prefect.settings")
        named = settings.PREFECT_API_URL.value()
        if named:
            server.stop()
        import_module("flows.flow")
        import_module("dbt.cli.main")
        changes = {}
        if not named:
            server.wait_until_ready()
            changes = {
                settings.PREFECT_API_URL: server.url,
                # Nobody watches this server: no heartbeats, and the log is a file.
                settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
                settings.PREFECT_LOGGING_TO_API_ENABLED: False,
            }
        step.done = "Started Prefect"
    with settings.temporary_settings(changes):
        yield


def _end_with_parent() -> None:
    """End this process when the parent closes its end of the pipe, by intent or by dying."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Be the server (the child process): port from the command line, end with the parent."""
    os.environ.update(
        PREFECT_UI_ENABLED="0", PREFECT__SERVER_EPHEMERAL="1", PREFECT__SERVER_FINAL="1"
    )
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )


if __name__ == "__main__":
    main()
