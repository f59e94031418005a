"""REV-2 beside plain Python: what came of few grants and tokens after they were revoked, with consents near it, and of whom that is not told."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.relations import worked_out
from grantlens.rule.example import consent, moment, revoked, token
from tests.rules.shared_ids import told_apart
from tests.rules.test_outlived import as_logged

AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(seconds=700)
NEAR = 10
"""The errors of two clocks, in seconds."""
BEFORE, AFTER = (-9000, -7000), (-4000, -8, 0, 0.000001, 5, 10, 10.000001, 50, 600, 700)
WHOSE = {"client": ("client_id",), "subject": ("subject_id",), "grant": ("client_id", "subject_id")}


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return what was given to one client and person, or two of that name, what of it was revoked, and what came after."""
    grants = [f"g{number}", f"g{number}", f"h{number}"]
    tenants = rng.choice(((None,), ("one",), ("one", None), *[("one", "two")] * 3, ("one", "two", None)))

    def party():
        return {
            "client_id": rng.choice((f"c{number}",) * 5 + (f"d{number}",)),
            "subject_id": rng.choice((f"s{number}",) * 5 + (f"r{number}",)),
            "tenant": rng.choice(tenants),
        }

    records, names = [], []
    for turn in range(rng.randint(2, 7)):
        name, again = (
            f"t{number}-{turn}",
            bool(names) and rng.random() < (0.7 if turn == 1 and "two" in tenants else 0.15),
        )
        if again:  # a key that is switched on, or an id that comes twice
            name, kind = rng.choice(names), rng.choice(("credential", "credential", "token", "refresh"))
        else:
            kind = rng.choice(("token", "refresh", "refresh", "exchange", "credential")[: None if names else 1])
        kind = "credential" if not names and rng.random() < 0.4 else kind
        more = {
            "kind": kind,
            "grant_id": rng.choice(grants),
            "session_id": rng.choice((f"z{number}", None)),
            "token_kind": rng.choice(("access", "refresh", "refresh", None)) if kind != "credential" else "api_key",
            "parent_token_id": rng.choice([*names, f"u{number}"])
            if kind not in ("token", "credential") or rng.random() < 0.1
            else None,
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
        }
        records.append(token(stamp(rng.choice(BEFORE if turn < 2 else AFTER)), name, None, **party(), **more))
        names.append(name)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        more = {"grant_id": rng.choice((*grants, None)), "outcome": rng.choice(("success",) * 5 + ("denied",))}
        records.append(
            consent(stamp(rng.choice((-9000, -10.000001, -10, -10, *AFTER, 610, 611))), None, **{**party(), **more})
        )
    for turn in range(rng.choice((1, 1, 1, 2))):
        target = rng.choice(("token", "token", "grant", "grant", "grant", "client", "subject", "session"))
        of = party()
        of |= {"tenant": None} if rng.random() < 0.5 else {}
        of |= {"subject_id": None} if target == "client" else {"client_id": None} if target == "subject" else {}
        if target == "token":
            of |= {"token_id": rng.choice([*names, f"u{number}"]), "grant_id": rng.choice((*grants, None))}
        of |= {"grant_id": rng.choice((*grants, None))} if target == "grant" else {}
        of |= {"session_id": f"z{number}", "client_id": None, "subject_id": None} if target == "session" else {}
        more = {
            "event_id": f"r{number}-{turn}",
            "kind": rng.choice(("revoke", "revoke", "revoke", "disable", "downgrade")),
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
        }
        records.append(revoked(stamp(rng.choice((0, 0, 0.3, -5000))), target, **of, **more))
    return records


def seconds(record):
    return (datetime.fromisoformat(record.get("issued_at") or record["revoked_at"]) - AT).total_seconds()


def same(one, other, keys):
    return all(one.get(key) == other.get(key) is not None for key in keys)


