"""REV-6 beside plain Python: what was revoked of few clients, what was tried after it, or may have been, and usage logs that are there in part."""

import math
import random
from collections import Counter

import pytest

from grantlens import detect
from grantlens.rule.example import consent, revoked, token, use
from tests.rules.test_outlived import AT, UNTIL, ended, grants, seconds, stamp

HOUR = 3600
END = (UNTIL - AT).total_seconds()
LOGS = {
    ("whole", None): (-HOUR, 8 * HOUR),
    ("short", None): (-HOUR, 0.95 * HOUR),
    ("shorter", None): (-HOUR, 0.94 * HOUR),
    ("none", None): None,
    ("two", "north"): (-HOUR, 8 * HOUR),
    ("two", "south"): (-HOUR, 0.5 * HOUR),
}
"""From when to when the usage log of each source and tenant is there, in seconds from the revocations."""
READ = "GET /v1/messages/7"


def kept():
    """Return calls at the ends of each usage log."""
    for (source, tenant), there in LOGS.items():
        for when in there or ():
            more = {"client_id": "beat", "subject_id": "beat", "tenant": tenant, "source": source}
            yield use(stamp(when), READ, "t-beat", **more)


def family(rng, number):
    """Return tokens of a grant or two of one client and person, what was revoked of them, and a try or none."""
    source, tenant = rng.choice(list(LOGS))
    who = {"client_id": f"c{number}", "subject_id": f"s{number}", "tenant": tenant, "source": source}
    grant, other, records, names = f"g{number}", f"h{number}", [], []
    if rng.random() < 0.5:
        records.append(consent(stamp(-9000), None, grant, **who))
    if rng.random() < 0.2:
        records.append(consent(stamp(HOUR / 2), None, grant, **who))
    for turn in range(rng.randrange(3)):
        kind = rng.choice(("token", "token", "refresh", "exchange"))
        more = {
            "kind": kind,
            "grant_id": rng.choice((grant, grant, other)),
            "token_kind": rng.choice(("access", "access", "refresh")),
            "parent_token_id": rng.choice((*names, f"u{number}")) if kind != "token" else None,
        }
        life = rng.choice((None, -60, HOUR, HOUR))
        records.append(
            token(stamp(-7000), f"t{number}-{turn}", None, None if life is None else stamp(life), **who, **more)
        )
        names.append(f"t{number}-{turn}")
    target = rng.choice(("token", "token", "grant", "grant", "client", "subject"))
    of = {**who, "tenant": tenant if rng.random() < 0.6 else None}
    of |= {"subject_id": None} if target == "client" else {"client_id": None} if target == "subject" else {}
    of |= {"token_id": rng.choice((*names, *names, f"u{number}"))} if target == "token" else {}
    of |= {"grant_id": rng.choice((grant, grant, other, None))} if target == "grant" else {}
    more = {"event_id": f"r{number}", "outcome": rng.choice(("success",) * 6 + ("error",))}
    records.append(revoked(stamp(0), target, **of, **more))
    first, last = LOGS[source, tenant] or (0, -1)
    times = [when for when in (-1, 0, 5, 5, 60, HOUR - 1, HOUR, HOUR + 60, END) if first <= when <= last]
    for _ in range(rng.choice((0, 0, 1, 1, 2)) if times else 0):
        name = rng.choice((*names, *names, f"u{number}", "t-unseen", None, None))
        by = rng.choice(({}, {}, {"client_id": None, "subject_id": None}, {"client_id": f"x{number}"}))
        more = {"grant_id": rng.choice((None, None, grant, other)) if name not in names else None}
        status = rng.choice((200, 401, 401, 403, 429, 500))
        records.append(use(stamp(rng.choice(times)), READ, name, status=status, **{**who, **by}, **more))
    for turn in range(rng.choice((0, 0, 0, 1))):
        kind = rng.choice(("token", "refresh", "refresh", "exchange", "consent"))
        more = {
            "kind": kind,
            "grant_id": rng.choice((grant, grant, other)),
            "token_kind": rng.choice(("access", "refresh")),
            "parent_token_id": rng.choice((*names, *names, f"u{number}", None))
            if kind in ("refresh", "exchange")
            else None,
            "outcome": rng.choice(("success", "denied", "denied", "denied", "error")),
        }
        name = rng.choice((f"n{number}-{turn}", f"n{number}-{turn}", None, *names))
        if more["outcome"] == "success" or kind == "consent":
            name = f"n{number}-{turn}" if kind != "consent" else None
        records.append(token(stamp(rng.choice((-1, 0.000001, 60, HOUR / 2 + 60, END))), name, None, **who, **more))
    return records


