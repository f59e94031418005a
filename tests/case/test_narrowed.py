"""What belongs to a case, and what only has the same ids."""

from grantlens.case import Case
from grantlens.rule.example import consent, logs_from_to, refreshed, revoked, token, use


def of(records, **more):
    return [record | more for record in records]


THERE = {"tenant": "b", "client_id": "other", "subject_id": "zoe"}
"""Whose token in another tenant has the same id."""


def beside():
    """Return what is told of client app in one tenant, alone and where another tenant has tokens and sessions of the same ids."""
    session = {"session_id": "s1"}
    ours = (
        consent("10 08:00", ["mail.read"]),
        token("10 08:05", "rt", ["mail.read"], token_kind="refresh", **session),
        refreshed("10 09:00", "t1", "rt", ["mail.read"], **session),
        use("10 09:30", "GET /v1/messages/7"),
        revoked("10 10:00"),
        use("10 11:00", "GET /v1/messages/7"),
    )
    theirs = (
        consent("10 07:00", ["mail.write"], "g2"),
        token("10 07:05", "rt", ["mail.write"], token_kind="refresh", grant_id="g2", **session),
        refreshed("10 07:30", "t1", "rt", ["mail.write"], grant_id="g2", **session),
        token("10 07:40", "t3", ["mail.write"], kind="exchange", parent_token_id="t1", grant_id="g2"),
        use("10 07:45", "DELETE /v1/messages/7"),
        revoked("10 07:50", event_id="r2"),
        revoked("10 07:55", "session", event_id="r3", **session),
        use("10 08:30", "DELETE /v1/messages/7"),
    )
    kept = logs_from_to("01 08:00", "20 08:00")
    mine = [
        {**row, "event_id": f"a{number}"} for number, row in enumerate((*of(ours, tenant="a"), *of(kept, tenant="a")))
    ]
    return [*mine, *of(kept, tenant="b")], [{**row, **THERE} for row in theirs]


def test_tokens_of_another_tenant_with_the_same_ids_are_no_part_of_a_case(store_of):
    mine, theirs = beside()
    alone, together = (Case(store_of(*rows), client="app") for rows in (mine, [*mine, *theirs]))
    assert list(alone.answers().items()) == list(together.answers().items())
    for one, other in (
        (alone.timeline().to_dicts(), together.timeline().to_dicts()),
        (alone.evidence, together.evidence),
    ):
        files = [[row | {"file": None, "sha256": None} for row in rows] for rows in (one, other)]
        assert files[0] == files[1]


def test_a_revocation_that_names_no_tenant_stays_undecided_in_a_case(store_of):
    mine, theirs = beside()
    mine = [{**row, "tenant": None} if row["log"] == "revocation" else row for row in mine]
    alone, together = (
        {
            row["detail"]["reason"]
            for row in Case(store_of(*rows), client="app").facts["broken"]
            if row["rule"] == "REV-1"
        }
        for rows in (mine, [*mine, *theirs])
    )
    assert alone == {"nothing says how long this server may go on accepting a revoked token"}
    assert together == {"the revocation names no tenant, and several have a token of this id"}
