"""Finds customers in a DuckDB warehouse: by their id, or by letters of id, name and e-mail.

`persons_in_tsql` finds their persons in Azure SQL by the same rules.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import duckdb

from warehouse.connection import literal
from warehouse.customers import (
    CUSTOMER_COLUMNS,
    EVENT_COLUMNS,
    IDENTITY,
    MOST_VALUABLE_FIRST,
    NEWEST_EVENT_FIRST,
    PERSON_COLUMNS,
    RECORD_COLUMNS,
    customer_columns,
)

# Letters that stay when accents are taken off; the report's script has the same in `fold`.
_PLAIN = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe"}
_PLAIN["ı"] = "i"


class CustomerSearch:
    """The customers of one open warehouse, which is only read.

    They are looked up by the letters of the id, and with `personal_data` of name and e-mail
    address. For many questions, with `keep`, everybody's row is computed once and kept in memory.
    With `as_of` they are as they were at the end of that day, but for who is one person.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        personal_data: bool = True,
        keep: bool = False,
        as_of: date | None = None,
    ) -> None:
        """Look at the customers of a connection's warehouse."""
        self._connection = connection
        self._until = f"occurred_at < date '{as_of}' + 1" if as_of else "true"
        columns = [name for name in CUSTOMER_COLUMNS if not (as_of and name in IDENTITY)]
        self.columns = [name for name in customer_columns(personal_data) if name in columns]
        profiles = f"customer_360_as_of(date '{as_of}')" if as_of else "customer_360"
        name = "customer_name || ' ' || email" if personal_data else "''"
        kind = "table" if keep else "view"
        connection.execute(
            f"""
            create temp {kind} customers as
            select
                {", ".join(columns)},
                {_folded(name)} as looked_up_by,
                {_folded("cast(customer_id as varchar)")} as id_looked_up_by
            from marts.{profiles}
            """
        )
        connection.execute(
            f"""
            create temp {kind} persons as
            select {", ".join(PERSON_COLUMNS)}
            from marts.person_360
            where customer_records > 1
            """
        )

    def find(
        self, wanted: str, columns: Sequence[str], limit: int, whole: bool = False
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """Return how many have every word of `wanted` in name, e-mail or id's beginning, and some.

        With `whole`, only who has just that id or e-mail address. They come first anyway, before
        all others the one whose id is written the same, then the most valuable.
        """
        words = self._words(wanted)
        # An id may have blanks in it, so it is compared with all that was typed as well.
        typed = " ".join(words)
        exact = "(id_looked_up_by = $typed or ends_with(looked_up_by, ' ' || $typed))"
        each = [
            f"(contains(looked_up_by, $word{n}) or starts_with(id_looked_up_by, $word{n}))"
            for n in range(len(words))
        ]
        some = f"(starts_with(id_looked_up_by, $typed) or {' and '.join(each) or 'true'})"
        rows = self._connection.execute(
            f"""
            select count(*) over (), {", ".join(columns)}
            from customers
            where {exact if whole else some}
            order by
                cast(customer_id as varchar) = $wanted desc,
                {exact} desc,
                {MOST_VALUABLE_FIRST.format(purchases="total_orders")}
            limit $limit
            """,
            {"wanted": wanted.strip(), "typed": typed, "limit": limit}
            | ({} if whole else {f"word{n}": word for n, word in enumerate(words)}),
        ).fetchall()
        return (rows[0][0] if rows else 0), [row[1:] for row in rows]

    def get(self, customer_id: str, columns: Sequence[str]) -> tuple[Any, ...] | None:
        """Return those columns of the customer with that id, None when there is none."""
        return self._connection.execute(
            f"select {', '.join(columns)} from customers where cast(customer_id as varchar) = ?",
            [customer_id],
        ).fetchone()

    def person(self, person_id: str) -> tuple[Any, ...] | None:
        """Return PERSON_COLUMNS of a person, None when there is none with several records."""
        return self._connection.execute(
            f"select {', '.join(PERSON_COLUMNS)} from persons where person_id = ?", [person_id]
        ).fetchone()

    def records(self, person_id: str) -> list[tuple[Any, ...]]:
        """Return RECORD_COLUMNS of the customers who are one person, the most valuable first."""
        return self._connection.execute(
            f"""
            select {", ".join(RECORD_COLUMNS)}
            from customers
            where person_id = ?
            order by {MOST_VALUABLE_FIRST.format(purchases="total_orders")}
            """,
            [person_id],
        ).fetchall()

    def count_events(self, key: int | str) -> int:
        """Return how many events a customer has, by the customer_id as it is in the warehouse."""
        (count,) = self._connection.execute(
            "select count(*) from marts.customer_timeline where customer_id = ?", [key]
        ).fetchall()[0]
        return int(count)

    def events(self, key: int | str, limit: int, offset: int = 0) -> list[tuple[Any, ...]]:
        """Return EVENT_COLUMNS of a customer's events from the one at `offset` on, newest first.

        The key is the customer_id as it is in the warehouse: were that cast to a text, each row of
        the facts would be.
        """
        return self._connection.execute(
            f"""
            select {", ".join(EVENT_COLUMNS)}
            from marts.customer_timeline
            where customer_id = ? and {self._until}
            order by {NEWEST_EVENT_FIRST}
            limit {limit} offset {offset}
            """,
            [key],
        ).fetchall()

    def _words(self, wanted: str) -> list[str]:
        words = self._connection.execute(
            f"select unnest(string_split_regex(trim({_folded('?')}), '\\s+'))", [wanted]
        ).fetchall()
        return [word for (word,) in words if word]


def _folded(text: str) -> str:
    """Return SQL for the letters that a text is looked up by: no case, no accents."""
    sql = f"strip_accents(lower({text}))"
    for letter, letters in _PLAIN.items():
        sql = f"replace({sql}, '{letter}', '{letters}')"
    return sql


def persons_in_tsql(wanted: str, limit: int) -> str:
    """Return the T-SQL for the persons of the customers that words find, the surest first.

    They are whom CustomerSearch.find finds: every word is in name, e-mail or id's beginning.
    """
    words = _folded_in_python(wanted).split()
    typed = literal(" ".join(words))
    each = [
        f"(charindex({word}, looked_up_by) > 0 or charindex({word}, id_looked_up_by) = 1)"
        for word in map(literal, words)
    ]
    return f"""
        select person_id
        from (
            select
                person_id,
                customer_id,
                total_spend,
                total_orders,
                {_folded_in_tsql("concat(customer_name, N' ', email)")} as looked_up_by,
                {_folded_in_tsql("email")} as email_looked_up_by,
                {_folded_in_tsql("cast(customer_id as nvarchar(128))")} as id_looked_up_by
            from marts.customer_360
        ) as customers
        where charindex({typed}, id_looked_up_by) = 1 or ({" and ".join(each)})
        order by
            case when id_looked_up_by = {typed} or email_looked_up_by = {typed} then 0 else 1 end,
            {MOST_VALUABLE_FIRST.format(purchases="total_orders")}
        offset 0 rows fetch next {limit} rows only
    """


@cache
def _plain_letters() -> dict[str, str]:
    """Return the small letters that have an accent, each with the letter without it."""
    plain = {}
    for letter in map(chr, range(0x80, 0x10000)):
        decomposed = unicodedata.normalize("NFD", letter)
        base, marks = decomposed[0], decomposed[1:]
        is_small = letter.isalpha() and letter == letter.lower()
        if marks and is_small and all(unicodedata.category(mark) == "Mn" for mark in marks):
            plain[letter] = _PLAIN.get(base, base)
    return plain | _PLAIN


def _folded_in_python(text: str) -> str:
    plain = {ord(letter): letters for letter, letters in _plain_letters().items()}
    return unicodedata.normalize("NFC", text).lower().translate(plain)


def _folded_in_tsql(text: str) -> str:
    """Return T-SQL for the same: texts of silver are in NFC, so accents stand with their letter."""
    single = {letter: plain for letter, plain in _plain_letters().items() if len(plain) == 1}
    sql = f"translate(lower({text}), N'{''.join(single)}', N'{''.join(single.values())}')"
    for letter, letters in _plain_letters().items():
        if letter not in single:
            sql = f"replace({sql}, N'{letter}', N'{letters}')"
    return sql
