"""Runs of the real command over generated data, shared by tests that look at what came out."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.generator import API_FOLDER, generate
from demo.ledger import Ledger
from demo.sample_api import create_app, serve
from tests.support.reference import Batch, InputFile

TOKEN = "a-token-that-must-not-be-seen"
C360 = Path(sys.executable).with_name("c360")


@dataclass(frozen=True)
class Arrival:
    """One run: what it was given, what it published, and what it printed."""

    folder: Path
    ledger: Ledger
    home: Path
    warehouse: Path
    batch_id: str
    output: str

    @property
    def as_reference(self) -> Batch:
        """What arrived, as the reference reads it: files and, for the pages, the API's records."""
        files = [
            InputFile(path) for path in sorted(self.folder.iterdir()) if path.suffix == ".csv"
        ] + [
            InputFile(path, entity=path.stem)
            for path in sorted((self.folder / API_FOLDER).glob("*.jsonl"))
        ]
        return Batch(self.batch_id, files)


def run_c360(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        [str(C360), *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that both batches arrive in."""
    return tmp_path_factory.mktemp("home")


def arrive(home: Path, work: Path, batch: int) -> Arrival:
    """Generate a batch, run the command over its files and the API, copy the warehouse."""
    folder = work / "input"
    ledger = generate(folder, transactions=6000, seed=7, dirt=0.15, batch=batch)
    before = set((home / "lake" / "bronze" / "_manifests").glob("*.json"))
    with serve(create_app(folder / API_FOLDER, TOKEN)) as url:
        run = run_c360("run", "--input", folder, "--api", url, "--home", home, C360_API_TOKEN=TOKEN)
    assert run.returncode == 0, run.stdout + run.stderr
    (manifest,) = set((home / "lake" / "bronze" / "_manifests").glob("*.json")) - before
    warehouse = work / "warehouse.duckdb"  # the name is part of the views in it
    shutil.copyfile(home / "warehouse.duckdb", warehouse)
    return Arrival(folder, ledger, home, warehouse, manifest.stem, run.stdout)


@pytest.fixture(scope="session")
def first(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Arrival:
    """The first batch, published."""
    return arrive(home, tmp_path_factory.mktemp("first"), 1)


@pytest.fixture(scope="session")
def second(home: Path, first: Arrival, tmp_path_factory: pytest.TempPathFactory) -> Arrival:
    """The second batch, with updates, published after the first."""
    return arrive(home, tmp_path_factory.mktemp("second"), 2)
