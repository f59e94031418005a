"""Tables of Microsoft Sentinel whose columns have names of their own: rows as the records of the API, however the table is saved."""

import csv
import io
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.loaders.console import as_event
from grantlens.loaders.siem import in_utc, is_chosen
from grantlens.store import Store
from tests.loaders import test_aws_cloudtrail, test_gcp_audit, test_okta, test_onelogin
from tests.loaders.damage import VALUES, assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_anthropic_compliance import activity as of_anthropic
from tests.loaders.test_anthropic_compliance import key
from tests.loaders.test_console_tables import ACTIVITIES, without
from tests.loaders.test_github import HASH, event, request, token_event
from tests.loaders.test_google_workspace import administer, as_panther

UNSAID = ("sourceIdentity", "credentialId")
TRAIL = [
    record
    for record in test_aws_cloudtrail.EVERY_KIND
    if "userIdentity" in record and not any(name in json.dumps(record["userIdentity"]) for name in UNSAID)
]
ENTRIES = [
    record | {"timestamp": "2026-07-01T10:00:00Z"} for record in test_gcp_audit.EVERY_KIND if "operation" not in record
]
GITHUB = [
    {name: value for name, value in record.items() if name not in ("@timestamp", "token_scopes", "status_code")}
    for record in (
        request(),
        event("repo.create"),
        token_event("personal_access_token.create", number=2, hashed_token=HASH),
        token_event("personal_access_token.destroy", number=3),
        event("integration_installation.create", number=4, integration="Reviewer", name="Reviewer"),
    )
]
ONELOGIN = [
    {name: value for name, value in test_onelogin.event(kind, number=kind, client=None).items() if name != "client_id"}
    for kind in (5, 13, 15, 16, 17)
]
ANTHROPIC = [
    of_anthropic("admin_api_key_created", number=1, admin_api_key_id="apikey_2", scopes=["org:admin"]),
    of_anthropic("service_key_revoked", number=2, service_key_id="apikey_3"),
    of_anthropic("compliance_api_accessed", number=3, actor=key(), request_method="GET", url="/v1/x", status_code=200),
    of_anthropic("org_user_deleted", number=4, user_id="user_9"),
    of_anthropic("claude_chat_viewed", number=5),
]


def as_trail(record):
    """Write a record of CloudTrail as its row."""
    who = record["userIdentity"]
    session = who.get("sessionContext", {})
    issuer = session.get("sessionIssuer", {})
    text = {
        name: json.dumps(record[field]) if record.get(field) is not None else ""
        for name, field in (
            ("RequestParameters", "requestParameters"),
            ("ResponseElements", "responseElements"),
            ("AdditionalEventData", "additionalEventData"),
            ("Resources", "resources"),
        )
    }
    return {
        "TimeGenerated": record["eventTime"],
        "AwsEventId": record["eventID"],
        "EventSource": record["eventSource"],
        "EventTypeName": record.get("eventType", ""),
        "EventName": record["eventName"],
        "UserIdentityType": who.get("type", ""),
        "UserIdentityPrincipalid": who.get("principalId", ""),
        "UserIdentityArn": who.get("arn", ""),
        "UserIdentityAccountId": who.get("accountId", ""),
        "UserIdentityInvokedBy": who.get("invokedBy", ""),
        "UserIdentityAccessKeyId": who.get("accessKeyId", ""),
        "UserIdentityUserName": who.get("userName", ""),
        "UserIdentityUserId": who.get("onBehalfOf", {}).get("userId", ""),
        "SessionCreationDate": session.get("attributes", {}).get("creationDate", ""),
        "SessionIssuerType": issuer.get("type", ""),
        "SessionIssuerArn": issuer.get("arn", ""),
        "SourceIpAddress": record.get("sourceIPAddress", ""),
        "UserAgent": record.get("userAgent", ""),
        "ErrorCode": record.get("errorCode", ""),
        "ErrorMessage": record.get("errorMessage", ""),
        "RecipientAccountId": record.get("recipientAccountId", ""),
        "Type": "AWSCloudTrail",
        **text,
    }


