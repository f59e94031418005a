"""What must not change an answer: another tenant of the source, and what is logged after the window."""

import pytest

from grantlens import Case, detect
from grantlens.relations import install_views
from grantlens.rule.example import consent, logs_from_to, moment, refreshed, revoked, token, use

APP = {"client_id": "app", "subject_id": None, "subject_kind": "service"}
ANN = {"client_id": "app", "subject_id": "ann"}
POLICY = {"issued_before": moment("10 12:00"), "client_id": "app", "subject_id": None}
DOWNGRADE = {
    "kind": "downgrade",
    "scopes_removed": ["mail.read"],
    "grant_id": None,
    "client_id": "app",
    "subject_id": None,
}
READ = "GET /v1/messages/7"

TENANTS = {
    # rule: (what one tenant logs, what another one does)
    "REV-1": (
        [
            token("10 09:00", "a1", ["mail.read"], "10 18:00", grant_id="ga", **APP),
            use("10 13:00", READ, "a1", subject_id=None),
        ],
        [revoked("10 12:00", "policy", **POLICY)],
    ),
    "OOS-1": (
        [consent("10 09:00", ["mail.read"], "ga", **APP), use("10 13:00", READ, None, grant_id="ga", subject_id=None)],
        [consent("10 09:00", ["mail.read"], "gb", **APP), revoked("10 12:00", "grant", **DOWNGRADE)],
    ),
    "OOS-1, principal": (
        [use("10 13:00", "GET /v1/people", None, subject_id="u1", token_scopes=["people.mine"], client_id="app")],
        [
            token(
                "10 09:00", "b1", ["files.read"], client_id="z", subject_id="u1", subject_kind="service", grant_id="gz"
            )
        ],
    ),
    "OOS-4": (
        [
            token("10 09:00", "rt", ["mail.read"], token_kind="refresh", grant_id="ga", **APP),
            refreshed("10 10:00", "a1", "rt", ["mail.read", "mail.write"], grant_id="ga", **APP),
        ],
        [consent("10 09:30", ["files.read"], "gb", **APP)],
    ),
    "REV-2, excused": (
        [
            consent("10 09:00", ["mail.read"], "ga", **ANN),
            revoked("10 12:00", "grant", grant_id=None, **ANN),
            token("10 13:00", "a1", ["mail.read"], grant_id="ga", **ANN),
        ],
        [consent("10 12:30", ["files.read"], "gb", **ANN)],
    ),
    "REV-2": (
        [consent("10 09:00", ["mail.read"], "ga", **ANN), token("10 13:00", "a1", ["mail.read"], grant_id="ga", **ANN)],
        [revoked("10 12:00", "grant", grant_id=None, **ANN)],
    ),
    "REV-6": (
        [
            token("10 09:00", "a1", ["mail.read"], "10 18:00", grant_id="ga", **APP),
            revoked("10 12:00", "token", token_id="a1", client_id="app", subject_id=None),
        ],
        [use("10 13:00", READ, None, subject_id=None)],
    ),
    "REV-9": (
        [consent("10 09:00", ["mail.read"], "ga", **ANN), consent("10 13:00", ["mail.read"], "ga", **ANN)],
        [revoked("10 12:00", "grant", grant_id=None, **ANN)],
    ),
    "REV-9, by an admin": (
        [revoked("10 12:00", "grant", grant_id=None, **ANN), consent("10 13:00", ["mail.read"], "ga", **ANN)],
        [consent("10 12:30", ["mail.read"], "gb", **ANN, consent_kind="admin")],
    ),
    "INT-4": (
        [token("10 09:00", "a1", ["mail.read"], grant_id="ga", **ANN)],
        [token("10 10:00", "a1", ["mail.read"], grant_id="gb", **{**ANN, "subject_id": "ben"})],
    ),
    "INT-7": (
        [use("10 13:00", "DELETE /api/v2/log-streams/lst_1", None, "auth0", 204, **ANN)],
        [use("10 12:00", READ, None, **ANN)],
    ),
    "INT-7, a habit": (
        [
            use("10 12:00", READ, None, **ANN),
            use("10 13:00", "DELETE /api/v2/log-streams/lst_1", None, "auth0", 204, **ANN),
        ],
        [use(f"{day} 13:00", "DELETE /api/v2/log-streams/lst_1", None, "auth0", 204, **ANN) for day in range(11, 16)],
    ),
    "OOS-10": (
        [
            *(
                use(when, READ, name, ip="192.0.2.7", user_agent="app/1", **ANN)
                for when, name in (("02 09:00", "a0"), ("18 09:00", "a1"), ("18 09:40", "a1"))
            ),
            use("18 09:20", READ, "a1", ip="203.0.113.9", user_agent="curl/8", **ANN),
        ],
        [use("05 09:00", READ, "b1", ip="203.0.113.9", user_agent="curl/8", **ANN)],
    ),
    "INT-1": ([use("10 13:00", READ, None, **ANN)], [consent("10 09:00", ["mail.read"], "gb", **ANN)]),
}


