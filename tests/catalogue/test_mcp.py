"""Tools of MCP servers, as captured; and calls of them judged."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import token, use


def tool(name, *schemes, **more):
    """Write a tool as tools/list gives it; a scheme is a list of scopes, or None for noauth."""
    listed = [{"type": "noauth"} if one is None else {"type": "oauth2", "scopes": one} for one in schemes]
    said = {"name": name, "description": "…", "inputSchema": {"type": "object"}, **more}
    return {**said, "securitySchemes": listed} if listed else said


def refusal(server, name, scope, **more):
    """Write a refusal as a gateway logs it."""
    header = f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="https://{server}/.well-known/x"'
    return {"server": server, "tool": name, "www_authenticate": header, **more}


def write(path, *records):
    """Write records one a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


ANSWER = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {
        "tools": [
            tool("search", None),
            tool("read_file", ["files:read"]),
            tool("share", ["files:read", "people:read"], ["admin"]),
            tool("whoami", []),
            tool("old"),
        ],
        "nextCursor": "x",
    },
}
SERVER = "files.example"


@pytest.fixture
def captured(tmp_path):
    return write(tmp_path / "tools.json", ANSWER)


def operations(built):
    """Return what is known of each tool, by server and name."""
    return {(row["host"], row["op_name"]): row for row in built.tables["cat_operation"].to_pylist()}


def certainties(built, name):
    """Return the certainty of the requirements of a tool."""
    ids = {row["op_id"] for row in built.tables["cat_operation"].to_pylist() if row["op_name"] == name}
    return {row["certainty"] for row in built.tables["cat_requirement"].to_pylist() if row["op_id"] in ids}


def test_a_captured_list(captured, alternatives):
    built = Catalogue.build("mcp", captured, server="https://Files.example/mcp")
    assert built.counts["cat_operation"] == 5
    assert built.counts["cat_scope"] == 3
    assert built.counts["cat_requirement"] == 1 + 1 + 3 + 1
    assert alternatives(built, "search") == {("any", frozenset())}
    assert alternatives(built, "read_file") == {("any", frozenset(["files:read"]))}
    assert alternatives(built, "share") == {
        ("any", frozenset(["files:read", "people:read"])),
        ("any", frozenset(["admin"])),
    }
    assert operations(built)[SERVER, "old"]["security"] == "unknown"
    assert operations(built)[SERVER, "read_file"]["kind"] == "tool"
    meta = built.meta
    assert (meta["catalogue"], meta["source"], meta["list_rule"]) == ("mcp-files.example", "mcp", "all")


def test_the_copy_in_meta_and_a_pretty_printed_file(tmp_path, alternatives):
    meta = {"securitySchemes": [{"type": "oauth2", "scopes": ["a"]}]}
    path = tmp_path / "tools.json"
    path.write_text(json.dumps({"tools": [tool("x", _meta=meta)]}, indent=2))
    assert alternatives(Catalogue.build("mcp", path, server="s"), "x") == {("any", frozenset(["a"]))}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_event_stream_as_servers_answer(tmp_path, alternatives, end):
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
    whole = json.dumps(ANSWER)
    lines = ["", "event: message", f"data: {json.dumps(progress)}", "", "id: 7", "event: message"]
    comma = whole.index(", ") + 1
    lines += [f"data: {whole[:comma]}", f"data:{whole[comma:]}"]  # one event may have several lines
    path = tmp_path / "answer.txt"
    path.write_text(end.join(lines), newline="")
    built = Catalogue.build("mcp", path, server=SERVER)
    assert built.counts["cat_operation"] == 5
    assert alternatives(built, "read_file") == {("any", frozenset(["files:read"]))}


def test_an_event_stream_that_is_cut(tmp_path):
    path = tmp_path / "answer.txt"
    path.write_text('event: message\ndata: {"result": {"tools": [\n')
    with pytest.raises(CatalogueError, match="line 2"):
        Catalogue.build("mcp", path, server=SERVER)


