"""API pulls against a server that behaves as each test wants it to."""

import gzip
import json
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest import api
from ingest.api import Incremental, Pages, Source, land_api, load_sources
from ingest.contract import load_contract
from ingest.landing import Batch, commit, land_files, read_state, remove_uncommitted
from lake import paths
from lake.errors import ApiError, ConflictError, InputError
from lake.local import LocalLake
from lake.manifest import Manifest, committed_batches, read_manifest

CONTRACT = load_contract(Path(__file__).parents[2])
SOURCE = Source(
    name="orders",
    entity="stores",
    path="/orders",
    data="data",
    pages=Pages("next_cursor", "cursor", "limit", 2),
    incremental=Incremental("UpdatedAt", "updated_since"),
    token_env="TEST_TOKEN",
    attempts=3,
    backoff=0.01,
    connect_timeout=0.5,
    read_timeout=0.5,
    longest_wait=2,
    max_pages=50,
)
TOKEN = "s3cret-t0ken"


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", TOKEN)


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


class Server:
    """Serves what `answer(query, headers, number of the request)` returns.

    That is (status, headers, body); a body that is no bytes is sent as JSON.
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
                    body = json.dumps(body).encode()
                    headers = {"Content-Type": "application/json", **headers}
                self.send_response(status)
                for name, value in {
                    "Content-Length": str(len(body)),
                    "Connection": "close",
                    **headers,
                }.items():
                    self.send_header(name, value)
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


def paged(records):
    """An honest API over a list that may grow: filter, pages, cursor."""

    def answer(query, *_):
        since = query.get("updated_since", "")
        chosen = [r for r in records if str(r.get("UpdatedAt")) >= since]
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


def pull_refused(lake, answer, source=SOURCE, match=None, passing=False):
    """Pull from a server that fails; return the message and the requests it got."""
    with serving(answer) as server:
        batch = Batch(lake, CONTRACT)
        with pytest.raises(ApiError, match=match) as error:
            land_api(batch, source, server.url)
    assert list(lake.list("")) == []
    assert commit(batch).batch_id is None
    assert read_state(lake, source.name) is None
    message = str(error.value)
    assert "API orders: http://127.0.0.1:" in message
    assert TOKEN not in message
    assert "\n" not in message
    assert error.value.__cause__ is None
    assert error.value.passing == passing
    return message, server.requests


def test_pages_land_in_order_as_they_were_sent(lake):
    body = (
        b'{"data": [{"StoreID": 1, "Location": "\\u0141\\u00f3d\\u017a", "Manager": null, '
        b'"OpenHours": 12.50, "Big": 12345678901234567890.10, "Deep": {"b": [1, {}]}}], '
        b'"next_cursor": null}'
    )
    with serving(always(body=body, headers={"Content-Type": "application/json"})) as server:
        result = pull(lake, server.url, replace(SOURCE, incremental=None))
    assert lines(lake, result) == [
        '{"StoreID":1,"Location":"Łódź","Manager":null,"OpenHours":12.50,'
        '"Big":12345678901234567890.10,"Deep":{"b":[1,{}]}}'.encode()
    ]
    [landed] = read_manifest(lake, result.batch_id).files
    assert landed.path == f"bronze/stores/{result.batch_id}/orders-00001.jsonl"
    assert (landed.source, landed.format, landed.rows) == ("api:orders", "jsonl", 1)
    assert landed.header == ["StoreID", "Location", "Manager", "OpenHours", "Big", "Deep"]
    assert landed.extra_columns == ["Big", "Deep"]


def test_all_pages_are_read_with_the_token_and_the_page_size(lake):
    seen = set()

    def answer(query, headers, _):
        seen.add((headers["Authorization"], query["limit"]))
        return paged([record(i) for i in range(7)])(query)

    with serving(answer) as server:
        result = pull(lake, server.url)
    assert [json.loads(line)["StoreID"] for line in lines(lake, result)] == list(range(7))
    assert seen == {(f"Bearer {TOKEN}", "2")}
    assert [q.get("cursor") for q in server.requests] == [None, "2", "4", "6"]


def test_large_pulls_make_several_files(lake, monkeypatch):
    monkeypatch.setattr(api, "_FILE_BYTES", 300)
    with serving(paged([record(i) for i in range(9)])) as server:
        result = pull(lake, server.url)
    assert [r.path.rpartition("/")[2] for r in result.records] == [
        f"orders-0000{n}.jsonl" for n in range(1, len(result.records) + 1)
    ]
    assert len(result.records) > 2
    assert len(lines(lake, result)) == 9


def test_an_api_without_records_lands_nothing(lake):
    with serving(always()) as server:
        assert pull(lake, server.url).batch_id is None
    assert list(lake.list("")) == []


def test_empty_pages_do_not_end_a_pull(lake):
    def answer(query, *_):
        page = int(query.get("cursor", 0))
        data = [record(1)] if page == 3 else []
        return 200, {}, {"data": data, "next_cursor": page + 1 if page < 3 else None}

    with serving(answer) as server:
        assert len(lines(lake, pull(lake, server.url))) == 1


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


@pytest.mark.parametrize(
    ("stamps", "cursor"),
    [
        (["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"], "2026-01-01T00:00:00.5Z"),
        (["2026-01-01T23:00:00-02:00", "2026-01-01T23:30:00Z"], "2026-01-01T23:00:00-02:00"),
        ([9, 10, 7], 10),
        (["a9", "a10"], "a9"),
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


def test_without_an_incremental_field_equal_files_land_once(lake):
    source = replace(SOURCE, incremental=None)
    with serving(paged([record(1), record(2)])) as server:
        first = pull(lake, server.url, source)
        again = pull(lake, server.url, source)
    assert again.batch_id is None
    assert [d.batch_id for d in again.duplicates] == [first.batch_id]


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


@pytest.mark.parametrize("status", [429, 500, 503])
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
        ({"Content-Type": "application/json"}, b'{"data": [NaN]}', "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b"\xff", "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b"[" * 200_000, "isn't valid JSON"),
        ({"Content-Type": "application/json"}, b"", "isn't valid JSON"),
        ({}, {"items": []}, "without a list of records in 'data'"),
        ({}, {"data": {"a": 1}}, "without a list of records in 'data'"),
        ({}, {"data": None}, "without a list of records in 'data'"),
        ({}, ["data"], "without a list of records in 'data'"),
        ({}, "data", "without a list of records in 'data'"),
        ({}, {"data": [1]}, "isn't a record"),
        ({}, {"data": [], "next_cursor": {"x": 1}}, "that is no cursor"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"no gzip", "could not"),
    ],
)
def test_a_page_that_is_no_page_is_a_clear_error(lake, headers, body, problem):
    pull_refused(lake, always(headers=headers, body=body), match=problem)


def test_json_of_another_name_and_packed_is_welcome(lake):
    headers = {"Content-Type": "application/hal+json; charset=utf-8", "Content-Encoding": "gzip"}
    body = gzip.compress(b"\xef\xbb\xbf" + json.dumps({"data": [record(1)]}).encode())
    with serving(always(headers=headers, body=body)) as server:
        assert len(pull(lake, server.url).records) == 1


def test_pages_that_go_round_in_a_circle_are_an_error(lake):
    def answer(query, *_):
        following = {"a": "b", "b": "a"}.get(query.get("cursor"), "a")
        return 200, {}, {"data": [record(1)], "next_cursor": following}

    _, requests = pull_refused(lake, answer, match="circle")
    assert len(requests) == 3


def test_pages_without_an_end_are_an_error(lake):
    def answer(_, __, number):
        return 200, {}, {"data": [record(number)], "next_cursor": f"c{number}"}

    pull_refused(lake, answer, match="more than 50 pages")


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
    assert len([path for path in lake.list("") if path.endswith(".jsonl")]) == 1


def test_a_redirect_is_told_and_gets_no_token(lake):
    with serving(always()) as other:
        away = always(302, {"Location": f"{other.url}/orders"})
        pull_refused(lake, away, match="status 302; give the URL that it leads to")
    assert other.requests == []


def test_an_api_that_is_not_there_fails_soon(lake):
    with serving(always()) as server:
        pass
    start = time.monotonic()
    with pytest.raises(ApiError, match="can't be reached") as error:
        pull(lake, server.url)
    assert time.monotonic() - start < 5
    assert error.value.__cause__ is None
    assert error.value.passing


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


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/x", "http://"])
def test_a_url_that_is_none_is_told(lake, url):
    with pytest.raises(ApiError, match="the URL must be like"):
        pull(lake, url)


def test_a_user_name_in_the_url_is_not_shown(lake):
    with serving(always(500)) as server, pytest.raises(ApiError) as error:
        pull(lake, server.url.replace("http://", "http://me:s3cret@"))
    assert "s3cret" not in str(error.value)


def test_logs_hold_neither_tokens_nor_records(lake, caplog):
    caplog.set_level(logging.DEBUG)
    with serving(paged([record(1, Location="Baker Street")])) as server:
        pull(lake, server.url)
    text = caplog.text
    assert "1 records received" in text
    assert TOKEN not in text
    assert "Baker" not in text


# The declaration


def test_the_declared_sources_are_those_of_the_design():
    sources = load_sources()
    assert set(sources) == {"online_transactions", "customer_service_interactions"}
    orders = sources["online_transactions"]
    assert orders.entity in CONTRACT
    assert orders.path == "/online-transactions"
    assert orders.token_env == "C360_API_TOKEN"
    assert orders.incremental == Incremental("UpdatedAt", "updated_since")
    waits = sum(orders.backoff * 2**n for n in range(orders.attempts - 1))
    assert waits + orders.attempts * orders.read_timeout < 60


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sources: 5",
        "sources: [{name: x}]",
        "sources: [{name: ../x, entity: e, path: /, data: d, pages: {cursor: c, cursor_param: c}}]",
        "sources: [{name: x, colour: red}]",
        "a: [",
    ],
)
def test_a_wrong_declaration_is_a_clear_error(tmp_path, text):
    path = tmp_path / "sources.yml"
    path.write_text(text)
    with pytest.raises(InputError, match="declared wrongly"):
        load_sources(path)


def test_defaults_apply_and_a_source_may_differ(tmp_path):
    path = tmp_path / "sources.yml"
    path.write_text(
        "defaults: {attempts: 7, backoff: 3}\n"
        "sources: [{name: x, entity: e, path: /x, data: d, backoff: 1, "
        "pages: {cursor: c, cursor_param: p}}]\n"
    )
    source = load_sources(path)["x"]
    assert (source.attempts, source.backoff, source.incremental) == (7, 1, None)
