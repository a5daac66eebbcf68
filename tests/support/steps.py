"""Goes through the steps of a run, in a process that kills itself where it is told to.

    python -m tests.support.steps --input DIR --home DIR [--api URL]
                                  [--target local|azure] [--steps STEP,STEP] [--without STEP]
                                  [--kill-at STEP:N] [--count FILE] [--resume VERSION]
                                  [--accept-rejected] [--full]

A step has the name of its method. Every change of a file or folder in the home that Python makes is
an event; DuckDB's own writes are not seen. `--kill-at` ends the process with SIGKILL just before
event N of a step, `--count` writes each step's events to a file. `--resume` stands where a run
stood that had built a version and was killed before it published it: what is left is to publish.

`Driver` is what tests use: it imports everything once and forks for each run, of the steps, of the
command, or of dbt's own.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]

PRELOADED = ("flows.cli", "flows.run", "dbt.cli.main", "dbt.adapters.duckdb", "splink")

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = frozenset(
    (
        *("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"),
        *("os.truncate", "os.utime", "shutil.copyfile", "shutil.rmtree"),
    )
)


class Events:
    """Counts the changes in a folder, by step, and ends the process before the chosen one."""

    def __init__(self, folder: Path, kill_at: tuple[str, int] | None) -> None:
        self.by_step: dict[str, list[str]] = {}
        self._folder = str(folder)
        self._kill_at = kill_at
        self._step = ""
        sys.addaudithook(self._hear)

    def enter(self, step: str) -> None:
        """Count for this step from now on."""
        self._step = step
        self.by_step.setdefault(step, [])

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES or not self._step:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        path = self._changed(event, arguments)
        if path is None:
            return
        heard = self.by_step[self._step]
        heard.append(f"{event} {path}")
        if self._kill_at == (self._step, len(heard)):
            os.kill(os.getpid(), signal.SIGKILL)

    def _changed(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Return the changed path below the folder, None when it is elsewhere."""
        path = arguments[1] if event in ("os.rename", "os.link", "os.symlink") else arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        named = os.fsdecode(path)
        if not os.path.isabs(named):  # shutil.rmtree names what it removes below an open folder
            descriptors = [a for a in arguments[1:] if isinstance(a, int) and a >= 0]
            at = f"/proc/self/fd/{descriptors[-1]}" if descriptors and event != "open" else "."
            try:
                named = os.path.join(os.path.realpath(at), named)
            except OSError:
                return None
        if not named.startswith(self._folder + os.sep):
            return None
        return named[len(self._folder) + 1 :]


