"""Which pairs of records are compared at all: those that have something telling in common.

Records that agree in a key, such as the postcode and the last name, are compared. What too many
agree in tells nothing and would cost too much: of each kind of key, the blocks that are largest are
left out, so that a kind brings a few pairs a record (`limits`). So 100,000 customers of one e-mail
address are not compared for that.
"""

from dataclasses import dataclass

import duckdb

from identity.records import BIRTH_DATE, PHONE

MOST_IN_BLOCK = 100
PAIRS_A_RECORD = 0.5
PAIRS_ANYHOW = 20_000

_KEYS = {
    "email": "email",
    "mailbox": "case when len(mailbox) > 4 then mailbox end",
    "name": "least(first_root, last) || ' ' || greatest(first_root, last)",
    "last and initial": "last || ' ' || first[1]",
    "last": "last",
    "first": "first_root",
    "last and postcode": "last || ' ' || postcode",
    "first and postcode": "first_root || ' ' || postcode",
    "number and postcode": "number || ' ' || postcode",
    "first and number": "first_root || ' ' || number",
    "last and street": "last || ' ' || address_words[1]",
    "postcode and street": "postcode || ' ' || address_words[1]",
    "street": "address_words[1] || ' ' || address_words[2]",
    "number and street": "number || ' ' || address_words[1]",
    "number and town": "number || ' ' || address_words[-2]",
    "town": "address_words[3] || ' ' || address_words[-2]",
    PHONE: PHONE,
    "birth date and last": f"{BIRTH_DATE} || ' ' || last",
    "birth date and first": f"{BIRTH_DATE} || ' ' || first_root",
}


_COLUMNS = [
    "n", "first", "first_root", "last", "email", "mailbox", "postcode", "number", "address_words",
]  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """The most records that a block of each kind may have."""

    by_kind: dict[str, int]


def make_keys(
    connection: duckdb.DuckDBPyConnection, records: str, keys: str, within: str | None = None
) -> None:
    """Make a table `keys` of the keys of a table of records: its number `n`, kind and hash.

    With `within` only of keys that are in that other table of keys.
    """
    columns = {name for name, *_ in connection.execute(f"describe {records}").fetchall()}
    if within:  # a view is read once, and not for each kind
        wanted = ", ".join(_COLUMNS + sorted({PHONE, BIRTH_DATE} & columns))
        connection.execute(f"create or replace temp table keyed as select {wanted} from {records}")
        records = "keyed"
        narrowed = f" semi join {within} using (kind, key)"
    kinds = [
        (number, expression)
        for number, (kind, expression) in enumerate(_KEYS.items())
        if not ({PHONE, BIRTH_DATE} - columns) & set(expression.split())
    ]
    selects = " union all ".join(
        f"select * from (select n, {number}::utinyint as kind, hash({expression}) as key "
        f"from {records} where {expression} is not null){narrowed if within else ''}"
        for number, expression in kinds
    )
    connection.execute(f"create or replace temp table {keys} as {selects}")


def limits(connection: duckdb.DuckDBPyConnection, keys: str, records: int) -> Limits:
    """Return how large blocks of each kind may be, so that a kind brings a few pairs a record."""
    most = PAIRS_ANYHOW + PAIRS_A_RECORD * records
    found = connection.execute(f"""
        with blocks as (
            select kind, size, count(*) * size * (size - 1) / 2 as pairs
            from (select kind, key, count(*) as size from {keys} group by kind, key)
            where size between 2 and {MOST_IN_BLOCK}
            group by kind, size
        )

        select kind, max(size)
        from (
            select kind, size, sum(pairs) over (partition by kind order by size) as pairs
            from blocks
        )
        where pairs <= {most}
        group by kind
    """).fetchall()
    names = list(_KEYS)
    return Limits(dict.fromkeys(names, 1) | {names[kind]: size for kind, size in found})


def make_pairs(
    connection: duckdb.DuckDBPyConnection, keys: str, limits: Limits, changed: str | None = None
) -> None:
    """Make the table `candidates` of pairs `a` < `b` of numbers of records.

    With the table `changed` of numbers, only pairs with one of these.
    """
    sizes = ", ".join(str(limits.by_kind.get(name, 1)) for name in _KEYS)
    connection.execute(f"""
        create or replace temp table blocks as
        select kind, key, list(n) as members
        from {keys}
        {
        "where (kind, key) in (select (kind, key) from "
        + keys
        + " semi join "
        + changed
        + " using (n))"
        if changed
        else ""
    }
        group by kind, key
        having count(*) between 2 and [{sizes}][kind + 1]
    """)
    one_is_changed = (
        f"where a in (select n from {changed}) or b in (select n from {changed})" if changed else ""
    )
    connection.execute(f"""
        create or replace temp table candidates as
        select distinct a, b
        from (
            select least(x, y) as a, greatest(x, y) as b
            from (select members, unnest(members) as x from blocks), unnest(members) as other(y)
            where x < y
        )
        {one_is_changed}
    """)
    connection.execute("drop table blocks")
