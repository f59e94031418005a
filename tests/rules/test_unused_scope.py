"""PRV-1 beside plain Python: what it counts of each scope of a grant that is given, narrowed, ended and given again, in logs that are there in part."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, refreshed, revoked, token, use

SINCE, UNTIL = (datetime.fromisoformat(moment(when)) for when in ("05 00:00", "15 00:00"))
ERROR = timedelta(seconds=5)
LOGS = {
    ("whole", None): ("01 00:00", "20 00:00"),
    ("late", None): ("09 00:00", "20 00:00"),
    ("two", "north"): ("01 00:00", "20 00:00"),
    ("two", "south"): ("01 00:00", "11 00:00"),
}
"""From when to when the usage log of each source and tenant is there."""
IMPLIED = {"mail.write": {"mail.read", "mail.send"}}
READ = "GET /v1/messages/7"
NEEDS = {
    READ: "mail.read",
    "POST /v1/messages": "mail.send",
    "DELETE /v1/messages/7": "mail.write",
    "GET /v1/odd/7": None,
}
SCOPES = ("mail.read", "mail.send", "mail.write", "offline_access", "odd.scope")


def at(text):
    return datetime.fromisoformat(moment(text))


def kept():
    """Return calls at the ends of each usage log, each of them of another API operation."""
    for (source, tenant), ends in LOGS.items():
        for when in ends:
            more = {"client_id": "beat", "subject_id": "beat", "tenant": tenant, "source": source}
            yield use(when, READ, None, **more)


def family(rng, number):
    """Return one grant: consents, downgrades, ends, tokens, and calls that name the grant or a token."""
    source, tenant = rng.choice(list(LOGS))
    who = {"client_id": f"c{number}", "subject_id": f"s{number}", "tenant": tenant, "source": source}
    grant, days = f"g{number}", iter(rng.sample(range(2, 19), 17))

    def when():
        return f"{next(days):02} {rng.randrange(24):02}:{rng.randrange(60):02}"

    def some():
        return rng.sample(SCOPES, rng.randint(1, 3))

    records, names = [consent("01 12:00", some(), grant, **who)] if rng.random() < 0.7 else [], []
    for _ in range(rng.randrange(2)):
        records.append(consent(when(), some(), grant, **who))
    for turn in range(rng.randrange(3)):
        kind = rng.choice(("token", "refresh"))
        more = {"kind": kind, "grant_id": grant, "token_kind": rng.choice(("access", "access", "refresh")), **who}
        issued = when()
        ends = rng.choice((None, f"{at(issued) + timedelta(days=2):%d %H:%M}"))
        records.append(token(issued, f"t{number}-{turn}", rng.choice((None, some(), some())), ends, **more))
        names.append(f"t{number}-{turn}")
    for turn in range(rng.randrange(3)):
        more = {"kind": rng.choice(("revoke", "downgrade")), "grant_id": grant, "event_id": f"r{number}-{turn}"}
        more |= {"scopes_removed": some()} if more["kind"] == "downgrade" else {}
        records.append(revoked(when(), "grant", **who, **more))
    for _ in range(rng.randint(0, 12)):
        name, called = (
            rng.choice((*names, None)),
            f"{rng.randrange(2, 19):02} {rng.randrange(24):02}:{rng.randrange(60):02}",
        )
        if at(LOGS[source, tenant][0]) <= at(called) <= at(LOGS[source, tenant][1]):
            more = {"grant_id": grant if name is None else None, "status": rng.choice((200, 200, 200, 403))}
            records.append(use(called, rng.choice((*NEEDS, READ, READ, READ)), name, **who, **more))
    return records


def time_of(record):
    return datetime.fromisoformat(record.get("issued_at") or record.get("revoked_at") or record["used_at"])


def states(records):
    """Return what the grant held from when to when: None while it was over, or its scopes, None of them where nothing names any."""
    consents = [time_of(record) for record in records if record["log"] == "issuance" and record["kind"] == "consent"]
    changes = sorted((record for record in records if record["log"] != "usage"), key=time_of)
    held, told, vague, over, opened, spans = set(), False, False, False, False, []
    for record in changes:
        if record["log"] == "revocation":
            if record["kind"] == "revoke":
                over, held, told, vague = True, set(), False, False
            elif not over:
                held = held - set(record["scopes_removed"])
        elif record["kind"] == "consent" or (
            not over and time_of(record) < min(consents, default=UNTIL + timedelta(9))
        ):
            over, opened = False, True
            held, told = held | set(record.get("scopes", ())), told or "scopes" in record
            vague |= "scopes" not in record and not consents and record["kind"] != "refresh"
        spans.append((time_of(record), None if over or not opened else (held if told and not vague else ())))
    ends = [start for start, _ in spans[1:]] + [UNTIL + timedelta(days=30)]
    return [(start, end, state) for (start, state), end in zip(spans, ends, strict=False) if state is not None]


def was_over(issue, when, records):
    """Tell whether a token had expired, or been revoked with its grant, by then."""
    ends = [
        time_of(r)
        for r in records
        if r["log"] == "revocation" and r["kind"] == "revoke" and time_of(r) >= time_of(issue)
    ]
    if "expires_at" in issue:
        ends.append(datetime.fromisoformat(issue["expires_at"]))
    return min(ends, default=UNTIL) < when


def ended(records, spans, when):
    """Tell whether a call is proven to come after the end of the grant: by more than the errors of two clocks."""
    ends = [end for _, end, _ in spans if end <= when - 2 * ERROR]
    return any(time_of(r) in ends for r in records if r["log"] == "revocation" and r["kind"] == "revoke")


def facts(records):
    """Say of each scope what a reader counts: uses, days of exposure, sessions, and calls of the grant."""
    where = records[0]["source"], records[0].get("tenant")
    log, spans = tuple(map(at, LOGS[where])), states(records)
    born = {record["token_id"]: record for record in records if "token_id" in record and record["log"] == "issuance"}
    held = {scope for start, end, state in spans for scope in state if start < UNTIL and end > SINCE}
    said, credited, total = {}, Counter(), 0
    for call in records:
        when = time_of(call)
        if call["log"] != "usage" or call["outcome"] != "success" or not SINCE <= when < UNTIL:
            continue
        now = [state for start, end, state in spans if start <= when < end]
        own = born.get(call.get("token_id"), {}).get("scopes")
        known = any(start <= when for start, _, _ in spans)
        # With a token that is over, or was issued after the end of its grant, it shows a need while the grant lives.
        if not now and (
            known if own is None else was_over(born[call["token_id"]], when, records) or ended(records, spans, when)
        ):
            continue
        total += 1
        has = set(own) if own is not None else set(now[0]) if now else set()
        need = NEEDS[f"{call['method']} {call['target']}"]
        credited.update(scope for scope in has if need and need in {scope} | IMPLIED.get(scope, set()))
    renewed = [
        r
        for r in born.values()
        if r["kind"] == "refresh"
        and r["token_kind"] != "refresh"
        and SINCE <= time_of(r) < UNTIL
        # One after the end of the grant shows no need of it.
        and (any(start <= time_of(r) < end for start, end, _ in spans) or not ended(records, spans, time_of(r)))
    ]
    for scope in held:
        mine = [(max(start, SINCE), min(end, UNTIL)) for start, end, state in spans if scope in state]
        mine = [(start, end) for start, end in mine if start < end]
        seen = sum((max(timedelta(0), min(end, log[1]) - max(start, log[0])) for start, end in mine), timedelta(0))
        sessions = sum(
            any(start <= time_of(each) < end for start, end in mine)
            for each in born.values()
            if each["token_kind"] != "refresh" and scope in each.get("scopes", (scope,))
        )
        uses = len(renewed) if scope == "offline_access" else credited[scope]
        said[scope] = (uses, round(seen / timedelta(days=1), 4), sessions, total)
    return said


@pytest.mark.parametrize("seed", range(4))
def test_what_is_counted_of_each_scope_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(150)]
    told = [*kept(), *(row for rows in families for row in rows)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(told)]
    by_log = [[row for row in told if (row["log"] == "usage") == calls] for calls in (False, True)]
    with desk.store(*(desk.write(f"{number}.ndjson", rows) for number, rows in enumerate(by_log))) as store:
        (found,) = detect.run(store, ["PRV-1"], since=SINCE, until=UNTIL)
    expected = {
        (f"g{number}", scope): said
        for number, rows in enumerate(families)
        if rows
        for scope, said in facts(rows).items()
    }
    rows = {}
    for row in found.to_dicts():
        detail = row["detail"]
        rows[row["grant_id"], detail["scope"]] = (
            detail["uses"],
            round(detail["exposure_days"], 4),
            detail["sessions"],
            detail["calls"],
        )
        assert (row["verdict"] == "clear") == (detail["uses"] > 0)
    assert rows == expected
    assert min(Counter(said[0] > 0 for said in expected.values()).values()) > 50


def test_a_token_that_is_over_shows_a_need_once_the_grant_is_given_again(desk, kept_going):
    rows = [
        consent("02 08:00", ["mail.read"], event_id="c1"),
        token("02 08:00", "t1", ["mail.read"], event_id="t1"),
        revoked("05 08:00", "grant"),
        use("06 08:00", READ, event_id="u1"),
        consent("07 08:00", ["mail.read"], event_id="c2"),
        use("08 08:00", READ, event_id="u2"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["PRV-1"])
    mine = [row for row in found.to_dicts() if row["grant_id"] == "g1"]
    assert [(row["verdict"], row["detail"]["uses"]) for row in mine] == [("clear", 1)]


def test_use_after_the_end_of_a_grant_is_none_though_its_token_was_issued_after_it(desk, kept_going):
    rows = [
        consent("02 08:00", ["mail.read", "mail.send"], event_id="c1"),
        token("02 08:00", "t1", ["mail.read", "mail.send"], event_id="t1"),
        use("03 08:00", "POST /v1/messages", event_id="u1"),
        revoked("05 08:00", "grant"),
        token("05 08:00:08", "t2", ["mail.read", "mail.send"], event_id="t2"),
        use("06 08:00", READ, "t2", event_id="u2"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        found = detect.run(store, ["PRV-1", "REV-2"])
    rows = [row for each in found for row in each.to_dicts() if row["grant_id"] == "g1"]
    uses = {row["detail"]["scope"]: row["detail"]["uses"] for row in rows if row["rule"] == "PRV-1"}
    assert uses == {"mail.read": 0, "mail.send": 1}
    assert [row["token_id"] for row in rows if row["rule"] == "REV-2"] == ["t2"]


def test_a_call_that_names_nobody_may_be_of_each_tenant_that_issued_a_token_of_its_id(desk, kept_going):
    rows = [
        row | {"tenant": tenant, "client_id": client}
        for tenant, client in (("one", "app"), ("two", "other"))
        for row in (
            consent("02 08:00", ["mail.read"], f"g-{tenant}", event_id=f"c-{tenant}"),
            token("02 08:00", "t1", ["mail.read"], grant_id=f"g-{tenant}", event_id=f"t-{tenant}"),
        )
    ]
    call = use("03 08:00", READ, client_id=None, subject_id=None, event_id="u1")
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows, call])) as store:
        (found,) = detect.run(store, ["PRV-1"])
    told = {row["grant_id"]: row["detail"] for row in found.to_dicts() if row["tenant"]}
    assert {name: (detail["uses"], detail["calls"]) for name, detail in told.items()} == {
        "g-one": (0, 1),
        "g-two": (0, 1),
    }


@pytest.mark.parametrize(
    ("when", "uses"),
    [("04 08:00", 1), ("05 08:00:10", 1), ("05 08:00:10.000001", 0), ("06 08:00", 0), ("07 08:00", 1), ("08 08:00", 1)],
)
def test_a_refresh_after_the_end_of_a_grant_is_no_use_of_it_until_it_is_given_again(desk, kept_going, when, uses):
    rows = [
        consent("02 08:00", ["offline_access"], event_id="c1"),
        token("02 08:00", "rt1", ["offline_access"], token_kind="refresh", event_id="t1"),
        revoked("05 08:00", "grant"),
        consent("07 08:00", ["offline_access"], event_id="c2"),
        refreshed(when, "t2", "rt1", [], event_id="t2"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["PRV-1"])
    (row,) = (row for row in found.to_dicts() if row["grant_id"] == "g1")
    assert (row["detail"]["uses"], row["verdict"]) == (uses, "clear" if uses else "indeterminate")
    assert len(row["evidence"]) == 1 + uses


@pytest.mark.parametrize(
    ("more", "until", "end", "days"),
    [
        ({"kind": "credential"}, None, [revoked("05 08:00")], 3),
        ({"kind": "credential"}, "05 08:00", [], 3),
        ({"kind": "credential"}, None, [revoked("05 08:00", kind="downgrade", scopes_removed=["odd.scope"])], 18),
        ({}, "05 08:00", [], 18),
        ({}, "05 08:00", [revoked("04 08:00")], 2),
    ],
    ids=["deleted", "expired", "narrowed", "a client may be given another token", "its token revoked"],
)
def test_without_a_consent_a_scope_could_be_used_until_the_last_token_is_over(desk, kept_going, more, until, end, days):
    rows = [token("02 08:00", "t1", ["mail.read"], until, **more), *end]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["PRV-1"])
    (mine,) = (row for row in found.to_dicts() if row["grant_id"] == "g1")
    assert mine["detail"]["exposure_days"] == pytest.approx(days, abs=0.01)