def as_okta(record):
    """Write an event of Okta as its row."""
    actor, outcome, transaction = record["actor"], record["outcome"], record.get("transaction") or {}
    return {
        "TimeGenerated": record["published"],
        "EventOriginalUid": record["uuid"],
        "EventOriginalType": record["eventType"],
        "LegacyEventType": record.get("legacyEventType") or "",
        "OriginalUserId": actor["id"],
        "OriginalUserType": actor["type"],
        "OriginalActorAlternateId": actor.get("alternateId") or "",
        "ActorDisplayName": actor.get("displayName") or "",
        "SrcIpAddr": record["client"].get("ipAddress") or "",
        "HttpUserAgent": (record["client"].get("userAgent") or {}).get("rawUserAgent") or "",
        "OriginalOutcomeResult": outcome["result"],
        "EventOriginalResultDetails": outcome.get("reason") or "",
        "OriginalTarget": json.dumps(record["target"]),
        "TransactionDetail": json.dumps(transaction.get("detail") or {}),
        "DebugData": json.dumps(record["debugContext"]["debugData"]),
        "ActorSessionId": (record.get("authenticationContext") or {}).get("externalSessionId") or "",
        "Type": "OktaV2_CL",
    }


def as_okta_columns(record):
    """Write an event of Okta as the older table has it: lists as text, objects as columns."""

    def columns(value, path):
        if isinstance(value, dict):
            return [each for name, inner in value.items() for each in columns(inner, [*path, name])]
        kind = "d" if isinstance(value, int) else "t" if path == ["published"] else "g" if path == ["uuid"] else "s"
        return [(f"{'_'.join(path)}_{kind}", json.dumps(value) if isinstance(value, list) else value)]

    return dict(columns(record, [])) | {"TimeGenerated": "2026-07-01T10:05:00Z", "Type": "Okta_CL"}


def as_report(record):
    """Write an event of Google Workspace as its row."""
    (flat,) = as_panther(record)
    return {
        "TimeGenerated": record["id"]["time"],
        "IdTime": record["id"]["time"],
        "IdApplicationName": flat["id"]["applicationName"],
        "IdUniqueQualifier": flat["id"]["uniqueQualifier"],
        "IdCustomerId": flat["id"]["customerId"],
        "ActorEmail": record["actor"]["email"],
        "SrcIpAddr": record["ipAddress"],
        "EventType": flat["type"],
        "EventName": flat["name"],
        "EventParameters": json.dumps(flat["parameters"]),
        "AppName": flat["parameters"].get("app_name", ""),
        "Type": "GoogleWorkspaceReports",
    }


def as_entry(record):
    """Write an entry of Google Cloud as its row."""
    payload = record["protoPayload"]
    objects = (
        "status",
        "authenticationInfo",
        "authorizationInfo",
        "requestMetadata",
        "request",
        "response",
        "metadata",
        "serviceData",
    )
    return {
        "TimeGenerated": record["receiveTimestamp"],
        "ServiceName": payload["serviceName"],
        "MethodName": payload["methodName"],
        "GCPResourceName": payload["resourceName"],
        **{name[0].upper() + name[1:]: json.dumps(payload[name]) if name in payload else "" for name in objects},
        "PrincipalEmail": payload["authenticationInfo"].get("principalEmail", ""),
        "LogName": record["logName"],
        "Timestamp": record["timestamp"],
        "ProjectId": record["resource"]["labels"]["project_id"],
        "Severity": record["severity"],
        "GCPResourceType": record["resource"]["type"],
        "InsertId": record["insertId"],
        "Type": "GCPAuditLogs",
    }


