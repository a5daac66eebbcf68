"""What people decide of who is who: kept for good, and never against itself."""

from pathlib import Path

import pytest

from identity import decisions
from lake import paths
from lake.errors import InputError
from lake.local import LocalLake


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


def decide(lake: LocalLake, verdict: str, one: str, other: str) -> decisions.Decision:
    return decisions.decide(lake, verdict, one, other, by="steward", source="test", why="seen")  # type: ignore[arg-type]


def test_a_decision_tells_who_when_why_and_from_where(lake: LocalLake) -> None:
    decide(lake, "same", "10", "9")
    (found,) = decisions.read(lake)
    assert (found.by, found.why, found.source) == ("steward", "seen", "test")
    assert found.pair == ("9", "10")
    assert found.at.endswith("Z")


def test_nothing_is_ever_removed(lake: LocalLake) -> None:
    made = decide(lake, "same", "1", "2")
    before = lake.read_bytes(paths.DECISIONS)
    decisions.undo(lake, made.id, by="other", source="test")
    assert lake.read_bytes(paths.DECISIONS).startswith(before)
    assert decisions.in_force(decisions.read(lake)) == {}


def test_a_contradiction_is_refused_with_its_chain(lake: LocalLake) -> None:
    first, second = decide(lake, "same", "1", "2"), decide(lake, "same", "2", "3")
    with pytest.raises(InputError) as refused:
        decide(lake, "different", "3", "1")
    assert first.id in str(refused.value)
    assert second.id in str(refused.value)
    assert "1 and 2 are one person" in str(refused.value)


def test_a_link_over_a_separation_is_refused_with_its_chain(lake: LocalLake) -> None:
    apart = decide(lake, "different", "1", "3")
    link = decide(lake, "same", "1", "2")
    with pytest.raises(InputError, match="cannot be one person") as refused:
        decide(lake, "same", "2", "3")
    assert apart.id in str(refused.value)
    assert link.id in str(refused.value)


def test_what_contradicted_can_be_decided_once_that_is_undone(lake: LocalLake) -> None:
    apart = decide(lake, "different", "1", "2")
    with pytest.raises(InputError, match=f"undo {apart.id}"):
        decide(lake, "same", "1", "2")
    decisions.undo(lake, apart.id, by="steward", source="test")
    assert decide(lake, "same", "1", "2").verdict == "same"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [("1", "1", "is one"), ("1", "2", "already")],
    ids=["one customer", "said already"],
)
def test_what_says_nothing_new_is_refused(one: str, other: str, said: str, lake: LocalLake) -> None:
    decide(lake, "same", "1", "2")
    with pytest.raises(InputError, match=said):
        decide(lake, "same", one, other)


def test_an_undo_of_nothing_says_so(lake: LocalLake) -> None:
    with pytest.raises(InputError, match="no decision D123"):
        decisions.undo(lake, "D123", by="steward", source="test")


def test_a_damaged_file_is_told_by_its_line(lake: LocalLake) -> None:
    decide(lake, "same", "1", "2")
    lake.write_bytes(paths.DECISIONS, lake.read_bytes(paths.DECISIONS) + b"{\n")
    with pytest.raises(InputError, match="line 2 is no decision"):
        decisions.read(lake)
