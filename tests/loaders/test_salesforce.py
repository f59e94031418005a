"""The Salesforce loader against every real record of its three streams, and quirk by quirk."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens.store import Store
from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

EXPECTED = {
    "elastic-eventlogfile-login.json": ({"records": 1, "issuance": 1}, {}),
    "elastic-loginevent-stream.json": ({"records": 1, "issuance": 1}, {}),
    "elastic-setupaudittrail.json": ({"records": 1, "issuance": 1}, {}),
    "grove-eventlogfile-index.json": ({"records": 1, "ignored": 1}, {"list of log files": 1}),
    "grove-eventlogfile-login.csv": ({"records": 2, "issuance": 2}, {}),
}
START = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def moment(seconds=0, milliseconds=0):
    return START + timedelta(seconds=seconds, milliseconds=milliseconds)


def line(kind, *, seconds=0, **changes):
    """Write one record of an event log file, as JSON has it; a change of None leaves the column out."""
    record = {
        "EVENT_TYPE": kind,
        "TIMESTAMP": f"{moment(seconds):%Y%m%d%H%M%S}.250",
        "TIMESTAMP_DERIVED": f"{moment(seconds):%Y-%m-%dT%H:%M:%S}.250Z",
        "REQUEST_ID": f"request {seconds}",
        "ORGANIZATION_ID": "00D000000000001",
        "USER_ID": "005aB0000000Cde",
        "SESSION_KEY": "session key",
        "LOGIN_KEY": "login key",
        "CLIENT_IP": "192.0.2.7",
        "USER_NAME": "ada@example.com",
        **changes,
    }
    return {name: value for name, value in record.items() if value is not None}


def login(**changes):
    return line("Login", **({"LOGIN_STATUS": "LOGIN_NO_ERROR", "REQUEST_STATUS": "", "URI": "Api"} | changes))


def stream(**changes):
    """Write one LoginEvent of the stream."""
    record = {
        "EventIdentifier": "event 1",
        "EventDate": "2026-07-01T10:00:00.250Z",
        "CreatedDate": "2026-07-01T10:00:08Z",
        "LoginType": "Remote Access 2.0",
        "Application": "Nightly",
        "LoginKey": "login key",
        "SessionKey": "session key",
        "Status": "Success",
        "PolicyOutcome": "Notified",
        "UserId": "005aB0000000CdeQAE",
        "Username": "ada@example.com",
        "SourceIp": "192.0.2.7",
        "Browser": "Unknown",
    }
    return record | changes


def setup(action, display="", *, number=1, **changes):
    """Write one record of the setup audit trail."""
    return {
        "attributes": {"type": "SetupAuditTrail"},
        "Id": f"0Ym {number}",
        "Action": action,
        "CreatedById": "005aB0000000CdeQAE",
        "CreatedDate": "2026-07-01T10:00:00.000+0000",
        "Display": display,
        "Section": "Connected Apps",
        "DelegateUser": None,
        **changes,
    }


def as_csv(records):
    """Write records as Salesforce writes a log file: every value quoted."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


