"""A day on a home of very many batches, beside the same day where the same rows came in ten."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.files import make_days, make_files, split
from bench.report import Batches, batches_tables
from bench.runs import PROJECT, run_product, say
from ingest.batch import Batch, commit
from ingest.contract import load_contract
from ingest.declarations import load_declarations
from ingest.landing import land_files
from lake.local import LocalLake
from lake.manifest import remembered
from warehouse.home import Home

FEW = 10
TRANSACTIONS_A_BATCH = 50
AT_ONCE = 50


def run(figures: Sequence[float], work: Path) -> str:
    """Measure at each number of batches, beside ten batches of as many rows; return the tables."""
    measured = []
    for many in map(int, figures):
        folder = work / str(many)
        transactions, days = TRANSACTIONS_A_BATCH * many, [folder / "day-1", folder / "day-2"]
        make_files(folder / "input", transactions, dirt=0)
        make_days(folder / "input", transactions, days)
        for count in (FEW, many):
            say(f"{count} batches of {transactions:,} transactions: landing")
            home = folder / f"home-{count}"
            land_batches(folder / "input", home, count)
            full, *after = (run_product(home, arrived) for arrived in (None, *days, days[-1]))
            measured.append(Batches(count, transactions, full, *after[-2:]))
            say(f"{count} batches: day {measured[-1].day.seconds:.1f} s")
    return batches_tables(measured)


def land_batches(files: Path, home: Path, count: int) -> None:
    """Land the files in so many batches, one a day up to yesterday, without building anything.

    Some at a time land in a lake of their own, since each landing looks at all that landed before.
    """
    place = Home.at(home)
    place.prepare()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    arrivals = [
        (f"{yesterday - timedelta(days=count - 1 - number):%Y%m%dT%H%M%SZ}-{number:06x}", content)
        for number, content in enumerate(split(files, count))
    ]
    some = [arrivals[first : first + AT_ONCE] for first in range(0, count, AT_ONCE)]
    lakes = [home.with_name(f"{home.name}-lake-{number}") for number in range(len(some))]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        list(pool.map(_land, lakes, some))
    for lake in lakes:
        for path in sorted(lake.rglob("*")):
            target = place.lake / path.relative_to(lake)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                path.rename(target)
        shutil.rmtree(lake)


def _land(root: Path, arrivals: Sequence[tuple[str, dict[str, bytes]]]) -> None:
    contract = load_contract(PROJECT)
    declarations = load_declarations(None, contract)
    lake = LocalLake(root)
    with remembered(lake), TemporaryDirectory(dir=root.parent) as folder:
        for batch_id, content in arrivals:
            for path in Path(folder).iterdir():
                path.unlink()
            for name, lines in content.items():
                (Path(folder) / name).write_bytes(lines)
            batch = Batch(lake, contract, declarations, batch_id)
            land_files(batch, Path(folder))
            commit(batch).raise_for_quarantine()
