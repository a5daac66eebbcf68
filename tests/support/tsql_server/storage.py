"""The lake behind an external data source: what OPENROWSET reads and CETAS writes.

The lake is the folder that C360_STANDIN_LAKE names, or else the one that C360_LAKE names, whose
files are copied to the stand-in's state folder when they are read, and from there when written.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

from lake.local import LocalLake
from lake.opening import open_lake
from lake.store import Lake


class Storage:
    """A data source's place in the lake; paths are relative to it."""

    def __init__(self, state: Path, url: str) -> None:
        self.url = url
        folder = os.environ.get("C360_STANDIN_LAKE")
        self._lake: Lake = LocalLake(Path(folder)) if folder else open_lake(os.environ["C360_LAKE"])
        self._copies = None if folder else state / "lake"
        self.root = self._copies or Path(folder or "").resolve()

    def found(self, pattern: str) -> list[str]:
        """Return the files of a path, which may have wildcards, in order."""
        fixed = re.split(r"[*]", pattern)[0].rpartition("/")[0]
        if "*" not in pattern:
            return [pattern] if self._lake.exists(pattern) else []
        wanted = re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")))
        return [path for path in self._lake.list(fixed) if wanted.fullmatch(path)]

    def read(self, path: str) -> bytes:
        """Return what a file says."""
        return self._lake.read_bytes(path)

    def local(self, path: str) -> Path:
        """Return where a file can be read."""
        place = self.root / path
        # Silver's files never change once they are there; others can be written anew.
        if self._copies and not (path.startswith("silver/") and place.exists()):
            place.parent.mkdir(parents=True, exist_ok=True)
            new = place.with_name(f"{place.name}.{os.getpid()}-{threading.get_ident()}")
            with self._lake.open_read(path) as source, new.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            new.replace(place)
        return place

    def is_empty(self, folder: str) -> bool:
        """Tell whether a folder has no files, or is not there."""
        return next(iter(self._lake.list(folder)), None) is None

    def write(self, path: str, written: Path) -> Path:
        """Store a file that was written elsewhere; return where it can be read."""
        with self._lake.open_write(path) as copy, written.open("rb") as source:
            shutil.copyfileobj(source, copy)
        written.unlink()
        return self.local(path)
