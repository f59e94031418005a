"""Graph calls and sign-ins as Defender's tables have them: the same rows as Entra's own logs give, and no silence that counts."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens.loaders.microsoft_entra import LOADER
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_microsoft_entra import (
    CLIENT,
    CLIENT_SP,
    TENANT,
    USER,
    call,
    from_graph_api,
    from_log_analytics,
    sign_in,
    uti,
)


def row(number=1, **changes):
    """Write a row of the table; a change of None leaves the column empty."""
    return {
        "Timestamp": "2026-07-01T10:05:00.7654321Z",
        "IdentityProvider": "",
        "ApiVersion": "v1.0",
        "ApplicationId": CLIENT,
        "IPAddress": "198.51.100.7",
        "ClientRequestId": f"client-{number}",
        "EntityType": "user",
        "RequestUri": "https://graph.microsoft.com/v1.0/me/messages?$top=5",
        "AccountObjectId": USER,
        "OperationId": "one-for-the-batch",
        "Location": "West Europe",
        "RequestDuration": "71000",
        "RequestId": f"request-{number}",
        "RequestMethod": "GET",
        "ResponseStatusCode": "200",
        "Scopes": "Mail.Read User.Read",
        "UniqueTokenIdentifier": uti(number),
        "TargetWorkload": "Microsoft.Exchange",
        "ServicePrincipalId": CLIENT_SP,
        "ResponseSize": 64,
        **changes,
    }


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


SHAPES = {
    "one a line": lambda rows: "".join(json.dumps(each) + "\n" for each in rows),
    "answer of runHuntingQuery": lambda rows: json.dumps(
        {"schema": [{"name": "Timestamp", "type": "DateTime"}], "results": rows}
    ),
    "CSV": as_csv,
    "a time of Log Analytics alone, and a workspace": lambda rows: json.dumps(
        [
            {("TimeGenerated" if name == "Timestamp" else name): value for name, value in each.items()}
            | {"TenantId": "a-workspace"}
            for each in rows
        ]
    ),
    "the address as tenants spell it": lambda rows: json.dumps(
        [{("IpAddress" if name == "IPAddress" else name): value for name, value in each.items()} for each in rows]
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_says_what_graph_activity_says_of_the_call(load, shape):
    found = load(SHAPES[shape]([row(), row(2, ResponseStatusCode="403")]))
    assert (found.batch["loader"], found.counts()) == ("microsoft_entra", {"records": 2, "usage": 2})
    mine, denied = found.rows["usage"]
    (activity,) = load([call(requestId="request-1", tenantId=None) | {"tenantId": None, "resourceId": None}]).rows[
        "usage"
    ]
    differing = {name for name in mine if mine[name] != activity[name]}
    assert differing <= {"user_agent", "line_no", "batch_id", "caller_id"}
    assert (mine["user_agent"], mine["tenant"]) == (None, None)
    assert (denied["outcome"], denied["status"], denied["denial_reason"]) == ("denied", 403, "other")


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"EntityType": "User"}, USER),
        ({"EntityType": "app", "AccountObjectId": CLIENT_SP}, None),
        ({"EntityType": "ServicePrincipal", "AccountObjectId": "another"}, None),
        ({"EntityType": "", "AccountObjectId": CLIENT_SP}, None),
        ({"EntityType": ""}, USER),  # nobody passes for an application
        ({"EntityType": "something new"}, USER),
        ({"EntityType": "app", "AccountObjectId": ""}, None),
    ],
)
def test_a_person_is_told_from_an_application(load, changes, subject):
    assert load([row(**changes)]).one("usage")["subject_id"] == subject


def test_what_a_row_leaves_empty_is_not_known(load):
    """Empty scopes are those of an application, whose roles the table does not have; requests of a batch stay several."""
    rows = [row(number, Scopes="", UniqueTokenIdentifier="", RequestId="") for number in (1, 2)]
    rows[1]["RequestUri"] = "/beta/users"
    first, second = load(rows).rows["usage"]
    assert (first["token_scopes"], first["token_id"], first["session_id"]) == (None, None, None)
    assert (first["event_id"], first["target"], second["target"]) != (
        "one-for-the-batch",
        "/v1.0/me/messages",
        "/beta/users",
    )
    assert {first["resource_server"], second["resource_server"]} == {"graph.microsoft.com"}


def test_its_calls_meet_the_sign_ins_and_its_silence_counts_for_nothing(tmp_path):
    log, table = tmp_path / "sign-ins.json", tmp_path / "table.csv"
    log.write_text(json.dumps([sign_in()]))
    table.write_text(as_csv([row()]))
    with gl.open(":memory:") as store:
        store.load(log)
        store.load(table)
        met = store.engine.rows(
            "SELECT count(*) FROM usage u JOIN issuance i USING (source, token_id) WHERE u.used_at = $at",
            {"at": datetime(2026, 7, 1, 10, 5, 0, 765432, tzinfo=UTC)},
        )
    assert met == [(1,)]
    assert LOADER.fitted([row()]).carries == LOADER.fitted([row(), sign_in()]).carries == ()


def test_other_records_in_the_file_are_read_too(load):
    """A query may join tables: what is no row of this one is read as what it is."""
    found = load([row(), from_log_analytics(call(number=2)), from_log_analytics(sign_in())])
    assert found.rejected == []
    assert [len(found.rows[log]) for log in ("issuance", "usage")] == [1, 2]
    assert {each["client_id"] for each in found.rows["usage"]} == {CLIENT}
    assert {each["tenant"] for each in found.rows["usage"]} == {None, TENANT}


def entered(number=1, **changes):
    """Write a row of EntraIdSignInEvents, of a sign-in that `sign_in` writes; a change of None leaves the column out."""
    of = sign_in(number=number)["properties"]
    columns = {
        "Timestamp": of["createdDateTime"],
        "Application": of["appDisplayName"],
        "ApplicationId": CLIENT,
        "LogonType": '["nonInteractiveUser"]',
        "EndpointCall": "OAuth2:Token",
        "ErrorCode": 0,
        "CorrelationId": "one-of-several",
        "SessionId": "session-1",
        "AccountObjectId": USER,
        "AccountUpn": of["userPrincipalName"],
        "ResourceDisplayName": "Microsoft Graph",
        "ResourceId": of["resourceId"],
        "ResourceTenantId": TENANT,
        "AuthenticationProcessingDetails": json.dumps(of["authenticationProcessingDetails"]),
        "UserAgent": of["userAgent"],
        "IPAddress": of["ipAddress"],
        "RequestId": of["id"],
        "ReportId": f"report-{number}",
        "TenantId": "a workspace, or the directory",
        "UniqueTokenId": uti(number),
        **changes,
    }
    return {name: value for name, value in columns.items() if value is not None}


def entered_as_itself(number=1, **changes):
    """Write a row of EntraIdSpnSignInEvents."""
    gone = dict.fromkeys(("LogonType", "AccountObjectId", "AccountUpn", "AuthenticationProcessingDetails"))
    own = {"IsManagedIdentity": False, "ServicePrincipalId": CLIENT_SP, "ServicePrincipalName": "Mail copilot"}
    return entered(number, **(gone | own | changes))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sign_in_of_the_table_says_what_the_log_says_of_it(load, shape):
    found = load(SHAPES[shape]([entered()]))
    assert (found.batch["loader"], found.counts()) == ("microsoft_entra", {"records": 1, "issuance": 1})
    (logged,) = load([sign_in(sessionId="session-1", tenantId=None) | {"tenantId": None, "resourceId": None}]).rows[
        "issuance"
    ]
    mine = found.one("issuance")
    # which protocol it was the table does not say
    assert {name for name in mine if mine[name] != logged[name]} <= {"grant_type", "line_no", "batch_id"}
    assert (mine["token_id"], mine["scopes"], mine["tenant"]) == (uti(1), ["Mail.Read"], None)


@pytest.mark.parametrize("written", [lambda record: record, from_graph_api, from_log_analytics])
@pytest.mark.parametrize("begins", [call, sign_in])
def test_rows_behind_other_records_say_the_same(load, begins, written):
    """What a file holds is told by its first fifty records: a query that joins tables gives these rows behind them."""
    first = [written(begins(number=n)) for n in range(100, 160)]
    rows = [row(1), entered(2), entered_as_itself(3)]
    for each in rows:
        each["TimeGenerated"] = each.pop("Timestamp")
    alone, behind = load(rows), load([*first, *rows])
    assert (alone.rejected, behind.rejected) == ([], [])
    for log in ("usage", "issuance"):
        mine = [each for each in behind.rows[log] if each["line_no"] > len(first)]
        assert len(mine) == len(alone.rows[log]) > 0
        for here, there in zip(mine, alone.rows[log], strict=True):
            differing = {name for name in here if here[name] != there[name]}
            assert differing <= {"line_no", "caller_id", "target_id", "usage_id"}


def test_who_signs_in_and_how_it_ended_is_read_off_the_table(load):
    cases = {
        "person asked": entered(1, LogonType='["interactiveUser"]', ErrorCode=50074),
        "nobody to be asked": entered(2, ErrorCode=50074),
        "application": entered_as_itself(3),
        "managed identity": entered_as_itself(4, IsManagedIdentity=True),
        "secret of before": entered_as_itself(5, ErrorCode="7000222"),
        "an older table": entered_as_itself(6, UniqueTokenId=None, SessionId=None, UserAgent=None),
    }
    rows = load(list(cases.values())).rows["issuance"]
    told = {
        case: (row["outcome"], row["denial_reason"], row["subject_kind"]) for case, row in zip(cases, rows, strict=True)
    }
    assert told == {
        "person asked": ("error", None, "user"),
        "nobody to be asked": ("denied", "policy", "user"),
        "application": ("success", None, "service"),
        "managed identity": ("success", None, "service"),
        "secret of before": ("denied", "client", "service"),
        "an older table": ("success", None, "service"),
    }
    assert [row["token_id"] for row in rows][-1] is None


def test_both_tables_in_one_answer_meet_and_their_silence_counts_for_nothing(load):
    found = load([row(), entered(), entered_as_itself(2), from_log_analytics(sign_in(number=3))])
    assert found.rejected == []
    assert [len(found.rows[log]) for log in ("issuance", "usage")] == [3, 1]
    assert found.one("usage")["token_id"] in {each["token_id"] for each in found.rows["issuance"]}
    assert LOADER.fitted([entered()]).carries == LOADER.fitted([entered_as_itself(), row()]).carries == ()


@settings(max_examples=20, deadline=None)
@given(lists_of_damaged([entered(), entered_as_itself(2), entered(3, ErrorCode=50126)]))
def test_damaged_sign_ins_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "microsoft_entra")


@settings(max_examples=20, deadline=None)
@given(lists_of_damaged([row(), row(2, EntityType="app"), row(3, ResponseStatusCode="403")]))
def test_damaged_rows_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "microsoft_entra")
