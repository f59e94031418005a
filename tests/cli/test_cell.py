"""Values from strangers, on their way to terminals, spreadsheets and programs."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.cli.cell import harmless, json_text, shown

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
STEERING = {
    chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


@given(ANY_TEXT)
def test_nothing_steers_a_terminal_from_a_table(text):
    assert not STEERING & set(shown(text))


@given(ANY_TEXT)
def test_json_stays_json_and_steers_nothing(text):
    written = json_text({"name": text, "list": [text]}, indent=2)
    assert json.loads(written) == {"name": text, "list": [text]}
    assert not (STEERING - {"\n"}) & set(written)


@given(ANY_TEXT)
def test_no_csv_cell_is_a_formula(text):
    cell = harmless(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    line = io.StringIO()
    csv.writer(line).writerow([cell, "end"])
    assert next(csv.reader(io.StringIO(line.getvalue()))) == [cell, "end"]


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x","y")', "+1", "-1+2", "@SUM(A1)", "\n=1"])
def test_a_formula_is_kept_but_quoted(text):
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["a;=1+1", ["mail.read", "@SUM(A1)"], "a\t-1", "\t=1", "a; ＝1", ";;+1"])
def test_no_formula_where_the_line_is_split_at_another_sign(text):
    cells = re.split("[;\t⟨]", harmless(text))
    assert len(cells) > 1
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@", "＝"))]


@pytest.mark.parametrize("number", [-5, 1.5, 0, None, True])
def test_numbers_stay_numbers(number):
    assert harmless(number) == number
