"""Okta's OpenAPI as one command, and how the calls of its System Log find their operation."""

import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import token, use

VERBS = ("get", "put", "post", "delete", "patch")


@pytest.fixture
def file(shared):
    return shared / "catalogues" / "okta-openapi" / "idp-minimal.yaml"


@pytest.fixture
def operations(file):
    """Return (method, template, security) of each operation."""
    document = yaml.safe_load(file.read_text())
    return [
        (verb.upper(), path, item[verb].get("security", document.get("security")))
        for path, item in document["paths"].items()
        for verb in VERBS
        if verb in item
    ]


def test_counts_are_those_of_the_file(file, operations):
    built = Catalogue.build("okta", file)
    scopes = [scope for _, _, security in operations for one in security or [] for s in one.values() for scope in s]
    assert (len(operations), len(scopes)) == (40, 39)
    rows = built.tables["cat_operation"].to_pylist()
    assert sum(row["method"] is not None for row in rows) == 40
    of_methods = {row["op_id"] for row in rows if row["method"]}
    assert sum(row["op_id"] in of_methods for row in built.tables["cat_requirement"].to_pylist()) == 39
    assert built.counts["cat_scope"] == 18
    meta = built.meta
    assert (meta["catalogue"], meta["source"], meta["list_rule"]) == ("okta", "okta", "all")
    assert (meta["version"], meta["licence"]) == ("2026.06.3", "Apache-2.0")


def test_a_list_of_several_needs_them_all(tmp_path, alternatives):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document({"post": [["okta.apps.manage", "okta.groups.manage"]]})))
    found = alternatives(Catalogue.build("okta", path), "POST /api/v1/x/{id}")
    assert found == {("any", frozenset(["okta.apps.manage", "okta.groups.manage"]))}


def document(by_verb, template="/api/v1/x/{id}"):
    """Write an OpenAPI document: for each verb the lists of scopes of its security."""
    item = {
        verb: {"operationId": f"{verb}X", "security": [{"oauth2": listed} for listed in lists]}
        for verb, lists in by_verb.items()
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Admin Management", "version": "1"},
        "servers": [{"url": "https://{yourOktaDomain}"}],
        "paths": {template: item},
        "components": {"securitySchemes": {"oauth2": {"type": "oauth2", "flows": {}}}},
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    by_verb=st.dictionaries(
        st.sampled_from(VERBS),
        st.lists(st.lists(st.sampled_from("abc"), min_size=1, unique=True), min_size=1, max_size=2),
        min_size=1,
    )
)
def test_any_security_is_an_or_of_ands(tmp_path, alternatives, by_verb):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document(by_verb)))
    built = Catalogue.build("okta", path)
    for verb, lists in by_verb.items():
        wanted = {("any", frozenset(listed)) for listed in lists}
        assert alternatives(built, f"{verb.upper()} /api/v1/x/{{id}}") == wanted


def event(target, **changes):
    """Write a System Log event of a call that an API token made."""
    record = {
        "uuid": f"uuid {target}",
        "published": "2026-07-10T09:30:00.000Z",
        "eventType": "user.account.update_profile",
        "outcome": {"result": "SUCCESS", "reason": None},
        "actor": {"id": "app1", "type": "PublicClientApp", "alternateId": "app1", "displayName": "Sync"},
        "client": {"id": None, "ipAddress": "203.0.113.9", "userAgent": {"rawUserAgent": "sync/1"}},
        "target": [],
        "debugContext": {"debugData": {"requestUri": target}},
        "transaction": {"type": "WEB", "id": "x", "detail": {"requestApiTokenId": "t1"}},
        "authenticationContext": {"externalSessionId": "unknown"},
    }
    return {**record, **changes}


def issued(scopes):
    """Write the issue of the token that makes the calls."""
    return token("10 09:00", "t1", scopes, "10 12:00", source="okta", client_id="app1", subject_id=None)


def test_a_path_with_one_operation_is_judged_although_the_log_names_no_method(judge, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document({"post": [["okta.users.manage"]]}, "/api/v1/users/{id}/lifecycle/suspend")))
    target = "/api/v1/users/00u1/lifecycle/suspend"
    fine = judge("okta", path, [issued(["okta.users.manage"])], [event(target)])
    assert fine.verdicts() == set()
    assert list(fine.calls.values()) == ["POST /api/v1/users/{id}/lifecycle/suspend"]


def test_it_is_a_violation_without_the_scope(judge, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document({"post": [["okta.users.manage"]]}, "/api/v1/users/{id}/lifecycle/suspend")))
    found = judge("okta", path, [issued(["okta.users.read"])], [event("/api/v1/users/00u1/lifecycle/suspend")])
    assert found.verdicts() == {("POST /api/v1/users/{id}/lifecycle/suspend", "violation")}


