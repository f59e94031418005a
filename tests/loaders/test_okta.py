"""The Okta loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

CLIENT, USER, SERVER = "0oaClient00000000001", "00uUser0000000000001", "aus0000000000000001"

EXPECTED = {
    "elastic-system-log.ndjson": (
        {"records": 24, "usage": 2, "ignored": 22},
        {"sign-in of a person": 20, "not about delegated access": 2},
        {},
    ),
    "panther-system-log.ndjson": (
        # one test record repeats the uuid of another, so it counts as the same event
        {"records": 26, "issuance": 2, "ignored": 20, "duplicates": 1, "rejected": 3},
        {
            "sign-in of a person": 11,
            "not about delegated access": 8,
            "access of Okta's support, which no record names": 1,
        },
        {15: "published is no time", 16: "published is no time", 19: "published is missing"},
    ),
    "tenzir-system-log.ndjson": (
        {"records": 14, "issuance": 1, "usage": 2, "ignored": 11},
        {"sign-in of a person": 3, "not about delegated access": 8},
        {},
    ),
    "vets-api-consent-grant.json": ({"records": 2, "issuance": 2}, {}, {}),
    "vets-api-token-revoke-failure.json": ({"records": 1, "revocation": 1}, {}, {}),
}


def event(event_type, *targets, actor=None, result="SUCCESS", reason=None, debug=None, **more):
    """Write one System Log event, as Okta's API gives it."""
    record = {
        "uuid": "e0000000-0000-0000-0000-000000000001",
        "published": "2026-07-01T10:00:00.123Z",
        "eventType": event_type,
        "version": "0",
        "severity": "INFO",
        "legacyEventType": f"{event_type}_{'success' if result == 'SUCCESS' else 'failure'}",
        "displayMessage": "An event",
        "actor": actor or app(),
        "client": {
            "userAgent": {"rawUserAgent": "agent/1.0", "os": "Linux", "browser": "UNKNOWN"},
            "zone": "null",
            "device": "Computer",
            "id": None,
            "ipAddress": "198.51.100.7",
        },
        "outcome": {"result": result, "reason": reason},
        "authenticationContext": {"externalSessionId": "102session", "rootSessionId": "102session"},
        "debugContext": {"debugData": {"requestUri": f"/oauth2/{SERVER}/v1/token", "risk": "false", **(debug or {})}},
        "transaction": {"type": "WEB", "id": "txn1", "detail": {}},
        "request": {"ipChain": [{"ip": "198.51.100.7", "version": "V4"}]},
        "target": list(targets),
    }
    return {**record, **more}


def app(name="Mail copilot", id=CLIENT):
    """Write an actor that is a client."""
    return {"id": id, "type": "PublicClientApp", "alternateId": id, "displayName": name, "detailEntry": None}


def person(id=USER, name="Ada Byron", mail="ada@example.com"):
    """Write an actor or target that is a user."""
    return {"id": id, "type": "User", "alternateId": mail, "displayName": name, "detailEntry": None}


def token(type_="access_token", id="AT.one", **detail):
    """Write a token target."""
    return {"id": id, "type": type_, "alternateId": None, "displayName": "Token", "detailEntry": detail or None}


def called_with(id, client=None):
    """Write the transaction of a call of Okta's API, which names its token."""
    return {"type": "WEB", "id": "txn2", "detail": {"requestApiTokenId": id, "requestApiTokenClientId": client}}


def consent(scope, id):
    """Write one of the ConsentGrant targets of a consent."""
    detail = {"publicclientapp": CLIENT, "authorizationserver": SERVER, "user": USER}
    return {"id": id, "type": "ConsentGrant", "alternateId": None, "displayName": scope, "detailEntry": detail}


def each(load, log, cases, column_names):
    """Load one record for each case, all in one file, and return the wanted columns of its row by case."""
    loaded = load([record | {"uuid": str(number)} for number, record in enumerate(cases.values())])
    rows = {row["event_id"]: row for row in loaded.rows[log]}
    assert loaded.counts() == {"records": len(cases), log: len(cases)}
    return {case: {name: rows[str(number)][name] for name in column_names} for number, case in enumerate(cases)}


def as_panther(record):
    """Write the record as Panther's collector does: lower-case outer names, times with a blank, p_ fields."""
    lowered = {name.lower(): value for name, value in record.items()}
    lowered["published"] = record["published"].replace("T", " ").removesuffix("Z") + "000000"
    return lowered | {"p_log_type": "Okta.SystemLog", "p_parse_time": "2026-07-01 10:02:00.000"}


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/okta" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored, rejected = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "okta"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == rejected


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/okta").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def records_of(path):
    """Read a real file with json alone."""
    text = path.read_text()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def moment(text):
    """Read a time as Okta or Panther writes it."""
    return datetime.fromisoformat(text[:23].replace(" ", "T")).replace(tzinfo=UTC)


def test_real_consents_agree_with_a_reading_in_plain_python(shared, real):
    path = shared / "real-logs/okta/vets-api-consent-grant.json"
    loaded = real(path.name)
    records = records_of(path)
    assert len(records) == len(loaded.rows["issuance"]) == 2
    for record, row in zip(records, loaded.rows["issuance"], strict=True):
        grants = [target for target in record["target"] if target["type"] == "ConsentGrant"]
        assert row["event_id"] == record["uuid"]
        assert row["issued_at"] == moment(record["published"])
        assert (row["kind"], row["outcome"], row["consent_kind"]) == ("consent", "success", "user")
        assert row["scopes"] == sorted(target["displayName"] for target in grants)
        assert row["grant_id"] == min(target["id"] for target in grants)
        assert {row["client_id"]} == {target["detailEntry"]["publicclientapp"] for target in grants}
        assert {row["subject_id"]} == {target["detailEntry"]["user"] for target in grants}
        assert row["consent_actor"] == record["actor"]["id"] == row["subject_id"]
        assert row["audience"] == [record["debugContext"]["debugData"]["authorizationServer"]]
        assert row["session_id"] == record["authenticationContext"]["externalSessionId"]
        assert row["ip"] == record["client"]["ipAddress"]
        assert row["user_agent"] == record["client"]["userAgent"]["rawUserAgent"]


