"""Tokens, and which of them a revocation ends: the table of targets, walked by hand."""

import random
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.relations.covered_token import why_doubted
from grantlens.relations.grant_life import may_have_ended
from grantlens.rules import late_revocation

from .oracle import enabled_at, issued, of_several

FOREVER = 2**63 - 1
BORN = ("token", "refresh", "exchange", "credential")


def records_of(world):
    """Return the records of each token id."""
    born = defaultdict(list)
    for row in issued(world):
        if row.get("token_id") and row["kind"] in BORN:
            born[row["token_id"]].append(row)
    return born


def homes_of(rows):
    """Return the tenants that issued a token of an id."""
    return {row.get("tenant") for row in rows} - {None}


def tokens_of(world):
    """Return each token once: its first record, its last expiry."""
    return tokens_from(records_of(world))


def tokens_of_tenants(world):
    """Return each token of each tenant, by None where no record names one."""
    return tokens_from(
        {
            (token_id, home): mine
            for token_id, rows in records_of(world).items()
            for home in homes_of(rows) or {None}
            for mine in [[row for row in rows if row.get("tenant") in (home, None)]]
        }
    )


def tokens_from(born):
    tokens = {}
    for token_id, rows in born.items():
        first = min(rows, key=lambda row: (row["issued_at"], row["event_id"]))
        ends = [row["expires_at"] for row in rows if row["expires_at"] is not None]
        told_at = max((row["issued_at"] for row in rows if row["expires_at"] is not None), default=None)
        if told_at is not None and any(
            row["kind"] == "credential" and row["expires_at"] is None and row["issued_at"] > told_at for row in rows
        ):
            ends = []  # a key that was issued again, until nobody says when
        scopes = {tuple(sorted(row["scopes"])) for row in rows if row["scopes"] is not None}
        tokens[token_id] = {
            **first,
            "expires_at": max(ends, default=None),
            "scopes": first["scopes"] if len(scopes) < 2 else None,
        }
    return tokens


def counting(world):
    return [row for row in world["revocation"] if row["outcome"] == "success" and row["kind"] in ("revoke", "disable")]


def is_own(token, revocation):
    """Tell whether a token is no child by exchange, or one that a client got which the revocation names: its own, however it got it."""
    of_client = revocation["target_kind"] in ("client", "grant", "policy") and token["client_id"] == revocation.get(
        "client_id", 0
    )
    return token["kind"] != "exchange" or of_client


def sign_ins(tokens):
    """Return, of each id of a refresh token, the first of those that were rotated into it, and whether a sign-in is known to have given that."""
    born = defaultdict(list)
    for (name, _), token in tokens.items():
        born[name] += [token] if token["token_kind"] == "refresh" else []
    came = {
        token["parent_token_id"]
        for (_, home), token in tokens.items()
        if token["kind"] == "refresh" and token["parent_token_id"]
        if not any(
            other == token["parent_token_id"] and (None in (there, home) or there == home) for other, there in tokens
        )
    }
    of_any = {name for name, rows in born.items() if rows} | came

    def before(name):
        """Return from which it was rotated, False where its records do not agree."""
        parents = {
            token["parent_token_id"] if token["kind"] != "exchange" and token["parent_token_id"] in of_any else None
            for token in born.get(name, ())
        } or {None}
        return parents.pop() if len(parents) == 1 else False

    firsts = {}
    for name in of_any:
        first, seen = name, set()
        while first not in seen and before(first):
            seen.add(first)
            first = before(first)
        if first not in seen:
            begun = bool(born.get(first)) and all(token["kind"] != "refresh" for token in born[first])
            firsts[name] = first, begun and before(first) is None
    return firsts


