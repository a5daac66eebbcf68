"""What is known of names, e-mail and postal addresses: words.yml and nicknames.csv."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

_FOLDER = Path(__file__).parent
NICKNAMES = _FOLDER / "nicknames.csv"


@cache
def words() -> dict[str, Any]:
    """Return the lists and maps of words.yml."""
    text = (_FOLDER / "words.yml").read_text(encoding="utf-8")
    known: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # `no` and `na` are words
    return known


def provide(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the words known to a connection, as the variables that `records` reads.

    Its variables are the lists and maps of words.yml; its table `nicknames` has of each first name
    the names that it stands for.
    """
    for name, value in words().items():
        if isinstance(value, dict):
            connection.execute(
                f"set variable {name} = map($1::varchar[], $2::varchar[])",
                [list(value), list(value.values())],
            )
        else:
            connection.execute(f"set variable {name} = $1::varchar[]", [value])
    # A nickname of a name that is written in several ways stands for all of these.
    connection.execute(
        """
        create or replace temp table nicknames as
        with given as (select nickname, name from read_csv($1, header = true)),

        spelled as (
            select nickname, name from given
            union
            select given.nickname, further.name
            from given
            inner join given as further on given.name = further.nickname
        )

        select nickname, list(name order by name) as names from spelled group by nickname
        """,
        [str(NICKNAMES)],
    )
    connection.execute(
        "create or replace temp table known_first_names as select nickname as first from nicknames "
        "union select unnest(names) from nicknames union select unnest(getvariable('first_names'))"
    )
