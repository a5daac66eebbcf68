"""What every lake promises: writes are whole or not there at all, and one of several wins.

With C360_LIVE_LAKE, an `abfss://` location, a real one is held to it too (`pytest -m live`), in a
folder that is deleted again.
"""

import os
import random
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lake import local as local_lake
from lake.errors import C360Error, ConflictError, LakeError
from lake.local import LocalLake
from lake.opening import open_lake

KINDS = ["local", "adls"]
if LIVE := os.environ.get("C360_LIVE_LAKE"):
    KINDS.append(pytest.param("live", marks=pytest.mark.live))


@pytest.fixture(params=KINDS)
def location(request, tmp_path, monkeypatch):
    if request.param == "local":
        yield str(tmp_path / "lake")
    elif request.param == "live":
        place = f"{LIVE}/test-{secrets.token_hex(8)}"
        yield place
        open_lake(place).delete_tree("")
    else:
        environment = request.getfixturevalue("azurite").filesystem()
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield f"{environment['C360_LAKE']}/some/folder"


@pytest.fixture
def lake(location):
    return open_lake(location)


@pytest.fixture
def local(tmp_path):
    return LocalLake(tmp_path / "lake")


def files(lake):
    """Return all that stands in the lake, temporaries too."""
    if isinstance(lake, LocalLake):
        return sorted(str(p.relative_to(lake.root)) for p in lake.root.rglob("*") if p.is_file())
    return sorted(path for path, is_folder in lake._entries("", True) if not is_folder)


def folders(lake):
    if isinstance(lake, LocalLake):
        return sorted(str(p.relative_to(lake.root)) for p in lake.root.rglob("*") if p.is_dir())
    return sorted(path for path, is_folder in lake._entries("", True) if is_folder)


def leave_behind(lake, path):
    """Leave what a writer leaves that is killed."""
    if isinstance(lake, LocalLake):
        (lake.root / path).write_bytes(b"half")
    else:
        lake._file(path).create_file()


def test_a_write_appears_when_it_is_complete(lake):
    with lake.open_write("a/b.txt") as file:
        file.write(b"one")
        assert list(lake.list("")) == []
        assert not lake.exists("a/b.txt")
    assert lake.exists("a/b.txt")
    assert lake.read_bytes("a/b.txt") == b"one"
    with lake.open_read("a/b.txt") as file:
        assert file.read() == b"one"


def test_a_folder_has_the_size_of_what_is_in_it(lake):
    lake.write_bytes("a/b.txt", b"123")
    lake.write_bytes("a/c/d.txt", b"45678")
    lake.write_bytes("e.txt", b"9")
    leave_behind(lake, "a/.tmp-0")
    assert [lake.size(folder) for folder in ("a", "a/c", "", "nowhere")] == [8, 5, 9, 0]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(lake):
    lake.write_bytes("a/b.txt", b"old")

    def fail(path):
        with lake.open_write(path) as file:
            file.write(b"new")
            raise RuntimeError

    for path in ("a/b.txt", "c/d.txt"):
        with pytest.raises(RuntimeError):
            fail(path)
    assert lake.read_bytes("a/b.txt") == b"old"
    assert files(lake) == ["a/b.txt"]
    assert folders(lake) == ["a"]


