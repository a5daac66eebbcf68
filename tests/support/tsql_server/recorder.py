"""Keeps every batch that a driver sent, and the faults that a test wants to happen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlglot.tokens import TokenType

from tests.support.tsql_server.batch import tokenize
from tests.support.tsql_server.errors import SqlServerError

STATEMENTS = "statements.jsonl"
FAULTS = "faults.json"


@dataclass(frozen=True)
class Recorded:
    """A batch as a driver sent it, with the error that it ended with and the seconds it had."""

    server: str
    database: str
    sql: str
    parameters: list[Any]
    error: str | None
    limit: int = 0  # 0: it may take for ever


def record(folder: Path, batch: Recorded) -> None:
    """Append a batch."""
    line = json.dumps(asdict(batch), default=str, ensure_ascii=False) + "\n"
    with (folder / STATEMENTS).open("a", encoding="utf-8") as file:
        file.write(line)


def recorded(folder: Path) -> list[Recorded]:
    """Return the batches in the order in which they came; none when nothing was sent."""
    path = folder / STATEMENTS
    if not path.exists():
        return []
    return [Recorded(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def parse_all(batches: Iterable[Recorded | str]) -> list[str]:
    """Return what Microsoft's own grammar (maxdop) finds wrong with batches, once each."""
    texts = list(dict.fromkeys(b if isinstance(b, str) else b.sql for b in batches))
    with tempfile.TemporaryDirectory() as folder:
        for place, text in enumerate(texts):
            Path(folder, f"{place:05d}.sql").write_text(_with_variables(text), encoding="utf-8")
        # As the drivers have it: double quotes are for names.
        Path(folder, ".maxdop.json").write_text(
            '{"initialQuotedIdentifiers": true}', encoding="utf-8"
        )
        program = str(Path(sys.executable).with_name("maxdop"))
        run = subprocess.run(
            [program, "--write", folder], capture_output=True, text=True, check=False
        )
    output = run.stdout + run.stderr
    found = re.findall(r"(\d{5})\.sql: (could not .*)", output) if run.returncode else []
    if run.returncode and not found:
        return [output]
    return [f"{error.strip()} in {texts[int(place)]}" for place, error in found]


def _with_variables(sql: str) -> str:
    """Put variables where the driver's markers (?) are, as the server gets them."""
    if "?" not in sql:
        return sql
    pieces, place = [], 0
    for token in tokenize(sql):
        if token.token_type == TokenType.PLACEHOLDER:
            pieces += [sql[place : token.start], "@P"]
            place = token.end + 1
    return "".join(pieces) + sql[place:]


@dataclass(frozen=True)
class Fault:
    """An error that a batch is to end with; with `after`, it leaves a part of its effect behind."""

    error: str
    after: bool
    number: int = 50000
    state: str = "42000"

    def as_error(self) -> SqlServerError:
        """Return it as the server's error."""
        return SqlServerError(self.number, self.error, self.state)


def take_fault(folder: Path, server: str, sql: str) -> Fault | None:
    """Use up the first fault that is meant for this batch, if there is one.

    faults.json lists them: {"pattern", "error"} and, if wanted, "server", "times", "number",
    "state" and "after". A login counts as the batch `LOGIN <user>`.
    """
    path = folder / FAULTS
    if not path.exists():
        return None
    faults = json.loads(path.read_text(encoding="utf-8"))
    for fault in faults:
        meant = fault.get("server", server) == server and fault.get("times", 1) > 0
        if meant and re.search(fault["pattern"], sql, re.IGNORECASE | re.DOTALL):
            fault["times"] = fault.get("times", 1) - 1
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(faults), encoding="utf-8")
            temporary.replace(path)
            details = {name: fault[name] for name in ("number", "state") if name in fault}
            return Fault(fault["error"], bool(fault.get("after")), **details)
    return None
