"""The sources file: what cannot be guessed about the files and API endpoints of a retailer.

It is one YAML file of `defaults:`, `files:` by entity and `apis:`, checked as a whole before
anything is read (`sources_file`).
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ingest.contract import CURRENCY, Entity
from ingest.sources_file import (
    OF_ENTITY,
    api_entries,
    extra_names,
    read_sources,
    with_defaults,
)
from lake.versions import DEFAULT_RETENTION, Retention

SOURCES = Path(__file__).with_name("sources.yml")
_NOT_IN_ROWS = ("files", "load", "unknown_keys", "keys", "keep", "api")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

Keys = dict[str, Any]
"""Keys of a declaration, as a sources file says them."""


@dataclass(frozen=True)
class Keep:
    """How long rows are kept, such as `7 years`, by when what they tell of was, or they arrived."""

    period: str
    by: Literal["event", "arrival"] = "event"


@dataclass(frozen=True)
class Declaration:
    """How the files of an entity, or the records of an API endpoint, are to be read.

    None, or nothing in it, stands for "not declared"; `sources.schema.json` explains each key. The
    key `currency` is among the columns, or the expressions, as it is for a column or for all.
    `extra` has the header of each column beyond the contract, by its standard name.
    """

    files: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    fill_down: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    rows: Literal["one", "lines"] | None = None
    load: Literal["changes", "full"] = "changes"
    order_by: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    currency_signs: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    dates: Literal["dmy", "mdy", "ymd"] | None = None
    datetime_formats: tuple[str, ...] = ()
    epoch: Literal["seconds", "milliseconds"] | None = None
    timezone: str | None = None
    skip_lines: int | None = None
    null_words: tuple[str, ...] = ()
    unknown_keys: tuple[str, ...] = ()
    keys: Literal["integer", "text"] = "integer"
    keep: Keep | None = None
    api: str | None = None  # whose records they are, where they are no file's

    def place(self, entity: str) -> str:
        """Return where in the sources file it stands, for messages that say what to declare."""
        return f"for the API {self.api}" if self.api else f"under files.{entity}"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what decides the rows, or refuses the file: changed, it is read again."""
        said = {
            key.name: getattr(self, key.name)
            for key in fields(self)
            if key.name not in _NOT_IN_ROWS and getattr(self, key.name) != _UNDECLARED[key.name]
        }
        text = json.dumps(said, sort_keys=True, default=vars)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Pages:
    """How to get from one page to the next; without any of these there is one page."""

    cursor: str | None = None
    cursor_param: str | None = None
    next_url: str | None = None
    link_header: bool = False
    page_param: str | None = None
    first_page: int = 1
    total_pages: str | None = None
    offset_param: str | None = None
    total: str | None = None
    limit_param: str | None = None
    limit: int | None = None
    more: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Incremental:
    """How to ask for what changed since the last pull; `lag` is in seconds."""

    field: str
    param: str
    lag: float = 0


@dataclass(frozen=True)
class ApiSource:
    """An API endpoint, and how its records are to be read."""

    name: str
    entity: str
    path: str
    declaration: Declaration
    data: str = "$"
    params: Mapping[str, Any] = field(default_factory=dict)
    pages: Pages = Pages()
    incremental: Incremental | None = None
    token_env: str | None = None
    token_over_http: bool = False
    connect_timeout: float = 3
    read_timeout: float = 8
    attempts: int = 5
    backoff: float = 0.5
    longest_wait: float = 15
    max_pages: int = 100_000


@dataclass(frozen=True)
class Declarations:
    """All that a sources file declares."""

    path: Path
    apis: tuple[ApiSource, ...] = ()
    files: Mapping[str, Declaration] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)  # as it is said
    versions: Retention = DEFAULT_RETENTION

    def for_entity(self, name: str) -> Declaration:
        """Return how files of an entity are to be read, the defaults included."""
        return self.files.get(name, Declaration())


