"""GOV-4 beside plain Python, over clients and makers of several tenants, owners, keys that are used and switched on again; and its edges in time."""

import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from grantlens import detect
from grantlens.register.networks import ranges
from grantlens.register.register import Register
from grantlens.rule.example import consent, revoked, token, use
from grantlens.schema.register import REGISTER

BEGIN = datetime.fromisoformat("2026-07-01T00:00:00+00:00")
SINCE, UNTIL = BEGIN + timedelta(hours=60), BEGIN + timedelta(hours=220)
SETTLED, HISTORY, USE = timedelta(hours=24), timedelta(days=4), timedelta(days=2)
PARAMETERS = {"maker_days": 4, "settled_hours": 24, "regular_clients": 2, "use_days": 2}
OWNERS = {"a": "U ", "b": "boss@example.com", "c": " ", "d": None}
HOME = "192.0.2"
PLACES = (f"{HOME}.7", "198.51.100.7", "203.0.113.7")
AGENTS = ("sync/1.0", "sync/2.0", "curl/8")
LISTED = "203.0.113.0/24"  # by the register, for clients of owner a
ITSELF = {"subject_id": None, "subject_kind": "service", "grant_id": None}

CLIENTS = [f"{owned}{number}" for owned in OWNERS for number in range(5)]
MAKERS = ["u", "v", "w", "x@example.com", "y", "z1", "z2", "z3", "itself", None]
WHATS = ["made"] * 4 + ["again", "removed", "consent", "own consent", "denied"] + ["call"] * 6 + ["token"] * 2
REASONS = ("who made it", "does not cover", "another tenant", "is in no log", "names an owner", None)


def deeds(seed):
    """Return what is done to some clients, each by a few people, in one tenant or several."""
    rng = random.Random(seed)
    world = []
    for client in CLIENTS:
        makers = rng.sample(MAKERS, rng.choice((1, 2, 3)))
        tenants = rng.choice((*[[None]] * 6, ["n"], ["n", None], ["n", "s"], ["n", "n", "s", None]))
        places, agents = rng.choice((([0], [0]), ([0, 0, 0, 1, 2, None], [0, 0, 0, 1, 2, None])))
        for _ in range(rng.randrange(2, 9)):
            deed = {
                "what": rng.choice(WHATS),
                "client": client,
                "actor": rng.choice(makers),
                "hour": rng.randrange(1, 239),
                "tenant": rng.choice(tenants),
                "key": rng.randrange(4),
                "place": rng.choice(places),
                "agent": rng.choice(agents),
                "person": rng.random() < 0.3,
                "lists": rng.random() < 0.4,
                "service": rng.random() < 0.3,
            }
            world.append(deed)
            if deed["what"] == "made":  # a second one of the same evening, and what is done with them
                hour = deed["hour"]
                world += [deed | {"hour": min(hour + rng.randrange(9), 239)}] * rng.choice((0, 0, 1))
                for what in rng.choices(("call", "call", "token"), k=rng.randrange(4)):
                    later = min(hour + rng.randrange(60), 239)
                    world.append(
                        deed
                        | {
                            "what": what,
                            "hour": later,
                            "place": rng.choice(places),
                            "agent": rng.choice(agents),
                            "key": -1,
                        }
                    )
    return world


def acts_for_itself(row):
    return row.get("subject_id") is None or row.get("subject_kind") == "service"


def stamp(at):
    return at.strftime("%d %H:%M")


def credential(at, key, actor, client="app", **more):
    named = {"kind": "credential", "token_kind": "api_key", "client_id": client, "consent_actor": actor}
    return token(stamp(at), key, None, **{**ITSELF, **named, **more})


