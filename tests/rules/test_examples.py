"""Every rule, on the examples that it declares."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from grantlens import detect
from grantlens.ingest.declared import note_declared
from grantlens.loaders import loaders
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.example import BYSTANDER, moment
from grantlens.rules import SEVERITIES, registry
from grantlens.schema import TIMES
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


ALONE = ("PRV-1", "PRV-2", "INT-5", "INT-6")
"""Rules whose examples stand in stores of their own: they learn from all that a store holds, or name the source in their titles."""


def world_of(rule, example):
    """Return what an example needs beside its records, the window among it; examples of one rule that need the same can stand in one store."""
    own = rule.id in ALONE or any("source" in record for record in example.records)
    moments = [record[name] for record in example.records for name in TIMES.values() if name in record]
    beside = (example.register, example.parameters, example.declared, example.since, example.decisions, example.reviews)
    window = (min(moments, default=None), max(moments, default=None))
    return repr((rule.id, *window, *beside, example.title if own else None))


def answers(rule, examples, world, folder):
    """Return what a rule finds in each of these examples: each is a source, and of each is told what is told of it alone."""
    log, first = folder / "log.ndjson", examples[0]
    sources = [f"example-{number}" for number in range(len(examples))] if len(examples) > 1 else []
    records = list(first.records)
    if sources:
        told = zip(sources, examples, strict=True)
        records = [{**record, "source": source} for source, example in told for record in example.records]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.add(*world)
        loader = loaders()["native"]
        if first.declared:
            loader = replace(loader, name="declared", dialect=None, **first.declared)
        report = store.load(log, loader=loader if first.declared else None)
        assert report.failed == []
        assert report.total("rejected") == 0
        for source in sources:
            note_declared(store.engine, replace(loader, name=source))
        if first.register:
            store.add(Register(tuple(dict.fromkeys(REGISTER.names) | dict(row) for row in first.register)))
        if first.decisions:
            store.add(Decisions(tuple(dict.fromkeys(DECISION.names) | dict(row) for row in first.decisions)))
        if first.reviews:
            store.add(Register((), tuple(datetime.fromisoformat(moment(review)) for review in first.reviews)))
        since = first.since and moment(first.since)
        found = detect.run(store, [rule.id], since=since, parameters=first.parameters)[0].to_dicts()
    found = [finding for finding in found if finding["client_id"] != BYSTANDER]
    assert not sources or {finding["source"] for finding in found} <= {*sources}
    return [[finding for finding in found if finding["source"] == source] for source in sources] or [found]


@pytest.fixture(scope="module")
def found_in(world_of_examples, tmp_path_factory):
    """Return a function that gives what a rule finds in an example."""
    known = {}

    def find(rule, example):
        world = world_of(rule, example)
        if world not in known:
            alike = [each for kind in KINDS for each in getattr(rule, kind) if world_of(rule, each) == world]
            found = answers(rule, alike, world_of_examples, tmp_path_factory.mktemp("examples"))
            known[world] = list(zip(alike, found, strict=True))
        return next(found for each, found in known[world] if each is example)

    return find


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
