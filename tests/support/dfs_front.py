"""The dfs endpoint's Path operations, which Azurite lacks, on top of its Blob endpoint.

Written from the REST documentation of Azure Data Lake Storage Gen2. One port serves both endpoints:
what is a Path operation by its parameters is done here, everything else is passed on, and so are
all questions of who may do what: a Shared Key signature is verified here and made anew for Azurite,
a shared access signature goes with each of the requests that an operation takes. What the front
doesn't know it refuses with status 501.

As with a hierarchical namespace, folders are entries of their own (empty blobs with the metadata
`hdi_isfolder`), made with what is put in them and kept when it goes; what is appended shows once it
is flushed; and a rename happens for all at once and keeps the file's ETag.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

import urllib3

VERSION = "2021-12-02"
FOLDER = {"x-ms-meta-hdi_isfolder": "true"}
PAGE = 5000

# What authorizes a request by shared access signature, in its query.
SAS = {"sv", "ss", "srt", "sp", "st", "se", "spr", "sip", "sr", "si", "sig"}
# The headers that are signed by their place.
SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
UNKNOWN = {"x-ms-acl", "x-ms-permissions", "x-ms-umask", "x-ms-owner", "x-ms-group"} | {
    f"{prefix}if-{what}-since"
    for prefix in ("", "x-ms-source-")
    for what in ("modified", "unmodified")
}
NOT_PASSED_ON = ("host", "authorization", "connection", "content-length", "accept-encoding")

# The dfs endpoint's names for what the Blob endpoint calls otherwise.
CODES = {
    "BlobNotFound": "PathNotFound",
    "BlobAlreadyExists": "PathAlreadyExists",
    "ContainerNotFound": "FilesystemNotFound",
    "ContainerAlreadyExists": "FilesystemAlreadyExists",
}


@dataclass
class Request:
    """A request as it came, the names of its headers in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def names(self) -> tuple[str, str]:
        """The container and the path in it."""
        _account, _, rest = unquote(self.path).strip("/").partition("/")
        container, _, name = rest.partition("/")
        return container, name