@pytest.fixture(scope="module")
def real(shared, load_file):
    return cache(lambda name: load_file(shared / "real-logs/salesforce" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "salesforce"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/salesforce").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_log_file_read_twice(real, shared):
    text = (shared / "real-logs/salesforce/grove-eventlogfile-login.csv").read_text()
    for record, row in zip(
        csv.DictReader(io.StringIO(text)), real("grove-eventlogfile-login.csv").rows["issuance"], strict=True
    ):
        assert row["issued_at"] == datetime.fromisoformat(record["TIMESTAMP_DERIVED"])
        assert (row["token_id"], row["session_id"]) == (record["SESSION_KEY"], record["LOGIN_KEY"])
        assert (row["subject_id"], row["tenant"]) == (record["USER_ID_DERIVED"], None)
        assert (row["outcome"], row["token_kind"], row["client_id"]) == ("success", "session", None)


def test_real_short_user_id_is_the_long_one(real, load, shared):
    """Salesforce wrote both forms of one id: the long one must follow from the short one."""
    record = json.loads((shared / "real-logs/salesforce/elastic-eventlogfile-login.json").read_text())
    short = load([{name: value for name, value in record.items() if name != "USER_ID_DERIVED"}]).one("issuance")
    assert short["subject_id"] == record["USER_ID_DERIVED"] != record["USER_ID"]
    assert real("elastic-eventlogfile-login.json").one("issuance")["subject_id"] == record["USER_ID_DERIVED"]


def test_real_stream_login_read_twice(real, shared):
    record = json.loads((shared / "real-logs/salesforce/elastic-loginevent-stream.json").read_text())
    row = real("elastic-loginevent-stream.json").one("issuance")
    assert (row["event_id"], row["token_id"], row["session_id"]) == (
        record["EventIdentifier"],
        record["SessionKey"],
        record["LoginKey"],
    )
    assert row["issued_at"] == datetime.fromisoformat(record["EventDate"])
    assert row["received_at"] == datetime.fromisoformat(record["CreatedDate"])
    assert (row["client_id"], row["subject_id"]) == (record["Application"], record["UserId"])
    assert (row["token_kind"], row["outcome"]) == ("access", "success")


def test_real_setup_action_whose_text_names_no_app_guesses_none(real):
    row = real("elastic-setupaudittrail.json").one("issuance")
    assert (row["kind"], row["client_id"], row["consent_kind"]) == ("consent", None, "admin")


def test_both_ways_to_write_the_time(load):
    loaded = load(
        [
            login(),
            login(seconds=1, TIMESTAMP_DERIVED=None),
            login(seconds=2, TIMESTAMP_DERIVED="", TIMESTAMP="20260701100002.1"),
        ]
    )
    assert [row["issued_at"] for row in loaded.rows["issuance"]] == [moment(0, 250), moment(1, 250), moment(2, 100)]


def test_csv_and_json_are_the_same_events(load):
    records = [login(), login(seconds=5, SESSION_KEY=""), line("Logout", seconds=9, USER_INITIATED_LOGOUT="1")]
    by_json = load(records[:2]).rows["issuance"]
    by_csv = load(as_csv(records[:2])).rows["issuance"]
    assert [row | {"line_no": 0} for row in by_csv] == [row | {"line_no": 0} for row in by_json]
    assert [row["token_id"] for row in by_csv] == ["session key", None]
    assert load(records + records).batch["duplicates"] == len(records)


def test_names_of_columns_in_lower_case_are_the_same_events(load):
    records = [
        login(),
        line("RestApi", seconds=5, METHOD="GET", URI="/services/data", STATUS_CODE="200"),
        line("Logout", seconds=9, USER_INITIATED_LOGOUT="1"),
        line("LightningPageView", seconds=10),
    ]
    upper = load(records)
    lower = load([{name.lower(): value for name, value in record.items()} for record in records])
    assert lower.counts() == {"records": 4, "issuance": 1, "usage": 1, "revocation": 1, "ignored": 1}
    assert lower.rows == upper.rows


def test_a_login_at_the_token_endpoint_opens_an_access_token(load):
    loaded = load([login(URI="/services/oauth2/token"), login(seconds=1, URI="/index.jsp")])
    assert [row["token_kind"] for row in loaded.rows["issuance"]] == ["access", "session"]


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, "success", None),
        ({"LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD", "REQUEST_STATUS": "Success"}, "denied", "subject"),
        ({"LOGIN_STATUS": "LOGIN_ERROR_EXPORT_RESTRICTED"}, "denied", "policy"),
        ({"LOGIN_STATUS": "LOGIN_ERROR_LOGINS_EXCEEDED"}, "denied", "rate"),
        ({"LOGIN_STATUS": "LOGIN_ERROR_SOMETHING_NEW"}, "denied", "other"),
        ({"LOGIN_STATUS": "", "REQUEST_STATUS": "S"}, "success", None),
        ({"LOGIN_STATUS": None, "REQUEST_STATUS": "F"}, "denied", None),
    ],
)
def test_outcome_of_a_login(load, changes, outcome, reason):
    row = load([login(**changes)]).one("issuance")
    assert (row["outcome"], row["denial_reason"]) == (outcome, reason)
    assert (row["token_id"] is None) == (outcome != "success"), "a login that failed gave no session"


@pytest.mark.parametrize(
    ("changes", "outcome", "reason", "client"),
    [
        ({}, "success", None, "Nightly"),
        ({"Status": "Invalid Password"}, "denied", None, "Nightly"),
        ({"PolicyOutcome": "Block"}, "denied", "policy", "Nightly"),
        ({"LoginType": "Application", "Application": "Browser"}, "success", None, None),
    ],
)
def test_stream_logins(load, changes, outcome, reason, client):
    row = load([stream(**changes)]).one("issuance")
    assert (row["outcome"], row["denial_reason"], row["client_id"]) == (outcome, reason, client)


