"""The grammar of AlsoRequires against a truth table."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.also_requires import also_requires

NAMES = ("A.Read", "B.ReadWrite.All", "C-x.Read", "D")


@st.composite
def expressions(draw, depth=0):
    """Return a text and its meaning as a function of the held permissions."""
    if depth > 2 or draw(st.booleans()):
        name = draw(st.sampled_from(NAMES))
        return name, lambda held: name in held
    parts = [draw(expressions(depth=depth + 1)) for _ in range(draw(st.integers(1, 3)))]
    kind = draw(st.sampled_from(["&", "|", ","]))
    blank = draw(st.sampled_from(["", " "]))
    text = (blank + kind + blank).join(f"({part})" for part, _ in parts)
    combine = all if kind == "&" else any
    return text, lambda held: combine(meaning(held) for _, meaning in parts)


@given(expressions())
def test_disjunctive_form_means_what_the_expression_means(expression):
    text, meaning = expression
    groups = also_requires(text)
    for chosen in product([False, True], repeat=len(NAMES)):
        held = {name for name, taken in zip(NAMES, chosen, strict=True) if taken}
        assert any(group <= held for group in groups) == meaning(held)


def test_and_binds_tighter_than_or():
    assert also_requires("A|B&C") == [frozenset("A"), frozenset("BC")]
    assert also_requires("A,B&C") == [frozenset("A"), frozenset("BC")]


@pytest.mark.parametrize("text", ["", "A,", "&A", "(A", "A)", "A B", "(" * 80 + "A" + ")" * 80])
def test_a_mistake_is_an_error(text):
    with pytest.raises(ValueError):
        also_requires(text)
