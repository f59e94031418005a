"""The CloudTrail loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens import detect
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

ACCOUNT, OTHER = "111122223333", "444455556666"
USER, ROLE = f"arn:aws:iam::{ACCOUNT}:user/ada", f"arn:aws:iam::{ACCOUNT}:role/deploy"

EXPECTED = {
    "elastic-assume-role.ndjson": ({"records": 1, "issuance": 1, "usage": 1}, {}),
    "elastic-console-login.ndjson": ({"records": 3, "usage": 1, "ignored": 2}, {"sign-in of a person": 2}),
    "elastic-create-access-key.ndjson": ({"records": 1, "issuance": 1, "usage": 1}, {}),
    "elastic-delete-access-key.ndjson": ({"records": 1, "usage": 1, "revocation": 1}, {}),
    "elastic-update-access-key.ndjson": ({"records": 1, "usage": 1, "revocation": 1}, {}),
}


def user(name="ada", key="AKIAADAKEY0000000001", **more):
    """Write the identity of an IAM user."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    identity = {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": arn, "accountId": ACCOUNT, "userName": name}
    return {**identity, "accessKeyId": key, **more}


def session(role="deploy", name="s1", key="ASIASESSION000000001", path="", **context):
    """Write the identity of a role session."""
    issuer = {
        "type": "Role",
        "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{role}",
        "accountId": ACCOUNT,
        "userName": role,
    }
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "sessionContext": {"sessionIssuer": issuer, "webIdFederationData": {}, "attributes": {}, **context},
    }


def call(name, source="iam", who=None, asked=None, got=None, error=None, time="2026-07-01T10:00:00Z", **more):
    """Write one CloudTrail record."""
    record = {
        "eventVersion": "1.09",
        "userIdentity": who or user(),
        "eventTime": time,
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.0",
        "requestParameters": asked,
        "responseElements": got,
        "requestID": "r-1",
        "eventID": f"e-{name}",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    failed = {"errorCode": error[0], "errorMessage": error[1]} if error else {}
    return {**record, **failed, **more}


def assumed(key="ASIASESSION000000001", role="deploy", expiration="Jul 1, 2026, 1:04:10 PM", **more):
    """Write an AssumeRole that succeeded."""
    credentials = {"accessKeyId": key, "sessionToken": "FwoGZXIvYXdzSECRETTOKEN", "expiration": expiration}
    got = {
        "credentials": {**credentials, "secretAccessKey": "SECRETKEY"},
        "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s1"},
    }
    asked = {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "roleSessionName": "s1", **more.pop("asked", {})}
    return call("AssumeRole", "sts", asked=asked, got=got | more.pop("got", {}), **more)


def cut_off(role="deploy", time="2026-07-01T10:30:00Z", before="2026-07-01T10:29:58.000Z", **more):
    """Write the policy that the console puts on a role to revoke its older sessions."""
    condition = {"DateLessThan": {"aws:TokenIssueTime": before}}
    statement = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    asked = {"roleName": role, "policyName": "AWSRevokeOlderSessions", "policyDocument": document}
    return call("PutRolePolicy", asked=asked, time=time, **more)


# Every real record.


def delivered(shared):
    """Read the 38 delivered files with json alone: (file name, record)."""
    found = []
    for path in sorted((shared / "real-logs/aws_cloudtrail/invictus").iterdir()):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [(path.name, record) for record in json.loads(text)["Records"]]
    return found


@pytest.fixture(scope="module")
def invictus(shared):
    """Return the records of the attacked account, and a store that holds them."""
    files = sorted((shared / "real-logs/aws_cloudtrail/invictus").iterdir())
    with Store(":memory:") as store:
        report = store.load(*files)
        assert not report.failed
        assert len(report) == len(files) == 38
        assert {batch["loader"] for batch in report} == {"aws_cloudtrail"}
        yield delivered(shared), store, report


@pytest.mark.parametrize("name", EXPECTED)
def test_every_single_record_is_accounted_for(shared, load_file, name):
    loaded = load_file(shared / "real-logs/aws_cloudtrail" / name)
    assert loaded.batch["loader"] == "aws_cloudtrail"
    assert (loaded.counts(), loaded.ignored, loaded.rejected) == (*EXPECTED[name], [])


def test_every_real_file_is_expected_here(shared):
    names = {path.name for path in (shared / "real-logs/aws_cloudtrail").iterdir()}
    assert names - {"PROVENANCE.txt", "invictus"} == set(EXPECTED)


def test_every_delivered_record_is_accounted_for(invictus):
    records, store, report = invictus
    totals = {
        name: report.total(name) for name in ("records", "issuance", "usage", "revocation", "ignored", "rejected")
    }
    assert totals == {
        "records": 2190,
        "issuance": 64,
        "usage": 2144,
        "revocation": 26,
        "ignored": 28,
        "rejected": 0,
    }
    ignored = dict(store.engine.rows("SELECT reason, sum(records)::INT FROM ignored GROUP BY 1"))
    assert ignored == {"AWS service acting for itself": 25, "sign-in of a person": 3}
    assert len(records) == 2190


def test_what_is_used_agrees_with_a_reading_in_plain_python(invictus):
    records, store, _ = invictus
    expected = {}
    for name, record in records:
        who = record["userIdentity"]
        if who.get("accessKeyId") or who.get("type") == "AssumedRole":
            code = record.get("errorCode")
            refused = code in ("AccessDenied", "Client.UnauthorizedOperation")
            issuer = who.get("sessionContext", {}).get("sessionIssuer", {}).get("arn")
            owner = issuer or who["arn"]
            expected[record["eventID"]] = (
                datetime.fromisoformat(record["eventTime"]),
                datetime.strptime(name.split("_")[3], "%Y%m%dT%H%MZ").replace(tzinfo=UTC),
                who.get("accessKeyId"),
                owner.split("/")[0] + "/" + owner.split("/")[-1],
                "denied" if refused else "error" if code else "success",
                record["eventSource"],
                record["eventSource"].split(".")[0] + ":" + record["eventName"],
            )
    seen = {
        row[0]: row[1:]
        for row in store.engine.rows(
            "SELECT event_id, used_at, received_at, token_id, client_id, outcome::VARCHAR, resource_server, operation FROM usage"
        )
    }
    dated = {"lambda:GetAccountSettings20160819", "lambda:ListFunctions20150331"}
    assert len(expected) == len(seen) == 2144
    for event, row in expected.items():
        if row[-1] not in dated:
            assert seen[event][:-1] == row[:-1]
    unlike = {
        (theirs[-1], mine[-1])
        for theirs, mine in ((row, seen[event]) for event, row in expected.items())
        if theirs != mine
    }
    assert all(theirs.startswith(mine) and theirs[len(mine) :][:2] == "20" for theirs, mine in unlike)


def test_throttling_is_no_denial_in_real_records(invictus):
    records, store, _ = invictus
    throttled = [record["eventID"] for _, record in records if record.get("errorCode") == "ThrottlingException"]
    outcomes = dict(store.engine.rows("SELECT event_id, outcome::VARCHAR FROM usage"))
    assert len(throttled) == 75
    assert {outcomes[event] for event in throttled} == {"error"}
    denied = Counter(store.engine.rows("SELECT denial_reason::VARCHAR FROM usage WHERE outcome = 'denied'"))
    assert sum(denied.values()) == 29 + 12 == denied[("scope",)]


def keys_of(records):
    """Return, from the records alone: when each key was issued, when used, when ended; and the file of each."""
    issued, used, ended = {}, defaultdict(list), {}
    for name, record in records:
        when = datetime.fromisoformat(record["eventTime"])
        response = record.get("responseElements") or {}
        for part in ("credentials", "accessKey"):
            key = (response.get(part) or {}).get("accessKeyId")
            if key:
                issued[key] = (when, name)
        if record["userIdentity"].get("accessKeyId"):
            used[record["userIdentity"]["accessKeyId"]].append((when, name))
        if record["eventName"] == "DeleteAccessKey" and "errorCode" not in record:
            ended[record["requestParameters"]["accessKeyId"]] = (when, name)
    return issued, used, ended


