"""Who is who: finds the records of one person among silver's customers, for what changed.

1. Customers that are new, or say something else than before, become records (`records`).
2. Of these, pairs that have something telling in common with any other are compared (`candidates`)
   and weighed (`model`). The model is trained when there is none, and when data or settings changed
   enough; then everything is compared anew.
3. Rules that are declared, and decisions of people, are taken without weighing; some pairs
   contradict whatever they weigh (`judging`).
4. Pairs become groups (`clusters`), groups persons with ids that stay (`persons`, `ledger`).
5. What is unsure waits for somebody to decide (`possible_duplicates`).
"""

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from identity import candidates, clusters, decisions, ledger, model, store
from identity.comparisons import comparisons
from identity.judging import Judge, fetch_one
from identity.records import FINGERPRINT, make_records
from identity.settings import Settings
from lake.clock import now
from lake.store import Lake
from lake.versions import PublishedEntity

logger = logging.getLogger(__name__)

DECISION = "decision"
MODEL = "model"

KEPT_FROM = 0.01  # pairs that are less likely are forgotten
GROWN = 1.5  # the model is trained anew when there are so many times as many customers
REASONS_KEPT = 1000  # letters

_CUSTOMER = ["customer_id", "customer_name", "email", "address", "_batch_id"]


@dataclass(frozen=True)
class Matched:
    """What a matching found; `told` are sentences for the person who runs it."""

    version: str | None
    customers: int = 0
    persons: int = 0
    with_several: int = 0
    waiting: int = 0
    compared: int = 0
    told: list[str] = field(default_factory=list)


def match(
    lake: Lake,
    entities: Mapping[str, PublishedEntity],
    settings: Settings,
    version: str,
    spill_to: Path,
    memory: str = "2GB",
) -> Matched:
    """Find out who is who among the customers of a version of silver; write that as a version.

    Where nothing changed, the version that counts is returned, and none is written.
    """
    if not settings.enabled or "customers" not in entities:
        return Matched(None)
    with model.workspace(memory_limit=memory, temp_directory=str(spill_to)) as connection:
        return _Matching(connection, lake, entities, settings, version).go()


def is_of_now(lake: Lake, settings: Settings, version: str | None) -> bool:
    """Tell whether a version was found as it would be now, as far as customers are the same."""
    if not settings.enabled or version is None:
        return settings.enabled is False and version is None
    if not store.has_knowledge(lake, version):
        return False
    known = store.read_knowledge(lake, version)
    return (known["code"], known["settings"], known["decisions"]) == (
        code(),
        settings.fingerprint,
        _said(decisions.in_force(decisions.read(lake))),
    )


