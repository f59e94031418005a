"""OOS-13 beside plain Python, over transactions whose workloads have other names as clients than as servers; and what no random log shows."""

import random
from collections import defaultdict
from datetime import datetime

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rule.example import moment, token, use
from grantlens.rules.transaction_token.examples import (
    KEPT_GOING,
    MAILS,
    MAILS_IS_CALLED,
    PASSED_ON,
    SHORT,
    SHOWN,
    STOCK,
    handed,
)

ERROR, LEEWAY, LIMIT = 5.0, 60.0, 300.0
SINCE, UNTIL = "10 09:00", "10 11:00"

NAMED = {
    "client": {"spiffe://stock": "Stock", "gate-2": "gateway", "gateway": "gateway"},
    "server": {"stock.acme.example": "Stock", "pay": "pay.staging.example"},
}
CLIENTS = ("gateway", "gate-2", "orders.acme.example", "spiffe://stock", "ghost", None)
SERVERS = (
    "orders.acme.example",
    "https://Stock.acme.example/v1",
    "stock.acme.example",
    "pay",
    "plain",
    "a.staging.example",
    None,
)
AUDIENCES = (
    ["acme.example"],
    ["acme.example"],
    ["staging.example"],
    ["acme.example", "urn:other"],
    ["urn:other"],
    None,
)


def at(second):
    """Write a second after nine o'clock on the 10th."""
    minutes, rest = divmod(second, 60)
    return f"10 {9 + int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:09.6f}"


def seconds(text):
    """Read what `moment` wrote."""
    return (datetime.fromisoformat(text) - datetime.fromisoformat(moment("10 09:00"))).total_seconds()


def transactions(seed):
    """Return stories, each of its own tokens: a token that is shown, calls with it, and one to three transaction tokens and calls with them."""
    rng = random.Random(seed)
    for number in range(160):
        where = {"tenant": home} if (home := rng.choice((None, None, "north"))) else {}
        shown, ends = f"t{number}", rng.choice((None, 698.0, 700.5, 760.25, 3000.0))
        if rng.random() < 0.9:
            yield token(at(0.5), shown, ["shop.use"], ends and at(ends), **where)
        for _ in range(rng.choice((0, 1, 1, 2))):
            begun = rng.choice((580.0, 597.25, 604.5, 606.0, 640.0))
            ended = rng.choice((None, *(begun + took for took in (1.0, 8.5, 30.0, 30.0, 200.0))))
            yield use(
                at(begun), "POST /v1/orders", shown, "shop.example", ended_at=ended and moment(at(ended)), **where
            )
        known = [shown]
        for nth in range(rng.choice((1, 1, 2, 3))):
            name, born = f"x{number}-{nth}", rng.choice((600.25, 601.0, 760.0, 830.75))
            life = rng.choice((None, 60.0, 120.0, 300.0, 304.5, 305.5, 900.0))
            more = {
                "client_id": rng.choice(CLIENTS[:3] + CLIENTS[-1:] if rng.random() < 0.3 else ("gateway",)),
                "audience": rng.choice(AUDIENCES),
                "actor_chain": rng.choice((None, None, None, ["ghost"], ["spiffe://stock"])),
                "parent_token_id": rng.choice((None, shown, shown, shown, known[-1])),
                "token_kind": rng.choice(("txn",) * 9 + ("access",)),
                "kind": "exchange",
            }  # fmt: skip
            yield token(at(born), name, ["order.place"], life and at(born + life), **more, **where)
            known.append(name)
            for _ in range(rng.choice((0, 1, 2, 3, 5))):
                called = born + rng.choice((-4.0, 1.5, 3.0, 9.5, 14.0, 33.0, 45.0, 130.0, 395.0))
                more = {
                    "client_id": rng.choice(CLIENTS),
                    "resource_server": rng.choice(SERVERS),
                    **(where if rng.random() < 0.8 else {}),
                }
                yield use(at(called), "POST /v1/do", name, status=rng.choice((200, 200, 200, 200, 401)), **more)


def bare(name):
    """Return a name without scheme, and its host."""
    name = name.lower().split("://")[-1]
    return name, name.split("/")[0]


def known(kind, name):
    """Return the name that the organisation gives, if any: of a server in each of the ways in which it is written."""
    return NAMED[kind].get(name if kind == "client" else bare(name)[0])


