"""Event Log Objects of Salesforce against the log file's record of the same event, which is written out beside each."""

import json

import pytest
from hypothesis import given, settings

from grantlens.store import Store
from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_salesforce import as_csv, line, setup


def found(kind, *, seconds=0, **columns):
    """Write one row of an object, as an answer of the API has it."""
    return {
        "attributes": {"type": kind, "url": f"/services/data/v61.0/sobjects/{kind}/000"},
        "Timestamp": f"2026-07-01T10:00:{seconds:02}.250+0000",
        "RequestIdentifier": f"request {seconds}",
        "UserIdentifier": "005aB0000000Cde",
        "ClientIp": "192.0.2.7",
        "SessionKey": "session key",
        "LoginKey": "login key",
        **columns,
    }


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


# The object's row, and the log file's.
SAME = {
    "login": (
        found("LoginEventLog", LoginStatus="LOGIN_NO_ERROR", LoginType="i", LoginSubType="oauthcode", RequestStatus=None, Uri="/services/oauth2/token",
              RunTime=83.0, CpuTime=51.0, UserName="ada@example.com", Username="ada@example.com", BrowserType="Go-http-client/1.1", SourceIp="192.0.2.9"),
        line("Login", LOGIN_STATUS="LOGIN_NO_ERROR", LOGIN_TYPE="i", LOGIN_SUB_TYPE="oauthcode", REQUEST_STATUS="", URI="/services/oauth2/token",
             RUN_TIME="83", CPU_TIME="51", BROWSER_TYPE="Go-http-client/1.1", SOURCE_IP="192.0.2.9"),
    ),
    "logout": (
        found("LogoutEventLog", IsUserInitiatedLogout=True, AppType=1000.0),
        line("Logout", USER_INITIATED_LOGOUT="1", APP_TYPE="1000"),
    ),
    "revoked token": (
        found("LogoutEventLog", seconds=1, IsUserInitiatedLogout=False, AppType=2514.0),
        line("Logout", seconds=1, USER_INITIATED_LOGOUT="0", APP_TYPE="2514"),
    ),
    "timeout": (
        found("LogoutEventLog", seconds=2, IsUserInitiatedLogout=False, AppType=1000.0),
        line("Logout", seconds=2, USER_INITIATED_LOGOUT="0", APP_TYPE="1000"),
    ),
    "rest": (
        found("RestApiEventLog", Method="GET", Uri="/services/data/v61.0/query?q=x", StatusCode=200, ObjectName="Account", MediaType="json",
              RunTime=12000000.0, CpuTime=3.5, ResponseSize="3.5E8"),
        line("RestApi", METHOD="GET", URI="/services/data/v61.0/query?q=x", STATUS_CODE="200", ENTITY_NAME="Account", RUN_TIME="12000000", CPU_TIME="4",
             RESPONSE_SIZE="350000000"),
    ),
    "rest, denied": (
        found("RestApiEventLog", Method="GET", Uri="/x", StatusCode=401.0, MediaType="json"),
        line("RestApi", METHOD="GET", URI="/x", STATUS_CODE="401"),
    ),
    "soap": (
        found("SoapApiEventLog", ApiType="E", MethodName="query", ObjectName="Account", ExceptionMessage=None, ClientName="Loader"),
        line("API", METHOD_NAME="query", ENTITY_NAME="Account", EXCEPTION_MESSAGE="", CLIENT_NAME="Loader"),
    ),
    "apex soap": (
        found("ApexSoapApiEventLog", ClassName="Sync", MethodName="run", RequestStatus="A"),
        line("ApexSoap", METHOD_NAME="run", REQUEST_STATUS="A"),
    ),
    "bulk": (
        found("BulkApiEventLog", JobIdentifier="750aB0000000Job", BatchIdentifier="751aB0000000Bat", OperationType="query", ObjectType="Account",
              IsSuccess=False, FailureCount=1.0),
        line("BulkApi", JOB_ID="750aB0000000Job", BATCH_ID="751aB0000000Bat", OPERATION_TYPE="query", ENTITY_TYPE="Account", SUCCESS="0"),
    ),
    "bulk 2.0": (
        found("BulkApi2EventLog", JobIdentifier="750aB0000000Job", JobStatus="JobComplete", OperationType="query"),
        line("BulkApi2", JOB_ID="750aB0000000Job", JOB_STATUS="JobComplete", OPERATION_TYPE="query"),
    ),
    "bulk request": (
        found("BulkApiRequestEventLog", JobIdentifier="750aB0000000Job", ConcurrencyMode="Parallel", IsSuccess=True,
              ConnectedAppIdentifier="0H4aB0000000AppSAE"),
        line("BulkApiRequest", JOB_ID="750aB0000000Job", SUCCESS="true", CONNECTED_APP_ID="0H4aB0000000App", CONNECTED_APP_NAME=""),
    ),
    "all calls": (
        without(found("ApiTotalUsageEventLog", ApiFamily="REST", ApiResource="/v61.0/x", HttpMethod="GET", StatusCode=200, ObjectName="Account"),
                "SessionKey", "LoginKey"),
        line("ApiTotalUsage", API_RESOURCE="/v61.0/x", HTTP_METHOD="GET", STATUS_CODE="200", ENTITY_NAME="Account", SESSION_KEY=None, LOGIN_KEY=None),
    ),
}  # fmt: skip
NAMED_BY_ONE = {"line_no": 0, "subject_name": None}


