"""When a log was there, and to which grants a call may belong: beside plain Python."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from grantlens.relations import registry
from grantlens.store import Store

START = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(30))
def test_stretches_are_told_apart_and_hold_the_same_hours(seed):
    rng = random.Random(seed)
    rows = []
    for _ in range(rng.randint(1, 12)):
        first = rng.randrange(20)
        rows.append(
            {
                "tenant": rng.choice(["a", "b", None]),
                "log": rng.choice(["usage", "issuance"]),
                "first": first,
                "last": first + rng.randrange(6),
                "gap": rng.random() < 0.2,
                "in_part": rng.random() < 0.3,
            }
        )
    with Store(":memory:") as store:
        for row in rows:
            store.engine.execute(
                "INSERT INTO coverage BY NAME SELECT 's' AS source, $tenant AS tenant, $log AS log, $first AS covered_from, "
                "$last AS covered_until, $gap AS is_gap, 1 AS records, $in_part AS in_part, false AS is_far",
                row | {name: START + timedelta(hours=row[name]) for name in ("first", "last")},
            )
        found = store.engine.rows(
            "SELECT tenant, log, in_part, covered_from, covered_until FROM covered_time ORDER BY ALL"
        )
        endless = store.engine.rows(
            "SELECT tenant, log, covered_until, isinf(open_until) FROM covered_time WHERE isinf(open_until) OR open_until = covered_until"
        )
    assert len(endless) == len(found)
    last = {}
    for who, log, end, _ in endless:
        last[who, log] = max(end, last.get((who, log), end))
    assert all(is_open is (end == last[who, log]) for who, log, end, is_open in endless)
    tenants = {row["tenant"] for row in rows} | {None}
    for tenant in tenants:
        for log in ("usage", "issuance"):
            for in_part in (False, True):
                hours = {
                    half
                    for row in rows
                    if (row["log"], row["in_part"], row["gap"]) == (log, in_part, False)
                    and (tenant is None or row["tenant"] in (tenant, None))
                    for half in range(2 * row["first"], 2 * row["last"] + 1)
                }
                told = [
                    (round((begin - START) / timedelta(minutes=30)), round((end - START) / timedelta(minutes=30)))
                    for who, name, part, begin, end in found
                    if (who, name, part) == (tenant, log, in_part)
                ]
                assert {half for begin, end in told for half in range(begin, end + 1)} == hours
                assert all(end < begin for (_, end), (begin, _) in pairwise(told))


def test_a_call_may_belong_to_the_grants_of_whom_it_names():
    who = [None, "a", "b"]
    parties = [(tenant, client, subject) for tenant in who[:2] for client in who for subject in who]
    with Store(":memory:") as store:
        engine = store.engine
        engine.execute(
            "CREATE TEMP TABLE named_caller (caller_id INTEGER, source VARCHAR, tenant VARCHAR, grant_id VARCHAR, client_id VARCHAR, subject_id VARCHAR)"
        )
        engine.execute(
            "CREATE TEMP TABLE grant_state (source VARCHAR, tenant VARCHAR, grant_id VARCHAR, client_id VARCHAR, subject_id VARCHAR)"
        )
        for number, party in enumerate(parties):
            engine.execute(
                "INSERT INTO named_caller VALUES ($n, 's', $t, NULL, $c, $u)",
                dict(zip("tcu", party, strict=True)) | {"n": number},
            )
            engine.execute(
                "INSERT INTO grant_state VALUES ('s', $t, $g, $c, $u)",
                dict(zip("tcu", party, strict=True)) | {"g": str(number)},
            )
        engine.execute(
            "CREATE TEMP TABLE usage_row AS SELECT caller_id, $at AS used_at FROM named_caller", {"at": START}
        )
        assert engine.rows(registry()["caller_party"].sql, {"until": START}) == []
        engine.execute(
            f"CREATE TEMP TABLE caller_party AS {registry()['caller_party'].sql}", {"until": START + timedelta(hours=1)}
        )
        engine.execute(f"CREATE TEMP TABLE possible_grant AS {registry()['possible_grant'].sql}")
        found = engine.rows(
            "SELECT p.source, c.tenant, c.client_id, c.subject_id, p.grant_id "
            "FROM possible_grant p JOIN caller_party USING (party_no) JOIN named_caller c USING (caller_id)"
        )
    assert len(set(found)) == len(found)
    expected = {
        ("s", *party, str(number))
        for party in parties
        for number, held in enumerate(parties)
        if all(one is None or other is None or one == other for one, other in zip(party, held, strict=True))
        # Something must be the same: the client, or the subject of a call that names no client.
        and (party[1] == held[1] is not None or (party[1] is None and party[2] == held[2] is not None))
    }
    assert set(found) == expected
