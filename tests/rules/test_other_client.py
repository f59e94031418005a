"""INT-3 where two ids are one client: the organisation says so, or nobody does; and beside plain Python."""

import random
from collections import Counter, defaultdict

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rule.example import moment, token, use

READ = "GET /v1/messages/7"

CALLED = (
    token("10 09:00", "t1", ["mail.read"], "10 18:00"),
    use("10 09:10", READ, client_id="app-object", subject_id=None),
)


@pytest.mark.parametrize(
    ("names", "verdicts"),
    [(("Mail App", "Mail App"), []), (("Mail App", "Another"), ["violation"]), ((), ["violation"])],
    ids=["one", "two", "unsaid"],
)
def test_ids_that_are_one_client_are_no_other_client(desk, kept_going, names, verdicts):
    records = [{**record, "event_id": f"e{number}"} for number, record in enumerate(CALLED)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        if names:
            ids = zip(names, ("app", "app-object"), strict=True)
            store.add(
                Identities(tuple({"kind": "client", "name": name, "source": "native", "id": id_} for name, id_ in ids))
            )
        (found,) = detect.run(store, ["INT-3"])
        assert [row["verdict"] for row in found.to_dicts()] == verdicts


SAME = {("native", "app"): "Mail App", ("native", "app-object"): "Mail App"}
STATED = (*(("client", *where, name) for where, name in SAME.items()), ("subject", "native", "other", "Mail App"))
KEY = ("source", "tenant", "token_id", "client_id")
CLIENTS = ("app", "app-object", "other", "third", None)
SINCE, UNTIL = "10 09:10", "10 09:40"
TIMES = ("10 09:09:59.999999", "10 09:10", "10 09:20", "10 09:39:59.999999", "10 09:40")


def handed_around(seed):
    """Return tokens, most of them issued several times, and calls with them: few clients, two sources with the same ids."""
    rng = random.Random(seed)
    for number in range(900):
        source, home = rng.choice(("native", "desk")), rng.choice((None, "one", "two", "two"))
        where = {"source": source, "tenant": home}
        name = f"t{number // 2}"
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
            more = {
                **where,
                "tenant": rng.choice((home, home, home, None, "one")),
                "client_id": rng.choice(CLIENTS[: rng.choice((2, 5))]),
                "kind": rng.choice(("token", "token", "refresh", "exchange", "credential", "consent")),
                "outcome": rng.choice(("success",) * 4 + ("denied",)),
            }
            yield token(rng.choice(("10 09:00", "10 09:01", "10 09:30")), name, ["mail.read"], **more)
        for _ in range(rng.randrange(5)):
            more = {**where, "client_id": rng.choice(CLIENTS), "tenant": rng.choice((home, home, None, "one"))}
            yield use(rng.choice(TIMES), READ, name, status=rng.choice((200, 200, 200, 401, 500)), **more)


def verdict_of(caller, issues):
    """Say whose a token with these issues is, in their order: the caller's own, another's for sure or not, or nobody's."""
    names = [
        SAME.get((issue["source"], issue["client_id"]), issue["client_id"]) for issue in issues if "client_id" in issue
    ]
    if not names or caller == names[0]:
        return "own" if names else "nobody"
    return "unsure" if caller in names or len(names) < len(issues) else "other"


def of_others(records):
    """Say what a reader of the records says: by source, tenant, token, client and holder, the verdict and the calls."""
    issues, said = defaultdict(list), Counter()
    for record in records:
        if record["log"] == "issuance" and record["outcome"] == "success" and record["kind"] != "consent":
            issues[record["source"], record["token_id"]].append(record)
    for call in records:
        if call["log"] != "usage" or call["outcome"] != "success" or "client_id" not in call:
            continue
        if not moment(SINCE) <= call["used_at"] < moment(UNTIL):
            continue
        mine = sorted(
            issues[call["source"], call["token_id"]], key=lambda issue: (issue["issued_at"], issue["event_id"])
        )
        named = {issue["tenant"] for issue in mine if "tenant" in issue}
        caller = SAME.get((call["source"], call["client_id"]), call["client_id"])
        # A tenant's token has its own holders; what names no tenant may be of any.
        if "tenant" in call and call["tenant"] not in named:
            pools = [[issue for issue in mine if "tenant" not in issue]]
            if elsewhere := not pools[0]:
                pools = [[issue for issue in mine if issue["tenant"] == home] for home in named]
        else:
            homes, elsewhere = ({call["tenant"]} if "tenant" in call else named or {None}), False
            pools = [[issue for issue in mine if issue.get("tenant") in (home, None)] for home in homes]
        told = [verdict_of(caller, pool) for pool in pools]
        if ("other" not in told and "unsure" not in told) or (elsewhere and "own" in told):
            continue
        verdict = "violation" if not elsewhere and set(told) == {"other"} else "indeterminate"
        accusing = [pool for pool, each in zip(pools, told, strict=True) if each in ("other", "unsure")]
        first = min(
            (issue["issued_at"], issue["event_id"], issue["client_id"])
            for pool in accusing
            for issue in pool
            if "client_id" in issue
        )
        said[call["source"], call.get("tenant"), call["token_id"], call["client_id"], first[2], verdict] += 1
    return said


@pytest.mark.parametrize("seed", range(3))
def test_whose_token_it_was_beside_plain_python(desk, kept_going, seed):
    records = [{**record, "event_id": f"e{number:05}"} for number, record in enumerate(handed_around(seed))]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        store.add(
            Identities(tuple({"kind": kind, "name": name, "source": at, "id": id_} for kind, at, id_, name in STATED))
        )
        (found,) = detect.run(store, ["INT-3"], since=moment(SINCE), until=moment(UNTIL))
    expected = of_others(records)
    assert {
        (*(row[key] for key in KEY), row["detail"]["issued_to"], row["verdict"]): row["detail"]["calls"]
        for row in found.to_dicts()
    } == expected
    verdicts = Counter(verdict for *_, verdict in expected)
    assert min(verdicts["violation"], verdicts["indeterminate"]) > 4
    reasons = Counter(row["detail"]["reason"] for row in found.to_dicts())
    assert len(reasons) == 5
    assert min(reasons.values()) > 1
