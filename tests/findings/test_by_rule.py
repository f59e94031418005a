"""What several rules found: a list by rule, and one table in a notebook cell."""

import html
import re

import pytest

from grantlens import detect
from grantlens.errors import RuleError
from grantlens.findings import FindingsByRule
from grantlens.rules import registry


@pytest.fixture(scope="module")
def found(scene):
    return detect.run(scene.store)


def test_it_is_a_list_in_the_order_of_reports(found):
    assert [each.rule.id for each in found] == list(registry())
    assert found[0] is found["OOS-1"]
    assert found[-1].rule.id == list(registry())[-1]
    assert [each.rule.id for each in found[:2]] == list(registry())[:2]


def test_a_rule_is_named_as_everywhere(found, scene):
    assert found["rev-1"] is found["use_after_revocation"] is found["REV-1"]
    assert scene.lag.rules["REV-10"].rule.id == "REV-10"


def test_a_rule_that_is_none_or_was_not_asked_is_told(scene):
    asked = detect.run(scene.store, ["OOS-1", "REV-1"])
    with pytest.raises(RuleError, match="REV-99"):
        asked["REV-99"]
    with pytest.raises(RuleError) as refused:
        asked["REV-2"]
    assert refused.value.message == "REV-2 was not asked here."
    assert refused.value.remedy == 'Ask it: gl.detect.run(store, "REV-2"). Asked were: OOS-1, REV-1.'
    with pytest.raises(IndexError):
        asked[2]


def test_a_cell_shows_every_rule_and_counts_what_it_found(found):
    rows = re.findall(r"<tr>(.*?)</tr>", found._repr_html_())[1:]
    cells = [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]
    assert len(cells) == len(registry())
    for each, (rule, question, violations, worst, undecided, clear, why) in zip(found, cells, strict=True):
        verdicts = [finding["verdict"] for finding in each]
        assert (rule, question, why) == (each.rule.id, each.rule.question, each.why_empty or "")
        counted = [verdicts.count(verdict) for verdict in ("violation", "indeterminate", "clear")]
        assert [int(number) for number in (violations, undecided, clear)] == counted
        levels = {finding["severity"] for finding in each if finding["verdict"] == "violation"}
        assert worst in levels if levels else worst == ""
    assert any(row[2] != "0" for row in cells)
    assert any(row[6] for row in cells)


def test_as_one_frame_it_is_what_each_rule_found(found):
    rows = [row for each in found for row in each.table.to_pylist()]
    assert found.arrow().to_pylist() == rows
    assert found.arrow().schema == found[0].table.schema
    assert found.pl()["title"].to_list() == found.df()["title"].to_list() == [row["title"] for row in rows]
    assert {"violation", "indeterminate"} <= {row["verdict"] for row in rows}
    assert [len(frame) for frame in (FindingsByRule().pl(), FindingsByRule().df())] == [0, 0]


def test_as_text_each_rule_has_a_line(found):
    assert repr(found).splitlines() == [repr(each) for each in found]
    assert repr(FindingsByRule()) == "No rule was asked."
