"""REV-10 beside plain Python: random decisions about the access of small companies, read line by line."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.loaders import loaders
from grantlens.register.decisions import Decisions
from grantlens.register.identities import Identities
from grantlens.rule.example import BYSTANDER, consent, decided, moment, refreshed, revoked, token, use
from grantlens.schema.register import DECISION

WATCHED = [
    revoked(when, kind="expiry", token_id="old", event_id=f"r{when[:2]}", client_id=BYSTANDER, subject_id=None)
    for when in ("01 08:00", "20 08:00")
]
UNTIL = moment("20 08:00")
HOURS = {"compromise": 1, "leaver": 24, "retired": 168, "review": 168}
NEAR = timedelta(seconds=5)


def at(record):
    text = next(record[name] for name in ("issued_at", "used_at", "revoked_at", "decided_at") if name in record)
    return datetime.fromisoformat(text)


def brought(*rows):
    return Decisions(tuple(dict.fromkeys(DECISION.names) | dict(row) for row in rows))


def company(seed):
    """Return what happened to one client's grants for two people, and what was decided about them."""
    rng = random.Random(seed)
    client, people = f"c{seed}", (f"{seed}-ann", f"{seed}-bob")
    records, decisions = [], []

    def stamp(first=2, last=18, minutes=(0, 30)):
        return f"{rng.randint(first, last):02} {rng.randint(9, 16):02}:{rng.choice(minutes):02}:00"

    for number, person in enumerate(people):
        who = {"client_id": client, "subject_id": person}
        grant = f"g{seed}-{number}"
        for _ in range(rng.choice((0, 1, 1, 2))):
            records.append(consent(stamp(2, 14), ["mail.read"], grant, **who))
        for turn in range(rng.randint(1, 3)):
            name = f"t{grant}-{turn}"
            ends = rng.choice((None, stamp(15, 19), stamp(15, 19)))
            records.append(token(stamp(2, 10), name, ["mail.read"], ends, grant_id=grant, **who))
            for _ in range(rng.randrange(3)):
                records.append(
                    use(stamp(10, 19), "GET /v1/messages/7", name, status=rng.choice((200, 200, 401)), **who)
                )
    tokens = [record["token_id"] for record in records if "token_id" in record and record["log"] == "issuance"]
    if rng.random() < 0.2:  # a key that is older than the logs
        key = {"client_id": client, "subject_id": rng.choice(people)}
        records.append(use(stamp(5, 19), "GET /v1/messages/7", f"k{seed}", status=rng.choice((200, 200, 401)), **key))
    grants = [f"g{seed}-0", f"g{seed}-1"]
    for number in range(rng.randrange(4)):
        kind = rng.choice(("grant", "client", "subject", "token"))
        about = {
            "grant": {"grant_id": rng.choice(grants), "client_id": client, "subject_id": None},
            "client": {"client_id": client},
            "subject": {"subject_id": rng.choice(people)},
            "token": {"token_id": rng.choice(tokens), "client_id": client, "subject_id": None},
        }[kind]
        records.append(revoked(stamp(5, 19, (15, 45)), kind, event_id=f"end-{seed}-{number}", **about))
    about = rng.choice(
        (
            {"client_id": client},
            {"client_id": client, "subject_id": people[0]},
            {"subject_id": people[1]},
            {"grant_id": grants[0]},
            {"token_id": tokens[0]},
            {"client_id": client, "source": "native"},
        )
    )
    if "token_id" not in about:  # the same access is decided about twice
        decisions.append(decided(stamp(5, 15, (15, 45)), "leaver", token_id=tokens[0]))
    when = stamp(5, 15, (15, 45))
    more = {"within_hours": rng.choice((0.5, 6.0, 48.0))} if rng.random() < 0.4 else {}
    decisions.append(decided(when, rng.choice(tuple(HOURS)), **about, **more))
    if rng.random() < 0.3:
        decisions.append(decided(stamp(int(when[:2]), 18, (15, 45)), decision="keep", **about))
    return records, decisions


