"""The mappings that come with grantlens: MCP and model gateways, and OpenTelemetry spans of agents."""

import json
import re
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens.loaders import loaders
from grantlens.loaders.mapped import SHIPPED, shipped
from grantlens.loaders.mapped.unpacking import pairs_of
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

NAMES = (
    "agentgateway",
    "cloudflare_mcp_portal",
    "envoy_ai_gateway",
    "kong",
    "litellm",
    "mcp_gateway_registry",
    "otel_genai",
)

EXPECTED = {
    "envoy-ai-gateway-access.ndjson": ("envoy_ai_gateway", {"records": 2, "usage": 2}, {}),
    "agentgateway-a2a.log": ("agentgateway", {"records": 2, "usage": 2}, {}),
}


def test_each_is_a_loader_of_its_own():
    assert [loader.name for loader in shipped()] == [path.stem for path in sorted(SHIPPED.glob("*.toml"))] == [*NAMES]
    assert set(NAMES) <= set(loaders())


@pytest.mark.parametrize("name", EXPECTED)
def test_real_records(shared, load_file, name):
    loader, counts, ignored = EXPECTED[name]
    loaded = load_file(shared / "real-logs" / "mcp_gateway" / name)
    assert (loaded.batch["loader"], loaded.counts(), loaded.ignored) == (loader, counts, ignored)


def test_real_envoy_records_against_a_second_reading(shared, load_file):
    path = shared / "real-logs" / "mcp_gateway" / "envoy-ai-gateway-access.ndjson"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record, row in zip(records, load_file(path).rows["usage"], strict=True):
        assert row["used_at"] == datetime.fromisoformat(record["start_time"])
        assert row["operation"] == record.get("mcp.method.name")
        assert row["resource_server"] == (record.get("mcp.provider.name") or record[":authority"])
        assert row["resource_id"] == record["gen_ai.request.model"]
        assert (row["status"], row["response_bytes"]) == (record["response_code"], record["bytes_sent"])
        assert row["ip"] == record["downstream_remote_address"].split(":")[0]
        assert row["outcome"] == "success"
        assert (row["client_id"], row["token_id"], row["subject_id"]) == (None, None, None), "the log does not say"
    assert sum(row.get("mcp.method.name") == "tools/call" for row in records) == 1, "a call of an unknown tool is kept"


def test_real_agentgateway_records_against_a_second_reading(shared, load_file):
    path = shared / "real-logs" / "mcp_gateway" / "agentgateway-a2a.log"
    lines = path.read_text().splitlines()
    rows = load_file(path).rows["usage"]
    for line, row in zip(lines, rows, strict=True):
        record = dict(word.split("=", 1) for word in line.split() if "=" in word)
        assert row["used_at"] == datetime.fromisoformat(line.split()[0])
        assert (row["operation"], row["session_id"]) == (record["a2a.method"], record.get("a2a.context.id"))
        assert (row["status"], row["method"], row["target"]) == (200, record["http.method"], record["http.path"])
        assert row["outcome"] == record["a2a.response.outcome"], "HTTP 200 with an error inside is an error"
        assert row["ip"] == record["src.addr"].split(":")[0]
    assert [row["outcome"] for row in rows] == ["success", "error"]


def test_no_other_loader_recognises_a_gateway(shared):
    for file, (own, *_) in EXPECTED.items():
        text = (shared / "real-logs" / "mcp_gateway" / file).read_text().splitlines()
        sample = [json.loads(line) if line.startswith("{") else {"line": line} for line in text]
        claimed = []
        for name, loader in loaders().items():
            try:
                claimed += [name] if loader.recognise(sample) else []
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                continue
        assert claimed == [own]


# --- Envoy AI Gateway ---


def envoy(**more):
    return {
        "start_time": "2026-07-01T10:00:00.250Z",
        "response_code": 200,
        "method": "POST",
        "x-envoy-origin-path": "/mcp?session=1",
        "bytes_sent": 512,
        "downstream_remote_address": "[2001:db8::7]:50412",
        "duration": 12,
        "user-agent": "agent/1",
        "x-request-id": "0d5f3a3e-0000-4000-8000-000000000001",
        "mcp.provider.name": "tickets",
        "mcp.method.name": "tools/call",
        "mcp.session.id": "s1",
        "gen_ai.request.model": None,
        **more,
    }


def test_envoy_in_both_spellings_gives_the_same_row(load):
    new = envoy()
    names = {"mcp.provider.name": "mcp_backend", "mcp.method.name": "mcp_method", "mcp.session.id": "mcp_session_id",
             "gen_ai.request.model": "genai_model_name"}  # fmt: skip
    old = {names.get(key, key): value for key, value in new.items()}
    first, second = (load([record]).one("usage") for record in (new, old))
    evidence = ("event_id", "batch_id")
    assert {k: v for k, v in first.items() if k not in evidence} == {
        k: v for k, v in second.items() if k not in evidence
    }
    assert (first["ip"], first["target"], first["session_id"]) == ("2001:db8::7", "/mcp", "s1")


@pytest.mark.parametrize(
    ("code", "more", "outcome", "why"),
    [
        (204, {}, "success", None),
        (401, {}, "denied", "token"),
        (403, {}, "denied", None),
        (429, {}, "denied", "rate"),
        (0, {}, "error", None),
        (503, {}, "error", None),
        (200, {"error.type": "tool_error"}, "error", None),
        ("200", {}, "success", None),
    ],
)
def test_envoy_outcomes(load, code, more, outcome, why):
    row = load([envoy(response_code=code, **more)]).one("usage")
    assert (row["outcome"], row["denial_reason"], row["status"]) == (outcome, why, int(code))


def test_a_tool_that_is_named_is_the_operation_and_one_that_is_not_stays_a_call(load):
    tools = ({"mcp.tool.name": "close_ticket"}, {}, {"mcp.method.name": "-"})
    rows = load([envoy(**more, duration=number) for number, more in enumerate(tools)]).rows["usage"]
    assert [row["operation"] for row in rows] == ["close_ticket", "tools/call", None]


def test_envoy_names_tool_resource_and_path_as_the_gateway_keeps_them(load):
    kept = {"mcp_tool_name": "close_ticket", "mcp_resource_uri": "file:///a", "request.path": "/mcp/tickets?key=x"}
    row = load([envoy(**kept, **{"x-envoy-origin-path": None})]).one("usage")
    assert (row["operation"], row["resource_id"], row["target"]) == ("close_ticket", "file:///a", "/mcp/tickets")


def test_two_hops_of_one_request_are_two_records_and_the_same_record_twice_is_one(load):
    loaded = load([envoy(), envoy(downstream_remote_address="127.0.0.1:9"), envoy()])
    assert loaded.counts() == {"records": 3, "usage": 2, "duplicates": 1}


def test_calls_of_one_millisecond_with_one_request_id_are_each_a_call(load):
    tools = ("close_ticket", "read_ticket", "delete_ticket")
    loaded = load([envoy(**{"mcp.tool.name": tool}) for tool in tools])
    assert sorted(row["operation"] for row in loaded.rows["usage"]) == sorted(tools)


