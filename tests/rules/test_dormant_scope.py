"""PRV-2 beside plain Python: who used a scope on which days, and how that compares with the silence since."""

import math
import random
from itertools import pairwise

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, revoked, three_logs_from_to, token, use

SCOPES = ["mail.read", "files.read"]
END = "30 12:00"
QUIET = 6


def of_person(name, days):
    """Write a month in which a person's app reads mail each day, and files on some days, at nine."""
    who = {"subject_id": name}
    return [
        consent("01 08:00", SCOPES, f"g-{name}", **who),
        token("01 08:01", f"t-{name}", SCOPES, grant_id=f"g-{name}", **who),
        *(use(f"{day:02} 08:30", "GET /v1/messages/7", f"t-{name}", **who) for day in range(1, 31)),
        *(
            use(f"{day:02} {hour}:00", "GET /v1/files/7", f"t-{name}", "files.example", **who)
            for day in days
            for hour in ("09", "10")
        ),
    ]


def judged(days, times=2, least=3):
    """Return the verdict, None where nothing is to be said."""
    silent = (30 + 12 / 24) - (days[-1] + 10 / 24)
    gaps = sorted(later - day for day, later in pairwise(days))
    worked_on = (30 + 8.5 / 24) - (days[-1] + 10 / 24)
    if silent < QUIET or worked_on < QUIET:
        return None
    if len(days) < least:
        return "indeterminate"
    return "violation" if silent > times * gaps[math.ceil(0.95 * len(gaps)) - 1] else None


@pytest.fixture
def told(desk):
    """Return a function that gives the verdict on the reading of files by each person."""

    def ask(people, **more):
        records = [record for name, days in people.items() for record in of_person(name, days)]
        numbered = [{**record, "event_id": f"e{number}"} for number, record in enumerate(records)]
        with desk.store(desk.write("log.ndjson", [*numbered, *three_logs_from_to("01 08:00", "30 23:00")])) as store:
            (found,) = detect.run(store, ["PRV-2"], until=moment(END), parameters={"quiet_days": QUIET, **more})
        said = {row["subject_id"]: row for row in found.to_dicts()}
        assert len(said) == len(found.to_dicts())
        assert all(row["scopes"] == ["files.read"] for row in said.values())
        return {name: said[name]["verdict"] if name in said else None for name in people}, said

    return ask


def test_the_silence_is_held_against_the_days_of_use(told):
    rng = random.Random(7)
    people = {f"p{number}": sorted(rng.sample(range(1, 30), rng.randint(1, 8))) for number in range(60)}
    expected = {name: judged(days) for name, days in people.items()}
    assert set(expected.values()) == {None, "indeterminate", "violation"}
    verdicts, said = told(people)
    assert verdicts == expected
    assert {name: row["detail"]["days_of_use"] for name, row in said.items()} == {
        name: len(people[name]) for name in said
    }
    assert {name: row["detail"]["uses"] for name, row in said.items()} == {name: 2 * len(people[name]) for name in said}
    assert told(people, gaps=4, least_days=2)[0] == {name: judged(days, 4, 2) for name, days in people.items()}


def test_the_silence_is_longer_than_twice_the_usual_gap(told):
    assert told({"18 days, now 19": [1, 2, 11], "20 days, now 18": [1, 2, 12]})[0] == {
        "18 days, now 19": "violation",
        "20 days, now 18": None,
    }


def test_one_day_of_use_has_no_gap_to_go_by(told):
    assert told({"once": [1], "twice": [1, 2]}, least_days=1)[0] == {"once": "indeterminate", "twice": "violation"}


def test_each_source_has_its_own_grant_of_an_id_and_what_follows_the_window_is_left_out(desk):
    held = of_person("ann", [1, 3, 5, 7])
    silent = [record for record in of_person("ann", [2, 4, 6]) if record.get("used_at", "") < moment("08 00:00")]
    later = (
        revoked("30 13:00", "grant", grant_id="g-ann", kind="downgrade", scopes_removed=SCOPES),
        consent("30 14:00", SCOPES, "g-ann"),
    )
    records = [
        {**record, "source": source, "event_id": f"{source}-{number}"}
        for source, mine in (
            ("busy", [*held, *later]),
            ("silent", silent),
            ("new", [consent("29 08:00", SCOPES, "g-ann")]),
        )
        for number, record in enumerate((*mine, *three_logs_from_to("01 08:00", "30 23:00")))
    ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["PRV-2"], until=moment(END), parameters={"quiet_days": QUIET})
    (row,) = found.to_dicts()
    assert (row["source"], row["verdict"], row["scopes"]) == ("busy", "violation", ["files.read"])
    assert row["detail"]["days_of_use"] == 4


def test_a_day_on_which_another_scope_permitted_the_call_is_no_day_of_use(desk):
    calls = [use(f"{day:02} 09:00", "GET /v1/files/7", None, "files.example", grant_id="g1") for day in range(1, 12, 2)]
    calls.append(use("06 09:00", "PUT /v1/files/7", None, "files.example", grant_id="g1"))
    mail = [use(f"{day:02} 10:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)]
    given = [
        consent("01 08:00", ["files.write", "mail.read"]),
        consent("04 08:00", ["files.read"], event_id="more"),
        *three_logs_from_to("01 08:00", "30 23:00"),
    ]
    with desk.store(desk.write("log.ndjson", [*given, *calls, *mail])) as store:
        (found,) = detect.run(store, ["PRV-2"], until=moment(END), parameters={"quiet_days": QUIET})
    days = {row["scopes"][0]: (row["detail"]["days_of_use"], row["detail"]["uses"]) for row in found.to_dicts()}
    assert days == {"files.read": (4, 4), "files.write": (7, 7)}