def lives(records):
    """Return each life of each grant, and each token, as (ids, opened, closed or None)."""
    issued = [record for record in records if record["log"] == "issuance"]
    ends = [record for record in records if record["log"] == "revocation"]

    def hit(end, record):
        kind = end["target_kind"]
        key = {"grant": "grant_id", "client": "client_id", "subject": "subject_id", "token": "token_id"}[kind]
        return end[key] == record.get(key)

    def end_of(record):
        after = [at(end) for end in ends if hit(end, record) and at(end) >= at(record)]
        if "expires_at" in record:
            after.append(datetime.fromisoformat(record["expires_at"]))
        return min(after, default=None)

    found = []
    for record in issued:
        if "token_id" in record:
            found.append((record, at(record), end_of(record)))
    for grant in {record["grant_id"] for record in issued}:
        of_it = sorted((record for record in issued if record["grant_id"] == grant), key=at)
        whose = {name: of_it[0][name] for name in ("grant_id", "client_id", "subject_id")}
        first_consent = min((at(record) for record in of_it if record["kind"] == "consent"), default=None)
        openings = [r for r in of_it if r["kind"] == "consent" or first_consent is None or at(r) < first_consent]
        # Tokens after the end of a grant open nothing: that is REV-2.
        gone = min((at(end) for end in ends if end["target_kind"] == "grant" and hit(end, whose)), default=None)
        opened = next((at(r) for r in openings if r["kind"] == "consent" or gone is None or at(r) < gone), None)
        stops = sorted(at(end) for end in ends if end["target_kind"] != "token" and hit(end, whose))
        while opened is not None:
            stop = next((stop for stop in stops if stop > opened), None)
            closed = stop
            if first_consent is None:
                last = [end_of(record) for record in of_it]
                closed = stop or (None if None in last else max(last))
            found.append((whose, opened, closed))
            opened = next(
                (at(r) for r in openings if stop is not None and at(r) >= stop and r["kind"] == "consent"), None
            )
    return found


def expected(records, decision, decisions):
    """Return (verdict, in time, late, standing, calls, calls after it was due) of a decision, or None."""
    kept = [
        each for each in decisions if each["decision"] == "keep" and each.get("token_id") == decision.get("token_id")
    ]
    start, until = at(decision), datetime.fromisoformat(UNTIL)
    due = start + timedelta(hours=decision.get("within_hours") or HOURS[decision["cause"]])
    asked = min([until, *(at(keep) for keep in kept if at(keep) > start)])
    ids = {name: decision[name] for name in ("client_id", "subject_id", "grant_id", "token_id") if name in decision}
    states, calls, late_calls = [], 0, 0
    met = False
    for whose, opened, closed in lives(records):
        if ("token_id" in whose) != ("token_id" in ids) or any(whose[name] != value for name, value in ids.items()):
            continue
        if opened > start:
            continue
        met = True
        if closed is not None and closed <= start:
            continue
        closed = None if closed is None or closed >= asked else closed
        for call in records:
            if call["log"] == "usage" and call["outcome"] == "success" and start <= at(call) < (closed or asked):
                of_it = call["token_id"] == whose.get("token_id", call["token_id"])
                issued = (r for r in records if r["log"] == "issuance" and r.get("token_id") == call["token_id"])
                if of_it and next(issued, {"grant_id": None})["grant_id"] == whose["grant_id"]:
                    calls += 1
                    late_calls += at(call) - NEAR > due
        if closed is None:
            states.append("open" if due >= asked else "standing")
        else:
            states.append("late" if closed - NEAR > due else "close" if closed + NEAR > due else "in time")
    if not met:
        return ("indeterminate", None, None, None, None, None) if due < asked else None
    stray = not {"grant_id", "token_id"} & {*ids} and any(
        call["log"] == "usage"
        and call["token_id"].startswith("k")
        and call["outcome"] == "success"
        and due < at(call) - NEAR
        and at(call) < asked
        and all(call[name] == value for name, value in ids.items())
        for call in records
    )
    if not stray and (not states or "open" in states):
        return None
    verdict = "indeterminate" if stray or "close" in states else "clear"
    verdict = "violation" if {"late", "standing"} & {*states} else verdict
    return verdict, *(states.count(state) for state in ("in time", "late", "standing")), calls, late_calls


