"""What `c360 demo` runs over: data that it makes, and an API that it serves on this machine."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flows.progress import Progress
from ingest.declarations import SOURCES as STANDARD
from lake.errors import InputError
from lake.local import LocalLake
from lake.manifest import committed_batches
from warehouse.home import TOKEN_VARIABLE, Home

LAST_DAY = date(2026, 10, 31)  # the numbers in the README are of data that ends here
_MADE_AS = 3  # another number for data that is made otherwise, and so is another retailer's


@contextmanager
def demo_input(
    home: Home,
    data: str,
    *,
    transactions: int,
    seed: int,
    dirt: float,
    keep: bool,
    progress: Progress,
) -> Iterator[tuple[Path, str | None, Path]]:
    """Make the data in <home>/demo/input and serve its API.

    Yield the folder, the API's URL and the sources file that declares both. Folder and API are gone
    afterwards, the folder unless it is to be kept.
    """
    home.prepare()
    settings: dict[str, Any] = {"data": data}
    if data == "sample":
        end = _last_day()
        settings |= {"transactions": transactions, "seed": seed, "dirt": dirt, "end": str(end)}
        settings |= {"made_as": _MADE_AS}
    _check_same_data(home, settings)
    folder = home.demo_input
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home.demo_settings.write_text(json.dumps(settings) + "\n")
    try:
        if data == "complete-journey":
            with progress.step("Convert the Complete Journey data") as step:
                from demo.complete_journey import convert

                rows = convert(folder)
                step.done = f"Converted the Complete Journey data ({sum(rows.values()):,} rows)"
            yield folder, None, STANDARD
        else:
            with progress.step("Make sample data") as step:
                from demo.generator import API_FOLDER, SOURCES, generate
                from demo.sample_api import create_app, serve

                generate(
                    folder,
                    transactions=transactions,
                    seed=seed,
                    dirt=dirt,
                    end=end,
                    declared=True,
                )
                # Not among the files to land: what is wrong with the data, for whoever keeps it.
                (folder / "ledger.json").replace(home.demo / "ledger.json")
                step.done = f"Made sample data ({transactions:,} transactions)"
            token = secrets.token_urlsafe(24)
            with serve(create_app(folder / API_FOLDER, token)) as url, _token(token):
                yield folder, url, SOURCES
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
            (home.demo / "ledger.json").unlink(missing_ok=True)


def _check_same_data(home: Home, settings: dict[str, Any]) -> None:
    """Raise when the home holds other data already: the two would become one retailer."""
    if not committed_batches(LocalLake(home.lake)):
        return
    made = home.demo_settings.read_text() if home.demo_settings.exists() else "{}"
    if json.loads(made) != settings:
        held = (
            "the demo's data, made with other options or by another version"
            if home.demo.exists()
            else "other data"
        )
        raise InputError(
            f"{home.root} holds {held}. Delete it, or give this demo a home of its own with --home."
        )


def _last_day() -> date:
    """Return the day the sample data ends: always the same one, but never in the future."""
    return min(LAST_DAY, date.today() - timedelta(days=1))


@contextmanager
def _token(token: str) -> Iterator[None]:
    before = os.environ.get(TOKEN_VARIABLE)
    os.environ[TOKEN_VARIABLE] = token
    try:
        yield
    finally:
        if before is None:
            del os.environ[TOKEN_VARIABLE]
        else:
            os.environ[TOKEN_VARIABLE] = before
