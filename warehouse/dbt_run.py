"""Runs dbt inside this process: the project is parsed once, then built a layer at a time.

Not prefect-dbt's runner: it makes a Prefect task run of every model and test, which costs several
times what dbt itself takes. Each node is seen all the same: a line in the log, a row of `nodes`.
"""

import atexit
import contextvars
import gc
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lake.errors import C360Error
from warehouse import data_warnings
from warehouse.azure_sql import passes, time_limit
from warehouse.connection import MEMORY_VARIABLE, Query, built_states, memory_limit, read_only
from warehouse.data_warnings import DataTest
from warehouse.home import Home, project_dir
from warehouse.templates import Templates

logger = logging.getLogger(__name__)

MESSAGE_LENGTH = 400
FAILURES_NAMED = 3

# The adapter of each target that is asked through dbt.
_ADAPTERS = {
    "local": "duckdb",
    "synapse": "synapse",
    "azure_sql": "sqlserver",
    "fabric": "fabric",
}

# What dbt calls a node that did what it should.
_GOOD = frozenset({"success", "pass", "warn", "skipped", "no-op", "partial success"})
# Materializations whose rows can be counted without computing them.
_COUNTED = frozenset({"table", "external", "incremental", "seed"})


@dataclass
class NodeResult:
    """What became of one model, seed or test."""

    unique_id: str
    name: str
    kind: str
    status: str
    seconds: float
    message: str
    relation: str | None = None
    compiled: Path | None = None
    sql: str = ""
    tested: DataTest | None = None
    rows: int | None = None

    @property
    def good(self) -> bool:
        """Tell whether the run may go on."""
        return self.status in _GOOD


