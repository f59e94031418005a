"""OOS-10 beside plain Python that walks through every call: what moved, from where, and how often."""

import ipaddress
import itertools
import json
import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import logs_from_to, moment, token, use

READ = "GET /v1/messages/7"
FAR_BACK = logs_from_to("01 08:00", "31 23:00")
ALONE, USUAL, HISTORY, MANY = timedelta(minutes=60), timedelta(hours=24), timedelta(days=14), 3
COVERED_FROM = datetime.fromisoformat(moment("01 08:00"))

# Minutes around the thresholds; some are equal, so that calls share a moment.
MINUTES = (0, 0, 30, 59, 60, 61, 90, 1380, 1439, 1440, 1441, 1500, 1500, 1500, 1510, 1520, 1530, 1600, 2000)
ADDRESSES = (
    "192.0.2.1",
    "192.0.2.200",
    "203.0.113.9",
    "203.0.113.77",
    "198.51.100.3",
    "2001:db8:1::1",
    "10.0.0.5",
    None,
)
# What registers list: a place of the strangers, parts and neighbours of it, and places of the client's own.
LISTED = (
    *("203.0.113.0/24", "203.0.113.9", "203.0.113.0/26", "203.0.113.128/25", "192.0.2.0/25", "192.0.2.0/24"),
    *("192.0.0.0/8", "2001:db8::/32", "10.0.0.0/8"),
)
AGENTS = ("acme/1.0", "acme/2.0", "curl/8", "Mozilla/5.0 (X11; Linux x86_64) Chrome/1 Safari/1", None)


CALL = st.tuples(
    st.sampled_from(MINUTES),
    st.sampled_from(ADDRESSES),
    st.sampled_from(AGENTS),
    st.sampled_from(("t1", "t1", "t1", "t2")),
    st.sampled_from((None, None, "s1")),
    st.sampled_from(("mail.example", "mail.example", "files.example")),
    st.sampled_from((200, 200, 403)),
)
CLIENTS = st.lists(
    st.tuples(
        st.sampled_from((2, 14, 15, 16, 20, 25)),
        st.lists(CALL, min_size=3, max_size=12),
        st.one_of(st.just(()), st.lists(st.sampled_from(LISTED), min_size=1, max_size=2)),
    ),
    min_size=6,
    max_size=20,
)


def written(clients):
    """Write the calls of each client, whose tokens and sessions are its own."""
    records = []
    for number, (start, calls, _) in enumerate(clients):
        for minute, ip, agent, token_id, session, server, status in calls:
            records.append(
                use(
                    f"{start + minute // 1440:02} {minute // 60 % 24:02}:{minute % 60:02}",
                    READ,
                    f"{token_id} of {number}",
                    server,
                    status,
                    client_id=f"client {number}",
                    ip=ip,
                    user_agent=agent,
                    session_id=session and f"{session} of {number}",
                    event_id=f"e-{len(records):04}",
                )
            )
    return records


def registered(clients):
    """Write the register of these clients, as a person would."""
    return "".join(
        f'[[client]]\nclient_id = "client {number}"\nnetworks = {json.dumps(listed)}\n'
        for number, (*_, listed) in enumerate(clients)
    )


def drawn(seed):
    """Draw clients who mostly stay where they are, and are joined by somebody else."""
    rng = random.Random(seed)
    home, away = ("192.0.2.1", "acme/1.0"), ("203.0.113.9", "curl/8")
    clients = []
    for _ in range(40):
        calls = [(0, *home, "t1", None, "mail.example", 200), (1441, *home, "t1", None, "mail.example", 200)]
        if rng.random() < 0.4:  # at home in three networks
            calls += [(30, ip, "acme/1.0", "t1", None, "mail.example", 200) for ip in ("198.51.100.3", "2001:db8:1::1")]
        for _ in range(rng.randint(3, 8)):
            minute = rng.choice((1500, 1510, 1520, 1530, 1540))
            where = rng.choice((home, home, away, away, (rng.choice(ADDRESSES), rng.choice(AGENTS))))
            server = rng.choice(("mail.example",) * 3 + ("files.example",))
            calls.append(
                (
                    minute,
                    *where,
                    rng.choice(("t1", "t1", "t2")),
                    rng.choice((None, "s1")),
                    server,
                    rng.choice((200, 200, 403)),
                )
            )
        clients.append((rng.choice((2, 15, 20)), calls, rng.sample(LISTED, rng.choice((0, 0, 1, 2)))))
    return clients