def test_the_real_token_agrees_with_a_reading_in_plain_python(shared, real):
    path = shared / "real-logs/okta/tenzir-system-log.ndjson"
    (record,) = [record for record in records_of(path) if record["eventType"] == "app.oauth2.token.grant.access_token"]
    debug, (target,) = record["debugContext"]["debugData"], record["target"]
    row = real(path.name).one("issuance")
    assert row["token_id"] == target["id"]
    assert row["token_kind"] == "access"
    assert row["kind"] == "token"
    assert row["expires_at"] == moment(target["detailEntry"]["expires"])
    assert row["scopes"] == debug["grantedScopes"].split(", ")
    assert row["scopes_requested"] == debug["requestedScopes"].split(", ")
    assert row["grant_type"] == debug["grantType"] == "client_credentials"
    assert row["client_id"] == record["actor"]["id"]
    assert row["client_name"] == record["actor"]["displayName"]
    assert (row["subject_id"], row["subject_kind"]) == (None, "service")
    assert record["authenticationContext"]["externalSessionId"] == "unknown"
    assert row["session_id"] is None


def test_real_revocations_that_count_and_those_that_failed(shared, real):
    counting, failed = [], []
    for name in EXPECTED:
        for record in records_of(shared / "real-logs/okta" / name):
            kind = record.get("eventType") or record.get("eventtype")
            if kind.startswith("app.oauth2.") and ".revoke" in kind:
                (counting if record["outcome"]["result"] == "SUCCESS" else failed).append(record["uuid"])
    rows = [row for name in EXPECTED for row in real(name).rows["revocation"]]
    assert [row["event_id"] for row in rows if row["outcome"] == "success"] == counting == []
    assert [row["event_id"] for row in rows if row["outcome"] != "success"] == failed
    (row,) = rows
    assert row["reason"] == "request_missing_token"
    assert row["token_id"] is None  # the target is the server, not the token


def test_real_calls_of_the_api_name_their_token(shared, real):
    path = shared / "real-logs/okta/tenzir-system-log.ndjson"
    calls = [record for record in records_of(path) if record["transaction"]["detail"].get("requestApiTokenId")]
    rows = real(path.name).rows["usage"]
    assert len(rows) == len(calls) == 2
    for record, row in zip(calls, rows, strict=True):
        assert row["token_id"] == record["transaction"]["detail"]["requestApiTokenId"]
        assert row["client_id"] == record["transaction"]["detail"]["requestApiTokenClientId"]
        assert row["operation"] == record["eventType"]
        assert row["target"] == record["debugContext"]["debugData"]["requestUri"]
        assert row["used_at"] == moment(record["published"])


def test_a_call_with_no_api_token_of_a_person_names_no_client_of_that_id(load):
    row = load([event("group.user_membership.add", person(), actor=person(), transaction=called_with("AT.one"))])
    assert (row.one("usage")["token_id"], row.one("usage")["client_id"]) == ("AT.one", None)


def test_a_call_whose_token_is_left_empty_names_none(load):
    row = load([event("group.user_membership.add", person(), transaction=called_with(""))]).one("usage")
    assert (row["token_id"], row["client_id"]) == (None, CLIENT)


# The three steps of a token's life join.


def test_issue_use_and_revocation_of_a_token_join_on_its_id(load):
    used = event(
        "group.user_membership.add",
        person("00uOther"),
        actor=app() | {"type": "PublicClientAppEntity"},
        uuid="e2",
        transaction=called_with("AT.one", CLIENT),
    )
    loaded = load(
        [
            event("app.oauth2.token.grant.access_token", token(hash="BmeR6oteinHXgQX2d7NsMA"), uuid="e1"),
            used,
            event("app.oauth2.token.revoke", token(hash=""), uuid="e3"),
        ]
    )
    issued, called, ended = (loaded.one(log) for log in ("issuance", "usage", "revocation"))
    assert issued["token_id"] == called["token_id"] == ended["token_id"] == "AT.one"
    assert issued["client_id"] == called["client_id"] == ended["client_id"] == CLIENT
    assert (ended["target_kind"], ended["initiator"], ended["outcome"]) == ("token", "client", "success")


def test_an_api_token_joins_on_its_id_and_acts_as_its_maker(load):
    thing = {"id": "00Tkey", "type": "Token", "alternateId": "unknown", "displayName": "nightly", "detailEntry": None}
    used = event(
        "user.lifecycle.create", person("00uNew"), actor=person(), uuid="e2", transaction=called_with("00Tkey")
    )
    loaded = load(
        [
            event("system.api_token.create", thing, actor=person(), uuid="e1"),
            used,
            event("system.api_token.revoke", thing, actor=person("00uAdmin"), uuid="e3"),
        ]
    )
    issued, called, ended = (loaded.one(log) for log in ("issuance", "usage", "revocation"))
    assert issued["token_id"] == called["token_id"] == ended["token_id"] == "00Tkey"
    assert (issued["kind"], issued["token_kind"], issued["client_name"]) == ("credential", "api_key", "nightly")
    assert issued["subject_id"] == called["subject_id"] == USER
    assert issued["client_id"] == called["client_id"] == ended["client_id"] == "00Tkey"  # it is its own client
    assert issued["grant_id"].startswith("derived:")
    assert (ended["target_kind"], ended["initiator"], ended["actor_id"]) == ("credential", "admin", "00uAdmin")


