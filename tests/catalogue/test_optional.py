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
