"""OOS-8 beside plain Python, over random objects, types, calls and consents."""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.clocks import Clocks
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.rule.example import consent, moment, revoked, token, use
from grantlens.schema.register import DETAILS_TYPE

ERROR = 5.0
ALIAS = {"urn:bank:pay": "Payments", "pay.example": "Payments", "urn:bank:books": "Books"}
LOCATIONS = (
    "https://Pay.example/",
    "https://pay.example/v1",
    "https://ledger.example",
    "urn:bank:pay",
    "urn:bank:books",
    "urn:unknown",
)
SERVERS = ("pay.example", "ledger.example", "https://ledger.example/v1/books", "gateway", None)
OPERATIONS = ("POST /v1/payments", "GET /v1/payments/7", "POST /v1/transfers", "GET /v1/status")


def registered(seed):
    """Return two types of this log, and one of another."""
    rng = random.Random(f"types {seed}")

    def absent():
        return {f"absent_{name}": rng.choice(("any", "any", "none", None)) for name in MEMBERS}

    def operation(name, *actions):
        return {
            "operation": name,
            "action": rng.choice((*actions, None)),
            "datatype": rng.choice(("order", "order", None)),
        }

    payment = [operation("POST /v1/payments", "initiate"), operation("GET /v1/payments/*", "status")]
    return (
        {"type": "payment", "passed_over": ["creditor"], "operations": payment, **absent()},
        {"type": "ledger", "source": "native", "operations": [operation("POST /v1/*", "write")], **absent()},
        {"type": "foreign", "source": "okta", "operations": [operation("GET /v1/status", "read")], **absent()},
    )


MEMBERS = ("actions", "locations", "datatypes", "identifier")


def an_object(rng):
    some = {
        "actions": (
            ["initiate"],
            ["status", "initiate"],
            "initiate",
            ["write"],
            ["status"],
            [],
            [None],
            {"a": 1},
            [["initiate"]],
        ),
        "locations": [rng.sample(LOCATIONS, rng.choice((1, 1, 2))) for _ in range(4)],
        "datatypes": (["order"], ["order", "balance"], ["balance"]),
        "identifier": ("a1", "a1", "a2", ["a1", "a3"], 7),
        "creditor": ({"name": "Ben"},),
        "amount": (5,),
        "privileges": (["admin"], None),
    }
    likely = {
        "actions": 0.8,
        "identifier": 0.7,
        "locations": 0.4,
        "datatypes": 0.4,
        "creditor": 0.2,
        "amount": 0.1,
        "privileges": 0.05,
    }
    members = {name: rng.choice(some[name]) for name in some if rng.random() < likely[name]}
    kind = rng.choice(("payment",) * 8 + ("ledger",) * 3 + ("foreign", "strange", None, 7))
    return members if kind is None else {"type": kind, **members}