def of(tenant, records):
    return [{**record, "tenant": tenant, "event_id": f"{tenant}-{number}"} for number, record in enumerate(records)]


def told(store, rule, **window):
    """Return all that is said of client app, with the evidence by its events."""
    (found,) = detect.run(store, [rule], **window)
    return [
        {**finding, "evidence": [pointer["event_id"] for pointer in finding["evidence"]]}
        for finding in found.to_dicts()
        if finding["client_id"] == "app"
    ]


@pytest.mark.parametrize("case", TENANTS)
def test_what_another_tenant_does_changes_nothing(desk, kept_going, case):
    here, there = TENANTS[case]
    kept = [
        {**record, "event_id": f"{tenant}-{record['event_id']}", "tenant": tenant}
        | {name: f"{tenant}-{record[name]}" for name in ("token_id", "grant_id") if record.get(name)}
        for tenant in ("one", "two")
        for record in kept_going
    ]
    rule = case.partition(",")[0]
    with desk.store(desk.write("alone.ndjson", [*kept, *of("one", here)])) as store:
        alone = told(store, rule)
    with desk.store(desk.write("both.ndjson", [*kept, *of("one", here), *of("two", there)])) as store:
        both = told(store, rule)
    assert bool(alone) == (
        case in ("OOS-4", "OOS-10", "REV-2, excused", "REV-6", "REV-9, by an admin", "INT-1", "INT-7, a habit")
    )
    of_two = [all(event.startswith("two") for event in finding["evidence"]) for finding in both]
    assert [finding for finding, theirs in zip(both, of_two, strict=True) if not theirs] == alone


ENDS = {
    "the client": revoked("10 12:00", "client"),
    "the pair": revoked("10 12:00", "grant", grant_id=None),
    "by policy": revoked("10 12:00", "policy", **POLICY),
}


def shared(tenant):
    """Return what a client does in a tenant, the 10th at noon in the middle."""
    mine = {"grant_id": f"g-{tenant}"}
    return of(
        tenant,
        [
            consent("10 09:00", ["mail.read"], mine["grant_id"]),
            token("10 09:00", f"t-{tenant}", ["mail.read"], "10 18:00", **mine),
            use("10 17:50", READ, f"t-{tenant}"),
            use("10 17:51", READ, None, **mine),
            token("10 13:00", f"late-{tenant}", ["mail.read"], "10 18:00", **mine),
        ],
    )


@pytest.mark.parametrize("whose", [None, "one"])
@pytest.mark.parametrize("end", ENDS)
def test_what_ended_a_client_of_some_tenant_is_decided_in_none(desk, kept_going, end, whose):
    records = [*shared("one"), *shared("two"), {**ENDS[end], "tenant": whose}]
    with desk.store(desk.write("log.ndjson", [*records, *of("three", kept_going)])) as store:
        found = [row for part in detect.run(store) for row in part.to_dicts() if row["client_id"] == "app"]
        install_views(store.engine)
        ended = store.sql("SELECT DISTINCT tenant FROM grant_state WHERE ended_at IS NOT NULL").to_pylist()
        lag = detect.revocation_lag(store).table.to_pylist()
    told = {(row["rule"], row["tenant"], row["verdict"]) for row in found if row["rule"] in ("REV-1", "REV-2", "REV-4")}
    named = {"REV-1", "REV-4", *(["REV-2"] if end == "the pair" else [])}
    if whose is None:
        assert told == {(rule, tenant, "indeterminate") for rule in named for tenant in ("one", "two")}
        reasons = {
            row["detail"]["reason"] for row in found if (row["rule"], row["verdict"]) in {(x[0], x[2]) for x in told}
        }
        assert "the revocation names no tenant, and several have this client" in reasons
        assert ended == []
        assert [(row["lag_lower_s"], row["lag_upper_s"], row["attempts"]) for row in lag] == [(0, None, 0)]
    else:
        assert {row[1] for row in told} == {"one"}
        assert {("REV-1", "one", "violation"), *((rule, "one", "violation") for rule in named - {"REV-4"})} <= told
        assert ended == ([] if end == "by policy" else [{"tenant": "one"}])
        assert {(row["tenant"], row["attempts"] > 0) for row in lag} == {("one", True)}


def test_a_person_whose_end_names_no_tenant_is_ended_everywhere(desk, kept_going):
    records = [*shared("one"), *shared("two"), revoked("10 12:00", "subject")]
    with desk.store(desk.write("log.ndjson", [*records, *of("three", kept_going)])) as store:
        (found,) = detect.run(store, ["REV-1"])
    assert {(row["tenant"], row["verdict"]) for row in found.to_dicts()} == {("one", "violation"), ("two", "violation")}


