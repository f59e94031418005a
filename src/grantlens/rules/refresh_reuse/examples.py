"""Small logs in which a refresh token or code comes again, or does not: what REV-7 is run on."""

from grantlens.rule.example import BYSTANDER, Example, logs_from_to, moment, refreshed, revoked, token, use

REFUSED = refreshed("10 11:30", None, None, None, outcome="denied", token_kind=None, denial_reason="reuse")

_OF_TWO_TENANTS = (
    token("10 09:00", "r1", ["mail.read"], token_kind="refresh", tenant="north"),
    token("10 09:01", "r1", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2", client_id="other"),
)
_REPLACED = refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh", tenant="north")
_GOES_ON = refreshed("10 11:00", "r3", "r2", ["mail.read"], token_kind="refresh", tenant="north")

FIRES = (
    Example(
        "two tenants have a refresh token of one id, and the one that was replaced comes again",
        (*_OF_TWO_TENANTS, _REPLACED, _GOES_ON, refreshed("10 11:30", "r4", "r1", ["mail.read"], tenant="north")),
        ({"verdict": "violation", "tenant": "north", "token_id": "r1", "client_id": "app", "events": 2},),
    ),
    Example(
        "a revocation of its successor follows at once, and names neither of the two tenants that have a token of that id",
        (
            *_OF_TWO_TENANTS,
            _REPLACED,
            token("10 10:30", "r2", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2"),
            _GOES_ON,
            refreshed("10 11:30", "r4", "r1", ["mail.read"], tenant="north"),
            revoked("10 11:30:20", token_id="r2"),
        ),
        ({"verdict": "violation", "severity": "high", "tenant": "north", "detail": {"family_ended": None}},),
    ),
    Example(
        "the successor was used, then the old token comes from elsewhere, and the server takes it",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
            refreshed("10 10:00", "a2", "r1", ["mail.read"], ip="192.0.2.1"),
            refreshed("10 11:00", "r3", "r2", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
            refreshed("10 11:30", "r4", "r1", ["mail.read"], token_kind="refresh", ip="203.0.113.9"),
            *logs_from_to("01 08:00", "20 08:00"),
            revoked("02 08:00", token_id="old", event_id="r0", client_id=BYSTANDER, subject_id=None),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "app used a refresh token again after it had been replaced, and got tokens for it",
                "token_id": "r1",
                "grant_id": "g1",
                "events": 2,
                "detail": {
                    "times": 1,
                    "accepted": 1,
                    "again_after_s": 5400.0,
                    "address_before": "192.0.2.1",
                    "addresses": ["203.0.113.9"],
                    "family_ended": False,
                    "reason": None,
                },
            },
        ),
    ),
    Example(
        "the server refuses it and ends the grant at once; the access token shows that the answer had arrived",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "a2", "r1", ["mail.read"]),
            use("10 10:05", "GET /v1/messages/7", "a2"),
            refreshed("10 11:30", None, "r1", None, outcome="denied", token_kind=None, ip="203.0.113.9"),
            revoked("10 11:30:02", "grant", initiator="system"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "title": "app used a refresh token again after it had been replaced, and was refused",
                "detail": {
                    "accepted": 0,
                    "family_ended": True,
                    "address_before": None,
                    "addresses": ["203.0.113.9"],
                },
            },
        ),
    ),
    Example(
        "the server refuses it, and the log of revocations, in whole seconds, has the end of the grant before it",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "a2", "r1", ["mail.read"]),
            use("10 10:05", "GET /v1/messages/7", "a2"),
            refreshed("10 11:30:00.6", None, "r1", None, outcome="denied", token_kind=None),
            revoked("10 11:30:00", "grant", initiator="system"),
        ),
        ({"verdict": "violation", "severity": "medium", "events": 2, "detail": {"family_ended": True}},),
    ),
    Example(
        "the server says itself that a refresh token came again, and the log shows neither the token nor its rotation",
        (REFUSED, {**REFUSED, "issued_at": moment("10 11:31"), "ip": "203.0.113.9"}),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app used a refresh token again after it had been replaced, and was refused for that",
                "token_id": None,
                "grant_id": "g1",
                "events": 2,
                "detail": {
                    "replaced_at": None,
                    "times": 2,
                    "accepted": 0,
                    "said_by_server": 2,
                    "again_after_s": None,
                    "addresses": ["203.0.113.9"],
                    "family_ended": None,
                },
            },
        ),
    ),
    Example(
        "the server says itself that a refresh token came again, and goes on with the one that took its place",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh", tenant="north"),
            _REPLACED,
            {**REFUSED, "parent_token_id": "r1", "tenant": "north"},
            refreshed("10 12:00", "r3", "r2", ["mail.read"], token_kind="refresh", tenant="north"),
        ),
        ({"severity": "critical", "token_id": "r1", "events": 2, "detail": {"family_ended": False}},),
    ),
    Example(
        "the server says itself that a code came again",
        (
            token("10 11:29", "a1", ["mail.read"], parent_token_id="c1"),
            {**REFUSED, "kind": "token", "parent_token_id": "c1"},
        ),
        (
            {
                "verdict": "violation",
                "title": "app used a code again after it had been redeemed, and was refused for that",
                "token_id": "c1",
                "detail": {"said_by_server": 1},
            },
        ),
    ),
    Example(
        "a code is redeemed twice, and what was given for it lives on",
        (
            token("10 09:00", "c1", None, "10 09:10", token_kind="code"),
            token("10 09:01", "a1", ["mail.read"], "10 12:00", parent_token_id="c1"),
            token("10 09:01", "r1", ["mail.read"], token_kind="refresh", parent_token_id="c1"),
            token("10 09:04", "a2", ["mail.read"], "10 12:00", parent_token_id="c1", ip="203.0.113.9"),
            revoked("09 09:00", "grant", grant_id="g-other", client_id="other", event_id="r0"),
            revoked("11 09:00", "grant", grant_id="g-other", client_id="other", event_id="r2"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "app used a code again after it had been redeemed, and got tokens for it",
                "token_id": "c1",
                "events": 2,
                "detail": {"accepted": 1, "again_after_s": 180.0, "addresses": ["203.0.113.9"], "family_ended": False},
            },
        ),
    ),
    Example(
        "what was given for a code was used before the code came again, within seconds",
        (
            token("10 09:01", "a1", ["mail.read"], "10 12:00", parent_token_id="c1", grant_type="authorization_code"),
            use("10 09:01:12", "GET /v1/messages/7", "a1"),
            token(
                "10 09:01:40", "a2", ["mail.read"], "10 12:00", parent_token_id="c1", grant_type="authorization_code"
            ),
        ),
        ({"verdict": "violation", "severity": "high", "token_id": "c1", "detail": {"again_after_s": 40.0}},),
    ),
    Example(
        "a code is redeemed twice, and the log does not name what was given for it",
        tuple(
            token(when, None, ["mail.read"], parent_token_id="c1", grant_type="authorization_code")
            for when in ("10 09:01", "10 09:04")
        ),
        ({"verdict": "violation", "token_id": "c1", "events": 2},),
    ),
)

