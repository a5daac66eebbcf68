"""Which customer is which person's, of all customers that ever were, from one version to the next.

Works on tables of a connection: of now `affected`, those whose person may be another, `numbered`,
the records made now, and `gone`; of before `ledger_before` and `person_aliases_before`.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from identity import clusters, persons
from identity.connection import fetch_one, make_table
from identity.decisions import place_of

ONLY_RECORD = "only record"

# Whose person may be another now: who is, or was, of a person of several records, and whose own id
# another person has, or may have.
_CONCERNED = """
create table concerned as
with several as (
    select person_id from ledger_before group by person_id having count(*) > 1
),

persons as (
    select person_id from ledger_before semi join affected using (customer_id)
),

named as (
    select customer_id from affected semi join grouped using (n)
    union
    -- Also who of these is gone.
    select customer_id from ledger_before
    semi join several using (person_id)
    semi join persons using (person_id)
    union
    select customer_id from ledger_before
    semi join affected using (customer_id)
    where person_id <> 'P' || customer_id
    union
    select affected.customer_id from affected
    anti join ledger_before using (customer_id)
    semi join ledger_before as taken on 'P' || affected.customer_id = taken.person_id
)

select
    named.customer_id,
    affected.n,
    grouped.number,
    ledger_before.person_id,
    ledger_before.gone_at is null as was_there,
    coalesce(ledger_before.seen_at, numbered.seen_at) as seen_at
from named
left join affected using (customer_id)
left join numbered using (customer_id)
left join grouped on affected.n = grouped.n
left join ledger_before using (customer_id)
"""

_LEDGER = f"""
create table ledger as
with found as (
    select
        affected.customer_id,
        coalesce(
            assigned.person_id, before.person_id, 'P' || affected.customer_id
        ) as person_id,
        coalesce(grouped.matched_by, '{ONLY_RECORD}') as matched_by,
        grouped.probability,
        before.person_id as person_before,
        before.matched_by as matched_by_before,
        before.matched_at as matched_at_before,
        coalesce(before.seen_at, numbered.seen_at) as seen_at
    from affected
    left join numbered using (customer_id)
    left join assigned using (customer_id)
    left join grouped on affected.n = grouped.n
    left join ledger_before as before using (customer_id)
)

select
    customer_id,
    person_id,
    matched_by,
    probability,
    case
        when person_before = person_id and matched_by_before = matched_by then matched_at_before
        else $1
    end as matched_at,
    seen_at,
    null::timestamp as gone_at
from found
union all by name
select
    * exclude (gone_at),
    case
        when gone_at is null and customer_id in (select customer_id from gone) then $1
        else gone_at
    end as gone_at
from ledger_before
anti join affected using (customer_id)
"""

# An alias of an alias is one of whoever has that now; one that is a person's own again has ended.
_ALIASES = """
create table person_aliases as
select
    there.alias_id,
    coalesce(further.person_id, there.person_id) as person_id,
    there.merged_at,
    case
        when
            there.ended_at is null
            and there.alias_id in (select person_id from ledger where gone_at is null)
            then $1
        else there.ended_at
    end as ended_at
from person_aliases_before as there
left join new_aliases as further
    on there.person_id = further.alias_id and there.ended_at is null
-- One that had ended, and is an alias again, has the later date.
where there.alias_id not in (select alias_id from new_aliases)
union all
select alias_id, person_id, $1, null from new_aliases
"""


def assign(
    connection: duckdb.DuckDBPyConnection, groups: clusters.Groups, at: datetime
) -> list[str]:
    """Make `ledger` and `person_aliases`; return what is to be told of ids that moved."""
    _make_groups(connection, groups)
    connection.execute(_CONCERNED)
    members: dict[Any, list[str]] = defaultdict(list)
    before, age = {}, {}
    for customer, n, number, person, was_there, seen_at in connection.execute(
        "select customer_id, n, number, person_id, was_there, seen_at from concerned"
    ).fetchall():
        age[customer] = (seen_at or "", *place_of(customer))
        if person:
            before[customer] = persons.Membership(person, was_there)
        if n is not None:  # who is not there any more is in no group
            members[(0, number) if number is not None else (1, n)].append(customer)
    listed = [members[key] for key in sorted(members)]
    # Ids that others have, of those that may be given.
    used = connection.execute(
        "select distinct person_id from ledger_before anti join concerned using (customer_id) "
        "where regexp_replace(person_id, '~[0-9]+$', '') in "
        "(select 'P' || customer_id from concerned)"
    ).fetchall()
    found = persons.assigned(listed, before, age, [person for (person,) in used])
    pairs = [
        (customer, person)
        for group, person in zip(listed, found.person_ids, strict=True)
        for customer in group
    ]
    make_table(connection, "assigned", {"customer_id": "varchar", "person_id": "varchar"}, pairs)
    make_table(
        connection,
        "new_aliases",
        {"alias_id": "varchar", "person_id": "varchar"},
        found.aliases.items(),
    )
    connection.execute(_LEDGER, [at])
    connection.execute(_ALIASES, [at])
    return _told(connection, found.aliases)


def _make_groups(connection: duckdb.DuckDBPyConnection, groups: clusters.Groups) -> None:
    """Have `grouped`: of each record of a group its number, and what brought it there."""
    rows = [
        (n, number, groups.joined_by[n].matched_by, groups.joined_by[n].probability)
        for number, group in enumerate(groups.members.values())
        for n in sorted(group)
    ]
    columns = {"n": "integer", "number": "integer", "matched_by": "varchar"}
    make_table(connection, "grouped", {**columns, "probability": "double"}, rows)


def _told(connection: duckdb.DuckDBPyConnection, aliases: Mapping[str, str]) -> list[str]:
    moved = fetch_one(
        connection,
        "select count(*) from ledger inner join ledger_before as before using (customer_id) "
        "where ledger.person_id <> before.person_id and ledger.gone_at is null",
    )
    if not moved:
        return []
    merged = f"; {len(aliases):,} persons are one with others now" if aliases else ""
    what = "1 customer is" if moved == 1 else f"{moved:,} customers are"
    return [f"{what} of another person than before{merged}."]
