"""PRV-3 beside plain Python: one or two grants of each of many clients, what was given, ended and called, and logs that begin late or have gaps."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import consent, moment, refreshed, revoked, token, use
from grantlens.schema.register import REGISTER

READ = "GET /v1/messages/7"
DAYS = 10
UNTIL = datetime.fromisoformat(moment("20 08:00"))
ASKED = UNTIL - timedelta(days=DAYS)
LOGS = {
    "native": [("01 08:00", "20 08:00")],
    "late": [("09 08:00", "20 08:00")],
    "later": [("11 08:00", "20 08:00")],
    "short": [("01 08:00", "18 08:00")],
    "gap": [("01 08:00", "12 08:00"), ("13 08:00", "20 08:00")],
}
"""When the calls of each source are logged: begun late, ended early, or silent for a day."""
LIVE, OFFLINE = ["mail.read"], ["mail.read", "offline_access"]
CALLED = (
    "02 09:00",
    "08 09:00",
    "10 07:59:59.999999",
    "10 08:00",
    "10 08:00:00.000001",
    "14 09:00",
    "18 07:00",
    "20 08:00",
)


def kept():
    """Return calls of another client that keep the logs going."""
    who = {"client_id": "beat", "subject_id": None, "server": "jobs.example"}
    for source, parts in LOGS.items():
        yield token(
            "01 08:00", f"beat-{source}", LIVE, source=source, client_id="beat", subject_id=None, grant_id="beat"
        )
        for first, last in parts:
            for when in (first, last):
                yield use(when, "GET /v1/status", f"beat-{source}", source=source, **who)
        if source == "gap":
            stamp = datetime.fromisoformat(moment("01 08:00"))
            while stamp < UNTIL:
                stamp += timedelta(minutes=20)
                if not datetime.fromisoformat(moment("12 08:00")) < stamp < datetime.fromisoformat(moment("13 08:00")):
                    yield use(f"{stamp:%d %H:%M}", "GET /v1/status", f"beat-{source}", source=source, **who)


def client(rng, number):
    """Return the records of one client and person."""
    who = {
        "client_id": f"c{number}",
        "subject_id": f"s{number}",
        "tenant": None,
        "source": rng.choice(("native", "native", *LOGS)),
    }
    if who["source"] == "native":
        who["tenant"] = rng.choice((None, "one"))
    grant, other = f"g{number}", f"h{number}"
    records = []
    if rng.random() < 0.8:
        records.append(
            consent(
                rng.choice(("01 08:30", "10 08:00", "10 08:00:01")),
                rng.choice((LIVE, OFFLINE, OFFLINE, None)),
                grant,
                **who,
            )
        )
    if rng.random() < 0.4:
        records.append(consent(rng.choice(("05 08:30", "15 08:30")), rng.choice((LIVE, OFFLINE)), grant, **who))
    if rng.random() < 0.2:
        records.append(consent(rng.choice(("01 08:30", "15 08:30")), LIVE, other, **who))
    last = None
    for turn in range(rng.choice((0, 1, 1, 2))):
        name = f"r{number}-{turn}"
        more = {
            "token_kind": "refresh",
            "kind": "refresh" if last and rng.random() < 0.7 else "token",
            "outcome": rng.choice(("success",) * 5 + ("denied",)),
        }
        more["parent_token_id"] = last if more["kind"] == "refresh" else None
        ends = rng.choice((None, None, "15 08:00", "20 08:00", "20 08:00:00.000001"))
        records.append(
            token(rng.choice(("02 08:01", "03 08:01", "12 08:01")), name, None, ends, grant_id=grant, **who, **more)
        )
        last = name
    records.append(token("02 08:02", f"a{number}", LIVE, "25 08:00", grant_id=grant, **who))
    for turn in range(rng.choice((0, 1, 1, 2))):
        target = rng.choice(("grant", "grant", "token", "token", "client", "subject"))
        of = {**who, "event_id": f"e{number}-{turn}", "tenant": rng.choice((None, who["tenant"]))}
        of |= {"subject_id": None} if target == "client" else {"client_id": None} if target == "subject" else {}
        of |= {"grant_id": rng.choice((grant, grant, None))} if target == "grant" else {}
        of |= (
            {"token_id": rng.choice((f"r{number}-0", f"r{number}-0", f"a{number}", None))} if target == "token" else {}
        )
        kind = rng.choice(("revoke", "revoke", "revoke", "disable", "downgrade", "expiry"))
        of |= {"scopes_removed": ["offline_access"]} if kind == "downgrade" else {}
        when = rng.choice(("04 08:00", "14 08:00", "19 08:00", "20 08:00"))
        records.append(
            revoked(when, target, kind=kind, outcome=rng.choice(("success", "success", "success", "denied")), **of)
        )
    logged = [
        when
        for when in CALLED
        if any(moment(first) <= moment(when) <= moment(last) for first, last in LOGS[who["source"]])
    ]
    for _ in range(rng.choice((0, 1, 1, 2))):
        key = rng.choice(("token", "grant", "pair", "unseen", "client", "subject"))
        more = {**who, "tenant": rng.choice((who["tenant"], None)), "grant_id": grant if key == "grant" else None}
        more |= {"subject_id": None} if key == "client" else {"client_id": None} if key == "subject" else {}
        name = {"token": f"a{number}", "unseen": f"u{number}"}.get(key)
        records.append(use(rng.choice(logged), READ, name, status=rng.choice((200, 200, 200, 401, 500)), **more))
    return records


def at(record):
    names = ("issued_at", "used_at", "revoked_at")
    return datetime.fromisoformat(next(record[name] for name in names if name in record))


def given(records, grant):
    """Return what was issued of a grant."""
    return [
        row for row in records if (row["log"], row["outcome"], row.get("grant_id")) == ("issuance", "success", grant)
    ]


def taken(records, grant, when):
    """Return what ended a grant, or a token, before a moment."""
    ends = [row for row in records if (row["log"], row["outcome"]) == ("revocation", "success") and at(row) < when]
    return [row for row in ends if row["kind"] in ("revoke", "disable") and row.get("grant_id", grant) == grant]


def standing(records, grant, when):
    """Return since when a grant stands at a moment, None where it does not."""
    mine = given(records, grant)
    consents = [at(row) for row in mine if row["kind"] == "consent"]
    opened = [at(row) for row in mine if at(row) < min(consents, default=UNTIL)] + consents
    ends = [row for row in taken(records, grant, when) if row["target_kind"] != "token"]
    over = [at(row) for row in ends if "grant_id" in row or min(opened) <= at(row)]
    if over:
        opened = [stamp for stamp in consents if stamp > max(over)]
    return min((stamp for stamp in opened if stamp <= when), default=None)


def refresh_tokens(records, grant):
    """Return the refresh tokens of a grant, and those that live."""
    tokens = [row for row in given(records, grant) if row.get("token_kind") == "refresh"]
    over = set()
    for end in taken(records, grant, UNTIL):
        older = {row["token_id"]: row.get("parent_token_id") for row in sorted(tokens, key=at) if at(row) <= at(end)}
        line = {end.get("token_id", "unnamed")} if end["target_kind"] == "token" else set(older)
        for name, parent in older.items():
            line |= {name} if parent in line else set()
        over |= line & set(older)
    left = [row for row in tokens if row["token_id"] not in over]
    return tokens, [
        row for row in left if "expires_at" not in row or datetime.fromisoformat(row["expires_at"]) >= UNTIL
    ]


def refreshable(records, grant):
    """Tell whether a refresh token of a grant lives; where none is known, whether the grant holds offline_access."""
    tokens, alive = refresh_tokens(records, grant)
    if tokens:
        return bool(alive)
    begun, held = standing(records, grant, UNTIL), False
    for row in sorted(records, key=at):
        if begun <= at(row) < UNTIL and row.get("grant_id", grant) == grant and row["outcome"] == "success":
            if row.get("kind") == "downgrade" and row["target_kind"] != "token":
                held = False
            held |= "offline_access" in row.get("scopes", ())
    return held


def doubted(records, grant):
    """Tell whether the revocation of some token may be of what refreshes a grant: it names none, or one of which nobody saw the issue."""
    tokens, alive = refresh_tokens(records, grant)
    known = {row.get("token_id") for row in records if (row["log"], row["outcome"]) == ("issuance", "success")}
    ends = [end for end in taken(records, grant, UNTIL) if end["target_kind"] == "token"]
    ends = [end for end in ends if "token_id" not in end or (not tokens and end["token_id"] not in known)]
    may = alive or [row for row in given(records, grant) if "offline_access" in row.get("scopes", ())]
    return all(any(at(row) <= at(end) for end in ends) for row in may)


def dormant(records, grant):
    """Say what a reader says of one grant; None where there is nothing to say."""
    begun = standing(records, grant, UNTIL)
    if begun is None or not refreshable(records, grant):
        return None
    others = {record["grant_id"] for record in records if "grant_id" in record and record["log"] == "issuance"} - {
        grant
    }
    used, maybe = [], []
    for call in records:
        if call["log"] != "usage" or call["outcome"] != "success" or at(call) >= UNTIL:
            continue
        whose = [call.get(key) == records[0].get(key) for key in ("client_id", "subject_id", "tenant")]
        sole = standing(records, grant, at(call)) and not any(standing(records, other, at(call)) for other in others)
        named = call.get("token_id", "").startswith("a") or call.get("grant_id") == grant
        of_pair = "token_id" not in call and all(whose) and sole
        (used if named or of_pair else maybe).append(at(call))
    source = records[0].get("source", "native")
    log = [tuple(datetime.fromisoformat(moment(when)) for when in part) for part in LOGS[source]]
    since = max([begun, *used])
    if since > ASKED:
        return None
    seen = sum((max(timedelta(0), min(until, UNTIL) - max(first, ASKED)) for first, until in log), timedelta(0))
    unsure = any(when >= ASKED for when in maybe) or seen < 0.95 * (UNTIL - ASKED) or doubted(records, grant)
    return "indeterminate" if unsure else "violation", (UNTIL - max(since, log[0][0])).days


@pytest.mark.parametrize("seed", range(2))
def test_dormant_grants_beside_plain_python(desk, seed):
    rng = random.Random(seed)
    clients = [client(rng, number) for number in range(300)]
    told = [
        {"event_id": f"n{number:05}", **row}
        for number, row in enumerate(row for rows in [*clients, list(kept())] for row in rows)
    ]
    retired = {f"c{number}" for number in range(0, 300, 7)}
    by_log = [[row for row in told if (row["log"] == "usage") == calls] for calls in (False, True)]
    with desk.store(*(desk.write(f"{number}.ndjson", rows) for number, rows in enumerate(by_log))) as store:
        store.add(
            Register(
                tuple(
                    dict.fromkeys(REGISTER.names) | {"client_id": name, "status": "retired"} for name in sorted(retired)
                )
            )
        )
        (found,) = detect.run(
            store, ["PRV-3"], since=UNTIL - timedelta(days=3), until=UNTIL, parameters={"dormant_days": DAYS}
        )
    expected = {
        grant: said
        for number, rows in enumerate(clients)
        for grant in (f"g{number}", f"h{number}")
        if any(row.get("grant_id") == grant for row in rows) and (said := dormant(rows, grant))
    }
    rows = {row["grant_id"]: row for row in found.to_dicts()}
    assert {grant: (row["verdict"], row["detail"]["silent_days"]) for grant, row in rows.items()} == expected
    assert {row["client_id"] for row in rows.values() if row["severity"] == "critical"} == {
        row["client_id"] for row in rows.values()
    } & retired
    assert min(Counter(verdict for verdict, _ in expected.values()).values()) > 10


def test_a_revocation_that_does_not_say_in_which_tenant_leaves_open_whether_a_grant_stands(desk, kept_going):
    rows = [
        consent("01 08:00", OFFLINE, "g1", tenant="north"),
        token("01 08:01", "rt2", LIVE, token_kind="refresh", grant_id="g2", tenant="south"),
        revoked("02 08:00", "client"),
    ]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
    told = {row["grant_id"]: (row["verdict"], row["detail"]["reason"]) for row in found.to_dicts()}
    reason = "a revocation that names no tenant may have ended it, and several have this client"
    assert told == dict.fromkeys(("g1", "g2"), ("indeterminate", reason))
    again = consent("03 08:00", OFFLINE, "g1", tenant="north", event_id="again")
    calls = (use(f"{day} 08:00", READ, None, tenant="north", client_id="beat", subject_id=None) for day in ("01", "20"))
    rows = [{"event_id": f"e{number}", **row} for number, row in enumerate([*kept_going, *rows, again, *calls])]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
    told = {row["grant_id"]: row["verdict"] for row in found.to_dicts()}
    assert (told["g1"], told["g2"]) == ("violation", "indeterminate"), "what was given again stands"
    older = token("01 08:02", "rt1", LIVE, token_kind="refresh", grant_id="g1", tenant="north", event_id="rt1")
    with desk.store(desk.write("log.ndjson", [*rows, older])) as store:
        (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
    told = {row["grant_id"]: (row["verdict"], row["detail"]["reason"]) for row in found.to_dicts()}
    assert told["g1"] == ("indeterminate", reason), "but its refresh token may be over"


@pytest.mark.parametrize("ended", [{"token_id": None}, {"token_id": "older"}])
def test_a_refresh_token_that_the_log_does_not_name_may_be_the_one_that_was_revoked(desk, kept_going, ended):
    rows = [consent("01 08:00", OFFLINE, "g1"), revoked("02 08:00", **ended)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
    (row,) = found.to_dicts()
    assert (row["verdict"], row["detail"]["reason"]) == (
        "indeterminate", "a token of its client was revoked, and the log does not tell which",
    )  # fmt: skip


def test_a_refresh_token_without_an_id_that_has_expired_refreshes_nothing(desk, kept_going):
    rows = [token("01 08:01", None, OFFLINE, "05 08:00", token_kind="refresh", grant_id="g1")]
    with desk.store(desk.write("log.ndjson", [*kept_going, *rows])) as store:
        assert detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})[0].to_dicts() == []


@pytest.mark.parametrize("tokens", [("t2", "t2"), ("t2", "t3")])
@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_last_calls_in_one_moment_the_same_is_shown_whichever_was_loaded_first(desk, kept_going, turn, tokens):
    """Before the window they are no pairs yet, with one token or with two."""
    rows = [
        consent("01 08:00", OFFLINE, "g1"),
        token("01 08:01", "rt1", LIVE, token_kind="refresh"),
        *(token("01 08:02", name, None) for name in ("t2", "t3")),
        *[use("02 09:00", READ, name, event_id=event) for name, event in zip(tokens, ("u-a", "u-b"), strict=True)][
            ::turn
        ],
    ]
    rows = [{"event_id": f"e{number}", **row} for number, row in enumerate([*kept_going, *rows])]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        (found,) = detect.run(store, ["PRV-3"], since=moment("05 08:00"), parameters={"dormant_days": DAYS})
    (row,) = found.to_dicts()
    assert [name for pointer in row["evidence"] if (name := pointer["event_id"]).startswith("u-")] == ["u-b"]


def test_a_grant_that_was_given_again_has_no_refresh_and_no_scopes_of_the_one_before(desk, kept_going):
    rows = [
        consent("01 08:00", OFFLINE, "g1", event_id="c1"),
        token("01 08:01", "rt1", LIVE, token_kind="refresh", event_id="t1"),
        refreshed("02 08:00", "t2", "rt1", LIVE, event_id="t2"),
        revoked("03 08:00", "grant"),
        consent("04 08:00", OFFLINE, "g1", event_id="c2"),
        consent("05 08:00", None, "g1", event_id="c3"),
    ]

    def told(*more):
        with desk.store(desk.write("log.ndjson", [*kept_going, *rows, *more])) as store:
            (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
        (row,) = (row for row in found.to_dicts() if row["grant_id"] == "g1")
        return row["verdict"], row["scopes"], row["detail"]["last_refresh_at"]

    again = token("04 08:01", "rt2", LIVE, token_kind="refresh", event_id="t3")
    assert told(again) == ("violation", [], None)
    assert told(again, refreshed("06 08:00", "t4", "rt2", LIVE, event_id="t4")) == (
        "violation",
        [],
        "2026-07-06T08:00:00.000000Z",
    )


@pytest.mark.parametrize(
    ("tenant", "told"), [("one", {"g2": "violation"}), (None, {"g1": "indeterminate", "g2": "indeterminate"})]
)
def test_a_refresh_token_is_ended_in_its_own_tenant(desk, kept_going, tenant, told):
    """Two tenants issued one of the same id; a revocation that names neither ended that of one of them."""
    rows = [
        row
        for home, grant in (("one", "g1"), ("two", "g2"))
        for row in (
            consent("01 08:00", LIVE, grant, tenant=home),
            token("01 08:01", "rt1", LIVE, token_kind="refresh", tenant=home, grant_id=grant),
            *(
                use(when, READ, None, tenant=home, client_id="beat", subject_id=None)
                for when in ("01 08:00", "20 08:00")
            ),
        )
    ]
    rows = [*kept_going, *rows, revoked("02 08:00", token_id="rt1", tenant=tenant)]
    rows = [{"event_id": f"e{number}", **row} for number, row in enumerate(rows)]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        (found,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": DAYS})
    found = [row for row in found.to_dicts() if row["grant_id"] in ("g1", "g2")]
    assert {row["grant_id"]: row["verdict"] for row in found} == told
    reason = "a revocation that names no tenant may have ended it, and several have a refresh token of its id"
    assert all((row["detail"]["reason"] == reason) == (tenant is None) for row in found)
