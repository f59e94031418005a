"""REV-3 and REV-4 beside plain Python: few tokens of small families, a revocation or two, and calls soon and late after it."""

import math
import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, revoked, token, use

READ = "GET /v1/messages/7"
AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(hours=5)
NEAR = 10
"""The errors of two clocks, in seconds."""
SERVERS = ("mail.example", "files.example", "offline.example", "jobs.example")
LIVES = (None, -60, 100, 1000, 3600, 36000)
"""How long after the revocation an access token ends."""
CALLS = (
    -1,
    0,
    0.4,
    9,
    10,
    10.5,
    60,
    89,
    90,
    100,
    299,
    310,
    311,
    899,
    900,
    1010,
    1011,
    3239,
    3240,
    3241,
    4000,
    17000,
    18000,
)


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return the records of one client and person: tokens of a grant or two, what was revoked, and calls."""
    who = {
        "client_id": f"c{number}",
        "subject_id": f"s{number}",
        "tenant": rng.choice((None, "one")),
        "source": rng.choice(("native", "desk")),
    }
    grant, other = f"g{number}", f"h{number}"
    records = [consent(stamp(-9000), ["mail.read"], grant, **who)] if rng.random() < 0.5 else []
    if rng.random() < 0.3:
        records.append(consent(stamp(rng.choice((50, 600))), ["mail.read"], grant, **who))
    first = rng.choice(("access", "refresh", "refresh", None, "api_key"))
    names = []
    for turn in range(rng.randint(1, 4)):
        name, of = f"t{number}-{turn}", {**who, "grant_id": rng.choice((grant, grant, grant, other))}
        kind = rng.choice(("token", "refresh", "refresh", "exchange")) if names else "token"
        more = {
            "kind": kind,
            "token_kind": rng.choice(("access", "access", "refresh", None)) if names else first,
            "parent_token_id": rng.choice(names) if kind != "token" else None,
            "outcome": rng.choice(("success",) * 5 + ("denied",)),
        }
        life = rng.choice(LIVES)
        ends = None if life is None else stamp(life)
        records.append(token(stamp(rng.choice((-7000, -7000, -7000, 0, 0.000001, 50))), name, None, ends, **of, **more))
        names.append(name)
    for turn in range(rng.choice((1, 1, 1, 2))):
        target = "token" if turn else rng.choice(("token", "token", "grant", "grant", "grant", "client", "subject"))
        of = {key: value for key, value in who.items() if key != "tenant" or rng.random() < 0.7}
        of |= {"tenant": None} if "tenant" not in of else {}
        of |= {"subject_id": None} if target == "client" else {"client_id": None} if target == "subject" else {}
        of |= {"token_id": rng.choice(names)} if target == "token" else {}
        of |= {"grant_id": rng.choice((grant, grant, other, None))} if target == "grant" else {}
        more = {
            "event_id": f"r{number}-{turn}",
            "kind": rng.choice(("revoke", "revoke", "revoke", "disable", "downgrade", "expiry")),
            "outcome": rng.choice(("success",) * 5 + ("denied",)),
        }
        records.append(revoked(stamp(rng.choice((0, 0, 0.3, -5000))), target, **of, **more))
    for _ in range(rng.randint(1, 8)):
        status, reason = rng.choice(((200, None),) * 5 + ((401, "token"), (403, "scope"), (401, None), (500, None)))
        more = {
            "denial_reason": reason,
            "validation": rng.choice((None, None, "introspection", "cached", "offline")),
        }
        name = rng.choice([*names, None])
        more["grant_id"] = rng.choice((grant, grant, other)) if name is None else None
        records.append(use(stamp(rng.choice(CALLS)), READ, name, rng.choice(SERVERS), status, **who, **more))
    return records


WHOSE = {"client": ("client_id",), "subject": ("subject_id",), "grant": ("client_id", "subject_id")}


def seconds(record, key="used_at"):
    return (datetime.fromisoformat(record[key]) - AT).total_seconds() if record.get(key) else None


def ended(revocation, born):
    """Return the tokens that a revocation ends, of those of one family."""
    same = [
        issue
        for issue in born.values()
        if issue["issued_at"] <= revocation["revoked_at"] and revocation.get("tenant") in (None, issue.get("tenant"))
    ]
    target = revocation["target_kind"]
    if target == "grant" and "grant_id" in revocation:
        same = [issue for issue in born.values() if issue["issued_at"] <= revocation["revoked_at"]]
        return [issue for issue in same if issue["grant_id"] == revocation["grant_id"] and issue["kind"] != "exchange"]
    if target != "token":
        return [
            issue
            for issue in same
            if issue["kind"] != "exchange" and all(issue[key] == revocation[key] for key in WHOSE[target])
        ]
    name = revocation["token_id"]
    line = [born[name]] if name in born else []
    if not line:  # a token that is older than the log: what was refreshed with it says that it was a refresh token
        children = [each for each in born.values() if (each.get("parent_token_id"), each["kind"]) == (name, "refresh")]
        unseen = {"token_id": name, "issued_at": "", "token_kind": "refresh" if children else None}
        line = [{**unseen, "grant_id": child["grant_id"]} for child in children] or [{**unseen, "grant_id": None}]
    if line[0].get("token_kind") != "refresh":
        return [issue for issue in line if issue["issued_at"] <= revocation["revoked_at"]]
    for issue in line:
        line += [
            each
            for each in born.values()
            if each.get("parent_token_id") == issue["token_id"]
            and each.get("token_kind") == "refresh"
            and each["kind"] != "exchange"
            and each not in line
        ]
    of = {issue["grant_id"] for issue in line}
    line += [
        each
        for each in born.values()
        if each["grant_id"] in of
        and each.get("token_kind") == "access"
        and each["kind"] != "exchange"
        and each not in line
    ]
    return [issue for issue in line if issue["issued_at"] <= revocation["revoked_at"]]


def grants(revocation, records):
    """Return the grants that a revocation ends, each until it is given again; one that begins with it may begin after it."""
    target, over = revocation["target_kind"], revocation["revoked_at"]
    if target == "token":
        return []
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    mine = {revocation.get("grant_id")}
    if "grant_id" not in revocation:
        mine = {
            record["grant_id"]
            for record in good
            if record["issued_at"] < over
            and all(record[key] == revocation[key] for key in WHOSE[target])
            and revocation.get("tenant") in (None, record.get("tenant"))
        }
    given = [record for record in good if record["kind"] == "consent" and record["issued_at"] > over]
    again = {grant: [record["issued_at"] for record in given if record["grant_id"] == grant] for grant in mine}
    return [{"grant_id": grant, "given_again": min(times, default=None)} for grant, times in again.items()]


def allowed(server, calls, left):
    """Return for how many seconds a server may go on accepting what was revoked; None where nothing says so."""
    if server == "mail.example":
        return 0
    if server == "files.example":
        return 300 if left is None else min(300, left)
    if server == "offline.example":
        return left
    return 0 if {call.get("validation") for call in calls} - {None} == {"introspection"} else None


def outlived(records):
    """Say what a reader of one family says: the verdict by rule, revocation, token and server."""
    said = {}
    born = {issue["token_id"]: issue for issue in records if "token_id" in issue and issue["log"] == "issuance"}
    born = {name: issue for name, issue in born.items() if issue["outcome"] == "success"}
    for revocation in records:
        if revocation["log"] != "revocation" or revocation["outcome"] != "success":
            continue
        if revocation["kind"] not in ("revoke", "disable"):
            continue
        over = seconds(revocation, "revoked_at")
        for issue in ended(revocation, born) + grants(revocation, records):
            expiry = seconds(issue, "expires_at")
            left = None if expiry is None else max(0, expiry - over)
            until = min([seconds(issue, "given_again") or math.inf, (UNTIL - AT).total_seconds()])
            for server in SERVERS:
                calls = [
                    call
                    for call in records
                    if call.get("resource_server") == server
                    and (call.get("token_id"), issue.get("token_id") or call.get("grant_id"))
                    == (issue.get("token_id"), issue.get("token_id") or issue["grant_id"])
                    and over // 1 <= seconds(call) < until
                ]
                worked = [seconds(call) - over for call in calls if call["outcome"] == "success"]
                if max(worked, default=0) <= NEAR or (over < (SINCE - AT).total_seconds() > max(worked) + over):
                    continue
                key = (revocation["event_id"], issue.get("token_id"), server)
                refused = any(
                    call.get("denial_reason") == "token" and (expiry is None or seconds(call) + NEAR < expiry)
                    for call in calls
                )
                behind = revocation["target_kind"] == "token" and revocation["token_id"] != issue.get("token_id")
                if (revocation["target_kind"] == "grant" or behind) and issue.get("token_kind") != "refresh":
                    grace = allowed(server, calls, left)
                    if grace is None:
                        said["REV-3", *key] = "indeterminate"
                    elif max(worked) > grace + NEAR:
                        said["REV-3", *key] = "violation"
                if left != 0 and not refused:
                    over_by_then = left is not None and expiry <= (UNTIL - AT).total_seconds()
                    late = over_by_then and max(worked) >= 0.9 * left
                    said["REV-4", *key] = "violation" if late else "indeterminate"
    return said


@pytest.mark.parametrize("seed", range(3))
def test_what_outlived_its_revocation_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(300)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(row for rows in families for row in rows)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *told])) as store:
        found = detect.run(store, ["REV-3", "REV-4"], since=SINCE, until=UNTIL)
    expected = {key: verdict for rows in families for key, verdict in outlived(rows).items()}
    rows = {
        (name, row["detail"]["revocation_event"], row["token_id"], row["resource_server"]): row
        for name, each in zip(("REV-3", "REV-4"), found, strict=True)
        for row in each.to_dicts()
    }
    assert {key: row["verdict"] for key, row in rows.items()} == expected
    assert min(Counter((rule, verdict) for (rule, *_), verdict in expected.items()).values()) > 4


def test_a_grant_that_is_older_than_the_logs_is_over_until_it_is_given_again(desk, kept_going):
    called = [use(when, READ, None, grant_id="g1", event_id=when) for when in ("10 12:10", "10 13:10")]
    rows = [revoked("10 12:00", "grant"), consent("10 13:00", ["mail.read"], event_id="c"), *called]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        found = detect.run(store, ["REV-1", "REV-3", "REV-4", "REV-6"])
        told = [[(row["verdict"], row["detail"].get("uses_after")) for row in rule.to_dicts()] for rule in found]
    assert told == [[("violation", 1)], [("violation", 1)], [("indeterminate", 1)], []]
