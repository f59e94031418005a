"""Small logs of calls that the scopes of a grant permit, or do not: what OOS-1 is run on."""

from grantlens.rule.example import Example, consent, revoked, token, use

FIRES = (
    Example(
        "a change of the grant tells all that it holds from then on: what it does not name is over",
        (
            consent("10 09:00", ["mail.read", "mail.write"]),
            use("10 09:30", "DELETE /v1/messages/7", None, grant_id="g1", status=204),
            consent("10 10:00", ["mail.read"], kind="change"),
            use("10 10:30", "DELETE /v1/messages/8", None, grant_id="g1", status=204),
        ),
        (
            {
                "verdict": "violation",
                "first_seen": "2026-07-10T10:30:00Z",
                "events": 1,
                "detail": {"held": ["mail.read"]},
            },
        ),
    ),
    Example(
        "a change of the grant does not say which scopes it left: a call before it is judged, one after it is not until a change tells them all",
        (
            consent("10 09:00", ["mail.read"]),
            use("10 09:30", "DELETE /v1/messages/7", None, grant_id="g1", status=204),
            consent("10 10:00", None, kind="change"),
            use("10 10:30", "DELETE /v1/messages/8", None, grant_id="g1", status=204),
            use("10 10:31", "GET /v1/messages/8", None, grant_id="g1"),
            consent("10 11:00", ["mail.read"], kind="change"),
            use("10 11:30", "DELETE /v1/messages/9", None, grant_id="g1", status=204),
        ),
        (
            {
                "verdict": "violation",
                "events": 2,
                "detail": {"held": ["mail.read"], "held_from": "grant"},
            },
            {
                "verdict": "indeterminate",
                "events": 2,
                "detail": {"held": None, "reasons": ["no log says which scopes were held"]},
            },
        ),
    ),
    Example(
        "a deletion with a token that may only read",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 09:01", "t1", ["mail.read"], "10 12:00"),
            use("10 09:05", "GET /v1/messages/7"),
            use("10 09:06", "DELETE /v1/messages/7", status=204),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "operation": "DELETE /v1/messages/{id}",
                "grant_id": "g1",
                "token_id": "t1",
                "events": 1,
                "join_key": "token",
                "detail": {"required": [["mail.write"]], "held": ["mail.read"], "match": "in_catalogue"},
            },
        ),
    ),
    Example(
        "two calls, one of which names no token: the finding is told of the grant",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 09:01", "t1", ["mail.read"], "10 12:00"),
            use("10 09:05", "DELETE /v1/messages/7", status=204),
            use("10 09:06", "DELETE /v1/messages/7", None, grant_id="g1", status=204),
        ),
        ({"verdict": "violation", "grant_id": "g1", "token_id": None, "events": 2, "join_key": "grant"},),
    ),
    Example(
        "what is sensitive was read with two tokens of one grant, and not each call names the server: one finding, which names neither",
        (
            token("10 09:01", "t1", ["mail.read"], "10 12:00", client_name="The app"),
            token("10 09:02", "t2", ["mail.send"], "10 12:00"),
            use("10 09:05", "GET /v1/audit", "t1", "jobs.example"),
            use("10 09:06", "GET /v1/audit", "t2", None),
            use("10 09:07", "GET /v1/audit", "t2", "jobs.example"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "The app called GET /v1/audit without a scope that permits it",
                "token_id": None,
                "resource_server": None,
                "scopes": ["mail.read", "mail.send"],
                "first_seen": "2026-07-10T09:05:00Z",
                "last_seen": "2026-07-10T09:07:00Z",
                "events": 3,
            },
        ),
    ),
    Example(
        "half of an all-of is not enough",
        (
            token("10 09:01", "t1", ["files.write"], "10 12:00"),
            use("10 09:06", "POST /v1/shares", server="files.example", status=201),
        ),
        ({"verdict": "violation", "detail": {"required": [["files.write", "people.read"], ["admin"]]}},),
    ),
    Example(
        "a token narrower than its grant is judged by its own scopes",
        (
            consent("10 09:00", ["mail.read", "mail.send"]),
            token("10 09:01", "t1", ["mail.read"], "10 12:00"),
            use("10 09:06", "POST /v1/messages", status=202),
        ),
        (
            {
                "verdict": "violation",
                "operation": "POST /v1/messages",
                "detail": {"held": ["mail.read"], "held_from": "token"},
            },
        ),
    ),
    Example(
        "a call for a person, though the call does not say for whom: the grant does",
        (
            consent("10 09:00", ["people.read"]),
            use("10 09:30", "GET /v1/people", None, subject_id=None, grant_id="g1"),
        ),
        ({"verdict": "violation", "operation": "GET /v1/people", "detail": {"held": ["people.read"]}},),
    ),
    Example(
        "without a token the grant is judged as it stood at the moment",
        (
            consent("10 09:00", ["mail.read"]),
            use("10 09:30", "POST /v1/messages", None, grant_id="g1"),
            consent("10 10:00", ["mail.send"]),
            use("10 10:30", "POST /v1/messages", None, grant_id="g1"),
        ),
        (
            {
                "verdict": "violation",
                "events": 1,
                "join_key": "grant",
                "detail": {"held": ["mail.read"], "held_from": "grant"},
            },
        ),
    ),
)