def covered(revocation, world):
    """Return the tokens that one revocation ends, by their id and tenant, and which of them it ends perhaps only, and why."""
    target, where, records = revocation["target_kind"], revocation.get("tenant"), records_of(world)
    tokens = tokens_of_tenants(world)
    homes = {name: homes_of(rows) for name, rows in records.items()}

    def is_meant(key, tenant):
        """Tell whether a token is the one that a tenant means by its id; who names none may mean any."""
        return tenant is None or key[1] == tenant or (key[1] is None and tenant not in homes[key[0]])

    def lived_in(key, token):
        """Return the tenant that a token names, or else any record of its grant."""
        of_grant = {
            row.get("tenant") for row in issued(world) if row["grant_id"] == token["grant_id"] and token["grant_id"]
        }
        of_grant -= {None}
        return key[1] or (min(of_grant) if len(of_grant) == 1 else None)

    def is_others(key, token):
        """Ask whether all calls with a key that name somebody name another than whose it is told to be."""
        calls = [
            call
            for call in world["usage"]
            if call["token_id"] == key[0] and (None in (call.get("tenant"), key[1]) or call.get("tenant") == key[1])
        ]
        by_client = {call["client_id"] for call in calls if call["subject_id"] is None}
        by_client -= {token["client_id"] or token["subject_id"], None}
        named = {call["subject_id"] for call in calls} - {None} | by_client
        return bool(named) and token["subject_id"] not in named

    ends, doubtful = {}, {}
    if target in ("token", "credential") and revocation["token_id"] is not None:
        named = revocation["token_id"]
        mine = [row for row in records.get(named, ()) if where is None or row.get("tenant") in (None, where)]
        if mine:
            ends[named, where] = tokens_from({named: mine})[named]
        # It and its rotated successors, each with the tenant that it is in so far. A refresh token whose issuance is not in the log
        # is known by what came of it.
        came = [
            (key, token)
            for key, token in tokens.items()
            if token["parent_token_id"] == named and token["kind"] == "refresh"
            if not any(other == named and (None in (home, key[1]) or home == key[1]) for other, home in tokens)
        ]
        known = [(key, token) for key, token in tokens.items() if key[0] == named and token["token_kind"] == "refresh"]
        roots = [(key, token) for key, token in known + came if is_meant(key, where)]
        among = {key[1] for key, _ in roots} - {None}
        perhaps = where is None and max([len(among), *(len(homes[key[0]]) for key, _ in roots)]) > 1
        family = {(named, key[1], where or key[1], token["grant_id"]) for key, token in roots}
        before = None
        while family != before:
            before = set(family)
            family |= {
                (key[0], key[1], tenant or key[1], token["grant_id"])
                for name, _, tenant, _ in before
                for key, token in tokens.items()
                if token["parent_token_id"] == name and is_meant(key, tenant)
                if token["token_kind"] == "refresh" and token["kind"] != "exchange"
            }
        firsts = sign_ins(tokens)
        for name, home, tenant, grant in family:
            for key, token in tokens.items():
                of_grant = grant is not None and token["grant_id"] == grant and token["token_kind"] == "access"
                of_grant = of_grant and token["kind"] != "exchange" and is_meant(key, tenant)
                mine, its = firsts.get(named), firsts.get(token["parent_token_id"])
                # What came of another refresh token is none of its access, if it is known to be another sign-in's.
                other = mine is not None and its is not None and mine[0] != its[0]
                if of_grant and other and mine[1] and its[1]:
                    of_grant = False
                if key[0] != named and (key == (name, home) or of_grant):
                    ends[key[0], where or key[1]] = token
                    if perhaps or (other and of_grant):
                        doubtful[key[0], where or key[1]] = "id" if perhaps else "family"
    for key, token in tokens.items():
        if token["kind"] == "exchange" and not is_own(token, revocation):
            continue
        home = lived_in(key, token)
        there = None in (where, home) or where == home
        untold = where is not None and home is None
        same_client = (
            revocation.get("client_id") is not None and token["client_id"] == revocation["client_id"] and there
        )
        same_subject = (
            revocation.get("subject_id") is not None and token["subject_id"] == revocation["subject_id"] and there
        )
        same_grant = revocation.get("grant_id") is not None and token["grant_id"] == revocation["grant_id"]
        if (
            (target == "grant" and same_grant)
            or (target == "grant" and revocation["grant_id"] is None and same_client and same_subject)
            or (target == "client" and same_client)
            or (target == "subject" and same_subject)
            or (
                target == "session"
                and token["session_id"] is not None
                and token["session_id"] == revocation["session_id"]
                and (None in (where, key[1]) or where == key[1])
            )
        ):
            by_id = target == "session" or (target == "grant" and same_grant)
            ends[key if by_id else (key[0], key[1] or where)] = token
            if untold and not by_id:
                doubtful[key[0], where] = "tenant"
            elif target == "subject" and token["kind"] == "credential" and is_others(key, token):
                doubtful[key[0], key[1] or where] = "holder"
        # What a person got by a grant for everyone on that resource, where only one of the two names its tenant.
        everyones = (
            target == "grant"
            and token["kind"] != "exchange"
            and any(
                row["kind"] == "consent"
                and (row["grant_id"], row["subject_id"], row.get("subject_kind"))
                == (revocation["grant_id"], None, "user")
                and (row["client_id"], row.get("audience")) == (token["client_id"], token.get("audience"))
                and (row.get("tenant") is None) != (home is None)
                for row in issued(world)
            )
        )
        if everyones and token["subject_id"] is not None and (token["grant_id"] or "").startswith("derived:"):
            ends[key] = token
            doubtful[key] = "everyone"
        if target == "policy" and token["kind"] != "credential" and token["issued_at"] < revocation["issued_before"]:
            asked = [
                same
                for key, same in (("client_id", same_client), ("subject_id", same_subject), ("grant_id", same_grant))
                if revocation.get(key) is not None
            ]
            if asked and there and all(asked):
                alone = revocation.get("client_id") is None and revocation.get("subject_id") is None
                ends[key if alone else (key[0], key[1] or where)] = token
                if untold and revocation.get("grant_id") is None:
                    doubtful[key[0], where] = "tenant"
    if target in ("token", "credential") and where is None and len(homes.get(revocation["token_id"], ())) > 1:
        doubtful[revocation["token_id"], None] = "id"
    ends = {key: token for key, token in ends.items() if token["issued_at"] <= revocation["revoked_at"]}
    if target == "session" and where is None and len({home for _, home in ends} - {None}) > 1:
        doubtful |= dict.fromkeys(ends, "session")
    return ends, doubtful


