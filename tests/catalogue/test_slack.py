"""Slack's methods, counted again from their JSON; and bots and people judged by them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import token, use


@pytest.fixture
def folder(shared):
    return shared / "catalogues" / "slack-api-ref"


@pytest.fixture
def slack(folder):
    return Catalogue.build("slack", folder)


@pytest.fixture
def methods(folder):
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.*.json")}


def test_counts_are_those_of_the_files(slack, methods):
    listed = [scope for said in methods.values() for scopes in said["scope"].values() for scope in scopes]
    assert len(methods) == 13
    assert slack.counts["cat_operation"] == 2 * 13  # each as GET and as POST
    assert slack.counts["cat_requirement"] == 2 * len(listed) == 98
    assert slack.counts["cat_scope"] == len(set(listed)) == 26
    meta = slack.meta
    assert (meta["source"], meta["licence"], meta["list_rule"]) == ("slack", "MIT", "any")
    several = [name for name, said in methods.items() if any(len(listed) > 1 for listed in said["scope"].values())]
    assert meta["notes"][0].startswith(f"{len(several)} methods list several scopes")


def test_every_scope_of_the_files_is_an_alternative_of_its_own(slack, methods, alternatives):
    for name, said in methods.items():
        wanted = {(token_, frozenset([scope])) for token_, listed in said["scope"].items() for scope in listed}
        for verb in ("GET", "POST"):
            assert alternatives(slack, f"{verb} /api/{name}") == wanted


def test_only_the_documented_verb_carries_the_name(slack):
    named = {row["op_name"]: row["method"] for row in slack.tables["cat_operation"].to_pylist() if row["op_name"]}
    assert (named["conversations.info"], named["chat.postMessage"]) == ("GET", "POST")
    assert len(named) == 13


def test_methods_without_scope_are_open_to_every_token(slack):
    security = {row["label"]: row["security"] for row in slack.tables["cat_operation"].to_pylist()}
    assert security["POST /api/auth.test"] == "none_required"
    assert security["POST /api/chat.delete"] == "scopes"


def test_scopes_of_one_kind_of_conversation_open_only_some_objects(slack):
    limited = {row["scope"] for row in slack.tables["cat_scope"].to_pylist() if row["resource_limited"]}
    assert {"channels:read", "groups:history", "im:write", "mpim:read", "search:read.private"} <= limited
    assert {"chat:write", "users:read", "search:read"}.isdisjoint(limited)


VIOLATION = "violation"
CASES = {
    "posts": (["chat:write"], "POST /api/chat.postMessage", None),
    "posts by GET": (["chat:write"], "GET /api/chat.postMessage", None),
    "deletes": (["chat:write"], "POST /api/files.delete", ("POST /api/files.delete", VIOLATION)),
    "needs nothing": (["chat:write"], "POST /api/auth.test", None),
    # any kind of conversation would do, and none is held
    "reads": (["chat:write"], "GET /api/conversations.history", ("GET /api/conversations.history", VIOLATION)),
    "reads messages": (["im:history"], "GET /api/conversations.history", None),
    # only for people: search.messages has no list for bots
    "searches": (["search:read"], "GET /api/search.messages", ("GET /api/search.messages", VIOLATION)),
    "unknown": (["chat:write"], "POST /api/made.up", (None, "indeterminate")),
}
"""Scopes of a bot, its call, and what is found."""


def test_bots_are_judged(judge, folder):
    records = []
    for client, (scopes, call, _) in CASES.items():
        bot = {"client_id": client, "subject_id": None}
        records.append(token("10 09:00", f"t {client}", scopes, grant_id=None, subject_kind="service", **bot))
        records.append(use("10 09:05", call, f"t {client}", "slack.com", **bot))
    found = judge("slack", folder, records).by_client()
    assert found == {client: found for client, (_, _, found) in CASES.items() if found}


def test_a_person_may_search_and_a_name_is_enough(judge, folder):
    records = [
        token("10 09:00", "t1", ["search:read"], "10 12:00"),
        use("10 09:05", "", "t1", "slack.com", method=None, target=None, operation="search.messages"),
        use("10 09:06", "", "t1", "slack.com", method=None, target=None, operation="users.list"),
    ]
    judged = judge("slack", folder, records)
    assert judged.calls["search.messages"] == "GET /api/search.messages"
    assert judged.verdicts() == {("GET /api/users.list", "violation")}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lists=st.dictionaries(
        st.sampled_from(["bot", "user", "configuration"]),
        st.lists(st.sampled_from(["a:read", "a:write", "channels:read", "b"]), max_size=3, unique=True),
    ),
    free=st.booleans(),
)
def test_any_lists_give_one_alternative_for_each_scope(tmp_path, alternatives, lists, free):
    said = {"http_method": "POST", "args": {}, "scope": lists, "no_scope_required": free}
    path = tmp_path / "made.up.json"
    path.write_text(json.dumps(said))
    built = Catalogue.build("slack", path)
    who = {"bot": "bot", "user": "user", "configuration": "any"}
    wanted = {(who[kind], frozenset([scope])) for kind, listed in lists.items() for scope in listed}
    assert alternatives(built, "POST /api/made.up") == (set() if free else wanted)
    security = {row["security"] for row in built.tables["cat_operation"].to_pylist()}
    assert security == {"none_required" if free else "scopes" if wanted else "unknown"}


@pytest.mark.parametrize(
    ("said", "wanted", "security"),
    [
        ({"scope": "connections:write"}, {("any", frozenset(["connections:write"]))}, "scopes"),
        ({"scope": "reminders:write", "user_scope_only": True}, {("user", frozenset(["reminders:write"]))}, "scopes"),
        ({"scope": "a, b"}, {("any", frozenset("a")), ("any", frozenset("b"))}, "scopes"),
        ({"scope": ["a"]}, {("any", frozenset("a"))}, "scopes"),
        ({"scope": "none"}, set(), "none_required"),
        ({"scope": ""}, set(), "unknown"),
        ({}, set(), "unknown"),
    ],
)
def test_a_text_instead_of_lists(tmp_path, alternatives, said, wanted, security):
    path = tmp_path / "apps.open.json"
    path.write_text(json.dumps({"http_method": "POST", **said}))
    built = Catalogue.build("slack", path)
    assert alternatives(built, "POST /api/apps.open") == wanted
    assert {row["security"] for row in built.tables["cat_operation"].to_pylist()} == {security}


def test_the_scope_of_an_identity_has_the_name_that_is_granted(judge, tmp_path):
    path = tmp_path / "users.identity.json"
    path.write_text('{"http_method": "GET", "scope": "identity.read", "user_scope_only": true}')
    records = [
        token("10 09:00", "t1", ["identity.basic"], "10 12:00"),
        use("10 09:05", "GET /api/users.identity", "t1", "slack.com"),
    ]
    judged = judge("slack", path, records)
    assert judged.calls == {"GET /api/users.identity": "GET /api/users.identity"}
    assert judged.verdicts() == set()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n"scope": \n', "line 3"),
        ('{"openapi": "3.0.0"}', "describes no method of Slack"),
        ('{"args": {}, "scope": 7}', "for each kind of token"),
        ('{"args": {}, "scope": [7]}', "for each kind of token"),
        ('{"args": {}, "scope": {"bot": "chat:write"}}', "for each kind of token"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "chat.postMessage.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says) as caught:
        Catalogue.build("slack", path)
    assert "chat.postMessage.json" in caught.value.message


def test_a_folder_without_methods(tmp_path):
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(CatalogueError, match="holds no method"):
        Catalogue.build("slack", tmp_path)
