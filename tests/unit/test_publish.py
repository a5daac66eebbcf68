"""Publishing: all at once or not at all, wherever a run is killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from lake import versions
from lake.errors import C360Error
from lake.local import LocalLake
from lake.versions import Published, PublishedEntity, Retention
from warehouse import publish as publishing
from warehouse import staged
from warehouse.home import Home

V1, V2, V3 = "20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb", "20260103T000000Z-cccccc"

# For each number that it is told: publishes in a process that is killed before that change.
BUILD = """
import os, signal, sys
from tests.unit.test_publish import build, publish_build, V2
from warehouse.home import Home

home, count = Home.at(sys.argv[1]), 0

def kill(event, arguments):
    global count
    if event in ("os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"):
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

for line in sys.stdin:
    last, child = int(line), os.fork()
    if not child:
        copied = build(home, V2)
        sys.addaudithook(kill)
        publish_build(home, V2, copied)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def build(home: Home, version: str) -> staged.WarehouseState:
    """Stand in for the steps of a run: one silver entity, a warehouse that shows it, the pages."""
    copied = staged.stage_warehouse(home)
    folder = home.lake / "silver" / "customers" / version
    folder.mkdir(parents=True)
    file = folder / "customers.parquet"
    with duckdb.connect(home.staged_warehouse) as connection:
        connection.execute(f"copy (select '{version}' as version) to '{file}'")
        connection.execute(f"create or replace view customers as from read_parquet('{file}')")
        connection.execute(f"create or replace table facts as select '{version}' as version")
        connection.execute("create table if not exists history (version text)")
        connection.execute("insert into history values (?)", [version])
    for folder in (home.staged_docs, home.staged_report):
        folder.mkdir()
        (folder / "index.html").write_text(version)
    return copied


def publish_build(home: Home, version: str, copied: staged.WarehouseState) -> None:
    lake = LocalLake(home.lake)
    current = versions.published(lake)
    new = Published(
        version,
        "2026-01-02T00:00:00Z",
        ["batch"],
        {"customers": PublishedEntity([f"silver/customers/{version}"], 1)},
        current.version if current else None,
        current.folders if current else [],
    )
    publishing.publish(home, lake, new, copied)


def run(home: Home, version: str) -> None:
    lake = LocalLake(home.lake)
    publishing.recover(home, lake)
    publish_build(home, version, build(home, version))
    publishing.tidy(home, lake, before=version)


def modes(home: Home) -> dict[str, int]:
    """Return the mode of everything in the home that is no control file of a run."""
    return {
        path.relative_to(home.root).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in home.root.rglob("*")
        if path != home.lock_file
    }


def seen(home: Home) -> set[str]:
    """Return the versions that somebody who opens the warehouse sees: one, if all is well."""
    with duckdb.connect(home.warehouse, read_only=True) as connection:
        rows = connection.execute("from customers union all from facts").fetchall()
    return {row[0] for row in rows}


def pages(home: Home) -> list[str]:
    """Return the versions that the pages are of: documentation, report."""
    shown = [folder / "index.html" for folder in (home.docs, home.report)]
    return [page.read_text() for page in shown if page.exists()]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def first(home: Home) -> Home:
    run(home, V1)
    return home


def test_publish_shows_the_version_everywhere(home: Home) -> None:
    run(home, V1)
    published = versions.published(LocalLake(home.lake))
    assert published
    assert published.version == V1
    assert published.entities["customers"] == PublishedEntity([f"silver/customers/{V1}"], 1)
    assert seen(home) == {V1}
    assert pages(home) == [V1, V1]
    assert not home.staging.exists()
    assert not home.intent.exists()


def test_what_is_published_is_for_its_owner_alone(home: Home) -> None:
    before = os.umask(0o022)
    try:
        with home.lock():
            run(home, V1)
    finally:
        os.umask(before)
    found = modes(home)
    assert found["warehouse.duckdb"] == found["report/index.html"] == 0o600
    assert {mode & 0o077 for mode in found.values()} == {0}


def test_the_modes_that_an_administrator_gave_stay(home: Home) -> None:
    with home.lock():
        run(home, V1)
    home.root.chmod(0o755)
    home.warehouse.chmod(0o644)
    for folder in (home.docs, home.report):
        folder.chmod(0o755)
    (home.docs / "index.html").chmod(0o640)
    before = modes(home)
    with home.lock():
        run(home, V2)
    found = modes(home)
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o755
    for name in ("warehouse.duckdb", "docs", "report", "docs/index.html", "lake", "logs"):
        assert found[name] == before[name], name
    assert found["report/index.html"] == 0o644  # its folder is open


