"""What a run is asked to do, and that it can be done."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from flows.azure_settings import check_settings
from ingest.api_endpoint import check_url
from ingest.contract import load_contract
from ingest.declarations import Declarations, load_declarations
from lake.errors import C360Error, InputError, without_token
from warehouse.home import DEFAULT_HOME, Home, personal_data_shown, project_dir


class Request(TypedDict, total=False):
    """What may be said of a run; `flow.customer_360` explains each, and has what is not said."""

    input: str | None
    api: str | None
    target: str
    home: str | None
    pii: bool | None
    sources: str | None
    accept_rejected: bool
    full: bool


@dataclass(frozen=True)
class Asked:
    """What a run is asked to do; with `pii` what it shows and the report have personal data."""

    input_dir: Path | None
    api_url: str | None
    pii: bool
    declarations: Declarations
    accept_rejected: bool = False
    full: bool = False


def checked(**request: Unpack[Request]) -> tuple[str, Home, Asked]:
    """Return the target, the home and what to do there; raise when what is asked for cannot be."""
    pii = personal_data_shown(request.get("pii"))
    target = request.get("target", "local")
    if target == "azure":
        check_settings()
    elif target != "local":
        raise C360Error(f"There is no target {target}; it is local or azure.")
    folder = request.get("input")
    if folder and not Path(folder).is_dir():
        if Path(folder).exists():
            raise InputError(f"The input folder {folder} is a file; give its folder.")
        raise InputError(
            f"The input folder {folder} isn't there. Make {Path(folder).absolute()}, or give "
            "another one."
        )
    if api := request.get("api"):
        check_url(api)
    sources = request.get("sources")
    declarations = load_declarations(
        Path(sources) if sources else None, load_contract(project_dir())
    )
    home = Home.at(request.get("home") or os.environ.get("C360_HOME") or DEFAULT_HOME)
    location = os.environ.get("C360_LAKE", "")
    if target == "local" and "://" in location:
        raise C360Error(
            f"C360_LAKE is {without_token(location)}, but a run on target local keeps its lake in "
            f"{home.lake}. Run on the other one with --target azure, or unset C360_LAKE."
        )
    home.prepare()
    return (
        target,
        home,
        Asked(
            Path(folder).resolve() if folder else None,
            api,
            pii,
            declarations,
            request.get("accept_rejected", False),
            request.get("full", False),
        ),
    )