def log(world):
    """Write each deed as one record; what names a key of its client names one of those made so far, or a foreign one."""
    rows, keys = [], {}
    for number, deed in enumerate(sorted(enumerate(world), key=lambda each: (each[1]["hour"], each[0]))):
        one, at = deed[1], BEGIN + timedelta(hours=deed[1]["hour"], minutes=number)
        client, what = one["client"], one["what"]
        actor = client if one["actor"] == "itself" else one["actor"]
        mine = keys.setdefault(client, [f"older of {client}"])
        key = mine[one["key"] % len(mine)]
        who = {"client_id": client, "tenant": one["tenant"], "event_id": f"e{number}"}
        subject = "ann" if one["person"] else None
        place = {
            "ip": None if one["place"] is None else PLACES[one["place"]],
            "user_agent": None if one["agent"] is None else AGENTS[one["agent"]],
            "subject_id": subject,
        }
        if what == "made":
            listed = {"earlier_keys": [name for name in mine if not name.startswith("t")]} if one["lists"] else {}
            if one["lists"] and one["key"]:  # the older one was on another list, or is gone
                listed["earlier_keys"].remove(mine[0])
            mine.append(f"k{number}")
            rows.append(credential(at, mine[-1], actor, **who, **listed))
        elif what == "denied":
            rows.append(credential(at, f"k{number}", actor, outcome="denied", **who))
        elif what == "again":
            rows.append(credential(at, key, actor, **who))
        elif what == "removed":
            rows.append(revoked(stamp(at), "credential", token_id=key, subject_id=None, actor_id=actor, **who))
        elif what in ("consent", "own consent"):
            own = what == "own consent" and actor is not None
            rows.append(
                consent(
                    stamp(at),
                    ["mail.read"],
                    None,
                    consent_actor=actor,
                    consent_kind=None if own else "admin",
                    **{**who, "subject_id": actor if own else subject},
                )
            )
        elif what == "token":
            itself = {"subject_id": "svc", "subject_kind": "service"} if one["service"] else {"subject_id": subject}
            rows.append(token(stamp(at), f"t{number}", None, parent_token_id=key, grant_id=None, **itself, **who))
            mine.append(f"t{number}")
        else:
            rows.append(use(stamp(at), "GET /v1/x", key, "jobs.example", **{**place, **who}))
    return rows


def when(row):
    return datetime.fromisoformat(next(row[name] for name in ("issued_at", "used_at", "revoked_at") if name in row))


def added(rows):
    """Return what GOV-4 finds: (client, tenant, actor) -> verdict, severity, keys, hands, uses, networks, programs, reason."""
    traces = [row for row in rows if row["outcome"] == "success"]
    tenants = {
        client: {row.get("tenant") for row in traces if row["client_id"] == client} - {None} for client in CLIENTS
    }
    ids = {row.get(name) for row in rows for name in ("client_id", "subject_id")} - {None}

    made = {row["token_id"] for row in traces if row["log"] == "issuance" and "token_id" in row}

    def home(row):
        told = tenants[row["client_id"]]
        return row.get("tenant") or (min(told) if len(told) == 1 else None)

    def meets(first, second):
        return first == second or None in (first, second)

    work = []  # (tenant, client, actor, when, whether on credentials)
    for row in traces:
        if row["log"] == "issuance" and row.get("consent_actor"):
            own = row.get("consent_kind") == "user" or row["consent_actor"] == row.get("subject_id")
            if row["kind"] == "credential" or (row["kind"] == "consent" and not own):
                work.append((home(row), row["client_id"], row["consent_actor"], when(row), row["kind"] == "credential"))
        if row["log"] == "revocation" and row.get("actor_id"):
            work.append((home(row), row["client_id"], row["actor_id"], when(row), True))

    def told_of(row):
        return row.get("tenant"), row.get("token_id")

    def judge(row):
        """Return why this key is undecided, None if it is not; and what is told of it. Nothing where it is excused."""
        at, client, actor, here = when(row), row["client_id"], row.get("consent_actor"), home(row)
        before = [each for each in work if each[3] < at - SETTLED and meets(each[0], here)]
        sure = [each for each in before if each[0] == here]
        if actor == client or (OWNERS[client[0]] or "").strip().lower() == (actor or "?").lower():
            return None

        def knows(deeds):
            about = {each[1] for each in deeds if each[2] == actor and each[4]} - {client}
            return actor and (any(each[1:3] == (client, actor) for each in deeds) or len(about) >= 2)

        def hands(deeds):
            return sorted({each[2] for each in deeds if each[1] == client and each[4] and each[2] != actor})

        mine = [each for each in traces if each["client_id"] == client and meets(home(each), here)]
        worked = any(
            acts_for_itself(each)
            and (each["log"] == "usage" or each.get("kind") == "token")
            and when(each) < at - SETTLED
            for each in mine
        )
        # A key with which it signs in at any time, and that no record makes.
        worked = worked or any(
            each.get("kind") == "token" and acts_for_itself(each) and each["parent_token_id"] not in made
            for each in mine
        )
        # A key that its record lists, unless its own was written on that evening.
        evening = {
            key: min(when(each) for each in traces if each.get("kind") == "credential" and told_of(each) == key)
            for key in {told_of(each) for each in traces if each.get("kind") == "credential"}
        }
        older = sorted(
            key
            for key in set(row.get("earlier_keys", ()))
            if not at - SETTLED <= evening.get((row.get("tenant"), key), UNTIL) <= at
        )
        if knows(sure) or not (hands(before) or worked or older):
            return None
        calls = [each for each in mine if each["log"] == "usage" and when(each) < UNTIL]
        got = {row["token_id"]} | {
            each["token_id"] for each in traces if each.get("parent_token_id") == row["token_id"]
        }
        used = [each for each in calls if each["token_id"] in got and at <= when(each) <= at + USE]
        earlier = [each for each in calls if when(each) < at]

        def new(name, plain):
            known = {plain(each[name]) for each in earlier if name in each}
            return {plain(each[name]) for each in used if name in each} - known if known else set()

        networks = new("ip", lambda ip: ip.rpartition(".")[0] + ".0/24") - ({LISTED} if client[0] == "a" else set())
        programs = new("user_agent", lambda agent: agent.split("/")[0])
        owner = (OWNERS[client[0]] or "").strip()
        unknown = owner and owner.lower() not in ids and not ("@" in owner and "@" in (actor or ""))
        reason = next(
            (
                word
                for word, holds in (
                    ("who made it", not actor),
                    ("does not cover", (at - max(BEGIN, at - HISTORY)) / HISTORY < 0.95),
                    ("another tenant", knows(before) or (not hands(sure) and hands(before))),
                    ("is in no log", not hands(sure)),
                    ("names an owner", unknown and not networks and not programs),
                )
                if holds
            ),
            None,
        )
        return reason, row["token_id"], hands(sure), len(used), networks, programs, older

    found, seen = {}, set()
    for row in sorted(traces, key=when):
        key = (row.get("tenant"), row.get("token_id"))
        keyed = row.get("kind") == "credential" or row.get("target_kind") == "credential"
        if row.get("kind") == "credential" and key not in seen and SINCE <= when(row) < UNTIL and (told := judge(row)):
            found.setdefault((row["client_id"], home(row), row.get("consent_actor")), []).append(told)
        if keyed:
            seen.add(key)
    return {
        key: {
            "verdict": "violation" if any(each[0] is None for each in all_of) else "indeterminate",
            "severity": "high" if any(each[4] or each[5] for each in all_of) else "medium",
            "credentials": sorted(each[1] for each in all_of),
            "known_hands": sorted({hand for each in all_of for hand in each[2]}),
            "older_keys": sorted({key for each in all_of for key in each[6]}),
            "uses": sum(each[3] for each in all_of),
            "new_networks": sorted({network for each in all_of for network in each[4]}),
            "new_programs": sorted({program for each in all_of for program in each[5]}),
            "reason": None if any(each[0] is None for each in all_of) else all_of[0][0],
        }
        for key, all_of in found.items()
    }


