"""The lake in Azure Data Lake Storage: what it withstands, what it tells, who may be in it."""

import gzip
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.filedatalake import (
    DataLakeLeaseClient,
    ResourceTypes,
    generate_account_sas,
)

from ingest.landing import remove_uncommitted
from lake import adls, azure_lease, paths
from lake.errors import C360Error, LakeError
from lake.local import LocalLake
from lake.opening import open_lake
from tests.support.azurite import ACCOUNT, AUTH_VARIABLES
from tests.support.reading import deliver

CHUNK = 4 << 20

# A run on another machine that is killed while it writes; its lease is the shortest there is.
KILLED = """
import os, sys, time
from lake import adls, azure_lease
azure_lease._LEASE_SECONDS = 15
lake = adls.AdlsLake(os.environ["C360_LAKE"])
with lake.exclusive(), lake.open_write("bronze/stores/B1/Stores.csv") as file:
    file.write(b"x" * (9 << 20))
    print("writing", flush=True)
    time.sleep(60)
"""

# A stream of 96 MiB there and back, and the most memory that each took.
STREAM = """
import hashlib, os, tracemalloc
from lake.opening import open_lake
lake = open_lake(os.environ["C360_LAKE"])
lake.write_bytes("warm", b"1")
sha256, block = hashlib.sha256(), os.urandom(1 << 20)
tracemalloc.start()
with lake.open_write("big") as file:
    for number in range(96):
        piece = number.to_bytes(4, "big") + block
        sha256.update(piece)
        file.write(piece)
print(tracemalloc.get_traced_memory()[1])
tracemalloc.reset_peak()
read = hashlib.sha256()
with lake.open_read("big") as file:
    while piece := file.read(1 << 20):
        read.update(piece)
print(tracemalloc.get_traced_memory()[1])
print(sha256.hexdigest() == read.hexdigest())
"""


@pytest.fixture
def environment(azurite, monkeypatch):
    for name in AUTH_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found = azurite.filesystem()
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def location(environment):
    return environment["C360_LAKE"]


@pytest.fixture
def lake(location):
    return open_lake(location)