@given(lists_of_damaged([envoy(), envoy(response_code=401), envoy(**{"mcp.tool.name": "close_ticket"})]))
@settings(max_examples=10)
def test_damaged_envoy_records_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "envoy_ai_gateway")


# --- agentgateway ---

LINE = (
    "2026-07-01T10:00:00.250000Z info request gateway=default/gw listener=l0 route=default/r0 src.addr=[2001:db8::7]:50412 "
    "http.method=POST http.host=mcp.example http.path=/mcp http.version=HTTP/1.1 http.status=200 jwt.sub=auth0|jo "
    "protocol=mcp mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket mcp.session.id=s1 duration=4ms"
)


def test_text_and_json_give_the_same_row(load):
    record = {"level": "info", "time": "2026-07-01T10:00:00.250000Z", "scope": "request"}
    record |= {key: value for key, value in pairs_of(LINE).items() if not key.startswith("#")} | {"http.status": 200}
    text, packed = (load(each).one("usage") for each in (LINE + "\n", [record]))
    evidence = ("event_id", "batch_id")
    assert {k: v for k, v in text.items() if k not in evidence} == {
        k: v for k, v in packed.items() if k not in evidence
    }
    assert text | {
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), "operation": "close_ticket", "resource_server": "tickets",
        "subject_id": "auth0|jo", "session_id": "s1", "ip": "2001:db8::7", "target": "/mcp", "outcome": "success",
    } == text  # fmt: skip


SAID = [
    ("gen_ai.tool.name=close_ticket ", "", {"operation": "tools/call"}),
    ("mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket",
     "mcp.method=tools/call", {"operation": "tools/call"}),
    ("mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket",
     "mcp.method=tools/call mcp.resource.type=tool mcp.resource.name=close_ticket",
     {"operation": "close_ticket", "resource_id": None}),
    ("mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket",
     "mcp.method=resources/read mcp.resource.type=resource mcp.resource.name=memo://1",
     {"operation": "resources/read", "resource_id": "memo://1"}),
    ("mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket",
     "mcp.method=tools/call mcp.resource=tool mcp.resource.name=close_ticket",
     {"operation": "close_ticket", "resource_id": None}),
    ("http.method=POST", "src.identity=spiffe://acme.example/ns/mail/sa/copilot http.method=POST",
     {"client_id": "spiffe://acme.example/ns/mail/sa/copilot", "subject_id": "auth0|jo"}),
    ("http.status=200", "http.status=200 grpc.status=0", {"outcome": "success", "denial_reason": None}),
    ("http.status=200", "http.status=200 grpc.status=16", {"outcome": "denied", "denial_reason": "token"}),
    ("http.status=200", "http.status=200 grpc.status=7", {"outcome": "denied", "denial_reason": None}),
    ("http.status=200", "http.status=200 grpc.status=13", {"outcome": "error", "denial_reason": None}),
    ("http.status=200", 'http.status=401 error="authentication failure: no bearer token found" reason=JwtAuth',
     {"outcome": "denied", "denial_reason": "token"}),
    ("http.status=200", 'http.status=400 error="mcp: Unknown tool: close_ticket" reason=MCP',
     {"outcome": "denied", "denial_reason": "other", "operation": "close_ticket"}),
    ("http.status=200", 'http.status=401 error="mcp: Unknown tool: close_ticket"', {"outcome": "denied", "denial_reason": "token"}),
    ("http.status=200", 'http.status=500 error="mcp: failed to send message: unknown tool: close_ticket" reason=MCP',
     {"outcome": "denied", "denial_reason": "other"}),
    ("http.status=200", 'http.status=200 error="mcp: mcpGuardrails rejected: no" reason=MCP', {"outcome": "denied", "denial_reason": "policy"}),
    ("http.status=200", 'http.status=200 error="mcp: rate limit exceeded" reason=RateLimit', {"outcome": "denied", "denial_reason": "rate"}),
    ("http.status=200", 'http.status=200 error="rate limit failed" reason=RateLimit', {"outcome": "error", "denial_reason": None}),
    ("http.status=200", 'http.status=500 error="rate limit failed" reason=RateLimit', {"outcome": "error", "denial_reason": None}),
    ("http.status=200", 'http.status=429 error="rate limit exceeded" reason=RateLimit', {"outcome": "denied", "denial_reason": "rate"}),
    ("http.status=200", 'http.status=403 error="authorization failed" reason=Authorization', {"outcome": "denied", "denial_reason": "policy"}),
    ("http.status=200", 'http.status=404 error="external authorization failed" reason=ExtAuth', {"outcome": "denied", "denial_reason": "policy"}),
    ("http.status=200", 'http.status=503 error="external authorization failed" reason=ExtAuth', {"outcome": "error", "denial_reason": None}),
    ("http.status=200", 'http.status=400 error="request rejected by regex guardrail" reason=Guardrail',
     {"outcome": "denied", "denial_reason": "policy"}),
    ("http.status=200", 'http.status=401 error="basic authentication failure: no match" reason=BasicAuth',
     {"outcome": "denied", "denial_reason": "other"}),
    ("http.status=200", 'http.status=400 error="mcp: invalid session"', {"outcome": "error", "denial_reason": None}),
    ("http.status=200", 'http.status=200 error="upstream closed"', {"outcome": "error"}),
    ("http.status=200", "http.status=500", {"outcome": "error", "status": 500}),
    ("http.status=200 ", "", {"outcome": "error", "status": None}),
    ("protocol=mcp", "a2a.response.outcome=failed", {"outcome": "error", "status": 200}),
    ("2026-07-01T10:00:00.250000Z info", "gw-1  | 2026-07-01T10:00:00.250000Z info", {"outcome": "success"}),
]  # fmt: skip
"""What stands in a line, what stands there instead, and what that changes in its row."""


@pytest.mark.parametrize(("old", "new", "changes"), SAID)
def test_what_a_line_says(load, old, new, changes):
    assert old in LINE
    row = load(LINE.replace(old, new) + "\n" + LINE + "\n").rows["usage"][0]
    assert {name: row[name] for name in changes} == changes


RENAMED = {
    "src.addr": "client.address", "http.method": "http.request.method", "http.host": "server.address", "http.path": "url.path",
    "http.version": "network.protocol.version", "http.status": "http.response.status_code",
}  # fmt: skip
"""As telemetry/semconv.rs of agentgateway calls them in what it exports as OTLP."""


@pytest.mark.parametrize(("old", "new", "changes"), SAID)
def test_what_is_exported_says_what_its_line_does(load, old, new, changes):
    keys = {key: value for key, value in pairs_of(LINE.replace(old, new)).items() if not key.startswith("#")}
    told = {RENAMED.get(key, key): value for key, value in keys.items()} | {"client.address": "2001:db8::7"}
    values = {key: {"intValue" if key.endswith("status_code") else "stringValue": value} for key, value in told.items()}
    record = {
        "timeUnixNano": "1782900000250000000",
        "attributes": [{"key": key, "value": value} for key, value in values.items()],
    }
    row = load(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})).one("usage")
    assert {name: row[name] for name in changes} == changes
    assert (row["used_at"], row["ip"], row["method"], row["target"]) == (
        datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), "2001:db8::7", "POST", "/mcp",
    )  # fmt: skip


