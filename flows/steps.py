"""A step of a run, who tries it again, and what is told of a run that failed.

Nothing of it needs Prefect: `run` carries the steps out in this process, `flow` as Prefect's tasks,
and both retry and tell the same.
"""

import errno
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lake.errors import C360Error, told

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5


class RunFailed(C360Error):
    """A run failed. Its text is all that is shown: what happened, what to do, which log."""


@dataclass(frozen=True)
class Step:
    """One step of a run; one that is `retried` gets another try after a failure that may pass.

    One that is done `always` is also done when nothing is new, and all stays as it was.
    """

    name: str
    method: Callable[..., None]
    arguments: tuple[object, ...] = ()
    retried: bool = False
    always: bool = False

    def __call__(self) -> None:
        """Do it once."""
        self.method(*self.arguments)


def may_pass(error: BaseException) -> bool:
    """Tell whether another attempt may help: something was away or busy, and nothing is wrong."""
    return getattr(error, "passing", isinstance(error, ConnectionError | TimeoutError))


def carry_out(step: Step) -> None:
    """Do a step in this process."""
    try:
        step()
    except Exception as error:
        if not (step.retried and may_pass(error)):
            raise
        logger.warning("%s: %s Another try in %d s.", step.name, told(error), RETRY_SECONDS)
        time.sleep(RETRY_SECONDS)
        step()


@contextmanager
def failure_told(give_up: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Make one message of what went wrong; `give_up` is called when another run cannot help."""
    try:
        yield
    except Exception as failure:
        error = _known(failure)
        if may_pass(error):
            error.add_note("Another attempt may help")
        else:
            if not isinstance(error, C360Error):
                error.add_note(
                    "This was not foreseen. What is published is whole. Look into the log, remove "
                    "the cause and run again"
                )
            give_up()
        # Where an error that we know comes from helps nobody who reads the log.
        raise RunFailed(told(error)) from None if isinstance(error, C360Error) else error


def _known(error: Exception) -> Exception:
    """Return what went wrong, as an error of ours where it can be told what to do about it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        file = error.filename2 or error.filename
        known = C360Error(
            f"The disk{f' that {file} is on' if file else ''} is full. What is published is whole. "
            "Make room and run again."
        )
    elif type(error).__name__ == "OutOfMemoryException":  # DuckDB's
        known = C360Error(
            "DuckDB needs more memory than it may take. What is published is whole. Set "
            "C360_MEMORY_LIMIT to more, such as 8GB, and run again."
        )
    else:
        return error
    for note in getattr(error, "__notes__", ()):
        known.add_note(note)
    return known
