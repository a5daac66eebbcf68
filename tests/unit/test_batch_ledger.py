"""Batches after they landed: listed, taken back, released from quarantine, read again."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingest import reading
from ingest.batch import Batch, commit, quarantine, remove_uncommitted
from ingest.batches import (
    Released,
    drop,
    has_outdated,
    list_batches,
    quarantined,
    reading_code,
    release,
    reread,
    retract,
    settle,
)
from ingest.contract import load_contract
from ingest.declarations import Declarations, load_declarations
from ingest.landing import land_files
from lake import paths
from lake.errors import InputError, LakeError, told
from lake.local import LocalLake
from lake.manifest import (
    FileRecord,
    Manifest,
    committed_batches,
    read_manifest,
    retracted_batches,
    to_json,
)
from tests.support.forked import is_killed_at
from tests.support.landed import read_state

CONTRACT = load_contract(Path(__file__).parents[2])
B1, B2, B3, B4 = (f"2026010{day}T000000Z-aaaaaa" for day in (1, 2, 3, 4))
STORES = "StoreID,Location,Manager,OpenHours\n"
SEMICOLONS = "StoreID;Location;Manager;OpenHours\n1;Oslo;Ann;9-17\n"


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def declared(tmp_path: Path) -> Callable[[str], Declarations]:
    """Return what a sources file with that text declares."""

    def load(text: str) -> Declarations:
        file = tmp_path / "sources.yml"
        file.write_text(text)
        return load_declarations(file, CONTRACT)

    return load


NOTHING = Declarations(Path("sources.yml"))


def land(lake: LocalLake, inbox: Path, declarations: Declarations = NOTHING) -> str:
    """Land a folder, quarantined files included; return the batch."""
    batch = Batch(lake, CONTRACT, declarations)
    land_files(batch, inbox)
    commit(batch)
    return batch.batch_id


def state(batch: str) -> dict[str, Any]:
    return {"cursor": f"until {batch}", "batch_id": batch, "updated_at": "", "seen": {}}


def pulled(lake: LocalLake, batch: str, *sources: str) -> None:
    """Commit a batch that moved the cursors of API sources."""
    records = [
        FileRecord(
            "stores", f"api:{name}", f"bronze/stores/{batch}/{name}.jsonl", "jsonl", batch, 1
        )
        for name in sources
    ]
    states = {name: state(batch) for name in sources}
    Manifest(batch, "2026-01-01T00:00:00Z", records, states).write(lake)
    for name in sources:
        lake.write_bytes(paths.state(name), to_json(states[name]))


def rows(lake: LocalLake, record: FileRecord, batch: str) -> list[dict[str, Any]]:
    with lake.open_read(paths.rows(record.entity, batch, record.name)) as file:
        return pq.read_table(file).to_pylist()


def tree(lake: LocalLake) -> dict[str, bytes]:
    """Return all files but the audit log, in which what is done is recorded besides."""
    return {path: lake.read_bytes(path) for path in lake.list("") if path != paths.AUDIT_LOG}


# Listing


def test_every_batch_is_listed_with_what_became_of_it(lake: LocalLake, inbox: Path) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n2,Bergen\n")
    (inbox / "Agents.csv").write_text("AgentID,Name\n")
    first = land(lake, inbox)
    pulled(lake, second := f"2099{first[4:]}", "orders")
    retract(lake, second)
    listed = list_batches(lake)
    assert [(each.batch_id, each.rows, each.malformed_rows) for each in listed] == [
        (first, 1, 1),
        (second, 0, 0),
    ]
    assert listed[0].sources == ["Agents.csv", "Stores.csv"]
    assert listed[0].entities == ["agents", "stores"]
    assert listed[0].outcome == "landed, 1 in quarantine"
    assert listed[1].outcome.startswith("retracted at 20")


# Taking back


def test_a_batch_taken_back_counts_no_more_and_nothing_of_it_is_lost(
    lake: LocalLake, inbox: Path
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n")
    batch = land(lake, inbox)
    before = tree(lake)
    assert retract(lake, batch[:12]).batch_id == batch
    assert committed_batches(lake) == []
    assert retracted_batches(lake) == [batch]
    assert remove_uncommitted(lake) == []
    after = tree(lake)
    assert before.keys() - after.keys() == {paths.manifest(batch)}
    assert after.keys() - before.keys() == {paths.retracted_manifest(batch)}
    # Sent again, it is news.
    assert committed_batches(lake) == []
    again = land(lake, inbox)
    assert again > batch
    assert committed_batches(lake) == [again]


def test_a_batch_that_is_not_there_is_named_with_those_nearest(lake: LocalLake) -> None:
    for batch in (B1, B2):
        pulled(lake, batch, "orders")
    with pytest.raises(InputError, match=rf"no batch 20260103T.* nearest are .*{B2}"):
        retract(lake, "20260103T000000Z-aaaaaa")
    with pytest.raises(InputError, match=f"may be any of the batches {B1}, {B2}"):
        retract(lake, "202601")
    retract(lake, B2)
    with pytest.raises(InputError, match="is retracted already"):
        retract(lake, B2)


@pytest.mark.parametrize(
    ("taken_back", "cursors"),
    [
        ([B4], {"orders": B2, "contacts": B3}),
        ([B3], {"orders": B4, "contacts": None}),
        ([B2], {"orders": B1, "contacts": B3}),
        ([B1], {"orders": None, "contacts": B3}),
        ([B2, B4], {"orders": B1, "contacts": B3}),
        ([B4, B2], {"orders": B1, "contacts": B3}),
    ],
)
def test_what_an_api_sent_in_it_is_asked_for_again(
    lake: LocalLake, taken_back: list[str], cursors: dict[str, str | None]
) -> None:
    pulled(lake, B1, "orders")
    pulled(lake, B2, "orders")
    pulled(lake, B3, "contacts")
    pulled(lake, B4, "orders")
    for batch in taken_back:
        retract(lake, batch)
    for _ in range(2):
        found = {name: read_state(lake, name) for name in cursors}
        assert found == {name: state(at) if at else None for name, at in cursors.items()}
        # The next run must not take the cursors for those of a run that was killed.
        settle(lake)
        remove_uncommitted(lake)


def test_taking_back_what_pulled_after_another_was_taken_back_asks_for_both(
    lake: LocalLake,
) -> None:
    pulled(lake, B1, "orders")
    pulled(lake, B2, "orders")
    pulled(lake, B3, "orders")
    retract(lake, B2)
    pulled(lake, B4, "orders")  # what B2 and B3 had brought, and more
    retract(lake, B4)
    assert read_state(lake, "orders") == state(B1)


def test_taking_back_may_be_cut_short_anywhere(tmp_path: Path) -> None:
    def prepared(name: str) -> LocalLake:
        lake = LocalLake(tmp_path / name)
        for batch in (B1, B2, B3):
            pulled(lake, batch, "orders")
        return lake

    def without_times(lake: LocalLake) -> dict[str, Any]:
        found = {path: json.loads(data) for path, data in tree(lake).items()}
        for content in found.values():
            content.pop("retracted_at", None)
        return found

    whole, untouched = prepared("whole"), without_times(prepared("untouched"))
    retract(whole, B2)
    wanted, step, alive = without_times(whole), 0, False
    while not alive:
        step += 1
        lake = prepared(str(step))
        alive = not is_killed_at(step, lake, lambda lake: retract(lake, B2))
        settle(lake)
        remove_uncommitted(lake)
        assert without_times(lake) in (wanted, untouched)
        # Before it is recorded, before the manifest stands for itself, before it is moved.
        assert (without_times(lake) == untouched) == (step <= 3)
        assert step == 1 or lake.exists(paths.AUDIT_LOG)
    assert step > 4


# Quarantine


def test_what_is_in_quarantine_is_listed_with_why(lake: LocalLake, inbox: Path) -> None:
    (inbox / "Agents.csv").write_text("AgentID,Name\n")
    batch = land(lake, inbox)
    (held,) = quarantined(lake)
    assert held.id == f"{batch}/Agents.csv"
    assert lake.read_bytes(held.path) == b"AgentID,Name\n"
    assert held.record.source == "Agents.csv"
    assert "Department" in (held.record.reason or "")


def released(
    lake: LocalLake, declarations: Declarations, *ids: str, into: str | None = None
) -> Released:
    batch = Batch(lake, CONTRACT, declarations, into)
    return release(lake, CONTRACT, declarations, list(ids) or None, batch)


@pytest.fixture
def held(lake: LocalLake, inbox: Path) -> str:
    """A file in quarantine since B1 that can be read once its delimiter is declared."""
    content = SEMICOLONS.replace(";", "~").encode()
    (inbox / "Stores.csv").write_bytes(content)
    batch = Batch(lake, CONTRACT, NOTHING, B1)
    land_files(batch, inbox)
    commit(batch)
    (held,) = quarantined(lake)
    assert held.manifest.batch_id == B1
    return held.id


TILDES = "files: {stores: {delimiter: '~'}}"


def test_a_file_lands_once_its_declaration_was_mended(
    lake: LocalLake, held: str, declared: Callable[[str], Declarations]
) -> None:
    before = read_manifest(lake, B1)
    done = released(lake, declared(TILDES), held, into=B2)
    assert done.refused == {}
    (record,) = done.records
    assert record == read_manifest(lake, B2).files[0]
    assert (record.outcome, record.rows, record.reason) == ("landed", 1, None)
    assert record.sha256 == before.files[0].sha256
    assert record.modified == before.files[0].modified
    assert record.path == paths.landed("stores", B2, "Stores.csv")
    (row,) = rows(lake, record, B2)
    assert (row["Location"], row["_batch_id"]) == ("Oslo", B2)
    assert [each.outcome for each in read_manifest(lake, B1).files] == ["released"]
    assert quarantined(lake) == []
    assert list(lake.list(paths.QUARANTINE)) == []


@pytest.mark.parametrize("note", [b"", b"{}", b"[]", b"\xff"])
def test_a_damaged_note_hides_no_file(lake: LocalLake, held: str, note: bytes) -> None:
    lake.write_bytes(f"{paths.QUARANTINE}/{held}.reason.json", note)
    settle(lake)
    assert [each.id for each in quarantined(lake)] == [held]
    drop(lake, [held])
    assert not list(lake.list(paths.QUARANTINE))


def test_a_file_that_still_cannot_be_read_stays(lake: LocalLake, held: str) -> None:
    before = tree(lake)
    done = released(lake, NOTHING)
    assert done.records == []
    assert list(done.refused) == ["Stores.csv"]
    assert tree(lake) == before


def test_those_that_can_be_read_land_beside_one_that_cannot(
    lake: LocalLake, inbox: Path, held: str, declared: Callable[[str], Declarations]
) -> None:
    (inbox / "Stores.csv").unlink()
    (inbox / "Agents.csv").write_text("AgentID,Name\n")
    land(lake, inbox)
    done = released(lake, declared(TILDES))
    assert [record.source for record in done.records] == ["Stores.csv"]
    assert list(done.refused) == ["Agents.csv"]
    assert [each.record.source for each in quarantined(lake)] == ["Agents.csv"]


def test_a_dropped_file_is_gone_and_its_batch_remembers_why(lake: LocalLake, held: str) -> None:
    assert [each.id for each in drop(lake, [held])] == [held]
    assert quarantined(lake) == []
    assert list(lake.list(paths.QUARANTINE)) == []
    (record,) = read_manifest(lake, B1).files
    assert record.outcome == "dropped"
    assert record.reason
    assert list_batches(lake)[0].outcome == "1 dropped"


def test_a_file_that_is_not_in_quarantine_is_named(lake: LocalLake, held: str) -> None:
    with pytest.raises(InputError, match=r"other/file.csv is not in quarantine"):
        released(lake, NOTHING, held, "other/file.csv")
    with pytest.raises(InputError, match=r"other/file.csv is not in quarantine"):
        drop(lake, ["other/file.csv"])
    assert [each.id for each in quarantined(lake)] == [held]


def test_a_file_that_was_sent_again_and_landed_leaves_quarantine(
    lake: LocalLake, inbox: Path, held: str, declared: Callable[[str], Declarations]
) -> None:
    land(lake, inbox, declared(TILDES))
    settle(lake)
    assert quarantined(lake) == []
    assert [each.outcome for each in read_manifest(lake, B1).files] == ["released"]


@pytest.mark.parametrize("action", ["release", "drop"])
def test_settling_may_be_cut_short_anywhere(
    tmp_path: Path, declared: Callable[[str], Declarations], action: str
) -> None:
    declarations = declared(TILDES)

    def prepared(name: str) -> LocalLake:
        lake = LocalLake(tmp_path / name)
        batch = Batch(lake, CONTRACT, NOTHING, B1)
        content = SEMICOLONS.replace(";", "~").encode()
        record = FileRecord("stores", "Stores.csv", "in", "csv", "hash", 1, reason="it is odd")
        lake.write_bytes("in", content)
        kept = quarantine(batch, "in", record, "Stores.csv")
        Manifest(B1, "2026-01-01T00:00:00Z", [kept]).write(lake)
        return lake

    def act(lake: LocalLake) -> None:
        if action == "release":
            released(lake, declarations, into=B2)
        else:
            drop(lake, None)

    step, alive = 0, False
    while not alive:
        step += 1
        lake = prepared(str(step))
        alive = not is_killed_at(step, lake, act)
        remove_uncommitted(lake)
        settle(lake)
        is_held = bool(quarantined(lake))
        assert len(list(lake.list(paths.QUARANTINE))) == (2 if is_held else 0)
        (record,) = read_manifest(lake, B1).files
        done = "released" if action == "release" else "dropped"
        assert record.outcome == ("quarantined" if is_held else done)
        landed = action == "release" and not is_held
        assert committed_batches(lake) == ([B1, B2] if landed else [B1])
    assert step > 2


# Reading again


def test_files_are_read_again_when_their_declaration_changed(
    lake: LocalLake, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,-,9-17\n2,Bergen,Bo,9-17\n3,Bo\n")
    (inbox / "Agents.csv").write_text("AgentID,Name,Department,Shift\n1,a,b,c\n")
    batch = land(lake, inbox)
    assert not has_outdated(lake, CONTRACT, NOTHING)
    before, manifest = tree(lake), read_manifest(lake, batch)
    since = {each.source: rows(lake, each, batch)[0]["_as_of"] for each in manifest.landed}
    mended = declared("files: {stores: {null_words: ['-']}}")
    assert has_outdated(lake, CONTRACT, mended)
    done = reread(lake, CONTRACT, mended, "the run")
    assert (done.files, done.declared) == (1, {"stores"})
    after = read_manifest(lake, batch)
    for record in after.landed:
        found = rows(lake, record, batch)
        assert found[0]["_as_of"] == since[record.source]
        if record.entity == "stores":
            assert [row["Manager"] for row in found] == [None, "Bo"]
            assert (record.rows, record.malformed_rows) == (2, 1)
            assert record.read_as["declared_in"] == "the run"
    changed = {path for path, content in tree(lake).items() if before[path] != content}
    assert changed == {paths.manifest(batch), paths.rows("stores", batch, "Stores.csv")}
    assert not has_outdated(lake, CONTRACT, mended)
    assert reread(lake, CONTRACT, mended).files == 0


def test_reading_again_may_be_cut_short_anywhere_and_be_thought_better_of(
    tmp_path: Path, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n2,Bergen\n")
    (inbox / "Stores_2.csv").write_text(STORES + "3,Oslo,Ann,9-17\n")
    other = declared("files: {stores: {skip_lines: 0, null_words: [Ann], delimiter: ','}}")

    def found(lake: LocalLake) -> list[Any]:
        [manifest] = [read_manifest(lake, batch) for batch in committed_batches(lake)]
        records = [(each.rows, each.malformed_rows) for each in manifest.landed]
        files = [path for path in lake.list("bronze") if "/manifests/" not in path]
        return [records, files, [rows(lake, each, manifest.batch_id) for each in manifest.landed]]

    step, alive = 0, False
    while not alive:
        step += 1
        lake = LocalLake(tmp_path / str(step))
        land(lake, inbox)
        before = found(lake)
        alive = not is_killed_at(step, lake, lambda lake: reread(lake, CONTRACT, other))
        remove_uncommitted(lake)
        reread(lake, CONTRACT, NOTHING)
        assert found(lake) == before
    assert step > 5


def test_what_a_failing_lake_left_half_read_again_is_read_again_as_it_was_declared(
    lake: LocalLake,
    inbox: Path,
    declared: Callable[[str], Declarations],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n2,Bergen\n")
    batch = land(lake, inbox)
    move = lake.move

    def fail(src: str, dst: str) -> None:
        if dst == paths.rows("stores", batch, "Stores.csv"):
            raise LakeError("Cannot write it: the connection broke off.")
        move(src, dst)

    with monkeypatch.context() as patch:
        patch.setattr(lake, "move", fail)
        with pytest.raises(LakeError, match="broke off"):
            reread(lake, CONTRACT, declared("files: {stores: {null_words: [Ann]}}"))
    assert has_outdated(lake, CONTRACT, NOTHING)
    assert reread(lake, CONTRACT, NOTHING).files == 1
    assert not has_outdated(lake, CONTRACT, NOTHING)


def test_files_are_read_again_by_another_reader(
    lake: LocalLake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n")
    batch = land(lake, inbox)
    monkeypatch.setattr(reading, "READER", reading.READER + 1)
    done = reread(lake, CONTRACT, NOTHING, "the run")
    assert (done.files, done.declared) == (1, set())
    (record,) = read_manifest(lake, batch).files
    assert record.read_as["reader"] == reading.READER
    assert "declared_in" not in record.read_as


def test_a_disk_that_fails_while_a_file_is_read_again_is_told_of_with_the_file(
    lake: LocalLake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n")
    land(lake, inbox)
    monkeypatch.setattr(reading, "READER", reading.READER + 1)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(reading, "read", fail)
    with pytest.raises(OSError, match="Input/output error") as failed:
        reread(lake, CONTRACT, NOTHING)
    assert "Stores.csv" in told(failed.value)


def test_what_a_batch_taken_back_holds_is_not_read_again(
    lake: LocalLake, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n")
    retract(lake, land(lake, inbox))
    before = tree(lake)
    assert reread(lake, CONTRACT, declared("files: {stores: {null_words: ['-']}}")).files == 0
    assert tree(lake) == before


def test_an_api_that_is_no_longer_declared_stays_as_it_was_read(lake: LocalLake) -> None:
    pulled(lake, B1, "orders")
    manifest = read_manifest(lake, B1)
    manifest.files[0].read_as = {"reader": reading.READER + 1, "declaration": "of then"}
    manifest.write(lake)
    assert not has_outdated(lake, CONTRACT, NOTHING)


def test_records_that_an_earlier_version_pulled_are_read_though_their_api_is_gone(
    lake: LocalLake,
) -> None:
    pulled(lake, B1, "shops")
    record = {"StoreID": 1, "Location": "Oslo", "Manager": "Ann", "OpenHours": "9-17"}
    lake.write_bytes(f"bronze/stores/{B1}/shops.jsonl", json.dumps(record).encode())
    assert has_outdated(lake, CONTRACT, NOTHING)
    assert reread(lake, CONTRACT, NOTHING).files == 1
    [found] = rows(lake, read_manifest(lake, B1).files[0], B1)
    assert found["Manager"] == "Ann"
    assert not has_outdated(lake, CONTRACT, NOTHING)


def test_a_file_that_is_refused_now_stops_and_stays_as_it_was(
    lake: LocalLake, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    (inbox / "Stores.csv").write_text(STORES + "1,Oslo,Ann,9-17\n")
    (inbox / "Agents.csv").write_text("AgentID,Name,Department,Shift\n1,a,b,c\n")
    batch = land(lake, inbox)
    before = tree(lake)
    wrong = declared("files: {stores: {delimiter: '~'}}")
    with pytest.raises(InputError, match=rf"Stores.csv of batch {batch} .*c360 retract {batch}"):
        reread(lake, CONTRACT, wrong)
    assert tree(lake) == before
    assert reread(lake, CONTRACT, NOTHING).files == 0


def test_all_that_is_refused_now_is_told_at_once_and_the_rest_is_read(
    lake: LocalLake, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    batches = []
    for number in range(5):
        (inbox / "Stores.csv").write_text(STORES + f"{number},Oslo,Ann,-\n")
        (inbox / "Agents.csv").write_text(f"AgentID,Name,Department,Shift\n{number},a,b,-\n")
        batches.append(land(lake, inbox))
    changed = declared("{defaults: {null_words: ['-']}, files: {stores: {delimiter: '~'}}}")
    with pytest.raises(InputError) as caught:
        reread(lake, CONTRACT, changed)
    told = str(caught.value)
    assert told.count("Stores.csv of batch") == 3
    assert "Nor can 2 more." in told
    assert str(changed.path) in told
    others = f"{batches[1]}, {batches[2]} and 2 more"
    assert told.endswith(f"c360 retract {batches[0]} (the same for {others}).")
    for batch in batches:
        (agents, _) = read_manifest(lake, batch).files
        assert rows(lake, agents, batch)[0]["Shift"] is None


def test_a_file_that_is_refused_for_its_rows_has_them_again_afterwards(
    lake: LocalLake, inbox: Path, declared: Callable[[str], Declarations]
) -> None:
    repeated = "".join(f"{n % 50},Oslo,Ann,{n}\n" for n in range(100))
    (inbox / "Stores.csv").write_text(STORES + repeated)
    one = declared("files: {stores: {rows: one}}")
    batch = land(lake, inbox, one)
    before = tree(lake)
    with pytest.raises(InputError, match=r"Stores.csv of batch .* cannot be read"):
        reread(lake, CONTRACT, declared("files: {stores: {null_words: ['-']}}"))
    reread(lake, CONTRACT, one)
    place = paths.rows("stores", batch, "Stores.csv")
    assert tree(lake)[place] == before[place]


def test_what_decides_the_rows_is_known_by_its_content(
    declared: Callable[[str], Declarations], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "files: {stores: {null_words: ['-']}}"
    before = reading_code(declared(text))
    assert reading_code(declared(f"{text} # the same")) == before
    assert reading_code(declared(text.replace("stores", "agents"))) != before
    monkeypatch.setattr(reading, "READER", reading.READER + 1)
    assert reading_code(declared(text)) != before
