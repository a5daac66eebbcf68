"""Writing so that what is written survives a power cut."""

import os
from collections.abc import Iterable
from pathlib import Path


def files_under(folder: Path) -> list[Path]:
    """Return the files in a folder and in those within it."""
    return [path for path in folder.rglob("*") if path.is_file()]


def make_durable(files: Iterable[Path]) -> None:
    """Have the system write the files, and the folders they are in, to the disk."""
    files = list(files)
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for folder in sorted({path.parent for path in files}):
        sync_folder(folder)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file at once; when this returns it is on the disk."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the system write the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
