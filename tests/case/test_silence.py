"""What a case says of the time in which nothing was seen."""

import pytest

import grantlens as gl
from grantlens.case.silence import outside, scope
from grantlens.catalogue.optional import lacks
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

UNKNOWN = "What cannot be known from these logs?"
USED = "When was it first and last used?"
OURS = (consent("10 08:00", ["mail.read"]), token("10 09:00", "t1", ["mail.read"]), revoked("10 12:00"))


def of(records, **more):
    return [record | more for record in records]


def test_another_tenant_and_another_source_that_log_on_prove_nothing(store_of):
    here = of((*OURS, *logs_from_to("10 08:00", "10 12:00")), tenant="a")
    there = of(logs_from_to("01 00:00", "30 00:00"), tenant="b")
    elsewhere = of(
        [revoked("05 12:00", "policy", client_id=None, subject_id=None, issued_before="2026-07-05T12:00:00Z")],
        source="okta",
    )
    case = gl.Case(store_of(*here, *there, *elsewhere), client="app")
    assert {(row["source"], row["tenant"]) for row in case.facts["coverage"]} == {("native", "a")}
    four_hours = 4 / (29 * 24)
    (usage,) = [row for row in case.facts["coverage"] if row["log"] == "usage"]
    assert abs(usage["share"] - four_hours) < 1e-6
    assert case.answers()[USED] == (
        "No use is recorded in the usage log of native (tenant a) between 2026-07-10 08:00:00 and 2026-07-10 12:00:00 UTC "
        "(coverage 0.6 % of the case's time)."
    )
    (unproven,) = [row for part in case.findings for row in part.to_dicts() if row["rule"] == "REV-6"]
    assert unproven["verdict"] == "indeterminate"


def test_rows_that_name_no_tenant_add_none(store_of):
    bare = of(logs_from_to("10 08:00", "10 12:00"))
    mine = [consent("10 08:00", ["mail.read"], tenant="a"), use("10 11:00", "GET /v1/messages/7", "t9")]
    other = of(logs_from_to("01 00:00", "30 00:00"), tenant="b")
    facts = gl.Case(store_of(*bare, *mine, *other), client="app").facts
    assert [(row["source"], row["tenant"]) for row in facts["sources"]] == [("native", "a")]
    assert {row["until"] for row in facts["coverage"] if row["log"] == "usage"} == {"2026-07-10T12:00:00.000001Z"}


def test_the_tenant_is_named_only_where_the_source_has_several(store_of):
    records = of((*OURS, *logs_from_to("10 08:00", "10 18:00")), tenant="a")
    assert "the usage log of native between" in gl.Case(store_of(*records), client="app").answers()[USED]


def test_a_share_says_of_which_time_it_is(store_of):
    others = of(logs_from_to("01 00:00", "21 00:00"), source="okta")
    answer = gl.Case(store_of(*OURS, *others), client="app").answers()[UNKNOWN]
    assert (
        "what happened outside the logs: of the case's time, 2026-07-01 00:00:00 to 2026-07-21 00:00:00 UTC, "
        "the issuance log of native covers 0.8 % (2026-07-10 08:00:00 to 2026-07-10 12:00:00) and " in answer
    )


def test_a_log_of_which_only_a_part_is_there_has_no_share():
    row = {
        "log": "usage",
        "name": "auth0",
        "from": "2026-07-01T00:00:00Z",
        "until": "2026-07-02T00:00:00Z",
        "share": 0.1,
    }
    sources = [{"source": "auth0", "name": "auth0"}]
    facts = {"sources": sources, "coverage": [row | {"in_part": True}], "operations": []}
    assert scope(facts, "usage").endswith("UTC (in part: its silence proves nothing)")
    *missing, partial = outside(facts)
    assert missing == ["no issuance log of auth0 is held", "no revocation log of auth0 is held"]
    assert partial == "what is left out of the usage log of auth0: only some of what happened is there"


def test_of_logs_that_begin_after_the_time_of_the_case_none_is_said_to_be_missing(store_of):
    records = [*OURS, use("10 10:00", "GET /v1/messages/7"), *logs_from_to("10 08:00", "10 18:00")]
    answers = gl.Case(store_of(*records), client="app", now="2026-05-01").answers()
    assert (
        answers[USED]
        == "No use is recorded in these logs, but no usage log of that time is held, so that means nothing."
    )
    assert answers[UNKNOWN].startswith(
        "No issuance log of native of that time is held; no usage log of native of that time is held; "
    )


def test_a_log_that_one_of_two_sources_lacks_is_missed(store_of):
    native = (*OURS, *logs_from_to("10 08:00", "10 18:00"))
    okta = of([consent("10 08:00", ["mail.read"]), revoked("10 12:00", event_id="r2")], source="okta")
    answers = gl.Case(store_of(*native, *okta), client="app").answers()
    assert "; no usage log of okta is held; " in answers[UNKNOWN]
    assert answers[USED].endswith("of the case's time); no usage log of okta is held.")


def test_a_log_of_which_one_file_shows_all_and_another_a_part_is_named_once():
    full = {
        "name": "salesforce",
        "log": "usage",
        "from": "2026-07-10T08:00:00Z",
        "until": "2026-07-10T12:00:00Z",
        "share": 1.0,
        "in_part": False,
    }
    sources = [{"source": "salesforce", "name": "salesforce"}]
    facts = {"coverage": [full, full | {"in_part": True}], "sources": sources, "operations": []}
    assert scope(facts, "usage").count("the usage log of salesforce") == 1
    assert "in part" not in scope(facts, "usage")
    assert not any("left out" in line for line in outside(facts))