def test_a_stream_comes_back_as_it_was_written_whatever_its_pieces(lake):
    pieces = random.Random(7)
    data = pieces.randbytes(9_500_000)
    with lake.open_write("a") as file:
        start = 0
        for size in (1, 0, 4_194_304, 4_194_303, 65_536, len(data)):
            file.write(data[start : start + size])
            start += size
    with lake.open_read("a") as file:
        assert b"".join(iter(lambda: file.read(1_000_003), b"")) == data
        assert file.seek(-5, os.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        assert file.read(1) == b""
        file.seek(4_194_300)
        file.seek(2, os.SEEK_CUR)
        assert (file.read(4), file.tell()) == (data[4_194_302:4_194_306], 4_194_306)
    assert lake.read_bytes("a") == data


def test_an_empty_file_and_any_name_can_be_written(lake):
    lake.write_bytes("Łódź/a b+c%20&d=é.txt", b"")
    assert list(lake.list("Łódź")) == ["Łódź/a b+c%20&d=é.txt"]
    assert lake.read_bytes("Łódź/a b+c%20&d=é.txt") == b""
    with lake.open_read("Łódź/a b+c%20&d=é.txt") as file:
        assert file.read(10) == b""


def test_list_is_sorted_and_stays_in_its_folder(lake):
    for path in ("x/b", "x/a", "x/y/c", "z/d", "xy"):
        lake.write_bytes(path, b"")
    assert list(lake.list("x")) == ["x/a", "x/b", "x/y/c"]
    assert list(lake.list("x", recursive=False)) == ["x/a", "x/b"]
    assert list(lake.list("nowhere")) == []
    assert list(lake.list("")) == ["x/a", "x/b", "x/y/c", "xy", "z/d"]


def test_move_replaces_and_leaves_no_empty_folder(lake):
    lake.write_bytes("a/b/c", b"1")
    lake.write_bytes("d", b"2")
    lake.move("a/b/c", "d")
    assert files(lake) == ["d"]
    assert lake.read_bytes("d") == b"1"
    assert folders(lake) == []


def test_move_makes_the_folder_that_it_leads_to(lake):
    lake.write_bytes("a/b", b"1")
    lake.write_bytes("a/c", b"2")
    lake.move("a/b", "d/e/f")
    assert lake.read_bytes("d/e/f") == b"1"
    assert folders(lake) == ["a", "d", "d/e"]


def test_deleting_what_is_not_there_is_no_error(lake):
    lake.delete("a/b")
    lake.delete_tree("a")
    lake.write_bytes("a/b", b"")
    lake.delete("a/b")
    lake.write_bytes("a/c/d", b"")
    lake.delete_tree("a")
    assert files(lake) == []
    assert folders(lake) == []


def test_what_is_deleted_takes_no_folder_from_what_is_written_beside_it(local, monkeypatch):
    begun = threading.Event()

    class SlowWriter(local_lake._Writer):
        def __init__(self, *arguments):
            begun.set()
            time.sleep(0.2)  # its folder is there, and nothing in it
            super().__init__(*arguments)

    monkeypatch.setattr(local_lake, "_Writer", SlowWriter)
    with ThreadPoolExecutor() as threads:
        written = threads.submit(local.write_bytes, "rows/stores/one", b"1")
        begun.wait()
        local.delete("rows/stores/another")
        written.result()
    assert local.read_bytes("rows/stores/one") == b"1"


def test_a_folder_is_no_file(lake):
    lake.write_bytes("a/b/c", b"")
    assert not lake.exists("a/b")
    assert not lake.exists("a/x")
    assert lake.exists("a/b/c")


def test_temporaries_of_a_killed_writer_are_hidden_and_can_be_removed(lake):
    lake.write_bytes("a/b", b"")
    lake.write_bytes("c/d/e", b"")
    leave_behind(lake, "a/.tmp-0011")
    leave_behind(lake, "c/d/.tmp-0011")
    lake.delete("c/d/e")
    assert folders(lake) == ["a", "c", "c/d"]
    assert list(lake.list("")) == ["a/b"]
    lake.remove_temporaries("a")
    assert files(lake) == ["a/b", "c/d/.tmp-0011"]
    lake.remove_temporaries("")
    assert files(lake) == ["a/b"]
    assert folders(lake) == ["a"]


def test_what_is_not_there_is_named(lake):
    for action in (lake.read_bytes, lake.open_read, lambda path: lake.move(path, "b")):
        with pytest.raises(LakeError, match=r"(?i)cannot (read|write) .*: .*no such file.*"):
            action("a/nowhere")
    assert lake.read_versioned("a/nowhere") == (None, None)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_no_path_leads_out_of_the_lake(lake, path):
    with pytest.raises(LakeError, match="not a path inside"):
        lake.exists(path)


# Conditional writes


def test_a_write_wins_only_over_the_version_that_it_expects(lake):
    lake.write_bytes("a/b", b"1", expected=None)
    data, first = lake.read_versioned("a/b")
    assert data == b"1"
    with pytest.raises(ConflictError, match=r"a/b was changed by another run meanwhile"):
        lake.write_bytes("a/b", b"2", expected=None)
    lake.write_bytes("a/b", b"2", expected=first)
    with pytest.raises(ConflictError):
        lake.write_bytes("a/b", b"3", expected=first)
    data, second = lake.read_versioned("a/b")
    assert data == b"2"
    assert second != first
    lake.delete("a/b")
    with pytest.raises(ConflictError):
        lake.write_bytes("a/b", b"3", expected=second)
    assert files(lake) == []


def test_a_conditional_write_can_be_repeated(lake):
    for _ in range(2):
        lake.write_bytes("a/b", b"1", expected=None)
    _, version = lake.read_versioned("a/b")
    for _ in range(2):
        lake.write_bytes("a/b", b"2", expected=version)
    assert lake.read_bytes("a/b") == b"2"


def test_of_several_writers_that_expect_the_same_version_one_wins(location, monkeypatch):
    open_lake(location).write_bytes("a/b", b"old")
    together = threading.Barrier(6)
    replace = os.replace

    def take_time(source, target):
        time.sleep(0.02)
        replace(source, target)

    monkeypatch.setattr(os, "replace", take_time)

    def write(number):
        lake = open_lake(location)
        _, version = lake.read_versioned("a/b")
        together.wait()
        try:
            lake.write_bytes("a/b", b"%d" % number, expected=version)
        except ConflictError:
            return None
        return b"%d" % number

    with ThreadPoolExecutor(6) as pool:
        won = [data for data in pool.map(write, range(6)) if data]
    lake = open_lake(location)
    assert [lake.read_bytes("a/b")] == won
    assert files(lake) == ["a/b"]


def test_exclusive_use_lets_its_holder_work(lake):
    lake.check_exclusive()
    with lake.exclusive():
        lake.check_exclusive()
        lake.write_bytes("a/b", b"1")
    with lake.exclusive():
        lake.delete("a/b")
    assert list(lake.list("a")) == []


# The local lake


def test_failures_are_lake_errors_that_name_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    lake = LocalLake(tmp_path / "file")
    with pytest.raises(LakeError, match=r"Cannot write .*file/a/b"):
        lake.write_bytes("a/b", b"")
    with pytest.raises(LakeError, match=r"Cannot read .*file/a/b"):
        lake.read_bytes("a/b")
    with pytest.raises(LakeError, match="Cannot write"):
        lake.move("a", "b")


def test_a_full_disk_is_a_lake_error(local):
    local.write_bytes("a/b", b"old")

    def fill():
        with local.open_write("a/b") as file:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file.fileno())
            os.close(full)
            file.write(b"x" * 100_000)

    with pytest.raises(LakeError, match=r"Cannot write .*a/b: No space left"):
        fill()
    assert files(local) == ["a/b"]
    assert local.read_bytes("a/b") == b"old"


def test_engines_get_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LocalLake(Path("lake")).uri("a/b") == str(tmp_path / "lake" / "a" / "b")


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket/x",
        "abfss://account.dfs.core.windows.net",
        "abfss://a@b/c",
        "abfss://a@b.dfs.core.windows.net/c?sig=s3cret",
    ],
)
def test_a_location_that_is_none_is_told(location):
    message = "must be a folder, or like abfss://container@account"
    with pytest.raises(C360Error, match=message) as error:
        open_lake(location)
    assert "s3cret" not in str(error.value)