def test_lines_of_the_gateway_itself_are_ignored_and_noise_is_rejected(load):
    text = (
        LINE + "\n2026-07-01T10:00:00Z info state_manager loaded config from File\n"
        "2026-07-01T10:00:00Z info request gateway=gw listener=l0 src.addr=10.0.0.1:1 protocol=tcp duration=1ms\n" + LINE.replace("s1", "s2")
        + "\nnoise\n"
    )  # fmt: skip
    loaded = load(text)
    assert loaded.counts() == {"records": 5, "usage": 2, "ignored": 2, "rejected": 1}
    assert loaded.ignored == {"connection without a request": 1, "message of the gateway itself": 1}
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [(5, "used_at: missing")]


PACKED = {"level": "info", "time": "2026-07-01T10:00:00Z", **{k: v for k, v in pairs_of(LINE).items() if k[0] != "#"}}


@given(lists_of_damaged([PACKED]))
@settings(max_examples=10)
def test_damaged_agentgateway_records_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "agentgateway")


# --- OpenTelemetry ---


def attributes(**values):
    kinds = {str: "stringValue", int: "intValue", bool: "boolValue"}
    return [
        {"key": key.replace("__", "."), "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in values.items()
    ]


def span(number=1, kind=3, status=None, **values):
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": f"{number:016x}",
        "name": "tools/call close_ticket",
        "kind": kind,
        "startTimeUnixNano": "1782900000250000123",
        "endTimeUnixNano": "1782900001250000123",
        "attributes": attributes(**values),
        **({} if status is None else {"status": {"code": status}}),
    }


def export(*spans, service="planner"):
    resource = {"attributes": attributes(service__name=service)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "mcp"}, "spans": list(spans)}]}]}


CALL = {
    "mcp__method__name": "tools/call",
    "gen_ai__tool__name": "close_ticket",
    "gen_ai__operation__name": "execute_tool",
}


def test_a_line_of_spans_becomes_calls(load):
    spans = [
        span(
            1,
            mcp__session__id="s1",
            server__address="mcp.example",
            gen_ai__tool__call__id="call-1",
            http__response__status_code=200,
            **CALL,
        ),
        span(2, mcp__method__name="tools/call"),
        span(3, gen_ai__operation__name="invoke_agent"),
        span(4, http__request__method="GET"),
        span(
            5,
            gen_ai__operation__name="chat",
            gen_ai__request__model="m-1",
            gen_ai__provider__name="acme.ai",
            user__id="jo",
        ),
    ]
    loaded = load(
        [export(*spans), export(span(6, kind=2, **CALL), service="tickets"), export(), export(span(1, **CALL))]
    )
    assert loaded.batch["loader"] == "otel_genai"
    assert loaded.counts() == {"records": 8, "usage": 4, "ignored": 3, "duplicates": 1}
    assert loaded.ignored == {"span of something else": 1, "step of an agent, no call": 1, "holds no record": 1}
    first, unknown, chat, server = loaded.rows["usage"]
    assert first | {
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), "ended_at": datetime(2026, 7, 1, 10, 0, 1, 250000, UTC),
        "event_id": "0af7651916cd43dd8448eb211c80319c-0000000000000001", "session_id": "s1", "operation": "close_ticket",
        "client_id": "planner", "resource_server": "mcp.example", "tool_call_id": "call-1", "status": 200, "outcome": "success", "line_no": 1,
    } == first  # fmt: skip
    assert (unknown["operation"], unknown["outcome"]) == ("tools/call", "success"), "a call of an unknown tool is kept"
    assert (chat["operation"], chat["resource_id"], chat["resource_server"], chat["subject_id"]) == (
        "chat",
        "m-1",
        "acme.ai",
        "jo",
    )
    assert (server["client_id"], server["resource_server"], server["line_no"]) == (None, "tickets", 2)


@pytest.mark.parametrize(
    ("status", "more", "outcome", "why"),
    [
        (None, {}, "success", None),
        (0, {}, "success", None),
        (1, {}, "success", None),
        (2, {"http__response__status_code": 200}, "error", None),
        ("STATUS_CODE_ERROR", {}, "error", None),
        (None, {"error__type": "tool_error"}, "error", None),
        (2, {"error__type": "401"}, "denied", "token"),
        (2, {"http__response__status_code": 429}, "denied", "rate"),
        (2, {"http__response__status_code": 403, "error__type": "403"}, "denied", None),
        (None, {"http__response__status_code": 500}, "error", None),
        (None, {"http__status_code": 500}, "error", None),
        (1, {"mcp__tool__result__is_error": True}, "error", None),
        (1, {"mcp__tool__is_error": True}, "error", None),
        (None, {"mcp__tool__is_error": False, "mcp__tool__result__is_error": False}, "success", None),
        (None, {"rpc__response__status_code": "-32602"}, "error", None),
        (None, {"rpc__response__status_code": "OK"}, "success", None),
        (None, {"rpc__jsonrpc__error_code": -32601}, "error", None),
        (1, {"http__status_code": 401}, "denied", "token"),
    ],
)
def test_outcomes_of_spans(load, status, more, outcome, why):
    row = load([export(span(1, status=status, **CALL, **more))]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == (outcome, why)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("", "", {"outcome": "success", "subject_id": "auth0|jo", "resource_server": "tickets", "operation": "close_ticket"}),
        ("http.status=200", 'http.status=400 error="mcp: Unknown tool: close_ticket" reason=MCP',
         {"outcome": "denied", "denial_reason": "other", "status": 400}),
        ("http.status=200", 'http.status=200 error="mcp: mcpGuardrails rejected: no" reason=MCP', {"outcome": "denied", "denial_reason": "policy"}),
        ("http.status=200", 'http.status=403 error="authorization failed" reason=Authorization', {"outcome": "denied", "denial_reason": None}),
        ("http.status=200", 'http.status=401 error="authentication failure: the token is expired" reason=JwtAuth',
         {"outcome": "denied", "denial_reason": "token"}),
        ("http.status=200", 'http.status=503 error="mcp: no backends configured" reason=MCP', {"outcome": "error", "denial_reason": None}),
        ("http.status=200", 'http.status=200 error="upstream closed"', {"outcome": "error"}),
        ("http.status=200", "http.status=302", {"outcome": "error"}),
        ("http.status=200 ", "", {"outcome": "error", "status": None}),
        ("mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket", "a2a.method=SendMessage",
         {"operation": "SendMessage", "resource_server": "mcp.example", "outcome": "success"}),
        ("protocol=mcp mcp.method.name=tools/call mcp.target=tickets mcp.resource.type=tool gen_ai.tool.name=close_ticket mcp.session.id=s1", "protocol=http",
         {"operation": None, "resource_server": "mcp.example", "subject_id": "auth0|jo"}),
        ("jwt.sub", "src.identity=spiffe://acme.example/sa/copilot jwt.sub", {"client_id": "spiffe://acme.example/sa/copilot"}),
    ],
)  # fmt: skip
def test_spans_of_agentgateway_say_what_its_log_says(load, old, new, changes):
    keys = {key: value for key, value in pairs_of(LINE.replace(old, new)).items() if not key.startswith("#")}
    told = {key.replace(".", "__"): int(value) if key == "http.status" else value for key, value in keys.items()}
    # an agent's own span beside it, by which the file is known for what it is
    row = load([export(span(1, kind=2, **told), service="agentgateway"), export(span(2, **CALL))]).rows["usage"][0]
    assert {name: row[name] for name in changes} == changes
    assert (row["ip"], row["method"], row["target"]) == ("2001:db8::7", "POST", "/mcp")


