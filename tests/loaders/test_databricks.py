"""The Databricks loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

EXPECTED = {
    "panther-audit.ndjson": (
        {"records": 29, "issuance": 5, "usage": 2, "revocation": 1, "ignored": 14, "rejected": 7},
        {"not about delegated access": 3, "sign-in of a person": 11},
        {
            3: "timestamp is missing",
            4: "timestamp is missing",
            13: "response.statusCode is missing",
            14: "timestamp is missing",
            15: "timestamp is missing",
            16: "timestamp is missing",
            28: "names no user",
        },
    )
}
OWNER, ADMIN, ROBOT = "ada@example.com", "admin@example.com", "00000000-aaaa-bbbb-cccc-000000000001"
MS = 1782900000123
AT = datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)


def event(action, *, service="accounts", id="1", status=200, who=OWNER, **parameters):
    """Write one event as a delivered file has it."""
    return {
        "version": "2.0",
        "auditLevel": "WORKSPACE_LEVEL",
        "timestamp": MS,
        "workspaceId": "1234567890123456",
        "accountId": "acc-1",
        "sourceIPAddress": "198.51.100.7",
        "sessionId": None,
        "userAgent": "agent/1.0",
        "userIdentity": {"email": who} if who else None,
        "serviceName": service,
        "actionName": action,
        "requestId": f"req-{id}",
        "requestParams": parameters,
        "response": {"statusCode": status, "errorMessage": None, "result": None} if status else None,
    }


def as_table(record):
    """Write the event as the table system.access.audit has it."""
    names = {
        "accountId": "account_id",
        "workspaceId": "workspace_id",
        "sourceIPAddress": "source_ip_address",
        "userAgent": "user_agent",
        "userIdentity": "user_identity",
        "serviceName": "service_name",
        "actionName": "action_name",
        "requestId": "request_id",
        "requestParams": "request_params",
        "auditLevel": "audit_level",
        "sessionId": "session_id",
    }
    told = {names.get(name, name): value for name, value in record.items() if name != "timestamp"}
    told["event_time"] = "2026-07-01T10:00:00.123+00:00" if record.get("timestamp") else None
    if record.get("response"):
        told["response"] = {"status_code": record["response"]["statusCode"], "error_message": None}
    return told


RESOURCE = "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/G1/PROVIDERS/MICROSOFT.DATABRICKS/WORKSPACES/W1"


def as_azure(record):
    """Write the event as Azure's diagnostic log sends it to an event hub or a storage account."""
    return {
        "resourceId": RESOURCE,
        "operationVersion": "1.0.0",
        "identity": json.dumps(record["userIdentity"]),
        "operationName": f"Microsoft.Databricks/{record['serviceName']}/{record['actionName']}",
        "time": "2026-07-01T10:00:00.123Z" if record["timestamp"] else None,
        "category": record["serviceName"],
        "properties": {
            "sourceIPAddress": f"{record['sourceIPAddress']}:0",
            "logId": f"{record['requestId']}:{record['actionName']}",
            "serviceName": record["serviceName"],
            "userAgent": record["userAgent"],
            "response": json.dumps(record["response"]),
            "sessionId": None,
            "actionName": record["actionName"],
            "requestId": record["requestId"],
            "requestParams": json.dumps(record["requestParams"]),
        },
        "Host": "1005-155304-lag215-10-139-64-14",
    }


def as_log_analytics(record):
    """Write the event as a table of Azure Monitor has it; there the objects are text or dynamic."""
    sent = as_azure(record)
    told = {name[0].upper() + name[1:]: value for name, value in sent["properties"].items()}
    return told | {
        "TenantId": "log-analytics-workspace",
        "TimeGenerated": sent["time"],
        "OperationName": sent["operationName"],
        "Category": sent["category"],
        "Identity": record["userIdentity"],
        "_ResourceId": RESOURCE.lower(),
        "Type": "DatabricksAccounts",
    }


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/databricks" / name))


