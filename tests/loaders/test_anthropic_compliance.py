"""The Anthropic loader against every real record, and quirk by quirk."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.store import Store

NAME = "panther-activity.ndjson"
# the publisher wrote few ids again and again, each with the time of its own event
COUNTS = {"records": 26, "issuance": 3, "usage": 1, "revocation": 2, "ignored": 18, "duplicates": 2}
IGNORED = {"not about delegated access": 15, "role of a person or group": 1, "sign-in of a person": 2}
START = datetime(2026, 5, 7, 10, tzinfo=UTC)

LOG_OF = {
    "admin_api_key_created": "issuance",
    "admin_api_key_updated": "issuance",
    "integration_user_connected": "issuance",
    "mcp_server_deleted": "revocation",
    "service_key_revoked": "revocation",
}


def person(number="user_1"):
    return {
        "type": "user_actor",
        "user_id": number,
        "email_address": "ada@example.com",
        "ip_address": "192.0.2.7",
        "user_agent": "a/1",
    }


def key(number="apikey_1"):
    return {"type": "api_actor", "api_key_id": number, "ip_address": "192.0.2.8"}


def activity(kind, *, number=1, seconds=0, actor=None, **more):
    """Write one activity."""
    record = {
        "id": f"activity_{number}",
        "created_at": f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "organization_id": "org_1",
        "type": kind,
        "actor": actor or person(),
    }
    return record | more


@pytest.fixture(scope="module")
def real(shared, load_file):
    return load_file(shared / "real-logs/anthropic_compliance" / NAME)


@pytest.fixture(scope="module")
def records(shared):
    text = (shared / "real-logs/anthropic_compliance" / NAME).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_every_real_record_is_accounted_for(real, shared):
    assert {path.name for path in (shared / "real-logs/anthropic_compliance").iterdir()} == {NAME, "PROVENANCE.txt"}
    assert real.batch["loader"] == "anthropic_compliance"
    assert (real.counts(), real.ignored, real.rejected) == (COUNTS, IGNORED, [])


def test_real_records_with_an_id_of_their_own(load, records):
    """Each record is what its type says, once the copied ids are told apart."""
    loaded = load([record | {"id": f"own {number}"} for number, record in enumerate(records, 1)])
    assert "duplicates" not in loaded.counts()
    for log, rows in loaded.rows.items():
        seen = {row["line_no"] for row in rows}
        expected = {
            number
            for number, record in enumerate(records, 1)
            if (record["actor"]["type"] == "api_actor" if log == "usage" else LOG_OF.get(record["type"]) == log)
        }
        assert seen == expected, log
    (connected,) = (row for row in loaded.rows["issuance"] if row["kind"] == "consent")
    record = records[connected["line_no"] - 1]
    assert (connected["client_id"], connected["subject_id"]) == (record["integration_type"], record["actor"]["user_id"])
    (server,) = (row for row in loaded.rows["revocation"] if row["target_kind"] == "client")
    record = records[server["line_no"] - 1]
    assert (server["client_id"], server["client_name"]) == (record["mcp_server_id"], record["mcp_server_name"])


def test_real_key_activities_name_no_key(real, records):
    assert all(row["token_id"] is None for row in real.rows["issuance"] + real.rows["revocation"])
    used = real.one("usage")
    assert used["token_id"] == records[used["line_no"] - 1]["actor"]["api_key_id"]
    assert (used["outcome"], used["operation"]) == ("denied", records[used["line_no"] - 1]["type"])


@pytest.mark.parametrize(
    ("kind", "named", "log", "row_kind"),
    [
        ("admin_api_key_created", "admin_api_key_id", "issuance", "credential"),
        ("api_key_created", "api_key_id", "issuance", "credential"),
        ("service_key_created", "service_key_id", "issuance", "credential"),
        ("tunnel_token_minted", "token_id", "issuance", "token"),
        ("tunnel_token_rotated", "tunnel_token_id", "issuance", "refresh"),
        ("scoped_api_key_updated", "api_key_id", "issuance", "change"),
        ("admin_api_key_deleted", "admin_api_key_id", "revocation", "revoke"),
        ("service_key_revoked", "service_key_id", "revocation", "revoke"),
        ("environment_token_revoked", "token_id", "revocation", "revoke"),
    ],
)
def test_keys_and_tokens(load, kind, named, log, row_kind):
    row = load([activity(kind, **{named: "id_1"})]).one(log)
    assert (row["kind"], row["token_id"], row["tenant"]) == (row_kind, "id_1", "org_1")


def updates(status):
    return [
        {"type": "name", "previous_value": "old", "current_value": "new"},
        {"type": "status", "previous_value": "active", "current_value": status},
    ]


@pytest.mark.parametrize("kind", ["admin_api_key_updated", "scoped_api_key_updated", "platform_api_key_updated"])
def test_key_that_is_switched_off_has_ended(load, kind):
    row = load([activity(kind, api_key_id="apikey_1", updates=updates("inactive"))]).one("revocation")
    assert (row["kind"], row["target_kind"], row["token_id"]) == ("disable", "credential", "apikey_1")


def switched(now):
    return [{"type": "status", "previous_value": {"active": "inactive"}.get(now, "active"), "current_value": now}]


@pytest.mark.parametrize("again", [True, False])
def test_what_is_switched_on_again_is_used_after_no_end(tmp_path, again):
    """Anthropic says of an update of a key that it was renamed, or activated or deactivated."""
    robot = {"type": "service_account_actor", "service_account_id": "svac_1", "ip_address": "192.0.2.8"}
    log = [
        activity("admin_api_key_created", admin_api_key_id="apikey_1"),
        activity("platform_service_account_created", number=2, service_account_id="svac_1"),
        activity(
            "admin_api_key_updated", number=3, seconds=60, admin_api_key_id="apikey_1", updates=switched("inactive")
        ),
        activity(
            "platform_service_account_updated",
            number=4,
            seconds=60,
            service_account_id="svac_1",
            updates=switched("inactive"),
        ),
        activity(
            "admin_api_key_updated", number=5, seconds=3600, admin_api_key_id="apikey_1", updates=switched("active")
        ),
        activity(
            "platform_service_account_updated",
            number=6,
            seconds=3600,
            service_account_id="svac_1",
            updates=switched("active"),
        ),
        activity("platform_file_uploaded", number=7, seconds=7200, actor=key("apikey_1"), file_id="file_1"),
        activity("platform_file_uploaded", number=8, seconds=7200, actor=robot, file_id="file_2"),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps([record for record in log if again or record["id"] not in ("activity_5", "activity_6")]))
    with Store(":memory:") as store:
        store.load(path)
        assert len(gl.detect.run(store, ["REV-1"])[0]) == (0 if again else 2)


@pytest.mark.parametrize("given", [updates("active"), updates("active")[:1], [], "text", None])
def test_any_other_update_is_a_change(load, given):
    row = load([activity("admin_api_key_updated", admin_api_key_id="admin_key_1", updates=given)]).one("issuance")
    assert (row["kind"], row["token_id"]) == ("change", "apikey_1")


def test_service_account_that_is_switched_off(load):
    row = load([activity("platform_service_account_updated", service_account_id="s", updates=updates("inactive"))]).one(
        "revocation"
    )
    assert (row["kind"], row["target_kind"], row["client_id"]) == ("disable", "client", "s")


def test_service_and_its_keys(load):
    loaded = load(
        [
            activity("service_created", service_name="export"),
            activity("service_key_created", number=2, service_name="export", service_key_id="k", key_name="first"),
            activity("service_key_revoked", number=3, service_name="export", service_key_id="k"),
            activity("service_deleted", number=4, service_name="export"),
        ]
    )
    made = [
        (row["kind"], row["client_id"], row["client_name"], row["token_id"], row["subject_id"], row["consent_actor"])
        for row in loaded.rows["issuance"]
    ]
    assert made == [
        ("consent", "export", "export", None, None, "user_1"),
        ("credential", "export", "first", "k", None, "user_1"),
    ]
    assert [(row["kind"], row["target_kind"], row["client_id"]) for row in loaded.rows["revocation"]] == [
        ("revoke", "credential", "export"),
        ("disable", "client", "export"),
    ]


@pytest.mark.parametrize(
    ("status", "outcome", "denial"),
    [(200, "success", None), (401, "denied", "token"), (403, "denied", "other"), (404, "error", None)],
)
def test_call_of_the_compliance_api(load, status, outcome, denial):
    call = {
        "url": "https://api.anthropic.com/v1/compliance/activities?limit=100",
        "request_method": "get",
        "status_code": status,
        "request_body": "hunter2",
    }
    loaded = load([activity("compliance_api_accessed", actor=key(), **call)])
    row = loaded.one("usage")
    assert (row["method"], row["target"], row["operation"]) == ("GET", "/v1/compliance/activities", None)
    assert (row["status"], row["outcome"], row["denial_reason"]) == (status, outcome, denial)
    assert "hunter2" not in str(loaded.rows)


@pytest.mark.parametrize(("told", "outcome"), [("success", "success"), ("succeeded", "success"), ("denied", "denied")])
def test_workload_that_exchanges_a_token_for_credentials(load, told, outcome):
    workload = {"type": "federated_identity_actor", "issuer": "https://ci.example", "subject": "repo:acme/app"}
    asked = {"federation_rule_id": "fdrl_1", "requested_service_account_id": "svac_1", "oidc_token": {"jti": "j-1"}}
    status = {"outcome": told, "detail": "hunter2"}
    record = activity("platform_federated_authentication", actor=workload, event_data=asked, status=status)
    for written in (record, record | {name: json.dumps(record[name]) for name in ("event_data", "status")}):
        loaded = load([written])
        row = loaded.one("issuance")
        assert (row["kind"], row["outcome"], row["client_id"], row["subject_kind"]) == (
            "exchange",
            outcome,
            "svac_1",
            "service",
        )
        assert (row["parent_token_id"], row["token_id"], row["actor_chain"]) == ("j-1", None, ["repo:acme/app"])
        assert "hunter2" not in str(loaded.rows)


def test_what_a_federation_rule_gave_ends_with_the_rule(load):
    exchanged = {"federation_rule_id": "fdrl_1", "requested_service_account_id": "svac_1"}
    loaded = load(
        [
            activity("platform_federated_authentication", event_data=exchanged, status={"outcome": "success"}),
            activity("platform_federation_rule_archived", number=2, federation_rule_id="fdrl_1"),
            activity("platform_federation_rule_archived", number=3),
        ]
    )
    assert loaded.one("issuance")["grant_id"] == "fdrl_1"
    row = loaded.one("revocation")
    assert (row["kind"], row["target_kind"], row["grant_id"], row["actor_id"]) == (
        "revoke",
        "grant",
        "fdrl_1",
        "user_1",
    )
    assert [row["reason"] for row in loaded.rejected] == ["names no rule"]


def test_a_federation_rule_begins_with_its_making(load):
    made = {"federation_rule_id": "fdrl_1", "service_account_id": "svac_1", "applies_to_all_workspaces": True}
    loaded = load(
        [activity("platform_federation_rule_created", **made), activity("platform_federation_rule_created", number=2)],
        "anthropic_compliance",
    )
    row = loaded.one("issuance")
    assert (row["kind"], row["grant_id"], row["client_id"]) == ("consent", "fdrl_1", "svac_1")
    assert (row["consent_kind"], row["consent_actor"]) == ("admin", "user_1")
    assert [each["reason"] for each in loaded.rejected] == ["names no rule"]


def test_a_service_account_begins_with_its_making(load):
    row = load([activity("platform_service_account_created", service_account_id="svac_1")]).one("issuance")
    assert (row["kind"], row["client_id"], row["subject_kind"]) == ("consent", "svac_1", "service")
    assert (row["consent_kind"], row["consent_actor"]) == ("admin", "user_1")


@pytest.mark.parametrize(
    ("made", "ended", "named"),
    [
        ("slack_workspace_claimed", "slack_workspace_claim_revoked", "slack_team_id"),
        ("ghe_configuration_created", "ghe_configuration_deleted", "ghe_configuration_id"),
        ("gitlab_configuration_created", "gitlab_configuration_deleted", "gitlab_configuration_id"),
    ],
)
def test_what_is_connected_for_all_is_known_by_its_own_id(load, made, ended, named):
    loaded = load([activity(made, **{named: "T01"}), activity(ended, number=2, seconds=9, **{named: "T01"})])
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (given["kind"], given["client_id"], given["consent_kind"]) == ("consent", "T01", "admin")
    assert (taken["target_kind"], taken["client_id"], taken["initiator"]) == ("client", "T01", "admin")


@pytest.mark.parametrize("kind", ["federated_actor", "federated_identity_actor"])
def test_an_identity_of_another_provider_is_no_person(load, kind):
    workload = {"type": kind, "subject": "repo:acme/app", "ip_address": "192.0.2.8"}
    loaded = load(
        [
            activity("platform_file_uploaded", actor=workload, file_id="file_1"),
            activity("platform_service_account_archived", number=2, actor=workload, service_account_id="svac_1"),
        ]
    )
    first, second = loaded.rows["usage"]
    assert {(row["client_id"], row["subject_id"], row["outcome"]) for row in (first, second)} == {
        ("repo:acme/app", None, "success")
    }
    assert (first["operation"], first["resource_id"], first["ip"]) == ("platform_file_uploaded", "file_1", "192.0.2.8")
    end = loaded.one("revocation")
    assert (end["initiator"], end["actor_id"], end["client_id"]) == ("client", "repo:acme/app", "svac_1")


def test_a_key_of_a_runner_pool_is_known_by_its_jti(load):
    loaded = load(
        [
            activity("claude_code_runner_pool_secret_minted", jti="jti-1", runner_pool_id="pool_1"),
            activity("claude_code_credential_revoked", number=2, seconds=9, jti="jti-1"),
        ]
    )
    assert (loaded.one("issuance")["token_id"], loaded.one("revocation")["token_id"]) == ("jti-1", "jti-1")


def test_a_credential_of_the_agent_proxy_ends_when_it_is_replaced_or_deleted(load):
    proxy = "ccr_agent_proxy_"
    loaded = load(
        [
            activity(f"{proxy}credential_created", credential_id="apc_1", profile_id="capp_1", display_name="npm"),
            activity(
                f"{proxy}credential_rotated",
                number=2,
                seconds=9,
                actor=key("apikey_9"),
                credential_id="apc_2",
                previous_credential_id="apc_1",
                profile_id="capp_1",
            ),
            activity(f"{proxy}credential_deleted", number=3, seconds=20, credential_id="apc_2", profile_id="capp_1"),
            activity(f"{proxy}profile_deleted", number=4, seconds=30, profile_id="capp_1"),
        ]
    )
    made = [
        (
            row["kind"],
            row["token_id"],
            row["client_id"],
            row["consent_actor"],
            row["parent_token_id"],
            row["actor_chain"],
        )
        for row in loaded.rows["issuance"]
    ]
    assert made == [
        ("credential", "apc_1", "capp_1", "user_1", None, None),
        ("credential", "apc_2", "capp_1", "apikey_9", None, None),
    ]
    assert [(row["target_kind"], row["token_id"], row["client_id"]) for row in loaded.rows["revocation"]] == [
        ("credential", "apc_1", "capp_1"),
        ("credential", "apc_2", "capp_1"),
        ("client", None, "capp_1"),
    ]


@pytest.mark.parametrize(
    ("before", "now", "ended"),
    [("user", None, True), ("user", "", True), ("user", "owner", False), (None, "user", False), (None, None, False)],
)
def test_who_has_no_role_any_more_was_removed(load, before, now, ended):
    """Anthropic says of this type that it tells of people who were added to the organisation or removed from it, too."""
    record = activity("claude_user_role_updated", user_id="user_2", previous_role=before, current_role=now)
    loaded = load([record, activity("claude_user_role_updated", number=2, user_id="user_3")])
    ends = [(row["kind"], row["target_kind"], row["subject_id"], row["initiator"]) for row in loaded.rows["revocation"]]
    assert ends == [("disable", "subject", "user_2", "admin")] * ended
    assert loaded.ignored == {"role of a person or group": 2 - ended}


def test_a_credential_that_a_teammate_submitted_ends_when_an_owner_rejects_it(load):
    proxy = "ccr_agent_proxy_"
    loaded = load(
        [
            activity(f"{proxy}credential_created", credential_id="apc_1", profile_id="capp_1"),
            activity(f"{proxy}provisioning_link_submitted", number=2, seconds=1, credential_id="apc_1", link_id="l_1"),
            activity(
                f"{proxy}provisioning_credential_rejected", number=3, seconds=9, credential_id="apc_1", link_id="l_1"
            ),
        ]
    )
    ended = loaded.one("revocation")
    assert (ended["kind"], ended["target_kind"], ended["token_id"]) == ("revoke", "credential", "apc_1")
    assert loaded.one("issuance")["token_id"] == "apc_1"


def test_a_connector_token_lives_until_the_tunnel_gets_another_or_is_archived(tmp_path):
    """What each end covers, as Anthropic's pages on rotating and on archiving a tunnel say."""
    log = [
        activity("tunnel_created", tunnel_id="tnl_1", tunnel_token_id="tt_1"),
        activity("tunnel_created", number=2, tunnel_id="tnl_2", tunnel_token_id="tt_9"),
        activity("tunnel_token_rotated", number=3, seconds=60, tunnel_id="tnl_1", tunnel_token_id="tt_2"),
        activity("tunnel_archived", number=4, seconds=120, tunnel_id="tnl_1"),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    with Store(":memory:") as store:
        store.load(path)
        covered = store.sql(
            "SELECT revocation_event, token_id FROM covered_token WHERE token_id IS NOT NULL ORDER BY ALL"
        )
        assert [tuple(row.values()) for row in covered.to_pylist()] == [
            ("activity_3", "tt_1"),
            ("activity_4", "tt_1"),
            ("activity_4", "tt_2"),
        ]
        kinds = store.sql("SELECT kind, client_id FROM issuance ORDER BY event_id").to_pylist()
        assert [tuple(row.values()) for row in kinds] == [("token", "tnl_1"), ("token", "tnl_2"), ("refresh", "tnl_1")]


def test_a_tunnel_that_came_without_a_token_gave_nothing_yet(load):
    assert load([activity("tunnel_created", tunnel_id="tnl_1")]).ignored == {"tunnel that came without a token": 1}


def test_access_of_claude_code_that_is_not_read_is_named(load):
    kinds = ("ccr_agent_slack_access_scope_created", "github_app_installation_linked", "github_token_import")
    loaded = load([activity(kind, number=number) for number, kind in enumerate(kinds)])
    assert loaded.ignored == {"access of Claude Code to another service, of which too little is known": 3}


def test_exchange_that_does_not_say_what_came_of_it_is_rejected(load):
    loaded = load([activity("platform_federated_authentication")], "anthropic_compliance")
    assert [row["reason"] for row in loaded.rejected] == ["outcome: missing"]


def test_runners_apps_and_instances(load):
    loaded = load(
        [
            activity("claude_code_runner_pool_secret_minted"),
            activity("claude_code_credential_revoked", number=2),
            activity("platform_oauth_app_revoked", number=3, oauth_app_id="app_1"),
            activity("ghe_configuration_deleted", number=4, ghe_configuration_id="ghe_1"),
        ]
    )
    row = loaded.one("issuance")
    assert (row["kind"], row["subject_id"], row["subject_kind"], row["consent_actor"]) == (
        "credential",
        None,
        "service",
        "user_1",
    )
    assert [(row["target_kind"], row["token_id"], row["client_id"]) for row in loaded.rows["revocation"]] == [
        ("credential", None, None),
        ("client", None, "app_1"),
        ("client", None, "ghe_1"),
    ]


def test_scopes_and_names(load):
    row = load(
        [activity("api_key_created", api_key_id="apikey_1", api_key_name="Nightly", scopes=["read:compliance"])]
    ).one("issuance")
    assert (row["scopes"], row["client_name"]) == (["read:compliance"], "Nightly")


def test_a_key_is_the_organisations_and_no_persons(load):
    row = load([activity("platform_api_key_created", api_key_id="apikey_1")]).one("issuance")
    assert (row["subject_id"], row["subject_name"], row["subject_kind"], row["consent_actor"]) == (
        None,
        None,
        "service",
        "user_1",
    )


def test_the_end_of_a_workspace_or_an_issuer_names_nothing_that_it_ends(load):
    kinds = ("platform_workspace_archived", "platform_federation_issuer_archived")
    loaded = load([activity(kind, number=number) for number, kind in enumerate(kinds)])
    assert loaded.ignored == {
        "end of a workspace that does not name its keys": 1,
        "end of an issuer that does not name its rules": 1,
    }


@pytest.mark.parametrize("prefix", ["admin_api_key", "admin_key"])
def test_one_key_under_two_prefixes_and_its_use_after_the_end(tmp_path, prefix):
    log = [
        activity("admin_api_key_created", admin_api_key_id=f"{prefix}_9"),
        activity("compliance_api_accessed", number=2, seconds=5, actor=key("apikey_9")),
        activity("admin_api_key_deleted", number=3, seconds=60, admin_api_key_id=f"{prefix}_9"),
        activity("compliance_api_accessed", number=4, seconds=90, actor=key("apikey_9")),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"data": log, "has_more": False}, indent=1))
    with Store(":memory:") as store:
        store.load(path)
        after = store.sql(
            "SELECT u.event_id FROM usage u JOIN covered_token c USING (source, token_id) WHERE u.used_at > c.revoked_at"
        ).to_pylist()
    assert after == [{"event_id": "activity_4"}]


