"""What a grant allowed at each moment, told again as a story in plain Python."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import when
from .oracle import enabled_at, issued, of_several, party_of

OPENERS = ("consent", "change")


def steps_of(world, grant):
    """Return what happens to a grant, in time: (moment, 0 for an end, 1 for a removal, 2 for an opening, its row)."""
    mine = [row for row in issued(world) if row["grant_id"] == grant]
    openings = opened_by(mine)
    if not openings:
        return []
    tenant, client, subject = holder(mine, openings)
    first = min(row["issued_at"] for row in openings)
    steps = [(row["issued_at"], 2, row) for row in openings]
    steps += [(row["issued_at"], 1, {"unsure": True, "scopes_removed": []}) for row in changes_of_keys(world, mine)]
    steps += [(row["issued_at"], 1, {"unsure": True, "scopes_removed": []}) for row in nameless_changes(world, tenant)]
    for row in world["revocation"]:
        if row["outcome"] != "success":
            continue
        by_id = row["target_kind"] == "grant" and row.get("grant_id") is not None
        untold = tenant is None and row.get("tenant") is not None
        if not by_id and row.get("tenant") not in (None, tenant) and not (untold and row["kind"] == "downgrade"):
            continue
        if row["kind"] == "downgrade":
            whole = row["target_kind"] == "client" and row["client_id"] == client
            theirs = row["target_kind"] == "subject" and subject is not None and row["subject_id"] == subject
            pair = (
                row["target_kind"] == "grant"
                and row["grant_id"] is None
                and (row["client_id"], row["subject_id"]) == (client, subject)
            )
            alike = homes(world, client, subject) if pair else homes(world, client) if whole else ()
            unsure = (row.get("tenant") is None and len(alike) > 1) or (untold and not by_id)
            if (by_id and row["grant_id"] == grant) or pair or whole or theirs:
                steps.append((row["revoked_at"], 1, {**row, "unsure": unsure}))
        elif row["kind"] in ("revoke", "disable") and not of_several(world, row) and enabled_at(world, row) is None:
            on_pair = (
                row.get("grant_id") is None and row["client_id"] == client and subject and row["subject_id"] == subject
            )
            named = row["target_kind"] == "grant" and (
                row.get("grant_id") == grant or (on_pair and first <= row["revoked_at"])
            )
            client_gone = row["target_kind"] == "client" and row["client_id"] == client and first <= row["revoked_at"]
            subject_gone = (
                row["target_kind"] == "subject"
                and subject is not None
                and row["subject_id"] == subject
                and first <= row["revoked_at"]
            )
            if named or client_gone or subject_gone:
                steps.append((row["revoked_at"], 0, row))
    # At one moment the end comes first, then what is taken away, then what is given.
    return sorted(steps, key=lambda step: step[:2])


def changes_of_keys(world, mine):
    """Return the changes of tokens of a grant that name another grant or none, and not the scopes that the token had."""
    return [
        row
        for row in issued(world)
        if row["kind"] == "change" and row.get("token_id") is not None
        for key in mine
        if key["kind"] not in OPENERS and key["token_id"] == row["token_id"] and key["grant_id"] != row["grant_id"]
        if None in (row.get("tenant"), key.get("tenant")) or row["tenant"] == key["tenant"]
        if row["scopes"] is None or key["scopes"] is None or set(row["scopes"]) != set(key["scopes"])
    ]


def nameless_changes(world, tenant):
    """Return the changes of a tenant that do not say of what they are: they may be of any grant."""
    names = ("grant_id", "client_id", "token_id", "subject_id")
    mine = [row for row in issued(world) if row["kind"] == "change" and row.get("tenant") == tenant]
    return [row for row in mine if all(row.get(name) is None for name in names)]


def allowed(world, grant, moment):
    """Return the scopes a grant allows at a moment: None while it is closed, "unknown" where no log names any."""
    open_, ended_before, vague, named, held = False, False, False, False, set()
    steps = steps_of(world, grant)
    by_consent = any(row.get("kind") == "consent" for _, what, row in steps if what == 2)
    steps = [step for step in steps if step[0] <= moment]
    for stamp in sorted({stamp for stamp, *_ in steps}):
        ends, removals, given = ([row for at, what, row in steps if (at, what) == (stamp, which)] for which in range(3))
        if ends:
            open_, ended_before, vague, named, held = False, True, False, False, set()
        given = [row for row in given if open_ or row["kind"] in OPENERS or not ended_before]
        open_ |= bool(given)
        if not open_:
            continue
        wholes = [row for row in given if row["kind"] == "change" and row["scopes"] is not None]
        if wholes:
            vague, held = False, set()
        vague |= any(row["unsure"] or row["scopes_removed"] is None for row in removals)
        untold = [row["kind"] for row in given if row["scopes"] is None]
        vague |= any(kind in OPENERS or (kind != "refresh" and not by_consent) for kind in untold)
        named |= any(row["scopes"] is not None for row in given)
        held -= {scope for row in removals for scope in row["scopes_removed"] or ()}
        held |= {scope for row in given for scope in row["scopes"] or ()}
    if not open_:
        return None
    return sorted(held) if named and not vague else "unknown"


def taken_away(steps, opened_at, moment):
    """Return the scopes that downgrades took since a grant was opened and that were not given again: when first, and by which of that moment."""
    taken, dropped = {}, set()
    for stamp in sorted({stamp for stamp, *_ in steps if opened_at <= stamp <= moment}):
        now = [(what, row) for at, what, row in steps if at == stamp]
        given = {scope for what, row in now if what == 2 for scope in row["scopes"] or ()}
        dropped -= given
        for what, row in now:
            for scope in set(row["scopes_removed"] or ()) - given - dropped if what == 1 else ():
                at, event = taken.get(scope, (stamp, row["event_id"]))
                taken[scope] = (at, min(event, row["event_id"]) if at == stamp else event)
        taken = {scope: found for scope, found in taken.items() if scope not in given}
        if any(what == 2 and row["kind"] == "change" and row["scopes"] is not None for what, row in now):
            ever = {scope for _, what, row in steps if what == 2 for scope in row["scopes"] or ()}
            dropped |= ever - given - set(taken)
    return [{"scope": scope, "taken_at": when(at), "event_id": event} for scope, (at, event) in sorted(taken.items())]


def opened_by(mine):
    """Return what opens a grant or adds to it, of its issuance."""
    consented = min((row["issued_at"] for row in mine if row["kind"] in OPENERS), default=None)
    return [row for row in mine if row["kind"] in OPENERS or consented is None or row["issued_at"] < consented]


def holder(mine, openings):
    """Return tenant, client and subject of a grant; one for everyone is nobody's, as one that an admin gave to nobody, or by which tokens of several came."""
    tenant, client, _ = party_of(openings[0])
    people = {row["subject_id"] for row in openings} - {None}
    of_nobody = [row for row in mine if row["subject_id"] is None]
    by_admin = any(row["kind"] == "consent" and row.get("consent_kind") == "admin" for row in of_nobody)
    everyones = any(row.get("subject_kind") == "user" for row in of_nobody)
    several = len({row["subject_id"] for row in mine if row["kind"] not in OPENERS} - {None}) > 1
    return tenant, client, None if everyones or by_admin or several else min(people, default=None)


