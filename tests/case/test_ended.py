"""Which calls came after each of many revocations, beside plain Python."""

from random import Random

import pytest

import grantlens as gl
from grantlens.rule.example import consent, revoked, token, use

EXACT = gl.Clocks(({"source": "native", "log": None, "error_seconds": 0, "offset_seconds": 0},))


def at(minute):
    return f"10 09:{minute:02}"


def shown(minute):
    return f"2026-07-10T09:{minute:02}:00Z"


@pytest.mark.parametrize("seed", range(4))
def test_calls_after_each_revocation(store_of, seed):
    drawn = Random(seed)
    ended = {f"g{number}": drawn.randrange(10, 60) for number in range(6)}
    # The grant g-kept never ends. Several calls and several revocations share a minute, and some revocations are the last record.
    calls = [(drawn.choice([*ended, "g-kept"]), drawn.randrange(10, 55)) for _ in range(40)]
    records = []
    for grant in (*ended, "g-kept"):
        records += [
            consent("10 08:00", ["mail.read"], grant),
            token("10 08:01", f"t-{grant}", ["mail.read"], "11 09:00", grant_id=grant),
        ]
    records += [
        revoked(at(minute), "grant", grant_id=grant, event_id=f"end of {grant}") for grant, minute in ended.items()
    ]
    records += [use(at(minute), "GET /v1/messages/7", f"t-{grant}") for grant, minute in calls]
    store = store_of(*records)
    store.add(EXACT)
    told = {row["revocation_event"]: row["later"] for row in gl.Case(store, client="app").facts["revocations"]}
    assert told.keys() == {f"end of {grant}" for grant in ended}
    for grant, minute in ended.items():
        later = [(of, when) for of, when in calls if when > minute]
        other = [when for of, when in later if when < ended.get(of, 60)]
        row = told[f"end of {grant}"]
        assert (row["calls"] if row else 0) == len(later)
        if row:
            assert row["last_used_at"] == shown(max(when for _, when in later))
            assert row["other_calls"] == len(other)
            assert row["other_last_used_at"] == (shown(max(other)) if other else None)
    assert any(row and 0 < row["other_calls"] < row["calls"] for row in told.values())