class DbtRun:
    """dbt for one run on one target: one version of silver, or of what is made from it."""

    def __init__(
        self,
        home: Home,
        warehouse: Path | None,
        version: str = "",
        *,
        target: str = "local",
        **environment: str,
    ) -> None:
        """Prepare to build `version`; nothing happens yet.

        `warehouse` is the DuckDB file to build into, on the target that has one; `environment`
        is what else dbt has to find there, such as C360_LAKE for a lake that is not the home's.
        """
        self.nodes: list[NodeResult] = []
        self.warnings: list[str] = []
        self.version = version
        self.left_unchanged = "nothing was published"  # by a build that fails
        self._home = home
        self.target = target
        self._project = project_dir()
        self._environment = {
            "C360_HOME": str(home.root),
            "C360_LAKE": str(home.lake),
            "DO_NOT_TRACK": "1",
            **({"C360_WAREHOUSE": str(warehouse)} if warehouse else {}),
            **environment,
        }
        # dbt keeps the parsed project between runs, and each environment parses to another one.
        self._target_path = home.dbt_target
        if target != "local":
            self._target_path /= target + environment.get("C360_SCHEMA_SUFFIX", "")
        self._templates = Templates(self._target_path / "templates.marshal")
        self._manifest: Any = None
        self._adapter: Any = None

    def take_memory_for(self, rows: int) -> None:
        """Let DuckDB take what it needs for a build of so many rows that arrived."""
        self._environment[MEMORY_VARIABLE] = memory_limit(rows)

    def parse(self) -> None:
        """Read the project; what has not changed since the last time is not read again."""
        if self._manifest is None:
            self._manifest = self._invoke(["parse"]).result

    def build(
        self,
        *selection: str,
        on_node: Callable[[str, int, int], None],
        full_refresh: bool = False,
    ) -> list[NodeResult]:
        """Build and test what the selection names; raise when something fails.

        With `full_refresh` what dbt would add to is built anew. `on_node` is told each node that
        finished, its number, and how many there are. dbt's unit tests are left out: they test the
        models' code, not the data that a run brings. So are exposures, which there is nothing to
        build of.
        """

        def callback(event: Any) -> None:
            if not (event.info.name.startswith("Log") and event.info.name.endswith("Result")):
                return
            data, node = event.data, event.data.node_info
            logger.info(
                "%s %s %s (%.2f s)",
                node.resource_type, node.node_name, node.node_status, data.execution_time,
            )  # fmt: skip
            on_node(node.node_name, data.index, getattr(data, "total", None) or data.num_models)

        arguments = ["build", *selection, "--exclude-resource-type", "unit_test", "exposure"]
        if full_refresh:
            arguments.append("--full-refresh")
        outcome = self._invoke(arguments, callback)
        results = [_node_result(each, self._project) for each in outcome.result or []]
        built = [node for node in results if node.kind != "operation"]  # a hook builds nothing
        self.nodes += built
        failed = [node for node in results if not node.good]
        if failed:
            raise C360Error(
                _failure_message(failed, len(results), self.left_unchanged) + self._advice(failed),
                # A test that found something will find it again.
                passing=all(node.status == "error" and passes(node.message) for node in failed),
            )
        if not outcome.success:
            raise C360Error("dbt did not finish and did not say why; the log says more.")
        return built

    def _advice(self, failed: list[NodeResult]) -> str:
        if late := self._time_limit(" ".join(node.message for node in failed)):
            return late
        if not any("Out of Memory" in node.message for node in failed):
            return ""
        limit = self._environment.get(MEMORY_VARIABLE, memory_limit())
        return f" DuckDB may take {limit} of memory; set {MEMORY_VARIABLE} to more, such as 8GB."

    def _time_limit(self, error: str) -> str:
        """Say so when a statement took longer than it may."""
        return time_limit(error, self._adapter.config.credentials) if self._adapter else ""

    def document(self) -> Path:
        """Have dbt document the project; return the folder of its manifest and its catalog."""
        # After a build the compiled SQL is there already. Where a model does not compile, dbt
        # closes the connections of all threads, and fails over one in use before it tells why.
        how = ["--no-compile"] if self.nodes else ["--threads", "1"]
        self._invoke(["docs", "generate", *how])
        from dbt.parser.manifest import write_manifest

        write_manifest(self._manifest, str(self._target_path))
        return self._target_path

    def close(self) -> None:
        """Close the warehouse, which dbt keeps open; after that the file is whole."""
        if self.target != "local" or self._adapter is None:
            return
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        environment = DuckDBConnectionManager._ENV
        DuckDBConnectionManager.close_all_connections()
        if environment is not None:
            environment.close()

    def inspect(self, warehouse: Path) -> None:
        """Complete `nodes` with each one's rows, and `warnings` with what the tests warn of."""
        if not warehouse.exists():
            raise C360Error(
                f"dbt did not build {warehouse}, so nothing was published. In profiles.yml, take "
                "the path of the target local from the environment variable C360_WAREHOUSE, as "
                "profiles.example.yml does."
            )
        states = built_states(warehouse)
        for node in self.nodes:
            node.rows = states.get(node.name.partition(".")[2], {}).get("rows")
        with read_only(warehouse) as connection:
            self.describe(lambda sql: connection.execute(sql).fetchall())

    def describe(self, query: Query) -> None:
        """Complete `nodes` and `warnings` by asking the warehouse that the nodes are in."""
        self.warnings = []
        for node in self.nodes:
            if node.relation and node.rows is None:
                ((node.rows,),) = query(f"select count(*) from {node.relation}")
            if node.status == "warn":
                warning = _warning(node, query)
                self.warnings.append(warning)
                logger.warning("%s", warning)

    @property
    def adapter(self) -> Any:
        """dbt's adapter to the target, with the profile's credentials."""
        self.parse()
        return self._adapter

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the target's server, with the profile's credentials; return all rows."""
        return self._asked(sql)[1]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask in the same way; return all rows by the names of their columns."""
        names, rows = self._asked(sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def execute(self, sql: str) -> None:
        """Have the target's server run what gives no rows back."""
        self._asked(sql)

    def _asked(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        from dbt_common.exceptions import DbtBaseException

        adapter = self.adapter
        try:
            with self._variables(), adapter.connection_named("c360"):
                _, cursor = adapter.connections.add_query(sql, auto_begin=False)
                if cursor.description is None:
                    return [], []
                names = [column[0] for column in cursor.description]
                return names, [tuple(row) for row in cursor.fetchall()]
        except DbtBaseException as error:
            raise C360Error(
                f"{self.target} did not answer: {_one_line(str(error))}"
                + time_limit(error, adapter.config.credentials),
                passes(error),
            ) from error

    def run_operation(self, macro: str, **arguments: str | list[str]) -> list[str]:
        """Run a macro with arguments; return what it tells, raise with its error when it fails."""
        errors: list[str] = []
        told: list[str] = []

        def callback(event: Any) -> None:
            if event.info.name.startswith("RunningOperation"):
                errors.append(event.data.exc)
            elif event.info.name == "JinjaLogInfo":
                told.append(event.data.msg)

        given = ["--args", json.dumps(arguments)] if arguments else []
        if not self._invoke(["run-operation", macro, *given], callback).success:
            why = _one_line(" ".join(errors)) or "the log says why"
            raise C360Error(
                f"dbt run-operation {macro} failed: {why}{self._time_limit(why)}", passes(why)
            )
        return told

    @contextmanager
    def _variables(self) -> Iterator[None]:
        environment = self._environment | ({"C360_VERSION": self.version} if self.version else {})
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _invoke(self, arguments: list[str], callback: Callable[[Any], None] | None = None) -> Any:
        # dbt tells of a node in the thread that built it. Prefect keeps a line of the log with the
        # run whose context it is written in.
        started_in = contextvars.copy_context()

        def listen(event: Any) -> None:
            if event.info.level == "error":
                logger.error("dbt: %s", event.info.msg)
            if callback:
                callback(event)

        with self._variables(), _garbage_kept():
            if arguments[0] != "parse":
                self.parse()
            # Imported late: it takes a second or two, which `c360 --help` should not.
            from dbt.adapters.factory import get_adapter_by_type
            from dbt.cli.main import dbtRunner

            runner = dbtRunner(
                manifest=self._manifest,
                callbacks=[lambda event: started_in.copy().run(listen, event)],
            )
            with nullcontext() if arguments[0] == "parse" else self._templates.in_use():
                outcome = runner.invoke([*arguments, *self._common_arguments()])
            if self.target in _ADAPTERS and outcome.exception is None:
                # dbt forgets its adapters when it is invoked for another target.
                self._adapter = get_adapter_by_type(_ADAPTERS[self.target])
        if outcome.exception is not None:
            if not isinstance(outcome.exception, Exception):
                raise outcome.exception  # no failure of dbt's: Ctrl-C, or Prefect ends the run
            logger.error("dbt %s: %s", arguments[0], outcome.exception)
            raise C360Error(
                f"dbt {arguments[0]} failed: {_one_line(str(outcome.exception))}"
            ) from outcome.exception
        return outcome

    def _common_arguments(self) -> list[str]:
        return [
            "--project-dir", str(self._project),
            "--profiles-dir", str(self._profiles()),
            "--target", self.target,
            "--target-path", str(self._target_path),
            "--log-path", str(self._home.logs),
            "--log-level", "none",
            "--log-level-file", "none",  # its errors are in the run's own
            "--no-print",
            "--no-use-colors",
            "--no-use-colors-file",
            "--no-version-check",
            "--no-write-json",  # nobody reads it; the parsed project is kept elsewhere
            "--no-send-anonymous-usage-stats",
        ]  # fmt: skip

    def _profiles(self) -> Path:
        """Return the folder of profiles.yml: the project's own, or the example for want of one."""
        if (self._project / "profiles.yml").is_file():
            return self._project
        self._home.profiles.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(
            self._project / "profiles.example.yml", self._home.profiles / "profiles.yml"
        )
        return self._home.profiles


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Look for no garbage meanwhile, nor afterwards among what is there then.

    Among all that dbt keeps that takes a tenth of its time, and once more where it begins again. At
    its end Python looks at all of it after all: DuckDB complains about what it has to leave behind.
    A command, which has nothing to do then but to end, unregisters that.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()
            atexit.register(gc.unfreeze)


def _node_result(result: Any, project: Path) -> NodeResult:
    node = result.node
    test = getattr(node, "test_metadata", None)
    compiled = getattr(node, "compiled_path", None)
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name if node.resource_type == "test" else f"{node.schema}.{node.name}",
        kind=str(node.resource_type),
        status=str(result.status),
        seconds=result.execution_time or 0.0,
        message=_one_line(result.message or ""),
        relation=node.relation_name if node.config.materialized in _COUNTED else None,
        compiled=project / compiled if compiled else None,
        sql=getattr(node, "compiled_code", None) or "",
        tested=DataTest(test.name, (node.attached_node or "").rsplit(".", 1)[-1], test.kwargs)
        if test
        else None,
    )


def _warning(node: NodeResult, query: Query) -> str:
    told = node.tested and data_warnings.warning(node.tested, node.sql, query)
    return told or f"{node.name}: {node.message}."


def _failure_message(failed: list[NodeResult], count: int, left_unchanged: str) -> str:
    named = []
    for node in failed[:FAILURES_NAMED]:
        where = f" (compiled SQL: {node.compiled})" if node.compiled else ""
        named.append(f"{node.kind} {node.name}: {node.message}{where}")
    more = f"; and {len(failed) - FAILURES_NAMED} more" if len(failed) > FAILURES_NAMED else ""
    tests = any(node.kind == "test" for node in failed)
    rows = " A test's SQL shows the rows that fail it." if tests else ""
    return (
        f"{len(failed)} of {count} dbt nodes failed, so {left_unchanged}: {'; '.join(named)}{more}."
        f"{rows} Correct what is wrong and run again."
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 1] + "…"
