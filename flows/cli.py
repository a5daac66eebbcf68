"""The `c360` command. What takes long to import is imported by the command that needs it."""

import atexit
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lake.errors import C360Error, InputError, QuarantinedError, told, visible
from warehouse.home import (
    DEFAULT_HOME,
    TOKEN_VARIABLE,
    Home,
    personal_data_shown,
    project_dir,
)

if TYPE_CHECKING:
    from typing import Unpack

    from flows.asked import Request
    from flows.progress import Progress
    from flows.summary import Summary

app = typer.Typer(
    name="c360",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Customer 360: files and an API in, one trustworthy view of every customer out.\n\n"
        "Start with [bold]c360 demo[/]; then give it your own files with "
        "[bold]c360 run --input DIR[/]."
    ),
)

HomeOption = Annotated[
    str,
    typer.Option(
        "--home",
        envvar="C360_HOME",
        metavar="DIR",
        help="Folder that holds everything: lake, warehouse.duckdb, report, docs, logs.",
    ),
]


NoPersonalDataOption = Annotated[
    bool,
    typer.Option(
        "--no-pii",
        envvar="C360_NO_PII",
        help="Leave personal data out: names, e-mail and postal addresses, and who is one person.",
    ),
]
PortOption = Annotated[
    int,
    typer.Option("--port", min=0, max=65535, help="Port to serve at; 0 takes a free one."),
]
NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Serve without opening a browser.")
]


SourcesOption = Annotated[
    Path | None,
    typer.Option(
        "--sources",
        envvar="C360_SOURCES",
        metavar="FILE",
        help="File that declares how sources are to be read; by default ingest/sources.yml.",
    ),
]


class Target(StrEnum):
    """Where the layers are built."""

    LOCAL = "local"
    AZURE = "azure"


TargetOption = Annotated[Target, typer.Option("--target", help="Where the layers are built.")]


class DemoData(StrEnum):
    """What the demo runs over."""

    SAMPLE = "sample"
    COMPLETE_JOURNEY = "complete-journey"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"c360 {version('customer-360')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    input: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            metavar="DIR",
            help="Folder with the files that arrived: Customers.csv, OnlineTransactions.csv.gz, …",
        ),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(
            "--api",
            metavar="URL",
            help=f"Base URL of an API to pull as well; its token is read from {TOKEN_VARIABLE}, or "
            "from the variable that the sources file names.",
        ),
    ] = None,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
    accept_rejected: Annotated[
        bool,
        typer.Option(
            "--accept-rejected", help="Publish although most rows of what arrived cannot be used."
        ),
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Build everything anew from the lake, whatever arrived."),
    ] = False,
) -> None:
    """Take what arrived to published answers: land, build, test, publish, report.

    What is published changes only when everything passed. A run that was cut short is put right by
    the next one. Files that are in the lake already change nothing; when nothing is new, all stays
    as it is.
    """
    from flows.progress import Progress

    _run(
        Progress(Console()),
        input=_text(input),
        api=api,
        target=target.value,
        home=home,
        pii=not no_pii,
        sources=_text(sources),
        accept_rejected=accept_rejected,
        full=full,
    )


@app.command()
def demo(
    data: Annotated[
        DemoData,
        typer.Option(
            "--data",
            help="A made-up retailer, or the Complete Journey: a real retail year.",
        ),
    ] = DemoData.SAMPLE,
    transactions: Annotated[
        int, typer.Option("--transactions", min=100, help="How many transactions to make up.")
    ] = 100_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes other data.")] = 360,
    dirt: Annotated[
        float,
        typer.Option(
            "--dirt", min=0, max=0.5, help="Share of the rows with something wrong in them."
        ),
    ] = 0.02,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the data that was made in <home>/demo/input."),
    ] = False,
) -> None:
    """Make sample data, run everything over it, and print the answers."""
    from flows.demo import demo_input
    from flows.progress import Progress
    from flows.summary import print_summary

    progress, place = Progress(Console()), Home.at(home)
    with (
        place.file_modes(),
        demo_input(
            place,
            data.value,
            transactions=transactions,
            seed=seed,
            dirt=dirt,
            keep=keep,
            progress=progress,
        ) as (folder, api, sources),
    ):
        # The data's own sources, whatever others are declared in the environment.
        summary = _summary(
            progress,
            input=str(folder),
            api=api,
            home=home,
            pii=not no_pii,
            sources=str(sources),
        )
    if not summary.answers:  # nothing was new, and answers are what was asked for all the same
        from warehouse.answers import read_answers

        summary.answers = read_answers(place.warehouse)
    print_summary(progress.console or Console(), summary)