def test_key_made_by_a_key(load):
    loaded = load([activity("platform_api_key_created", api_key_id="apikey_2", actor=key())])
    row = loaded.one("issuance")
    assert (row["token_id"], row["parent_token_id"], row["actor_chain"]) == ("apikey_2", "apikey_1", ["apikey_1"])
    assert loaded.one("usage")["token_id"] == "apikey_1"


def test_service_account_acts_without_a_key(load):
    actor = {"type": "service_account_actor", "service_account_id": "svac_1", "ip_address": "192.0.2.9"}
    row = load([activity("platform_file_uploaded", actor=actor)]).one("usage")
    assert (row["client_id"], row["token_id"], row["outcome"]) == ("svac_1", None, "success")


def test_integration_of_a_person(load):
    loaded = load(
        [
            activity("integration_user_connected", integration_type="github"),
            activity("integration_user_disconnected", number=2, seconds=9, integration_type="github"),
        ]
    )
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (given["kind"], given["client_id"], given["subject_id"], given["consent_kind"]) == (
        "consent",
        "github",
        "user_1",
        "user",
    )
    assert (taken["target_kind"], taken["client_id"], taken["subject_id"]) == ("grant", "github", "user_1")
    assert taken["initiator"] == "user"


def integration(kind, end, *, number, seconds=0, **more):
    return activity(f"claude_{kind}_integration_{end}", number=number, seconds=seconds, **more)


