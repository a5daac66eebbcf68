"""Runs a command and measures it: seconds on the clock, and peak memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.2
PROC = Path("/proc")


@dataclass(frozen=True)
class Measured:
    """What a command took, and what it printed."""

    seconds: float
    peak_bytes: int | None
    """The greatest sum of the resident memory of the command and its descendants, of samples taken
    every 0.2 s; memory that processes share counts in each. None where there is no /proc."""
    output: str


def measure(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> Measured:
    """Run a command in a folder; raise with the end of its output, kept in `log`, if it fails."""
    peak = 0
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                peak = max(peak, tree_memory(process.pid))
                try:
                    process.wait(SAMPLE_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
        seconds = time.monotonic() - began
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        end = "\n".join(text.splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command)} failed (exit {process.returncode}):\n{end}")
    return Measured(seconds, peak or None, text)


def tree_memory(root: int) -> int:
    """Return the resident bytes of a process and its descendants; 0 where there is no /proc."""
    resident: dict[int, int] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for folder in PROC.glob("[0-9]*"):
        try:
            # pid (name) state parent …; the name may hold anything, so count from its end.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(folder.name)
        children[int(fields[1])].append(pid)
        resident[pid] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += resident.get(pid, 0)
        waiting += children[pid]
    return total