@pytest.fixture
def at_once(monkeypatch):
    """Have Azure's client try again without a wait."""
    quick = {"initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0}
    monkeypatch.setattr(adls, "_RETRIES", adls._RETRIES | quick)


def everything(lake):
    return sorted(path for path, is_folder in lake._entries("", True) if not is_folder)


@pytest.fixture(scope="module")
def killed(azurite):
    """A lake in which a run was killed, and when its lease ends.

    Made when the module's tests begin, so that the lease runs out while they do their work.
    """
    environment = azurite.filesystem()
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    return environment, process.pid, time.monotonic() + 15


# Killed and lost


def test_a_killed_writer_leaves_nothing_that_counts(killed, monkeypatch):
    environment, pid, _ = killed
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    lake = open_lake(environment["C360_LAKE"])
    assert len([path for path in everything(lake) if "/.tmp-" in path]) == 1
    assert list(lake.list("bronze")) == []
    message, passing = told(lake.exclusive().__enter__)
    assert f"Another run is using the lake {environment['C360_LAKE']} (process {pid} on" in message
    assert passing


def test_any_answer_may_get_lost(azurite, location, at_once):
    lake = open_lake(location)
    seen = []

    def lose_the_first_of_each_kind(request):
        kind = (
            request.method,
            request.query.get("resource"),
            request.query.get("action"),
            "x-ms-rename-source" in request.headers,
        )
        seen.append(kind)
        return seen.count(kind) == 1

    azurite.front.lose_answer = lose_the_first_of_each_kind
    try:
        with lake.open_write("a/b") as file:
            file.write(b"1" * CHUNK + b"2")
        seen.clear()
        lake.write_bytes("a/c", b"3", expected=None)
        seen.clear()
        lake.write_bytes("a/c", b"4", expected=lake.read_versioned("a/c")[1])
        seen.clear()
        lake.move("a/c", "d/e")
        seen.clear()
        lake.delete("d/e")
    finally:
        azurite.front.lose_answer = lambda _request: False
    assert lake.read_bytes("a/b") == b"1" * CHUNK + b"2"
    assert everything(lake) == ["a/b"]


def test_a_stream_takes_six_chunks_of_memory_whatever_its_length(environment):
    done = subprocess.run(
        [sys.executable, "-c", STREAM],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    written, read, same = done.stdout.split()
    assert same == "True"
    assert int(written) < 7 * CHUNK
    # Azure's client makes a list for as many pieces as a chunk has bytes, and fills a few places.
    assert int(read) < 3 * CHUNK + 8 * CHUNK


def test_a_reader_never_gets_a_mix_of_two_versions(lake):
    lake.write_bytes("a", b"1" * (CHUNK + 10))
    with lake.open_read("a") as file:
        assert file.read(10) == b"1" * 10
        lake.write_bytes("a", b"2" * (CHUNK + 10))
        file.seek(CHUNK)
        with pytest.raises(LakeError, match="it was changed while it was read"):
            file.read(10)


def test_a_long_list_comes_in_pages(lake, monkeypatch):
    monkeypatch.setattr("tests.support.dfs_front.PAGE", 3)
    names = [f"a/{number}/{letter}" for number in range(3) for letter in "xyz"]
    for name in names:
        lake.write_bytes(name, b"")
    assert list(lake.list("")) == names


# Who may be in


def test_one_run_at_a_time_uses_a_lake(location):
    first, second = open_lake(location), open_lake(location)
    with first.exclusive():
        message, _ = told(second.exclusive().__enter__)
        assert f"Another run is using the lake {location} (process {os.getpid()} on" in message
        first.write_bytes("a", b"1")
    with second.exclusive():
        second.write_bytes("a", b"2")


def test_the_lease_is_renewed_and_a_run_that_lost_it_changes_nothing_more(
    location, monkeypatch, caplog
):
    monkeypatch.setattr(azure_lease, "_RENEW_SECONDS", 0.1)
    lake = open_lake(location)
    renewals = []
    renew = DataLakeLeaseClient.renew
    monkeypatch.setattr(
        DataLakeLeaseClient, "renew", lambda self, **kw: renewals.append(renew(self, **kw))
    )
    with lake.exclusive():
        lake.write_bytes("a", b"1")
        _, version = lake.read_versioned("a")
        while len(renewals) < 3:
            time.sleep(0.05)
        lake.check_exclusive()
        DataLakeLeaseClient(lake._file("run.lock")).break_lease(0)
        with open_lake(location).exclusive():
            with pytest.raises(LakeError, match="lost its exclusive use"):
                lake.check_exclusive()
            for change in (
                lambda: lake.write_bytes("a", b"2", expected=version),
                lambda: lake.move("a", "b"),
                lambda: lake.delete("a"),
                lambda: lake.delete_tree(""),
            ):
                with pytest.raises(LakeError, match="lost its exclusive use"):
                    change()
            assert lake.read_bytes("a") == b"1"
    assert everything(lake) == ["a", "run.lock"]


def test_a_run_that_lost_it_while_it_wrote_does_not_finish_the_file(location, monkeypatch):
    monkeypatch.setattr(azure_lease, "_RENEW_SECONDS", 0.05)
    lake = open_lake(location)
    lake.write_bytes("a", b"old")

    def write():
        with lake.open_write("a") as file:
            file.write(b"new")
            DataLakeLeaseClient(lake._file("run.lock")).break_lease(0)
            time.sleep(0.2)

    with lake.exclusive():
        assert "lost its exclusive use" in told(write)[0]
        assert lake.read_bytes("a") == b"old"
        assert everything(lake) == ["a", "run.lock"]


# What goes wrong is told


def told(action):
    with pytest.raises(LakeError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value), caught.value.passing


def every_way(lake):
    """Return what reading, writing, listing and the rest say."""
    return {
        told(action)
        for action in (
            lambda: lake.exists("a"),
            lambda: lake.read_versioned("a"),
            lambda: lake.write_bytes("a", b"1"),
            lambda: list(lake.list("")),
            lambda: lake.delete("a"),
            lambda: lake.exclusive().__enter__(),
        )
    }


def sas(key, permission="rwdlacu", hours=1):
    return generate_account_sas(
        ACCOUNT,
        key,
        ResourceTypes(service=True, file_system=True, object=True),
        permission,
        datetime.now(UTC) + timedelta(hours=hours),
    )


def test_every_way_to_sign_in(azurite, location, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    ways = {
        "AZURE_STORAGE_SAS_TOKEN": f"?{sas(azurite.key)}",
        "AZURE_STORAGE_KEY": azurite.key,
        "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};"
        f"AccountKey={azurite.key};EndpointSuffix=core.windows.net",
    }
    for number, (name, value) in enumerate(ways.items()):
        monkeypatch.setenv(name, value)
        lake = open_lake(location)
        lake.write_bytes(f"a/{number}", name.encode())
        lake.move(f"a/{number}", f"b/{number}")
        with lake.exclusive():
            assert lake.read_bytes(f"b/{number}") == name.encode()
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"AccountName={ACCOUNT};SharedAccessSignature={sas(azurite.key)}",
    )
    assert list(open_lake(location).list("")) == ["b/0", "b/1", "b/2", "run.lock"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("KEY", "bm90IHRoZSBrZXk=", "the storage account refused AZURE_STORAGE_KEY (Auth"),
        ("KEY", "abc", "AZURE_STORAGE_KEY is not usable ("),
        ("SAS_TOKEN", "sv=2021-06-08&sig=x", "the storage account refused AZURE_STORAGE_SAS_TOKEN"),
        ("CONNECTION_STRING", "AccountKey=bm90IHRoZSBrZXk=", "refused AZURE_STORAGE_CONNECTION_S"),
    ],
)
def test_a_wrong_credential_is_named(location, monkeypatch, name, value, reason):
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv(f"AZURE_STORAGE_{name}", value)
    for message, passing in every_way(open_lake(location)):
        assert reason in message
        assert value not in message
        assert message.startswith("Cannot ")
        assert f" {location}" in message
        assert not passing


def test_an_expired_token_is_told_as_such(azurite, location, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas(azurite.key, hours=-1))
    for message, passing in every_way(open_lake(location)):
        assert "the token in AZURE_STORAGE_SAS_TOKEN expired at 20" in message
        assert not passing


def test_a_token_for_reading_does_not_write(azurite, lake, location, monkeypatch):
    lake.write_bytes("a", b"1")
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas(azurite.key, "rl"))
    lake = open_lake(location)
    assert lake.read_bytes("a") == b"1"
    message, _ = told(lambda: lake.write_bytes("a", b"2"))
    assert "refused AZURE_STORAGE_SAS_TOKEN (AuthorizationPermissionMismatch)" in message
    assert list(lake.list("")) == ["a"]


