"""The pages of an API endpoint: requests, retries, and the way from one page to the next.

What isn't a good page is an error and no guess, and a pull ends where the API says so or sends no
more records. The token goes to no other host than the declared one, and into no message.
"""

import codecs
import hashlib
import ipaddress
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urljoin

import requests
import simplejson
from requests import exceptions
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from ingest.declarations import ApiSource
from lake.errors import ApiError, InputError, visible

Page = list[dict[str, Any]]

_EMPTY_PAGES = 10
"""Pages without records in a row that are passed over when each leads on to another."""
_LONGEST_TEXT = 200
_UNTRUSTED = re.compile(r"certificate verify failed: ([^(\"']+)", re.I)
_PORTS = {"http": 80, "https": 443}
_ABSENT = object()


class Number(Decimal):
    """A number with a fraction or an exponent, written as it was sent: `1.50`, `1e5`."""

    _text: str

    def __new__(cls, text: str) -> "Number":
        """Make one of its JSON text."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __str__(self) -> str:
        return self._text


_as_sent = lru_cache(1000)(simplejson.RawJSON)  # the same text is the same object, to be compared


def _number(text: str) -> Any:
    try:
        return Number(text)
    except InvalidOperation:  # an exponent that no Decimal has
        return _as_sent(text)


def check_url(url: str) -> None:
    """Raise InputError, which doesn't show the URL, when an API can't or mustn't be given by it.

    To be called before the URL gets anywhere where it is kept or shown.
    """
    parts = _parsed(url)
    if parts is None:
        raise InputError("The URL of the API must be like https://host/path.")
    if parts.auth is not None or parts.query is not None or parts.fragment is not None:
        raise InputError(
            "The URL of the API must hold no user name, password or ?query, which would be shown "
            "in logs. Put the token into the environment variable that `token_env` names in the "
            "sources file, and other parameters under `params` there."
        )


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown: without user name, password, query and fragment.

    >>> without_credentials("https://me:secret@shop.example/v1?token=secret")
    'https://shop.example/v1'
    """
    parts = _parsed(url)
    if parts is None:
        return "the URL"
    return Url(parts.scheme, host=parts.host, port=parts.port, path=parts.path).url


def read_pages(
    source: ApiSource, base_url: str, token: str | None, asked: Mapping[str, Any]
) -> Iterator[Page]:
    """Yield the pages of a source that have records, in order.

    `asked` are the query parameters that ask for what is new. The token is taken from the
    environment variable that the source names when none is given. All failures are ApiError, and
    InputError for a URL that check_url refuses.
    """
    check_url(base_url)
    with requests.Session() as session:
        yield from _Walk(source, _Endpoint(source, base_url, token, session), asked).pages()


