"""Checks DAX without an engine: that it is well formed, and that what it names is there."""

import re
from collections.abc import Iterator, Mapping

# Functions that are known here; another one is added when a measure uses it.
FUNCTIONS = """
    ADDCOLUMNS ALLSELECTED BLANK CALCULATE CONCATENATEX CONVERT COUNTROWS CROSSJOIN DATATABLE
    DISTINCTCOUNT DISTINCTCOUNTNOBLANK DIVIDE EOMONTH FILTER FORMAT GENERATESERIES HOUR IF
    ISFILTERED KEEPFILTERS MAXX ROUND ROW SAMEPERIODLASTYEAR SUM SUMMARIZE TOPN TRUE VALUES
"""
WORDS = {"ASC", "DESC", "INTEGER", "RETURN", "STRING", "VAR"}
TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>"(?:[^"]|"")*")
    |(?P<table>'(?:[^']|'')+')
    |(?P<column>\[[^\[\]]+\])
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||<>|<=|>=|[-+*/&=<>,])
    |(?P<open>[({])
    |(?P<close>[)}])""",
    re.VERBOSE,
)


def problems(expression: str, columns: Mapping[str, set[str]], measures: set[str]) -> Iterator[str]:
    """Yield what is wrong; `columns` are those of each table of the model."""
    tokens = list(_tokens(expression))
    added = {text[1:-1] for kind, text in tokens if kind == "text"}  # names of columns it makes
    variables: set[str] = set()
    opened: list[str] = []
    after = [*tokens[1:], ("end", "")]
    before = [("end", ""), *tokens]
    for (kind, text), (next_kind, next_text), previous in zip(tokens, after, before, strict=False):
        name = text.strip("'[]")
        if kind == "unknown":
            yield f"{text!r} is no DAX"
        elif kind == "open":
            opened.append(text)
        elif kind == "close":
            if not opened or opened.pop() + text not in ("()", "{}"):
                yield f"{text} closes nothing"
        elif kind == "table" or (kind == "word" and next_kind == "column"):
            if name not in columns:
                yield f"there is no table {name}"
            elif next_kind == "column" and next_text[1:-1] not in columns[name]:
                yield f"the table {name} has no column {next_text[1:-1]}"
        elif kind == "column" and previous[0] not in ("table", "word"):
            if name not in measures | added:
                yield f"there is no measure {name}"
        elif kind == "word" and next_text == "(":
            if name not in FUNCTIONS.split():
                yield f"{name} is no function that is known here"
        elif kind == "word" and previous[1] == "VAR":
            variables.add(name)
        elif kind == "word" and name not in WORDS | variables | set(columns):
            yield f"{name} is neither a variable nor a table"
    if opened:
        yield f"{opened[-1]} is never closed"


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(expression):
        match = TOKEN.match(expression, place)
        if not match:
            yield "unknown", expression[place : place + 10]
            return
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0]
        place = match.end()