def records_of(shared, name="panther-audit.ndjson"):
    """Read a real file with json alone, by line."""
    lines = (shared / "real-logs/databricks" / name).read_text().splitlines()
    return dict(enumerate(map(json.loads, lines), 1))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored, rejected = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "databricks"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == rejected


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/databricks").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_tokens_agree_with_a_reading_in_plain_python(shared, real):
    made = {
        line: record
        for line, record in records_of(shared).items()
        if record["actionName"] == "generateDbToken" and record.get("response", {}).get("statusCode") == 200
    }
    rows = {row["line_no"]: row for row in real("panther-audit.ndjson").rows["issuance"] if row["kind"] == "credential"}
    assert set(rows) == set(made)
    for line, row in rows.items():
        record = made[line]
        assert row["token_id"] == record["requestParams"]["tokenHash"]
        assert row["issued_at"] == datetime.fromtimestamp(record["timestamp"] / 1000, UTC)
        assert row["expires_at"] == datetime.fromtimestamp(
            int(record["requestParams"]["tokenExpirationTime"]) / 1000, UTC
        )
        assert row["subject_id"] == row["client_id"] == record["userIdentity"]["email"]
        assert row["tenant"] == record.get("workspaceId")


def test_real_temporary_credentials_agree_with_a_reading_in_plain_python(shared, real):
    records = records_of(shared).items()
    asked = {line: record for line, record in records if record["actionName"].startswith("generateTemporary")}
    rows = {row["line_no"]: row for row in real("panther-audit.ndjson").rows["issuance"] if row["kind"] == "exchange"}
    assert set(rows) == set(asked)
    for line, row in rows.items():
        assert row["outcome"] == ("success" if asked[line]["response"]["statusCode"] == 200 else "denied")


def test_every_real_record_that_is_rejected_lacks_what_the_reason_says(shared):
    records = records_of(shared)
    for line, reason in EXPECTED["panther-audit.ndjson"][2].items():
        record = records[line]
        if reason == "timestamp is missing":
            assert "timestamp" not in record
        elif reason == "response.statusCode is missing":
            assert "response" not in record
        else:
            assert "targetUserName" not in record["requestParams"]


# What joins.


def test_a_token_joins_by_hash_or_id_as_it_is_written(load):
    loaded = load(
        [
            event("generateDbToken", id="1", tokenHash="h1", tokenExpirationTime=str(MS + 3_600_000)),
            event("tokenLogin", id="2", tokenId="h1"),
            event("revokeDbToken", id="3", tokenHash="h1", tokenId="other", who=ADMIN),
        ]
    )
    issued, used, ended = (loaded.one(log) for log in ("issuance", "usage", "revocation"))
    assert issued["token_id"] == used["token_id"] == ended["token_id"] == "h1"
    assert (issued["kind"], issued["token_kind"], issued["subject_kind"]) == ("credential", "api_key", "user")
    assert issued["expires_at"] - issued["issued_at"] == timedelta(hours=1)
    assert (issued["client_id"], used["client_id"], issued["subject_id"], used["subject_id"]) == (OWNER,) * 4
    assert (ended["target_kind"], ended["kind"], ended["actor_id"], ended["initiator"]) == (
        "token",
        "revoke",
        ADMIN,
        None,
    )


def test_an_oauth_token_says_its_client_scopes_and_end(load):
    minted = event(
        "mintOAuthToken",
        client_id="app-1",
        scope="sql offline_access",
        grant_type="authorization_code",
        expires_in="3600",
    )
    row = load([minted]).one("issuance")
    assert (row["client_id"], row["subject_id"], row["scopes"]) == ("app-1", OWNER, ["sql", "offline_access"])
    assert (row["kind"], row["grant_type"], row["token_id"]) == ("token", "authorization_code", None)
    assert row["expires_at"] == AT + timedelta(hours=1)


GRANTS = {
    "authorization_code": "token",
    "client_credentials": "token",
    "refresh_token": "refresh",
    "urn:ietf:params:oauth:grant-type:token-exchange": "exchange",
}


def test_the_grant_type_tells_refresh_and_exchange(load):
    rows = load([event("mintOAuthToken", id=str(n), grant_type=grant) for n, grant in enumerate(GRANTS)]).rows[
        "issuance"
    ]
    assert {row["grant_type"]: row["kind"] for row in rows} == GRANTS


