"""Runs that pull the sample API: every record arrives once, whatever the API or the run does."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pytest

from demo.generator import API_FOLDER, generate
from demo.sample_api import Trouble, create_app, serve
from tests.integration.conftest import TOKEN
from tests.integration.test_against_reference import KEYS
from tests.support import reference, state
from tests.support.command import run_c360
from tests.support.compare import assert_same
from tests.support.steps import Driver, Outcome
from tests.support.told import assert_discreet, assert_one_line

LANDING = ("--steps", "recover,land_files,pull_api,commit_batch")

# Days that are past wherever this runs: a cursor does not follow records from the future.
END = date(2024, 6, 30)

UNTROUBLED = Trouble()

Records = Counter[str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's files, and what its API has after the first batch."""
    folder = tmp_path_factory.mktemp("shop")
    generate(folder, transactions=1000, newest_share=0.3, end=END)
    return folder


@pytest.fixture(scope="module")
def later(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the API has later: all that it had, and what came since."""
    new = tmp_path_factory.mktemp("new")
    generate(new, transactions=1000, newest_share=0.3, batch=2, end=END)
    folder = new / "later"
    shutil.copytree(shop / API_FOLDER, folder)
    for path in (new / API_FOLDER).iterdir():
        with (folder / path.name).open("ab") as file:
            file.write(path.read_bytes())
    return folder


def pull(
    driver: Driver,
    home: Path,
    api: Path,
    *options: object,
    page_size: int = 50,
    trouble: Trouble = UNTROUBLED,
) -> Outcome:
    """Run over the API's data."""
    with serve(create_app(api, TOKEN, page_size=page_size, trouble=trouble)) as url:
        return driver.run(
            "--home", home, "--api", url, *options, environment={"C360_API_TOKEN": TOKEN}
        )


def served(api: Path) -> Records:
    """Return the API's records."""
    return _records(sorted(api.glob("*.jsonl")))


def landed(home: Path, batches: Sequence[str] | None = None) -> Records:
    """Return the records in bronze, of all batches or some."""
    paths = []
    for batch in state.batches(home) if batches is None else batches:
        manifest = json.loads((home / f"lake/bronze/manifests/{batch}.json").read_bytes())
        files = [record for record in manifest["files"] if record["format"] == "jsonl"]
        paths += [home / "lake" / record["path"] for record in files]
    return _records(paths)


def _records(paths: Sequence[Path]) -> Records:
    return Counter(
        json.dumps(json.loads(line, parse_float=str, parse_int=str), sort_keys=True)
        for path in paths
        for line in path.read_bytes().splitlines()
    )


def cursors(home: Path) -> dict[str, object]:
    """Return the saved cursors."""
    folder = home / "lake/bronze/state"
    return {path.stem: json.loads(path.read_bytes())["cursor"] for path in folder.glob("*.json")}


def test_files_and_a_busy_api(driver: Driver, shop: Path, later: Path, tmp_path: Path) -> None:
    """A whole run with 429 and 503 in between; then one without news; then one with."""
    home, api = tmp_path / "home", shop / API_FOLDER
    busy = Trouble(rate_limit_every=5, unavailable_every=3)
    run = pull(driver, home, api, "--input", shop, trouble=busy)
    assert run.returncode == 0, run.errors
    assert landed(home) == served(api)
    assert set(landed(home).values()) == {1}
    (batch,) = state.batches(home)
    files = [reference.InputFile(path) for path in sorted(shop.glob("*.csv"))]
    pages = [reference.InputFile(path, entity=path.stem) for path in sorted(api.glob("*.jsonl"))]
    silver = reference.silver([reference.Batch(batch, [*files, *pages])])
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        for entity, key in KEYS.items():
            expected = silver.tables[entity]
            columns = [name for name in expected[0] if name != "_source_file"]
            assert_same(connection, f"silver.{entity}", expected, columns, key)

    before = state.bronze(home)
    again = pull(driver, home, api, "--input", shop, *LANDING, trouble=busy)
    assert again.returncode == 0, again.errors
    assert state.bronze(home) == before

    third = pull(driver, home, later, "--input", shop, *LANDING, trouble=busy)
    assert third.returncode == 0, third.errors
    first, second = state.batches(home)
    assert landed(home, [first]) == served(api)
    assert landed(home, [second]) == served(later) - served(api)
    printed = [text for run in (run, again, third) for text in (run.output, run.errors)]
    assert_discreet(home, [TOKEN], *printed)


def test_wrong_token(shop: Path, driver: Driver, tmp_path: Path) -> None:
    home, wrong = tmp_path / "home", "a-wrong-token"
    with serve(create_app(shop / API_FOLDER, TOKEN)) as url:
        run = run_c360("run", "--api", url, "--home", home, C360_API_TOKEN=wrong)
    line = assert_one_line(run)
    assert "C360_API_TOKEN" in line
    assert_discreet(home, [wrong, TOKEN], run.stdout, run.stderr)
    assert state.batches(home) == []
    again = pull(driver, home, shop / API_FOLDER, *LANDING)
    assert again.returncode == 0, again.errors
    assert landed(home) == served(shop / API_FOLDER)


def test_credentials_in_the_url_are_refused_before_anything_keeps_them(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", "s3cret"
    run = run_c360("run", "--api", f"http://me:{secret}@127.0.0.1:9/v1", "--home", home)
    assert "token_env" in assert_one_line(run)
    assert secret not in run.stdout + run.stderr
    assert not home.exists()


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (Trouble(page_loop=True), "same cursor twice"),
        (Trouble(page_loop=True, from_request=3), "same cursor twice"),
        (Trouble(broken_json=True, from_request=3), "isn't valid JSON"),
        (Trouble(wrong_content_type=True, from_request=3), "text/html"),
        (Trouble(token_expired=True, from_request=3), "C360_API_TOKEN"),
        (Trouble(always_unavailable=True, from_request=3), "503"),
        (Trouble(rate_limit_every=1, retry_after=3600), "wait"),
    ],
    ids=lambda value: None if isinstance(value, str) else value_of(value),
)
def test_api_that_misbehaves(
    driver: Driver, shop: Path, later: Path, tmp_path: Path, trouble: Trouble, told: str
) -> None:
    """The run fails with the reason, neither records nor cursor move, the next run gets all."""
    home = tmp_path / "home"
    first = pull(driver, home, shop / API_FOLDER, *LANDING)
    assert first.returncode == 0, first.errors
    before, saved = state.bronze(home), cursors(home)

    run = pull(driver, home, later, *LANDING, page_size=5, trouble=trouble)
    assert run.returncode == 1, run.errors
    message = run.errors.splitlines()[-1]
    assert message.startswith("c360: API ")
    assert told in message
    assert landed(home) == served(shop / API_FOLDER)
    assert cursors(home) == saved
    assert_discreet(home, [TOKEN], run.output, run.errors)

    again = pull(driver, home, later, *LANDING)
    assert again.returncode == 0, again.errors
    assert landed(home) == served(later)
    now = state.bronze(home)
    assert {name: now[name] for name in before if "state" not in name} == {
        name: value for name, value in before.items() if "state" not in name
    }


