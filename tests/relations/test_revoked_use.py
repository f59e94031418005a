"""What was tried after a revocation, and how long it went on working, call by call."""

import inspect
import re
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grantlens.access_review.revocations import REVOCATION_SQL
from grantlens.findings import intervals
from grantlens.rules import registry

from .test_token_coverage import homes_of, records_of

SECOND = 1_000_000
START = 1_783_684_800 * SECOND


def clock(world, log, tenant):
    said = world["clock"].get((log, tenant), {"error_s": 5.0, "grid_s": 0.0, "offset_s": 0.0})
    before = said["error_s"] + said["offset_s"]
    after = said["error_s"] + said["grid_s"] - said["offset_s"]
    return round(before * SECOND), round(after * SECOND)


def right(world, log, tenant, stamp):
    """Set a stamp right by the offset of its clock."""
    said = world["clock"].get((log, tenant), {"offset_s": 0.0})
    return stamp if stamp == 2**63 - 1 else stamp - round(said["offset_s"] * SECOND)


def allowed_window(server, said, life):
    """Return the seconds a server may go on accepting a revoked token; None where nothing says so."""
    if server is not None:
        bound = server.get("bound_seconds")
        mode = server.get("validation") or ("push" if bound is not None else None)
        if mode == "introspection":
            return bound or 0
        if mode == "cached":
            ttl = server.get("cache_seconds", bound)
            return None if ttl is None else ttl if life is None else min(ttl, life)
        if mode == "push":
            return bound
        if mode == "offline":
            return bound if bound is not None else life
    modes = {mode for mode in said if mode is not None}
    return 0 if modes == {"introspection"} else None


def may_be_one(*tenants):
    """Tell whether two tenants may be the same: both are, or one is not named."""
    return None in tenants or len({*tenants}) == 1


def sessions(world):
    """Return the revoked sessions, until they are opened again: no refresh or exchange within them does that."""
    never = {"token_id": None, "grant_id": None, "expires_at": None}
    return [
        {
            **row,
            **never,
            "revocation_event": row["event_id"],
            "covered_until": min(
                (
                    issue["issued_at"]
                    for issue in world["issuance"]
                    if issue["outcome"] == "success"
                    and issue.get("session_id") == row["session_id"]
                    and issue["issued_at"] > row["revoked_at"]
                    and issue["kind"] not in ("refresh", "exchange")
                    and may_be_one(issue["tenant"], row["tenant"])
                ),
                default=2**63 - 1,
            ),
        }
        for row in world["revocation"]
        if row["target_kind"] == "session"
        and row.get("session_id")
        and row["outcome"] == "success"
        and row["kind"] in ("revoke", "disable")
    ]


SEVERAL = "the {} no tenant, and several have a {} of this id"
WHY = {
    "client": "the revocation names no tenant, and several have this client",
    "id": SEVERAL.format("revocation names", "token"),
    "session": SEVERAL.format("revocation names", "session"),
    "family": "the revocation is of a refresh token, and whether this access came of it or of another the logs do not tell",
    "tenant": "the revocation is of one tenant, and in which this access was the logs do not tell",
}


def doubt(world, cover, caller):
    """Say why a call may be with another tenant's token or session of the id than the one that was ended: None where it is that one, False where it is not."""
    of_session = cover["token_id"] is None and cover["target_kind"] == "session"
    if cover["token_id"] is None and not of_session:
        return WHY.get(cover.get("doubt"))
    ended, called = cover["tenant" if of_session else "token_tenant"], caller["tenant"]
    if not may_be_one(ended, called):
        return False
    if of_session:
        issued = [row for row in world["issuance"] if row["outcome"] == "success"]
        named = {row["tenant"] for row in issued + world["usage"] if row.get("session_id") == cover["session_id"]}
    else:
        named = homes_of(records_of(world).get(cover["token_id"], ()))
        if cover["doubt"]:
            return WHY[cover["doubt"]]
    if None in (ended, called) and len((named | {ended, called}) - {None}) > 1:
        return SEVERAL.format(
            "revocation names" if ended is None else "calls name", "session" if of_session else "token"
        )
    return None