def details(rng):
    roll = rng.random()
    if roll < 0.08:
        return rng.choice(([], "text", [1], {"role": "admin"}, [{"type": "strange"}]))
    if roll < 0.2:
        return an_object(rng)
    return [an_object(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]


def at(second):
    minutes, rest = divmod(second, 60)
    return f"10 {9 + int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:09.6f}"


def seconds(text):
    return (datetime.fromisoformat(text) - datetime.fromisoformat(moment("10 09:00"))).total_seconds()


def story(seed):
    """Return records of clients of their own: consents at moments, tokens that name details or none, calls by token or grant."""
    rng = random.Random(seed)
    for number in range(110):
        who = {"client_id": f"c{number}", "grant_id": f"g{number}"}
        where = {"tenant": home} if (home := rng.choice((None, None, "north"))) else {}
        opened = rng.choice((0, 1, 1, 2, 3))
        for when in sorted(rng.sample((0.25, 600.5, 606.25, 640.0), opened)):
            says = {"authorization_details": details(rng)} if rng.random() < 0.9 else {}
            yield consent(at(when), None, **who, **where, **says)
        tokens = []
        for nth in range(rng.choice((1, 1, 2))):
            says = {"authorization_details": details(rng)} if rng.random() < (0.6 if opened else 0.95) else {}
            yield token(at(rng.choice((300.25, 601.5))), f"t{number}-{nth}", [], **who, **where, **says)
            tokens.append(f"t{number}-{nth}")
        for _ in range(rng.choice((1, 2, 3, 4))):
            named = rng.choice((*tokens, *tokens, *tokens, "unseen", None))
            called = {
                "client_id": who["client_id"],
                "grant_id": who["grant_id"] if named in ("unseen", None) else None,
                "resource_server": rng.choice(SERVERS),
                "resource_id": rng.choice(("a1", "a1", "a1", "a2", "7", None)),
                "status": rng.choice((200, 200, 200, 200, 403)),
            }
            when = rng.choice((602.75, 608.0, 612.5, 629.9, 651.0, 900.0))
            yield use(at(when), rng.choice(OPERATIONS[:2] * 4 + OPERATIONS), named and f"{named}", **called, **where)


def read(name):
    """Return what tells a name from others: without scheme, path's end and usual port; and whether it has no scheme."""
    key = name.lower().split("://")[-1].rstrip("/")
    return key, "://" not in name and not name.lower().startswith("urn:x")


def are_one(one, other):
    if one in ALIAS and other in ALIAS:
        return ALIAS[one] == ALIAS[other]
    a, b = read(one)[0] + "/", read(other)[0] + "/"
    return a.startswith(b) or b.startswith(a)


def texts(value):
    """Return a member as a list of texts; None where it holds anything else."""
    listed = value if isinstance(value, list) else [value]
    if any(each is None or isinstance(each, (dict, list)) for each in listed):
        return None
    return [str(each) for each in listed]


def fits(one, kind, operation, call, is_location):
    """Return what each member of an object says of a call: 2 covers, 0 does not, 1 nothing tells."""
    asked = {
        "actions": operation["action"],
        "datatypes": operation["datatype"],
        "identifier": call.get("resource_id"),
        "locations": call.get("resource_server"),
    }
    for member, wanted in asked.items():
        value = one.get(member)
        if value is None:
            yield {"any": 2, "none": 0, None: 1}[kind[f"absent_{member}"]]
        elif (listed := texts(value)) is None:
            yield 1
        elif not listed:
            yield 0 if kind[f"absent_{member}"] == "none" else 1
        elif wanted is None:
            yield 1
        elif member == "locations":
            yield is_location(wanted, listed, call.get("tenant"))
        else:
            yield 2 if wanted in listed else 0
    rest = set(one) - {"type", *MEMBERS, *(kind.get("passed_over") or ())}
    yield 1 if rest else 2


def names(pattern, call):
    """Say whether an operation of the register is that of a call."""
    called = f"{call['method']} {call['target']}"
    return called.startswith(pattern[:-1]) if pattern.endswith("*") else called == pattern


def covers(granted, call, types, is_location):
    """Return 2 where what was granted covers a call, 0 where it does not, 1 where nothing tells."""
    objects = granted if isinstance(granted, list) else [granted]
    known = {kind["type"]: kind for kind in types if kind.get("source") in (None, "native")}
    readable = [one for one in objects if isinstance(one, dict) and isinstance(one.get("type"), str)]
    best = max(
        (
            min(fits(one, known[one["type"]], operation, call, is_location))
            for one in readable
            if one["type"] in known
            for operation in known[one["type"]]["operations"]
            if names(operation["operation"], call)
        ),
        default=0,
    )
    if best < 2 and (len(readable) < len(objects) or (objects and not any(one["type"] in known for one in readable))):
        return 1
    return best


def told_by(records, types):
    """Return what a reader of all records finds: verdict and number of calls by client and operation."""
    calls = [row for row in records if row["log"] == "usage"]
    issues = [row for row in records if row["log"] == "issuance"]
    tokens = {row["token_id"]: row for row in issues if "token_id" in row}
    named = defaultdict(set)
    for row in issues:
        value = row.get("authorization_details")
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and one.get("locations"):
                named[row.get("tenant")].update(texts(one["locations"]))
    called = defaultdict(set)
    for row in calls:
        called[row.get("tenant")].add(row.get("resource_server"))

    def is_location(server, listed, tenant):
        if any(are_one(server, each) for each in listed):
            return 2
        in_use = all(each in ALIAS or any(s and are_one(s, each) for s in called[tenant]) for each in listed)
        meant = server in ALIAS or any(are_one(server, each) for each in named[tenant])
        return 0 if in_use and meant else 1

    found = defaultdict(list)
    for call in calls:
        claimed = [
            operation["operation"]
            for kind in types
            if kind.get("source") in (None, "native")
            for operation in kind["operations"]
            if names(operation["operation"], call)
        ]
        if call["outcome"] != "success" or not claimed:
            continue
        own = tokens.get(call.get("token_id"), {})
        grant = own.get("grant_id", call.get("grant_id"))
        when, is_last = seconds(call["used_at"]), []
        if own.get("authorization_details") is not None:
            candidates = [own["authorization_details"]]
        else:
            rows = [row for row in issues if row.get("grant_id") == grant]
            consents = [row for row in rows if row["kind"] == "consent"]
            first = min((seconds(row["issued_at"]) for row in consents), default=10**6)
            rows = [*consents, *(row for row in rows if row["kind"] != "consent" and seconds(row["issued_at"]) < first)]
            rows = [row for row in rows if seconds(row["issued_at"]) - 2 * ERROR <= when]
            last = max((seconds(row["issued_at"]) for row in rows), default=None)
            candidates = [row.get("authorization_details") for row in rows]
            if last is not None and last + 2 * ERROR < when:
                is_last = [row.get("authorization_details") for row in consents if seconds(row["issued_at"]) == last]
        answers = [1 if each is None else covers(each, call, types, is_location) for each in candidates]
        last_answers = [1 if each is None else covers(each, call, types, is_location) for each in is_last]
        if (answers and min(answers) == 2) or (last_answers and min(last_answers) == 2):
            continue
        key = (call["client_id"], min(claimed), call.get("tenant"))
        found[key].append("violation" if answers and max(answers) == 0 else "indeterminate")
    return {key: ("violation" if "violation" in said else "indeterminate", len(said)) for key, said in found.items()}


@pytest.mark.parametrize("seed", range(6))
def test_objects_beside_plain_python(desk, kept_going, seed):
    going = [{**row, **where} for where in ({}, {"tenant": "north"}) for row in kept_going]
    types = registered(seed)
    told = [{**row, "event_id": f"e{number:05}"} for number, row in enumerate(story(seed))]
    others = [{**row, "event_id": f"k{number:05}"} for number, row in enumerate(going)]
    with desk.store(desk.write("log.ndjson", [*others, *told])) as store:
        store.add(Register((), (), tuple(dict.fromkeys(DETAILS_TYPE.names) | kind for kind in types)))
        store.add(
            Identities(
                tuple({"kind": "server", "name": name, "source": "native", "id": id_} for id_, name in ALIAS.items())
            )
        )
        (found,) = detect.run(store, ["OOS-8"])
        rows = found.to_dicts()
    says, called = {}, {row["event_id"] for row in told if row["log"] == "usage"}
    for row in rows:
        records = {each["event_id"] for each in row["evidence"]}
        assert records
        assert bool(row["detail"]["reasons"]) is (row["verdict"] == "indeterminate")
        calls = sum(each in called for each in records)
        assert row["events"] == len(records)
        says[row["client_id"], row["operation"], row["tenant"]] = (row["verdict"], calls)
    expected = told_by(told, types)
    assert len(says) == len(rows)
    assert says == expected
    assert {verdict for verdict, _ in says.values()} == {"violation", "indeterminate"}


def test_each_member_that_says_nothing_to_go_by(desk):
    kind = {
        "type": "payment",
        **{f"absent_{name}": "any" for name in MEMBERS},
        "operations": [{"operation": "POST /v1/payments", "action": "initiate", "datatype": "order"}],
    }
    covers_it = {
        "type": "payment",
        "actions": ["initiate"],
        "datatypes": ["order"],
        "locations": ["pay.example"],
        "identifier": "a1",
    }
    records, expected = [], {}
    for member in MEMBERS:
        for name, value, verdict in (
            ("none", [], f"an object lists no `{member}`, and whether that is all or none is not told"),
            ("table", {"a": 1}, "a member of an object is no list of texts"),
            ("mixed", ["x", None], "a member of an object is no list of texts"),
            ("absent", None, None),
            ("text", covers_it[member], None),
        ):
            client = f"{member} {name}"
            granted = [{**covers_it, member: value}]
            records += [
                token("10 09:00", client, [], client_id=client, authorization_details=granted, grant_id=client),
                use(
                    "10 09:01", "POST /v1/payments", client, "pay.example", client_id=client, resource_id="a1"
                ),
            ]  # fmt: skip
            if verdict:
                expected[client] = [verdict]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {row["client_id"]: row["detail"]["reasons"] for row in rows} == expected


def test_a_call_says_how_it_came_to_its_grant_and_only_of_its_own_tenant(desk):
    """The pair of client and subject finds the one grant; a token of another tenant is not its own, nor is a grant for everyone there."""
    kind = {"type": "payment", "absent_actions": "none", "operations": [{"operation": "POST /v1/payments"}]}
    nothing = {"authorization_details": [{"type": "payment"}], "tenant": "one"}
    records = [
        consent("10 09:00", None, "g1", **nothing),
        consent("10 09:00", None, "g2", subject_id=None, client_id="app", consent_kind="admin", tenant="two"),
        token("10 09:00", "t1", [], grant_id="g3", client_id="other", **nothing),
        token("10 09:00", "t1", [], grant_id="g4", client_id="other", tenant="two", authorization_details=None),
        use("10 09:30", "POST /v1/payments", None, tenant="one"),
        use("10 09:31", "POST /v1/payments", "t1", client_id="other", tenant="one"),
        use("10 09:32", "POST /v1/payments", "t1", client_id="other", tenant="two"),
    ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {(row["tenant"], row["client_id"]): (row["verdict"], row["join_key"], row["grant_id"]) for row in rows} == {
        ("one", "app"): ("violation", "client_subject", "g1"),
        ("one", "other"): ("violation", "token", "g3"),
        ("two", "other"): ("indeterminate", "token", "g4"),
    }


def test_which_records_tell_what_was_granted(desk):
    """Every issue of the token that says so, whatever its kind; else consents and changes of the grant, of the life in which the call fell; and of
    tokens alone nobody knows which was used.
    """
    kind = {
        "type": "payment",
        "absent_actions": "none",
        **{f"absent_{name}": "any" for name in MEMBERS[1:]},
        "operations": [{"operation": "POST /v1/payments", "action": "initiate"}],
    }

    def says(*actions):
        return {"authorization_details": [{"type": "payment", "actions": list(actions)}]}

    def pay(client, name=None, when="10 11:00"):
        return use(when, "POST /v1/payments", name, client_id=client, grant_id=None if name else client)

    records = []
    for issued in ("token", "refresh", "exchange", "credential"):
        records += [
            consent("10 08:00", None, issued, client_id=issued, **says("initiate")),
            token("10 09:00", f"t-{issued}", [], kind=issued, client_id=issued, grant_id=issued, **says("status")),
            pay(issued, f"t-{issued}"),
            pay(issued, f"t-{issued}", "10 12:00"),
        ]
    for client, first, second in (("widened", "status", "initiate"), ("changed", "status", "close")):
        records += [
            consent("10 08:00", None, client, client_id=client, **says(first)),
            consent("10 09:00", None, client, client_id=client, kind="change", **says(second)),
            pay(client),
        ]
    key = {"kind": "credential", "client_id": "renewed", "grant_id": "renewed"}
    records += [
        token("10 09:00", "key", [], **key, **says("status")),
        token("10 09:30", "key", [], **key),
        pay("renewed", "key"),
        consent("10 08:00", None, "ended", client_id="ended", **says("status")),
        pay("ended"),
        revoked("10 11:20", "grant", grant_id="ended", client_id="ended", event_id="r1"),
        consent("10 08:00", None, "given again", client_id="given again", **says("initiate")),
        revoked("10 09:00", "grant", grant_id="given again", client_id="given again", event_id="r2"),
        consent("10 10:00", None, "given again", client_id="given again", **says("status")),
        pay("given again"),
    ]
    named = {"client_id": "named", "grant_id": "named"}
    records += [
        consent("10 08:00", None, token_id="named", **named, **says("initiate")),
        token("10 09:00", "named", [], **named, **says("status")),
        pay("named", "named"),
        consent("10 08:00", None, "together", client_id="together", **says("status")),
        token("10 08:00", "together", [], client_id="together", grant_id="together", **says("initiate")),
        pay("together"),
    ]
    for when, action in (("08:00", "status"), ("09:00", "initiate"), ("11:30", "status")):
        records.append(consent(f"10 {when}", None, "again", client_id="again", **says(action)))
    records += [pay("again"), pay("again", when="10 11:50")]
    for client, first, second in (
        ("once", "initiate", "status"),
        ("lately", "status", "initiate"),
        ("never", "a", "b"),
    ):
        records += [
            token("10 08:00", f"{client}-1", [], client_id=client, grant_id=client, **says(first)),
            token("10 09:00", f"{client}-2", [], client_id=client, grant_id=client, **says(second)),
            pay(client),
        ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"], since=moment("10 11:00"), until=moment("10 12:00"))[0].to_dicts()
        none = detect.run(store, ["OOS-8"], since=moment("10 11:10"), until=moment("10 11:50"))[0].to_dicts()
    assert none == []
    assert {row["client_id"]: (row["verdict"], row["events"]) for row in rows} == {
        **dict.fromkeys(("token", "refresh", "exchange", "credential"), ("violation", 2)),
        **dict.fromkeys(("renewed", "ended", "given again"), ("violation", 2)),
        **dict.fromkeys(("named", "together"), ("violation", 2)),
        "changed": ("violation", 3),
        "again": ("indeterminate", 4),
        "once": ("indeterminate", 3),
        "lately": ("indeterminate", 3),
        "never": ("violation", 3),
    }


def test_only_a_grant_for_everyone_that_stood_beside_it_leaves_a_call_open(desk):
    kind = {
        "type": "payment",
        **{f"absent_{name}": "any" for name in MEMBERS},
        "operations": [{"operation": "POST /v1/payments", "action": "initiate"}],
    }
    status, amount = {"type": "payment", "actions": ["status"]}, {"type": "payment", "amount": 5}
    everyones = {"subject_id": None, "consent_kind": "admin"}
    service = {"subject_id": None, "subject_kind": "service"}
    records = [
        consent("10 08:00", None, "all", client_id="of another", **everyones),
        consent("10 08:00", None, "north", client_id="elsewhere", tenant="north", **everyones),
        consent("10 08:00", None, "some tenant", client_id="unsaid", tenant="north", **everyones),
        consent("10 12:00", None, "later", client_id="later", **everyones),
        consent("10 08:00", None, "beside", client_id="beside", **everyones),
    ]
    records += [
        consent("10 08:00", None, "itself", client_id="itself", authorization_details=[status], **everyones),
        use("10 10:00", "POST /v1/payments", None, client_id="itself", grant_id="itself"),
        consent("10 08:00", None, "all of token", client_id="token", **everyones),
        token("10 09:00", "token", [], client_id="token", grant_id="g-token", authorization_details=[status]),
        use("10 10:00", "POST /v1/payments", "token", client_id="token"),
        consent("10 08:00", None, "all of nobody", client_id="nobody", **everyones),
        token("10 09:00", None, [], client_id="nobody", grant_id="g-nobody", authorization_details=[status], **service),
        use("10 10:00", "POST /v1/payments", None, client_id="nobody", grant_id="g-nobody", subject_id=None),
    ]
    for client in ("app", "elsewhere", "unsaid", "later", "beside"):
        more = {"client_id": client, "grant_id": f"g-{client}"} | ({"tenant": "south"} if client == "elsewhere" else {})
        records += [
            consent("10 09:00", None, authorization_details=[status], **more),
            use("10 10:00", "POST /v1/payments", None, **more),
        ]
    for client, granted in (("unread", [7, {"type": "payment"}]), ("restricted", [amount]), ("other", [])):
        records += [
            token("10 09:00", client, [], client_id=client, grant_id=client, authorization_details=granted),
            use("10 10:00", "POST /v1/payments", client, client_id=client),
        ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {row["client_id"]: (row["verdict"], row["detail"]["not_covered"]) for row in rows} == {
        "app": ("violation", ["actions"]),
        "elsewhere": ("violation", ["actions"]),
        "later": ("violation", ["actions"]),
        **dict.fromkeys(("itself", "token", "nobody"), ("violation", ["actions"])),
        **dict.fromkeys(("beside", "unsaid", "restricted"), ("indeterminate", None)),
        "other": ("violation", ["type"]),
    }


def test_each_source_and_tenant_is_judged_by_its_own_grants_types_and_names(desk):
    """What one lists under the same grant, the same text and the same type is not said of another."""
    any_way = {f"absent_{name}": "any" for name in MEMBERS}
    operations = [{"operation": "POST /v1/payments", "action": "initiate"}]
    kinds = (
        {"type": "payment", **any_way, "operations": operations},
        {"type": "order", "source": "east", **any_way, "absent_identifier": "none", "operations": operations},
    )

    def listed(kind, **members):
        return {"authorization_details": [{"type": kind, **members}]}

    def pay(token_id, **more):
        return use("10 11:00", "POST /v1/payments", token_id, resource_id="a1", **more)

    records = []
    for source in ("east", "west"):
        for client, members in (("bare", {}), ("covered", {"identifier": "a1"})):
            here = {"source": source, "client_id": client}
            records += [
                token("10 09:00", client, [], grant_id=client, **listed("order", **members), **here),
                pay(client, **here),
            ]
    here = {"source": "east", "client_id": "given again"}
    records += [
        consent("10 08:00", None, "again", source="west", **listed("payment", actions=["status"])),
        consent("10 09:00", None, "again", **listed("payment", actions=["initiate"]), **here),
        revoked("10 09:30", "grant", grant_id="again", **here),
        consent("10 10:00", None, "again", **listed("payment", actions=["status"]), **here),
        pay(None, grant_id="again", **here),
    ]
    # Both names are in use; the location is not; the server is not.
    for tenant, pay_is_meant, ledger_is_called in (("one", True, True), ("two", True, False), ("three", False, True)):
        here = {"tenant": tenant, "source": "north"}
        other = {**here, "client_id": "other", "grant_id": f"other {tenant}"}
        of_ledger = listed("payment", locations=["https://ledger.example"])
        records += [
            token("10 09:00", f"t {tenant}", [], client_id="app", grant_id=f"g {tenant}", **of_ledger, **here),
            pay(f"t {tenant}", server="pay.example", client_id="app", **here),
        ]
        if pay_is_meant:
            records.append(token("10 09:00", f"pay {tenant}", [], audience=["pay.example"], **other))
        if ledger_is_called:
            records.append(use("10 10:00", "GET /v1/status", None, "ledger.example", **other))
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), tuple(dict.fromkeys(DETAILS_TYPE.names) | kind for kind in kinds)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {(row["source"], row["tenant"], row["client_id"]): (row["verdict"], row["events"]) for row in rows} == {
        ("east", None, "bare"): ("violation", 2),
        ("west", None, "bare"): ("indeterminate", 2),
        ("west", None, "covered"): ("indeterminate", 2),
        ("east", None, "given again"): ("violation", 2),
        ("north", "one", "app"): ("violation", 2),
        ("north", "two", "app"): ("indeterminate", 2),
        ("north", "three", "app"): ("indeterminate", 2),
    }


def test_of_two_objects_alike_but_for_how_they_are_written_each_counts(desk):
    any_way = {f"absent_{name}": "any" for name in MEMBERS}
    kind = {"type": "payment", **any_way, "operations": [{"operation": "POST /v1/payments", "action": "pay"}]}
    text, nested = ({"type": "payment", "actions": actions} for actions in (['["status"]'], [["status"]]))
    restricted, plain = {"type": "payment", "amount": 5}, {"type": "payment"}
    records = []
    for number, objects in enumerate(([text, nested], [nested, text], [restricted, plain], [plain, restricted])):
        who = {"client_id": f"c{number}"}
        records += [
            token("10 09:00", f"t{number}", [], grant_id=f"g{number}", authorization_details=objects, **who),
            use("10 10:00", "POST /v1/payments", f"t{number}", **who),
        ]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {row["client_id"]: row["verdict"] for row in rows} == {"c0": "indeterminate", "c1": "indeterminate"}


@pytest.mark.parametrize("ahead_s", [0, 120])
def test_how_near_a_change_leaves_a_call_open(desk, tmp_path, ahead_s):
    """Five seconds for each clock, and one for the revocations, which are logged in whole seconds."""
    any_way = {f"absent_{name}": "any" for name in MEMBERS}
    kind = {"type": "payment", **any_way, "operations": [{"operation": "POST /v1/payments", "action": "initiate"}]}
    status, initiate = (
        {"authorization_details": [{"type": "payment", "actions": [each]}]} for each in ("status", "initiate")
    )
    everyones = {"subject_id": None, "consent_kind": "admin"}

    def given(when, client, **more):
        stamp = datetime.strptime(f"2026-07-10 {when}.5", "%Y-%m-%d %H:%M:%S.%f") + timedelta(seconds=ahead_s)
        return consent(f"{stamp:%d %H:%M:%S.%f}", None, **{"grant_id": client, "client_id": client, **more})

    def ended(when, client, kind="grant", **more):
        return revoked(f"10 {when}", kind, client_id=client, event_id=f"end of {client}", **more)

    records, expected = [], {}
    for nth, edge, beyond in (
        ("last", ("10:00:10.5", "indeterminate"), ("10:00:10.6", None)),
        ("next", ("09:59:50.5", "indeterminate"), ("09:59:50.4", "violation")),
        ("life", ("09:30:11", "indeterminate"), ("09:30:11.1", "violation")),
        ("all begin", ("09:59:50.5", "indeterminate"), ("09:59:50.4", "violation")),
        ("all end", ("10:00:11", "indeterminate"), ("10:00:11.1", "violation")),
        ("token", ("09:30:11", "violation"), ("09:30:11.1", None)),
    ):
        for when, verdict in (edge, beyond):
            client = f"{nth} {when}"
            token_id = client if nth == "token" else None
            records.append(
                use(
                    f"10 {when}", "POST /v1/payments", token_id, client_id=client, grant_id=None if token_id else client
                )
            )
            if verdict:
                expected[client] = verdict
            if nth == "life":
                records += [given("09:00:00", client, **initiate), ended("09:30:00", client, grant_id=client)]
                records.append(given("09:30:02", client, **status))
                continue
            records.append(given("09:00:00", client, **status))
            if nth in ("last", "next"):
                records.append(given("10:00:00", client, **initiate))
            elif nth == "token":
                records.append({**given("09:00:01", client, **status), "kind": "token", "token_id": client})
                records.append(ended("09:30:00", client, "token", token_id=client))
            else:
                begin = "10:00:00" if nth == "all begin" else "09:00:00"
                records.append(given(begin, client, grant_id=f"all of {client}", **everyones))
            if nth == "all end":
                records.append(ended("10:00:00", client, grant_id=f"all of {client}", subject_id=None))
    clocks = tmp_path / "clocks.toml"
    clocks.write_text(
        f'[[clock]]\nsource = "native"\nlog = "issuance"\nerror_seconds = 5\noffset_seconds = {ahead_s}\n'
    )
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Clocks.read(clocks), Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {row["client_id"]: row["verdict"] for row in rows} == expected


def test_names_that_the_identities_file_gives_are_known_though_no_log_uses_them(desk):
    kind = {
        "type": "payment",
        **{f"absent_{name}": "any" for name in MEMBERS},
        "operations": [{"operation": "POST /v1/payments"}],
    }
    of_books = [{"type": "payment", "locations": ["urn:bank:books"]}]
    records = [
        token("10 09:00", "t1", [], authorization_details=of_books),
        use("10 10:00", "POST /v1/payments", "t1", "pay.example"),
        use("10 10:00", "POST /v1/payments", "t1", "gateway", subject_id="ben"),
    ]
    stated = tuple({"kind": "server", "name": name, "source": "native", "id": id_} for id_, name in ALIAS.items())
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(Register((), (), (dict.fromkeys(DETAILS_TYPE.names) | kind,)), Identities(stated))
        rows = detect.run(store, ["OOS-8"])[0].to_dicts()
    assert {row["resource_server"]: row["verdict"] for row in rows} == {
        "pay.example": "violation",
        "gateway": "indeterminate",
    }