SILENT = (
    Example(
        "what is given for a code stands in two records, a moment apart",
        (
            token("10 09:01", "a1", ["mail.read"], "10 12:00", parent_token_id="c1", grant_type="authorization_code"),
            token(
                "10 09:01:00.3",
                "r1",
                ["mail.read"],
                token_kind="refresh",
                parent_token_id="c1",
                grant_type="authorization_code",
            ),
            refreshed("10 11:00", "a2", "r1", ["mail.read"], "10 14:00"),
        ),
    ),
    Example(
        "two tokens came of one access token: only a code is good for once",
        (
            token("10 09:00", "c1", None, token_kind="code"),
            token("10 09:00", "t1", ["mail.read"], "10 12:00"),
            token("10 10:00", "a1", ["mail.read"], "10 12:00", parent_token_id="t1"),
            token("10 11:00", "a2", ["mail.read"], "10 12:00", parent_token_id="t1"),
        ),
    ),
    Example(
        "a code is redeemed once, and refused after that for its age",
        (
            token("10 09:01", "a1", ["mail.read"], "10 12:00", parent_token_id="c1", grant_type="authorization_code"),
            token(
                "10 10:01",
                None,
                None,
                parent_token_id="c1",
                grant_type="authorization_code",
                outcome="denied",
                denial_reason="expired",
            ),
        ),
    ),
    Example(
        "refused because it had expired",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            {**REFUSED, "parent_token_id": "r1", "denial_reason": "expired"},
        ),
    ),
    Example(
        "the answer was lost, and the client asks again at once",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00:30", "r3", "r1", ["mail.read"], token_kind="refresh"),
        ),
    ),
    Example(
        "a refresh token that is not replaced may be used over and over",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "a1", "r1", ["mail.read"]),
            refreshed("10 10:00", "r1", "r1", ["mail.read"], token_kind="refresh"),
            use("10 10:05", "GET /v1/messages/7", "a1"),
            refreshed("10 11:00", "a2", "r1", ["mail.read"]),
        ),
    ),
    Example(
        "refused after the grant was revoked",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 11:00", "r3", "r2", ["mail.read"], token_kind="refresh"),
            revoked("10 11:10", "grant"),
            refreshed("10 11:30", None, "r1", None, outcome="denied", token_kind=None),
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, and the other one comes",
        (
            *_OF_TWO_TENANTS,
            _REPLACED,
            _GOES_ON,
            refreshed("10 11:30", "r4", "r1", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2"),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "the server says that it came again, so soon that the answer may have been lost",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 11:29:30", "r2", "r1", ["mail.read"], token_kind="refresh"),
            {**REFUSED, "parent_token_id": "r1"},
        ),
        (
            {
                "verdict": "indeterminate",
                "title": "app may have used a refresh token after it had been replaced, and was refused for that",
                "events": 2,
                "detail": {"said_by_server": 1, "again_after_s": 30.0},
            },
        ),
    ),
    Example(
        "nothing that was given for it was used: the answer may have been lost",
        (
            token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 11:00", "r3", "r1", ["mail.read"], token_kind="refresh"),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "title": "app may have used a refresh token after it had been replaced, and got tokens for it",
                "detail": {
                    "reason": "nothing that was given for it was seen used before: the answer may have been lost"
                },
            },
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, one was replaced, and what comes then names no tenant",
        (*_OF_TWO_TENANTS, _REPLACED, _GOES_ON, refreshed("10 11:30", "r4", "r1", ["mail.read"])),
        (
            {
                "verdict": "indeterminate",
                "token_id": "r1",
                "events": 2,
                "detail": {"reason": "a refresh names no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "two tenants have tokens of the ids that were given for it, and what used these names no tenant",
        (
            *_OF_TWO_TENANTS,
            _REPLACED,
            refreshed("10 10:00", "a1", "r1", ["mail.read"], tenant="north"),
            token("10 10:20", "a1", ["mail.read"], tenant="south", grant_id="g2"),
            token("10 10:20", "r2", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2"),
            use("10 10:30", "GET /v1/messages/7", "a1"),
            refreshed("10 11:00", "a3", "r2", ["mail.read"]),
            refreshed("10 11:30", "r4", "r1", ["mail.read"], tenant="north"),
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "north",
                "detail": {
                    "reason": "nothing that was given for it was seen used before: the answer may have been lost"
                },
            },
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, one of them was replaced, and the log does not say which",
        (
            *_OF_TWO_TENANTS,
            refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
            refreshed("10 11:30", "r4", "r1", ["mail.read"], tenant="south"),
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "south",
                "detail": {"reason": "a refresh names no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, one of them was revoked, and the log does not say which",
        (
            *_OF_TWO_TENANTS,
            _REPLACED,
            token("10 10:30", "r2", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2"),
            _GOES_ON,
            revoked("10 11:10", token_id="r2"),
            refreshed("10 11:30", None, "r1", None, outcome="denied", token_kind=None, tenant="north"),
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "north",
                "detail": {
                    "family_ended": None,
                    "reason": "a revocation names no tenant, and may have ended this token before it came again, or another tenant's",
                },
            },
        ),
    ),
)
