"""The steps that every run begins with, as methods of what it has so far.

`flow` makes tasks of them. What a run builds, and where, depends on its target: `local_run` and
`azure_run` hold the rest.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from flows import progress
from flows.dbt_run import DbtRun, Query
from flows.home import DEFAULT_HOME, Home, personal_data_shown, project_dir
from flows.summary import Results, Summary
from ingest import api, landing
from ingest.contract import load_contract
from lake import versions
from lake.errors import C360Error, InputError
from lake.manifest import committed_batches, new_batch_id, read_manifests
from lake.store import Lake
from report import content, page

logger = logging.getLogger(__name__)

SILVER = "+path:models/silver"  # with what it is made from: seeds and staging


class Run(ABC):
    """One run on one home: takes what arrived from files to published answers.

    Prefect looks into lists and dataclasses that tasks are given; it leaves a plain object alone.
    """

    target = ""

    def __init__(
        self, home: Home, lake: Lake, input_dir: Path | None, api_url: str | None, pii: bool
    ) -> None:
        """Begin a run; its id is that of the batch it lands and of the silver version it builds."""
        self.home = home
        self.lake = lake
        self.input_dir = input_dir
        self.api_url = api_url
        self.pii = pii
        self.contract = load_contract(project_dir())
        self.progress = progress.current()
        self.warnings: list[str] = []
        current = versions.published(lake)
        before = [*committed_batches(lake), *([current.version] if current else [])]
        self.id = new_batch_id(before)
        self._batch: landing.Batch | None = None
        self._nothing_new = False
        self._summary: Summary | None = None

    @property
    def api_sources(self) -> list[api.Source]:
        """The API's endpoints to pull; none without an API."""
        return list(api.load_sources().values()) if self.api_url else []

    @property
    @abstractmethod
    def dbts(self) -> list[DbtRun]:
        """dbt on each target that this run builds on, in their order."""

    @abstractmethod
    def recover(self) -> None:
        """Put right what a killed run left."""

    @abstractmethod
    def build_silver(self) -> None:
        """Build silver from bronze, with its tests."""

    @abstractmethod
    def build_marts(self) -> None:
        """Build gold, the marts and the snapshots from silver, with their tests."""

    @abstractmethod
    def read_answers(self) -> None:
        """Read the headline answers from what was built."""

    @abstractmethod
    def write_report(self) -> None:
        """Write the report that people open, beside the published one."""

    @abstractmethod
    def publish(self) -> Summary:
        """Make what was built visible at once."""

    @abstractmethod
    def write_docs(self) -> None:
        """Write the documentation site."""

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
        self._nothing_new = result.batch_id is None

    def _open_batch(self) -> landing.Batch:
        if self._batch is None:
            self._batch = landing.Batch(self.lake, self.contract, self.id)
        return self._batch

    def _build_silver(self, dbt: DbtRun) -> None:
        if self._nothing_new:
            self.warnings.append("Nothing new arrived; everything was built again from the lake.")
        self._build(dbt, "silver", "--select", SILVER)

    def _build(self, dbt: DbtRun, what: str, *selection: str) -> None:
        with self.progress.step(f"Build {what}") as step:
            nodes = dbt.build(
                *selection,
                on_node=lambda name, number, count: step.detail(f"{number} of {count}, {name}"),
            )
            tests = sum(node.kind == "test" for node in nodes)
            step.done = (
                f"Built {what} ({_count(len(nodes) - tests, 'relation')}, {_count(tests, 'test')})"
            )

    def _write_report(self, query: Query, version: str, marts: str) -> None:
        with self.progress.step("Write the report") as step:
            page.write(
                self.home.staged_report,
                content.read(query, version=version, marts=marts, personal_data=self.pii),
            )
            step.done = "Wrote the report"

    def _summarize(self, version: str, results: Results) -> Summary:
        arrived = {
            record.entity
            for manifest in read_manifests(self.lake)
            for record in manifest.files
            if record.outcome == "landed"
        }
        return Summary(
            home=self.home,
            version=version,
            results=results,
            absent=[entity for entity in self.contract if entity not in arrived],
            warnings=self.warnings + [warning for dbt in self.dbts for warning in dbt.warnings],
            steps=self.progress.steps,
            nodes=[node for dbt in self.dbts for node in dbt.nodes],
        )


def checked_home(input_dir: str | None, target: str, home: str | None) -> Home:
    """Return the home to run in; raise when what is asked for cannot be."""
    if target == "azure":
        from flows.azure_run import check_settings

        check_settings()
    elif target != "local":
        raise C360Error(f"There is no target {target}; it is local or azure.")
    if input_dir and not Path(input_dir).is_dir():
        if Path(input_dir).exists():
            raise InputError(f"The input folder {input_dir} is a file; give its folder.")
        raise InputError(
            f"The input folder {input_dir} isn't there. Make {Path(input_dir).absolute()}, or give "
            "another one."
        )
    place = Home.at(home or os.environ.get("C360_HOME") or DEFAULT_HOME)
    location = os.environ.get("C360_LAKE", "")
    if target == "local" and "://" in location:
        raise C360Error(
            f"C360_LAKE is {location}, but a run on target local keeps its lake in {place.lake}. "
            "Run on the other one with --target azure, or unset C360_LAKE."
        )
    place.prepare()
    return place


@contextmanager
def begun(
    input_dir: str | None, api_url: str | None, target: str, home: str | None, pii: bool | None
) -> Iterator[Run]:
    """Check what was asked for, take the home for one run, and give the run its log file.

    With `pii` the report shows personal data; C360_NO_PII decides when it is None.
    """
    if pii is None:
        pii = personal_data_shown()
    place = checked_home(input_dir, target, home)
    folder = Path(input_dir).resolve() if input_dir else None
    with place.lock(), _opener(target)(place, folder, api_url, pii) as run:
        log_file = place.new_log_file(run.id)
        with progress.logged_to(log_file):
            try:
                yield run
            except BaseException as error:
                logger.exception("the run failed")
                error.add_note(f"The log is {log_file}")
                raise
            finally:
                for dbt in run.dbts:
                    dbt.close()


def _opener(
    target: str,
) -> Callable[[Home, Path | None, str | None, bool], AbstractContextManager[Run]]:
    if target == "azure":
        from flows import azure_run

        return azure_run.opened
    from flows import local_run

    return local_run.opened


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:  # landing says what is wrong with the folder
        return []


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
