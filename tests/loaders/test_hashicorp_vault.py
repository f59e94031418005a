"""The Vault loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings

from grantlens import detect
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

REQUEST = "request: its response tells what came of it"
EXPECTED = {
    "elastic-audit.ndjson": ({"records": 6, "usage": 3, "ignored": 3}, {REQUEST: 3}),
    "elastic-sample-audit.ndjson": ({"records": 2, "usage": 1, "ignored": 1}, {REQUEST: 1}),
}
ENTITY = "11111111-2222-3333-4444-555555555555"
ACCESSOR, CHILD, TOKEN = "hmac-sha256:aaaa", "hmac-sha256:bbbb", "hmac-sha256:cccc"
AT = "2026-07-01T10:00:00.123456789Z"


def auth(accessor=ACCESSOR, *policies, role="mailer", **more):
    """Write what Vault says of a token."""
    return {
        "client_token": TOKEN,
        "accessor": accessor,
        "display_name": "jwt-ada",
        "policies": list(policies) or ["default", "mail"],
        "metadata": {"role": role, "email": "ada@example.com"},
        "entity_id": ENTITY,
        "token_type": "service",
        "token_ttl": 3600,
        "token_issue_time": "2026-07-01T09:00:00Z",
        **more,
    }


def response(path, operation="update", *, id="r1", caller=..., made=None, data=None, answer=None, error=None, **more):
    """Write the response entry of a call; `caller` is the token that called, None for a login."""
    caller = auth() if caller is ... else caller
    request = {
        "id": id,
        "operation": operation,
        "namespace": {"id": "root"},
        "path": path,
        "data": data or {},
        "remote_address": "198.51.100.7",
        "headers": {"user-agent": ["vault-agent/1.0"]},
    }
    if caller:
        request |= {"client_token": TOKEN, "client_token_accessor": caller.get("accessor")}
    record = {
        "time": AT,
        "type": "response",
        "auth": caller or made or {"token_type": "default"},
        "request": request,
        "response": {"mount_type": "token", "data": answer or {}, **more.pop("response", {})},
    }
    if made:
        record["response"]["auth"] = made
    if error:
        record["error"] = error
    return {**record, **more}


def request_of(record):
    """Write the request entry that goes before a response."""
    return {name: value for name, value in record.items() if name != "response"} | {"type": "request"}


LOGIN = response("auth/jwt/login", caller=None, made=auth(), id="login")
CREATE = response("auth/token/create", made=auth(CHILD, "mail"), id="create")
USE = response("secret/data/mail", "read", id="use")
DENIED = "1 error occurred:\n\t* permission denied\n\n"


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/hashicorp_vault" / name))


def records_of(shared, name):
    """Read a real file with json alone."""
    return [json.loads(line) for line in (shared / "real-logs/hashicorp_vault" / name).read_text().splitlines()]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "hashicorp_vault"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/hashicorp_vault").iterdir()} - {"PROVENANCE.txt"} == set(
        EXPECTED
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_real_pairs_are_one_call_each_and_agree_with_a_reading_in_plain_python(shared, real, name):
    ends = {record["request"]["id"]: record for record in records_of(shared, name) if record["type"] == "response"}
    rows = {row["event_id"]: row for row in real(name).rows["usage"]}
    assert set(rows) == set(ends)
    for id, row in rows.items():
        record = ends[id]
        moment = datetime.fromisoformat(record["time"][:26]).replace(tzinfo=UTC)  # microseconds of the nanoseconds
        assert row["used_at"] == moment
        assert row["token_id"] == record["auth"].get("accessor")
        assert row["token_scopes"] == record["auth"].get("policies")
        assert (row["target"], row["operation"]) == (record["request"]["path"], record["request"]["operation"])
        assert row["outcome"] == ("denied" if "permission denied" in record.get("error", "") else "success")
        assert row["subject_id"] == record["auth"].get("entity_id")


def test_the_real_denial_counts_once_and_names_no_token(shared, real):
    denied = [r for r in records_of(shared, "elastic-audit.ndjson") if "permission denied" in r.get("error", "")]
    assert [record["type"] for record in denied] == ["request", "response"]
    (row,) = [row for row in real("elastic-audit.ndjson").rows["usage"] if row["outcome"] == "denied"]
    assert (row["token_id"], row["denial_reason"]) == (None, "token")


def test_no_real_issue_is_made_up_of_a_use(shared, real):
    named = [r for r in records_of(shared, "elastic-audit.ndjson") if "token_issue_time" in r["auth"]]
    assert named
    assert real("elastic-audit.ndjson").rows["issuance"] == []


# What joins.


def test_login_use_and_revocation_join_on_the_accessor(load):
    ended = response("auth/token/revoke-accessor", data={"accessor": ACCESSOR}, caller=auth(CHILD, "admin"), id="end")
    loaded = load([LOGIN, USE, ended])
    issued, revoked = loaded.one("issuance"), loaded.one("revocation")
    used = {row["event_id"]: row for row in loaded.rows["usage"]}
    assert set(used) == {"use", "end"}  # a login uses no token
    assert issued["token_id"] == used["use"]["token_id"] == revoked["token_id"] == ACCESSOR
    assert (issued["client_id"], issued["subject_id"]) == (used["use"]["client_id"], used["use"]["subject_id"])
    assert (issued["client_id"], issued["subject_id"], issued["subject_name"]) == ("mailer", ENTITY, "ada@example.com")
    assert (issued["kind"], issued["scopes"], used["use"]["token_scopes"]) == (
        "token",
        ["default", "mail"],
        ["default", "mail"],
    )
    assert issued["expires_at"] - issued["issued_at"] == timedelta(hours=1)
    assert (revoked["target_kind"], revoked["kind"], revoked["initiator"]) == ("token", "revoke", "admin")


def test_a_token_made_with_another_knows_its_parent_and_is_a_use_of_it(load):
    loaded = load([CREATE])
    issued, used = loaded.one("issuance"), loaded.one("usage")
    assert (issued["token_id"], issued["parent_token_id"], issued["scopes"]) == (CHILD, ACCESSOR, ["mail"])
    assert used["token_id"] == ACCESSOR


def test_renewing_keeps_the_token(load):
    row = load([response("auth/token/renew-self", made=auth())]).one("issuance")
    assert (row["kind"], row["token_id"], row["parent_token_id"]) == ("refresh", ACCESSOR, None)


def test_a_wrapped_login_names_the_accessor_inside(load):
    wrapped = response(
        "auth/approle/login", caller=None, response={"wrap_info": {"wrapped_accessor": CHILD, "token": "x"}}
    )
    known = wrapped | {"auth": auth(CHILD, "mail")}
    for record, client, scopes in ((wrapped, None, None), (known, "mailer", ["mail"])):
        loaded = load([record])
        row = loaded.one("issuance")
        assert (row["kind"], row["token_id"], row["outcome"]) == ("token", CHILD, "success")
        assert (row["client_id"], row["scopes"]) == (client, scopes)
        assert loaded.rows["usage"] == []


def test_a_login_that_a_second_factor_completes_is_no_use(load):
    loaded = load([response("sys/mfa/validate", caller=None, made=auth())])
    assert loaded.counts() == {"records": 1, "issuance": 1}


def test_a_lease_is_a_credential_and_ends_by_its_path(load):
    lease = "database/creds/mail/h4sh"
    given_ = response("database/creds/mail", "read", id="1", response={"secret": {"lease_id": lease}})
    loaded = load([given_, response(f"sys/leases/revoke/{lease}", id="2")])
    issued, ended = loaded.one("issuance"), loaded.one("revocation")
    assert issued["token_id"] == ended["token_id"] == lease
    assert (issued["kind"], issued["token_kind"], issued["audience"]) == (
        "credential",
        "api_key",
        ["database/creds/mail"],
    )
    assert (issued["client_id"], ended["target_kind"]) == ("mailer", "credential")
    assert len(loaded.rows["usage"]) == 2


def test_a_secret_id_joins_by_its_accessor(load):
    made = response(
        "auth/approle/role/ci/secret-id", id="1", answer={"secret_id": "hmac-sha256:1", "secret_id_accessor": CHILD}
    )
    path = "auth/approle/role/ci/secret-id-accessor/destroy"
    loaded = load([made, response(path, id="2", data={"secret_id_accessor": CHILD})])
    issued, ended = loaded.one("issuance"), loaded.one("revocation")
    assert issued["token_id"] == ended["token_id"] == CHILD
    assert (issued["kind"], issued["client_id"], issued["subject_id"]) == ("credential", "ci", None)
    assert issued["consent_actor"] == ended["actor_id"] == ENTITY
    assert (ended["client_id"], ended["initiator"]) == ("ci", "admin")


def secret_id(path="auth/approle/role/ci/secret-id", answer=..., **more):
    """Write that a secret id was made, whose accessor is `CHILD`."""
    told = {"secret_id": "hmac-sha256:1", "secret_id_accessor": CHILD, "secret_id_ttl": 0}
    return response(path, answer=told if answer is ... else answer, **more)


def approle(name="ci", display="approle", **metadata):
    """Write the token of a login of an AppRole."""
    return auth(display_name=display, metadata={"role_name": name, **metadata})


MAKERS = {
    "a person": (auth(), ENTITY),
    "another role": (approle("deploy"), ENTITY),
    "the role itself": (approle(), "ci"),
    "a role of that name elsewhere": (approle(display="approle-two"), ENTITY),
    "a token that was given such metadata": (approle(display="token-approle"), ENTITY),
    "a token made with no name": (approle(display="token"), ENTITY),
    "a root token": (auth(display_name="root", metadata=None, entity_id=""), None),
    "a token without an entity, named as somebody else": (
        auth(display_name="token-ann", metadata={"role": "ann"}, entity_id=""),
        None,
    ),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_who_made_a_secret_id_is_its_entity_or_the_role_itself_and_no_name_that_anybody_may_have(load, maker):
    caller, expected = MAKERS[maker]
    destroyed = response(
        "auth/approle/role/ci/secret-id/destroy", id="2", data={"secret_id": "hmac-sha256:1"}, caller=caller
    )
    loaded = load([secret_id(caller=caller), destroyed])
    issued, ended = loaded.one("issuance"), loaded.one("revocation")
    assert issued["consent_actor"] == ended["actor_id"] == expected
    assert (issued["client_id"], ended["client_id"], ended["token_id"]) == ("ci", "ci", None)
    assert ended["initiator"] == ("client" if expected == "ci" else "admin")


PATHS = {
    "auth/approle/role/ci/custom-secret-id": "ci",
    "auth/team/role/apps/role/CI-2/secret-id": "ci-2",
    "auth/approle/role/secret-id/secret-id": "secret-id",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_secret_id_is_of_the_role_that_its_path_names(load, path):
    loaded = load([secret_id(path)])
    assert (loaded.one("issuance")["client_id"], loaded.one("issuance")["token_id"]) == (PATHS[path], CHILD)
    own = auth(display_name="team-role-apps", metadata={"role_name": "ci-2"})
    (row,) = load([secret_id("auth/team/role/apps/role/CI-2/secret-id", caller=own)]).rows["issuance"]
    assert row["consent_actor"] == "ci-2"


def test_a_wrapped_secret_id_is_a_key_of_the_role_and_no_token_of_its_maker(load):
    wrap = {
        "ttl": 60,
        "token": "hmac-sha256:2",
        "accessor": "hmac-sha256:3",
        "creation_path": "auth/approle/role/ci/secret-id",
    }
    now = secret_id(id="1", answer={}, response={"wrap_info": wrap | {"wrapped_accessor": CHILD}})
    before = secret_id(id="2", answer={}, response={"wrap_info": wrap})  # until 1.8
    unwrapped = response(
        "sys/wrapping/unwrap", id="3", answer={"secret_id": "hmac-sha256:1", "secret_id_accessor": CHILD}
    )
    ended = response("auth/approle/role/ci/secret-id-accessor/destroy", id="4", data={"secret_id_accessor": CHILD})
    loaded = load([now, before, unwrapped, ended])
    assert loaded.counts() == {"records": 4, "issuance": 2, "usage": 4, "revocation": 1}
    assert [
        (row["kind"], row["client_id"], row["token_id"], row["consent_actor"]) for row in loaded.rows["issuance"]
    ] == [
        ("credential", "ci", CHILD, ENTITY),
        ("credential", "ci", None, ENTITY),
    ]
    assert loaded.one("revocation")["token_id"] == CHILD
    assert all(row["subject_id"] is None and row["scopes"] is None for row in loaded.rows["issuance"])


def test_no_secret_id_is_made_by_a_list_a_look_up_or_a_refusal(load):
    path = "auth/approle/role/ci/secret-id"
    wrap = {"wrap_info": {"ttl": 60, "creation_path": path}}
    loaded = load(
        [
            response(path, "list", id="1", answer={"keys": ["hmac-sha256:9"]}),
            response(path, "list", id="2", response=wrap),
            response("auth/approle/role/ci/secret-id-accessor/lookup", id="3", answer={"secret_id_accessor": CHILD}),
            secret_id(id="4", answer={}, error=DENIED),
        ]
    )
    assert loaded.counts() == {"records": 4, "usage": 4}


def test_whoever_makes_a_secret_id_does_not_choose_the_client_of_its_logins(load):
    login = response("auth/approle/login", caller=None, made=approle(role="payroll"))
    row = load([login]).one("issuance")
    assert (row["client_id"], row["subject_kind"]) == ("ci", "service")


@pytest.mark.parametrize(("maker", "verdicts"), [(None, ["indeterminate"]), (ENTITY, []), ("ci", ["violation"])])
def test_a_role_gives_itself_again_what_an_admin_destroyed(tmp_path, maker, verdicts):
    """Hold REV-9 to what it says of Vault: its own logs, not what stands for them in the tests of all providers."""
    callers = {None: auth(entity_id="", display_name="root"), ENTITY: auth(), "ci": approle()}
    log = [
        secret_id(id="1", caller=auth(entity_id="e-ann")) | {"time": "2026-07-01T08:00:00.5Z"},
        response(
            "auth/approle/role/ci/secret-id-accessor/destroy",
            id="2",
            data={"secret_id_accessor": CHILD},
            caller=auth(entity_id="e-ann"),
        )
        | {"time": "2026-07-01T10:00:00.5Z"},
        secret_id(id="3", caller=callers[maker], answer={"secret_id_accessor": "hmac-sha256:new"})
        | {"time": "2026-07-01T11:00:00.5Z"},
    ]
    (tmp_path / "vault.ndjson").write_text("\n".join(map(json.dumps, log)))
    with Store(tmp_path / "s.duckdb") as store:
        store.load(tmp_path / "vault.ndjson")
        (found,) = detect.run(store, ["REV-9"])
    assert [(row["verdict"], row["client_id"]) for row in found.to_dicts()] == [(verdict, "ci") for verdict in verdicts]


def test_a_stranger_adds_a_secret_id_to_a_role(tmp_path):
    def at(day):
        return {"time": f"2026-07-{day:02}T10:00:00.5Z"}

    eve = auth(entity_id="e-eve", display_name="jwt-eve", metadata=None)
    first = secret_id(id="1", caller=auth(entity_id="e-ann")) | at(3)
    own = secret_id(id="2", caller=approle(entity="x"), answer={"secret_id_accessor": "hmac-sha256:own"}) | at(12)
    wrap = {"creation_path": "auth/approle/role/ci/secret-id", "wrapped_accessor": "hmac-sha256:added"}
    added = secret_id(id="3", caller=eve, answer={}, response={"wrap_info": wrap}) | at(20)
    root = secret_id(
        id="4", caller=auth(entity_id="", display_name="root"), answer={"secret_id_accessor": "hmac-sha256:root"}
    ) | at(22)
    logins = [response("auth/jwt/login", id=f"c{day}", caller=None, made=auth()) | at(day) for day in range(1, 29)]
    (tmp_path / "vault.ndjson").write_text("\n".join(map(json.dumps, [first, own, added, root, *logins])))
    with Store(tmp_path / "s.duckdb") as store:
        store.load(tmp_path / "vault.ndjson")
        (found,) = detect.run(store, ["GOV-4"])
    told = {
        (row["verdict"], row["detail"]["actor"], row["detail"]["reason"]): row["detail"]["known_hands"]
        for row in found.to_dicts()
    }
    assert told == {
        ("violation", "e-eve", None): ["ci", "e-ann"],
        ("indeterminate", None, "the log does not say who made it"): ["ci", "e-ann", "e-eve"],
    }


ENDS = {
    "auth/token/revoke-self": ({}, "token", ACCESSOR, None),
    "auth/token/revoke": ({"token": "hmac-sha256:dddd"}, "token", "hmac-sha256:dddd", None),
    "auth/token/revoke-orphan": ({"token": "hvs.RAWTOKEN"}, "token", None, None),
    "auth/token/revoke-accessor": ({"accessor": CHILD}, "token", CHILD, None),
    "sys/leases/revoke": ({"lease_id": "hmac-sha256:eeee"}, "credential", "hmac-sha256:eeee", None),
    "sys/leases/revoke-prefix/aws/creds": ({}, "policy", None, None),
    f"auth/token/revoke-accessor/{CHILD}": ({}, "token", CHILD, None),
    f"identity/entity/id/{ENTITY}": ({"disabled": True}, "subject", None, ENTITY),
    "identity/entity/name/ada": ({"disabled": True}, "subject", None, None),
    "identity/entity/batch-delete": ({"entity_ids": ["hmac-sha256:ffff"]}, "subject", None, None),
    "identity/entity": ({"name": "hmac-sha256:ffff", "disabled": True}, "subject", None, None),
}


@pytest.mark.parametrize("path", ENDS)
def test_what_is_ended_is_told_by_path_and_body(load, path):
    data, target, token, subject = ENDS[path]
    loaded = load([response(path, data=data)])
    row = loaded.one("revocation")
    assert (row["target_kind"], row["token_id"], row["outcome"]) == (target, token, "success")
    if target == "subject":
        assert (row["kind"], row["subject_id"]) == ("disable", subject)
    assert loaded.counts() == {"records": 1, "usage": 1, "revocation": 1}


def test_an_entity_that_is_deleted_by_name_is_named(load):
    row = load([response("identity/entity/name/ada", "delete")]).one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_name"]) == ("disable", "subject", "ada")


@pytest.mark.parametrize("path", ["lookup", "renew", "revoke", "revoke-orphan"])
@pytest.mark.parametrize("token", ["s.5Rq1wLAz5mjLaSYbyzRZ4jAB", "mine", "8f1d2c7e-0000-4000-8000-00000000abcd"])
def test_a_token_in_the_path_is_not_kept(load, path, token):
    loaded = load([response(f"auth/token/{path}/{token}")])
    assert loaded.one("usage")["target"] == f"auth/token/{path}/***"
    assert token not in json.dumps(loaded.rows, default=str)


def test_switching_an_entity_on_enables_it_and_reading_it_ends_nothing(load):
    path = f"identity/entity/id/{ENTITY}"
    loaded = load([response(path, id="1", data={"disabled": False}), response(path, "read", id="2")])
    assert loaded.counts() == {"records": 2, "usage": 2, "revocation": 1}
    row = loaded.one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_id"]) == ("enable", "subject", ENTITY)
    assert load([response(path, "delete")]).one("revocation")["kind"] == "disable"


def test_writing_an_entity_that_stays_on_ends_nothing(load):
    written = [response("identity/entity", id=str(n), data=data) for n, data in enumerate(({}, {"disabled": False}))]
    assert load(written).counts() == {"records": 2, "usage": 2}


# What failed.


def test_a_refused_login_is_a_denied_issue_and_no_use(load):
    login = response(
        "auth/userpass/login/ada", caller=None, error="invalid credentials", answer={"error": "hmac-sha256:1"}
    )
    loaded = load([login])
    row = loaded.one("issuance")
    assert (row["outcome"], row["token_id"], row["scopes"], row["client_id"]) == ("denied", None, None, None)
    assert loaded.counts() == {"records": 1, "issuance": 1}


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (DENIED, "denied", "scope"),
        ("request path kv: rate limit quota exceeded", "denied", "rate"),
        ("unsupported path", "error", None),
    ],
)
def test_a_failed_call_is_no_success_in_any_log(load, error, outcome, reason):
    ended = response("auth/token/revoke-accessor", data={"accessor": CHILD}, id="1", error=error)
    loaded = load([ended, response("auth/token/create", id="2", error=error)])
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {outcome}
    assert {row["denial_reason"] for row in loaded.rows["usage"]} == {reason}
    assert loaded.counts() == {"records": 2, "issuance": 1, "usage": 2, "revocation": 1}


def test_an_error_may_stand_in_the_answer_alone(load):
    row = load([response("secret/data/mail", answer={"error": "hmac-sha256:1"})]).one("usage")
    assert row["outcome"] == "error"


# Quirk by quirk.


def test_only_requests_give_nothing_and_say_so(load):
    loaded = load([request_of(record) for record in (LOGIN, CREATE, USE)])
    assert loaded.counts() == {"records": 3, "ignored": 3}
    assert loaded.ignored == {REQUEST: 3}


def test_the_same_event_of_two_devices_counts_once(load):
    other = json.loads(json.dumps(USE).replace("hmac-sha256:aaaa", "hmac-sha256:ffff"))
    assert load([USE, other]).counts() == {"records": 2, "usage": 1, "duplicates": 1}


@pytest.mark.parametrize("digits", ["", ".1", ".12345678", ".123456789"])
def test_times_have_up_to_nine_digits(load, digits):
    row = load([USE | {"time": f"2026-07-01T10:00:00{digits}Z"}]).one("usage")
    micros = int((digits.removeprefix(".") + "000000")[:6])
    assert row["used_at"] == datetime(2026, 7, 1, 10, 0, 0, micros, tzinfo=UTC)


def test_a_batch_token_has_no_accessor_and_is_used_all_the_same(load):
    row = load([response("secret/data/mail", "read", caller=auth("", token_type="batch"))]).one("usage")
    assert (row["token_id"], row["client_id"]) == (None, "mailer")


def test_a_call_without_a_token_is_ignored(load):
    assert load([response("sys/health", "read", caller=None)]).ignored == {"call without a token": 1}


def test_an_id_token_is_issued_to_its_role(load):
    row = load([response("identity/oidc/token/mailrole", "read")]).one("issuance")
    assert (row["token_kind"], row["client_id"], row["subject_id"], row["token_id"]) == ("id", "mailrole", ENTITY, None)


def test_no_token_is_kept_even_of_a_device_that_logs_raw_values(load):
    raw = {"client_token": "hvs.SECRET", "token": "hvs.SECRET", "secret_id": "SECRET"}
    made = auth(CHILD, "mail", client_token="hvs.SECRET")
    ended = response("auth/token/revoke", id="1", data=raw, answer=raw)
    loaded = load([ended, response("auth/token/create", id="2", made=made, data=raw, answer=raw)])
    assert loaded.counts() == {"records": 2, "issuance": 1, "usage": 2, "revocation": 1}
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


def test_kmip_is_ignored_by_name(load):
    """A KMIP client shows a certificate: there is no token, no path and no id in its entries."""
    asked = {
        "time": "2026-05-20T13:49:00.313915809Z",
        "type": "kmip-request",
        "request": {
            "client_certificate_serial_number": "7931",
            "data": {"kmip_request": {"tag": "RequestMessage", "value": []}},
            "namespace": {"id": "root"},
            "remote_address": "192.0.2.10:36776",
        },
    }
    answered = asked | {"type": "kmip-response", "response": {"data": {"kmip_response": {"tag": "ResponseMessage"}}}}
    loaded = load([USE, asked, answered])
    assert loaded.ignored == {"KMIP: a call with a certificate": 2}
    assert loaded.counts() == {"records": 3, "usage": 1, "ignored": 2}


def test_what_cannot_be_read_is_rejected_with_its_reason(load):
    expected = {
        "time is missing": USE | {"time": None},
        "time is no time": USE | {"time": "2026-02-30T10:00:00Z"},
        "type is missing": USE | {"type": None},
        "type is neither request nor response": USE | {"type": "reply"},
    }
    loaded = load(list(expected.values()), loader="hashicorp_vault")
    assert [row["reason"] for row in loaded.rejected] == list(expected)


EVERY_KIND = [
    LOGIN,
    request_of(USE),
    USE,
    CREATE,
    response("auth/token/revoke-accessor", data={"accessor": ACCESSOR}, id="k1"),
    response("secret/data/other", id="k2", error=DENIED),
    response("database/creds/mail", "read", id="k3", response={"secret": {"lease_id": "database/creds/mail/1"}}),
    response("auth/userpass/login/ada", id="k4", caller=None, error="invalid credentials"),
    response("sys/health", "read", id="k5", caller=None),
    response(f"identity/entity/id/{ENTITY}", id="k6", data={"disabled": True}),
]
WRAPS = {
    "input": lambda record: {"json": record},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
    "message": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(record)},
    # by Elastic's pipeline, which moves the time out, and puts the error beside it
    "processed": lambda record: {
        "@timestamp": record["time"],
        "message": record.get("error"),
        "event": {"id": record["request"]["id"], "action": record["request"]["operation"]},
        "hashicorp_vault": {"audit": {name: value for name, value in record.items() if name != "time"}},
    },
}


def test_a_processed_entry_whose_document_has_no_time_is_rejected(load):
    untimed = WRAPS["processed"](USE) | {"@timestamp": None}
    loaded = load([WRAPS["processed"](LOGIN), untimed, {"hashicorp_vault": {"audit": "x"}}])
    assert (loaded.counts()["issuance"], [row["reason"] for row in loaded.rejected]) == (
        1,
        ["time is missing", "type is missing"],
    )


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_a_collector_puts_around_changes_nothing(load, wrap):
    bare, wrapped = load(EVERY_KIND), load([WRAPS[wrap](record) for record in EVERY_KIND])
    assert (
        bare.counts() == wrapped.counts() == {"records": 10, "issuance": 4, "usage": 6, "revocation": 2, "ignored": 2}
    )
    assert bare.rows == wrapped.rows
    assert bare.ignored == wrapped.ignored


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(WRAPS["stored"], EVERY_KIND), *map(WRAPS["processed"], EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "hashicorp_vault")
