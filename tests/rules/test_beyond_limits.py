"""OOS-14 beside plain Python: calls around the begin and end of hours in many zones and both halves of the year, objects, and days that are full."""

import json
import random
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.register.hours import spans
from grantlens.register.register import Register
from grantlens.schema.register import REGISTER
from grantlens.store import Store

ZONES = ("UTC", "Europe/Zurich", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati")
HOURS = (
    ("Mon-Fri", 7 * 60, 19 * 60),
    ("Sat,Sun", 10 * 60 + 30, 11 * 60),
    ("Fri-Mon", 22 * 60, 6 * 60),
    ("Wed", 0, 24 * 60),
    ("Tue", 20 * 60, 24 * 60),
)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PATTERNS = ("/a/*", "box_1", "50%*", "a\\b*", "*")
OBJECTS = ("/a/7", "/a/", "/b", "box_1", "boxx1", "50%off", "50-off", "a\\b1", None)
SINCE, UNTIL = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
SWITCH = (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))
"""When clocks are put forward and back in Europe."""


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def opens(days, begins, ends, zone, local):
    """Say if hours hold at a time on the wall: what begins before midnight belongs to the day on which it begins."""
    first, _, last = days.partition("-")
    if "," in days:
        listed = set(days.split(","))
    else:
        number = DAYS.index(first)
        listed = {DAYS[number % 7]}
        while last and DAYS[number % 7] != last:
            number += 1
            listed.add(DAYS[number % 7])
    minute, today = local.hour * 60 + local.minute, DAYS[local.weekday()]
    if begins < ends:
        return today in listed and begins <= minute < ends
    yesterday = DAYS[(local.weekday() - 1) % 7]
    return (today in listed and minute >= begins) or (yesterday in listed and minute < ends)


def world(seed):
    """Return the register of six clients, what is said of their hours in parts, and calls of theirs."""
    rng = random.Random(seed)
    clients, hours, calls = [], {}, []
    for number in range(6):
        name = f"c{number}"
        said = [(*rng.choice(HOURS), rng.choice(ZONES)) for _ in range(rng.choice((0, 1, 1, 2)))]
        hours[name] = said if rng.random() < 0.8 else None
        clients.append(
            {
                "client_id": name,
                "approved_hours": hours[name]
                and [
                    span
                    for days, begins, ends, zone in said
                    for span in spans(f"{days} {clock(begins)}-{clock(ends)} {zone}")
                ],
                "approved_resources": rng.choice((None, None, [], [rng.choice(PATTERNS)], rng.sample(PATTERNS[:4], 2))),
                "calls_per_day": rng.choice((None, 0, 2, 3)),
            }
        )
        if hours[name] == []:
            clients[-1]["approved_hours"] = []
    for number in range(400):
        client = rng.choice(clients)["client_id"]
        edge = rng.choice(
            [
                (0, "UTC"),
                *((minute, zone) for *_, begins, ends, zone in hours[client] or () for minute in (begins, ends)),
            ]
        )
        day = rng.choice((*SWITCH, *(SINCE + timedelta(days=each) for each in range(-1, 7))))
        local = (day.astimezone(ZoneInfo(edge[1])) + timedelta(days=rng.randrange(-1, 2))).replace(
            hour=0, minute=0, second=0, tzinfo=None
        )
        moment = (local + timedelta(minutes=edge[0])).replace(tzinfo=ZoneInfo(edge[1])).astimezone(UTC)
        moment += timedelta(seconds=rng.choice((-3600, -6.5, -3.25, -3.25, 0, 3.25, 3.25, 5.5, 6.5, 30, 61, 7200)))
        calls.append(
            {
                "log": "usage",
                "event_id": f"e{number}",
                "used_at": moment.isoformat(),
                "outcome": rng.choice(("success",) * 8 + ("denied", "error")),
                "client_id": client,
                "subject_id": rng.choice((None, "ann", "bob")),
                "tenant": rng.choice((None, "north")),
                "target": (target := rng.choice(OBJECTS)),
                "resource_id": rng.choice((None, None, None, *OBJECTS)),
                "method": "DELETE" if target and rng.random() < 0.1 else "GET",
            }
        )
    return clients, hours, calls


