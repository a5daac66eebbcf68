"""Persons who ask what is held on them: behind `c360 person`."""

import getpass
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.terminal import plain
from identity import decisions
from ingest import rows_of_person
from ingest.contract import Entity, load_contract
from ingest.declarations import Declarations, load_declarations
from ingest.rows_of_person import Arrived, Wanted
from lake import audit, versions
from lake.clock import utc_now
from lake.durable import sync_folder
from lake.errors import C360Error, InputError
from lake.local import LocalLake
from lake.manifest import remembered, to_json
from lake.store import Lake
from pages.person import page
from warehouse import person_data
from warehouse.connection import Key, open_warehouse
from warehouse.engines import AzureSql, DuckDB, Engine
from warehouse.home import Home, project_dir, refuse_without_personal_data
from warehouse.person_data import FoundPerson, Person

SHOWN = 20  # persons that words find

_HELD = (
    ("online_orders", "online orders"),
    ("in_store_orders", "store purchases"),
    ("interactions", "contacts"),
    ("loyalty_accounts", "loyalty accounts"),
)

NOT_KNOWN = (
    "To whom any of it was shown or sent: reading the answers, pages and tables is not recorded, "
    "and what left them (exported files, printed pages, e-mails, imports into Power BI) is not "
    "known here. Exports like this one are recorded in the audit log.",
    "Where the systems that sent the files have the data from, for which purposes it is held, and "
    "on what ground: that is for whoever answers the request to say.",
    "What stands in backups of the lake, the database and this machine, in the folders that files "
    "came from, and in the systems that sent them.",
    "What is about the person without an id, the e-mail address or the full name: a line that "
    "could not be read, or a free text, may be so. The logs of runs were not searched.",
)


@contextmanager
def _opened(home: Home, target: str) -> Iterator[tuple[Engine, Lake, str | None]]:
    """Open what is published, and the lake that it is made from; give the version too."""
    if target == "local":
        lake = LocalLake(home.lake)
        with open_warehouse(home) as connection:
            published = versions.published(lake)
            yield DuckDB(connection), lake, published.version if published else None
        return
    from flows.azure_run import gold_version, opened_to_read

    with home.file_modes():
        on_azure, _, database = opened_to_read(home)
        version = gold_version(database)
        if version is None:
            raise InputError(
                "Gold and marts are of no version yet; run `c360 run --target azure` first."
            )
        yield AzureSql(database), on_azure, version
        if gold_version(database) != version:
            raise C360Error(
                "A run published another version meanwhile, so what was read is of both. Ask again."
            )


def print_persons(console: Console, home: Home, target: str, wanted: str) -> None:
    """Print the persons that words find: their records, and what is held under each."""
    refuse_without_personal_data("persons cannot be told apart without showing who they are")
    with _opened(home, target) as (engine, _, _):
        count, found = person_data.find_persons(engine, wanted, SHOWN)
    if not found:
        raise InputError(
            f"No person has {wanted} in a name, an e-mail address or an id. Somebody whose record "
            "is gone may still be in what arrived: `c360 person export ID` looks there too."
        )
    for person in found:
        _print_person(console, person)
    if count > len(found):
        console.print(f"\n{count - len(found):,} more; give more of the name, or an id.")


def _print_person(console: Console, person: FoundPerson) -> None:
    console.print()
    who = f"{person.customer_name}, {person.email}, person {person.person_id}"
    console.print(plain(who, "bold"), highlight=False, soft_wrap=True)
    console.print(plain(f"found by {person.by}", "dim"), highlight=False)
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Customer", "Name", "E-mail", "Held"):
        table.add_column(heading, overflow="fold")
    for record in person.records:
        held = ", ".join(f"{words} {record[name]:,}" for name, words in _HELD if record[name])
        cells = (record["customer_id"], record["customer_name"], record["email"])
        table.add_row(*map(plain, cells), held or "nothing else")
    console.print(table)


