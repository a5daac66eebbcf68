"""The deployments of prefect.yaml, on a real Prefect server with a real worker.

Two runs are of the local deployment, so the second one has to wait for the first; then it finds its
home in use until it is tried again, and then its input is refused.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.generator import API_FOLDER, generate
from demo.ledger import Ledger
from demo.sample_api import create_app, serve
from tests.support import prefect_service
from tests.support.prefect_service import PROJECT, Service
from warehouse.home import Home

TOKEN = "a-token-that-must-not-be-seen"
DEPLOYED = PROJECT / "prefect.yaml"
LOCAL, AZURE = "customer-360-local", "customer-360-azure"
POOL = "customer-360"


@dataclass(frozen=True)
class Runs:
    """The runs after their end, and what they were given."""

    service: Service
    ledger: Ledger
    home: Path
    input: Path
    deployed_from: bytes
    good: Any
    waiting: Any
    azure: Any


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Deploy, trigger, and see all runs through."""
    work = tmp_path_factory.mktemp("deployment")
    shop, home, held_home = work / "shop", work / "home", Home.at(work / "held")
    ledger = generate(shop, transactions=1000, newest_share=0.3, end=date(2024, 6, 30))
    refused = work / "refused"
    refused.mkdir()
    (refused / "Customers.csv").write_text("CustomerID,FullName,Email,Address\n1,A,B,C\n")
    held_home.prepare()
    before = DEPLOYED.read_bytes()

    with (
        prefect_service.running(work / "service") as service,
        serve(create_app(shop / API_FOLDER, TOKEN)) as api,
    ):
        service.command("work-pool", "create", "--type", "process", POOL)
        _give_the_pool_a_secret(service)
        settings = {"C360_HOME": str(work / "azure"), "C360_NO_PII": "1"}
        service.start("worker", "worker", "start", "--pool", POOL, **settings)
        service.command("--no-prompt", "deploy", "--all")

        with held_home.lock():
            azure = service.run_now(AZURE)
            good = service.run_now(LOCAL, input=str(shop), api=api, home=str(home))
            # Of two that are there when the worker looks, either may come first.
            service.wait_until(
                lambda: service.flow_run(good)["state_type"] != "SCHEDULED", "the first run"
            )
            waiting = service.run_now(
                LOCAL,
                {"PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "3"},
                input=str(refused),
                home=str(held_home.root),
            )
            service.wait_for_end(good)
            service.wait_until(
                lambda: "AwaitingRetry" in {state["name"] for state in service.states(waiting)},
                "a retry",
            )
        yield Runs(
            service,
            ledger,
            home,
            refused,
            before,
            service.flow_run(good),
            service.wait_for_end(waiting),
            service.wait_for_end(azure),
        )


def _give_the_pool_a_secret(service: Service) -> None:
    """Have the worker give each run a token that only a Secret block holds; docs/operate.md."""
    service.keep_secret("c360-api-token", TOKEN)
    template = service.ask(f"/work_pools/{POOL}")["base_job_template"]
    template["variables"]["properties"]["env"]["default"] = {
        "C360_API_TOKEN": "{{ prefect.blocks.secret.c360-api-token }}"
    }
    service.ask(f"/work_pools/{POOL}", {"base_job_template": template}, "PATCH")


def message(run: Any) -> str:
    """Return what the state of a failed run says."""
    assert run["state_name"] == "Failed", run["state"]
    return run["state"]["message"]


@pytest.mark.parametrize(
    ("name", "target", "cron"), [(LOCAL, "local", "0 5 * * *"), (AZURE, "azure", "0 6 * * *")]
)
def test_the_deployments_are_those_of_the_file(
    runs: Runs, name: str, target: str, cron: str
) -> None:
    deployed = runs.service.deployment(name)
    (schedule,) = deployed["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == cron
    assert schedule["schedule"]["timezone"] == "UTC"
    assert deployed["parameters"] == {"input": "incoming", "target": target}
    assert deployed["global_concurrency_limit"]["limit"] == 1
    assert deployed["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert set(deployed["tags"]) == {"customer-360", target}
    assert "docs/operate.md" in deployed["description"]
    assert deployed["work_pool_name"] == POOL
    assert deployed["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
    ]
    parameters = deployed["parameter_openapi_schema"]["properties"]
    assert parameters["target"]["enum"] == ["local", "azure"]
    assert all(parameter["description"] for parameter in parameters.values())
    assert DEPLOYED.read_bytes() == runs.deployed_from


def test_a_run_completes_and_its_log_is_in_prefect(runs: Runs) -> None:
    assert runs.good["state_name"] == "Completed", runs.good["state"]
    assert runs.good["run_count"] == 1
    log = runs.service.log(runs.good["id"])
    assert any(line.startswith("Published ") for line in log)
    assert any(line.startswith("model customer_360 success") for line in log)


def test_a_run_leaves_its_rows(runs: Runs) -> None:
    rows = json.loads(runs.service.artifacts(runs.good["id"])["customer-360-rows"]["data"])
    assert {row.pop("entity"): row for row in rows} == {
        entity: {
            "in": counts.rows,
            "rejected": counts.rows - counts.superseded - counts.kept,
            "superseded": counts.superseded,
            "published": counts.kept,
        }
        for entity, counts in runs.ledger.entities.items()
    }


def test_a_run_leaves_the_answers_without_names(runs: Runs) -> None:
    answers = runs.service.artifacts(runs.good["id"])["customer-360-answers"]["data"]
    with duckdb.connect(runs.home / "warehouse.duckdb", read_only=True) as warehouse:
        ((revenue,),) = warehouse.execute(
            "select sum(total_spend) from marts.customer_360 "
        ).fetchall()
        names = warehouse.execute("select agent_name from gold.dim_agents").fetchall()
    (total,) = re.findall(r"\| all \| [\d,]+ \| ([\d,.]+) \|", answers)
    assert total == f"{revenue:,}"
    assert "### Busiest hour" in answers
    assert not [name for (name,) in names if name != "Unknown" and name in answers]


def test_a_run_leaves_links_to_its_pages(runs: Runs) -> None:
    artifacts = runs.service.artifacts(runs.good["id"])
    for page in ("docs", "report"):
        link = (runs.home / page / "index.html").as_uri()
        assert artifacts[f"customer-360-{page}"]["data"] == f"[{link}]({link})"
        assert (runs.home / page / "index.html").is_file()


def test_the_worker_s_environment_keeps_personal_data_out_of_the_report(runs: Runs) -> None:
    page = (runs.home / "report/index.html").read_text()
    (packed,) = re.findall(r'<script id="data"[^>]*>([^<]+)</script>', page)
    data = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert data["personal_data"] is False
    assert data["customers"]["rows"]
    assert not {"customer_name", "email", "address"} & set(data["customers"]["columns"])


def test_the_token_comes_from_a_secret_block_and_is_seen_nowhere(runs: Runs) -> None:
    landed = runs.home / "lake/bronze/online_transactions"
    assert list(landed.glob("*/online_transactions-*.jsonl")), "nothing was pulled"
    service = runs.service
    seen = [service.deployment(LOCAL), service.flow_run(runs.good["id"])]
    seen += [service.ask(f"/work_pools/{POOL}"), service.log(runs.good["id"])]
    seen += [path.read_text() for path in service.folder.glob("*.log")]
    seen += [path.read_text() for path in (runs.home / "logs").iterdir()]
    assert TOKEN not in json.dumps(seen)


def test_a_second_run_waits_and_is_tried_again_where_that_may_help(runs: Runs) -> None:
    states = runs.service.states(runs.waiting["id"])
    assert [name for name, _ in groupby(state["name"] for state in states)] == [
        "Scheduled",
        "AwaitingConcurrencySlot",
        "Pending",
        "Submitting",
        "Running",
        "AwaitingRetry",
        "Running",
        "Failed",
    ]
    began, retried = states[-4], states[-3]
    assert began["timestamp"] > runs.good["end_time"]
    assert "Another run is using" in retried["message"]
    assert "Another attempt may help" in retried["message"]


def test_a_failed_run_says_what_to_do_and_is_not_tried_again_for_nothing(runs: Runs) -> None:
    told = message(runs.waiting)
    assert runs.waiting["run_count"] == 2, "a file in quarantine was tried a third time"
    assert "Customers.csv: column Name is missing" in told
    assert "correct and send again" in told
    (log,) = re.findall(r"The log is (\S+)\.$", told)
    assert "Customers.csv" in Path(log).read_text()


def test_without_settings_the_azure_deployment_says_what_to_set(runs: Runs) -> None:
    assert "C360_LAKE" in message(runs.azure)
    assert "docs/azure.md" in message(runs.azure)
    assert runs.azure["run_count"] == 1


def test_prefect_schedules_the_runs(runs: Runs) -> None:
    """Last in this file: the worker may begin one of them."""
    deployment = runs.service.deployment(LOCAL)["id"]
    runs.service.ask(f"/deployments/{deployment}/schedule", {})
    scheduled = runs.service.ask(
        "/flow_runs/filter",
        {"flow_runs": {"tags": {"all_": ["auto-scheduled"]}}, "sort": "EXPECTED_START_TIME_ASC"},
    )
    starts = [datetime.fromisoformat(run["expected_start_time"]) for run in scheduled]
    assert len(starts) >= 3
    assert all((start.hour, start.minute) == (5, 0) for start in starts)
    assert {after - before for before, after in pairwise(starts)} == {timedelta(days=1)}