def holder(records, decision):
    """Return the client that the decision names, or whose the one grant or token is that was there."""
    for name in ("grant_id", "token_id"):
        if name in decision and "client_id" not in decision:
            there = [
                whose["client_id"]
                for whose, opened, _ in lives(records)
                if whose.get(name) == decision[name]
                and (name == "grant_id") != ("token_id" in whose)
                and opened <= at(decision)
            ]
            return there[0] if there else None
    return decision.get("client_id")


COMPANIES = [company(seed) for seed in range(500)]


@pytest.fixture(scope="module")
def judged(prepared, tmp_path_factory):
    from tests.rules.conftest import Desk, logs_kept_going

    desk = Desk(prepared, tmp_path_factory.mktemp("decided"))
    records = [*logs_kept_going(), *WATCHED, *(record for records, _ in COMPANIES for record in records)]
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(brought(*(row for _, decisions in COMPANIES for row in decisions)))
        return detect.run(store, "REV-10", until=UNTIL, now=UNTIL)[0].to_dicts()


def test_it_says_what_plain_python_says(judged):
    found, wanted = {}, {}
    for finding in judged:
        names = [finding[name] for name in ("client_id", "subject_id", "grant_id", "token_id")]
        detail = finding["detail"]
        numbers = (detail[name] for name in ("in_time", "late", "standing", "calls_after_decision", "calls_after_due"))
        found[(*names, detail["decided_at"])] = (finding["verdict"], *numbers)
    for records, decisions in COMPANIES:
        for decision in decisions:
            if decision["decision"] == "revoke" and (answer := expected(records, decision, decisions)) is not None:
                names = (decision.get(name) for name in ("subject_id", "grant_id", "token_id"))
                wanted[(holder(records, decision), *names, decision["decided_at"])] = answer
    assert found == wanted
    assert {verdict for verdict, *_ in wanted.values()} == {"violation", "indeterminate", "clear"}
    assert len([answer for answer in wanted.values() if answer[0] == "violation"]) > 50


OF_APP = (consent("01 09:00", ["mail.read"]), token("01 09:01", "t1", ["mail.read"], "08 09:00"))
COMPROMISED = decided("05 12:00", "compromise", client_id="app")


def told(desk, kept_going, records, *decisions, **window):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate((*kept_going, *WATCHED, *records))]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(brought(*decisions))
        return detect.run(store, "REV-10", **window)[0].to_dicts()


def test_what_was_late_long_before_the_window_is_not_told_again(desk, kept_going):
    records = (*OF_APP, revoked("05 14:00", "client"))
    assert [row["verdict"] for row in told(desk, kept_going, records, COMPROMISED)] == ["violation"]
    assert told(desk, kept_going, records, COMPROMISED, since="2026-07-10") == []


def test_a_key_that_was_switched_on_again_stands(desk, kept_going):
    key = {"kind": "credential", "token_kind": "api_key", "grant_id": None, "subject_id": None}
    records = (
        token("01 09:00", "k1", None, **key),
        revoked("04 09:00", "credential", token_id="k1", subject_id=None),
        token("04 10:00", "k1", None, **key),
    )
    (row,) = told(desk, kept_going, records, COMPROMISED)
    assert (row["verdict"], row["detail"]["standing"]) == ("violation", 1)


