"""The home: its folders, and one run at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.home import Home, project_dir
from lake.errors import C360Error

HOLD = """
import sys
from flows.home import Home
with Home.at(sys.argv[1]).lock():
    print("locked", flush=True)
    input()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.prepare()
    return home


def test_prepare_makes_the_folders_and_may_be_repeated(home: Home) -> None:
    home.prepare()
    assert home.lake.is_dir()
    assert home.logs.is_dir()


def test_a_second_run_is_told_who_holds_the_home(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "locked\n"
        told = rf"Another run .*process {other.pid}"
        with pytest.raises(C360Error, match=told) as failure, home.lock():
            pass
        assert failure.value.passing
        other.send_signal(signal.SIGKILL)
    with home.lock():
        assert home.lock_file.read_text().strip() == str(os.getpid())


def test_the_lock_is_free_after_a_run(home: Home) -> None:
    for _ in range(2):
        with home.lock():
            pass


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(C360Error, match=r"cannot be written \(it is a file\).*--home"):
        Home.at(tmp_path / "home").prepare()


def test_a_home_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(C360Error, match=r"cannot be written .*no permission"):
        Home.at(tmp_path).prepare()


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(C360Error, match="cannot be written"):
        Home.at(tmp_path / "file" / "home").prepare()


def test_the_project_is_found_beside_the_package_or_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("C360_PROJECT_DIR", raising=False)
    assert (project_dir() / "dbt_project.yml").exists()
    monkeypatch.setenv("C360_PROJECT_DIR", str(tmp_path))
    with pytest.raises(C360Error, match=r"no dbt_project\.yml"):
        project_dir()
    (tmp_path / "dbt_project.yml").write_text("")
    assert project_dir() == tmp_path
