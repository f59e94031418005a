"""Every loader against damaged records: never an exception, never a silent drop, and the counts always add up.

Real records are damaged at random, see `damage.py`; lines are cut and joined.
`GRANTLENS_FUZZ` sets the number of damaged files for each loader.
"""

import json
import os
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.ingest.recognise import recognises
from grantlens.loaders import Settings, loaders
from grantlens.store import Store
from tests.loaders.conftest import read_back
from tests.loaders.damage import assert_accounted_for, damaged_line

FILES = int(os.environ.get("GRANTLENS_FUZZ", "6"))
RECORDS = 25
TOLD = Settings(time_zone="Europe/Berlin", unverified=True)


@pytest.fixture(scope="module")
def seeds(shared):
    """Return by loader the lines of its real files."""
    found = {}
    for path in sorted((shared / "real-logs").rglob("*")):
        if path.suffix not in (".json", ".ndjson", ".log"):
            continue
        text = path.read_text()
        try:
            value = json.loads(text)
            records = value if isinstance(value, list) else [value]
            if isinstance(value, dict):
                records = next((part for part in value.values() if isinstance(part, list) and part), records)
            lines = [json.dumps(record) for record in records]
        except ValueError:
            lines = [line for line in text.splitlines() if line.strip()]
        sample = [_parsed(line) for line in lines[:50]]
        for loader in loaders().values():
            if recognises(loader, sample):
                found.setdefault(loader.name, []).extend(lines)
                break
    return found


def _parsed(line):
    try:
        value = json.loads(line)
    except ValueError:
        return {"line": line}
    return value if isinstance(value, dict) else {"line": line}


@pytest.mark.parametrize("name", [name for name in loaders() if name != "native"])
def test_damaged_records_are_accounted_for(name, seeds, tmp_path_factory):
    lines = seeds.get(name)
    if not lines:
        pytest.skip(f"no real record of {name} is at hand")
    path = tmp_path_factory.mktemp(name) / "damaged.log"

    @settings(max_examples=FILES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def load(chance):
        written = [damaged_line(chance.choice(lines), chance).replace("\n", " ") for _ in range(RECORDS)]
        written = [line for line in written if line.strip()]
        path.write_text("\n".join(written) + "\n", encoding="utf-8", errors="replace")
        with patch("grantlens.store.views_stand", return_value=True), Store(":memory:") as store:
            report = store.load(path, loader=name, settings=TOLD)
            for _, message, remedy in report.failed:
                assert message, "a file that is refused is refused with a reason"
                assert remedy
            for batch in report:
                assert_accounted_for(read_back(store, batch))

    load()


def test_the_account_finds_a_record_that_went_without_a_trace(load):
    loaded = load([{"log": "usage", "used_at": "never", "outcome": "success"}], loader="native")
    assert_accounted_for(loaded)
    with pytest.raises(AssertionError):
        assert_accounted_for(replace(loaded, rejected=[]))
    with pytest.raises(AssertionError, match="without a trace"):
        assert_accounted_for(replace(loaded, rejected=[], batch=loaded.batch | {"rejected": 0}))