def network(ip, listed):
    """Return the widest listed network of an address or, where none is, the one that it lies in; and whether it is listed."""
    if ip is None:
        return None, False
    around = [each for each in map(ipaddress.ip_network, listed) if ipaddress.ip_address(ip) in each]
    if around:
        widest = min(around, key=lambda each: each.prefixlen)
        return str(widest[0] if widest.num_addresses == 1 else widest), True
    return str(ipaddress.ip_network(ip).supernet(new_prefix=24 if "." in ip else 64)), False


def program(agent):
    return {None: None, "acme/1.0": "acme", "acme/2.0": "acme", "curl/8": "curl"}.get(agent, "chrome on linux")


class Call:
    def __init__(self, record, listed):
        self.at = datetime.fromisoformat(record["used_at"])
        self.client, self.event, self.server = record["client_id"], record["event_id"], record["resource_server"]
        self.network, self.listed = network(record.get("ip"), listed)
        self.program = program(record.get("user_agent"))
        self.private = record.get("ip", "").startswith("10.")
        self.worked = record["outcome"] == "success"
        self.caller = tuple(
            record.get(name) for name in ("token_id", "session_id", "resource_server", "ip", "user_agent")
        )
        self.credentials = [("token", record["token_id"])]
        if "session_id" in record:
            self.credentials.append(("session", record["session_id"]))


def in_turn(order):
    """Tell whether there are two changes of side at least, however calls of one moment are put; each moment is the sides that called in it."""
    least = {None: 0}
    for sides in order:
        after = {}
        for one in ([side] for side in sides) if len(sides) == 1 else ([True, False], [False, True]):
            for last, count in least.items():
                changes = count + (last not in (None, one[0])) + len(one) - 1
                after[one[-1]] = min(after.get(one[-1], changes), changes)
        least = after
    return min(least.values()) >= 2


def moved(calls):
    """Return what OOS-10 has to say of the calls of one client: by program, verdict, credentials, changes and events."""
    came = {}
    for call in calls:
        if call.program:
            came[call.program] = min(came.get(call.program, call.at), call.at)
    known_from = min(call.at for call in calls)
    findings = {}
    for name, came_at in came.items():
        if came_at < known_from + ALONE:
            continue
        older = [call for call in calls if call.program is None or came[call.program] < came_at]
        mine = [call for call in calls if call.program == name]
        first_mine, first_older = first_by_network(mine), first_by_network(older)
        listed = {call.network for call in calls if call.listed}
        new = {each for each, at in first_mine.items() if each not in first_older or first_older[each] > at} - listed
        if any(at == came_at and (each is None or each not in new) for each, at in first_mine.items()):
            continue
        found = judge(calls, name, came, new - {None}, first_mine, first_older, known_from)
        if found:
            findings[name] = found
    return findings


def first_by_network(calls):
    first = {}
    for call in calls:
        first[call.network] = min(first.get(call.network, call.at), call.at)
    return first


