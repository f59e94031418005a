"""Which grant and which scopes stood behind a caller: the strongest key, asked moment by moment."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

SECOND = 1_000_000


def facts(bench):
    """Return the relations that a segment rests on; each has an oracle of its own."""
    return {name: bench.answers(name) for name in ("caller_token", "issued", "grant_state")}


def session_grant(caller, issued):
    """Return the one grant of a caller's session: its own tenant's, and what names no tenant may be of each."""
    grants = {
        row["grant_id"]
        for row in issued
        if row["grant_id"]
        and row["session_id"]
        and row["session_id"] == caller["session_id"]
        and (None in (row["tenant"], caller["tenant"]) or row["tenant"] == caller["tenant"])
    }
    return grants.pop() if len(grants) == 1 else None


def caller_key(caller, token, session):
    """Return (grant, join key) of a caller: token, else grant, else session, else the pair."""
    grants = [token and token["grant_id"], caller["grant_id"], session]
    grant = next((each for each in grants if each), None)
    if token:
        return grant, "token"
    if caller["grant_id"]:
        return grant, "client_subject" if caller["grant_id"].startswith("derived:") else "grant"
    if session:
        return grant, "session"
    if caller["client_id"] and not caller["token_id"]:
        return None, "client_subject"
    return None, None


def behind(caller, token, session, states, moment):
    """Return (grant, scopes, where they stand, join key, phase), or None where nobody can say."""
    grant, key = caller_key(caller, token, session)
    own = token["scopes"] if token and token["scopes"] is not None else caller["token_scopes"]
    own_from = "token" if token and token["scopes"] is not None else "usage" if own is not None else None

    def state_of(name):
        return next((s for s in states if s["grant_id"] == name and s["from_true"] <= moment < s["until_true"]), None)

    if grant:
        mine = [state for state in states if state["grant_id"] == grant]
        now = state_of(grant)
        if own is not None and (token or not mine):
            return grant, own, own_from, key, "granted"
        if now:
            return (
                (grant, now["scopes"], "grant", key, "granted")
                if own is None
                else (grant, own, own_from, key, "granted")
            )
        if any(state["ended_at"] is not None and state["ended_at"] <= moment for state in mine):
            return grant, None, None, key, "ended"
        # The call stands before the first opening in the log: scopes that the call itself names are as good as any.
        return (grant, own, own_from, key, "granted") if own is not None and mine else None
    if key == "client_subject":
        alive = [
            state
            for state in states
            if state["tenant"] == caller["tenant"]
            and state["client_id"] == caller["client_id"]
            and state["subject_id"] == caller["subject_id"]
            and state["from_true"] <= moment < state["until_true"]
        ]
        if len(alive) == 1:
            scopes = own if own is not None else alive[0]["scopes"]
            return alive[0]["grant_id"], scopes, own_from or "grant", key, "granted"
    return None


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_who_stood_behind_a_caller(bench, worlds, moments, seed):
    laid = worlds(seed, 30)
    bench.lay(laid)
    known = facts(bench)
    sets = {row["set_id"]: row["scopes"] for row in bench.answers("scope_set")}
    segments = defaultdict(list)
    for row in bench.answers("caller_segment"):
        segments[row["caller_id"]].append(row)
    callers = bench.rows("SELECT * FROM usage_caller")
    tokens = {token["caller_id"]: token for token in known["caller_token"]}
    for world in laid:
        mine = {
            name: [row for row in known[name] if row["source"] == world["source"]] for name in ("issued", "grant_state")
        }
        for caller in callers:
            if caller["source"] != world["source"]:
                continue
            ahead = round(world["clock"].get(("usage", caller["tenant"]), {"offset_s": 0})["offset_s"] * SECOND)
            token, session = tokens.get(caller["caller_id"]), session_grant(caller, mine["issued"])
            # What the call leaves out, its token says.
            for moment in {moment + shift for moment in moments(world) for shift in (0, ahead)}:
                holding = [s for s in segments[caller["caller_id"]] if s["valid_from"] <= moment < s["valid_until"]]
                assert len(holding) <= 1, f"two segments at {moment}: {holding}"
                expected = behind(caller, token, session, mine["grant_state"], moment - ahead)
                said = None
                if holding:
                    row = holding[0]
                    said = (row["grant_id"], sets.get(row["set_id"]), row["scopes_from"], row["join_key"], row["phase"])
                assert said == expected, f"{caller} at {moment}\n{mine['grant_state']}"


@settings(max_examples=3)
@given(seed=st.integers(0, 10**6))
def test_scope_sets_are_numbered_once(bench, worlds, seed):
    bench.lay(worlds(seed, 30))
    rows = bench.answers("scope_set")
    assert len({row["set_id"] for row in rows}) == len(rows) == len({tuple(row["scopes"]) for row in rows})
