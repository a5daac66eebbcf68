"""Takes a T-SQL batch apart: statements, IF … ELSE, BEGIN … END and TRY … CATCH.

T-SQL needs no semicolons, so a statement ends where a keyword that begins another one stands and
the statement at hand cannot go on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

from tests.support.tsql_server.errors import SqlServerError


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_STARTS = words(
    "ALTER BEGIN COMMIT CREATE DECLARE DELETE DENY DROP EXEC EXECUTE GRANT IF INSERT MERGE"
    " PRINT RAISERROR REVOKE ROLLBACK SELECT SET THROW TRUNCATE UPDATE USE WAITFOR WHILE"
)
_ENDS = frozenset({"END", "ELSE"})
_SET_OPERATORS = frozenset({"UNION", "ALL", "EXCEPT", "INTERSECT"})
_DROPPED_KINDS = words(
    "COLUMN CONSTRAINT CREDENTIAL DATABASE FORMAT FUNCTION INDEX PROCEDURE ROLE SCHEMA SOURCE"
    " TABLE USER VIEW"
)
_QUOTED = frozenset({TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.IDENTIFIER})


class _Tokenizer(TSQL.Tokenizer):
    """Without sqlglot's commands, which take the rest of the text as one token."""

    COMMANDS: ClassVar[set[TokenType]] = set()


@dataclass(frozen=True)
class Statement:
    """One statement: its text, and its tokens."""

    sql: str
    tokens: Sequence[Token] = field(repr=False)

    @cached_property
    def words(self) -> list[str]:
        """The words that it begins with, in capitals, `OR ALTER` left out."""
        words = [keyword(token) for token in self.tokens[:6]]
        if words[1:3] == ["OR", "ALTER"]:
            del words[1:3]
        return words


@dataclass(frozen=True)
class If:
    """IF: its condition, and what runs when it holds and when not."""

    condition: str
    then: list[Node]
    otherwise: list[Node]


@dataclass(frozen=True)
class Try:
    """TRY … CATCH."""

    body: list[Node]
    handler: list[Node]


Node = Statement | If | Try


@lru_cache(maxsize=64)  # a statement's text is looked at several times
def tokenize(sql: str) -> Sequence[Token]:
    """Return the tokens of some T-SQL."""
    try:
        return _Tokenizer().tokenize(sql)
    except TokenError as error:
        raise SqlServerError(102, f"Incorrect syntax: {error}") from error


def keyword(token: Token) -> str:
    """Return a token's word in capitals; nothing for a quoted one."""
    return "" if token.token_type in _QUOTED else token.text.upper()


def parse(sql: str) -> list[Node]:
    """Take a batch apart."""
    return _Parser(sql).nodes()


