"""What audit records of Google Cloud teach, counted again by plain Python; and calls judged by it."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.oauth_cap import lets_through
from grantlens.errors import CatalogueError
from grantlens.rule.example import token, use

ACCOUNT = "ci@acme.iam.gserviceaccount.com"
SERVICE = "storage.googleapis.com"


def entry(method, *checks, service=SERVICE, code=None, number=1, minute=30, account=ACCOUNT, **more):
    """Write an entry of Cloud Audit Logs, of real shape; a check is (permission, granted)."""
    payload = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": service,
        "methodName": method,
        "resourceName": "projects/_/buckets/b/objects/o",
        "authenticationInfo": {"principalEmail": account},
        "authorizationInfo": [
            {"permission": permission, "resource": "b", **({} if granted is None else {"granted": granted})}
            for permission, granted in checks
        ],
        "requestMetadata": {"callerIp": "203.0.113.9"},
        "status": {} if code is None else {"code": code},
    }
    return {
        "insertId": f"i{number}",
        "logName": "projects/acme/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": f"2026-07-10T09:{minute}:00Z",
        "receiveTimestamp": f"2026-07-10T09:{minute}:01Z",
        "protoPayload": {**payload, **more},
    }


def write(path, *records):
    """Write records one a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def learned(folder, *records):
    """Learn from these records; return the alternatives and security of each method."""
    built = Catalogue.build("gcp", write(folder / "audit.ndjson", *records))
    return {row["op_name"]: row["security"] for row in built.tables["cat_operation"].to_pylist()}, built


def plain(paths):
    """Return what each (service, method) of real files needs, by plain Python."""
    enough, refused, all_seen = {}, {}, set()
    for path in paths:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            payload = record.get("protoPayload", {})
            key = (payload.get("serviceName") or record.get("serviceName"), payload.get("methodName"))
            if None in key:
                continue
            all_seen.add(key)
            checks = [check for check in payload.get("authorizationInfo") or [] if check.get("permission")]
            code = ((payload.get("status") or record.get("status")) or {}).get("code", 0)
            granted = frozenset(check["permission"] for check in checks if check.get("granted") is True)
            if code == 0 and granted:
                enough.setdefault(key, set()).add(granted)
            elif code in (0, 7, 16) and checks:
                refused.setdefault(key, set()).add(frozenset(check["permission"] for check in checks))
    return {key: enough.get(key) or refused.get(key) or set() for key in all_seen}, enough


def test_every_method_of_the_real_logs_needs_what_plain_python_says(shared):
    folder = shared / "real-logs" / "gcp_audit"
    wanted, enough = plain(sorted(folder.glob("*.ndjson")))
    built = Catalogue.build("gcp", folder)
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    found = {(row["host"], row["op_name"]): set() for row in built.tables["cat_operation"].to_pylist()}
    names = {row["op_id"]: (row["host"], row["op_name"]) for row in built.tables["cat_operation"].to_pylist()}
    groups, certainty = {}, {}
    for row in built.tables["cat_requirement"].to_pylist():
        groups.setdefault((row["op_id"], row["alt"]), set()).add(scopes[row["scope_id"]])
        certainty[names[row["op_id"]]] = row["certainty"]
    for (op_id, _), group in groups.items():
        found[names[op_id]].add(frozenset(group))
    assert found == wanted
    assert {key for key, said in certainty.items() if said == "observed"} == set(enough)
    assert (len(wanted), len(enough), len(scopes)) == (27, 21, 31)
    assert built.meta["notes"] == ["Learned from 40 audit records: a method that no record calls is not known."]
    assert (built.meta["source"], built.meta["list_rule"]) == ("gcp", "all")


def test_every_set_that_was_enough_is_one(tmp_path, alternatives):
    few, more = [("instances.create", True)], [("instances.create", True), ("disks.create", True)]
    _, built = learned(tmp_path, entry("insert", *few), entry("insert", *more), entry("insert", *few))
    assert alternatives(built, "insert") == {
        ("any", frozenset(["instances.create"])),
        ("any", frozenset(["instances.create", "disks.create"])),
    }


def test_what_was_not_granted_was_not_needed(tmp_path, alternatives):
    _, built = learned(tmp_path, entry("list", ("a.list", True), ("b.list", False), ("c.list", None)))
    assert alternatives(built, "list") == {("any", frozenset(["a.list"]))}


def test_one_permission_on_two_resources(tmp_path, alternatives):
    _, built = learned(tmp_path, entry("move", ("a.move", False), ("a.move", True)))
    assert alternatives(built, "move") == {("any", frozenset(["a.move"]))}


def test_a_refusal_counts_only_where_nothing_went_through(tmp_path, alternatives):
    refused = entry("delete", ("a.delete", None), ("a.get", True), code=7)
    security, built = learned(tmp_path, refused, entry("error", ("a.x", True), code=5))
    assert alternatives(built, "delete") == {("any", frozenset(["a.delete", "a.get"]))}
    assert {row["certainty"] for row in built.tables["cat_requirement"].to_pylist()} == {"observed_challenge"}
    assert security["error"] == "unknown"  # not found: whether it would have been enough nobody knows
    _, built = learned(tmp_path, refused, entry("delete", ("a.delete", True)))
    assert alternatives(built, "delete") == {("any", frozenset(["a.delete"]))}


def test_a_method_of_no_service_is_passed_over(tmp_path):
    security, built = learned(
        tmp_path, entry("list", ("a.list", True)), entry("SetIamPolicy", ("a.x", True), service=None)
    )
    assert set(security) == {"list"}
    assert built.meta["notes"][1] == "1 records with no service were passed over."


