"""OOS-11 where it is less plain: who gave the scope, when, to whom, and what was held before."""

from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.rule.example import consent, moment, token, use

DELETE = "DELETE /v1/messages/7"
OPENED = consent("10 09:00", ["mail.read"])
NARROW = token("10 09:01", "t1", ["mail.read"], "10 12:00")
REFUSED = use("10 09:05", DELETE, status=403)
BEFORE = [OPENED, NARROW, REFUSED]
WIDER = token("10 09:06", "t2", ["mail.read", "mail.write"], "10 12:00")
DONE = use("10 09:07", DELETE, "t2", status=204)
UNNAMED = use("10 09:07", DELETE, None, status=204)
POLICY = {"consent_kind": "policy"}
ADMIN = {"consent_kind": "admin", "consent_actor": "eve"}
EVERYONE = {"subject_id": None, **ADMIN}


def given(when="10 09:05:40", scopes=("mail.write",), grant="g1", **more):
    return consent(when, scopes, grant, **more)


def told(desk, kept_going, records, window=None, clock=None, **parameters):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        if clock is not None:
            store.add(clock)
        found = detect.run(store, ["OOS-11"], parameters=parameters, **(window or {}))[0].to_dicts()
    return [row for row in found if row["client_id"] != "bystander"]


HOW = [
    ("by a policy", [given(**POLICY), WIDER, DONE]),
    ("by an administrator", [given(**ADMIN), UNNAMED]),
    ("by an administrator", [given(grant="all", **EVERYONE), UNNAMED]),
    ("gave itself mail.write", [given(consent_kind=None, consent_actor="app"), UNNAMED]),
    ("gave itself mail.write", [given(consent_actor="app"), UNNAMED]),
    ("was given admin by a policy", [given(scopes=["admin"], **POLICY), UNNAMED]),
    ("by a policy", [given(kind="change", **POLICY), UNNAMED]),
    ("without any consent", [{**WIDER, "kind": "refresh"}, DONE]),
]


@pytest.mark.parametrize(("how", "records"), HOW)
def test_a_scope_that_came_without_a_person(desk, kept_going, how, records):
    (found,) = told(desk, kept_going, [*BEFORE, *records])
    assert (found["verdict"], found["severity"]) == ("violation", "medium" if "administrator" in how else "high")
    assert how in found["title"]
    assert found["detail"]["reasons"] is None


@pytest.mark.parametrize(
    "records",
    [
        [given(), UNNAMED],
        [given(consent_kind=None, consent_actor="ann"), WIDER, DONE],
        [given(), given("10 09:05:45", **POLICY), WIDER, DONE],
        [given("10 09:05:02"), UNNAMED],
    ],
    ids=["in the log's word", "by its actor", "a policy beside it", "within the error of the clocks"],
)
def test_a_person_who_consents_is_how_it_should_go(desk, kept_going, records):
    (found,) = told(desk, kept_going, [*BEFORE, *records])
    assert (found["verdict"], found["severity"]) == ("clear", "info")


UNTOLD = "the log does not say whether a person gave the scope"
CLOSE = "refusal, grant and call are closer than the clocks can tell"


@pytest.mark.parametrize(
    ("records", "severity", "reason"),
    [
        ([given(consent_kind=None), UNNAMED], "medium", UNTOLD),
        ([given(consent_kind=None, consent_actor="eve"), UNNAMED], "medium", UNTOLD),
        ([given(consent_kind=None), given("10 09:05:45", **POLICY), UNNAMED], "medium", UNTOLD),
        ([{**WIDER, "kind": "credential"}, DONE], "medium", UNTOLD),
        ([given(scopes=None), WIDER, DONE], "medium", "a consent in between does not say to what"),
        ([given("10 09:05:03", **POLICY), UNNAMED], "high", CLOSE),
        ([given("10 09:04:55", **POLICY), WIDER, DONE], "high", CLOSE),
        ([given("10 09:06:55", **POLICY), UNNAMED], "high", CLOSE),
        ([given("10 09:07:05", **POLICY), UNNAMED], "high", CLOSE),
    ],
)
def test_what_the_log_does_not_tell_is_left_open(desk, kept_going, records, severity, reason):
    (found,) = told(desk, kept_going, [*BEFORE, *records])
    assert (found["verdict"], found["severity"]) == ("indeterminate", severity)
    assert found["detail"]["reasons"] == [reason]


def test_what_the_grant_held_before_may_not_be_known(desk, kept_going):
    (found,) = told(desk, kept_going, [consent("10 09:00", None), *BEFORE[1:], WIDER, DONE])
    assert found["detail"]["reasons"] == ["no log says which scopes the client had been granted before"]
    assert found["severity"] == "medium"


