"""API pulls against a server that behaves as each test wants it to."""

import gzip
import json
import logging
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest import api, cursor
from ingest.api import land_api
from ingest.api_endpoint import Endpoint, check_url, without_credentials
from ingest.batch import Batch, commit, remove_uncommitted
from ingest.contract import load_contract
from ingest.declarations import ApiSource, Declaration, Incremental, Pages
from ingest.landing import land_files
from lake import paths
from lake.errors import ApiError, ConflictError, InputError, UnreadableError, told
from lake.local import LocalLake
from lake.manifest import Manifest, committed_batches, read_manifest
from tests.support.landed import read_state

CONTRACT = load_contract(Path(__file__).parents[2])
SOURCE = ApiSource(
    name="orders",
    entity="stores",
    path="/orders",
    declaration=Declaration(),
    data="data",
    pages=Pages(cursor="next_cursor", cursor_param="cursor", limit_param="limit", limit=2),
    incremental=Incremental("UpdatedAt", "updated_since"),
    token_env="TEST_TOKEN",
    attempts=3,
    backoff=0.01,
    connect_timeout=0.5,
    read_timeout=0.5,
    longest_wait=2,
    max_pages=50,
)
PLAIN = replace(SOURCE, incremental=None)
TOKEN = "s3cret-t0ken"


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", TOKEN)


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


