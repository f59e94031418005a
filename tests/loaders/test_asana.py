"""The Asana loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

NAME = "panther-asana.ndjson"


def event(kind, *, number=1, at="2026-07-01T10:00:00.250Z", category="apps", **changes):
    """Write one audit event."""
    return {
        "gid": f"event {number}",
        "created_at": at,
        "event_type": kind,
        "event_category": category,
        "actor": {"actor_type": "user", "gid": "7", "name": "Ada", "email": "ada@example.com"},
        "context": {"context_type": "web", "client_ip_address": "192.0.2.7", "user_agent": "a/1"},
        "resource": {"gid": "99", "name": "Nightly", "resource_type": "user"},
        "details": {},
    } | changes


def by_api(method, **more):
    return {"context_type": "api", "api_authentication_method": method, "client_ip_address": "192.0.2.8"} | more


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "asana"
    # two service accounts under one event id, since the publisher copied it
    assert loaded.counts() == {"records": 6, "issuance": 1, "duplicates": 1, "ignored": 4}
    assert loaded.ignored == {"setting about apps": 2, "sign-in of a person": 2}


def test_real_service_accounts_read_twice(shared, load):
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    records = [json.loads(line) | {"gid": f"own {number}"} for number, line in enumerate(lines, 1)]
    made = [record for record in records if record["event_type"] == "service_account_created"]
    rows = load(records).rows["issuance"]
    for record, row in zip(made, rows, strict=True):
        assert (row["client_id"], row["client_name"]) == (record["resource"]["gid"], record["resource"]["name"])
        assert row["consent_actor"] == record["actor"]["gid"]
        assert row["issued_at"] == datetime.fromisoformat(record["created_at"]).replace(tzinfo=UTC)


def test_service_account_from_making_to_deleting(load):
    loaded = load([event("service_account_created"), event("service_account_deleted", number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (made["kind"], made["client_id"], made["subject_id"], made["subject_kind"], made["token_id"]) == (
        "credential",
        "99",
        None,
        "service",
        None,
    )
    assert (ended["kind"], ended["target_kind"], ended["client_id"]) == ("disable", "client", "99")


def test_person_who_leaves(load):
    row = load([event("user_deprovisioned")]).one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_id"], row["client_id"]) == ("disable", "subject", "99", None)


def test_what_a_person_authorises_and_revokes_names_the_person_only(load):
    own = {"resource": {"gid": "7", "name": "Ada", "resource_type": "user"}}
    kinds = ("user_app_authorized", "user_personal_access_token_authorized", "user_app_revoked")
    events = [event(kind, number=number, **own) for number, kind in enumerate(kinds)]
    loaded = load([*events, event("user_personal_access_token_revoked", number=9)])
    for row, kind, token_kind in zip(
        loaded.rows["issuance"], ("consent", "credential"), (None, "api_key"), strict=True
    ):
        assert (row["kind"], row["token_kind"], row["consent_kind"]) == (kind, token_kind, "user")
        assert (row["subject_id"], row["client_id"], row["token_id"]) == ("7", None, None)
    ends = [(row["kind"], row["target_kind"], row["subject_id"], row["initiator"]) for row in loaded.rows["revocation"]]
    assert ends == [("revoke", "grant", "7", "user"), ("revoke", "credential", "99", "admin")]
    # by whom is not known where the event names nobody
    nobody = {"actor_type": "anonymous"}
    unsaid = load([event(kind, number=number, actor=nobody) for number, kind in enumerate((kinds[0], kinds[2]))])
    assert (unsaid.one("issuance")["consent_kind"], unsaid.one("revocation")["initiator"]) == (None, None)


@pytest.mark.parametrize(
    ("context", "client", "subject"),
    [
        (by_api("oauth", oauth_app_name="Sync"), "Sync", "7"),
        (by_api("personal_access_token"), None, "7"),
        (by_api("service_account"), "7", None),
    ],
)
def test_what_comes_through_the_api_is_a_use(load, context, client, subject):
    row = load([event("task_deleted", context=context)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["operation"], row["outcome"]) == (
        client,
        subject,
        "task_deleted",
        "success",
    )


def test_a_browser_is_no_use(load):
    loaded = load([event("task_deleted", context=by_api("cookie"))])
    assert (loaded.ignored, loaded.rows["usage"]) == ({"not about delegated access": 1}, [])


def test_service_account_made_through_the_api_is_both(load):
    loaded = load([event("service_account_created", context=by_api("service_account"))])
    assert loaded.counts() == {"records": 1, "issuance": 1, "usage": 1}


def test_broken_and_double_records(load):
    good = event("service_account_created", number=9)
    loaded = load(
        [
            event("service_account_created", at="soon"),
            event("service_account_created", at=None),
            event("service_account_created", resource=None),
            event(None),
            good,
            good,
        ],
        "asana",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created_at is no time",
        2: "issued_at: missing",
        3: "names no resource",
        4: "event_type is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
