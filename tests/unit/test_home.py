"""The home: its folders, and one run at a time."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.errors import C360Error
from warehouse.home import Home, keep_modes, personal_data_shown, project_dir

HOLD = """
import sys
from warehouse.home import Home
with Home.at(sys.argv[1]).lock():
    print("locked", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """What a system gives its users: others may read what they write."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


def test_a_home_that_no_database_can_be_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(C360Error, match=r"has a \? in its path"):
        Home.at(tmp_path / "what?").prepare()
    assert list(tmp_path.iterdir()) == []


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


# --- Who may read it ----------------------------------------------------------------------------


def write_in(home: Home, name: str) -> Path:
    """Write a file in a new folder of the lake, as a run does."""
    file = home.lake / name / "file"
    with home.lock():
        file.parent.mkdir()
        file.write_text("")
    return file


def test_a_new_home_is_for_its_owner_alone(home: Home) -> None:
    assert [mode(folder) for folder in (home.root, home.lake, home.logs)] == [0o700] * 3
    file = write_in(home, "new")
    log = home.new_log_file("v")
    assert [mode(path) for path in (file.parent, file, log)] == [0o700, 0o600, 0o600]
    assert mode(home.lock_file) == 0o600


def test_what_is_written_elsewhere_afterwards_has_the_usual_mode(
    home: Home, tmp_path: Path
) -> None:
    write_in(home, "new")
    (tmp_path / "mine").write_text("")
    assert mode(tmp_path / "mine") == 0o644


def test_a_folder_that_was_there_keeps_its_mode_and_what_is_made_in_it_is_private(
    tmp_path: Path,
) -> None:
    home = Home.at(tmp_path)
    tmp_path.chmod(0o755)
    home.prepare()
    assert (mode(home.root), mode(home.lake)) == (0o755, 0o700)
    assert mode(write_in(home, "new")) == 0o600


def test_a_home_of_an_earlier_version_stays_as_open_as_it_was(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.lake.mkdir()
    home.logs.mkdir()
    home.prepare()
    file = write_in(home, "new")
    opened = (home.lake, home.logs, file.parent, file, home.new_log_file("v"))
    assert [mode(path) for path in opened] == [0o755, 0o755, 0o755, 0o644, 0o644]


def test_files_follow_a_lake_that_was_opened_to_a_group(home: Home) -> None:
    home.lake.chmod(0o750)
    file = write_in(home, "new")
    assert [mode(path) for path in (file.parent, file)] == [0o750, 0o640]


def test_logs_follow_a_folder_that_was_opened(home: Home) -> None:
    home.logs.chmod(0o750)
    assert mode(home.new_log_file("v")) == 0o640


def test_what_replaces_a_folder_has_its_modes_and_new_files_in_it_follow(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir(mode=0o700)
        for name in ("restricted", "private"):
            (folder / name).touch(mode=0o600)
    (new / "added").touch(mode=0o600)
    old.chmod(0o755)
    (old / "restricted").chmod(0o640)
    keep_modes(old, new)
    assert mode(new) == 0o755
    modes = {path.name: mode(path) for path in new.iterdir()}
    assert modes == {"restricted": 0o640, "private": 0o644, "added": 0o644}


def test_what_replaces_a_file_has_its_group(tmp_path: Path) -> None:
    own = os.getegid()
    others = [group for group in os.getgroups() if group != own] or [own + 1] * (not os.geteuid())
    if not others:
        pytest.skip("whoever runs the tests is in one group only")
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch(mode=0o640)
    new.touch(mode=0o600)
    os.chown(old, -1, others[0])
    keep_modes(old, new)
    assert (mode(new), new.stat().st_gid) == (0o640, others[0])


# --- Personal data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"), [("1", False), ("TRUE", False), (" on ", False), ("0", True), ("", True)]
)
def test_the_environment_says_whether_personal_data_is_shown(
    monkeypatch: pytest.MonkeyPatch, value: str, shown: bool
) -> None:
    monkeypatch.setenv("C360_NO_PII", value)
    assert personal_data_shown() is shown


def test_what_says_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_NO_PII", "maybe")
    with pytest.raises(C360Error, match="C360_NO_PII is maybe; set it to 1 or 0"):
        personal_data_shown()