def homes(world, client, *subject):
    """Return the tenants in which a client, with anybody or with a subject, holds a grant."""
    by_grant = defaultdict(list)
    for row in issued(world):
        if row["grant_id"] is not None:
            by_grant[row["grant_id"]].append(row)
    parties = [holder(mine, opened_by(mine)) for mine in by_grant.values() if opened_by(mine)]
    return {tenant for tenant, *party in parties if party[: 1 + len(subject)] == [client, *subject]} - {None}


def told(rows, grant, moment):
    holding = [row for row in rows if row["grant_id"] == grant and row["valid_from"] <= moment < row["valid_until"]]
    assert len(holding) <= 1, f"two states at one moment: {holding}"
    if not holding:
        return None
    return "unknown" if holding[0]["scopes"] is None else holding[0]["scopes"]


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_what_it_allows_at_every_moment(bench, worlds, moments, seed):
    hold(bench, worlds(seed), moments)


@pytest.mark.parametrize("seed", range(6))
def test_what_it_allows_where_much_happens_at_once(bench, parties, moments, seed):
    hold(bench, parties(seed), moments)


def hold(bench, laid, moments):
    bench.lay(laid)
    rows = defaultdict(list)
    for row in bench.answers("grant_state"):
        rows[row["source"], row["grant_id"]].append(row)
    for world in laid:
        for grant in {row["grant_id"] for row in issued(world)} - {None}:
            mine, steps = rows[world["source"], grant], steps_of(world, grant)
            for moment in moments(world):
                expected, said = allowed(world, grant, moment), told(mine, grant, moment)
                assert said == expected, f"{world['source']} {grant} at {moment}: {said}, not {expected}\n{world}"
            given = [row for row in issued(world) if row["grant_id"] == grant]
            for row in mine:
                assert (row["tenant"], row["client_id"], row["subject_id"]) == holder(given, opened_by(given))
                ends = [end["event_id"] for at, what, end in steps if what == 0 and at == row["ended_at"]]
                assert row["ended_by"] == min(ends, default=None)
                assert (row["taken"] or []) == taken_away(steps, row["opened_at"], row["valid_from"]), world


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_its_intervals_are_half_open_and_follow_each_other(bench, worlds, seed):
    follow(bench, worlds(seed))


