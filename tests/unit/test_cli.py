"""The command: what it offers, what it says when something is wrong, and what it leaves behind."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.summary import Summary
from ingest.batch import Batch, commit
from ingest.contract import load_contract
from ingest.landing import land_files
from lake.errors import C360Error, QuarantinedError
from lake.local import LocalLake
from lake.manifest import committed_batches, retracted_batches
from tests.support.marts import NO_ANSWERS
from warehouse.home import Home, project_dir


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put something in the place of a run that only notes what it was asked for."""
    calls: list[dict[str, Any]] = []

    def customer_360(**arguments: Any) -> Summary:
        calls.append(arguments | {"token": os.environ.get("C360_API_TOKEN")})
        return Summary(Home.at(arguments["home"]), "v", NO_ANSWERS, [], [], [])

    monkeypatch.setattr("flows.run.customer_360", customer_360)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("C360_API_TOKEN", raising=False)
    monkeypatch.delenv("C360_HOME", raising=False)
    return calls


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def customer_360(**_arguments: Any) -> None:
        raise error

    monkeypatch.setattr("flows.run.customer_360", customer_360)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["c360", *map(str, arguments)])
    return cli._call()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], ["run", "demo", "load", "customer", "status", "docs", "report", "powerbi"]),
        ([], ["--version"]),
        (["run"], ["--input", "--api", "--target", "--home", "C360_HOME", "C360_API_TOKEN"]),
        (
            ["run"],
            ["--no-pii", "C360_NO_PII", "--sources", "C360_SOURCES", "--accept-rejected", "--full"],
        ),
        (["batches"], ["--target", "--home"]),
        (["retract"], ["BATCH", "--sources", "--target", "--home", "--no-pii"]),
        (["quarantine"], ["list", "release", "drop"]),
        (["quarantine", "release"], ["ID", "--all", "--sources", "--target", "--home"]),
        (["quarantine", "drop"], ["ID", "--all", "--target", "--home"]),
        (["demo"], ["--data", "--transactions", "--seed", "--dirt", "--home", "--keep"]),
        (["customer"], ["ID_OR_EMAIL", "--home", "--no-pii"]),
        (["person"], ["find", "export", "forget"]),
        (["person", "find"], ["WORDS", "--target", "--home"]),
        (["person", "export"], ["ID", "--to", "--only", "--sources", "--target", "--home"]),
        (["person", "forget"], ["ID", "--dry-run", "--yes", "--with-transactions", "--target"]),
        (["audit"], ["--person", "--json", "--target", "--home"]),
        (["status"], ["--target", "--home", "--json"]),
        (["versions"], ["--target", "--home"]),
        (["rollback"], ["VERSION", "--target", "--home", "--no-pii", "C360_NO_PII"]),
        (["tidy"], ["--sources", "C360_SOURCES", "--home", "--no-pii"]),
        (["docs"], ["--home", "--serve", "--port", "--no-browser", "--no-pii"]),
        (["report"], ["--home", "--no-pii", "--serve", "--port", "--no-browser"]),
        (["powerbi", "publish"], ["--workspace", "--environment", "--dry-run", "--source"]),
    ],
)
def test_help_names_everything(command: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*command, "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert all(word in result.output for word in words)


def test_version() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output.startswith("c360 0.")


def test_help_does_not_wait_for_imports() -> None:
    code = (
        "import sys, flows.cli;"
        "sys.exit(any(name in sys.modules for name in ('prefect', 'dbt', 'duckdb', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_run_passes_on_what_it_was_asked(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    status = call(
        monkeypatch, "run", "--input", tmp_path, "--api", "https://api.example.org", "--home", home
    )
    assert status == 0
    assert flow == [
        {
            "input": str(tmp_path),
            "api": "https://api.example.org",
            "target": "local",
            "home": str(home),
            "pii": True,
            "sources": None,
            "accept_rejected": False,
            "full": False,
            "token": None,
        }
    ]


def test_a_server_is_named_but_prefect_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.delitem(sys.modules, "flows.flow", raising=False)
    monkeypatch.delattr("flows.flow", raising=False)
    monkeypatch.setitem(sys.modules, "prefect", None)
    assert call(monkeypatch, "run", "--home", tmp_path / "home") == 1
    assert "Prefect is not installed" in capsys.readouterr().err


def test_personal_data_may_be_left_out(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", "--input", tmp_path, "--home", tmp_path / "home")
    assert call(monkeypatch, *run, "--no-pii") == 0
    monkeypatch.setenv("C360_NO_PII", "1")
    assert call(monkeypatch, *run) == 0
    assert [given["pii"] for given in flow] == [False, False]


def test_sources_and_rows_that_were_rejected_are_passed_on(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {stores: {decimal: ','}}")
    run = ("run", "--home", tmp_path / "home")
    assert call(monkeypatch, *run, "--sources", sources, "--accept-rejected", "--full") == 0
    monkeypatch.setenv("C360_SOURCES", str(sources))
    assert call(monkeypatch, *run) == 0
    assert [given["sources"] for given in flow] == [str(sources)] * 2
    assert [given["accept_rejected"] for given in flow] == [True, False]
    assert [given["full"] for given in flow] == [True, False]


def test_the_home_may_come_from_the_environment(
    flow: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C360_HOME", str(tmp_path / "home"))
    assert call(monkeypatch, "run") == 0
    assert flow[0]["home"] == str(tmp_path / "home")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "nowhere"], "The input folder nowhere isn't there."),
        (["--input", __file__], "is a file; give its folder."),
        (["--target", "azure"], "Target azure needs the lake in C360_LAKE, as abfss://"),
        (["--home", f"{__file__}/home"], "cannot be written"),
        (["--api", "https://ann:secret@shop.example.com"], "must hold no user name, password"),
        (["--sources", "nowhere.yml"], "Cannot read the sources file nowhere.yml"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "run", *arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("c360: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_local_run_does_not_pass_over_a_lake_on_azure(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("C360_LAKE", "abfss://c360@shop.dfs.core.windows.net")
    assert call(monkeypatch, "run", "--home", tmp_path / "home") == 1
    err = capsys.readouterr().err
    assert "C360_LAKE is abfss://c360@shop.dfs.core.windows.net, but a run on target local" in err
    assert "--target azure, or unset C360_LAKE" in err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("target", ["local", "azure"])
def test_a_token_in_the_lake_s_address_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    target: str,
) -> None:
    monkeypatch.setenv("C360_LAKE", "https://shop.blob.core.windows.net/c360?sig=s3cret")
    assert call(monkeypatch, "run", "--home", tmp_path / "home", "--target", target) == 1
    err = capsys.readouterr().err
    assert "https://shop.blob.core.windows.net/c360" in err
    assert "s3cret" not in err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (C360Error("It broke.\nHere."), "c360: It broke. Here. The log is x.log.\n"),
        (QuarantinedError({"a.csv": "empty"}), "a.csv: empty"),
        (ValueError("odd"), "c360: ValueError: odd. The log is x.log.\n"),
        (KeyboardInterrupt(), "c360: Interrupted."),
    ],
)
def test_a_failure_is_one_line_and_status_1(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: BaseException,
    message: str,
) -> None:
    error.add_note("The log is x.log")
    failing(monkeypatch, error)
    assert call(monkeypatch, "run", "--home", tmp_path) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["rum"], ["run", "--inptu", "DIR"], ["run", "--target", "moon"], ["customer"]],
)
def test_a_wrong_command_line_is_status_2_and_begins_nothing(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    assert call(monkeypatch, *arguments) == 2
    assert "Usage" in capsys.readouterr().err
    assert flow == []


def test_what_concerns_versions_says_that_nothing_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "versions", "--home", tmp_path) == 0
    assert "Nothing is published yet" in capsys.readouterr().out
    for command in (["rollback"], ["tidy"]):
        assert call(monkeypatch, *command, "--home", tmp_path) == 1
        assert "Nothing is published yet" in capsys.readouterr().err