def test_the_token_itself_says_that_it_came_before_its_use(desk, kept_going):
    quick = [*BEFORE, given("10 09:05:20", **POLICY), {**WIDER, "issued_at": moment("10 09:05:21")}]
    used = use("10 09:05:22", DELETE, "t2", status=204)
    assert [row["verdict"] for row in told(desk, kept_going, [*quick, used])] == ["violation"]
    unnamed = {name: value for name, value in used.items() if name != "token_id"}
    assert [row["verdict"] for row in told(desk, kept_going, [*quick, unnamed])] == ["indeterminate"]


def test_exact_clocks_tell_the_order_of_seconds(desk, kept_going):
    records = [*BEFORE, given("10 09:05:02", **POLICY), use("10 09:05:04", DELETE, None, status=204)]
    clock = Clocks(({"source": "native", "tenant": None, "log": None, "error_seconds": 0.1, "offset_seconds": 0.0},))
    assert [row["verdict"] for row in told(desk, kept_going, records)] == ["indeterminate"]
    assert [row["verdict"] for row in told(desk, kept_going, records, clock=clock)] == ["violation"]


SHARE = "POST /v1/shares"
SHARED = [
    consent("10 09:00", ["files.write", "people.read"]),
    token("10 09:01", "t1", ["files.write"]),
    use("10 09:05", SHARE, "t1", "files.example", 403),
]
LATER = use("10 09:20", DELETE, None, status=204)


@pytest.mark.parametrize(
    "records",
    [
        [*BEFORE, use("10 09:07", DELETE, status=403)],
        [*BEFORE, given(**POLICY), LATER],
        [*BEFORE, given("10 09:16", **POLICY), LATER],
        [*BEFORE, given(**POLICY, outcome="denied"), UNNAMED],
        [*BEFORE, given(scopes=["files.read"], **POLICY), UNNAMED],
        [*BEFORE, given(**POLICY, subject_id="ben"), UNNAMED],
        [*BEFORE, given(grant="g2", client_id="other", **POLICY), {**UNNAMED, "client_id": "other"}],
        [OPENED, NARROW, {**REFUSED, "denial_reason": "policy"}, given(**POLICY), UNNAMED],
        [OPENED, NARROW, {**REFUSED, "denial_reason": None}, given(**POLICY), UNNAMED],
        [*BEFORE, given(**POLICY), use("10 09:07", "GET /v1/messages/7", None)],
        [OPENED, NARROW, use("10 09:05", "GET /v1/odd/7", status=403), WIDER, use("10 09:07", "GET /v1/odd/7", "t2")],
        [consent("10 08:00", ["mail.write"]), NARROW, REFUSED, WIDER, DONE],
        [given("10 08:00", grant="all", **EVERYONE), *BEFORE, WIDER, DONE],
        [*BEFORE[:2], token("10 08:50", "t0", ["admin"], "10 12:00"), REFUSED, WIDER, DONE],
        [*SHARED, token("10 09:06", "t2", ["admin"]), use("10 09:07", SHARE, "t2", "files.example", 201)],
    ],
    ids=[
        "refused again",
        "used late",
        "given late",
        "not given",
        "another scope",
        "another person",
        "another client",
        "refused by a policy",
        "refused, and not said why",
        "another action",
        "nobody knows what it needs",
        "held, with a narrower token",
        "held by everyone",
        "held in another token",
        "what it held would have done, and it got another scope that does too",
    ],
)
def test_what_is_no_escalation(desk, kept_going, records):
    assert told(desk, kept_going, records) == []


def test_what_was_held_and_is_over_was_got_anew(desk, kept_going):
    over = token("10 09:02", "t0", ["mail.read", "mail.write"], "10 09:04")
    assert [row["verdict"] for row in told(desk, kept_going, [*BEFORE, over, WIDER, DONE])] == ["violation"]


def test_each_time_counts_and_the_worst_stands(desk, kept_going):
    records = [
        *BEFORE,
        given(),
        WIDER,
        DONE,
        {**token("10 09:10", None, None), "log": "issuance"},
        use("10 10:05", DELETE, "t1", status=403),
    ]
    (found,) = told(desk, kept_going, records)
    assert (found["verdict"], found["detail"]["times"], found["events"]) == ("clear", 1, 4)
    short = [
        *BEFORE,
        token("10 09:06", "t2", ["admin"], "10 09:30"),
        DONE,
        use("11 09:05", DELETE, "t1", status=403),
        use("11 09:05:30", DELETE, "t1", status=403),
        token("11 09:06", "t3", ["admin"], "11 09:30"),
        given("11 09:06:30"),
        use("11 09:07", DELETE, "t3", status=204),
    ]
    (found,) = told(desk, kept_going, short)
    assert (found["verdict"], found["detail"]["times"], found["detail"]["refusals"]) == ("violation", 2, 3)
    assert found["scopes"] == ["admin", "mail.write"]
    assert found["events"] == len(found["evidence"]) == 8
    assert "without any consent" in found["title"]


