"""A key or a token that ends itself: the call that does it is no use of it after its end, and no test of the end either.

A script that rotates keys deletes the old one with the old one itself; Vault has a path for it, which many clients call when they
are done. One record is both the call and the end.
"""

from datetime import timedelta

import pytest

import grantlens as gl
from tests.loaders.test_hashicorp_vault import ACCESSOR, response

from .test_leaked_aws_key import NEW, OFFICE, at, event, user

OLD = "AKIAOLD00000000000001"


def found(store, rule):
    return [
        (finding["verdict"], finding["detail"]["uses_after"])
        for part in gl.detect.run(store, [rule])
        for finding in part.to_dicts()
    ]


def trail(*later):
    """Return what a pipeline did that makes a new key with the old one and deletes the old one with itself, and what came after."""
    old, named = user("ci-deploy", OLD), {"userName": "ci-deploy"}
    made = [{"accessKey": {"accessKeyId": key, **named}} for key in (OLD, NEW)]
    return [
        event(at(9), "iam", "CreateAccessKey", user("secops", "AKIASECOPS0000000009"), OFFICE, named, made[0]),
        event(at(10), "iam", "CreateAccessKey", old, OFFICE, named, made[1]),
        event(at(11), "iam", "DeleteAccessKey", old, OFFICE, named | {"accessKeyId": OLD}),
        *(event(at(11) + timedelta(seconds=seconds), "s3", "ListBuckets", old, OFFICE) for seconds in later),
        *(event(at(12 + day), "s3", "ListBuckets", user("ci-deploy", NEW), OFFICE) for day in range(8)),
    ]


@pytest.mark.parametrize(
    ("later", "used", "untested"),
    [((), [], [("violation", 0)]), ((3,), [("indeterminate", 0)], []), ((90,), [("indeterminate", 1)], [])],
)
def test_a_key_that_deletes_itself(replay, later, used, untested):
    store = replay(trail_ndjson=trail(*later))
    assert (found(store, "REV-1"), found(store, "REV-6")) == (used, untested)
    case = gl.Case(store, client="arn:aws:iam::111122223333:user/ci-deploy")
    assert ("too close" in str(case.answers())) == (later == (3,))


@pytest.mark.parametrize("parquet", [False, True])
def test_a_key_that_deletes_itself_is_told_as_such_of_an_export_too(replay, tmp_path, parquet):
    """There the call and the end are two records, of one id and one time."""
    written = replay(trail_ndjson=trail()).export(tmp_path / ("lake" if parquet else "all.ndjson"), parquet=parquet)
    with gl.open(":memory:") as store:
        store.load(*written)
        assert (found(store, "REV-1"), found(store, "REV-6")) == ([], [("violation", 0)])
        assert "too close" not in str(gl.Case(store, client="arn:aws:iam::111122223333:user/ci-deploy").answers())


@pytest.mark.parametrize(("later", "used"), [((), []), (("12",), [("indeterminate", 0)])])
def test_a_token_of_vault_that_revokes_itself(replay, later, used):
    calls = [
        ("secret/data/mail", "00"),
        ("auth/token/revoke-self", "10"),
        *(("secret/data/mail", second) for second in later),
    ]
    log = [response(path, id=second, time=f"2026-07-10T09:01:{second}Z") for path, second in calls]
    store = replay(audit_ndjson=log)
    assert store.sql("SELECT token_id FROM revocation").to_pylist() == [{"token_id": ACCESSOR}]
    assert found(store, "REV-1") == used
