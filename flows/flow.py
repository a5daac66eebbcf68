"""The Prefect flow: a task a step, so that a deployment shows, retries and times each of them.

Each target lists its steps (`run`, `local_run`, `azure_run`). The tasks run one after the other in
this process. A step that fails fails the flow, with one message that says it all.
`prefect.yaml` deploys the flow, and sets how often a deployed run is tried again and that the log
lines go to Prefect too; a run by hand is tried once.
"""

import logging
import os
from typing import Annotated, Any

from prefect import Task, flow, get_client, task
from prefect._internal.concurrency.threads import get_global_loop, get_run_sync_loop
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from pydantic import Field

from flows.artifacts import answers_markdown, counts_table, node_table, page_links
from flows.run import begun
from flows.steps import RETRY_SECONDS, Step, failure_told, may_pass
from flows.summary import Summary
from warehouse.answers import Answers

logger = logging.getLogger(__name__)

# The address at which the home's pages are served, for links that others can follow.
SITE_VARIABLE = "C360_SITE_URL"

CLOSING_SECONDS = 10.0


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


def _as_task(step: Step) -> Task[[], None]:
    """Return the Prefect task of a step; it is given nothing that Prefect would look into."""

    @task(
        name=step.name,
        description=step.method.__doc__,
        retries=int(step.retried),
        retry_delay_seconds=RETRY_SECONDS,
        retry_condition_fn=_is_worth_a_retry,
        cache_policy=NO_CACHE,
    )
    def carry_out() -> None:
        step()

    return carry_out


def _is_worth_a_retry(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except Exception as error:
        return may_pass(error)
    return False


@task(name="leave artifacts", cache_policy=NO_CACHE)
def leave_artifacts(summary: Summary, answers: Answers) -> None:
    """Leave beside the flow run what came out: rows, answers, dbt's nodes, links to the pages."""
    try:
        create_table_artifact(
            counts_table(answers),
            key="customer-360-rows",
            description=f"What became of the rows that arrived, version {summary.version}",
        )
        create_table_artifact(
            node_table(summary.nodes),
            key="customer-360-nodes",
            description=f"What dbt built and tested for version {summary.version}",
        )
        create_markdown_artifact(
            answers_markdown(answers),
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
    full: bool = False,
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
        pii: Whether the report and what is said of the run show personal data. They do when nothing
            is given, unless C360_NO_PII of the worker is 1, which no parameter overrules.
        sources: File that declares how the sources are to be read. C360_SOURCES of the worker, or
            the project's ingest/sources.yml, when none is given.
        accept_rejected: Whether to publish although most rows of what arrived cannot be used.
        full: Whether to build everything anew from the lake, whatever arrived.
    """
    with (
        failure_told(_try_no_more),
        begun(
            input=input,
            api=api,
            target=target,
            home=home,
            pii=pii,
            sources=sources,
            accept_rejected=accept_rejected,
            full=full,
        ) as run,
    ):
        summary = run.go(lambda step: _as_task(step)())
        if summary.answers:
            leave_artifacts(summary, summary.answers)
    return summary


def close() -> None:
    """Send what Prefect has not sent yet, and end its threads; for a process that is about to end.

    By themselves they outlive the modules that they refer to, DuckDB's among them, which complains
    of it on the console. Prefect has no public name for them.
    """
    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=CLOSING_SECONDS)
    for loop in (get_global_loop(), get_run_sync_loop()):
        loop.shutdown()
        loop.thread.join(CLOSING_SECONDS)
