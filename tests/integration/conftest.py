"""Runs of the real command over generated data, shared by tests that look at what came out."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from demo.generator import API_FOLDER, generate
from demo.ledger import Ledger
from demo.sample_api import create_app, serve
from tests.support import declared_shop
from tests.support.command import COMMANDS, run_c360
from tests.support.reference import Batch, InputFile
from tests.support.steps import Driver

Made = TypeVar("Made")

TOKEN = "a-token-that-must-not-be-seen"

# They begin first, so that no worker is left alone with one of them at the end.
LONGEST = (
    *("test_kill", "test_azure_run", "test_azure_days", "test_azure_sql", "test_synapse"),
    "test_bad_input",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put this folder's longest files before its others, after those of other folders."""

    def place(item: pytest.Item) -> tuple[bool, int]:
        name = item.path.stem
        is_here = item.path.parent == Path(__file__).parent
        return is_here, LONGEST.index(name) if is_here and name in LONGEST else len(LONGEST)

    items.sort(key=place)


@dataclass(frozen=True)
class Arrival:
    """One run: what it was given, what it published, and what it printed."""

    folder: Path
    ledger: Ledger
    home: Path
    warehouse: Path
    report: Path
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


@pytest.fixture(scope="session", autouse=True)
def commands(parses: Path) -> Iterator[None]:
    """Have what `run_c360` runs share what dbt read of projects."""
    COMMANDS.parses = parses
    yield
    COMMANDS.close()


def arrive(work: Path, batch: int, before: Path | None = None) -> Arrival:
    """Generate a batch, run the command over its files and the API, copy the warehouse.

    The home is new, or begins as a copy of the one `before`.
    """
    folder, home = work / "input", work / "home"
    if before:
        shutil.copytree(before, home)
    ledger = generate(folder, transactions=6000, seed=7, dirt=0.15, batch=batch)
    known = set((home / "lake" / "bronze" / "manifests").glob("*.json"))
    with serve(create_app(folder / API_FOLDER, TOKEN)) as url:
        run = run_c360("run", "--input", folder, "--api", url, "--home", home, C360_API_TOKEN=TOKEN)
    assert run.returncode == 0, run.stdout + run.stderr
    (manifest,) = set((home / "lake" / "bronze" / "manifests").glob("*.json")) - known
    warehouse = work / "warehouse.duckdb"  # the name is part of the views in it
    shutil.copyfile(home / "warehouse.duckdb", warehouse)
    report = shutil.copytree(home / "report", work / "report")
    return Arrival(folder, ledger, home, warehouse, report, manifest.stem, run.stdout)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all pytest workers have."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]
) -> Made:
    """Return what `make` makes in a folder of its own; of several pytest workers, one makes it."""
    base = shared_folder(tmp_path_factory)
    made, folder = base / f"{name}.pickle", base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            folder.mkdir()
            made.write_bytes(pickle.dumps(make(folder)))
    return pickle.loads(made.read_bytes())


@dataclass(frozen=True)
class DeclaredShop:
    """What was published of the files of tests/support/declared_shop.py."""

    home: Path
    batch_id: str


def _declared_shop(work: Path) -> DeclaredShop:
    folder, home = work / "input", work / "home"
    folder.mkdir()
    declared_shop.write(declared_shop.FIRST | declared_shop.SECOND, folder)
    (work / "sources.yml").write_text(declared_shop.SOURCES)
    run = run_c360("run", "--input", folder, "--sources", work / "sources.yml", "--home", home)
    assert run.returncode == 0, run.stdout + run.stderr
    (manifest,) = (home / "lake" / "bronze" / "manifests").glob("*.json")
    return DeclaredShop(home, manifest.stem)


@pytest.fixture(scope="session")
def declared(tmp_path_factory: pytest.TempPathFactory) -> DeclaredShop:
    """The shop that declares what it can, published. It is to be read only."""
    return made_once(tmp_path_factory, "declared", _declared_shop)


@pytest.fixture(scope="session")
def parses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what dbt read of projects, which all drivers share."""
    return shared_folder(tmp_path_factory) / "parsed"


@pytest.fixture(scope="module")
def driver(parses: Path) -> Iterator[Driver]:
    """A process that has imported what a run needs."""
    with Driver(parses) as driver:
        yield driver


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Arrival:
    """The first batch, published. Other tests have it as well: it is to be read only."""
    return made_once(tmp_path_factory, "first", lambda work: arrive(work, 1))


@pytest.fixture(scope="session")
def second(first: Arrival, tmp_path_factory: pytest.TempPathFactory) -> Arrival:
    """The second batch, with updates, published after the first in a copy of its home."""
    return made_once(tmp_path_factory, "second", lambda work: arrive(work, 2, before=first.home))
