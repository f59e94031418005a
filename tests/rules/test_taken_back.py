"""REV-10 beside plain Python where tenants share a client: what is kept in one of them, and what in any."""

import random
from collections import Counter
from datetime import datetime, timedelta

from grantlens import detect
from grantlens.register.decisions import Decisions
from grantlens.rule.example import BYSTANDER, consent, decided, moment, revoked
from grantlens.schema.register import DECISION

END = "20 08:00"
TENANTS = ("one", "two", "three")


def watched(at, home):
    """Return what keeps the log of revocations of a tenant going."""
    return revoked(at, kind="expiry", token_id="old", client_id=BYSTANDER, subject_id=None, tenant=home)


def when(record):
    return datetime.fromisoformat(record["decided_at"] if "decided_at" in record else record["issued_at"])


def world_of_tenants(seed):
    """Return the grants that a client holds in some tenants, and decisions about it there or anywhere, one after the other."""
    rng = random.Random(f"tenants of {seed}")
    client = f"c{seed}"
    homes = rng.sample(TENANTS, rng.randint(1, 3))
    grants = [
        consent(f"0{rng.choice((1, 1, 1, 6))} 09:00", ["mail.read"], f"g{seed}-{home}", client_id=client, tenant=home)
        for home in homes
    ]
    decisions = []
    for hour in sorted(rng.sample(range(9, 21), rng.randint(1, 4))):
        about = {"client_id": client, "tenant": rng.choice((None, None, *homes))}
        about |= {"source": rng.choice((None, None, None, "native"))}
        kind = rng.choice(("revoke", "keep")) if decisions else "revoke"
        decisions.append(decided(f"05 {hour:02}:00", "leaver", kind, within_hours=rng.choice((4.0, 48.0)), **about))
    return grants, decisions


def standing(grants, decisions, decision):
    """Say what a reader says: how many grants still stand that were to end and were not kept in time; None where nothing was met."""
    due = when(decision) + timedelta(hours=decision["within_hours"])
    later = [each for each in decisions if each["decision"] == "keep" and when(decision) < when(each) <= due]
    meant = [
        grant for grant in grants if when(grant) <= when(decision) and decision["tenant"] in (None, grant["tenant"])
    ]
    # A decision that names no tenant is about any; all these are of one source.
    left = [grant for grant in meant if not any(each["tenant"] in (None, grant["tenant"]) for each in later)]
    return len(left) if meant else None


def test_what_is_kept_in_one_tenant_or_in_any_beside_plain_python(desk, kept_going):
    worlds = [world_of_tenants(seed) for seed in range(200)]
    told = [watched(at, home) for at in ("01 08:00", END) for home in (None, *TENANTS)]
    told += [row for grants, _ in worlds for row in grants]
    told = [{"event_id": f"e{number}", **row} for number, row in enumerate([*kept_going, *told])]
    with desk.store(desk.write("log.ndjson", told)) as store:
        store.add(Decisions(tuple(dict.fromkeys(DECISION.names) | row for _, decisions in worlds for row in decisions)))
        found = {
            (row["client_id"], row["tenant"], row["detail"]["decided_at"]): row
            for row in detect.run(store, "REV-10", until=moment(END), now=moment(END))[0].to_dicts()
        }
    often = Counter()
    for grants, decisions in worlds:
        for decision in (each for each in decisions if each["decision"] == "revoke"):
            keys = [(decision["client_id"], home, decision["decided_at"]) for home in (*TENANTS, None)]
            row = next((found.pop(key) for key in keys if key in found), None)
            left = standing(grants, decisions, decision)
            kept = [each for each in decisions if each["decision"] == "keep" and when(each) > when(decision)]
            often[left if left is None else left > 0, any(each["tenant"] != decision["tenant"] for each in kept)] += 1
            if left:
                assert (row["verdict"], row["detail"]["standing"]) == ("violation", left)
            else:
                assert row is None or (left is None and row["verdict"] == "indeterminate")
    assert not {key for key, row in found.items() if row["verdict"] == "violation"}
    assert min(often[left, True] for left in (True, False)) > 20
