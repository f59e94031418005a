"""docs/rules.md says what rules declare now, and every case that their tests run."""

import re

import pytest

from grantlens.report.conclude_page import written
from grantlens.report.rules_page import OUTCOMES, outcome_of, rules
from grantlens.rule.example import Example
from grantlens.rules import registry


@pytest.fixture(scope="module")
def blocks():
    """Return the block of each rule, by its id."""
    parts = re.split(r'^<a id="([\w-]+)"></a>$', "\n".join(rules()), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_is_what_is_declared(root):
    page = (root / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == written(page), "write it anew: python -m grantlens.report.conclude_page docs/rules.md"


def test_every_rule_has_its_line_and_its_block(blocks):
    assert list(blocks) == [rule.lower() for rule in registry()]
    assert re.findall(r"^\| \[([A-Z]+-\d+)\]\(#([\w-]+)\) \|", "\n".join(rules()), re.MULTILINE) == [
        (rule, rule.lower()) for rule in registry()
    ]


@pytest.mark.parametrize("rule", registry().values(), ids=lambda rule: rule.id)
def test_a_block_tells_all_parameters_and_all_cases(blocks, rule):
    block = blocks[rule.id.lower()]
    told = re.findall(r"^\| `(\w+)` \| ([\d.]+) ", block, re.MULTILINE)
    assert [(name, float(number)) for name, number in told] == [(each.name, each.default) for each in rule.parameters]
    words = dict(re.findall(r"^([A-Z][a-z ]+):\n\n((?:- .*\n)+)", block, re.MULTILINE))
    assert set(words) <= set(OUTCOMES.values())
    assert sum(len(listed.splitlines()) for listed in words.values()) == len(rule.examples)


def test_the_worst_that_comes_of_a_case_says_where_it_stands():
    def case(*verdicts):
        return outcome_of(Example("x", (), tuple({"verdict": verdict} for verdict in verdicts)))

    assert case() == "nothing"
    assert case("clear") == "clear"
    assert case("clear", "indeterminate") == "indeterminate"
    assert case("indeterminate", "violation", "clear") == "violation"


def test_cases_stand_under_what_comes_of_them(blocks):
    violations = re.search(r"^A violation:\n\n((?:- .*\n)+)", blocks["oos-1"], re.MULTILINE)
    assert "- a deletion with a token that may only read" in violations[1].splitlines()
    assert "A violation:" not in blocks["oos-12"], "a refused call is never one"
    assert "Told as clear:\n\n- the server refused for want of scope" in blocks["oos-12"]


def test_nothing_is_cut(blocks):
    assert "characters left out" not in "".join(blocks.values())