@pytest.mark.parametrize(
    ("kind", "changes", "outcome", "denial"),
    [
        ("RestApi", {"STATUS_CODE": "200"}, "success", None),
        ("RestApi", {"STATUS_CODE": "401"}, "denied", "token"),
        ("RestApi", {"STATUS_CODE": "403"}, "denied", "other"),
        ("ApiTotalUsage", {"STATUS_CODE": "500"}, "error", None),
        ("API", {}, "success", None),
        ("API", {"EXCEPTION_MESSAGE": "INVALID_FIELD"}, "error", None),
        ("BulkApi", {"SUCCESS": "1"}, "success", None),
        ("BulkApi", {"SUCCESS": "0"}, "error", None),
        ("ApexRestApi", {"REQUEST_STATUS": "A"}, "denied", None),
    ],
)
def test_outcome_of_a_call(load, kind, changes, outcome, denial):
    row = load([line(kind, **changes)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == (outcome, denial)


def test_call(load):
    row = load(
        [
            line(
                "RestApi",
                STATUS_CODE="200",
                METHOD="get",
                URI="/services/data/v64.0/query?q=SELECT",
                CONNECTED_APP_ID="0H4000000000001",
                CONNECTED_APP_NAME="Nightly",
                ENTITY_NAME="Account",
                USER_AGENT="agent/1.0",
            )
        ]
    ).one("usage")
    assert (row["method"], row["target"], row["status"]) == ("GET", "/services/data/v64.0/query", 200)
    assert (row["client_id"], row["resource_id"], row["user_agent"]) == ("Nightly", "Account", "agent/1.0")
    assert (row["token_id"], row["session_id"]) == ("session key", "login key")
    assert row["subject_id"] == "005aB0000000CdeQAE"


@pytest.mark.parametrize(("size", "told"), [("52000", 52000), ("", None), ("-1", None), ("much", None)])
def test_how_much_a_call_returned_is_told(load, size, told):
    assert load([line("RestApi", STATUS_CODE="200", RESPONSE_SIZE=size)]).one("usage")["response_bytes"] == told


def test_call_of_an_app_without_a_name_has_its_id(load):
    assert load([line("RestApi", STATUS_CODE="200", CONNECTED_APP_ID="0H4")]).one("usage")["client_id"] == "0H4"


def test_login_call_and_logout_meet(tmp_path):
    """A call after the logout of its session is found, by SESSION_KEY and LOGIN_KEY alone."""
    records = {
        "login": [login(SESSION_KEY="key A")],
        "call": [line("RestApi", seconds=s, STATUS_CODE="200", SESSION_KEY="key A", URI="/x") for s in (10, 90)],
        "logout": [line("Logout", seconds=30, SESSION_KEY="", USER_INITIATED_LOGOUT="1")],
    }
    with Store(":memory:") as store:
        for name, lines in records.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(as_csv(lines))
            store.load(path)
        covered = store.sql("SELECT token_id, target_kind FROM covered_token").to_pylist()
        after = store.sql(
            "SELECT u.used_at FROM usage u JOIN covered_token c USING (source, token_id) WHERE u.used_at > c.revoked_at"
        ).to_pylist()
    assert covered == [{"token_id": "key A", "target_kind": "session"}]
    assert after == [{"used_at": moment(90, 250)}]


def test_calls_of_an_app_join_its_login_and_its_end_though_only_log_files_name_the_organisation(tmp_path):
    logs = {
        "login.ndjson": json.dumps(stream()),
        "end.ndjson": json.dumps(setup("deleteConnectedApplication", "Deleted Connected App Nightly", CreatedDate="2026-07-01T11:00:00.000+0000")),
        "calls.csv": as_csv([line("ApiTotalUsage", seconds=s, STATUS_CODE="200", CONNECTED_APP_NAME="Nightly", SESSION_KEY="", LOGIN_KEY="", API_RESOURCE="/x")
                             for s in (60, 7200)]),
    }  # fmt: skip
    with Store(":memory:") as store:
        for name, text in logs.items():
            (tmp_path / name).write_text(text)
        store.load(tmp_path)
        attributed = store.engine.value("SELECT count(*) FROM caller_segment WHERE join_key = 'client_subject'")
        (used,) = [finding for part in gl.detect.run(store, ["REV-1"]) for finding in part.to_dicts()]
    assert attributed
    assert (used["client_id"], used["join_key"]) == ("Nightly", "client_subject")


@pytest.mark.parametrize(("flag", "kind", "initiator"), [("1", "revoke", "user"), ("0", "expiry", "system")])
def test_logout_or_timeout(load, flag, kind, initiator):
    row = load([line("Logout", USER_INITIATED_LOGOUT=flag)]).one("revocation")
    assert (row["kind"], row["initiator"], row["target_kind"]) == (kind, initiator, "session")
    assert row["session_id"] == "login key"


def test_a_logout_of_an_oauth_session_may_be_a_revoked_token_and_one_without_a_user_is_of_many(load):
    oauth = line("Logout", USER_INITIATED_LOGOUT="0", APP_TYPE="2514")
    many = line(
        "Logout", seconds=1, USER_INITIATED_LOGOUT="0", USER_ID="", SESSION_KEY="", LOGIN_KEY="", USER_NAME=None
    )
    one, batch = load([oauth, many]).rows["revocation"]
    assert (one["kind"], one["initiator"], one["actor_id"], one["session_id"]) == ("revoke", None, None, "login key")
    assert one["reason"] == "Logout: revoked or timed out"
    assert (batch["kind"], batch["target_kind"], batch["initiator"]) == ("revoke", "session", None)
    assert (batch["token_id"], batch["session_id"], batch["subject_id"]) == (None, None, None)
    assert batch["reason"] == "Logout: several sessions at once"


def ended(**changes):
    """Write one logout of the stream: it has no type."""
    names = ("EventIdentifier", "EventDate", "CreatedDate", "LoginKey", "SessionKey", "UserId", "Username", "SourceIp")
    return {name: value for name, value in stream().items() if name in names} | {"SessionLevel": "STANDARD"} | changes


@pytest.mark.parametrize("named", [{}, {"attributes": {"type": "LogoutEvent"}}])
def test_logout_of_the_stream(load, named):
    row = load([ended(**named)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["session_id"]) == ("revoke", "session", "login key")
    assert (row["event_id"], row["reason"], row["initiator"]) == ("event 1", "LogoutEvent", None)


@pytest.mark.parametrize(
    "other",
    [
        "Score",
        "RecordId",
        "FileAction",
        "QueriedEntities",
        "Query",
        "EvaluationTime",
        "RequestUri",
        "VerificationMethod",
    ],
)
def test_other_events_of_the_stream_are_no_logout(load, other):
    assert load([ended(**{other: "x"})]).ignored == {"event that is neither login nor call of the API": 1}


@pytest.mark.parametrize(
    ("policy", "outcome", "denial"), [("Notified", "success", None), ("Block", "denied", "policy")]
)
def test_call_of_the_stream(load, policy, outcome, denial):
    call = {"ApiType": "REST", "Operation": "Query", "QueriedEntities": "Contact", "Application": "Nightly"}
    row = load([ended(**call, PolicyOutcome=policy, Query="SELECT Name FROM Contact")]).one("usage")
    assert (row["outcome"], row["denial_reason"], row["operation"]) == (outcome, denial, "Query")
    assert (row["client_id"], row["resource_id"], row["token_id"]) == ("Nightly", "Contact", "session key")


def test_events_as_the_stream_delivers_them_are_the_same(load):
    call = {"ApiType": "REST", "Operation": "Query", "QueriedEntities": "Contact"}
    events = {
        "LoginEventStream": stream(),
        "LogoutEventStream": ended(EventIdentifier="event 2"),
        "ApiEventStream": ended(EventIdentifier="event 3", **call),
        "BulkApiResultEvent": ended(EventIdentifier="event 4"),
        "ReportEventStream": ended(EventIdentifier="event 5", Operation="ReportExported"),
    }
    delivered = [
        {"channel": f"/event/{kind}", "data": {"schema": "s", "payload": event, "event": {"replayId": 7}}}
        for kind, event in events.items()
    ]
    bare = load([event | {"attributes": {"type": kind}} for kind, event in events.items()])
    got = load(delivered)
    assert got.counts() == {"records": 5, "issuance": 1, "usage": 2, "revocation": 1, "ignored": 1}
    assert (got.rows, got.ignored) == (bare.rows, bare.ignored)


@pytest.mark.parametrize("none", ["N/A", ""])
def test_no_application_is_no_client_and_no_address_none(load, none):
    call = {"ApiType": "REST", "Operation": "Query", "Application": none}
    by_id, by_none = load([ended(**call, ConnectedAppId="0H4x"), ended(**call, EventIdentifier="event 2")]).rows[
        "usage"
    ]
    assert [(row["client_id"], row["client_name"]) for row in (by_id, by_none)] == [("0H4x", None), (None, None)]
    inside = "Salesforce.com IP"
    known, unknown = load([login(CLIENT_IP=inside, SOURCE_IP="192.0.2.9"), login(seconds=1, CLIENT_IP=inside)]).rows[
        "issuance"
    ]
    assert (known["ip"], unknown["ip"]) == ("192.0.2.9", None)


@pytest.mark.parametrize(
    ("action", "display", "log", "kind", "client"),
    [
        ("insertConnectedApplication", "Installed Connected App My App to Salesforce", "issuance", "consent", "My App"),
        (
            "unblockConnectedApplication",
            "Unblocked Connected App My App to Salesforce",
            "revocation",
            "enable",
            "My App",
        ),
        ("insertApplication", "Created Connected App My App", "issuance", "consent", "My App"),
        ("insertApplication", "Created Connected App Sync to Salesforce", "issuance", "consent", "Sync to Salesforce"),
        (
            "insertConnectedApplication",
            "Installed Connected App Sync to Salesforce to Salesforce",
            "issuance",
            "consent",
            "Sync to Salesforce",
        ),
        (
            "deleteConnectedApplication",
            "Uninstalled Connected App Sync to Salesforce",
            "revocation",
            "revoke",
            "Sync to Salesforce",
        ),
        ("deleteConnectedApplication", "Uninstalled Connected App My App", "revocation", "revoke", "My App"),
        ("deleteApplication", "Deleted Connected App My App", "revocation", "disable", "My App"),
        ("blockConnectedApplication", "Blocked Connected App My App", "revocation", "disable", "My App"),
        ("deleteApplication", "Something else", "revocation", "disable", None),
    ],
)
def test_setup_actions(load, action, display, log, kind, client):
    row = load([setup(action, display)]).one(log)
    assert (row["kind"], row["client_id"]) == (kind, client)


def test_who_had_logged_in_as_another_user_is_who_changed_the_setup(load):
    made, deleted = (
        setup("insertApplication", "Created Connected App A", number=1),
        setup("deleteApplication", "Deleted Connected App A", number=2),
    )
    mine = load([made, deleted | {"DelegateUser": ""}])
    assert (mine.one("issuance")["consent_actor"], mine.one("revocation")["actor_id"]) == (made["CreatedById"],) * 2
    theirs = load([each | {"DelegateUser": "root@example.com"} for each in (made, deleted)])
    assert (theirs.one("issuance")["consent_actor"], theirs.one("revocation")["actor_id"]) == ("root@example.com",) * 2


@pytest.mark.parametrize(
    "record",
    [
        setup("suOrgAdminLogin", "Logged in using Login-As access for Ada Byron"),
        setup("suOrgAdminLogout", "Logged out using Login-As access for Ada Byron"),
        setup("suLogout", "Logged out using Login-As access for Ada Byron"),
        setup("suloginaccessused", "Logged in using Login-As access for Ada Byron"),
        line("LoginAs", DELEGATED_USER_ID="005aB0000000Xyz"),
        stream(attributes={"type": "LoginAsEvent"}, DelegatedUsername="root@example.com"),
        stream(DelegatedUsername="root@example.com"),
    ],
)
def test_a_login_as_another_user_is_ignored_under_a_name_of_its_own(load, record):
    assert load([record]).ignored == {"somebody logged in as another user, or out again": 1}


def test_an_app_that_was_deleted_and_made_again_may_get_tokens(tmp_path):
    """REV-2 asks who got a token after its client was disabled."""
    import grantlens as gl

    deleted = setup("deleteApplication", "Deleted Connected App Nightly", CreatedDate="2026-07-01T08:00:00.000+0000")
    made = setup(
        "insertApplication", "Created Connected App Nightly", number=2, CreatedDate="2026-07-01T09:00:00.000+0000"
    )
    told = []
    for number, changes in enumerate(([deleted], [deleted, made])):
        paths = [tmp_path / f"{number}-setup.ndjson", tmp_path / f"{number}-login.ndjson"]
        for path, records in zip(paths, (changes, [stream()]), strict=True):
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
        with gl.Store(":memory:") as store:
            store.load(*paths)
            told.append([finding["client_id"] for finding in gl.detect.run(store, "REV-2")[0].to_dicts()])
    assert told == [["Nightly"], []]


def test_a_user_whom_an_app_may_act_for_by_client_credentials_is_a_consent(load):
    app = "Nightly (UserID: [005aB0000000CdeQAE]) to app Other (AppID: [0H4000000000001])"
    ends = " (UserID: [005790000024p8r]) to app "
    told, tricked, unread = load(
        [
            setup("addOauthClientCredentialUser", display, number=number)
            for number, display in enumerate(
                (
                    f"Assigned OAuth client credentials user run@example.com{ends}Nightly (AppID: [0H479000000CcUh])",
                    f"Assigned OAuth client credentials user run@example.com{ends}{app} (AppID: [0H479000000CcUh])",
                    "Assigned OAuth client credentials user run@example.com",
                )
            )
        ]
    ).rows["issuance"]
    names = (
        "kind",
        "outcome",
        "grant_type",
        "client_id",
        "subject_id",
        "subject_kind",
        "consent_actor",
        "consent_kind",
    )
    assert tuple(told[name] for name in names) == (
        "consent",
        "success",
        "client_credentials",
        "Nightly",
        "005790000024p8rAAA",
        "user",
        "005aB0000000CdeQAE",
        "admin",
    )
    assert (tricked["client_id"], tricked["subject_id"]) == (app, "005790000024p8rAAA")
    assert (unread["client_id"], unread["subject_id"]) == (None, None)


def test_scopes_of_an_app_changed(load):
    display = "Changed connected app My App scopes from null to full, refresh_token"
    row = load([setup("changeOauthDefaultScope", display)]).one("issuance")
    assert (row["kind"], row["client_id"], row["scopes"]) == ("change", "My App", ["full", "refresh_token"])
    none = load([setup("changeOauthDefaultScope", "Changed connected app My App scopes from full to null")]).one(
        "issuance"
    )
    untold = load([setup("changeOauthDefaultScope", "Changed connected app My App scopes from full to ")]).one(
        "issuance"
    )
    assert (none["scopes"], untold["scopes"]) == ([], None)


def test_what_a_file_shows(covered):
    assert whole(covered([login()])) == ("issuance",)
    assert whole(covered([line("RestApi")])) == ()
    assert whole(covered([line("ApiTotalUsage")])) == ("usage",)
    assert whole(covered([line("Logout")])) == ("revocation",)
    assert whole(covered([stream()])) == ("issuance",)
    assert whole(covered([ended()])) == ("revocation",)
    assert whole(covered([setup("insertConnectedApplication", "Installed Connected App A")])) == ("revocation",)
    delivered = {"channel": "/event/LoginEventStream", "data": {"payload": stream()}}
    assert whole(covered([delivered])) == ("issuance",)


def test_ignored_and_broken_records_are_named(load):
    loaded = load(
        [
            line("Report"),
            setup("changedUserEmail"),
            login(TIMESTAMP="soon", TIMESTAMP_DERIVED=None),
            login(TIMESTAMP="20269901100000.000", TIMESTAMP_DERIVED="infinity"),
            login(TIMESTAMP=None, TIMESTAMP_DERIVED=None),
            login(LOGIN_STATUS=None, REQUEST_STATUS=None),
            line("RestApi", STATUS_CODE="none"),
            {"Name": "something"},
            login(seconds=3),
        ],
        "salesforce",
    )
    assert loaded.ignored == {
        "event that is neither login nor call of the API": 1,
        "change of setup that neither gives nor takes access": 1,
    }
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        3: "time cannot be read",
        4: "time cannot be read",
        5: "issued_at: missing",
        6: "outcome: missing",
        7: "outcome: missing",
        8: "names no type of event",
    }
    assert loaded.batch["issuance"] == 1


# The login history.

HISTORY = {
    "Id": "0Ya000000000001AAA",
    "UserId": "005aB0000000CdeQAE",
    "LoginTime": "2026-07-01T10:00:00.250+0000",
    "LoginType": "Remote Access 2.0",
    "LoginSubType": "OauthRefreshToken",
    "SourceIp": "192.0.2.7",
    "Status": "Success",
    "Application": "Nightly",
    "Browser": "Unknown",
}


def test_a_login_of_the_history_is_one_of_the_stream(load):
    history = load([{"attributes": {"type": "LoginHistory"}, **HISTORY}]).one("issuance")
    streamed = load([stream(LoginSubType="OAuth Refresh Token")]).one("issuance")
    unsaid = ("event_id", "received_at", "token_id", "session_id", "subject_name", "grant_id")
    assert history | dict.fromkeys(unsaid) == streamed | dict.fromkeys(unsaid)
    assert [history[name] for name in unsaid[:5]] == [HISTORY["Id"], None, None, None, None]
    assert (history["client_id"], history["token_kind"], history["kind"]) == ("Nightly", "access", "refresh")


def test_a_login_history_as_csv_tells_the_same_and_shows_no_silence(load, covered):
    failed = HISTORY | {
        "Id": "0Ya2",
        "LoginType": "Application",
        "LoginSubType": "UsernamePasswordUiLogin",
        "Status": "Invalid Password",
        "SourceIp": "Salesforce.com IP",
    }
    late = HISTORY | {"Id": "0Ya3", "LoginTime": "7/1/2026 10:00 AM PDT"}
    table = load(as_csv([HISTORY, failed, late]))
    (first, *_) = table.rows["issuance"]
    assert first | {"line_no": 1} == load([HISTORY]).one("issuance")
    assert [(row["client_id"], row["outcome"], row["ip"]) for row in table.rows["issuance"]] == [
        ("Nightly", "success", "192.0.2.7"),
        (None, "denied", None),
    ]
    assert [row["reason"] for row in table.rejected] == ["time cannot be read"]
    assert whole(covered([HISTORY])) == ()


@settings(max_examples=4)
@given(lists_of_damaged([HISTORY, {"attributes": {"type": "LoginHistory"}, **HISTORY}]))
def test_a_damaged_login_history_never_raises_and_always_adds_up(load, records):
    assert_all_accounted_for(load, records, "salesforce")


# What a login was: its flow, as the API, its labels and the log file write it.

FLOWS = {
    "OauthRefreshToken": ("refresh", "refresh_token"),
    "OAuth Refresh Token for Hybrid Apps": ("refresh", "refresh_token"),
    "oauthrefreshtoken": ("refresh", "refresh_token"),
    "OauthHybridTokenExchange": ("exchange", "urn:ietf:params:oauth:grant-type:token-exchange"),
    "oauthclientcredentials": ("token", "client_credentials"),
    "OAuth Web Server": ("token", "authorization_code"),
    "oauthcode": ("token", "authorization_code"),
    "OauthUserAgentIdToken": ("token", "implicit"),
    "OAuth Username-Password": ("token", "password"),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_login_of_an_app_tells_its_flow(load, flow):
    expected = (*FLOWS[flow], "access")
    for record in (stream(LoginSubType=flow), login(LOGIN_SUB_TYPE=flow, LOGIN_TYPE="i")):
        row = load([record]).one("issuance")
        assert (row["kind"], row["grant_type"], row["token_kind"]) == expected


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"LOGIN_TYPE": "i"}, "access"),
        ({"LOGIN_TYPE": "6"}, "access"),
        ({"LOGIN_TYPE": "A", "LOGIN_SUB_TYPE": "uiup"}, "session"),
        ({"LOGIN_TYPE": "", "LOGIN_SUB_TYPE": ""}, "session"),
    ],
)
def test_a_login_of_a_log_file_is_one_of_an_app_by_its_type(load, columns, kind):
    row = load([login(**columns)]).one("issuance")
    assert (row["kind"], row["token_kind"], row["grant_type"]) == ("token", kind, None)


