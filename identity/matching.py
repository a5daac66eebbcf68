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

from identity import candidates, clusters, decisions, ledger, model, store
from identity.comparisons import comparisons
from identity.connection import fetch_one, make_table, workspace
from identity.customers import Customers
from identity.judging import Judge
from identity.records import make_records
from identity.settings import RULES, Settings
from lake.clock import now
from lake.store import Lake
from lake.versions import PublishedEntity

logger = logging.getLogger(__name__)

DECISION = "decision"
MODEL = "model"

KEPT_FROM = 0.01  # pairs that are less likely are forgotten
GROWN = 1.5  # the model is trained anew when there are so many times as many customers
REASONS_KEPT = 1000  # letters
REFUSED = "but other records of the two do not fit"
MOST_PARTS = 20  # of records, before they are written as one
FIRST = "first"


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
    with workspace(memory_limit=memory, temp_directory=str(spill_to)) as connection:
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


_NOT_DECIDING = ("forgetting", "review", "quality", "decisions", "store", "connection", "__init__")


def _said(holding: Mapping[tuple[str, str], decisions.Decision]) -> list[str]:
    return sorted(each.id for each in holding.values())


class _Matching:
    """One matching, on tables of a connection.

    - `customers`: who is new or changed, `gone`: who is no more; with `anew` all are changed.
    - `numbered`: their records, with numbers `n` that stay; `everyone`: all records of now;
      `records`: those that anything is looked up of.
    - `pairs`: the pairs of now, scored and judged; `affected`: the records whose group may change.
    - `ledger`, `person_aliases`, `possible_duplicates`: what comes out.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        entities: Mapping[str, PublishedEntity],
        settings: Settings,
        version: str,
    ) -> None:
        self.connection, self.lake = connection, lake
        self.settings, self.version = settings, version
        self.before = store.current_version(lake)
        self.known = store.read_knowledge(lake, self.before) if self.before else {}
        self.decisions = decisions.in_force(decisions.read(lake))
        self.customers = Customers(connection, lake, entities)
        self.key_type = store.key_type(lake, entities["customers"], "customer_id")
        self.attributes = self.customers.attributes
        self.count = 0
        self.told: list[str] = []
        self.now = now().replace(microsecond=0)

    def go(self) -> Matched:
        said = _said(self.decisions)
        anew = self._read()
        if not anew and not self._has_changes() and said == self.known["decisions"]:
            return Matched(self.before, **self.known["counts"])
        self.judge = Judge(self.connection, self.attributes, self.settings, self.count)
        self._tell_of_rules()
        self._make_records(anew)
        compared = self._find_candidates(anew)
        self._train(anew, compared)
        self._score(anew, compared)
        groups = self._group(anew)
        self.told += ledger.assign(self.connection, groups, self.now)
        return self._write(anew, self._find_unsure(groups), compared, said)

    def _tell_of_rules(self) -> None:
        """Tell of declared rules about what no customer has."""
        for rule in self.settings.rules:
            lacking = [name for name in rule.same if not self.judge.has(name)]
            if lacking and rule not in RULES:
                self.told.append(
                    f"The rule {rule.name} holds of nobody: no customer has {lacking[0]}. It is "
                    "email, postcode, or what is declared as extra of customers."
                )

    # -- what there is, and was

    def _read(self) -> str | None:
        """Read who changed since, or all; return why all are compared anew, or None."""
        self._read_before("ledger")
        self._read_before("person_aliases")
        why = self._why_otherwise()
        if not why and self.customers.goes_on_from(self.known["silver"]):
            self._read_records_before()
            self.customers.read_changes(self.known["silver"]["version"])
        else:
            self.customers.read_all()
            self.count = self.customers.count
            why = why or self._why_grown()
            if why:
                self.connection.execute(
                    "create table gone as select customer_id from ledger_before "
                    "where gone_at is null except select customer_id from customers"
                )
                return why
            self._read_records_before()
            self.customers.keep_changed("records_before")
        self.count = fetch_one(
            self.connection,
            "select (select count(*) from records_before) - (select count(*) from gone) "
            "+ (select count(*) from customers anti join records_before using (customer_id))",
        )
        why = self._why_grown()
        if why:
            for table in ("customers", "gone"):
                self.connection.execute(f"drop table {table}")
            self.customers.read_all()
            self.connection.execute(
                "create table gone as select customer_id from ledger_before "
                "where gone_at is null except select customer_id from customers"
            )
        else:
            self._read_before("pairs")
        return why

    def _has_changes(self) -> bool:
        return bool(
            fetch_one(
                self.connection,
                "select (select count(*) from customers) + (select count(*) from gone)",
            )
        )

    def _read_before(self, name: str) -> None:
        """Make `<name>_before` of the version that counts."""
        if self.before and store.has_table(self.lake, self.before, name):
            self.connection.register("read", store.read_table(self.lake, self.before, name))
            self.connection.execute(f"create table {name}_before as select * from read")
            self.connection.unregister("read")
        else:
            self.connection.execute(f"create table {name}_before as {_EMPTY[name]}")

    def _read_records_before(self) -> None:
        """Have `records_before` of who was there."""
        assert self.before
        store.load_records(self.connection, self.lake, self.before, "all_before")
        self.connection.execute(
            "create table records_before as select * from all_before semi join "
            "(select customer_id from ledger_before where gone_at is null) using (customer_id)"
        )
        self.connection.execute("drop table all_before")

    def _why_otherwise(self) -> str | None:
        """Return why all is to be compared anew, by a model that is trained anew; none if not."""
        if not self.before:
            return FIRST
        if self.known.get("forgotten"):
            return "somebody was forgotten"
        if (self.known["code"], self.known["settings"]) != (code(), self.settings.fingerprint):
            return "how customers are compared, or what is declared of it, has changed"
        if self.known["model"]["attributes"] != self.attributes:
            return "other columns of customers are declared"
        labels = sum(each.verdict == "same" for each in self.decisions.values())
        if labels >= model.LEAST_LABELS and labels > GROWN * self.known["model"]["labels"]:
            return f"there are {labels:,} decisions to learn from"
        return None

    def _why_grown(self) -> str | None:
        trained = max(self.known["model"]["records"], 1)
        if self.count > trained * GROWN or self.count * GROWN < trained:
            return f"there are {self.count:,} customers, and were {trained:,} when it was trained"
        return None

    # -- records, pairs, probabilities

    def _make_records(self, anew: str | None) -> None:
        """Make `numbered`, and have `everyone`."""
        fetch = self.connection.execute
        make_records(self.connection, "made", self.attributes)
        # Numbers stay while nothing is compared anew; those of who is gone are nobody else's.
        last = "0" if anew else "(select coalesce(max(n), 0) from records_before)"
        before = "ledger_before" if anew else "records_before"
        fetch(f"""
            create table numbered as
            select
                {"null" if anew else "before.n"} as n_before,
                coalesce(
                    n_before,
                    {last} + row_number() over (
                        partition by n_before is null order by made.customer_id
                    )
                )::integer as n,
                made.* exclude (seen_at),
                coalesce(before.seen_at, made.seen_at) as seen_at
            from made
            left join {before} as before using (customer_id)
        """)
        fetch("alter table numbered drop n_before")
        fetch("drop table made")
        model.add_frequencies(
            self.connection,
            "numbered",
            None if anew else "records_before",
            model.frequencies(self.attributes),
        )
        if anew:
            fetch("create view everyone as select * from numbered")
        else:
            fetch("""
                create view everyone as
                select * from numbered
                union all by name
                select * from records_before
                anti join (
                    select customer_id from numbered union all select customer_id from gone
                ) using (customer_id)
            """)

    def _find_candidates(self, anew: str | None) -> int:
        """Make `candidates` and `records`; return how many pairs are to be compared."""
        fetch = self.connection.execute
        if anew:
            candidates.make_keys(self.connection, "everyone", "keys")
            self.limits = candidates.limits(self.connection, "keys", self.count)
            candidates.make_pairs(self.connection, "keys", self.limits)
        else:
            self.limits = candidates.Limits(self.known["limits"])
            candidates.make_keys(self.connection, "numbered", "changed_keys")
            candidates.make_keys(self.connection, "everyone", "keys", within="changed_keys")
            candidates.make_pairs(self.connection, "keys", self.limits, "numbered")
            fetch("drop table changed_keys")
        fetch("drop table keys")
        self._add_decided()
        if anew:
            fetch("create view records as select * from numbered")
        else:
            fetch("""
                create table records as
                select * from everyone
                where n in (
                    select n from numbered
                    union select a from candidates union select b from candidates
                )
            """)
        compared: int = fetch_one(self.connection, "select count(*) from candidates")
        return compared

    def _add_decided(self) -> None:
        """Make `decided`, and have those pairs be compared too, to be learned from."""
        columns = {"one": "varchar", "other": "varchar", "verdict": "varchar", "id": "varchar"}
        rows = [(*pair, each.verdict, each.id) for pair, each in self.decisions.items()]
        make_table(self.connection, "given", columns, rows)
        self.connection.execute("""
            create table decided as
            select least(x.n, y.n) as a, greatest(x.n, y.n) as b, verdict, id
            from given
            inner join everyone as x on given.one = x.customer_id
            inner join everyone as y on given.other = y.customer_id
        """)
        self.connection.execute("drop table given")
        self.connection.execute(
            "insert into candidates select a, b from decided anti join candidates using (a, b)"
        )

    def _train(self, anew: str | None, compared: int) -> None:
        """Have the model: the one that there is or, `anew`, another; tell why."""
        self.households = True
        if not anew:
            self.model = model.Model.of(self.known["model"])
            self.households = self.known["households"]
        elif compared == 0:
            self.model = model.untrained(self.attributes, self.count)
        else:
            labels, count = self._labels()
            self.model = model.trained(self.connection, self.attributes, self.count, labels, count)
        if anew and anew != FIRST:
            self.told.append(f"Who is who was found out anew: {anew}.")

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

    def _score(self, anew: str | None, compared: int) -> None:
        """Make `pairs` of those that are worth keeping."""
        fetch = self.connection.execute
        if compared:
            model.score(self.connection, self.model, "records", "candidates", _LOOKED_AT_WEIGHT)
        else:
            fetch(f"create table scored as {_scored_of(self.model)}")
        self.judge.judge("scored", everyone="everyone")
        if anew and compared:
            self._find_prior()
        rules = [rule.name for rule in self.settings.rules]
        fetch("set variable rules = $1::varchar[]", [rules])
        fetch(f"""
            create table pairs as
            select
                scored.*,
                1 / (1 + pow(2, -weight)) as probability,
                getvariable('rules')[rule + 1] as rule,
                {self.judge.contradiction(self.households)} as contradicts,
                {self.judge.fitting(self.households)} as names_fit,
                case
                    when names_near then 'but the first names are two people''s, however alike'
                    when other_generation then 'but Jr., Sr. and the like differ'
                    when other_birth_date then 'but born on other days'
                end as doubt,
                false as refused
            from scored
            inner join judged using (a, b)
            where
                weight >= {_KEPT_WEIGHT}
                or rule is not null
                or (a, b) in (select (a, b) from decided)
        """)
        fetch("drop table scored")
        if not anew:
            fetch("""
                insert into pairs by name
                select * from pairs_before
                where
                    a in (select n from everyone)
                    and b in (select n from everyone)
                    and a not in (select n from numbered)
                    and b not in (select n from numbered)
                    and (a, b) not in (select (a, b) from candidates)
            """)

    def _find_prior(self) -> None:
        """Set how likely any two records are of one person, by what the comparisons found.

        It also finds out whether there are households in the data, in which several people of one
        last name share an address.
        """
        self.households = self.judge.has_households("scored")
        every = self.count * (self.count - 1) / 2
        prior = self.model.prior
        for _ in range(3):
            shift = math.log2(prior / self.model.prior)
            likely = fetch_one(
                self.connection,
                f"select sum(1 / (1 + pow(2, -(weight + {shift})))) from scored "
                "inner join judged using (a, b) "
                f"where not ({self.judge.contradiction(self.households)})",
            )
            prior = min(max(likely or 0, 0.5) / every, 0.2)
        shift = math.log2(prior / self.model.prior)
        self.connection.execute(f"update scored set weight = weight + {shift}")
        self.model = model.Model.of({**self.model.to_dict(), "prior": prior})

    # -- groups and persons

    @property
    def _taken(self) -> str:
        """The condition that a pair is one person, as far as no other speaks against it."""
        return (
            "not contradicts and (rule is not null or "
            f"(probability >= {self.settings.same_from} and names_fit))"
        )

    def _group(self, anew: str | None) -> clusters.Groups:
        """Make groups of the affected records, by the pairs that are surely one person."""
        self._find_affected(anew)
        fetch = self.connection.execute
        apart: set[clusters.Pair] = set()
        together: set[clusters.Pair] = set()
        for a, b, verdict in fetch("select a, b, verdict from decided").fetchall():
            (together if verdict == "same" else apart).add((a, b))
        edges = [clusters.Edge(a, b, 1.0, DECISION, decided=True) for a, b in sorted(together)]
        within = "a in (select n from affected) and b in (select n from affected)"
        for a, b, probability, rule in fetch(
            f"select a, b, probability, rule from pairs where {within} and {self._taken}"
        ).fetchall():
            if (a, b) not in apart and (a, b) not in together:
                edges.append(clusters.Edge(a, b, 1.0 if rule else probability, rule or MODEL))
        supported = together | {
            (a, b)
            for a, b in fetch(
                f"select a, b from pairs where {within} and not contradicts and "
                f"(rule is not null or probability >= {self.settings.review_from})"
            ).fetchall()
        }
        linked = (
            f"a in (select unnest([a, b]) from pairs where {self._taken}) "
            f"and b in (select unnest([a, b]) from pairs where {self._taken})"
        )
        contradicting = set(
            fetch(f"select a, b from pairs where contradicts and {within} and {linked}").fetchall()
        )
        return clusters.grouped(edges, supported, contradicting, apart, self.settings.most_records)

    def _find_affected(self, anew: str | None) -> None:
        """Make `affected`: whose group may change, with all who are tied to them."""
        fetch = self.connection.execute
        if anew:
            fetch("create table affected as select n, customer_id from everyone")
            return
        fetch("create table members as select everyone.n, everyone.customer_id, person_id "
              "from everyone left join ledger_before using (customer_id)")  # fmt: skip
        known = self.known["decisions"]
        pairs = [pair for pair, each in self.decisions.items() if each.id not in known]
        undone = set(known) - {each.id for each in self.decisions.values()}
        pairs += [each.pair for each in decisions.read(self.lake) if each.id in undone]
        concerned = [(customer,) for pair in pairs for customer in pair]
        make_table(self.connection, "concerned_by", {"customer_id": "varchar"}, concerned)
        fetch("""
            create table affected as
            select n, customer_id from members
            where
                n in (select n from numbered)
                or n in (select unnest([a, b]) from decided)
                or customer_id in (select customer_id from concerned_by)
                or person_id in (
                    select person_id from ledger_before semi join gone using (customer_id)
                )
        """)
        ties = f"select a, b from pairs where {self._taken} union all select a, b from decided"
        while fetch(f"""
            insert into affected
            select n, customer_id from members
            where
                n not in (select n from affected)
                and (
                    person_id in (select person_id from members semi join affected using (n))
                    or n in (select b from ({ties}) where a in (select n from affected))
                    or n in (select a from ({ties}) where b in (select n from affected))
                )
        """).fetchall()[0][0]:
            pass

    def _find_unsure(self, groups: clusters.Groups) -> int:
        """Make `possible_duplicates`: pairs of two persons that may be one."""
        fetch = self.connection.execute
        refused = [(edge.a, edge.b) for edge in groups.refused]
        make_table(self.connection, "refused_now", {"a": "integer", "b": "integer"}, refused)
        fetch("""
            update pairs set refused = (a, b) in (select (a, b) from refused_now)
            where a in (select n from affected)
        """)
        reasons = ", ".join(
            f"{{'weight': -abs(bits_{number}), "
            f"'words': getvariable('case_words')[{number + 1}][case_{number} + 1]}}"
            for number in range(len(comparisons(self.attributes)))
        )
        words = [[case.words for case in each.cases] for each in comparisons(self.attributes)]
        fetch("set variable case_words = $1::varchar[][]", [words])
        fetch(
            f"""
            create table unsure as
            select
                * exclude (doubt),
                coalesce(doubt, case when refused then $1 end) as doubt
            from pairs
            anti join decided using (a, b)
            where
                refused
                or (doubt is not null and probability >= {self.settings.same_from})
                or (
                    probability >= {self.settings.review_from} and names_fit and not contradicts
                )
        """,
            [REFUSED],
        )
        fetch(f"""
            create table possible_duplicates as
            select
                least(
                    x.customer_id::{self.key_type}, y.customer_id::{self.key_type}
                ) as customer_id,
                greatest(
                    x.customer_id::{self.key_type}, y.customer_id::{self.key_type}
                ) as other_customer_id,
                unsure.probability,
                array_to_string(
                    list_append(
                        list_transform(list_sort([{reasons}]), lambda reason: reason.words), doubt
                    ),
                    '; '
                )[1:{REASONS_KEPT}] as reasons
            from unsure
            inner join everyone as x on unsure.a = x.n
            inner join everyone as y on unsure.b = y.n
            inner join ledger as one on x.customer_id = one.customer_id
            inner join ledger as other on y.customer_id = other.customer_id
            where one.person_id <> other.person_id
        """)
        waiting: int = fetch_one(self.connection, "select count(*) from possible_duplicates")
        return waiting

    # -- what is kept

    def _write(self, anew: str | None, waiting: int, compared: int, said: list[str]) -> Matched:
        """Write the version."""
        fetch = self.connection.execute
        fetch(f"""
            create view matched_customers as
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
        parts = [] if anew or not self.before else store.record_parts(self.lake, self.before)
        records = "numbered"
        if len(parts) >= MOST_PARTS:
            records, parts = "everyone", []
        self._write_table("records", records)
        for name in ("pairs", "ledger", *store.LOADED):
            self._write_table(name, name)
        store.write_knowledge(self.lake, self.version, {
            "model": self.model.to_dict(),
            "limits": self.limits.by_kind,
            "households": self.households,
            "settings": self.settings.fingerprint,
            "code": code(),
            "decisions": said,
            "counts": counts,
            "silver": self.customers.place,
            "record_parts": [*parts, self.version],
        })  # fmt: skip
        return Matched(self.version, compared=compared, told=self.told, **counts)

    def _write_table(self, name: str, relation: str) -> None:
        table = self.connection.sql(f"select * from {relation}").to_arrow_table()
        store.write_table(self.lake, self.version, name, table)


_KEPT_WEIGHT = math.log2(KEPT_FROM / (1 - KEPT_FROM))
_LOOKED_AT_WEIGHT = _KEPT_WEIGHT - 6  # for a rule, and because the first prior is a guess
_EMPTY = {
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
