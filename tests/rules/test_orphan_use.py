"""INT-1 beside plain Python: calls of few tokens and people, beside issuance logs that reach back far enough, or do not."""

import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.rule.example import moment, token, use
from tests.rules.shared_ids import told_apart

READ = "GET /v1/messages/7"
SINCE, UNTIL = "10 09:00", "10 15:00"
LIVES = {"native": 4, "gap": 4, "keys": 4, "untold": 24, "tenants": 4, "in part": 4}
"""The longest life of a token of each source in hours: where nothing tells it, a day is assumed."""
TENANTS = {"tenants": (None, "north", "south"), "in part": (None, "north", "far")}
FROM = {
    ("native", None): ("10 05:00", "10 14:00"),
    ("gap", None): ("10 00:00", "11 01:00"),
    ("keys", None): ("01 09:00", "11 09:00"),
    ("untold", None): ("09 12:00", "11 09:00"),
    ("tenants", "north"): ("01 09:00", "11 09:00"),
    ("tenants", "south"): ("10 06:00", "11 09:00"),
    ("in part", "north"): ("01 09:00", "11 09:00"),
    ("in part", "far"): None,
}
"""From when to when each issuance log is there."""
SILENT = "10 11:00", "10 13:00"
"""The gap of the source of that name, whose log has a record each minute else."""
CALLED = ("10 08:59:59.999999", SINCE, "10 09:30", "10 10:00", "10 11:30", "10 12:30", "10 14:59:59.999999", UNTIL)


def at(text):
    return datetime.fromisoformat(moment(text))


def issued(rng):
    """Return the issuance logs."""
    for (source, tenant), (first, last) in ((of, there) for of, there in FROM.items() if there):
        where = {"source": source, "tenant": tenant, "client_id": "beat", "subject_id": None, "grant_id": "beat"}
        for when in (first, last):
            ends = None if source == "untold" else f"{at(when) + timedelta(hours=LIVES[source]):%d %H:%M:%S}"
            yield token(when, f"beat-{tenant}-{when}", None, ends, **where)
        if source == "gap":
            for minute in range(1, 1500):
                stamp = at("10 00:00") + timedelta(minutes=minute)
                if not at(SILENT[0]) < stamp < at(SILENT[1]):
                    yield token(
                        f"{stamp:%d %H:%M}", f"beat{minute}", None, f"{stamp + timedelta(hours=1):%d %H:%M}", **where
                    )
        if source == "keys":
            yield token("10 09:00", "key", None, kind="credential", token_kind="api_key", **where)
        for number in range(8):
            more = {
                "source": source,
                "tenant": tenant,
                "client_id": rng.choice(("app", "other")),
                "subject_id": rng.choice(("ann", "ben", None)),
                "outcome": rng.choice(("success", "success", "denied")),
                "kind": rng.choice(("token", "token", "refresh", "exchange", "credential")),
                "grant_id": rng.choice((None, f"g{number % 3}")),
                "session_id": rng.choice((None, f"s{number % 3 + 2 * (tenant == 'south')}")),
            }
            born = rng.choice((first, last))
            ends = f"{at(born) + timedelta(hours=1):%d %H:%M:%S}"
            name = number + 8 * (tenant == "south")
            yield token(born, f"t{name}", None, ends, **more)


def called(rng):
    """Return the calls."""
    for _ in range(500):
        source = rng.choice(list(LIVES))
        how = rng.choice(("token", "token", "token", "session", "grant", "pair"))
        yield use(
            rng.choice(CALLED),
            READ,
            f"t{rng.randrange(30)}" if how in ("token", "session") else None,
            status=rng.choice((200, 200, 200, 401, 500)),
            source=source,
            tenant=rng.choice(TENANTS.get(source, (None,))),
            client_id=rng.choice(("app", "other", "new", None)),
            subject_id=rng.choice(("ann", "ben", "eve", None)),
            session_id=f"s{rng.randrange(5)}" if how == "session" else None,
            grant_id=f"g{rng.randrange(5)}" if how == "grant" else None,
        )


