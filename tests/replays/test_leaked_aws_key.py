"""A long-lived AWS key leaks. It is used from abroad to take on roles, and deleted; its sessions read on for hours.

The innocent side is a build that takes on the role each morning. What an investigator must learn: the end of the key was
effective and ended little, since no deletion of a key ends the sessions that were made with it; only the policy
AWSRevokeOlderSessions did, and the session of the second role was never ended.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl

ACCOUNT = "111122223333"
DEPLOY, BACKUP = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("DeployRole", "BackupAdmin"))
LEAKED, NEW = "AKIALEAKED0000000001", "AKIANEW0000000000002"
STOLEN, CHAINED = "ASIASTOLEN0000000001", "ASIACHAINED000000002"
OFFICE, ABROAD = "198.51.100.20", "91.219.236.4"


def at(day, hour=0, minute=0, second=0):
    return datetime(2026, 4, day, hour, minute, second, tzinfo=UTC)


def event(when, service, name, who, ip, asked=None, got=None, **more):
    """Write a CloudTrail record."""
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "eventVersion": "1.09", "userIdentity": who, "eventTime": stamp, "eventSource": f"{service}.amazonaws.com",
        "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": ip, "userAgent": "aws-cli/2.15",
        "requestParameters": asked, "responseElements": got, "eventID": f"{stamp} {name} {ip} {who['accessKeyId']}",
        "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "eventCategory": "Management", **more,
    }  # fmt: skip


def user(name, key):
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    return {"type": "IAMUser", "arn": arn, "accountId": ACCOUNT, "accessKeyId": key, "userName": name}


def session(role, name, key):
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.split('/')[-1]}/{name}"
    issuer = {"type": "Role", "arn": role, "accountId": ACCOUNT}
    return {
        "type": "AssumedRole",
        "arn": arn,
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "sessionContext": {"sessionIssuer": issuer},
    }


def assume(when, who, ip, role, key, hours=1):
    ends = (when + timedelta(hours=hours)).strftime("%b %d, %Y, %I:%M:%S %p")
    got = {
        "credentials": {"accessKeyId": key, "expiration": ends},
        "assumedRoleUser": {"arn": session(role, "s", key)["arn"]},
    }
    return event(when, "sts", "AssumeRole", who, ip, {"roleArn": role, "roleSessionName": "s"}, got)


@pytest.fixture
def store(replay):
    secops = user("secops", "AKIASECOPS0000000009")
    thief, stolen = user("ci-deploy", LEAKED), session(DEPLOY, "maint", STOLEN)
    trail = [
        event(at(1, 9), "iam", "CreateAccessKey", secops, OFFICE, {"userName": "ci-deploy"},
              {"accessKey": {"accessKeyId": LEAKED, "userName": "ci-deploy"}}),
        event(at(10, 11), "iam", "CreateAccessKey", secops, OFFICE, {"userName": "ci-deploy"},
              {"accessKey": {"accessKeyId": NEW, "userName": "ci-deploy"}}),
    ]  # fmt: skip
    for day in (*range(2, 10), *range(11, 21)):  # the build, each morning
        key = f"ASIABUILD{day:011d}"
        trail.append(assume(at(day, 6), user("ci-deploy", LEAKED if day < 10 else NEW), OFFICE, DEPLOY, key))
        trail += [
            event(at(day, 6, minute), "s3", "ListObjects", session(DEPLOY, "build", key), OFFICE)
            for minute in range(1, 11)
        ]
    # 10 April, from abroad: who am I, what is there, and what may I become?
    trail.append(event(at(10, 2, 3), "sts", "GetCallerIdentity", thief, ABROAD))
    refused = {"errorCode": "AccessDenied", "errorMessage": "no identity-based policy allows the iam:ListUsers action"}
    trail.append(event(at(10, 2, 4), "iam", "ListUsers", thief, ABROAD, **refused))
    trail.append(assume(at(10, 2, 10), thief, ABROAD, DEPLOY, STOLEN, hours=12))
    sized = {"additionalEventData": {"bytesTransferredOut": 50 * 2**20}, "eventCategory": "Data"}
    trail += [event(at(10, 2, 11 + n), "s3", "GetObject", stolen, ABROAD, **sized) for n in range(20)]
    trail.append(assume(at(10, 2, 40), stolen, ABROAD, BACKUP, CHAINED))
    chained = session(BACKUP, "chain", CHAINED)
    trail += [event(at(10, 2, 42 + n), "rds", "ModifyDBSnapshotAttribute", chained, ABROAD) for n in range(3)]
    # The key is switched off and deleted; it is refused, and the session goes on.
    named = {"userName": "ci-deploy", "accessKeyId": LEAKED}
    trail.append(event(at(10, 5), "iam", "UpdateAccessKey", secops, OFFICE, named | {"status": "Inactive"}))
    trail.append(event(at(10, 5, 2), "iam", "DeleteAccessKey", secops, OFFICE, named))
    trail.append(event(at(10, 5, 40), "sts", "GetCallerIdentity", thief, ABROAD, errorCode="InvalidClientTokenId"))
    trail += [event(at(10, 5 + n // 3, 10 + 20 * (n % 3)), "s3", "GetObject", stolen, ABROAD) for n in range(14)]
    condition = {"DateLessThan": {"aws:TokenIssueTime": "2026-04-10T10:00:00.000Z"}}
    deny = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
    asked = {
        "roleName": "DeployRole",
        "policyName": "AWSRevokeOlderSessions",
        "policyDocument": json.dumps({"Statement": [deny]}),
    }
    trail.append(event(at(10, 10, 0, 1), "iam", "PutRolePolicy", secops, OFFICE, asked))
    said = {
        "errorCode": "AccessDenied",
        "errorMessage": "not authorized with an explicit deny in an identity-based policy",
    }
    trail += [event(at(10, 10, 5 + n), "s3", "ListBuckets", stolen, ABROAD, **said) for n in range(4)]
    return replay(trail_ndjson=trail)


def test_the_key_was_ended_and_what_was_made_with_it_was_not(store):
    answers = gl.Case(store, token=LEAKED).answers()
    assert (
        f"Key made: {LEAKED} at 2026-04-01 09:00:00 UTC by arn:aws:iam::{ACCOUNT}:user/secops."
        in answers["Who consented to what, and when?"]
    )
    assert answers["Was it effective?"] == (
        "2026-04-10 05:00:00 UTC: yes, by 2026-04-10 05:40:00 UTC; 2026-04-10 05:02:00 UTC: yes, by 2026-04-10 05:40:00 UTC. "
        "Tokens made from it for others went on: 14 successful calls after the first revocation, the last at 2026-04-10 09:30:00 UTC."
    )
    minted = answers["Was anything minted downstream?"]
    assert minted.startswith(f"10 tokens made from it for {BACKUP} and {DEPLOY}; ")
    assert minted.endswith(
        "No revocation of its own tokens covers these. Of them 1 was revoked, the first at 2026-04-10 10:00:01 UTC."
    )
    assert (
        "Refused: sts:GetCallerIdentity at sts.amazonaws.com (1 call) and iam:ListUsers at"
        in answers["What data was touched, and how much?"]
    )


def test_the_role_tells_how_much_was_taken_from_where_and_that_only_a_policy_refused(store):
    answers = gl.Case(store, token=STOLEN).answers()
    assert (
        "1000.0 MiB were returned in the 20 calls whose size is logged."
        in answers["What data was touched, and how much?"]
    )
    assert answers["From where?"].startswith(
        "From 1 address, in order of appearance: 91.219.236.4 (39 calls, first 2026-04-10 02:11:00 UTC)"
    )
    assert (
        "4 refused (4 by a policy, the first at 2026-04-10 10:05:00 UTC)" in answers["When was it first and last used?"]
    )
    assert BACKUP in answers["Was anything minted downstream?"]
    # An explicit deny does not say which policy denied: it is told, and proves nothing.
    assert answers["Was it effective?"].startswith("not demonstrated: ")


def test_no_rule_blames_the_build_and_the_chained_session_has_no_end(store):
    found = [
        finding for part in gl.detect.run(store.between("2026-04-01", "2026-04-21")) for finding in part.to_dicts()
    ]
    assert [
        finding for finding in found if finding["rule"].startswith("REV") and finding["verdict"] == "violation"
    ] == []
    assert not any(finding["rule"] in ("REV-2", "REV-5") for finding in found)
    assert gl.Case(store, token=CHAINED).answers()["Was it effective?"] == "There is no revocation to judge."
