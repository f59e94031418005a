"""Tables that queries and pages save of the logs of others: rows as those of the API, nothing concluded from a choice, and little refused."""

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.loaders import loaders
from grantlens.loaders.console import as_event
from grantlens.loaders.console.athena import of_athena
from grantlens.loaders.siem import is_chosen
from grantlens.store import Store
from tests.loaders import test_aws_cloudtrail, test_gcp_audit, test_gitlab
from tests.loaders.conftest import read
from tests.loaders.damage import VALUES, assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_google_workspace import CLIENT, DRIVE, MAIL, activity, happening

TRAIL = [record for record in test_aws_cloudtrail.EVERY_KIND if "userIdentity" in record]
IDENTITY = (
    "type",
    "principalId",
    "arn",
    "accountId",
    "invokedBy",
    "accessKeyId",
    "userName",
    "onBehalfOf",
    "sessionContext",
)


def as_structure(value):
    """Write a value as Athena writes what is in a structure."""
    if isinstance(value, dict) and value:
        return "{" + ", ".join(f"{name.lower()}={as_structure(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_structure, value)) + "]"
    return value or "null"


def as_athena(record):
    """Write a record as a row of the table that AWS has people make."""
    identity = record["userIdentity"]
    ordered = {name: identity.get(name) for name in (*IDENTITY, *(identity.keys() - set(IDENTITY)))}
    row = {name.lower(): value for name, value in record.items()}
    for name in ("requestparameters", "responseelements", "additionaleventdata"):
        row[name] = "null" if row.get(name) is None else json.dumps(row[name])
    return row | {
        "useridentity": as_structure(ordered),
        "resources": as_structure(record.get("resources")),
        "errorcode": record.get("errorCode", ""),
        "errormessage": record.get("errorMessage", ""),
    }


def as_lake(record):
    """Write a record as CloudTrail Lake answers: the request is a structure of any names."""
    written = {name: as_structure(record[name]) for name in ("userIdentity", "requestParameters", "responseElements")}
    return record | written | {"eventTime": "2026-07-01 10:00:00.000", "errorCode": "", "errorMessage": ""}


def as_sink(record):
    """Write an entry of Cloud Logging as its row in BigQuery."""
    payload = {name: value for name, value in record["protoPayload"].items() if name != "@type"}
    for name in ("request", "response", "metadata"):
        if name in payload:
            payload[f"{name}Json"] = json.dumps(payload.pop(name))
    if "serviceData" in payload:
        payload["servicedata_v1_iam"] = payload.pop("serviceData")
    row = {name: value for name, value in record.items() if name != "protoPayload"}
    row["timestamp"] = row["timestamp"].replace("T", " ").replace("123456789Z", "123456 UTC")
    return row | {"protopayload_auditlog": payload | {"status": payload.get("status") or None}}


def as_activity_row(record):
    """Write an activity of one event as its row in BigQuery."""
    (event,) = record["events"]
    given = {}
    for each in event["parameters"]:
        if "multiMessageValue" in each:
            given[each["name"]] = [
                {part["name"]: part.get("value", part.get("multiValue")) for part in message["parameter"]}
                for message in each["multiMessageValue"]
            ]
        else:
            given[each["name"]] = each.get("value", each.get("multiValue", each.get("intValue")))
    application = record["id"]["applicationName"]
    return {
        "time_usec": "1782900000123456",
        "email": record["actor"]["email"],
        "ip_address": record["ipAddress"],
        "event_name": event["name"],
        "record_type": application,
        application: {"scope": [], "scope_data": []} | given,
    }


ACTIVITIES = [
    activity(happening("authorize", client_id=CLIENT, app_name="Nightly", scope=[MAIL, DRIVE], scope_data=[MAIL])),
    activity(
        happening("activity", client_id=CLIENT, api_name="drive", method_name="drive.files.get", num_response_bytes=12)
    ),
    activity(happening("deny", client_id=CLIENT, scope=[MAIL], rejection_type="SCOPE_BLOCK")),
    activity(happening("revoke", client_id=CLIENT, app_name="Nightly")),
]