class _Parser:
    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = tokenize(sql)
        self._words = [keyword(token) for token in self._tokens]
        self._place = 0

    def nodes(self) -> list[Node]:
        nodes = self._until_end()
        if self._place < len(self._tokens):
            raise self._unexpected()
        return nodes

    def _until_end(self) -> list[Node]:
        nodes: list[Node] = []
        while self._place < len(self._tokens):
            if self._word() == ";":
                self._place += 1
                continue
            if self._word() in _ENDS:
                break
            nodes.extend(self._node())
        return nodes

    def _word(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._words[place] if place < len(self._words) else ""

    def _node(self) -> list[Node]:
        if self._word() == "IF":
            return [self._if()]
        if self._word() == "BEGIN" and self._word(1) == "TRY":
            return [self._try()]
        if self._word() == "BEGIN" and self._word(1) not in ("TRAN", "TRANSACTION"):
            return self._block("BEGIN")
        return [self._statement()]

    def _block(self, *words: str) -> list[Node]:
        """A block from its opening words to its END with the same word after it."""
        for word in words:
            if self._word() != word:
                raise self._unexpected()
            self._place += 1
        nodes = self._until_end()
        for word in ("END", *words[1:]):
            if self._word() != word:
                raise self._unexpected()
            self._place += 1
        return nodes

    def _try(self) -> Try:
        body = self._block("BEGIN", "TRY")
        while self._word() == ";":
            self._place += 1
        return Try(body, self._block("BEGIN", "CATCH"))

    def _if(self) -> If:
        self._place += 1
        first, depth = self._place, 0
        while self._place < len(self._tokens) and (depth or self._word() not in _STARTS):
            depth += {"(": 1, ")": -1, "CASE": 1}.get(self._word(), 0)
            depth -= depth and self._word() == "END"
            self._place += 1
        condition = self._text(first, self._place)
        then = self._node()
        while self._word() == ";" and self._word(1) == "ELSE":
            self._place += 1
        otherwise: list[Node] = []
        if self._word() == "ELSE":
            self._place += 1
            otherwise = self._node()
        return If(condition, then, otherwise)

    def _statement(self) -> Statement:
        first = self._place
        alone = self._whole_batch()
        if first and (alone or self._words[first : first + 2] == ["CREATE", "SCHEMA"]):
            what = " ".join(self._words[first : first + 2])
            raise SqlServerError(111, f"'{what}' must be the first statement in a query batch.")
        if alone:
            self._place = len(self._tokens)
        else:
            self._skip_statement()
        last = self._place
        while last > first + 1 and self._words[last - 1] == ";":
            last -= 1
        return Statement(self._text(first, last), self._tokens[first:last])

    def _whole_batch(self) -> bool:
        """Whether a module is defined here, whose text is all that follows."""
        words = self._words[self._place : self._place + 4]
        if words[1:3] == ["OR", "ALTER"]:
            del words[1:3]
        return words[0] in ("CREATE", "ALTER") and words[1] in ("VIEW", "PROCEDURE", "FUNCTION")

    def _skip_statement(self) -> None:
        first = self._place
        depth = cases = 0
        # A query or a block of permissions goes on with words that begin statements elsewhere.
        queries_left = 0
        if self._word() in ("WITH", "INSERT"):
            queries_left = 1
        granting = self._word() in ("GRANT", "REVOKE", "DENY")
        self._place += 1
        while self._place < len(self._tokens):
            word, before = self._word(), self._words[self._place - 1]
            if word == "(":
                depth += 1
            elif word == ")":
                depth -= 1
            elif depth:
                pass
            elif word == ";":
                return
            elif word == "CASE":
                cases += 1
            elif word == "VALUES":
                queries_left = 0
            elif word == "WITH" and before == "AS" and self._words[first] == "CREATE":
                queries_left = 1
            elif word == "END" and cases:
                cases -= 1
            elif word in _ENDS and not cases:
                return
            elif word in _STARTS and not cases:
                kind = self._words[first]
                goes_on = (
                    (word == "SELECT" and before in _SET_OPERATORS)
                    or (word == "SELECT" and before == "AS" and kind == "CREATE")
                    or (before in ("ON", "WITH") and kind in ("ALTER", "CREATE"))
                    or (word == "SET" and kind in ("UPDATE", "MERGE", "WITH"))
                    or (word == "SET" and self._words[first : first + 2] == ["ALTER", "DATABASE"])
                    or (word == "SET" and kind == "ALTER" and self._word(1) == "(")
                    or kind == "MERGE"
                    or (word == "IF" and kind == "DROP" and before in _DROPPED_KINDS)
                    or (word == "IF" and kind == "ALTER" and before in _DROPPED_KINDS)
                    or (word in ("ALTER", "DROP") and kind == "ALTER" and self._alters(word))
                    or granting
                )  # fmt: skip
                if (
                    not goes_on
                    and queries_left
                    and word in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")
                ):
                    queries_left -= word != "INSERT"
                    goes_on = True
                if not goes_on:
                    return
            elif granting and word in ("TO", "FROM"):
                granting = False
            self._place += 1

    def _alters(self, word: str) -> bool:
        """Whether ALTER or DROP is a clause of the ALTER statement at hand."""
        after = self._word(1)
        if word == "ALTER":
            return after == "COLUMN"
        return after in ("COLUMN", "CONSTRAINT", "MASKED", "MEMBER", "NOT", "SENSITIVITY")

    def _text(self, first: int, last: int) -> str:
        if first >= last:
            raise self._unexpected()
        return self._sql[self._tokens[first].start : self._tokens[last - 1].end + 1]

    def _unexpected(self) -> SqlServerError:
        near = self._tokens[self._place].text if self._place < len(self._tokens) else "the end"
        return SqlServerError(102, f"Incorrect syntax near '{near}'.")
