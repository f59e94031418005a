"""The token of a caller: told by the records only that may be of its tenant."""

import random
from collections import Counter
from itertools import product

import pytest

from grantlens.schema import ISSUANCE, USAGE_CALLER

KINDS = ("token", "refresh", "exchange", "credential")

OWN = ("grant_id", "client_id", "client_name", "subject_id", "subject_name", "subject_kind")


def told_of(rng, number):
    """Return what two logs tell of one token id: some records of its issuance, in tenants or in none, and callers."""
    tenants = rng.choice(((None,), ("p",), ("p", None), ("p", "q"), ("p", "q", None)))
    records = [
        {
            "token_id": f"t{number}",
            "event_id": f"e{number}-{turn}",
            "issued_at": rng.randrange(3),
            "expires_at": rng.choice((None, 5, 7)),
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
            "kind": rng.choice((*KINDS, "token", "consent")),
            "tenant": rng.choice(tenants),
            "grant_id": rng.choice(("g1", "g2", None)),
            "client_id": rng.choice(("a", "b", None)),
            "subject_id": rng.choice(("x", "y", None)),
            "client_name": rng.choice(("A", "A", "B", None)),
            "subject_name": rng.choice(("X", "X", "Y", None)),
            "subject_kind": rng.choice(("user", "user", "service", None)),
            "scopes": rng.choice((None, ["r"], ["r", "w"], ["w", "r"])),
            "audience": rng.choice((None, ["m"], ["n", "m"])),
        }
        for turn in range(rng.randint(1, 4))
    ]
    return records, [{"token_id": f"t{number}", "tenant": home} for home in (None, "p", "q", "r")]


def expected(records, tenant):
    """Say what a reader says of the token with which a tenant's call was made, or None where no issuance is of it."""
    mine = [
        row
        for row in records
        if row["outcome"] == "success"
        and row["kind"] in KINDS
        and (None in (tenant, row["tenant"]) or row["tenant"] == tenant)
    ]
    if not mine:
        return None
    first = min(mine, key=lambda row: (row["issued_at"], row["event_id"]))
    ends = [row["expires_at"] for row in mine if row["expires_at"] is not None]
    told = max((row["issued_at"] for row in mine if row["expires_at"] is not None), default=None)
    endless = [row["issued_at"] for row in mine if row["kind"] == "credential" and row["expires_at"] is None]
    open_end = told is not None and max(endless, default=-1) > told
    several = len({row["tenant"] for row in mine} - {None}) > 1
    audiences = {name for row in mine for name in row["audience"] or ()}
    return {
        "of_several": several,
        "tenant": first["tenant"],
        "event_id": first["event_id"],
        "issued_at": first["issued_at"],
        "expires_at": None if open_end else max(ends, default=None),
        "scopes": first["scopes"] if len({tuple(sorted(row["scopes"])) for row in mine if row["scopes"]}) < 2 else None,
        "audience": sorted(audiences) or None,
        # Of two tenants' tokens nothing is the caller's for sure but what is the same in both.
        **{name: first[name] if not several or len({row[name] for row in mine}) == 1 else None for name in OWN},
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_call_is_made_with_a_token_of_its_own_tenant(bench, seed):
    rng = random.Random(seed)
    told = {(source, f"t{number}"): told_of(rng, number) for source in ("one", "two") for number in range(150)}
    bench.clear()
    where = {"batch_id": 1, "line_no": 1}
    asked = [{**row, "source": source} for (source, _), (_, rows) in told.items() for row in rows]
    callers = [{**row, "caller_id": number} for number, row in enumerate(asked)]
    bench.insert(
        ISSUANCE, [{**where, **row, "source": source} for (source, _), (rows, _) in told.items() for row in rows]
    )
    bench.insert(USAGE_CALLER, callers)
    said = {row["caller_id"]: row for row in bench.answers("caller_token")}
    met = Counter()
    for caller in callers:
        wanted = expected(told[caller["source"], caller["token_id"]][0], caller["tenant"])
        row = said.pop(caller["caller_id"], None)
        if row and row["audience"]:
            row["audience"].sort()
        assert (row and {name: row[name] for name in wanted or row}) == wanted, caller
        met[caller["tenant"] is None, wanted and wanted["of_several"]] += 1
    assert not said
    assert set(met) == {*product((True, False), (None, False)), (True, True)}
    bench.clear()