@pytest.mark.parametrize("seed", range(3))
def test_its_intervals_follow_each_other_where_much_happens_at_once(bench, parties, seed):
    follow(bench, parties(seed))


def follow(bench, laid):
    bench.lay(laid)
    rows = bench.answers("grant_state")
    consented = {
        (world["source"], row["grant_id"]) for world in laid for row in issued(world) if row["kind"] in OPENERS
    }
    intervals = defaultdict(list)
    for row in rows:
        assert row["opened_at"] <= row["valid_from"] < row["valid_until"]
        assert row["ended_at"] is None or row["valid_until"] <= row["ended_at"]
        assert (row["ended_at"] is None) == (row["ended_by"] is None)
        assert row["by_consent"] == ((row["source"], row["grant_id"]) in consented)
        intervals[row["source"], row["grant_id"]].append((row["valid_from"], row["valid_until"], row["ended_at"]))
    for parts in intervals.values():
        parts.sort()
        for (_, until, ended), (then, _, _) in pairwise(parts):
            assert until <= then
            assert until == then or ended == until, "a hole inside a grant that nobody ended"


FOREVER = 2**63 - 1
SECOND = 1_000_000
NOON = 1_783_684_800 * SECOND  # 2026-07-10 12:00 UTC


def tale(*steps):
    """Write a world of one grant: ("consent", 0, ["r"]), ("revoke", 60), ("downgrade", 30, ["w"])."""
    issuance, revocation = [], []
    for number, (kind, second, *scopes) in enumerate(steps):
        who = {
            "event_id": f"e{number}",
            "outcome": "success",
            "grant_id": "g",
            "client_id": "a",
            "subject_id": "x",
            "kind": kind,
        }
        if kind in ("revoke", "downgrade", "signal"):
            removed = scopes[0] if scopes else None
            revocation.append(
                {**who, "revoked_at": NOON + second * SECOND, "target_kind": "grant", "scopes_removed": removed}
            )
        else:
            token = {"token_id": f"t{number}", "token_kind": "access"} if kind == "token" else {}
            issuance.append({**who, **token, "issued_at": NOON + second * SECOND, "scopes": scopes[0]})
    return {"source": "tale", "issuance": issuance, "usage": [], "revocation": revocation, "clock": {}, "server": {}}


