"""GOV-2 beside plain Python, over clients and people of several ids and tenants; its edges in time; and who is the same."""

import random
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import product

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.rule.example import consent, moment, revoked, token, use
from grantlens.schema.register import REGISTER

PARAMETERS = {"people": 3, "burst_hours": 5, "new_days": 2, "history_days": 3}
BEGIN = datetime.fromisoformat("2026-07-01T08:00:00Z")
SAME = {"client": {"c1b": "c1", "c2b": "c2", "c3b": "c3", "p3": "p4"}, "subject": {"p1b": "p1", "p2b": "p2"}}
"""Ids that are another's, as the identities file says: two clients have the ids of two people."""


def named(kinds=SAME):
    rows = [
        {"kind": kind, "name": f"The {one}", "source": "native", "id": id_}
        for kind, ids in kinds.items()
        for other, one in ids.items()
        for id_ in (one, other)
    ]
    return Identities(tuple({row["id"]: row for row in rows}.values()))


def random_world(seed, clients=40):
    """Return records of clients that are mostly let in by several people within some hours, one way or another."""
    rng = random.Random(seed)
    ways = [{"consent_kind": "user"}] * 6 + [{"consent_kind": None}] * 2
    ways += [{"consent_kind": None, "consent_actor": "eve"}, {"consent_kind": "admin"}, {"consent_kind": "policy"}]
    records = []
    for number in range(clients):
        ids = [f"c{number}", f"c{number}b"] if number in (1, 2, 3) else [f"c{number}"]
        tenants = rng.choice(([None], ["n"], ["n", None], ["n", "s"], ["n", "s", None], ["n", None, "s"]))
        begun = BEGIN + timedelta(days=rng.randrange(1, 15), hours=rng.randrange(0, 4))

        def at(most, begun=begun):
            return f"{begun + timedelta(minutes=10 * rng.randrange(0, 6 * most)):%d %H:%M}"

        def whose(ids=ids, tenants=tenants):
            tenant = rng.choice(tenants)
            return {"client_id": rng.choice(ids)} | ({} if tenant is None else {"tenant": tenant})

        for _ in range(rng.randrange(3, 16)):
            who = {
                "subject_id": rng.choice(("p1", "p1b", "p2", "p2b", "p3", "p4", "p5")),
                **rng.choice(ways),
                **whose(),
            }
            if who["consent_kind"] is None and rng.random() < 0.3:
                person = who["subject_id"]
                who["consent_actor"] = rng.choice((person, SAME["subject"].get(person, person)))
            who |= rng.choice(
                ({},) * 16
                + ({"outcome": "denied"}, {"subject_kind": "service"}, {"subject_kind": None}, {"subject_id": None})
            )
            records.append(
                consent(at(rng.choice((4, 4, 12, 80))), rng.choice((["mail.read"], ["openid"], None)), None, **who)
            )
        if rng.random() < 0.3:
            records.append(token(at(60), f"t{number}", ["mail.read"], grant_id=None, **whose()))
        if rng.random() < 0.3:
            records.append(use(at(60), "GET /v1/messages/7", None, status=rng.choice((200, 401)), **whose()))
        if rng.random() < 0.2:
            older = max(BEGIN, begun - timedelta(hours=rng.randrange(1, 60)))
            records.append(
                use(f"{older:%d %H:%M}", "GET /v1/messages/7", None, **{**whose(), "tenant": rng.choice(tenants)})
            )
        if rng.random() < 0.1:
            records.append(revoked(at(60), "client", **whose()))
    for number, record in enumerate(records):
        record["event_id"] = f"e{number}"
    return records


def when(record):
    return datetime.fromisoformat(
        next(record[name] for name in ("issued_at", "used_at", "revoked_at") if name in record)
    )


