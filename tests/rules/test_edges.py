"""What decides by a microsecond: how far the clocks reach, ends of stretches of time, and what is equal in time."""

import pytest

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.rule.example import consent, moment, refreshed, revoked, token, use

# No two of the six errors are equal: a stamp may be too late by error + offset, and too early by error - offset. What is revoked is a quarter
# of a second later by the clock of the issuance.
CLOCKS = """
[[clock]]
source = "native"
log = "issuance"
error_seconds = 2
offset_seconds = 0.5

[[clock]]
source = "native"
log = "usage"
error_seconds = 4
offset_seconds = -1

[[clock]]
source = "native"
log = "revocation"
error_seconds = 1
offset_seconds = 0.25
"""
READ = "GET /v1/messages/7"


@pytest.fixture
def told(desk, kept_going):
    """Return a function that gives what a rule says of each case: a case is a person with a token and a grant of its own."""

    def ask(rule, cases, **more):
        records = [record for name, rows in cases.items() for record in of_case(name, rows)]
        with desk.store(desk.write("log.ndjson", [*records, *kept_going])) as store:
            (desk.folder / "clocks.toml").write_text(CLOCKS)
            store.add(Clocks.read(desk.folder / "clocks.toml"))
            (found,) = detect.run(store, [rule], **more)
        said = {finding["subject_id"]: finding for finding in found.to_dicts() if finding["client_id"] == "app"}
        assert said.keys() <= cases.keys()
        return {name: said[name]["verdict"] if name in said else None for name in cases}, said

    return ask


def of_case(name, rows):
    ids = ("event_id", "token_id", "parent_token_id", "grant_id")
    for number, row in enumerate(rows):
        row = {"event_id": f"e{number}", **row, "subject_id": name}
        yield row | {key: f"{name}-{row[key]}" for key in ids if key in row}


def test_int_2_before_the_issue_and_after_the_expiry(told):
    def called(when):
        return [token("10 09:00", "t1", ["mail.read"], "10 10:00"), use(when, READ)]

    cases = {
        "early": called("10 08:59:52.499999"),  # five seconds of the call's clock, two and a half of the token's
        "maybe early": called("10 08:59:52.5"),
        "maybe late": called("10 10:01:04.5"),  # the leeway, three seconds and one and a half
        "late": called("10 10:01:04.500001"),
    }
    only = {"early": "violation", "maybe early": None, "maybe late": None, "late": "violation"}
    assert told("INT-2", cases)[0] == only
    at = "10 08:59:52.499999"
    assert told("INT-2", cases, since=moment(at), until=moment("10 10:01:04.500001"))[0] == {**only, "late": None}
    assert told("INT-2", cases, since=moment("10 08:59:52.5"))[0] == {**only, "early": None}


def test_int_2_takes_a_record_of_a_refresh_that_names_no_parent_for_a_renewal(told):
    def renewed(parent):
        return [use("10 09:00", READ), refreshed("10 11:00", "t1", parent, ["mail.read"])]

    cases = {"a new token": renewed("rt"), "perhaps the same": renewed(None)}
    assert told("INT-2", cases)[0] == {"a new token": "violation", "perhaps the same": "indeterminate"}


@pytest.mark.parametrize("named", [{}, {"grant_id": None}], ids=["by its id", "by client and subject"])
def test_rev_2_between_revocation_consent_and_token(told, named):
    def issued(when="10 13:00", consented=None):
        given = [] if consented is None else [consent(consented, ["mail.read"], "g2" if named else "g1")]
        return [
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant", **named),
            *given,
            token(when, "t1", ["mail.read"]),
        ]

    cases = {
        "at once": issued("10 12:00:00.25"),
        "maybe after": issued("10 12:00:03.25"),
        "after": issued("10 12:00:03.250001"),
        "consent before": issued(consented="10 11:59:57.249999"),
        "consent maybe before": issued(consented="10 11:59:57.25"),
        "consent at once": issued(consented="10 12:00:00.25"),
        "consent between": issued(consented="10 12:00:00.250001"),
        "consent with the token": issued(consented="10 13:00"),
        "consent maybe after the token": issued(consented="10 13:00:04"),
        "consent after the token": issued(consented="10 13:00:04.000001"),
    }
    verdicts = (None, "indeterminate", "violation", "violation", "indeterminate", "indeterminate", None, None)
    expected = dict(zip(cases, (*verdicts, "indeterminate", "violation"), strict=True))
    assert told("REV-2", cases)[0] == expected
    window = {"since": moment("10 12:00:03.250001"), "until": moment("10 13:00")}
    assert told("REV-2", cases, **window)[0] == {**dict.fromkeys(cases), "after": "violation"}


