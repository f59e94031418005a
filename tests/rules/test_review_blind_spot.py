"""PRV-6 beside plain Python: what was given, often near a review, taken back or left to run out, and which list showed it."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import consent, logs_from_to, moment, refreshed, revoked, token, use

SINCE, UNTIL = (datetime.fromisoformat(moment(when)) for when in ("01 08:00", "20 08:00"))
DAY, ERROR = timedelta(days=1), timedelta(seconds=5)
REVIEWS = (
    ("03 09:00", "12 10:00"),
    ("03 09:00", "12 10:00", "12 11:00", "16 23:00"),
    ("02 00:00", "12 00:00"),
    ("12 10:00",),
    ("01 08:30", "12 00:00", "19 09:00"),
    ("01 07:00", "12 10:00", "28 09:00"),
)
NEAR = tuple(map(timedelta, (0,) * 6, (0, 4, 5, 6, 900, 3600)))


def stamp(when):
    return f"{when:%d %H:%M:%S.%f}"


def drawn_time(rng, reviews, after=SINCE):
    """Return a time in the logs, often close to a review."""
    if rng.random() < 0.6:
        when = rng.choice(reviews) + rng.choice((-1, 1)) * rng.choice(NEAR) + rng.choice((0, 0, 1)) * DAY
    else:
        when = SINCE + timedelta(minutes=rng.randrange(60, 18 * 24 * 60))
    lowest, highest = after + timedelta(seconds=1), UNTIL - timedelta(minutes=1)
    return when if lowest <= when <= highest else after + (highest - after) * rng.uniform(0.05, 0.5)


def drawn_grant(rng, reviews, name):
    """Return the records of a grant, what is known of its life, and whether anything is left untold."""
    records, turns = [], []
    opened = drawn_time(rng, reviews)
    if rng.random() < 0.5:
        older = rng.choice((None, None, None, timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=11)))
        for turn in range(rng.choice((1, 1, 2))):
            begun = opened - older if older and not turn else opened
            ended = drawn_time(rng, reviews, opened) if turn == 0 or rng.random() < 0.7 else None
            if begun < opened:
                records.append(token(stamp(begun), f"{name}-old", ["mail.read"], stamp(opened + DAY)))
            records.append(consent(stamp(opened), ["mail.read"]))
            if ended:
                records.append(revoked(stamp(ended), "grant"))
            turns.append((begun, ended, opened - begun <= 2 * ERROR))
            if not ended or rng.random() < 0.4:
                break
            opened = drawn_time(rng, reviews, ended)
        return records, turns, None
    names = []
    for number in range(rng.randint(1, 4)):
        issued = opened if not number else drawn_time(rng, reviews, opened)
        life = rng.choice((timedelta(minutes=5), timedelta(hours=1), timedelta(days=2), timedelta(days=6)))
        expires = None if rng.random() < 0.05 else issued + life
        named = None if rng.random() < 0.05 else f"{name}-t{number}"
        parent = rng.choice((f"{name}-t0", f"{name}-unseen", None, None)) if number else None
        make = (lambda *told, parent=parent: refreshed(*told[:2], parent, *told[2:])) if parent else token
        records.append(make(stamp(issued), named, ["mail.read"], expires and stamp(expires)))
        over = drawn_time(rng, reviews, issued) if named and rng.random() < 0.2 else None
        if over:
            records.append(revoked(stamp(over), token_id=named))
        names.append((issued, expires, named, parent, over))
    ended = None
    if rng.random() < 0.3:
        ended = drawn_time(rng, reviews, opened)
        records.append(revoked(stamp(ended), "grant"))
    known = {named for _, _, named, *_ in names}
    untold = "unnamed" if None in known else None
    if not untold and any(parent and parent not in known for *_, parent, _ in names):
        untold = "refreshed"
    lives = []
    for issued, expires, named, _, over in sorted(names, key=lambda each: each[0]):
        if named and (ended is None or issued < ended):
            ends = [each for each in (expires, ended, over) if each]
            lives.append((issued, min(ends) if ends else None, expires - issued if expires else None))
    return records, lives, untold or "tokens"


def together(lives):
    """Return lives that touch as one."""
    joined = []
    for since, until, _ in lives:
        if joined and (joined[-1][1] is None or since <= joined[-1][1]):
            last = joined[-1][1]
            joined[-1] = (joined[-1][0], None if None in (last, until) else max(last, until))
        else:
            joined.append((since, until))
    return joined


def expected_of(grants, readings):
    """Say of what one subject let a client do whether a review saw it, and if not, why that is not known."""
    stretches, reasons, longest, by_tokens = [], set(), timedelta(0), False
    for lives, untold in grants:
        if untold is None:
            stretches += [(since, until) for since, until, _ in lives]
            reasons |= {"older" for *_, sure in lives if not sure}
        else:
            by_tokens |= bool(lives)
            stretches += together(lives)
            reasons |= {untold} - {"tokens"} if lives else set()
            # How long another may have lived is told by what they were given, not by what ended these.
            given = [given for _, _, given in lives]
            longest = None if None in (longest, *given) else max([longest, *given])
    if not stretches:
        return None
    edges = [(since, until if until and until <= UNTIL else None) for since, until in stretches]
    if any(
        read > since + ERROR and read_until < min(until or UNTIL, UNTIL) - ERROR
        for since, until in stretches
        for read, read_until in readings
    ):
        return "seen", set()
    if any(until is None for _, until in edges):
        return "open", set()
    for since, until in edges:
        for read, read_until in readings:
            if read_until >= since - ERROR and read <= until + ERROR:
                reasons.add("close")
        if until + ERROR < readings[0][0]:
            reasons.add("early")
    if by_tokens:
        first, last = min(since for since, _ in edges) - ERROR, max(until for _, until in edges) + ERROR
        before = [reading for reading in readings if reading[1] < first][-1:]
        after = [reading for reading in readings if reading[0] > last][:1]
        between = [reading for reading in readings if reading[1] >= first and reading[0] <= last]
        asked = [read for read, _ in (*before, *between, *after) if read < UNTIL]
        reasons |= {"unwatched" for read in asked if longest is None or read - longest < SINCE}
    return ("undecided" if reasons else "unseen"), reasons


@pytest.fixture(scope="module", params=range(len(REVIEWS) * 2))
def asked(request, prepared, kept_going, tmp_path_factory):
    """Return the findings about many clients, and what plain Python expects of each."""
    import json

    rng = random.Random(f"reviews/{request.param}")
    reviews = [datetime.fromisoformat(moment(when)) for when in REVIEWS[request.param // 2]]
    readings = [(when, when + (DAY if when.hour == when.minute == 0 else timedelta(0))) for when in reviews]
    records, expected = [*kept_going], {}
    for number in range(60):
        client, told = f"c{number}", []
        for subject in range(rng.choice((1, 1, 2, 3))):
            grants = []
            for grant in range(rng.choice((1, 1, 2))):
                name = f"{client}-{subject}-{grant}"
                made, lives, untold = drawn_grant(rng, reviews, name)
                whose = {"client_id": client, "subject_id": f"s{subject}", "grant_id": name}
                made = [{**record, **whose, "event_id": f"{name}/{place}"} for place, record in enumerate(made)]
                records += made
                grants.append((lives, untold))
            told.append(expected_of(grants, readings))
        expected[client] = [each for each in told if each]
    path = tmp_path_factory.mktemp("reviews") / "log.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with prepared() as store:
        report = store.load(path)
        assert report.total("rejected") == 0
        store.add(Register((), tuple(reviews)))
        found = detect.run(store, "PRV-6", since=SINCE, until=UNTIL)[0].to_dicts()
    return {finding["client_id"]: finding for finding in found}, expected


def test_it_says_what_plain_python_says(asked):
    found, expected = asked
    for client, told in expected.items():
        states = Counter(state for state, _ in told)
        verdict = "violation" if states["unseen"] else "indeterminate" if states["undecided"] else None
        finding = found.pop(client, None)
        assert (finding and finding["verdict"]) == verdict, (client, told, finding)
        if finding:
            counts = ("entitlements", "unseen", "unseen_unsure")
            assert [finding["detail"][name] for name in counts] == [len(told), states["unseen"], states["undecided"]]
    assert {client for client in found if client != "bystander"} == set()


def test_the_logs_of_this_test_speak(asked):
    _, expected = asked
    states = Counter(state for told in expected.values() for state, _ in told)
    assert min(states[state] for state in ("seen", "open", "undecided")) > 0


def asked_of(desk, reviews, records, issuance=(), **how):
    """Return what is found of app, with the reviews at these times and a log of issuance in these stretches alone."""
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), tuple(datetime.fromisoformat(moment(when)) for when in reviews)))
        if issuance:
            assert store.engine.value("SELECT count(*) FROM coverage WHERE log = 'issuance'") == 1
            store.engine.execute("DELETE FROM coverage WHERE log = 'issuance'")
        for first, last in issuance:
            store.engine.execute(
                "INSERT INTO coverage BY NAME SELECT 'native' AS source, 'issuance' AS log, $first::TIMESTAMPTZ AS covered_from, "
                "$last::TIMESTAMPTZ AS covered_until, false AS is_gap, 1 AS records, false AS in_part, false AS is_far",
                {"first": moment(first), "last": moment(last)},
            )
        found = detect.run(store, "PRV-6", **how)[0]
    return [finding for finding in found.to_dicts() if finding["client_id"] != "bystander"], found.why_empty


@pytest.mark.parametrize(
    ("reviews", "when", "verdict"),
    [
        (("03 09:00", "10 09:00"), "04 09:00", "indeterminate"),
        (("03 09:00", "06 09:00", "10 09:00"), "04 09:00", "violation"),
        (("10 09:00", "18 09:00"), "17 09:00", "indeterminate"),
        (("10 09:00", "16 09:00", "18 09:00"), "17 09:00", "violation"),
        (("13 08:00:01", "18 09:00"), "17 09:00", "indeterminate"),
    ],
    ids=[
        "the next in the gap",
        "one between",
        "the one before in the gap",
        "one after",
        "a token of the gap lives yet",
    ],
)
def test_only_the_nearest_reviews_are_asked_whether_a_gap_of_the_log_hides_a_token(desk, reviews, when, verdict):
    records = [*logs_from_to("01 08:00", "20 08:00"), token(when, "t1", ["mail.read"], f"{when[:3]}09:05")]
    found, _ = asked_of(desk, reviews, records, issuance=(("01 08:00", "08 08:00"), ("13 08:00", "20 08:00")))
    assert [finding["verdict"] for finding in found] == [verdict]


def test_a_thousand_people_are_one_finding_and_few_events_of_it(desk):
    records = []
    for number in range(1000):
        whose = {"subject_id": f"s{number}", "grant_id": f"g{number}"}
        minute = f"10 {9 + number // 60 % 12:02}:{number % 60:02}"
        records += [
            consent(f"{minute}:01", ["mail.write"], **{**whose, "grant": None}, event_id=f"c{number}"),
            use(f"{minute}:02", "DELETE /v1/messages/7", None, event_id=f"u{number}", **whose),
            revoked(f"{minute}:03", "grant", **{**whose, "event_id": f"r{number}"}),
        ]
    records += [{**record, "event_id": f"k{n}"} for n, record in enumerate(logs_from_to("01 08:00", "20 08:00"))]
    few, every = (asked_of(desk, ("02 09:00", "16 09:00"), records, evidence=which)[0] for which in ("few", "all"))
    assert len(few) == len(every) == 1
    assert (few[0]["events"], len(few[0]["evidence"]), len(every[0]["evidence"])) == (3000, 20, 3000)
    named = [pointer["event_id"] for pointer in few[0]["evidence"]]
    assert (named[0], named[-1]) == ("c0", every[0]["evidence"][-1]["event_id"])
    assert {name[0] for name in named} == {"c", "u", "r"}
    assert {**few[0]["detail"], "reason": None} == {
        "entitlements": 1000, "unseen": 1000, "unseen_unsure": 0, "stretches": 1000, "of_tokens": 0, "open_s": 2000.0,
        "longest_open_s": 2.0, "calls": 1000, "grave_calls": 1000, "reason": None,
        "last_review_at": "2026-07-02T09:00:00.000000Z", "next_review_at": "2026-07-16T09:00:00.000000Z",
    }  # fmt: skip


def test_what_was_called_after_the_end_is_no_call_in_unseen_access(desk):
    records = [
        token("10 09:00", "t1", ["mail.write"], "10 09:05", event_id="t1"),
        use("10 09:04", "GET /v1/messages/7", event_id="u1"),
        use("10 11:00", "DELETE /v1/messages/7", event_id="u2"),
        *({**record, "event_id": f"k{n}"} for n, record in enumerate(logs_from_to("01 08:00", "20 08:00"))),
    ]
    (found,), _ = asked_of(desk, ("02 09:00", "16 09:00"), records)
    assert (found["severity"], found["detail"]["calls"], found["detail"]["grave_calls"]) == ("medium", 1, 0)


def test_without_a_date_it_says_what_it_needs(desk):
    found, why = asked_of(desk, (), [consent("10 09:00", ["mail.read"]), revoked("10 10:00", "grant")])
    assert found == []
    assert why == (
        "No date of a review is in the store: write one as [[review]] into a file for `grantlens register add`."
    )
