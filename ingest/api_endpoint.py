"""One endpoint of an API: requests, retries, and what to say of an answer that is no good.

The token goes to no other host than the declared one, and into no message.
"""

import codecs
import ipaddress
import json
import os
import re
import time
from collections.abc import Mapping
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

_LONGEST_TEXT = 200
_UNTRUSTED = re.compile(r"certificate verify failed: ([^(\"']+)", re.I)
_PORTS = {"http": 80, "https": 443}


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


class _TransientError(ApiError):
    """A request that may succeed at the next attempt, after a wait of so many seconds."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message, passing=True)
        self.wait = wait


class RefusedError(ApiError):
    """A request that the API knows nothing to answer to."""


class Endpoint:
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
            return RefusedError(self._message(f"answered with status {status}{hint}"))
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