def each_has_its_own(world, grant_id):
    """Tell whether a grant is another one in each tenant: several have this id, and no record leaves the tenant out."""
    rows = (*world["issuance"], *world["usage"], *world["revocation"])
    named = {row["tenant"] for row in rows if row.get("grant_id") == grant_id}
    return None not in named and len(named) > 1


def followed(world, covered, callers, since, until):
    """Return what was tried after each revocation of one world, by (revocation, token, grant, server, doubt, tenant)."""
    by_caller = defaultdict(list)
    for row in world["usage"]:
        by_caller[row["caller_id"]].append(row)
    tries = defaultdict(list)
    for cover in covered:
        for caller in callers:
            if cover["target_kind"] == "session" and cover["token_id"] is None:
                if caller["token_known"] or caller["session_id"] != cover["session_id"]:
                    continue
                if doubt(world, cover, caller) is False:
                    continue
            elif cover["token_id"] is not None:
                if caller["token_id"] != cover["token_id"] or doubt(world, cover, caller) is False:
                    continue
                # One of several tenants' tokens, that is told for sure if any is.
                mine = [
                    (why is not None, other["token_tenant"] is None, other["token_tenant"] or "")
                    for other in covered
                    if (other["revocation_event"], other["token_id"]) == (cover["revocation_event"], cover["token_id"])
                    if (why := doubt(world, other, caller)) is not False
                ]
                tenant = cover["token_tenant"]
                if (doubt(world, cover, caller) is not None, tenant is None, tenant or "") != min(mine):
                    continue
            else:
                another = caller["tenant"] != cover["tenant"] and each_has_its_own(world, cover["grant_id"])
                if caller["token_known"] or caller["grant_id"] != cover["grant_id"] or another:
                    continue
            why = doubt(world, cover, caller)
            apart = caller["tenant"] if why else cover.get("token_tenant")
            key = (
                cover["revocation_event"],
                cover["token_id"],
                cover["grant_id"],
                caller["resource_server"],
                why,
                apart,
            )
            begun = right(world, "revocation", cover["tenant"], cover["revoked_at"] // SECOND * SECOND)
            ended = right(world, "issuance", cover.get("issued_in"), cover["covered_until"])
            for row in by_caller[caller["caller_id"]]:
                if begun <= right(world, "usage", caller["tenant"], row["used_at"]) < ended and row["used_at"] < until:
                    tries[key].append((row, caller, cover))
    answers = {}
    for key, rows in tries.items():
        cover = rows[0][2]
        revoked_at, expires_at = cover["revoked_at"], cover["expires_at"]
        revocation_late, revocation_early = clock(world, "revocation", cover["tenant"])
        expiry_late = clock(world, "issuance", cover.get("issued_in"))[0]
        clocks = {caller["caller_id"]: clock(world, "usage", caller["tenant"]) for _, caller, _ in rows}
        late, early = (max(errors) for errors in zip(*clocks.values(), strict=True))
        good = sorted(row["used_at"] for row, _, _ in rows if row["outcome"] == "success")
        if revoked_at < since and max(good, default=0) < since:
            continue  # nothing of it is in the window
        proven = {
            row["usage_id"]
            for row, caller, _ in rows
            if row["used_at"] - clocks[caller["caller_id"]][0] > revoked_at + revocation_early
        }
        worked = [row for row, _, _ in rows if row["outcome"] == "success" and row["usage_id"] in proven]
        after = sorted(row["used_at"] for row in worked)
        denials = [
            row
            for row, caller, _ in rows
            if (row["outcome"], row["denial_reason"]) == ("denied", "token")
            and (expires_at is None or row["used_at"] + clocks[caller["caller_id"]][1] + expiry_late < expires_at)
        ]
        refused = sorted(row["used_at"] for row in denials)
        last = good[-1] if good else None
        true = {row["usage_id"]: right(world, "usage", caller["tenant"], row["used_at"]) for row, caller, _ in rows}
        true_end = right(world, "revocation", cover["tenant"], revoked_at)
        worked_true = [true[row["usage_id"]] for row, _, _ in rows if row["outcome"] == "success"]
        refused_true = [true[row["usage_id"]] for row in denials]
        end = next((stamp for stamp in refused if last is None or stamp > last), None)
        life = None if expires_at is None else max(0.0, (expires_at - revoked_at) / SECOND)
        allowed = allowed_window(world["server"].get(key[3]), {caller["validation"] for _, caller, _ in rows}, life)
        between = [row for row in denials if row["usage_id"] in proven and after and after[0] < row["used_at"] < last]
        homes = {caller["tenant"] for _, caller, _ in rows} - {None}
        home = homes.pop() if len(homes) == 1 else None
        if not key[4]:
            home = key[5] if None not in (key[5], cover["tenant"]) else cover["tenant"] or home
        answers[(*key[:5], home)] = {
            "attempts": len(rows),
            "successes": len(good),
            "uses_after": len(after),
            "writes_after": sum(not row["call"].startswith("GET ") for row in worked),
            "denials": len(refused),
            "last_success_s": None if last is None else (max(worked_true) - true_end) / SECOND,
            "first_denial_s": (min(refused_true) - true_end) / SECOND if refused else None,
            "lag_lower_s": 0 if last is None else max(0, (last - revoked_at - late - revocation_early) / SECOND),
            "lag_upper_s": None if end is None else (end - revoked_at + early + revocation_late) / SECOND,
            "censored": "right" if end is None else "left" if last is None else "no",
            "allowed_s": allowed,
            "beyond_allowed": None
            if allowed is None or not after
            else after[-1] - late > revoked_at + revocation_early + round(allowed * SECOND),
            "flapped": bool(between),
            "calls": [
                row["usage_id"]
                for row in sorted((row for row, _, _ in rows), key=lambda row: (row["used_at"], row["event_id"]))
                if row["outcome"] == "success" or row in denials
            ]
            or None,
        }
    return answers


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), since=st.sampled_from([-3600, 60, 200]), until=st.sampled_from([86400, 86400, 100]))
@example(seed=541911, since=-3600, until=86400)  # a session of one id in two tenants
@example(seed=40587, since=-3600, until=86400)  # a grant of one id in two tenants
def test_what_was_tried_after_each_revocation(bench, worlds, seed, since, until):
    laid = [world | {"shown_until": {}} for world in worlds(seed)]
    bench.lay(laid)
    begins, ends = START + since * SECOND, START + until * SECOND
    told = defaultdict(dict)
    for row in bench.answers("revoked_use", since=begins, until=ends):
        of = ("revocation_event", "token_id", "grant_id", "resource_server", "why_unknown", "tenant")
        key = tuple(row[name] for name in of)
        assert key not in told[row["source"]]
        told[row["source"]][key] = row
    covered, callers = bench.answers("covered_token"), bench.answers("named_caller")
    in_session = {row["caller_id"]: row["session_id"] for row in bench.rows("SELECT * FROM usage_caller")}
    callers = [{**row, "session_id": in_session[row["caller_id"]]} for row in callers]
    for world in laid:
        mine = [row for row in covered if row["source"] == world["source"]] + sessions(world)
        expected = followed(
            world,
            [row for row in mine if row["revoked_at"] < ends],
            [row for row in callers if row["source"] == world["source"]],
            begins,
            ends,
        )
        said = told[world["source"]]
        assert set(said) == set(expected)
        for key, answer in expected.items():
            for name, value in answer.items():
                found = said[key][name]
                if name in ("flapped", "beyond_allowed"):
                    found, value = bool(found), bool(value)
                if name == "lag_lower_s" or isinstance(value, float):
                    assert found == pytest.approx(value, abs=1e-6), (key, name, world)
                else:
                    assert found == value, (key, name, world)


