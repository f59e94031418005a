"""An admin takes access away, and its holder takes it back.

In Entra the person consents again, which no removal of a grant prevents. In AWS the leaked key makes another in the seconds
in which its deletion has not reached every server; whether it came before or after is for the clocks to say.
"""

from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.register.clocks import Clocks

from .entra import consented, delegated, sign_in
from .test_consent_phishing import ANNA, MAIL, SECOPS, VIEWER
from .test_leaked_aws_key import LEAKED, NEW, OFFICE, event, user

ABROAD = "45.9.20.11"
EXACT = """
[[clock]]
source = "aws_cloudtrail"
error_seconds = 0
"""


def at(hour, minute=0, second=0, ms=0):
    return datetime(2026, 3, 9, hour, minute, second, ms * 1000, tzinfo=UTC)


def given_again(store):
    return [finding for part in gl.detect.run(store, ["REV-9"]) for finding in part.to_dicts()]


def test_a_person_consents_again_to_what_an_admin_took_away(replay):
    audits = [
        *(delegated(at(9), VIEWER, ANNA, ANNA, MAIL), consented(at(9, ms=90), VIEWER, ANNA, MAIL)),
        delegated(at(12), VIEWER, ANNA, SECOPS, MAIL, removed=True),
        *(delegated(at(14, 20), VIEWER, ANNA, ANNA, MAIL), consented(at(14, 20, ms=90), VIEWER, ANNA, MAIL)),
    ]
    sign_ins = [sign_in(at(9, 1), VIEWER, ABROAD, ANNA, MAIL), sign_in(at(14, 21), VIEWER, ABROAD, ANNA, MAIL)]
    store = replay(audit_ndjson=audits, signins_ndjson=sign_ins)
    (found,) = given_again(store)
    assert (found["verdict"], found["client_id"], found["subject_id"]) == ("violation", VIEWER[0], ANNA[0])
    assert found["detail"]["given_after_s"] == pytest.approx(2 * 3600 + 20 * 60, abs=1)
    said = gl.Case(store, client=VIEWER[0]).answers()["Was it effective?"]
    assert "its holder gave it access again at 2026-03-09 14:20:00" in said


@pytest.mark.parametrize(
    ("seconds", "clocks", "verdict"),
    [(3, None, "indeterminate"), (30, None, "violation"), (3, EXACT, "violation")],
)
def test_a_leaked_key_makes_another_after_its_deletion(replay, tmp_path, seconds, clocks, verdict):
    secops, thief = user("secops", "AKIASECOPS0000000009"), user("ci-deploy", LEAKED)
    named = {"userName": "ci-deploy"}
    made, made_again = ({"accessKey": {"accessKeyId": key, **named}} for key in (LEAKED, NEW))
    trail = [
        event(at(9), "iam", "CreateAccessKey", secops, OFFICE, named, made),
        event(at(10), "sts", "GetCallerIdentity", thief, ABROAD),
        event(at(11), "iam", "DeleteAccessKey", secops, OFFICE, named | {"accessKeyId": LEAKED}),
        event(at(11) + timedelta(seconds=seconds), "iam", "CreateAccessKey", thief, ABROAD, None, made_again),
        event(at(12), "sts", "GetCallerIdentity", user("ci-deploy", NEW), ABROAD),
    ]
    store = replay(trail_ndjson=trail)
    if clocks:
        (tmp_path / "clocks.toml").write_text(clocks)
        store.add(Clocks.read(tmp_path / "clocks.toml"))
    (found,) = given_again(store)
    assert (found["verdict"], found["token_id"], found["detail"]["ended"]) == (verdict, NEW, "credential")


def test_a_key_that_an_admin_makes_in_place_of_a_deleted_one_is_no_finding(replay):
    secops, named = user("secops", "AKIASECOPS0000000009"), {"userName": "ci-deploy"}
    trail = [
        event(at(11), "iam", "DeleteAccessKey", secops, OFFICE, named | {"accessKeyId": LEAKED}),
        event(at(12), "iam", "CreateAccessKey", secops, OFFICE, named, {"accessKey": {"accessKeyId": NEW, **named}}),
    ]
    assert given_again(replay(trail_ndjson=trail)) == []