def reaches(source, tenant, first):
    """Tell whether an issuance log is there from the longest life of a token before its first use, up to that."""
    if FROM[source, tenant] is None:
        return False
    begins, ends = map(at, FROM[source, tenant])
    since = first - timedelta(hours=LIVES[source])
    silent = source == "gap" and since < at(SILENT[1]) and first > at(SILENT[0])
    return begins <= since and first <= ends and not silent


def least(values):
    return min((value for value in values if value is not None), default=None)


def orphans(records):
    """Say of each token, or client and subject, what a reader says whose call no issuance explains, and of how many calls."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    grants = {(record["source"], record["grant_id"]) for record in good if "grant_id" in record}
    # A token is of the tenant that issued it, and so is a session.
    tokens, sessions = (
        {(record["source"], record.get("tenant"), record[name]) for record in good if name in record}
        for name in ("token_id", "session_id")
    )
    pairs = {(record["source"], record.get("tenant"), record["client_id"], record.get("subject_id")) for record in good}
    calls, begun = defaultdict(list), {}
    for call in sorted((record for record in records if record["log"] == "usage"), key=lambda call: call["used_at"]):
        if call["outcome"] != "success":
            continue
        source, tenant, client, subject = (call.get(name) for name in ("source", "tenant", "client_id", "subject_id"))
        homes = TENANTS.get(source, (None,)) if tenant is None else (tenant, None)
        named = (source, call.get("grant_id")) in grants
        in_session = any((source, home, call.get("session_id")) in sessions for home in homes)
        of_token = any((source, home, call.get("token_id")) in tokens for home in homes)
        # A call that names a grant is of no other, where the issuance log names its grants.
        of_pair = "grant_id" not in call and any((source, home, client, subject) in pairs for home in homes)
        if of_token if "token_id" in call else named or in_session or of_pair:
            continue
        key = (source, tenant, call["token_id"]) if "token_id" in call else (source, tenant, None, client, subject)
        begun.setdefault(key, call["used_at"])
        if moment(SINCE) <= call["used_at"] < moment(UNTIL):
            calls[key].append((call, in_session))
    said, unseen = {}, Counter()
    for (source, tenant, name, *_), mine in calls.items():
        first = datetime.fromisoformat(begun[source, tenant, name, *_])
        homes = [home for of, home in FROM if of == source and tenant in (None, home)]
        sure = name is not None and source != "keys" and all(reaches(source, home, first) for home in homes)
        sure = sure and not any(in_session for _, in_session in mine)
        who = [least(call.get(key) for call, _ in mine) for key in ("client_id", "subject_id")]
        # Of a tenant without an issuance log all tokens of a client and a subject are told at once.
        if name is not None and FROM.get((source, tenant), "held") is None:
            unseen[source, tenant, None, *who, "token"] += len(mine)
        else:
            by = "client_subject" if name is None else "token"
            said[source, tenant, name, *who, by] = ("violation" if sure else "indeterminate", len(mine))
    return said | {key: ("indeterminate", events) for key, events in unseen.items()}


@pytest.mark.parametrize("seed", [3, 4])
def test_orphans_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    rows = [*issued(rng), *called(rng)]
    records = [{**record, "event_id": f"e{number:05}"} for number, record in enumerate(rows)]
    native = loaders()["native"]
    with desk.store() as store:
        for source in LIVES:
            for log in ("issuance", "usage"):
                of_it = [record for record in records if (record["source"], record["log"]) == (source, log)]
                path = desk.write(f"{source}-{log}.ndjson", of_it)
                assert store.load(path, loader=replace(native, name=source, carries=(log,), dialect=None)).failed == []
        (found,) = detect.run(store, ["INT-1"], since=moment(SINCE), until=moment(UNTIL))
    keys = ("source", "tenant", "token_id", "client_id", "subject_id", "join_key")
    told = {tuple(row[key] for key in keys): (row["verdict"], row["events"]) for row in found.to_dicts()}
    expected = orphans(told_apart(records))
    assert told == expected
    verdicts = Counter(verdict for verdict, _ in expected.values())
    assert min(verdicts["violation"], verdicts["indeterminate"]) > 10
