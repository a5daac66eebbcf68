"""What is compared of two records, in which cases, and in which words that is told.

A comparison has cases, of which the first that holds counts. Each says what it means in words that
hold no value of a person; `same` is the share of pairs of one person's records in which it is
expected to hold as long as nothing was learned from data (`model`), `other` that among records of
different persons.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from identity.records import BIRTH_DATE, PHONE, column_of


@dataclass(frozen=True)
class Case:
    """A case of a comparison; `by_value`, where a frequent value says less than a rare one."""

    words: str
    condition: str
    same: float
    other: float
    by_value: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What is compared: of records that both have it (`known`)."""

    name: str
    needs: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def null_condition(self) -> str:
        """The condition that one of the records lacks it."""
        return " or ".join(
            f"{column}_{side} is null" for column in self.needs for side in ("l", "r")
        )


_FIRST_COMPATIBLE = (
    "(list_has_any(firsts_l, firsts_r) or (least(len(first_l), len(first_r)) = 1 and "
    "first_l[1] = first_r[1]))"
)
_FIRST_ALIKE = "jaro_winkler_similarity(first_l, first_r) >= 0.8"
_LAST_ALIKE = (
    "(damerau_levenshtein(last_l, last_r) <= case when least(len(last_l), len(last_r)) >= 7 then 2 "
    "when least(len(last_l), len(last_r)) >= 4 then 1 else 0 end "
    "or list_contains(name_words_l, last_r) or list_contains(name_words_r, last_l))"
)

NAME = Comparison(
    "name",
    ("last",),
    (
        Case("same name", "name_l = name_r", 0.62, 1e-5, "name"),
        Case("first and last name swapped", "first_l = last_r and last_l = first_r", 0.03, 1e-6),
        Case(
            "same last name, another form of the first name",
            f"last_l = last_r and {_FIRST_COMPATIBLE}",
            0.05,
            2e-5,
            "last",
        ),
        Case(
            "same last name, first names alike",
            f"last_l = last_r and {_FIRST_ALIKE}",
            0.08,
            5e-5,
            "last",
        ),
        Case(
            "same first name, last names alike",
            f"list_has_any(firsts_l, firsts_r) and {_LAST_ALIKE}",
            0.08,
            5e-5,
            "first_root",
        ),
        Case(
            "both names alike",
            # Lengths and first letters are compared before what takes long.
            f"({_FIRST_ALIKE} and {_LAST_ALIKE}) or (least(len(joined_l), len(joined_r)) >= 8 "
            "and abs(len(joined_l) - len(joined_r)) <= 2 "
            "and ((joined_l[1] = joined_r[1] and damerau_levenshtein(joined_l, joined_r) <= 2) "
            "or (sorted_joined_l[1] = sorted_joined_r[1] "
            "and damerau_levenshtein(sorted_joined_l, sorted_joined_r) <= 2)))",
            0.03,
            1e-4,
        ),
        Case(
            "the only name of one is among the other's",
            "(first_l is null or first_r is null) and "
            "(list_contains(name_words_l, last_r) or list_contains(name_words_r, last_l))",
            0.02,
            5e-4,
            "last",
        ),
        Case("same last name, another first name", "last_l = last_r", 0.02, 1e-3, "last"),
        Case(
            "same first name, another last name",
            "first_root_l = first_root_r",
            0.04,
            5e-3,
            "first_root",
        ),
        Case(
            "one of the names alike",
            f"jaro_winkler_similarity(last_l, last_r) >= 0.9 or {_FIRST_ALIKE} "
            "or last_l = first_r or first_l = last_r",
            0.02,
            2e-2,
        ),
        Case("other name", "true", 0.03, 0.99),
    ),
)

EMAIL = Comparison(
    "email",
    ("email",),
    (
        Case("same e-mail", "email_l = email_r", 0.6, 1e-6, "email"),
        Case("same mailbox at another provider", "mailbox_l = mailbox_r", 0.08, 1e-5, "mailbox"),
        Case(
            "e-mail alike",
            # Other digits are another account, not a typing error.
            "domain_l = domain_r and mailbox_digits_l = mailbox_digits_r "
            "and least(len(mailbox_l), len(mailbox_r)) > 4 "
            "and damerau_levenshtein(mailbox_l, mailbox_r) <= 2",
            0.07,
            1e-5,
        ),
        Case("other e-mail", "true", 0.25, 0.99),
    ),
)

