"""Reads statements from their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.tokens import Token, TokenType

from tests.support.tsql_server.batch import Statement, keyword
from tests.support.tsql_server.catalog import Column, ColumnType
from tests.support.tsql_server.errors import SqlServerError

STRINGS = (TokenType.STRING, TokenType.NATIONAL_STRING)


@dataclass(frozen=True)
class Name:
    """An object's name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The name in DuckDB's SQL."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))


class Reader:
    """Reads a statement from its tokens."""

    def __init__(self, statement: Statement | Sequence[Token]) -> None:
        self.tokens = statement.tokens if isinstance(statement, Statement) else statement
        self.place = 0

    @property
    def word(self) -> str:
        """The word at hand in capitals; nothing at the end, or at something quoted."""
        return keyword(self.tokens[self.place]) if self.more else ""

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        return self.place < len(self.tokens)

    def take(self, *words: str) -> bool:
        """Step over these words if they come next."""
        ahead = [keyword(token) for token in self.tokens[self.place : self.place + len(words)]]
        if ahead != list(words):
            return False
        self.place += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Step over these words; an error if something else comes."""
        if not self.take(*words):
            near = self.tokens[self.place].text if self.more else "the end"
            raise SqlServerError(102, f"Incorrect syntax near '{near}'.")

    def text(self) -> str:
        """Step over one token and return its text, without quotes."""
        if not self.more:
            raise SqlServerError(102, "Incorrect syntax near the end.")
        self.place += 1
        return str(self.tokens[self.place - 1].text)

    def name(self) -> Name:
        """Read a name of one to three parts."""
        parts = [self.text()]
        while self.more and self.tokens[self.place].token_type == TokenType.DOT:
            self.place += 1
            parts.append(self.text())
        return Name(parts[-2] if len(parts) > 1 else "dbo", parts[-1])

    def parenthesised(self) -> list[list[Token]]:
        """Read a list in parentheses; return its items' tokens."""
        self.expect("(")
        items: list[list[Token]] = [[]]
        depth = 1
        while depth:
            if not self.more:
                raise SqlServerError(102, "Incorrect syntax: a parenthesis is not closed.")
            token = self.tokens[self.place]
            self.place += 1
            word = keyword(token)
            depth += (word == "(") - (word == ")")
            if depth == 1 and word == ",":
                items.append([])
            elif depth:
                items[-1].append(token)
        return items


def split(tokens: Sequence[Token], separator: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        word = keyword(token)
        depth += (word == "(") - (word == ")")
        if word == separator and not depth:
            parts.append([])
        elif word != ";":
            parts[-1].append(token)
    return [part for part in parts if part]


def column_of(tokens: Sequence[Token]) -> tuple[Column, list[Token]]:
    """Read a column's definition; return it and what is left: constraints."""
    reader = Reader(tokens)
    name = reader.text()
    type_ = reader.text()
    if reader.word == "(":
        sizes = reader.parenthesised()
        type_ += "(" + ",".join(token.text for size in sizes for token in size) + ")"
    column = Column(name, ColumnType.parse(type_))
    nullable, collation, mask = True, None, None
    rest: list[Token] = []
    while reader.more:
        if reader.take("NOT", "NULL"):
            nullable = False
        elif reader.take("NULL"):
            nullable = True
        elif reader.take("COLLATE"):
            collation = reader.text()
        elif reader.take("MASKED"):
            reader.expect("WITH")
            mask = reader.parenthesised()[0][-1].text
        else:
            rest = list(reader.tokens[reader.place :])
            break
    return Column(column.name, column.type, nullable, collation, mask), rest
