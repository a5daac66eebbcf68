"""A lake of the first version: everything of it is in its new place, whenever the move is cut."""

import gzip
import json
import os
from pathlib import Path

import pytest

from ingest.upgrade import is_needed, upgrade
from lake import paths
from lake.local import LocalLake
from lake.manifest import committed_batches, read_manifest
from lake.opening import open_lake
from lake.store import Lake
from lake.versions import published
from tests.support.azurite import Azurite
from tests.support.forked import is_killed_at

B1, B2, KILLED = (f"2026010{day}T000000Z-aaaaaa" for day in (1, 2, 3))
WHOLE = b"StoreID,Location,Manager,OpenHours\n1,Oslo,Ann,9-17\n2,Bergen\n"
PACKED = gzip.compress(WHOLE, mtime=0)
CURSOR = {"cursor": "2026-01-01", "batch_id": B1, "updated_at": "", "seen": {}}


def record(name: str, path: str | None, **told: object) -> dict[str, object]:
    """Return a file's record as the first version wrote it."""
    return {
        "entity": "stores",
        "source": name,
        "path": path,
        "format": "csv",
        "sha256": name,
        "bytes": 1,
        "rows": 1,
        "malformed_rows": 0,
        "longest_record": 36,
        "header": ["StoreID", "Location", "Manager", "OpenHours"],
        "missing_columns": [],
        "extra_columns": [],
        "parallel_safe": True,
        "outcome": "landed" if path else "quarantined",
        "reason": None if path else "it is empty",
        **told,
    }


def old_lake(folder: Path) -> LocalLake:
    """Make a lake as the first version left it, with what a killed run of it left."""
    lake = LocalLake(folder)
    fill(lake)
    return lake


def fill(lake: Lake) -> None:
    kept, packed = f"bronze/stores/{B1}/Stores.csv", f"bronze/stores/{B2}/Stores_2.csv.gz"
    clean = f"bronze/stores/{B2}/Stores_3.csv"
    batches = {
        B1: [record("Stores.csv", kept, malformed_rows=1), record("Stores_0.csv", None)],
        B2: [record("Stores_2.csv.gz", packed, malformed_rows=1), record("Stores_3.csv", clean)],
    }
    for batch, files in batches.items():
        states = {"orders": CURSOR} if batch == B1 else {}
        told = {"batch_id": batch, "created_at": "2026-01-01T00:00:00Z", "files": files}
        lake.write_bytes(
            f"bronze/_manifests/{batch}.json", json.dumps({**told, "api_states": states}).encode()
        )
    files = {
        kept: WHOLE.replace(b"2,Bergen\n", b""),
        packed: gzip.compress(b"rewritten"),
        clean: b"StoreID,filename\n",
        f"bronze/_originals/stores/{B1}/Stores.csv": WHOLE,
        f"bronze/_originals/stores/{B2}/Stores_2.csv.gz": PACKED,
        f"bronze/_originals/stores/{KILLED}/Stores.csv": b"half",
        f"bronze/_malformed/stores/{B1}/Stores.csv.jsonl": b"{}\n",
        f"bronze/_malformed/stores/{B2}/Stores_2.csv.gz.jsonl": b"{}\n",
        f"bronze/_quarantine/{B1}/Stores_0.csv": b"",
        f"bronze/_quarantine/{B1}/Stores_0.csv.reason.json": b"{}",
        f"bronze/_quarantine/{KILLED}/Stores.csv": b"half",
        "bronze/_state/orders.json": json.dumps(CURSOR).encode(),
        "silver/_published.json": json.dumps(
            {"version": B2, "published_at": "", "batches": [B1, B2], "entities": {}}
        ).encode(),
        "_run.lock": b"",
    }
    for path, content in files.items():
        lake.write_bytes(path, content)


def tree(lake: Lake) -> dict[str, bytes]:
    return {path: lake.read_bytes(path) for path in lake.list("")}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What there is after a move that nothing cut short."""
    lake = old_lake(tmp_path_factory.mktemp("moved"))
    assert is_needed(lake)
    assert upgrade(lake) == "Moved the lake to its new layout (2 batches)"
    return tree(lake)


def test_everything_is_in_its_new_place(moved: dict[str, bytes]) -> None:
    assert {path: data for path, data in moved.items() if not path.endswith(".json")} == {
        f"bronze/stores/{B1}/Stores.csv": WHOLE,
        f"bronze/stores/{B2}/Stores_2.csv.gz": PACKED,
        f"bronze/stores/{B2}/Stores_3.csv": b"StoreID,filename\n",
        paths.quarantined(B1, "Stores_0.csv"): b"",
    }
    assert {path for path in moved if path.endswith(".json")} == {
        paths.manifest(B1),
        paths.manifest(B2),
        paths.quarantine_reason(B1, "Stores_0.csv"),
        paths.state("orders"),
        paths.PUBLISHED,
    }
    assert not any(part.startswith("_") for path in moved for part in path.split("/"))


def test_a_lake_in_an_account_moves_as_one_in_a_folder_does(
    moved: dict[str, bytes], azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in azurite.filesystem().items():
        monkeypatch.setenv(name, value)
    lake = open_lake(os.environ["C360_LAKE"])
    fill(lake)
    with lake.exclusive():
        assert upgrade(lake) == "Moved the lake to its new layout (2 batches)"
        assert not is_needed(lake)
    lake.delete(paths.LOCK)
    assert tree(lake) == moved


def test_what_was_known_is_known_still(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    upgrade(lake)
    assert committed_batches(lake) == [B1, B2]
    first = read_manifest(lake, B1)
    assert [(each.outcome, each.rows, each.read_as) for each in first.files] == [
        ("landed", 1, {}),
        ("quarantined", 1, {}),
    ]
    assert first.api_states == {"orders": CURSOR}
    found = published(lake)
    assert found
    assert found.batches == [B1, B2]


def test_a_lake_of_today_is_left_alone(moved: dict[str, bytes], tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    for path, content in moved.items():
        lake.write_bytes(path, content)
    assert not is_needed(lake)
    assert upgrade(lake) is None
    assert tree(lake) == moved


def test_a_move_cut_short_anywhere_is_completed(moved: dict[str, bytes], tmp_path: Path) -> None:
    step, alive = 0, False
    while not alive:
        step += 1
        lake = old_lake(tmp_path / str(step))
        alive = not is_killed_at(step, lake, upgrade)
        if not alive:
            assert is_needed(lake) or tree(lake) == moved
        upgrade(lake)
        assert tree(lake) == moved
    assert step > 10
