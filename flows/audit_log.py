"""Who did what: behind `c360 audit`."""

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows.batches import lake_to_read
from flows.terminal import plain
from lake import audit
from warehouse.home import Home


def print_audit(
    console: Console, home: Home, target: str, *, person: str | None, as_json: bool
) -> None:
    """Print the entries of the audit log, the newest first; of one `person` by id or e-mail."""
    lake = lake_to_read(home, target)
    entries = audit.read(lake)[::-1]
    if person is not None and entries:
        hashes = audit.hashes_of(lake, person)
        entries = [entry for entry in entries if entry.concerns(hashes)]
    if as_json:
        console.print_json(json.dumps([asdict(entry) for entry in entries]), indent=2)
        return
    if not entries:
        about = " about that person" if person is not None else ""
        console.print(f"Nothing is recorded{about} yet.")
    for entry in entries:
        named = {"by": f"{entry.by}, {entry.source}", "person": entry.person} | entry.detail
        console.print(plain(f"{entry.at}  {entry.action}", "bold"), highlight=False)
        for name, value in named.items():
            if value is not None:
                line = f"  {name.replace('_', ' ')}: {_listed(value)}"
                console.print(plain(line), highlight=False, soft_wrap=True)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