def test_a_consent_and_its_revocation_join_whatever_the_order_of_the_scopes(load):
    scopes = [consent("mail.read", "oagB"), consent("mail.send", "oagA"), consent("calendar", "oagC")]
    loaded = load(
        [
            event("app.oauth2.as.consent.grant", *scopes, actor=person(), uuid="e1"),
            event("app.oauth2.as.consent.revoke", *reversed(scopes), actor=person("00uAdmin"), uuid="e2"),
        ]
    )
    given_, ended = loaded.one("issuance"), loaded.one("revocation")
    assert given_["grant_id"] == ended["grant_id"] == "oagA"
    assert given_["scopes"] == ended["scopes_removed"] == ["calendar", "mail.read", "mail.send"]
    assert (given_["client_id"], given_["subject_id"]) == (ended["client_id"], ended["subject_id"]) == (CLIENT, USER)
    assert (ended["target_kind"], ended["initiator"]) == ("grant", "admin")


def test_tokens_of_one_client_and_user_share_a_derived_grant(load):
    loaded = load(
        [
            event("app.oauth2.as.token.grant.access_token", person(), token(id="AT.1"), uuid="e1"),
            event("app.oauth2.as.token.grant.refresh_token", person(), token("refresh_token", "oar.1"), uuid="e2"),
            event("app.oauth2.as.token.grant.access_token", person("00uOther"), token(id="AT.2"), uuid="e3"),
        ]
    )
    first, second, other = loaded.rows["issuance"]
    assert first["grant_id"] == second["grant_id"] != other["grant_id"]
    assert first["grant_id"].startswith("derived:")
    assert (first["token_kind"], second["token_kind"]) == ("access", "refresh")


# Quirk by quirk.


ISSUED = {
    "consent.grant": ("consent", None, "success"),
    "authorize.code": ("consent", None, "success"),
    "token.grant": ("token", "access", "success"),
    "token.grant.access_token": ("token", "access", "success"),
    "token.grant.id_jag": ("token", "id_jag", "success"),
    "authorize.implicit.access_token": ("token", "access", "success"),
    "token.detect_reuse": ("refresh", None, "denied"),
}
ENDED = {
    "token.revoke": ("token", CLIENT, USER),
    "token.revoke.implicit.user": ("policy", None, USER),
    "token.revoke.implicit.client": ("policy", CLIENT, None),
    "token.revoke.implicit.as": ("policy", None, None),
    "consent.revoke.implicit.user": ("subject", None, USER),
    "consent.revoke.implicit.client": ("client", CLIENT, None),
    "consent.revoke.user": ("subject", None, USER),
    "consent.revoke.user.client": ("grant", CLIENT, USER),
}


@pytest.mark.parametrize("family", ["app.oauth2.", "app.oauth2.as."])
def test_org_and_custom_server_issue_alike(load, family):
    targets = {
        tail: [token("id_jag" if "jag" in tail else "access_token")] if "token" in tail else [] for tail in ISSUED
    }
    cases = {tail: event(family + tail, person(), *targets[tail]) for tail in ISSUED}
    rows = each(load, "issuance", cases, ("kind", "token_kind", "outcome"))
    assert {tail: tuple(row.values()) for tail, row in rows.items()} == ISSUED


@pytest.mark.parametrize("family", ["app.oauth2.", "app.oauth2.as."])
def test_org_and_custom_server_revoke_alike(load, family):
    cases = {tail: event(family + tail, person(), token()) for tail in ENDED}
    rows = each(load, "revocation", cases, ("kind", "token_id", "target_kind", "client_id", "subject_id"))
    assert {row["kind"] for row in rows.values()} == {"revoke"}
    assert {tail for tail, row in rows.items() if row["token_id"]} == {"token.revoke"}
    assert {tail: (row["target_kind"], row["client_id"], row["subject_id"]) for tail, row in rows.items()} == ENDED


def test_the_grant_type_tells_refresh_and_exchange(load):
    expected = {
        "authorization_code": ("token", "AT.2", None),
        "client_credentials": ("token", "AT.2", None),
        "refresh_token": ("refresh", "AT.2", "oar.1"),
        "urn:ietf:params:oauth:grant-type:token-exchange": ("exchange", "AT.2", None),
    }
    targets = [token(id="AT.2"), token("refresh_token", "oar.1")]
    kind = "app.oauth2.as.token.grant.access_token"
    cases = {grant: event(kind, *targets, debug={"grantType": grant}) for grant in expected}
    rows = each(load, "issuance", cases, ("grant_type", "kind", "token_id", "parent_token_id"))
    assert {grant: tuple(row.values())[1:] for grant, row in rows.items()} == expected
    assert all(row["grant_type"] == grant for grant, row in rows.items())


def test_the_id_of_an_access_token_tells_which_refresh_token_it_was_got_with(load):
    # what was seen of a refresh names the access token alone
    expected = {"AT.b2.oar1": "oar1", "AT.b.2-_x.oar1": "oar1", "AT.b2": None, "AT.oar1": None, "oar1": None}
    kind = "app.oauth2.token.grant.access_token"
    cases = {name: event(kind, person(), token(id=name), debug={"grantType": "refresh_token"}) for name in expected}
    rows = each(load, "issuance", cases, ("parent_token_id",))
    assert {name: row["parent_token_id"] for name, row in rows.items()} == expected
    signed_in = event(kind, person(), token(id="AT.a1.oar1"), debug={"grantType": "authorization_code"})
    assert load([signed_in]).one("issuance")["parent_token_id"] is None  # it came of a code


@pytest.mark.parametrize("outcome", [None, {"result": "DENY", "reason": "Too many requests"}])
def test_a_call_that_came_too_often_was_refused_for_that(load, outcome):
    # its outcome is null in what was seen
    limited = {"transaction": {"detail": {"requestApiTokenId": "00Tkey"}}, "outcome": outcome, "legacyEventType": None}
    kind = "system.operation.rate_limit.violation"
    row = load([event(kind, actor=person(), debug={"requestUri": "/api/v1/logs"}) | limited]).one("usage")
    assert (row["outcome"], row["denial_reason"], row["token_id"]) == ("denied", "rate", "00Tkey")
    assert (row["subject_id"], row["target"]) == (USER, "/api/v1/logs")
    without = load([event(kind, actor=person()) | {"outcome": outcome, "legacyEventType": None}])
    assert without.counts() == {"records": 1, "ignored": 1}