def test_the_secret_of_a_service_principal_joins_by_its_id(load):
    service = "servicePrincipalCredentials"
    loaded = load(
        [
            event("create", service=service, id="1", service_principal="sp1", secret_id="s1"),
            event("delete", service=service, id="2", service_principal="sp1", secret_id="s1"),
            event("list", service=service, id="3"),
        ]
    )
    issued, ended = loaded.one("issuance"), loaded.one("revocation")
    assert issued["token_id"] == ended["token_id"] == "s1"
    assert issued["client_id"] == ended["client_id"] == "sp1"
    assert ended["target_kind"] == "credential"
    assert issued["consent_actor"] == ended["actor_id"] == OWNER
    assert loaded.ignored == {"token or app event that neither gives nor takes access": 1}


def test_a_recipient_of_a_share_is_a_client(load):
    service = "unityCatalog"
    loaded = load(
        [
            event("createRecipient", service=service, id="1", name="acme"),
            event("rotateRecipientToken", service=service, id="2", name="acme"),
            event(
                "deltaSharingQueriedTable",
                service=service,
                id="3",
                who=None,
                recipient_name="acme",
                share="s",
                schema="c",
                name="t",
            ),
            event("deleteRecipient", service=service, id="4", name="acme"),
        ]
    )
    assert [(row["kind"], row["client_id"]) for row in loaded.rows["issuance"]] == [
        ("credential", "acme"),
        ("refresh", "acme"),
    ]
    used, ended = loaded.one("usage"), loaded.one("revocation")
    assert (used["client_id"], used["target"], used["resource_server"]) == ("acme", "s/c/t", "delta-sharing")
    assert (ended["client_id"], ended["target_kind"], ended["kind"]) == ("acme", "client", "disable")


def test_a_temporary_credential_is_for_what_it_names(load):
    asked = event(
        "generateTemporaryTableCredential", service="unityCatalog", table_full_name="main.crm.mail", operation="READ"
    )
    row = load([asked]).one("issuance")
    assert (row["kind"], row["audience"], row["scopes"]) == ("exchange", ["main.crm.mail"], ["READ"])
    bare = load([event("generateTemporaryPathCredential", service="unityCatalog")]).one("issuance")
    assert (bare["audience"], bare["scopes"]) == (None, None)


def borrowed(run_by, run_as, who=OWNER):
    """Write that a temporary credential was made, as the system table tells who started it and whose rights were used."""
    asked = event("generateTemporaryTableCredential", service="unityCatalog", who=who, table_full_name="main.crm.mail")
    return as_table(asked) | {"identity_metadata": {"run_by": run_by, "run_as": run_as, "acting_resource": None}}


@pytest.mark.parametrize(
    ("run_by", "run_as", "detail"),
    [
        (OWNER, "analysts", {"run_as": "analysts"}),
        (OWNER, ROBOT, {"run_as": ROBOT}),
        (OWNER, OWNER, None),
        (OWNER, None, None),
        (OWNER, "", None),
        (None, "analysts", None),
    ],
)
def test_whose_rights_a_temporary_credential_used_is_kept(load, run_by, run_as, detail):
    row = load([borrowed(run_by, run_as)]).one("issuance")
    assert (row["client_id"], row["subject_id"]) == (OWNER, OWNER)
    assert (row["authorization_details"] and json.loads(row["authorization_details"])) == detail


def test_who_started_it_is_the_caller_where_no_address_is_told(load):
    row = load([borrowed(OWNER, "analysts", who=None)]).one("issuance")
    assert (row["client_id"], row["subject_id"], row["subject_kind"]) == (OWNER, OWNER, "user")
    row = load([borrowed("System-User", OWNER, who=None)]).one("issuance")
    assert (row["client_id"], row["subject_id"]) == (None, None)


ENDS = {
    "deactivateUser": ({"targetUserName": OWNER}, "disable", "subject", OWNER),
    "delete": ({"targetUserName": OWNER, "endpoint": "/users"}, "disable", "subject", OWNER),
    "deleteCustomAppIntegration": ({"custom_app_id": "app-1"}, "disable", "client", "app-1"),
    "deletePublishedAppIntegration": ({"integration_id": "app-2"}, "disable", "client", "app-2"),
    "garbageCollectDbToken": ({"tokenHash": "h1"}, "expiry", "token", "h1"),
}


