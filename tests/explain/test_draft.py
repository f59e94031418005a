"""The mapping to begin with: for logs in the form of real products it loads as it stands, and says what the records say.

The forms: Kong (developer.konghq.com/plugins/file-log), Traefik (doc.traefik.io, access logs), Snowflake (docs.snowflake.com, QUERY_HISTORY),
IdentityServer's events (docs.duendesoftware.com/identityserver/diagnostics/events), LiteLLM (litellm/proxy/schema.prisma).
"""

import csv
import io
import json
import re
import tomllib

import pytest

from grantlens.explain.explanation import explain
from grantlens.explain.moment import written_as
from grantlens.explain.suggestion import suggest
from grantlens.loaders.mapped import mapping
from grantlens.store import Store


@pytest.fixture
def begun(tmp_path):
    """Return a function that loads a log by the mapping that is suggested for it, and gives counts, mapping and rows."""

    def load(log, *columns, table="usage", name="log.ndjson"):
        path = tmp_path / name
        path.write_text(log)
        toml = tmp_path / "begun.toml"
        toml.write_text(explain(path).suggestion.mapping)
        with Store(":memory:") as store:
            (batch,) = store.load(path, loader=mapping(toml))
            rows = (
                store.engine.rows(
                    f"SELECT {', '.join(f'{each}::VARCHAR' for each in columns)} FROM {table} ORDER BY line_no"
                )
                if columns
                else []
            )
        counts = {each: batch[each] for each in ("issuance", "usage", "revocation", "rejected") if batch[each]}
        return counts, toml.read_text(), rows

    return load


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def kong(number, status):
    return {
        "request": {"method": "POST", "uri": "/mcp?x=1", "headers": {"host": "gw.acme.example", "authorization": "REDACTED"}},
        "response": {"status": status, "size": 434}, "upstream_status": "200", "route": {"id": "r1", "created_at": 1726782477},
        "consumer": {"id": "c1", "username": "mail", "created_at": 1674035962}, "started_at": 1782900000250 + number,
    }  # fmt: skip


def test_a_gateway(begun):
    log = lines(*[kong(number, status) for number, status in enumerate((200, 403, 502))])
    counts, toml, rows = begun(log, "used_at", "outcome", "client_id", "client_name", "resource_server", "target")
    assert counts == {"usage": 3}
    assert rows[0] == ("2026-07-01 10:00:00.25+00", "success", "c1", "mail", "gw.acme.example", "/mcp")
    assert [row[1] for row in rows] == ["success", "denied", "error"]
    assert "event_id" not in toml, "the id of the route is the same in every record"
    assert "token_id" not in toml, "what is masked alike in every record tells no token"


def test_a_log_of_events_begins_with_a_table_for_each_kind(begun):
    def event(number, name, **more):
        return {
            "Name": name, "EventType": "Success", "Id": 2000, "ClientId": "mail", "ActivityId": f"a{number}",
            "TimeStamp": "2026-07-01T10:00:00Z", **more,
        }  # fmt: skip

    events = [
        event(1, "Token Issued Success", Scopes="mail.read mail.send", SubjectId="jo"),
        event(2, "Token Issued Failure", EventType="Failure", Error="invalid_grant"),
        event(3, "Consent Granted", EventType="Information", SubjectId="jo"),
        event(4, "Token Revoked Success"),
        event(5, "User Login Success", SubjectId="jo"),
    ]
    wrapped = lines(*({"preview": False, "result": {"_raw": json.dumps(each), "host": "idp1"}} for each in events))
    counts, toml, rows = begun(wrapped, "kind", "outcome", "subject_id", "scopes", "event_id", table="issuance")
    assert counts == {"issuance": 3, "revocation": 1, "rejected": 1}
    assert rows == [
        ("token", "success", "jo", "[mail.read, mail.send]", "a1"), ("token", "error", None, None, "a2"), ("consent", "success", "jo", None, "a3"),
    ]  # fmt: skip
    assert '# when = { "result._raw.Name" = ["User Login Success"] }' in toml
    assert 'target_kind = { constant = "token" }' in toml, "the smallest claim"
    counts, toml, _ = begun(
        json.dumps({"took": 3, "hits": {"hits": [{"_source": each} for each in events]}}), name="search.json"
    )
    assert counts == {"issuance": 3, "revocation": 1, "rejected": 1}
    assert 'records = "hits.hits"' in toml