@pytest.mark.parametrize(
    ("where", "observable"),
    [({"tenant": "one"}, True), ({}, True), ({"tenant": "two"}, False), ({"source": "okta"}, False)],
)
def test_that_an_api_is_logged_in_one_tenant_says_nothing_of_another(desk, kept_going, where, observable):
    held = [consent("02 09:00", ["mail.read", "files.read"], "g1"), use("03 09:00", READ, None, grant_id="g1")]
    elsewhere = use("04 09:00", "GET /v1/files/7", None, "files.example", client_id="other", event_id="e") | where
    with desk.store(desk.write("log.ndjson", [*of("one", [*held, *kept_going]), elsewhere])) as store:
        (found,) = detect.run(store, ["PRV-1"])
    states = {row["detail"]["scope"]: row["detail"]["state"] for row in found.to_dicts() if row["client_id"] == "app"}
    assert states["mail.read"] == "used"
    assert (states["files.read"] != "not_observable") == observable


REACHES = [token(f"{day:02} 09:00", f"x{day}", ["mail.read"], f"{day:02} 10:00", client_id="x") for day in range(1, 20)]
ENDS_EARLY = [token(f"{day:02} 09:00", f"y{day}", ["mail.read"], f"{day:02} 10:00", client_id="x") for day in (18, 19)]


@pytest.mark.parametrize(
    ("tenant", "other", "verdict"),
    [
        (None, REACHES, "violation"),
        (None, ENDS_EARLY, "indeterminate"),
        (None, [revoked("01 09:00", token_id="y1")], "indeterminate"),
        ("one", ENDS_EARLY, "violation"),
        ("two", ENDS_EARLY, "indeterminate"),
    ],
)
def test_int_1_asks_of_a_call_without_a_tenant_the_log_of_each(desk, tenant, other, verdict):
    call = use("10 10:00", READ, "t-unseen", event_id="e") | ({"tenant": tenant} if tenant else {})
    records = [*of("one", [*logs_from_to("01 08:00", "20 08:00"), *REACHES]), *of("two", other), call]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["INT-1"])
    told = [row for row in found.to_dicts() if row["token_id"] == "t-unseen"]
    assert [row["verdict"] for row in told] == [verdict]
    assert (told[0]["detail"]["reason"] or "").startswith("the call names no tenant") == (
        tenant is None and verdict != "violation"
    )


@pytest.mark.parametrize(
    ("whose", "expected"),
    [
        ("one", {("REV-11", "violation")}),
        ("two", set()),
        (None, {("REV-11", "indeterminate"), ("OOS-1", "indeterminate")}),  # of the token, and of the grant
    ],
)
def test_a_downgrade_of_some_tenant_takes_no_scope_for_sure(desk, kept_going, whose, expected):
    cut = revoked("10 12:00", "grant", **{**DOWNGRADE, "subject_id": "ann"}) | ({"tenant": whose} if whose else {})
    records = [*shared("one"), *shared("two"), cut]
    with desk.store(desk.write("log.ndjson", [*records, *of("three", kept_going)])) as store:
        found = [row for each in detect.run(store, ["OOS-1", "REV-11"]) for row in each.to_dicts()]
    told = {(row["rule"], row["verdict"]) for row in found if row["tenant"] == "one"}
    assert told == expected


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("whose", ["one", None])
def test_rev_6_asks_for_the_usage_log_of_the_tenant_whose_token_ended(desk, kept_going, whose, watched):
    ended = [token("02 09:00", "a1", ["mail.read"], "19 09:00", grant_id="ga", **ANN)]
    cut = revoked("05 12:00", token_id="a1", event_id="r") | ({"tenant": whose} if whose else {})
    kept = [row for row in kept_going if row["log"] != "usage" or watched]
    records = [*of("one", [*ended, *kept]), *of("two", kept_going), cut]
    with desk.store(desk.write("log.ndjson", records)) as store:
        told = [row for row in detect.run(store, ["REV-6"])[0].to_dicts() if row["token_id"] == "a1"]
    assert [row["verdict"] for row in told] == ["violation" if watched else "indeterminate"]


EXCUSED = {
    "REV-2": [revoked("10 12:00", "grant", grant_id=None), token("10 13:00", "new", ["mail.read"], grant_id=None)],
    "OOS-4": [
        token("10 11:00", "rt", ["mail.read"], token_kind="refresh", grant_id=None),
        refreshed("10 13:00", "new", "rt", ["mail.read", "mail.send"], grant_id=None),
    ],
}


