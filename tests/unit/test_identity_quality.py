"""How sure the matching is, by what people decided, and why two customers are one person or not."""

import pytest

from identity import decisions, quality, review
from identity.settings import Settings
from lake.errors import InputError
from tests.support.matching import Customers, strangers

HOME = "12 Elm Street, 30301 Atlanta"


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Customers:
    """Forty strangers, of whom half are there twice, and twins."""
    customers = Customers(tmp_path_factory.mktemp("quality") / "lake")
    people = strangers(40)
    again = [(number + 500, name, mail, "Unknown") for number, name, mail, _ in people[:20]]
    twins = [(1, "Maria Novak", "Unknown", HOME), (2, "Mario Novak", "Unknown", HOME)]
    customers.deliver([*people, *again, *twins])
    return customers


def test_without_decisions_nothing_can_be_said(customers: Customers) -> None:
    with pytest.raises(InputError, match="There are 0 decisions, and it takes 20"):
        quality.estimate(customers.lake, Settings())


def test_what_waits_is_shown_with_both_customers_values(customers: Customers) -> None:
    (pair,) = review.waiting(customers.lake)
    assert (pair.customer_id, pair.other_customer_id) == ("1", "2")
    assert (pair.left["customer_name"], pair.right["customer_name"]) == (
        "Maria Novak",
        "Mario Novak",
    )
    assert pair.reasons[-1].words == "but the first names are two people's, however alike"


def test_a_sample_is_of_pairs_that_are_one_person(customers: Customers) -> None:
    pairs = review.sampled(customers.lake, 5)
    assert len(pairs) == 5
    for pair in pairs:
        assert customers.together(int(pair.customer_id), int(pair.other_customer_id))


def test_an_explanation_adds_up(customers: Customers) -> None:
    found = review.explain(customers.lake, Settings(), "1500", "1000")
    assert found.is_one
    assert found.rule == "same e-mail and compatible name"
    weight = found.prior + sum(reason.weight for reason in found.pair.reasons)
    assert found.pair.probability == pytest.approx(1 / (1 + 2**-weight), abs=1e-6)


def test_customers_that_were_never_compared_are_explained_too(customers: Customers) -> None:
    found = review.explain(customers.lake, Settings(), "1000", "1007")
    assert not found.is_one
    assert found.pair.probability < 0.01


@pytest.mark.parametrize(("one", "other"), [("1000", "77"), ("77", "1000")])
def test_who_is_no_customer_is_told(one: str, other: str, customers: Customers) -> None:
    with pytest.raises(InputError, match="There is no customer 77"):
        review.explain(customers.lake, Settings(), one, other)


def test_precision_and_recall_follow_from_decisions(customers: Customers) -> None:
    """Of 20 pairs taken by the rule 20 were right; the pair that was not taken was one person too.

    So precision is 1, and recall 20 of 21. Wilson's interval of 20 of 20 begins at 0.839.
    """
    for number in range(1000, 1020):
        decisions.decide(
            customers.lake, "same", str(number), str(number + 500), by="a", source="test"
        )
    decisions.decide(customers.lake, "same", "1", "2", by="a", source="test")
    found = quality.estimate(customers.lake, Settings())
    assert found.precision
    assert found.precision == (1.0, pytest.approx(0.839, abs=0.001), 1.0)
    assert found.recall
    assert found.recall[0] == pytest.approx(20 / 21)
    assert found.recall[1] < 20 / 21 < found.recall[2]
