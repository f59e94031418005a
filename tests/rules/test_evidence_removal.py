"""INT-7 beside plain Python, and at its edges."""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.rule.example import moment, use
from grantlens.schema.register import REGISTER

READ = "GET /v1/messages/7"
BEGIN = datetime.fromisoformat(moment("01 08:00"))
DAY = timedelta(days=1)
DOES = {
    "cloudtrail:StopLogging": "stops",
    "cloudtrail:DeleteEventDataStore": "deletes",
    "cloudtrail:UpdateTrail": "changes",
    "DELETE /services/data/{version}/jobs/query/{job}": "tidies",
}
APPROVED = "c3a"


def removed(when, call="cloudtrail:StopLogging", **more):
    """Write a call of the list; of a job the id differs each time."""
    if "/" in call:
        path = f"DELETE /services/data/v61.0/jobs/query/750{when.replace(' ', '')}"
        return use(when, path, None, "salesforce", **more)
    at = {"server": "cloudtrail.amazonaws.com", "method": None, "target": None}
    return use(when, READ, None, operation=call, **at, **more)


def read(when, **more):
    return use(when, READ, None, **more)


def random_world(seed, groups=90):
    """Return calls of many small groups, each of two clients and two people, close together in time, in one tenant, several or none that is named."""
    rng = random.Random(seed)
    records = []
    for number in range(groups):
        at = BEGIN + timedelta(days=rng.choice((0, 0, 2, 4, 6)), hours=rng.randrange(10))
        own = rng.sample(sorted(DOES), rng.choice((1, 1, 2)))
        tenants = rng.choice(([None], ["north"], ["north", "north", None], ["north", "south", None]))
        for _ in range(rng.choice((1, 2, 4, 8, 24))):
            at += rng.choice((0, 0, 1, 24, 3600, 50_000, 86_399, 86_400, 86_401)) * timedelta(seconds=1)
            who = {
                "client_id": rng.choice((f"c{number}a", f"c{number}a", f"c{number}b", None)),
                "subject_id": rng.choice((f"p{number}a", f"p{number}b", None)),
                "status": rng.choice((200, 200, 200, 403, 500)),
                "event_id": f"e{len(records):05}",
                "tenant": rng.choice(tenants),
            }
            stamp = at.strftime("%d %H:%M:%S")
            records.append(read(stamp, **who) if rng.random() < 0.5 else removed(stamp, rng.choice(own), **who))
    return records


def operation(record):
    if record.get("method") == "DELETE":
        return "DELETE /services/data/{version}/jobs/query/{job}"
    return record.get("operation")


def at(record):
    return datetime.fromisoformat(record["used_at"])


def who(record):
    return record.get("client_id"), record.get("subject_id")


def key_of(record):
    return (*who(record), record.get("tenant"), operation(record))


def same(one, other):
    return any(mine is not None and mine == theirs for mine, theirs in zip(who(one), who(other), strict=True))


def of_one(record, others, days):
    """Return what one removal is: (how sure, why not, how long after another call), None where nothing is to be told."""
    party = [other for other in others if same(record, other)]
    seen = [other for other in party if other.get("tenant") == record.get("tenant")]
    perhaps = [other for other in party if (other.get("tenant") is None) != (record.get("tenant") is None)]
    last = max((at(other) for other in seen if at(record) - DAY <= at(other) < at(record)), default=None)
    doubt = None
    if last is None:
        if who(record) == (None, None):
            doubt = "the log does not say whose call it was"
        elif any(at(other) == at(record) for other in seen):
            doubt = "its other call bears the same time: which came first, the log does not tell"
        elif any(at(record) - DAY <= at(other) <= at(record) for other in perhaps):
            doubt = "only one of the two calls names its tenant: whether they are of one, the log does not tell"
        elif at(record) - DAY < BEGIN:
            doubt = "the usage log does not show all calls of the time before it"
        else:
            return None
    after = None if last is None else (at(record) - last).total_seconds()
    does, outcome = DOES[operation(record)], record["outcome"]
    if outcome == "denied":
        return "refused", None, after
    reason = (
        doubt
        or (outcome == "error" and "it failed, and the log does not say how much of it was done")
        or (does == "changes" and "the log does not say what it changed")
        or (does == "tidies" and "clients also delete a job when they have done with it")
        or (days >= 5 and "it does so regularly: it may be its task")
    )
    return ("open" if reason else "sure"), reason or None, after


