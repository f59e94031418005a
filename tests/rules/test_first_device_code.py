"""GOV-3 beside plain Python, over clients of several ids and tenants; and every way to write the grant type."""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rule.example import consent, moment, revoked, token

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
WAYS = (DEVICE, "authorization_code", "authorization_code", "refresh_token", "none", None)
BEGIN = datetime.fromisoformat("2026-07-01T08:00:00Z")
HISTORY = timedelta(days=3)
SAME = {"c1b": "c1", "c2b": "c2", "c3b": "c3"}


def random_world(seed, clients=200):
    """Return tokens and consents of clients, got one way or another."""
    rng = random.Random(seed)
    records = []
    for number in range(clients):
        ids = [f"c{number}", f"c{number}b"] if number in (1, 2, 3) else [f"c{number}"]
        tenants = rng.choice(([None], ["n"], ["n", None], ["n", "s"], ["n", "s", None]))
        ways = WAYS if rng.random() < 0.4 else [way for way in WAYS if way]
        begun = rng.randrange(1, 12)
        for _ in range(rng.randrange(2, 9)):
            tenant = rng.choice(tenants)
            who = {"client_id": rng.choice(ids), "subject_id": rng.choice(("ann", "ben"))} | (
                {"tenant": tenant} if tenant else {}
            )
            day = f"{begun + rng.randrange(0, 8):02} {rng.randrange(9, 21):02}:{rng.randrange(60):02}"
            kind = rng.choice(("token", "token", "token", "refresh", "consent"))
            if kind == "consent":
                records.append(consent(day, ["mail.read"], None, **who))
                continue
            who |= {"kind": kind, "grant_type": rng.choice(ways), "outcome": rng.choice(("success",) * 6 + ("denied",))}
            records.append(token(day, f"t{len(records)}", ["mail.read"], grant_id=None, **who))
    for number, record in enumerate(records):
        record["event_id"] = f"e{number}"
    return records


def when(record):
    return datetime.fromisoformat(record["issued_at"])


def first_times(records, since, until):
    """Return what GOV-3 finds: (client id, tenant) -> verdict, tokens by device code, other grant types before."""
    issued = [record for record in records if record["outcome"] == "success"]
    tenants, of = defaultdict(set), defaultdict(list)
    for record in issued:
        tenants[SAME.get(record["client_id"], record["client_id"])].add(record.get("tenant"))
    for record in sorted(issued, key=when):
        client = SAME.get(record["client_id"], record["client_id"])
        told = tenants[client] - {None}
        of[client, record.get("tenant") or (next(iter(told)) if len(told) == 1 else None)].append(record)
    by_device = {
        here: [r for r in rows if r.get("grant_type") == DEVICE and when(r) < until] for here, rows in of.items()
    }
    found = {}
    for (client, tenant), rows in by_device.items():
        if not rows or not since <= when(rows[0]):
            continue
        before = [r for r in of[client, tenant] if when(r) < when(rows[0]) and r["kind"] in ("token", "refresh")]
        if not before:
            continue
        others = [
            r.get("grant_type") for r in before if r["kind"] == "token" and r.get("grant_type") != "refresh_token"
        ]
        elsewhere = [
            when(other[0])
            for (name, there), other in by_device.items()
            if name == client and other and there != tenant and None in (there, tenant)
        ]
        sure = (
            (when(rows[0]) - max(BEGIN, when(rows[0]) - HISTORY)) / HISTORY >= 0.95
            and None not in others
            and len(others) > 0
            and not any(at < when(rows[0]) for at in elsewhere)
        )
        named = sorted({way for way in others if way})
        found[rows[0]["client_id"], tenant] = ("violation" if sure else "indeterminate", len(rows), named)
    return found


@pytest.mark.parametrize(
    ("seed", "since", "until"),
    [*((seed, "01 08:00", "21 00:00") for seed in range(4)), (4, "06 10:00", "09 12:30"), (5, "05 00:00", "12 00:00")],
)
def test_beside_plain_python(desk, kept_going, seed, since, until):
    records = random_world(seed)
    window = {"since": moment(since), "until": moment(until)}
    same = {id_: name for other, name in SAME.items() for id_ in (other, name)}
    with desk.store(desk.write("log.ndjson", [*records, *kept_going])) as store:
        store.add(
            Identities(
                tuple(
                    {"kind": "client", "name": f"The {name}", "source": "native", "id": id_}
                    for id_, name in same.items()
                )
            )
        )
        assert not store.engine.value("SELECT count(*) FROM coverage WHERE is_gap AND log = 'issuance'")
        (found,) = detect.run(store, ["GOV-3"], parameters={"history_days": 3}, **window)
    told = {
        (row["client_id"], row["tenant"]): (row["verdict"], row["events"], row["detail"]["other_grant_types"])
        for row in found.to_dicts()
    }
    expected = first_times(records, *(datetime.fromisoformat(each) for each in window.values()))
    assert told == expected
    assert {verdict for verdict, *_ in expected.values()} == {"violation", "indeterminate"}


@pytest.mark.parametrize("word", [DEVICE, DEVICE.upper(), "device_code", "deviceCode", "device-code", "DEVICE_CODE"])
def test_the_grant_type_in_any_writing(desk, word):
    tokens = {"authorization_code": "19 09:00", word: "20 09:00", "device": "20 10:00", "device_codes": "20 11:00"}
    began = [
        token("01 08:00", "t0", None, client_id="bystander"),
        revoked("01 08:00:00.5", "client", client_id="bystander"),
    ]
    records = [*began, *(token(at, f"{name}-1", None, grant_type=name) for name, at in tokens.items())]
    with desk.store(desk.write("log.ndjson", [{**row, "event_id": f"e{n}"} for n, row in enumerate(records)])) as store:
        (finding,) = detect.run(store, ["GOV-3"])[0].to_dicts()
    assert (finding["verdict"], finding["token_id"], finding["events"]) == ("violation", f"{word}-1", 1)


def test_it_is_told_in_the_window_of_the_first_time(desk):
    began = [
        token("01 08:00", "t0", None, client_id="bystander"),
        revoked("01 08:00:00.5", "client", client_id="bystander"),
    ]
    at = ("20 09:00", "21 09:00")
    issued = [
        token("19 09:00", "t1", None, grant_type="password"),
        *(token(each, each, None, grant_type=DEVICE) for each in at),
    ]
    with desk.store(
        desk.write("log.ndjson", [{**row, "event_id": f"e{n}"} for n, row in enumerate([*began, *issued])])
    ) as store:

        def told(since, until="31 00:00"):
            (found,) = detect.run(store, ["GOV-3"], since=moment(since), until=moment(until))
            return [finding["events"] for finding in found.to_dicts()]

        assert told("20 09:00") == [2]
        assert told("20 09:00", "21 09:00") == [1]
        assert told("20 09:00:00.000001") == []
        assert told("01 00:00", "20 09:00") == []


def test_half_a_day_of_history_is_half_a_day(desk):
    began = [
        token("19 20:30", "t0", None, client_id="bystander"),
        revoked("19 20:30:00.5", "client", client_id="bystander"),
    ]
    issued = [token("20 01:00", "t1", None, grant_type="password"), token("20 09:00", "t2", None, grant_type=DEVICE)]
    with desk.store(
        desk.write("log.ndjson", [{**row, "event_id": f"e{n}"} for n, row in enumerate([*began, *issued])])
    ) as store:
        for days, verdict in ((0.5, "violation"), (0.6, "indeterminate")):
            (finding,) = detect.run(store, ["GOV-3"], parameters={"history_days": days})[0].to_dicts()
            assert finding["verdict"] == verdict