def lies_in(server, domain):
    """Say whether a server bears the name of a trust domain."""
    names = {bare(server)[1], *(each.lower() for each in (known("server", server),) if each)}
    return any(name == domain or name.endswith("." + domain) for name in names)


def told_by(records):
    """Return what a reader of all records finds: the key of each finding with its verdict, tokens, calls and longest time."""
    issues = {row["token_id"]: row for row in records if row["log"] == "issuance" and "token_id" in row}
    calls = [row for row in records if row["log"] == "usage"]
    txn = {name: row for name, row in issues.items() if row.get("token_kind") == "txn"}
    domains = {name for row in txn.values() for name in row.get("audience", ())}
    replaced = {
        name
        for row in txn.values()
        if row.get("parent_token_id") in txn
        for name in (row["token_id"], row["parent_token_id"])
    }
    found = defaultdict(lambda: {"reasons": set(), "tokens": set(), "calls": set(), "most": None})

    def tell(key, tenant, row, call=None, by=None, reason=None):
        mine = found[(*key, tenant)]
        mine["reasons"].add(reason)
        mine["tokens"].add(row["token_id"])
        if call:
            mine["calls"].add(call["event_id"])
        if by is not None:
            mine["most"] = max(by, mine["most"] or by)

    for row in txn.values():
        born, until = seconds(row["issued_at"]), row.get("expires_at") and seconds(row["expires_at"])
        over = issues.get(row.get("parent_token_id"), {}).get("expires_at")
        over = over and seconds(over)
        key = (row.get("client_id"), None, None, None)
        if until is not None and until - born > LIMIT + ERROR:
            tell(("long life", *key), row.get("tenant"), row, by=until - born)
        if over is not None and born - over > LEEWAY + ERROR:
            tell(("shown too late", *key), row.get("tenant"), row, by=born - over)
        elif over is not None and until is not None and until > over:
            tell(("outlives", *key), row.get("tenant"), row, by=until - over)

    def names_of(client):
        return {name.lower() for name in (client, known("client", client) or client)}

    def is_called(client, server):
        return bool(names_of(client) & {bare(server)[0], (known("server", server) or bare(server)[0]).lower()})

    served = {call["resource_server"] for call in calls if "resource_server" in call}
    taken = defaultdict(set)
    for call in calls:
        row = txn.get(call.get("token_id"))
        if row and row.get("audience") and "resource_server" in call:
            taken[call["resource_server"]].add(frozenset(row["audience"]))
    for call in calls:
        row = txn.get(call.get("token_id"))
        if row is None or call["outcome"] != "success":
            continue
        when, born = seconds(call["used_at"]), seconds(row["issued_at"])
        tenant = call.get("tenant", row.get("tenant"))
        if "expires_at" in row and when > seconds(row["expires_at"]) + 2 * ERROR + LEEWAY:
            continue
        server, client, holder = call.get("resource_server"), call.get("client_id"), row.get("client_id")
        if server and row.get("audience"):
            inside = {name for name in domains if lies_in(server, name)}
            others = {names for names in taken[server] if not names & set(row["audience"])}
            if not inside & set(row["audience"]) and (inside or others):
                tell(
                    ("other domain", holder, None, ", ".join(sorted(row["audience"])), server), tenant, row, call,
                    reason=None if inside else "it took",
                )  # fmt: skip
        parent = row.get("parent_token_id")
        if parent and row["token_id"] not in replaced:
            open_then = [
                each for each in calls
                if each.get("token_id") == parent and seconds(each["used_at"]) <= born + 2 * ERROR
                and ("ended_at" not in each or seconds(each["ended_at"]) >= born - 2 * ERROR)
            ]  # fmt: skip
            if open_then and all("ended_at" in each for each in open_then):
                over = max(seconds(each["ended_at"]) for each in open_then)
                if when > over + 2 * ERROR:
                    first = min(open_then, key=lambda each: (each["used_at"], each["event_id"]))
                    tell(("after its call", holder, None, None, None), tenant, row, call, by=when - over)
                    found["after its call", holder, None, None, None, tenant]["calls"].add(first["event_id"])
        if client:
            parties = {name for name in (holder, *row.get("actor_chain", ())) if name}
            parties = {known("client", name) or name for name in parties}
            came = [
                seconds(each["used_at"]) for each in calls
                if each.get("token_id") == row["token_id"] and is_called(client, each.get("resource_server") or "")
            ]  # fmt: skip
            if not parties & {client, known("client", client) or client} and not (
                came and min(came) <= when + 2 * ERROR
            ):
                reason = None
                if row["token_id"] in replaced:
                    reason = "the token was replaced"
                elif not holder:
                    reason = "the issuance names"
                elif not any(is_called(client, each) for each in served):
                    reason = "no call names a server"
                tell(("other caller", client, holder, None, None), tenant, row, call, reason=reason)
    return {
        key: (
            "clear" if key[0] == "outlives" else "violation" if None in mine["reasons"] else "indeterminate",
            sorted(map(str, mine["reasons"] - {None})) if None not in mine["reasons"] else [],
            len(mine["tokens"]),
            len(mine["calls"]),
            mine["most"],
        )
        for key, mine in found.items()
    }  # fmt: skip