def answers(call, over, expiry):
    """Tell whether an answer says something of the token: no fault, no haste, no age."""
    when = seconds(call)
    alive = expiry is None or when < expiry
    refused = call["outcome"] == "denied" and call.get("denial_reason") != "rate" and alive
    return over <= when < END and (call["outcome"] == "success" or refused)


def may_be(call, revocation, parties):
    """Tell whether a call may be one of those whose access ended: what one leaves out may be anybody."""
    caller = call.get("client_id"), call.get("subject_id")
    tenants = {revocation.get("tenant"), call.get("tenant")} - {None}
    if caller == (None, None) or len(tenants) > 1:
        return False
    return any(all(a in (None, b) or b is None for a, b in zip(who, caller, strict=True)) for who in parties)


def untested(records):
    """Say what a reader of one family says of its revocation: untested, perhaps, or nothing."""
    (revocation,) = [record for record in records if record["log"] == "revocation"]
    if revocation["outcome"] != "success":
        return None
    issues = [record for record in records if record["log"] == "issuance"]
    good = [record for record in issues if record["outcome"] == "success"]
    calls = [record for record in records if record["log"] == "usage"]
    born = {issue["token_id"]: issue for issue in good if "token_id" in issue and issue["kind"] != "consent"}
    over, target = seconds(revocation, "revoked_at"), revocation["target_kind"]
    tokens, stands_in = ended(revocation, born), grants(revocation, records)
    covered = {issue["token_id"] for issue in tokens}
    known = {each["grant_id"] for each in good if seconds(each, "issued_at") < over}

    def alive(row):
        if "token_id" in row:
            return None if row["token_id"] not in born else (seconds(row, "expires_at") or math.inf) > over
        return True if row["grant_id"] in known else None

    living = [row for row in tokens or stands_in if alive(row) is not False]
    if not living:
        return None
    until = min(END, max(min(seconds(row, "expires_at") or END, seconds(row, "given_again") or END) for row in living))

    for call in calls:
        for issue in tokens:
            if call.get("token_id") == issue["token_id"] and answers(call, over, seconds(issue, "expires_at")):
                return None
        for row in stands_in:
            again = seconds(row, "given_again") or math.inf
            if (
                call.get("token_id") not in born
                and call.get("grant_id") == row["grant_id"]
                and seconds(call) < again
                and answers(call, over, None)
            ):
                return None
    for issue in issues:
        when, parent = seconds(issue, "issued_at"), issue.get("parent_token_id")
        if issue["outcome"] == "error" or not over <= when < END:
            continue
        refused = issue["outcome"] == "denied" and issue["kind"] != "consent"
        if parent in covered or (refused and issue.get("token_id") in covered):
            return None
        for row in stands_in:
            again = seconds(row, "given_again") or math.inf
            mine = issue["grant_id"] == row["grant_id"] and issue["kind"] != "consent"
            if mine and (refused or (target == "grant" and over < when < again)):
                return None
        # A refusal that does not say of which token tells of a refresh token, not of an access token beside it.
        if (
            refused
            and parent is None
            and any(row.get("token_kind") != "access" and row["grant_id"] == issue["grant_id"] for row in tokens)
        ):
            return None
        if refused and target != "token" and any(row["grant_id"] == issue["grant_id"] for row in tokens):
            return None

    parties = {(revocation.get("client_id"), revocation.get("subject_id"))}
    parties |= {(row["client_id"], row["subject_id"]) for row in tokens if alive(row)}
    for row in stands_in:
        parties |= {
            (each["client_id"], each["subject_id"])
            for each in good
            if alive(row) and each["grant_id"] == row["grant_id"]
        }
    of = {row["grant_id"] for row in [*tokens, *stands_in]} - {None}
    for call in calls:
        nameless = call.get("token_id") not in born
        mine = call["grant_id"] in of if "grant_id" in call else may_be(call, revocation, parties)
        if nameless and mine and over <= seconds(call) < until:
            return "indeterminate"
    if all(alive(row) is None for row in living):
        return "indeterminate"
    homes = (
        {revocation["tenant"]}
        if "tenant" in revocation
        else {row.get("tenant") for row in tokens if row["token_id"] in born}
    )
    if "tenant" not in revocation:
        homes |= {each.get("tenant") for row in stands_in for each in good if each["grant_id"] == row["grant_id"]}
    shares = []
    for tenant in homes or {None}:
        first, last = LOGS.get((revocation["source"], tenant)) or (0, 0)
        shares.append(max(0, min(last, until) - max(first, over)) / (until - over))
    return "violation" if min(shares) >= 0.95 else "indeterminate"


