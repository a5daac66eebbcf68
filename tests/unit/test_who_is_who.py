"""Who is who among customers: what is found, and what is not."""

from pathlib import Path

import pytest

from identity.settings import Rule, Settings
from tests.support.matching import Customers, strangers

HOME = "12 Elm Street, 30301 Atlanta"


@pytest.fixture
def customers(tmp_path: Path) -> Customers:
    return Customers(tmp_path / "lake")


def of(customers: Customers, *rows: tuple[int, str, str, str]) -> Customers:
    """Return what is found of these rows among 200 strangers."""
    customers.deliver([*rows, *strangers(200)])
    return customers


ONE_PERSON = {
    "the same name and e-mail in other letters": [
        ("Anna Miller", "anna.miller{n}@gmail.com", "{home}"),
        ("ANNA MILLER", "AnnaMiller{n}+shop@googlemail.com", "Unknown"),
    ],
    "a nickname at the same address": [
        ("Robert Okafor", "Unknown", "{home}"),
        ("Bob Okafor", "bob{n}@okafor.example", "{home}"),
    ],
    "last name first, with a title": [
        ("Dr. Anna Miller", "anna{n}@miller.example", "{home}"),
        ("Miller, Anna", "anna{n}@miller.example", "99 Oak Avenue, 60601 Chicago"),
    ],
    "a typing error in the name and in the address": [
        ("Katherine Brodsky", "Unknown", "{home}"),
        ("Katherin Brodsky", "Unknown", "{home_mistyped}"),
    ],
    "accents and letters of other alphabets written plainly": [
        ("Łukasz Żółwiński", "lukasz{n}@zolw.example", "{home}"),
        ("Lukasz Zolwinski", "Unknown", "{home}"),
    ],
    "a typing error in the provider of the e-mail": [
        ("Anna Miller", "anna.miller77{n}@gmial.com", "Unknown"),
        ("Anna Miller", "anna.miller77{n}@gmail.com", "{home}"),
    ],
    "a marriage: another last name at the same e-mail": [
        ("Anna Miller", "anna77{n}@post.example", "{home}"),
        ("Anna Kowalski", "anna77{n}@post.example", "{home}"),
    ],
    "Cyrillic": [
        ("Анна Иванова", "anna{n}@ivanova.example", "ул. Ленина 5, 101000 Москва"),
        ("Иванова Анна", "anna{n}@ivanova.example", "ул. Ленина 5, 101000 Москва"),
    ],
    "Chinese": [
        ("王小明", "wang{n}@post.example", "北京市朝阳区建国路88号"),
        ("王小明", "Wang{n}@post.example", "北京市朝阳区建国路88号"),
    ],
    "Arabic": [
        ("محمد السيد", "m.sayed{n}@post.example", "شارع التحرير 5, القاهرة"),
        ("محمد السيد", "m.sayed{n}@post.example", "Unknown"),
    ],
}
TWO_PEOPLE = {
    "a family that shares an e-mail and an address": [
        ("Anna Miller", "miller{n}@home.example", "{home}"),
        ("Peter Miller", "miller{n}@home.example", "{home}"),
    ],
    "twins whose names are alike": [
        ("Maria Novak", "maria{n}@novak.example", "{home}"),
        ("Mario Novak", "mario{n}@novak.example", "{home}"),
    ],
    "a father and his son": [
        ("John Novak Sr.", "Unknown", "{home}"),
        ("John Novak Jr.", "Unknown", "{home}"),
    ],
    "a placeholder for an e-mail": [
        ("Anna Miller", "none@none.com", "1 First Road, 10001 Here"),
        ("Anna Miller", "none@none.com", "77 Last Lane, 99950 There"),
    ],
    "nobody's names": [
        ("Test Test", "Unknown", "Unknown"),
        ("Test Test", "Unknown", "Unknown"),
    ],
    "nothing but Unknown": [
        ("Unknown", "Unknown", "Unknown"),
        ("Unknown", "Unknown", "Unknown"),
    ],
    "the same name in two towns": [
        ("Peter Goldsmith", "Unknown", "1 First Road, 10001 Here"),
        ("Peter Goldsmith", "Unknown", "77 Last Lane, 99950 There"),
    ],
}


CASES = {**ONE_PERSON, **TWO_PEOPLE}


def ids(case: str) -> tuple[int, int]:
    """Return the ids of the two customers of a case."""
    number = list(CASES).index(case)
    return 10 * number + 1, 10 * number + 2


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Customers:
    """What is found of the customers of all cases among 200 strangers."""
    customers = Customers(tmp_path_factory.mktemp("cases") / "lake")
    rows = []
    for number, (case, pair) in enumerate(CASES.items()):
        home = f"{number + 3} Elm Street, {30301 + 13 * number} Atlanta"
        for customer, row in zip(ids(case), pair, strict=True):
            said = [
                text.format(n=number, home=home, home_mistyped=home.replace("Street", "Stret"))
                for text in row
            ]
            rows.append((customer, *said))
    customers.deliver([*rows, *strangers(200)])
    return customers


@pytest.mark.parametrize("case", ONE_PERSON)
def test_records_of_one_person_are_found(case: str, found: Customers) -> None:
    assert found.together(*ids(case))


@pytest.mark.parametrize("case", TWO_PEOPLE)
def test_different_people_stay_apart(case: str, found: Customers) -> None:
    assert not found.together(*ids(case))


