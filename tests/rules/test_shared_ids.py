"""REV-1 and REV-6 beside plain Python, where tenants issue tokens of the same ids and one of these is revoked; and what such an end hides."""

import random
from collections import Counter, defaultdict

import pytest

from grantlens import detect
from grantlens.rule.example import revoked, token, use
from tests.rules.test_outlived import AT, UNTIL, stamp

HOUR = 3600
TENANTS = ("north", "south", None)
READ, WRITE = "GET /v1/messages/7", "DELETE /v1/messages/7"
REASON = "the {} no tenant, and several have a token of this id"


def family(rng, number):
    """Return the issuance of a token id in some tenants, a revocation that names it, and calls with it."""
    who = {"client_id": f"c{number}", "subject_id": f"s{number}"}
    homes = rng.choice((("north",), ("north", "south"), ("north", "south"), (None,), ("north", None), TENANTS, ()))
    records = [
        token(
            stamp(-7000 + turn),
            f"t{number}",
            ["mail.read"],
            None,
            tenant=home,
            **{**who, "grant_id": f"g{number}-{home}"},
        )
        for turn, home in enumerate(rng.sample(homes, len(homes)))
    ]
    where = rng.choice(TENANTS)
    records.append(revoked(stamp(0), token_id=f"t{number}", tenant=where, event_id=f"r{number}", **who))
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        status, when = rng.choice((200, 200, 401, 500)), rng.choice((-60, 60, HOUR))
        records.append(use(stamp(when), READ, f"t{number}", status=status, tenant=rng.choice(TENANTS), **who))
    return records


def read(records):
    """Say what a reader of one family says: what REV-1 finds, by the tenant that it names, and what REV-6 says of the revocation."""
    (revocation,) = (row for row in records if row["log"] == "revocation")
    where = revocation.get("tenant")
    issuers = [row.get("tenant") for row in records if row["log"] == "issuance"]
    named = set(issuers) - {None}
    tried, apart, strays = [], defaultdict(list), False
    for call in records:
        tenant = call.get("tenant")
        if (
            call["log"] != "usage"
            or call["used_at"] < revocation["revoked_at"]
            or (where and tenant and where != tenant)
        ):
            continue
        # One of which that tenant tells nothing may be any token by another name.
        strays |= not any(None in (home, tenant) or home == tenant for home in issuers)
        # Whose token it was is known where both name a tenant, or no second one is told of.
        if None in (where, tenant) and len(named | {where, tenant} - {None}) > 1:
            apart[tenant].append(call)
        else:
            tried.append(call)
    found = {}
    for tenant, calls in [(where, tried), *apart.items()]:
        good = sum(call["outcome"] == "success" for call in calls)
        if good:
            told = {call["tenant"] for call in calls if "tenant" in call}
            home = tenant if calls is not tried else where or (told.pop() if len(told) == 1 else None)
            reason = None if calls is tried else REASON.format("calls name" if where else "revocation names")
            answered = sum(call["outcome"] != "error" for call in calls)
            found[home, reason] = ("violation" if calls is tried else "indeterminate", answered + 1)
    tests = {
        tenant for tenant, calls in [*apart.items(), ("sure", tried)] if any(c["outcome"] != "error" for c in calls)
    }
    mine = [home for home in issuers if None in (home, where) or home == where]
    if where is None and len(named) > 1:
        missed = named - tests if None not in tests else set()
        untested = ("indeterminate" if tests or strays else "violation") if missed else None
    elif "sure" in tests:
        untested = None
    else:
        untested = "violation" if mine and not tests and not strays else "indeterminate"
    return found, untested


@pytest.mark.parametrize("seed", range(2))
def test_a_revocation_is_of_its_own_tenants_token_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(500)]
    beat = {"client_id": "beat", "subject_id": "beat"}
    calls = [use(stamp(at), READ, "t-beat", tenant=name, **beat) for name in TENANTS for at in (-HOUR, 8 * HOUR)]
    told = [*calls, *(row for rows in families for row in rows)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(told)]
    with desk.store(desk.write("log.ndjson", told)) as store:
        used, untested = detect.run(store, ["REV-1", "REV-6"], since=AT, until=UNTIL)
    said = {f"r{number}": read(rows) for number, rows in enumerate(families)}
    rows = defaultdict(dict)
    for row in used.to_dicts():
        key = (row["tenant"], row["detail"]["reason"])
        assert key not in rows[row["detail"]["revocation_event"]]
        rows[row["detail"]["revocation_event"]][key] = (row["verdict"], row["events"])
    assert rows == {event: found for event, (found, _) in said.items() if found}
    told = {row["detail"]["revocation_event"]: row["verdict"] for row in untested.to_dicts()}
    assert told == {event: verdict for event, (_, verdict) in said.items() if verdict}
    reasons = Counter(reason for found, _ in said.values() for _, reason in found)
    assert len(reasons) == 3
    assert min(reasons.values()) > 20
    assert min(Counter(verdict for _, verdict in said.values()).values()) > 20


@pytest.mark.parametrize(("tenant", "calls"), [("north", []), ("south", [1]), (None, [1])])
def test_the_end_of_one_tenants_token_hides_no_call_with_that_of_another(desk, kept_going, tenant, calls):
    """What is called with a token that is over is no matter of OOS-1."""
    rows = [
        *(
            token(stamp(-7000), "t1", ["mail.read"], None, tenant=home, grant_id=f"g-{home}")
            for home in ("north", "south")
        ),
        revoked(stamp(0), token_id="t1", tenant=tenant),
        use(stamp(60), WRITE, "t1", tenant="north"),
    ]
    rows = [{"event_id": f"e{number}", **row} for number, row in enumerate([*kept_going, *rows])]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        (found,) = detect.run(store, ["OOS-1"])
    assert [row["events"] for row in found.to_dicts() if row["verdict"] == "violation" and row["tenant"]] == calls


@pytest.mark.parametrize("name", [None, "t1", "t-unseen"])
@pytest.mark.parametrize(
    ("ended", "called", "verdict", "reason"),
    [
        ("north", "north", "violation", None),
        ("south", "north", None, None),
        (None, "north", "indeterminate", "the revocation names no tenant, and several have a session of this id"),
        ("north", None, "indeterminate", "the calls name no tenant, and several have a {} of this id"),
    ],
)
def test_a_session_that_was_ended_is_that_of_its_own_tenant(desk, kept_going, name, ended, called, verdict, reason):
    session = {"session_id": "s1"}
    rows = [
        *(
            token(stamp(-7000), "t1", ["mail.read"], None, tenant=home, grant_id=f"g-{home}", **session)
            for home in ("north", "south")
        ),
        revoked(stamp(0), "session", tenant=ended, subject_id=None, client_id=None, **session),
        use(stamp(60), READ, name, tenant=called, **session),
    ]
    rows = [{"event_id": f"e{number}", **row} for number, row in enumerate([*kept_going, *rows])]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        (found,) = detect.run(store, ["REV-1"])
    told = [(row["verdict"], row["detail"]["reason"]) for row in found.to_dicts()]
    assert told == ([(verdict, reason and reason.format("token" if name == "t1" else "session"))] if verdict else [])