def test_what_an_app_does_is_its_call_though_no_token_is_named(load):
    """The shape of a service app that takes a person's factor away, in Panther's tests: it has no transaction."""
    service = app("Support bot", "0oaservice") | {"type": "PublicClientAppEntity"}
    did = event("user.mfa.factor.deactivate", person(), actor=service)
    del did["transaction"]
    row = load([did]).one("usage")
    assert (row["client_id"], row["client_name"], row["operation"]) == ("0oaservice", "Support bot", did["eventType"])
    assert (row["token_id"], row["subject_id"], row["outcome"]) == (None, None, "success")
    ended = load([event("user.lifecycle.deactivate", person(), actor=service)])
    assert (ended.one("usage")["client_id"], ended.one("revocation")["subject_id"]) == ("0oaservice", USER)
    spoken = load([event("app.oauth2.client.lifecycle.update", app(), actor=service)])
    assert spoken.ignored == {"OAuth event that neither gives nor takes access": 1}


def test_only_a_success_issues_or_revokes(load):
    issued = {
        "SUCCESS": "success",
        "ALLOW": "success",
        "FAILURE": "denied",
        "DENY": "denied",
        "CHALLENGE": "denied",
        "UNKNOWN": "error",
    }
    ended = issued | {"FAILURE": "error"}
    cases = {result: event("app.oauth2.as.token.grant", token(), result=result) for result in issued}
    rows = each(load, "issuance", cases, ("outcome", "token_id"))
    assert {result: row["outcome"] for result, row in rows.items()} == issued
    assert {result for result, row in rows.items() if row["token_id"]} == {"SUCCESS", "ALLOW"}
    cases = {result: event("app.oauth2.as.token.revoke", token(), result=result) for result in ended}
    assert {result: row["outcome"] for result, row in each(load, "revocation", cases, ("outcome",)).items()} == ended


@pytest.mark.parametrize(
    ("kind", "result", "said", "reason"),
    [
        ("token.detect_reuse", "SUCCESS", None, "reuse"),
        ("token.grant", "FAILURE", "no_matching_policy", "policy"),
        ("token.grant", "FAILURE", "no_matching_scope", "scope"),
        ("token.grant", "FAILURE", "invalid_client", "client"),
        ("token.grant", "FAILURE", "invalid_grant", "token"),
        ("token.grant", "FAILURE", "something new", "other"),
        ("token.grant", "FAILURE", None, None),
        ("authorize.scope_denied", "FAILURE", None, "scope"),
        ("authorize", "FAILURE", "consent_required", "consent"),
        ("token.grant", "SUCCESS", "invalid_grant", None),
    ],
)
def test_why_it_was_refused(load, kind, result, said, reason):
    row = load([event(f"app.oauth2.as.{kind}", person(), token(), result=result, reason=said)]).one("issuance")
    assert row["denial_reason"] == reason


def test_the_real_reuse_names_no_token_and_is_told_as_one(shared, load):
    lines = (shared / "real-logs/okta/panther-system-log.ndjson").read_text().splitlines()
    row = load([json.loads(line) for line in lines if "detect_reuse" in line]).one("issuance")
    assert (row["denial_reason"], row["kind"], row["parent_token_id"]) == ("reuse", "refresh", None)


def test_the_systems_revocation_of_a_token_is_its_expiry(load):
    system = person("00uSystem", "Okta System", "system@okta.com") | {"type": "SystemPrincipal"}
    loaded = load(
        [
            event("app.oauth2.token.revoke", token(), actor=system, uuid="e1"),
            event("app.oauth2.token.revoke.implicit.user", person(), actor=system, uuid="e2"),
        ]
    )
    expiry, cascade = loaded.rows["revocation"]
    assert (expiry["kind"], expiry["initiator"]) == ("expiry", "system")
    assert (cascade["kind"], cascade["initiator"]) == ("revoke", "system")


def test_what_is_switched_off_ends_everything_below_it_until_it_is_on_again(load):
    copilot = {"id": CLIENT, "type": "AppInstance", "displayName": "Copilot"}
    public = {"id": CLIENT, "type": "PublicClientApp", "displayName": "Copilot"}
    expected = {
        "app.oauth2.client.lifecycle.deactivate": ("client", CLIENT, None),
        "app.oauth2.client.lifecycle.delete": ("client", CLIENT, None),
        "application.lifecycle.deactivate": ("client", CLIENT, None),
        "application.lifecycle.delete": ("client", CLIENT, None),
        "user.lifecycle.deactivate": ("subject", None, USER),
        "user.lifecycle.delete.completed": ("subject", None, USER),
        "user.lifecycle.suspend": ("subject", None, USER),
    }
    again = {
        "app.oauth2.client.lifecycle.activate": ("client", CLIENT, None),
        "application.lifecycle.activate": ("client", CLIENT, None),
        "user.lifecycle.activate": ("subject", None, USER),
        "user.lifecycle.unsuspend": ("subject", None, USER),
    }
    targets = {"app": public, "application": copilot, "user": person()}
    cases = {name: event(name, targets[name.split(".")[0]], actor=person("00uAdmin")) for name in expected | again}
    rows = each(load, "revocation", cases, ("target_kind", "client_id", "subject_id", "kind", "initiator", "actor_id"))
    assert {name: tuple(row.values())[:3] for name, row in rows.items()} == expected | again
    assert {name: tuple(row.values())[3:] for name, row in rows.items()} == {
        **dict.fromkeys(expected, ("disable", "admin", "00uAdmin")),
        **dict.fromkeys(again, ("enable", "admin", "00uAdmin")),
    }


