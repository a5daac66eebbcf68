"""The pages of an API endpoint: the way from one to the next.

What isn't a good page is an error and no guess, and a pull ends where the API says so or sends no
more records. `api_endpoint` asks for one page at a time.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from ingest.api_endpoint import Endpoint, RefusedError, check_url
from ingest.declarations import ApiSource
from lake.errors import ApiError, visible

Page = list[dict[str, Any]]

_EMPTY_PAGES = 10
"""Pages without records in a row that are passed over when each leads on to another."""
_ABSENT = object()


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
        yield from _Walk(source, Endpoint(source, base_url, token, session), asked).pages()


class _Walk:
    """Goes from page to page."""

    def __init__(self, source: ApiSource, endpoint: Endpoint, asked: Mapping[str, Any]) -> None:
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
            except RefusedError as error:
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
