"""The Power BI project, published to a Fabric workspace: behind `c360 powerbi publish`.

fabric-cicd does the work: it puts in what `parameter.yml` has for the environment, sends the
semantic model, and sends the report bound to it. What it sends passes through a `_Wire`, which
notes it; a dry run is the same publish with nobody at the other end.
"""

import base64
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from flows.terminal import plain
from lake.errors import C360Error, InputError

PARAMETERS = "parameter.yml"
ITEM_TYPES = ["SemanticModel", "Report"]
# What a variable is when it is not set, as in profiles.example.yml.
DEFAULTS = {"C360_SQL_DATABASE": "customer360"}

_VARIABLE = re.compile(r"\$ENV:(\w+)")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_WORKSPACE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class SentFile:
    """One file of an item, and how what was sent differs from what the project has."""

    path: str
    size: int
    changes: list[str]


@dataclass(frozen=True)
class SentItem:
    """The semantic model or the report, and its id in the workspace."""

    kind: str
    name: str
    id: str
    files: list[SentFile]


def publish(source: Path, workspace: str, environment: str, dry_run: bool) -> list[SentItem]:
    """Send the project in `source` to a workspace, by id or name; a dry run contacts nobody."""
    parameters = _filled_in(source / PARAMETERS, environment)
    try:
        import fabric_cicd  # type: ignore[import-untyped]
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise C360Error(
            f"Publishing to Fabric needs packages that are not installed ({error.name}). Run "
            "`make setup` in the project's folder."
        ) from error
    # They tell of every step; what they warn of is enough, and a dry run has nothing to warn of.
    logging.getLogger("fabric_cicd").setLevel(logging.ERROR if dry_run else logging.WARNING)
    logging.getLogger("azure.identity").setLevel(logging.ERROR)

    wire = _Wire(source)
    where = {"workspace_id" if _GUID.fullmatch(workspace) else "workspace_name": workspace}
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / PARAMETERS).write_text(parameters, encoding="utf-8")
            target = fabric_cicd.FabricWorkspace(
                repository_directory=str(source.resolve()),
                item_type_in_scope=ITEM_TYPES,
                environment=environment,
                parameter_file_path=str(Path(folder) / PARAMETERS),
                token_credential=_NoCredential() if dry_run else DefaultAzureCredential(),
                **({"workspace_id": _NO_WORKSPACE} if dry_run else where),
            )
        wire.endpoint = None if dry_run else target.endpoint
        target.endpoint = wire
        fabric_cicd.publish_all_items(target)
    except Exception as error:  # the package's own errors have no class in common that is public
        if isinstance(error.__cause__, ClientAuthenticationError):
            raise C360Error(
                "No way to sign in to Fabric was found. Run `az login`, or set a service "
                "principal's AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET."
            ) from error
        sent = " and ".join(f"{item.kind} {item.name}" for item in wire.sent)
        raise C360Error(
            f"Publishing to the workspace {workspace} failed: {_reason(error)}. "
            f"{sent or 'Nothing'} was published before that."
        ) from error
    return wire.sent


def print_published(console: Console, items: list[SentItem], workspace: str, dry_run: bool) -> None:
    """Print what was sent, or what would be, and what to do next."""
    for item in items:
        size = sum(file.size for file in item.files)
        _print(
            console,
            "Would send " if dry_run else "Sent ",
            plain(f"{item.kind} {item.name}", "bold"),
            f" to the workspace {workspace}: {len(item.files)} files, {size:,} bytes"
            + ("" if dry_run else f"; its id is {item.id}"),
        )
        for file in item.files if dry_run else []:
            _print(console, f"  {file.path} ", (f"{file.size:,}", "dim"))
            for change in file.changes:
                _print(console, f"    {change}")
    _print(
        console,
        "Nothing was sent, and nobody was contacted."
        if dry_run
        else "Next: give the semantic model its credentials for the database (once), and refresh "
        "it; docs/powerbi.md says how.",
    )


