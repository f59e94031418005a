"""What rules make of the order of logs whose clocks differ, once it is stated by how much."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.example import consent, revoked, token, use
from tests.rules.test_escalation_oracle import quick_log
from tests.rules.test_outlived import family as told_family

CALL = "GET /v1/messages/7"
MAIL = ["mail.read"]
REVIEWS = tuple(datetime(2026, 7, 10, hour, 30, tzinfo=UTC) for hour in (7, 12))


@pytest.fixture
def told(desk, tmp_path):
    """Return a function that tells what rules find, by a clock that is so many seconds ahead of the truth."""

    def told(log, ahead_s, *records):
        clocks = tmp_path / "clocks.toml"
        clocks.write_text(
            f'[[clock]]\nsource = "native"\nlog = "{log}"\nerror_seconds = 5\noffset_seconds = {ahead_s}\n'
        )
        with desk.store(desk.write("log.ndjson", records)) as store:
            store.add(Clocks.read(clocks), Register((), REVIEWS))
            found = {
                rule: [finding["detail"] for finding in detect.run(store, [rule], now="2026-07-11")[0].to_dicts()]
                for rule in ("REV-1", "REV-4", "REV-6", "INT-2", "OOS-11", "OOS-13", "PRV-6")
            }
            return {**found, "grants": gl.grants(store.between("2026-07-10", "2026-07-11")).to_dicts()}

    return told


OPEN = (consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL))
LATER = (use("10 15:00", CALL, "t2"), token("10 14:59", "t2", MAIL))


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", -190), ("revocation", 190)])
def test_a_late_call_is_found_though_its_stamp_is_before_the_revocation(told, log, ahead_s):
    # By the truth 75 seconds after the revocation, by the stamps 115 before it.
    found = told(log, ahead_s, *OPEN, revoked("10 10:00:00"), use("10 09:58:05", CALL, "t1"), *LATER)
    (detail,) = found["REV-1"]
    assert (detail["last_success_s"], detail["uses_after"]) == (75.0, 1)
    assert (detail["lag_lower_s"], detail["lag_upper_s"]) == (75.0 - 10 - 1, None)
    assert found["REV-6"] == []


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", 240), ("revocation", -240)])
def test_an_early_call_is_none_after_the_revocation_though_its_stamp_is(told, log, ahead_s):
    # By the truth a minute before the revocation, by the stamps three after it: it puts nothing to the test, either.
    found = told(log, ahead_s, *OPEN, revoked("10 10:00:00"), use("10 10:03:00", CALL, "t1"), *LATER)
    assert found["REV-1"] == []
    assert len(found["REV-6"]) == 1


def test_a_refusal_is_told_by_the_times_that_are_set_right(told):
    calls = (use("10 09:58:05", CALL, "t1"), use("10 10:00:10", CALL, "t1", outcome="denied", denial_reason="token"))
    (detail,) = told("usage", -190, *OPEN, revoked("10 10:00:00"), *calls)["REV-1"]
    assert (detail["last_success_s"], detail["first_denial_s"], detail["censored"]) == (75.0, 200.0, "no")


STRANGE = "calls of the same client and subject name a token of which no issuance is known"


@pytest.mark.parametrize(
    ("log", "ahead_s", "stamp", "reason"),
    [
        ("usage", -190, "10 09:58:05", STRANGE),  # 75 seconds after the revocation
        ("revocation", 190, "10 09:58:05", STRANGE),
        ("usage", 240, "10 10:03:00", None),  # a minute before it
        ("revocation", -240, "10 10:03:00", None),
        ("usage", -190, "10 10:28:20", None),  # a minute and a half after the token expired
        ("issuance", 190, "10 10:28:20", None),
        ("usage", 190, "10 10:31:30", STRANGE),  # a minute and 40 seconds before that
        ("issuance", -190, "10 10:31:30", STRANGE),
    ],
)
def test_a_call_that_may_have_been_a_try_is_one_by_the_times_that_are_set_right(told, log, ahead_s, stamp, reason):
    opened = (consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL, "10 10:30"))
    (detail,) = told(log, ahead_s, *opened, revoked("10 10:00"), use(stamp, CALL, "unseen"), *LATER)["REV-6"]
    assert detail["reason"] == reason


def test_a_call_by_a_pair_is_told_by_the_times_that_are_set_right(told):
    ended = (*OPEN, revoked("10 10:00", "grant", grant_id="g1"), consent("10 10:05", MAIL))
    call = {"client_id": "app", "subject_id": "ann"}
    # By the truth 75 seconds after the revocation, and a minute after the grant was given again.
    (detail,) = told("usage", -190, *ended, use("10 09:58:05", CALL, None, **call))["REV-1"]
    assert (detail["last_success_s"], detail["lag_lower_s"]) == (75.0, None)
    assert told("usage", -190, *ended, use("10 10:02:50", CALL, None, **call))["REV-1"] == []
    assert told("issuance", 190, *ended, use("10 10:02:50", CALL, None, **call))["REV-1"] == []


@pytest.mark.parametrize(("stamp", "reason"), [("10 11:45:00", None), ("10 11:44:49", "no call was let in")])
def test_the_last_tenth_of_a_life_is_told_by_the_times_that_are_set_right(told, stamp, reason):
    # By the truth 11:48:10 and 11:47:59, of a life from ten to twelve.
    opened = (consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL, "10 12:00"))
    (detail,) = told("usage", -190, *opened, revoked("10 10:00"), use(stamp, CALL, "t1"), *LATER)["REV-4"]
    assert (detail["reason"] or "")[:18] == (reason or "")


def test_how_long_a_call_lies_outside_the_life_of_its_token_is_told_by_the_times_that_are_set_right(told):
    opened = (consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL, "10 12:00"))
    for log, ahead_s, early, late in (
        ("usage", -190, "10 07:56:50", "10 12:56:50"),
        ("issuance", 190, "10 07:56:50", "10 12:56:50"),
    ):
        (detail,) = told(log, ahead_s, *opened, *(use(stamp, CALL, "t1") for stamp in (early, late)))["INT-2"]
        assert (detail["earliest_before_issue_s"], detail["latest_after_expiry_s"]) == (3600.0, 3600.0)


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", -400), ("issuance", 400)])
def test_how_soon_after_a_refusal_a_scope_was_given_is_told_by_the_times_that_are_set_right(told, log, ahead_s):
    # By the truth four minutes after the refusal, and one before the deed.
    refused = {"outcome": "denied", "denial_reason": "scope"}
    calls = (
        use("10 09:53:20", "DELETE /v1/messages/7", "t1", **refused),
        use("10 09:58:20", "DELETE /v1/messages/7", "t2"),
    )
    (detail,) = told(log, ahead_s, *OPEN, *calls, token("10 10:04", "t2", ["mail.write"]))["OOS-11"]
    assert detail["done_after_s"] == 300.0


@pytest.mark.parametrize(("log", "ahead_s", "stamp"), [("usage", -190, "10 10:02:50"), ("usage", 190, "10 10:09:10")])
def test_of_which_life_of_a_grant_a_call_is_is_told_by_the_times_that_are_set_right(told, log, ahead_s, stamp):
    # By the truth a minute after the grant was given again, and one before it ended for good.
    lives = (
        *(OPEN[0], revoked("10 10:00", "grant", grant_id="g1"), consent("10 10:05", MAIL, "g1")),
        revoked("10 10:07", "grant", grant_id="g1", event_id="r2"),
    )
    calls = [use(stamp, CALL, None, grant_id="g1"), use("10 08:30", CALL, None, grant_id="g1")]
    later = token("10 14:59", "t2", MAIL, client_id="other", subject_id="eve", grant_id="g2")
    found = told(log, ahead_s, *lives, *calls, later)
    mine = [row for row in found["grants"] if row["grant_id"] == "g1"]
    assert {row["opened_at"]: row["calls"] for row in mine} == {
        "2026-07-10T08:00:00Z": 1,
        "2026-07-10T10:05:00Z": 1,
    }
    assert [(detail["stretches"], detail["calls"]) for detail in found["PRV-6"] if detail["of_tokens"] == 0] == [(2, 2)]


@pytest.mark.parametrize("ahead_s", [-400, 0, 400])
def test_an_offset_makes_no_life_of_a_transaction_token_longer_or_shorter(told, ahead_s):
    shown = token("10 08:00", "s", MAIL, "10 10:00")
    more = {"token_kind": "txn", "kind": "exchange", "parent_token_id": "s"}
    issues = [
        token("10 09:00", "short", MAIL, "10 09:04", **more, event_id="e1"),
        token("10 09:10", "long", MAIL, "10 09:15:07", **more, event_id="e2"),
        token("10 10:03", "late", MAIL, "10 10:04", **more, event_id="e3"),
    ]
    found = told("issuance", ahead_s, shown, *issues)["OOS-13"]
    assert sorted((detail["fault"], detail["most_s"], detail["tokens"]) for detail in found) == [
        ("long life", 307.0, 1),
        ("shown too late", 180.0, 1),
    ]


STAMPS = {
    "usage": ("used_at", "ended_at"),
    "issuance": ("issued_at", "expires_at", "issued_before"),
    "revocation": ("revoked_at", "requested_at"),
}
"""What the clock of each log stamps: the cut-off of a policy is one of the issuer's."""
CERTAIN = ("verdict", "severity", "client_id", "subject_id", "grant_id", "token_id", "resource_server", "operation")
"""Of a finding; how long was watched, and with it why something is not decided, may differ by what is off."""
SECONDS = ("last_success_s", "lag_lower_s", "issued_after_s", "given_after_s")