def test_revoked_tokens_end_what_was_issued_before_and_neither_consent_nor_key(load):
    names = ("target_kind", "issued_before", "revoked_at")
    cases = {tail: event(f"app.oauth2.{tail}", person(), token()) for tail in ENDED if tail.startswith("token.")}
    rows = each(load, "revocation", cases, names)
    assert {tail for tail, row in rows.items() if row["issued_before"]} == {
        "token.revoke.implicit.user",
        "token.revoke.implicit.client",
    }
    assert all(row["issued_before"] in (None, row["revoked_at"]) for row in rows.values())


def test_a_universal_logout_ends_what_apps_hold_of_a_person_and_cleared_sessions_end_sessions(load):
    """The event's only target is the person: the apps stand in its debug data, as Okta's pages have it."""
    admin, apps = person("00uAdmin"), {"appInstanceIds": f"[{CLIENT}, 0oaOther1]"}
    copilot = {"id": CLIENT, "type": "AppInstance", "displayName": "Copilot"}
    loaded = load(
        [
            event("user.authentication.universal_logout", person(), actor=admin, debug=apps, uuid="e1"),
            event("user.session.clear", person(), actor=admin, uuid="e2"),
            event("user.session.universal_logout", person(), actor=admin, uuid="e3"),
            event("user.authentication.universal_logout.scheduled", person(), actor=admin, uuid="e4"),
            event("user.authentication.universal_logout", person(), copilot, actor=admin, uuid="e5"),
            event("user.authentication.universal_logout", person(), actor=admin, uuid="e6"),
        ]
    )
    out, other, cleared, all_out, named = loaded.rows["revocation"]
    assert [(row["event_id"], row["client_id"]) for row in (out, other, named)] == [
        ("e1", CLIENT),
        ("e1#2", "0oaOther1"),
        ("e5", CLIENT),
    ]
    for row in (out, other, named):
        assert (row["kind"], row["target_kind"], row["subject_id"]) == ("revoke", "policy", USER)
        assert row["issued_before"] == row["revoked_at"]
    for row in (cleared, all_out):
        assert (row["kind"], row["target_kind"], row["subject_id"]) == ("revoke", "session", USER)
        assert (row["session_id"], row["client_id"], row["initiator"]) == (None, None, "admin")  # not the admin's
    assert loaded.ignored == {"sign-in of a person": 1}
    assert [row["reason"] for row in loaded.rejected] == ["names no client"]


def agent(id="wlp1", type_="AI Agent"):
    """Write an actor or target that is an AI agent."""
    return {"id": id, "type": type_, "alternateId": None, "displayName": "Sales agent", "detailEntry": None}


def test_an_agent_that_gets_a_token_for_a_person_is_its_client(load):
    jag, exchange = token("id_jag", "IJ.one"), {"grantType": "urn:ietf:params:oauth:grant-type:token-exchange"}
    record = event("app.oauth2.token.grant.id_jag", person(), jag, actor=agent(type_="Agent"), debug=exchange)
    row = load([record]).one("issuance")
    assert (row["client_id"], row["client_name"], row["subject_id"], row["kind"]) == (
        "wlp1",
        "Sales agent",
        USER,
        "exchange",
    )
    assert (row["token_id"], row["token_kind"], row["subject_kind"]) == ("IJ.one", "id_jag", "user")


def test_an_agent_and_its_credentials_end_like_a_client_and_its_secrets(load):
    key = {"id": "wpc1", "type": "AIAgentCredential", "alternateId": None, "displayName": "Key", "detailEntry": None}
    steps = {
        "workload_principal.deactivate": [agent(type_="AIAgent")],
        "workload_principal.delete": [agent(type_="AIAgent")],
        "workload_principal.ai_agent.credential.create": [key, agent()],
        "workload_principal.ai_agent.credential.delete": [key, agent()],
        "workload_principal.activate": [agent()],
        "workload_principal.ai_agent.credential.deactivate": [key],
    }
    loaded = load([event(name, *targets, actor=person("00uAdmin"), uuid=name) for name, targets in steps.items()])
    assert loaded.counts() == {"records": 6, "issuance": 1, "revocation": 4, "ignored": 1}
    assert loaded.ignored == {"agent: it and its credentials neither begin nor end, or no agent is named": 1}
    made = loaded.one("issuance")
    assert (made["kind"], made["client_id"], made["token_kind"]) == ("credential", "wlp1", "api_key")
    ended = [(row["kind"], row["target_kind"], row["client_id"]) for row in loaded.rows["revocation"]]
    assert sorted(ended) == [
        ("disable", "client", "wlp1"),
        ("disable", "client", "wlp1"),
        ("enable", "client", "wlp1"),
        ("revoke", "credential", "wlp1"),
    ]


def test_a_clients_secret_is_a_credential_of_the_client(load):
    text = "NOT-A-REAL-SECRET-abc123"
    secret = {"id": CLIENT, "type": "OAuth2ClientSecretEntity", "alternateId": "unknown", "displayName": "Copilot"}
    secret["detailEntry"] = {"clientid": CLIENT, "clientsecret": text, "status": "active"}
    key = {"id": "kid1", "type": "OAuth2ClientJsonWebKeyEntity", "displayName": "Copilot", "detailEntry": None}
    admin = person("00uAdmin")
    steps = ("create", "activate", "deactivate", "delete")
    events = [event(f"app.oauth2.credentials.lifecycle.{step}", secret, actor=admin, uuid=step) for step in steps]
    events.append(
        event(
            "app.oauth2.credentials.lifecycle.create",
            key,
            actor=admin,
            uuid="key",
            debug={"clientId": CLIENT, "userId": "00uAdmin"},
        )
    )
    events.append(event("app.oauth2.credentials.lifecycle.delete", actor=admin, uuid="whose"))
    loaded = load(events)
    for row in loaded.rows["issuance"]:
        assert (row["kind"], row["token_kind"], row["client_id"]) == ("credential", "api_key", CLIENT)
        assert (row["token_id"], row["subject_id"], row["subject_kind"]) == (None, None, "service")
        assert row["consent_actor"] == "00uAdmin"
    assert [row["event_id"] for row in loaded.rows["issuance"]] == ["create", "activate", "key"]
    for row in loaded.rows["revocation"]:
        assert (row["kind"], row["target_kind"], row["client_id"]) == ("revoke", "credential", CLIENT)
        assert (row["token_id"], row["initiator"]) == (None, "admin")
    assert [row["event_id"] for row in loaded.rows["revocation"]] == ["deactivate", "delete"]
    assert [row["reason"] for row in loaded.rejected] == ["names no client"]
    assert text not in json.dumps(loaded.rows, default=str)


