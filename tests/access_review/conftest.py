"""A small world of a few records, as a store to be reviewed."""

import itertools
import json

import pytest

from grantlens.catalogue.model import Catalogue
from grantlens.register.server import Servers
from grantlens.rule.example import CATALOGUE, SERVERS
from grantlens.schema.register import SERVER
from grantlens.store import Store


@pytest.fixture
def world(tmp_path):
    """Return a maker of stores: of records of `grantlens.rule.example`, and what else is added."""
    opened, numbers = [], itertools.count()

    def make(*records, also=()):
        folder = tmp_path / f"world{next(numbers)}"
        folder.mkdir()
        (folder / "catalogue.toml").write_text(CATALOGUE)
        log = folder / "log.ndjson"
        log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
        opened.append(Store(folder / "world.duckdb"))
        servers = Servers(tuple(dict.fromkeys(SERVER.names) | row for row in SERVERS))
        opened[-1].add(Catalogue.build("toml", folder / "catalogue.toml"), servers, *also)
        assert opened[-1].load(log).total("rejected") == 0
        return opened[-1]

    yield make
    for store in opened:
        store.close()