@app.command()
def load(home: HomeOption = DEFAULT_HOME) -> None:
    """Copy the published silver of a lake on Azure into Azure SQL Database again.

    `c360 run --target azure` does it on its way; this is for a database that was emptied or
    restored.
    """
    from flows.azure_run import load_published
    from flows.progress import Progress

    load_published(Home.at(home), Progress(Console()))


@app.command()
def batches(target: TargetOption = Target.LOCAL, home: HomeOption = DEFAULT_HOME) -> None:
    """List what arrived, batch by batch, and what became of it."""
    from flows.batches import print_batches

    print_batches(Console(), Home.at(home), target.value)


@app.command()
def retract(
    batch: Annotated[
        str, typer.Argument(metavar="BATCH", help="A batch's id, or the beginning of it.")
    ],
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Take a batch back and publish the answers without it, as if it had never arrived.

    Its files stay in the lake. What an API had sent in it is asked for again by the next run that
    pulls the API; a file that is to arrive again has to be sent again.
    """
    from flows.batches import retract as retract_batch
    from flows.progress import Progress

    retracted = retract_batch(Home.at(home), target.value, batch).batch_id
    typer.echo(f"Retracted {retracted}")
    with _noted(f"Batch {retracted} is retracted all the same: the next run publishes without it"):
        _run(
            Progress(Console()),
            target=target.value,
            home=home,
            pii=not no_pii,
            sources=_text(sources),
        )


quarantine = typer.Typer(help="Show and settle the files that could not be read.")
app.add_typer(quarantine, name="quarantine")

IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID…", help="Files in quarantine, as the list names them."),
]
AllOption = Annotated[bool, typer.Option("--all", help="All that are in quarantine.")]


@quarantine.callback(invoke_without_command=True)
def _quarantine(
    context: typer.Context,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    if context.invoked_subcommand is None:
        quarantine_list(target, home)
        return
    for option in ("target", "home"):
        source = context.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            # The command has its own, and would work on another home than the one that is named.
            raise InputError(f"Give --{option} after {context.invoked_subcommand}.")


@quarantine.command("list")
def quarantine_list(target: TargetOption = Target.LOCAL, home: HomeOption = DEFAULT_HOME) -> None:
    """List the files in quarantine, with why they are there."""
    from flows.batches import print_quarantine

    print_quarantine(Console(), Home.at(home), target.value)


@quarantine.command("release")
def quarantine_release(
    ids: IdsArgument = None,
    every: AllOption = False,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Read files in quarantine again, after their declaration was mended, and publish.

    A file that still cannot be read stays where it is.
    """
    from flows.batches import release
    from flows.progress import Progress

    released = release(Home.at(home), target.value, _chosen(ids, every), sources)
    for record in released.records:
        typer.echo(f"Released {visible(record.source)}")
    for warning in released.warnings:
        typer.echo(f"! {visible(warning)}")
    if released.records:
        with _noted("What was released has landed: the next run publishes it"):
            _run(
                Progress(Console()),
                target=target.value,
                home=home,
                pii=not no_pii,
                sources=_text(sources),
            )
    if released.refused:
        raise QuarantinedError(released.refused)


@quarantine.command("drop")
def quarantine_drop(
    ids: IdsArgument = None,
    every: AllOption = False,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Remove files from quarantine for good; their batch keeps a note that they were there."""
    from flows.batches import drop

    for held in drop(Home.at(home), target.value, _chosen(ids, every)):
        typer.echo(f"Dropped {held.id}")


def _chosen(ids: list[str] | None, every: bool) -> list[str] | None:
    """Return the files that a command is about, None for all; raise when it names none or both."""
    if bool(ids) == every:
        raise InputError("Name the files (`c360 quarantine list` shows their ids), or give --all.")
    return ids or None


@app.command()
def customer(
    who: Annotated[
        str, typer.Argument(metavar="ID_OR_EMAIL", help="A customer's id or e-mail address.")
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Show the customer as of the end of that day, such as 2026-06-30.",
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Show what is known about one customer: the profile and the latest events."""
    from flows.customer import print_customer

    shown = personal_data_shown(not no_pii)
    day = as_of.date() if as_of else None
    print_customer(Console(), Home.at(home), who, day, personal_data=shown)


person = typer.Typer(
    help="Answer persons who ask what is held on them: find, export, forget.", no_args_is_help=True
)
app.add_typer(person, name="person")


@person.command("find")
def person_find(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS…", help="Words of the name or e-mail address, or an id."),
    ],
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """List the persons whom words find, with their records and what is held under each.

    An id may be that of a customer, of a loyalty account, of a person, or of one in earlier times.
    """
    from flows.person import print_persons

    print_persons(Console(), Home.at(home), target.value, " ".join(words))


@person.command("export")
def person_export(
    who: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a person or of one of its customers.")
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="FILE", help="FILE.json is written, and FILE.html to read and print."
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="CUSTOMER_ID",
            help="Of several records only this one, once for each; leaves others' records out.",
        ),
    ] = None,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write everything that is held on a person, for somebody who asks for their data.

    All records and events, what is computed of them, decisions who is who, and every line that
    arrived. Only the owner may read the files; that they were made is recorded in the audit log.
    """
    from flows.person import export

    export(Console(), Home.at(home), target.value, who, to, only or [], sources)


@person.command("forget")
def person_forget(
    who: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a person, or of one of their customers.")
    ],
    with_transactions: Annotated[
        bool,
        typer.Option(
            "--with-transactions",
            help="Remove purchases and service contacts too, which changes totals; else they stay "
            "without a customer.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be taken out, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Take a person out of everything that is held, and prove it.

    Files as received are rewritten, everything is built and published anew, earlier versions go,
    and all that is left is searched for the person's values. Purchases stay without the customer,
    so that no total moves. Who comes again in a later delivery is dropped at reading. What is cut
    short is finished by the next run.
    """
    from flows.forget import forget
    from flows.progress import Progress
    from flows.published import published

    place = Home.at(home)
    with published(place, target.value) as query:
        begun = forget(
            Console(), place, target.value, query, sources, who, with_transactions, dry_run, yes
        )
    if begun:
        with _noted("The request stands: the next run finishes it"):
            _run(
                Progress(Console()),
                target=target.value,
                home=home,
                pii=not no_pii,
                sources=_text(sources),
            )


@app.command()
def explain(
    mart: Annotated[
        str | None,
        typer.Argument(
            metavar="MART", help="A mart, or a metric over all data; none lists what there is."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Argument(metavar="COLUMN", help="One of its numbers; by default the main one."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            "-w",
            metavar="COLUMN=VALUE",
            help="Which row it is; repeat it where several columns name a row.",
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the whole chain, all rows of it."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many rows to show.")] = 10,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Show where a published number comes from, down to the lines of the files that arrived.

    That is: its definition, the rows of gold that it is made of, of each the row of silver and the
    line as it arrived, and what was left out and why. It is computed anew from these rows; the exit
    status is 1 when that is not the number.
    """
    from flows.explanation import print_explanation, print_numbers

    if mart is None:
        print_numbers(Console())
        return
    adds_up = print_explanation(
        Console(),
        Home.at(home),
        target.value,
        sources,
        mart,
        column,
        where or [],
        limit=limit,
        to=csv,
        personal_data=personal_data_shown(not no_pii),
    )
    if not adds_up:
        raise typer.Exit(1)


identity = typer.Typer(
    help="Find out why customers are one person, or not, and decide it.", no_args_is_help=True
)
app.add_typer(identity, name="identity")

OneArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of a customer.")]
OtherArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the other one.")]
WhyOption = Annotated[
    str | None, typer.Option("--why", metavar="TEXT", help="Why, for those who read it later.")
]


@identity.command("review")
def identity_review(
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    sample: Annotated[
        int,
        typer.Option(
            "--sample",
            min=0,
            metavar="N",
            help="Show N pairs too that are taken for one person, so that `quality` can tell how "
            "often that is right.",
        ),
    ] = 0,
    port: PortOption = 8361,
    no_browser: NoBrowserOption = False,
) -> None:
    """Open a page with the pairs that may be one person, to decide about."""
    from flows.who_is_who import review_pairs

    review_pairs(Home.at(home), target.value, port, not no_browser, sample)


@identity.command("explain")
def identity_explain(
    one: OneArgument,
    other: OtherArgument,
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show what speaks for two customers being one person, and what against it."""
    from flows.who_is_who import print_explanation

    print_explanation(Console(), Home.at(home), target.value, sources, one, other)


@identity.command("link")
def identity_link(
    one: OneArgument,
    other: OtherArgument,
    why: WhyOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Decide that two customers are one person."""
    from flows.who_is_who import decide

    decide(Console(), Home.at(home), target.value, "same", one, other, why)


@identity.command("separate")
def identity_separate(
    one: OneArgument,
    other: OtherArgument,
    why: WhyOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Decide that two customers are different persons."""
    from flows.who_is_who import decide

    decide(Console(), Home.at(home), target.value, "different", one, other, why)


@identity.command("undo")
def identity_undo(
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="A decision, as `decisions` names it.")
    ],
    why: WhyOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take a decision back."""
    from flows.who_is_who import undo

    undo(Console(), Home.at(home), target.value, decision, why)


@identity.command("decisions")
def identity_decisions(
    target: TargetOption = Target.LOCAL, home: HomeOption = DEFAULT_HOME
) -> None:
    """List what was decided: who, when, why, from where, and whether it holds."""
    from flows.who_is_who import print_decisions

    print_decisions(Console(), Home.at(home), target.value)


@identity.command("quality")
def identity_quality(
    sources: SourcesOption = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Estimate from decisions how good the matching is: precision and recall."""
    from flows.who_is_who import print_quality

    print_quality(Console(), Home.at(home), target.value, sources)


@app.command()
def audit(
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="ID",
            help="Only what concerns somebody: a person's or customer's id, or an e-mail address.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """List who exported, linked, took back or dropped what, the newest first.

    The log names persons by hashes only, so ask for one with --person.
    """
    from flows.audit_log import print_audit

    print_audit(Console(), Home.at(home), target.value, person=person, as_json=as_json)


@app.command()
def status(
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON; docs/operate.md explains the keys.")
    ] = False,
) -> None:
    """Show what is published: version, batches, rows, what is kept, sizes, and where it all is."""
    from flows.status import print_status

    print_status(Console(), Home.at(home), target.value, as_json)


azure = typer.Typer(
    help="Set up and check what target azure runs on; docs/azure.md says how.", no_args_is_help=True
)
app.add_typer(azure, name="azure")


@azure.command("setup")
def azure_setup(home: HomeOption = DEFAULT_HOME) -> None:
    """Make what a build expects in the pool and in the database; what is there already stays."""
    from flows.azure_setting_up import set_up

    set_up(Console(), Home.at(home))


@azure.command("check")
def azure_check(home: HomeOption = DEFAULT_HOME) -> None:
    """Look whether a run has what it needs: settings, sign-in, rights, what `setup` makes.

    Each line says what is missing and what mends it. The exit status is 1 when anything is.
    """
    from flows.azure_setting_up import check

    if not check(Console(), Home.at(home)):
        raise typer.Exit(1)


@app.command("versions")
def list_versions(target: TargetOption = Target.LOCAL, home: HomeOption = DEFAULT_HOME) -> None:
    """List the published version and those that are kept, which can be rolled back to."""
    from flows.versions import print_versions

    print_versions(Console(), Home.at(home), target.value)


@app.command()
def rollback(
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION]",
            help="A version that `c360 versions` lists, or the beginning of it; by default the one "
            "before what is published.",
            show_default=False,
        ),
    ] = None,
    target: TargetOption = Target.LOCAL,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Publish a version again that was published before: silver, gold, marts, report and docs.

    What is published now is kept, so that you can go forward again. The next run goes on from the
    version with all that is in the lake, and says so; `c360 retract` keeps a batch out. On Azure
    gold and the marts are built from the version's silver, which takes as long as a run with
    --full does after silver.
    """
    from flows.versions import roll_back, roll_back_on_azure

    if target is Target.LOCAL:
        roll_back(Console(), Home.at(home), version, pii=personal_data_shown(not no_pii))
        return
    from flows.progress import Progress, followed

    progress = Progress(Console())
    with _interruptible(), followed(progress):
        roll_back_on_azure(
            progress.console or Console(), home, version, personal_data_shown(not no_pii)
        )


@app.command()
def tidy(
    sources: SourcesOption = None,
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Remove versions and rows that are no longer to be kept, as every run does.

    How many versions are kept, and for how long, is `versions:` in the sources file; how long the
    rows of an entity are, `keep:`. Where rows are too old, everything is built anew without them.
    """
    from flows.progress import Progress
    from flows.versions import tidy as tidy_home

    if tidy_home(Console(), Home.at(home), sources):
        _run(Progress(Console()), home=home, pii=not no_pii, sources=_text(sources))


@app.command()
def verify(target: TargetOption = Target.LOCAL, home: HomeOption = DEFAULT_HOME) -> None:
    """Build everything anew beside what is published, and compare all relations row by row.

    What is published stays as it is. The exit status is 1 when anything differs.
    """
    if target is Target.AZURE:
        raise InputError(
            "`c360 verify` compares what a home on this machine has. On Azure, `c360 run --target "
            "azure --full` builds everything anew and publishes that."
        )
    from flows.progress import Progress
    from flows.verify import verify as verify_home

    with _interruptible():
        verify_home(Home.at(home), Progress(Console()))


@app.command()
def docs(
    home: HomeOption = DEFAULT_HOME,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Serve what is published on this machine; write it only for want of it."
        ),
    ] = False,
    port: PortOption = 8361,
    no_browser: NoBrowserOption = False,
    no_pii: NoPersonalDataOption = False,
) -> None:
    """Write the documentation site anew from what is published; the data stays as it is."""
    place = Home.at(home)
    site = place.docs / "index.html"
    if not serve or not site.is_file():
        from flows.rewrite import rewrite_docs

        rewrite_docs(place)
    if serve:
        from pages.docs_server import PAGE, app
        from pages.serving import serve as serve_app

        served = app(place, personal_data=personal_data_shown(not no_pii))
        serve_app(served, what="the documentation", port=port, browser=not no_browser, path=PAGE)
    else:
        typer.echo(f"The documentation is at {site}")


@app.command()
def report(
    home: HomeOption = DEFAULT_HOME,
    no_pii: NoPersonalDataOption = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve it on this machine instead, with every customer to be found and where each "
            "figure comes from.",
        ),
    ] = False,
    sources: SourcesOption = None,
    port: PortOption = 8360,
    no_browser: NoBrowserOption = False,
) -> None:
    """Write the report anew from what is published: answers, charts and a customer finder.

    The page carries the most valuable customers; with --serve it finds all of them, and reads the
    warehouse only.
    """
    place = Home.at(home)
    if serve:
        from pages.report.server import PAGE, app
        from pages.serving import serve as serve_app

        shown = personal_data_shown(not no_pii)
        served = app(place, personal_data=shown, sources=sources)
        serve_app(served, what="the report", port=port, browser=not no_browser, path=PAGE)
    else:
        from flows.rewrite import rewrite_report

        rewrite_report(place, pii=personal_data_shown(not no_pii))
        typer.echo(f"The report is at {place.report / 'index.html'}")


sources = typer.Typer(
    no_args_is_help=True, help="Show how files would be read, and begin a sources file."
)
app.add_typer(sources, name="sources")

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the files.")]


@sources.command("check")
def sources_check(folder: FolderArgument, sources: SourcesOption = None) -> None:
    """Show what each file below a folder would be read as, and what to declare where unclear.

    Files are read whole, and nothing is written. The exit status is 1 when a file would be refused.
    """
    from flows.sources import print_check

    if not print_check(Console(), folder, sources):
        raise typer.Exit(1)


@sources.command("init")
def sources_init(
    folder: FolderArgument,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="File to write; it must not be there yet.")
    ] = Path("sources.yml"),
) -> None:
    """Write a sources file to begin with, for the files below a folder.

    It declares what `c360 sources check` suggests; what only you can know stands there as comments.
    """
    from flows.sources import write_sources

    write_sources(Console(), folder, to)


powerbi = typer.Typer(no_args_is_help=True, help="Work with the Power BI project.")
app.add_typer(powerbi, name="powerbi")


@powerbi.command("publish")
def powerbi_publish(
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="ID_OR_NAME", help="The Fabric workspace.")
    ],
    environment: Annotated[
        str,
        typer.Option("--environment", metavar="NAME", help="Whose values of parameter.yml count."),
    ],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be sent; contact nobody, sign in nowhere."),
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="DIR", help="The project; by default that in powerbi/."),
    ] = None,
) -> None:
    """Send the semantic model and the report to a Fabric workspace.

    They take the place of what is there under the same names; refresh the model afterwards.
    """
    from flows.powerbi import print_published, publish

    console = Console()
    with console.status(f"Publishing to the workspace {workspace}"):
        items = publish(source or project_dir() / "powerbi", workspace, environment, dry_run)
    print_published(console, items, workspace, dry_run)


def _run(progress: "Progress", **request: "Unpack[Request]") -> None:
    """Go through a run and print what came out."""
    from flows.summary import print_summary

    print_summary(progress.console or Console(), _summary(progress, **request))


def _summary(progress: "Progress", **request: "Unpack[Request]") -> "Summary":
    """Go through a run in this process, or in Prefect where its server is named."""
    from flows.progress import followed

    with _interruptible(), followed(progress):
        if os.environ.get("PREFECT_API_URL"):
            from flows.asked import checked

            checked(**request)  # before Prefect keeps any of it
            # The console shows the run's own lines; Prefect's go to the run's log.
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
            try:
                from flows import flow
            except ModuleNotFoundError as error:
                raise C360Error(
                    f"PREFECT_API_URL is set, but Prefect is not installed ({error.name} is "
                    "missing). Run `make setup` in the project's folder, or unset it to run "
                    "without Prefect."
                ) from error
            try:
                return flow.customer_360(**request)
            finally:
                flow.close()
        from flows.run import customer_360

        return customer_360(**request)


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


@contextmanager
def _noted(note: str) -> Iterator[None]:
    """Say with a failure what stays done."""
    try:
        yield
    except C360Error as error:
        error.add_note(note)
        raise


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise C360Error(
            "Interrupted. What is published is whole; the next run puts the rest in order."
        ) from None


def main() -> None:
    """Run the command; a failure is one line on stderr and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks a character is no failure
    # What dbt imports has the log written to the console, unless somebody else takes care of it.
    logging.getLogger().addHandler(logging.NullHandler())
    atexit.register(_end_quietly)  # the first that is registered is the last that is done
    status = _call()
    atexit.unregister(gc.unfreeze)
    sys.exit(status)


def _end_quietly() -> None:
    """Leave what dbt kept as it is: to clear it up would take a second, and the process ends.

    DuckDB complains then, on stderr, about what it in turn has to leave behind.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _call() -> int:
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no news
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if type(error).__name__ in ("BinderException", "CatalogException"):  # DuckDB's
            error.add_note(
                "The warehouse is as another version of the product left it; `c360 run` brings it "
                "up to date"
            )
        typer.echo(f"c360: {told(error)}", err=True)
        return 1
    return 0