def test_a_rollback_waits_for_no_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home = Home.at(tmp_path)
    home.prepare()
    with home.lock():
        assert call(monkeypatch, "rollback", "--home", tmp_path) == 1
    assert "Another run is using" in capsys.readouterr().err


def test_demo_serves_an_api_with_a_token_of_its_own_and_tidies_up(
    flow: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert call(monkeypatch, "demo", "--transactions", 200, "--home", tmp_path) == 0
    (asked,) = flow
    assert asked["input"] == str(tmp_path / "demo" / "input")
    assert asked["api"].startswith("http://127.0.0.1:")
    assert asked["sources"].endswith("demo/sources.yml")
    assert asked["token"]
    assert "C360_API_TOKEN" not in os.environ
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["settings.json"]


def test_demo_prints_the_answers_though_nothing_is_new(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def customer_360(**_: Any) -> Summary:
        return Summary(Home.at(tmp_path), "v", None, [], [], [])

    monkeypatch.setattr("flows.run.customer_360", customer_360)
    monkeypatch.setattr("warehouse.answers.read_answers", lambda _: NO_ANSWERS)
    assert call(monkeypatch, "run", "--home", tmp_path) == 0
    assert "Average order value" not in capsys.readouterr().out
    assert call(monkeypatch, "demo", "--transactions", 200, "--home", tmp_path) == 0
    assert "Average order value: no data for this yet" in capsys.readouterr().out


def test_demo_keeps_its_data_on_request(
    flow: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert call(monkeypatch, "demo", "--transactions", 200, "--home", tmp_path, "--keep") == 0
    assert (tmp_path / "demo" / "ledger.json").exists()
    assert list((tmp_path / "demo" / "input").glob("Customers_*.csv"))
    assert not (tmp_path / "demo" / "input" / "ledger.json").exists()


def test_demo_does_not_mix_its_data_with_other_data(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    manifests = Home.at(tmp_path).lake / "bronze" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "20260101T000000Z-aaaaaa.json").write_text("{}")
    assert call(monkeypatch, "demo", "--home", tmp_path) == 1
    assert "holds other data" in capsys.readouterr().err
    assert flow == []


def test_demo_does_not_mix_two_demos(
    flow: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    demo = ["demo", "--transactions", 200, "--home", tmp_path]
    assert call(monkeypatch, *demo) == 0
    manifests = Home.at(tmp_path).lake / "bronze" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "20260101T000000Z-aaaaaa.json").write_text("{}")
    assert call(monkeypatch, *demo) == 0
    assert call(monkeypatch, *demo, "--seed", 7) == 1
    assert "made with other options" in capsys.readouterr().err
    assert call(monkeypatch, "demo", "--data", "complete-journey", "--home", tmp_path) == 1
    assert len(flow) == 2


def test_what_shows_the_published_says_that_nothing_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pages = (["docs"], ["docs", "--serve"], ["report"], ["report", "--serve"])
    for command in (["customer", "1"], ["status"], *pages):
        assert call(monkeypatch, *command, "--home", tmp_path) == 1
        assert "Nothing is published" in capsys.readouterr().err


@pytest.fixture
def landed(tmp_path: Path) -> str:
    """Land a batch in a home: a file that counts, and one in quarantine; return its id."""
    sent = tmp_path / "in"
    sent.mkdir()
    (sent / "Stores.csv").write_text("StoreID,Location,Manager,OpenHours\n1,Oslo,Ann,9-17\n")
    (sent / "Agents.csv").write_text("AgentID~Name~Department~Shift\n1~A~B~C\n")
    batch = Batch(LocalLake(Home.at(tmp_path).lake), load_contract(project_dir()))
    land_files(batch, sent)
    commit(batch)
    return batch.batch_id


def test_batches_and_quarantine_are_listed(
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert call(monkeypatch, "batches", "--home", tmp_path) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"{landed}\n  landed, 1 in quarantine; arrived 20")
    assert "\n  1 row of agents, stores\n  from Agents.csv, Stores.csv\n" in listed
    for command in (["quarantine"], ["quarantine", "list"]):
        assert call(monkeypatch, *command, "--home", tmp_path) == 0
        listed = capsys.readouterr().out
        assert listed.startswith(f"{landed}/Agents.csv\n  Agents.csv, 38 bytes, of agents; since")
        assert "AgentID, Name, Department, Shift are missing" in listed


@pytest.mark.parametrize("option", ["--home", "--target"])
def test_quarantine_does_not_pass_over_an_option_before_its_command(
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
) -> None:
    given = {"--home": tmp_path, "--target": "local"}[option]
    monkeypatch.setenv("C360_HOME", str(tmp_path))
    assert call(monkeypatch, "quarantine", option, given, "drop", "--all") == 1
    assert f"Give {option} after drop" in capsys.readouterr().err
    assert call(monkeypatch, "quarantine", option, given) == 0
    assert landed in capsys.readouterr().out


def test_a_home_where_nothing_arrived_has_nothing_to_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for command, words in (("batches", "Nothing has arrived"), ("quarantine", "Nothing is in")):
        assert call(monkeypatch, command, "--home", tmp_path) == 0
        assert words in capsys.readouterr().out
    old = Home.at(tmp_path).lake / "bronze" / "_manifests" / "20260101T000000Z-aaaaaa.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    assert call(monkeypatch, "batches", "--home", tmp_path) == 1
    assert "Run `c360 run` once" in capsys.readouterr().err


def test_a_batch_is_taken_back_and_the_rest_published(
    flow: list[dict[str, Any]],
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert call(monkeypatch, "retract", "20990101", "--home", tmp_path) == 1
    assert f"There is no batch 20990101. The nearest are {landed}." in capsys.readouterr().err
    assert flow == []
    assert call(monkeypatch, "retract", landed, "--home", tmp_path) == 0
    assert capsys.readouterr().out.startswith(f"Retracted {landed}\n")
    assert [(each.get("input"), each.get("api")) for each in flow] == [(None, None)]
    lake = LocalLake(Home.at(tmp_path).lake)
    assert (committed_batches(lake), retracted_batches(lake)) == ([], [landed])


def test_a_batch_stays_taken_back_when_the_run_after_it_fails(
    flow: list[dict[str, Any]],
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    failing(monkeypatch, C360Error("It broke."))
    assert call(monkeypatch, "retract", landed, "--home", tmp_path) == 1
    told = capsys.readouterr().err
    assert f"It broke. Batch {landed} is retracted all the same" in told


def test_files_leave_quarantine_and_the_rest_is_published(
    flow: list[dict[str, Any]],
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    release = ("quarantine", "release", "--home", tmp_path)
    assert call(monkeypatch, *release) == 1
    assert "Name the files" in capsys.readouterr().err
    assert call(monkeypatch, *release, "--all") == 1
    assert "1 input is in quarantine" in capsys.readouterr().err
    assert flow == []
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {agents: {delimiter: '~'}}")
    held = f"{landed}/Agents.csv"
    assert call(monkeypatch, *release, held, "--sources", sources) == 0
    assert capsys.readouterr().out.startswith("Released Agents.csv\n")
    assert [each["sources"] for each in flow] == [str(sources)]


def test_a_file_in_quarantine_is_dropped_without_a_run(
    flow: list[dict[str, Any]],
    landed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    drop = ("quarantine", "drop", "--home", tmp_path)
    assert call(monkeypatch, *drop, f"{landed}/Agents.csv") == 0
    assert capsys.readouterr().out == f"Dropped {landed}/Agents.csv\n"
    assert call(monkeypatch, *drop, f"{landed}/Agents.csv") == 1
    assert "is not in quarantine" in capsys.readouterr().err
    assert flow == []


def test_azure_check_says_what_is_not_set_and_looks_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("C360_LAKE", raising=False)
    assert call(monkeypatch, "azure", "check", "--home", tmp_path / "home") == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("✗  settings and packages: Target azure needs the lake in C360_LAKE")
    assert others
    assert {line[0] for line in others} == {"–"}