def main(arguments: Sequence[str]) -> int:
    """Run the steps; return the exit status, 1 with the message on stderr for a clear failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.steps")
    parser.add_argument("--input")
    parser.add_argument("--home", required=True)
    parser.add_argument("--api")
    parser.add_argument("--target", choices=("local", "azure"), default="local")
    parser.add_argument("--kill-at", type=_point, metavar="STEP:N")
    parser.add_argument("--count", type=Path, metavar="FILE")
    parser.add_argument("--steps")
    parser.add_argument("--without")
    parser.add_argument("--resume", metavar="VERSION")
    parser.add_argument("--accept-rejected", action="store_true")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args(arguments)

    from flows.run import begun
    from lake.errors import C360Error

    events = Events(Path(options.home).resolve(), options.kill_at)
    try:
        with begun(
            input=options.input,
            api=options.api,
            target=options.target,
            home=options.home,
            pii=True,
            accept_rejected=options.accept_rejected,
            full=options.full,
        ) as run:
            if options.resume:
                _resume(run, options.resume)
            wanted = "publish" if options.resume else options.steps
            for step in run.steps:
                name = step.method.__name__
                is_wanted = name in (wanted or name).split(",") and name != options.without
                if is_wanted and (step.always or not run.stays):
                    events.enter(name)
                    step()
            events.enter("end")
    except C360Error as error:
        print(f"c360: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 2
    if options.count:
        options.count.write_text(json.dumps(events.by_step))
    return 0


def _point(text: str) -> tuple[str, int]:
    step, _, number = text.partition(":")
    return step, int(number)


def _resume(run: Any, version: str) -> None:
    from warehouse.staged import WarehouseState

    run.id = version
    run._copied = WarehouseState.of(run.home.warehouse)
    run.read_answers()


@dataclass(frozen=True)
class Outcome:
    """How a run ended and what it printed."""

    returncode: int
    output: str
    errors: str

    @property
    def killed(self) -> bool:
        """Tell whether it was killed where it was told to."""
        return self.returncode == -signal.SIGKILL


class Driver:
    """A process that has imported all that a run needs and forks for each one."""

    def __init__(self, parsed: Path, *modules: str) -> None:
        """Prepare one that also imports these modules.

        `parsed` is a folder for what dbt reads of projects, which drivers may share.
        """
        self._arguments = (str(parsed), *modules)

    def __enter__(self) -> Driver:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, "serve", *self._arguments],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.communicate()

    def dbt(self, *arguments: object, environment: Mapping[str, str] | None = None) -> Outcome:
        """Run dbt with these arguments, in a process of its own."""
        return self.run("dbt", *arguments, environment=environment)

    def c360(self, *arguments: object, environment: Mapping[str, str]) -> Outcome:
        """Run the command, in a process of its own with this environment and nothing else of it."""
        return self.run(
            "c360",
            *arguments,
            environment=environment,
            folder=os.getcwd(),
            umask=_umask(),
        )

    def run(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
        umask: int | None = None,
    ) -> Outcome:
        """Run the steps with these arguments, in a process of their own."""
        with tempfile.TemporaryDirectory() as printed:
            output, errors = Path(printed, "output"), Path(printed, "errors")
            job = {
                "arguments": [str(argument) for argument in arguments],
                "environment": dict(environment or {}),
                "folder": folder,
                "umask": umask,
                "output": str(output),
                "errors": str(errors),
            }
            assert self._process.stdin
            assert self._process.stdout
            print(json.dumps(job), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            return Outcome(status, output.read_text(), errors.read_text())


class _Parsed:
    """What dbt read of projects, which takes it seconds a home: all runs on this machine share it.

    It stands in a folder, for other processes too, and in memory, for those that fork from here.
    """

    def __init__(self, folder: Path) -> None:
        """Keep it in this folder, and have runs take it from here."""
        from warehouse.dbt_run import DbtRun
        from warehouse.project_code import project_code

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._read: dict[str, Any] = {}
        parse = DbtRun.parse

        def parse_once(run: DbtRun) -> None:
            if run.target != "local" or run._manifest is not None:
                return parse(run)
            code = project_code(run._project, "published")
            if code in self._read:
                run._manifest = self._read[code]
            else:
                parse(run)
                new = folder / f"{code}.{os.getpid()}"
                new.write_bytes(run._manifest.to_msgpack())
                new.rename(folder / f"{code}.parsed")

        setattr(DbtRun, "parse", parse_once)  # noqa: B010

    def begin(self) -> None:
        """Have dbt make what each process makes of its own, by going through the project once.

        Another process reads it, if need be: that is done in threads, which no fork takes along.
        """
        from warehouse.dbt_run import DbtRun
        from warehouse.home import Home

        with tempfile.TemporaryDirectory() as home:
            run = DbtRun(Home(Path(home)), None)
            self.read()
            process = os.fork()
            if not process:
                run.parse()
                atexit._run_exitfuncs()
                os._exit(0)
            os.waitpid(process, 0)
            self.read()
            run._invoke(["list"])

    def read(self) -> None:
        """Read what others have left."""
        from dbt.contracts.graph.manifest import Manifest

        for file in self._folder.glob("*.parsed"):
            if file.stem not in self._read:
                self._read[file.stem] = Manifest.from_msgpack(file.read_bytes())


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _serve(folder: str, *modules: str) -> None:
    for module in (*PRELOADED, *modules):
        import_module(module)
    parsed = _Parsed(Path(folder))
    parsed.begin()
    # Looking for garbage among all that dbt keeps is a sixth of a run's time.
    gc.disable()

    for line in sys.stdin:
        job = json.loads(line)
        parsed.read()
        process = os.fork()
        if not process:
            os._exit(_forked(job))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _forked(job: dict[str, Any]) -> int:
    for descriptor, file in ((0, os.devnull), (1, job["output"]), (2, job["errors"])):
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, descriptor)
    if job["folder"]:
        os.chdir(job["folder"])
        os.umask(job["umask"])
        os.environ.clear()
    os.environ.update(job["environment"])
    try:
        if job["arguments"][0] == "c360":
            sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
            sys.argv = job["arguments"]
            from flows.cli import main as command

            logging.getLogger().handlers.clear()  # those that what was imported has put there
            command()
        if job["arguments"][0] != "dbt":
            return main(job["arguments"])
        from dbt.cli.main import cli

        return cli(job["arguments"][1:]) or 0
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        # As the command does: dbt's locks are given back, or Python complains of them on stderr.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        _serve(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
