"""The Atlassian loader against every real record, and quirk by quirk."""

from datetime import UTC, datetime

import pytest

NAME = "panther-atlassian.ndjson"


def event(action, context=(), *, number=1, at="2026-07-01T10:00:00.250Z"):
    """Write one audit event."""
    return {
        "id": f"event {number}",
        "attributes": {
            "action": action,
            "time": at,
            "actor": {"id": "u-1", "name": "Ada", "email": "ada@example.com"},
            "context": list(context),
            "location": {"ip": "192.0.2.7", "countryName": "x"},
            "container": [{"id": "site-1", "type": "sites", "attributes": {"siteName": "acme"}}],
        },
        "message": {"content": "x", "format": "simple"},
    }


def thing(kind, number="t-1"):
    return {"id": number, "type": kind, "attributes": {"name": "nightly"}}


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "atlassian"
    assert loaded.counts() == {"records": 2, "ignored": 2}
    assert loaded.ignored == {"impersonation by an admin": 1, "sign-in of a person": 1}


def test_token_from_making_to_revoking(load):
    things = [thing("users", "u-9"), thing("apiTokens")]
    loaded = load([event("user_api_token_created", things), event("user_apitoken_revoked", things, number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (made["kind"], made["token_id"], made["client_name"], made["subject_id"]) == (
        "credential",
        "t-1",
        "nightly",
        "u-1",
    )
    assert (ended["kind"], ended["target_kind"], ended["token_id"]) == ("revoke", "credential", "t-1")
    assert made["tenant"] == ended["tenant"] == "site-1"
    assert made["ip"] == "192.0.2.7"
    assert made["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_an_event_done_with_a_token_is_a_use_of_it(load):
    auth = {"authType": "container-token", "tokenId": "t-1", "tokenLabel": "nightly"}
    ada, bo = {"id": "u-1", "name": "Ada"}, {"id": "u-2", "name": "Bo"}
    records = [
        event("user_api_token_created", [thing("apiTokens")]),
        *(event("policy_updated", number=n) for n in (2, 3, 4, 5)),
    ]
    for record, actor in zip(
        records[1:],
        (ada | {"auth": auth}, ada | {"auth": auth, "onBehalfOf": bo}, ada | {"auth": {}}, ada),
        strict=True,
    ):
        record["attributes"]["actor"] = actor
    loaded = load(records)
    own, for_bo = loaded.rows["usage"]
    assert own | {
        "token_id": "t-1", "client_name": "nightly", "subject_id": "u-1", "actor_chain": None, "operation": "policy_updated",
        "outcome": "success", "resource_server": "atlassian", "tenant": "site-1", "ip": "192.0.2.7",
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC),
    } == own  # fmt: skip
    assert (for_bo["token_id"], for_bo["subject_id"], for_bo["actor_chain"]) == ("t-1", "u-2", ["u-1"])
    assert loaded.one("issuance")["token_id"] == "t-1"
    assert loaded.ignored == {"not about delegated access": 2}


def test_an_event_that_an_app_triggered_is_a_use_by_that_app(load):
    app, ada, bo = {"id": "app-1", "attributes": {"name": "Sync"}}, {"id": "u-1"}, {"id": "u-2"}
    auth = {"authType": "auth-token-for-3LO", "tokenId": "t-1", "tokenLabel": "nightly"}
    actors = ({"app": app}, {"app": app, "auth": auth, "onBehalfOf": bo}, {"app": {"id": ""}}, {"app": "app-1"})
    records = [event("policy_updated", number=number) for number in range(5)]
    for record, more in zip(records, actors, strict=False):
        record["attributes"]["actor"] = ada | more
    records[4] = event("app_uninstalled", [thing("apps", "app-1")], number=4)
    loaded = load(records)
    told = ("client_id", "client_name", "token_id", "subject_id", "actor_chain")
    assert [tuple(row[name] for name in told) for row in loaded.rows["usage"]] == [
        ("app-1", "Sync", None, "u-1", None),
        ("app-1", "Sync", "t-1", "u-2", ["u-1"]),
    ]
    assert loaded.one("revocation")["client_id"] == "app-1"


@pytest.mark.parametrize("context", [(), [thing("users", "u-9")]])
def test_token_that_nobody_names(load, context):
    assert load([event("api_token_created", context)]).one("issuance")["token_id"] is None


def test_app_installed_and_uninstalled(load):
    loaded = load([event("app_installed", [thing("apps")]), event("app_uninstalled", [thing("apps")], number=2)])
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (given["kind"], given["client_id"], given["subject_id"], given["consent_kind"]) == (
        "consent",
        "t-1",
        None,
        "admin",
    )
    assert (taken["kind"], taken["target_kind"], taken["client_id"]) == ("revoke", "client", "t-1")


def test_what_is_ignored(load):
    actions = ("user_logged_in_as_user", "user_login", "api_token_viewed", "policy_created")
    assert load([event(action) for action in actions]).ignored == {
        "impersonation by an admin": 1,
        "sign-in of a person": 1,
        "token or app event that neither gives nor takes access": 1,
        "not about delegated access": 1,
    }


def test_broken_and_double_records(load):
    good = event("api_token_created", number=9)
    loaded = load(
        [
            event("api_token_created", at="soon"),
            event("api_token_revoked", at=None),
            event(None),
            good,
            good,
        ],
        "atlassian",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "attributes.time is no time",
        2: "revoked_at: missing",
        3: "attributes.action is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