def test_the_same_name_on_two_servers_is_two_tools(tmp_path):
    lists = [{"server": "a.example", "tools": [tool("x", ["a"])]}, {"server": "b.example", "tools": [tool("x", ["b"])]}]
    built = Catalogue.build("mcp", write(tmp_path / "tools.ndjson", *lists))
    assert set(operations(built)) == {("a.example", "x"), ("b.example", "x")}
    assert built.name == "mcp"


def test_a_tool_that_changed_has_another_reference(tmp_path):
    """The same name with another schema is another state of the tool."""

    def reference(**schema):
        path = write(tmp_path / "tools.json", {"tools": [tool("x", ["a"], inputSchema=schema)]})
        return operations(Catalogue.build("mcp", path, server="s"))["s", "x"]["source_ref"]

    assert reference(type="object") == reference(type="object") != reference(type="array")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["files:write"], {frozenset(["files:write"])}),
        (["files:read files:write"], {frozenset(["files:read", "files:write"])}),
        # what the client held already may stand beside what was missing
        (["files:write mail", "files:write people", "files:write"], {frozenset(["files:write"])}),
        # nothing in common: it depends on the file
        (["own:write", "team:write"], {frozenset(["own:write"]), frozenset(["team:write"])}),
    ],
)
def test_refusals_teach_what_is_needed(tmp_path, alternatives, asked, found):
    path = write(tmp_path / "refusals.ndjson", *(refusal(SERVER, "write", scope) for scope in asked))
    built = Catalogue.build("mcp", path)
    assert {group for _, group in alternatives(built, "write")} == found
    assert certainties(built, "write") == {"observed_challenge"}


def test_what_was_asked_for_beats_what_is_declared(tmp_path, alternatives):
    write(tmp_path / "a.ndjson", {"server": SERVER, **ANSWER})
    write(tmp_path / "b.ndjson", refusal(SERVER, "read_file", "files:full"), refusal("other.example", "share", "x"))
    built = Catalogue.build("mcp", tmp_path)
    assert alternatives(built, "read_file") == {("any", frozenset(["files:full"]))}
    assert certainties(built, "read_file") == {"observed_challenge"}
    assert operations(built).keys() >= {(SERVER, "share"), ("other.example", "share")}
    assert built.meta["notes"] == ["1 tools were refused for other scopes than they declare: the refusals count."]


def test_refusals_that_teach_nothing_are_counted(tmp_path):
    records = [
        refusal(SERVER, "x", "a"),
        {"server": SERVER, "tool": "y", "www_authenticate": 'Bearer error="insufficient_scope"'},
        {"server": SERVER, "tool": "y", "www_authenticate": 'Bearer error="invalid_token"'},
    ]
    built = Catalogue.build("mcp", write(tmp_path / "r.ndjson", *records))
    assert set(operations(built)) == {(SERVER, "x")}
    assert len(built.meta["notes"]) == 2


SCOPES = st.lists(st.sampled_from("abc"), max_size=3, unique=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tools=st.dictionaries(
        st.tuples(st.sampled_from(["s", "t"]), st.sampled_from(["x", "y"])),
        st.tuples(st.lists(SCOPES, max_size=2), st.lists(SCOPES.filter(bool), max_size=2)),
        min_size=1,
    )
)
def test_any_capture_says_what_plain_python_says(tmp_path, tools):
    records = [{"server": server, "tools": [tool(name, *declared)]} for (server, name), (declared, _) in tools.items()]
    records += [
        refusal(server, name, " ".join(asked)) for (server, name), (_, refused) in tools.items() for asked in refused
    ]
    built = Catalogue.build("mcp", write(tmp_path / "all.ndjson", *records))
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    groups = {}
    for row in built.tables["cat_requirement"].to_pylist():
        groups.setdefault(row["op_id"], {}).setdefault(row["alt"], set()).add(scopes.get(row["scope_id"]))
    for key, row in operations(built).items():
        declared, refused = tools[key]
        common = set.intersection(*map(set, refused)) if refused else set()
        wanted = [common] if common else refused or [one or [None] for one in declared]
        found = {frozenset(group) for group in groups.get(row["op_id"], {}).values()}
        assert found == {frozenset(group) for group in wanted}