def held(tmp_path, records):
    """Load the records and list the grants by their ids: whose, in what state, and by which record they ended or may have ended."""
    path = tmp_path / "activities.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        rows = gl.grants(store.between(START, START + timedelta(days=1))).arrow().to_pylist()
    return {
        row["grant_id"]: (row["client_id"], row["subject_id"], row["state"], row["ended_by"] or row["perhaps_ended_by"])
        for row in rows
    }


FOUR = (
    integration("github", "created", number=1, integration_id="int_1", repository_name="atlas"),
    integration("github", "created", number=2, integration_id="int_2", repository_name="borealis"),
    integration("gdrive", "created", number=3, integration_id="int_3", folder_id="folder_3"),
    activity("integration_user_connected", number=4, integration_type="github"),
)
"""Two integrations of one kind, one of another, and what a person connected."""


def test_the_end_of_one_integration_is_not_that_of_its_kind(tmp_path):
    end = integration("github", "deleted", number=5, seconds=9, integration_id="int_1", repository_name="atlas")
    grants = held(tmp_path, [*FOUR, end])
    assert {name: grants.pop(name) for name in ("int_1", "int_2", "int_3")} == {
        "int_1": ("github", None, "ended", "activity_5"),
        "int_2": ("github", None, "live", None),
        "int_3": ("gdrive", None, "live", None),
    }
    assert list(grants.values()) == [("github", "user_1", "live", None)]


