"""Microsoft Graph's file, counted again from its JSON, and the traps it is known for."""

import json

import pytest

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

WHO = {"DelegatedWork": "delegated", "DelegatedPersonal": "delegated_personal", "Application": "application"}


def test_counts_are_those_of_the_file(graph, graph_json):
    templates, pairs, who, triples = set(), set(), set(), []
    for permission, facts in graph_json.items():
        for path_set in facts["pathSets"]:
            for path in path_set["paths"]:
                templates.add(path)
                for method in path_set["methods"]:
                    pairs.add((method, path))
                    for scheme in path_set["schemeKeys"]:
                        who.add((scheme, method, path))
                        triples.append((permission, scheme, method, path))
    assert (len(templates), len(pairs), len(who), len(triples)) == (7343, 11215, 22211, 43037)
    # Nothing gets lost: each (method, path) of the file is an operation, spelled in some case.
    labels = {row["label"].lower() for row in graph.tables["cat_operation"].to_pylist()}
    merged = [f"{method} {path}" for method, path in pairs if f"{method} {path}".lower() not in labels]
    assert graph.counts["cat_operation"] == len({(method, path.lower()) for method, path in pairs}) - len(merged)
    # What is missing was merged with a path that differs only in the names of parameters or in slips.
    assert len(merged) < 100
    names = {row["scope"] for row in graph.tables["cat_scope"].to_pylist()}
    assert {name.lower() for name in graph_json} <= {name.lower() for name in names}


def test_every_triple_of_the_file_is_an_alternative(graph, graph_json):
    operations = {row["label"].lower(): row["op_id"] for row in graph.tables["cat_operation"].to_pylist()}
    scopes = {row["scope_id"]: row["scope"].lower() for row in graph.tables["cat_scope"].to_pylist()}
    opened = {
        (row["op_id"], row["principal"], scopes[row["scope_id"]]) for row in graph.tables["cat_requirement"].to_pylist()
    }
    checked = 0
    for permission, facts in graph_json.items():
        for path_set in facts["pathSets"]:
            for path in path_set["paths"]:
                for method in path_set["methods"]:
                    op_id = operations.get(f"{method} {path}".lower())
                    if op_id is not None:
                        checked += len(path_set["schemeKeys"])
                        for scheme in path_set["schemeKeys"]:
                            assert (op_id, WHO[scheme], permission.lower()) in opened
    assert checked > 42_000


def test_no_principal_without_a_permission_of_its_own(graph, alternatives):
    # An application has no self whose manager it could read: no row, so the operation is not open to it.
    assert alternatives(graph, "GET /me/manager", "application") == set()
    assert ("delegated", frozenset({"User.Read.All"})) in alternatives(graph, "GET /me/manager")


def test_also_requires_is_a_conjunction(graph, alternatives):
    found = alternatives(graph, "GET /agentRegistry/agentInstances/{id}/agentCardManifest", "delegated")
    assert ("delegated", frozenset({"AgentCardManifest.Read.All", "AgentInstance.Read.All"})) in found
    assert all(len(group) == 2 for _, group in found)


def test_one_least_for_each_principal(graph):
    least = {}
    for row in graph.tables["cat_requirement"].to_pylist():
        if row["is_least"]:
            least.setdefault((row["op_id"], row["principal"]), set()).add(row["alt"])
    assert least
    assert all(len(alts) == 1 for alts in least.values())


def test_of_several_least_the_cheapest_stays(graph, graph_json):
    flagged = {
        permission
        for permission, facts in graph_json.items()
        for path_set in facts["pathSets"]
        if "GET" in path_set["methods"] and "Application" in path_set["schemeKeys"]
        for path, said in path_set["paths"].items()
        if path == "/users" and "Application" in said
    }
    assert {"User.ReadBasic.All", "User.ReadWrite.All"} <= flagged  # the slip of the file
    operation = next(row["op_id"] for row in graph.tables["cat_operation"].to_pylist() if row["label"] == "GET /users")
    scopes = {row["scope_id"]: row["scope"] for row in graph.tables["cat_scope"].to_pylist()}
    least = [
        scopes[row["scope_id"]]
        for row in graph.tables["cat_requirement"].to_pylist()
        if row["op_id"] == operation and row["is_least"] and row["principal"] == "application"
    ]
    assert least == ["User.ReadBasic.All"]