def _print(console: Console, *parts: str | Text | tuple[str, str]) -> None:
    line = Text.assemble(*(plain(part) if isinstance(part, str) else part for part in parts))
    console.print(line, highlight=False, soft_wrap=True)


def _filled_in(path: Path, environment: str) -> str:
    """Return the text of a parameter file with the variables that this environment needs put in."""
    if not path.is_file():
        raise InputError(
            f"There is no Power BI project in {path.parent}: it has no {path.name}. Name its "
            "folder with --source."
        )
    text = path.read_text(encoding="utf-8")
    try:
        choices = list(_choices(yaml.safe_load(text)))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no YAML: {error}") from error
    values: dict[str, str] = {}
    for key, choice in choices:
        if environment not in choice and [*choice] != ["_ALL_"]:
            if key == "connection_id":  # an environment may do without
                continue
            raise InputError(
                f"{path} knows no environment {environment}, only {', '.join(map(str, choice))}. "
                "Add it there, or name one of these with --environment."
            )
        for name in _VARIABLE.findall(str(choice.get(environment, choice.get("_ALL_")))):
            values[name] = os.environ.get(name) or DEFAULTS.get(name, "")
            if not values[name]:
                raise C360Error(
                    f"{name} is not set, which {path} takes for the environment {environment}. "
                    "Set it, or write its value there."
                )
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _choices(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield whatever has a value for each environment in a parameter file, with its key."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("replace_value", "connection_id") and isinstance(value, dict):
                yield key, value
            else:
                yield from _choices(value)
    elif isinstance(node, list):
        for value in node:
            yield from _choices(value)


class _NoCredential:
    """Signs in to nothing, for a dry run."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken("", 2**32)


class _Wire:
    """Stands where fabric-cicd talks to Fabric, and notes every item that goes through."""

    def __init__(self, source: Path) -> None:
        self.endpoint: Any = None  # where it goes on to; a dry run ends here
        self.sent: list[SentItem] = []
        self._folders = {
            (about["type"], about["displayName"]): path.parent
            for path in source.rglob(".platform")
            for about in [json.loads(path.read_text(encoding="utf-8"))["metadata"]]
        }

    def invoke(self, method: str, url: str, body: Any = "{}", **options: Any) -> dict[str, Any]:
        """Send a request; a workspace that nobody asks is empty and takes everything."""
        if self.endpoint:
            answer = self.endpoint.invoke(method=method, url=url, body=body, **options)
        else:
            answer = {"header": {}, "status_code": 200, "body": {"value": [], "id": "<new id>"}}
        if isinstance(body, dict) and "definition" in body:
            updated = re.search(r"/items/([^/]+)/updateDefinition", url)
            identifier = updated[1] if updated else answer["body"]["id"]
            self.sent.append(self._item(identifier, body["definition"]["parts"]))
        return dict(answer)

    def _item(self, identifier: str, parts: list[dict[str, str]]) -> SentItem:
        contents = {part["path"]: base64.b64decode(part["payload"]) for part in parts}
        about = json.loads(contents[".platform"])["metadata"]
        folder = self._folders[about["type"], about["displayName"]]
        files = [
            SentFile(path, len(sent), _changes((folder / path).read_bytes(), sent))
            for path, sent in sorted(contents.items())
        ]
        return SentItem(about["type"], about["displayName"], identifier, files)


def _changes(before: bytes, after: bytes) -> list[str]:
    if before == after:
        return []
    one, other = ([line.strip() for line in each.decode().splitlines()] for each in (before, after))
    return [line for line in ndiff(one, other) if line[0] in "+-"]


def _reason(error: Exception) -> str:
    """Return what an error says; that of a publish keeps its reasons in a list of items."""
    reasons = [f"{name}: {reason}" for name, reason in getattr(error, "errors", [])]
    return (" ".join(reasons) or str(error)).rstrip(". ")
