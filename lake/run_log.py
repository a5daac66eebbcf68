"""What each run did: when, what arrived with it, how long each step took, how it ended.

The log stands in the lake, one JSON object a line for each step of a run, the oldest first; of very
many runs the newest are kept. Nothing in it is personal data: a step that failed says no more than
that, and the run's log file says why.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from lake import paths
from lake.clock import utc_now
from lake.store import Lake

RUNNING, PUBLISHED, NOTHING_NEW = "running", "published", "nothing new"
FAILED, CUT_SHORT = "failed", "cut short"

RUNS_KEPT = 1_000


@dataclass(frozen=True)
class RunStep:
    """One step of a run, and what is told of the run with each: the batch that it landed, if any.

    `step_number` counts from 1; 0 is the one line of a run that has not ended, or never did.
    """

    run_id: str
    started_at: str
    ended_at: str | None = None
    outcome: str = RUNNING
    batch_id: str | None = None
    files: int = 0
    rows_arrived: int = 0
    step_number: int = 0
    step: str = "run"
    seconds: float | None = None
    message: str | None = None


def begin(lake: Lake, run_id: str) -> RunStep:
    """Write that a run has begun; one before it that never told its end was cut short."""
    lake.remove_temporaries(paths.RUNS)
    begun = RunStep(run_id, utc_now())
    before = [
        replace(each, outcome=CUT_SHORT) if each.outcome == RUNNING else each for each in read(lake)
    ]
    _write(lake, [*before, begun])
    return begun


def finish(lake: Lake, steps: Sequence[RunStep]) -> None:
    """Write how a run ended, in the place of what was written when it began."""
    ended = {each.run_id for each in steps}
    _write(lake, [*(each for each in read(lake) if each.run_id not in ended), *steps])


def read(lake: Lake) -> list[RunStep]:
    """Return all steps of all runs, the oldest first; a line that cannot be read is left out."""
    content, _ = lake.read_versioned(paths.RUN_LOG)
    steps = []
    for line in (content or b"").splitlines():
        try:
            steps.append(RunStep(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return steps


def _write(lake: Lake, steps: list[RunStep]) -> None:
    runs = list(dict.fromkeys(each.run_id for each in steps))
    kept = set(runs[-RUNS_KEPT:])
    lines = [json.dumps(asdict(each)) + "\n" for each in steps if each.run_id in kept]
    lake.write_bytes(paths.RUN_LOG, "".join(lines).encode())
