"""What a token holds beyond the one it came of, where one catalogue tells scopes apart by case and another does not."""

import pytest

from grantlens.schema import ISSUANCE
from grantlens.schema.catalogue import CAT_META, CAT_SCOPE, CAT_SCOPE_IMPLIES, CAT_SCOPE_RISK

NAMES = ("Mail.ReadWrite", "Mail.Read", "Sign.In")


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(
    ("scope", "held", "added"),
    [
        ("Mail.Read", "Mail.ReadWrite", (False, False)),
        ("mail.read", "Mail.ReadWrite", (True, False)),
        ("Mail.Read", "mail.readwrite", (True, False)),
        ("mail.readwrite", "Mail.ReadWrite", (True, False)),
        ("Mail.ReadWrite", "Mail.Read", (True, True)),
        ("MAIL.READWRITE", "Mail.Read", (True, True)),
        ("sign.in", "Mail.Read", (True, False)),
        ("Sign.In", "Mail.Read", (False, False)),
        ("OpenID", "Mail.Read", (False, False)),
    ],
)
def test_scopes_are_told_apart_as_the_catalogue_tells_them_apart(bench, case_sensitive, scope, held, added):
    bench.clear()
    named = {"catalogue": "c", "deprecated": False, "resource_limited": False, "mappable": True}
    meta = {"catalogue": "c", "source": "toml", "sha256": "0", "operations": 0, "scopes": len(NAMES)}
    bench.insert(CAT_META, [{**meta, "case_sensitive": case_sensitive}])
    scopes = [{**named, "scope_id": n, "scope": name, "is_protocol": name == "Sign.In"} for n, name in enumerate(NAMES)]
    bench.insert(CAT_SCOPE, scopes)
    bench.insert(CAT_SCOPE_IMPLIES, [{"broader": 0, "narrower": 1, "evidence": "declared", "direct": True}])
    bench.insert(CAT_SCOPE_RISK, [{"scope_id": 0, "principal": "any", "source": "user", "rank": 3}])
    issued = {"source": "native", "batch_id": 1, "outcome": "success", "issued_at": 0, "client_id": "app"}
    rows = [
        {**issued, "line_no": 1, "event_id": "i1", "kind": "token", "token_id": "t1", "scopes": [held]},
        {
            **issued,
            "line_no": 2,
            "event_id": "i2",
            "kind": "exchange",
            "token_id": "t2",
            "parent_token_id": "t1",
            "scopes": [scope],
        },
    ]
    bench.insert(ISSUANCE, rows)
    found = [(row["token_id"], row["scopes_added"], row["rank"]) for row in bench.answers("added_scope")]
    rank = 3 if scope == "Mail.ReadWrite" or (scope == "MAIL.READWRITE" and not case_sensitive) else 0
    assert found == ([("t2", [scope], rank)] if added[not case_sensitive] else [])
    bench.clear()
