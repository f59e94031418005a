"""An MCP server hands the tokens of its callers on to the API behind it, as the MCP specification forbids.

The innocent side is a client that asks for a token of its own for each server, a report server that exchanges what it is given, and a token
for both servers. What an investigator must learn: which server took whose tokens, since when, and from where they came.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.loaders.mapped import mapping
from grantlens.rules import find

MCP, TICKETS = "https://mcp.acme.example/tickets", "https://api.acme.example"
JOINED = '[[join]]\nfirst = "issuance"\nsecond = "usage"\nstrength = "token"\nkey = "jti"\n'

# The authorisation server's own log of tokens, and the access log of the gateway that stands before all servers.
ISSUED = f"""
name = "acme"
carries = ["issuance"]
[issuance]
when = {{ event = "token.issued" }}
issued_at = "time"
kind = {{ path = "grant", values = {{ "token-exchange" = "exchange" }}, otherwise = "token" }}
token_kind = {{ constant = "access" }}
outcome = {{ constant = "success" }}
token_id = "jti"
parent_token_id = "subject_jti"
client_id = "client"
subject_id = "sub"
scopes = "scope"
audience = "aud"
{JOINED}"""
CALLED = f"""
name = "acme"
carries = ["usage"]
[usage]
when = {{ authority = "*" }}
used_at = "start_time"
resource_server = "authority"
method = "method"
target = "path"
token_id = "jwt.jti"
client_id = "jwt.client_id"
subject_id = "jwt.sub"
ip = "client_ip"
status = "response_code"
outcome = {{ path = "response_code", values = {{ "2*" = "success", "401" = "denied", "403" = "denied" }}, otherwise = "error" }}
{JOINED}"""


def at(day, hour, minute=0, second=0):
    return datetime(2026, 5, day, hour, minute, second, tzinfo=UTC).isoformat()


def issued(when, jti, client, sub, *audience, grant="authorization_code", parent=None):
    record = {
        "time": when,
        "event": "token.issued",
        "jti": jti,
        "client": client,
        "sub": sub,
        "grant": grant,
        "scope": "tickets",
    }
    return {**record, "aud": list(audience), **({"subject_jti": parent} if parent else {})}


def call(when, jti, client, sub, host, ip, path="/mcp", code=200):
    return {
        "start_time": when, "authority": host, "method": "POST", "path": path, "response_code": code, "client_ip": ip,
        "jwt": {"jti": jti, "client_id": client, "sub": sub},
    }  # fmt: skip


@pytest.fixture
def store(tmp_path):
    tokens, calls = [], []
    for day in range(4, 15):
        # The desk client, and a script that keeps a token for each server.
        for sub in ("ann", "ben"):
            jti = f"desk-{sub}-{day}"
            tokens.append(issued(at(day, 9), jti, "desk-agent", sub, MCP))
            calls.append(call(at(day, 9, 1), jti, "desk-agent", sub, "mcp.acme.example", "192.0.2.7"))
            if day >= 11:  # a new version of the MCP server
                calls.append(
                    call(at(day, 9, 1, 1), jti, "desk-agent", sub, "api.acme.example:443", "10.0.0.5", "/v2/tickets")
                )
        tokens.append(issued(at(day, 10), f"script-{day}", "nightly", None, TICKETS))
        calls.append(
            call(at(day, 10, 5), f"script-{day}", "nightly", None, "api.acme.example", "192.0.2.9", "/v2/tickets")
        )
        # The report server exchanges what it is given, and one old token is for both.
        tokens += [
            issued(at(day, 11), f"rep-{day}", "reports", "ann", MCP),
            issued(
                at(day, 11, 0, 1),
                f"rep-api-{day}",
                "reports",
                "ann",
                TICKETS,
                grant="token-exchange",
                parent=f"rep-{day}",
            ),
            issued(at(day, 12), f"both-{day}", "old-desk", "ben", MCP, TICKETS),
        ]
        calls += [
            call(at(day, 11, 1), f"rep-{day}", "reports", "ann", "mcp.acme.example", "192.0.2.7"),
            call(at(day, 11, 1, 1), f"rep-api-{day}", "reports", "ann", "api.acme.example", "10.0.0.6", "/v2/tickets"),
            call(at(day, 12, 1), f"both-{day}", "old-desk", "ben", "mcp.acme.example", "192.0.2.8"),
            call(at(day, 12, 2), f"both-{day}", "old-desk", "ben", "api.acme.example", "192.0.2.8", "/v2/tickets"),
            # Somebody tries a token for the MCP server at the API directly, and another server refuses it.
            call(at(day, 12, 3), f"rep-{day}", "reports", "ann", "files.acme.example", "192.0.2.7", "/", 401),
        ]
    with gl.open(":memory:") as opened:
        for name, text, records in (("issued", ISSUED, tokens), ("called", CALLED, calls)):
            (tmp_path / f"{name}.toml").write_text(text)
            (tmp_path / f"{name}.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
            report = opened.load(tmp_path / f"{name}.ndjson", loader=mapping(tmp_path / f"{name}.toml"))
            assert report.total("rejected") == 0
        yield opened


def test_what_was_handed_on_is_found_and_nothing_else(store):
    took, opened = (found.to_dicts() for found in gl.detect.run(store, ["OOS-2", "OOS-7"]))
    assert [(row["verdict"], row["title"]) for row in took] == [
        ("violation", f"api.acme.example:443 took 8 tokens of desk-agent that are for {MCP}")
    ]
    (found,) = opened
    assert (found["verdict"], found["severity"]) == ("violation", "critical")
    assert found["title"] == f"8 tokens of desk-agent for {MCP} also opened api.acme.example:443"
    assert (found["first_seen"][:19], found["last_seen"][:19]) == ("2026-05-11T09:01:00", "2026-05-14T09:01:01")
    assert (found["detail"]["calls"], found["detail"]["not_for"]) == (16, ["api.acme.example:443"])
    assert (found["client_id"], found["subject_id"], found["token_id"]) == ("desk-agent", None, None)


def test_the_store_says_that_it_can_tell(store):
    (source,) = held(store)
    assert {conclude(find(rule), source.source).level for rule in ("OOS-2", "OOS-7")} == {"verdict"}


def event(type_, minute, client, **details):
    moment = datetime(2026, 5, 4, 9, tzinfo=UTC) + timedelta(minutes=minute)
    return {
        "id": f"{type_}-{minute}", "time": int(moment.timestamp() * 1000), "type": type_, "realmId": "acme", "clientId": client,
        "userId": "u-1", "sessionId": "s-1", "ipAddress": "192.0.2.7", "error": None, "details": details,
    }  # fmt: skip


def test_in_keycloak_s_log_a_server_only_asks(replay):
    store = replay(
        events_ndjson=[
            event("TOKEN_EXCHANGE", 0, "desk-agent", token_id="t-1", audience="mcp-tickets"),
            event("TOKEN_EXCHANGE", 1, "reports", token_id="t-2", audience="tickets-api"),
            event("INTROSPECT_TOKEN", 2, "mcp-tickets", token_id="t-1", token_issued_for="desk-agent"),
            event("INTROSPECT_TOKEN", 3, "tickets-api", token_id="t-1", token_issued_for="desk-agent"),
            event("INTROSPECT_TOKEN", 4, "tickets-api", token_id="t-2", token_issued_for="reports"),
            event("INTROSPECT_TOKEN", 5, "reports", token_id="t-2", token_issued_for="reports"),
            event("USER_INFO_REQUEST", 6, "desk-agent", token_id="t-1"),
        ]
    )
    took, opened = (found.to_dicts() for found in gl.detect.run(store, ["OOS-2", "OOS-7"]))
    assert [(row["verdict"], row["title"]) for row in (*took, *opened)] == [
        (
            "indeterminate",
            "tickets-api asked about a token issued for mcp-tickets, and the log does not say whether it took it",
        ),
        (
            "indeterminate",
            "A token of desk-agent for mcp-tickets came to mcp-tickets, tickets-api, and the log does not say whether each took it",
        ),
    ]


def test_nor_does_it_say_that_a_token_opened_what_asked_about_it(replay):
    store = replay(
        events_ndjson=[
            event("TOKEN_EXCHANGE", 0, "reports", token_id="t-1", audience="tickets-api"),
            event("TOKEN_EXCHANGE", 0, "desk-agent", token_id="t-2", audience="mcp-tickets") | {"id": "e-2"},
            event("CODE_TO_TOKEN", 1, "desk-agent", token_id="t-3"),
            event("INTROSPECT_TOKEN", 2, "tickets-api", token_id="t-3", token_issued_for="desk-agent"),
            event("INTROSPECT_TOKEN", 3, "mcp-tickets", token_id="t-3", token_issued_for="desk-agent"),
            event("INTROSPECT_TOKEN", 4, "other-api", token_id="t-2", token_issued_for="desk-agent"),
        ]
    )
    took, opened = (found.to_dicts() for found in gl.detect.run(store, ["OOS-2", "OOS-7"]))
    assert [(row["verdict"], row["title"]) for row in (*took, *opened)] == [
        (
            "indeterminate",
            "other-api asked about a token issued for mcp-tickets, and nothing tells whether that is the same server",
        ),
        (
            "indeterminate",
            "A token of desk-agent came to mcp-tickets, tickets-api, and no log says for which it was issued",
        ),
    ]
