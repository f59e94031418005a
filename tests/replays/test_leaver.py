"""The plainest leaver: somebody makes a key, is removed, and the key goes on working. The removal must find the calls, whoever names them how."""

import pytest

import grantlens as gl
from tests.loaders.test_databricks import ADMIN, MS, event

HOUR = 3_600_000


def found(store):
    """Return what REV-1 tells: undecided, as nobody says how long a server may go on taking a token."""
    return [
        (each["verdict"], each["detail"]["uses_after"])
        for part in gl.detect.run(store, ["REV-1"])
        for each in part.to_dicts()
    ]


def databricks(workspace, *later):
    """Return what one does who is removed at noon: from a workspace, or, where it is 0, from the account, whose events name no workspace."""
    calls = [
        event("tokenLogin", id=f"call-{n}", tokenId="h1") | {"timestamp": MS + at * HOUR}
        for n, at in enumerate((1, *later))
    ]
    gone = event("delete", id="gone", who=ADMIN, targetUserName="ada@example.com", endpoint="/users") | {
        "timestamp": MS + 2 * HOUR
    }
    return [event("generateDbToken", id="made", tokenHash="h1"), *calls, gone | {"workspaceId": workspace}]


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [
        ("1234567890123456", [("indeterminate", 1)]),
        ("0", [("indeterminate", 1)]),
        (0, [("indeterminate", 1)]),
        ("77", []),
    ],
)
def test_who_leaves_an_account_of_databricks_leaves_its_workspaces(replay, workspace, expected):
    assert found(replay(audit_ndjson=databricks(workspace, 3))) == expected
    assert found(replay(audit_ndjson=databricks(workspace))) == []
