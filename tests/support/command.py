"""The command, as tests run it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.steps import Driver

C360 = Path(sys.executable).with_name("c360")


class Commands:
    """Runs commands in processes that fork from one, which begins with the first of them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._driver: Driver | None = None
        self.parses: Path | None = None

    def driver(self) -> Driver:
        """Return what runs them."""
        if self._driver is None:
            assert self.parses
            self._driver = self._stack.enter_context(Driver(self.parses))
        return self._driver

    def close(self) -> None:
        """End it."""
        self._stack.close()


COMMANDS = Commands()


def run_c360(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, but for its start, which takes seconds."""
    run = COMMANDS.driver().c360(*arguments, environment=os.environ | environment)
    return subprocess.CompletedProcess(
        ["c360", *map(str, arguments)], run.returncode, run.output, run.errors
    )


def run_installed(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as it is installed, which reads the project by itself."""
    return subprocess.run([C360, *map(str, arguments)], capture_output=True, text=True, check=False)
