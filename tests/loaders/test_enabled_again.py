"""Whoever is disabled and enabled again, in the log of each provider: a token from before works again, and a call with it is no use after revocation."""

import json
from datetime import UTC, datetime, timedelta

from grantlens.loaders import Settings
from tests.loaders import (
    test_asana,
    test_auth0,
    test_authentik,
    test_caep_ssf,
    test_databricks,
    test_dropbox,
    test_gcp_audit,
    test_github,
    test_gitlab,
    test_google_workspace,
    test_hashicorp_vault,
    test_keycloak,
    test_microsoft_365,
    test_microsoft_entra,
    test_onelogin,
    test_onepassword,
    test_ping_one,
    test_salesforce,
    test_slack,
    test_tailscale,
)


def asana(off, ok, at):
    assert ok
    return test_asana.event("user_deprovisioned" if off else "user_reprovisioned", number=at.minute, at=text(at))


def auth0(off, ok, at):
    return test_auth0.call(
        "patch",
        "/api/v2/users/auth0%7C1",
        id=str(at.minute),
        body={"blocked": off},
        status=200 if ok else 403,
        date=text(at),
    )


def authentik(off, ok, at):
    assert ok
    diff = {"diff": {"is_active": {"new_value": not off, "previous_value": off}}}
    return test_authentik.event("model_updated", test_authentik.model("user", 7) | diff, number=at.minute, at=text(at))


def caep_ssf(off, ok, at):
    assert ok
    uri = f"https://schemas.openid.net/secevent/risc/event-type/account-{'disabled' if off else 'enabled'}"
    return test_caep_ssf.token(uri, jti=f"j-{at.minute}", iat=int(at.timestamp()))


def databricks(off, ok, at):
    record = test_databricks.event(
        "deactivateUser" if off else "activateUser",
        id=str(at.minute),
        status=200 if ok else 403,
        targetUserName="ada@example.com",
        endpoint="scim",
    )
    return record | {"timestamp": int(at.timestamp() * 1000)}


def dropbox(off, ok, at):
    assert ok
    active, suspended = {".tag": "active"}, {".tag": "suspended"}
    before, after = (active, suspended) if off else (suspended, active)
    details = {".tag": "member_change_status_details", "previous_value": before, "new_value": after}
    return test_dropbox.event("member_change_status", at=text(at), context=test_dropbox.member(), details=details)


def gcp_audit(off, ok, at):
    method = f"google.admin.AdminService.{'suspend' if off else 'unsuspend'}User"
    record = test_gcp_audit.shared_by_workspace(method, "admin.googleapis.com", {"USER_EMAIL": "ada@example.com"})
    record |= {"insertId": f"i-{at.minute}", "timestamp": text(at)}
    return record if ok else record | {"protoPayload": record["protoPayload"] | {"status": {"code": 7}}}


def github(off, ok, at):
    assert ok
    about = {"user": "ada", "user_id": 9, "actor": "grace"}
    return test_github.event(
        "user.suspend" if off else "user.unsuspend", number=at.minute, at=int(at.timestamp() * 1000), **about
    )


def gitlab(off, ok, at):
    assert ok
    action, told = ("user_blocked", "Blocked user") if off else ("unblock_user", "Unblocked user")
    return test_gitlab.streamed(action, told, id=str(at.minute), author=test_gitlab.ADMIN) | {"created_at": text(at)}


def google_workspace(off, ok, at):
    assert ok
    record = test_google_workspace.administer("SUSPEND_USER" if off else "UNSUSPEND_USER", USER_EMAIL="Ada@example.com")
    return record | {"id": record["id"] | {"time": text(at), "uniqueQualifier": str(at.minute)}}


def hashicorp_vault(off, ok, at):
    path = f"identity/entity/id/{test_hashicorp_vault.ENTITY}"
    error = None if ok else "1 error occurred:\n\t* permission denied\n\n"
    return test_hashicorp_vault.response(path, id=f"r{at.minute}", data={"disabled": off}, error=error) | {
        "time": text(at)
    }


def keycloak(off, ok, at):
    record = test_keycloak.admin("UPDATE", "USER", "users/u-1", {"username": "ada", "enabled": not off})
    return (
        record
        | {"id": f"a-{at.minute}", "time": int(at.timestamp() * 1000)}
        | ({} if ok else {"error": "unknown_error"})
    )


def microsoft_365(off, ok, at):
    person = [{"ID": test_microsoft_365.BOB, "Type": 2}, {"ID": "Bob@example.com", "Type": 5}]
    flag = test_microsoft_365.properties(AccountEnabled=(f"[{str(off).lower()}]", f"[{str(not off).lower()}]"))
    return test_microsoft_365.change(
        "Disable account." if off else "Enable account.",
        flag,
        Target=person,
        Id=f"r-{at.minute}",
        CreationTime=text(at),
        ResultStatus="Success" if ok else "Failure",
    )


