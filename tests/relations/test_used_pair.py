"""Calls counted in pairs: every call of the window in exactly one, and nothing lost."""

from collections import defaultdict

from hypothesis import example, given, settings
from hypothesis import strategies as st

from .test_grant_state import NOON, tale
from .test_revoked_use import doubt

SECOND = 1_000_000
START = 1_783_684_800 * SECOND
FOREVER = 2**63 - 1


def clock(world, log, tenant):
    """Return (seconds a stamp may be too late, seconds it may be too early) in microseconds."""
    said = world["clock"].get((log, tenant), {"error_s": 5.0, "grid_s": 0.0, "offset_s": 0.0})
    before = said["error_s"] + said["offset_s"]
    after = said["error_s"] + said["grid_s"] - said["offset_s"]
    return round(before * SECOND), round(after * SECOND)


@settings(max_examples=3)
@given(seed=st.integers(0, 10**6))
def test_clock_errors(bench, worlds, seed):
    laid = worlds(seed)
    bench.lay(laid)
    rows = bench.answers("clock_error")
    told = {
        (row["source"], row["log"], row["tenant"]): (round(row["before_s"] * SECOND), round(row["after_s"] * SECOND))
        for row in rows
    }
    assert len(told) == len(rows)
    expected = {
        (world["source"], log, tenant): clock(world, log, tenant)
        for world in laid
        for log in ("issuance", "usage", "revocation")
        for tenant in {row["tenant"] for row in world[log]}
    }
    assert told == expected


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_the_end_of_a_caller(bench, worlds, seed):
    laid = worlds(seed)
    bench.lay(laid)
    ends = {row["caller_id"]: row["ended_at"] for row in bench.answers("caller_end")}
    covered, tokens = bench.answers("covered_token"), {row["caller_id"]: row for row in bench.answers("caller_token")}
    callers = bench.rows("SELECT * FROM usage_caller")
    for world in laid:
        for caller in callers:
            if caller["source"] != world["source"] or caller["token_id"] is None:
                continue
            late, _ = clock(world, "usage", caller["tenant"])
            moments = []
            for row in covered:
                mine = row["source"] == world["source"] and row["token_id"] == caller["token_id"]
                if mine and row["covered_until"] == FOREVER and doubt(world, row, caller) is None:
                    moments.append(row["revoked_at"] + clock(world, "revocation", row["tenant"])[1])
            token = tokens.get(caller["caller_id"])
            if token and token["expires_at"]:
                leeway = world["server"].get(caller["resource_server"], {}).get("leeway_seconds", 60)
                moments.append(
                    token["expires_at"] + clock(world, "issuance", token["tenant"])[1] + round(leeway * SECOND)
                )
            assert ends.get(caller["caller_id"]) == (min(moments) + late if moments else None), caller


def placed(row, segments, ends, sets, own):
    """Return the key of the pair that a call belongs to."""
    segment = next(
        (s for s in segments[row["caller_id"]] if s["valid_from"] <= row["used_at"] < s["valid_until"]), None
    )
    operation = {"GET /r": 1, "DELETE /w": 2}.get(row["call"])
    ended = bool(segment and segment["phase"] == "ended") or row["used_at"] > ends.get(row["caller_id"], FOREVER)
    return (
        row["caller_id"],
        segment["segment_id"] if segment else None,
        operation,
        "batch" in row["call"],
        row["outcome"],
        row["denial_reason"],
        ended,
        sets.get(segment["set_id"] if segment else own[row["caller_id"]]),
    )


@settings(max_examples=5)
@given(
    seed=st.integers(0, 10**6),
    window=st.sampled_from([(-3600, 86400), (0, 60), (20, 100), (100, 101)]),
)
@example(seed=106, window=(-3600, 86400))  # a grant that is over for its calls in two ways at once
def test_every_call_of_the_window_is_in_one_pair(bench, worlds, seed, window):
    laid = worlds(seed)
    bench.lay(laid)
    since, until = (START + edge * SECOND for edge in window)
    pairs = bench.answers("used_pair", since, until)
    sets = {row["set_id"]: tuple(row["scopes"]) for row in bench.answers("scope_set")}
    segments = defaultdict(list)
    for row in bench.answers("caller_segment"):
        segments[row["caller_id"]].append(row)
    ends = {row["caller_id"]: row["ended_at"] for row in bench.answers("caller_end")}
    callers = {row["caller_id"]: row for row in bench.answers("named_caller")}
    own = {name: row["own_set_id"] for name, row in callers.items()}
    by_id = {row["segment_id"]: row for rows in segments.values() for row in rows}
    opened, over = defaultdict(list), defaultdict(set)
    for state in bench.answers("grant_state"):
        opened[state["source"], state["grant_id"]].append((state["from_true"], state["until_true"]))
        if state["ended_by"] is not None:
            over[state["source"], state["grant_id"]].add(state["ended_by"])
    errors = {(row["source"], row["tenant"], row["log"]): row for row in bench.answers("clock_error")}
    revoked = {(row["source"], row["revocation_event"]): row for row in bench.answers("effective_revocation")}

    def grant_ended(key, stamp):
        caller = callers[key[0]]
        grant = by_id.get(key[1], {}).get("grant_id") or caller["grant_id"]
        true = stamp - round(errors[caller["source"], caller["tenant"], "usage"]["offset_s"] * SECOND)
        if grant is None or any(start <= true < end for start, end in opened[caller["source"], grant]):
            return False
        if key[6]:
            return True
        # A token that says what it may, though its grant is over: a call that is proven to come after that end.
        if not caller["token_known"] or caller["own_set_id"] is None:
            return False
        late = round(errors[caller["source"], caller["tenant"], "usage"]["before_s"] * SECOND)
        begun = [start for start, _ in opened[caller["source"], grant]]
        for event in over[caller["source"], grant]:
            end = revoked[caller["source"], event]
            given_again = any(end["revoked_at"] <= start <= true for start in begun)
            if end["certain_from"] + late < stamp and not given_again:
                return True
        return False

    expected = defaultdict(list)
    for world in laid:
        for row in world["usage"]:
            if since <= row["used_at"] < until:
                key = placed(row, segments, ends, sets, own)
                expected[*key, grant_ended(key, row["used_at"])].append(row["used_at"])
    told = {
        (
            pair["caller_id"],
            pair["segment_id"],
            pair["operation_id"],
            pair["container"],
            pair["outcome"],
            pair["denial_reason"],
            pair["ended"],
            sets.get(pair["set_id"]),
            pair["grant_ended"],
        ): pair
        for pair in pairs
    }
    assert len(told) == len(pairs)
    assert set(told) == set(expected)
    for key, stamps in expected.items():
        pair = told[key]
        assert (pair["events"], pair["first_used_at"], pair["last_used_at"]) == (len(stamps), min(stamps), max(stamps))
        caller = callers[pair["caller_id"]]
        segment = by_id.get(pair["segment_id"], {})
        grant = segment.get("grant_id") or caller["grant_id"]
        assert pair["grant_id"] == grant
        assert pair["join_key"] == (segment.get("join_key") or caller["join_key"])
        assert pair["scopes_from"] == (segment.get("scopes_from") or caller["own_scopes_from"])
    assert sum(pair["events"] for pair in pairs) == sum(map(len, expected.values()))
    by_first = sorted(pairs, key=lambda pair: pair["first_no"])
    assert [pair["first_no"] for pair in by_first] == list(range(1, len(pairs) + 1))
    assert [pair["first_used_at"] for pair in by_first] == sorted(pair["first_used_at"] for pair in pairs)
    by_last = sorted(pairs, key=lambda pair: pair["last_no"])
    assert [pair["last_no"] for pair in by_last] == list(range(1, len(pairs) + 1))
    assert [pair["last_used_at"] for pair in by_last] == sorted(pair["last_used_at"] for pair in pairs)