def test_what_came_of_a_refresh_token_from_before_the_log_may_stand(desk, kept_going):
    records = (
        token("04 09:00", "rt1", ["mail.read"], token_kind="refresh"),
        refreshed("05 09:00", "t1", "rt0", ["mail.read"], "19 00:00"),
        revoked("05 12:30", token_id="rt1"),
    )
    (row,) = told(desk, kept_going, records, COMPROMISED)
    reason = "a revocation is of a refresh token, and whether this access came of it or of another the logs do not tell"
    assert (row["verdict"], row["detail"]["reason"]) == ("indeterminate", reason)
    with desk.store(desk.write("more.ndjson", (*kept_going, *records))) as store:
        (grant,) = [row for row in gl.grants(store, until="2026-07-06").to_dicts() if row["client_id"] == "app"]
    assert "of a refresh token may have ended it" in grant["reason"]


def test_a_refresh_token_that_the_log_does_not_name_may_stand(desk, kept_going):
    lasting = ["mail.read", "offline_access"]
    for scopes, verdict in ((["mail.read"], "clear"), (lasting, "indeterminate")):
        (row,) = told(desk, kept_going, (token("05 11:00", "t1", scopes, "05 12:30"),), COMPROMISED)
        assert row["verdict"] == verdict
    assert row["detail"]["reason"] == "when a token ended that the log does not name is not known"


@pytest.mark.parametrize(
    "about",
    [
        {"source": "okta", "client_id": "app"},
        {"tenant": "acme", "client_id": "app"},
        {"grant_id": "g1", "client_id": "bot"},
        {"grant_id": "g2", "client_id": "app"},
        {"token_id": "t1", "grant_id": "g2"},
        {"client_id": "app", "subject_id": "bob"},
    ],
)
def test_of_what_a_decision_names_all_must_fit(desk, kept_going, about):
    (row,) = told(desk, kept_going, OF_APP, decided("05 12:00", "compromise", **about))
    assert row["verdict"] == "indeterminate"
    assert row["detail"]["reason"] == "no issuance of such access is in the logs from before the decision"


@pytest.mark.parametrize("more", [{}, {"source": "native"}, {"token_id": "t1"}])
def test_a_row_of_the_list_of_grants_names_one_grant_and_whose_it_is(desk, kept_going, more):
    whole = decided("05 12:00", "compromise", client_id="app", subject_id="ann", grant_id="g1", **more)
    (row,) = told(desk, kept_going, (*OF_APP, consent("02 09:00", ["mail.read"], "g2")), whole)
    assert (row["verdict"], row["detail"]["standing"] + row["detail"]["late"]) == ("violation", 1)


@pytest.mark.parametrize(
    ("about", "of", "client_id"),
    [
        ({"grant_id": "g1"}, "Grant g1 of app", "app"),
        ({"token_id": "t1"}, "Token t1 of app", "app"),
        ({"token_id": "t1", "client_id": "app", "subject_id": "ann"}, "Token t1 of app for ann", "app"),
        ({"grant_id": "shared"}, "Grant shared of several clients", None),
        ({"token_id": "twice"}, "Token twice of several clients", None),
        ({"token_id": "twice", "client_id": "app"}, "Token twice of app", "app"),
        ({"grant_id": "nobody"}, "Grant nobody of an unnamed client", None),
        ({"token_id": "its", "grant_id": "nobody"}, "Token its of an unnamed client", None),
    ],
)
def test_what_was_named_is_told_and_whose_it_is(desk, kept_going, about, of, client_id):
    records = (
        *OF_APP,
        consent("01 09:00", ["mail.read"], "shared"),
        consent("01 09:00", ["mail.read"], "shared", client_id="bot"),
        token("01 09:01", "twice", ["mail.read"]),
        token("01 09:02", "twice", ["mail.read"], client_id="bot", grant_id="g2"),
        token("01 09:01", "its", ["mail.read"], client_id=None, grant_id="nobody"),
    )
    (row,) = told(desk, kept_going, records, decided("05 12:00", "compromise", **about))
    assert row["title"].partition(" was to end by ")[0] == of
    assert row["client_id"] == client_id


OLD_KEY = use("06 09:00", "GET /v1/messages/7", "old-key", subject_id="ann")