def issuance(good):
    """Return the records of each token id."""
    told = defaultdict(list)
    for record in sorted(good, key=lambda record: (seconds(record), record["event_id"])):
        if record["kind"] != "consent":
            told[record["token_id"]].append(record)
    return told


def issuers(records):
    return {each.get("tenant") for each in records} - {None}


def meant(tenant, records):
    """Return the records of the token that one of a tenant means: its own, or those that name none."""
    own = {tenant, None} if tenant in issuers(records) else {None}
    return [each for each in records if tenant is None or each.get("tenant") in own]


def tokens(told):
    """Return each tenant's token as its first record tells of it."""
    return {
        (home, name): {**meant(home, records)[0], "tenant": home}
        for name, records in told.items()
        for home in issuers(records) or {None}
    }


def near(one, other):
    """Tell whether two tenants may be one."""
    return None in (one, other) or one == other


def switched_on(records, over):
    return [seconds(each) for each in records if each["kind"] == "credential" and seconds(each) > over]


def is_own(token, revocation):
    """Tell whether a token is no child by exchange, or one that a client got which the revocation names: its own, however it got it."""
    of_client = revocation["target_kind"] in ("client", "grant") and token["client_id"] == revocation.get(
        "client_id", 0
    )
    return token["kind"] != "exchange" or of_client


def ended(revocation, told, born):
    """Return the tokens that a revocation ends: tenant, id, whether it may be another tenant's, whether it begets, and when it was switched on again."""
    over, target, where = seconds(revocation), revocation["target_kind"], revocation.get("tenant")
    own, untold = {key: issue for key, issue in born.items() if issue["kind"] != "exchange"}, set()
    if target != "token":
        own = {key: issue for key, issue in born.items() if is_own(issue, revocation)}
        here = {key: each for key, each in own.items() if near(where, each["lived_in"])}
        if target == "session":
            mine = {key for key, each in own.items() if each.get("session_id") == revocation["session_id"]}
            keys = {key for key in mine if near(where, key[0]) and seconds(born[key]) <= over}
        elif target == "grant" and "grant_id" in revocation:
            keys = {key for key, each in own.items() if each["grant_id"] == revocation["grant_id"]}
        else:
            keys = {key for key, each in here.items() if same(each, revocation, WHOSE[target])}
            untold = {key for key in keys if where and here[key]["lived_in"] is None}
        by_id = target == "session" or (target == "grant" and "grant_id" in revocation)
        family, root = {(*key, key[0] if by_id else key[0] or where) for key in keys}, None
        unsure = target == "session" and where is None and len({home for home, _ in keys} - {None}) > 1
    else:
        root = revocation["token_id"]
        family, unsure = of_refresh(root, where, told, born, own)
    over_now = [
        (
            tenant,
            name,
            unsure or (home, name) in untold,
            born[home, name].get("token_kind") == "refresh",
            switched_on(meant(home, told[name]), over),
        )
        for home, name, tenant in family
        if seconds(born[home, name]) <= over
    ]
    if root:
        records = meant(where, told[root])
        several = where is None and len(issuers(records)) > 1
        known = records and seconds(records[0]) <= over
        over_now.append(
            (where, root, several and known, True, switched_on(records, over) if known and not several else [])
        )
    return over_now


def of_refresh(root, where, told, born, own):
    """Return what else a revoked refresh token ends, each with the tenant in which it was ended, and whether that may be another's."""

    def mine(tenant, home):
        return tenant is None or home in (tenant, None)

    base = {
        (home, name, each["grant_id"])
        for (home, name), each in born.items()
        if name == root and each.get("token_kind") == "refresh" and mine(where, home)
    }
    homes = [issuers(told[root])] if base else []
    for (home, name), each in born.items():
        known = any(other == root and near(home, tenant) for tenant, other in born)
        if (each.get("parent_token_id"), each["kind"]) == (root, "refresh") and not known and mine(where, home):
            base.add((home, root, each["grant_id"]))
            homes.append(issuers(told[name]))
    unsure = where is None and len(set().union(*homes, {home for home, *_ in base} - {None})) > 1
    line, more = set(), {(home, name, grant, where or home) for home, name, grant in base}
    while more - line:
        line |= more
        more = {
            (home, name, each["grant_id"], tenant or home)
            for _, parent, _, tenant in line
            for (home, name), each in own.items()
            if (each.get("parent_token_id"), each.get("token_kind")) == (parent, "refresh") and mine(tenant, home)
        }
    found = {(home, name, where or home) for home, name, *_ in line}
    found |= {
        (home, name, where or home)
        for _, _, grant, tenant in line
        for (home, name), each in own.items()
        if (each["grant_id"], each.get("token_kind")) == (grant, "access") and mine(tenant, home)
    }
    return {each for each in found if each[1] != root}, unsure


