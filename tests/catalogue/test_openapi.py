"""OpenAPI: real documents counted again, and what security means."""

import json

import pytest
import yaml

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

FILES = (
    "okta-openapi/idp-minimal.yaml",
    "xero-openapi/xero_files.yaml",
    "xero-openapi/xero-projects.yaml",
    "figma-openapi/openapi.yaml",
)
VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.mark.parametrize("name", FILES)
def test_counts_are_those_of_the_document(shared, name):
    path = shared / "catalogues" / name
    document = yaml.load(path.read_text(), yaml.CSafeLoader)
    operations = {
        (verb.upper(), template): value
        for template, item in document["paths"].items()
        for verb, value in item.items()
        if verb in VERBS
    }
    built = Catalogue.build("openapi", path)
    rows = built.tables["cat_operation"].to_pylist()
    assert {(row["method"], row["template"]) for row in rows} == set(operations)
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    named = {}
    for row in built.tables["cat_requirement"].to_pylist():
        named.setdefault(row["op_id"], set()).add(scopes.get(row["scope_id"]))
    for row in rows:
        security = operations[(row["method"], row["template"])].get("security", document.get("security"))
        expected = {scope for requirement in security or [] for listed in requirement.values() for scope in listed}
        assert named.get(row["op_id"], set()) - {None} == expected
        if security == []:
            assert row["security"] == "none_required"
        if security is None:
            assert row["security"] == "unknown"


def test_reviewed_lists_are_read_as_their_vendor_means_them(shared, alternatives):
    xero = Catalogue.build("openapi", shared / "catalogues" / "xero-openapi" / "xero_files.yaml")
    assert alternatives(xero, "GET /Files") == {("any", frozenset(["files"])), ("any", frozenset(["files.read"]))}
    assert xero.meta["list_rule"] == "any"
    row = next(row for row in xero.tables["cat_operation"].to_pylist() if row["label"] == "GET /Files")
    assert (row["host"], row["base_path"]) == ("api.xero.com", "/files.xro/1.0")


def test_a_personal_token_beside_oauth_needs_no_scope_and_permits_nothing(shared):
    figma = Catalogue.build("openapi", shared / "catalogues" / "figma-openapi" / "openapi.yaml")
    assert not [row for row in figma.tables["cat_requirement"].to_pylist() if row["scope_id"] is None]
    old = next(row for row in figma.tables["cat_scope"].to_pylist() if row["scope"] == "files:read")
    assert old["deprecated"]


OAUTH = {
    "type": "oauth2",
    "flows": {"clientCredentials": {"tokenUrl": "/t", "scopes": {"a": "A", "b": "B", "unused": "U"}}},
}


@pytest.fixture
def build(tmp_path):
    def make(security, *, overall=..., schemes=None, servers=None, **options):
        operation = {"operationId": "op"} | ({} if security is ... else {"security": security})
        document = {
            "openapi": "3.1.0",
            "info": {"title": "Try", "version": "1"},
            "paths": {"/x/{id}": {"get": operation}},
            "components": {
                "securitySchemes": {
                    "o": OAUTH,
                    "key": {"type": "apiKey", "in": "header", "name": "k"},
                    "bearer": {"type": "http", "scheme": "bearer"},
                }
                | (schemes or {})
            },
        }
        if overall is not ...:
            document["security"] = overall
        if servers:
            document["servers"] = servers
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(document))
        return Catalogue.build("openapi", path, **options)

    return make


@pytest.mark.parametrize(
    ("security", "overall", "expected", "known"),
    [
        (..., ..., set(), "unknown"),
        (..., [{"o": ["a"]}], {"a"}, "scopes"),
        ([], [{"o": ["a"]}], set(), "none_required"),
        ([{}], ..., {""}, "scopes"),
        ([{"o": ["a"]}, {}], ..., {"a", ""}, "scopes"),
        ([{"o": []}], ..., {""}, "scopes"),
        ([{"key": []}], ..., set(), "unknown"),
        ([{"bearer": []}], ..., set(), "unknown"),
        ([{"bearer": ["a"]}], ..., {"a"}, "scopes"),
        ([{"key": []}, {"o": ["a"]}], ..., {"a"}, "scopes"),
        ([{"key": [], "o": ["a"]}], ..., {"a"}, "scopes"),
        ([{"o": ["a"], "bearer": ["b"]}], ..., {"a+b"}, "scopes"),
        ([{"o": ["a"]}, {"o": ["b"]}], ..., {"a", "b"}, "scopes"),
        ([{"o": ["a", "b"]}], ..., {"a+b"}, "scopes"),
    ],
)
def test_security(build, alternatives, security, overall, expected, known):
    built = build(security, overall=overall)
    assert {"+".join(sorted(group)) for _, group in alternatives(built, "GET /x/{id}")} == expected
    assert built.tables["cat_operation"].to_pylist()[0]["security"] == known


def test_unreviewed_lists_are_all_of_and_marked(build, alternatives):
    built = build([{"o": ["a", "b"]}])
    assert all(row["ambiguous_list"] for row in built.tables["cat_requirement"].to_pylist())
    assert built.meta["list_rule"] is None
    assert "nobody reviewed" in built.meta["notes"][0]
    either = build([{"o": ["a", "b"]}], list_rule="any")
    assert alternatives(either, "GET /x/{id}") == {("any", frozenset("a")), ("any", frozenset("b"))}
    both = build([{"o": ["a", "b"]}], list_rule="all")
    assert not any(
        row["ambiguous_list"]
        for row in either.tables["cat_requirement"].to_pylist() + both.tables["cat_requirement"].to_pylist()
    )


def test_a_single_scope_is_not_ambiguous(build):
    assert not any(
        row["ambiguous_list"] for row in build([{"o": ["a"]}, {"o": ["b"]}]).tables["cat_requirement"].to_pylist()
    )


@pytest.mark.parametrize(
    ("url", "host", "base"),
    [
        ("https://api.example.com/v2/", "api.example.com", "/v2"),
        ("https://API.example.com:443", "api.example.com", ""),
        ("/v1", None, "/v1"),
        ("https://{tenant}.example.com/api", "*.example.com", "/api"),
        ("https://{yourDomain}", None, ""),
        ("https://api.example.com/{version}/x", "api.example.com", "/{server}/x"),
    ],
)
def test_servers(build, url, host, base):
    row = build([], servers=[{"url": url}]).tables["cat_operation"].to_pylist()[0]
    assert (row["host"], row["base_path"]) == (host, base)


def test_declared_but_unused_scopes_are_not_mappable(build):
    mappable = {row["scope"]: row["mappable"] for row in build([{"o": ["a"]}]).tables["cat_scope"].to_pylist()}
    assert mappable == {"a": True, "b": False, "unused": False}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", '{"openapi": \n "3.0.0",\n ]', "line 3"),
        ("a.yaml", "openapi: 3.0.0\npaths: [\n", "line 3"),
        ("a.yaml", "openapi: 3.0.0\nx: &a [*a, !!python/object:os.system x]\n", "a.yaml"),
        ("a.json", '{"swagger": "2.0", "paths": {}}', "Swagger 2"),
        ("a.yaml", "just text", "no OpenAPI 3"),
        ("a.json", '{"openapi": "3.0.0", "paths": {}}', "No operation"),
    ],
)
def test_a_broken_document_says_where(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("openapi", path)


def test_binary_is_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CatalogueError, match="UTF-8"):
        Catalogue.build("openapi", path)
