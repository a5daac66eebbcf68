"""What tells that the project is another one than that which built a layer."""

from pathlib import Path

from warehouse.project_code import project_code


def test_the_code_of_a_layer_is_known_by_its_content(tmp_path: Path) -> None:
    def write(path: str, text: str) -> dict[str, str]:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return {layer: project_code(tmp_path, layer) for layer in ("silver", "gold", "all")}

    before = write("models/silver/a.sql", "select 1")
    tested = write("tests/dbt/b.sql", "select 2")
    assert tested["silver"] == before["silver"]
    assert tested["gold"] == before["gold"]
    assert tested["all"] != before["all"]
    fact = write("models/gold/c.sql", "select 3")
    assert fact["silver"] == before["silver"]
    assert fact["gold"] != before["gold"]
    silver = write("models/silver/a.sql", "select 4")
    assert all(silver[layer] != fact[layer] for layer in silver)
    assert write("models/silver/a.sql", "select 1") == fact
