"""What a run told its user: one clear line when it fails, and nobody's data or token."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path


def assert_one_line(run: subprocess.CompletedProcess[str]) -> str:
    """Assert that a run failed with exit status 1 and one line on stderr; return the line."""
    assert run.returncode == 1, run.stdout + run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("c360: ")
    assert "Traceback" not in run.stdout
    return line


def assert_discreet(home: Path, secrets: Iterable[str], *printed: str) -> None:
    """Assert that neither what was printed nor the home's logs hold any of the secrets."""
    logs = [path.read_text() for path in (home / "logs").rglob("*") if path.is_file()]
    assert logs
    for text in (*printed, *logs):
        for secret in secrets:
            assert secret not in text