class _Walk:
    """Goes from page to page."""

    def __init__(self, source: ApiSource, endpoint: "_Endpoint", asked: Mapping[str, Any]) -> None:
        self._source, self._pages, self._endpoint = source, source.pages, endpoint
        self._params = {**source.params, **asked}
        if self._pages.limit_param:
            self._params[self._pages.limit_param] = self._pages.limit
        self._numbered = bool(self._pages.page_param or self._pages.offset_param)
        self._count = self._received = self._empty = 0
        self._been: set[bytes] = set()

    def pages(self) -> Iterator[Page]:
        previous: Page = []
        address: tuple[str, Mapping[str, Any]] | None = self._first()
        while address:
            if self._count == self._source.max_pages:
                raise self._error(f"has more than {self._count} pages (max_pages)")
            try:
                response = self._endpoint.get(*address)
            except _RefusedError as error:
                if self._numbered and self._count:
                    error.add_note(
                        "If that is how it says that a page is beyond the last one, declare "
                        "total_pages, total or more under `pages`"
                    )
                raise
            if response.status_code == 204:
                return
            body = self._endpoint.body(response)
            page = self._records(body)
            if page and self._numbered and page == previous:
                told = "total_pages, total or more" if self._pages.page_param else "total or more"
                raise self._error(
                    "sent the same page twice: its pages go round in a circle. If it repeats its "
                    f"last page, declare {told} under `pages`"
                )
            previous = page
            self._count += 1
            self._received += len(page)
            self._empty = 0 if page else self._empty + 1
            if page:
                yield page
            address = self._next(response, body, page)

    def _first(self) -> tuple[str, Mapping[str, Any]]:
        params = dict(self._params)
        if self._pages.page_param:
            params[self._pages.page_param] = self._pages.first_page
        if self._pages.offset_param:
            params[self._pages.offset_param] = 0
        return self._endpoint.url, params

    def _next(
        self, response: requests.Response, body: Any, page: Page
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Return what to ask for after a page, None at the end."""
        pages, url = self._pages, self._endpoint.url
        more = self._more(body)
        if more is False or (not page and self._numbered and not self._goes_on(more)):
            return None
        if pages.page_param:
            return url, {**self._params, pages.page_param: pages.first_page + self._count}
        if pages.offset_param:
            return url, {**self._params, pages.offset_param: self._received}
        way = self._way(response, body)
        if way is None:
            if more:
                raise self._error(
                    "says that there are more records, but not how to get them. Check `pages` in "
                    "the sources file"
                )
            self._check_last(response, body, page)
            return None
        mark = hashlib.blake2b(way.encode("utf-8", "replace"), digest_size=16).digest()
        if not page and (mark in self._been or (self._empty >= _EMPTY_PAGES and not more)):
            return None
        if mark in self._been:
            what = "cursor" if pages.cursor else "next page"
            raise self._error(f"sent the same {what} twice: its pages go round in a circle")
        self._been.add(mark)
        if pages.cursor:
            assert pages.cursor_param
            return url, {**self._params, pages.cursor_param: way}
        return way, {}

    def _goes_on(self, more: bool | None) -> bool:
        """Tell whether to ask for the page after one without records."""
        # The same offset would bring the same again.
        return bool(more and self._pages.page_param) and self._empty < _EMPTY_PAGES

    def _way(self, response: requests.Response, body: Any) -> str | None:
        """Return the next page's cursor or URL, None when the page has none."""
        if self._pages.link_header:
            link = _next_link(response.headers.get("Link", ""))
            return self._endpoint.followed(link, response) if link else None
        path = self._pages.cursor or self._pages.next_url
        found = _find(body, path) if path else None
        if found is _ABSENT or not found:
            return None
        if self._pages.next_url and isinstance(found, str):
            return self._endpoint.followed(found, response)
        if self._pages.cursor and isinstance(found, str | int) and not isinstance(found, bool):
            return str(found)
        raise self._error(f"sent a {path!r} that is no {'cursor' if self._pages.cursor else 'URL'}")

    def _check_last(self, response: requests.Response, body: Any, page: Page) -> None:
        """Raise when a page that gives no way on, as declared, looks like one of several."""
        pages = self._pages
        hint = "Declare how its pages follow one another under `pages` in the sources file"
        if not pages.link_header and _next_link(response.headers.get("Link", "")):
            raise self._error(f"has more pages, which its Link header leads to. {hint}")
        path = pages.cursor or pages.next_url
        if path and _find(body, path) is not _ABSENT:
            return
        sign = _sign_of_more(body, alone=not (path or pages.link_header))
        if sign and page:
            raise self._error(f"has more pages, says its {visible(sign)!r}. {hint}")
        if pages.limit and len(page) >= pages.limit and not (path or pages.link_header):
            raise self._error(
                f"sent a full page of {len(page)} records, so there may be more. {hint}"
            )

    def _more(self, body: Any) -> bool | None:
        """Return what a page says of there being more, None when it says nothing."""
        pages = self._pages
        for path, says_more in ((pages.more, True), (pages.end, False)):
            found = _find(body, path) if path else None
            if found is _ABSENT or found is None:
                continue
            flag = {"true": True, "1": True, "false": False, "0": False}.get(str(found).lower())
            if flag is None:
                raise self._error(f"sent a {path!r} that is neither true nor false")
            return flag == says_more
        for path, got in ((pages.total, self._received), (pages.total_pages, self._count)):
            found = _find(body, path) if path else None
            if found is _ABSENT or found is None:
                continue
            try:
                return got < int(found)
            except (TypeError, ValueError):
                raise self._error(f"sent a {path!r} that is no number") from None
        return None

    def _records(self, body: Any) -> Page:
        path = self._source.data
        found = _find(body, path)
        if found is None or (found is _ABSENT and self._is_bare(body)):
            return []
        if not isinstance(found, list):
            lists = (
                [name for name, value in body.items() if isinstance(value, list)]
                if isinstance(body, dict)
                else []
            )
            hint = f"; it has lists in {', '.join(lists)}: declare `data`" if lists else ""
            raise self._error(f"sent a page without a list of records in {path!r}{visible(hint)}")
        if not all(isinstance(record, dict) for record in found):
            raise self._error(f"sent something in {path!r} that isn't a record")
        return found

    def _is_bare(self, body: Any) -> bool:
        """Tell whether a page holds nothing but what is declared under `pages`."""
        if not isinstance(body, dict):
            return body is None or body == []  # PHP writes an empty object so
        pages = self._pages
        paths = (
            pages.cursor,
            pages.next_url,
            pages.more,
            pages.end,
            pages.total,
            pages.total_pages,
        )
        return body.keys() <= {_first_name(body, path) for path in paths if path}

    def _error(self, problem: str) -> ApiError:
        return self._endpoint.error(problem)


class _TransientError(ApiError):
    """A request that may succeed at the next attempt, after a wait of so many seconds."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message, passing=True)
        self.wait = wait


class _RefusedError(ApiError):
    """A request that the API knows nothing to answer to."""


class _Endpoint:
    """Asks the API for one thing at a time."""

    def __init__(
        self, source: ApiSource, base_url: str, token: str | None, session: requests.Session
    ) -> None:
        self._source, self._session = source, session
        whole = source.path.lower().startswith(("http://", "https://"))
        self.url = source.path if whole else f"{base_url.rstrip('/')}/{source.path.lstrip('/')}"
        self._shown = without_credentials(self.url)
        origin = _origin(self.url)
        if origin is None:
            raise ApiError(f"API {source.name}: the URL must be like https://host/path.")
        self._origin = origin
        self._token = self._usable(token)
        scheme, host, _ = origin
        # A proxy is for the world outside.
        session.trust_env = not _is_loopback(host)
        session.headers["Accept"] = "application/json, */*;q=0.1"
        if (
            self._token
            and scheme == "http"
            and not _is_loopback(host)
            and not source.token_over_http
        ):
            raise self.error(
                "would get the token over http, where anyone on the way can read it. Give an https "
                "URL, or declare `token_over_http: true` for this endpoint"
            )

    def _usable(self, token: str | None) -> str | None:
        if token is None and self._source.token_env:
            token = os.environ.get(self._source.token_env)
        token = (token or "").strip()
        if not token.isascii() or not token.isprintable():
            variable = self._source.token_env
            where = f"the environment variable {variable}" if variable else "hand"
            raise ApiError(
                f"API {self._source.name}: the token in {where} holds characters no token has."
            )
        return token or None

    def error(self, problem: str) -> ApiError:
        """Return an error of this endpoint."""
        return ApiError(self._message(problem))

    def get(self, url: str, params: Mapping[str, Any]) -> requests.Response:
        """Return the answer, with status 200 or 204; failures that may pass are tried again."""
        source = self._source
        for attempt in range(source.attempts):
            try:
                return self._attempt(url, params)
            except _TransientError as error:
                if attempt + 1 == source.attempts:
                    raise
                time.sleep(max(error.wait, min(source.backoff * 2**attempt, source.longest_wait)))
        raise AssertionError("no attempt is allowed")

    def body(self, response: requests.Response) -> Any:
        """Return the JSON of an answer, numbers as they were sent."""
        media_type = Message()
        media_type["Content-Type"] = header = response.headers.get("Content-Type", "")
        kind = media_type.get_content_type() if header else "no content type"
        if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
            raise self.error(f"sent {visible(kind)} where JSON is expected")
        try:
            text = _decoded(response.content, media_type.get_content_charset())
            return simplejson.loads(text, parse_float=_number, parse_constant=_as_sent)
        except (ValueError, LookupError, RecursionError):
            raise self.error("sent a body that isn't valid JSON") from None

    def followed(self, link: str, response: requests.Response) -> str:
        """Return the URL that a page leads to; raise when it is another host's."""
        try:
            url = urljoin(response.url, link.strip())
        except ValueError:
            url = ""
        parts = _parsed(url)
        scheme, host, port = self._origin
        if parts and scheme == "https" and _origin(url) == ("http", host, _PORTS["http"]):
            # So write servers that a proxy gives TLS to: they don't know that they are asked so.
            parts = parts._replace(scheme=scheme, port=port)
            url = parts.url
        if parts is None or parts.auth is not None or _origin(url) != self._origin:
            raise self.error(
                f"leads to its next page at {visible(without_credentials(url))}, which is not "
                f"below {scheme}://{host}:{port} and may not get the token. Give the URL at which "
                "all of its pages are"
            )
        return url.partition("#")[0]

    def _message(self, problem: str) -> str:
        return f"API {self._source.name}: {self._shown} {problem}."

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # Given without a token too: requests would look into the user's .netrc otherwise.
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _attempt(self, url: str, params: Mapping[str, Any]) -> requests.Response:
        source = self._source
        try:
            response = self._session.get(
                url,
                params={name: _query(value) for name, value in params.items()},
                auth=self._authorize,
                timeout=(source.connect_timeout, source.read_timeout),
                allow_redirects=False,
            )
        except exceptions.Timeout:
            problem = (
                f"did not answer in time ({source.attempts} attempts of up to "
                f"{source.read_timeout:g} seconds)"
            )
            raise _TransientError(self._message(problem)) from None
        except (exceptions.ConnectionError, exceptions.ChunkedEncodingError) as error:
            if untrusted := _UNTRUSTED.search(str(error)):
                raise self.error(
                    f"has a certificate that is not trusted ({untrusted[1].strip()}). If those who "
                    "run the API issue their own, set REQUESTS_CA_BUNDLE to the file of the issuer"
                ) from None
            problem = (
                f"can't be reached or broke off ({source.attempts} attempts). "
                "Check the URL and that the API is running"
            )
            raise _TransientError(self._message(problem)) from None
        except (exceptions.RequestException, LocationParseError) as error:
            raise self.error(f"could not be read ({type(error).__name__})") from None
        if response.status_code not in (200, 204):
            raise self._refusal(response)
        return response

    def _refusal(self, response: requests.Response) -> ApiError:
        """Return what to say about a status that isn't a success."""
        status, source = response.status_code, self._source
        text = self._own_words(response)
        said = f', saying "{text}"' if text else ""
        if status in (401, 403):
            if not source.token_env:
                return self.error(
                    f"wants a token ({status}{said}), but its source names no token_env"
                )
            return self.error(
                f"refused the token ({status}{said}). Set the environment variable "
                f"{source.token_env} to a valid one"
            )
        if status not in (408, 425, 429) and status < 500:
            leads_to = _target(response)
            hint = f"; give the URL that it leads to, {leads_to}" if leads_to else said
            return _RefusedError(self._message(f"answered with status {status}{hint}"))
        wait = _seconds(response.headers.get("Retry-After", "").strip())
        if wait > source.longest_wait:
            problem = (
                f"answered with status {status}{said} and asks to wait {wait:.0f} seconds "
                f"(longest_wait is {source.longest_wait:g})"
            )
            return ApiError(self._message(problem), passing=True)
        problem = f"answered with status {status} after {source.attempts} attempts{said}"
        return _TransientError(self._message(problem), wait)

    def _own_words(self, response: requests.Response) -> str:
        """Return what the API says of its refusal, without what must not be shown."""
        try:
            text = _decoded(response.content, None)
        except ValueError:
            return ""
        try:
            text = _error_text(json.loads(text))
        except (ValueError, RecursionError):
            text = next((line for line in text.splitlines() if line.strip()), "")
            if text.lstrip().startswith(("<", "{", "[")):  # a page for people, or broken JSON
                return ""
        secrets = [str(v) for name, v in self._source.params.items() if _SECRET_NAME.search(name)]
        for secret in filter(None, [self._token, *secrets]):
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, "…")
        text = _SECRETS.sub(
            lambda found: f"{found[1] or found[2] or ''}…", text[:_LONGEST_SEARCHED]
        )
        text = visible(" ".join(text.split())).rstrip(".")
        return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


