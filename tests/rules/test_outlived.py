"""REV-1, REV-3, REV-4 and REV-5 beside plain Python: few tokens of small families, a revocation or two, and calls soon and late after it."""

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
SERVERS = ("mail.example", "files.example", "offline.example", "jobs.example", None)
LIVES = (None, -60, 100, 1000, 3600, 36000)
"""How long after the revocation an access token ends."""
RULES = ("REV-1", "REV-3", "REV-4", "REV-5")
CALLS = (
    -4000,
    -3600,
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
        name, of = f"t{number}-{turn}", {**who, "grant_id": rng.choice((grant, grant, grant, other, f"i{number}"))}
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
            "initiator": rng.choice(("admin", "client")),
        }
        records.append(revoked(stamp(rng.choice((0, 0, 0.3, -5000))), target, **of, **more))
    if rng.random() < 0.2:  # the client is in another tenant too, and may be there for the same person
        more = {"tenant": "two", "grant_id": f"k{number}", "subject_id": rng.choice((who["subject_id"], "x"))}
        records.append(token(stamp(-8000), f"x{number}", None, None, **{**who, **more}))
        names.append(f"x{number}")
    if rng.random() < 0.2:  # the person lets another client in
        second = {**who, "client_id": f"d{number}"}
        records.append(consent(stamp(-8000), ["mail.read"], f"l{number}", **second))
        records.append(use(stamp(rng.choice(CALLS)), READ, None, rng.choice(SERVERS), **second))
    for _ in range(rng.randint(1, 12)):
        status, reason = rng.choice(((200, None),) * 5 + ((401, "token"), (403, "scope"), (401, None), (500, None)))
        more = {
            "denial_reason": reason,
            "validation": rng.choice((None, None, "introspection", "cached", "offline")),
        }
        name = rng.choice([*names, None])
        more["grant_id"] = rng.choice((grant, grant, other, None)) if name is None else None
        call = rng.choice((READ, READ, "POST /v1/messages"))
        records.append(use(stamp(rng.choice(CALLS)), call, name, rng.choice(SERVERS), status, **who, **more))
    if rng.random() < 0.35:  # in, out and in again
        server, name = rng.choice(SERVERS), rng.choice([*names, None])
        for second, status in zip(rng.choice(((1, 60, 89), (60, 89, 90))), (200, 401, 200), strict=True):
            of = {**who, "grant_id": grant if name is None else None}
            records.append(use(stamp(second), READ, name, server, status, **of))
    return records


def as_logged(record, number):
    """Return a record as a log tells it: every other one calls a token a credential when it ends it, which is the same."""
    is_key = record.get("target_kind") == "token" and number % 2
    return {**record, "target_kind": "credential"} if is_key else record


WHOSE = {"client": ("client_id",), "subject": ("subject_id",), "grant": ("client_id", "subject_id")}


def seconds(record, key="used_at"):
    return (datetime.fromisoformat(record[key]) - AT).total_seconds() if record.get(key) else None