@pytest.mark.parametrize(
    ("about", "call", "more", "verdict"),
    [
        ({"client_id": "app"}, {}, (), "indeterminate"),
        ({"subject_id": "ann"}, {}, (), "indeterminate"),
        ({"client_id": "app", "subject_id": "ann"}, {}, (), "indeterminate"),
        ({"client_id": "app"}, {"used_at": moment("05 13:00:05")}, (), "clear"),
        ({"client_id": "app"}, {"outcome": "denied", "status": 401}, (), "clear"),
        ({"client_id": "app"}, {"client_id": "bot"}, (), "clear"),
        ({"client_id": "app", "subject_id": "ann"}, {"subject_id": "bob"}, (), "clear"),
        ({"client_id": "app"}, {"grant_id": "g1"}, (), "clear"),
        ({"client_id": "app"}, {"token_id": "t1"}, (), "clear"),
        ({"grant_id": "g1"}, {}, (), "clear"),
        ({"client_id": "app"}, {}, (decided("06 08:00", decision="keep", client_id="app"),), "clear"),
    ],
)
def test_a_call_that_no_issuance_explains_leaves_open_whether_all_access_ended(
    desk, kept_going, about, call, more, verdict
):
    """A key that is older than the logs is no grant of theirs: without it, the last one of the client had ended in time."""
    records = (*OF_APP, revoked("05 12:30", "grant"), OLD_KEY | call)
    found = told(desk, kept_going, records, decided("05 12:00", "compromise", **about), *more)
    (row,) = found
    assert row["verdict"] == verdict
    is_open = verdict == "indeterminate"
    assert (
        row["detail"]["reason"] == "after it was due calls were made with a token of which no issuance is known"
    ) == is_open
    assert len(row["evidence"]) == 1 + is_open


def test_a_key_that_was_revoked_itself_leaves_nothing_open(desk, kept_going):
    key = revoked("05 12:40", "credential", token_id="old-key", grant_id=None, event_id="r2")
    records = (*OF_APP, revoked("05 12:30", "grant"), OLD_KEY, key)
    (row,) = told(desk, kept_going, records, COMPROMISED)
    assert row["verdict"] == "clear", "that it worked on is told by REV-1"


def test_access_that_had_ended_before_is_told_where_a_call_says_otherwise(desk, kept_going):
    records = (*OF_APP, revoked("04 12:30", "grant"))
    assert told(desk, kept_going, records, COMPROMISED) == []
    (row,) = told(desk, kept_going, (*records, OLD_KEY), COMPROMISED)
    assert row["verdict"] == "indeterminate"


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_events_in_one_moment_the_same_is_shown_whichever_was_loaded_first(desk, kept_going, turn):
    ends = [revoked("05 14:00", "token", token_id="t1", grant_id=None, event_id=name) for name in ("r-a", "r-b")]
    calls = [use("05 13:30", "GET /v1/messages/7", event_id=name) for name in ("u-a", "u-b")]
    strays = [{**OLD_KEY, "event_id": name} for name in ("s-a", "s-b")]
    records = (*OF_APP, *ends[::turn], *calls[::turn], *strays[::turn])
    of_token, of_client = COMPROMISED | {"token_id": "t1"}, COMPROMISED
    shown = [
        {pointer["event_id"] for pointer in row["evidence"]} & {"r-a", "r-b", "u-a", "u-b", "s-a", "s-b"}
        for row in told(desk, kept_going, records, of_token, of_client)
    ]
    assert sorted(map(sorted, shown)) == [["r-a", "u-b"], ["s-b", "u-b"]]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_grant_without_a_consent_ends_with_the_last_of_its_tokens_by_whatever_ended_that(desk, kept_going, turn):
    """One that expires names no revocation, and is the last for all that."""
    lives = [token("01 09:01", f"t{number}", ["mail.read"], f"0{6 + number} 12:00") for number in (1, 2)]
    end = revoked("05 12:30", "token", token_id="t1", grant_id=None, event_id="r-1")
    (row,) = told(desk, kept_going, (*lives[::turn], end), COMPROMISED)
    assert (row["verdict"], row["detail"]["late"], row["detail"]["longest_s"]) == ("violation", 1, 3 * 86400.0)
    assert [pointer["event_id"] for pointer in row["evidence"]] == []
    at_once = revoked("08 12:00", "token", token_id="t2", grant_id=None, event_id="r-2")
    lives.append(token("01 09:01", "t3", ["mail.read"], "08 12:00"))
    (row,) = told(desk, kept_going, (*lives[::turn], end, at_once), COMPROMISED)
    assert [pointer["event_id"] for pointer in row["evidence"]] == ["r-2"]