def rows_of(loaded):
    return {log: [row | NAMED_BY_ONE for row in rows] for log, rows in loaded.rows.items()}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("form", ["answer", "lines", "csv"])
def test_an_event_is_what_its_log_file_says(load, name, form):
    row, record = SAME[name]
    bare = {name: "" if value is None else value for name, value in without(row, "attributes").items()}
    loaded = load({"answer": json.dumps({"done": True, "records": [row]}), "lines": [row], "csv": as_csv([bare])}[form])
    assert loaded.batch["loader"] == "salesforce"
    assert rows_of(loaded) == rows_of(load([record]))
    assert loaded.counts()["records"] == 1
    assert loaded.rejected == []


def test_an_event_read_both_ways_is_one(tmp_path):
    (tmp_path / "a.ndjson").write_text("\n".join(json.dumps(row) for row, _ in SAME.values()))
    (tmp_path / "b.ndjson").write_text("\n".join(json.dumps(record) for _, record in SAME.values()))
    with Store(":memory:") as store:
        store.load(tmp_path)
        batches = store.sql("SELECT duplicates, note FROM batch ORDER BY path").to_pylist()
    assert [batch["duplicates"] for batch in batches] == [0, len(SAME)]
    assert not any("differ" in (batch["note"] or "") for batch in batches)


def test_ids_of_18_characters_are_those_of_15(load):
    row, record = SAME["bulk"]
    longer = {
        "UserIdentifier": "005aB0000000CdeQAE",
        "JobIdentifier": "750aB0000000JobQAE",
        "BatchIdentifier": "751aB0000000BatQAE",
    }
    assert load([row | longer]).one("usage")["event_id"] == load([record]).one("usage")["event_id"]


def test_a_call_whose_app_the_object_knows_by_its_id_is_not_the_one_that_has_its_name(tmp_path):
    row, record = SAME["all calls"]
    row, record = (
        row | {"ConnectedAppIdentifier": "0H4aB0000000AppSAE"},
        record | {"CONNECTED_APP_NAME": "Nightly", "CONNECTED_APP_ID": "0H4aB0000000App"},
    )
    for name, each in (("a", row), ("b", record), ("c", row)):
        (tmp_path / f"{name}.ndjson").write_text(json.dumps(each))
    with Store(":memory:") as store:
        store.load(tmp_path)
        clients = store.sql("SELECT client_id FROM usage ORDER BY 1").to_pylist()
        notes = store.sql("SELECT DISTINCT note FROM batch").to_pylist()
    assert [row["client_id"] for row in clients] == ["0H4aB0000000AppSAE", "Nightly"]
    assert not any("differ" in (row["note"] or "") for row in notes)


