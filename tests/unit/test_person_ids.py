"""The ids of persons, and what becomes of them from one day to the next."""

from pathlib import Path

import pytest

from identity import decisions
from tests.support.matching import Customers, strangers

HOME = "12 Elm Street, 30301 Atlanta"
ANNA = (1, "Anna Miller", "anna@miller.example", HOME)
ANNA_AGAIN = (2, "Anna Miller", "anna@miller.example", "Unknown")
ANNA_ELSEWHERE = (2, "Anna Miller", "second@mail.example", "9 Far Road, 99950 There")


@pytest.fixture
def customers(tmp_path: Path) -> Customers:
    customers = Customers(tmp_path / "lake")
    customers.deliver([ANNA, *strangers(40)])
    return customers


def test_a_new_record_of_a_person_gets_the_person_s_id(customers: Customers) -> None:
    customers.deliver([ANNA_AGAIN])
    assert customers.persons[1] == customers.persons[2] == "P1"


def test_the_older_id_wins_and_the_other_is_an_alias(customers: Customers) -> None:
    customers.deliver([ANNA_ELSEWHERE])
    assert customers.persons[2] == "P2"
    found = customers.deliver([ANNA_AGAIN])
    assert customers.persons[1] == customers.persons[2] == "P1"
    (alias,) = customers.rows("person_aliases")
    assert (alias["alias_id"], alias["person_id"], alias["ended_at"]) == ("P2", "P1", None)
    assert alias["merged_at"] is not None
    assert "1 customer is of another person than before" in found.told[0]


def test_a_split_gives_the_newcomer_another_id(customers: Customers) -> None:
    customers.deliver([ANNA_AGAIN])
    customers.deliver([ANNA_ELSEWHERE])
    assert customers.persons[1] == "P1"
    assert customers.persons[2] == "P2"


def test_an_id_is_never_two_people_s(customers: Customers) -> None:
    """The founder goes, the other keeps the id; the founder who comes back gets another."""
    customers.deliver([ANNA_AGAIN])
    customers.deliver([], gone=[1])
    assert customers.persons[2] == "P1"
    customers.deliver([(1, "Zachary Quill", "zq@post.example", "5 Pine Road, 20001 Else")])
    assert customers.persons[2] == "P1"
    assert customers.persons[1] == "P1~2"


def test_who_was_gone_and_comes_back_has_the_same_id(customers: Customers) -> None:
    customers.deliver([], gone=[1000])
    assert 1000 not in customers.persons
    customers.deliver([strangers(1)[0]])
    assert customers.persons[1000] == "P1000"


def test_an_alias_ends_when_the_persons_part_again(customers: Customers) -> None:
    customers.deliver([ANNA_ELSEWHERE])
    customers.deliver([ANNA_AGAIN])
    customers.deliver([ANNA_ELSEWHERE])
    assert customers.persons[2] == "P2"
    (alias,) = customers.rows("person_aliases")
    assert alias["ended_at"] is not None


def test_who_is_merged_again_has_one_alias(customers: Customers) -> None:
    """An alias that ended, as of persons who parted, is one again, with the later date."""
    one = [(1, "Ann Smith", "ann.smith@mail.example", "1 Main St")]
    other = [(2, "Ann Smith", "ann.smith@mail.example", "1 Main St")]
    away = [(2, "Bob Best", "bob.best@mail.example", "9 Oak Ave")]
    people = [(n, f"Name{n} Last{n}", f"n{n}@mail.example", f"{n} Elm St") for n in range(10, 60)]
    customers.deliver([*one, *away, *people])
    customers.deliver(other)
    customers.deliver(away)
    assert [row["ended_at"] is None for row in customers.rows("person_aliases")] == [False]
    customers.deliver(other)
    (alias,) = customers.rows("person_aliases")
    assert (alias["alias_id"], alias["person_id"], alias["ended_at"]) == ("P2", "P1", None)


def test_nothing_new_leaves_everything_as_it_is(customers: Customers) -> None:
    before = customers.rows("matched_customers")
    version = customers.match_again().version
    assert version == "20261101T000000Z-aaaaaa"
    assert customers.rows("matched_customers") == before


def test_days_find_what_one_delivery_finds(tmp_path: Path) -> None:
    people = [ANNA, ANNA_AGAIN, *strangers(120)]
    people += [
        (number + 5000, name, mail, address) for number, name, mail, address in strangers(20)
    ]
    whole, daily = Customers(tmp_path / "whole"), Customers(tmp_path / "daily")
    whole.deliver(people)
    for start in range(0, len(people), 50):
        daily.deliver(people[start : start + 50])
    assert daily.persons == whole.persons


def test_only_what_changed_is_compared(customers: Customers) -> None:
    found = customers.deliver([ANNA_AGAIN])
    assert 0 < found.compared < 10


def test_since_when_a_record_is_a_person_s_stays(customers: Customers) -> None:
    before = {row["customer_id"]: row["matched_at"] for row in customers.rows("matched_customers")}
    customers.deliver([ANNA_AGAIN])
    after = {row["customer_id"]: row["matched_at"] for row in customers.rows("matched_customers")}
    assert after[1000] == before[1000]


def test_a_decision_that_two_are_one_is_taken_at_the_next_run(customers: Customers) -> None:
    decisions.decide(customers.lake, "same", "1000", "1001", by="steward", source="test")
    customers.match_again()
    assert customers.persons[1000] == customers.persons[1001] == "P1000"
    by = {row["customer_id"]: row["matched_by"] for row in customers.rows("matched_customers")}
    assert by[1001] == "decision"


def test_a_decision_that_two_are_different_parts_them_for_good(customers: Customers) -> None:
    customers.deliver([ANNA_AGAIN])
    decisions.decide(customers.lake, "different", "1", "2", by="steward", source="test")
    customers.match_again()
    assert not customers.together(1, 2)
    assert customers.rows("possible_duplicates") == [], "it does not wait to be decided again"


def test_a_decision_that_is_undone_does_not_hold(customers: Customers) -> None:
    made = decisions.decide(customers.lake, "same", "1000", "1001", by="steward", source="test")
    customers.match_again()
    decisions.undo(customers.lake, made.id, by="steward", source="test")
    customers.match_again()
    assert not customers.together(1000, 1001)


def test_a_decision_about_somebody_who_is_gone_waits_for_them(customers: Customers) -> None:
    decisions.decide(customers.lake, "same", "1000", "1001", by="steward", source="test")
    customers.deliver([], gone=[1000])
    assert customers.persons[1001] == "P1001"
    customers.deliver([strangers(1)[0]])
    assert customers.together(1000, 1001)


def test_decisions_outlive_a_model_that_is_trained_anew(customers: Customers) -> None:
    decisions.decide(customers.lake, "same", "1000", "1001", by="steward", source="test")
    found = customers.deliver(strangers(400, start=7000))
    assert "found out anew" in found.told[0]
    assert customers.together(1000, 1001)
