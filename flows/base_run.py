"""What every run is: the steps that it begins with, and how it goes through all of them.

What a run builds, and where, depends on its target: `local_run` and `azure_run` hold these steps.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from flows import forgetting, progress, rejections
from flows.asked import Asked
from flows.steps import Step
from flows.summary import Summary, pages_of, places_of
from identity import matching
from identity.settings import Settings
from ingest import api, batches, declared, landing, requests, retention, upgrade
from ingest.batch import Batch, commit, remove_uncommitted
from ingest.batches import reading_code
from ingest.contract import load_contract
from ingest.declarations import ApiSource
from ingest.deliveries import LATE, delivery_notes
from ingest.input_files import list_input
from lake import audit, paths, versions
from lake.clock import now
from lake.errors import C360Error, InputError, QuarantinedError
from lake.manifest import (
    committed_batches,
    file_entries,
    fold,
    new_batch_id,
    retracted_batches,
)
from lake.store import Lake
from lake.versions import Published, PublishedEntity
from pages.report import content, page
from warehouse.answers import Answers, EntityCounts, ask
from warehouse.connection import Query, memory_limit
from warehouse.dbt_run import DbtRun
from warehouse.home import Home, project_dir
from warehouse.project_code import project_code

logger = logging.getLogger(__name__)

_AS_MANY_ROWS = 65  # need the memory that a customer does when all are compared
SILVER = "+path:models/silver"  # with what it is made from: seeds and staging

# The tables that dbt snapshots kept, as long as they have these names.
_SNAPSHOTS = """
select kept.TABLE_NAME
from INFORMATION_SCHEMA.TABLES as kept
where
    kept.TABLE_SCHEMA = 'snapshots'
    and kept.TABLE_NAME in ('customers_history', 'loyalty_accounts_history')
    and not exists (
        select 1 from INFORMATION_SCHEMA.TABLES as aside
        where
            aside.TABLE_SCHEMA = 'snapshots'
            and aside.TABLE_NAME = concat(kept.TABLE_NAME, '_before')
    )
