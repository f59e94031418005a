"""The authentik loader, quirk by quirk: there is no real record of it, so all are written after the vendor's page."""

from datetime import UTC, datetime

import pytest

from grantlens.loaders.authentik import LOADER


def event(action, context=None, *, number=1, at="2026-07-01T10:00:00.250000Z", user=None):
    """Write one event."""
    return {
        "pk": f"event {number}",
        "user": user or {"pk": 5, "email": "ada@example.com", "username": "ada"},
        "action": action,
        "app": "authentik.events.middleware",
        "context": {"http_request": {"args": {"query": ""}, "path": "/api/v3/x/", "method": "GET"}} | (context or {}),
        "client_ip": "192.0.2.7",
        "created": at,
        "expires": "2027-07-01T10:00:00Z",
        "brand": {"pk": "b", "app": "authentik_brands", "name": "Brand", "model_name": "brand"},
    }


def model(name, number="m1", app="authentik_core"):
    return {"model": {"pk": number, "app": app, "name": f"a {name}", "model_name": name}}


def authorisation(scopes="openid email", path="/flow/default-provider-authorization-explicit-consent/"):
    return {
        "scopes": scopes,
        "authorized_application": {"pk": "app-1", "app": "authentik_core", "name": "Wiki", "model_name": "application"},
        "http_request": {"path": path, "method": "GET"},
    }


def test_claims_its_events():
    assert LOADER.recognise([event("login")])


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [("openid email", ["openid", "email"]), ("openid, email", ["openid", "email"]), ("", []), ("openid", ["openid"])],
)
def test_authorisation_is_a_consent(load, scopes, expected):
    row = load([event("authorize_application", authorisation(scopes))]).one("issuance")
    assert (row["kind"], row["client_id"], row["client_name"]) == ("consent", "app-1", "Wiki")
    assert (row["subject_id"], row["subject_name"], row["consent_kind"]) == ("5", "ada", "user")
    assert row["scopes"] == expected
    assert row["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_a_sign_on_without_scopes_is_no_consent(load):
    assert load([event("authorize_application", authorisation(None))]).ignored == {
        "sign-on to an application without scopes": 1
    }


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/flows/executor/default-provider-authorization-implicit-consent/",
        "/application/o/authorize/",
        "/auth/application/o/authorize/",
    ],
)
def test_implicit_consent_is_policy(load, path):
    row = load([event("authorize_application", authorisation(path=path))]).one("issuance")
    assert row["consent_kind"] == "policy"


def test_impersonated_person_is_the_subject(load):
    user = {"pk": 1, "username": "admin", "on_behalf_of": {"pk": 5, "username": "ada"}}
    row = load([event("authorize_application", authorisation(), user=user)]).one("issuance")
    assert (row["subject_id"], row["subject_name"], row["actor_chain"], row["consent_actor"]) == (
        "5",
        "ada",
        ["1"],
        "1",
    )


SOURCE = {"source": {"pk": "s1", "app": "authentik_sources_oauth", "name": "ci", "model_name": "oauthsource"}}
PROVIDER = {"provider": {"pk": 3, "app": "authentik_providers_oauth2", "name": "chat", "model_name": "oauth2provider"}}


@pytest.mark.parametrize(
    ("method", "args", "kind"),
    [
        ("oauth_client_secret", {}, "service"),
        ("jwt", SOURCE, "service"),
        ("jwt", PROVIDER, None),
        ("token", {"identifier": "ada-mail"}, None),
        ("jwt", "********************", None),
        ("password", {}, None),
    ],
)
def test_login_of_a_client_is_a_token(load, method, args, kind):
    """The event that authentik writes for client credentials, by its `views/token.py`: an app password may be a person's."""
    user = {"pk": 31, "email": "", "username": "ak-Wiki-client_credentials"}
    application = authorisation()["authorized_application"]
    context = {"auth_method": method, "auth_method_args": args, "application": application}
    loaded = load([event("login", context, user=user)])
    if method == "password":
        assert loaded.ignored == {"sign-in of a person": 1}
        return
    row = loaded.one("issuance")
    assert (row["kind"], row["token_kind"], row["token_id"]) == ("token", "access", None)
    assert (row["client_id"], row["client_name"]) == ("app-1", "Wiki")
    assert (row["subject_id"], row["subject_kind"], row["scopes"], row["consent_kind"]) == ("31", kind, None, None)


def as_logged(record):
    """Write the event as the log of the containers has it: after lines of it that people have published."""
    kept = {key: record[key] for key in ("action", "client_ip", "context", "user")}
    return kept | {
        "auth_via": "session",
        "domain_url": "id.example.com",
        "event": "Created Event",
        "host": "id.example.com",
        "level": "info",
        "logger": "authentik.events.models",
        "pid": 56,
        "request_id": "1950b5ec98f14c29ab1a36d7af11ce65",
        "schema_name": "public",
        "timestamp": record["created"].removesuffix("Z"),
    }


OTHER_LINES = [
    {"domain_url": None, "event": "Task started", "level": "info", "logger": "authentik.root.celery"},
    {"event": "/application/o/authorize/?code=x", "logger": "authentik.asgi", "level": "info", "user": "akadmin"},
    {"action": "invalid_identifier", "event": "invalid_login", "logger": "authentik.stages.identification.stage"},
]


