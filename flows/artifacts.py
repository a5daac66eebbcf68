"""What Prefect keeps beside a flow run: tables, the answers in Markdown, links to the pages."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from flows.headlines import NO_DATA, PERSONAL, Headline, headlines, notes
from flows.summary import pages_of
from lake.errors import visible
from warehouse.answers import Answers
from warehouse.dbt_run import NodeResult
from warehouse.home import Home

# What can be markup in a cell of a table in Markdown, or begin it; an underscore in a word is none.
_MARKUP = re.compile(r"[\\`*\[\]<>&|~]|(?<![^\W_])_|_(?![^\W_])")
# Where an address begins that is made a link without any markup: www.…, https:…, …@…
_ADDRESS = re.compile(r"(?<=[^\W\d])(?=[.:]\S)|(?=@\S)")
_WORD_JOINER = "\u2060"  # is not seen


def node_table(nodes: list[NodeResult]) -> list[dict[str, Any]]:
    """Return the table of what dbt built and tested."""
    return [
        {
            "node": node.name,
            "kind": node.kind,
            "status": node.status,
            "rows": node.rows,
            "seconds": round(node.seconds, 2),
        }
        for node in nodes
    ]


def counts_table(answers: Answers) -> list[dict[str, Any]]:
    """Return the table of rows per entity."""
    return [
        {
            "entity": each.entity,
            "in": each.bronze,
            "rejected": each.rejected,
            "superseded": each.superseded,
            "published": each.published,
        }
        for each in answers.counts
    ]


def answers_markdown(answers: Answers) -> str:
    """Return the headline answers, and what to know about them, without the names of people.

    Texts that come from the data, such as a category, can be neither markup nor links in it.
    """
    known = notes(answers)
    told = headlines(answers) + ([known] if known.rows else [])
    return "\n".join(line for headline in told for line in markdown(headline))


def markdown(headline: Headline) -> Iterator[str]:
    """Yield the lines of one headline; no name of a person goes to Prefect's database."""
    headline = headline.without(PERSONAL)
    yield f"### {headline.title}\n"
    if headline.rows:
        yield _row(headline.columns)
        yield _row(
            "--:" if headline.is_numeric(number) else ":--"
            for number in range(len(headline.columns))
        )
        for cells in headline.cells:
            yield _row(map(_plain, cells))
        yield ""
    else:
        yield f"{NO_DATA.capitalize()}.\n"


def page_links(home: Home, site: str | None) -> dict[str, str]:
    """Return the link to each page that is there, by its folder: below `site`, or to the file."""
    return {
        page.parent.name: f"{site.rstrip('/')}/{page.relative_to(home.root).as_posix()}"
        if site
        else page.as_uri()
        for page in pages_of(home).values()
        if page.exists()
    }


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Write a text so that it reads the same as Markdown, with nothing in it to click or load.

    With backslashes: one of Prefect's two user interfaces shows `&#60;` as just that.
    """
    line = _MARKUP.sub(r"\\\g<0>", visible(" ".join(text.split())))
    return _ADDRESS.sub(_WORD_JOINER, line)