_NUMBER = "number_l = number_r"
_NUMBER_MISSING = "(number_l is null or number_r is null)"
_POSTCODE_MISSING = "(postcode_l is null or postcode_r is null)"
_POSTCODE = "postcode_l = postcode_r"
_POSTCODE_ALIKE = "damerau_levenshtein(postcode_l, postcode_r) <= 1"
_SHARED = (
    "bit_count(word_bits_l & word_bits_r) "
    "/ greatest(bit_count(word_bits_l), bit_count(word_bits_r))"
)
_STREET = f"({_SHARED} >= 0.6 or jaro_similarity(street_l, street_r) >= 0.85)"

ADDRESS = Comparison(
    "address",
    ("street",),
    (
        Case(
            "same address",
            f"number_l is not distinct from number_r and {_POSTCODE} and {_SHARED} > 0.99",
            0.45,
            1e-6,
        ),
        Case(
            "same address but for some letters",
            f"(({_NUMBER} or {_NUMBER_MISSING}) and {_POSTCODE_ALIKE} or {_NUMBER} and "
            f"{_POSTCODE_MISSING}) and {_STREET}",
            0.15,
            1e-6,
        ),
        Case("same number and street, another postcode", f"{_NUMBER} and {_STREET}", 0.05, 1e-5),
        Case(
            "same street and town, another number", f"{_POSTCODE_ALIKE} and {_STREET}", 0.05, 1e-5
        ),
        Case("same number and postcode", f"{_NUMBER} and {_POSTCODE}", 0.05, 1e-5),
        Case(
            "same street",
            f"{_SHARED} >= 0.8 or jaro_similarity(street_l, street_r) >= 0.92",
            0.05,
            1e-4,
        ),
        Case("same postcode, or streets alike", f"{_POSTCODE} or {_STREET}", 0.05, 5e-3),
        Case("other address", "true", 0.15, 0.99),
    ),
)

PHONES = Comparison(
    "phone",
    (PHONE,),
    (
        Case("same phone number", "phone_l = phone_r", 0.7, 1e-6, PHONE),
        Case(
            "phone numbers a digit apart",
            "len(phone_l) > 5 and damerau_levenshtein(phone_l, phone_r) = 1",
            0.05,
            1e-6,
        ),
        Case("other phone number", "true", 0.25, 0.99),
    ),
)

BIRTH_DATES = Comparison(
    "birth date",
    (BIRTH_DATE,),
    (
        Case("same birth date", "birth_date_l = birth_date_r", 0.9, 5e-5),
        Case(
            "birth dates alike",
            "damerau_levenshtein(birth_date_l, birth_date_r) = 1 or "
            "(birth_date_l[1:4] = birth_date_r[1:4] and birth_date_l[6:7] = birth_date_r[9:10] "
            "and birth_date_l[9:10] = birth_date_r[6:7])",
            0.07,
            1e-3,
        ),
        Case("other birth date", "true", 0.03, 0.99),
    ),
)


def _other(attribute: str) -> Comparison:
    column, name = column_of(attribute), attribute.replace("_", " ")
    return Comparison(
        name,
        (column,),
        (
            Case(f"same {name}", f"{column}_l = {column}_r", 0.7, 1e-4, column),
            Case(f"other {name}", "true", 0.3, 0.99),
        ),
    )


def comparisons(attributes: Iterable[str]) -> list[Comparison]:
    """Return all comparisons, where customers have these attributes beyond the contract."""
    known = {PHONE: PHONES, BIRTH_DATE: BIRTH_DATES}
    return [NAME, EMAIL, ADDRESS, *(known.get(name) or _other(name) for name in attributes)]


def case_number(comparison: Comparison, words: str) -> int:
    """Return the number of the case that is told in these words."""
    return [case.words for case in comparison.cases].index(words)


LAST_OF_SAME_NAME = case_number(NAME, "same last name, another form of the first name")
LAST_OF_FITTING_NAMES = case_number(NAME, "the only name of one is among the other's")
ANOTHER_FIRST_NAME = case_number(NAME, "same last name, another first name")
ANOTHER_LAST_NAME = case_number(NAME, "same first name, another last name")
ONE_NAME_ALIKE = case_number(NAME, "one of the names alike")
LAST_OF_SAME_ADDRESS = case_number(ADDRESS, "same address but for some letters")
OTHER_BIRTH_DATE = case_number(BIRTH_DATES, "other birth date")