def test_nothing_is_told_otherwise_for_a_clock_that_is_off_and_stated(desk, tmp_path, kept_going, log_of):
    rng = random.Random(2)
    families = [*(told_family(rng, number) for number in range(60)), quick_log(2)[:600], log_of(2), log_of(3, "other")]
    # All in one log, of which one clock is stated.
    records = [
        {name: value for name, value in row.items() if name != "source"} | {"event_id": f"{number}-{place}"}
        for number, rows in enumerate(families)
        for place, row in enumerate(rows)
    ]
    records += kept_going

    def told(log, ahead_s):
        with desk.store(desk.write("log.ndjson", [off(row, log, ahead_s) for row in records])) as store:
            store.add(clocks_of(tmp_path, log, ahead_s), Register((), REVIEWS))
            return Counter(
                (each.rule.id, *(row[name] for name in CERTAIN), *(row["detail"].get(name) for name in SECONDS))
                for each in detect.run(store, now="2026-07-25")
                for row in each.to_dicts()
            )

    right = told("usage", 0)
    assert len({rule for rule, *_ in right}) > 18
    for log, ahead_s in (
        ("usage", -41),
        ("usage", 90),
        ("issuance", 90),
        ("issuance", -600),
        ("revocation", -41),
        ("revocation", 600),
    ):
        assert told(log, ahead_s) == right, f"{log} {ahead_s}"