def bursts(records, since, until):
    """Return what GOV-2 finds: (client id, tenant) -> verdict, severity, scopes, people, consents."""
    one = {kind: lambda id_, ids=ids: ids.get(id_, id_) for kind, ids in SAME.items()}
    traces = [record for record in records if record["outcome"] == "success" and "client_id" in record]
    tenants = defaultdict(set)
    for record in traces:
        tenants[one["client"](record["client_id"])].add(record.get("tenant"))

    def place(record):
        client = one["client"](record["client_id"])
        told = tenants[client] - {None}
        return client, record.get("tenant") or (next(iter(told)) if len(told) == 1 else None)

    first = {}
    for record in traces:
        first[place(record)] = min(when(record), first.get(place(record), when(record)))
    own, admitted = defaultdict(list), {}
    for record in traces:
        if record["log"] != "issuance" or record["kind"] != "consent" or when(record) >= until:
            continue
        kind, actor, subject = record.get("consent_kind"), record.get("consent_actor"), record.get("subject_id")
        by_person = actor is not None and one["subject"](actor) == one["subject"](subject)
        if kind in ("admin", "policy") or (kind is None and None not in (actor, subject) and not by_person):
            admitted[place(record)] = min(when(record), admitted.get(place(record), when(record)))
        elif subject and record.get("subject_kind") != "service":
            own[place(record)].append((record, kind == "user" or by_person))
    found, hours, days = {}, timedelta(hours=PARAMETERS["burst_hours"]), timedelta(days=PARAMETERS["new_days"])
    for here, consents in own.items():
        client, tenant = here
        for sure in (True, False):
            of = defaultdict(list)
            for record, is_own in consents:
                if is_own or not sure:
                    of[one["subject"](record["subject_id"])].append(record)
            given = sorted(min(map(when, each)) for each in of.values())
            pairs = [
                (begun, reached)
                for begun, reached in zip(given, given[PARAMETERS["people"] - 1 :], strict=False)
                if reached - begun <= hours and reached - first[here] <= days and admitted.get(here, until) > begun
            ]
            if pairs:
                break
        if not pairs or not since <= pairs[0][1] < until:
            continue
        begun, reached = pairs[0]
        members = {name: each for name, each in of.items() if begun <= min(map(when, each)) <= begun + hours}
        listed = [record for each in members.values() for record in each if when(record) <= begun + hours]
        others = [at for (name, there), at in first.items() if name == client and (tenant is None or there is None)]
        history = timedelta(days=PARAMETERS["history_days"])
        covered = (first[here] - max(BEGIN, first[here] - history)) / history
        new = covered >= 0.95 and reached - min([first[here], *others]) <= days
        earliest = min(listed, key=lambda record: (when(record), records.index(record)))
        verdict = "violation" if sure and new else "indeterminate"
        severity = "low" if all(record.get("scopes") == ["openid"] for record in listed) else "high"
        scopes = sorted({scope for record in listed for scope in record.get("scopes") or ()})
        found[earliest["client_id"], tenant] = (verdict, severity, scopes, len(members), len(listed))
    return found


@pytest.mark.parametrize(
    ("seed", "since", "until"),
    [*product(range(4), ["01 08:00"], ["21 00:00"]), (5, "08 11:00", "12 12:30"), (6, "05 00:00", "09 00:00")],
)
def test_beside_plain_python(desk, kept_going, seed, since, until):
    records = random_world(seed, 60)
    window = {"since": moment(since), "until": moment(until)}
    with desk.store(desk.write("log.ndjson", [*records, *kept_going])) as store:
        store.add(named())
        assert not store.engine.value("SELECT count(*) FROM coverage WHERE is_gap AND log = 'issuance'")
        (found,) = detect.run(store, ["GOV-2"], parameters=PARAMETERS, **window)
    told = {
        (row["client_id"], row["tenant"]): (
            row["verdict"],
            row["severity"],
            row["scopes"],
            row["detail"]["people"],
            row["events"],
        )
        for row in found.to_dicts()
    }
    expected = bursts(records, *(datetime.fromisoformat(each) for each in window.values()))
    assert told == expected
    assert len(told) == len(found.to_dicts())
    assert expected
    assert seed > 3 or {verdict for verdict, *_ in expected.values()} == {"violation", "indeterminate"}


@pytest.fixture
def told(desk):
    """Return a function that gives the verdict on each client, and what was found; the logs reach from the 1st on."""

    def ask(cases, *brought, history=10, **window):
        began = [
            token("01 08:00", "t0", ["jobs.run"], client_id="bystander"),
            revoked("01 08:00:00.5", "client", client_id="bystander"),
        ]
        records = [{"client_id": name, **row} for name, rows in cases.items() for row in rows]
        records = [{**record, "event_id": f"e{number}"} for number, record in enumerate([*began, *records])]
        with desk.store(desk.write("log.ndjson", records)) as store:
            store.add(*brought)
            (found,) = detect.run(store, ["GOV-2"], parameters={"history_days": history}, **window)
        said = {row["client_id"]: row for row in found.to_dicts()}
        return {name: said[name]["verdict"] if name in said else None for name in cases}, said

    return ask


def given(*whens, people="abcdefgh", **more):
    """Write consents of one person each, that leave their client to be named."""
    rows = [
        consent(at, ["mail.read"], None, **{"subject_id": one, **more}) for one, at in zip(people, whens, strict=False)
    ]
    return [{name: value for name, value in row.items() if name != "client_id" or name in more} for row in rows]


DAY = ("20 09:00", "20 09:01", "20 09:02", "20 09:03")


def of_other(row):
    return {name: value for name, value in row.items() if name not in ("client_id", "grant_id", "token_id")}


