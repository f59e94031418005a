"""Every rule, on the examples that it declares."""

import pytest

from grantlens.rules import SEVERITIES, registry
from tests.rules.together import Together

KINDS = ("fires", "silent", "undecidable")
CASES = [
    pytest.param(rule, kind, example, id=f"{rule.id}-{kind}-{example.title}")
    for rule in registry().values()
    for kind in KINDS
    for example in getattr(rule, kind)
]


def fits(finding, expected):
    for name, value in expected.items():
        if name == "detail":
            if any(finding["detail"].get(part) != wanted for part, wanted in value.items()):
                return False
        elif finding[name] != value:
            return False
    return True


@pytest.fixture(scope="module")
def found_in(world_of_examples, tmp_path_factory):
    """Return a function that gives what a rule finds in an example."""
    folder = tmp_path_factory.mktemp("examples")
    every = {
        rule.id: Together(rule, [each for kind in KINDS for each in getattr(rule, kind)], world_of_examples, folder)
        for rule in registry().values()
    }
    return lambda rule, example: every[rule.id].found(example)


@pytest.mark.parametrize(("rule", "kind", "example"), CASES)
def test_example(rule, kind, example, found_in):
    found = found_in(rule, example)
    left = list(found)
    for expected in example.expect:
        match = next((finding for finding in left if fits(finding, expected)), None)
        assert match is not None, f"{expected} is not among {found}"
        left.remove(match)
    assert left == []
    assert all(finding["evidence"] for finding in found if rule.id not in ("INT-5", "REV-10"))
    undecided = [finding["detail"] for finding in found if finding["verdict"] == "indeterminate"]
    assert all(detail.get("reason") or detail.get("reasons") for detail in undecided), "not decided, and not said why"
    verdicts = {finding["verdict"] for finding in found}
    if kind == "fires":
        assert example.expect
        assert "violation" in verdicts or rule.id in ("OOS-12",)
    elif kind == "silent":
        assert verdicts <= {"clear"}
    else:
        assert "indeterminate" in verdicts
        assert "violation" not in verdicts


@pytest.mark.parametrize("rule", registry().values(), ids=lambda rule: rule.id)
def test_declaration(rule):
    assert rule.question.endswith("?")
    assert rule.severity in SEVERITIES
    assert rule.remedy
    assert rule.basis
    assert rule.fires, "no example that fires"
    assert rule.silent, "no example that stays silent"
    assert rule.undecidable or rule.id in ("OOS-12", "INT-5", "REV-5"), "no example that cannot be decided"
    for parameter in rule.parameters:
        assert f"${parameter.name}" in rule.sql or rule.conclude is not None