def test_spellings_that_differ_in_case_are_one_operation(graph, graph_json):
    spelled = {path for facts in graph_json.values() for path_set in facts["pathSets"] for path in path_set["paths"]}
    by_case = {}
    for path in spelled:
        by_case.setdefault(path.lower(), set()).add(path)
    twins = {lower for lower, paths in by_case.items() if len(paths) > 1}
    assert len(twins) == 37
    labels = [row["label"].lower() for row in graph.tables["cat_operation"].to_pylist()]
    assert len(labels) == len(set(labels))


def test_me_and_users_are_not_folded(graph, alternatives):
    assert alternatives(graph, "GET /me") != alternatives(graph, "GET /users/{id}")


def test_permissions_without_paths_are_not_mappable(graph, graph_json):
    without = {
        name.lower()
        for name, facts in graph_json.items()
        if not any(path_set["paths"] for path_set in facts["pathSets"])
    }
    assert len(without) == 42
    mappable = {row["scope"].lower() for row in graph.tables["cat_scope"].to_pylist() if row["mappable"]}
    named_by_others = without & mappable  # in AlsoRequires
    assert without - named_by_others
    assert "calendars.readbasic.all" in without - mappable


def test_scopes_that_open_only_some_objects_are_marked(graph):
    limited = {row["scope"] for row in graph.tables["cat_scope"].to_pylist() if row["resource_limited"]}
    assert {
        "Sites.Selected",
        "Files.SelectedOperations.Selected",
        "Application.ReadWrite.OwnedBy",
        "Channel.Delete.Group",
    } <= limited
    assert "Sites.Read.All" not in limited


def test_guids_and_addresses_are_aliases(graph, shared):
    described = json.loads((shared / "catalogues" / "msgraph" / "permissions-descriptions.json").read_text())
    rows = described["delegatedScopesList"] + described["applicationScopesList"]
    scopes = {row["scope_id"]: row["scope"].lower() for row in graph.tables["cat_scope"].to_pylist()}
    aliases = {row["alias"]: scopes[row["scope_id"]] for row in graph.tables["cat_scope_alias"].to_pylist()}
    guids = {row["id"] for row in rows}
    assert len(guids) == 1131
    assert all(aliases[row["id"].lower()] == row["value"].lower() for row in rows)
    assert aliases["https://graph.microsoft.com/Mail.Read"] == "mail.read"
    assert aliases["00000003-0000-0000-c000-000000000000/Mail.Read"] == "mail.read"


def test_search_depends_on_the_body_and_filters_on_the_query(graph):
    operations = {row["op_id"]: row["label"] for row in graph.tables["cat_operation"].to_pylist()}
    conditions = {
        (operations[row["op_id"]], row["condition"])
        for row in graph.tables["cat_requirement"].to_pylist()
        if row["condition"]
    }
    assert ("POST /search/query", "body") in conditions
    assert {condition for label, condition in conditions if "?" in label} == {"query"}


def test_privilege_level_becomes_rank_with_its_label(graph):
    scopes = {row["scope_id"]: row["scope"] for row in graph.tables["cat_scope"].to_pylist()}
    risks = {(scopes[row["scope_id"]], row["principal"]): row for row in graph.tables["cat_scope_risk"].to_pylist()}
    assert risks[("AccessReview.Read.All", "application")]["class"] == "3"
    assert risks[("Mail.Read", "delegated")]["rank"] < risks[("Mail.ReadWrite", "delegated")]["rank"]
    assert risks[("Mail.ReadWrite", "delegated")]["rank"] < risks[("Mail.ReadWrite", "application")]["rank"]
    assert {row["rank"] for row in risks.values()} <= {0, 1, 2, 3, 4}


def test_protocol_scopes_are_there_and_marked(graph):
    protocol = {row["scope"] for row in graph.tables["cat_scope"].to_pylist() if row["is_protocol"]}
    assert {"openid", "profile", "email", "offline_access", ".default"} <= protocol
    assert "User.Read" not in protocol


def one_path(said):
    path_set = {"schemeKeys": ["Application"], "methods": ["GET"], "paths": {"/x": said}}
    return json.dumps({"permissions": {"A": {"pathSets": [path_set]}}})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"permissions": \n', "line 2"),
        ("[]", "no permissions.json"),
        (one_path("most=1"), "'most'"),
        (one_path("AlsoRequires=(B"), "parenthesis"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "permissions.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("msgraph", path)