def one_token(*calls, expires=4000, **server):
    """Write a world with one token, revoked at 100.25 s, and calls (second, "success" | "denied" | "scope")."""
    who = {"client_id": "a", "subject_id": "x", "token_id": "t"}
    issuance = {
        **who,
        "event_id": "i",
        "issued_at": START,
        "kind": "token",
        "outcome": "success",
        "grant_id": "g",
        "token_kind": "access",
        "expires_at": None if expires is None else START + expires * SECOND,
    }
    revocation = {
        "event_id": "r",
        "revoked_at": START + 100 * SECOND + 250_000,
        "kind": "revoke",
        "outcome": "success",
        "target_kind": "token",
        "token_id": "t",
    }
    usage = [
        {
            **who,
            "event_id": f"u{number}",
            "used_at": START + round(second * SECOND),
            "outcome": "success" if outcome == "success" else "denied",
            "denial_reason": {"denied": "token", "scope": "scope"}.get(outcome),
            "resource_server": "api",
            "validation": server.get("says"),
            "call": "GET /r",
        }
        for number, (second, outcome) in enumerate(calls)
    ]
    table = {name: value for name, value in server.items() if name != "says"}
    return {
        "source": "s",
        "issuance": [issuance],
        "usage": usage,
        "revocation": [revocation],
        "clock": {},
        "server": {"api": table} if table else {},
        "shown_until": {},
    }


