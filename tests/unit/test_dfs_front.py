"""The tests' dfs endpoint answers as the REST documentation of Data Lake Storage says."""

import re

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.filedatalake import DataLakeLeaseClient, FileSystemClient

from tests.support.azurite import ACCOUNT

MISSING, SAME = MatchConditions.IfMissing, MatchConditions.IfNotModified


@pytest.fixture
def files(azurite):
    location = azurite.filesystem()["C360_LAKE"]
    return client(azurite, re.search("//(.*)@", location)[1])


def client(azurite, container):
    credential = {"account_name": ACCOUNT, "account_key": azurite.key}
    return FileSystemClient(azurite.front.endpoint, container, credential=credential, retry_total=0)


def names(files, **options):
    return [(path.name, path.is_directory) for path in files.get_paths(**options)]


def written(files, name, data=b"1"):
    file = files.get_file_client(name)
    file.upload_data(data, overwrite=True)
    return file


def refused(status, code, action, *args, **options):
    with pytest.raises(HttpResponseError) as caught:
        action(*args, **options)
    found = caught.value.error_code
    assert (caught.value.status_code, getattr(found, "value", found)) == (status, code)


def test_folders_come_with_their_files_and_stay_without_them(files):
    written(files, "a/b/c")
    assert names(files) == [("a", True), ("a/b", True), ("a/b/c", False)]
    assert names(files, recursive=False) == [("a", True)]
    assert names(files, path="a", recursive=False) == [("a/b", True)]
    files.get_file_client("a/b/c").delete_file()
    assert names(files) == [("a", True), ("a/b", True)]
    folder = files.get_directory_client("a")
    assert folder.get_directory_properties().metadata == {"hdi_isfolder": "true"}
    folder.create_directory()
    refused(409, "PathAlreadyExists", folder.create_directory, match_condition=MISSING)
    refused(409, "PathConflict", files.get_file_client("a").create_file)
    refused(409, "DirectoryNotEmpty", files.get_file_client("a").delete_file, recursive=False)
    refused(404, "PathNotFound", lambda: names(files, path="x"))
    written(files, "d")
    refused(409, "PathConflict", files.get_file_client("d/e").create_file)


def test_what_is_appended_shows_when_it_is_flushed_in_one_piece(files):
    file = files.get_file_client("a")
    refused(404, "PathNotFound", file.append_data, b"1", 0, 1)
    created = file.create_file()["etag"]
    file.append_data(b"cd", 2, 2)
    assert file.download_file().readall() == b""
    refused(400, "InvalidFlushPosition", file.flush_data, 4)
    file.append_data(b"xb", 0, 2)
    file.append_data(b"ab", 0, 2)
    refused(400, "InvalidFlushPosition", file.flush_data, 3)
    flushed = file.flush_data(4)["etag"]
    assert file.download_file().readall() == b"abcd"
    file.append_data(b"ef", 4, 2, flush=True)
    assert file.download_file().readall() == b"abcdef"
    assert len({created, flushed, file.get_file_properties().etag}) == 3
    refused(412, "ConditionNotMet", file.flush_data, 6, etag=flushed, match_condition=SAME)
    file.create_file(metadata={"k": "w"})
    assert file.get_file_properties().size == 0
    file.append_data(b"z", 0, 1, flush=True)
    assert file.get_file_properties().metadata == {"k": "w"}


def test_a_rename_keeps_the_etag_and_has_conditions_on_both_ends(files):
    source, there = written(files, "a/b", b"1"), written(files, "c", b"2")
    container, etag = files.file_system_name, source.get_file_properties().etag
    old = there.get_file_properties().etag
    gone = {"match_condition": SAME, "etag": '"0x1"'}
    refused(412, "ConditionNotMet", source.rename_file, f"{container}/c", **gone)
    refused(412, "ConditionNotMet", source.rename_file, f"{container}/x", **gone)
    refused(409, "PathAlreadyExists", source.rename_file, f"{container}/c", match_condition=MISSING)
    wrong_source = {"source_match_condition": SAME, "source_etag": old}
    refused(412, "ConditionNotMet", source.rename_file, f"{container}/c", **wrong_source)
    nowhere = f"{container}/x/y"
    refused(404, "RenameDestinationParentPathNotFound", source.rename_file, nowhere)
    assert there.download_file().readall() == b"2"
    source.rename_file(f"{container}/c", match_condition=SAME, etag=old)
    assert there.get_file_properties().etag == etag
    assert there.download_file(etag=etag, match_condition=SAME).readall() == b"1"
    assert [path.etag for path in files.get_paths()][-1] == etag.strip('"')
    refused(404, "SourcePathNotFound", source.rename_file, f"{container}/d")
    moved = there.rename_file(f"{container}/d")
    assert moved.download_file(etag=etag, match_condition=SAME).readall() == b"1"
    moved.append_data(b"2", 1, 1, flush=True)
    refused(412, "ConditionNotMet", moved.download_file, etag=etag, match_condition=SAME)


def test_a_folder_moves_and_goes_with_all_that_is_in_it(files):
    for name in ("a/b/c", "a/b/d", "a/e"):
        written(files, name, name.encode())
    files.get_directory_client("a").rename_directory(f"{files.file_system_name}/f")
    assert [name for name, _ in names(files)] == ["f", "f/b", "f/b/c", "f/b/d", "f/e"]
    assert files.get_file_client("f/b/d").download_file().readall() == b"a/b/d"
    files.get_directory_client("f/b").delete_directory()
    assert [name for name, _ in names(files)] == ["f", "f/e"]
    refused(404, "PathNotFound", files.get_directory_client("f/b").delete_directory)


def test_a_lease_keeps_others_from_writing_until_the_file_is_replaced(files):
    file, other = written(files, "a"), written(files, "b")
    lease = DataLakeLeaseClient(file)
    lease.acquire(15)
    refused(409, "LeaseAlreadyPresent", DataLakeLeaseClient(file).acquire, 15)
    refused(412, "LeaseIdMissing", file.delete_file)
    refused(409, "PathAlreadyExists", file.create_file, match_condition=MISSING)
    lease.renew()
    other.rename_file(f"{files.file_system_name}/a")
    with pytest.raises(HttpResponseError):
        lease.renew()


def test_containers_that_are_not_there_and_signatures_that_are_wrong(azurite, files):
    nowhere = client(azurite, "nowhere")
    refused(404, "FilesystemNotFound", nowhere.get_file_client("a").create_file)
    refused(404, "FilesystemNotFound", lambda: names(nowhere))
    written(files, "a")
    url = f"{azurite.front.endpoint}/{files.file_system_name}/a"
    for headers, status, code in (
        ({}, 401, "NoAuthenticationInformation"),
        ({"Authorization": "Bearer x"}, 401, "InvalidAuthenticationInfo"),
        ({"Authorization": f"SharedKey {ACCOUNT}:eA=="}, 403, "AuthenticationFailed"),
    ):
        answer = requests.get(url, headers=headers, timeout=9)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, code)
        assert answer.json()["error"]["code"] == code


def test_what_it_lacks_it_refuses(files):
    file = written(files, "a")
    refused(501, "NotImplemented", file.set_access_control, permissions="rwx------")
    refused(501, "NotImplemented", file.create_file, umask="0000")
