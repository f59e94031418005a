"""Sentences about classic scopes, in every way that GitHub's document writes them; and people judged by them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.github_prose import OTHER, PRIVATE, classic_needs
from grantlens.catalogue.model import Catalogue

WHO = "OAuth app tokens and personal access tokens (classic) need"
END = "to use this endpoint."


def plain(*groups):
    """Return alternatives without a condition."""
    return {(frozenset(group.split()), None) for group in groups}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{WHO} the `gist` scope {END}", plain("gist")),
        (f"{WHO} the`gist` scope {END}", plain("gist")),
        (f"{WHO} `gist` scope.", plain("gist")),
        (f"{WHO} the read:org scope {END}", plain("read:org")),
        (f"{WHO} the `user` or `gist` scope {END}", plain("user", "gist")),
        (f"{WHO} either the `user` or `gist` scopes {END}", plain("user", "gist")),
        (f"{WHO} the `user`, `gist`, or `read:org` scopes {END}", plain("user", "gist", "read:org")),
        (f"{WHO} both the `user` and `gist` scopes {END}", plain("user gist")),
        (f"{WHO} the `admin:org` and `gist` scopes {END}", plain("admin:org gist")),
        (f'{WHO} the `admin:org` scope or the "Some" fine-grained permission {END}', plain("admin:org")),
        # the log does not show whether a repository was public
        (f"{WHO} the `repo` scope {END}", plain("repo", "public_repo")),
        (
            f"{WHO} the `security_events` scope {END[:-1]} with private or public repositories, "
            f"or the `public_repo` scope {END[:-1]} with only public repositories.",
            plain("security_events", "public_repo"),
        ),
        (
            f"{WHO} the `security_events` scope {END} If this endpoint is only used with public repositories, "
            "the token can use the `public_repo` scope instead.",
            plain("security_events", "public_repo"),
        ),
        (
            f"{WHO} the `gist` scope {END[:-1]} with a private repository.",
            {(frozenset(["gist"]), PRIVATE)},
        ),
        (f"If the repository is private, {WHO} the `gist` scope {END}", {(frozenset(["gist"]), PRIVATE)}),
        (f"{WHO} the `workflow` scope when the commit modifies workflow files.", {(frozenset(["workflow"]), OTHER)}),
        # credited besides, never demanded
        (
            f"{WHO} the `admin:org` scope {END} If the repository is private, {WHO} the `gist` scope {END}",
            plain("admin:org", "admin:org gist"),
        ),
        ("Lists all gists.", set()),
        ("Requests with insufficient scope will receive a `403` response.", set()),
        ("", set()),
    ],
)
def test_sentences(text, wanted):
    found = classic_needs("Does something.\n\n" + text + " More words.")
    assert set(found) == wanted
    assert len(found) == len(wanted)


NAMES = st.lists(
    st.sampled_from(["gist", "user", "read:org", "admin:org_hook", "write:packages", "delete_repo"]),
    min_size=1,
    unique=True,
)


@given(
    names=NAMES, joiner=st.sampled_from(["or", "and"]), oxford=st.booleans(), before=st.sampled_from(["", "either "])
)
def test_any_list_of_names_is_read(names, joiner, oxford, before):
    ticked = [f"`{name}`" for name in names]
    listed = ticked[0]
    if len(ticked) > 1:
        listed = ", ".join(ticked[:-1]) + (", " if oxford and len(ticked) > 2 else " ") + f"{joiner} {ticked[-1]}"
    found = classic_needs(f"Note. {WHO} {before}the {listed} scopes {END}")
    wanted = [set(names)] if joiner == "and" else [{name} for name in names]
    assert [set(scopes) for scopes, _ in found] == wanted


def document(**sentences):
    """Write GitHub's OpenAPI document with these operations: method and path, joined by `__`."""
    paths = {}
    for name, sentence in sentences.items():
        method, _, path = name.partition("__")
        paths.setdefault("/" + path.replace("__", "/"), {})[method] = {"description": sentence}
    return {"openapi": "3.0.3", "info": {"title": "GitHub", "version": "1"}, "paths": paths}


