"""What every run does before anything is built, on a home of this machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.asked import Asked, checked
from flows.local_run import LocalRun
from ingest.batches import retract
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from lake import paths
from lake.errors import C360Error, InputError, QuarantinedError, told
from lake.local import LocalLake
from lake.manifest import Manifest, committed_batches
from lake.versions import Published
from warehouse.home import Home, project_dir

B1, B2 = (f"2026010{day}T000000Z-aaaaaa" for day in (1, 2))
NOTHING = "files: {}"

Begin = Callable[..., LocalRun]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Begin runs on one home, with what is declared and sent."""
    home = Home.at(tmp_path / "home")
    home.prepare()

    def begin(declared: str = NOTHING, **sent: str) -> LocalRun:
        sources, folder = tmp_path / "sources.yml", tmp_path / "in"
        sources.write_text(declared)
        folder.mkdir(exist_ok=True)
        for name, text in sent.items():
            (folder / f"{name}.csv").write_text(text)
        declarations = load_declarations(sources, load_contract(project_dir()))
        asked = Asked(folder if sent else None, None, True, declarations)
        return LocalRun(home, LocalLake(home.lake), asked)

    return begin


def publish(lake: LocalLake, *batches: str) -> None:
    lake.write_bytes(paths.PUBLISHED, Published(B2, "", list(batches), {}).to_json())


def test_a_refused_file_says_how_it_can_be_read_after_all(begin: Begin) -> None:
    run = begin(Agents="AgentID~Name~Department~Shift\n")
    run.land_files()
    with pytest.raises(QuarantinedError) as error:
        run.commit_batch()
    assert "Agents.csv" in told(error.value)
    assert "`c360 quarantine release --all`" in told(error.value)


def test_without_anything_there_is_nothing_to_build_from(begin: Begin) -> None:
    with pytest.raises(InputError, match="nothing to build from"):
        begin().commit_batch()
    run = begin(notes="x\n")
    run.land_files()
    with pytest.raises(InputError, match="has none of the files that are known"):
        run.commit_batch()


def test_when_all_was_taken_back_there_is_something_to_build(begin: Begin) -> None:
    run = begin()
    Manifest(B1, "2026-01-01T00:00:00Z", []).write(run.lake)
    retract(run.lake, B1)
    begin().commit_batch()


def test_a_run_has_an_id_after_all_that_was_there_before(begin: Begin) -> None:
    later = "20990101T000000Z-aaaaaa"
    Manifest(later, "2099-01-01T00:00:00Z", []).write(begin().lake)
    retract(begin().lake, later)
    assert begin().id > later


@pytest.mark.parametrize(("kept", "lost"), [([], f"{B1} and 1 more batches"), ([B1], B2)])
def test_lost_batches_stop_a_run_before_their_files_are_tidied_away(
    begin: Begin, kept: list[str], lost: str
) -> None:
    run = begin()
    publish(run.lake, B1, B2)
    for batch in kept:
        Manifest(batch, "2026-01-01T00:00:00Z", []).write(run.lake)
    for batch in (B1, B2):
        run.lake.write_bytes(paths.landed("stores", batch, "Stores.csv"), b"x")
    with pytest.raises(C360Error, match=f"has lost what is published: no manifest of {lost} is in"):
        run.recover()
    assert len(list(run.lake.list("bronze/stores"))) == 2


def test_batches_that_were_taken_back_are_not_lost(begin: Begin) -> None:
    run = begin()
    publish(run.lake, B1, B2)
    for batch in (B1, B2):
        Manifest(batch, "2026-01-01T00:00:00Z", []).write(run.lake)
    retract(run.lake, B2)
    run.recover()
    assert committed_batches(run.lake) == [B1]


def test_a_run_folds_manifests_once_they_are_many(begin: Begin) -> None:
    run = begin()
    batches = [f"20260101T{number:06}Z-aaaaaa" for number in range(60)]
    for batch in batches:
        Manifest(batch, "2026-01-01T00:00:00Z", []).write(run.lake)
    publish(run.lake, *batches)
    left = paths.landed("stores", B2, "Stores.csv")
    run.lake.write_bytes(left, b"x")  # by an earlier version, which left no note
    run.recover()
    begin().recover()
    assert list(run.lake.list(paths.MANIFESTS)) == [paths.INDEX]
    assert committed_batches(run.lake) == batches
    assert not run.lake.exists(left)
    run.lake.delete(paths.INDEX)
    with pytest.raises(C360Error, match=f"no manifest of {batches[0]} and 59 more batches is in"):
        begin().recover()


def test_what_is_declared_is_what_a_run_reads_by(tmp_path: Path) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text(
        "files: {online_transactions: {rows: lines, keys: text, unknown_keys: [0], currency: EUR,"
        " dates: dmy}}"
    )
    target, home, asked = checked(
        home=str(tmp_path / "home"), sources=str(sources), accept_rejected=True
    )
    assert target == "local"
    assert home.root == tmp_path / "home"
    assert asked.declarations.for_entity("online_transactions").dates == "dmy"
    assert asked.accept_rejected
