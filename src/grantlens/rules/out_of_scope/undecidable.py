"""Small logs that do not tell whether the scopes of a grant permit a call: what OOS-1 leaves undecided."""

from grantlens.rule.example import Example, consent, revoked, token, use

UNDECIDABLE = (
    Example(
        "operations that no catalogue knows: told once of their client, whomever it calls for, and what is undecided for another reason of each",
        (
            token("10 09:01", "t1", ["mail.read"], "10 12:00"),
            use("10 09:06", "GET /v1/secrets/9"),
            use("10 09:07", "GET /v1/odd"),
            use("10 09:08", "GET /v1/odd", outcome="denied", status=403),
            use("10 09:09", "GET /v1/messages/7"),
            token("10 09:02", "t2", None, "10 12:00", subject_id="bob", grant_id="g2"),
            use("10 09:10", "GET /v1/odd", "t2", subject_id="bob"),
            use("10 09:11", "GET /v1/messages/7", "t2", subject_id="bob"),
            use("10 13:00", "GET /v1/late", "t2", subject_id="bob"),
        ),
        (
            {
                "verdict": "indeterminate",
                "client_id": "app",
                "subject_id": None,
                "grant_id": None,
                "operation": None,
                "first_seen": "2026-07-10T09:06:00Z",
                "last_seen": "2026-07-10T09:10:00Z",
                "events": 3,
                "detail": {
                    "match": "unmatched",
                    "operations": ["GET /v1/odd", "GET /v1/secrets/9"],
                    "operations_in_all": 2,
                    "subjects": 2,
                    "grants": 2,
                    "tokens": 2,
                    "reasons": ["no catalogue knows the operation"],
                },
            },
            {
                "verdict": "indeterminate",
                "subject_id": "bob",
                "grant_id": "g2",
                "events": 1,
                "detail": {"match": "in_catalogue", "reasons": ["no log says which scopes were held"]},
            },
        ),
    ),
    Example(
        "operations that no catalogue knows, of callers that no log names: they may be different clients",
        (
            use("10 09:06", "GET /v1/odd", None, client_id=None),
            use("10 09:07", "GET /v1/odd", None, client_id=None, subject_id="bob"),
        ),
        tuple(
            {"verdict": "indeterminate", "client_id": None, "subject_id": who, "detail": {"match": "unmatched"}}
            for who in ("ann", "bob")
        ),
    ),
    Example(
        "a token whose scopes no log names",
        (token("10 09:01", "t1", None, "10 12:00"), use("10 09:06", "GET /v1/messages/7")),
        ({"verdict": "indeterminate", "operation": None, "detail": {"held": None}},),
    ),
    Example(
        "a token of that id was issued in another tenant only",
        (token("10 09:01", "t1", ["mail.read"], tenant="one"), use("10 09:06", "POST /v1/messages", tenant="two")),
        ({"verdict": "indeterminate", "tenant": "two", "grant_id": None, "scopes": []},),
    ),
    Example(
        "two tenants issued a token of one id with other scopes, and the call names none",
        (
            token("10 09:01", "t1", ["mail.read"], "10 12:00", tenant="one"),
            token("10 09:01", "t1", ["mail.write"], "10 12:00", tenant="two", grant_id="g2"),
            use("10 09:06", "DELETE /v1/messages/7"),
        ),
        ({"verdict": "indeterminate", "tenant": None, "grant_id": None, "scopes": []},),
    ),
    Example(
        "a token of which no issuance is known, and no subject: whether a person or the client calls, nothing tells",
        (
            use("10 09:05", "GET /v1/people", "t-unseen", subject_id=None, token_scopes=["people.mine"]),
            use("10 09:06", "GET /v1/odd/7", "t-unseen", subject_id=None, token_scopes=["people.mine"]),
        ),
        ({"verdict": "indeterminate", "operation": None, "events": 1},),
    ),
    Example(
        "a consent that does not say to what, before one that does",
        (
            consent("10 09:00", None),
            use("10 09:30", "DELETE /v1/messages/7", None, grant_id="g1"),
            consent("10 10:00", ["mail.read"]),
        ),
        ({"verdict": "indeterminate", "detail": {"held": None}},),
    ),
    Example(
        "a call seconds before the consent that permits it: either may be first",
        (
            consent("10 09:00", ["mail.read"]),
            use("10 09:59:58.5", "POST /v1/messages", None, grant_id="g1"),
            consent("10 10:00", ["mail.send"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "operation": None,
                "events": 1,
                "detail": {"reasons": ["the call and a change of the grant are closer than the clocks can tell"]},
            },
        ),
    ),
    Example(
        "a call seconds after the consent that permits it: it may have come before",
        (
            consent("10 09:00", ["mail.read"]),
            consent("10 10:00", ["mail.send"]),
            use("10 10:00:03", "POST /v1/messages", None, grant_id="g1"),
        ),
        (
            {
                "verdict": "indeterminate",
                "events": 1,
                "detail": {"reasons": ["the call and a change of the grant are closer than the clocks can tell"]},
            },
        ),
    ),
    Example(
        "an admin's consent for everyone permits what the person's own does not: the token may hold both",
        (
            consent("10 08:00", ["mail.read"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 08:30", ["mail.send"]),
            token("10 09:00", "t1", None, "10 12:00"),
            use("10 09:30", "GET /v1/messages/7"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reasons": ["the client holds a grant for everyone beside this one"]},
            },
        ),
    ),
    Example(
        "the same, where the calls name no tenant, and the grants do",
        (
            consent("10 08:00", ["mail.read"], "g-all", subject_id=None, consent_kind="admin", tenant="north"),
            consent("10 08:30", ["mail.send"], tenant="north"),
            token("10 09:00", "t1", None, "10 12:00", tenant="north"),
            use("10 09:30", "GET /v1/messages/7"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reasons": ["the client holds a grant for everyone beside this one"]},
            },
        ),
    ),
    Example(
        "an operation needs two scopes: one is the person's own, the other that of everyone",
        (
            consent("10 08:00", ["files.write"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 08:30", ["people.read"]),
            token("10 09:00", "t1", None, "10 12:00"),
            use("10 09:30", "POST /v1/shares", server="files.example"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reasons": ["the client holds a grant for everyone beside this one"]},
            },
        ),
    ),
    Example(
        "a token that names no grant, after a second one was given: the end of the client between them may be another tenant's",
        (
            consent("10 08:00", ["mail.read"], "g3", subject_id="bob", tenant="south"),
            consent("10 08:00", ["mail.read", "mail.send"], tenant="north"),
            revoked("10 09:00", "client"),
            consent("10 10:00", ["mail.read"], "g2", tenant="north"),
            token("10 10:30", "t1", None, "10 12:00", tenant="north", grant_id=None),
            use("10 11:00", "POST /v1/messages", tenant="north"),
        ),
        ({"verdict": "indeterminate", "detail": {"held": None}},),
    ),
    Example(
        "of one session of a role the log tells all that it may do, of another nothing: what the role may do is not known",
        (
            token("10 09:00", "t1", ["mail.read"], subject_id=None),
            token("10 09:05", "t2", None, subject_id=None),
            use("10 09:10", "DELETE /v1/messages/7", "t2", subject_id=None),
        ),
        ({"verdict": "indeterminate", "detail": {"reasons": ["no log says which scopes were held"]}},),
    ),
    Example(
        "a grant older than the log, before the first record that names a scope of it",
        (
            token("10 09:00", "t1", None, "10 12:00"),
            use("10 09:30", "DELETE /v1/messages/7"),
            consent("10 10:00", ["mail.read"]),
        ),
        ({"verdict": "indeterminate", "detail": {"held": None}},),
    ),
    Example(
        "two grants of the pair are alive: the call belongs to neither",
        (
            consent("10 09:00", ["mail.read"]),
            consent("10 09:00", ["mail.send"], "g2"),
            use("10 09:30", "POST /v1/messages", None),
        ),
        ({"verdict": "indeterminate", "grant_id": None},),
    ),
)
