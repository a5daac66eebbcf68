"""What the commands that show what is published say where there is no warehouse to read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows import cli
from warehouse import connection
from warehouse.home import Home

COMMANDS = [
    ["customer", "1"],
    ["status"],
    ["docs"],
    ["docs", "--serve", "--no-browser"],
    ["report"],
    ["report", "--serve", "--no-browser"],
]


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> str:
    """Call the command, which fails; return its one line."""
    monkeypatch.setattr(sys, "argv", ["c360", *map(str, arguments)])
    assert cli._call() == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def on_azure(tmp_path: Path) -> Home:
    """A home as runs on target azure leave it: dbt's folders for both servers, no warehouse."""
    home = Home.at(tmp_path / "home")
    home.prepare()
    for target in ("synapse", "azure_sql", "azure_sql_next"):
        (home.dbt_target / target).mkdir()
    return home


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_home_of_runs_on_azure_says_where_things_are(
    on_azure: Home,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = said(monkeypatch, capsys, *command, "--home", on_azure.root)
    assert "Nothing is published" not in line
    assert "`c360 status --target azure` shows what is published" in line
    assert str(on_azure.report / "index.html") in line
    assert str(on_azure.docs / "index.html") in line
    assert "Azure SQL in marts.customer_360" in line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_new_home_says_that_nothing_is_published(
    tmp_path: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = said(monkeypatch, capsys, *command, "--home", tmp_path / "home")
    assert "Nothing is published" in line
    assert "--target azure" not in line


def test_memory_grows_with_the_rows_up_to_half_of_the_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("C360_MEMORY_LIMIT", raising=False)
    monkeypatch.setattr(connection.os, "sysconf", {"SC_PHYS_PAGES": 4e6, "SC_PAGE_SIZE": 4e3}.get)
    assert connection.memory_limit(0) == connection.memory_limit(40_000_000) == "2GB"
    assert connection.memory_limit(134_000_000) == "7GB"
    assert connection.memory_limit(1_000_000_000) == "8GB"
    monkeypatch.setenv("C360_MEMORY_LIMIT", "3GB")
    assert connection.memory_limit(1_000_000_000) == "3GB"