BEGINNINGS = ("it took", "the token was replaced", "the issuance names", "no call names a server")


@pytest.mark.parametrize("seed", range(4))
def test_transactions_beside_plain_python(desk, kept_going, seed):
    going = [{**row, **where} for where in ({}, {"tenant": "north"}) for row in kept_going]
    fine = [  # so that stamps are of more than whole seconds in each log
        row | where
        for where in ({}, {"tenant": "north"})
        for row in (token("09 08:00:00.5", "fine", []), use("09 08:00:01.5", "GET /v1/status", "fine", "jobs.example"))
    ]
    told = [{**row, "event_id": f"e{number:05}"} for number, row in enumerate(transactions(seed))]
    others = [{**row, "event_id": f"k{number:05}"} for number, row in enumerate([*going, *fine])]
    with desk.store(desk.write("log.ndjson", [*others, *told])) as store:
        store.add(
            Identities(
                tuple(
                    {"kind": kind, "name": name, "source": "native", "id": id_}
                    for kind, names in NAMED.items()
                    for id_, name in names.items()
                )
            )
        )
        (found,) = detect.run(store, ["OOS-13"], since=moment(SINCE), until=moment(UNTIL))
    rows = found.to_dicts()
    says = {
        (
            row["detail"]["fault"],
            row["client_id"],
            row["detail"]["issued_to"],
            row["detail"]["audience"],
            row["resource_server"] if row["detail"]["fault"] == "other domain" else None,
            row["tenant"],
        ): (
            row["verdict"],
            sorted(next(part for part in BEGINNINGS if why.startswith(part)) for why in row["detail"]["reasons"] or ()),
            row["detail"]["tokens"],
            row["events"] - row["detail"]["tokens"],
            row["detail"]["most_s"],
        )
        for row in rows
    }
    assert len(says) == len(rows)
    assert says == told_by(told)
    assert {(key[0], verdict) for key, (verdict, *_) in says.items()} >= {
        ("long life", "violation"), ("shown too late", "violation"), ("outlives", "clear"), ("other domain", "violation"),
        ("other domain", "indeterminate"), ("after its call", "violation"), ("other caller", "violation"), ("other caller", "indeterminate"),
    }  # fmt: skip


def test_a_workload_may_have_been_called_while_the_usage_log_was_silent(desk):
    records = (*KEPT_GOING, SHOWN, MAILS_IS_CALLED, SHORT, *PASSED_ON, handed("10 09:11", MAILS, STOCK))
    log = desk.write("log.ndjson", [{**row, "event_id": f"e{number}"} for number, row in enumerate(records)])

    def told(store):
        (found,) = detect.run(store, ["OOS-13"])
        return [(row["verdict"], row["detail"]["reasons"]) for row in found if row["detail"]["fault"] == "other caller"]

    with desk.store(log) as store:
        assert told(store) == [("violation", None)]
        store.engine.execute(
            "INSERT INTO coverage BY NAME SELECT * REPLACE ($back::TIMESTAMPTZ AS covered_from) FROM coverage WHERE log = 'usage'",
            {"back": moment("10 09:10:30")},
        )
        store.engine.execute(
            "UPDATE coverage SET covered_until = $silent WHERE log = 'usage' AND covered_from < $silent",
            {"silent": moment("10 09:10:10")},
        )
        assert told(store) == [("indeterminate", ["the usage log does not show all calls from its issue on"])]
