"""Manifests and batch ids."""

from dataclasses import replace
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
    read_retracted,
    retracted_batches,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


RECORD = FileRecord(
    "customers",
    "2026/Łódź.csv",
    "bronze/customers/B2/2026_Łódź.csv",
    "csv",
    "ab",
    12,
    modified="2026-11-22T12:00:00Z",
    rows=3,
    malformed_rows=1,
    longest_value=9,
    header=["a"],
    extra_columns=["a"],
    read_as={"reader": 1, "delimiter": ";"},
)


def test_a_manifest_reads_back_as_it_was_written(tmp_path):
    lake = LocalLake(tmp_path)
    manifest = Manifest("B2", "2026-11-23T12:00:00Z", [RECORD], {"orders": {"cursor": 5}})
    manifest.write(lake)
    Manifest("B1", "2026-11-22T12:00:00Z", []).write(lake)
    assert committed_batches(lake) == ["B1", "B2"]
    assert list(read_manifests(lake))[1] == manifest


def test_a_batch_that_was_taken_back_stands_apart(tmp_path):
    lake = LocalLake(tmp_path)
    manifest = Manifest("B1", "2026-11-22T12:00:00Z", [RECORD], retracted_at="2026-11-23T12:00:00Z")
    manifest.write(lake)
    assert committed_batches(lake) == []
    assert list(read_manifests(lake)) == []
    assert retracted_batches(lake) == ["B1"]
    assert list(read_retracted(lake)) == [manifest]


@pytest.mark.parametrize("outcome", ["quarantined", "released", "dropped"])
def test_only_what_landed_counts(outcome):
    manifest = Manifest("B1", "2026-11-22T12:00:00Z", [RECORD, replace(RECORD, outcome=outcome)])
    assert manifest.landed == [RECORD]


def test_a_record_is_called_in_the_lake_as_its_file_is():
    assert RECORD.name == "2026_Łódź.csv"
    assert replace(RECORD, path=None, source="2026/a b.csv").name == "2026_a_b.csv"


def test_what_an_earlier_version_wrote_into_a_manifest_is_passed_over(tmp_path):
    lake = LocalLake(tmp_path)
    record = '"entity": "a", "source": "A.csv", "path": null, "format": "csv", "sha256": "", '
    lake.write_bytes(
        paths.manifest("B1"),
        f'{{"batch_id": "B1", "created_at": "", "files": [{{{record} "bytes": 1, '
        '"longest_record": 5, "parallel_safe": true}]}'.encode(),
    )
    [manifest] = read_manifests(lake)
    assert manifest.files == [FileRecord("a", "A.csv", None, "csv", "", 1)]


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
