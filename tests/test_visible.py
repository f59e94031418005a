import re
import unicodedata
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from grantlens.visible import grid, visible


@given(st.text())
def test_nothing_invisible_is_left(text):
    shown = visible(text)
    left = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}} - {"\n", "\t"}
    assert left == set()


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S")), max_size=500))
def test_ordinary_text_of_any_language_is_untouched(text):
    if not set(text) & set("\u115f\u1160\u3164\uffa0\u2800"):
        assert visible(text) == text


def test_each_hidden_character_is_named():
    assert visible("a\u202eb\u200bc\x1b[0m\ufeff\U000e0041") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+001B⟩[0m⟨U+FEFF⟩⟨U+E0041⟩"


def test_a_text_that_hides_in_selectors_of_variants_is_shown():
    assert visible("bot\ufe02\U000e0154\u17b4") == "bot⟨U+FE02⟩⟨U+E0154⟩⟨U+17B4⟩"
    assert visible("❤\ufe0f") == "❤\ufe0f"


def test_a_lone_surrogate_can_be_written():
    visible("\ud800").encode()


def test_an_endless_name_is_cut_in_the_middle_and_says_so():
    shown = visible("a" * 5000 + "z" * 5000)
    assert len(shown) < 2100
    assert "8,000 characters left out" in shown
    assert shown.startswith("aaa")
    assert shown.endswith("zzz")


def test_a_tower_of_accents_cannot_cover_the_lines_above():
    assert visible("e\u0301\u0316\u0335\u0360 ok") == "e\u0301\u0316\u0335\u0360 ok"
    assert visible("e" + "\u0301" * 6 + "f\u0301") == "e" + "\u0301" * 4 + "⟨U+0301⟩⟨U+0301⟩" + "f\u0301"
    assert visible("ที่ हिन्दी བརྒྱུད") == "ที่ हिन्दी བརྒྱུད"


def cells(table):
    return re.findall('<t[hd] style="text-align:([a-z0-9:;-]+)">([^<]*)</t[hd]>', table)


def test_in_a_notebook_words_stand_left_and_numbers_right():
    """JupyterLab sets every cell to the right, prose too."""
    seen = datetime(2026, 8, 27, 18, 40, 28, tzinfo=UTC)
    names, rows = ["client", "seen", "calls", "known"], [["mailcopilot", seen, 2929, True], [None, None, None, None]]
    found = cells(grid(names, rows))
    sides = ["left", "left;white-space:nowrap", "right", "left"]
    assert [side for side, _ in found] == 3 * sides
    assert [text for _, text in found[4:8]] == ["mailcopilot", "2026-08-27T18:40:28Z", "2,929", "True"]
    assert [text for _, text in found[8:]] == ["", "", "", ""]


def test_a_cell_is_one_line_and_tells_how_long_a_list_is():
    ((_, name), (_, scopes)) = cells(grid(["a", "b"], [["mail\ncopilot\t2", [f"s{n}" for n in range(300)]]]))[2:]
    assert name == "mail⟨U+000A⟩copilot⟨U+0009⟩2"
    assert scopes == "s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 290 more"


def test_fractions_are_short_and_one_more_row_is_one():
    assert [text for _, text in cells(grid(["p"], [[0.0216345678], [41339.125], [3.0]]))[1:]] == [
        "0.02163",
        "41,339.125",
        "3",
    ]
    assert grid(["a"], [["x"]], of=2, most=1).endswith("<p>1 more row.</p>")


def test_a_name_that_never_ends_is_broken_and_a_sentence_has_room():
    names, kept = grid(["a"], [["x" * 200], ["y"]]), grid(["a"], [["x" * 60]])
    assert names.count("min-width:18em;overflow-wrap:anywhere") == 3
    assert "overflow-wrap" not in kept


def test_short_words_stay_in_one_line():
    side = '<td style="text-align:left;white-space:nowrap">'
    assert f"{side}OOS-1</td>" in grid(["rule"], [["OOS-1"], [None], ["INT-7"]])
    assert f"{side}OOS-1</td>" not in grid(["rule"], [["OOS-1"], ["a longer text"]])
