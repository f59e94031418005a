"""The Auth0 loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

CLIENT, USER, ADMIN = (
    "cliMailCopilot000000000000000001",
    "auth0|user00000000000000000001",
    "auth0|admin0000000000000000001",
)
GRANT = "62b0000000000000000000a1"

EXPECTED = {
    "elastic-login-failure.ndjson": ({"records": 4, "issuance": 2, "ignored": 2}, {"sign-in of a person": 2}),
    "elastic-login-success.ndjson": ({"records": 15, "issuance": 5, "ignored": 10}, {"sign-in of a person": 10}),
    "elastic-logout-success.ndjson": ({"records": 2, "ignored": 2}, {"sign-out of a person": 2}),
    # one record is there twice, as streams may deliver it
    "elastic-mgmt-api-success.ndjson": (
        {"records": 28, "issuance": 1, "usage": 27, "revocation": 1, "duplicates": 1},
        {},
    ),
    "elastic-token-xchg-success.ndjson": ({"records": 14, "issuance": 13, "duplicates": 1}, {}),
}


def event(code, *, id="1", details=None, **more):
    """Write one event as the Management API gives it."""
    return {
        "date": "2026-07-01T10:00:00.123Z",
        "type": code,
        "description": "",
        "connection_id": "",
        "client_id": CLIENT,
        "client_name": "Mail copilot",
        "ip": "198.51.100.7",
        "user_agent": "agent/1.0",
        "details": details or {},
        "user_id": USER,
        "user_name": "ada@example.com",
        "log_id": f"9002026070110000012300000000000000000000000000000000{id}",
        **more,
    }


def streamed(record):
    """Write the event as a log stream delivers it."""
    return {"log_id": record.get("log_id"), "data": record}


def call(method, path, *, id="1", status=200, code="sapi", body=None, answer=None, query=None, user=ADMIN, **more):
    """Write a call of the Management API."""
    request = {
        "method": method,
        "path": path,
        "query": query or {},
        "body": body or {},
        "channel": "https://manage.auth0.com/",
        "auth": {
            "user": {"user_id": user, "name": "admin@example.com"} if user else {},
            "strategy": "jwt",
            "credentials": {"jti": "a1b2c3", "scopes": ["read:users", "delete:grants"]},
        },
    }
    details = {"request": request, "response": {"statusCode": status, "body": answer or {}}}
    return event(code, id=id, details=details, client_id="cliDashboard", client_name="", user_id=user or "", **more)


def login(*grants, **more):
    """Write a login during which these were consented to."""
    prompts = [{"name": "login", "completedAt": 1, "elapsedTime": 7}]
    prompts += [{"name": "consent", "grantInfo": grant, "elapsedTime": 7} for grant in grants]
    return event("s", details={"prompts": prompts, "session_id": "sess1"}, **more)


def given_(id=GRANT, scope="openid mail.read"):
    return {"id": id, "audience": "https://api.example.com/", "scope": scope, "expiration": None}


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/auth0" / name))


def records_of(shared, name):
    """Read a real file with json alone: the events, each once."""
    lines = (shared / "real-logs/auth0" / name).read_text().splitlines()
    return list({record["log_id"]: record["data"] for record in map(json.loads, lines)}.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "auth0"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/auth0").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_consents_agree_with_a_reading_in_plain_python(shared, real):
    name = "elastic-login-success.ndjson"
    expected = {
        prompt["grantInfo"]["id"]: (record, prompt["grantInfo"])
        for record in records_of(shared, name)
        for prompt in record["details"]["prompts"]
        if "grantInfo" in prompt
    }
    rows = real(name).rows["issuance"]
    assert {row["grant_id"] for row in rows} == set(expected)
    assert len(rows) == 5
    for row in rows:
        record, info = expected[row["grant_id"]]
        assert row["issued_at"] == datetime.fromisoformat(record["date"])
        assert (row["client_id"], row["subject_id"]) == (record["client_id"], record["user_id"])
        assert row["scopes"] == info["scope"].split(" ")
        assert row["audience"] == [info["audience"]]
        assert row["session_id"] == record["details"]["session_id"]
        assert (row["kind"], row["outcome"], row["consent_kind"]) == ("consent", "success", "user")


def test_each_real_consent_is_followed_by_a_token_of_its_client_and_user(shared, real):
    consents = real("elastic-login-success.ndjson").rows["issuance"]
    tokens = real("elastic-token-xchg-success.ndjson").rows["issuance"]
    assert {row["token_id"] for row in tokens} == {None}  # they are older than the field
    for consent in consents:
        later = [
            (token["issued_at"] - consent["issued_at"]).total_seconds()
            for token in tokens
            if (token["client_id"], token["subject_id"]) == (consent["client_id"], consent["subject_id"])
        ]
        assert any(0 < seconds < 2 for seconds in later)


def test_real_calls_agree_with_a_reading_in_plain_python(shared, real):
    name = "elastic-mgmt-api-success.ndjson"
    records = records_of(shared, name)
    rows = {row["event_id"]: row for row in real(name).rows["usage"]}
    assert set(rows) == {record["log_id"] for record in records}
    for record in records:
        request, row = record["details"]["request"], rows[record["log_id"]]
        assert row["token_id"] == request["auth"]["credentials"]["jti"]
        assert row["token_scopes"] == request["auth"]["credentials"].get("scopes")
        assert row["subject_id"] == request["auth"]["user"]["user_id"]
        assert (row["method"], row["target"]) == (request["method"].upper(), request["path"])
        assert (row["status"], row["outcome"]) == (record["details"]["response"]["statusCode"], "success")


def test_the_real_client_grant_and_the_end_of_its_client_join(shared, real):
    name = "elastic-mgmt-api-success.ndjson"
    (posted,) = [r for r in records_of(shared, name) if r["details"]["request"]["path"] == "/api/v2/client-grants"]
    (deleted,) = [
        r
        for r in records_of(shared, name)
        if r["details"]["request"]["method"] == "delete" and "/clients/" in r["details"]["request"]["path"]
    ]
    body = posted["details"]["request"]["body"]
    granted, ended = real(name).one("issuance"), real(name).one("revocation")
    assert granted["client_id"] == ended["client_id"] == body["client_id"]
    assert granted["scopes"] == granted["scopes_requested"] == body["scope"]
    assert len(granted["scopes"]) > 100
    assert granted["audience"] == [body["audience"]]
    assert granted["consent_actor"] == posted["user_id"]
    assert granted["grant_id"].startswith("derived:")  # the answer left the id out
    assert (ended["kind"], ended["target_kind"]) == ("disable", "client")
    assert ended["revoked_at"] == datetime.fromisoformat(deleted["date"]) > granted["issued_at"]


def test_real_refused_authorization_requests_are_no_consent(shared, real):
    name = "elastic-login-failure.ndjson"
    refused = [record for record in records_of(shared, name) if "qs" in record["details"]]
    rows = real(name).rows["issuance"]
    assert [row["event_id"] for row in rows] == [record["log_id"] for record in refused]
    for record, row in zip(refused, rows, strict=True):
        assert row["client_id"] == record["details"]["qs"]["client_id"]
        assert row["scopes_requested"] == record["details"]["qs"]["scope"].split()
        assert (row["kind"], row["outcome"], row["scopes"]) == ("consent", "denied", None)


def test_no_authorization_code_is_kept_of_real_records(shared, real):
    codes = [record["details"]["code"] for record in records_of(shared, "elastic-token-xchg-success.ndjson")]
    text = json.dumps(real("elastic-token-xchg-success.ndjson").rows, default=str)
    assert codes
    assert not [code for code in codes if code in text]


# What joins.


def test_a_consent_and_the_deletion_of_its_grant_join_on_the_id(load):
    loaded = load([login(given_(), id="1"), call("delete", f"/api/v2/grants/{GRANT}", id="2", status=204)])
    consent, ended = loaded.one("issuance"), loaded.one("revocation")
    assert consent["grant_id"] == ended["grant_id"] == GRANT
    assert (ended["target_kind"], ended["initiator"], ended["actor_id"]) == ("grant", "admin", ADMIN)
    assert loaded.one("usage")["target"] == f"/api/v2/grants/{GRANT}"


def test_several_consents_of_one_login_are_several_rows(load):
    loaded = load([login(given_("a"), given_("b"))])
    assert [row["grant_id"] for row in loaded.rows["issuance"]] == ["a", "b"]
    assert len({row["event_id"] for row in loaded.rows["issuance"]}) == 2


def test_a_client_grant_is_called_by_its_id_where_the_answer_gives_it(load):
    body = {"client_id": CLIENT, "audience": "https://api.example.com/", "scope": ["read:mail", "send:mail"]}
    less = {"client_id": CLIENT, "audience": "https://api.example.com/", "scope": ["read:mail"], "id": "cgr_1"}
    loaded = load(
        [
            call("post", "/api/v2/client-grants", id="1", status=201, body=body, answer=body | {"id": "cgr_1"}),
            call("patch", "/api/v2/client-grants/cgr_1", id="2", body={"scope": ["read:mail"]}, answer=less),
            call("delete", "/api/v2/client-grants/cgr_1", id="3", status=204),
        ]
    )
    granted, changed = loaded.rows["issuance"]
    assert granted["grant_id"] == changed["grant_id"] == loaded.one("revocation")["grant_id"] == "cgr_1"
    assert (granted["kind"], changed["kind"]) == ("consent", "change")
    assert (granted["scopes"], changed["scopes"]) == (["read:mail", "send:mail"], ["read:mail"])
    assert (granted["client_id"], changed["client_id"]) == (CLIENT, CLIENT)
    assert {row["subject_kind"] for row in (granted, changed)} == {"service"}
    assert {row["subject_id"] for row in (granted, changed)} == {None}


def test_a_clients_secret_is_rotated_and_its_key_is_added_and_removed(load):
    place = f"/api/v2/clients/{CLIENT}"
    added = {"id": "cred_1", "kid": "k1", "credential_type": "public_key"}
    loaded = load(
        [
            call("post", f"{place}/rotate-secret", id="1", answer={"client_id": CLIENT}),
            call("post", f"{place}/credentials", id="2", status=201, answer=added),
            call("post", f"{place}/credentials", id="3", status=403, code="fapi", user=None),
            call("delete", f"{place}/credentials/cred_1", id="4", status=204),
            call("post", "/api/v2/clients", id="5", status=201, answer={"client_id": CLIENT}),
            call("post", "/oidc/register", id="6", status=201, answer={"client_id": CLIENT}, user=None),
        ]
    )
    names = (
        "kind",
        "token_kind",
        "token_id",
        "client_id",
        "subject_id",
        "subject_kind",
        "consent_actor",
        "outcome",
        "grant_type",
    )
    assert [tuple(row[name] for name in names) for row in loaded.rows["issuance"]] == [
        ("credential", "api_key", None, CLIENT, None, "service", ADMIN, "success", None),
        ("credential", "api_key", "cred_1", CLIENT, None, "service", ADMIN, "success", None),
        ("credential", "api_key", None, CLIENT, None, "service", "cliDashboard", "denied", None),
    ]
    names = ("kind", "target_kind", "token_id", "client_id", "subject_id", "initiator", "actor_id")
    (ended,) = loaded.rows["revocation"]
    assert tuple(ended[name] for name in names) == ("revoke", "credential", "cred_1", CLIENT, None, "admin", ADMIN)
    assert len(loaded.rows["usage"]) == 6


ENDS = {
    ("delete", "/api/v2/refresh-tokens/rt_1"): ("revoke", "token", "rt_1"),
    ("delete", "/api/v2/device-credentials/dcr_1"): ("revoke", "token", "dcr_1"),
    ("delete", "/api/v2/grants/" + GRANT): ("revoke", "grant", GRANT),
    ("delete", "/api/v2/client-grants/cgr_1"): ("revoke", "grant", "cgr_1"),
    ("post", "/api/v2/sessions/sess1/revoke"): ("revoke", "session", "sess1"),
    ("delete", "/api/v2/users/auth0%7Cuser00000000000000000001"): ("disable", "subject", USER),
    ("delete", f"/api/v2/clients/{CLIENT}"): ("disable", "client", CLIENT),
}


@pytest.mark.parametrize(("method", "path"), ENDS)
def test_what_a_call_ends_is_told_by_its_path(load, method, path):
    row = load([call(method, path, status=204)]).one("revocation")
    named = {
        "token": "token_id",
        "grant": "grant_id",
        "session": "session_id",
        "client": "client_id",
        "subject": "subject_id",
    }
    kind, target, id = ENDS[method, path]
    assert (row["kind"], row["target_kind"], row["outcome"]) == (kind, target, "success")
    assert {target: row[column] for target, column in named.items() if row[column]} == {target: id}


def test_a_call_that_ends_several_tokens_is_several_rows(load):
    loaded = load([call("post", "/api/v2/refresh-tokens/revoke", status=202, body={"ids": ["rt_1", "rt_2"]})])
    assert [(row["token_id"], row["target_kind"]) for row in loaded.rows["revocation"]] == [
        ("rt_1", "token"),
        ("rt_2", "token"),
    ]


@pytest.mark.parametrize(("user", "client"), [(USER, CLIENT), (USER, None), (None, CLIENT)])
def test_a_bulk_revocation_ends_what_was_issued_before_to_whom_its_body_names(load, user, client):
    body = {"user_id": user, "client_id": client}
    row = load([call("post", "/api/v2/refresh-tokens/revoke", body=body)]).one("revocation")
    assert (row["target_kind"], row["subject_id"], row["client_id"], row["grant_id"]) == ("policy", user, client, None)
    assert row["issued_before"] == row["revoked_at"]


def test_revoked_refresh_tokens_of_a_user_end_no_consent(tmp_path):
    from grantlens.store import Store

    path = "/api/v2/users/auth0%7Cuser00000000000000000001"
    ends = (
        call("delete", f"{path}/refresh-tokens", id="2", status=204),
        call("post", f"{path}/revoke-access", id="2", status=202),
        event("universal_logout_succeeded", id="2"),
    )
    for end in ends:
        log = tmp_path / "log.ndjson"
        log.write_text(
            "".join(json.dumps(record) + "\n" for record in (login(given_(), date="2026-07-01T09:00:00Z"), end))
        )
        with Store(":memory:") as store:
            store.load(log)
            (row,) = store.sql("SELECT * FROM revocation").to_pylist()
            assert store.engine.rows("SELECT grant_id, ended_at FROM grant_state") == [(GRANT, None)]
        assert (row["target_kind"], row["subject_id"], row["issued_before"]) == ("policy", USER, row["revoked_at"])


def test_a_bulk_revocation_of_one_audience_ends_no_grant(load):
    body = {"user_id": USER, "client_id": CLIENT, "audience": "https://api.example.com/"}
    row = load([call("post", "/api/v2/refresh-tokens/revoke", body=body)]).one("revocation")
    assert (row["target_kind"], row["token_id"], row["grant_id"]) == ("token", None, None)
    assert (row["subject_id"], row["client_id"]) == (USER, CLIENT)


ACCESS = (
    ({}, ("policy", USER, None)),
    ({"preserve_refresh_tokens": False}, ("policy", USER, None)),
    ({"session_id": "sess1"}, ("session", None, "sess1")),
    ({"preserve_refresh_tokens": True}, None),
    ({"session_id": "sess1", "preserve_refresh_tokens": True}, None),
)


@pytest.mark.parametrize(("body", "ends"), ACCESS)
def test_revoked_access_ends_what_its_body_does_not_preserve(load, body, ends):
    path = "/api/v2/users/auth0%7Cuser00000000000000000001/revoke-access"
    rows = load([call("post", path, status=202, body=body)]).rows["revocation"]
    told = [(row["target_kind"], row["subject_id"], row["session_id"]) for row in rows]
    assert told == ([ends] if ends else [])


def test_deleting_the_grants_of_a_user_names_the_user_in_the_query(load):
    row = load([call("delete", "/api/v2/grants", query={"user_id": USER}, status=204)]).one("revocation")
    assert (row["target_kind"], row["subject_id"], row["grant_id"]) == ("subject", USER, None)


def test_a_blocked_user_is_disabled_and_one_set_free_is_enabled(load):
    path = "/api/v2/users/auth0%7Cuser00000000000000000001"
    loaded = load([call("patch", path, id=str(b), body={"blocked": b}) for b in (True, False)])
    rows = [(row["kind"], row["target_kind"], row["subject_id"]) for row in loaded.rows["revocation"]]
    assert rows == [("disable", "subject", USER), ("enable", "subject", USER)]
    assert loaded.counts() == {"records": 2, "usage": 2, "revocation": 2}


def test_reading_a_grant_or_a_client_ends_nothing(load):
    calls = [call("get", path, id=path[-1], code="mgmt_api_read") for path in ("/api/v2/grants/a", "/api/v2/clients/b")]
    assert load(calls).counts() == {"records": 2, "usage": 2}


def test_a_machine_acts_for_itself(load):
    loaded = load([call("delete", f"/api/v2/grants/{GRANT}", user=None, status=204)])
    usage, ended = loaded.one("usage"), loaded.one("revocation")
    assert (usage["client_id"], usage["subject_id"], usage["token_id"]) == ("cliDashboard", None, "a1b2c3")
    assert (ended["initiator"], ended["actor_id"]) == ("client", "cliDashboard")


# What failed gives and ends nothing.


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (401, "denied", "token"),
        (403, "denied", "other"),
        (429, "denied", "rate"),
        (400, "error", None),
        (None, "error", None),
    ],
)
def test_a_failed_call_is_no_success_in_any_log(load, status, outcome, reason):
    body = {"client_id": CLIENT, "audience": "https://api.example.com/", "scope": ["read:mail"]}
    loaded = load(
        [
            call("post", "/api/v2/client-grants", id="1", status=status, code="fapi", body=body),
            call("delete", f"/api/v2/grants/{GRANT}", id="2", status=status, code="fapi"),
        ]
    )
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {outcome}
    assert {row["denial_reason"] for row in loaded.rows["usage"]} == {reason}
    assert loaded.one("issuance")["scopes"] is None
    assert loaded.counts() == {"records": 2, "issuance": 1, "usage": 2, "revocation": 1}


EXCHANGES = {
    "seacft": ("token", "success", "authorization_code"),
    "seccft": ("token", "success", "client_credentials"),
    "sepft": ("token", "success", "password"),
    "sertft": ("refresh", "success", "refresh_token"),
    "sede": ("token", "success", "urn:ietf:params:oauth:grant-type:device_code"),
    "ciba_exchange_succeeded": ("token", "success", "urn:openid:params:grant-type:ciba"),
    "ciba_exchange_failed": ("token", "denied", "urn:openid:params:grant-type:ciba"),
    "sens": ("exchange", "success", "urn:ietf:params:oauth:grant-type:token-exchange"),
    "secte": ("exchange", "success", "urn:ietf:params:oauth:grant-type:token-exchange"),
    "seta": ("exchange", "success", None),
    "success_on_behalf_of_token_exchange": (
        "exchange",
        "success",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ),
    "failed_on_behalf_of_token_exchange": ("exchange", "denied", "urn:ietf:params:oauth:grant-type:token-exchange"),
    "sdeleacft": ("token", "success", "authorization_code"),
    "fdeleacft": ("token", "denied", "authorization_code"),
    "feta": ("exchange", "denied", None),
    "idjag_exchange_succeeded": ("exchange", "success", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
    "feacft": ("token", "denied", "authorization_code"),
    "feccft": ("token", "denied", "client_credentials"),
    "feoobft": ("token", "denied", "http://auth0.com/oauth/grant-type/mfa-oob"),
    "seotpft": ("token", "success", "http://auth0.com/oauth/grant-type/mfa-otp"),
    "sercft": ("token", "success", "http://auth0.com/oauth/grant-type/mfa-recovery-code"),
    "fertft": ("refresh", "denied", "refresh_token"),
    "ferrt": ("refresh", "denied", "refresh_token"),
    "fecte": ("exchange", "denied", "urn:ietf:params:oauth:grant-type:token-exchange"),
    "idjag_exchange_failed": ("exchange", "denied", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
    "jwt_bearer_exchange_failed": ("exchange", "denied", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
}


def test_each_code_of_an_exchange_tells_kind_and_outcome(load):
    loaded = load([event(code, id=str(number)) for number, code in enumerate(EXCHANGES)])
    rows = loaded.rows["issuance"]
    assert {
        code: (row["kind"], row["outcome"], row["grant_type"]) for code, row in zip(EXCHANGES, rows, strict=True)
    } == EXCHANGES
    assert loaded.counts() == {"records": len(EXCHANGES), "issuance": len(EXCHANGES)}


def test_a_user_who_does_not_confirm_a_device_consents_to_nothing(load):
    row = load([event("fdecc")]).one("issuance")
    assert (row["kind"], row["outcome"], row["client_id"]) == ("consent", "denied", CLIENT)
    assert row["denial_reason"] == "consent"


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        ("ferrt", "Reused rotating refresh token detected, revoked the family", "reuse"),
        ("ferrt", "", "token"),
        ("fertft", "Token could not be decoded or is missing in DB", "token"),
        ("fertft", "Token reuse is no matter here", "token"),
        ("feacft", "Invalid authorization code", None),
        ("sertft", "", None),
    ],
)
def test_why_an_exchange_was_refused(load, code, said, reason):
    assert load([event(code, description=said)]).one("issuance")["denial_reason"] == reason


def test_codes_that_end_access(load):
    expected = {
        "srrt": ("revoke", "token", "success", CLIENT),
        "resource_cleanup": ("revoke", "token", "success", CLIENT),
        "universal_logout_succeeded": ("revoke", "policy", "success", None),
        "universal_logout_failed": ("revoke", "policy", "error", None),
        "sdu": ("disable", "subject", "success", None),
        "fdu": ("disable", "subject", "error", None),
    }
    rows = load([event(code, id=str(number)) for number, code in enumerate(expected)]).rows["revocation"]
    assert [(r["kind"], r["target_kind"], r["outcome"], r["client_id"]) for r in rows] == list(expected.values())
    assert {row["subject_id"] for row in rows} == {USER}


def test_an_end_that_names_nobody_is_rejected(load):
    loaded = load([event("sdu", user_id="")])
    assert [row["reason"] for row in loaded.rejected] == ["names no subject"]


# Quirk by quirk.


def test_scopes_are_parted_by_blanks_or_a_list_and_empty_is_not_none(load):
    expected = {"openid mail.read": ["openid", "mail.read"], "": None, None: None}
    listed = {'["a", "b"]': ["a", "b"], "[]": []}
    cases = [event("sertft", id=str(n), scope=scope) for n, scope in enumerate(expected)]
    cases += [event("sertft", id=f"x{n}", scope=json.loads(text)) for n, text in enumerate(listed)]
    rows = load(cases).rows["issuance"]
    assert [row["scopes"] for row in rows] == [*expected.values(), *listed.values()]


def test_empty_names_are_unknown(load):
    row = load([event("seccft", user_id="", user_name="", client_name="")]).one("issuance")
    assert (row["subject_id"], row["subject_name"], row["client_name"], row["subject_kind"]) == (
        None,
        None,
        None,
        "service",
    )


NAMING = ["seacft", "sertft", "seccft", "sepft", "secte", "sdeleacft", "idjag_exchange_succeeded"]


@pytest.mark.parametrize("code", [*NAMING, "success_on_behalf_of_token_exchange"])
def test_an_exchange_names_the_access_token_that_calls_name(load, code):
    loaded = load([event(code, details={"access_token_jti": "a1b2c3"}), call("get", "/api/v2/users", id="2")])
    issued = loaded.one("issuance")
    assert (issued["token_id"], issued["token_kind"]) == ("a1b2c3", "access")
    assert loaded.one("usage")["token_id"] == issued["token_id"]


def test_an_exchange_that_names_no_token_has_none(load):
    loaded = load([event("seacft"), event("sertft", id="2", details={"access_token_jti": ""})])
    assert [row["token_id"] for row in loaded.rows["issuance"]] == [None, None]


# What Auth0's schemas of log events say of exchanges, and real records do not show: auth0/auth0-log-schemas.


def acting(*ids):
    """Write `details.actor`, the actor now first; None is an actor without an id."""
    actor = None
    for id in reversed(ids):
        actor = {"sub": id, "act": actor}
    return actor


def on_behalf(*ids, code="success_on_behalf_of_token_exchange", more=None, **fields):
    """Write an exchange on behalf of a person."""
    kinds = {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "requested_token_type": "x"}
    return event(code, details={**kinds, "actor": acting(*ids), **(more or {})}, **fields)


CHAINS = (
    (("agt_1", "spa"), ["agt_1", "spa"]),
    (("agt_1",), ["agt_1"]),
    (("e", "d", "c", "b", "a"), ["e", "d", "c", "b", "a"]),
    (("f", "e", "d", "c", "b", "a"), ["f", "e", "d", "c", "b", ""]),
    (("agt_1", None, "spa"), ["agt_1", "", "spa"]),
    ((None, "spa"), ["", "spa"]),
    ((None,), None),
    ((), None),
)


@pytest.mark.parametrize("code", ["success_on_behalf_of_token_exchange", "secte", "failed_on_behalf_of_token_exchange"])
@pytest.mark.parametrize(("ids", "chain"), CHAINS)
def test_the_actors_of_an_exchange_are_those_of_its_token_one_inside_the_other(load, code, ids, chain):
    assert load([on_behalf(*ids, code=code, agent_id="agt_9")]).one("issuance")["actor_chain"] == chain


ODD = (("agt_1", None), (["agt_1"], None), (7, None), ({"name": "agt_1"}, None), ({"sub": {"id": "agt_1"}}, [""]))


@pytest.mark.parametrize(("actor", "chain"), ODD)
def test_actors_of_another_shape_are_not_guessed(load, actor, chain):
    assert load([event("secte", details={"actor": actor})]).one("issuance")["actor_chain"] == chain


@pytest.mark.parametrize("code", ["seacft", "sertft", "ciba_exchange_succeeded", "sede", "fertft"])
def test_the_agent_of_a_client_acts_for_the_person_who_signed_in(load, code):
    records = [event(code, id="1", agent_id="agt_1"), event(code, id="2", agent_id="agt_1", external_agent_id="ours-7")]
    rows = load(records).rows["issuance"]
    assert [(row["actor_chain"], row["subject_kind"]) for row in rows] == [(["agt_1"], "user"), (["ours-7"], "user")]


def test_an_agent_that_acts_for_itself_is_the_subject_and_no_actor(load):
    row = load([event("seccft", user_id="", agent_id="agt_1")]).one("issuance")
    assert (row["actor_chain"], row["subject_kind"], row["subject_id"]) == (None, "agent", None)


def test_who_took_over_a_session_acts_with_its_token(load):
    row = load([event("sdeleacft", details={"actor": {"sub": ADMIN}, "code": "*****abc"})]).one("issuance")
    assert (row["actor_chain"], row["subject_id"]) == ([ADMIN], USER)


def test_a_sign_in_of_another_gives_no_token(load):
    loaded = load([event(code, id=code, details={"actor": {"sub": ADMIN}}) for code in ("sdel", "sdelsa", "fdelsa")])
    assert loaded.ignored == {"sign-in of a person": 3}


def test_a_refresh_tells_what_was_asked_beside_what_was_given(load):
    details = {
        "familyId": "fam_1",
        "tokenCounter": 3,
        "requested_scope": "mail.read mail.send",
        "requested_audience": "https://other.example.com/",
        "refresh_token": {"access": "online", "session_id": "sess9"},
        "access_token_jti": "a1b2c3",
    }
    row = load([event("sertft", scope="mail.read", audience="https://api.example.com/", details=details)]).one(
        "issuance"
    )
    assert (row["scopes_requested"], row["scopes"]) == (["mail.read", "mail.send"], ["mail.read"])
    assert (row["audience"], row["session_id"], row["token_id"]) == (["https://api.example.com/"], "sess9", "a1b2c3")
    assert row["parent_token_id"] is None  # a family is no token


def test_a_refused_exchange_gives_nothing_and_tells_what_was_asked(load):
    records = [
        on_behalf(
            "agt_1", code="failed_on_behalf_of_token_exchange", id="1", user_id=None, scope="mail.read mail.send"
        ),
        event("fertft", id="2", scope=["mail.read"]),
        event("fecte", id="3"),
    ]
    rows = load(records).rows["issuance"]
    assert [row["scopes_requested"] for row in rows] == [["mail.read", "mail.send"], ["mail.read"], None]
    assert {(row["scopes"], row["denial_reason"]) for row in rows} == {(None, None), (None, "token")}


@pytest.mark.parametrize(
    ("code", "details", "reason"),
    [
        ("ferrt", {"familyId": "fam_1", "tokenCounter": 2, "latestCounter": 4}, "reuse"),
        ("ferrt", {"familyId": "fam_1", "tokenCounter": 9, "latestCounter": 10}, "reuse"),
        ("ferrt", {"familyId": "fam_1", "tokenCounter": 4, "latestCounter": 4}, "token"),
        ("ferrt", {"familyId": "fam_1", "tokenCounter": "many", "latestCounter": 4}, "token"),
        ("fertft", {"failure_reason": "grant_revoked"}, "revoked"),
        ("fertft", {"failure_reason": "session_not_found"}, "token"),
        ("fertft", {"failure_reason": "invalid_token"}, "token"),
        ("sertft", {"familyId": "fam_1", "tokenCounter": 2, "latestCounter": 4}, None),
    ],
)
def test_why_a_refresh_token_was_refused_is_told_by_its_details(load, code, details, reason):
    row = load([event(code, details=details)]).one("issuance")
    assert row["denial_reason"] == reason
    assert row["parent_token_id"] == (details.get("familyId") if code == "ferrt" else None)


REUSED = "Reused rotating refresh token detected, revoked the family"


def test_a_family_that_was_revoked_for_a_reuse_has_ended(load):
    details = {"familyId": "fam_1", "tokenCounter": 1, "latestCounter": 2}
    said = {"1": REUSED, "2": "Reused rotating refresh token detected", "3": ""}
    loaded = load([event("ferrt", id=id, details=details, description=text) for id, text in said.items()])
    ended = loaded.one("revocation")
    assert (ended["kind"], ended["target_kind"], ended["token_id"], ended["initiator"]) == (
        "revoke",
        "token",
        "fam_1",
        "policy",
    )
    assert (ended["client_id"], ended["subject_id"], ended["reason"]) == (CLIENT, USER, REUSED)
    assert loaded.counts() == {"records": 3, "issuance": 3, "revocation": 1}


def test_a_revoked_refresh_token_is_named_by_its_credential_and_ends_no_grant(tmp_path):
    from grantlens.store import Store

    end = event("srrt", id="2", details={"credential_id": "dcr_1", "grant_id": GRANT, "audience": "https://x"})
    other = event("srrt", id="3", details={"credential_id": "dcr_2", "grant_id": None})
    log = tmp_path / "log.ndjson"
    records = (login(given_(), date="2026-07-01T09:00:00Z"), end, other)
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(log)
        rows = store.sql("SELECT target_kind, token_id, grant_id FROM revocation ORDER BY token_id").to_pylist()
        assert store.engine.rows("SELECT grant_id, ended_at FROM grant_state") == [(GRANT, None)]
    assert [tuple(row.values()) for row in rows] == [("token", "dcr_1", GRANT), ("token", "dcr_2", None)]


def test_an_account_connected_for_the_vault_is_no_grant_of_the_clients_own_tokens(load):
    """As the only grant with an id it would be that of all tokens of the client and person, and its end theirs."""
    details = {"connected_account": {"id": "cac_1", "idp_user_id": "1234"}}
    kinds = ("connection_succeeded", "connection_failed", "delete_succeeded", "delete_failed")
    records = [event(f"connected_accounts_{kind}", id=str(n), details=details) for n, kind in enumerate(kinds)]
    assert load(records).ignored == {"account of a third party for the Token Vault": 4}


def test_a_token_of_the_vault_is_for_the_third_party(load):
    details = {
        "scope": ["calendar.read"],
        "expires_at": "2026-07-01T11:00:00Z",
        "subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
        "issued_token_type": "http://auth0.com/oauth/token-type/federated-connection-access-token",
    }
    row = load([event("seta", connection="google-oauth2", details=details)]).one("issuance")
    assert (row["scopes"], row["audience"]) == (["calendar.read"], ["google-oauth2"])
    assert row["token_id"] is None


@pytest.mark.parametrize(
    ("held", "initiator"),
    [
        (["delete:current_user_device_credentials", "read:current_user"], "user"),
        (["delete:current_user_device_credentials", "delete:device_credentials"], "admin"),
        (["delete:device_credentials"], "admin"),
        (["read:users"], "admin"),
        (None, "admin"),
    ],
)
def test_a_person_ends_its_own_device_by_a_token_that_reaches_no_others(load, held, initiator):
    record = call("delete", "/api/v2/device-credentials/dcr_1", status=204, user=USER)
    record["details"]["request"]["auth"]["credentials"] = {"jti": "a1b2c3", "scopes": held}
    assert load([record]).one("revocation")["initiator"] == initiator


# What rules say of them.


def found(store, *rules):
    """Return the findings of these rules on the day of the records."""
    from grantlens import detect

    day = {"since": "2026-07-01", "until": "2026-07-02", "now": "2026-07-02"}
    return [finding for table in detect.run(store, list(rules), **day) for finding in table.to_dicts()]


@pytest.fixture
def judged(tmp_path):
    """Return a function that loads records, and gives what these rules find in them."""
    from grantlens.store import Store

    def judge(records, *rules):
        log = tmp_path / "log.ndjson"
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        with Store(":memory:") as store:
            assert store.load(log).total("rejected") == 0
            return found(store, *rules)

    return judge


def handed_on(id, minute, client, *ids, scope="read:data"):
    """Write an exchange by a client, ten minutes apart."""
    time, api = f"2026-07-01T10:{minute}:00Z", "https://files.example.com/"
    more = {"access_token_jti": f"jti_{id}"}
    return on_behalf(*ids, id=id, date=time, client_id=client, client_name=client, audience=api, scope=scope, more=more)


def test_a_person_who_takes_back_what_an_admin_took_is_told(judged):
    from grantlens.conclusion.conclusion import conclude, source_of
    from grantlens.rules import find

    records = [
        login(given_(), id="1", date="2026-07-01T08:00:00Z"),
        call("delete", f"/api/v2/grants/{GRANT}", id="2", status=204, date="2026-07-01T10:00:00Z"),
        login(given_("new"), id="3", date="2026-07-01T11:00:00Z"),
    ]
    (again,) = judged(records, "REV-9")
    assert (again["verdict"], again["grant_id"], again["subject_id"]) == ("violation", "new", USER)
    assert conclude(find("REV-9"), source_of("auth0")).level == "verdict"


def test_a_chain_of_two_agents_is_judged_by_itself(judged):
    straight = [handed_on("1", 10, "a", "agt_a", "spa"), handed_on("2", 20, "b", "agt_b", "agt_a", "spa")]
    assert judged(straight, "OOS-6") == []
    (circle,) = judged([*straight, handed_on("3", 30, "a", "agt_a", "agt_b", "agt_a", "spa")], "OOS-6")
    assert (circle["verdict"], circle["token_id"], circle["client_id"]) == ("violation", "jti_3", "a")
    assert circle["detail"]["actors"] == "agt_a, agt_b, agt_a, spa"


def test_a_chain_in_which_somebody_has_no_id_makes_no_circle(judged):
    assert judged([handed_on("1", 10, "a", "agt_a", None, "agt_a", "spa")], "OOS-6") == []


def test_an_exchange_that_widened_scopes_is_not_judged_and_not_called_clear(judged):
    """No record names the token that was shown, so nothing says what it held."""
    from grantlens.conclusion.conclusion import conclude, source_of
    from grantlens.rules import find

    narrow = handed_on("1", 10, "a", "agt_a", "spa")
    wide = handed_on("2", 20, "b", "agt_b", "agt_a", "spa", scope="read:data delete:data")
    assert judged([narrow, wide], "OOS-5") == []
    concluded = conclude(find("OOS-5"), source_of("auth0"))
    assert (concluded.level, concluded.lacks) == ("no", ("no token that was got for another names that one",))


def refreshed(id, hour, code="sertft", said="", **details):
    time = f"2026-07-01T{hour}:00:00Z"
    return event(code, id=id, date=time, description=said, audience="https://api.example.com/", details=details)


def test_a_refresh_token_that_came_again_is_told_with_its_family(judged):
    records = [
        login(given_(), id="1", date="2026-07-01T08:00:00Z"),
        refreshed("2", "09", familyId="fam_1", tokenCounter=1, access_token_jti="jti_2"),
        refreshed("3", "10", "ferrt", REUSED, familyId="fam_1", tokenCounter=1, latestCounter=2),
        refreshed("4", "11", "fertft", failure_reason="grant_revoked"),
    ]
    (reuse,) = judged(records, "REV-7", "OOS-4", "REV-1", "REV-2")
    assert (reuse["rule"], reuse["verdict"], reuse["token_id"]) == ("REV-7", "violation", "fam_1")
    assert (reuse["detail"]["said_by_server"], reuse["detail"]["family_ended"]) == (1, True)


def test_a_refresh_after_the_end_of_its_grant_is_told_and_one_after_the_end_of_some_refresh_token_is_not(judged):
    """A person may have several refresh tokens of one client: only the end of the grant ends them all."""
    before = [
        login(given_(), id="1", date="2026-07-01T08:00:00Z"),
        refreshed("2", "09", familyId="fam_1", access_token_jti="jti_2"),
    ]
    after = refreshed("4", "11", familyId="fam_1", access_token_jti="jti_4")
    grant = call("delete", f"/api/v2/grants/{GRANT}", id="3", status=204, date="2026-07-01T10:00:00Z")
    (late,) = judged([*before, grant, after], "REV-2")
    assert (late["verdict"], late["token_id"], late["join_key"]) == ("violation", "jti_4", "grant")
    one = event("srrt", id="3", date="2026-07-01T10:00:00Z", details={"credential_id": "dcr_1", "grant_id": GRANT})
    assert judged([*before, one, after], "REV-2", "REV-1") == []


def test_no_secret_is_kept(load):
    secrets = {
        "code": "SECRETcode",
        "password": "SECRETpass",
        "client_secret": "SECRETclient",
        "refresh_token": "SECRETrefresh",
    }
    body = {"client_id": CLIENT, **secrets, "audience": "https://api.example.com/", "scope": ["a"]}
    loaded = load(
        [
            event("seacft", id="1", details=secrets),
            event("srrt", id="2", details={"body": secrets, "request": {"body": secrets}}),
            call("post", "/api/v2/client-grants", id="3", body=body, answer=body),
            call("post", "/api/v2/device-credentials", id="4", body=body, answer={**secrets, "id": "dcr_1"}),
        ]
    )
    assert loaded.counts() == {"records": 4, "issuance": 3, "usage": 2, "revocation": 1}
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


def test_a_collector_writes_the_time_with_a_blank(load):
    record = streamed(event("seacft", date="2026-07-01 10:00:00.123000000"))
    assert load([record]).one("issuance")["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)


def test_a_broken_time_is_rejected_and_nothing_is_guessed(load):
    expected = {
        "redacted": "date is no time",
        "2026-02-30T10:00:00.000Z": "date is no time",
        "2026-07-01": "date is no time",
        1602180521204: "date is no time",
        None: "date is missing",
    }
    loaded = load([event("seacft", id=str(n), date=date) for n, date in enumerate(expected)], loader="auth0")
    assert [row["reason"] for row in loaded.rejected] == list(expected.values())


def test_a_record_without_type_is_rejected(load):
    assert [row["reason"] for row in load([event(None)], loader="auth0").rejected] == ["type is missing"]


def test_loading_an_event_twice_counts_once_whatever_its_shape(load):
    record = event("seacft")
    assert load([record, record]).counts() == {"records": 2, "issuance": 1, "duplicates": 1}
    assert load([streamed(record), record]).counts() == {"records": 2, "issuance": 1, "duplicates": 1}


EVERY_KIND = [
    login(given_("a"), given_("b"), id="1"),
    event(
        "seacft",
        id="2",
        details={"code": "*****abc"},
        audience="https://api.example.com/",
        scope="openid",
        tenant_name="t1",
    ),
    event("ferrt", id="3"),
    event("srrt", id="4"),
    event("sdu", id="5"),
    event("slo", id="6", details={"session_id": "sess1"}),
    event(
        "f",
        id="7",
        details={"qs": {"client_id": CLIENT, "scope": "a b", "response_type": "code"}, "error": {"oauthError": "no"}},
    ),
    call("post", "/api/v2/client-grants", id="8", body={"client_id": CLIENT, "audience": "https://x", "scope": ["a"]}),
    call("delete", f"/api/v2/grants/{GRANT}", id="9"),
    call("patch", "/api/v2/users/auth0%7C1", id="10", body={"blocked": True}),
    call("post", "/api/v2/refresh-tokens/revoke", id="11", body={"ids": ["rt_1", "rt_2"]}),
    on_behalf("agt_1", "spa", id="12", more={"access_token_jti": "jti_12"}),
    event("ferrt", id="13", description=REUSED, details={"familyId": "f", "tokenCounter": 1, "latestCounter": 2}),
    event("srrt", id="14", details={"credential_id": "dcr_1", "grant_id": GRANT}),
    event("sertft", id="15", details={"requested_scope": "a b", "refresh_token": {"session_id": "sess9"}}, scope=["a"]),
]
SHAPES = {
    "stream": streamed,
    "eventbridge": lambda r: {
        "version": "0",
        "id": "x",
        "detail-type": "Auth0 log",
        "time": "2026-07-01T10:00:09Z",
        "detail": streamed(r),
    },
    "elastic input": lambda r: {"json": streamed(r)},
    "elastic stored": lambda r: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(streamed(r))}},
    "elastic message": lambda r: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(streamed(r))},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_rows(load, shape):
    bare, wrapped = load(EVERY_KIND), load([SHAPES[shape](record) for record in EVERY_KIND])
    assert bare.batch["loader"] == wrapped.batch["loader"] == "auth0"
    assert bare.counts() == wrapped.counts()
    assert bare.ignored == wrapped.ignored
    delivered = datetime(2026, 7, 1, 10, 0, 9, tzinfo=UTC) if shape == "eventbridge" else None
    for log, rows in bare.rows.items():
        assert rows, log
        assert {row["received_at"] for row in wrapped.rows[log]} == {delivered}
        for mine, theirs in zip(rows, wrapped.rows[log], strict=True):
            assert mine == theirs | {"received_at": None}


def test_pages_of_the_api_are_unwrapped(load_file, tmp_path):
    path = tmp_path / "page.json"
    path.write_text(json.dumps(EVERY_KIND))
    assert load_file(path).batch["records"] == len(EVERY_KIND)


def test_shapes_may_be_mixed_in_one_file(load):
    wraps = [*SHAPES.values(), lambda record: record]
    mixed = [wraps[number % len(wraps)](record) for number, record in enumerate(EVERY_KIND)]
    assert load(mixed).counts() == load(EVERY_KIND).counts()


# Whatever is missing or of a wrong type: nothing fails, and every record is counted.


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(streamed, EVERY_KIND), *map(SHAPES["elastic stored"], EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "auth0")


def test_the_kinds_of_records_here_show_every_log(load):
    assert Counter(load(EVERY_KIND).counts()) == Counter(
        {"records": 15, "issuance": 9, "usage": 4, "revocation": 8, "ignored": 1}
    )


def columns(value, path="", *, letters):
    """Write an event as Log Analytics does: a column for each value, named by its path and, with letters, its type."""
    if isinstance(value, dict):
        inside = [columns(inner, f"{path}_{name}" if path else name, letters=letters) for name, inner in value.items()]
        return {name: cell for cells in inside for name, cell in cells.items()}
    letter = "_t" if path == "date" else "_d" if isinstance(value, int) else "_s"
    cell = (
        json.dumps(value) if isinstance(value, list) else float(value) if isinstance(value, int) and letters else value
    )
    return {path + letter * letters: cell}


@pytest.mark.parametrize("letters", [True, False])
def test_columns_of_sentinel_are_the_events_that_they_were(load, letters):
    records = [
        call("post", "/api/v2/client-grants", id="1", status=201, body={"client_id": CLIENT}, answer={"id": "cgr_1", "scope": ["read:a"]}),
        call("delete", f"/api/v2/grants/{GRANT}", id="2", status=204),
        call("patch", "/api/v2/users/u1", id="3", status=403, body={"blocked": "true"}),
        login(given_(), id="4"),
        on_behalf("agent-1", id="5"),
        event("f", id="6"),
    ]  # fmt: skip
    bare, flat = load(records), load([columns(record, letters=letters) for record in records])
    assert bare.batch["loader"] == flat.batch["loader"] == "auth0"
    assert [row["kind"] for row in bare.rows["issuance"]] == ["consent", "consent", "exchange"]
    assert bare.rows["issuance"][-1].pop("actor_chain")
    assert flat.rows["issuance"][-1].pop("actor_chain") is None  # what stood inside what, columns do not say
    assert (bare.rows, bare.ignored, bare.rejected) == (flat.rows, flat.ignored, flat.rejected)


def renamed(record, *, text=False):
    """Write an event as the newer table of Sentinel has it: names of its own for the outer fields, the details whole."""
    names = {
        "log_id": "LogId", "type": "EventType", "description": "Description", "client_id": "ClientId", "client_name": "ClientName",
        "user_id": "ActorUserId", "user_name": "ActorUsername", "connection": "Connection", "connection_id": "ConnectionId", "ip": "SrcIpAddr",
        "user_agent": "HttpUserAgent", "hostname": "SrcHostname", "audience": "Audience", "scope": "Scope", "details": "Details",
        "tenant_name": "TenantName", "isMobile": "IsMobile", "strategy": "Strategy", "strategy_type": "StrategyType", "date": "TimeGenerated",
    }  # fmt: skip
    cells = {names[name]: value for name, value in record.items() if name in names}
    strings = ("Details", "Scope") if text else ("Scope",)  # the scope is a column of text
    written = {
        name: json.dumps(value) if name in strings and not isinstance(value, str) else value
        for name, value in cells.items()
    }
    return {"TenantId": "workspace", "Type": "Auth0Logs_CL", "_ResourceId": "", **written}


@pytest.mark.parametrize("text", [False, True])
def test_the_newer_table_of_sentinel_holds_the_events_that_they_were(load, text):
    bare, table = load(EVERY_KIND), load([renamed(record, text=text) for record in EVERY_KIND])
    assert bare.batch["loader"] == table.batch["loader"] == "auth0"
    assert (bare.rows, bare.ignored, bare.rejected) == (table.rows, table.ignored, table.rejected)


def test_the_newer_table_as_csv(load, load_file, tmp_path):
    rows = [renamed(record, text=True) for record in EVERY_KIND]
    header = list(dict.fromkeys(name for row in rows for name in row))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, header, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    assert load_file(tmp_path / "table.csv").counts() == load(EVERY_KIND).counts()


def test_when_it_happened_goes_before_when_it_was_stored(load):
    row = renamed(EVERY_KIND[1]) | {"event_date": "2026-07-01T09:59:00Z"}
    assert load([row]).one("issuance")["issued_at"] == datetime(2026, 7, 1, 9, 59, tzinfo=UTC)


def test_a_row_of_the_newer_table_without_its_details_is_not_dropped(load):
    rows = [
        renamed(EVERY_KIND[1]),
        renamed(EVERY_KIND[1]) | {"LogId": "x", "Details": "{cut"},
        {"LogId": "y", "EventType": "", "Details": 7},
    ]
    loaded = load(rows)
    assert loaded.counts() == {"records": 3, "issuance": 2, "rejected": 1}
    assert loaded.rejected[0]["reason"] == "type is missing"
