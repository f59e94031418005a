"""Small logs that do not tell whether a token was issued after the end of its access: what REV-2 leaves undecided."""

from grantlens.rule.example import Example, consent, moment, refreshed, revoked, token, use
from grantlens.rules.issuance_after_revocation.examples import OF_TWO_TENANTS

UNDECIDABLE = (
    Example(
        "the issuance log shows only some of what was given: a consent may have come before the new token",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00", "grant"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t2",
                "detail": {"reason": "the issuance log does not show all that time: a consent may be missing"},
            },
        ),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "a person who was disabled may have been enabled again, and the refresh token with him: what was issued first is told",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", "subject", kind="disable"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            refreshed("10 14:00", "t3", "rt1", ["mail.read"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "token_id": "t2",
                "title": "app got a token after its person was disabled",
                "detail": {"reason": "whether it had been enabled again no log tells"},
            },
        ),
    ),
    Example(
        "a person who was disabled gets a token, and is enabled again only later",
        (
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00", "subject", kind="disable"),
            token("10 13:00", "t2", ["mail.read"]),
            revoked("10 14:00", "subject", kind="enable", event_id="r2"),
            token("10 15:00", "t3", ["mail.read"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t2",
                "detail": {"reason": "the log tells only later that it was enabled again"},
            },
        ),
    ),
    Example(
        "a person is disabled, and a call is made with a token of which only calls tell, and that it was issued later",
        (
            revoked("10 12:00", "subject", kind="disable"),
            use("10 12:40", "GET /v1/messages/7", "t9", token_issued_at=moment("10 12:30")),
            use("10 12:50", "GET /v1/messages/7", "t9", token_issued_at=moment("10 12:30")),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t9",
                "title": "app got a token after its person was disabled",
                "detail": {"issued_after_s": 1800.0},
            },
        ),
    ),
    Example(
        "a client that was disabled gets a token of its own",
        (
            token("10 09:01", "t1", ["mail.read"], subject_id=None),
            revoked("10 12:00", "client", kind="disable"),
            token("10 12:00:03", "t2", ["mail.read"], subject_id=None),
            token("10 13:00", "t3", ["mail.read"], subject_id=None),
        ),
        ({"verdict": "indeterminate", "token_id": "t3", "title": "app got a token after it was disabled"},),
    ),
    Example(
        "a refresh in flight at the moment of revocation",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00:00.5", "grant"),
            refreshed("10 12:00:03.5", "t2", "rt1", ["mail.read"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t2",
                "title": "app got a new token so near the revocation that either may have come first",
                "detail": {"reason": "the issuance and the revocation are closer than the clocks can tell"},
            },
        ),
    ),
    Example(
        "a consent logged a second before the revocation, or after the token: the clocks cannot tell whether it came in between",
        (
            consent("10 09:00", ["mail.read"]),
            consent("10 11:59:59.5", ["mail.read"]),
            revoked("10 12:00", "grant"),
            token("10 13:00", "t2", ["mail.read"]),
            consent("11 09:00", ["mail.read"], "g2"),
            revoked("11 12:00", "grant", grant_id="g2", event_id="r2"),
            token("11 13:00", "t3", ["mail.read"], grant_id="g2"),
            consent("11 13:00:01.5", ["mail.read"], "g2"),
        ),
        tuple(
            {
                "verdict": "indeterminate",
                "token_id": name,
                "title": "app got a new token after the revocation, and may have got a new consent before it",
                "detail": {"reason": "a consent lies so near that the clocks cannot tell whether it came in between"},
            }
            for name in ("t2", "t3")
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, and the new token names no tenant",
        (
            *OF_TWO_TENANTS,
            revoked("10 12:00", token_id="rt1", tenant="north"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t2",
                "title": "app got a new token after a revocation that may have been of other access",
                "detail": {"reason": "the new token names no tenant, and several have a token of the parent's id"},
            },
        ),
    ),
    Example(
        "two tenants have a refresh token of one id, and the revocation names no tenant",
        (
            *OF_TWO_TENANTS,
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"], tenant="south", grant_id="g2", client_id="other"),
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "south",
                "detail": {"reason": "the revocation names no tenant, and several have a token of the parent's id"},
            },
        ),
    ),
)
