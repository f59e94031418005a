"""Tokens, and which of them a revocation ends: the table of targets, walked by hand."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .oracle import issued, of_several

BORN = ("token", "refresh", "exchange", "credential")


def tokens_of(world):
    """Return each token once: its first record, its last expiry."""
    born = defaultdict(list)
    for row in issued(world):
        if row.get("token_id") and row["kind"] in BORN:
            born[row["token_id"]].append(row)
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


def covered(revocation, tokens):
    """Return the ids of the tokens that one revocation ends."""
    target = revocation["target_kind"]
    ends = set()
    if target in ("token", "credential") and revocation["token_id"] is not None:
        named = revocation["token_id"]
        ends |= {named} & set(tokens)
        # A refresh token whose issuance is not in the log is known by what came of it.
        came = [token for token in tokens.values() if token["parent_token_id"] == named and token["kind"] == "refresh"]
        if tokens[named]["token_kind"] == "refresh" if named in tokens else came:
            family = {named}
            while True:  # rotated successors
                more = {
                    name
                    for name, token in tokens.items()
                    if token["parent_token_id"] in family
                    and token["token_kind"] == "refresh"
                    and token["kind"] != "exchange"
                }
                if more <= family:
                    break
                family |= more
            of_them = [tokens[name] for name in family & set(tokens)] + ([] if named in tokens else came)
            grants = {token["grant_id"] for token in of_them} - {None}
            ends |= family & set(tokens)
            ends |= {
                name
                for name, token in tokens.items()
                if token["grant_id"] in grants and token["token_kind"] == "access" and token["kind"] != "exchange"
            }
    for name, token in tokens.items():
        if token["kind"] == "exchange":
            continue
        there = revocation.get("tenant") in (None, token.get("tenant"))
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
            )
        ):
            ends.add(name)
        if target == "policy" and token["kind"] != "credential" and token["issued_at"] < revocation["issued_before"]:
            asked = [
                same
                for key, same in (("client_id", same_client), ("subject_id", same_subject), ("grant_id", same_grant))
                if revocation.get(key) is not None
            ]
            if asked and there and all(asked):
                ends.add(name)
    return {name for name in ends if tokens[name]["issued_at"] <= revocation["revoked_at"]}


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


@pytest.mark.parametrize("seed", range(6))
def test_a_revocation_ends_these_tokens_where_much_happens_at_once(bench, parties, seed):
    ends_these(bench, parties(seed))


def ends_these(bench, laid):
    bench.lay(laid)
    told = defaultdict(dict)
    for row in bench.answers("covered_token"):
        if row["token_id"] is not None:
            assert row["token_id"] not in told[row["source"], row["revocation_event"]], "named twice"
            told[row["source"], row["revocation_event"]][row["token_id"]] = row
    for world in laid:
        tokens = tokens_of(world)
        for revocation in counting(world):
            said = told.pop((world["source"], revocation["event_id"]), {})
            expected = covered(revocation, tokens)
            unseen = set()
            if revocation["target_kind"] in ("token", "credential") and revocation["token_id"] not in tokens:
                unseen = {revocation["token_id"]}
            assert set(said) == expected | unseen, f"{revocation}\n{world['issuance']}"
            for name in expected:
                ends = tokens[name]["expires_at"]
                assert said[name]["alive"] == (ends is None or ends > revocation["revoked_at"])
                assert said[name]["of_several"] == of_several(world, revocation)
                assert said[name]["is_target"] == (name == revocation.get("token_id"))
                again = [
                    row["issued_at"]
                    for row in world["issuance"]
                    if (row["outcome"], row["kind"], row.get("token_id")) == ("success", "credential", name)
                    and row["issued_at"] > revocation["revoked_at"]
                ]
                assert said[name]["covered_until"] == min(again, default=2**63 - 1)
    assert not told, "a revocation that does not count ends something"


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_a_grant_stands_in_for_calls_without_a_token(bench, worlds, seed):
    laid = worlds(seed)
    bench.lay(laid)
    states = bench.answers("grant_state")
    rows = [row for row in bench.answers("covered_token") if row["token_id"] is None]
    told = {(row["source"], row["revocation_event"], row["grant_id"]): row for row in rows}
    assert len(told) == len(rows)
    expected = {}
    for world in laid:
        mine = [state for state in states if state["source"] == world["source"]]
        for revocation in counting(world):
            for state in mine:
                if state["ended_by"] == revocation["event_id"]:
                    later = [
                        other["opened_at"]
                        for other in mine
                        if other["grant_id"] == state["grant_id"] and other["opened_at"] > revocation["revoked_at"]
                    ]
                    expected[world["source"], revocation["event_id"], state["grant_id"]] = min(later, default=None)
            # What one may have ended of which nobody knows the tenant, until it is given again.
            may_end = revocation["target_kind"] in ("client", "grant") and of_several(world, revocation)
            for state in mine if may_end else ():
                same = state["client_id"] == revocation["client_id"] and (
                    revocation["target_kind"] == "client" or None is not state["subject_id"] == revocation["subject_id"]
                )
                if same and state["opened_at"] < revocation["revoked_at"] < (state["ended_at"] or 2**63 - 1):
                    again = [
                        row["issued_at"]
                        for row in world["issuance"]
                        if (row["outcome"], row.get("grant_id")) == ("success", state["grant_id"])
                        and row["kind"] in ("consent", "change")
                        and row["issued_at"] > revocation["revoked_at"]
                    ]
                    ended = min([*again, state["ended_at"] or 2**63 - 1])
                    expected[world["source"], revocation["event_id"], state["grant_id"]] = ended
            # One that is older than the log, until it is given again.
            grant = revocation.get("grant_id")
            opened = {state["opened_at"] for state in mine if state["grant_id"] == grant}
            if revocation["target_kind"] == "grant" and grant and all(at >= revocation["revoked_at"] for at in opened):
                later = opened - {revocation["revoked_at"]}
                expected[world["source"], revocation["event_id"], grant] = min(later, default=None)
    assert set(told) == set(expected)
    for key, reopened in expected.items():
        assert told[key]["covered_until"] == (2**63 - 1 if reopened is None else reopened)


SECOND = 1_000_000
NOON = 1_783_684_800 * SECOND


def family():
    """Return a refresh token that rotated once, their access tokens, an exchanged child, and a stranger."""

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
    ):
        return {
            "event_id": f"e-{token_id}",
            "issued_at": NOON + second * SECOND,
            "kind": kind,
            "outcome": "success",
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

    return [
        born("rt1", 0, token_kind="refresh"),
        born("at1", 1),
        born("rt2", 10, "refresh", "refresh", "rt1"),
        born("at2", 11, "refresh", "access", "rt2"),
        born("child", 12, "exchange", "access", "at2"),
        born("other", 13, grant="g2", subject="y", session="s2"),
        born("late", 40),
    ]


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ({"target_kind": "token", "token_id": "at1"}, {"at1"}),
        ({"target_kind": "token", "token_id": "rt1"}, {"rt1", "rt2", "at1", "at2"}),
        ({"target_kind": "token", "token_id": "rt2"}, {"rt2", "at1", "at2"}),
        ({"target_kind": "grant", "grant_id": "g"}, {"rt1", "rt2", "at1", "at2"}),
        ({"target_kind": "client", "client_id": "a"}, {"rt1", "rt2", "at1", "at2", "other"}),
        ({"target_kind": "subject", "subject_id": "x"}, {"rt1", "rt2", "at1", "at2"}),
        ({"target_kind": "session", "session_id": "s2"}, {"other"}),
        ({"target_kind": "policy", "client_id": "a", "issued_before": NOON + 11 * SECOND}, {"rt1", "at1", "rt2"}),
        ({"target_kind": "policy", "issued_before": NOON + 11 * SECOND}, set()),
        ({"target_kind": "token", "token_id": "child"}, {"child"}),
    ],
)
def test_the_table_of_targets(bench, target, ends):
    revocation = {"event_id": "r", "revoked_at": NOON + 30 * SECOND, "kind": "revoke", "outcome": "success", **target}
    bench.lay(
        [{"source": "s", "issuance": family(), "usage": [], "revocation": [revocation], "clock": {}, "server": {}}]
    )
    rows = bench.answers("covered_token")
    assert {row["token_id"] for row in rows if row["token_id"]} == ends