def test_a_case_of_several_tenants_says_that_it_tells_them_together(store_of):
    def unknown(*tenants):
        records = [
            row for tenant in tenants for row in of((*OURS, *logs_from_to("10 08:00", "10 18:00")), tenant=tenant)
        ]
        answers = gl.Case(store_of(*records), client="app").answers().to_dicts()
        return next(each["answer"] for each in answers if each["question"].startswith("What cannot be known"))

    assert unknown("a", "b").startswith("Whether what has this id in 2 tenants of native (a and b) is one: ")
    assert "tenant" not in unknown("a")


def test_what_it_switched_off_or_deleted_itself_is_told_as_unknown(store_of):
    def told(when, operation, outcome="success", **more):
        at = {"server": "cloudtrail.amazonaws.com", "method": None, "target": None}
        return use(when, "GET /v1/messages/7", operation=operation, outcome=outcome, **(at | more))

    store = store_of(
        *logs_from_to("01 00:00", "30 00:00"),
        told("10 09:00", "cloudtrail:StopLogging"),
        told("10 09:30", "cloudtrail:StopLogging"),
        told("10 10:00", "logs:DeleteLogGroup", server="logs.amazonaws.com"),
        told("10 11:00", "cloudtrail:UpdateTrail"),
        told("10 08:00", "cloudtrail:DeleteTrail", outcome="denied"),
        told("10 12:00", "cloudtrail:LookupEvents"),
        told("10 08:00", "cloudtrail:DeleteEventDataStore", client_id="other"),
    )
    assert (
        gl.Case(store, client="app")
        .answers()[UNKNOWN]
        .startswith(
            "What is in no log since it called cloudtrail:StopLogging at 2026-07-10 09:00:00 UTC, which stops one; what stood in the "
            "records that it deleted by logs:DeleteLogGroup at 2026-07-10 10:00:00 UTC; what is in no log since it called "
            "cloudtrail:UpdateTrail at 2026-07-10 11:00:00 UTC, if it narrowed one by that; "
        )
    )
    assert (
        "no log since"
        not in gl.Case(store_of(*OURS, *logs_from_to("01 00:00", "30 00:00")), client="app").answers()[UNKNOWN]
    )


def test_calls_of_the_same_ids_in_another_log_are_told_beside_a_revocation_that_nothing_tested(store_of):
    """A gateway saw the token work on for half an hour; the case of it said that no call came afterwards."""
    issued = [
        consent("10 09:00", ["mail.read"], source="keycloak"),
        token("10 11:00", "t1", ["mail.read"], source="keycloak"),
        revoked("10 12:00", "grant", grant_id=None, source="keycloak"),
    ]
    seen = [
        use("10 12:10", "GET /v1/messages/7", source="gateway"),
        use("10 12:37", "GET /v1/messages/7", source="gateway"),
        use("10 12:40", "GET /v1/messages/7", source="gateway", subject_id="otto"),
        use("10 11:30", "GET /v1/messages/7", source="gateway"),
    ]
    store = store_of(*issued, *seen)
    for about in ({"client": "app"}, {"token": "t1"}, {"subject": "ann"}):
        case = gl.Case(store, **about)
        (row,) = case.facts["revocations"]
        assert (row["same_ids"]["calls"], row["same_ids"]["used_in"]) == (2, ["gateway"])
        assert (
            "but 2 calls with the same ids succeeded later in gateway, the last at 2026-07-10 12:37:00 UTC: that they are of it no log shows"
            in case.answers()["Was it effective?"]
        )
    assert case.facts["used"]["after_revocation"] == 0


def test_which_calls_are_later_is_told_by_what_is_known_of_their_clock(store_of):
    """The gateway's clock is four minutes behind, and then ten ahead: REV-1 counts by the times that are set right, and so does a case."""
    for source in ("keycloak", "gateway"):
        store = store_of(
            token("10 11:00", "t1", ["mail.read"], source="keycloak"),
            revoked("10 12:00", "grant", grant_id=None, source="keycloak"),
            use("10 11:50", "GET /v1/messages/7", source=source),
            use("10 11:58", "GET /v1/messages/7", source=source),
            use("10 12:08", "GET /v1/messages/7", source=source),
        )
        calls = []
        for offset in (-240, 0, 600):
            clock = {"source": source, "log": "usage", "error_seconds": 1, "offset_seconds": offset}
            store.add(gl.Clocks((clock,)))
            (row,) = gl.Case(store, client="app").facts["revocations"]
            told = row["same_ids" if source == "gateway" else "later"]
            calls.append(told["calls"] if told else 0)
        assert calls == [2, 1, 0]


@pytest.mark.parametrize("data", [True, False])
def test_a_case_says_that_a_trail_without_data_events_may_leave_calls_out(store_of, data):
    """It said that no call was recorded, with all of the case's time covered, where only management events are logged."""
    called = use(
        "10 09:00",
        "",
        server="s3.amazonaws.com",
        method=None,
        target=None,
        operation=("s3:GetObject" if data else "s3:ListBuckets"),
    )
    answers = gl.Case(store_of(*of([*OURS, called], source="aws_cloudtrail")), client="app").answers()
    said = f"hether the usage log of aws_cloudtrail holds all calls: of this case {lacks()['aws_cloudtrail']}"
    assert (said in answers[UNKNOWN]) is not data
