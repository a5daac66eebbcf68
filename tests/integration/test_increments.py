"""However it is built up, step by step, the warehouse is what a build of everything gives.

What arrives, in which order, and what is built of it between, is drawn at random from a seed; parts
are made one again after two, so that it happens here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from flows.verify import compare
from ingest import batches, declared
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.landing import land
from lake.local import LocalLake
from lake.manifest import committed_batches
from tests.support.generated import FIRST_DAY, SHOPS, Shop, make_file
from tests.support.project_copy import copy_project
from tests.support.reference_contract import ENTITIES
from tests.support.steps import Driver
from warehouse.home import project_dir

DBT = Path(sys.executable).with_name("dbt")
SHOP = {shop.name: shop for shop in SHOPS}

# What somebody may build alone; a name after a + with all that it is made from.
SELECTIONS = (
    ("path:models/silver/staging",),
    ("+path:models/silver",),
    ("path:models/gold",),
    ("+customers", "rejected_rows"),
    ("+online_transactions",),
    ("+fct_in_store_transactions",),
    ("+dim_loyalty_accounts", "fct_loyalty_transactions"),
    ("+dim_products", "+dim_stores", "customer_totals"),
)


class Story:
    """A home to which things happen. A shop's stories share the place, for dbt to parse once."""

    def __init__(self, driver: Driver, shop: Shop, work: Path, seed: int = 0) -> None:
        """Begin with a home in which nothing has arrived."""
        self.random = Random(seed)
        self._driver = driver
        self._shop = shop
        self._work = work / shop.name
        self._project = self._work / "project"
        if not self._project.exists():
            copy_project(self._project, shop, ("{{ return(30) }}", "{{ return(2) }}"))
            (self._project / "profiles.example.yml").rename(self._project / "profiles.yml")
        (self._work / "sources.yml").write_text(shop.sources)
        contract = load_contract(project_dir())
        self._declarations = load_declarations(self._work / "sources.yml", contract)
        self._home = self._work / "home"
        shutil.rmtree(self._home, ignore_errors=True)
        self.lake = LocalLake(self._home / "lake")
        self._files: dict[str, str] = {}

    def arrive(self, files: Mapping[str, str]) -> None:
        """Land a batch of files by their names."""
        folder = self._work / "input"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        land(self.lake, load_contract(project_dir()), folder, self._declarations)
        declared.write(self.lake, self._declarations)

    def something_arrives(self, share: float = 0.4) -> None:
        """Land files of some entities: of any day, some of them again, some with few rows."""
        files = {}
        for entity in ENTITIES.values():
            if self.random.random() > share:
                continue
            day = FIRST_DAY + timedelta(days=self.random.randrange(6))
            name = f"{entity.file_prefix}_{day:%Y-%m-%d}.csv"
            files[name] = make_file(self._shop, self.random, entity, day)
            if self.random.random() < 0.2:
                files[name] = self._files.get(name, files[name])
        self._files |= files
        if files:
            self.arrive(files)

    def retract(self) -> None:
        """Take any batch back."""
        batches.retract(self.lake, self.random.choice(committed_batches(self.lake)))

    def build(self, *selection: str, **environment: str) -> None:
        """Have dbt build what is selected, by default everything."""
        outcome = self._driver.dbt(
            *self._build(selection), environment=self._environment() | environment
        )
        assert outcome.returncode == 0, outcome.output

    def build_something(self) -> None:
        """Have dbt build one of the selections."""
        self.build(*self.random.choice(SELECTIONS))

    def kill(self) -> None:
        """Have dbt build everything, and kill it when it has begun to write some parts."""
        version = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-killed"
        parts = self.random.randint(1, 25)
        build = subprocess.Popen(
            [DBT, *self._build(())],
            env=os.environ | self._environment() | {"C360_VERSION": version},
            stdout=subprocess.DEVNULL,
        )
        with build:
            while build.poll() is None:
                if len(list(self._home.glob(f"lake/silver/**/{version}"))) >= parts:
                    build.send_signal(signal.SIGKILL)
                time.sleep(0.01)

    def check(self) -> None:
        """Build everything in a new warehouse, and compare."""
        self.build()
        anew = self._home / "warehouse.duckdb"
        kept = self._home / "kept" / anew.name  # the name is part of the views in it
        kept.parent.mkdir()
        anew.rename(kept)
        self.build()
        relations, rows, told = compare(kept, anew, {})
        assert not told, "\n".join(told)
        assert relations > 40
        assert rows > 0

    def _build(self, selection: tuple[str, ...]) -> list[str]:
        return [
            *("build", *(("--select", *selection) if selection else ())),
            *("--exclude-resource-type", "test", "unit_test", "exposure"),
            *("--project-dir", str(self._project), "--profiles-dir", str(self._project)),
            *("--target-path", str(self._work / "target"), "--log-path", str(self._work / "logs")),
        ]

    def _environment(self) -> dict[str, str]:
        return {"C360_HOME": str(self._home), "C360_PROJECT_DIR": str(self._project)}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stories")


@pytest.mark.parametrize(("name", "seed"), [("lines", 1), ("full", 2)])
def test_whatever_happens(driver: Driver, name: str, seed: int, work: Path) -> None:
    story = Story(driver, SHOP[name], work, seed)
    story.something_arrives(share=0.7)
    story.build()
    story.something_arrives()
    story.kill()
    story.build_something()
    story.something_arrives()
    story.build()
    if name == "full":
        story.retract()
        story.build(C360_VERSION="20990101T000000Z-000000")  # by a clock that is put right then
    story.something_arrives()
    story.check()


def test_what_staging_has_not_taken_in_yet_does_not_count(driver: Driver, work: Path) -> None:
    """Neither its malformed lines nor what it keeps as the newest full load."""
    orders = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"
    line = "{},1,1,2025-10-01 10:00,cash,{},Completed\n"
    agents = "AgentID,Name,Department,Shift\n"
    story = Story(driver, SHOP["full"], work)
    for day, second in enumerate(("5", "5", "free"), start=1):
        story.arrive(
            {
                f"OnlineTransactions_2025-10-0{day}.csv": orders
                + line.format(1, day)
                + line.format(2, second),
                f"Agents_2025-10-0{day}.csv": agents + f"A,Ann,Support,{day}\ntoo,few\n",
            }
        )
        if day == 1:
            story.build()
        if day == 2:
            story.build("stg_online_transactions", "rejected_rows")
    story.build("online_transactions")
    story.check()
