"""A run on this machine: everything is built beside what is published, then published at once."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from flows import forgetting
from flows.asked import Asked
from flows.base_run import SILVER, Run, move_old_layout
from flows.steps import Step
from flows.summary import pages_of
from ingest.declared import text_keys
from ingest.deliveries import delivery_notes
from lake import versions
from lake.clock import utc_now
from lake.errors import C360Error
from lake.local import LocalLake
from lake.manifest import committed_batches, file_entries, remembered
from lake.versions import Published
from pages import docs_site
from warehouse import kept_versions, staged, traces
from warehouse import publish as publishing
from warehouse.answers import EntityCounts, read_answers, read_counts
from warehouse.connection import built_states, made_with, open_warehouse, read_only
from warehouse.dbt_run import DbtRun
from warehouse.delivery_tables import load_delivery_notes
from warehouse.home import Home, project_dir
from warehouse.identity_tables import load_tables
from warehouse.project_code import project_code
from warehouse.publish import entities_of
from warehouse.staged import WarehouseState

logger = logging.getLogger(__name__)

# What data can change where the project is the same: no seed, no view and no test of a seed.
SILVER_BUT_SEEDS = "path:models/silver"
MARTS_BUT_VIEWS = (
    *("--select", "path:models/gold"),
    *(
        "path:models/marts,config.materialized:incremental",
        "path:models/marts,config.materialized:table",
    ),
    "path:models/marts,resource_type:test",
)


@contextmanager
def opened(home: Home, asked: Asked) -> Iterator["LocalRun"]:
    """Begin a run on this machine."""
    lake = LocalLake(home.lake)
    move_old_layout(lake)
    with remembered(lake):
        yield LocalRun(home, lake, asked)


class LocalRun(Run):
    """A run whose layers are Parquet files in the home and one DuckDB file."""

    target = "local"

    def __init__(self, home: Home, lake: LocalLake, asked: Asked) -> None:
        """Begin the run; nothing changes yet."""
        super().__init__(home, lake, asked)
        self.dbt = DbtRun(home, home.staged_warehouse, self.id)
        self._copied: WarehouseState | None = None
        # Whether seeds, views and documentation are this very project's, by the same declarations,
        # and can stay.
        self._same_project = False

    @property
    def steps_of_target(self) -> list[Step]:
        """Everything is built and read before anything is published."""
        return [
            Step("stage warehouse", self.stage_warehouse),
            Step("build silver", self.build_silver),
            Step("match customers", self.match_customers),
            Step("build gold and marts", self.build_marts),
            Step("write documentation", self.write_docs),
            Step("read answers", self.read_answers),
            Step("write report", self.write_report),
            Step("publish", self.publish),
        ]

    @property
    def dbts(self) -> list[DbtRun]:
        """dbt on DuckDB."""
        return [self.dbt]

    def recover(self) -> None:
        """Put right what a killed run left."""
        with self.progress.step("Look for what an earlier run left") as step:
            completed = publishing.recover(self.home, self.lake)
            removed = self._recover_lake()
            staged.check_free(self.home)
            self._tidy()
            step.done = completed or removed or "Found the home in order"
        self._read_again()

    def published_counts(self, current: Published) -> list[EntityCounts] | None:
        """Return the rows published; None when something of it is gone, or changed since."""
        if not (
            staged.is_untouched(self.home, self.lake)
            and staged.is_whole(self.home.warehouse, self.lake)
            and self._is_documented
        ):
            return None
        with read_only(self.home.warehouse) as connection:
            return read_counts(lambda sql: connection.execute(sql).fetchall())

    @property
    def _is_documented(self) -> bool:
        return pages_of(self.home)["documentation"].exists()

    def rewrite_pages(self, current: Published) -> None:
        """Write the report anew, from what is published; the documentation is there."""
        with open_warehouse(self.home) as connection:
            self._write_report(
                lambda sql: connection.execute(sql).fetchall(), current.version, marts="marts"
            )
        publishing.exchange_pages(self.home)
        shutil.rmtree(self.home.staging, ignore_errors=True)

    def stage_warehouse(self) -> None:
        """Copy the published warehouse, to build on it."""
        with self.progress.step("Copy the warehouse") as step:
            self._copied = staged.stage_warehouse(self.home)
            if not self.home.warehouse.exists():
                step.done = "Began a warehouse"
                return
            step.done = "Copied the warehouse"
        made_alike = made_with(self.home.staged_warehouse) == project_code(project_dir(), "all")
        if not staged.is_whole(self.home.staged_warehouse, self.lake):
            self.full = True
            self._warn(
                "Files of silver are gone, or the home was moved; everything is built anew from "
                "the lake."
            )
        current = versions.published(self.lake)
        is_of_this_code = current is not None and current.code == self.code
        self._same_project = (
            made_alike and is_of_this_code and self._is_documented and not self.full
        )

    def build_silver(self) -> None:
        """Build silver from bronze, with its tests."""
        self.dbt.take_memory_for(sum(entry.rows for entry in file_entries(self.lake)))
        with self.progress.step("Read the dbt project") as step:
            self.dbt.parse()
            step.done = "Read the dbt project"
        self._build_silver(self.dbt, SILVER_BUT_SEEDS if self._same_project else SILVER)

    def match_customers(self) -> None:
        """Find out which customers are one person."""
        built = self.dbt.query("select relation, state from staging.built")
        states = {relation: json.loads(state) for relation, state in built}
        load_tables(self.dbt.query, self.lake, self._match(entities_of(states)))
        load_delivery_notes(self.dbt.query, delivery_notes(file_entries(self.lake), self.id))

    def build_marts(self) -> None:
        """Build gold and the marts from silver, with their tests."""
        self._put_snapshots_aside(self.dbt)
        selection = MARTS_BUT_VIEWS if self._same_project else ("--exclude", SILVER)
        self._build(self.dbt, "gold and marts", *selection)

    def write_docs(self) -> None:
        """Write the documentation site, and close the warehouse under construction."""
        if self._same_project:
            self.dbt.close()  # it tells of the project, not of rows
            return
        with self.progress.step("Write the documentation") as step:
            docs_site.write(self.dbt.document(), project_dir(), self.home.staged_docs)
            self.dbt.close()
            step.done = "Wrote the documentation"

    def read_answers(self) -> None:
        """Read the headline answers now, so that a failure keeps the build from being published."""
        with self.progress.step("Read the answers") as step:
            self.dbt.inspect(self.home.staged_warehouse)
            self._summary = self._summarize(self.id, read_answers(self.home.staged_warehouse))
            step.done = "Read the answers"

    def write_report(self) -> None:
        """Write the report from the warehouse under construction."""
        assert self._summary
        with read_only(self.home.staged_warehouse) as connection:
            self._write_report(
                lambda sql: connection.execute(sql).fetchall(),
                self.id,
                marts="marts",
                answers=self._summary.answers,
            )

    def publish(self) -> None:
        """Make it all visible at once."""
        assert self._copied
        with self.progress.step("Publish") as step:
            if self.forgets or self._expires:
                staged.rewrite_warehouse(self.home, forgetting.customer_ids(self.lake))
            current = versions.published(self.lake)
            new = Published(
                version=self.id,
                published_at=utc_now(),
                batches=committed_batches(self.lake),
                entities=entities_of(built_states(self.home.staged_warehouse)),
                previous=current.version if current else None,
                kept=self.kept_of(current),
                code=self.code,
                text_keys=text_keys(self.declarations),
                identity=self.matched.version if self.matched else None,
            )
            publishing.publish(self.home, self.lake, new, self._copied)
            step.done = f"Published {self.id}"
            try:
                self._tidy()
            except (C360Error, duckdb.Error) as error:
                logger.warning("old versions stay until the next run: %s", error)
        if self.forgets or self._expires:
            kept_versions.remove_kept(self.home, self.lake)
        self._kept_as_declared()
        if self.forgets:
            forgetting.published(self.lake)

    def prove(self) -> None:
        """Look through all that is left for whoever was forgotten, and certify it."""
        with self.progress.step("Look for whoever was forgotten") as step:
            shutil.rmtree(self.home.demo_input, ignore_errors=True)
            kept_versions.remove_kept(self.home, self.lake)
            with read_only(self.home.warehouse) as connection:
                told = forgetting.prove(
                    self.home,
                    self.lake,
                    lambda sql: connection.execute(sql).fetchall(),
                    traces.duckdb_contains,
                    [],
                    str(self.home.warehouse),
                )
            step.done = "Looked for whoever was forgotten"
        self._tell_at_the_end(told)

    def _tidy(self) -> None:
        publishing.tidy(self.home, self.lake, before=self.id, retention=self.declarations.versions)
