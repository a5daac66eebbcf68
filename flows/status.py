"""What is published, and where: behind `c360 status`."""

from rich.console import Console

from flows.summary import places_of, print_counts, print_places
from flows.terminal import plain
from lake import versions
from lake.local import LocalLake
from lake.manifest import file_entries
from lake.store import Lake
from warehouse.answers import EntityCounts, read_counts
from warehouse.connection import open_warehouse
from warehouse.home import Home


def print_status(console: Console, home: Home) -> None:
    """Print the published version, the batches in it, and the rows of each entity."""
    with open_warehouse(home) as connection:
        counts = read_counts(lambda sql: connection.execute(sql).fetchall())
    _print_published(console, LocalLake(home.lake), counts)
    if home.intent.exists():
        console.print("\nA publish is under way or was cut short; the next run completes it.")
    print_places(console, places_of(home))


def print_azure_status(console: Console, home: Home) -> None:
    """Print the same of a lake on Azure and of the database that gold is in."""
    from flows.azure_run import published_on_azure

    with home.file_modes():
        lake, gold_version, counts = published_on_azure(home)
    _print_published(console, lake, counts)
    console.print()
    console.print(
        plain("Gold and marts", "bold"), "are of", plain(gold_version or "no version yet")
    )


def _print_published(console: Console, lake: Lake, counts: list[EntityCounts]) -> None:
    published = versions.published(lake)
    if published:
        batches = published.batches
        span = f", {batches[0]} to {batches[-1]}" if batches else ""
        for what, said in (
            ("Published", f"{published.version} at {published.published_at}"),
            ("Batches  ", f"{len(batches)}{span}"),
        ):
            console.print(plain(what, "bold"), plain(said), highlight=False)
    if not counts:
        console.print("Silver is in no database yet; the next run loads it.")
        return
    arrived = {each.entity for each in file_entries(lake) if each.outcome == "landed"}
    print_counts(console, counts, [each.entity for each in counts if each.entity not in arrived])
