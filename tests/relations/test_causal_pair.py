"""Tokens with their issue and first use: what is no making of a token, and which of its records is."""


def test_a_key_of_an_undeclared_source_may_be_older_and_of_two_records_at_one_moment_the_first_by_id_is_taken(bench):
    issued = {
        "issued_at": 10,
        "outcome": "success",
        "client_id": "a",
        "subject_id": "x",
        "grant_id": "g",
        "tenant": None,
    }
    call = {"used_at": 12, "outcome": "success", "client_id": "a", "subject_id": "x", "resource_server": "odd"}
    world = {
        "source": "w",
        "issuance": [
            {**issued, "token_id": "key", "kind": "credential", "event_id": "k"},
            {**issued, "token_id": "t1", "kind": "token", "event_id": "b", "batch_id": 1},
            {**issued, "token_id": "t1", "kind": "token", "event_id": "a", "batch_id": 2},
        ],
        "usage": [{**call, "token_id": name, "event_id": name, "call": "GET /r"} for name in ("key", "t1")],
    }
    bench.lay([{**world, "revocation": [], "clock": {}, "server": {}}])
    bench.engine.execute(
        "INSERT INTO caller_first BY NAME SELECT caller_id, min(used_at) AS first_used_at, 1 AS batch_id FROM usage_row GROUP BY ALL"
    )
    told = bench.answers("causal_pair")
    bench.engine.execute("DELETE FROM caller_first")
    assert [(row["token_id"], row["event_id"], row["batch_id"]) for row in told] == [("t1", "a", 2)]