def microsoft_entra(off, ok, at):
    person = test_microsoft_entra.target(test_microsoft_entra.USER, "Ada", "User")
    record = test_microsoft_entra.change(
        "Disable account" if off else "Enable account",
        person,
        number=at.minute,
        result="success" if ok else "failure",
    )
    return json.loads(json.dumps(record).replace("2026-07-01T09:00:00.1234567+00:00", text(at)))


def onelogin(off, ok, at):
    assert ok
    return test_onelogin.event(15 if off else 16, number=at.minute, at=text(at), client=None)


def onepassword(off, ok, at):
    assert ok
    return test_onepassword.audit("suspend" if off else "reactive", "user", number=at.minute, at=text(at))


def ping_one(off, ok, at):
    told = f"Updated Application X using 'OPENID_CONNECT' protocol of type 'WEB_APP' with {'dis' if off else 'en'}abled state"
    return test_ping_one.event(
        "APPLICATION.UPDATED",
        test_ping_one.thing("APPLICATION", test_ping_one.APP),
        told=told,
        status="SUCCESS" if ok else "FAILED",
        id=str(at.minute),
    ) | {"recordedAt": text(at)}


def salesforce(off, ok, at):
    assert ok
    action = "deactivated" if off else "activated"
    display = f"{action.capitalize()} user Ada Byron (UserID: [005aB0000000Xyz])"
    return test_salesforce.setup(f"{action}user", display, number=at.minute, CreatedDate=text(at))


def slack(off, ok, at):
    assert ok
    return test_slack.event(
        "user_deactivated" if off else "user_reactivated",
        number=at.minute,
        at=int(at.timestamp()),
        entity=test_slack.person(),
    )


def tailscale(off, ok, at):
    record = test_tailscale.event("SUSPEND" if off else "RESTORE", "u1CNTRL", "USER", time=text(at))
    record["event"]["eventGroupID"] = f"g{at.minute}"
    return record if ok else record | {"event": record["event"] | {"error": "not allowed"}}


ALWAYS_DONE = (
    asana,
    authentik,
    caep_ssf,
    dropbox,
    github,
    gitlab,
    google_workspace,
    onelogin,
    onepassword,
    salesforce,
    slack,
)
"""Logs that tell of nothing that failed."""

WITH_FAILURES = (
    auth0,
    databricks,
    gcp_audit,
    hashicorp_vault,
    keycloak,
    microsoft_365,
    microsoft_entra,
    ping_one,
    tailscale,
)

SHOWN_IN_PART = {"gcp_audit", "google_workspace", "onelogin"}
"""Of which these records alone show only some of what ends, so that an enabling may be missing."""

SETTINGS = {caep_ssf: Settings(unverified=True)}


def text(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def at(minute):
    return datetime(2026, 7, 1, 12, tzinfo=UTC) + timedelta(minutes=minute)


def uses_after(tmp_path, providers, *, enabled):
    """Return how many calls REV-1 tells of each provider: one is made between the disabling and the enabling, another afterwards."""
    import grantlens as gl
    from grantlens.store import Store

    with Store(":memory:") as store:
        for provider in providers:
            log = tmp_path / f"{provider.__name__}.ndjson"
            records = (provider(True, True, at(0)), provider(False, enabled, at(20)))
            log.write_text("".join(json.dumps(record) + "\n" for record in records))
            store.load(log, loader=provider.__name__, settings=SETTINGS.get(provider))
        rows = []
        for whose in store.sql("FROM revocation WHERE kind = 'disable'").to_pylist():
            named = {name: whose[name] for name in ("source", "tenant", "client_id", "subject_id") if whose[name]}
            token = {"token_id": "t1", "client_id": "app", "subject_id": "somebody", "outcome": "success"} | named
            issued = {"log": "issuance", "issued_at": text(at(-60)), "kind": "token", "token_kind": "access"}
            called = {"log": "usage", "operation": "read", "resource_server": "api", "validation": "introspection"}
            rows += [token | issued, *(token | called | {"used_at": text(at(minute))} for minute in (10, 30))]
        native = tmp_path / "native.ndjson"
        native.write_text("".join(json.dumps(row) + "\n" for row in rows))
        store.load(native)
        findings = gl.detect.run(store, "REV-1")[0].to_dicts()
    undecided = {finding["source"] for finding in findings if finding["verdict"] != "violation"}
    # What succeeded shows Keycloak's log: what failed after the last of it shows that refusals are logged.
    in_part = SHOWN_IN_PART if enabled else {*SHOWN_IN_PART, "keycloak"}
    assert undecided == in_part & {provider.__name__ for provider in providers}
    return {finding["source"]: finding["detail"]["uses_after"] for finding in findings}


def test_a_token_from_before_works_again_once_its_person_or_client_is_enabled(tmp_path):
    providers = (*ALWAYS_DONE, *WITH_FAILURES)
    assert uses_after(tmp_path, providers, enabled=True) == {provider.__name__: 1 for provider in providers}


def test_an_enabling_that_failed_counts_for_nothing(tmp_path):
    assert uses_after(tmp_path, WITH_FAILURES, enabled=False) == {provider.__name__: 2 for provider in WITH_FAILURES}