def test_keys_are_credentials_and_a_list_in_a_cell_is_opened(begun):
    """WorkOS: workos.com/docs/audit-logs/exporting-events."""
    out = io.StringIO()
    rows = [["id", "action", "occurred_at", "actor", "targets"]]
    for number, action in enumerate(("api_key.created", "api_key.revoked", "token.created")):
        rows.append(
            [
                f"a{number}",
                action,
                f"2026-07-01T10:00:0{number}Z",
                '{"id": "jo"}',
                '[{"id": "key_1", "type": "api_key"}]',
            ]
        )
    csv.writer(out).writerows(rows)
    counts, toml, found = begun(out.getvalue(), "kind", "subject_id", table="issuance", name="export.csv")
    assert counts == {"issuance": 2, "revocation": 1}
    assert found == [("credential", "jo"), ("token", "jo")]
    assert 'json = ["actor", "targets"]' in toml
    assert 'target_kind = { constant = "credential" }' in toml


def test_a_firewall_that_lists_headers(begun):
    """AWS WAF: docs.aws.amazon.com/waf/latest/developerguide/logging-examples.html."""

    def request(number, action):
        headers = [{"name": "Host", "value": "mcp.acme.example"}, {"name": "x-client-id", "value": f"c{number}"}]
        http = {
            "clientIp": "10.0.0.1",
            "headers": headers,
            "uri": "/mcp",
            "httpMethod": "POST",
            "requestId": f"r{number}",
        }
        return {
            "timestamp": 1782900000250 + number,
            "action": action,
            "nonTerminatingMatchingRules": [],
            "httpRequest": http,
        }

    counts, toml, rows = begun(
        lines(request(1, "ALLOW"), request(2, "BLOCK")), "outcome", "client_id", "resource_server", "method", "event_id"
    )
    assert counts == {"usage": 2}
    assert 'pairs = ["httpRequest.headers"]' in toml
    assert rows == [
        ("success", "c1", "mcp.acme.example", "POST", "r1"),
        ("denied", "c2", "mcp.acme.example", "POST", "r2"),
    ]


def test_an_access_log(begun):
    line = '10.0.0.{} - - [01/Jul/2026:12:00:0{} +0200] "GET /a?b=1 HTTP/1.1" {} 12 "-" "agent"\n'
    log = line.format(1, 1, 200) + line.format(2, 2, 401)
    counts, _, rows = begun(log, "used_at", "method", "target", "status", "outcome", "ip", name="access.log")
    assert counts == {"usage": 2}
    assert rows == [
        ("2026-07-01 10:00:01+00", "GET", "/a", "200", "success", "10.0.0.1"), ("2026-07-01 10:00:02+00", "GET", "/a", "401", "denied", "10.0.0.2"),
    ]  # fmt: skip


def test_no_draft_repeats_a_secret():
    token = "ghp_abcdefghijklmnopqrst"
    records = [
        {"msg": f"token {token} revoked", "result": f"failed {token}", token: [{"name": "a", "value": "b"}, {"name": "c", "value": "d"}]},
        {"msg": "token issued", "result": "ok", "meta": json.dumps({token: {"a": "b"}})},
    ]  # fmt: skip
    for each in (records, records[:1], records[1:]):
        assert token not in suggest("x.log", each).mapping


def test_comments_of_a_log_are_no_records_of_it(begun):
    """IIS: learn.microsoft.com/windows/win32/http/w3c-logging."""
    line = "2026-07-01 08:00:0{0} 10.0.0.1 GET 443 10.1.0.{0} {1}\r\n"
    log = (
        "#Version: 1.0\r\n#Fields: date time s-ip cs-method s-port c-ip sc-status\r\n"
        + line.format(1, 200)
        + line.format(2, 401)
    )
    counts, _, rows = begun(log, "used_at", "ip", "status", name="iis.log")
    assert counts["usage"] == 2
    assert rows == [("2026-07-01 08:00:01+00", "10.1.0.1", "200"), ("2026-07-01 08:00:02+00", "10.1.0.2", "401")]


def test_a_time_of_day_is_no_address(begun):
    line = "<134>Jul  1 10:00:0{0} gw1 mcpd[1]: ts=178290000{0}.25 act=tool_call cid=copilot tool=send st=ok\n"
    counts, toml, rows = begun(line.format(1) + line.format(2), "used_at", "outcome", "operation", name="mcpd.log")
    assert counts == {"usage": 2}
    assert rows[0] == ("2026-07-01 10:00:01.25+00", "success", "send")
    assert 'ip = "#3"' not in toml