def test_rev_2_of_what_a_revoked_token_may_beget(told):
    def born(kind, when="10 13:00"):
        child = token(when, "t2", ["mail.read"], kind=kind, parent_token_id="t1", grant_id="g2")
        return [token("10 09:00", "t1", ["mail.read"]), revoked("10 12:00", "subject"), child]

    def of_key(when):
        key = {"kind": "credential", "token_kind": "api_key"}
        child = token(when, "t2", ["mail.read"], parent_token_id="t1", grant_id="g2")
        again = token("10 13:00", "t1", ["mail.read"], **key)
        return [token("10 09:00", "t1", ["mail.read"], **key), revoked("10 12:00", kind="disable"), again, child]

    cases = {
        "exchanged": born("exchange"),
        "exchanged as it ended": born("exchange", "10 12:00"),
        "an access token begets nothing else": born("token"),
        "of a key that was off": of_key("10 12:59:59.999999"),
        "of a key as it was switched on": of_key("10 13:00"),
    }
    verdicts = ("violation", None, None, "violation", None)
    assert told("REV-2", cases)[0] == dict(zip(cases, verdicts, strict=True))


def test_rev_1_of_calls_that_name_only_their_client_and_subject(told):
    def called(when, *more):
        return [consent("10 09:00", ["mail.read"]), revoked("10 12:00", "grant"), *more, use(when, READ, None)]

    def other(given, ended=None):
        end = [] if ended is None else [revoked(ended, "grant", grant_id="g2", event_id="r2")]
        return [consent(given, ["mail.read"], "g2"), *end]

    cases = {
        "maybe before": called("10 12:00:03.75"),
        "after": called("10 12:00:03.750001"),
        # by times that are set right: the call's stamp is a second early, that of the grant half a second late
        "before another grant": called("10 12:29:58.499999", *other("10 12:30")),
        "with another grant": called("10 12:29:58.5", *other("10 12:30")),
        "another ended with it": called("10 12:10", *other("10 09:00", "10 12:00")),
        "another ended after it": called("10 12:10", *other("10 09:00", "10 12:00:00.000001")),
    }
    verdicts = (None, "indeterminate", "indeterminate", None, "indeterminate", "indeterminate")
    said, found = told("REV-1", cases)
    assert said == dict(zip(cases, verdicts, strict=True))
    assert found["another ended after it"]["grant_id"] == "another ended after it-g2", (
        "the only one that lived until then"
    )
    assert found["after"]["grant_id"] == "after-g1"
    until = moment("10 12:29:58.499999")
    assert told("REV-1", cases, until=until)[0]["before another grant"] is None


def test_rev_4_in_the_last_tenth_of_the_life(told):
    def called(when):
        return [token("10 11:00", "t1", ["mail.read"], "10 13:00"), revoked("10 12:00"), use(when, READ)]

    cases = {
        "maybe before": called("10 12:00:03.75"),
        # nine tenths of what was left of the hour, by times that are set right
        "early": called("10 12:53:58.524999"),
        "to the end": called("10 12:53:58.525"),
        "of unknown life": called("10 12:53:58.525")[1:],
    }
    unknown = {"of unknown life": "indeterminate"}
    over = {"maybe before": None, "early": "indeterminate", "to the end": "violation", **unknown}
    assert told("REV-4", cases)[0] == over
    assert told("REV-4", cases, until=moment("10 13:00"))[0] == over
    living = told("REV-4", cases, until=moment("10 12:59:59.999999"))[0]
    assert living == {**over, "to the end": "indeterminate"}


