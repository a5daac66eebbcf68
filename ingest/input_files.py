"""The files of an input folder, and which entity each belongs to."""

import os
import re
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from ingest.contract import Entity, entity_for_file
from ingest.declarations import Declarations
from lake.errors import InputError


def list_input(folder: Path) -> list[tuple[Path, str]]:
    """Return the files of a folder and of the folders in it, each with its name below it.

    In the order of names. Hidden files and folders are no input. Raises InputError.
    """
    folder = Path(folder)
    if not folder.exists():
        raise InputError(f"The input folder {folder} isn't there.")
    if not folder.is_dir():
        raise InputError(f"The input {folder} is a file; give the folder that holds the files.")

    def refuse(error: OSError) -> None:
        raise InputError(
            f"Cannot read the input folder {error.filename}: {error.strerror}."
        ) from error

    found: list[Path] = []
    read: set[str] = set()
    waiting = [folder]
    # What links lead to comes after all that stands in its own place, and nothing comes twice.
    for start in waiting:
        for at, folders, names in os.walk(start, onerror=refuse):
            if (place := os.path.realpath(at)) in read:
                folders.clear()
                continue
            read.add(place)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            waiting += [path for path in (Path(at, name) for name in folders) if path.is_symlink()]
            found += [Path(at, name) for name in names if not name.startswith(".")]
    return sorted(
        ((path, _shown(path.relative_to(folder).as_posix())) for path in found),
        key=lambda each: each[1],
    )


def _shown(name: str) -> str:
    """Return a name whose bytes are no UTF-8 as text that can be written down."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def check_input(path: Path) -> None:
    """Raise InputError for what is called a file and has no end, such as a pipe or a device."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InputError(f"{path} is a pipe, a device or the like. Put a file in its place.")


def entity_of(
    source: str, contract: Mapping[str, Entity], declarations: Declarations
) -> Entity | None:
    """Return the entity that an input file belongs to: as declared, else by its name."""
    name = source.rpartition("/")[2]
    for entity in contract.values():
        for pattern in declarations.for_entity(entity.name).files:
            if is_named(source, pattern):
                return entity
    return entity_for_file(contract, name)


def is_named(source: str, pattern: str) -> bool:
    """Tell whether a file, or its name with the folders before it, is called as is declared.

    `*` stands for anything, and all else for itself, in any case.

    >>> is_named("2024/Orders [1].csv", "orders [*].csv")
    True
    """
    wanted = ".*".join(map(re.escape, _folded(pattern).split("*")))
    names = (source.rpartition("/")[2], source)
    return any(re.fullmatch(wanted, _folded(name), re.DOTALL) for name in names)


def _folded(name: str) -> str:
    # A Mac's file names have an accent as a letter of its own.
    return unicodedata.normalize("NFC", name).casefold()
