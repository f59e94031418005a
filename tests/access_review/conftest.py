"""A small world of a few records, as a store to be reviewed."""

import itertools
import json

import pytest

from grantlens.store import Store


@pytest.fixture
def world(world_of_examples, tmp_path):
    """Return a maker of stores: of records of `grantlens.rule.example`, and what else is added."""
    opened, numbers = [], itertools.count()

    def make(*records, also=()):
        log = tmp_path / f"log{next(numbers)}.ndjson"
        log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
        opened.append(Store(":memory:"))
        opened[-1].add(*world_of_examples, *also)
        assert opened[-1].load(log).total("rejected") == 0
        return opened[-1]

    yield make
    for store in opened:
        store.close()
