"""OOS-11 beside plain Python that looks at each refusal and the success after it."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from grantlens import detect
from grantlens.rule.example import consent, revoked, token, use

WITHIN, ERRORS = timedelta(minutes=10), timedelta(seconds=10)
CALLS = {
    "DELETE /v1/messages/{id}": ("DELETE /v1/messages/7", "mail.example", [{"mail.write"}]),
    "POST /v1/shares": ("POST /v1/shares", "files.example", [{"files.write", "people.read"}, {"admin"}]),
}
PARTS = ["files.write", "people.read"]
GIFTS = ("consent", "consent", "consent", "token", "token", "token", "everyone", "end", "refused")
OPERATIONS = (*CALLS, "DELETE /v1/messages/{id}", "DELETE /v1/messages/{id}")
OPENS = {"admin": {"admin", "mail.write", "files.write"}}
CLIENTS = 120
EVERYONE = {"subject_id": None, "consent_kind": "admin", "consent_actor": "eve"}
GIVERS = (
    {"consent_kind": "user"},
    {"consent_kind": "policy"},
    {"consent_kind": "admin"},
    {"consent_kind": None},
    {"consent_kind": None, "consent_actor": "ann"},
    None,
)
"""Who gives; None is the client itself."""
ORDER = ("person", "untold", "unclear", "itself", "policy", "administrator", "nobody")


def quick_log(seed):
    """Return what befalls many clients, each within an hour: refusals, grants and calls, one soon after the other."""
    rng = random.Random(seed)
    records = []
    for number in range(CLIENTS):
        subject = rng.choice(("ann", "ann", None))
        who = {"client_id": f"c{number}", "subject_id": subject}
        of_grant = {"grant_id": f"g{number}", "subject_kind": "user" if subject else "service", **who}
        at = datetime(2026, 7, rng.randrange(2, 18), 9, rng.randrange(60), tzinfo=UTC)
        tokens = []
        story = [("consent", "token", "nothing")]
        for _ in range(rng.choice((1, 1, 2))):
            story += [("refused",), *[GIFTS] * rng.randrange(4), ("done", "done", "refused")]
        for words in story:
            at += timedelta(seconds=rng.choice((2, 6, 15, 15, 40, 40, 40, 300, 500)))
            stamp, what = at.strftime("%d %H:%M:%S"), rng.choice(words)
            scopes = rng.choice(
                (None, ["mail.read"], ["mail.write"], ["mail.write"], ["people.read"], PARTS, ["admin"])
            )
            if words is story[0]:
                scopes = rng.choice((None, ["mail.read"], ["mail.read"], ["people.read"], ["mail.write"]))
            if what in ("refused", "done"):
                call, server, _ = CALLS[rng.choice(OPERATIONS)]
                record = use(stamp, call, rng.choice([None, *tokens]), server, 403 if what == "refused" else 200, **who)
            elif what == "token":
                until = (at + timedelta(minutes=rng.choice((1, 30)))).strftime("%d %H:%M:%S")
                tokens.append(f"t{len(records)}")
                record = token(stamp, tokens[-1], scopes, until, **of_grant)
            elif what == "consent":
                by = rng.choice(GIVERS) or {"consent_kind": None, "consent_actor": f"c{number}"}
                record = consent(stamp, scopes, None, **of_grant, **by)
            elif what == "everyone" and subject:
                record = consent(stamp, scopes, f"all{number}", **who | EVERYONE)
            elif what == "end":
                record = revoked(stamp, "grant", grant_id=f"g{number}", **who)
            else:
                continue
            records.append({**record, "event_id": f"e{len(records):05}"})
    return records


def when(record):
    return datetime.fromisoformat(
        next(record[name] for name in ("issued_at", "used_at", "revoked_at") if name in record)
    )


def opened(record):
    """Return all that the scopes of a record open."""
    return set().union(*(OPENS.get(scope, {scope}) for scope in record.get("scopes", ())))


def standing(records, grant, at):
    """Return how a grant stood: None where it did not, else whether its consent is known, and what it opened, if that is."""
    mine = sorted((record for record in records if record.get("grant_id") == grant), key=when)
    consents = [record for record in mine if record.get("kind") == "consent"]
    first = min(map(when, consents), default=None)
    ends = [when(record) for record in mine if record["log"] == "revocation" and when(record) <= at]
    over = max(ends, default=None)
    begun = [
        record
        for record in mine
        if record["log"] == "issuance"
        and when(record) <= at
        and (over is None or when(record) >= over)
        and (record["kind"] == "consent" or (over is None and (first is None or when(record) < first)))
    ]
    if not begun:
        return None
    vague = any(record["kind"] == "consent" and "scopes" not in record for record in begun)
    named = [record for record in begun if "scopes" in record]
    return begun[0]["kind"] == "consent", set().union(*map(opened, named)) if named and not vague else None


def giver(record):
    actor, kind = record.get("consent_actor"), record.get("consent_kind")
    if actor == record["client_id"]:
        return "itself"
    if kind == "user" or (kind is None and actor is not None and actor == record.get("subject_id")):
        return "person"
    if kind:
        return {"policy": "policy", "admin": "administrator"}[kind]
    return "nobody" if actor is None and record["kind"] == "token" else "untold"


def judged(records, refused, done, ways, token_of):
    """Return verdict, scopes and givers of one refusal and the success after it; None where nothing was given."""
    client, subject = refused["client_id"], refused.get("subject_id")
    own, everyones = f"g{client[1:]}", f"all{client[1:]}"
    since, until = when(refused) - ERRORS, when(done) + ERRORS
    issued = [record for record in records if record["log"] == "issuance" and record["client_id"] == client]
    mine = [record for record in issued if record.get("subject_id") == subject]
    held = set()
    for record in mine:
        if "expires_at" in record and when(record) < since <= datetime.fromisoformat(record["expires_at"]):
            held |= opened(record)
    for grant in (own, everyones):
        stood = standing(records, grant, since - timedelta(microseconds=1))
        held |= (stood and stood[1]) or set()
    lacking = set() if any(way <= held for way in ways) else set().union(*ways) - held
    got = [
        (record, "unclear" if "scopes" not in record else giver(record))
        for record in issued
        if since <= when(record) <= until
        and when(done) - WITHIN <= when(record) <= when(refused) + WITHIN
        and (
            ((record in mine or record["grant_id"] == everyones) and opened(record) & lacking)
            or (record in mine and record["kind"] == "consent" and "scopes" not in record and lacking)
        )
    ]
    if not got:
        return None
    first = min((by for _, by in got), key=ORDER.index)
    born = when(token_of[done["token_id"]]) if "token_id" in done else None
    in_order = any(
        when(record) > when(refused) + ERRORS
        and (when(record) < when(done) - ERRORS or (born is not None and when(record) <= born))
        for record, by in got
        if by == first
    )
    # As it stood at any moment that may be that of the refusal.
    early, late = when(refused) - ERRORS, when(refused) + ERRORS
    moments = [early, *(when(record) for record in records if early < when(record) <= late)]
    stood = [standing(records, own, moment) for moment in moments]
    before = [state for state in stood if state]
    told = all(scopes is not None for _, scopes in before)
    known = before and told and all(by_consent for by_consent, _ in before)
    if first == "person":
        verdict = "clear"
    elif first == "nobody" and not (known and all(stood) if subject else told):
        verdict = "indeterminate"
    else:
        verdict = "violation" if in_order and first not in ("untold", "unclear") else "indeterminate"
    scopes = {
        scope
        for record, by in got
        if by != "unclear"
        for scope in record["scopes"]
        if OPENS.get(scope, {scope}) & lacking
    }
    return verdict, scopes, {first}


def escalated(records):
    token_of = {
        record["token_id"]: record for record in records if record["log"] == "issuance" and "token_id" in record
    }
    calls = defaultdict(list)
    for record in sorted(
        records, key=lambda record: (when(record), record.get("outcome") == "success", record["event_id"])
    ):
        if record["log"] == "usage":
            calls[record["client_id"], record["target"]].append(record)
    found = {}
    for number in range(CLIENTS):
        records_of_it = [record for record in records if record["client_id"] == f"c{number}"]
        for operation, (call, _, ways) in CALLS.items():
            for refused, done in pairwise(calls[f"c{number}", call.partition(" ")[2]]):
                if (refused["outcome"], done["outcome"]) == ("denied", "success"):
                    told = judged(records_of_it, refused, done, ways, token_of)
                    if told:
                        key = (f"c{number}", operation)
                        verdict, scopes, by, times = found.get(key, ("clear", set(), set(), 0))
                        found[key] = max(verdict, told[0]), scopes | told[1], by | told[2], times + 1
    return found


@pytest.mark.parametrize("seed", range(6))
def test_escalations_beside_plain_python(desk, kept_going, seed):
    records = quick_log(seed)
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        rows = detect.run(store, ["OOS-11"], evidence="all")[0].to_dicts()
    assert all(row["events"] == len(row["evidence"]) for row in rows)
    found = {
        (row["client_id"], row["operation"]): (
            row["verdict"],
            set(row["scopes"]),
            set(row["detail"]["given_by"]),
            row["detail"]["times"],
        )
        for row in rows
    }
    expected = escalated(records)
    assert found == expected
    assert {verdict for verdict, *_ in expected.values()} >= {"indeterminate", "violation"}
