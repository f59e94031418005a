"""Grants for everyone beside people's own: calls are put together, and what is said of each is what is true of each call."""

import json
import random
from collections import defaultdict

import pyarrow as pa
import pytest

from grantlens import relations
from grantlens.catalogue.model import Catalogue
from grantlens.rule.example import CATALOGUE, consent, revoked, token, use
from grantlens.store import Store

WINDOW = {"since": "2026-07-01T00:00:00Z", "until": "2026-08-01T00:00:00Z", "every_call": True}
CALLS = (
    *(("GET /v1/messages/7", "mail.example"), ("POST /v1/messages", "mail.example")),
    *(("PUT /v1/files/7", "files.example"), ("POST /v1/shares", "files.example")),
)
SCOPES = ("mail.read", "mail.send", "files.write", "people.read", "admin")
FOREVER = 2**63 - 1
AGAIN = (2,)  # worlds in which one is given again between the calls
ASKED = ("everyones_call", "everyones_set", "everyones_use", "used_pair", "named_caller", "grant_state", "scope_set")


@pytest.fixture
def laid(tmp_path):
    """Return a function that gives the rows of the relations, for these records."""

    def answer(records, *names):
        (tmp_path / "catalogue.toml").write_text(CATALOGUE)
        (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
        with Store(":memory:") as store:
            store.add(Catalogue.build("toml", tmp_path / "catalogue.toml"))
            assert store.load(tmp_path / "log.ndjson").total("rejected") == 0
            with relations.worked_out(store.engine, [name for name in names if name in relations.registry()], WINDOW):
                return [plain(store.engine.arrow(f"FROM {name}")) for name in names]

    return answer


def plain(table):
    """Return rows, moments as microseconds: an end may be infinite."""
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in table.columns]
    return pa.table(columns, table.column_names).to_pylist()


def everyones(when, scopes, number, client, **more):
    return consent(when, scopes, f"all-{number}", client_id=client, subject_id=None, consent_kind="admin", **more)


def random_records(seed):
    """Return calls of three people with two clients, beside grants for everyone that come, change and go; in half of the logs of several tenants."""
    rng = random.Random(seed)
    tenants = ({}, {"tenant": "one"}, {"tenant": "two"}) if seed % 2 else ({},)

    def moment(last=60):
        return f"02 12:{rng.randrange(last):02}"

    def some():
        return rng.sample(SCOPES, rng.randint(1, 2))

    records = [
        consent("01 08:00", some(), f"{who}-{app}", client_id=app, subject_id=who) for who in "xyz" for app in "ab"
    ]
    for number in range(rng.randint(1, 5)):
        app, home = rng.choice("aab"), rng.choice(tenants)
        records += [
            everyones(rng.choice(("01 09:00", moment())), some(), number, app, **home) for _ in range(rng.randint(1, 3))
        ]
        if rng.random() < 0.6:
            kind = rng.choice(("downgrade", "revoke"))
            more = {"kind": kind, "grant_id": f"all-{number}", "client_id": app, "subject_id": None, **home}
            records.append(revoked(moment(), "grant", event_id=f"r{number}", scopes_removed=some(), **more))
    for number in range(60):
        call, server = rng.choice(CALLS)
        who, app = rng.choice("xyz"), rng.choice("aab")
        more = {"client_id": app, "subject_id": who, "grant_id": f"{who}-{app}", **rng.choice(tenants)}
        records.append(use(moment(), call, None, server, event_id=f"u{number}", **more))
    return records


