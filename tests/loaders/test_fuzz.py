"""Every loader against damaged records: never an exception, never a silent drop, and the counts always add up.

Real records are damaged at random: fields dropped, retyped, nested, swapped, with hostile values; lines cut and joined.
`GRANTLENS_FUZZ` sets the number of damaged files for each loader.
"""

import copy
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.ingest.recognise import recognises
from grantlens.loaders import Settings, loaders
from grantlens.store import Store

FILES = int(os.environ.get("GRANTLENS_FUZZ", "6"))
RECORDS = 25
LOGS = ("issuance", "usage", "revocation")
TOLD = Settings(time_zone="Europe/Berlin", unverified=True)

VALUES = (
    None,
    "",
    "null",
    0,
    -1,
    1.5e300,
    2**63,
    2**64,
    True,
    [],
    {},
    [None],
    [[["deep"]]],
    {"": {"a": None}},
    "x" * 5000,
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "-infinity",
    "infinity",
    "epoch",
    "'; DROP TABLE usage; --",
    "$salt",
    "\u202e\u0007\x1b[31mred",
    "</script><img src=x onerror=alert(1)>",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "[]",
    '{"a": 1}',
    "\ud83d\ude00",
)


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


def places(value, above=()):
    """Return (container, key) of everything inside."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    found = []
    for key, part in inner:
        found.append((value, key))
        found += places(part)
    return found


def damaged(line, chance):
    """Return the line with up to four things wrong with it."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return _bent(line, chance)
    for _ in range(chance.randint(0, 4)):
        spots = places(record)
        if not spots:
            break
        container, key = chance.choice(spots)
        how = chance.choice(("drop", "retype", "retype", "nest", "swap", "case"))
        if how == "drop":
            del container[key]
        elif how == "retype":
            container[key] = copy.deepcopy(chance.choice(VALUES))
        elif how == "nest":
            container[key] = chance.choice(({"value": container[key]}, [container[key]], json.dumps(container[key])))
        elif how == "swap":
            other, there = chance.choice(spots)
            if other is not container[key] and container is not other[there]:
                try:
                    container[key], other[there] = other[there], container[key]
                    json.dumps(record)
                except (ValueError, RecursionError, KeyError, IndexError):
                    return _bent(line, chance)
        elif isinstance(container, dict):
            container[chance.choice((str(key).upper(), str(key).lower(), f" {key}"))] = container.pop(key)
    text = json.dumps(record)
    return _bent(text, chance) if chance.random() < 0.15 else text


def _bent(line, chance):
    at = chance.randint(0, len(line))
    return chance.choice((line[:at], line[at:], line + line, line[:at] + chance.choice('"{}[],:\\') + line[at:], line))


@pytest.mark.parametrize("name", [name for name in loaders() if name != "native"])
def test_damaged_records_are_accounted_for(name, seeds, tmp_path_factory):
    lines = seeds.get(name)
    if not lines:
        pytest.skip(f"no real record of {name} is at hand")
    path = tmp_path_factory.mktemp(name) / "damaged.log"
    with Store(":memory:") as store:

        @settings(max_examples=FILES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.randoms(use_true_random=False))
        def load(chance):
            written = [damaged(chance.choice(lines), chance).replace("\n", " ") for _ in range(RECORDS)]
            written = [line for line in written if line.strip()]
            path.write_text("\n".join(written) + "\n", encoding="utf-8", errors="replace")
            report = store.load(path, loader=name, settings=TOLD)
            if report.failed:
                ((_, message, remedy),) = report.failed
                assert message, "a file that is refused is refused with a reason"
                assert remedy
                return
            (batch,) = report
            if "already" not in (batch["note"] or ""):  # the same damage may be drawn again
                check(store, batch)

        load()


def test_the_check_finds_a_record_that_went_without_a_trace(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_text('{"log": "usage", "used_at": "never", "outcome": "success"}\n')
    with Store(":memory:") as store:
        (batch,) = store.load(path, loader="native")
        check(store, batch)
        store.engine.execute("DELETE FROM rejected")
        with pytest.raises(AssertionError):
            check(store, batch)
        with pytest.raises(AssertionError, match="without a trace"):
            check(store, {**batch, "rejected": 0})


def check(store, batch):
    """Each record is a row, ignored, rejected or a duplicate."""
    number = store.engine.value("SELECT max(batch_id) FROM batch")
    rows = " UNION ".join(f"SELECT line_no FROM {log} WHERE batch_id = $batch" for log in LOGS)
    ((seen,),) = store.engine.rows(
        f"SELECT count(*) FROM ({rows} UNION SELECT line_no FROM rejected WHERE batch_id = $batch)", {"batch": number}
    )
    ((rejected, nameless),) = store.engine.rows(
        "SELECT count(*), count(*) FILTER (coalesce(reason, '') = '') FROM rejected WHERE batch_id = $batch",
        {"batch": number},
    )
    ignored = store.engine.value(
        "SELECT coalesce(sum(records), 0)::BIGINT FROM ignored WHERE batch_id = $batch", {"batch": number}
    )
    assert (batch["rejected"], batch["ignored"], nameless) == (rejected, ignored, 0)
    assert batch["records"] - ignored - seen <= batch["duplicates"], "a record went without a trace"
    for log in LOGS:
        kept = store.engine.value(f"SELECT count(*) FROM {log} WHERE batch_id = $batch", {"batch": number})
        assert kept == batch[log]
