"""What a run on Azure needs before it starts, and what it refuses to publish."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import azure_settings
from flows.azure_run import AzureRun
from flows.azure_settings import check_settings
from identity.settings import Settings
from lake.errors import C360Error
from lake.local import LocalLake
from lake.manifest import FileRecord, Manifest, committed_batches
from lake.versions import Published, PublishedEntity
from warehouse.project_code import project_code
from warehouse.publish import entities_of

LAKE = "abfss://customer360@contoso.dfs.core.windows.net"


@pytest.mark.parametrize("location", [None, "/srv/lake", "https://contoso.dfs.core.windows.net"])
def test_the_lake_has_to_be_named(location: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("C360_LAKE", raising=False)
    if location:
        monkeypatch.setenv("C360_LAKE", location)
    with pytest.raises(C360Error, match=f"C360_LAKE, as abfss://.* it is {location or 'not set'}"):
        check_settings()


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_LAKE", LAKE)
    monkeypatch.setattr(azure_settings, "find_spec", lambda name: None if "azure" in name else name)
    with pytest.raises(C360Error, match=r"\(azure.storage.filedatalake\).*make setup"):
        check_settings()


def test_a_missing_unixodbc_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_LAKE", LAKE)
    monkeypatch.setattr(azure_settings, "find_spec", lambda name: name)  # there, but of no use
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    with pytest.raises(C360Error, match=r"unixODBC, which is not installed.*unixodbc"):
        check_settings()


def test_a_pool_that_sees_other_rows_than_have_landed_publishes_nothing(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    files = [
        FileRecord("customers", "a.csv", "a", "csv", "", 1, rows=7, malformed_rows=2),
        FileRecord("customers", "b.csv", None, "csv", "", 1, rows=5, outcome="quarantined"),
    ]
    Manifest("20260101T000000Z-aaaaaa", "2026-01-01T00:00:00Z", files).write(lake)
    run: Any = SimpleNamespace(lake=lake)
    AzureRun._check_arrivals(run, 9)
    with pytest.raises(C360Error, match="saw 0 bronze rows, but 9 have landed"):
        AzureRun._check_arrivals(run, 0)


@pytest.mark.parametrize(
    ("change", "resumes"),
    [
        ({}, True),
        ({"gold": "v1"}, False),  # gold is made from it already
        ({"code": "other"}, False),  # the project has changed since
        ({"full": True}, False),  # everything is to be built anew
        ({"batch": True}, False),  # something has arrived since
        ({"lost": True}, False),  # somebody deleted its files
    ],
)
def test_only_a_whole_version_that_gold_lacks_is_gone_on_from(
    tmp_path: Path, change: dict[str, Any], resumes: bool
) -> None:
    lake = LocalLake(tmp_path)
    Manifest("20260101T000000Z-aaaaaa", "2026-01-01T00:00:00Z", []).write(lake)
    published = Published(
        "v1",
        "2026-01-01T00:00:00Z",
        committed_batches(lake),
        entities_of(
            {"stores": {"parts": ["v1", "v2"], "changes": ["v2"], "rows": 2, "replaced": 2}}
        ),
        code="code",
    )
    for part in published.entities["stores"].parts:
        with lake.open_write(f"{part}/part.parquet") as file:
            pq.write_table(pa.table({"n": [1, 2]}), file)
    if change.get("batch"):
        Manifest("20260102T000000Z-bbbbbb", "2026-01-02T00:00:00Z", []).write(lake)
    if change.get("lost"):
        lake.delete_tree("silver/stores")
    run: Any = AzureRun.__new__(AzureRun)
    run.lake, run.published, run.code = lake, published, change.get("code", "code")
    run.identity = Settings(enabled=False)
    version = [(change["gold"],)] if "gold" in change else []
    run.full = "full" in change
    run.database = SimpleNamespace(query=lambda sql: version, target="azure_sql")
    assert run._can_resume() is resumes


def test_a_version_has_all_relations_of_silver_with_their_parts() -> None:
    published = entities_of(
        {
            "stg_stores": {"parts": ["v1"], "rows": 9},
            "stores": {"parts": ["v1", "v3"], "changes": ["v1", "v2"], "rows": 7, "replaced": 2},
            "unknown_keys": {"parts": ["v1"], "rows": 0},
        }
    )
    assert published == {
        "stores": PublishedEntity(
            ["silver/stores/v1", "silver/stores/v3"],
            7,
            ["silver/superseded/stores/v1", "silver/superseded/stores/v2"],
            2,
        ),
        "unknown_keys": PublishedEntity(["silver/unknown_keys/v1"], 0),
    }
    assert published["stores"].versions == ["v1", "v2", "v3"]


@pytest.mark.parametrize(
    "decides", ["dbt_project.yml", "models/marts/a.sql", "seeds/a.csv", "pages/report/page/a.js"]
)
def test_what_decides_what_is_published_is_known_by_its_content(
    tmp_path: Path, decides: str
) -> None:
    def put(name: str, content: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return project_code(tmp_path, "published")

    before = put(decides, "a")
    assert put("docs/a.md", "a") == before
    assert put("pages/__pycache__/a.pyc", "a") == before
    assert put(decides, "b") != before
