"""Roles and events of a cluster, against a plain reading of RBAC; and accounts judged by them."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import consent

ACCOUNT = "system:serviceaccount:prod:worker"


def role(name, *rules, namespace=None):
    """Write a Role, or a ClusterRole where it has no namespace."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": list(rules)}


def rule(verbs, groups=None, resources=None, **more):
    """Write a rule; lists are joined by blanks, `core` is the group without a name."""
    listed = {"verbs": verbs.split()}
    if groups is not None:
        listed["apiGroups"] = ["" if group == "core" else group for group in groups.split()]
        listed["resources"] = resources.split()
    return {**listed, **more}


def event(verb, resource=None, group=None, *, sub=None, number=1, code=200, user=ACCOUNT, uri="/x", **more):
    """Write an audit event of real shape."""
    about = {"resource": resource, "namespace": "prod", "apiVersion": "v1"}
    about |= {key: value for key, value in (("apiGroup", group), ("subresource", sub)) if value}
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"a{number}",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["203.0.113.9"],
        "userAgent": "kubectl/1",
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": f"2026-07-10T09:{30 + number}:00.000000Z",
        "stageTimestamp": f"2026-07-10T09:{30 + number}:00.010000Z",
        **({"objectRef": about} if resource else {}),
        **more,
    }


VIEW = role("view", rule("get list watch", "core", "pods pods/log"), rule("get", "apps", "deployments"))
EDIT = role("edit", rule("*", "core apps", "*"))
SCALE = role("scale", rule("update", "*", "*/scale"), rule("get", nonResourceURLs=["/healthz", "/metrics/*"]))
SECRETS = role("one-secret", rule("get", "core", "secrets", resourceNames=["a"]), namespace="prod")


def implied(built):
    """Return what each role implies."""
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    found = {}
    for row in built.tables["cat_scope_implies"].to_pylist():
        found.setdefault(scopes[row["broader"]], set()).add(scopes[row["narrower"]])
    return found


def operations(built):
    """Return all operations."""
    return {row["op_name"] for row in built.tables["cat_operation"].to_pylist()}


