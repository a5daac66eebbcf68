"""Somebody is forgotten: the request, what a run does of it, and the proof.

`c360 person forget` writes the request into the lake and begins a run. That run, or whichever comes
next after it was cut short, takes the person out of bronze and of who is who, builds and publishes
everything anew, removes what earlier versions were kept of, and looks through all that is left.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from identity import forgetting as identity_forgetting
from ingest import forgotten, requests
from ingest.contract import Entity
from ingest.declarations import Declarations
from ingest.forgetting import Forgetting, without_texts
from ingest.requests import PROVE, TAKE_OUT, Request
from lake import audit, paths
from lake.clock import utc_now
from lake.manifest import to_json
from lake.store import Lake
from pages.certificate import page
from warehouse import traces
from warehouse.connection import Query
from warehouse.home import Home

logger = logging.getLogger(__name__)

_LOGS = (".log", ".json", ".jsonl", ".sql", ".txt", ".yml")


def take_out(
    lake: Lake,
    contract: dict[str, Entity],
    declarations: Declarations,
    on_file: Callable[[str], None],
) -> int:
    """Take everybody who asked for it out of bronze and of who is who; return how many did."""
    done = []
    count = 0
    for asked in requests.pending(lake):
        if asked.stage == TAKE_OUT:
            count += 1
            # Again, should the run have been killed in between.
            known = forgotten.add(lake, declarations, asked.ids, asked.with_transactions)
            Forgetting(lake, contract, declarations, known, asked.who).go(on_file)
            rows = identity_forgetting.forget(lake, asked.customer_ids)
            before = asked.taken.get("identity_rows", 0)
            asked = replace(asked, taken={**asked.taken, "identity_rows": before + rows})
        done.append(asked)
    requests.write(lake, done)
    return count


def customer_ids(lake: Lake) -> list[str]:
    """Return the ids of all customers who are being forgotten."""
    return [each for asked in requests.pending(lake) for each in asked.customer_ids]


def published(lake: Lake) -> None:
    """Note that what was built without them is what people see: only the proof is left to do."""
    requests.write(lake, [replace(asked, stage=PROVE) for asked in requests.pending(lake)])


def prove(
    home: Home,
    lake: Lake,
    query: Query,
    contains: Callable[[str, str], str],
    notes: Sequence[str],
    database: str,
) -> list[str]:
    """Look through everything for whoever was forgotten, and write a certificate for each.

    Returns what is to be told. A request of which something is found stays, so that the next run
    looks again.
    """
    left: list[Request] = []
    told: list[str] = []
    for asked in requests.pending(lake):
        if asked.stage != PROVE:
            left.append(asked)
            continue
        scrubbed = forget_logs(home, asked.texts)
        found = _searched(home, lake, asked, query, contains)
        taken = {**asked.taken, "logs": asked.taken.get("logs", 0) + scrubbed}
        certificate = {
            "certificate": asked.id,
            "person": asked.person,
            "asked_at": asked.at,
            "asked_by": asked.by,
            "finished_at": utc_now(),
            "complete": not found.places,
            "with_transactions": asked.with_transactions,
            "taken_out": taken,
            "searched": {
                "files": found.files,
                "bytes": found.bytes,
                "database": database,
                "columns": found.columns,
                "values": len(asked.texts),
                "ids": sum(map(len, asked.ids.values())),
            },
            "found_in": found.places,
            "notes": [*notes, *OUT_OF_REACH],
        }
        place = _write_certificate(lake, certificate)
        if found.places:
            left.append(replace(asked, taken=taken))
            told.append(
                f"{asked.id}: values of whoever was to be forgotten are still in "
                f"{_listed(found.places)}. Take them out there; the next run looks again. "
                f"{lake.uri(place)} lists all places."
            )
        else:
            told.append(f"{asked.id}: forgotten; the certificate is {lake.uri(place)}.")
        audit.record(
            lake,
            "forgotten" if not found.places else "forgotten but for some places",
            person=asked.person,
            by=asked.by,
            request=asked.id,
        )
    requests.write(lake, left)
    return told


OUT_OF_REACH = (
    "Backups of this machine or account, files that were exported, the folder and the systems that "
    "deliveries come from, what Power BI or other programs have imported, and Prefect's server are "
    "not within reach of this search.",
    "What a disk keeps of files that were deleted is the disk's and its encryption's affair.",
)


def forget_logs(home: Home, texts: Sequence[str]) -> int:
    """Put other words in the place of these in the home's logs; return in how many there were any.

    So do dbt's own files, which can quote a value that a test failed on.
    """
    changed = 0
    for folder in (home.logs, home.dbt_target):
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix not in _LOGS:
                continue
            content = path.read_bytes()
            without = without_texts(content, texts)
            if without != content:
                # In its place, since the log of this run is open.
                with path.open("r+b") as file:
                    file.write(without)
                    file.truncate()
                changed += 1
    return changed


def _searched(
    home: Home, lake: Lake, asked: Request, query: Query, contains: Callable[[str, str], str]
) -> traces.Searched:
    wanted = traces.wanted(asked.texts)
    ids = {
        "customer_id": asked.customer_ids,
        "loyalty_id": asked.ids.get("loyalty_id", []),
        "person_id": asked.person_ids,
        "alias_id": asked.person_ids,
    }
    found = traces.search_lake(lake, wanted, ids, leave_out=[paths.FORGETTING])
    if wanted:
        found.add(traces.search_folder(home.root, wanted, leave_out=[home.lake, home.lock_file]))
    found.add(traces.search_database(query, asked.texts, ids, contains))
    return found


def _write_certificate(lake: Lake, certificate: dict[str, Any]) -> str:
    name = f"{paths.CERTIFICATES}/{certificate['certificate']}"
    lake.write_bytes(f"{name}.json", to_json(certificate))
    lake.write_bytes(f"{name}.html", page.render(certificate).encode())
    return f"{name}.html"


def _listed(places: Sequence[str]) -> str:
    more = len(places) - 3
    return ", ".join(places[:3]) + (f" and {more} more places" if more > 0 else "")
