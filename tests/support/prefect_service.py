"""A Prefect server and a worker, each a process of its own on loopback, until a block ends.

They have a PREFECT_HOME of their own, so nothing of the user's Prefect is read or written. What the
server says is read as it is sent: JSON, without Prefect's client.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0

# Settings of whoever runs the tests that must not reach a run.
_NOT_OURS = ("PREFECT_", "C360_", "AZURE_")
_QUIET_AND_QUICK = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # no run but those that a test triggers
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_CLI_PROMPT": "false",
}


@dataclass
class Service:
    """A running server; `environment` is that of the processes that belong to it."""

    url: str
    environment: dict[str, str]
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `prefect` command in the project's folder, as an operator does."""
        return subprocess.run(
            _prefect(*arguments),
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """Start a `prefect` command that goes on until the service ends; its output is kept."""
        with (self.folder / f"{name}.log").open("w") as log:
            self.processes.append(
                subprocess.Popen(
                    _prefect(*arguments),
                    cwd=self.folder,
                    env=self.environment | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def ask(self, path: str, body: object = None, method: str = "") -> Any:
        """Send a request to the server's API: a GET, or a POST of `body`."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(
            f"{self.url}{path}",
            data,
            {"Content-Type": "application/json"},
            method=method or ("GET" if data is None else "POST"),
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urlopen(request, timeout=30) as response:
                    content = response.read()
                return json.loads(content) if content else None
            except HTTPError as error:  # its database is busy: Prefect's own client asks again too
                if error.code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def deployment(self, name: str) -> Any:
        """Return a deployment of the flow."""
        return self.ask(f"/deployments/name/customer-360/{name}")

    def run_now(
        self, deployment: str, environment: Mapping[str, str] | None = None, **given: str
    ) -> str:
        """Trigger a run, as `prefect deployment run` does; return its id."""
        variables = {"env": environment} if environment else {}
        run = self.ask(
            f"/deployments/{self.deployment(deployment)['id']}/create_flow_run",
            {"parameters": given, "state": {"type": "SCHEDULED"}, "job_variables": variables},
        )
        return run["id"]

    def flow_run(self, run: str) -> Any:
        """Return a flow run as it is now."""
        return self.ask(f"/flow_runs/{run}")

    def states(self, run: str) -> list[Any]:
        """Return the states that a flow run has had, oldest first."""
        return self.ask(f"/flow_run_states/?flow_run_id={run}")

    def wait_until(self, true: Callable[[], object], what: str) -> None:
        """Return when it is true; fail with what the processes printed when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                printed = "\n".join(path.read_text() for path in self.folder.glob("*.log"))
                raise AssertionError(f"{what} did not come: {printed[-8000:]}")
            time.sleep(0.2)

    def wait_for_end(self, run: str) -> Any:
        """Return a flow run when it has ended."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        self.wait_until(lambda: self.flow_run(run)["state_type"] in final, f"the end of {run}")
        return self.flow_run(run)

    def artifacts(self, run: str) -> dict[str, Any]:
        """Return the artifacts of a flow run by their keys."""
        found = self.ask(
            "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}, "limit": 100}
        )
        return {artifact["key"]: artifact for artifact in found}

    def log(self, run: str) -> list[str]:
        """Return the lines of a flow run's log, which Prefect gives by the page."""
        lines: list[str] = []
        page: list[Any] = [None]
        while page:
            asked = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200, "offset": len(lines)}
            page = self.ask("/logs/filter", asked)
            lines += [line["message"] for line in page]
        return lines

    def keep_secret(self, name: str, value: str) -> None:
        """Make a Secret block."""
        kind = self.ask("/block_types/slug/secret")["id"]
        (schema, *_) = self.ask(
            "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}}
        )
        self.ask(
            "/block_documents/",
            {
                "name": name,
                "block_type_id": kind,
                "block_schema_id": schema["id"],
                "data": {"value": value},
            },
        )

    def _answers(self) -> bool:
        try:
            return self.ask("/health") is True
        except (URLError, ConnectionError):
            return False

    def _end(self) -> None:
        """End what was started, and the runs that a worker has started on its side."""
        for process in self.processes:
            process.kill()
            process.wait()
        mark = f"PREFECT_HOME={self.environment['PREFECT_HOME']}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Run a server that keeps everything in `folder`."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    service = Service(
        url,
        {
            **kept,
            **_QUIET_AND_QUICK,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": url,
        },
        folder,
    )
    try:
        service.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        service.wait_until(service._answers, "Prefect's server")
        yield service
    finally:
        service._end()


def _prefect(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("prefect")), *arguments]