@pytest.mark.parametrize("seed", range(12))
def test_each_call_counts_for_each_grant_that_permitted_it(laid, seed):
    names = (*ASKED, "judged_question", "usage_row", "usage_operation")
    told = dict(zip(names, laid(random_records(seed), *names), strict=True))
    callers = {row["caller_id"]: row for row in told["named_caller"]}
    sets = {tuple(row["scopes"]): row["set_id"] for row in told["scope_set"]}
    verdict = {
        (row["operation_id"], row["set_id"], row["application"]): row["verdict"] for row in told["judged_question"]
    }
    of_everyone = [row for row in told["grant_state"] if row["subject_id"] is None]
    states = [row for row in of_everyone if row["scopes"] is not None]
    operation = {row["target_id"]: row["operation_id"] for row in told["usage_operation"]}
    expected, held, split = defaultdict(lambda: [0, []]), defaultdict(set), 0
    for pair in told["used_pair"]:
        if pair["outcome"] != "success" or pair["operation_id"] is None or pair["scopes_from"] != "grant":
            continue
        mine = [
            state
            for state in states
            if state["client_id"] == callers[pair["caller_id"]]["client_id"]
            and (None in (homes := {state["tenant"], callers[pair["caller_id"]]["tenant"]}) or len(homes) == 1)
            and state["valid_from"] <= pair["last_used_at"]
            and state["valid_until"] >= pair["first_used_at"]
        ]
        beside = [state for state in mine if state["valid_until"] > pair["first_used_at"]]
        # What ends in the very moment of all its calls may have been held at them.
        held[pair["first_no"]] = {
            sets[tuple(state["scopes"])]
            for state in mine
            if state in beside or pair["first_used_at"] == pair["last_used_at"]
        } - {pair["set_id"]}
        asked = pair["operation_id"], pair["application"]
        if verdict[asked[0], pair["set_id"], asked[1]] != "out_of_scope":
            continue
        latest = {}
        for state in sorted(beside, key=lambda state: state["valid_from"]):
            if verdict[asked[0], sets[tuple(state["scopes"])], asked[1]].startswith("in_scope"):
                latest[state["grant_id"], state["opened_at"]] = sets[tuple(state["scopes"])]
        calls = [
            row["used_at"]
            for row in told["usage_row"]
            if (row["caller_id"], row["outcome"]) == (pair["caller_id"], "success")
            and operation[row["target_id"]] == pair["operation_id"]
        ]
        assert len(calls) == pair["events"]  # nobody's own grant changes
        for (grant, opened), set_id in latest.items():
            lives = {
                (state["opened_at"], state["ended_at"] or FOREVER)
                for state in of_everyone
                if state["grant_id"] == grant
            }
            met = {life for life in lives if life[0] <= pair["last_used_at"] and life[1] > pair["first_used_at"]}
            (ended,) = (life[1] for life in lives if life[0] == opened)
            events = sum(opened <= used < ended for used in calls) if len(met) > 1 else pair["events"]
            split += len(met) > 1
            if events:
                counted = expected[grant, opened, pair["operation_id"], set_id, pair["application"]]
                counted[0] += events
                counted[1].append(pair["first_no"])
    found = {
        (row["grant_id"], row["opened_at"], row["operation_id"], row["set_id"], row["application"]): [
            row["events"],
            sorted(row["pairs"]),
        ]
        for row in told["everyones_use"]
    }
    assert found == {key: [events, sorted(numbers)] for key, (events, numbers) in expected.items()}
    assert split or seed not in AGAIN
    of_call = defaultdict(set)
    for row in told["everyones_set"]:
        of_call[row["call_no"]].add(row["set_id"])
    said = {number: of_call[row["call_no"]] for row in told["everyones_call"] for number in row["pairs"]}
    assert said == {number: sets for number, sets in held.items() if number in said}
    assert all(number in said for number, sets in held.items() if sets)


def test_calls_between_the_same_changes_are_one_and_each_set_too(laid):
    people = range(30)
    records = [
        *(everyones(f"01 08:{minute:02}", ["mail.read"], minute, "app") for minute in range(20)),
        *(consent("01 09:00", ["mail.send"], f"own-{n}", subject_id=f"p{n}") for n in people),
        *(use(f"10 09:{n:02}", "GET /v1/messages/7", None, subject_id=f"p{n}", event_id=f"u{n}") for n in people),
    ]
    (calls, sets, used) = laid(records, "everyones_call", "everyones_set", "everyones_use")
    assert [(row["events"], len(row["pairs"])) for row in calls] == [(30, 30)]
    assert len(sets) == 1
    assert [(row["grant_id"], row["events"]) for row in sorted(used, key=lambda row: row["grant_id"])] == sorted(
        (f"all-{minute}", 30) for minute in range(20)
    )


def test_people_of_whose_calls_no_grant_is_known_are_one_party_beside_a_grant_for_everyone(laid):
    records = [
        *(everyones(f"01 08:{minute:02}", ["mail.read"], minute, "app") for minute in range(20)),
        *(use(f"10 09:{n:02}", "GET /v1/messages/7", None, subject_id=f"p{n}", event_id=f"u{n}") for n in range(30)),
        token("01 09:00", "t1", ["mail.read"], grant_id="own", subject_id="p1"),
    ]
    (grants,) = laid(records, "possible_grant")
    assert len([row for row in grants if row["grant_id"].startswith("all-")]) == 20
