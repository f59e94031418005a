"""OOS-6 beside plain Python that follows each token to the one before, in random companies, and what no random log shows."""

import json
import random
from collections import defaultdict
from itertools import product

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.register.identities import Identities
from grantlens.rule.example import refreshed, token, use
from grantlens.rules import find
from grantlens.rules.delegation_chain.examples import READ, asked, exchanged

ACTORS = ("planner", "planner@acme", "tool", "tool", "scribe", "c1", "c2")
NAMED = {"planner": "Planner", "planner@acme": "Planner", "c1": "First", "k1": "First"}
"""What the identities file says: an actor who is spelled in two ways, and a client with two ids."""
CLIENTS = ("c1", "k1", "c2", "c3")
KINDS = ("exchange", "exchange", "exchange", "token", "refresh", "credential")
MOST = 3


def company(seed):
    """Return the records of a few clients who get tokens for tokens, mostly as they should; every other one has two tenants."""
    rng = random.Random(seed)
    tenants = ("north", "south", None) if seed % 2 else (None,)
    records, chains = [], {}
    for number in range(120):
        kind = rng.choice(KINDS) if chains else "token"
        parent = rng.choice([*list(chains)[-6:], "gone"]) if chains and rng.random() < 0.9 else None
        before = chains.get(parent) or []
        chain = rng.choice((before, before, [rng.choice(ACTORS), *before], before[1:], rng.sample(ACTORS, 2), None))
        if kind == "exchange" and rng.random() < 0.7:
            chain = rng.choice(([rng.choice(ACTORS), *before], before))
        token_id = rng.choice(list(chains)) if chains and rng.random() < 0.15 * len(tenants) else f"t{number}"
        chains[token_id] = chain
        records.append(
            token(
                f"10 09:{number // 60:02}:{number % 60:02}",
                token_id,
                ["mail.read"],
                kind=kind,
                parent_token_id=parent,
                actor_chain=chain,
                may_act=rng.choice((None, None, [], rng.sample(ACTORS, 3), ["planner"], ["scribe"])),
                token_kind=rng.choice(("access", "access", "access", "access", "refresh", "id_jag", "txn", None)),
                client_id=rng.choice((*CLIENTS, *CLIENTS, None)),
                grant_id=f"g{number % 7}",
                tenant=rng.choice(tenants),
            )
        )
    for number in range(180):
        token_id = rng.choice([*chains, "lost"])
        chain = rng.choice((chains.get(token_id), chains.get(token_id), rng.sample(ACTORS, 1), None))
        status = rng.choice((200, 200, 200, 401))
        more = {"actor_chain": chain, "client_id": None, "tenant": rng.choice(tenants)}
        records.append(use(f"10 1{number // 60}:{number % 60:02}", READ, token_id, status=status, **more))
    return [{**record, "event_id": f"e{number}"} for number, record in enumerate(records)]


def known(actors):
    return tuple(NAMED.get(actor, actor) for actor in actors or ())


def in_a_circle(chain):
    """Tell whether an actor comes again after another one."""
    return any(
        chain[first] == chain[last] != chain[between]
        for last in range(len(chain))
        for between in range(last)
        for first in range(between)
    )


def faults(record, before):
    """Return what is wrong with a token, as (fault, what was expected, whether it is sure)."""
    chain, kind = known(record.get("actor_chain")), record["kind"]
    if in_a_circle(chain):
        yield "circle", (), True
    if len(chain) > MOST:
        yield "too long", (), True
    if kind == "credential" or any(each.get("token_kind") in ("id_jag", "txn") for each in (record, *before)):
        return
    shown = [known(each.get("actor_chain")) for each in before]
    told = {each for each in shown if each}
    allowed = [known(each.get("may_act")) for each in before]
    if chain and kind != "refresh" and before and all(allowed):
        may_act = {actor for each in allowed for actor in each}
        if chain[0] not in may_act | {each[0] for each in told}:
            yield "not allowed", may_act, True
    if not told:
        return
    follows = chain in told or (kind != "refresh" and chain[1:] in told)
    expected = {", ".join(each) for each in told}
    if chain and not follows:
        yield "not continued", expected, all(shown)
    if kind == "exchange" and not chain:
        yield "left out", expected, False
    if kind == "exchange" and chain in told:
        client, *others = (NAMED.get(name := each.get("client_id"), name) for each in (record, *before))
        if client and all(others) and client not in (*chain, *others):
            yield "client not named", expected, False


def homes(told):
    return {each.get("tenant") for each in told} - {None}


def meant(tenant, told):
    """Return the records of each token that one of a tenant may mean, by where it is."""
    if tenant is None and homes(told):
        places = homes(told)
    else:
        places = {tenant if tenant in homes(told) else None}
    return [[each for each in told if each.get("tenant") in (place, None)] for place in places]


