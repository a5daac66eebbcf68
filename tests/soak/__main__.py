"""Goes on until so many operations were killed, and compares after each what is published.

    python -m tests.soak [--kills 200] [--seed 1] [--work DIR]

Each operation (a delivery, a day without one, `run --full`, `retract`, `rollback`, `person forget`,
`tidy`) is killed with SIGKILL at a random moment, several times maybe, then done again until it
ends. Some find a full disk (a small tmpfs, where one can be mounted), a clock that went wrong
(where Debian's `faketime` is installed), or another operator at the same time. Readers look all the
time. What must come out is computed beforehand from what was delivered (`shop`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from importlib import import_module
from pathlib import Path

import duckdb

from tests.soak.reader import SEEN
from tests.soak.shop import Delivery, Shop, State, email

READERS = 2
DISK = "768m"
C360 = Path(sys.executable).with_name("c360")
PRELOADED = ("flows.cli", "flows.run", "dbt.cli.main", "dbt.adapters.duckdb", "splink")


class Soak:
    """One home, its shop, and those who use it."""

    def __init__(self, work: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.shop = Shop(self.random)
        self.home, self.inbox = work / "disk" / "home", work / "inbox"
        self.allowed, self.findings = work / "allowed.json", work / "findings.txt"
        self.log = work / "commands.log"
        self.inbox.mkdir()
        self.kills = 0
        self.done: Counter[str] = Counter()
        self.has_disk = False
        self.seconds = 10.0  # that an operation takes

    # What is done

    def command(self, *arguments: object, kill_after: float | None = None) -> int | None:
        """Do a command in a process that forks from this one; return its status, None if killed."""
        process = self._begin(*arguments)
        began = time.monotonic()
        while True:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self.seconds = 0.8 * self.seconds + 0.2 * (time.monotonic() - began)
                return os.waitstatus_to_exitcode(status)
            if kill_after is not None and time.monotonic() - began > kill_after:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                self.kills += 1
                return None
            time.sleep(0.02)

    def _begin(self, *arguments: object) -> int:
        """Begin a command in a process that forks from this one; return its number."""
        process = os.fork()
        if not process:
            self._be_command([str(each) for each in arguments])
        return process

    def _be_command(self, arguments: Sequence[str]) -> None:
        """Become the command, and end."""
        status = 1
        try:
            os.setsid()
            out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for descriptor in (1, 2):
                os.dup2(out, descriptor)
            print(f"$ c360 {' '.join(arguments)}", flush=True)
            sys.argv = ["c360", *arguments]
            from flows import cli

            status = cli._call()
            sys.stdout.flush()
        finally:
            os._exit(status)

    def until_done(self, *arguments: object, prepare: Callable[[], None] = lambda: None) -> None:
        """Kill a command now and then, and do it again until it ends well."""
        kills = self.random.randint(0, 5)
        for attempt in range(kills + 1):
            prepare()
            is_last = attempt == kills
            after = None if is_last else self.random.uniform(0.05, 1.1) * self.seconds
            status = self.command(*arguments, kill_after=after)
            if status == 0:
                return
            assert status is None, f"c360 {arguments} ended with {status}: see {self.log}"
        raise AssertionError(f"c360 {arguments} does not end")

    @contextmanager
    def becomes(self, *states: State) -> Iterator[None]:
        """Allow readers to see these besides what is published."""
        now = self.shop.published[-1:] if self.shop.published else []
        self._allow([*now, *states])
        yield
        self.check(states[-1])
        self._allow([states[-1]])

    def _allow(self, states: Sequence[State]) -> None:
        new = self.allowed.with_suffix(".new")
        new.write_text(json.dumps([astuple(each) for each in states]))
        new.rename(self.allowed)

    def check(self, expected: State) -> None:
        """Assert that a state is what is published."""
        with duckdb.connect(self.home / "warehouse.duckdb", read_only=True) as connection:
            row = connection.execute(SEEN).fetchone()
        assert row
        assert State(*row[:4]) == expected, (State(*row[:4]), expected)

    # The operations

    def deliver(self) -> None:
        """A delivery arrives."""
        delivery = self.shop.next_delivery()
        self._publish_all(
            lambda: self.until_done(
                *("run", "--input", self.inbox, "--home", self.home),
                prepare=lambda: delivery.write(self.inbox),
            ),
            also=delivery,
        )

    def _publish_all(self, do: Callable[[], None], also: Delivery | None = None) -> None:
        """Do what publishes all that arrived; a batch can be there before its version is."""
        state = self.shop.state(also)
        with self.becomes(state):
            do()
        if also:
            self.shop.deliveries.append(also)
            (also.batch,) = self._batches_of(also)
        self._now(state)

    def _now(self, state: State) -> None:
        self.shop.published.append(state)

    def _batches_of(self, delivery: Delivery) -> list[str]:
        name = f"OnlineTransactions_{delivery.number:04}.csv"
        found = self.home.glob("lake/bronze/online_transactions/*/*.csv")
        return [path.parent.name for path in found if path.name == name]

    def again(self) -> None:
        """A run without anything new."""
        self._publish_all(lambda: self.until_done("run", "--home", self.home))

    def full(self) -> None:
        """Everything is built anew, and written as one part."""
        self._publish_all(lambda: self.until_done("run", "--full", "--home", self.home))

    def tidy(self) -> None:
        """What is no longer to be kept is removed."""
        if self.shop.published:
            with self.becomes(self.shop.published[-1]):
                self.until_done("tidy", "--home", self.home)

    def retract(self) -> None:
        """A batch is taken back."""
        there = [each for each in self.shop.deliveries if not each.retracted]
        if len(there) < 3:
            return self.deliver()
        taken = self.random.choice(there)
        state = self.shop.state(without=taken)
        with self.becomes(state):
            # Done again, it says that the batch is retracted already; a run publishes then.
            after = self.random.uniform(0.05, 1.1) * self.seconds
            if self.command("retract", taken.batch, "--home", self.home, kill_after=after) != 0:
                listed = (self.home / "lake/bronze/manifests/retracted").glob("*.json")
                if taken.batch not in {path.stem for path in listed}:
                    self.command("retract", taken.batch, "--home", self.home)
                self.until_done("run", "--home", self.home)
        taken.retracted = True
        return self._now(state)

    def rollback(self) -> None:
        """The version before is published again, then a run goes on from what arrived."""
        kept = sorted((self.home / "lake/silver/versions").glob("*.json"))
        if not kept:
            return self.again()
        before = self.shop.published[-1]
        version = kept[-1].stem
        with duckdb.connect(
            self.home / "versions" / version / "warehouse.duckdb", read_only=True
        ) as connection:
            row = connection.execute(SEEN).fetchone()
        assert row
        state = State(*row[:4])
        assert state in self.shop.published, state
        self._allow([before, state])
        after = self.random.uniform(0.05, 1.5)
        if self.command("rollback", version, "--home", self.home, kill_after=after) is None:
            # Killed before it had begun, or to be completed by the next command.
            self.until_done("tidy", "--home", self.home)
        with duckdb.connect(self.home / "warehouse.duckdb", read_only=True) as connection:
            row = connection.execute(SEEN).fetchone()
        assert row
        assert State(*row[:4]) in (before, state)
        self._now(State(*row[:4]))
        return self.again()

    def forget(self) -> None:
        """Somebody is forgotten, in whatever was and will be."""
        there = {c for each in self.shop.counting() for c in each.customers}
        who = self.random.choice(sorted(there - self.shop.forgotten))
        state = self.shop.state(forget=who)
        forget = ("person", "forget", who, "--yes", "--home", self.home)
        forgetting = self.allowed.with_name("forgetting")
        forgetting.touch()
        with self.becomes(state):
            after = self.random.uniform(0.05, 1.1) * self.seconds
            if self.command(*forget, kill_after=after) != 0:
                if not (self.home / "lake/audit/forgetting.json").exists():
                    # Killed before it had begun, or when all was done.
                    self.command(*forget)
                self.until_done("run", "--home", self.home)
        forgetting.unlink()
        self.shop.forgotten.add(who)
        self._now(state)
        left = _files_with(self.home, email(who))
        assert not left, f"customer {who} is still in {left}"
        certificates = (self.home / "lake/audit/certificates").glob("*.json")
        assert all(json.loads(each.read_text())["complete"] for each in certificates)

    def full_disk(self) -> None:
        """A delivery arrives when hardly any room is left."""
        delivery = self.shop.next_delivery()
        delivery.write(self.inbox)
        state = self.shop.state(delivery)
        filler = self.home.parent / "filler"
        free = shutil.disk_usage(self.home).free
        left = self.random.randint(0, 24 << 20)
        with self.becomes(state):
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(free - left, 1))
            status = self.command("run", "--input", self.inbox, "--home", self.home)
            assert status in (0, 1)
            filler.unlink()
            self.until_done("run", "--input", self.inbox, "--home", self.home)
        self.shop.deliveries.append(delivery)
        (delivery.batch,) = self._batches_of(delivery)
        self._now(state)

    def wrong_clock(self) -> None:
        """A delivery arrives on a machine whose clock went back, or ahead."""
        delivery = self.shop.next_delivery()
        delivery.write(self.inbox)
        offset = f"{self.random.choice(['+', '-'])}{self.random.randint(1, 400)}d"
        arguments = ("run", "--input", self.inbox, "--home", self.home)

        def do() -> None:
            with self.log.open("a") as log:
                status = subprocess.run(
                    ["faketime", "-f", offset, C360, *map(str, arguments)],
                    stdout=log,
                    stderr=log,
                    check=False,
                ).returncode
            assert status == 0, f"with the clock at {offset}: see {self.log}"

        self._publish_all(do, also=delivery)

    def two_at_once(self) -> None:
        """Two operators begin at the same time; the second is told so, and tries again."""
        delivery = self.shop.next_delivery()
        delivery.write(self.inbox)
        state = self.shop.state(delivery)
        with self.becomes(state):
            others = [
                self._begin("run", "--input", self.inbox, "--home", self.home) for _ in range(2)
            ]
            statuses = {os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in others}
            assert statuses <= {0, 1}
            assert 0 in statuses
            self.until_done("run", "--input", self.inbox, "--home", self.home)
        self.shop.deliveries.append(delivery)
        (delivery.batch,) = self._batches_of(delivery)
        self._now(state)

    def go(self, kills: int) -> None:
        """Do one operation after another, until so many were killed; then verify everything."""
        weights: dict[Callable[[], None], int] = {
            self.deliver: 6, self.again: 1, self.full: 1, self.tidy: 1, self.retract: 2,
            self.rollback: 3, self.forget: 3, self.two_at_once: 1,
            self.full_disk: 1 if self.has_disk else 0,
            self.wrong_clock: 1 if shutil.which("faketime") else 0,
        }  # fmt: skip
        for _ in range(3):
            self.deliver()
        operations = list(weights)
        while self.kills < kills:
            (do,) = self.random.choices(operations, list(weights.values()))
            before = self.kills
            do()
            self.done[do.__name__] += 1
            print(
                f"{self.kills:4} of {kills} killed; {do.__name__} ({self.kills - before})",
                flush=True,
            )
        assert self.command("verify", "--home", self.home) == 0, f"verify: see {self.log}"


def _files_with(folder: Path, text: str) -> list[str]:
    wanted = text.encode()
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and wanted in path.read_bytes()
    ]


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk in a folder, where that may be done; tell whether it was."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    yield mounted.returncode == 0
    if mounted.returncode == 0:
        subprocess.run(["umount", "--lazy", folder], check=False)


def main() -> int:
    """Go through it, and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for module in PRELOADED:
        import_module(module)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="soak", ignore_cleanup_errors=True) as name,
        small_disk(Path(name, "disk")) as disk,
    ):
        work = Path(name)
        soak = Soak(work, options.seed)
        soak.has_disk = disk
        soak._allow([])
        reading = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.soak.reader"]
                + [str(each) for each in (soak.home, soak.allowed, soak.findings)]
            )
            for _ in range(READERS)
        ]
        try:
            soak.go(options.kills)
        except BaseException:
            print(soak.log.read_text()[-6000:], file=sys.stderr)
            raise
        finally:
            for each in reading:
                each.terminate()
            for each in reading:
                each.wait()
        lines = soak.findings.read_text().splitlines()
    looks = sum(int(line.split()[1]) for line in lines if line.startswith("looked "))
    wrong = [line for line in lines if not line.startswith("looked ")]
    done = ", ".join(f"{count} {name}" for name, count in sorted(soak.done.items()))
    print(
        f"{soak.kills} operations killed, of {sum(soak.done.values())} ({done}), in "
        f"{(time.monotonic() - began) / 60:.0f} minutes; {looks:,} looks, {len(wrong)} of them "
        "at what must not be seen."
    )
    for line in wrong[:20]:
        print(f"  {line}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