def test_keys_of_agentgateway_name_nobody_in_spans_of_others(load):
    forged = {"jwt__sub": "boss", "mcp__target": "tickets", "src__identity": "spiffe://acme.example/sa/copilot"}
    row = load([export(span(1, **forged, **CALL))]).one("usage")
    assert (row["subject_id"], row["client_id"], row["resource_server"]) == (None, "planner", None)


@pytest.mark.parametrize(
    ("values", "operation", "resource_id", "tool_call_id"),
    [
        ({"gen_ai__system": "acme.ai", "gen_ai__request__model": "m-1", "llm__request__type": "chat"}, "chat", "m-1", None),
        ({"traceloop__span__kind": "tool", "traceloop__entity__name": "close_ticket"}, "close_ticket", None, None),
        ({"gen_ai__request__model": "m-1", "ai__operationId": "ai.generateText.doGenerate"}, "ai.generateText.doGenerate", "m-1", None),
        ({"ai__operationId": "ai.toolCall", "ai__toolCall__name": "close_ticket", "ai__toolCall__id": "c1"}, "close_ticket", None, "c1"),
        ({"mcp__method__name": "tools/call", "mcp__tool__name": "close_ticket"}, "close_ticket", None, None),
    ],
)  # fmt: skip
def test_calls_of_libraries_that_name_no_operation_of_the_conventions(
    load, values, operation, resource_id, tool_call_id
):
    loaded = load([export(span(1, **values))])
    row = loaded.one("usage")
    assert (loaded.batch["loader"], row["operation"]) == ("otel_genai", operation)
    assert (row["resource_id"], row["tool_call_id"], row["outcome"]) == (resource_id, tool_call_id, "success")


def portal(when, method="tools/call", **more):
    """Write a request as the dataset mcp_portal_logs of Cloudflare's Logpush names its fields."""
    empty = dict.fromkeys(("Error", "PromptGetName", "ResourceReadURI", "ToolCallName"), "")
    who = {"UserEmail": "jo@acme.example", "UserID": "u-1", "ClientIP": "203.0.113.9", "SessionID": "s1"}
    where = {"PortalID": "portal-1", "ServerID": "tickets", "ServerURL": "https://tickets.example/mcp"}
    return empty | who | where | {"Datetime": when, "Method": method, "Success": True} | more


def test_requests_at_a_portal_of_cloudflare(load):
    loaded = load(
        [
            portal("2026-07-01T10:00:00Z", ToolCallName="close_ticket"),
            portal(1782900001, Success=False, Error="tool is not enabled"),
            portal(1782900002000000000, "resources/read", ResourceReadURI="file:///a", UserID=""),
            portal("yesterday"),
        ]
    )
    assert loaded.batch["loader"] == "cloudflare_mcp_portal"
    assert loaded.counts() == {"records": 4, "usage": 3, "rejected": 1}
    called, refused, read = loaded.rows["usage"]
    assert called | {
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 0, UTC), "operation": "close_ticket", "subject_id": "u-1", "subject_name": "jo@acme.example",
        "resource_server": "https://tickets.example/mcp", "session_id": "s1", "outcome": "success", "ip": "203.0.113.9", "client_id": None,
    } == called  # fmt: skip
    assert (refused["operation"], refused["outcome"]) == ("tools/call", "error"), "a call of an unknown tool is kept"
    assert (read["resource_id"], read["subject_id"]) == ("file:///a", "jo@acme.example")
    assert [row["used_at"].second for row in (refused, read)] == [1, 2]


def registered(number, tool="close_ticket", **more):
    """Write what the audit log of MCP Gateway & Registry holds of a call that the gateway let pass."""
    claims = {"subject": "pairwise", "principal_name": "jo@acme.example", "object_id": "o-1", "app_id": "mail-copilot"}
    record = {
        "timestamp": f"2026-07-01T10:00:0{number}Z", "log_type": "mcp_server_access", "request_id": f"r{number}",
        "identity": {"username": "jo@acme.example", "auth_method": "entra", "scopes": ["tickets/execute"], "credential_type": "bearer_token"} | claims,
        "mcp_server": {"name": "tickets", "path": "/tickets"},
        "mcp_request": {"method": "tools/call", "tool_name": tool, "resource_uri": None, "mcp_session_id": "s1"},
        "mcp_response": {"status": "success", "error_code": None},
        "request": {"method": "POST", "path": "/tickets", "client_ip": "203.0.113.9", "user_agent": "agent/1"},
    }  # fmt: skip
    return {
        key: value | more.get(key, {}) if isinstance(value, dict) else more.get(key, value)
        for key, value in record.items()
    }


def asked_of_registry(number, path, code, action):
    """Write a request to the registry itself, which has an id with a call of an MCP server in common."""
    who = {"username": "al@acme.example", "auth_method": "oauth2", "credential_type": "session_cookie"}
    request = {"method": "POST", "path": path, "client_ip": "203.0.113.8", "user_agent": None}
    return {
        "timestamp": {"$date": f"2026-07-01T10:00:0{number}Z"}, "log_type": "registry_api_access", "request_id": f"r{number}",
        "identity": who, "request": request, "response": {"status_code": code}, "action": action,
    }  # fmt: skip