def broken(records):
    """Return the findings: by tenant, client, fault and actors the verdict, what was expected, how many tokens and calls."""
    issued = defaultdict(list)
    for record in records:
        if record["log"] == "issuance":
            issued[record["token_id"]].append(record)
    found = defaultdict(list)
    for record in records:
        where = record.get("tenant")
        if record["log"] == "issuance":
            own = homes(issued[record["token_id"]])
            may_be = meant(
                where or (min(own) if len(own) == 1 else None), issued.get(record.get("parent_token_id"), [])
            )
            actors = ", ".join(known(record.get("actor_chain"))) or None
            for before in may_be:
                for fault, expected, sure in faults(record, before):
                    sure = sure and (len(may_be) == 1 or fault in ("circle", "too long"))
                    found[where, record.get("client_id"), fault, actors].append(
                        (sure, expected, record["event_id"], None)
                    )
        elif record["outcome"] == "success" and (chain := known(record.get("actor_chain"))):
            may_be = meant(where, issued[record["token_id"]])
            for told in may_be:
                if told and told[0].get("token_kind") == "txn":  # goes from workload to workload
                    continue
                shown = [known(each.get("actor_chain")) for each in told]
                heads = {each[0] for each in shown if each}
                if heads and chain[0] not in heads:
                    sure = all(shown) and len(may_be) == 1
                    tenant = where or (told[0].get("tenant") if len(may_be) == 1 else None)
                    key = (tenant, told[0].get("client_id"), "other actor", chain[0])
                    found[key].append((sure, heads, told[0]["event_id"], record["event_id"]))
    return {
        key: (
            "violation" if any(sure for sure, *_ in told) else "indeterminate",
            set().union(*(expected for _, expected, *_ in told)),
            len({event for *_, event, _ in told}),
            len({call for *_, call in told} - {None}),
        )
        for key, told in found.items()
    }


def identities(names, kind="client"):
    return Identities(tuple({"kind": kind, "name": name, "source": "native", "id": id_} for id_, name in names.items()))


def told(desk, records, *brought, **more):
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(*brought)
        return detect.run(store, ["OOS-6"], **more)[0].to_dicts()


@pytest.mark.parametrize("seed", range(8))
def test_chains_beside_plain_python(desk, kept_going, seed):
    records = company(seed)
    rows = told(desk, [*kept_going, *records], identities(NAMED), evidence="all", parameters={"most_actors": MOST})
    assert all(row["events"] == len(row["evidence"]) for row in rows)
    found = {
        (row["tenant"], row["client_id"], row["detail"]["fault"], row["detail"]["actors"]): (
            row["verdict"],
            set(row["detail"]["expected"]),
            row["detail"]["tokens"],
            row["detail"]["calls"],
        )
        for row in rows
    }
    expected = broken(records)
    assert found == expected


def test_the_companies_do_all_that_may_be_wrong():
    expected = {key: answer for seed in range(8) for key, answer in broken(company(seed)).items()}
    assert {(fault, verdict) for (*_, fault, _), (verdict, *_) in expected.items()} == {
        *product(("circle", "too long", "not allowed", "not continued", "other actor"), ["violation"]),
        *product(("not allowed", "not continued", "other actor", "left out", "client not named"), ["indeterminate"]),
    }


A_FAULT = (
    (
        (asked("t1", "a"), exchanged("t2", "t1", "b", may_act=["a"])),
        "desk got a token whose actors do not follow from the token before",
    ),
    (
        (asked("t1", may_act=["a"]), exchanged("t2", "t1", "b")),
        "desk got a token for an actor that the token before does not allow",
    ),
    ((asked("t1", "a", "b", "a"),), "app got a token whose actors come round in a circle"),
    ((asked("t1", "a", "b", "c"),), "app got a token with more actors than a chain may have"),
    ((asked("t1", "a"), exchanged("t2", "t1")), "desk got a token without the actors of the token before"),
    (
        (asked("t1", "a"), exchanged("t2", "t1", "a")),
        "desk got a token with the actors of the token before, and is none of them",
    ),
    ((asked("t1", "a"), use("10 09:10", READ, actor_chain=["b"])), "b acted with a token of app that names a"),
    (
        (*(asked("t1", each, client_name="App") for each in "acde"), use("10 09:10", READ, actor_chain=["b"])),
        "b acted with a token of App that names others",
    ),
    (
        (
            *(asked(f"t{each}", each) for each in "ac"),
            *(use("10 09:10", READ, f"t{each}", actor_chain=["b"]) for each in "ac"),
        ),
        "b acted with 2 tokens of app that name a or c",
    ),
)


@pytest.mark.parametrize(("records", "title"), A_FAULT, ids=[title for _, title in A_FAULT])
def test_a_finding_says_what_is_wrong(desk, kept_going, records, title):
    (row,) = told(desk, [*kept_going, *records], parameters={"most_actors": 2 if "more actors" in title else 0})
    assert row["title"] == title


@pytest.mark.parametrize(("names", "verdicts"), [({"a": "Anna", "a@x": "Anna"}, []), ({"a": "Anna"}, ["violation"])])
@pytest.mark.parametrize("kind", ["client", "subject"])
def test_an_actor_of_two_names_is_one_where_the_identities_file_says_so(desk, kept_going, kind, names, verdicts):
    records = [asked("t1", "a"), use("10 09:10", READ, actor_chain=["a@x"])]
    assert [row["verdict"] for row in told(desk, [*kept_going, *records], identities(names, kind))] == verdicts