def bulk_result(**changes):
    """Write one event of the stream of results of the Bulk API that were fetched."""
    return {
        "EventIdentifier": "event 2",
        "EventDate": "2026-07-01T10:05:00.250Z",
        "LoginKey": "login key",
        "SessionKey": "session key",
        "Query": "SELECT Id FROM Account",
        "PolicyOutcome": None,
        "SessionLevel": "STANDARD",
        "EvaluationTime": 0.0,
        "UserId": "005aB0000000CdeQAE",
        "SourceIp": "192.0.2.9",
        **changes,
    }


def test_fetched_results_of_the_bulk_api_are_a_call(load):
    stored = {"attributes": {"type": "BulkApiResultEventStore"}, **bulk_result()}
    delivered = {"channel": "/event/BulkApiResultEvent", "data": {"payload": bulk_result()}}
    for record in (stored, delivered):
        row = load([record]).one("usage")
        assert (row["token_id"], row["session_id"], row["outcome"]) == ("session key", "login key", "success")
        assert (row["operation"], row["client_id"], row["ip"]) == ("BulkApiResult", None, "192.0.2.9")
    blocked = load([stored | {"PolicyOutcome": "Block"}]).one("usage")
    assert (blocked["outcome"], blocked["denial_reason"]) == ("denied", "policy")


