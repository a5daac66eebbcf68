"""Translated templates are kept between runs, and are those of the templates as they are now."""

from pathlib import Path
from typing import Any

import jinja2
import pytest

from warehouse.templates import Templates


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Jinja has translated."""
    done: list[str] = []
    translate = jinja2.Environment._parse

    def parse(environment: Any, source: str, *rest: Any) -> Any:
        done.append(source)
        return translate(environment, source, *rest)

    from dbt_common.clients import jinja

    monkeypatch.setattr(jinja.MacroFuzzEnvironment, "_parse", parse)
    return done


def rendered(text: str) -> str:
    from dbt_common.clients.jinja import get_environment

    return get_environment().from_string(text).render({})


def test_what_was_translated_once_is_not_translated_again(
    tmp_path: Path, translated: list[str]
) -> None:
    for _ in range(2):  # two runs, the second of which has one more
        templates = Templates(tmp_path / "kept")
        with templates.in_use():
            assert rendered("{{ 1 + 1 }} a") == "2 a"
        with templates.in_use():
            assert rendered("{{ 1 + 1 }} a") == "2 a"
            assert rendered("{{ 1 + 1 }} b") == "2 b"
    assert translated == ["{{ 1 + 1 }} a", "{{ 1 + 1 }} b"]
    assert rendered("{{ 1 + 1 }} a") == "2 a"  # dbt's own way again
    assert translated[2:] == ["{{ 1 + 1 }} a"]


def test_what_a_run_has_not_used_goes_when_it_keeps_something_new(
    tmp_path: Path, translated: list[str]
) -> None:
    for texts in (["old"], ["new"], ["new", "old"]):
        with Templates(tmp_path / "kept").in_use():
            assert [rendered(text) for text in texts] == texts
    assert translated == ["old", "new", "old"]


@pytest.mark.parametrize("content", [b"", b"no such thing", b"N"])
def test_a_file_that_is_not_whole_is_no_failure(
    tmp_path: Path, translated: list[str], content: bytes
) -> None:
    (tmp_path / "kept").write_bytes(content)
    with Templates(tmp_path / "kept").in_use():
        assert rendered("{{ 2 }}") == "2"
    with Templates(tmp_path / "kept").in_use():
        assert rendered("{{ 2 }}") == "2"
    assert translated == ["{{ 2 }}"]


def test_what_another_version_made_is_not_taken(
    tmp_path: Path, translated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Templates(tmp_path / "kept").in_use():
        assert rendered("{{ 3 }}") == "3"
    monkeypatch.setattr("warehouse.templates.version", lambda _: "99.0")
    with Templates(tmp_path / "kept").in_use():
        assert rendered("{{ 3 }}") == "3"
    assert translated == ["{{ 3 }}", "{{ 3 }}"]


def test_a_wrong_template_is_as_wrong_as_ever(tmp_path: Path) -> None:
    with (
        Templates(tmp_path / "kept").in_use(),
        pytest.raises(jinja2.TemplateSyntaxError),
    ):
        rendered("{{ 1")
    assert not (tmp_path / "kept").exists()
