"""REV-11 beside plain Python that reads a log call by call, and beside OOS-1: each call is told once."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cached_property

import pytest

from grantlens import detect
from grantlens.rule.example import consent, revoked, token, use
from grantlens.rules.stale_privilege.examples import DELETE, READ, SEND

ERROR = timedelta(seconds=5)
LEEWAY = timedelta(seconds=60)
NEVER = datetime(2027, 1, 1, tzinfo=UTC)
IMPLIED = {"mail.write": {"mail.read", "mail.send"}, "files.write": {"files.read"}}
CALLS = {
    (READ, "mail.example"): [{"mail.read"}],
    (SEND, "mail.example"): [{"mail.send"}],
    (DELETE, "mail.example"): [{"mail.write"}],
    ("PUT /v1/files/7", "files.example"): [{"files.write"}],
    ("POST /v1/shares", "files.example"): [{"files.write", "people.read"}, {"admin"}],
    ("POST /v1/jobs", "jobs.example"): [{"jobs.run"}],
    ("GET /v1/odd/7", "mail.example"): [],
}
SCOPES = ("mail.read", "mail.send", "mail.write", "files.write", "people.read", "jobs.run", "offline_access")
HOLDERS = {"g1": {"subject_id": "ann"}, "g2": {"subject_id": "bob"}}


def history(rng):
    """Return a day of two grants of one client: consents, downgrades, ends, tokens and calls, many of them close together."""
    stamps = [
        f"10 {rng.randrange(9, 12):02}:{rng.randrange(0, 60, 10):02}:{rng.choice(('00', '04', '07.5', '12'))}"
        for _ in range(8)
    ]

    def stamp():
        hours, minutes, seconds = rng.choice(stamps).split(":")
        return (
            f"{hours}:{minutes}:{seconds}"
            if rng.random() < 0.5
            else f"{hours}:{min(int(minutes) + rng.randrange(10), 59):02}:{seconds}"
        )

    def some(most=4):
        return rng.sample(SCOPES, rng.randint(1, most))

    records = [consent("10 08:00", some(5), grant, **who) for grant, who in HOLDERS.items() if rng.random() < 0.8]
    given = {record["grant_id"] for record in records}
    for _ in range(rng.randrange(4)):
        grant = rng.choice(list(HOLDERS))
        records.append(consent(stamp(), rng.choice((None, some(2), some(2))), grant, **HOLDERS[grant]))
    names = []
    for number in range(rng.randint(2, 7)):
        grant = rng.choice(list(HOLDERS))
        kind = rng.choice(("token", "token", "exchange", "credential"))
        more = {
            **HOLDERS[grant],
            "grant_id": grant,
            "kind": kind,
            "token_kind": "api_key" if kind == "credential" else "access",
        }
        names.append(f"t{number}")
        held, until = rng.choice((None, some(5), some(5))), rng.choice((None, "10 10:30", "10 13:00"))
        if kind == "exchange" and grant in given and rng.random() < 0.4:
            more["client_id"] = "the-child"
        records.append(token(rng.choice(("10 08:30", stamp())), names[-1], held, until, **more))
        if kind == "credential" and rng.random() < 0.5:
            records.append(token(stamp(), names[-1], rng.choice((held, some())), until, **more))
    for number in range(rng.randint(1, 6)):
        grant = rng.choice(list(HOLDERS))
        target = rng.choice(("grant", "grant", "grant", "client", "subject", "token"))
        more = {"event_id": f"r{number}", **HOLDERS[grant]}
        more |= {"grant": {"grant_id": rng.choice((grant, grant, None))}, "token": {"token_id": rng.choice(names)}}.get(
            target, {}
        )
        if target == "client":
            more["subject_id"] = None
        if rng.random() < 0.8 or target in ("client", "subject"):
            more |= {
                "kind": "downgrade",
                "scopes_removed": some(3),
                "outcome": rng.choice(("success", "success", "success", "error")),
            }
        elif target == "grant":
            more["grant_id"] = grant
        records.append(revoked(stamp(), target, **more))
    for _ in range(60):
        grant, (call, server) = rng.choice(list(HOLDERS)), rng.choice(list(CALLS))
        key = rng.choice(("token", "token", "token", "grant", "unseen", "pair"))
        more = {**HOLDERS[grant], "grant_id": grant if key in ("grant", "unseen") else None}
        if key in ("grant", "unseen", "pair") and rng.random() < 0.4:
            more["token_scopes"] = some(5)
        name = {"token": rng.choice(names), "unseen": "t-unseen"}.get(key)
        records.append(use(stamp(), call, name, server, rng.choice((200, 200, 200, 403)), **more))
    return [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]


def at(record):
    return datetime.fromisoformat(
        next(record[name] for name in ("issued_at", "used_at", "revoked_at") if name in record)
    )


def closure(scopes):
    return set(scopes).union(*(IMPLIED.get(scope, ()) for scope in scopes))


def expires(born):
    """Return when a token expires, None where it does not or its last record does not say."""
    ends = [(at(record), record["expires_at"]) for record in born if "expires_at" in record]
    endless = [at(record) for record in born if "expires_at" not in record and record["kind"] == "credential"]
    if not ends or (endless and max(endless) > max(ends)[0]):
        return None
    return datetime.fromisoformat(max(end for _, end in ends))


def is_own(token, revocation):
    """Tell whether a token is no child by exchange, or one that a client got which the revocation names: its own, however it got it."""
    of_client = revocation["target_kind"] in ("client", "grant") and token["client_id"] == revocation.get(
        "client_id", 0
    )
    of_itself = revocation["target_kind"] == "token" and revocation.get("token_id") == token["token_id"]
    return token["kind"] != "exchange" or of_client or of_itself


class Told:
    """What a history tells of each call."""

    def __init__(self, records):
        self.issuance = [record for record in records if record["log"] == "issuance"]
        self.calls = [record for record in records if record["log"] == "usage"]
        acted = [record for record in records if record["log"] == "revocation" and record["outcome"] == "success"]
        self.narrowed = [record for record in acted if record["kind"] == "downgrade"]
        self.ended = [record for record in acted if record["kind"] == "revoke"]
        self.events = sorted({at(record) for record in [*self.issuance, *acted]})

    def state(self, grant, moment):
        """Return None while the grant is closed, else its scopes - None where they are not known - and what was taken: by scope, when and by which."""
        mine = [record for record in self.issuance if record["grant_id"] == grant]
        consented = min((at(record) for record in mine if record["kind"] == "consent"), default=NEVER)
        steps = [(at(record), 2, record) for record in mine if record["kind"] == "consent" or at(record) < consented]
        steps += [(at(r), 0, r) for r in self.ended if r["target_kind"] == "grant" and r["grant_id"] == grant]
        for record in self.narrowed:
            whose = {
                "client": True,
                "subject": record.get("subject_id") == HOLDERS[grant]["subject_id"],
                "token": False,
            }
            named = record.get("grant_id", grant) == grant and record.get("subject_id") == HOLDERS[grant]["subject_id"]
            if whose.get(record["target_kind"], named):
                steps.append((at(record), 1, record))
        open_, ended, named, vague, held, gone = False, False, False, False, set(), {}
        for when, what, record in sorted(steps, key=lambda step: (*step[:2], step[2]["event_id"])):
            if when > moment:
                break
            if what == 0:
                open_, ended, named, vague, held, gone = False, True, False, False, set(), {}
            elif what == 1 and open_:
                for scope in record["scopes_removed"]:
                    held.discard(scope)
                    gone.setdefault(scope, (when, record["event_id"]))
            elif what == 2 and (record["kind"] == "consent" or not ended):
                open_, scopes = True, record.get("scopes")
                vague |= scopes is None and (
                    record["kind"] == "consent" or (consented == NEVER and record["kind"] != "refresh")
                )
                named |= scopes is not None
                held |= set(scopes or ())
                gone = {scope: by for scope, by in gone.items() if scope not in held}
        return (frozenset(held) if named and not vague else None, gone) if open_ else None

    def until(self, grant, moment):
        """Return when the grant next changes."""
        now = self.state(grant, moment)
        return next((when for when in self.events if when > moment and self.state(grant, when) != now), NEVER)

    def alone(self, subject, moment):
        """Return the one grant that client and subject hold."""
        (mine,) = (grant for grant, who in HOLDERS.items() if who["subject_id"] == subject)
        return mine if self.state(mine, moment) else None

    def over(self, call, born):
        """Tell whether a call is proven to come after the end of its token."""
        last = max((at(record) for record in born if record["kind"] == "credential"), default=None)
        ends = [expiry + LEEWAY] if (expiry := expires(born)) else []
        for record in self.ended:
            token_ends = record["target_kind"] == "token" and record["token_id"] == born[0]["token_id"]
            grant_ends = record["target_kind"] == "grant" and record["grant_id"] == born[0]["grant_id"]
            covered = token_ends or (grant_ends and is_own(born[0], record) and at(born[0]) <= at(record))
            if covered and not (last and last > at(record)):
                ends.append(at(record))
        return bool(ends) and at(call) > min(ends) + 2 * ERROR

    def claims(self, call):
        """Return what is said of a call: (downgrade, token, grant, when it was taken, scopes, proven)."""
        born = sorted((r for r in self.issuance if "token_id" in r and r["token_id"] == call.get("token_id")), key=at)
        if call["outcome"] != "success" or (born and self.over(call, born)):
            return []
        own = {frozenset(record["scopes"]) if "scopes" in record else None for record in born}
        own = next(iter(own)) if len(own) == 1 else None
        if own is None and "token_scopes" in call:
            own = frozenset(call["token_scopes"])
        grant = born[0]["grant_id"] if born else call.get("grant_id")
        told = []
        for moment in [at(call), *(when for when in self.events if when - 2 * ERROR <= at(call) < when)]:
            held_by = grant or self.alone(call["subject_id"], moment)
            state = self.state(held_by, moment) if held_by else None
            ways = []
            if state is not None:
                ways.append((own, *state, self.until(held_by, moment)))
            for record in self.narrowed:
                gone = {scope: (at(record), record["event_id"]) for scope in record["scopes_removed"]}
                if at(record) > moment:
                    continue
                if state and born and record["target_kind"] == "token" and record["token_id"] == call["token_id"]:
                    narrower = (own, NEVER) if own is not None else (state[0], self.until(held_by, moment))
                    if narrower[0] is None:  # what it held nobody knows: OOS-1 says so
                        continue
                    ways.append((narrower[0], frozenset(), gone, narrower[1]))
                unseen = all(issue["grant_id"] != held_by for issue in self.issuance)
                if own is not None and held_by and unseen and record.get("grant_id") == held_by:
                    ways.append((own, None, gone, NEVER))
            for way in ways:
                found = self.judge(call, born, *way)
                if found and (moment == at(call) or (found[2] == moment and call["event_id"] not in self.unpermitted)):
                    told.append((found[0], call["token_id"] if born else None, held_by, *found[1:]))
        return told

    @cached_property
    def unpermitted(self):
        """Return the calls by a grant that it did not permit at that moment."""
        found = set()
        for call in self.calls:
            born = sorted(
                (r for r in self.issuance if "token_id" in r and r["token_id"] == call.get("token_id")), key=at
            )
            grant = born[0]["grant_id"] if born else call.get("grant_id") or self.alone(call["subject_id"], at(call))
            state = self.state(grant, at(call)) if grant else None
            judged = state and state[0] is not None and call["outcome"] == "success" and "token_scopes" not in call
            if judged and not any("scopes" in record for record in born) and not (born and self.over(call, born)):
                ways = CALLS[f"{call['method']} {call['target']}", call["resource_server"]]
                if not any(way <= closure(state[0]) for way in ways):
                    found.add(call["event_id"])
        return found

    def judge(self, call, born, own, kept, gone, until):
        if own is None and kept is None:
            return None
        by_event = {record["event_id"]: record for record in self.narrowed}
        gone = {
            scope: by
            for scope, by in gone.items()
            if (not born or is_own(born[0], by_event[by[1]]))
            and (not born or at(born[0]) - ERROR <= by[0] + ERROR)
            and (own is None or scope in own)
        }
        rest = (own or frozenset()) - set(gone)
        was, still = closure(own if own is not None else kept | set(gone)), closure(rest | (kept or frozenset()))
        ways = [way for way in CALLS[f"{call['method']} {call['target']}", call["resource_server"]] if way <= was]
        lacking = set().union(*ways) - still
        if not ways or any(way <= still for way in ways):
            return None
        helping = sorted((gone[scope], scope) for scope in gone if closure({scope}) & lacking)
        (taken_at, event), _ = helping[-1]
        if own is not None and any(r["kind"] == "credential" and taken_at < at(r) <= at(call) for r in born):
            return None
        older = not born or all(at(born[0]) + ERROR < when - ERROR for (when, _), _ in helping)
        proven = at(call) - ERROR > taken_at + ERROR and at(call) + 2 * ERROR < until and older and kept is not None
        return event, {scope for _, scope in helping}, taken_at, proven


def expected(told):
    groups = defaultdict(list)
    for call in told.calls:
        for event, name, grant, scopes, taken_at, proven in told.claims(call):
            groups[event, name, grant, call["resource_server"]].append((call, scopes, taken_at, proven))
    return {key: verdict_of(told, key, group) for key, group in groups.items()}


def verdict_of(told, key, group):
    proven = [(call, taken_at) for call, _, taken_at, sure in group if sure]
    writes = any(call["method"] != "GET" for call, _ in proven or [(call, None) for call, *_ in group])
    allowed = {"mail.example": 0.0, "files.example": 300.0}.get(key[3])
    expiry = expires([r for r in told.issuance if key[1] and r.get("token_id") == key[1]])
    if allowed and expiry:
        allowed = min(allowed, max(0.0, (expiry - group[0][2]).total_seconds()))
    inside = (
        bool(proven)
        and allowed is not None
        and max(at(call) - ERROR - taken_at - ERROR for call, taken_at in proven) <= timedelta(seconds=allowed)
    )
    severity = (
        ("medium" if writes else "low")
        if inside
        else "critical"
        if writes and (allowed is not None or not proven)
        else "high"
    )
    return (
        "violation" if proven and allowed is not None else "indeterminate",
        severity,
        len(group),
        len(proven),
        sorted(set().union(*(scopes for _, scopes, _, sure in group if sure or not proven))),
        allowed,
    )


@pytest.mark.parametrize("seed", [*range(24), 51, 95, 120, 192])
def test_beside_plain_python_and_once_with_oos_1(desk, kept_going, seed):
    records = history(random.Random(seed))
    log = Told(records)
    with desk.store(desk.write("log.ndjson", [*records, *kept_going])) as store:
        found = [row for each in detect.run(store, ["REV-11", "OOS-1"], evidence="all") for row in each.to_dicts()]
    stale = [row for row in found if row["rule"] == "REV-11"]
    said = {
        (row["detail"]["revocation_event"], row["token_id"], row["grant_id"], row["resource_server"]): (
            row["verdict"],
            row["severity"],
            row["events"] - 1,
            row["detail"]["uses_after"],
            row["scopes"],
            row["detail"]["allowed_s"],
        )
        for row in stale
    }
    assert said == expected(log)
    assert len(said) == len(stale)
    by_rule = {
        rule: {each["event_id"] for row in found if row["rule"] == rule for each in row["evidence"]}
        for rule in ("REV-11", "OOS-1")
    }
    assert not by_rule["REV-11"] & by_rule["OOS-1"], "told twice"
    assert log.unpermitted <= by_rule["REV-11"] | by_rule["OOS-1"], "told by neither"
