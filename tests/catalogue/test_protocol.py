"""Scopes that authorise nothing, and ranks from names."""

import pytest

from grantlens.catalogue.protocol import is_protocol
from grantlens.catalogue.risk import by_name


@pytest.mark.parametrize(
    "scope",
    [
        "openid",
        "OpenID",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
        ".default",
        "https://graph.microsoft.com/.default",
        "api://9b1f/.default",
        "https://graph.microsoft.com/offline_access",
        "https://www.googleapis.com/auth/userinfo.profile",
    ],
)
def test_protocol(scope):
    assert is_protocol(scope)
    assert by_name(scope) == ("identity", 0)


@pytest.mark.parametrize(
    "scope",
    [
        "User.Read",
        "user:email",
        "mail.default",
        "https://mail.google.com/",
        "https://evil.example/openid",
        "profile.read",
    ],
)
def test_not_protocol(scope):
    assert not is_protocol(scope)


@pytest.mark.parametrize(
    ("scope", "rank"),
    [
        ("https://www.googleapis.com/auth/drive.readonly", 1),
        ("https://www.googleapis.com/auth/cloud-platform", 3),
        ("files:write", 2),
        ("write:org", 2),
        ("admin:org", 3),
        ("okta.users.manage", 3),
        ("okta.users.read", 1),
        ("mysterious", 2),
    ],
)
def test_rank_by_name(scope, rank):
    assert by_name(scope)[1] == rank
