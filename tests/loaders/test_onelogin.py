"""The OneLogin loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

NAME = "panther-onelogin.ndjson"


def event(kind, *, number=1, at="2026-07-01T10:00:00.250Z", client="client-1", **changes):
    """Write one event."""
    return {
        "id": number,
        "account_id": 44,
        "event_type_id": kind,
        "created_at": at,
        "client_id": client,
        "actor_user_id": 7,
        "actor_user_name": "Ada",
        "user_id": 8,
        "user_name": "Bob",
        "ipaddr": "192.0.2.7",
    } | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "onelogin"
    assert loaded.counts() == {"records": 10, "ignored": 10}
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    types = [str(json.loads(line)["event_type_id"]) for line in lines]
    signed_in = sum(kind in ("5", "6") for kind in types)
    assert loaded.ignored == {"sign-in of a person": signed_in, "not about delegated access": 10 - signed_in}


@pytest.mark.parametrize("kind", [13, "13"])
def test_what_a_client_did_is_a_use(load, kind):
    row = load([event(kind)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["subject_name"]) == ("client-1", "7", "Ada")
    assert (row["operation"], row["resource_id"], row["tenant"]) == ("event_type_13", "8", "44")
    assert row["used_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_time_of_a_collector(load):
    record = event(13, p_event_time="2026-07-01 10:00:00.250Z")
    del record["created_at"]
    assert load([record]).one("usage")["used_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_time_and_id_of_a_webhook(load):
    record = event(13, uuid="e-1", event_timestamp="2026-07-01 10:00:00 UTC")
    del record["created_at"], record["id"]
    row = load([record]).one("usage")
    assert (row["used_at"], row["event_id"]) == (datetime(2026, 7, 1, 10, tzinfo=UTC), "e-1")


ENDS = {15: "disable", "17": "disable", 551: "disable", 16: "enable"}


@pytest.mark.parametrize("kind", ENDS)
def test_who_is_gone_is_disabled_and_who_is_back_enabled(load, kind):
    row = load([event(kind, client=None)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["outcome"]) == (ENDS[kind], "subject", "success")
    assert (row["subject_id"], row["subject_name"], row["actor_id"], row["initiator"]) == ("8", "Bob", "7", "admin")
    assert (row["tenant"], row["revoked_at"]) == ("44", datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC))


def test_who_ends_a_person(load):
    """A client that does it has used its access; nobody at all is the service itself."""
    loaded = load(
        [
            event(17, number=1),
            event(17, number=2, client=None, user_id=7),
            event(15, number=3, client="", actor_user_id=None),
        ]
    )
    rows = {row["event_id"]: row for row in loaded.rows["revocation"]}
    assert [(rows[id]["initiator"], rows[id]["actor_id"]) for id in "123"] == [
        ("client", "7"),
        ("user", "7"),
        ("system", None),
    ]
    assert loaded.one("usage")["event_id"] == "1"


def test_an_end_of_nobody_is_rejected(load):
    loaded = load([event(17, client=None, user_id=None)])
    assert [row["reason"] for row in loaded.rejected] == ["names no person"]


def test_what_is_ignored(load):
    loaded = load([event(5, client=None), event("6", client=""), event(3, client=None), event(13, client=None)])
    assert loaded.ignored == {
        "sign-in of a person": 2,
        "impersonation by an admin": 1,
        "not about delegated access": 1,
    }


def test_broken_and_double_records(load):
    good = event(13, number=9)
    loaded = load([event(13, at="soon"), event(13, at=None), event(None), good, good], "onelogin")
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created_at is no time",
        2: "used_at: missing",
        3: "event_type_id is missing",
    }
    assert (loaded.batch["usage"], loaded.batch["duplicates"]) == (1, 1)
