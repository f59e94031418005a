"""Whole rules beside plain Python that reads the same log line by line."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rule.example import moment, token

SEEDS = range(5)
ERROR = timedelta(seconds=5)
LEEWAY = timedelta(seconds=60)
PERMITS = {
    ("GET /v1/messages/7", "mail.example"): ("GET /v1/messages/{id}", [{"mail.read"}]),
    ("POST /v1/messages", "mail.example"): ("POST /v1/messages", [{"mail.send"}]),
    ("DELETE /v1/messages/7", "mail.example"): ("DELETE /v1/messages/{id}", [{"mail.write"}]),
    ("GET /v1/files/7", "files.example"): ("GET /v1/files/{id}", [{"files.read"}]),
    ("PUT /v1/files/7", "files.example"): ("PUT /v1/files/{id}", [{"files.write"}]),
    ("POST /v1/shares", "files.example"): ("POST /v1/shares", [{"files.write", "people.read"}, {"admin"}]),
    ("POST /v1/jobs", "jobs.example"): ("POST /v1/jobs", [{"jobs.run"}]),
    ("GET /v1/status", "jobs.example"): ("GET /v1/status", [set()]),
}
IMPLIED = {
    "mail.write": {"mail.read", "mail.send"},
    "files.write": {"files.read"},
    "admin": {"mail.write", "mail.read", "mail.send", "files.write", "files.read"},
}


def stamp(record):
    text = next(record[name] for name in ("issued_at", "used_at", "revoked_at") if name in record)
    return datetime.fromisoformat(text)


class Log:
    """A log, read for the questions below."""

    def __init__(self, records):
        self.issuance = [record for record in records if record["log"] == "issuance"]
        self.usage = [record for record in records if record["log"] == "usage"]
        self.tokens = {record["token_id"]: record for record in self.issuance if "token_id" in record}
        self.revocations = [
            record for record in records if record["log"] == "revocation" and record["kind"] in ("revoke", "disable")
        ]

    def expiry(self, token):
        return datetime.fromisoformat(token["expires_at"]) if "expires_at" in token else None

    def covered(self, revocation):
        """Return the ids of the tokens that a revocation ends."""
        target, ends = revocation["target_kind"], set()
        if target == "token":
            ends = {revocation["token_id"]} & set(self.tokens)
            if any(self.tokens[name]["token_kind"] == "refresh" for name in ends):
                family, before = set(ends), None
                while family != before:
                    before = set(family)
                    family |= {
                        name
                        for name, token in self.tokens.items()
                        if token.get("parent_token_id") in before
                        and token["token_kind"] == "refresh"
                        and token["kind"] != "exchange"
                    }
                grants = {self.tokens[name]["grant_id"] for name in family}
                ends = family | {
                    name
                    for name, token in self.tokens.items()
                    if token["grant_id"] in grants and token["token_kind"] == "access" and token["kind"] != "exchange"
                }
        else:
            key = f"{target}_id"
            ends = {
                name
                for name, token in self.tokens.items()
                if token.get(key) == revocation[key]
                if token["kind"] != "exchange"
                or (target in ("grant", "client") and token["client_id"] == revocation.get("client_id"))
            }
        return {name for name in ends if stamp(self.tokens[name]) <= stamp(revocation)}

    def ended(self, call):
        """Tell whether a call is proven to come after the end of its token."""
        token = self.tokens.get(call.get("token_id"))
        ends = [stamp(each) + ERROR for each in self.revocations if token and token["token_id"] in self.covered(each)]
        if token and self.expiry(token):
            ends.append(self.expiry(token) + ERROR + LEEWAY)
        return bool(ends) and stamp(call) > min(ends) + ERROR


@pytest.fixture(params=SEEDS)
def told(request, desk, log_of, kept_going):
    """Return a log of calls with tokens only, and a function that asks one rule of it."""
    records = [*log_of(request.param, calls=120), *log_of(request.param, "helper"), *kept_going]
    born = [record for record in records if record["log"] == "issuance" and "token_id" in record]
    unknown = {record["token_id"] for record in born if "scopes" not in record}
    records = [
        record
        for record in records
        if record["log"] != "usage" or ("token_id" in record and record["token_id"] not in unknown)
    ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        yield (
            Log(records),
            {found.rule.id: found.to_dicts() for found in detect.run(store, RULES, parameters=PARAMETERS)},
        )


RULES = ("OOS-1", "OOS-2", "OOS-7", "REV-2", "REV-6", "REV-9", "INT-2", "GOV-1")
WITHIN = timedelta(hours=100)
PARAMETERS = {"within_hours": 100}


def test_rules_beside_plain_python(told):
    log, found = told
    assert len(log.usage) > 40
    assert out_of_scope(log) == {
        (row["verdict"], row["client_id"], row["subject_id"], row["grant_id"], row["operation"]): row["events"]
        for row in found["OOS-1"]
    }
    strays = stray_calls(log)
    assert wrong_audience(strays) == told_of(found["OOS-2"], "resource_server")
    assert passed_on(strays) == told_of(found["OOS-7"])
    assert issued_after(log) == {row["token_id"]: row["verdict"] for row in found["REV-2"]}
    of_tokens = {each["event_id"] for each in log.revocations if each["target_kind"] == "token"}
    untested = {row["detail"]["revocation_event"] for row in found["REV-6"]} & of_tokens
    assert untested == never_tried(log)
    assert given_again(log) == Counter(
        (row["detail"]["revocation_event"], row["grant_id"], row["events"] - 1, row["verdict"])
        for row in found["REV-9"]
    )
    assert outside_life(log) == {
        row["token_id"]: (row["detail"]["before_issue"], row["detail"]["after_expiry"]) for row in found["INT-2"]
    }
    assert unowned(log) == {row["client_id"]: row["events"] for row in found["GOV-1"]}


def out_of_scope(log):
    counts = Counter()
    for call in log.usage:
        if call["outcome"] != "success" or log.ended(call):
            continue
        token = log.tokens.get(call["token_id"])
        held = set(token["scopes"]) if token else None
        operation, ways = PERMITS.get((f"{call['method']} {call['target']}", call["resource_server"]), (None, None))
        client = call.get("client_id") or (token or {}).get("client_id")
        subject = call.get("subject_id") or (token or {}).get("subject_id")
        key = (client, subject, token["grant_id"] if token else None)
        if operation is None and client:
            counts["indeterminate", client, None, None, None] += 1
        elif operation is None or (held is None and ways != [set()]):
            counts["indeterminate", *key, None] += 1
        elif held is not None:
            whole = held.union(*(IMPLIED.get(scope, set()) for scope in held))
            if not any(way <= whole for way in ways):
                counts["violation", *key, operation] += 1
    return dict(counts)


SERVERS = {"https://Mail.example/": "mail.example"}


def stray_calls(log):
    """Return the calls that worked with access tokens: token, its client and audience, the server, and whether it is meant."""
    named = {name: SERVERS.get(name, name) for record in log.issuance for name in record.get("audience", ())}
    called = {call["resource_server"] for call in log.usage}
    calls = []
    for call in log.usage:
        token, server = log.tokens.get(call["token_id"]), call["resource_server"]
        if token is None or token["token_kind"] != "access" or call["outcome"] != "success":
            continue
        audience = ", ".join(sorted(token.get("audience", ()))) or None
        servers = {named[name] for name in token.get("audience", ())}
        if server in servers:
            meant = "yes"
        elif not audience:
            meant = "untold"
        else:
            meant = "no" if server in named.values() and servers <= called else "unknown"
        if meant != "untold" or server in named.values():
            calls.append((call["token_id"], token["client_id"], audience, server, meant))
    return calls


def wrong_audience(calls):
    return Counter(
        ("violation" if meant == "no" else "indeterminate", client if meant == "no" else None, audience, server)
        for _, client, audience, server, meant in calls
        if meant in ("no", "unknown")
    )


def passed_on(calls):
    told = Counter()
    for name in {call[0] for call in calls}:
        mine = [call for call in calls if call[0] == name]
        meant = {server: how for _, _, _, server, how in mine}
        sure = "no" in meant.values() and sum(how in ("yes", "no") for how in meant.values()) > 1
        if len(meant) < 2 or set(meant.values()) == {"yes"}:
            continue
        _, client, audience, _, _ = mine[0]
        key = ("violation", client, audience) if sure else ("indeterminate", None, audience)
        told[key] += sum(not sure or how != "unknown" for *_, how in mine)
    return told


def told_of(found, *keys):
    return {
        (row["verdict"], row["client_id"], row["detail"]["audience"], *(row[key] for key in keys)): row["detail"][
            "calls"
        ]
        for row in found
    }


def issued_after(log):
    verdicts = {}
    for revocation in log.revocations:
        ended_at = stamp(revocation)
        late = {name for name, token in log.tokens.items() if stamp(token) > ended_at}
        found, line = set(), set()
        if revocation["target_kind"] == "grant":
            found = {name for name in late if log.tokens[name]["grant_id"] == revocation["grant_id"]}
        if revocation["target_kind"] in ("grant", "token") or revocation["kind"] == "revoke":
            roots = {name for name in log.covered(revocation) if log.tokens[name]["token_kind"] == "refresh"}
            roots |= {revocation.get("token_id")} - {None}

            def children(parents):
                return {
                    name
                    for name, token in log.tokens.items()
                    if token.get("parent_token_id") in parents and token["kind"] != "exchange"
                }

            given_for = log.covered(revocation) | roots  # what was exchanged for a token that was over
            line = (children(roots) & late) | {
                name
                for name in late
                if log.tokens[name]["kind"] == "exchange" and log.tokens[name].get("parent_token_id") in given_for
            }
            while not children(line) <= line:
                line |= children(line)
            found |= line
        for name in found:
            token = log.tokens[name]
            excused = name not in line and any(
                record["kind"] == "consent"
                and ended_at < stamp(record) <= stamp(token)
                and record["grant_id"] == token["grant_id"]
                for record in log.issuance
            )
            if not excused:
                maybe = name not in line and any(
                    record["kind"] == "consent"
                    and record["grant_id"] == token["grant_id"]
                    and ended_at - 2 * ERROR <= stamp(record) <= stamp(token) + 2 * ERROR
                    for record in log.issuance
                )
                proven = stamp(token) - ERROR > ended_at + ERROR and not maybe
                verdicts[name] = "violation" if proven or verdicts.get(name) == "violation" else "indeterminate"
    return verdicts


def given_again(log):
    """Return what was given again of what was ended: all consents of this log are persons' own, and all ends an admin's."""
    groups = defaultdict(list)
    for record in log.issuance:
        ends = []
        for revocation in log.revocations:
            of = {"client": ["client_id"], "subject": ["subject_id"], "grant": ["client_id", "subject_id"], "token": []}
            of = of[revocation["target_kind"]]
            after = stamp(record) - stamp(revocation)
            if of and all(record.get(name) == revocation[name] for name in of) and timedelta(0) < after <= WITHIN:
                ends.append((after > 2 * ERROR, -after, revocation["event_id"]))
        if record["kind"] == "consent" and ends:
            proven, _, event = max(ends, key=lambda end: (end[0], end[1]))
            groups[event, record["client_id"], record.get("subject_id"), record["grant_id"]].append(proven)
    return Counter(
        (event, grant, len(proven), "violation" if any(proven) else "indeterminate")
        for (event, _, _, grant), proven in groups.items()
    )


def never_tried(log):
    untried = set()
    for revocation in log.revocations:
        if revocation["target_kind"] != "token":
            continue
        covered = log.covered(revocation)
        alive = [
            name for name in covered if (log.expiry(log.tokens[name]) or stamp(revocation) + ERROR) > stamp(revocation)
        ]
        tried = any(
            call["token_id"] in covered | {revocation["token_id"]} and stamp(call) >= stamp(revocation)
            for call in log.usage
        ) or any(
            record.get("parent_token_id") in covered | {revocation["token_id"]} and stamp(record) >= stamp(revocation)
            for record in log.issuance
        )
        if (alive or revocation["token_id"] not in log.tokens) and not tried:
            untried.add(revocation["event_id"])
    return untried


def outside_life(log):
    counts = defaultdict(lambda: (0, 0))
    for call in log.usage:
        token = log.tokens.get(call["token_id"])
        if call["outcome"] != "success" or token is None:
            continue
        early, late = counts.get(call["token_id"], (0, 0))
        expiry = log.expiry(token)
        if stamp(call) < stamp(token) - 2 * ERROR:
            counts[call["token_id"]] = (early + 1, late)
        elif expiry and stamp(call) > expiry + 2 * ERROR + LEEWAY:
            counts[call["token_id"]] = (early, late + 1)
    return dict(counts)


def unowned(log):
    counts = Counter(record["client_id"] for record in log.issuance)
    for call in log.usage:
        client = call.get("client_id") or log.tokens.get(call["token_id"], {}).get("client_id")
        if client:
            counts[client] += 1
    return {client: count for client, count in counts.items() if client not in ("app", "bystander")}


RETOLD = timedelta(seconds=5)
SINCE, UNTIL = (datetime.fromisoformat(moment(when)) for when in ("10 10:00", "10 12:30"))


def given_out(seed):
    """Return issues of few ids, often close together, of few clients and people."""
    rng = random.Random(seed)
    clock = datetime.fromisoformat(moment("10 09:00"))
    records = []
    for number in range(150):
        clock += timedelta(seconds=rng.choice((0, 1, 4, 5, 6, 600)))
        name = f"{seed}-t{rng.randrange(60)}"
        more = {
            "kind": rng.choice(("token", "token", "token", "refresh", "exchange", "credential", "consent")),
            "token_kind": rng.choice(("access", "access", "access", "refresh", "session", "api_key", None)),
            "client_id": rng.choice(("app", "app", "app", "app", "other", None)),
            "subject_id": rng.choice(("ann", "ann", "ann", "ann", "ben", None)),
            "outcome": rng.choice(("success",) * 5 + ("denied",)),
            "parent_token_id": rng.choice((None, name, "r1", "r2")),
            "tenant": rng.choice((None, None, None, "north", "south")),
        }
        life = rng.choice((None, 0, 300, 300, 303, 3600))
        ends = None if life is None else f"{clock + timedelta(seconds=life):%d %H:%M:%S}"
        records.append(token(f"{clock:%d %H:%M:%S}", name, None, ends, **more, event_id=f"{seed}-{number}"))
    return records


def twice(records):
    """Return by token id and tenant what is to be said of it: verdict, records, clients, people."""
    found, by_id = {}, defaultdict(list)
    for record in records:
        made = record["kind"] in ("token", "refresh", "exchange") and record.get("token_kind") != "api_key"
        if made and record["outcome"] == "success":
            by_id[record["token_id"], record.get("tenant")].append(record)
    for (name, tenant), issues in by_id.items():
        issues = [issue for issue in issues if stamp(issue) < UNTIL]
        if not issues or max(map(stamp, issues)) < SINCE:
            continue
        clients, people = ({issue[key] for issue in issues if key in issue} for key in ("client_id", "subject_id"))
        new = [issue for issue in issues if issue["kind"] != "refresh" or issue.get("parent_token_id", name) != name]
        born = sorted(map(stamp, new))
        ends = sorted(datetime.fromisoformat(issue["expires_at"]) for issue in new if "expires_at" in issue)
        apart = bool(born) and born[-1] - born[0] > RETOLD
        two_ends = bool(ends) and (ends[-1] - ends[0] > RETOLD or (apart and born[-1] > ends[0]))
        lasts = any(issue.get("token_kind") in ("refresh", "session") for issue in issues)
        if len(issues) > 1 and (len(clients) > 1 or len(people) > 1 or (two_ends and not lasts)):
            found[name, tenant] = ("violation", len(issues), len(clients), len(people))
        elif apart:
            found[name, tenant] = ("indeterminate", len(issues), len(clients), len(people))
    return found


def test_ids_given_out_twice_beside_plain_python(desk, kept_going):
    records = [record for seed in range(6) for record in given_out(seed)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        (found,) = detect.run(store, ["INT-4"], since=SINCE, until=UNTIL)
    wanted = twice(records)
    assert {
        (row["token_id"], row["tenant"]): (
            row["verdict"],
            row["events"],
            row["detail"]["clients"],
            row["detail"]["people"],
        )
        for row in found.to_dicts()
    } == wanted
    assert Counter(verdict for verdict, *_ in wanted.values()).keys() == {"violation", "indeterminate"}
    assert len(wanted) < len({record["token_id"] for record in records})


@pytest.mark.parametrize("names", [{}, {"client": "one"}, {"subject": "one"}, {"client": "one", "subject": "one"}])
def test_two_names_of_one_client_and_of_one_person_are_no_two_that_got_an_id(desk, kept_going, names):
    records = [
        token("10 09:00", "t1", ["mail.read"]),
        token("10 09:00", "t1", ["mail.read"], client_id="app-2", subject_id="ann-2"),
    ]
    rows = [
        {"kind": kind, "name": name, "source": "native", "id": each}
        for kind, name in names.items()
        for each in {"client": ("app", "app-2"), "subject": ("ann", "ann-2")}[kind]
    ]
    # The same id of another kind, or of another log, names nobody here.
    rows += [
        {"kind": "subject", "name": "nobody", "source": "native", "id": "app"},
        {"kind": "client", "name": "nobody", "source": "native", "id": "ann"},
        {"kind": "client", "name": "nobody", "source": "okta", "id": "app"},
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        store.add(Identities(tuple(rows)))
        (found,) = detect.run(store, ["INT-4"])
    wanted = set() if len(names) == 2 else {(1 if "client" in names else 2, 1 if "subject" in names else 2)}
    assert {(row["detail"]["clients"], row["detail"]["people"]) for row in found.to_dicts()} == wanted
