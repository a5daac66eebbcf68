"""API pulls: pages of records become JSON lines of a batch.

Endpoints are declared in `sources.yml`. Records land as they were sent, numbers digit by digit.
The cursor of an incremental source moves when the batch is committed and not before, so a pull
that fails anywhere is simply pulled again.
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import simplejson
import yaml

from ingest.contract import check_header
from ingest.landing import Batch, Duplicate, Step, quarantine, read_versioned_state
from lake import paths
from lake.clock import utc_now
from lake.errors import ApiError, InputError
from lake.manifest import FileRecord

if TYPE_CHECKING:
    from requests import Response

log = logging.getLogger(__name__)

DECLARED = Path(__file__).with_name("sources.yml")
_FILE_BYTES = 8 << 20  # Small pages share a file of about this size.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pages:
    """How to get from one page to the next."""

    cursor: str
    cursor_param: str
    limit_param: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Incremental:
    """How to ask for what changed since the last pull."""

    field: str
    param: str


@dataclass(frozen=True)
class Source:
    """An endpoint, as `sources.yml` explains it."""

    name: str
    entity: str
    path: str
    data: str
    pages: Pages
    incremental: Incremental | None = None
    token_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    connect_timeout: float = 3
    read_timeout: float = 8
    attempts: int = 5
    backoff: float = 0.5
    longest_wait: float = 15
    max_pages: int = 100_000


def load_sources(path: Path = DECLARED) -> dict[str, Source]:
    """Return the declared endpoints by name."""
    try:
        declared = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        defaults = declared.get("defaults") or {}
        sources = [_source({**defaults, **entry}) for entry in declared["sources"]]
    except OSError as error:
        raise InputError(f"Cannot read the API sources {path}: {error.strerror}.") from error
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"The API sources in {path} are declared wrongly: {error}.") from error
    return {source.name: source for source in sources}


def _source(entry: dict[str, Any]) -> Source:
    if unknown := set(entry) - {known.name for known in fields(Source)}:
        raise ValueError(f"{entry.get('name')} has unknown settings: {', '.join(sorted(unknown))}")
    if not re.fullmatch(r"\w+", str(entry["name"]), re.ASCII):
        raise ValueError(f"{entry['name']!r} is no name of letters, digits and _")
    entry["pages"] = Pages(**entry["pages"])
    if entry.get("incremental"):
        entry["incremental"] = Incremental(**entry["incremental"])
    return Source(**entry)


def land_api(
    batch: Batch,
    source: Source,
    base_url: str,
    token: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Step:
    """Pull a source into a batch; `on_progress` is told how many records have come so far.

    The token is taken from the environment variable that the source names when none is given.
    Raises ApiError when the pull fails; the batch is then as it was before.
    """
    if source.entity not in batch.contract:
        raise InputError(f"API source {source.name}: there is no entity {source.entity}.")
    step_name = f"api:{source.name}"
    batch.undo(step_name)
    step = Step()
    state: dict[str, Any] = {}
    if source.incremental:
        found, step.api_versions[source.name] = read_versioned_state(batch.lake, source.name)
        state = found or {}
    pull = _Pull(batch, source, _Boundary(source, state))
    try:
        for page in _pages(source, base_url, token, state.get("cursor")):
            pull.take(page)
            if on_progress:
                on_progress(pull.received)
        pull.flush()
        pull.settle(step)
    except BaseException:
        pull.discard()
        raise
    batch.steps[step_name] = step
    log.info("API %s: %d records received, %d of them new.", source.name, pull.received, pull.kept)
    return step


class _Pull:
    """The records of one pull on their way into the batch."""

    def __init__(self, batch: Batch, source: Source, boundary: "_Boundary") -> None:
        self._batch, self._source, self._boundary = batch, source, boundary
        self._records: list[tuple[str, FileRecord]] = []
        self._lines: list[bytes] = []
        self._size = 0
        self._header: dict[str, None] = {}  # an ordered set
        self._file_header: dict[str, None] = {}
        self._replaced = 0
        self.received = 0
        self.kept = 0

    def take(self, page: list[dict[str, Any]]) -> None:
        for record in page:
            self.received += 1
            self._header.update(dict.fromkeys(record))
            line = self._encode(record)
            if not self._boundary.is_new(record, line):
                continue
            self.kept += 1
            self._file_header.update(dict.fromkeys(record))
            self._lines.append(line)
            self._size += len(line)
        if self._size >= _FILE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the lines gathered so far as a file of the batch."""
        if not self._lines:
            return
        data = b"".join(self._lines)
        name = f"{self._source.name}-{len(self._records) + 1:05}.jsonl"
        path = paths.landed(self._source.entity, self._batch.batch_id, name)
        record = FileRecord(
            entity=self._source.entity,
            source=f"api:{self._source.name}",
            path=path,
            format="jsonl",
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            rows=len(self._lines),
            longest_record=max(map(len, self._lines)),
            header=list(self._file_header),
        )
        self._records.append((name, record))
        self._batch.lake.write_bytes(path, data)
        self._lines, self._size, self._file_header = [], 0, {}

    def settle(self, step: Step) -> None:
        """Hand the files to the step: landed, known already, or in breach of the contract."""
        source, batch = self._source, self._batch
        check = check_header(batch.contract[source.entity], list(self._header))
        problem = check.problem if self.received else None
        for name, record in self._records:
            assert record.path
            record.missing_columns, record.extra_columns = check.missing, check.extra
            key = record.entity, record.sha256
            landed_in = batch.landed_before(*key)
            if problem:
                record.reason = problem
                if batch.refused_before(*key):
                    batch.lake.delete(record.path)
                    record.path, record.outcome = None, "quarantined"
                    step.still_quarantined.append(record)
                else:
                    step.records.append(quarantine(batch, record.path, record, name))
            elif landed_in:
                batch.lake.delete(record.path)
                step.duplicates.append(Duplicate(record.source, record.entity, landed_in))
            else:
                step.records.append(record)
        if source.incremental and not problem:
            new_state = self._boundary.state(batch.batch_id)
            if new_state:
                step.api_states[source.name] = new_state
        if self._replaced:
            step.warnings.append(
                f"API {source.name}: records with text that isn't Unicode (lone surrogates), "
                f"which landed as �: {self._replaced}."
            )
        if source.incremental and self._boundary.ahead:
            step.warnings.append(
                f"API {source.name}: records with {source.incremental.field} in the future, "
                f"which the cursor does not follow: {self._boundary.ahead}."
            )

    def discard(self) -> None:
        """Take what was written so far out of the batch."""
        for _, record in self._records:
            if record.path:
                self._batch.lake.delete(record.path)

    def _encode(self, record: dict[str, Any]) -> bytes:
        text = simplejson.dumps(record, use_decimal=True, ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:
            self._replaced += 1
            return re.sub("[\ud800-\udfff]", "\ufffd", text).encode() + b"\n"


class _Boundary:
    """Knows the greatest value of the incremental field, and the records that stand there.

    An API is asked for everything from that value on, the value itself included: another record
    can get the same stamp after the pull. The records that came then are known by their hash.
    """

    def __init__(self, source: Source, state: Mapping[str, Any]) -> None:
        self._field = source.incremental.field if source.incremental else None
        self._cursor = state.get("cursor")
        self._known: dict[str, Any] = dict(state.get("seen") or {})
        self._seen = dict(self._known)
        self._rank = _rank(self._cursor)
        self._latest = datetime.now(UTC) + timedelta(days=1)
        self._changed = False
        self.ahead = 0

    def is_new(self, record: Mapping[str, Any], line: bytes) -> bool:
        if self._field is None:
            return True
        value = record.get(self._field)
        rank = _rank(value)
        if rank is None or (self._rank is not None and rank < self._rank):
            return True
        digest = hashlib.blake2b(line, digest_size=16).hexdigest()
        in_future = isinstance(rank[1], datetime) and rank[1] > self._latest
        if in_future:
            # One wrong date must not make the cursor run past all that is still to come.
            self.ahead += 1
        elif rank != self._rank:
            self._cursor, self._rank = value, rank
            self._seen = {
                seen: stamp for seen, stamp in self._seen.items() if not _before(stamp, rank)
            }
        self._seen[digest] = value
        self._changed = self._changed or digest not in self._known
        return digest not in self._known

    def state(self, batch_id: str) -> dict[str, Any] | None:
        """Return the state to save, None when the pull changed nothing."""
        if not self._changed:
            return None
        return {
            "cursor": self._cursor,
            "batch_id": batch_id,
            "updated_at": utc_now(),
            "seen": self._seen,
        }


def _rank(value: Any) -> tuple[int, Any] | None:
    """Return what orders the values of an incremental field: times, numbers or text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float | Decimal):
        return 0, value
    if not isinstance(value, str) or not value:
        return None
    if not re.match(r"\d{4}-\d\d-\d\d", value):
        return 1, value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return 1, value
    return 2, time if time.tzinfo else time.replace(tzinfo=UTC)


def _before(value: Any, rank: tuple[int, Any]) -> bool:
    own = _rank(value)
    return own is None or own < rank


def _pages(
    source: Source, base_url: str, token: str | None, since: Any
) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a source in order, each a list of records; all failures are ApiError."""
    # dlt takes a second to import, and only a run with an API needs it.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
    from requests import exceptions

    checked = _Responses(source, base_url)
    token = _usable_token(source, token)
    session = Client(
        request_timeout=(source.connect_timeout, source.read_timeout),
        raise_for_status=False,
        request_max_attempts=source.attempts,
        request_backoff_factor=source.backoff,
        request_max_retry_delay=source.longest_wait,
    ).session
    # A proxy is for the world outside.
    session.trust_env = urlsplit(checked.url).hostname not in _LOOPBACK
    client = RESTClient(
        base_url,
        auth=BearerTokenAuth(token) if token else None,
        paginator=JSONResponseCursorPaginator(checked.cursor, source.pages.cursor_param),
        data_selector=checked.data,
        session=session,
        config=RuntimeConfiguration(),
    )
    params = dict(source.params)
    if source.pages.limit_param:
        params[source.pages.limit_param] = source.pages.limit
    if source.incremental and since is not None:
        params[source.incremental.param] = since
    try:
        yield from client.paginate(
            source.path,
            params=params,
            hooks={"response": [checked]},
            allow_redirects=False,
        )
    except exceptions.HTTPError as error:
        raise checked.refusal(error.response) from None
    except exceptions.Timeout:
        raise checked.error(
            f"did not answer in time ({source.attempts} attempts of up to "
            f"{source.read_timeout:g} seconds)",
            passing=True,
        ) from None
    except (exceptions.ConnectionError, exceptions.ChunkedEncodingError):
        raise checked.error(
            f"can't be reached or broke off ({source.attempts} attempts). "
            "Check the URL and that the API is running",
            passing=True,
        ) from None
    except exceptions.RequestException as error:
        raise checked.error(f"could not be read ({type(error).__name__})") from None


def _usable_token(source: Source, token: str | None) -> str | None:
    if token is None and source.token_env:
        token = os.environ.get(source.token_env)
    token = (token or "").strip()
    if not token.isascii() or not token.isprintable():
        where = f"the environment variable {source.token_env}" if source.token_env else "hand"
        raise ApiError(f"API {source.name}: the token in {where} holds characters no token has.")
    return token or None


class _Responses:
    """Looks at each response before dlt does: what isn't a good page is an error, no guess."""

    def __init__(self, source: Source, base_url: str) -> None:
        from dlt.common import jsonpath

        self._source = source
        whole = source.path.startswith(("http://", "https://"))
        parts = urlsplit(
            source.path if whole else f"{base_url.rstrip('/')}/{source.path.lstrip('/')}"
        )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(f"API {source.name}: the URL must be like https://host/path.")
        # Neither a user name nor a query may end up in a message.
        host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{host}{parts.path}"
        self.data = jsonpath.compile_path(source.data)
        self.cursor = jsonpath.compile_path(source.pages.cursor)
        self._cursors: set[str] = set()
        self._pages = 0

    def error(self, problem: str, passing: bool = False) -> ApiError:
        return ApiError(f"API {self._source.name}: {self.url} {problem}.", passing)

    def refusal(self, response: "Response") -> ApiError:
        """Return what to say about a status that isn't a success."""
        status = response.status_code
        if status in (401, 403):
            if not self._source.token_env:
                return self.error(f"wants a token ({status}), but its source names no token_env")
            return self.error(
                f"refused the token ({status}). Set the environment variable "
                f"{self._source.token_env} to a valid one"
            )
        passing = _is_passing(status)
        attempts = f" after {self._source.attempts} attempts" if passing else ""
        return self.error(f"answered with status {status}{attempts}", passing)

    def __call__(self, response: "Response", *_args: Any, **_kwargs: Any) -> None:
        """Check a response; dlt's session retries when this raises HTTPError for its status."""
        status = response.status_code
        if status >= 400:
            self._check_wait(response)
            from requests import HTTPError

            raise HTTPError(response=response)
        if status != 200:
            hint = "; give the URL that it leads to" if 300 <= status < 400 else ""
            raise self.error(f"answered with status {status}{hint}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise self.error(f"sent {kind or 'no content type'} where JSON is expected")
        try:
            body = simplejson.loads(response.content.decode("utf-8-sig"), use_decimal=True)
        except (ValueError, RecursionError):
            raise self.error("sent a body that isn't valid JSON") from None
        self._check_page(body)
        # dlt takes the records and the cursor from here: parsed once, decimals kept.
        response.json = lambda **_: body  # type: ignore[method-assign]

    def _check_wait(self, response: "Response") -> None:
        asked = _seconds(response.headers.get("Retry-After", "").strip())
        if _is_passing(response.status_code) and asked > self._source.longest_wait:
            raise self.error(
                f"answered with status {response.status_code} and asks to wait {asked:.0f} seconds "
                f"(longest_wait is {self._source.longest_wait:g})",
                passing=True,
            )

    def _check_page(self, body: Any) -> None:
        from dlt.common import jsonpath

        self._pages += 1
        if self._pages > self._source.max_pages:
            raise self.error(f"has more than {self._source.max_pages} pages (max_pages)")
        found = jsonpath.find_values(self.data, body)
        if len(found) != 1 or not isinstance(found[0], list):
            raise self.error(f"sent a page without a list of records in {self._source.data!r}")
        if not all(isinstance(record, dict) for record in found[0]):
            raise self.error(f"sent something in {self._source.data!r} that isn't a record")
        cursors = jsonpath.find_values(self.cursor, body)
        if not cursors or not cursors[0]:
            return
        if not isinstance(cursors[0], str | int):
            raise self.error(f"sent a {self._source.pages.cursor!r} that is no cursor")
        if str(cursors[0]) in self._cursors:
            raise self.error("sent the same cursor twice: its pages go round in a circle")
        self._cursors.add(str(cursors[0]))


def _seconds(retry_after: str) -> float:
    """Return how long a Retry-After header asks to wait: it holds seconds or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - datetime.now(UTC).timestamp()
    except ValueError:
        return 0


def _is_passing(status: int) -> bool:
    """Tell whether a status may be gone at the next attempt."""
    return status == 429 or status >= 500