def test_a_client_that_is_the_actor_by_another_name_is_named(desk, kept_going):
    records = [*kept_going, asked("t1", "planner"), exchanged("t2", "t1", "planner")]
    assert [row["detail"]["fault"] for row in told(desk, records)] == ["client not named"]
    assert told(desk, records, identities({"desk": "Planner", "planner": "Planner"})) == []


def test_a_refresh_that_brings_an_actor_and_one_that_loses_all(desk, kept_going):
    first = asked("r1", "a", token_kind="refresh")
    brought, lost = (refreshed("10 09:30", "t2", "r1", ["mail.read"], actor_chain=each) for each in (["b", "a"], None))
    assert [row["detail"]["expected"] for row in told(desk, [*kept_going, first, brought])] == [["a"]]
    assert told(desk, [*kept_going, first, lost]) == []


def test_only_what_happened_in_the_window_counts_and_the_token_before_is_known(desk, kept_going):
    records = [*kept_going, asked("t1", "a"), exchanged("t2", "t1", "b"), use("10 09:10", READ, actor_chain=["b"])]
    for since, until, faults in (
        ("2026-07-10T09:05:00Z", "2026-07-10T09:10:00Z", ["not continued"]),
        ("2026-07-10T09:05:01Z", "2026-07-10T09:11:00Z", ["other actor"]),
        ("2026-07-10T09:11:00Z", "2026-07-20T00:00:00Z", []),
    ):
        assert [row["detail"]["fault"] for row in told(desk, records, since=since, until=until)] == faults


def test_a_token_of_another_tenant_is_not_the_one_that_was_used(desk, kept_going):
    records = [asked("t1", "a", tenant="north"), use("10 09:10", READ, actor_chain=["b"], tenant="south")]
    assert told(desk, [*kept_going, *records]) == []


@pytest.mark.parametrize("unnamed", [None, ""])
def test_a_chain_in_which_an_actor_has_no_id_is_not_known(desk, kept_going, unnamed):
    records = [asked("t1", "a", unnamed), exchanged("t2", "t1", "b", "a"), exchanged("t3", "t2", "c", unnamed)]
    assert [row["detail"]["fault"] for row in told(desk, [*kept_going, *records])] == ["left out"]


def test_one_finding_counts_all_people_for_whom_it_went_wrong(desk, kept_going):
    pairs = [
        (asked(f"p{each}", "a", subject_id=each), exchanged(f"t{each}", f"p{each}", "b", subject_id=each))
        for each in ("ann", "ben", "cid")
    ]
    (row,) = told(desk, [*kept_going, *(record for pair in pairs for record in pair)])
    assert (row["events"], row["subject_id"], row["token_id"], len(row["evidence"])) == (3, None, None, 3)


@pytest.mark.parametrize("source", ["aws_cloudtrail", "kubernetes", "acme"])
def test_rows_of_a_source_that_does_not_say_what_its_actors_are_take_no_part(desk, kept_going, source):
    records = [asked("t1", "a"), exchanged("t2", "t1", "b"), use("10 09:10", READ, actor_chain=["b"])]
    assert told(desk, [*kept_going, *({**record, "source": source} for record in records)]) == []


MAPPED = """
name = "acme_as"
actors = "nested"
[issuance]
issued_at = "time"
kind = "kind"
outcome = { constant = "success" }
token_id = "jti"
parent_token_id = "shown"
client_id = "app"
actor_chain = "act"
"""


@pytest.mark.parametrize("says", [True, False])
def test_a_mapping_says_whether_its_actors_are_a_chain(tmp_path, says):
    mapping, log = tmp_path / "as.toml", tmp_path / "as.ndjson"
    mapping.write_text(MAPPED if says else MAPPED.replace('actors = "nested"', ""))
    issued = [
        {"time": "2026-07-10T09:00:00Z", "kind": "token", "jti": "t1", "app": "app", "act": ["a"]},
        {"time": "2026-07-10T09:05:00Z", "kind": "exchange", "jti": "t2", "shown": "t1", "app": "desk", "act": ["b"]},
    ]
    log.write_text("".join(json.dumps(record) + "\n" for record in issued))
    with gl.open(":memory:") as store:
        store.load(log, loader=gl.mapping(mapping))
        (source,) = held(store)
        assert conclude(find("OOS-6"), source.source).level == ("verdict" if says else "no")
        assert [row["client_id"] for row in detect.run(store, ["OOS-6"])[0].to_dicts()] == ["desk"] * says


def test_a_store_whose_rows_name_no_actor_says_so(desk, kept_going):
    with desk.store(desk.write("log.ndjson", kept_going)) as store:
        (source,) = held(store)
        concluded = conclude(find("OOS-6"), source.source)
        assert (conclude(find("OOS-6"), source.provider).level, concluded.level) == ("verdict", "no")
        assert concluded.lacks == ("no token tells the chain of its actors in this store",)
