"""The history of runs: every run is in it, however it ended, and nobody's data."""

from pathlib import Path

import pytest

from flows import progress
from flows import run as runs
from lake import paths, run_log
from lake.errors import C360Error, LakeError
from lake.local import LocalLake
from lake.manifest import FileRecord, Manifest

R1, R2, R3 = "20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb", "20260103T000000Z-cccccc"


class Run:
    """What of a run is recorded."""

    def __init__(self, lake: LocalLake, run_id: str, stays: bool = False) -> None:
        self.lake, self.id, self.stays = lake, run_id, stays
        self.progress = progress.Progress()

    def step(self, doing: str, done: str = "", error: Exception | None = None) -> None:
        with self.progress.step(doing) as step:
            step.done = done
            if error:
                raise error


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def told(lake: LocalLake) -> list[tuple[object, ...]]:
    return [
        (
            *(each.run_id, each.outcome, each.batch_id, each.files, each.rows_arrived),
            *(each.step_number, each.step, each.message),
        )
        for each in run_log.read(lake)
    ]


def test_a_run_is_told_step_by_step_with_what_arrived(lake: LocalLake) -> None:
    with runs._recorded(run := Run(lake, R1)):  # type: ignore[arg-type]
        assert told(lake) == [(R1, "running", None, 0, 0, 0, "run", None)]
        files = [
            FileRecord("customers", "a.csv", "a", "csv", "", 1, rows=7, malformed_rows=2),
            FileRecord("stores", "b.csv", "b", "csv", "", 1, rows=3),
            FileRecord("agents", "c.csv", None, "csv", "", 1, rows=5, outcome="quarantined"),
        ]
        Manifest(R1, "2026-01-01T00:00:00Z", files).write(lake)
        run.step("Land files", "Landed 2 files")
        run.step("Publish")
    assert told(lake) == [
        (R1, "published", R1, 2, 12, 1, "Land files", "Landed 2 files"),
        (R1, "published", R1, 2, 12, 2, "Publish", "Publish"),
    ]
    (first, _) = run_log.read(lake)
    assert first.ended_at
    assert first.started_at <= first.ended_at
    assert first.seconds is not None


def test_runs_that_fail_and_to_which_nothing_arrived_are_told_too(lake: LocalLake) -> None:
    with runs._recorded(run := Run(lake, R1, stays=True)):  # type: ignore[arg-type]
        run.step("Look around", "Nothing new arrived")
    secret = C360Error("row 7 of ann@example.org cannot be read")

    def fail(run: Run) -> None:
        with runs._recorded(run):  # type: ignore[arg-type]
            run.step("Look around", "Found all in order")
            run.step("Build silver", error=secret)

    with pytest.raises(C360Error, match="ann@"):
        fail(Run(lake, R2))
    assert [each[1] for each in told(lake)] == ["nothing new", "failed", "failed"]
    assert told(lake)[-1][-2:] == ("Build silver", "failed")
    assert b"ann@example.org" not in lake.read_bytes(paths.RUN_LOG)


def test_a_run_that_was_killed_is_told_as_cut_short_by_the_next(lake: LocalLake) -> None:
    run_log.begin(lake, R1)
    (lake.root / "runs" / ".tmp-0").write_bytes(b"half")
    run_log.begin(lake, R2)
    assert [(each.run_id, each.outcome, each.ended_at) for each in run_log.read(lake)] == [
        (R1, "cut short", None),
        (R2, "running", None),
    ]
    assert [path.name for path in (lake.root / "runs").iterdir()] == ["log.jsonl"]


def test_the_newest_runs_are_kept(lake: LocalLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "RUNS_KEPT", 2)
    for run_id in (R1, R2, R3):
        with runs._recorded(run := Run(lake, run_id)):  # type: ignore[arg-type]
            run.step("one")
            run.step("two")
    assert [each.run_id for each in run_log.read(lake)] == [R2, R2, R3, R3]


def test_a_damaged_line_is_left_out_and_the_others_stay(lake: LocalLake) -> None:
    run_log.finish(lake, [run_log.begin(lake, R1)])
    content = lake.read_bytes(paths.RUN_LOG)
    lake.write_bytes(paths.RUN_LOG, b"{half\n" + content + b'{"other": 1}\n')
    assert [each.run_id for each in run_log.read(lake)] == [R1]
    run_log.begin(lake, R2)
    assert lake.read_bytes(paths.RUN_LOG).count(b"\n") == 2


@pytest.mark.parametrize("when", ["begin", "finish"])
def test_a_run_does_not_fail_because_it_cannot_be_recorded(
    lake: LocalLake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    def full(*_: object) -> None:
        raise LakeError("No space left on device.")

    monkeypatch.setattr(run_log, when, full)
    done = []
    with runs._recorded(run := Run(lake, R1)):  # type: ignore[arg-type]
        run.step("Publish")
        done.append("published")
    assert done == ["published"]
    assert "not be in the history of runs: No space left" in caplog.text