@dataclass
class Response:
    """An answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


class DfsFront(ThreadingHTTPServer):
    """The server; `lose_answer` can name requests whose answer never arrives."""

    daemon_threads = True

    def __init__(self, azurite: str, account: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.account, self._key = account, base64.b64decode(key)
        self.endpoint = f"http://127.0.0.1:{self.server_port}/{account}"
        self.lose_answer: Callable[[Request], bool] = lambda _request: False
        self._azurite = azurite
        self._pool = urllib3.PoolManager(maxsize=32, retries=False)
        # One change or look at a time, so that nobody sees a rename half done.
        self._lock = threading.Lock()
        # Azurite gives a renamed file a new ETag; these lead from that to its own, and back.
        self._own_etags: dict[str, str] = {}
        self._azurites_etags: dict[str, str] = {}

    def answer(self, request: Request) -> Response:
        """Do what a request asks for."""
        try:
            self._authenticate(request)
            action = request.query.get("action")
            with nullcontext() if action == "append" else self._lock:
                return self._operation(request)(request, *request.names)
        except RefusedError as refused:
            error = {"error": {"code": refused.code, "message": refused.message}}
            headers = {"x-ms-error-code": refused.code, "Content-Type": "application/json"}
            return Response(refused.status, headers, json.dumps(error).encode())

    def _operation(self, request: Request) -> Callable[[Request, str, str], Response]:
        method, query = request.method, request.query
        resource, action = query.get("resource"), query.get("action")
        is_blob_request = {"comp", "restype", "snapshot"} & query.keys()
        renames = "x-ms-rename-source" in request.headers
        operations = {
            ("PUT", "file", None): self._create,
            ("PUT", "directory", None): self._create,
            ("PATCH", None, "append"): self._append,
            ("PATCH", None, "flush"): self._flush,
            ("GET", "filesystem", None): self._list,
        }
        if renames:
            operation = self._rename if method == "PUT" and not resource else None
        elif method == "DELETE" and request.names[1] and not is_blob_request:
            operation = self._delete
        elif resource or action:
            operation = operations.get((method, resource, action))
        else:
            return self._blob_request
        unknown = UNKNOWN & request.headers.keys() | {"beginFrom"} & query.keys()
        if query.get("retainUncommittedData") == "true" or query.get("paginated"):
            unknown.add("retainUncommittedData, paginated")
        if not operation or unknown:
            raise RefusedError(501, "NotImplemented", f"The front lacks this: {unknown or query}.")
        return operation

    # Who asks

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if given.startswith("SharedKey "):
            expected = self._signature(request.method, request.path, request.query, request.headers)
            if not hmac.compare_digest(given, expected):
                raise RefusedError(403, "AuthenticationFailed", "The signature is wrong.")
        elif given:
            raise RefusedError(401, "InvalidAuthenticationInfo")
        elif "sig" not in request.query:
            raise RefusedError(401, "NoAuthenticationInformation")

    def _signature(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> str:
        """Return the Authorization header of a request: "Authorize with Shared Key"."""
        values = [headers.get(name, "") for name in SIGNED]
        if headers.get("content-length") == "0":
            values[SIGNED.index("content-length")] = ""
        own = sorted(name for name in headers if name.startswith("x-ms-"))
        text = "\n".join(
            [
                method,
                *values,
                *(f"{name}:{headers[name].strip()}" for name in own),
                f"/{self.account}{path}",
                *(f"{name.lower()}:{query[name]}" for name in sorted(query, key=str.lower)),
            ]
        )
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"

    # What Azurite does

    def _send(
        self,
        caller: Request,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Send a Blob request on behalf of a caller."""
        sent = {"x-ms-version": VERSION, **{k.lower(): v for k, v in (headers or {}).items()}}
        asked = {**(query or {}), **{k: v for k, v in caller.query.items() if k in SAS}}
        sent["content-length"] = str(len(body))
        sent["x-ms-date"] = format_datetime(datetime.now(UTC), usegmt=True)
        if "sig" not in asked:
            sent["authorization"] = self._signature(method, path, asked, sent)
        answer = self._pool.request(
            method,
            f"{self._azurite}{path}?{urlencode(asked, quote_via=quote)}",
            headers=sent,
            body=body,
            decode_content=False,
        )
        received = dict(answer.headers.items())
        for name in received:
            if name.lower() == "etag":
                received[name] = self._own_etags.get(received[name], received[name])
        return Response(answer.status, received, answer.data)

    def _do(self, caller: Request, method: str, path: str, **request: Any) -> Response:
        """Send a Blob request that is part of a Path operation; raise when it fails."""
        answer = self._send(caller, method, path, **request)
        if answer.status >= 400:
            code = answer.headers.get("x-ms-error-code", "InternalError")
            raise RefusedError(answer.status, CODES.get(code, code), answer.body.decode())
        return answer

    def _path(self, container: str, name: str = "") -> str:
        return quote(f"/{self.account}/{container}/{name}".rstrip("/"), safe="/~")

    def _properties(self, caller: Request, container: str, name: str) -> "_Properties | None":
        """Return what is known of a file or folder; None when there is none."""
        try:
            answer = self._do(caller, "HEAD", self._path(container, name))
        except RefusedError as refused:
            if refused.code == "PathNotFound":
                return None
            raise
        return _Properties({key.lower(): value for key, value in answer.headers.items()})

    def _blob_request(self, request: Request, container: str, name: str) -> Response:
        headers = {k: v for k, v in request.headers.items() if k not in NOT_PASSED_ON}
        for condition in ("if-match", "if-none-match"):
            if condition in headers:
                etag = headers[condition]
                headers[condition] = self._azurites_etags.get(etag, etag)
        if request.method == "PUT" and name and "comp" not in request.query:
            self._make_parents(request, container, name)
        answer = self._send(
            request, request.method, request.path, request.query, headers, request.body
        )
        if "x-ms-meta-hdi_isfolder" in answer.headers:
            answer.headers["x-ms-resource-type"] = "directory"
        elif request.method in ("GET", "HEAD") and name:
            answer.headers["x-ms-resource-type"] = "file"
        return answer

    # Path operations

    def _create(self, request: Request, container: str, name: str) -> Response:
        self._make_parents(request, container, name)
        is_folder = request.query["resource"] == "directory"
        there = self._properties(request, container, name)
        _check(request.headers, "", there)
        if there and there.is_folder != is_folder:
            raise RefusedError(409, "PathConflict")
        if there and is_folder:
            return Response(201, {"ETag": there.etag})
        self._break_lease(request, container, name, there)
        headers = {"x-ms-blob-type": "BlockBlob", **_metadata(request.headers)}
        if is_folder:
            headers |= FOLDER
        answer = self._do(request, "PUT", self._path(container, name), headers=headers)
        return Response(201, _versions(answer))

    def _append(self, request: Request, container: str, name: str) -> Response:
        there = self._file(request, container, name)
        position = int(request.query["position"])
        if position < there.size:
            raise RefusedError(400, "InvalidQueryParameterValue", "position is inside the file")
        headers = {
            key: request.headers[key]
            for key in ("content-md5", "x-ms-lease-id")
            if key in request.headers
        }
        block = {"comp": "block", "blockid": _block_id(position)}
        path = self._path(container, name)
        self._do(request, "PUT", path, query=block, headers=headers, body=request.body)
        if request.query.get("flush") == "true":
            request.query["position"] = str(position + len(request.body))
            with self._lock:
                self._flush(request, container, name)
        return Response(202)

    def _flush(self, request: Request, container: str, name: str) -> Response:
        there = self._file(request, container, name)
        _check(request.headers, "", there)
        path, position = self._path(container, name), int(request.query["position"])
        query = {"comp": "blocklist", "blocklisttype": "all"}
        blocks = ElementTree.fromstring(self._do(request, "GET", path, query=query).body)
        ids, end = [], 0
        for kind in ("Committed", "Uncommitted"):
            found = blocks.findall(f"{kind}Blocks/Block")
            for block in sorted(found, key=lambda block: block.findtext("Name", "")):
                if block.findtext("Name") == _block_id(end):
                    ids.append(f"<{kind}>{_block_id(end)}</{kind}>")
                    end += int(block.findtext("Size", "0"))
        if end != position:
            raise RefusedError(400, "InvalidFlushPosition")
        if position == there.size:
            return Response(200, {"ETag": there.etag})
        headers = dict(there.metadata)
        if lease := request.headers.get("x-ms-lease-id"):
            headers["x-ms-lease-id"] = lease
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{"".join(ids)}</BlockList>'
        query = {"comp": "blocklist"}
        answer = self._do(request, "PUT", path, query=query, headers=headers, body=body.encode())
        return Response(200, _versions(answer))

    def _rename(self, request: Request, container: str, name: str) -> Response:
        given = urlsplit(request.headers["x-ms-rename-source"])
        source_container, _, source = unquote(given.path).strip("/").partition("/")
        moved = self._properties(request, source_container, source)
        if not moved:
            raise RefusedError(404, "SourcePathNotFound")
        _check(request.headers, "x-ms-source-", moved)
        parent = name.rpartition("/")[0]
        above = self._properties(request, container, parent) if parent else None
        if parent and not (above and above.is_folder):
            raise RefusedError(404, "RenameDestinationParentPathNotFound")
        there = self._properties(request, container, name)
        _check(request.headers, "", there)
        if there and (there.is_folder or moved.is_folder):
            raise RefusedError(409, "PathConflict")
        self._break_lease(request, container, name, there)
        if moved.is_folder:
            for entry in self._entries(request, source_container, source):
                below = entry["name"].removeprefix(source)
                self._move(request, source_container, entry["name"], container, name + below)
        self._move(request, source_container, source, container, name)
        return Response(201, {"ETag": moved.etag})

    def _delete(self, request: Request, container: str, name: str) -> Response:
        there = self._properties(request, container, name)
        if not there:
            raise RefusedError(404, "PathNotFound")
        _check(request.headers, "", there)
        below: list[dict[str, str]] = []
        if there.is_folder:
            if "recursive" not in request.query:
                raise RefusedError(400, "MissingRequiredQueryParameter", "recursive")
            below = self._entries(request, container, name)
            if below and request.query["recursive"] != "true":
                raise RefusedError(409, "DirectoryNotEmpty")
        for each in [*(entry["name"] for entry in reversed(below)), name]:
            headers = {}
            if lease := request.headers.get("x-ms-lease-id"):
                headers["x-ms-lease-id"] = lease
            self._do(request, "DELETE", self._path(container, each), headers=headers)
        return Response(200)

    def _list(self, request: Request, container: str, _name: str) -> Response:
        folder, query = request.query.get("directory", "").strip("/"), request.query
        if folder:
            there = self._properties(request, container, folder)
            if not (there and there.is_folder):
                raise RefusedError(404, "PathNotFound")
        entries = [
            entry
            for entry in self._entries(request, container, folder)
            if query["recursive"] == "true"
            or "/" not in entry["name"].removeprefix(folder).lstrip("/")
        ]
        after, size = query.get("continuation", ""), int(query.get("maxResults", PAGE))
        entries = [entry for entry in entries if entry["name"] > after]
        headers = {"Content-Type": "application/json"}
        if len(entries) > size:
            headers["x-ms-continuation"] = entries[size - 1]["name"]
        return Response(200, headers, json.dumps({"paths": entries[:size]}).encode())

    # Parts of them

    def _file(self, request: Request, container: str, name: str) -> "_Properties":
        there = self._properties(request, container, name)
        if not there:
            raise RefusedError(404, "PathNotFound")
        if there.is_folder:
            raise RefusedError(409, "PathConflict")
        return there

    def _entries(self, request: Request, container: str, folder: str) -> list[dict[str, str]]:
        """Return what is under a folder at any depth, as a list answer has it."""
        found, marker = [], "start"
        while marker:
            query = {"restype": "container", "comp": "list", "include": "metadata"}
            query |= {"prefix": f"{folder}/"} if folder else {}
            query |= {"marker": marker} if marker != "start" else {}
            answer = self._do(request, "GET", self._path(container), query=query)
            listed = ElementTree.fromstring(answer.body)
            for blob in listed.iter("Blob"):
                etag = '"{}"'.format(blob.findtext("Properties/Etag", "").strip('"'))
                etag = self._own_etags.get(etag, etag).strip('"')
                entry = {
                    "name": blob.findtext("Name", ""),
                    "contentLength": blob.findtext("Properties/Content-Length", "0"),
                    "lastModified": blob.findtext("Properties/Last-Modified", ""),
                    "etag": etag,
                }
                if blob.find("Metadata/hdi_isfolder") is not None:
                    entry["isDirectory"] = "true"
                found.append(entry)
            marker = listed.findtext("NextMarker") or ""
        return sorted(found, key=lambda entry: entry["name"])

    def _make_parents(self, request: Request, container: str, name: str) -> None:
        folder = name.rpartition("/")[0]
        if not folder:
            return
        there = self._properties(request, container, folder)
        if there and not there.is_folder:
            raise RefusedError(409, "PathConflict")
        if not there:
            self._make_parents(request, container, folder)
            headers = {"x-ms-blob-type": "BlockBlob", **FOLDER}
            self._do(request, "PUT", self._path(container, folder), headers=headers)

    def _move(
        self, request: Request, container: str, name: str, to_container: str, to_name: str
    ) -> None:
        moved = self._properties(request, container, name)
        assert moved
        source = self._path(container, name)
        sas = urlencode({k: v for k, v in request.query.items() if k in SAS}, quote_via=quote)
        headers = {"x-ms-copy-source": f"{self._azurite}{source}?{sas}".rstrip("?")}
        copied = self._do(request, "PUT", self._path(to_container, to_name), headers=headers)
        headers = {}
        if lease := request.headers.get("x-ms-source-lease-id"):
            headers["x-ms-lease-id"] = lease
        self._do(request, "DELETE", source, headers=headers)
        azurites = _versions(copied)["ETag"]
        self._own_etags[azurites] = moved.etag
        self._azurites_etags[moved.etag] = azurites

    def _break_lease(
        self, request: Request, container: str, name: str, there: "_Properties | None"
    ) -> None:
        """Break the lease of a file that is replaced, as the service does."""
        if there and there.is_leased:
            headers = {"x-ms-lease-action": "break", "x-ms-lease-break-period": "0"}
            path = self._path(container, name)
            self._do(request, "PUT", path, query={"comp": "lease"}, headers=headers)


