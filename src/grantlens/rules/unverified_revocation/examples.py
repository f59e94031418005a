"""Small logs in which a revocation is tested, or is not: what REV-6 is run on."""

from grantlens.rule.example import IN_PART, Example, consent, logs_from_to, refreshed, revoked, token, use

_OF_TWO = (
    token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="one"),
    token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="two", grant_id="g2"),
)
"""Two tenants issued a token of one id."""
_LOGGED = tuple({**row, "tenant": tenant} for tenant in ("one", "two") for row in logs_from_to("10 09:00", "10 18:00"))

FIRES = (
    Example(
        "an access token was revoked by itself, and the log shows only some of what is issued: only a call would try it",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "token_id": "t1"},),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "what was tried is the token of another tenant, of the same id",
        (
            *_OF_TWO,
            revoked("10 12:00", tenant="one"),
            use("10 12:10", "GET /v1/messages/7", status=401, tenant="two"),
            *_LOGGED,
        ),
        ({"verdict": "violation", "tenant": "one", "token_id": "t1"},),
    ),
    Example(
        "tried too often, on a server that failed, and after its expiry: none of these answers tells",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:10", "GET /v1/messages/7", status=429),
            use("10 12:20", "GET /v1/messages/7", status=500),
            use("10 13:10", "GET /v1/messages/7", status=401),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "token_id": "t1"},),
    ),
    Example(
        "a refresh that failed for a fault of the server, and a refused consent, tell nothing of the refresh token",
        (
            token("10 11:00", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 12:30", "t9", "rt1", ["mail.read"], outcome="error"),
            consent("10 13:00", ["mail.send"], outcome="denied"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "token_id": "rt1"},),
    ),
    Example(
        "a token of a new consent tests no revocation of the consent before",
        (
            consent("10 09:01", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 12:30", ["mail.read"]),
            token("10 13:00", "t2", ["mail.read"], "10 14:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "grant_id": "g1"},),
    ),
    Example(
        "the grant is gone, and only another one gave a token since",
        (
            consent("10 09:01", ["mail.read"]),
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00", "grant"),
            consent("10 12:20", ["mail.read"], "g2"),
            token("10 12:30", "t2", ["mail.read"], "10 13:00", grant_id="g2"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "grant_id": "g1", "detail": {"tokens_alive": 1}},),
    ),
    Example(
        "what was refused before the revocation, or to another refresh token, is no test",
        (
            token("10 11:00", "rt1", ["mail.read"], token_kind="refresh"),
            token("10 11:00", "rt2", ["mail.read"], token_kind="refresh", grant_id="g2"),
            refreshed("10 11:30", None, "rt1", None, outcome="denied"),
            refreshed("10 11:40", "rt1", None, None, outcome="denied"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 12:30", None, "rt2", None, outcome="denied", grant_id="g2"),
            refreshed("10 12:40", "rt2", None, None, outcome="denied", grant_id="g2"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "token_id": "rt1"},),
    ),
    Example(
        "alive, revoked, never tried again",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "token_id": "t1",
                "resource_server": None,
                "detail": {"tokens_alive": 1, "uses_after": 0},
            },
        ),
    ),
    Example(
        "a child by exchange lives on and is listed",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            token("10 11:30", "t2", ["mail.read"], "10 13:30", kind="exchange", parent_token_id="t1"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "violation", "detail": {"exposed_children": 1}},),
    ),
)

_TWO_TENANTS = (
    token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="one"),
    token("10 11:00", "t2", ["mail.read"], "10 14:00", tenant="two"),
    revoked("10 12:00", "client"),
    *({**record, "tenant": tenant} for tenant in ("one", "two") for record in logs_from_to("10 09:00", "10 18:00")),
)
"""A client of two tenants is ended, and the log does not say in which."""
SILENT = (
    Example(
        "two tenants issued a token of one id, the revocation names neither, and both were tried",
        (
            *_OF_TWO,
            revoked("10 12:00"),
            use("10 12:10", "GET /v1/messages/7", status=401, tenant="one"),
            use("10 12:10", "GET /v1/messages/7", status=401, tenant="two"),
            *_LOGGED,
        ),
    ),
    Example(
        "a client of two tenants is ended, and in both that was tried",
        (
            *_TWO_TENANTS,
            use("10 12:01", "GET /v1/messages/7", tenant="one", status=401),
            use("10 12:02", "GET /v1/messages/7", "t2", status=401),
        ),
    ),
    Example(
        "the revoked refresh token was tried: it still worked, which REV-2 tells",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"], "10 14:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
    Example(
        "the revoked grant gave a new token without a new consent, which REV-2 tells",
        (
            consent("10 09:01", ["mail.read"]),
            revoked("10 12:00", "grant"),
            token("10 13:00", "t2", ["mail.read"], "10 14:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
    Example(
        "tried and refused",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:01", "GET /v1/messages/7", status=401),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
    Example(
        "tried at the authorisation server and refused",
        (
            token("10 11:00", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 12:30", "t9", "rt1", ["mail.read"], outcome="denied"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
    Example(
        "a refresh was refused that says only for which grant, or that names the token as the one that was asked for",
        (
            token("10 11:00", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 11:30", None, None, None, outcome="denied"),
            refreshed("10 12:30", None, None, None, outcome="denied"),
            token("10 11:00", "rt2", ["mail.read"], token_kind="refresh", grant_id="g2"),
            revoked("10 12:00", token_id="rt2", event_id="r2"),
            refreshed("10 11:30", "rt2", None, None, outcome="denied", grant_id=None),
            refreshed("10 12:30", "rt2", None, None, outcome="denied", grant_id=None),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
    Example(
        "a revocation from before the window",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        since="10 12:30",
    ),
    Example(
        "nothing it covers was alive",
        (
            token("10 09:00", "t1", ["mail.read"], "10 10:00"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "a grant was revoked, and the log shows only some of what was issued: that a refresh was refused may be missing",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00", "grant"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "the issuance log does not show all that time: that a token was refused, or given, may be missing"
                },
            },
        ),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "the revocation names a client, and not whose grant it ended",
        (
            consent("10 09:01", ["mail.read"]),
            revoked("10 12:00", "grant", grant_id=None, subject_id=None),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"reason": "the revocation does not say whose grant it ended"}},),
    ),
    Example(
        "two tenants issued a token of one id, the revocation names neither, and that of one of them was tried",
        (
            *_OF_TWO,
            revoked("10 12:00"),
            use("10 12:10", "GET /v1/messages/7", status=401, tenant="one"),
            *_LOGGED,
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "the revocation names no tenant, and of several that have a token of this id not each was tried"
                },
            },
        ),
    ),
    Example(
        "two tenants issued a token of one id, one of them revoked its own, and what was tried names neither",
        (
            *_OF_TWO,
            revoked("10 12:00", tenant="one"),
            use("10 12:10", "GET /v1/messages/7", status=401),
            *_LOGGED,
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "one",
                "detail": {"reason": "the calls name no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "a client of two tenants is ended, and it was tried in one: it may have been ended in the other",
        (*_TWO_TENANTS, use("10 12:01", "GET /v1/messages/7", tenant="one", status=401)),
        (
            {
                "verdict": "indeterminate",
                "title": "It is not known whether the revocation of app was put to the test",
                "detail": {
                    "tokens_alive": 2,
                    "reason": "the revocation names no tenant, and of several that have this client not each was tried",
                },
            },
        ),
    ),
    Example(
        "no issuance tells of the token: it may have expired before its revocation",
        (revoked("10 12:00"), *logs_from_to("10 09:00", "11 18:00")),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "no issuance of what was revoked is in the logs: it may have ended before"},
            },
        ),
    ),
    Example(
        "a call of the client, which does not say for whom, could have been a try",
        (
            token("10 09:01", "t1", ["mail.read"], "10 17:00"),
            revoked("10 12:00"),
            use("10 12:30", "GET /v1/messages/7", None, subject_id=None),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "indeterminate", "token_id": "t1"},),
    ),
    Example(
        "a call that names the grant of the token could have been a try",
        (
            token("10 09:01", "t1", ["mail.read"], "10 17:00"),
            revoked("10 12:00"),
            use("10 12:30", "GET /v1/messages/7", None, grant_id="g1"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "indeterminate", "token_id": "t1"},),
    ),
    Example(
        "a log that shows only some calls shows no try",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the usage log shows only some of the calls, so its silence proves nothing"},
            },
        ),
        declared=IN_PART,
    ),
    Example(
        "the usage log ends with the revocation",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            consent("10 23:00", ["mail.read"], "g9", client_id="bystander"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "no usage log covers the time after the revocation"},
            },
        ),
    ),
    Example(
        "calls with a token that was never seen issued could have been tries",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", "GET /v1/messages/7", "t-unseen"),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "calls of the same client and subject name a token of which no issuance is known"},
            },
        ),
    ),
    Example(
        "calls that name neither token nor grant could have been tries",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:10", "GET /v1/messages/7", None),
            *logs_from_to("10 09:00", "10 18:00"),
        ),
        ({"verdict": "indeterminate"},),
    ),
)