def as_whole_entry(record):
    """Write an entry as the newer table has it, the payload in one column."""
    return {
        "TimeGenerated": record["receiveTimestamp"],
        "InsertId": record["insertId"],
        "Resource": json.dumps(record["resource"]),
        "ProtoPayload": json.dumps(record["protoPayload"]),
        "LogName": record["logName"],
        "Severity": record["severity"],
        "Timestamp": record["timestamp"],
        "Type": "GCPAuditLogsV2_CL",
    }


def as_github(record):
    """Write an event of GitHub as its row; newer fields keep their names."""
    kept = ("user_programmatic_access_name", "route", "request_method")
    row = {
        name if name in kept else "".join(part.title() for part in name.split("_")): value
        for name, value in record.items()
    }
    numbers = {name: float(value) for name, value in row.items() if isinstance(value, int) and value is not True}
    return row | numbers | {"TimeGenerated": "2026-07-01T10:05:00Z", "Business": "", "Type": "GitHubAuditLogsV2_CL"}


def as_onelogin(record):
    """Write an event of OneLogin as its row, ids as numbers with a point."""
    names = {"id": "EventId", "created_at": "EventTimestamp"}
    cells = {
        names.get(name, "".join(part.title() for part in name.split("_"))): value for name, value in record.items()
    }
    numbers = {name: float(value) for name, value in cells.items() if name.endswith("Id") and value is not None}
    return cells | numbers | {"TimeGenerated": "2026-07-01T10:05:00Z", "RoleName": "", "Type": "OneLoginEventsV2_CL"}


def as_compliance(record):
    """Write an activity of Anthropic as its row."""
    names = {"id": "id_CF", "type": "type_CF"}
    row = {
        names.get(name, name): json.dumps(value) if isinstance(value, (dict, list)) else value
        for name, value in record.items()
    }
    return row | {"TimeGenerated": "2026-05-07T10:05:00Z", "claude_file_id": "", "Type": "BV_ClaudeCompliance_CL"}


TABLES = {
    "AWSCloudTrail": ("aws_cloudtrail", TRAIL, as_trail),
    "OktaV2_CL": ("okta", test_okta.EVERY_KIND, as_okta),
    "Okta_CL": ("okta", test_okta.EVERY_KIND, as_okta_columns),
    "GoogleWorkspaceReports": (
        "google_workspace",
        [*ACTIVITIES, administer("SUSPEND_USER", USER_EMAIL="gone@example.com")],
        as_report,
    ),
    "GCPAuditLogs": ("gcp_audit", ENTRIES, as_entry),
    "GCPAuditLogsV2_CL": ("gcp_audit", ENTRIES, as_whole_entry),
    "GitHubAuditLogsV2_CL": ("github", GITHUB, as_github),
    "OneLoginEventsV2_CL": ("onelogin", ONELOGIN, as_onelogin),
    "BV_ClaudeCompliance_ComplianceActivities_CL": ("anthropic_compliance", ANTHROPIC, as_compliance),
}
ADDED = ("received_at",)
"""When Sentinel took a record up, which the table tells beside it."""


def as_portal(rows, shown):
    """Write rows as the portal saves them: all of it text, and the times that the table has as times as the browser shows them."""

    def cell(name, value):
        timed = name in ("TimeGenerated", "Timestamp", "SessionCreationDate", "created_at", "published_t")
        return (f"{name} [UTC]", datetime.fromisoformat(value).strftime(shown)) if timed and value else (name, value)

    table = [dict(cell(*each) for each in row.items()) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in table for name in row)), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_the_records(load, table):
    loader, records, as_row = TABLES[table]
    plain, rows = load(records), load([as_row(each) for each in records])
    assert rows.batch["loader"] == loader
    assert (rows.counts(), rows.ignored) == (plain.counts(), plain.ignored)
    assert plain.rows["issuance"] or loader == "onelogin"
    assert plain.rows["revocation"]
    assert without(rows.rows, *ADDED) == without(plain.rows, *ADDED)


