"""Marks what two values do not have in common, for eyes that compare them.

Case is no difference, nor is the order of words: neither tells two people apart.
"""

import re
from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

# Share of letters that two words have in common, from which on single letters are marked.
ALIKE = 0.6
# What is compared letter by letter, which takes the square of it: letters of a word, and words
# that the other value does not have.
LETTERS, WORDS = 300, 30

Agreement = Literal["the same", "the same words", "differs", "only one has it", "neither has it"]
Piece = tuple[str, bool]  # a text, and whether it is to be marked


class Comparison(NamedTuple):
    """Two values in pieces, of which some are marked; no pieces stand for no value."""

    agreement: Agreement
    left: list[Piece]
    right: list[Piece]


def compared(left: str | None, right: str | None) -> Comparison:
    """Return two values with their differences marked.

    >>> compared("Ann Smith", "SMITH Anne").right
    [('SMITH Ann', False), ('e', True)]
    """
    if not left or not right:
        sides = [[(text, False)] if text else [] for text in (left, right)]
        return Comparison("only one has it" if left or right else "neither has it", *sides)
    if _words(left.split()) == _words(right.split()):
        agreement: Agreement = "the same" if left == right else "the same words"
        return Comparison(agreement, [(left, False)], [(right, False)])
    sides = [_joined(side) for side in _by_word(left, right)]
    return Comparison("differs", *sides)


def _by_word(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Mark the words that the other text does not have, of like words what differs in them."""
    texts = [re.findall(r"\S+|\s+", text) for text in (left, right)]
    alone = [
        _without_partner(texts[0], _words(texts[1])),
        _without_partner(texts[1], _words(texts[0])),
    ]
    pieces: list[dict[int, list[Piece]]] = [
        {place: [(text[place], True)] for place in places}
        for text, places in zip(texts, alone, strict=True)
    ]
    if max(map(len, alone)) <= WORDS:
        free = list(alone[1])
        for place in alone[0]:
            for other in free:
                if marked := _by_letter(texts[0][place], texts[1][other]):
                    pieces[0][place], pieces[1][other] = marked
                    free.remove(other)
                    break
    ours, theirs = (
        [piece for place, word in enumerate(text) for piece in found.get(place, [(word, False)])]
        for text, found in zip(texts, pieces, strict=True)
    )
    return ours, theirs


def _by_letter(left: str, right: str) -> tuple[list[Piece], list[Piece]] | None:
    """Mark the letters in which two words differ; return None when they are not alike."""
    if max(len(left), len(right)) > LETTERS:
        return None
    ours, theirs = ([letter.casefold() for letter in word] for word in (left, right))
    matcher = SequenceMatcher(a=ours, b=theirs, autojunk=False)
    if matcher.ratio() < ALIKE:
        return None
    parts = matcher.get_opcodes()
    return (
        [(left[begin:end], kind != "equal") for kind, begin, end, _, _ in parts],
        [(right[begin:end], kind != "equal") for kind, _, _, begin, end in parts],
    )


def _words(words: Iterable[str]) -> Counter[str]:
    return Counter(word.casefold() for word in words)


def _without_partner(text: list[str], others: Counter[str]) -> list[int]:
    """Return the places of words that the other text does not have, or not as often."""
    left, places = others.copy(), []
    for place, word in enumerate(text):
        if word.isspace():
            continue
        if left[word.casefold()] > 0:
            left[word.casefold()] -= 1
        else:
            places.append(place)
    return places


def _joined(pieces: list[Piece]) -> list[Piece]:
    return [
        ("".join(text for text, _ in group), differs)
        for differs, group in groupby((piece for piece in pieces if piece[0]), itemgetter(1))
    ]
