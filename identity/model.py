"""How likely two records are of one person: Splink's model, trained on the data itself.

A case of a comparison weighs as much as it is more frequent among pairs of one person's records
than among others. The latter is measured on random pairs; the former is found by expectation
maximisation, that is without anybody telling who is who; people's decisions add to it (`labels`).
Data that is too little to learn from leaves the model as it is written in `comparisons`: what was
learned counts by the number of pairs that it was learned from.
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from identity.comparisons import Case, Comparison, comparisons
from identity.connection import fetch_one

logger = logging.getLogger(__name__)

RANDOM_PAIRS = 3e5
TRAINING_PAIRS = 1e6
SEED = 360
LEARNED_FROM = 100  # pairs that must be learned from to count as much as what is written
FIRST_GUESS = 0.05  # records of a person who has another, where no two are the same
LEAST_THOUGHT_OF = 200
LEAST_RECORDS = 50  # to measure anything on
THOUGHT_OF = {"last": 50, "first_root": 50, "name": 200}
MOST_THOUGHT_OF = 1000  # where each has a value of its own, as an e-mail address
COMMON = 0.05  # share of random pairs
LEAST_MATCHES = 20  # pairs of one person that are expected, to learn from
LEAST_LABELS = 30  # pairs decided to be one person, to learn from them

Counts = Mapping[str, Sequence[float]]
"""By comparison the share of each of its cases."""


@dataclass(frozen=True)
class Model:
    """What was learned: the share of each case among pairs of one person, and of others."""

    prior: float
    same: dict[str, list[float]]
    other: dict[str, list[float]]
    attributes: list[str] = field(default_factory=list)
    records: int = 0
    labels: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Model":
        """Read it."""
        return cls(**data)

    @property
    def prior_weight(self) -> float:
        """How likely any two records are of one person, in bits."""
        return math.log2(self.prior / (1 - self.prior))

    def weight(self, comparison: Comparison, case: int) -> float:
        """Return how much a case speaks for one person, in bits, whatever the value."""
        return math.log2(self.same[comparison.name][case] / self.other[comparison.name][case])


def untrained(attributes: Sequence[str], records: int) -> Model:
    """Return the model as it is written, for so many records."""
    # Among few records two are no likelier to be one person's.
    among = max(records, LEAST_THOUGHT_OF)
    return Model(
        prior=2 * FIRST_GUESS / (among - 1),
        same={each.name: [case.same for case in each.cases] for each in comparisons(attributes)},
        other={each.name: [case.other for case in each.cases] for each in comparisons(attributes)},
        attributes=list(attributes),
        records=records,
    )


def trained(
    connection: duckdb.DuckDBPyConnection,
    attributes: Sequence[str],
    records: int,
    labels: Counts | None = None,
    label_count: int = 0,
) -> Model:
    """Learn from the table `records`; `labels` are the shares that pairs decided to be one have."""
    first = untrained(attributes, records)
    if records < LEAST_RECORDS:
        return first
    pairs = records * (records - 1) / 2
    known = [each for each in comparisons(attributes) if _is_there(connection, each)]
    other, same, prior = dict(first.other), dict(first.same), first.prior
    other |= _measured(connection, first, known, records)
    prior = _prior(connection, records) or prior
    expected = prior * pairs
    linker = _linker(
        connection, first, _settings(Model(prior, same, other, list(attributes)), known), "records"
    )
    for rule in _TRAINED_WITHIN if expected >= LEAST_MATCHES else ():
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                rule,
                max_pairs=TRAINING_PAIRS,
                estimate_without_term_frequencies=True,
                record_sample_proportion=min(1.0, 20_000 / records),
            )
        except Exception as error:  # Splink's, where a block has too little to learn from
            logger.info("nothing was learned from pairs with %s: %s", rule, error)
    learned = _learned(linker, "m_probability")
    for each in known:
        if each.name in learned and _is_sensible(learned[each.name], other[each.name]):
            same[each.name] = _mixed(
                learned[each.name], expected, first.same[each.name], LEARNED_FROM
            )
        if labels and each.name in labels:
            same[each.name] = _mixed(labels[each.name], label_count, same[each.name], LEARNED_FROM)
    return Model(prior, same, other, list(attributes), records, label_count)


def _measured(
    connection: duckdb.DuckDBPyConnection, model: Model, known: Sequence[Comparison], records: int
) -> dict[str, list[float]]:
    """Return the share of each case among random pairs of records of different persons.

    For these are taken, of a comparison, the pairs that do not agree in the others.
    """
    connection.execute(f"""
        create or replace temp table random_pairs as
        select distinct least(x, y) as a, greatest(x, y) as b
        from (
            select
                1 + (hash(i, 1) % {records})::integer as x,
                1 + (hash(i, 2) % {records})::integer as y
            from range({int(min(RANDOM_PAIRS, records * (records - 1)))}) as numbers(i)
        )
        where x <> y
    """)
    score(connection, model, "records", "random_pairs", None, "random_scored")
    numbered = [
        (number, each) for number, each in enumerate(comparisons(model.attributes)) if each in known
    ]
    agree = {
        number: f"case_{number} between 0 and {_disagrees_from(each) - 1}"
        for number, each in numbered
    }
    # What nearly all agree in tells nobody apart.
    telling = [
        number
        for number, condition in agree.items()
        if fetch_one(connection, f"select avg(({condition})::int) from random_scored") < COMMON
    ]
    shares = {}
    for number, each in numbered:
        others = " or ".join(agree[other] for other in telling if other != number)
        counts = dict(
            connection.execute(
                f"select case_{number}, count(*) from random_scored "
                f"where case_{number} >= 0 and not ({others or 'false'}) group by all"
            ).fetchall()
        )
        if total := sum(counts.values()):
            shares[each.name] = _mixed(
                [max(counts.get(case, 0), 0.5) / total for case in range(len(each.cases))],
                total,
                model.other[each.name],
                LEARNED_FROM / 10,
            )
    return shares


def _disagrees_from(comparison: Comparison) -> int:
    """Return the first case that is as good as none: most pairs of others have it, or a worse."""
    return next(i for i, case in enumerate(comparison.cases) if case.other >= 5e-4)


# Pairs that agree in this have many of one person among them. What they are chosen by is not
# learned from them.
_TRAINED_WITHIN = (
    "l.last = r.last and l.first_root = r.first_root",
    "l.email = r.email",
    "l.postcode = r.postcode and l.number = r.number",
)


def frequencies(attributes: Iterable[str]) -> list[str]:
    """Return the columns of records of which frequent values say less than rare ones."""
    columns = [case.by_value for each in comparisons(attributes) for case in each.cases]
    return list(dict.fromkeys(column for column in columns if column))


def add_frequencies(
    connection: duckdb.DuckDBPyConnection, records: str, known: str | None, columns: Iterable[str]
) -> None:
    """Add to a table of records how frequent its values are: `tf_<column>`, a share.

    That is counted in the table itself or, where there is one, as `known` records have it. Of few
    records a value that is there once is not frequent for that: so many others are thought of.
    """
    joins, shares = [], []
    for column in columns:
        others = THOUGHT_OF.get(column, MOST_THOUGHT_OF)
        if known:
            joins.append(
                f"left join (select {column}, any_value(tf_{column}) as share from {known} "
                f"where {column} in (select {column} from {records}) group by {column}) "
                f"as of_{column} on there.{column} = of_{column}.{column}"
            )
            rare = f"(select min(tf_{column}) from {known})"
            shares.append(
                f"case when there.{column} is not null then coalesce(of_{column}.share, {rare}, "
                f"1.0 / {others + 1}) end as tf_{column}"
            )
        else:
            joins.append(
                f"left join (select {column}, count(*) / (sum(count(*)) over () + {others}) "
                f"as share from {records} where {column} is not null group by {column}) "
                f"as of_{column} on there.{column} = of_{column}.{column}"
            )
            shares.append(f"of_{column}.share as tf_{column}")
    connection.execute(
        f"create or replace table {records} as select there.*, {', '.join(shares)} "
        f"from {records} as there {' '.join(joins)}"
    )


def score(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    records: str,
    pairs: str,
    least: float | None,
    into: str = "scored",
) -> None:
    """Make a table of `pairs` (a, b) of the numbers of `records` that are likely enough.

    It has a, b, the weight of all evidence in bits, and, by comparison, the number of the case that
    holds (`case_<number of the comparison>`, -1 where one lacks it) and its weight (`bits_…`).
    """
    known = comparisons(model.attributes)
    present = [each for each in known if _is_there(connection, each, records)]
    linker = _linker(connection, model, _settings(model, present), records)
    connection.execute(
        f"create or replace temp table blocked as select '0' as match_key, a as join_key_l, "
        f"b as join_key_r from {pairs}"
    )
    api = linker._db_api
    linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
    found = linker.inference.predict(threshold_match_weight=least, warning_mode="never")
    columns = ["n_l as a", "n_r as b", "match_weight as weight"]
    for number, each in enumerate(known):
        name = each.name.replace(" ", "_")
        if each in present:
            adjusted = f" + mw_tf_adj_{name}" if any(case.by_value for case in each.cases) else ""
            columns += [
                f"case when gamma_{name} < 0 then -1 else {len(each.cases) - 1} - gamma_{name} end"
                f"::tinyint as case_{number}",
                f"(mw_{name}{adjusted})::float as bits_{number}",
            ]
        else:
            columns += [f"-1::tinyint as case_{number}", f"0::float as bits_{number}"]
    connection.execute(
        f"create or replace table {into} as select {', '.join(columns)} from {found.physical_name}"
    )
    found.drop_table_from_database_and_remove_from_cache()


def _is_there(
    connection: duckdb.DuckDBPyConnection, comparison: Comparison, records: str = "records"
) -> bool:
    condition = " and ".join(f"{column} is not null" for column in comparison.needs)
    (found,) = connection.execute(f"select count(*) from {records} where {condition}").fetchall()[0]
    return found > 1


def _linker(
    connection: duckdb.DuckDBPyConnection, model: Model, settings: dict[str, Any], records: str
) -> Any:
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)  # it tells of each iteration
    api = DuckDBAPI(connection=connection)
    return Linker(api.register(records), settings, log_level=None)


def _settings(model: Model, present: Iterable[Comparison]) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "n",
        "probability_two_random_records_match": model.prior,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
        "blocking_rules_to_generate_predictions": [],
        "max_iterations": 15,
        "comparisons": [_comparison(each, model) for each in present],
    }


def _comparison(comparison: Comparison, model: Model) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": comparison.null_condition,
            "label_for_charts": "not known",
            "is_null_level": True,
        }
    ]
    for number, case in enumerate(comparison.cases):
        levels.append(
            _level(case, model.same[comparison.name][number], model.other[comparison.name][number])
        )
    return {
        "output_column_name": comparison.name.replace(" ", "_"),
        "comparison_levels": levels,
    }


def _level(case: Case, same: float, other: float) -> dict[str, Any]:
    level: dict[str, Any] = {
        "sql_condition": "ELSE" if case.condition == "true" else case.condition,
        "label_for_charts": case.words,
        "m_probability": same,
        "u_probability": other,
    }
    if case.by_value:
        level |= {
            "tf_adjustment_column": case.by_value,
            "tf_adjustment_weight": 1.0,
            "tf_minimum_u_value": 1e-7,
        }
    return level


def _learned(linker: Any, key: str) -> dict[str, list[float | None]]:
    settings = linker.misc.save_model_to_json()
    return {
        comparison["output_column_name"].replace("_", " "): [
            level.get(key)
            for level in comparison["comparison_levels"]
            if not level.get("is_null_level")
        ]
        for comparison in settings["comparisons"]
    }


def _mixed(
    learned: Sequence[float | None], weight: float, written: Sequence[float], least: float
) -> list[float]:
    mixed = [
        (weight * (new if isinstance(new, float) else 0.0) + least * old) / (weight + least)
        for new, old in zip(learned, written, strict=True)
    ]
    total = sum(mixed)
    return [max(each / total, 1e-9) for each in mixed]


def _is_sensible(same: Sequence[float | None], other: Sequence[float]) -> bool:
    """Tell whether agreement speaks for one person, and disagreement against it."""
    first, last = same[0], same[-1]
    if not isinstance(first, float) or not isinstance(last, float):
        return False
    return first > 5 * other[0] and last < 0.9 * other[-1] and last < 0.75


def _prior(connection: duckdb.DuckDBPyConnection, records: int) -> float | None:
    """Return the share of pairs that are of one person, by those that surely are."""
    found = 0.0
    for key in ("name, postcode, number", "email, first_root"):
        known = " and ".join(f"{column} is not null" for column in key.split(", "))
        ((pairs,),) = connection.execute(
            f"select coalesce(sum(size * (size - 1) / 2), 0) from (select count(*) as size "
            f"from records where {known} group by {key} having count(*) between 2 and 10)"
        ).fetchall()
        found = max(found, pairs)
    # About as many again are not the same to the letter.
    return 2 * found / (records * (records - 1) / 2) if found else None