def off(record, log, seconds):
    return record | {name: moved(record[name], seconds) for name in STAMPS[log] if record.get(name)}


@pytest.mark.parametrize(
    ("log", "ahead_s"), [("issuance", 600), ("issuance", -600), ("revocation", 600), ("revocation", -600)]
)
def test_what_was_ended_is_told_by_its_stamp_whatever_is_stated_of_the_clocks(desk, tmp_path, log, ahead_s):
    mine = {"consent_kind": "user", "consent_actor": "ann"}
    records = [
        *(consent("10 08:00", MAIL, **mine), token("10 09:00", "t1", MAIL, "10 18:00"), use("10 09:30", CALL, "t1")),
        revoked("10 10:00", "grant", grant_id="g1", initiator="admin"),
        *(token("10 10:04", "t2", MAIL), consent("10 10:05", MAIL, event_id="again", **mine), use("10 10:06", CALL, "t1")),
        revoked("10 12:00", "grant", grant_id="g1", kind="downgrade", scopes_removed=MAIL, event_id="less"),
        use("10 12:09", CALL, None, grant_id="g1"),
    ]  # fmt: skip

    def stamp(name, clock):
        return moved(f"2026-07-10T{clock}:00+00:00", ahead_s if log == name else 0)

    opened, ended, again, less = stamp("issuance", "08:00"), stamp("revocation", "10:00"), stamp("issuance", "10:05"), stamp("revocation", "12:00")  # fmt: skip
    with desk.store(desk.write("log.ndjson", [off(row, log, ahead_s) for row in records])) as store:
        store.add(clocks_of(tmp_path, log, ahead_s))
        of = store.between("2026-07-10", "2026-07-11")
        rules = ["REV-2", "REV-9", "REV-11"]
        found = {each.rule.id: each.to_dicts() for each in detect.run(of, rules)}
        assert [(row["first_seen"], row["detail"]["issued_after_s"]) for row in found["REV-2"]] == [(ended, 240.0)]
        assert [(row["first_seen"], row["detail"]["given_after_s"]) for row in found["REV-9"]] == [(ended, 300.0)]
        assert [row["detail"]["last_success_s"] for row in found["REV-11"]] == [540.0]
        assert {row["opened_at"]: row["ended_at"] for row in gl.grants(of).to_dicts()} == {opened: ended, again: None}
        review = gl.review(of).to_dict()
        (told,) = review["revocations"]
        assert (told["revoked_at"], told["given_again_at"]) == (ended, again)
        (case,) = review["lag"]["intervals"]
        assert (case["revoked_at"], case["last_success_s"]) == (ended, 360.0)
        assert [(row["minute"], row["accepted"]) for row in review["lag"]["acceptance"] if row["calls"]] == [(6, 1)]
        lanes = gl.Case(store, client="app").timeline().to_dicts()
        granted = [(row["start"], row["end"]) for row in lanes if row["lane"] == "granted"]
        assert granted == [(opened, ended), (again, less), (less, None)]