def test_audit_log_of_mcp_gateway_and_registry(load):
    nobody = dict.fromkeys(("subject", "principal_name", "object_id", "app_id"))
    unread = {"method": "unknown", "mcp_session_id": None}
    loaded = load(
        [
            registered(1),
            registered(2, identity=nobody | {"username": "bot"}),
            registered(
                3,
                None,
                identity=nobody | {"username": "anonymous"},
                mcp_request=unread,
                mcp_response={"status": "error", "error_code": 401},
            ),
            registered(
                4,
                None,
                mcp_request={"method": "resources/read", "resource_uri": "file:///a"},
                mcp_response={"status": "timeout"},
            ),
            asked_of_registry(1, "/tickets/mcp", 200, None),
            asked_of_registry(
                4, "/api/servers", 201, {"resource_type": "server", "operation": "create", "resource_id": "tickets"}
            ),
            asked_of_registry(5, "/registry/api/servers", 403, None),
            {
                "timestamp": "2026-07-01T10:00:09Z",
                "log_type": "token_mint",
                "request_id": "m1",
                "token_kind": "user",
                "token_path": "self_signed",
            },
        ]
    )
    assert loaded.batch["loader"] == "mcp_gateway_registry"
    assert loaded.counts() == {"records": 8, "usage": 6, "ignored": 2}
    called, older, refused, late, made, forbidden = sorted(
        loaded.rows["usage"], key=lambda row: (row["used_at"], row["resource_server"] == "registry")
    )
    assert called | {
        "operation": "close_ticket", "client_id": "mail-copilot", "subject_id": "o-1", "subject_name": "jo@acme.example", "resource_server": "tickets",
        "session_id": "s1", "outcome": "success", "ip": "203.0.113.9", "token_id": None, "token_scopes": None,
    } == called  # fmt: skip
    assert (older["subject_id"], older["client_id"]) == ("bot", None)
    told = ("outcome", "denial_reason", "subject_id", "operation")
    assert [refused[column] for column in told] == ["denied", "token", None, None], "nobody is called anonymous"
    assert (late["operation"], late["resource_id"], late["outcome"]) == ("resources/read", "file:///a", "error")
    assert (made["operation"], made["resource_id"], made["subject_id"]) == (
        "server.create",
        "tickets",
        "al@acme.example",
    )
    assert (forbidden["outcome"], forbidden["status"], forbidden["operation"]) == ("denied", 403, None)


@pytest.mark.parametrize("written", [lambda text: text, lambda text: {"$date": text}])
def test_an_id_that_a_caller_sends_with_all_its_calls_hides_none_at_the_registry(load, written):
    tools = ("close_ticket", "read_ticket", "delete_ticket")
    same = [
        registered(1, tool) | {"timestamp": written(f"2026-07-01T10:00:00.{at}00Z")} for at, tool in enumerate(tools)
    ]
    loaded = load([*same, same[0]])
    assert loaded.counts() == {"records": 4, "usage": 3, "duplicates": 1}
    assert sorted(row["operation"] for row in loaded.rows["usage"]) == sorted(tools)


def test_who_calls_another_agent_is_not_the_agent_that_is_called(load):
    asked = {"a2a__method__name": "SendMessage", "gen_ai__agent__name": "billing", "gen_ai__conversation__id": "c1"}
    made = {"gen_ai__operation__name": "create_agent", "gen_ai__agent__id": "asst-7", "gen_ai__agent__name": "helper"}
    spans = [
        span(1, server__address="billing.example", **asked),
        span(2, kind=2, error__type="-32001", status={"code": 2}, **asked),
        span(3, gen_ai__provider__name="acme.ai", gen_ai__request__model="m-1", **made),
    ]
    loaded = load([export(spans[0], spans[2]), export(spans[1], service="billing-service")])
    assert loaded.batch["loader"] == "otel_genai"
    caller, creator, called = loaded.rows["usage"]
    assert (caller["client_id"], caller["client_name"]) == ("planner", None)
    assert (caller["operation"], caller["resource_server"]) == ("SendMessage", "billing.example")
    assert (caller["resource_id"], caller["session_id"], caller["outcome"]) == ("billing", "c1", "success")
    assert (called["client_id"], called["resource_server"], called["outcome"]) == (None, "billing-service", "error")
    assert (creator["client_id"], creator["operation"], creator["resource_id"]) == ("planner", "create_agent", "asst-7")


def test_a_file_of_agents_that_call_agents_is_recognised(load):
    assert load([export(span(1, a2a__method__name="GetTask"))]).one("usage")["operation"] == "GetTask"


def test_a_turn_of_a_conversation_is_no_call(load):
    loaded = load([export(span(1, gen_ai__operation__name="handle_conversation_turn"), span(2, **CALL))])
    assert loaded.ignored == {"step of an agent, no call": 1}


def test_tools_called_through_dockers_gateway(load):
    called = {"mcp__tool__name": "close_ticket", "mcp__server__name": "tickets", "mcp__server__type": "docker"}
    row = load([export(span(1, **called), service="docker-mcp-gateway")]).one("usage")
    assert (row["operation"], row["resource_server"], row["client_id"]) == (
        "close_ticket",
        "tickets",
        "docker-mcp-gateway",
    )


def test_tools_called_through_contextforge(load):
    called = {"tool__name": "close_ticket", "tool__id": "7", "tool__integration_type": "REST", "success": True}
    loaded = load([export(span(1, **called), span(2, **called | {"success": False}), service="mcp-gateway")])
    assert loaded.batch["loader"] == "otel_genai"
    worked, failed = loaded.rows["usage"]
    assert (worked["operation"], worked["client_id"], worked["outcome"]) == ("close_ticket", "mcp-gateway", "success")
    assert failed["outcome"] == "error"


def test_spans_of_openinference_are_read_by_their_kind(load):
    spans = [
        span(1, openinference__span__kind="TOOL", tool__name="close_ticket", tool__id="c1", session__id="s1", user__id="jo"),
        span(2, openinference__span__kind="LLM", llm__model_name="m-1", llm__provider="acme.ai", session__id="s1"),
        span(3, openinference__span__kind="TOOL"),
        span(4, openinference__span__kind="RETRIEVER"),
        span(5, openinference__span__kind="AGENT", llm__model_name="m-1"),
        span(6, openinference__span__kind="CHAIN"),
        span(7, session__id="browser", **CALL),
    ]  # fmt: skip
    loaded = load([export(*spans)])
    assert loaded.batch["loader"] == "otel_genai"
    assert loaded.ignored == {"step of an agent, no call": 2}
    tool, model, unknown, retriever, other = loaded.rows["usage"]
    assert (tool["operation"], tool["tool_call_id"], tool["session_id"]) == ("close_ticket", "c1", "s1")
    assert (tool["subject_id"], tool["client_id"]) == ("jo", "planner")
    assert (model["operation"], model["resource_id"], model["resource_server"]) == ("LLM", "m-1", "acme.ai")
    assert (unknown["operation"], retriever["operation"]) == ("TOOL", "RETRIEVER")
    assert other["session_id"] is None, "elsewhere it is a browser's session"


@pytest.mark.parametrize(
    ("hash_at", "alias_at", "user_at"),
    [
        ("metadata__user_api_key_hash", "metadata__user_api_key_alias", "metadata__user_api_key_user_id"),
        ("litellm__api_key__hash", "litellm__metadata__user_api_key_alias", "litellm__metadata__user_api_key_user_id"),
    ],
)
def test_spans_of_litellm_name_who_called_by_the_key(load, hash_at, alias_at, user_at):
    call = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m-1", "gen_ai__system": "openai"}
    row = load([export(span(1, **call, **{hash_at: KEY, alias_at: "triage", user_at: "jo"}), service="litellm")]).one(
        "usage"
    )
    assert row["token_id"].startswith("sha256:")
    assert (row["client_id"], row["subject_id"], row["resource_server"]) == ("triage", "jo", "openai")
    nameless = load([export(span(1, **call, **{hash_at: KEY}), service="litellm")]).one("usage")
    assert nameless["client_id"] is None, "the gateway is not who called"