@pytest.mark.parametrize(
    ("steps", "second", "expected"),
    [
        ([("consent", 0, ["r"])], -1, None),
        ([("consent", 0, ["r"])], 0, ["r"]),
        ([("consent", 0, ["r"]), ("consent", 60, ["w"])], 60, ["r", "w"]),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, ["w"])], 30, ["r"]),
        ([("consent", 0, ["r"]), ("downgrade", 30, ["r"])], 31, []),
        ([("consent", 0, ["r", "w"]), ("signal", 30, ["w"])], 31, ["r", "w"]),
        ([("consent", 0, ["r"]), ("revoke", 60)], 59, ["r"]),
        ([("consent", 0, ["r"]), ("revoke", 60)], 60, None),
        ([("consent", 0, ["r"]), ("revoke", 60), ("token", 70, ["r"])], 80, None),
        ([("consent", 0, ["r"]), ("revoke", 60), ("consent", 90, ["w"])], 95, ["w"]),
        ([("token", 0, ["r"]), ("token", 10, ["w"])], 20, ["r", "w"]),
        ([("token", 0, ["r"]), ("revoke", 60), ("token", 70, ["w"])], 80, None),
        # A token of which no scopes are told may hold others than those before; one that came of a refresh cannot.
        ([("token", 0, ["r"]), ("token", 10, None)], 9, ["r"]),
        ([("token", 0, ["r"]), ("token", 10, None)], 10, "unknown"),
        ([("token", 0, ["r"]), ("token", 10, None), ("change", 20, None)], 15, "unknown"),
        ([("token", 0, None), ("consent", 10, ["r"])], 20, ["r"]),
        ([("token", 0, ["r"]), ("refresh", 10, None)], 20, ["r"]),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, ["w"]), ("consent", 30, ["w"])], 31, ["r", "w"]),
        # What a change does not tell is not known from then on, until one tells the whole.
        ([("consent", 0, ["r"]), ("change", 30, None)], 29, ["r"]),
        ([("consent", 0, ["r"]), ("change", 30, None)], 30, "unknown"),
        ([("consent", 0, ["r"]), ("change", 30, None), ("consent", 60, ["w"])], 90, "unknown"),
        ([("consent", 0, ["r"]), ("change", 30, None), ("change", 60, ["w"])], 59, "unknown"),
        ([("consent", 0, ["r"]), ("change", 30, None), ("change", 60, ["w"])], 60, ["w"]),
        ([("consent", 0, ["r"]), ("change", 30, ["w"]), ("change", 30, None)], 60, "unknown"),
        ([("consent", 0, None), ("change", 30, ["w"])], 60, ["w"]),
        ([("consent", 0, ["r"]), ("change", 30, None), ("revoke", 60), ("consent", 90, ["w"])], 95, ["w"]),
        ([("token", 0, ["r"]), ("change", 30, None), ("token", 60, ["w"])], 90, "unknown"),
        # One that tells is the whole: what it does not name is over.
        ([("consent", 0, ["r", "w"]), ("change", 30, ["r", "s"])], 29, ["r", "w"]),
        ([("consent", 0, ["r", "w"]), ("change", 30, ["r", "s"])], 30, ["r", "s"]),
        ([("consent", 0, ["r", "w"]), ("change", 30, [])], 30, []),
        ([("consent", 0, ["r"]), ("change", 30, ["s"]), ("consent", 30, ["w"])], 31, ["s", "w"]),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, None)], 29, ["r", "w"]),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, None)], 30, "unknown"),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, None), ("change", 60, ["r"])], 60, ["r"]),
        ([("consent", 0, ["r", "w"]), ("downgrade", 30, [])], 30, ["r", "w"]),
    ],
)
def test_tales(bench, steps, second, expected):
    world = tale(*steps)
    bench.lay([world])
    rows = bench.answers("grant_state")
    moment = NOON + second * SECOND
    assert told(rows, "g", moment) == expected
    assert allowed(world, "g", moment) == expected, "the oracle itself"


