"""What is marked where two values differ."""

import pytest

from pages.review.differences import Piece, compared


def marked(pieces: list[Piece]) -> str:
    """Write pieces as one text, with brackets around what is marked."""
    return "".join(f"[{text}]" if differs else text for text, differs in pieces)


@pytest.mark.parametrize(
    ("left", "right", "agreement", "ours", "theirs"),
    [
        ("Ann", "Ann", "the same", "Ann", "Ann"),
        ("Ann Smith", "SMITH  Ann", "the same words", "Ann Smith", "SMITH  Ann"),
        ("Ann Smith", "SMITH Anne", "differs", "Ann Smith", "SMITH Ann[e]"),
        ("ann@gmial.com", "ann@gmail.com", "differs", "ann@gmi[a]l.com", "ann@gm[a]il.com"),
        ("a-b@x.org", "a.b@x.org", "differs", "a[-]b@x.org", "a[.]b@x.org"),
        ("12 Main Street", "12 Main St", "differs", "12 Main [Street]", "12 Main [St]"),
        ("12 Oak Str., Ulm", "12 Oak Str, Ulm", "differs", "12 Oak Str[.], Ulm", "12 Oak Str, Ulm"),
        ("Catherine Lee", "Kate Lee", "differs", "[Catherine] Lee", "[Kate] Lee"),
        ("Mary Ann Lee", "Maryann Lee", "differs", "Mary [Ann] Lee", "Mary[ann] Lee"),
        ("12 Main Street", "7 Oak Avenue", "differs", "[12] [Main] [Street]", "[7] [Oak] [Avenue]"),
        ("Müller", "Mueller", "differs", "M[ü]ller", "M[ue]ller"),
        ("王小明", "王小名", "differs", "王小[明]", "王小[名]"),
        ("1985-03-02", "1985-03-12", "differs", "1985-03-[0]2", "1985-03-[1]2"),
        ("Ann Lee", "Ann Brown", "differs", "Ann [Lee]", "Ann [Brown]"),
        ("Ann Ann Lee", "Lee Ann Bo", "differs", "Ann [Ann] Lee", "Lee Ann [Bo]"),
        (None, "x", "only one has it", "", "x"),
        ("x", "", "only one has it", "x", ""),
        (None, None, "neither has it", "", ""),
    ],
)
def test_what_differs_is_marked(
    left: str | None, right: str | None, agreement: str, ours: str, theirs: str
) -> None:
    found = compared(left, right)
    assert (found.agreement, marked(found.left), marked(found.right)) == (agreement, ours, theirs)


@pytest.mark.parametrize(
    ("left", "right"),
    [("x" * 4000, "x" * 3999 + "y"), ("a b " * 1000, "c d " * 1000), ("a" * 300, "b" * 300)],
)
@pytest.mark.timeout(5)
def test_values_of_any_length_are_compared_at_once(left: str, right: str) -> None:
    found = compared(left, right)
    assert "".join(text for text, _ in found.left) == left
    assert "".join(text for text, _ in found.right) == right
    assert any(differs for _, differs in found.left)
