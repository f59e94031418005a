"""A small world of a few records, as a store to be reviewed."""

import itertools
import json

import pytest

from grantlens.store import Store


def laid(log, records, brought):
    """Return a store that holds these records, written to a file before, and what is brought."""
    log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
    store = Store(":memory:")
    store.add(*brought)
    assert store.load(log).total("rejected") == 0
    return store


@pytest.fixture
def world(world_of_examples, tmp_path):
    """Return a maker of stores: of records of `grantlens.rule.example`, and what else is added."""
    opened, numbers = [], itertools.count()

    def make(*records, also=()):
        opened.append(laid(tmp_path / f"log{next(numbers)}.ndjson", records, (*world_of_examples, *also)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()
