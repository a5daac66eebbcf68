"""The lake in Azure Data Lake Storage Gen2: a container of an account with hierarchical namespace.

What the guarantees of `Lake` rest on there, by the service's REST documentation:

- A file is uploaded under a temporary name in its own folder, in chunks that don't show before
  they are flushed, and then renamed, which replaces what stood there in one step.
- A conditional write is that rename with a condition on its destination (`If-Match` with the ETag
  that was read, `If-None-Match: *` for a file that must not be there): the service checks and
  renames in one step. A condition on the upload would leave the name half-written meanwhile.
- Exclusive use is a lease on the file `run.lock`: it is renewed while the run works, and ends by
  itself a minute after a run that was killed.

A request that fails in passing is repeated by Azure's own client. Where its first answer got lost,
a repeated rename finds no source any more; the file's ETag, which a rename keeps, then tells that
it is done.
"""

import io
import os
import re
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.filedatalake import (
    DataLakeFileClient,
    DataLakeServiceClient,
    FileSystemClient,
)

from lake import paths
from lake.azure_errors import error_code, first_line
from lake.azure_lease import Lease
from lake.azure_sign_in import Auth
from lake.errors import C360Error, ConflictError, LakeError, without_token
from lake.store import ANY_VERSION, TEMPORARY, checked

ENDPOINT_VARIABLE = "C360_LAKE_ENDPOINT"

# A file that is being written takes up to six chunks of memory, however large it gets: four on
# their way, the one that is being filled, and its copy when it is handed over.
_CHUNK = 4 << 20
_ON_THEIR_WAY = 4
_UPLOADS = 6  # chunks at a time over all files; the client has ten connections for everything

# Five attempts over half a minute for a service that is busy, two for one that can't be reached.
_RETRIES: dict[str, Any] = {
    "retry_total": 4,
    "retry_connect": 1,
    "retry_read": 4,
    "retry_status": 4,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
    "connection_timeout": 5,
    "read_timeout": 60,
}

# Its name on the dfs endpoint and on the Blob endpoint, which Azure's client uses to read.
_NO_CONTAINER = ("FilesystemNotFound", "ContainerNotFound")

_LOCATION = re.compile(r"abfss://([a-z0-9-]+)@([a-z0-9]+)(\.dfs\.[a-z0-9.-]+)(?:/([^?]*))?")


