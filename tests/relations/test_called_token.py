"""Tokens that no log of issuance names, and what a revocation ends of them by the time of issue that their calls repeat."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

SECOND = 1_000_000
NOON = int(datetime(2026, 7, 10, 12, tzinfo=UTC).timestamp()) * SECOND
BACKDATED = 300


def world(rng, source):
    """Return a world in which a few tokens are used, some of which were issued in sight, around the ends of clients and people."""
    tenants = rng.choice([[None], ["p"], ["p", "q"], ["p", None]])
    clients, people = ["a", "b"], ["x", "y", None]

    def when(first=0, last=40):
        return NOON + rng.randrange(first, last) * SECOND

    issuance = [
        {
            "event_id": f"i{number}",
            "issued_at": when(),
            "kind": rng.choice(["token", "credential", "consent"]),
            "outcome": rng.choice(["success", "success", "error"]),
            "token_id": f"t{rng.randrange(6)}",
            "token_kind": "access",
            "tenant": rng.choice(tenants),
            "client_id": rng.choice(clients),
            "subject_id": rng.choice(people),
        }
        for number in range(rng.randrange(3))
    ]
    usage = []
    for token in range(6):
        usual = {"client_id": rng.choice(clients), "subject_id": rng.choice(people), "tenant": rng.choice(tenants)}
        usual |= {
            "token_issued_at": rng.choice([None, when(0, 25), when(0, 25)]),
            "session_id": rng.choice([None, "s"]),
        }
        for number in range(rng.randrange(5)):
            odd = {"token_issued_at": when(0, 25), "client_id": rng.choice(clients), "tenant": rng.choice(tenants)}
            usage.append(
                {
                    "event_id": f"u{token}.{number}",
                    "used_at": when(10) + rng.choice([0, SECOND // 2]),
                    "outcome": rng.choice(["success", "denied", "error"]),
                    "token_id": rng.choice([f"t{token}"] * 5 + [None]),
                    "resource_server": "odd",
                    "call": "GET /r",
                    **usual,
                    **(odd if rng.random() < 0.2 else {}),
                }
            )
    revocation = [
        {
            "event_id": f"r{number}",
            "revoked_at": (at := when(15, 30) + rng.choice([0, SECOND // 2])),
            "kind": rng.choice(["revoke", "disable", "downgrade"]),
            "outcome": rng.choice(["success", "success", "error"]),
            "target_kind": (target := rng.choice(["client", "subject", "policy", "policy", "session", "grant"])),
            "tenant": rng.choice(tenants),
            "client_id": None if target == "subject" else rng.choice([*clients, None]),
            "subject_id": None if target == "client" else rng.choice(people),
            "grant_id": "g" if target == "policy" and rng.random() < 0.2 else None,
            "session_id": "s" if target == "session" else None,
            "issued_before": at + rng.randrange(-9, 3) * SECOND if target == "policy" else None,
        }
        for number in range(3)
    ]
    clock = {}
    if rng.random() < 0.4:
        clock = {
            (log, tenant): {"error_s": 0.0, "grid_s": 0.0, "offset_s": -7.0 if log == "usage" else 0.0}
            for log in ("issuance", "usage", "revocation")
            for tenant in {*tenants, None}
        }
    return {
        "source": source,
        "issuance": issuance,
        "usage": usage,
        "revocation": revocation,
        "clock": clock,
        "server": {},
    }


def only(values):
    return values.pop() if len(values) == 1 else None


def called(world):
    """Return what calls tell of each token that no issue made, by its id and tenant."""
    made = {
        row["token_id"]
        for row in world["issuance"]
        if row["outcome"] == "success"
        if row["kind"] in ("token", "credential")
    }
    calls = defaultdict(list)
    for row in world["usage"]:
        if row["token_id"] not in (None, *made) and row["token_issued_at"] is not None:
            calls[row["token_id"], row["tenant"]].append(row)
    behind = -7 * SECOND if world["clock"] else 0
    return {
        key: {
            "issued_from": min(row["token_issued_at"] for row in rows),
            "issued_at": max(row["token_issued_at"] for row in rows),
            "last_used_at": max(row["used_at"] for row in rows) - behind,
            **{name: only({row[name] for row in rows}) for name in ("client_id", "subject_id", "session_id")},
        }
        for key, rows in calls.items()
    }


def ends(revocation, token, tenant):
    """Tell whether a revocation ends a token of which only its calls tell."""
    target, of = revocation["target_kind"], ("client_id", "subject_id")
    same = {name: revocation[name] is not None and revocation[name] == token[name] for name in of}
    asked = [name for name in of if revocation[name] is not None]
    hit = {
        "client": same["client_id"],
        "subject": same["subject_id"],
        "policy": bool(asked) and all(same[name] for name in asked) and revocation["grant_id"] is None,
    }.get(target, False)
    return (
        hit
        and revocation["outcome"] == "success"
        and revocation["kind"] in ("revoke", "disable")
        and (None in (revocation["tenant"], tenant) or revocation["tenant"] == tenant)
        and token["issued_at"] <= revocation["revoked_at"]
        and (revocation["issued_before"] is None or token["issued_at"] < revocation["issued_before"])
        and token["last_used_at"] >= revocation["revoked_at"] // SECOND * SECOND
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_token_that_only_calls_name_is_what_they_agree_on(bench, seed):
    laid = [world(random.Random(f"{seed}/{number}"), f"w{number}") for number in range(1500)]
    bench.lay(laid)
    told = {(row.pop("source"), row.pop("token_id"), row.pop("tenant")): row for row in bench.answers("called_token")}
    assert told == {(each["source"], *key): token for each in laid for key, token in called(each).items()}
    assert len(told) > 1000


@pytest.mark.parametrize("seed", range(2))
def test_an_end_of_a_client_or_person_ends_them(bench, seed):
    laid = [world(random.Random(f"{seed}/{number}"), f"w{number}") for number in range(1500)]
    bench.lay(laid)
    rows = [
        row for row in bench.answers("covered_token") if row["token_id"] and row["issued_at"] and not row["token_kind"]
    ]
    told = {(row["source"], row["revocation_event"], row["token_id"], row["token_tenant"]): row for row in rows}
    assert len(told) == len(rows)
    expected, met = {}, Counter()
    for each in laid:
        for (token_id, tenant), token in called(each).items():
            for revocation in each["revocation"]:
                if ends(revocation, token, tenant):
                    expected[each["source"], revocation["event_id"], token_id, tenant] = token
                    met[revocation["target_kind"], tenant is None, revocation["tenant"] is None] += 1
    assert told.keys() == expected.keys()
    for key, token in expected.items():
        row = told[key]
        assert [row[name] for name in ("issued_at", "client_id", "subject_id")] == [
            token[name] for name in ("issued_at", "client_id", "subject_id")
        ]
        assert (row["alive"], row["expires_at"], row["is_target"], row["grant_id"]) == (None, None, False, None)
        assert (row["doubt"] == "tenant") == (key[3] is None and bool(named(laid, key)))
    assert len(met) == 12, met
    assert min(met.values()) > 1, met


def named(laid, key):
    """Return the tenant that a revocation names."""
    return next(
        row["tenant"]
        for each in laid
        if each["source"] == key[0]
        for row in each["revocation"]
        if row["event_id"] == key[1]
    )


def test_entra_dates_its_tokens_back(bench):
    """A token that was made after the end says that it was made before: five minutes are not told."""

    def ended(source, issued_before_it):
        return {
            "source": source,
            "issuance": [],
            "usage": [
                {
                    "event_id": "u",
                    "used_at": NOON + 600 * SECOND,
                    "outcome": "success",
                    "token_id": "t",
                    "tenant": None,
                    "client_id": "a",
                    "subject_id": "x",
                    "token_issued_at": NOON - issued_before_it * SECOND,
                    "resource_server": "odd",
                    "call": "GET /r",
                }
            ],
            "revocation": [
                {
                    "event_id": "r",
                    "revoked_at": NOON,
                    "kind": "revoke",
                    "outcome": "success",
                    "target_kind": "subject",
                    "tenant": None,
                    "subject_id": "x",
                }
            ],
            "clock": {},
            "server": {},
        }

    found = {}
    for before in (0, BACKDATED - 1, BACKDATED):
        bench.lay([ended("w", before), ended("microsoft_entra", before)])
        found[before] = {row["source"] for row in bench.answers("covered_token") if row["token_id"]}
    assert found == {0: {"w"}, BACKDATED - 1: {"w"}, BACKDATED: {"w", "microsoft_entra"}}