def test_keys_join_as_a_reading_in_plain_python_says(invictus):
    records, store, _ = invictus
    issued, used, ended = keys_of(records)
    mine_issued = dict(store.engine.rows("SELECT token_id, issued_at FROM issuance WHERE token_id IS NOT NULL"))
    assert mine_issued == {key: when for key, (when, _) in issued.items()}
    mine_used = dict(store.engine.rows("SELECT token_id, count(*) FROM usage WHERE token_id IS NOT NULL GROUP BY 1"))
    assert mine_used == {key: len(calls) for key, calls in used.items()}
    both = store.engine.rows("SELECT DISTINCT token_id FROM usage JOIN issuance USING (token_id)")
    assert {key for (key,) in both} == issued.keys() & used.keys()
    assert (len(issued), len(issued.keys() & used.keys()), len(used.keys() - issued.keys())) == (28, 7, 103)
    pairs = store.engine.rows(
        "SELECT token_id, epoch(revoked_at - issued_at)::INT FROM issuance JOIN revocation USING (token_id) ORDER BY 2"
    )
    assert dict(pairs) == {key: int((when - issued[key][0]).total_seconds()) for key, (when, _) in ended.items()}
    assert [seconds for _, seconds in pairs] == [214, 235]


def test_a_use_that_was_delivered_before_its_issue_joins_all_the_same(invictus):
    records, store, _ = invictus
    issued, used, _ = keys_of(records)
    early = [
        key
        for key, (_, name) in issued.items()
        if any(file.split("_")[3] < name.split("_")[3] for _, file in used.get(key, ()))
    ]
    (key,) = [key for key in early if key.endswith("7TITDFL2")]
    rows = store.engine.rows(
        "SELECT u.used_at, u.received_at, u.batch_id, i.issued_at, i.received_at, i.batch_id, i.client_id = u.client_id "
        "FROM usage u JOIN issuance i USING (token_id) WHERE token_id = $key ORDER BY 1, 2 LIMIT 1",
        {"key": key},
    )
    ((used_at, use_came, use_batch, issued_at, issue_came, issue_batch, same_client),) = rows
    assert use_came == datetime(2023, 7, 10, 12, 10, tzinfo=UTC)
    assert issue_came == datetime(2023, 7, 10, 12, 15, tzinfo=UTC)
    assert use_batch != issue_batch
    assert issued_at <= used_at
    assert same_client


def test_real_sessions_expire_when_their_text_says(invictus):
    records, store, _ = invictus
    expected = {}
    for _, record in records:
        credentials = (record.get("responseElements") or {}).get("credentials")
        if credentials:
            read = datetime.strptime(credentials["expiration"], "%b %d, %Y, %I:%M:%S %p").replace(tzinfo=UTC)
            expected[credentials["accessKeyId"]] = (read, record["userIdentity"].get("accessKeyId"))
    rows = store.engine.rows(
        "SELECT token_id, expires_at, parent_token_id FROM issuance WHERE token_kind = 'session' AND outcome = 'success'"
    )
    assert {key: (expires, parent) for key, expires, parent in rows} == expected
    assert len(expected) == 26


def test_the_real_end_of_users_and_roles(invictus):
    records, store, _ = invictus
    names = (
        "DeleteUser",
        "DeleteRole",
        "DeleteLoginProfile",
        "DeleteAccessKey",
        "DetachRolePolicy",
        "DetachUserPolicy",
        "DeleteRolePolicy",
    )
    expected = Counter(
        (record["eventName"], "error" if record.get("errorCode") else "success")
        for _, record in records
        if record["eventName"] in names
    )
    events = {record["eventID"]: record["eventName"] for _, record in records}
    rows = store.engine.rows("SELECT event_id, outcome::VARCHAR FROM revocation")
    assert Counter((events[event], outcome) for event, outcome in rows) == expected


# A key's life.


