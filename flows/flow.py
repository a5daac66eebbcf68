"""The Prefect flow: a task a step, so that a deployment shows, retries and times each of them.

The steps themselves are in `run`. The tasks run one after the other in this process; what they pass
on is the run, not data. A step that fails fails the flow, with one message that says it all.
`prefect.yaml` deploys the flow, and sets how often a deployed run is tried again and that the log
lines go to Prefect too; a run by hand is tried once.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from prefect import flow, get_client, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from pydantic import Field

from flows.azure_run import AzureRun
from flows.run import Run, begun
from flows.summary import Summary, answers_markdown, counts_table, node_table, page_links
from ingest.declarations import ApiSource
from lake.errors import C360Error, told

logger = logging.getLogger(__name__)

# The address at which the home's pages are served, for links that others can follow.
SITE_VARIABLE = "C360_SITE_URL"


class RunFailed(C360Error):
    """A run failed. Its text is all that Prefect shows: what happened, what to do, which log."""


def may_pass(error: BaseException) -> bool:
    """Tell whether another attempt may help: something was away or busy, and nothing is wrong."""
    return getattr(error, "passing", isinstance(error, ConnectionError | TimeoutError))


def _is_worth_a_retry(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except Exception as error:
        return may_pass(error)
    return False


@contextmanager
def _failure_told() -> Iterator[None]:
    """Make one message of what went wrong, and keep Prefect from trying again what cannot help."""
    try:
        yield
    except Exception as error:
        if may_pass(error):
            error.add_note("Another attempt may help")
        else:
            if not isinstance(error, C360Error):
                error.add_note(
                    "This was not foreseen. What is published is whole. Look into the log, remove "
                    "the cause and run again"
                )
            _try_no_more()
        # Where an error that we know comes from helps nobody who reads the log in Prefect.
        raise RunFailed(told(error)) from None if isinstance(error, C360Error) else error


def _try_no_more() -> None:
    """Take the retries that a deployment gives from this flow run; Prefect's server grants them."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not context.flow_run.empirical_policy.retries:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(
                context.flow_run.id,
                empirical_policy=context.flow_run.empirical_policy.model_copy(
                    update={"retries": 0}
                ),
            )
    except Exception as error:  # it is then tried again for nothing, and the message stays
        logger.warning("the retries of this run could not be taken back: %s", error)


@task(name="recover", cache_policy=NO_CACHE)
def recover(run: Run) -> None:
    """Put right what a killed run left."""
    run.recover()


@task(name="land files", cache_policy=NO_CACHE)
def land_files(run: Run) -> None:
    """Land the input folder's files in the batch."""
    run.land_files()


@task(
    name="pull API",
    task_run_name="pull {source.name}",
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=_is_worth_a_retry,
    cache_policy=NO_CACHE,
)
def pull_api(run: Run, source: ApiSource) -> None:
    """Pull one endpoint's new records into the batch; one that is away gets another try."""
    run.pull_api(source)


@task(name="commit batch", cache_policy=NO_CACHE)
def commit_batch(run: Run) -> None:
    """Make the batch count; stop the run when something in it is in quarantine."""
    run.commit_batch()


@task(name="build silver", cache_policy=NO_CACHE)
def build_silver(run: Run) -> None:
    """Build silver from bronze, with its tests."""
    run.build_silver()


@task(name="publish silver", cache_policy=NO_CACHE)
def publish_silver(run: AzureRun) -> None:
    """Make the new version of silver the published one."""
    run.publish_silver()


@task(name="load silver", cache_policy=NO_CACHE)
def load_silver(run: AzureRun) -> None:
    """Copy the published silver into Azure SQL Database."""
    run.load_silver()


@task(name="build gold and marts", cache_policy=NO_CACHE)
def build_marts(run: Run) -> None:
    """Build gold, the marts and the snapshots from silver, with their tests."""
    run.build_marts()


@task(name="write documentation", cache_policy=NO_CACHE)
def write_docs(run: Run) -> None:
    """Write the documentation site."""
    run.write_docs()


@task(name="read answers", cache_policy=NO_CACHE)
def read_answers(run: Run) -> None:
    """Read the headline answers from what was built."""
    run.read_answers()


@task(name="write report", cache_policy=NO_CACHE)
def write_report(run: Run) -> None:
    """Write the page that people open."""
    run.write_report()


@task(name="publish", cache_policy=NO_CACHE)
def publish(run: Run) -> Summary:
    """Make it all visible at once."""
    return run.publish()


@task(name="leave artifacts", cache_policy=NO_CACHE)
def leave_artifacts(summary: Summary) -> None:
    """Leave beside the flow run what came out: rows, answers, dbt's nodes, links to the pages."""
    try:
        create_table_artifact(
            counts_table(summary.results),
            key="customer-360-rows",
            description=f"What became of the rows that arrived, version {summary.version}",
        )
        create_table_artifact(
            node_table(summary.nodes),
            key="customer-360-nodes",
            description=f"What dbt built and tested for version {summary.version}",
        )
        create_markdown_artifact(
            answers_markdown(summary.results),
            key="customer-360-answers",
            description=f"The headline answers of version {summary.version}",
        )
        for page, link in page_links(summary.home, os.environ.get(SITE_VARIABLE)).items():
            create_link_artifact(
                link,
                key=f"customer-360-{page}",
                description=f"The {page} of version {summary.version}",
            )
    except Exception as error:  # all is published: what is for the record must not fail the run
        logger.warning("the artifacts of this run could not be kept in Prefect: %s", error)


@flow(name="customer-360", validate_parameters=False)
def customer_360(
    input: str | None = None,
    api: str | None = None,
    target: Annotated[str, Field(json_schema_extra={"enum": ["local", "azure"]})] = "local",
    home: str | None = None,
    pii: bool | None = None,
    sources: str | None = None,
    accept_rejected: bool = False,
) -> Summary:
    """Take what arrived to published answers.

    Args:
        input: Folder with the files that arrived, as an absolute path or as seen from the project's
            folder. Files that are in the lake already change nothing.
        api: Base URL of an API to pull as well. Its token is read from the environment variable
            C360_API_TOKEN of the worker.
        target: Where the layers are built: on this machine, or on Azure.
        home: Folder of the installation: logs, documentation, report, and on target local the lake
            and the warehouse. C360_HOME, or .c360 in the project's folder, when none is given.
        pii: Whether the report shows names, e-mail and postal addresses. It does when nothing is
            given, unless C360_NO_PII of the worker is 1.
        sources: File that declares how the sources are to be read. C360_SOURCES of the worker, or
            the project's ingest/sources.yml, when none is given.
        accept_rejected: Whether to publish although most rows of what arrived cannot be used.
    """
    with (
        _failure_told(),
        begun(input, api, target, home, pii, sources, accept_rejected) as run,
    ):
        recover(run)
        land_files(run)
        for source in run.api_sources:
            pull_api(run, source)
        commit_batch(run)
        build_silver(run)
        if isinstance(run, AzureRun):
            publish_silver(run)
            load_silver(run)
            build_marts(run)
            read_answers(run)
            write_report(run)
            summary = publish(run)
            write_docs(run)
        else:
            build_marts(run)
            write_docs(run)
            read_answers(run)
            write_report(run)
            summary = publish(run)
        leave_artifacts(summary)
    return summary
