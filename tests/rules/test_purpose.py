"""OOS-3 and OOS-12 beside plain Python: what was permitted and not meant, and what was tried and refused, of few tokens and calls."""

import random
import re
from collections import Counter, defaultdict

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import moment, token, use
from grantlens.schema.register import REGISTER

SINCE, UNTIL = "10 10:00", "10 11:00"
TIMES = ("10 09:59:59.999999", "10 10:00", "10 10:20", "10 10:59:59.999999", "10 11:00")
OPERATIONS = {  # as it is called: as the catalogue names it, and the ways to be permitted
    ("GET /v1/messages/7", "mail.example"): ("GET /v1/messages/{id}", [{"mail.read"}]),
    ("POST /v1/messages", "mail.example"): ("POST /v1/messages", [{"mail.send"}]),
    ("DELETE /v1/messages/7", "mail.example"): ("DELETE /v1/messages/{id}", [{"mail.write"}]),
    ("PUT /v1/files/7", "files.example"): ("PUT /v1/files/{id}", [{"files.write"}]),
    ("POST /v1/shares", "files.example"): ("POST /v1/shares", [{"files.write", "people.read"}, {"admin"}]),
    ("GET /v1/status", "jobs.example"): ("GET /v1/status", [set()]),
    ("GET /v1/odd/7", "mail.example"): (None, None),
}
IMPLIED = {
    "mail.write": {"mail.read", "mail.send"},
    "files.write": {"files.read"},
    "admin": {"mail.write", "mail.read", "mail.send", "files.write", "files.read"},
}
SCOPES = (None, [], ["mail.read"], ["mail.write"], ["files.write"], ["files.write", "people.read"], ["admin"])
REGISTERED = {
    "reader": {"approved_operations": ["GET *"]},
    "nothing": {"approved_operations": []},
    "untold": {},
    "sender": {"approved_operations": ["post /v1/messages", "PUT /v1/files/{id}", "GET /v1/_essages/*", "%"]},
    "excused": {
        "approved_operations": ["*/v1/status", "*files*"],
        "exceptions": [{"rule": "OOS-3", "reason": "July", "until": None}],
    },
    "no more excused": {
        "approved_operations": ["GET /v1/status"],
        "exceptions": [{"rule": "OOS-3", "reason": "June", "until": moment(UNTIL)}],
    },
    "excused elsewhere": {"approved_operations": [], "exceptions": [{"rule": "PRV-1", "reason": "-", "until": None}]},
}
BULK = 3
OVER = ("10 10:10",)  # of the times of calls, twenty past and all later ones are surely after it


def log(seed):
    """Return tokens of few clients, and calls with them."""
    rng = random.Random(seed)
    held = {}
    for number in range(70):
        who = {"client_id": rng.choice([*REGISTERED, "stranger"]), "subject_id": rng.choice(("ann", "ben"))}
        more = {**who, "tenant": rng.choice((None, "one", "two")), "grant_id": f"g{number}"}
        held[f"t{number}"] = token(
            "10 09:00", f"t{number}", rng.choice(SCOPES), rng.choice((*OVER, "10 12:00")), **more
        )
    yield from held.values()
    for _ in range(700):
        call, server = rng.choice(list(OPERATIONS))
        name = rng.choice([*held, "lost"])
        of = held.get(name, {"client_id": "reader", "subject_id": "ann"})
        more = {key: of[key] for key in ("client_id", "subject_id") if rng.random() < 0.7}
        status, reason = rng.choice(
            ((200, None),) * 7
            + tuple((403, reason) for reason in ("scope", "policy", "other", "token", "rate", None))
            + ((500, None),)
        )
        absent = {"client_id": None, "subject_id": None, "denial_reason": reason, "tenant": of.get("tenant")}
        yield use(rng.choice(TIMES), call, name, server, status, **{**absent, **more})


def read(records):
    """Give of each call in the window: outcome, why it was refused, key, operation, and whether the scopes permit it (None: not known)."""
    tokens = {record["token_id"]: record for record in records if record["log"] == "issuance"}
    for call in records:
        if call["log"] != "usage" or not moment(SINCE) <= call["used_at"] < moment(UNTIL):
            continue
        of = tokens.get(call["token_id"], {})
        if of.get("expires_at") == moment(OVER[0]) < call["used_at"]:
            continue
        operation, ways = OPERATIONS[f"{call['method']} {call['target']}", call["resource_server"]]
        held = of.get("scopes")
        permitted = None
        if operation and (held is not None or set() in ways):
            whole = set(held or ()).union(*(IMPLIED.get(scope, ()) for scope in held or ()))
            permitted = any(way <= whole for way in ways)
        client, subject = (call.get(key) or of.get(key) for key in ("client_id", "subject_id"))
        key = (call.get("tenant"), client, subject, of.get("grant_id"))
        yield call["outcome"], call.get("denial_reason"), key, operation, permitted


def approves(patterns, operation):
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), operation) for pattern in patterns)


def not_meant(records):
    """Say which calls were permitted and are for no registered purpose, or cannot be judged by it: these by client."""
    counts, unnamed = Counter(), defaultdict(list)
    for outcome, _, key, operation, permitted in read(records):
        row = REGISTERED.get(key[1])
        if outcome == "success" and permitted and row is not None:
            patterns = row.get("approved_operations")
            if patterns is None:
                unnamed[key[:2]].append(key[2:])
            elif not approves(patterns, operation):
                counts["violation", *key, operation] += 1
    for of, keys in unnamed.items():
        subject, grant = (each.pop() if len(each := set(parts)) == 1 else None for parts in zip(*keys, strict=True))
        counts["indeterminate", *of, subject, grant, None] = len(keys)
    return {key: (count, severity(key, count)) for key, count in counts.items()}


def severity(key, count):
    verdict, _, client, _, _, operation = key
    if client == "excused":
        return "info"
    return "high" if verdict == "violation" and (operation.startswith("DELETE") or count >= BULK) else "medium"


def refused(records):
    """Say what was refused for want of scope: so says the server, or it says nothing against it and the scopes would not have done."""
    counts = Counter()
    for outcome, reason, key, operation, permitted in read(records):
        grave = "info" if operation is None or operation.startswith("GET") else "low"
        if outcome == "denied" and (reason == "scope" or (permitted is False and reason in (None, "policy", "other"))):
            counts[*key, operation, grave] += 1
    return counts


@pytest.mark.parametrize("seed", range(2))
def test_beside_plain_python(desk, kept_going, seed):
    records = [{**record, "event_id": f"e{number:04}"} for number, record in enumerate(log(seed))]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        rows = ({"client_id": name, "owner": "jo", "purpose": "mail", **more} for name, more in REGISTERED.items())
        store.add(Register(tuple(dict.fromkeys(REGISTER.names) | row for row in rows)))
        purpose, denied = detect.run(
            store, ["OOS-3", "OOS-12"], since=moment(SINCE), until=moment(UNTIL), parameters={"bulk_calls": BULK}
        )
    parts = ("tenant", "client_id", "subject_id", "grant_id", "operation")
    assert {
        (row["verdict"], *(row[part] for part in parts)): (row["events"], row["severity"]) for row in purpose.to_dicts()
    } == not_meant(records)
    assert {(*(row[part] for part in parts), row["severity"]): row["events"] for row in denied.to_dicts()} == refused(
        records
    )
    assert {row["client_id"] for row in purpose.only("violation").to_dicts() if row["explained_by"]} == {"excused"}
