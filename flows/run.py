"""A run from its beginning to its end, on the target that is asked for."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Unpack

from flows import progress, steps
from flows.asked import Asked, Request, checked
from flows.base_run import Run
from flows.summary import Summary
from warehouse.home import Home

logger = logging.getLogger(__name__)


@contextmanager
def begun(**request: Unpack[Request]) -> Iterator[Run]:
    """Check what is asked for, take the home for one run, and give the run its log file."""
    target, home, asked = checked(**request)
    with taken(home, _opener(target)(home, asked)) as run:
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
