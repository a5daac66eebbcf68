"""A run killed at any moment leaves the old state or the new one; the next run makes all good.

The home that is restored before each kill has two published runs over the first batch, and one
version beside the published one is kept, so that the run that is killed, over the second batch,
also has an old version to remove.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pytest

from demo.generator import generate
from tests.support.state import (
    State,
    check_readable,
    differences,
    leftovers,
    published,
    relations,
    state,
)
from tests.support.steps import Driver

C360 = Path(sys.executable).with_name("c360")


@dataclass
class Scene:
    """The home before the run, and what an uninterrupted run makes of it."""

    driver: Driver
    home: Path
    saved: Path
    second: Path
    old: State
    new: State
    before: str
    events: dict[str, list[str]]

    def restore(self, saved: Path | None = None) -> None:
        """Put a saved home where the home is: its warehouse's views hold the path."""
        shutil.rmtree(self.home)
        shutil.copytree(saved or self.saved, self.home)

    def event(self, step: str, share: float) -> str:
        """Return the point that so much of a step's changes come before."""
        return f"{step}:{ceil(share * len(self.events[step]))}"

    def check_reader(self) -> str:
        """Assert that a reader sees the old state or the new one; return which."""
        check_readable(self.home)
        seen = {"relations": relations(self.home)}
        if not differences(seen, {"relations": self.old["relations"]}):
            return "old"
        mixed = differences(seen, {"relations": self.new["relations"]})
        assert not mixed, mixed
        return "new"

    def check_end(self) -> None:
        """Assert that everything is as after the uninterrupted run, and nothing is left over."""
        wrong = differences(state(self.home), self.new)
        assert not wrong, wrong
        check_readable(self.home)
        assert leftovers(self.home) == []

    def finish(self) -> None:
        """Run to the end."""
        run = self.driver.run("--input", self.second, "--home", self.home)
        assert run.returncode == 0, run.errors


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module", autouse=True)
def one_version_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Declare it for all runs here, those of the command too."""
    sources = tmp_path_factory.mktemp("declared") / "sources.yml"
    sources.write_text("versions: {keep: 1}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("C360_SOURCES", str(sources))
        yield


@pytest.fixture(scope="module")
def scene(parses: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    work = tmp_path_factory.mktemp("kill")
    first, second, home, saved = (work / name for name in ("first", "second", "home", "saved"))
    generate(first, transactions=400, dirt=0.05)
    generate(second, transactions=400, dirt=0.05, batch=2)
    with Driver(parses) as driver:
        for _ in range(2):
            run = driver.run("--input", first, "--home", home, "--full")
            assert run.returncode == 0, run.errors
        record = published(home)
        assert record
        old = state(home)
        shutil.copytree(home, saved)
        run = driver.run("--input", second, "--home", home, "--count", work / "events.json")
        assert run.returncode == 0, run.errors
        events = json.loads((work / "events.json").read_text())
        new = state(home)
        assert differences(new, old)
        assert leftovers(home) == []
        yield Scene(driver, home, saved, second, old, new, record["version"], events)


# One after the other, in one home: each kill leaves something for those after it.
POINTS = (
    *(("land_files", 0.3), ("land_files", 0.9), ("recover", 0.8), ("commit_batch", 1.0)),
    *(("stage_warehouse", 1.0), ("build_silver", 0.5), ("build_marts", 0.9), ("write_report", 1.0)),
)


def test_killed_before_publish(scene: Scene) -> None:
    scene.restore()
    for step, share in POINTS:
        run = scene.driver.run(
            "--input", scene.second, "--home", scene.home, "--kill-at", scene.event(step, share)
        )
        assert run.killed, f"it ended with {run.returncode} before {step} {share}: {run.errors}"
        assert scene.check_reader() == "old"
        record = published(scene.home)
        assert record
        assert record["version"] == scene.before
    scene.finish()
    scene.check_end()


@pytest.fixture(scope="module")
def ready(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home in which all that is left is to publish, and the version that is to be published."""
    scene.restore()
    run = scene.driver.run("--input", scene.second, "--home", scene.home, "--kill-at", "publish:1")
    assert run.killed, run.errors
    assert scene.check_reader() == "old"
    (version,) = {
        path.parent.name
        for path in (scene.home / "lake/silver").rglob("*.parquet")
        if path.parent.name > scene.before
    }
    folder = tmp_path_factory.mktemp("ready") / "home"
    shutil.copytree(scene.home, folder)
    return folder, version


