"""A run by hand and the same run in Prefect: what they print, how they end, what they retry."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support import prefect_service
from tests.support.command import C360
from tests.support.prefect_service import Service

STORES = "StoreID,Location,Manager,OpenHours\n1,Oslo,Ann,9-17\n"
SOURCES = """
files: {}
apis:
  - {name: sales, path: /sales, entity: in_store_transactions, attempts: 1}
"""
SALES = (
    b'[{"TransactionID": 1, "CustomerID": 1, "StoreID": 1,'
    b' "DateTime": "2026-01-02T10:00:00", "Amount": 10.5, "PaymentMethod": "Cash"}]'
)
# What differs from run to run: seconds, ids, and how wide a column of seconds is.
_DIFFERENT = (
    (r"\d+\.\ds\b|\d+\.\d$", "SECONDS"),
    (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "ID"),
    (" +", " "),
)


@contextmanager
def api(*statuses: int) -> Iterator[str]:
    """Serve an API that answers with these statuses, one after the other, the last one on."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(SALES)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with prefect_service.running(tmp_path_factory.mktemp("prefect") / "service") as service:
        yield service


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A home for the runs by hand, and one for those in Prefect."""
    work = tmp_path_factory.mktemp("homes")
    (work / "sources.yml").write_text(SOURCES)
    return {"hand": work / "hand", "prefect": work / "prefect"}


def both(
    service: Service, homes: dict[str, Path], *arguments: object, statuses: tuple[int, ...] = (200,)
) -> tuple[int, str, str]:
    """Run the command both ways; return its status, output and errors, which are the same."""
    told = []
    for way, home in homes.items():
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        with api(*statuses) as url:
            run = subprocess.run(
                [
                    *(str(C360), "run", "--home", str(home), "--api", url),
                    *("--sources", str(home.parent / "sources.yml"), *map(str, arguments)),
                ],
                env=own | (service.environment if way == "prefect" else {}),
                capture_output=True,
                text=True,
                check=False,
            )
        texts = [run.stdout, run.stderr]
        for what, instead in ((str(home), "HOME"), (url, "URL")):
            texts = [text.replace(what, instead) for text in texts]
        for pattern, instead in _DIFFERENT:
            texts = [re.sub(pattern, instead, text, flags=re.MULTILINE) for text in texts]
        told.append((run.returncode, *texts))
    assert told[0] == told[1]
    return told[0]


def test_both_ways_are_the_same(service: Service, homes: dict[str, Path], tmp_path: Path) -> None:
    sent = tmp_path / "in"
    sent.mkdir()
    (sent / "Agents.csv").write_text("AgentID~Name~Department~Shift\n1~A~B~C\n")

    # A file that is refused, beside a record that lands; this failure is for good.
    status, _, errors = both(service, homes, "--input", sent)
    assert status == 1
    assert errors.startswith("c360: 1 input is in quarantine; correct and send again. Agents.csv:")
    assert errors.endswith("The log is HOME/logs/ID.log.\n")
    (sent / "Agents.csv").unlink()
    (sent / "Stores.csv").write_text(STORES)

    # An API that is away and comes back.
    status, output, errors = both(service, homes, "--input", sent, statuses=(503, 200))
    assert (status, errors) == (0, "")
    assert "✗ Pull sales failed … SECONDS\n✓ Pulled 0 records of sales … SECONDS\n" in output
    assert "✓ Published ID … SECONDS\n" in output
    assert "Average order value" in output
    names = {run["name"] for run in service.ask("/task_runs/filter", {"limit": 200})}
    for task in ("recover", "land files", "pull sales", "build silver", "publish"):
        assert [name for name in names if name.startswith(task)], task

    # Nothing new.
    status, output, errors = both(service, homes)
    assert (status, errors) == (0, "")
    assert "✓ Nothing new arrived: ID stays published … SECONDS\n" in output

    # What cannot be is not even begun.
    begun = len(service.ask("/flow_runs/filter", {"limit": 200}))
    status, _, errors = both(service, homes, "--input", tmp_path / "nowhere")
    assert status == 1
    assert "isn't there" in errors
    assert len(service.ask("/flow_runs/filter", {"limit": 200})) == begun
