"""What is older than it is to be kept goes, with the first run of a month, and all else stays."""

import json
import os
import uuid
from datetime import date

import pytest

from ingest import batches, retention
from ingest.declarations import load_declarations
from lake.local import LocalLake
from lake.manifest import read_manifests
from tests.support.reading import CONTRACT, deliver, read_rows

TODAY = date(2026, 11, 27)
CONTACTS = (
    "InteractionID,CustomerID,DateTime,AgentID,IssueType,ResolutionStatus\n"
    "1,7,2019-10-31 23:59:59,2,Delivery,Resolved\n"
    "2,7,2019-11-01,2,Delivery,Resolved\n"
    "3,7,10/05/2019 10:00,2,Delivery,Resolved\n"
    "4,7,not a time,2,Delivery,Resolved\n"
    "5,7,2026-11-01T10:00:00+02:00,2,Delivery,Resolved\n"
    "6,only\n"
)
STORES = "StoreID,Location,Manager,OpenHours\n3,Oslo,Ann,9-17\n"


@pytest.fixture(scope="module", autouse=True)
def hasty():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def declared(lake, text):
    path = lake.root.with_name("sources.yml")
    path.write_text(text)
    return load_declarations(path, CONTRACT)


def land(lake, files, sources=None):
    return deliver(lake, lake.root.with_name(f"input {uuid.uuid4()}"), files, sources)


def expire(lake, text, today=TODAY):
    declarations = declared(lake, text)
    wanted = retention.limits(CONTRACT, declarations, today)
    if not retention.is_due(lake, wanted):
        return "not due"
    taken = retention.expire(lake, CONTRACT, declarations, wanted)
    retention.settled(lake, wanted)
    return taken.dropped if taken else "nothing"


def rows(lake, entity):
    return [
        row
        for manifest in read_manifests(lake)
        for record in manifest.landed
        if record.entity == entity
        for row in read_rows(lake, manifest.batch_id, record)
    ]


EVENTS = "files:\n  customer_service_interactions: {keep: 7 years}\n"
ARRIVALS = "files:\n  customer_service_interactions: {keep: {for: 7 years, by: arrival}}\n"


def test_by_the_event_whole_months_are_kept(lake):
    land(lake, {"CustomerServiceInteractions.csv": CONTACTS, "Stores.csv": STORES})
    assert expire(lake, EVENTS) == 2
    kept = rows(lake, "customer_service_interactions")
    assert [row["InteractionID"] for row in kept] == ["2", "4", "5"]
    assert len(rows(lake, "stores")) == 1
    (raw,) = lake.list("bronze/customer_service_interactions")
    assert b"2019-10-31" not in lake.read_bytes(raw)
    assert b"6,only" in lake.read_bytes(raw)


def test_a_month_is_looked_at_once(lake):
    land(lake, {"CustomerServiceInteractions.csv": CONTACTS})
    assert expire(lake, EVENTS) == 2
    assert expire(lake, EVENTS, date(2026, 11, 30)) == "not due"
    assert expire(lake, EVENTS, date(2026, 12, 1)) == 1
    assert expire(lake, EVENTS, date(2027, 1, 1)) == "nothing"


def test_by_the_arrival_all_of_a_file_goes_and_what_was_set_aside_with_it(lake):
    land(lake, {"CustomerServiceInteractions.csv": CONTACTS})
    assert expire(lake, ARRIVALS) == "nothing"
    far = date(date.today().year + 8, 1, 1)
    assert expire(lake, ARRIVALS, far) == 5
    assert rows(lake, "customer_service_interactions") == []
    (raw,) = lake.list("bronze/customer_service_interactions")
    assert lake.read_bytes(raw).decode() == CONTACTS.splitlines(keepends=True)[0]
    assert list(lake.list("bronze/malformed")) == []


def test_what_has_no_time_is_kept_by_its_arrival(lake):
    land(lake, {"Stores.csv": STORES})
    text = "files:\n  stores: {keep: 18 months}\n"
    assert expire(lake, text) == "nothing"
    assert expire(lake, text, date(date.today().year + 3, 1, 1)) == 1


def test_what_was_taken_back_and_what_is_in_quarantine_goes_too(lake):
    delivery = land(lake, {"CustomerServiceInteractions.csv": CONTACTS})
    batches.retract(lake, delivery.manifest.batch_id)
    land(lake, {"CustomerServiceInteractions (2).csv": "no,header\n1,2\n"})
    far = date(date.today().year + 8, 1, 1)
    assert expire(lake, EVENTS, far) == 5
    assert list(lake.list("bronze/quarantine")) == []
    data = b"".join(map(lake.read_bytes, lake.list("bronze/customer_service_interactions")))
    assert b"Delivery" not in data


def test_what_arrives_too_old_is_not_taken_in(lake, monkeypatch):
    monkeypatch.setattr(retention, "_arrived", lambda _: TODAY)
    delivery = land(lake, {"CustomerServiceInteractions.csv": CONTACTS}, EVENTS)
    kept = [row["InteractionID"] for row in delivery.rows("customer_service_interactions")]
    assert kept == ["2", "4", "5"]
    assert "that is older than it is to be kept was taken out" in delivery.warnings
    again = land(lake, {"CustomerServiceInteractions.csv": CONTACTS}, EVENTS)
    assert again.manifest is None  # the same file is known, as it came


def test_what_was_cut_short_is_not_taken_for_done(lake):
    land(lake, {"CustomerServiceInteractions.csv": CONTACTS})
    declarations = declared(lake, EVENTS)
    wanted = retention.limits(CONTRACT, declarations, TODAY)
    assert retention.expire(lake, CONTRACT, declarations, wanted).dropped == 2
    # Nothing was published since, so all is to be built anew, though no row is left to take out.
    assert retention.is_due(lake, wanted)
    assert retention.expire(lake, CONTRACT, declarations, wanted) is not None


@pytest.mark.parametrize(
    "keep", ["7", "0 years", "7 days", "{by: arrival}", "{for: 1 year, by: x}"]
)
def test_a_period_that_is_none_is_refused(lake, keep):
    with pytest.raises(Exception, match="keep"):
        declared(lake, f"files:\n  stores: {{keep: {keep}}}\n")


def test_the_manifest_says_why(lake):
    land(lake, {"CustomerServiceInteractions.csv": CONTACTS})
    expire(lake, EVENTS)
    (manifest,) = read_manifests(lake)
    (note,) = manifest.files[0].rewritten
    assert (note["why"], note["rows"]) == ("kept long enough", 2)
    assert json.loads(lake.read_bytes("audit/retention.json")) == {
        "customer_service_interactions": "2019-11-01 by event"
    }
