"""Manifests and batch ids."""

from datetime import UTC, datetime, timedelta

import pytest

from lake import paths
from lake.errors import LakeError
from lake.local import LocalLake
from lake.manifest import (
    FileRecord,
    Manifest,
    committed_batches,
    new_batch_id,
    read_manifests,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_manifest_reads_back_as_it_was_written(tmp_path):
    lake = LocalLake(tmp_path)
    record = FileRecord(
        "customers", "Łódź.csv", "bronze/x", "csv", "ab", 12, 3, 1, ["a"], [], ["a"]
    )
    manifest = Manifest("B2", "2026-11-23T12:00:00Z", [record], {"orders": {"cursor": 5}})
    manifest.write(lake)
    Manifest("B1", "2026-11-22T12:00:00Z", []).write(lake)
    assert committed_batches(lake) == ["B1", "B2"]
    assert list(read_manifests(lake))[1] == manifest


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"files": [{}]}', b"\xff"])
def test_a_damaged_manifest_is_named(tmp_path, text):
    lake = LocalLake(tmp_path)
    lake.write_bytes(paths.manifest("B1"), text)
    with pytest.raises(LakeError, match=r"manifest .*B1\.json is damaged"):
        list(read_manifests(lake))


def test_a_batch_id_is_the_time_and_a_suffix():
    stamp, suffix = new_batch_id([], NOON).split("-")
    assert stamp == "20261123T120000Z"
    assert len(suffix) == 6
    int(suffix, 16)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=3), timedelta(days=40)])
def test_batch_ids_grow_even_when_the_clock_does_not(ahead):
    committed = [new_batch_id([], NOON + ahead)]
    for _ in range(5):
        committed.append(new_batch_id(committed, NOON))
    assert committed == sorted(set(committed))
