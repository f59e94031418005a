"""OOS-2 and OOS-7 beside plain Python: few tokens of some tenants, for servers under several names, and calls at these and others."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from typing import NamedTuple

import pytest

from grantlens import detect
from grantlens.rule.example import moment, token, use

AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT, AT + timedelta(hours=1)
WRITTEN = {
    "a.{}": "a.{}",
    "https://A.{}/": "a.{}",
    "a.{}:443": "a.{}",
    "https://a.{}/v1": "a.{}/v1",
    "a.{}/v2": "a.{}/v2",
    "b.{}": "b.{}",
    "https://b.{}": "b.{}",
    "urn:acme:{}": "urn:acme:{}",
}
"""Names of servers as they are written, and in one form."""


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return tokens of a tenant or two, and calls with them."""
    tenants = rng.choice(((None,), ("one",), ("one", "two"), ("one", None)))
    names = [name.format(number) for name in WRITTEN]
    records, tokens = [], []
    for turn in range(rng.randint(2, 6)):
        name = rng.choice(tokens) if tokens and rng.random() < 0.1 else f"t{number}-{turn}"
        more = {
            "kind": rng.choice(("token",) * 6 + ("refresh", "exchange", "credential")),
            "token_kind": rng.choice(("access",) * 8 + (None, None, "refresh", "api_key")),
            "audience": rng.choice(
                (
                    None,
                    None,
                    None,
                    None,
                    *([each] for each in names),
                    *([each] for each in names),
                    names[:1] + names[5:6],
                    [],
                )
            ),
            "client_id": rng.choice((f"c{number}", f"c{number}", f"d{number}", names[0], None)),
            "outcome": rng.choice(("success",) * 8 + ("denied",)),
            "tenant": rng.choice(tenants),
        }
        records.append(token(stamp(-600 + turn), name, None, **more))
        tokens.append(name)
    for _ in range(rng.randint(2, 10)):
        more = {
            "client_id": rng.choice((f"c{number}", None)),
            "tenant": rng.choice(tenants),
            "operation": rng.choice((None,) * 6 + ("introspect_token", "user_info_request")),
            "resource_server": rng.choice((*names, names[0], names[5], None)),
        }
        when = rng.choice((-0.000001, 0, 5, 5, 5, 5, 3600))
        target = rng.choice(("GET /v1/messages/7",) * 9 + ("GET /oauth2/userinfo",))
        records.append(
            use(
                stamp(when),
                target,
                rng.choice([*tokens, None, "t-unseen"]),
                status=rng.choice((200,) * 6 + (401, 500)),
                **more,
            )
        )
    return records


def same(one, other):
    """Tell whether two names are of one server: one lies in the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


class Call(NamedTuple):
    """A call that worked with an access token: its key is that of one finding."""

    token: tuple
    caller: tuple
    key: tuple
    place: str
    meant: str
    only_asked: bool
    tenant_untold: bool


def of_several(issues):
    """Tell whether several tenants issued the token."""
    return len({issue["tenant"] for issue in issues if "tenant" in issue}) > 1


def the_same(issues, name):
    """Return what the first issue names; of several tenants' tokens only what all name."""
    one = not of_several(issues) or len({issue.get(name) for issue in issues}) == 1
    return issues[0].get(name) if one else None


def counted(records):
    """Return the calls of the window that worked with access tokens at servers, each with the records of its token."""
    issues = defaultdict(list)
    for record in records:
        if record["log"] == "issuance" and record["outcome"] == "success":
            issues[record["token_id"]].append(record)
    for call in records:
        mine = issues.get(call.get("token_id"), ())
        # A tenant's call is made with that tenant's token; what names none may be of any.
        mine = [i for i in mine if "tenant" not in call or i.get("tenant", call["tenant"]) == call["tenant"]]
        if call["log"] != "usage" or call["outcome"] != "success" or not mine or "resource_server" not in call:
            continue
        kind = mine[0].get("token_kind", "access" if any(issue.get("audience") for issue in mine) else None)
        own = call["resource_server"] == the_same(mine, "client_id")
        info = call.get("operation") == "user_info_request" or call["target"].endswith("userinfo")
        in_window = SINCE <= datetime.fromisoformat(call["used_at"]) < UNTIL
        if kind == "access" and mine[0]["kind"] != "credential" and in_window and not (own or info):
            yield call, mine


