"""Manifests that were folded into the index: they say the same, whatever happens meanwhile."""

import json
import os
from dataclasses import asdict, replace
from typing import Any

import pytest

from ingest.batch import Batch, remove_uncommitted
from ingest.batches import list_batches, retract, settle
from lake import manifest, paths
from lake.errors import LakeError
from lake.local import LocalLake
from lake.manifest import (
    FileRecord,
    Manifest,
    committed_batches,
    file_entries,
    fold,
    half_retracted_batches,
    read_manifest,
    read_manifests,
    read_retracted,
    remembered,
    retracted_batches,
    to_json,
)
from lake.store import Lake
from tests.support.forked import is_killed_at
from tests.support.landed import read_state
from tests.support.reading import CONTRACT

BATCHES = [f"2026010{day}T000000Z-aaaaaa" for day in range(1, 10)]
FIRST, LAST = BATCHES[0], BATCHES[-1]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_FEW", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nobody pulls the plug here


def committed(lake: Lake, batch_id: str, **said: Any) -> Manifest:
    """Commit a batch that moved the cursor of an API."""
    record = FileRecord(
        "stores", "api:orders", f"bronze/stores/{batch_id}/łódź\u2028.jsonl", "jsonl", batch_id, 1,
        rows=2, read_as={"reader": 1, "declaration": "d"},
    )  # fmt: skip
    state = {"cursor": 1.5, "batch_id": batch_id}
    written = Manifest(batch_id, "2026-01-01T00:00:00Z", [record], {"orders": state}, **said)
    written.write(lake)
    lake.write_bytes(paths.state("orders"), to_json(state))
    return written


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    """A lake of nine batches, of which the last was taken back."""
    return made(LocalLake(tmp_path / "lake"))


def made(lake: LocalLake) -> LocalLake:
    for batch_id in BATCHES:
        committed(lake, batch_id)
    retract(lake, LAST)
    return lake


def said(lake: Lake) -> dict[str, Any]:
    """Return all that a lake's manifests say, but for when batches were taken back."""
    return {
        "committed": committed_batches(lake),
        "retracted": retracted_batches(lake),
        "manifests": [asdict(each) for each in read_manifests(lake)],
        "set apart": [asdict(each) | {"retracted_at": ""} for each in read_retracted(lake)],
        "files": file_entries(lake),
        "half": half_retracted_batches(lake),
        "cursor": read_state(lake, "orders"),
    }


def standing(lake: Lake) -> list[str]:
    return [path for path in lake.list(paths.MANIFESTS) if path != paths.INDEX]


def test_folded_manifests_say_what_they_said(lake):
    before = said(lake)
    fold(lake)
    assert said(lake) == before
    assert len(standing(lake)) == len(BATCHES)  # for who has listed them, until the next run
    fold(lake)
    assert said(lake) == before
    assert standing(lake) == []
    assert [each.batch_id for each in list_batches(lake)] == BATCHES
    lines = lake.read_bytes(paths.INDEX).decode().split("\n")
    assert [json.loads(line)["batch_id"] for line in lines[:-1]] == BATCHES


def test_a_few_stand_for_themselves(tmp_path):
    lake = LocalLake(tmp_path)
    for batch_id in BATCHES[:3]:
        committed(lake, batch_id)
    before = standing(lake)
    fold(lake)
    assert standing(lake) == before
    assert not lake.exists(paths.INDEX)


def test_what_is_written_after_folding_is_newer(lake):
    fold(lake)
    fold(lake)
    changed = read_manifest(lake, FIRST)
    changed.files[0] = replace(changed.files[0], rows=7)
    changed.write(lake)
    for batch_id in ("20260201T000000Z-aaaaaa", "20260202T000000Z-aaaaaa"):
        committed(lake, batch_id)
    expected = said(lake)
    assert [entry.rows for entry in file_entries(lake)] == [7] + [2] * 9
    committed(lake, "20260203T000000Z-aaaaaa")
    expected = said(lake)
    fold(lake)
    fold(lake)
    assert said(lake) == expected
    assert standing(lake) == []


def test_a_folded_batch_is_taken_back_as_any_other(lake, tmp_path):
    other = made(LocalLake(tmp_path / "other"))
    fold(lake)
    fold(lake)
    for each in (lake, other):
        retract(each, BATCHES[6])
        retract(each, BATCHES[4])
    assert said(lake) == said(other)
    assert committed_batches(lake) == [*BATCHES[:4], BATCHES[5], BATCHES[7]]
    for day in range(1, 5):  # until many stand, and the index says that they were taken back
        for each in (lake, other):
            committed(each, f"2026020{day}T000000Z-aaaaaa")
    fold(lake)
    fold(lake)
    assert said(lake) == said(other)
    assert standing(lake) == []