def code() -> str:
    """Return a hash of all that decides who is who: by other code everything is found anew."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.iterdir()):
        if path.suffix in (".py", ".csv", ".yml") and path.stem not in _NOT_DECIDING:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_NOT_DECIDING = ("review", "explain", "quality", "decisions", "store", "__init__")


def _said(holding: Mapping[tuple[str, str], decisions.Decision]) -> list[str]:
    return sorted(each.id for each in holding.values())


class _Matching:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        entities: Mapping[str, PublishedEntity],
        settings: Settings,
        version: str,
    ) -> None:
        self.connection, self.lake, self.entities = connection, lake, entities
        self.settings, self.version = settings, version
        self.before = store.current_version(lake)
        self.known = store.read_knowledge(lake, self.before) if self.before else {}
        self.decisions = decisions.in_force(decisions.read(lake))
        self.told: list[str] = []
        self.now = now().replace(microsecond=0)

    def go(self) -> Matched:
        self._read_customers()
        self._read_before()
        anew = self._why_anew()
        changed = self._find_changed(anew)
        said = _said(self.decisions)
        if self.before and not anew and not changed and said == self.known.get("decisions"):
            return Matched(self.before, **self.known["counts"])
        self._make_records(anew)
        compared = self._train_and_score(anew)
        self._judge_all()
        groups = self._group()
        self.told += ledger.assign(self.connection, groups, self.now)
        waiting = self._find_unsure(groups)
        return self._write(waiting, compared, said)

    # -- what there is

    def _read_customers(self) -> None:
        """Make `customers` of silver's, with the attributes that are declared."""
        connection = self.connection
        store.load_entity(
            connection, self.lake, self.entities["customers"], "silver_customers", _CUSTOMER,
            "customer_id",
        )  # fmt: skip
        ((self.key_type,),) = connection.execute(
            "select column_type from (describe silver_customers) where column_name = 'customer_id'"
        ).fetchall()
        attributes = "select null as customer_id, null as attributes where false"
        self.attributes: list[str] = []
        if "customer_attributes" in self.entities:
            store.load_entity(
                connection, self.lake, self.entities["customer_attributes"], "silver_attributes",
                ["customer_id", "attribute", "value"],
            )  # fmt: skip
            attributes = (
                "select customer_id, map_from_entries(list((attribute, value) order by attribute)) "
                "as attributes from silver_attributes group by customer_id"
            )
            self.attributes = [
                name
                for (name,) in connection.execute(
                    "select distinct attribute from silver_attributes order by attribute"
                ).fetchall()
            ]
        connection.execute(f"""
            create or replace temp table all_customers as
            select
                silver_customers.customer_id::varchar as customer_id,
                customer_name,
                email,
                address,
                silver_customers._batch_id as seen_at,
                attributes.attributes::map(varchar, varchar) as attributes
            from silver_customers
            left join ({attributes}) as attributes using (customer_id)
        """)
        connection.execute("drop table silver_customers")
        self.count: int = fetch_one(connection, "select count(*) from all_customers")
        self.judge = Judge(connection, self.attributes, self.settings, self.count)

    def _read_before(self) -> None:
        """Make `records_before`, `pairs_before` and `ledger` of the version that counts."""
        for name, empty in _EMPTY.items():
            if self.before and store.has_table(self.lake, self.before, name):
                table = store.read_table(self.lake, self.before, name)
                self.connection.register("read", table)
                self.connection.execute(f"create table {name}_before as select * from read")
                self.connection.unregister("read")
            else:
                self.connection.execute(f"create table {name}_before as {empty}")

    def _why_anew(self) -> str | None:
        """Return why all is to be compared anew, by a model that is trained anew; none if not."""
        if not self.before:
            return "first"
        if (self.known["code"], self.known["settings"]) != (code(), self.settings.fingerprint):
            return "how customers are compared, or what is declared of it, has changed"
        if self.known["model"]["attributes"] != self.attributes:
            return "other columns of customers are declared"
        trained = max(self.known["model"]["records"], 1)
        if self.count > trained * GROWN + model.LEAST_RECORDS or self.count * GROWN < trained:
            return f"there are {self.count:,} customers, and were {trained:,} when it was trained"
        labels = sum(each.verdict == "same" for each in self.decisions.values())
        if labels >= model.LEAST_LABELS and labels > GROWN * self.known["model"]["labels"]:
            return f"there are {labels:,} decisions to learn from"
        return None

    def _find_changed(self, anew: str | None) -> bool:
        """Make `customers` of those that are new or changed; tell whether any are, or are gone."""
        condition = "true" if anew else "before.fingerprint is null or before.fingerprint <> now.fp"
        self.connection.execute(f"""
            create or replace temp table customers as
            select now.* exclude (fp)
            from (select *, {FINGERPRINT} as fp from all_customers as customers) as now
            left join records_before as before using (customer_id)
            where {condition}
        """)
        changed = fetch_one(self.connection, "select count(*) from customers")
        gone = fetch_one(
            self.connection,
            "select count(*) from records_before anti join all_customers using (customer_id)",
        )
        return bool(changed or gone)

    # -- records, pairs, probabilities

    def _make_records(self, anew: str | None) -> None:
        """Make `records` of all customers, and `changed` of the numbers of those made now."""
        connection = self.connection
        make_records(connection, "made", self.attributes)
        connection.execute("""
            create or replace table numbered as
            select
                coalesce(
                    before.n,
                    (select coalesce(max(n), 0) from records_before)
                    + (row_number() over (partition by before.n is null order by made.customer_id))
                )::integer as n,
                made.* exclude (seen_at),
                coalesce(before.seen_at, made.seen_at) as seen_at
            from made
            left join (select customer_id, n, seen_at from records_before) as before
                using (customer_id)
        """)
        model.add_frequencies(
            connection,
            "numbered",
            None if anew else "records_before",
            model.frequencies(self.attributes),
        )
        kept = """
            union all by name
            select records_before.* from records_before
            semi join all_customers using (customer_id)
            anti join numbered using (customer_id)
        """
        connection.execute(
            f"create or replace table records as select * from numbered {'' if anew else kept}"
        )
        connection.execute("create or replace temp table changed as select n from numbered")
        connection.execute("drop table made")
        connection.execute("drop table numbered")

    def _train_and_score(self, anew: str | None) -> int:
        """Make `pairs` of all pairs worth keeping; return how many were compared now."""
        connection = self.connection
        candidates.make_keys(connection, "records", "keys")
        if anew:
            self.limits = candidates.limits(connection, "keys", self.count)
        else:
            self.limits = candidates.Limits(self.known["limits"])
        candidates.make_pairs(connection, "keys", self.limits, None if anew else "changed")
        connection.execute("drop table keys")
        self._add_decided()
        compared: int = fetch_one(connection, "select count(*) from candidates")
        if anew:
            self._train(anew, compared)
        else:
            self.model = model.Model.of(self.known["model"])
            self.households = self.known["households"]
        kept = """
            union all by name
            select * from pairs_before as there
            where
                a in (select n from records) and b in (select n from records)
                and a not in (select n from changed) and b not in (select n from changed)
                and (a, b) not in (select (a, b) from candidates)
        """
        if compared:
            model.score(connection, self.model, "records", "candidates", _LOOKED_AT_WEIGHT)
        else:
            connection.execute(f"create or replace table scored as {_scored_of(self.model)}")
        connection.execute(
            f"create or replace table pairs as select * from scored {'' if anew else kept}"
        )
        if anew and compared:
            self._find_prior()
        return compared

    def _add_decided(self) -> None:
        """Have the pairs that people decided about be compared too, to be learned from."""
        pairs = pa.table({
            "one": pa.array([pair[0] for pair in self.decisions], pa.string()),
            "other": pa.array([pair[1] for pair in self.decisions], pa.string()),
            "verdict": pa.array([each.verdict for each in self.decisions.values()], pa.string()),
        })  # fmt: skip
        self.connection.register("given", pairs)
        self.connection.execute("""
            create or replace temp table decided as
            select least(x.n, y.n) as a, greatest(x.n, y.n) as b, verdict
            from given
            inner join records as x on given.one = x.customer_id
            inner join records as y on given.other = y.customer_id
        """)
        self.connection.unregister("given")
        self.connection.execute(
            "insert into candidates select a, b from decided anti join candidates using (a, b)"
        )

    def _train(self, why: str, compared: int) -> None:
        """Train the model; tell why, unless it is the first."""
        if compared == 0:
            self.model = model.untrained(self.attributes, self.count)
        else:
            labels, count = self._labels()
            self.model = model.trained(self.connection, self.attributes, self.count, labels, count)
        self.households = True
        if why != "first":
            self.told.append(f"Who is who was found out anew: {why}.")

    def _labels(self) -> tuple[dict[str, list[float]], int]:
        """Return of each comparison the shares of its cases among pairs decided to be the same."""
        count = fetch_one(self.connection, "select count(*) from decided where verdict = 'same'")
        if count < model.LEAST_LABELS:
            return {}, count
        first = model.untrained(self.attributes, self.count)
        self.connection.execute(
            "create or replace temp table same as select a, b from decided where verdict = 'same'"
        )
        model.score(self.connection, first, "records", "same", None, "labelled")
        shares = {}
        for number, each in enumerate(comparisons(self.attributes)):
            found = dict(
                self.connection.execute(
                    f"select case_{number}, count(*) from labelled where case_{number} >= 0 "
                    "group by all"
                ).fetchall()
            )
            if total := sum(found.values()):
                shares[each.name] = [found.get(case, 0) / total for case in range(len(each.cases))]
        return shares, count

    def _find_prior(self) -> None:
        """Set how likely any two records are of one person, by what the comparisons found.

        It also finds out whether there are households in the data, in which several people of one
        last name share an address.
        """
        self.judge.judge("pairs")
        self.households = self.judge.has_households()
        every = self.count * (self.count - 1) / 2
        prior = self.model.prior
        for _ in range(3):
            shift = math.log2(prior / self.model.prior)
            likely = fetch_one(
                self.connection,
                f"select sum(1 / (1 + pow(2, -(weight + {shift})))) from pairs "
                "inner join judged using (a, b) "
                f"where not ({self.judge.contradiction(self.households)})",
            )
            prior = min(max(likely or 0, 0.5) / every, 0.2)
        shift = math.log2(prior / self.model.prior)
        self.connection.execute(f"update pairs set weight = weight + {shift}")
        self.model = model.Model.of({**self.model.to_dict(), "prior": prior})

    def _judge_all(self) -> None:
        """Make `likely`: of each pair its probability, whether it counts, and why not."""
        self.judge.judge("pairs")
        self.connection.execute(f"""
            delete from pairs
            where
                weight < {_KEPT_WEIGHT}
                and (a, b) not in (select (a, b) from decided)
                and (a, b) not in (select (a, b) from judged where rule is not null)
        """)
        self.connection.execute(f"""
            create or replace table likely as
            select
                pairs.a,
                pairs.b,
                1 / (1 + pow(2, -weight)) as probability,
                rule,
                {self.judge.contradiction(self.households)} as contradicts,
                {self.judge.fitting(self.households)} as names_fit,
                names_near or other_generation or other_birth_date as doubtful
            from pairs
            inner join judged using (a, b)
        """)

    def _group(self) -> clusters.Groups:
        """Make groups of the pairs that are surely one person."""
        fetch = self.connection.execute
        apart: set[clusters.Pair] = set()
        together: set[clusters.Pair] = set()
        for a, b, verdict in fetch("select a, b, verdict from decided").fetchall():
            (together if verdict == "same" else apart).add((a, b))
        edges = [clusters.Edge(a, b, 1.0, DECISION, decided=True) for a, b in together]
        for a, b, probability, rule in fetch(f"""
            select a, b, probability, rule
            from likely
            where
                not contradicts
                and (rule is not null or (probability >= {self.settings.same_from} and names_fit))
        """).fetchall():
            if (a, b) in apart or (a, b) in together:
                continue
            name = MODEL if rule is None else self.settings.rules[rule].name
            edges.append(clusters.Edge(a, b, probability if rule is None else 1.0, name))
        supported = together | {
            (a, b)
            for a, b in fetch(
                f"select a, b from likely where not contradicts and (rule is not null or "
                f"probability >= {self.settings.review_from})"
            ).fetchall()
        }
        contradicting = set(fetch("select a, b from likely where contradicts").fetchall())
        return clusters.grouped(edges, supported, contradicting, apart, self.settings.most_records)

    def _find_unsure(self, groups: clusters.Groups) -> int:
        """Make `possible_duplicates`: pairs of two persons that may be one."""
        connection = self.connection
        connection.register("refused", pa.table({
            "a": pa.array([edge.a for edge in groups.refused], pa.int32()),
            "b": pa.array([edge.b for edge in groups.refused], pa.int32()),
        }))  # fmt: skip
        reasons = ", ".join(
            f"{{'weight': -abs(bits_{number}), "
            f"'words': getvariable('case_words')[{number + 1}][case_{number} + 1]}}"
            for number in range(len(comparisons(self.attributes)))
        )
        words = [[case.words for case in each.cases] for each in comparisons(self.attributes)]
        connection.execute("set variable case_words = $1::varchar[][]", [words])
        connection.execute(f"""
            create or replace table possible_duplicates as
            with unsure as (
                select a, b from likely
                where
                    probability >= {self.settings.review_from}
                    and names_fit
                    and not contradicts
                union
                select a, b from likely
                where doubtful and probability >= {self.settings.same_from}
                union
                select a, b from refused
            )

            select
                least(
                    x.customer_id::{self.key_type}, y.customer_id::{self.key_type}
                ) as customer_id,
                greatest(
                    x.customer_id::{self.key_type}, y.customer_id::{self.key_type}
                ) as other_customer_id,
                likely.probability,
                array_to_string(
                    list_transform(list_sort([{reasons}]), lambda reason: reason.words), '; '
                )[1:{REASONS_KEPT}] as reasons
            from unsure
            inner join likely using (a, b)
            inner join pairs using (a, b)
            anti join decided using (a, b)
            inner join records as x on unsure.a = x.n
            inner join records as y on unsure.b = y.n
            inner join ledger as one on x.customer_id = one.customer_id
            inner join ledger as other on y.customer_id = other.customer_id
            where one.person_id <> other.person_id
        """)
        waiting: int = fetch_one(connection, "select count(*) from possible_duplicates")
        return waiting

    def _write(self, waiting: int, compared: int, said: list[str]) -> Matched:
        """Write the version."""
        fetch = self.connection.execute
        fetch(f"""
            create or replace table matched_customers as
            select
                customer_id::{self.key_type} as customer_id,
                person_id,
                matched_by,
                probability,
                matched_at
            from ledger
            where gone_at is null
        """)
        persons_found, several = fetch(
            "select count(*), count(*) filter (size > 1) from "
            "(select count(*) as size from matched_customers group by person_id)"
        ).fetchall()[0]
        counts = {
            "customers": self.count,
            "persons": persons_found,
            "with_several": several,
            "waiting": waiting,
        }
        fetch(f"""
            create or replace table judged_pairs as
            select
                x.customer_id,
                y.customer_id as other_customer_id,
                probability,
                rule is not null as ruled,
                not contradicts
                and (rule is not null or (probability >= {self.settings.same_from} and names_fit))
                as taken
            from likely
            inner join records as x on likely.a = x.n
            inner join records as y on likely.b = y.n
        """)
        for name in ("records", "pairs", "judged_pairs", "ledger", *store.LOADED):
            order = {"pairs": "a, b", "records": "n"}.get(name, "all")
            query = f"select * from {name} order by {order}"
            table = self.connection.sql(query).to_arrow_table()
            store.write_table(self.lake, self.version, name, table)
        store.write_knowledge(self.lake, self.version, {
            "model": self.model.to_dict(),
            "limits": self.limits.by_kind,
            "households": self.households,
            "settings": self.settings.fingerprint,
            "code": code(),
            "decisions": said,
            "counts": counts,
        })  # fmt: skip
        return Matched(self.version, compared=compared, told=self.told, **counts)


_KEPT_WEIGHT = math.log2(KEPT_FROM / (1 - KEPT_FROM))
_LOOKED_AT_WEIGHT = _KEPT_WEIGHT - 14  # for a rule, and because the first prior is a guess
_EMPTY = {
    "records": "select null::varchar as customer_id, null::integer as n, null::ubigint as "
    "fingerprint, null::varchar as seen_at where false",
    "pairs": "select null::integer as a, null::integer as b where false",
    "ledger": "select null::varchar as customer_id, null::varchar as person_id, null::varchar as "
    "matched_by, null::double as probability, null::timestamp as matched_at, null::varchar as "
    "seen_at, null::timestamp as gone_at where false",
    "person_aliases": "select null::varchar as alias_id, null::varchar as person_id, "
    "null::timestamp as merged_at, null::timestamp as ended_at where false",
}


def _scored_of(known: model.Model) -> str:
    columns = ["null::integer as a", "null::integer as b", "null::double as weight"]
    for number in range(len(comparisons(known.attributes))):
        columns += [f"null::tinyint as case_{number}", f"null::float as bits_{number}"]
    return f"select {', '.join(columns)} where false"
