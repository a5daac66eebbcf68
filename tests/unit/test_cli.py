"""The command: what it offers, what it says when something is wrong, and what it leaves behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.home import Home
from flows.summary import Results, Summary
from lake.errors import C360Error, QuarantinedError

START_SERVER = """
import os, signal
from flows.prefect_server import TemporaryServer
server = TemporaryServer()
print(server._process.pid, flush=True)
server.wait_until_ready()
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def _no_server(_progress: object) -> Iterator[None]:
    yield


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put a flow in the place of the real one that only notes what it was asked for."""
    calls: list[dict[str, Any]] = []

    def customer_360(**arguments: Any) -> Summary:
        calls.append(arguments | {"token": os.environ.get("C360_API_TOKEN")})
        return Summary(Home.at(arguments["home"]), "v", Results([], [], []), [], [], [])

    module = ModuleType("flows.flow")
    module.customer_360 = customer_360  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flows.flow", module)
    monkeypatch.setattr("flows.prefect_server.prefect_api", _no_server)
    monkeypatch.delenv("C360_API_TOKEN", raising=False)
    monkeypatch.delenv("C360_HOME", raising=False)
    return calls


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def customer_360(**_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(sys.modules["flows.flow"], "customer_360", customer_360)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["c360", *map(str, arguments)])
    return cli._call()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], ["run", "demo", "load", "customer", "status", "docs", "report", "powerbi"]),
        ([], ["--version"]),
        (["run"], ["--input", "--api", "--target", "--home", "C360_HOME", "C360_API_TOKEN"]),
        (["run"], ["--no-pii", "C360_NO_PII", "--sources", "C360_SOURCES", "--accept-rejected"]),
        (["batches"], ["--target", "--home"]),
        (["retract"], ["BATCH", "--sources", "--target", "--home", "--no-pii"]),
        (["quarantine"], ["list", "release", "drop"]),
        (["quarantine", "release"], ["ID", "--all", "--sources", "--target", "--home"]),
        (["quarantine", "drop"], ["ID", "--all", "--target", "--home"]),
        (["demo"], ["--data", "--transactions", "--seed", "--dirt", "--home", "--keep"]),
        (["customer"], ["ID_OR_EMAIL", "--home"]),
        (["status"], ["--home"]),
        (["docs"], ["--home", "--serve", "--port", "--no-browser"]),
        (["report"], ["--home", "--no-pii", "--serve", "--port", "--no-browser"]),
        (["powerbi", "publish"], ["--workspace", "--environment", "--dry-run", "--source"]),
    ],
)
def test_help_names_everything(command: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*command, "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert all(word in result.output for word in words)


def test_version() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output.startswith("c360 0.")


def test_help_does_not_wait_for_imports() -> None:
    code = (
        "import sys, flows.cli;"
        "sys.exit(any(name in sys.modules for name in ('prefect', 'dbt', 'duckdb', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_run_passes_on_what_it_was_asked(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    status = call(
        monkeypatch, "run", "--input", tmp_path, "--api", "https://api.example.org", "--home", home
    )
    assert status == 0
    assert flow == [
        {
            "input": str(tmp_path),
            "api": "https://api.example.org",
            "target": "local",
            "home": str(home),
            "pii": True,
            "sources": None,
            "accept_rejected": False,
            "token": None,
        }
    ]


def test_personal_data_may_be_left_out(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", "--input", tmp_path, "--home", tmp_path / "home")
    assert call(monkeypatch, *run, "--no-pii") == 0
    monkeypatch.setenv("C360_NO_PII", "1")
    assert call(monkeypatch, *run) == 0
    assert [given["pii"] for given in flow] == [False, False]


def test_the_home_may_come_from_the_environment(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C360_HOME", str(tmp_path / "home"))
    assert call(monkeypatch, "run") == 0
    assert flow[0]["home"] == str(tmp_path / "home")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "nowhere"], "The input folder nowhere isn't there."),
        (["--input", __file__], "is a file; give its folder."),
        (["--target", "azure"], "Target azure needs the lake in C360_LAKE, as abfss://"),
        (["--home", f"{__file__}/home"], "cannot be written"),
        (["--api", "https://ann:secret@shop.example.com"], "must hold no user name, password"),
        (["--sources", "nowhere.yml"], "Cannot read the sources file nowhere.yml"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_starts(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "run", *arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("c360: ")
    assert err.count("\n") == 1
    assert message in err
    assert flow == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (C360Error("It broke.\nHere."), "c360: It broke. Here. The log is x.log.\n"),
        (QuarantinedError({"a.csv": "empty"}), "a.csv: empty"),
        (ValueError("odd"), "c360: ValueError: odd. The log is x.log.\n"),
        (KeyboardInterrupt(), "c360: Interrupted."),
    ],
)
def test_a_failure_is_one_line_and_status_1(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: BaseException,
    message: str,
) -> None:
    error.add_note("The log is x.log")
    failing(monkeypatch, error)
    assert call(monkeypatch, "run", "--home", tmp_path) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_demo_serves_an_api_with_a_token_of_its_own_and_tidies_up(
    flow: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert call(monkeypatch, "demo", "--transactions", 200, "--home", tmp_path) == 0
    (asked,) = flow
    assert asked["input"] == str(tmp_path / "demo" / "input")
    assert asked["api"].startswith("http://127.0.0.1:")
    assert asked["token"]
    assert "C360_API_TOKEN" not in os.environ
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["settings.json"]


def test_demo_keeps_its_data_on_request(
    flow: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert call(monkeypatch, "demo", "--transactions", 200, "--home", tmp_path, "--keep") == 0
    assert (tmp_path / "demo" / "ledger.json").exists()
    assert (tmp_path / "demo" / "input" / "Customers.csv").exists()
    assert not (tmp_path / "demo" / "input" / "ledger.json").exists()


def test_demo_does_not_mix_its_data_with_other_data(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    manifests = Home.at(tmp_path).lake / "bronze" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "20260101T000000Z-aaaaaa.json").write_text("{}")
    assert call(monkeypatch, "demo", "--home", tmp_path) == 1
    assert "holds other data" in capsys.readouterr().err
    assert flow == []


def test_demo_does_not_mix_two_demos(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    demo = ["demo", "--transactions", 200, "--home", tmp_path]
    assert call(monkeypatch, *demo) == 0
    manifests = Home.at(tmp_path).lake / "bronze" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "20260101T000000Z-aaaaaa.json").write_text("{}")
    assert call(monkeypatch, *demo) == 0
    assert call(monkeypatch, *demo, "--seed", 7) == 1
    assert "made with other options" in capsys.readouterr().err
    assert call(monkeypatch, "demo", "--data", "complete-journey", "--home", tmp_path) == 1
    assert len(flow) == 2


def test_what_shows_the_published_says_that_nothing_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pages = (["docs"], ["docs", "--serve"], ["report"], ["report", "--serve"])
    for command in (["customer", "1"], ["status"], *pages):
        assert call(monkeypatch, *command, "--home", tmp_path) == 1
        assert "Nothing is published" in capsys.readouterr().err


def test_the_temporary_server_ends_with_a_killed_run() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", START_SERVER], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -9, killed.stderr
    server, deadline = int(killed.stdout), time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the server outlived the run")