@pytest.mark.parametrize(("wanted", "found"), [(1, 1), (3, 1), (4, 0)])
def test_so_many_refusals_are_asked_for(desk, kept_going, wanted, found):
    more = [use(f"10 09:0{minute}", DELETE, status=403) for minute in (3, 4)]
    long_ago = use("10 08:30", DELETE, status=403)
    records = [*BEFORE, *more, long_ago, given(**POLICY), UNNAMED]
    assert len(told(desk, kept_going, records, refusals=wanted)) == found


def test_refusals_that_no_catalogue_knows_are_counted(desk, kept_going):
    odd = [use(f"10 09:0{minute}", "GET /v1/odd/7", status=403) for minute in (3, 4)]
    (found,) = told(desk, kept_going, [*BEFORE, *odd, given(**POLICY), UNNAMED])
    assert (found["detail"]["refusals"], found["detail"]["refusals_unjudged"]) == (1, 2)


def test_only_the_window_counts(desk, kept_going):
    records = [*BEFORE, given(**POLICY), UNNAMED]
    assert len(told(desk, kept_going, records, {"since": moment("10 09:00"), "until": moment("10 09:08")})) == 1
    assert told(desk, kept_going, records, {"since": moment("10 09:06")}) == []
    assert told(desk, kept_going, records, {"until": moment("10 09:07")}) == []


NORTH = {"tenant": "north"}
SOUTH = {"tenant": "south", "grant_id": "g-south"}


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        # What the client held when it was refused, it did not have to get: its own token says so, though another tenant had one of the id before.
        (token("10 08:00", "t1", ["mail.read"], "10 12:00", **SOUTH), ["mail.read", "mail.write"], []),
        (
            token("10 08:00", "t1", ["mail.read", "mail.write"], "10 12:00", **SOUTH),
            ["mail.read"],
            ["violation"],
        ),
        # What came before the token with which it was done, came before the deed: not before another tenant's token of its id.
        (token("10 08:00", "t2", ["mail.read"], "10 12:00", **SOUTH), ["mail.read"], ["violation"]),
    ],
)
def test_a_token_of_the_same_id_is_another_in_another_tenant(desk, kept_going, theirs, ours, found):
    records = [
        theirs,
        {**OPENED, **NORTH},
        {**NARROW, "scopes": ours, **NORTH},
        {**REFUSED, **NORTH},
        {**given("10 09:07", **POLICY), **NORTH},
        {**WIDER, "issued_at": moment("10 09:07"), **NORTH},
        {**DONE, **NORTH},
    ]
    assert [row["verdict"] for row in told(desk, kept_going, records)] == found


def by_clock(log, ahead_s, error_s=5.0):
    return Clocks(
        ({"source": "native", "tenant": None, "log": log, "error_seconds": error_s, "offset_seconds": ahead_s},)
    )


NO_CONSENT = "no consent to the client is in the log: it may be older, and have been for this scope too"


@pytest.mark.parametrize(
    ("consented", "verdict", "reason"),
    [
        ("10 09:04:00", "violation", None),
        ("10 09:04:49", "violation", None),
        ("10 09:04:51", "indeterminate", CLOSE),
        ("10 09:05:09", "indeterminate", CLOSE),
        ("10 09:05:11", "indeterminate", NO_CONSENT),
    ],
)
@pytest.mark.parametrize(("log", "ahead_s"), [("usage", 0), ("usage", -120), ("usage", 120), ("issuance", 120)])
def test_what_was_known_of_the_time_before_is_told_by_times_that_are_set_right(
    desk, kept_going, log, ahead_s, consented, verdict, reason
):
    # All times are true; the log whose clock is wrong stamps its own.
    wrong = timedelta(seconds=ahead_s)
    records = [
        consent(consented, ["mail.read"]),
        token("10 09:06:00", "t2", ["mail.read", "mail.write"], "10 12:00"),
        use("10 09:05:00", DELETE, None, status=403),
        use("10 09:07:00", DELETE, "t2", status=204),
    ]
    stamped = [
        {
            name: moment_of(value) + wrong
            if name in ("issued_at", "used_at", "expires_at") and record["log"] == log
            else value
            for name, value in record.items()
        }
        for record in records
    ]
    stamped = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}
        for record in stamped
    ]
    (found,) = told(desk, kept_going, stamped, clock=by_clock(log, float(ahead_s)))
    assert (found["verdict"], found["detail"]["reasons"]) == (verdict, reason and [reason])


def moment_of(text):
    return datetime.fromisoformat(text)
