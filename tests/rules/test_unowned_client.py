"""GOV-1 beside plain Python: clients of some tenants and sources, in issues and calls of every outcome, and a register with holes or none."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.rule.example import moment, token, use
from grantlens.schema.register import REGISTER
from grantlens.store import Store

AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT, AT + timedelta(hours=1)
TIMES = (-1, 0, 0, 5, 3599.999999, 3599.999999, 3600)
REGISTERED = (None, None, {}, {"owner": " ", "purpose": "mail"}, {"owner": "jo"}, {"owner": "jo", "purpose": "mail"})


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return what is logged of a client or two that have the same tenants."""
    tenants = rng.choice(((None,), ("one",), ("one", None), ("one", "two"), ("one", "two", None)))
    clients, records = (f"c{number}", f"c{number}", f"d{number}", None), []

    def where():
        return {"client_id": rng.choice(clients), "tenant": rng.choice(tenants), "source": f"native{number % 2}"}

    for turn in range(rng.randrange(4)):
        kind = rng.choice(("token", "consent", "refresh", "change"))
        outcome = rng.choice(("success", "success", "denied", "error"))
        name = f"t{number}-{turn}"
        records.append(token(stamp(rng.choice(TIMES)), name, None, **where(), kind=kind, outcome=outcome))
    for _ in range(rng.randrange(4)):
        name = rng.choice((None, "t-unseen", *(record["token_id"] for record in records if "token_id" in record)))
        status = rng.choice((200, 200, 401, 500))
        records.append(use(stamp(rng.choice(TIMES)), "GET /v1/messages/7", name, status=status, **where()))
    return records


def unowned(records, register):
    """Say what a reader says: what is lacking, and how often the client was seen, by tenant and client."""
    born = {}
    for record in records:
        if record["log"] == "issuance" and record["outcome"] == "success" and record["kind"] in ("token", "refresh"):
            born[record["token_id"]] = record
    seen, connected = defaultdict(Counter), set()
    for record in records:
        when = datetime.fromisoformat(record.get("issued_at") or record["used_at"])
        client, good = record.get("client_id"), record["outcome"] == "success"
        if record["log"] == "usage":
            good = record["status"] != 401
            held = born.get(record.get("token_id"), {})
            # A token of that id is another's in another tenant.
            if held.get("tenant", tenant := record.get("tenant")) == tenant or tenant is None:
                client, good = client or held.get("client_id"), good or bool(held)
        if client and SINCE <= when < UNTIL:
            seen[client][record.get("tenant")] += 1
            if good:
                connected.add((client, record.get("tenant")))
    said = {}
    for client, counts in seen.items():
        row = register.get(client)
        lacks = (
            "no register row"
            if row is None
            else next((f"no {name}" for name in ("owner", "purpose") if not row.get(name, "").strip()), None)
        )
        named = counts.keys() - {None}
        for tenant, count in counts.items():
            home = min(named) if tenant is None and len(named) == 1 else tenant
            # What names no tenant is told with the only one that is named.
            together = {tenant, home, None} if len(named) == 1 and home is not None else {tenant}
            if lacks and any((client, each) in connected for each in together):
                before = said.get((home, client), (lacks, 0))[1]
                said[home, client] = (lacks, before + count)
    return said


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_clients_that_nobody_owns_beside_plain_python(desk, seed, registered):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(300)]
    told = [row for rows in families for row in rows]
    for number, row in enumerate(told):
        row["event_id"] = f"e{number:05}"
    brought = [(f"{letter}{number}", rng.choice(REGISTERED)) for number in range(300) for letter in "cd"]
    register = {client: row for client, row in brought if row is not None and registered}
    log = desk.write("log.ndjson", told)
    with desk.store(log) if registered else Store(desk.folder / "without.duckdb") as store:
        if registered:
            rows = (dict.fromkeys(REGISTER.names) | {"client_id": client} | row for client, row in register.items())
            store.add(Register(tuple(rows)))
        else:
            store.load(log)
        (found,) = detect.run(store, ["GOV-1"], since=SINCE, until=UNTIL)
    expected = {key: said for rows in families for key, said in unowned(rows, register).items()}
    verdict = "violation" if registered else "indeterminate"
    assert {
        (row["tenant"], row["client_id"]): (row["verdict"], row["detail"]["lacks"], row["events"])
        for row in found.to_dicts()
    } == {key: (verdict, *said) for key, said in expected.items()}
    assert len({said for said, _ in expected.values()}) == (3 if registered else 1)
