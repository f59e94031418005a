from grantlens.schema import ISSUANCE, REVOCATION, USAGE_CALLER
from grantlens.schema.catalogue import CAT_META, CAT_SCOPE, CAT_SCOPE_ALIAS

META = {"source": "toml", "sha256": "0", "operations": 0, "scopes": 1}
SCOPE = {"deprecated": False, "is_protocol": False, "resource_limited": False, "mappable": True}
ROW = {"source": "native", "batch_id": 1, "line_no": 1, "outcome": "success"}


def test_a_scope_means_in_each_catalogue_what_is_written_like_it_there(bench):
    bench.clear()
    cases = (("strict", True), ("folded", False))
    bench.insert(CAT_META, [{**META, "catalogue": name, "case_sensitive": case} for name, case in cases])
    bench.insert(CAT_SCOPE, [{**SCOPE, "scope_id": n, "catalogue": cases[n][0], "scope": "Mail.Read"} for n in (0, 1)])
    bench.insert(CAT_SCOPE_ALIAS, [{"catalogue": "strict", "alias": "old.mail", "scope_id": 0, "kind": "old_name"}])
    issued = {**ROW, "issued_at": 0, "event_id": "i1", "kind": "consent", "client_id": "app"}
    bench.insert(ISSUANCE, [{**issued, "scopes": ["Mail.Read", "other"]}, {**issued, "scopes": ["Mail.Read"]}])
    bench.insert(USAGE_CALLER, [{"caller_id": 1, "source": "native", "token_scopes": ["mail.read"]}])
    taken = {"revoked_at": 0, "event_id": "r1", "kind": "downgrade", "target_kind": "client", "client_id": "app"}
    bench.insert(REVOCATION, [{**ROW, **taken, "scopes_removed": ["old.mail"]}])
    known = sorted((row["scope"], row["catalogue"], row["scope_id"]) for row in bench.answers("known_scope"))
    assert known == [
        ("Mail.Read", "folded", 1),
        ("Mail.Read", "strict", 0),
        ("mail.read", "folded", 1),
        ("old.mail", "strict", 0),
    ]
    bench.clear()