def test_an_admins_consent_is_not_for_the_admin(load):
    scope = consent("okta.users.read", "oagA") | {"detailEntry": {"publicclientapp": CLIENT}}
    row = load([event("app.oauth2.admin.consent.grant", scope, actor=person("00uAdmin"))]).one("issuance")
    assert (row["subject_id"], row["consent_actor"], row["consent_kind"]) == (None, "00uAdmin", "admin")


def test_a_change_made_with_a_token_is_a_use_of_it_and_what_it_did(load):
    loaded = load([event("user.lifecycle.suspend", person("00uGone"), transaction=called_with("AT.one"))])
    assert loaded.one("usage")["token_id"] == "AT.one"
    assert loaded.one("revocation")["subject_id"] == "00uGone"
    assert loaded.counts() == {"records": 1, "usage": 1, "revocation": 1}


def test_unknown_session_is_none(load):
    context = {"externalSessionId": "unknown", "rootSessionId": "unknown"}
    record = event("app.oauth2.as.token.grant.access_token", token(), authenticationContext=context)
    assert load([record]).one("issuance")["session_id"] is None


def test_the_zone_null_is_never_kept(load):
    row = load([event("app.oauth2.as.token.grant.access_token", token())]).one("issuance")
    assert "null" not in [value for value in row.values() if isinstance(value, str)]


def test_scopes_are_parted_by_comma_and_blank_and_none_is_not_unknown(load):
    expected = {"openid, mail.read, mail.send": ["openid", "mail.read", "mail.send"], "openid": ["openid"], "": []}
    expected |= {None: None, "absent": None}
    kind = "app.oauth2.as.token.grant.access_token"
    debug = {written: {"grantedScopes": written, "requestedScopes": written} for written in expected} | {"absent": {}}
    cases = {written: event(kind, token(), debug=debug[written]) for written in expected}
    rows = each(load, "issuance", cases, ("scopes", "scopes_requested"))
    assert {written: row["scopes"] for written, row in rows.items()} == expected
    assert {written: row["scopes_requested"] for written, row in rows.items()} == expected


def test_the_server_stands_in_the_debug_data_or_the_path(load):
    expected = {
        ("/oauth2/v1/token", None): ["okta"],
        (f"/oauth2/{SERVER}/v1/token", None): [SERVER],
        ("/oauth2/default/v1/token", SERVER): [SERVER],
        ("/login/token/redirect", None): None,
    }
    cases = {
        (uri, server): event(
            "app.oauth2.token.grant.access_token", token(), debug={"requestUri": uri, "authorizationServer": server}
        )
        for uri, server in expected
    }
    assert {case: row["audience"] for case, row in each(load, "issuance", cases, ("audience",)).items()} == expected


def test_a_broken_time_is_rejected_and_nothing_is_guessed(load):
    expected = {
        "2020-10-08T18=>08=>41.204Z": "published is no time",
        "redacted": "published is no time",
        "2020-02-30T10:00:00.000Z": "published is no time",
        "infinity": "published is no time",
        "2020-10-08": "published is no time",
        1602180521204: "published is no time",
        None: "published is missing",
    }
    kind = "app.oauth2.as.token.grant.access_token"
    broken = [event(kind, token(), published=published, uuid=str(published)) for published in expected]
    loaded = load([event(kind, token()), *broken])
    assert [row["reason"] for row in loaded.rejected] == list(expected.values())
    assert loaded.counts() == {"records": 8, "issuance": 1, "rejected": 7}


def test_what_does_not_say_of_whom_is_rejected(load):
    admin = person("00uAdmin")
    expected = {
        "names no subject": event("user.lifecycle.suspend", actor=admin),
        "names no client": event("application.lifecycle.deactivate", actor=admin),
        # the app that did it is not the one that ends
        "names no client ": event("app.oauth2.client.lifecycle.delete", actor=app()),
        "names no grant": event("app.oauth2.as.consent.revoke.user.client", actor=admin),
        "names no credential": event("system.api_token.revoke", actor=admin),
        "names no API token": event("system.api_token.create", actor=admin),
        "outcome.result is missing": event("app.oauth2.as.token.grant", token(), outcome=None, legacyEventType=None),
        "eventType is missing": event(None, token()),
    }
    loaded = load(list(expected.values()), loader="okta")
    assert [row["reason"] for row in loaded.rejected] == [reason.strip() for reason in expected]
    assert loaded.counts() == {"records": 8, "rejected": 8}


def test_without_uuid_the_record_itself_names_the_event(load):
    first = event("app.oauth2.as.token.revoke", token(id="AT.1"), token(id="AT.2"), uuid=None)
    loaded = load([first, first])
    assert [row["token_id"] for row in loaded.rows["revocation"]] == ["AT.1", "AT.2"]
    assert all(row["event_id"].startswith("md5:") for row in loaded.rows["revocation"])
    assert loaded.counts() == {"records": 2, "revocation": 2, "duplicates": 2}


def test_a_missing_outcome_is_read_from_the_older_name_of_the_type(load):
    kind = "app.oauth2.as.token.revoke"
    record = event(kind, token(), outcome=None, legacyEventType=f"{kind}_failure")
    assert load([record]).one("revocation")["outcome"] == "error"