@dataclass
class _Properties:
    """What a HEAD request tells of a file or folder."""

    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return self.headers["etag"]

    @property
    def size(self) -> int:
        return int(self.headers["content-length"])

    @property
    def metadata(self) -> dict[str, str]:
        return {k: v for k, v in self.headers.items() if k.startswith("x-ms-meta-")}

    @property
    def is_folder(self) -> bool:
        return self.headers.get("x-ms-meta-hdi_isfolder") == "true"

    @property
    def is_leased(self) -> bool:
        return self.headers.get("x-ms-lease-state") == "leased"


def _check(headers: Mapping[str, str], prefix: str, there: _Properties | None) -> None:
    """Hold a file against the request's conditions."""
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if match and not (there and match in ("*", there.etag)):
        raise RefusedError(412, "ConditionNotMet")
    if none_match and there and none_match in ("*", there.etag):
        if none_match == "*" and not prefix:
            raise RefusedError(409, "PathAlreadyExists")
        raise RefusedError(412, "ConditionNotMet")


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that come with a Create request, as metadata."""
    pairs = (pair.partition("=") for pair in headers.get("x-ms-properties", "").split(",") if pair)
    return {f"x-ms-meta-{name}": base64.b64decode(value).decode() for name, _, value in pairs}


def _versions(answer: Response) -> dict[str, str]:
    names = {"etag": "ETag", "last-modified": "Last-Modified"}
    found = {names[k.lower()]: v for k, v in answer.headers.items() if k.lower() in names}
    return found


def _block_id(position: int) -> str:
    return base64.b64encode(f"{position:020}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    server: DfsFront
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        request = Request(self.command, url.path, query, headers, body)
        answer = self.server.answer(request)
        if self.server.lose_answer(request):
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        length = len(answer.body)
        if self.command == "HEAD":
            length = int(answer.headers.get("content-length", 0))
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = _serve

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def serving(azurite: str, account: str, key: str) -> Iterator[DfsFront]:
    """Serve both endpoints of an account before an Azurite at a URL."""
    with DfsFront(azurite, account, key) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
