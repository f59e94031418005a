"""PRV-4 beside plain Python: grants of few scopes, called for some weeks, and for each scope all that is below it is tried on every call."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.register.clocks import Clocks
from grantlens.rule.example import IN_PART, consent, moment, revoked, token, use

DAYS = 10
SINCE, UNTIL = (datetime.fromisoformat(moment(text)) for text in ("02 08:00", "20 08:00"))
BEGIN = {"native": "01 08:00", "late": "05 08:00", "soon": "02 20:00", "part": "01 08:00"}
"""When the log of calls of each source begins; that of `part` shows only some."""
PERMITS = {
    ("GET /v1/messages/7", "mail.example"): [{"mail.read"}],
    ("POST /v1/messages", "mail.example"): [{"mail.send"}],
    ("DELETE /v1/messages/7", "mail.example"): [{"mail.write"}],
    ("GET /v1/files/7", "files.example"): [{"files.read"}],
    ("PUT /v1/files/7", "files.example"): [{"files.write"}],
    ("POST /v1/shares", "files.example"): [{"files.write", "people.read"}, {"admin"}],
    ("POST /v1/jobs", "jobs.example"): [{"jobs.run"}],
    ("GET /v1/jobs/7", "jobs.example"): [{"jobs.own"}],
    ("GET /v1/status", "jobs.example"): [set()],
    ("GET /v1/odd/7", "mail.example"): None,
}
BELOW = {
    "mail.write": {"mail.read", "mail.send"},
    "files.write": {"files.read"},
    "desk.use": {"mail.read", "files.read"},
    "jobs.run": {"jobs.own"},
    "admin": {"mail.write", "mail.read", "mail.send", "files.write", "files.read"},
}
RISK = {"mail.write": 2, "files.write": 2, "payroll.read": 3, "admin": 4}
LIMITED = {"jobs.own"}
SCOPES = (*BELOW, "mail.read", "people.read", "files.read")


def grant_of(rng, number):
    """Return the records of one grant."""
    source = rng.choice(("native", "native", "native", *BEGIN))
    who = {
        "client_id": f"c{number}",
        "subject_id": f"s{number}",
        "source": source,
        "tenant": rng.choice((None, "one")) if source == "native" else None,
    }
    scopes = rng.sample(SCOPES, rng.choice((1, 1, 2, 2, 3)))
    grant = f"g{number}"
    born = rng.choice(("01 09:00", "01 09:00", "10 08:00", "10 08:00:01"))
    records = [consent(born, scopes, grant, **who)]
    if rng.random() < 0.2:
        records.append(consent(rng.choice(("04 08:00", "12 08:00")), rng.sample(SCOPES, 1), grant, **who))
    if rng.random() < 0.4:
        own = rng.choice((None, rng.sample(scopes, rng.randint(1, len(scopes)))))
        records.append(token(born, f"t{number}", own, rng.choice((None, "12 08:00")), grant_id=grant, **who))
    if rng.random() < 0.2:
        kind = rng.choice(("revoke", "revoke", "downgrade", "expiry"))
        more = {"scopes_removed": rng.sample(scopes, 1)} if kind == "downgrade" else {}
        records.append(
            revoked(
                rng.choice(("15 08:00", "19 20:00", "20 08:00")),
                "grant",
                kind=kind,
                grant_id=grant,
                event_id=f"r{number}",
                **who,
                **more,
            )
        )
    made = rng.sample(list(PERMITS), rng.choice((1, 1, 2, 3)))
    for _ in range(rng.choice((0, 3, 12, 25))):
        call, server = rng.choice(made)
        name = rng.choice((None, f"t{number}")) if any("token_id" in row for row in records) else None
        day = rng.choice((1, 11, 13, 14, 16, 18, 20) if source != "native" else (1, 3, 11, 13, 14, 16, 18, 20))
        if source != "native" and day == 1:
            continue
        more = {"grant_id": None if name else grant, "status": rng.choice((200, 200, 200, 200, 403, 500))}
        records.append(use(f"{day:02} {rng.choice(('07:00', '08:00'))}", call, name, server, **who, **more))
    return records


def at(record):
    names = ("issued_at", "used_at", "revoked_at")
    return datetime.fromisoformat(next(record[name] for name in names if name in record))


def every_six_hours(first, last):
    """Return times, so that no silence of the log is far longer than the others."""
    begun = datetime.fromisoformat(moment(first))
    hours = (datetime.fromisoformat(moment(last)) - begun) / timedelta(hours=1)
    return [f"{begun + timedelta(hours=hour):%d %H:%M}" for hour in range(0, int(hours), 6)] + [last]


def closed(scopes):
    return set(scopes).union(*(BELOW.get(scope, ()) for scope in scopes))


def holdings(records):
    """Return from when to when each scope was held, and when the grant ended."""
    held, spans = {}, []
    for record in sorted(records, key=at):
        if record["log"] == "issuance" and record["kind"] == "consent":
            held |= {scope: at(record) for scope in record["scopes"] if scope not in held}
        elif record["log"] == "revocation" and record["kind"] in ("revoke", "downgrade"):
            gone = record.get("scopes_removed", list(held))
            spans += [(scope, held.pop(scope), at(record)) for scope in gone if scope in held]
    return spans + [(scope, begun, datetime.max.replace(tzinfo=UNTIL.tzinfo)) for scope, begun in held.items()]


def counted(records):
    """Return of each call of the grant that worked in the window: the scopes that it was made with, and the ways to be permitted."""
    spans = holdings(records)
    own = {
        record["token_id"]: record.get("scopes")
        for record in records
        if record["log"] == "issuance" and "token_id" in record
    }
    for call in records:
        if call["log"] == "usage" and call["outcome"] == "success" and SINCE <= at(call) < UNTIL:
            stands = {scope for scope, begun, over in spans if begun <= at(call) < over}
            if stands:
                yield (
                    own.get(call.get("token_id")) or stands,
                    PERMITS[f"{call['method']} {call['target']}", call["resource_server"]],
                )


def enough(scope, calls):
    """Return what is below a scope and would have done in each call that it counted for; None where it is not needed."""
    mine, needed = [], False
    for held, ways in calls:
        met = [way for way in ways or () if way <= closed(held)]
        if scope in held and any(way & closed([scope]) for way in met):
            mine.append(met)
            needed |= not any(way <= closed(set(held) - {scope}) for way in met)

    def does(narrow, met):
        alone = any(way <= closed([narrow]) for way in met)
        return alone or all(way & closed([scope]) <= closed([narrow]) for way in met)

    good = [low for low in BELOW.get(scope, ()) if low not in LIMITED and all(does(low, met) for met in mine)]
    return good if needed else []


def opens(scope):
    return sum(any(closed([scope]) & way for way in ways or ()) for ways in PERMITS.values())


def broader(records):
    """Say by scope what a reader says of a grant: the verdict and what would have been enough."""
    calls, source = list(counted(records)), records[0].get("source", "native")
    said = {}
    for scope in {scope for scope, *_ in holdings(records)}:
        good = sorted(enough(scope, calls), key=lambda low: (RISK.get(low, 0), opens(low), low))
        if good:
            spans = [(max(begun, SINCE), min(over, UNTIL)) for name, begun, over in holdings(records) if name == scope]
            spans = [(begun, over) for begun, over in spans if begun < over]
            if max(over for _, over in spans) < UNTIL:
                continue  # nothing is left to narrow
            first = datetime.fromisoformat(moment(BEGIN[source]))
            life = sum((over - begun for begun, over in spans), timedelta(0))
            seen = sum((max(timedelta(0), over - max(begun, first)) for begun, over in spans), timedelta(0))
            known = sum(ways is not None for _, ways in calls) >= 0.9 * len(calls)
            sure = source != "part" and known and seen >= 0.95 * life and seen >= timedelta(days=DAYS)
            said[scope] = ("violation" if sure else "indeterminate", good[0])
    return said


@pytest.mark.parametrize("seed", range(2))
def test_narrower_scopes_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    grants = [grant_of(rng, number) for number in range(350)]
    rows = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(row for rows in grants for row in rows)]
    native = loaders()["native"]
    with desk.store() as store:
        for source, first in BEGIN.items():
            mine = [row for row in rows if row["source"] == source]
            beat = [
                use(when, "GET /v1/status", None, "jobs.example", client_id="beat", subject_id=None, source=source)
                for when in every_six_hours(first, "20 09:00")
            ]
            for log, part in (
                ("given", [row for row in mine if row["log"] != "usage"]),
                ("calls", [row for row in mine if row["log"] == "usage"] + beat),
            ):
                path = desk.write(f"{source}-{log}.ndjson", part)
                loader = replace(native, name=source, dialect=None, **IN_PART) if source == "part" else None
                assert store.load(path, loader=loader).failed == []
        # Calls with tokens that are not issued yet would look as if the clock were wrong.
        right = {"tenant": None, "log": None, "error_seconds": 5.0, "offset_seconds": 0.0}
        store.add(Clocks(tuple({"source": source, **right} for source in BEGIN)))
        parameters = {"floor_days": DAYS, "floor_sessions": 1000}
        (found,) = detect.run(store, ["PRV-4"], since=SINCE, until=UNTIL, parameters=parameters)
    expected = {
        (f"g{number}", scope): told for number, records in enumerate(grants) for scope, told in broader(records).items()
    }
    got = {
        (row["grant_id"], row["detail"]["scope"]): (row["verdict"], row["detail"]["replacement"])
        for row in found.to_dicts()
    }
    assert got == expected
    assert min(Counter(verdict for verdict, _ in expected.values()).values()) > 10