def test_a_role_chain_names_its_parent_key_and_its_actor(load):
    first = assumed(who=user(), eventID="e1")
    second = assumed("ASIASESSION000000002", "admin", who=session(sourceIdentity="ada@example.com"), eventID="e2")
    one, two = load([first, second]).rows["issuance"]
    assert (one["token_id"], one["parent_token_id"], one["client_id"]) == (
        "ASIASESSION000000001",
        "AKIAADAKEY0000000001",
        ROLE,
    )
    assert (one["kind"], one["token_kind"], one["actor_chain"]) == ("token", "session", [USER])
    assert two["parent_token_id"] == one["token_id"]
    assert two["client_id"] == f"arn:aws:iam::{ACCOUNT}:role/admin"
    assert two["actor_chain"] == [f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/s1", "ada@example.com"]
    assert (two["subject_id"], two["subject_kind"]) == ("ada@example.com", "user")


def test_the_use_of_a_session_belongs_to_its_role_whatever_the_path(load):
    used = call(
        "GetObject", "s3", who=session(path="teams/ops/"), resources=[{"ARN": "arn:aws:s3:::b/k", "accountId": OTHER}]
    )
    loaded = load([assumed(asked={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/teams/ops/deploy"}), used])
    row = loaded.rows["usage"][1]
    assert row["client_id"] == loaded.one("issuance")["client_id"] == ROLE
    assert row["token_id"] == loaded.one("issuance")["token_id"]
    assert (row["operation"], row["resource_server"]) == ("s3:GetObject", "s3.amazonaws.com")
    assert (row["resource_id"], row["resource_tenant"], row["tenant"]) == ("arn:aws:s3:::b/k", OTHER, ACCOUNT)
    assert row["actor_chain"] == [f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/s1"]


@pytest.mark.parametrize("named", ["222222222222", "arn:aws:iam::222222222222:root"])
def test_a_session_of_a_members_root_joins_what_that_root_calls(load, named):
    """Both records after the example of "Track privileged tasks in AWS CloudTrail"."""
    root = {"type": "Root", "principalId": "222222222222", "arn": "arn:aws:iam::222222222222:root"}
    root |= {"accountId": "222222222222", "accessKeyId": "ASIAROOT", "sessionContext": {"attributes": {}}}
    task = {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}
    got = {"credentials": {"accessKeyId": "ASIAROOT", "expiration": "Jul 1, 2026, 10:15:00 AM"}}
    loaded = load(
        [
            call("AssumeRoot", "sts", session(), {"targetPrincipal": named, "taskPolicyArn": task}, got),
            call("DeleteBucketPolicy", "s3", root, {"bucketName": "b"}, recipientAccountId="222222222222"),
        ]
    )
    issued, used = loaded.one("issuance"), loaded.rows["usage"][1]
    assert issued["client_id"] == used["client_id"] == "arn:aws:iam::222222222222:root"
    assert issued["token_id"] == used["token_id"] == "ASIAROOT"


def test_an_access_key_lives_from_its_creation_to_its_end(load):
    key = {"accessKeyId": "AKIANEW0000000000001", "status": "Active", "userName": "bob"}
    named = {"userName": "bob", "accessKeyId": "AKIANEW0000000000001"}
    loaded = load(
        [
            call("CreateAccessKey", asked={"userName": "bob"}, got={"accessKey": key}),
            call("UpdateAccessKey", asked=named | {"status": "Inactive"}),
            call("UpdateAccessKey", asked=named | {"status": "Active"}, eventID="e-again"),
            call("DeleteAccessKey", asked=named),
        ]
    )
    made, again = loaded.rows["issuance"]
    assert (made["kind"], made["token_kind"], made["consent_kind"], made["consent_actor"]) == (
        "credential",
        "api_key",
        "admin",
        USER,
    )
    assert made["parent_token_id"] is None  # the key that called may end: this one stays
    assert again["token_id"] == made["token_id"]
    off, gone = loaded.rows["revocation"]
    assert [off["kind"], gone["kind"]] == ["disable", "revoke"]
    assert {off["target_kind"], gone["target_kind"]} == {"credential"}
    assert {row["token_id"] for row in (made, off, gone)} == {"AKIANEW0000000000001"}
    assert {row["client_id"] for row in (made, again, off, gone)} == {f"arn:aws:iam::{ACCOUNT}:user/bob"}
    assert len(loaded.rows["usage"]) == 4  # each is a use of the calling key as well


def test_without_a_name_iam_means_the_caller(load):
    loaded = load([call("DeleteAccessKey", asked={"accessKeyId": "AKIAADAKEY0000000001"})])
    row = loaded.one("revocation")
    assert (row["client_id"], row["initiator"], row["actor_id"]) == (USER, "user", USER)


def test_older_sessions_are_revoked_by_a_cut_off(load):
    row = load([cut_off()]).one("revocation")
    assert (row["kind"], row["target_kind"], row["client_id"], row["outcome"]) == ("revoke", "policy", ROLE, "success")
    assert row["issued_before"] == datetime(2026, 7, 1, 10, 29, 58, tzinfo=UTC)
    assert row["initiator"] == "admin"


def test_the_cut_off_is_told_by_what_the_policy_says_not_by_its_name(load):
    policy = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    before = policy | {"Condition": {"DateLessThan": {"aws:TokenIssueTime": ["2026-07-01T10:29:58Z"]}}}
    named = [
        call(
            "PutUserPolicy",
            asked={"userName": "ada", "policyName": "stop", "policyDocument": json.dumps({"Statement": statement})},
            eventID=f"e{number}",
        )
        for number, statement in enumerate((before, policy, policy | {"Effect": "Allow"}))
    ]
    loaded = load(named)
    cut, narrowed = loaded.rows["revocation"]
    assert (cut["target_kind"], cut["client_id"], cut["issued_before"]) == (
        "policy",
        USER,
        datetime(2026, 7, 1, 10, 29, 58, tzinfo=UTC),
    )
    assert (narrowed["kind"], narrowed["target_kind"], narrowed["issued_before"]) == ("downgrade", "grant", None)
    assert loaded.one("issuance")["kind"] == "change"


@pytest.mark.parametrize("indent", [None, 2])
def test_what_a_cut_off_allows_beside_is_a_change(load, indent):
    record = cut_off()
    document = json.loads(record["requestParameters"]["policyDocument"])
    document["Statement"].insert(0, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    record["requestParameters"]["policyDocument"] = json.dumps(document, indent=indent)
    loaded = load([record])
    changed, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (changed["kind"], changed["client_id"], changed["scopes"]) == ("change", ended["client_id"], None)
    assert json.loads(changed["authorization_details"]) == document
    assert (ended["target_kind"], ended["issued_before"].second) == ("policy", 58)
    assert load([cut_off()]).rows["issuance"] == []


def test_to_delete_the_cut_off_brings_the_sessions_back(load):
    asked = {"roleName": "deploy", "policyName": "AWSRevokeOlderSessions"}
    loaded = load([call("DeleteRolePolicy", asked=asked)])
    assert loaded.one("issuance")["kind"] == "change"
    assert not loaded.rows["revocation"]


def test_use_after_the_cut_off_is_found_and_a_newer_session_is_not(tmp_path):
    lines = [
        assumed(time="2026-07-01T10:00:00Z", eventID="i1"),
        cut_off(),
        assumed("ASIASESSION000000002", time="2026-07-01T10:40:00Z", eventID="i2"),
        call("GetObject", "s3", who=session(), time="2026-07-01T11:00:00Z", eventID="u1"),
        call("GetObject", "s3", who=session(key="ASIASESSION000000002"), time="2026-07-01T11:00:00Z", eventID="u2"),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": lines}))
    with Store(":memory:") as store:
        store.load(path)
        (found,) = detect.run(store, ["REV-1"])
        assert [row["token_id"] for row in found.to_dicts()] == ["ASIASESSION000000001"]


def test_sessions_that_were_brought_back_are_used_rightly(tmp_path):
    old, unseen = session(), session(key="ASIASESSION000000002", attributes={"creationDate": "2026-07-01T10:05:00Z"})
    policies = ({"roleName": "deploy", "policyName": name} for name in ("Other", "AWSRevokeOlderSessions"))
    lines = [
        assumed(time="2026-07-01T10:00:00Z", eventID="i1"),
        cut_off(),
        call("DeleteRolePolicy", asked=next(policies), time="2026-07-01T10:40:00Z", eventID="d1"),
        *(
            call("GetObject", "s3", who=who, time="2026-07-01T10:45:00Z", eventID=who["accessKeyId"])
            for who in (old, unseen)
        ),
        call("DeleteRolePolicy", asked=next(policies), time="2026-07-01T10:50:00Z", eventID="d2"),
        *(
            call("GetObject", "s3", who=who, time="2026-07-01T11:00:00Z", eventID=f"{who['accessKeyId']} again")
            for who in (old, unseen)
        ),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": lines}))
    with Store(":memory:") as store:
        store.load(path)
        (found,) = detect.run(store, ["REV-1"])
        told = [(row["token_id"], row["detail"]["uses_after"]) for row in found.to_dicts()]
        assert sorted(told) == [("ASIASESSION000000001", 1), ("ASIASESSION000000002", 1)]
        (life,) = store.sql(
            "SELECT ended_by, pauses FROM token_life WHERE token_id = 'ASIASESSION000000001'"
        ).to_pylist()
        assert life["ended_by"] is None
        assert [(pause["off_at"].minute, pause["on_at"].minute) for pause in life["pauses"]] == [(30, 50)]


def test_a_session_that_nobody_saw_begin_is_known_by_when_its_calls_say_it_did(tmp_path):
    """Its `AssumeRole` may stand in another account's trail, or before this one begins."""

    def read(number, began, time="2026-07-01T11:00:00Z", key=None):
        key = key or f"ASIASESSION00000000{number}"
        return call(
            "GetObject", "s3", who=session(key=key, attributes={"creationDate": began}), time=time, eventID=f"u{number}"
        )

    lines = [
        cut_off(),
        read(1, "2026-07-01T10:00:00Z"),
        read(2, "2026-07-01T10:40:00Z"),
        read(3, "20260701T100000Z"),
        read(4, "2026-07-01T10:00:00Z", time="2026-07-01T10:20:00Z"),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": lines}))
    with Store(":memory:") as store:
        store.load(path)
        told = dict(
            store.engine.rows("SELECT event_id, token_issued_at IS NOT NULL FROM usage WHERE event_id LIKE 'u%'")
        )
        assert told == {"u1": True, "u2": True, "u3": False, "u4": True}
        (found,) = detect.run(store, ["REV-1"])
        assert [row["token_id"] for row in found.to_dicts()] == ["ASIASESSION000000001"]


def test_the_end_of_a_role_or_user_ends_what_is_below(load):
    loaded = load([call("DeleteRole", asked={"roleName": "deploy"}), call("DeleteUser", asked={"userName": "ada"})])
    rows = [(row["kind"], row["target_kind"], row["client_id"]) for row in loaded.rows["revocation"]]
    assert rows == [("disable", "client", ROLE), ("disable", "client", USER)]


def test_policies_widen_and_narrow(load):
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    quarantine = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"
    loaded = load(
        [
            call("AttachRolePolicy", asked={"roleName": "deploy", "policyArn": arn}),
            call("DetachRolePolicy", asked={"roleName": "deploy", "policyArn": arn}),
            call("AttachUserPolicy", asked={"userName": "ada", "policyArn": quarantine}),
            call("AddUserToGroup", asked={"userName": "ada", "groupName": "admins"}),
        ]
    )
    attached, joined = loaded.rows["issuance"]
    assert (attached["kind"], attached["client_id"], attached["scopes"]) == ("change", ROLE, None)
    assert json.loads(attached["authorization_details"]) == {"policy": arn, "change": "AttachRolePolicy"}
    assert json.loads(joined["authorization_details"])["policy"] == "group admins"
    reasons = [(row["kind"], row["client_id"], row["reason"]) for row in loaded.rows["revocation"]]
    assert reasons == [("downgrade", ROLE, arn), ("downgrade", USER, quarantine)]


@pytest.mark.parametrize("name", ["AWSCompromisedKeyQuarantineV3", "AWSDenyAll"])
def test_to_take_away_what_only_denied_widens(load, name):
    arn = f"arn:aws:iam::aws:policy/{name}"
    loaded = load(
        [
            call("DetachUserPolicy", asked={"userName": "ada", "policyArn": arn}),
            call("DetachRolePolicy", asked={"roleName": "deploy", "policyArn": arn}),
        ]
    )
    assert loaded.rows["revocation"] == []
    assert [(row["kind"], row["client_id"]) for row in loaded.rows["issuance"]] == [("change", USER), ("change", ROLE)]
    details = [json.loads(row["authorization_details"]) for row in loaded.rows["issuance"]]
    assert details == [{"policy": arn, "change": "DetachUserPolicy"}, {"policy": arn, "change": "DetachRolePolicy"}]


def test_who_may_assume_a_role(load):
    principal = {"AWS": [OTHER, f"arn:aws:iam::{ACCOUNT}:root"], "Service": "ec2.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": "*"},
    ]
    document = json.dumps({"Statement": statements})
    row = load([call("UpdateAssumeRolePolicy", asked={"roleName": "deploy", "policyDocument": document})]).one(
        "issuance"
    )
    assert row["may_act"] == ["*", OTHER, f"arn:aws:iam::{ACCOUNT}:root", "ec2.amazonaws.com"]
    assert (row["kind"], row["client_id"]) == ("change", ROLE)


def test_federation_names_whom_the_session_is_for(load):
    web = {
        "type": "WebIdentityUser",
        "principalId": "p:aud:repo:acme/app:ref:main",
        "userName": "repo:acme/app:ref:main",
    }
    named = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    records = [
        assumed(who=web, got={"subjectFromWebIdentityToken": "repo:acme/app:ref:main"})
        | {"eventName": "AssumeRoleWithWebIdentity"},
        call(
            "GetFederationToken",
            "sts",
            got={"credentials": {"accessKeyId": "ASIAFED"}, "federatedUser": {"arn": named}},
            asked={"name": "bob", "policy": '{"Statement": []}'},
        ),
        call("GetSessionToken", "sts", got={"credentials": {"accessKeyId": "ASIAOWN"}}, eventID="e3"),
    ]
    loaded = load(records)
    by_web, federated, own = loaded.rows["issuance"]
    assert (by_web["client_id"], by_web["subject_id"], by_web["parent_token_id"]) == (
        ROLE,
        "repo:acme/app:ref:main",
        None,
    )
    assert (federated["client_id"], federated["subject_id"], federated["token_id"]) == (USER, named, "ASIAFED")
    assert json.loads(federated["authorization_details"]) == {"Statement": []}
    assert (own["client_id"], own["subject_id"], own["token_id"]) == (USER, None, "ASIAOWN")
    assert len(loaded.rows["usage"]) == 2  # the web identity holds no key


def test_a_token_by_which_an_identity_proves_itself_elsewhere_is_issued_to_it(load):
    """Its id is in the record of the account that takes it, where another partition of AWS does."""
    asked = {"audience": ["https://api.example.com"], "durationSeconds": 300, "signingAlgorithm": "RS256"}
    got = {"webIdentityTokenId": "jti-0001", "expiration": "Jul 1, 2026, 10:05:00 AM"}
    web = {"type": "WebIdentityUser", "principalId": "p:aud:x", "userName": ROLE}
    taken = assumed("ASIAELSEWHERE0000001", "guest", who=web, eventID="e2") | {"eventName": "AssumeRoleWithWebIdentity"}
    taken["requestParameters"]["webIdentityTokenId"] = "jti-0001"
    refused = ("OutboundWebIdentityFederationDisabledException", "is disabled")
    loaded = load(
        [
            call("GetWebIdentityToken", "sts", session(sourceIdentity="ada@example.com"), asked, got),
            taken,
            call("GetWebIdentityToken", "sts", session(), asked | {"audience": "b"}, error=refused, eventID="e3"),
        ]
    )
    made, taken, refused = loaded.rows["issuance"]
    assert (made["kind"], made["token_kind"], made["token_id"]) == ("token", "id", "jti-0001")
    assert (made["client_id"], made["subject_id"], made["parent_token_id"]) == (
        ROLE,
        "ada@example.com",
        "ASIASESSION000000001",
    )
    assert made["audience"] == ["https://api.example.com"]
    assert made["expires_at"] == datetime(2026, 7, 1, 10, 5, tzinfo=UTC)
    assert (made["consent_actor"], made["consent_kind"]) == (None, None)
    assert (taken["token_id"], taken["parent_token_id"]) == ("ASIAELSEWHERE0000001", "jti-0001")
    assert (refused["outcome"], refused["token_id"], refused["audience"]) == ("error", None, ["b"])
    assert len(loaded.rows["usage"]) == 2


@pytest.mark.parametrize(
    ("statement", "more", "expected"),
    [
        (
            [{"Effect": "Allow", "Action": ["s3:Get*", "ec2:RunInstances"]}, {"Effect": "Deny", "Action": "s3:*"}],
            {},
            ["ec2:RunInstances", "s3:Get*"],
        ),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}, {}, ["s3:GetObject"]),
        ({"Effect": "Deny", "Action": "s3:GetObject"}, {}, []),
        ({"Effect": "Allow", "NotAction": "iam:*"}, {}, None),
        (
            {"Effect": "Allow", "Action": "s3:GetObject"},
            {"policyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]},
            None,
        ),
        ("no statement", {}, []),
    ],
)
def test_a_session_policy_is_all_that_a_session_may_have(load, statement, more, expected):
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement}, indent=2)
    row = load([assumed(asked={"policy": policy, **more})]).one("issuance")
    assert row["scopes"] == expected
    assert json.loads(row["authorization_details"])["Statement"] == statement
    assert load([assumed()]).one("issuance")["scopes"] is None


def test_the_scopes_of_real_sessions_are_the_actions_of_their_policy(invictus):
    records, store, _ = invictus
    expected = {}
    for _, record in records:
        asked = record.get("requestParameters") or {}
        if "policy" in asked and (record.get("responseElements") or {}).get("credentials"):
            actions = [
                action for statement in json.loads(asked["policy"])["Statement"] for action in statement["Action"]
            ]
            expected[record["responseElements"]["credentials"]["accessKeyId"]] = sorted(set(actions))
    assert len(expected) == 4
    assert dict(store.engine.rows("SELECT token_id, scopes FROM issuance WHERE scopes IS NOT NULL")) == expected


# Failed, refused, not ours.


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ("AccessDenied", "User: x is not authorized to perform: y because no identity-based policy allows"),
            ("denied", "scope"),
        ),
        (("Client.UnauthorizedOperation", "You are not authorized"), ("denied", "scope")),
        (
            ("AccessDeniedException", "x is not authorized: with an explicit deny in a service control policy"),
            ("denied", "policy"),
        ),
        (("ExpiredToken", "The security token included in the request is expired"), ("denied", "token")),
        (("InvalidClientTokenId", "The security token included in the request is invalid"), ("denied", "token")),
        (("ThrottlingException", "Rate exceeded"), ("error", None)),
        (("NoSuchBucketPolicy", "The bucket policy does not exist"), ("error", None)),
        (None, ("success", None)),
        (("", ""), ("success", None)),
    ],
)
def test_what_an_error_means(load, error, expected):
    row = load([call("ListBuckets", "s3", error=error)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == expected


@pytest.mark.parametrize(
    ("sent", "told"), [(52428800, 52428800), (52428800.0, 52428800), (None, None), (-1, None), ("many", None)]
)
def test_how_much_a_data_event_returned_is_told(load, sent, told):
    record = call("GetObject", "s3", additionalEventData={"bytesTransferredIn": 0, "bytesTransferredOut": sent})
    assert load([record]).one("usage")["response_bytes"] == told


def test_failed_issue_and_failed_end_are_kept_as_failed(load):
    refused = ("AccessDenied", f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}")
    records = [
        call("AssumeRole", "sts", error=refused),
        call("CreateAccessKey", asked={"userName": "bob"}, error=("LimitExceededException", "too many keys")),
        call(
            "DeleteAccessKey", asked={"userName": "bob", "accessKeyId": "AKIA"}, error=("NoSuchEntityException", "none")
        ),
        call(
            "DeleteUser",
            error=("AccessDenied", "User: x is not authorized to perform: iam:DeleteUser on resource: user bob"),
        ),
    ]
    loaded = load(records)
    assert [(row["outcome"], row["token_id"]) for row in loaded.rows["issuance"]] == [("denied", None), ("error", None)]
    assert loaded.rows["issuance"][0]["client_id"] == ROLE  # the message alone names the role
    assert [(row["outcome"], row["client_id"]) for row in loaded.rows["revocation"]] == [
        ("error", f"arn:aws:iam::{ACCOUNT}:user/bob"),
        ("denied", None),
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("AccessDenied", "policy"),
        ("ExpiredTokenException", "expired"),
        ("IDPRejectedClaim", "token"),
        ("NoSuchEntityException", None),
        (None, None),
    ],
)
def test_why_an_issue_was_refused(load, error, reason):
    record = call("CreateAccessKey", asked={"userName": "bob"}, error=(error, "so") if error else None)
    assert load([record]).one("issuance")["denial_reason"] == reason


def test_the_expiration_is_text_of_the_united_states_in_utc(load):
    expected = {
        "Jul 1, 2026, 1:04:10 PM": datetime(2026, 7, 1, 13, 4, 10, tzinfo=UTC),
        "Jul 1, 2026 12:04:10 AM": datetime(2026, 7, 1, 0, 4, 10, tzinfo=UTC),
        "Jul 1, 2026, 1:04:10\u202fPM": datetime(2026, 7, 1, 13, 4, 10, tzinfo=UTC),
        "2026-07-01T13:04:10Z": datetime(2026, 7, 1, 13, 4, 10, tzinfo=UTC),
        "tomorrow": None,
        None: None,
    }
    loaded = load([assumed(expiration=text, eventID=str(text)) for text in expected])
    assert [row["expires_at"] for row in loaded.rows["issuance"]] == [
        expected[None if r["event_id"] == "None" else r["event_id"]] for r in loaded.rows["issuance"]
    ]


def test_services(load):
    forward = call(
        "Decrypt",
        "kms",
        who=user(invokedBy="secretsmanager.amazonaws.com"),
        sourceIPAddress="secretsmanager.amazonaws.com",
    )
    by_role = session(key=None) | {"invokedBy": "rds.amazonaws.com"}
    service = {"type": "AWSService", "invokedBy": "rds.amazonaws.com"}
    records = [
        forward,
        call("DescribeSubnets", "ec2", who=by_role, sourceIPAddress="rds.amazonaws.com"),
        assumed(who=service),
        call("GetBucketAcl", "s3", who=service),
        call(
            "EndSecretVersionDelete",
            "secretsmanager",
            who={"accountId": ACCOUNT, "invokedBy": "x"},
            eventType="AwsServiceEvent",
        ),
    ]
    loaded = load(records)
    assert loaded.counts() == {"records": 5, "issuance": 1, "usage": 2, "ignored": 2}
    assert loaded.ignored == {"AWS service acting for itself": 2}
    for_user, for_role = loaded.rows["usage"]
    assert (for_user["token_id"], for_user["client_id"], for_user["ip"]) == ("AKIAADAKEY0000000001", USER, None)
    assert for_user["actor_chain"] == ["secretsmanager.amazonaws.com", USER]
    assert (for_role["token_id"], for_role["client_id"]) == (None, ROLE)
    assert loaded.one("issuance")["actor_chain"] == ["rds.amazonaws.com"]
    assert (loaded.one("issuance")["parent_token_id"], loaded.one("issuance")["subject_kind"]) == (None, "service")


def test_what_the_endpoints_of_a_user_pool_log_is_ignored_by_name(load):
    said = {
        "responseParameters": {"status": 200},
        "requestParameters": {"grant_type": ["client_credentials"], "client_id": ["1example"]},
    }
    who, of_service = {"accountId": ACCOUNT}, {"eventType": "AwsServiceEvent", "additionalEventData": said}
    loaded = load([call("Token_POST", "cognito-idp", who=who, **of_service)])
    assert loaded.ignored == {"sign-in at a user pool of Cognito, or a token of it": 1}


def test_a_sign_in_without_a_key_is_ignored_and_one_with_a_key_is_its_use(load):
    console = {"eventType": "AwsConsoleSignIn"}
    loaded = load(
        [
            call("ConsoleLogin", "signin", who=user(key=""), got={"ConsoleLogin": "Success"}, **console),
            call("ConsoleLogin", "signin", who=session(), got={"ConsoleLogin": "Failure"}, eventID="e2", **console),
            call("GetObject", "s3", who={"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}),
        ]
    )
    assert loaded.ignored == {"sign-in of a person": 1, "call that names no caller of an account": 1}
    assert (loaded.one("usage")["outcome"], loaded.one("usage")["client_id"]) == ("denied", ROLE)


def test_a_call_between_accounts_is_kept_in_both(load):
    shared_id = {"sharedEventID": "shared-1"}
    foreign = {"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT}
    role = {"roleArn": f"arn:aws:iam::{OTHER}:role/vendor"}
    mine = assumed(asked=role, eventID="e-mine", **shared_id)
    theirs = assumed(asked=role, who=foreign, eventID="e-theirs", recipientAccountId=OTHER, **shared_id)
    loaded = load([mine, theirs])
    assert loaded.counts() == {"records": 2, "issuance": 2, "usage": 2}
    assert [row["tenant"] for row in loaded.rows["usage"]] == [ACCOUNT, OTHER]
    assert [row["client_id"] for row in loaded.rows["usage"]] == [USER, "AIDAEXAMPLE"]
    assert {row["grant_id"] for row in loaded.rows["issuance"]} == {
        loaded.rows["issuance"][0]["grant_id"]
    }  # one role, one grant
    assert {row["tenant"] for row in loaded.rows["issuance"]} == {OTHER}
    assert [row["parent_token_id"] for row in loaded.rows["issuance"]] == ["AKIAADAKEY0000000001", None]


def portal(**more):
    """Write the identity of a user of the Identity Center who calls its portal with a token."""
    return {
        "type": "IdentityCenterUser",
        "accountId": ACCOUNT,
        "onBehalfOf": {"userId": "u-1"},
        "credentialId": "AAAA-c-1",
    } | more


def test_a_person_of_the_identity_center_who_is_deleted_or_disabled_is_ended_in_all_accounts(load):
    """By the console, by its API, or by SCIM: there the answer of a change shows the person, active or not."""
    store = {"identityStoreId": "d-1", "userId": "u-1"}
    scim, hidden = (
        {"type": "WebIdentityUser", "accountId": ACCOUNT, "accessKeyId": "scim-1"},
        {"op": "REPLACE", "path": "active"},
    )
    patch = {"tenantId": "t-1", "id": "u-1", "httpBody": {"operations": [hidden]}}
    loaded = load(
        [
            call("DisableUser", "sso-directory", asked=store),
            call("EnableUser", "sso-directory", asked=store),
            call("DeleteUser", "identitystore", asked=store, eventID="e-3"),
            call("PatchUser", "identitystore-scim", scim, patch, {"id": "u-1", "active": False}, eventID="e-4"),
            call("PatchUser", "identitystore-scim", scim, patch, {"id": "u-1", "active": True}, eventID="e-5"),
            call("DeleteUser", "identitystore-scim", scim, {"tenantId": "t-1", "id": "u-1"}, eventID="e-6"),
            call("DeleteUser", "identitystore", asked=store, error=("AccessDeniedException", "no"), eventID="e-7"),
            # neither ends anybody
            call("PatchUser", "identitystore-scim", scim, patch, error=("ValidationException", "no"), eventID="e-8"),
            call("CreateUser", "sso-directory", asked={"identityStoreId": "d-1", "userName": "ada"}, eventID="e-9"),
        ]
    )
    rows = loaded.rows["revocation"]
    assert [row["kind"] for row in rows] == ["disable", "enable", "disable", "disable", "enable", "disable", "disable"]
    assert [row["outcome"] for row in rows] == ["success"] * 6 + ["denied"]
    assert [row["initiator"] for row in rows] == ["admin"] * 3 + ["system"] * 3 + ["admin"]
    for row in rows:
        assert (row["target_kind"], row["subject_id"], row["client_id"], row["tenant"]) == (
            "subject",
            "u-1",
            None,
            None,
        )


def test_a_token_of_the_identity_center_is_issued_and_used(load):
    """An app trades the user's token of elsewhere for one of its own; the portal's calls are written as events of the service."""
    asked = {
        "clientId": f"arn:aws:sso::{ACCOUNT}:application/ssoins-1/apl-1",
        "grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "scope": ["sso:account:access"],
        "assertion": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }
    got = {"accessToken": "HIDDEN_DUE_TO_SECURITY_REASONS", "expiresIn": 3600, "tokenType": "Bearer"}
    said = {"identitystore:UserId": "u-1", "identitycenter:CredentialId": "AAAA-c-1"}
    handed_out = {"role_name": "Admin", "account_id": OTHER}
    loaded = load(
        [
            call("CreateTokenWithIAM", "sso-oauth", session(), asked, got, additionalEventData=said),
            call("GetRoleCredentials", "sso", portal(), eventType="AwsServiceEvent", serviceEventDetails=handed_out),
            call("UserAuthentication", "signin", portal(), eventType="AwsServiceEvent"),
        ]
    )
    assert loaded.ignored == {"sign-in of a person": 1}
    issued, (traded, used) = loaded.one("issuance"), loaded.rows["usage"]
    assert (issued["kind"], issued["grant_type"], issued["token_kind"]) == ("exchange", asked["grantType"], "access")
    assert (issued["client_id"], issued["subject_id"], issued["subject_kind"]) == (asked["clientId"], "u-1", "user")
    assert (issued["scopes"], issued["actor_chain"]) == (["sso:account:access"], [session()["arn"]])
    assert issued["expires_at"] == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert issued["parent_token_id"] is None
    assert (traded["token_id"], traded["operation"]) == ("ASIASESSION000000001", "sso-oauth:CreateTokenWithIAM")
    assert (used["token_id"], used["subject_id"], used["operation"]) == ("AAAA-c-1", "u-1", "sso:GetRoleCredentials")
    assert issued["token_id"] == used["token_id"]


def test_who_logs_out_of_the_identity_center_ends_the_token_of_the_call(tmp_path):
    said = {"identitystore:UserId": "u-1", "identitycenter:CredentialId": "AAAA-c-1"}
    asked = {"clientId": "cli-1", "grantType": "urn:ietf:params:oauth:grant-type:device_code"}
    service = {"eventType": "AwsServiceEvent", "serviceEventDetails": {}}
    records = [
        call("CreateToken", "sso", portal(), asked, {"expiresIn": 28800}, additionalEventData=said),
        call("Logout", "sso", portal(), time="2026-07-01T11:00:00Z", **service),
        call("Logout", "sso", portal(credentialId=None), time="2026-07-01T11:30:00Z", eventID="e-unnamed", **service),
        call("ListAccounts", "sso", portal(), time="2026-07-01T12:00:00Z", **service),
    ]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(log)
        (row,) = store.sql("SELECT * FROM revocation").to_pylist()
        (found,) = detect.run(store, ["REV-1"])
        findings = found.to_dicts()
    names = ("kind", "target_kind", "token_id", "client_id", "subject_id", "initiator", "actor_id", "tenant")
    assert tuple(row[name] for name in names) == ("revoke", "token", "AAAA-c-1", None, "u-1", "user", "u-1", ACCOUNT)
    assert [(finding["token_id"], finding["detail"]["uses_after"]) for finding in findings] == [("AAAA-c-1", 1)]


def test_an_application_of_the_identity_center_ends_with_its_tokens(load):
    """It is of the account that its ARN names, wherever the call was made."""
    app = f"arn:aws:sso::{ACCOUNT}:application/ssoins-1/apl-1"
    asked = {"clientId": app, "grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    said = {"identitystore:UserId": "u-1", "identitycenter:CredentialId": "AAAA-c-1"}
    given = call("CreateTokenWithIAM", "sso-oauth", session(), asked, {}, additionalEventData=said)
    changes = [
        call(
            name,
            "sso",
            None,
            {"applicationArn": app, **more},
            eventID=f"e-{nth}",
            recipientAccountId=OTHER,
            error=error,
        )
        for nth, (name, more, error) in enumerate(
            [
                ("UpdateApplication", {"status": "DISABLED"}, None),
                ("UpdateApplication", {"status": "ENABLED"}, None),
                ("UpdateApplication", {"name": "a name", "status": None}, None),
                ("DeleteApplication", {}, ("AccessDeniedException", "no")),
                ("DeleteApplication", {}, None),
                ("PutApplicationGrant", {"grantType": "refresh_token"}, None),
            ]
        )
    ]
    other = call("DeleteApplication", "kinesisanalytics", None, {"applicationName": "a"}, eventID="e-other")
    loaded = load([given, *changes, other])
    names = ("kind", "target_kind", "client_id", "outcome", "tenant", "subject_id", "token_id")
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("disable", "client", app, "success", ACCOUNT, None, None),
        ("enable", "client", app, "success", ACCOUNT, None, None),
        ("disable", "client", app, "denied", ACCOUNT, None, None),
        ("disable", "client", app, "success", ACCOUNT, None, None),
    ]
    assert loaded.one("issuance")["tenant"] == ACCOUNT
    assert len(loaded.rows["usage"]) == 8


def test_a_key_of_one_service_ends_when_its_record_says(load):
    made = {"serviceSpecificCredentialId": "ACCA1", "userName": "ada", "expirationDate": "Jul 31, 2026, 10:00:00 AM"}
    asked = {"userName": "ada", "serviceName": "bedrock.amazonaws.com", "credentialAgeDays": 30}
    row = load([call("CreateServiceSpecificCredential", asked=asked, got={"serviceSpecificCredential": made})]).one(
        "issuance"
    )
    assert (row["kind"], row["token_id"]) == ("credential", "ACCA1")
    assert row["expires_at"] == datetime(2026, 7, 31, 10, tzinfo=UTC)


SIGN_IN = f"arn:aws:signin:us-west-2:{ACCOUNT}:session/0a1b"
AGENT = "arn:aws:signin:us-west-2::external-client/dcr/4c5d"
MCP = "https://aws-mcp.us-west-2.api.aws/mcp"


def approved(name, time="2026-07-01T10:00:00Z", asked=None, said=None, **more):
    """Write what AWS Sign-In logs of OAuth: the person's session without a key, and no answer."""
    who = more.pop("who", session(key=None, **({"signInSessionArn": SIGN_IN} if said else {})))
    asked = {"resource": MCP, "client_id": AGENT} if asked is None else asked
    said = {"success": "true"} | ({"signInSessionArn": SIGN_IN} | said if said else {})
    return call(name, "signin", who, asked, time=time, eventID=f"e-{name}-{time}", additionalEventData=said, **more)


def within(time, key="ASIAAGENT00000000001", **more):
    """Write a call that the MCP server made for an agent."""
    who = session(key=key, signInSessionArn=SIGN_IN) | {"invokedBy": "aws-mcp.amazonaws.com"}
    return call(
        "ListBuckets", "s3", who, time=time, eventID=f"e-{time}", sourceIPAddress="aws-mcp.amazonaws.com", **more
    )


def test_an_agent_that_a_person_lets_in_by_sign_in(load):
    """A consent, its token and its refresh are one grant; the calls name their session, and go on under the role."""
    who = session()["arn"]
    loaded = load(
        [
            approved(
                "AuthorizeOAuth2Access",
                asked={"resource": MCP, "client_id": AGENT, "redirect_uri": "http://127.0.0.1:6/cb"},
            ),
            approved("CreateOAuth2Token", "2026-07-01T10:00:05Z", said={"grant_type": "authorization_code"}),
            approved("CreateOAuth2Token", "2026-07-01T10:50:00Z", said={"grant_type": "refresh_token"}),
            within("2026-07-01T10:01:00Z"),
        ]
    )
    assert loaded.counts() == {"records": 4, "issuance": 3, "usage": 1}
    consent, token, refreshed = issued = loaded.rows["issuance"]
    assert [row["kind"] for row in issued] == ["consent", "token", "refresh"]
    assert {(row["client_id"], row["subject_id"], row["subject_kind"], row["tenant"]) for row in issued} == {
        (AGENT, who, "user", ACCOUNT)
    }
    assert {row["grant_id"] for row in issued} == {consent["grant_id"]}
    assert {(tuple(row["audience"]), row["scopes"], row["token_id"], row["actor_chain"]) for row in issued} == {
        ((MCP,), None, None, None)
    }
    assert [row["session_id"] for row in issued] == [None, SIGN_IN, SIGN_IN]
    assert [row["grant_type"] for row in issued] == [None, "authorization_code", "refresh_token"]
    assert [row["token_kind"] for row in issued] == [None, "access", "access"]
    assert (consent["consent_actor"], consent["consent_kind"], token["consent_kind"], refreshed["outcome"]) == (
        who,
        "user",
        None,
        "success",
    )
    used = loaded.one("usage")
    assert (used["session_id"], used["client_id"], used["token_id"]) == (SIGN_IN, ROLE, "ASIAAGENT00000000001")
    assert used["actor_chain"] == ["aws-mcp.amazonaws.com", who]


def test_the_client_that_sign_in_gives_to_whoever_signs_as_itself_names_nobody(load):
    """It is the same in all accounts; the record is called as that of an agent is, and the caller's key stands in it."""
    asked = {"resource": "aws-mcp.amazonaws.com", "client_id": "arn:aws:signin:::client-credentials/sigv4"}
    loaded = load(
        [approved("CreateOAuth2Token", asked=asked, said={"grant_type": "client_credentials"}, who=session())]
    )
    assert loaded.counts() == {"records": 1, "issuance": 1, "usage": 1}
    issued = loaded.one("issuance")
    assert (issued["kind"], issued["client_id"], issued["subject_id"], issued["subject_kind"]) == (
        "token",
        ROLE,
        None,
        "service",
    )
    assert (issued["session_id"], issued["parent_token_id"]) == (SIGN_IN, "ASIASESSION000000001")
    assert (issued["actor_chain"], issued["audience"]) == ([session()["arn"]], ["aws-mcp.amazonaws.com"])
    assert loaded.one("usage")["operation"] == "signin:CreateOAuth2Token"
    assert loaded.one("usage")["session_id"] is None


def test_what_sign_in_refuses_is_no_consent(load):
    """Also where the record tells it by no error code."""
    refused = approved("CreateOAuth2Token", said={"success": "false", "grant_type": "refresh_token"})
    denied = approved("AuthorizeOAuth2Access", error=("AccessDenied", "no"))
    assert [row["outcome"] for row in load([refused, denied]).rows["issuance"]] == ["denied", "denied"]


def test_use_of_a_sign_in_session_after_its_refresh_token_was_revoked_is_found(tmp_path):
    """Of an administrator's request his own session is not the one that ends."""
    admin = user() | {"sessionContext": {"signInSessionArn": f"arn:aws:signin:us-west-2:{ACCOUNT}:session/other"}}
    records = [
        approved("CreateOAuth2Token", "2026-07-01T10:00:05Z", said={"grant_type": "authorization_code"}),
        within("2026-07-01T10:01:00Z"),
        approved(
            "RevokeOAuth2TokenWithIAM", "2026-07-01T10:10:00Z", {"token": "HIDDEN"}, said={"reason": ""}, who=admin
        ),
        approved("RevokeOAuth2Token", "2026-07-01T10:20:00Z", {"token": "HIDDEN"}, who=admin),
        within("2026-07-01T10:30:00Z"),
    ]
    (tmp_path / "trail.json").write_text(json.dumps({"Records": records}))
    with Store(":memory:") as store:
        store.load(tmp_path / "trail.json")
        ended = store.sql(
            "SELECT target_kind::VARCHAR AS ended, session_id, actor_id FROM revocation ORDER BY revoked_at"
        ).to_pylist()
        (found,) = detect.run(store, ["REV-1"])
    assert [tuple(row.values()) for row in ended] == [("session", SIGN_IN, USER), ("token", None, USER)]
    assert [(row["join_key"], row["client_id"]) for row in found.to_dicts()] == [("session", ROLE)]


@pytest.mark.parametrize(
    ("grant", "kind"), [("urn:ietf:params:oauth:grant-type:device_code", "token"), ("refresh_token", "refresh")]
)
def test_a_token_of_the_identity_center_for_a_person_names_no_id(load, grant, kind):
    who = {"type": "Unknown", "principalId": "example.com//S-1-5-21", "accountId": ACCOUNT, "userName": "ada"}
    asked = {"clientId": "c-9", "grantType": grant, "deviceCode": "a-device-code"}
    row = load([call("CreateToken", "sso", who, asked, {"accessToken": "HIDDEN"})]).one("issuance")
    assert (row["kind"], row["client_id"], row["subject_id"], row["token_id"]) == (kind, "c-9", "ada", None)
    assert "a-device-code" not in str(row)


def test_a_user_of_the_identity_center_is_the_subject(load):
    who = {"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": {"userId": "u-1"}, "credentialId": "c-1"}
    row = load([call("GenerateCompletions", "codewhisperer", who=who)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["token_id"]) == (None, "u-1", "c-1")


def test_the_version_of_the_api_is_no_part_of_the_operation(load):
    names = {
        "ListFunctions20150331": "lambda:ListFunctions",
        "CreateFunction20150331v2": "lambda:CreateFunction",
        "Invoke": "lambda:Invoke",
    }
    names |= {"GetDistribution2020_05_31": "lambda:GetDistribution"}
    loaded = load([call(name, "lambda") for name in names])
    assert [row["operation"] for row in loaded.rows["usage"]] == list(names.values())


def test_the_name_of_the_file_tells_the_delivery_and_only_if_aws_gave_it(tmp_path, load_file):
    for name, expected in (
        (f"{ACCOUNT}_CloudTrail_eu-west-1_20260701T1005Z_AbCdEf.json", datetime(2026, 7, 1, 10, 5, tzinfo=UTC)),
        ("events.json", None),
        ("x_CloudTrail_eu_20269999T9999Z_y.json", None),
    ):
        (tmp_path / name).write_text(json.dumps({"Records": [call("ListBuckets", "s3")]}))
        assert load_file(tmp_path / name).one("usage")["received_at"] == expected


@pytest.mark.parametrize(("kind", "person"), [("user", "ada@example.com"), ("workload", None)])
def test_a_person_that_federation_names_is_whom_the_session_acts_for(load, kind, person):
    behalf = {"subject": "ada@example.com", "subjectType": kind, "issuer": "https://idp.example.com"}
    row = load([call("StartSession", "elasticmapreduce", session() | {"onBehalfOf": behalf})]).one("usage")
    assert (row["client_id"], row["subject_id"]) == (ROLE, person)


# Tokens of other services that agents get at AgentCore Identity: AWS's blog shows the records.

PROVIDER = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:token-vault/default/oauth2credentialprovider/orders"


def got_for_agent(flow, time="2026-07-01T10:00:00Z", provider=PROVIDER, **more):
    """Write a call by which an agent asks AgentCore Identity for a token of another service."""
    asked = {
        "workloadIdentityToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
        "resourceCredentialProviderName": "orders",
        "scopes": ["orders:read", "orders:write"],
        "oauth2Flow": flow,
    }
    resources = [{"accountId": ACCOUNT, "type": "AWS::BedrockAgentCore::OAuth2CredentialProvider", "ARN": provider}]
    who = session(attributes={"creationDate": "2026-07-01T09:50:00Z"})
    return call("GetResourceOauth2Token", "bedrock-agentcore", who, asked, time=time, resources=resources, **more)


@pytest.mark.parametrize(
    ("flow", "kind", "subject_kind"), [("M2M", "token", "service"), ("ON_BEHALF_OF_TOKEN_EXCHANGE", "exchange", "user")]
)
def test_a_token_that_agentcore_gets_an_agent_is_issued_for_the_provider(load, flow, kind, subject_kind):
    found = load([got_for_agent(flow)])
    row = found.one("issuance")
    assert (row["kind"], row["grant_type"], row["outcome"]) == (kind, flow, "success")
    assert (row["client_id"], row["subject_id"], row["subject_kind"]) == (ROLE, None, subject_kind)
    assert (row["audience"], row["token_id"], row["actor_chain"]) == ([PROVIDER], None, None)
    assert (row["scopes_requested"], row["scopes"]) == (
        ["orders:read", "orders:write"],
        None,
    )  # asked for: what was granted is not told
    assert found.one("usage")["operation"] == "bedrock-agentcore:GetResourceOauth2Token"


def test_where_a_person_has_to_consent_it_is_not_told_that_agentcore_gave_a_token(load):
    elsewhere = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:workload-identity-directory/default/workload-identity/a"
    found = load([got_for_agent("USER_FEDERATION"), got_for_agent("M2M", provider=elsewhere, eventID="e-2")])
    assert (found.rows["issuance"], len(found.rows["usage"])) == ([], 2)


def test_a_token_that_agentcore_refused_is_denied(load):
    row = load([got_for_agent("M2M", error=("AccessDeniedException", "not authorized"))]).one("issuance")
    assert (row["outcome"], row["denial_reason"]) == ("denied", "policy")


def test_that_a_token_of_another_service_is_unused_is_not_observable(tmp_path):
    """Data events are logged, and yet no trail shows what is called with it."""
    read = {"eventCategory": "Data", "managementEvent": False}
    reads = [
        call("GetObject", "s3", user(), time=f"2026-07-{day:02}T12:00:00Z", eventID=f"d{day}", **read)
        for day in range(1, 29)
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": [assumed(time="2026-07-01T09:50:00Z"), got_for_agent("M2M"), *reads]}))
    with Store(":memory:") as store:
        store.load(path)
        (grant,) = (
            row for row in gl.grants(store, now="2026-07-29").arrow().to_pylist() if row["subject_kind"] == "service"
        )
        assert (grant["client_id"], grant["use"], grant["state"]) == (ROLE, "not observable", "live")


# Calls at an MCP gateway of Bedrock AgentCore.

GATEWAY = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:gateway/tools-u9p3"
CLAIMS = {"jti": "j-1", "sub": "ann", "client_id": "helper", "scope": "orders/read orders/write", "iat": 1782900000}


def at_gateway(method="tools/call", params=None, status=200, answer=None, claims=CLAIMS, name="InvokeGateway", **more):
    """Write a call at a gateway, as AWS's page shows it."""
    token = {"jwt": {"headers": {"kid": "k", "alg": "RS256"}, "claims": claims, "type": "JWS"}} if claims else {}
    return call(
        name,
        "bedrock-agentcore",
        who=more.pop("who", {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}),
        asked={"body": {"id": 1, "jsonrpc": "2.0", "method": method, "params": params or {}}},
        got={
            "body": {"id": 1, "jsonrpc": "2.0", **(answer or {"result": {"isError": False, "content": "REDACTED"}})},
            "statusCode": status,
            "contentType": "application/json",
        },
        additionalEventData={"targetId": "T1", **token},
        resources=[{"accountId": ACCOUNT, "type": "AWS::BedrockAgentCore::Gateway", "ARN": GATEWAY}],
        managementEvent=False,
        eventCategory="Data",
        **more,
    )


LIST_TABLES = {"name": "Db___ListTables", "arguments": "REDACTED"}


@pytest.mark.parametrize("name", ["InvokeGateway", "InvokeMcp"])
def test_a_call_at_a_gateway_is_told_by_the_claims_of_its_token(load, name):
    row = load([at_gateway(params=LIST_TABLES, name=name)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["token_id"]) == ("helper", "ann", "j-1")
    assert row["token_scopes"] == ["orders/read", "orders/write"]
    assert row["token_issued_at"] == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert (row["operation"], row["resource_server"], row["resource_id"]) == ("Db___ListTables", GATEWAY, None)
    assert (row["outcome"], row["status"], row["tenant"]) == ("success", 200, ACCOUNT)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        # The answer alone tells it: none of these has an errorCode.
        (
            {"status": 401, "answer": {"error": {"code": -32001, "message": "Invalid Bearer token"}}},
            ("denied", "token"),
        ),
        ({"status": 403}, ("denied", None)),
        ({"status": 429}, ("denied", "rate")),
        ({"status": 500}, ("error", None)),
        ({"answer": {"error": {"code": -32602, "message": "Unknown tool"}}}, ("error", None)),
        ({"answer": {"result": {"isError": True, "content": "REDACTED"}}}, ("error", None)),
        ({"answer": {"result": {"tools": "REDACTED"}}}, ("success", None)),
        ({"status": 202, "answer": {"error": None}}, ("success", None)),
    ],
)
def test_how_a_call_at_a_gateway_went_is_in_its_answer(load, written, told):
    row = load([at_gateway(params=LIST_TABLES, **written)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == told


def test_a_refused_token_names_nobody(load):
    row = load([at_gateway("initialize", status=401, claims=None)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["token_id"], row["outcome"]) == (None, None, None, "denied")
    assert row["operation"] == "initialize"


def test_what_is_asked_of_a_gateway(load):
    asked = {
        "tools": ("tools/list", {}, ("tools/list", None)),
        "nameless": ("tools/call", {"arguments": "REDACTED"}, ("tools/call", None)),
        "resource": ("resources/read", {"uri": "file:///a"}, ("resources/read", "file:///a")),
        "prompt": ("prompts/get", {"name": "greet"}, ("prompts/get", "greet")),
    }
    rows = load([at_gateway(method, params, eventID=name) for name, (method, params, _) in asked.items()]).rows["usage"]
    assert {row["event_id"]: (row["operation"], row["resource_id"]) for row in rows} == {
        name: told for name, (*_, told) in asked.items()
    }


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        # a client that acts for itself is its own subject (RFC 9068, section 2.2)
        ({"jti": "j", "sub": "helper", "client_id": "helper"}, ("helper", None, "j", None)),
        ({"uti": "u", "sub": "s", "azp": "app", "scp": "a b"}, ("app", "s", "u", ["a", "b"])),
        (
            {"jti": "AT.1", "sub": "ann@acme.example", "cid": "0oa1", "scp": ["a", "b"]},
            ("0oa1", "ann@acme.example", "AT.1", ["a", "b"]),
        ),
        ({"jti": "j", "sub": "s"}, (None, "s", "j", None)),
    ],
)
def test_claims_of_other_servers(load, claims, told):
    row = load([at_gateway(params=LIST_TABLES, claims=claims)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["token_id"], row["token_scopes"]) == told


def test_a_gateway_that_takes_keys_of_aws_is_called_with_one(load):
    row = load([at_gateway(params=LIST_TABLES, who=session(), claims=None)]).one("usage")
    assert (row["client_id"], row["token_id"]) == (ROLE, "ASIASESSION000000001")
    assert row["operation"] == "Db___ListTables"


# Dialects, damage, secrets.


EVERY_KIND = [
    assumed(who=session(), eventID="k1"),
    cut_off(eventID="k2"),
    call(
        "CreateAccessKey", asked={"userName": "bob"}, got={"accessKey": {"accessKeyId": "AKIANEW", "userName": "bob"}}
    ),
    call("DeleteAccessKey", asked={"userName": "bob", "accessKeyId": "AKIANEW"}),
    call("UpdateAccessKey", asked={"userName": "bob", "accessKeyId": "AKIANEW", "status": "Inactive"}),
    call(
        "UpdateAssumeRolePolicy",
        asked={"roleName": "deploy", "policyDocument": '{"Statement": {"Principal": {"AWS": "*"}}}'},
    ),
    call("DetachRolePolicy", asked={"roleName": "deploy", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    call("DeleteUser", asked={"userName": "bob"}, error=("AccessDenied", "no")),
    call("GetObject", "s3", who=session(), resources=[{"ARN": "arn:aws:s3:::b/k", "accountId": ACCOUNT}]),
    call("ConsoleLogin", "signin", who=user(key=""), got={"ConsoleLogin": "Success"}),
    call("GetBucketAcl", "s3", who={"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}),
    at_gateway(params=LIST_TABLES),
]


def as_eventbridge(record):
    """Wrap a record as EventBridge does."""
    head = {
        "version": "0",
        "id": "x",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.iam",
        "time": record["eventTime"],
    }
    return {**head, "detail": record}


def as_cloudwatch(record):
    """Wrap a record as an export of CloudWatch Logs does."""
    return {"timestamp": 1782900000000, "message": json.dumps(record), "ingestionTime": 1782900300000}


def as_panther(record):
    """Write the time with a blank and add the collector's own fields."""
    time = record["eventTime"].replace("T", " ").removesuffix("Z") + ".000000000"
    return record | {"eventTime": time, "p_log_type": "AWS.CloudTrail", "p_event_time": time}


def as_elastic(record):
    """Keep the record as text, as Elastic does."""
    return {"@timestamp": record["eventTime"], "event": {"original": json.dumps(record), "kind": "event"}}


def as_looked_up(record):
    """Write a record as `lookup-events` gives it."""
    return {"EventId": record["eventID"], "EventName": record["eventName"], "CloudTrailEvent": json.dumps(record)}


@pytest.mark.parametrize("written", [as_eventbridge, as_cloudwatch, as_panther, as_elastic, as_looked_up])
def test_a_dialect_gives_the_same_rows(load, written):
    plain, other = load(EVERY_KIND), load([written(record) for record in EVERY_KIND])
    assert other.batch["loader"] == "aws_cloudtrail"
    assert plain.counts() == other.counts()
    assert plain.ignored == other.ignored
    assert plain.rows == other.rows
    mixed = load([written(record) if number % 2 else record for number, record in enumerate(EVERY_KIND)])
    assert mixed.counts() == plain.counts()


def test_a_record_given_twice_counts_once(load):
    loaded = load([assumed(), assumed()])
    assert loaded.counts() == {"records": 2, "issuance": 1, "usage": 1, "duplicates": 2}


def test_a_broken_record_is_rejected_with_its_reason(load):
    expected = {
        "eventName is missing": call(None),
        "eventSource is missing": call("GetUser") | {"eventSource": None},
        "eventTime is missing": call("GetUser", time=None),
        "eventTime is no time": call("GetUser", time="2026-07-01"),
    }
    loaded = load(list(expected.values()), loader="aws_cloudtrail")
    assert [row["reason"] for row in loaded.rejected] == list(expected)


def test_no_secret_comes_through(load):
    text = json.dumps(load(EVERY_KIND).rows, default=str)
    assert "SECRET" in json.dumps(EVERY_KIND)
    assert "SECRET" not in text
    assert "FwoG" not in text


@settings(max_examples=8)
@given(lists_of_damaged([*EVERY_KIND, *map(as_panther, EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "aws_cloudtrail")


@settings(max_examples=4)
@given(lists_of_damaged([as_eventbridge(record) for record in EVERY_KIND]))
def test_a_damaged_wrapping_never_stops_a_load(load, records):
    assert_all_accounted_for(load, [*map(as_eventbridge, EVERY_KIND), *records], "aws_cloudtrail")
