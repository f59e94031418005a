"""The list of grants beside plain Python: random small worlds, each client read record by record."""

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.register.decisions import Decisions
from grantlens.rule.example import BYSTANDER, decided, revoked, use
from grantlens.schema.register import DECISION
from tests.access_review.drawn import START, Drawn, when
from tests.access_review.oracle import REASONS, Read

WORLDS = 800
WINDOWS = [(0, 20, 20), (5, 14, 14), (9, 16, 12), (0, 8, 8)]  # since, until and now, as days


def day(number):
    # No record is of the moment in which a window ends.
    return START + timedelta(days=number, seconds=30)


DRAWN = [Drawn(seed) for seed in range(WORLDS)]
READ = {drawn.client: Read(drawn.records) for drawn in DRAWN}


@pytest.fixture(scope="module")
def store(prepared, tmp_path_factory):
    """Return a store of all worlds, with a log of calls that has a hole."""
    who = {"client_id": BYSTANDER, "subject_id": None}
    kept = [use(when(hour * 60), "GET /v1/status", None, "jobs.example", tenant=tenant, **who)
            for hour in range(24, 19 * 24) if not 8 * 24 < hour < 11 * 24 for tenant in (None, "one")]  # fmt: skip
    path = tmp_path_factory.mktemp("grants") / "log.ndjson"
    kept += [revoked(when(day * 1440 + 1), kind="expiry", token_id="t-bystander", tenant=tenant, event_id=None, **who)
             for day in (0, 20) for tenant in (None, "one", "two")]  # fmt: skip
    records = [{**record, "event_id": f"kept/{number}"} for number, record in enumerate(kept)]
    path.write_text(
        "".join(json.dumps(record) + "\n" for drawn in DRAWN for record in drawn.records)
        + "".join(json.dumps(r) + "\n" for r in records)
    )
    with prepared() as opened:
        assert opened.load(path).total("rejected") == 0
        yield opened


def covered_of(store):
    """Return for a tenant when its log of calls was there, as stretches that do not overlap."""
    rows = [
        row
        for row in store.sql("FROM coverage").to_pylist()
        if row["log"] == "usage" and not row["is_gap"] and not row["in_part"]
    ]

    def covered(tenant):
        found = []
        mine = [row for row in rows if tenant is None or row["tenant"] in (None, tenant)]
        for begin, end in sorted((row["covered_from"], row["covered_until"]) for row in mine):
            if found and begin <= found[-1][1]:
                found[-1][1] = max(found[-1][1], end)
            else:
                found.append([begin, end])
        return found

    return covered


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_it_says_what_plain_python_says(store, window):
    since, until, now = map(day, window)
    found = {}
    for row in gl.grants(store.between(since, until, now=now)).arrow().to_pylist():
        name = None if row["grant_id"].startswith("derived:") else row["grant_id"]
        found[row["tenant"], row["client_id"], row["subject_id"], name, row["opened_at"]] = row
    covered = covered_of(store)
    wanted = {}
    for read in READ.values():
        wanted |= read.rows(since, until, now, covered)
    assert {key for key in found if key[1] != BYSTANDER} == {*wanted}
    assert {key: {name: found[key][name] for name in row} for key, row in wanted.items()} == wanted
    assert {row["use"] for row in wanted.values()} >= {"seen", "possible", "none seen"}
    told = Counter((row["standing"], row["state"], row["reason"]) for row in wanted.values())
    rare = (False, "indeterminate", REASONS["tenant"])  # not in each window
    assert rare in told or window != WINDOWS[0]
    assert {*told, rare} == {
        *((standing, state, None) for standing in (True, False) for state in ("live", "ended")),
        *((False, "indeterminate", reason) for why, reason in REASONS.items() if why != "name"),
        # Of what became of single tokens a consent does not depend.
        *((True, "indeterminate", REASONS[why]) for why in ("client", "tenant")),
    }


def test_a_review_counts_what_the_list_has(store):
    view = store.between(day(5), day(14))
    listed = gl.grants(view).arrow().to_pylist()
    held = Counter(row["client_id"] for row in listed)
    states = Counter((row["client_id"], row["state"]) for row in listed)
    assert {state for _, state in states} == {"live", "indeterminate", "ended"}
    for client in (clients := gl.review(view).to_dict()["clients"]):
        name = client["client_id"]
        assert client["grants"] == held[name]
        assert (client["live"], client["indeterminate"]) == (states[name, "live"], states[name, "indeterminate"])
    assert set(held) <= {client["client_id"] for client in clients}


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_grant_that_is_called_dormant_is_live_in_the_list(store, window):
    since, until, _ = map(day, window)
    listed = {
        row["grant_id"]: row
        for row in gl.grants(store.between(since, until)).arrow().to_pylist()
        if row["state"] != "ended"
    }
    found = detect.run(store, "PRV-3", since=since, until=until, parameters={"dormant_days": 1, "min_coverage": 0.5})[
        0
    ].to_dicts()
    assert len(found) > 20
    for finding in found:
        row = listed[finding["grant_id"]]
        assert (row["state"] == "live") or finding["verdict"] == "indeterminate"
        used = row["last_used_at"]  # of the window alone
        told = finding["detail"]["last_used_at"]
        assert used is None or used == (told and datetime.fromisoformat(told))
    unsure = {row["grant_id"] for row in listed.values() if row["state"] == "indeterminate"}
    told = [finding["detail"]["reason"] for finding in found if finding["grant_id"] in unsure]
    assert told
    assert {reason.replace("a refresh token", "a token") for reason in told} <= {*REASONS.values()}


def test_what_was_to_be_revoked_ended_as_the_list_says(store):
    """Each grant was to end by noon of the 15th: REV-10 says that it did, or did not, only where the list does."""
    until = day(20)
    rows = gl.grants(store.between(START, until)).arrow().to_pylist()
    due = datetime.fromisoformat(decided("15 12:00")["decided_at"])
    listed = {}
    for row in rows:
        if row["opened_at"] < due - timedelta(days=1) and not (
            row["ended_at"] and row["ended_at"] <= due - timedelta(days=1)
        ):
            listed.setdefault(row["grant_id"], []).append(row)
    asked = [decided("14 12:00", within_hours=24.0, grant_id=grant) for grant in listed]
    store.add(Decisions(tuple(dict.fromkeys(DECISION.names) | row for row in asked)))
    found = {row["grant_id"]: row for row in detect.run(store, "REV-10", until=until)[0].to_dicts()}
    met = Counter()
    for grant, (row, *more) in listed.items():
        if more:
            continue
        told = found[grant]
        close = {row["ended_at"], row["perhaps_ended_at"]} - {None}
        if any(abs(moment - due) < timedelta(minutes=2) for moment in close):
            continue
        state = "in time" if row["ended_at"] and row["ended_at"] < due else "late" if row["ended_at"] else row["state"]
        met[state, told["verdict"]] += 1
        if state == "in time":
            assert told["verdict"] == "clear", (row, told)
        elif state == "late":
            assert told["verdict"] in ("violation", "indeterminate"), (row, told)
        elif state == "live":
            assert told["verdict"] != "clear", (row, told)
        elif row["perhaps_ended_at"] < due and not told["detail"]["calls_after_due"]:
            assert told["verdict"] == "indeterminate", (row, told)
        else:
            assert told["verdict"] != "clear", (row, told)
    assert (
        min(
            met[state, verdict]
            for state, verdict in (
                ("in time", "clear"),
                ("late", "violation"),
                ("live", "violation"),
                ("indeterminate", "indeterminate"),
            )
        )
        > 5
    ), met
