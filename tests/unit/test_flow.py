"""What the flow adds to the steps: one message of a failure, retries that can help, artifacts."""

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from prefect.client.schemas.objects import FlowRunPolicy

from flows import flow, steps
from flows.asked import Request
from flows.steps import RunFailed, Step, carry_out, may_pass
from flows.summary import Summary
from lake.errors import ApiError, C360Error, ConflictError, LakeError, QuarantinedError
from tests.support.marts import NO_ANSWERS
from warehouse.home import Home


def fails(*errors: Exception) -> Step:
    """Return a step that fails with one error after the other, then no more."""
    left = list(errors)

    def pull(_source: str) -> None:
        if left:
            raise left.pop(0)

    return Step("pull orders", pull, ("orders",), retried=True)


AWAY = ApiError("It was away.", passing=True)


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (C360Error("A setting is wrong."), False),
        (QuarantinedError({"a.csv": "empty"}), False),
        (ApiError("It refused the token."), False),
        (AWAY, True),
        (LakeError("The connection broke off.", passing=True), True),
        (ConflictError("Another run was faster."), True),
        (ConnectionResetError("reset"), True),
        (TimeoutError("too long"), True),
        (PermissionError("no"), False),
        (ValueError("odd"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(
    error: Exception, passing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def result() -> None:
        raise error

    assert may_pass(error) == passing
    pull = flow._as_task(fails())
    assert (pull.retries, pull.retry_delay_seconds) == (1, steps.RETRY_SECONDS)
    again = pull.retry_condition_fn
    assert again
    assert again(pull, None, SimpleNamespace(result=result)) == passing  # type: ignore[arg-type]
    waited: list[float] = []
    monkeypatch.setattr(steps.time, "sleep", waited.append)
    if passing:
        carry_out(fails(error))
        assert waited == [steps.RETRY_SECONDS]
    else:
        with pytest.raises(type(error)):
            carry_out(fails(error))
        assert waited == []


def test_a_step_is_tried_again_once_if_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.time, "sleep", lambda _: None)
    with pytest.raises(TimeoutError):
        carry_out(fails(AWAY, TimeoutError("too long")))
    once = replace(fails(AWAY), retried=False)
    assert flow._as_task(once).retries == 0
    with pytest.raises(ApiError):
        carry_out(once)


class Client:
    """What Prefect's client is asked to change."""

    def __init__(self) -> None:
        self.policies: list[FlowRunPolicy] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update_flow_run(self, _run: str, empirical_policy: FlowRunPolicy) -> None:
        self.policies.append(empirical_policy)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Put a client in the place of Prefect's, and a flow run with two retries around the test."""
    client = Client()
    policy = FlowRunPolicy(retries=2, retry_delay=300)
    context = SimpleNamespace(flow_run=SimpleNamespace(id="a-run", empirical_policy=policy))
    monkeypatch.setattr(flow, "get_client", lambda **_: client)
    monkeypatch.setattr(flow.FlowRunContext, "get", lambda: context)
    return client


def failed(monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    """Run the flow, which fails with this error; return its message."""
    error.add_note("The log is x.log")

    def begun(**_: object) -> None:
        raise error

    monkeypatch.setattr(flow, "begun", begun)
    with pytest.raises(RunFailed) as failure:
        flow.customer_360.fn(home="nowhere")
    assert failure.value.__cause__ in (None, error)
    return str(failure.value)


def test_a_failure_for_good_takes_the_retries_back(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    told = failed(monkeypatch, C360Error("A setting is wrong.\nSet it."))
    assert told == "A setting is wrong. Set it. The log is x.log."
    (policy,) = client.policies
    assert (policy.retries, policy.retry_delay) == (0, 300)


def test_a_failure_that_may_pass_keeps_the_retries(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    told = failed(monkeypatch, ApiError("The API was away.", passing=True))
    assert told == "The API was away. The log is x.log. Another attempt may help."
    assert client.policies == []


def test_an_unforeseen_failure_says_what_to_do_too(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    assert failed(monkeypatch, OSError(5, "Input/output error")) == (
        "OSError: [Errno 5] Input/output error. The log is x.log. This was not foreseen. "
        "What is published is whole. Look into the log, remove the cause and run again."
    )
    assert [policy.retries for policy in client.policies] == [0]


def test_a_full_disk_is_told_as_such(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    assert failed(monkeypatch, OSError(28, "No space left on device", "here/warehouse.duckdb")) == (
        "The disk that here/warehouse.duckdb is on is full. What is published is whole. Make room "
        "and run again. The log is x.log."
    )


def test_too_little_memory_is_told_as_such(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    assert failed(monkeypatch, duckdb.OutOfMemoryException("failed to pin block")) == (
        "DuckDB needs more memory than it may take. What is published is whole. Set "
        "C360_MEMORY_LIMIT to more, such as 8GB, and run again. The log is x.log."
    )


def test_the_message_stays_when_prefect_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("the server is away")

    monkeypatch.setattr(client, "update_flow_run", refuse)
    assert failed(monkeypatch, C360Error("Wrong.")) == "Wrong. The log is x.log."
    assert "could not be taken back" in caplog.text


def test_without_retries_prefect_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(flow.FlowRunContext, "get", lambda: None)
    assert failed(monkeypatch, C360Error("Wrong.")) == "Wrong. The log is x.log."
    assert client.policies == []


def test_artifacts_that_cannot_be_kept_do_not_fail_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("the server is away")

    monkeypatch.setattr(flow, "create_table_artifact", refuse)
    with caplog.at_level(logging.WARNING):
        summary = Summary(Home(tmp_path), "v", NO_ANSWERS, [], [], [])
        flow.leave_artifacts.fn(summary, NO_ANSWERS)
    assert "could not be kept in Prefect: the server is away" in caplog.text


def test_a_run_is_asked_for_what_the_flow_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    asked: list[dict[str, Any]] = []

    def begun(**request: Any) -> None:
        asked.append(request)
        raise C360Error("That is all.")

    monkeypatch.setattr(flow, "begun", begun)
    given: Request = {
        **{"input": "in", "api": "url", "target": "azure", "home": "home", "pii": False},
        **{"sources": "sources.yml", "accept_rejected": True, "full": True},
    }
    assert given.keys() == Request.__annotations__.keys()
    with pytest.raises(RunFailed):
        flow.customer_360.fn(**given)
    assert asked == [given]
