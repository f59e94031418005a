import re

from hypothesis import given
from hypothesis import strategies as st

from grantlens.report.markdown_text import code, plain, table, told


def cells(row):
    return re.split(r"(?<!\\)\|", row)


@given(st.text(alphabet="ab`|\\<>&[]()*_#!~:/.\n\t wW\u202e"))
def test_a_value_never_makes_a_second_cell_or_a_tag(value):
    row = table(["One", "Two"], [[plain(value), code(value)]])[2]
    assert "\n" not in row
    assert len(cells(row)) == 4
    assert "<" not in plain(value)


@given(st.text(alphabet="a`\\ <|", min_size=1))
def test_a_backtick_of_the_log_never_opens_or_closes_code(value):
    assert code(value).count("`") in (0, 2)
    assert plain(value).count("`") == 0


def test_no_bare_address_becomes_a_link():
    assert "http://" not in plain("see http://evil.invalid")
    assert "www." not in plain("www.evil.invalid")
    assert "@evil" not in plain("mail me@evil.invalid").replace("\\@", "")


def test_a_line_break_in_a_name_is_seen():
    assert plain("mail\ncopilot") == "mail⟨U+000A⟩copilot"
    assert code("mail\tcopilot") == "`mail⟨U+0009⟩copilot`"


def test_a_sentence_of_ours_is_whole_though_the_ids_in_it_are_long():
    ids = ", ".join(f"source (tenant {'0' * 36})" for _ in range(8))
    assert told(f"No usage log of {ids} covers it.") == f"No usage log of {ids} covers it."
    assert "left out" in plain(ids)
