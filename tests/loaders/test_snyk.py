"""The Snyk loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

NAME = "panther-snyk.ndjson"
ACCOUNT = {"serviceAccountPublicId": "sa-1", "serviceAccountName": "ci"}


def event(kind, content=None, *, at="2026-07-01T10:00:00.250Z", **changes):
    """Write one audit event."""
    own = {"event": kind, "created": at, "userId": "u-1", "orgId": "o-1", "groupId": "g-1"}
    return own | ({"content": content} if content is not None else {}) | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "snyk"
    assert loaded.counts() == {"records": 10, "ignored": 10}
    assert loaded.ignored == {"not about delegated access": 8, "role or membership of a person": 2}
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    assert sum(".user." in json.loads(line)["event"] for line in lines) == 2


@pytest.mark.parametrize("level", ["org", "group"])
def test_service_account_from_making_to_deleting(load, level):
    loaded = load(
        [
            event(f"{level}.service_account.create", ACCOUNT),
            event(f"{level}.service_account.edit", ACCOUNT, at="2026-07-02 10:00:00"),
            event(f"{level}.service_account.delete", ACCOUNT, at="2026-07-03T10:00:00Z"),
        ]
    )
    made, changed = loaded.rows["issuance"]
    assert [made["kind"], changed["kind"]] == ["consent", "change"]
    assert (made["client_id"], made["client_name"], made["subject_id"], made["tenant"]) == ("sa-1", "ci", None, "o-1")
    assert made["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)
    ended = loaded.one("revocation")
    assert (ended["kind"], ended["target_kind"], ended["client_id"]) == ("disable", "client", "sa-1")


def test_account_of_a_group_has_the_group_as_tenant(load):
    record = event("group.service_account.create", ACCOUNT)
    del record["orgId"]
    assert load([record]).one("issuance")["tenant"] == "g-1"


def test_names_of_the_newer_api_are_the_same_rows(load):
    old = event("org.service_account.create", ACCOUNT)
    new = {{"userId": "user_id", "orgId": "org_id", "groupId": "group_id"}.get(k, k): v for k, v in old.items()}
    rows = [load([record]).one("issuance") for record in (old, new)]
    for row in rows:
        assert row.pop("event_id").startswith("md5:")
    assert rows[0] == rows[1]


def test_a_person_who_is_removed_has_ended_and_is_known_as_calls_know_them(load):
    content = {"userPublicId": "u-1", "email": "ada@example.com", "force": True}
    removed = event("org.user.remove", content, userId="u-9")
    used, ended = (load([event("api.access"), removed]).one(log) for log in ("usage", "revocation"))
    assert used["subject_id"] == ended["subject_id"] == "u-1"
    assert used["tenant"] == ended["tenant"] == "o-1"
    assert (ended["kind"], ended["target_kind"], ended["subject_name"]) == ("disable", "subject", "ada@example.com")
    assert (ended["initiator"], ended["actor_id"]) == ("admin", "u-9")
    left = load([event("org.user.leave")]).one("revocation")
    assert (left["subject_id"], left["initiator"]) == ("u-1", "user")


def test_who_is_removed_from_a_group_is_out_of_all_its_organisations(load):
    record = event("group.user.remove", {"userPublicId": "u-1"}, userId="u-9")
    del record["orgId"]
    assert load([record]).one("revocation")["tenant"] is None


def test_who_is_added_again_is_enabled_there(load):
    back = load([event("org.user.add", {"userPublicId": "u-1", "role": "ADMIN"}, userId="u-9")]).one("revocation")
    assert (back["kind"], back["subject_id"], back["tenant"]) == ("enable", "u-1", "o-1")


def test_an_end_of_a_person_that_names_nobody_is_rejected(load):
    loaded = load([event("org.user.remove", {}), event("api.access")], "snyk")
    assert [row["reason"] for row in loaded.rejected] == ["names no person"]


def test_call_of_the_api(load):
    row = load([event("api.access", {"url": "/api/v1/user/me?x=1", "method": "get"})]).one("usage")
    assert (row["subject_id"], row["method"], row["target"], row["operation"]) == (
        "u-1",
        "GET",
        "/api/v1/user/me",
        None,
    )
    assert load([event("api.access")]).one("usage")["operation"] == "api.access"


def test_what_is_ignored(load):
    kinds = ("org.service_account.read", "org.app_bot.create", "org.user.invite", "org.policy.edit")
    assert load([event(kind) for kind in kinds]).ignored == {
        "service account event that neither gives nor takes access": 1,
        "app event that does not say which app": 1,
        "role or membership of a person": 1,
        "not about delegated access": 1,
    }


def test_broken_and_double_records(load):
    good = event("org.service_account.create", ACCOUNT)
    loaded = load(
        [
            event("org.service_account.create", ACCOUNT, at="soon"),
            event("org.service_account.create", ACCOUNT, at=None),
            event("org.service_account.delete", {}),
            event("org.service_account.create", "text"),
            event(None),
            good,
            good,
        ],
        "snyk",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created is no time",
        2: "issued_at: missing",
        3: "names no service account",
        4: "names no service account",
        5: "event is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