def asked(bench, world):
    bench.lay([world])
    rows = bench.answers("revoked_use")
    return rows[0] if rows else None


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # A plain difference of logged times, exact to the microsecond.
        (
            [(130.500001, "success"), (140, "denied")],
            {
                "last_success_s": 30.250001,
                "first_denial_s": 39.75,
                "lag_lower_s": 20.250001,
                "lag_upper_s": 49.75,
                "censored": "no",
            },
        ),
        ([(140, "denied")], {"last_success_s": None, "censored": "left", "lag_lower_s": 0.0, "lag_upper_s": 49.75}),
        ([(130, "success")], {"first_denial_s": None, "censored": "right", "lag_upper_s": None}),
        # The last success of all, the first denial of all; the bounds describe the last success.
        (
            [(130, "success"), (140, "denied"), (150, "success"), (160, "denied")],
            {
                "last_success_s": 49.75,
                "first_denial_s": 39.75,
                "lag_lower_s": 39.75,
                "lag_upper_s": 69.75,
                "flapped": True,
            },
        ),
        ([(130, "success"), (140, "scope")], {"first_denial_s": None, "censored": "right", "denials": 0}),
        # After its expiry a refusal proves nothing.
        ([(130, "success"), (5000, "denied")], {"first_denial_s": None, "censored": "right"}),
        # So close to its expiry that the two clocks cannot tell, neither.
        ([(3990, "denied")], {"denials": 0, "censored": "right"}),
        ([(3989.999999, "denied")], {"denials": 1, "censored": "left"}),
        # Ten seconds apart two clocks of five seconds still touch; a microsecond more and they do not.
        ([(110.25, "success")], {"uses_after": 0, "successes": 1}),
        ([(110.250001, "success")], {"uses_after": 1, "successes": 1}),
        # The same second is reported, though nothing is proven.
        ([(100, "success")], {"uses_after": 0, "last_success_s": -0.25, "lag_lower_s": 0.0}),
    ],
)
def test_one_token(bench, calls, expected):
    row = asked(bench, one_token(*calls))
    assert {name: row[name] for name in expected} == expected


def test_a_refusal_close_to_the_expiry_proves_nothing_though_the_revocation_names_no_tenant(bench):
    world = one_token((3990, "denied"))
    for row in (*world["issuance"], *world["usage"]):
        row["tenant"] = "p"
    assert asked(bench, world)["denials"] == 0


def test_a_call_before_the_second_of_the_revocation_is_none_of_its_matter(bench):
    assert asked(bench, one_token((99.999999, "success"))) is None


@pytest.mark.parametrize(
    ("server", "expires", "allowed"),
    [
        ({}, 4000, None),
        ({"says": "introspection"}, 4000, 0),
        ({"says": "cached"}, 4000, None),
        ({"says": "offline"}, 4000, None),
        ({"validation": "introspection"}, 4000, 0),
        ({"validation": "introspection", "bound_seconds": 9.0}, 4000, 9),
        ({"validation": "cached", "cache_seconds": 300.0}, 4000, 300),
        ({"validation": "cached", "cache_seconds": 300.0}, None, 300),
        ({"validation": "cached", "cache_seconds": 300.0}, 200, 99.75),
        ({"validation": "cached"}, 4000, None),
        ({"validation": "cached", "bound_seconds": 60.0}, 4000, 60),
        ({"validation": "cached", "cache_seconds": 300.0, "bound_seconds": 60.0}, 4000, 300),
        ({"validation": "offline"}, 4000, 3899.75),
        ({"validation": "offline"}, None, None),
        ({"validation": "offline", "bound_seconds": 60.0}, 4000, 60),
        ({"validation": "push"}, 4000, None),
        ({"bound_seconds": 60.0}, 4000, 60),
        ({"leeway_seconds": 5.0, "says": "introspection"}, 4000, 0),
    ],
)
def test_the_allowed_window(bench, server, expires, allowed):
    assert asked(bench, one_token((130, "success"), expires=expires, **server))["allowed_s"] == allowed