def expected(records):
    removals = [record for record in records if operation(record)]
    others = [record for record in records if not operation(record) and record["outcome"] == "success"]
    days = defaultdict(set)
    for record in removals:
        if record["outcome"] == "success":
            days[key_of(record)].add(at(record).date())
    told = defaultdict(list)
    for record in removals:
        key = key_of(record)
        one = None if record.get("client_id") == APPROVED else of_one(record, others, len(days[key]))
        if one:
            told[key].append((record["outcome"], *one))
    found = {}
    for key, cases in told.items():
        sure, times = {case[1] for case in cases}, sum(outcome == "success" for outcome, *_ in cases)
        verdict = "violation" if "sure" in sure else "indeterminate" if "open" in sure else "clear"
        mild = not times or DOES[key[3]] == "changes" or len(days[key]) >= 5
        severity = {"violation": "high", "clear": "low"}.get(verdict, "medium" if mild else "high")
        reasons = ", ".join(sorted({case[2] for case in cases if case[2]})) if verdict == "indeterminate" else None
        after = min((case[3] for case in cases if case[3] is not None), default=None)
        found[key] = (verdict, severity, times, len(cases) - times, after, reasons)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_removals_beside_plain_python(desk, kept_going, seed):
    records = random_world(seed)
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        row = {"client_id": APPROVED, "approved_operations": ["GET *", "*"]}
        store.add(Register((dict.fromkeys(REGISTER.names) | row,)))
        rows = detect.run(store, ["INT-7"], evidence="all")[0].to_dicts()
    assert all(row["events"] == len(row["evidence"]) for row in rows)
    found = {
        (row["client_id"], row["subject_id"], row["tenant"], row["operation"]): (
            row["verdict"],
            row["severity"],
            row["detail"]["times"],
            row["detail"]["failed"],
            row["detail"]["after_s"],
            row["detail"]["reason"],
        )
        for row in rows
    }
    wanted = expected(records)
    assert found == wanted
    assert len(rows) == len(found)
    assert {(verdict, severity) for verdict, severity, *_ in wanted.values()} >= {
        ("violation", "high"),
        ("indeterminate", "high"),
        ("indeterminate", "medium"),
        ("clear", "low"),
    }


# At the edges.


def told(desk, kept_going, records, *brought, window=None, **parameters):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        store.add(*brought)
        found = detect.run(store, ["INT-7"], parameters=parameters, evidence="all", **(window or {}))[0].to_dicts()
    return [row for row in found if row["client_id"] != "bystander"]


def verdicts(found):
    return [(row["verdict"], row["detail"]["times"], row["detail"]["reason"]) for row in found]


@pytest.mark.parametrize(
    ("records", "title", "reason"),
    [
        (
            [removed("10 12:30", client_id=None, subject_id=None)],
            "Somebody unnamed stopped a log, perhaps after other calls of its own: cloudtrail:StopLogging",
            "the log does not say whose call it was",
        ),
        (
            [read("10 12:30"), removed("10 12:30")],
            "app stopped a log, perhaps after other calls of its own: cloudtrail:StopLogging",
            "its other call bears the same time: which came first, the log does not tell",
        ),
        (
            [read("10 12:00"), removed("10 12:30", "cloudtrail:DeleteTrail", status=500)],
            "app tried to stop a log, which failed: cloudtrail:DeleteTrail",
            "it failed, and the log does not say how much of it was done",
        ),
        *(
            (
                [
                    read("10 12:00", tenant=of_one),
                    read("10 12:01", tenant="north"),
                    removed("10 12:30", tenant=of_other),
                ],
                "app stopped a log, perhaps after other calls of its own: cloudtrail:StopLogging",
                "only one of the two calls names its tenant: whether they are of one, the log does not tell",
            )
            for of_one, of_other in ((None, "south"), ("south", None))
        ),
    ],
    ids=["nobody", "one moment", "failed", "a call of no tenant", "it names no tenant"],
)
def test_what_is_not_decided_says_why(desk, kept_going, records, title, reason):
    (found,) = told(desk, kept_going, records)
    assert (found["verdict"], found["title"], found["detail"]["reason"]) == ("indeterminate", title, reason)


@pytest.mark.parametrize(("call", "done"), [("09 12:30", True), ("09 12:29:59.9", False)])
def test_a_call_of_the_day_before_counts_to_the_second(desk, kept_going, call, done):
    records = [read(call), removed("10 12:30")]
    assert len(told(desk, kept_going, records)) == done
    assert len(told(desk, kept_going, records, within_hours=25.0)) == 1


def test_the_time_before_is_looked_at_though_the_window_begins_later(desk, kept_going):
    records = [read("09 20:00"), removed("10 12:30"), removed("12 12:30")]
    window = {"since": "2026-07-10T00:00:00Z", "until": "2026-07-11T00:00:00Z"}
    (found,) = told(desk, kept_going, records, window=window)
    assert (found["verdict"], found["events"], found["detail"]["times"]) == ("violation", 2, 1)


