"""What is published, and its pages anew: behind `c360 status`, `docs` and `report`."""

import shutil

from rich.console import Console

from flows.summary import EntityCounts, places_of, print_counts, print_places, read_counts
from flows.terminal import plain
from lake import versions
from lake.local import LocalLake
from lake.manifest import read_manifests
from lake.store import Lake
from pages.report import content, page
from warehouse import publish as publishing
from warehouse.connection import open_warehouse
from warehouse.dbt_run import DbtRun
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
    arrived = {
        record.entity
        for manifest in read_manifests(lake)
        for record in manifest.files
        if record.outcome == "landed"
    }
    print_counts(console, counts, [each.entity for each in counts if each.entity not in arrived])


def rewrite_docs(home: Home) -> None:
    """Write the documentation site anew, from a copy so that nobody is in the way."""
    open_warehouse(home).close()
    home.prepare()
    with home.lock():
        publishing.recover(home, LocalLake(home.lake))
        publishing.stage_warehouse(home)
        dbt = DbtRun(home, home.staged_warehouse)
        try:
            dbt.write_docs(home.staged_docs)
        finally:
            dbt.close()
        publishing.exchange_pages(home)
        shutil.rmtree(home.staging, ignore_errors=True)


def rewrite_report(home: Home, pii: bool) -> None:
    """Write the report anew; with `pii` it shows personal data."""
    home.prepare()
    with home.lock():
        publishing.recover(home, LocalLake(home.lake))
        current = versions.published(LocalLake(home.lake))
        with open_warehouse(home) as connection:
            answers = content.read(
                lambda sql: connection.execute(sql).fetchall(),
                version=current.version if current else "",
                marts="marts",
                personal_data=pii,
            )
        page.write(home.staged_report, answers)
        publishing.exchange_pages(home)
        shutil.rmtree(home.staging, ignore_errors=True)