def test_whoever_may_read_silver_may_read_its_next_version(home: Home) -> None:
    with home.lock():
        run(home, V1)
    silver = home.lake / "silver"
    for path in (silver, *silver.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with home.lock():
        run(home, V2)
    found = {name: mode for name, mode in modes(home).items() if name.startswith("lake/silver")}
    assert found[f"lake/silver/customers/{V2}"] == 0o755
    assert found[f"lake/silver/customers/{V2}/customers.parquet"] == 0o644
    assert found["lake/silver/published.json"] == 0o644


def test_history_and_tables_of_users_are_carried_on(first: Home) -> None:
    run(first, V2)
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        assert connection.execute("from history order by all").fetchall() == [(V1,), (V2,)]


@pytest.mark.parametrize("keep", [0, 1])
def test_the_version_before_stays_readable_and_older_ones_go_unless_kept(
    first: Home, keep: int
) -> None:
    run(first, V2)
    run(first, V3)
    lake = LocalLake(first.lake)
    publishing.tidy(first, lake, before=V3, retention=Retention(keep=keep))
    folders = sorted(path.name for path in (first.lake / "silver" / "customers").iterdir())
    assert folders == [V2, V3]
    assert versions.kept_names(lake) == [V2][:keep]


def test_parts_of_older_versions_are_kept_while_they_are_published(first: Home) -> None:
    lake = LocalLake(first.lake)
    folders = [f"silver/customers/{version}" for version in (V1, V2, V3)]
    for parts in (folders[:2], folders):
        version = versions.version_of(parts[-1])
        copied = build(first, version)
        current = versions.published(lake)
        assert current
        entities = {"customers": PublishedEntity(parts, len(parts))}
        publishing.publish(
            first,
            lake,
            Published(
                version,
                "2026-01-02T00:00:00Z",
                ["batch"],
                entities,
                current.version,
                current.folders,
            ),
            copied,
        )
        assert publishing.tidy(first, lake, before=version) == []
    assert versions.published(lake) == Published(
        V3, "2026-01-02T00:00:00Z", ["batch"], entities, V2, folders[:2]
    )


def test_a_version_that_the_warehouse_shows_is_kept(first: Home) -> None:
    by_hand = first.lake / "silver" / "customers" / V2
    shutil.copytree(first.lake / "silver" / "customers" / V1, by_hand)
    with duckdb.connect(first.warehouse) as connection:
        file = by_hand / "customers.parquet"
        connection.execute(f"create or replace view customers as from read_parquet('{file}')")
    assert publishing.tidy(first, LocalLake(first.lake), before=V3) == []
    assert by_hand.exists()


def test_what_a_failed_build_left_is_removed(first: Home) -> None:
    build(first, V2)
    staged = first.lake / "staging" / "stg_customers" / V2
    staged.mkdir(parents=True)
    (staged / "stg_customers.parquet").write_bytes(b"PAR1")
    lake = LocalLake(first.lake)
    assert publishing.recover(first, lake)
    assert publishing.tidy(first, lake, before=V3) == [V2]
    assert not first.staging.exists()
    assert not staged.exists()
    assert seen(first) == {V1}


def test_a_build_by_hand_that_is_under_way_is_left_alone(first: Home) -> None:
    newer = first.lake / "silver" / "customers" / V3
    newer.mkdir()
    (newer / "customers.parquet").write_bytes(b"PAR1")
    publishing.tidy(first, LocalLake(first.lake), before=V2)
    assert newer.exists()


def test_nothing_is_published_without_its_silver_files(first: Home) -> None:
    copied = build(first, V2)
    shutil.rmtree(first.lake / "silver" / "customers" / V2)
    with pytest.raises(C360Error, match="customers has no files"):
        publish_build(first, V2, copied)
    assert seen(first) == {V1}


def test_changes_by_another_program_are_not_overwritten(first: Home) -> None:
    copied = build(first, V2)
    with duckdb.connect(first.warehouse) as connection:
        connection.execute("create table mine (x int)")
    with pytest.raises(C360Error, match="another program wrote"):
        publish_build(first, V2, copied)
    assert seen(first) == {V1}


def test_a_change_while_the_build_is_written_to_the_disk_is_not_lost(
    first: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_durable = publishing.make_durable

    def write_meanwhile(files: list[Path]) -> None:
        make_durable(files)
        with duckdb.connect(first.warehouse) as connection:
            connection.execute("create table mine (x int)")

    copied = build(first, V2)
    monkeypatch.setattr(publishing, "make_durable", write_meanwhile)
    with pytest.raises(C360Error, match="another program wrote"):
        publish_build(first, V2, copied)
    assert seen(first) == {V1}


def test_a_change_while_the_warehouse_is_copied_is_not_lost(
    first: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def copy_then_write(source: Path, target: Path) -> None:
        copy(source, target)
        with duckdb.connect(source) as connection:
            connection.execute("create table mine (x int)")

    monkeypatch.setattr(staged.shutil, "copyfile", copy_then_write)
    with pytest.raises(C360Error, match=r"another program wrote .*Run again") as failure:
        publish_build(first, V2, build(first, V2))
    assert failure.value.passing
    monkeypatch.undo()
    publishing.recover(first, LocalLake(first.lake))
    run(first, V2)
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        assert connection.execute("from mine").fetchall() == []


def test_a_warehouse_open_for_writing_elsewhere_is_refused(
    first: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged, "OPEN_ATTEMPTS", 2)
    monkeypatch.setattr(staged, "OPEN_WAIT_SECONDS", 0.01)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(first.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        with pytest.raises(C360Error, match=rf"open for writing .*process {other.pid}"):
            staged.stage_warehouse(first)
        other.communicate("\n")
    staged.stage_warehouse(first)


def test_a_reader_does_not_stop_a_publish_and_keeps_what_it_sees(first: Home) -> None:
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        "print('open', flush=True); input(); print(c.execute('from facts').fetchall())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(first.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "open\n"
        run(first, V2)
        assert V1 in reader.communicate("\n")[0]
    assert seen(first) == {V2}


def test_changes_that_a_killed_program_left_in_its_log_are_kept(first: Home) -> None:
    code = (
        "import duckdb, os, signal, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute('create table mine as select 1 as x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(first.warehouse)], check=False)
    log = first.warehouse.with_name("warehouse.duckdb.wal")
    assert log.exists()
    run(first, V2)
    assert not log.exists()
    with duckdb.connect(first.warehouse, read_only=True) as connection:
        assert connection.execute("from mine").fetchall() == [(1,)]


def test_a_damaged_warehouse_is_reported(first: Home) -> None:
    first.warehouse.write_bytes(b"not a database" * 1000)
    with pytest.raises(C360Error, match="cannot be opened"):
        staged.stage_warehouse(first)


@pytest.mark.parametrize("with_pages", [True, False])
def test_a_kill_anywhere_leaves_one_version_and_the_next_run_completes_it(
    first: Home, tmp_path: Path, with_pages: bool
) -> None:
    if not with_pages:
        shutil.rmtree(first.docs)
        shutil.rmtree(first.report)
    pristine = tmp_path / "pristine"
    first.root.rename(pristine)
    outcomes = []
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(first.root)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        for number in range(100):
            shutil.copytree(pristine, first.root)
            print(number, file=child.stdin, flush=True)
            returncode = int(child.stdout.readline())
            assert returncode in (0, -signal.SIGKILL)
            before = seen(first)
            assert len(before) == 1, f"a mix after a kill before step {number}"
            begun = first.intent.exists()
            lake = LocalLake(first.lake)
            publishing.recover(first, lake)
            publishing.tidy(first, lake, before=V3)
            published = versions.published(lake)
            assert published
            assert seen(first) == {published.version}
            assert not begun or published.version == V2
            shown = with_pages or published.version == V2
            assert pages(first) == [published.version] * 2 * shown
            assert not first.staging.exists()
            assert not first.intent.exists()
            kept = {path.name for path in (first.lake / "silver" / "customers").iterdir()}
            assert kept == ({V1} if published.version == V1 else {V1, V2})
            outcomes.append((before.pop(), published.version))
            run(first, V3)
            assert seen(first) == {V3}
            shutil.rmtree(first.root)
            if returncode == 0:
                break
        else:
            pytest.fail("the child never came to its end")
    assert {(V1, V1), (V1, V2), (V2, V2)} == set(outcomes)


@pytest.mark.parametrize("name", ["home", "it's [a] home"])
def test_a_warehouse_is_whole_while_its_parts_are_where_its_views_name_them(
    tmp_path: Path, name: str
) -> None:
    home = Home.at(tmp_path / name)
    home.prepare()
    lake, parts = LocalLake(home.lake), home.lake / "silver" / "customers"
    parts.mkdir(parents=True)
    files = [parts / f"{version}.parquet" for version in (V1, V2)]
    with duckdb.connect(home.warehouse) as connection:
        for file in files:
            connection.table_function("range", [1]).write_parquet(str(file))
        named = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
        connection.execute("create schema silver")
        connection.execute(f"create view silver.customers as from read_parquet([{named}])")
    assert staged.is_whole(home.warehouse, lake)
    assert not staged.is_whole(home.warehouse, LocalLake(tmp_path / "elsewhere"))
    files[0].unlink()
    assert not staged.is_whole(home.warehouse, lake)
