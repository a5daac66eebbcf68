"""Rolling back: what was published is published again, whole, wherever it is killed."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from identity import store as identity_store
from lake import audit, paths, versions
from lake.errors import C360Error, InputError
from lake.local import LocalLake
from lake.versions import Retention
from tests.unit.test_publish import V1, V2, V3, build, pages, publish_build, run, seen
from warehouse import kept_versions, staged
from warehouse import publish as publishing
from warehouse.home import Home

V4 = "20260104T000000Z-dddddd"

# For each number that it is told: rolls back in a process that is killed before that change.
ROLL_BACK = """
import os, signal, sys
from lake import versions
from lake.local import LocalLake
from warehouse import publish as publishing
from warehouse.home import Home

home, count = Home.at(sys.argv[1]), 0

def kill(event, arguments):
    global count
    if event in ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"):
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

for line in sys.stdin:
    last, child = int(line), os.fork()
    if not child:
        lake = LocalLake(home.lake)
        sys.addaudithook(kill)
        publishing.rollback(home, lake, versions.find_kept(lake, None))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which V1 was published, and then V2."""
    home = Home.at(tmp_path / "home")
    home.prepare()
    run(home, V1)
    run(home, V2)
    return home


def roll_back(home: Home, version: str | None = None) -> None:
    lake = LocalLake(home.lake)
    publishing.rollback(home, lake, versions.find_kept(lake, version))


def shown(home: Home) -> dict[str, str]:
    """Return a digest of every file that people open, and of what says which version counts."""
    files = [home.warehouse, home.lake / paths.PUBLISHED]
    files += [path for folder in (home.docs, home.report) for path in folder.rglob("*")]
    return {
        path.relative_to(home.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def test_a_rollback_shows_the_version_before_everywhere(home: Home) -> None:
    roll_back(home)
    published = versions.published(LocalLake(home.lake))
    assert published
    assert published.version == V1
    assert seen(home) == {V1}
    assert pages(home) == [V1, V1]
    assert not home.staging.exists()
    assert not home.intent.exists()


def test_back_and_forward_again_is_equal_to_the_byte(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.prepare()
    run(home, V1)
    first = shown(home)
    assert len(first) == 4
    run(home, V2)
    second = shown(home)
    assert {name for name in first if first[name] == second[name]} == set()
    for _ in range(2):
        roll_back(home, V1)
        assert shown(home) == first
        roll_back(home, V2)
        assert shown(home) == second
    assert [each.version for each in versions.kept_versions(LocalLake(home.lake))] == [V1]


def test_the_next_run_goes_on_from_the_version_rolled_back_to(home: Home) -> None:
    roll_back(home)
    run(home, V3)
    with duckdb.connect(home.warehouse, read_only=True) as connection:
        assert connection.execute("from history order by all").fetchall() == [(V1,), (V3,)]
    assert versions.kept_names(LocalLake(home.lake)) == [V1, V2]
    roll_back(home)  # to what it went on from, not to the one with the number before
    assert seen(home) == {V1}


def test_what_replaces_the_documentation_later_does_not_change_what_is_kept(home: Home) -> None:
    home.staged_docs.mkdir(parents=True)
    (home.staged_docs / "index.html").write_text("written anew")
    publishing.exchange_pages(home)
    shutil.rmtree(home.staging)
    copied = build(home, V3)
    shutil.rmtree(home.staged_docs)  # as where the project is the same
    publish_build(home, V3, copied)
    roll_back(home)
    assert pages(home) == ["written anew", V2]
    roll_back(home, V3)
    assert pages(home) == ["written anew", V3]


def test_what_somebody_built_by_hand_is_kept_with_the_version(home: Home) -> None:
    by_hand = home.lake / "silver" / "customers" / V3
    shutil.copytree(home.lake / "silver" / "customers" / V2, by_hand)
    with duckdb.connect(home.warehouse) as connection:
        file = by_hand / "customers.parquet"
        connection.execute(f"create or replace view customers as from read_parquet('{file}')")
        connection.execute("create table mine as select 1 as x")
    run(home, V4)
    run(home, "20260105T000000Z-eeeeee")
    roll_back(home, V2)
    assert seen(home) == {V2}
    with duckdb.connect(home.warehouse, read_only=True) as connection:
        assert connection.execute("from mine").fetchall() == [(1,)]


def test_who_is_who_goes_back_too(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.prepare()
    lake = LocalLake(home.lake)
    run(home, V1)  # nobody was matched yet
    for version in (V2, V3):
        run(home, version)
        identity_store.write_knowledge(lake, version, {"record_parts": [version]})
        identity_store.write_table(lake, version, "records", pa.table({"n": [1]}))
        identity_store.publish(lake, version)
    roll_back(home)
    assert identity_store.current_version(lake) == V2
    identity_store.tidy(lake)
    roll_back(home, V1)
    assert identity_store.current_version(lake) is None
    identity_store.tidy(lake)
    roll_back(home, V3)
    assert identity_store.current_version(lake) == V3
    assert identity_store.has_table(lake, V3, "records")
    kept_versions.remove_kept(home, lake)
    assert not identity_store.has_knowledge(lake, V2)


def test_a_kill_anywhere_in_a_rollback_leaves_one_version_and_the_next_run_completes_it(
    home: Home, tmp_path: Path
) -> None:
    first = home.kept(V1)
    expected = {
        V1: {V1, hashlib.sha256(first.warehouse.read_bytes()).hexdigest()},
        V2: {V2, hashlib.sha256(home.warehouse.read_bytes()).hexdigest()},
    }
    pristine = tmp_path / "pristine"
    home.root.rename(pristine)
    outcomes = []
    with subprocess.Popen(
        [sys.executable, "-c", ROLL_BACK, str(home.root)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        for number in range(200):
            shutil.copytree(pristine, home.root)
            print(number, file=child.stdin, flush=True)
            returncode = int(child.stdout.readline())
            assert returncode in (0, -signal.SIGKILL)
            before = seen(home)
            assert len(before) == 1, f"a mix after a kill before change {number}"
            begun = home.intent.exists()
            lake = LocalLake(home.lake)
            publishing.recover(home, lake)
            published = versions.published(lake)
            assert published
            version = published.version
            assert not begun or version == V1
            digest = hashlib.sha256(home.warehouse.read_bytes()).hexdigest()
            assert {*seen(home), digest} == expected[version]
            assert pages(home) == [version] * 2
            other = V2 if version == V1 else V1
            assert versions.kept_names(lake) == [other]
            assert os.listdir(home.versions) == [other]
            assert not home.staging.exists()
            assert not home.intent.exists()
            told = [entry.action for entry in audit.read(lake)]
            assert told == ["rollback"] * (version == V1)
            outcomes.append((before.pop(), version))
            if number % 4 == 0:  # of all it would take long
                publishing.tidy(home, lake, before=V2)
                roll_back(home, other)
                assert seen(home) == {other}
                run(home, V3)
                assert seen(home) == {V3}
            shutil.rmtree(home.root)
            if returncode == 0:
                break
        else:
            pytest.fail("the child never came to its end")
    assert {(V2, V2), (V2, V1), (V1, V1)} == set(outcomes)


def test_a_rollback_is_in_the_audit_log(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing.getpass, "getuser", lambda: "operator")
    roll_back(home)
    (entry,) = audit.read(LocalLake(home.lake))
    assert (entry.action, entry.by) == ("rollback", "operator")
    assert (entry.detail["version"], entry.detail["from_version"]) == (V1, V2)
    assert versions.rolled_back(LocalLake(home.lake)) == entry
    run(home, V3)
    assert versions.rolled_back(LocalLake(home.lake)) is None


def test_versions_are_kept_by_count_and_age(home: Home) -> None:
    lake = LocalLake(home.lake)
    run(home, V3)
    run(home, V4)
    assert versions.kept_names(lake) == [V1, V2, V3]
    old = versions.kept_versions(lake)[1]
    long_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    aged = versions.Kept(long_ago, old.folders, old.identity, old.content)
    lake.write_bytes(paths.kept_version(V2), aged.to_json())
    assert kept_versions.remove_overdue(home, lake, Retention(keep=3, days=9)) == []
    assert kept_versions.remove_overdue(home, lake, Retention(keep=3, days=7)) == [V2]
    assert kept_versions.remove_overdue(home, lake, Retention(keep=1, days=7)) == [V1]
    publishing.tidy(home, lake, before=V4, retention=Retention(keep=1))
    assert os.listdir(home.versions) == [V3]
    assert sorted(os.listdir(home.lake / "silver" / "customers")) == [V3, V4]
    publishing.tidy(home, lake, before=V4, retention=Retention(keep=0))
    assert not home.versions.exists()


def test_every_kept_version_can_be_removed_at_once(home: Home) -> None:
    run(home, V3)
    lake = LocalLake(home.lake)
    assert kept_versions.remove_kept(home, lake) == [V1, V2]
    assert versions.kept_names(lake) == []
    assert not home.versions.exists()
    assert os.listdir(home.lake / "silver" / "customers") == [V3]
    assert seen(home) == {V3}
    run(home, V4)
    assert versions.kept_names(lake) == [V3]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (V2, f"{V2} is what is published. Kept are {V1}"),
        ("2025", f"version 2025 is not kept. Kept are {V1}"),
        ("", "is not kept"),
    ],
)
def test_a_version_that_cannot_be_meant_is_refused(home: Home, version: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        roll_back(home, version)
    assert seen(home) == {V2}


def test_the_beginning_of_a_version_is_enough_where_it_tells_one(home: Home) -> None:
    run(home, V3)
    with pytest.raises(InputError, match=r"may be any of the versions .*Give more of it"):
        roll_back(home, "202601")
    roll_back(home, "20260101")
    assert seen(home) == {V1}
    with pytest.raises(InputError, match="is the first version that was published"):
        roll_back(home)


def test_a_version_before_that_is_not_kept_is_named(home: Home) -> None:
    run(home, V3)
    kept_versions.remove(home, LocalLake(home.lake), [V2])
    with pytest.raises(InputError, match=f"{V2}, the version before {V3}, is not kept"):
        roll_back(home)


@pytest.mark.parametrize("gone", ["warehouse", "silver", "identity"])
def test_a_version_of_which_something_is_gone_is_refused_before_anything_changes(
    home: Home, gone: str
) -> None:
    lake = LocalLake(home.lake)
    before = shown(home)
    kept = versions.find_kept(lake, None)
    if gone == "warehouse":
        home.kept(V1).warehouse.unlink()
    elif gone == "silver":
        shutil.rmtree(home.lake / "silver" / "customers" / V1)
    else:
        kept = versions.Kept(kept.kept_at, kept.folders, V1, kept.content)
    with pytest.raises(C360Error, match=f"{V1} cannot be published again"):
        publishing.rollback(home, lake, kept)
    assert shown(home) == before
    assert not home.intent.exists()
    assert versions.kept_names(lake) == [V1]


def test_a_version_that_cannot_be_kept_is_published_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_versions.os, "link", full)
    with pytest.raises(C360Error, match=r"could not be kept .*No space left.* nothing was changed"):
        roll_back(home)
    assert seen(home) == {V2}
    publishing.recover(home, LocalLake(home.lake))
    publish_build(home, V3, build(home, V3))
    assert seen(home) == {V3}
    assert f"{V2} is not kept" in caplog.text
    monkeypatch.undo()
    lake = LocalLake(home.lake)
    publishing.recover(home, lake)
    assert versions.kept_names(lake) == [V1]
    assert os.listdir(home.versions) == [V1]


def test_a_warehouse_open_for_writing_elsewhere_is_not_rolled_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged, "OPEN_ATTEMPTS", 1)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        with pytest.raises(C360Error, match="open for writing"):
            roll_back(home)
        other.communicate("\n")
    assert seen(home) == {V2}
    roll_back(home)
    assert seen(home) == {V1}
