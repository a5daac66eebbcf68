"""Publishing to Fabric, over HTTP, to a stand-in for the API: what arrives, and what is told."""

import base64
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from flows import cli
from tests.support.render import PROJECT

POWERBI = PROJECT / "powerbi"
WORKSPACE = "5c0d5e37-6a0f-4c4d-9d0e-0123456789ab"
SERVER = "contoso-c360.database.windows.net"
Parts = dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def _import_without_effects() -> None:
    """fabric-cicd sets up the root logger and the handling of exceptions when it is imported."""
    root, level, hook = logging.getLogger(), logging.getLogger().level, sys.excepthook
    import fabric_cicd  # noqa: F401

    root.setLevel(level)
    sys.excepthook = hook


@dataclass
class Fabric:
    """One workspace of the API: what is in it, what was asked, and what it refuses."""

    url: str = ""
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuses: str = ""

    def received(self, kind: str) -> tuple[str, Parts]:
        """Return the id and the files of the item of a kind."""
        ((identifier, item),) = (each for each in self.items.items() if each[1]["type"] == kind)
        return identifier, item["files"]


class _Handler(BaseHTTPRequestHandler):
    fabric: Fabric

    def do_GET(self) -> None:
        fabric, base = self.fabric, f"/v1/workspaces/{WORKSPACE}"
        if self._noted():
            return
        if self.path == "/v1/workspaces":
            self._answer(200, {"value": [{"id": WORKSPACE, "displayName": "Sales"}]})
        elif self.path == base:
            self._answer(200, {"id": WORKSPACE, "displayName": "Sales"})
        elif self.path == f"{base}/folders":
            self._answer(200, {"value": []})
        elif self.path == f"{base}/items":
            listed = [
                {"id": each, "description": "", **item} for each, item in fabric.items.items()
            ]
            self._answer(200, {"value": listed})
        elif match := re.fullmatch(r"/v1/operations/([^/]+)(/result)?", self.path):
            item = {"id": match[1], **fabric.items[match[1]]}
            location = {} if match[2] else {"Location": f"{fabric.url}{self.path}/result"}
            self._answer(200, item if match[2] else {"status": "Succeeded"}, **location)
        else:
            self._answer(404, {"message": "No such thing"})

    def do_POST(self) -> None:
        fabric, base = self.fabric, f"/v1/workspaces/{WORKSPACE}"
        if self._noted():
            return
        files = {
            part["path"]: base64.b64decode(part["payload"]).decode()
            for part in self.body["definition"]["parts"]
        }
        if self.path == f"{base}/items":
            identifier = f"00000000-0000-0000-0000-{len(fabric.items) + 1:012}"
            item = {name: self.body[name] for name in ("displayName", "type")}
            fabric.items[identifier] = item | {"files": files}
            # Takes its time over a semantic model, as Fabric does.
            if item["type"] == "SemanticModel":
                self._answer(202, {}, Location=f"{fabric.url}/v1/operations/{identifier}")
            else:
                self._answer(201, {"id": identifier, **item})
        else:
            match = re.fullmatch(rf"{base}/items/([^/]+)/updateDefinition\?\S+", self.path)
            assert match, self.path
            fabric.items[match[1]]["files"] = files
            self._answer(200, {})

    def _noted(self) -> bool:
        """Read and note the request; tell whether it was refused."""
        fabric = self.fabric
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fabric.requests.append(f"{self.command} {self.path}")
        if self.headers["Authorization"] != "Bearer a-token":
            self._answer(401, {"message": "Who are you?"})
        elif fabric.refuses and re.search(fabric.refuses, fabric.requests[-1]):
            self._answer(403, {"message": "You may not do that"})
        else:
            return False
        return True

    def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


class _Credential:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken("a-token", 2**32)


