"""INT-2 beside plain Python: tokens and keys that are issued once, renewed or switched on again, and calls at the edges of their lives."""

import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.register.clocks import Clocks
from grantlens.register.server import Servers
from grantlens.rule.example import moment, token, use
from grantlens.schema.register import SERVER

AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(hours=2)
NEAR = 10
"""The errors of two clocks, in seconds."""
LEEWAY = {"mail.example": 60, "strict.example": 0, "lax.example": 300, None: 60}
"""How long after the end of a token servers may take it, in seconds."""
CLOCK = {"source": "native", "tenant": None, "log": None, "error_seconds": 5.0, "offset_seconds": 0.0}
ISSUED = (0, 0, 0.000001, 600)
LIVES = (None, 0, 300, 1000)
CALLS = (
    -3600,
    -3600.000001,
    -600,
    -10.000001,
    -10,
    5,
    310,
    310.000001,
    370,
    370.000001,
    610,
    610.000001,
    1070,
    1600,
    1910.5,
    7200,
)


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return the records of a token and a key: issues, and calls of some tenants."""
    tenants = rng.choice(((None,), ("one",), ("one", None), ("one", "two", None), ("one", "two", None)))
    records, names = [], [f"t{number}", f"k{number}"]
    for _ in range(rng.randint(1, 4)):
        name = rng.choice(names)
        kind = rng.choice(("token", "token", "refresh", "refresh", "exchange", "credential", "consent"))
        life, when = rng.choice(LIVES), rng.choice(ISSUED)
        more = {
            "kind": "credential" if name[0] == "k" and rng.random() < 0.7 else kind,
            "token_kind": rng.choice(("access", "refresh", None)),
            "parent_token_id": rng.choice((None, name, "other")) if kind in ("refresh", "exchange") else None,
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
            "tenant": rng.choice(tenants),
        }
        records.append(token(stamp(when), name, None, None if life is None else stamp(when + life), **more))
    for _ in range(rng.randint(1, 6)):
        more = {"tenant": rng.choice(tenants), "resource_server": rng.choice((*LEEWAY, "mail.example"))}
        status = rng.choice((200,) * 6 + (401, 500))
        records.append(
            use(stamp(rng.choice(CALLS)), "GET /v1/messages/7", rng.choice([*names, None]), status=status, **more)
        )
    return records


def seconds(record, key):
    return (datetime.fromisoformat(record[key]) - AT).total_seconds()


def outside(records, *, begins):
    """Say what a reader says: the verdict, and how many calls came before and after, by token and tenant of the calls.

    Where a key `begins` with its first issue, it was not there before.
    """
    issues, counts, said = defaultdict(list), defaultdict(lambda: [0, 0]), {}
    for record in records:
        if record["log"] == "issuance" and record["outcome"] == "success" and record["kind"] != "consent":
            issues[record["token_id"]].append(record)
    for call in records:
        mine = sorted(issues.get(call.get("token_id"), ()), key=lambda issue: (issue["issued_at"], issue["event_id"]))
        # A tenant's call is made with that tenant's token; what names none may be of any.
        mine = [i for i in mine if call.get("tenant") is None or i.get("tenant") in (None, call["tenant"])]
        if call["log"] != "usage" or call["outcome"] != "success" or not mine:
            continue
        when = seconds(call, "used_at")
        if not SINCE <= AT + timedelta(seconds=when) < UNTIL:
            continue
        first, key = mine[0], (call["token_id"], call.get("tenant"))
        ends = [seconds(issue, "expires_at") for issue in mine if "expires_at" in issue]
        told = max((issue["issued_at"] for issue in mine if "expires_at" in issue), default="")
        open_end = any(i["kind"] == "credential" and "expires_at" not in i and i["issued_at"] > told for i in mine)
        if ends and not open_end and when > max(ends) + NEAR + LEEWAY[call.get("resource_server")]:
            counts[key][1] += 1
        elif when < seconds(first, "issued_at") - NEAR:
            counts[key][0] += 1
        else:
            continue
        # What renews a token under its own id, or may have switched a key on again, does not say that it had not been there.
        renewed = first["kind"] == "refresh" and first.get("parent_token_id", call["token_id"]) == call["token_id"]
        older = renewed or (first["kind"] == "credential" and not begins)
        early, late = counts[key]
        several = len({issue["tenant"] for issue in mine if "tenant" in issue}) > 1
        said[key] = ("indeterminate" if several or (older and not late) else "violation", early, late)
    return said


@pytest.mark.parametrize(("seed", "begins"), [(0, False), (1, False), (2, False), (2, True)])
def test_calls_outside_the_life_of_their_token_beside_plain_python(desk, kept_going, seed, begins):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(800)]
    told = [row for rows in families for row in rows]
    for number, row in enumerate(told):
        row["event_id"] = f"e{number:05}"
    servers = [
        {"resource_server": name, "leeway_seconds": leeway}
        for name, leeway in LEEWAY.items()
        if name and name[0] != "m"
    ]
    log = desk.write("log.ndjson", [*kept_going, *told])
    with desk.store() as store:
        store.load(log, loader=replace(loaders()["native"], dialect=None, keys_begin=begins))
        # Where so many calls come before their token's issue, the logs themselves would say that a clock is off.
        store.add(Servers(tuple(dict.fromkeys(SERVER.names) | row for row in servers)), Clocks((CLOCK,)))
        (found,) = detect.run(store, ["INT-2"], since=SINCE, until=UNTIL)
    expected = {key: said for rows in families for key, said in outside(rows, begins=begins).items()}
    rows = {
        (row["token_id"], row["tenant"]): (row["verdict"], row["detail"]["before_issue"], row["detail"]["after_expiry"])
        for row in found.to_dicts()
    }
    assert rows == expected
    often = Counter((said, bool(early)) for said, early, _ in expected.values())
    assert often.pop(("indeterminate", False)) > 0  # too late for a token that two tenants gave out
    assert len(often) == 3
    assert min(often.values()) > 4


def cloudflare(made, day="2026-07-10T"):
    """Write a change that a token made at nine, and what is told of that token at eleven."""
    ada = {"id": "ada", "type": "user"}
    called = {
        "id": "1",
        "account": {"id": "acc"},
        "action": {"result": "success", "time": f"{day}09:00:00Z", "type": "create"},
        "actor": {**ada, "context": "api_token", "token_id": "tag"},
        "raw": {"method": "POST", "status_code": 200, "uri": "/zones/z/dns_records"},
    }
    told = {"action": {"type": made, "result": True}, "actor": ada, "metadata": {"token_tag": "tag"}}
    return called, {"id": "2", "when": f"{day}11:00:00Z", **told}


def openai(made, day="2026-07-10T"):
    by_key = {"type": "api_key", "api_key": {"id": "key", "type": "service_account", "service_account": {"id": "sa"}}}
    person = {"type": "session", "session": {"user": {"id": "ada"}}}
    nine = int(datetime.fromisoformat(f"{day}09:00:00+00:00").timestamp())
    return (
        {"id": "1", "type": "project.updated", "effective_at": nine, "actor": by_key},
        {"id": "2", "type": made, "effective_at": nine + 7200, "actor": person, made: {"id": "key"}},
    )


def gitlab(made, day="2026-07-10T"):
    called = {"time": f"{day}09:00:00Z", "status": 200, "method": "GET", "path": "/api/v4/projects/3", "route": "/r"}
    called |= {"correlation_id": "1", "token_type": "PersonalAccessToken", "token_id": 12}
    told = {"event_type": made, "target_type": "PersonalAccessToken", "target_id": 12}
    return called, {
        "id": 2,
        "created_at": f"{day}11:00:00Z",
        "author_id": 1,
        "entity_id": 1,
        "entity_type": "User",
        **told,
    }


@pytest.mark.parametrize(
    ("records", "verdicts"),
    [
        (cloudflare("token_create"), ["violation"]),
        (cloudflare("token_roll"), ["indeterminate"]),
        (openai("api_key.created"), ["violation"]),
        (openai("api_key.updated"), []),
        # Two instances number their tokens alike, and no event says of which it is.
        (gitlab("personal_access_token_created"), ["indeterminate"]),
    ],
    ids=["made", "rolled", "made by its id", "changed", "made somewhere"],
)
def test_a_call_before_the_first_record_of_a_key_is_judged_where_that_is_its_making(desk, records, verdicts):
    # A log of each kind of record, as they are collected.
    paths = [desk.write(f"{number}.ndjson", [record]) for number, record in enumerate(records)]
    with desk.store(*paths) as store:
        (found,) = detect.run(store, ["INT-2"])
        assert [row["verdict"] for row in found.to_dicts()] == verdicts