def test_to_the_microsecond(told):
    by_admin = {"consent_kind": "admin", "subject_id": None}
    cases = {
        "a day": given(*DAY, "21 09:00"),
        "more than a day": given(*DAY, "21 09:00:00.000001"),
        "a week old": [of_other(token("14 09:00", "t", None)), *given(*DAY, "21 09:00")],
        "older": [of_other(token("14 08:59:59.999999", "t", None)), *given(*DAY, "21 09:00")],
        "with an admin": [*given("20 09:00", people="z", **by_admin), *given(*DAY, "21 09:00")],
        "before an admin": [*given("20 09:00:00.000001", people="z", **by_admin), *given(*DAY, "21 09:00")],
    }
    found = ("violation", None, "violation", None, None, "violation")
    expected = dict(zip(cases, found, strict=True))
    assert told(cases)[0] == expected
    assert told(cases, since=moment("21 09:00"))[0] == expected, "told when there are enough, of all that belong to it"
    assert told(cases, since=moment("21 09:00:00.000001"))[0] == dict.fromkeys(cases)
    assert told(cases, until=moment("21 09:00"))[0] == dict.fromkeys(cases)


def test_who_follows_in_the_same_day_belongs_to_it_and_later_ones_do_not(told):
    again = given("20 12:00", people="a")
    cases = {"app": [*given(*DAY, "20 09:04", "21 09:00", "21 09:00:01"), *again]}
    found = told(cases)[1]["app"]
    assert (found["detail"]["people"], found["events"], found["last_seen"]) == (6, 7, "2026-07-21T09:00:00Z")
    assert found["title"] == "app, a new client, was let in by 6 people within 24 hours"


@pytest.mark.parametrize(
    ("same", "verdicts"),
    [
        (None, {"app": None, "new": "violation", "twice": "violation"}),
        (
            {"client": {"app-object": "app", "new-object": "new"}, "subject": {"ann@x": "a"}},
            {"app": "violation", "new": None, "twice": None},
        ),
    ],
    ids=["unsaid", "said"],
)
def test_of_a_client_and_a_person_with_two_ids(told, same, verdicts):
    cases = {
        "app": [*given(*DAY), *given("20 10:00", people="e", client_id="app-object")],
        "new": [
            {**of_other(use("10 09:00", "GET /v1/messages/7")), "client_id": "new-object"},
            *given(*DAY, "20 10:00"),
        ],
        "twice": [*given(*DAY), *given("20 10:00", people=["ann@x"])],
    }
    assert told(cases, *([named(same)] if same else []))[0] == verdicts


def test_what_names_no_tenant_may_be_of_each(told):
    def traces(*tenants, day="10"):
        return [
            of_other(use(f"{day} 09:0{n}", "GET /v1/messages/7", tenant=tenant)) for n, tenant in enumerate(tenants)
        ]

    cases = {
        "elsewhere": [*traces("one"), *given(*DAY, "20 10:00", tenant="two")],
        "unnamed before": [*traces(None), *traces("one", day="20"), *given(*DAY, "20 10:00", tenant="two")],
        "unnamed after": [*traces("one", None, day="20"), *given(*DAY, "20 10:00", tenant="two")],
        "unnamed burst": [*traces("one", "two"), *given(*DAY, "20 10:00")],
        "of the only one": [*traces(None), *given(*DAY, "20 10:00", tenant="two")],
    }
    told_of, found = told(cases)
    assert told_of == dict(zip(cases, ("violation", "indeterminate", "violation", "indeterminate", None), strict=True))
    why = "an earlier trace of the client names no tenant, and may be of this one"
    assert {found[name]["detail"]["reason"] for name in ("unnamed before", "unnamed burst")} == {why}


def test_half_a_day_of_history_is_half_a_day(told):
    cases = {"app": given(*(f"01 20:2{n}" for n in range(5)))}
    assert told(cases, history=0.5)[0] == {"app": "violation"}
    assert told(cases, history=0.6)[0] == {"app": "indeterminate"}


def test_only_an_owner_and_a_purpose_are_an_announcement(told):
    rows = {"both": ("jo", "mail"), "nobody's": (" ", "mail"), "for nothing": ("jo", None)}
    register = [
        dict.fromkeys(REGISTER.names) | {"client_id": name, "owner": owner, "purpose": purpose}
        for name, (owner, purpose) in rows.items()
    ]
    _, found = told({name: given(*DAY, "20 10:00") for name in rows}, Register(tuple(register)))
    severities = {name: found[name]["severity"] for name in rows}
    assert severities == {"both": "medium", "nobody's": "high", "for nothing": "high"}


def test_of_many_consents_the_first_and_the_last_are_the_evidence(told):
    people = "abcdefghijklmnopqrstuvwxy"
    (row,) = told({"app": given(*(f"20 09:{n:02}" for n in range(25)), people=people)})[1].values()
    assert (row["events"], len(row["evidence"])) == (25, 20)
    assert [row["evidence"][n]["event_id"] for n in (0, 18, -1)] == ["e2", "e20", "e26"]
