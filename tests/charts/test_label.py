import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.charts.label import NOT_LOGGED, breadth, clean, compact, percent, short, shorten, wrap

anything = st.text(st.characters(codec=None), max_size=60)


@given(anything)
def test_clean_text_is_one_visible_line(text):
    cleaned = clean(text)
    assert cleaned
    assert not [sign for sign in cleaned if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    cleaned.encode("utf-8")


BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs by category, which show nothing."""


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=BLANK), min_size=1, max_size=60))
def test_ordinary_names_are_left_alone(text):
    assert clean(text) == text


def test_a_name_of_spaces_is_shown():
    assert (clean("  "), clean("\n")) == ("⟨U+0020⟩⟨U+0020⟩", "⟨U+000A⟩")


def test_missing_is_said():
    assert clean(None) == clean("") == NOT_LOGGED


def test_a_field_of_megabytes_is_cut_even_in_tooltips():
    assert len(clean("x" * 5_000_000)) <= 300


@given(st.lists(anything.map(clean), unique=True, max_size=20), st.integers(3, 30))
def test_different_names_stay_different(names, length):
    labels = shorten(names, length)
    assert list(labels) == names
    assert len(set(labels.values())) == len(names)


@given(anything, st.integers(1, 40))
def test_short_is_short(text, length):
    assert breadth(short(text, length)) <= length


@given(st.integers(0, 10**12))
def test_compact_is_close_and_fits_a_cell(number):
    text = compact(number)
    assert len(text) <= 6
    factor = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)
    value = float(text.rstrip("kMG").replace(",", "")) * factor
    assert abs(value - number) <= 0.05 * number


@given(st.floats(0, 1))
def test_percent_never_claims_all_or_nothing(share):
    assert (percent(share) == "0 %") == (share == 0)
    assert (percent(share) == "100 %") == (share == 1)


@pytest.mark.parametrize("lag", ["9 s", "3 min 20 s", "4 h 12 min", "3 d 6 h", "9 Feb 2020 15:34:06 UTC"])
def test_wrap_keeps_number_and_unit_together(lag):
    units = re.compile(r"(s|min|h|d|UTC)\b")
    assert not [
        line
        for width in range(8, 40)
        for line in wrap(f"It still worked for {lag} and more", width)
        if units.match(line)
    ]


def test_wrap_keeps_number_and_sign_together():
    assert all(
        not line.startswith("%") for width in range(6, 40) for line in wrap("it is 12 % of all 100 % here", width)
    )


@given(st.text("ab 邮件🤖", max_size=60), st.integers(8, 40))
def test_no_line_is_wider_than_asked(text, width):
    lines = wrap(text, width)
    assert max(map(breadth, lines)) <= width + 1
    assert all(lines) or not text.strip()
    assert "".join("".join(lines).split()) == "".join(text.split())
