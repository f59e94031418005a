"""What happens later changes no finding about a window that is well behind it: else no report could be made again."""

import json

import pytest

import grantlens as gl
from grantlens.schema import TIMES

CUT = "2026-08-21"
WINDOW = ("2026-06-04", "2026-08-20")
"""A day before the cut, so that the logs reach over its end in both stores."""


@pytest.fixture(scope="module")
def stores(sample_file, samples, tmp_path_factory):
    """Return the samples in one store, and what of them was known at the cut in another."""
    folder = tmp_path_factory.mktemp("later")
    with gl.open(sample_file, read_only=True) as store:
        store.export(folder / "all.ndjson")
    # The clock of the labs is wrong: by how much, all that is ever held of it tells, and that holds for all times.
    rows = [row for row in map(json.loads, (folder / "all.ndjson").open()) if row["tenant"] != "brightwater-labs"]
    known = [row for row in rows if row[TIMES[row["log"]]] < CUT]
    assert 2000 < len(known) < len(rows) - 1000
    for name, held in (("all", rows), ("known", known)):
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in held))
    opened = []
    for name in ("all", "known"):
        store = gl.open(":memory:")
        assert store.load(folder / f"{name}.ndjson").total("rejected") == 0
        store.add(
            gl.Catalogue.build("toml", samples / "catalogue.toml"),
            gl.Register.read(samples / "register.toml"),
            gl.Servers.read(samples / "servers.toml"),
            gl.Decisions.read(samples / "decisions.toml"),
        )
        opened.append(store)
    yield opened
    for store in opened:
        store.close()


def test_of_no_rule(stores):
    found = []
    for store in stores:
        asked = gl.detect.run(store.between(*WINDOW, now=CUT))
        rows = [{**row, "evidence": None} for each in asked for row in each.to_dicts()]
        found.append(sorted(json.dumps(row, default=str, sort_keys=True) for row in rows))
    everything, known = found
    assert len(known) > 100
    assert everything == known


def test_of_no_lag(stores):
    everything, known = (
        gl.detect.revocation_lag(store.between(*WINDOW, now=CUT)).arrow().to_pylist() for store in stores
    )
    assert len(known) > 3
    assert everything == known
