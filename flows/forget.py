"""Somebody asks to be forgotten: behind `c360 person forget`."""

import getpass
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer
from rich.console import Console

from flows.batches import held
from ingest import batches, forgotten, requests, subject
from ingest.contract import Entity, load_contract
from ingest.declarations import Declarations, load_declarations
from ingest.forgetting import Forgetting, Taken
from ingest.requests import Request
from lake import audit
from lake.clock import utc_now
from lake.errors import InputError
from lake.store import Lake
from warehouse.connection import Query, literal
from warehouse.home import Home, project_dir
from warehouse.person_data import check_is_somebody


@dataclass(frozen=True)
class Members:
    """Who is meant: the customer ids of one person, and the ids that person has or had."""

    customer_ids: list[str]
    person_ids: list[str]


def members(query: Query, wanted: str) -> Members:
    """Return the customers of the person with an id, or with a customer of that id.

    Who is in no published table may have records all the same: the id is then taken for a
    customer's. Raises InputError for an id that stands for customers who are not known.
    """
    said = literal(wanted.strip())
    persons = {
        person
        for sql in (
            "select person_id from gold.customer_persons "
            f"where person_id = {said} or cast(customer_id as nvarchar(128)) = {said}",
            f"select person_id from marts.person_aliases where alias_id = {said}",
        )
        for (person,) in query(sql)
    }
    if not persons:
        check_is_somebody(query, [wanted.strip()])
        return Members([wanted.strip()], [])
    listed = ", ".join(map(literal, sorted(persons)))
    customers = query(
        "select cast(customer_id as nvarchar(128)) as customer_id from gold.customer_persons "
        f"where person_id in ({listed})"
    )
    check_is_somebody(query, [customer for (customer,) in customers])
    aliases = query(f"select alias_id from marts.person_aliases where person_id in ({listed})")
    return Members(
        sorted(customer for (customer,) in customers),
        [*sorted(persons), *(alias for (alias,) in aliases)],
    )


def request(
    lake: Lake,
    contract: dict[str, Entity],
    declarations: Declarations,
    who: Members,
    by: str,
    with_transactions: bool,
) -> Request:
    """Return the request to forget somebody; nothing is written. Raises InputError for nobody."""
    person = subject.gather(lake, contract, declarations, who.customer_ids, with_transactions)
    key = audit.hash_key(lake)
    named = who.person_ids[0] if who.person_ids else who.customer_ids[0]
    return Request(
        id=f"F{secrets.token_hex(4)}",
        at=utc_now(),
        by=by,
        person=audit.hashed(key, "person_id" if who.person_ids else "customer_id", named),
        ids={kind: list(values) for kind, values in person.ids.items()},
        texts=list(person.texts),
        with_transactions=with_transactions,
        person_ids=who.person_ids,
    )


def counted(
    lake: Lake, contract: dict[str, Entity], declarations: Declarations, asked: Request
) -> Taken:
    """Return what would be taken out of bronze, and change nothing."""
    known = forgotten.only(audit.hash_key(lake), declarations, asked.ids, asked.with_transactions)
    return Forgetting(lake, contract, declarations, known, asked.who, dry_run=True).go()


def begin(lake: Lake, declarations: Declarations, asked: Request) -> None:
    """Write a request down: from here on it will be done, by this run or by the next."""
    audit.record(
        lake,
        "forget",
        person=asked.person,
        by=asked.by,
        request=asked.id,
        with_transactions=asked.with_transactions,
    )
    requests.write(lake, [*requests.pending(lake), asked])
    forgotten.add(lake, declarations, asked.ids, asked.with_transactions)


def print_dry_run(console: Console, asked: Request, taken: Taken) -> None:
    """Print what would be taken out."""
    console.print(
        f"Forgetting customer{'' if len(asked.customer_ids) == 1 else 's'} "
        f"{', '.join(asked.customer_ids)} would",
        highlight=False,
    )
    rows = ", ".join(f"{count:,} of {entity}" for entity, count in taken.by_entity.items())
    fate = (
        "remove all their rows"
        if asked.with_transactions
        else "remove their records, and keep purchases and contacts without a customer"
    )
    for line in (
        f"{fate}: {rows or 'no row is theirs'}",
        f"rewrite {taken.files:,} file{'' if taken.files == 1 else 's'} as received"
        + (f", and remove {', '.join(taken.removed)}" if taken.removed else ""),
        "build and publish everything anew, and remove the versions that are kept",
        f"look for {len(asked.texts)} values and {sum(map(len, asked.ids.values()))} ids in "
        "everything that is left, and write a certificate",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def forget(
    console: Console,
    home: Home,
    target: str,
    query: Query,
    sources: Path | None,
    wanted: str,
    with_transactions: bool,
    dry_run: bool,
    yes: bool,
) -> bool:
    """Write down that somebody is to be forgotten; return whether there is something to run."""
    contract = load_contract(project_dir())
    declarations = load_declarations(sources, contract)
    with held(home, target) as lake:
        batches.reread(lake, contract, declarations)
        asked = request(
            lake,
            contract,
            declarations,
            members(query, wanted),
            getpass.getuser(),
            with_transactions,
        )
        taken = counted(lake, contract, declarations, asked)
        if not taken.files:
            raise InputError(
                f"Nothing that arrived is of {wanted}. Give the id of a customer, or of a person, "
                "as `c360 customer` shows it."
            )
        print_dry_run(console, asked, taken)
        if dry_run:
            return False
        if not yes and not typer.confirm("This cannot be undone. Go on?"):
            raise InputError("Nothing was changed.")
        begin(lake, declarations, replace(asked, taken=asdict(taken)))
    return True
