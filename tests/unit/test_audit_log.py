"""The audit log: what is recorded, before it is done, and who is named in it."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from flows import batches, who_is_who
from flows.audit_log import print_audit
from identity import decisions
from lake import audit, paths
from lake.errors import InputError
from lake.local import LocalLake
from lake.manifest import FileRecord, Manifest
from warehouse.home import Home

BATCH = "20260101T000000Z-aaaaaa"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.prepare()
    return home


@pytest.fixture
def lake(home: Home) -> LocalLake:
    return LocalLake(home.lake)


def shown(home: Home, person: str | None = None, as_json: bool = False) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_audit(console, home, "local", person=person, as_json=as_json)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def actions(lake: LocalLake) -> list[str]:
    return [entry.action for entry in audit.read(lake)]


def test_decisions_are_recorded_with_hashes_of_the_customers(home: Home, lake: LocalLake) -> None:
    linked = decisions.decide(
        lake, "same", "1017", "1021", by="di", source="review page", why="Ann Lee called"
    )
    decisions.decide(lake, "different", "1017", "30", by="ed", source="command line")
    decisions.undo(lake, linked.id, by="fi", source="command line")
    found = audit.read(lake)
    assert [(each.action, each.by, each.source) for each in found] == [
        ("link", "di", "review page"),
        ("separate", "ed", "command line"),
        ("undo", "fi", "command line"),
    ]
    assert found[0].detail["decision"] == linked.id
    key = audit.hash_key(lake)
    hashed = [audit.hashed(key, "customer_id", each) for each in ("1017", "1021")]
    assert found[0].detail["customers"] == found[2].detail["customers"] == hashed
    log = (home.lake / paths.AUDIT_LOG).read_text()
    for personal in ("1017", "1021", "Ann"):
        assert personal not in log


def test_what_is_refused_is_not_recorded(lake: LocalLake) -> None:
    decisions.decide(lake, "same", "1", "2", by="di", source="page")
    for verdict in ("same", "different"):
        with pytest.raises(InputError):
            decisions.decide(lake, verdict, "1", "2", by="di", source="page")
    assert actions(lake) == ["link"]


def test_nothing_is_done_that_could_not_be_recorded(
    home: Home, lake: LocalLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _land(lake)

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(audit, "record", fail)
    for do in (
        lambda: decisions.decide(lake, "same", "1", "2", by="di", source="page"),
        lambda: batches.retract(home, "local", BATCH),
        lambda: batches.drop(home, "local", None),
        lambda: batches.release(home, "local", None, None),
    ):
        with pytest.raises(OSError, match="disk full"):
            do()
    assert decisions.read(lake) == []
    assert lake.exists(paths.manifest(BATCH))
    assert lake.exists(paths.quarantined(BATCH, "Bad.csv"))


def _land(lake: LocalLake) -> None:
    """Leave a batch with one file that landed and one in quarantine."""
    landed = paths.landed("customers", BATCH, "Customers.csv")
    held = FileRecord(
        "customers", "Bad.csv", paths.quarantined(BATCH, "Bad.csv"), "csv", "other", 3,
        outcome="quarantined", reason="it has no header",
    )  # fmt: skip
    records = [FileRecord("customers", "Customers.csv", landed, "csv", "sha", 1), held]
    lake.write_bytes(landed, b"x")
    assert held.path
    lake.write_bytes(held.path, b"bad")
    note = {"entity": "customers", "source": "Bad.csv", "sha256": "other"}
    lake.write_bytes(paths.quarantine_reason(BATCH, "Bad.csv"), json.dumps(note).encode())
    Manifest(BATCH, "2026-01-01T00:00:00Z", records).write(lake)


def test_batches_and_quarantine_are_recorded(home: Home, lake: LocalLake) -> None:
    _land(lake)
    batches.release(home, "local", None, None)
    batches.drop(home, "local", [f"{BATCH}/Bad.csv"])
    batches.drop(home, "local", None)  # nothing is left
    batches.retract(home, "local", BATCH[:10])
    found = [(each.action, each.detail) for each in audit.read(lake)]
    assert found == [
        ("quarantine release", {"files": [f"{BATCH}/Bad.csv"]}),
        ("quarantine drop", {"files": [f"{BATCH}/Bad.csv"]}),
        ("retract", {"batch": BATCH}),
    ]


def test_the_log_is_listed_newest_first_and_by_person(home: Home, lake: LocalLake) -> None:
    assert shown(home) == "Nothing is recorded yet.\n"
    assert json.loads(shown(home, as_json=True)) == []
    decisions.decide(lake, "same", "17", "18", by="di", source="page")
    audit.record(
        lake, "export", by="ed",
        person=audit.hashed(audit.hash_key(lake), "person_id", "P17"), rows=7,
    )  # fmt: skip
    lines = [line.strip() for line in shown(home).splitlines()]
    assert [line.split("  ")[1] for line in lines if line.startswith("20")] == ["export", "link"]
    assert {"by: ed, command line", "rows: 7", "by: di, page"} <= set(lines)
    for who, found in {"P17": ["export"], "18": ["link"], " 17 ": ["link"], "19": []}.items():
        entries = json.loads(shown(home, person=who, as_json=True))
        assert [entry["action"] for entry in entries] == found
    assert "Nothing is recorded about that person yet." in shown(home, person="19")


def test_the_log_and_its_key_are_private_whatever_the_umask(home: Home) -> None:
    before = os.umask(0)
    try:
        with who_is_who.changing(home, "local") as changed:
            decisions.decide(changed, "same", "1", "2", by="di", source="page")
    finally:
        os.umask(before)
    assert len([*(home.lake / "audit").iterdir()]) == 2
    for path in (home.lake / "audit").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
