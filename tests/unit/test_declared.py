"""What silver follows of the declarations, as a run leaves it in the lake."""

import json
from pathlib import Path

import pytest

from ingest import declared
from ingest.batches import reading_code
from ingest.declarations import Declarations, load_declarations
from lake.local import LocalLake
from tests.support.reading import CONTRACT

PLAIN = {"rows": "one", "load": "changes", "keys": "integer", "unknown_keys": []}


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def declarations(tmp_path: Path, text: str) -> Declarations:
    (tmp_path / "sources.yml").write_text(text)
    return load_declarations(tmp_path / "sources.yml", CONTRACT)


def in_the_lake(lake: LocalLake) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(lake.read_bytes("bronze/declared.json"))["entities"]
    return found


def test_every_entity_is_there_also_where_nothing_is_declared(
    lake: LocalLake, tmp_path: Path
) -> None:
    declared.write(lake, declarations(tmp_path, "files: {}"))
    assert in_the_lake(lake) == [{"entity": name, **PLAIN} for name in CONTRACT]


def test_files_and_endpoints_are_put_together(lake: LocalLake, tmp_path: Path) -> None:
    said = declarations(
        tmp_path,
        """
        defaults: {keys: text}
        files:
          online_transactions: {unknown_keys: [0, guest]}
          customers: {load: full, keys: integer}
        apis:
        - {name: a, entity: online_transactions, path: /a, rows: lines, unknown_keys: [9, 0]}
        """,
    )
    declared.write(lake, said)
    found = {each["entity"]: each for each in in_the_lake(lake)}
    assert found["online_transactions"] == {
        "entity": "online_transactions",
        "rows": "lines",
        "load": "changes",
        "keys": "text",
        "unknown_keys": ["0", "guest", "9"],
    }
    assert found["customers"] == {"entity": "customers", **PLAIN, "load": "full"}
    assert declared.text_keys(said) == [name for name in CONTRACT if name != "customers"]


def test_it_is_written_when_it_differs_only(
    lake: LocalLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, lines = (
        declarations(tmp_path, text)
        for text in ("files: {}", "files: {online_transactions: {rows: lines}}")
    )
    declared.write(lake, plain)
    with monkeypatch.context() as patch:
        patch.setattr(LocalLake, "write_bytes", None)
        declared.write(lake, plain)
    declared.write(lake, lines)
    declared.write(lake, plain)
    assert in_the_lake(lake)[4]["rows"] == "one"


@pytest.mark.parametrize(
    "text",
    [
        "files: {online_transactions: {rows: lines}}",
        "files: {customers: {load: full}}",
        "files: {customers: {keys: text}}",
        "files: {online_transactions: {unknown_keys: [0]}}",
        "files: {online_transactions: {currency: EUR}}",
    ],
)
def test_another_declaration_makes_another_version_of_silver(tmp_path: Path, text: str) -> None:
    plain = reading_code(declarations(tmp_path, "files: {}"))
    assert plain == reading_code(declarations(tmp_path, "files: {}"))
    assert plain != reading_code(declarations(tmp_path, text))


def test_what_is_declared_otherwise_than_before_is_told(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path / "lake")
    lines = declarations(tmp_path, "files: {online_transactions: {rows: lines, unknown_keys: [0]}}")
    assert declared.write(lake, lines) == []
    assert declared.write(lake, lines) == []
    assert declared.write(lake, declarations(tmp_path, "files: {}")) == [
        "online_transactions: rows one (was lines)",
        "online_transactions: unknown_keys none (was 0)",
    ]
