"""One measured run of the product, or of the script by hand, in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from bench.measure import Measured, measure
from bench.report import Side, product_steps

PROJECT = Path(__file__).resolve().parent.parent


def run_product(home: Path, arrived: Path | None = None) -> Side:
    """Have `c360 run` take in a folder of files, or build what is in the lake."""
    given = ["--input", str(arrived)] if arrived else []
    measured = _measure(home, _c360("run", *given, "--home", str(home)))
    return Side(measured.seconds, measured.peak_bytes, product_steps(measured.output))


def run_by_hand(arrived: Path, out: Path) -> Side:
    """Have the script do the whole job over a folder of files."""
    measured = _measure(out, [sys.executable, "-m", "bench.by_hand", str(arrived), str(out)])
    steps = json.loads(measured.output.splitlines()[-1])["seconds"]
    return Side(measured.seconds, measured.peak_bytes, steps)


def measured_module(module: str, folder: Path, *arguments: str) -> Measured:
    """Have a module of the benchmark work on a folder, in a process of its own."""
    return _measure(folder, [sys.executable, "-m", module, str(folder), *arguments])


def verify(home: Path) -> None:
    """Raise when what is published is not what a build of everything gives."""
    _measure(home, _c360("verify", "--home", str(home)))


def say(text: str) -> None:
    """Tell whoever waits what is under way."""
    print(text, file=sys.stderr, flush=True)


def _c360(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("c360")), *arguments]


def _measure(folder: Path, command: list[str]) -> Measured:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("C360_") and name != "PREFECT_API_URL"
    }
    os.sync()  # nobody pays for what was written before
    log = folder.with_name(f"{folder.name}.log")
    return measure(command, PROJECT, {**environment, "PYTHONUTF8": "1"}, log)