def kill_in_publish(scene: Scene, ready: tuple[Path, str], number: int) -> str:
    """Publish what is ready, kill that before a change; return what a reader sees then."""
    folder, version = ready
    scene.restore(folder)
    resume = ("--home", scene.home, "--resume", version)
    run = scene.driver.run(*resume, "--kill-at", f"publish:{number}")
    assert run.killed, f"change {number}: {run.returncode} {run.errors}"
    return scene.check_reader()


def test_killed_anywhere_in_publish(scene: Scene, ready: tuple[Path, str]) -> None:
    """Around the change that decides, among those after it, and when the oldest version goes.

    Each and every one is gone through in tests/unit/test_publish.py.
    """
    events = scene.events["publish"]
    intent = events.index("os.rename publish.json") + 1
    end = events.index("os.rmdir staging") + 1
    last = len(events)
    assert last > end + 10, "the oldest version was not removed"
    seen = []
    for number in (2, intent, intent + 1, (intent + end) // 2, end, (end + last) // 2, last):
        change = f"{number}: {events[number - 1]}"
        seen.append(kill_in_publish(scene, ready, number))
        run = scene.driver.run("--home", scene.home, "--steps", "recover")
        assert run.returncode == 0, f"{change}: {run.errors}"
        assert not (scene.home / "publish.json").exists(), change
        record = published(scene.home)
        assert record
        if number <= intent:
            assert scene.check_reader() == "old", change
            assert record["version"] == scene.before, change
        else:
            wrong = differences(state(scene.home), scene.new)
            assert not wrong, (change, wrong)
            check_readable(scene.home)
            assert record["version"] == ready[1], change
    assert seen == sorted(seen, reverse=True), "readers went back to the old state"
    assert set(seen) == {"old", "new"}


def test_run_after_a_kill_in_publish(scene: Scene, ready: tuple[Path, str]) -> None:
    kill_in_publish(scene, ready, scene.events["publish"].index("os.rename warehouse.duckdb") + 1)
    scene.finish()
    scene.check_end()


def test_a_run_is_private_and_keeps_the_modes_that_it_finds(scene: Scene) -> None:
    """Here, since a run over a home that is there takes least time here."""
    scene.restore()
    private = {path: mode(path) for path in scene.home.rglob("*")}
    assert [path for path, found in private.items() if found & 0o077] == []
    opened = {
        scene.home: 0o755,
        scene.home / "warehouse.duckdb": 0o644,
        scene.home / "docs": 0o755,
        scene.home / "report": 0o755,
        scene.home / "docs/index.html": 0o644,
        scene.home / "report/index.html": 0o640,
    }
    for path, wanted in opened.items():
        path.chmod(wanted)
    scene.finish()
    assert {path: mode(path) for path in opened} == opened
    # What is kept was open, and stands now in a folder that only its owner can enter.
    kept = scene.home / "versions"
    assert mode(kept) == 0o700
    others = {
        path: mode(path)
        for path in scene.home.rglob("*")
        if path not in opened and kept not in path.parents
    }
    assert [path for path, found in others.items() if found & 0o077] == []


def test_the_command_killed_at_some_moment(scene: Scene) -> None:
    """The real command, killed wherever it is, DuckDB's own writes included."""
    scene.restore()
    with subprocess.Popen(
        [str(C360), "run", "--input", str(scene.second), "--home", str(scene.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as run:
        assert run.stdout
        told = []
        for line in run.stdout:
            told.append(line)
            if "Landed" in line:
                break
        else:
            pytest.fail(f"It never said that it landed: {''.join(told)}")
        time.sleep(1.0)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL, "it had ended before"
    scene.check_reader()
    scene.finish()
    scene.check_end()