class _NobodySignedIn:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise ClientAuthenticationError("Attempted credentials:\n\tAzureCliCredential: no")


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fabric]:
    fabric = Fabric()
    handler = type("Handler", (_Handler,), {"fabric": fabric})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        fabric.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr("fabric_cicd.constants.DEFAULT_API_ROOT_URL", fabric.url)
        monkeypatch.setattr("fabric_cicd.constants.FABRIC_API_ROOT_URL", fabric.url)
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", _Credential)
        monkeypatch.setenv("FABRIC_CICD_RETRY_DELAY_OVERRIDE_SECONDS", "0")
        yield fabric
        server.shutdown()


@pytest.fixture
def publish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command; return its exit status and what it printed."""
    monkeypatch.setenv("C360_SQL_SERVER", SERVER)
    monkeypatch.setenv("C360_SQL_DATABASE", "retail")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object, workspace: str = "Sales", environment: str = "prod") -> Any:
        options = ["--workspace", workspace, "--environment", environment, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", ["c360", "powerbi", "publish", *options])
        status = cli._call()
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return call


def project(folder: str) -> Parts:
    """Return the files of an item as the project has them."""
    root = POWERBI / folder
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }


def test_model_and_report_arrive_with_what_the_environment_has(
    fabric: Fabric, publish: Callable[..., tuple[int, str]]
) -> None:
    status, output = publish()
    assert status == 0, output
    model_id, model = fabric.received("SemanticModel")
    report_id, report = fabric.received("Report")

    expressions = "definition/expressions.tmdl"
    expected = project("Customer360.SemanticModel")
    assert f'expression Server = "{SERVER}" meta' in model[expressions]
    assert 'expression Database = "retail" meta' in model[expressions]
    assert model.pop(expressions) != expected.pop(expressions)
    assert model == expected

    binding = json.loads(report.pop("definition.pbir"))["datasetReference"]
    assert binding.keys() == {"byConnection"}
    assert binding["byConnection"]["pbiModelDatabaseName"] == model_id
    expected = project("Customer360.Report")
    del expected["definition.pbir"]
    assert report == expected

    for told in (model_id, report_id, "Sales", "24 files", "credentials", "docs/powerbi.md"):
        assert told in output


def test_publishing_again_replaces_what_is_there(
    fabric: Fabric, publish: Callable[..., tuple[int, str]]
) -> None:
    assert publish(workspace=WORKSPACE)[0] == 0
    before = {kind: fabric.received(kind)[0] for kind in ("SemanticModel", "Report")}
    fabric.items[before["Report"]]["files"] = {}
    status, output = publish(workspace=WORKSPACE)
    assert status == 0
    assert {kind: fabric.received(kind)[0] for kind in before} == before
    assert all(identifier in output for identifier in before.values())
    assert fabric.received("Report")[1]
    assert "GET /v1/workspaces" not in fabric.requests, "the id was given"


def test_a_dry_run_shows_what_would_arrive_and_contacts_nobody(
    fabric: Fabric,
    publish: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish()
    asked = len(fabric.requests)
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", None)
    status, output = publish("--dry-run")
    assert status == 0
    assert len(fabric.requests) == asked
    lines = [line.split() for line in output.splitlines() if line.startswith("  ")]
    listed = {" ".join(words[:-1]): words[-1] for words in lines if words[0] not in "+-"}
    for kind in ("SemanticModel", "Report"):
        for path, text in fabric.received(kind)[1].items():
            if path not in (".platform", "definition.pbir"):  # of both; holds the id to be
                assert listed[path] == f"{len(text.encode()):,}", path
    assert '- expression Server = "localhost"' in output
    assert f'+ expression Server = "{SERVER}"' in output
    assert '- expression Database = "customer360"' in output
    assert '+ expression Database = "retail"' in output
    assert "Nothing was sent" in output


def test_the_database_has_a_default(
    publish: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("C360_SQL_DATABASE")
    status, output = publish("--dry-run")
    assert status == 0
    assert "expression Database" not in output, "as in the project"


def test_values_may_stand_in_the_parameter_file(
    fabric: Fabric,
    publish: Callable[..., tuple[int, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("C360_SQL_SERVER")
    for path in POWERBI.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(POWERBI)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    parameters = yaml.safe_load((POWERBI / "parameter.yml").read_text(encoding="utf-8"))
    server, database = parameters["find_replace"]
    server["replace_value"] = {"test": "test-server", "prod": "$ENV:SOME_OTHER_NAME"}
    database["replace_value"] = {"_ALL_": "retail"}
    parameters["semantic_model_binding"] = {"default": {"connection_id": {"prod": WORKSPACE}}}
    (tmp_path / "parameter.yml").write_text(yaml.safe_dump(parameters), encoding="utf-8")

    assert publish("--source", tmp_path, environment="test")[0] == 0
    expressions = fabric.received("SemanticModel")[1]["definition/expressions.tmdl"]
    assert re.findall(r'= "([^"]+)" meta', expressions) == ["test-server", "retail"]


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("GET .*/folders", "Nothing was published before that."),
        ("POST .*/items$", "Nothing was published before that."),
    ],
)
def test_what_fabric_refuses_is_told_in_one_line(
    fabric: Fabric, publish: Callable[..., tuple[int, str]], refused: str, told: str
) -> None:
    fabric.refuses = refused
    status, output = publish()
    assert status == 1
    (line,) = output.splitlines()
    assert line.startswith("c360: Publishing to the workspace Sales failed: ")
    assert "You may not do that" in line
    assert line.endswith(told)


def test_a_failure_half_way_says_what_is_published(
    fabric: Fabric, publish: Callable[..., tuple[int, str]]
) -> None:
    publish()
    fabric.refuses = "POST .*/items/00000000-0000-0000-0000-000000000002/"
    status, output = publish()
    assert status == 1
    assert output.strip().endswith("SemanticModel Customer 360 was published before that.")


def test_an_unknown_workspace_is_named(
    fabric: Fabric, publish: Callable[..., tuple[int, str]]
) -> None:
    status, output = publish(workspace="Sails")
    assert status == 1
    assert "could not be resolved from workspace name: Sails. Nothing was published" in output


def test_nobody_signed_in(
    fabric: Fabric,
    publish: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", _NobodySignedIn)
    status, output = publish()
    assert status == 1
    assert "No way to sign in to Fabric was found. Run `az login`" in output
    assert fabric.requests == []


@pytest.mark.parametrize("dry_run", [["--dry-run"], []])
def test_what_is_missing_is_told_before_anything_is_sent(
    fabric: Fabric,
    publish: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dry_run: list[str],
) -> None:
    def told(*arguments: object, **options: str) -> str:
        status, output = publish(*dry_run, *arguments, **options)
        assert status == 1
        return output.strip()

    assert "knows no environment stage, only dev, prod. Add it" in told(environment="stage")
    assert f"no Power BI project in {tmp_path}: it has no parameter.yml" in told(
        "--source", tmp_path
    )
    (tmp_path / "parameter.yml").write_text("find_replace: [", encoding="utf-8")
    assert "parameter.yml is no YAML" in told("--source", tmp_path)
    monkeypatch.delenv("C360_SQL_SERVER")
    assert "C360_SQL_SERVER is not set, which" in told()
    monkeypatch.setenv("C360_SQL_SERVER", SERVER)
    monkeypatch.setitem(sys.modules, "fabric_cicd", None)
    assert "packages that are not installed (fabric_cicd). Run `make setup`" in told()
    assert fabric.requests == []


def test_each_parameter_finds_what_it_replaces() -> None:
    parameters = yaml.safe_load((POWERBI / "parameter.yml").read_text(encoding="utf-8"))
    for entry in parameters["find_replace"]:
        text = (POWERBI / entry["file_path"]).read_text(encoding="utf-8")
        assert len(re.findall(entry["find_value"], text)) == 1, entry["find_value"]