@pytest.mark.parametrize("shown", ["%m/%d/%Y, %I:%M:%S.000 %p", "%d/%m/%Y, %H:%M:%S.000"])
@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_the_portal_saves_is_read_as_it_stands(load, table, shown):
    """American text, and British: the day first, and 24 hours."""
    loader, records, as_row = TABLES[table]
    rows = [as_row(each) for each in records]
    plain, saved = load(rows), load(as_portal(rows, shown))
    assert (saved.batch["loader"], saved.counts()) == (loader, plain.counts())
    assert without(
        saved.rows, *ADDED, *(["issued_at", "used_at", "revoked_at"] if loader == "okta" else [])
    ) == without(plain.rows, *ADDED, *(["issued_at", "used_at", "revoked_at"] if loader == "okta" else []))


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("21/04/2026, 09:45:54.250", "2026-04-21T09:45:54.250Z"),
        ("01/07/2026, 22:12:29.690", "2026-07-01T22:12:29.690Z"),
        ("04/21/2026, 09:45:54.250", "04/21/2026, 09:45:54.250"),
        ("2026-04-21T09:45:54Z", "2026-04-21T09:45:54Z"),
    ],
)
def test_british_text_has_the_day_first(shown, read):
    assert in_utc({"TimeGenerated [UTC]": shown}) == {"TimeGenerated": read}


@pytest.mark.parametrize(
    ("table", "column"), [("AWSCloudTrail", "ErrorCode"), ("GCPAuditLogs", "Status"), ("GCPAuditLogs", "Timestamp")]
)
def test_a_table_without_its_errors_is_refused(tmp_path, table, column):
    _, records, as_row = TABLES[table]
    rows = [{name: value for name, value in as_row(record).items() if name != column} for record in records]
    (tmp_path / "saved.csv").write_text(as_portal(rows, "%d/%m/%Y, %H:%M:%S.000"))
    with Store(":memory:") as store:
        (failed,) = store.load(tmp_path / "saved.csv").failed
    assert f"{table} without {column}" in str(failed)


def test_of_an_object_that_was_cut_off_nothing_is_known(load):
    row, whole = as_entry(ENTRIES[1]), as_whole_entry(ENTRIES[1])
    loaded = load([row, row | {"InsertId": "cut", "Response": '{"name": "projects/p/serviceAcc'}])
    assert [each["token_id"] for each in loaded.rows["issuance"]] == [test_gcp_audit.KEY, None]
    loaded = load([*map(as_whole_entry, ENTRIES), whole | {"InsertId": "cut", "ProtoPayload": '{"methodName": "x'}])
    assert [each["reason"] for each in loaded.rejected] == ["methodName is missing"]


def test_a_request_that_was_cut_off_does_not_act_on_its_caller(load):
    row = as_trail(test_aws_cloudtrail.call("DeleteAccessKey", asked={"userName": "bob", "accessKeyId": "AKIANEW"}))
    loaded = load([row, row | {"AwsEventId": "cut", "RequestParameters": '{"userName": "bo'}])
    assert [(each["client_name"], each["token_id"]) for each in loaded.rows["revocation"]] == [
        ("bob", "AKIANEW"),
        (None, None),
    ]
    assert {each["client_id"] for each in loaded.rows["usage"]} == {loaded.rows["usage"][0]["client_id"]}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_shows_what_the_log_shows(table):
    _, records, as_row = TABLES[table]
    assert not any(is_chosen(as_row(each)) for each in records)


@pytest.mark.parametrize("table", TABLES)
def test_no_cell_raises(table):
    _, records, as_row = TABLES[table]
    row = as_row(records[0])
    for name in row:
        for value in VALUES:
            json.dumps(as_event(row | {name: value}))
    json.dumps(as_event(row | {"eventType_s": "a", "published_t": "b", "x_" * 9000 + "s": "c"}))


@settings(max_examples=4)
@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
def test_damaged_rows_never_raise_and_always_add_up(load, table, data):
    loader, records, as_row = TABLES[table]
    sound = [as_row(each) for each in records]
    assert_all_accounted_for(load, [*sound * 20, *data.draw(lists_of_damaged(sound))], loader)