def test_the_log_of_the_containers_tells_the_same(load):
    events = [
        event("authorize_application", authorisation()),
        event("model_created", model("token", "t1"), number=2),
        event("model_deleted", model("token", "t1"), number=3),
    ]
    other = [line | {"level": "info", "timestamp": "2026-07-01T10:00:01.000001"} for line in OTHER_LINES]
    api, log = load(events), load([as_logged(record) for record in events] + other)
    assert log.batch["loader"] == "authentik"
    for table in ("issuance", "revocation"):
        for row in api.rows[table] + log.rows[table]:
            del row["event_id"]
        assert api.rows[table] == log.rows[table]
    assert log.ignored == {"line of the log that is no event": 3}
    assert LOADER.recognise(other[:2] * 5)


def test_token_from_making_over_a_refused_use_to_deleting(load):
    loaded = load(
        [
            event("model_created", model("token", "t1")),
            event("secret_rotate", {"token": model("token", "t1")["model"]}, number=2),
            event("model_deleted", model("token", "t1"), number=3),
            event(
                "suspicious_request",
                {"token": model("refreshtoken", "t1")["model"], "message": "Revoked token was used"},
                number=4,
                user={"pk": 2, "username": "AnonymousUser"},
            ),
        ]
    )
    kinds = [(row["kind"], row["token_id"], row["token_kind"]) for row in loaded.rows["issuance"]]
    assert kinds == [("credential", "t1", "api_key"), ("refresh", "t1", "api_key")]
    ended, used = loaded.one("revocation"), loaded.one("usage")
    assert (ended["target_kind"], ended["token_id"]) == ("credential", "t1")
    assert (used["outcome"], used["denial_reason"], used["token_id"], used["subject_id"]) == (
        "denied",
        "token",
        "t1",
        None,
    )


@pytest.mark.parametrize(
    ("name", "of_service"),
    [
        ("service-account-sync-password", True),
        ("service-account-sync-password (expires=2027-07-01 10:00:00+00:00)", True),
        ("ak-outpost-11111111-2222-3333-4444-555555555555-api", True),
        ("my-service-account-sync-password", False),
        ("service-account-sync-password-2", False),
        ("copilot (expires=2027-07-01 10:00:00+00:00)", False),
        (None, False),
    ],
)
def test_the_token_of_a_service_account_is_not_its_makers(load, name, of_service):
    token = {"model": model("token", "t1")["model"] | {"name": name}}
    row = load([event("model_created", token)]).one("issuance")
    told = tuple(row[column] for column in ("token_id", "subject_id", "subject_kind", "consent_actor"))
    assert told == (("t1", None, "service", "5") if of_service else ("t1", "5", "user", None))


def test_rotation_by_authentik_itself_has_no_user(load):
    row = load(
        [event("secret_rotate", {"token": model("token", "t1")["model"]}) | {"user": {}, "client_ip": None}]
    ).one("issuance")
    assert (row["kind"], row["token_id"], row["subject_id"], row["actor_chain"]) == ("refresh", "t1", None, None)


def test_ends(load):
    names = ("accesstoken", "application", "user", "authenticatedsession")
    loaded = load([event("model_deleted", model(name), number=number) for number, name in enumerate(names)])
    assert [(row["kind"], row["target_kind"]) for row in loaded.rows["revocation"]] == [
        ("revoke", "token"),
        ("disable", "client"),
        ("disable", "subject"),
        ("revoke", "session"),
    ]
    token, app, person, session = loaded.rows["revocation"]
    assert token["token_id"] == app["client_id"] == person["subject_id"] == session["session_id"] == "m1"


@pytest.mark.parametrize(
    ("diff", "kind"),
    [
        ({"is_active": {"new_value": False, "previous_value": True}}, "disable"),
        ({"is_active": {"new_value": True, "previous_value": False}}, "enable"),
        ({"name": {"new_value": "x", "previous_value": "y"}}, None),
        ("text", None),
        (None, None),
    ],
)
def test_person_set_inactive_and_active_again(load, diff, kind):
    loaded = load([event("model_updated", model("user", 7) | {"diff": diff})])
    rows = [(row["kind"], row["target_kind"], row["subject_id"]) for row in loaded.rows["revocation"]]
    assert rows == ([(kind, "subject", "7")] if kind else [])
    assert loaded.batch["ignored"] == (kind is None)


def test_masked_values_are_no_objects(load):
    loaded = load(
        [
            event("secret_rotate", {"token": "********************"}),
            event("suspicious_request", {"token": "********************"}, number=2),
        ],
        "authentik",
    )
    assert [row["reason"] for row in loaded.rejected] == ["names no token"]
    assert loaded.ignored == {"suspicious request that names no token": 1}


def test_what_is_ignored(load):
    events = [
        event("login"),
        event("impersonation_started"),
        event("secret_view", {"secret": model("token")["model"]}),
        event("model_deleted", model("userconsent")),
        event("model_created", model("group")),
        event("custom_thing"),
    ]
    assert load(events).ignored == {
        "sign-in of a person": 1,
        "impersonation by an admin": 1,
        "view of a secret": 1,
        "end of a consent that does not say whose": 1,
        "not about delegated access": 2,
    }


def test_broken_and_double_records(load):
    good = event("model_created", model("token", "t1"), number=9)
    loaded = load(
        [
            event("authorize_application", {"authorized_application": None, "scopes": "openid"}),
            event("authorize_application", authorisation(), at="soon"),
            event("authorize_application", authorisation(), at=None),
            event(None),
            event("model_created", {"model": {"model_name": "token"}}),
            good,
            good,
        ],
        "authentik",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "names no application",
        2: "created is no time",
        3: "issued_at: missing",
        4: "action is missing",
        5: "names no token",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