def test_an_authorization_code_is_never_kept(load):
    code = {"id": "SECRETCODE123", "type": "code", "alternateId": None, "displayName": "Authorization Code"}
    kinds = ("authorize.code", "token.grant", "token.detect_reuse")
    rows = load([event(f"app.oauth2.as.{kind}", person(), code, uuid=kind) for kind in kinds]).rows["issuance"]
    assert len(rows) == len(kinds)
    assert "SECRETCODE123" not in json.dumps(rows, default=str)


def test_several_tokens_of_one_event_are_several_rows(load):
    loaded = load([event("app.oauth2.as.token.revoke", token(id="AT.1"), token("refresh_token", "oar.1"))])
    assert [row["token_id"] for row in loaded.rows["revocation"]] == ["AT.1", "oar.1"]
    assert len({row["event_id"] for row in loaded.rows["revocation"]}) == 2


def test_loading_an_event_twice_counts_once(load):
    record = event("app.oauth2.as.token.grant.access_token", token())
    assert load([record, record]).counts() == {"records": 2, "issuance": 1, "duplicates": 1}


EVERY_KIND = [
    event("app.oauth2.as.consent.grant", consent("a", "oag1"), consent("b", "oag2"), actor=person(), uuid="k1"),
    event("app.oauth2.as.token.grant.access_token", person(), token(expires="2026-07-01T11:00:00.000Z"), uuid="k2"),
    event("app.oauth2.as.token.revoke", token(), uuid="k3"),
    event("user.lifecycle.suspend", person(), actor=person("00uAdmin"), uuid="k4"),
    event("user.session.start", actor=person(), uuid="k5"),
    event("group.user_membership.add", person(), uuid="k6", transaction=called_with("AT.one")),
]


def test_panthers_dialect_gives_the_same_rows(load):
    plain, panther = load(EVERY_KIND), load([as_panther(record) for record in EVERY_KIND])
    assert plain.counts() == panther.counts()
    assert plain.ignored == panther.ignored
    for log, rows in plain.rows.items():
        assert rows, log
        for mine, theirs in zip(rows, panther.rows[log], strict=True):
            assert mine["received_at"] is None
            assert theirs["received_at"] == datetime(2026, 7, 1, 10, 2, tzinfo=UTC)
            assert mine | {"received_at": None} == theirs | {"received_at": None}


@pytest.mark.parametrize("more", [{"p_log_type": "Okta.SystemLog"}, {}])
def test_debug_context_alone_may_be_in_lower_case(load, more):
    def mixed(record):
        return {name.lower() if name == "debugContext" else name: value for name, value in record.items()} | more

    plain, panther = load(EVERY_KIND), load([mixed(record) for record in EVERY_KIND])
    assert plain.counts() == panther.counts()
    for log, rows in plain.rows.items():
        assert [row | {"batch_id": None} for row in rows] == [row | {"batch_id": None} for row in panther.rows[log]]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: {"id": "1", "detail-type": "SystemLog", "source": "aws.partner/okta.com/acme/x", "detail": e},
        lambda e: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(e)}},
        lambda e: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(e)},
        lambda e: {"@timestamp": "2026-07-01T10:00:05Z", "json": e},
    ],
)
def test_an_event_inside_that_of_a_collector_gives_the_same_rows(load, wrap):
    records = [
        event("app.oauth2.as.token.grant.access_token", person(), token(), uuid="e1"),
        event("app.oauth2.token.revoke", token(), uuid="e2"),
        event("user.session.start", person(), uuid="e3"),
    ]
    bare, collected = load(records), load([*map(wrap, records[:2]), records[2]])
    assert collected.batch["loader"] == "okta"
    apart = {"batch_id", "line_no"}
    for log in ("issuance", "revocation"):
        rows = [{k: v for k, v in found.one(log).items() if k not in apart} for found in (bare, collected)]
        assert rows[0] == rows[1]
    assert collected.ignored == bare.ignored == {"sign-in of a person": 1}


def hook(*events):
    """Write a delivery of an event hook."""
    return {
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "eventId": "d-1",
        "eventTime": "2026-07-01T10:00:09.000Z",
        "source": "https://acme.okta.com/api/v1/eventHooks/who1",
        "contentType": "application/json",
        "data": {"events": list(events)},
    }


HOOKS = {
    "one each": lambda records: [hook(record) for record in records],
    "several": lambda records: [hook(*records[:4]), hook(), hook(*records[4:])],
    "among events": lambda records: [*records[:3], hook(*records[3:])],
    "as Panther spells": lambda records: [hook(*map(as_panther, records))],
    "inside": lambda records: [{"result": {"_raw": json.dumps(hook(*records))}}],
}


@pytest.mark.parametrize("how", HOOKS)
@pytest.mark.parametrize("indent", [None, 1])
def test_what_an_event_hook_delivers_gives_the_same_rows(load, how, indent):
    apart = {"batch_id": None, "line_no": None, "received_at": None}
    bare, hooked = load(EVERY_KIND), load("\n".join(json.dumps(each, indent=indent) for each in HOOKS[how](EVERY_KIND)))
    assert hooked.batch["loader"] == "okta"
    assert hooked.counts() == bare.counts()
    assert hooked.ignored == bare.ignored
    for log, rows in bare.rows.items():
        assert rows, log
        told = sorted([row | apart for row in hooked.rows[log]], key=lambda row: row["event_id"])
        assert told == sorted([row | apart for row in rows], key=lambda row: row["event_id"])


def test_a_delivery_stands_on_its_line(load):
    loaded = load([hook(EVERY_KIND[4]), hook(EVERY_KIND[0], EVERY_KIND[1])])
    assert [row["line_no"] for row in loaded.rows["issuance"]] == [2, 2]


