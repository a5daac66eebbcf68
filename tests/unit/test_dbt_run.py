"""dbt in this process, on a project of a few models."""

import logging
import os
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from lake.errors import C360Error
from warehouse.dbt_run import DbtRun
from warehouse.home import Home

PROFILE = """
tiny:
  target: local
  outputs:
    local: {type: duckdb, path: "{{ env_var('C360_WAREHOUSE') }}", threads: 2}
"""
FILES = {
    "dbt_project.yml": "{name: tiny, version: 1.0.0, profile: tiny}",
    "profiles.example.yml": PROFILE,
    "models/a.sql": "{{ config(materialized='table') }} select 1 as id, 'odd' as colour",
    "models/b.sql": "select * from {{ ref('a') }}",
    "models/glossary.md": "",
    "models/schema.yml": """
models:
  - name: a
    data_tests: [{known_value: {arguments: {column: colour, seed: plain}}}]
    columns: [{name: id, data_tests: [not_null]}]
""",
    "macros/known_value.sql": """
{% test known_value(model, column, seed) %}
{{ config(severity='warn') }}
select {{ column }}, count(*) as occurrences from {{ model }}
where {{ column }} <> '{{ seed }}' group by {{ column }}
{% endtest %}
""",
    "tests/a_is_positive.sql": "select * from {{ ref('a') }} where id <= 0",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setenv("C360_PROJECT_DIR", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.prepare()
    home.staging.mkdir()
    return home


def test_builds_a_layer_at_a_time_and_leaves_the_warehouse_whole(
    project: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, int, int]] = []
    dbt = DbtRun(home, home.staged_warehouse, "v1")
    first = dbt.build("--select", "a", on_node=lambda *node: told.append(node))
    second = dbt.build("--exclude", "a", on_node=lambda *node: told.append(node))
    documented = dbt.document()
    dbt.close()
    dbt.inspect(home.staged_warehouse)

    assert {node.name for node in first if node.kind == "model"} == {"main.a"}
    assert {node.name for node in second if node.kind == "model"} == {"main.b"}
    assert ("a", 1, 4) in told
    rows = {node.name: node.rows for node in dbt.nodes if node.kind == "model"}
    assert rows == {"main.a": 1, "main.b": None}
    assert dbt.warnings == [
        "a.colour has values that are not in its list and are kept as they came: odd (1 row). Add "
        "them to the seed other_words or plain."
    ]
    for name in ("manifest", "catalog"):
        assert "model.tiny.b" in (documented / f"{name}.json").read_text()

    assert not home.staged_warehouse.with_name("warehouse.duckdb.wal").exists()
    code = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('from b').fetchall())"
    other = subprocess.run(
        [sys.executable, "-c", code, str(home.staged_warehouse)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == "[(1, 'odd')]\n"

    assert "C360_WAREHOUSE" not in os.environ
    assert capsys.readouterr().out == ""
    assert not (project / "target").exists()
    assert not (project / "logs").exists()
    assert not (project / "profiles.yml").exists()


def test_a_failed_test_is_named_with_its_message_and_sql(project: Path, home: Home) -> None:
    (project / "models" / "a.sql").write_text("select 0 as id, 'plain' as colour")
    dbt = DbtRun(home, home.staged_warehouse, "v1")
    with pytest.raises(C360Error, match="dbt nodes failed, so nothing was published") as failure:
        dbt.build("--select", "+b", on_node=lambda *_: None)
    dbt.close()
    assert "test a_is_positive: Got 1 result, configured to fail if != 0" in str(failure.value)
    assert "A test's SQL shows the rows that fail it. Correct what is wrong" in str(failure.value)
    compiled = str(failure.value).split("compiled SQL: ")[1].split(")")[0]
    assert "id <= 0" in Path(compiled).read_text()
    assert not failure.value.passing


def test_a_model_that_breaks_is_named_with_the_engines_message(project: Path, home: Home) -> None:
    (project / "models" / "b.sql").write_text("select nothing from {{ ref('a') }}")
    dbt = DbtRun(home, home.staged_warehouse, "v1")
    with pytest.raises(C360Error, match=r"1 of 5 dbt nodes failed.*model main.b:.*nothing"):
        dbt.build(on_node=lambda *_: None)
    dbt.close()


def test_a_lost_connection_may_pass(project: Path, home: Home) -> None:
    lost = "select error('Communication link failure') as broken from {{ ref('a') }}"
    (project / "models" / "b.sql").write_text("{{ config(materialized='table') }} " + lost)
    dbt = DbtRun(home, home.staged_warehouse, "v1")
    with pytest.raises(C360Error, match=r"model main.b:.*Communication link failure") as failure:
        dbt.build(on_node=lambda *_: None)
    dbt.close()
    assert failure.value.passing


def test_who_ends_the_run_is_not_told_that_dbt_failed(
    project: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(BaseException):
        pass

    outcome = SimpleNamespace(exception=Ended(), success=False, result=None)
    monkeypatch.setattr("dbt.cli.main.dbtRunner.invoke", lambda *_, **__: outcome)
    with pytest.raises(Ended):
        DbtRun(home, home.staged_warehouse).parse()


def test_what_dbt_logs_belongs_to_the_run_that_it_is_built_in(project: Path, home: Home) -> None:
    run: ContextVar[str] = ContextVar("run")
    run.set("this one")
    heard: list[tuple[str, str | None]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.getMessage(), run.get(None)))

    logger, listener = logging.getLogger("warehouse.dbt_run"), Listener()
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        dbt = DbtRun(home, home.staged_warehouse, "v1")
        dbt.build("--select", "a", on_node=lambda *_: None)
        dbt.close()
    finally:
        logger.removeHandler(listener)
        logger.setLevel(logging.NOTSET)
    assert any(line.startswith("model a success") for line, _ in heard)
    assert {told_in for _, told_in in heard} == {"this one"}


def test_a_project_that_cannot_be_read_is_reported(project: Path, home: Home) -> None:
    (project / "models" / "b.sql").write_text("select * from {{ ref('missing') }}")
    with pytest.raises(C360Error, match=r"dbt parse failed: .*missing"):
        DbtRun(home, home.staged_warehouse).parse()


def test_the_projects_own_profile_is_used_when_there_is_one(project: Path, home: Home) -> None:
    (project / "profiles.yml").write_text(PROFILE.replace("tiny:", "other:"))
    with pytest.raises(C360Error, match=r"dbt parse failed: .*tiny"):
        DbtRun(home, home.staged_warehouse).parse()


def test_a_profile_that_builds_elsewhere_is_reported(
    project: Path, home: Home, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "elsewhere.duckdb")
    (project / "profiles.yml").write_text(
        PROFILE.replace("\"{{ env_var('C360_WAREHOUSE') }}\"", elsewhere)
    )
    dbt = DbtRun(home, home.staged_warehouse)
    dbt.build("--select", "a", on_node=lambda *_: None)
    dbt.close()
    with pytest.raises(C360Error, match=r"take the path .* from the environment variable"):
        dbt.inspect(home.staged_warehouse)


def test_closing_without_a_build_does_no_harm(project: Path, home: Home) -> None:
    DbtRun(home, home.staged_warehouse).close()
    duckdb.connect(home.staged_warehouse).close()
