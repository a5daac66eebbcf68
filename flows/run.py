"""The steps of one run, in order, as methods of what it has so far; `flow` makes tasks of them."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from flows import progress
from flows import publish as publishing
from flows.dbt_run import DbtRun
from flows.home import DEFAULT_HOME, Home, project_dir
from flows.publish import Published, PublishedEntity
from flows.summary import Summary, read_results
from ingest import api, landing
from ingest.contract import load_contract
from ingest.errors import C360Error, InputError
from ingest.lake import LocalLake
from ingest.manifest import committed_batches, new_batch_id, read_manifests, utc_now
from ingest.paths import silver_version

logger = logging.getLogger(__name__)

SILVER = "+path:models/silver"  # with what it is made from: seeds and staging


class Run:
    """One run on one home: takes what arrived from files to published answers.

    Prefect looks into lists and dataclasses that tasks are given; it leaves a plain object alone.
    """

    def __init__(self, home: Home, input_dir: Path | None, api_url: str | None) -> None:
        """Begin a run; its id is that of the batch it lands and of the silver version it builds."""
        self.home = home
        self.input_dir = input_dir
        self.api_url = api_url
        self.lake = LocalLake(home.lake)
        self.contract = load_contract(project_dir())
        self.progress = progress.current()
        self.warnings: list[str] = []
        current = publishing.published(self.lake)
        before = [*committed_batches(self.lake), *([current.version] if current else [])]
        self.id = new_batch_id(before)
        self.dbt = DbtRun(home, home.staged_warehouse, self.id)
        self._batch: landing.Batch | None = None
        self._copied: publishing.WarehouseState | None = None
        self._summary: Summary | None = None

    @property
    def api_sources(self) -> list[api.Source]:
        """The API's endpoints to pull; none without an API."""
        return list(api.load_sources().values()) if self.api_url else []

    def recover(self) -> None:
        """Put right what a killed run left."""
        with self.progress.step("Look for what an earlier run left") as step:
            done = publishing.recover(self.home, self.lake)
            leftovers = landing.remove_uncommitted(self.lake)
            if leftovers:
                logger.info("removed uncommitted batches: %s", ", ".join(leftovers))
            self._copied = publishing.stage_warehouse(self.home)
            publishing.tidy(self.home, self.lake, before=self.id)
            step.done = done or (
                "Removed files of a run that was cut short"
                if leftovers
                else "Found the home in order"
            )

    def land_files(self) -> None:
        """Land the input folder's files in the batch."""
        if self.input_dir is None:
            return
        with self.progress.step("Land files") as step:
            total = sum(path.stat().st_size for path in _files(self.input_dir))
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

    def pull_api(self, source: api.Source) -> None:
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
        """Make the batch count; stop the run when something in it is in quarantine."""
        result = landing.commit(self._open_batch())
        self.warnings += result.warnings
        result.raise_for_quarantine()
        if not committed_batches(self.lake):
            if self.input_dir is None:
                raise InputError(
                    "There is nothing to build from. Give a folder of files with --input, an API "
                    "with --api, or both."
                )
            names = ", ".join(f"{entity.file_prefix}.csv" for entity in self.contract.values())
            raise InputError(f"{self.input_dir} has none of the files that are known: {names}.")
        if self.home.demo.exists() and self.input_dir != self.home.demo_input:
            self.warnings.append(f"{self.home.root} also holds the data of `c360 demo`.")
        if result.batch_id is None:
            self.warnings.append("Nothing new arrived; everything was built again from the lake.")

    def build_silver(self) -> None:
        """Build silver from bronze, with its tests."""
        with self.progress.step("Read the dbt project") as step:
            self.dbt.parse()
            step.done = "Read the dbt project"
        self._build("silver", "--select", SILVER)

    def build_marts(self) -> None:
        """Build gold, the marts and the snapshots from silver, with their tests."""
        self._build("gold and marts", "--exclude", SILVER)

    def write_docs(self) -> None:
        """Write the documentation site, and close the warehouse under construction."""
        with self.progress.step("Write the documentation") as step:
            self.dbt.write_docs(self.home.staged_docs)
            self.dbt.close()
            step.done = "Wrote the documentation"

    def read_answers(self) -> None:
        """Read the headline answers now, so that a failure keeps the build from being published."""
        with self.progress.step("Read the answers") as step:
            self.dbt.inspect(self.home.staged_warehouse)
            self.warnings += self.dbt.warnings
            arrived = {
                record.entity
                for manifest in read_manifests(self.lake)
                for record in manifest.files
                if record.outcome == "landed"
            }
            self._summary = Summary(
                home=self.home,
                version=self.id,
                results=read_results(self.home.staged_warehouse),
                absent=[entity for entity in self.contract if entity not in arrived],
                warnings=self.warnings,
                steps=self.progress.steps,
                nodes=self.dbt.nodes,
            )
            step.done = "Read the answers"

    def publish(self) -> Summary:
        """Make it all visible at once."""
        assert self._summary
        assert self._copied
        with self.progress.step("Publish") as step:
            current = publishing.published(self.lake)
            new = Published(
                version=self.id,
                published_at=utc_now(),
                batches=committed_batches(self.lake),
                entities={
                    each.entity: PublishedEntity(
                        silver_version(each.entity, self.id), each.published
                    )
                    for each in self._summary.results.entities
                },
                previous=current.version if current else None,
            )
            publishing.publish(self.home, self.lake, new, self._copied)
            step.done = f"Published {self.id}"
            try:
                publishing.tidy(self.home, self.lake, before=self.id)
            except (C360Error, duckdb.Error) as error:
                logger.warning("old versions stay until the next run: %s", error)
        return self._summary

    def _open_batch(self) -> landing.Batch:
        if self._batch is None:
            self._batch = landing.Batch(self.lake, self.contract, self.id)
        return self._batch

    def _build(self, what: str, *selection: str) -> None:
        with self.progress.step(f"Build {what}") as step:
            nodes = self.dbt.build(
                *selection,
                on_node=lambda name, number, count: step.detail(f"{number} of {count}, {name}"),
            )
            tests = sum(node.kind == "test" for node in nodes)
            step.done = (
                f"Built {what} ({_count(len(nodes) - tests, 'relation')}, {_count(tests, 'test')})"
            )


def checked_home(input_dir: str | None, target: str, home: str | None) -> Home:
    """Return the home to run in; raise when what is asked for cannot be."""
    if target != "local":
        raise C360Error(
            f"Target {target} is not part of this version. Leave --target out to run on this "
            "machine."
        )
    if input_dir and not Path(input_dir).is_dir():
        what = "is a file; give its folder" if Path(input_dir).exists() else "isn't there"
        raise InputError(f"The input folder {input_dir} {what}.")
    place = Home.at(home or os.environ.get("C360_HOME") or DEFAULT_HOME)
    place.prepare()
    return place


@contextmanager
def begun(
    input_dir: str | None, api_url: str | None, target: str, home: str | None
) -> Iterator[Run]:
    """Check what was asked for, take the home for one run, and give the run its log file."""
    place = checked_home(input_dir, target, home)
    with place.lock():
        run = Run(place, Path(input_dir).resolve() if input_dir else None, api_url)
        log_file = place.log_file(run.id)
        with progress.logged_to(log_file):
            try:
                yield run
            except BaseException as error:
                logger.exception("the run failed")
                error.add_note(f"The log is {log_file}")
                raise
            finally:
                run.dbt.close()


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:  # landing says what is wrong with the folder
        return []


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