@pytest.mark.parametrize(
    ("modes", "allowed"),
    [
        (["introspection", None], 0),
        (["introspection", "cached"], None),
        (["introspection", "offline"], None),
        ([None], None),
    ],
)
def test_calls_that_say_different_things_of_their_server(bench, modes, allowed):
    world = one_token(*((130 + number, "success") for number in range(len(modes))))
    for row, mode in zip(world["usage"], modes, strict=True):
        row["validation"] = mode
    assert asked(bench, world)["allowed_s"] == allowed


@pytest.mark.parametrize(
    ("issued_at", "why"),
    [
        (90.249999, None),
        (90.25, "the issuance of the token and the revocation are closer than the clocks can tell"),
        (105.25, "the issuance of the token and the revocation are closer than the clocks can tell"),
        (105.250001, "the calls say that their token was issued after the revocation"),
    ],
)
def test_a_token_of_which_only_its_calls_tell_may_be_younger_than_the_end_of_its_grant(bench, issued_at, why):
    world = one_token((130, "success"))
    world["issuance"][0]["token_id"] = "another"
    world["revocation"][0] |= {"target_kind": "grant", "token_id": None, "grant_id": "g"}
    world["usage"][0] |= {"grant_id": "g", "token_issued_at": START + round(issued_at * SECOND)}
    assert asked(bench, world)["why_unknown"] == why


@pytest.mark.parametrize(
    ("opened", "revoked_in", "tried"),
    [
        ((), None, 3),
        # The first sign-in after the revocation opens the session again: what is called later is not of its matter.
        (((140, "token", None), (150, "token", None)), None, 1),
        (((140, "refresh", None), (140, "exchange", None)), None, 3),
        (((100.25, "token", None),), None, 3),
        (((90, "token", None),), None, 3),
        # Of another tenant it is another session; where one of the two names none it may be the same.
        (((140, "token", "q"),), "p", 3),
        (((140, "token", "p"),), "p", 1),
        (((140, "token", "p"),), None, 1),
        (((140, "token", None),), "p", 1),
    ],
)
def test_a_session_is_over_until_it_is_opened_again(bench, opened, revoked_in, tried):
    calls = [(second, revoked_in and "p") for second in (130, 145, 160)]
    assert asked(bench, in_session(opened, calls, revoked_in))["attempts"] == tried


@pytest.mark.parametrize(
    ("signed_in", "called_in", "sure"),
    [
        ((), ("p",), True),
        (("p",), ("p", None), True),
        ((), ("p", "q"), False),
        (("q",), ("p",), False),
        (("p", "q"), (None,), False),
    ],
)
def test_which_sessions_of_an_id_there_are_sign_ins_and_calls_tell(bench, signed_in, called_in, sure):
    """The revocation names no tenant: it is of the one that has a session of this id, or of any of several."""
    opened = [(90, "token", tenant) for tenant in signed_in]
    bench.lay([in_session(opened, [(130, tenant) for tenant in called_in], None)])
    said = {row["why_unknown"] for row in bench.answers("revoked_use")}
    assert said == {None if sure else "the revocation names no tenant, and several have a session of this id"}


def test_a_call_that_names_its_token_and_its_session_is_told_once_of_the_token(bench):
    world = in_session([(90, "token", None)], [(130, None)], None)
    world["usage"][0]["token_id"] = "t0"
    bench.lay([world])
    assert [(row["token_id"], row["attempts"]) for row in bench.answers("revoked_use")] == [("t0", 1)]