def covered_until(world, revocation, key, doubtful):
    """Return when a key that was ended was issued again, to the same tenant, or what was disabled was enabled again."""
    rows, is_named = records_of(world)[key[0]], key[0] == revocation.get("token_id")
    homes = homes_of(rows)
    homes = homes & {key[1]} if key[1] or not is_named else homes
    again = [
        row["issued_at"]
        for row in rows
        if row["kind"] == "credential" and row["issued_at"] > revocation["revoked_at"]
        if row.get("tenant") in (None, *homes)
    ]
    again += [on] if (on := enabled_at(world, revocation)) is not None else []
    return FOREVER if is_named and key in doubtful else min(again, default=FOREVER)


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_a_token_is_its_first_record_and_its_last_expiry(bench, worlds, seed):
    laid = worlds(seed)
    bench.lay(laid)
    rows = bench.answers("token")
    told = {(row["source"], row["token_id"]): row for row in rows}
    assert len(told) == len(rows)
    expected = {(world["source"], name): token for world in laid for name, token in tokens_of(world).items()}
    assert set(told) == set(expected)
    for key, token in expected.items():
        for name in (
            "issued_at",
            "expires_at",
            "grant_id",
            "parent_token_id",
            "scopes",
            "token_kind",
            "kind",
            "event_id",
        ):
            assert told[key][name] == token[name], (key, name)


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_a_revocation_ends_these_tokens_and_no_others(bench, worlds, seed):
    ends_these(bench, worlds(seed))


