"""Whatever the umask, what commands write is for the owner alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import declared_shop
from tests.support.command import run_c360


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_all_that_commands_write_is_private(tmp_path: Path) -> None:
    folder, home, sources = tmp_path / "in", tmp_path / "home", tmp_path / "sources.yml"
    folder.mkdir()
    declared_shop.write(declared_shop.FIRST, folder)
    (folder / "Stores_bad.csv").write_text("no;header\n")  # to be held in quarantine
    sources.write_text(declared_shop.SOURCES)
    export = tmp_path / "export"
    for arguments, status in (
        (("run", "--input", folder, "--sources", sources), 1),
        (("quarantine", "drop", "--all"), 0),
        (("run", "--sources", sources), 0),
        (("identity", "separate", "C-1", "c-1"), 0),
        (("report",), 0),
        (("docs",), 0),
        (("person", "export", "C-1", "--sources", sources, "--to", export), 0),
    ):
        run = run_c360(*arguments, "--home", home)
        assert run.returncode == status, (arguments, run.stdout + run.stderr)
    written = [home, *home.rglob("*"), *tmp_path.glob("export.*")]
    names = {path.name for path in written}
    assert {"warehouse.duckdb", "log.jsonl", "hash.key", "decisions.jsonl", "export.html"} <= names
    assert len(written) > 100
    open_to_others = [
        f"{path} {stat.filemode(path.stat().st_mode)}"
        for path in written
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
