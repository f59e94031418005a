"""OOS-9 beside plain Python: what calls reached, whose it was, and with whom that tenant shares."""

import random
from collections import Counter

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import moment, token, use
from grantlens.schema.register import REGISTER

SINCE, UNTIL = "10 10:00", "10 11:00"
TIMES = ("10 09:59:59.999999", "10 10:00", "10 10:20", "10 10:59:59.999999", "10 11:00")
TENANTS = (None, "acme", "Globex", "initech")
REGISTERED = {"alone": [], "partner": ["GLOBEX", " acme"], "untold": None}


def log(seed):
    """Return tokens of several tenants, and calls with them that reach things of several tenants."""
    rng = random.Random(seed)
    held = {}
    for number in range(12):
        who = {"client_id": rng.choice([*REGISTERED, "stranger"]), "subject_id": rng.choice(("ann", "ben"))}
        held[f"t{number}"] = token(
            "10 09:00", f"t{number}", ["mail.read"], "10 12:00", tenant=rng.choice(TENANTS), **who
        )
    yield from held.values()
    for _ in range(120):
        name = rng.choice([*held, "lost"])
        own = held.get(name, {"client_id": rng.choice((None, "alone"))})
        more = {"tenant": rng.choice(TENANTS), "resource_tenant": rng.choice(TENANTS), "client_id": own["client_id"]}
        yield use(
            rng.choice(TIMES),
            "GET /v1/messages/7",
            name,
            status=rng.choice((200, 200, 403, 500)),
            subject_id=None,
            **more,
        )


def reached(records):
    """Count the calls of the window that reached what is another tenant's and not shared, by key and verdict."""
    issued = {record["token_id"]: record for record in records if record["log"] == "issuance"}
    found = Counter()
    for call in records:
        theirs = (call.get("resource_tenant") or "").lower()
        if call["log"] != "usage" or call["outcome"] != "success" or not theirs:
            continue
        if not moment(SINCE) <= call["used_at"] < moment(UNTIL):
            continue
        own = issued.get(call["token_id"], {}).get("tenant") or call.get("tenant")
        client = call.get("client_id")
        shared = REGISTERED.get(client)
        if theirs in {name.strip().lower() for name in shared or ()} or (own and own.lower() == theirs):
            continue
        verdict = "violation" if own and client and shared is not None else "indeterminate"
        found[call.get("tenant"), own, client, theirs, verdict] += 1
    return found


@pytest.mark.parametrize("seed", range(6))
def test_beside_plain_python(desk, seed):
    records = [{**record, "event_id": f"e{number:04}"} for number, record in enumerate(log(seed))]
    with desk.store(desk.write("log.ndjson", records)) as store:
        rows = ({"client_id": name, "approved_tenants": shared} for name, shared in REGISTERED.items())
        store.add(Register(tuple(dict.fromkeys(REGISTER.names) | row for row in rows)))
        (found,) = detect.run(store, ["OOS-9"], since=moment(SINCE), until=moment(UNTIL))
    told = {
        (
            row["tenant"],
            row["detail"]["own_tenant"],
            row["client_id"],
            row["detail"]["resource_tenant"],
            row["verdict"],
        ): row["events"]
        for row in found.to_dicts()
    }
    assert told == reached(records)
