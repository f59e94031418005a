"""OOS-4 beside plain Python: small families of tokens, each with a consent near its refresh or none, of few clients and people."""

import random
from collections import Counter

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, token
from tests.rules.shared_ids import told_apart

SCOPES = (None, ["mail.read"], ["mail.write"], ["mail.read", "mail.send"], ["files.read", "offline_access"], ["openid"])
AUDIENCES = (
    None,
    [],
    ["mail.example"],
    ["https://Mail.example/"],
    ["files.example"],
    ["mail.example", "files.example"],
)
IMPLIED = {"mail.write": {"mail.read", "mail.send"}}
NO_OPERATION = {"openid", "offline_access"}
PARENT, CHILD = "10 09:00", "10 10:00"
BETWEEN = (
    *("10 08:00", PARENT, "10 09:00:00.000001", "10 09:30", CHILD),
    *("10 10:00:00.000001", "10 10:00:10", "10 10:00:10.000001"),
)


def families(seed):
    """Return parent, child and consent of many families; the consent is of the child's grant, client and person, or of another."""
    rng = random.Random(seed)
    for number in range(400):
        who = {
            "client_id": f"c{number}",
            "subject_id": rng.choice(("ann", "ann", "ann", None)),
            "subject_kind": rng.choice(("user", "user", None)),
            "tenant": rng.choice((None, "one", "one")),
            "source": rng.choice(("native", "native", "desk")),
        }
        apart = number % 2 == (who["source"] == "desk")
        name = f"{number // 2}" if apart else f"x{number}"  # two sources may have one id
        born = {**who, "grant_id": f"g{number}"}
        if who["subject_id"] is None:
            born["subject_kind"] = rng.choice(("user", "service", None))
        parent = token(
            PARENT,
            f"p{name}",
            rng.choice(SCOPES),
            audience=rng.choice(AUDIENCES),
            **born,
            token_kind=rng.choice(("refresh", "refresh", "refresh", "access", None)),
            outcome=rng.choice(("success",) * 6 + ("denied",)),
        )
        child = token(
            CHILD,
            f"t{name}",
            rng.choice(SCOPES),
            audience=rng.choice(AUDIENCES),
            **born,
            kind=rng.choice(("refresh",) * 6 + ("exchange",)),
            parent_token_id=rng.choice((f"p{name}",) * 8 + (None, "lost")),
        )
        given = None
        if rng.random() < 0.8:
            of = {
                "client_id": rng.choice((who["client_id"],) * 3 + ("another",)),
                "subject_id": rng.choice((who["subject_id"], who["subject_id"], "ben", None, None)),
                "tenant": rng.choice((who["tenant"],) * 3 + ("two", None)),
                "source": rng.choice((who["source"],) * 4 + ("native",)),
                "outcome": rng.choice(("success",) * 5 + ("denied",)),
                "kind": rng.choice(("consent", "consent", "change")),
            }
            of["subject_kind"] = "user" if of["subject_id"] else rng.choice(("user", "service", None))
            to = rng.choice((["files.read"], ["files.read"], ["mail.read", "openid"], None))
            given = consent(rng.choice(BETWEEN), to, rng.choice((f"g{number}", f"h{number}")), **of)
        yield parent, child, given


def whose(given, child):
    """Say whether a consent is the child's: True, False, or None where the records leave it open."""
    if given["outcome"] != "success" or given.get("source") != child.get("source"):
        return False
    if given.get("grant_id") == child["grant_id"]:
        return True
    tenants, people = [[record.get(key) for record in (given, child)] for key in ("tenant", "subject_id")]
    if given["client_id"] != child["client_id"] or (None not in tenants and tenants[0] != tenants[1]):
        return False
    everyone = people[0] is None and given.get("subject_kind") == "user"
    named = people[0] == people[1] or everyone
    if not named and None not in people:
        return False
    unnamed = given if people[0] is None else child
    if not named and unnamed.get("subject_kind") == "service":
        return False
    return True if named and tenants[0] == tenants[1] else None


def servers(names):
    return {name.lower().removeprefix("https://").strip("/") for name in names or ()}


def verdict(parent, child, given):
    """Say what a reader of the three records says; None where nothing is to be said."""
    if child["kind"] != "refresh" or "parent_token_id" not in child:
        return None
    if parent is None:
        return "indeterminate"
    born, later = (moment(when) for when in (PARENT, CHILD))
    excuse, when = (whose(given, child), given["issued_at"]) if given else (False, "")
    if excuse and born < when <= later:
        return None
    held, has = parent.get("scopes"), child.get("scopes")
    added = set()
    if held is not None and has is not None:
        added = set(has) - {wide for scope in held for wide in (scope, *IMPLIED.get(scope, ()))} - NO_OPERATION
    elsewhere = parent.get("audience") and servers(child.get("audience")) - servers(parent["audience"])
    if added or elsewhere:
        maybe = excuse is not False and born < when <= moment("10 10:00:10")
        # One in the very moment of the parent was the parent's own if it gave no more than that.
        if excuse is not False and born == when:
            more = "scopes" not in given or not {*given["scopes"]} <= {*(held or ()), *NO_OPERATION}
            maybe = bool((added and more) or elsewhere)
        return "indeterminate" if maybe or parent.get("token_kind") == "access" else "violation"
    return "indeterminate" if held is None or has is None else None


def told_apart_family(family):
    """Return its records, None where there is none, with its grants told apart: no other family has their ids."""
    told = iter(told_apart(row for row in family if row))
    return [next(told) if row else None for row in family]


@pytest.mark.parametrize("seed", range(3))
def test_what_a_refresh_gave_beside_plain_python(desk, kept_going, seed):
    told = list(families(seed))
    rows = [row for family in told for row in family if row]
    records = [{**row, "event_id": f"e{number:04}"} for number, row in enumerate(rows)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        (found,) = detect.run(store, ["OOS-4"])
    born = {
        (row.get("source"), row["token_id"]): row
        for row in rows
        if row.get("token_id", "")[:1] == "p" and row["outcome"] == "success"
    }
    expected = {}
    for family in told:
        _, child, given = told_apart_family(family)
        parent = born.get((child["source"], child.get("parent_token_id")))
        if said := verdict(parent, child, given):
            expected[child["client_id"]] = said
    assert {row["client_id"]: row["verdict"] for row in found.to_dicts()} == expected
    assert min(Counter(expected.values()).values()) > 20
