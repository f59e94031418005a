"""Entra's records as Microsoft Graph PowerShell saves them: the same rows as Graph itself gives."""

import json

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_microsoft_entra import (
    CLIENT_SP,
    USER,
    change,
    consent,
    delegated,
    from_graph_api,
    sign_in,
    target,
)


def capital(value):
    """Give every name a capital, as the objects of PowerShell have them."""
    if isinstance(value, dict):
        spelled = {"id": "Id", "ipAddress": "IPAddress"}
        return {spelled.get(name, name[:1].upper() + name[1:]): capital(each) for name, each in value.items()}
    return [capital(each) for each in value] if isinstance(value, list) else value


RECORDS = [
    sign_in(sessionId="s-1", agent={"agentType": "agenticAppInstance"}),
    sign_in("ServicePrincipalSignInLogs", number=2, userId=None, status={"errorCode": 7000215}),
    delegated("", " Mail.Read", consent="Principal", principal=USER, number=3),
    consent([], [(USER, "Mail.Read")], number=4),
    change("Disable account", target(USER, type="User"), number=5),
    change("Remove service principal", target(CLIENT_SP, "Mail copilot"), number=6, details=[("AppId", "app-6")]),
]


@pytest.mark.parametrize(
    "record", RECORDS, ids=lambda record: record["properties"].get("activityDisplayName", "sign-in")
)
def test_a_record_gives_the_rows_of_the_one_that_graph_gives(load, record):
    graph = from_graph_api(record)
    plain, saved = load([graph]), load([capital(graph)])
    assert saved.counts() == plain.counts()
    for log, rows in plain.rows.items():
        assert [{**row, "batch_id": None} for row in saved.rows[log]] == [{**row, "batch_id": None} for row in rows]


def test_a_time_of_windows_powershell_is_read(load):
    saved = capital(from_graph_api(sign_in())) | {"CreatedDateTime": "/Date(1782900000123)/"}
    assert load([saved]).one("issuance")["issued_at"].isoformat() == "2026-07-01T10:00:00.123000+00:00"


def test_columns_of_log_analytics_with_objects_inside_are_left_as_they_are(load):
    row = {name[:1].upper() + name[1:]: value for name, value in from_graph_api(sign_in()).items()}
    assert load([row]).one("issuance")["outcome"] == "success"


@settings(max_examples=20, deadline=None)
@given(lists_of_damaged([capital(from_graph_api(record)) for record in RECORDS]))
def test_damaged_records_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "microsoft_entra")


def test_a_record_that_is_too_deep_is_rejected_alone(tmp_path, load_file):
    path = tmp_path / "saved.json"
    deep = json.dumps(capital(from_graph_api(sign_in(number=9)))).replace(
        '"Status"', '"Deep":' + "[" * 900 + "]" * 900 + ',"Status"'
    )
    path.write_text(json.dumps(capital(from_graph_api(sign_in()))) + "\n" + deep + "\n")
    assert load_file(path).counts()["issuance"] >= 1