@pytest.mark.parametrize("seed", range(3))
def test_revocations_that_nobody_tested_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(400)]
    told = [*kept(), *(row for rows in families for row in rows)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(told)]
    # A file that holds calls too would be a usage log for as long as it reaches.
    by_log = [[row for row in told if (row["log"] == "usage") == calls] for calls in (False, True)]
    with desk.store(*(desk.write(f"{number}.ndjson", rows) for number, rows in enumerate(by_log))) as store:
        (found,) = detect.run(store, ["REV-6"], since=AT, until=UNTIL)
    said = {f"r{number}": untested(rows) for number, rows in enumerate(families)}
    expected = {event: verdict for event, verdict in said.items() if verdict}
    rows = {row["detail"]["revocation_event"]: row["verdict"] for row in found.to_dicts()}
    assert rows == expected
    assert min(Counter(map(str, said.values())).values()) > 20


def test_the_tenant_of_a_grant_of_which_the_log_has_no_token_says_which_usage_log_must_be_there(desk):
    beat = {"client_id": "beat", "subject_id": "beat"}
    calls = [
        use(when, READ, None, tenant=tenant, event_id=f"{tenant} {when}", **beat)
        for tenant, last in (("north", "11 09:00"), ("south", "10 12:30"))
        for when in ("10 09:00", last)
    ]
    rows = [consent("10 09:00", None, tenant="south", event_id="given"), revoked("10 12:00", "grant")]
    with desk.store(desk.write("calls.ndjson", calls), desk.write("rest.ndjson", rows)) as store:
        (found,) = detect.run(store, ["REV-6"], until="2026-07-11T00:00:00Z")
    assert [row["verdict"] for row in found.to_dicts()] == ["indeterminate"]


@pytest.mark.parametrize(
    ("parent", "of", "found"), [("rt1", "t1", 1), (None, "t1", 1), (None, "rt1", 0), ("t9", "rt1", 1)]
)
def test_a_refused_refresh_tests_no_token_beside_the_refresh_token(desk, kept_going, parent, of, found):
    rows = [
        token("10 09:00", "rt1", None, "10 18:00", token_kind="refresh", event_id="e1"),
        token("10 09:00", "t1", None, "10 18:00", event_id="e2"),
        revoked("10 12:00", token_id=of),
        token("10 12:30", None, None, kind="refresh", parent_token_id=parent, outcome="denied", event_id="e3"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (told,) = detect.run(store, ["REV-6"])
    assert len(told.to_dicts()) == found