def call(name, server=SERVER, token_id="t1", **who):
    """Write a call of a tool, as a gateway that knows the token logs it."""
    return use("10 09:05", "POST /mcp", token_id, server, operation=name, **who)


UNKNOWN = (None, "indeterminate")
CASES = (
    (["files:read"], "read_file", None),
    (["people:read"], "read_file", ("read_file", "violation")),
    (["files:read", "people:read"], "share", None),
    (["files:read"], "share", ("share", "violation")),
    (["admin"], "share", None),
    ([], "search", None),
    (["files:read"], "old", UNKNOWN),
    (["files:read"], "unheard_of", UNKNOWN),
    (["files:read"], "tools/call", UNKNOWN),  # the log does not say which tool
)
"""Scopes of a token, the tool it called, and what is found."""


def test_calls_of_tools_are_judged(judge, captured):
    records = []
    for number, (scopes, called, _) in enumerate(CASES):
        records.append(token("10 09:00", f"t{number}", scopes, "10 12:00", client_id=f"c{number}", grant_id=None))
        records.append(call(called, token_id=f"t{number}", client_id=f"c{number}"))
    found = judge("mcp", captured, records, options=("--server", SERVER)).by_client()
    assert found == {f"c{number}": found for number, (_, _, found) in enumerate(CASES) if found}


def test_a_tool_of_another_server_is_another_tool(judge, captured):
    records = [token("10 09:00", "t1", [], "10 12:00"), call("read_file", "mail.example")]
    judged = judge("mcp", captured, records, options=("--server", SERVER))
    assert judged.verdicts() == {(None, "indeterminate")}


def test_a_call_is_judged_by_a_refusal_of_yesterday(judge, tmp_path):
    refused = write(tmp_path / "refusals.ndjson", refusal(SERVER, "write", "files:write"))
    records = [
        token("10 09:00", "t1", ["files:read"], "10 12:00"),
        token("10 09:00", "t2", ["files:write"], "10 12:00"),
        call("write"),
        call("write", token_id="t2"),
    ]
    judged = judge("mcp", refused, records)
    assert judged.verdicts() == {("write", "violation")}
    assert [finding["token_id"] for finding in judged.findings] == ["t1"]


def test_a_tool_of_the_real_gateway_log_is_known(judge, shared, tmp_path):
    log = shared / "real-logs" / "mcp_gateway" / "envoy-ai-gateway-access.ndjson"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    entry = next(entry for entry in entries if entry.get("mcp.method.name") == "tools/call")
    named = entry.get("mcp.tool.name") or "tools/call"
    captured = write(tmp_path / "tools.json", {"tools": [tool(named, ["docs:read"])]})
    judged = judge("mcp", captured, log, options=("--server", entry["mcp.provider.name"]))
    assert judged.calls[named] == named
    assert judged.verdicts() == {(None, "indeterminate")}  # the gateway logs no token: nobody knows its scopes


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"tools": [tool("x")]}], "line 1 names no server"),
        ([{"server": "s", "tools": [{"title": "x"}]}], "line 1: tool 1 has no name"),
        ([refusal("s", "x", "a"), {"server": "s", "www_authenticate": "Bearer"}], "line 2 names no tool"),
        ([{"server": "s", "tool": "x", "www_authenticate": 7}], "line 1: 'www_authenticate'"),
        ([{"server": "s", "openapi": "3.0.0"}], "neither an answer to tools/list nor a refusal"),
        ([{"server": "s", "tools": [tool("x", "a b")]}], "scopes of tool 'x' must be a list"),
        ([{"server": "s", "tools": []}], "holds no tool"),
    ],
)
def test_a_mistake_names_its_place(tmp_path, records, says):
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("mcp", write(tmp_path / "capture.ndjson", *records))


def test_a_line_that_is_no_json(tmp_path):
    path = write(tmp_path / "capture.ndjson", refusal("s", "x", "a"))
    path.write_text(path.read_text() + '{"server" "s"}\n')
    with pytest.raises(CatalogueError, match="line 2"):
        Catalogue.build("mcp", path)
