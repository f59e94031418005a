"""What a logged call was: by name, by path, by nobody's knowledge."""

import pytest

from grantlens.catalogue import matcher
from grantlens.catalogue.matcher import match_new
from grantlens.catalogue.servers import server_key, serves

MAIL = """
[catalogue]
name = "mail"
server = "api.mail.example"
base_path = "/v1"

[[operation]]
method = "GET"
path = "/users/{id}/messages"
requires = [["mail.read"]]
name = "messages.list"

[[operation]]
method = "POST"
path = "/users/{id}/messages:send"
requires = [["mail.send"]]
name = "messages.send"

[[operation]]
name = "search"
kind = "tool"
server = "mcp.mail.example"
requires = [["mail.read"]]
"""

FILES = """
[catalogue]
name = "files"

[[operation]]
method = "GET"
path = "/users/{id}/files"
requires = [["files.read"]]
name = "files.list"

[[operation]]
name = "search"
kind = "tool"
server = "mcp.files.example"
requires = [["files.read"]]
"""

LIST, SEND = "GET /users/{id}/messages", "POST /users/{id}/messages:send"


@pytest.fixture
def ask(toml, add, targets, answers):
    def ask_for(*rows):
        targets(*rows)
        add(toml(MAIL), toml(FILES))
        return answers()

    return ask_for


@pytest.mark.parametrize(
    ("server", "method", "target", "label"),
    [
        ("api.mail.example", "GET", "/v1/users/7/messages", LIST),
        ("api.mail.example", "get", "/v1/users/7/messages", LIST),
        ("api.mail.example", "GET", "/users/7/messages", LIST),
        ("https://API.mail.example:443/v1", "GET", "/v1/users/7/messages?page=2", LIST),
        (None, "GET", "https://api.mail.example/v1/users/7/messages#x", LIST),
        ("gateway", "GET", "https://api.mail.example/v1/users/7/messages", LIST),
        ("mail", "GET", "/v1/users/7/messages", LIST),
        ("api.mail.example", "POST", "/v1/users/7/messages:send", SEND),
        ("api.mail.example", "GET", "/v1/users/7%2F8/%6Dessages", LIST),
        ("api.mail.example", "GET", "/v1/users/7/files", None),
        ("anything", "GET", "/users/7/files", "GET /users/{id}/files"),
        ("api.mail.example", "GET", "/users/7/files", "GET /users/{id}/files"),
        (None, "GET", "/v1/users/7/messages", LIST),
        ("other.example", "GET", "/v1/users/7/messages", None),
        ("api.mail.example", "DELETE", "/v1/users/7/messages", None),
        ("api.mail.example", "GET", "/v1/Users/7/messages", None),
        ("api.mail.example", "GET", "", None),
        ("api.mail.example", None, "/v1/users/7/messages", LIST),
        ("api.mail.example", "HEAD", "/v1/users/7/messages", LIST),
    ],
)
def test_by_path(ask, server, method, target, label):
    ((found, match, _),) = ask((server, method, target, None))
    assert found == label
    assert match == ("path" if label else "unmatched")


@pytest.mark.parametrize(
    ("server", "operation", "catalogue"),
    [
        ("api.mail.example", "messages.list", "mail"),
        (None, "messages.list", "mail"),
        ("unknown-gateway", "messages.list", "mail"),
        ("mcp.mail.example", "search", "mail"),
        ("https://mcp.files.example/mcp", "search", "files"),
        (None, "search", None),
        ("elsewhere.example", "search", None),
        ("api.mail.example", "Messages.List", None),
        ("api.mail.example", "nothing", None),
    ],
)
def test_by_name(ask, server, operation, catalogue):
    ((label, match, found),) = ask((server, None, None, operation))
    assert found == catalogue
    assert label == operation, "the log's own name is what findings print"
    assert match == ("name" if catalogue else "unmatched")


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/v1/users/7/messages", "messages.list"),
        ("GET", None, LIST),
        (None, None, LIST),
        ("GET", "/v1/users/7/messages", "/users/{id}/messages"),
    ],
)
def test_names_of_http_operations(ask, method, target, operation):
    ((label, match, catalogue),) = ask(("api.mail.example", method, target, operation))
    assert (label, match, catalogue) == (LIST, "name", "mail")