@pytest.mark.parametrize("grant", ["g1", "g2"])
def test_oos_4_with_a_consent_in_between(told, grant):
    def widened(when, to="files.read"):
        return [
            token("10 09:00", "rt", ["mail.read"], token_kind="refresh"),
            consent(when, [to], grant),
            refreshed("10 10:00", "t1", "rt", ["mail.read", "mail.send"]),
        ]

    cases = {
        "before the parent": widened("10 08:59:59.999999"),
        "the parent's own": widened("10 09:00", "mail.read"),
        "with the parent": widened("10 09:00"),
        "after the parent": widened("10 09:00:00.000001"),
        "with the child": widened("10 10:00"),
        "maybe after the child": widened("10 10:00:04"),  # the two errors of their clock
        "after the child": widened("10 10:00:04.000001"),
    }
    verdicts = ("violation", "violation", "indeterminate", None, None, "indeterminate", "violation")
    assert told("OOS-4", cases)[0] == dict(zip(cases, verdicts, strict=True))
    assert told("OOS-4", cases, since=moment("10 10:00"))[0] == dict(zip(cases, verdicts, strict=True))
    assert told("OOS-4", cases, since=moment("10 10:00:00.000001"))[0] == dict.fromkeys(cases)
    assert told("OOS-4", cases, until=moment("10 10:00"))[0] == dict.fromkeys(cases)


def test_oos_4_of_audiences(told):
    def refreshed_from(audience):
        return [
            token("10 09:00", "rt", ["mail.read"], token_kind="refresh", audience=audience),
            refreshed("10 10:00", "t1", "rt", ["mail.read"], audience=["mail"]),
        ]

    cases = {"another": refreshed_from(["files"]), "none": refreshed_from([]), "not told": refreshed_from(None)}
    assert told("OOS-4", cases)[0] == {"another": "violation", "none": None, "not told": None}


def test_int_1_where_the_issuance_log_just_reaches(desk):
    issued = [token(when, f"k{when[:2]}", ["mail.read"], f"{when[:2]} 18:00") for when in ("01 08:00", "20 08:00")]
    called = {
        "too early": "01 17:59:59.999999",
        "as early as can be told": "01 18:00",
        "as late as can be told": "20 08:00",
        "too late": "20 08:00:00.000002",
    }
    calls = [use(when, READ, name) for name, when in called.items()]
    with desk.store(desk.write("issued.ndjson", issued), desk.write("called.ndjson", calls)) as store:
        (found,) = detect.run(store, ["INT-1"])
    verdicts = {finding["token_id"]: finding["verdict"] for finding in found.to_dicts()}
    assert verdicts == {name: "indeterminate" if "too" in name else "violation" for name in called}


def test_prv_3_silent_for_as_long_as_is_asked(told):
    def standing(*more, opened="02 08:00", until=None):
        scopes = ["mail.read", "offline_access"]
        return [consent(opened, scopes), token(opened, "rt", scopes, until, token_kind="refresh"), *more]

    called = {"server": "mail.example", "grant_id": "g1"}
    cases = {
        "as long": standing(use("17 08:00", READ, None, **called)),
        "less long": standing(use("17 08:00:00.000001", READ, None, **called)),
        "given then": standing(opened="17 08:00"),
        "given later": standing(opened="17 08:00:00.000001"),
        "ended with the window": standing(revoked("20 08:00", "grant")),
        "ended before": standing(revoked("20 07:59:59.999999", "grant")),
        "expires with the window": standing(until="20 08:00"),
        "expires before": standing(until="20 07:59:59.999999"),
        "may have been used": standing(use("17 08:00", READ, "t9")),
        "may have been used before": standing(use("17 07:59:59.999999", READ, "t9")),
    }
    verdicts = ("violation", None, "violation", None, "violation", None, "violation", None)
    expected = dict(zip(cases, (*verdicts, "indeterminate", "violation"), strict=True))
    window = {"until": moment("20 08:00"), "parameters": {"dormant_days": 3}}
    assert told("PRV-3", cases, **window)[0] == expected