@pytest.mark.parametrize(
    ("log", "ahead_s"), [("usage", 0), ("issuance", 600), ("revocation", 600), ("revocation", -600)]
)
def test_who_is_enabled_again_is_told_by_the_stamp_and_held_to_by_what_is_set_right(desk, tmp_path, log, ahead_s):
    records = [
        *(token("10 09:00", "t1", MAIL, "10 18:00"), revoked("10 10:00", "subject", kind="disable")),
        *(use("10 10:04", CALL, "t1"), revoked("10 10:05", "subject", kind="enable", event_id="on")),
        *(use("10 10:06", CALL, "t1"), token("10 10:07", "t2", MAIL)),
    ]
    with desk.store(desk.write("log.ndjson", [off(row, log, ahead_s) for row in records])) as store:
        store.add(clocks_of(tmp_path, log, ahead_s))
        of = store.between("2026-07-10", "2026-07-11")
        used, issued = (each.to_dicts() for each in detect.run(of, ["REV-1", "REV-2"]))
        assert [(row["token_id"], row["detail"]["uses_after"]) for row in used] == [("t1", 1)]
        assert issued == []
        (told,) = gl.review(of).to_dict()["revocations"]
        assert told["enabled_at"] == moved("2026-07-10T10:05:00+00:00", ahead_s if log == "revocation" else 0)


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", 0), ("issuance", 600), ("revocation", -600)])
def test_what_the_log_tells_as_ended_by_the_end_of_the_window_is_over_at_it(desk, tmp_path, kept_going, log, ahead_s):
    mine = {"client_id": "idle", "subject_id": "cid", "grant_id": "gi"}
    given = {name: value for name, value in mine.items() if name != "grant_id"}
    records = [
        *kept_going,
        consent("02 08:00", ["offline_access", *MAIL], "gi", **given, event_id="given"),
        token("02 09:00", "ri", MAIL, token_kind="refresh", **mine, event_id="got"),
        token("02 09:00", "rj", MAIL, token_kind="refresh", client_id="left", subject_id="cid", grant_id="gj"),
    ]

    def told(*more):
        with desk.store(desk.write("log.ndjson", [off(row, log, ahead_s) for row in (*records, *more)])) as store:
            store.add(clocks_of(tmp_path, log, ahead_s))
            of = store.between("2026-07-01", "2026-07-20")
            dormant = {
                row["client_id"] for row in detect.run(of, ["PRV-3"], parameters={"dormant_days": 5})[0].to_dicts()
            }
            return dormant & {"idle", "left"}, {row["client_id"]: row["state"] for row in gl.grants(of).to_dicts()}

    assert told()[0] == {"idle", "left"}
    end = "20 00:05" if log == "revocation" else "19 23:55"
    found, states = told(
        revoked(end, "grant", **mine, event_id="r1"),
        revoked(end, client_id="left", subject_id="cid", token_id="rj", event_id="r2"),
    )
    assert found == set()
    assert (states["idle"], states["left"]) == ("ended", "ended")