def test_an_unknown_name_with_a_known_path(ask):
    assert ask(("api.mail.example", "GET", "/v1/users/7/messages", "listMessages")) == [(LIST, "path", "mail")]


@pytest.mark.parametrize(
    "target",
    ["/v1.0/$batch", "/$batch", "/%24batch", "/batch/gmail/v1", "batch", "/graphql", "/mcp", "https://x.example/batch"],
)
def test_containers(ask, target):
    assert ask(("x.example", "POST", target, None)) == [(None, "container", None)]


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [("GET", "/graphql", None), ("POST", "/mcp", "search"), ("POST", "/batches/7", None), ("POST", "/a/batch/7", None)],
)
def test_not_containers(ask, method, target, operation):
    assert ask(("x.example", method, target, operation))[0][1] == "unmatched"


def test_the_same_name_in_two_catalogues_decides_nothing_unless_the_server_does(toml, add, targets, answers):
    text = '[catalogue]\nname = "{0}"\n[[operation]]\nname = "getUser"\nserver = "{0}.example"\nrequires = [["{0}"]]\n'
    targets((None, None, None, "getUser"), ("b.example", None, None, "getUser"), ("a", None, None, "getUser"))
    add(toml(text.format("a")), toml(text.format("b")))
    assert [catalogue for _, _, catalogue in answers()] == [None, "b", "a"]


def test_without_a_server_two_hosts_that_fit_decide_nothing(toml, add, targets, answers):
    text = (
        '[catalogue]\nname = "{0}"\nserver = "{0}.example"\n'
        '[[operation]]\nmethod = "GET"\npath = "/{1}/{{id}}"\nrequires = [["{0}"]]\n'
    )
    targets((None, "GET", "/users/1", None), (None, "GET", "/teams/1", None))
    add(toml(text.format("a", "users")), toml(text.format("b", "{x}")))
    assert [catalogue for _, _, catalogue in answers()] == [None, "b"]


def test_real_catalogues(add, targets, answers, graph, google):
    targets(
        ("https://graph.microsoft.com", "GET", "/v1.0/users/jo@acme.example/messages", None),
        ("00000003-0000-0000-c000-000000000000", "GET", "/beta/me/messages", None),
        ("Microsoft Graph", "POST", "/v1.0/$batch", None),
        ("gmail.googleapis.com", "GET", "/gmail/v1/users/me/messages/18c", None),
        ("www.googleapis.com", "POST", "/upload/drive/v3/files", None),
        ("gmail", None, None, "gmail.users.messages.list"),
        ("admin", None, None, "reports.activities.list"),
        ("www.googleapis.com", "GET", "/drive/v3/Files", None),
        ("graph.microsoft.com", "GET", "/v1.0/ME/Messages", None),
        (
            "graph.microsoft.com",
            "GET",
            "/v1.0/communications/callRecords/getPstnCalls(toDateTime=2026-02-01,fromDateTime=2026-01-01)",
            None,
        ),
    )
    add(graph, google)
    labels = [label for label, _, _ in answers()]
    assert labels[:7] == [
        "GET /users/{id}/messages",
        "GET /me/messages",
        None,
        "GET /gmail/v1/users/{userId}/messages/{id}",
        "POST /upload/drive/v3/files",
        "gmail.users.messages.list",
        "reports.activities.list",
    ]
    assert labels[7] is None, "Google is case-sensitive"
    assert labels[8] == "GET /me/messages", "Microsoft is not"
    assert [match for _, match, _ in answers()][2] == "container"