def is_own(token, revocation):
    """Tell whether a token is no child by exchange, or one that a client got which the revocation names: its own, however it got it."""
    of_client = revocation["target_kind"] in ("client", "grant") and token["client_id"] == revocation.get(
        "client_id", 0
    )
    return token["kind"] != "exchange" or of_client


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
        return [issue for issue in same if issue["grant_id"] == revocation["grant_id"] and is_own(issue, revocation)]
    if target != "token":
        return [
            issue
            for issue in same
            if is_own(issue, revocation) and all(issue[key] == revocation[key] for key in WHOSE[target])
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
    own = sign_in(name, born)
    for each in born.values():
        if (
            each["grant_id"] in of
            and each.get("token_kind") == "access"
            and each["kind"] != "exchange"
            and each not in line
        ):
            its = sign_in(each.get("parent_token_id"), born)
            if its is None or its[0] == own[0]:
                line.append(each)
            elif not (its[1] and own[1]):  # it may be rotated from it, in what the log does not have
                line.append({**each, "unsure": True})
    return [issue for issue in line if issue["issued_at"] <= revocation["revoked_at"]]


def sign_in(name, born):
    """Return the first refresh token of those that were rotated into one, and whether a sign-in is known to have given it; None for no refresh token."""
    refreshed = {each.get("parent_token_id") for each in born.values() if each["kind"] == "refresh"} - born.keys()
    if name not in refreshed and born.get(name, {}).get("token_kind") != "refresh":
        return None
    while (
        name in born and born[name]["kind"] != "exchange" and sign_in(parent := born[name].get("parent_token_id"), born)
    ):
        name = parent
    return name, name in born and born[name]["kind"] != "refresh"


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


def used(revocation, calls, over, grace):
    """Say how bad it is that a revoked token worked: the verdict, the severity, and how often it surely did."""
    after = [call for call in calls if call["outcome"] == "success" and seconds(call) - over > NEAR]
    if not after:
        return "indeterminate", "critical", 0
    if grace is None:
        return "indeterminate", "high", len(after)
    if max(seconds(call) for call in after) - over > grace + NEAR:
        return "violation", "critical", len(after)
    if revocation["initiator"] == "client":
        return "violation", "high", len(after)
    return "violation", "medium" if any(call["method"] != "GET" for call in after) else "low", len(after)


def flapped(calls, over, expiry):
    """Tell whether a token worked, was refused and worked again, all surely after its revocation and before its expiry."""
    surely = [call for call in calls if seconds(call) - over > NEAR]
    worked = [seconds(call) for call in surely if call["outcome"] == "success"]
    return any(
        min(worked) < seconds(call) < max(worked)
        for call in surely
        if worked and call.get("denial_reason") == "token" and (expiry is None or seconds(call) + NEAR < expiry)
    )


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
                    if call["log"] == "usage"
                    and call.get("resource_server") == server
                    and (call.get("token_id"), issue.get("token_id") or call.get("grant_id"))
                    == (issue.get("token_id"), issue.get("token_id") or issue["grant_id"])
                    and over // 1 <= seconds(call) < until
                    # A token id is one tenant's, where both logs name theirs.
                    and ("token_id" not in issue or len({issue.get("tenant"), call.get("tenant")} - {None}) < 2)
                ]
                worked = [seconds(call) - over for call in calls if call["outcome"] == "success"]
                if not worked or (over < (SINCE - AT).total_seconds() > max(worked) + over):
                    continue
                key = (revocation["event_id"], issue.get("token_id", f"grant {issue['grant_id']}"), server)
                said["REV-1", *key] = used(revocation, calls, over, allowed(server, calls, left))
                if flapped(calls, over, expiry):
                    said["REV-5", *key] = "violation" if "token_id" in issue else "indeterminate"
                if max(worked) <= NEAR:
                    continue
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
            if "token_id" not in issue:
                for server, times in nameless(records, issue["grant_id"], over, until).items():
                    key = (revocation["event_id"], f"grant {issue['grant_id']}", server)
                    if ("REV-1", *key) not in said and not (over < (SINCE - AT).total_seconds() > max(times)):
                        said["REV-1", *key] = ("indeterminate", "high", len(times))
        unsure = {issue["token_id"] for issue in ended(revocation, born) if "unsure" in issue}
        if unsure or of_several(revocation, records):
            for key in said:
                if key[1] == revocation["event_id"] and (not unsure or key[2] in unsure):
                    said[key] = ("indeterminate", *said[key][1:]) if key[0] == "REV-1" else "indeterminate"
    return said


def of_several(revocation, records):
    """Tell whether a revocation may have been that of another tenant, which has the same client."""
    if "tenant" in revocation or "grant_id" in revocation or revocation["target_kind"] not in ("grant", "client"):
        return False
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    of = WHOSE[revocation["target_kind"]]
    tenants = {row.get("tenant") for row in good if all(row[key] == revocation[key] for key in of)}
    return len(tenants - {None}) > 1