CASES = (
    # several methods change it, and need the same
    ("/api/v1/groups/{id}", {"get": "r", "put": "m", "delete": "m"}, "m", None),
    ("/api/v1/groups/{id}", {"get": "r", "put": "m", "delete": "m"}, "r", "violation"),
    ("/api/v1/users/{id}", {"get": "r", "post": "m"}, "r", "violation"),
    # they need different scopes: nobody knows which method it was
    ("/api/v1/apps/{id}", {"put": "m", "delete": "d"}, "m", "indeterminate"),
    # nothing changes it: then why was it logged?
    ("/api/v1/logs/{id}", {"get": "r", "head": "r"}, "m", "indeterminate"),
)
"""A path, the scope of each of its methods, the scope of a token, and the verdict where it is not in scope."""


@pytest.mark.parametrize(("template", "by_verb", "held", "verdict"), CASES)
def test_a_change_is_judged_where_all_methods_need_the_same(judge, tmp_path, template, by_verb, held, verdict):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document({verb: [[scope]] for verb, scope in by_verb.items()}, template)))
    found = judge("okta", path, [issued([held])], [event(template.replace("{id}", "00g1"))])
    label = f"change of {template}" if verdict == "violation" else None
    assert found.verdicts() == ({(label, verdict)} if verdict else set())


def test_a_notice_about_a_rate_limit_is_no_change(judge, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document({"get": [["r"]], "put": [["m"]]}, "/api/v1/groups/{id}")))
    notice = event("/api/v1/groups/00g1", eventType="system.org.rate_limit.warning")
    assert judge("okta", path, [issued(["r"])], [notice]).verdicts() == {(None, "indeterminate")}


def test_calls_of_the_real_log_find_their_change(judge, tmp_path, shared):
    """With the paths that the real events name, as Okta's document has them."""
    manage, read = [["okta.groups.manage"]], [["okta.groups.read"]]
    spec = document({"get": read, "put": manage, "delete": manage}, "/api/v1/groups/{groupId}")
    spec["paths"] |= document({"put": manage, "delete": manage}, "/api/v1/groups/{groupId}/users/{userId}")["paths"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    judged = judge("okta", path, shared / "real-logs" / "okta" / "tenzir-system-log.ndjson")
    assert judged.calls == {
        "group.lifecycle.delete": "change of /api/v1/groups/{groupId}",
        "group.user_membership.add": "change of /api/v1/groups/{groupId}/users/{userId}",
    }


def test_with_the_method_the_same_path_is_judged(judge, tmp_path):
    """A gateway in front of Okta logs the method, and `okta` or the organisation's own host."""
    path = tmp_path / "spec.json"
    lists = {"get": [["okta.users.read"]], "post": [["okta.users.manage"]]}
    path.write_text(json.dumps(document(lists, "/api/v1/users/{id}")))
    calls = [
        use("10 09:05", f"{verb} /api/v1/users/00u1", "t1", host, client_id="app1", subject_id=None, source="okta")
        for verb in ("GET", "POST")
        for host in ("okta", "acme.okta.com")
    ]
    found = judge("okta", path, [issued(["okta.users.read"]), *calls])
    assert found.verdicts() == {("POST /api/v1/users/{id}", "violation")}
    assert {finding["events"] for finding in found.findings} <= {1, 2}


def test_how_many_paths_are_certain_without_a_method(file, operations):
    of_path = {}
    for verb, path, security in operations:
        of_path.setdefault(re.sub(r"\{[^}]*\}", "{}", path), {})[verb] = json.dumps(security)
    single = [path for path, by_verb in of_path.items() if len(by_verb) == 1]
    agreeing = [
        path
        for path, by_verb in of_path.items()
        if len(by_verb) > 1 and len({security for verb, security in by_verb.items() if verb != "GET"}) == 1
    ]
    assert (len(single), len(agreeing), len(of_path)) == (18, 9, 28)
    rows = Catalogue.build("okta", file).tables["cat_operation"].to_pylist()
    added = {row["label"] for row in rows if row["method"] is None and row["kind"] == "http"}
    assert {re.sub(r"\{[^}]*\}", "{}", label.removeprefix("change of ")) for label in added} == set(agreeing)


def test_a_broken_file_says_where(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("openapi: 3.0.3\npaths: [\n")
    with pytest.raises(CatalogueError, match="line 3"):
        Catalogue.build("okta", path)