def value_of(trouble: Trouble) -> str:
    """Name a trouble by what is not as usual."""
    return " ".join(name for name in vars(trouble) if vars(trouble)[name] != vars(UNTROUBLED)[name])


def test_killed_anywhere_in_a_pull(driver: Driver, shop: Path, later: Path, tmp_path: Path) -> None:
    """Each change of the home from the first page to the cursors: no record lost or doubled."""
    home, saved, events = (tmp_path / name for name in ("home", "saved", "events.json"))
    first = pull(driver, home, shop / API_FOLDER, *LANDING)
    assert first.returncode == 0, first.errors
    shutil.copytree(home, saved)
    whole = pull(driver, home, later, *LANDING, "--count", events)
    assert whole.returncode == 0, whole.errors
    expected = state.bronze(home)
    counts = {step: len(heard) for step, heard in json.loads(events.read_text()).items()}
    assert counts["pull_api"] >= 3
    assert counts["commit_batch"] >= 6
    for step in ("pull_api", "commit_batch"):
        for number in range(1, counts[step] + 1):
            shutil.rmtree(home)
            shutil.copytree(saved, home)
            point = f"{step}:{number}"
            run = pull(driver, home, later, *LANDING, "--kill-at", point)
            assert run.killed, f"{point}: {run.returncode} {run.errors}"
            again = pull(driver, home, later, *LANDING)
            assert again.returncode == 0, f"{point}: {again.errors}"
            assert state.bronze(home) == expected, point
