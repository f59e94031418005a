"""Examples of one rule that need the same world, together in one store: each is asked in its own window."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from grantlens import detect
from grantlens.ingest.declared import note_declared
from grantlens.loaders import loaders
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.example import BYSTANDER, moment
from grantlens.schema import TIMES
from grantlens.schema.register import DECISION, DETAILS_TYPE, REGISTER
from grantlens.store import Store

ALONE = ("PRV-1", "PRV-2", "INT-5", "INT-6")
"""Rules whose examples stand in stores of their own: they learn from all that a store holds, or name the source in their titles."""


def world_of(rule, example):
    """Return what an example needs beside its records; examples of one rule that need the same can stand in one store."""
    own = rule.id in ALONE or any("source" in record for record in example.records)
    beside = (
        example.register,
        example.parameters,
        example.declared,
        example.decisions,
        example.reviews,
        example.details_types,
    )
    return repr((rule.id, *beside, example.title if own else None))


def window_of(example):
    """Return the window in which an example is asked: all that its own logs cover, or what it says of it."""
    moments = [record[name] for record in example.records for name in TIMES.values() if name in record]
    if not moments:
        return {}
    since = moment(example.since) if example.since else min(moments)
    return {"since": since, "until": datetime.fromisoformat(max(moments)) + timedelta(microseconds=1)}


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
        if first.details_types:
            types = tuple(dict.fromkeys(DETAILS_TYPE.names) | dict(row) for row in first.details_types)
            store.add(Register((), details_types=types))
        if first.reviews:
            store.add(Register((), tuple(datetime.fromisoformat(moment(review)) for review in first.reviews)))

        @cache
        def found_in(**window):
            found = detect.run(store, [rule.id], **window, parameters=first.parameters)[0].to_dicts()
            assert not sources or {finding["source"] for finding in found} <= {*sources}
            return [finding for finding in found if finding["client_id"] != BYSTANDER]

        found = [found_in(**window_of(example)) for example in examples]
    told = zip(sources, found, strict=True)
    return [[finding for finding in each if finding["source"] == source] for source, each in told] if sources else found


class Together:
    """Gives what a rule finds in each of some examples; those that can stand in one store are asked at once, when the first of them is."""

    def __init__(self, rule, examples, world, folder):
        self.rule, self.examples, self.world, self.folder = rule, examples, world, folder
        self._known = {}

    def found(self, example):
        """Return the findings of one example, those of the bystander left out."""
        world = world_of(self.rule, example)
        if world not in self._known:
            alike = [each for each in self.examples if world_of(self.rule, each) == world]
            found = answers(self.rule, alike, self.world, self.folder)
            self._known[world] = list(zip(alike, found, strict=True))
        return next(found for each, found in self._known[world] if each is example)