def nameless(records, grant, over, until):
    """Return by server when calls worked that name neither token nor grant, where nothing but this grant was held."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    mine = [record for record in good if record["grant_id"] == grant]
    if all(record["kind"] != "consent" and seconds(record, "issued_at") >= over for record in mine):
        return {}  # that it was held, and by whom, nothing tells

    def party(record):
        return record.get("tenant"), record["client_id"], record["subject_id"]

    for other in {record["grant_id"] for record in good if party(record) == party(mine[0])} - {grant}:
        given = [record for record in good if record["grant_id"] == other]
        first = min(seconds(record, "issued_at") for record in given)
        if over >= (end := last_end(records, given, over)):
            again = [seconds(record, "issued_at") for record in given if record["kind"] == "consent"]
            first = min((when for when in again if when > end), default=math.inf)
        until = min(until, max(over, first))
    unsaid = [
        call
        for call in records
        if call["log"] == "usage" and not call.keys() & {"token_id", "grant_id"} and party(call) == party(mine[0])
    ]
    worked = [call for call in unsaid if call["outcome"] == "success" and over + NEAR < seconds(call) < until]
    return {
        server: [seconds(call) for call in worked if call.get("resource_server") == server]
        for server in {call.get("resource_server") for call in worked}
    }


def last_end(records, given, over):
    """Return when a grant was last ended by then."""
    ends = [math.inf]
    for revocation in records:
        if revocation["log"] != "revocation" or revocation["outcome"] != "success" or of_several(revocation, records):
            continue
        if revocation["kind"] not in ("revoke", "disable") or revocation["target_kind"] == "token":
            continue
        by_name = revocation.get("grant_id") == given[0]["grant_id"]
        by_party = "grant_id" not in revocation and all(
            given[0][key] == revocation[key] for key in WHOSE[revocation["target_kind"]]
        )
        by_party &= revocation.get("tenant") in (None, given[0].get("tenant"))
        when = seconds(revocation, "revoked_at")
        if (by_name or by_party) and min(seconds(record, "issued_at") for record in given) <= when <= over:
            ends.append(when)
    return max(ends[1:], default=math.inf)


@pytest.mark.parametrize("seed", range(3))
def test_what_outlived_its_revocation_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(500)]
    logged = [as_logged(row, number) for number, rows in enumerate(families) for row in rows]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(logged)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *told])) as store:
        found = detect.run(store, list(RULES), since=SINCE, until=UNTIL)
    expected = {key: said for rows in families for key, said in outlived(rows).items()}
    rows = {
        (
            name,
            row["detail"]["revocation_event"],
            row["token_id"] or f"grant {row['grant_id']}",
            row["resource_server"],
        ): (row["verdict"], row["severity"], row["detail"]["uses_after"]) if name == "REV-1" else row["verdict"]
        for name, each in zip(RULES, found, strict=True)
        for row in each.to_dicts()
    }
    assert rows == expected
    often = Counter((rule, said[:2] if rule == "REV-1" else said) for (rule, *_), said in expected.items())
    assert min(often[rule, said] for rule in RULES[1:] for said in ("violation", "indeterminate")) > 1
    assert min(often["REV-1", ("violation", severity)] for severity in ("critical", "high", "medium", "low")) > 1
    assert min(often["REV-1", ("indeterminate", severity)] for severity in ("critical", "high")) > 1


def test_a_grant_that_is_older_than_the_logs_is_over_until_it_is_given_again(desk, kept_going):
    called = [use(when, READ, None, grant_id="g1", event_id=when) for when in ("10 12:10", "10 13:10")]
    rows = [revoked("10 12:00", "grant"), consent("10 13:00", ["mail.read"], event_id="c"), *called]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        found = detect.run(store, ["REV-1", "REV-3", "REV-4", "REV-6"])
        told = [[(row["verdict"], row["detail"].get("uses_after")) for row in rule.to_dicts()] for rule in found]
    assert told == [[("violation", 1)], [("violation", 1)], [("indeterminate", 1)], []]


def test_calls_that_name_no_grant_while_the_other_one_was_over_may_rest_on_the_one_that_was_revoked(desk, kept_going):
    rows = [
        consent("10 08:00", ["mail.read"], event_id="c1"),
        consent("10 08:00", ["mail.read"], "g2", event_id="c2"),
        revoked("10 09:00", "grant", grant_id="g2", event_id="r2"),
        revoked("10 12:00", "grant"),
        use("10 12:30", READ, None, event_id="u1"),
        consent("10 13:00", ["mail.read"], "g2", event_id="c3"),
        use("10 13:30", READ, None, event_id="u2"),
        consent("10 14:00", ["mail.read"], "g3", event_id="c4"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["REV-1"])
        told = [(row["verdict"], row["grant_id"], row["detail"]["uses_after"]) for row in found.to_dicts()]
    assert told == [("indeterminate", "g1", 1)]


def test_a_grant_that_was_given_again_is_not_under_the_revocation_that_may_have_been_another_tenants(desk, kept_going):
    north = [
        consent("10 08:00", ["mail.read"], tenant="north"),
        consent("10 12:30", ["mail.read"], tenant="north", event_id="again"),
        use("10 13:00", READ, None, grant_id="g1", tenant="north"),
    ]
    south = [token("10 08:00", "t2", ["mail.read"], grant_id="g2", tenant="south"), revoked("10 12:00", "client")]
    with desk.store(desk.write("log.ndjson", [*kept_going, *north, *south])) as store:
        found = detect.run(store, ["REV-1", "REV-4"])
    assert [rule.to_dicts() for rule in found] == [[], []]


def test_of_many_calls_that_name_no_grant_the_first_and_the_last_are_shown(desk, kept_going):
    calls = [use(f"10 12:{minute}", READ, None, event_id=f"u{minute}") for minute in range(20, 45)]
    rows = [consent("10 08:00", ["mail.read"], event_id="c"), revoked("10 12:00", "grant"), *calls]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        shown = {}
        for evidence in ("few", "all"):
            (found,) = detect.run(store, ["REV-1"], evidence=evidence)
            shown[evidence] = [pointer["event_id"] for pointer in found.to_dicts()[0]["evidence"]]
    assert shown["few"] == ["r1", *(f"u{minute}" for minute in range(20, 38)), "u44"]
    assert shown["all"] == ["r1", *(call["event_id"] for call in calls)]