def test_what_is_no_event_in_a_delivery_is_rejected(load):
    loaded = load([hook(EVERY_KIND[1], 7, {"uuid": "x"}), hook() | {"data": 3}, hook(EVERY_KIND[0])])
    assert loaded.counts() == {"records": 5, "issuance": 2, "rejected": 3}


@pytest.mark.parametrize("reason", ["authorization_pending", "slow_down"])
@pytest.mark.parametrize("server", ["app.oauth2", "app.oauth2.as"])
def test_a_device_that_asks_again_is_refused_nothing(load, server, reason):
    grant = {"grantType": "urn:ietf:params:oauth:grant-type:device_code"}
    polls = [
        event(f"{server}.{kind}", result="FAILURE", reason=reason, debug=grant)
        for kind in ("token.grant", "token.grant.access_token")
    ]
    denied = event(f"{server}.token.grant", result="FAILURE", reason="access_denied", debug=grant)
    loaded = load([poll | {"uuid": f"p{number}"} for number, poll in enumerate([*polls, denied])])
    assert loaded.ignored == {"device that asks whether its code was entered yet": 2}
    assert (loaded.one("issuance")["outcome"], loaded.one("issuance")["event_id"]) == ("denied", "p2")


def test_text_that_nests_too_deeply_is_one_record_that_is_no_event(load):
    deep = {"message": '{"a":' * 20000 + "1" + "}" * 20000}
    loaded = load([deep, event("user.session.start", person()), event("app.oauth2.token.revoke", token(), uuid="e2")])
    assert loaded.counts() == {"records": 3, "revocation": 1, "ignored": 1, "rejected": 1}


def test_both_spellings_may_stand_in_one_file(load):
    mixed = [as_panther(record) if number % 2 else record for number, record in enumerate(EVERY_KIND)]
    assert load(mixed).counts() == load(EVERY_KIND).counts()


# Whatever is missing or of a wrong type: nothing fails, and every record is counted.


@settings(max_examples=8)
@given(lists_of_damaged([*EVERY_KIND, *map(as_panther, EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    records = [record | {"uuid": f"u{number}"} for number, record in enumerate(records)]  # so that none is a duplicate
    assert_all_accounted_for(load, records, "okta")


JWT_BEARER = {"grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer", "grantedScopes": "inventory:read"}


@pytest.mark.parametrize("with_token", [False, True])
def test_an_assertion_that_was_shown_for_an_access_token_is_its_parent(load, with_token):
    assertion = token("id_jag", "IJ.one", subject=USER)
    given_ = [token("access_token", "AT.two", subject=USER)] if with_token else []
    record = event("app.oauth2.as.token.grant.access_token", assertion, *given_, actor=agent(), debug=JWT_BEARER)
    row = load([record]).one("issuance")
    assert (row["token_kind"], row["token_id"], row["parent_token_id"], row["outcome"]) == (
        "access",
        "AT.two" if with_token else None,
        "IJ.one",
        "success",
    )
    assert (row["client_id"], row["subject_id"], row["scopes"]) == ("wlp1", USER, ["inventory:read"])


def test_a_refused_assertion_was_shown_and_not_asked_for(load):
    assertion = token("id_jag", "IJ.one", subject=USER)
    asked = {"grantType": "urn:ietf:params:oauth:grant-type:token-exchange"}
    cases = {
        "shown": event("app.oauth2.as.token.grant", assertion, actor=agent(), result="FAILURE", debug=JWT_BEARER),
        "asked": event("app.oauth2.token.grant", assertion, actor=agent(), result="FAILURE", debug=asked),
        "given": event("app.oauth2.token.grant.id_jag", assertion, actor=agent(), debug=asked),
    }
    assert each(load, "issuance", cases, ("outcome", "token_kind", "token_id", "parent_token_id")) == {
        "shown": {"outcome": "denied", "token_kind": None, "token_id": None, "parent_token_id": "IJ.one"},
        "asked": {"outcome": "denied", "token_kind": "id_jag", "token_id": None, "parent_token_id": None},
        "given": {"outcome": "success", "token_kind": "id_jag", "token_id": "IJ.one", "parent_token_id": None},
    }


def test_a_device_secret_is_no_access_token_of_those_it_came_with(load):
    record = event("app.oauth2.as.token.grant.device_secret", token(), token("refresh_token", "RT.one"))
    row = load([record]).one("issuance")
    assert (row["token_id"], row["token_kind"]) == (None, None)


def test_a_user_gave_the_consent_that_oktas_system_wrote_down(load):
    system = {"id": "okta", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System"}
    row = load([event("app.oauth2.as.consent.grant", consent("mail.read", "oagA"), actor=system)]).one("issuance")
    assert (row["subject_id"], row["consent_actor"], row["consent_kind"]) == (USER, USER, "user")


def test_an_api_service_integration_is_a_client_that_an_admin_let_in_and_shut_out(load):
    integration = {"id": CLIENT, "type": "AppInstance", "alternateId": "Sync", "displayName": "Sync"}
    admin = person("00uAdmin000000000001", "Grace Hopper")
    life = [
        event(f"integration.api_service.lifecycle.{end}", integration, actor=admin) for end in ("authorize", "revoke")
    ]
    nameless = event("integration.api_service.lifecycle.revoke", person(), actor=admin)
    loaded = load([record | {"uuid": str(number)} for number, record in enumerate([*life, nameless])])
    assert loaded.counts() == {"records": 3, "issuance": 1, "revocation": 1, "ignored": 1}
    given_, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (given_["kind"], given_["client_id"], given_["client_name"], given_["subject_id"]) == (
        "consent",
        CLIENT,
        "Sync",
        None,
    )
    assert (given_["consent_kind"], given_["consent_actor"]) == ("admin", admin["id"])
    assert (ended["kind"], ended["target_kind"], ended["client_id"], ended["initiator"], ended["actor_id"]) == (
        "disable",
        "client",
        CLIENT,
        "admin",
        admin["id"],
    )