def test_a_deactivated_user_loses_everything(load):
    end = load([setup("deactivateduser", "Deactivated user Bo (UserID: [005aB0000000Xyz])")]).one("revocation")
    assert (end["kind"], end["target_kind"], end["subject_id"]) == ("disable", "subject", "005aB0000000XyzQAE")
    assert (end["initiator"], end["actor_id"], end["client_id"]) == ("admin", "005aB0000000CdeQAE", None)


def test_who_was_deactivated_is_not_guessed(load):
    loaded = load([setup("deactivateduser", "Deactivated user Bo"), setup("frozeuser", "Froze user Bo", number=2)])
    assert [row["reason"] for row in loaded.rejected] == ["names no person"]
    assert loaded.ignored == {"change of setup that neither gives nor takes access": 1}


TABLE = (
    "EventType EventDate EventIdentifier UserId UserNameDetail LoginKey SessionKey SessionLevel SourceIp EvaluationTime PolicyOutcome CreatedDate "
    "QueriedEntities Score Operation UserAgent Application LoginType LoginSubType Status Browser Query RecordId ApiType ConnectedAppId "
    "DelegatedUsername FileAction VerificationMethod"
)


def of_table(kind, **values):
    """Write a row of Microsoft's table of the stream: it has the columns of all events, empty for what an event has not."""
    row = dict.fromkeys(TABLE.split(), "") | {
        "EventType": kind,
        "EventDate": "2026-07-01T10:05:00.25Z",
        "EventIdentifier": f"event of {kind}",
        "UserId": "005aB0000000CdeQAE",
        "UserNameDetail": "ann@acme.example",
        "LoginKey": "login key",
        "SessionKey": "session key",
        "SessionLevel": "STANDARD",
    }
    return {"TimeGenerated": row["EventDate"]} | row | values


