"""Runs what is to be killed in a child of the test's own process."""

import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

from lake.local import LocalLake

_CHANGES = ("move", "delete", "delete_tree", "write_bytes", "open_write")
_TO_BEGIN = 20  # seconds


def is_killed(action: Callable[[], object]) -> bool:
    """Run an action in a child; tell if it was killed. One that raises fails the test."""
    while True:
        begun, begins = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.write(begins, b"1")
                action()
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        os.close(begins)
        ready, _, _ = select.select([begun], [], [], _TO_BEGIN)
        os.close(begun)
        if not ready:
            # Python 3.11 waits forever in a child that was forked just when a thread that is none
            # of Python's own, such as Arrow's, came or went.
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if ready:
            assert os.WIFSIGNALED(status) or status == 0, "the child raised an error"
            return os.WIFSIGNALED(status)


def is_killed_at(step: int, lake: LocalLake, action: Callable[[LocalLake], object]) -> bool:
    """Run an action in a child that dies before its n-th change of the lake; tell if it did."""
    count = 0

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*arguments, **named)

        return changed

    def act() -> None:
        for name in _CHANGES:
            setattr(lake, name, dying(getattr(lake, name)))
        action(lake)

    return is_killed(act)