@pytest.mark.parametrize("action", ENDS)
def test_what_is_ended(load, action):
    parameters, kind, target, id = ENDS[action]
    row = load([event(action, who=ADMIN, **parameters)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["outcome"]) == (kind, target, "success")
    assert {"subject": row["subject_id"], "client": row["client_id"], "token": row["token_id"]}[target] == id
    assert row["initiator"] == ("system" if kind == "expiry" else "admin")


def test_who_ends_in_the_account_ends_in_every_workspace(load):
    of_account = {"workspaceId": 0}
    loaded = load(
        [
            event("delete", id="1", targetUserName=OWNER, endpoint="/users") | of_account,
            event("activateUser", id="2", targetUserName=OWNER) | of_account,
            event("deleteCustomAppIntegration", id="3", custom_app_id="app-1") | of_account,
            event("delete", id="4", service="servicePrincipalCredentials", secret_id="s1") | of_account,
            event("deactivateUser", id="5", targetUserName=OWNER),
        ]
    )
    tenants = {row["event_id"].partition(":")[0]: row["tenant"] for row in loaded.rows["revocation"]}
    assert tenants == {"req-1": None, "req-2": None, "req-3": None, "req-4": "acc-1", "req-5": "1234567890123456"}


def test_expired_tokens_that_are_cleared_away_without_a_name_are_ignored(load):
    loaded = load(
        [
            event("garbageCollectDbToken", tokenExpirationTime=str(MS)),
            event("garbageCollectDbToken", id="2", status=None),
        ]
    )
    assert loaded.ignored == {"expired tokens cleared away, of which none is named": 1}
    assert [row["reason"] for row in loaded.rejected] == ["response.statusCode is missing"]


def test_what_names_nothing_that_it_ends_is_rejected(load):
    expected = {
        "names no token": event("revokeDbToken", id="1"),
        "names no client": event("deleteCustomAppIntegration", id="2"),
        "names no user": event("delete", id="3", endpoint="/servicePrincipals"),
        "names no secret": event("delete", id="4", service="servicePrincipalCredentials"),
        "names no recipient": event("deleteRecipient", id="5", service="unityCatalog"),
    }
    assert [row["reason"] for row in load(list(expected.values())).rejected] == list(expected)


# What failed.


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (401, "denied", "token"),
        (403, "denied", "other"),
        (429, "denied", "rate"),
        (400, "error", None),
        (500, "error", None),
    ],
)
def test_a_failure_is_no_success_in_any_log(load, status, outcome, reason):
    loaded = load(
        [
            event("generateDbToken", id="1", status=status, tokenHash="h1"),
            event("mintOAuthToken", id="2", status=status, client_id="app-1", scope="sql"),
            event("tokenLogin", id="3", status=status, tokenId="h1"),
            event("revokeDbToken", id="4", status=status, tokenHash="h1"),
        ]
    )
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {outcome}
    assert [row["token_id"] for row in loaded.rows["issuance"]] == [None, None]
    assert [row["scopes"] for row in loaded.rows["issuance"]] == [None, None]
    assert loaded.one("usage")["denial_reason"] == reason


def test_a_quota_that_is_reached_gives_no_token(load):
    row = load([event("reachMaxQuotaDbToken", tokenHash="h1")]).one("issuance")
    assert (row["outcome"], row["token_id"]) == ("denied", None)


def test_a_refused_address_is_denied_whatever_the_status(load):
    loaded = load(
        [
            event("IpAccessDenied", id=str(n), status=status, path="/api/data")
            for n, status in enumerate((None, 200, 403))
        ]
    )
    assert {(row["outcome"], row["denial_reason"], row["target"]) for row in loaded.rows["usage"]} == {
        ("denied", "policy", "/api/data")
    }


# Quirk by quirk.


def test_account_level_events_belong_to_the_account(load):
    rows = load(
        [event("tokenLogin", id="1") | {"workspaceId": "0"}, event("tokenLogin", id="2") | {"workspaceId": 77}]
    ).rows["usage"]
    assert [row["tenant"] for row in rows] == ["acc-1", "77"]