def clocks_of(folder, log, ahead_s):
    path = folder / "clocks.csv"
    path.write_text(f"source,log,error_seconds,offset_seconds\nnative,,5,\nnative,{log},5,{ahead_s}\n")
    return Clocks.read(path)


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", 0), ("usage", 600), ("issuance", -600), ("revocation", 600)])
def test_what_became_of_a_decision_is_told_by_the_times_that_are_set_right(desk, tmp_path, log, ahead_s):
    records = [
        *(consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL, "10 18:00"), use("10 09:02", CALL, "t1")),
        *(revoked("10 09:04", "grant", grant_id="g1"), use("10 09:06", CALL, "t1"), use("10 08:58", CALL, "t1")),
        token("10 09:05", "t9", MAIL, client_id="late", subject_id="bob", grant_id="g9"),
        *LATER,
    ]
    (tmp_path / "decisions.toml").write_text(
        '[[decision]]\ncause = "compromise"\ndecision = "revoke"\ndecided_at = 2026-07-10T09:01:00Z\nclient_id = "app"\n'
        '[[decision]]\ncause = "compromise"\ndecision = "revoke"\ndecided_at = 2026-07-10T09:04:30Z\nclient_id = "late"\n'
    )
    with desk.store(desk.write("log.ndjson", [off(row, log, ahead_s) for row in records])) as store:
        store.add(clocks_of(tmp_path, log, ahead_s), Decisions.read(tmp_path / "decisions.toml"))
        found = detect.run(store, ["REV-10"], now="2026-07-11")[0].to_dicts()
        told = {row["detail"]["decided_at"][11:16]: row["detail"] for row in found}
        lanes = gl.Case(store, client="app").timeline().to_dicts()
    assert (told["09:01"]["in_time"], told["09:01"]["longest_s"], told["09:01"]["calls_after_decision"]) == (
        1,
        180.0,
        1,
    )
    # What was given after the decision it is not about.
    assert told["09:04"]["reason"] == "no issuance of such access is in the logs from before the decision"
    ended = moved("2026-07-10T09:04:00+00:00", ahead_s if log == "revocation" else 0)
    assert [row["end"] for row in lanes if row["lane"] == "decided"] == [ended]


def moved(stamp, seconds):
    return (datetime.fromisoformat(stamp) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
