"""The Notion loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

NAME = "panther-notion.ndjson"


def event(kind, *, number=1, at="2026-07-01T10:00:00.250Z", actor=None, **changes):
    """Write one audit event."""
    own = {
        "id": f"event {number}",
        "timestamp": at,
        "workspace_id": "w-1",
        "actor": actor or {"id": "u-1", "object": "user", "type": "person", "person": {"email": "ada@example.com"}},
        "ip_address": "192.0.2.7",
        "platform": "web",
        "type": kind,
    }
    return {"event": own | changes}


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "notion"
    assert loaded.counts() == {"records": 10, "issuance": 1, "ignored": 9}
    assert loaded.ignored == {"not about delegated access": 4, "sign-in of a person": 5}
    row = loaded.one("issuance")
    made = json.loads((shared / "real-logs/saas_misc" / NAME).read_text().splitlines()[row["line_no"] - 1])["event"]
    assert made["type"] == "workspace.scim_token_generated"
    assert row["issued_at"] == datetime.fromisoformat(made["timestamp"])
    assert (row["tenant"], row["consent_actor"]) == (made["workspace_id"], made["actor"]["id"])


def test_scim_token(load):
    loaded = load([event("workspace.scim_token_generated"), event("workspace.scim_token_revoked", number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (made["kind"], made["token_kind"], made["token_id"], made["subject_id"]) == (
        "credential",
        "api_key",
        None,
        None,
    )
    assert (ended["kind"], ended["target_kind"], ended["token_id"]) == ("revoke", "credential", None)


def test_time_with_nine_digits(load):
    row = load([event("workspace.scim_token_generated", at="2026-07-01 10:00:00.250000000")]).one("issuance")
    assert row["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_what_a_bot_did_is_a_use(load):
    row = load([event("page.exported", actor={"id": "b-1", "object": "user", "type": "bot", "name": "Sync"})]).one(
        "usage"
    )
    assert (row["client_id"], row["client_name"], row["subject_id"]) == ("b-1", "Sync", None)
    assert (row["operation"], row["tenant"], row["outcome"]) == ("page.exported", "w-1", "success")


def test_broken_and_double_records(load):
    good = event("workspace.scim_token_generated", number=9)
    loaded = load(
        [
            event("workspace.scim_token_generated", at="soon"),
            event("workspace.scim_token_generated", at=None),
            event(None),
            {"event": None},
            good,
            good,
        ],
        "notion",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "event.timestamp is no time",
        2: "issued_at: missing",
        3: "event.type is missing",
        4: "event.type is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