def test_strangers_are_persons_of_their_own(customers: Customers) -> None:
    found = customers.deliver(strangers(200))
    assert (found.customers, found.persons, found.with_several) == (200, 200, 0)
    assert customers.persons[1000] == "P1000"
    assert {row["matched_by"] for row in customers.rows("matched_customers")} == {"only record"}


@pytest.mark.parametrize(
    ("rows", "persons"),
    [
        ([], 0),
        ([(7, "Anna Miller", "anna@miller.example", HOME)], 1),
        ([(n, "Unknown", "Unknown", "Unknown") for n in range(1, 101)], 100),
    ],
    ids=["no customers", "one", "all Unknown"],
)
def test_data_that_says_nothing_is_no_error(
    rows: list[tuple[int, str, str, str]], persons: int, customers: Customers
) -> None:
    assert customers.deliver(rows).persons == persons


def test_what_all_have_in_common_pulls_nobody_together(customers: Customers) -> None:
    same = [(n, "Anna Miller", "anna@miller.example", HOME) for n in range(1, 501)]
    assert customers.deliver(same).persons == 500


def test_an_e_mail_of_very_many_says_nothing(customers: Customers) -> None:
    rows = [
        (number, name, "desk@shop.example", address) for number, name, _, address in strangers(600)
    ]
    found = customers.deliver(rows)
    assert found.persons == 600


def test_a_name_of_4000_letters_is_no_error(customers: Customers) -> None:
    long = "Annabelle" * 450
    found = of(
        customers, (1, long, "Unknown", "Unknown"), (2, f"{long} {long}", "x@y.example", HOME)
    )
    assert found.persons[1] == "P1"


def test_a_person_has_no_more_records_than_is_declared(tmp_path: Path) -> None:
    rows = [(n, "Anna Miller", "anna@miller.example", HOME) for n in range(1, 6)]
    customers = Customers(tmp_path, Settings(most_records=3))
    customers.deliver([*rows, *strangers(100)])
    sizes = [list(customers.persons.values()).count(p) for p in set(customers.persons.values())]
    assert max(sizes) <= 3


def test_a_chain_of_weak_links_makes_nobody_one(customers: Customers) -> None:
    """Anna is at home with A. and A. with Alan: they are not all one."""
    of(
        customers,
        (1, "Anna Novak", "anna@post.example", HOME),
        (2, "A. Novak", "Unknown", HOME),
        (3, "Alan Novak", "alan@post.example", HOME),
    )
    assert not customers.together(1, 3)


def test_a_declared_rule_is_told_as_what_matched(tmp_path: Path) -> None:
    settings = Settings(rules=(Rule("same mailbox", ("email",), "any"),))
    customers = Customers(tmp_path, settings)
    customers.deliver(
        [
            (1, "Anna Miller", "house@post.example", HOME),
            (2, "Unknown", "house@post.example", "Unknown"),
            *strangers(100),
        ]
    )
    assert customers.together(1, 2)
    by = {row["customer_id"]: row for row in customers.rows("matched_customers")}
    assert by[2]["matched_by"] == "same mailbox"
    assert by[2]["probability"] == 1.0


def test_what_is_declared_beyond_the_contract_takes_part(customers: Customers) -> None:
    rows = [
        (1, "Anna Miller", "Unknown", "1 First Road, 10001 Here"),
        (2, "Anna Miller", "Unknown", "77 Last Lane, 99950 There"),
        (3, "Peter Novak", "Unknown", HOME),
        (4, "Peter Novak", "Unknown", HOME),
        *strangers(200),
    ]
    attributes = [(1, "phone", "+1 404 555 0134"), (2, "phone", "(404) 555-0134")]
    attributes += [(3, "birth_date", "1950-03-01"), (4, "birth_date", "1981-11-23")]
    customers.deliver(rows, attributes=attributes)
    assert customers.together(1, 2), "the same phone number and name"
    assert not customers.together(3, 4), "born thirty years apart"


def test_what_is_unsure_waits_with_reasons_that_name_nobody(customers: Customers) -> None:
    of(
        customers,
        (1, "Maria Novak", "novak@home.example", HOME),
        (2, "Mario Novak", "novak@home.example", HOME),
    )
    (pair,) = customers.rows("possible_duplicates")
    assert (pair["customer_id"], pair["other_customer_id"]) == (1, 2)
    assert "same e-mail" in pair["reasons"]
    assert "same address" in pair["reasons"]
    assert pair["reasons"].endswith("but the first names are two people's, however alike")
    assert "ovak" not in pair["reasons"]


def test_keys_may_be_text(tmp_path: Path) -> None:
    import pyarrow as pa

    customers = Customers(tmp_path, key_type=pa.string())
    rows = [(f"C-{number}", *rest) for number, *rest in strangers(60)]
    customers.deliver([("A-1", "Anna Miller", "a@miller.example", HOME), *rows])
    customers.deliver([("A-2", "Anna Miller", "a@miller.example", HOME)])
    assert customers.persons["A-1"] == customers.persons["A-2"] == "PA-1"


def test_a_rule_about_what_nobody_has_is_told(tmp_path: Path) -> None:
    customers = Customers(tmp_path, Settings(rules=(Rule("same card", ("card",)),)))
    (told,) = customers.deliver(strangers(3)).told
    assert "The rule same card holds of nobody: no customer has card." in told