def test_a_revocation_ends_tokens_of_its_own_tenant(bench, worlds):
    met = ends_these(bench, worlds(7, 2500))
    # Named tokens of which an issuance is known to that tenant, to another one, and to none; what is ended perhaps, and for sure.
    assert set(met) == {
        (True, True),
        (False, True),
        (False, False),
        "id",
        "family",
        "session",
        "tenant",
        "holder",
        None,
    }
    assert min(count for why, count in met.items() if why not in ("family", "holder")) > 5, met


@pytest.mark.parametrize("seed", range(6))
def test_a_revocation_ends_these_tokens_where_much_happens_at_once(bench, parties, seed):
    ends_these(bench, parties(seed))


def sign_ins_of_one(rng, source):
    """Return a world in which one client signs one person in several times: refresh tokens, rotated or not, some from before the log."""
    tenants = rng.choice([[None], [None], ["p", "q"], [None, "p"]])
    issuance, names = [], ["old"]
    for number in range(rng.randint(3, 10)):
        kind = rng.choice(["token", "refresh"])
        parent = rng.choice([*names, None] if kind == "refresh" else [None, None, None, names[-1]])
        issuance.append(
            born(
                f"t{number}",
                number,
                kind,
                rng.choice(["access", "refresh"]),
                parent,
                rng.choice(["g", "g", "g", "g2"]),
                tenant=rng.choice(tenants),
            )
        )
        names.append(f"t{number}")
    for row in rng.sample(issuance, 1):
        if rng.random() < 0.3:  # the same id once more, with another past
            more = {"event_id": "again", "parent_token_id": rng.choice(names), "tenant": rng.choice(tenants)}
            issuance.append({**row, **more})
    revocation = [
        {
            "event_id": f"r{number}",
            "revoked_at": NOON + 30 * SECOND,
            "kind": "revoke",
            "outcome": "success",
            "target_kind": "token",
            "token_id": rng.choice(names),
            "tenant": rng.choice(tenants),
        }
        for number in range(2)
    ]
    return {"source": source, "issuance": issuance, "usage": [], "revocation": revocation, "clock": {}, "server": {}}


@pytest.mark.parametrize("seed", range(4))
def test_a_revocation_of_a_refresh_token_ends_what_came_of_its_own_sign_in(bench, seed):
    met = ends_these(bench, [sign_ins_of_one(random.Random(f"{seed}/{number}"), f"w{number}") for number in range(500)])
    assert min(met["family"], met[None]) > 50, met


def ends_these(bench, laid):
    bench.lay(laid)
    told, met = defaultdict(dict), Counter()
    for row in bench.answers("covered_token"):
        if row["token_id"] is not None:
            key = (row["token_id"], row["token_tenant"])
            assert key not in told[row["source"], row["revocation_event"]], "named twice"
            told[row["source"], row["revocation_event"]][key] = row
    for world in laid:
        records = records_of(world)
        for revocation in counting(world):
            said = told.pop((world["source"], revocation["event_id"]), {})
            expected, doubtful = covered(revocation, world)
            named, where = revocation.get("token_id"), revocation.get("tenant")
            unseen = set()
            if revocation["target_kind"] in ("token", "credential"):
                mine = [
                    row
                    for row in records.get(named, ())
                    if None in (where, row.get("tenant")) or row["tenant"] == where
                ]
                unseen = set() if mine else {(named, where)}
                met[bool(mine), bool(records.get(named))] += 1
            assert set(said) == expected.keys() | unseen, f"{revocation}\n{world['issuance']}"
            for key, token in expected.items():
                ends = token["expires_at"]
                assert said[key]["alive"] == (ends is None or ends > revocation["revoked_at"])
                assert said[key]["grant_id"] == token["grant_id"] or (named, None) == key in doubtful
                assert said[key]["issued_in"] == token.get("tenant")
                why = doubtful.get(key) or ("client" if of_several(world, revocation) else None)
                assert said[key]["doubt"] == why, (revocation, key)
                assert said[key]["is_target"] == (key[0] == named)
                met[doubtful.get(key)] += 1
                assert said[key]["covered_until"] == covered_until(world, revocation, key, doubtful), (revocation, key)
    assert not told, "a revocation that does not count ends something"
    return met


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_a_grant_stands_in_for_calls_without_a_token(bench, worlds, seed):
    stand_in(bench, worlds(seed))


