"""What rules make of the order of logs whose clocks differ, once it is stated by how much."""

import pytest

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.rule.example import consent, revoked, token, use

CALL = "GET /v1/messages/7"
MAIL = ["mail.read"]


@pytest.fixture
def told(desk, tmp_path):
    """Return a function that tells what REV-1 and REV-6 find, by a clock that is so many seconds ahead of the truth."""

    def told(log, ahead_s, *records):
        clocks = tmp_path / "clocks.toml"
        clocks.write_text(
            f'[[clock]]\nsource = "native"\nlog = "{log}"\nerror_seconds = 5\noffset_seconds = {ahead_s}\n'
        )
        with desk.store(desk.write("log.ndjson", records)) as store:
            store.add(Clocks.read(clocks))
            return {
                rule: [finding["detail"] for finding in detect.run(store, [rule], now="2026-07-11")[0].to_dicts()]
                for rule in ("REV-1", "REV-6")
            }

    return told


OPEN = (consent("10 08:00", MAIL), token("10 09:00", "t1", MAIL))
LATER = (use("10 15:00", CALL, "t2"), token("10 14:59", "t2", MAIL))


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", -190), ("revocation", 190)])
def test_a_late_call_is_found_though_its_stamp_is_before_the_revocation(told, log, ahead_s):
    # By the truth 75 seconds after the revocation, by the stamps 115 before it.
    found = told(log, ahead_s, *OPEN, revoked("10 10:00:00"), use("10 09:58:05", CALL, "t1"), *LATER)
    (detail,) = found["REV-1"]
    assert (detail["last_success_s"], detail["uses_after"]) == (75.0, 1)
    assert (detail["lag_lower_s"], detail["lag_upper_s"]) == (75.0 - 10 - 1, None)
    assert found["REV-6"] == []


@pytest.mark.parametrize(("log", "ahead_s"), [("usage", 240), ("revocation", -240)])
def test_an_early_call_is_none_after_the_revocation_though_its_stamp_is(told, log, ahead_s):
    # By the truth a minute before the revocation, by the stamps three after it: it puts nothing to the test, either.
    found = told(log, ahead_s, *OPEN, revoked("10 10:00:00"), use("10 10:03:00", CALL, "t1"), *LATER)
    assert found["REV-1"] == []
    assert len(found["REV-6"]) == 1


def test_a_refusal_is_told_by_the_times_that_are_set_right(told):
    calls = (use("10 09:58:05", CALL, "t1"), use("10 10:00:10", CALL, "t1", outcome="denied", denial_reason="token"))
    (detail,) = told("usage", -190, *OPEN, revoked("10 10:00:00"), *calls)["REV-1"]
    assert (detail["last_success_s"], detail["first_denial_s"], detail["censored"]) == (75.0, 200.0, "no")