OF_TABLE = (
    of_table(
        "LoginEvent",
        LoginType="Remote Access 2.0",
        LoginSubType="OauthRefreshToken",
        Status="Success",
        Application="Sync",
    ),
    of_table("ApiEvent", ApiType="REST", Operation="Query", QueriedEntities="Account", Application="Sync"),
    of_table("BulkApiResultEventStore", Query="SELECT Id FROM Account"),
    of_table("LogoutEvent"),
    of_table("IdentityProviderEventStore"),
    of_table("CredentialStuffingEventStore", LoginType="Application", Score=0.9),
    of_table("LoginAsEvent", LoginType="Application", DelegatedUsername="bo@acme.example"),
)


@pytest.mark.parametrize("form", ["empty", "null", "csv"])
def test_rows_of_microsofts_table_of_the_stream_are_what_their_type_says(load, form):
    null = [{name: None if value == "" else value for name, value in row.items()} for row in OF_TABLE]
    loaded = load({"empty": list(OF_TABLE), "null": null, "csv": as_csv(OF_TABLE)}[form])
    assert loaded.rejected == []
    assert loaded.ignored == {
        "event that is neither login nor call of the API": 2,
        "somebody logged in as another user, or out again": 1,
    }
    issued, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (issued["kind"], issued["client_id"], issued["token_id"]) == ("refresh", "Sync", "session key")
    assert (issued["subject_id"], issued["subject_name"]) == ("005aB0000000CdeQAE", "ann@acme.example")
    assert (ended["target_kind"], ended["session_id"], ended["event_id"]) == (
        "session",
        "login key",
        "event of LogoutEvent",
    )
    used = [(row["operation"], row["client_id"], row["token_id"]) for row in loaded.rows["usage"]]
    assert sorted(used, key=str) == [("BulkApiResult", None, "session key"), ("Query", "Sync", "session key")]


@settings(max_examples=4)
@given(
    lists_of_damaged([of_table("LoginEvent", LoginType="Remote Access 2.0", Status="Success"), of_table("LogoutEvent")])
)
def test_a_damaged_table_of_the_stream_never_raises_and_always_adds_up(load, records):
    assert_all_accounted_for(load, records, "salesforce")


def test_a_table_of_the_stream_shows_what_its_types_are(covered):
    assert whole(covered([of_table("ApiEvent")])) == ()
    assert whole(covered(OF_TABLE[:1])) == ("issuance",)


def test_what_names_a_type_of_login_need_not_be_one(load):
    told = stream(Score=0.9)
    del told["Status"]
    assert load([told]).ignored == {"event that is neither login nor call of the API": 1}
