"""Where everything of one installation is, and the lock that lets one run in at a time.

A home holds personal data, so it is made for its owner alone. Whoever administers it may open it,
or a part of it, to others (chmod, chgrp): what a run writes anew is then for those who could read
what it replaces, or, where it replaces nothing, for those whom its folder is open to.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lake.errors import C360Error, InputError

DEFAULT_HOME = ".c360"
TOKEN_VARIABLE = "C360_API_TOKEN"
NO_PII_VARIABLE = "C360_NO_PII"
PROJECT_DIR_VARIABLE = "C360_PROJECT_DIR"

PRIVATE = 0o700


def project_dir() -> Path:
    """Return the dbt project's folder: C360_PROJECT_DIR, or the one this package stands in."""
    named = os.environ.get(PROJECT_DIR_VARIABLE)
    folder = Path(named).resolve() if named else Path(__file__).resolve().parent.parent
    if not (folder / "dbt_project.yml").is_file():
        raise C360Error(
            f"There is no dbt_project.yml in {folder}. Set {PROJECT_DIR_VARIABLE} to the folder of "
            "the Customer 360 project."
        )
    return folder


def personal_data_shown(asked: bool | None = None) -> bool:
    """Tell whether personal data is shown: it is, unless what was `asked` or C360_NO_PII says no.

    Whatever shows a person's values asks here. Raises C360Error when the variable says neither.
    """
    value = os.environ.get(NO_PII_VARIABLE, "").strip().lower()
    if value in ("1", "true", "t", "yes", "y", "on"):  # what the command line takes for it
        return False
    if value in ("", "0", "false", "f", "no", "n", "off"):
        return asked is not False
    raise C360Error(f"{NO_PII_VARIABLE} is {value}; set it to 1 or 0.")


def refuse_without_personal_data(why: str) -> None:
    """Raise InputError, with why, when personal data is not to be shown."""
    if not personal_data_shown():
        raise InputError(f"{NO_PII_VARIABLE} is set, and {why}. Unset it for this command.")


@dataclass(frozen=True)
class Home:
    """The folder of one installation. No other module puts its paths together."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path) -> "Home":
        """Return the home at `folder`; relative folders count from the current one."""
        return cls(Path(folder).expanduser().resolve())

    @property
    def lake(self) -> Path:
        """The lake: what arrived, and the silver versions."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB file that people open."""
        return self.root / "warehouse.duckdb"

    @property
    def docs(self) -> Path:
        """The published documentation site."""
        return self.root / "docs"

    @property
    def report(self) -> Path:
        """The published report."""
        return self.root / "report"

    @property
    def logs(self) -> Path:
        """One log file a run."""
        return self.root / "logs"

    @property
    def staging(self) -> Path:
        """What the current run has under construction; nothing in it outlives a run."""
        return self.root / "staging"

    @property
    def staged_warehouse(self) -> Path:
        """The DuckDB file under construction."""
        return self.staging / "warehouse.duckdb"

    @property
    def staged_docs(self) -> Path:
        """The documentation site under construction."""
        return self.staging / "docs"

    @property
    def staged_report(self) -> Path:
        """The report under construction."""
        return self.staging / "report"

    @property
    def versions(self) -> Path:
        """The versions that are kept, each as it was published."""
        return self.root / "versions"

    def kept(self, version: str) -> "Home":
        """Return where a kept version stands: warehouse, documentation and report, as in a home."""
        return Home(self.versions / version)

    def replaced(self, folder: Path) -> Path:
        """Return where a published folder goes when a new one takes its place."""
        return self.staging / f"replaced_{folder.name}"

    @property
    def profiles(self) -> Path:
        """Where the example profile is copied for a project that has no profiles.yml."""
        return self.staging / "profiles"

    @property
    def dbt_target(self) -> Path:
        """dbt's own folder: the project as it was read, kept between runs, and the compiled SQL."""
        return self.root / "dbt"

    @property
    def odbc(self) -> Path:
        """Where unixODBC finds the driver for Synapse, for want of one in the system."""
        return self.root / "odbc"

    @property
    def demo(self) -> Path:
        """There when the data in this home is the demo's; holds that data while it is needed."""
        return self.root / "demo"

    @property
    def demo_input(self) -> Path:
        """The files that the demo made."""
        return self.demo / "input"

    @property
    def demo_settings(self) -> Path:
        """What the demo's data was made with."""
        return self.demo / "settings.json"

    @property
    def intent(self) -> Path:
        """There only while a publish is under way: what it publishes."""
        return self.root / "publish.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the run under way; holds its process id."""
        return self.root / "run.lock"

    def log_file(self, version: str) -> Path:
        """Return the log file of the run that builds `version`."""
        return self.logs / f"{version}.log"

    def new_log_file(self, version: str) -> Path:
        """Create the log file of the run that builds `version`, for whoever may read the others."""
        file = self.log_file(version)
        file.touch()
        follow_folder(file)
        return file

    @property
    def ran_on_azure(self) -> bool:
        """Tell whether the runs of this home were on Azure, so that it has no warehouse."""
        return (self.dbt_target / "synapse").is_dir() and not self.warehouse.exists()

    def prepare(self) -> None:
        """Create the home's folders, for their owner alone, or say why that cannot be."""
        if "?" in str(self.root):
            raise C360Error(
                f"The home {self.root} has a ? in its path, which DuckDB takes for the end of it. "
                "Choose another with --home or C360_HOME."
            )
        try:
            for folder in (self.root, self.lake, self.logs, self.dbt_target):
                folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(f"no permission to write in {folder}")
        except OSError as error:
            reason = "it is a file" if self.root.is_file() else error.strerror or error
            raise C360Error(
                f"The home {self.root} cannot be written ({reason}). Choose "
                "another with --home or C360_HOME, or change its permissions."
            ) from error

    @contextmanager
    def file_modes(self) -> Iterator[None]:
        """Have all that this process makes meanwhile be for those whom the lake is open to."""
        opened = _opened_to(self.lake) if self.lake.exists() else 0
        before = os.umask(~opened & 0o077)
        try:
            yield
        finally:
            os.umask(before)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for one run; the system frees it when the process ends, however it ends.

        What is written meanwhile has the modes that `file_modes` gives.
        """
        with self.file_modes(), self.lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise C360Error(
                    f"Another run is using {self.root} (process {holder}). Wait until it has "
                    "finished, or use another --home.",
                    passing=True,
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)


def follow_folder(path: Path) -> None:
    """Open a new file, or a new folder with all that is in it, to whom its folder is open."""
    opened, group = _opened_to(path.parent), path.parent.stat().st_gid
    for each in (path, *path.rglob("*")):
        _give(each, -1, group)
        each.chmod((PRIVATE | opened) & (0o777 if each.is_dir() else 0o666))


def keep_modes(old: Path, new: Path) -> None:
    """Give a new file or folder the modes and the group of what it is about to replace, if any.

    What it replaces nothing with, and a page that only its owner could read, follows its folder.
    """
    if not old.exists():
        return
    for path in (new, *sorted(new.rglob("*"))):
        before = old / path.relative_to(new)
        if before.exists():
            status = before.stat()
            _give(path, status.st_uid, status.st_gid)
            path.chmod(stat.S_IMODE(status.st_mode))
        if path != new and not (before.exists() and _opened_to(before)):
            follow_folder(path)


def _give(path: Path, owner: int, group: int) -> None:
    with suppress(PermissionError):  # only root gives files away, and a group has to be one's own
        os.chown(path, owner, group)


def _opened_to(path: Path) -> int:
    """Return what group and others may do with it, as bits of a mode."""
    return path.stat().st_mode & 0o077
