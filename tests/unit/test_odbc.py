"""unixODBC finds the driver that the Python package carries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import odbc


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's odbcinst.ini, which is not there yet."""
    file = tmp_path / "etc" / "odbcinst.ini"
    file.parent.mkdir()
    monkeypatch.setattr(odbc, "SYSTEM_FILE", file)
    monkeypatch.delenv("ODBCSYSINI", raising=False)
    return file


def test_the_packaged_driver_is_named_for_want_of_another(system: Path, tmp_path: Path) -> None:
    odbc.use_packaged_driver(tmp_path / "odbc")
    assert os.environ["ODBCSYSINI"] == str(tmp_path / "odbc")
    heading, driver = (tmp_path / "odbc" / "odbcinst.ini").read_text().splitlines()
    assert heading == "[ODBC Driver 18 for SQL Server]"
    library = Path(driver.removeprefix("Driver="))
    assert library.read_bytes()[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")  # a library of this system


def test_a_driver_of_the_system_is_used(system: Path, tmp_path: Path) -> None:
    system.write_text("[ODBC Driver 18 for SQL Server]\nDriver=/opt/driver.so\n")
    odbc.use_packaged_driver(tmp_path / "odbc")
    assert "ODBCSYSINI" not in os.environ


def test_what_is_set_stays(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODBCSYSINI", "/elsewhere")
    odbc.use_packaged_driver(tmp_path / "odbc")
    assert os.environ["ODBCSYSINI"] == "/elsewhere"
    assert not (tmp_path / "odbc").exists()


def test_by_hand_it_prints_what_to_set(tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "warehouse.odbc", str(tmp_path / "odbc")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == f"export ODBCSYSINI={tmp_path / 'odbc'}\n"
    assert (tmp_path / "odbc" / "odbcinst.ini").is_file()