def export(
    console: Console,
    home: Home,
    target: str,
    wanted: str,
    to: Path,
    only: Sequence[str],
    sources: Path | None,
) -> None:
    """Write all that is held on a person as JSON, and as a page beside it; both are private."""
    refuse_without_personal_data("an export has nothing but personal data in it")
    if to.suffix in (".json", ".html"):
        to = to.with_suffix("")
    if not to.parent.is_dir():
        raise InputError(f"There is no folder {to.parent}; make it, or give another --to.")
    contract = load_contract(project_dir())
    declarations = load_declarations(sources, contract)
    with _opened(home, target) as (engine, lake, version), remembered(lake):
        person = person_data.person_of(engine, wanted)
        kept = _kept(person, only)
        with console.status("Looking through all that arrived"):
            found = _arrived(engine, lake, contract, declarations, kept)
        held = [(key, person_data.held_on_customer(engine, key)) for key in kept]
        if not (found.rows or found.set_aside or any(any(each.values()) for _, each in held)):
            raise InputError(f"Nothing is held on {wanted}: it is no id of a person or customer.")
        is_whole = len(kept) == len(person.customer_ids)
        told = {
            "subject": {
                "asked_for": wanted.strip(),
                "person_id": person.person_id,
                "former_person_ids": list(person.former_ids),
                "customer_ids": list(kept),
                "left_out": [key for key in person.customer_ids if key not in kept],
            },
            "made": _made(lake, version),
            # All records together are nobody's when one of them is somebody else's.
            "person": person_data.held_on_person(engine, person.person_id)
            if person.person_id and is_whole
            else None,
            "customers": [{"customer_id": key, "held": each} for key, each in held],
            "decisions": _decisions(lake, kept),
            "recorded": _recorded(lake, person, kept),
            "arrived": {
                "rows": [asdict(row) for row in found.rows],
                "lines_set_aside": [line._asdict() for line in found.set_aside],
                "files_in_quarantine": found.quarantined,
            },
            "kept": _limits(contract, declarations),
            "not_known": [*found.untold, *NOT_KNOWN],
        }
    with home.file_modes():
        key = audit.hash_key(lake)
        audit.record(
            lake,
            "export",
            person=audit.hashed(key, "person_id", person.person_id) if person.person_id else None,
            customers=audit.hashed_customers(lake, kept),
            rows=len(found.rows),
        )
    for path, content in (
        (to.with_name(f"{to.name}.json"), to_json(_plain(told))),
        (to.with_name(f"{to.name}.html"), page.render(told).encode()),
    ):
        _write_privately(path, content)
        console.print(plain(f"Wrote {path}"), highlight=False, soft_wrap=True)
    _print_hints(console, person, kept, found)


def _kept(person: Person, only: Sequence[str]) -> list[Key]:
    """Return the customers that are wanted, all for want of `only`."""
    unknown = {each.strip() for each in only} - {str(key) for key in person.customer_ids}
    if unknown:
        raise InputError(
            f"{', '.join(sorted(unknown))} is no record of that person; the records are "
            f"{', '.join(map(str, person.customer_ids))}."
        )
    wanted = {each.strip() for each in only}
    return [key for key in person.customer_ids if not wanted or str(key) in wanted]


def _arrived(
    engine: Engine,
    lake: Lake,
    contract: Mapping[str, Entity],
    declarations: Declarations,
    keys: Collection[Key],
) -> Arrived:
    return rows_of_person.arrived(
        lake,
        contract,
        declarations,
        Wanted(
            frozenset(map(str, keys)),
            frozenset(map(str, person_data.accounts_of(engine, keys))),
            lambda accounts: person_data.not_accounts_of(engine, keys, accounts),
            person_data.keys_are_text(engine, "dim_customers", "customer_id"),
            person_data.keys_are_text(engine, "dim_loyalty_accounts", "loyalty_id"),
        ),
    )


def _limits(
    contract: Mapping[str, Entity], declarations: Declarations
) -> list[dict[str, str | None]]:
    """Return for how long what is about persons is kept, as far as that is declared."""
    limits = []
    for name, entity in contract.items():
        if entity.identifies:
            keep = declarations.for_entity(name).keep
            limits.append(
                {
                    "what": name,
                    "kept_for": keep.period if keep else "no limit is declared",
                    "counted_from": keep.by if keep else None,
                }
            )
    return limits


def _made(lake: Lake, version: str | None) -> dict[str, Any]:
    published = versions.published(lake)
    is_it = published is not None and published.version == version  # or gold is of an earlier one
    return {
        "at": utc_now(),
        "by": getpass.getuser(),
        "published_version": version,
        "published_at": published.published_at if published and is_it else None,
    }


def _decisions(lake: Lake, keys: Collection[Key]) -> list[dict[str, Any]]:
    ids = {str(key) for key in keys}
    made = decisions.read(lake)
    holding = {each.id for each in decisions.in_force(made).values()}
    return [asdict(each) | {"holds": each.id in holding} for each in made if ids & set(each.pair)]


def _recorded(lake: Lake, person: Person, keys: Collection[Key]) -> list[dict[str, Any]]:
    """Return what the audit log says about these customers, without the hashes."""
    entries = audit.read(lake)
    if not entries:
        return []
    key = audit.hash_key(lake)
    hashes = {*audit.hashed_customers(lake, keys)}
    if person.person_id:
        hashes.add(audit.hashed(key, "person_id", person.person_id))
    return [
        {"at": entry.at, "action": entry.action, "by": entry.by, "source": entry.source}
        for entry in entries
        if entry.concerns(hashes)
    ]


def _print_hints(console: Console, person: Person, kept: Sequence[Key], found: Arrived) -> None:
    hints = []
    if len(kept) > 1:
        hints.append(
            f"Customers {', '.join(map(str, kept))} are taken for one person. If one of them is "
            "somebody else's, leave it out: --only ID, once for each that stays."
        )
    if found.set_aside or found.quarantined:
        hints.append(
            f"{len(found.set_aside)} lines that could not be read and {len(found.quarantined)} "
            "files in quarantine hold the name or the e-mail address: look whether they are of "
            "this person."
        )
    for hint in [*hints, *found.untold]:
        console.print(plain(f"! {hint}"), highlight=False, soft_wrap=True)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times as ISO 8601."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value  # a time is a date too


def _write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whatever stood there and whatever the umask is."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise C360Error(
            f"Cannot write {path}: {error.strerror}. Give another file with --to."
        ) from error
