"""A run on Azure: bronze and silver in the lake, gold and marts in a database.

The database is Azure SQL Database, or a Warehouse of Microsoft Fabric (azure_settings).

Silver is built by the serverless pool in folders of a new version and published when its tests have
passed. Gold and the marts are built from the published version beside those that people use
(schemas `gold_next`, `marts_next`), tested there, and take their place in one transaction. So a run
that fails or is killed leaves every reader with a whole version, and the next run goes on with what
is published already.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from flows import forgetting
from flows.asked import Asked
from flows.azure_settings import LAKE_VARIABLE, check_settings, database_target
from flows.base_run import Run, move_old_layout
from flows.progress import Progress
from flows.steps import Step
from flows.summary import pages_of
from identity import store as identity_store
from ingest.declared import text_keys
from ingest.deliveries import delivery_notes
from lake import paths, versions
from lake.clock import utc_now
from lake.errors import C360Error, InputError
from lake.manifest import committed_batches, file_entries, remembered
from lake.opening import open_lake
from lake.store import Lake
from lake.versions import Published
from pages import docs_site
from warehouse import azure_sql, traces
from warehouse import publish as publishing
from warehouse.answers import EntityCounts, ask, read_counts
from warehouse.dbt_run import DbtRun
from warehouse.home import Home, project_dir
from warehouse.odbc import use_packaged_driver
from warehouse.project_code import project_code
from warehouse.publish import entities_of
from warehouse.receivers import NAMES, noted
from warehouse.silver_files import count_rows
from warehouse.synapse import built_states

logger = logging.getLogger(__name__)

ACCESS_VARIABLE = "C360_SILVER_ACCESS"

NEXT = "_next"  # after the names of schemas that are under construction


@contextmanager
def opened(home: Home, asked: Asked, kind: "type[AzureRun] | None" = None) -> Iterator["AzureRun"]:
    """Begin a run (or another kind of one) on the lake, which no other has until this one ends."""
    use_packaged_driver(home.odbc)
    lake = open_lake(os.environ[LAKE_VARIABLE])
    with lake.exclusive():
        move_old_layout(lake)
        with remembered(lake):
            run = (kind or AzureRun)(home, lake, asked)
            try:
                yield run
            except Exception as error:
                error.add_note(run.standing())
                raise


def load_published(home: Home, progress: Progress) -> None:
    """Copy what is published into the database: behind `c360 load`."""
    check_settings()
    home.prepare()
    lake = open_lake(os.environ[LAKE_VARIABLE])
    with home.lock(), lake.exclusive():
        published = _published(lake)
        dbt = target_dbt(home, database_target(), published.version)
        _load(lake, published, dbt, progress, again=True)


def published_on_azure(home: Home) -> tuple[Lake, str | None, list[EntityCounts]]:
    """Return the lake, the silver version that gold is made from, and the rows per entity.

    There are none of these while no silver was loaded, as after a first run that failed.
    """
    lake, _, database = opened_to_read(home)
    counts = read_counts(database.query) if noted(database, "silver") else []
    return lake, gold_version(database), counts


def opened_to_read(home: Home) -> tuple[Lake, Published, DbtRun]:
    """Return the lake, what is published in it, and dbt on the database to ask."""
    check_settings()
    home.prepare()
    lake = open_lake(os.environ[LAKE_VARIABLE])
    return lake, _published(lake), database(home)


def database(home: Home) -> DbtRun:
    """Return what asks the database that gold and the marts are in."""
    return target_dbt(home, database_target())


def check_pool(silver: DbtRun) -> None:
    """Raise when Synapse does not let this run in, and say what to look at."""
    if not silver.adapter.config.credentials.host:
        raise C360Error(
            "C360_SYNAPSE_SERVER is not set. Set it to the name of the workspace's serverless "
            "endpoint, such as <workspace>-ondemand.sql.azuresynapse.net."
        )
    try:
        silver.query("select 1 as answer")
    except C360Error as error:
        raise C360Error(
            f"{str(error).rstrip('.')}. Check C360_SYNAPSE_SERVER and the workspace's firewall, "
            "how you sign in (az login, or C360_SYNAPSE_AUTHENTICATION), and that "
            "C360_SYNAPSE_DATABASE was made (c360 azure setup).",
            error.passing,
        ) from error


def check_database(database: DbtRun) -> None:
    """Raise when the database does not let this run in, and say what to look at."""
    credentials = database.adapter.config.credentials
    if database.target == "azure_sql":
        azure_sql.connect(credentials).close()
        return
    try:
        database.query("select 1 as answer")
    except C360Error as error:
        raise C360Error(
            f"{str(error).rstrip('.')}. Check that C360_FABRIC_SERVER is the SQL connection string "
            "of the Warehouse (its settings show it), that C360_FABRIC_WAREHOUSE is its name, how "
            "you sign in (az login, or C360_FABRIC_AUTHENTICATION), and that you are a Contributor "
            "of its workspace.",
            error.passing,
        ) from error


def gold_version(database: DbtRun) -> str | None:
    """Return the silver version that gold in the database is made from."""
    return noted(database, "gold")


def _published(lake: Lake) -> Published:
    published = versions.published(lake)
    if published is None:
        raise InputError(
            f"Nothing is published in {os.environ[LAKE_VARIABLE]} yet; run "
            "`c360 run --target azure` first."
        )
    return published


def _load(
    lake: Lake,
    published: Published,
    dbt: DbtRun,
    progress: Progress,
    again: bool = False,
    attached: bool = False,
) -> None:
    """Copy silver, unless it is attached, and who is who."""
    from warehouse.load import load, load_delivery_notes, load_identity, load_runs

    if not attached:
        with progress.step("Load silver") as step:
            rows = load(
                lake,
                published,
                dbt,
                lambda entity, done, total: step.detail(f"{entity}, {done:,} of {total:,} rows"),
                again=again,
            )
            step.done = (
                f"Loaded silver {published.version} ({rows:,} rows)"
                if rows is not None
                else f"Silver {published.version} is loaded already"
            )
    with progress.step("Load who is who") as step:
        rows = load_identity(
            lake,
            published.identity,
            dbt,
            lambda table, done, total: step.detail(f"{table}, {done:,} of {total:,} rows"),
        )
        step.done = (
            f"Loaded who is who ({rows:,} rows)"
            if rows is not None
            else "Who is who is loaded already"
        )
    with progress.step("Load the history of runs") as step:
        step.done = f"Loaded the history of runs ({load_runs(lake, dbt):,} steps)"
        arrived = [each for each in file_entries(lake) if each.batch_id in published.batches]
        load_delivery_notes(lake, dbt, delivery_notes(arrived, published.version))


def deleted_files(lake: Lake) -> str:
    """Tell how long the storage account keeps what is deleted, as far as it says so."""
    days = getattr(lake, "days_deleted_are_kept", lambda: None)()
    if days is None:
        return (
            "Whether the storage account keeps deleted files (soft delete) or earlier versions of "
            "them could not be found out: look at its data protection settings."
        )
    if days == 0:
        return "The storage account keeps no deleted files (soft delete is off)."
    return (
        f"The storage account keeps deleted files for {days} days (soft delete): what was taken "
        "out can be restored until then. Snapshots and versions of blobs are to be off."
    )


def target_dbt(
    home: Home, target: str, version: str = "", suffix: str = "", **others: str
) -> DbtRun:
    """Return dbt on one of the two servers; `others` are further variables for it."""
    environment = {
        LAKE_VARIABLE: os.environ[LAKE_VARIABLE],
        "C360_SCHEMA_SUFFIX": suffix,
        "C360_CODE": project_code(project_dir(), "silver" if target == "synapse" else "gold"),
        **others,
    }
    return DbtRun(home, None, version, target=target, **environment)


class AzureRun(Run):
    """A run whose layers are Parquet files in ADLS Gen2 and tables in a database."""

    target = "azure"

    def __init__(self, home: Home, lake: Lake, asked: Asked) -> None:
        """Begin the run; nothing changes yet."""
        super().__init__(home, lake, asked)
        self.published, self._published_tag = versions.published_with_tag(lake)
        self.silver = target_dbt(home, "synapse", self.id)
        self.gold = target_dbt(home, database_target(), suffix=NEXT)
        self.database = database(home)
        self._resumed = False

    @property
    def steps_of_target(self) -> list[Step]:
        """Silver is published as soon as it is tested; the database takes it from there."""
        return [
            Step("build silver", self.build_silver),
            Step("match customers", self.match_customers),
            Step("publish silver", self.publish_silver),
            Step("load silver", self.load_silver),
            Step("build gold and marts", self.build_marts),
            Step("read answers", self.read_answers),
            Step("write report", self.write_report),
            Step("publish", self.publish),
            Step("write documentation", self.write_docs),
        ]

    @property
    def dbts(self) -> list[DbtRun]:
        """dbt on Synapse, and on the database."""
        return [self.silver, self.gold]

    def standing(self) -> str:
        """Tell what a failure leaves, and what to do."""
        silver = self.published.version if self.published else "none"
        failed = next((step.doing for step in reversed(self.progress.steps) if not step.done), None)
        where = f"The step that failed: {failed}. " if failed else ""
        return (
            f"{where}Published silver: {silver}; gold and the marts are whole. Run `c360 run "
            "--target azure` again: it goes on from what is published"
        )

    def recover(self) -> None:
        """See that both servers answer, and remove what a killed run left in the lake."""
        with self.progress.step("Connect") as step:
            check_pool(self.silver)
            check_database(self.database)
            step.done = f"Connected to Synapse and {NAMES[self.database.target]}"
        with self.progress.step("Look for what an earlier run left") as step:
            step.done = self._recover_lake() or "Found the lake in order"
            if self.published:  # kept by a run that was killed before another took its place
                versions.no_longer_keep(self.lake, self.published.version)
        self._read_again()

    def published_counts(self, current: Published) -> list[EntityCounts] | None:
        """Return the rows published; None when gold is not made from them, or files are gone."""
        if gold_version(self.database) != current.version or not self._complete(current):
            return None
        return read_counts(self.database.query)

    def rewrite_pages(self, current: Published) -> None:
        """Write report and documentation anew, from what is published."""
        self._write_report(self.database.query, current.version, marts="marts")
        self.write_docs()

    def build_silver(self) -> None:
        """Build silver from bronze with its tests, or go on from where a run had come."""
        self._resumed = self._can_resume()
        if self._resumed:
            assert self.published
            with self.progress.step("Build silver") as step:
                step.done = f"Silver {self.published.version} is published; going on from there"
            return
        self.silver.left_unchanged = "what is published stays"
        self.full = self.full or self._has_lost_files()
        self._build_silver(self.silver)

    def match_customers(self) -> None:
        """Find out which customers are one person."""
        if not self._resumed:
            self._match(entities_of(built_states(self.silver.query)))

    def publish_silver(self) -> None:
        """Make the new version of silver the published one, if no other run has in the meantime."""
        if self._resumed:
            return
        with self.progress.step("Publish silver") as step:
            states = built_states(self.silver.query)
            for node in self.silver.nodes:
                node.rows = states.get(node.name.partition(".")[2], {}).get("rows")
            self.silver.describe(self.silver.query)
            new = Published(
                version=self.id,
                published_at=utc_now(),
                batches=committed_batches(self.lake),
                entities=entities_of(states),
                previous=self.published.version if self.published else None,
                kept=self.kept_of(self.published),
                code=self.code,
                text_keys=text_keys(self.declarations),
                identity=self.matched.version if self.matched else None,
            )
            self._check_arrivals(sum(each.bronze for each in read_counts(self.silver.query)))
            versions.check_files(self.lake, new)
            if self.published:
                self._keep(self.published)
            if new.identity:
                identity_store.publish(self.lake, new.identity)
            self.lake.write_bytes(paths.PUBLISHED, new.to_json(), expected=self._published_tag)
            self.published = new
            step.done = f"Published silver {self.id}"

    def load_silver(self) -> None:
        """Copy the published silver into the database, where it is not read from the lake."""
        assert self.published
        self.database.version = self.published.version
        attached = os.environ.get(ACCESS_VARIABLE) == "attached"
        _load(self.lake, self.published, self.database, self.progress, attached=attached)

    def build_marts(self) -> None:
        """Build gold and the marts beside those in use, with their tests."""
        assert self.published
        self.gold.version = self.published.version
        self.gold.left_unchanged = "gold and the marts stay as they were"
        self._put_snapshots_aside(self.gold)
        self._build(self.gold, "gold and marts", "--exclude", "path:models/silver/staging")

    def read_answers(self) -> None:
        """Read the headline answers now, so that a failure keeps the build from being published."""
        assert self.published
        with self.progress.step("Read the answers") as step:
            self.gold.describe(self.gold.query)
            answers = ask(self.gold.query, marts=f"marts{NEXT}")
            self._summary = self._summarize(self.published.version, answers)
            step.done = "Read the answers"

    def write_report(self) -> None:
        """Write the report from the marts under construction."""
        assert self.published
        assert self._summary
        self._write_report(
            self.gold.query,
            self.published.version,
            marts=f"marts{NEXT}",
            answers=self._summary.answers,
        )

    def publish(self) -> None:
        """Put the new gold and marts in the place of the old ones."""
        assert self.published
        with self.progress.step("Publish gold and marts") as step:
            self.lake.check_exclusive()
            self.database.version = self.published.version
            self.database.run_operation("publish_gold")
            step.done = f"Published gold and marts of {self.published.version}"
            if self.forgets or self._expires:
                self._keep_no_version()
            if self.forgets:
                gone = forgetting.customer_ids(self.lake)
                self.database.run_operation("forget_in_snapshots", customer_ids=gone)
            try:
                self._tidy(before=self.id)
            except C360Error as error:
                logger.warning("old versions stay until the next run: %s", error)
        self._kept_as_declared()
        if self.forgets:
            forgetting.published(self.lake)

    def write_docs(self) -> None:
        """Write the documentation site of what is published now."""
        assert self.published
        with self.progress.step("Write the documentation") as step:
            docs_site.write(self.database.document(), project_dir(), self.home.staged_docs)
            publishing.exchange_pages(self.home)
            shutil.rmtree(self.home.staging, ignore_errors=True)
            step.done = "Wrote the documentation"

    def prove(self) -> None:
        """Look through all that is left for whoever was forgotten, and certify it."""
        with self.progress.step("Look for whoever was forgotten") as step:
            self._keep_no_version()
            self._tidy(before=self.id)
            credentials = self.database.adapter.config.credentials
            told = forgetting.prove(
                self.home,
                self.lake,
                self.database.query,
                traces.tsql_contains,
                [deleted_files(self.lake)],
                f"{credentials.host}, database {credentials.database}",
            )
            step.done = "Looked for whoever was forgotten"
        self._tell_at_the_end(told)

    def places(self) -> dict[str, object]:
        """Return where everything is: in the lake, on both servers and in the home."""
        pool = self.silver.adapter.config.credentials
        database = self.database.adapter.config.credentials
        return {
            "lake": self.lake.uri(""),
            "silver": f"{pool.host}, database {pool.database}, schema silver",
            "gold, marts": f"{database.host}, database {database.database}",
            **pages_of(self.home),
            "logs": self.home.logs,
        }

    def _check_arrivals(self, seen: int) -> None:
        """Raise when the pool saw other rows than have landed: one that may not list sees none."""
        landed = sum(
            entry.rows + entry.malformed_rows
            for entry in file_entries(self.lake)
            if entry.outcome == "landed"
        )
        if seen != landed:
            raise C360Error(
                f"Synapse saw {seen:,} bronze rows, but {landed:,} have landed, so what is "
                "published stays. See that the workspace's managed identity may read the lake "
                "(role Storage Blob Data Contributor) and run again."
            )

    def _can_resume(self) -> bool:
        """Tell whether silver of just these batches is published and gold is not made from it."""
        published = self.published
        return (
            published is not None
            and not self.full
            and self._is_of_now(published)
            and gold_version(self.database) != published.version
            and self._complete(published)
        )

    def _complete(self, published: Published) -> bool:
        """Tell whether all rows of a version are still in the lake."""
        return all(
            count_rows(self.lake, entity.parts) == entity.rows + entity.replaced
            for entity in published.entities.values()
        )

    def _has_lost_files(self) -> bool:
        """Tell whether the lake lacks files of parts that a version could be added to."""
        published = self.published
        if published and gold_version(self.database) != published.version:
            # A load may have stopped for that.
            return not self._complete(published)
        needed = self._folders_shown()
        there = {file.rpartition("/")[0] for file in self.lake.list(paths.SILVER, recursive=True)}
        return not needed <= there

    def _keep(self, current: Published) -> None:
        """Keep silver as it is published; where that fails, say so, for the next is to come."""
        try:
            versions.keep(self.lake, [], identity_store.current_version(self.lake))
        except C360Error as error:
            logger.warning(
                "%s is not kept, so nobody can roll back to it: %s", current.version, error
            )

    def _folders_shown(self) -> set[str]:
        """Return the folders that the pool's views read."""
        states = built_states(self.silver.query)
        shown = {
            paths.staged(name.removeprefix("stg_"), version)
            for name, state in states.items()
            if name.startswith("stg_")
            for version in state["parts"]
        }
        return shown.union(*(entity.folders for entity in entities_of(states).values()))

    def _keep_no_version(self) -> None:
        """Have nothing of earlier versions be kept, neither to roll back to nor for readers."""
        for version in versions.kept_names(self.lake):
            versions.no_longer_keep(self.lake, version)
        shown = self._folders_shown()
        outdated: dict[str, list[str]] = {}
        for schema, name, location in self.silver.query(
            "select schema_name(schema_id) as schema_name, name, location from sys.external_tables"
        ):
            folder = location.strip("/")
            if folder.startswith(f"{paths.SILVER}/") and folder not in shown:
                outdated.setdefault(schema, []).append(name)
        for schema, names in outdated.items():
            self.silver.run_operation("drop_external_tables", schema=schema, names=names)

    def _tidy(self, before: str) -> None:
        for version in versions.overdue(self.lake, self.declarations.versions):
            versions.no_longer_keep(self.lake, version)
        tables = self.silver.query("select location from sys.external_tables")
        shown = {location.strip("/") for (location,) in tables}
        versions.remove_versions(self.lake, shown, before)
        identity_store.tidy(self.lake)
