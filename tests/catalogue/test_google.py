"""Google's discovery documents, counted again from their JSON."""

import json

import pytest

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError


def methods(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


@pytest.fixture
def documents(shared):
    return [
        json.loads(path.read_text()) for path in sorted((shared / "catalogues" / "google-discovery").glob("*.json"))
    ]


def test_counts_are_those_of_the_files(google, documents):
    found = [method for document in documents for method in methods(document)]
    uploads = sum(len(method.get("mediaUpload", {}).get("protocols", {})) for method in found)
    assert google.counts["cat_operation"] == len(found) + uploads
    assert google.counts["cat_requirement"] == sum(
        len(method.get("scopes", [])) * (1 + len(method.get("mediaUpload", {}).get("protocols", {})))
        for method in found
    )


def test_scopes_are_a_choice(google, documents, alternatives):
    gmail = next(document for document in documents if document["id"] == "gmail:v1")
    method = gmail["resources"]["users"]["methods"]["getProfile"]
    assert alternatives(google, "GET /gmail/v1/users/{userId}/profile") == {
        ("any", frozenset([scope])) for scope in method["scopes"]
    }


def test_paths_with_and_without_flat_path(google):
    by_name = {row["op_name"]: row for row in google.tables["cat_operation"].to_pylist() if row["op_name"]}
    assert by_name["calendar.events.list"]["label"] == "GET /calendar/v3/calendars/{calendarId}/events"
    assert by_name["people.contactGroups.get"]["label"] == "GET /v1/contactGroups/{contactGroupsId}"
    assert by_name["gmail.users.messages.list"]["host"] == "gmail.googleapis.com"
    assert by_name["drive.approvals.cancel"]["label"].endswith("/approvals/{approvalId}:cancel")


def test_uploads_have_paths_of_their_own(google, alternatives):
    assert alternatives(google, "POST /upload/drive/v3/files") == alternatives(google, "POST /drive/v3/files")


def test_without_scopes_is_unknown_not_public(google):
    operation = next(row for row in google.tables["cat_operation"].to_pylist() if row["op_name"] == "oauth2.tokeninfo")
    assert operation["security"] == "unknown"


def test_short_and_protocol_forms(google):
    scopes = {row["scope_id"]: row for row in google.tables["cat_scope"].to_pylist()}
    aliases = {row["alias"]: scopes[row["scope_id"]]["scope"] for row in google.tables["cat_scope_alias"].to_pylist()}
    assert aliases["email"] == "https://www.googleapis.com/auth/userinfo.email"
    assert aliases["gmail.readonly"] == "https://www.googleapis.com/auth/gmail.readonly"
    assert aliases["https://mail.google.com"] == "https://mail.google.com/"
    protocol = {row["scope"] for row in scopes.values() if row["is_protocol"]}
    assert protocol >= {"openid", "https://www.googleapis.com/auth/userinfo.profile"}
    assert next(row for row in scopes.values() if row["scope"].endswith("/drive.file"))["resource_limited"]


def test_hierarchy_only_where_the_operations_show_it(google):
    scopes = {row["scope_id"]: row["scope"].rpartition("/auth/")[2] for row in google.tables["cat_scope"].to_pylist()}
    pairs = {
        (scopes[row["broader"]], scopes[row["narrower"]]): row["evidence"]
        for row in google.tables["cat_scope_implies"].to_pylist()
    }
    assert pairs[("drive", "drive.readonly")] == "containment"
    assert pairs[("calendar", "calendar.readonly")] == "containment"
    assert ("drive.readonly", "drive") not in pairs


def document(name, methods_):
    return {
        "kind": "discovery#restDescription",
        "name": name,
        "version": "v1",
        "revision": "1",
        "rootUrl": "https://x.googleapis.com/",
        "servicePath": "",
        "resources": {"r": {"methods": methods_}},
    }


def method(name, scopes, path="v1/{a}"):
    return {"id": name, "httpMethod": "GET", "path": path, "flatPath": path, "scopes": scopes}


def test_the_same_method_in_two_documents_is_one(tmp_path, alternatives):
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(json.dumps(document("x", {"get": method("x.get", ["s"])})))
    built = Catalogue.build("google", tmp_path)
    assert built.counts["cat_operation"] == 1
    assert alternatives(built, "GET /v1/{a}") == {("any", frozenset("s"))}


def test_a_readonly_scope_is_not_implied_where_its_methods_are_missing(tmp_path):
    auth = "https://www.googleapis.com/auth/"
    wide = {f"m{n}": method(f"m{n}", [auth + "analytics"], f"v1/a{n}/{{x}}") for n in range(3)}
    narrow = {f"r{n}": method(f"r{n}", [auth + "analytics.readonly"], f"v1/b{n}/{{x}}") for n in range(3)}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document("x", wide | narrow)))
    assert Catalogue.build("google", path).counts["cat_scope_implies"] == 0


def test_case_is_kept(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps(document("x", {"a": method("a", ["s"], "v1/Users"), "b": method("b", ["t"], "v1/users")}))
    )
    assert Catalogue.build("google", path).counts["cat_operation"] == 2


@pytest.mark.parametrize(("text", "says"), [("{\n\n,", "line 3"), ('{"openapi": "3.0.0"}', "no discovery document")])
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("google", path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(CatalogueError, match="holds no discovery document"):
        Catalogue.build("google", tmp_path)
