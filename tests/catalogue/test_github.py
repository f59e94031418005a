"""Permissions of GitHub Apps, counted again from their JSON; and apps judged by them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import consent, token, use


@pytest.fixture
def file(shared):
    return shared / "catalogues" / "octokit-app-permissions" / "api.github.com.json"


@pytest.fixture
def github(file):
    return Catalogue.build("github", file.parent)


@pytest.fixture
def rules(file):
    """Return every (method, template, permission, level) of both lists of the file."""
    found = json.loads(file.read_text())
    by_path = {
        (method, path, need["permission"], need["access"])
        for path, methods in found["paths"].items()
        for method, need in methods.items()
    }
    by_permission = {
        (*operation.split(" ", 1), permission, level)
        for permission, levels in found["permissions"].items()
        for level in ("read", "write")
        for operation in levels.get(level, [])
    }
    assert (len(by_path), len(by_permission), len(by_path & by_permission)) == (440, 533, 436)
    return by_path | by_permission


def test_counts_are_those_of_both_lists(github, rules):
    assert len(rules) == 537
    # three operations stand under two names of their parameter: a log could not tell them apart; the archive is two
    archive = [rule for rule in rules if "{archive_format}" in rule[1]]
    assert github.counts["cat_operation"] == 440 - 3 + len(archive) == 438
    assert github.counts["cat_requirement"] == 2 * (537 + len(archive)) == 1076
    named = {f"{permission}:{level}" for _, _, permission, level in rules}
    mappable = {row["scope"] for row in github.tables["cat_scope"].to_pylist() if row["mappable"]}
    assert mappable == named
    assert len({permission for _, _, permission, _ in rules}) == 20
    assert (github.meta["source"], github.meta["licence"], github.meta["list_rule"]) == ("github", "MIT", "any")


def test_every_rule_of_the_file_is_an_alternative(github, rules, alternatives):
    by_operation = {}
    for method, path, permission, level in rules:
        by_operation.setdefault(f"{method} {path}", set()).add(f"{permission}:{level}")
    labels = {row["label"].replace("{+", "{"): row["label"] for row in github.tables["cat_operation"].to_pylist()}
    checked = 0
    for label, scopes in by_operation.items():
        if label := labels.get(label):
            found = {scope for _, group in alternatives(github, label, "application") for scope in group}
            assert scopes <= found
            checked += 1
    assert checked == 440 - 3 - 1  # less the archive, which is known by other names


def test_a_parameter_of_two_words_swallows_no_other_path(github, add, targets, answers):
    paths = ("tarball/main", "zipball/feature/a", "made/up", "contents/a/b/c.txt", "git/ref/heads/x/y")
    targets(*(("api.github.com", "GET", f"/repos/o/r/{path}", None) for path in paths))
    add(github)
    assert [label and label.split("{repo}/")[1] for label, _, _ in answers()] == [
        "tarball/{+ref}",
        "zipball/{+ref}",
        None,
        "contents/{+path}",
        "git/ref/{+ref}",
    ]


def test_issues_are_opened_by_either_of_two_permissions(github, alternatives):
    assert alternatives(github, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", "application") == {
        ("application", frozenset(["issues:write"])),
        ("application", frozenset(["pull_requests:write"])),
    }


def test_write_implies_read(github):
    scopes = {row["scope_id"]: row["scope"] for row in github.tables["cat_scope"].to_pylist()}
    pairs = {
        (scopes[row["broader"]], scopes[row["narrower"]]): row["evidence"]
        for row in github.tables["cat_scope_implies"].to_pylist()
    }
    assert pairs[("contents:write", "contents:read")] == "documented"
    assert ("contents:read", "contents:write") not in pairs
    assert pairs[("repo", "public_repo")] == "documented"  # classic scopes keep their hierarchy


CASES = (
    ({"contents": "read"}, "GET /repos/acme/site/contents/a.txt", None),
    ({"contents": "write"}, "GET /repos/acme/site/contents/a.txt", None),
    ({"issues": "write"}, "POST /repos/acme/site/issues/7/comments", None),
    ({"contents": "read"}, "PUT /repos/acme/site/contents/a.txt", "violation"),
    ({"contents": "write"}, "POST /repos/acme/site/issues/7/comments", "violation"),
    ({"contents": "write"}, "GET /made/up", "indeterminate"),
)
"""Permissions of an installation, its call, and the verdict where it is not in scope."""


def webhook(number, permissions):
    """Write a delivery of `installation`, of GitHub's shape."""
    return {
        "action": "created",
        "installation": {
            "id": number,
            "app_id": 4000 + number,
            "app_slug": "builder",
            "account": {"login": "acme", "id": 5},
            "permissions": {"metadata": "read", **permissions},
            "created_at": "2026-07-10T09:00:00Z",
            "updated_at": "2026-07-10T09:00:00Z",
        },
        "sender": {"login": "ada", "id": 9},
    }