@pytest.mark.parametrize("value", ["AccountName=other;AccountKey=a2V5", "AccountName=customer360"])
def test_a_connection_string_for_something_else_is_refused(location, monkeypatch, value):
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", value)
    with pytest.raises(C360Error, match=r"is for the storage account other|has neither AccountKey"):
        open_lake(location)


def test_without_any_credential_it_says_how_to_sign_in(location, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    with pytest.raises(C360Error, match="cannot be opened: Token credential is only supported wit"):
        open_lake(location)
    monkeypatch.setenv("C360_LAKE_ENDPOINT", "https://127.0.0.1:1")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for message, passing in every_way(open_lake(location)):
        assert "No way to sign in to Azure was found. Run `az login`" in message
        assert not passing


def test_a_missing_container_is_named(azurite, environment):
    lake = open_lake(f"abfss://nowhere@{ACCOUNT}.dfs.core.windows.net/x")
    for message, passing in every_way(lake):
        assert f"the storage account {ACCOUNT} has no container nowhere. Create it" in message
        assert not passing


def test_an_account_out_of_reach_is_told_in_seconds(location, monkeypatch):
    monkeypatch.setenv("C360_LAKE_ENDPOINT", "http://127.0.0.1:1/customer360")
    began = time.monotonic()
    message, passing = told(lambda: open_lake(location).read_bytes("a"))
    assert time.monotonic() - began < 10
    assert "127.0.0.1:1 can't be reached. Check the account's name and the network" in message
    assert passing


def test_without_the_extra_it_says_what_to_install(location, monkeypatch):
    monkeypatch.delitem(sys.modules, "lake.adls")
    monkeypatch.setitem(sys.modules, "azure.core", None)
    with pytest.raises(C360Error, match="Run `make setup` in the project's folder"):
        open_lake(location)


def test_a_local_lake_needs_nothing_of_azure(tmp_path):
    code = (
        "import sys; from lake.opening import open_lake; from ingest import api, landing; "
        f"open_lake({str(tmp_path)!r}); "
        "print([name for name in sys.modules if name.startswith('azure')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Landing


def test_what_lands_is_the_same_as_in_a_local_lake(lake, tmp_path):
    header = "StoreID,Location,Manager,OpenHours\n"
    rows = "".join(f"{number},Oslo,Ann,9-17\n" for number in range(300_000))
    files = {
        "Stores.csv": header + rows,
        "north/Stores.csv": header + "1,Łódź,Bo,8-16\n2,x\n",
        "Agents.csv.gz": gzip.compress(b"AgentID,Name,Department,Shift\n1,a,b,c\n"),
        "Customers.csv": "no customers\n",
    }
    deliveries = [
        deliver(LocalLake(tmp_path / "lake"), tmp_path / "in", files),
        deliver(lake, tmp_path / "in", {}),  # the same files
    ]
    for delivery in deliveries:
        assert list(delivery.refused) == ["Customers.csv"]
        assert remove_uncommitted(delivery.lake) == []
        assert deliver(delivery.lake, tmp_path / "in", {}).manifest is None
    trees = [
        {
            path.replace(each.manifest.batch_id, "BATCH"): each.lake.read_bytes(path).replace(
                each.manifest.batch_id.encode(), b"BATCH"
            )
            for path in each.lake.list("")
            if not path.startswith((paths.MANIFESTS, paths.ROWS))
        }
        for each in deliveries
    ]
    assert trees[0] == trees[1]
    assert len(trees[0]) == 6  # three files, malformed lines of one, one in quarantine and why
    local, cloud = ([asdict(record) for record in each.manifest.files] for each in deliveries)
    assert str(local).replace(deliveries[0].manifest.batch_id, "BATCH") == str(cloud).replace(
        deliveries[1].manifest.batch_id, "BATCH"
    )
    for entity in ("stores", "agents"):
        local, cloud = (
            [[row[name] for name in row if name != "_batch_id"] for row in each.rows(entity)]
            for each in deliveries
        )
        assert local == cloud
    assert len(deliveries[1].rows("stores")) == 300_001


def test_what_a_killed_run_left_is_cleaned_up_once_its_claim_has_ended(killed, monkeypatch):
    environment, _, ends = killed
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    lake = open_lake(environment["C360_LAKE"])
    time.sleep(max(0, ends - time.monotonic() + 0.5))
    with lake.exclusive():
        remove_uncommitted(lake)
        assert everything(lake) == ["run.lock"]