_READING = {key.name for key in fields(Declaration)} - {"api"} | {"currency"}
_UNDECLARED = {key.name: getattr(Declaration(), key.name) for key in fields(Declaration)}


def load_declarations(path: Path | None, contract: Mapping[str, Entity]) -> Declarations:
    """Read and check the sources file: the one given, else C360_SOURCES, else the shipped one.

    Raises InputError that lists everything wrong in it, each with its line.
    """
    path = Path(path or os.environ.get("C360_SOURCES") or SOURCES)
    said = read_sources(path, contract)
    defaults = said.get("defaults", {})
    declared = said.get("files", {})
    files = {
        name: with_defaults(defaults, declared.get(name, {}), entity)
        for name, entity in contract.items()
    }
    apis = [
        with_defaults(defaults, entry, contract[entry["entity"]]) for entry in api_entries(said)
    ]
    # What an entity's rows are is said once, and holds for its files and its endpoints.
    agreed: dict[str, Keys] = {name: {} for name in contract}
    for name, each in [*files.items(), *((each["entity"], each) for each in apis)]:
        agreed[name] |= {key: each[key] for key in OF_ENTITY if key in each}
    return Declarations(
        path=path,
        apis=tuple(_api({**agreed[each["entity"]], **each}) for each in apis),
        files={name: Declaration(**_typed({**agreed[name], **files[name]})) for name in contract},
        identity=said.get("identity", {}),
        versions=Retention(**said.get("versions", {})),
    )


def _typed(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys of reading, as a sources file says them, as a declaration has them."""
    taken = {key: value for key, value in said.items() if key in _READING}
    if "extra" in taken:
        taken["extra"] = extra_names(taken["extra"])
    for key, value in taken.items():
        if isinstance(value, list):
            taken[key] = tuple(map(str, value))
    if taken.get("delimiter") == r"\t":  # YAML makes a tab of it between double quotes only
        taken["delimiter"] = "\t"
    if "columns" in taken:
        taken["columns"] = {
            column: (headers,) if isinstance(headers, str) else tuple(headers)
            for column, headers in taken["columns"].items()
        }
    if "fill_down" in taken:
        taken["fill_down"] = {group: tuple(names) for group, names in taken["fill_down"].items()}
    if "keep" in taken:
        said_of_it = taken["keep"]
        said_of_it = said_of_it if isinstance(said_of_it, dict) else {"for": said_of_it}
        taken["keep"] = Keep(said_of_it["for"], said_of_it.get("by", "event"))
    currency = taken.pop("currency", None)
    if isinstance(currency, str):
        taken["expressions"] = {**taken.get("expressions", {}), CURRENCY: f"'{currency}'"}
    elif currency:
        taken["columns"] = {**taken.get("columns", {}), CURRENCY: (currency["column"],)}
    return taken


def with_keys(declaration: Declaration, keys: Keys) -> Declaration:
    """Return a declaration with more keys: what they list is added to what it lists."""
    typed = _typed(keys)
    for key, value in typed.items():
        before = getattr(declaration, key)
        if isinstance(value, tuple):
            typed[key] = tuple(dict.fromkeys([*before, *value]))
        elif isinstance(value, Mapping):
            typed[key] = {**before, **value}
    return replace(declaration, **typed)


def _api(said: dict[str, Any]) -> ApiSource:
    taken = {key: value for key, value in said.items() if key not in _READING}
    if "pages" in taken:
        taken["pages"] = Pages(**taken["pages"])
    if "incremental" in taken:
        incremental = dict(taken["incremental"])
        incremental["lag"] = _seconds(incremental.get("lag", 0))
        taken["incremental"] = Incremental(**incremental)
        said.setdefault("order_by", incremental["field"])
    declaration = Declaration(**_typed(said), api=said["name"])
    return ApiSource(declaration=declaration, **taken)


def _seconds(lag: float | str) -> float:
    if not isinstance(lag, str):
        return float(lag)
    amount, unit = lag.split()
    return float(amount) * _SECONDS[unit.removesuffix("s")]