_SECRET_NAME = re.compile("token|key|secret|password|signature", re.I)
# Query strings, users of URLs, what is named like a secret, and what looks like one.
_SECRETS = re.compile(
    r"""\?[^\s"']+"""
    r"""|(?<=//)[^\s"'/]+(?=@)"""
    r"""|((?:bearer|basic)\s+)[^\s"',]{12,}"""
    r"""|((?:token|key|secret|password|signature)["']?(?:[=:]|\s*:\s+)["']?)[^\s"',&]+"""
    r"""|(?=[\w+/=~.-]*\d)[\w+/=~.-]{32,}""",
    re.I,
)
_LONGEST_SEARCHED = 2000
_ERROR_KEYS = (
    *("error_description", "message", "detail", "error", "errors", "title", "msg", "description"),
)


def _error_text(body: Any, depth: int = 0) -> str:
    """Return the text of an error in JSON, however deep it stands."""
    if isinstance(body, str) or depth > 5:
        return body if isinstance(body, str) else ""
    if isinstance(body, list):
        return next(filter(None, (_error_text(item, depth + 1) for item in body)), "")
    if not isinstance(body, dict):
        return ""
    named = {name.lower(): value for name, value in body.items()}
    found = (_error_text(named.get(key), depth + 1) for key in _ERROR_KEYS)
    return next(filter(None, found), "")


