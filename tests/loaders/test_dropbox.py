"""The Dropbox loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

NAME = "panther-dropbox.ndjson"


def event(kind, *, at="2026-07-01T10:00:00Z", tag=".tag", actor=None, **changes):
    """Write one team event, with the tags of Dropbox or of a collector."""
    member = {tag: "team_member", "account_id": "dbid:1", "team_member_id": "dbmid:1", "display_name": "Ada"}
    return {
        "timestamp": at,
        "event_category": {tag: "apps"},
        "event_type": {tag: kind, "description": "something"},
        "actor": actor or {tag: "user", "user": member},
        "context": {tag: "team"},
        "details": {".tag": f"{kind}_details", "app_info": {".tag": "x", "app_id": "app-1", "display_name": "Sync"}},
        "origin": {
            "access_method": {".tag": "api", "request_id": "dbarod:1"},
            "geo_location": {"ip_address": "192.0.2.7"},
        },
        "involve_non_team_member": False,
    } | changes


def member(number="dbmid:2", tag=".tag"):
    return {tag: "team_member", "account_id": "dbid:2", "team_member_id": number, "display_name": "Bob"}


@pytest.fixture(scope="module")
def real(shared, load_file):
    return load_file(shared / "real-logs/saas_misc" / NAME)


def test_every_real_record_is_accounted_for(real):
    assert real.batch["loader"] == "dropbox"
    assert real.counts() == {"records": 10, "issuance": 2, "ignored": 8}
    assert real.ignored == {
        "impersonation by an admin": 1,
        "not about delegated access": 6,
        "sign-in of a person": 1,
    }


def test_real_links_read_twice(real, shared):
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    links = [record for record in map(json.loads, lines) if record["event_type"]["_tag"].startswith("app_link")]
    for record, row in zip(links, real.rows["issuance"], strict=True):
        app, user = record["details"]["app_info"], record["actor"]["user"]
        own = record["event_type"]["_tag"] == "app_link_member"
        assert (row["client_id"], row["client_name"]) == (app["app_id"], app["display_name"])
        assert row["subject_id"] == (user["team_member_id"] if own else None)
        assert (row["consent_actor"], row["consent_kind"]) == (user["team_member_id"], "user" if own else "admin")
        assert row["issued_at"] == datetime.fromisoformat(record["timestamp"]).replace(tzinfo=UTC)


def test_both_spellings_are_one_event(load):
    loaded = load([event("app_link_team"), event("app_link_team", tag="_tag", at="2026-07-01 10:00:00")])
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)


@pytest.mark.parametrize("called", ["member", "user"])
def test_link_and_unlink_of_a_member(load, called):
    loaded = load([event(f"app_link_{called}"), event(f"app_unlink_{called}", at="2026-07-02T10:00:00Z")])
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (given["kind"], given["client_id"], given["subject_id"]) == ("consent", "app-1", "dbmid:1")
    assert (taken["kind"], taken["target_kind"], taken["client_id"], taken["subject_id"]) == (
        "revoke",
        "grant",
        "app-1",
        "dbmid:1",
    )
    assert taken["initiator"] == "user"


def test_admin_unlinks_for_a_member(load):
    row = load([event("app_unlink_member", actor={".tag": "admin", "admin": member("dbmid:9")}, context=member())]).one(
        "revocation"
    )
    assert (row["subject_id"], row["initiator"], row["actor_id"]) == ("dbmid:2", "admin", "dbmid:9")


def test_team_wide_app_ends_for_all(load):
    row = load([event("app_unlink_team")]).one("revocation")
    assert (row["target_kind"], row["client_id"], row["subject_id"]) == ("client", "app-1", None)


def test_integration_is_known_by_name(load):
    row = load([event("integration_connected", details={"integration_name": "Zoom"})]).one("issuance")
    assert (row["client_id"], row["consent_kind"]) == ("Zoom", "admin")


def test_what_an_app_did_is_a_use(load):
    actor = {".tag": "app", "app": {".tag": "team_linked_app", "app_id": "app-1", "display_name": "Sync"}}
    row = load([event("file_delete", actor=actor, context=member())]).one("usage")
    assert (row["client_id"], row["subject_id"], row["operation"]) == ("app-1", "dbmid:2", "file_delete")


@pytest.mark.parametrize(
    ("status", "ends"), [("removed", True), ("suspended", True), ("moved_to_another_team", True), ("active", False)]
)
def test_member_who_leaves(load, status, ends):
    loaded = load([event("member_change_status", context=member(), details={"new_value": {".tag": status}})])
    subjects = [(row["kind"], row["target_kind"], row["subject_id"]) for row in loaded.rows["revocation"]]
    assert subjects == ([("disable", "subject", "dbmid:2")] if ends else [])


def test_broken_records_are_named_and_the_rest_loads(load):
    loaded = load(
        [
            event("app_link_team", at="soon"),
            event("app_link_team", at=None),
            event("app_link_team", details={}),
            event("member_change_status", context={}, details={"new_value": {".tag": "removed"}}),
            event(None),
            event("app_blocked_by_permissions"),
            event("app_link_team"),
        ],
        "dropbox",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "timestamp is no time",
        2: "issued_at: missing",
        3: "names no app",
        4: "names no person",
        5: "event_type is missing",
    }
    assert loaded.ignored == {"app event that neither gives nor takes access": 1}
    assert loaded.batch["issuance"] == 1
