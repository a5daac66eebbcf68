"""A lake's writes are whole or not there at all."""

import os
from pathlib import Path

import pytest

from ingest.errors import LakeError
from ingest.lake import LocalLake


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def files(lake):
    return sorted(str(p.relative_to(lake.root)) for p in lake.root.rglob("*") if p.is_file())


def test_a_write_appears_when_it_is_complete(lake):
    with lake.open_write("a/b.txt") as file:
        file.write(b"one")
        assert list(lake.list("")) == []
        assert not lake.exists("a/b.txt")
    assert lake.exists("a/b.txt")
    assert lake.read_bytes("a/b.txt") == b"one"
    with lake.open_read("a/b.txt") as file:
        assert file.read() == b"one"


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
    assert not (lake.root / "c").exists()


def test_list_is_sorted_and_stays_in_its_folder(lake):
    for path in ("x/b", "x/a", "x/y/c", "z/d"):
        lake.write_bytes(path, b"")
    assert list(lake.list("x")) == ["x/a", "x/b", "x/y/c"]
    assert list(lake.list("x", recursive=False)) == ["x/a", "x/b"]
    assert list(lake.list("nowhere")) == []


def test_move_replaces_and_leaves_no_empty_folder(lake):
    lake.write_bytes("a/b/c", b"1")
    lake.write_bytes("d", b"2")
    lake.move("a/b/c", "d")
    assert files(lake) == ["d"]
    assert lake.read_bytes("d") == b"1"
    assert not (lake.root / "a").exists()


def test_deleting_what_is_not_there_is_no_error(lake):
    lake.delete("a/b")
    lake.delete_tree("a")
    lake.write_bytes("a/b", b"")
    lake.delete("a/b")
    lake.write_bytes("a/c/d", b"")
    lake.delete_tree("a")
    assert files(lake) == []


def test_temporaries_of_a_killed_writer_are_hidden_and_can_be_removed(lake):
    lake.write_bytes("a/b", b"")
    (lake.root / "a" / ".tmp-0011").write_bytes(b"half")
    assert list(lake.list("")) == ["a/b"]
    lake.remove_temporaries("")
    assert files(lake) == ["a/b"]


def test_failures_are_lake_errors_that_name_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    lake = LocalLake(tmp_path / "file")
    with pytest.raises(LakeError, match=r"Cannot write .*file/a/b"):
        lake.write_bytes("a/b", b"")
    with pytest.raises(LakeError, match=r"Cannot read .*file/a/b"):
        lake.read_bytes("a/b")
    with pytest.raises(LakeError, match="Cannot write"):
        lake.move("a", "b")


def test_a_full_disk_is_a_lake_error(lake):
    lake.write_bytes("a/b", b"old")

    def fill():
        with lake.open_write("a/b") as file:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file.fileno())
            os.close(full)
            file.write(b"x" * 100_000)

    with pytest.raises(LakeError, match=r"Cannot write .*a/b: No space left"):
        fill()
    assert files(lake) == ["a/b"]
    assert lake.read_bytes("a/b") == b"old"


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_no_path_leads_out_of_the_lake(lake, path):
    with pytest.raises(LakeError, match="not a path inside"):
        lake.exists(path)


def test_engines_get_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LocalLake(Path("lake")).uri("a/b") == str(tmp_path / "lake" / "a" / "b")