def test_every_template_finds_itself(engine, add, targets, answers, graph, google):
    import re

    add(graph, google)
    rows = engine.rows(
        "SELECT label, method, host, base_path || template FROM cat_operation "
        "WHERE kind = 'http' AND template NOT LIKE '%?%' ORDER BY op_id"
    )
    slip = re.compile(r"(root:/\{[^{}/]*\})/")
    calls = [
        (label, host, method, re.sub(r"\{[^{}]*\}+", "zz9", slip.sub(r"\1:/", path)))
        for label, method, host, path in rows
    ]
    import pyarrow as pa

    table = pa.table(
        {
            "target_id": pa.array(range(len(calls)), pa.int32()),
            "resource_server": [c[1] for c in calls],
            "method": [c[2] for c in calls],
            "target": [c[3] for c in calls],
        }
    )
    engine.register("calls", table)
    engine.execute("INSERT INTO usage_target (target_id, resource_server, method, target) SELECT * FROM calls")
    with engine.transaction():
        assert match_new(engine) == len(calls)
    wrong = [(call, found) for call, (found, _, _) in zip(calls, answers(), strict=True) if call[0] != found]
    assert wrong == []


def test_only_new_targets_are_matched(engine, toml, add, targets, answers, monkeypatch):
    monkeypatch.setattr(matcher, "STEP", 2)
    monkeypatch.setattr(matcher, "PIECE", 1)
    add(toml(MAIL))
    targets(*[("api.mail.example", "GET", f"/v1/users/{n}/messages", None) for n in range(5)])
    with engine.transaction():
        assert match_new(engine) == 5
    targets(("api.mail.example", "GET", "/v1/nobody", None))
    with engine.transaction():
        assert match_new(engine) == 1
        assert match_new(engine) == 0
    assert [label for label, _, _ in answers()] == [LIST] * 5 + [None]


def test_a_hole_is_filled(engine, toml, add, targets, answers):
    add(toml(MAIL))
    targets(*[("api.mail.example", "GET", f"/v1/users/{n}/messages", None) for n in range(4)])
    match_new(engine)
    engine.execute("DELETE FROM usage_operation WHERE target_id = 1")
    assert match_new(engine) == 1
    assert len(answers()) == 4


def test_without_a_catalogue_nothing_happens(engine, targets, answers):
    targets(("a", "GET", "/x", None))
    assert match_new(engine) == 0
    assert answers() == []


def test_a_new_catalogue_matches_all_again(toml, add, targets, answers):
    targets(("api.mail.example", "GET", "/v1/users/7/messages", None), ("x", "GET", "/users/7/files", None))
    add(toml(MAIL))
    assert [match for _, match, _ in answers()] == ["path", "unmatched"]
    add(toml(FILES))
    assert [match for _, match, _ in answers()] == ["path", "path"]


def test_hostile_paths_are_just_unmatched(ask):
    rows = [
        ("api.mail.example", "GET", "/v1/" + "a/" * 5000, None),
        ("api.mail.example", "GET", "'; DROP TABLE usage_target; --", None),
        ("api.mail.example", "GET", "/v1/users/\x00/messages\u202e", None),
        ("api.mail.example", "GET", "/v1/users/%/%zz/%f0%28", None),
        ("*", "*", "*", "*"),
        ("", "", "", ""),
        ("api.mail.example", "GET", "://", None),
    ]
    assert all(match == "unmatched" for _, match, _ in ask(*rows))


def test_server_names():
    assert server_key(" HTTPS://user:secret@Api.Example:443/x ") == "api.example"
    assert server_key("   ") is None
    assert server_key("gmail.mtls.googleapis.com") == "gmail.googleapis.com"
    assert serves("*.zendesk.com", "acme.zendesk.com")
    assert not serves("*.zendesk.com", "zendesk.com")
    assert not serves("a.example", "xa.example")