def test_litellm_inside_an_application_names_no_key(load):
    empty = dict.fromkeys((f"metadata__user_api_key_{name}" for name in ("hash", "alias", "user_id")), "")
    row = load([export(span(1, gen_ai__operation__name="chat", **empty), service="app")]).one("usage")
    assert (row["token_id"], row["client_id"], row["subject_id"]) == (None, "app", None)


def test_spans_of_litellm_join_its_log_by_the_key(tmp_path):
    named = {"litellm__api_key__hash": KEY, "gen_ai__operation__name": "chat"}
    (tmp_path / "spans.ndjson").write_text(json.dumps(export(span(1, **named), service="litellm")))
    (tmp_path / "spend.ndjson").write_text(json.dumps(spend(api_key=KEY)))
    with Store(":memory:") as store:
        assert not store.load(tmp_path).failed
        assert store.sql("SELECT count(*), count(DISTINCT token_id) FROM usage").to_pylist() == [
            {"count_star()": 2, "count(DISTINCT token_id)": 1}
        ]


def test_what_litellm_does_inside_is_no_call(load):
    inherited = {"litellm__api_key__hash": KEY, "gen_ai__request__model": "m-1"}
    spans = [
        span(1, kind=2, http__request__method="POST", url__path="/v1/chat/completions", **inherited),
        span(2, db__system__name="postgresql", **inherited),
        span(3, litellm__guardrail__name="pii", **inherited),
        span(4, gen_ai__operation__name="chat", **inherited),
    ]
    loaded = load([export(*spans, service="litellm")])
    assert loaded.counts() == {"records": 4, "usage": 1, "ignored": 3}
    assert loaded.ignored == {"step of a gateway, no call": 3}


def test_steps_between_such_calls_are_no_calls(load):
    steps = [span(number, traceloop__span__kind=kind) for number, kind in enumerate(("workflow", "task", "agent"), 2)]
    outer = span(5, ai__operationId="ai.generateText", ai__model__id="m-1")
    chat = span(6, traceloop__span__kind="task", gen_ai__operation__name="chat")
    loaded = load([export(*steps, outer, chat)])
    assert loaded.counts() == {"records": 5, "usage": 1, "ignored": 4}
    assert loaded.ignored == {"step of an agent, no call": 3, "span of something else": 1}


def test_a_pretty_printed_export_reads_alike(load):
    loaded = load(json.dumps(export(span(1, **CALL), span(2, **CALL)), indent=2))
    assert loaded.counts() == {"records": 2, "usage": 2}


def test_a_bad_span_spoils_no_other(load):
    bad = span(2, **CALL) | {"startTimeUnixNano": "1782900000"}
    loaded = load([export(span(1, **CALL), bad, span(3, **CALL))])
    assert loaded.counts() == {"records": 3, "usage": 2, "rejected": 1}
    assert loaded.rejected[0]["reason"] == "used_at: '1782900000 as unix ns' is no time"


def test_odd_spans_are_accounted_for(load):
    odd = [None, 5, "x", {"a": 1}, [], [1], [{"key": "k"}], [{"value": {"stringValue": "v"}}]]
    keys = ["attributes", "status", "kind", "traceId", "endTimeUnixNano"]
    spans = [span(number, **CALL) | {key: value} for number, (key, value) in enumerate(product(keys, odd))]
    loaded = load([export(span(99, **CALL), *spans)], "otel_genai")
    counts = loaded.counts()
    assert counts["records"] == 41 == sum(counts.get(each, 0) for each in ("usage", "rejected", "ignored"))
    assert "not mapped" not in {row["reason"] for row in loaded.rejected}
    assert {row["reason"] for row in loaded.rejected} == {
        "ended_at: '5 as unix ns' is no time", "ended_at: 'x as unix ns' is no time", "ended_at: '{\"a\":1} as unix ns' is no time",
        "ended_at: '[] as unix ns' is no time", "ended_at: '[1] as unix ns' is no time",
        "ended_at: '[{\"key\":\"k\"}] as unix ns' is no time", "ended_at: '[{\"value\":{\"stringValue\":\"v\"}}] as unix ns' is no time",
    }  # fmt: skip
    assert loaded.ignored == {"span of something else": 8}


def test_prompts_and_results_are_not_kept(load):
    secret = "the whole conversation"
    row = load([export(span(1, gen_ai__tool__call__arguments=secret, gen_ai__tool__call__result=secret, **CALL))]).one(
        "usage"
    )
    assert secret not in str(row)


def test_a_copied_mapping_may_add_what_the_operator_logs(load, tmp_path):
    from grantlens.loaders.mapped import mapping

    copy = tmp_path / "mine.toml"
    text = (SHIPPED / "otel_genai.toml").read_text().replace('name = "otel_genai"', 'name = "my_spans"')
    copy.write_text(re.sub("^token_id = .*", 'token_id = "attributes.acme.token.id"', text, flags=re.MULTILINE))
    row = load([export(span(1, acme__token__id="jti-1", **CALL))], mapping(copy)).one("usage")
    assert (row["token_id"], row["source"]) == ("jti-1", "my_spans")


# --- Kong Gateway ---


def kong(**more):
    return {
        "started_at": 1782900000250,
        "client_ip": "203.0.113.7",
        "latencies": {"proxy": 171, "kong": 1, "request": 173},
        "request": {
            "id": "2f6946328ffc4946b8c9120704a4a155", "method": "POST", "uri": "/mcp?token=x", "size": 75,
            "headers": {"host": "gw.acme.example", "user-agent": "agent/1", "mcp-session-id": "s1", "x-authenticated-userid": "jo"},
        },
        "response": {"status": 200, "size": 434, "headers": {"via": "1.1 kong/3.13"}},
        "service": {"id": "0590139e", "name": "mail", "host": "mail.acme.example", "created_at": 1521555129},
        "route": {"id": "r1", "name": "mail-mcp", "created_at": 1726782477},
        "consumer": {"id": "c1", "username": "mail-copilot", "created_at": 1674035962},
        "authenticated_entity": {"id": "eaa330c0", "consumer_id": "c1", "key": "2b64e2f0193851d4"},
        **more,
    }  # fmt: skip


def mcp(method, tool=None, audit=None, **more):
    call = {"method": method, "id": "2", "latency": 6, **({"tool_name": tool} if tool else {}), **more}
    return {"mcp": {"mcp_session_id": "s2", "rpc": [call] if method else [], **({"audit": audit} if audit else {})}}


def test_a_request_of_kong(load):
    loaded = load([kong()])
    assert loaded.batch["loader"] == "kong"
    row = loaded.one("usage")
    assert row | {
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), "event_id": "2f6946328ffc4946b8c9120704a4a155", "client_id": "c1",
        "client_name": "mail-copilot", "token_id": "eaa330c0", "session_id": "s1", "resource_server": "mail", "method": "POST",
        "target": "/mcp", "operation": None, "status": 200, "outcome": "success", "response_bytes": 434, "ip": "203.0.113.7",
        "subject_id": None,
    } == row, "a header that anybody can send names nobody"  # fmt: skip
    assert "2b64e2f0193851d4" not in str(loaded.rows), "the credential itself"