def _decoded(content: bytes, charset: str | None) -> str:
    encoding = json.detect_encoding(content)
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError:
        if charset is None or codecs.lookup(charset).name == "utf-8":
            raise
        return content.decode(charset)


def _find(body: Any, path: str) -> Any:
    """Return what stands at a path such as `$.result.items`, _ABSENT when nothing does.

    A name with points in it, such as `@odata.nextLink`, is taken whole where it stands so.
    """
    path = _without_brackets(path)
    if not path:
        return body
    if isinstance(body, list):
        index, _, rest = path.partition(".")  # -1 is the last one
        place = int(index) if re.fullmatch(r"-?\d{1,9}", index, re.ASCII) else len(body)
        return _find(body[place], rest) if -len(body) <= place < len(body) else _ABSENT
    if not isinstance(body, dict):
        return _ABSENT
    if path in body:
        return body[path]
    for end in (match.start() for match in re.finditer(r"\.", path)):
        if path[:end] in body:
            return _find(body[path[:end]], path[end + 1 :])
    return _ABSENT


def _without_brackets(path: str) -> str:
    return re.sub(r"\[['\"]?(.+?)['\"]?\]", r".\1", path).removeprefix("$").removeprefix(".")


def _first_name(body: Mapping[str, Any], path: str) -> str:
    """Return in which of a body's names what a path leads to would stand."""
    path = _without_brackets(path)
    return path if path in body else path.partition(".")[0]


