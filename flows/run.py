"""A run from its beginning to its end, on the target that is asked for."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Unpack

from flows import progress, steps
from flows.asked import Asked, Request, checked
from flows.base_run import Run
from flows.summary import Summary
from lake import run_log
from lake.clock import utc_now
from lake.errors import C360Error
from lake.manifest import file_entries
from lake.run_log import RunStep
from warehouse.home import Home

logger = logging.getLogger(__name__)

# As marts.run_history has them.
LONGEST_STEP, LONGEST_MESSAGE = 100, 255


@contextmanager
def begun(**request: Unpack[Request]) -> Iterator[Run]:
    """Check what is asked for, take the home for one run, and give the run its log file."""
    target, home, asked = checked(**request)
    with taken(home, _opener(target)(home, asked)) as run, _recorded(run):
        yield run


@contextmanager
def taken(home: Home, opened: AbstractContextManager[Run]) -> Iterator[Run]:
    """Take the home for a run that is about to be opened, and give that its log file."""
    with home.lock(), opened as run:
        log_file = home.new_log_file(run.id)
        with progress.logged_to(log_file):
            try:
                yield run
            except BaseException as error:
                logger.exception("the run failed")
                error.add_note(f"The log is {log_file}")
                raise
            finally:
                for dbt in run.dbts:
                    dbt.close()


@contextmanager
def _recorded(run: Run) -> Iterator[None]:
    """Write to the lake that a run began and how it ended; a run does not fail for that."""
    try:
        begun = run_log.begin(run.lake, run.id)
    except C360Error as error:
        logger.warning("this run will not be in the history of runs: %s", error)
        yield
        return
    outcome = run_log.FAILED
    try:
        yield
        outcome = run_log.NOTHING_NEW if run.stays else run_log.PUBLISHED
    finally:
        try:
            run_log.finish(run.lake, _steps_of(run, begun, outcome))
        except C360Error as error:
            logger.warning("how this run ended will not be in the history of runs: %s", error)


def _steps_of(run: Run, begun: RunStep, outcome: str) -> list[RunStep]:
    landed = [
        entry
        for entry in file_entries(run.lake)
        if entry.batch_id == run.id and entry.outcome == "landed"
    ]
    ended = replace(
        begun,
        ended_at=utc_now(),
        outcome=outcome,
        batch_id=run.id if landed else None,
        files=len(landed),
        rows_arrived=sum(entry.rows + entry.malformed_rows for entry in landed),
    )
    return [
        replace(
            ended,
            step_number=number,
            step=step.doing[:LONGEST_STEP],
            seconds=round(step.seconds, 3),
            message=(step.done or ("failed" if step.failed else step.doing))[:LONGEST_MESSAGE],
        )
        for number, step in enumerate(run.progress.steps, start=1)
    ] or [ended]


def customer_360(**request: Unpack[Request]) -> Summary:
    """Take what arrived to published answers, in this process; `flow` has the same in Prefect."""
    with steps.failure_told(), begun(**request) as run:
        return run.go(steps.carry_out)


def _opener(target: str) -> Callable[[Home, Asked], AbstractContextManager[Run]]:
    if target == "azure":
        from flows import azure_run

        return azure_run.opened
    from flows import local_run

    return local_run.opened