SILENT = (
    Example(
        "an operation that needs no scope",
        (token("10 09:01", "t1", [], "10 12:00"), use("10 09:06", "GET /v1/status", server="jobs.example")),
    ),
    Example(
        "a broader scope implies the narrower one",
        (token("10 09:01", "t1", ["mail.write"], "10 12:00"), use("10 09:06", "GET /v1/messages/7")),
    ),
    Example(
        "a refused call is no action",
        (token("10 09:01", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "DELETE /v1/messages/7", status=403)),
    ),
    Example(
        "a scope that was taken from the grant permitted it: that is REV-11, be it proven or not",
        (
            consent("10 09:00", ["mail.read", "mail.send"]),
            token("10 10:00", "t1", ["mail.read", "mail.send"], "10 13:00"),
            revoked("10 11:00", "grant", kind="downgrade", scopes_removed=["mail.read"]),
            use("10 11:00:02", "GET /v1/messages/7", None, grant_id="g1"),
            use("10 11:30", "GET /v1/messages/7"),
            use("10 11:30", "GET /v1/messages/7", None, grant_id="g1"),
        ),
    ),
    Example(
        "a key that was renewed with another scope",
        (
            token("10 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key"),
            token("10 10:00", "k1", ["mail.read", "mail.write"], kind="credential", token_kind="api_key"),
            use("10 11:00", "DELETE /v1/messages/7", "k1"),
        ),
    ),
    Example(
        "what is open to everyone needs no scope, whatever was held",
        (use("10 09:05", "GET /v1/status", None, "jobs.example", grant_id="g-unseen"),),
    ),
    Example(
        "a client that acts for itself, by grant and by pair",
        (
            consent("10 09:00", ["people.read"], subject_id="robot", subject_kind="service"),
            use("10 09:30", "GET /v1/people", None, subject_id="robot", grant_id="g1"),
            use("10 09:40", "GET /v1/people", None, subject_id="robot"),
        ),
    ),
    Example(
        "an agent that acts as itself needs what an application needs",
        (
            token("10 09:00", "t1", ["people.read"], "10 12:00", grant_id=None, subject_id=None, subject_kind="agent"),
            use("10 09:30", "GET /v1/people", "t1", subject_id=None),
        ),
    ),
    Example(
        "an agent with an account of its own needs what a person needs",
        (
            token("10 09:00", "t1", ["people.mine"], "10 12:00", grant_id=None, subject_id="bot", subject_kind="agent"),
            use("10 09:30", "GET /v1/people", "t1", subject_id="bot"),
        ),
    ),
    Example(
        "a grant that is older than the log holds what its token held, too",
        (
            token("10 09:00", "t0", ["mail.read"], "10 12:00"),
            consent("10 10:00", ["mail.send"]),
            use("10 10:30", "GET /v1/messages/7", None, grant_id="g1"),
        ),
    ),
    Example(
        "a call proven to come after the revocation belongs to REV-1",
        (
            token("10 09:01", "t1", ["mail.read"], "10 12:00"),
            revoked("10 09:10"),
            use("10 09:20", "DELETE /v1/messages/7", status=204),
        ),
    ),
    Example(
        "the pair of client and subject finds its one grant",
        (consent("10 09:00", ["mail.read"]), use("10 09:30", "GET /v1/messages/7", None)),
    ),
)