_FLAG_OF_MORE = re.compile("(has)?(more|next).*")
_WAY_TO_MORE = re.compile(
    r"(@?odata\.)?next(page|cursor|link|url|uri|offset|token|pagetoken|pageurl|pagelink|recordsurl)?"
)


def _sign_of_more(body: Any, alone: bool, depth: int = 0) -> str | None:
    """Return the name in a page that says that there is another one, None when none does.

    Where a page is taken to be `alone`, a cursor of any kind says so.
    """
    if not isinstance(body, dict) or depth > 3:
        return None
    for name, value in body.items():
        plain = re.sub(r"[\s_-]", "", name).lower()
        if str(value).lower() in ("true", "false"):
            if str(value).lower() == "true" and _FLAG_OF_MORE.fullmatch(plain):
                return name
        elif _WAY_TO_MORE.fullmatch(plain) or (alone and plain == "cursor"):
            if any(value.values()) if isinstance(value, dict) else value:
                return name
        elif found := _sign_of_more(value, alone, depth + 1):
            return f"{name}.{found}"
    return None


_LINK = re.compile(
    r"<([^>]*)>((?:\s*;\s*[^\s=;,\"<>]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?)*)"
)
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.I)


def _next_link(header: str) -> str | None:
    """Return the target of a Link header's relation `next` (RFC 8288)."""
    for target, parameters in _LINK.findall(header):
        relation = _RELATION.search(parameters)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return str(target)
    return None


def _parsed(url: str) -> Url | None:
    """Return a URL's parts as the client that connects takes them; None when it can't."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return None
    return parts if parts.scheme in _PORTS and parts.host else None


def _origin(url: str) -> tuple[str, str, int] | None:
    parts = _parsed(url)
    if parts is None or not parts.scheme or not parts.host:
        return None
    return parts.scheme, parts.host, parts.port or _PORTS[parts.scheme]


def _target(response: requests.Response) -> str:
    """Return where a redirect leads to, as it may be shown; nothing for other answers."""
    if not 300 <= response.status_code < 400 or "Location" not in response.headers:
        return ""
    try:
        return visible(without_credentials(urljoin(response.url, response.headers["Location"])))
    except ValueError:
        return "which is none"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(retry_after: str) -> float:
    """Return how long a Retry-After header asks to wait: it holds seconds or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - datetime.now(UTC).timestamp()
    except ValueError:
        return 0