def test_the_end_of_an_integration_that_is_not_named_may_be_of_any_of_its_kind(tmp_path):
    grants = held(tmp_path, [*FOUR, integration("github", "deleted", number=5, seconds=9)])
    assert {name: grants.pop(name) for name in ("int_1", "int_2", "int_3")} == {
        "int_1": ("github", None, "indeterminate", "activity_5"),
        "int_2": ("github", None, "indeterminate", "activity_5"),
        "int_3": ("gdrive", None, "live", None),
    }
    assert list(grants.values()) == [("github", "user_1", "indeterminate", "activity_5")]


def test_integrations_without_ids_are_one_grant_that_an_end_may_have_ended(tmp_path):
    ends = [integration("github", end, number=2, seconds=9) for end in ("updated", "deleted")]
    made = integration("github", "created", number=1)
    states = [list(held(tmp_path, [made, end]).values()) for end in ends]
    assert states == [[("github", None, "live", None)], [("github", None, "indeterminate", "activity_2")]]


def test_server_for_all(load):
    row = load([activity("mcp_server_created", mcp_server_id="mcpsrv_1", mcp_server_name="Wiki")]).one("issuance")
    assert (row["client_id"], row["client_name"], row["subject_id"], row["subject_kind"], row["consent_kind"]) == (
        "mcpsrv_1",
        "Wiki",
        None,
        "user",
        "admin",
    )