def test_a_case_of_the_client_shows_decisions_about_its_grants(desk, kept_going):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate((*kept_going, *WATCHED, *OF_APP))]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(brought(decided("05 12:00", "compromise", grant_id="g1")))
        assert "REV-10" in [part.rule.id for part in gl.Case(store, client="app").findings]


@pytest.mark.parametrize(
    ("about", "ended", "title"),
    [
        ({"token_id": "t1"}, "05 12:30", "Token t1 of app was to end by 2026-07-05 13:00 UTC, and did"),
        ({"token_id": "t1"}, "05 14:00", "Token t1 of app was to end by 2026-07-05 13:00 UTC, and ended later"),
        ({"token_id": "t1"}, None, "Token t1 of app was to end by 2026-07-05 13:00 UTC, and ended later"),
        ({"grant_id": "g1"}, None, "Grant g1 of app was to end by 2026-07-05 13:00 UTC, and has not ended in the logs"),
        ({"token_id": "t2"}, None, "Token t2 was to end by 2026-07-05 13:00 UTC, and whether it did is not known"),
    ],
)
def test_the_end_of_one_thing_is_told_without_counts(desk, kept_going, about, ended, title):
    ends = () if ended is None else (revoked(ended, "token", token_id="t1", grant_id=None),)
    (row,) = told(desk, kept_going, (*OF_APP, *ends), decided("05 12:00", "compromise", **about))
    assert row["title"] == title


@pytest.mark.parametrize(
    ("ended", "verdicts"),
    [("01 07:00", ["violation"]), ("04 12:00", ["indeterminate"]), ("05 12:30", ["indeterminate"])],
)
def test_a_revocation_of_some_tenant_may_have_ended_it_before_and_after(desk, kept_going, ended, verdicts):
    records = (
        *(consent("01 09:00", ["mail.read"], f"g-{tenant}", tenant=tenant) for tenant in ("one", "two")),
        revoked(ended, "client"),
        *(
            {**row, "tenant": tenant, "event_id": f"{row['event_id']}-{tenant}"}
            for row in WATCHED
            for tenant in ("one", "two")
        ),
    )
    found = told(desk, kept_going, records, COMPROMISED)
    assert [row["verdict"] for row in found] == verdicts
    one = {**records[2], "tenant": "one"}
    (row,) = told(desk, kept_going, (*records[:2], one, *records[3:]), COMPROMISED | {"tenant": "two"})
    assert (row["verdict"], row["detail"]["standing"]) == ("violation", 1)


def test_a_log_that_shows_some_revocations_is_no_proof_that_there_was_none(desk, kept_going):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate((*kept_going, *WATCHED, *OF_APP))]
    path = desk.write("log.ndjson", records)
    in_part = replace(loaders()["native"], name="shape", dialect=None, carries=("issuance", "usage"))
    with desk.store() as store:
        store.load(path, loader=in_part)
        store.add(brought(COMPROMISED))
        (row,) = detect.run(store, "REV-10")[0].to_dicts()
    assert row["verdict"] == "indeterminate"
    assert row["detail"]["reason"] == "the revocation log does not cover the time in which it was to be revoked"


