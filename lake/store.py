"""The lake: a tree of files that appear whole or not at all, local or in the cloud."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from lake.errors import LakeError

TEMPORARY = ".tmp-"
ANY_VERSION = "*"  # no file has it: versions are hashes or ETags


class Lake(Protocol):
    """What every store of the lake can do; paths are relative, with `/`.

    A write becomes visible under its name only when it is complete and durable. Until then it
    stands under a temporary name, which `list` never shows. Every failure is a `LakeError`.
    """

    def exists(self, path: str) -> bool:
        """Tell whether a file stands there."""

    def read_bytes(self, path: str) -> bytes:
        """Return a whole (small) file."""

    def open_read(self, path: str) -> BinaryIO:
        """Open a file to read it as a stream."""

    def open_write(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Write a file as a stream: there when the block ends well, gone when it raises."""

    def read_versioned(self, path: str) -> tuple[bytes | None, str | None]:
        """Return a whole (small) file and its version; None and None when it isn't there."""

    def write_bytes(self, path: str, data: bytes, expected: str | None = ANY_VERSION) -> None:
        """Write a whole (small) file.

        With `expected`, a version from `read_versioned` (None: there was no such file), it is
        written only if that version still stands there: of several writers that expect the same
        one wins, and the others get a `ConflictError`. It is none when the very same bytes stand
        there: so a write whose outcome is unknown can be repeated.
        """

    def list(self, prefix: str, recursive: bool = True) -> Iterator[str]:
        """Yield the files of a folder, sorted; none when there is no such folder."""

    def size(self, prefix: str) -> int:
        """Return the bytes of all files in a folder and under it, of what `list` shows."""

    def move(self, src: str, dst: str) -> None:
        """Give a file its new name, replacing what stood there, in one step."""

    def delete(self, path: str) -> None:
        """Delete a file; no complaint when it isn't there."""

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder with all that is in it; no complaint when it isn't there."""

    def remove_temporaries(self, prefix: str, recursive: bool = True) -> None:
        """Delete what writers that were killed left behind in a folder, and under it."""

    def uri(self, path: str) -> str:
        """Return the name under which an engine opens the path."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other machines' runs out of the lake while the block runs.

        Raises a `LakeError` when another run is in. From the moment that the exclusive use is
        lost, all that would change the lake raises a `LakeError` too.
        """

    def check_exclusive(self) -> None:
        """Raise a `LakeError` when the exclusive use is lost; nothing where none was taken.

        To be asked before a change that isn't one of the lake.
        """


def checked(path: str) -> PurePosixPath:
    """Return a path as the lake's; raise when it leads out of it."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise LakeError(f"{path} is not a path inside the lake.")
    return pure