@pytest.mark.parametrize(
    ("app", "client"),
    [
        ({"CONNECTED_APP_ID": "0H4aB0000000App"}, "0H4aB0000000AppSAE"),
        ({"CONNECTED_APP_ID": "0H4aB0000000AppSAE"}, "0H4aB0000000AppSAE"),
        ({"CONNECTED_APP_ID": "0H4aB0000000App", "CONNECTED_APP_NAME": ""}, "0H4aB0000000AppSAE"),
        ({"CONNECTED_APP_ID": "0H4aB0000000App", "CONNECTED_APP_NAME": "Nightly"}, "Nightly"),
        ({"CONNECTED_APP_ID": "", "CONNECTED_APP_NAME": ""}, None),
    ],
)
def test_an_app_without_a_name_has_its_id_in_one_form(load, app, client):
    assert load([line("RestApi", STATUS_CODE="200", **app)]).one("usage")["client_id"] == client


@pytest.mark.parametrize(
    ("told", "actors"),
    [
        ({"API_CLIENT_CATEGORY": "AGENTFORCE_AGENT", "BOT_IDENTIFIER": "0Xx1"}, ["0Xx1"]),
        ({"API_CLIENT_CATEGORY": "AGENTFORCE_AGENT", "BOT_IDENTIFIER": ""}, None),
        ({"API_CLIENT_CATEGORY": "SALESFORCE_HOSTED_MCP", "BOT_IDENTIFIER": "0Xx1"}, None),
        ({"BOT_IDENTIFIER": "0Xx1"}, None),
    ],
)
def test_an_agent_that_calls_is_the_actor(load, told, actors):
    assert load([line("ApiTotalUsage", STATUS_CODE="200", **told)]).one("usage")["actor_chain"] == actors


def test_an_apex_rest_call_has_the_name_of_the_method_as_its_operation(load):
    row = found("ApexRestApiEventLog", Method="sync", Uri="/services/apexrest/sync", MediaType="json", StatusCode=200)
    bare = load(as_csv([without(row, "attributes")])).one("usage")
    for used in (load([row]).one("usage"), bare):
        assert (used["operation"], used["method"], used["target"]) == ("sync", None, "/services/apexrest/sync")
    assert bare["event_id"] == load([row]).one("usage")["event_id"]


def test_objects_beside_other_records_are_all_read(load):
    loaded = load(
        [
            SAME["login"][0],
            SAME["rest"][0],
            found("LoginAsEventLog", seconds=1, DelegatedUserIdentifier="005aB0000000Xyz"),
            found("ReportEventLog", seconds=2),
            setup("deleteConnectedApplication", "Deleted Connected App Nightly"),
            line("RestApi", seconds=3, STATUS_CODE="200"),
            found("RestApiEventLog", seconds=4, StatusCode=200, Timestamp="soon"),
            found("RestApiEventLog", seconds=5),
        ]
    )
    assert loaded.counts() == {
        "records": 8, "issuance": 1, "usage": 2, "revocation": 1, "ignored": 2, "rejected": 2,
    }  # fmt: skip
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        7: "time cannot be read",
        8: "outcome: missing",
    }


def test_rows_that_no_column_tells_are_not_guessed(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(as_csv([without(found("RestApiEventLog", Uri="/x"), "attributes")]))
    with Store(":memory:") as store:
        assert store.load(path).failed


def test_an_object_shows_what_its_log_file_shows(covered):
    for name, (row, record) in SAME.items():
        assert whole(covered([row])) == whole(covered([record])), name
    assert whole(covered([SAME["all calls"][0]])) == ("usage",)


@settings(max_examples=4)
@given(lists_of_damaged([SAME["login"][0], SAME["rest"][0], SAME["timeout"][0], SAME["all calls"][0]]))
def test_a_damaged_object_never_raises_and_always_adds_up(load, records):
    assert_all_accounted_for(load, records, "salesforce")