def test_wrapped_compressed_and_listed_records(tmp_path):
    one, two, three = (entry(name, ("a.get", True)) for name in ("one", "two", "three"))
    write(tmp_path / "elastic.ndjson", {"event": {"original": json.dumps(one)}}, {"message": "not JSON"})
    (tmp_path / "list.json").write_text(json.dumps([two], indent=1))
    (tmp_path / "zipped.ndjson.gz").write_bytes(gzip.compress(json.dumps(three).encode()))
    built = Catalogue.build("gcp", tmp_path)
    assert {row["op_name"] for row in built.tables["cat_operation"].to_pylist()} == {"one", "two", "three"}
    assert built.meta["notes"][1] == "1 records with no audit record were passed over."


CHECKS = st.lists(st.tuples(st.sampled_from(["a.get", "a.set", "b.get"]), st.sampled_from([True, False])), max_size=3)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("xy"), CHECKS, st.sampled_from([None, 7, 5])), min_size=1, max_size=5))
def test_any_records_teach_what_plain_python_says(tmp_path, alternatives, drawn):
    records = [entry(method, *checks, code=code) for method, checks, code in drawn]
    wanted, _ = plain([write(tmp_path / "audit.ndjson", *records)])
    built = Catalogue.build("gcp", tmp_path / "audit.ndjson")
    for (_, method), groups in wanted.items():
        # a group with one permission twice is one
        assert {group for _, group in alternatives(built, method)} == groups


@pytest.fixture
def taught(tmp_path):
    """Return a log that teaches what three methods need."""
    return write(
        tmp_path / "taught.ndjson",
        entry("storage.objects.get", ("storage.objects.get", True)),
        entry("storage.objects.delete", ("storage.objects.delete", True)),
        entry("v1.compute.instances.insert", ("compute.instances.create", True), service="compute.googleapis.com"),
    )


OAUTH = "https://www.googleapis.com/auth/"
GET, DELETE = "storage.objects.get", "storage.objects.delete"
CASES = (
    (GET, GET, None),
    (GET, DELETE, (DELETE, "violation")),
    (GET, "storage.buckets.get", (None, "indeterminate")),
    # OAuth scopes are a cap: what they let through is not out of scope
    (OAUTH + "cloud-platform", DELETE, None),
    (OAUTH + "devstorage.read_only", GET, None),
    (OAUTH + "devstorage.read_only", DELETE, (DELETE, "violation")),
    (OAUTH + "compute", GET, (GET, "violation")),
)
"""What an account was granted, its call, and what is found."""


def test_accounts_are_judged(judge, taught):
    grants, calls = [], []
    for number, (scope, method, _) in enumerate(CASES):
        who = {"client_id": f"a{number}", "subject_id": None, "grant_id": None, "tenant": "acme", "source": "gcp_audit"}
        grants.append(token("10 09:00", None, [scope], kind="exchange", **who))
        calls.append(entry(method, (method, True), number=number, account=f"a{number}"))
    found = judge("gcp", taught, grants, calls).by_client()
    assert found == {f"a{number}": found for number, (_, _, found) in enumerate(CASES) if found}


def test_it_is_believed_before_googles_own_description(judge, shared, tmp_path, taught, engine, add, targets, answers):
    """Both know storage.objects.get of the same host: the record is the truth."""
    document = {
        "kind": "discovery#restDescription",
        "name": "storage",
        "version": "v1",
        "rootUrl": "https://storage.googleapis.com/",
        "servicePath": "storage/v1/",
        "methods": {
            "get": {"id": "storage.objects.get", "httpMethod": "GET", "path": "b/{b}/o/{o}", "scopes": ["devstorage"]}
        },
    }
    path = tmp_path / "storage.v1.json"
    path.write_text(json.dumps(document))
    targets(
        (SERVICE, None, "storage.objects.get", "storage.objects.get"), (SERVICE, "GET", "/storage/v1/b/x/o/y", None)
    )
    add(Catalogue.build("google", path), Catalogue.build("gcp", taught))
    assert [catalogue for _, _, catalogue in answers()] == ["gcp", "google"]


@pytest.mark.parametrize(
    ("scope", "permission", "through"),
    [
        ("cloud-platform", "any.thing.delete", True),
        ("cloud-platform.read-only", "any.thing.delete", False),
        ("cloud-platform.read-only", "any.thing.list", True),
        ("devstorage.full_control", "storage.objects.delete", True),
        ("bigquery.readonly", "bigquery.tables.getData", True),
        ("bigquery", "bigquerydatatransfer.transfers.get", False),
        ("compute", "compute.instances.delete", True),
    ],
)
def test_what_a_scope_lets_through(scope, permission, through):
    assert lets_through("https://www.googleapis.com/auth/" + scope)(permission) is through


def test_scopes_of_no_service():
    assert lets_through("https://www.googleapis.com/auth/userinfo.email") is None
    assert lets_through("openid") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"protoPayload": \n', "line"),
        ('{"a": 1}\n{"b": 2}\n', "holds no audit record"),
        ('{"a": 1}\n[1]\n', "line 2, item 1: this is no record"),
        ('{"a": 1}\n{"b" 2}\n', "line 2"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "audit.ndjson"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("gcp", path)


def test_a_call_that_the_log_of_a_gateway_names(judge, taught):
    """The same names in another log: nothing but service and method is needed."""
    records = [
        token("10 09:00", "t1", ["storage.objects.get"], "10 12:00"),
        use("10 09:05", "", "t1", SERVICE, method=None, target=None, operation="storage.objects.delete"),
    ]
    assert judge("gcp", taught, records).verdicts() == {("storage.objects.delete", "violation")}