def test_a_report_of_one_tenant_names_no_decision_about_what_only_others_have(desk, kept_going):
    """What a decision without a tenant names is shown where it is known, and else to nobody who looks at one tenant alone."""
    records = [
        consent("01 09:00", ["mail.read"], f"g-{tenant}", tenant=tenant, client_id=f"app-{tenant}")
        for tenant in ("one", "two")
    ]
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate((*kept_going, *WATCHED, *records))]
    path = desk.folder / "store.duckdb"
    with desk.store(desk.write("log.ndjson", records), at=path) as store:
        about = (
            {"client_id": "app-one"},
            {"client_id": "app-two"},
            {"client_id": "ap"},
            {"client_id": "x", "tenant": "two"},
        )
        store.add(brought(*(decided("05 12:00", "compromise", **each) for each in about)))
        assert len(detect.run(store, "REV-10")[0].to_dicts()) == 4
    with gl.open(path, tenant="one") as one:
        assert [row["client_id"] for row in detect.run(one, "REV-10")[0].to_dicts()] == ["app-one"]


LEFT = decided("05 12:00", "leaver", subject_id="ann", within_hours=8.0)
AT_THE_FORGE = {"source": "forge", "client_id": "pat", "subject_id": "4711", "grant_id": "g-forge"}


def identities(*ids, kind="subject", name="Ann Berg"):
    return Identities(tuple({"kind": kind, "name": name, "source": source, "id": id_} for source, id_ in ids))


def of_each_source(desk, kept_going, records, said, *decisions):
    kept = [record | {"source": source} for record in (*kept_going, *WATCHED) for source in ("native", "forge")]
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate((*kept, *records))]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(brought(*decisions), said)
        rows = detect.run(store, "REV-10")[0].to_dicts()
    return {row["source"]: (row["verdict"], row["subject_id"], row["detail"]["calls_after_due"]) for row in rows}


@pytest.mark.parametrize("named", ["ann", "4711", "Ann Berg"])
def test_a_leaver_is_meant_by_each_id_that_the_identities_file_says_is_theirs(desk, kept_going, named):
    records = (
        *OF_APP,
        revoked("05 14:00", "subject", subject_id="ann", client_id=None),
        token("01 09:01", "t2", ["repo"], **AT_THE_FORGE),
        use("07 09:00", "GET /v1/messages/7", "t2", **{**AT_THE_FORGE, "grant_id": None}),
        token("01 09:01", "t3", ["repo"], **{**AT_THE_FORGE, "subject_id": "4712", "grant_id": "g-other"}),
    )
    said = identities(("native", "ann"), ("forge", "4711"))
    found = of_each_source(desk, kept_going, records, said, LEFT | {"subject_id": named})
    assert found == {"native": ("clear", "ann", 0), "forge": ("violation", "4711", 1)}
    # A decision about one source alone is about that one.
    one = of_each_source(desk, kept_going, records, said, LEFT | {"source": "native"})
    assert one == {"native": ("clear", "ann", 0)}


def test_a_client_is_meant_by_each_of_its_ids(desk, kept_going):
    records = (*OF_APP, revoked("05 12:30", "client"), token("01 09:01", "t2", ["repo"], **AT_THE_FORGE))
    said = identities(("native", "app"), ("forge", "pat"), kind="client")
    found = of_each_source(desk, kept_going, records, said, COMPROMISED)
    assert {source: verdict for source, (verdict, *_) in found.items()} == {"native": "clear", "forge": "violation"}
    assert set(of_each_source(desk, kept_going, records, said, COMPROMISED | {"subject_id": "ann"})) == {"native"}


def test_calls_after_a_leaver_with_a_token_of_another_source_that_no_issuance_names_are_told(desk, kept_going):
    call = use("07 09:00", "GET /v1/messages/7", "older-than-the-log", **{**AT_THE_FORGE, "grant_id": None})
    records = (*OF_APP, revoked("05 14:00", "subject", subject_id="ann", client_id=None), call)
    found = of_each_source(desk, kept_going, records, identities(("native", "ann"), ("forge", "4711")), LEFT)
    assert {source: verdict for source, (verdict, *_) in found.items()} == {"native": "clear", "forge": "indeterminate"}
