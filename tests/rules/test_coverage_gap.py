"""INT-5 beside plain Python: logs with holes of many lengths, of several sources and tenants, in one file or two."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.rule.example import moment, revoked, token, use

BEGIN = datetime.fromisoformat(moment("02 00:00"))
LEAST, MOST, TIMES, SHORTEST = 1000, 10, 5, 3600
"""Of a log of under two weeks: records before a silence says anything, how many gaps it may have, how many times as long as the next
silence each of them is at least, and in seconds."""
SECOND = 1_000_000
STREAMS = (("native", None), ("native", "one"), ("desk", None), ("part", None), ("part", "one"))
HOLES = (0, 90, 400, 700, 3599, 3600, 3601, 7000, 14400, 20000, 43200)


def stamps(rng, count):
    """Return moments about a minute apart, with some holes between."""
    holes = dict(zip(rng.sample(range(1, count), 4), rng.choices(HOLES, k=4), strict=True))
    at = BEGIN + timedelta(seconds=rng.randrange(60))
    for number in range(count):
        yield at
        at += timedelta(seconds=holes.get(number) or rng.choice((0, 30, 60, 90)))


def log(rng, source, tenant):
    """Return the records of one stream: its calls, what was issued, and a few revocations."""
    who = {"tenant": tenant, "client_id": f"{source}-{tenant}", "subject_id": None}
    counts = {
        use: rng.choice((1001, 2100) if source == "part" else (999, 1000, 1001)),
        token: rng.choice((300, 1000, 1200)),
        revoked: 3,
    }
    for write, count in counts.items():
        for at in stamps(rng, max(count, 10)):
            when = f"{at:%d %H:%M:%S}"
            if write is use:
                yield use(when, "GET /v1/status", None, "jobs.example", **who)
            elif write is token:
                yield token(when, None, None, grant_id="g", **who)
            else:
                yield revoked(when, "client", **who, kind="expiry", event_id=None)


def when(text):
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


def stamp(record):
    names = ("issued_at", "used_at", "revoked_at")
    return when(next(record[name] for name in names if name in record))


def silent(files, in_part):
    """Return where a log of one stream is silent for longer than chance explains, and the gap's ends."""
    found = {}
    for kind in ("issuance", "usage", "revocation"):
        marks, events = set(), []
        for rows in files:
            mine = [stamp(row) for row in rows if row["log"] == kind]
            events += mine
            if mine and not in_part:  # what else the file holds shows that it went on
                marks |= {min(map(stamp, rows)), max(map(stamp, rows))}
        line = sorted([*events, *marks])
        silences = [(at, later) for at, later in pairwise(line) if at // (60 * SECOND) < later // (60 * SECOND)]
        longest = sorted((later - at for at, later in silences), reverse=True)
        for many in range(MOST, 0, -1) if len(events) >= LEAST else ():
            alike = sum(each >= longest[many] / 2 for each in longest[many:])
            least = longest[many] * max(TIMES, 1 + math.log(1000) / 2 / math.log(alike)) if alike > 1 else math.inf
            if longest[many - 1] > max(SHORTEST * SECOND, least) and sum(longest[:many]) <= (line[-1] - line[0]) / 2:
                for at, later in silences:
                    if later - at >= longest[many - 1]:
                        begun = at + 1  # the record before it was logged
                        found[kind, begun, later] = "indeterminate" if in_part else "violation"
                break
    return found


@pytest.mark.parametrize("seed", [19, 39])  # they have gaps of both verdicts
def test_gaps_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    expected = {}
    native = loaders()["native"]
    with desk.store() as store:
        for source, tenant in STREAMS:
            rows = sorted(log(rng, source, tenant), key=stamp)
            rows = [{**row, "event_id": f"{source}{tenant}{number}"} for number, row in enumerate(rows)]
            cut = rng.choice((0, len(rows) // 2))
            files = [part for part in (rows[:cut], rows[cut:]) if part]
            for part in files:
                loader = replace(native, name=source, dialect=None, carries=() if source == "part" else native.carries)
                path = desk.write(f"{source}-{tenant}-{len(part)}.ndjson", part)
                assert store.load(path, loader=None if source == "native" else loader).failed == []
            expected |= {(source, tenant, *key): told for key, told in silent(files, source == "part").items()}
        ends = sorted(begun for *_, begun, _ in expected), sorted(later for *_, later in expected)
        for apart in (0, 1):  # one gap ends where the window begins, and one begins where it ends
            begins = ends[1][0] - apart
            ends_at = max(ends[0][-1] + apart, begins + SECOND)
            within = {key: told for key, told in expected.items() if key[-1] > begins and key[-2] < ends_at}
            assert found_in(store, begins, ends_at) == within
            assert apart or len(within) < len(expected)
    assert set(expected.values()) == {"violation", "indeterminate"}


def found_in(store, begins, ends):
    """Return what INT-5 finds in a window."""
    since, until = (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=each) for each in (begins, ends))
    (found,) = detect.run(store, ["INT-5"], since=since, until=until)
    keys = ("source", "tenant")
    return {
        (*(row[key] for key in keys), row["detail"]["log"], when(row["first_seen"]), when(row["last_seen"])): row[
            "verdict"
        ]
        for row in found.to_dicts()
    }
