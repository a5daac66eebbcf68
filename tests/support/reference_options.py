"""What is declared in a sources file and set in a project, as the reference takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from .reference_contract import ENTITIES, NULL_WORDS, SURVIVORSHIP, Options, read_lists

PROJECT = Path(__file__).resolve().parents[2]


def options_of(sources: Path, project: Path = PROJECT) -> Options:
    """Read what a sources file declares, and the vars and seeds of a project."""
    said = yaml.safe_load(sources.read_text(encoding="utf-8"))
    defaults = said.get("defaults") or {}
    declared = {name: defaults | ((said.get("files") or {}).get(name) or {}) for name in ENTITIES}
    for endpoint in said.get("apis") or ():  # what the rows are is said once for both
        for key in {"rows", "load", "keys", "unknown_keys"} & set(endpoint):
            declared[endpoint["entity"]].setdefault(key, endpoint[key])
    return Options(
        lines=_declaring(declared, "rows", "lines"),
        full=_declaring(declared, "load", "full"),
        text_keys=_declaring(declared, "keys", "text"),
        unknown_keys=_said(declared, "unknown_keys"),
        order_by=_said(declared, "order_by"),
        currencies={n: c for n, c in _said(declared, "currency").items() if isinstance(c, str)},
        currency_columns={
            n: c["column"] for n, c in _said(declared, "currency").items() if isinstance(c, dict)
        },
        extra=_extra(said.get("files") or {}),
        lists=read_lists(project / "seeds"),
        **_vars(project),
    )


def _declaring(declared: Mapping[str, Mapping[str, Any]], key: str, value: str) -> frozenset[str]:
    return frozenset(name for name, said in declared.items() if said.get(key) == value)


def _said(declared: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {name: said[key] for name, said in declared.items() if key in said}


def _extra(files: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by their standard names: where none is given, in snake case."""
    declared = (files.get("customers") or {}).get("extra") or {}
    if isinstance(declared, dict):
        return declared
    return {re.sub(r"(?<=[a-z])(?=[A-Z])| ", "_", each).lower(): each for each in declared}


def _vars(project: Path) -> dict[str, Any]:
    said = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    recency_date = said.get("recency_date")
    return {
        "business_timezone": said.get("business_timezone", "UTC"),
        "reporting_currency": said.get("reporting_currency"),
        "null_words": tuple(said.get("null_words", NULL_WORDS)),
        "earliest_plausible_date": _day(said.get("earliest_plausible_date", "1990-01-01")),
        "high_value_share": Decimal(str(said.get("high_value_share", "0.10"))),
        "recency_date": _day(recency_date) if recency_date else None,
        "survivorship": said.get("survivorship", SURVIVORSHIP),
    }


def _day(written: Any) -> date:
    return written if isinstance(written, date) else date.fromisoformat(str(written))
