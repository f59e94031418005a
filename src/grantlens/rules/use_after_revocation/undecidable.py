"""Small logs that do not tell whether access was used after its revocation: what REV-1 leaves undecided."""

from grantlens.rule.example import Example, consent, moment, refreshed, revoked, token, use
from grantlens.rules.use_after_revocation.examples import OF_TWO, READ

_SOME_ISSUED, _SOME_ENDED = {"carries": ("usage", "revocation")}, {"carries": ("issuance", "usage")}

UNDECIDABLE = (
    Example(
        "a person is disabled, and the log shows only some of what was ended or is back: he may have been enabled again",
        (
            token("10 11:00", "t1", ["mail.read"], "10 18:00"),
            revoked("10 12:00", "subject", kind="disable"),
            use("10 12:10", READ),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "title": "Access of app may have been used after its revocation",
                "detail": {
                    "uses_after": 1,
                    "reason": "the revocation log does not show all that time: that it was enabled again may be missing",
                },
            },
        ),
        declared=_SOME_ENDED,
    ),
    Example(
        "a key is switched off, and the log shows only some of what was issued: it may have been switched on again",
        (
            token("10 09:00", "t1", None, kind="credential", token_kind="api_key"),
            revoked("10 12:00", kind="disable"),
            use("10 12:30", READ),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "detail": {
                    "reason": "the issuance log does not show all that time: that the key was switched on again may be missing"
                },
            },
        ),
        declared=_SOME_ISSUED,
    ),
    Example(
        "a grant and a session end, and calls name these and no token; of what was given only some is in the log",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None, grant_id="g1"),
            revoked("10 12:00", "session", session_id="s2", client_id=None, subject_id=None, event_id="r2"),
            use("10 12:20", READ, None, session_id="s2"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "the issuance log does not show all that time: a consent may be missing"},
            },
            {
                "verdict": "indeterminate",
                "join_key": "session",
                "detail": {
                    "reason": "the issuance log does not show all that time: that the session was opened again may be missing"
                },
            },
        ),
        declared=_SOME_ISSUED,
    ),
    Example(
        "a grant was revoked, and its calls are with a token that was issued after that, as they say: no log tells why",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, "t9", grant_id="g1", token_issued_at=moment("10 12:05")),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "the calls say that their token was issued after the revocation"},
            },
        ),
    ),
    Example(
        "the same, of a token that was issued seconds before the revocation by its stamp: it may have been after it",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, "t9", grant_id="g1", token_issued_at=moment("10 11:59:55")),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "the issuance of the token and the revocation are closer than the clocks can tell"
                },
            },
        ),
    ),
    Example(
        "a refresh token is revoked, and access works on that came of one from before the log, which may have been rotated into it",
        (
            refreshed("10 09:00", "rt1", None, ["mail.read"], token_kind="refresh"),
            refreshed("10 11:00", "t1", "rt0", ["mail.read"], "10 18:00"),
            revoked("10 12:00", token_id="rt1"),
            use("10 12:10", READ),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "detail": {
                    "reason": "the revocation is of a refresh token, and whether this access came of it or of another the logs do not tell"
                },
            },
        ),
    ),
    Example(
        "the client was ended in one tenant, and no record says in which its token was issued or used",
        (
            token("10 09:00", "t1", ["mail.read"], None),
            revoked("10 12:00", "client", tenant="one"),
            use("10 12:10", READ),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "detail": {
                    "reason": "the revocation is of one tenant, and in which this access was the logs do not tell"
                },
            },
        ),
    ),
    Example(
        "two tenants issued a token of one id, and the revocation of one of them names no tenant",
        (
            *OF_TWO,
            revoked("10 12:00"),
            use("10 12:10", READ, tenant="one"),
            use("10 12:20", READ, tenant="two", client_id="other"),
        ),
        tuple(
            {
                "verdict": "indeterminate",
                "tenant": tenant,
                "title": f"Access of {client} may have been used after its revocation",
                "grant_id": None,
                "events": 2,
                "detail": {"reason": "the revocation names no tenant, and several have a token of this id"},
            }
            for tenant, client in (("one", "app"), ("two", "other"))
        ),
    ),
    Example(
        "two tenants issued a token of one id, one of them revoked its own, and a call names no tenant",
        (*OF_TWO, revoked("10 12:00", tenant="one"), use("10 12:10", READ)),
        (
            {
                "verdict": "indeterminate",
                "tenant": None,
                "grant_id": "g1",
                "detail": {"reason": "the calls name no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "a revocation that names no tenant, and calls with a token of that id in another tenant than the one that is known to have issued it",
        (OF_TWO[0], revoked("10 12:00"), use("10 12:10", READ, tenant="two")),
        (
            {
                "verdict": "indeterminate",
                "tenant": "two",
                "detail": {"reason": "the revocation names no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "calls that name neither token nor grant, after the end of the only grant of their client and subject",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 11:30", READ, None),
            use("10 12:10", READ, None),
            use("10 12:20", READ, None),
        ),
        (
            {
                "verdict": "indeterminate",
                "title": "Access of app may have been used after its revocation",
                "token_id": None,
                "grant_id": "g1",
                "first_seen": "2026-07-10T12:10:00Z",
                "last_seen": "2026-07-10T12:20:00Z",
                "events": 3,
                "join_key": "client_subject",
                "detail": {"last_success_s": 1200.0, "uses_after": 2},
            },
        ),
    ),
    Example(
        "the same of a client for itself, of which the log does not say what was called",
        (
            consent("10 11:00", ["mail.read"], subject_id=None),
            revoked("10 12:00", "grant", subject_id=None),
            use("10 12:10", READ, None, None, subject_id=None),
        ),
        ({"verdict": "indeterminate", "grant_id": "g1", "subject_id": None, "resource_server": None},),
    ),
    Example(
        "the same, before the window and within it",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None),
            use("12 09:00", READ, None),
        ),
        ({"verdict": "indeterminate", "grant_id": "g1", "detail": {"uses_after": 2}},),
        since="12 00:00",
    ),
    Example(
        "in the same second",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:00", READ),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "critical",
                "title": "Access of app may have been used at the moment of its revocation",
                "detail": {"uses_after": 0, "last_success_s": 0.0, "lag_lower_s": 0.0},
            },
        ),
    ),
    Example(
        "closer than two clocks can tell",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00:00.5"),
            use("10 12:00:09.5", READ),
        ),
        ({"verdict": "indeterminate", "detail": {"uses_after": 0, "last_success_s": 9.0}},),
    ),
    Example(
        "a server of which nothing is known",
        (
            token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:10", "POST /v1/jobs", server="jobs.example"),
        ),
        ({"verdict": "indeterminate", "severity": "high", "detail": {"uses_after": 1, "allowed_s": None}},),
    ),
    Example(
        "the log says 'cached', nobody says how long",
        (
            token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:10", "POST /v1/jobs", server="jobs.example", validation="cached"),
        ),
        ({"verdict": "indeterminate", "severity": "high"},),
    ),
)