@pytest.mark.parametrize(
    ("where", "verdicts"),
    [("one", []), (None, ["indeterminate"]), ("two", ["violation"])],
    ids=["here", "unsaid", "there"],
)
@pytest.mark.parametrize("rule", EXCUSED)
def test_a_consent_of_which_the_tenant_is_not_told_may_excuse(desk, kept_going, rule, where, verdicts):
    again = consent("10 12:30", ["mail.read", "mail.send"], None, event_id="e") | ({"tenant": where} if where else {})
    with desk.store(desk.write("log.ndjson", [*of("one", [*EXCUSED[rule], *kept_going]), again])) as store:
        told = [row for row in detect.run(store, [rule])[0].to_dicts() if row["client_id"] == "app"]
    assert [row["verdict"] for row in told] == verdicts
    if where is None:
        reasons = told[0]["detail"].get("reasons") or [told[0]["detail"]["reason"]]
        assert reasons == ["a consent in between may be another tenant's: it names none, or the token does not"]


LATER = {
    "REV-1": (
        [
            consent("03 09:00", ["mail.read"], "g1"),
            {key: value for key, value in token("03 09:01", "t1", ["mail.read"]).items() if key != "grant_id"},
            revoked("05 12:00", "grant", grant_id="g1"),
            use("05 13:00", READ, "t1"),
        ],
        consent("15 09:00", ["mail.read"], "g2"),
    ),
    "REV-1, by pair": (
        [
            consent("03 09:00", ["mail.read"], "g1"),
            revoked("05 12:00", "grant", grant_id="g1"),
            use("05 13:00", READ, None),
        ],
        consent("15 09:00", ["mail.read"], "g2"),
    ),
    "PRV-3": (
        [
            consent("02 09:00", ["mail.read", "offline_access"], "g1"),
            use("02 10:00", READ, None, grant_id="g1"),
            revoked("08 12:00", "grant", grant_id="g1"),
        ],
        consent("15 09:00", ["mail.read", "offline_access"], "g1"),
    ),
    "REV-6": (
        [
            token("02 09:00", "rt", ["mail.read"], "19 09:00", token_kind="refresh"),
            revoked("08 12:00", "token", token_id="rt"),
        ],
        refreshed("15 09:00", "t2", "rt", ["mail.read"], outcome="denied"),
    ),
}


@pytest.mark.parametrize("case", LATER)
def test_what_comes_after_the_window_changes_nothing(desk, kept_going, case):
    records, later = LATER[case]
    rule = case.partition(",")[0]
    window = {"until": "2026-07-12T00:00:00Z", "parameters": {"dormant_days": 3} if rule == "PRV-3" else None}
    with desk.store(desk.write("then.ndjson", [*kept_going, *of(None, records)])) as store:
        then = told(store, rule, **window)
    with desk.store(desk.write("now.ndjson", [*kept_going, *of(None, [*records, later])])) as store:
        now = told(store, rule, **window)
    assert bool(then) == (rule != "PRV-3")
    assert now == then


@pytest.mark.parametrize("rule", ["PRV-3", "REV-6"])
def test_the_calls_of_another_tenant_break_no_silence_here(desk, kept_going, rule):
    idle = [
        consent("02 09:00", ["mail.read", "offline_access"], "g1"),
        token("02 09:01", "rt", ["mail.read"], token_kind="refresh"),
        token("02 09:02", "a1", ["mail.read"], "19 09:00"),
        revoked("05 12:00", "token", token_id="a1"),
    ]
    until_then = [use(when, READ, None, client_id="bystander", subject_id=None) for when in ("04 08:00", "18 08:00")]
    told = {}
    for tenant in ("one", "two"):
        log = desk.write(f"{tenant}.ndjson", [*of("one", [*idle, *until_then]), *of(tenant, kept_going)])
        with desk.store(log) as store:
            (found,) = detect.run(
                store, [rule], until=moment("20 08:00"), parameters={"dormant_days": 3} if rule == "PRV-3" else None
            )
            told[tenant] = [finding["verdict"] for finding in found.to_dicts() if finding["client_id"] == "app"]
    assert told == {"one": ["violation"], "two": ["indeterminate"]}


@pytest.mark.parametrize("about", [{"client": "app"}, {"token": "t-one"}, {"grant": "g-one"}, {"subject": "ann"}])
def test_a_case_blames_no_more_than_a_review_where_the_tenant_is_not_known(desk, kept_going, about):
    elsewhere = [{**row, "subject_id": "bob"} for row in shared("two")]
    records = [*shared("one"), *elsewhere, ENDS["the client"]]
    with desk.store(desk.write("log.ndjson", [*records, *of("three", kept_going)])) as store:
        case = Case(store, **about)
        broken = {(row["rule"], row["verdict"]) for row in case.facts["broken"]}
        states = {row["state"] for row in case.timeline().to_dicts()}
    assert ("REV-1", "indeterminate") in broken
    assert ("REV-1", "violation") not in broken
    assert "violation" not in states