class Server:
    """Serves what `answer(query, headers, number of the request)` returns.

    That is (status, headers, body); a body that is no bytes is sent as JSON. `{url}` in a header
    or a body of text stands for the server's own URL.
    """

    def __init__(self, answer):
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                outer.requests.append(query)
                status, headers, body = answer(query, self.headers, len(outer.requests))
                if not isinstance(body, bytes):
                    body = json.dumps(body).replace("{url}", outer.url).encode()
                    headers = {"Content-Type": "application/json", **headers}
                self.send_response(status)
                for name, value in {
                    "Content-Length": str(len(body)),
                    "Connection": "close",
                    **headers,
                }.items():
                    self.send_header(name, value.replace("{url}", outer.url))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that gave up is no news here."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def serving(answer):
    server = Server(answer)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def own_certificate(folder):
    """Return a file with a key and a certificate for localhost that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "certificate.pem"
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def always(status=200, headers=None, body=None):
    return lambda *_: (status, headers or {}, {"data": []} if body is None else body)


def record(key, stamp="2026-01-01T00:00:00Z", **more):
    return {
        "StoreID": key,
        "Location": "Łódź",
        "Manager": None,
        "OpenHours": 12.5,
        "UpdatedAt": stamp,
        **more,
    }


def paged(records, newest_first=False):
    """An honest API over a list that may grow: filter, pages, cursor."""

    def answer(query, *_):
        since = query.get("updated_since", "")
        chosen = [r for r in records if str(r.get("UpdatedAt")) >= since]
        if newest_first:
            chosen.sort(key=lambda r: r["UpdatedAt"], reverse=True)
        start, limit = int(query.get("cursor", 0)), int(query["limit"])
        following = start + limit if start + limit < len(chosen) else None
        page = {"data": chosen[start : start + limit], "next_cursor": following and str(following)}
        return 200, {}, page

    return answer


def pull(lake, url, source=SOURCE, token=None):
    batch = Batch(lake, CONTRACT)
    land_api(batch, source, url, token)
    return commit(batch)


def lines(lake, result):
    return [line for r in result.records for line in lake.read_bytes(r.path).splitlines()]


def keys(lake, result):
    return [json.loads(line)["StoreID"] for line in lines(lake, result)]


def arrived(lake):
    """Return what stands in the lake, but for the notes of batches that have begun."""
    return [path for path in lake.list("") if not path.startswith(paths.BEGUN)]


def pull_refused(lake, answer, source=SOURCE, match=None, passing=False):
    """Pull from a server that fails; return the message and the requests it got."""
    with serving(answer) as server:
        batch = Batch(lake, CONTRACT)
        with pytest.raises(ApiError, match=match) as error:
            land_api(batch, source, server.url)
    assert arrived(lake) == []
    assert commit(batch).batch_id is None
    assert read_state(lake, source.name) is None
    message = str(error.value)
    assert "API orders: http://127.0.0.1:" in message
    assert TOKEN not in message
    assert "\n" not in message
    assert error.value.__cause__ is None
    assert error.value.passing == passing
    return message, server.requests


# What lands


def test_records_land_as_they_were_sent_and_are_read(lake):
    body = (
        b'{"data": [{"StoreID": 1001.0, "Location": "\\u0141\\u00f3d\\u017a", "Manager": null, '
        b'"open hours": 12.50, "Big": 12345678901234567890.10, "Far": 1E5, '
        b'"Deep": {"b": [1, {}]}}], "next_cursor": null}'
    )
    with serving(always(body=body, headers={"Content-Type": "application/json"})) as server:
        result = pull(lake, server.url, PLAIN)
    assert lines(lake, result) == [
        '{"StoreID":1001.0,"Location":"Łódź","Manager":null,"open hours":12.50,'
        '"Big":12345678901234567890.10,"Far":1E5,"Deep":{"b":[1,{}]}}'.encode()
    ]
    [landed] = read_manifest(lake, result.batch_id).files
    assert landed.path == f"bronze/stores/{result.batch_id}/orders-00001.jsonl"
    assert (landed.source, landed.format, landed.rows) == ("api:orders", "jsonl", 1)
    assert landed.header == ["StoreID", "Location", "Manager", "open hours", "Big", "Far", "Deep"]
    assert landed.extra_columns == ["Big", "Far", "Deep"]
    [row] = rows(lake, landed)
    assert list(row.items())[:4] == [
        ("StoreID", "1001"),
        ("Location", "Łódź"),
        ("Manager", None),
        ("OpenHours", "12.50"),
    ]
    assert (row["_row_number"], row["_source_file"]) == (1, "orders-00001.jsonl")


def test_fields_of_customers_beyond_the_contract_are_read_where_they_are_declared(lake):
    extra = {"phone": "contact.mobile", "birth_date": "Born"}
    declaration = Declaration(api="orders", extra=extra)
    source = replace(PLAIN, entity="customers", declaration=declaration)
    customer = {"CustomerID": 1, "Name": "Ann", "Email": None, "Address": None}
    records = [
        customer | {"contact": {"mobile": 4930}, "born": "1980-02-29"},
        customer | {"contact": None},
        customer | {"Born": " "},
    ]
    with serving(always(body={"data": records})) as server:
        result = pull(lake, server.url, source)
    assert result.warnings == []
    [landed] = read_manifest(lake, result.batch_id).files
    assert [row["_extra"] for row in rows(lake, landed)] == [
        '{"birth_date":"1980-02-29","phone":"4930"}',
        None,
        None,
    ]


def rows(lake, record):
    batch_id = record.path.split("/")[2]
    data = lake.read_bytes(paths.rows(record.entity, batch_id, record.name))
    return pq.read_table(BytesIO(data)).to_pylist()


def test_large_pulls_make_several_files(lake, monkeypatch):
    monkeypatch.setattr(api, "_FILE_BYTES", 300)
    with serving(paged([record(i) for i in range(9)])) as server:
        result = pull(lake, server.url)
    assert [r.path.rpartition("/")[2] for r in result.records] == [
        f"orders-0000{n}.jsonl" for n in range(1, len(result.records) + 1)
    ]
    assert len(result.records) > 2
    assert keys(lake, result) == list(range(9))


def test_a_file_that_is_called_like_a_page_is_kept(lake, tmp_path):
    (tmp_path / "Stores.jsonl").write_text(json.dumps(record(1)) + "\n")
    source = replace(PLAIN, name="Stores")
    (tmp_path / "Stores.jsonl").rename(tmp_path / "Stores-00001.jsonl")
    batch = Batch(lake, CONTRACT)
    land_files(batch, tmp_path)
    with serving(paged([record(2)])) as server:
        land_api(batch, source, server.url)
    result = commit(batch)
    assert [r.name for r in result.records] == ["Stores-00001.jsonl", "Stores-00002.jsonl"]
    assert keys(lake, result) == [1, 2]


@pytest.mark.parametrize(
    ("declared", "files"),
    [
        (Declaration(), ["orders-00002.jsonl"]),
        (Declaration(load="full"), ["orders-00001.jsonl", "orders-00002.jsonl"]),
        (Declaration(rows="lines"), ["orders-00001.jsonl", "orders-00002.jsonl"]),
    ],
    ids=["changes", "full", "lines"],
)
def test_a_pull_of_which_a_part_is_known_lands_whole_where_it_counts_as_a_whole(
    lake, monkeypatch, declared, files
):
    monkeypatch.setattr(api, "_FILE_BYTES", 1)
    source = replace(PLAIN, declaration=declared)
    before, after = [record(1), record(2)], [record(1), record(3)]
    for records, landed in ((before, 2), (before, 0), (after, len(files))):
        with serving(paged(records)) as server:
            result = pull(lake, server.url, source)
        assert len(result.records) == landed
    assert [each.name for each in result.records] == files
    with serving(paged(after[:1])) as server:  # only a whole can tell that something is gone
        assert bool(pull(lake, server.url, source).records) == bool(files[1:])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"data": []}),
        (200, {"data": None}),
        (200, {"data": [], "next_cursor": ""}),
        (204, b""),
    ],
)
def test_an_api_without_records_lands_nothing(lake, status, body):
    with serving(always(status, body=body)) as server:
        assert pull(lake, server.url).batch_id is None
    assert arrived(lake) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Text/JSON",
        "application/hal+json; charset=utf-8",
        "application/vnd.api+json",
    ],
)
def test_json_of_any_name_is_welcome_packed_too(lake, kind):
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    body = gzip.compress(b"\xef\xbb\xbf" + json.dumps({"data": [record(1)]}).encode())
    with serving(always(headers=headers, body=body)) as server:
        assert keys(lake, pull(lake, server.url)) == [1]


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16-le"])
def test_json_in_another_encoding_is_read(lake, charset):
    page = json.dumps({"data": [record(1, Location="Málaga")]}, ensure_ascii=False)
    headers = {"Content-Type": f"application/json; charset={charset}"}
    with serving(always(headers=headers, body=page.encode(charset))) as server:
        result = pull(lake, server.url)
    assert json.loads(lines(lake, result)[0])["Location"] == "Málaga"


# From page to page

RECORDS = [record(i) for i in range(7)]


def sliced(pages, page=lambda start, records, total: {}, headers=None, first=0):
    """An API over RECORDS of pages of two, each with what `page` adds, found by its start."""

    def answer(query, *_):
        start = first
        if "page" in query:
            start = (int(query["page"]) - pages.first_page) * 2
        elif "offset" in query:
            start = int(query["offset"])
        elif "at" in query:
            start = int(query["at"])
        elif "after" in query:  # the key of the last record that came
            start = int(query["after"]) + 1
        chosen = RECORDS[start : start + 2]
        more = headers(start) if headers else {}
        return 200, more, {"data": chosen, **page(start, chosen, len(RECORDS))}

    return answer


def following(start, form):
    return form.format(start + 2) if start + 2 < len(RECORDS) else None


@pytest.mark.parametrize(
    ("pages", "page", "requests"),
    [
        (
            Pages(cursor="meta.next", cursor_param="at", limit=2),
            lambda start, *_: {"meta": {"next": following(start, "{}")}},
            4,
        ),
        (
            Pages(next_url="links.next"),
            lambda start, *_: {"links": {"next": following(start, "{{url}}/orders?at={}#x")}},
            4,
        ),
        (
            Pages(next_url="@odata.nextLink"),
            lambda start, *_: {"@odata.nextLink": following(start, "?at={}")},
            4,
        ),
        (
            Pages(next_url="$['next'][0]", more="more"),
            lambda start, *_: {"next": [f"/any/where?at={start + 2}"], "more": start < 6},
            4,
        ),
        (
            Pages(cursor="data[-1].StoreID", cursor_param="after", more="has_more"),
            lambda start, *_: {"has_more": start < 6},
            4,
        ),
        (Pages(page_param="page"), lambda *_: {}, 5),
        (Pages(page_param="page", total="total_count"), lambda *rest: {"total_count": rest[2]}, 4),
        (Pages(page_param="page", first_page=0, total_pages="n"), lambda *_: {"n": 4}, 4),
        (Pages(page_param="page", more="has_more"), lambda start, *_: {"has_more": start < 6}, 4),
        (Pages(page_param="page", end="last"), lambda start, *_: {"last": start >= 6}, 4),
        (
            Pages(next_url="next", end="end"),
            lambda start, *_: {"next": f"?at={start + 2}", "end": str(start >= 6)},
            4,
        ),
        (Pages(page_param="page", more="flags.more"), lambda *_: {}, 5),
        (Pages(offset_param="offset"), lambda *_: {}, 5),
        (Pages(offset_param="offset", total="total"), lambda *rest: {"total": str(rest[2])}, 4),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Pages) else None,
)
def test_pages_follow_one_another_as_declared(lake, pages, page, requests):
    with serving(sliced(pages, page)) as server:
        result = pull(lake, server.url, replace(PLAIN, pages=pages))
    assert keys(lake, result) == list(range(7))
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    "form",
    [
        '<{url}/orders?at=0>; rel="first", <{url}/orders?at=AT>; rel="next"',
        '<{url}/orders;v=1,2?at=AT>; title="a, b; c"; REL="last NEXT"',
        "<?at=AT>;rel=next",
    ],
)
def test_a_link_header_leads_to_the_next_page(lake, form):
    def headers(start):
        at = following(start, "{}")
        return {"Link": form.replace("AT", at) if at else '<?at=0>; rel="first next-page"'}

    pages = Pages(link_header=True)
    with serving(sliced(pages, headers=headers)) as server:
        result = pull(lake, server.url, replace(PLAIN, pages=pages))
    assert keys(lake, result) == list(range(7))


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ("$", [record(1), record(2)]),
        ("$.result.items", {"result": {"items": [record(1), record(2)]}}),
        ("items", {"items": [record(1), record(2)]}),
    ],
)
def test_one_list_can_be_all(lake, data, body):
    with serving(always(body=body)) as server:
        result = pull(lake, server.url, replace(PLAIN, data=data, pages=Pages()))
    assert keys(lake, result) == [1, 2]


def test_every_request_has_the_token_and_what_is_declared(lake):
    seen = set()

    def answer(query, headers, _):
        seen.add((headers["Authorization"], query["limit"], query["status"], query["all"]))
        return paged([record(i) for i in range(7)])(query)

    source = replace(SOURCE, params={"status": "any", "all": True})
    with serving(answer) as server:
        result = pull(lake, server.url, source)
    assert keys(lake, result) == list(range(7))
    assert seen == {(f"Bearer {TOKEN}", "2", "any", "true")}
    assert [q.get("cursor") for q in server.requests] == [None, "2", "4", "6"]


def test_empty_pages_that_lead_on_do_not_end_a_pull(lake):
    def answer(query, *_):
        page = int(query.get("cursor", 0))
        data = [record(1)] if page == 3 else []
        return 200, {}, {"data": data, "next_cursor": page + 1 if page < 3 else None}

    with serving(answer) as server:
        assert keys(lake, pull(lake, server.url)) == [1]


@pytest.mark.parametrize(
    "pages", [Pages(page_param="page", more="more"), Pages(page_param="page", total_pages="pages")]
)
def test_an_empty_page_amid_others_does_not_end_a_pull(lake, pages):
    def answer(query, *_):
        page = int(query["page"])
        data = [] if page == 2 else [record(page)]
        return 200, {}, {"data": data, "more": page < 4, "pages": 4}

    with serving(answer) as server:
        assert keys(lake, pull(lake, server.url, replace(PLAIN, pages=pages))) == [1, 3, 4]


def test_a_flag_that_always_says_more_ends_with_empty_pages(lake):
    def answer(query, *_):
        return 200, {}, {"data": [record(1)] if query["page"] == "1" else [], "more": True}

    pages = Pages(page_param="page", more="more")
    with serving(answer) as server:
        assert keys(lake, pull(lake, server.url, replace(PLAIN, pages=pages))) == [1]
    assert len(server.requests) <= 12


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"next_cursor": null}'])
def test_a_page_that_leaves_its_empty_list_out_has_no_records(lake, body):
    with serving(always(headers={"Content-Type": "application/json"}, body=body)) as server:
        assert pull(lake, server.url).batch_id is None
    assert len(server.requests) == 1


def test_a_page_without_its_list_can_lead_on(lake):
    def answer(query, *_):
        return 200, {}, {"data": [record(1)]} if "cursor" in query else {"next_cursor": "a"}

    with serving(answer) as server:
        assert keys(lake, pull(lake, server.url)) == [1]


@pytest.mark.parametrize("cursor", ["the same", None])
def test_a_cursor_that_leads_to_nothing_any_more_ends_a_pull(lake, cursor):
    def answer(_, __, number):
        data = [record(1)] if number == 1 else []
        return 200, {}, {"data": data, "next_cursor": cursor or f"another {number}"}

    with serving(answer) as server:
        assert keys(lake, pull(lake, server.url)) == [1]
    assert len(server.requests) <= 12


def test_an_end_flag_ends_a_pull_that_has_a_cursor_still(lake):
    pages = replace(SOURCE.pages, more="more")
    page = {"data": [record(1)], "next_cursor": "x", "more": False}
    with serving(always(body=page)) as server:
        assert keys(lake, pull(lake, server.url, replace(SOURCE, pages=pages))) == [1]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("pages", "body", "headers", "problem"),
    [
        (
            replace(SOURCE.pages, more="more"),
            {"data": [record(1)], "more": True},
            {},
            "there are more records, but not how to get them",
        ),
        (
            Pages(next_url="next", more="more"),
            {"data": [record(1)], "more": "true", "next": ""},
            {},
            "there are more records, but not how to get them",
        ),
        (Pages(more="more"), {"data": [], "more": 1}, {}, "there are more records, but not how"),
        (Pages(limit_param="limit", limit=2), {"data": RECORDS[:2]}, {}, "a full page of 2"),
        (Pages(), {"data": RECORDS[:1]}, {"Link": '<?p=2>; rel="next"'}, "Link header leads to"),
        (SOURCE.pages, {"data": RECORDS[:1]}, {"Link": '<?p=2>; rel="next"'}, "Link header leads"),
        # A way that isn't declared, or declared where it doesn't stand.
        (Pages(), {"data": RECORDS[:1], "cursor": "x"}, {}, "says its 'cursor'"),
        (Pages(), {"data": RECORDS[:1], "@odata.nextLink": "x"}, {}, "its '@odata.nextLink'"),
        (Pages(), {"data": RECORDS[:1], "meta": {"hasMore": "true"}}, {}, "its 'meta.hasMore'"),
        (SOURCE.pages, {"data": RECORDS[:1], "has_more": True}, {}, "says its 'has_more'"),
        (SOURCE.pages, {"data": RECORDS[:1], "p": {"next": {"url": "x"}}}, {}, "has more pages"),
        (Pages(next_url="next"), {"data": RECORDS[:1], "links": {"next": "x"}}, {}, "links.next"),
        (Pages(link_header=True), {"data": RECORDS[:1], "next_page": 2}, {}, "its 'next_page'"),
        (
            Pages(end="done"),
            {"data": RECORDS[:1], "done": False},
            {},
            "there are more records, but",
        ),
        (Pages(more="more"), {"data": [], "more": "maybe"}, {}, "neither true nor false"),
        (
            Pages(offset_param="offset", total="total"),
            {"data": [record(1)], "total": "many"},
            {},
            "'total' that is no number",
        ),
        (Pages(next_url="next"), {"data": [], "next": 5}, {}, "'next' that is no URL"),
        (SOURCE.pages, {"data": [], "next_cursor": {"x": 1}}, {}, "that is no cursor"),
        (SOURCE.pages, {"data": [], "next_cursor": True}, {}, "that is no cursor"),
    ],
)
def test_a_page_that_gives_no_way_on_is_an_error(lake, pages, body, headers, problem):
    source = replace(PLAIN, pages=pages)
    pull_refused(lake, always(headers=headers, body=body), source, match=problem)


@pytest.mark.parametrize(
    ("pages", "body"),
    [
        (Pages(), {"data": RECORDS[:2], "has_more": False, "next": None, "links": {"next": ""}}),
        (Pages(), {"data": [], "next_page": 2}),
        (Pages(more="more"), {"data": RECORDS[:2], "more": False, "next_page": 2}),
        (SOURCE.pages, {"data": RECORDS[:2], "cursor": "this page's"}),
        (SOURCE.pages, {"data": RECORDS[:2], "next_cursor": None, "more": True}),
    ],
)
def test_a_page_that_is_the_last_one_ends_a_pull(lake, pages, body):
    with serving(always(body=body)) as server:
        result = pull(lake, server.url, replace(PLAIN, pages=pages))
    assert keys(lake, result) == [each["StoreID"] for each in body["data"]]
    assert len(server.requests) == 1


def test_a_page_beyond_the_last_one_that_is_refused_tells_what_to_declare(lake):
    def answer(query, *_):
        found = query["page"] == "1"
        return (200, {}, {"data": [record(1)]}) if found else (404, {}, {"detail": "Invalid page."})

    with serving(answer) as server, pytest.raises(ApiError, match="Invalid page") as error:
        pull(lake, server.url, replace(PLAIN, pages=Pages(page_param="page")))
    assert "declare total_pages, total or more under `pages`." in told(error.value)


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        (SOURCE.pages, 3),
        (Pages(next_url="next_url"), 3),
        (Pages(page_param="page"), 2),
        (Pages(offset_param="offset"), 2),
    ],
)
def test_pages_that_go_round_in_a_circle_are_an_error(lake, pages, count):
    def answer(query, *_):
        following = {"a": "b", "b": "a"}.get(query.get("cursor"), "a")
        page = {"data": [record(1)], "next_cursor": following, "next_url": f"?cursor={following}"}
        return 200, {}, page

    _, requests = pull_refused(lake, answer, replace(SOURCE, pages=pages), match="circle")
    assert len(requests) == count


def test_pages_without_an_end_are_an_error(lake):
    def answer(_, __, number):
        return 200, {}, {"data": [record(number)], "next_cursor": f"c{number}"}

    _, requests = pull_refused(lake, answer, match="more than 50 pages")
    assert len(requests) == 50


# Increments


def test_the_next_pull_asks_from_the_last_stamp_and_lands_only_what_is_new(lake):
    records = [record(1, "2026-01-01T00:00:00Z"), record(2, "2026-01-02T00:00:00Z")]
    with serving(paged(records)) as server:
        first = pull(lake, server.url)
        state = json.loads(lake.read_bytes(paths.state("orders")))
        assert state["cursor"] == "2026-01-02T00:00:00Z"
        assert state["batch_id"] == first.batch_id
        before = {path: lake.read_bytes(path) for path in lake.list("")}
        assert pull(lake, server.url).batch_id is None
        assert {path: lake.read_bytes(path) for path in lake.list("")} == before
        # The same stamp again, and a later one.
        records += [record(3, "2026-01-02T00:00:00Z"), record(4, "2026-01-03T00:00:00Z")]
        third = pull(lake, server.url)
    assert [json.loads(line)["StoreID"] for line in lines(lake, third)] == [3, 4]
    assert "updated_since" not in server.requests[0]
    assert server.requests[-1]["updated_since"] == "2026-01-02T00:00:00Z"


def test_a_changed_record_with_the_same_stamp_lands(lake):
    records = [record(1), record(2)]
    with serving(paged(records)) as server:
        pull(lake, server.url)
        records[0] = record(1, Location="Oslo")
        result = pull(lake, server.url)
    assert [json.loads(line)["Location"] for line in lines(lake, result)] == ["Oslo"]


def test_newest_first_pages_do_not_land_twice(lake):
    records = [record(i, f"2026-01-0{i}T00:00:00Z") for i in range(1, 6)]
    records.append(record(6, "2026-01-05T00:00:00Z"))
    with serving(paged(records, newest_first=True)) as server:
        assert len(lines(lake, pull(lake, server.url))) == 6
        assert read_state(lake, "orders")["cursor"] == "2026-01-05T00:00:00Z"
        assert pull(lake, server.url).batch_id is None
        records += [record(i, f"2026-01-0{i}T00:00:00Z") for i in range(7, 10)]
        assert keys(lake, pull(lake, server.url)) == [9, 8, 7]


@pytest.mark.parametrize(
    ("stamps", "lag", "asked"),
    [
        (["2026-01-01T23:50:00Z", "2026-01-02T00:00:00Z"], 600, "2026-01-01T23:50:00Z"),
        (
            ["2026-01-02 00:00:05.123 +0200", "2026-01-01 22:00:05.000Z"],
            9.5,
            "2026-01-01 23:59:55.123 +0200",
        ),
        (["2026-03-01"], 86400, "2026-02-28"),
        (["2026-03-01T10:00+01:00"], 30, "2026-03-01T09:59+01:00"),
        ([1000, 1300], 300, "1000"),
        (["1300"], 300, "1000"),
    ],
)
def test_a_lag_asks_again_for_the_last_while(lake, stamps, lag, asked):
    source = replace(SOURCE, incremental=Incremental("UpdatedAt", "updated_since", lag))
    records = [record(i, stamp) for i, stamp in enumerate(stamps)]
    with serving(lambda *_: (200, {}, {"data": records})) as server:
        assert len(lines(lake, pull(lake, server.url, source))) == len(stamps)
        assert pull(lake, server.url, source).batch_id is None
        assert server.requests[1]["updated_since"] == asked
        records.insert(0, record("late", stamps[0]))
        assert keys(lake, pull(lake, server.url, source)) == ["late"]


def test_a_lag_counts_in_the_unit_of_the_times(lake):
    source = replace(
        SOURCE,
        declaration=Declaration(epoch="milliseconds"),
        incremental=Incremental("UpdatedAt", "updated_since", 60),
    )
    with serving(always(body={"data": [record(1, 1_767_225_600_000)]})) as server:
        pull(lake, server.url, source)
        pull(lake, server.url, source)
    assert server.requests[1]["updated_since"] == "1767225540000"


def test_a_lag_of_neither_times_nor_numbers_is_told(lake):
    source = replace(SOURCE, incremental=Incremental("UpdatedAt", "updated_since", 60))
    page = {"data": [record(1, "yesterday")]}
    with (
        serving(always(body=page)) as server,
        pytest.raises(InputError, match="UpdatedAt is neither a time"),
    ):
        pull(lake, server.url, source)
    assert arrived(lake) == []


def test_marks_are_bounded_and_what_has_none_lands_again(lake, monkeypatch):
    monkeypatch.setattr(cursor, "MOST_MARKS", 3)
    records = [record(i, "2026-01-01T00:00:00Z") for i in range(3)]
    with serving(paged(records)) as server:
        assert pull(lake, server.url).warnings == []
        assert pull(lake, server.url).batch_id is None
        records += [record(i, "2026-01-02T00:00:00Z") for i in range(5)]
        second = pull(lake, server.url)
        assert "more than 3 records have a UpdatedAt that the next pull" in second.warnings[0]
        assert len(read_state(lake, "orders")["seen"]) == 3
        assert len(lines(lake, pull(lake, server.url))) == 2
        records.append(record(9, "2026-01-03T00:00:00Z"))
        last = pull(lake, server.url)
        assert 9 in keys(lake, last)
        assert last.warnings == []
        assert len(read_state(lake, "orders")["seen"]) == 1
        assert pull(lake, server.url).batch_id is None


@pytest.mark.parametrize("field", ["updatedat", "Updated At", "updated-at", "meta.updated_at"])
def test_the_incremental_field_is_found_in_any_spelling(lake, field):
    source = replace(SOURCE, incremental=Incremental(field, "updated_since"))
    records = [record(1, meta={"Updated_At": "2026-01-01T00:00:00Z"})]
    with serving(lambda *_: (200, {}, {"data": records})) as server:
        pull(lake, server.url, source)
        assert pull(lake, server.url, source).batch_id is None
    assert server.requests[1]["updated_since"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "other",
    [
        {"params": {"status": "any"}},
        {"path": "/all-orders"},
        {"incremental": Incremental("ChangedAt", "updated_since")},
    ],
)
def test_what_is_asked_for_otherwise_is_asked_for_from_the_beginning(lake, other):
    """A shop that asked for paid orders only, and now asks for all, has none of the older ones."""
    records = [record(1, "2026-01-01T00:00:00Z", ChangedAt="2026-01-05T00:00:00Z")]
    with serving(paged(records)) as server:
        pull(lake, server.url)
        records.append(record(2, "2025-12-01T00:00:00Z", ChangedAt="2025-12-01T00:00:00Z"))
        changed = replace(SOURCE, **other)
        assert keys(lake, pull(lake, server.url, changed))[-1] == 2
        before = len(server.requests)
        assert pull(lake, server.url, changed).batch_id is None
    assert "updated_since" in server.requests[before]


def test_a_field_that_no_record_has_is_told(lake):
    source = replace(SOURCE, incremental=Incremental("Changed", "updated_since"))
    with serving(paged([record(1)])) as server:
        assert "no record has a Changed" in pull(lake, server.url, source).warnings[0]


def test_a_new_line_of_an_order_lands_with_the_lines_known_already(lake):
    source = replace(SOURCE, declaration=Declaration(rows="lines"))
    records = [record(7, Location="first"), record(7, Location="second")]
    with serving(paged(records)) as server:
        pull(lake, server.url, source)
        assert pull(lake, server.url, source).batch_id is None
        records.insert(1, record(7, Location="between"))
        landed = lines(lake, pull(lake, server.url, source))
    assert [json.loads(line)["Location"] for line in landed] == ["first", "between", "second"]


@pytest.mark.parametrize(
    ("stamps", "cursor"),
    [
        (["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"], "2026-01-01T00:00:00.5Z"),
        (["2026-01-01T23:00:00-02:00", "2026-01-01T23:30:00Z"], "2026-01-01T23:00:00-02:00"),
        ([9, 10, 7], 10),
        (["a9", "a10"], "a9"),
        (["9", "10", "7.5"], "10"),
        ([None, "2026-01-01", {"x": 1}, True], "2026-01-01"),
    ],
)
def test_the_cursor_is_the_greatest_value_in_its_own_order(lake, stamps, cursor):
    page = {"data": [record(i, stamp) for i, stamp in enumerate(stamps)]}
    with serving(always(body=page)) as server:
        pull(lake, server.url)
    assert read_state(lake, "orders")["cursor"] == cursor


def test_decimal_cursors_stay_exact(lake):
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"data": [record(1, "@")]}).replace('"@"', "0.10").encode()
    with serving(always(headers=headers, body=body)) as server:
        pull(lake, server.url)
        assert pull(lake, server.url).batch_id is None
    assert server.requests[1]["updated_since"] == "0.10"


def test_a_stamp_in_the_future_does_not_move_the_cursor(lake):
    records = [record(1, "2026-01-01T00:00:00Z"), record(2, "9999-01-01T00:00:00Z")]
    with serving(paged(records)) as server:
        first = pull(lake, server.url)
        assert len(lines(lake, first)) == 2
        assert "in the future" in first.warnings[0]
        assert read_state(lake, "orders")["cursor"] == "2026-01-01T00:00:00Z"
        assert pull(lake, server.url).batch_id is None
        records.append(record(3, "2026-01-05T00:00:00Z"))
        assert len(lines(lake, pull(lake, server.url))) == 1


@pytest.mark.parametrize(("epoch", "scale"), [("seconds", 1), ("milliseconds", 1000)])
def test_an_epoch_in_the_future_does_not_move_the_cursor(lake, epoch, scale):
    stamps = [1767225600 * scale, 1767225600 * scale * 1000]  # the second in nanoseconds, say
    source = replace(SOURCE, declaration=Declaration(epoch=epoch))
    with serving(always(body={"data": [record(1, stamps[1]), record(2, stamps[0])]})) as server:
        result = pull(lake, server.url, source)
    assert read_state(lake, "orders")["cursor"] == stamps[0]
    assert any("in the future" in warning for warning in result.warnings)


def test_the_cursor_moves_only_with_the_commit(lake):
    with serving(paged([record(1)])) as server:
        batch = Batch(lake, CONTRACT)
        land_api(batch, SOURCE, server.url)
        assert read_state(lake, "orders") is None
        remove_uncommitted(lake)
        assert list(lake.list("")) == []
        assert len(pull(lake, server.url).records) == 1


def test_a_run_killed_between_manifest_and_cursor_is_made_good(lake):
    with serving(paged([record(1)])) as server:
        pull(lake, server.url)
        state = read_state(lake, "orders")
        lake.delete(paths.state("orders"))
        remove_uncommitted(lake)
        assert read_state(lake, "orders") == state
        assert pull(lake, server.url).batch_id is None


def test_of_two_runs_that_pulled_from_the_same_cursor_one_counts(lake):
    records = [record(1)]
    with serving(paged(records)) as server:
        pull(lake, server.url)
        records.append(record(2, "2026-01-02T00:00:00Z"))
        mine, theirs = Batch(lake, CONTRACT), Batch(lake, CONTRACT)
        land_api(mine, SOURCE, server.url)
        land_api(theirs, SOURCE, server.url)
        assert commit(theirs).batch_id
        state = read_state(lake, "orders")
        with pytest.raises(ConflictError, match=r"orders: another run moved the cursor.*run again"):
            commit(mine)
        assert read_state(lake, "orders") == state
        assert mine.batch_id not in committed_batches(lake)
        assert remove_uncommitted(lake) == [mine.batch_id]
        assert pull(lake, server.url).batch_id is None
        records.append(record(3, "2026-01-03T00:00:00Z"))
        assert len(lines(lake, pull(lake, server.url))) == 1


def test_a_cursor_that_moves_while_a_batch_is_committed_is_not_overwritten(lake, monkeypatch):
    records = [record(1)]
    with serving(paged(records)) as server:
        batch = Batch(lake, CONTRACT)
        land_api(batch, SOURCE, server.url)
        write, theirs = Manifest.write, b'{"cursor": "2026-01-02T00:00:00Z", "batch_id": "0"}'

        def moved_meanwhile(manifest, lake):
            write(manifest, lake)
            lake.write_bytes(paths.state("orders"), theirs)

        monkeypatch.setattr(Manifest, "write", moved_meanwhile)
        with pytest.raises(ConflictError, match=f"batch {batch.batch_id} counts without its curs"):
            commit(batch)
        assert lake.read_bytes(paths.state("orders")) == theirs
        monkeypatch.undo()
        assert remove_uncommitted(lake) == []
        assert read_state(lake, "orders")["cursor"] == "2026-01-01T00:00:00Z"
        records.append(record(2, "2026-01-02T00:00:00Z"))
        monkeypatch.setenv("TEST_TOKEN", TOKEN)
        assert len(lines(lake, pull(lake, server.url))) == 1


def test_a_commit_can_be_repeated(lake):
    with serving(paged([record(1)])) as server:
        batch = Batch(lake, CONTRACT)
        land_api(batch, SOURCE, server.url)
        assert commit(batch).batch_id == commit(batch).batch_id == batch.batch_id
    assert committed_batches(lake) == [batch.batch_id]


def test_a_damaged_cursor_file_is_named(lake):
    lake.write_bytes(paths.state("orders"), b"{")
    with serving(always()) as server, pytest.raises(InputError, match=r"orders\.json is damaged"):
        pull(lake, server.url)


def test_a_deleted_cursor_that_the_newest_batch_lacks_means_pulling_from_the_beginning(
    lake, tmp_path
):
    with serving(paged([record(1), record(2)])) as server:
        pull(lake, server.url)
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "Agents.csv").write_text(
            "AgentID,Name,Department,Shift\n1,A,B,C\n", encoding="utf-8"
        )
        batch = Batch(lake, CONTRACT)
        land_files(batch, tmp_path / "in")
        assert commit(batch).batch_id
        lake.delete(paths.state("orders"))
        remove_uncommitted(lake)
        assert read_state(lake, "orders") is None
        pull(lake, server.url)
    assert "updated_since" not in server.requests[-1]


# Contract


def test_records_that_break_the_contract_go_to_quarantine(lake):
    body = {"data": [{"StoreID": 1, "Location": "x", "UpdatedAt": "2026-01-01"}]}
    with serving(always(body=body)) as server:
        result = pull(lake, server.url)
        again = pull(lake, server.url)
    assert list(result.quarantined) == ["api:orders"]
    assert "Manager, OpenHours are missing" in result.quarantined["api:orders"]
    held = paths.quarantined(result.batch_id, "orders-00001.jsonl")
    assert set(lake.list("")) == {
        held,
        f"{held}.reason.json",
        paths.manifest(result.batch_id),
    }
    assert again.batch_id is None
    assert list(again.quarantined) == ["api:orders"]


def test_a_column_that_some_record_has_is_no_breach(lake):
    records = [{"storeid": 1, "UpdatedAt": "2026-01-01"}, record(2)]
    records[1]["storeid"] = records[1].pop("StoreID")
    with serving(paged(records)) as server:
        result = pull(lake, server.url)
    assert [r.outcome for r in result.records] == ["landed"]


def test_fields_may_be_spelled_in_two_ways_within_a_pull(lake):
    rows = [record(1), {"store_id": 2, "location": "b", "manager": "c", "openHours": "d"}]
    with serving(always(body={"data": rows})) as server:
        result = pull(lake, server.url)
    (path,) = [path for path in lake.list("bronze/rows/") if path.endswith(".parquet")]
    assert result.records[0].outcome == "landed"
    read = pq.read_table(BytesIO(lake.read_bytes(path))).to_pylist()
    assert [row["StoreID"] for row in read] == ["1", "2"]


def test_a_record_with_one_field_in_two_spellings_is_refused(lake):
    with serving(always(body={"data": [record(1, store_id=2)]})) as server:
        result = pull(lake, server.url)
    assert "StoreID is there more than once" in result.records[0].reason


def test_values_within_values_are_found_in_any_spelling(lake):
    store = {"Store": {"Id": 7, "Changed_At": "2026-01-02T03:04:05Z"}, "Location": "a"}
    declared = Declaration(
        columns={"StoreID": ("store.id",), "Manager": ("Location",), "OpenHours": ("Location",)},
        order_by="store.changedAt",
    )
    with serving(always(body={"data": [store]})) as server:
        pull(lake, server.url, replace(PLAIN, declaration=declared))
    (path,) = [path for path in lake.list("bronze/rows/") if path.endswith(".parquet")]
    (row,) = pq.read_table(BytesIO(lake.read_bytes(path))).to_pylist()
    assert (row["StoreID"], str(row["_as_of"])) == ("7", "2026-01-02 03:04:05")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("9007199254740993", "9007199254740993"),
        ("1001.0", "1001"),
        ("1.50", "1.50"),
        ("true", "true"),
        ('{"id": 1}', '{"id": 1}'),
        ("null", None),
    ],
)
def test_a_value_of_any_type_is_read_as_it_was_sent(lake, sent, text):
    body = b'{"data": [{"StoreID": 1, "Location": %b, "Manager": "b", "OpenHours": "c"}]}'
    json_type = {"Content-Type": "application/json"}
    with serving(always(headers=json_type, body=body % sent.encode())) as server:
        pull(lake, server.url)
    (path,) = [path for path in lake.list("bronze/rows/") if path.endswith(".parquet")]
    (row,) = pq.read_table(BytesIO(lake.read_bytes(path))).to_pylist()
    assert row["Location"] == text


def test_a_pull_is_refused_as_a_whole_and_its_cursor_stays(lake, monkeypatch):
    monkeypatch.setattr(api, "_FILE_BYTES", 1)
    records = [record(1), record(2), record(3)]
    monkeypatch.setattr(
        api.reading, "read_landed", refusing("orders-00002.jsonl", api.reading.read_landed)
    )
    with serving(paged(records)) as server:
        result = pull(lake, server.url)
        again = pull(lake, server.url)
    assert result.quarantined == {"api:orders": "it has no sense"}
    assert {r.outcome for r in result.records} == {"quarantined"}
    assert len(result.records) == 3
    assert again.batch_id is None
    assert not list(lake.list("bronze/rows"))
    assert read_state(lake, "orders") is None


def refusing(name, read):
    def read_landed(lake, entity, declaration, record, *rest):
        if record.name == name:
            raise UnreadableError("it has no sense")
        return read(lake, entity, declaration, record, *rest)

    return read_landed


def test_text_that_is_no_unicode_lands_replaced_with_a_warning(lake):
    body = json.dumps({"data": [record(1, Location="a\ud800b")]}).encode()
    with serving(always(body=body, headers={"Content-Type": "application/json"})) as server:
        result = pull(lake, server.url)
    assert json.loads(lines(lake, result)[0])["Location"] == "a\ufffdb"
    assert "lone surrogates" in result.warnings[0]


# Misbehaviour


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_names_the_variable(lake, status):
    message, requests = pull_refused(lake, always(status), match="TEST_TOKEN")
    assert str(status) in message
    assert len(requests) == 1


def test_a_missing_token_is_told_by_the_variable(lake, monkeypatch):
    monkeypatch.delenv("TEST_TOKEN")

    def answer(_, headers, __):
        return (200 if "Authorization" in headers else 401), {}, {"data": []}

    pull_refused(lake, answer, match="Set the environment variable TEST_TOKEN")


def test_a_token_that_no_header_can_carry_is_not_shown(lake, monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", "s3cret\nX-Injected: 1")
    with serving(always()) as server, pytest.raises(ApiError, match="TEST_TOKEN") as error:
        pull(lake, server.url)
    assert "s3cret" not in str(error.value)
    assert server.requests == []


@pytest.mark.parametrize("status", [400, 404, 410])
def test_other_refusals_are_told_at_once(lake, status):
    message, requests = pull_refused(lake, always(status))
    assert f"status {status}." in message
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"error": {"code": 7, "message": "unknown field ‘x’."}}, 'saying "unknown field ‘x’".'),
        ({"error": "invalid_scope", "error_description": "No orders."}, 'saying "No orders".'),
        ({"Errors": [{"detail": "since is\n no time"}]}, 'saying "since is no time".'),
        ({"detail": [{"loc": ["q"], "msg": "Field required"}]}, 'saying "Field required".'),
        ({"message": f"bad {TOKEN} at https://x/y?key=1"}, 'saying "bad … at https://x/y…".'),
        ({"message": "Bearer eyJhbGciOiJIUzI1NiJ9 api_key=abc"}, 'saying "Bearer … api_key=…".'),
        ({"message": "a" * 3 + "b1" * 20}, 'saying "…".'),
        ({"message": "Invalid API key: abc. Ask."}, 'saying "Invalid API key: … Ask".'),
        ({"message": "no ck_1 at http://me:pw@x/y"}, 'saying "no … at http://…@x/y".'),
        ({"message": "no " * 100}, 'no no no n…".'),
        ({"message": "\x1b[31mred"}, r'saying "\x1b[31mred".'),
        (b"plain words\nTraceback", 'saying "plain words".'),
        (b"<html><title>Oops", "status 400."),
        (b"\xff\xfe\xff", "status 400."),
        ({"status": 7, "error": None}, "status 400."),
        (b"[" * 100_000, "status 400."),
    ],
)
def test_the_own_words_of_an_api_are_told_without_what_is_secret(lake, body, shown):
    source = replace(SOURCE, params={"consumer_key": "ck_1", "page": "field"})
    message, _ = pull_refused(lake, always(400, body=body), source)
    assert message.endswith(shown)
    assert len(message) < 300


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_passing_failures_are_tried_again_a_few_times(lake, status):
    message, requests = pull_refused(lake, always(status), passing=True)
    assert f"status {status} after 3 attempts" in message
    assert len(requests) == 3


def test_a_pull_goes_on_after_passing_failures(lake):
    honest = paged([record(i) for i in range(5)])

    def answer(query, _, number):
        return (
            ({1: 503, 3: 429, 5: 500}.get(number), {}, {}) if number in (1, 3, 5) else honest(query)
        )

    with serving(answer) as server:
        result = pull(lake, server.url)
    assert [json.loads(line)["StoreID"] for line in lines(lake, result)] == list(range(5))


def test_retry_after_is_honoured(lake):
    def answer(_, __, number):
        return (429, {"Retry-After": "1"}, {}) if number == 1 else (200, {}, {"data": []})

    with serving(answer) as server:
        start = time.monotonic()
        pull(lake, server.url)
    assert 1 <= time.monotonic() - start < 3


@pytest.mark.parametrize("wait", ["3600", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_wait_that_is_too_long_is_told_at_once(lake, wait):
    start = time.monotonic()
    pull_refused(lake, always(429, {"Retry-After": wait}), match="asks to wait", passing=True)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        ({"Content-Type": "text/html"}, b"<html>", "sent text/html where JSON is expected"),
        ({}, b"{}", "sent no content type"),
        ({"Content-Type": "application/json"}, b'{"data": [', "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b'{"data": [NaN]}', "isn't a record"),
        ({"Content-Type": "application/json"}, b"\xff", "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b"[" * 200_000, "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b"", "isn't valid JSON"),
        ({}, {"items": []}, "without a list of records in 'data'"),
        ({}, {"data": {"a": 1}}, "without a list of records in 'data'"),
        ({}, {"items": [], "name": "x"}, "it has lists in items: declare `data`"),
        ({}, ["data"], "without a list of records in 'data'"),
        ({}, "data", "without a list of records in 'data'"),
        ({}, {"data": [1]}, "isn't a record"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"no gzip", "could not"),
    ],
)
def test_a_page_that_is_no_page_is_a_clear_error(lake, headers, body, problem):
    pull_refused(lake, always(headers=headers, body=body), match=problem)


def test_a_failure_in_the_middle_keeps_nothing_of_the_pull(lake, monkeypatch):
    monkeypatch.setattr(api, "_FILE_BYTES", 1)
    honest = paged([record(i) for i in range(8)])
    pull_refused(
        lake,
        lambda q, _, n: honest(q) if n < 3 else (500, {}, {}),
        match="status 500",
        passing=True,
    )


def test_a_failed_pull_leaves_the_files_of_its_batch(lake, tmp_path):
    (tmp_path / "Stores.csv").write_bytes(b"StoreID,Location,Manager,OpenHours\n1,a,b,c\n")
    batch = Batch(lake, CONTRACT)
    land_files(batch, tmp_path)
    with serving(always(500)) as server, pytest.raises(ApiError):
        land_api(batch, SOURCE, server.url)
    assert [r.source for r in commit(batch).records] == ["Stores.csv"]


def test_a_pull_that_is_run_again_replaces_what_it_brought(lake, monkeypatch):
    monkeypatch.setattr(api, "_FILE_BYTES", 1)
    records = [record(i) for i in range(6)]
    with serving(paged(records)) as server:
        batch = Batch(lake, CONTRACT)
        land_api(batch, SOURCE, server.url)
        del records[2:]
        land_api(batch, SOURCE, server.url)
        result = commit(batch)
    assert len(lines(lake, result)) == 2
    assert len([path for path in lake.list("") if path.endswith(".jsonl")]) == 2


# Where the token goes


def test_a_redirect_is_told_and_gets_no_token(lake):
    with serving(always()) as other:
        away = always(302, {"Location": f"{other.url}/orders?key=s3cret"})
        message, _ = pull_refused(lake, away)
    assert f"status 302; give the URL that it leads to, {other.url}/orders." in message
    assert other.requests == []


@pytest.mark.parametrize("where", ["body", "header"])
@pytest.mark.parametrize(
    "form",
    [
        "{other}/orders",
        "//{place}/orders",
        "https://{own}/x",
        "http://me:pw@{own}/x",
        "http://{own}1/x",
        "http://[/",
    ],
)
def test_a_next_page_elsewhere_is_not_asked_for(lake, where, form):
    with serving(always()) as other:

        def answer(_, headers, __):
            link = form.format(
                other=other.url, place=urlsplit(other.url).netloc, own=headers["Host"]
            )
            page = {"data": [record(1)], "next": link}
            return 200, {"Link": f"<{link}>; rel=next"}, page

        pages = Pages(next_url="next") if where == "body" else Pages(link_header=True)
        message, requests = pull_refused(
            lake, answer, replace(PLAIN, pages=pages), match="which is not below http://127.0.0.1:"
        )
    assert other.requests == []
    assert len(requests) == 1
    assert "pw" not in message


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("http://shop.example/orders?p=2", "https://shop.example/orders?p=2"),
        ("http://shop.example:80/orders?p=2", "https://shop.example/orders?p=2"),
        ("http://shop.example:8080/orders?p=2", None),
        ("http://me:pw@shop.example/orders?p=2", None),
        ("http://other.example/orders?p=2", None),
    ],
)
def test_a_server_behind_a_proxy_that_calls_itself_http_is_asked_over_https(link, asked):
    endpoint = Endpoint(PLAIN, "https://shop.example", None, requests.Session())
    answer = requests.Response()
    answer.url = "https://shop.example/orders?p=1"
    if asked:
        assert urlsplit(endpoint.followed(link, answer)) == urlsplit(asked)._replace(
            netloc="shop.example:443"
        )
    else:
        with pytest.raises(ApiError, match="which is not below https://shop"):
            endpoint.followed(link, answer)


def test_a_token_goes_over_http_only_where_it_is_allowed(lake, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    seen = []

    def answer(_, headers, __):
        seen.append(headers["Authorization"])
        return 200, {}, {"data": []}

    with serving(answer) as server:
        url = server.url.replace("127.0.0.1", "0.0.0.0")  # this machine, but not by its loopback
        with pytest.raises(ApiError, match="over http, where anyone") as error:
            pull(lake, url)
        assert TOKEN not in str(error.value)
        assert server.requests == []
        pull(lake, url, replace(SOURCE, token_over_http=True))
        pull(lake, url, replace(SOURCE, token_env=None))
    assert seen == [f"Bearer {TOKEN}", None]


def test_no_name_of_the_netrc_is_sent(lake, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 0.0.0.0 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    seen = []

    def answer(_, headers, __):
        seen.append(headers["Authorization"])
        return 200, {}, {"data": []}

    with serving(answer) as server:
        pull(lake, server.url.replace("127.0.0.1", "0.0.0.0"), replace(SOURCE, token_env=None))
    assert seen == [None]


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@shop.example/v1",
        "https://s3cret@shop.example",
        "https://shop.example/v1?token=s3cret",
        "https://shop.example/v1#s3cret",
        "s3cret.shop.example/v1",
        "ftp://s3cret/x",
        "http://",
        "http://s3cret:port/",
        "",
    ],
)
def test_a_url_that_is_none_or_holds_credentials_is_refused_unseen(lake, url):
    for ask in (check_url, lambda url: pull(lake, url)):
        with pytest.raises(InputError, match="The URL of the API must") as error:
            ask(url)
        assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://me:s3cret@shop.example:8443/v1?token=s3cret#s3cret",
            "https://shop.example:8443/v1",
        ),
        ("me:s3cret@shop.example/v1", "the URL"),
        ("https://me:s3/cret@shop.example", "the URL"),
    ],
)
def test_a_url_is_shown_without_credentials(url, shown):
    assert without_credentials(url) == shown


def test_a_host_that_no_network_has_is_a_clear_error(lake):
    with pytest.raises(ApiError, match="orders could not be read"):
        pull(lake, "https://a..b")


def test_an_api_that_is_not_there_fails_soon(lake):
    with serving(always()) as server:
        pass
    start = time.monotonic()
    with pytest.raises(ApiError, match="can't be reached") as error:
        pull(lake, server.url)
    assert time.monotonic() - start < 5
    assert error.value.__cause__ is None
    assert error.value.passing


def test_a_certificate_that_nobody_vouches_for_is_told_at_once(lake, tmp_path):
    certificate = own_certificate(tmp_path)
    with serving(always()) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        with pytest.raises(ApiError, match=r"not trusted \(self.signed") as error:
            pull(lake, server.url.replace("http://127.0.0.1", "https://localhost"))
    assert "REQUESTS_CA_BUNDLE" in str(error.value)
    assert not error.value.passing


def test_an_api_that_never_answers_fails_soon(lake):
    release = threading.Event()

    def answer(*_):
        release.wait(5)
        return 200, {}, {"data": []}

    start = time.monotonic()
    source = replace(SOURCE, read_timeout=0.1)
    pull_refused(lake, answer, source, match="did not answer in time", passing=True)
    release.set()
    assert time.monotonic() - start < 4


def test_a_connection_that_breaks_off_is_tried_again(lake):
    whole = json.dumps({"data": [record(1)]}).encode()

    def answer(_, __, number):
        headers = {"Content-Type": "application/json", "Content-Length": str(len(whole))}
        return 200, headers, whole[:-5] if number == 1 else whole

    with serving(answer) as server:
        assert len(lines(lake, pull(lake, server.url))) == 1
    assert len(server.requests) == 2


def test_logs_hold_neither_tokens_nor_records(lake, caplog):
    caplog.set_level(logging.DEBUG)
    with serving(paged([record(1, Location="Baker Street")])) as server:
        pull(lake, server.url)
    text = caplog.text
    assert "1 records received" in text
    assert TOKEN not in text
    assert "Baker" not in text
