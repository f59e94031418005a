"""Every rule, on the examples that it declares."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.example import BYSTANDER, moment
from grantlens.rules import SEVERITIES, registry
from grantlens.schema.register import DECISION, REGISTER
from grantlens.store import Store

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


def answer(rule, example, world, folder):
    log = folder / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in example.records))
    with Store(":memory:") as store:
        store.add(*world)
        native = loaders()["native"]
        declared = replace(native, name="declared", dialect=None, **example.declared) if example.declared else None
        report = store.load(log, loader=declared)
        assert report.failed == []
        assert report.total("rejected") == 0
        if example.register:
            store.add(Register(tuple(dict.fromkeys(REGISTER.names) | dict(row) for row in example.register)))
        if example.decisions:
            store.add(Decisions(tuple(dict.fromkeys(DECISION.names) | dict(row) for row in example.decisions)))
        if example.reviews:
            store.add(Register((), tuple(datetime.fromisoformat(moment(review)) for review in example.reviews)))
        since = example.since and moment(example.since)
        found = detect.run(store, [rule.id], since=since, parameters=example.parameters)[0].to_dicts()
    return [finding for finding in found if finding["client_id"] != BYSTANDER]


@pytest.mark.parametrize(("rule", "kind", "example"), CASES)
def test_example(rule, kind, example, world_of_examples, tmp_path):
    found = answer(rule, example, world_of_examples, tmp_path)
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