def judged(records, number):
    """Say of each call that counts how its server is meant by the audience."""
    form = {name.format(number): key.format(number) for name, key in WRITTEN.items()}
    audiences, called = defaultdict(set), defaultdict(set)
    for record in records:
        if record["log"] == "issuance" and record["outcome"] == "success":
            audiences[record.get("tenant")] |= {*record.get("audience", ())}
        elif record["log"] == "usage" and "resource_server" in record:
            called[record.get("tenant")].add(record["resource_server"])

    def among(name, others):
        return any(same(form[name], form[other]) for other in others)

    for call, mine in counted(records):
        names = sorted({name for issue in mine for name in issue.get("audience", ())})
        server, tenant = call["resource_server"], call.get("tenant") or the_same(mine, "tenant")
        placed = server in called[tenant] and among(server, audiences[tenant])
        # Names that only another tenant knows decide nothing.
        known = [name in audiences[tenant] and among(name, called[tenant]) for name in names]
        # Did both logs name the tenant, or neither: what names none may be of this one.
        here = [audiences[tenant] | audiences[None], called[tenant] | called[None]]
        perhaps_placed = server in here[1] and among(server, here[0])
        perhaps = perhaps_placed and all(name in here[0] and among(name, here[1]) for name in names)
        if among(server, names):
            meant = "yes"
        elif names:
            meant = "no" if placed and all(known) else "unknown"
        elif perhaps_placed:
            meant = "untold"
        else:
            continue
        caller = tuple(call.get(key) for key in ("token_id", "client_id", "tenant", "resource_server"))
        key = (tenant, the_same(mine, "client_id") or call.get("client_id"), ", ".join(names) or None, server)
        asks = call.get("operation") == "introspect_token"
        yield Call(
            (of_several(mine), id(mine[0])), caller, key, form[server], meant, asks, meant == "unknown" and perhaps
        )


def apart(calls):
    """Tell whether some of these calls are surely at two servers."""
    return any(not same(one.place, other.place) for one, other in combinations(calls, 2))


def strays(records, number):
    """Say what a reader of one family says: how many calls, by rule, verdict and what tells one finding from another."""
    calls, said, untold = list(judged(records, number)), Counter(), defaultdict(list)
    asking = {call.caller for call in calls} - {call.caller for call in calls if not call.only_asked}
    calls = [each._replace(meant="asked") if each.meant == "no" and each.caller in asking else each for each in calls]
    for call in calls:
        tenant, client, audience, server = call.key
        if call.meant == "no":
            said["OOS-2", "violation", tenant, client, audience, server] += 1
        elif call.meant in ("asked", "unknown"):
            said["OOS-2", "indeterminate", tenant, None, audience, server] += 1
            untold["OOS-2", tenant, audience, server].append(call)
    for name in {call.token for call in calls}:
        mine = [call for call in calls if call.token == name]
        sure = [call for call in mine if call.meant in ("yes", "no")]
        proven = apart(sure) and any(call.meant == "no" for call in sure)
        if apart(mine) and any(call.meant != "yes" for call in mine):
            for tenant, client, audience, _ in (call.key for call in (sure if proven else mine)):
                about = ("violation", tenant, client) if proven else ("indeterminate", tenant, None)
                said["OOS-7", *about, audience, None] += 1
            for call in () if proven else mine:
                untold["OOS-7", call.key[0], call.key[2], None].append(call)
    for about, mine in untold.items():
        of_names = [call.tenant_untold for call in mine if call.meant == "unknown"]
        if of_names and all(of_names) and not any(call.meant == "asked" for call in mine) and about[2]:
            said["only one log names the tenant", *about] = 1
    return said


@pytest.mark.parametrize("seed", range(3))
def test_calls_at_other_servers_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(500)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(row for rows in families for row in rows)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *told])) as store:
        found = detect.run(store, ["OOS-2", "OOS-7"], since=SINCE, until=UNTIL)
    expected = sum((strays(rows, number) for number, rows in enumerate(families)), Counter())
    rows = Counter()
    for row in (row for each in found for row in each.to_dicts()):
        server = row["resource_server"] if row["rule"] == "OOS-2" else None
        key = (row["rule"], row["verdict"], row["tenant"], row["client_id"], row["detail"]["audience"], server)
        rows[key] += row["detail"]["calls"]
        if "names the tenant" in (row["detail"]["reason"] or ""):
            rows["only one log names the tenant", row["rule"], row["tenant"], row["detail"]["audience"], server] = 1
    assert rows == expected
    often = Counter(key[:2] for key in expected if key[0].startswith("OOS-"))
    assert len(often) == 4
    assert min(often.values()) > 1
    assert {key[1] for key in expected if key[0].startswith("only one log")} == {"OOS-2", "OOS-7"}
