"""Calls that must be asked for: that they are what loaders name, and none is logged without."""

import re

import pytest

from grantlens.catalogue.optional import OPTIONAL, lacks
from grantlens.catalogue.removals import REMOVALS
from grantlens.loaders import loaders

SHOW = {
    "aws_cloudtrail": {
        True: ("s3:GetObject", "s3:HeadObject", "s3:ListObjects", "dynamodb:GetItem", "dynamodb:Query"),
        # Management events, and data events that only write: a trail may be told to log these alone.
        False: (
            "s3:ListBuckets",
            "s3:GetObjectLockConfiguration",
            "dynamodb:DescribeTable",
            "s3:PutObject",
            "lambda:Invoke",
        ),
    },
    "kubernetes": {
        True: ("get core/pods", "list apps/deployments", "get /healthz"),
        False: ("create core/pods", "watch core/pods", "delete core/pods", "getting core/pods"),
    },
}


@pytest.mark.parametrize("each", OPTIONAL, ids=lambda each: each.loader)
def test_only_calls_that_read_and_must_be_asked_for_show_that_they_are_logged(each):
    for shows, operations in SHOW[each.loader].items():
        assert {bool(re.fullmatch(each.calls, operation)) for operation in operations} == {shows}
    for removal in REMOVALS:
        assert removal.loader != each.loader or not any(re.fullmatch(each.calls, call) for call in removal.calls)


@pytest.mark.parametrize("each", OPTIONAL, ids=lambda each: each.loader)
def test_what_is_missing_is_told_of_loaders_whose_silence_counts(each):
    assert "usage" in loaders()[each.loader].carries
    assert each.pages
    assert re.fullmatch(r"no .+ is in it \(.+\)", lacks()[each.loader])


ALWAYS = {
    True: ("iam:CreateUser", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:DeletePolicyVersion"),
    # Reads, that a trail may leave out; no call at all; services that have data events, or may be left out.
    False: (
        "iam:GetUser",
        "iam:ListUsers",
        "iam:GenerateCredentialReport",
        "iam:SimulateCustomPolicy",
        "iam:PassRole",
        "iam:CreateUserX",
        "xiam:CreateUser",
        "sts:AssumeRole",
        "kms:CreateKey",
        "rds-data:ExecuteStatement",
        "s3:PutObject",
        "s3:DeleteBucket",
        "dynamodb:PutItem",
    ),
}


def test_what_a_log_holds_in_any_case_is_a_short_list_of_changes():
    (aws,) = [each for each in OPTIONAL if each.always]
    assert aws.loader == "aws_cloudtrail"
    for is_always, operations in ALWAYS.items():
        assert {bool(re.fullmatch(aws.always, operation)) for operation in operations} == {is_always}
        assert not any(re.fullmatch(aws.calls, operation) for operation in operations)