def as_admin_row(record, event=None, **changes):
    """Write an activity of one event as the Admin console saves it; a call has no name."""
    (happened,) = record["events"]
    given = {
        each["name"]: each.get("value", each.get("multiValue", each.get("intValue"))) for each in happened["parameters"]
    }
    name = happened["name"]
    return {
        "Date": "2026-07-01T12:00:00.123+02:00",
        "App ID": given.get("client_id"),
        "App name": given.get("app_name", ""),
        "OAuth event": event or ("" if name == "activity" else name.title()),
        "Description": "Ada did this",
        "User": record["actor"]["email"],
        "Scope": ", ".join(given.get("scope", [])),
        "API name": given.get("api_name", ""),
        "Method": given.get("method_name", ""),
        "Number of response bytes": given.get("num_response_bytes", ""),
        "IP address": record["ipAddress"],
        **changes,
    }


ASKED_FOR = {
    "aws_cloudtrail": [*map(as_athena, TRAIL)],
    "gcp_audit": [*map(as_sink, test_gcp_audit.EVERY_KIND)],
    "google_workspace": [*map(as_activity_row, ACTIVITIES)],
}
KEPT = [each for each in ACTIVITIES if each["events"][0]["name"] != "deny"]
"""What the Admin console saves whole: how it writes why a consent was refused was not seen."""


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def loaded_csv(rows, **more):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.csv"
        path.write_text(as_csv(rows))
        return read(path, **more)


def error_of(rows):
    with tempfile.TemporaryDirectory() as folder, Store(":memory:") as store:
        path = Path(folder) / "saved.csv"
        path.write_text(as_csv(rows))
        (failed,) = store.load(path).failed
        return " ".join(map(str, failed))


def without(rows, *names):
    """Leave out where a row stood, and what a table cannot have."""
    left = ("line_no", *names)
    return {
        log: [{name: value for name, value in row.items() if name not in left} for row in of]
        for log, of in rows.items()
    }


def test_rows_of_athena_are_the_records_of_the_trail(load):
    plain, table = load(TRAIL), loaded_csv([*map(as_athena, TRAIL)])
    assert all(plain.rows.values())
    assert table.batch["loader"] == "aws_cloudtrail"
    assert (table.counts(), table.ignored) == (plain.counts(), plain.ignored)
    assert without(table.rows) == without(plain.rows)


def test_a_call_whose_request_cannot_be_read_does_not_act_on_its_caller(load):
    """To delete a key and name nobody is to delete one's own: what CloudTrail Lake writes of a request may name somebody."""
    bare = test_aws_cloudtrail.call("ListUsers", who=test_aws_cloudtrail.session())
    assert without(loaded_csv([as_lake(bare)]).rows) == without(load([bare]).rows)
    ended = test_aws_cloudtrail.call("DeleteAccessKey", asked={"userName": "bob", "accessKeyId": "AKIANEW"})
    listed = test_aws_cloudtrail.call("ListAccessKeys", asked={"userName": "bob"})
    loaded = loaded_csv([as_lake(ended), as_lake(listed)])
    assert loaded.one("revocation")["client_id"] is None
    assert [row["reason"] for row in loaded.rejected] == ["userIdentity or the request cannot be read"]


def test_rows_of_a_sink_are_the_entries(load):
    entries = test_gcp_audit.EVERY_KIND
    plain, table = load(entries), load([*map(as_sink, entries)])
    assert all(plain.rows.values())
    assert table.batch["loader"] == "gcp_audit"
    assert (table.counts(), table.ignored) == (plain.counts(), plain.ignored)
    assert table.rows == plain.rows  # event ids too


