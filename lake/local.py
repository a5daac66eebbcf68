"""The lake in a local folder."""

import fcntl
import hashlib
import io
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from lake.durable import sync_folder
from lake.errors import ConflictError, LakeError
from lake.store import ANY_VERSION, TEMPORARY, checked


class _Writer(io.FileIO):
    """A file whose write errors are the lake's, so that no reader's error is taken for one."""

    shown = ""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise LakeError(f"Cannot write {self.shown}: {error.strerror}.") from error


class LocalLake:
    """A lake in a local folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        # Several threads write: none may remove the folder that another has just made.
        self._folders = threading.Lock()

    def exists(self, path: str) -> bool:
        """Tell whether a file stands there."""
        with self._failure("read", path):
            return self._local(path).is_file()

    def read_bytes(self, path: str) -> bytes:
        """Return a whole (small) file."""
        with self._failure("read", path):
            return self._local(path).read_bytes()

    def open_read(self, path: str) -> BinaryIO:
        """Open a file to read it as a stream."""
        with self._failure("read", path):
            return self._local(path).open("rb")

    def open_write(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Write a file as a stream: there when the block ends well, gone when it raises."""
        return self._writing(path, ANY_VERSION)

    @contextmanager
    def _writing(self, path: str, expected: str | None) -> Iterator[BinaryIO]:
        target = self._local(path)
        temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        with self._failure("write", path), self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            raw = _Writer(temporary, "xb")
        raw.shown = str(target)
        try:
            with io.BufferedWriter(raw) as file:
                yield cast(BinaryIO, file)
                with self._failure("write", path):
                    file.flush()
                    os.fsync(file.fileno())
            with self._failure("write", path), self._held(path, expected):
                os.replace(temporary, target)
                sync_folder(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            self._prune(target.parent)
            raise

    def read_versioned(self, path: str) -> tuple[bytes | None, str | None]:
        """Return a whole (small) file and its version; None and None when it isn't there."""
        with self._failure("read", path):
            try:
                data = self._local(path).read_bytes()
            except FileNotFoundError:
                return None, None
        return data, hashlib.sha256(data).hexdigest()

    def write_bytes(self, path: str, data: bytes, expected: str | None = ANY_VERSION) -> None:
        """Write a whole (small) file, if the version that is expected still stands there."""
        try:
            with self._writing(path, expected) as file:
                file.write(data)
        except ConflictError:
            if self.read_versioned(path)[0] != data:
                raise

    def list(self, prefix: str, recursive: bool = True) -> Iterator[str]:
        """Yield the files of a folder, sorted; none when there is no such folder."""
        folder = self._local(prefix)
        with self._failure("list", prefix):
            found = folder.rglob("*") if recursive else folder.glob("*")
            names = sorted(
                path.relative_to(self.root).as_posix()
                for path in found
                if not path.name.startswith(TEMPORARY) and path.is_file()
            )
        yield from names

    def size(self, prefix: str) -> int:
        """Return the bytes of all files in a folder and under it, of what `list` shows."""
        total = 0
        for path in self.list(prefix):
            with suppress(FileNotFoundError):  # a run may be removing old versions
                total += self._local(path).stat().st_size
        return total

    def move(self, src: str, dst: str) -> None:
        """Give a file its new name, replacing what stood there, in one step."""
        source, target = self._local(src), self._local(dst)
        with self._failure("write", dst), self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            sync_folder(target.parent)
        self._prune(source.parent)

    def delete(self, path: str) -> None:
        """Delete a file; no complaint when it isn't there."""
        with self._failure("delete", path):
            self._local(path).unlink(missing_ok=True)
        self._prune(self._local(path).parent)

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder with all that is in it; no complaint when it isn't there."""
        folder = self._local(prefix)
        with self._failure("delete", prefix), suppress(FileNotFoundError):
            shutil.rmtree(folder)
        self._prune(folder.parent)

    def remove_temporaries(self, prefix: str, recursive: bool = True) -> None:
        """Delete what writers that were killed left behind in a folder, and under it."""
        with self._failure("delete", prefix):
            folder = self._local(prefix)
            found = folder.rglob("*") if recursive else folder.glob("*")
            # The deepest first: some were killed when they had made no more than their folder.
            for path in sorted(found, reverse=True):
                if path.name.startswith(TEMPORARY):
                    path.unlink(missing_ok=True)
                elif path.is_dir():
                    with suppress(OSError):
                        path.rmdir()
        self._prune(self._local(prefix))

    def uri(self, path: str) -> str:
        """Return the absolute path, which is what engines open."""
        return str(self._local(path))

    def exclusive(self) -> AbstractContextManager[None]:
        """Do nothing: a local lake is in a home, and that is locked for the run."""
        return nullcontext()

    def check_exclusive(self) -> None:
        """Do nothing, as `exclusive` does."""

    @contextmanager
    def _held(self, path: str, expected: str | None) -> Iterator[None]:
        """Keep the version that is expected from being replaced by another process meanwhile."""
        if expected == ANY_VERSION:
            yield
            return
        descriptor = os.open(self.root, os.O_RDONLY)  # the one folder that is never pruned
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self.read_versioned(path)[1] != expected:
                raise ConflictError(f"{self.root / path} was changed by another run meanwhile.")
            yield
        finally:
            os.close(descriptor)

    def _local(self, path: str) -> Path:
        return self.root / checked(path)

    def _prune(self, folder: Path) -> None:
        """Remove folders that became empty: a store in the cloud has none either."""
        with suppress(OSError), self._folders:
            while folder != self.root and folder.is_relative_to(self.root):
                folder.rmdir()
                folder = folder.parent

    @contextmanager
    def _failure(self, verb: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise LakeError(f"Cannot {verb} {self.root / path}: {reason}.") from error