@pytest.mark.parametrize("seed", range(3))
def test_a_grant_stands_in_where_much_happens_at_once(bench, parties, seed):
    # grants for everyone are told again in test_everyones
    stand_in(bench, parties(seed), ("everyone",))


def stand_in(bench, laid, left_out=()):
    bench.lay(laid)
    states = bench.answers("grant_state")
    rows = [row for row in bench.answers("covered_token") if row["token_id"] is None and row["doubt"] not in left_out]
    told = {(row["source"], row["revocation_event"], row["grant_id"]): row for row in rows}
    assert len(told) == len(rows)
    expected = {}
    for world in laid:
        mine = [state for state in states if state["source"] == world["source"]]
        for revocation in counting(world):
            on = enabled_at(world, revocation)
            for state in mine:
                who = f"{revocation['target_kind']}_id"
                if on is not None and not of_several(world, revocation) and state[who] == revocation[who]:
                    by_id = who == "grant_id" or revocation.get("tenant") in (None, state["tenant"])
                    until = FOREVER if state["ended_at"] is None else state["ended_at"]
                    if by_id and state["opened_at"] < revocation["revoked_at"] < until:
                        expected[world["source"], revocation["event_id"], state["grant_id"]] = on
                if state["ended_by"] == revocation["event_id"]:
                    later = [
                        other["opened_at"]
                        for other in mine
                        if other["grant_id"] == state["grant_id"] and other["opened_at"] > revocation["revoked_at"]
                    ]
                    expected[world["source"], revocation["event_id"], state["grant_id"]] = min(later, default=None)
            # What one may have ended of which nobody knows the tenant, until it is given again.
            target, named = revocation["target_kind"], revocation.get("tenant")
            may_end = target in ("client", "grant") and of_several(world, revocation)
            for state in mine:
                by_id = target == "grant" and revocation.get("grant_id")
                if not may_end and (named is None or state["tenant"] is not None or by_id):
                    continue
                of_client = state["client_id"] is not None and state["client_id"] == revocation["client_id"]
                of_subject = state["subject_id"] is not None and state["subject_id"] == revocation["subject_id"]
                same = {"client": of_client, "subject": of_subject, "grant": of_client and of_subject}.get(target)
                if same and state["opened_at"] < revocation["revoked_at"] < (state["ended_at"] or FOREVER):
                    again = [
                        row["issued_at"]
                        for row in world["issuance"]
                        if (row["outcome"], row.get("grant_id")) == ("success", state["grant_id"])
                        and row["kind"] in ("consent", "change")
                        and row["issued_at"] > revocation["revoked_at"]
                    ]
                    ended = min([*again, state["ended_at"] or FOREVER, on or FOREVER])
                    expected[world["source"], revocation["event_id"], state["grant_id"]] = ended
            # One that is older than the log, until it is given again.
            grant = revocation.get("grant_id")
            opened = {state["opened_at"] for state in mine if state["grant_id"] == grant}
            if revocation["target_kind"] == "grant" and grant and all(at >= revocation["revoked_at"] for at in opened):
                later = opened - {revocation["revoked_at"]} | {on} - {None}
                expected[world["source"], revocation["event_id"], grant] = min(later, default=None)
    assert set(told) == set(expected)
    for key, reopened in expected.items():
        assert told[key]["covered_until"] == (FOREVER if reopened is None else reopened)


SECOND = 1_000_000
NOON = 1_783_684_800 * SECOND