@pytest.mark.parametrize(("scopes", "expected"), [(None, "unknown"), (["w"], "unknown"), (["r"], ["r"])])
def test_a_change_of_a_key_that_names_no_grant_is_one_of_the_grant_of_the_key(bench, scopes, expected):
    world = tale(("token", 0, ["r"]))
    who = {"tenant": None, "grant_id": None, "client_id": None, "subject_id": None, "token_id": "t0"}
    edit = {**world["issuance"][0], **who, "token_kind": None, "event_id": "e9", "kind": "change", "scopes": scopes}
    world["issuance"].append(edit | {"issued_at": NOON + 30 * SECOND})
    bench.lay([world])
    rows = bench.answers("grant_state")
    for second, held in ((29, ["r"]), (30, expected)):
        assert told(rows, "g", NOON + second * SECOND) == held
        assert allowed(world, "g", NOON + second * SECOND) == held, "the oracle itself"


@pytest.mark.parametrize(
    ("tenant", "steps", "expected"),
    [
        ("p", [("consent", 0, ["r"])], "unknown"),
        ("q", [("consent", 0, ["r"])], ["r"]),
        ("p", [("consent", 31, ["r"])], ["r"]),
        ("p", [("consent", 0, ["r"]), ("change", 31, ["w"])], ["w"]),
        ("p", [("consent", 0, ["r"]), ("change", 30, ["w"])], "unknown"),
        ("p", [("consent", 0, ["r"]), ("revoke", 10), ("consent", 35, ["w"])], ["w"]),
    ],
)
def test_a_change_that_names_nothing_may_be_of_any_grant_of_its_tenant(bench, tenant, steps, expected):
    world = tale(*steps)
    for row in world["issuance"] + world["revocation"]:
        row["tenant"] = "p"
    nobody = {"grant_id": None, "client_id": None, "subject_id": None, "token_id": None}
    edit = {
        **world["issuance"][0],
        **nobody,
        "event_id": "e9",
        "kind": "change",
        "tenant": tenant,
        "scopes": ["r", "w"],
    }
    world["issuance"].append(edit | {"issued_at": NOON + 30 * SECOND})
    bench.lay([world])
    assert told(bench.answers("grant_state"), "g", NOON + 40 * SECOND) == expected
    assert allowed(world, "g", NOON + 40 * SECOND) == expected, "the oracle itself"


@pytest.mark.parametrize(
    ("kind", "subject", "ended"),
    [("user", None, None), ("service", "ann", NOON + 2 * SECOND), (None, "ann", NOON + 2 * SECOND)],
)
def test_a_grant_for_everyone_is_nobodys_though_a_token_of_somebody_is_older(bench, kind, subject, ended):
    everyone = {"outcome": "success", "client_id": "a", "subject_id": None, "subject_kind": kind, "audience": ["m"]}
    ann = {**everyone, "subject_id": "ann", "subject_kind": "user", "kind": "token", "token_id": "t"}
    ann["grant_id"] = "derived:a/ann" if kind == "user" else "g"
    issuance = [
        {**ann, "event_id": "e1", "issued_at": NOON, "scopes": ["r"]},
        {**everyone, "event_id": "e2", "issued_at": NOON + SECOND, "kind": "consent", "grant_id": "g", "scopes": ["w"]},
    ]
    gone = {"event_id": "r", "kind": "disable", "outcome": "success", "target_kind": "subject", "subject_id": "ann"}
    revocation = [{**gone, "revoked_at": NOON + 2 * SECOND}]
    bench.lay([{"source": "s", "issuance": issuance, "usage": [], "revocation": revocation, "clock": {}, "server": {}}])
    rows = bench.answers("grant_state")
    assert {(row["grant_id"], row["subject_id"], row["ended_at"]) for row in rows} == {("g", subject, ended)}
    assert told(rows, "g", NOON + 3 * SECOND) == (None if ended else ["r", "w"])