def test_installations_of_real_webhooks_are_judged(judge, file):
    installed = [webhook(number, permissions) for number, (permissions, _, _) in enumerate(CASES)]
    calls = []
    for number, (_, call, _) in enumerate(CASES):
        who = {"client_id": str(4000 + number), "grant_id": f"installation:{number}", "subject_id": None}
        calls.append(use("10 09:30", call, None, "api.github.com", source="github", tenant="acme", **who))
    found = judge("github", file, installed, calls).by_client()
    wanted = {str(4000 + number): verdict for number, (_, _, verdict) in enumerate(CASES) if verdict}
    assert {client: verdict for client, (_, verdict) in found.items()} == wanted


def test_a_call_for_a_person_may_have_classic_scopes(judge, file):
    """`repo` permits what no list here knows: such a call is not called out of scope."""
    records = [
        consent("10 09:00", ["repo"]),
        token("10 09:01", "t1", ["repo"], "10 12:00"),
        use("10 09:05", "GET /repos/acme/site/contents/a.txt", "t1", "api.github.com"),
    ]
    judged = judge("github", file, records)
    assert judged.verdicts() == {(None, "indeterminate")}
    assert judged.findings[0]["detail"]["match"] == "in_catalogue"


def test_routes_of_the_real_log_find_their_operation(judge, file, shared):
    judged = judge("github", file, shared / "real-logs" / "github" / "elastic-api-request.ndjson")
    known = {call: label for call, label in judged.calls.items() if label}
    assert "GET /repos/{owner}/{repo}/pulls" in known.values()


DOCS = {
    "issues": {
        "title": "Issues",
        "permissions": [
            {"verb": "get", "requestPath": "/repos/{o}/{r}/a", "access": "read", "additional-permissions": False},
            {"verb": "post", "requestPath": "/repos/{o}/{r}/a", "access": "write", "additional-permissions": True},
        ],
    },
    "pulls": {
        "title": "Pulls",
        "permissions": [{"verb": "get", "requestPath": "/repos/{o}/{r}/a", "access": "read"}],
    },
}


def test_the_layout_of_github_docs(tmp_path, alternatives):
    (tmp_path / "server-to-server-permissions.json").write_text(json.dumps(DOCS))
    built = Catalogue.build("github", tmp_path)
    assert alternatives(built, "GET /repos/{o}/{r}/a", "application") == {
        ("application", frozenset(["issues:read"])),
        ("application", frozenset(["pulls:read"])),
    }
    complete = {row["label"]: row["complete"] for row in built.tables["cat_operation"].to_pylist()}
    assert complete == {"GET /repos/{o}/{r}/a": True, "POST /repos/{o}/{r}/a": False}


LEVELS = ("read", "write", "admin")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    needs=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["pages", "checks"]), st.sampled_from(LEVELS)), min_size=1
    )
)
def test_any_lists_are_a_choice_and_levels_a_ladder(tmp_path, alternatives, needs):
    groups = {}
    for path, permission, level in needs:
        row = {"verb": "get", "requestPath": f"/{path}", "access": level, "additional-permissions": False}
        groups.setdefault(permission, {"permissions": []})["permissions"].append(row)
    file = tmp_path / "permissions.json"
    file.write_text(json.dumps(groups))
    built = Catalogue.build("github", file)
    for path in {path for path, _, _ in needs}:
        wanted = {frozenset([f"{permission}:{level}"]) for where, permission, level in needs if where == path}
        assert {group for _, group in alternatives(built, f"GET /{path}", "application")} == wanted
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    pairs = {(scopes[row["broader"]], scopes[row["narrower"]]) for row in built.tables["cat_scope_implies"].to_pylist()}
    for _, permission, level in needs:
        below = {(f"{permission}:{level}", f"{permission}:{one}") for one in LEVELS[: LEVELS.index(level)]}
        assert below <= pairs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"paths": {\n', "line 2"),
        ("[]", "lists no permissions"),
        ('{"paths": {"/x": {"GET": {"permission": "a", "access": "some"}}}}', "GET /x: the access 'some'"),
        ('{"paths": {"/x": {"GET": {"permission": "", "access": "read"}}}}', "GET /x names no permission"),
        ('{"openapi": "3.0.0"}', "not laid out"),
        ('{"a": {"b": 1}}', "lists no permissions"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "permissions.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("github", path)


def test_a_folder_without_a_list(tmp_path):
    with pytest.raises(CatalogueError, match="lists no permissions"):
        Catalogue.build("github", tmp_path)