def line(revocation, told, born):
    """Return what came of revoked tokens, and whether it may have come of another tenant's.

    These are children and theirs of refresh tokens and of what it names, and what was exchanged for any.
    """
    over, target = seconds(revocation), revocation["target_kind"]
    if target in ("client", "subject") and revocation["kind"] == "disable":
        return set()  # it may have been enabled again, and its tokens with it
    found, more = set(), set()
    for tenant, parent, unsure, begets, on in ended(revocation, told, born):
        for (home, name), issue in born.items():
            switched = any(when <= seconds(issue) for when in on)
            if issue.get("parent_token_id") != parent or not near(tenant, home) or seconds(issue) <= over or switched:
                continue
            if begets or issue["kind"] == "exchange":
                others = issuers(told[parent]) - {tenant or home}
                several = None in (tenant, home) and len(others | {tenant, home} - {None}) > 1 and bool(others)
                more.add((home, name, tenant or home, unsure or several))
    while more - found:
        found |= more
        more = {
            (home, name, tenant or home, unsure or (home is None and len(issuers(told[parent])) > 1))
            for _, parent, tenant, unsure in found
            for (home, name), each in born.items()
            if each.get("parent_token_id") == parent and each["kind"] != "exchange" and near(tenant, home)
        }
    return found


def of_several(revocation, good):
    """Tell whether a revocation may have been that of another tenant, which has the same client."""
    if "tenant" in revocation or "grant_id" in revocation or revocation["target_kind"] not in ("grant", "client"):
        return False
    of = WHOSE[revocation["target_kind"]]
    return len({each.get("tenant") for each in good if same(each, revocation, of)} - {None}) > 1


def consented(revocation, issue, good):
    """Say whether a token rests on a consent after the revocation: yes, maybe or no."""
    given = [each for each in good if each["kind"] == "consent"]
    mine, unsure = [each for each in given if each["held"] == issue["grant_id"]], []
    if "grant_id" not in revocation:
        other = [each for each in given if same(each, issue, WHOSE["grant"])]
        mine += [each for each in other if each.get("tenant") == issue.get("tenant")]
        unsure = [each for each in other if (each.get("tenant") is None) != (issue.get("tenant") is None)]
    over, born = seconds(revocation), seconds(issue)
    if any(over < seconds(each) <= born for each in mine):
        return "yes"
    return "maybe" if any(over - NEAR <= seconds(each) <= born + NEAR for each in mine + unsure) else "no"


