"""How good the matching is, estimated from what people decided.

Decided pairs are looked at by how likely they were: of each band the share that people took for one
person is known from those they decided, and holds for all pairs of the band. Precision and recall
follow from these shares, with the intervals that so few decisions allow.
"""

import math
from dataclasses import dataclass

import duckdb

from identity import decisions, store
from identity.connection import make_table
from identity.settings import Settings
from lake.errors import InputError
from lake.store import Lake

Z = 1.96  # 95 %
LEAST_LABELS = 20


@dataclass(frozen=True)
class Band:
    """Pairs of like probability: how many there are, how many of them were decided, and how."""

    name: str
    taken: bool  # for one person, by the model and the rules
    pairs: int
    decided: int
    same: int

    @property
    def share(self) -> tuple[float, float, float]:
        """The share that is one person: estimated, and the interval (Wilson) it is in."""
        return wilson(self.same, self.decided)


@dataclass(frozen=True)
class Quality:
    """Precision and recall, each estimated and with its interval; None without decisions."""

    bands: list[Band]
    precision: tuple[float, float, float] | None
    recall: tuple[float, float, float] | None


def wilson(hits: int, count: int) -> tuple[float, float, float]:
    """Return a share and its interval of 95 % (Wilson).

    >>> [round(each, 3) for each in wilson(19, 20)]
    [0.95, 0.764, 0.991]
    """
    if count == 0:
        return (math.nan, 0.0, 1.0)
    share = hits / count
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    reach = (Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))) / (
        1 + Z * Z / count
    )
    return (share, max(middle - reach, 0.0), min(middle + reach, 1.0))


def estimate(lake: Lake, settings: Settings) -> Quality:
    """Estimate the quality of the version that counts from the decisions that hold.

    Raises InputError when there are too few decisions to say anything.
    """
    version = store.current_version(lake)
    holding = decisions.in_force(decisions.read(lake))
    if version is None or len(holding) < LEAST_LABELS:
        raise InputError(
            f"There are {len(holding)} decisions, and it takes {LEAST_LABELS} to estimate anything "
            "from them. `c360 identity review` shows pairs to decide about."
        )
    with duckdb.connect() as connection:
        connection.register("pairs", store.read_table(lake, version, "pairs"))
        store.load_records(connection, lake, version, "records", ["n", "customer_id"])
        # Either may be the first in what was compared.
        make_table(
            connection,
            "decided",
            {"one": "varchar", "other": "varchar", "verdict": "varchar"},
            [
                (*way, each.verdict)
                for pair, each in holding.items()
                for way in (pair, (pair[1], pair[0]))
            ],
        )
        bands = [
            Band(*row)
            for row in connection.execute(
                """
                with judged as (
                    select
                        x.customer_id,
                        y.customer_id as other_customer_id,
                        probability,
                        rule,
                        not contradicts
                        and (rule is not null or (probability >= $1 and names_fit)) as taken
                    from pairs
                    inner join records as x on pairs.a = x.n
                    inner join records as y on pairs.b = y.n
                ),

                banded as (
                    select
                        judged.*,
                        case
                            when taken and rule is not null then 'what a rule says'
                            when taken then 'surely one person'
                            when probability >= $1 then 'likely, but contradicted or unsure'
                            else 'unsure'
                        end as band,
                        verdict
                    from judged
                    left join decided
                        on judged.customer_id = decided.one
                        and judged.other_customer_id = decided.other
                    where probability >= $2 or taken
                )

                select
                    band,
                    bool_or(taken),
                    count(*),
                    count(verdict),
                    count(*) filter (verdict = 'same')
                from banded
                group by band
                order by bool_or(taken) desc, band
                """,
                [settings.same_from, settings.review_from],
            ).fetchall()
        ]
    taken = [band for band in bands if band.taken]
    return Quality(
        bands,
        _weighted(taken, sum(band.pairs for band in taken)) if _known(taken) else None,
        _recall(bands) if _known(bands) else None,
    )


def _known(bands: list[Band]) -> bool:
    return bool(bands) and all(band.decided for band in bands)


def _weighted(bands: list[Band], pairs: int) -> tuple[float, float, float]:
    low, share, high = (
        sum(band.pairs * band.share[place] for band in bands) / max(pairs, 1) for place in (1, 0, 2)
    )
    return (share, low, high)


def _recall(bands: list[Band]) -> tuple[float, float, float]:
    def of(place: int, missed: int) -> float:
        found = sum(band.pairs * band.share[place] for band in bands if band.taken)
        lost = sum(band.pairs * band.share[missed] for band in bands if not band.taken)
        return found / max(found + lost, 1e-9)

    return (of(0, 0), of(1, 2), of(2, 1))