def judge(calls, name, came, new, first_mine, first_older, known_from):
    came_at = came[name]
    sides = defaultdict(list)
    its_own = {credential for call in calls if call.program == name for credential in call.credentials}
    for call in calls:
        if call.network and call.program and (came[call.program] >= came_at) == (call.network in new):
            for credential in its_own.intersection(call.credentials):
                sides[credential].append((call, call.network in new))
    turned = {}
    for credential, used in sides.items():
        at = sorted({call.at for call, _ in used})
        worked = any(call.worked for call, away in used if not away)
        if worked and in_turn([{away for call, away in used if call.at == each} for each in at]):
            turned[credential] = used
    if any(kind == "token" for kind, _ in turned):
        turned = {credential: used for credential, used in turned.items() if credential[0] == "token"}
    before = defaultdict(set)
    for call in calls:
        for credential in call.credentials:
            if call.at < came_at and call.network and not call.listed:
                before[credential].add(call.network)
    if not turned or max(map(len, before.values()), default=0) >= MANY:
        return None
    everything = [each for used in turned.values() for each in used]
    away, home = ([call for call, is_away in everything if is_away is side] for side in (True, False))
    earlier = [call for call in calls if call.at < came_at]
    callers = {call.caller for call in earlier}  # those who were there before count with all their calls
    counted = [call for call in calls if call.caller in callers]
    untold = sum(call.program is None or call.network is None for call in counted) / len(counted)
    reasons = [
        came_at - HISTORY < COVERED_FROM - HISTORY * 0.05 and "cover",
        came_at - known_from < USUAL and "shortly",
        untold > 0.05 and "do not tell their place",
        bool(first_mine.keys() - new - {None}) and "changed",
        any(each in first_older for each in new) and "moved there",
        any(call.private for call in away) != any(call.private for call in home) and "private",
        not {call.server for call in away} & {call.server for call in home} and "different servers",
    ]
    changes, events = 0, []
    for used in turned.values():
        order = sorted(used, key=lambda each: (each[0].at, each[1], each[0].event))
        changes += sum(a[1] != b[1] for a, b in itertools.pairwise(order))
        for before_it, it, after in zip([None, *order], order, [*order[1:], None], strict=False):
            if any(near and near[1] for near in (before_it, it, after)):
                events.append(it[0].event)
    return {
        "reasons": [reason for reason in reasons if reason],
        "credentials": sorted(name for _, name in turned),
        "changes": changes,
        "events": sorted(events),
        "worked": any(call.worked for call in away),
        "networks": (sorted({call.network for call in home}), sorted({call.network for call in away})),
    }


REASONS = {
    "does not cover": "cover",
    "too shortly": "shortly",
    "do not tell their place": "do not tell their place",
    "may have been changed": "changed",
    "may have moved there": "moved there",
    "private": "private",
    "different servers": "different servers",
}


def told(clients, prepared, folder):
    """Return what OOS-10 says of these clients, in the words of `moved`."""
    folder.mkdir(exist_ok=True)
    log, register = folder / "log.ndjson", folder / "register.toml"
    log.write_text("".join(json.dumps(record) + "\n" for record in (*FAR_BACK, *written(clients))))
    register.write_text(registered(clients))
    with prepared() as store:
        assert store.load(log).total("rejected") == 0
        store.add(Register.read(register))
        (found,) = detect.run(store, ["OOS-10"], evidence="all")
        return {
            (row["client_id"], row["detail"]["program"]): {
                "reasons": [short for text, short in REASONS.items() if text in (row["detail"]["reason"] or "")],
                "credentials": row["detail"]["credentials"],
                "changes": row["detail"]["changes_of_place"],
                "events": sorted(pointer["event_id"] for pointer in row["evidence"]),
                "worked": not row["title"].count("refused there"),
                "networks": (row["detail"]["known_place"]["networks"], row["detail"]["new_place"]["networks"]),
            }
            for row in found.to_dicts()
            if (row["verdict"] == "violation") is (row["detail"]["reason"] is None)
        }


def expected(clients):
    """Return the same from the records and the lists alone."""
    by_client = defaultdict(list)
    lists = {f"client {number}": listed for number, (*_, listed) in enumerate(clients)}
    for record in written(clients):
        call = Call(record, lists[record["client_id"]])
        by_client[call.client].append(call)
    return {(client, name): found for client, calls in by_client.items() for name, found in moved(calls).items()}


@settings(
    max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clients=CLIENTS)
def test_any_calls_beside_plain_python(prepared, tmp_path, clients):
    assert told(clients, prepared, tmp_path) == expected(clients)


@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_clients_who_are_joined_by_a_stranger(prepared, tmp_path, seed):
    clients = drawn(seed)
    right = expected(clients)
    unlisted = expected([(start, calls, ()) for start, calls, _ in clients])
    assert right.keys() - unlisted.keys(), "a client roams no longer, as its places are listed"
    assert unlisted.keys() - right.keys(), "a list made the second place known"
    assert {bool(found["reasons"]) for found in right.values()} == {True, False}
    assert len(right) < 40, "some stay silent"
    assert told(clients, prepared, tmp_path) == right