def issued_after(records):
    """Say what a reader of one family says: the verdict by tenant and token."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    told, said = issuance(good), {}
    born = tokens(told)
    homes = {}
    for each in good:
        homes.setdefault(each["held"] if each["kind"] == "consent" else each["grant_id"], set()).add(each.get("tenant"))
    for (home, _), each in born.items():
        of_grant = homes.get(each["grant_id"], set()) - {None}
        each["lived_in"] = home or (min(of_grant) if len(of_grant) == 1 else None)
    for revocation in records:
        if revocation["log"] != "revocation" or revocation["outcome"] != "success" or revocation["kind"] == "downgrade":
            continue
        over, several = seconds(revocation), of_several(revocation, good)
        came = {(home, name, unsure) for home, name, _, unsure in line(revocation, told, born)}
        for (home, name), issue in born.items():
            of = revocation["target_kind"] == "grant" and seconds(issue) > over
            if "grant_id" in revocation:
                of = of and issue["grant_id"] == revocation["grant_id"]
            else:
                of = of and same(issue, revocation, WHOSE["grant"]) and near(revocation.get("tenant"), home)
            untold = "grant_id" not in revocation and "tenant" in revocation and home is None
            ways = [("no", unsure or several) for unsure in (True, False) if (home, name, unsure) in came]
            if of and (home, name, False) not in came:
                ways.append((consented(revocation, issue, good), several or untold))
            for fresh, unsure in ways:
                if fresh == "yes" or not SINCE <= AT + timedelta(seconds=seconds(issue)) < UNTIL:
                    continue
                sure = fresh == "no" and seconds(issue) - over > NEAR and not unsure
                known = said.get((home, name))
                said[home, name] = "violation" if sure or known == "violation" else "indeterminate"
    for key in let_in_again(records, good, born):
        said.setdefault(key, "indeterminate")
    return said, born


def let_in_again(records, good, born):
    """Return what was issued first after a client or person was disabled, whom nobody is seen to have let in again."""
    found = set()
    for off in records:
        target = off.get("target_kind")
        if (off.get("kind"), off["outcome"]) != ("disable", "success") or target not in ("client", "subject"):
            continue
        if of_several(off, good):
            continue
        mine = {
            key: seconds(each)
            for key, each in born.items()
            if same(each, off, WHOSE[target]) and key[0] == off.get("tenant") and seconds(each) - NEAR > seconds(off)
        }
        first = min(mine.values(), default=None)
        again = [
            seconds(each)
            for each in good
            if each["kind"] == "consent" and target == "client" and same(each, off, WHOSE["client"])
            and each.get("tenant") == off.get("tenant") and seconds(each) > seconds(off)
        ]  # fmt: skip
        if first is None or min(again, default=first + 1) <= first:
            continue
        found |= {key for key, at in mine.items() if at == first and SINCE <= AT + timedelta(seconds=at) < UNTIL}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_was_issued_after_a_revocation_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [
        [{"event_id": f"e{number:04}-{place:02}", **row} for place, row in enumerate(family(rng, number))]
        for number in range(500)
    ]
    told = [as_logged(row, number) for number, rows in enumerate(families) for row in rows]
    with desk.store(desk.write("log.ndjson", [*kept_going, *told])) as store:
        # Which grant a consent belongs to that names none is a question of its own.
        with worked_out(store.engine, ["issued"], {}):
            own = {
                mark: (name, tenant)
                for mark, name, tenant in store.engine.execute("SELECT own, id, tenant FROM id_apart").fetchall()
            }
            of = store.engine.execute("SELECT event_id, grant_id FROM issued WHERE kind = 'consent'").fetchall()
            held = {event: own.get(grant, grant) for event, grant in of}
        (found,) = detect.run(store, ["REV-2"], since=SINCE, until=UNTIL)
    families = [told_apart(rows) for rows in families]
    for rows in families:
        for row in rows:
            row["held"] = held.get(row["event_id"])
    expected, born = {}, {}
    for said, of in map(issued_after, families):
        expected |= said
        born |= of
    # One that names no tenant is told of that of the revocation.
    keys = [(row["tenant"], row["token_id"]) for row in found.to_dicts()]
    keys = [key if key in born else (None, key[1]) for key in keys]
    assert len(set(keys)) == len(keys)
    assert dict(zip(keys, (row["verdict"] for row in found.to_dicts()), strict=True)) == expected
    shared = {name for (home, name) in born if home and any((other, name) in born for other in {"one", "two"} - {home})}
    assert sum(born[key].get("parent_token_id") in shared for key in expected) > 5
    assert min(Counter(expected.values()).values()) > 20
