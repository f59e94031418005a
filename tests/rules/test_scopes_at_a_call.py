"""Which scopes were held at a call: by times that are set right, and undecided where the clocks cannot tell."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.register.register import Register
from grantlens.rule.example import consent, revoked, token, use

READ, SEND = "GET /v1/messages/7", "POST /v1/messages"
RULES = ("OOS-1", "OOS-3", "REV-11")
UNSURE = "the call and a change of the grant are closer than the clocks can tell"
ERROR_S = 5


@pytest.fixture
def told(desk, tmp_path):
    """Return a function that gives what the three rules find, as (rule, client, verdict, reason), by clocks that are stated."""

    def told(ahead, *records):
        clocks = tmp_path / "clocks.toml"
        clocks.write_text(
            "".join(
                f'[[clock]]\nsource = "native"\nlog = "{log}"\nerror_seconds = {ERROR_S}\noffset_seconds = {ahead_s}\n'
                for log, ahead_s in ahead.items()
            )
        )
        register = tmp_path / "register.toml"
        clients = sorted({record["client_id"] for record in records})
        register.write_text(
            "".join(f'[[client]]\nclient_id = "{name}"\napproved_operations = ["GET /never"]\n' for name in clients)
        )
        with desk.store(desk.write("log.ndjson", records)) as store:
            store.add(Clocks.read(clocks))
            store.add(Register.read(register))
            found = []
            for result in detect.run(store, RULES, now="2026-07-11"):
                for row in result.to_dicts():
                    why = row["detail"].get("reason") or (row["detail"].get("reasons") or [None])[0]
                    found.append((row["rule"], row["client_id"], row["verdict"], why))
            return sorted(found)

    return told


def call(when, operation=SEND, **more):
    return use(when, operation, None, grant_id="g1", validation="introspection", **more)


WIDENED = (consent("10 09:00:00.5", ["mail.read"]), consent("10 10:00:00.5", ["mail.send"]))
NARROWED = (
    consent("10 09:00:00.5", ["mail.read", "mail.send"]),
    revoked("10 10:00:00.5", "grant", kind="downgrade", scopes_removed=["mail.send"]),
)
BEFORE, NEAR, AFTER = "10 09:58:00", "10 09:59:55.5", "10 10:02:00"


def behind(when, ahead_s):
    """Return how a clock that is so many seconds ahead stamps this moment."""
    moment = datetime.strptime(f"2026-07-{when}" + ("" if "." in when else ".0"), "%Y-%m-%d %H:%M:%S.%f")
    return (moment + timedelta(seconds=ahead_s)).strftime("%d %H:%M:%S.%f")


@pytest.mark.parametrize("ahead_s", [-183, 0, 240])
@pytest.mark.parametrize(
    ("grant", "when", "expected"),
    [
        (WIDENED, BEFORE, [("OOS-1", "violation")]),
        (WIDENED, NEAR, [("OOS-1", "indeterminate"), ("OOS-3", "indeterminate")]),
        (WIDENED, "10 10:00:05.5", [("OOS-1", "indeterminate"), ("OOS-3", "indeterminate")]),
        (WIDENED, AFTER, [("OOS-3", "violation")]),
        (NARROWED, BEFORE, [("OOS-3", "violation")]),
        (NARROWED, NEAR, [("OOS-3", "indeterminate"), ("REV-11", "indeterminate")]),
        (NARROWED, AFTER, [("REV-11", "violation")]),
    ],
)
def test_a_call_and_a_change_of_its_grant(told, ahead_s, grant, when, expected):
    # By the stamps of the usage log the calls before and after lie on the other side, where its clock is wrong.
    found = told({"usage": ahead_s}, *grant, call(behind(when, ahead_s)))
    assert [(rule, verdict) for rule, _, verdict, _ in found] == expected
    assert all(UNSURE in why for _, _, verdict, why in found if verdict == "indeterminate")


@pytest.mark.parametrize("log", ["issuance", "revocation"])
def test_the_clock_of_the_change_may_be_the_wrong_one(told, log):
    # Stamped three minutes late: the call came after the change, and its stamp before it.
    grant = WIDENED if log == "issuance" else NARROWED
    found = told({log: 180}, *grant, call("10 09:59:00"))
    assert [(rule, verdict) for rule, _, verdict, _ in found] == [
        ("OOS-3", "violation") if log == "issuance" else ("REV-11", "violation")
    ]


def test_two_changes_in_a_row_are_nearer_than_the_clocks_can_tell(told):
    grant = (*WIDENED, consent("10 10:00:03.5", ["people.read"]))
    assert [row[:3:2] for row in told({"usage": 0}, *grant, call("10 10:00:06"))] == [
        ("OOS-1", "indeterminate"),
        ("OOS-3", "indeterminate"),
    ]


def test_one_grant_of_a_pair_follows_another(told):
    records = (
        consent("10 09:00:00.5", ["mail.read"]),
        revoked("10 10:00:00.5", "grant"),
        consent("10 10:00:00.5", ["mail.send"], "g2"),
        use("10 09:59:58", SEND, None),
    )
    assert ("OOS-1", "app", "indeterminate", UNSURE) in told({"usage": 0}, *records)


def test_calls_some_of_which_are_far_from_the_change_are_told_by_these(told):
    found = told({"usage": -183}, *WIDENED, call(behind(BEFORE, -183)), call(behind(NEAR, -183)))
    assert [(rule, verdict) for rule, _, verdict, _ in found] == [("OOS-1", "violation")]


def test_a_grant_for_everyone_may_have_begun_before_the_call(told):
    everyones = consent("10 10:00:00.5", ["mail.send"], "g-all", subject_id=None, consent_kind="admin")
    own = consent("10 09:00:00.5", ["mail.read"])
    for ahead_s in (-183, 240):
        verdicts = [
            [
                row[2]
                for row in told({"usage": ahead_s}, own, everyones, call(behind(when, ahead_s)))
                if row[0] == "OOS-1"
            ]
            for when in (BEFORE, NEAR, AFTER)
        ]
        assert verdicts == [["violation"], ["indeterminate"], ["indeterminate"]]


def test_a_clock_that_is_estimated_sets_calls_right_too(desk):
    records = [*WIDENED, call(behind(AFTER, -183))]
    for day, minute in product(range(1, 10), range(0, 60, 4)):
        name, born = f"t{day}-{minute}", f"{day:02} 12:{minute:02}:00.5"
        records.append(token(born, name, ["mail.read"], grant_id="g2"))
        records.append(use(behind(born, 5 - 183), READ, name))
    with desk.store(desk.write("log.ndjson", records)) as store:
        (result,) = detect.run(store, ["OOS-1"], now="2026-07-11")
        assert result.to_dicts() == []


START = datetime(2026, 7, 10, 9, tzinfo=UTC)


def story(rng, name, ahead):
    """Return the records of one grant that is widened, narrowed and called once: whether it may have held mail.send then, and whether it had lost it.

    Times are seconds of the truth; each log stamps them by its own clock, to a half second.
    """

    def stamp(log, second):
        return (START + timedelta(seconds=second + ahead[log])).strftime("%d %H:%M:%S.%f")

    who = {"client_id": name, "subject_id": f"ann-{name}"}
    moments = sorted(rng.sample(range(20, 400, 4), rng.randint(1, 4)))
    held, states, records = {"mail.read"}, [(0.5, {"mail.read"})], []
    records.append(consent(stamp("issuance", 0.5), ["mail.read"], f"g-{name}", **who))
    for number, second in enumerate(moments):
        more = {**who, "event_id": f"{name}-{number}"}
        if "mail.send" in held:
            held = held - {"mail.send"}
            taken = {"kind": "downgrade", "scopes_removed": ["mail.send"]}
            records.append(revoked(stamp("revocation", second + 0.5), "grant", grant_id=f"g-{name}", **taken, **more))
        else:
            held = held | {"mail.send"}
            records.append(consent(stamp("issuance", second + 0.5), ["mail.send"], f"g-{name}", **more))
        states.append((second + 0.5, held))
    # Near a change or anywhere, on the very edges of what the clocks can tell as well.
    near = rng.choice(moments) + 0.5 + rng.choice((-11, -10, -9.5, -1, 0, 1, 9.5, 10, 11))
    called = max(near if rng.random() < 0.7 else rng.randrange(1, 500) + 0.5, 0.5 + 2 * ERROR_S + 1)
    records.append(
        use(
            stamp("usage", called),
            SEND,
            None,
            grant_id=f"g-{name}",
            validation="introspection",
            event_id=f"{name}-u",
            **who,
        )
    )
    ends = [then[0] for _, then in pairwise(states)] + [float("inf")]
    may = [
        "mail.send" in scopes
        for (begin, scopes), end in zip(states, ends, strict=True)
        if begin - ERROR_S <= called + ERROR_S and end + ERROR_S >= called - ERROR_S
    ]
    was_taken = any("mail.send" in scopes for begin, scopes in states if begin < called)
    return records, may, was_taken


def expected(may, was_taken):
    """Return the verdicts of OOS-1 or REV-11, and of OOS-3, where these scopes may have been held."""
    if all(may):
        return {"OOS-3": "violation"}
    if not any(may):
        return {"REV-11" if was_taken else "OOS-1": "violation"}
    return {"either": "indeterminate", "OOS-3": "indeterminate"}


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # it lays out all anew
@given(seed=st.integers(0, 10**6), usage=st.sampled_from((-183, 0, 240)), changes=st.sampled_from((0, 30)))
def test_by_what_may_have_been_held(told, seed, usage, changes):
    ahead = {"issuance": changes, "usage": usage, "revocation": changes}
    stories = {f"c{number}": story(random.Random(f"{seed}/{number}"), f"c{number}", ahead) for number in range(40)}
    found = told(ahead, *(record for records, _, _ in stories.values() for record in records))
    for name, (records, may, was_taken) in stories.items():
        said = {rule: verdict for rule, client, verdict, _ in found if client == name}
        if "either" in (due := expected(may, was_taken)):
            assert {said.pop("OOS-1", None), said.pop("REV-11", None)} - {None} == {due.pop("either")}, records
        assert said == due, f"{may} {was_taken}: {records}"
