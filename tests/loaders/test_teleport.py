"""The Teleport loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

from grantlens.store import Store

NAME = "panther-teleport.ndjson"


def event(kind, *, number=1, code="T1000I", at="2026-07-01T10:00:00.123456Z", **changes):
    """Write one audit event."""
    own = {"event": kind, "code": code, "time": at, "uid": f"uid {number}", "cluster_name": "acme", "user": "admin"}
    return own | changes


def certificate(user="ada", impersonator=None, *, expires="2026-07-01T22:00:00.444444428Z", **more):
    """Write the creation of a certificate."""
    identity = {
        "user": user,
        "impersonator": impersonator,
        "roles": ["access", "editor"],
        "expires": expires,
        "route_to_cluster": "acme",
    }
    return event("cert.create", code="TC000I", cert_type="user", identity=identity, **more)


@pytest.fixture(scope="module")
def real(shared, load_file):
    return load_file(shared / "real-logs/saas_misc" / NAME)


def test_every_real_record_is_accounted_for(real):
    assert real.batch["loader"] == "teleport"
    assert real.counts() == {"records": 10, "issuance": 1, "usage": 1, "revocation": 1, "ignored": 7}
    assert real.ignored == {"act in a session": 4, "not about delegated access": 1, "sign-in of a person": 2}


def test_real_records_read_twice(real, shared):
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    records = {record["event"]: record for record in map(json.loads, lines)}
    made, refused, locked = real.one("issuance"), real.one("usage"), real.one("revocation")
    identity = records["cert.create"]["identity"]
    assert (made["subject_id"], made["scopes"]) == (identity["user"], identity["roles"])
    assert identity["impersonator"] == identity["user"]
    assert (made["kind"], made["actor_chain"], made["client_id"]) == ("token", None, identity["user"])
    assert (made["expires_at"].year, made["subject_kind"]) == (2043, "service")
    assert (refused["outcome"], refused["denial_reason"], refused["subject_id"]) == (
        "denied",
        "scope",
        records["auth"]["user"],
    )
    assert (locked["target_kind"], locked["subject_id"]) == ("subject", records["lock.created"]["target"]["user"])
    assert locked["actor_id"] == records["lock.created"]["updated_by"]


def test_certificate_for_another_user_is_an_exchange(load):
    row = load([certificate("ada", "bot-deploy")]).one("issuance")
    assert (row["kind"], row["subject_id"], row["actor_chain"]) == ("exchange", "ada", ["bot-deploy"])
    assert (row["client_id"], row["token_id"], row["subject_kind"]) == (None, None, "user")
    assert (row["scopes"], row["audience"], row["tenant"]) == (["access", "editor"], ["acme"], "acme")
    assert row["expires_at"] == datetime(2026, 7, 1, 22, 0, 0, 444444, tzinfo=UTC)


def test_the_year_one_is_no_time(load):
    assert load([certificate(expires="0001-01-01T00:00:00Z")]).one("issuance")["expires_at"] is None


def test_name_of_a_join_token_is_a_secret(load):
    loaded = load([event("join_token.create", name="hunter2", roles=["Node"], expires="2026-07-01T11:00:00Z")])
    row = loaded.one("issuance")
    assert (row["kind"], row["token_id"], row["scopes"]) == ("credential", None, ["Node"])
    assert row["expires_at"] == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert "hunter2" not in str(loaded.rows)


def test_locks_and_deletions(load):
    loaded = load(
        [
            event("lock.created", target={"user": "ada"}),
            event("lock.created", number=2, target={"role": "editor"}),
            event("user.delete", number=3, name="ada"),
            event("bot.delete", number=4, name="deploy"),
            event("lock.deleted", number=5, name="x"),
            event("access_request.update", number=6, state="APPROVED"),
        ]
    )
    assert [(row["target_kind"], row["subject_id"]) for row in loaded.rows["revocation"]] == [
        ("subject", "ada"),
        ("policy", None),
        ("subject", "ada"),
        ("subject", "bot-deploy"),
    ]
    assert loaded.ignored == {"lock that was lifted": 1, "request for roles, before any certificate": 1}


def test_a_lock_that_ends_by_itself_ends_nobody(load):
    loaded = load(
        [
            event("lock.created", target={"user": "ada"}, expires="0001-01-01T00:00:00Z"),
            event("lock.created", number=2, target={"user": "ben"}, expires="2026-07-01T20:00:00Z"),
        ]
    )
    assert [row["subject_id"] for row in loaded.rows["revocation"]] == ["ada"]
    assert loaded.ignored == {"lock that ends by itself": 1}


def test_locked_bot_loses_its_grant(tmp_path):
    path = tmp_path / "log.ndjson"
    records = [
        certificate("bot-deploy"),
        event("lock.created", number=2, at="2026-07-01T12:00:00Z", target={"user": "bot-deploy"}),
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        (state,) = store.sql("SELECT client_id, ended_at FROM grant_state").to_pylist()
    assert state == {"client_id": "bot-deploy", "ended_at": datetime(2026, 7, 1, 12, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("error", "denial"),
    [('principal "x" not in the set of valid principals for given certificate', "scope"), ("expired", "other")],
)
def test_refused_authentication(load, error, denial):
    row = load([event("auth", success=False, error=error, user="ada")]).one("usage")
    assert (row["outcome"], row["denial_reason"], row["subject_id"]) == ("denied", denial, "ada")


def mcp(number, message, *, user="ada", code="TMCP003I", **more):
    """Write one request to an MCP server."""
    own = {"user": user, "code": code, "number": number, "sid": "s1", "app_name": "tickets", "message": message}
    return event("mcp.session.request", **own, **more)


def tool(name, **arguments):
    """Write the message that calls a tool."""
    params = {} if name is None else {"name": name, "arguments": arguments}
    return {"id": "int64:2", "jsonrpc": "2.0", "method": "tools/call", "params": params}


REFUSED = {"code": "TMCP003E", "success": False}


@pytest.mark.parametrize(
    ("request_", "operation", "resource_id", "outcome", "reason"),
    [
        (mcp(1, tool("close_ticket"), success=True), "close_ticket", None, "success", None),
        (mcp(1, tool("close_ticket")), "close_ticket", None, "success", None),
        (mcp(1, tool(None), success=True), "tools/call", None, "success", None),
        (mcp(1, {"method": "initialize", "params": {"clientInfo": {"name": "x"}}}, success=True), "initialize", None, "success", None),
        (mcp(1, {"method": "resources/read", "params": {"uri": "memo://1"}}, success=True), "resources/read", "memo://1", "success", None),
        (mcp(1, {"method": "prompts/get", "params": {"name": "hello"}}, success=True), "prompts/get", "hello", "success", None),
        (mcp(1, tool("drop"), error="access denied", **REFUSED), "drop", None, "denied", "scope"),
        (mcp(1, tool("drop"), error="access to app denied. Confirm.", **REFUSED), "drop", None, "denied", "scope"),
        (mcp(1, tool("drop"), error="HTTP 401 Unauthorized", **REFUSED), "drop", None, "denied", "other"),
        (mcp(1, tool("drop"), error="HTTP 502 Bad Gateway", **REFUSED), "drop", None, "error", None),
        (mcp(1, "no object", success=True), None, None, "success", None),
    ],
)  # fmt: skip
def test_a_request_to_an_mcp_server_is_a_use(load, request_, operation, resource_id, outcome, reason):
    row = load([request_]).one("usage")
    assert row | {
        "operation": operation, "resource_id": resource_id, "outcome": outcome, "denial_reason": reason, "resource_server": "tickets",
        "session_id": "s1", "subject_id": "ada", "client_id": None, "tenant": "acme",
    } == row  # fmt: skip


def test_an_mcp_request_of_a_bot_names_it_and_no_argument_is_kept(load):
    kinds = ("start", "notification", "end")
    others = [event(f"mcp.session.{kind}", number=number, code="TMCP001I") for number, kind in enumerate(kinds, 2)]
    loaded = load(
        [mcp(1, tool("close_ticket", password="hunter2"), user="bot-deploy", user_kind=2, success=True), *others]
    )
    row = loaded.one("usage")
    assert (row["client_id"], row["subject_id"], row["operation"]) == ("bot-deploy", "bot-deploy", "close_ticket")
    assert loaded.ignored == {"act in a session": 3}
    assert "hunter2" not in str(loaded.rows)


def test_an_svid_is_a_token_known_by_its_serial_number(load):
    svid = {"spiffe_id": "spiffe://acme/bar", "serial_number": "d1:e5:fc", "svid_type": "x509", "user_kind": 2}
    issued, refused = load(
        [
            event("spiffe.svid.issued", code="TSPIFFE000I", user="bot-deploy", **svid),
            event("spiffe.svid.issued", number=2, code="TSPIFFE000E", user=None),
        ]
    ).rows["issuance"]
    assert (issued["kind"], issued["outcome"], issued["token_kind"]) == ("token", "success", "access")
    assert (issued["token_id"], issued["client_id"], issued["subject_id"]) == ("d1:e5:fc", "bot-deploy", "bot-deploy")
    assert json.loads(issued["authorization_details"]) == {"spiffe_id": "spiffe://acme/bar"}
    assert issued["subject_kind"] == "service"
    assert (refused["outcome"], refused["token_id"], refused["client_id"]) == ("denied", None, None)
    assert (refused["subject_id"], refused["subject_kind"]) == (None, None)


def test_a_bot_that_may_not_join_gets_no_certificate_and_what_it_joins_with_is_never_named(load):
    joins = {"method": "token", "token_name": "hunter2", "user": None}
    loaded = load(
        [
            event("bot.join", code="TJ001I", bot_name="deploy", success=True, **joins),
            event("bot.join", number=2, code="TJ001E", bot_name="deploy", success=False, error="x", **joins),
            event("bot.join", number=3, code="TJ001E", bot_name="unknown", success=False, error="x", **joins),
        ]
    )
    rows = [tuple(row[name] for name in ("kind", "outcome", "client_id")) for row in loaded.rows["issuance"]]
    assert rows == [("token", "denied", "bot-deploy"), ("token", "denied", None)]
    assert loaded.ignored == {"join of a bot, before its certificate": 1}
    assert "hunter2" not in json.dumps(loaded.rows, default=str)


def test_broken_and_double_records(load):
    good = certificate(number=9)
    loaded = load(
        [
            certificate(at="2026-07-01T10:00:000.0Z"),
            certificate(at=None),
            certificate(user=None),
            event("user.delete"),
            event(None),
            event("role.created", at="no time, but nobody asks"),
            good,
            good,
        ],
        "teleport",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "time is no time",
        2: "issued_at: missing",
        3: "names no user",
        4: "names no user",
        5: "event is missing",
    }
    assert loaded.ignored == {"not about delegated access": 1}
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)


BOT = {"user": "bot-deploy", "user_kind": 2, "bot_name": "deploy", "sid": "s1"}
POD = {
    "kubernetes_cluster": "prod",
    "verb": "delete",
    "request_path": "/api/v1/namespaces/a/pods/web?x=1",
    "resource_name": "web",
}
QUERY = {"db_service": "orders", "db_name": "main", "db_query": "SELECT secret"}


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (event("kube.request", code="T3009I", response_code=200, **POD, **BOT), ("prod", "DELETE", None, "web", "success", None)),
        (event("kube.request", code="T3009I", response_code=403, **POD, **BOT), ("prod", "DELETE", None, "web", "denied", "other")),
        (event("kube.request", code="T3009I", response_code=401, **POD, **BOT), ("prod", "DELETE", None, "web", "denied", "other")),
        (event("kube.request", code="T3009I", response_code=500, **POD, **BOT), ("prod", "DELETE", None, "web", "error", None)),
        (event("db.session.query", code="TDB02I", success=True, **QUERY, **BOT), ("orders", None, "db.session.query", "main", "success", None)),
        (event("db.session.query", code="TDB02I", **QUERY, **BOT), ("orders", None, "db.session.query", "main", "success", None)),
        (
            event("db.session.query.failed", code="TDB02W", error="access to db denied", **QUERY, **BOT),
            ("orders", None, "db.session.query.failed", "main", "denied", "scope"),
        ),
        (event("db.session.start", code="TDB00I", success=True, **QUERY, **BOT), ("orders", None, "db.session.start", "main", "success", None)),
        (
            event("db.session.start", code="TDB00W", success=False, error="access to db denied. User does not have permissions.", **QUERY, **BOT),
            ("orders", None, "db.session.start", "main", "denied", "scope"),
        ),
        *(
            (event(f"db.session.{kind}", code="TPG02I", **QUERY, **BOT), ("orders", None, f"db.session.{kind}", "main", "success", None))
            for kind in (
                "postgres.statements.execute", "postgres.function", "mysql.statements.execute", "mysql.statements.bulk_execute", "mysql.drop_db",
                "sqlserver.rpc_request", "spanner.rpc", "cassandra.execute", "cassandra.batch", "elasticsearch.request",
            )
        ),
        *(
            (
                event(f"db.session.{kind}.request", code=code, status_code=status, path="/secret", body={"a": "secret"}, **QUERY, **BOT),
                ("orders", None, f"db.session.{kind}.request", "main", *said),
            )
            for kind in ("dynamodb", "opensearch")
            for code, status, said in (
                ("TDY01I", 200, ("success", None)), ("TDY01I", 403, ("denied", "other")), ("TDY01I", 429, ("denied", "rate")),
                ("TDY01I", 500, ("error", None)), ("TDY01E", 0, ("error", None)),
            )
        ),
        (event("exec", code="T3002I", server_hostname="web-1", command="id", **BOT), ("web-1", None, "exec", None, "success", None)),
        (event("exec", code="T3002E", server_hostname="web-1", exitCode="1", **BOT), ("web-1", None, "exec", None, "error", None)),
    ],
)  # fmt: skip
def test_what_a_bot_does_is_a_use_by_it(load, record, wanted):
    row = load([record]).one("usage")
    told = ("resource_server", "method", "operation", "resource_id", "outcome", "denial_reason")
    assert tuple(row[name] for name in told) == wanted
    assert (row["client_id"], row["subject_id"], row["session_id"]) == ("bot-deploy", "bot-deploy", "s1")
    assert row["target"] in (None, "/api/v1/namespaces/a/pods/web")
    assert "secret" not in str(row)


def test_a_statement_that_is_prepared_or_closed_asks_nothing(load):
    kinds = (
        "postgres.statements.parse",
        "mysql.statements.close",
        "cassandra.prepare",
        "end",
        "malformed_packet",
        "user.create",
    )
    loaded = load([event(f"db.session.{kind}", number=n, **QUERY, **BOT) for n, kind in enumerate(kinds)])
    assert loaded.ignored == {"act in a session": len(kinds)}


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (event("session.start", code="T2000I", server_hostname="web-1", initial_command=["secret"], **BOT), ("web-1", "s1", None, "success")),
        (event("session.start", code="T2000I", kubernetes_cluster="prod", **BOT), ("prod", "s1", None, "success")),
        (event("session.recording.access", code="T2012I", **BOT), ("teleport", None, "s1", "success")),
        (event("app.session.chunk", code="T2008I", app_name="wiki", **BOT), ("wiki", "s1", None, "success")),
        (event("scp", code="T3004I", server_hostname="web-1", path="/secret", action="download", **BOT), ("web-1", "s1", None, "success")),
        (event("sftp", code="TS001E", server_hostname="web-1", path="/secret", error="no such file", **BOT), ("web-1", "s1", None, "error")),
        (event("port", code="T3003I", server_hostname="web-1", addr="secret:22", **BOT), ("web-1", "s1", None, "success")),
        (event("port", code="T3003E", server_hostname="web-1", error="access denied", **BOT), ("web-1", "s1", None, "denied")),
    ],
)  # fmt: skip
def test_sessions_files_and_ports_of_a_bot_are_uses_by_it(load, record, wanted):
    row = load([record]).one("usage")
    assert tuple(row[name] for name in ("resource_server", "session_id", "resource_id", "outcome")) == wanted
    assert (row["client_id"], row["subject_id"], row["operation"]) == ("bot-deploy", "bot-deploy", record["event"])
    assert "secret" not in str(row)


def test_the_end_of_what_a_bot_opened_is_no_further_use(load):
    ended = (("port", "T3003S"), ("session.end", "T2004I"), ("session.leave", "T2003I"), ("session.data", "T2006I"))
    loaded = load([event(kind, code=code, number=number, **BOT) for number, (kind, code) in enumerate(ended)])
    assert loaded.ignored == {"act in a session": 4}


@pytest.mark.parametrize("named", [{"bot_name": "deploy"}, {"user_kind": 2}, {}])
def test_a_bot_is_told_by_any_of_its_names(load, named):
    user = "" if "bot_name" in named else "bot-deploy"
    row = load([event("exec", code="T3002I", user=user, **named)]).one("usage")
    assert (row["client_id"], row["subject_id"]) == ("bot-deploy", "bot-deploy")


def test_the_same_done_by_a_person_is_no_use_and_without_an_answer_nothing_is_guessed(load):
    kinds = (
        "kube.request",
        "db.session.query",
        "db.session.query.failed",
        "exec",
        "session.start",
        "session.recording.access",
        "app.session.chunk",
        "scp",
        "sftp",
        "port",
    )
    people = [event(kind, number=number, user_kind=1, response_code=200) for number, kind in enumerate(kinds)]
    loaded = load([*people, event("kube.request", number=99, **POD, **BOT)])
    assert loaded.counts() == {"records": 11, "ignored": 10, "rejected": 1}
    assert loaded.ignored == {"act in a session": 10}
    assert "outcome" in loaded.rejected[0]["reason"]
