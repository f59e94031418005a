"""Every value of the native files arrives in the store, also those of columns that first appear late in a file."""

import json
from collections import Counter

import pytest

from grantlens.store import Store


@pytest.fixture(scope="module")
def native(samples):
    rows = {"issuance": [], "usage": [], "revocation": []}
    for file in sorted((samples / "logs" / "native").iterdir()):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[row.pop("log")].append(row)
    with Store(":memory:") as store:
        store.load(samples / "logs" / "native")
        yield rows, store


@pytest.mark.parametrize("log", ["issuance", "usage", "revocation"])
def test_no_value_is_lost(native, log):
    rows, store = native
    written = Counter(name for row in rows[log] for name in row)
    stored = store.sql(f"SELECT {', '.join(f'count({name}) AS {name}' for name in written)} FROM {log}").to_pylist()[0]
    assert stored == dict(written)