def test_service_principals_are_no_users_and_the_system_is_nobody(load):
    rows = load(
        [event("generateDbToken", id=str(n), who=who) for n, who in enumerate((ROBOT, "System-User", None))]
    ).rows["issuance"]
    assert [(row["subject_id"], row["subject_kind"]) for row in rows] == [
        (ROBOT, "service"),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize("expiry", ["-1", "", "soon", None])
def test_a_token_without_end_has_none(load, expiry):
    assert load([event("generateDbToken", tokenExpirationTime=expiry)]).one("issuance")["expires_at"] is None


def test_what_cannot_be_read_is_rejected_with_its_reason(load):
    login = event("tokenLogin")
    expected = [
        ("timestamp is missing", login | {"timestamp": None}),
        ("timestamp is no time", login | {"timestamp": "yesterday"}),
        ("timestamp is no time", login | {"timestamp": 12}),
        ("response.statusCode is missing", login | {"response": None}),
        ("response.statusCode is missing", login | {"response": {"statusCode": "fine"}}),
        ("actionName is missing", login | {"actionName": None}),
    ]
    loaded = load([record for _, record in expected], loader="databricks")
    assert [row["reason"] for row in loaded.rejected] == [reason for reason, _ in expected]


def test_no_secret_is_kept(load):
    secrets = {"token_value": "dapiSECRET", "client_secret": "SECRET", "code": "SECRET", "accessToken": "SECRET"}
    records = [
        event(action, id=action, tokenHash="h1", **secrets)
        for action in ("generateDbToken", "mintOAuthToken", "tokenLogin")
    ]
    loaded = load([record | {"response": {"statusCode": 200, "result": "SECRET"}} for record in records])
    assert loaded.counts() == {"records": 3, "issuance": 2, "usage": 1}
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


def test_loading_an_event_twice_counts_once_and_one_request_may_log_two(load):
    login, made = event("tokenLogin"), event("generateDbToken")
    assert load([login, login, made]).counts() == {"records": 3, "issuance": 1, "usage": 1, "duplicates": 1}
    assert load([event("tokenLogin"), event("IpAccessDenied")]).counts() == {"records": 2, "usage": 2}


EVERY_KIND = [
    event("generateDbToken", id="1", tokenHash="h1", tokenExpirationTime=str(MS + 1000)),
    event("mintOAuthToken", id="2", client_id="app-1", scope="sql", grant_type="client_credentials", expires_in="3600"),
    event(
        "generateTemporaryTableCredential", id="3", service="unityCatalog", table_full_name="a.b.c", operation="READ"
    ),
    event("tokenLogin", id="4", tokenId="h1"),
    event("IpAccessDenied", id="5", status=None, path="/api"),
    event("revokeDbToken", id="6", tokenHash="h1"),
    event("delete", id="7", targetUserName=OWNER, endpoint="/users"),
    event("samlLogin", id="8"),
    event("mintOAuthAuthorizationCode", id="9", client_id="app-1"),
]
WRAPS = {
    "table": as_table,
    "panther": lambda record: record | {"p_log_type": "Databricks.Audit", "p_event_time": "2026-07-01 10:00:00.123"},
    "input": lambda record: {"json": record},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_every_spelling_gives_the_same_rows(load, wrap):
    bare, spelled = load(EVERY_KIND), load([WRAPS[wrap](record) for record in EVERY_KIND])
    assert bare.counts() == spelled.counts() == {"records": 9, "issuance": 4, "usage": 2, "revocation": 2, "ignored": 1}
    assert bare.rows == spelled.rows
    assert bare.ignored == spelled.ignored


AZURES = {
    "event hub": as_azure,
    "event hub, objects": lambda record: as_azure(record) | {"identity": record["userIdentity"]},
    "log analytics": as_log_analytics,
    "log analytics, text": lambda record: as_log_analytics(record) | {"Identity": json.dumps(record["userIdentity"])},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(as_azure(record))},
}


@pytest.mark.parametrize("wrap", AZURES)
def test_azure_tells_the_same_by_other_names(load, wrap):
    bare, azure = load(EVERY_KIND), load([AZURES[wrap](record) for record in EVERY_KIND])
    assert azure.batch["loader"] == "databricks"
    assert bare.counts() == azure.counts()
    assert bare.ignored == azure.ignored
    assert {row["tenant"] for rows in azure.rows.values() for row in rows} == {RESOURCE.lower()}
    for row in [row for loaded in (bare, azure) for rows in loaded.rows.values() for row in rows]:
        row["tenant"] = row["grant_id"] = None  # a grant is one tenant's
    assert bare.rows == azure.rows


def test_a_record_of_an_event_hub_that_someone_published_is_read(load):
    """The shape of a tokenLogin in the tests of IBM Guardium's filter for Databricks on Azure, with other values."""
    sent = as_azure(event("tokenLogin", user=OWNER, tokenId="t1", authenticationMethod="API_INT_PAT_TOKEN"))
    row = load([sent]).one("usage")
    assert (row["subject_id"], row["outcome"], row["ip"]) == (OWNER, "success", "198.51.100.7")
    assert row["operation"] == "accounts.tokenLogin"


def test_an_address_is_kept_without_its_port(load):
    row = load([event("tokenLogin") | {"sourceIPAddress": "198.51.100.7:50412"}]).one("usage")
    assert row["ip"] == "198.51.100.7"


def test_what_a_notebook_or_job_does_by_itself_uses_no_token_of_a_person(load):
    inner, outer = (
        event("tokenLogin", id=method, user=OWNER, tokenId="t1", authenticationMethod=method)
        for method in ("API_INT_PAT_TOKEN", "API_EXT_PAT_TOKEN")
    )
    by_itself, by_token = load([inner, outer]).rows["usage"]
    assert (by_itself["token_id"], by_itself["client_id"], by_itself["subject_id"]) == (None, None, OWNER)
    assert (by_token["token_id"], by_token["client_id"], by_token["subject_id"]) == ("t1", OWNER, OWNER)


def test_an_app_that_shows_an_oauth_token_to_a_workspace_uses_it_as_one_at_the_account(load):
    account, workspace = load(
        [
            event(f"{plane}InHouseOAuthClientAuthentication", id=plane, user=OWNER, client_id="app-1")
            for plane in ("account", "workspace")
        ]
    ).rows["usage"]
    assert (workspace["client_id"], workspace["subject_id"], workspace["outcome"]) == ("app-1", OWNER, "success")
    assert workspace["operation"] == "accounts.workspaceInHouseOAuthClientAuthentication"
    assert (account["client_id"], account["subject_id"]) == ("app-1", OWNER)


@pytest.mark.parametrize("email", [None, "", "unknown"])
@pytest.mark.parametrize("shape", [lambda record: record, as_table])
def test_a_service_principal_without_an_address_is_known_by_its_name(load, shape, email):
    used = event("oidcTokenAuthorization", client_id=ROBOT)
    used["userIdentity"] = {"email": email, "subjectName": ROBOT}
    used = shape(used)
    if "user_identity" in used:
        used["user_identity"] = {"email": email, "subject_name": ROBOT}
    row = load([used]).one("usage")
    assert (row["client_id"], row["subject_id"]) == (ROBOT, ROBOT)


def test_unknown_is_nobody(load):
    assert load([event("oidcTokenAuthorization", who="unknown")]).one("usage")["subject_id"] is None


def test_azure_without_a_response_is_rejected_like_any_other(load):
    sent = as_azure(event("tokenLogin", status=None))
    assert [row["reason"] for row in load([sent]).rejected] == ["response.statusCode is missing"]


def test_the_time_of_delivery_is_kept_where_panther_tells_it(load):
    row = load([event("tokenLogin") | {"p_parse_time": "2026-07-01 10:02:00.000"}]).one("usage")
    assert row["received_at"] == datetime(2026, 7, 1, 10, 2, tzinfo=UTC)


@settings(max_examples=6)
@given(
    lists_of_damaged(
        [*EVERY_KIND, *map(as_table, EVERY_KIND), *map(WRAPS["stored"], EVERY_KIND), *map(as_azure, EVERY_KIND)]
    )
)
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "databricks")