def test_a_habit_is_counted_over_all_that_is_logged_before_the_windows_end(desk, kept_going):
    records = [record for day in range(5, 10) for record in (read(f"{day:02} 12:00"), removed(f"{day:02} 12:30"))]
    regular = "it does so regularly: it may be its task"
    window = {"since": "2026-07-09T00:00:00Z"}
    assert verdicts(told(desk, kept_going, records, window=window)) == [("indeterminate", 1, regular)]
    assert verdicts(told(desk, kept_going, records[2:], window=window)) == [("violation", 1, None)]
    other = removed("09 12:40", "cloudtrail:DeleteTrail")
    beside = told(desk, kept_going, [*records, other], window=window)
    assert verdicts(sorted(beside, key=lambda row: row["operation"])) == [
        ("violation", 1, None),
        ("indeterminate", 1, regular),
    ]
    assert verdicts(told(desk, kept_going, records, window={"until": "2026-07-09T12:30:00Z"})) == [
        ("violation", 4, None)
    ]
    refused = [{**record, "outcome": "denied"} if "operation" in record else record for record in records[:2]]
    assert verdicts(told(desk, kept_going, [*refused, *records[2:]]))[0][0] == "violation"


def test_only_a_star_of_an_approval_is_a_glob(desk, kept_going):
    call = "DELETE /api/v2/log-streams/lst_1"
    records = [read("10 12:00"), use("10 12:30", call, None, "auth0")]

    def approving(operation):
        row = {"client_id": "app", "approved_operations": [operation]}
        return Register((dict.fromkeys(REGISTER.names) | row,))

    assert told(desk, kept_going, records, approving("DELETE /api/v2/*")) == []
    assert told(desk, kept_going, records, approving("DELETE /api/v2/log-streams/{id}")) == []
    assert len(told(desk, kept_going, records, approving("DELETE /api/v2/log_streams/{id}"))) == 1


@pytest.mark.parametrize("kind", ["client", "subject"])
def test_one_party_of_two_names_is_one(desk, kept_going, kind):
    of = {"client_id": None, "subject_id": None}
    records = [read("10 12:00", **of | {f"{kind}_id": "one"}), removed("10 12:30", **of | {f"{kind}_id": "two"})]
    assert told(desk, kept_going, records) == []
    same = desk.folder / "same.csv"
    same.write_text(f"source,kind,id,same_as\nnative,{kind},one,both\nnative,{kind},two,both\n")
    assert verdicts(told(desk, kept_going, records, Identities.read(same))) == [("violation", 1, None)]


def test_a_client_and_a_person_may_have_one_id(desk, kept_going):
    same = {"client_id": "app", "subject_id": "app"}
    (found,) = told(desk, kept_going, [read("10 12:00", **same), removed("10 12:30", **same)])
    assert (found["events"], found["detail"]["times"]) == (2, 1)
    apart = [
        read("10 12:00", client_id="app", subject_id=None),
        removed("10 12:30", client_id="tool", subject_id="app"),
    ]
    assert told(desk, kept_going, apart) == []


def test_a_token_tells_whose_call_it_was_where_nobody_is_named(desk, kept_going):
    nobody = {"client_id": None, "subject_id": None}
    records = [read("10 12:00", **nobody) | {"token_id": "t9"}, removed("10 12:30", **nobody) | {"token_id": "t9"}]
    assert verdicts(told(desk, kept_going, records)) == [("violation", 1, None)]
    assert told(desk, kept_going, [records[0] | {"token_id": "t8"}, records[1]]) == []


def minutes(day, first, last):
    return [
        read(f"{day:02} {minute // 60:02}:{minute % 60:02}", client_id="busy", subject_id="ben")
        for minute in range(first, last)
    ]


SILENT = "; the log is then silent for 12.0 hours"


@pytest.mark.parametrize(
    ("stopped", "until", "hours"),
    [
        (removed("10 11:59:30"), "12", 12.025),
        (removed("10 11:50"), "12", None),
        (removed("10 11:59:30", status=500), "12", None),
        (removed("10 11:59:30"), "11", None),
    ],
    ids=["it did", "it went on", "it failed", "it is not over"],
)
def test_a_silence_of_the_log_that_follows_at_once_is_told(desk, stopped, until, hours):
    records = [*minutes(10, 0, 720), read("10 11:00"), stopped, *minutes(11, 1, 720)]
    (found,) = told(desk, [], records, window={"until": f"2026-07-{until}T00:00:00Z"})
    assert found["detail"]["silent_hours"] == hours
    assert found["title"].endswith(SILENT) == bool(hours)


@pytest.mark.parametrize(("tenant", "hours"), [("north", 12.033), ("south", None)])
def test_a_silence_is_told_of_the_tenant_that_was_silent(desk, tenant, hours):
    busy = [{**row, "tenant": "north"} for row in (*minutes(10, 0, 720), *minutes(11, 1, 720))]
    own = [{**row, "tenant": tenant} for row in (read("10 11:00"), removed("10 11:58:30"))]
    (found,) = told(desk, [], [*busy, *own], window={"until": "2026-07-12T00:00:00Z"})
    assert found["detail"]["silent_hours"] == hours


def test_a_gap_in_the_time_before_leaves_it_open(desk):
    days = [*minutes(9, 0, 1440), *minutes(10, 0, 720), *minutes(11, 0, 720)]
    assert [row["verdict"] for row in told(desk, [], [*days, removed("11 11:00")])] == ["indeterminate"]
    assert told(desk, [], [*days, *minutes(10, 720, 1440), removed("11 11:00")]) == []
