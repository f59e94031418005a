"""How long each token lived, told again in plain Python."""

import random
from collections import Counter

import pytest

from grantlens import relations

from .oracle import issued, of_several
from .test_token_coverage import BORN, counting, covered, covered_until, tokens_of_tenants

FOREVER = 2**63 - 1
SECOND = 1_000_000

LIFE_SQL = """
SELECT source, tenant, grant_id, token_id, token_kind, kind, client_id, subject_id, issued_at, expires_at, closed_at, ended_by,
       epoch_us(doubt.revoked_at) AS doubted_at, doubt.revocation_event AS doubted_by, doubt.why AS doubted_why,
       list_transform(pauses, lambda x: {'off': epoch_us(x.off_at), 'on': epoch_us(x.on_at), 'by': x.by}) AS pauses
FROM token_life
"""

OF = ("grant_id", "token_id", "token_kind", "kind", "client_id", "subject_id", "issued_at", "expires_at")


def half_told(world, seed):
    """Take names out of a world, let some of its tokens name offline_access, and end some, by their id or without one, often in the moment of an issue."""
    rng = random.Random(f"{seed}/{world['source']}")
    for row in world["issuance"]:
        if row["kind"] in BORN and rng.random() < 0.25:
            row["token_id"] = None
        if row["scopes"] and rng.random() < 0.2:
            row["scopes"] = [*row["scopes"], rng.choice(["offline_access", "https://x.example/Offline_Access"])]
        if row.get("token_kind") == "refresh" and rng.random() < 0.6:
            row["token_kind"] = "access"
        if not (row["grant_id"] or "").startswith("derived:"):  # whose it is, its tenant, client and subject tell
            for name in ("tenant", "client_id", "subject_id"):
                row[name] = None if rng.random() < 0.2 else row[name]
    born = [row for row in world["issuance"] if row["kind"] in BORN]
    keys = [row for row in born if row["kind"] == "credential"]
    for number in range(rng.randrange(4)):
        row = rng.choice(rng.choice([born, keys or born]))
        whose = {name: rng.choice([row[name], row[name], None]) for name in ("tenant", "client_id", "subject_id")}
        end = {
            **whose,
            "event_id": f"{world['source']}-e{number}",
            "revoked_at": row["issued_at"] + rng.choice([0, 0, 4, 8]) * SECOND,
            "kind": "revoke",
            "outcome": "success",
            "target_kind": "credential" if (row["kind"] == "credential") == (rng.random() < 0.8) else "token",
            "token_id": rng.choice([row["token_id"], row["token_id"], None, "t-unseen"]),
        }
        again = {"event_id": f"{end['event_id']}-again", "tenant": rng.choice([row["tenant"], None])}
        again["revoked_at"] = end["revoked_at"] + rng.choice([0, 4]) * SECOND
        if rng.random() < 0.2:
            end |= {"target_kind": "client", "token_id": None, "tenant": None}
        world["revocation"] += [end, {**end, **again}] if rng.random() < 0.5 else [end]
    return world


def ends_of(world):
    """Return what each revocation ends of each token, by its id and tenant: when, by which, until when, and the doubt."""
    ends = []
    for row in counting(world):
        tokens, doubtful = covered(row, world)
        for key in tokens:
            why = doubtful.get(key) or ("client" if of_several(world, row) else None)
            ends.append((key, row["revoked_at"], row["event_id"], covered_until(world, row, key, doubtful), why))
    return ends


def unnamed_ends(world, life, home):
    """Return the revocations of tokens that no issuance names, which may have ended this one."""
    known = {name for name, _ in tokens_of_tenants(world)}
    for row in counting(world):
        named, is_key = row.get("token_id"), life["kind"] == "credential"
        if row["target_kind"] not in ("token", "credential") or named in known or row["revoked_at"] < life["issued_at"]:
            continue
        same = (row["client_id"], row["subject_id"]) == (life["client_id"], life["subject_id"])
        nobody = row["client_id"] is None and row["subject_id"] is None
        if not same or nobody or (None not in (row["tenant"], home) and row["tenant"] != home):
            continue
        # A log that names keys where it can, names those that it ends. Who says which token it was means none that has another id.
        of_key = row["target_kind"] == "credential"
        if of_key == is_key and (life["token_id"] is None or not (of_key or named)) and not (of_key and named):
            yield row["revoked_at"], row["event_id"], "token"


def lives(world):
    """Return each life in a world, as the relation has it."""
    ends = ends_of(world)
    found = []
    for (name, home), token in tokens_of_tenants(world).items():
        mine = [end for end in ends if end[0][0] == name and (None in (home, end[0][1]) or home == end[0][1])]
        for_good = [(at, event) for _, at, event, until, why in mine if why is None and until == FOREVER]
        first = min(for_good, default=(FOREVER, None))
        expiry = token["expires_at"]
        by_revocation = first[1] is not None and (expiry is None or first[0] <= expiry)
        doubts = [(at, event, why) for _, at, event, until, why in mine if why is not None and until == FOREVER]
        found.append(
            {
                **{part: token[part] for part in OF},
                "tenant": home,
                "closed_at": first[0] if by_revocation else expiry,
                "ended_by": first[1] if by_revocation else None,
                "doubts": [doubt for doubt in doubts if doubt[0] >= token["issued_at"]],
                "pauses": sorted(
                    (at, until, event) for _, at, event, until, why in mine if why is None and until != FOREVER
                ),
            }
        )
    rows = issued(world)
    for row in rows:
        if row.get("token_id") is None and row["kind"] in BORN:
            more = {"tenant": row["tenant"], "closed_at": row["expires_at"]}
            found.append({**{part: row.get(part) for part in OF}, **more})
    refreshing = {row["grant_id"] for row in rows if row.get("token_kind") == "refresh"}
    offline = {}
    for row in rows:
        names = [scope for scope in row["scopes"] or () if scope.lower().endswith("offline_access")]
        if names and row["grant_id"] and row["grant_id"] not in refreshing:
            offline.setdefault((row["grant_id"], row["issued_at"]), []).append(row)
    for (grant, at), told in offline.items():
        least = {
            part: min((row[part] for row in told if row[part] is not None), default=None)
            for part in ("tenant", "client_id", "subject_id")
        }
        more = {"token_kind": "refresh", "kind": "token", "issued_at": at, "grant_id": grant}
        found.append({**dict.fromkeys(OF), **least, **more, "closed_at": None})
    for life in found:
        doubts = [*life.pop("doubts", []), *unnamed_ends(world, life, life["tenant"])]
        life["doubted"] = min(doubts, default=None)
        life["ended_by"], life["pauses"] = life.get("ended_by"), life.get("pauses") or None
    return found


@pytest.mark.parametrize("seed", range(3))
def test_each_token_lived_so_long(bench, worlds, seed):
    laid = [half_told(world, seed) for world in worlds(seed, 400)]
    bench.lay(laid)
    with relations.worked_out(bench.engine, ["token_life"], {}):
        rows = bench.rows(LIFE_SQL)
    told = Counter()
    for row in rows:
        doubted = (row.pop("doubted_at"), row.pop("doubted_by"), row.pop("doubted_why"))
        row["doubted"] = None if doubted[0] is None else doubted
        row["pauses"] = [(each["off"], each["on"], each["by"]) for each in row["pauses"] or ()] or None
        told[repr(sorted(row.items()))] += 1
    wanted = Counter()
    for world in laid:
        wanted.update(repr(sorted({**life, "source": world["source"]}.items())) for life in lives(world))
    assert (told - wanted, wanted - told) == (Counter(), Counter())