FAILED = '{"jsonrpc":"2.0","id":2,"result":{"content":[],"isError":true}}'
DENY = [{"primitive_name": "delete_mail", "primitive": "tool", "action": "deny", "scope": "primitive"}]


@pytest.mark.parametrize(
    ("more", "operation", "outcome", "reason"),
    [
        ({"ai": mcp("tools/call", "list_mail")}, "list_mail", "success", None),
        ({"ai": mcp("tools/call", "list_mail", [DENY[0] | {"primitive_name": "list_mail", "action": "allow"}])}, "list_mail", "success", None),
        ({"ai": mcp("tools/call")}, "tools/call", "success", None),
        ({"ai": mcp("tools/call", "list_mail", error="timeout")}, "list_mail", "error", None),
        ({"ai": mcp("tools/call", "list_mail", payload={"response": FAILED})}, "list_mail", "error", None),
        ({"ai": mcp("tools/call", "list_mail", payload={"response": json.dumps({"text": FAILED})})}, "list_mail", "success", None),
        ({"ai": mcp(None, audit=DENY)}, "delete_mail", "denied", "policy"),
        ({"ai": mcp("tools/call", "delete_mail", DENY)}, "delete_mail", "denied", "policy"),
        ({"ai": mcp("tools/list", audit=DENY)}, "tools/list", "success", None),
        ({"response": {"status": 401}}, None, "denied", "token"),
        ({"response": {"status": 403}}, None, "denied", None),
        ({"response": {"status": 429}}, None, "denied", "rate"),
        ({"response": {"status": 502}}, None, "error", None),
    ],
)  # fmt: skip
def test_what_kong_says_of_a_call(load, more, operation, outcome, reason):
    row = load([kong(**more)]).one("usage")
    assert (row["operation"], row["outcome"], row["denial_reason"]) == (operation, outcome, reason)


def test_kong_without_authentication_or_service_names_nobody(load):
    bare = {key: value for key, value in kong().items() if key not in ("consumer", "authenticated_entity", "service")}
    row = load([bare]).one("usage")
    assert (row["client_id"], row["token_id"], row["resource_server"]) == (None, None, "gw.acme.example")


@given(lists_of_damaged([kong(), kong(ai=mcp("tools/call", "list_mail", DENY))]))
@settings(max_examples=10)
def test_damaged_requests_of_kong_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "kong")


# --- LiteLLM ---

KEY, NEXT = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", "a" * 64


def spend(**more):
    return {
        "request_id": "chatcmpl-1", "call_type": "call_mcp_tool", "api_key": KEY, "spend": 0.0, "startTime": "2026-07-01T10:00:00.250Z",
        "endTime": "2026-07-01T10:00:01.250Z", "model": "", "model_group": "", "custom_llm_provider": "", "user": "jo", "end_user": "",
        "metadata": {"user_api_key": KEY, "user_api_key_alias": "mail-copilot", "mcp_tool_call_metadata": {"name": "send", "mcp_server_name": "mail"}},
        "status": "success", "requester_ip_address": "203.0.113.7", "session_id": "s1", "mcp_namespaced_tool_name": "mail-send", **more,
    }  # fmt: skip


def audit(action, number, minute, before=None, after=None, **more):
    return {
        "id": f"a{number}", "updated_at": f"2026-07-01T{minute}:00.000Z", "changed_by": "admin", "changed_by_api_key": "b" * 64, "action": action,
        "table_name": "LiteLLM_VerificationToken", "object_id": KEY, "before_value": before, "updated_values": after, **more,
    }  # fmt: skip


ROW = {"token": KEY, "key_alias": "mail-copilot", "user_id": "jo"}
AUDIT = [
    audit("created", 1, "09:00", None, {"key_alias": "mail-copilot", "user_id": "jo", "token_id": KEY, "expires": "2026-08-01T00:00:00Z"}),
    audit("updated", 2, "09:10", ROW, {"max_budget": 3}),
    audit("rotated", 3, "09:20", ROW, {"token_id": NEXT, "key_alias": "mail-copilot", "user_id": "jo"}),
    audit("blocked", 4, "09:30", ROW, {}),
    audit("deleted", 5, "09:40", ROW | {"token": NEXT}, {}, object_id=NEXT),
    audit("created", 6, "09:50", None, {}, table_name="LiteLLM_TeamTable", object_id="t1"),
]  # fmt: skip


def test_a_key_of_litellm_joins_from_its_making_to_its_calls_and_its_end(load):
    calls = [spend(), spend(request_id="chatcmpl-2", api_key=NEXT, startTime="2026-07-01T09:30:00Z")]
    loaded = load([*calls, *AUDIT], "litellm")
    assert loaded.counts() == {"records": 8, "issuance": 2, "usage": 2, "revocation": 2, "ignored": 3}
    assert loaded.ignored == {
        "key blocked or unblocked: which, it does not say": 1, "other change of a key": 1, "not about keys": 1,
    }  # fmt: skip
    first, second = loaded.rows["usage"]
    made, renewed = loaded.rows["issuance"]
    rotated, deleted = loaded.rows["revocation"]
    assert first["token_id"] == made["token_id"] == renewed["parent_token_id"] == rotated["token_id"]
    assert second["token_id"] == renewed["token_id"] == deleted["token_id"] != first["token_id"]
    assert {row["client_id"] for rows in loaded.rows.values() for row in rows} == {"mail-copilot"}
    assert {row["subject_id"] for rows in loaded.rows.values() for row in rows} == {"jo"}
    assert (
        first
        | {
            "operation": "mail-send",
            "resource_server": "mail",
            "outcome": "success",
            "session_id": "s1",
            "ip": "203.0.113.7",
        }
        == first
    )
    assert (made["expires_at"], made["consent_actor"]) == (datetime(2026, 8, 1, tzinfo=UTC), "admin")
    assert KEY not in str(loaded.rows)


def test_a_masked_name_in_litellms_audit_log_is_no_client(tmp_path):
    """Its audit log shows the beginning and the end of a name; the call with that key was told as another client's (INT-3)."""
    masked = {"key_alias": "mail****ilot", "user_id": "jo", "token_id": KEY}
    rows = [
        audit("created", 1, "09:00", None, masked),
        spend(),
        audit("deleted", 2, "11:00", masked | {"token": KEY}, {}),
    ]
    (tmp_path / "audit.ndjson").write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[2]))
    (tmp_path / "spend.ndjson").write_text(json.dumps(rows[1]))
    with Store(":memory:") as store:
        assert not store.load(tmp_path).failed
        names = [
            store.sql(f"SELECT client_id, client_name FROM {log}").to_pylist() for log in ("issuance", "revocation")
        ]
        assert names == [[{"client_id": None, "client_name": None}]] * 2
        assert gl.detect.run(store, "INT-3")[0].to_dicts() == []
        keys = store.sql(
            "SELECT token_id FROM issuance UNION SELECT token_id FROM usage UNION SELECT token_id FROM revocation"
        )
        assert len(keys.to_pylist()) == 1


