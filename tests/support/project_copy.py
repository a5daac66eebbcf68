"""A copy of the project, with the vars and rates of a shop."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from tests.support.generated import RATES, Shop
from warehouse.home import project_dir

PROJECT = (
    *("dbt_project.yml", "profiles.example.yml", "models", "macros", "seeds"),
    *("analyses", "tests/dbt"),
)
EXTERNAL = "macros/materializations/external_duckdb.sql"


def copy_project(folder: Path, shop: Shop, external: tuple[str, str] | None = None) -> Path:
    """Copy what dbt needs of the project, without unit tests, and make it the shop's.

    `external` is a text in the materialization of silver, and what stands there instead.
    """
    for name in PROJECT:
        origin, copy = project_dir() / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, copy, ignore=shutil.ignore_patterns("*_unit_tests.yml"))
        else:
            shutil.copyfile(origin, copy)
    place = folder / "dbt_project.yml"
    settings = yaml.safe_load(place.read_text())
    settings["vars"].update(shop.variables)
    place.write_text(yaml.safe_dump(settings, sort_keys=False))
    if shop.has_currency:
        (folder / "seeds" / "exchange_rates.csv").write_text(RATES)
    if external:
        place = folder / EXTERNAL
        assert place.read_text().count(external[0]) == 1
        place.write_text(place.read_text().replace(*external))
    return folder