class AdlsLake:
    """A lake in a container, or in a folder of one: `abfss://container@account.dfs.…/folder`.

    Signs in with the first that the environment has: AZURE_STORAGE_CONNECTION_STRING,
    AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN; else with Azure's default credential (managed
    identity, service principal, `az login`). C360_LAKE_ENDPOINT replaces the account's URL.
    """

    def __init__(self, location: str) -> None:
        match = _LOCATION.fullmatch(location)
        if not match:
            raise C360Error(
                f"The lake {without_token(location)} must be a folder, or like "
                "abfss://container@account.dfs.core.windows.net/folder. A token belongs into "
                "AZURE_STORAGE_SAS_TOKEN."
            )
        self._container, self._account, suffix, folder = match.groups()
        self._folder = "/".join(checked(folder or "").parts)
        self._location = f"abfss://{self._container}@{self._account}{suffix}"
        self._endpoint = os.environ.get(ENDPOINT_VARIABLE) or f"https://{self._account}{suffix}"
        try:
            self._auth = Auth.from_environment(self._account)
            self._files = FileSystemClient(
                self._endpoint, self._container, credential=self._auth.credential, **_RETRIES
            )
        except ValueError as error:
            raise C360Error(f"The lake {location} cannot be opened: {error}") from error
        self._uploads = ThreadPoolExecutor(_UPLOADS, thread_name_prefix="adls")
        self._lease: Lease | None = None

    def exists(self, path: str) -> bool:
        """Tell whether a file stands there."""
        with self._failure("read", path):
            try:
                found = self._file(path).get_file_properties()
            except ResourceNotFoundError as error:
                if error_code(error) in _NO_CONTAINER:
                    raise
                return False
        return found.metadata.get("hdi_isfolder") != "true"

    def read_bytes(self, path: str) -> bytes:
        """Return a whole (small) file."""
        with self._failure("read", path):
            return self._file(path).download_file().readall()

    def open_read(self, path: str) -> BinaryIO:
        """Open a file to read it as a stream, from any place in it, a chunk in memory."""
        with self._failure("read", path):
            raw = _Download(self, path)
        return cast(BinaryIO, io.BufferedReader(raw, _CHUNK))

    def open_write(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Write a file as a stream: there when the block ends well, gone when it raises."""
        return self._writing(path, {})

    @contextmanager
    def _writing(self, path: str, conditions: dict[str, Any]) -> Iterator[BinaryIO]:
        folder = checked(path).parent.as_posix()
        temporary = self._file(f"{folder}/{TEMPORARY}{secrets.token_hex(8)}")
        with self._failure("write", path):
            temporary.create_file()
        upload = _Upload(self, temporary, path)
        file = io.BufferedWriter(upload, _CHUNK)
        try:
            yield cast(BinaryIO, file)
            file.flush()
            with self._failure("write", path):
                self._rename(temporary, path, upload.finish(), conditions)
        except BaseException:
            upload.abandon()
            with suppress(AzureError):
                temporary.delete_file()
            self._prune(folder)
            raise
        finally:
            file.close()

    def read_versioned(self, path: str) -> tuple[bytes | None, str | None]:
        """Return a whole (small) file and its ETag; None and None when it isn't there."""
        with self._failure("read", path):
            try:
                found = self._file(path).download_file()
                return found.readall(), found.properties.etag
            except ResourceNotFoundError as error:
                if error_code(error) in _NO_CONTAINER:
                    raise
                return None, None

    def write_bytes(self, path: str, data: bytes, expected: str | None = ANY_VERSION) -> None:
        """Write a whole (small) file, if the version that is expected still stands there."""
        conditions: dict[str, Any] = {}
        if expected is None:
            conditions = {"match_condition": MatchConditions.IfMissing}
        elif expected != ANY_VERSION:
            conditions = {"match_condition": MatchConditions.IfNotModified, "etag": expected}
        try:
            with self._writing(path, conditions) as file:
                file.write(data)
        except ConflictError:
            if self.read_versioned(path)[0] != data:
                raise

    def list(self, prefix: str, recursive: bool = True) -> Iterator[str]:
        """Yield the files of a folder, sorted; none when there is no such folder."""
        with self._failure("list", prefix):
            names = sorted(
                path
                for path, is_folder in self._entries(prefix, recursive)
                if not is_folder and not _is_temporary(path)
            )
        yield from names

    def size(self, prefix: str) -> int:
        """Return the bytes of all files in a folder and under it, of what `list` shows."""
        with self._failure("list", prefix):
            return sum(
                size
                for path, is_folder, size in self._sized_entries(prefix, recursive=True)
                if not is_folder and not _is_temporary(path)
            )

    def move(self, src: str, dst: str) -> None:
        """Give a file its new name, replacing what stood there, in one step."""
        source = self._file(src)
        with self._failure("write", dst):
            etag = source.get_file_properties().etag
            try:
                self._rename(source, dst, etag, {})
            except ResourceNotFoundError as error:
                if error_code(error) != "RenameDestinationParentPathNotFound":
                    raise
                self._make_folder(checked(dst).parent.as_posix())
                self._rename(source, dst, etag, {})
        self._prune(checked(src).parent.as_posix())

    def delete(self, path: str) -> None:
        """Delete a file; no complaint when it isn't there."""
        self._delete(path, lambda: self._file(path).delete_file())

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder with all that is in it; no complaint when it isn't there."""
        folder = self._files.get_directory_client(self._name(prefix) or "/")
        self._delete(prefix, folder.delete_directory)

    def remove_temporaries(self, prefix: str, recursive: bool = True) -> None:
        """Delete what writers that were killed left behind in a folder, and under it."""
        with self._failure("delete", prefix):
            entries = list(self._entries(prefix, recursive))
        folders = {path for path, is_folder in entries if is_folder}
        for path, is_folder in entries:
            if is_folder:
                continue
            if _is_temporary(path):
                self.delete(path)
            else:
                folders.difference_update(p.as_posix() for p in checked(path).parents)
        for folder in sorted(folders, reverse=True) if recursive else ():
            self._prune(folder)

    def uri(self, path: str) -> str:
        """Return the URL that names the path to Azure's engines."""
        return "/".join(filter(None, (self._location, self._name(path))))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other runs out of the lake while the block runs, by a lease."""
        with self._failure("write", paths.LOCK):
            lease = Lease(self._file(paths.LOCK), self.uri(""))
        self._lease = lease
        try:
            yield
        finally:
            self._lease = None
            lease.release()

    def check_exclusive(self) -> None:
        """Raise a `LakeError` when the exclusive use is lost; nothing where none was taken."""
        if self._lease:
            with self._failure("write", paths.LOCK):
                self._lease.renew()

    def days_deleted_are_kept(self) -> int | None:
        """Return how long the account keeps deleted files; 0 when not at all, None if not known."""
        try:
            service = DataLakeServiceClient(
                self._endpoint, credential=self._auth.credential, **_RETRIES
            )
            policy = service.get_service_properties()["delete_retention_policy"]
        except (AzureError, KeyError, TypeError, ValueError):
            return None  # whoever may not ask for it may still delete files
        return int(policy.days or 0) if policy.enabled else 0

    def _name(self, path: str) -> str:
        """Return a path as the container has it; the root is empty."""
        return "/".join(filter(None, (self._folder, *checked(path).parts)))

    def _file(self, path: str) -> DataLakeFileClient:
        return self._files.get_file_client(self._name(path))

    def _entries(self, prefix: str, recursive: bool) -> Iterator[tuple[str, bool]]:
        """Yield what is under a folder: each path, and whether it is a folder itself."""
        for path, is_folder, _ in self._sized_entries(prefix, recursive):
            yield path, is_folder

    def _sized_entries(self, prefix: str, recursive: bool) -> Iterator[tuple[str, bool, int]]:
        """Yield the same with the bytes of each file."""
        start = len(self._folder) + 1 if self._folder else 0
        try:
            for entry in self._files.get_paths(self._name(prefix) or None, recursive=recursive):
                yield entry.name[start:], entry.is_directory, entry.content_length
        except ResourceNotFoundError as error:
            if error_code(error) in _NO_CONTAINER:
                raise

    def _rename(
        self, source: DataLakeFileClient, path: str, etag: str, conditions: dict[str, Any]
    ) -> None:
        try:
            source.rename_file(f"{self._container}/{self._name(path)}", **conditions)
        except (ResourceModifiedError, ResourceExistsError) as error:
            if not conditions:
                raise
            raise ConflictError(
                f"{self.uri(path)} was changed by another run meanwhile."
            ) from error
        except ResourceNotFoundError:
            # Gone because it is done, by a request whose answer got lost?
            with suppress(ResourceNotFoundError):
                if self._file(path).get_file_properties().etag == etag:
                    return
            raise

    def _make_folder(self, folder: str) -> None:
        with suppress(ResourceExistsError):
            self._files.get_directory_client(self._name(folder)).create_directory(
                match_condition=MatchConditions.IfMissing
            )

    def _delete(self, path: str, request: Any) -> None:
        with self._failure("delete", path):
            try:
                request()
            except ResourceNotFoundError as error:
                if error_code(error) in _NO_CONTAINER:
                    raise
                return
        self._prune(checked(path).parent.as_posix())

    def _prune(self, folder: str) -> None:
        """Remove folders that became empty, as a local lake does."""
        with suppress(AzureError):
            while folder not in ("", "."):
                # Refused by the service when something is in it.
                self._file(folder).delete_file(recursive=False)
                folder = checked(folder).parent.as_posix()

    @contextmanager
    def _failure(self, verb: str, path: str) -> Iterator[None]:
        """Turn what goes wrong into a `LakeError`; refuse changes once exclusive use is lost."""
        try:
            if self._lease and verb in ("write", "delete"):
                self._lease.confirm()
            yield
        except AzureError as error:
            reason, passing = self._reason(error)
            raise LakeError(f"Cannot {verb} {self.uri(path)}: {reason}.", passing) from error

    def _reason(self, error: AzureError) -> tuple[str, bool]:
        """Return what went wrong, for the user, and whether it may be gone at the next attempt."""
        code, status = error_code(error), getattr(error, "status_code", None)
        said = first_line(error)
        if isinstance(error, ClientAuthenticationError) and status is None:
            return f"{self._auth.source} is not usable ({said})", False
        if isinstance(error, ServiceRequestError):
            host = urlsplit(self._endpoint).netloc
            return f"{host} can't be reached. Check the account's name and the network", True
        if isinstance(error, ServiceResponseError):
            return "the connection to the storage account broke off", True
        if status in (401, 403):
            return self._auth.refused(code), False
        if code in _NO_CONTAINER:
            return (
                f"the storage account {self._account} has no container {self._container}. "
                "Create it, or correct C360_LAKE"
            ), False
        if code in ("PathNotFound", "BlobNotFound", "SourcePathNotFound"):
            return "there is no such file", False
        if isinstance(error, ResourceModifiedError):
            return "it was changed while it was read", True
        return f"{code or said} (status {status})", bool(status and status >= 500)


def _is_temporary(path: str) -> bool:
    return path.rpartition("/")[2].startswith(TEMPORARY)


class _Upload(io.RawIOBase):
    """Takes a file's bytes in chunks and appends several at a time to the temporary file."""

    def __init__(self, lake: AdlsLake, file: DataLakeFileClient, path: str) -> None:
        self._lake, self._file, self._path = lake, file, path
        self._futures: deque[Future[Any]] = deque()
        self._size = 0
        self._abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data[:_CHUNK])
        if not self._abandoned:
            with self._lake._failure("write", self._path):
                if len(self._futures) == _ON_THEIR_WAY:
                    self._futures.popleft().result()
            self._futures.append(
                self._lake._uploads.submit(self._file.append_data, chunk, self._size, len(chunk))
            )
            self._size += len(chunk)
        return len(chunk)

    def finish(self) -> str:
        """Make the bytes the file's content; return its ETag."""
        while self._futures:
            self._futures.popleft().result()
        return cast(str, self._file.flush_data(self._size)["etag"])

    def abandon(self) -> None:
        """Take no more, and wait for what is on its way."""
        self._abandoned = True
        while self._futures:
            future = self._futures.popleft()
            if not future.cancel():
                future.exception()


class _Download(io.RawIOBase):
    """Reads ranges of a file, all of one version."""

    def __init__(self, lake: AdlsLake, path: str) -> None:
        self._lake, self._path, self._file = lake, path, lake._file(path)
        properties = self._file.get_file_properties()
        self._size, self._etag = properties.size, properties.etag
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._read(min(len(buffer), self._size - self._position))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._read(self._size - self._position)

    def _read(self, length: int) -> bytes:
        if length <= 0:
            return b""
        with self._lake._failure("read", self._path):
            data = self._file.download_file(
                self._position,
                length,
                etag=self._etag,
                match_condition=MatchConditions.IfNotModified,
            ).readall()
        self._position += len(data)
        return data
