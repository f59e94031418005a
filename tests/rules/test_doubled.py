"""Two tenants, or two providers, that have logs of their own, and the same ids in them: clients, people, grants, tokens, sessions and events.

What is told of each is what is told of it alone.
"""

import random

import pytest

import grantlens as gl
from grantlens.rule.example import refreshed, revoked, token, use
from tests.rules.test_properties import found

DELETE = "DELETE /v1/messages/7"


def told_more(seed):
    """Return records that a random log lacks: sessions that are ended and called with, refresh tokens that are shown again."""
    rng = random.Random(f"more of {seed}")
    who = {"client_id": "phone", "subject_id": "ann", "grant_id": "phone-g"}
    for number in range(6):
        session, day = {"session_id": f"s{number}"}, rng.randint(4, 12)
        issued = {**who, **session, "event_id": f"more-{number}"}
        yield token(f"{day:02} 09:00", f"phone-t{number}", rng.choice((["mail.read"], ["mail.write"])), **issued)
        if rng.random() < 0.5:
            yield revoked(f"{day:02} 10:00", "session", **session, client_id="phone", event_id=f"more-r{number}")
        for turn in range(rng.randint(0, 3)):
            when = f"{day:02} {rng.choice(('09:30', '10:30', '11:30'))}"
            name = rng.choice((None, f"phone-t{number}"))
            called = {**session, "client_id": "phone", "event_id": f"more-{number}-{turn}"}
            yield use(when, DELETE, name, status=rng.choice((200, 401)), **called)
    for number in range(4):
        first, second = f"phone-r{number}", f"phone-r{number}b"
        kept = {**who, "token_kind": "refresh"}
        if rng.random() < 0.7:
            yield token("05 09:00", first, ["mail.read"], event_id=f"more-f{number}", **kept)
        for turn, day in enumerate(rng.sample(range(6, 16), 3)):
            record = {**kept, "event_id": f"more-f{number}-{turn}"}
            yield refreshed(
                f"{day:02} 09:00", second if turn == 0 else f"{second}{turn}", first, ["mail.read"], **record
            )


def asked(store):
    """Return what every rule finds, the list of grants, the lag of each revocation and the advice tried, as rows."""
    lists = {
        "grants": gl.grants(store),
        "lag": gl.detect.revocation_lag(store),
        "advice": gl.detect.backtest(store, at="2026-07-12"),
        "smallest": gl.detect.smallest_scopes(store),
    }
    return {**found(store), **{name: each.pl().to_dicts() for name, each in lists.items()}}


@pytest.mark.parametrize(("apart", "seed"), [("tenant", 0), ("tenant", 1), ("source", 0)])
def test_what_is_told_of_one_is_what_is_told_of_it_alone(desk, log_of, kept_going, apart, seed):
    logs, alone = {}, {}
    for name, each in (("one", seed), ("two", seed + 100)):
        records = [*log_of(each, calls=80), *log_of(each, "helper", 40), *told_more(each), *kept_going]
        logs[name] = desk.write(f"{name}.ndjson", [{**record, apart: name} for record in records])
        with desk.store(logs[name]) as store:
            alone[name] = asked(store)
    with desk.store(*logs.values()) as store:
        both = asked(store)
    for rule, findings in both.items():
        for name in logs:
            mine = [finding for finding in findings if finding[apart] == name]
            assert mine == alone[name][rule], rule
        assert {finding[apart] for finding in findings} <= {*logs}
    assert sum(map(len, both.values())) > 100