def test_csv_with_json_in_a_cell_words_for_nothing_and_secrets(begun):
    out = io.StringIO()
    rows = [
        ["TimeGenerated [UTC]", "user", "status", "api_key", "bytes", "Headers"],
        ["7/1/2026, 12:00:00.250 AM", "-", "SUCCESS", "88dc28d0f030c55e", "12", '{"x-client-id": "mail"}'],
        ["7/1/2026, 1:00:00.250 PM", "jo", "FAIL", "99dc28d0f030c55e", "13", '{"x-client-id": "crm"}'],
    ]
    csv.writer(out).writerows(rows)
    counts, toml, found = begun(out.getvalue(), "used_at", "subject_id", "outcome", "client_id", name="export.csv")
    assert counts == {"usage": 2}
    assert found == [
        ("2026-07-01 00:00:00.25+00", None, "success", "mail"), ("2026-07-01 13:00:00.25+00", "jo", "error", "crm"),
    ]  # fmt: skip
    assert '# token_id = { path = "api_key", hash = true }' in toml
    assert 'outcome = { path = "status"' in toml, "not the number of bytes"


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"END_TIME": "2026-07-01 01:00:01.000 -0700", "START_TIME": "2026-07-01 01:00:00.000 -0700"}, '"START_TIME"'),
        ({"expires": 1782900000, "logged": 1782900000}, '{ path = "logged", unit = "s" }'),
        ({"_time": "2026-07-01 10:00:00.000 UTC"}, '"_time"'),
        ({"when": "2026-07-01 10:00:00"}, '{ path = "when", zone = "UTC" }'),
        ({"id": "x", "told": "never"}, '"time"'),
    ],
)
def test_the_time_of_an_event_is_when_it_began(values, rule):
    (found,) = re.findall(r"^used_at = ([^#\n]*?) *(?:#.*)?$", suggest("x.log", [values]).mapping, re.MULTILINE)
    assert found == rule


def test_a_time_that_is_always_the_same_or_seldom_there_is_not_the_events():
    records = [{"time": 1726782477, "seldom": 1782900000} | {"written": 1782900000 + number} for number in range(3)]
    del records[1]["seldom"]
    records.append({"time": 1726782477, "written": "redacted"})
    assert 'used_at = { path = "written", unit = "s" }' in suggest("x.log", records).mapping


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("2026-07-01 01:00:00.404 -0700", "ISO 8601"), ("2026-07-01 10:00:00.123456789 +0000 UTC", "ISO 8601"), ("2026-07-01 10:00:00,123", "local"),
        ("7/1/2026, 8:00:00.970 AM", "%m/%d/%Y, %I:%M:%S.%g %p"), ("01/Jul/2026", None),
    ],
)  # fmt: skip
def test_forms_of_times(value, how):
    assert written_as(value) == how


def test_a_status_tells_more_of_how_a_call_ended_than_yes_and_no(begun):
    ends = [(True, 200), (False, 403), (False, 502)]
    log = "".join(
        json.dumps({"ts": f"2026-07-01T10:00:0{n}Z", "evt": {"id": f"e{n}"}, "result": {"ok": ok, "http": http}}) + "\n"
        for n, (ok, http) in enumerate(ends)
    )
    _, _, rows = begun(log, "outcome")
    assert [outcome for (outcome,) in rows] == ["success", "denied", "error"]


def test_yes_and_no_tell_how_a_call_ended_where_nothing_tells_more(begun):
    log = "".join(
        json.dumps({"ts": f"2026-07-01T10:00:0{n}Z", "result": {"ok": ok}}) + "\n" for n, ok in enumerate((True, False))
    )
    _, toml, rows = begun(log, "outcome")
    assert [outcome for (outcome,) in rows] == ["success", "error"]
    assert "check what they mean" in toml


def test_words_of_another_language_beside_one_for_success_are_no_successes(begun):
    lines = [f"2026-07-01 10:00:0{n};agent;{word}" for n, word in enumerate(("OK", "ABGELEHNT", "FEHLER", "OK"))]
    _, toml, rows = begun("\n".join(["Zeit;Client;Ergebnis", *lines]) + "\n", "outcome", name="log.csv")
    assert [outcome for (outcome,) in rows] == ["success", "error", "error", "success"]
    assert '"ABGELEHNT" = "error"' in toml


def test_levels_of_a_log_say_nothing_of_how_a_call_ended(begun):
    lines = [
        f'{{"ts": "2026-07-01T10:00:0{n}Z", "level": "{level}"}}' for n, level in enumerate(("info", "error", "warn"))
    ]
    _, toml, _ = begun("\n".join(lines) + "\n")
    assert 'outcome = { constant = "success" }    # no path is known to tell' in toml


def test_the_server_that_took_a_token_is_not_whom_it_is_for_and_a_record_without_an_outcome_is_no_success():
    """Of a gateway whose first calls all went well, with heartbeats between them."""
    called = {
        "ts": "2026-07-01T10:00:00Z",
        "caller": {"app": "agent"},
        "cred": {"jti": "t1", "scp": "docs.read docs.search", "aud": "docs"},
        "srv": "crm",
        "tool": "lookup",
        "res": "ok",
    }
    drafted = tomllib.loads(suggest("gate.ndjson", [called, {"ts": "2026-07-01T10:01:00Z", "ev": "heartbeat"}]).mapping)
    assert drafted["usage"]["resource_server"] == "srv"
    assert drafted["usage"]["token_scopes"] == {"path": "cred.scp", "split": " "}
    assert drafted["usage"]["outcome"] == {"path": "res", "values": {"ok": "success"}, "otherwise": "error"}
