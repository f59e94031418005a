"""REV-6 beside plain Python: a client of several tenants is ended, the log does not say in which, and some of what it had is tried."""

import math
import random
from collections import Counter

import pytest

from grantlens import detect
from grantlens.rule.example import consent, revoked, token, use
from tests.rules.test_outlived import AT, UNTIL, seconds, stamp
from tests.rules.test_untested import answers

HOUR = 3600
END = (UNTIL - AT).total_seconds()
TENANTS = ("north", "south", None)
READ = "GET /v1/messages/7"


def family(rng, number):
    """Return what a client has for a person in some tenants, a revocation that names none, and tries of it."""
    who, records, things = {"client_id": f"c{number}", "subject_id": f"s{number}"}, [], []
    for tenant in rng.choice((("north", "south"), ("north", "south"), ("north",), ("north", None), TENANTS)):
        grant = f"g{number}-{tenant}"
        if rng.random() < 0.5:
            records.append(consent(stamp(-9000), None, grant, tenant=tenant, **who))
            things.append((None, grant, tenant))
        for turn in range(rng.choice((0, 1, 1, 2))):
            name, life = f"t{number}-{tenant}-{turn}", rng.choice((None, HOUR, HOUR, -60))
            more = {"tenant": tenant, "grant_id": grant, "token_kind": rng.choice(("access", "refresh"))}
            records.append(token(stamp(-7000), name, None, None if life is None else stamp(life), **who, **more))
            things.append((name, grant, tenant))
    target = rng.choice(("client", "grant"))
    of = {**who, "subject_id": None} if target == "client" else {**who, "grant_id": None}
    records.append(revoked(stamp(0), target, **of, event_id=f"r{number}"))
    for name, grant, tenant in rng.sample(things, min(len(things), rng.choice((0, 1, 1, 2, 2, 3)))):
        said, when = {"tenant": rng.choice((tenant, tenant, tenant, None))}, rng.choice((-1, 5, 60, HOUR + 60))
        if name and rng.random() < 0.3:
            outcome = rng.choice(("success", "denied", "error"))
            more = {"kind": "refresh", "parent_token_id": name, "grant_id": grant, "outcome": outcome, **said}
            records.append(
                token(stamp(max(when, 1)), None if outcome != "success" else f"n-{name}", None, **who, **more)
            )
        else:
            status, more = rng.choice((200, 401, 401, 500)), {"grant_id": None if name else grant, **said}
            records.append(use(stamp(when), READ, name, status=status, **who, **more))
    return records


def untested(records):
    """Say what a reader of one family says of its revocation: untested, perhaps, or nothing."""
    before = [row for row in records if row["log"] == "issuance" and seconds(row, "issued_at") < 0]
    tokens = [row for row in before if row["kind"] == "token"]
    kept = [row for row in before if row["kind"] == "consent"]
    named = {row["tenant"] for row in before if "tenant" in row}
    with_tokens = {row.get("tenant") for row in tokens} if len(named) > 1 else set(TENANTS) if tokens else set()
    stands_in = [row for row in kept if row.get("tenant") not in with_tokens]
    living = [row for row in tokens if (seconds(row, "expires_at") or math.inf) > 0] + stands_in
    if not living:
        return None
    until = min(END, max(seconds(row, "expires_at") or END for row in living))

    def tries(row):
        """Tell where something was tried with a token or grant."""
        for record in records:
            if record["log"] == "usage" and row["kind"] == "token":
                mine = record.get("token_id") == row["token_id"]
                mine = mine and answers(record, 0, seconds(row, "expires_at"))
            elif record["log"] == "usage":
                mine = record.get("grant_id") == row["grant_id"] and answers(record, 0, None)
            elif record["log"] == "issuance" and "parent_token_id" in record and seconds(record, "issued_at") >= 0:
                mine = record["outcome"] != "error" and record["parent_token_id"] == row.get("token_id")
                mine = mine or (record["outcome"] == "denied" and record["grant_id"] == row["grant_id"])
            else:
                continue
            if mine:
                yield record.get("tenant")

    # A grant that has tokens in its tenant may be tried by itself too: such a call names no token.
    tried = [(row.get("tenant"), where) for row in [*tokens, *kept] for where in tries(row)]
    homes = {row["tenant"] for row in living if "tenant" in row} if len(named) > 1 else set()
    missed = homes - {home for home, where in tried if where in (None, home)}
    if tried:
        return "indeterminate" if missed else None
    nameless = [row for row in records if row["log"] == "usage" and "token_id" not in row]
    return "indeterminate" if any(0 <= seconds(row) < until for row in nameless) else "violation"


@pytest.mark.parametrize("seed", range(3))
def test_a_try_counts_for_the_tenant_that_it_names_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(300)]
    beat = {"client_id": "beat", "subject_id": "beat"}
    calls = [use(stamp(at), READ, "t-beat", tenant=name, **beat) for name in TENANTS for at in (-HOUR, 8 * HOUR)]
    told = [*calls, *(row for rows in families for row in rows)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(told)]
    with desk.store(desk.write("log.ndjson", told)) as store:
        (found,) = detect.run(store, ["REV-6"], since=AT, until=UNTIL)
    said = {f"r{number}": untested(rows) for number, rows in enumerate(families)}
    rows = {row["detail"]["revocation_event"]: row["verdict"] for row in found.to_dicts()}
    assert rows == {event: verdict for event, verdict in said.items() if verdict}
    assert min(Counter(map(str, said.values())).values()) > 20
