"""The Prefect flow: a task a step, so that a deployment shows, retries and times each of them.

The steps themselves are in `run`. The tasks run one after the other in this process; what they pass
on is the run, not data. A step that fails fails the flow with its message. To have the log lines in
Prefect too, set PREFECT_LOGGING_EXTRA_LOGGERS=flows,ingest where the flow runs.
"""

import logging
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from requests.exceptions import ChunkedEncodingError, ConnectionError, HTTPError, Timeout

from flows.azure_run import AzureRun
from flows.run import Run, begun
from flows.summary import Summary, counts_table, node_table
from ingest import api
from ingest.errors import ApiError

logger = logging.getLogger(__name__)


def _may_pass(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    """Tell whether a failed pull is worth another try: the API was away, not wrong."""
    try:
        state.result()
    except ApiError as error:
        cause = error.__context__
        if isinstance(cause, HTTPError):
            return cause.response.status_code == 429 or cause.response.status_code >= 500
        return isinstance(cause, ConnectionError | Timeout | ChunkedEncodingError)
    except Exception:
        pass
    return False


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
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
)
def pull_api(run: Run, source: api.Source) -> None:
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


@task(name="publish", cache_policy=NO_CACHE)
def publish(run: Run) -> Summary:
    """Make it all visible at once."""
    return run.publish()


@task(name="report", cache_policy=NO_CACHE)
def report(summary: Summary) -> None:
    """Leave tables of what came out and of what dbt built beside the flow run."""
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
    except Exception as error:  # all is published: a table for the record must not fail the run
        logger.warning("the tables of this run could not be kept in Prefect: %s", error)


@flow(name="customer-360", validate_parameters=False)
def customer_360(
    input: str | None = None,
    api: str | None = None,
    target: str = "local",
    home: str | None = None,
) -> Summary:
    """Take what arrived to published answers.

    `input` is a folder of files, `api` the URL of an API to pull (its token is read from
    C360_API_TOKEN), `target` is local or azure, `home` the folder of the installation (C360_HOME,
    or `.c360`).
    """
    with begun(input, api, target, home) as run:
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
            summary = publish(run)
            write_docs(run)
        else:
            build_marts(run)
            write_docs(run)
            read_answers(run)
            summary = publish(run)
        report(summary)
    return summary