def register():
    rows = [{"client_id": client, "owner": OWNERS[client[0]]} for client in CLIENTS if client[0] != "d"]
    listed = [row | {"networks": ranges([LISTED])} if row["client_id"][0] == "a" else row for row in rows]
    return Register(tuple(dict.fromkeys(REGISTER.names) | row for row in listed))


def ends():
    """Return records of another client that make the issuance log reach from the beginning to the 20th."""
    return [
        token(stamp(at), f"t-{at.day}", None, client_id="z", subject_id="zoe", grant_id="z", event_id=f"z{at.day}")
        for at in (BEGIN, BEGIN + timedelta(days=19))
    ]


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # each world is a store: to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_beside_plain_python(desk, seed):
    desk.folder = Path(tempfile.mkdtemp(dir=desk.folder))
    records = log(deeds(seed))
    with desk.store(desk.write("log.ndjson", [*records, *ends()])) as store:
        store.add(register())
        assert not store.engine.value("SELECT count(*) FROM coverage WHERE is_gap AND log = 'issuance'")
        (found,) = detect.run(store, ["GOV-4"], parameters=PARAMETERS, since=SINCE.isoformat(), until=UNTIL.isoformat())
    expected = added(records)
    told = {}
    for row in found.to_dicts():
        assert row["evidence"]
        key = (row["client_id"], row["tenant"], row["detail"]["actor"])
        names = expected.get(key, {"verdict": None})
        told[key] = {name: row[name] if name in ("verdict", "severity") else row["detail"].get(name) for name in names}
        if (reason := told[key].get("reason")) and names["reason"] and names["reason"] in reason:
            told[key]["reason"] = names["reason"]
    assert told == expected


def test_such_worlds_tell_of_everything():
    found = [each for seed in range(40) for each in added(log(deeds(seed))).values()]
    assert {each["reason"] for each in found} == set(REASONS)
    assert {(each["verdict"], each["severity"]) for each in found} >= {
        (verdict, severity) for verdict in ("violation", "indeterminate") for severity in ("medium", "high")
    }
    assert {len(each["credentials"]) for each in found} >= {1, 2}
    assert all(any(each[name] for each in found) for name in ("known_hands", "new_networks", "new_programs"))


def test_in_such_worlds_some_clients_are_older_by_what_a_record_lists_alone():
    logs = [log(deeds(seed)) for seed in range(3)]
    bare = [[{name: row[name] for name in row if name != "earlier_keys"} for row in rows] for rows in logs]
    assert any(set(added(rows)) > set(added(less)) for rows, less in zip(logs, bare, strict=True))