def test_rows_of_workspace_are_the_activities(load):
    plain, table = load(ACTIVITIES), load([*map(as_activity_row, ACTIVITIES)])
    assert all(plain.rows.values())
    assert table.batch["loader"] == "google_workspace"
    unsaid = ("event_id", "tenant", "grant_id")
    assert without(table.rows, *unsaid) == without(plain.rows, *unsaid)
    assert {row["tenant"] for row in table.rows["issuance"]} == {None}


def test_no_scopes_in_a_table_are_scopes_unknown(load):
    consent = as_activity_row(activity(happening("authorize", client_id=CLIENT)))
    assert load([consent]).one("issuance")["scopes"] is None


def test_what_workspace_calls_the_parameters_of_admins_is_not_guessed(load):
    """An app that is blocked, without its name, would be every app."""
    rows = [*map(as_activity_row, ACTIVITIES)]
    admin = rows[0] | {"record_type": "admin", "event_name": "ADD_TO_BLOCKED_OAUTH2_APPS", "admin": {"a": "b"}}
    other = rows[0] | {"record_type": "drive", "event_name": "view", "drive": {"doc_id": "b"}}
    loaded = load([*rows, admin, other])
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [(5, "activity without events")]
    assert loaded.ignored == {"other application than token and admin": 1}


def test_rows_of_the_admin_console_are_the_activities(load):
    plain, table = load(KEPT), loaded_csv([*map(as_admin_row, KEPT)])
    assert all(plain.rows.values())
    assert table.batch["loader"] == "google_workspace"
    unsaid = ("event_id", "tenant", "grant_id")
    assert without(table.rows, *unsaid) == without(plain.rows, *unsaid)
    assert all(is_chosen(as_admin_row(each)) for each in KEPT)


def test_a_row_of_the_admin_console_with_a_time_or_an_event_of_its_own_is_rejected():
    """A time without its zone is that of whoever saved the table."""
    sound = [*map(as_admin_row, KEPT)]
    odd = [
        as_admin_row(KEPT[0], Date="2026-07-01T12:00:00"),
        as_admin_row(KEPT[0], Date="Jul 1, 2026, 12:00:00 PM"),
        as_admin_row(KEPT[0], "Something"),
    ]
    loaded = loaded_csv([*sound, *odd])
    assert [row["reason"] for row in loaded.rejected] == ["id.time is no time"] * 2 + ["event without a name"]


def as_gitlab_row(record):
    """Write an audit event as GitLab's page saves it: what was done in words, and a time without its zone."""
    details = record["details"]
    return {
        "ID": record["id"],
        "Author ID": record["author_id"],
        "Author Name": record["author_name"],
        "Entity ID": record["entity_id"],
        "Entity Type": record["entity_type"],
        "Entity Path": record["entity_path"],
        "Target ID": details["target_id"],
        "Target Type": details["target_type"],
        "Target Details": details["target_details"],
        "Action": details["custom_message"],
        "IP Address": details["ip_address"],
        "Created At (UTC)": "2026-07-01 10:00:00",
    }


def test_rows_of_the_audit_events_that_gitlab_saves_are_the_events(load):
    told = [
        record | {"created_at": "2026-07-01T10:00:00Z"}
        for record in test_gitlab.EVERY_KIND
        if test_gitlab.untyped(record)
    ]
    plain, table = load(told), loaded_csv([*map(as_gitlab_row, told)])
    assert plain.rows["issuance"]
    assert plain.rows["revocation"]
    assert table.batch["loader"] == "gitlab"
    # of a consent the table names the application by its target, and no scopes
    unsaid = ("scopes", "grant_id", "reason", "initiator")
    assert without(table.rows, *unsaid) == without(plain.rows, *unsaid)
    assert all(is_chosen(as_gitlab_row(each)) for each in told)