def born(
    token_id,
    second,
    kind="token",
    token_kind="access",
    parent=None,
    grant="g",
    client="a",
    subject="x",
    session="s",
    tenant=None,
):
    return {
        "event_id": f"e-{token_id}",
        "issued_at": NOON + second * SECOND,
        "kind": kind,
        "outcome": "success",
        "tenant": tenant,
        "grant_id": grant,
        "token_id": token_id,
        "token_kind": token_kind,
        "parent_token_id": parent,
        "session_id": session,
        "client_id": client,
        "subject_id": subject,
        "scopes": ["r"],
        "expires_at": None,
    }


def family():
    """Return a refresh token that rotated once, their access tokens, an exchanged child, another sign-in of the same client and person, and a stranger."""
    return [
        born("rt1", 0, token_kind="refresh"),
        born("at1", 1),
        born("rt2", 10, "refresh", "refresh", "rt1"),
        born("at2", 11, "refresh", "access", "rt2"),
        born("child", 12, "exchange", "access", "at2", client="tool"),
        born("rt3", 14, token_kind="refresh"),
        born("at3", 15, "refresh", "access", "rt3"),
        born("at4", 16, "refresh", "access", "old"),
        born("other", 13, grant="g2", subject="y", session="s2"),
        born("late", 40),
    ]


OF_GRANT = {"rt1", "rt2", "rt3", "at1", "at2", "at3", "at4"}


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ({"target_kind": "token", "token_id": "at1"}, {"at1"}),
        # Of what came of a refresh token from before the log it is not known whether it came of another sign-in's.
        ({"target_kind": "token", "token_id": "rt1"}, {"rt1", "rt2", "at1", "at2", "at4?"}),
        ({"target_kind": "token", "token_id": "rt2"}, {"rt2", "at1", "at2", "at4?"}),
        ({"target_kind": "token", "token_id": "rt3"}, {"rt3", "at1", "at3", "at4?"}),
        ({"target_kind": "token", "token_id": "old"}, {"old", "at1", "at2?", "at3?", "at4"}),
        ({"target_kind": "grant", "grant_id": "g"}, OF_GRANT),
        ({"target_kind": "client", "client_id": "a"}, OF_GRANT | {"other"}),
        ({"target_kind": "subject", "subject_id": "x"}, OF_GRANT),
        ({"target_kind": "session", "session_id": "s2"}, {"other"}),
        ({"target_kind": "policy", "client_id": "a", "issued_before": NOON + 11 * SECOND}, {"rt1", "at1", "rt2"}),
        ({"target_kind": "policy", "issued_before": NOON + 11 * SECOND}, set()),
        ({"target_kind": "token", "token_id": "child"}, {"child"}),
        ({"target_kind": "client", "client_id": "tool"}, {"child"}),
        ({"target_kind": "grant", "client_id": "tool", "subject_id": "x"}, {"child"}),
        ({"target_kind": "grant", "grant_id": "g", "client_id": "tool"}, OF_GRANT | {"child"}),
        ({"target_kind": "policy", "client_id": "tool", "issued_before": NOON + 20 * SECOND}, {"child"}),
    ],
)
def test_the_table_of_targets(bench, target, ends):
    revocation = {"event_id": "r", "revoked_at": NOON + 30 * SECOND, "kind": "revoke", "outcome": "success", **target}
    bench.lay(
        [{"source": "s", "issuance": family(), "usage": [], "revocation": [revocation], "clock": {}, "server": {}}]
    )
    rows = bench.answers("covered_token")
    assert {row["token_id"] + "?" * (row["doubt"] is not None) for row in rows if row["token_id"]} == ends


def test_every_doubt_has_its_words_wherever_it_is_told():
    told = [
        set(re.findall(r"WHEN '([a-z]+)' THEN", why_doubted("doubt"))),
        set(re.findall(r"WHEN '([a-z]+)' THEN", may_have_ended("why"))),
        set(re.findall(r"list_contains\(s[.]unsure, '([a-z]+)'\)", late_revocation.RULE.sql)),
    ]
    assert told[0] <= told[1]
    assert told[0] <= told[2]
    assert "holder" in told[0]