def test_litellm_as_csv_of_its_database_gives_the_same_rows(load, tmp_path):
    import csv
    import io

    for records in ([spend()], AUDIT):
        out = io.StringIO()
        rows = csv.DictWriter(out, list(records[0]))
        rows.writeheader()
        for record in records:
            cells = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in record.items()}
            rows.writerow(
                {
                    key: str(value or "").replace("T", " ").rstrip("Z") if key[-4:] in ("Time", "d_at") else value
                    for key, value in cells.items()
                }
            )
        loaded, same = load(out.getvalue()), load(records)
        assert loaded.batch["loader"] == same.batch["loader"] == "litellm"
        for log, found in same.rows.items():
            assert list(map(without_evidence, loaded.rows[log])) == list(map(without_evidence, found))


def without_evidence(row):
    """Leave out what differs from store to store."""
    return {
        key: value
        for key, value in row.items()
        if key not in ("line_no", "batch_id") and not str(value).startswith("sha256:")
    }


@pytest.mark.parametrize(
    ("more", "outcome", "status", "operation"),
    [
        ({"status": "failure", "metadata": {"error_information": {"error_code": "403"}}}, "denied", 403, "mail-send"),
        ({"status": "failure", "metadata": {"error_information": {"error_code": "429"}}}, "denied", 429, "mail-send"),
        ({"status": "failure", "metadata": {"error_information": {"error_code": "Timeout"}}}, "error", None, "mail-send"),
        ({"status": "failure", "metadata": {}}, "error", None, "mail-send"),
        ({"status": None, "metadata": {"status": "success"}}, "success", None, "mail-send"),
        ({"status": None, "metadata": {}}, "success", None, "mail-send"),
        ({"status": None, "metadata": {"error_information": {"error_code": "Timeout"}}}, "error", None, "mail-send"),
        ({"mcp_namespaced_tool_name": None}, "success", None, "send"),
        ({"mcp_namespaced_tool_name": None, "metadata": {"mcp_tool_call_metadata": {"name": "send", "namespaced_tool_name": "mail/send"}}},
         "success", None, "mail/send"),
        ({"mcp_namespaced_tool_name": None, "metadata": {}}, "success", None, "call_mcp_tool"),
        ({"mcp_namespaced_tool_name": None, "call_type": "acompletion", "metadata": {}}, "success", None, "acompletion"),
    ],
)  # fmt: skip
def test_how_a_call_of_litellm_ended(load, more, outcome, status, operation):
    row = load([spend(**more)]).one("usage")
    assert (row["outcome"], row["status"], row["operation"]) == (outcome, status, operation)


def payload(number, code="", **more):
    """Write what a logging callback writes for a call."""
    return {
        "id": f"chatcmpl-{number}", "trace_id": "s1", "call_type": "acompletion", "status": "success", "custom_llm_provider": "acme",
        "startTime": 1782900000.25, "endTime": 1782900001.25, "response_cost": 0.0, "model": "m-1", "model_group": "",
        "messages": [{"role": "user", "content": "hunter2"}], "error_str": None, "error_information": {"error_code": code, "error_class": ""},
        "metadata": {"user_api_key_hash": KEY, "user_api_key_alias": "mail-copilot", "user_api_key_user_id": "jo", "requester_ip_address": "203.0.113.7"},
        **more,
    }  # fmt: skip


def test_what_the_callbacks_of_litellm_write_joins_the_key_as_its_spend_log_does(load):
    payloads = [payload(1), payload(2, "429", status="failure", startTime=1782900060)]
    loaded = load(payloads)
    assert (loaded.batch["loader"], loaded.counts()) == ("litellm", {"records": 2, "usage": 2})
    called, refused = load([*payloads, spend(), *AUDIT]).rows["usage"][:2]
    assert called | {
        "used_at": datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), "ended_at": datetime(2026, 7, 1, 10, 0, 1, 250000, UTC), "outcome": "success",
        "event_id": "chatcmpl-1|1782900000.25", "client_id": "mail-copilot", "subject_id": "jo", "session_id": "s1", "operation": "acompletion",
        "resource_server": "acme", "resource_id": "m-1", "ip": "203.0.113.7", "status": None,
    } == called  # fmt: skip
    assert (refused["outcome"], refused["status"], refused["denial_reason"]) == ("denied", 429, "rate")
    all_rows = load([payload(1), spend(), AUDIT[0]]).rows
    assert len({row["token_id"] for rows in all_rows.values() for row in rows}) == 1
    assert "hunter2" not in str(all_rows)


def test_an_id_that_a_caller_sends_with_all_its_calls_hides_none_in_callbacks(load):
    same = [payload(1, id="mine", model=f"m-{number}", startTime=1782900000 + number * 0.9) for number in range(5)]
    loaded = load([*same, same[0]])
    assert loaded.counts() == {"records": 6, "usage": 5, "duplicates": 1}
    assert [row["resource_id"] for row in loaded.rows["usage"]] == [f"m-{number}" for number in range(5)]


INVALID = "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...8aSP"


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("401", INVALID, "token"),
        (
            "401",
            "key not allowed to access model. Tried to access Authentication Error, Invalid proxy server token",
            None,
        ),
        ("401", "litellm.AuthenticationError: Incorrect API key provided", None),
        ("400", INVALID, None),
        ("429", "", "rate"),
    ],
)
def test_why_litellm_refused_a_call(load, code, message, reason):
    error = {"error_code": code, "error_class": "ProxyException", "error_message": message}
    # refused before it was known what is called: without call_type and api_key
    row = spend(
        request_id="r1",
        api_key="",
        call_type="",
        status="failure",
        metadata={"user_api_key": KEY, "error_information": error},
    )
    told = payload(2, status="failure", error_information=error)
    (refused,), (same,) = (load(records).rows["usage"] for records in ([row], [told]))
    assert refused["denial_reason"] == same["denial_reason"] == reason
    assert refused["outcome"] == ("error" if code == "400" else "denied")


def test_a_key_that_litellm_refused_is_the_key_that_was_deleted(load):
    error = {"error_code": "401", "error_class": "ProxyException", "error_message": INVALID}
    row = spend(api_key="", call_type="", status="failure", metadata={"user_api_key": KEY, "error_information": error})
    nobody = row | {
        "request_id": "chatcmpl-2",
        "api_key": "None",
        "metadata": {"user_api_key": None, "error_information": error},
    }
    loaded = load([row, nobody, *AUDIT], "litellm")
    refused, unknown = loaded.rows["usage"]
    assert refused["token_id"] == loaded.rows["issuance"][0]["token_id"]
    assert unknown["token_id"] is None, "None is no key"


@given(lists_of_damaged([spend(), payload(3), *AUDIT]))
@settings(max_examples=10)
def test_damaged_rows_of_litellm_are_accounted_for(load, records):
    assert_all_accounted_for(load, records, "litellm")
