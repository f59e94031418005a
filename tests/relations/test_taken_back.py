"""Which later decisions to keep take an earlier one to revoke back."""

import pytest

from grantlens.schema.register import DECISION

REVOKED = {
    "decided_at": 10,
    "decision": "revoke",
    "source": "okta",
    "tenant": "north",
    "client_id": "app",
    "subject_id": "ann",
    "grant_id": "g1",
    "token_id": "t1",
}


@pytest.mark.parametrize(
    ("later", "kept_in"),
    [
        ({}, [("okta", "north", 11)]),
        ({"decided_at": 10}, []),
        ({"source": None}, [(None, "north", 11)]),
        ({"source": "entra"}, []),
        ({"tenant": None}, [("okta", None, 11)]),
        ({"tenant": "south"}, []),
        *(
            ({name: value}, [])
            for name in ("client_id", "subject_id", "grant_id", "token_id")
            for value in ("other", None)
        ),
    ],
)
def test_it_names_the_same_access_and_comes_later(bench, later, kept_in):
    bench.engine.execute("DELETE FROM decision")
    bench.insert(DECISION, [REVOKED, {**REVOKED, "decided_at": 11, "decision": "keep", **later}])
    told = [(row["source"], row["tenant"], row["kept_at"]) for row in bench.answers("taken_back")]
    (decided,) = bench.answers("decided")
    bench.engine.execute("DELETE FROM decision")
    assert told == kept_in
    assert decided["kept_at"] == (11 if kept_in else None)
