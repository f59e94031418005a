"""Stores for cases out of a few records."""

import json

import pytest

import grantlens as gl


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