def request(number, method, route, scopes):
    """Write a call of the audit log, of real shape."""
    return {
        "@timestamp": 1783675800000 + number,
        "_document_id": f"d{number}",
        "action": "api.request",
        "actor": f"u{number}",
        "actor_id": 100 + number,
        "actor_is_bot": False,
        "business": "acme",
        "hashed_token": f"hash{number}=",
        "org": "acme",
        "org_id": 3,
        "programmatic_access_type": "Personal access token (classic)",
        "request_category": "api",
        "request_method": method,
        "route": route,
        "status_code": 200,
        "token_id": 500 + number,
        "token_scopes": scopes,
        "user_agent": "curl/8",
    }


SPEC = document(
    delete__gists=f"{WHO} the `gist` scope {END}",
    post__orgs=f"{WHO} the `admin:org` scope {END}",
    get__private=f"{WHO} the `repo` scope {END[:-1]} with a private repository.",
    get__silent="Says nothing.",
)
CASES = (
    ("DELETE", "/gists", "gist,repo", None),
    ("DELETE", "/gists", "repo", "violation"),
    ("DELETE", "/gists", "", "violation"),  # a classic token without scopes
    ("POST", "/orgs", "write:org", "violation"),
    ("POST", "/orgs", "admin:org", None),
    ("GET", "/private", "repo", None),
    ("GET", "/private", "gist", "indeterminate"),
    ("GET", "/silent", "gist", "indeterminate"),
)
"""Method, route and scopes of a call, and the verdict where it is not in scope."""


def test_classic_tokens_of_the_audit_log_are_judged(judge, tmp_path):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(SPEC))
    judged = judge("github", path, [request(number, *case[:3]) for number, case in enumerate(CASES)])
    found = {finding["subject_id"]: finding["verdict"] for finding in judged.findings}
    assert found == {str(100 + number): verdict for number, (*_, verdict) in enumerate(CASES) if verdict}


def test_both_kinds_of_files_add_up(tmp_path, alternatives):
    """A call for a person is permitted by either; parameters may have another name in each file."""
    said = {"delete": {"description": f"{WHO} the `gist` scope {END}"}}
    spec = {**SPEC, "paths": {**SPEC["paths"], "/things/{thing_id}": said}}
    (tmp_path / "openapi.json").write_text(json.dumps(spec))
    need = {"permission": "things", "access": "write"}
    (tmp_path / "permissions.json").write_text(json.dumps({"paths": {"/things/{id}": {"DELETE": need}}}))
    built = Catalogue.build("github", tmp_path)
    label = next(row["label"] for row in built.tables["cat_operation"].to_pylist() if "things" in row["label"])
    assert alternatives(built, label) == {
        ("application", frozenset(["things:write"])),
        ("delegated", frozenset(["things:write"])),
        ("delegated", frozenset(["gist"])),
    }
    of_things = {
        (row["principal"], row["condition"], row["certainty"])
        for row in built.tables["cat_requirement"].to_pylist()
        if row["op_id"] == next(r["op_id"] for r in built.tables["cat_operation"].to_pylist() if r["label"] == label)
    }
    assert of_things == {
        ("application", None, "declared"),
        ("delegated", None, "declared"),
        ("delegated", None, "parsed_prose"),
    }
    assert built.meta["notes"] == ["4 of 5 operations tell their classic scopes; of the others nothing is known."]


def test_what_an_app_needs_stays_unknown_where_only_classic_scopes_are_told(tmp_path, alternatives):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(SPEC))
    built = Catalogue.build("github", path)
    conditions = {
        row["principal"]: row["condition"]
        for row in built.tables["cat_requirement"].to_pylist()
        if row["op_id"]
        == next(r["op_id"] for r in built.tables["cat_operation"].to_pylist() if r["label"] == "POST /orgs")
    }
    assert conditions["delegated"] is None
    assert conditions["application"].startswith("token:")