def expected(clients, hours, calls, before, after):
    """Return each finding, with its verdict and the ids of its calls."""
    found = defaultdict(list)
    registered = {client["client_id"]: client for client in clients}
    days = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if call["outcome"] != "success" or not SINCE <= datetime.fromisoformat(call["used_at"]) < UNTIL:
            continue
        client, stamp = call["client_id"], datetime.fromisoformat(call["used_at"])
        first, last = stamp - timedelta(seconds=before), stamp + timedelta(seconds=after)
        party = (client, call["subject_id"], call["tenant"])
        limits = registered[client]
        if limits["approved_hours"] is not None:
            moments = {first, last, *(first + timedelta(seconds=each) for each in range(int(before + after)))}
            open_at = [
                any(opens(*said, moment.astimezone(ZoneInfo(said[3]))) for said in hours[client])
                for moment in sorted(moments)
            ]
            if not (open_at[0] and open_at[-1]):
                found[*party, "hours"].append((not any(open_at), call["event_id"]))
        if limits["approved_resources"] is not None:
            name = call["target"] if call["resource_id"] is None else call["resource_id"]
            globs = [".*".join(map(re.escape, each.split("*"))) for each in limits["approved_resources"]]
            if name is None or not any(re.fullmatch(glob, name) for glob in globs):
                found[*party, "resources"].append((name is not None, call["event_id"]))
        for day in {first.date(), last.date()}:
            days[client, call["tenant"]][day].append((first.date() == last.date(), call["event_id"]))
    for (client, tenant), each in days.items():
        most = registered[client]["calls_per_day"]
        for listed in each.values():
            if most is not None and len(listed) > most:
                sure = sum(is_sure for is_sure, _ in listed) > most
                found[client, None, tenant, "calls per day"] += [(sure, event) for _, event in listed]
    told = set()
    for key, listed in found.items():
        is_sure = any(sure for sure, _ in listed)
        told.add(
            (
                *key,
                "violation" if is_sure else "indeterminate",
                frozenset(event for sure, event in listed if sure == is_sure),
            )
        )
    return told


@pytest.mark.parametrize("seed", range(6))
def test_beside_plain_python(tmp_path, seed):
    clients, hours, calls = world(seed)
    path = tmp_path / "calls.ndjson"
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))
    error, ahead = (5.0, 45.0, 4.0, 90.0)[seed % 4], seed % 2 * 40
    stated = tmp_path / "clock.toml"
    stated.write_text(f'[[clock]]\nsource = "native"\nerror_seconds = {error}\noffset_seconds = {ahead}\n')
    with Store(":memory:") as store:
        assert store.load(path).total("usage") == len(calls)
        store.add(Register(tuple(dict.fromkeys(REGISTER.names) | row for row in clients)), Clocks.read(stated))
        (found,) = detect.run(store, ["OOS-14"], since=SINCE, until=UNTIL, evidence="all")
    told = {
        (row["client_id"], row["subject_id"], row["tenant"], row["detail"]["limit"], row["verdict"],
         frozenset(one["event_id"] for one in row["evidence"]))
        for row in found.to_dicts()
    }  # fmt: skip
    assert told == expected(clients, hours, calls, error + ahead, error - ahead)
    assert len(told) > 10
    assert all(row["events"] == len(row["evidence"]) for row in found.to_dicts())


def test_a_clock_that_may_be_half_a_day_off_proves_no_hours(tmp_path):
    (tmp_path / "calls.ndjson").write_text(
        '{"log": "usage", "used_at": "2026-07-12T12:00:00.5Z", "outcome": "success", "client_id": "c", "target": "/a"}\n'
    )
    (tmp_path / "clock.toml").write_text('[[clock]]\nsource = "native"\nerror_seconds = 50000\n')
    with Store(":memory:") as store:
        store.load(tmp_path / "calls.ndjson")
        row = dict.fromkeys(REGISTER.names) | {"client_id": "c", "approved_hours": spans("Wed 07:00-19:00")}
        store.add(Register((row,)), Clocks.read(tmp_path / "clock.toml"))
        (found,) = detect.run(store, ["OOS-14"])
    assert [row["verdict"] for row in found.to_dicts()] == ["indeterminate"]
