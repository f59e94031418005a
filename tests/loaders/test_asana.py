"""The Asana loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

from grantlens.store import Store

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


def test_an_app_that_a_person_authorises_is_known_by_its_name_as_in_its_calls(load):
    details = {"app_type": "oauth", "app_gid": "31", "app_name": "Sync", "app_url": ""}
    own = {"resource": {"gid": "7", "name": "Ada", "resource_type": "user"}, "details": details}
    given, called = (
        event("user_app_authorized", **own),
        event("task_deleted", number=2, context=by_api("oauth", oauth_app_name="Sync")),
    )
    unnamed = event("user_app_authorized", number=4, **own | {"details": details | {"app_name": ""}})
    loaded = load([given, called, event("user_app_revoked", number=3, **own), unnamed])
    first, second = loaded.rows["issuance"]
    for row in (first, loaded.one("usage"), loaded.one("revocation")):
        assert (row["client_id"], row["client_name"], row["subject_id"]) == ("Sync", "Sync", "7")
    assert (first["kind"], second["client_id"]) == ("consent", "31")


def test_an_app_that_is_revoked_ends_its_grant(tmp_path):
    own = {"resource": {"gid": "7", "name": "Ada", "resource_type": "user"}}
    apps = [own | {"details": {"app_gid": gid, "app_name": name}} for gid, name in (("31", "Sync"), ("32", "Other"))]
    records = [event("user_app_authorized", number=number, **app) for number, app in enumerate(apps)]
    records.append(event("user_app_revoked", number=9, at="2026-07-01T12:00:00Z", **apps[0]))
    path = tmp_path / "log.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        ends = {
            row["client_id"]: row["ended_at"]
            for row in store.sql("SELECT client_id, ended_at FROM grant_state").to_pylist()
        }
    assert ends == {"Sync": datetime(2026, 7, 1, 12, tzinfo=UTC), "Other": None}


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
