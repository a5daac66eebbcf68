"""What is published, what is kept, how large it is, and where: behind `c360 status`."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.headlines import Headline
from flows.summary import places_of, print_counts, print_places, print_table
from flows.terminal import plain
from ingest.deliveries import DeliveryNote, delivery_notes
from lake import paths, versions
from lake.local import LocalLake
from lake.manifest import committed_batches, file_entries, new_batch_id
from lake.store import Lake
from warehouse.answers import EntityCounts, read_counts
from warehouse.connection import open_warehouse
from warehouse.home import Home


@dataclass
class Status:
    """What `c360 status --json` prints; docs/operate.md explains the keys."""

    target: str
    home: str
    version: str | None
    published_at: str | None
    batches: list[str]
    batches_to_build: list[str]  # that the lake has and the version lacks
    gold_version: str | None
    rolled_back: dict[str, str] | None
    publish_under_way: bool
    kept: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]  # that are late or of an unusual size, as of now
    bytes: dict[str, int]
    places: dict[str, str]
    absent: list[str] = field(default_factory=list)  # entities that never arrived


def local_status(home: Home) -> Status:
    """Return it of a home on this machine."""
    with open_warehouse(home) as connection:
        counts = read_counts(lambda sql: connection.execute(sql).fetchall())
    lake = LocalLake(home.lake)
    current = versions.published(lake)
    seen: set[tuple[int, int]] = set()  # a file that a kept version shares is counted once
    sizes = {
        "warehouse": _size([home.warehouse], seen),
        "pages": _size([home.report, home.docs], seen),
        "kept_versions": _size([home.versions], seen),
        "logs": _size([home.logs], seen),
    }
    status = _status("local", home, lake, counts, current.version if current else None)
    status.bytes |= sizes
    status.publish_under_way = home.intent.exists()
    status.places = {what: str(place) for what, place in places_of(home).items()}
    return status


def azure_status(home: Home) -> Status:
    """Return it of a lake on Azure and of the database that gold is in."""
    from flows.azure_run import published_on_azure

    with home.file_modes():
        lake, gold_version, counts = published_on_azure(home)
    return _status("azure", home, lake, counts, gold_version)


def print_status(
    console: Console, home: Home, target: str = "local", as_json: bool = False
) -> None:
    """Print it for people, or for programs."""
    status = azure_status(home) if target == "azure" else local_status(home)
    if as_json:
        print(json.dumps(asdict(status), indent=2))
    else:
        _print(console, status)


def _print(console: Console, status: Status) -> None:
    batches = status.batches
    span = f", {batches[0]} to {batches[-1]}" if batches else ""
    lines = []
    if status.version:
        lines += [
            ("Published", f"{status.version} at {status.published_at}"),
            ("Batches  ", f"{len(batches)}{span}"),
        ]
    if status.batches_to_build:
        lines.append(("To build ", f"{', '.join(status.batches_to_build)}; the next run does"))
    if back := status.rolled_back:
        lines.append(("Rolled back", f"by {back['by']} at {back['at']}, from {back['from']}"))
    for what, said in lines:
        console.print(plain(what, "bold"), plain(said), highlight=False, soft_wrap=True)
    if status.rows:
        print_counts(console, [EntityCounts(**each) for each in status.rows], status.absent)
    else:
        console.print("Silver is in no database yet; the next run loads it.")
    for note in status.deliveries:
        console.print(plain(f"! {DeliveryNote(**note)}"), highlight=False, soft_wrap=True)
    if status.publish_under_way:
        console.print("\nA publish is under way or was cut short; the next run completes it.")
    if status.target == "azure":
        console.print()
        console.print(
            plain("Gold and marts", "bold"),
            "are of",
            plain(status.gold_version or "no version yet"),
        )
    if status.kept:
        rows = [(each["version"], each["published_at"], each["kept_at"]) for each in status.kept]
        print_table(console, Headline("Kept", ("Version", "Published at", "Kept since"), rows))
    sizes = [(_NAMES[what], f"{size / 1e6:,.1f}") for what, size in status.bytes.items()]
    sizes.append(("together", f"{sum(status.bytes.values()) / 1e6:,.1f}"))
    print_table(console, Headline("Sizes", ("What", "MB"), sizes))
    if status.places:
        print_places(console, dict(status.places))


_NAMES = {
    "bronze": "bronze: what arrived",
    "silver": "silver, all versions",
    "identity": "who is who, all versions",
    "warehouse": "warehouse",
    "pages": "report and documentation",
    "kept_versions": "kept warehouses and pages",
    "logs": "logs",
}


def _status(
    target: str, home: Home, lake: Lake, counts: list[EntityCounts], gold_version: str | None
) -> Status:
    current, entry = versions.published(lake), versions.rolled_back(lake)
    batches = current.batches if current else []
    arrived = {each.entity for each in file_entries(lake) if each.outcome == "landed"}
    kept = [
        {
            "version": each.version,
            "published_at": each.published.published_at,
            "kept_at": each.kept_at,
            "batches": len(each.published.batches),
        }
        for each in versions.kept_versions(lake)
    ]
    return Status(
        target=target,
        home=str(home.root),
        version=current.version if current else None,
        published_at=current.published_at if current else None,
        batches=batches,
        batches_to_build=sorted(set(committed_batches(lake)) - set(batches)),
        gold_version=gold_version,
        rolled_back=(
            {"by": entry.by, "at": entry.at, "from": entry.detail["from_version"]}
            if entry
            else None
        ),
        publish_under_way=False,
        kept=kept,
        rows=[each._asdict() for each in counts],
        deliveries=[asdict(each) for each in delivery_notes(file_entries(lake), new_batch_id([]))],
        bytes={
            "bronze": lake.size(paths.BRONZE),
            "silver": lake.size(paths.SILVER),
            "identity": lake.size(paths.IDENTITY),
        },
        places={},
        absent=[each.entity for each in counts if each.entity not in arrived],
    )


def _size(places: Iterable[Path], seen: set[tuple[int, int]]) -> int:
    """Return the bytes of files and folders, without the files that were `seen` before."""
    total = 0
    for place in places:
        for path in [place, *place.rglob("*")]:
            with suppress(FileNotFoundError):  # a run may be at work
                found = path.stat()
                if path.is_file() and (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    total += found.st_size
    return total
