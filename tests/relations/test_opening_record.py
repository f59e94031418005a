"""The record with which a grant began, wherever else in the logs it stands."""

from grantlens.schema import ISSUANCE


def test_it_is_the_first_and_of_two_at_one_moment_not_the_one_that_was_loaded_first(bench):
    bench.clear()
    issued = {"source": "native", "outcome": "success", "client_id": "app", "grant_id": "g1"}
    rows = [
        {**issued, "kind": "token", "issued_at": 2, "event_id": "A", "batch_id": 1, "line_no": 1},
        {**issued, "kind": "consent", "issued_at": 1, "event_id": "c", "batch_id": 1, "line_no": 2},
        {**issued, "kind": "consent", "issued_at": 1, "event_id": "a", "batch_id": 2, "line_no": 9},
        {**issued, "kind": "consent", "issued_at": 0, "event_id": "0", "batch_id": 2, "line_no": 8, "outcome": "denied"},
        {**issued, "kind": "token", "issued_at": 5, "event_id": "d", "batch_id": 2, "line_no": 10, "grant_id": None},
        {**issued, "source": "okta", "kind": "token", "issued_at": 3, "event_id": "e", "batch_id": 3, "line_no": 1},
    ]  # fmt: skip
    bench.insert(ISSUANCE, rows)
    found = {(row["source"], row["grant_id"]): row["record"] for row in bench.answers("opening_record")}
    assert {key: (record["event_id"], record["batch_id"], record["line_no"]) for key, record in found.items()} == {
        ("native", "g1"): ("a", 2, 9),
        ("okta", "g1"): ("e", 3, 1),
    }
    bench.clear()