def in_session(opened, calls, revoked_in):
    """Write a world with one session, revoked at 100.25 s: what opened it (second, kind, tenant), and calls (second, tenant)."""
    session = {"session_id": "s", "client_id": "a", "subject_id": "x"}
    world = one_token((90, "success"))
    (issue,), (call,), (revocation,) = (world[log] for log in ("issuance", "usage", "revocation"))
    ended = {"target_kind": "session", "token_id": None, "session_id": "s", "tenant": revoked_in}
    return world | {
        "revocation": [revocation | ended],
        "issuance": [
            issue
            | session
            | {
                "event_id": f"i{n}",
                "token_id": f"t{n}",
                "issued_at": START + round(second * SECOND),
                "kind": kind,
                "tenant": tenant,
            }
            for n, (second, kind, tenant) in enumerate(opened)
        ],
        "usage": [
            call
            | session
            | {"event_id": f"u{n}", "token_id": None, "used_at": START + second * SECOND, "tenant": tenant}
            for n, (second, tenant) in enumerate(calls)
        ],
    }


BACK, GIVEN = (
    f"the {log} log does not show all that time: {what} may be missing"
    for log, what in (("revocation", "that it was enabled again"), ("issuance", "a consent"))
)


@pytest.mark.parametrize(
    ("ended", "names_token", "shown_until", "why", "uses", "beyond"),
    [
        # What is disabled may be enabled again, in the log of revocations alone: what it surely came before counts.
        ({"kind": "disable", "target_kind": "subject"}, True, {"revocation": 125}, BACK, 2, True),
        ({"kind": "disable", "target_kind": "subject"}, True, {"revocation": 135}, None, 1, False),
        ({"kind": "disable", "target_kind": "subject"}, True, {"revocation": 145, "issuance": 125}, None, 2, True),
        # A grant may be given again; a token that is older than its end is not.
        ({"kind": "revoke", "target_kind": "grant"}, False, {"issuance": 125}, GIVEN, 2, True),
        ({"kind": "revoke", "target_kind": "grant"}, False, {"issuance": 135}, None, 1, False),
        ({"kind": "revoke", "target_kind": "grant"}, False, {"revocation": 125}, None, 2, True),
        ({"kind": "revoke", "target_kind": "grant"}, True, {"issuance": 125}, None, 2, True),
        # A token that was revoked by itself stays so, whatever the logs show.
        ({"kind": "revoke"}, True, {"issuance": 90, "revocation": 101}, None, 2, True),
    ],
)
def test_what_was_ended_may_be_back_where_the_log_that_would_show_it_is_not_there(
    bench, ended, names_token, shown_until, why, uses, beyond
):
    world = one_token((130, "success"), (140, "success"), validation="cached", cache_seconds=20.0)
    (revocation,) = world["revocation"]
    who = {"subject_id": "x", "grant_id": "g"} if "target_kind" in ended else {"token_id": "t"}
    if not names_token:
        world["issuance"] = [
            row | {"kind": "consent", "token_id": None, "token_kind": None} for row in world["issuance"]
        ]
        world["usage"] = [row | {"token_id": None, "grant_id": "g"} for row in world["usage"]]
    bench.lay(
        [
            world
            | {
                "revocation": [revocation | {"token_id": None} | who | ended],
                "shown_until": {log: START + second * SECOND for log, second in shown_until.items()},
            }
        ]
    )
    (row,) = (row for row in bench.answers("revoked_use") if (row["token_id"] is not None) == names_token)
    assert (row["uses_after"], row["why_unknown"]) == (uses, why)
    assert row["beyond_allowed"] is beyond


@pytest.mark.parametrize("giving_shown", [True, False])
@pytest.mark.parametrize("log", ["issuance", "revocation"])
def test_that_a_key_is_on_again_some_tell_in_the_log_that_tells_it_is_off(bench, giving_shown, log):
    world = one_token((130, "success"))
    (revocation,) = world["revocation"]
    told = {
        "revocation": [revocation | {"kind": "disable"}],
        "shown_until": {log: START + 125 * SECOND},
        **({"giving_shown": True} if giving_shown else {}),
    }
    why = f"the {log} log does not show all that time: that the key was switched on again may be missing"
    assert asked(bench, world | told)["why_unknown"] == (None if giving_shown is (log == "issuance") else why)


def test_it_hands_out_nothing_that_nobody_reads(bench):
    readers = [rule.sql for rule in registry().values() if "revoked_use" in rule.needs]
    said = set(re.findall(r"\w+", " ".join((*readers, REVOCATION_SQL, inspect.getsource(intervals)))))
    assert set(asked(bench, one_token((130, "success")))) <= said
