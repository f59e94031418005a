import pytest

import grantlens as gl
from grantlens.case import timeline
from grantlens.rule.example import consent, logs_from_to, revoked, token


@pytest.fixture(scope="module")
def case(case_of):
    return case_of("mailbox-mirror")


def test_its_lanes_in_order_of_time(case):
    rows = list(case.timeline())
    assert {row["lane"] for row in rows} == {"granted", "issued", "used", "decided", "revoked"}
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)


def test_it_says_what_it_is(case):
    told = repr(case.timeline())
    assert told.startswith("Timeline of client mailbox-mirror, 2026-")
    assert told.endswith(f": {len(case.timeline())} rows")


def test_calls_after_the_revocation_are_marked(case):
    rows = list(case.timeline())
    revoked = next(row["start"] for row in rows if row["lane"] == "revoked")
    after = [row for row in rows if row["lane"] == "used" and row["start"] > revoked and row["state"] != "denied"]
    assert after
    assert {row["state"] for row in after} == {"violation"}
    before = [row for row in rows if row["lane"] == "used" and row["start"] < revoked]
    assert {row["state"] for row in before} == {"normal"}


def test_access_by_a_key_alone_ends_with_it(store_of):
    rows = gl.Case(
        store_of(
            token("10 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key"),
            revoked("10 12:00", "credential", token_id="k1"),
            *logs_from_to("10 08:00", "10 18:00"),
        ),
        client="app",
    ).timeline()
    (granted,) = (row for row in rows if row["lane"] == "granted")
    assert (granted["start"].hour, granted["end"].hour) == (9, 12)


def test_from_when_on_a_grant_may_have_ended_it_is_undecided(store_of):
    rows = gl.Case(
        store_of(
            consent("10 09:00", ["mail.read"], "g1", tenant="north"),
            consent("10 09:00", ["mail.read"], "g2", tenant="south"),
            revoked("10 12:00", "client"),
            consent("10 14:00", ["mail.read"], "g2", tenant="south"),
            *logs_from_to("10 08:00", "10 18:00"),
        ),
        client="app",
    ).timeline()
    told = [
        (row["start"].hour, row["end"] and row["end"].hour, row["state"], row["label"])
        for row in rows
        if row["lane"] == "granted"
    ]
    assert told == [
        (9, 12, "normal", "mail.read (g1)"), (9, None, "normal", "mail.read (g2)"), (12, None, "indeterminate", "perhaps ended: mail.read (g1)"),
    ]  # fmt: skip


def test_what_was_given_and_taken_otherwise_than_by_a_token_is_told(store_of):
    given = {"kind": "change", "consent_actor": "boss"}
    rows = gl.Case(
        store_of(
            consent("10 08:00", None, **given, authorization_details={"policy": "Admin"}),
            consent("10 09:00", None, **given, may_act=["stranger"]),
            revoked(
                "10 12:00",
                "grant",
                kind="downgrade",
                initiator="admin",
                scopes_removed=["mail.send"],
                reason="not needed",
            ),
            *logs_from_to("10 08:00", "10 18:00"),
        ),
        client="app",
    ).timeline()
    assert [row["label"] for row in rows if row["lane"] in ("issued", "revoked")] == [
        'change by boss {"policy":"Admin"}',
        "change by boss to be used by stranger",
        "downgrade grant by admin mail.send not needed",
    ]
    assert [row["state"] for row in rows if row["lane"] == "revoked"] == ["narrowed"]


def test_every_single_event_points_at_its_line(case):
    for row in case.timeline():
        if row["lane"] not in ("granted", "decided"):
            assert row["file"]
            assert row["line"] > 0
            assert len(row["sha256"]) == 64


def test_a_long_lane_is_added_up_without_losing_a_call(sample_store, case, monkeypatch):
    monkeypatch.setattr(timeline, "MOST", 5)
    monkeypatch.setattr(timeline, "STRETCHES", 8)
    rows = list(gl.Case(sample_store, client="mailbox-mirror").timeline())
    used = [row for row in rows if row["lane"] == "used"]
    each = [row for row in case.timeline() if row["lane"] == "used"]
    assert len(used) < len(each)
    for state in ("normal", "violation", "denied"):
        assert sum(r["count"] for r in used if r["state"] == state) == sum(
            r["count"] for r in each if r["state"] == state
        )


def test_a_chart_is_drawn(case):
    assert case.timeline().chart().svg().startswith("<svg")


def test_other_libraries_can_read_it(case):
    assert case.timeline().pl().height == len(case.timeline())