def test_a_call_is_counted_once_though_its_grant_ended_before_it_was_given_by_clocks_that_are_set_right(bench):
    # By the truth it was given at 120, ended at 310, and given again at 420.
    world = tale(
        ("consent", 0, ["r"]), ("token", 1, ["r"]), ("revoke", 60), ("consent", 300, ["r"]), ("revoke", 310), ("consent", 900, ["r"])
    )  # fmt: skip
    call = {"outcome": "success", "token_id": "t1", "client_id": "a", "subject_id": "x", "resource_server": "odd"}
    seconds = (150, 250, 380, 470, 600)
    calls = [
        {**call, "event_id": f"u{second}", "used_at": NOON + second * SECOND, "call": "GET /r"} for second in seconds
    ]
    bench.lay([{**world, "usage": calls, "stated": {"issuance": -120.0}}])
    pairs = sorted(bench.answers("used_pair"), key=lambda pair: pair["first_used_at"])
    told = [((pair["first_used_at"] - NOON) // SECOND, pair["events"], pair["grant_ended"]) for pair in pairs]
    assert told == [(150, 2, False), (380, 1, True), (470, 2, False)]


def test_a_token_that_is_over_is_used_before_its_grant_is_given_again_and_after_by_a_clock_that_is_behind(bench):
    world = tale(
        ("consent", 0, ["r"]), ("token", 1, ["r"]), ("token", 2, None), ("revoke", 60), ("consent", 300, ["r"]), ("consent", 330, ["w"]), ("revoke", 700)
    )  # fmt: skip
    call = {"outcome": "success", "client_id": "a", "subject_id": "x", "resource_server": "odd", "call": "GET /r"}
    calls = [
        {**call, "event_id": f"{name}-{second}", "token_id": name, "used_at": NOON + (second - 120) * SECOND}
        for name in ("t1", "t2")
        for second in (200, 315, 400, 800)  # by the truth, two minutes after the stamps
    ]
    behind = {"error_s": 5.0, "grid_s": 0.0, "offset_s": -120.0}
    bench.lay([{**world, "usage": calls, "clock": {("usage", None): behind}}])
    told = defaultdict(list)
    for pair in bench.answers("used_pair"):
        assert pair["ended"]
        told[pair["caller_id"], pair["grant_ended"]].append(
            (pair["events"], pair["first_used_at"], pair["last_used_at"])
        )
    for over, first, last in ((False, 315, 400), (True, 200, 800)):
        for name in (1, 2):
            events, begun, until = zip(*told[name, over], strict=True)
            assert (sum(events), min(begun), max(until)) == (2, *(NOON + (at - 120) * SECOND for at in (first, last)))


def test_a_call_with_a_token_that_was_issued_after_the_end_of_its_grant_is_proven_to_come_after_it(bench):
    world = tale(("consent", 0, ["r"]), ("revoke", 60), ("token", 61, ["r"]))
    call = {"outcome": "success", "token_id": "t2", "client_id": "a", "subject_id": "x", "resource_server": "odd"}
    behind = {("usage", None): {"error_s": 3.0, "grid_s": 0.0, "offset_s": -20.0}}
    calls = [  # not over within the five seconds of the revocation's clock and the three of the usage log's, which is 20 behind
        {**call, "event_id": f"u{second}", "used_at": NOON + second * SECOND, "call": "GET /r"} for second in (48, 49)
    ]
    bench.lay([{**world, "usage": calls, "clock": behind}])
    pairs = sorted(bench.answers("used_pair"), key=lambda pair: pair["first_used_at"])
    assert [(pair["ended"], pair["grant_ended"]) for pair in pairs] == [(False, False), (False, True)]
