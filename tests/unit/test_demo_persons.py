"""Made-up customers whose persons are known: some have several records, others only look alike."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from difflib import SequenceMatcher

import numpy as np
import pytest

from demo import people_words as words
from demo.columns import texts
from demo.likeness import DOUBLES, TRAPS, without_accents
from demo.persons import Population, make_customers

COUNT = 60_000
SEED = 360

Record = dict[str, str]


@pytest.fixture(scope="module")
def customers() -> list[Record]:
    return make_customers(COUNT, SEED)[0].to_pylist()


@pytest.fixture(scope="module")
def persons() -> list[int]:
    return make_customers(COUNT, SEED)[1].tolist()


@pytest.fixture(scope="module")
def kinds() -> list[str]:
    return Population(SEED).kinds(np.arange(COUNT))


def bare(name: str) -> str:
    """Write a name without titles, initials, nicknames in quotes, accents and case."""
    plain = re.sub(r'^(Dr|Prof)\. |"[^"]*" |(?<= )\w\.? ', "", name, flags=re.IGNORECASE)
    return without_accents(plain).lower()


def alike(one: str, other: str) -> float:
    """Compare two texts by their letters and digits, with the words as they are or in order."""
    left, right = (re.findall(r"\w+", without_accents(text).lower()) for text in (one, other))
    return max(
        SequenceMatcher(None, " ".join(a), " ".join(b), autojunk=False).ratio()
        for a, b in ((left, right), (sorted(left), sorted(right)))
    )


def test_the_same_seed_makes_the_same_customers_however_many_they_are() -> None:
    few, persons_of_few = make_customers(2000, 1)
    more, persons_of_more = make_customers(3000, 1)
    assert more.slice(0, 2000).drop_columns("customer_id") == few.drop_columns("customer_id")
    assert (persons_of_more[:2000] == persons_of_few).all()
    assert more["customer_id"].to_pylist() == [str(number) for number in range(3000)]
    others, _ = make_customers(2000, 2)
    assert others["customer_name"] != few["customer_name"]


def test_customers_are_the_same_in_whatever_pieces_they_are_made() -> None:
    whole, persons = make_customers(131_272, SEED)  # more than are made at a time
    numbers = np.arange(131_000, 131_272)
    piece = Population(SEED).customers(numbers)
    for name, column in (
        ("customer_name", piece.name),
        ("email", piece.email),
        ("address", piece.address),
    ):
        made = [text.decode() for text in texts(column).tolist()]
        assert made == whole[name].slice(131_000).to_pylist()
    assert (persons[131_000:] == Population(SEED).persons(numbers)).all()


@pytest.mark.parametrize("count", [0, 1, 30])
def test_there_may_be_few_customers_or_none(count: int) -> None:
    table, persons = make_customers(count, SEED)
    assert table.num_rows == len(persons) == count
    assert table.column_names == ["customer_id", "customer_name", "email", "address"]
    assert persons.tolist()[:20] == list(range(min(count, 20)))


def test_about_a_tenth_of_the_customers_are_further_records(persons: list[int]) -> None:
    assert 1 - len(set(persons)) / COUNT == pytest.approx(0.11, abs=0.015)
    sizes = Counter(Counter(persons).values())
    assert 0.75 < sizes[2] / (len(set(persons)) - sizes[1]) < 0.95
    assert 0 < sizes[3] < sizes[2] / 4
    assert max(sizes) < 10


def test_every_way_of_being_one_person_or_of_seeming_so_occurs(kinds: list[str]) -> None:
    found = Counter(kinds)
    assert set(found) == {*DOUBLES, *TRAPS, "alone"}
    assert all(found[kind] > 0.002 * COUNT for kind in DOUBLES)
    assert all(found[kind] > 0.0003 * COUNT for kind in TRAPS)


SEEN: dict[str, Callable[[Record, Record], bool]] = {
    "name mistyped": lambda a, b: a["customer_name"] != b["customer_name"],
    "e-mail mistyped": lambda a, b: a["email"] != b["email"] and "@" in b["email"],
    "address mistyped": lambda a, b: a["address"] != b["address"],
    "shop and online": lambda a, b: a["email"] != b["email"] and "@" in b["email"],
    "without e-mail": lambda a, b: b["email"] in ("", *words.PLACEHOLDERS),
    "nickname": lambda a, b: any(
        bare(b["customer_name"]).startswith(f"{short.lower()} ")
        for short in words.NICKNAMES[re.sub(r"^(Dr|Prof)\. ", "", a["customer_name"]).split()[0]]
    ),
    "initial": lambda a, b: re.match(r"\w\.? \w", b["customer_name"]) is not None,
    "turned name": lambda a, b: (
        bare(a["customer_name"]).split()[0] != bare(b["customer_name"]).replace(",", "").split()[0]
    ),
    "accents dropped": lambda a, b: (
        not a["customer_name"].isascii() and b["customer_name"].isascii()
    ),
    "moved": lambda a, b: (
        (a["customer_name"], a["email"])[1] == b["email"]
        and alike(a["address"], b["address"]) < 0.9
    ),
    "married": lambda a, b: (
        bare(a["customer_name"]).split()[0] == bare(b["customer_name"]).split()[0]
        and bare(a["customer_name"]) != bare(b["customer_name"])
    ),
    "tagged e-mail": lambda a, b: (
        a["email"] != b["email"]
        and a["email"].replace(".", "") == re.sub(r"\+\w+", "", b["email"]).replace(".", "")
    ),
    "later account": lambda a, b: (
        a["customer_name"] != b["customer_name"]
        and bare(a["customer_name"]) == bare(b["customer_name"])
    ),
    "same again": lambda a, b: (
        a["customer_name"].replace('"', "").lower() == b["customer_name"].lower()
        or '"' in a["customer_name"]
    ),
}


@pytest.mark.parametrize("kind", DOUBLES)
def test_a_further_record_differs_as_its_kind_says(
    kind: str, customers: list[Record], persons: list[int], kinds: list[str]
) -> None:
    of_kind = [number for number in range(COUNT) if kinds[number] == kind]
    for number in of_kind:
        first, further = customers[persons[number]], customers[number]
        assert SEEN[kind](first, further), (first, further)


def test_that_two_records_are_of_one_person_can_be_told_from_them(
    customers: list[Record], persons: list[int], kinds: list[str]
) -> None:
    for number, person in enumerate(persons):
        if number == person:
            continue
        first, further = customers[person], customers[number]
        name = alike(bare(first["customer_name"]), bare(further["customer_name"]))
        emails = [record["email"].replace(".", "") for record in (first, further)]
        email = alike(*emails) if all(emails) else 0
        address = alike(first["address"], further["address"])
        assert max(email, address) > 0.75, (first, further)
        if kinds[number] not in ("nickname", "initial", "married"):
            assert name > 0.8, (first, further)


def test_no_two_persons_have_the_same_name_and_the_same_address_or_email(
    customers: list[Record], persons: list[int]
) -> None:
    owners: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for customer, person in zip(customers, persons, strict=True):
        name = bare(customer["customer_name"])
        owners[name, customer["address"].lower()].add(person)
        if customer["email"] not in ("", *words.PLACEHOLDERS):
            owners[name, customer["email"].lower()].add(person)
    assert [key for key, found in owners.items() if len(found) > 1] == []


def test_relatives_share_an_email_or_a_home_and_are_not_one(
    customers: list[Record], persons: list[int], kinds: list[str]
) -> None:
    at: dict[str, list[int]] = defaultdict(list)
    for number, customer in enumerate(customers):
        at[customer["email"]].append(number)
        at[customer["address"]].append(number)

    def first_names(number: int, shared: str) -> tuple[str, set[str]]:
        others = {other for other in at[customers[number][shared]] if other < number}
        assert not {persons[other] for other in others} & {number}
        found = {bare(customers[other]["customer_name"]).split()[0] for other in others}
        return bare(customers[number]["customer_name"]).split()[0], found

    for number, kind in enumerate(kinds):
        if kind == "family e-mail":
            name, others = first_names(number, "email")
            assert others
            assert name[0] not in {other[0] for other in others}
        if kind == "household":
            name, others = first_names(number, "address")
            assert others
        if kind == "sibling":
            name, others = first_names(number, "address")
            assert any(
                words.TWINS.get(other.capitalize(), "").lower() == name for other in others
            ), (name, others)
        if kind == "junior":
            name, others = first_names(number, "address")
            assert name in others
            assert customers[number]["customer_name"].endswith(" Jr.")


def test_namesakes_have_nothing_in_common_but_their_name(
    customers: list[Record], kinds: list[str]
) -> None:
    by_name: dict[str, list[Record]] = defaultdict(list)
    for customer, kind in zip(customers, kinds, strict=True):
        if kind == "namesake":
            others = by_name[bare(customer["customer_name"])]
            assert others
            assert customer["email"] not in {other["email"] for other in others}
            assert customer["address"] not in {other["address"] for other in others}
        by_name[bare(customer["customer_name"])].append(customer)


def test_strangers_share_placeholders_and_the_emails_of_offices(
    customers: list[Record], persons: list[int], kinds: list[str]
) -> None:
    owners: dict[str, set[int]] = defaultdict(set)
    for customer, person, kind in zip(customers, persons, kinds, strict=True):
        if kind in ("placeholder e-mail", "office e-mail"):
            owners[customer["email"]].add(person)
    assert set(words.PLACEHOLDERS) < set(owners)
    offices = {email: len(found) for email, found in owners.items() if email.startswith("office@")}
    assert len(offices) == COUNT // 5000
    assert all(10 < people < 40 for people in offices.values())


def test_names_and_places_are_as_crowded_as_in_reality(
    customers: list[Record], kinds: list[str]
) -> None:
    plain = [c for c, kind in zip(customers, kinds, strict=True) if kind == "alone"]
    at_home = [
        found
        for customer in plain
        if (
            found := re.match(r"\d+ (.+?)(?:, \D.+)?, (.+, [A-Z]{2}) (\d{5})$", customer["address"])
        )
    ]
    assert 0.93 < len(at_home) / len(plain) < 0.99
    for values, least, common in (
        ([customer["customer_name"].rsplit(" ", 1)[1] for customer in plain], 3000, 0.004),
        ([bare(customer["customer_name"]).split()[0] for customer in plain], 1000, 0.018),
        ([found[1] for found in at_home], 3500, 0.005),
        ([found[2] for found in at_home], 1500, 0.025),
    ):
        counts = Counter(values)
        assert len(counts) > least
        assert counts.most_common(1)[0][1] / len(values) == pytest.approx(common, rel=0.4)
    town_of = {found[3]: found[2] for found in at_home}
    assert all(town_of[found[3]] == found[2] for found in at_home)
    assert len(town_of) > 3000
    emails = Counter(customer["email"] for customer in plain if customer["email"])
    assert len(emails) > 0.999 * emails.total()