def test_taking_a_folded_batch_back_may_be_cut_short_anywhere(tmp_path):
    def prepared(name: str) -> LocalLake:
        lake = made(LocalLake(tmp_path / name))
        fold(lake)
        fold(lake)
        return lake

    untouched, whole = said(prepared("untouched")), prepared("whole")
    retract(whole, BATCHES[5])
    step, alive, found = 0, False, []
    while not alive:
        step += 1
        lake = prepared(str(step))
        alive = not is_killed_at(step, lake, lambda lake: retract(lake, BATCHES[5]))
        settle(lake)
        assert remove_uncommitted(lake) == []
        found.append(said(lake))
    assert found == [untouched] * 3 + [said(whole)] * (step - 3)
    assert step > 5


def test_folding_may_be_cut_short_anywhere(tmp_path):
    expected = said(made(LocalLake(tmp_path / "whole")))
    step, alive = 0, False
    while not alive:
        step += 1
        lake = made(LocalLake(tmp_path / str(step)))

        def twice(lake: LocalLake) -> None:
            fold(lake)
            fold(lake)

        alive = not is_killed_at(step, lake, twice)
        assert said(lake) == expected
        twice(lake)
        assert said(lake) == expected
        assert len(standing(lake)) <= 3
    assert step > len(BATCHES)


@pytest.mark.parametrize("moment", [1, 2, 3])
@pytest.mark.parametrize("times", [1, 2])
def test_who_reads_while_a_run_folds_misses_no_batch(lake, moment, times):
    expected, asked = said(lake), 0
    for _ in range(times - 1):
        fold(lake)

    class Watched(LocalLake):
        """A lake that another process folds the n-th time that it is asked what there is."""

        def list(self, prefix, recursive=True):
            yield from super().list(prefix, recursive)
            self.asked()

        def exists(self, path):
            self.asked()
            return super().exists(path)

        def asked(self):
            nonlocal asked
            asked += 1
            if asked == moment:
                fold(lake)

    assert [asdict(each) for each in read_manifests(Watched(lake.root))] == expected["manifests"]


def test_what_is_remembered_is_read_once_and_follows_what_is_written(lake, monkeypatch):
    fold(lake)
    fold(lake)
    read = LocalLake.read_bytes
    reads: list[str] = []
    monkeypatch.setattr(
        LocalLake, "read_bytes", lambda self, path: reads.append(path) or read(self, path)
    )
    with remembered(lake):
        for _ in range(2):
            assert len(file_entries(lake)) == len(committed_batches(lake)) == 8
        committed(lake, new := "20260201T000000Z-aaaaaa")
        assert committed_batches(lake)[-1] == file_entries(lake)[-1].batch_id == new
        retract(lake, new)
        assert retracted_batches(lake) == [LAST, new]
        assert len(file_entries(lake)) == 8
        assert reads.count(paths.INDEX) == 1
        for day in range(2, 6):
            committed(lake, f"2026020{day}T000000Z-aaaaaa")
        fold(lake)
        assert len(file_entries(lake)) == 12


@pytest.mark.parametrize("line", [b"{}\n", b"\n\xff", b'{"batch_id": "B1"}'])
def test_a_damaged_index_is_named(lake, line):
    fold(lake)
    lake.write_bytes(paths.INDEX, lake.read_bytes(paths.INDEX) + line)
    with pytest.raises(LakeError, match=r"index of manifests .*index\.jsonl is damaged"):
        committed_batches(lake)


def test_a_damaged_line_is_named(lake):
    fold(lake)
    fold(lake)
    whole = lake.read_bytes(paths.INDEX)
    lake.write_bytes(paths.INDEX, whole.replace(b'"files":[', b'"files":', 1))
    with pytest.raises(LakeError, match=r"manifest .*index\.jsonl is damaged"):
        list(read_manifests(lake))


def test_what_an_earlier_version_left_is_found_before_the_first_folding(lake):
    left = paths.rows("stores", "20260201T000000Z-bbbbbb", "a.csv")
    lake.write_bytes(left, b"")  # without a note
    assert remove_uncommitted(lake) == ["20260201T000000Z-bbbbbb"]
    assert not lake.exists(left)


def test_what_a_killed_run_left_is_found_by_its_note(lake):
    fold(lake)
    batch = Batch(lake, CONTRACT)
    batch.begin("files")
    left = paths.rows("stores", batch.batch_id, "a.csv")
    lake.write_bytes(left, b"")
    for folder in (f"bronze/malformed/agents/{batch.batch_id}", paths.MANIFESTS, "bronze"):
        (lake.root / folder).mkdir(parents=True, exist_ok=True)
        (lake.root / folder / ".tmp-0011").touch()
    assert remove_uncommitted(lake) == [batch.batch_id]
    assert not lake.exists(left)
    assert not list(lake.list(paths.BEGUN))
    assert not list(lake.root.rglob(".tmp-*"))