KEYS = st.sampled_from((None, "key-1", "key-2", "key-2="))
PROVEN = st.tuples(
    st.sampled_from(("t1", "t2", "t3")),
    KEYS,
    st.sampled_from(("mail.example", "files.example")),
    st.integers(0, 5),
    st.sampled_from((200, 200, 401)),
)


BOUND = st.tuples(st.dictionaries(st.sampled_from(("t1", "t2", "t3")), KEYS, min_size=3), st.lists(PROVEN, max_size=12))
"""The keys to which the tokens of a source are bound, and the calls with them."""


def called(bound, calls):
    """Return the records of a source, and which calls with another key or with none are to be told of."""
    records = [
        token("10 08:00", name, ["mail.read"], cnf_jkt=key, client_id=f"of {name}", event_id=name)
        for name, key in bound.items()
    ]
    records += [
        use(f"10 09:0{minute}", READ, name, server, status, client_id=f"of {name}", dpop_jkt=key, event_id=f"e{n:02}")
        for n, (name, key, server, minute, status) in enumerate(calls)
    ]
    right = defaultdict(list)
    for n, (name, key, server, minute, status) in enumerate(calls):
        own = (bound[name] or "").rstrip("=")
        shown = any(k and s == server and m < minute for _, k, s, m, _ in calls)
        if own and status == 200 and (key.rstrip("=") != own if key else shown):
            right[f"of {name}", "another key" if key else "no key"].append(f"e{n:02}")
    return records, {about: sorted(events) for about, events in right.items()}


@settings(
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(worlds=st.lists(BOUND, min_size=7, max_size=7))
def test_bound_tokens_beside_plain_python(prepared, tmp_path, worlds):
    """Seven worlds side by side, each a source."""
    right, log = {}, tmp_path / "log.ndjson"
    with log.open("w") as file:
        for number, (bound, calls) in enumerate(worlds):
            records, found = called(bound, calls)
            right |= {(f"w{number}", *about): events for about, events in found.items()}
            file.writelines(json.dumps(record | {"source": f"w{number}"}) + "\n" for record in (*FAR_BACK, *records))
    with prepared() as store:
        store.load(log)
        (found,) = detect.run(store, ["OOS-10"], evidence="all")
        told_of = {
            (row["source"], row["client_id"], row["detail"]["fault"]): sorted(
                p["event_id"] for p in row["evidence"][1:]
            )
            for row in found.to_dicts()
        }
    assert told_of == right


def test_only_calls_after_the_first_key_of_a_server_count_as_made_without_one(prepared, tmp_path):
    records = [
        token("10 08:00", "t1", ["mail.read"], cnf_jkt="key-1", event_id="issue"),
        use("10 09:00", READ, dpop_jkt="key-1", event_id="with"),
        *(use(f"10 09:0{minute}", READ, event_id=f"without-{minute}") for minute in (0, 1, 2)),
    ]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with prepared() as store:
        store.load(log)
        (found,) = detect.run(store, ["OOS-10"])
    ((row,), shown) = found.to_dicts(), ["issue", "without-1", "without-2"]
    assert [pointer["event_id"] for pointer in row["evidence"]] == shown
    assert (row["verdict"], row["events"], row["detail"]["new_place"]["calls"]) == ("violation", 3, 2)


def test_what_is_usual_for_a_client_is_known_after_a_day(prepared, tmp_path):
    for minute, verdict in ((1439, "indeterminate"), (1440, "violation")):
        home, away = ("192.0.2.1", "acme/1.0", "t1", None, "mail.example", 200), ("203.0.113.9", "curl/8", "t1", None)
        calls = [(0, *home), (minute, *away, "mail.example", 200), (1500, *home)]
        found = told([(20, calls, ())], prepared, tmp_path)
        assert [bool(each["reasons"]) for each in found.values()] == [verdict == "indeterminate"]