def test_a_row_of_gitlab_with_a_sign_in_or_a_time_of_its_own():
    (row,) = map(as_gitlab_row, test_gitlab.EVERY_KIND[:1])
    sign_in = row | {"ID": "s", "Action": "Signed in with STANDARD authentication"}
    loaded = loaded_csv([row, sign_in, row | {"ID": "t", "Created At (UTC)": "Jul 1, 2026 10:00"}])
    assert loaded.ignored == {"sign-in of a person": 1}
    assert [each["line_no"] for each in loaded.rejected] == [4]


@pytest.mark.parametrize("loader", ASKED_FOR)
def test_what_a_query_did_not_ask_for_is_not_said_to_be_missing(loader):
    assert loaders()[loader].carries
    assert all(map(is_chosen, ASKED_FOR[loader]))


@pytest.mark.parametrize(
    ("row", "what", "instead"),
    [
        (
            {
                "Username": "a@x.example",
                "Login Time": "7/1/2026",
                "Source IP": "192.0.2.7",
                "Login Type": "Remote Access 2.0",
            },
            "login history",
            "FROM LoginHistory",
        ),
        (
            dict.fromkeys(("Date", "User", "Source Namespace Prefix", "Action", "Section", "Delegate User"), "x"),
            "setup audit trail",
            "FROM SetupAuditTrail",
        ),
        (
            dict.fromkeys(("User name", "AWS access key", "Event time", "Event source", "Event name"), "x"),
            "event history of CloudTrail",
            "as JSON",
        ),
        (
            {name: value for name, value in as_athena(TRAIL[0]).items() if name != "errorcode"},
            "without errorcode",
            "SELECT *",
        ),
    ],
)
def test_a_table_that_holds_too_little_is_refused_with_what_to_fetch_instead(row, what, instead):
    told = error_of([row])
    assert what in told
    assert instead in told


def test_a_name_cannot_write_itself_another_identity(load):
    row = as_athena(test_aws_cloudtrail.call("ListUsers"))
    forged = row["useridentity"].replace("username=ada", "username=ada, accesskeyid=AKIAOTHER")
    cut = row["useridentity"][:-9]
    saml = "{type=SAMLUser, principalid=x, username=a, onbehalfof={userid=victim}, accesskeyid=AKIAOTHER}"
    loaded = load([row, row | {"useridentity": forged}, row | {"useridentity": cut}, row | {"useridentity": saml}])
    assert loaded.counts() == {"records": 4, "usage": 1, "ignored": 1, "rejected": 2}
    assert {row["reason"] for row in loaded.rejected} == {"userIdentity or the request cannot be read"}


def test_an_identity_whose_type_is_no_text_is_not_read(load):
    row = as_athena(test_aws_cloudtrail.call("ListUsers"))
    loaded = load([row, row | {"useridentity": '{"type": ["IAMUser"], "userName": "ada"}'}])
    assert loaded.counts()["records"] == 2


@given(st.text("{}[],= abtype", max_size=40), st.sampled_from(["useridentity", "resources", "requestparameters"]))
def test_no_text_of_a_structure_raises(text, column):
    event = of_athena({"eventname": "a", "useridentity": "{type=IAMUser}", column: text})
    json.dumps(event)


@pytest.mark.parametrize(
    "row", [*(rows[0] for rows in ASKED_FOR.values()), as_admin_row(ACTIVITIES[0]), as_gitlab_row(test_gitlab.CONSENT)]
)
def test_no_cell_of_a_table_raises(row):
    for name in row:
        for value in VALUES:
            json.dumps(as_event(row | {name: value}))


@settings(max_examples=4)
@pytest.mark.parametrize("loader", ASKED_FOR)
@given(data=st.data())
def test_damaged_rows_never_raise_and_always_add_up(load, loader, data):
    sound = ASKED_FOR[loader] + [as_admin_row(each) for each in KEPT if loader == "google_workspace"]
    assert_all_accounted_for(load, [*sound * 20, *data.draw(lists_of_damaged(sound))], loader)