@pytest.fixture
def cluster(tmp_path):
    """Return a folder with roles as kubectl shows them and an audit log."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    (folder / "roles.yaml").write_text(yaml.safe_dump({"kind": "List", "items": [VIEW, EDIT, SECRETS]}))
    (folder / "more.json").write_text(json.dumps({"kind": "List", "items": [SCALE, {"kind": "RoleBinding"}]}, indent=1))
    events = [
        event("delete", "pods"),
        event("update", "deployments", "apps", sub="scale", number=2),
        event("create", "jobs", "batch", number=3),
        event("get", uri="/healthz?verbose", number=4),
        event("get", uri="/metrics/cadvisor", number=5),
    ]
    (folder / "audit.log").write_text("".join(json.dumps(one) + "\n" for one in events))
    return folder


def test_the_event_is_the_permission(cluster, alternatives):
    built = Catalogue.build("kubernetes", cluster)
    assert operations(built) == {
        *(f"{verb} core/{what}" for verb in ("get", "list", "watch") for what in ("pods", "pods/log")),
        "get apps/deployments",
        "get core/secrets",
        "delete core/pods",
        "update apps/deployments/scale",
        "create batch/jobs",
        "get /healthz",
        "get /metrics/cadvisor",
    }
    for operation in operations(built):
        assert alternatives(built, operation) == {("any", frozenset([operation]))}
    assert built.counts["cat_scope"] == 13 + 4
    assert built.meta["notes"] == ["Read 4 roles and 5 audit events.", "1 other objects were passed over."]


def test_a_role_implies_what_its_rules_open(cluster):
    found = implied(Catalogue.build("kubernetes", cluster))
    assert found["ClusterRole/view"] == {
        *(f"{verb} core/{what}" for verb in ("get", "list", "watch") for what in ("pods", "pods/log")),
        "get apps/deployments",
    }
    assert found["ClusterRole/scale"] == {"update apps/deployments/scale", "get /healthz", "get /metrics/cadvisor"}
    assert found["Role/prod/one-secret"] == {"get core/secrets"}
    assert found["ClusterRole/edit"] == found["ClusterRole/view"] | {
        "get core/secrets",
        "delete core/pods",
        "update apps/deployments/scale",
    }


def test_roles_of_one_namespace_or_some_objects_are_marked(tmp_path):
    named = role("named", rule("get", "core", "configmaps", resourceNames=["a"]))
    path = tmp_path / "roles.json"
    path.write_text(json.dumps([VIEW, SECRETS, named]))
    built = Catalogue.build("kubernetes", path)
    limited = {row["scope"] for row in built.tables["cat_scope"].to_pylist() if row["resource_limited"]}
    assert limited == {"Role/prod/one-secret", "ClusterRole/named"}


def test_events_of_the_real_logs_are_operations(judge, shared):
    """Every call that the loader reads from them finds its operation, spelled by the same rule."""
    folder = shared / "real-logs" / "kubernetes"
    logs = sorted(folder.glob("*.ndjson"))
    timed = [path for path in logs if path.name != "panther-eks-audit-other.ndjson"]  # its records have no time
    judged = judge("kubernetes", folder, *timed)
    assert judged.calls
    assert all(call == label for call, label in judged.calls.items())
    records = [json.loads(line) for path in logs for line in path.read_text().splitlines()]
    assert {call.split(" ")[0] for call in judged.calls} <= {record["verb"] for record in records}
    built = Catalogue.build("kubernetes", folder)
    assert built.meta["notes"][0] == f"Read 0 roles and {len(records)} audit events."
    assert operations(built) >= set(judged.calls)


VERBS, GROUPS, RESOURCES = ("get", "delete"), ("core", "apps"), ("pods", "pods/log", "deployments/scale")
RULES = st.fixed_dictionaries(
    {
        "verbs": st.lists(st.sampled_from([*VERBS, "*"]), min_size=1, max_size=2),
        "apiGroups": st.lists(st.sampled_from(["", "apps", "*"]), max_size=2),
        "resources": st.lists(st.sampled_from([*RESOURCES, "*", "*/scale"]), max_size=2),
    }
)


def opens(one, verb, group, resource):
    """Decide as the authorizer of RBAC does, in the plainest words."""
    by_verb = verb in one["verbs"] or "*" in one["verbs"]
    by_group = ("" if group == "core" else group) in one["apiGroups"] or "*" in one["apiGroups"]
    part = resource.split("/")[1] if "/" in resource else None
    by_resource = resource in one["resources"] or "*" in one["resources"] or (part and f"*/{part}" in one["resources"])
    return bool(by_verb and by_group and by_resource)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RULES, min_size=1, max_size=3))
def test_any_rules_open_what_plain_python_says(tmp_path, rules):
    every = [(verb, group, resource) for verb in VERBS for group in GROUPS for resource in RESOURCES]
    events = []
    for verb, group, resource in every:
        name, _, part = resource.partition("/")
        events.append(event(verb, name, None if group == "core" else group, sub=part))
    path = tmp_path / "cluster.ndjson"
    path.write_text("".join(json.dumps(one) + "\n" for one in [role("r", *rules), *events]))
    found = implied(Catalogue.build("kubernetes", path)).get("ClusterRole/r", set())
    wanted = {
        f"{verb} {group}/{resource}"
        for verb, group, resource in every
        if any(opens(o, verb, group, resource) for o in rules)
    }
    assert found & {f"{verb} {group}/{resource}" for verb, group, resource in every} == wanted


def bound(*scopes, client=ACCOUNT):
    """Write a grant of roles, or of bare permissions, to an account."""
    who = {"client_id": client, "subject_id": None, "subject_kind": "service", "source": "kubernetes"}
    return consent("10 09:00", scopes, None, **who)


CASES = (
    ("ClusterRole/view", {"verb": "get", "resource": "pods"}, None),
    ("ClusterRole/view", {"verb": "delete", "resource": "pods"}, "delete core/pods"),
    ("ClusterRole/edit", {"verb": "delete", "resource": "pods"}, None),
    ("ClusterRole/edit", {"verb": "create", "resource": "jobs", "group": "batch"}, "create batch/jobs"),
    ("delete core/pods", {"verb": "delete", "resource": "pods"}, None),
    ("* core/*", {"verb": "delete", "resource": "pods"}, None),
    ("get core/*", {"verb": "delete", "resource": "pods"}, "delete core/pods"),
    ("ClusterRole/scale", {"verb": "get", "uri": "/healthz"}, None),
    ("ClusterRole/view", {"verb": "get", "uri": "/healthz"}, "get /healthz"),
)
"""What was bound to an account, its call, and the operation where that is a violation."""


def test_accounts_are_judged_by_their_roles(judge, cluster):
    grants = [bound(scope, client=f"a{number}") for number, (scope, _, _) in enumerate(CASES)]
    calls = [event(**call, user=f"a{number}", number=number) for number, (_, call, _) in enumerate(CASES)]
    found = judge("kubernetes", cluster, grants, calls).by_client()
    assert found == {f"a{number}": (found, "violation") for number, (_, _, found) in enumerate(CASES) if found}


def test_a_refused_call_and_one_that_no_file_knows(judge, cluster):
    calls = [event("delete", "pods", code=403), event("get", "nodes", number=2)]
    judged = judge("kubernetes", cluster, [bound("ClusterRole/view")], calls)
    assert judged.verdicts() == {(None, "indeterminate")}


def test_a_token_joins_to_the_roles_of_its_account(judge, cluster):
    """As Kubernetes logs it from 1.30 on: the id of the credential stands at issue and at use."""
    jti = "11111111-2222-3333-4444-555555555555"
    issue = event("create", "serviceaccounts", sub="token", code=201, user="system:node:n1")
    issue["objectRef"]["name"] = "worker"
    issue["annotations"] = {"authentication.kubernetes.io/issued-credential-id": f"JTI={jti}"}
    call = event("delete", "pods", number=2)
    call["user"]["extra"] = {"authentication.kubernetes.io/credential-id": [f"JTI={jti}"]}
    judged = judge("kubernetes", cluster, [bound("ClusterRole/view")], [issue, call])
    assert ("delete core/pods", "violation") in judged.verdicts()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("roles.yaml", "kind: Role\nrules: [\n", "line 3"),
        ("roles.yaml", "kind: ClusterRole\nrules: []\n", "document 1: a role has no name"),
        ("roles.json", json.dumps(role("r", {"resources": ["pods"]})), "rule 1 of ClusterRole/r lists no verbs"),
        ("roles.json", '{"kind": "RoleBinding"}', "holds neither a role nor an audit event"),
    ],
)
def test_a_mistake_names_its_place(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("kubernetes", path)
