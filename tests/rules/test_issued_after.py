"""REV-2 beside plain Python: what came of few grants and tokens after they were revoked, with consents near it, and of whom that is not told."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, revoked, token

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
    tenants = rng.choice(((None,), ("one",), ("one",), ("one", None), ("one", "two")))

    def party():
        return {
            "client_id": rng.choice((f"c{number}",) * 5 + (f"d{number}",)),
            "subject_id": rng.choice((f"s{number}",) * 5 + (f"r{number}",)),
            "tenant": rng.choice(tenants),
        }

    records, names = [], []
    for turn in range(rng.randint(2, 7)):
        name, again = f"t{number}-{turn}", bool(names) and rng.random() < 0.15
        if again:  # a key that is switched on, or an id that comes twice
            name, kind = rng.choice(names), rng.choice(("credential", "credential", "token"))
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
        of |= {"token_id": rng.choice([*names, f"u{number}"])} if target == "token" else {}
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


def tokens(good):
    """Return each token as its first record tells of it."""
    born = {}
    for record in sorted(good, key=lambda record: (seconds(record), record["event_id"])):
        if record["kind"] != "consent":
            born.setdefault(record["token_id"], record)
    return born


def ended(revocation, born):
    """Return the tokens that a revocation ends."""
    over, target = seconds(revocation), revocation["target_kind"]
    own = {name: issue for name, issue in born.items() if issue["kind"] != "exchange"}
    here = {name: each for name, each in own.items() if revocation.get("tenant") in (None, each.get("tenant"))}
    if target == "session":
        names = {name for name, each in own.items() if each.get("session_id") == revocation["session_id"]}
    elif target == "grant" and "grant_id" in revocation:
        names = {name for name, each in own.items() if each["grant_id"] == revocation["grant_id"]}
    elif target != "token":
        names = {name for name, each in here.items() if same(each, revocation, WHOSE[target])}
    else:
        first = revocation["token_id"]
        came = [each for each in born.values() if (each.get("parent_token_id"), each["kind"]) == (first, "refresh")]
        names = {first}
        if born[first].get("token_kind") == "refresh" if first in born else came:
            more = None
            while more != names:
                more = set(names)
                names |= {
                    name
                    for name, each in own.items()
                    if each.get("parent_token_id") in more and each.get("token_kind") == "refresh"
                }
            grants = {born[name]["grant_id"] for name in names & set(born)}
            grants |= set() if first in born else {each["grant_id"] for each in came}
            names |= {
                name for name, each in own.items() if each["grant_id"] in grants and each.get("token_kind") == "access"
            }
    return {name for name in names if name in born and seconds(born[name]) <= over}


def line(revocation, born, good):
    """Return what came of revoked tokens: children and theirs of refresh tokens and of what it names, and what was exchanged for any."""
    over, target = seconds(revocation), revocation["target_kind"]
    if target in ("client", "subject") and revocation["kind"] == "disable":
        return set()  # it may have been enabled again, and its tokens with it
    parents = ended(revocation, born) | ({revocation["token_id"]} if target == "token" else set())
    found = set()
    for name, issue in born.items():
        parent = issue.get("parent_token_id")
        if parent not in parents or seconds(issue) <= over:
            continue
        again = [seconds(each) for each in good if each.get("token_id") == parent and each["kind"] == "credential"]
        on = parent in ended(revocation, born) and any(over < when <= seconds(issue) for when in again)
        begets = parent == revocation.get("token_id") or born[parent].get("token_kind") == "refresh"
        if not on and (begets or issue["kind"] == "exchange"):
            found.add(name)
    while (
        more := {
            name for name, each in born.items() if each.get("parent_token_id") in found and each["kind"] != "exchange"
        }
        - found
    ):
        found |= more
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
    """Say what a reader of one family says: the verdict by token."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    born, said = tokens(good), {}
    for revocation in records:
        if revocation["log"] != "revocation" or revocation["outcome"] != "success" or revocation["kind"] == "downgrade":
            continue
        over, came = seconds(revocation), line(revocation, born, good)
        for name, issue in born.items():
            of = revocation["target_kind"] == "grant" and seconds(issue) > over
            if "grant_id" in revocation:
                of = of and issue["grant_id"] == revocation["grant_id"]
            else:
                of = (
                    of
                    and same(issue, revocation, WHOSE["grant"])
                    and revocation.get("tenant") in (None, issue.get("tenant"))
                )
            fresh = "no" if name in came else consented(revocation, issue, good)
            if (
                not (of or name in came)
                or fresh == "yes"
                or not SINCE <= AT + timedelta(seconds=seconds(issue)) < UNTIL
            ):
                continue
            sure = fresh == "no" and seconds(issue) - over > NEAR and not of_several(revocation, good)
            said[name] = "violation" if sure or said.get(name) == "violation" else "indeterminate"
    return said


@pytest.mark.parametrize("seed", range(4))
def test_what_was_issued_after_a_revocation_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [
        [{"event_id": f"e{number:04}-{place:02}", **row} for place, row in enumerate(family(rng, number))]
        for number in range(500)
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *(row for rows in families for row in rows)])) as store:
        # Which grant a consent belongs to that names none is a question of its own.
        held = dict(store.sql("SELECT event_id, grant_id FROM issued WHERE kind = 'consent'").to_pandas().values)
        (found,) = detect.run(store, ["REV-2"], since=SINCE, until=UNTIL)
    for rows in families:
        for row in rows:
            row["held"] = held.get(row["event_id"])
    expected = {name: said for rows in families for name, said in issued_after(rows).items()}
    rows = {row["token_id"]: row["verdict"] for row in found.to_dicts()}
    assert rows == expected
    assert min(Counter(expected.values()).values()) > 20