def test_people_and_sessions(load):
    loaded = load(
        [
            activity("org_user_deleted", user_id="user_2"),
            activity("org_user_left", number=2),
            activity("session_revoked", number=3),
            activity("org_user_deleted", number=4),
            activity("org_user_trusted_devices_revoked", number=5, user_id="user_2"),
            activity("org_user_trusted_devices_revoked", number=6),
            activity("account_deleted", number=7),
        ]
    )
    assert [(row["kind"], row["target_kind"], row["subject_id"]) for row in loaded.rows["revocation"]] == [
        ("disable", "subject", "user_2"),
        ("disable", "subject", "user_1"),
        ("revoke", "session", "user_1"),
        ("revoke", "session", "user_2"),
        ("revoke", "session", None),
        ("disable", "subject", "user_1"),
    ]
    assert [row["reason"] for row in loaded.rejected] == ["names no person"]


def test_a_key_where_its_id_should_stand_is_kept_nowhere(load):
    raw = "sk-ant-api01-" + "Kq7" * 12
    loaded = load(
        [
            activity("api_key_created", actor=key(raw), api_key_id="apikey_2"),
            activity("service_key_revoked", number=2, actor=key(raw), service_key_id="svckey_1"),
            activity("service_created", number=3, actor=key(raw), service_name="nightly"),
        ]
    )
    assert {log: len(rows) for log, rows in loaded.rows.items()} == {"issuance": 2, "usage": 3, "revocation": 1}
    assert raw not in repr(loaded.rows)


