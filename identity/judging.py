"""What follows of a comparison beside its weight: rules that decide, and what contradicts.

However much two records have in common, they are two people's where the first names are (Maria and
Mario, twins at one address), the generations (Jr. and Sr.) or the birth dates.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from identity.comparisons import (
    ADDRESS,
    ANOTHER_FIRST_NAME,
    ANOTHER_LAST_NAME,
    BIRTH_DATES,
    EMAIL,
    LAST_OF_FITTING_NAMES,
    LAST_OF_SAME_ADDRESS,
    LAST_OF_SAME_NAME,
    NAME,
    ONE_NAME_ALIKE,
    OTHER_BIRTH_DATE,
    comparisons,
)
from identity.records import BIRTH_DATE, PHONE, column_of
from identity.settings import Rule, Settings

logger = logging.getLogger(__name__)

KNOWN_FIRST_NAME = 0.0005  # share of the records: a first name of so many is no typing error
KNOWN_OTHERWISE = 0.05  # share of the records that have more than name and address
LEAST_HOUSEHOLDS = 10


@dataclass(frozen=True)
class Judge:
    """Judges pairs of the table `records` of a connection."""

    connection: duckdb.DuckDBPyConnection
    attributes: Sequence[str]
    settings: Settings
    count: int

    def judge(self, pairs: str, everyone: str = "records") -> None:
        """Make `judged` of what is to be said of `pairs`, which are scored.

        Which values are frequent is counted among `everyone`. It has a, b; `names_differ`: the
        first names are two people's; `names_near`: so, but they are a letter or two apart;
        `other_generation`, `other_birth_date`; `mail_is_shared`: their e-mail address is several
        people's; `rule`: the number of the rule that holds, if one does.
        """
        self._find_values(everyone)
        birth_date = (
            f"coalesce(case_{self.number(BIRTH_DATES.name)} = {OTHER_BIRTH_DATE}, false)"
            if BIRTH_DATE in self.attributes
            else "false"
        )
        rules = " ".join(
            f"when {self._rule(rule, everyone)} then {number}"
            for number, rule in enumerate(self.settings.rules)
            if all(self.has(name) for name in rule.same)
        )
        name = self._case(NAME.name)
        self.connection.execute(f"""
            create or replace temp table judged as
            with compared as (
                select
                    pairs.a,
                    pairs.b,
                    coalesce(
                        len(l.first) > 1
                        and len(r.first) > 1
                        and {name} > {LAST_OF_SAME_NAME}
                        and not list_has_any(l.firsts, r.firsts)
                        and l.first <> r.last
                        and r.first <> l.last
                        -- A blank may have got into one of them.
                        and (
                            len(l.name_words) = len(r.name_words)
                            or damerau_levenshtein(l.joined, r.joined) > 1
                        ),
                        false
                    ) as other_first,
                    -- Looked at for few, since it takes long.
                    case when other_first then coalesce(
                        list_min(flatten(list_transform(
                            l.firsts,
                            lambda x: list_transform(
                                r.firsts, lambda y: damerau_levenshtein(x, y)
                            )
                        ))) <= case
                            when least(len(l.first), len(r.first)) >= 7 then 2
                            when greatest(len(l.first), len(r.first)) >= 4 then 1
                            else 0
                        end,
                        false
                    ) else false end as near,
                    l.first in (select first from known_names)
                    and r.first in (select first from known_names) as both_known,
                    {name} between 0 and {LAST_OF_FITTING_NAMES}
                    and coalesce(l.generation, '') <> coalesce(r.generation, '')
                    as other_generation,
                    {birth_date} as other_birth_date,
                    l.email in (select email from shared_by_people) as mail_is_shared,
                    case {rules or "when false then 0"} end as rule
                from {pairs} as pairs
                inner join records as l on pairs.a = l.n
                inner join records as r on pairs.b = r.n
            )

            select
                a,
                b,
                other_first and (both_known or not near) as names_differ,
                other_first and both_known and near as names_near,
                other_generation,
                other_birth_date,
                mail_is_shared,
                rule
            from compared
        """)

    def has_households(self, pairs: str) -> bool:
        """Tell whether a first name that differs at one address is another person's.

        It is, unless records have nothing but names and addresses, and at one address first names
        differ about as seldom as last names do: then both are errors. Looks at `pairs`, which are
        judged.
        """
        columns = [name for name in ("email", PHONE, BIRTH_DATE) if self.has(name)]
        counted = " + ".join(f"count({name})" for name in columns)
        ((known,),) = self.connection.execute(f"select {counted} from records").fetchall()
        if known > KNOWN_OTHERWISE * self.count:
            return True
        name, address = self._case(NAME.name), self._case(ADDRESS.name)
        ((first, last),) = self.connection.execute(f"""
            select
                count(*) filter (
                    names_differ and {name} in ({ANOTHER_FIRST_NAME}, {ONE_NAME_ALIKE})
                ),
                count(*) filter (
                    not names_differ and {name} in ({ANOTHER_LAST_NAME}, {ONE_NAME_ALIKE})
                )
            from {pairs}
            inner join judged using (a, b)
            where {address} between 0 and {LAST_OF_SAME_ADDRESS}
        """).fetchall()
        logger.info("at one address %d first names differ, and %d last names", first, last)
        return bool(first < LEAST_HOUSEHOLDS or last < first / 2)

    def contradiction(self, households: bool) -> str:
        """Return the condition that a judged pair is of two people."""
        return "other_generation or other_birth_date" + (" or names_differ" if households else "")

    def fitting(self, households: bool) -> str:
        """Return the condition that the names of a pair can be one person's.

        Somebody whose last name changed has the address or the e-mail address still, which then is
        not several people's.
        """
        if not households:
            return "true"
        name, email = self._case(NAME.name), self._case(EMAIL.name)
        address = f"{self._case(ADDRESS.name)} between 0 and {LAST_OF_SAME_ADDRESS}"
        return (
            f"({name} between 0 and {LAST_OF_FITTING_NAMES} or ({name} = -1 and {email} = 0) "
            f"or ({name} = {ANOTHER_LAST_NAME} and ({email} = 0 or {address}) "
            f"and not (mail_is_shared and {email} = 0)))"
        )

    def number(self, comparison: str) -> int:
        """Return the number of a comparison."""
        return [each.name for each in comparisons(self.attributes)].index(comparison)

    def _case(self, comparison: str) -> str:
        return f"case_{self.number(comparison)}"

    def has(self, name: str) -> bool:
        """Tell whether any customer has what a rule names."""
        return name in ("email", "postcode") or name in self.attributes

    def _find_values(self, everyone: str) -> None:
        frequent = max(KNOWN_FIRST_NAME * self.count, 5)
        self.connection.execute(f"""
            create or replace temp table known_names as
            select first from known_first_names
            union
            select first from {everyone} where first is not null
            group by first having count(*) >= {frequent}
        """)
        self.connection.execute(f"""
            create or replace temp table shared_by_people as
            select email from {everyone} where email in (select email from records)
            group by email having count(distinct first_root[1]) > 1
        """)

    def _rule(self, rule: Rule, everyone: str) -> str:
        """Return the condition of a rule: the same in all, by values that not too many have."""
        conditions = []
        for name in rule.same:
            column = name if name in ("email", "postcode") else column_of(name)
            self.connection.execute(f"""
                create or replace temp table shared_{column} as
                select {column} from {everyone} where {column} in (select {column} from records)
                group by {column} having count(*) > {self.settings.most_records}
            """)
            conditions += [
                f"l.{column} = r.{column}",
                f"l.{column} not in (select {column} from shared_{column})",
            ]
        name = self._case(NAME.name)
        if rule.names == "same":
            conditions.append(f"{name} between 0 and {LAST_OF_SAME_NAME}")
        elif rule.names == "compatible":
            conditions.append(
                f"({name} between 0 and {LAST_OF_FITTING_NAMES} or {name} = {ANOTHER_LAST_NAME} "
                "and l.email not in (select email from shared_by_people))"
            )
        return " and ".join(conditions)