def test_rev_6_tried_from_the_moment_of_the_revocation_on(told):
    def ended(*more, target="token"):
        return [
            token("10 09:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00", target),
            *more,
        ]

    def refused(when, **more):
        return refreshed(when, **{"token_id": "t2", "parent": "t9", "scopes": None, "outcome": "denied", **more})

    later, before = "10 12:00:00.25", "10 12:00:00.249999"
    cases = {
        "made anew": ended(refused(later, parent="t1", grant_id=None)),
        "made anew before": ended(refused(before, parent="t1", grant_id=None)),
        "itself": ended(refused(later, token_id="t1", grant_id=None)),
        "itself before": ended(refused(before, token_id="t1", grant_id=None)),
        "of its grant": ended(refused(later), target="grant"),
        "of its grant before": ended(refused(before), target="grant"),
        # by times that are set right
        "maybe": ended(use("10 11:59:58.75", READ, None)),
        "maybe before": ended(use("10 11:59:58.749999", READ, None)),
        "maybe at the end": ended(use("10 12:59:58.499999", READ, None)),
        "maybe after the end": ended(use("10 12:59:58.5", READ, None)),
        "of another": ended(token(later, "t3", None, kind="exchange", parent_token_id="t8", grant_id="g3")),
    }
    verdicts = (None, "violation") * 3 + ("indeterminate", "violation") * 2 + ("violation",)
    expected = dict(zip(cases, verdicts, strict=True))
    assert told("REV-6", cases)[0] == expected
    assert told("REV-6", cases, since=moment("10 12:00"))[0] == expected
    assert told("REV-6", cases, since=moment("10 12:00:00.000001"))[0] == dict.fromkeys(cases)
    assert told("REV-6", cases, until=moment("10 12:00"))[0] == dict.fromkeys(cases)


def test_rev_6_tried_by_what_a_revoked_grant_gave_until_it_was_opened_again(told):
    def given(when):
        again = consent("10 12:30", ["mail.read"])
        return [consent("10 09:00", ["mail.read"]), revoked("10 12:00", "grant"), token(when, "t1", None), again]

    cases = {
        "as it ended": given("10 12:00:00.25"),
        "after that": given("10 12:00:00.250001"),
        "before it was opened": given("10 12:29:59.999999"),
        "as it was opened": given("10 12:30"),
    }
    verdicts = ("violation", None, None, "violation")
    assert told("REV-6", cases)[0] == dict(zip(cases, verdicts, strict=True))


def test_rev_6_lists_the_children_that_live_on(told):
    def exchanged(when, until):
        child = token(when, "t2", ["mail.read"], until, kind="exchange", parent_token_id="t1", grant_id="g2")
        return [token("10 09:00", "t1", ["mail.read"], "10 13:00"), child, revoked("10 12:00")]

    cases = {
        "lives on": exchanged("10 11:00", "10 12:00:00.250001"),
        "over with it": exchanged("10 11:00", "10 12:00:00.25"),
        "without an end": exchanged("10 11:00", None),
        "made as it ended": exchanged("10 12:00:00.25", "10 13:00"),
    }
    _, found = told("REV-6", cases)
    children = {name: finding["detail"]["exposed_children"] for name, finding in found.items()}
    assert children == {"lives on": 1, "over with it": 0, "without an end": 1}


def test_rev_9_from_where_the_clocks_can_tell_to_the_end_of_the_day(told):
    def given(when):
        return [consent("10 09:00", ["mail.read"]), revoked("10 12:00", "grant"), consent(when, ["mail.read"], "g2")]

    cases = {
        "as it ended": given("10 12:00:00.25"),
        "after that": given("10 12:00:00.250001"),
        "as far as the clocks err": given("10 12:00:03.25"),
        "beyond": given("10 12:00:03.250001"),
        "a day later": given("11 12:00:00.25"),
        "more than a day later": given("11 12:00:00.250001"),
    }
    verdicts = (None, "indeterminate", "indeterminate", "violation", "violation", None)
    assert told("REV-9", cases)[0] == dict(zip(cases, verdicts, strict=True))
    assert told("REV-9", cases, parameters={"within_hours": 23.9})[0]["a day later"] is None


def test_rev_9_until_somebody_else_gives_it(told):
    def given(when):
        by_admin = consent(when, ["mail.read"], "g2", consent_kind="admin")
        return [
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            by_admin,
            consent("10 13:00", None, "g2"),
        ]

    cases = {
        "as it ended": given("10 12:00:00.25"),
        "after that": given("10 12:00:00.250001"),
        "at the same time": given("10 13:00"),
        "too late": given("10 13:00:00.000001"),
    }
    assert told("REV-9", cases)[0] == dict(zip(cases, ("violation", None, None, "violation"), strict=True))