def test_export_with_json_inside_text(load):
    """A CSV export writes the actor and the scopes as text, and knows when the record was delivered."""
    made = activity("api_key_created", api_key_id="apikey_1", scopes=["a", "b"])
    cells = made | {
        "actor": json.dumps(made["actor"]),
        "scopes": json.dumps(made["scopes"]),
        "TimeGenerated": "2026-05-07T10:03:00Z",
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cells))
    writer.writeheader()
    writer.writerow(cells)
    exported, plain = load(text.getvalue()).one("issuance"), load([made]).one("issuance")
    assert exported.pop("received_at") == START + timedelta(minutes=3)
    del plain["received_at"]
    assert exported | {"line_no": 1} == plain


def test_call_by_a_key_that_stands_as_text(load):
    call = activity("claude_chat_viewed", actor=key())
    exported = call | {"actor": json.dumps(key())}
    assert load([exported]).one("usage") == load([call]).one("usage")
    assert load([exported]).one("usage")["token_id"] == "apikey_1"


def test_ignored_broken_and_double_records(load):
    made = activity("api_key_created", number=9, api_key_id="k")
    loaded = load(
        [
            activity("sso_login_failed", actor={"type": "unauthenticated_user_actor"}),
            activity("rbac_role_assigned"),
            activity("user_consent_recorded"),
            activity("claude_chat_created"),
            activity("api_key_created") | {"created_at": "soon"},
            activity("api_key_created") | {"created_at": None},
            activity("x") | {"type": None},
            made,
            made,
        ],
        "anthropic_compliance",
    )
    assert loaded.ignored == {
        "sign-in of a person": 1,
        "role of a person or group": 1,
        "consent that names no app": 1,
        "not about delegated access": 1,
    }
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        5: "created_at is no time",
        6: "issued_at: missing",
        7: "type is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
