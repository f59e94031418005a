"""Stores for cases out of a few records."""

import json
from functools import cache

import pytest

import grantlens as gl


@pytest.fixture(scope="session")
def case_of(sample_store):
    """Return a function that gives the case of a client of the samples, made once: read it and write it out, but do not change it."""
    return cache(lambda client, now=None: gl.Case(sample_store, client=client, now=now))


@pytest.fixture
def store_of(tmp_path):
    """Return a function that makes a store of native records; each gets an event id if it has none."""
    made = []

    def make(*records):
        log = tmp_path / f"{len(made)}.ndjson"
        log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
        made.append(gl.open(":memory:"))
        made[-1].load(log)
        assert not made[-1].engine.value("SELECT count(*) FROM rejected")
        return made[-1]

    yield make
    for store in made:
        store.close()
