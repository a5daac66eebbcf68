"""Tells what a run is doing: lines with times in the log, and at a console for whoever watches."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from flows.terminal import plain
from lake.errors import visible

logger = logging.getLogger(__name__)

# The packages whose log lines belong to a run.
LOGGERS = ("flows", "pages", "warehouse", "ingest", "lake", "prefect")


@dataclass
class Step:
    """One step of a run while it is under way, and how long it took."""

    doing: str
    seconds: float = 0.0
    done: str = ""
    failed: bool = False
    _status: Status | None = None

    def detail(self, text: str) -> None:
        """Show what the step is busy with, where a terminal can show it."""
        if self._status:
            self._status.update(plain(f"{self.doing}: {text}"))


@dataclass
class Progress:
    """The steps of one run, in order, each with its time."""

    console: Console | None = None
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, doing: str) -> Iterator[Step]:
        """Time a step and tell about it; set `done` on it to say what came of it."""
        step = Step(doing)
        self.steps.append(step)
        logger.info("%s", doing)
        if self.console and self.console.is_terminal:
            step._status = self.console.status(plain(doing))
            step._status.start()
        began = time.monotonic()
        outcome = "failed"
        try:
            yield step
            outcome = step.done or doing
        finally:
            step.seconds = time.monotonic() - began
            if step._status:
                step._status.stop()
                step._status = None
            failed = step.failed = outcome == "failed"
            text = f"{doing} failed" if failed else outcome
            logger.log(logging.ERROR if failed else logging.INFO, "%s (%.1f s)", text, step.seconds)
            if self.console:
                mark = ("✗", "red") if failed else ("✓", "green")
                took = (f" … {step.seconds:.1f}s", "dim")
                line = Text.assemble(mark, " ", plain(text), took)
                self.console.print(line, highlight=False, soft_wrap=True)


_followed: Progress | None = None


@contextmanager
def followed(progress: Progress) -> Iterator[Progress]:
    """Let the run inside add its steps to `progress`; elsewhere a run has one of its own."""
    global _followed
    _followed = progress
    try:
        yield progress
    finally:
        _followed = None


def current() -> Progress:
    """Return the progress to which a run adds its steps."""
    return _followed or Progress()


def _write_out_controls(record: logging.LogRecord) -> bool:
    """Change a record into one that no terminal obeys; a filter, which keeps it."""
    text = record.getMessage()
    if record.exc_info:
        record.exc_text = _visible_lines(logging.Formatter().formatException(record.exc_info))
    record.msg, record.args = _visible_lines(text), ()
    return True


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write the log lines of a run to its own file.

    Their control characters are written out, also where Prefect shows or sends them.
    """
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    handlers = [handler, *logging.getLogger().handlers]
    handlers += [shown for each in loggers for shown in each.handlers]
    for shown in handlers:
        shown.addFilter(_write_out_controls)
    for each in loggers:
        each.addHandler(handler)
        if each.getEffectiveLevel() > logging.INFO:
            each.setLevel(logging.INFO)
    try:
        yield
    finally:
        for each in loggers:
            each.removeHandler(handler)
        for shown in handlers:
            shown.removeFilter(_write_out_controls)
        handler.close()