order by kept.TABLE_NAME
"""


class Run(ABC):
    """One run on one home: takes what arrived from files to published answers."""

    target = ""

    def __init__(self, home: Home, lake: Lake, asked: Asked) -> None:
        """Begin a run; its id is that of the batch it lands and of the silver version it builds."""
        self.home = home
        self.lake = lake
        self.asked = asked
        self.input_dir = asked.input_dir
        self.api_url = asked.api_url
        self.contract = load_contract(project_dir())
        self.declarations = asked.declarations
        # Of all that decides what is published: the project, then how bronze is read.
        code = project_code(project_dir(), "published")
        self.code = f"{code}-{reading_code(asked.declarations)}"
        self.progress = progress.current()
        self.warnings: list[str] = []
        current = versions.published(lake)
        before = [*committed_batches(lake), *retracted_batches(lake)]
        before += [*versions.kept_names(lake), *([current.version] if current else [])]
        self.id = new_batch_id(before)
        self._batch: Batch | None = None
        self._summary: Summary | None = None
        self._is_otherwise = False  # what is declared, or how what had arrived is read
        self.stays = False
        self.full = asked.full
        self.identity = Settings.of(asked.declarations.identity)
        self.matched: matching.Matched | None = None
        # Who asked to be forgotten, of whom not all is done yet.
        self.forgets = bool(requests.pending(lake))
        today = now().date()
        self._limits = retention.limits(self.contract, asked.declarations, today)
        self._expires = retention.is_due(lake, self._limits)

    @property
    def api_sources(self) -> list[ApiSource]:
        """The API's endpoints to pull; none without an API."""
        return list(self.declarations.apis) if self.api_url else []

    @property
    def steps(self) -> list[Step]:
        """All that the run does, in this order."""
        return [
            Step("recover", self.recover),
            *([Step("forget", self.forget)] if self.forgets else []),
            *([Step("keep no longer", self.expire)] if self._expires else []),
            Step("land files", self.land_files),
            *(
                Step(f"pull {source.name}", self.pull_api, (source,), retried=True)
                for source in self.api_sources
            ),
            Step("commit batch", self.commit_batch),
            *self.steps_of_target,
            *([Step("prove what was forgotten", self.prove, always=True)] if self.forgets else []),
        ]

    @property
    @abstractmethod
    def steps_of_target(self) -> list[Step]:
        """What the target does of a batch that counts, until its answers are published."""

    def go(self, carry_out: Callable[[Step], None]) -> Summary:
        """Go through the steps, each of which `carry_out` is given to do, as far as needed."""
        for step in self.steps:
            if step.always or not self.stays:
                carry_out(step)
        assert self._summary
        return self._summary

    @property
    @abstractmethod
    def dbts(self) -> list[DbtRun]:
        """dbt on each target that this run builds on, in their order."""

    def places(self) -> dict[str, object]:
        """Return where everything is."""
        return places_of(self.home)

    @abstractmethod
    def recover(self) -> None:
        """Put right what a killed run left."""

    @abstractmethod
    def published_counts(self, current: Published) -> list[EntityCounts] | None:
        """Return the rows published; None when something of it is gone, or changed since."""

    @abstractmethod
    def rewrite_pages(self, current: Published) -> None:
        """Write what people open anew, from what is published."""

    @abstractmethod
    def build_silver(self) -> None:
        """Build silver from bronze, with its tests."""

    @abstractmethod
    def build_marts(self) -> None:
        """Build gold and the marts from silver, with their tests."""

    @abstractmethod
    def read_answers(self) -> None:
        """Read the headline answers from what was built."""

    @abstractmethod
    def write_report(self) -> None:
        """Write the report that people open, beside the published one."""

    @abstractmethod
    def publish(self) -> None:
        """Make what was built visible at once."""

    @abstractmethod
    def write_docs(self) -> None:
        """Write the documentation site."""

    @abstractmethod
    def prove(self) -> None:
        """Look through all that is left for whoever was forgotten, and certify it."""

    def expire(self) -> None:
        """Take out of what arrived what is older than it is to be kept; all is then built anew."""
        with self.progress.step("Take out what was kept long enough") as step:
            taken = retention.expire(
                self.lake, self.contract, self.declarations, self._limits, step.detail
            )
            rows = taken.dropped if taken else 0
            step.done = f"Took out what was kept long enough ({_count(rows, 'row')})"
        if taken:
            audit.record(self.lake, "keep no longer", source="run", rows=rows, files=taken.files)
            self.full = True
        else:
            self._kept_as_declared()
            self._expires = False

    def _kept_as_declared(self) -> None:
        """Note that nothing is published that is older than it is to be kept."""
        if self._expires:
            retention.settled(self.lake, self._limits)

    def forget(self) -> None:
        """Take who asked for it out of what arrived, and of who is who; all is then built anew."""
        with self.progress.step("Forget who asked for it") as step:
            count = forgetting.take_out(
                self.lake, self.contract, self.declarations, on_file=step.detail
            )
            step.done = f"Took {_count(count, 'person')} out of what arrived"
        self.full = self.full or count > 0

    def kept_of(self, current: Published | None) -> list[str]:
        """Return the folders that stay for readers of the version before: none that names somebody.

        Who has its warehouse open finds its files gone then, and opens the new one.
        """
        return current.folders if current and not (self.forgets or self._expires) else []

    def land_files(self) -> None:
        """Land the input folder's files in the batch."""
        if self.input_dir is None:
            return
        with self.progress.step("Land files") as step:
            total = sum(_size(path) for path, _ in list_input(self.input_dir))
            landed = landing.land_files(
                self._open_batch(),
                self.input_dir,
                lambda done: step.detail(f"{_megabytes(done)} of {_megabytes(total)} MB"),
            )
            records = [record for record in landed.records if record.outcome == "landed"]
            known = f", {len(landed.duplicates)} known already" if landed.duplicates else ""
            step.done = (
                f"Landed {_count(len(records), 'file')}"
                f" ({_megabytes(sum(record.bytes for record in records))} MB){known}"
            )

    def pull_api(self, source: ApiSource) -> None:
        """Pull one endpoint's new records into the batch."""
        assert self.api_url
        with self.progress.step(f"Pull {source.name}") as step:
            pulled = api.land_api(
                self._open_batch(),
                source,
                self.api_url,
                on_progress=lambda done: step.detail(_count(done, "record")),
            )
            rows = sum(record.rows for record in pulled.records)
            step.done = f"Pulled {_count(rows, 'record')} of {source.name}"

    def commit_batch(self) -> None:
        """Make the batch count; stop when something in it is in quarantine, or nothing is new."""
        result = commit(self._open_batch())
        self.warnings += result.warnings
        try:
            result.raise_for_quarantine()
        except QuarantinedError as error:
            error.add_note(
                "Or declare how it is to be read, and let `c360 quarantine release --all` read it"
            )
            raise
        if not committed_batches(self.lake) and not retracted_batches(self.lake):
            if self.input_dir is None:
                raise InputError(
                    "There is nothing to build from. Give a folder of files with --input, an API "
                    "with --api, or both."
                )
            names = ", ".join(f"{entity.file_prefix}.csv" for entity in self.contract.values())
            raise InputError(f"{self.input_dir} has none of the files that are known: {names}.")
        if self.home.demo.exists() and self.input_dir != self.home.demo_input:
            self.warnings.append(f"{self.home.root} also holds the data of `c360 demo`.")
        self._declare()
        if not (self._is_otherwise or self.full):
            self._stay()
        if not self.stays:
            self._tell_of_rollback()

    def _tell_of_rollback(self) -> None:
        """Say that this run goes on from a version that somebody rolled back to."""
        current, entry = versions.published(self.lake), versions.rolled_back(self.lake)
        if not (current and entry):
            return
        lacking = sorted(set(committed_batches(self.lake)) - set(current.batches))
        taken = (
            f", and takes in again what that lacks: {', '.join(lacking)}. What is not wanted is "
            "taken back with `c360 retract BATCH`."
            if lacking
            else "."
        )
        self._warn(
            f"{current.version} was published again by {entry.by} at {entry.at}, in the place of "
            f"{entry.detail['from_version']}. This run goes on from it{taken}"
        )

    def _declare(self) -> None:
        """Leave in the lake what is declared of it now."""
        changed = declared.write(self.lake, self.declarations)
        if changed:
            self._is_otherwise = True
            self._warn(
                f"{self.declarations.path} declares otherwise than what the run before followed, "
                f"which changes the numbers: {'; '.join(changed)}."
            )

    def _stay(self) -> None:
        """End the run here if all would be built again as it is published."""
        current = versions.published(self.lake)
        if not current or not self._is_of_now(current):
            return
        counts = self.published_counts(current)
        if counts is None:
            self._warn(
                "Nothing new arrived, but what people open is not as the run before left it; it is "
                "built again."
            )
            return
        is_of_now = page.is_of(self.home.report, current.version, self.asked.pii)
        if not (is_of_now and pages_of(self.home)["documentation"].exists()):
            self.rewrite_pages(current)
        with self.progress.step(f"Nothing new arrived: {current.version} stays published"):
            self.stays = True
        for note in delivery_notes(file_entries(self.lake), self.id):
            if note.note == LATE:
                self._warn(f"{note}.")
        self._summary = self._summarize(current.version, None, counts)

    def _is_of_now(self, current: Published) -> bool:
        """Tell whether a version is of the batches that count, by the code and as declared now."""
        return (current.batches, current.code) == (
            committed_batches(self.lake),
            self.code,
        ) and matching.is_of_now(self.lake, self.identity, current.identity)

    def _open_batch(self) -> Batch:
        if self._batch is None:
            self._batch = Batch(self.lake, self.contract, self.declarations, self.id)
        return self._batch

    def _recover_lake(self) -> str | None:
        """Put right what a killed run left in the lake; return what was done, for the log."""
        self._check_nothing_lost()
        leftovers = remove_uncommitted(self.lake)
        if leftovers:
            logger.info("removed uncommitted batches: %s", ", ".join(leftovers))
        batches.settle(self.lake)
        fold(self.lake)
        return "Removed files of a run that was cut short" if leftovers else None

    def _check_nothing_lost(self) -> None:
        """Raise when batches that are published are no longer in the lake, nor taken back.

        Asked first of all: the files of a batch without a manifest are those of a killed run.
        """
        current = versions.published(self.lake)
        known = {*committed_batches(self.lake), *retracted_batches(self.lake)}
        lost = [batch for batch in (current.batches if current else ()) if batch not in known]
        if lost:
            raise C360Error(
                f"The lake {self.lake.uri('')} has lost what is published: no manifest of "
                f"{lost[0]}{f' and {len(lost) - 1:,} more batches' if len(lost) > 1 else ''} is in "
                f"it any more, so nothing was changed. Restore its folder {paths.MANIFESTS} from a "
                "backup; to begin anew, use another home or lake."
            )

    def _read_again(self) -> None:
        """Bring the rows in bronze up to date with how their sources are declared now."""
        if not batches.has_outdated(self.lake, self.contract, self.declarations):
            return
        self._is_otherwise = True
        with self.progress.step("Read again what is declared otherwise now") as step:
            done = batches.reread(
                self.lake, self.contract, self.declarations, self.id, on_file=step.detail
            )
            self.warnings += done.warnings
            why = (
                f"the declaration of {', '.join(sorted(done.declared))} changed"
                if done.declared
                else "they were read by an earlier version"
            )
            step.done = f"Read again {_count(done.files, 'file')}: {why}"

    def _build_silver(self, dbt: DbtRun, selection: str = SILVER) -> None:
        """Build silver as it is declared now; raise when most of what arrived cannot be used."""
        current = versions.published(self.lake)
        if current and (current.code or "").partition("-")[0] != self.code.partition("-")[0]:
            self._warn(
                "The project is not the one that built what is published; what depends on the "
                "change is built anew from the lake."
            )
        self._build(dbt, "silver", "--select", selection)
        problem = rejections.problem(
            dbt.query,
            self.lake,
            self.contract,
            self.declarations,
            current,
            rejections.most_rejected_share(project_dir()),
            personal_data=self.asked.pii,
        )
        if not problem:
            return
        if not self.asked.accept_rejected:
            raise InputError(
                f"Nothing was published. {problem} To publish without these rows, run again with "
                "--accept-rejected."
            )
        self._warn(f"Published without most of what arrived, as asked. {problem}")

    def _put_snapshots_aside(self, dbt: DbtRun) -> None:
        """Keep the histories of an earlier version of the product, which had dbt snapshot them."""
        found = [name for (name,) in dbt.query(_SNAPSHOTS)]
        if not found:
            return
        dbt.run_operation("put_snapshots_aside", tables=found)
        computed = ", ".join(f"silver.{name}" for name in found)
        kept = ", ".join(f"snapshots.{name}_before" for name in found)
        self._warn(
            "The history of customers and loyalty accounts is now computed from all rows that "
            f"arrived ({computed}). What an earlier version noted run by run is kept as it was "
            f"({kept}), and nothing is added to it."
        )

    def _match(self, entities: dict[str, PublishedEntity]) -> str | None:
        """Find out who is who among silver's customers; return the version that says it."""
        with self.progress.step("Find out who is who") as step:
            self.home.staging.mkdir(parents=True, exist_ok=True)
            self.matched = matching.match(
                self.lake,
                entities,
                self.identity,
                self.id,
                spill_to=self.home.staging,
                memory=memory_limit(_AS_MANY_ROWS * entities["customers"].rows),
            )
            step.done = _who_is_who(self.matched)
        for sentence in self.matched.told:
            self._warn(sentence)
        return self.matched.version

    def _warn(self, text: str) -> None:
        logger.warning("%s", text)
        self.warnings.append(text)

    def _tell_at_the_end(self, sentences: Sequence[str]) -> None:
        """Tell what came out after the answers were put together."""
        for sentence in sentences:
            self._warn(sentence)
        if self._summary:
            self._summary.warnings += sentences

    def _build(self, dbt: DbtRun, what: str, *selection: str) -> None:
        with self.progress.step(f"Build {what}") as step:
            nodes = dbt.build(
                *selection,
                full_refresh=self.full,
                on_node=lambda name, number, count: step.detail(f"{number} of {count}, {name}"),
            )
            tests = sum(node.kind == "test" for node in nodes)
            step.done = (
                f"Built {what} ({_count(len(nodes) - tests, 'relation')}, {_count(tests, 'test')})"
            )

    def _write_report(
        self, query: Query, version: str, marts: str, answers: Answers | None = None
    ) -> None:
        """Write it with these answers, or those that the query gives."""
        with self.progress.step("Write the report") as step:
            pii = self.asked.pii
            composed = content.compose(
                answers or ask(query, marts),
                version=version,
                personal_data=pii,
                customers=content.read_customers(query, marts, personal_data=pii),
            )
            page.write(self.home.staged_report, composed)
            step.done = "Wrote the report"

    def _summarize(
        self, version: str, answers: Answers | None, counts: Sequence[EntityCounts] = ()
    ) -> Summary:
        arrived = {each.entity for each in file_entries(self.lake) if each.outcome == "landed"}
        return Summary(
            home=self.home,
            version=version,
            answers=answers,
            counts=list(counts),
            absent=[entity for entity in self.contract if entity not in arrived],
            warnings=self.warnings + [warning for dbt in self.dbts for warning in dbt.warnings],
            steps=self.progress.steps,
            nodes=[node for dbt in self.dbts for node in dbt.nodes],
            places=self.places(),
            personal_data=self.asked.pii,
        )


def _who_is_who(matched: matching.Matched) -> str:
    if not matched.version:
        return "Left customers as they are: matching is not wanted"
    return (
        f"Found {_count(matched.persons, 'person')} behind {_count(matched.customers, 'customer')}"
        + (f", {_count(matched.waiting, 'pair')} to review" if matched.waiting else "")
    )


def move_old_layout(lake: Lake) -> None:
    """Move a lake of the first version to today's layout; the caller holds the lake."""
    if upgrade.is_needed(lake):
        with progress.current().step("Move the lake to its new layout") as step:
            step.done = upgrade.upgrade(lake) or ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # landing says what is wrong with it
        return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
